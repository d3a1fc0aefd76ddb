"""What models do at a join, and what must become of it."""

from __future__ import annotations

import pytest

from continuum._core.stitch import Joined, Joiner, stitch
from continuum.testing import sample_documents

STORY = (
    "The lighthouse keeper climbed the stairs each evening, counting every step aloud so that the sea would know he "
    "was there. On the last night of October the lamp went out, and for the first time in forty years he did not "
    "count.\n\n"
    "He found the oil frozen and the wick gone, as if somebody had been there before him. The window stood open, and "
    "on the sill lay a feather that belonged to no bird he had ever seen.\n\n"
    "In the morning the supply boat came in, and "
    "the boy who carried the barrels asked him why the stairs were wet. The keeper looked at the water "
    "and said nothing.\n"
)
LEFT, RIGHT = STORY[: STORY.index(" gone, as")], STORY[STORY.index(" gone, as") :]
PARAGRAPH = STORY.index("He found")


def only(joined: Joined) -> tuple[str, str, bool]:
    """Text, kind and flag of a text with one seam."""
    return joined.text, joined.seams[0].kind, joined.seams[0].ambiguous


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (RIGHT, "plain"),
        ("the oil frozen and the wick" + RIGHT, "overlap"),
        (STORY[PARAGRAPH:], "overlap"),
        (STORY, "restart"),
        ("he found the oil  frozen\nand the **wick**" + RIGHT, "near"),
        ("He found some oil frozen and the wick" + RIGHT, "near"),
        ("Sure, continuing from where I left off:\n\n" + RIGHT, "plain"),
        ("Here's the rest of the story:\n\n" + STORY[PARAGRAPH:], "overlap"),
        ("Natürlich, hier geht es weiter:\n\n" + RIGHT, "plain"),
        ("..." + RIGHT, "plain"),
        ("…the wick" + RIGHT, "overlap"),
        ('"...frozen and the wick"' + RIGHT, "plain"),
        ('Continuing from "frozen and the wick":\n\n' + RIGHT, "plain"),
        ("```\n" + STORY[PARAGRAPH:] + "```", "overlap"),
    ],
)
def test_prose_is_joined(reply: str, kind: str) -> None:
    """Repeats, changes, talk, dots, quotations and wrappers leave no trace."""
    text, found, ambiguous = only(stitch([LEFT, reply]))
    assert text == STORY
    assert found == kind
    assert not ambiguous


@pytest.mark.parametrize(
    "reply",
    [
        STORY[PARAGRAPH : STORY.index(" gone, as")],
        "Sure, continuing from where I left off:\n\n",
        "the oil frozen and the wick",
    ],
)
def test_a_reply_without_anything_new_adds_nothing(reply: str) -> None:
    """Talk alone, or words that are there already, change nothing and are called so."""
    text, kind, _ = only(stitch([LEFT, reply]))
    assert text == LEFT
    assert kind == "nothing_new"


TABLE = "| city | rain |\n| --- | --- |\n| Oslo | 12 |\n| Rome | 3 |\n"
CODE = "def area(width, height):\n    if width < 0:\n        raise ValueError(width)\n    return width * height\n"
LIST = "- the first of the three items\n- the second one is a little longer\n- the third\n"
JSON = (
    '{\n  "lights": [\n    {"id": 1, "name": "North Quay"},\n    {"id": 2, "name": "Old Head"},\n'
    '    {"id": 3, "name": "Inner Sound"}\n  ]\n}\n'
)


@pytest.mark.parametrize(
    ("gold", "cut", "head"),
    [
        (TABLE, "| Ro", "| city | rain |\n| --- | --- |\n| Ro"),
        (TABLE, "| Oslo | 12 |\n", "| city | rain |\n| --- | --- |\n"),
        (LIST, "second one is", "- "),
        (JSON, '"Old', '{\n  "lights": [\n    {"id": 2, "name": "Old'),
        (JSON, '"Old', '[\n    {"id": 2, "name": "Old'),
        ("```python\n" + CODE + "```\n", "raise Value", "```python\n"),
        ("```python\n" + CODE + "```\n", "raise Value", "```python\n        raise Value"),
        (CODE, "raise Value", "```python\n        raise Value"),
        (CODE, "    return wid", "    return wid"),
    ],
)
def test_structure_that_is_opened_again_is_dropped(gold: str, cut: str, head: str) -> None:
    """Table heads, markers, brackets and fences that the reply opens again stand in the text once."""
    at = gold.index(cut) + len(cut)
    assert stitch([gold[:at], head + gold[at:]]).text == gold


@pytest.mark.parametrize(
    ("left", "reply"),
    [
        ("[0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0,", " 0, 0, 0, 0, 1, 0, 0]\n"),
        ("a\n=====\n\n+------", "------+------+\n| x | y |\n"),
        ("1. one\n2. two\n", "3. three\n4. four\n"),
        (
            "We have three options.\n\n",
            "Here is the first option: wait until the tide turns and the boat is free again.\n",
        ),
        ("Read the list.\n\n", "- apples, pears and plums\n- bread from the corner shop\n"),
        ("The command is:\n\n", "```sh\nmake install\n```\n"),
    ],
)
def test_what_only_looks_like_a_repeat_or_a_wrapper_stays(left: str, reply: str) -> None:
    """Legitimate repetition, lists, code blocks and announcements are text."""
    assert stitch([left, reply]).text == left + reply


@pytest.mark.parametrize(
    ("left", "reply", "text"),
    [
        ("The year was 19", "1960, and", "The year was 1960, and"),
        ("It weighs 12", "12.5 kg in all.", "It weighs 12.5 kg in all."),
        (
            "He was 196 cm ta",
            "tall and thin, and walked with a stick.",
            "He was 196 cm tall and thin, and walked with a stick.",
        ),
    ],
)
def test_a_number_or_word_is_not_cut_in_silence(left: str, reply: str, text: str) -> None:
    """A reply that says the cut word or number again completes it; if two readings are close it is flagged."""
    joined = stitch([left, reply])
    assert joined.text == text or joined.seams[0].ambiguous


def test_a_gap_is_flagged_and_not_repaired() -> None:
    """Text that cannot follow is kept as it is, and the seam says so."""
    rows = "".join(f"{i},{i * 7 % 13},{i * 5 % 11}\n" for i in range(200))
    joined = stitch([rows, ",5,6\n201,4,5\n202,11,10\n"])
    assert joined.text == rows + ",5,6\n201,4,5\n202,11,10\n"
    assert joined.seams[0].kind == "gap" or joined.seams[0].ambiguous


def test_the_closing_fence_of_a_wrapper_is_a_seam_of_its_own() -> None:
    """What is trimmed from the end of a reply is accounted for."""
    at = CODE.index("raise Value") + len("raise Value")
    joined = stitch([CODE[:at], "```python\n        raise Value" + CODE[at:] + "```"])
    assert joined.text == CODE
    assert [seam.removed for seam in joined.seams][1] == "```"
    assert joined.seams[1].kind == "nothing_new"
    assert joined.seams[1].offset == len(CODE)


@pytest.mark.parametrize(
    "note",
    [
        "\n\n(continued in the next message)",
        "\n\n[To be continued]",
        "\n\nWould you like me to continue?",
        "\n\n*continues...*",
    ],
)
def test_a_note_that_there_is_more_is_trimmed(note: str) -> None:
    """A reply that announces its own continuation has not written that for the reader of the text."""
    joined = stitch([LEFT, RIGHT + note])
    assert joined.text == STORY.rstrip("\n") or joined.text == STORY
    assert joined.seams[1].kind == "nothing_new"
    assert note.strip() in joined.seams[1].removed


@pytest.mark.parametrize(
    "end", ["\n\n(see also the next chapter)", "\n\nLet me know what you think.", "\n\nShall I wait?"]
)
def test_other_last_lines_stay(end: str) -> None:
    """Only a note about going on is trimmed; letters and dialogues end in many ways."""
    assert stitch([LEFT, RIGHT + end]).text == STORY + end


def test_what_is_reckoned_with_the_last_word_is_no_repeat() -> None:
    """Marks of reckoning are none of the dress that a repeat may change."""
    code = "def hours(levels):\n    levels.index = parsed(levels.index)\n    return (levels.index"
    for reply in (" - levels.index[0]).total_seconds()\n", "/levels.index[0])\n"):
        assert stitch([code, reply]).text == code + reply


@pytest.mark.parametrize(
    ("text", "dots"), [("$ pytest -q\n", "..........F.....  [100%]\n"), ("$ ok\n....F", ".....\n")]
)
def test_more_dots_than_three_are_no_ellipsis(text: str, dots: str) -> None:
    assert stitch([text, dots]).text == text + dots


JSON = '[\n  {\n    "id": 0,\n    "name": "Marta",\n    "job": "nurse"\n  },\n  {\n    "name": "Yuki Mori",\n    "'
REST = 'job": "teacher"\n  }\n]\n'


@pytest.mark.parametrize("between", ["...\n\n", "\n\n---\n\n", "\n\n**Suite de la réponse précédente**\n\n"])
@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_a_repeat_that_breaks_off_and_is_said_once_more(between: str, cut: int) -> None:
    """Both are taken off, and nothing is shown before the second one was there or cannot come."""
    passage = '    "name": "Yuki Mori",\n    "'
    reply = passage + between + passage + REST
    joiner = Joiner(JSON)
    out = "".join(joiner.feed(reply[at : at + cut]) for at in range(0, len(reply), cut)) + joiner.finish()
    assert JSON + out == JSON + REST
    assert joiner.join is not None
    assert not joiner.join.ambiguous


def test_what_a_log_says_again_and_again_is_not_said_twice_in_vain() -> None:
    line = "[Sun Dec 04 06:41:04 2005] [notice] workerEnv.init() ok /etc/httpd/conf/workers2.properties\n"
    text = line * 8
    for at in (len(text) - 20, len(text) - len(line) - 30, 3 * len(line) + 8):
        assert stitch([text[:at], text[at:]]).text == text


def test_what_is_said_again_without_breaking_off_is_text() -> None:
    """Only dots, a rule, talk or a break behind a passage say that it was no use."""
    text = "We asked what each of them costs. The price of the red lamp in the hall"
    rest = " is more than that of the blue one, and the red lamp in the hall again is old.\n"
    assert stitch([text, "the red lamp in the hall" + rest]).text == text + rest


@pytest.mark.parametrize("before", ['"gas",\n        "electric', '"name": "Île aux'])
def test_a_short_text_keeps_a_blank_before_a_word(before: str) -> None:
    """It has taught little of how its words go on."""
    text = sample_documents()["catalogue"]
    at = text.index(before) + len(before)
    assert at < 1000
    assert stitch([text[:at], text[at : at + 400]]).text == text[: at + 400]
