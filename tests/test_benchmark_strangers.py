"""The behaviours of people who had not seen the rules: each finds its place, and most of them stay unknown."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from benchmarks.stitch import __main__ as command
from benchmarks.stitch import cases, documents, peers, report, score
from benchmarks.stitch.cases import Case
from benchmarks.stitch.score import Outcome
from benchmarks.stitch.strangers import PARTS

if TYPE_CHECKING:
    from pathlib import Path

NAMES = {part: set(found) for part, found in PARTS.items()}
LAMPS = "".join(f"The lamp number {n} burned for {n * 7} nights beside the harbour wall.\n" for n in range(60))


def made(part: str, seed: int = 3) -> list[Case]:
    """Cases of each behaviour, some of which hardly find a place."""
    return cases.generate(documents.standard(), seed, 3, behaviours=PARTS[part], loose=True)


@pytest.mark.parametrize("part", PARTS)
def test_every_behaviour_finds_its_place(part: str) -> None:
    """The built-in documents have room for all of them; a reply is never empty, and the document is what is right."""
    found = made(part)
    assert [*dict.fromkeys(case.behaviour for case in found)] == [*PARTS[part]]
    assert found == made(part)
    assert found != made(part, 4)
    for case in found:
        plan = case.plan
        assert plan is not None
        assert plan.behaviours is PARTS[part]  # some names are in the main set, too
        if case.expect == "exact":
            assert case.gold == plan.document.text[: plan.end]
        assert case.gold.startswith(case.chunks[0])
        assert case.chunks[1]
        assert case.loose
        assert case.expect in ("exact", "nothing_new")
        if case.behaviour.startswith("exact_"):
            assert "".join(case.chunks) == case.gold


def test_the_parts_have_nothing_in_common() -> None:
    """What is known of one says nothing of another."""
    assert {part: len(names) for part, names in NAMES.items()} == {"known": 109, "unknown": 114, "unseen": 59}
    assert not NAMES["known"] & (NAMES["unknown"] | NAMES["unseen"])


def test_white_space_at_the_end_does_not_count() -> None:
    """In this set; everywhere else it does."""
    loose, strict = (Case("1", "signoff", ("ab", "cd\n\nBye!"), "abcd\n", loose=loose) for loose in (True, False))
    for text, right in [("abcd\n", 1), ("abcd", 1), ("abcd\n\n", 1), ("abc d\n", 0), ("\nabcd", 0)]:
        assert score.judged(loose, Outcome(text)).right == right
        assert score.judged(strict, Outcome(text)).right == (text == "abcd\n")


def test_the_command_prints_all_parts_and_the_failures_of_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row for each stitcher; of what nobody is to know nothing but sums, neither printed nor written."""
    path = tmp_path / "figures.json"
    arguments = ["--strangers", "-n", "1", "--by", "behaviour", "--failures", "999", "--json", str(path)]
    command.main(arguments)
    out = capsys.readouterr().out
    sums = {name: int(number) for number, name in re.findall(r"(\d+) cases of \1 behaviours \((\w+)\)", out)}
    assert [*sums] == [*PARTS]
    assert all(0.95 * len(NAMES[part]) <= count <= len(NAMES[part]) for part, count in sums.items())
    table = [line.split(" | ") for line in out.splitlines() if line.startswith("| ")]
    assert [row[0].removeprefix("| ") for row in table[2:18]] == [report.CONTINUUM, *peers.PEERS]
    assert {len(row) for row in table[:18]} == {7}
    figures = json.loads(path.read_text(encoding="utf-8"))["strangers"]
    for part in ("unknown", "unseen"):
        plain = figures["rows"][part]["plain concatenation"]
        assert plain["all"]["right"] + plain["all"]["unflagged"] == sums[part]
    for text in (out, path.read_text(encoding="utf-8")):
        assert any(name in text for name in NAMES["known"])
        assert not any(name in text for name in (NAMES["unknown"] | NAMES["unseen"]) - NAMES["known"])
    assert out.count("    right ") == sums["known"] - figures["rows"]["known"][report.CONTINUUM]["all"]["right"]


def test_the_command_takes_your_own_documents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As many behaviours as fit them."""
    (tmp_path / "lamps.txt").write_text(LAMPS, encoding="utf-8")
    command.main(["--strangers", "--corpus", str(tmp_path), "-n", "1", "--no-peers", "--seed", "5"])
    out = capsys.readouterr().out
    assert "1 documents (digest " in out
    assert report.CONTINUUM in out
    assert "plain concatenation" not in out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--cases", "a"], "leave --cases and --recordings out"),
        (["--recordings"], "leave --cases and --recordings out"),
        (["--readme"], "leave the other options out"),
    ],
)
def test_what_does_not_go_together_is_said(more: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The set makes its own cases, and the README shows the other one."""
    with pytest.raises(SystemExit):
        command.main(["--strangers", *more])
    assert message in capsys.readouterr().err
