"""What is known of the text before a reply: worked out when first needed, and once for all looks at the reply."""

from __future__ import annotations

from functools import cached_property

from continuum._core.stitch.indent import Margins, margins
from continuum._core.stitch.json_syntax import Syntax, syntax
from continuum._core.stitch.near import templated
from continuum._core.stitch.normal import normal, numbers_aside
from continuum._core.stitch.overlap import squares
from continuum._core.stitch.price import Flow
from continuum._core.stitch.shape import Lines, lines_of
from continuum._core.stitch.structure import open_fence

_FORM_WINDOW = 8000
_LARGE = 32_768
OPENING = 120
_HABITS = 12_000
_KNOWN = 40
"""Characters of what was said before that are looked for, and how many places are looked at."""
_PIECE, _PIECES = 20, 100
"""Characters of the pieces that tell how much the text says twice, and how many are looked at."""
_NEXT = 8
"""Characters that tell how the text went on there, and that are taken along from before."""


class Before:
    """The text before the reply, and what is worked out about it when first needed."""

    def __init__(self, left: str) -> None:
        self.left = left
        self.tail = left[-_FORM_WINDOW:]
        self._doubles: dict[int, int] = {}

    def look_back(self, body: str) -> None:
        """Let the normal form reach back further if `body` may begin the text again and the start is out of sight."""
        if len(self.left) > len(self.tail):
            start = normal(body[:OPENING])
            if any(start[i : i + 12] in self.opening for i in (0, 8, 16, 28) if len(start) >= i + 12):
                self.tail = self.left[-_LARGE:]
                for known in ("form", "twice"):
                    self.__dict__.pop(known, None)
                self._doubles.clear()  # counted in the shorter tail

    @cached_property
    def opening(self) -> str:
        """The normal form of the start of the text."""
        return normal(self.left[: 4 * OPENING])

    @cached_property
    def flow(self) -> Flow:
        """Prices text by what was said before."""
        return Flow(self.left)

    @cached_property
    def form(self) -> str:
        """The normal form of the end of the text."""
        return normal(self.tail)

    @cached_property
    def templated(self) -> float:
        """How much of the text follows a template."""
        return templated(self.form)

    @cached_property
    def twice(self) -> float:
        """How much of the text says again what stands before it: four times the share of its pieces, 0 to 1."""
        tail, step = self.tail, max(_PIECE // 2, len(self.tail) // _PIECES)
        places = range(step, len(tail) - _PIECE, step)
        pieces = ((at, tail[at : at + _PIECE]) for at in places)
        said = [tail.find(piece) < at for at, piece in pieces if len({*piece}) >= 6]
        return min(1.0, 4.0 * sum(said) / len(said)) if said else 1.0

    def doubles(self, k: int) -> int:
        """How often the text says a stretch of k characters twice in a row."""
        if k not in self._doubles:
            self._doubles[k] = squares(self.tail, k) if k <= len(self.tail) // 3 else 0
        return self._doubles[k]

    @cached_property
    def _plain(self) -> str:
        """The end of the text, numbers aside."""
        return numbers_aside(self.left[-_HABITS:])

    def followed(self, k: int, body: str) -> tuple[int, int]:
        """How often the text, when it said its last k characters before, said them once more, and how often it went on
        as the reply does behind them; numbers aside, and with a little of what stood before them if that was seen."""
        plain, said = self._plain, min(k, _KNOWN)
        again = numbers_aside(body[: min(k, _NEXT)])
        on = numbers_aside(body[k : k + _NEXT])
        if not on or again.startswith(on) or on.startswith(again):
            return 0, 0
        for before in (max(_NEXT, 12 - said), max(0, 12 - said)):
            what = plain[len(plain) - said - before :]
            found = [0, 0]
            at = plain.rfind(what, 0, len(plain) - 1)
            for _ in range(_KNOWN):
                if at < 0:
                    break
                behind = at + len(what)
                found[0] += plain.startswith(again, behind)
                found[1] += plain.startswith(on, behind)
                at = plain.rfind(what, 0, behind - 1)
            if any(found):
                return found[0], found[1]
        return 0, 0

    @cached_property
    def fence(self) -> str | None:
        """The code fence that is open at the end of the text."""
        return open_fence(self.left)

    @cached_property
    def syntax(self) -> Syntax | None:
        """Where the end of the text stands in a JSON text, None if it is none."""
        return syntax(self.left, self.fence)

    @cached_property
    def lines(self) -> Lines | None:
        """What its lines look like, None if they are unlike each other."""
        return lines_of(self.left)

    @cached_property
    def margins(self) -> Margins | None:
        """How its lines are indented, None if it breaks off within a line, or they hardly are."""
        return margins(self.left)
