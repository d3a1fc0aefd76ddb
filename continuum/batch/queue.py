"""How documents get to workers: one document is one job of procrastinate, in the journal's own database.

The journal is the truth, and the queue only carries: a job that comes twice, late, or to a document that is done, does
nothing; one that was lost is deferred again. So three known weaknesses of a queue do no harm here: a job that stays
`doing` when its worker's row was removed (procrastinate#1518), a worker that goes on under an id that others have
declared dead, and side tasks of a worker that end without anybody noticing. Who is dead is decided by the journal's own
lease.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from continuum._core.errors import JournalError
from continuum.batch.postgres_schema import (
    FORMAT,
    SCHEMA,
    configure,
    connect,
    explain,
    migrate,
    options,
    place,
    require,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import procrastinate
    import psycopg

T = TypeVar("T")
QUEUE: Final = f"continuum-{FORMAT}"
TASK: Final = "continuum.draft"
_HANDED: Final = 3.0  # seconds after which a job that was handed over has been taken up
_FORGOTTEN: Final = 3600.0  # seconds after which a job of a worker that is gone is removed
_SWEEP: Final = 30.0  # seconds between two looks at the jobs of all open documents
_OFFERED: Final = 1000  # documents that are deferred in one transaction


def install(connection: psycopg.Connection[Any], url: str) -> None:
    """Make procrastinate's tables, or bring them to the version of the installed procrastinate.

    Raises:
        JournalError: they are a later procrastinate's.
        MissingDependencyError: procrastinate is missing.
    """
    require("procrastinate")
    from procrastinate.schema import SchemaManager

    migrate(connection, url)
    scripts = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    newest = scripts[-1].name
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('continuum.schema', 0))")
        configure(connection)
        row = connection.execute(f"SELECT queue FROM {SCHEMA}.meta").fetchone()
        before = row[0] if row else None
        if before == newest:
            return
        if before is None:
            connection.execute(SchemaManager.get_schema().encode())
        elif before > newest:
            raise JournalError(
                f"the queue in {place(url)} was made by a later procrastinate ({before}, this one knows {newest}); "
                "install the same one: pip install -U procrastinate"
            )
        else:
            for script in scripts:
                if script.name > before:
                    connection.execute(script.read_bytes())
        connection.execute("UPDATE meta SET queue = %s", (newest,))


def worker_app(url: str, connections: int = 4) -> procrastinate.App:
    """Procrastinate as a worker uses it, on asyncio."""
    import procrastinate

    async def prepare(connection: Any) -> None:
        await connection.set_autocommit(True)
        await connection.execute(f"SET search_path TO {SCHEMA}, public")

    return procrastinate.App(
        connector=procrastinate.PsycopgConnector(
            conninfo=url,
            kwargs=options(url),
            min_size=1,
            max_size=connections,
            timeout=10.0,
            configure=prepare,
        )
    )


class Attendant:
    """Does the rounds: offers open documents to the workers, and takes those of dead workers away from them.

    Everybody may do that at the same time. Its methods block, so call them in a thread; one at a time.

    Args:
        url: of the database.
        patience: seconds for which a lost database is waited for.
        calm: seconds after a lost connection for which nobody is taken for dead: if the database itself was away, the
            others could not say that they live either.

    Attributes:
        hurried: do not wait for a lost database any more.
    """

    def __init__(self, url: str, patience: float = 120.0, calm: float = 0.0) -> None:
        require("procrastinate")
        import procrastinate

        self._url, self._patience = url, patience
        self._connection: psycopg.Connection[Any] | None = None
        self._lock = threading.Lock()
        # It only makes statements: they are executed on the connection above.
        app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=url))
        self._task = app.configure_task
        self._swept = float("-inf")
        self._calm, self._calm_until = calm, float("-inf")
        self.hurried = False

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def do(self, work: Callable[[psycopg.Connection[Any]], T]) -> T:
        """Call it with a connection, again if that breaks; what it does must not mind being done twice.

        Raises:
            JournalError: the database does not come back in time.
        """
        import psycopg
        from procrastinate.exceptions import ConnectorException

        until = time.monotonic() + self._patience
        with self._lock:
            while True:
                try:
                    if self._connection is None or self._connection.closed:
                        self._connection = connect(self._url)
                        if self._calm_until == float("inf"):
                            self._calm_until = time.monotonic() + self._calm
                    return work(self._connection)
                except (psycopg.OperationalError, ConnectorException) as error:
                    cause = error.__cause__ if isinstance(error, ConnectorException) else error
                    if self._connection is not None:
                        self._connection.close()
                        self._connection = None
                        self._calm_until = float("inf")
                    if time.monotonic() > until or self.hurried or not isinstance(cause, psycopg.OperationalError):
                        raise explain(cause or error, self._url) from error
                    time.sleep(0.2)
                except psycopg.Error as error:
                    raise explain(error, self._url) from error

    def prepare(self) -> None:
        """Make what is not there yet."""

        def work(connection: psycopg.Connection[Any]) -> None:
            install(connection, self._url)
            configure(connection)

        self.do(work)

    def offer(self, batch: int | None = None) -> int:
        """Defer a job for every document that is open and has none; returns how many.

        Args:
            batch: only of this one.
        """
        total = 0
        while count := self.do(lambda connection: self._offer(connection, batch)):
            total += count
        return total

    def _offer(self, connection: psycopg.Connection[Any], batch: int | None) -> int:
        with connection.transaction():
            rows = connection.execute(
                "SELECT d.key, d.begun FROM document d JOIN batch b ON b.key = d.batch "
                "WHERE d.state = 'pending' AND d.job IS NULL AND b.shared AND b.stop IS NULL AND b.format = %(format)s "
                "AND d.seen = b.run AND (%(batch)s::bigint IS NULL OR b.key = %(batch)s) "
                "ORDER BY d.batch, d.begun DESC, d.number LIMIT %(most)s FOR UPDATE OF d SKIP LOCKED",
                {"format": FORMAT, "batch": batch, "most": _OFFERED},
            ).fetchall()
            for begun in (True, False):
                keys = [key for key, is_begun in rows if is_begun == begun]
                if keys:
                    deferrer = self._task(TASK, queue=QUEUE, priority=int(begun), connection=connection)
                    jobs = deferrer.batch_defer(*({"document": key} for key in keys))
                    connection.execute(
                        "UPDATE document d SET job = u.job FROM unnest(%s::bigint[], %s::bigint[]) u(key, job) "
                        "WHERE d.key = u.key",
                        (keys, jobs),
                    )
        return len(rows)

    def find_lost_jobs(self) -> None:
        """See which jobs will never be done, so that their documents are offered again.

        A worker takes its document up at once when it is handed the job. If it was killed in between, the job is
        `doing` for ever. To offer a document twice does no harm.
        """

        def work(connection: psycopg.Connection[Any]) -> None:
            connection.execute(
                "UPDATE document d SET job = NULL FROM procrastinate_jobs j "
                "WHERE j.queue_name = %s AND j.status = 'doing' AND d.key = (j.args->>'document')::bigint "
                "AND d.job = j.id AND d.state = 'pending' AND EXISTS (SELECT 1 FROM procrastinate_events e "
                "WHERE e.job_id = j.id AND e.type = 'started' AND e.at < clock_timestamp() - %s * interval '1 s')",
                (QUEUE, _HANDED),
            )
            connection.execute(
                "DELETE FROM procrastinate_jobs j WHERE j.queue_name = %s AND j.status = 'doing' "
                "AND NOT EXISTS (SELECT 1 FROM procrastinate_workers w WHERE w.id = j.worker_id "
                "AND w.last_heartbeat > clock_timestamp() - interval '5 min') "
                "AND NOT EXISTS (SELECT 1 FROM document d WHERE d.key = (j.args->>'document')::bigint "
                "AND d.job = j.id) AND EXISTS (SELECT 1 FROM procrastinate_events e "
                "WHERE e.job_id = j.id AND e.type = 'started' AND e.at < clock_timestamp() - %s * interval '1 s')",
                (QUEUE, _FORGOTTEN),
            )
            now = time.monotonic()
            if now - self._swept < _SWEEP:
                return
            self._swept = now
            connection.execute(
                "UPDATE document d SET job = NULL WHERE state = 'pending' AND job IS NOT NULL "
                "AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs WHERE id = d.job AND status IN ('todo', 'doing'))"
            )

        self.do(work)

    def take_over(self) -> int:
        """Take the documents of dead workers away from them, so that they are offered again; returns how many."""

        def work(connection: psycopg.Connection[Any]) -> int:
            if time.monotonic() < self._calm_until:
                return 0
            with connection.transaction():
                connection.execute(
                    "UPDATE worker SET over = true "
                    "WHERE NOT over AND heartbeat + lease * interval '1 s' < clock_timestamp()"
                )
                # Not only of those that died right now: a worker may have been taking one up at that moment.
                freed = connection.execute(
                    "UPDATE document d SET state = 'pending', owner = NULL, job = NULL FROM batch b "
                    "WHERE d.state = 'running' AND b.key = d.batch AND b.shared "
                    "AND NOT EXISTS (SELECT 1 FROM worker w WHERE w.id = d.owner AND NOT w.over)"
                ).rowcount
                connection.execute(
                    "WITH gone AS (DELETE FROM reservation r WHERE NOT EXISTS "
                    "(SELECT 1 FROM worker w WHERE w.id = r.worker AND NOT w.over) RETURNING batch, amount) "
                    "UPDATE batch b SET reserved = greatest(b.reserved - g.amount, 0) "
                    "FROM (SELECT batch, sum(amount) AS amount FROM gone GROUP BY batch) g WHERE b.key = g.batch"
                )
                connection.execute("DELETE FROM worker WHERE over AND heartbeat < now() - interval '1 day'")
                return freed

        return self.do(work)
