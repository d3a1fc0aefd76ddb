"""The values that flow between the layers: frozen, slotted, made of strings and numbers.

Facts about a round (`Response`, `Failure`) are made by the providers and read by the machine. Values
for the caller (`Result`, `Seam`, `Usage`, `Segment`) are made by the machine. Nothing here decides anything.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from continuum._core.errors import ContinuumError, IncompleteError, ProviderError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FinishReason = Literal[
    "stop", "length", "tool_calls", "content_filter", "refusal", "context_window", "interrupted", "unknown"
]
"""Why a generation ended, in one vocabulary for all providers. `unknown` is never success."""

SeamKind = Literal["anchor", "exact", "overlap", "near", "restart", "plain", "gap", "nothing_new"]
"""How two replies were joined.

* `anchor`: the reply began with the words it had been asked to begin with (verified);
* `exact`: the server went on in place, so the reply follows by construction;
* `overlap`: the reply repeated the end of the text word for word;
* `near`: it repeated the end of the text with other white space, marks, quotes, case, or a few edits;
* `restart`: it began the line, paragraph, section, object or document again;
* `plain`: nothing was repeated, the reply follows as it stands;
* `gap`: something seems to be missing between the text and the reply; nothing was repaired;
* `nothing_new`: the reply (or the part of it that the seam speaks of) added nothing.
"""


Reason = Literal[
    "finished",
    "unclosed",
    "invalid",
    "no_progress",
    "repetition",
    "reasoning_exhausted",
    "tool_call_cut",
    "refused",
    "context_window",
    "unknown_finish",
    "max_rounds",
    "max_output_tokens",
    "max_cost",
    "deadline",
    "max_interruptions",
    "retries_exhausted",
    "rate_limited",
    "quota",
    "rejected",
    "failed",
    "cancelled",
    "running",
]
"""Why a run ended. Only `finished` is success; `unclosed` is a `stop` that left a fence, JSON or sentence open,
`invalid` a finished answer that is not of the type asked for, after one repair;
`running` stands on a snapshot of a run that goes on."""

Purpose = Literal["ask", "continue", "escalate", "resume", "reword", "retry", "reask", "repair"]
"""Why a request is sent: the caller's own, as it is; to go on from the text so far; the last one again with a larger
cap or less effort; a turn that the provider had suspended; the last one as a user turn; the same again after a failure;
the same again because the join is in doubt; for a corrected copy of a value."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one round or of a whole run.

    Attributes:
        input_tokens: all tokens read by the model, cached ones included.
        output_tokens: all tokens written by the model, reasoning included.
        cached_input_tokens: the part of `input_tokens` read from the provider's prompt cache.
        cache_write_tokens: the part of `input_tokens` written to the prompt cache.
        reasoning_tokens: the part of `output_tokens` spent on reasoning.
        estimated: true if any figure had to be estimated, as for a stream that broke before its usage came.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_input_tokens + other.cached_input_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.estimated or other.estimated,
        )

    def __sub__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens - other.input_tokens,
            self.output_tokens - other.output_tokens,
            self.cached_input_tokens - other.cached_input_tokens,
            self.cache_write_tokens - other.cache_write_tokens,
            self.reasoning_tokens - other.reasoning_tokens,
            self.estimated,
        )

    @property
    def total_tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Seam:
    """One place where a reply was joined to the text before it, or trimmed, or ends that is written in another way.

    Attributes:
        offset: index into the final text at which what follows the seam begins (after `inserted`).
        round: the round, counted from 1, whose reply goes on from here.
        kind: how the join was made, see `SeamKind`.
        removed: what the reply said here and the text does not, because the text had it or it was talk.
        inserted: what was put there by continuum; it stands just before `offset`. White space at a join, or U+FFFD for
            half of a character, which is `removed`.
        replaced: the unfinished end of the text before, which the reply said anew; it is not in the text.
        overlap: how many characters of `removed` repeat the text before.
        confidence: 0 to 1, how sure it is that the join is right.
        ambiguous: two readings were close; the text was kept where in doubt.
        note: the evidence in a few words, for people.
    """

    offset: int
    round: int
    kind: SeamKind
    removed: str = ""
    inserted: str = ""
    replaced: str = ""
    overlap: int = 0
    confidence: float = 1.0
    ambiguous: bool = False
    note: str = ""


def rebuild_raw(text: str, seams: Sequence[Seam], rounds: int) -> tuple[str, ...]:
    """Rebuild what arrived in each round from the final text and its seams, character for character.

    Args:
        text: the final text.
        seams: all of them, in order.
        rounds: how many there were; one that is still under way may come on top.
    """
    raw = [""] * max(rounds, 1, *(seam.round for seam in seams))
    position, current = 0, 0
    for seam in seams:
        raw[current] += text[position : seam.offset - len(seam.inserted)] + seam.replaced
        current = seam.round - 1
        raw[current] += seam.removed
        position = seam.offset
    raw[current] += text[position:]
    return tuple(raw)


def spans(size: int, seams: Sequence[Seam], rounds: int) -> list[tuple[int, int]]:
    """Where in a text of `size` characters each round's contribution stands; empty for one that added nothing."""
    found: list[tuple[int, int] | None] = [None] * rounds
    position, current = 0, 0
    ends = [(seam.offset - len(seam.inserted), seam.offset, seam.round - 1) for seam in seams]
    for end, after, following in [*ends, (size, size, rounds)]:
        if current < rounds:
            known = found[current]
            if known is None or end > position:
                start = position if known is None else known[0]
                found[current] = (start, max(end, start))
        position, current = after, following
    return [span or (0, 0) for span in found]


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What the response headers said about the limits; None where they said nothing. Times in seconds from now.

    OpenAI counts all tokens together; Anthropic counts those of input and output each for themselves as well.
    """

    limit_requests: int | None = None
    remaining_requests: int | None = None
    reset_requests: float | None = None
    limit_tokens: int | None = None
    remaining_tokens: int | None = None
    reset_tokens: float | None = None
    limit_input_tokens: int | None = None
    remaining_input_tokens: int | None = None
    reset_input_tokens: float | None = None
    limit_output_tokens: int | None = None
    remaining_output_tokens: int | None = None
    reset_output_tokens: float | None = None


@dataclass(frozen=True, slots=True)
class CutToolCall:
    """A tool call of a reply that did not end by itself: what came of its arguments, as text, and the provider's id.

    `whole`: it had ended before the reply broke off; what the model was about to call besides is not known. Else it was
    cut, or nothing shows that it was not.
    """

    name: str
    arguments: str
    id: str = ""
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """What one round contributed.

    Attributes:
        round: counted from 1.
        start, end: the span of the final text that came from this round (`start == end`: nothing new).
        reason: why the round was asked for, see `Purpose`.
        finish_reason, raw_finish_reason: how the round ended, in our word and in the provider's.
        usage: the tokens of this round; None if nothing is known.
        response_id: the provider's id of the response, for its logs.
        failure: what broke the round, if something did.
        rate_limit: what the response's headers said about the provider's limits.
        evidence: what the ending was judged by, where that was more than the provider's word.
        hidden: characters of the text so far, from its beginning on, that the model was not shown when it was asked
            for this round, because prompt and text no longer fitted into its context window.
    """

    round: int
    start: int
    end: int
    reason: Purpose
    finish_reason: FinishReason
    raw_finish_reason: str | None = None
    usage: Usage | None = None
    response_id: str | None = None
    failure: str | None = None
    rate_limit: RateLimit | None = None
    evidence: str = ""
    hidden: int = 0

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Segment:
        """The inverse of `dataclasses.asdict`."""
        usage, limit = data["usage"], data["rate_limit"]
        return cls(
            **{
                **data,
                "usage": Usage(**usage) if usage is not None else None,
                "rate_limit": RateLimit(**limit) if limit is not None else None,
            }
        )


@dataclass(frozen=True, slots=True)
class Result:
    """A whole answer, with the account of how it came together.

    Attributes:
        text: the stitched text.
        complete: true only if the model finished by itself.
        finish_reason: how the last round ended, in the common vocabulary.
        raw_finish_reason: the provider's own word for it.
        reason: why the run ended, see `Reason`.
        segments: what each round contributed, in order.
        seams: every join and trim, in order.
        usage: tokens of all rounds, cut and retried ones included. With `n > 1` the first request, which all choices
            share, stands with the first, and each choice has its own rounds; the bill is the sum.
        cost: US dollars for `usage`, or None if the price of the model is not known.
        rounds: requests whose reply was paid for.
        model: the model as the provider names it.
        raw: the provider's last response object.
        alternatives: the results of choices 2 to n, when `n > 1` was asked for.
        failure: the error that ended the run, if one did.
        run_id: the id that every log event of the run carries.
        parsed: with `response_model=` or a JSON format of the caller's own, the value; None if the answer is not one.
            After a repair it is the corrected value, while `text` stays what the model said first.
        partial: if JSON was asked for and there is no value: the JSON value as far as it goes.
        partial_path: where in the value the text stops, as `$.rows[2].name`.
        cut_tool_calls: the tool calls of replies that did not end by themselves, in order, also if they were made
            again; of a complete answer they are no part. The first of `n` has all of a request that failed for each.
        replies: what the provider collected in each round, for building the SDK's own object; not for the caller.
    """

    text: str
    complete: bool
    finish_reason: FinishReason
    raw_finish_reason: str | None
    reason: Reason
    segments: tuple[Segment, ...] = ()
    seams: tuple[Seam, ...] = ()
    usage: Usage = Usage()
    cost: float | None = None
    rounds: int = 0
    model: str | None = None
    raw: Any = field(default=None, repr=False, compare=False)
    alternatives: tuple[Result, ...] = ()
    failure: BaseException | None = field(default=None, compare=False)
    run_id: str = ""
    parsed: Any = None
    partial: Any = None
    partial_path: str = ""
    cut_tool_calls: tuple[CutToolCall, ...] = ()
    replies: tuple[Any, ...] = field(default=(), repr=False, compare=False)

    @property
    def raw_segments(self) -> tuple[str, ...]:
        """What the model sent in each round, rebuilt from `text` and `seams`, character for character.

        A character that came in two halves is one.
        """
        return rebuild_raw(self.text, self.seams, len(self.segments))

    @property
    def elided(self) -> int:
        """Characters between the prompt and the end of the text that the model was not shown in the last rounds,
        because they no longer fitted into its context window; 0: it always saw everything. See `Policy.history`."""
        return max((segment.hidden for segment in self.segments), default=0)

    def __reduce__(self) -> tuple[Any, ...]:
        """Results travel between processes without what cannot: the SDK's objects, and its errors as such."""
        values = [getattr(self, name) for name in self.__dataclass_fields__]
        fields = dict(zip(self.__dataclass_fields__, values, strict=True), raw=None, replies=())
        if self.failure is not None and not isinstance(self.failure, ContinuumError):
            status = getattr(self.failure, "status_code", None)
            fields["failure"] = ProviderError(f"{type(self.failure).__name__}: {self.failure}", status_code=status)
        return _result, (fields,)

    def __copy__(self) -> Result:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Result:
        """What can be changed is copied; what the SDK made stays its own, for it may hold what cannot be copied."""
        names = ("parsed", "partial", "alternatives")
        return replace(self, **{name: deepcopy(getattr(self, name), memo) for name in names})

    def raise_for_incomplete(self) -> Result:
        """Return self if the answer is complete.

        Raises:
            IncompleteError: if it is not; `.result` is this result, with all text that came.
        """
        if self.complete:
            return self
        raise IncompleteError(self) from self.failure


FailureKind = Literal[
    "pending",  # the provider is still at work on it: the same request again tells more, and is no retry
    "adapted",  # 4xx: the server does not take what continuum had added; it is asked without, and that is no retry
    "transient",  # a repeat may cure it: connection, timeout, 408, 409, 5xx, 529
    "rate_limited",  # 429 that waiting cures
    "quota",  # 429 or 402 that no waiting cures: quota, spend limit
    "prefill_refused",  # 400: the model takes no assistant turn at the end
    "context_window",  # 400: prompt and answer no longer fit
    "rejected",  # any other 4xx
    "broken",  # anything else that no repeat cures
]


def _result(fields: dict[str, Any]) -> Result:
    return Result(**fields)


@dataclass(frozen=True, slots=True)
class Failure:
    """Facts about a request that gave no usable response.

    Attributes:
        kind: see `FailureKind`.
        message: what happened, for people.
        status_code: HTTP status, None if the connection failed before one came.
        retry_after: seconds the server asked to wait, None if it did not say.
        should_retry: the server's own `x-should-retry`, None if it did not say.
        usage: what is known to have been billed although nothing usable came.
        cut_tool_calls: the tool calls that came before the connection broke, or as it did.
        window: of a context window that is full: the tokens that it holds, if the server said so.
        rate_limit: what the headers said.
        error: the exception as the SDK raised it.
    """

    kind: FailureKind
    message: str
    status_code: int | None = None
    retry_after: float | None = None
    should_retry: bool | None = None
    usage: Usage | None = None
    cut_tool_calls: tuple[CutToolCall, ...] = ()
    window: int | None = None
    rate_limit: RateLimit | None = None
    error: BaseException | None = field(default=None, repr=False, compare=False)

    @property
    def counts(self) -> bool:
        """Whether the same request again is a retry: a look at what is under way is none, nor is another request."""
        return self.kind not in ("pending", "adapted")


@dataclass(frozen=True, slots=True)
class Prefill:
    """How a server continues the last assistant turn in place.

    Attributes:
        strips: the server refuses white space at the end of the turn, so it is cut off for the wire.
    """

    strips: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """Facts about one round that produced something, whole or cut.

    Attributes:
        text: the visible text, exactly as received.
        finish_reason: in the common vocabulary; `interrupted` if the stream ended without a terminal event.
        raw_finish_reason: the provider's own word, None if none came.
        usage: tokens as the provider counted them, or an estimate marked as such; None if nothing is known.
        reasoning: whether any reasoning was received.
        tool_calls: number of tool calls begun; the last one is cut if `finish_reason` is `length` or `interrupted`.
        cut_tool_calls: all of them, if the reply did not end by itself.
        suspended: the provider paused the turn by itself and wants it sent back as it is.
        blocks: the assistant turn in the provider's own form; set for a suspended turn, which goes back as it is.
        prefill: how this server continues in place, None if it is not known to do so.
        window: tokens of prompt and reply together that the model can hold, if the server was asked and said so.
        limit: the most output tokens of one reply, likewise.
        failure: what broke the stream, if something did.
        rate_limit: what the headers said.
        raw: what the provider collected, for building the SDK's own response object.
    """

    text: str
    finish_reason: FinishReason
    raw_finish_reason: str | None = None
    usage: Usage | None = None
    model: str | None = None
    id: str | None = None
    reasoning: bool = False
    tool_calls: int = 0
    cut_tool_calls: tuple[CutToolCall, ...] = ()
    suspended: bool = False
    blocks: tuple[Any, ...] = field(default=(), repr=False, compare=False)
    prefill: Prefill | None = None
    window: int | None = None
    limit: int | None = None
    failure: Failure | None = None
    rate_limit: RateLimit | None = None
    raw: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Turn:
    """One message that continuum adds after the caller's own.

    Attributes:
        text: what it says.
        blocks: of the provider's own form; they stand before `text`.
        parts: where in `text` each request that showed the beginning of it ended: a provider that caches by blocks is
            given it in these.
    """

    role: Literal["user", "assistant"]
    text: str
    blocks: tuple[Any, ...] = field(default=(), repr=False)
    parts: tuple[int, ...] = field(default=(), repr=False)

    def to_json(self) -> list[Any]:
        """As plain JSON values, if the provider's blocks are."""
        return [self.role, self.text, list(self.blocks), list(self.parts)]

    @classmethod
    def from_json(cls, data: Sequence[Any]) -> Turn:
        """The inverse of `to_json`."""
        role, text, blocks, parts = data
        return cls(role, text, tuple(blocks), tuple(parts))
