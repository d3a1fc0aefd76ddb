"""Lines that look like the lines before them."""

from __future__ import annotations

import pytest

from continuum import stitch
from continuum._core.stitch.shape import lines_of

TABLE = "| name | size | used |\n|---|---:|---|\n" + "".join(f"| part {i} | {i * 7} | yes |\n" for i in range(20))
POEM = "".join(f"白日依山{c}，\n黄河入海{c}。\n" for c in "甲乙丙丁戊己庚辛壬癸")


@pytest.mark.parametrize(
    ("text", "reply", "odd"),
    [
        (TABLE + "| part 20 | 140", " | no |\n", False),
        (TABLE + "| part 20 | 140", " | no |", False),  # the line has not ended
        (TABLE + "| part 20 | 140", "| part 20 | 140 | no |\n", True),
        (TABLE + "| part 20 | 140", " |\n| part 21 |", True),
        (TABLE, "\nAnd so on.\n", False),  # an empty line tells nothing
        (POEM + "更上", "一层楼，\n", False),
        (POEM + "更上", "更上（一层楼）！\n", True),
    ],
)
def test_a_line_that_looks_like_no_other_is_dear(text: str, reply: str, odd: bool) -> None:
    lines = lines_of(text)
    assert lines is not None
    assert (lines.cost(reply) > 3.0) is odd
    assert lines.cost(reply) > 0.0 or not odd


def test_the_more_lines_are_alike_the_dearer_is_another() -> None:
    few, many = lines_of("a, b\n" * 10 + "a"), lines_of("a, b\n" * 100 + "a")
    assert few is not None
    assert many is not None
    assert 0.0 < few.odd < many.odd


@pytest.mark.parametrize("text", ["", "a, b\n" * 3, "".join(f"line {'-' * i}\n" for i in range(40))])
def test_without_habits_nothing_is_odd(text: str) -> None:
    assert lines_of(text) is None


def test_windows_line_ends_look_like_others() -> None:
    lines = lines_of(TABLE.replace("\n", "\r\n") + "| part 20")
    assert lines is not None
    assert lines.cost(" | 140 | no |\n") == lines.cost(" | 140 | no |\r\n") == 0.0


def test_a_cell_that_is_said_twice_in_each_row_stays() -> None:
    rows = "".join(f"np.float64,0x{n:013x},0x{n:013x},1\n" for n in range(0x1CD1BA7A39A38, 0x1CD1BA7A39A38 + 30))
    cut = rows.rindex(",0x")
    assert stitch([rows[:cut], rows[cut:] + "np.float32,0x1,0x2,1\n"]).text == rows + "np.float32,0x1,0x2,1\n"


@pytest.mark.parametrize("left", ["| Tools | 900 | ", "| Tools | 900"])
def test_cells_that_are_equal_stay(left: str) -> None:
    """A short table in a text that is none has rows of as many cells."""
    text = "# Costs\n\nPer quarter:\n\n| What | Q1 | Q2 | Q3 |\n|---|---:|---:|---:|\n| Rent | 80 | 85 | 90 |\n"
    reply = "| Tools | 900 | 900 | 900 |\n\nThat is all.\n"[len(left) :]
    assert stitch([text + left, reply]).text == text + left + reply
    lines = lines_of(text + left)
    assert lines is not None
    assert lines.cost(reply) == 0.0 < lines.cost(reply[8:])
    assert lines_of(text + "| Tools | 900 |\n|") is None  # no two rows above it are alike


def test_a_record_that_lacks_its_middle_is_in_doubt() -> None:
    """It fits at the join, but the line looks like no other."""
    log = "".join(
        f"[Sun Dec 04 06:{i:02d} 2005] [notice] init() Found child 32{400 + 3 * i} in slot {i}\n" for i in range(40)
    )
    [seam] = stitch([log + "[Sun Dec 04 06:40", " in slot 4\n" + log[:300]]).seams
    assert seam.ambiguous or seam.kind == "gap"
    assert seam.confidence < 0.5


RULED = "Title\n=====\n\n" + "Some words about it.\n\n" + "Getting started\n---------------\n\nMore of it.\n\n"


@pytest.mark.parametrize(
    ("text", "reply", "odd"),
    [
        ("x\n" + "-" * 60 + "\ny\n" + "-" * 20, "-" * 40 + "\n", False),
        ("x\n" + "-" * 60 + "\ny\n" + "-" * 20, "-" * 60 + "\n", True),
        ("x\n" + "-" * 60 + "\ny\n" + "-" * 20, "-" * 40 + " y\n", True),
        ("x\n" + "-" * 60 + "\n" + "-" * 30 + " z\ny\n" + "-" * 20, "-" * 40 + " y\n", False),
        (RULED + "How it is used\n----", "-" * 10 + "\n", False),
        (RULED + "How it is used\n----", "-" * 14 + "\n", True),
        ("中文\n====\n\nIt has two columns.\n\n中文标题\n===", "=====\n", False),
        ("Some title\n===\n\nOther\n===\n\nThird title\n==", "==\n", False),  # rules of three marks, whatever the title
        ("First\n" + "=" * 30, "=" * 60 + "\n", True),  # no page is so wide
        ("First\n" + "=" * 30, "=" * 40 + "\n", False),
    ],
)
def test_a_rule_is_as_long_as_others_or_as_its_title(text: str, reply: str, odd: bool) -> None:
    lines = lines_of(text)
    assert (lines is not None and lines.cost(reply) > 3.0) is odd


@pytest.mark.parametrize(
    ("begun", "behind", "flagged"),
    [(25, 42, True), (25, 20, False), (30, 50, True), (30, 40, True), (23, 57, False)],
)
def test_a_rule_that_may_be_drawn_anew_is_flagged(begun: int, behind: int, flagged: bool) -> None:
    """The first of a text: it goes on, or was begun again."""
    left = "The lamp is lit at dusk, and put out at dawn.\n\n" * 9
    joined = stitch([left + "*" * begun, "*" * behind + "\n\nSo it was.\n"])
    assert joined.seams[0].ambiguous is flagged
    assert joined.text == left + "*" * (begun + behind) + "\n\nSo it was.\n"


@pytest.mark.parametrize("cut", [4, 9, 14])
def test_a_rule_that_is_drawn_anew_is_dropped_and_one_that_goes_on_is_not(cut: int) -> None:
    title, words = "How it is used\n", "\n\nIt is easy.\n"
    left = RULED + title + "-" * cut
    for size in (14, 14 - cut):
        assert stitch([left, "-" * size + words]).text == RULED + title + "-" * 14 + words
