"""Where the characters of each reply stand in the joined text, as the seams tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from continuum._core.types import Seam


class Place(NamedTuple):
    """Where a character of a reply stands in the joined text: `base + index`, but `start` for what was skipped.

    Attributes:
        end: where the next reply goes on; None if this is the last so far.
        gone: nothing of the reply is in the text.
    """

    base: int
    start: int
    skipped: int
    end: int | None
    gone: bool

    def of(self, index: int) -> int:
        """The index into the joined text for one into the reply; white space put at the join goes with the reply."""
        found = self.start if index <= self.skipped else self.base + index
        return found if self.end is None else min(found, self.end)

    def kept(self, size: int) -> tuple[int, int]:
        """From where to where the reply is in a joined text of `size` characters, as indices into the reply."""
        end = (size if self.end is None else self.end) - self.base
        return (0, 0) if self.gone or end <= self.skipped else (self.skipped, end)


def place_of(round: int, seams: Sequence[Seam]) -> Place | None:
    """How to find a reply's characters in the joined text; None if its join is not decided.

    Seams stand in the order of the text, which need not be that of the rounds.
    """
    own = next((at for at, seam in enumerate(seams) if seam.round == round), None) if round > 1 else -1
    if own is None:
        return None
    after = next((seam for seam in seams[own + 1 :] if seam.round != round), None)
    end = after.offset - len(after.inserted) if after is not None else None
    if own < 0:
        return Place(0, 0, 0, end, gone=False)
    seam = seams[own]
    skipped = len(seam.removed)
    return Place(seam.offset - skipped, seam.offset - len(seam.inserted), skipped, end, seam.kind == "nothing_new")
