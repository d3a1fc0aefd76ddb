"""What a chat leaves before the text, one example for each: roles, thinking, tags, fences, lines, quotations."""

from __future__ import annotations

import json

import pytest

from continuum._core.stitch import Joiner, stitch
from continuum._core.stitch.talk import announces
from continuum.testing import sample_documents

ESSAY = sample_documents()["essay"]
AT = ESSAY.index(" ", 700)
CODE = "".join(f"def step_{n}(items):\n    total = sum(items) + {n}\n    return [total, {n}]\n\n\n" for n in range(12))
CUT = CODE.index("total = sum(items) + 7") + 12
FENCED = f"Here is the module:\n\n```python\n{CODE}```\n\nIt has no tests.\n"
INSIDE = FENCED.index("total = sum(items) + 7") + 12


@pytest.mark.parametrize(
    "before",
    [
        "<|im_start|>assistant\n",
        "<start_of_turn>model\n",
        "**Assistant:** ",
        "User: Please continue exactly where you stopped.\n\nAssistant: ",
        "<think>\nThe text broke off in the middle of a sentence, so I go on from there.\n</think>\n\n",
        "<thinking>\nNo preamble.\n</thinking>\n",
        "<continuation>\n",
        "Oops, it looks like I ran out of space. Let me finish that for you:\n\n",
        "Entschuldigung, meine Antwort wurde abgeschnitten. Hier kommt der Rest:\n\n",
        "দুঃখিত, আগের উত্তরটি মাঝপথে থেমে গিয়েছিল। সেখান থেকেই আবার শুরু করছি:\n\n",
        "### Part 2 (continued)\n\n",
        "Okay, so the user wants me to continue. The text ended in step 6, so I start there.\n\n",
        '<antArtifact identifier="rest" type="text/markdown" title="Rest">\n',
        ":::writing\n",
        "✅ Resuming right at the break\n\n",
        "Oto dalszy ciąg:\n\n---\n\n",
        "Het vervolg\n\n***\n\n",
    ],
)
def test_what_a_chat_says_first_is_no_text(before: str) -> None:
    """In front of the continuation, and in front of a repeat of the last sentence."""
    again = ESSAY.rindex(". ", 0, AT) + 2
    for start in (AT, again):
        assert stitch([ESSAY[:AT], before + ESSAY[start:]]).text == ESSAY


@pytest.mark.parametrize(
    "form",
    [
        "> {}\n\n",
        "You left off here:\n\n> {}\n\n",
        "[...{}]\n\n",
        "Continuing after\n```\n{}\n```\n\n",
        'The last words were "{}" - here is what follows:\n\n',
        "„{}“ – hier geht es weiter:\n\n",
        "「{}」の続きです。\n\n",
        "[{}]",
        "The output stopped at:\n\n```\n{}\n```\n\nGoing on from there:\n\n",
        "Ostatnia linia:\n\n```text\n{}\n```\n\nDalej:\n\n",
        "Let me think. It ended at `{}`, which is incomplete. I go on right after it.\n\nAlright.\n\n",
    ],
)
def test_the_last_words_quoted(form: str) -> None:
    """However they are quoted, they are not said twice."""
    quoted = ESSAY[AT - 40 : AT]
    quoted = quoted[quoted.index(" ") + 1 :]
    assert "\n" not in quoted
    assert stitch([ESSAY[:AT], form.format(quoted) + ESSAY[AT:]]).text == ESSAY


@pytest.mark.parametrize("start", ["", "line", "lines"])
@pytest.mark.parametrize("said", ["Sure, here is the rest of the code:", "Je reprends là où je me suis arrêté :"])
def test_a_fence_closed_and_opened_again(start: str, said: str) -> None:
    """With talk between; what follows goes on in the fence that the text had open."""
    line = FENCED.rindex("\n", 0, INSIDE) + 1
    at = {"": INSIDE, "line": line, "lines": FENCED.rindex("\n", 0, line - 1) + 1}[start]
    assert stitch([FENCED[:INSIDE], f"\n```\n\n{said}\n\n```python\n{FENCED[at:]}"]).text == FENCED


def test_a_block_of_code_that_the_text_goes_on_with_stays() -> None:
    """A text that has such blocks, or announces one, is not wrapped by the next one."""
    left, right = FENCED[: FENCED.index("```")], FENCED[FENCED.index("```") :]
    assert stitch([left, right]).text == FENCED
    more = FENCED + "\nThe tests:\n\n"
    assert stitch([more, right]).text == more + right


@pytest.mark.parametrize(
    "before",
    [
        "module steps\n",
        "Table of contents\n\n* one\n* two\n\n",
        "# ... the code goes on\n",
        "def step_3(items):\n",
    ],
)
def test_lines_of_any_kind_before_a_repeat(before: str) -> None:
    """What nobody knows is told by what follows it: the end of the text, said again."""
    line = ESSAY.rindex("\n", 0, AT) + 1
    assert stitch([ESSAY[:AT], before + ESSAY[line:]]).text == ESSAY


def test_a_record_that_ends_like_the_last_one() -> None:
    """In data the next record is no line before a repeat, however much of it stands in the text already."""
    records = [
        f'  {{\n    "id": {n},\n    "name": "Station {n}",\n    "state": "{state}",\n    "note": "two\\nlines"\n  }}'
        for n, state in enumerate(["open", "closed", "on hold", "closed", "open", "on hold", "new", "new"])
    ]
    for n in range(2, len(records)):
        left, right = "[\n" + ",\n".join(records[:n]) + ",\n", ",\n".join(records[n:]) + "\n]\n"
        assert stitch([left, right]).text == left + right


def test_a_line_that_the_text_has_said_before() -> None:
    """The signature again, and then it goes on in the middle of the line."""
    joined = stitch([CODE[:CUT], "def step_7(items):\n" + CODE[CUT:]])
    assert joined.text == CODE
    assert "known lines" in joined.seams[0].note


@pytest.mark.parametrize("mark", ["...", "…", " (continued)", " [cont.]"])
def test_a_mark_behind_a_repeat(mark: str) -> None:
    """A repeat that says that it goes on from there."""
    again = ESSAY.rindex(". ", 0, AT) + 2
    assert stitch([ESSAY[:AT], ESSAY[again:AT] + mark + ESSAY[AT:]]).text == ESSAY


def test_a_repeat_that_was_broken_off_and_begun_again() -> None:
    """The second time counts."""
    line = ESSAY.rindex("\n", 0, AT) + 1
    for between in ("...\n\n", "\n\nSorry, I was cut off. Continuing from that sentence:\n\n"):
        assert stitch([ESSAY[:AT], ESSAY[line:AT] + between + ESSAY[line:]]).text == ESSAY


def test_the_key_at_which_an_object_broke_off() -> None:
    """Its bracket is opened again, as is the array around it."""
    text = "[\n" + ",\n".join(f'  {{"name": "Station {n}", "lines": {n % 7}}}' for n in range(40)) + "\n]\n"
    at = text.index("Station 23") + 5
    for brackets in ("{", "[\n  {", "{\n    "):
        assert stitch([text[:at], brackets + text[text.rindex('"name"', 0, at) :]]).text == text


def test_the_head_of_a_table_in_another_dress() -> None:
    """Spaces, marks and the separator may differ."""
    rows = "".join(f"| Station {n} | {n * 7 % 13} | {n * 5 % 11} |\n" for n in range(30))
    text = f"| Name | Lines | Tracks |\n|---|---|---|\n{rows}"
    at = text.index("| Station 22")
    for head in ("|Name|Lines|Tracks|\n|:--|:--|:--|\n", "| **Name** | **Lines** | **Tracks** |\n| - | - | - |\n"):
        assert stitch([text[:at], head + text[at:]]).text == text


@pytest.mark.parametrize(
    "reply",
    [
        "The response above is already complete.",
        "There is nothing more to add.",
        "以上内容已经完整，没有更多需要补充的。",
        "I'm sorry, but I don't see what you would like me to continue.",
    ],
)
def test_a_reply_that_only_says_that_there_is_no_more(reply: str) -> None:
    """It is nothing new."""
    joined = stitch([ESSAY[:AT], reply])
    assert joined.text == ESSAY[:AT]
    assert joined.seams[0].kind == "nothing_new"


@pytest.mark.parametrize(
    ("line", "talk"),
    [
        ("Here you go, the second half:", True),
        ("(2/3)", True),
        ("**Continuación**", True),
        ("Maaf, jawaban saya terpotong. Berikut lanjutannya:", True),
        ("The tram was late, and the wind was the same.", False),
        ("It was not long before the rain began, and then", False),
        ("import functools", False),
    ],
)
def test_what_a_line_speaks_about(line: str, talk: bool) -> None:
    """Talk has a score, text has none."""
    assert (announces(line) > 0) == talk


def test_tags_and_thinking_are_waited_for() -> None:
    """Nothing flows before the end of the thinking, and nothing of a tag that may still be one."""
    joiner = Joiner(ESSAY[:AT])
    out = "".join(map(joiner.feed, "<think>\nThe essay broke off. I have to go on without any words before."))
    assert out == ""
    out += joiner.feed("\n</think>\n\n" + ESSAY[AT:]) + joiner.finish()
    assert ESSAY[:AT] + out == ESSAY


@pytest.mark.parametrize("line", ["Page 2\n\n", "Output:\n", "(see above)\n", "Here is what was missing\n\n"])
def test_lines_that_are_no_json_before_json(line: str) -> None:
    """A text that is JSON and nothing else goes on with JSON; within a string such a line is no more JSON, but in doubt
    it stays."""
    rows = json.dumps([{"id": n, "name": f"lamp {n}", "nights": n * 7} for n in range(12)], indent=2)
    at = rows.index('"id": 6') - 4
    assert stitch([rows[:at], line + rows[at:]]).text == rows
    at = rows.index("lamp 7") + 5
    joined = stitch([rows[:at], line + rows[at:]])
    assert joined.text == rows or (joined.text == rows[:at] + line + rows[at:] and joined.seams[0].ambiguous)
    path = '{\n  "path": "C:\\\\",\n'  # a backslash, and no escaped quotation mark
    assert stitch([path, line + '  "size": 7\n}\n']).text == path + '  "size": 7\n}\n'
    for left in (rows + "\n\n", rows + "\n\nEach row has a number"):  # the JSON is whole, and prose may follow
        assert stitch([left, line + "Nights are counted in sevens.\n"]).text.startswith(left + line)


@pytest.mark.parametrize("opening", ["", "Page 2\n\n", "Here is what was missing, row by row:\n"])
@pytest.mark.parametrize(
    "closing", ["", "\n\nI hope this helps!", "\n\nAsk for more.\n\nLet me know if you have any questions!"]
)
def test_json_and_talk_around_it_do_not_depend_on_the_deltas(opening: str, closing: str) -> None:
    """However the reply is cut, the text is the same, and all that came is in it or accounted for."""
    rows = json.dumps([{"id": n, "name": f"lamp {n}", "nights": n * 7} for n in range(12)], indent=2)
    for at in (rows.index('"id": 6'), rows.index("lamp 7") + 5):
        reply = opening + rows[at:] + closing
        whole = Joiner(rows[:at])
        out = whole.feed(reply) + whole.finish()
        for size in (1, 7, 50):
            joiner = Joiner(rows[:at])
            pieces = [joiner.feed(reply[i : i + size]) for i in range(0, len(reply), size)]
            assert "".join(pieces) + joiner.finish() == out
            assert (joiner.join, joiner.trimmed) == (whole.join, whole.trimmed)
        assert whole.join is not None
        assert reply[: whole.join.removed] + out[len(whole.join.inserted) :] + whole.trimmed == reply


THOUGHTS = [
    "</think>\n\n",
    "Okay, the user wants me to continue. The essay stops in the middle.\n</think>\n\n",
    "[THINK]The text was cut off, so I go on.[/THINK]",
    "◁think▷It broke off. I continue.◁/think▷",
    "<seed:think>Right behind the last word.</seed:think>",
    "<reasoning_content>\nContinue.\n</reasoning_content>\n",
    "<|channel|>analysis<|message|>We need to continue.<|end|><|start|>assistant<|channel|>final<|message|>",
    "<|channel|>final<|message|>",
    "analysisWe need to continue exactly.assistantfinal",
    "assistantfinal",
]


@pytest.mark.parametrize("thought", THOUGHTS)
@pytest.mark.parametrize("anchored", [False, True])
def test_what_was_thought_is_no_text(thought: str, anchored: bool) -> None:
    """However the server let it through, and whether an anchor was asked for or not."""
    anchor = ESSAY[AT - 60 : AT] if anchored else ""
    joined = stitch([ESSAY[:AT], f"{thought}{anchor}{ESSAY[AT:]}"], [anchor or None])
    assert joined.text == ESSAY
    assert not any(seam.ambiguous for seam in joined.seams)


@pytest.mark.parametrize("form", ["<think>\n{}\n</think>\n\n", "{}\n</think>\n\n"])
def test_thoughts_may_quote_what_they_were_asked_to_begin_with(form: str) -> None:
    """The anchor counts behind them."""
    anchor = ESSAY[AT - 60 : AT]
    thought = form.format(f'The user says that I have to begin with "{anchor}" and go on.')
    assert stitch([ESSAY[:AT], thought + anchor + ESSAY[AT:]], [anchor]).text == ESSAY


def test_a_text_that_shows_thoughts_keeps_them() -> None:
    """It has said such a tag, or is about to."""
    text = "Models think between `<think>` and `</think>`:\n\n"
    reply = "<think>\nThe user asks for two.\n</think>\n\nTwo.\n"
    assert stitch([text, reply]).text == text + reply


@pytest.mark.parametrize(
    "reply", [" we continue north, as the user of a map would", "I had the text of it in my hand, and"]
)
def test_a_text_in_which_somebody_speaks_flows(reply: str) -> None:
    """Only what begins as thoughts do waits for the end of them."""
    joiner = Joiner(ESSAY[:AT] + " kg of brass, and then ")
    assert joiner.feed(reply + ESSAY[AT : AT + 200])
