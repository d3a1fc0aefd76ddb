"""The benchmark of joins: what it reads, what it counts, what it prints, and that the README shows just that."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.stitch import __main__ as command
from benchmarks.stitch import (
    behaviours,
    cases,
    documents,
    exact,
    fit,
    local,
    mix,
    peers,
    protocol,
    real,
    recordings,
    report,
    score,
    timing,
)
from benchmarks.stitch.cases import Case
from benchmarks.stitch.score import Outcome, Row, Scores
from continuum._core.stitch import prior, readings, stitch
from continuum._core.stitch.before import Before
from continuum.testing import SimulatedProvider, sample_documents

PROSE = "".join(f"The lamp number {n} burned for {n * 7} nights beside the harbour wall.\n" for n in range(60))
TABLE = "# Lamps\n\n| lamp | nights |\n| --- | --- |\n" + "".join(f"| lamp {n} | {n * 7} |\n" for n in range(90))


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder with two documents, and three files that are none."""
    folder = tmp_path / "corpus"
    (folder / "deep").mkdir(parents=True)
    (folder / "lamps.txt").write_text(PROSE, encoding="utf-8")
    (folder / "deep" / "table.md").write_text(TABLE, encoding="utf-8")
    (folder / "short.txt").write_text("too short", encoding="utf-8")
    (folder / "latin.txt").write_bytes(b"caf\xe9 " * 400)
    (folder / "picture.png").write_bytes(b"\x89PNG" * 400)
    return folder


def rows_of(count: int = 3) -> list[dict[str, Any]]:
    """Ready-made cases, as a file holds them."""
    left, rest = PROSE[:500], PROSE[500:900]
    found: list[dict[str, Any]] = []
    for n in range(count):
        found += [
            {"id": f"exact-{n}", "behaviour": "exact", "chunks": [left, rest], "gold": PROSE[:900], "kind": "prose"},
            {"id": f"gap-{n}", "behaviour": "gap", "chunks": [left, rest[60:]], "gold": PROSE[:900], "expect": "gap"},
            {"id": f"twice-{n}", "behaviour": "overlap",
             "chunks": [left, left[-80:] + rest, rest[-70:] + PROSE[900:990]], "gold": PROSE[:990],
             "anchors": [left[-80:], ""], "more": 1},
        ]  # fmt: skip
    return found


def lines_of(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


# ------------------------------------------------------------------------------------------------- peers


@pytest.mark.parametrize(
    ("name", "left", "right", "joined"),
    [
        ("plain concatenation", "the end", "the end of it", "the endthe end of it"),
        ("lexilux", "the end", "the end of it", "the endthe end of it"),
        ("longest exact overlap", "the end", "the end of it", "the end of it"),
        ("longest exact overlap", "0, 0, ", "0, 0, 1", "0, 0, 1"),
        ("exact overlap of 16 or more", "the end", "the end of it", "the endthe end of it"),
        ("exact overlap of 16 or more", "and so", "and so on", "and soand so on"),
        ("exact overlap of 16 or more", PROSE[:50], PROSE[30:90], PROSE[:90]),
        ("L0", "1000", "0001", "10001"),
        ("L0", "one a", "a two", "one aa two"),
        ("L0", "x" * 600, "x" * 600 + "y", "x" * 700 + "y"),
        ("jp", "the end", "the end of it", "the end of it"),
        ("jp", "ab", "ab c", "abab c"),
        ("unsloth Studio", PROSE[:100], PROSE[:150], PROSE[:150]),
        ("unsloth Studio", PROSE[:100], PROSE[90:150], PROSE[:100] + PROSE[90:150]),
        ("summarize", PROSE[:100], PROSE[:95] + "and other nights", PROSE[:95] + "and other nights"),
        ("summarize", PROSE[:100], PROSE[90:150], PROSE[:150]),
        ("qwen-code", "say abcde", "abcde f", "say abcdeabcde f"),  # five bytes
        ("qwen-code", "say abcdef", "abcdef g", "say abcdef g"),
        ("qwen-code", "x\n# A", "\n# A b", "x\n# A b"),  # four bytes with a mark
        ("qwen-code", "好的", "好的吗", "好的好的吗"),  # six bytes, but two characters
        ("qwen-code", "| head | a |\n| one |\n", "| head | a |\n| 3 |", "| head | a |\n| one |\n3 |"),  # loses a bar
        ("qwen-code", "head and row\none\n", "head and row\n3", "head and row\none\nhead and row\n3"),  # no block
        ("Vercel continueSteps", "one ", " two", "one two"),
        ("Vercel continueSteps", "def f():\n", "    return 1", "def f():\nreturn 1"),  # the indent is lost
        ("difflib merge", f"A {PROSE[:60]} B", f"C {PROSE[:60]} D", f"A {PROSE[:60]} D"),
        ("difflib merge", "one two", "two three", "one twotwo three"),
        ("HF Whisper LCS", "a b c d e f", " d e f g h", "a b c d e f g h"),
        ("NeMo merge", "a b c d e f", " d e f g h", "a b c d e f g h"),
        ("NeMo merge", "and the lamp", " or the keeper", "and the lamp keeper"),  # one word is enough
        ("rapidfuzz alignment", PROSE[:300], PROSE[90:190] + "," + PROSE[190:600], PROSE[:600]),
        ("rapidfuzz alignment", PROSE[:300], TABLE[:400], PROSE[:300] + TABLE[:400]),
        ("edlib alignment", PROSE[:300], PROSE[90:190] + "," + PROSE[190:600], PROSE[:600]),
        ("edlib alignment", PROSE[:300], TABLE[:400], PROSE[:300] + TABLE[:400]),
        ("edlib alignment", "".join(map(chr, range(0x4E00, 0x4F50))), "".join(map(chr, range(0x4E88, 0x5100))),
         "".join(map(chr, range(0x4E00, 0x4F50))) + "".join(map(chr, range(0x4E88, 0x5100)))),  # too many characters
    ],
)  # fmt: skip
def test_a_peer_joins_as_it_is_described(name: str, left: str, right: str, joined: str) -> None:
    """Its strength and its weakness, each in an example."""
    assert peers.PEERS[name].join(left, right) == joined


@pytest.mark.parametrize("name", peers.PEERS)
def test_a_peer_takes_any_text(name: str) -> None:
    """Nothing, blanks, one character, and long periodic text raise nothing and lose no type."""
    for left, right in [("", ""), ("", "a"), ("a", ""), (" ", " "), ("ab" * 3000, "ab" * 3000), ("\ud800", "\udc00")]:
        assert isinstance(peers.PEERS[name].join(left, right), str)


def test_every_peer_says_where_it_comes_from() -> None:
    """A row without a source is hearsay."""
    for name, peer in peers.PEERS.items():
        assert len((peer.join.__doc__ or "").strip()) > 40, name


def test_vercel_shows_the_model_less() -> None:
    """The text ends at its last white space; without any it stays."""
    assert peers.cut_back("one two thr") == "one two "
    assert peers.cut_back("one two ") == "one two "
    assert peers.cut_back("单独一行没有空格") == "单独一行没有空格"
    doc = documents.Document("lamps", "prose", PROSE)
    cut = PROSE.index("harbour") + 3
    case = Case("x", "exact", (PROSE[:cut], PROSE[cut:900]), PROSE[:900], plan=cases.Plan(doc, cut, 900, "1"))
    shown = score.shown_to(peers.PEERS["Vercel continueSteps"], case)
    assert shown.chunks[0].endswith("beside the ")
    assert shown.chunks[1].startswith("harbour wall")
    assert score.shown_to(peers.PEERS["L0"], case) is case


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The row is left out, and the package named."""
    found = {"rapidfuzz alignment": peers.Peer(peers.rapidfuzz, "no_such_package_here")}
    monkeypatch.setattr(command, "PEERS", found)
    command.main(["-n", "1", "--no-protocol"])
    out = capsys.readouterr().out
    assert "rapidfuzz alignment left out: pip install '.[bench]' brings its package no_such_package_here." in out
    assert "| rapidfuzz alignment" not in out


# ------------------------------------------------------------------------------------------- documents


def test_the_documents_are_the_same_in_every_process() -> None:
    """Neither the hash seed nor an address in memory changes them, so that figures can be compared."""
    code = "from benchmarks.stitch import documents; print(documents.digest(documents.standard()))"
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": seed}, cwd=report.README.parent,
        ).stdout.strip()
        for seed in ("1", "2")
    ]  # fmt: skip
    assert runs == [documents.digest(documents.standard())] * 2


def test_every_behaviour_finds_its_place() -> None:
    """The built-in documents have fences, tables, lists and JSON enough for all of them."""
    found = cases.generate(documents.standard(), 3, 4)
    count = {name: sum(case.behaviour == name for case in found) for name in behaviours.ALL}
    assert count == dict.fromkeys(behaviours.ALL, 4)
    assert {doc.kind for doc in documents.standard()} == {"code", "prose", "markdown", "json", "csv", "log"}


def test_a_lean_installation_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without sources, without `pydoc_data`, without `test` and `idlelib` there are fewer documents, and no error."""
    for name in ("pydoc_data", "pydoc_data.topics", "test", "idlelib"):
        monkeypatch.setitem(sys.modules, name, None)

    def nothing(*_: object) -> str:
        raise OSError("source code not available")

    monkeypatch.setattr(documents.inspect, "getsource", nothing)
    found = documents.standard()
    assert {doc.kind for doc in found} == {"markdown", "json", "csv", "log"}
    assert len(cases.generate(found, 1, 1)) >= 15


def test_a_folder_of_own_documents(corpus: Path) -> None:
    """Text files, also in folders; what is too short, no UTF-8 or no text is left out. A manifest names kinds."""
    found = {doc.name: doc.kind for doc in documents.folder(corpus)}
    assert found == {"lamps": "prose", "deep/table": "markdown"}
    (corpus / "manifest.json").write_text(json.dumps([{"file": "lamps.txt", "kind": "poem"}]), encoding="utf-8")
    assert {doc.name: doc.kind for doc in documents.folder(corpus)}["lamps"] == "poem"
    (corpus / "manifest.json").write_text('{"name": "an extension of a browser"}', encoding="utf-8")
    assert {doc.name: doc.kind for doc in documents.folder(corpus)}["lamps"] == "prose"


def test_kinds_are_guessed(tmp_path: Path) -> None:
    """From the ending, and of `.txt` files from the text."""
    texts = {
        "a.txt": json.dumps(list(range(500))),
        "b.txt": "# A\n\nword\n" * 200,
        "c.py": "x = 1\n" * 300,
        "d.log": PROSE,
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert [doc.kind for doc in documents.folder(tmp_path)] == ["json", "markdown", "code", "log"]


# ----------------------------------------------------------------------------------------------- cases


def test_generation_is_seeded() -> None:
    """The same seed gives the same cases, another one others."""
    texts = documents.standard()
    assert cases.generate(texts, 1, 2) == cases.generate(texts, 1, 2)
    assert cases.generate(texts, 1, 2) != cases.generate(texts, 2, 2)


def test_a_case_is_what_its_behaviour_says() -> None:
    """What is promised to be exact is the document; what starts again starts with it; gaps lack something."""
    for case in cases.generate(documents.standard(), 5, 6):
        plan = case.plan
        assert plan is not None
        text = plan.document.text
        assert case.gold == text[: plan.cut if case.expect == "nothing_new" else plan.end]
        if case.behaviour in ("exact", "square", "lookalike"):
            assert "".join(case.chunks) == case.gold
        if case.behaviour == "restart":
            assert case.chunks[1] == case.gold
        if case.expect == "gap":
            assert text[: plan.end].endswith(case.chunks[1])
            assert len(case.chunks[0] + case.chunks[1]) < plan.end
        if case.behaviour in ("fence_again", "table_again", "marker_again", "section_again"):
            assert case.chunks[1] != text[plan.cut : plan.end]


def test_an_anchor_is_obeyed_as_often_as_it_is_said() -> None:
    """Always, never, or in between; a gap and a reply with nothing new stay what they are."""
    texts = documents.standard()
    for obey in (0.0, 1.0):
        found = cases.generate(texts, 1, 5, 80, obey)
        for case in found:
            assert len(case.anchors) == 1
            assert case.plan is not None
            obeyed = case.chunks[1] == case.anchors[0] + case.plan.document.text[case.plan.cut : case.plan.end]
            assert obeyed == (obey == 1.0) or case.expect != "exact" or case.behaviour.startswith("overlap")


def test_cases_come_from_files_folders_and_packages(tmp_path: Path) -> None:
    """A file, a packed one, a folder of both, and a package with a command that prints them."""
    rows = rows_of()
    plain, packed = tmp_path / "set" / "a.jsonl", tmp_path / "set" / "deep" / "b.jsonl.gz"
    packed.parent.mkdir(parents=True)
    plain.write_text(lines_of(rows) + "\n", encoding="utf-8")
    with gzip.open(packed, "wt", encoding="utf-8") as lines:
        lines.write(lines_of(rows[:3]))
    assert [case.id for case in cases.load(plain)] == [row["id"] for row in rows]
    assert len(cases.load(packed)) == 3
    assert len(cases.load(tmp_path / "set")) == len(rows) + 3
    first = cases.load(plain)[0]
    assert first == Case("exact-0", "exact", rows[0]["chunks"], rows[0]["gold"], kind="prose")

    package = tmp_path / "madeup_cases"
    package.mkdir()
    wanted = ["cases", "--seed", "7", "-n", "2", "--anchor", "9", "--obey", "0.5"]
    code = f"import sys\nassert sys.argv[1:] == {wanted}\nprint({lines_of(rows)!r})\n"
    (package / "__main__.py").write_text(code, encoding="utf-8")
    assert len(cases.load(package, seed=7, count=2, anchor=9, obey=0.5)) == len(rows)
    with pytest.raises(ValueError, match=r"`python -m madeup_cases cases` failed: [^\0]*AssertionError"):
        cases.load(package)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"cases.jsonl:2 is not a case: JSONDecodeError"),
        ("[]", r"cases.jsonl:2 is not a case"),
        ('{"behaviour": "x", "gold": ""}', r"cases.jsonl:2 is not a case: KeyError\('chunks'\)"),
        ('{"behaviour": "x", "gold": "", "chunks": ["a"]}', "two or more texts"),
        ('{"behaviour": "x", "gold": "", "chunks": ["a", 1]}', "two or more texts"),
        ('{"behaviour": "x", "gold": 1, "chunks": ["a", "b"]}', "have to be texts"),
        ('{"behaviour": "x", "gold": "", "chunks": ["a", "b"], "expect": "luck"}', "expect='luck' is none of exact"),
    ],
)
def test_a_broken_case_is_named(tmp_path: Path, line: str, message: str) -> None:
    """The file and the line."""
    path = tmp_path / "cases.jsonl"
    path.write_text(lines_of(rows_of()[:1]) + line + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        cases.load(path)


def test_the_larger_set_can_be_read() -> None:
    """Where `CONTINUUM_STITCHBENCH` names the package of ready-made cases, all of its behaviours are scored."""
    place = os.environ.get("CONTINUUM_STITCHBENCH")
    if not place:
        pytest.skip(
            "CONTINUUM_STITCHBENCH does not name the package of ready-made cases, which is not part of this one"
        )
    found = cases.load(Path(place), seed=1, count=2)
    assert len({case.behaviour for case in found}) > 30
    assert all(case.kind and case.document for case in found)
    total = score.run(score.continuum_join, found).total(gaps=False)
    assert total.right > 0.8 * total.cases


# --------------------------------------------------------------------------------------------- scoring


@pytest.mark.parametrize(
    ("gold", "text", "missing", "extra"),
    [
        ("abc", "abc", 0, 0),
        ("abc", "abbc", 0, 1),
        ("abcd", "acd", 1, 0),
        ("", "abc", 0, 3),
        (PROSE, PROSE.replace("number 7 ", "", 1), 9, 0),
        (PROSE[:700], PROSE[:500] + PROSE[430:700], 0, 70),
        (PROSE, PROSE.replace("number 7 ", "", 1).replace("number 20 ", "number 20 20 ", 1), 9, 3),
    ],
)
def test_the_difference_is_counted_in_characters(gold: str, text: str, missing: int, extra: int) -> None:
    """What is missing and what is too much, wherever it is."""
    assert score.difference(gold, text) == (missing, extra)


def test_common_beginnings() -> None:
    """The binary search agrees with the loop."""
    rng = random.Random(3)
    for _ in range(300):
        a, b = ("".join(rng.choices("ab", k=rng.randint(0, 9))) for _ in range(2))
        assert peers.common_prefix(a, b) == next(i for i in range(10) if i == min(len(a), len(b)) or a[i] != b[i])


def test_a_row_counts_what_happened() -> None:
    """Right, wrong and silent, flagged, gaps found and false alarms."""
    exact, gap = Case("1", "exact", ("ab", "cd"), "abcd"), Case("2", "gap", ("ab", "d"), "abcd", "gap")
    outcomes = [(exact, Outcome("abcd")), (exact, Outcome("abbcd")), (exact, Outcome("acd", ambiguous=True)),
                (exact, Outcome("abcd", gap=True)), (gap, Outcome("abd")), (gap, Outcome("abd", gap=True)),
                (gap, Outcome("abd", ambiguous=True))]  # fmt: skip
    row = score.total(score.judged(case, outcome, [1.0]) for case, outcome in outcomes)
    assert row == Row(
        cases=7, right=3, unflagged=2, flagged=4, gaps=3, gaps_found=1, gaps_flagged=2, alarms=1, deleted=1, doubled=1,
        times=[1.0] * 7,
    )  # fmt: skip
    assert row.to_dict()["ms"] == {"median": 1.0, "p99": 1.0, "max": 1.0}


def test_gaps_are_told_apart_by_what_is_expected() -> None:
    """The share of right joins leaves out the behaviours in which text is missing."""
    scores = Scores({"exact": Row(cases=4, right=3), "gap": Row(cases=4, right=1, gaps=4)})
    assert scores.total().cases == 8
    assert scores.total(gaps=False) == Row(cases=4, right=3)


def test_a_mix_weighs_behaviours() -> None:
    """Shares follow the weights; behaviours without cases are left out; too few of them are no mix."""
    rows = {"exact": Row(cases=10, right=10), "talk": Row(cases=10, right=5, unflagged=3, flagged=2)}
    found = score.weighted(rows, {"exact": 3.0, "talk": 1.0})
    assert found == pytest.approx({"right": 0.875, "unflagged": 0.075, "flagged": 0.05})
    assert score.weighted(rows, {"exact": 19.0, "restart": 1.0})["right"] == 1.0
    assert score.weighted(rows, {"exact": 1.0, "restart": 1.0}) == {}
    assert score.weighted(rows, {}) == {}


def test_the_mix_knows_every_kind_and_only_behaviours_that_exist() -> None:
    """What real replies begin with is simulated, all of it."""
    assert set(mix.BEHAVIOURS) == set(real.KINDS)
    assert {name for names in mix.BEHAVIOURS.values() for name in names} <= set(behaviours.ALL)
    assert sum(mix.weights({"talk": 3, "restart": 2, "goes on": 1}).values()) == pytest.approx(6)


def test_continuum_is_scored_as_it_streams() -> None:
    """Several chunks, anchors for some, kinds and flags of all joins."""
    twice = next(case for case in (cases._from_row(row, 1) for row in rows_of()) if case.id == "twice-0")
    outcome = score.continuum_join(twice)
    assert outcome.text == twice.gold
    assert outcome.kinds == ["anchor", "overlap"]
    assert outcome.held > 0


# -------------------------------------------------------------------------------------------- protocol


def test_an_obedient_model_needs_one_question() -> None:
    """Next to nothing is asked again, and what is said again is the anchor."""
    found = cases.generate(documents.standard(), 2, 4)
    run = protocol.run(found, obey=1.0, reask=True)
    row = score.total(run.rows.values())
    assert row.right >= 0.97 * row.cases
    assert (run.joins, run.misbehaved) == (len(found), 0)
    assert run.reasked <= 0.03 * run.joins
    assert 0 < run.anchors < 0.2 * run.tokens


def test_asking_again_is_counted_and_helps() -> None:
    """A model that obeys half the time: fewer joins stay in doubt, and what was thrown away is paid for."""
    found = cases.generate(documents.standard(), 2, 10)
    once, again = (protocol.run(found, obey=0.5, reask=reask) for reask in (False, True))
    before, after = score.total(once.rows.values()), score.total(again.rows.values())
    assert once.misbehaved == again.misbehaved > 0
    assert once.anchors > 0
    assert (once.reasked, once.thrown) == (0, 0)
    assert again.reasked == before.flagged > after.flagged
    assert again.thrown > 0
    assert after.right >= 0.99 * before.right  # the other reply may be a bad one, too


def test_without_an_anchor_nothing_is_obeyed() -> None:
    """At 0 % the model does what the behaviour does at the place that was shown."""
    texts = [documents.Document("lamps", "prose", PROSE)]
    found = [case for case in cases.generate(texts, 1, 5) if case.behaviour in ("exact", "talk", "restart")]
    run = protocol.run(found, obey=0.0, reask=False)
    assert run.misbehaved == sum(case.behaviour != "exact" for case in found)
    assert run.rows["exact"].right == run.rows["exact"].cases


# ------------------------------------------------------------------------------------------ real joins

CUT = "They built a device that could measure the depth of water and use this data to"


@pytest.mark.parametrize(
    ("left", "reply", "oracle", "anchor", "kind"),
    [
        (CUT, " find the channel at night, and more.", " find the channel at night, as others", "", "goes on"),
        (CUT, "As the Roman Empire expanded its reach", " find", "", "new sentence"),
        (CUT, "I'm sorry for any confusion. Here's the rest:", "", "", "talk"),
        (CUT, "You're right, I'll make sure to avoid repeating myself.", "", "", "talk"),
        (CUT, CUT + " sail", "", "", "restart"),
        (PROSE + CUT, "use this data to sail", "", "", "says again"),
        (f"It began at sea. {CUT}", CUT[10:70], "", "", "says again"),
        (CUT, '"water and use this data to" sail', "", "of water and use this data to", "anchor"),
        ("Code:\n\n```python\nx = 1\n", "```python\ny = 2\n", "", "", "new fence"),
        ("1. Lamps\n2. Energy management", "3. LED lights", ": with", "", "new sentence"),
        ("It ended there.\n\n", "The next day came.", "", "", "goes on"),
        (CUT, " \n", "", "", "nothing"),
    ],
)  # fmt: skip
def test_what_a_reply_begins_with(left: str, reply: str, oracle: str, anchor: str, kind: str) -> None:
    """Real replies, or such as they are."""
    assert real.kind_of(left, reply, oracle=oracle, anchor=anchor) == kind


@pytest.mark.parametrize(
    ("before", "after", "oracle", "verdict"),
    [
        (CUT, " find the channel at night, and more.", " find the channel at night, as others", "equal"),
        (CUT, " guide the ships", " find", "reads on"),
        (CUT, "As the Roman Empire", " find", "gap"),
        (CUT, " As the Roman Empire", " find", "gap"),
        (CUT, " Rome", " Rome, where it was", "reads on"),  # a name, as in the single answer
        (CUT, "guide", " find", "gap"),  # two words glued
        ("the measure", "ment of depth", "ments of the sea", "reads on"),  # a word that was cut
        ("water can be measured with ", ".\n\nVenus", "", "gap"),
        ("It ended there.", " The next day came.", "", "reads on"),
        ("It ended there.", "The next day came.", "", "gap"),
        ("| a | b |\n", "| c | d |", "", "reads on"),
        ("```python\nx = [\n", "You can use the json module to do this well", "", "gap"),
        ('```json\n{"year": 196', '0, "title": "x"}', "", "reads on"),
        (PROSE, PROSE[71:200], "", "double"),
        (PROSE, PROSE[71:200], PROSE[142:300], "reads on"),  # the single answer says it again as well
        (CUT, "I'm glad you're here, and I'm happy to", "", "talk"),
        (CUT, "", "", "nothing new"),
        ("他们建造了一座灯塔，用来", "引导船只。", "", "reads on"),
    ],
)  # fmt: skip
def test_what_a_reader_finds_at_a_join(before: str, after: str, oracle: str, verdict: str) -> None:
    """By the characters there alone."""
    assert real.judge(real.Seen(before, after), oracle=oracle) == verdict


def test_what_the_reply_wrote_itself_reads_on() -> None:
    """A reply that says the last words before it goes on broke nothing off, whatever its letters."""
    assert real.judge(real.Seen(CUT, " Rome", verified=True)) == "reads on"


def recorded(tmp_path: Path) -> Path:
    """A recording with four ways of asking."""
    gold = CUT + " find the channel. It was painted red, and it served for years."
    base = {"model": "m", "tag": "", "prompt_id": "p"}
    rows: list[dict[str, Any]] = [{**base, "strategy": "gold", "round": 0, "text": gold}]
    replies: dict[str, dict[str, Any]] = {
        "in place": {"text": gold},
        "b_naive": {"text": "As the Roman Empire expanded its reach, so did the need for maritime safety."},
        "user turn, anchor": {"text": f"{CUT} steer by it. Ships came from afar to see the tower.", "shown": len(CUT),
                              "anchor": "could measure the depth of water and use this data to"},
        "loop by hand": {"text": "I'm sorry for any confusion. I'll make sure to keep my answers short."},
    }  # fmt: skip
    for strategy, reply in replies.items():
        rows += [
            {**base, "strategy": strategy, "round": 1, **reply},
            {**base, "strategy": strategy, "round": 0, "text": CUT},
        ]
    path = tmp_path / "replies.jsonl"
    path.write_text(lines_of(rows), encoding="utf-8")
    return path


def test_recorded_joins_are_classed_by_way_of_asking(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The single answer is the oracle, rounds are put in order, and the counts are those of the joins."""
    found = {join.way: join for join in recordings.joins(recordings.load([recorded(tmp_path)]))}
    assert (found["in place"].found, found["in place"].plain, found["in place"].flagged) == ("equal", "equal", False)
    assert (found["user turn: continue"].kind, found["user turn: continue"].plain) == ("new sentence", "gap")
    anchored = found["user turn, anchor"]
    assert (anchored.kind, anchored.join, anchored.found, anchored.plain) == ("anchor", "anchor", "reads on", "double")
    assert found["loop by hand"].plain == "talk"
    assert recordings.mix(found.values()) == {"new sentence": 1, "talk": 1}
    assert recordings.obeyed(found.values()) == (1, 1)

    command.main(["--recordings", str(tmp_path / "replies.jsonl"), "-v", "--json", str(tmp_path / "out.json")])
    out = capsys.readouterr().out
    assert "| user turn, anchor | plain | 1 |" in out
    assert f"{CUT[-40:]}' >>>" in out
    figures = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["real"]
    assert figures["ways"]["in place"]["found"] == {"equal": 1}
    assert next(iter(figures["ways"])) == "in place"


def test_the_recordings_that_come_with_it() -> None:
    """In place, continuum's joins are the single answer; they are the larger part of what the README shows."""
    found = recordings.joins(recordings.load(sorted(recordings.DATA.glob("*.jsonl"))))
    in_place = [join for join in found if join.way == "in place"]
    assert len(in_place) == 30
    assert {join.found for join in in_place} == {"equal"}
    assert not any(join.flagged for join in in_place)
    assert len(found) == 122


def test_the_engine_is_recorded_on_the_wire(tmp_path: Path) -> None:
    """What each request showed and asked for, so that the joins can be made again.

    This provider obeys, and refuses to go on in place: then there is no second reply to record.
    """
    text = PROSE.replace("The lamp number", "A lamp, of which number")
    with SimulatedProvider(text) as server:
        wire = local.Wire(server.openai_base_url)
        try:
            rows = list(local.replies_of(wire, "tea", 100, 220))
        finally:
            wire.close()
    ways = ("user turn, anchor", "user turn, no anchor", local.LOOP)
    by_way = {(row["strategy"], row["round"]): row for row in rows}
    assert set(by_way) == {("gold", 0), ("in place", 0), *((way, n) for way in ways for n in (0, 1))}
    assert text.startswith(by_way["gold", 0]["text"])
    second = by_way["user turn, anchor", 1]
    assert text[: second["shown"]].rstrip().endswith(second["anchor"])
    assert second["text"].startswith(second["anchor"])
    assert "anchor" not in by_way["user turn, no anchor", 1]
    path = tmp_path / "replies.jsonl"
    path.write_text(lines_of(rows), encoding="utf-8")
    found = {join.way: join for join in recordings.joins(recordings.load([path]))}
    assert {way: join.found for way, join in found.items()} == dict.fromkeys(ways, "equal")
    assert (found["user turn, anchor"].kind, found["user turn, anchor"].join) == ("anchor", "anchor")


def test_a_broken_recording_is_named(tmp_path: Path) -> None:
    """The file and the line."""
    path = tmp_path / "replies.jsonl"
    path.write_text('{"model": "m"}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"replies.jsonl:1 is not a recorded reply: KeyError\('prompt_id'\)"):
        recordings.load([path])


# ---------------------------------------------------------------------------------- the command, the README


def test_the_readme_shows_the_kept_figures() -> None:
    """The block is made of `figures.json` by the command; to renew both: python -m benchmarks.stitch --readme."""
    text = report.README.read_text(encoding="utf-8")
    assert report.with_block(text, report.block(report.kept())) == text


def test_the_readme_has_every_row() -> None:
    """No peer, way of asking or degree of obedience is left out."""
    kept = report.kept()
    assert list(kept["simulated"]["rows"]) == [report.CONTINUUM, *peers.PEERS]
    assert kept["simulated"]["missing"] == []
    assert [(run["obey"], run["reask"]) for run in kept["protocol"]["runs"]] == command.RUNS
    found = recordings.joins(recordings.load(sorted(recordings.DATA.glob("*.jsonl"))))
    assert list(kept["real"]["ways"]) == list(report.real_figures(found)["ways"])
    assert set(kept["simulated"]["rows"][report.CONTINUUM]["behaviours"]) == set(behaviours.ALL)


def test_the_command_renews_the_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It writes the figures and the block, and the block says what it printed."""
    readme = tmp_path / "README.md"
    readme.write_text(f"# A\n\n{report.BEGIN}\nold\n{report.END}\n\nB\n", encoding="utf-8")
    monkeypatch.setattr(report, "README", readme)
    monkeypatch.setattr(report, "FIGURES", tmp_path / "figures.json")
    command.main(["-n", "1", "--readme"])
    out, text = capsys.readouterr().out, readme.read_text(encoding="utf-8")
    rows = [line for line in out.splitlines() if line.startswith("| ")]
    assert len(rows) > 20
    assert [line for line in rows if line not in text] == []
    assert text.startswith(f"# A\n\n{report.BEGIN}\n\n`python -m benchmarks.stitch`")
    assert text.endswith(f"\n{report.END}\n\nB\n")
    assert "old" not in text
    assert report.with_block(text, report.block(report.kept())) == text


@pytest.mark.parametrize(
    "text",
    ["none", f"{report.BEGIN}\n", f"{report.END}\n{report.BEGIN}\n", f"{report.BEGIN}\n{report.BEGIN}\n{report.END}"],
)
def test_a_readme_without_its_block_is_left_alone(text: str) -> None:
    """Rather than to write somewhere."""
    with pytest.raises(ValueError, match="no single block"):
        report.with_block(text, "new")


def test_the_command_reads_cases_and_documents(
    tmp_path: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--cases` and `--corpus` as a user calls them, with everything that can be printed."""
    path = tmp_path / "cases.jsonl"
    path.write_text(lines_of(rows_of()), encoding="utf-8")
    command.main(["--cases", str(path), "--by", "behaviour", "--by", "kind", "--json", str(tmp_path / "a.json")])
    out = capsys.readouterr().out
    assert "9 cases of 3 behaviours." in out
    assert "| gap | 3 |" in out
    assert "| prose | 3 |" in out
    figures = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["simulated"]
    assert figures["rows"]["**continuum**"]["without_gaps"]["right"] == 6
    assert figures["rows"]["plain concatenation"]["without_gaps"]["right"] == 3
    assert set(figures["rows"]) == {"**continuum**", *peers.PEERS}

    command.main(["--corpus", str(corpus), "-n", "3", "--no-peers", "--failures", "2", "--seed", "9"])
    out = capsys.readouterr().out
    assert "2 documents (digest " in out
    assert "| 50 % | once |" in out
    assert out.count("    right ") == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cases", "no/such/file"], "neither a file nor a folder"),
        (["--corpus", "no/such/folder"], "is not a folder"),
        (["--recordings", "no/such/file"], "No such file"),
        (["--n", "0"], "--n has to be 1 or more"),
        (["--obey", "2"], "--obey from 0 to 1"),
        (["--readme", "--no-peers"], "leave the other options out"),
        (["--cases", "a", "--corpus", "b"], "not allowed with"),
    ],
)
def test_a_wrong_call_is_explained(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was wrong, and no traceback."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        command.main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("what", ["corpus", "cases"])
def test_an_empty_folder_is_explained(what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The text says what would have been read."""
    with pytest.raises(SystemExit):
        command.main([f"--{what}", str(tmp_path)])
    assert {"corpus": "has no text file of 1000", "cases": "holds no *.jsonl"}[what] in capsys.readouterr().err


def test_the_timer_runs_and_checks_what_it_timed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Small texts, both tables; a join whose seams do not account for the pieces is no figure."""
    timing.main(["--n", "1", "--size", "500", "--runs", "1", "--json", str(tmp_path / "times.json")])
    printed = capsys.readouterr().out
    figures = json.loads((tmp_path / "times.json").read_text())
    assert [row["join"] for row in figures["joins"]] == ["no anchor", "anchor, obeyed", "str.find", "difflib"]
    assert {row["both pieces"] for row in figures["worst"]} == set(timing.WORST)
    assert all(f"| {name} |" in printed for name in timing.WORST)
    lossy = stitch(["one ", "two"])
    monkeypatch.setattr(timing.continuum, "stitch", lambda *_, **__: lossy)
    with pytest.raises(AssertionError, match="do not give back"):
        timing.joined("one two ", "three")


def test_confidence_is_a_chance(capsys: pytest.CaptureFixture[str]) -> None:
    """What is joined with much confidence is right more often than what is joined with little."""
    scores = score.run(score.continuum_join, cases.generate(documents.standard(), 4, 12))
    rows = {float(name.split()[0]): row for name, row in scores.confidences.items()}
    sure = score.total(row for low, row in rows.items() if low >= 0.9)
    unsure = score.total(row for low, row in rows.items() if low < 0.7)
    assert sum(row.cases for row in rows.values()) == sum(row.cases for row in scores.behaviours.values())
    assert sure.right > 0.9 * sure.cases
    assert 0 < unsure.right < 0.8 * unsure.cases
    command.main(["--n", "2", "--no-peers", "--no-protocol", "--by", "confidence"])
    assert "| confidence | joins | right % |" in capsys.readouterr().out


# ------------------------------------------------------------------------------------------------- prices


def test_traced_prices_are_the_prices_and_say_what_they_are_made_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each weight of a reading is in its price as often as it says: with another weight the price moves by so much."""
    found = [case for case in cases.generate(documents.standard(), 5, 2) if len(case.chunks) == 2]

    def prices() -> list[list[float]]:
        return [[r.bits for r in readings.Readings(Before(c.chunks[0]), c.chunks[1], True).found] for c in found]

    plain = prices()
    with fit.traced():
        made = prices()
    assert made == plain == prices()
    by = 0.001  # so little that no other reading is kept for it
    for name in ("extra", "lost", "overlap"):
        other = prior.PRIOR._replace(**{name: getattr(prior.PRIOR, name) + by})
        for module in ("readings", "peels", "spacing"):
            monkeypatch.setattr(f"continuum._core.stitch.{module}.PRIOR", other)
        changed, moved = prices(), 0
        for before, after in zip(made, changed, strict=True):
            if len(before) == len(after):
                expected = [bits + by * fit.parts_of(bits).get(name, 0.0) for bits in before]
                assert after == pytest.approx(expected, abs=by / 100)
                moved += before != after
        assert moved
        monkeypatch.undo()


def test_a_fit_finds_weights_that_make_the_right_readings_likelier(tmp_path: Path) -> None:
    """It lowers the loss of what it learns from, leaves what is set by hand, and writes what it found."""
    made = fit.read(cases.generate(documents.standard(), 3, 3))
    there = {name: getattr(prior.PRIOR, name) for name in prior.Prior._fields}
    found = fit.fit(made, 30.0)
    assert fit.judge(made, found.weights, found.sharp)[1] < fit.judge(made, there, prior.PRIOR.sharp)[1]
    assert set(found.weights) <= set(there) - fit.BY_HAND
    copy = tmp_path / "prior.py"
    copy.write_text(Path(prior.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    fit.write({**found.weights, "sharp": found.sharp}, copy)
    names: dict[str, Any] = {"__name__": "copied"}
    exec(compile(copy.read_text(encoding="utf-8"), str(copy), "exec"), names)
    new = names["PRIOR"]._asdict()
    assert {name: new[name] for name in found.weights} == pytest.approx(found.weights, abs=0.006)
    assert all(new[name] == there[name] for name in there if name not in found.weights and name != "sharp")


def test_the_command_that_fits_shows_both_sides(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it learnt from and what it held back, and each price before and after."""
    fit.main(["--corpus", str(corpus), "-n", "2", "--held", "0"])
    out = capsys.readouterr().out
    assert "learnt from" in out
    assert "held back" not in out
    assert "Halvings of the chance" in out
    with pytest.raises(SystemExit, match="no case is left"):
        fit.main(["--corpus", str(corpus), "-n", "1", "--held", "1"])


def test_exact_cuts_of_any_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the joins change of replies that go on exactly; plain concatenation changes nothing."""
    for i, (name, text) in enumerate(sample_documents().items()):
        (tmp_path / f"{name}.{('md', 'txt')[i % 2]}").write_text(text, encoding="utf-8")
    (tmp_path / "short.md").write_text("Nothing to cut.", encoding="utf-8")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe" * 2000)
    exact.main(["--files", str(tmp_path), "-n", "10", "--failures", "1", "--json", str(tmp_path / "exact.json")])
    printed, figures = capsys.readouterr().out, json.loads((tmp_path / "exact.json").read_text())
    assert "| plain concatenation |" in printed
    assert figures["rows"]["plain concatenation"]["right"] == figures["rows"]["plain concatenation"]["cases"]
    ours = figures["rows"][report.CONTINUUM]
    assert ours["cases"] == sum(row["cases"] for row in figures["kinds"].values()) >= 20
    assert set(figures["kinds"]) == {".md", ".txt"}
    assert ours["right"] >= 0.9 * ours["cases"]


def test_drafts_that_go_on_exactly_stay_as_they_are(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Records that are alike are not taken for each other; one cut in a hundred may come out changed."""
    exact.main(["--drafts", "-n", "150", "--no-peers", "--json", str(tmp_path / "drafts.json")])
    assert "600 exact cuts of 3" in capsys.readouterr().out
    row = json.loads((tmp_path / "drafts.json").read_text(encoding="utf-8"))["rows"][report.CONTINUUM]
    assert row["cases"] == 600
    assert row["right"] >= 594
    with pytest.raises(SystemExit):
        exact.main(["--drafts", "--files", str(tmp_path)])
    assert "one or the other" in capsys.readouterr().err


def test_exact_cuts_need_a_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without one is an error that says so."""
    with pytest.raises(SystemExit):
        exact.main(["--files", str(tmp_path)])
    assert "no UTF-8 text" in capsys.readouterr().err
