"""A normal form in which small changes of white space, marks, quotes and case vanish, with a way back.

Characters are mapped one by one (compatibility decomposition, case folded, combining marks, white space, quotes,
dashes and Markdown marks dropped), so that the form of a text is the concatenation of the forms of its parts. That
makes the way back cheap: only the prefix in question is mapped again.
"""

from __future__ import annotations

import unicodedata

_DROPPED = frozenset("*_`~\\-'\"‘’‚‛“”„‟«»‹›「」『』–—―‐‑‒−­﻿​‌‍‎‏")


def _form(char: str) -> str:
    out = []
    for part in unicodedata.normalize("NFKD", char):
        if part.isspace() or part in _DROPPED or unicodedata.category(part) == "Mn":
            continue
        out.append(part.casefold())
    return "".join(out)


class _Table(dict[int, str | None]):
    """A translation table that is filled as characters come up; None drops one (and keeps `str.translate` fast)."""

    def __missing__(self, code: int) -> str | None:
        form = self[code] = _form(chr(code)) or None
        return form


_TABLE = _Table()
_ASCII = bytes(range(128))
_FIGURES = str.maketrans("123456789", "000000000")
_FEW = 8
"""Characters of a text for each byte of it that is no ASCII, from which on it pays to replace those first, for
`str.translate` is fast for ASCII."""


def normal(text: str) -> str:
    """The normal form of `text`; `normal(a + b) == normal(a) + normal(b)`."""
    if len(text) >= 64 and not text.isascii():
        others = text.encode("utf-8", "surrogatepass").translate(None, _ASCII)
        if _FEW * len(others) < len(text):
            plain = text
            for char in {*others.decode("utf-8", "surrogatepass")}:
                plain = plain.replace(char, _TABLE[ord(char)] or "")
            if plain.isascii():
                return plain.translate(_TABLE)
    return text.translate(_TABLE)


def numbers_aside(text: str) -> str:
    """The text with all figures alike."""
    if text.isascii():
        return text.translate(_FIGURES)
    for figure in "123456789":  # which is faster than to translate such a text
        text = text.replace(figure, "0")
    return text


def raw_end(text: str, length: int) -> int:
    """The shortest prefix of `text` whose normal form has at least `length` characters: where in raw text a match ends.

    What the form drops (white space, marks, quotes) after that character is not included, but for combining marks,
    which belong to it.
    """
    low, high = 0, len(text)
    if length <= 0:
        return 0
    done, base = 0, 0
    while high - low > 32:
        middle = (low + high) // 2
        size = done + len(normal(text[base:middle]))
        if size >= length:
            high = middle
        else:
            low, done, base = middle, size, middle
    while low < len(text):
        done += len(_TABLE[ord(text[low])] or "")
        low += 1
        if done >= length:
            while low < len(text) and unicodedata.combining(text[low]):
                low += 1
            return low
    return len(text)


def raw_start(text: str, length: int) -> int:
    """The start of the shortest suffix of `text` whose normal form has at least `length` characters."""
    at, done = len(text), 0
    step = 256
    while done < length and at > 0:
        lower = max(0, at - step)
        size = len(normal(text[lower:at]))
        if done + size < length:
            done += size
            at = lower
            continue
        if step > 1:
            step //= 4
            continue
        return lower
    return at


def dropped_tail(text: str, limit: int = 240) -> int:
    """How many characters at the end of `text` vanish in the normal form (at most `limit`)."""
    count = 0
    while count < min(limit, len(text)) and not _TABLE[ord(text[-1 - count])]:
        count += 1
    return count


def dropped_head(text: str, limit: int = 240) -> int:
    """How many characters at the start of `text` vanish in the normal form (at most `limit`)."""
    count = 0
    while count < min(limit, len(text)) and not _TABLE[ord(text[count])]:
        count += 1
    return count
