"""The SQLite file: who may open it, what happens when it cannot be written or read, and that it says so."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from continuum._core.errors import DamagedJournalError, JournalError
from continuum.batch import schema
from continuum.batch.sqlite import SqliteJournal
from tests.batch.test_journal_contract import SETTINGS, begun, job, reply, result, take

if TYPE_CHECKING:
    from pathlib import Path

    from continuum.batch.journal import Entry


async def filled(path: Path) -> None:
    """A journal with one finished document and one with two rounds."""
    journal = SqliteJournal(path)
    await begun(journal, job("a"), job("b"))
    a, b = await take(journal)
    await journal.put(a, reply(0))
    await journal.finish(a, result("a"))
    await journal.put(b, reply(0))
    await journal.put(b, reply(1, "word " * 4000))
    await journal.close()


async def reopened(path: Path) -> None:
    journal = SqliteJournal(path)
    await journal.begin(SETTINGS)
    try:
        await journal.recall()
        await take(journal)
    finally:
        await journal.close()


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    """The file, and those that SQLite makes beside it, are the owner's alone; none of them stays but the journal."""

    async def main() -> None:
        journal = await begun(SqliteJournal(tmp_path / "journal"), job("a"))
        modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in os.listdir(tmp_path)}
        assert set(modes) == {"journal", "journal-wal", "journal-shm", "journal-lock"}
        assert set(modes.values()) == {0o600}
        await journal.close()
        assert os.listdir(tmp_path) == ["journal"]

    anyio.run(main)


_HOLDER = """
import sys, anyio
from continuum.batch.sqlite import SqliteJournal
async def main():
    journal = SqliteJournal(sys.argv[1])
    await journal.begin({})
    print("open", flush=True)
    sys.stdin.read()
anyio.run(main)
"""


def test_two_processes_cannot_share_it_and_a_dead_one_holds_nothing(tmp_path: Path) -> None:
    """The second is told who has it; reading works all the same; after `kill -9` it is free at once."""
    path = tmp_path / "journal"
    anyio.run(filled, path)
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(JournalError, match=rf"in use by process {process.pid} on .*wait for that run, or stop it"):
            anyio.run(reopened, path)
        assert [result.id for _, result in SqliteJournal(path).read()] == ["a"]
        process.kill()
    anyio.run(reopened, path)


def test_two_batches_of_one_process_cannot_share_it(tmp_path: Path) -> None:
    """Neither through one object nor through two."""

    async def main() -> None:
        journal = await begun(SqliteJournal(tmp_path / "journal"))
        for other in (journal, SqliteJournal(tmp_path / "journal")):
            with pytest.raises(JournalError, match="in use"):
                await other.begin(SETTINGS)
        await journal.close()
        await journal.begin(SETTINGS)
        await journal.close()

    anyio.run(main)


def test_another_file_is_left_alone(tmp_path: Path) -> None:
    """A text, another program's database, a folder, a folder that is not there: refused, and not touched."""
    text = tmp_path / "text"
    text.write_text("This is a letter, and no journal, and it is longer than the head of an SQLite file." * 20)
    database = tmp_path / "database"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    for path, message in (
        (text, "no SQLite file"),
        (database, "no journal; choose another name"),
        (tmp_path, "cannot be"),
        (tmp_path / "missing" / "journal", "cannot be locked.*choose a folder that can be written to"),
        (text / "journal", "cannot be locked"),
    ):
        before = path.read_bytes() if path.is_file() else None
        with pytest.raises(JournalError, match=message):
            anyio.run(reopened, path)
        with pytest.raises(JournalError):
            list(SqliteJournal(path).read())
        assert before is None or path.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["database", "text"]


def test_a_later_version_is_refused(tmp_path: Path) -> None:
    """With both versions in the message; nothing is changed."""
    path = tmp_path / "journal"
    anyio.run(filled, path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(
        JournalError, match=f"has version 99, this continuum knows versions up to {len(schema.MIGRATIONS)};"
    ):
        anyio.run(reopened, path)


def test_an_earlier_version_is_brought_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has stays; a step that fails leaves all as it was."""
    path = tmp_path / "journal"
    anyio.run(filled, path)
    steps = [*schema.MIGRATIONS, "ALTER TABLE document ADD COLUMN colour TEXT; SELECT x FROM nowhere"]
    monkeypatch.setattr(schema, "MIGRATIONS", steps)
    with pytest.raises(JournalError, match="nowhere"):
        anyio.run(reopened, path)
    steps[-1] = "ALTER TABLE document ADD COLUMN colour TEXT"
    anyio.run(reopened, path)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(steps),)
    assert connection.execute("SELECT count(colour), count(*) FROM document").fetchone() == (0, 2)
    connection.close()
    assert [result.id for _, result in SqliteJournal(path).read()] == ["a"]


@pytest.mark.parametrize("what", ["entry", "result"])
def test_a_flipped_bit_is_noticed(tmp_path: Path, what: str) -> None:
    """A text that is not what was written is not handed out, and it is named; what stands beside it is handed out."""
    path = tmp_path / "journal"
    anyio.run(filled, path)
    data = path.read_bytes()
    old, new = (b"word word", b"word wore") if what == "entry" else (b"All of it.", b"All of mt.")
    assert old in data
    path.write_bytes(data.replace(old, new))
    if what == "result":
        with pytest.raises(DamagedJournalError, match=r"is damaged: .*the result of job number 1 is not") as caught:
            list(SqliteJournal(path).read())
        assert caught.value.ids == ("a",)
        return

    async def main() -> None:
        journal = SqliteJournal(path)
        await journal.begin(SETTINGS)
        await journal.recall()
        (document,) = await take(journal)
        await journal.close()
        assert "is damaged: round 2 of job number 2 is not what was written" in document.damage
        assert list(document.entries) == [reply(0)]

    anyio.run(main)


def test_a_torn_file_is_refused(tmp_path: Path) -> None:
    """Half a file is never taken for a whole one: what is handed out is what was written, or an error says why not."""
    path = tmp_path / "journal"
    anyio.run(filled, path)
    data = path.read_bytes()
    for size in (100, 4096, len(data) // 2, len(data) - 4096):
        path.write_bytes(data[:size])
        with pytest.raises(JournalError, match=r"damaged|no SQLite file"):
            anyio.run(reopened, path)


def test_a_torn_log_costs_what_was_not_acknowledged_only(tmp_path: Path) -> None:
    """Cut off at any byte, the write-ahead log gives a beginning of what was put, in order, and never a mixture."""
    path = tmp_path / "journal"
    copies = tmp_path / "copies"
    copies.mkdir()

    async def write() -> None:
        journal = await begun(SqliteJournal(path), job("a"))
        (document,) = await take(journal)
        for number in range(6):
            await journal.put(document, reply(number, f"text {number} " * 50))
        for name in ("journal", "journal-wal"):
            (copies / name).write_bytes((tmp_path / name).read_bytes())
        await journal.close()

    async def read(where: Path) -> list[Entry]:
        journal = SqliteJournal(where)
        await journal.begin(SETTINGS)
        await journal.recall()
        documents = await take(journal)
        await journal.close()
        return list(documents[0].entries) if documents else []

    anyio.run(write)
    log = (copies / "journal-wal").read_bytes()
    seen = set()
    for number, size in enumerate(range(0, len(log), 2011)):
        folder = tmp_path / f"cut{number}"
        folder.mkdir()
        (folder / "journal").write_bytes((copies / "journal").read_bytes())
        (folder / "journal-wal").write_bytes(log[:size])
        entries = anyio.run(read, folder / "journal")
        assert entries == [reply(number, f"text {number} " * 50) for number in range(len(entries))]
        seen.add(len(entries))
    assert {0, 1, 5} <= seen


_FULL = """
import json, resource, signal, sys, anyio
from continuum._core.errors import JournalError
from continuum.batch.sqlite import SqliteJournal
from tests.batch.test_journal_contract import begun, job, reply, take
async def main():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    journal = await begun(SqliteJournal(sys.argv[1]), job("a"))
    (document,) = await take(journal)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    for number in range(100):
        try:
            await journal.put(document, reply(number, "x" * 10_000))
        except JournalError:
            try:
                await journal.put(document, reply(number, "x" * 10_000))
            except JournalError as again:
                error = again
            print(json.dumps([number, str(error), len(error.unsaved), error.unsaved[0][1]["text"][:3]]))
            break
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await journal.put(document, reply(number, "y" * 10_000))
    await journal.close()
anyio.run(main)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no resource limits")
def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """The write that does not fit is an error that carries what it was; those before it stay; with room it goes on."""
    path = tmp_path / "journal"
    done = subprocess.run([sys.executable, "-c", _FULL, str(path)], stdout=subprocess.PIPE, text=True, check=True)
    number, message, unsaved, text = json.loads(done.stdout)
    assert number > 5
    assert "disk" in message
    assert (unsaved, text) == (1, "xxx")

    async def main() -> None:
        journal = SqliteJournal(path)
        await journal.begin(SETTINGS)
        await journal.recall()
        (document,) = await take(journal)
        assert len(document.entries) == number + 1
        assert document.entries[-1].outcome["text"][:3] == "yyy"
        await journal.close()

    anyio.run(main)


def test_a_file_that_is_removed_while_in_use_is_noticed(tmp_path: Path) -> None:
    """SQLite would go on writing to a file that nobody can open any more."""

    async def main() -> None:
        journal = await begun(SqliteJournal(tmp_path / "journal"), job("a"))
        (document,) = await take(journal)
        (tmp_path / "journal").unlink()
        with pytest.raises(JournalError, match="was removed or replaced while it was in use") as caught:
            await journal.put(document, reply(0, "paid for"))
        assert [(name, outcome["text"]) for name, outcome in caught.value.unsaved] == [("a", "paid for")]
        await journal.close()

    anyio.run(main)


def test_writes_that_meet_share_a_commit(tmp_path: Path) -> None:
    """Two hundred rounds that end together cost a handful of transactions."""

    async def main() -> None:
        journal = await begun(SqliteJournal(tmp_path / "journal"), *(job(f"j{number}") for number in range(200)))
        documents = await take(journal)
        before = journal.writer.commits
        async with anyio.create_task_group() as tasks:
            for document in documents:
                tasks.start_soon(journal.put, document, reply(0))
        assert journal.writer.commits - before < 50
        await journal.close()

    anyio.run(main)


def test_what_is_not_open_says_so(tmp_path: Path) -> None:
    """Writing before `begin()` or after `close()`, and reading what is not there."""

    async def main() -> None:
        journal = SqliteJournal(tmp_path / "journal")
        with pytest.raises(JournalError, match="there is no journal"):
            await journal.summary()
        for _ in range(2):
            with pytest.raises(JournalError, match=r"not open for writing; call begin\(\) first"):
                await journal.recall()
            await begun(journal)
            await journal.close()
            await journal.close()

    anyio.run(main)


def test_settings_that_are_no_json_do_not_break_it(tmp_path: Path) -> None:
    """They are kept as Python writes them, for comparison."""

    async def main() -> None:
        for _ in range(2):
            journal = SqliteJournal(tmp_path / "journal")
            odd: dict[str, Any] = {"format": {1, 2} and (1, 2), "kind": int}
            await journal.begin(odd)
            await journal.close()
        assert await SqliteJournal(tmp_path / "journal").settings() == {"format": [1, 2], "kind": "<class 'int'>"}

    anyio.run(main)
