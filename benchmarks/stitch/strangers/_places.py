"""Where in a document the behaviours of this set fit, and what stands there; no wordings here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.stitch.documents import Document


def rest(doc: Document, cut: int, end: int) -> str:
    """The continuation."""
    return doc.text[cut:end]


def clean(doc: Document, cut: int, end: int) -> str | None:
    """The continuation if it does not begin with a line break (else what a break means would be unclear)."""
    text = doc.text[cut:end]
    return None if text[:1] in ("\n", "\r", "") else text


def partial(doc: Document, cut: int) -> str:
    """What the line of the cut has before it."""
    return doc.text[doc.line_start(cut) : cut]


def blanks(doc: Document, at: int) -> str:
    """What the line that starts at `at` is indented with."""
    line = doc.text[at:].partition("\n")[0]
    return line[: len(line) - len(line.lstrip(" \t"))]


def midline(doc: Document, cut: int) -> bool:
    """Whether the cut is within a line that has text on both sides."""
    return bool(partial(doc, cut).strip()) and doc.text[cut : cut + 1] not in ("\n", "")


def midword(doc: Document, cut: int) -> bool:
    """Whether the cut is within a word."""
    return doc.text[cut - 1].isalpha() and doc.text[cut : cut + 1].isalpha()


def fenced(doc: Document, cut: int) -> bool:
    """Whether the cut is in a code block."""
    return doc.kind == "markdown" and doc.fence_start(cut) is not None


def code(doc: Document, cut: int) -> bool:
    """Whether the cut is in code, fenced or not."""
    return doc.kind == "code" or fenced(doc, cut)


def prose(doc: Document, cut: int) -> bool:
    """Whether the cut is in text: no code and no table."""
    return doc.kind in ("prose", "markdown") and not fenced(doc, cut) and not partial(doc, cut).startswith("|")


def para(doc: Document, cut: int) -> int:
    """Start of the paragraph."""
    at = doc.text.rfind("\n\n", 0, cut)
    return at + 2 if at >= 0 else 0


def sentence(doc: Document, cut: int) -> int:
    """Start of the sentence."""
    at = para(doc, cut)
    found = [m.end() for m in re.finditer(r"[.!?。！？]['\")]?\s+(?=[^\W_])|[。！？]", doc.text[at:cut])]
    return at + (found[-1] if found else 0)


def word(doc: Document, cut: int) -> int:
    """Start of the word."""
    at = cut
    while at and (doc.text[at - 1].isalnum() or doc.text[at - 1] == "_"):
        at -= 1
    return at


def line_back(doc: Document, cut: int, lines: int) -> int:
    """Start of the line that is `lines` lines above the one of the cut."""
    at = doc.line_start(cut)
    for _ in range(lines):
        if at <= 0:
            return 0
        at = doc.line_start(at - 1)
    return at


def item(doc: Document, cut: int) -> re.Match[str] | None:
    """The list item's marker if the cut is in the first line of one."""
    at = doc.line_start(cut)
    found = re.compile(r"[ \t]*([-*+]|\d+[.)])[ \t]+").match(doc.text, at)
    return found if found and found.end() < cut and prose(doc, cut) else None


def heading(doc: Document, cut: int) -> re.Match[str] | None:
    """The last Markdown heading before the cut's line."""
    if doc.kind != "markdown" or fenced(doc, cut):
        return None
    found = re.finditer(r"^(#{1,6}) +([^\n]+)\n", doc.text[: doc.line_start(cut)], re.M)
    return next((m for m in reversed(list(found)) if doc.fence_start(m.start()) is None), None)


def function(doc: Document, cut: int) -> tuple[int, int, str] | None:
    """(start, end of the header line, name) of the function whose body the cut is in; None if none is sure."""
    if not code(doc, cut):
        return None
    low = doc.fence_start(cut) or 0 if fenced(doc, cut) else 0
    at = doc.line_start(cut)
    found = list(re.finditer(r"^([ \t]*)(?:async )?def +(\w+)([^\n]*)\n", doc.text[low:at], re.M))
    if not found or not found[-1].group(3).rstrip().endswith(":"):
        return None
    last = found[-1]
    depth = len(last.group(1))
    inside = [*doc.text[low + last.end() : at].split("\n"), doc.text[at:cut]]
    if any(line.strip() and len(line) - len(line.lstrip()) <= depth for line in inside):
        return None
    return low + last.start(), low + last.end(), last.group(2)


def table(doc: Document, cut: int) -> tuple[re.Match[str], int] | None:
    """The header of the table the cut is in, and the start of the row."""
    at = doc.line_start(cut)
    top = doc.table_top(at) if doc.kind == "markdown" and at < cut else None
    return (top, at) if top else None


def element(doc: Document, cut: int) -> int | None:
    """Start of the line where the JSON object begins that the cut is in (pretty-printed JSON)."""
    if doc.kind != "json":
        return None
    found = list(re.finditer(r"^[ \t]*\{[ \t]*\n", doc.text[:cut], re.M))
    return found[-1].start() if len(found) > 1 and cut - found[-1].end() > 6 else None


def finish(text: str, note: str) -> str:
    """Text with a note after a blank line."""
    return text + ("" if text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n") + note


def close(text: str, fence: str = "```") -> str:
    """Text with a fence or tag on the line behind it."""
    return text + ("" if text.endswith("\n") else "\n") + fence


def in_string(doc: Document, cut: int) -> bool:
    """Whether the cut is within a docstring."""
    return doc.text.count('"""', 0, cut) % 2 == 1


def solid(text: str, count: int) -> bool:
    """Whether there are enough letters and digits for the text to be recognised."""
    return sum(char.isalnum() for char in text) >= count


def fresh(doc: Document, at: int, cut: int) -> bool:
    """Whether the text before the cut is recognisable and stands only once in the document (no refrain, no rule)."""
    old = doc.text[at:cut].strip()
    return solid(old, 12) and doc.text.count(old) == 1


def table_art(text: str) -> bool:
    """Whether a line of the text is one of a table, list or quotation."""
    return bool(re.search(r"^[ \t]*([-+|*>•]|\d+[.)])", text, re.M))
