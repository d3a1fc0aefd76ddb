"""The behaviours of somebody who had not seen the rules: each finds its place, and half of them stay unknown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from benchmarks.stitch import __main__ as command
from benchmarks.stitch import cases, documents, peers, report, score
from benchmarks.stitch.cases import Case
from benchmarks.stitch.score import Outcome
from benchmarks.stitch.strangers import HALVES

if TYPE_CHECKING:
    from pathlib import Path

NAMES = {half: set(found) for half, found in HALVES.items()}
LAMPS = "".join(f"The lamp number {n} burned for {n * 7} nights beside the harbour wall.\n" for n in range(60))


def made(half: str, seed: int = 3) -> list[Case]:
    """A case of each behaviour."""
    return cases.generate(documents.standard(), seed, 1, behaviours=HALVES[half], loose=True)


@pytest.mark.parametrize("half", HALVES)
def test_every_behaviour_finds_its_place(half: str) -> None:
    """The built-in documents have room for all of them; a reply is never empty, and the document is what is right."""
    found = made(half)
    assert [case.behaviour for case in found] == list(HALVES[half])
    assert found == made(half)
    assert found != made(half, 4)
    for case in found:
        plan = case.plan
        assert plan is not None
        assert plan.behaviours is HALVES[half]  # some names are in the main set, too
        assert case.gold == plan.document.text[: plan.end]
        assert case.gold.startswith(case.chunks[0])
        assert case.chunks[1]
        assert (case.expect, case.loose) == ("exact", True)
        if case.behaviour.startswith("exact_"):
            assert "".join(case.chunks) == case.gold


def test_the_halves_have_nothing_in_common() -> None:
    """What is known of one says nothing of the other."""
    assert {half: len(names) for half, names in NAMES.items()} == {"known": 48, "unknown": 52}
    assert not NAMES["known"] & NAMES["unknown"]


def test_white_space_at_the_end_does_not_count() -> None:
    """In this set; everywhere else it does."""
    loose, strict = (Case("1", "signoff", ("ab", "cd\n\nBye!"), "abcd\n", loose=loose) for loose in (True, False))
    for text, right in [("abcd\n", 1), ("abcd", 1), ("abcd\n\n", 1), ("abc d\n", 0), ("\nabcd", 0)]:
        assert score.judged(loose, Outcome(text)).right == right
        assert score.judged(strict, Outcome(text)).right == (text == "abcd\n")


def test_the_command_prints_both_halves_and_the_failures_of_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row for each stitcher; of the unknown half nothing but sums, neither printed nor written."""
    path = tmp_path / "figures.json"
    arguments = ["--strangers", "-n", "1", "--by", "behaviour", "--failures", "999", "--json", str(path)]
    command.main(arguments)
    out = capsys.readouterr().out
    assert "48 cases of 48 behaviours (known), 52 cases of 52 behaviours (unknown), 16 documents (digest " in out
    table = [line.split(" | ") for line in out.splitlines() if line.startswith("| ")]
    assert [row[0].removeprefix("| ") for row in table[2:18]] == [report.CONTINUUM, *peers.PEERS]
    assert {len(row) for row in table[:18]} == {5}
    figures = json.loads(path.read_text(encoding="utf-8"))["strangers"]
    plain = figures["rows"]["unknown"]["plain concatenation"]
    assert plain["all"]["right"] + plain["all"]["unflagged"] == 52
    for text in (out, path.read_text(encoding="utf-8")):
        assert any(name in text for name in NAMES["known"])
        assert not any(name in text for name in NAMES["unknown"])
    assert out.count("    right ") == 48 - figures["rows"]["known"][report.CONTINUUM]["all"]["right"]


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
