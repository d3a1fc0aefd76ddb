"""Where the shown text ends, and what the model is asked to begin with."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from continuum._core.stitch import choose_anchor, safe_end
from continuum._core.stitch.boundary import extends
from tests.core.stitch.strategies import texts

LEVELS = ["sentence", "word"]
PROSE = (
    "The lamp burned all night. Nobody came up the stairs until the morning, "
    "when Dr. Hale arrived with 3.5 litres of oil"
)


@given(texts, st.sampled_from(LEVELS))
def test_a_boundary_is_never_taken_back(text: str, level: str) -> None:
    """The boundary of a longer text is never before that of a shorter one."""
    ends = [safe_end(text[:j], level=level) for j in range(len(text) + 1)]  # type: ignore[arg-type]
    assert ends == sorted(ends)


@given(st.lists(st.sampled_from(["word ", "w", "x" * 50, "End. ", "\n", "中", "\n    "]), max_size=60).map("".join))
def test_a_boundary_of_a_long_text_is_never_taken_back(text: str) -> None:
    """The same where sentences are longer than the window."""
    ends = [safe_end(text[:j]) for j in range(0, len(text) + 1, 3)]
    assert ends == sorted(ends)


@given(texts)
@example("One. \u0301 two")
@example("\r\n\ude00 \ude00")
def test_no_boundary_inside_a_cluster(text: str) -> None:
    """What follows a boundary never belongs to the character before it."""
    end = safe_end(text)
    assert 0 <= end <= len(text)
    assert end in (0, len(text)) or not extends(text[end])


@given(texts, st.sampled_from(LEVELS))
@example("\n\ude00 ", "sentence")
@example("\u3400\x85", "sentence")
def test_neither_side_is_white_space_alone(text: str, level: str) -> None:
    """The shown part and the rest have something in them, or are empty."""
    end = safe_end(text, level=level)  # type: ignore[arg-type]
    assert not text[:end] or text[:end].strip()
    assert not end or not text[end:] or text[end:].strip()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (PROSE, "The lamp burned all night. "),
        ("One.\nTwo is not fin", "One.\n"),
        ("- first item\n- second it", "- first item\n"),
        ('{"a": 1, "b": "two", "thr', '{"a": 1, "b": "two", '),
        ('[{"id": 1}, {"id": 2', '[{"id": 1}, '),
        ("    if x:\n        return wid", "    if x:\n        "),
        ("Steps:\n1. Open", "Steps:\n"),
        ("他走了。然后他", "他走了。"),
        ("no boundary yet", "no boundary "),
        ("oneword", ""),
        ("Done.\n\n", "Done.\n\n"),
        ("It cost 1.", "It cost "),
    ],
)
def test_the_shown_text_ends_at_a_boundary(text: str, shown: str) -> None:
    """Lines, sentences, items and elements are shown whole; an unfinished one is set aside."""
    assert text[: safe_end(text)] == shown


def test_a_long_sentence_is_cut_at_a_word_240_characters_back() -> None:
    """Where no sentence ended for long, the text is shown up to a word."""
    text = "word " * 200
    end = safe_end(text)
    assert 240 <= len(text) - end <= 246
    assert text[end - 1] == " "


def test_a_run_without_boundaries_is_cut() -> None:
    """A megabyte of base64 without a line break does not leave the model with nothing."""
    assert safe_end("A" * 1_000_000) >= 990_000


def test_word_level_ends_at_the_last_word() -> None:
    """With `level="word"` only the word that may be unfinished is set aside."""
    assert PROSE[: safe_end(PROSE, level="word")] == PROSE[: PROSE.rindex("oil")]


@given(texts)
def test_the_anchor_is_the_end_of_the_text(text: str) -> None:
    """An anchor is a suffix of the text, not longer than allowed, and starts with a character that stands alone."""
    anchor = choose_anchor(text)
    if anchor is None:
        assert len(text.strip()) < 12 or not anchor
        return
    assert text.rstrip().endswith(anchor)
    assert len(anchor) <= 400
    assert not anchor[0].isspace()


def test_the_anchor_is_unique_in_the_tail() -> None:
    """It is grown until it occurs once."""
    text = "It was the end of the second day at sea. " + "and then the wind turned to the north. " * 4
    text = "Alpha " + text + "and then the wind turned to the north."
    anchor = choose_anchor(text)
    assert anchor is not None
    assert text.count(anchor) == 1
    assert 40 <= len(anchor) <= 400


def test_an_anchor_starts_at_a_word_and_avoids_line_breaks() -> None:
    """One line is enough where it is long enough."""
    anchor = choose_anchor("A line.\n" + PROSE)
    assert anchor is not None
    assert "\n" not in anchor
    assert 40 <= len(anchor) < 60
    assert PROSE[PROSE.index(anchor) - 1] == " "


def test_a_short_text_has_no_anchor() -> None:
    """A few characters cannot be verified."""
    assert choose_anchor("Yes, it is") is None


def test_extends_knows_marks_joiners_and_low_surrogates() -> None:
    """Combining marks, joiners, selectors and low surrogates belong to what precedes them."""
    assert all(extends(c) for c in ("\u0301", "\u200d", "\ufe0f", "\ude00", "\U0001f3fd"))
    assert not any(extends(c) for c in ("a", "中", " ", "👩"))
    assert unicodedata.combining("\u0301")
