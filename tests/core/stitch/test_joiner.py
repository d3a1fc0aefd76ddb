"""The invariants of a join, whatever the texts: accounting, independence of the cut, bounded hold-back."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from continuum import ConfigurationError
from continuum._core.stitch import Join, Joiner, choose_anchor, seams_of, stitch
from continuum._core.types import rebuild_raw
from continuum.testing import sample_documents
from tests.core.stitch.strategies import cut, replies, texts

PROSE = (
    "The lighthouse keeper climbed the stairs each evening, counting every step aloud so that the sea would know he "
    "was there. On the last night of October the lamp went out, and for the first time in forty years he did not "
    "count.\n\n"
    "He found the oil frozen and the wick gone, as if somebody had been there before him. "
)


def run(left: str, deltas: list[str], **options: Any) -> tuple[str, Join, str]:
    joiner = Joiner(left, **options)
    out = "".join(joiner.feed(delta) for delta in deltas) + joiner.finish()
    assert joiner.join is not None
    assert joiner.held == 0
    return out, joiner.join, joiner.trimmed


@st.composite
def options(draw: st.DrawFn, left: str) -> dict[str, Any]:
    """Arguments of a Joiner for a text."""
    rest = draw(st.integers(0, min(40, len(left)))) if draw(st.booleans()) else 0
    shown = left[: len(left) - rest]
    kind = draw(st.sampled_from(["none", "anchor", "in_place", "echo"]))
    if kind == "anchor":
        return {"rest": rest, "anchor": choose_anchor(shown)}
    if kind == "in_place":
        return {"rest": rest, "in_place": True}
    if kind == "echo":
        return {"rest": rest, "in_place": True, "echo": shown.rstrip()}
    return {"rest": rest}


@given(st.data(), replies())
def test_every_character_is_accounted_for(data: st.DataObject, pair: tuple[str, str]) -> None:
    """What is emitted is the reply without its removed head and its trimmed end, behind the inserted white space."""
    left, reply = pair
    arguments = data.draw(options(left))
    out, join, trimmed = run(left, [reply], **arguments)
    assert 0 <= join.removed <= len(reply) - len(trimmed)
    assert 0 <= join.replaced <= arguments["rest"]
    assert not join.inserted.strip()
    assert reply.endswith(trimmed)
    assert out == join.inserted + reply[join.removed : len(reply) - len(trimmed)]
    assert 0.0 <= join.confidence <= 1.0
    assert join.note


@given(st.data(), replies(), st.lists(st.integers(1, 80), min_size=1, max_size=5))
def test_the_result_does_not_depend_on_the_deltas(data: st.DataObject, pair: tuple[str, str], sizes: list[int]) -> None:
    """However the reply is cut, text, join and trim are the same."""
    left, reply = pair
    arguments = data.draw(options(left))
    if data.draw(st.booleans()) and arguments.get("anchor"):
        reply = arguments["anchor"] + reply
    whole = run(left, [reply], **arguments)
    assert run(left, cut(reply, sizes), **arguments) == whole
    assert run(left, list(reply), **arguments) == whole


@given(st.data(), replies(), st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_what_is_out_depends_only_on_what_came_in(data: st.DataObject, pair: tuple[str, str], sizes: list[int]) -> None:
    """A run that is read back in the middle of a reply has shown the same text as before."""
    left, reply = pair
    arguments = data.draw(options(left))
    joiner, came, out = Joiner(left, **arguments), "", ""
    for delta in cut(reply, sizes):
        came += delta
        out += joiner.feed(delta)
        assert Joiner(left, **arguments).feed(came) == out


@given(st.lists(texts, max_size=4))
def test_stitch_accounts_for_all_chunks(chunks: list[str]) -> None:
    """The seams rebuild what arrived in each round, character for character."""
    joined = stitch(chunks)
    assert rebuild_raw(joined.text, joined.seams, len(chunks)) == (tuple(chunks) or ("",))


@given(st.lists(texts, min_size=2, max_size=3), st.data())
def test_stitch_accepts_any_anchor(chunks: list[str], data: st.DataObject) -> None:
    """An anchor that is wrong, mangled or missing breaks no accounting."""
    anchors = data.draw(st.lists(st.none() | texts, max_size=3))
    joined = stitch(chunks, anchors)
    assert rebuild_raw(joined.text, joined.seams, len(chunks)) == tuple(chunks)


def test_seams_of_accounts_for_a_replaced_rest() -> None:
    """The unfinished end that gives way to the reply is kept on the seam."""
    left, rest = PROSE + "He counted to 19", "He counted to 19"
    joiner = Joiner(left, rest=len(rest))
    reply = "The stairs were cold under his feet, and the door stood open to the wind."
    new = joiner.feed(reply) + joiner.finish()
    assert joiner.join is not None
    text = left[: len(left) - joiner.join.replaced] + new
    seams = seams_of(joiner, left, reply, len(text), 2)
    assert text == PROSE + reply
    assert seams[0].replaced == rest
    assert rebuild_raw(text, seams, 2) == (left, reply)


def test_an_exact_continuation_flows_after_32_characters() -> None:
    """Prose that simply goes on is held back for at most 32 characters."""
    at = PROSE.index("forty") + 2
    joiner = Joiner(PROSE[:at])
    for char in PROSE[at:]:
        joiner.feed(char)
    assert joiner.join is not None
    assert joiner.peak_held <= 32
    assert joiner.join.kind == "plain"


def test_in_place_flows_at_once_behind_an_echo() -> None:
    """Behind an echoed text the continuation is held back for no more than a check."""
    left = PROSE * 3
    joiner = Joiner(left, in_place=True, echo=left.rstrip())
    out = "".join(joiner.feed(c) for c in left.rstrip() + " And then he slept." * 30) + joiner.finish()
    assert out == "And then he slept." + " And then he slept." * 29
    assert joiner.join is not None
    assert joiner.join.kind == "exact"
    assert joiner.join.overlap >= len(left.rstrip())


@pytest.mark.parametrize("blank", ["", " ", "\n", "\n\n", "\n    "])
@pytest.mark.parametrize("echoes", [False, True])
@pytest.mark.parametrize("again", [False, True])
def test_in_place_white_space_is_there_exactly_once(blank: str, echoes: bool, again: bool) -> None:
    """White space that was stripped for the wire stays, and is not doubled if the model says it again."""
    left = PROSE.rstrip() + blank
    joiner = Joiner(left, in_place=True, echo=left.rstrip())
    reply = (left.rstrip() if echoes else "") + (blank if again else "") + "The lamp burned."
    assert left + joiner.feed(reply) + joiner.finish() == left + "The lamp burned."


@pytest.mark.parametrize("blank", [" ", "\n", "\n\n", "   "])
@pytest.mark.parametrize("own", [" ", "\n", "    "])
@pytest.mark.parametrize("echoes", [False, True])
def test_in_place_white_space_that_was_sent_is_the_texts(blank: str, own: str, echoes: bool) -> None:
    """Where it was not stripped for the wire, the reply's white space comes after it, as in an aligned table."""
    left = PROSE.rstrip() + blank
    joiner = Joiner(left, in_place=True, echo=left)
    reply = own + "| 0 |\n"
    assert joiner.feed((left if echoes else "") + reply) + joiner.finish() == reply


@pytest.mark.parametrize(
    ("left", "reply"),
    [
        ("a" * 1_000_000, "a" * 1_000_000),
        ("ab" * 500_000 + "x", "ab" * 500_000),
        ("a" * 1_000_000, "a" * 500_000 + "b" + "a" * 400_000),
        (("a" * 999 + "b") * 1000, ("a" * 999 + "b") * 999 + "a" * 1000),
        ("| 0 " * 250_000, "| 0 " * 250_000),
        ("\n" * 1_000_000, "\n" * 1_000_000),
        ("~" * 1_000_000, "~" * 1_000_000),
        ('"' + '\\"' * 400_000, "{" + '"' + '\\"' * 400_000),
    ],
)
def test_the_worst_case_is_linear(left: str, reply: str) -> None:
    """A megabyte that repeats itself costs no more than a fraction of a second, even on a busy machine."""
    start = time.process_time()
    joiner = Joiner(left)
    joiner.feed(reply)
    joiner.finish()
    assert time.process_time() - start < 1.0


@settings(max_examples=40)
@given(replies())
def test_hold_back_is_bounded(pair: tuple[str, str]) -> None:
    """Where nothing is repeated, no more than 4,096 characters are held."""
    left, reply = pair
    joiner = Joiner(left)
    new = "".join(chr(0x4E00 + i % 5000) for i in range(0, 50_000, 7))
    for delta in cut(reply + new, [61]):
        joiner.feed(delta)
    assert joiner.peak_held <= 4096 + len(reply)


def test_a_short_rest_is_decided_on_after_twice_the_characters() -> None:
    """What simply goes on flows after 32 characters; what becomes of a rest takes 64, and not 128."""
    text = sample_documents()["essay"]
    for rest, seen in ((0, 32), (5, 64)):
        joiner = Joiner(text[:1500], rest=rest)
        joiner.feed(text[1500:2000])
        assert joiner.join is not None
        assert (joiner.join.kind, joiner.decided_at) == ("plain", seen)


def test_one_text_is_no_list_of_pieces() -> None:
    """Its characters would be joined one by one."""
    with pytest.raises(ConfigurationError, match=r"chunks='Hello wor': expected a list of texts"):
        stitch("Hello wor")
    with pytest.raises(ConfigurationError, match="anchors='world'"):
        stitch(["Hello wor", "world and more"], "world")


@given(st.lists(st.text(), max_size=4))
def test_the_pieces_can_be_had_again(chunks: list[str]) -> None:
    assert list(stitch(chunks).raw_segments) == (chunks or [""])
