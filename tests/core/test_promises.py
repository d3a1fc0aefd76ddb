"""The eight promises, as properties of the machine under a model that goes on well, badly, or not at all."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from continuum import Policy, Usage, stitch
from continuum._core.actions import Action, Done, Send, Wait
from continuum._core.budget import LONGEST, SLACK
from continuum._core.machine import Continuation
from continuum._core.state import State
from continuum._core.types import Failure, Response, rebuild_raw
from continuum.testing import sample_documents
from tests.model import Model, cutter, document, play

seeds = st.integers(0, 2**32)
policies = st.builds(
    Policy,
    cut_back=st.sampled_from(["sentence", "word"]),
    anchor=st.booleans(),
    max_rounds=st.integers(1, 30),
    max_no_progress=st.integers(1, 3),
    max_rechecks=st.integers(0, 2),
    reask=st.integers(0, 3),
    max_interruptions=st.integers(0, 4),
    max_repetition=st.sampled_from([None, 400, 1200]),
    max_output_tokens=st.sampled_from([None, 100, 5000]),
)
caps = st.sampled_from([None, 5, 60, 400])
# Parts of what the model says, so that cuts fall into them, and one that begins with the marker.
stops = st.sampled_from([(), (), ("\n\n",), ("sea, the sea", "a, t"), ("lamp was lit at",), (" <END> of",)])
markers = st.sampled_from([None, "<END>"])
FATAL = ("quota", "rejected", "broken", "transient")
words = ("length", "stop", "content_filter", "refusal", "context_window", "unknown", "tool_calls")


@settings(max_examples=300, deadline=None)
@given(seeds, policies, caps)
def test_nothing_is_lost_in_silence(seed: int, policy: Policy, cap: int | None) -> None:
    """1: text and seams rebuild what arrived, byte for byte."""
    model = Model(seed)
    result, _, _ = play(model, policy, cap=cap)
    assert list(result.raw_segments) == (model.sent or [""])
    assert rebuild_raw(result.text, result.seams, len(model.sent)) == result.raw_segments
    sent = sum(map(len, model.sent))
    removed = sum(len(s.removed) + len(s.replaced) - len(s.inserted) for s in result.seams)
    assert len(result.text) == sent - removed


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["essay", "french"]), st.integers(300, 2200), st.integers(40, 280), seeds)
def test_nothing_is_said_twice(name: str, cut: int, overlap: int, seed: int) -> None:
    """2: what a reply repeats word for word of a text that does not repeat itself is removed, in any deltas."""
    document = sample_documents()[name]
    reply = document[cut - overlap :]
    joined = stitch([document[:cut], reply])
    assert joined.text == document or joined.seams[0].ambiguous
    machine = Continuation(Policy(anchor=False, cut_back="word"), cap=None)
    machine.start()
    machine.receive(Response(document[:cut], "length"))
    shown = "".join(machine.feed(delta) for delta in cutter(seed)(reply))
    machine.receive(Response(reply, "stop"))
    assert document[:cut] + shown == document[: cut + len(shown)] or machine.seams[0].ambiguous


@settings(max_examples=300, deadline=None)
@given(seeds, policies, caps, stops, markers, seeds)
def test_streaming_gives_the_same_text(
    seed: int, policy: Policy, cap: int | None, stops: tuple[str, ...], marker: str | None, cuts: int
) -> None:
    """3: however the deltas are cut, the stream shows the text of the unary run, and the same seams."""
    policy = policy.model_copy(update={"end_marker": marker})
    whole, shown_whole, _ = play(Model(seed, words=words, marker=marker), policy, cap=cap, stops=stops)
    streamed, shown, _ = play(Model(seed, words=words, marker=marker), policy, cap=cap, stops=stops, cut=cutter(cuts))
    assert streamed.text == whole.text
    assert streamed.seams == whole.seams
    assert shown == streamed.text
    assert shown_whole == whole.text


def price(usage: Usage) -> float:
    """Dollars, of a dear model."""
    return usage.input_tokens + 10.0 * usage.output_tokens


@settings(max_examples=200, deadline=None)
@given(seeds, policies, caps, st.sampled_from([None, 1000.0, 8000.0]))
def test_every_run_ends(seed: int, policy: Policy, cap: int | None, cost: float | None) -> None:
    """4: no model keeps a run going beyond its ceilings; tokens and dollars may exceed theirs by one reply's."""
    policy = policy.model_copy(update={"max_cost": cost})
    model = Model(seed, failures=0.3, words=words, bills=True)
    result, _, _ = play(model, policy, cap=cap, price=price)
    assert result.rounds <= policy.max_rounds
    assert model.requests <= policy.max_rounds * (policy.max_retries + 1)
    before = model.billed[:-1]
    if policy.max_output_tokens is not None:
        assert sum(usage.output_tokens for usage in before) <= policy.max_output_tokens
    if cost is not None:
        assert sum(map(price, before)) <= cost


@settings(max_examples=100, deadline=None)
@given(seeds, policies, caps)
def test_replies_that_add_nothing_are_bounded(seed: int, policy: Policy, cap: int | None) -> None:
    """4: a model that says no more is asked again so often, and no more."""
    result, _, _ = play(Model(seed, ways=("empty",)), policy, cap=cap)
    assert result.rounds <= 1 + policy.max_no_progress
    assert result.text


@settings(max_examples=50, deadline=None)
@given(seeds, st.integers(1, 300), st.booleans())
def test_a_reply_that_ignores_its_cap_is_broken_off(seed: int, tokens: int, dollars: bool) -> None:
    """4: a reply that is beyond any doubt longer than what is left is not read to its end; another one is."""
    cost, output = (price(Usage(0, tokens)), None) if dollars else (None, tokens)
    policy = Policy(max_repetition=None, max_cost=cost, max_output_tokens=output)
    machine, rng, written = Continuation(policy, price=price), random.Random(seed), 0
    machine.start()
    while not machine.enough(written, stops=False):
        delta = document(rng, 500)
        machine.feed(delta)
        written += len(delta)
        assert written < LONGEST * (tokens + SLACK + 1) + 1000
    assert written > LONGEST * tokens


@settings(max_examples=100, deadline=None)
@given(seeds, st.floats(1, 50))
def test_a_deadline_is_kept(seed: int, deadline: float) -> None:
    """4: nothing is sent after the deadline."""
    model = Model(seed)
    result, _, _ = play(model, Policy(deadline=deadline, max_rounds=1000), seconds=3.0)
    assert model.requests * 3.0 <= deadline + 3.0
    assert result.reason != "running"


@settings(max_examples=300, deadline=None)
@given(seeds, policies, st.integers(0, 4), st.floats(0, 1), st.sampled_from([*FATAL, "cancelled"]))
def test_bought_text_is_never_thrown_away(seed: int, policy: Policy, rounds: int, part: float, how: str) -> None:
    """5: whatever fails in a round or between two, all that came before, and of that round, is on the result."""
    model, machine = Model(seed, failures=0.0), Continuation(policy, cap=60)
    action: Action = machine.start()
    while not isinstance(action, Done) and len(model.sent) < rounds:
        action = machine.resume() if isinstance(action, Wait) else machine.receive(model.answer(action))
    before, aside, came = machine.result().text, machine.state is State.SETTLING, list(model.sent)
    partial = None
    if isinstance(action, Send) and isinstance(reply := model.answer(action), Response):
        text = reply.text[: round(part * len(reply.text))]
        machine.feed(text[: len(text) // 2])
        partial = Response(text, "interrupted") if text else None
        came += [text] if text else []
        if partial is not None and how != "cancelled":
            action = machine.receive(partial)
    while not isinstance(action, Done):
        if how == "cancelled":
            action = machine.cancel(partial)
        elif isinstance(action, Wait):
            action = machine.resume()
        else:
            action = machine.receive(Failure(how, "it broke"))  # type: ignore[arg-type]
    assert list(machine.result().raw_segments) == (came or [""])
    assert machine.rounds == len(came)
    assert partial is not None or aside or machine.result().text == before


@settings(max_examples=300, deadline=None)
@given(seeds, policies, st.sampled_from(["unknown", "interrupted", "content_filter", "refusal", "context_window"]))
def test_an_unknown_end_is_never_success(seed: int, policy: Policy, word: str) -> None:
    """6: a run is complete only if the model's own word is a natural end, or evidence speaks against its `length`."""
    model = Model(seed, words=(word,))
    result, _, _ = play(model, policy)
    assert [segment.raw_finish_reason for segment in result.segments] == model.ends
    assert result.complete == (result.reason == "finished")
    if result.complete and result.raw_finish_reason != "stop":
        assert result.raw_finish_reason == "length"
        assert result.segments[-1].evidence


@pytest.mark.parametrize("word", ["eos", "error", "", "STOP", "Stop", "max_tokens_reached"])
def test_only_known_words_are_success(word: str) -> None:
    """6: a word that nobody knows is its own signal."""
    machine = Continuation()
    machine.start()
    action = machine.receive(Response("Text.", "unknown", word))
    assert isinstance(action, Done)
    assert action.reason == "unknown_finish"
    assert not action.complete


@settings(max_examples=200, deadline=None)
@given(seeds, policies, caps, seeds)
def test_a_machine_can_be_written_down_anywhere(seed: int, policy: Policy, cap: int | None, moment: int) -> None:
    """7: a run that is saved and read back at any moment makes the same decisions."""
    whole, _, _ = play(Model(seed), policy, cap=cap, cut=cutter(moment))
    saved, shown, _ = play(Model(seed), policy, cap=cap, cut=cutter(moment), save=random.Random(moment))
    assert saved == whole
    assert shown == whole.text


class Small(Model):
    """A model whose context window is small, and refuses what does not fit; it may or may not say how small."""

    def __init__(self, seed: int) -> None:
        ways = ("exact", "exact", "exact", "overlap", "talk", "empty", "half", "skip")
        super().__init__(seed, size=9000, failures=0.05, ways=ways, amounts=(80, 200, 400, 900))
        rng = random.Random(seed)
        self.window, self.tells = rng.randrange(1100, 2500), seed % 2 == 0
        self.long = rng.random() < 0.5
        if self.long:  # paragraphs longer than what fits, so that the only break in sight may be the end of the text
            self.document = ".\n\n".join(" ".join(document(rng, 1000).split()) for _ in range(8))
            self.window = rng.randrange(950, 1300)

    def answer(self, send: Send) -> Response | Failure:
        """As the model, if there is room."""
        size = 40 + sum(len(turn.text) for turn in send.turns) // 3
        if size + 40 > self.window:
            self.requests += 1
            return Failure("context_window", "too long", 400, window=self.window if self.tells else None)
        outcome = super().answer(send)
        if isinstance(outcome, Response):
            outcome = replace(outcome, usage=Usage(size, len(outcome.text) // 3 + 1))
        return outcome

    def _reply(self, send: Send, shown: str) -> str:
        """As the model; where paragraphs are long, a reply ends with one if it can."""
        text = super()._reply(send, shown)
        return text[: text.find("\n\n") + 2] if self.long and "\n\n" in text else text


@settings(max_examples=200, deadline=None)
@given(seeds, policies, caps, st.sampled_from(["window", "window", "whole"]), seeds)
def test_a_small_window_breaks_no_promise(seed: int, policy: Policy, cap: int | None, history: str, cuts: int) -> None:
    """1, 3, 4, 7: nothing is lost, streams agree, runs end and can be written down where the middle is left out."""
    policy = policy.model_copy(update={"history": history})
    model = Small(seed)
    result, shown, _ = play(model, policy, cap=cap, cut=cutter(cuts))
    assert shown == result.text
    assert list(result.raw_segments) == (model.sent or [""])
    saved, _, _ = play(Small(seed), policy, cap=cap, save=random.Random(cuts))
    assert (saved.text, saved.seams, saved.reason) == (result.text, result.seams, result.reason)
    assert result.elided == 0 or history == "window"
    assert result.rounds <= policy.max_rounds


@settings(max_examples=150, deadline=None)
@given(seeds, policies)
def test_the_bill_is_right(seed: int, policy: Policy) -> None:
    """8: every request that was paid for is counted, once, and an estimate says so."""
    model = Model(seed, bills=True)
    result, _, _ = play(model, policy)
    assert result.usage == sum(model.billed, Usage())
    assert result.usage.estimated == any(usage.estimated for usage in model.billed)
    assert [segment.usage for segment in result.segments] == model.usages


@settings(max_examples=150, deadline=None)
@given(seeds, policies)
def test_segments_cover_the_text(seed: int, policy: Policy) -> None:
    """1: the segments and what continuum inserted make up the text, in order."""
    result, _, _ = play(Model(seed), policy)
    position = 0
    for segment in result.segments:
        assert segment.end >= segment.start
        if segment.end > segment.start:
            assert result.text[position : segment.start].strip() == ""
            position = segment.end
    assert position == len(result.text) or not result.text[position:].strip()
