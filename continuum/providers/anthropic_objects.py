"""The SDK's own types for a run that took several requests: `Message`, and one stream of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anthropic import AsyncStream, Stream
from anthropic.types import (
    Message,
    RawContentBlockDeltaEvent,
    RawContentBlockStartEvent,
    RawContentBlockStopEvent,
    RawMessageDeltaEvent,
    RawMessageStopEvent,
    RawMessageStreamEvent,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from continuum._core.types import Result, Usage
    from continuum._drivers import Run


def usage_object(usage: Usage) -> dict[str, Any]:
    """A usage in Anthropic's form, where `input_tokens` is only what no cache was involved in."""
    return {
        "input_tokens": usage.input_tokens - usage.cached_input_tokens - usage.cache_write_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read_input_tokens": usage.cached_input_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
    }


def final_word(result: Result) -> str:
    """The stop reason to show: the provider's own, or `max_tokens` for an answer that broke off."""
    if result.finish_reason == "interrupted" or (not result.complete and result.finish_reason == "stop"):
        return "max_tokens"
    return result.raw_finish_reason or "max_tokens"


def message(result: Result) -> Message | None:
    """One `Message` for a run; None if nothing came that one could be made of."""
    if result.raw is None or result.raw[0].message is None:
        return None
    receiver = result.raw[0]
    if receiver.unary and result.rounds == 1 and not result.seams:
        whole: Message = receiver.message
        return whole
    blocks = [block for _, block in sorted(receiver.blocks.items())]
    if result.rounds > 1 or result.seams:
        tools = [block for block in blocks if block.get("type") == "tool_use"]
        text = [{"type": "text", "text": result.text, "citations": None}] if result.text else []
        blocks = [*text, *tools]
    start = receiver.message
    return Message.construct(
        **{
            **start.to_dict(),
            "id": result.segments[0].response_id or start.id,
            "content": blocks,
            "stop_reason": final_word(result),
            "stop_sequence": receiver.stop_sequence,
            "usage": {**start.usage.to_dict(), **usage_object(result.usage)},
        }
    )


class EventWriter:
    """Writes the events of one stream: text as it is released, all else of the first round as it came."""

    def __init__(self) -> None:
        self._next = 0  # index of the next block to the reader
        self._open: int | None = None  # index of the reader's open text block
        self._passing: dict[int, int] = {}  # the first round's other blocks: their index there, and here
        self._started = False
        self._start_usage: dict[str, Any] = {}

    def passing(self, event: Any, round: int) -> list[Any]:
        """What of an arriving event goes to the reader besides its text: the start, thinking, tool use."""
        kind = event.type
        if kind == "message_start":
            if self._started:
                return []
            self._started = True
            self._start_usage = event.message.usage.to_dict()
            return [event]
        if round > 1 or kind in ("message_delta", "message_stop"):
            return []
        if kind == "content_block_start":
            if event.content_block.type == "text":
                return []
            closing = self._close()
            self._passing[event.index] = self._next
            self._next += 1
            return [*closing, event.model_copy(update={"index": self._passing[event.index]})]
        if kind in ("content_block_delta", "content_block_stop"):
            here = self._passing.get(event.index)
            return [] if here is None else [event.model_copy(update={"index": here})]
        return [event]

    def text(self, choice: int, text: str) -> list[Any]:
        """Released text, in a text block that is opened when needed."""
        events: list[Any] = []
        if self._open is None:
            self._open, self._next = self._next, self._next + 1
            events.append(
                RawContentBlockStartEvent.construct(
                    type="content_block_start",
                    index=self._open,
                    content_block={"type": "text", "text": "", "citations": None},
                )
            )
        events.append(
            RawContentBlockDeltaEvent.construct(
                type="content_block_delta", index=self._open, delta={"type": "text_delta", "text": text}
            )
        )
        return events

    def closing(self, results: Sequence[Result]) -> list[Any]:
        """The end: the open block is closed, and one final event says why and what it cost."""
        result = results[0]
        sequence = result.raw[0].stop_sequence if result.raw is not None else None
        return [
            *self._close(),
            RawMessageDeltaEvent.construct(
                type="message_delta",
                delta={"stop_reason": final_word(result), "stop_sequence": sequence},
                usage={**self._start_usage, **usage_object(result.usage)},
            ),
            RawMessageStopEvent.construct(type="message_stop"),
        ]

    def _close(self) -> list[Any]:
        if self._open is None:
            return []
        index, self._open = self._open, None
        return [RawContentBlockStopEvent.construct(type="content_block_stop", index=index)]


class WholeStream(Stream[RawMessageStreamEvent]):
    """One stream for a whole run. Made by `continuum.wrap`; `continuum.result_of(stream)` has the account."""

    def __init__(self, run: Run, events: Iterator[RawMessageStreamEvent]) -> None:
        self.continuum_run = run
        self.response = run.provider.http_response
        self._events = events

    def __next__(self) -> RawMessageStreamEvent:
        return next(self._events)

    def __iter__(self) -> Iterator[RawMessageStreamEvent]:
        return self._events

    def close(self) -> None:
        """End the run and its connection."""
        self._events.close()  # type: ignore[attr-defined]  # a generator


class AsyncWholeStream(AsyncStream[RawMessageStreamEvent]):
    """The async twin of `WholeStream`."""

    def __init__(self, run: Run, events: AsyncIterator[RawMessageStreamEvent]) -> None:
        self.continuum_run = run
        self.response = run.provider.http_response
        self._events = events

    async def __anext__(self) -> RawMessageStreamEvent:
        return await anext(self._events)

    async def __aiter__(self) -> AsyncIterator[RawMessageStreamEvent]:
        async for event in self._events:
            yield event

    async def close(self) -> None:
        """End the run and its connection."""
        await self._events.aclose()  # type: ignore[attr-defined]  # a generator
