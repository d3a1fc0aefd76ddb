"""What a reply may put behind the text: the closing line of a wrapper that it opened, a note that it will go on."""

from __future__ import annotations

import re

from continuum._core.stitch.lazy import lazy
from continuum._core.stitch.talk import is_opener

_FENCE_END = lazy(r"\n?[ \t]*(`{3,}|~{3,})\s*\Z")
_FENCE_MAY_END = lazy(r"\n?[ \t]*(?:`+|~+)?\s*\Z")
_FENCE_LINE = lazy(r"^[ \t]*(?:`{3,}|~{3,})", re.M)
_GOES_ON = lazy(
    r"\n\s*(?:[\[(*_]{1,3}\s*(?:to be )?continu(?:ed|es|ing)\b[^\n]{0,60}[\])*_]{1,3}"
    r"|(?:would you like|do you want|shall|should) (?:me|i) (?:to )?(?:continue|go on|proceed|keep going)\b"
    r"[^\n]{0,80}\?"
    r"|(?:please )?(?:let me know|tell me|say) [^\n]{0,40}\bcontinue\b[^\n]{0,60}[.!])\s*\Z",
    re.I,
)
_STARTS = (
    *(mark + words for mark in ("[", "(", "*", "**", "_") for words in ("continue", "continuing", "to be continu")),
    "would you like me to",
    "do you want me to",
    "shall i ",
    "should i ",
    "please let me know",
    "let me know",
    "please tell me",
    "tell me",
    "please say",
    "say ",
)
_LONGEST_NOTE = 200
_REFUSAL = lazy(
    r"\s*(?:I'?m sorry|I am sorry|sorry|I apologi[sz]e|unfortunately|I hope (?:this|that)|(?:please )?let me know"
    r"|feel free|I (?:cannot|can't|can not|won't|am unable)|I'?m (?:unable|not able)|is there anything"
    r"|if you (?:have|need|would)|thank you)",
    re.I,
)


def hold_from(text: str, *, wrapped: bool) -> int:
    """Where the end of a reply begins that may have to be trimmed, as far as it came in."""
    at = len(text)
    if wrapped:
        match = _FENCE_MAY_END.search(text, max(0, at - _LONGEST_NOTE))
        at = match.start() if match is not None else at
        start = text.rfind("\n", 0, at) + 1
        if not text[start:at].strip(" \t`~") and text[start:at].strip():
            at = start  # whether it is the line of a fence is not seen yet
    line = text.rfind("\n", max(0, len(text) - _LONGEST_NOTE)) + 1
    if line > 0:
        words = text[line:].lstrip().casefold()
        if not words or any(words.startswith(s) or s.startswith(words) for s in _STARTS):
            at = min(at, len(text[:line].rstrip()))
    return at


def trim_from(text: str, *, wrapped: bool, fences: int) -> int:
    """Where the end of a reply begins that is no text; the length of the text if all of it is.

    `wrapped` says that the reply opened a fence around the text; `fences` counts the fence lines emitted since, so
    that the closing line of a block inside is not taken for that of the wrapper.
    """
    if wrapped:
        match = _FENCE_END.search(text, max(0, len(text) - _LONGEST_NOTE))
        if match is not None and (fences + len(_FENCE_LINE.findall(text))) % 2 == 1:
            start = match.start()
            return start + (text[start : start + 1] == "\n")
    match = _GOES_ON.search(text, max(0, len(text) - _LONGEST_NOTE))
    return match.start() if match is not None else len(text)


def count_fences(text: str) -> int:
    """How many lines of `text` open or close a fence."""
    return len(_FENCE_LINE.findall(text))


def refuses(body: str) -> bool:
    """Whether all that came behind the anchor is one short paragraph that talks to the reader."""
    words = body.strip()
    if len(words) > 240 or "\n" in words or not body[:1].isspace():
        return False
    return _REFUSAL.match(words) is not None or is_opener(words)
