"""A tool call that the cap cut: what came of it was paid for, and reaches the caller as from the bare SDK."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from anthropic import Anthropic
from openai import OpenAI

import continuum
from continuum import Policy
from continuum._core.machine import Continuation
from continuum._core.types import CutToolCall, Response
from continuum.testing import Behaviour, SimulatedProvider, sample_documents

if TYPE_CHECKING:
    from collections.abc import Iterator

ESSAY = sample_documents()["essay"]
QUICK = Policy(retry_initial=0.01, retry_max=0.02, read_timeout=5.0)
ARGUMENTS = json.dumps({"path": "/tmp/essay", "text": "word " * 280})[:1400]


@pytest.fixture
def server() -> Iterator[SimulatedProvider]:
    with SimulatedProvider(ESSAY) as server:
        yield server


def ask(server: SimulatedProvider, api: str, *, wrapped: bool, stream: bool, policy: Policy = QUICK) -> Any:
    """A response, or all events of a stream, of a call that is cut in its arguments."""
    server.plan(behaviours=[Behaviour("cut_tool_call", text=ARGUMENTS, round=0)])
    kind: Any = Anthropic if api == "claude" else OpenAI
    url = server.anthropic_base_url if api == "claude" else server.openai_base_url
    with kind(base_url=url, api_key="k") as client:
        used = continuum.wrap(client, policy=policy) if wrapped else client
        question: dict[str, Any] = {"messages": [{"role": "user", "content": "Write it."}], "max_tokens": 300}
        resource = used.messages if api == "claude" else used.chat.completions
        if api == "responses":
            resource, question = used.responses, {"input": "Write it.", "max_output_tokens": 300}
        answer = resource.create(model="sim", stream=stream, **question)
        return list(answer) if stream else answer


def told(api: str, answer: Any) -> tuple[list[Any], str | None]:
    """The calls of a response or of the events of a stream, and how it ended."""
    events = answer if isinstance(answer, list) else []
    if api == "claude" and events:
        starts = [event.content_block.name for event in events if event.type == "content_block_start"]
        pieces = [event.delta.partial_json for event in events if event.type == "content_block_delta"]
        ends = [event.delta.stop_reason for event in events if event.type == "message_delta"]
        return [*starts, "".join(pieces)], ends[-1]
    if api == "claude":
        return [(block.name, block.input) for block in answer.content], answer.stop_reason
    if api == "responses":
        final = events[-1].response if events else answer
        kinds = {event.type for event in events}
        assert "response.function_call_arguments.done" not in kinds
        return [(item.name, item.arguments, item.status) for item in final.output], final.incomplete_details.reason
    if events:
        calls = [call.function for event in events for c in event.choices for call in c.delta.tool_calls or ()]
        ends = [choice.finish_reason for event in events for choice in event.choices if choice.finish_reason]
        return ["".join(f.name or "" for f in calls), "".join(f.arguments or "" for f in calls)], ends[-1]
    (choice,) = answer.choices
    return [(call.function.name, call.function.arguments) for call in choice.message.tool_calls], choice.finish_reason


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("api", ["chat", "responses", "claude"])
def test_a_wrapped_client_shows_what_the_bare_one_shows(server: SimulatedProvider, api: str, stream: bool) -> None:
    """The name, the arguments as far as they came, and a finish reason that says that they are not whole."""
    calls, end = told(api, ask(server, api, wrapped=False, stream=stream))
    server.reset()
    assert told(api, ask(server, api, wrapped=True, stream=stream)) == (
        [("search", {"path": "/tmp/essay"})] if api == "claude" and not stream else calls,
        end,
    )
    server.reset()
    unary = QUICK.model_copy(update={"stream": False})
    assert told(api, ask(server, api, wrapped=True, stream=stream, policy=unary)) == (calls, end)


@pytest.mark.parametrize("api", ["chat", "responses", "claude"])
def test_the_account_has_all_of_it(server: SimulatedProvider, api: str) -> None:
    """Every character of the arguments; nothing is asked for once more."""
    result = continuum.result_of(ask(server, api, wrapped=True, stream=False))
    assert (result.complete, result.finish_reason, result.reason) == (False, "length", "tool_call_cut")
    (call,) = result.cut_tool_calls
    assert (call.name, bool(call.id)) == ("search", True)
    assert len(call.arguments) > 600
    assert ARGUMENTS.startswith(call.arguments)
    assert pickle.loads(pickle.dumps(result)).cut_tool_calls == (call,)
    assert len(server.requests) == 1


def test_a_call_that_a_larger_cap_made_whole_takes_its_place(server: SimulatedProvider) -> None:
    """The cut one is no part of the answer, and stays in the account."""
    whole = Behaviour("tool_call", text='{"path": "/tmp/essay"}', round=0)
    server.plan(behaviours=[Behaviour("cut_tool_call", text=ARGUMENTS, round=0), whole])
    with OpenAI(base_url=server.openai_base_url, api_key="k") as client:
        policy = QUICK.model_copy(update={"raise_cap_to": 4000})
        messages: list[Any] = [{"role": "user", "content": "Write it."}]
        result = continuum.complete(client, model="sim", messages=messages, max_tokens=300, policy=policy)
    assert (result.complete, result.finish_reason) == (True, "tool_calls")
    assert [call.function.arguments for call in result.raw.choices[0].message.tool_calls] == ['{"path": "/tmp/essay"}']
    assert [ARGUMENTS.startswith(call.arguments) for call in result.cut_tool_calls] == [True]


def test_a_cut_call_is_not_lost_with_the_request_after_it(server: SimulatedProvider) -> None:
    """The larger cap is refused: what came before is still there."""
    server.plan(faults=["ok", "status:400"], behaviours=[Behaviour("cut_tool_call", text=ARGUMENTS, round=0)])
    with OpenAI(base_url=server.openai_base_url, api_key="k") as client:
        policy = QUICK.model_copy(update={"raise_cap_to": 4000})
        messages: list[Any] = [{"role": "user", "content": "Write it."}]
        result = continuum.complete(client, model="sim", messages=messages, max_tokens=300, policy=policy)
    assert (result.complete, result.reason) == (False, "rejected")
    (call,) = result.raw.choices[0].message.tool_calls
    assert call.function.arguments == result.cut_tool_calls[0].arguments


def test_a_run_that_was_written_down_still_has_it() -> None:
    """As plain JSON values, also of states that know nothing of it."""
    machine = Continuation(Policy(raise_cap_to=4000), cap=100)
    machine.start()
    call = CutToolCall("f", '{"a', "t1")
    machine.receive(Response("", "length", tool_calls=1, cut_tool_calls=(call,)))
    state = json.loads(json.dumps(machine.to_dict()))
    assert Continuation.from_dict(state).result().cut_tool_calls == (call,)
    del state["ledger"]["cut_calls"]
    assert Continuation.from_dict(state).result().cut_tool_calls == ()
