"""The anchor: the words that the model was asked to begin with, found and verified in the head of the reply."""

from __future__ import annotations

from dataclasses import dataclass

from continuum._core.stitch.normal import dropped_head, normal, raw_end

REACH = 1000
"""How far into the reply the anchor is looked for."""
_MIN_PART = 12
_CLOSERS = frozenset("\"'”’»」』>])}`*")
_OPENERS = frozenset("\"'“‘„«「『<[({`*")


@dataclass(frozen=True, slots=True)
class Anchored:
    """Where the anchor ends in the reply, and how well it was matched."""

    start: int
    end: int
    exact: bool
    whole: bool
    open: bool = False


def find_anchor(anchor: str, head: str, final: bool) -> Anchored | None:
    """Find `anchor` in the first thousand characters of `head`; None if it is not there (yet).

    It may lack its first words, have other white space, quotes, marks or case, and stand in quotes.
    """
    wanted = anchor.rstrip()
    at = head.find(wanted, 0, REACH + len(wanted))
    if at >= 0:
        return _closed(head, at, at + len(wanted), True, True)
    form, target = normal(head[: REACH + 2 * len(wanted)]), normal(wanted)
    if not target:
        return None
    size = len(target)
    while size >= min(_MIN_PART, len(target)):
        at = form.find(target[-size:])
        whole = size == len(target)
        # A part of the anchor proves something only where the reply begins with it.
        if at >= 0 and (whole or at <= 4 or size >= max(24, len(target) // 2)):
            start, end = raw_end(head, at), raw_end(head, at + size)
            if at == 0:
                start = 0
            return _closed(head, start, end, False, whole)
        size = size - 1 if size <= 64 else size - 4
    return None


def _closed(head: str, start: int, end: int, exact: bool, whole: bool) -> Anchored:
    """Move the end over the closing marks of a wrapper that opened before the anchor."""
    before = head[max(0, start - 4) : start].rstrip(".… ")
    if not before or before[-1] not in _OPENERS:
        before = head[start : start + 1] if not exact else ""
    if before and before[-1] in _OPENERS:
        opened = len(before) - len(before.rstrip("".join(_OPENERS))) or 1
        count = 0
        while end + count < len(head) and count < opened and head[end + count] in _CLOSERS:
            count += 1
        end += count
    return Anchored(start, end, exact, whole)


def may_come(anchor: str, head: str) -> bool:
    """Whether the anchor may still be under way at the end of `head`."""
    if len(head) >= REACH + len(anchor):
        return False
    form, target = normal(head), normal(anchor)
    if not form:
        return True
    # The end of the head is inside a copy of the anchor.
    probe = form[-min(10, len(form)) :]
    return probe in target and not target.endswith(probe) or target.endswith(probe)


__all__ = ["REACH", "Anchored", "dropped_head", "find_anchor", "may_come"]
