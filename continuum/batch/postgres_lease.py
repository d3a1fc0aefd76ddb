"""The PostgreSQL journal as a worker has it: for all batches of a database, document by document, under a lease."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from continuum.batch.postgres import PostgresJournal, new_owner
from continuum.batch.postgres_schema import FORMAT
from continuum.batch.postgres_statements import documents

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from continuum.batch.journal import Document


class Taken(NamedTuple):
    """A document that was taken up: the number of its batch, and the run that the batch is in."""

    document: Document
    batch: int
    run: int


class WorkerJournal(PostgresJournal):
    """A journal for one of many workers. Who holds a document is decided by the lease: a worker that has not been heard
    of for so long has lost its documents, and its name is never used again."""

    async def attach(self) -> None:
        """Open the database as one of many workers, for all its batches; they are handed documents by `take()`.

        Raises:
            JournalError: it cannot be reached, or its tables are a later version's.
        """
        await self._open(exclusive=False)

    async def take(self, key: int, job: int | None = None) -> Taken | None:
        """Take up one document, as a worker that was handed it.

        Args:
            key: the document's.
            job: of procrastinate, that handed it over.

        Returns:
            None if it is done, in other hands, or not to be drafted now.
        """
        if key in self._held:
            return None

        def work(connection: psycopg.Connection[Any]) -> Callable[[], Taken | None]:
            rows = connection.execute(
                "UPDATE document d SET state = 'running', owner = %(owner)s, epoch = epoch + 1, job = NULL "
                "FROM batch b WHERE d.key = %(key)s AND b.key = d.batch AND b.shared AND b.stop IS NULL "
                "AND b.format = %(format)s AND d.seen = b.run "
                "AND (state = 'pending' OR (state = 'running' AND owner = %(owner)s)) "
                "AND EXISTS (SELECT 1 FROM worker WHERE id = %(owner)s AND NOT over) "
                "RETURNING d.key, number, epoch, entries, content, excused, b.key, b.run",
                {"owner": self.owner, "key": key, "format": FORMAT},
            ).fetchall()
            if not rows:
                # It is offered again, to whom it may concern then.
                connection.execute(
                    "UPDATE document SET job = NULL WHERE key = %s AND job = %s AND state = 'pending'", (key, job)
                )
                return lambda: None
            taken = Taken(documents(connection, rows)[0], rows[0][6], rows[0][7])
            return lambda: taken

        taken: Taken | None = await self.writer.run(work)
        if taken is not None:
            self._held.add(key)
        return taken

    async def pass_on(self, key: int, job: int) -> None:
        """Let a document that was handed over, and not taken up, be offered again."""
        await self._do("UPDATE document SET job = NULL WHERE key = %s AND job = %s AND state = 'pending'", (key, job))

    # -- a worker's life ------------------------------------------------------------------------------------------

    async def register(self, lease: float, concurrency: int) -> None:
        """Enter this process among the workers, under a name that nobody has had."""
        from continuum import __version__

        self.owner = new_owner()
        self._held.clear()
        await self._do(
            "INSERT INTO worker (id, lease, format, version, concurrency) VALUES (%s, %s, %s, %s, %s) "
            "ON CONFLICT DO NOTHING",
            (self.owner, lease, FORMAT, __version__, concurrency),
        )

    async def beat(self) -> bool:
        """Renew the lease; returns whether it was still this process's to renew."""
        statement = "UPDATE worker SET heartbeat = clock_timestamp() WHERE id = %s AND NOT over RETURNING id"
        return bool(await self.fetch(statement, (self.owner,)))

    async def resign(self) -> None:
        """Give everything back that is still held, and leave the workers."""
        await self._do(
            "UPDATE document SET state = 'pending', owner = NULL, job = NULL WHERE state = 'running' AND owner = %s",
            (self.owner,),
        )
        await self._do("DELETE FROM worker WHERE id = %s", (self.owner,))
        self._held.clear()
