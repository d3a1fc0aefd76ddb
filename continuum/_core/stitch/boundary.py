"""Where the text that is shown to the model ends, and what it is asked to begin with.

`safe_end` works on a few hundred characters at the end of the text and looks only backwards from a
boundary, so that a boundary once reported stays reported: a streaming caller can show it and never
regret it. `choose_anchor` picks the last words such that they occur once.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from continuum._core.stitch.lazy import lazy

REACH = 240
"""How far back from the end a sentence boundary is looked for."""
WINDOW = 4096
"""How far back a word boundary is looked for before a run without any is cut."""
ANCHOR_MIN, ANCHOR_MAX = 40, 400
_LINE_ROOM = 12
"""How much longer an anchor may be to start with its line."""

# A finished sentence: an end mark, closing quotes or marks, white space. No white space is needed after the
# full-width marks. A list number ("\n1. ") and one letter or a common short form before the stop end nothing.
_SENTENCE = lazy(r"[.!?…؟۔।॥]+[\"'”’»)\]*_`]*\s+|[。！？][\"'”’」』）】*]*\s*")
_BEFORE_STOP = lazy(
    r"(?<![.\s]\S)(?<!\b[A-Za-z])(?<!\b(?:Dr|Mr|Ms|St|vs|cf|Nr|No|pp))(?<!\b(?:Mrs|etc|bzw))|(?=[。！？])"
)
_LIST_NUMBER = lazy(r"[ \t>]*\d{1,4}\.\s+\Z")
_JSON_ELEMENT = lazy(r"(?<!\\)[\"}\]],\s*")
_NUMBER_COMMA = lazy(r"[\d\"}\]el],\s*")
_JSON_START = lazy(r"\s*(?:(?:```|~~~)[ \t]*json[^\n]*\n\s*)?[\[{]\s*[\"\d\[{\]}\-]", re.I)
_LINE_END = lazy(r"\n\s*")
_SPACE = lazy(r"(?<!\\)\s+")
# Scripts that write words without spaces, and where a break between two characters breaks no word form.
IDEOGRAPH = lazy(
    "[\u3005-\u3007\u3041-\u309f\u30a0-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_IDEOGRAPH_OR_MARK = lazy("[、。，．！？：；」』）】\u3005-\u3007\u3041-\u309f\u30a0-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")


def extends(char: str) -> bool:
    """Whether a character belongs to the one before it (combining mark, joiner, selector, low surrogate)."""
    code = ord(char)
    if code < 0x300:
        return False
    return (
        unicodedata.category(char) in ("Mn", "Me", "Mc")
        or code in (0x200C, 0x200D)
        or 0x1F3FB <= code <= 0x1F3FF
        or 0xE0020 <= code <= 0xE007F
        or 0xDC00 <= code <= 0xDFFF
    )


def _past_cluster(text: str, index: int) -> int:
    """The first index at or after `index` that does not split a grapheme cluster."""
    while 0 < index < len(text) and extends(text[index]):
        index += 1
    return index


def _last(pattern: re.Pattern[str], text: str, low: int, high: int) -> int:
    """End of the last match of `pattern` that ends in low < end <= high; -1 if there is none."""
    found = -1
    for match in pattern.finditer(text, low, high):
        if match.end() > low:
            found = match.end()
    return found


def _strong(text: str, low: int, end: int) -> int:
    """End of the last complete line, sentence or JSON element that ends in low < index <= end; -1 if none."""
    context = max(0, low - 64)
    line = text.rfind("\n", low, end)
    best = -1
    if line >= 0:
        match = _LINE_END.match(text, line, end)
        best = match.end() if match else -1
    # A sentence mark before the last line cannot beat the end of that line.
    found = _SENTENCE.search(text, max(context, best), end)
    while found is not None:
        at = found.end()
        if not _BEFORE_STOP.match(text, found.start()):
            at = found.start() + 1  # a later mark of the same run may still end one
        elif at > best and at > low and not _numbers(text, context, found.start(), at):
            best = at
        found = _SENTENCE.search(text, at, end)
    if _JSON_START.match(text):
        best = max(best, _last(_JSON_ELEMENT, text, max(low, best, 0), end))
    return best if best > low else -1


def _numbers(text: str, context: int, stop: int, end: int) -> bool:
    """Whether the line up to the stop at `stop`, and the white space to `end`, is only the number of a list item."""
    line = text.rfind("\n", context, stop) + 1
    return (line > 0 or context == 0) and _LIST_NUMBER.match(text, line, end) is not None


def _weak(text: str, high: int, *, look_ahead: bool) -> int:
    """The last word boundary at or before `high`; 0 if there is none.

    With `look_ahead` the characters after `high` are known and may be used (a comma between numbers); without it only
    what precedes a boundary counts, so that it stays one whatever follows.
    """
    low = max(0, high - WINDOW)
    best = -1
    at = max(text.rfind(" ", low, high), text.rfind("\n", low, high), text.rfind("\t", low, high))
    while at > 0 and text[at - 1] == "\\" and text[at] != "\n":
        at = max(text.rfind(" ", low, at), text.rfind("\n", low, at), text.rfind("\t", low, at))
    if at >= 0:
        # With look-ahead the run of white space is followed to its end, as the line rule does.
        match = _SPACE.match(text, at) if look_ahead else _SPACE.match(text, at, high)
        best = match.end() if match else at + 1
    start = max(best, low, 0)
    if not text.isascii():
        for index in range(high, start, -1):
            if _IDEOGRAPH_OR_MARK.match(text[index - 1]):
                best = index
                break
    if look_ahead and best < high - 64 and _JSON_START.match(text):
        best = max(best, _last(_NUMBER_COMMA, text, start, high))
    if best > 0:
        return best
    return _past_cluster(text, low)  # 0 unless a run of WINDOW characters has no boundary at all


def safe_end(text: str, *, level: Literal["sentence", "word"] = "sentence") -> int:
    """Return the index where the text shown to the model should end.

    That is the end of the last complete line, sentence, list item or JSON element; with `level="word"` of the last
    word. It is never inside a word, number, escape sequence, grapheme cluster or surrogate pair. If no sentence ended
    in the last 240 characters it is the last word boundary at least 240 characters back. A run of 4,096 characters
    without any boundary (base64, say) is cut. 0 means that there is no boundary at all.

    White space belongs to what precedes it: the index lies after all white space that follows a boundary, and the
    unfinished rest never consists of white space alone, nor does the part that is shown.

    The function is prefix-stable: `safe_end(text[:j]) <= safe_end(text)` for every j. It reads a few hundred
    characters.
    """
    size = len(text)
    if level == "word":
        best = _weak(text, size, look_ahead=False)
    else:
        best = _strong(text, max(0, size - REACH), size)
        if best < 0:
            best = _weak(text, size - REACH, look_ahead=True) if size > REACH else 0
            if size < 2 * REACH:
                best = max(best, _opening(text))
    best = _past_cluster(text, best)
    while best > 0 and (match := _SPACE.match(text, best)) is not None and match.end() > best:
        best = _past_cluster(text, match.end())  # a mark may stand on the blank
    if best <= 0 or (best < 1024 and not text[:best].strip()):
        return 0
    return best


def _opening(text: str) -> int:
    """The boundary of a text whose first sentence has not ended yet: its last word boundary within `REACH`."""
    head = text[:REACH]
    strong = _strong(head, 0, len(head))
    return strong if strong > 0 else _weak(head, len(head), look_ahead=False)


def choose_anchor(text: str) -> str | None:
    """Return the last words of `text` that the model is asked to begin its reply with, or None if there are too few.

    The anchor is a suffix of `text.rstrip()`, 40 to 400 characters long (the whole text where that is shorter), starts
    at a word or line start, and occurs once in the last 4,096 characters. One without a line break is preferred, and
    then one from the start of a line, if that is not much longer: every character of it is paid for in every round.
    Where the tail is periodic it starts before the period, or at the line start that is farthest back.
    """
    body = text.rstrip()
    if len(body.lstrip()) < 12:
        return None
    tail = body[-WINDOW:]
    size = len(tail)
    starts = _anchor_starts(tail, len(tail) == len(body))
    line = tail.rfind("\n") + 1
    nearest = next((i for i in starts if tail.find(tail[i:]) == i), None)
    if nearest is not None:
        if nearest >= line:
            return tail[nearest:]
        bare = tail[tail.rfind("\n", 0, nearest) + 1 : nearest]
        indent = nearest - len(bare.lstrip())
        return tail[indent if indent in starts and len(bare.lstrip()) <= _LINE_ROOM else nearest :]
    if starts:  # periodic: as far back as is allowed, from a line start if there is one
        at_line = [i for i in starts if not tail[tail.rfind("\n", 0, i) + 1 : i].strip()]
        return tail[min(at_line or starts) :]
    start = max(0, size - ANCHOR_MIN) if size > ANCHOR_MIN else 0
    return tail[_past_cluster(tail, start) :].lstrip() or None


def _anchor_starts(tail: str, whole: bool) -> list[int]:
    """Word and line starts at 40 to 400 characters from the end, nearest first."""
    size = len(tail)
    low, high = max(0, size - ANCHOR_MAX), size - ANCHOR_MIN
    if high <= 0:
        first = size - len(tail.lstrip())
        return [first] if whole else []
    starts = [m.end() for m in re.finditer(r"\s(?=\S)", tail[low : high + 1])]
    found = [low + s for s in starts]
    if high < size and high > 0 and tail[high - 1].isspace() and not tail[high].isspace():
        found.append(high)
    if whole and low == 0 and tail[:1].strip():
        found.append(0)
    if not tail.isascii():
        found += [i for i in range(low + 1, high + 1) if IDEOGRAPH.match(tail[i]) and IDEOGRAPH.match(tail[i - 1])]
    return sorted(set(found), reverse=True)
