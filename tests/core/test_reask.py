"""Joins in doubt are settled by asking again: counted, bounded, and nothing that came is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest

import continuum
from continuum import Policy, Result
from continuum._core.actions import Done, Send, Wait
from continuum._core.machine import Continuation
from continuum._core.types import Failure, Response, Usage
from continuum.testing import SimulatedProvider, sample_documents

ESSAY = sample_documents()["essay"]
ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Write."}], "max_tokens": 60}
FIRST = "The keeper climbed the stair. The lamp was cold and the oil had run dry. "
LOST = "And then nobody came for a year, which is what the ledger says."
ANCHORED = "The lamp was cold and the oil had run dry. So he went down again."


def _openai(server: SimulatedProvider, policy: Policy) -> Result:
    with openai.OpenAI(base_url=server.openai_base_url, api_key="none") as client:
        return continuum.complete(client, policy=policy, **ASK)


def _anthropic(server: SimulatedProvider, policy: Policy) -> Result:
    with anthropic.Anthropic(base_url=server.anthropic_base_url, api_key="none") as client:
        return continuum.complete(client, policy=policy, **ASK)


def _streamed(server: SimulatedProvider, policy: Policy) -> Result:
    with openai.OpenAI(base_url=server.openai_base_url, api_key="none") as client:
        events = list(continuum.stream(client, policy=policy, **ASK))
    result = events[-1].result
    assert result is not None
    assert "".join(event.text for event in events) == result.text
    return result


Call = Callable[[SimulatedProvider, Policy], Result]


@pytest.fixture(params=[_openai, _anthropic, _streamed], ids=["openai", "anthropic", "streamed"])
def call(request: pytest.FixtureRequest) -> Call:
    return request.param  # type: ignore[no-any-return]


def reasons(result: Result) -> list[str]:
    return [segment.reason for segment in result.segments]


@pytest.mark.parametrize("unary", [False, True], ids=["stream", "unary"])
def test_a_lost_sentence_comes_back(call: Call, unary: bool) -> None:
    """A reply that forgot the end of a sentence is set aside, the second one is whole, and both are on the bill."""
    policy = Policy(cut_back="word", stream=not unary, max_rounds=100)
    with SimulatedProvider(ESSAY, behaviours=["drop_clause"], chunk_tokens=8) as server:
        careless = call(server, policy.model_copy(update={"reask": 0}))
        server.reset()
        result = call(server, policy)
        asked = len(server.requests)
    assert careless.text != ESSAY
    assert "gap" in [seam.kind for seam in careless.seams]
    assert result.text == ESSAY
    assert result.complete
    assert reasons(result)[:4] == ["ask", "continue", "reask", "continue"]
    assert result.rounds == asked == len(result.segments)
    aside = result.seams[0]
    assert aside.round == 2
    assert aside.removed == result.raw_segments[1]
    assert ESSAY.find(aside.removed) > 0
    assert result.usage == sum((segment.usage or Usage() for segment in result.segments), Usage())


def test_a_model_that_does_not_obey_is_asked_once(call: Call) -> None:
    """If the second reply is no better the first counts, as it would have, and nothing is asked again in this run."""
    policy = Policy(cut_back="word", max_rounds=100, reask=5)
    with SimulatedProvider(ESSAY, behaviours=["drop_clause"] * 20, chunk_tokens=8) as server:
        result = call(server, policy)
    assert reasons(result).count("reask") == 1
    assert "".join(result.raw_segments).count(result.raw_segments[1]) >= 1
    assert result.complete


def test_what_is_asked_again_shows_the_same_history(call: Call) -> None:
    """The turns before the question stay as they are, for the prompt cache; more of the last words is asked for."""
    with SimulatedProvider(ESSAY, behaviours=["drop_clause"], chunk_tokens=8) as server:
        call(server, Policy(cut_back="word", max_rounds=100))
        first, again = (request.body["messages"] for request in server.requests[1:3])
    assert first[:-1] == again[:-1]
    assert len(again[-1]["content"]) > len(first[-1]["content"]) + 80


def test_it_is_off_if_the_policy_says_so(call: Call) -> None:
    """`reask=0`: the join stays flagged, and nothing more is bought."""
    with SimulatedProvider(ESSAY, behaviours=["drop_clause"], chunk_tokens=8) as server:
        result = call(server, Policy(cut_back="word", max_rounds=100, reask=0))
    assert "reask" not in reasons(result)


# -- the machine alone ------------------------------------------------------------------------------------------------


def in_doubt(policy: Policy | None = None, finish: str = "length") -> tuple[Continuation, Send]:
    """A machine that has just asked again."""
    machine = Continuation(policy or Policy(), cap=50)
    machine.start()
    machine.receive(Response(FIRST, "length", usage=Usage(1, 20)))
    shown = machine.feed(LOST)
    assert shown == ""
    action = machine.receive(Response(LOST, finish, usage=Usage(2, 20)))  # type: ignore[arg-type]
    assert isinstance(action, Send)
    assert action.reason == "reask"
    assert action.text == ""
    assert machine.state.value == "settling"
    return machine, action


def test_the_surer_reply_wins() -> None:
    """A verified anchor is a fact; the doubtful reply is on its seam."""
    machine, _ = in_doubt()
    action = machine.receive(Response(ANCHORED, "stop", usage=Usage(3, 20)))
    assert isinstance(action, Done)
    assert action.complete
    result = machine.result()
    assert result.text == FIRST + "So he went down again."
    assert result.raw_segments == (FIRST, LOST, ANCHORED)
    assert result.usage == Usage(6, 60)


@pytest.mark.parametrize(
    "failure",
    [Failure("rejected", "no", 400), Failure("quota", "none left", 429), Failure("context_window", "full", 400)],
    ids=lambda failure: failure.kind,
)
def test_a_question_that_fails_takes_nothing_away(failure: Failure) -> None:
    """The first reply is back in the text. If it had ended the answer, the answer is complete."""
    machine, _ = in_doubt()
    action = machine.receive(failure)
    assert isinstance(action, Done)
    assert not action.complete
    assert action.text == machine.result().text[len(FIRST) :]
    assert machine.result().text == FIRST + LOST
    machine, _ = in_doubt(finish="stop")
    action = machine.receive(failure)
    assert isinstance(action, Done)
    assert action.complete
    assert machine.result().text == FIRST + LOST
    assert machine.result().failure is None


@pytest.mark.parametrize("word", ["refusal", "content_filter", "unknown", "tool_calls"])
def test_a_second_reply_that_is_none_counts_for_nothing(word: str) -> None:
    """A refusal, an unknown end or a tool call to the second question: the first reply counts, with its own end."""
    machine, _ = in_doubt()
    action = machine.receive(Response("I cannot.", word, word, usage=Usage(1, 1)))  # type: ignore[arg-type]
    assert isinstance(action, Send)
    assert action.reason == "continue"
    assert machine.result().text == FIRST + LOST
    assert machine.result().finish_reason == "length"
    assert machine.result().raw_segments == (FIRST, LOST, "I cannot.")


@pytest.mark.parametrize("word", ["refusal", "tool_calls", "stop"])
def test_what_was_shown_of_a_second_reply_stays(word: str) -> None:
    """3: how it ends decides whether it counts, so nothing of it is shown before, however well it is joined."""
    machine, _ = in_doubt()
    second = f"{ANCHORED} He rowed to the village, bought oil, and was back before it was dark."
    shown = FIRST + machine.feed(second)
    action = machine.receive(Response(second, word, word, usage=Usage(1, 1)))  # type: ignore[arg-type]
    assert (LOST in machine.result().text) == (word != "stop")
    assert machine.result().text.startswith(shown + action.text)
    assert isinstance(action, Send) or shown + action.text == machine.result().text


def test_the_deadline_may_pass_while_it_waits() -> None:
    """A second question that waits out its deadline leaves the first reply."""
    for finish, complete in (("length", False), ("stop", True)):
        machine, _ = in_doubt(Policy(deadline=10), finish)
        wait = machine.receive(Failure("transient", "503"), elapsed=1)
        assert isinstance(wait, Wait)
        action = machine.resume(elapsed=11)
        assert isinstance(action, Done)
        assert action.complete is complete
        assert machine.result().text == FIRST + LOST


@pytest.mark.parametrize("arrived", ["", "And then no", ANCHORED])
def test_cancelling_keeps_the_better_reply(arrived: str) -> None:
    """Torn down while the second question is out: its reply counts if it is surely joined, else the first does."""
    machine, _ = in_doubt()
    shown = machine.feed(arrived)
    partial = Response(arrived, "interrupted") if arrived else None
    last = machine.cancel(partial)
    text = machine.result().text
    assert text == FIRST + ("So he went down again." if arrived == ANCHORED else LOST)
    assert text == FIRST + shown + last.text
    assert "".join(machine.result().raw_segments) == FIRST + LOST + arrived


def test_the_last_round_is_not_spent_on_it() -> None:
    """Where one round is left, going on is worth more; a reply that ended the answer may still be asked about."""
    for finish, reason in (("length", "continue"), ("stop", "reask")):
        machine = Continuation(Policy(max_rounds=3), cap=50)
        machine.start()
        machine.receive(Response(FIRST, "length"))
        action = machine.receive(Response(LOST, finish))  # type: ignore[arg-type]
        assert isinstance(action, Send)
        assert action.reason == reason


def test_only_so_many_are_settled() -> None:
    """`Policy.reask` counts over the run."""
    machine, _ = in_doubt(Policy(reask=1))
    action = machine.receive(Response(ANCHORED, "length"))
    assert isinstance(action, Send)
    action = machine.receive(Response("And then, nine years on, he rowed to the village for more.", "length"))
    assert isinstance(action, Send)
    assert action.reason == "continue"
