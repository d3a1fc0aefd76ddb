"""Exact overlaps: every way in which the end of the text is the beginning of the reply.

A probe with `str.find` and one comparison per hit run at C speed; the number of hits is bounded, and
behind the bound the failure function of Knuth, Morris and Pratt finds the rest in a bounded window.
"""

from __future__ import annotations

_PROBE = 16
_MAX_HITS = 100
_KMP_WINDOW = 4096
_MAX_BORDERS = 48
_LARGE = 65_536
"""Characters of a reply from which on no more of the longest are looked for than are taken."""


def borders(left: str, head: str) -> list[int]:
    """All k > 0 with `left[-k:] == head[:k]`, longest first (at most 48: the longest and the shortest ones)."""
    found: list[int] = []
    tail = left[-len(head) :] if head else ""
    seed = head[:_PROBE]
    size, hits = len(tail), 0
    at = tail.find(seed) if len(seed) == _PROBE else -1
    enough = _MAX_HITS if len(head) <= _LARGE else _MAX_BORDERS // 2
    while at >= 0 and hits < _MAX_HITS and len(found) < enough:
        if head.startswith(tail[at:]):
            found.append(size - at)
        hits += 1
        at = tail.find(seed, at + 1)
    if at >= 0:
        found += [k for k in _failure_borders(tail[-_KMP_WINDOW:], head[:_KMP_WINDOW]) if k >= _PROBE]
        found = sorted(set(found), reverse=True)
    first = head[0] if head else ""
    for k in range(min(_PROBE - 1, len(head), len(left)), 0, -1):
        if left[-k] == first and left.endswith(head[:k]):
            found.append(k)
    if len(found) > _MAX_BORDERS:
        found = found[: _MAX_BORDERS // 2] + found[-_MAX_BORDERS // 2 :]
    return found


def _failure_borders(tail: str, head: str) -> list[int]:
    """The borders of head + separator + tail through the failure function; linear."""
    fail = [0] * len(head)
    k = 0
    for i in range(1, len(head)):
        while k and head[i] != head[k]:
            k = fail[k - 1]
        if head[i] == head[k]:
            k += 1
        fail[i] = k
    k = 0
    last = len(head)
    for char in tail:
        while k and (k == last or char != head[k]):
            k = fail[k - 1]
        if k < last and char == head[k]:
            k += 1
    found = []
    while k:
        found.append(k)
        k = fail[k - 1]
    return found


def period(text: str) -> int:
    """The smallest p, at most half the length, with `text[p:] == text[:-p]`; the length itself if there is none."""
    half = text[: (len(text) + 1) // 2]
    at = text.find(half, 1)
    while at > 0:
        if text.startswith(text[at:]):
            return at
        at = text.find(half, at + 1)
    return len(text)


def squares(text: str, k: int) -> int:
    """How often, up to 8, a stretch of k characters is followed by itself in `text`.

    The text is compared with itself k characters later, all at once as two large integers; a run of k zeros is a
    square.
    """
    if k <= 0 or len(text) < 2 * k:
        return 0
    data = text.encode("utf-32-le", "surrogatepass")
    first, later = int.from_bytes(data[: -4 * k], "little"), int.from_bytes(data[4 * k :], "little")
    same = (first ^ later).to_bytes(len(data) - 4 * k, "little")
    count, tries, zeros = 0, 0, bytes(4 * k)
    at = same.find(zeros)
    while at >= 0 and count < 8 and tries < 40:
        tries += 1
        start = -(-at // 4)
        # A rule of dashes, an indent or a run of one figure says nothing about doubling.
        count += len({*text[start : start + k].strip()}) >= (3 if k > 6 else 2)
        at = same.find(zeros, at + 4 * k)
    return count


def running(left: str, head: str) -> int:
    """Index at which all of `head` stands in `left` without reaching its end; -1 if it does not.

    The reply may be repeating from there on: more of it will tell.
    """
    if len(head) < 2 or len(head) >= len(left):
        return -1
    return left.find(head, 0, len(left) - 1)


def runs(left: str, head: str, most: int = 8) -> list[int]:
    """The last places, up to `most`, where all of `head` stands in `left` without reaching its end."""
    if len(head) < 2 or len(head) >= len(left) or running(left, head) < 0:
        return []
    found: list[int] = []
    window = max(0, len(left) - 65_536 - len(head))
    at = left.find(head, window, len(left) - 1)
    while at >= 0 and len(found) < most:
        found.append(at)
        at = left.find(head, at + 1, len(left) - 1)
    return found or [running(left, head)]
