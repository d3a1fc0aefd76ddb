"""The SDK's own types for a run that took several requests: `ChatCompletion`, and one stream of chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openai import AsyncStream, Stream
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from continuum._core.types import Usage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from continuum._core.types import Result
    from continuum._drivers import Run
    from continuum.providers.openai_chat import Choice


def usage_object(usage: Usage) -> dict[str, Any]:
    """A usage in OpenAI's form."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_input_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def total(results: Sequence[Result]) -> Usage:
    """What all choices cost together."""
    return sum((result.usage for result in results), Usage())


def final_word(result: Result) -> str:
    """The finish reason to show: the provider's own, or `length` for an answer that broke off.

    Code that was written for the bare SDK knows `length`: the answer is not whole.
    """
    if result.finish_reason == "interrupted" or (not result.complete and result.finish_reason in ("stop", "unknown")):
        return result.raw_finish_reason if result.finish_reason == "unknown" and result.raw_finish_reason else "length"
    return result.raw_finish_reason or "length"


def completion(results: Sequence[Result]) -> ChatCompletion | None:
    """One `ChatCompletion` for a run; None if nothing came that one could be made of."""
    if any(result.raw is None for result in results):
        return None
    receiver, _ = results[0].raw
    whole: ChatCompletion | None = receiver.response
    if whole is not None and all(result.rounds == 1 and not result.seams for result in results):
        return whole
    data: dict[str, Any] = {
        **{name: value for name, value in receiver.head.items() if value is not None},
        "id": results[0].segments[0].response_id or "",
        "object": "chat.completion",
        "choices": [_choice(number, result) for number, result in enumerate(results)],
        "usage": usage_object(total(results)),
    }
    data.setdefault("created", 0)
    data.setdefault("model", results[0].model or "")
    return ChatCompletion.construct(**data)


def _choice(number: int, result: Result) -> dict[str, Any]:
    receiver, index = result.raw
    choice: Choice = receiver.choices[index]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": result.text if result.text or not choice.tools else None,
        "refusal": choice.refusal or None,
    }
    if choice.tools:
        message["tool_calls"] = [_tool(call) for _, call in sorted(choice.tools.items())]
    if choice.reasoning and result.rounds == 1:
        message["reasoning_content"] = "".join(choice.reasoning)
    return {
        "index": number,
        "finish_reason": final_word(result),
        "message": message,
        "logprobs": _logprobs(choice) if result.rounds == 1 else None,
    }


def _tool(call: Mapping[str, Any]) -> dict[str, Any]:
    if "function" in call or "custom" in call:  # from a unary reply, as it is
        return dict(call)
    return {
        "id": call["id"],
        "type": call["type"],
        "function": {"name": call["name"], "arguments": call["arguments"]},
    }


def _logprobs(choice: Choice) -> dict[str, Any] | None:
    if not choice.logprobs:
        return None
    content = [token for part in choice.logprobs for token in part.content or ()]
    refusal = [token for part in choice.logprobs for token in part.refusal or ()]
    return {"content": content or None, "refusal": refusal or None}


class ChunkWriter:
    """Writes the chunks of one stream: text as it is released, all else of the first round as it came."""

    def __init__(self, include_usage: bool) -> None:
        self._include_usage = include_usage
        self._head: dict[str, Any] = {"id": "", "created": 0, "model": "", "object": "chat.completion.chunk"}
        self._started: set[int] = set()

    def passing(self, event: ChatCompletionChunk, round: int) -> list[ChatCompletionChunk]:
        """What of an arriving chunk goes to the reader besides its text: roles, reasoning, tool calls, logprobs."""
        if not self._head["id"]:
            self._head.update(event.model_dump(exclude={"choices", "usage"}, exclude_unset=True))
        if round > 1:
            return []
        found = []
        for part in event.choices or ():
            delta = part.delta
            if delta is None:
                continue
            # Everything but the text goes on at once; the text goes when its place is sure.
            rest = delta.model_dump(exclude_unset=True, exclude={"content"})
            fields = {name: value for name, value in rest.items() if value is not None}
            index = part.index or 0
            if index in self._started:
                fields.pop("role", None)
            if fields or part.logprobs is not None:
                self._started.add(index)
                found.append(self._chunk(index, fields, logprobs=part.logprobs))
        return found

    def text(self, choice: int, text: str) -> list[ChatCompletionChunk]:
        """Released text."""
        delta: dict[str, Any] = {"content": text}
        if choice not in self._started:
            self._started.add(choice)
            delta["role"] = "assistant"
        return [self._chunk(choice, delta)]

    def closing(self, results: Sequence[Result]) -> list[ChatCompletionChunk]:
        """One final chunk per choice, and the usage if the caller asked for it."""
        found = [self._chunk(number, {}, finish=final_word(result)) for number, result in enumerate(results)]
        if self._include_usage:
            data = {**self._head, "choices": [], "usage": usage_object(total(results))}
            found.append(ChatCompletionChunk.construct(**data))
        return found

    def _chunk(
        self, index: int, delta: Mapping[str, Any], *, finish: str | None = None, logprobs: Any = None
    ) -> ChatCompletionChunk:
        choice: dict[str, Any] = {"index": index, "delta": delta, "finish_reason": finish}
        if logprobs is not None:
            choice["logprobs"] = logprobs
        return ChatCompletionChunk.construct(**self._head, choices=[choice])


class WholeStream(Stream[ChatCompletionChunk]):
    """One stream for a whole run. Made by `continuum.wrap`; `continuum.result_of(stream)` has the account."""

    def __init__(self, run: Run, events: Iterator[ChatCompletionChunk]) -> None:
        self.continuum_run = run
        self.response = run.provider.http_response
        self._events = events

    def __next__(self) -> ChatCompletionChunk:
        return next(self._events)

    def __iter__(self) -> Iterator[ChatCompletionChunk]:
        return self._events

    def close(self) -> None:
        """End the run and its connection."""
        self._events.close()  # type: ignore[attr-defined]  # a generator


class AsyncWholeStream(AsyncStream[ChatCompletionChunk]):
    """The async twin of `WholeStream`."""

    def __init__(self, run: Run, events: AsyncIterator[ChatCompletionChunk]) -> None:
        self.continuum_run = run
        self.response = run.provider.http_response
        self._events = events

    async def __anext__(self) -> ChatCompletionChunk:
        return await anext(self._events)

    async def __aiter__(self) -> AsyncIterator[ChatCompletionChunk]:
        async for event in self._events:
            yield event

    async def close(self) -> None:
        """End the run and its connection."""
        await self._events.aclose()  # type: ignore[attr-defined]  # a generator
