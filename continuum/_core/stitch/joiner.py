"""Joins a reply to the text before it as it comes in, and joins finished pieces the same way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from continuum._core.errors import ConfigurationError
from continuum._core.stitch.before import Before
from continuum._core.stitch.closing import Closing
from continuum._core.stitch.decide import Context, Join, Verdict, decide
from continuum._core.types import Seam, rebuild_raw

if TYPE_CHECKING:
    from collections.abc import Sequence

_STRANGE = 0.3
"""How sure it is that a reply is right that is written in another way than the text."""
_FIRST_CHECK, _NEXT_CHECK = 32, 128
"""Characters of a reply after which the decision is tried, first for what simply goes on (what becomes of a rest takes
twice as many); each later time on twice as many."""


class Joiner:
    """Joins one reply to the text before it, delta by delta.

    The decision is taken at fixed numbers of received characters (32 or 64, 128, 256, ...) and at the end, so it
    depends on the text alone and not on how it is cut into deltas. Until then everything is held back.

    Args:
        left: the whole text so far.
        rest: the last `rest` characters of `left` were not shown to the model. The reply may contain, replace or
        follow them.
        anchor: what the model was asked to begin its reply with, a suffix of the text shown; None if nothing.
        in_place: the server was asked to go on with the assistant turn in place.
        echo: with `in_place`, the assistant text that was sent; a server may repeat it in front of the reply.

    Attributes:
        join: the decision, None while undecided.
        trimmed: after `finish()`, what was removed from the end of the reply.
        doubt: after `finish()`, what is strange about all of it; "" if nothing is.
        peak_held: the largest value of `held` so far.
        decided_at: how many characters of the reply the decision was taken on.
    """

    def __init__(
        self, left: str, *, rest: int = 0, anchor: str | None = None, in_place: bool = False, echo: str | None = None
    ) -> None:
        self._left = left
        self._rest = max(0, min(rest, len(left)))
        self._anchor = anchor
        self._in_place = in_place
        self._echo = echo if in_place else None
        self._stripped = _stripped(left, self._echo)
        self._context: Context | None = None
        self._pending = ""
        self._next_check = 2 * _FIRST_CHECK if self._rest else _FIRST_CHECK
        self._closing: Closing | None = None
        self._finished = False
        self.join: Join | None = None
        self.trimmed = self.doubt = ""
        self.peak_held = 0
        self.decided_at = 0

    @property
    def held(self) -> int:
        """Characters received and not yet emitted."""
        return len(self._pending)

    def feed(self, delta: str) -> str:
        """Take a piece of the reply and return what can be emitted now."""
        self._pending += delta
        out = ""
        while self.join is None and len(self._pending) >= self._next_check:
            verdict = self._decide(self._pending[: self._next_check], final=False)
            self.decided_at = self._next_check
            self._next_check = max(_NEXT_CHECK, 2 * self._next_check)
            if verdict is not None:
                out = self._settle(verdict)
        if self.join is not None:
            out += self._flush(final=False)
        self.peak_held = max(self.peak_held, len(self._pending))
        return out

    def finish(self) -> str:
        """Say that the reply has ended; return the remaining text to emit."""
        if self._finished:
            return ""
        self._finished = True
        out = ""
        if self.join is None:
            verdict = self._decide(self._pending, final=True)
            self.decided_at = len(self._pending)
            assert verdict is not None
            out = self._settle(verdict)
        return out + self._flush(final=True)

    def _settle(self, verdict: Verdict) -> str:
        self.join = verdict.join
        self._context = None  # what was worked out for it is larger than the reply
        self._closing = Closing(self._left, verdict.wrapper, verdict.join.overlap > 0)
        self._pending = self._pending[verdict.join.removed :]
        return verdict.join.inserted

    def _flush(self, *, final: bool) -> str:
        """Emit what is pending, but for what may have to be trimmed from the end of the reply."""
        assert self._closing is not None
        out, rest = self._closing.take(self._pending, final=final)
        self._pending = "" if final else rest
        if final:
            self.trimmed, self.doubt = rest, self._closing.doubt()
        return out

    def _decide(self, head: str, *, final: bool) -> Verdict | None:
        if self._echo is not None:
            verdict = self._echoed(head, final)
            if verdict is not None or (not final and self._echo.startswith(head.rstrip())):
                return verdict
        if self._in_place and self._rest == 0:
            if not self._stripped or head.strip() or final:
                return Verdict(self._exact(head, 0, "the server went on in place"))
            return None
        if self._context is None:
            shown = self._left[: len(self._left) - self._rest]
            self._context = Context(Before(shown), self._rest, self._anchor, self._in_place)
        return decide(self._left, head, self._context, final)

    def _echoed(self, head: str, final: bool) -> Verdict | None:
        """The server repeated the assistant text in front of the reply."""
        echo = self._echo or ""
        if not echo or not head.startswith(echo):
            return None
        body = head[len(echo) :]
        if not final and not body.strip():
            return None
        if self._rest == 0:
            return Verdict(self._exact(head, len(echo), "the server went on in place and repeated the text"))
        return None

    def _exact(self, head: str, start: int, note: str) -> Join:
        """The reply goes on by construction; white space that was stripped for the wire is there exactly once."""
        blank = self._stripped
        own = head[start : len(head) - len(head[start:].lstrip())]
        if blank and own.startswith(blank):
            start += len(blank)
        elif blank and own and blank.startswith(own):
            start += len(own)
        kind = "nothing_new" if not head[start:].strip() and start else "exact"
        return Join(kind, start, 0, "", start, 0.99, False, note)  # type: ignore[arg-type]


def _stripped(left: str, sent: str | None) -> str:
    """The white space at the end of the text that was left out of what was sent."""
    blank = left[len(left.rstrip()) :]
    return "" if sent is None or sent.endswith(blank) else blank


@dataclass(frozen=True, slots=True)
class Joined:
    """A stitched text and the account of its joins.

    Attributes:
        text: the whole of it.
        seams: one for each join, and one for each trim at the end of a piece.
    """

    text: str
    seams: tuple[Seam, ...]

    @property
    def raw_segments(self) -> tuple[str, ...]:
        """The pieces as they came in, character for character."""
        return rebuild_raw(self.text, self.seams, self.seams[-1].round if self.seams else 1)


def stitch(chunks: Sequence[str], anchors: Sequence[str | None] | None = None) -> Joined:
    """Join the pieces of an answer that was cut off.

    Args:
        chunks: the replies, in order.
        anchors: `anchors[i]` is what chunk i + 1 was asked to begin with, or None.

    Returns:
        The text and its seams.

    Raises:
        ConfigurationError: `chunks` or `anchors` is one text, which would be taken for as many as it has characters.
    """
    for name, value in (("chunks", chunks), ("anchors", anchors)):
        if isinstance(value, str):
            raise ConfigurationError(f"{name}={value[:40]!r}: expected a list of texts, such as [first, second]")
    text = chunks[0] if chunks else ""
    seams: list[Seam] = []
    for i, chunk in enumerate(chunks[1:]):
        joiner = Joiner(text, anchor=anchors[i] if anchors is not None and i < len(anchors) else None)
        new = joiner.feed(chunk) + joiner.finish()
        assert joiner.join is not None
        at = len(text) - joiner.join.replaced
        seams += seams_of(joiner, text, chunk, at + len(new), i + 2)
        text = text[:at] + new
    return Joined(text, tuple(seams))


def seams_of(joiner: Joiner, left: str, reply: str, end: int, round_number: int) -> list[Seam]:
    """The seams that account for one reply, which is over and ends at `end` of the text."""
    join = joiner.join
    assert join is not None
    at = len(left) - join.replaced
    return [seam_of(join, at, round_number, reply[: join.removed], left[at:]), *seams_at_end(joiner, end, round_number)]


def seams_at_end(joiner: Joiner, at: int, round_number: int) -> list[Seam]:
    """The seams of the end of a reply, which is over: what was trimmed there, and what is strange about all of it."""
    found = [trim_of(joiner.trimmed, at, round_number)] if joiner.trimmed else []
    if joiner.doubt:
        found.append(Seam(at, round_number, "plain", confidence=_STRANGE, ambiguous=True, note=joiner.doubt))
    return found


def seam_of(join: Join, at: int, round_number: int, removed: str, replaced: str) -> Seam:
    """The seam of a join: what of the reply and of the text before it, which ends at `at` now, is not in the text."""
    return Seam(
        offset=at + len(join.inserted),
        round=round_number,
        kind=join.kind,
        removed=removed,
        inserted=join.inserted,
        replaced=replaced,
        overlap=join.overlap,
        confidence=join.confidence,
        ambiguous=join.ambiguous,
        note=join.note,
    )


def trim_of(trimmed: str, at: int, round_number: int) -> Seam:
    """The seam of what was trimmed from the end of a reply at `at`."""
    wrapper = not trimmed.strip("\n `~:-") or trimmed.strip().startswith("</")
    what = "the end of a wrapper" if wrapper else "a note to the reader behind the text"
    return Seam(at, round_number, "nothing_new", trimmed, note=what)
