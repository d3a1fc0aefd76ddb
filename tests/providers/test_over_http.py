"""Both wire APIs, through the real SDKs, against the simulated provider: every way of being cut, and every fault."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest
from anthropic import Anthropic, AsyncAnthropic
from openai import AsyncOpenAI, OpenAI

import continuum
from continuum import Policy, Result, Usage
from continuum.providers import limits
from continuum.providers.anthropic_messages import WITHOUT_CACHE
from continuum.providers.capabilities import REFUSALS
from continuum.testing import Behaviour, SimulatedProvider, sample_documents

DOCUMENTS = sample_documents()
ESSAY = DOCUMENTS["essay"]
QUICK = Policy(retry_initial=0.01, retry_max=0.05, read_timeout=2.0)

Call = Callable[..., Result]


def ask(document: str = "") -> dict[str, Any]:
    prompt = f"Write it. [doc:{document}]" if document else "Write it."
    return {"messages": [{"role": "user", "content": prompt}], "max_tokens": 220}


def _openai(server: SimulatedProvider, policy: Policy, **params: Any) -> Result:
    with OpenAI(base_url=server.openai_base_url, api_key="k") as client:
        return continuum.complete(client, policy=policy, **{"model": "sim", **params})


def _anthropic(server: SimulatedProvider, policy: Policy, **params: Any) -> Result:
    with Anthropic(base_url=server.anthropic_base_url, api_key="k") as client:
        return continuum.complete(client, policy=policy, **{"model": "claude-sim", **params})


def _aopenai(server: SimulatedProvider, policy: Policy, **params: Any) -> Result:
    async def main() -> Result:
        async with AsyncOpenAI(base_url=server.openai_base_url, api_key="k") as client:
            return await continuum.acomplete(client, policy=policy, **{"model": "sim", **params})

    return anyio.run(main)


def _aanthropic(server: SimulatedProvider, policy: Policy, **params: Any) -> Result:
    async def main() -> Result:
        async with AsyncAnthropic(base_url=server.anthropic_base_url, api_key="k") as client:
            return await continuum.acomplete(client, policy=policy, **{"model": "claude-sim", **params})

    return anyio.run(main, backend="trio")


CALLS: dict[str, Call] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "async openai": _aopenai,
    "async anthropic on trio": _aanthropic,
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
both_apis = pytest.mark.parametrize("call", [_openai, _anthropic], ids=["openai", "anthropic"])


@pytest.fixture(autouse=True)
def _nothing_learnt() -> Iterator[None]:
    yield
    REFUSALS.clear()


@every_call
@pytest.mark.parametrize("unary", [False, True], ids=["stream", "unary"])
def test_a_cut_document_comes_back_whole(call: Call, unary: bool) -> None:
    """Many rounds, the whole text, every token counted, over either SDK, sync and async, streamed and not."""
    with SimulatedProvider(ESSAY) as server:
        result = call(server, QUICK.model_copy(update={"stream": not unary}), **ask())
        asked = len(server.requests)
    assert result.text == ESSAY
    assert result.complete
    assert result.reason == "finished"
    assert result.rounds == asked > 2
    assert result.usage.input_tokens > 0
    assert not result.usage.estimated
    assert {seam.kind for seam in result.seams} == {"anchor"}


@both_apis
@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_sample_document_comes_back_whole(call: Call, name: str) -> None:
    """Prose, Markdown, code, tables, JSON, French, Chinese and a poem with a refrain."""
    with SimulatedProvider(DOCUMENTS) as server:
        result = call(server, QUICK, **ask(name))
    assert result.text == DOCUMENTS[name]
    assert result.complete


@every_call
@pytest.mark.parametrize(
    "fault",
    ["429:0.05", "429", "529", "status:503", "status:408", "disconnect", "drop:9", "reset:9", "silent_end:9",
     "malformed_chunk:9", "error_event:9", "drop:0", "silent_end:0"],
)  # fmt: skip
def test_a_fault_is_survived(call: Call, fault: str) -> None:
    """Rate limits, outages, dropped, silent, malformed and failing streams: the text is whole all the same."""
    with SimulatedProvider(ESSAY, faults=["ok", fault]) as server:
        result = call(server, QUICK, **ask())
    assert result.text == ESSAY
    assert result.complete


@both_apis
def test_a_stalled_stream_is_cut_and_continued(call: Call) -> None:
    """Silence longer than the read timeout ends the stream, and the run goes on from what had come."""
    policy = QUICK.model_copy(update={"read_timeout": 0.3})
    with SimulatedProvider(ESSAY, faults=["stall:9"]) as server:
        result = call(server, policy, **ask())
    assert result.text == ESSAY
    assert result.complete
    assert result.segments[0].finish_reason == "interrupted"
    assert result.usage.estimated


@every_call
@pytest.mark.parametrize("fault", ["quota", "spend_limit"])
def test_a_quota_is_not_waited_for(call: Call, fault: str) -> None:
    """A 429 that no wait cures ends the run at once, with what was bought."""
    with SimulatedProvider(ESSAY, faults=["ok", fault]) as server:
        result = call(server, QUICK, **ask())
        asked = len(server.requests)
    assert (result.reason, result.complete, asked) == ("quota", False, 2)
    assert ESSAY.startswith(result.text)
    assert result.text


@every_call
@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422])
def test_a_refused_request_is_not_repeated(call: Call, status: int) -> None:
    """4xx that no repeat cures: one request, an error of ours with the SDK's as its cause."""
    with SimulatedProvider(ESSAY, faults=[f"status:{status}"]) as server:
        with pytest.raises(continuum.ProviderError) as caught:
            call(server, QUICK, **ask())
        assert len(server.requests) == 1
    assert caught.value.status_code == status
    assert type(caught.value.__cause__).__module__.split(".")[0] in ("openai", "anthropic")


@both_apis
def test_our_retries_are_the_only_ones(call: Call) -> None:
    """The SDK's own retries are off: what the policy allows is what the server sees."""
    with SimulatedProvider(ESSAY, faults=["status:500"] * 20) as server:
        with pytest.raises(continuum.ProviderError, match="given up after 4 tries"):
            call(server, QUICK.model_copy(update={"max_retries": 3}), **ask())
        assert len(server.requests) == 4


@both_apis
def test_x_should_retry_is_obeyed(call: Call) -> None:
    """A server that says not to retry is not asked again."""
    from continuum.testing import Behaviour

    fault = Behaviour("status", status=503, headers={"x-should-retry": "false"})
    with SimulatedProvider(ESSAY, faults=[fault]) as server:
        with pytest.raises(continuum.ProviderError):
            call(server, QUICK, **ask())
        assert len(server.requests) == 1


@both_apis
def test_reasoning_that_takes_the_cap_is_told_apart(call: Call) -> None:
    """Nothing visible and all tokens spent on reasoning is `reasoning_exhausted`, after one request."""
    with SimulatedProvider(ESSAY, behaviours=["reasoning_only@0"]) as server:
        result = call(server, QUICK.model_copy(update={"lower_effort": False}), **ask())
        assert len(server.requests) == 1
    assert (result.reason, result.text, result.rounds) == ("reasoning_exhausted", "", 1)


@both_apis
@pytest.mark.parametrize("at", [0, 1], ids=["at once", "later"])
def test_less_effort_lets_the_text_come(call: Call, at: int) -> None:
    """Reasoning that takes a fixed cap: the same request with less effort, once, and all that follow."""
    options = {} if call is _anthropic else {"reasoning_effort": "high"}
    with SimulatedProvider(ESSAY, behaviours=[f"reasoning_only@{at}"]) as server:
        result = call(server, QUICK, **ask(), **options)
        bodies = [request.body for request in server.requests]
    assert result.text == ESSAY
    assert result.complete
    efforts = [body.get("reasoning_effort") or body.get("output_config", {}).get("effort") for body in bodies]
    assert set(efforts[: at + 1]) <= {None, "high"}
    assert set(efforts[at + 1 :]) == {"low"}
    assert [body.get("max_tokens") for body in bodies] == [220] * len(bodies)
    assert bodies[at]["messages"] == bodies[at + 1]["messages"]


@both_apis
def test_less_effort_is_tried_once(call: Call) -> None:
    """A second reply that is reasoning alone ends the run."""
    options = {} if call is _anthropic else {"reasoning_effort": "high"}
    with SimulatedProvider(ESSAY, behaviours=lambda _: "reasoning_only") as server:
        result = call(server, QUICK, **ask(), **options)
        assert len(server.requests) == 2
    assert (result.reason, result.text) == ("reasoning_exhausted", "")


def test_a_thinking_budget_is_switched_off_where_it_took_the_cap() -> None:
    """Anthropic's thinking with a budget has no effort to lower."""
    thinking = {"type": "enabled", "budget_tokens": 1024}
    with SimulatedProvider(ESSAY, behaviours=["reasoning_only@0"]) as server:
        result = _anthropic(server, QUICK, **{**ask(), "max_tokens": 1500}, thinking=thinking)
        sent = [request.body.get("thinking") for request in server.requests]
    assert sent[:2] == [thinking, {"type": "disabled"}]
    assert result.text == ESSAY


@both_apis
def test_a_raised_cap_lets_the_text_come(call: Call) -> None:
    """With leave to raise the cap, the request goes out once more with it, and the answer arrives."""
    with SimulatedProvider(ESSAY, behaviours=["reasoning_only@0"]) as server:
        result = call(server, QUICK.model_copy(update={"raise_cap_to": 4000}), **ask())
        caps = [request.body.get("max_tokens") for request in server.requests]
    assert caps[:2] == [220, 4000]
    assert result.rounds >= 2


@both_apis
def test_a_refusal_ends_the_run(call: Call) -> None:
    """A refusal in a later round keeps the text so far and is never asked again."""
    with SimulatedProvider(ESSAY, behaviours=["anchored", "refusal"]) as server:
        result = call(server, QUICK, **ask())
        assert len(server.requests) == 3
    assert result.reason == "refused"
    assert result.finish_reason in ("refusal", "content_filter")


@both_apis
def test_an_unknown_finish_reason_is_not_success(call: Call) -> None:
    """A word that nobody knows ends the run as incomplete, and is kept beside it."""
    with SimulatedProvider(ESSAY, behaviours=["unknown_finish:of_next_year"]) as server:
        result = call(server, QUICK, **ask())
    assert (result.complete, result.finish_reason, result.raw_finish_reason) == (False, "unknown", "of_next_year")


@both_apis
def test_a_full_context_window_is_told_apart(call: Call) -> None:
    """The window is full: the run ends there with all that was bought."""
    with SimulatedProvider(ESSAY, behaviours=["anchored", "context_window:30"]) as server:
        result = call(server, QUICK, **ask())
    assert (result.reason, result.complete) == ("context_window", False)
    assert ESSAY.startswith(result.text)


@both_apis
def test_an_endless_repetition_is_stopped(call: Call) -> None:
    """A model that says one sentence for ever is stopped, and its good prefix is kept."""
    behaviours = ["anchored"] + ["repetition"] * 30
    with SimulatedProvider(ESSAY, behaviours=behaviours) as server:
        result = call(server, QUICK, **{**ask(), "max_tokens": 500})
    assert not result.complete
    assert result.reason in ("repetition", "no_progress")
    assert result.text[:1000] == ESSAY[:1000]


@both_apis
@pytest.mark.parametrize("behaviour", ["length_at_end", "early_stop"])
def test_mislabelled_ends(call: Call, behaviour: str) -> None:
    """`length` on a finished text and `stop` on a cut one both give the whole text."""
    behaviours = [behaviour] * (30 if behaviour == "length_at_end" else 1)
    with SimulatedProvider(ESSAY, behaviours=behaviours) as server:
        result = call(server, QUICK, **ask())
    assert result.text == ESSAY


@both_apis
def test_empty_replies_are_bounded(call: Call) -> None:
    """A model that has nothing to say any more does not keep the run going."""
    with SimulatedProvider(ESSAY, behaviours=["empty"] * 50) as server:
        result = call(server, QUICK, **ask())
        assert len(server.requests) <= 4
    assert result.text
    assert not result.complete


def test_a_paused_turn_goes_back_as_it_is() -> None:
    """Anthropic's pause_turn: the content is resent untouched, without a user turn."""
    with SimulatedProvider(ESSAY, behaviours=["pause_turn:20@0"], prefill="continue") as server:
        result = _anthropic(server, QUICK, **ask())
        second = server.requests[1].body["messages"]
    assert [message["role"] for message in second] == ["user", "assistant"]
    assert result.segments[1].reason == "resume"
    assert result.text == ESSAY
    assert result.complete


@every_call
def test_tool_calls_pass(call: Call) -> None:
    """A finished tool call is complete; a cut one is never continued."""
    with SimulatedProvider(ESSAY, behaviours=["tool_call@0"]) as server:
        result = call(server, QUICK, **ask())
    assert (result.complete, result.finish_reason) == (True, "tool_calls")
    with SimulatedProvider(ESSAY, behaviours=["cut_tool_call@0"]) as server:
        result = call(server, QUICK, **ask())
        assert len(server.requests) == 1
    assert (result.complete, result.reason) == (False, "tool_call_cut")


@pytest.mark.parametrize("prefill", ["continue", "echo"])
@pytest.mark.parametrize("unary", [False, True], ids=["stream", "unary"])
def test_a_server_that_continues_in_place(prefill: Any, unary: bool) -> None:
    """In place, echoing the prefix or not: the text is exact, and no user turn is sent."""
    policy = QUICK.model_copy(update={"strategy": "in_place", "stream": not unary})
    with SimulatedProvider(ESSAY, prefill=prefill) as server:
        result = _openai(server, policy, **ask())
        roles = [[m["role"] for m in request.body["messages"]] for request in server.requests]
    assert result.text == ESSAY
    assert roles == [["user"]] + [["user", "assistant"]] * (len(roles) - 1)
    assert {seam.kind for seam in result.seams} == {"exact"}


def test_claude_four_five_is_asked_in_place_and_others_are_not() -> None:
    """The allow-list at work: a model in it is prefilled, with the white space at the end cut off and put back."""
    with SimulatedProvider(ESSAY, prefill="continue") as server:
        result = _anthropic(server, QUICK, model="claude-opus-4-5-simulated", **ask())
        last = [request.body["messages"][-1] for request in server.requests[1:]]
        assert all(message["role"] == "assistant" and message["content"][-1]["text"][-1].strip() for message in last)
    assert result.text == ESSAY
    with SimulatedProvider(ESSAY, prefill="refuse") as server:
        result = _anthropic(server, QUICK, model="claude-opus-5", **ask())
        assert all(request.body["messages"][-1]["role"] == "user" for request in server.requests)
    assert result.text == ESSAY


def test_a_refused_prefill_is_remembered() -> None:
    """The 400 costs one request, once: the next run on the same server and model asks with a user turn at once."""
    with SimulatedProvider(ESSAY, prefill="refuse") as server:
        for refused in (1, 0):
            server.reset()
            result = _anthropic(server, QUICK, model="claude-haiku-4-5-simulated", **ask())
            assert server.statuses.get(400, 0) == refused
            assert result.text == ESSAY


@pytest.mark.parametrize(
    ("dialect", "field", "value"),
    [("mistral", "prefix", True), ("qwen", "partial", True), ("kimi", "partial", True), ("deepseek", "prefix", True)],
)
def test_a_dialect_sends_its_flag(dialect: str, field: str, value: object) -> None:
    """The assistant message that is gone on with carries the flag that the server wants."""
    with SimulatedProvider(ESSAY, prefill="echo", prefill_field=field) as server:
        result = _openai(server, QUICK.model_copy(update={"dialect": dialect}), **ask())
        assert all(request.body["messages"][-1][field] == value for request in server.requests[1:])
    assert result.text == ESSAY


def test_vllm_gets_its_fields() -> None:
    """Both fields together, in the body, and only on continuations."""
    with SimulatedProvider(ESSAY, prefill="continue") as server:
        result = _openai(server, QUICK.model_copy(update={"dialect": "vllm"}), **ask())
        first, *others = [request.body for request in server.requests]
    assert "continue_final_message" not in first
    assert all(b["continue_final_message"] is True and b["add_generation_prompt"] is False for b in others)
    assert result.text == ESSAY


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_the_cap_goes_out_as_the_caller_wrote_it(field: str) -> None:
    """Neither renamed nor changed, in any round."""
    params = ask()
    params[field] = params.pop("max_tokens")
    with SimulatedProvider(ESSAY) as server:
        result = _openai(server, QUICK, **params)
        caps = [{k: v for k, v in request.body.items() if k.startswith("max_")} for request in server.requests]
    assert caps == [{field: 220}] * result.rounds


def test_history_only_grows_on_the_wire() -> None:
    """Each request's messages begin with the last request's, as the model has written and answered them."""
    with SimulatedProvider(ESSAY) as server:
        _openai(server, QUICK, **ask())
        bodies = [request.body["messages"] for request in server.requests]
    for earlier, later in itertools.pairwise(bodies):
        assert later[: len(earlier)] == earlier
        assert [message["role"] for message in later[-2:]] == ["assistant", "user"]


def test_where_prompts_are_billed_only_the_text_grows() -> None:
    """Each request shows what the last one showed of the text, and more at its end, so that prompt caches hold."""
    with SimulatedProvider(ESSAY) as server:
        result = _openai(server, QUICK.model_copy(update={"dialect": "openai"}), **ask())
        assert result.text == ESSAY
        bodies = [request.body["messages"] for request in server.requests]
    for earlier, later in itertools.pairwise(bodies[1:]):
        assert [message["role"] for message in later] == ["user", "assistant", "user"]
        assert later[1]["content"].startswith(earlier[1]["content"])


def test_several_choices_are_continued_each_on_its_own() -> None:
    """n=3: one first request, then each choice to its own end."""
    with SimulatedProvider(DOCUMENTS) as server:
        prompt = "Three, please: [doc:essay] [doc:french] [doc:poem]"
        messages = [{"role": "user", "content": prompt}]
        result = _openai(server, QUICK, n=3, messages=messages, max_tokens=220)
        assert server.requests[0].body["n"] == 3
        assert all("n" not in request.body for request in server.requests[1:])
    texts = [result.text, *(other.text for other in result.alternatives)]
    assert texts == [DOCUMENTS["essay"], DOCUMENTS["french"], DOCUMENTS["poem"]]
    assert all(choice.complete for choice in (result, *result.alternatives))


def test_an_error_in_the_body_of_a_200_is_an_error() -> None:
    """Some servers answer 200 with an error and no choices; streamed and not, it is retried and survived."""
    for unary in (False, True):
        with SimulatedProvider(ESSAY, faults=["error_body"]) as server:
            result = _openai(server, QUICK.model_copy(update={"stream": not unary}), **ask())
        assert result.text == ESSAY


def test_missing_keys_and_caps_are_refused_before_any_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """An Anthropic client without a key, and a call without max_tokens."""
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    messages = [{"role": "user", "content": "x"}]
    with SimulatedProvider(ESSAY) as server:
        url = server.anthropic_base_url
        for key, params, says in ((None, {"max_tokens": 5}, "no key"), ("k", {}, "max_tokens is missing")):
            with (
                Anthropic(base_url=url, api_key=key) as client,
                pytest.raises(continuum.ConfigurationError, match=says),
            ):
                continuum.complete(client, model="claude", messages=messages, **params)
        assert server.requests == []


def test_too_many_stop_sequences_are_refused_before_any_request() -> None:
    """OpenAI takes four; a server that only speaks its API may take more."""
    stops = ["1", "2", "3", "4", "5"]
    messages = [{"role": "user", "content": "x"}]
    with OpenAI(api_key="k") as client, pytest.raises(continuum.ConfigurationError, match="at most 4"):
        continuum.complete(client, model="gpt", messages=messages, stop=stops)
    with SimulatedProvider("Whole.") as server:
        assert _openai(server, QUICK, messages=messages, stop=stops).text == "Whole."


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("api", ["openai", "anthropic"])
def test_cancelling_closes_the_connection(api: str, backend: str) -> None:
    """A cancelled run leaves no open connection, and the partial text is within reach."""

    async def main() -> None:
        with SimulatedProvider(ESSAY, delay=0.02) as server:
            client: Any = (
                AsyncOpenAI(base_url=server.openai_base_url, api_key="k")
                if api == "openai"
                else AsyncAnthropic(base_url=server.anthropic_base_url, api_key="k")
            )
            async with client:
                with pytest.raises(TimeoutError) as caught, anyio.fail_after(0.8):
                    await continuum.acomplete(client, model="sim", **ask())
                partial = continuum.result_of(caught.value)
                assert partial.text
                assert ESSAY.startswith(partial.text)
                assert partial.reason == "cancelled"
                for _ in range(100):
                    if server.active_requests == 0:
                        break
                    await anyio.sleep(0.01)
                assert server.active_requests == 0

    anyio.run(main, backend=backend)


def test_a_stream_that_is_left_early_closes_its_connection() -> None:
    """Closing a sync stream ends the request at the server."""
    with (
        SimulatedProvider(ESSAY, delay=0.01) as server,
        OpenAI(base_url=server.openai_base_url, api_key="k") as client,
    ):
        with continuum.stream(client, model="sim", **ask()) as events:
            for event in events:
                if len(event.text) > 0:
                    break
        assert server.wait_idle(2.0, connections=None)
        assert events.result.text
        assert events.result.reason == "cancelled"


@both_apis
def test_an_error_names_what_ended_the_run(call: Call) -> None:
    """The SDK's own error is in the sentence, and is its cause."""
    with SimulatedProvider(ESSAY, faults=["ok", "status:401"]) as server:
        result = call(server, QUICK, **ask())
    with pytest.raises(
        continuum.IncompleteError, match=r"'rejected'.*: AuthenticationError: .*401.*; the text"
    ) as caught:
        result.raise_for_incomplete()
    assert caught.value.__cause__ is result.failure


def test_a_stream_that_nobody_has_any_more_is_closed() -> None:
    """Left by `break` without a `with` block: the request ends without the garbage collector, and nobody complains."""
    complaints: list[dict[str, Any]] = []

    async def leave(server: SimulatedProvider) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        async with AsyncOpenAI(base_url=server.openai_base_url, api_key="k") as client:
            async for event in continuum.astream(client, model="sim", **ask()):
                if event.text:
                    break
            for _ in range(200):
                if server.active_requests == 0:
                    break
                await asyncio.sleep(0.01)
            assert server.active_requests == 0

    gc.disable()
    try:
        with SimulatedProvider(ESSAY, delay=0.05) as server:
            asyncio.run(leave(server))
            with OpenAI(base_url=server.openai_base_url, api_key="k") as client:
                for event in continuum.stream(client, model="sim", **ask()):
                    if event.text:
                        break
                assert server.wait_idle(2.0, connections=None)
    finally:
        gc.enable()
    gc.collect()
    assert complaints == []


@both_apis
def test_a_window_that_is_known_is_never_overrun(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last cap is lowered to what is left, and what must fail is not sent."""
    document = " ".join(
        f"Keeper number {n} climbed all of the stairs at dusk and lit lamp {n * 7}." for n in range(900)
    )
    monkeypatch.setattr(limits, "_TABLE", (("sim", limits.Limits(4000, None)),))
    with SimulatedProvider(document, context_window=4000, chunk_tokens=8, models=["sim", "claude-sim"]) as server:
        policy = QUICK.model_copy(update={"history": "whole"})
        result = call(server, policy, messages=[{"role": "user", "content": "Write."}], max_tokens=900)
        assert set(server.statuses) == {200}
        assert server.requests[-1].body["max_tokens"] < 900
    assert (result.complete, result.reason) == (False, "context_window")
    assert document.startswith(result.text)
    assert len(result.text) > 6000


# -- the prompt cache -------------------------------------------------------------------------------------------------

LONG: dict[str, Any] = {"messages": [{"role": "user", "content": "Write it all down. " * 400}], "max_tokens": 220}


def test_anthropic_reads_earlier_rounds_from_its_cache() -> None:
    """Asked for from the first continuation on; each round after it reads all that the one before it wrote."""
    with SimulatedProvider(ESSAY, prompt_cache=1024) as server:
        result = _anthropic(server, QUICK, **LONG)
        assert not any("cache_control" in request.body for request in server.requests)
        shown = [request.body["messages"][1]["content"] for request in server.requests[1:]]
        questions = [request.body["messages"][2]["content"] for request in server.requests[1:]]
    assert result.text == ESSAY
    for number, blocks in enumerate(shown, 1):  # in the pieces of the requests before, the last of them marked
        assert len(blocks) == number
        assert [block.get("cache_control") for block in blocks] == [None] * (number - 1) + [{"type": "ephemeral"}]
    assert all(isinstance(question, str) for question in questions)
    usages = [segment.usage or Usage() for segment in result.segments]
    assert usages[0].cache_write_tokens == usages[1].cached_input_tokens == 0
    for before, after in itertools.pairwise(usages[1:]):
        assert after.cached_input_tokens == before.cached_input_tokens + before.cache_write_tokens
        assert 0 < after.input_tokens - after.cached_input_tokens - after.cache_write_tokens < 150  # the question
    assert result.usage.cached_input_tokens > result.usage.input_tokens / 2


def test_claude_in_place_reads_earlier_rounds_from_its_cache() -> None:
    """The turn that is gone on with is sent in the pieces that it grew by as well."""
    with SimulatedProvider(ESSAY, prompt_cache=1024, prefill="continue") as server:
        result = _anthropic(server, QUICK, model="claude-opus-4-5-eu", **LONG)
    assert result.text == ESSAY
    usages = [segment.usage or Usage() for segment in result.segments]
    for before, after in itertools.pairwise(usages[1:]):
        assert after.cached_input_tokens == before.cached_input_tokens + before.cache_write_tokens
        assert after.cached_input_tokens + after.cache_write_tokens == after.input_tokens


def test_nothing_is_asked_of_the_cache_where_the_caller_says_so() -> None:
    """Switched off by the policy; a `cache_control` of the caller's own stands, and four breakpoints are all."""
    own = {"type": "ephemeral", "ttl": "1h"}
    block = {"type": "text", "text": "Write.", "cache_control": own}
    four = [{"role": "user", "content": [block] * 4}]
    for policy, options, expected in (
        (QUICK.model_copy(update={"prompt_cache": False}), LONG, None),
        (QUICK, {**LONG, "cache_control": own}, own),
        (QUICK, {**LONG, "messages": four}, None),
    ):
        with SimulatedProvider(ESSAY, prompt_cache=1024) as server:
            assert _anthropic(server, policy, **options).text == ESSAY
            assert {json.dumps(request.body.get("cache_control")) for request in server.requests} == {
                json.dumps(expected)
            }
            assert all(isinstance(request.body["messages"][1]["content"], str) for request in server.requests[1:])


def test_a_server_that_refuses_cache_control_is_asked_without_it() -> None:
    """A compatible server need not know the field; it is remembered."""
    refusal = Behaviour("status", status=400, body={"error": {"message": "cache_control: Extra inputs not permitted"}})
    with SimulatedProvider(ESSAY, faults=["ok", refusal]) as server:
        result = _anthropic(server, QUICK, **LONG)
        asked = ["cache_control" in json.dumps(request.body) for request in server.requests]
        WITHOUT_CACHE.clear()
    assert result.text == ESSAY
    assert result.complete
    assert asked == [False, True] + [False] * (len(asked) - 2)


def test_openai_says_what_its_cache_gave() -> None:
    """It caches by itself, in steps of 128 tokens; the history only grows, so it always can."""
    with SimulatedProvider(ESSAY, prompt_cache=1024) as server:
        result = _openai(server, QUICK, **LONG)
    cached = [(segment.usage or Usage()).cached_input_tokens for segment in result.segments]
    assert cached[0] == 0
    assert cached[1:] == sorted(cached[1:])
    assert all(count > 1024 and count % 128 == 0 for count in cached[1:])


# -- what does not go together ----------------------------------------------------------------------------------------

TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


@pytest.mark.parametrize("more", [{"tools": [TOOL]}, {"response_format": {"type": "json_object"}}])
def test_in_place_is_refused_where_it_cannot_be(more: dict[str, Any]) -> None:
    """Told to go on in place and nothing else, with tools or a format: an error before anything is sent."""
    with SimulatedProvider(ESSAY, prefill="continue") as server:
        with pytest.raises(continuum.ConfigurationError, match="in_place"):
            _openai(server, QUICK.model_copy(update={"strategy": "in_place"}), **ask(), **more)
        assert server.requests == []
        result = _openai(server, QUICK.model_copy(update={"dialect": "groq"}), **ask(), **more)  # left to choose
        assert {request.body["messages"][-1]["role"] for request in server.requests} == {"user"}
    assert result.text == ESSAY


def test_an_api_that_cannot_go_on_in_place_says_so() -> None:
    """The Responses API has no such thing, and thinking forbids it."""
    strict = QUICK.model_copy(update={"strategy": "in_place"})
    client = OpenAI(base_url="http://127.0.0.1:1/v1", api_key="k")
    with pytest.raises(continuum.ConfigurationError, match="in_place"):
        continuum.complete(client, policy=strict, model="m", input="Write it.", max_output_tokens=100)
    claude = Anthropic(base_url="http://127.0.0.1:1", api_key="k")
    thinking = {"type": "enabled", "budget_tokens": 1024}
    with pytest.raises(continuum.ConfigurationError, match="in_place"):
        continuum.complete(claude, policy=strict, model="m", thinking=thinking, **ask())
