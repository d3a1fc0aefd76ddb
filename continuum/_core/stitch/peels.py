"""What a reply may put before the text: talk, a rule, a code fence, an ellipsis, a quotation of the last words.

Each rule proposes places in the head of the reply where the text itself may begin, with a price in bits. Nothing is
decided here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from continuum._core.stitch.apart import known_lines, lines_apart, strange
from continuum._core.stitch.code import elided, fence
from continuum._core.stitch.lazy import lazy
from continuum._core.stitch.opener import csv_head, heading, json_brackets, list_marker, table_head
from continuum._core.stitch.peel import Peel
from continuum._core.stitch.prior import PRIOR
from continuum._core.stitch.spacing import ends_line
from continuum._core.stitch.spoken import quotation, quoting, shown_again, talk
from continuum._core.stitch.traces import traces

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Sequence

_MAX_PEELS = 24
_LINES = 4000
"""Characters of the text whose lines may begin with dots."""
_BYTE_ORDER_MARK = "\ufeff"
_INVISIBLE = _BYTE_ORDER_MARK + "\u200b\u2060"
_NO_BLANKS, _LAST = lazy(r"[\u0e00-\u109f\u1780-\u17ff]"), 40
"""Letters of Thai, Lao, Tibetan, Burmese and Khmer, and where they are looked for."""
_DOTS = lazy(r"\n*(?:\.\.\.(?!\.)|…{1,2}|\[(?:\.\.\.|…)\]|\((?:\.\.\.|…)\))")


def dots(left: str, head: str, peel: Peel) -> list[Peel]:
    """A leading ellipsis, with or without the white space after it."""
    match = _DOTS.match(head, peel.start)
    if match is None or _may_have_dots(left, head, match):
        return []
    end = match.end()
    blank = end + len(head[end:]) - len(head[end:].lstrip())
    found = [peel.then(end, PRIOR.ellipsis, "ellipsis")._replace(foreign=end)]
    if blank > end:
        found.append(peel.then(blank, PRIOR.ellipsis + 2.5, "ellipsis")._replace(foreign=blank))
    return found


def _may_have_dots(left: str, head: str, match: re.Match[str]) -> bool:
    """Whether the dots may well be of the text: other lines of it, or of the reply, begin so as this one does."""
    if left[left.rfind("\n") + 1 :].strip():
        return False
    known = f"{left[-_LINES:]}{head[match.end() :]}"
    return known.count(f"\n{left[left.rfind(chr(10)) + 1 :]}{match.group().strip()}") > 0


def blank(left: str, head: str, peel: Peel) -> Peel | None:
    """White space at the start that was not in the text. An indent behind a line break is."""
    if left[-1:].isspace() and head[peel.start : peel.start + 1] != "\n":
        return None
    near = head[peel.start : peel.start + 10]
    size = len(near) - len(near.lstrip())
    if not 0 < size <= 8:
        return None
    if not peel.start and "\n" in near[:size] and ends_line(left, head[size:]):
        return None
    end = peel.start + size
    return peel.then(end, PRIOR.extra_loose if peel.loose else PRIOR.extra, "white space")


def invisible(left: str, head: str) -> list[Peel]:
    """Marks that nobody sees at the very start, which the text has nowhere: a byte order mark, a blank of no width.

    Scripts without blanks, and long words, have such blanks between their parts.
    """
    end = len(head) - len(head.lstrip(_INVISIBLE))
    if not end or left.endswith("\n") or any(mark in left or mark in head[end:] for mark in head[:end]):
        return []
    if head[:end].strip(_BYTE_ORDER_MARK) and _NO_BLANKS.search(left[-_LAST:]) is not None:
        return []
    return [Peel(end, PRIOR.invisible, "an invisible mark", foreign=end)]


def peels(left: str, head: str, open_fence: str | None, final: bool) -> list[Peel]:
    """All readings of the head, the plain one first."""
    found = [Peel(), *talk(left, head, final), *quoting(left, head, final), *shown_again(left, head, final)]
    found += [*traces(left, head, open_fence, final), *strange(left, head, open_fence, final)]
    found += [*known_lines(left, head), *invisible(left, head)]
    dearest = {peel.start: peel.bits for peel in found}  # to read what ends at one place twice costs time
    found += [peel for peel in lines_apart(left, head) if peel.bits < dearest.get(peel.start, peel.bits + 1.0)]

    def apply(rule: Callable[[Peel], Sequence[Peel | None]]) -> None:
        for peel in list(found):
            if not (peel.open or peel.whole) and len(found) < _MAX_PEELS:
                found.extend(new for new in rule(peel) if new is not None)

    apply(lambda p: [fence(left, head, p, open_fence, final)])
    apply(lambda p: elided(left, head, p, open_fence, final))
    apply(lambda p: dots(left, head, p))
    apply(lambda p: quotation(left, head, p, final))
    apply(lambda p: [rule(left, head, p) for rule in (table_head, csv_head, list_marker, heading)])
    apply(lambda p: json_brackets(left, head, p))
    apply(lambda p: [blank(left, head, p)])
    unique: dict[int, Peel] = {}
    for peel in found:
        known = unique.get(peel.start)
        if known is None or peel.bits < known.bits or peel.open:
            unique[peel.start] = peel
    return list(unique.values())
