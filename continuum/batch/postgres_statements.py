"""The statements of the PostgreSQL journal that have to be right: who may write, and what comes out of the tables.

Each of them can be done twice without harm, because a connection may break after a commit and before its answer.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from continuum._core.errors import FencedError
from continuum._core.types import Usage
from continuum.batch.job import Job
from continuum.batch.journal import Document, Entry
from continuum.batch.outcomes import dumps, keeps, result_to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import psycopg

    from continuum.batch.job import JobResult
    from continuum.batch.postgres_reader import Row
    from continuum.batch.postgres_writer import Work

_SET_ASIDE: Final = (
    "UPDATE entry e SET void = true WHERE document = ANY(%s) AND number > coalesce("
    "(SELECT max(number) FROM entry k WHERE k.document = e.document AND k.keeps), -1)"
)
_PUT: Final = """
    WITH mine AS (
        SELECT key FROM document WHERE key = %(key)s AND epoch = %(epoch)s AND state = 'running' FOR UPDATE
    ), kept AS (
        INSERT INTO entry (document, number, epoch, request, elapsed, cost, keeps, outcome)
        SELECT key, %(number)s, %(epoch)s, %(request)s, %(elapsed)s, %(cost)s, %(keeps)s, %(outcome)s FROM mine
        ON CONFLICT DO NOTHING RETURNING document
    ), counted AS (
        UPDATE document SET begun = true, entries = %(number)s + 1, rounds = rounds + %(paid)s,
            input_tokens = input_tokens + %(input)s, output_tokens = output_tokens + %(output)s,
            cost = document.cost + %(spent)s, unpriced = unpriced + %(unpriced)s
        FROM kept WHERE key = kept.document
    ), gone AS (
        DELETE FROM partial USING kept WHERE partial.document = kept.document
    )
    SELECT count(*) FROM mine"""
_PARTIAL: Final = """
    WITH mine AS (
        SELECT key FROM document
        WHERE key = %(key)s AND epoch = %(epoch)s AND entries = %(number)s AND state = 'running' FOR UPDATE
    )
    INSERT INTO partial SELECT key, %(request)s, %(text)s FROM mine
    ON CONFLICT (document) DO UPDATE SET request = excluded.request, text = excluded.text"""
_FINISH: Final = """
    WITH mine AS (
        UPDATE document SET state = %(status)s, characters = %(characters)s, begun = true
        WHERE key = %(key)s AND epoch = %(epoch)s AND (state = 'running' OR state = %(status)s) RETURNING key
    ), kept AS (
        INSERT INTO result (document, result) SELECT key, %(result)s FROM mine
        ON CONFLICT (document) DO UPDATE SET result = excluded.result, written = excluded.written
    ), gone AS (
        DELETE FROM partial USING mine WHERE document = mine.key
    )
    SELECT count(*) FROM mine"""


def documents(connection: psycopg.Connection[Any], rows: Sequence[Row]) -> list[Document]:
    """Documents with all that is kept of them, from rows of their table: key, number, epoch, entries, content,
    excused."""
    keys = [row[0] for row in rows]
    begun = {
        key: (request, text)
        for key, request, text in connection.execute(
            "SELECT document, request, text FROM partial WHERE document = ANY(%s)", (keys,)
        ).fetchall()
    }
    entries: dict[int, list[Row]] = {}
    for row in connection.execute(
        "SELECT document, number, request, elapsed, cost, void, outcome FROM entry WHERE document = ANY(%s) "
        "ORDER BY document, number",
        (keys,),
    ):
        entries.setdefault(row[0], []).append(row)
    found = []
    for key, number, epoch, next_number, content, excused, *_ in rows:
        kept: list[Entry] = []
        aside, aside_cost = Usage(), 0.0
        for _, entry_number, request, elapsed, cost, void, text in entries.get(key, ()):
            outcome = json.loads(text)
            if void:
                aside += Usage(**outcome.get("usage", {}))
                aside_cost += cost or 0.0
            else:
                kept.append(Entry(entry_number, request, outcome, elapsed, cost))
        partial_request, partial = begun.get(key, ("", '""'))
        found.append(
            Document(
                key=key,
                number=number,
                job=Job.model_validate(json.loads(content)),
                epoch=epoch,
                entries=kept,
                partial=json.loads(partial),
                partial_request=partial_request,
                next_number=next_number,
                aside=aside if aside.total_tokens else None,
                aside_cost=aside_cost,
                excused=excused,
            )
        )
    return found


def _fenced(statement: str, values: Mapping[str, Any], document: Document) -> Work[None]:
    """Work that is this document's owner's alone; its statement counts the rows that let it."""

    def work(connection: psycopg.Connection[Any]) -> Callable[[], None]:
        cursor = connection.execute(statement.encode(), values)

        def fetch() -> None:
            row = cursor.fetchone()
            if not row or not row[0]:
                raise FencedError(
                    f"job {document.job.id!r} has been taken up by somebody else since (epoch {document.epoch} is "
                    "over); what was still bought for it here is not kept"
                )

        return fetch

    return work


def put(document: Document, entry: Entry) -> Work[None]:
    """Keep what a request brought."""
    outcome = entry.outcome
    usage = outcome.get("usage", {})
    values = {
        "key": document.key,
        "epoch": document.epoch,
        "number": entry.number,
        "request": entry.request,
        "elapsed": entry.elapsed,
        "cost": entry.cost,
        "keeps": keeps(outcome),
        "outcome": dumps(outcome),
        "paid": int("text" in outcome),
        "input": usage.get("input_tokens", 0),
        "output": usage.get("output_tokens", 0),
        "spent": entry.cost or 0.0,
        "unpriced": int(bool(usage) and entry.cost is None),
    }
    return _fenced(_PUT, values, document)


def put_partial(connection: psycopg.Connection[Any], document: Document, number: int, request: str, text: str) -> None:
    """Keep the text so far of the reply in flight, if it is still this document's owner's to keep."""
    values = {"key": document.key, "epoch": document.epoch, "number": number, "request": request, "text": dumps(text)}
    connection.execute(_PARTIAL, values)


def finish(document: Document, result: JobResult) -> Work[None]:
    """Keep the result."""
    values = {
        "key": document.key,
        "epoch": document.epoch,
        "status": result.status,
        "characters": len(result.text),
        "result": dumps(result_to_json(result)),
    }
    return _fenced(_FINISH, values, document)


def set_aside(connection: psycopg.Connection[Any], keys: Sequence[int]) -> None:
    """What came after the last useful entry was the end that is not to be believed again; nor is its cause."""
    connection.execute(_SET_ASIDE, (list(keys),))
    connection.execute("UPDATE document SET excused = entries WHERE key = ANY(%s)", (list(keys),))


def back(document: Document, *, again: bool = False) -> Work[None]:
    """Give a document back, if it is still its owner's to give."""

    def work(connection: psycopg.Connection[Any]) -> Callable[[], None]:
        connection.execute(
            "UPDATE document SET state = 'pending', owner = NULL, job = NULL "
            "WHERE key = %s AND epoch = %s AND state = 'running'",
            (document.key, document.epoch),
        )
        if again:
            mine = "key = %s AND epoch = %s AND state = 'pending'"
            connection.execute(
                f"{_SET_ASIDE} AND EXISTS (SELECT 1 FROM document WHERE {mine})",
                ([document.key], document.key, document.epoch),
            )
            connection.execute(
                f"UPDATE document SET excused = entries WHERE {mine}".encode(), (document.key, document.epoch)
            )
        return lambda: None

    return work
