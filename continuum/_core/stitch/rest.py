"""The unfinished rest that was not shown to the model: the reply contains it, follows it, or takes its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from continuum._core.stitch.normal import normal, raw_end

if TYPE_CHECKING:
    from continuum._core.stitch.price import Flow

_FOLLOWS = 4.0
_AHEAD = 6
_SENTENCE_ENDS = ".!?。！？…"


class Fate(NamedTuple):
    """What becomes of the rest.

    Attributes:
        dropped: characters of the reply that repeat the rest.
        replaced: whether the rest gives way.
        nothing: whether the reply adds nothing.
        note: the evidence.
    """

    dropped: int
    replaced: bool
    nothing: bool
    note: str


def fate(shown: str, rest: str, body: str, flow: Flow) -> Fate:
    """Decide what becomes of `rest`, which stands behind `shown`, when the reply goes on with `body`."""
    if not body.strip() or (len(body) <= 2 * len(rest) + 32 and normal(rest).startswith(normal(body))):
        return Fate(len(body), False, True, "it added nothing")
    contained = _contained(rest, body)
    if contained is not None:
        return Fate(contained, False, not body[contained:].strip(), "it contains the rest")
    if _follows(shown, rest, body, flow):
        return Fate(0, False, False, "it goes on after the rest")
    return Fate(0, True, False, "it takes the place of the unfinished rest")


def _contained(rest: str, body: str) -> int | None:
    """How many characters of `body` repeat `rest` at its start, white space aside; None if it does not."""
    if body.startswith(rest):
        return len(rest)
    bare = rest.strip()
    if not bare:
        return 0
    skip = len(body) - len(body.lstrip())
    if body.startswith(bare, skip):
        end = skip + len(bare)
        blank = rest[len(rest.rstrip()) :]
        return end + (len(blank) if blank and body.startswith(blank, end) else 0)
    form = normal(rest)
    if len(form) >= 4 and normal(body[: 2 * len(rest) + 32]).startswith(form):
        return raw_end(body, len(form))
    return None


def _follows(shown: str, rest: str, body: str, flow: Flow) -> bool:
    """Whether `body` begins in the middle of something that `shown` has ended and `rest` has begun."""
    if not rest.strip():
        return True
    first = body[0]
    if first in " \t" and shown[-1:].isspace() and not rest[-1:].isspace() and body[1:2].strip():
        return True
    ended = shown.rstrip()[-1:] in _SENTENCE_ENDS
    if ended and (first.islower() or first in ",;)"):
        return True
    start = body[:_AHEAD]
    # Only white space or a mark tells where nothing was ended by a full stop: words begin lines of code as well.
    return not first.isalnum() and flow.cost(shown + rest, start) + _FOLLOWS < flow.cost(shown, start)
