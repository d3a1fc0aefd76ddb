"""A look at an SQLite journal, at any time, also while another process works on it."""

from __future__ import annotations

import json
import sqlite3
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast, get_args

import anyio

from continuum._core.errors import DamagedJournalError, JournalError
from continuum.batch.journal import DocumentState, Summary
from continuum.batch.outcomes import result_from_json
from continuum.batch.schema import check_kind, explain, in_flight

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from continuum.batch.job import JobResult

_PAGE: Final = 64  # finished documents that are read at a time
_IDS: Final = 4096  # the same without their texts


class SqliteReader:
    """What is in a journal.

    Args:
        path: the file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()

    def exists(self) -> bool:
        """Whether there is a batch in it: a disk that was full from the start may have left a file without one."""
        if not self.path.exists():
            return False
        try:
            with Reading(self.path):
                return True
        except _EmptyError:
            return False

    async def results(self, *states: DocumentState) -> AsyncIterator[tuple[int, JobResult]]:
        """See `Journal.results`."""
        last, damaged = (-1, -1), dict[str, str]()
        while page := await anyio.to_thread.run_sync(self._page, states, last, damaged):
            for number, key, result in page:
                last = number, key
                if result is not None:
                    yield number, result
        self._check_whole(damaged)

    def read(self, *states: DocumentState) -> Iterator[tuple[int, JobResult]]:
        """The sync twin of `results()`."""
        last, damaged = (-1, -1), dict[str, str]()
        while page := self._page(states, last, damaged):
            for number, key, result in page:
                last = number, key
                if result is not None:
                    yield number, result
        self._check_whole(damaged)

    def _page(
        self, states: Sequence[DocumentState], last: tuple[int, int], damaged: dict[str, str]
    ) -> list[tuple[int, int, JobResult | None]]:
        """Some results (None: damaged), each read by itself: one that is damaged must not hide the others."""
        states = states or get_args(DocumentState)
        marks = ", ".join("?" * len(states))
        page: list[tuple[int, int, JobResult | None]] = []
        with Reading(self.path) as connection:
            rows = connection.execute(
                f"SELECT number, key, id FROM document WHERE (number, key) > (?, ?) AND state IN ({marks}) "
                "AND (state NOT IN ('pending', 'running') OR EXISTS (SELECT 1 FROM result WHERE document = key)) "
                "ORDER BY number, key LIMIT ?",
                (*last, *states, _PAGE),
            ).fetchall()
            for number, key, id in rows:
                result = None
                try:
                    found = connection.execute("SELECT checksum, result FROM result WHERE document = ?", (key,))
                    text = next(((text, checksum) for checksum, text in found), None)
                    if text is not None:
                        result = result_from_json(self._loads(*text, f"the result of job number {number + 1}"))
                    else:
                        damaged[id] = "it is gone"
                except (DamagedJournalError, sqlite3.DatabaseError) as error:
                    damaged[id] = str(error)
                page.append((number, key, result))
        return page

    def _check_whole(self, damaged: Mapping[str, str]) -> None:
        if not damaged:
            return
        named = ", ".join(map(repr, list(damaged)[:10])) + (", …" if len(damaged) > 10 else "")
        raise DamagedJournalError(
            f"the journal {str(self.path)!r} is damaged: the results of {len(damaged):,} document(s) are not what was "
            f"written ({named}), all others are whole. Restore it from a copy, or export what is whole and draft those "
            f"again from another journal. The first of them: {next(iter(damaged.values()))}",
            list(damaged),
        )

    async def settings(self) -> Mapping[str, Any] | None:
        """What the batch was begun with; None if it was not."""
        return await anyio.to_thread.run_sync(self._settings)

    def _settings(self) -> Mapping[str, Any] | None:
        with Reading(self.path) as connection:
            row = connection.execute("SELECT settings FROM batch").fetchone()
        return None if row is None else json.loads(row[0])

    async def summary(self) -> Summary:
        """See `Journal.summary`."""
        return await anyio.to_thread.run_sync(self._summary)

    def _summary(self) -> Summary:
        with Reading(self.path) as connection:
            rows = connection.execute(
                f"SELECT CASE WHEN state = 'running' AND NOT ({in_flight(connection)}) THEN 'pending' ELSE state END, "
                "count(*), sum(rounds), sum(input_tokens), sum(output_tokens), sum(cost), sum(unpriced), "
                "sum(characters) FROM document GROUP BY 1"
            ).fetchall()
        sums = [sum(row[column] for row in rows) for column in range(2, 8)]
        return Summary(cast("dict[DocumentState, int]", {row[0]: row[1] for row in rows}), *sums)

    async def ids(self) -> AsyncIterator[tuple[int, str, DocumentState]]:
        """See `Journal.ids`."""
        last = (-1, -1)
        while page := await anyio.to_thread.run_sync(self._ids, last):
            for number, key, id, state in page:
                yield number, id, state
                last = number, key

    def _ids(self, last: tuple[int, int]) -> list[tuple[int, int, str, DocumentState]]:
        with Reading(self.path) as connection:
            return connection.execute(
                "SELECT number, key, id, state FROM document WHERE (number, key) > (?, ?) ORDER BY number, key LIMIT ?",
                (*last, _IDS),
            ).fetchall()

    def known(self, ids: Sequence[str]) -> dict[str, str]:
        """The fingerprints of those jobs that are in the journal, by id; for some hundred ids at a time."""
        marks = ", ".join("?" * len(ids))
        with Reading(self.path) as connection:
            rows = connection.execute(f"SELECT id, fingerprint FROM document WHERE id IN ({marks})", ids).fetchall()
        return dict(rows)

    async def notes(self, prefix: str = "") -> dict[str, Any]:
        """See `Journal.notes`."""
        return await anyio.to_thread.run_sync(self._notes, prefix)

    def _notes(self, prefix: str) -> dict[str, Any]:
        with Reading(self.path) as connection:
            rows = connection.execute("SELECT key, value FROM note ORDER BY key").fetchall()
        return {key: json.loads(value) for key, value in rows if key.startswith(prefix)}

    def _loads(self, text: str, checksum: int, what: str) -> Any:
        if zlib.crc32(text.encode()) != checksum:
            raise DamagedJournalError(
                f"the journal {str(self.path)!r} is damaged: {what} is not what was written; restore it from a copy, "
                "or export what is whole"
            )
        return json.loads(text)


class _EmptyError(JournalError):
    """The file is there, and nothing is in it."""


class Reading:
    """A connection for a look; SQLite's errors come out as `JournalError`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> sqlite3.Connection:
        if not self._path.exists():
            raise JournalError(f"there is no journal {str(self._path)!r}")
        try:
            self._connection = sqlite3.connect(
                f"{self._path.as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=30.0
            )
            try:
                if check_kind(self._connection, self._path) == 0:
                    raise _EmptyError(f"the journal {str(self._path)!r} is empty")
            except BaseException:
                self._connection.close()
                raise
        except sqlite3.Error as error:
            raise explain(error, self._path) from error
        return self._connection

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._connection.close()
        if isinstance(error, sqlite3.Error):
            raise explain(error, self._path) from error
