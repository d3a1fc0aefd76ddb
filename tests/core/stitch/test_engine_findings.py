"""Joins that went wrong inside the engine, kept as they were found."""

from __future__ import annotations

import pytest

from continuum._core.stitch import Joiner

LEFT = (
    "They went out in the rain, which is to say that they went out when they were needed.\n\n"
    "It took about a century to turn the basket into a tower and the fire into a lamp. "
    "By 1823 the keepers at North Quay burned 1.75 litres of colza oil an hour"
)
REST = "By 1823 the keepers at North Quay burned 1.75 litres of colza oil an hour"
ANCHOR = "basket into a tower and the fire into a lamp."


def joined(reply: str, *, rest: int = len(REST)) -> tuple[Joiner, str]:
    joiner = Joiner(LEFT, rest=rest, anchor=ANCHOR)
    out = joiner.feed(reply) + joiner.finish()
    assert joiner.join is not None
    return joiner, LEFT[: len(LEFT) - joiner.join.replaced] + out


@pytest.mark.parametrize("size", [7, 20, 32, len(ANCHOR)])
@pytest.mark.parametrize("wrap", ["", '"', "Sure, going on:\n\n"])
def test_a_reply_that_breaks_off_inside_its_anchor_adds_nothing(size: int, wrap: str) -> None:
    """A stream that broke, or a tiny cap, can end before the anchor is out: nothing new came, and nothing gives way."""
    joiner, text = joined(wrap + ANCHOR[:size])
    assert text == LEFT
    assert joiner.join is not None
    assert joiner.join.kind == "nothing_new"
    assert joiner.join.replaced == 0


def test_a_reply_that_breaks_off_inside_the_rest_adds_nothing() -> None:
    """The anchor came and part of the unfinished rest: still nothing new, and the rest stays."""
    _, text = joined(ANCHOR + " By 1823 the keepers at North")
    assert text == LEFT


def test_sentences_of_one_template_are_not_repeats() -> None:
    """Numbered sentences resemble each other; a new number is new text."""
    left = "Sentence number 0 goes on about the sea and its 0 ships. "
    for anchor in (None, "0 goes on about the sea and its 0 ships."):
        joiner = Joiner(left, anchor=anchor)
        reply = "Sentence number 1 goes on about the sea and its 1 ships. "
        assert left + joiner.feed(reply) + joiner.finish() == left + reply
