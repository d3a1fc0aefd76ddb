"""The talk that models put before a continuation: "Sure, continuing from where I left off:" in many languages.

What such lines speak about (going on, the rest, the cut, an apology) and the shape of the line: it is short, it comes
first, and it ends like an announcement.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache

from continuum._core.stitch.lazy import lazy
from continuum._core.stitch.phrases import only_opens, opens, said

_FIRST_PERSON = lazy(
    r"\b(?:I|I'll|I’ll|we|let me|let's|here(?:'s|’s| is| are)|my|you|your|je|ich|voici|hier|aquí|ecco|вот)\b|我|私|저",
    re.I,
)
_BRACKETED = lazy(r"\s*(?:\(.*\)|\[.*\]|（.*）|【.*】|(\*{1,2}|_{1,2})[^\W_].*\1|[#>].*|---.*|<!--.*-->)[:.]?\s*", re.S)
_PART = lazy(
    r"\W*(?:(?:part|teil|partie|parte|deel|del|część|część|часть|частина|bölüm|osa|phần)\s*[2-9]"
    r"(?:\s*(?:/|of)\s*\d+)?|[2-9]\s*(?:/|of)\s*\d+)\W*",
    re.I,
)
MAX_TALK = 400
_BLOCKS = (0x250, 0x370, 0x400, 0x530, 0x590, 0x600, 0x700, 0x900, 0xE00, 0x1100, 0x1200, 0x2E80, 0xAC00, 0xD7A4)
"""Where the letters of other scripts begin: Latin, Greek, Cyrillic, Armenian, Hebrew, Arabic, Indic, Thai, Hangul, Han
and Kana."""
_LONG = 160
_BEGUN = 4
"""Characters that a sentence without capitals begins with, if that is what it speaks about."""
_SHORT = 8
"""Characters of a sentence without capitals that may speak of one thing only, and is talk: "下面继续："."""
_BEGINS = 12
"""Characters of a line within which somebody speaks of himself or to the reader, if it is talk."""


@lru_cache(maxsize=512)
def announces(line: str, begun: bool = False) -> float:
    """How much a short piece of text reads like talk about going on: 0 (not at all) to about 16 bits.

    Where talk has `begun` other words may speak for it.
    """
    if not line.strip() or len(line) > MAX_TALK:
        return 0.0
    what = said(line)
    person = _FIRST_PERSON.search(line)
    opened = opens(line) or (person is not None and person.start() < _BEGINS)
    bracketed = len(line) < 80 and _BRACKETED.fullmatch(line) is not None
    last = line.rstrip()[-1:]
    if what.strong:
        bits = 4.0 + 2.0 * min(what.strong + 0.5 * min(what.weak, 2), 3.0)
    elif bracketed and _PART.fullmatch(line):
        bits = 6.0
    elif what.weak and (opened or bracketed or (begun and (what.weak > 1 or last in ":："))):
        bits = 1.0 + 1.5 * min(what.weak, 3)
    elif not begun and only_opens(line):
        bits = 0.5
    else:
        return 0.0
    bits += (3.0 if opened else 1.0 * (person is not None)) + 3.0 * bracketed - 2.0 * (len(line) > _LONG)
    if last.isalnum() or last in ",;\"'”»`":
        bits -= 3.0
    if last in ":：…" or line.rstrip().endswith(("...", ":**", "：**")):
        bits += 2.0
    return max(0.0, bits)


def addresses(line: str) -> float:
    """How much a whole sentence reads as if somebody spoke to the reader, whatever about: 0 to about 8 bits.

    To be asked where the text stands within a sentence of its own: that hardly goes on so.
    """
    last = line.rstrip()[-1:]
    if not line[:1].isupper() or last not in ".!:…。！：" or len(line) > MAX_TALK:
        return 0.0
    if opens(line):
        return 5.0 + 2.0 * (last in ":：")
    return 4.0 + 2.0 * (last in ":：") if _FIRST_PERSON.search(line) is not None else 0.0


def is_opener(line: str) -> bool:
    """Whether a piece is only a word like "Sure!" that opens talk."""
    return len(line.strip()) <= 60 and opens(line)


def cased(char: str) -> bool:
    """Whether a character is no letter, or one of a script that has capitals: they tell where a sentence begins."""
    return not char.isalpha() or char.lower() != char.upper()


def begins_like_talk(line: str, alone: bool) -> bool:
    """Whether a sentence in a script without capitals begins or ends as only talk does.

    It is a note in brackets, opens like talk or announces something; on a line of its own (`alone`) it may begin with
    what it speaks about, or with who speaks.
    """
    if _BRACKETED.fullmatch(line) or opens(line):
        return True
    what, colon = said(line), line.rstrip()[-1:] in ":：…"
    if not what.strong or (what.strong + what.weak < 2 and len(line) > _SHORT and not (alone and colon)):
        return False
    return colon or (alone and (_FIRST_PERSON.match(line) is not None or said(line[:_BEGUN]).strong > 0))


def speaks_of_going_on(line: str) -> bool:
    """Whether any word in the line is about going on, the rest, or the cut."""
    return said(line).strong > 0


@lru_cache(maxsize=512)
def may_announce(line: str) -> bool:
    """Whether an unfinished first line may still become talk: it opens like it, or speaks of going on already."""
    start = line.strip()
    if not start:
        return True
    return len(line) <= MAX_TALK and (opens(start) or speaks_of_going_on(start))


def scripts(text: str) -> dict[int, int]:
    """How many letters a text has of each script."""
    if text.isascii():
        return {0: sum(map(str.isalpha, text))}
    found: dict[int, int] = {}
    for char in text:
        if char.isalpha():
            script = bisect_right(_BLOCKS, ord(char))
            found[script] = found.get(script, 0) + 1
    return found


def speaks(left: str, head: str) -> bool:
    """Whether the reply opens like talk ("You're right, ...") where the text stands in the middle of a line."""
    if left[-1:] in ("", "\n") or left.rstrip()[-1:] in ".!?:。！？：" or head[:1].islower():
        return False
    return opens(head[:80])
