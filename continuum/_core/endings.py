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
        start: index at which the sequence begins, with the white space before an end marker.
        what: the evidence in a few words.
    """

    start: int
    what: str


class Endings:
    """What ends the text of one run.

    Args:
        stops: the caller's stop sequences.
        marker: what the model was asked to close with, None if nothing.
    """

    __slots__ = ("_longest", "marker", "stops")

    def __init__(self, stops: tuple[str, ...] = (), marker: str | None = None) -> None:
        self.stops = tuple(stop for stop in stops if stop)
        self.marker = marker
        self._longest = max((len(word) for word in (*self.stops, marker or "")), default=0)

    def __bool__(self) -> bool:
        return self._longest > 0

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
                found.append(End(len(window[:at].rstrip()), "the end marker"))
        for stop in self.stops if seam is not None and seam > 0 else ():
            assert seam is not None
            at = window.find(stop, max(0, seam - len(stop) + 1), seam + len(stop) - 1)
            if at >= 0:
                found.append(End(at, f"the stop sequence {stop!r}, across a cut"))
        return min(found, default=None)

    def held(self, tail: str) -> int:
        """How many characters at the end of a text may be part of an end."""
        begun = self.begun(tail)
        if self.marker and (begun == 0 or self.marker.startswith(tail[-begun:])):
            return len(tail) - len(tail[: len(tail) - begun].rstrip())
        return begun

    def begun(self, tail: str) -> int:
        """How many characters at the end of a text begin a stop sequence or the marker."""
        for size in range(min(self._longest - 1, len(tail)), 0, -1):
            if any(word.startswith(tail[-size:]) and len(word) > size for word in (*self.stops, self.marker or "")):
                return size
        return 0
