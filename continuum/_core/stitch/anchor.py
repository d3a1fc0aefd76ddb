"""The anchor: the words that the model was asked to begin with, found and verified in the head of the reply."""

from __future__ import annotations

from typing import NamedTuple

from continuum._core.stitch.data import goes_on
from continuum._core.stitch.marks import after_marks
from continuum._core.stitch.normal import dropped_head, normal, raw_end, raw_start
from continuum._core.stitch.overlap import borders
from continuum._core.stitch.starts import begins_anew

REACH = 1000
"""How far into the reply the anchor is looked for."""
PATIENCE = 512
"""How much of a reply is awaited before it is judged without the anchor that it was asked for."""
_MIN_PART = 12
_TAIL = 4096
_CLOSERS = frozenset("\"'”’»」』>])}`*_")
_OPENERS = "\"'“‘„«「『<[({`*_"
_DOTS = ".… "


class Anchored(NamedTuple):
    """Where the anchor stands in the reply.

    Attributes:
        start, end: its place, with the closing marks of a wrapper that opened before it.
        exact: character for character.
        whole: from its first word on.
        wrapped: it stood in quotation marks or brackets.
    """

    start: int
    end: int
    exact: bool
    whole: bool
    wrapped: bool = False


def at_once(anchor: str, head: str) -> Anchored | bool:
    """The normal case, which costs next to nothing: the reply begins with the anchor, white space aside.

    Returns:
        The place; True if all that arrived is the beginning of the anchor, so that nothing else can be said yet;
        False if the reply begins in another way.
    """
    wanted = anchor.rstrip()
    if not wanted:
        return False
    if head.startswith(wanted):
        return Anchored(0, len(wanted), True, True)
    bare = head.lstrip()
    if bare.startswith(wanted):
        start = len(head) - len(bare)
        return Anchored(start, start + len(wanted), True, True)
    return wanted.startswith(bare)


def find_anchor(anchor: str, shown: str, head: str, starts: list[int]) -> Anchored | None:
    """Find `anchor`, the end of `shown`, in the first thousand characters of `head`; None if it is not there.

    `starts` are the places where the text of the reply may begin. There the reply may also begin a little before or
    behind the anchor's first character; the longest agreement with the end of the text near the anchor's length
    counts, which
    settles periodic text too. Elsewhere the anchor is searched as it is, and then with other white space, marks and
    case.
    """
    wanted = anchor.rstrip()
    text = shown.rstrip()
    if not wanted:
        return None
    for start in starts:
        best = _begins(len(wanted), text, head, start)
        if best:
            return _closed(head, start, start + best, best >= len(wanted))
    at = head.find(wanted, 0, REACH + len(wanted))
    once = at < 0 or text.find(wanted) == len(text) - len(wanted)
    while at >= 0:
        if _placed(wanted, text, head, at, starts, once):
            return _closed(head, at, at + len(wanted), True)
        at = head.find(wanted, at + 1, REACH + len(wanted))
    return _mangled(wanted, text, head, starts)


def _placed(wanted: str, text: str, head: str, at: int, starts: list[int], once: bool) -> bool:
    """Whether the words at `at` can be the anchor, and not just a place where the answer says such words again.

    Before it stands nothing or talk; or, if the text says the anchor only `once`, an opening mark, or what stands
    before the anchor in the text. What a text says again and again it may say in the reply as well.
    """
    before = head[:at]
    bare = before.strip()
    if not bare or any(abs(at - start) <= 4 for start in starts):
        return True
    if not once:
        return False
    foreign = len(bare) <= 8 or (bare[-40:] not in text and bare[:40] not in text and not goes_on(text, before))
    if foreign and before.rstrip(_DOTS)[-1:] in _OPENERS:
        return True
    if normal(text[: len(text) - len(wanted)][-400:]).endswith(normal(before[-60:])):
        return True
    return foreign and before[-1:].isspace()


def breaks_off_inside(anchor: str, head: str, starts: list[int]) -> bool:
    """Whether the whole reply is the beginning of the anchor, perhaps behind an opening mark, and no more."""
    if len(head) >= REACH + len(anchor):
        return False
    wanted = normal(anchor)
    for start in starts:
        form = normal(head[start:].lstrip(_OPENERS + _DOTS + "\n"))
        if len(form) >= 3 and (wanted.startswith(form) or (len(form) >= _MIN_PART and form in wanted)):
            return True
    return False


def _begins(size: int, text: str, head: str, start: int) -> int:
    """How many characters at `start` of the head are the end of the text, if they may be the anchor; else 0."""
    body = head[start : start + 2 * size + 400]
    found = [k for k in borders(text, body) if _stands_for(text, size, k)]
    return min(found, key=lambda k: (k < size and not _lacks_a_word(text, size, k), abs(k - size), k)) if found else 0


def _stands_for(text: str, size: int, k: int) -> bool:
    """Whether the last k characters of the text can stand for the anchor, which is its last `size`.

    Models begin with the line that the anchor stands in, a word late, or with the last line or sentence of it, if the
    text says that only there. What begins elsewhere may be a repeat like any other, or text that says such words again.
    """
    if k >= size:
        return "\n" not in text[len(text) - k : len(text) - size]
    if k < max(_MIN_PART, size // 2):
        return False
    if _lacks_a_word(text, size, k):
        return True
    at = len(text) - k
    return begins_anew(text, at) and text.find(text[at:], max(0, at - _TAIL), len(text) - 1) < 0


def _lacks_a_word(text: str, size: int, k: int) -> bool:
    """Whether the last k characters of the text are its last `size` but for the first word."""
    return len(text[len(text) - size : len(text) - k].split()) <= 1


def _mangled(wanted: str, text: str, head: str, starts: list[int]) -> Anchored | None:
    """The anchor, or its end at a possible start, in another dress."""
    window = head[: REACH + 2 * len(wanted)]
    form, target = normal(window), normal(wanted)
    size = len(target)
    if not size:
        return None
    at = form.find(target)
    said = normal(text[-_TAIL:])
    once = said.count(target) <= 1
    if at >= 0 and _placed(wanted, text, head, raw_end(window, at), starts, once):
        return _dressed(text, head, window, at, size, True)
    first = {len(normal(head[:start])) for start in starts} | {0}
    while size >= max(_MIN_PART, len(target) // 3):
        size -= 1 if size <= 64 else 3
        at = form.find(target[-size:])
        if at < 0:
            continue
        # A part of the anchor proves something only where the reply begins with it, or where it is most of the anchor,
        # and if the text says it only there.
        if said.count(target[-size:]) > 1 and len(target) - size > _MIN_PART:
            continue
        part = len(text) - raw_start(text, size)
        begins = any(at - 4 <= f <= at for f in first) and _stands_for(text, len(wanted), part)
        most = size >= max(24, len(target) * 2 // 3) and _placed(wanted, text, head, raw_end(window, at), starts, once)
        if begins or most:
            return _dressed(text, head, window, at, size, False)
    return None


def _dressed(text: str, head: str, window: str, at: int, size: int, whole: bool) -> Anchored:
    """The anchor whose normal form has `size` characters at `at` of the form of the window."""
    low = raw_end(window, at)
    start, own = low + dropped_head(window[low:]), raw_start(text, size)
    while start > low and own > 0 and head[start - 1] == text[own - 1]:  # marks that the text has there as well
        start, own = start - 1, own - 1
    return _closed(head, start, _end(text, head, raw_end(window, at + size)), whole, exact=False)


def _end(text: str, head: str, end: int) -> int:
    """The end of the anchor in another dress: with the marks that the text ends with, as far as they were said."""
    return after_marks(text, head, end, len(text) - end)[0][0] if normal(text[-1:]) == "" else end


def _closed(head: str, start: int, end: int, whole: bool, *, exact: bool = True) -> Anchored:
    """Take the closing marks of a wrapper that opened before the anchor along."""
    before = head[max(0, start - 8) : start].rstrip(_DOTS)
    marks = before[len(before.rstrip(_OPENERS)) :]
    count = 0
    while count < len(marks) and end + count < len(head) and head[end + count] in _CLOSERS:
        count += 1
    return Anchored(start, end + count, exact, whole, count > 0)
