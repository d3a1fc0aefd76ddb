"""LangChain messages: facts out of those that arrive, and one out of a whole run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, AIMessageChunk, InvalidToolCall
from langchain_core.messages.tool import invalid_tool_call

from continuum._core.types import Failure, FinishReason, Response, Usage
from continuum.providers.base import Receiver
from continuum.providers.calls import came
from continuum.providers.sizes import estimate, text_size

if TYPE_CHECKING:
    from continuum._core.actions import Send
    from continuum._core.types import CutToolCall, Result
    from continuum.providers.langchain_chat import LangChainChat

_SUSPENDED = frozenset({"pause_turn", "compaction"})
WORD_FIELDS = ("finish_reason", "stop_reason", "stopReason", "done_reason")
_THOUGHTS = frozenset({"thinking", "redacted_thinking", "reasoning"})
_TOOL_BLOCKS = frozenset({"tool_use", "tool_call", "tool_call_chunk", "input_json_delta", "function_call"})


def message_of(result: Result, first_round: MessageReceiver | None, *, as_object: bool) -> AIMessage | None:
    """One message for a run, None if nothing came.

    Args:
        result: of the run.
        first_round: the first reply that brought a message.
        as_object: the caller's parser wants to find the text as an object, at `additional_kwargs["parsed"]`.
    """
    if result.raw is None:
        return None
    last: AIMessage = result.raw[0].message
    first = first_round.message if first_round is not None and first_round.message is not None else last
    whole = result.rounds == 1 and not result.seams
    kept = {name: value for name, value in first.additional_kwargs.items() if name != "tool_calls"}
    kept.update(last.additional_kwargs)
    calls, cut = list(last.tool_calls), list(last.invalid_tool_calls)
    content: Any = last.content if whole else result.text
    if calls and not result.complete:
        # Half-written arguments are never shown as if they were whole.
        calls, cut = [], _cut_calls(last)
        kept.pop("tool_calls", None)
    if isinstance(content, list) and not calls:
        content = [part for part in content if not (isinstance(part, dict) and part.get("type") in _TOOL_BLOCKS)]
    parsed = _object(result.text) if as_object and result.complete else None
    if parsed is not None:
        kept.setdefault("parsed", parsed)
    return AIMessage(
        content=content,
        additional_kwargs=kept,
        response_metadata=_metadata(result, last),
        usage_metadata=usage_metadata(result.usage),
        tool_calls=calls,
        invalid_tool_calls=cut,
        id=own_id(first.id),
        name=last.name,
    )


def _metadata(result: Result, last: AIMessage) -> dict[str, Any]:
    metadata = dict(last.response_metadata)
    if not result.complete and result.finish_reason in ("stop", "tool_calls", "interrupted"):
        # Code that knows the bare model looks for its word for "cut off".
        field = next((name for name in WORD_FIELDS if name in metadata), "finish_reason")
        metadata[field] = "max_tokens" if field == "stop_reason" else "length"
    metadata["continuum"] = account(result)
    return metadata


def account(result: Result) -> dict[str, Any]:
    """A result as plain values for `response_metadata`: all but the text and the usage, which the message has."""
    calls = [asdict(call) for call in result.cut_tool_calls]
    return {
        "complete": result.complete,
        "reason": result.reason,
        "finish_reason": result.finish_reason,
        "raw_finish_reason": result.raw_finish_reason,
        "rounds": result.rounds,
        "elided": result.elided,
        "seams": [asdict(seam) for seam in result.seams],
        "cost": result.cost,
        "usage_estimated": result.usage.estimated,
        "run_id": result.run_id,
        **({"cut_tool_calls": calls} if calls else {}),
    }


def usage_metadata(usage: Usage) -> Any:
    """A usage in LangChain's form."""
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "input_token_details": {"cache_read": usage.cached_input_tokens, "cache_creation": usage.cache_write_tokens},
        "output_token_details": {"reasoning": usage.reasoning_tokens},
    }


def _cut_calls(message: AIMessage) -> list[InvalidToolCall]:
    """The tool calls of a reply that was cut, with their arguments as they came."""
    pieces = list(getattr(message, "tool_call_chunks", ()))
    if not pieces:
        pieces = [
            {**call, "args": json.dumps(call["args"])} for call in message.tool_calls
        ] + message.invalid_tool_calls
    why = "the reply was cut off"
    return [invalid_tool_call(name=p["name"], args=p["args"], id=p["id"], error=p.get("error") or why) for p in pieces]


def _made(message: AIMessage) -> tuple[CutToolCall, ...]:
    """The calls so far. That one has ended only the next one shows: where a reply was cut, the last is cut."""
    calls = _cut_calls(message)
    return tuple(
        came(call["id"], call["name"], call["args"], ended=number < len(calls)) for number, call in enumerate(calls, 1)
    )


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def cut_off(error: Exception, *, unary: bool) -> AIMessageChunk:
    """The partial message inside an error that OpenAI's parsing helpers raise for a cut; other errors are raised."""
    completion: Any = getattr(error, "completion", None)
    if type(error).__name__ != "LengthFinishReasonError" or not getattr(completion, "choices", None):
        raise error
    choice, counts = completion.choices[0], completion.usage
    found = None if counts is None else usage_metadata(Usage(counts.prompt_tokens or 0, counts.completion_tokens or 0))
    return AIMessageChunk(
        content=(choice.message.content or "") if unary else "",
        response_metadata={"finish_reason": "length", "model_name": completion.model},
        usage_metadata=found,
        id=completion.id,
    )


class MessageReceiver(Receiver):
    """Collects one message.

    Attributes:
        message: the whole of what came, None before `finish` or if nothing came.
    """

    def __init__(self, provider: LangChainChat, send: Send) -> None:
        self._provider = provider
        self._send = send
        self._chunks: list[AIMessageChunk] = []
        self._text: list[str] = []
        self._word: str | None = None
        self._error: Failure | None = None
        self.message: AIMessage | None = None

    def feed(self, chunk: Any) -> Sequence[tuple[int, str]]:
        """Take one `AIMessageChunk`; of a model that does not stream, the whole message."""
        if not isinstance(chunk, AIMessageChunk):
            self.whole(chunk)
            return [(0, self._text[0])] if self._text[0] else ()
        self._chunks.append(chunk)
        self._word = word_of(chunk) or self._word
        text = str(chunk.text)
        if not text:
            return ()
        self._text.append(text)
        return [(0, text)]

    def whole(self, response: Any) -> None:
        """Take an `AIMessage`."""
        self.message = response
        self._word = word_of(response)
        self._text = [str(response.text)]

    def finish(self, failure: Failure | None = None) -> list[Response | Failure]:
        """The facts."""
        if self._chunks:
            first, *rest = self._chunks
            self.message = first + rest if rest else first
        text, message = "".join(self._text), self.message
        if message is not None:
            self._provider.recognise(message.response_metadata)
        read = self._provider.client.word
        raw = self._word or (read(message) if read is not None and message is not None else None)
        calls = _calls(message)
        if message is None or (raw is None and not text and not (calls and not self._chunks)):
            broken = failure or Failure("transient", "the reply ended without a finish reason and without any text")
            if message is None:
                return [broken]
            return [replace(broken, usage=self._usage(text), cut_tool_calls=_made(message))]
        self._provider.first = self._provider.first or self
        suspended = raw in _SUSPENDED and bool(message.content)
        blocks: Sequence[Any] = message.content if isinstance(message.content, list) else [_text_block(text)]
        reason = self._provider.finish_reason(raw) if raw is not None else self._unsaid()
        return [
            Response(
                text=text,
                finish_reason=reason,
                raw_finish_reason=raw,
                usage=self._usage(text),
                model=message.response_metadata.get("model_name") or message.response_metadata.get("model"),
                id=message.id,
                reasoning=_reasons(message),
                tool_calls=calls,
                cut_tool_calls=() if suspended or not calls or reason in ("stop", "tool_calls") else _made(message),
                suspended=suspended,
                blocks=tuple(blocks) if suspended else (),
                prefill=self._provider.prefill,
                failure=failure if raw is None else None,
                raw=(self, 0),
            )
        ]

    def _unsaid(self) -> FinishReason:
        """A stream that says nothing of its end was cut; a whole message that says nothing of it is a riddle."""
        return "interrupted" if self._chunks else "unknown"

    def _usage(self, text: str) -> Usage:
        """What the provider counted, else an estimate."""
        message = self.message
        counted = message.usage_metadata if message is not None else None
        if counted is None or not counted["input_tokens"]:
            read, written = estimate(self._provider.size_of_request(self._send)), estimate(len(text))
            return Usage(read, max(written, counted["output_tokens"] if counted else 0), estimated=True)
        inside = counted.get("input_token_details") or {}
        made = counted["output_tokens"]
        missing = self._word is None or (not made and bool(text))  # the final count never came
        if missing:
            made = max(made, estimate(len(text) + text_size(message.additional_kwargs if message else {})))
        return Usage(
            input_tokens=counted["input_tokens"],
            output_tokens=made,
            cached_input_tokens=inside.get("cache_read") or 0,
            cache_write_tokens=inside.get("cache_creation") or 0,
            reasoning_tokens=(counted.get("output_token_details") or {}).get("reasoning") or 0,
            estimated=missing,
        )


def _text_block(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def word_of(message: AIMessage) -> str | None:
    """The provider's word for how a message ended, None if it has none."""
    metadata = message.response_metadata
    for name in WORD_FIELDS:
        value = metadata.get(name)
        if isinstance(value, str) and value:
            return value
    details, status = metadata.get("incomplete_details"), metadata.get("status")
    if isinstance(details, Mapping) and details.get("reason"):
        return str(details["reason"])
    if status == "completed" and _calls(message):
        return "tool_calls"
    return status if isinstance(status, str) and status not in ("in_progress", "queued") else None


def _calls(message: AIMessage | None) -> int:
    if message is None:
        return 0
    pieces = {piece.get("index") for piece in getattr(message, "tool_call_chunks", ())}
    return max(len(message.tool_calls) + len(message.invalid_tool_calls), len(pieces))


def _reasons(message: AIMessage) -> bool:
    if message.additional_kwargs.get("reasoning_content") or message.additional_kwargs.get("reasoning"):
        return True
    parts = message.content if isinstance(message.content, list) else ()
    return any(isinstance(part, dict) and part.get("type") in _THOUGHTS for part in parts)


def own_id(given_id: str | None) -> str | None:
    """The provider's id of a message; None for one that LangChain made up for a round, so that it makes up another."""
    return None if given_id is None or given_id.startswith("lc_") else given_id


def beside_text(chunk: AIMessageChunk) -> AIMessageChunk | None:
    """What of an arriving chunk a reader sees at once besides its text: reasoning. None if there is none of it."""
    extra = {name: chunk.additional_kwargs[name] for name in ("reasoning_content",) if name in chunk.additional_kwargs}
    content: Any = ""
    if isinstance(chunk.content, list):
        content = [part for part in chunk.content if isinstance(part, dict) and part.get("type") in _THOUGHTS]
    if not extra and not content:
        return None
    return AIMessageChunk(content=content, additional_kwargs=extra, id=own_id(chunk.id))
