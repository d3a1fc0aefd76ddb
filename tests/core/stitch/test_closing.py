"""What a reply puts behind the text: sign-offs, notes that there is more, stop tokens, the end of a wrapper."""

from __future__ import annotations

import html
import itertools
import json

import pytest

from continuum._core.stitch import Joiner, stitch
from continuum.testing import sample_documents

CODE = "".join(f"def step_{n}(items):\n    total = sum(items) + {n}\n    return [total, {n}]\n\n\n" for n in range(12))
AT = CODE.index("step_7") + 30
ESSAY = sample_documents()["essay"]
NOTES = [
    "Let me know if you have any questions!",
    "I hope this helps! Feel free to ask if anything is unclear.",
    "That completes the code. Would you like me to explain any part of it?",
    "希望对您有帮助！如有其他问题，请随时告诉我。",
    "Ich hoffe, das hilft! Sag Bescheid, wenn du noch Fragen hast.",
]
FOREIGN = NOTES[3]
"""In another script than the texts here, which tells that it is none of theirs."""


def trimmed(reply: str, left: str = CODE[:AT]) -> str:
    joined = stitch([left, reply])
    assert joined.text.startswith(left)
    return joined.text[len(left) :]


@pytest.mark.parametrize("note", NOTES)
def test_leave_behind_a_rule_is_no_text(note: str) -> None:
    """Behind a rule a last line that takes leave of the reader is trimmed, and a seam says so."""
    joined = stitch([CODE[:AT], f"{CODE[AT:]}\n---\n\n{note}"])
    assert joined.text.rstrip("\n") == CODE.rstrip("\n")
    assert note in joined.seams[-1].removed
    assert joined.seams[-1].note == "a note to the reader behind the text"


@pytest.mark.parametrize("note", NOTES)
@pytest.mark.parametrize("end", [1, 40])
def test_json_does_not_speak_to_its_reader(note: str, end: int) -> None:
    """Behind JSON and nothing else leave is no text, whether all of it is there or not; its strings may say what they
    like."""
    rows = [{"id": n, "note": note} for n in range(20)]
    text = json.dumps(rows, indent=2, ensure_ascii=False)
    rest = text[300 : text.rindex("\n", 0, -end)]
    assert trimmed(f"{rest}\n\n{note}", text[:300]).rstrip("\n") == rest
    assert trimmed(text[300:], text[:300]) == text[300:]


@pytest.mark.parametrize("note", [note for note in NOTES if note != FOREIGN])
def test_what_explains_json_may_speak_to_its_reader(note: str) -> None:
    """An answer that begins with JSON and goes on with prose ends as prose does, wherever it was cut."""
    text = (
        json.dumps([{"id": n} for n in range(20)], indent=2) + f"\n\nEach row has a number.\n\nAsk for more.\n\n{note}"
    )
    for at in (200, text.index("Each"), text.index("row"), text.index("Ask")):
        assert text[:at] + trimmed(text[at:], text[:at]) == text


@pytest.mark.parametrize("note", [note for note in NOTES if note != FOREIGN])
def test_prose_may_speak_to_its_reader(note: str) -> None:
    """A letter, a guide or an answer in which somebody speaks may end like that of itself: there the line stays. So it
    does where there is too little text to tell."""
    spoken = ESSAY[:400] + ESSAY[400:].replace("They went", "I think they went")
    assert spoken != ESSAY
    assert trimmed(f"{spoken[400:].rstrip()}\n\n{note}", spoken[:400]).endswith(note)
    assert trimmed(f"{ESSAY[400:900]}.\n\n{note}", ESSAY[:400]).endswith(note)


@pytest.mark.parametrize("note", NOTES[:2] + NOTES[3:])
def test_a_text_in_which_nobody_speaks_takes_no_leave(note: str) -> None:
    """An essay, a report or a log of some length: the seam has what was said."""
    rest = ESSAY[400:].rstrip()
    joined = stitch([ESSAY[:400], f"{rest}\n\n{note}"])
    assert joined.text == ESSAY.rstrip() + "\n"
    assert note in joined.seams[-1].removed
    assert joined.seams[-1].note == "a note to the reader behind the text"


@pytest.mark.parametrize("note", NOTES)
def test_a_wrapper_ends_where_it_was_closed(note: str) -> None:
    """What is said behind the fence around the code goes with the fence."""
    assert trimmed(f"```python\n{CODE[AT:]}```\n\n{note}").rstrip("\n") == CODE[AT:].rstrip("\n")


BEHIND = [
    "Want me to add unit tests next?",
    "If you'd like, I can also turn this into a package.",
    "**Changes:**\n\n- Completed the part that was missing.\n- Closed all brackets.",
    "This version is complete. You can run it with `python steps.py`",
]


@pytest.mark.parametrize("said", BEHIND)
def test_whatever_is_said_behind_the_fence_around_the_text_goes_with_it(said: str) -> None:
    joined = stitch([CODE[:AT], f"```python\n{CODE[AT:]}```\n\n{said}\n"])
    assert joined.text == CODE
    assert said in joined.seams[-1].removed


def test_what_opens_a_fence_again_is_kept_and_so_is_a_text_of_its_own() -> None:
    rest = CODE[AT:]
    for said in ("And now its test:\n\n```python\nassert step_1([]) == [1, 1]\n```", "A word about it. " * 80):
        assert stitch([CODE[:AT], f"```python\n{rest}```\n\n{said}\n"]).text.rstrip().endswith(said.rstrip("`\n "))


@pytest.mark.parametrize("said", BEHIND[:2])
def test_bare_code_does_not_speak_to_its_reader(said: str) -> None:
    assert trimmed(f"{CODE[AT:].rstrip()}\n\n{said}") == CODE[AT:].rstrip() + "\n"


TOKENS = ["<|im_end|>", "<|endoftext|>", "<end_of_turn>", "<|eot_id|>", "</s>", "<｜end▁of▁sentence｜>", "[/INST]"]


@pytest.mark.parametrize("token", [*TOKENS, "<|im_end|>\n<|im_start|>user\n", "</s></s>\n"])
def test_stop_tokens_are_trimmed(token: str) -> None:
    """A token that the server should have kept for itself, or several."""
    assert trimmed(CODE[AT:] + token) == CODE[AT:]


@pytest.mark.parametrize("token", TOKENS)
def test_a_text_that_shows_such_tokens_keeps_them(token: str) -> None:
    left = ESSAY[:400] + f" The mark <s>{token} ends it."
    assert trimmed(f" So does this: {token}", left) == f" So does this: {token}"


@pytest.mark.parametrize(
    "note",
    [
        "(Fortsetzung folgt)",
        "*(à suivre)*",
        "[Note: the response continues in the next message]",
        "（未完待续）",
        "— End of part 2 —",
        "(2/3)",
        "*** Part 1 of 2 ***",
    ],
)
def test_a_note_in_brackets_that_there_is_more_is_no_text(note: str) -> None:
    assert trimmed(f"{ESSAY[400:].rstrip()}\n\n{note}", ESSAY[:400]) == ESSAY[400:].rstrip() + "\n"


@pytest.mark.parametrize("note", ["(See page 12.)", "*Lights out.*", "[1] The keeper's log.", "- part 2"])
def test_other_lines_in_brackets_stay(note: str) -> None:
    assert trimmed(f"{ESSAY[400:].rstrip()}\n\n{note}", ESSAY[:400]).endswith(note)


def test_a_tag_around_the_reply_is_taken_off() -> None:
    """Both ends of it, and each is accounted for."""
    joined = stitch([CODE[:AT], f"<continuation>\n{CODE[AT:]}</continuation>"])
    assert joined.text.rstrip() == CODE.rstrip()
    assert joined.seams[-1].removed.strip() == "</continuation>"
    assert joined.seams[-1].note == "the end of a wrapper"


def test_nothing_but_a_repeat_and_leave_is_nothing_new() -> None:
    """With the note goes the white space before it."""
    assert trimmed(f"{CODE[AT - 120 : AT]}\n\nThe response is now complete.") == ""


@pytest.mark.parametrize(("opening", "closing"), [("", ""), ("```python\n", "```"), ("<answer>\n", "</answer>")])
def test_what_is_shown_does_not_depend_on_the_deltas(opening: str, closing: str) -> None:
    """Character by character the same is out as at once, at every moment, whatever the end looks like."""
    gaps, ends = ["\n", "\n\n", "\n\n---\n\n"], ["", "\n", "<|im_end|>", "</s>\n", "<|eot_id|>\n<|start|>user"]
    for gap, note, end in itertools.product(
        gaps, [NOTES[0], BEHIND[2], "```sh\nls", "x" * 1100, "Would you like me to continue?", "(2/3)", "Less is"], ends
    ):
        reply = opening + CODE[AT:] + closing + gap + note + end
        joiner = Joiner(CODE[:AT])
        begin = max(0, len(reply) - 1400)
        out = joiner.feed(reply[:begin])
        for at in range(begin, len(reply)):
            out += joiner.feed(reply[at])
            if at > len(reply) - 80 and at % 4 == len(note) % 4:
                assert Joiner(CODE[:AT]).feed(reply[: at + 1]) == out
        whole = Joiner(CODE[:AT])
        assert whole.feed(reply) + whole.finish() == out + joiner.finish()
        assert whole.trimmed == joiner.trimmed


MORE = [
    'Type "continue" to receive the rest.',
    "[Response truncated due to length — reply “continue” for the rest]",
    '[End of Part 2 — say "next" for Part 3]',
    "*Message limit reached. Ask me to continue.*",
    'Reply with "go" and I\'ll continue.',
]


@pytest.mark.parametrize("note", MORE)
def test_a_note_that_there_is_more_is_no_text(note: str) -> None:
    assert trimmed(f"{ESSAY[400:].rstrip()}\n\n{note}", ESSAY[:400]) == ESSAY[400:].rstrip() + "\n"


@pytest.mark.parametrize(
    "line",
    [
        'Type "continue" to resume the program.',
        "Part 1 ends.\n\n*End of Part 2*",
        "Reply with “yes”, then.",
        "Feel free to take the stairs.",
        "Let me know what you think.",
        "If you need a lamp, light one.",
    ],
)
def test_what_a_guide_tells_its_reader_to_type_stays(line: str) -> None:
    assert trimmed(f"{ESSAY[400:].rstrip()}\n\n{line}", ESSAY[:400]).endswith(line)


@pytest.mark.parametrize(
    ("coded", "note"),
    [
        (json.dumps(CODE[AT:])[1:-1], "its line breaks are written as \\n"),
        (html.escape("x<y> & 'z' < \"b\"\n" + CODE[AT:] + "a < b > c\n"), "its marks are written as those of HTML"),
    ],
)
def test_a_reply_that_is_written_in_another_way_is_flagged(coded: str, note: str) -> None:
    """Nothing is changed in it; a seam at its end says what is strange."""
    left = CODE[:AT] + " < 3 and '<a>' != \"b\": # '"
    joined = stitch([left, coded])
    assert joined.raw_segments == (left, coded)
    assert joined.seams[-1].ambiguous
    assert joined.seams[-1].note == note
    assert joined.seams[-1].offset == len(joined.text)


def test_a_text_that_is_written_so_itself_is_not() -> None:
    for text in (json.dumps(CODE), html.escape(CODE + "<a> '<b>' <c>") * 2):
        for cut in (len(text) // 3, len(text) // 2):
            assert all(not seam.note.startswith("its ") for seam in stitch([text[:cut], text[cut:]]).seams)


TURNS = [
    "User: Thanks, that is all.\n\nAssistant: You're welcome!",
    "**User:** Thanks!",
    "### Instruction: Go on.\n\n### Response: That was all.",
    "用户：谢谢！",
    "Human:",
]


@pytest.mark.parametrize("turn", TURNS)
def test_the_next_turn_that_a_model_makes_up_is_no_text(turn: str) -> None:
    assert trimmed(f"{ESSAY[400:].rstrip()}\n\n{turn}", ESSAY[:400]) == ESSAY[400:].rstrip() + "\n"


@pytest.mark.parametrize("turn", TURNS)
def test_a_text_that_has_turns_keeps_them(turn: str) -> None:
    """A transcript, or a guide to prompts; and what is long is a text of its own."""
    left = f"{ESSAY[:400]}\n\nUser: How is it?\n\nAssistant: Fine.\n\n"
    assert trimmed(f"{ESSAY[400:].rstrip()}\n\n{turn}", left).endswith(turn)
    long = f"{turn}\n\n{ESSAY[400:1300].rstrip()}"
    assert trimmed(f"{ESSAY[400:].rstrip()}\n\n{long}", ESSAY[:400]).endswith(long)


@pytest.mark.parametrize("note", ["Shall I go further?", "Mam pisać dalej?", "Das war es.", "Anything to change?"])
def test_a_frame_of_rules_is_taken_off_whole(note: str) -> None:
    """What stands below the second rule, or nothing."""
    head, body = "Sure, picking up where I left off:\n\n---\n\n", ESSAY[400:].rstrip()
    assert trimmed(f"{head}{body}\n\n---\n\n{note}", ESSAY[:400]).rstrip() == body
    assert trimmed(f"{head}{body}\n\n---", ESSAY[:400]).rstrip() == body
    long = "It was written by somebody who had been there, and was printed in a small town in the north."
    assert trimmed(f"{head}{body}\n\n---\n\n{long}", ESSAY[:400]).endswith(long)
    ruled = f"{body[:900]}\n\n---\n\n{body[900:]}"
    assert trimmed(f"{head}{ruled}\n\n---\n\nThe second rule.", ESSAY[:400]).endswith("The second rule.")


@pytest.mark.parametrize(
    "note",
    [
        "[255 words in this part]",
        "（本部分约 300 字）",
        "*Disclaimer: this text was generated by an AI and may contain mistakes. Please verify it.*",
        "（以上内容由AI生成，仅供参考）",
    ],
)
def test_what_a_model_says_of_the_reply_is_no_text(note: str) -> None:
    body = ESSAY[400:].rstrip()
    assert trimmed(f"{body}\n\n{note}", ESSAY[:400]).rstrip() == body
    about = "\n\nSince AI came, each text has its word count; 300 words, or 约 300 字.\n\n"
    assert trimmed(f"{body}{about}{note}", ESSAY[:400]).endswith(note)


def test_a_note_in_brackets_on_the_last_line_is_no_text() -> None:
    body = ESSAY[400:].rstrip()
    for note in ("[continued in the next message]", "(suite dans le prochain message)"):
        assert trimmed(f"{body} {note}", ESSAY[:400]).rstrip() == body
    for note in ("(continued fractions)", "(continua)", "(continued)", "(To be continued)"):
        assert trimmed(f"{body} {note}", ESSAY[:400]).endswith(note)


@pytest.mark.parametrize("mark", ["```", "````"])
def test_a_fence_that_was_never_opened_is_no_text(mark: str) -> None:
    assert trimmed(f"{CODE[AT:].rstrip()}\n{mark}\n").rstrip() == CODE[AT:].rstrip()
    opened = f"{CODE[AT:].rstrip()}\n\n{mark}\nx = 1\n{mark}\n"
    assert trimmed(opened) == opened


def test_a_longer_fence_ends_where_one_as_long_stands() -> None:
    """In a fence of four marks stand blocks in fences of three."""
    text = "".join(
        f"## Part {n}\n\nSee below.\n\n```sh\nrun {n}\n```\n\nThat is all of it.\n\n" for n in range(9)
    ).rstrip()
    cut = text.index("all of it", len(text) // 2)
    assert trimmed(f"````markdown\n{text[cut:]}\n````", text[:cut]).rstrip() == text[cut:]


@pytest.mark.parametrize("token", ["[EOS]", "<end_of_turn>\n<start_of_turn>user"])
def test_tokens_of_other_templates_are_trimmed(token: str) -> None:
    assert trimmed(f"{ESSAY[400:].rstrip()}\n{token}", ESSAY[:400]).rstrip() == ESSAY[400:].rstrip()
