"""The journal of one machine: one SQLite file, in WAL mode, synced before anything counts as kept.

Written by one thread (`writer.py`), by one process at a time (`locking.py`); read by anybody at any time. Text is JSON
in UTF-8; each entry has a checksum, because SQLite itself does not notice a flipped bit in a text.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import anyio

from continuum._core.errors import ChangedJobsError, DamagedJournalError, FencedError, JournalError
from continuum._core.types import Usage
from continuum.batch.job import Job
from continuum.batch.journal import Document, DocumentState, Entry
from continuum.batch.locking import FileLock
from continuum.batch.outcomes import dumps, keeps, result_to_json
from continuum.batch.schema import SHIFT, check_kind, explain, in_flight, migrate
from continuum.batch.sqlite_reader import SqliteReader
from continuum.batch.unsaved import Unsaved
from continuum.batch.writer import Writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from continuum.batch.job import JobResult

_TAKEN: Final = 16  # documents that are taken up at a time
_TRY: Final = "UPDATE document SET state = 'pending' WHERE key = ? AND epoch = ? AND state = 'running'"
_VOID: Final = (
    "UPDATE entry SET void = 1 WHERE key >= :first AND key < :end AND key > coalesce("
    "(SELECT max(key) FROM entry WHERE key >= :first AND key < :end AND keeps), -1)"
)


class SqliteJournal(SqliteReader):
    """Keeps a batch in one file; see `Journal` for its promises. Reading it needs no `begin()`.

    Args:
        path: the file; made with mode 0600 if it is not there.
        durable: False: not synced, for a journal that nobody needs after a crash.

    Attributes:
        interrupted: documents that were in flight when the run before was killed; known after `begin()`.
    """

    def __init__(self, path: str | os.PathLike[str], *, durable: bool = True) -> None:
        super().__init__(path)
        self.interrupted = 0
        self._durable = durable
        self._lock = FileLock(self.path)
        self._writer: Writer | None = None
        self._inode: os.stat_result | None = None
        self._run = 0
        self._partials: dict[int, tuple[Document, int, str, str]] = {}  # not written yet
        self._partial_on_disk: set[int] = set()
        self._unsaved = Unsaved()

    # -- opening and closing --------------------------------------------------------------------------------------

    async def begin(self, settings: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """See `Journal.begin`."""
        if self._writer is not None:
            raise JournalError(f"the journal {str(self.path)!r} is in use by another batch of this process")
        writer = Writer(self._connect, self._explain, self._check)
        await anyio.to_thread.run_sync(self._open, writer)
        self._writer = writer
        text = dumps(settings)

        def work(connection: sqlite3.Connection) -> tuple[str | None, int, int]:
            row = connection.execute("SELECT settings, run FROM batch").fetchone()
            if row is None:
                connection.execute("INSERT INTO batch VALUES (1, ?, 1)", (text,))
                return None, 1, 0
            connection.execute("UPDATE batch SET run = run + 1")
            query = f"SELECT count(*) FROM document WHERE {in_flight(connection)}"
            (stale,) = connection.execute(query).fetchone()
            connection.execute("UPDATE document SET state = 'pending' WHERE state = 'running'")
            return row[0], row[1] + 1, stale

        try:
            before, self._run, self.interrupted = await writer.run(work)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self.close()
            raise
        return None if before is None else json.loads(before)

    def _open(self, writer: Writer) -> None:
        self._lock.acquire()
        try:
            try:
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            except OSError as error:
                raise JournalError(
                    f"the journal {str(self.path)!r} cannot be written: {error.strerror or error}"
                ) from error
            writer.start()
            self._inode = self.path.stat()
        except BaseException:
            self._lock.release()
            raise

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=30.0, cached_statements=64)
        try:
            check_kind(connection, self.path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {'FULL' if self._durable else 'OFF'}")
            connection.execute("PRAGMA wal_autocheckpoint = 4000")
            migrate(connection, self.path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check(self) -> None:
        """Whether the file is still the one that is written to: SQLite would go on writing to a removed file."""
        if self._inode is None:
            return
        try:
            same = os.path.samestat(self._inode, self.path.stat())
        except OSError:
            same = False
        if not same:
            raise JournalError(
                f"the journal {str(self.path)!r} was removed or replaced while it was in use; nothing can be kept in it"
            )

    def _explain(self, error: BaseException) -> BaseException:
        return explain(error, self.path)

    async def close(self) -> None:
        """See `Journal.close`."""
        writer = self._writer
        if writer is None:
            return
        try:
            for key in list(self._partials):
                self._write_partial(key)
            await writer.close()
        finally:
            self._writer = None
            self._lock.release()

    @property
    def writer(self) -> Writer:
        """The thread that writes.

        Raises:
            JournalError: `begin()` was not called.
        """
        if self._writer is None:
            raise JournalError(f"the journal {str(self.path)!r} is not open for writing; call begin() first")
        return self._writer

    # -- documents ------------------------------------------------------------------------------------------------

    async def amend(self, settings: Mapping[str, Any]) -> None:
        """See `Journal.amend`."""
        text = dumps(settings)
        await self.writer.run(lambda connection: connection.execute("UPDATE batch SET settings = ?", (text,)).rowcount)

    async def put_note(self, key: str, value: Mapping[str, Any]) -> None:
        """See `Journal.put_note`."""
        row = key, dumps(value)
        await self.writer.run(
            lambda connection: connection.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", row).rowcount
        )

    async def add(self, jobs: Iterable[tuple[int, Job]]) -> int:
        """See `Journal.add`."""
        rows = [(job.id, number, job.fingerprint(), dumps(_job_json(job))) for number, job in jobs]

        def work(connection: sqlite3.Connection) -> tuple[int, list[str]]:
            changed: list[str] = []
            return sum(self._add(connection, *row, changed) for row in rows), changed

        new, changed = await self.writer.run(work)
        if changed:
            raise ChangedJobsError(
                f"{len(changed)} of these jobs ask for something else than they did when the batch was begun: "
                f"{', '.join(map(repr, changed[:10]))}{', …' if changed[10:] else ''}. Give them new ids, or begin a "
                f"new journal ({str(self.path)!r} has the old ones)",
                changed,
            )
        return new

    def _add(
        self, connection: sqlite3.Connection, id: str, number: int, fingerprint: str, job: str, changed: list[str]
    ) -> bool:
        known = connection.execute("SELECT number, seen, fingerprint FROM document WHERE id = ?", (id,)).fetchone()
        if known is None:
            connection.execute(
                "INSERT INTO document (id, number, seen, fingerprint, job) VALUES (?, ?, ?, ?, ?)",
                (id, number, self._run, fingerprint, job),
            )
            return True
        place, seen, before = known
        if seen == self._run:
            raise JournalError(
                f"the id {id!r} stands twice in the input, at {place + 1} and {number + 1}; ids are unique"
            )
        if before != fingerprint:
            changed.append(id)
            return False
        connection.execute("UPDATE document SET seen = ?, number = ? WHERE id = ?", (self._run, number, id))
        return False

    async def recall(self) -> int:
        """See `Journal.recall`."""
        return await self.writer.run(
            lambda connection: connection.execute("UPDATE document SET seen = ?", (self._run,)).rowcount
        )

    async def open_documents(self) -> AsyncIterator[Document]:
        """See `Journal.open_documents`."""
        while taken := await self.writer.run(self._take):
            for number, document in enumerate(taken):
                try:
                    yield document
                except GeneratorExit:
                    for other in taken[number + 1 :]:
                        self.writer.post(partial(_back, document=other))
                    raise

    def _take(self, connection: sqlite3.Connection) -> list[Document]:
        rows = connection.execute(
            "SELECT key, number, epoch + 1, entries, excused, job FROM document WHERE state = 'pending' AND seen = ? "
            "ORDER BY entries = 0, number LIMIT ?",
            (self._run, _TAKEN),
        ).fetchall()
        connection.executemany(
            "UPDATE document SET state = 'running', epoch = epoch + 1 WHERE key = ?", [(row[0],) for row in rows]
        )
        return [self._document(connection, *row) for row in rows]

    def _document(
        self, connection: sqlite3.Connection, key: int, number: int, epoch: int, entries: int, excused: int, job: str
    ) -> Document:
        kept: list[Entry] = []
        aside, aside_cost, damage = Usage(), 0.0, ""
        begun = connection.execute("SELECT request, text FROM partial WHERE document = ?", (key,)).fetchone()
        if begun is not None:
            self._partial_on_disk.add(key)
        rows = connection.execute(
            "SELECT key, request, elapsed, cost, void, checksum, outcome FROM entry "
            "WHERE key >= ? AND key < ? ORDER BY key",
            (key << SHIFT, (key + 1) << SHIFT),
        )
        for row, request, elapsed, cost, void, checksum, text in rows:
            entry_number = row - (key << SHIFT)
            try:
                outcome = self._loads(text, checksum, f"round {entry_number + 1} of job number {number + 1}")
            except DamagedJournalError as error:  # it is this document's alone
                damage = error.message
                break
            if void:
                aside += Usage(**outcome.get("usage", {}))
                aside_cost += cost or 0.0
            else:
                kept.append(Entry(entry_number, request, outcome, elapsed, cost))
        return Document(
            key=key,
            number=number,
            job=Job.model_validate(json.loads(job)),
            epoch=epoch,
            entries=kept,
            partial=json.loads(begun[1]) if begun else "",
            partial_request=begun[0] if begun else "",
            next_number=entries,
            aside=aside if aside.total_tokens else None,
            aside_cost=aside_cost,
            damage=damage,
            excused=excused,
        )

    # -- what comes -----------------------------------------------------------------------------------------------

    async def asking(self, document: Document) -> None:
        """See `Journal.asking`."""
        mark = "UPDATE document SET asked = epoch WHERE key = ? AND epoch = ?"
        values = document.key, document.epoch
        await self.writer.run(lambda connection: connection.execute(mark, values).rowcount, patient=True)

    async def put(self, document: Document, entry: Entry) -> None:
        """See `Journal.put`."""
        text = dumps(entry.outcome)
        self._partials.pop(document.key, None)
        with self._unsaved.until_kept(document, entry):
            await self.writer.run(lambda connection: self._put(connection, document, entry, text), patient=True)

    @property
    def unsaved(self) -> list[tuple[str, Mapping[str, Any]]]:
        """See `Journal`."""
        return self._unsaved.entries()

    def _put(self, connection: sqlite3.Connection, document: Document, entry: Entry, text: str) -> None:
        key, outcome = document.key, entry.outcome
        usage = outcome.get("usage", {})
        paid = "text" in outcome
        changed = connection.execute(
            "UPDATE document SET entries = ?, rounds = rounds + ?, input_tokens = input_tokens + ?, "
            "output_tokens = output_tokens + ?, cost = cost + ?, unpriced = unpriced + ? "
            "WHERE key = ? AND epoch = ? AND state = 'running'",
            (
                entry.number + 1,
                paid,
                usage.get("input_tokens", 0),
                usage.get("output_tokens", 0),
                entry.cost or 0.0,
                bool(usage) and entry.cost is None,
                key,
                document.epoch,
            ),
        ).rowcount
        if not changed:
            raise _fenced(document)
        connection.execute(
            "INSERT INTO entry (key, request, elapsed, cost, keeps, checksum, outcome) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                key << SHIFT | entry.number,
                entry.request,
                entry.elapsed,
                entry.cost,
                keeps(outcome),
                zlib.crc32(text.encode()),
                text,
            ),
        )
        if key in self._partial_on_disk:
            connection.execute("DELETE FROM partial WHERE document = ?", (key,))

    def put_partial(self, document: Document, number: int, request: str, text: str) -> None:
        """See `Journal.put_partial`."""
        waits = document.key in self._partials
        self._partials[document.key] = document, number, request, text
        if not waits:
            self._write_partial(document.key)

    def _write_partial(self, key: int) -> None:
        def work(connection: sqlite3.Connection) -> None:
            waiting = self._partials.pop(key, None)
            if waiting is None:
                return
            document, number, request, text = waiting
            row = connection.execute(
                "SELECT epoch, entries FROM document WHERE key = ? AND state = 'running'", (key,)
            ).fetchone()
            if row == (document.epoch, number):
                connection.execute("INSERT OR REPLACE INTO partial VALUES (?, ?, ?)", (key, request, dumps(text)))
                self._partial_on_disk.add(key)

        self.writer.post(work)

    async def finish(self, document: Document, result: JobResult) -> None:
        """See `Journal.finish`."""
        text = dumps(result_to_json(result))

        def work(connection: sqlite3.Connection) -> None:
            changed = connection.execute(
                "UPDATE document SET state = ?, characters = ? WHERE key = ? AND epoch = ? AND state = 'running'",
                (result.status, len(result.text), document.key, document.epoch),
            ).rowcount
            if not changed:
                raise _fenced(document)
            connection.execute(
                "INSERT OR REPLACE INTO result VALUES (?, ?, ?)", (document.key, zlib.crc32(text.encode()), text)
            )
            if document.key in self._partial_on_disk:
                connection.execute("DELETE FROM partial WHERE document = ?", (document.key,))

        await self.writer.run(work, patient=True)
        self._partial_on_disk.discard(document.key)

    async def release(self, document: Document, *, again: bool = False) -> None:
        """See `Journal.release`."""

        def work(connection: sqlite3.Connection) -> None:
            if _back(connection, document) and again:
                _set_aside(connection, document.key)

        await self.writer.run(work)

    async def reopen(self, *states: DocumentState) -> int:
        """See `Journal.reopen`."""
        marks = ", ".join("?" * len(states))

        def work(connection: sqlite3.Connection) -> int:
            keys = [row[0] for row in connection.execute(f"SELECT key FROM document WHERE state IN ({marks})", states)]
            for key in keys:
                connection.execute("UPDATE document SET state = 'pending', characters = 0 WHERE key = ?", (key,))
                _set_aside(connection, key)
            return len(keys)

        return await self.writer.run(work)


def _back(connection: sqlite3.Connection, document: Document) -> bool:
    return bool(connection.execute(_TRY, (document.key, document.epoch)).rowcount)


def _set_aside(connection: sqlite3.Connection, key: int) -> None:
    """What came after the last useful entry was the end that is not to be believed again; nor is its cause."""
    connection.execute(_VOID, {"first": key << SHIFT, "end": (key + 1) << SHIFT})
    connection.execute("UPDATE document SET excused = entries WHERE key = ?", (key,))


def _fenced(document: Document) -> FencedError:
    return FencedError(
        f"job {document.job.id!r} has been taken up by somebody else since (epoch {document.epoch} is over); "
        "what was still bought for it here is not kept"
    )


def _job_json(job: Job) -> dict[str, Any]:
    return job.model_dump(mode="json", exclude_defaults=True)
