"""More about where the behaviours of this set fit, and forms that several of them have; no wordings here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchmarks.stitch.behaviours import Reply
from benchmarks.stitch.strangers._places import blanks, clean, code, finish, in_string, para, partial, rest, sentence

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from benchmarks.stitch.documents import Document

_OPEN, _CLOSED = "([{", ")]}"


def led(
    rng: random.Random,
    doc: Document,
    cut: int,
    end: int,
    talks: Sequence[str],
    gaps: Sequence[str] = ("\n\n", "\n\n", "\n"),
) -> Reply | None:
    """One of the wordings, a break, and the exact continuation."""
    text = clean(doc, cut, end)
    return Reply(rng.choice(talks) + rng.choice(gaps) + text) if text else None


def ended(rng: random.Random, doc: Document, cut: int, end: int, notes: Sequence[str]) -> Reply:
    """The exact continuation, a blank line, and one of the notes."""
    return Reply(finish(rest(doc, cut, end), rng.choice(notes)))


def whole(doc: Document, cut: int, end: int, pattern: str) -> Reply | None:
    """The exact continuation where it begins in a certain way."""
    text = rest(doc, cut, end)
    return Reply(text) if re.match(pattern, text) else None


def data(doc: Document) -> bool:
    """Whether the document is of records."""
    return doc.kind in ("csv", "json", "log")


def words_back(doc: Document, cut: int, count: int) -> int | None:
    """Start of the word that is the last but `count - 1` of the paragraph before the cut."""
    at = para(doc, cut)
    starts = [m.start() for m in re.finditer(r"\S+", doc.text[at:cut])]
    return at + starts[-count] if len(starts) >= count else None


def clause(doc: Document, cut: int) -> int | None:
    """Start of the last clause of the sentence if it has several."""
    at = sentence(doc, cut)
    found = [m.end() for m in re.finditer(r"[,;:—–]\s+", doc.text[at:cut])]
    return at + found[-1] if found else None


def shifted(text: str, prefix: str) -> str:
    """Text with something before every line that is not blank."""
    return re.sub(r"^(?=[^\n])", lambda _: prefix, text, flags=re.M)


def enclosing(doc: Document, cut: int) -> int | None:
    """Start of the line that opens the Python block which the line of the cut is in."""
    at = doc.line_start(cut)
    depth = len(blanks(doc, at))
    if not code(doc, cut) or not depth or in_string(doc, cut) or not partial(doc, cut).strip():
        return None
    low = doc.fence_start(cut) or 0
    while at > low:
        at = doc.line_start(at - 1)
        line = doc.text[at:].partition("\n")[0]
        if line.strip() and len(blanks(doc, at)) < depth:
            header = re.match(r"\s*(if|elif|else|for|while|with|try|except|finally|def)\b.*:$", line)
            return at if header else None
    return None


def open_bracket(doc: Document, cut: int) -> int | None:
    """Start of an earlier line with a bracket that is open at the cut; None if there is none in ten lines."""
    if not code(doc, cut) or in_string(doc, cut):
        return None
    depth, at, lines = 0, cut, 0
    while at > 0 and lines <= 10:
        at -= 1
        char = doc.text[at]
        lines += char == "\n"
        if char in _CLOSED:
            depth += 1
        elif char in _OPEN:
            if not depth:
                return doc.line_start(at) if lines else None
            depth -= 1
    return None


def method(doc: Document, cut: int) -> tuple[re.Match[str], int] | None:
    """The header line of the class that the cut is in, and the start of its last method before the cut."""
    if doc.kind != "code" or in_string(doc, cut):
        return None
    found = list(re.finditer(r"^class +\w+[^\n]*:\n", doc.text[:cut], re.M))
    if not found:
        return None
    inside = doc.text[found[-1].end() : cut]
    starts = [m.start() for m in re.finditer(r"^    (?:async )?def ", inside, re.M)]
    return None if not starts or re.search(r"^\S", inside, re.M) else (found[-1], found[-1].end() + starts[-1])


def swapped(rng: random.Random, text: str, pairs: dict[str, str]) -> str | None:
    """Text with one of the whole words in `pairs` exchanged, well before its end; None if it has none of them."""
    spots = [m for m in re.finditer(r"(?<![\w'-])[^\W\d_]+(?: [a-z]+)?(?![\w'-])", text[:-10]) if m.group() in pairs]
    spots += [m for m in re.finditer(r"(?<![\w'-])[^\W_]+(?![\w'-])", text[:-10]) if m.group() in pairs]
    if not spots:
        return None
    m = rng.choice(spots)
    return text[: m.start()] + pairs[m.group()] + text[m.end() :]
