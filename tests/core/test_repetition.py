"""Loops against text that repeats something for a while."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum._core.repetition import WINDOW, is_loop, periodic_run, uncounted


@given(st.text(min_size=0, max_size=300))
def test_any_text_can_be_measured(text: str) -> None:
    """No text raises, and a run never exceeds the text."""
    run = periodic_run(text)
    if run is not None:
        assert 0 < run.period < len(text)
        assert run.length <= len(text)
        tail = text[len(text) - run.length :]
        assert tail[run.period :] == tail[: len(tail) - run.period]


@given(st.text(alphabet="abc \n", min_size=5, max_size=120), st.integers(4, 12))
def test_a_repeated_passage_is_found_whole(passage: str, times: int) -> None:
    """The run of a passage said several times covers all of it, with a period that divides into it."""
    run = periodic_run("Before it. " + passage * times)
    if len(passage) * times > 60:
        assert run is not None
        assert run.length >= len(passage) * times
        assert run.period <= len(passage)


def test_prose_is_no_loop() -> None:
    """Text that says each thing once has no run."""
    text = " ".join(f"Sentence number {n} says something about the {n * 7919}th thing." for n in range(60))
    assert not is_loop(periodic_run(text[-WINDOW:]), 1200)


@pytest.mark.parametrize("row", ["| 0 | 0 |\n", "0, ", "----", "QUJD" * 16 + "\n"])
def test_a_short_legitimate_repeat_is_no_loop(row: str) -> None:
    """Equal table rows, zeros, rules and padding are left alone until there are very many."""
    assert not is_loop(periodic_run("A table:\n" + row * (900 // len(row))), 1200)
    assert is_loop(periodic_run("A table:\n" + row * (2000 // len(row))), 1200)


def test_a_long_passage_needs_four_times() -> None:
    """Three times the same paragraph of 600 characters may be a refrain; four times is a loop."""
    passage = "".join(f"{n}: the keeper climbed the stair once more. " for n in range(13))[:600]
    assert not is_loop(periodic_run(("x" * 7 + passage * 3)[-WINDOW:]), 1200)
    assert is_loop(periodic_run(("x" * 7 + passage * 4)[-WINDOW:]), 1200)


def test_a_list_that_counts_on_is_a_loop_all_the_same() -> None:
    """The numbers of list items do not hide that each item says the same; other numbers are text."""
    items = "".join(f"{n}. The history of the city of Paris\n" for n in range(8, 80))
    assert is_loop(periodic_run(uncounted(items)), 1200)
    rows = "".join(f"| {n} | {n * n} | {n * 7919 % 1000} |\n" for n in range(100, 250))
    assert not is_loop(periodic_run(uncounted(rows)), 1200)
