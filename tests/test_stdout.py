"""Commands whose stdout nobody reads, or cannot be written."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import TYPE_CHECKING, NamedTuple, TextIO

import anyio
import pytest

from continuum import _stdout, demo
from continuum.batch.sqlite import SqliteJournal
from continuum.cli import app
from continuum.testing import SimulatedProvider, sample_documents

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Broken(NamedTuple):
    """A stdout, and what comes of it."""

    stream: TextIO
    code: int
    words: str


def gone() -> TextIO:
    """A pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w")


def full() -> TextIO:
    """A disk without room."""
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    return open("/dev/full", "w")  # closed by the test


@pytest.fixture(params=[(gone, 141, ""), (full, 5, "error: cannot write to stdout: No space left on device\n")])
def broken(request: pytest.FixtureRequest) -> Iterator[Broken]:
    """Such a stream, the exit code and the words that are expected."""
    make, code, words = request.param
    with make() as stream:
        yield Broken(stream, code, words)


@pytest.mark.parametrize("flush", [True, False])
def test_the_work_is_done_and_its_own_code_comes_first(
    flush: bool, broken: Broken, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[int] = []

    def work(code: int) -> int:
        print("words", flush=flush)
        print("more of them", flush=flush)
        done.append(code)
        return code

    monkeypatch.setattr(sys, "stdout", broken.stream)
    assert _stdout.printed(lambda: work(0)) == broken.code
    assert capsys.readouterr().err == broken.words
    assert _stdout.printed(lambda: work(3)) == 3
    assert done == [0, 3]


def test_a_stdout_that_works_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    assert _stdout.printed(lambda: print("words") or 0) == 0
    assert (sys.stdout, stream.getvalue()) == (stream, "words\n")
    monkeypatch.setattr(sys, "stdout", None)
    assert _stdout.printed(lambda: print("words") or 0) == 0


def test_the_demo_ends_without_a_traceback(
    broken: Broken, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", broken.stream)
    assert _stdout.printed(lambda: demo.run(demo.CASES[:1])) == broken.code
    assert capsys.readouterr().err == broken.words


def test_a_batch_that_is_complete_is_told_so(
    broken: Broken, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The closing line is there, and so is the output; only what was for stdout is missing."""
    rows, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    rows.write_text(json.dumps({"id": "a", "prompt": "[doc:poem]"}) + "\n")
    monkeypatch.setattr(sys, "stdout", broken.stream)
    with SimulatedProvider(sample_documents()) as server:
        where = ["--base-url", server.openai_base_url, "--model", "m", "--max-tokens", "2000"]
        assert run("batch", str(rows), "-o", str(out), "--json", *where) == broken.code
    said = capsys.readouterr().err
    assert "1 of 1 document complete" in said
    assert said.endswith(broken.words)
    assert json.loads(out.read_text())["complete"]


def test_where_a_batch_stands_is_told_or_not(
    broken: Broken, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = SqliteJournal(tmp_path / "journal")

    async def begin() -> None:
        await journal.begin({})
        await journal.close()

    anyio.run(begin)
    monkeypatch.setattr(sys, "stdout", broken.stream)
    assert run("status", str(journal.path)) == broken.code
    assert capsys.readouterr().err == broken.words


def run(*arguments: str) -> int:
    """Run a command with the stdout that there is."""
    with pytest.raises(SystemExit) as ended:
        app(arguments, prog_name="continuum")
    return int(str(ended.value.code))
