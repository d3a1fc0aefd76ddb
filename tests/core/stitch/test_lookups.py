"""What is looked up fast must be what is looked up plainly: normal forms, figures, words, contexts, scripts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum._core.stitch.near import may_repeat
from continuum._core.stitch.normal import normal, numbers_aside, raw_start
from continuum._core.stitch.price import Flow
from continuum._core.stitch.talk import scripts

MIXED = st.text(st.sampled_from("aB c1’“”é½…Å\n日я—_-"), max_size=40)
TEXTS = st.builds(lambda text, times, odd: text * times + odd, MIXED, st.integers(0, 20), MIXED)
PLAIN = st.text(st.sampled_from("ab Z9,.\n"), min_size=60, max_size=400)


@given(TEXTS, PLAIN)
def test_the_normal_form_is_that_of_its_characters(text: str, plain: str) -> None:
    """However long a text is, and however few of its characters are no ASCII."""
    for whole in (text, plain + text[:3], plain + "“" + plain):
        assert normal(whole) == "".join(map(normal, whole))


@given(TEXTS, st.integers(0, 300))
def test_the_raw_start_is_that_of_the_shortest_suffix(text: str, length: int) -> None:
    """Its form has so many characters, and that of a shorter one has not."""
    start = raw_start(text, length)
    assert start == 0 or len(normal(text[start:])) >= length
    assert start == len(text) or len(normal(text[start + 1 :])) < length


@given(TEXTS)
def test_all_figures_are_alike(text: str) -> None:
    """In any script, and nothing else changes."""
    for whole in (text, text.encode("ascii", "ignore").decode()):
        assert numbers_aside(whole) == re.sub("[0-9]", "0", whole)


@given(st.lists(st.sampled_from(["in", "inn", "within", "in_", "x", "é", "9"]), max_size=12), st.sampled_from(" ,\n-"))
def test_the_words_of_a_text_are_whole_and_not_its_last(words: list[str], between: str) -> None:
    """The last word may be cut."""
    text = between.join(words)
    flow = Flow("日" * 4000 + between + text)  # so long a text in another script has no words but its own
    used = set(re.findall(r"\w+", "日 " + text)[:-1])
    for word in ("in", "inn", "within", "in_", "x", "é", "9"):
        assert flow.has_word(word) == (word in used), word


def test_letters_of_ascii_are_latin() -> None:
    """The short way for ASCII counts as the long one does."""
    assert scripts("abc 12") == {0: 3}
    assert scripts("abc é") == {0: 4}


@pytest.mark.parametrize("first", ["", "It rained all night, and nobody in the whole of the village slept. "])
def test_a_repeat_is_found_at_the_second_place_that_begins_alike(first: str) -> None:
    """One place that leads nowhere is not the end of the search."""
    passage = "It rained all night, and the boats stayed in the harbour until the wind had turned. "
    text = normal(passage + first + "Then came the day of the fair, and with it the people. " * 3)
    again = normal(passage.replace("stayed in", "stayed on in"))[:60]
    assert may_repeat(text, again) == 0
