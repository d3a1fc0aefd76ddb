"""Tells a model that repeats itself for ever from text that repeats something for a while."""

from __future__ import annotations

import re
from typing import NamedTuple

WINDOW = 3000
"""Characters of the end of a text that are looked at."""

_PROBE = 48


class Run(NamedTuple):
    """The end of a text that only repeats one passage."""

    length: int
    """Characters, the first occurrence of the passage included."""
    period: int
    """Characters of the passage."""


_COUNTER = re.compile(r"^([ \t]*)\d+(?=[.)])", re.MULTILINE)


def uncounted(text: str) -> str:
    """The text without the numbers of its list items: a list that says one thing for ever counts on all the same."""
    return _COUNTER.sub(r"\1", text)


def periodic_run(tail: str) -> Run | None:
    """Measure how much of the end of `tail` repeats one passage, word for word.

    The last 48 characters are looked for where they stood before; the distance is the period, and the run reaches
    back as far as each character equals the one a period before it. All steps run at the speed of `str.rfind` and
    string comparison.

    Returns:
        None if the last 48 characters stand nowhere else in `tail`.
    """
    size = len(tail)
    if size <= _PROBE:
        return None
    before = tail.rfind(tail[-_PROBE:], 0, size - 1)
    if before < 0:
        return None
    period = size - _PROBE - before
    low, high = _PROBE, size - period  # characters known to agree, and the most that could
    while low < high:
        middle = (low + high + 1) // 2
        if tail[size - middle :] == tail[size - middle - period : size - period]:
            low = middle
        else:
            high = middle - 1
    return Run(low + period, period)


def is_loop(run: Run | None, limit: int) -> bool:
    """Whether a run is long enough to count as a loop: `limit` characters and four times the passage."""
    return run is not None and run.length >= limit and run.length >= 4 * run.period
