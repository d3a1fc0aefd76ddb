"""Scoring: exact recovery, characters deleted and left over, what was flagged, and the time it took."""

from __future__ import annotations

import difflib
import time
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING

from continuum._core.stitch import Joiner

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.stitch.cases import Case


@dataclass
class Outcome:
    """What a stitcher made of a case."""

    text: str
    ambiguous: bool = False
    gap: bool = False
    held: int = 0


@dataclass
class Row:
    """Sums over cases."""

    cases: int = 0
    right: int = 0
    unflagged: int = 0
    ambiguous: int = 0
    deleted: int = 0
    doubled: int = 0
    times: list[float] = field(default_factory=list)

    def add(self, other: Row) -> None:
        """Add the sums of another row."""
        for name in ("cases", "right", "unflagged", "ambiguous", "deleted", "doubled"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.times += other.times


def continuum_join(chunks: Sequence[str], anchors: Sequence[str]) -> Outcome:
    """Joins with continuum, as a stream would."""
    outcome = Outcome(chunks[0])
    for i, chunk in enumerate(chunks[1:]):
        joiner = Joiner(outcome.text, anchor=anchors[i] if i < len(anchors) else None)
        new = joiner.feed(chunk) + joiner.finish()
        assert joiner.join is not None
        outcome.text = outcome.text[: len(outcome.text) - joiner.join.replaced] + new
        outcome.ambiguous |= joiner.join.ambiguous
        outcome.gap |= joiner.join.kind == "gap"
        outcome.held = max(outcome.held, joiner.decided_at)
    return outcome


def peer_join(join: Callable[[str, str], str]) -> Callable[[Sequence[str], Sequence[str]], Outcome]:
    """A peer's join of two texts, for all chunks in turn."""

    def run(chunks: Sequence[str], anchors: Sequence[str]) -> Outcome:
        text = chunks[0]
        for chunk in chunks[1:]:
            text = join(text, chunk)
        return Outcome(text)

    return run


def run(stitcher: Callable[[Sequence[str], Sequence[str]], Outcome], cases: Sequence[Case]) -> dict[str, Row]:
    """Score a stitcher; one row for each behaviour."""
    rows: dict[str, Row] = {}
    for case in cases:
        row = rows.setdefault(case.behaviour, Row())
        start = time.process_time()
        outcome = stitcher(case.chunks, case.anchors)
        row.times.append((time.process_time() - start) * 1000 / max(1, len(case.chunks) - 1))
        right = outcome.gap if case.expect == "gap" else outcome.text == case.gold
        row.cases += 1
        row.right += right
        row.ambiguous += outcome.ambiguous
        row.unflagged += not (right or outcome.ambiguous or outcome.gap)
        if case.expect != "gap" and not right:
            missing, extra = difference(case.gold, outcome.text)
            row.deleted += missing
            row.doubled += extra
    return rows


def difference(gold: str, text: str) -> tuple[int, int]:
    """(characters of gold that are missing, characters too many), by lines where the two differ much."""
    start = _common(gold, text)
    a, b = gold[start:], text[start:]
    end = _common(a[::-1], b[::-1])
    a, b = a[: len(a) - end], b[: len(b) - end]
    if not a or not b or len(a) + len(b) < 80:
        return len(a), len(b)
    lines, others = a.splitlines(keepends=True), b.splitlines(keepends=True)
    missing = extra = 0
    for tag, i, j, k, m in difflib.SequenceMatcher(None, lines, others, autojunk=False).get_opcodes():
        if tag != "equal":
            x, y = "".join(lines[i:j]), "".join(others[k:m])
            same = _common(x, y)
            tail = _common(x[same:][::-1], y[same:][::-1])
            missing += len(x) - same - tail
            extra += len(y) - same - tail
    return missing, extra


def _common(a: str, b: str) -> int:
    """Length of the common prefix."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))
