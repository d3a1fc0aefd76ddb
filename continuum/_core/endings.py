"""Where the joined text ends before the model's last word: at the caller's stop sequence, or at the end marker.

A server honours stop sequences in each reply. One that lies half before a cut and half behind it is seen here alone,
and so is the end marker, which is no part of the answer. Both are known only when they are whole, so what may be the
beginning of one is held back.
"""

from __future__ import annotations

from typing import NamedTuple


class End(NamedTuple):
    """A place where the text ends.

    Attributes:
        behind: index behind the sequence. The one that is whole first ends the text.
        start: index at which it begins, with the white space before an end marker.
        what: the evidence in a few words.
    """

    behind: int
    start: int
    what: str


class Endings:
    """What ends the text of one run.

    Args:
        stops: the caller's stop sequences.
        marker: what the model was asked to close with, None if nothing.
    """

    __slots__ = ("marker", "stops")

    def __init__(self, stops: tuple[str, ...] = (), marker: str | None = None) -> None:
        self.stops = tuple(stop for stop in stops if stop)
        self.marker = marker

    def __bool__(self) -> bool:
        return bool(self.stops or self.marker)

    def find(self, window: str, fresh: int, seam: int | None) -> End | None:
        """Look for an end.

        Args:
            window: the end of the text.
            fresh: how many characters at its end are new.
            seam: index in `window` of the last cut; a stop sequence counts only across it. None: not in `window`.
        """
        found: list[End] = []
        if self.marker:
            at = window.find(self.marker, max(0, len(window) - fresh - len(self.marker) + 1))
            if at >= 0:
                found.append(End(at + len(self.marker), len(window[:at].rstrip()), "the end marker"))
        for stop in self.stops if seam is not None and seam > 0 else ():
            assert seam is not None
            at = window.find(stop, max(0, seam - len(stop) + 1), seam + len(stop) - 1)
            if at >= 0:
                found.append(End(at + len(stop), at, f"the stop sequence {stop!r}, across a cut"))
        return min(found, default=None)

    def held(self, tail: str) -> int:
        """How many characters at the end of a text may be part of an end."""
        if not self.marker:
            return self.begun(tail)
        before = tail[: len(tail) - _begun(tail, (self.marker,))].rstrip()
        return max(self.begun(tail), len(tail) - len(before))

    def begun(self, tail: str) -> int:
        """How many characters at the end of a text begin a stop sequence."""
        return _begun(tail, self.stops)


def _begun(tail: str, words: tuple[str, ...]) -> int:
    longest = max(map(len, words), default=0)
    for size in range(min(longest - 1, len(tail)), 0, -1):
        if any(word.startswith(tail[-size:]) and len(word) > size for word in words):
            return size
    return 0
