"""The instructions that the machine gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from continuum._core.types import Turn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from continuum._core.types import Failure, Purpose, Reason


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request.

    Attributes:
        round: the round that its reply will count as, from 1.
        reason: why it is sent, see `Purpose`.
        turns: messages to add after the caller's own.
        in_place: the last turn is the assistant's and is to be gone on with.
        max_tokens: cap to send instead of the caller's; None: as the caller wrote it.
        lower_effort: tell the model to reason less than the caller asked for.
        hidden: characters of the text, from its beginning on, that the turns do not show.
        text: what can be shown to the reader now.
        evidence: what the decision rests on, for logs.
    """

    round: int
    reason: Purpose
    turns: tuple[Turn, ...] = ()
    in_place: bool = False
    max_tokens: int | None = None
    lower_effort: bool = False
    hidden: int = 0
    text: str = ""
    evidence: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values, if the provider's blocks are; without `text`, which is shown once."""
        return {
            "round": self.round,
            "reason": self.reason,
            "turns": [turn.to_json() for turn in self.turns],
            "in_place": self.in_place,
            "max_tokens": self.max_tokens,
            "lower_effort": self.lower_effort,
            "hidden": self.hidden,
            "evidence": self.evidence,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Send:
        """The inverse of `to_dict`."""
        return cls(**{**data, "turns": tuple(map(Turn.from_json, data["turns"]))})


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait, then call `resume()`.

    Attributes:
        reason: what made it necessary, in a few words.
        attempt: 1 for the first wait in a row; the driver's backoff grows with it.
        retry_after: seconds that the server asked for, None if it did not say.
        text: what can be shown to the reader now.
    """

    reason: str
    attempt: int
    retry_after: float | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """The run is over; `Continuation.result()` has everything.

    Attributes:
        reason: why.
        complete: the model finished by itself.
        text: the last text to show to the reader.
        failure: the failure that ended the run, if one did.
        evidence: what the decision rests on, for logs and errors.
    """

    reason: Reason
    complete: bool
    text: str = ""
    failure: Failure | None = None
    evidence: str = ""


Action = Send | Wait | Done
