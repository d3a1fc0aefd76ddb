"""Prompt and text outgrow the context window: over HTTP, the end of the text is shown and the run goes on."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anthropic import Anthropic
from openai import AsyncOpenAI, OpenAI

import continuum
from continuum import Policy, Result
from continuum._core.actions import Send
from continuum._core.asking import ServerFacts
from continuum._core.machine import Continuation
from continuum._core.types import Failure, Response, Usage
from continuum.batch.outcomes import from_json, to_json
from continuum.providers import limits
from continuum.providers.capabilities import REFUSALS
from continuum.testing import SimulatedProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WINDOW = 4000
QUICK = Policy(retry_initial=0.01, retry_max=0.05, max_rounds=60)
DOCUMENT = "\n\n".join(
    " ".join(f"Keeper {n * 9 + k} climbed all of the stairs at dusk and lit lamp {(n * 9 + k) * 7}." for k in range(9))
    for n in range(70)
)
ASK: dict[str, Any] = {"model": "sim", "messages": [{"role": "user", "content": "Write."}], "max_tokens": 500}


def _chat(server: SimulatedProvider, policy: Policy = QUICK) -> Result:
    with OpenAI(base_url=server.openai_base_url, api_key="k") as client:
        return continuum.complete(client, policy=policy, **ASK)


def _streamed(server: SimulatedProvider, policy: Policy = QUICK) -> Result:
    with OpenAI(base_url=server.openai_base_url, api_key="k") as client:
        events = list(continuum.stream(client, policy=policy, **ASK))
    result = events[-1].result
    assert result is not None
    assert "".join(event.text for event in events) == result.text
    return result


def _messages(server: SimulatedProvider, policy: Policy = QUICK) -> Result:
    with Anthropic(base_url=server.anthropic_base_url, api_key="k") as client:
        return continuum.complete(client, policy=policy, **ASK)


def _responses(server: SimulatedProvider, policy: Policy = QUICK) -> Result:
    with OpenAI(base_url=server.openai_base_url, api_key="k") as client:
        return continuum.complete(client, policy=policy, model="sim", input="Write.", max_output_tokens=500)


every_api = pytest.mark.parametrize("call", [_chat, _streamed, _messages, _responses])


@pytest.fixture(autouse=True)
def _nothing_learnt() -> Iterator[None]:
    yield
    REFUSALS.clear()


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table knows the window of the simulated model."""
    monkeypatch.setattr(limits, "_TABLE", (("sim", limits.Limits(WINDOW, None)),))


@pytest.mark.usefixtures("known")
@every_api
def test_the_middle_is_left_out_before_the_window_is_full(call: Callable[..., Result]) -> None:
    """Where the window is known no request fails: prompt and end of the text are shown, and the result says so."""
    with SimulatedProvider(DOCUMENT, context_window=WINDOW, chunk_tokens=8, models=["sim"]) as server:
        result = call(server)
        assert set(server.statuses) == {200}
    assert result.text == DOCUMENT
    assert (result.complete, result.reason) == (True, "finished")
    hidden = [segment.hidden for segment in result.segments]
    assert hidden[0] == 0
    assert hidden == sorted(hidden)
    assert result.elided == hidden[-1] > len(DOCUMENT) / 2
    assert len(set(hidden)) < len(hidden) / 2  # several rounds go by between two cuts, so that caches can hold


@pytest.mark.usefixtures("known")
def test_the_model_is_told_and_sees_the_prompt() -> None:
    """The caller's prompt stays; the text begins at a paragraph, behind a mark; the question says what is missing."""
    with SimulatedProvider(DOCUMENT, context_window=WINDOW, chunk_tokens=8, models=["sim"]) as server:
        result = _chat(server)
        prompt, shown, *_, question = (message["content"] for message in server.requests[-1].body["messages"])
    assert prompt == "Write."
    assert shown.startswith("[…]\n\nKeeper ")
    assert shown.removeprefix("[…]\n\n") in DOCUMENT
    assert "Only the end of it is shown here" in question
    assert DOCUMENT[result.elided :].startswith(shown.removeprefix("[…]\n\n")[:200])


@every_api
def test_a_window_that_nobody_knew_is_found_by_its_refusal(call: Callable[..., Result]) -> None:
    """The 400 costs one request and no text; from then on the size is known, and nothing is refused again.

    Claude's API does not refuse: the reply ends where the window does, with a stop reason of its own.
    """
    with SimulatedProvider(DOCUMENT, context_window=WINDOW, chunk_tokens=8) as server:
        result = call(server)
        assert server.statuses.get(400, 0) == (call is not _messages)  # and its Models API does not know the model
    assert result.text == DOCUMENT
    assert result.complete
    assert result.elided > 0


@pytest.mark.usefixtures("known")
def test_in_place_too() -> None:
    """A turn that is gone on with in place begins later as well."""
    policy = QUICK.model_copy(update={"strategy": "in_place"})
    with SimulatedProvider(DOCUMENT, context_window=WINDOW, chunk_tokens=8, prefill="echo") as server:
        result = _chat(server, policy)
        assert set(server.statuses) == {200}
        assert server.requests[-1].body["messages"][-1]["role"] == "assistant"
    assert result.text == DOCUMENT
    assert result.elided > 0


def test_a_reply_that_fills_the_window_is_gone_on_with() -> None:
    """Anthropic says so with a stop reason of its own, and refuses the longer prompt from then on."""
    with SimulatedProvider(DOCUMENT, behaviours=["exact", "exact", "context_window:200"], models=["sim"]) as server:
        result = _messages(server)
        assert set(server.statuses) == {200}
    assert result.text == DOCUMENT
    assert result.complete
    assert "model_context_window_exceeded" in [segment.raw_finish_reason for segment in result.segments]
    assert result.elided > 0


@pytest.mark.usefixtures("known")
@every_api
def test_all_of_it_or_nothing(call: Callable[..., Result]) -> None:
    """`history="whole"` shows the whole text or stops, with nothing lost and nothing refused."""
    policy = QUICK.model_copy(update={"history": "whole"})
    with SimulatedProvider(DOCUMENT, context_window=WINDOW, chunk_tokens=8, models=["sim"]) as server:
        result = call(server, policy)
        assert set(server.statuses) == {200}
    assert (result.complete, result.reason, result.elided) == (False, "context_window", 0)
    assert DOCUMENT.startswith(result.text)
    assert len(result.text) > 6000


def test_a_conversation_that_the_server_keeps_cannot_be_cut() -> None:
    """What stands in a `conversation` of the server's is shown whatever is sent: the run stops with what there is."""
    usage = Usage(3000, 600)
    machine = Continuation(QUICK, cap=500, window=WINDOW, server=ServerFacts(merges=False, may_elide=False))
    machine.start()
    machine.receive(Response(DOCUMENT[:2000], "length", usage=usage))
    assert machine.result().reason == "context_window"


def test_a_prompt_that_fills_the_window_by_itself_cannot_be_helped() -> None:
    """Nothing is sent that leaves no room for a text and a reply; a refusal of the caller's own prompt is an error."""
    machine = Continuation(QUICK, cap=500, window=WINDOW)
    machine.start()
    machine.receive(Response(DOCUMENT[:800], "length", usage=Usage(3600, 200)))
    assert machine.result().reason == "context_window"
    with SimulatedProvider("Long. " * 10, context_window=5) as server, pytest.raises(continuum.RejectedError):
        _chat(server)


def test_a_server_that_refuses_every_length_is_left_alone() -> None:
    """Each refusal makes the text shorter that is shown; after three in a row the run stops, and keeps its text."""
    machine = Continuation(QUICK, cap=500)
    action = machine.start()
    action = machine.receive(Response(DOCUMENT[:9000], "length", usage=Usage(20, 2500)))
    sizes = []
    while isinstance(action, Send):
        sizes.append(len(action.turns[0].text))
        action = machine.receive(Failure("context_window", "too long", 400))
    assert len(sizes) == 4
    assert sizes == sorted(sizes, reverse=True)
    assert (machine.result().reason, machine.result().text) == ("context_window", DOCUMENT[:9000])


def test_what_was_learnt_can_be_written_down() -> None:
    """The size that a refusal told, and where the text begins that is shown, survive to_dict and from_dict."""
    machine = Continuation(QUICK, cap=500)
    machine.start()
    machine.receive(Response(DOCUMENT[:9000], "length", usage=Usage(20, 2500)))
    machine.receive(Failure("context_window", "too long", 400, window=3000))
    again = Continuation.from_dict(machine.to_dict())
    reply = Response(DOCUMENT[9000:9600], "length", usage=Usage(1100, 200))
    assert again.receive(reply) == machine.receive(reply)
    assert again.to_dict() == machine.to_dict()


def test_a_journal_keeps_what_was_learnt() -> None:
    """What a reply or a refusal says of the window goes into a journal and back, so that a replay decides alike."""
    for outcome in (
        Response("text", "length", usage=Usage(5, 5), window=8000, limit=500),
        Failure("context_window", "too long", 400, window=8000),
    ):
        assert from_json(json.loads(json.dumps(to_json(outcome)))) == outcome


# -- what the server says of its model --------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["vllm", "sglang", "mistral", "groq"])
def test_a_server_that_tells_its_window_is_asked_once(dialect: str) -> None:
    """After the first reply that was cut, `GET /models/sim` says it; then no request fails, in this run or the next."""
    policy = QUICK.model_copy(update={"dialect": dialect})
    limits.TOLD.clear()  # an earlier test's server may have had the same port
    with SimulatedProvider(
        DOCUMENT, context_window=WINDOW, chunk_tokens=8, dialect=dialect, models=["sim"]
    ) as server:  # fmt: skip
        for looks in (1, 0):
            server.reset()
            result = _chat(server, policy)
            assert set(server.statuses) == {200}
            assert server.statuses[200] == len(server.requests) + looks
            assert result.text == DOCUMENT
            assert result.elided > 0


def test_anthropic_is_asked_before_the_table() -> None:
    """The Models API knows more than a table; what it says of the longest reply holds for a cap that nobody fixed."""
    with SimulatedProvider(DOCUMENT, context_window=WINDOW, chunk_tokens=8, models=["sim"]) as server:
        result = _messages(server)
    assert result.text == DOCUMENT
    assert "model_context_window_exceeded" not in [segment.raw_finish_reason for segment in result.segments]


def test_a_server_without_cards_is_left_alone() -> None:
    """A 404 is remembered, and the run goes on as if nothing had been asked."""
    policy = QUICK.model_copy(update={"dialect": "vllm"})
    with SimulatedProvider(DOCUMENT[:6000], dialect="vllm", models=["another"], chunk_tokens=8) as server:
        assert _chat(server, policy).text == DOCUMENT[:6000]
        assert _chat(server, policy).text == DOCUMENT[:6000]
        assert server.statuses[404] == 1


def test_of_many_runs_at_once_one_asks() -> None:
    """The others go on without waiting for it."""

    async def main(url: str) -> None:
        async with AsyncOpenAI(base_url=url, api_key="k") as client, anyio.create_task_group() as group:
            policy = QUICK.model_copy(update={"dialect": "vllm"})
            for _ in range(10):
                group.start_soon(partial(continuum.acomplete, client, policy=policy, **ASK))

    with SimulatedProvider(DOCUMENT[:9000], chunk_tokens=16, dialect="vllm", models=["another"]) as server:
        anyio.run(main, server.openai_base_url)
        assert server.statuses[404] == 1


def test_an_async_client_asks_too() -> None:
    """The same over acomplete()."""

    async def main(url: str) -> Result:
        async with AsyncOpenAI(base_url=url, api_key="k") as client:
            return await continuum.acomplete(client, policy=QUICK.model_copy(update={"dialect": "vllm"}), **ASK)

    with SimulatedProvider(
        DOCUMENT, context_window=WINDOW, chunk_tokens=8, dialect="vllm", models=["sim"]
    ) as server:  # fmt: skip
        result = anyio.run(main, server.openai_base_url)
        assert set(server.statuses) == {200}
    assert result.text == DOCUMENT
    assert result.elided > 0
