"""`continuum batch` and its companions against the simulated provider, over real HTTP."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from openai import AsyncOpenAI
from rich.console import Console
from rich.text import Text
from typer.testing import CliRunner

import continuum
from continuum import Usage, _progress, _terminal
from continuum.batch.job import JobResult
from continuum.batch.journal import Summary
from continuum.batch.pacing import LaneState
from continuum.batch.progress import Status
from continuum.batch.sqlite import SqliteJournal
from continuum.cli import app
from continuum.testing import Behaviour, SimulatedProvider, sample_documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POEM = sample_documents()["poem"]
KEY = "sk-a-key-that-nobody-may-see-0123456789"


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def provider() -> Iterator[Callable[..., SimulatedProvider]]:
    """Starts simulated providers."""
    with contextlib.ExitStack() as stack:

        def start(documents: Any = POEM, **options: Any) -> SimulatedProvider:
            options = {"chunk_tokens": 40, **options}
            return stack.enter_context(SimulatedProvider(documents, **options))

        yield start


@pytest.fixture
def briefs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six rows in an empty folder, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "briefs.jsonl"
    path.write_text("".join(json.dumps({"id": f"d{n}", "prompt": f"Write number {n}."}) + "\n" for n in range(6)))
    return path


def options(server: SimulatedProvider, cap: int = 200, model: str = "simulated") -> list[str]:
    """What a run asks with."""
    return ["--model", model, "--base-url", server.openai_base_url, "--max-tokens", str(cap)]


def invoke(*arguments: str | Path) -> Any:
    """Runs a command in this process; `.stdout`, `.stderr`, `.exit_code`."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def batch(server: SimulatedProvider, *more: str | Path, cap: int = 200, model: str = "simulated") -> Any:
    """Runs `continuum batch briefs.jsonl -o out.jsonl` against a server."""
    return invoke("batch", "briefs.jsonl", "-o", "out.jsonl", *options(server, cap, model), *more)


def rows(path: str | Path) -> list[dict[str, Any]]:
    """The rows of a file, each of which has to be whole; none if it is not there."""
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        data = file.read()
        assert not data or data.endswith(b"\n")
        return [json.loads(line) for line in data.splitlines()]
    return []


# -- a run ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [[], ["--as-finished"], ["--unary"], ["--concurrency", "2"]])
def test_a_batch_and_the_same_command_again(
    provider: Callable[..., SimulatedProvider], briefs: Path, more: list[str]
) -> None:
    """Every document comes out whole, in order; the second time nothing is sent."""
    server = provider()
    result = batch(server, *more)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "complete · 6 of 6 documents complete" in result.stderr
    found = rows("out.jsonl")
    assert [row["text"] for row in found] == [POEM] * 6
    assert all(row["complete"] and row["rounds"] > 2 and row["seams"] for row in found)
    ids = [row["id"] for row in found]
    assert (sorted(ids) if "--as-finished" in more else ids) == [f"d{n}" for n in range(6)]
    sent, before = len(server.requests), Path("out.jsonl").read_bytes()
    assert batch(server, *more).exit_code == 0
    assert (len(server.requests), Path("out.jsonl").read_bytes()) == (sent, before)
    names = {"briefs.jsonl", "out.jsonl", "out.jsonl.journal"}
    assert names <= set(os.listdir()) <= names | {f"out.jsonl.journal-{part}" for part in ("lock", "wal", "shm")}


def test_anthropic_with_a_template_into_a_folder(
    provider: Callable[..., SimulatedProvider], briefs: Path, tmp_path: Path
) -> None:
    """CSV, a template, a system prompt, one file a document; and the journal is found beside the folder."""
    (tmp_path / "rows.csv").write_text("id,topic,max_tokens\nA/1,tea,\nA/2,time,300\n")
    (tmp_path / "p.j2").write_text("On {{ topic }}.")
    server = provider()
    arguments = ["--provider", "anthropic", "--model", "m", "--base-url", server.anthropic_base_url, "--max-tokens"]
    arguments += ["200", "--template", "p.j2", "--system", "Be a poet.", "--param", 'metadata={"user_id": "u"}']
    result = invoke("batch", "rows.csv", "--out-dir", "drafts", *arguments)
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "drafts" / "A" / "2.md").read_text() == POEM
    assert [row["file"] for row in rows("drafts/index.jsonl")] == ["A/1.md", "A/2.md"]
    first = {request.prompt: request.body for request in server.requests if len(request.body["messages"]) == 1}
    assert {prompt: body["max_tokens"] for prompt, body in first.items()} == {
        "Be a poet.\nOn tea.": 200,
        "Be a poet.\nOn time.": 300,
    }
    assert all(body["system"] == "Be a poet." and body["metadata"] == {"user_id": "u"} for body in first.values())
    assert "2 of 2 documents complete" in invoke("status", "drafts").stdout


def test_what_fails_and_what_stays_incomplete_is_kept_apart(
    provider: Callable[..., SimulatedProvider], briefs: Path
) -> None:
    """A poisoned row stops nothing; the exit code tells; `retry` buys nothing twice."""
    poisoned = True

    def faults(request: Any) -> Behaviour | None:
        return Behaviour("status", status=400) if poisoned and "number 3" in request.prompt else None

    server = provider(faults=faults)
    with briefs.open("a") as file:
        file.write('{"id": "short", "prompt": "Write.", "policy": {"max_rounds": 2}}\n')
    result = batch(server)
    assert (result.exit_code, "done, some failed" in result.stderr) == (1, True)
    assert [row["id"] for row in rows("out.jsonl")] == ["d0", "d1", "d2", "d4", "d5"]
    assert [(row["id"], row["reason"]) for row in rows("out.incomplete.jsonl")] == [("short", "max_rounds")]
    (failed,) = rows("out.failed.jsonl")
    assert (failed["id"], failed["reason"], failed["text"]) == ("d3", "rejected", "")
    told = invoke("status", "out.jsonl").stdout
    assert "1 rejected" in told
    assert "continuum retry out.jsonl.journal --failed" in told
    poisoned = False
    sent = len(server.requests)
    assert invoke("retry", "out.jsonl", "--failed").exit_code == 3
    assert {request.prompt for request in server.requests[sent:]} == {"Write number 3."}
    assert len(rows("out.jsonl")) == 6
    assert rows("out.failed.jsonl") == []


def test_retry_with_a_higher_ceiling(provider: Callable[..., SimulatedProvider], briefs: Path) -> None:
    """Incomplete documents go on where they stopped; `retry` wants to know which."""
    server = provider()
    assert batch(server, "--max-rounds", "2").exit_code == 3
    assert invoke("retry", "out.jsonl").exit_code == 2
    result = invoke("retry", "out.jsonl", "--incomplete", "--max-rounds", "40")
    assert result.exit_code == 0, result.stderr
    assert [row["text"] for row in rows("out.jsonl")] == [POEM] * 6
    assert sum(row["rounds"] for row in rows("out.jsonl")) == len(server.requests)
    assert rows("out.incomplete.jsonl") == []


@pytest.mark.parametrize("more", [[], ["--as-finished"], ["--out-dir", "drafts"]])
def test_what_is_tried_again_stays_until_there_is_something_newer(
    provider: Callable[..., SimulatedProvider], briefs: Path, more: list[str]
) -> None:
    """A retry that pauses before its first request takes nothing out of the output."""
    server = provider()
    assert batch(server, "--max-rounds", "2", *more, model="gpt-4o").exit_code == 3
    kept = rows("out.incomplete.jsonl")
    assert len(kept) == 6
    asked = len(server.requests)
    arguments = ["--incomplete", "--max-rounds", "40"]
    paused = invoke("retry", "out.jsonl", *arguments, "--max-cost", "0.0001", "--base-url", server.openai_base_url)
    assert (paused.exit_code, len(server.requests)) == (6, asked)
    assert rows("out.incomplete.jsonl") == kept
    assert invoke("export", "out.jsonl", "-o", "again.jsonl").exit_code == 0
    assert sorted(rows("again.incomplete.jsonl"), key=str) == sorted(kept, key=str)
    if "--out-dir" in more:
        assert Path("drafts/d0.incomplete.md").read_text(encoding="utf-8") == kept[0]["text"]
    assert invoke("resume", "out.jsonl", "--max-rounds", "40").exit_code == 0
    assert [row["text"] for row in rows("out.jsonl")] == [POEM] * 6
    assert rows("out.incomplete.jsonl") == []
    if "--out-dir" in more:
        assert not Path("drafts/d0.incomplete.md").exists()


def test_json(provider: Callable[..., SimulatedProvider], briefs: Path) -> None:
    """One object on stdout, for a run, a status and a forecast."""
    server = provider()
    told = json.loads(batch(server, "--json", "--quiet").stdout)
    assert (told["documents"]["complete"], told["exit_code"], told["stopped"]) == (6, 0, None)
    assert told["rounds"] == len(server.requests)
    status = json.loads(invoke("status", "out.jsonl", "--json").stdout)
    assert (status["documents"], status["settings"]["model"]) == (told["documents"], "simulated")
    forecast = json.loads(batch(server, "--json", "--dry-run").stdout)
    assert forecast["low"]["rounds"] <= forecast["likely"]["rounds"] <= forecast["worst"]["rounds"]


def test_openai_batch_files_in_and_out(provider: Callable[..., SimulatedProvider], briefs: Path) -> None:
    """What was made for that API is taken, and given back, as it is there."""
    body = {"model": "simulated", "messages": [{"role": "user", "content": "Write."}], "max_tokens": 200}
    line = {"custom_id": "r1", "method": "POST", "url": "/v1/chat/completions", "body": body}
    briefs.write_text(json.dumps(line))
    server = provider()
    arguments = ["--base-url", server.openai_base_url, "--format", "openai-batch"]
    result = invoke("batch", "briefs.jsonl", "-o", "out.jsonl", *arguments)
    assert result.exit_code == 0, result.stderr
    (row,) = rows("out.jsonl")
    assert row["custom_id"] == "r1"
    assert row["response"]["body"]["choices"][0]["message"]["content"] == POEM


# -- before anything is sent ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e999", '{"a": [NaN]}'])
def test_numbers_that_json_does_not_have_are_refused(
    value: str, provider: Callable[..., SimulatedProvider], briefs: Path
) -> None:
    """No request can carry them; and a run that was begun with one could never be gone on with."""
    server = provider()
    for _ in range(2):
        result = batch(server, "--param", f"temperature={value}")
        assert result.exit_code == 2
        assert "error: temperature=" in result.stderr
    assert not server.requests
    assert not list(briefs.parent.glob("out*"))


def test_a_row_that_wants_a_stream_is_no_row_for_a_batch_api(
    provider: Callable[..., SimulatedProvider], briefs: Path
) -> None:
    server = provider()
    briefs.write_text(json.dumps({"id": "a", "prompt": "Write.", "policy": {"stream": True}}) + "\n")
    result = batch(server, "--via", "batch-api")
    assert result.exit_code == 2
    assert "briefs.jsonl:1: stream=True in its policy" in result.stderr
    assert not list(briefs.parent.glob("out*"))
    assert batch(server, cap=2000).exit_code == 0


def test_every_bad_row_is_named_and_nothing_is_sent(provider: Callable[..., SimulatedProvider], briefs: Path) -> None:
    """Also what only the provider's side can know; with --skip-invalid the others are drafted."""
    server = provider()
    with briefs.open("a") as file:
        file.write(
            '{"id": "d0", "prompt": "x"}\nnonsense\n{"id": "e", "messages": [{"role": "assistant", "content": ""}]}\n'
        )
    result = batch(server)
    assert result.exit_code == 2
    assert [line.split(":")[1] for line in result.stderr.splitlines()[:3]] == ["7", "8", "9"]
    assert "3 of 9 rows cannot be drafted" in result.stderr
    assert (server.requests, sorted(os.listdir())) == ([], ["briefs.jsonl"])
    assert batch(server, "--skip-invalid").exit_code == 0
    assert len(rows("out.jsonl")) == 6


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.jsonl", "-o", "o.jsonl"], "none.jsonl: cannot be read"),
        (["briefs.jsonl"], "where to?"),
        (["briefs.jsonl", "-o", "none/o.jsonl"], "no folder"),
        (["briefs.jsonl", "-o", "briefs.jsonl"], "there already"),
        (["briefs.jsonl", "-o", "o.jsonl", "--journal", "o.jsonl"], "that is the journal"),
        (["briefs.jsonl", "-o", "o.jsonl", "--concurrency", "many"], "--concurrency='many'"),
        (["briefs.jsonl", "-o", "o.jsonl", "--max-cost", "0"], "--max-cost=0.0"),
        (["briefs.jsonl", "-o", "o.jsonl", "--max-document-cost", "-1"], "--max-document-cost=-1.0"),
        (["briefs.jsonl", "-o", "o.jsonl", "--param", "temperature"], "NAME=VALUE"),
        (["briefs.jsonl", "-o", "o.jsonl", "--rpm", "-5"], "-5"),
        (["briefs.jsonl", "-o", "o.jsonl", "--template", "none.j2"], "--template"),
        (["briefs.jsonl", "-o", "o.jsonl", "--base-url", "ftp://x"], "--base-url"),
        (["empty.jsonl", "-o", "o.jsonl"], "no row to draft"),
    ],
)
def test_a_wrong_order_is_refused(
    provider: Callable[..., SimulatedProvider], briefs: Path, arguments: list[str], words: str
) -> None:
    """With exit code 2 and what to do; nothing is sent, and nothing is left behind."""
    (briefs.parent / "empty.jsonl").touch()
    server = provider()
    given = options(server) if "--base-url" not in arguments else ["-m", "x"]
    result = invoke("batch", *arguments, *given)
    assert (result.exit_code, server.requests) == (2, [])
    assert words in result.stderr
    assert sorted(os.listdir()) == ["briefs.jsonl", "empty.jsonl"]


def test_a_model_and_a_key_are_needed(briefs: Path) -> None:
    """A row without a model is named; a server that is not here wants a key; a forecast wants none."""
    no_model = invoke("batch", "briefs.jsonl", "-o", "o.jsonl", "--base-url", "http://127.0.0.1:9")
    assert (no_model.exit_code, "briefs.jsonl:1: " in no_model.stderr) == (2, True)
    no_key = invoke("batch", "briefs.jsonl", "-o", "o.jsonl", "-m", "gpt-4o")
    assert (no_key.exit_code, "OPENAI_API_KEY is not set" in no_key.stderr) == (2, True)
    dry = invoke("batch", "briefs.jsonl", "-m", "gpt-4o-mini", "--max-tokens", "500", "--dry-run", "--max-cost", "0.01")
    assert dry.exit_code == 0, dry.stderr
    assert "6 documents; nothing was sent" in dry.stdout
    assert "would pause the run before the worst case" in dry.stdout
    assert os.listdir() == ["briefs.jsonl"]


def test_an_argument_that_the_sdk_does_not_have(provider: Callable[..., SimulatedProvider], briefs: Path) -> None:
    """It would fail every request, so it is refused; in a row, the row is a bad one."""
    server = provider()
    result = batch(server, "--param", "temprature=1")
    assert (result.exit_code, server.requests) == (2, [])
    assert "error: temprature: no argument" in result.stderr
    briefs.write_text(json.dumps({"id": "a", "prompt": "[doc:d0]", "params": {"temprature": 1}}))
    result = batch(server)
    assert (result.exit_code, server.requests) == (2, [])
    assert "briefs.jsonl:1: temprature: no argument" in result.stderr


@pytest.mark.parametrize(
    ("model", "cap", "words"),
    [("my-model", ["--max-tokens", "200"], "price of model='my-model'"), ("gpt-4o", [], "cap")],
)
def test_a_cost_cap_that_cannot_be_kept_is_refused(
    provider: Callable[..., SimulatedProvider], briefs: Path, model: str, cap: list[str], words: str
) -> None:
    """Before anything is sent, and no row has failed because of it; `resume` refuses as well."""
    server = provider()
    order = ["batch", "briefs.jsonl", "-o", "out.jsonl", "-m", model, "--base-url", server.openai_base_url, *cap]
    result = invoke(*order, "--max-cost", "1")
    assert (result.exit_code, server.requests, os.listdir()) == (2, [], ["briefs.jsonl"])
    assert "briefs.jsonl:1: --max-cost=1 cannot be kept" in result.stderr
    assert words in result.stderr
    assert invoke(*order, "--deadline", "0.0001").exit_code == 6
    again = invoke("resume", "out.jsonl", "--max-cost", "1")
    assert (again.exit_code, words in again.stderr) == (2, True)
    assert '"failed": 0' in invoke("status", "out.jsonl", "--json").stdout


def batches_of(journal: str) -> list[str]:
    """The names of the provider's batches that a run has made."""
    return [note["id"] for note in anyio.run(SqliteJournal(journal).notes, "batch/").values()]


def test_through_the_batch_api(provider: Callable[..., SimulatedProvider], briefs: Path) -> None:
    """The same documents, at half the price; `resume` goes on that way by itself."""
    server = provider()
    via = ["--via", "batch-api", "--poll", "0.05"]
    result = batch(server, *via, "--max-rounds", "2", "--json", model="gpt-4o-mini")
    assert result.exit_code == 3, result.stderr
    assert json.loads(result.stdout)["rounds"] == 12
    batches = batches_of("out.jsonl.journal")
    assert len(batches) >= 2
    result = invoke("retry", "out.jsonl", "--incomplete", "--max-rounds", "40", "--poll", "0.05")
    assert len(batches_of("out.jsonl.journal")) > len(batches)
    assert result.exit_code == 0, result.stderr
    assert [row["text"] for row in rows("out.jsonl")] == [POEM] * 6
    full = json.loads(batch(server, "--dry-run", "--json", model="gpt-4o-mini").stdout)["worst"]["cost"]
    half = json.loads(batch(server, *via, "--dry-run", "--json", model="gpt-4o-mini").stdout)["worst"]["cost"]
    assert half == pytest.approx(full / 2)


def test_an_output_without_its_journal_is_not_written_over(
    provider: Callable[..., SimulatedProvider], briefs: Path
) -> None:
    """Unless the user insists."""
    server = provider()
    assert batch(server).exit_code == 0
    os.rename("out.jsonl.journal", "elsewhere")
    result = batch(server)
    assert (result.exit_code, "--overwrite" in result.stderr) == (2, True)
    assert batch(server, "--overwrite").exit_code == 0
    assert invoke("export", "elsewhere", "-o", "out.jsonl").exit_code == 2
    assert invoke("export", "elsewhere", "-o", "new.jsonl").exit_code == 0
    assert len(rows("new.jsonl")) == 6


@pytest.mark.parametrize("name", ["noext", "drafts.d"])
def test_an_output_is_what_it_was_asked_to_be(
    provider: Callable[..., SimulatedProvider], briefs: Path, name: str
) -> None:
    """A file without an ending stays a file, a folder with one a folder, also before it is there."""
    server = provider()
    option = "-o" if name == "noext" else "--out-dir"
    arguments = ["batch", "briefs.jsonl", option, name, *options(server, model="gpt-4o")]
    assert invoke(*arguments, "--max-cost", "0.006").exit_code == 6
    with contextlib.suppress(FileNotFoundError):
        os.remove(name) if name == "noext" else shutil.rmtree(name)
    for _ in range(2):
        assert invoke("export", name).exit_code == 0
        assert os.path.isfile(name) == (name == "noext")
    assert invoke("resume", name, "--max-cost", "1").exit_code == 0
    assert invoke("export", name, option, name).exit_code == 0
    found = [row["id"] for row in rows(name if name == "noext" else f"{name}/index.jsonl")]
    assert found == [f"d{n}" for n in range(6)]


def test_a_file_that_is_written_over_does_not_grow_on(provider: Callable[..., SimulatedProvider], briefs: Path) -> None:
    """Not with lines of another run either, also if they are of documents of the same names."""
    server = provider()
    other = Path("out.jsonl")
    other.write_text('{"mine": 1}\n' + '{"id": "d0", "text": "other", "complete": true}\n')
    Path("out.failed.jsonl").write_text("mine\n")
    assert batch(server, "--as-finished").exit_code == 2
    assert batch(server, "--as-finished", "--overwrite").exit_code == 0
    assert [row["text"] for row in rows("out.jsonl")] == [POEM] * 6
    assert not Path("out.failed.jsonl").exists()
    Path("new.jsonl").write_text('{"id": "d0", "text": "other", "complete": true}\n')
    assert invoke("resume", "out.jsonl", "-o", "new.jsonl", "--as-finished", "--overwrite").exit_code == 0
    assert [row["text"] for row in rows("new.jsonl")] == [POEM] * 6


def test_what_the_journal_did_not_write_is_not_written_over(
    provider: Callable[..., SimulatedProvider], briefs: Path
) -> None:
    """A journal that is there makes only those outputs its own that it has written, in any run."""
    server = provider()
    assert batch(server).exit_code == 0
    Path("book").mkdir()
    mine = [Path("book/d1.md"), Path("book/d2.incomplete.md"), Path("notes.jsonl")]
    for path in mine:
        path.write_text("mine\n")
    order = ["batch", "briefs.jsonl", *options(server), "--journal", "out.jsonl.journal"]
    for refused in (
        batch(server, "--out-dir", "book"),
        invoke(*order, "-o", "notes.jsonl"),
        invoke("resume", "out.jsonl", "-o", "notes.jsonl"),
    ):
        assert (refused.exit_code, "not from the journal" in refused.stderr) == (2, True)
    assert [path.read_text() for path in mine] == ["mine\n"] * 3
    assert batch(server, "--out-dir", "book", "--overwrite").exit_code == 0
    assert invoke(*order, "-o", "second.jsonl").exit_code == 0
    for again in (batch(server, "--out-dir", "book"), invoke(*order, "-o", "second.jsonl"), batch(server)):
        assert again.exit_code == 0, again.stderr
    os.rename("out.jsonl.journal", "elsewhere")
    assert batch(server, "--overwrite").exit_code == 0
    order[-1] = "elsewhere"
    assert invoke(*order, "-o", "second.jsonl").exit_code == 0
    assert invoke(*order, "-o", "out.jsonl").exit_code == 2


def test_what_changed_since_is_named(provider: Callable[..., SimulatedProvider], briefs: Path) -> None:
    """Settings and rows, each by name; nothing is sent. What is new is drafted, what is gone is said."""
    server = provider()
    assert batch(server).exit_code == 0
    sent = len(server.requests)
    result = batch(server, "--max-rounds", "9", cap=300)
    assert (result.exit_code, len(server.requests)) == (2, sent)
    assert "max_tokens=300 (was 200)" in result.stderr
    assert "policy.max_rounds=9 (was None)" in result.stderr
    assert batch(server, cap=300, model="simulated").exit_code == 2
    assert batch(server, "--accept-changes", cap=300).exit_code == 0
    lines = briefs.read_text().splitlines()
    lines[1] = lines[1].replace("number", "nothing")
    del lines[4]
    briefs.write_text("\n".join([*lines, '{"id": "new", "prompt": "Write anew."}']))
    result = batch(server, cap=300)
    assert (result.exit_code, len(server.requests)) == (2, sent)
    assert "briefs.jsonl:2: id='d1': it asks for something else" in result.stderr
    assert "('d4')" in result.stderr
    briefs.write_text("\n".join([lines[0], *lines[2:], '{"id": "new", "prompt": "Write anew."}']))
    assert batch(server, cap=300).exit_code == 0
    assert {request.prompt for request in server.requests[sent:]} == {"Write anew."}
    assert {row["id"] for row in rows("out.jsonl")} == {"d0", "d1", "d2", "d3", "d4", "d5", "new"}


# -- pauses -----------------------------------------------------------------------------------------------------------


def test_the_cost_cap_pauses_and_a_higher_one_goes_on(provider: Callable[..., SimulatedProvider], briefs: Path) -> None:
    """With an exit code of its own; what came is written, and never more is spent."""
    server = provider()
    result = batch(server, "--max-cost", "0.0006", model="gpt-4o-mini")
    assert (result.exit_code, "paused (max_cost)" in result.stderr) == (6, True)
    spent = json.loads(invoke("status", "out.jsonl", "--json").stdout)
    assert 0 < spent["cost"] <= 0.0006
    assert os.path.exists("out.jsonl")
    assert batch(server, "--max-cost", "1", model="gpt-4o-mini").exit_code == 0
    assert [row["text"] for row in rows("out.jsonl")] == [POEM] * 6
    assert sum(row["rounds"] for row in rows("out.jsonl")) == len(server.requests)


def test_a_deadline_pauses(provider: Callable[..., SimulatedProvider], briefs: Path) -> None:
    """The replies under way are waited for, and `resume` needs neither input nor settings."""
    server = provider(first_delay=0.25)
    assert batch(server, "--deadline", "0.4").exit_code == 6
    assert len(server.requests) > 0
    briefs.unlink()
    result = invoke("resume", "out.jsonl.journal")
    assert result.exit_code == 0, result.stderr
    assert [row["text"] for row in rows("out.jsonl")] == [POEM] * 6


def test_a_key_that_stops_working_pauses(provider: Callable[..., SimulatedProvider], briefs: Path) -> None:
    """It does not burn through the rows, and no row has failed because of it."""
    works = False
    server = provider(faults=lambda _: None if works else Behaviour("status", status=401))
    result = batch(server, "--as-finished")
    assert (result.exit_code, "paused (credentials)" in result.stderr) == (7, True)
    assert rows("out.failed.jsonl") == []
    works = True
    assert batch(server, "--as-finished").exit_code == 0
    assert len(rows("out.jsonl")) == 6


def test_an_output_that_cannot_be_written(provider: Callable[..., SimulatedProvider], briefs: Path) -> None:
    """The run goes on, the journal has everything, and an export brings it."""
    os.makedirs("outside")
    os.makedirs("drafts")
    os.symlink(os.path.abspath("outside"), "drafts/x")
    briefs.write_text(briefs.read_text().replace('"d', '"x/d'))
    server = provider()
    result = batch(server, "--out-dir", "drafts", "--overwrite")
    assert result.exit_code == 5
    assert "leads out of" in result.stderr
    assert len(rows("out.jsonl")) == 6
    assert os.listdir("outside") == []
    assert invoke("export", "out.jsonl", "--out-dir", "safe").exit_code == 0
    assert len(os.listdir("safe/x")) == 6


def test_no_key_is_shown_or_kept(
    provider: Callable[..., SimulatedProvider], briefs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in what is printed, logged, written or journalled, even where a server sends it back."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    body = {"error": {"message": f"Incorrect API key provided: {KEY}", "type": "invalid_request_error"}}
    server = provider(faults=lambda r: Behaviour("status", status=400, body=body) if "number 3" in r.prompt else None)
    result = batch(server, "--verbose", "--json")
    assert result.exit_code == 1
    shown = result.stdout + result.stderr + invoke("status", "out.jsonl", "--json").stdout
    assert KEY not in shown


# -- killed and interrupted -------------------------------------------------------------------------------------------


def start(server: SimulatedProvider, *more: str) -> subprocess.Popen[str]:
    """The command as a process of its own."""
    arguments = [sys.executable, "-m", "continuum", "batch", "briefs.jsonl", "-o", "out.jsonl", *options(server), *more]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8")


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)


def wait_for_requests(server: SimulatedProvider, count: int) -> None:
    """Wait until so many requests have come."""
    wait_for(lambda: len(server.requests) >= count)


@pytest.mark.parametrize("more", [[], ["--as-finished", "--out-dir", "drafts"]])
def test_killed_again_and_again(provider: Callable[..., SimulatedProvider], briefs: Path, more: list[str]) -> None:
    """Whenever it is killed, the same command ends with the same documents, and no line is torn or doubled."""
    server = provider(delay=0.02)
    for kill in range(1, 4):
        process = start(server, "--concurrency", "2", *more)
        # It may have ended before: a kill that comes late leaves little to ask for.
        wait_for(lambda running=process, count=9 * kill: len(server.requests) >= count or running.poll() is not None)
        process.kill()
        process.communicate()
    result = batch(server, *more)
    assert result.exit_code == 0, result.stderr
    found = rows("out.jsonl")
    assert sorted(row["id"] for row in found) == [f"d{n}" for n in range(6)]
    assert {row["text"] for row in found} == {POEM}
    assert not [name for name in os.listdir() if "tmp" in name]
    if "--out-dir" in more:
        assert sorted(os.listdir("drafts")) == [*(f"d{n}.md" for n in range(6)), "index.jsonl"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_drains(
    provider: Callable[..., SimulatedProvider], briefs: Path, number: signal.Signals, code: int
) -> None:
    """Replies under way are waited for and nothing new is sent; the same command goes on and buys nothing twice."""
    server = provider(first_delay=0.3)
    process = start(server, "--concurrency", "3")
    wait_for_requests(server, 4)
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, "stopped" in told, "Traceback" in told) == (code, True, False), told
    assert os.path.exists("out.jsonl")
    assert batch(server).exit_code == 0
    assert [row["text"] for row in rows("out.jsonl")] == [POEM] * 6
    assert sum(row["rounds"] for row in rows("out.jsonl")) == len(server.requests)


def open_files(process: int) -> set[str]:
    """The files that a process has open."""
    folder = Path(f"/proc/{process}/fd")
    found = set()
    for name in os.listdir(folder):
        with contextlib.suppress(OSError):
            found.add(os.readlink(folder / name))
    return found


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="tells that the file is being read by /proc")
def test_a_signal_while_the_rows_are_looked_at(provider: Callable[..., SimulatedProvider], briefs: Path) -> None:
    """It does not wait for the last row, and nothing is sent or left behind."""
    with briefs.open("a") as file:
        file.writelines(f'{{"id": "more {n}", "prompt": "x"}}\n' for n in range(300_000))
    server = provider()
    process = start(server)
    wait_for(lambda: str(briefs) in open_files(process.pid))
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, server.requests) == (130, []), told
    assert "Traceback" not in told
    assert os.listdir() == ["briefs.jsonl"]


def test_the_second_signal_stops_at_once(provider: Callable[..., SimulatedProvider], briefs: Path) -> None:
    """Replies under way are cut; what had come of them is gone on with."""
    server = provider(delay=0.2, chunk_tokens=1)  # a reply takes 40 s
    process = start(server, "--concurrency", "3")
    wait_for_requests(server, 3)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while "once more" not in process.stderr.readline():
        pass
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert time.monotonic() - began < 20
    server.stop()
    again = provider()
    result = invoke("resume", "out.jsonl", "--base-url", again.openai_base_url)
    assert result.exit_code == 0, result.stderr
    assert [row["text"] for row in rows("out.jsonl")] == [POEM] * 6


def test_an_export_over_a_file_that_grows(provider: Callable[..., SimulatedProvider], briefs: Path) -> None:
    """It is as of that moment, and in the end all documents stand there all the same."""
    server = provider(first_delay=0.1)
    process = start(server, "--as-finished", "--concurrency", "2")
    wait_for(lambda: bool(rows("out.jsonl")))
    assert invoke("export", "out.jsonl").exit_code == 0
    assert process.poll() is None
    _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    assert sorted(row["id"] for row in rows("out.jsonl")) == [f"d{n}" for n in range(6)]
    assert {row["text"] for row in rows("out.jsonl")} == {POEM}


def test_a_second_process_is_refused(provider: Callable[..., SimulatedProvider], briefs: Path) -> None:
    """One journal, one run; looking at it and exporting is allowed."""
    server = provider(first_delay=5)
    process = start(server)
    try:
        wait_for_requests(server, 4)
        for more in ([], ["--as-finished"]):
            result = batch(server, *more)
            assert (result.exit_code, "in use" in result.stderr) == (2, True), result.stderr
        assert not os.path.exists("out.jsonl")
        assert "4 under way, 2 to be drafted" in invoke("status", "out.jsonl").stdout  # the others wait to hear of them
        assert invoke("export", "out.jsonl", "-o", "now.jsonl").exit_code == 0
        assert rows("now.jsonl") == []
    finally:
        process.kill()
        process.communicate()


def test_a_second_process_is_refused_whatever_it_calls_the_journal(
    provider: Callable[..., SimulatedProvider], briefs: Path
) -> None:
    """A link to a journal is that journal."""
    server = provider(first_delay=5)
    os.symlink("out.jsonl.journal", "link.journal")
    Path("folder").mkdir()
    os.symlink("..", "folder/up")
    process = start(server)
    wait_for_requests(server, 1)
    for name in ("link.journal", "folder/up/out.jsonl.journal"):
        second = invoke("batch", "briefs.jsonl", "-o", "other.jsonl", "--journal", name, *options(server))
        assert (second.exit_code, f"in use by process {process.pid}" in second.stderr) == (2, True), second.stderr
    process.kill()
    process.communicate()


def test_documents_without_a_row_are_not_called_complete(
    provider: Callable[..., SimulatedProvider], briefs: Path
) -> None:
    """They were begun, and their rows are gone: the exit code and the last line say that something is left."""
    server = provider()
    assert batch(server, "--max-cost", "0.006", model="gpt-4o").exit_code == 6
    briefs.write_text("".join(briefs.read_text().splitlines(keepends=True)[:2]))
    result = batch(server, model="gpt-4o")
    assert result.exit_code == 3
    last = result.stderr.splitlines()[-1]
    assert last.startswith("done with these rows")
    assert "4 to be drafted" in last
    result = invoke("resume", "out.jsonl")
    assert (result.exit_code, result.stderr.splitlines()[-1].split(" ")[0]) == (0, "complete")


def test_a_file_that_is_no_journal(provider: Callable[..., SimulatedProvider], briefs: Path) -> None:
    """It is said, and left as it is."""
    server = provider()
    for data in (b"something else", b"SQLite format 3\0 and then rubbish"):
        Path("out.jsonl.journal").write_bytes(data)
        result = batch(server)
        assert (result.exit_code, server.requests) == (2, [])
        assert "out.jsonl.journal" in result.stderr
        assert Path("out.jsonl.journal").read_bytes() == data
        assert invoke("status", "out.jsonl").exit_code == 2


@pytest.mark.parametrize("how", ["a text", "pages"])
def test_damage_takes_nothing_else_with_it(
    provider: Callable[..., SimulatedProvider], briefs: Path, how: str, tmp_path: Path
) -> None:
    """What is whole is written, what is not is named; a file that was written before the damage stays."""
    server = provider()
    briefs.write_text("".join(json.dumps({"id": f"d{n}", "prompt": f"Write number {n}."}) + "\n" for n in range(40)))
    assert batch(server).exit_code == 0
    before = Path("out.jsonl").read_bytes()
    journal = Path("out.jsonl.journal")
    connection = sqlite3.connect(journal)
    sql = "UPDATE result SET result = replace(result, 'tide', 'tile') WHERE document = 4"
    if how == "a text":
        assert connection.execute(sql).rowcount == 1
    connection.commit()
    place = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'result'").fetchone()[0]
    size = connection.execute("PRAGMA page_size").fetchone()[0]
    connection.close()
    if how == "pages":  # a leaf of the table of results: its number stands in the cells of the root
        data = bytearray(journal.read_bytes())
        root = data[(place - 1) * size : place * size]
        cell = int.from_bytes(root[12:14], "big")
        leaf = int.from_bytes(root[cell : cell + 4], "big")
        data[(leaf - 1) * size : leaf * size] = b"A" * size
        journal.write_bytes(data)
    for command in (["resume", "out.jsonl"], ["batch", "briefs.jsonl", "-o", "out.jsonl", *options(server)]):
        result = invoke(*command)
        assert result.exit_code == 5
        assert "is damaged: the results of " in result.stderr
        assert "kept: 40 of 40 documents complete" in result.stderr
        assert Path("out.jsonl").read_bytes() == before
    result = invoke("export", "out.jsonl", "-o", "whole.jsonl", "--out-dir", "whole")
    assert (result.exit_code, "what is whole" in result.stderr) == (2, True)
    whole = rows("whole.jsonl")
    assert 20 <= len(whole) < 40
    assert {row["text"] for row in whole} == {POEM}
    assert len(os.listdir("whole")) == len(whole) + 1
    lost = {f"d{n}" for n in range(40)} - {row["id"] for row in whole}
    assert all(repr(id) in result.stderr for id in list(lost)[:10])


@pytest.mark.parametrize("part", ["batch", "document", "document_number", "document_open", "entry", "note", "partial"])
def test_a_damaged_page_takes_no_results_but_its_own(
    provider: Callable[..., SimulatedProvider], briefs: Path, part: str
) -> None:
    """Whichever table or index it begins, all results that stand elsewhere are written."""
    assert batch(provider()).exit_code == 0
    wanted = rows("out.jsonl")
    with contextlib.closing(sqlite3.connect("out.jsonl.journal")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (part,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    data = bytearray(Path("out.jsonl.journal").read_bytes())
    data[(page - 1) * size : page * size] = random.Random(page).randbytes(size)
    Path("out.jsonl.journal").write_bytes(data)
    result = invoke("export", "out.jsonl.journal", "-o", "saved.jsonl")
    assert rows("saved.jsonl") == wanted
    if part.startswith("document"):
        assert result.exit_code == (0 if part == "document_open" else 2)
        assert ("the file is damaged" in result.stderr) == (part != "document_open")


def test_a_damaged_round_stops_its_own_document_only(provider: Callable[..., SimulatedProvider], briefs: Path) -> None:
    """The others go on; what came before the damage is in its result, and nothing is bought anew for it."""
    server = provider(first_delay=0.2)
    assert batch(server, "--max-rounds", "3").exit_code == 3
    connection = sqlite3.connect("out.jsonl.journal")
    key = connection.execute("SELECT key FROM document WHERE id = 'd2'").fetchone()[0]
    first = connection.execute("SELECT min(key), outcome FROM entry WHERE key / 1048576 = ?", (key,)).fetchone()
    connection.execute("UPDATE entry SET outcome = replace(outcome, 'e', 'f') WHERE key = ?", (first[0] + 1,))
    connection.commit()
    connection.close()
    sent = len(server.requests)
    result = invoke("retry", "out.jsonl", "--incomplete", "--max-rounds", "40")
    assert result.exit_code == 3, result.stderr
    assert {row["id"] for row in rows("out.jsonl")} == {"d0", "d1", "d3", "d4", "d5"}
    assert not [request for request in server.requests[sent:] if request.prompt == "Write number 2."]
    (damaged,) = rows("out.incomplete.jsonl")
    assert damaged["text"] == json.loads(first[1])["text"]
    assert "is damaged: round 2 of job number 3" in damaged["failure"]


@pytest.mark.parametrize("name", ["re.journal", "re"])
def test_a_journal_from_python_names_no_output(
    provider: Callable[..., SimulatedProvider], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whatever it is called: no file or folder is made up."""
    monkeypatch.chdir(tmp_path)
    server = provider()
    client = AsyncOpenAI(base_url=server.openai_base_url, api_key="none")
    continuum.run_batch([{"id": "a", "prompt": "Write."}], client=client, model="m", max_tokens=200, journal=name)
    for command in (["retry", name, "--failed"], ["resume", name], ["export", name]):
        result = invoke(*command)
        assert (result.exit_code, "where to?" in result.stderr) == (2, True), result.stderr
    assert {path.split("-")[0] for path in os.listdir()} == {name}
    assert invoke("export", name, "-o", "out.jsonl").exit_code == 0
    assert [row["text"] for row in rows("out.jsonl")] == [POEM]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"role": "user"}, "needs a role and content"),
        ({"role": "user", "content": None}, "needs a role and content"),
        ({"role": "usr", "content": "x"}, "role='usr' should be 'user'"),
        ({"role": "assistant", "tool_calls": [{"id": "c"}]}, ""),
        ({"role": "latest_reminder", "content": "of a server's own"}, ""),
    ],
)
def test_messages_that_no_server_takes(briefs: Path, message: dict[str, Any], words: str) -> None:
    """They are found among the rows, before anything is sent."""
    row = {"id": "h", "messages": [message, {"role": "user", "content": "Go on."}]}
    briefs.write_text(json.dumps(row) + "\n")
    result = invoke("batch", "briefs.jsonl", "-m", "m", "--base-url", "http://127.0.0.1:9/v1", "--dry-run")
    assert result.exit_code == (2 if words else 0), result.stderr
    assert words in result.stderr


def test_a_run_says_what_it_goes_on_from(provider: Callable[..., SimulatedProvider], briefs: Path) -> None:
    """Documents and rounds that are kept, before anything is sent."""
    server = provider(first_delay=0.2)
    assert "going on from" not in batch(server, "--deadline", "0.5").stderr
    result = batch(server)
    assert result.exit_code == 0
    assert result.stderr.startswith("going on from: ")
    assert "6 to be drafted" in result.stderr.splitlines()[0] or "complete" in result.stderr.splitlines()[0]


_WIDE = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
from continuum.cli import main
sys.argv[1:] = json.loads(sys.argv[1])
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no resource limits")
def test_many_documents_at_once_need_no_higher_limit_of_files(
    provider: Callable[..., SimulatedProvider], briefs: Path
) -> None:
    """A hundred connections are open at once although the shell allows 64 files, and each is used again."""
    server = provider(first_delay=0.4)
    briefs.write_text("".join(json.dumps({"id": f"d{n}", "prompt": f"Write {n}."}) + "\n" for n in range(100)))
    arguments = ["batch", "briefs.jsonl", "-o", "out.jsonl", *options(server), "--concurrency", "100", "--unary"]
    process = subprocess.Popen([sys.executable, "-c", _WIDE, json.dumps(arguments)], stderr=subprocess.PIPE, text=True)
    wait_for(lambda: server.open_connections >= 100 or process.poll() is not None)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, "100 of 100 documents complete" in told) == (0, True), told
    assert set(server.statuses) == {200}


_FULL = """
import json, resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
from continuum.cli import main
sys.argv[1:] = json.loads(sys.argv[1])
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no resource limits")
@pytest.mark.parametrize("room", [0, 6000])
def test_a_disk_that_is_full_from_the_start(
    provider: Callable[..., SimulatedProvider], briefs: Path, room: int
) -> None:
    """It is named each time, nothing is sent, and with room the same command goes on."""
    server = provider()
    arguments = json.dumps(["batch", "briefs.jsonl", "-o", "out.jsonl", *options(server)])
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", _FULL, arguments, str(room)], stderr=subprocess.PIPE, text=True)
        assert (done.returncode, server.requests) == (5, []), done.stderr
        assert done.stderr.startswith("error: the journal"), done.stderr
        assert "the disk " in done.stderr
    assert batch(server).exit_code == 0


# -- progress ---------------------------------------------------------------------------------------------------------


def board(width: int = 80, **more: Any) -> tuple[_progress.Board, io.StringIO, list[float]]:
    """A board on a terminal of this width, and its clock."""
    out, now = io.StringIO(), [100.0]
    console = Console(file=out, width=width, force_terminal=True, highlight=False, emoji=False)
    made = _progress.Board(console, [KEY], clock=lambda: now[0], title="drafts-with-a-very-long-name.jsonl", **more)
    made.total = 20
    return made, out, now


def status_of(seconds: float = 60.0, in_flight: int = 4) -> Status:
    """Where a run stands."""
    lane = LaneState(3, 1, 8, 12.0, {"requests": 600.0, "output_tokens": 80_000.0}, 50, 2)
    kept = Summary({"complete": 3, "failed": 1, "pending": 16}, 30, 9000, 3000, 1.5)
    return Status(kept, 20, True, in_flight, 8, {("openai", "http://x", f"model {KEY}"): lane}, None, seconds)


@pytest.mark.parametrize("width", [8, 20, 40, 80, 200])
def test_the_view_fits_any_width(width: int) -> None:
    """No line is wider than the terminal, and no key is shown."""
    made, out, now = board(width, max_cost=50.0)
    made.started(status_of)
    for number in range(4):
        made.round("a", 1, Usage(300, 100), 0.05, 2.0)
        made.finished(number, JobResult("a\x1b[2J", "complete", "x", True, "stop", "finished"))
    now[0] += 30
    made.waiting("a", 5.0, "rate_limited")
    made._console.print(made.view(status_of()))
    shown = out.getvalue()
    assert KEY not in shown
    lines = shown.splitlines()
    assert len(lines) == 6
    assert all(Text.from_ansi(line).cell_len <= width for line in lines)


def test_the_line_tells_what_matters() -> None:
    """Documents, failures, pace, money now and at the end, limits and time; earlier runs count."""
    made, _, now = board(max_cost=50.0)
    made.started(status_of)
    for number in range(4):
        now[0] += 2.5
        made.round("a", 1, Usage(300, 100), 0.125, 2.0)
        made.finished(number, JobResult("a", "complete", "x", True, "stop", "finished"))
    line = made.line(status_of())
    assert line == (
        "8/20 documents, 1 failed, 4 in flight (aim 8) · 34 rounds · 3,400 tokens out, 10.2k in · 40 tokens/s · "
        "$2.0000, about $4.0000 at the end (at most $50.00) · "
        f"model {KEY}: paused 12 s, 600 requests/min, 80k tokens out/min, 1 queued, 2 of 50 requests refused · "
        "1:00 so far, about 1:40 left"
    )
    made.say(line)
    made.stopping("max_cost", "the money is spent")
    assert "stopping: the money is spent" in made.line(status_of())


def test_plain_lines_where_there_is_no_terminal(provider: Callable[..., SimulatedProvider], briefs: Path) -> None:
    """One now and then, without any control characters; --quiet has none."""
    server = provider(first_delay=0.2)
    result = batch(server, "--progress-every", "0.1")
    lines = result.stderr.splitlines()
    assert any("documents, " in line and "in flight" in line for line in lines[:-1])
    assert "\x1b" not in result.stderr
    os.remove("out.jsonl.journal")
    assert batch(server, "--quiet", "--overwrite").stderr == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no disk that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("more", [[], ["--verbose"]])
def test_notes_that_cannot_be_written_do_not_end_it(
    provider: Callable[..., SimulatedProvider],
    briefs: Path,
    more: list[str],
    unbuffered: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a run says about itself is the least of it, also what is still buffered when it ends."""
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    server = provider(first_delay=0.1)
    arguments = ["batch", "briefs.jsonl", "-o", "out.jsonl", *options(server), "--progress-every", "0.1", *more]
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "continuum", *arguments], stderr=full, stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (0, b"")
    assert [row["text"] for row in rows("out.jsonl")] == [POEM] * 6


def test_figures_are_brief() -> None:
    """Numbers, money and time as people read them."""
    assert [_progress.brief(n) for n in (0, 950, 12345, 4.56e6, 7e9)] == ["0", "950", "12.3k", "4.56M", "7G"]
    assert [_progress.brief(n) for n in (9999, 999_400, 999_600, 999_999_999, 1e12)] == [
        "9,999", "999k", "1M", "1G", "1T"
    ]  # fmt: skip
    assert [_progress.dollars(n) for n in (0.00012, 12.345)] == ["$0.0001", "$12.35"]
    assert [_progress.duration(n) for n in (42, 725, 11525)] == ["42 s", "12:05", "3:12:05"]
    assert _terminal.count(1, "round") == "1 round"
