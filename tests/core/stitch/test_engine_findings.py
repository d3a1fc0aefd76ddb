"""Joins that went wrong inside the engine, kept as they were found."""

from __future__ import annotations

import pytest

from continuum._core.stitch import Joiner, choose_anchor

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


def test_the_closing_line_of_a_reopened_fence_closes_the_fence_that_was_open() -> None:
    """The reply opened the block again, but the block was open already, so its end is the block's end."""
    left = "```python\ndef area(width, height):\n    return wid"
    joiner = Joiner(left)
    reply = "Sure, here is the rest:\n\n```python\n    return width * height\n```\n"
    assert (
        left + joiner.feed(reply) + joiner.finish()
        == "```python\ndef area(width, height):\n    return width * height\n```\n"
    )


def test_the_anchor_of_an_ordinary_tail_is_short() -> None:
    """An anchor is paid for in every round: it is as short as being unique allows, also in JSON and code."""
    record = (
        '{{\n      "id": {0},\n      "name": "Light {0}",\n'
        '      "lamps": [\n        "oil",\n        "gas"\n      ]\n    }},\n    '
    )
    text = '{\n  "lights": [\n    ' + record.format(1) + '{\n      "id": 2,\n      "name": "Saltmarsh 1814",\n      '
    anchor = choose_anchor(text)
    assert anchor is not None
    assert len(anchor) <= 120
    assert text.rstrip().endswith(anchor)


@pytest.mark.parametrize(
    ("shown", "rest", "reply", "text"),
    [
        ("It burned colza oil. ", "It is ", "dark now.", "It burned colza oil. It is dark now."),
        ("It burned colza oil. ", "By then the lamp, ", "which was old, went out.", None),
        ("The list:\n\n- one\n", "- two and", " three\n- four\n", "The list:\n\n- one\n- two and three\n- four\n"),
    ],
)
def test_a_reply_that_begins_in_mid_sentence_follows_the_rest(
    shown: str, rest: str, reply: str, text: str | None
) -> None:
    """Lower case or a blank behind the end of a sentence or item: it reads on after the rest."""
    joiner = Joiner(shown + rest, rest=len(rest))
    out = joiner.feed(reply) + joiner.finish()
    assert joiner.join is not None
    assert shown + rest[: len(rest) - joiner.join.replaced] + out == (text or shown + rest + reply)


def test_text_that_gives_way_without_an_anchor_is_not_a_certainty() -> None:
    """A reply that replaces the unfinished rest drops words that were paid for: that is never 0.999 sure by itself."""
    joiner = Joiner("It burned colza oil. By 1823 the keepers", rest=len("By 1823 the keepers"))
    joiner.feed("Later the lamp was changed to paraffin, which was cheaper.")
    joiner.finish()
    assert joiner.join is not None
    assert joiner.join.confidence < 0.97


@pytest.mark.parametrize("end", ["\n", "\n\n", " \n"])
def test_a_last_line_break_behind_the_anchor_is_text(end: str) -> None:
    """The model had only the line break left to say; it is not a repeat."""
    left = "The first towers on this coast were baskets of burning wood on iron posts."
    joiner = Joiner(left, anchor="baskets of burning wood on iron posts.")
    assert left + joiner.feed("baskets of burning wood on iron posts." + end) + joiner.finish() == left + end


def test_an_apology_behind_the_anchor_is_no_text() -> None:
    """Seen with a small model: the anchor, then a refusal to go on. Nothing new came, and the rest stays."""
    for talk in (
        "\n\nI'm sorry, but I'm unable to continue.",
        "\n\nI hope this helps! Let me know if you need anything else.",
    ):
        _, text = joined(ANCHOR + talk)
        assert text == LEFT


def test_a_short_restart_of_the_document_is_not_a_certain_continuation() -> None:
    """Seen with a small model: the reply begins the document again in its own words after the first few."""
    left = (
        "Bread is made by mixing flour with water, salt and yeast. The dough is kneaded until it is smooth, and then "
        "it rests in a warm place until it has doubled in size. After that the baker shapes"
    )
    joiner = Joiner(left)
    reply = "Bread is made by mixing flour with water, and the first step is to measure everything with care. Then"
    joiner.feed(reply)
    joiner.finish()
    assert joiner.join is not None
    assert joiner.join.kind == "gap" or joiner.join.ambiguous or joiner.join.confidence < 0.9


@pytest.mark.parametrize("echo", ["The keeper of the light. " * 200, "short "])
def test_a_continuation_in_place_flows_at_once(echo: str) -> None:
    """As soon as the reply differs from the prefix that might be echoed, nothing is held back any more."""
    joiner = Joiner(echo, in_place=True, echo=echo)
    for character in "And then the lamp went out, and nobody came for a long time to light it again. " * 3:
        joiner.feed(character)
    assert joiner.peak_held <= 40


def test_an_echo_is_still_dropped_whole() -> None:
    """A reply that begins with the whole prefix loses exactly that."""
    echo = "The keeper of the light. " * 200
    joiner = Joiner(echo, in_place=True, echo=echo)
    out = "".join(joiner.feed(character) for character in echo + "And then it went out.") + joiner.finish()
    assert out == "And then it went out."


def test_lines_of_dashes_of_other_lengths_are_not_the_same_line() -> None:
    """The normal form folds dashes: a wider rule looked like the one begun, and was dropped before the reply ended."""
    row = "| Boolean AND                           |\n"
    rule = "+" + "-" * 49 + "+" + "-" * 60 + "+\n"
    rest = rule[:54]
    joiner = Joiner(row + rest, rest=len(rest), anchor=row.strip())
    reply = row + rule + "| the next row |\n"
    out = "".join(joiner.feed(reply[i : i + 40]) for i in range(0, len(reply), 40)) + joiner.finish()
    assert joiner.join is not None
    assert row + rest[: len(rest) - joiner.join.replaced] + out == reply


KEEPER = (
    "The keeper wrote the weather down each evening, and in the morning he read it to whoever came by with the boat. "
    "Nobody asked him to. In the winter of 1911 the sea rose over the wall and took the book, the table and the lamp, "
    "and he began again with the first page, from memory, as if nothing had happened. "
)


def test_a_new_sentence_behind_a_dropped_clause_is_less_sure() -> None:
    """A capital in the middle of a sentence tells of a dropped clause where the text has none there, as in English."""
    left = KEEPER + KEEPER.replace("keeper", "master") + "The boy who brought the bread saw him write and "
    confidences = []
    for reply in ("The next spring the wall was built anew.", "the next spring the wall was built anew."):
        joiner = Joiner(left)
        joiner.feed(reply)
        joiner.finish()
        assert joiner.join is not None
        confidences.append(joiner.join.confidence)
    assert confidences[0] < 0.7 < confidences[1]


def test_an_indent_in_place_of_the_anchor_proves_no_place() -> None:
    """JSON keys begin alike: that the reply begins with the same indent does not tell which of them it goes on with."""
    rows = "".join(
        f'    {{\n      "id": {n},\n      "built": {1800 + n},\n      "lamps": 2\n    }},\n' for n in range(9)
    )
    left = f'{{\n  "towers": [\n{rows}    {{\n      "id": 9,\n      '
    joiner = Joiner(left, anchor='"id": 9,')
    joiner.feed('      "lamps": 2\n    }\n  ]\n}\n')
    joiner.finish()
    assert joiner.join is not None
    assert joiner.join.ambiguous


def test_a_reply_that_says_the_unfinished_rest_again_has_proved_its_place() -> None:
    """The anchor did not come, but what follows it did: nothing to ask again about."""
    rest = "The boy who brought"
    joiner = Joiner(KEEPER + rest, rest=len(rest), anchor="from memory, as if nothing had happened.")
    out = joiner.feed("The boy who brought the bread saw it all.") + joiner.finish()
    assert joiner.join is not None
    assert (out, joiner.join.ambiguous) == (" the bread saw it all.", False)
    assert joiner.join.confidence >= 0.95
