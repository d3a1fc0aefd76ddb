"""Structure that a reply opens again before it goes on: table head, list marker, heading, JSON brackets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from continuum._core.stitch.lazy import lazy
from continuum._core.stitch.normal import normal
from continuum._core.stitch.prior import PRIOR

if TYPE_CHECKING:
    from continuum._core.stitch.peel import Peel

_TABLE_HEAD = lazy(r"[ \t]*\|[^\n]*\n[ \t]*\|[ \t:|-]+\|?[ \t]*\n")
_NAMES = lazy(r"([^\n,;\t|(){}\[\]=<>*#]+([,;\t|])[^\n(){}\[\]=<>*#]+)\n")
_MARKER = lazy(r"([ \t]*)((?:(?:[-*+•]|\d{1,4}[.)])[ \t]+(?:\[[ xX]\] )?)|(?://[/!]?|#{1,2}|%{1,2}|--|>+)[ \t]+)")
_ITEM, _ITEM_LEAST = 40, 5
"""Characters of a list item that show it is the same one behind another marker; letters that it has to have."""
_HEADING = lazy(r"[ \t]{0,3}#{1,6} [^\n]*\n\s*")
_ARRAY = lazy(r"\[(\s*)(?=\{)")
_OBJECT = lazy(r"\s*(?:[\[{]\s*){1,4}(\"(?:[^\"\\\n]|\\.){1,80}\"?)")
_JSON_HEAD = lazy(r"[\[{](\s*)")
_JSON_REACH = 400


def table_head(left: str, head: str, peel: Peel) -> Peel | None:
    """The header and separator of the table that is open, spaced or marked as it may be."""
    match = _TABLE_HEAD.match(head, peel.start)
    if match is None:
        return None
    # The table is still open: every line since its head is a row.
    top = len(left)
    while top > 0 and left[left.rfind("\n", 0, top - 1) + 1 : top].lstrip().startswith("|"):
        top = left.rfind("\n", 0, top - 1) + 1
    own = left[top:].split("\n", 2)
    if len(own) < 3 or _cells(own[0]) != _cells(match.group().split("\n", 1)[0]):
        return None
    return peel.then(match.end(), PRIOR.table, "table head")._replace(headed=True)


def _cells(row: str) -> list[str]:
    """What stands in the cells of a row, white space and marks aside."""
    return [normal(cell) for cell in row.strip().strip("|").split("|")]


def csv_head(left: str, head: str, peel: Peel) -> Peel | None:
    """The line of names above rows of data, which is said once: the line that the open block of such rows begins with.

    A line with a delimiter, behind one without, if all lines since have at least as many of it.
    """
    match = _NAMES.match(head, peel.start)
    if match is None:
        return None
    line, delimiter = match.group(1), match.group(2)
    at = 0 if left.startswith(f"{line}\n") else left.rfind(f"\n{line}\n") + 1
    if not (at or left.startswith(f"{line}\n")) or delimiter in left[left.rfind("\n", 0, at - 1) + 1 : at]:
        return None
    rows = left[at:].split("\n")[1:-1]
    if not rows or any(row.count(delimiter) < line.count(delimiter) for row in rows):
        return None
    return peel.then(match.end(), PRIOR.table, "table head")


def list_marker(left: str, head: str, peel: Peel) -> Peel | None:
    """The marker of the list item that is open, with or without its indent; another one, if the item is said again."""
    start = left.rfind("\n") + 1
    line = left[start : start + 100]
    own = _MARKER.match(line)
    if own is None or len(line) < own.end() + 2:
        return None
    other = _MARKER.match(head, peel.start)
    if other is not None and other.group(2).split() != own.group(2).split():
        words = line[own.end() :][:_ITEM]
        if not peel.spoken and "\n" in head[: peel.start]:
            return None  # the next item, which begins alike
        if sum(map(str.isalnum, words)) < _ITEM_LEAST or not head.startswith(words, other.end()):
            return None
        return peel.then(other.end(), PRIOR.marker_other, "another list marker")._replace(loose=True, marked=True)
    for mark in (own.group(), own.group(2)):
        if head.startswith(mark, peel.start):
            sign = mark.strip()
            bits = PRIOR.number_marker if sign[:1].isdigit() else PRIOR.marker
            if sign[:1] in "/#%>" or sign == "--":
                bits = PRIOR.comment
            new = peel.then(peel.start + len(mark), bits, "list marker")
            return new._replace(loose=True, marked=True)
    return None


def heading(left: str, head: str, peel: Peel) -> Peel | None:
    """The heading of the section that is open, without the text that follows it there."""
    match = _HEADING.match(head, peel.start)
    if match is None:
        return None
    line = match.group().strip()
    at = left.rfind(line)
    if at < 0 or "\n#" in left[at + 1 :] or left[at - 1 : at] not in ("", "\n"):
        return None
    return peel.then(match.end(), PRIOR.heading, "heading").loosened()


def json_brackets(left: str, head: str, peel: Peel) -> list[Peel]:
    """Brackets that lead to where a JSON text broke off: the array again, or the document down to the array."""
    if left.lstrip()[:1] not in ("[", "{"):
        return []
    found: list[Peel] = []
    match = _OBJECT.match(head, peel.start)
    if match is not None:
        at = left.rfind(match.group(1), max(0, len(left) - _JSON_REACH))
        if at >= 0 and "}" not in left[at:] and head.startswith(left[at:], match.start(1)):  # it broke off at this key
            found.append(peel.then(match.start(1), PRIOR.bracket_key, "JSON bracket"))
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
