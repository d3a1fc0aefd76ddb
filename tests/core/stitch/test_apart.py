"""Lines, marks and tags before the text that are no part of it, whatever they say."""

from __future__ import annotations

import pytest

from continuum._core.stitch import Joiner, stitch
from continuum.testing import sample_documents

ESSAY = sample_documents()["essay"]
CUTS = [ESSAY.index("tower", 1500) + 3, ESSAY.index("They went out in") + 13]
HEADINGS = [
    "## Continued\n\n",
    "# Fortsetzung\n\n",
    "**Teil 2 von 3**\n\n",
    "(2/2)\n\n",
    "Assistant reply\n\n",
    "Section two of the essay\n",
    "---\n\n**(continued)**\n\n",
    "**Part 2**\n\n---\n\n",
    "Here is the plan:\n1. Look at where it stopped.\n2. Write the rest.\n\n",
    "Please go on with the text exactly where it stopped, without a word twice.\n\n",
    "assistant\n\n",
    "**Bot:**\n\n",
    "continue\n\n",
    "> weiter\n\n",
]
LIST = "# Tools\n\n1. The hammer drives nails into wood.\n2. The saw cuts boards to their length.\n3. The plane makes"
REST = " edges smooth.\n4. The file takes off what is left.\n"


def joined(left: str, reply: str) -> str:
    return stitch([left, reply]).text


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("line", HEADINGS)
def test_a_line_of_whatever_kind_where_a_sentence_has_to_go_on(line: str, cut: int) -> None:
    assert joined(ESSAY[:cut], line + ESSAY[cut:]) == ESSAY


@pytest.mark.parametrize(
    ("left", "reply"),
    [
        ("The text is short, and then it says: ", "NOTE\n\nwell, what does it say?"),
        ("total = compute(", "Rate(12),\n    rates)\n"),
        ("Freude, schöner Götterfunken,\nTochter aus Elysium,\nin einem Gedicht über die ", "Freude\nund mehr.\n"),
        ("I met a traveller from an antique land,\nWho said: Near them, on the", " Sand of Time\nhalf sunk.\n"),
        ("He works in the city of ", "New York\n\nand likes it.\n"),
        ("The method is called get", "Value(x)\n\nand returns a number.\n"),
        ("roses are red\nviolets are blue\nsugar is sweet", "[Chorus]\n and so are you\n"),
        ("a,b\nOslo,12\nRome,3\nParis,", "2\nBonn,4\nRome,7\n"),
        ('{"names": [\n  "first',  '",\n  "second",\n  "third"\n]}\n'),
    ],
)  # fmt: skip
def test_a_line_that_may_go_on_with_the_text_stays(left: str, reply: str) -> None:
    """Or is flagged, where there is little text to tell how its lines begin."""
    found = stitch([left, reply])
    assert found.text == left + reply or found.seams[0].ambiguous


def test_a_line_that_ends_like_those_of_the_text_is_one_of_them() -> None:
    """Records that say the same words again and again."""
    people = [("Ida Holm", "Turku"), ("Lee Park", "Busan")]
    rows = [
        f"{name},{town},{what},{n}\n"
        for n, (name, town) in enumerate(people)
        for what in ("price", "service", "delivery")
    ]
    text = "name,town,what,grade\n" + "".join(rows) * 3
    for at in range(len(text) // 2, len(text) - 40):
        if text[at - 1] == ",":
            assert joined(text[:at], text[at:]) == text


@pytest.mark.parametrize("rule", ["---\n\n", "***\n", "___\n\n"])
@pytest.mark.parametrize("cut", CUTS)
def test_a_rule_in_the_middle_of_a_line_is_no_text(rule: str, cut: int) -> None:
    assert joined(ESSAY[:cut], rule + ESSAY[cut:]) == ESSAY


@pytest.mark.parametrize(
    ("left", "reply"),
    [
        ("Chapter Two", "\n-----------\n\nThe ship came.\n"),
        ("| a | b |\n| --", "- | --- |\n| 1 | 2 |\n"),
        ("## Two\n\nThe end.\n\n", "---\n\n## Three\n"),
    ],
)
def test_a_rule_below_a_line_or_in_a_table_stays(left: str, reply: str) -> None:
    assert joined(left, reply) == left + reply


@pytest.mark.parametrize("marker", ["- ", "* ", "• ", "1. ", "7) "])
def test_a_list_item_that_is_begun_again_behind_another_marker(marker: str) -> None:
    """Its number or mark stays as it was."""
    assert joined(LIST, f"{marker}The plane makes{REST}") == LIST + REST
    bullets = LIST.replace("1.", "-").replace("2.", "-").replace("3.", "-")
    assert joined(bullets, f"{marker}The plane makes{REST}") == bullets + REST


def test_the_next_item_of_a_list_stays() -> None:
    """Items that begin with the same words, each with a number of its own."""
    text = "".join(f"{n}. The step with the number {n} is done by hand.\n" for n in range(1, 9))
    for at in range(text.index("5. "), text.index("6. ")):
        assert joined(text[:at], text[at:]) == text


@pytest.mark.parametrize("mark", ["\ufeff", "\u200b", "\u2060\u200b"])
def test_marks_that_nobody_sees_are_no_text(mark: str) -> None:
    """Unless the text has such marks itself."""
    cut = CUTS[0]
    assert joined(ESSAY[:cut], mark + ESSAY[cut:]) == ESSAY
    own = ESSAY.replace("tower", f"to{mark}wer")
    cut = own.index(mark, 900)
    assert joined(own[:cut], own[cut:]) == own


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ("<rest>", "</rest>"),
        ("<remaining_text>\n", "\n</remaining_text>"),
        ("<lighthouse_essay>\n", "</lighthouse_essay>"),
    ],
)
def test_tags_around_the_reply_are_no_text(opening: str, closing: str, cut: int) -> None:
    joined = stitch([ESSAY[:cut], opening + ESSAY[cut:] + closing])
    assert joined.text.rstrip() == ESSAY.rstrip()
    assert joined.raw_segments == (ESSAY[:cut], opening + ESSAY[cut:] + closing)


def test_talk_on_the_line_of_the_text_may_end_with_its_blank_or_have_one_of_the_text_behind_it() -> None:
    left, rest = ESSAY[: ESSAY.index(" They went out in")], ESSAY[ESSAY.index(" They went out in") :]
    for blank in ("", " "):
        assert joined(left, f"Sure, continuing from there:{blank}{rest}") == ESSAY


def test_the_same_is_decided_whatever_the_deltas() -> None:
    for head in (*HEADINGS, "---\n\n", "\ufeff", "<rest>"):
        cut = CUTS[0]
        reply = head + ESSAY[cut : cut + 700]
        whole, bits = Joiner(ESSAY[:cut]), Joiner(ESSAY[:cut])
        assert whole.feed(reply) + whole.finish() == "".join(map(bits.feed, reply)) + bits.finish()
        assert whole.join == bits.join


@pytest.mark.parametrize("line", [*HEADINGS[6:7], "assistant\n\n", "## Rest\n\n"])
def test_a_blank_that_no_line_of_code_begins_with_goes_on_with_the_line(line: str) -> None:
    code = "".join(
        f"def step_{n}(items):\n    kept = [item for item in items]\n\n    return kept, {n}\n\n\n" for n in range(9)
    )
    at = code.index(" kept, 5")
    assert joined(code[:at], line + code[at:]) == code


def test_a_word_of_code_that_is_also_asked_for_stays() -> None:
    code = "for n in range(3):\n    if n == 1:\n        "
    for reply in ("continue\n\n    print(n)\n", "continue\n    print(n)\n"):
        assert joined(code, reply) == code + reply


REMARKS = [
    "\n\n(Sorry, that stands there already. Going on:)\n\n",
    "\n\nWait, this is written down above.\n\n",
    "... (said before)\n\n",
    "\n\n[the repeated part ends here]\n\n",
]


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("remark", REMARKS)
def test_a_remark_behind_a_repeat_is_no_text(remark: str, cut: int) -> None:
    start = ESSAY.rindex("\n", 0, cut) + 1
    reply = ESSAY[start:cut] + remark + ESSAY[cut:]
    assert joined(ESSAY[:cut], reply) == ESSAY
    joiner = Joiner(ESSAY[:cut])
    assert ESSAY[:cut] + "".join(map(joiner.feed, reply)) + joiner.finish() == ESSAY


def test_the_next_line_behind_a_repeat_stays() -> None:
    """Where the line that was said again ends, and the next begins like any other."""
    text = "".join(f"Step {n} of the list is done by hand\nand checked by somebody else\n" for n in range(30, 60))
    cut = text.index("Step 50") + 20
    start = text.rindex("\n", 0, cut) + 1
    assert joined(text[:cut], text[start:]) == text


def test_a_line_apart_within_the_rule_of_a_table() -> None:
    """Marks have to go on as well as words."""
    rule = "+----------------------+----------------------+\n"
    rows = "".join(f"| the name of lamp {n:02} | the place of it {n:02}   |\n{rule}" for n in range(12))
    text = f"{rule}{rows}"
    cut = text.rindex(rule) + 9
    assert joined(text[:cut], f"**Rows**\n\n{text[cut:]}") == text
