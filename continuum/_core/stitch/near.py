"""Overlaps with changes: the end of the text said again with other white space, marks, case, or a few edited words.

Everything here works on normal forms. Candidates come from the last characters of the text found in the head of the
reply
(then the two are walked backwards to the start of the reply), or from the first characters of the reply found in the
text
(walked forwards to its end). The walk is greedy: it follows equal characters and, at a difference, takes the smallest
skip after which eight characters agree again (fewer near the end).
"""

from __future__ import annotations

from typing import NamedTuple

from continuum._core.stitch.overlap import borders

_SEED = 8
_SKIP = 56
_MAX_EDITS = 64
_GRAM = 10
_GRAMS = 64
_ALL = 400
NUMBERS = str.maketrans("123456789", "000000000")


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
    matched: int = 0
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
        if i >= len(a) or j >= len(b) or edits >= min(_MAX_EDITS, 1 + matched // 12):
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
    for x in range(min(_SKIP, left)):
        if x >= least or (size > left - x and (left > size or left - x < 3)):
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
    found += _from_end(left, head)
    if not found:
        found += _from_start(left, head)
    return found


def _from_end(left: str, head: str) -> list[Near]:
    """The last characters of the text stand in the head; what precedes them there must agree with the text."""
    found: list[Near] = []
    for size in (24, 14, 9):
        seed = left[-size:]
        at = head.find(seed)
        tries = 0
        while at >= 0 and tries < 6 and len(seed) == size:
            back, before = left[: len(left) - size][::-1][: at + 4 * _SKIP + 200], head[:at][::-1]
            w = walk(back, 0, before, 0)
            rest = len(before) - w.j
            if _believable(w, rest, size, at):
                start = len(left) - size - w.i - rest
                found.append(Near(max(0, start), at + size, w.edits, w.skipped, w.numbers, rest, w.matched))
            tries += 1
            at = head.find(seed, at + 1)
        if found:
            break
    return found


def _believable(w: Walk, rest: int, size: int, length: int) -> bool:
    """Whether so much agrees that the two are the same text."""
    if length == 0:
        return size >= 24
    total = w.matched + w.skipped + rest
    return w.matched >= 8 and w.matched + size >= 24 and w.matched >= 0.6 * total and rest <= 48


def _from_start(left: str, head: str) -> list[Near]:
    """The first characters of the head stand in the text; from there on both must agree up to the end of the text."""
    found: list[Near] = []
    for offset in (0, 8, 16, 28, 44):
        seed = head[offset : offset + 12]
        if len(seed) < 12:
            break
        at = left.rfind(seed)
        tries = 0
        while at >= 0 and tries < 4:
            w = walk(left, at, head, offset)
            rest = len(left) - w.i
            if rest <= 28 and w.matched >= 20 and w.matched >= 0.6 * (w.matched + w.skipped + offset + rest):
                found.append(
                    Near(max(0, at - offset), w.j, w.edits + (rest > 0), w.skipped + rest, w.numbers, rest > 0)
                )
            tries += 1
            at = left.rfind(seed, 0, at)
        if found:
            break
    return found


def own_words(left: str, near: Near, head: str) -> tuple[float, float]:
    """What a repeat with changes says of the passage that it would repeat, and of no other.

    Rows of a table, entries of a list and lines of a log resemble each other. Only a repeat has what no earlier row
    has.

    Returns:
        How many characters only the end of the text has, up to `_ALL`, and the share of them that the head says again.
    """
    passage, earlier, again = left[near.start :], left[: near.start], head[: near.end]
    step = max(1, len(passage) // _GRAMS)
    grams = (passage[i : i + _GRAM] for i in range(0, len(passage) - _GRAM, step))
    own = [gram for gram in grams if gram not in earlier]
    if not own:
        return 0.0, 0.0
    return min(_ALL, len(own) * step), sum(gram in again for gram in own) / len(own)


def may_repeat(left: str, head: str) -> int | None:
    """Where in `left` all of `head`, a few edits aside, may repeat a part that has not reached its end; or None."""
    size = len(head)
    if size < 12:
        return left.rfind(head) if head in left else None
    probes = [head[i : i + 6] for i in range(size // 6, size - 6, max(1, size // 6))]
    for offset in (0, 6, 14, 24, 40):
        seed = head[offset : offset + 12]
        if len(seed) < 12:
            break
        at = left.rfind(seed)
        tries = 0
        while at >= 0 and tries < 4:
            if _resembles(left[max(0, at - offset) : at + size + _SKIP], probes):
                w = walk(left, at, head, offset)
                if w.j >= size - 12 and w.matched >= 0.6 * size:
                    return max(0, at - offset)
            tries += 1
            at = left.rfind(seed, 0, at)
    return None


def _resembles(passage: str, probes: list[str]) -> bool:
    """Whether a passage has a third of what a repeat of it has at regular distances: a cheap test before a walk."""
    return 3 * sum(probe in passage for probe in probes) >= len(probes)


def templated(form: str) -> float:
    """How much of the text says again, numbers aside, what it has said before: 0 (prose) to 1 (a log, a grid)."""
    plain = form[-3000:].translate(NUMBERS)
    if len(plain) < 94:
        return 0.0
    old = len(plain) - 620 if len(plain) > 640 else len(plain) // 2
    recent = range(old, len(plain) - 14, 8)
    before = plain[: old + 13]
    return sum(plain[i : i + 14] in before for i in recent) / len(recent)
