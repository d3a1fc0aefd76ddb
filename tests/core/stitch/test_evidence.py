"""What speaks for a repeat with changes, for a lost blank, for an anchor: one example for each kind of evidence."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from continuum._core.stitch import stitch
from continuum._core.stitch.data import elements
from continuum._core.stitch.joiner import Joiner
from continuum._core.stitch.near import _ends
from continuum.testing import sample_documents

LOG = "".join(
    f"2026-03-03 12:{13 + n // 50}:{n % 50 + 10},{(n * 271) % 900 + 100} {('INFO', 'ERROR', 'WARNING')[n % 3]} "
    f"worker-{n % 4} {('queue empty, sleeping', 'finished job', 'retry scheduled for job')[n % 7 % 3]} "
    f"{1000 + n * 7 % 90}\n"
    for n in range(120)
)
RECORDS = "[\n" + ",\n".join(
    f'  {{\n    "id": {n},\n    "name": "{name}",\n    "tags": [\n      "{name[:2]}",\n      "{name[-2:]}"\n    ]\n  }}'
    for n, name in enumerate(sorted({w.strip(".,;:!?\"'") for w in sample_documents()["essay"].split()} - {""}))
) + "\n]\n"  # fmt: skip
FIGURES = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
BASE64 = "".join("".join(FIGURES[(n * n * 31 + i * i * 7 + i * 13) % 64] for i in range(64)) + "\n" for n in range(40))
DUMP = "".join(
    f"{16 * n:08x}: " + " ".join(f"{(n * 40503 + i * 9973) % 65536:04x}" for i in range(8)) + "\n" for n in range(60)
)
ESSAY = sample_documents()["essay"]


def joined(left: str, reply: str, anchor: str | None = None, rest: int = 0) -> str:
    joiner = Joiner(left, anchor=anchor, rest=rest)
    new = joiner.feed(reply) + joiner.finish()
    assert joiner.join is not None
    return left[: len(left) - joiner.join.replaced] + new


# ------------------------------------------------------------------------------------- repeats with changes


def distance(a: str, b: str) -> int:
    """The number of edits between two texts, in the way that everybody knows."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


@settings(max_examples=300, deadline=None)
@given(st.text("abc", min_size=1, max_size=30), st.text("abc", max_size=40))
def test_the_end_of_a_repeat_is_where_the_fewest_edits_lie_between(last: str, head: str) -> None:
    """The ends that are found have the distance they are said to have, and no prefix has a smaller one."""
    distances = [distance(last, head[:end]) for end in range(len(head) + 1)]
    found = _ends(last, head)
    assert found[0][1] == min(distances)
    assert all(cost == distances[end] for end, cost in found)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("climbed the stair", "climbed stair"),
        ("the oil had run dry", "the oil run dry"),
        ("He went down", "He had went down"),
        ("a new barrel of", "a old barrel of"),
    ],
    ids=["dropped", "dropped near the end", "added", "another word"],
)
def test_a_passage_said_again_with_another_word_is_dropped(old: str, new: str) -> None:
    """Wherever the word stands, also a few characters before the end of the text."""
    passage = (
        "The keeper climbed the stair with the lamp in his hand, and saw that the oil had run dry. He went down to the "
        "village for a new barrel of "
    )
    left, rest = ESSAY[:1500] + "\n\n" + passage, "it, and the boat came back at dusk with two barrels and a letter."
    assert joined(left, passage.replace(old, new) + rest) == left + rest


def test_a_line_of_a_log_with_a_slip_is_said_again() -> None:
    """Only a number differs, but the others are those of no other line."""
    cut = LOG.index("\n", 5000) + 1
    left, line = LOG[: cut + 20], LOG.rindex("\n", 0, cut - 200) + 1
    reply = LOG[line:].replace("2026-03-03", "2026-3-03", 1)
    assert joined(left, reply) == LOG


def test_the_next_lines_of_a_log_are_text() -> None:
    """They differ from the last ones in their numbers."""
    cut = LOG.index("\n", 5000) + 1
    assert joined(LOG[:cut], LOG[cut:]) == LOG


def test_a_long_restart_in_other_white_space_is_followed_to_its_end() -> None:
    """The places that many records share say little, those that one has say much."""
    cut = RECORDS.index('"tags"', 5200)
    reply = "\n".join(line.strip() for line in RECORDS[:cut].split("\n")).rstrip() + " " + RECORDS[cut:]
    assert joined(RECORDS[:cut], reply) == RECORDS


def test_a_restart_with_changes_is_seen_however_long_the_text() -> None:
    """Its beginning stands far before the end that the normal form shows at first."""
    choose, words = Random(1), sorted({word.strip(".,;:!?\"'") for word in ESSAY.split()} - {""})
    text = "\n\n".join(" ".join(choose.sample(words, 9)).capitalize() + "." for _ in range(220))
    cut = 11_000
    again = text[:cut].replace(" the ", " **the** ").replace(" of ", " *of* ").replace(words[9], f"`{words[9]}`")
    assert again != text[:cut]
    assert joined(text[:cut], again + text[cut : cut + 600]) == text[: cut + 600]


def test_a_text_that_does_not_repeat_itself_proves_a_repeat_from_mid_word_on() -> None:
    """No model is known to begin there, and still: so many characters are no chance."""
    for cut, size in ((2065, 191), (1460, 41), (900, 77)):
        assert joined(ESSAY[:cut], ESSAY[cut - size :]) == ESSAY


# ------------------------------------------------------------------------------------- structure


def test_elements_are_counted_at_their_own_depth() -> None:
    """Marks in strings and inner brackets end no element."""
    assert elements('{"a": [1, 2, {"b": "},{"}]}, {"a": [') == 1
    assert elements('{"a": {"b": {}, "c": [[], []]}') == 0
    assert elements('"x, y", ' * 20) == 8


def test_an_element_that_is_begun_again_in_its_brackets_is_dropped_however_long_it_is() -> None:
    """The array is opened again, and the element that was cut said from its beginning."""
    inner = ",\n".join(f'    {{"step": {n}, "text": "{ESSAY[40 * n : 40 * n + 35]!r}"}}' for n in range(30))
    text = f'[\n  {{"id": 1, "steps": []}},\n  {{"id": 2, "steps": [\n{inner}\n  ]}},\n  {{"id": 3, "steps": []}}\n]\n'
    element, cut = text.index('{"id": 2'), text.index('{"step": 25') + 20
    assert joined(text[:cut], "[\n  " + text[element:]) == text


def test_behind_the_head_of_a_table_stands_a_row() -> None:
    """Said again after the head: the row that was cut, and not some cells of it."""
    head = "| a | b | c | d |\n|---|---|---|---|\n"
    rows = "".join(f"| {n % 3 // 2} | 0 | 0 | {n % 5 // 4} |\n" for n in range(30))
    cut = len(head) + 18 * 12 + 10
    text = "Counts of each kind.\n\n" + head + rows
    cut += len("Counts of each kind.\n\n")
    row = text.rindex("\n", 0, cut) + 1
    seam = stitch([text[:cut], head + text[row:]]).seams[0]
    assert seam.removed.startswith(head)
    assert seam.overlap in (0, cut - row)


def test_an_empty_line_behind_the_last_words_quoted_is_no_text() -> None:
    """What follows it begins with its own blank."""
    cut = ESSAY.index(" ", 1200)
    tail = " ".join(ESSAY[:cut].split()[-5:])
    assert joined(ESSAY[:cut], f'"...{tail}"\n\n' + ESSAY[cut:]) == ESSAY


# ------------------------------------------------------------------------------------- lost blanks


def test_a_full_line_of_many_equal_ones_ends_with_a_line_break() -> None:
    """Base64 of 64 characters a line: the break between two lines was lost."""
    cut = 65 * 20 + 64
    assert joined(BASE64[:cut], BASE64[cut + 1 :]) == BASE64
    assert joined(BASE64[: cut - 30], BASE64[cut - 30 :]) == BASE64


def test_columns_that_all_agree_have_a_blank() -> None:
    """A dump of words of four figures: the blank between two of them was lost."""
    cut = DUMP.index("\n", 1500) + 1 + 10 + 14
    assert DUMP[cut] == " "
    assert joined(DUMP[:cut], DUMP[cut + 1 :]) == DUMP


# ------------------------------------------------------------------------------------- anchors and the rest


def test_a_part_of_the_anchor_that_begins_anywhere_is_not_taken_for_it() -> None:
    """In a log the end of the last line is said in every line: a reply that did not obey goes on as it likes."""
    cut = LOG.index("worker", 5000)
    anchor = LOG[cut - 160 : cut]
    assert joined(LOG[:cut], LOG[cut:], anchor) == LOG
    assert joined(LOG[:cut], LOG[cut - 160 :], anchor) == LOG
    late = LOG.index("\n", cut - 160) + 1
    assert joined(LOG[:cut], LOG[late:], anchor) == LOG


def test_the_fence_before_lines_that_are_said_in_front_of_the_anchor_is_closed() -> None:
    """The reply wraps itself and begins a line early: its closing fence is not part of the text."""
    code = "".join(f"def step_{n}(lamp):\n    lamp.turn({n * 7})\n    return lamp.light + {n}\n\n\n" for n in range(30))
    cut = code.index("return", 900)
    anchor = code[code.rindex("\n", 0, cut - 10) + 1 : cut].rstrip()
    begin = code.index("def step", cut - 60)
    assert joined(code[:cut], "```python\n" + code[begin:] + "```", anchor) == code


def test_a_reading_behind_which_the_unfinished_rest_follows_is_the_right_one() -> None:
    """Two rows are equal. The reply that begins inside the first says the row that was cut again."""
    head = "| day | high | low | hours |\n| --- | --- | --- | --- |\n"
    rows = ["| Mon | 05:10 | 11:20 | 6 |\n", *["| Tue | calm | calm | 0 |\n"] * 3, "| Wed | 06:45 | 13:05 | 7 |\n"]
    text = "# Tides\n\n" + head + "".join(rows) + "| Thu | 07:30 | 14:00 | 5 |\n"
    shown = text.index("| Wed")
    cut = shown + len("| Wed | 06")
    reply = text[shown - 45 :]
    assert joined(text[:cut], reply, rest=cut - shown) == text


def test_white_space_that_was_said_in_another_dress_behind_the_anchor_is_said_once() -> None:
    """Blanks at the end of a line, where the text has a line break alone."""
    text = "".join(f"The {w} of the lamp is number {n}.\n" for n, w in enumerate(ESSAY.split()[:80]))
    cut = text.index("\n", 1200) + 1
    anchor = text[text.rindex("\n", 0, cut - 1) + 1 : cut]
    assert joined(text[:cut], anchor.rstrip() + "  \n" + text[cut:], anchor) == text
