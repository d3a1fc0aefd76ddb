"""A stream that ends in the middle of a character, and text whose characters come in halves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anthropic
import anyio
import httpx2
import openai
import pytest

import continuum
from continuum import Policy, Result
from continuum.testing import FakeClock
from tests.providers import odd
from tests.providers.odd import Odd, Reply, chunk, words
from tests.providers.test_responses_odd import message, response, stream, streamed

if TYPE_CHECKING:
    from collections.abc import Callable

QUICK = Policy(retry_initial=0.01, retry_max=0.02, read_timeout=5.0, reask=0)
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
START, REST = "夜里的灯塔看守人把灯点亮。", "船在雾里慢慢地走。"


def _chat(text: str) -> Reply:
    return odd.chunks(chunk({"role": "assistant", "content": text}), drop=True)


def _claude(text: str) -> Reply:
    return odd.events(odd.start(), *odd.text_block(0, text)[:-1])


def _responses(text: str) -> Reply:
    whole = [json.loads(event.split("data: ")[1]) for event in streamed(response(message(text))).events or ()]
    return stream(*(event for event in whole if not event["type"].endswith((".done", ".completed"))))


WIRES: dict[str, tuple[Callable[[str], Reply], Reply]] = {
    "chat": (_chat, words(REST)),
    "claude": (_claude, odd.events(odd.start(), *odd.text_block(0, REST), *odd.end("end_turn"))),
    "responses": (_responses, streamed(response(message(REST)))),
}


def _within_a_character(reply: Reply) -> Reply:
    """The stream ends cleanly behind the first byte of a character of three."""
    assert reply.events is not None
    return Reply(events=(*reply.events, b"data: \xe8"))


def _ask(kind: str, url: str, *, is_async: bool, policy: Policy = QUICK) -> Result:
    sdk: Any = anthropic if kind == "claude" else openai
    name = ("Async" if is_async else "") + ("Anthropic" if kind == "claude" else "OpenAI")
    client = getattr(sdk, name)(base_url=url if kind == "claude" else f"{url}/v1", api_key="k")
    params = {"model": "m", "input": "hi"} if kind == "responses" else {**CHAT, "max_tokens": 1000}
    more = {"policy": policy, "runtime": FakeClock().runtime, **params}
    if not is_async:
        with client:
            return continuum.complete(client, **more)

    async def main() -> Result:
        async with client:
            return await continuum.acomplete(client, **more)

    return anyio.run(main)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("kind", sorted(WIRES))
def test_a_stream_that_ends_within_a_character_is_gone_on_with(kind: str, is_async: bool) -> None:
    """The SDKs' decoders raise a `UnicodeDecodeError`: the connection broke, and what had come is kept."""
    begin, rest = WIRES[kind]
    with Odd([_within_a_character(begin(START)), rest]) as server:
        result = _ask(kind, server.url, is_async=is_async)
    assert (result.text, result.complete, result.rounds) == (START + REST, True, 2)
    assert result.segments[0].finish_reason == "interrupted"


def test_a_stream_of_half_a_character_is_asked_again() -> None:
    """Nothing had come: a repeat like any other."""
    with Odd([Reply(events=(b"data: \xe8",)), words(REST)]) as server:
        result = _ask("chat", server.url, is_async=False)
        assert len(server.requests) == 2
    assert (result.text, result.rounds) == (REST, 1)


@pytest.mark.parametrize("kind", ["chat", "claude"])
def test_a_body_that_is_no_utf8_is_asked_again(kind: str) -> None:
    """The same for a reply in one piece."""
    body = odd.completion({"role": "assistant", "content": REST}).body
    if kind == "claude":
        body = {**odd.start(stop_reason="end_turn")["message"], "content": [{"type": "text", "text": REST}]}
    policy = QUICK.model_copy(update={"stream": False})
    with Odd([Reply(b'{"id": "\xe8"}'), Reply(body)]) as server:
        result = _ask(kind, server.url, is_async=False, policy=policy)
        assert len(server.requests) == 2
    assert result.text == REST


def test_the_callers_own_mistakes_are_not_the_networks() -> None:
    """A hook that cannot decode something is a bug, which passes through; what was bought is within reach."""

    def hook(response: httpx2.Response) -> None:
        if len(server.requests) > 1:
            b"\xe8".decode()

    with (
        Odd([words(START, finish="length"), words(REST)]) as server,
        openai.OpenAI(
            base_url=f"{server.url}/v1", api_key="k", http_client=httpx2.Client(event_hooks={"response": [hook]})
        ) as client,
        pytest.raises(UnicodeDecodeError) as caught,
    ):
        continuum.complete(client, policy=QUICK, **CHAT)
    assert len(server.requests) == 2
    assert continuum.result_of(caught.value).text == START


# -- characters in halves ---------------------------------------------------------------------------------------------

HIGH, LOW = "\ud83d", "\ude00"


def _halves(kind: str, *parts: str, cut: bool) -> Reply:
    if kind == "chat":
        return words(*parts, finish="length" if cut else "stop")
    if kind == "claude":
        return odd.events(odd.start(), *odd.text_block(0, *parts), *odd.end("max_tokens" if cut else "end_turn"))
    status = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}} if cut else {}
    final = response(message("".join(parts)), **status)
    events = [json.loads(str(event).split("data: ")[1]) for event in streamed(final, deltas=False).events or ()]
    place = {"output_index": 0, "item_id": "msg_1", "content_index": 0, "logprobs": []}
    deltas = [{"type": "response.output_text.delta", "delta": part, **place} for part in parts]
    return stream(*events[:2], *deltas, *events[2:])


@pytest.mark.parametrize("kind", sorted(WIRES))
def test_halves_in_two_deltas_are_one_character(kind: str) -> None:
    """In the text, in what is shown to the model, and in the SDK's own object; a half alone is replaced."""
    first = _halves(kind, f"The weather is fine {HIGH}", f"{LOW} today {LOW}, and the boats are out. ", cut=True)
    with Odd([first, _halves(kind, "They went home.", cut=False)]) as server:
        result = _ask(kind, server.url, is_async=False)
        shown = json.dumps(server.requests[1], ensure_ascii=False)
    assert result.text == "The weather is fine 😀 today \ufffd, and the boats are out. They went home."
    assert result.raw_segments[0] == f"The weather is fine 😀 today {LOW}, and the boats are out. "
    assert "The weather is fine 😀 today \ufffd, and the boats are out." in shown
    whole = result.raw
    said = whole.output_text if kind == "responses" else None
    said = whole.content[0].text if kind == "claude" else said
    assert (said if said is not None else whole.choices[0].message.content) == result.text


def test_a_wrapped_stream_shows_no_half() -> None:
    """Each piece of text can be written down."""
    replies = [
        words(f"Fine {HIGH}", f"{LOW} today, and the boats are out. They w", finish="length"),
        words("ent home."),
    ]
    with (
        Odd(replies) as server,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="k") as client,
    ):
        wrapped = continuum.wrap(client, policy=QUICK)
        pieces = [
            choice.delta.content or ""
            for event in wrapped.chat.completions.create(stream=True, **CHAT)
            for choice in event.choices
        ]
    assert "".join(piece.encode().decode() for piece in pieces).startswith("Fine 😀 today, and the boats are out.")
