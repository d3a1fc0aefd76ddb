"""Replies of Google Gemini: facts out of those that arrive, and one out of a whole run."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from google.genai import errors as sdk_errors
from google.genai import types

from continuum._core.types import Failure, FinishReason, Response, Usage
from continuum.providers import errors
from continuum.providers.base import Receiver
from continuum.providers.calls import came
from continuum.providers.sizes import estimate

if TYPE_CHECKING:
    from continuum._core.actions import Send
    from continuum._core.types import CutToolCall, Result
    from continuum.providers.gemini import Gemini

_FILTERS = (
    "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "ESCALATION",
    "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "MODEL_ARMOR", "PUP_LIMITED_DISABLED",
)  # fmt: skip
WORDS: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",  # what it means that the token is there, `Response.suspended` says
    **dict.fromkeys(_FILTERS, "content_filter"),
}
"""Gemini's finish reasons; the others, such as MALFORMED_FUNCTION_CALL and OTHER, are never success."""
_DURATION = re.compile(r"(\d+(?:\.\d+)?)s$")


class ContentReceiver(Receiver):
    """Collects one candidate.

    Attributes:
        parts: its parts, with neighbouring pieces of text and of thought as one.
        last: the last response or chunk that came.
    """

    def __init__(self, provider: Gemini, send: Send) -> None:
        self._provider = provider
        self._send = send
        self.parts: list[types.Part] = []
        self._text: list[str] = []
        self.last: types.GenerateContentResponse | None = None
        self.candidate: types.Candidate | None = None
        self.raw: str | None = None
        self._token: bytes | None = None
        self._fresh = False  # no text came after the token
        self._usage: Any = None
        self.response: types.GenerateContentResponse | None = None

    def feed(self, chunk: Any) -> Sequence[tuple[int, str]]:
        """Take one chunk; its usage is the running total."""
        self.last = chunk
        self._usage = chunk.usage_metadata or self._usage
        blocked = chunk.prompt_feedback.block_reason if chunk.prompt_feedback is not None else None
        if blocked is not None:
            self.raw = str(getattr(blocked, "value", blocked))
        if not chunk.candidates:
            return ()
        candidate = self.candidate = chunk.candidates[0]
        text = ""
        for part in (candidate.content.parts if candidate.content is not None else None) or ():
            self._add(part)
            if part.text and part.thought:
                self.hidden += len(part.text)
            if part.text and not part.thought:
                text += part.text
        if text:
            self._text.append(text)
            self._fresh = False
        if candidate.continuation_token:
            self._token, self._fresh = candidate.continuation_token, True
        if candidate.finish_reason is not None:
            self.raw = str(getattr(candidate.finish_reason, "value", candidate.finish_reason))
        return [(0, text)] if text else ()

    def _add(self, part: types.Part) -> None:
        if part.text == "" and not part.thought_signature:
            return
        before = self.parts[-1] if self.parts else None
        if before is None or before.text is None or part.text is None or bool(before.thought) != bool(part.thought):
            self.parts.append(part)
            return
        signature = part.thought_signature or before.thought_signature
        update = {"text": before.text + part.text, "thought_signature": signature}
        self.parts[-1] = before.model_copy(update=update)

    def whole(self, response: Any) -> None:
        """Take a unary response."""
        self.feed(response)
        self.response = response

    def finish(self, failure: Failure | None = None) -> list[Response | Failure]:
        """The facts. A hop that broke right behind a token is resumed from there."""
        text, raw = "".join(self._text), self.raw
        calls = sum(part.function_call is not None for part in self.parts)
        usage = self._count(text)
        suspended = self._token is not None and self._fresh and raw in (None, "CONTINUATION")
        if raw is None and not text and not (calls and self.response is not None) and not suspended:
            broken = failure or Failure("transient", "the reply ended without a finish reason and without any text")
            billed = usage if self._usage is not None else None
            return [replace(broken, usage=billed, cut_tool_calls=self._calls())]
        self._provider.first = self._provider.first or self
        self._provider.hop_tokens += usage.output_tokens
        reason = self._reason(raw, calls)
        return [
            Response(
                text=text,
                finish_reason=reason,
                raw_finish_reason=raw,
                usage=usage,
                model=self.last.model_version if self.last is not None else None,
                id=self.last.response_id if self.last is not None else None,
                reasoning=any(part.thought for part in self.parts),
                tool_calls=calls,
                cut_tool_calls=() if suspended or reason in ("stop", "tool_calls") else self._calls(),
                suspended=suspended,
                blocks=(self._block(text),) if suspended else (),
                prefill=self._provider.prefill,
                failure=failure if raw is None else None,
                raw=(self, 0),
            )
        ]

    def _reason(self, raw: str | None, calls: int) -> FinishReason:
        if raw is None:
            return "interrupted"
        if self.candidate is None:  # the prompt itself was blocked
            return "content_filter"
        reason = self._provider.dialect.words.get(raw) or WORDS.get(raw, "unknown")
        return "tool_calls" if reason == "stop" and calls else reason

    def _block(self, text: str) -> dict[str, str]:
        """A paused reply as plain values: its text, and the token that resumes it."""
        return {"text": text, "token": base64.b64encode(self._token or b"").decode()}

    def _calls(self) -> tuple[CutToolCall, ...]:
        """The calls so far. In a stream that broke each part is whole; the one that a cap cut looks like any other."""
        calls = [(number, part.function_call) for number, part in enumerate(self.parts, 1) if part.function_call]
        broken = self.raw is None and self.response is None
        return tuple(
            came(
                call.id,
                call.name,
                call.args or {},
                ended=(broken or number < len(self.parts)) and not (call.will_continue or call.partial_args),
            )
            for number, call in calls
        )

    def _count(self, text: str) -> Usage:
        """What the server counted; of a reply that broke, as far as it had counted."""
        counted = self._usage
        thought = sum(len(part.text or "") for part in self.parts if part.thought)
        if counted is None:
            size = self._provider.size_of_request(self._send)
            return Usage(estimate(size), estimate(len(text) + thought), estimated=True)
        thoughts = counted.thoughts_token_count or 0
        written = (counted.candidates_token_count or 0) + thoughts
        missing = self.raw is None or (not written and bool(text))
        return Usage(
            input_tokens=(counted.prompt_token_count or 0) + (counted.tool_use_prompt_token_count or 0),
            output_tokens=max(written, estimate(len(text) + thought)) if missing else written,
            cached_input_tokens=counted.cached_content_token_count or 0,
            reasoning_tokens=thoughts,
            estimated=missing,
        )


def response_of(result: Result, first_round: ContentReceiver | None) -> types.GenerateContentResponse | None:
    """One response for a run: what the model thought first, the whole text, the function calls of the last reply.

    Thought parts keep their signatures.
    """
    if result.raw is None:
        return None
    receiver: ContentReceiver = result.raw[0]
    untouched = result.rounds == 1 and not result.seams
    if untouched and result.complete and receiver.response is not None:
        return receiver.response
    first = first_round or receiver
    if untouched:
        parts = receiver.parts
    else:
        calls = [part for part in receiver.parts if part.function_call is not None]
        thoughts = [part for part in first.parts if part.thought]
        parts = [*thoughts, *([types.Part(text=result.text)] if result.text else []), *calls]
    candidate = (receiver.candidate or types.Candidate()).model_copy(
        update={
            "content": types.Content(role="model", parts=parts),
            "finish_reason": _final_word(result),
            "continuation_token": None,
        }
    )
    start = receiver.last or types.GenerateContentResponse()
    return start.model_copy(update={"candidates": [candidate], "usage_metadata": usage_object(result.usage)})


def _final_word(result: Result) -> types.FinishReason:
    """The finish reason to show: the provider's own, or `MAX_TOKENS` for an answer that broke off."""
    raw = result.raw_finish_reason
    off = not result.complete and result.finish_reason in ("stop", "tool_calls", "interrupted", "length")
    return types.FinishReason.MAX_TOKENS if off or raw is None else types.FinishReason(raw)


def usage_object(usage: Usage) -> types.GenerateContentResponseUsageMetadata:
    """A usage in Gemini's form, where thoughts are counted beside the candidates."""
    return types.GenerateContentResponseUsageMetadata(
        prompt_token_count=usage.input_tokens,
        cached_content_token_count=usage.cached_input_tokens,
        candidates_token_count=usage.output_tokens - usage.reasoning_tokens,
        thoughts_token_count=usage.reasoning_tokens,
        total_token_count=usage.total_tokens,
    )


def describe(error: BaseException) -> Failure:
    """Turn an exception of a request into facts."""
    if isinstance(error, sdk_errors.UnknownApiResponseError):  # an event that is no JSON
        return Failure("transient", f"{type(error).__name__}: {error}"[:300], error=error)
    failure = errors.describe_any(error)
    if failure is None:
        # An error event in a stream may come without a code.
        return Failure("transient", f"{type(error).__name__}: {error}"[:300], error=error)
    if isinstance(error, sdk_errors.APIError):
        if failure.kind == "rejected" and "input token count" in f"{error.message}":
            return replace(failure, kind="context_window")
        details = _details(error)
        if failure.kind == "rate_limited" and any("PerDay" in quota for quota in _quotas(details)):
            return replace(failure, kind="quota")
        wait = next((seconds for detail in details if (seconds := _delay(detail)) is not None), None)
        if failure.retry_after is None and wait is not None:
            return replace(failure, retry_after=wait)
    return failure


def _details(error: sdk_errors.APIError) -> list[Mapping[str, Any]]:
    body = error.details
    inner = body.get("error", body) if isinstance(body, Mapping) else {}
    found = inner.get("details") if isinstance(inner, Mapping) else None
    return [detail for detail in found or () if isinstance(detail, Mapping)]


def _quotas(details: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(violation.get("quotaId")) for detail in details for violation in detail.get("violations") or ()]


def _delay(detail: Mapping[str, Any]) -> float | None:
    match = _DURATION.match(str(detail.get("retryDelay")))
    return float(match[1]) if match else None
