"""What can still be read of a damaged SQLite journal: row by row and table by table, without any index.

A damaged page takes what is on it. Read as usual it would take everything, as soon as it belongs to an index or to the
way to the first row.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, Final, get_args

from continuum._core.errors import DamagedJournalError, JournalError
from continuum.batch.journal import DocumentState, Summary
from continuum.batch.outcomes import result_from_json
from continuum.batch.schema import SHIFT
from continuum.batch.sqlite_reader import Reading, SqliteReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from continuum.batch.job import JobResult

_PAGE: Final = 64
_STATES: Final = get_args(DocumentState)
_LAST: Final = (  # every table knows how many documents there are, as far as it goes
    "SELECT max(key) FROM document",
    "SELECT max(document) FROM result",
    f"SELECT max(key) >> {SHIFT} FROM entry",
)
_SUMS: Final = "rounds, input_tokens, output_tokens, cost, unpriced, characters"


class Salvage(SqliteReader):
    """A journal that cannot be read as usual. Results come in the order in which their documents were entered.

    Args:
        path: the file.
        damage: what was found when it was read as usual.
    """

    def __init__(self, path: Path, damage: JournalError) -> None:
        super().__init__(path)
        self._damage = damage

    def _page(
        self, states: Sequence[DocumentState], last: tuple[int, int], damaged: dict[str, str]
    ) -> list[tuple[int, int, JobResult | None]]:
        page: list[tuple[int, int, JobResult | None]] = []
        with Reading(self.path) as connection:
            for key in range(max(last[1] + 1, 1), _end(connection)):
                found = self._one(connection, key, states or _STATES, damaged)
                page += [] if found is None else [found]
                if len(page) == _PAGE:
                    break
        return page

    def _one(
        self, connection: sqlite3.Connection, key: int, states: Sequence[str], damaged: dict[str, str]
    ) -> tuple[int, int, JobResult | None] | None:
        """A document and its result (None: damaged), if it has one and is in one of these states."""
        document, why = _row(connection, "SELECT number, id, state FROM document WHERE key = ?", key)
        kept, no_result = _row(connection, "SELECT checksum, result FROM result WHERE document = ?", key)
        number, id, state = document if _is_document(document) else (key - 1, f"job number {key}", "")
        if state and state not in states:
            return None
        if kept is None and not no_result and (state in ("pending", "running") or not (state or why)):
            return None  # there never was one
        try:
            if kept is None:
                raise DamagedJournalError(no_result or why or "it is gone")
            result = result_from_json(self._loads(kept[1], kept[0], f"the result of job number {number + 1}"))
        except (JournalError, TypeError, AttributeError) as error:
            damaged[str(id)] = str(error)
            return number, key, None
        return (number, key, result) if state or result.status in states else None

    def _check_whole(self, damaged: Mapping[str, str]) -> None:
        super()._check_whole(damaged)
        raise DamagedJournalError(f"{self._damage.message}. All results could be read")

    def _settings(self) -> Mapping[str, Any] | None:
        try:
            return super()._settings()
        except JournalError:
            return None

    def _notes(self, prefix: str) -> dict[str, Any]:
        try:
            return super()._notes(prefix)
        except JournalError:
            return {}

    def _ids(self, last: tuple[int, int]) -> list[tuple[int, int, str, DocumentState]]:
        with Reading(self.path) as connection:
            keys = range(max(last[1] + 1, 1), _end(connection))
            rows = (
                (_row(connection, "SELECT number, id, state FROM document WHERE key = ?", key)[0], key) for key in keys
            )
            return [(row[0], key, row[1], row[2]) for row, key in rows if row is not None and _is_document(row)]

    def _summary(self) -> Summary:
        documents: dict[DocumentState, int] = {}
        sums = [0.0] * 6
        with Reading(self.path) as connection:
            for row in _rows(connection, f"SELECT state, {_SUMS} FROM document WHERE key = ?", _end(connection)):
                if row[0] in _STATES and all(isinstance(value, int | float) for value in row[1:]):
                    documents[row[0]] = documents.get(row[0], 0) + 1
                    sums = [total + value for total, value in zip(sums, row[1:], strict=True)]
        rounds, taken, given, cost, unpriced, characters = sums
        return Summary(documents, int(rounds), int(taken), int(given), cost, int(unpriced), int(characters))


def _row(connection: sqlite3.Connection, query: str, key: int) -> tuple[Any, str]:
    """A row, None if there is none; and why it cannot be read, if it cannot."""
    try:
        return connection.execute(query, (key,)).fetchone(), ""
    except sqlite3.DatabaseError as error:
        return None, str(error)


def _rows(connection: sqlite3.Connection, query: str, end: int) -> Iterator[Any]:
    found = (_row(connection, query, key)[0] for key in range(1, end))
    return (row for row in found if row is not None)


def _end(connection: sqlite3.Connection) -> int:
    """The key behind that of the last document."""
    last = 0
    for query in _LAST:
        try:
            found = connection.execute(query).fetchone()[0]
        except sqlite3.DatabaseError:
            continue
        last = max(last, found if isinstance(found, int) else 0)
    return last + 1


def _is_document(row: Any) -> bool:
    return row is not None and isinstance(row[0], int) and isinstance(row[1], str) and row[2] in _STATES
