"""Structure that a reply opens again before it goes on: table head, list marker, heading, JSON brackets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from continuum._core.stitch.lazy import lazy
from continuum._core.stitch.prior import PRIOR

if TYPE_CHECKING:
    from continuum._core.stitch.peel import Peel

_TABLE_HEAD = lazy(r"[ \t]*\|[^\n]*\n[ \t]*\|[ \t:|-]+\|?[ \t]*\n")
_MARKER = lazy(r"([ \t]*)((?:[-*+•]|\d{1,4}[.)])[ \t]+(?:\[[ xX]\] )?)")
_HEADING = lazy(r"[ \t]{0,3}#{1,6} [^\n]*\n\s*")
_ARRAY = lazy(r"\[(\s*)(?=\{)")
_JSON_HEAD = lazy(r"[\[{](\s*)")
_JSON_REACH = 400


def table_head(left: str, head: str, peel: Peel) -> Peel | None:
    """The header and separator of the table that is open."""
    match = _TABLE_HEAD.match(head, peel.start)
    if match is None:
        return None
    at = left.rfind(match.group().strip())
    # The table is still open: every line since its head is a row.
    if at < 0 or any(not line.lstrip().startswith("|") for line in left[at:].split("\n")[2:-1]):
        return None
    return peel.then(match.end(), PRIOR.table, "table head")._replace(headed=True)


def list_marker(left: str, head: str, peel: Peel) -> Peel | None:
    """The marker of the list item that is open, with or without its indent."""
    start = left.rfind("\n") + 1
    line = left[start : start + 100]
    own = _MARKER.match(line)
    if own is None or len(line) < own.end() + 2:
        return None
    for mark in (own.group(), own.group(2)):
        if head.startswith(mark, peel.start):
            numbered = mark.strip()[:1].isdigit()
            new = peel.then(peel.start + len(mark), PRIOR.number_marker if numbered else PRIOR.marker, "list marker")
            return new._replace(loose=True, marked=True)
    return None


def heading(left: str, head: str, peel: Peel) -> Peel | None:
    """The heading of the section that is open, without the text that follows it there."""
    match = _HEADING.match(head, peel.start)
    if match is None:
        return None
    line = match.group().strip()
    at = left.rfind(line)
    if at < 0 or "\n#" in left[at + 1 :]:
        return None
    return peel.then(match.end(), PRIOR.heading, "heading").loosened()


def json_brackets(left: str, head: str, peel: Peel) -> list[Peel]:
    """Brackets that lead to where a JSON text broke off: the array again, or the document down to the array."""
    if left.lstrip()[:1] not in ("[", "{"):
        return []
    found: list[Peel] = []
    match = _ARRAY.match(head, peel.start)
    if match is not None:
        bits = PRIOR.bracket + (left.lstrip()[0] != "[")
        if left.rstrip()[-1:] == ":":
            bits += PRIOR.bracket_colon
        found.append(peel.then(peel.start + 1, bits, "JSON bracket"))
        if match.group(1):
            found.append(peel.then(match.end(), bits, "JSON bracket"))
    reach = peel.start + _JSON_REACH
    for match in _JSON_HEAD.finditer(head, peel.start, reach):
        if match.start() == peel.start and found:
            continue
        size = match.end() - peel.start
        if not left.startswith(head[peel.start : match.end()]):
            break
        if match.group()[0] == "[" and size >= 8:
            found.append(peel.then(match.start() + 1, PRIOR.json_head, "JSON head"))
            if match.group(1):
                found.append(peel.then(match.end(), PRIOR.json_head, "JSON head"))
    return [new._replace(headed=True) for new in found[:6]]
