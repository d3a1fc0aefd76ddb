"""The journal of many machines: tables of a PostgreSQL, the truth about rounds and partial texts.

Whoever takes a document up raises its epoch, and every write names the epoch that it was taken with: a process that was
only slow, and whose document somebody else has by now, changes nothing and is told so. Each statement can be done twice
without harm, because a connection may break after a commit and before its answer (see `postgres_writer.py`).
"""

from __future__ import annotations

import json
import socket
import time
import uuid
from typing import TYPE_CHECKING, Any, Final

import anyio

from continuum._core.errors import ChangedJobsError, FencedError, JournalError
from continuum.batch import postgres_statements as statements
from continuum.batch.outcomes import dumps
from continuum.batch.postgres_reader import PostgresReader, Row
from continuum.batch.postgres_schema import FORMAT, connect, explain, migrate, version_of
from continuum.batch.postgres_writer import PostgresWriter
from continuum.batch.unsaved import Unsaved

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

    import psycopg

    from continuum.batch.job import Job, JobResult
    from continuum.batch.journal import Document, DocumentState, Entry

_TAKEN: Final = 16  # documents that are taken up at a time
_LINGERS: Final = 2.0  # seconds for which the lock of a process that is gone may still be held


class PostgresJournal(PostgresReader):
    """Keeps a batch in a PostgreSQL; see `Journal` for its promises. Reading it needs no `begin()`.

    One process at a time may have begun a batch; workers (`attach()`) may be as many as there are.

    Args:
        url: of the database, as `postgresql://user:password@host:5432/name`; without a password it is taken from
            `PGPASSWORD` or `~/.pgpass`. Connections are sessions: a pooler in front has to keep them apart.
        name: of the batch.
        patience: seconds for which a lost database is waited for, before writes fail.

    Raises:
        ConfigurationError: the name cannot be one.
        MissingDependencyError: psycopg is missing.

    Attributes:
        interrupted: documents that were in flight in processes that are gone; known after `begin()`.
        owner: this process's name in the tables; never used twice.
    """

    def __init__(self, url: str, name: str, *, patience: float = 120.0) -> None:
        super().__init__(url, name)
        self.interrupted = 0
        self.owner = new_owner()
        self.key = 0
        self.patience = patience
        self._writer: PostgresWriter | None = None
        self._run = 0
        self._exclusive = True
        self._held: set[int] = set()  # documents that were handed out and are not over
        self._lost_track = False  # what was handed out when the connection broke may be ours without our knowing
        self._partials: dict[int, tuple[Document, int, str, str]] = {}  # not written yet
        self._unsaved = Unsaved()

    # -- opening and closing --------------------------------------------------------------------------------------

    async def begin(self, settings: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """See `Journal.begin`."""
        text = dumps(settings)
        await self._open(exclusive=True)

        def work(connection: psycopg.Connection[Any]) -> Callable[[], tuple[str | None, int, int, int]]:
            found = connection.execute(
                "SELECT key, settings, format FROM batch WHERE name = %s FOR UPDATE", (self.name,)
            ).fetchone()
            if found is None:
                found = connection.execute(
                    "INSERT INTO batch (name, settings, format) VALUES (%s, %s, %s) RETURNING key, NULL, format",
                    (self.name, text, FORMAT),
                ).fetchone()
                assert found is not None
                return lambda: (None, found[0], 1, 0)
            key, before, format = found
            if format > FORMAT:
                raise JournalError(
                    f"the {self.place} was begun by a later continuum (format {format}, this one writes {FORMAT}); "
                    "go on with that one"
                )
            row = connection.execute(
                "UPDATE batch SET run = run + 1, shared = false, stop = NULL, message = '', deadline = NULL, "
                "limits = NULL, max_cost = NULL WHERE key = %s RETURNING run",
                (key,),
            ).fetchone()
            assert row is not None
            stale = connection.execute(
                "UPDATE document SET state = 'pending', owner = NULL, job = NULL WHERE batch = %s "
                "AND state = 'running' AND owner NOT IN (SELECT id FROM worker WHERE NOT over "
                "AND heartbeat + lease * interval '1 s' > clock_timestamp()) RETURNING key",
                (key,),
            ).fetchall()
            return lambda: (before, key, row[0], len(stale))

        try:
            before, self.key, self._run, self.interrupted = await self.writer.run(work)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self.close()
            raise
        return None if before is None else json.loads(before)

    async def _open(self, *, exclusive: bool) -> None:
        if self._writer is not None:
            raise JournalError(f"the {self.place} is in use by another batch of this process")
        self._exclusive = exclusive
        writer = PostgresWriter(self._connect, self._explain, self._reconnected, self.patience)
        await anyio.to_thread.run_sync(writer.start)
        self._writer = writer

    def _connect(self) -> psycopg.Connection[Any]:
        connection = connect(self.url)
        try:
            migrate(connection, self.url)
            self._lock(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _lock(self, connection: psycopg.Connection[Any]) -> None:
        """One process has a batch begun. The lock goes with the connection, so a killed process leaves none behind."""
        if not self._exclusive:
            return
        until = time.monotonic() + _LINGERS
        lock = "SELECT pg_try_advisory_lock(hashtextextended('continuum.batch:' || %s, 0))"
        while not (connection.execute(lock, (self.name,)).fetchone() or (False,))[0]:
            if time.monotonic() > until:
                raise JournalError(f"the {self.place} is in use by another process; wait for it, or use another name")
            time.sleep(0.02)

    def _reconnected(self, connection: psycopg.Connection[Any]) -> None:
        self._lost_track = True
        version_of(connection, self.url)

    def _explain(self, error: BaseException) -> BaseException:
        return explain(error, self.url)

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
            self._held.clear()

    @property
    def writer(self) -> PostgresWriter:
        """The thread that writes.

        Raises:
            JournalError: `begin()` was not called.
        """
        if self._writer is None:
            raise JournalError(f"the {self.place} is not open for writing; call begin() first")
        return self._writer

    # -- documents ------------------------------------------------------------------------------------------------

    async def amend(self, settings: Mapping[str, Any]) -> None:
        """See `Journal.amend`."""
        await self._do("UPDATE batch SET settings = %s WHERE key = %s", (dumps(settings), self.key))

    async def put_note(self, key: str, value: Mapping[str, Any]) -> None:
        """See `Journal.put_note`."""
        await self._do(
            "INSERT INTO note VALUES (%s, %s, %s) ON CONFLICT (batch, key) DO UPDATE SET value = excluded.value",
            (self.key, key, dumps(value)),
        )

    async def _do(self, statement: str, parameters: Sequence[Any]) -> None:
        """One statement that answers nothing."""

        def work(connection: psycopg.Connection[Any]) -> Callable[[], None]:
            connection.execute(statement.encode(), parameters)
            return lambda: None

        await self.writer.run(work)

    async def add(self, jobs: Iterable[tuple[int, Job]]) -> int:
        """See `Journal.add`."""
        rows = [(dumps(job.id), number, job.fingerprint(), dumps(_job_json(job))) for number, job in jobs]

        def work(connection: psycopg.Connection[Any]) -> Callable[[], tuple[int, list[str]]]:
            return _added(self._add(connection, rows))

        new, changed = await self.writer.run(work)
        if changed:
            raise ChangedJobsError(
                f"{len(changed)} of these jobs ask for something else than they did when the batch was begun: "
                f"{', '.join(map(repr, changed[:10]))}{', …' if changed[10:] else ''}. Give them new ids, or begin a "
                f"new batch (the {self.place} has the old ones)",
                changed,
            )
        return new

    def _add(self, connection: psycopg.Connection[Any], rows: Sequence[Row]) -> tuple[int, list[str]]:
        known = {
            id: (place, seen, before)
            for id, place, seen, before in connection.execute(
                "SELECT id, number, seen, fingerprint FROM document WHERE batch = %s AND id = ANY(%s)",
                (self.key, [row[0] for row in rows]),
            ).fetchall()
        }
        fresh: list[Row] = []
        same: list[Row] = []
        changed: list[str] = []
        for id, number, fingerprint, content in rows:
            place, seen, before = known.get(id, (number, 0, fingerprint))
            if seen == self._run and place != number:
                raise JournalError(
                    f"the id {json.loads(id)!r} stands twice in the input, at {place + 1} and {number + 1}; "
                    "ids are unique"
                )
            if before != fingerprint:
                changed.append(json.loads(id))
            elif id in known:
                same.append((id, number))
            else:
                fresh.append((id, number, fingerprint, content))
            known[id] = (number, self._run, before)
        if fresh:
            connection.execute(
                "INSERT INTO document (batch, seen, id, number, fingerprint, content) "
                "SELECT %s, %s, * FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::text[])",
                (self.key, self._run, *map(list, zip(*fresh, strict=True))),
            )
        if same:
            connection.execute(
                "UPDATE document d SET seen = %s, number = u.number "
                "FROM unnest(%s::text[], %s::bigint[]) u(id, number) WHERE batch = %s AND d.id = u.id",
                (self._run, *map(list, zip(*same, strict=True)), self.key),
            )
        return len(fresh), changed

    async def recall(self) -> int:
        """See `Journal.recall`."""
        statement = (
            "WITH all_ AS (UPDATE document SET seen = %s WHERE batch = %s RETURNING 1) SELECT count(*) FROM all_"
        )
        return int((await self.fetch(statement, (self._run, self.key)))[0][0])

    async def open_documents(self) -> AsyncIterator[Document]:
        """See `Journal.open_documents`."""
        while taken := await self.writer.run(self._take_some):
            self._held.update(document.key for document in taken)
            for number, document in enumerate(taken):
                try:
                    yield document
                except GeneratorExit:
                    for other in taken[number + 1 :]:
                        self._held.discard(other.key)
                        self.writer.post(statements.back(other))
                    raise

    def _take_some(self, connection: psycopg.Connection[Any]) -> Callable[[], list[Document]]:
        ours: list[int] = []
        if self._lost_track:
            rows = connection.execute(
                "SELECT key FROM document WHERE batch = %s AND state = 'running' AND owner = %s AND NOT key = ANY(%s)",
                (self.key, self.owner, list(self._held)),
            ).fetchall()
            ours = [row[0] for row in rows]
        rows = connection.execute(
            "UPDATE document d SET state = 'running', owner = %(owner)s, epoch = epoch + 1, job = NULL FROM ("
            "SELECT key FROM document WHERE batch = %(batch)s AND seen = %(run)s AND "
            "(state = 'pending' OR (state = 'running' AND key = ANY(%(ours)s))) "
            "ORDER BY begun DESC, number LIMIT %(most)s FOR UPDATE SKIP LOCKED) open "
            "WHERE d.key = open.key RETURNING d.key, number, epoch, entries, content, excused, begun",
            {"owner": self.owner, "batch": self.key, "run": self._run, "ours": ours, "most": _TAKEN},
        ).fetchall()
        if not rows:
            self._lost_track = False
        rows.sort(key=lambda row: (not row[6], row[1]))
        found = statements.documents(connection, rows)
        return lambda: found

    async def fetch(self, statement: str, parameters: Mapping[str, Any] | Sequence[Any] = ()) -> list[Row]:
        """The rows of one statement, in order with all writes."""

        def work(connection: psycopg.Connection[Any]) -> Callable[[], list[Row]]:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall

        return await self.writer.run(work)

    # -- what comes -----------------------------------------------------------------------------------------------

    async def asking(self, document: Document) -> None:
        """See `Journal.asking`: nothing to note, as a worker takes up only what it has a place for."""

    async def put(self, document: Document, entry: Entry) -> None:
        """See `Journal.put`."""
        self._partials.pop(document.key, None)
        try:
            with self._unsaved.until_kept(document, entry):
                await self.writer.run(statements.put(document, entry), patient=True)
        except FencedError:
            self._held.discard(document.key)
            raise

    @property
    def unsaved(self) -> list[tuple[str, Mapping[str, Any]]]:
        """See `Journal`."""
        return self._unsaved.entries()

    def put_partial(self, document: Document, number: int, request: str, text: str) -> None:
        """See `Journal.put_partial`."""
        waits = document.key in self._partials
        self._partials[document.key] = document, number, request, text
        if not waits:
            self._write_partial(document.key)

    def _write_partial(self, key: int) -> None:
        def work(connection: psycopg.Connection[Any]) -> Callable[[], None]:
            waiting = self._partials.pop(key, None)
            if waiting is not None:
                statements.put_partial(connection, *waiting)
            return lambda: None

        self.writer.post(work)

    async def finish(self, document: Document, result: JobResult) -> None:
        """See `Journal.finish`."""
        self._partials.pop(document.key, None)
        try:
            await self.writer.run(statements.finish(document, result), patient=True)
        finally:
            self._held.discard(document.key)

    async def release(self, document: Document, *, again: bool = False) -> None:
        """See `Journal.release`."""
        self._held.discard(document.key)
        if document.key in self._partials:
            self._write_partial(document.key)
        await self.writer.run(statements.back(document, again=again))

    async def reopen(self, *states: DocumentState) -> int:
        """See `Journal.reopen`."""

        def work(connection: psycopg.Connection[Any]) -> Callable[[], int]:
            rows = connection.execute(
                "UPDATE document SET state = 'pending', owner = NULL, job = NULL, characters = 0 "
                "WHERE batch = %s AND state = ANY(%s) RETURNING key",
                (self.key, list(states)),
            ).fetchall()
            keys = [row[0] for row in rows]
            statements.set_aside(connection, keys)
            return lambda: len(keys)

        return await self.writer.run(work)


def new_owner() -> str:
    """A name that nobody has had and nobody will have."""
    return f"{socket.gethostname()[:64]}-{uuid.uuid4().hex}"


def _added(value: tuple[int, list[str]]) -> Callable[[], tuple[int, list[str]]]:
    return lambda: value


def _job_json(job: Job) -> dict[str, Any]:
    return job.model_dump(mode="json", exclude_defaults=True)
