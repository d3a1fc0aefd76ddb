"""Where results go: nothing torn, nothing doubled, nothing outside the folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from continuum import Seam, Usage
from continuum._core.errors import ConfigurationError
from continuum.batch.job import JobResult
from continuum.batch.names import Names, folded, safe_name
from continuum.batch.outputs import Outputs, Plan, append, replacing
from continuum.batch.rows import id_of, line_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from continuum.batch.journal import DocumentState
    from continuum.batch.rows import RowFormat

WHOLE = JobResult(
    "a", "complete", "All of it.", True, "stop", "finished", 2, Usage(5, 7), 0.25, (Seam(3, 2, "plain"),), "m"
)
PART = JobResult("b", "incomplete", "Some of", False, "length", "max_rounds", 16, Usage(1, 2))
NONE = JobResult("c", "failed", "", False, "unknown", "rejected", failure="400: no")


class Kept:
    """Results in memory, as a journal gives them."""

    def __init__(self, *results: JobResult | str, again: str = "") -> None:
        self.all = results  # a mere id: not finished
        self.again = again  # ids of those that are drafted again

    def _state(self, result: JobResult | str) -> DocumentState:
        return "pending" if isinstance(result, str) or result.id in self.again else result.status

    async def ids(self) -> AsyncIterator[tuple[int, str, DocumentState]]:
        """Every document."""
        for number, result in enumerate(self.all):
            yield number, result if isinstance(result, str) else result.id, self._state(result)

    async def results(self, *states: DocumentState) -> AsyncIterator[tuple[int, JobResult]]:
        """Those of which something came."""
        for number, result in enumerate(self.all):
            if isinstance(result, JobResult) and (not states or self._state(result) in states):
                yield number, result


def write(plan: Plan, kept: Kept, *added: JobResult, finish: bool = True) -> None:
    """What the command does: set right, add what finishes, and finish."""

    async def run() -> None:
        outputs = Outputs(plan)
        await outputs.learn(kept)
        await outputs.begin(kept)
        for result in added:
            outputs.add(result)
        if finish:
            await outputs.finish(kept)
        outputs.close()

    anyio.run(run)


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file, each of which has to be whole."""
    data = path.read_bytes()
    assert not data or data.endswith(b"\n")
    return [json.loads(line) for line in data.splitlines()]


def names_in(folder: Path) -> list[str]:
    """All files below a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


# -- names ------------------------------------------------------------------------------------------------------------

IDS = st.text(min_size=1, max_size=60) | st.text("aA/.\\ :-é\u0301ſßCONconx\0\n\u202e", min_size=1, max_size=12)
NASTY = [
    *("..", "../../etc/passwd", "/etc/passwd", "C:\\x", "a/../../b", ".ssh", "CON", "com1.txt", "a.", "a ", "a/b"),
    *("a.md/b", "x.incomplete", "index.jsonl/x", "\udc80", "a\0b", "//", "-rf", "a\nb", "NUL /x", "x" * 512, "é" * 512),
]


@given(id=IDS | st.sampled_from(NASTY))
def test_no_name_leaves_the_folder(id: str) -> None:
    """Whatever the id: a plain relative path that every usual file system takes, and no device."""
    name = safe_name(id)
    assert name == name.encode().decode()
    for path in (PurePosixPath(name), PureWindowsPath(name)):
        assert not path.is_absolute()
        assert not path.anchor
        assert ".." not in path.parts
    for part in name.split("/"):
        assert 0 < len(part.encode()) <= 140
        assert not part.startswith(".")
        assert part == part.strip().rstrip(".")
        assert part.isprintable() or "\u3000" in part or any(c.isspace() for c in part)
        assert not set(part) & set('<>:"|?*\\\0\n')
        assert part.split(".")[0].strip().upper() not in {"CON", "PRN", "AUX", "NUL", "COM1", "LPT9"}


@given(ids=st.lists(IDS | st.sampled_from(NASTY), unique=True, max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_two_documents_share_a_file(ids: list[str]) -> None:
    """Also where case or the form of an accent does not count, and no document is where another has a folder."""
    names = Names().add(ids)
    files = [f"{names.of(id)}{ending}" for id in ids for ending in (".md", ".incomplete.md")]
    assert len({folded(file) for file in files}) == len(files)
    folders = {folded("/".join(file.split("/")[:depth])) for file in files for depth in range(1, file.count("/") + 1)}
    assert not folders & {folded(file) for file in [*files, "index.jsonl"]}
    names.close()


def test_plain_ids_keep_their_names() -> None:
    """What is safe is not touched; of two that differ in case, the second is told apart."""
    names = Names().add(["Chapter 1", "Löwe", "a/b", "chapter 1", "写"])
    assert [names.of(id) for id in ("Chapter 1", "Löwe", "a/b", "写")] == ["Chapter 1", "Löwe", "a/b", "写"]
    assert names.of("chapter 1").startswith("chapter 1-")
    names.close()


# -- rows -------------------------------------------------------------------------------------------------------------


@given(id=st.text(min_size=1), text=st.text(), format=st.sampled_from(["continuum", "openai-batch"]))
def test_a_row_is_one_line_for_everybody(id: str, text: str, format: RowFormat) -> None:
    """No separator that some reader knows is inside, the id is found again, and the text is what it was."""
    line = line_of(replace(WHOLE, id=id, text=text), format)
    assert len(line.decode().splitlines()) == 1
    assert id_of(line, format) == id
    assert id_of(line[:-1], format) is id_of(line[:-2] + b"\n", format) is None
    row = json.loads(line)
    found = row["text"] if format == "continuum" else row["response"]["body"]["choices"][0]["message"]["content"]
    assert found == text


def test_a_row_has_the_whole_account() -> None:
    """Seams and usage included."""
    row = json.loads(line_of(WHOLE))
    assert list(row)[:2] == ["id", "text"]
    assert {"complete", "finish_reason", "reason", "rounds", "usage", "cost", "seams"} <= row.keys()
    assert (row["usage"]["output_tokens"], Seam(**row["seams"][0])) == (7, WHOLE.seams[0])


def test_the_openai_shape_is_what_their_sdk_reads() -> None:
    """A completion in a response; an error where nothing came; and a text that is not whole does not say `stop`."""
    row = json.loads(line_of(WHOLE, "openai-batch"))
    completion = ChatCompletion.model_validate(row["response"]["body"], strict=True)
    assert (row["custom_id"], row["error"], row["response"]["status_code"]) == ("a", None, 200)
    assert completion.choices[0].message.content == "All of it."
    assert completion.choices[0].finish_reason == "stop"
    part = json.loads(line_of(replace(PART, finish_reason="stop"), "openai-batch"))
    assert part["response"]["body"]["choices"][0]["finish_reason"] == "length"
    none = json.loads(line_of(NONE, "openai-batch"))
    assert (none["response"], none["error"]) == (None, {"code": "rejected", "message": "400: no"})


# -- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_finished", [False, True])
def test_what_is_whole_and_what_is_not_is_kept_apart(tmp_path: Path, as_finished: bool) -> None:
    """In three files; one that would be empty is not there, and one that is no longer true goes."""
    plan = Plan(tmp_path / "d.jsonl", as_finished=as_finished)
    write(plan, Kept(WHOLE, PART, NONE, "d"))
    assert [names_in(tmp_path), rows(tmp_path / "d.failed.jsonl")[0]["failure"]] == [
        ["d.failed.jsonl", "d.incomplete.jsonl", "d.jsonl"],
        "400: no",
    ]
    write(plan, Kept(WHOLE, replace(PART, complete=True, status="complete"), replace(NONE, id="c2")))
    assert [row["id"] for row in rows(tmp_path / "d.jsonl")] == ["a", "b"]
    assert [row["id"] for row in rows(tmp_path / "d.failed.jsonl")] == ["c2"]
    assert as_finished or not (tmp_path / "d.incomplete.jsonl").exists()


def test_as_finished_after_a_crash(tmp_path: Path) -> None:
    """Torn, doubled, strange and outdated lines go, what is missing comes, and what was sound stays where it was."""
    plan = Plan(tmp_path / "d.jsonl", as_finished=True)
    one, two, three = (replace(WHOLE, id=id) for id in "123")
    write(plan, Kept("1", "2", "3"), two, one, finish=False)
    path = tmp_path / "d.jsonl"
    sound = path.read_bytes()
    for garbage in (line_of(three)[:-9], b"\0" * 99, b'{"id": "x"}\n', line_of(two), line_of(PART), b"\n", b'{"id":'):
        path.write_bytes(sound + garbage)
        write(plan, Kept(one, two, "3"), finish=False)
        assert path.read_bytes() == sound, garbage
        path.write_bytes(garbage.rstrip(b"\n") + b"\n" + sound + garbage)
        write(plan, Kept(one, two, three), finish=False)
        assert sorted(row["id"] for row in rows(path)) == ["1", "2", "3"], garbage
    write(plan, Kept("1", "2", three))  # documents that are drafted again
    assert [row["id"] for row in rows(path)] == ["3"]


def test_a_growing_file_that_is_replaced_meanwhile_is_set_right(tmp_path: Path) -> None:
    """An export put another one in its place, or somebody removed it: at the end it has every line once."""
    one, two, three, four = (replace(WHOLE, id=id) for id in "1234")
    path = tmp_path / "d.jsonl"

    async def run(last: JobResult | None) -> None:
        outputs = Outputs(Plan(path, as_finished=True))
        await outputs.begin(Kept("1", "2", "3", "4"))
        outputs.add(one)
        outputs.add(two)
        with replacing(path) as export:
            export.write(line_of(one))
        outputs.add(three)
        path.unlink()
        if last is not None:
            outputs.add(last)
        await outputs.finish(Kept(one, two, three, last or "4"))

    for last in (None, four):
        anyio.run(run, last)
        assert sorted(row["id"] for row in rows(path)) == ["1", "2", "3", "4"][: 4 if last else 3]
        path.unlink()


def test_as_finished_with_documents_that_are_drafted_again(tmp_path: Path) -> None:
    """Their lines stay until there is something newer, also after a crash; in the end each stands there once."""
    plan = Plan(tmp_path / "d.jsonl", as_finished=True)
    incomplete, failed = tmp_path / "d.incomplete.jsonl", tmp_path / "d.failed.jsonl"
    write(plan, Kept(WHOLE, PART, NONE))
    more = replace(PART, text="Some of it", rounds=17)
    write(plan, Kept(WHOLE, PART, NONE, again="bc"))
    assert [row["rounds"] for row in rows(incomplete)] == [16]
    assert [row["id"] for row in rows(failed)] == ["c"]
    write(plan, Kept(WHOLE, PART, NONE, again="bc"), more, finish=False)
    assert [row["rounds"] for row in rows(incomplete)] == [16, 17]
    write(plan, Kept(WHOLE, more, NONE, again="c"), finish=False)
    assert [row["rounds"] for row in rows(incomplete)] == [17]

    async def run() -> None:
        outputs = Outputs(plan)
        await outputs.begin(Kept(WHOLE, more, NONE, again="bc"))
        outputs.add(replace(WHOLE, id="b"))
        outputs.add(replace(WHOLE, id="c"))
        await outputs.finish(Kept(WHOLE, replace(WHOLE, id="b"), replace(WHOLE, id="c")))

    anyio.run(run)
    assert [row["id"] for row in rows(tmp_path / "d.jsonl")] == ["a", "b", "c"]
    assert (rows(incomplete), rows(failed)) == ([], [])


def test_as_finished_what_was_drafted_further_elsewhere(tmp_path: Path) -> None:
    """A line of an incomplete document is compared whole: it may be one of before."""
    plan = Plan(tmp_path / "d.jsonl", as_finished=True)
    write(plan, Kept(WHOLE, PART))
    write(plan, Kept(WHOLE, replace(PART, text="Some of it", rounds=17)))
    assert [(row["text"], row["rounds"]) for row in rows(tmp_path / "d.incomplete.jsonl")] == [("Some of it", 17)]


def test_as_finished_in_another_format(tmp_path: Path) -> None:
    """The file is made anew."""
    write(Plan(tmp_path / "d.jsonl", as_finished=True), Kept(WHOLE))
    write(Plan(tmp_path / "d.jsonl", as_finished=True, format="openai-batch"), Kept(WHOLE))
    assert [row["custom_id"] for row in rows(tmp_path / "d.jsonl")] == ["a"]


def test_a_line_that_does_not_fit_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """A full disk, here a limit of the file's size."""
    code = """
import resource, signal, sys
from continuum.batch.outputs import append
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
with open(sys.argv[1], "ab", buffering=0) as file:
    append(file, b"x" * 599 + b"\\n")
    try:
        append(file, b"y" * 599 + b"\\n")
    except OSError as error:
        print(error.strerror)
"""
    path = tmp_path / "d.jsonl"
    out = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True).stdout
    assert out == "File too large\n"
    assert path.read_bytes() == b"x" * 599 + b"\n"
    with path.open("ab", buffering=0) as file:
        append(file, b"z\n")
    assert path.read_bytes().endswith(b"x\nz\n")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    """Its mode stays, a link stays a link, and a failure leaves nothing behind."""
    target, link = tmp_path / "real.jsonl", tmp_path / "link.jsonl"
    target.write_text("before")
    target.chmod(0o640)
    link.symlink_to(target)
    with pytest.raises(ZeroDivisionError), replacing(target) as file:
        file.write(b"half" * (file.write(b"half") // 0))
    assert (target.read_text(), names_in(tmp_path)) == ("before", ["link.jsonl", "real.jsonl"])
    write(Plan(link), Kept(WHOLE))
    assert link.is_symlink()
    assert (len(rows(target)), target.stat().st_mode & 0o777) == (1, 0o640)


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    """And what a running one writes is not."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    gone, here = (tmp_path / f".d.jsonl.{number}.continuum-tmp" for number in (child.pid, os.getppid()))
    gone.write_text("x")
    here.write_text("x")
    write(Plan(tmp_path / "d.jsonl"), Kept(WHOLE))
    assert not gone.exists()
    assert here.exists()


# -- a folder ---------------------------------------------------------------------------------------------------------


def test_a_folder_of_documents(tmp_path: Path) -> None:
    """A file each as they finish, incomplete ones by their name, and an index with the account."""
    plan = Plan(tmp_path / "d.jsonl", tmp_path / "d")
    deep = replace(WHOLE, id="chapter/../intro", text="Été \ud800")
    write(plan, Kept(WHOLE, PART, NONE, deep), WHOLE, PART, finish=False)
    assert names_in(tmp_path) == ["d/a.md", "d/b.incomplete.md"]
    write(plan, Kept(WHOLE, PART, NONE, deep))
    index = rows(tmp_path / "d" / "index.jsonl")
    assert [row["id"] for row in index] == ["a", "b", "c", "chapter/../intro"]
    assert [row["file"] for row in index][:3] == ["a.md", "b.incomplete.md", None]
    assert (tmp_path / "d" / index[3]["file"]).read_bytes() == "Été \\ud800".encode()
    assert (tmp_path / "d" / "a.md").read_text() == "All of it."
    write(plan, Kept(WHOLE, replace(PART, status="complete", complete=True, text="Some of it.")))
    assert (tmp_path / "d" / "b.md").read_text() == "Some of it."
    assert not (tmp_path / "d" / "b.incomplete.md").exists()
    assert len(rows(tmp_path / "d.jsonl")) == 2


def test_a_link_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    """Nothing is written through it."""
    (tmp_path / "d").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "d" / "x").symlink_to(tmp_path / "outside")
    with pytest.raises(OSError, match="leads out of"):
        write(Plan(folder=tmp_path / "d"), Kept(replace(WHOLE, id="x/a")))
    assert names_in(tmp_path / "outside") == []


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="pipes have no names here")
def test_a_pipe_is_no_output() -> None:
    """As /dev/stdout leads to one, whose real name is that of no file."""
    ends = os.pipe()
    try:
        with pytest.raises(ConfigurationError, match="no regular file"):
            Plan(Path(f"/proc/self/fd/{ends[1]}")).check()
    finally:
        os.close(ends[0])
        os.close(ends[1])


def test_what_cannot_be_written_to(tmp_path: Path) -> None:
    """It is said before anything is sent."""
    (tmp_path / "file").write_text("")
    for plan, words in (
        (Plan(tmp_path), "it is a folder"),
        (Plan(tmp_path / "none" / "d.jsonl"), "no folder"),
        (Plan(Path("/dev/null")), "no regular file"),
        (Plan(folder=tmp_path / "file"), "no folder"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            plan.check()
    plan = Plan(tmp_path / "d.jsonl", tmp_path / "d")
    plan.check()
    assert plan.existing() == []
    write(plan, Kept(WHOLE, PART))
    assert [path.name for path in plan.existing()] == ["d.jsonl", "d.incomplete.jsonl", "d"]
