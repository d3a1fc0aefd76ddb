"""The Responses API through the real SDK, against the simulated provider: cut, broken, in the background, wrapped."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import aclosing, suppress
from itertools import pairwise
from typing import Any

import anyio
import httpx2
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response

import continuum
from continuum import ConfigurationError, Policy, Result
from continuum.testing import Behaviour, FakeClock, SimulatedProvider, sample_documents
from tests.providers.odd import Odd, Reply

DOCUMENTS = sample_documents()
ESSAY = DOCUMENTS["essay"]
QUICK = Policy(retry_initial=0.01, retry_max=0.05, read_timeout=2.0)
UNARY = QUICK.model_copy(update={"stream": False})
ASK: dict[str, Any] = {"model": "sim", "input": "Write it.", "max_output_tokens": 220}

Call = Callable[..., Result]


def _sync(server: SimulatedProvider, policy: Policy = QUICK, **params: Any) -> Result:
    with OpenAI(base_url=server.openai_base_url, api_key="k") as client:
        return continuum.complete(client, policy=policy, runtime=FakeClock().runtime, **{**ASK, **params})


def _async(server: SimulatedProvider, policy: Policy = QUICK, **params: Any) -> Result:
    async def main() -> Result:
        async with AsyncOpenAI(base_url=server.openai_base_url, api_key="k") as client:
            return await continuum.acomplete(client, policy=policy, runtime=FakeClock().runtime, **{**ASK, **params})

    return anyio.run(main)


def _wrapped(server: SimulatedProvider, policy: Policy = QUICK, **params: Any) -> Response:
    with OpenAI(base_url=server.openai_base_url, api_key="k") as client:
        whole = continuum.wrap(client, policy=policy, runtime=FakeClock().runtime)
        response: Response = whole.responses.create(**{**ASK, **params})
        return response


def _streamed(server: SimulatedProvider, policy: Policy = QUICK, **params: Any) -> list[Any]:
    with OpenAI(base_url=server.openai_base_url, api_key="k") as client:
        whole = continuum.wrap(client, policy=policy, runtime=FakeClock().runtime)
        stream = whole.responses.create(**{**ASK, **params}, stream=True)
        assert isinstance(stream, openai.Stream)
        return list(stream)


def _astreamed(server: SimulatedProvider, policy: Policy = QUICK, **params: Any) -> list[Any]:
    async def main() -> list[Any]:
        async with AsyncOpenAI(base_url=server.openai_base_url, api_key="k") as client:
            whole = continuum.wrap(client, policy=policy, runtime=FakeClock().runtime)
            stream = await whole.responses.create(**{**ASK, **params}, stream=True)
            assert isinstance(stream, openai.AsyncStream)
            async with aclosing(aiter(stream)) as events:  # type: ignore[type-var]  # an async generator
                return [event async for event in events]

    return anyio.run(main)


every_call = pytest.mark.parametrize("call", [_sync, _async], ids=["sync", "async"])
every_way = pytest.mark.parametrize("policy", [QUICK, UNARY], ids=["stream", "unary"])
every_stream = pytest.mark.parametrize("streamed", [_streamed, _astreamed], ids=["sync", "async"])


def inputs(server: SimulatedProvider) -> list[list[Any]]:
    """The items of each request that was no retrieval."""
    bodies = [request.body for request in server.requests if request.path.endswith("/responses")]
    return [body["input"] if isinstance(body["input"], list) else [body["input"]] for body in bodies]


# -- whole ------------------------------------------------------------------------------------------------------------


@every_call
@every_way
def test_a_cut_document_comes_back_whole(call: Call, policy: Policy) -> None:
    """Many rounds, the whole text, every token counted, sync and async, streamed and not."""
    with SimulatedProvider(ESSAY) as server:
        result = call(server, policy)
        assert result.rounds == len(server.requests) > 2
    assert (result.text, result.complete, result.reason) == (ESSAY, True, "finished")
    assert (result.finish_reason, result.raw_finish_reason) == ("stop", "completed")
    assert {segment.raw_finish_reason for segment in result.segments[:-1]} == {"max_output_tokens"}
    assert {seam.kind for seam in result.seams} == {"anchor"}
    assert not result.usage.estimated
    assert isinstance(result.raw, Response)
    assert result.raw.output_text == ESSAY
    assert result.raw.usage is not None
    assert result.raw.usage.total_tokens == result.usage.total_tokens


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_sample_document_comes_back_whole(name: str) -> None:
    """Prose, Markdown, code, tables, JSON, French, Chinese and a poem with a refrain."""
    with SimulatedProvider(DOCUMENTS) as server:
        result = _sync(server, input=f"Write it. [doc:{name}]")
    assert result.text == DOCUMENTS[name]
    assert result.complete


@every_call
@pytest.mark.parametrize(
    "fault",
    ["429:0.05", "429", "status:503", "disconnect", "drop:9", "reset:9", "silent_end:9", "malformed_chunk:9",
     "error_event:9", "error_event:failed", "error_event:failed:rate_limit_exceeded", "drop:0", "silent_end:0"],
)  # fmt: skip
def test_a_fault_is_survived(call: Call, fault: str) -> None:
    """Rate limits, outages, broken streams and responses that fail: the text is whole all the same."""
    with SimulatedProvider(ESSAY, faults=["ok", fault]) as server:
        result = call(server)
    assert (result.text, result.complete) == (ESSAY, True)


@pytest.mark.parametrize("fault", ["error_body", "error_event:9", "silent_end:9"])
def test_a_unary_request_that_fails_is_repeated(fault: str) -> None:
    """A response with status `failed` in a 200, and one that never gets anywhere."""
    with SimulatedProvider(ESSAY, faults=["ok", fault]) as server:
        result = _sync(server, UNARY)
    assert (result.text, result.complete) == (ESSAY, True)


@pytest.mark.parametrize(
    ("code", "kind"),
    [("insufficient_quota", continuum.QuotaError), ("invalid_prompt", continuum.RejectedError)],
)
def test_a_failed_response_that_no_repeat_cures(code: str, kind: type[Exception]) -> None:
    """`response.failed` is told in an event: it ends the run as the status would, with an error that has the code."""
    fault = Behaviour("error_event", text=f"failed:{code}", amount=0)
    with SimulatedProvider(ESSAY, faults=[fault] * 3) as server:
        with pytest.raises(kind) as caught:
            _sync(server)
        assert len(server.requests) == 1
        server.reset()
        with pytest.raises(openai.APIError) as raised:
            _wrapped(server)
    assert isinstance(caught.value.__cause__, openai.APIError)
    assert raised.value.code == code


def test_a_policy_that_stops_an_answer_is_a_refusal() -> None:
    """What was said until then is kept, and nothing is asked again."""
    fault = Behaviour("error_event", text="failed:bio_policy", amount=9)
    with SimulatedProvider(ESSAY, faults=[fault]) as server:
        result = _sync(server)
        assert len(server.requests) == 1
    assert (result.reason, result.finish_reason, result.raw_finish_reason) == (
        "refused",
        "content_filter",
        "bio_policy",
    )
    assert ESSAY.startswith(result.text)
    assert result.text


# -- every way to be cut ----------------------------------------------------------------------------------------------


@every_way
@pytest.mark.parametrize("word", ["steered", "max_messages", "a_word_of_next_year"])
def test_other_reasons_to_be_incomplete_stop_with_the_partial(word: str, policy: Policy) -> None:
    """They are no cuts by the cap: asking on would be wrong, and so would be success."""
    behaviour = Behaviour("unknown_finish", text=word, round=1)
    with SimulatedProvider(ESSAY[:1800], behaviours=[behaviour]) as server:
        result = _sync(server, policy)
        assert len(server.requests) == 2
        server.reset()
        response = _wrapped(server, policy)
    assert (result.complete, result.reason, result.raw_finish_reason) == (False, "unknown_finish", word)
    assert ESSAY.startswith(result.text)
    assert response.status == "incomplete"
    assert response.output_text == result.text


@every_way
def test_a_content_filter_stops_with_the_partial(policy: Policy) -> None:
    """`incomplete` because of a filter."""
    with SimulatedProvider(ESSAY, behaviours=["refusal:9@1"]) as server:
        result = _sync(server, policy)
        assert len(server.requests) == 2
    assert (result.reason, result.raw_finish_reason) == ("refused", "content_filter")
    assert ESSAY.startswith(result.text)


@every_way
def test_a_refusal_is_told_apart_from_text(policy: Policy) -> None:
    """A refusal comes in a part of its own: no text, no success, and the caller gets to see it."""
    behaviour = Behaviour("refusal", text="I will not.", round=0)
    with SimulatedProvider(ESSAY, behaviours=[behaviour]) as server:
        result = _sync(server, policy)
        server.reset()
        events = _streamed(server)
    assert (result.text, result.reason, result.finish_reason) == ("", "refused", "refusal")
    assert result.raw.output[0].content[0].refusal == "I will not."
    assert [event.delta for event in events if event.type == "response.refusal.delta"] == ["I will not."]
    assert events[-1].response.output[0].content[0].refusal == "I will not."


@every_way
def test_reasoning_that_takes_the_cap_is_told_apart(policy: Policy) -> None:
    """Nothing visible: `reasoning_exhausted` after one request, or once more with a larger cap if that is allowed."""
    with SimulatedProvider(ESSAY, behaviours=["reasoning_only@0"]) as server:
        result = _sync(server, policy)
        assert (result.reason, result.text, result.rounds) == ("reasoning_exhausted", "", 1)
        assert result.raw.output_text == ""
        server.reset()
        result = _sync(server, policy.model_copy(update={"raise_cap_to": 4000}))
        assert [request.body["max_output_tokens"] for request in server.requests[:2]] == [220, 4000]
        assert inputs(server)[1] == ["Write it."]  # never a lone reasoning item
    assert result.text == ESSAY


def test_less_effort_where_the_cap_is_fixed() -> None:
    """The caller's other wishes about reasoning stay."""
    with SimulatedProvider(ESSAY, behaviours=["reasoning_only@0"]) as server:
        result = _sync(server, reasoning={"effort": "high", "summary": "auto"})
        asked = [request.body.get("reasoning") for request in server.requests[:2]]
    assert asked == [{"effort": "high", "summary": "auto"}, {"effort": "low", "summary": "auto"}]
    assert result.text == ESSAY


@every_way
def test_calls_cut_and_whole(policy: Policy) -> None:
    """Half-written arguments say that they are; whole ones have an event that ends them."""
    with SimulatedProvider(ESSAY, behaviours=["cut_tool_call@0"]) as server:
        result = _sync(server, policy)
        assert (result.reason, result.complete) == ("tool_call_cut", False)
        assert [(item.type, item.status) for item in result.raw.output] == [("function_call", "incomplete")]
        server.reset()
        assert all("arguments.done" not in event.type for event in _streamed(server))
        server.plan(behaviours=["tool_call@0"])
        result = _sync(server, policy)
        assert (result.finish_reason, result.complete) == ("tool_calls", True)
        assert result.raw.output[0].name == "search"
        server.reset()
        events = _streamed(server)
    assert [event.arguments for event in events if event.type.endswith("arguments.done")] == [
        result.raw.output[0].arguments
    ]
    assert events[-1].response.output[0].arguments == result.raw.output[0].arguments


def test_a_full_context_window_ends_the_run() -> None:
    """The text so far is kept."""
    with SimulatedProvider(ESSAY, behaviours=["context_window:100@0"]) as server:
        result = _sync(server)
    assert (result.reason, result.complete) == ("context_window", False)
    assert ESSAY.startswith(result.text)
    assert result.text


def test_a_small_remainder_is_asked_for_with_the_least_cap_there_is() -> None:
    """A ceiling that leaves less than OpenAI's least cap ends the run by itself, and not with a 400."""
    with SimulatedProvider(ESSAY) as server:
        result = _sync(server, QUICK.model_copy(update={"max_output_tokens": 225}))
        assert [request.cap for request in server.requests] == [220, 16]
    assert result.reason == "max_output_tokens"


# -- the history ------------------------------------------------------------------------------------------------------


def test_reasoning_goes_back_sealed_and_messages_keep_their_phase() -> None:
    """Append-only; reasoning stands before what it led to, with the seal of `output_item.done`, and without an id."""
    with SimulatedProvider(ESSAY, behaviours=["reasoning:30@0", "reasoning:30"]) as server:
        result = _sync(server, store=False, instructions="Be brief.")
        histories = inputs(server)
        assert all(request.body["instructions"] == "Be brief." for request in server.requests)
        assert all("previous_response_id" not in request.body for request in server.requests)
    assert result.text == ESSAY
    last = histories[-1]
    assert [item.get("type") or item["role"] for item in last[:6]] == [
        "user", "reasoning", "assistant", "user", "reasoning", "assistant",
    ]  # fmt: skip
    assert last[1] == {"type": "reasoning", "summary": [], "encrypted_content": "sealed:000000000000000000000001"}
    assert {item.get("phase") for item in last if item.get("role") == "assistant"} == {"final_answer"}
    for before, after in pairwise(histories[1:]):
        assert after[: len(before)] == before


@pytest.mark.parametrize("store", [True, False])
def test_reasoning_without_a_seal(store: bool) -> None:
    """It cannot be sent back: the stored response is gone on from, or, if there is none, the text alone is shown."""
    with SimulatedProvider(ESSAY, behaviours=["reasoning:30@0"], seal_reasoning=False) as server:
        result = _sync(server, store=store, instructions="Be brief.")
        names = [request.body.get("previous_response_id") for request in server.requests]
        assert all(request.body["instructions"] == "Be brief." for request in server.requests)
        histories = inputs(server)
    assert (result.text, result.complete) == (ESSAY, True)
    if store:
        assert names == [None, *(segment.response_id for segment in result.segments[:-1])]
        assert [len(items) for items in histories[1:]] == [1] * (len(histories) - 1)
    else:
        assert set(names) == {None}
        assert {item["role"] for item in histories[1]} == {"user", "assistant"}


def test_a_conversation_is_not_told_twice_what_it_holds() -> None:
    """The server adds each reply to the conversation, so only the new user turn is sent."""
    with SimulatedProvider(ESSAY, behaviours=["anchored", "empty"]) as server:
        result = _sync(server, conversation="conv_1")
        assert [len(items) for items in inputs(server)] == [1] * len(server.requests)
    assert (result.text, result.complete) == (ESSAY, True)


def test_a_broken_reply_of_a_chain_is_shown() -> None:
    """What the server has not stored is sent, behind the last response that it has."""
    faults, behaviours = ["ok", "drop:30"], ["reasoning:30@0"]
    with SimulatedProvider(ESSAY, faults=faults, behaviours=behaviours, seal_reasoning=False) as server:
        result = _sync(server)
        roles = [[item["role"] for item in items if isinstance(item, dict)] for items in inputs(server)]
    assert (result.text, result.complete) == (ESSAY, True)
    assert roles[1:4] == [["user"], ["user", "assistant", "user"], ["user"]]


def test_the_callers_own_history_stays_in_front() -> None:
    """`previous_response_id` of the caller and lists of items go out in every round."""
    with SimulatedProvider(DOCUMENTS) as server, OpenAI(base_url=server.openai_base_url, api_key="k") as client:
        first = client.responses.create(model="sim", input="Hello. [doc:guide]", max_output_tokens=16)
        asked = [{"role": "user", "content": [{"type": "input_text", "text": "Go on."}]}]
        result = continuum.complete(
            client, model="sim", input=asked, previous_response_id=first.id, max_output_tokens=200, policy=QUICK
        )
        bodies = [request.body for request in server.requests[1:]]
    assert first.output_text + result.text == DOCUMENTS["guide"]
    assert {body["previous_response_id"] for body in bodies} == {first.id}
    assert all(body["input"][:1] == asked for body in bodies)


@pytest.mark.parametrize("asked", ["Write it.", [{"role": "user", "content": "Write it."}]], ids=["text", "items"])
def test_an_end_marker_is_asked_for_and_taken_off(asked: Any) -> None:
    """As with the other APIs: the words go out with the caller's input, and the text is without the marker."""
    with SimulatedProvider(ESSAY + "\n<END>") as server:
        result = _sync(server, QUICK.model_copy(update={"end_marker": "<END>"}), input=asked)
        assert all("<END>" in str(items[: 2 if isinstance(asked, list) else 1]) for items in inputs(server))
    assert result.complete
    assert result.text.rstrip() == ESSAY.rstrip()


def test_a_format_is_not_asked_for_again_in_the_middle() -> None:
    """A schema would make the model begin a new object, so a continuation asks for plain text."""
    text = {"format": {"type": "json_object"}, "verbosity": "low"}
    with SimulatedProvider(DOCUMENTS) as server:
        result = _sync(server, input="Write it. [doc:catalogue]", text=text)
        sent = [request.body["text"] for request in server.requests]
    assert result.text == DOCUMENTS["catalogue"]
    assert sent == [text] + [{"verbosity": "low"}] * (len(sent) - 1)


# -- in the background ------------------------------------------------------------------------------------------------


@every_call
def test_a_background_response_is_polled(call: Call) -> None:
    """Begun once, looked at until it is over; a look is no retry and no round."""
    with SimulatedProvider(ESSAY, background_polls=20) as server:
        result = call(server, UNARY, background=True)
        begun = [request for request in server.requests if request.path.endswith("/responses")]
    assert (result.text, result.complete) == (ESSAY, True)
    assert result.rounds == len(begun)
    assert not result.usage.estimated


def test_a_response_that_takes_hours_is_not_streamed() -> None:
    """The server does not stream those."""
    with SimulatedProvider(ESSAY) as server:
        result = _sync(server, background=True, background_options={"completion_window": "2h"})
        assert not any(request.stream for request in server.requests)
    assert result.text == ESSAY


@every_call
def test_a_background_stream_is_taken_up_again(call: Call) -> None:
    """Behind the last event that came, so nothing is asked or paid for twice, whatever breaks in between."""
    plain = Policy(stream=True)
    with SimulatedProvider(ESSAY) as server:
        whole = call(server, plain, background=True)
    faults = ["drop:50", "drop:30", "status:503", "drop:0", "ok", "drop:0"]
    with SimulatedProvider(ESSAY, faults=faults) as server:
        result = call(server, QUICK, background=True)
        begun = [request for request in server.requests if request.path.endswith("/responses")]
        looks = [request.body for request in server.requests if not request.path.endswith("/responses")]
    assert (result.text, result.complete) == (ESSAY, True)
    assert len(begun) == whole.rounds
    assert [look.get("starting_after") for look in looks[:2]] == ["54", "84"]
    assert {seam.kind for seam in result.seams} == {"exact", "anchor"}
    assert result.usage.output_tokens == whole.usage.output_tokens
    assert result.usage.input_tokens == whole.usage.input_tokens


def test_a_background_response_that_outlasts_the_deadline_can_be_fetched_later() -> None:
    """The error says its id: it goes on, and is paid for."""
    with SimulatedProvider(ESSAY, background_polls=10_000) as server:
        with pytest.raises(continuum.ProviderError, match=r"response 'resp_0+1' is in progress.*retrieve"):
            _sync(server, UNARY.model_copy(update={"deadline": 60.0}), background=True)
        assert len(server.requests) < 30


def test_a_restored_run_takes_up_a_background_stream() -> None:
    """What a suspended turn holds is plain JSON: another process goes on where this one stopped."""
    import json

    from continuum._core.machine import Continuation
    from continuum._core.types import Response as Facts
    from continuum.providers import provider_for

    with (
        SimulatedProvider(ESSAY, faults=["drop:50"]) as server,
        OpenAI(base_url=server.openai_base_url, api_key="k") as client,
    ):
        params = {**ASK, "max_output_tokens": 4000, "background": True}
        provider = provider_for(client, params, QUICK)
        machine = Continuation(QUICK, cap=4000)
        send = machine.start()
        receiver = provider.receiver(send)
        with suppress(openai.APIError), provider.open(provider.request(send, stream=True)) as stream:
            for event in stream:
                receiver.feed(event)
        (outcome,) = receiver.finish()
        assert isinstance(outcome, Facts)
        machine.receive(outcome)
        machine = Continuation.from_dict(json.loads(json.dumps(machine.to_dict())))
        provider = provider_for(client, params, QUICK)
        assert machine._pending is not None
        request = provider.request(machine._pending, stream=True)
        assert request["starting_after"] == 54
        receiver = provider.receiver(machine._pending)
        with provider.open(request) as stream:
            for event in stream:
                receiver.feed(event)
        (outcome,) = receiver.finish()
        assert isinstance(outcome, Facts)
        machine.receive(outcome)
    assert machine.result().text == ESSAY
    assert machine.result().complete


# -- wrapped ----------------------------------------------------------------------------------------------------------


@every_way
def test_wrapped_unary(policy: Policy) -> None:
    """A `Response` with the whole text, the summed usage, reasoning of the first reply, and the id of the last."""
    with SimulatedProvider(ESSAY, behaviours=["reasoning:30@0"]) as server:
        response = _wrapped(server, policy)
        account = continuum.result_of(response)
    assert type(response) is Response
    assert (response.output_text, response.status, response.incomplete_details) == (ESSAY, "completed", None)
    assert [item.type for item in response.output] == ["reasoning", "message"]
    assert response.output[0].encrypted_content == "sealed:000000000000000000000001"  # type: ignore[union-attr]
    assert response.output[1].phase == "final_answer"  # type: ignore[union-attr]
    assert response.usage is not None
    assert response.usage.output_tokens == account.usage.output_tokens
    assert response.usage.output_tokens_details.reasoning_tokens == 30
    assert response.id == account.segments[-1].response_id


@every_stream
@pytest.mark.parametrize("background", [False, True], ids=["", "background"])
def test_wrapped_stream(streamed: Callable[..., list[Any]], background: bool) -> None:
    """One stream: numbered without a gap, each item begun and ended once, and a final response that agrees with it."""
    faults = ["drop:60"] if background else ["ok", "drop:9"]
    with SimulatedProvider(ESSAY, behaviours=["reasoning:30@0"], faults=faults) as server:
        events = streamed(server, background=background)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type.removeprefix("response.") for event in events]
    once = [kind for kind in kinds if kind != "output_text.delta"]
    assert once == [
        "created", *(["queued"] if background else []), "in_progress", "output_item.added", "output_item.done",
        "output_item.added", "content_part.added", "output_text.done", "content_part.done", "output_item.done",
        "completed",
    ]  # fmt: skip
    deltas = [event for event in events if event.type == "response.output_text.delta"]
    assert "".join(event.delta for event in deltas) == ESSAY
    final = events[-1].response
    assert type(final) is Response
    assert (final.output_text, final.status) == (ESSAY, "completed")
    assert {(event.item_id, event.output_index) for event in deltas} == {(final.output[1].id, 1)}
    done = [event.item for event in events if event.type == "response.output_item.done"]
    assert done == final.output
    assert events[-4].text == ESSAY


@every_stream
@pytest.mark.parametrize("faults", [["ok", "drop:9"], ["drop:0", "ok"]], ids=["cut", "begun twice"])
def test_a_wrapped_stream_is_one_response(streamed: Callable[..., list[Any]], faults: list[str]) -> None:
    """All its events agree on one id, as the SDK's own reader of such streams demands."""
    with SimulatedProvider(ESSAY, faults=faults) as server:
        events = streamed(server)
        assert len(server.requests) > 1
    assert len({event.response.id for event in events if hasattr(event, "response")}) == 1
    state = ResponseStreamState(input_tools=openai.omit, text_format=openai.omit)
    read = [event for written in events for event in state.handle_event(written)]
    assert read[-1].type == "response.completed"
    assert read[-1].response.output_text == ESSAY


def test_a_start_that_comes_later_has_the_id_of_the_first() -> None:
    """A stream that broke before it was in progress is asked for again, and the next one says so."""
    started = {"type": "response.created", "sequence_number": 0, "response": {"id": "resp_1", "output": []}}
    with SimulatedProvider("Hi.") as server, Odd([]) as odd:
        rest = httpx2.post(
            f"{server.openai_base_url}/responses", json={"model": "m", "input": "x", "stream": True}
        ).text
        odd.scripts += [Reply(events=(f"data: {json.dumps(started)}\n\n",), drop=True), Reply(events=(rest,))]
        with OpenAI(base_url=odd.url, api_key="k") as client:
            whole = continuum.wrap(client, policy=QUICK, runtime=FakeClock().runtime)
            events = list(whole.responses.create(**ASK, stream=True))
    assert [event.type for event in events][:2] == ["response.created", "response.in_progress"]
    assert {event.response.id for event in events if hasattr(event, "response")} == {"resp_1"}


def test_a_wrapped_stream_can_be_gone_on_from() -> None:
    """It was shown under the id of its first reply; who goes on from that goes on from the last one."""
    with SimulatedProvider(DOCUMENTS) as server, OpenAI(base_url=server.openai_base_url, api_key="k") as client:
        whole = continuum.wrap(client, policy=QUICK)
        stream = whole.responses.create(**ASK, stream=True)
        shown = [event.response.id for event in stream if event.type == "response.completed"]
        account = continuum.result_of(stream)
        ids = [segment.response_id for segment in account.segments]
        assert shown == ids[:1]
        assert account.raw.id == ids[-1] != ids[0]
        whole.responses.create(model="sim", input="Why?", previous_response_id=shown[0], max_output_tokens=4000)
        assert server.requests[-1].body["previous_response_id"] == ids[-1]
        continuum.complete(client, model="sim", input="Why?", previous_response_id=shown[0], policy=QUICK)
        assert server.requests[-1].body["previous_response_id"] == ids[-1]


def test_a_wrapped_answer_can_be_gone_on_from() -> None:
    """The id of a whole answer is that of its last reply, behind which all of it stands."""
    with SimulatedProvider(DOCUMENTS) as server, OpenAI(base_url=server.openai_base_url, api_key="k") as client:
        whole = continuum.wrap(client, policy=QUICK.model_copy(update={"max_rounds": 2}))
        response = whole.responses.create(**ASK)
        assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
        after = client.responses.create(
            model="sim", input="Go on.", previous_response_id=response.id, max_output_tokens=4000
        )
    assert after.status == "completed"
    assert ESSAY.endswith(after.output_text)
    assert len(response.output_text + after.output_text) == len(ESSAY)


def test_everything_else_is_the_sdks_own() -> None:
    """Helpers, raw responses, and background responses that are not streamed answer as they always did."""
    with SimulatedProvider(ESSAY) as server, OpenAI(base_url=server.openai_base_url, api_key="k") as client:
        whole = continuum.wrap(client, policy=QUICK)
        assert whole.responses.create(**ASK, background=True).status == "queued"
        assert whole.responses.with_raw_response.create(**ASK).parse().status == "incomplete"
        with whole.responses.stream(**ASK) as stream:
            assert [event.type for event in stream][-1] == "response.incomplete"
        assert len(server.requests) == 3
        messages = [{"role": "user", "content": "Write it."}]
        chat = whole.chat.completions.create(model="sim", messages=messages, max_tokens=220)
    assert chat.choices[0].message.content == ESSAY


# -- wrong arguments --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"input": ""}, "input=''"),
        ({"input": []}, r"input=\[\]"),
        ({"input": 3}, "input=3"),
        ({"model": ""}, "model=''"),
        ({"max_output_tokens": 0}, "max_output_tokens=0"),
        ({"max_tokens": 5}, "the cap is called max_output_tokens"),
        ({"messages": [{"role": "user", "content": "x"}]}, "messages and input are given"),
        ({"input": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}, "assistant message"),
        ({"max_cost": 3}, "field of the policy"),
    ],
)
def test_what_can_only_fail_is_refused(params: dict[str, Any], text: str) -> None:
    """Before any request, with the value and what to do."""
    with OpenAI(base_url="http://127.0.0.1:9/v1", api_key="k") as client, pytest.raises(ConfigurationError, match=text):
        continuum.complete(client, **{**ASK, **params})


def test_input_is_needed() -> None:
    """A request that names other arguments of the API is told which one is missing."""
    with (
        OpenAI(base_url="http://127.0.0.1:9/v1", api_key="k") as client,
        pytest.raises(ConfigurationError, match="input is missing"),
    ):
        continuum.complete(client, model="m", instructions="Be brief.")
