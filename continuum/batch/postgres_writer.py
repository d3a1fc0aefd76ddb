"""The thread that writes to PostgreSQL: what waits goes there in one pipeline and one transaction.

A statement is sent without waiting for the answer to the one before, so that a group of rounds costs two round trips
to the database, however far away it is. When the connection breaks, the group is done again on a new one, for a bounded
time. A commit whose answer was lost may have happened: so all work has to be such that doing it again changes nothing.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from continuum._core.errors import FencedError
from continuum.batch.writer import GroupWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import psycopg

    from continuum.batch.writer import Ticket

T = TypeVar("T")
Work: TypeAlias = "Callable[[psycopg.Connection[Any]], Callable[[], T]]"
"""Executes statements, and returns the function that fetches what they answered."""

_PAUSES: Final = (0.05, 0.2, 0.5, 1.0, 2.0, 4.0)  # seconds between two tries to connect; the last one goes on


class Unreachable(Exception):
    """The database did not come back in time."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


class PostgresWriter(GroupWriter["psycopg.Connection[Any]"]):
    """Writes to PostgreSQL.

    Work is a function of the connection that executes statements and returns a function, which fetches what they
    answered. Fetched at once, they cost a round trip.

    Args:
        connect: opens the connection, in the thread.
        explain: turns an error of PostgreSQL into the one to raise.
        reconnected: is called with each connection after the first one, before work is done on it.
        patience: seconds for which it tries to get a lost connection back.
    """

    def __init__(
        self,
        connect: Callable[[], psycopg.Connection[Any]],
        explain: Callable[[BaseException], BaseException],
        reconnected: Callable[[psycopg.Connection[Any]], None],
        patience: float,
    ) -> None:
        super().__init__(self._first, explain)
        self._open_one, self._reconnected, self._patience = connect, reconnected, patience
        self._live: psycopg.Connection[Any] | None = None
        self.reconnections = 0

    def _first(self) -> psycopg.Connection[Any]:
        self._live = self._open_one()
        return self._live

    async def run(self, work: Work[T], *, patient: bool = False) -> T:  # type: ignore[override]
        """See `GroupWriter.run`."""
        value: T = await super().run(work, patient=patient)  # type: ignore[arg-type]
        return value

    # -- in the thread --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            super()._run()
        finally:
            if self._live is not None:
                self._live.close()

    def _transact(self, connection: psycopg.Connection[Any], tickets: Sequence[Ticket]) -> None:
        import psycopg

        until: float | None = None
        while True:
            live = self._live
            try:
                if live is None or live.closed:
                    live = self._reconnect(until)
                self._pipeline(live, tickets)
                return
            except psycopg.OperationalError as error:
                if live is not None and not live.closed and not live.broken and error.sqlstate not in _TEMPORARY:
                    raise
                now = time.monotonic()
                until = now + self._patience if until is None else until
                if now >= until:
                    raise Unreachable(error) from error
                self._drop()
                time.sleep(_PAUSES[0])

    def _drop(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.close()

    def _reconnect(self, until: float | None) -> psycopg.Connection[Any]:
        import psycopg

        until = time.monotonic() + self._patience if until is None else until
        number = 0
        while True:
            try:
                self._live = self._open_one()
                self._reconnected(self._live)
                self.reconnections += 1
                return self._live
            except psycopg.OperationalError as error:
                self._drop()
                if time.monotonic() >= until:
                    raise Unreachable(error) from error
            except BaseException:
                self._drop()
                raise
            time.sleep(_PAUSES[min(number, len(_PAUSES) - 1)])
            number += 1

    def _pipeline(self, connection: psycopg.Connection[Any], tickets: Sequence[Ticket]) -> None:
        fetches: list[Any] = []
        try:
            with connection.pipeline():
                connection.execute("BEGIN")
                for ticket in tickets:
                    fetches.append(ticket.work(connection))
                for ticket, fetch in zip(tickets, fetches, strict=True):
                    ticket.error = None
                    try:
                        ticket.value = fetch()
                    except FencedError as error:  # its statements have changed nothing
                        ticket.error = error
                done = connection.execute("COMMIT")
            if done.statusmessage != "COMMIT":
                raise RuntimeError(f"COMMIT was answered with {done.statusmessage}")
            self.commits += 1
        except BaseException:
            if not connection.closed and not connection.broken:
                connection.rollback()
            raise

    def _one_by_one(self, connection: psycopg.Connection[Any], work: Sequence[Ticket], error: Exception) -> None:
        if not isinstance(error, Unreachable) and len(work) > 1:
            for number, ticket in enumerate(work):
                try:
                    self._transact(connection, [ticket])
                except Unreachable as lost:
                    work, error = work[number:], lost
                    break
                except Exception as failure:
                    ticket.error = self._explain(failure)
            else:
                return
        cause = error.cause if isinstance(error, Unreachable) else error
        for ticket in work:
            ticket.error = self._explain(cause)


_TEMPORARY: Final = {
    "57P01",  # the server shuts down
    "57P02",  # it has crashed
    "57P03",  # it starts
    "53300",  # it has too many connections at the moment
    "40001",  # serialization
    "40P01",  # deadlock
    "55P03",  # a lock is held
}
