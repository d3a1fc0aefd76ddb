"""A verified anchor settles the join."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum._core.stitch import Joiner, choose_anchor
from tests.core.stitch.strategies import cut

LEFT = (
    "The first keepers were paid in oil and bread. Their contracts say so, and so do the “ledgers” of the harbour. "
    "By the end of the century the *tower* had three lamps and one clock, which nobody wound."
)
NEW = " The fourth lamp came in 1823, with the first winter that the old men could not remember."


def joined(reply: str, *, left: str = LEFT, rest: int = 0) -> tuple[Joiner, str]:
    anchor = choose_anchor(left[: len(left) - rest])
    joiner = Joiner(left, rest=rest, anchor=anchor)
    out = joiner.feed(reply) + joiner.finish()
    assert joiner.join is not None
    return joiner, left[: len(left) - joiner.join.replaced] + out


ANCHOR = choose_anchor(LEFT) or ""


@pytest.mark.parametrize(
    "reply",
    [
        ANCHOR + NEW,
        f'"{ANCHOR}"{NEW}',
        f"<<<{ANCHOR}>>>{NEW}",
        f"```\n{ANCHOR}{NEW}",
        f"Sure, here is the continuation:\n\n{ANCHOR}{NEW}",
        f"You asked me to go on, and I shall do that gladly.\n\n{ANCHOR}{NEW}",
        LEFT[-len(ANCHOR) - 9 :] + NEW,
        ANCHOR.partition(" ")[2] + NEW,
        ANCHOR.upper() + NEW,
        ANCHOR.replace(" ", "  ", 2) + NEW,
        ANCHOR.replace("*", "") + NEW,
        LEFT + NEW,
    ],
)
def test_the_anchor_is_found_in_any_dress(reply: str) -> None:
    """With quotes, brackets, a fence or talk before it, a word early or late, with other white space, marks or case."""
    joiner, text = joined(reply)
    assert text == LEFT + NEW
    assert joiner.join is not None
    assert joiner.join.kind == "anchor"
    assert not joiner.join.ambiguous


def test_an_anchor_settles_periodic_text() -> None:
    """In a text of equal rows the anchor says where the reply goes on; nothing else could."""
    left = "| n | m |\n|---|---|\n" + "| 0 | 0 |\n" * 60
    anchor = left[-160:]
    joiner = Joiner(left, anchor=anchor)
    out = joiner.feed(anchor + "| 0 | 0 |\n" * 3 + "| 1 | 0 |\n") + joiner.finish()
    assert left + out == left + "| 0 | 0 |\n" * 3 + "| 1 | 0 |\n"


@given(st.integers(1, 60), st.sampled_from(["", '"', "Sure, going on:\n\n"]))
def test_the_anchor_holds_with_any_rest(rest: int, wrap: str) -> None:
    """Whatever part was set aside: a reply that goes on from the anchor with it gives the whole text."""
    shown = LEFT[: len(LEFT) - rest]
    anchor = choose_anchor(shown) or ""
    joiner = Joiner(LEFT, rest=rest, anchor=anchor)
    reply = wrap + anchor + ('"' if wrap == '"' else "") + LEFT[len(shown.rstrip()) :] + NEW
    out = joiner.feed(reply) + joiner.finish()
    assert joiner.join is not None
    assert LEFT[: len(LEFT) - joiner.join.replaced] + out == LEFT + NEW


def test_another_wording_takes_the_place_of_the_rest() -> None:
    """The unfinished clause gives way to the clause that the reply has instead, and the join says so."""
    rest = "By the end of the century the *tower* had three lamps and one clock, which nobody wound."
    joiner, text = joined(
        "so do the “ledgers” of the harbour. Later there were two keepers, and both were old.", rest=len(rest)
    )
    assert text == LEFT.replace(rest, "Later there were two keepers, and both were old.")
    assert joiner.join is not None
    assert joiner.join.replaced == len(rest)


def test_a_number_is_not_cut_short() -> None:
    """The rest "196" and the reply "1960" give 1960."""
    left = "It was built on the rock in the winter. The year was 196"
    _, text = joined(
        "It was built on the rock in the winter. The year was 1960, they say.", left=left, rest=len("The year was 196")
    )
    assert text == "It was built on the rock in the winter. The year was 1960, they say."


def test_a_missing_anchor_is_suspect() -> None:
    """Where an anchor was asked for and something unfitting came, the join is flagged."""
    rows = "".join(f"{i},{i * 7 % 13},{i * 5 % 11}\n" for i in range(200))
    joiner, text = joined(",5,6\n201,4,5\n202,11,10\n", left=rows)
    assert text == rows + ",5,6\n201,4,5\n202,11,10\n"
    assert joiner.join is not None
    assert joiner.join.kind == "gap"


@pytest.mark.parametrize("blank", ["", "\n", "  \n\n"])
@pytest.mark.parametrize("sizes", [[1], [7, 30], [4096]])
def test_a_reply_that_begins_with_the_anchor_is_joined_behind_it(blank: str, sizes: list[int]) -> None:
    """The normal case: white space before the anchor does not matter, and neither does the cut of the deltas."""
    joiner = Joiner(LEFT, anchor=ANCHOR)
    out = "".join(joiner.feed(piece) for piece in cut(blank + ANCHOR + NEW, sizes)) + joiner.finish()
    assert out == NEW
    assert joiner.join is not None
    assert joiner.join.confidence == 0.99


def test_a_later_equal_block_is_not_the_anchor() -> None:
    """Where the text says the anchor again and again, the reply may say it too: nothing before it is dropped."""
    block = "def reset(self):\n    self.count = 0\n    self.total = 0.0\n    return self\n\n"
    left = "".join(f"class Counter{i}:\n    limit = {i}\n\n{block}" for i in range(6))
    anchor = "self.count = 0\n    self.total = 0.0\n    return self"
    reply = f"class Counter6:\n    limit = 6\n\n{block}class Counter7:\n    limit = 7\n\n{block}"
    joiner = Joiner(left, anchor=anchor)
    out = joiner.feed(reply) + joiner.finish()
    assert left + out == left + reply


def test_an_anchor_over_lines_is_little_longer_than_it_must_be() -> None:
    """It starts with its line if that costs a dozen characters at most, else at the nearest word."""
    rows = "".join(f"row {i:03d}\n  oil and gas and coal\n  gas and oil and coal\n" for i in range(60))
    anchor = choose_anchor(rows)
    assert anchor is not None
    assert anchor.startswith("row 059\n")
    long = rows.replace("row ", "the row that is counted with the number ")
    anchor = choose_anchor(long)
    assert anchor is not None
    assert anchor.startswith("059\n")


_ROW = '  {{\n   "x": {0},\n   "y": 0,\n   "on": {1}\n  }},\n'
_GRID = "[\n" + "".join(_ROW.format(*((1, "true") if i // 12 % 2 else (0, "false"))) for i in range(24))
_LOG = "".join(
    f"[Sun Dec 04 06:{i}:40 2005] [error] mod_jk child workerEnv in error state {i % 9}\n" for i in range(10, 40)
)
_LAST = "[Sun Dec 04 06:40:40 2005] [error] mod_jk child workerEnv in error state 6\n"
_SQL = (
    "(cube, int4)\nRETURNS float8\nAS 'MODULE_PATHNAME'\nLANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;\n\n"
    "CREATE FUNCTION cube_coord"
)


@pytest.mark.parametrize(
    ("left", "again", "reply"),
    [
        # The same element over and over: behind brackets that were opened again stands no anchor, but an element.
        (
            _GRID + '  {\n   "x": 1,\n   "y',
            '[\n  {\n   "x": 1,\n   "y',
            "[\n" + _ROW.format(1, "true") * 5 + "  null\n]",
        ),
        # Lines that are alike: the last two of them are no surer sign of the anchor than the last one.
        (_LOG + _LAST + _LAST[:24], _LAST[:24], _LAST + _LAST.replace("6\n", "7\n") + "[Sun Dec 04 06:40:51 2005]\n"),
        # The reply begins in the middle of a line, and far behind the first word of the anchor.
        ("SELECT 1;\n\nCREATE FUNCTION cube_coord" + _SQL, "", _SQL + "_llur(cube, int4)\nRETURNS float8\n"),
    ],
)
def test_text_that_says_such_words_anyway_does_not_begin_with_the_anchor(left: str, again: str, reply: str) -> None:
    """What a text of records says again and again is no sign of where the reply goes on."""
    joiner = Joiner(left, anchor=left[-150:])
    out = joiner.feed(reply) + joiner.finish()
    assert left + out == left + reply[len(again) :]


def test_an_anchor_that_begins_with_white_space_is_recognised_at_once() -> None:
    """The indent of its first line counts while the first characters arrive."""
    indent = " " * 64
    left = f'{LEFT}\n\n{indent}"url": "https://ssm-sap-fips.{{Region}}.{{PartitionResult#dnsSuffix}}",\n{indent}"'
    anchor = left[-160:]
    assert anchor[:4].isspace()
    joiner = Joiner(left, anchor=anchor)
    out = "".join(joiner.feed(char) for char in anchor + 'properties": {}\n') + joiner.finish()
    assert out == 'properties": {}\n'
    assert joiner.join is not None
    assert joiner.join.confidence == 0.99
