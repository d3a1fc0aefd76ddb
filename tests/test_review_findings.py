"""Defects that were found by reading and trying the whole, kept as they were found."""

from __future__ import annotations

import json
import pickle
from typing import Any

import anyio
import httpx2
import pytest
from openai import AsyncOpenAI, OpenAI

import continuum
from continuum import Policy, Usage
from continuum._core.actions import Done, Send
from continuum._core.machine import Continuation
from continuum._core.types import Failure, Prefill, Response
from continuum.providers.pricing import price_of
from continuum.testing import Behaviour, FakeClock, Reply, ScriptedClient, SimulatedProvider, sample_documents

ESSAY = sample_documents()["essay"]
ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Write it."}], "max_tokens": 220}
QUICK = Policy(retry_initial=0.01, retry_max=0.05)


def openai(server: SimulatedProvider) -> OpenAI:
    """A client that loads no certificates."""
    return OpenAI(base_url=server.openai_base_url, api_key="k", http_client=httpx2.Client(verify=False))


def test_a_callers_stop_sequence_ends_the_answer() -> None:
    """A `stop` that may be the caller's own sequence is not questioned, whatever is open."""
    client = ScriptedClient(
        [Reply("First part of it. And more w", "length"), Reply("And more words that break off here")]
    )
    result = continuum.complete(client, stop=["END"], **ASK)
    assert result.complete
    client.assert_complete()


def test_tool_calls_that_end_with_stop_are_kept() -> None:
    """Some servers say `stop` with complete tool calls; the reply is not asked for again."""
    client = ScriptedClient([Reply("First part of it. And more w", "length"), Reply("ords and", "stop", tool_calls=1)])
    assert continuum.complete(client, **ASK).complete
    client.assert_complete()


def test_each_request_is_priced_by_itself() -> None:
    """Prices have tiers for long requests; ten short requests are not one long one."""
    price = price_of("claude-haiku-5-5", "anthropic")
    one = price(Usage(30_000, 1000))
    assert one is not None
    machine = Continuation(Policy(max_rounds=20), price=price)
    machine.start()
    for sentence in ESSAY.split(". ")[:10]:
        machine.receive(Response(sentence + ". ", "length", usage=Usage(30_000, 1000)))
    assert machine.result().cost == pytest.approx(10 * one)


@pytest.mark.parametrize("stream", [True, False])
def test_the_deadline_ends_a_silent_request(stream: bool) -> None:
    """A server that falls silent does not hold the run past its deadline."""
    stall = Behaviour("stall", 3, seconds=20)
    policy = QUICK.model_copy(update={"deadline": 0.5, "stream": stream})
    with SimulatedProvider(ESSAY, faults=[stall] * 5) as server, openai(server) as client:
        started = anyio.run(_now)
        try:
            result: continuum.Result | None = continuum.complete(client, policy=policy, **ASK)
        except continuum.ProviderError as nothing_came:
            result = nothing_came.result
        assert result is not None
        assert result.reason == "deadline"
        assert anyio.run(_now) - started < 5.0


async def _now() -> float:
    return anyio.current_time()


def test_a_restored_machine_shows_every_character_once() -> None:
    """Written down in the middle of a reply, at any character, it goes on showing where it was."""
    text = '{"a": [1, 2same words again and again said here. same words again and again said here. '
    for at in range(len(text)):
        machine = Continuation(cap=20)
        machine.start()
        shown = "".join(machine.feed(character) for character in text[:at])
        machine = Continuation.from_dict(json.loads(json.dumps(machine.to_dict())))
        shown += "".join(machine.feed(character) for character in text[at:])
        action = machine.receive(Response(text, "stop"))
        assert shown + action.text == text


def test_an_unanswered_round_leaves_no_trace() -> None:
    """A run whose second request fails after an empty first reply can be rebuilt."""
    machine = Continuation(Policy(raise_cap_to=100), cap=10)
    machine.start()
    machine.receive(Response("", "length", reasoning=True))
    assert isinstance(machine.receive(Failure("rejected", "no", 400)), Done)
    assert machine.result().raw_segments == ("",)
    assert machine.result().seams == ()


def test_a_snapshot_in_the_middle_of_a_round_can_be_rebuilt() -> None:
    """`stream.result` is good at any moment."""
    client = ScriptedClient([Reply("First part of the tale. ", "length"), Reply("The second part of it.")])
    with continuum.stream(client, **ASK) as events:
        for _ in events:
            assert "".join(events.result.raw_segments)


def test_results_travel_between_processes() -> None:
    """A result that carries an SDK's error and object can be pickled; the error keeps its words."""
    with SimulatedProvider(ESSAY, faults=["ok", "status:400"]) as server, openai(server) as client:
        result = continuum.complete(client, policy=QUICK, **ASK)
    again = pickle.loads(pickle.dumps(result))
    assert (again.text, again.seams, again.usage) == (result.text, result.seams, result.usage)
    assert "400" in str(again.failure)


def test_a_suspended_turn_is_not_prefilled_without_its_blocks() -> None:
    """With strategy='in_place', what follows a suspended turn still shows its blocks, and no turn is empty."""
    machine = Continuation(Policy(strategy="in_place"), prefill=Prefill())
    machine.start()
    block = {"type": "server_tool_use", "id": "1"}
    machine.receive(Response("Found one. ", "interrupted", "pause_turn", suspended=True, blocks=(block,)))
    action = machine.receive(Response("And another th", "length"))
    assert isinstance(action, Send)
    assert any(turn.blocks == (block,) for turn in action.turns)
    assert all(turn.text or turn.blocks for turn in action.turns)


def test_x_should_retry_true_is_obeyed() -> None:
    """A server may say that a 4xx is worth a repeat."""
    machine = Continuation()
    machine.start()
    wait = machine.receive(Failure("rejected", "try again", 400, should_retry=True))
    assert not isinstance(wait, Done)


def test_the_ceilings_are_the_runs_and_not_each_choices() -> None:
    """What one choice spends is gone for the others."""
    prompt = "Three, please: [doc:essay] [doc:french] [doc:poem]"
    with SimulatedProvider(sample_documents()) as server, openai(server) as client:
        policy = QUICK.model_copy(update={"max_output_tokens": 1200})
        asked = {**ASK, "messages": [{"role": "user", "content": prompt}]}
        result = continuum.complete(client, policy=policy, n=3, **asked)
    spent = sum(choice.usage.output_tokens for choice in (result, *result.alternatives))
    assert spent <= 1200
    assert any(choice.reason == "max_output_tokens" for choice in (result, *result.alternatives))


def test_cancelling_keeps_every_choice() -> None:
    """What the shared first request brought for the other choices is not lost when the run is torn down."""
    prompt = "Two, please: [doc:poem] [doc:french]"

    async def main() -> None:
        with SimulatedProvider(sample_documents(), faults=["ok", Behaviour("stall", 3, seconds=30)]) as server:
            http = httpx2.AsyncClient(verify=False)
            async with AsyncOpenAI(base_url=server.openai_base_url, api_key="k", http_client=http) as client:
                asked = {**ASK, "messages": [{"role": "user", "content": prompt}]}
                with pytest.raises(TimeoutError) as caught, anyio.fail_after(1.0):
                    await continuum.acomplete(client, n=2, **asked)
        result = continuum.result_of(caught.value)
        assert sample_documents()["french"].startswith(result.alternatives[0].text)
        assert result.alternatives[0].text

    anyio.run(main)


@pytest.mark.parametrize("route", ["with_raw_response", "with_streaming_response"])
def test_raw_routes_are_untouched_wherever_they_begin(route: str) -> None:
    """The SDK's raw accessors work from the client, from `chat`, and from `completions`."""
    with SimulatedProvider(ESSAY) as server, continuum.wrap(openai(server)) as client:
        for owner in (
            getattr(client, route).chat.completions,
            getattr(client.chat, route).completions,
            getattr(client.chat.completions, route),
        ):
            made = owner.create(**ASK)
            if route == "with_streaming_response":
                with made as response:
                    assert response.parse().choices[0].finish_reason == "length"
            else:
                assert made.parse().choices[0].finish_reason == "length"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"messages": ["x"]}, r"messages\[0\]='x'"),
        ({"messages": [{"content": "no role"}]}, "needs a role"),
        ({"max_tokens": 5, "max_completion_tokens": 5}, "two names for one cap"),
        ({"max_rounds": 3}, r"policy=continuum.Policy\(max_rounds=…\)"),
    ],
)
def test_more_bad_input_is_refused_before_any_request(change: dict[str, Any], says: str) -> None:
    """By complete() and by a wrapped client alike."""
    with SimulatedProvider(ESSAY) as server, openai(server) as client:
        with pytest.raises(continuum.ConfigurationError, match=says):
            continuum.complete(client, **{**ASK, **change})
        with pytest.raises(continuum.ConfigurationError, match=says):
            continuum.wrap(client).chat.completions.create(**{**ASK, **change})
        assert server.requests == []


def test_strangers_are_refused_without_being_printed() -> None:
    """A key that was passed for a client is not in the error."""
    with pytest.raises(continuum.ConfigurationError, match="not str") as caught:
        continuum.complete("sk-secret", **ASK)  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)
    with pytest.raises(continuum.ConfigurationError, match=r"expected a continuum\.Policy"):
        continuum.wrap(OpenAI(api_key="k"), policy={"max_rounds": 3})  # type: ignore[arg-type]
    with pytest.raises(continuum.ConfigurationError, match="no create"):
        continuum.wrap(ScriptedClient([]))  # type: ignore[type-var]


def test_a_server_that_is_not_there_is_named() -> None:
    """The error says where, what, and how often it was tried."""
    with OpenAI(base_url="http://127.0.0.1:9/v1", api_key="k") as client:
        with pytest.raises(continuum.ProviderError) as caught:
            continuum.complete(client, policy=QUICK.model_copy(update={"max_retries": 2}), **ASK)
        assert "127.0.0.1:9" in str(caught.value)
        assert "refused" in str(caught.value)
        assert "3 tries" in str(caught.value)
    with (
        OpenAI(base_url="127.0.0.1:9/v1", api_key="k") as client,
        pytest.raises(continuum.ConfigurationError, match="scheme"),
    ):
        continuum.complete(client, **ASK)


def test_a_fake_clock_makes_a_long_wait_instant() -> None:
    """`runtime=FakeClock().runtime`, also for a wrapped client."""
    with SimulatedProvider("Whole.", faults=["429:60", "429:60"]) as server, openai(server) as client:
        clock = FakeClock()
        assert continuum.complete(client, runtime=clock.runtime, **ASK).text == "Whole."
        wrapped = continuum.wrap(client, runtime=clock.runtime)
        assert wrapped.chat.completions.create(**ASK).choices[0].message.content == "Whole."
    assert clock.sleeps == [60.0, 60.0]


def test_closing_a_stream_that_was_never_read() -> None:
    """It is cancelled, nothing was asked, and the result says so."""
    client = ScriptedClient([])
    events = continuum.stream(client, **ASK)
    events.close()
    assert events.result.reason == "cancelled"
    assert continuum.result_of(events.result) is events.result or continuum.result_of(events.result) == events.result
