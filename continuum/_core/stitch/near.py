"""Overlaps with changes: the end of the text said again with other white space, marks, case, or a few edited words.

Everything here works on normal forms. Places where the end of the text and the head of the reply have the same few
characters vote for where the text would end in the reply. Along the likeliest of these diagonals the two are walked
backwards to the start of the reply, and the end is where the fewest edits lie between. The walk is greedy: it follows
equal characters and, at a difference, takes the smallest skip after which eight characters agree again (fewer near the
end).
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from itertools import islice
from typing import NamedTuple

from continuum._core.stitch.lazy import lazy
from continuum._core.stitch.normal import normal, numbers_aside
from continuum._core.stitch.overlap import borders

_SEED = 8
_SKIP = 56
_MAX_EDITS = 64
_GRAM = 10
_GRAMS = 64
_ALL = 400
_REACH, _STEP = 240, 8
"""From how far before its end on, and every how many characters, pieces of the text are looked for in the reply."""
_OFFSETS = (0, 8, 16, 28, 44, 64)
"""Where the pieces of the reply stand that are looked for in the text."""
_PLACES = 8
"""How many places of one piece are looked at; together they have one vote."""
_FAR = 12
"""Characters between two ends up to which they are the same but for edits."""
_GROUPS, _TRIED = 8, 3
"""How many ends are looked at, and how many of those that look like a repeat are followed."""
_WEIGHT = 0.9
"""Votes that an end needs: one piece that both have once, or several that they have more often."""
_BEYOND = 64
_WORD = 6
"""Edits behind the last place where both agree that count as one changed word."""
_SURE = 200
"""Characters from which on a reply has to say what only that passage has."""
_LED = 24
"""Characters before a passage that the text ends with as well; more prove no more."""
_NEW, _WORDS_SEEN = 6, 200
"""Words that the text has never said: more of them prove no more. How many words are looked at."""
_NUMBER = lazy(r"\d{2,}")
_WORDS = lazy(r"\w+")


class Walk(NamedTuple):
    """How far two texts agree: the end in each, the characters that agree, and the differences between."""

    i: int
    j: int
    matched: int
    edits: int
    skipped: int
    numbers: int


class Near(NamedTuple):
    """A candidate: `left[start:]` (of the form) was said again by `head[:end]` (of the form)."""

    start: int
    end: int
    edits: int
    skipped: int
    numbers: int
    foreign: int = 0
    unsure: bool = False


def _agree(a: str, i: int, b: str, j: int) -> int:
    """Length of the common prefix of a[i:] and b[j:]."""
    limit = min(len(a) - i, len(b) - j)
    step, done = 32, 0
    while done < limit and a[i + done : i + min(done + step, limit)] == b[j + done : j + min(done + step, limit)]:
        done = min(done + step, limit)
        step *= 2
    if done >= limit:
        return limit
    low, high = done, min(done + step, limit)
    while low < high:
        middle = (low + high + 1) // 2
        if a[i + done : i + middle] == b[j + done : j + middle]:
            low = middle
        else:
            high = middle - 1
    return low


def walk(a: str, i: int, b: str, j: int) -> Walk:
    """Follow `a` from i and `b` from j together until one ends or they no longer agree."""
    matched = edits = skipped = numbers = 0
    while True:
        n = _agree(a, i, b, j)
        matched += n
        i += n
        j += n
        if i >= len(a) or j >= len(b) or edits >= min(_MAX_EDITS, 2 + matched // 12):
            break
        found = _resync(a, i, b, j)
        if found is None:
            break
        x, y = found
        edits += 1
        skipped += max(x, y)
        if a[i : i + x].isdigit() or b[j : j + y].isdigit():
            numbers += 1
        i += x
        j += y
    return Walk(i, j, matched, edits, skipped, numbers)


def _resync(a: str, i: int, b: str, j: int) -> tuple[int, int] | None:
    """The smallest skips after which the two agree again for eight characters."""
    window = b[j : j + _SKIP + _SEED]
    size = _SEED if len(window) >= 3 * _SEED else 5 if len(window) >= 10 else 4
    left = len(a) - i
    best: tuple[int, int] | None = None
    least = 2 * (_SKIP + _SEED)
    for x in range(min(_SKIP, left - size + 1 if left > size else left - 2)):
        if x >= least:
            break
        y = window.find(a[i + x : i + x + size], 0, least - x + size)
        if 0 <= y < least - x:
            best, least = (x, y), x + y
    return best


def near_overlaps(left: str, head: str) -> list[Near]:
    """Candidates among the normal forms, the surest kind first."""
    found = [Near(len(left) - k, k, 0, 0, 0) for k in borders(left, head) if k >= _SEED][:4]
    if found and found[0].end >= 48:
        return found
    seen = {near.end for near in found}
    tried = 0
    for pairs in _diagonals(left, head):
        i, j = pairs[0]
        end = j + len(left) - i
        probes = [head[at : at + 6] for at in range(0, max(1, end - 6), max(6, end // 12))]
        if not _resembles(left[-end - _SKIP :], probes):
            continue
        for near in _along(left, head, pairs):
            if near.end not in seen:
                seen.add(near.end)
                found.append(near)
        tried += 1
        if tried == _TRIED:
            break
    return found


def _diagonals(left: str, head: str) -> list[list[tuple[int, int]]]:
    """Where both texts have the same few characters, grouped by where the end of `left` would come to lie in `head`.

    The groups with the most to say for them come first; what the texts say again and again says little. In a group the
    places stand from the end of the text backwards.
    """
    places: list[tuple[int, float, int, int]] = []
    for i in range(len(left) - _GRAM, max(-1, len(left) - _REACH), -_STEP):
        _vote(places, left, head, [(i, j) for j in _all(head, left[i : i + _GRAM])])
    for j in _OFFSETS:
        gram = head[j : j + _GRAM]
        if len(gram) < _GRAM:
            break
        _vote(places, left, head, [(i, j) for i in _all(left, gram, last=True)])
    places.sort()
    groups: list[tuple[float, list[tuple[int, int]]]] = []
    before = -_FAR
    for end, weight, i, j in places:
        if end - before > _FAR:
            groups.append((0.0, []))
        before = end
        total, pairs = groups[-1]
        groups[-1] = (total + weight, [*pairs, (i, j)])
    groups.sort(key=lambda group: -group[0])
    return [sorted(pairs, reverse=True) for weight, pairs in groups[:_GROUPS] if weight >= _WEIGHT]


def _vote(places: list[tuple[int, float, int, int]], left: str, head: str, pairs: list[tuple[int, int]]) -> None:
    """Add the places of one piece in both texts: the end that each speaks for, its share of one vote, and the place."""
    places += [(len(left) - i + j, 1.0 / len(pairs), i, j) for i, j in pairs if len(left) - i + j <= len(head) + _SKIP]


def _all(text: str, piece: str, last: bool = False) -> list[int]:
    """The first places (or the last) where `piece` stands in `text`."""
    found: list[int] = []
    at = text.rfind(piece) if last else text.find(piece)
    while at >= 0 and len(found) < _PLACES:
        found.append(at)
        at = text.rfind(piece, 0, at + len(piece) - 1) if last else text.find(piece, at + 1)
    return found


def _along(left: str, head: str, pairs: list[tuple[int, int]]) -> list[Near]:
    """The repeat through places where both agree: back to the start of the reply, on to the end of the text."""
    i, j = pairs[0]
    size = _agree(left, i, head, j)
    back = walk(left[max(0, i - j - 4 * _SKIP - 200) : i][::-1], 0, head[:j][::-1], 0)
    foreign = j - back.j
    matched = back.matched + size
    if foreign > 48 or matched < 20 or back.matched < 0.6 * (back.matched + back.skipped + foreign):
        return []
    start = max(0, i - back.i - foreign)
    other = left[start : i - back.i] != head[:foreign]
    number = other and numbers_aside(left[start : i - back.i]) == numbers_aside(head[:foreign])
    i, j = i + size, j + size
    found = []
    for end, cost in _ends(left[i:], head[j : j + len(left) - i + _BEYOND]):
        if matched < 0.6 * (matched + back.skipped + foreign + cost):
            continue
        edits = back.edits + number + -(-cost // _WORD)
        numbers = back.numbers + number
        numbers += cost > 0 and numbers_aside(left[i:]) == numbers_aside(head[j : j + end])
        unsure = left[-2:] != head[j + end - 2 : j + end]
        found.append(Near(start, j + end, edits, back.skipped + cost, numbers, foreign, unsure))
    return found


def _ends(last: str, head: str) -> list[tuple[int, int]]:
    """Where in `head`, which begins as `last` does, `last` may end, with the number of edits between: the fewest first,
    at most two.

    The distances of `last` to all prefixes of `head`, a column at a time (Myers 1999; Hyyro 2003).
    """
    size = len(last)
    if not size:
        return [(0, 0)]
    if size > _BEYOND:
        return []
    masks: dict[str, int] = {}
    for at, char in enumerate(last):
        masks[char] = masks.get(char, 0) | 1 << at
    every, top = (1 << size) - 1, 1 << size - 1
    up, down, cost = every, 0, size
    found = [(cost, True, 0)]
    for at, char in enumerate(head):
        same = masks.get(char, 0)
        across = (((same & up) + up) ^ up) | same | down
        plus = down | ~(across | up) & every
        minus = up & across
        cost += (plus & top > 0) - (minus & top > 0)
        plus = (plus << 1 | 1) & every
        minus = minus << 1 & every
        up = minus | ~(same | down | plus) & every
        down = plus & (same | down)
        found.append((cost, char != last[-1], at + 1))
    found.sort()
    best = found[0]
    other = next((f for f in found[1:] if abs(f[2] - best[2]) > 1 and not f[1] and f[0] <= best[0] + 3), None)
    return [(best[2], best[0]), *([(other[2], other[0])] if other else [])]


def own_words(left: str, near: Near, head: str) -> tuple[float, float]:
    """What a repeat with changes says of the passage that it would repeat, and of no other.

    Rows of a table, entries of a list and lines of a log resemble each other. Only a repeat has what no earlier row
    has.

    Returns:
        How many characters only the end of the text has, up to `_ALL`, and the share of them that the head says again.
    """
    return _own(left[near.start :], left[: near.start], head[: near.end])


def _own(passage: str, earlier: str, again: str) -> tuple[float, float]:
    """How many characters of a passage stand nowhere before it, up to `_ALL`, and the share that is said again."""
    step = max(1, len(passage) // _GRAMS)
    grams = (passage[i : i + _GRAM] for i in range(0, len(passage) - _GRAM, step))
    own = [gram for gram in grams if gram not in earlier]
    if not own:
        return 0.0, 0.0
    return min(_ALL, len(own) * step), sum(gram in again for gram in own) / len(own)


def own_numbers(left: str, near: Near, head: str) -> bool:
    """Whether the repeat says a number of the passage that stands nowhere before it."""
    passage, earlier, again = left[near.start :], left[: near.start], head[: near.end]
    return any(number in again and number not in earlier for number in _NUMBER.findall(passage))


def may_repeat(left: str, head: str) -> int | None:
    """Where in `left` all of `head`, a few edits aside, may repeat a part that has not reached its end; or None."""
    size = len(head)
    if size < 12:
        return left.rfind(head) if head in left else None
    probes = [head[i : i + 6] for i in range(size // 6, size - 6, max(1, size // 6))]
    followed: set[int] = set()
    for offset in (0, 6, 14, 24, 40):
        seed = head[offset : offset + 12]
        if len(seed) < 12:
            break
        at = left.rfind(seed)
        tries = 0
        while at >= 0 and tries < 4:
            start = max(0, at - offset)
            if start not in followed and _resembles(left[start : at + size + _SKIP], probes):
                followed.add(start)
                w = walk(left, at, head, offset)
                if w.j >= size - 12 and w.matched >= 0.6 * size and (size < _SURE or _same(left, start, head)):
                    return start
            tries += 1
            at = left.rfind(seed, 0, at)
    return None


def _same(left: str, start: int, head: str) -> bool:
    """Whether `head` says what only the passage at `start` has, and not just what its like have as well."""
    passage = left[start : start + len(head)]
    size, share = _own(passage, left[:start] + left[start + len(head) :], head)
    return size >= _GRAM and share >= 0.5


def _resembles(passage: str, probes: list[str]) -> bool:
    """Whether a passage has a third of what a repeat of it has at regular distances: a cheap test before a walk."""
    return 3 * sum(probe in passage for probe in probes) >= len(probes)


def templated(form: str) -> float:
    """How much of the text says again, numbers aside, what it has said before: 0 (prose) to 1 (a log, a grid)."""
    plain = numbers_aside(form[-3000:])
    if len(plain) < 94:
        return 0.0
    old = len(plain) - 620 if len(plain) > 640 else len(plain) // 2
    recent = range(old, len(plain) - 14, 8)
    before = plain[: old + 13]
    return sum(plain[i : i + 14] in before for i in recent) / len(recent)


def led_up_to(form: str, near: Near) -> int:
    """How many characters of a form, up to `_LED`, stand before the passage that would be repeated as they do at the
    end: a text that goes on as it did then need not repeat itself."""
    return _agree(form[max(0, near.start - _LED) : near.start][::-1], 0, form[-_LED:][::-1], 0)


def new_words(passage: str, again: str, form: str) -> int:
    """How many words of a repeat with changes the text has never said, up to `_NEW`; `form` is its normal form.

    Who says something again loses or mixes up words, or letters of one; the next record has words of its own, and has
    them again and again.
    """
    old = {normal(word) for word in _WORDS.findall(_composed(passage))}
    count = 0
    for word, times in islice(Counter(_WORDS.findall(_composed(again))[:-1]).items(), _WORDS_SEEN):
        new = normal(word)
        if new not in form and not any(_lost_a_letter(new, known) for known in old):
            count += times
        if count >= _NEW:
            break
    return min(count, _NEW)


def _composed(text: str) -> str:
    """The text with whole letters, and without the escapes that Markdown puts into names."""
    return unicodedata.normalize("NFC", text).replace("\\", "")


def _lost_a_letter(word: str, known: str) -> bool:
    """Whether a word is another one without one of its letters."""
    if len(word) + 1 != len(known):
        return False
    at = next((i for i, char in enumerate(word) if char != known[i]), len(word))
    return word[at:] == known[at + 1 :]
