"""A connection that breaks in a tool call: the call is made again, text before it is kept, and no cap is blamed."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2
import openai
import pytest

import continuum
from continuum import Policy, ProviderError, Result
from continuum._core.actions import Done, Send, Wait
from continuum._core.machine import Continuation
from continuum._core.types import Response
from continuum.testing import FakeClock
from tests.providers import odd
from tests.providers.odd import Odd, Reply, Script
from tests.providers.test_responses_odd import message, response, stream, streamed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

QUICK = Policy(retry_initial=0.01, retry_max=0.02, read_timeout=5.0)
TEXT = "Let me look. "
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
TOOL: dict[str, Any] = {"name": "f", "parameters": {}}


def _chat(text: str = "", *, drop: bool = False) -> Reply:
    return odd.call('{"a"', *(() if drop else (":1}",)), text=text, drop=drop)


def _claude(text: str = "", *, drop: bool = False) -> Reply:
    before = odd.text_block(0, text) if text else []
    at = 1 if text else 0
    if drop:
        half = odd.tool_block(at, '{"a"')[:-1]
        return odd.events(odd.start(), *before, *half, drop=True)
    return odd.events(odd.start(), *before, *odd.tool_block(at, '{"a"', ":1}"), *odd.end("tool_use"))


def _responses(text: str = "", *, drop: bool = False) -> Reply:
    call = {"id": "fc_1", "type": "function_call", "call_id": "t1", "name": "f", "arguments": '{"a":1}'}
    said = [message(text)] if text else []
    if not drop:
        return streamed(response(*said, call))
    whole = [json.loads(event.split("data: ")[1]) for event in streamed(response(*said)).events or ()]
    place = {"output_index": len(said), "item_id": "fc_1"}
    begun = {"type": "response.output_item.added", "item": {**call, "arguments": "", "status": "in_progress"}, **place}
    half = {"type": "response.function_call_arguments.delta", "delta": '{"a"', **place}
    return stream(*whole[:-1], begun, half, drop=True)


class Wire:
    """One of the SDKs, bare or wrapped, against a scripted server."""

    def __init__(self, stack: ExitStack, kind: str) -> None:
        self._stack, self.kind = stack, kind
        self.reply: Callable[..., Reply] = {"chat": _chat, "claude": _claude, "responses": _responses}[kind]
        self.server = Odd([])

    def client(self, *scripts: Script) -> Any:
        self.server = self._stack.enter_context(Odd(list(scripts)))
        if self.kind == "claude":
            return self._stack.enter_context(anthropic.Anthropic(base_url=self.server.url, api_key="k"))
        return self._stack.enter_context(openai.OpenAI(base_url=f"{self.server.url}/v1", api_key="k"))

    def params(self) -> dict[str, Any]:
        if self.kind == "claude":
            return {**CHAT, "max_tokens": 1000, "tools": [{"name": "f", "input_schema": {"type": "object"}}]}
        if self.kind == "responses":
            return {"model": "m", "input": "hi", "tools": [{"type": "function", **TOOL}]}
        return {**CHAT, "tools": [{"type": "function", "function": TOOL}]}

    def create(self, *scripts: Script, **more: Any) -> Any:
        """What a wrapped client returns."""
        client = continuum.wrap(self.client(*scripts), policy=QUICK)
        resource = {"claude": "messages", "responses": "responses"}.get(self.kind)
        create = client.chat.completions.create if resource is None else getattr(client, resource).create
        return create(**self.params(), **more)

    def told(self, answer: Any) -> tuple[str, list[Any], str | None]:
        """The text, the arguments of the calls, and how it ended."""
        if self.kind == "claude":
            said = "".join(block.text for block in answer.content if block.type == "text")
            return said, [block.input for block in answer.content if block.type == "tool_use"], answer.stop_reason
        if self.kind == "responses":
            calls = [json.loads(item.arguments) for item in answer.output if item.type == "function_call"]
            return answer.output_text, calls, answer.status
        choice = answer.choices[0]
        calls = [json.loads(call.function.arguments) for call in choice.message.tool_calls or ()]
        return choice.message.content or "", calls, choice.finish_reason

    def streamed(self, *scripts: Script) -> tuple[str, str]:
        """The text and the arguments that a wrapped stream gives."""
        text = arguments = ""
        for event in self.create(*scripts, stream=True):
            if self.kind == "chat":
                for choice in event.choices:
                    text += choice.delta.content or ""
                    arguments += "".join(call.function.arguments or "" for call in choice.delta.tool_calls or ())
            elif event.type == "response.function_call_arguments.delta":
                arguments += event.delta
            elif event.type == "response.output_text.delta":
                text += event.delta
            elif event.type == "content_block_delta":
                text += getattr(event.delta, "text", "")
                arguments += getattr(event.delta, "partial_json", "")
        return text, arguments

    def complete(self, *scripts: Script) -> Result:
        return continuum.complete(self.client(*scripts), policy=QUICK, runtime=FakeClock().runtime, **self.params())


@pytest.fixture(params=["chat", "claude", "responses"])
def wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    with ExitStack() as stack:
        yield Wire(stack, request.param)


ENDS = {"chat": "tool_calls", "claude": "tool_use", "responses": "completed"}


def test_a_call_that_the_connection_broke_in_is_asked_for_again(wire: Wire) -> None:
    """Nothing that can be kept had come: the same request goes out again, as with the bare client."""
    answer = wire.create(wire.reply(drop=True), wire.reply())
    assert wire.told(answer) == ("", [{"a": 1}], ENDS[wire.kind])
    first, second = wire.server.requests
    assert first == second
    usage = continuum.result_of(answer).usage
    assert usage.estimated  # the broken one is on the bill
    assert usage.input_tokens > 0


def test_a_stream_gives_the_call_once(wire: Wire) -> None:
    """The half of it that came first reaches no reader."""
    assert wire.streamed(wire.reply(drop=True), wire.reply()) == ("", '{"a":1}')


def test_text_before_the_call_is_kept(wire: Wire) -> None:
    """It was paid for and may have been shown: the model goes on from it, and calls again."""
    answer = wire.create(wire.reply(TEXT, drop=True), wire.reply(TEXT))
    text, calls, end = wire.told(answer)
    assert (text.strip(), calls, end) == (TEXT.strip(), [{"a": 1}], ENDS[wire.kind])
    assert continuum.result_of(answer).rounds == 2
    text, arguments = wire.streamed(wire.reply(TEXT, drop=True), wire.reply(TEXT))
    assert (text.strip(), arguments) == (TEXT.strip(), '{"a":1}')


def test_a_network_that_stays_broken_is_an_error_of_the_network(wire: Wire) -> None:
    """Within the usual limits, and never `length`: nothing was cut by a cap."""
    with pytest.raises(ProviderError) as caught:
        wire.complete(wire.reply(drop=True))
    assert len(wire.server.requests) == 1 + QUICK.max_retries
    assert (caught.value.result.reason, caught.value.result.rounds) == ("retries_exhausted", 0)
    assert caught.value.result.usage.output_tokens > 0
    sdk = anthropic if wire.kind == "claude" else openai
    with pytest.raises((sdk.APIConnectionError, httpx2.TransportError)):
        wire.create(wire.reply(drop=True))


def test_text_before_calls_that_all_break_stays(wire: Wire) -> None:
    """The run ends at the limit of interruptions, with the text."""
    result = wire.complete(wire.reply(TEXT, drop=True))
    assert (result.text.strip(), result.complete) == (TEXT.strip(), False)
    assert (result.finish_reason, result.reason) == ("interrupted", "max_interruptions")


def test_of_a_call_that_the_connection_broke_in_the_account_has_what_came(wire: Wire) -> None:
    """The model is asked to go on from the text before it and may call anew; what it had written is not lost."""
    result = wire.complete(wire.reply("Let me look. ", drop=True), wire.reply("Let me look. "))
    assert (result.text.strip(), result.complete) == ("Let me look.", True)
    assert [(call.name, call.arguments) for call in result.cut_tool_calls] == [("f", '{"a"')]


def test_nothing_is_lost_with_a_network_that_stays_broken(wire: Wire) -> None:
    """No try brought anything whole, and the error has what each of them brought."""
    with pytest.raises(ProviderError) as caught:
        wire.complete(wire.reply(drop=True))
    assert caught.value.result is not None
    pieces = [call.arguments for call in caught.value.result.cut_tool_calls]
    assert pieces == ['{"a"'] * len(wire.server.requests)


def test_a_lost_call_that_is_not_made_again_is_no_whole_answer() -> None:
    """The model says nothing more when it is asked to go on: what it had begun to call is missing."""
    machine = Continuation(Policy(max_rechecks=1))
    machine.start()
    assert isinstance(machine.receive(Response(TEXT, "interrupted", tool_calls=1)), Wait)
    assert isinstance(machine.resume(), Send)
    action = machine.receive(Response("", "stop"))
    assert isinstance(action, Send)
    assert action.evidence == "open tool call"
    action = machine.receive(Response("", "stop"))
    assert isinstance(action, Done)
    assert (action.complete, action.reason) == (False, "unclosed")


def test_an_answer_without_the_lost_call_is_one() -> None:
    """The model may answer in words instead."""
    machine = Continuation()
    machine.start()
    machine.receive(Response(TEXT, "interrupted", tool_calls=1))
    machine.resume()
    action = machine.receive(Response(f"{TEXT}It is empty, as far as I can see.", "stop"))
    assert isinstance(action, Done)
    assert action.complete


def test_a_unary_reply_that_does_not_say_how_it_ended_is_no_broken_one() -> None:
    """It came whole, so nobody would send anything else: it is not asked for again, and is no success."""
    call = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    reply = odd.completion({"role": "assistant", "content": None, "tool_calls": [call]}, None)
    with Odd([reply]) as server, openai.OpenAI(base_url=f"{server.url}/v1", api_key="k") as client:
        result = continuum.complete(client, policy=QUICK.model_copy(update={"stream": False}), **CHAT)
        assert len(server.requests) == 1
    assert (result.complete, result.reason) == (False, "tool_call_cut")
