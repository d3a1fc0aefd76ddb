"""A reply that breaks off in one of several tool calls: those that had come whole were paid for, and are handed out."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import types
from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

import continuum
from continuum import Policy, Result
from continuum._core.types import CutToolCall
from continuum.langchain import ContinuumChatModel
from continuum.providers.calls import came
from tests.providers import odd
from tests.providers.odd import Odd, Reply
from tests.providers.test_broken_calls import TEXT
from tests.providers.test_cancelled_calls import async_client, create_of, params, sync_client
from tests.providers.test_responses_odd import cut as cut_response
from tests.providers.test_responses_odd import message, response, stream

if TYPE_CHECKING:
    from collections.abc import Callable

POLICY = Policy(max_retries=0, max_interruptions=0, deadline=30.0)
QUICK = POLICY.model_copy(update={"max_retries": 1, "retry_initial": 0.01})
UNARY = POLICY.model_copy(update={"stream": False})
WHOLE, HALF = '{"b":1}', '{"a"'
CALLS = (CutToolCall("g", WHOLE, "t0", whole=True), CutToolCall("f", HALF, "t1"))
GEMINI: dict[str, Any] = {"model": "gemini-x", "contents": "Go.", "config": {"max_output_tokens": 100}}


def chat(end: str, text: str = "") -> Reply:
    """`end`: the stream is broken, or says that the cap cut it; unary: so says a whole reply."""
    calls = [
        {"index": at, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for at, call in enumerate(CALLS)
    ]
    if end == "unary":
        return odd.completion({"role": "assistant", "content": text or None, "tool_calls": calls}, "length")
    first = odd.chunk({"role": "assistant", "content": text or None})
    last = [] if end == "broken" else [odd.chunk({}, "length"), odd.usage(5, 10)]
    return odd.chunks(first, *(odd.chunk({"tool_calls": [call]}) for call in calls), *last, drop=end == "broken")


def claude(end: str, text: str = "") -> Reply:
    before = [{"type": "text", "text": text}] if text else []
    calls = [{"type": "tool_use", "id": call.id, "name": call.name, "input": {}} for call in CALLS]
    if end == "unary":
        content = [*before, {**calls[0], "input": json.loads(WHOLE)}, calls[1]]
        return Reply({**odd.start()["message"], "content": content, "stop_reason": "max_tokens"})
    events = odd.text_block(0, text) if text else []
    for at, (call, opening) in enumerate(zip(CALLS, calls, strict=True), len(before)):
        delta = {"type": "input_json_delta", "partial_json": call.arguments}
        events += odd.block(at, opening, delta, stop=call.whole or end != "broken")
    last = [] if end == "broken" else odd.end("max_tokens")
    return odd.events(odd.start(), *events, *last, drop=end == "broken")


def responses(end: str, text: str = "") -> Reply:
    said = [message(text)] if text else []
    whole, half = (
        {
            "id": f"fc_{call.id}", "type": "function_call", "call_id": call.id, "name": call.name,
            "arguments": call.arguments, "status": "completed" if call.whole else "incomplete",
        }
        for call in CALLS
    )  # fmt: skip
    if end == "unary":
        return Reply(cut_response(*said, whole, half))
    events: list[dict[str, Any]] = [{"type": "response.created", "response": response(status="in_progress")}]
    for index, item in enumerate((*said, whole, half)):
        place = {"output_index": index, "item_id": item["id"]}
        fresh = {**item, "status": "in_progress", "arguments": ""} if item not in said else {**item, "content": []}
        events.append({"type": "response.output_item.added", "item": fresh, **place})
        if item in said:
            delta = {"type": "response.output_text.delta", "delta": text, "logprobs": [], "content_index": 0}
        else:
            delta = {"type": "response.function_call_arguments.delta", "delta": item["arguments"]}
        events.append({**delta, **place})
        if item is not half or end != "broken":
            events.append({"type": "response.output_item.done", "item": item, **place})
    final = cut_response(*said, whole, half)
    last = [] if end == "broken" else [{"type": "response.incomplete", "response": final}]
    return stream(*events, *last, drop=end == "broken")


def gemini(end: str, text: str = "") -> Reply:
    """Calls come in one piece each: of a stream that breaks all of them are whole."""
    call = {"functionCall": {"id": "t0", "name": "g", "args": json.loads(WHOLE)}}
    last = {"functionCall": {"id": "t1", "name": "f", "args": {}}}
    parts = [*([{"text": text}] if text else []), call, last]
    if end == "unary":
        return Reply({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "MAX_TOKENS"}]})
    chunks: list[Any] = [{"candidates": [{"content": {"role": "model", "parts": [part]}}]} for part in parts]
    if end != "broken":
        chunks[-1]["candidates"][0]["finishReason"] = "MAX_TOKENS"
    return Reply(events=tuple(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks), drop=end == "broken")


REPLIES: dict[str, Callable[..., Reply]] = {"chat": chat, "claude": claude, "responses": responses, "gemini": gemini}
WAYS = ["complete", "stream", "acomplete", "create", "create a stream"]
KINDS = [(kind, way) for kind in REPLIES for way in WAYS if kind != "gemini" or "create" not in way]


def ask(kind: str, way: str, *replies: Reply, policy: Policy = POLICY) -> Result:
    """The result of a run, whether it is on an answer or on an error."""
    question = GEMINI if kind == "gemini" else params(kind)

    async def late(server: Odd) -> Result:
        client = client_of(kind, server, is_async=True)
        async with client.aio if kind == "gemini" else client:
            return await continuum.acomplete(client, policy=policy, **question)

    def now(server: Odd) -> Result:
        with client_of(kind, server) as client:
            if way == "complete":
                return continuum.complete(client, policy=policy, **question)
            if way == "stream":
                *_, last = continuum.stream(client, policy=policy, **question)
                return continuum.result_of(last.result)
            answer = create_of(kind, client, policy)(**question, stream=way != "create")
            if way != "create":
                list(answer)
            return continuum.result_of(answer)

    with Odd(list(replies)) as server:
        try:
            return asyncio.run(late(server)) if way == "acomplete" else now(server)
        except Exception as error:
            return continuum.result_of(error)


def client_of(kind: str, server: Odd, *, is_async: bool = False) -> Any:
    if kind == "gemini":
        return genai.Client(api_key="none", http_options=types.HttpOptions(base_url=server.url))
    if kind == "claude":
        claude: Any = anthropic.AsyncAnthropic if is_async else anthropic.Anthropic
        return claude(base_url=server.url, api_key="k")
    chat: Any = openai.AsyncOpenAI if is_async else openai.OpenAI
    return chat(base_url=f"{server.url}/v1", api_key="k")


def expected(kind: str, end: str) -> list[CutToolCall]:
    whole, half = CALLS
    if kind == "gemini":
        whole = CutToolCall("g", json.dumps(json.loads(WHOLE)), "t0", whole=True)
        half = CutToolCall("f", "{}", "t1", whole=True) if end == "broken" else CutToolCall("f", "", "t1")
    if kind == "claude" and end == "unary":
        whole = CutToolCall("g", json.dumps(json.loads(WHOLE)), "t0", whole=True)
        half = CutToolCall("f", "", "t1")
    return [whole, half]


@pytest.mark.parametrize("text", ["", TEXT], ids=["calls alone", "text before them"])
@pytest.mark.parametrize(("kind", "way"), KINDS)
def test_a_stream_that_breaks_in_the_second_call_keeps_the_first(kind: str, way: str, text: str) -> None:
    """In order, with its id, its name and all of its arguments, and nobody takes the answer for a complete one."""
    result = ask(kind, way, REPLIES[kind]("broken", text))
    assert (result.text, result.complete) == (text, False)
    assert list(result.cut_tool_calls) == expected(kind, "broken")


@pytest.mark.parametrize(
    ("kind", "way", "end"),
    [(*found, end) for found in KINDS for end in ("cap", "unary") if end == "cap" or "stream" not in found[1]],
)
def test_a_cap_that_cuts_the_second_call_leaves_the_first(kind: str, way: str, end: str) -> None:
    """The SDK's own response has it as well, but a document of a batch has nothing but the account."""
    result = ask(kind, way, REPLIES[kind](end), policy=UNARY if end == "unary" else POLICY)
    assert (result.complete, result.finish_reason, result.reason) == (False, "length", "tool_call_cut")
    assert list(result.cut_tool_calls) == expected(kind, end)


@pytest.mark.parametrize("kind", REPLIES)
def test_calls_that_are_made_again_are_no_part_of_them(kind: str) -> None:
    """The second try is whole: what the first brought is in the account alone, and the answer has its own."""
    again: dict[str, Reply] = {
        "chat": odd.call(WHOLE),
        "claude": odd.events(odd.start(), *odd.tool_block(0, WHOLE), *odd.end("tool_use")),
        "gemini": Reply(
            events=[
                'data: {"candidates": [{"content": {"role": "model", "parts": '
                '[{"functionCall": {"id": "t1", "name": "f", "args": {"b": 1}}}]}, "finishReason": "STOP"}]}\n\n'
            ]
        ),
    }
    call = {"id": "fc_1", "type": "function_call", "call_id": "t1", "name": "f", "arguments": WHOLE}
    again["responses"] = stream({"type": "response.completed", "response": response(call)})
    result = ask(kind, "complete", REPLIES[kind]("broken"), again[kind], policy=QUICK)
    assert (result.complete, result.finish_reason) == (True, "tool_calls")
    assert list(result.cut_tool_calls) == expected(kind, "broken")


@pytest.mark.parametrize("way", ["complete", "stream", "create", "create a stream"])
@pytest.mark.parametrize("kind", ["chat", "claude", "responses"])
def test_a_run_that_is_torn_down_in_the_second_call_keeps_the_first(kind: str, way: str) -> None:
    """Ctrl-C, for example, while the rest of it is waited for."""

    def stop() -> None:
        raise KeyboardInterrupt

    def run(client: Any) -> None:
        if way == "complete":
            continuum.complete(client, policy=POLICY, **params(kind))
        elif way == "stream":
            list(continuum.stream(client, policy=POLICY, **params(kind)))
        else:
            list(create_of(kind, client)(**params(kind), stream=way != "create"))

    with Odd([REPLIES[kind]("broken")]) as server, sync_client(kind, server, stop) as client:
        with pytest.raises(KeyboardInterrupt) as caught:
            run(client)
        result = continuum.result_of(caught.value)
    assert (result.text, result.reason, result.cut_tool_calls) == ("", "cancelled", CALLS)


@pytest.mark.parametrize("kind", ["chat", "claude", "responses"])
def test_a_cancelled_async_run_keeps_the_first(kind: str) -> None:
    """Its task is cancelled while the rest of the second call is waited for."""

    async def main(server: Odd) -> Result:
        came = asyncio.Event()

        async def stop() -> None:
            came.set()
            await asyncio.sleep(3600)

        async with async_client(kind, server, stop) as client:
            task = asyncio.create_task(continuum.acomplete(client, policy=POLICY, **params(kind)))
            await came.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
        return continuum.result_of(caught.value)

    with Odd([REPLIES[kind]("broken")]) as server:
        result = asyncio.run(main(server))
    assert (result.text, result.reason, result.cut_tool_calls) == ("", "cancelled", CALLS)


def langchain(kind: str, server: Odd, policy: Policy = POLICY) -> Any:
    fields: dict[str, Any] = {"model": "m", "max_tokens": 1000, "api_key": SecretStr("k")}
    inner: Any = ChatAnthropic if kind == "claude" else ChatOpenAI
    url = server.url if kind == "claude" else f"{server.url}/v1"
    model = ContinuumChatModel(model=inner(base_url=url, **fields), policy=policy)
    return model.bind_tools([{"name": "f", "description": "Do it.", "parameters": {"type": "object"}}])


@pytest.mark.parametrize("way", ["invoke", "stream", "ainvoke"])
@pytest.mark.parametrize("kind", ["chat", "claude"])
def test_a_chat_model_of_langchain_keeps_the_first(kind: str, way: str) -> None:
    """The error has the account."""

    def run(model: Any) -> None:
        if way == "ainvoke":
            asyncio.run(model.ainvoke("Go."))
        elif way == "stream":
            list(model.stream("Go."))
        else:
            model.invoke("Go.")

    with Odd([REPLIES[kind]("broken")]) as server, pytest.raises(Exception) as caught:
        run(langchain(kind, server))
    assert continuum.result_of(caught.value).cut_tool_calls == CALLS


@pytest.mark.parametrize("kind", ["chat", "claude"])
def test_a_message_of_langchain_has_the_account_of_calls_that_were_made_again(kind: str) -> None:
    """Also where it is complete: its own calls are those of the second try."""
    again = {
        "chat": odd.call(WHOLE),
        "claude": odd.events(odd.start(), *odd.tool_block(0, WHOLE), *odd.end("tool_use")),
    }
    with Odd([REPLIES[kind]("broken"), again[kind]]) as server:
        message = langchain(kind, server, QUICK).invoke("Go.")
    assert message.response_metadata["continuum"]["complete"]
    assert message.response_metadata["continuum"]["cut_tool_calls"] == [asdict(call) for call in CALLS]
    assert [call["args"] for call in message.tool_calls] == [{"b": 1}]
    assert message.invalid_tool_calls == []


def test_a_block_that_claude_had_closed_is_whole_though_it_is_the_last() -> None:
    """The connection broke behind it; behind a cap that would say nothing."""
    closed = odd.tool_block(0)
    assert [
        call.whole for call in ask("claude", "complete", odd.events(odd.start(), *closed, drop=True)).cut_tool_calls
    ] == [True]
    begun = odd.events(odd.start(), *closed[:-1], drop=True)
    (call,) = ask("claude", "complete", begun).cut_tool_calls
    assert (call.arguments, call.whole) == ("", False)
    capped = odd.events(odd.start(), *odd.tool_block(0, WHOLE), *odd.end("max_tokens"))
    (call,) = ask("claude", "complete", capped).cut_tool_calls
    assert (call.arguments, call.whole) == (WHOLE, False)


def test_calls_of_all_choices_are_kept_when_none_of_them_can_be_used() -> None:
    """The request is made again for all; what it had brought stands with the first choice, as its usage does."""
    pieces = [
        odd.chunk(
            {"tool_calls": [{"index": 0, "id": f"t{at}", "function": {"name": "f", "arguments": HALF}}]}, index=at
        )
        for at in range(2)
    ]
    ends = [odd.chunk({"content": "Done."}, "stop", index=at) for at in range(2)]
    with (
        Odd([odd.chunks(*pieces, drop=True), odd.chunks(*ends, odd.usage(5, 10))]) as server,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="k") as client,
    ):
        result = continuum.complete(client, policy=QUICK, n=2, **params("chat"))
    assert [found.text for found in (result, *result.alternatives)] == ["Done.", "Done."]
    assert result.cut_tool_calls == (CutToolCall("f", HALF, "t0"), CutToolCall("f", HALF, "t1"))


def test_calls_that_come_side_by_side_are_whole_where_their_arguments_are() -> None:
    """A server may begin all of them before it writes any."""
    starts = [
        odd.chunk({"tool_calls": [{"index": at, "id": f"t{at}", "function": {"name": "f", "arguments": ""}}]})
        for at in range(3)
    ]
    pieces = [
        odd.chunk({"tool_calls": [{"index": at, "function": {"arguments": text}}]})
        for at, text in enumerate([HALF, "{}"])
    ]
    found = ask("chat", "complete", odd.chunks(*starts, *pieces, drop=True)).cut_tool_calls
    assert [(call.arguments, call.whole) for call in found] == [(HALF, False), ("{}", True), ("", False)]


def test_a_call_in_free_text_has_ended_where_the_next_begins() -> None:
    """Custom tools take any text."""
    calls = [
        odd.chunk(
            {"tool_calls": [{"index": at, "id": f"t{at}", "type": "custom", "custom": {"name": "f", "input": "ls"}}]}
        )
        for at in range(2)
    ]
    found = ask("chat", "complete", odd.chunks(*calls, drop=True)).cut_tool_calls
    assert found == (CutToolCall("f", "ls", "t0", whole=True), CutToolCall("f", "ls", "t1"))


def test_a_call_of_one_of_openai_s_own_tools_says_what_to_do() -> None:
    """It has no name and no arguments of the caller's making."""
    act = {"type": "click", "x": 1, "y": 2, "button": "left"}
    call = {
        "id": "cu_1", "type": "computer_call", "call_id": "t0", "status": "completed", "action": act,
        "pending_safety_checks": [],
    }  # fmt: skip
    events = [
        {"type": "response.created", "response": response(status="in_progress")},
        {"type": "response.output_item.done", "output_index": 0, "item": call},
    ]
    (found,) = ask("responses", "complete", stream(*events, drop=True)).cut_tool_calls
    assert (found.name, json.loads(found.arguments), found.id, found.whole) == ("computer_call", act, "t0", True)


def test_a_call_that_gemini_goes_on_with_is_not_whole() -> None:
    """Arguments that are streamed come in parts of their own."""
    parts = [
        {"functionCall": {"id": "t0", "name": "f", "willContinue": True}},
        {"functionCall": {"partialArgs": [{"jsonPath": "$.a", "stringValue": "x"}], "willContinue": True}},
    ]
    body = {"candidates": [{"content": {"role": "model", "parts": parts}}]}
    found = ask("gemini", "complete", Reply(events=(f"data: {json.dumps(body)}\n\n",), drop=True)).cut_tool_calls
    assert [(call.name, call.whole) for call in found] == [("f", False), ("", False)]


@pytest.mark.parametrize("text", ["", "[]", "1", '{"a"', "[" * 100_000, '{"a": 1} x'])
def test_what_is_no_object_is_no_whole_call(text: str) -> None:
    """Whoever reads the arguments of a whole call as JSON finds an object."""
    assert not came("t0", "f", text, ended=True).whole
    assert came("t0", "f", text, ended=True, free=True).whole
    assert not came("t0", "f", "{}", ended=False).whole
