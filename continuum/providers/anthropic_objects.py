"""The SDK's own types for a run that took several requests: `Message`, and one stream of events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

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

from continuum.providers.anthropic_blocks import SUSPENDED, THOUGHTS, blocks_of
from continuum.providers.base import signed
from continuum.providers.places import place_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from continuum._core.types import Result, Usage
    from continuum._drivers import Run
    from continuum.providers.anthropic_messages import AnthropicMessages
    from continuum.providers.anthropic_reply import MessageReceiver

# Parts of a usage that speak of one request only.
_PER_REQUEST = frozenset({"server_tool_use", "cache_creation", "iterations"})


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
    open_ended = not result.complete and result.finish_reason in ("stop", "tool_calls")
    if result.finish_reason == "interrupted" or open_ended:
        return "max_tokens"
    if result.complete and result.segments[-1].finish_reason not in ("stop", "tool_calls"):
        return "end_turn"  # the provider's word was found to be wrong
    return result.raw_finish_reason or "max_tokens"


def untouched(result: Result) -> bool:
    """Whether a run is one reply as it came: then nothing of it needs to be made up."""
    return result.rounds == 1 and not result.seams and result.raw is not None


def _usage(result: Result, receiver: MessageReceiver) -> dict[str, Any]:
    """The sum; for one reply the server's own counts as well, and all else that its usage said."""
    made = usage_object(result.usage)
    message = receiver.message
    start = message.usage.to_dict() if message is not None and message.usage is not None else {}
    if not untouched(result):
        # Counts that no round but this one knows of would be wrong for the run.
        return {name: value for name, value in start.items() if name not in _PER_REQUEST} | made
    sent = {name: value for name, value in {**start, **receiver.delta_usage}.items() if value is not None}
    whole = result.usage == result.segments[0].usage and not result.usage.estimated
    return {**start, **made, **sent} if whole else {**start, **sent, **made}


def message(result: Result, replies: Sequence[MessageReceiver], *, cited: bool) -> Message | None:
    """One `Message` for a run; None if nothing came that one could be made of.

    A tool call that was cut is shown as far as it came, as the bare SDK shows it: the stop reason says that it is not
    whole.

    Args:
        result: the account.
        replies: what came in each round; a run that was restored does not have them all.
        cited: the answer can have citations.
    """
    if result.raw is None:
        return None
    receiver: MessageReceiver = result.raw[0]
    if receiver.unary and untouched(result) and receiver.stop_reason is not None:
        whole: Message = receiver.message
        return signed(whole, receiver)
    blocks = [block for _, block in sorted(receiver.blocks.items())]
    if not untouched(result):
        tools = [block for block in blocks if block.get("type") == "tool_use"]
        said = [{"type": "text", "text": result.text, "citations": None}] if result.text else []
        blocks = [*(blocks_of(result, replies, cited=cited) if len(replies) == len(result.segments) else said), *tools]
    start = receiver.message.to_dict() if receiver.message is not None else {}
    made = Message.construct(
        **{
            "type": "message",
            "role": "assistant",
            "model": result.model or "",
            **start,
            **receiver.delta,
            "id": result.segments[0].response_id or start.get("id") or "",
            "content": blocks,
            "stop_reason": final_word(result),
            "stop_sequence": receiver.stop_sequence,
            "usage": _usage(result, receiver),
        }
    )
    return signed(made, receiver)


class _Due(NamedTuple):
    """Something beside the text that waits until the text before it is written.

    Attributes:
        round: the round that it came in.
        at: how many characters of that reply stand before it.
        events: what to send then; empty for the beginning of a block of text.
        text: the block of text that begins here, None for anything else.
        joins: that text goes on with what is there.
    """

    round: int
    at: int
    events: tuple[Any, ...] = ()
    text: dict[str, Any] | None = None
    joins: bool = False


class EventWriter:
    """Writes the events of one stream.

    Text goes out as it is released. What stands between the text (thinking, citations, tools that the server runs, the
    bounds of text blocks) goes out when the text before it has. Calls of the caller's tools go out at the end, those
    of the last reply: what comes earlier may be cut, and be asked for again.
    """

    def __init__(self, provider: AnthropicMessages) -> None:
        self._provider = provider
        self._next = 0  # index of the next block to the reader
        self._open: int | None = None  # index of the reader's open block
        self._in_text = False  # and whether that is a text block
        self._worded: RawContentBlockDeltaEvent | None = None  # an event with text, to be copied
        self._blocks: dict[int, str] = {}  # the reply's open blocks and their types, those that are shown
        self._started = False
        self._round = self._index = self._written = 0
        self._same_turn, self._joins = True, False
        self._suspended = False
        self._due: list[_Due] = []

    def passing(self, event: Any, round: int) -> list[Any]:
        """What of an arriving event goes to the reader besides its text, now or when its turn comes."""
        kind = event.type
        if kind == "message_start":
            return self._begin(event, round)
        if kind == "content_block_start":
            self._block_starts(event)
        elif kind == "content_block_delta":
            self._block_goes_on(event)
        elif kind == "content_block_stop":
            if self._blocks.pop(event.index, "text") != "text":
                self._wait(event)
        elif kind == "message_delta":
            self._suspended = getattr(event.delta, "stop_reason", None) in SUSPENDED
        elif kind != "message_stop":
            return [event]
        return self._flush()

    def _begin(self, event: Any, round: int) -> list[Any]:
        """Another request: a block that its predecessor left open is over, unless it is text that goes on."""
        resumed, again = self._suspended and self._round < round, self._started
        self._same_turn = self._same_turn and (not again or resumed or round == 1)
        self._joins = again and not resumed and not self._provider.may_cite
        self._round, self._index, self._suspended, self._started = round, 0, False, True
        self._blocks.clear()
        if not again:
            return [event]
        return [] if self._in_text else self._close()

    def _block_starts(self, event: Any) -> None:
        block = event.content_block
        if block is None:
            return
        if block.type == "tool_use" or (block.type in THOUGHTS and not self._same_turn):
            return
        self._blocks[event.index] = block.type
        if block.type != "text":
            self._wait(event)
            return
        shown = {"citations": None, **block.to_dict(), "text": ""}
        self._due.append(_Due(self._round, self._index, text=shown, joins=self._joins))
        self._joins = False
        self._index += len(block.text or "")

    def _block_goes_on(self, event: Any) -> None:
        kind = self._blocks.get(event.index)
        said = getattr(event.delta, "type", None)
        if said == "text_delta":
            self._index += len(event.delta.text or "")
        elif said is not None and kind is not None:
            self._wait(event)

    def _wait(self, event: Any) -> None:
        self._due.append(_Due(self._round, self._index, (event,)))

    def text(self, choice: int, text: str) -> list[Any]:
        """Released text, in the blocks that it belongs to."""
        events: list[Any] = []
        while text:
            events += self._flush()
            place = self._place(self._due[0]) if self._due else None
            size = len(text) if place is None else max(place - self._written, 1)
            if not self._in_text:
                events += self._start({"type": "text", "text": "", "citations": None})
                self._in_text = True
            events.append(self._words(text[:size]))
            self._written += len(text[:size])
            text = text[size:]
        return [*events, *self._flush()]

    def _place(self, due: _Due) -> int | None:
        """Where in the text something stands; None if that is not decided."""
        place = place_of(due.round, self._provider.seams())
        return None if place is None else self._written if place.gone else place.of(due.at)

    def _flush(self, *, all: bool = False) -> list[Any]:
        """What is due now that so much of the text is written."""
        events: list[Any] = []
        while self._due:
            place = self._place(self._due[0])
            if not all and (place is None or place > self._written):
                break
            due = self._due.pop(0)
            known = place_of(due.round, self._provider.seams())
            if known is not None and known.gone:  # nothing of that reply is in the text
                continue
            if due.text is None:
                for event in due.events:
                    events += self._show(event)
            elif not (due.joins and self._in_text):
                events += self._start(due.text)
                self._in_text = True
        return events

    def _show(self, event: Any) -> list[Any]:
        """An event of a block that is shown, with the reader's index."""
        if event.type == "content_block_start":
            closing = self._close()
            self._open, self._next = self._next, self._next + 1
            return [*closing, event.model_copy(update={"index": self._open})]
        if event.type == "content_block_stop":
            return [] if self._in_text else self._close()
        if event.delta.type == "citations_delta":
            if not self._in_text:
                return []
        elif self._in_text or self._open is None:
            return []
        return [event.model_copy(update={"index": self._open})]

    def closing(self, results: Sequence[Result]) -> list[Any]:
        """The end: the open block is closed, tool calls follow, and one final event says why and what it cost."""
        result = results[0]
        receiver: MessageReceiver | None = result.raw[0] if result.raw is not None else None
        events: list[Any] = self._flush(all=True)
        for index, block in sorted(receiver.blocks.items()) if receiver is not None else ():
            if receiver is not None and block.get("type") == "tool_use":
                arguments = receiver.json.get(index) or json.dumps(block.get("input") or {})
                events += self._start({**block, "input": {}})
                events.append(self._delta({"type": "input_json_delta", "partial_json": arguments}))
        delta = {
            **(receiver.delta if receiver is not None else {}),
            "stop_reason": final_word(result),
            "stop_sequence": receiver.stop_sequence if receiver is not None else None,
        }
        usage = _usage(result, receiver) if receiver is not None else usage_object(result.usage)
        return [
            *events,
            *self._close(),
            RawMessageDeltaEvent.construct(type="message_delta", delta=delta, usage=usage),
            RawMessageStopEvent.construct(type="message_stop"),
        ]

    def _start(self, block: dict[str, Any]) -> list[Any]:
        closing = self._close()
        self._open, self._next = self._next, self._next + 1
        event = RawContentBlockStartEvent.construct(type="content_block_start", index=self._open, content_block=block)
        return [*closing, event]

    def _delta(self, delta: dict[str, Any]) -> RawContentBlockDeltaEvent:
        return RawContentBlockDeltaEvent.construct(type="content_block_delta", index=self._open, delta=delta)

    def _words(self, text: str) -> RawContentBlockDeltaEvent:
        """A delta of text: a copy of an earlier one, which the SDK makes in a quarter of the time."""
        known = self._worded
        if known is None or known.index != self._open:
            known = self._worded = self._delta({"type": "text_delta", "text": text})
        return known.model_copy(update={"delta": known.delta.model_copy(update={"text": text})})

    def _close(self) -> list[Any]:
        index, self._open, self._in_text = self._open, None, False
        return [] if index is None else [RawContentBlockStopEvent.construct(type="content_block_stop", index=index)]


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
