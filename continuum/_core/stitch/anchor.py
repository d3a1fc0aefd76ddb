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
    bare, words = head.lstrip(), wanted.lstrip()
    if bare.startswith(words):
        start = len(head) - len(bare)
        return Anchored(start, start + len(words), True, True)
    return words.startswith(bare)


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
    once = at < 0 or said_once(text, wanted)
    while at >= 0:
        if _placed(wanted, text, head, at, starts, once):
            return _closed(head, at, at + len(wanted), True)
        at = head.find(wanted, at + 1, REACH + len(wanted))
    return _mangled(wanted, text, head, starts)


def said_once(text: str, wanted: str) -> bool:
    """Whether the text says `wanted`, its end, nowhere else, and that is not the same over and over itself."""
    return text.find(wanted, 0, len(text) - 1) < 0 and wanted.find(wanted[: len(wanted) // 2], 1) < 0


def _placed(wanted: str, text: str, head: str, at: int, starts: list[int], once: bool) -> bool:
    """Whether the words at `at` can be the anchor, and not just a place where the answer says such words again.

    Before it stands nothing or talk; or, if the text says the anchor only `once`, an opening mark, or what stands
    before the anchor in the text. What a text says again and again it may say in the reply as well.
    """
    before = head[:at]
    bare = before.strip()
    if not bare or at in starts:
        return True
    if not once:
        return False
    if any(abs(at - start) <= 4 for start in starts):
        return True
    foreign = len(bare) <= 8 or (bare[-40:] not in text and bare[:40] not in text and not goes_on(text, before))
    if foreign and before.rstrip(_DOTS)[-1:] in _OPENERS:
        return True
    if _leads_to(text[: len(text) - len(wanted)], before):
        return True
    return foreign and before[-1:].isspace()


def _leads_to(text: str, before: str) -> bool:
    """Whether the reply said the end of `text` again before it came to the anchor.

    Its last words are not enough: records and refrains come to the same words from elsewhere.
    """
    said = normal(before)
    if not normal(text[-400:]).endswith(normal(before[-60:])):
        return False
    known, middle = normal(text[-_TAIL:]), len(said) // 2
    return len(said) <= 80 or said[middle : middle + 24] in known or said[middle - 24 : middle] in known


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
    said = borders(text, head[start : start + 2 * size + 400])
    found = [k for k in said if _stands_for(text, size, k)]
    if not found:
        return 0
    best = min(found, key=lambda k: (k < size and not _lacks_a_word(text, size, k), abs(k - size), k))
    if best >= size or _lacks_a_word(text, size, best):
        return best
    return 0 if _fewer(text, said, best) else best


def _fewer(text: str, said: list[int], size: int) -> bool:
    """Whether the last lines of the anchor, `size` characters, are no sign of it, for the reply may just as well have
    repeated fewer lines; `said` are the lengths of all repeats word for word."""
    return any(_MIN_PART <= k < size and begins_anew(text, len(text) - k) for k in said)


def _stands_for(text: str, size: int, k: int) -> bool:
    """Whether the last k characters of the text can stand for the anchor, which is its last `size`.

    Models begin with the line that the anchor stands in, a word late, or with the last line or sentence of it, if the
    text says that only there. What begins elsewhere may be a repeat like any other, or text that says such words again.
    """
    if k >= size:
        early = text[len(text) - k : len(text) - size]
        return "\n" not in early and (len(early.split()) <= 1 or begins_anew(text, len(text) - k))
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
    if not said_once(said, target):
        return None  # what the text says again and again proves no place, least of all in another dress
    if at >= 0 and _placed(wanted, text, head, raw_end(window, at), starts, True):
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
        if any(at - 4 <= f <= at for f in first):
            found = _stands_for(text, len(wanted), part) and (
                _lacks_a_word(text, len(wanted), part)
                or not any(_fewer(text, borders(text, head[f : f + REACH]), part) for f in {0, *starts})
            )
        else:
            most = size >= max(24, len(target) * 2 // 3)
            found = most and _placed(wanted, text, head, raw_end(window, at), starts, True)
        if found:
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
