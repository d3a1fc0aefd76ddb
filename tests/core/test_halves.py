"""Characters that arrive in halves: joined where they meet, replaced where they do not, and never lost or sent."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from continuum import Policy
from continuum._core.actions import Done, Send, Wait
from continuum._core.halves import has_half, join_halves, sendable
from continuum._core.machine import Continuation
from continuum._core.types import Failure, Prefill, Response
from tests.core.test_promises import caps, policies, seeds
from tests.model import Model, cutter, play

HIGH, LOW = "\ud83d", "\ude00"
mixed = st.lists(st.sampled_from(["a", "é", "船", "😀", HIGH, LOW]), max_size=12).map("".join)


def halved(text: str) -> str:
    """Every character beyond U+FFFF as the two halves that JSON makes of it."""
    units = text.encode("utf-16-be", "surrogatepass")
    return "".join(chr(units[at] << 8 | units[at + 1]) for at in range(0, len(units), 2))


class Halving(Model):
    """A model whose characters come in halves, some of which never meet.

    Attributes:
        whole: halves that meet come as one character, as in a unary reply.
    """

    whole = False

    def answer(self, send: Send) -> Response | Failure:
        """As the model, with halves here and there; what it is shown can be sent."""
        for turn in send.turns:
            turn.text.encode()
        outcome = super().answer(send)
        if not isinstance(outcome, Response):
            return outcome
        rng = random.Random(f"{self.seed} {self.requests}")
        text = outcome.text
        for _ in range(rng.choice([0, 0, 1, 2])):
            at = rng.choice([rng.randrange(len(text) + 1), len(text)])
            text = text[:at] + rng.choice([HIGH, LOW, HIGH + LOW, HIGH * 2, "🚤"]) + text[at:]
        text = join_halves(text)
        self.sent[-1] = text
        return replace(outcome, text=text if self.whole else halved(text))


class Joined(Halving):
    """The same replies in one piece."""

    whole = True


@settings(max_examples=300, deadline=None)
@given(seeds, policies, caps, seeds)
def test_halves_break_no_promise(seed: int, policy: Policy, cap: int | None, cuts: int) -> None:
    """1, 3, 7: streamed in halves and in one piece it is the same text, which can be written down and holds no half."""
    model = Halving(seed)
    streamed, shown, _ = play(model, policy, cap=cap, cut=cutter(cuts))
    whole, _, _ = play(Joined(seed), policy, cap=cap)
    assert (streamed.text, streamed.seams) == (whole.text, whole.seams)
    assert shown == streamed.text
    assert not has_half(streamed.text)
    assert list(streamed.raw_segments) == (model.sent or [""])
    saved, shown, _ = play(Halving(seed), policy, cap=cap, cut=cutter(cuts), save=random.Random(cuts))
    assert (saved.text, saved.seams, shown) == (streamed.text, streamed.seams, streamed.text)


@given(mixed)
def test_joining_is_done_once(text: str) -> None:
    """Nothing but halves that meet is changed, and what can be sent has none."""
    joined = join_halves(text)
    assert join_halves(joined) == joined
    assert joined.encode("utf-16", "surrogatepass") == text.encode("utf-16", "surrogatepass")
    clean = sendable({"text": [text], "more": (text, 1)})
    assert clean["more"][0] == clean["text"][0]
    assert clean["text"][0].encode().decode() == re.sub("[\ud800-\udfff]", "\ufffd", joined)


@given(mixed, st.lists(st.integers(1, 4), min_size=1, max_size=12), st.sampled_from(["stop", "length"]))
def test_deltas_do_not_matter(text: str, sizes: list[int], word: Any) -> None:
    """3: wherever a delta ends, in the middle of a character too."""
    streamed, whole = Continuation(Policy(max_rounds=1)), Continuation(Policy(max_rounds=1))
    streamed.start()
    whole.start()
    shown, at = "", 0
    for size in sizes:
        shown += streamed.feed(text[at : at + size])
        at += size
    action = streamed.receive(Response(text, word))
    whole.receive(Response(join_halves(text), word))
    result = streamed.result()
    assert isinstance(action, Done)
    assert shown + action.text == result.text
    assert result == replace(whole.result(), raw=None)
    assert result.raw_segments == (join_halves(text),)


def test_a_half_is_held_until_the_other_one_comes() -> None:
    """The reader gets a character, never half of one; alone it is a sign, and its seam says what came."""
    machine = Continuation()
    machine.start()
    assert machine.feed(f"Fine {HIGH}") == "Fine "
    assert machine.feed(f"{LOW}.") == "😀."
    assert machine.feed(f" {HIGH}") == " "
    assert machine.feed("So") == "\ufffdSo"
    action = machine.receive(Response(f"Fine {HIGH}{LOW}. {HIGH}So", "stop"))
    assert isinstance(action, Done)
    result = machine.result()
    assert (result.text, result.raw_segments) == ("Fine 😀. \ufffdSo", (f"Fine 😀. {HIGH}So",))
    (seam,) = result.seams
    assert (seam.removed, seam.inserted, result.text[: seam.offset]) == (HIGH, "\ufffd", "Fine 😀. \ufffd")


@pytest.mark.parametrize("word", ["length", "interrupted"])
def test_half_of_a_character_at_a_cut_is_taken_off(word: Any) -> None:
    """The model says the whole character in its next reply, in place as well."""
    machine = Continuation(prefill=Prefill())
    machine.start()
    machine.feed(f"The boats are out {HIGH}")
    action = machine.receive(Response(f"The boats are out {HIGH}", word, prefill=Prefill()))
    action = machine.resume() if isinstance(action, Wait) else action
    assert isinstance(action, Send)
    assert action.turns[-1].text == "The boats are out "
    machine.receive(Response("😀 again.", "stop", prefill=Prefill()))
    result = machine.result()
    assert result.text == "The boats are out 😀 again."
    assert result.raw_segments == (f"The boats are out {HIGH}", "😀 again.")


def test_a_suspended_turn_goes_back_without_halves() -> None:
    """Its blocks are sent as they came, as far as they can be sent."""
    blocks = ({"type": "text", "text": f"Look {HIGH}{LOW} and {LOW}. "},)
    machine = Continuation()
    machine.start()
    action = machine.receive(Response(blocks[0]["text"], "interrupted", suspended=True, blocks=blocks))
    assert isinstance(action, Send)
    assert action.turns[-1].blocks == ({"type": "text", "text": "Look 😀 and \ufffd. "},)
