"""A look at a batch in PostgreSQL, at any time, also while others work on it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast, get_args

import anyio

from continuum._core.errors import ConfigurationError, JournalError
from continuum.batch.journal import DocumentState, Summary
from continuum.batch.outcomes import dumps, result_from_json
from continuum.batch.postgres_schema import connect, explain, place, require, version_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    import psycopg

    from continuum.batch.job import JobResult

Row = tuple[Any, ...]
_PAGE: Final = 64  # finished documents that are read at a time
_IDS: Final = 4096  # the same without their texts
SUMMARY: Final = (
    "SELECT state, count(*), sum(rounds), sum(input_tokens), sum(output_tokens), sum(cost), sum(unpriced), "
    "sum(characters) FROM document WHERE batch = %s GROUP BY state"
)


def summary_of(rows: Sequence[Row]) -> Summary:
    """What the aggregate query has found."""
    sums = [sum(row[column] for row in rows) for column in range(2, 8)]
    whole = [int(value) for value in sums]
    return Summary(
        cast("dict[DocumentState, int]", {row[0]: row[1] for row in rows}),
        rounds=whole[0],
        input_tokens=whole[1],
        output_tokens=whole[2],
        cost=float(sums[3]),
        unpriced=whole[4],
        characters=whole[5],
    )


class PostgresReader:
    """What is in a batch.

    Args:
        url: of the database, as `postgresql://user@host/name`.
        name: of the batch.

    Raises:
        ConfigurationError: the name cannot be one.
        MissingDependencyError: psycopg is missing.
    """

    def __init__(self, url: str, name: str) -> None:
        require()
        if not name or len(name) > 1000 or not name.isprintable():
            raise ConfigurationError(f"name={name!r}: a batch is named by up to 1000 printable characters")
        self.url, self.name = url, name
        self.place = f"{place(url)} batch {name!r}"

    @contextmanager
    def _reading(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection for a look; PostgreSQL's errors come out as `JournalError`."""
        import psycopg

        try:
            with connect(self.url) as connection:
                if version_of(connection, self.url) == 0:
                    raise JournalError(f"there is no batch in {place(self.url)} yet")
                yield connection
        except psycopg.Error as error:
            raise explain(error, self.url) from error

    def _key(self, connection: psycopg.Connection[Any]) -> int:
        row = connection.execute("SELECT key FROM batch WHERE name = %s", (self.name,)).fetchone()
        if row is None:
            raise JournalError(f"there is no batch {self.name!r} in {place(self.url)}")
        return int(row[0])

    # -- results --------------------------------------------------------------------------------------------------

    def read(self, *states: DocumentState) -> Iterator[tuple[int, JobResult]]:
        """The sync twin of `results()`."""
        last = (-1, -1)
        with self._reading() as connection:
            batch = self._key(connection)
            while page := self._page(connection, batch, states, last):
                for number, key, result in page:
                    yield number, result
                    last = number, key

    async def results(self, *states: DocumentState) -> AsyncIterator[tuple[int, JobResult]]:
        """See `Journal.results`."""
        last = (-1, -1)
        while page := await anyio.to_thread.run_sync(self._one_page, states, last):
            for number, key, result in page:
                yield number, result
                last = number, key

    def _one_page(self, states: Sequence[DocumentState], last: tuple[int, int]) -> list[tuple[int, int, JobResult]]:
        with self._reading() as connection:
            return self._page(connection, self._key(connection), states, last, 16 * _PAGE)

    def _page(
        self,
        connection: psycopg.Connection[Any],
        batch: int,
        states: Sequence[DocumentState],
        last: tuple[int, int],
        most: int = _PAGE,
    ) -> list[tuple[int, int, JobResult]]:
        # Large texts come in small pages, so that memory stays flat however many there are.
        rows = connection.execute(
            "SELECT number, key, result FROM document JOIN result ON document = key "
            "WHERE batch = %s AND (number, key) > (%s, %s) AND state = ANY(%s) ORDER BY number, key LIMIT %s",
            (batch, *last, list(states or get_args(DocumentState)), most),
        ).fetchall()
        return [(number, key, result_from_json(json.loads(text))) for number, key, text in rows]

    # -- all the rest ---------------------------------------------------------------------------------------------

    async def settings(self) -> Mapping[str, Any] | None:
        """What the batch was begun with; None if it was not."""
        return await anyio.to_thread.run_sync(self._settings)

    def _settings(self) -> Mapping[str, Any] | None:
        with self._reading() as connection:
            row = connection.execute("SELECT settings FROM batch WHERE name = %s", (self.name,)).fetchone()
        return None if row is None else json.loads(row[0])

    async def summary(self) -> Summary:
        """See `Journal.summary`."""
        return await anyio.to_thread.run_sync(self._summary)

    def _summary(self) -> Summary:
        with self._reading() as connection:
            return summary_of(connection.execute(SUMMARY, (self._key(connection),)).fetchall())

    async def ids(self) -> AsyncIterator[tuple[int, str, DocumentState]]:
        """See `Journal.ids`."""
        last = (-1, -1)
        while page := await anyio.to_thread.run_sync(self._ids, last):
            for number, key, id, state in page:
                yield number, json.loads(id), state
                last = number, key

    def _ids(self, last: tuple[int, int]) -> list[tuple[int, int, str, DocumentState]]:
        with self._reading() as connection:
            return connection.execute(
                "SELECT number, key, id, state FROM document WHERE batch = %s AND (number, key) > (%s, %s) "
                "ORDER BY number, key LIMIT %s",
                (self._key(connection), *last, _IDS),
            ).fetchall()

    def known(self, ids: Sequence[str]) -> dict[str, str]:
        """The fingerprints of those jobs that are in the journal, by id; for some hundred ids at a time."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT id, fingerprint FROM document WHERE batch = %s AND id = ANY(%s)",
                (self._key(connection), [dumps(id) for id in ids]),
            ).fetchall()
        return {json.loads(id): fingerprint for id, fingerprint in rows}

    async def notes(self, prefix: str = "") -> dict[str, Any]:
        """See `Journal.notes`."""
        return await anyio.to_thread.run_sync(self._notes, prefix)

    def _notes(self, prefix: str) -> dict[str, Any]:
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT key, value FROM note WHERE batch = %s ORDER BY key", (self._key(connection),)
            ).fetchall()
        return {key: json.loads(value) for key, value in rows if key.startswith(prefix)}

    def about(self) -> tuple[int, int, str | None, str]:
        """Workers that are alive, documents that they take at once, and why the batch is paused, if it is."""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT count(*), coalesce(sum(concurrency), 0) FROM worker "
                "WHERE NOT over AND heartbeat + lease * interval '1 s' > clock_timestamp()"
            ).fetchone() or (0, 0)
            stop, message = connection.execute(
                "SELECT stop, message FROM batch WHERE key = %s", (self._key(connection),)
            ).fetchone() or (None, "")
        return int(row[0]), int(row[1]), stop, message

    def exists(self) -> bool:
        """Whether the batch has been begun.

        Raises:
            JournalError: the database cannot be reached, or is a later version's.
        """
        import psycopg

        try:
            with connect(self.url) as connection:
                return bool(version_of(connection, self.url)) and bool(
                    connection.execute("SELECT 1 FROM batch WHERE name = %s", (self.name,)).fetchone()
                )
        except psycopg.Error as error:
            raise explain(error, self.url) from error


def batches(url: str) -> dict[str, Summary]:
    """All batches of a database, by name.

    Raises:
        JournalError: it cannot be read.
    """
    reader = PostgresReader(url, "any")
    with reader._reading() as connection:
        rows = connection.execute("SELECT key, name FROM batch ORDER BY key").fetchall()
        return {name: summary_of(connection.execute(SUMMARY, (key,)).fetchall()) for key, name in rows}
