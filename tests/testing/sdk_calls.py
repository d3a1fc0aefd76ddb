"""One question through a real SDK, in every manner of calling it, and the answer in one form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anthropic
import anyio
import httpx2
import openai

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from continuum.testing import SimulatedProvider

MANNERS = [
    f"{wire}-{sync}-{mode}"
    for wire in ("openai", "anthropic")
    for sync in ("sync", "async")
    for mode in ("unary", "stream")
]
STREAMS = [manner for manner in MANNERS if manner.endswith("stream")]
UNARIES = [manner for manner in MANNERS if manner.endswith("unary")]
TIMEOUT = 5.0


@dataclass
class Answer:
    """What came back; a stream that fails leaves what it had."""

    text: str = ""
    finish: str | None = None
    output_tokens: int | None = None
    input_tokens: int | None = None
    reasoning_tokens: int = 0
    reasoning: str = ""
    arguments: str = ""
    refusal: str | None = None
    pieces: list[str] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


def ask(
    server: SimulatedProvider,
    manner: str,
    messages: list[dict[str, Any]],
    max_tokens: int = 4000,
    *,
    answer: Answer | None = None,
    timeout: float | httpx2.Timeout = TIMEOUT,
    **more: Any,
) -> Answer:
    """Asks in a manner such as `openai-async-stream`. Pass `answer` to see what came before an error."""
    wire, sync, mode = manner.split("-")
    answer = answer or Answer()
    body = {"model": "simulated", "messages": messages, "max_tokens": max_tokens, **more}
    if mode == "stream":
        body["stream"] = True
        if wire == "openai":
            body["stream_options"] = {"include_usage": True}
    call = _ask_async if sync == "async" else _ask_sync
    call(server, wire, body, answer, timeout)
    return answer


def _options(timeout: float | httpx2.Timeout, http_client: Any = httpx2.Client) -> dict[str, Any]:
    # No certificates are needed on the loopback, and to load them takes longer than the request.
    client = http_client(verify=False, timeout=timeout)
    return {"api_key": "secret", "max_retries": 0, "timeout": timeout, "http_client": client}


def _ask_sync(
    server: SimulatedProvider, wire: str, body: dict[str, Any], answer: Answer, timeout: float | httpx2.Timeout
) -> None:
    if wire == "openai":
        with openai.OpenAI(base_url=server.openai_base_url, **_options(timeout)) as client:
            _collect(client.chat.completions.create(**body), body, answer, _openai_whole, _openai_event)
    else:
        with anthropic.Anthropic(base_url=server.anthropic_base_url, **_options(timeout)) as claude:
            _collect(claude.messages.create(**body), body, answer, _anthropic_whole, _anthropic_event)


def _collect(
    response: Any, body: dict[str, Any], answer: Answer, whole: Callable[..., None], event: Callable[..., None]
) -> None:
    if body.get("stream"):
        for item in response:
            event(item, answer)
    else:
        whole(response, answer)


def _ask_async(
    server: SimulatedProvider, wire: str, body: dict[str, Any], answer: Answer, timeout: float | httpx2.Timeout
) -> None:
    async def run() -> None:
        if wire == "openai":
            async with openai.AsyncOpenAI(
                base_url=server.openai_base_url, **_options(timeout, httpx2.AsyncClient)
            ) as client:
                await take(await client.chat.completions.create(**body), _openai_whole, _openai_event)
        else:
            async with anthropic.AsyncAnthropic(
                base_url=server.anthropic_base_url, **_options(timeout, httpx2.AsyncClient)
            ) as claude:
                await take(await claude.messages.create(**body), _anthropic_whole, _anthropic_event)

    async def take(response: Any, whole: Callable[..., None], event: Callable[..., None]) -> None:
        if body.get("stream"):
            async for item in response:
                event(item, answer)
        else:
            whole(response, answer)

    anyio.run(run)


def _openai_whole(response: Any, answer: Answer) -> None:
    answer.events.append(response)
    (choice,) = response.choices
    answer.text = choice.message.content or ""
    answer.finish = choice.finish_reason
    answer.refusal = choice.message.refusal
    answer.reasoning = getattr(choice.message, "reasoning_content", "")
    answer.arguments = "".join(call.function.arguments for call in choice.message.tool_calls or ())
    _openai_usage(response.usage, answer)


def _openai_usage(usage: Any, answer: Answer) -> None:
    answer.output_tokens, answer.input_tokens = usage.completion_tokens, usage.prompt_tokens
    answer.reasoning_tokens = usage.completion_tokens_details.reasoning_tokens


def _openai_event(chunk: Any, answer: Answer) -> None:
    answer.events.append(chunk)
    if chunk.usage:
        _openai_usage(chunk.usage, answer)
    for choice in chunk.choices:
        delta = choice.delta
        if delta.content:
            answer.pieces.append(delta.content)
            answer.text += delta.content
        answer.reasoning += getattr(delta, "reasoning_content", None) or ""
        if delta.refusal:
            answer.refusal = (answer.refusal or "") + delta.refusal
        answer.arguments += "".join(call.function.arguments for call in delta.tool_calls or ())
        answer.finish = choice.finish_reason or answer.finish


def _anthropic_whole(message: Any, answer: Answer) -> None:
    answer.events.append(message)
    answer.text = _of_type(message.content, "text", "text")
    answer.reasoning = _of_type(message.content, "thinking", "thinking")
    answer.finish = message.stop_reason
    answer.output_tokens, answer.input_tokens = message.usage.output_tokens, message.usage.input_tokens
    answer.reasoning_tokens = message.usage.output_tokens_details.thinking_tokens
    answer.refusal = message.stop_details.explanation if message.stop_details else None


def _of_type(blocks: Iterable[Any], kind: str, name: str) -> str:
    return "".join(getattr(block, name) for block in blocks if block.type == kind)


def _anthropic_event(event: Any, answer: Answer) -> None:
    answer.events.append(event)
    if event.type == "message_start":
        answer.input_tokens = event.message.usage.input_tokens
    elif event.type == "content_block_delta":
        delta = event.delta
        if delta.type == "text_delta":
            answer.pieces.append(delta.text)
            answer.text += delta.text
        elif delta.type == "thinking_delta":
            answer.reasoning += delta.thinking
        elif delta.type == "input_json_delta":
            answer.arguments += delta.partial_json
    elif event.type == "message_delta":
        answer.finish = event.delta.stop_reason
        answer.output_tokens = event.usage.output_tokens
        answer.reasoning_tokens = event.usage.output_tokens_details.thinking_tokens
        answer.refusal = event.delta.stop_details.explanation if event.delta.stop_details else None
