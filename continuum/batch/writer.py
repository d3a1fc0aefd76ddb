"""One thread that writes to a database for many tasks: whatever waits goes into one transaction, synced once.

A task that waits for its write is woken after the commit, on its own event loop, asyncio's or trio's. So a hundred
rounds that end together cost one fsync, and no event loop ever waits for the disk.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

import anyio
from anyio.lowlevel import current_token

from continuum._core.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Closable(Protocol):
    """A connection, as far as the thread knows it."""

    def close(self) -> object:
        """Let go of it."""
        ...


T = TypeVar("T")
C = TypeVar("C", bound=Closable)
_MOST: Final = 256  # pieces of work in one transaction
_LINGER: Final = 0.02  # seconds that patient work waits for more of it, while there is much
_BUSY: Final = 0.05  # seconds since the last commit within which there is much


def soon_here() -> Callable[..., Any]:
    """Calls a function soon in the event loop of the present task; may be used from any thread."""
    native: Any = current_token().native_token
    soon: Callable[..., Any] = getattr(native, "run_sync_soon", None) or native.call_soon_threadsafe
    return soon


class Ticket:
    """A piece of work, and who waits for it."""

    __slots__ = ("done", "error", "patient", "soon", "value", "work")

    def __init__(self, work: Any, *, waited_for: bool, patient: bool) -> None:
        self.work = work
        self.patient = patient
        self.soon = soon_here() if waited_for else None
        self.done = anyio.Event() if waited_for else None
        self.value: Any = None
        self.error: BaseException | None = None


class GroupWriter(Generic[C]):
    """The thread, and the way to it. A database only adds how a group of work becomes one transaction.

    Args:
        connect: opens the connection, in the thread.
        explain: turns an error of the database into the one to raise.
    """

    def __init__(self, connect: Callable[[], C], explain: Callable[[BaseException], BaseException]) -> None:
        self._connect, self._explain = connect, explain
        self._queue: SimpleQueue[Ticket | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="continuum-journal", daemon=True)
        self._opening: BaseException | None = None
        self._open = threading.Event()
        self._closed = False
        self._committed = float("-inf")
        self.commits = 0
        self.cpu = 0.0  # seconds of CPU that the thread has used

    def start(self) -> None:
        """Open the connection; blocks until that is done.

        Raises:
            Exception: as `explain` made it, if it cannot be opened.
        """
        self._thread.start()
        self._open.wait()
        if self._opening is not None:
            raise self._opening

    async def run(self, work: Callable[[C], T], *, patient: bool = False) -> T:
        """Do this; returns after it is on disk. A task that is cancelled meanwhile does not undo it.

        Args:
            work: what to do.
            patient: it may wait a fiftieth of a second for company, if there was some a moment ago: a commit costs
                several times what is written in it.
        """
        ticket = Ticket(work, waited_for=True, patient=patient)
        self._put(ticket)
        assert ticket.done is not None
        await ticket.done.wait()
        if ticket.error is not None:
            raise ticket.error
        value: T = ticket.value
        return value

    def post(self, work: Callable[[C], Any]) -> None:
        """Do this soon; nobody waits for it, and nobody hears of a failure."""
        self._put(Ticket(work, waited_for=False, patient=True))

    def _put(self, ticket: Ticket) -> None:
        if self._closed:
            raise JournalError("the journal is closed")
        self._queue.put(ticket)

    async def close(self) -> None:
        """Write what waits, and let the file go."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        await anyio.to_thread.run_sync(self._thread.join)

    # -- in the thread --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            connection = self._connect()
        except BaseException as error:
            self._opening = self._explain(error)
            return
        finally:
            self._open.set()
        try:
            while self._batch(connection):
                self.cpu = time.thread_time()
        finally:
            connection.close()

    def _batch(self, connection: C) -> bool:
        tickets = [self._queue.get()]
        self._drain(tickets)
        patient = all(ticket is not None and ticket.patient for ticket in tickets)
        if patient and time.monotonic() - self._committed < _BUSY:
            time.sleep(_LINGER)
            self._drain(tickets)
        last = tickets[-1] is None
        work = [ticket for ticket in tickets if ticket is not None]
        if work:
            try:
                self._transact(connection, work)
            except Exception as error:
                self._one_by_one(connection, work, error)
            _wake(work)
            self._committed = time.monotonic()
        return not last

    def _drain(self, tickets: list[Ticket | None]) -> None:
        try:
            while tickets[-1] is not None and len(tickets) < _MOST:
                tickets.append(self._queue.get_nowait())
        except Empty:
            pass

    def _one_by_one(self, connection: C, work: Sequence[Ticket], error: Exception) -> None:
        """A group has failed: nobody is to fail for another one."""
        for ticket in work:
            try:
                self._transact(connection, [ticket])
            except Exception as error:
                ticket.error = self._explain(error)

    def _transact(self, connection: C, tickets: Sequence[Ticket]) -> None:
        """Do all of it in one transaction; raises, with nothing done, if a piece fails."""
        raise NotImplementedError


class Writer(GroupWriter[sqlite3.Connection]):
    """Writes to SQLite.

    Work is a function of the connection. It runs inside a transaction, possibly more than once: if one piece fails, all
    of its transaction is rolled back, and each piece is tried again by itself, so that nobody fails for another one.

    Args:
        connect: opens the connection, in the thread; with `isolation_level=None`.
        explain: turns an error of SQLite into the one to raise.
        check: called before each commit; raises if the file is not what it was.
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        explain: Callable[[BaseException], BaseException],
        check: Callable[[], None],
    ) -> None:
        super().__init__(connect, explain)
        self._check = check

    def _transact(self, connection: sqlite3.Connection, tickets: Sequence[Ticket]) -> None:
        try:
            connection.execute("BEGIN IMMEDIATE")
            for ticket in tickets:
                ticket.value = ticket.work(connection)
            self._check()
            connection.execute("COMMIT")
            self.commits += 1
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _wake(tickets: list[Ticket]) -> None:
    waiting: dict[Any, list[anyio.Event]] = {}
    for ticket in tickets:
        if ticket.soon is not None and ticket.done is not None:
            waiting.setdefault(ticket.soon, []).append(ticket.done)
    for soon, events in waiting.items():
        try:
            soon(_set, events)
        except RuntimeError:  # the loop is over (trio: RunFinishedError): nobody waits any more
            continue


def _set(events: list[anyio.Event]) -> None:
    for event in events:
        event.set()
