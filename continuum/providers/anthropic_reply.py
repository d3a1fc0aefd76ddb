"""One reply of Anthropic Messages, streamed or whole."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from continuum._core.halves import join_halves
from continuum._core.types import Failure, FinishReason, Response, Usage
from continuum.providers.anthropic_blocks import SUSPENDED
from continuum.providers.base import Receiver
from continuum.providers.calls import came
from continuum.providers.sizes import estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from continuum._core.actions import Send
    from continuum._core.types import CutToolCall
    from continuum.providers.anthropic_messages import AnthropicMessages

_WORDS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "model_context_window_exceeded": "context_window",
    # A pause is not an end: `Response.suspended` says so, and this word is never shown for a finished run.
    "pause_turn": "interrupted",
    "compaction": "interrupted",
}


class MessageReceiver(Receiver):
    """Collects a Messages reply.

    Attributes:
        message: the SDK's `Message` of `message_start`, or of a unary reply.
        blocks: the content blocks as plain values, in order.
        json: the arguments of tool calls as they were streamed, by the index of their block.
        cut: indices of blocks whose arguments are no JSON, because it is not whole.
        delta: what `message_delta` said: the stop reason, its details, the container.
        delta_usage: the usage of `message_delta`.
        usage: the counts that the server gave.
    """

    def __init__(self, provider: AnthropicMessages, send: Send) -> None:
        self._provider = provider
        self._send = send
        self.message: Any = None
        self.blocks: dict[int, dict[str, Any]] = {}
        self._text: list[str] = []
        self._grown: dict[tuple[int, str], list[str]] = {}  # what came for the text and the thinking of each block
        self._json: dict[int, list[str]] = {}
        self.json: dict[int, str] = {}
        self.cut: set[int] = set()
        self._closed: set[int] = set()  # indices of blocks of which the server said that they are over
        self.delta: dict[str, Any] = {}
        self.delta_usage: dict[str, Any] = {}
        self.usage: dict[str, int] = {}
        self._counted = False  # the final count of the output has come
        self._error: Failure | None = None
        self.stop_reason: str | None = None
        self.stop_sequence: str | None = None
        self.unary = False

    def feed(self, chunk: Any) -> Sequence[tuple[int, str]]:
        """Take one stream event. The SDK passes on whatever comes, also where a part is missing or null."""
        kind = chunk.type
        if kind == "content_block_delta":
            return self._delta(self._place(chunk.index), chunk.delta)
        if kind == "content_block_start":
            return self._start(chunk.index, chunk.content_block)
        if kind == "message_start":
            self.message = chunk.message
            self._read_usage(getattr(chunk.message, "usage", None))
        elif kind == "content_block_stop":
            self._closed.add(self._place(chunk.index))
        elif kind == "message_delta":
            self.stop_reason = getattr(chunk.delta, "stop_reason", None)
            self.stop_sequence = getattr(chunk.delta, "stop_sequence", None)
            self.delta = chunk.delta.to_dict() if chunk.delta is not None else {}
            self.delta_usage = chunk.usage.to_dict() if chunk.usage is not None else {}
            self._read_usage(chunk.usage, final=True)
        return ()

    def _place(self, index: Any) -> int:
        """The index of a block; a delta that names none belongs to the last one."""
        return index if isinstance(index, int) else max(self.blocks, default=0)

    def _start(self, index: Any, opening: Any) -> Sequence[tuple[int, str]]:
        if opening is None:
            return ()
        block = opening.to_dict()
        self.blocks[index if isinstance(index, int) else max(self.blocks, default=-1) + 1] = block
        if block.get("type") == "text":
            block["text"] = block.get("text") or ""
            return self._said(block["text"])
        return ()

    def _said(self, text: str) -> Sequence[tuple[int, str]]:
        if not text:
            return ()
        self._text.append(text)
        return [(0, text)]

    def _delta(self, index: int, delta: Any) -> Sequence[tuple[int, str]]:
        block = self.blocks.setdefault(index, {"type": "text", "text": ""})
        match getattr(delta, "type", None):
            case "text_delta":
                text = delta.text or ""
                self._grown.setdefault((index, "text"), []).append(text)
                return self._said(text)
            case "thinking_delta":
                thought = delta.thinking or ""
                self._grown.setdefault((index, "thinking"), []).append(thought)
                self.hidden += len(thought)
            case "signature_delta":
                block["signature"] = delta.signature
            case "input_json_delta":
                written = delta.partial_json or ""
                self._json.setdefault(index, []).append(written)
                self.hidden += len(written)
            case "citations_delta" if delta.citation is not None:
                block["citations"] = [*(block.get("citations") or ()), delta.citation.to_dict()]
            case _:
                pass
        return ()

    def _read_usage(self, usage: Any, *, final: bool = False) -> None:
        """Counts are cumulative, and a later event may leave out what an earlier one said."""
        self._counted = self._counted or (final and getattr(usage, "output_tokens", None) is not None)
        for name in ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"):
            value = getattr(usage, name, None)
            if value is not None:
                self.usage[name] = value
        details = getattr(usage, "output_tokens_details", None)
        if details is not None and details.thinking_tokens is not None:
            self.usage["thinking_tokens"] = details.thinking_tokens

    def whole(self, response: Any) -> None:
        """Take a `Message`. Some servers answer 200 with a web page."""
        if not hasattr(response, "content"):
            self._error = self._provider.not_a_reply(response, "message")
            return
        self.message, self.unary, self.ids = response, True, self.ids or self._provider.ids_of(response)
        self.blocks = {index: block.to_dict() for index, block in enumerate(response.content or ())}
        self._text = [block.get("text") or "" for block in self.blocks.values() if block.get("type") == "text"]
        self.stop_reason, self.stop_sequence = response.stop_reason, response.stop_sequence
        self._read_usage(response.usage, final=True)

    def finish(self, failure: Failure | None = None) -> list[Response | Failure]:
        """The facts. A message that broke before its text came, in a tool call or not, is a failure, and is billed."""
        if self._error is not None:
            return [self._error]
        self._close_text()
        self._close_json()
        for block in self.blocks.values():
            if block.get("type") == "text":
                block["text"] = join_halves(block.get("text") or "")
        text = join_halves("".join(self._text))
        raw = self.stop_reason
        kinds = [block.get("type") for block in self.blocks.values()]
        tools = sum(kind == "tool_use" for kind in kinds)
        usage = self._usage(text)
        if raw is None and not text and not (tools and self.unary):
            broken = failure or Failure("transient", "the stream ended without a stop reason and without any text")
            billed = usage if self.usage or self.blocks else None
            return [replace(broken, usage=billed, cut_tool_calls=self._cut_calls("interrupted"))]
        suspended = raw in SUSPENDED
        self._provider.replies.append(self)
        reason: FinishReason = "interrupted" if raw is None else _WORDS.get(raw, "unknown")
        return [
            Response(
                text=text,
                finish_reason=reason,
                raw_finish_reason=raw,
                usage=usage,
                model=self.message.model if self.message is not None else None,
                id=self.message.id if self.message is not None else None,
                reasoning="thinking" in kinds or "redacted_thinking" in kinds,
                tool_calls=tools,
                cut_tool_calls=() if suspended else self._cut_calls(reason),
                suspended=suspended,
                blocks=tuple(self.blocks.values()) if suspended else (),
                prefill=self._provider.prefill,
                failure=failure if raw is None else None,
                rate_limit=self.rate_limit,
                raw=(self, 0),
            )
        ]

    def _close_text(self) -> None:
        for (index, name), parts in self._grown.items():
            block = self.blocks[index]
            block[name] = (block.get(name) or "") + "".join(parts)
        self._grown.clear()

    def _close_json(self) -> None:
        for index, parts in self._json.items():
            self.json[index] = text = "".join(parts)
            try:
                self.blocks[index]["input"] = json.loads(text) if text else {}
            except ValueError:  # cut in the middle
                self.blocks[index]["input"] = _whole_part(text)
                self.cut.add(index)
        self._json.clear()

    def _cut_calls(self, reason: FinishReason) -> tuple[CutToolCall, ...]:
        """The calls of a reply that was cut; of one that was not, those whose arguments are not whole all the same."""
        calls = [index for index, block in sorted(self.blocks.items()) if block.get("type") == "tool_use"]
        well = reason in ("stop", "tool_calls")
        return tuple(self._came(index) for index in calls if index in self.cut or not well)

    def _came(self, index: int) -> CutToolCall:
        """What came of a call. A cap ends the block that it cuts like any other, even if its arguments look whole."""
        block, last = self.blocks[index], max(self.blocks)
        ended = index != last or (self.stop_reason is None and index in self._closed)
        return came(block.get("id"), block.get("name"), self.json.get(index) or block.get("input"), ended=ended)

    def _usage(self, text: str) -> Usage:
        """What the server counted, and estimates for what it did not."""
        counted = self.usage
        written, estimated = counted.get("output_tokens", 0), False
        if not self._counted:
            # The final count never came; the one of `message_start` is a token or so.
            thought = sum(len(block.get("thinking") or "") for block in self.blocks.values())
            size = len(text) + thought + sum(map(len, self.json.values()))
            written, estimated = max(written, estimate(size)), True
        read = counted.get("cache_read_input_tokens", 0)
        stored = counted.get("cache_creation_input_tokens", 0)
        taken = counted.get("input_tokens")
        if taken is None:
            size = self._provider.size_of_request(self._send)
            taken, estimated = estimate(size), True
        return Usage(
            input_tokens=taken + read + stored,
            output_tokens=written,
            cached_input_tokens=read,
            cache_write_tokens=stored,
            reasoning_tokens=counted.get("thinking_tokens", 0),
            estimated=estimated,
        )


def _whole_part(text: str) -> Any:
    """Of half-written arguments those that are whole, as the SDK's own helpers read them; a cut string is left out."""
    try:
        return from_json(text, allow_partial=True)
    except ValueError:
        return {}
