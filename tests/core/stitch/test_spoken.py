"""Talk that a reply begins with, and text that only reads like it."""

from __future__ import annotations

import pytest

from continuum._core.stitch import stitch

BEFORE = "# A short manual\n\nThis is how the app saves what you wrote, and how it finds it again.\n\n"


@pytest.mark.parametrize("before", ["", BEFORE])
@pytest.mark.parametrize(
    ("left", "reply"),
    [
        pytest.param("log('", "Resuming from where we left off')\n\nrun()\n", id="a string"),
        pytest.param('print("', 'Continuing from the last checkpoint...")\nrun()\n', id="a string, in two words"),
        pytest.param("She stopped (", "I will continue with the rest tomorrow).\n\nThen she slept.\n", id="brackets"),
        pytest.param("- ", "Continue with the remaining steps.\n- Close the app.\n", id="an item"),
        pytest.param("Then ", "I will show you the rest of the code:\n\n```python\nx = 1\n```\n", id="before code"),
        pytest.param("As seen in ", "Chapter 3, we continue to use them:\n\n| a | b |\n| - | - |\n", id="before rows"),
    ],
)
def test_what_the_text_broke_off_in_is_no_talk(before: str, left: str, reply: str) -> None:
    """What closes the quotation, fills the item or ends the sentence is text, though it speaks of going on."""
    assert stitch([before + left, reply]).text == before + left + reply


@pytest.mark.parametrize(
    ("left", "talk", "text"),
    [
        ("log('", "(continued)\n\n", "connected')\nrun()\n"),
        ("- ", "Sure, here is the rest:\n\n", "- Close the app.\n- Start it again.\n"),
        ("Open the menu and ", "Sure, continuing from where I left off:\n\n", "press the third button.\n"),
        ("Use the `", "Sure, continuing from where it says Use the `:\n\n", "flag` twice.\n"),
        ("She stopped (", "Here is the rest (it is not long):\n\n", "it was late) and slept.\n"),
    ],
)
def test_talk_there_is_still_dropped(left: str, talk: str, text: str) -> None:
    """What closes nothing, and what announces the next item, is talk."""
    marker = left if text.startswith(left) else ""  # an item that is begun anew has one
    assert stitch([BEFORE + left, talk + text]).text == BEFORE + left + text.removeprefix(marker)


def test_a_new_sentence_behind_talk_is_flagged_where_one_has_to_go_on() -> None:
    """It may be that the text was dropped, or that the talk was the rest of the sentence."""
    joined = stitch(["She said that ", "I should continue where I had stopped.\n\nSo I did.\n"])
    assert joined.seams[0].ambiguous
