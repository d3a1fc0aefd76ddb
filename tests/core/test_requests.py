"""How the model is asked: words, anchors, and where the text that it sees ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum._core.requests import BOUNDARY_WINDOW, History, Question, anchor_of, boundary, may_end, wording
from continuum._core.types import Prefill, Turn

PROSE = "The lamp was lit at dusk. It burned until the sun came up over the wa"


@pytest.mark.parametrize(
    ("shown", "hint"),
    [
        ("Code:\n\n```python\ndef f():\n    return 1\n", "code block"),
        ('{"a": [1, 2, 3,\n', "JSON"),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n", "table"),
        ("Things:\n\n- one\n- two\n", "list"),
    ],
)
def test_the_question_names_what_is_open(shown: str, hint: str) -> None:
    """Inside code, JSON, a table or a list the model is told where it is."""
    assert hint in wording(shown, None)


def test_prose_needs_no_hint() -> None:
    """In plain prose nothing is said about structure."""
    assert "inside" not in wording("It was a dark night. ", None)


def test_the_anchor_stands_in_plain_quotes_on_a_line_of_its_own() -> None:
    """Brackets get copied by small models; quotation marks do not."""
    assert '\n\n"the last words"\n\n' in wording("… the last words", "the last words")


@given(st.text(min_size=0, max_size=400), st.integers(0, 200))
def test_an_anchor_fits_its_room(text: str, room: int) -> None:
    """The anchor never exceeds what the cap allows, and is always the end of what was shown."""
    anchor = anchor_of(text, room)
    if anchor is not None:
        assert len(anchor.encode()) <= room
        assert text.rstrip().endswith(anchor)
        assert anchor.strip()


@given(st.text(alphabet='ab. ,\n"{}[]0茶。', max_size=400), st.integers(0, 400))
def test_a_boundary_is_stable(text: str, cut: int) -> None:
    """What was released for a shorter text is never behind the boundary of a longer one."""
    cut = min(cut, len(text))
    for sentence in (False, True):
        assert boundary(text[:cut], floor=0, sentence=sentence) <= boundary(text, floor=0, sentence=sentence)


def test_a_boundary_looks_back_only_so_far() -> None:
    """A long text costs no more than a short one and gives the same answer."""
    text = "One sentence after the other stands here. " * 500 + PROSE
    assert boundary(text, floor=0, sentence=True) == len(text) - len("It burned until the sun came up over the wa")
    assert len(text) > 2 * BOUNDARY_WINDOW


@pytest.mark.parametrize("text", ["no mark in here at all", "words and more words "])
def test_a_look_for_marks_is_cheap_and_right(text: str) -> None:
    """Without a mark in the new text there is no new boundary to look for."""
    assert not may_end(text)
    assert may_end(text + ".")
    assert may_end(text + "\n")
    assert may_end("。")


def test_a_prefill_shows_everything() -> None:
    """In place the whole text is shown, with the white space at its end only where the server takes it."""
    history = History()
    assert history.prefill("abc \n", Prefill()).turns == (Turn("assistant", "abc \n", parts=(5,)),)
    assert history.prefill("abc \n", Prefill(strips=True)).turns == (Turn("assistant", "abc", parts=(3,)),)
    assert history.turns == []


@given(st.text(alphabet="ab. \n", max_size=40), st.text(alphabet="ab", max_size=80), st.data())
def test_what_is_shown_of_a_long_text_is_more_than_its_last_break(head: str, line: str, data: st.DataObject) -> None:
    """A break at the very end is no place to begin: half of what fits is shown at least, and it can be asked about."""
    text = head + line + "\n\n"
    start = data.draw(st.integers(0, len(text) - 1))
    history = History()
    history.elide(text, start)
    assert start <= history.first == history.shown <= start + (len(text) - start) // 2
    assert history.ask(text, end=len(text), anchor=None, opening="", insist=True).turns[0].text.endswith(text[-1])


def test_a_question_can_be_written_down() -> None:
    """Questions and histories survive to_dict and from_dict."""
    history = History()
    question = history.ask(PROSE, end=26, anchor=100, opening="", insist=False, blocks=({"type": "x"},))
    assert Question.from_dict(question.to_dict()) == question
    again = History.from_dict(history.to_dict())
    assert again.to_dict() == history.to_dict()
