"""One document to draft, and what came of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from continuum._core.policy import Policy
from continuum._core.types import CutToolCall, Seam, Usage

if TYPE_CHECKING:
    from continuum._core.types import FinishReason, Reason, Result

Status = Literal["complete", "incomplete", "failed"]


class Job(BaseModel):
    """One document to draft. Frozen; unknown fields are errors.

    What is None is taken from the settings of the run.

    Raises:
        pydantic.ValidationError: (a `ValueError`) if a value is out of range or two values contradict each other.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: str = Field(min_length=1, max_length=512)
    """Its name: unique in a run, found again in the results and after a restart. A whole number is taken as text."""
    prompt: str | None = None
    """What to ask, as one user turn; or else `messages`."""
    messages: tuple[dict[str, Any], ...] | None = None
    """The conversation in the provider's own form, the SDK's objects included, ending on a user turn; or else
    `prompt`."""
    system: str | None = None
    """A system prompt, for a job with a `prompt`."""
    model: str | None = None
    """The model to ask, if not the run's."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Output cap of one request, if not the run's."""
    params: dict[str, Any] = Field(default_factory=dict)
    """Other arguments of the SDK's `create()`; they go over those of the run."""
    policy: dict[str, Any] = Field(default_factory=dict)
    """Fields of `continuum.Policy`; they go over those of the run."""

    @field_validator("id", mode="before")
    @classmethod
    def _number_is_a_name(cls, id: Any) -> Any:
        return str(id) if isinstance(id, int) and not isinstance(id, bool) else id

    @field_validator("messages", mode="before")
    @classmethod
    def _objects_are_messages(cls, messages: Any) -> Any:
        """The SDK's own objects, as its `create()` takes them."""
        if not isinstance(messages, list | tuple):
            return messages
        return [
            message.model_dump(mode="json", exclude_unset=True) if isinstance(message, BaseModel) else message
            for message in messages
        ]

    @field_validator("policy")
    @classmethod
    def _policy_is_one(cls, policy: dict[str, Any]) -> dict[str, Any]:
        Policy(**policy)
        return policy

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if (self.prompt is None) == (self.messages is None):
            raise ValueError("a job needs a prompt or messages, and not both")
        if self.prompt is not None and not self.prompt.strip():
            raise ValueError("the prompt is empty; say what to write")
        if self.messages is not None and not self.messages:
            raise ValueError("messages is empty; end it on a user turn")
        if self.system is not None and self.messages is not None:
            raise ValueError("system stands beside a prompt; with messages, put it into them")
        return self

    def fingerprint(self) -> str:
        """SHA-256 of all that decides what is asked; the id is not part of it."""
        data = self.model_dump(mode="json", exclude={"id"}, exclude_defaults=True)
        canonical = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class JobResult:
    """What came of one job.

    Attributes:
        id: the job's.
        status: `complete`; `incomplete`: there is text, but not all of it; `failed`: nothing usable came.
        text: the stitched text, also where it is incomplete.
        complete: true only if the model finished by itself.
        finish_reason: how the last round ended, in the common vocabulary.
        reason: why the run of this document ended, see `continuum.Reason`.
        rounds: requests whose reply was paid for, those before a restart included.
        usage: tokens of all rounds.
        cost: US dollars, None if the price of the model is not known.
        seams: every join.
        model: the model as the provider names it.
        failure: what ended it, for people; None if nothing did.
        cut_tool_calls: the tool calls of replies that did not end by themselves, see `continuum.Result`.
    """

    id: str
    status: Status
    text: str
    complete: bool
    finish_reason: FinishReason
    reason: Reason
    rounds: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: float | None = None
    seams: tuple[Seam, ...] = ()
    model: str | None = None
    failure: str | None = None
    cut_tool_calls: tuple[CutToolCall, ...] = ()

    @classmethod
    def of(cls, job_id: str, result: Result, failure: str | None = None) -> JobResult:
        """The result of a job from that of its run."""
        status: Status = "complete" if result.complete else "incomplete" if result.text else "failed"
        return cls(
            id=job_id,
            status=status,
            text=result.text,
            complete=result.complete,
            finish_reason=result.finish_reason,
            reason=result.reason,
            rounds=result.rounds,
            usage=result.usage,
            cost=result.cost,
            seams=result.seams,
            model=result.model,
            failure=failure,
            cut_tool_calls=result.cut_tool_calls,
        )
