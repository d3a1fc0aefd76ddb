"""A worker: it is handed documents by the queue, drafts them as a batch of one machine does, and keeps them alike.

It says every few seconds that it lives. Whoever does not for the length of its lease has its documents taken away by
the others, and if it was only slow, it finds out at its next write, lets them go, and goes on under a new name.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import anyio

from continuum._core.errors import ConfigurationError, JournalError
from continuum._runtime import Runtime
from continuum.batch.breaker import Breaker
from continuum.batch.drafting import Shared
from continuum.batch.gate import Gate
from continuum.batch.handing import Handing
from continuum.batch.pacing import Limits
from continuum.batch.postgres_lease import Taken, WorkerJournal
from continuum.batch.postgres_schema import FORMAT, MIGRATIONS, require
from continuum.batch.progress import Progress, Silent
from continuum.batch.queue import Attendant
from continuum.batch.runner import Runner
from continuum.batch.settings import Settings
from continuum.batch.sharing import Clerk, SharedLanes, SharedPurse
from continuum.batch.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import TaskGroup

    from continuum._core.types import Response

_LOG = logging.getLogger("continuum")
_TICK: Final = 1.0  # seconds between two looks at the batches that are drafted
_ROUNDS: Final = 2.0  # seconds between two rounds of the attendant
_IDLE: Final = 3.0  # seconds without a document after which a batch is left
_BATCH: Final = "SELECT name, settings, limits, max_cost FROM batch WHERE key = %s"
_LOOK: Final = (
    "SELECT version, key, run, shared, stop, message, coalesce(deadline <= clock_timestamp(), false) "
    "FROM meta LEFT JOIN batch ON key = ANY(%s)"
)
_OPEN: Final = (
    "SELECT EXISTS (SELECT 1 FROM document d JOIN batch b ON b.key = d.batch WHERE b.shared AND b.stop IS NULL "
    "AND b.format = %s AND d.seen = b.run AND d.state IN ('pending', 'running'))"
)


@dataclass(eq=False, slots=True)
class _Work:
    """One run of one batch, as far as it is this worker's."""

    batch: int
    run: int
    name: str
    runner: Runner
    gate: Gate
    slots: Slots
    idle: float = 0.0
    told: bool = False
    scopes: set[anyio.CancelScope] = field(default_factory=set)


class Worker:
    """Drafts documents of all batches in a database, until it is told to stop.

    Args:
        url: of the database.
        client: gives the async client for a wire API (`openai`, `anthropic`) and a base URL.
        concurrency: documents at once.
        lease: seconds without a sign of life after which others take its documents over.
        patience: seconds for which a lost database is waited for.
        until_done: end when no batch has an open document.
        progress: hooks, see `Progress`.
        say: is given what a person should know.
        runtime: clock and sleep.

    Attributes:
        documents: that it has worked on.
        lost: documents that others had taken over meanwhile.

    Raises:
        ConfigurationError: an argument can only fail.
        MissingDependencyError: procrastinate or psycopg is missing.
    """

    def __init__(
        self,
        url: str,
        client: Callable[[str, str], Any],
        *,
        concurrency: int = 32,
        lease: float = 30.0,
        patience: float = 120.0,
        until_done: bool = False,
        progress: Progress | None = None,
        say: Callable[[str], None] | None = None,
        runtime: Runtime | None = None,
    ) -> None:
        require("procrastinate")
        require("psycopg")
        if not lease >= 1:
            raise ConfigurationError(f"lease={lease!r}: it has to be at least one second")
        Slots(concurrency)  # says what is wrong with it
        self._url, self._client, self._concurrency = url, client, concurrency
        self._lease, self._patience, self._until_done = lease, patience, until_done
        self._progress, self._say = progress or Silent(), say or (lambda words: None)
        self._runtime = runtime or Runtime()
        self._journal = WorkerJournal(url, "worker", patience=patience)
        self._attendant = Attendant(url, patience, calm=lease)
        self._clerk = Clerk(url, lambda: self._journal.owner, patience)
        self._clients: dict[tuple[str, str], Any] = {}
        self._works: dict[int, _Work] = {}
        self._loading = anyio.Lock()
        self._places = anyio.Semaphore(concurrency)
        self._in_flight = 0
        self._draining: str | None = None
        self._wake = anyio.Event()
        self._handing = Handing(url, self._handed, concurrency=concurrency, lease=lease, patience=patience)
        self._tasks: TaskGroup | None = None
        self._scope = anyio.CancelScope()
        self._error: BaseException | None = None
        self.documents = self.lost = 0

    # -- for whoever runs it --------------------------------------------------------------------------------------

    def drain(self, message: str = "asked to stop; the rounds in flight are waited for") -> None:
        """Take nothing new, end when the rounds in flight are in, and give the documents back. On the event loop."""
        if self._draining is not None:
            return
        self._draining = message
        self._attendant.hurried = True
        self._handing.stop()
        for work in self._works.values():
            work.gate.close("interrupted", message)
        self._wake.set()

    def stop(self) -> None:
        """End at once; what came of the replies in flight is kept, and the documents are given back."""
        self.drain()
        self._scope.cancel()

    async def run(self) -> None:
        """Work; returns after `drain()` or `stop()`, or when all is done with `until_done`.

        Raises:
            ConfigurationError: a batch cannot be drafted here, as for want of a key. Its documents are given back.
            JournalError: the database is gone for too long, or its tables are a later version's.
        """
        try:
            with self._scope:
                await anyio.to_thread.run_sync(self._attendant.prepare)
                await self._journal.attach()
                await self._journal.register(self._lease, self._concurrency)
                async with anyio.create_task_group() as tasks, anyio.create_task_group() as self._tasks:
                    tasks.start_soon(self._guarded, self._clerk.run)
                    tasks.start_soon(self._guarded, self._beat)
                    tasks.start_soon(self._guarded, self._watch)
                    tasks.start_soon(self._guarded, self._attend)
                    await self._serve()
                    await self._emptied()
                    tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await self._leave()
        if isinstance(self._error, JournalError):
            self._error.unsaved = tuple(self._journal.unsaved)  # of all documents, and not of the first one only
        if self._error is not None:
            raise self._error

    async def _leave(self) -> None:
        await anyio.to_thread.run_sync(self._attendant.close)
        try:
            with contextlib.suppress(JournalError):  # what is not given back now is taken over later
                await self._journal.resign()
        finally:
            await self._journal.close()
            for client in self._clients.values():
                await client.close()

    async def _guarded(self, task: Any) -> None:
        """A part of the worker: if it fails, the worker ends in good order."""
        try:
            await task()
        except (ConfigurationError, JournalError) as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self._error is None:
            self._error = error
        self.drain(str(error))
        if isinstance(error, JournalError):  # nothing more can be kept
            self._scope.cancel()

    # -- signs of life --------------------------------------------------------------------------------------------

    async def _beat(self) -> None:
        while True:
            await anyio.sleep(self._lease / 6)
            if await self._journal.beat():
                continue
            # Others think that this worker is dead, and have its documents by now.
            self.lost += self._in_flight
            self._say(
                f"this worker was silent for more than {self._lease:g} s, so that others have taken over its "
                f"{self._in_flight} documents; it goes on with new ones"
            )
            for work in self._works.values():
                for scope in list(work.scopes):
                    scope.cancel()
            await self._journal.register(self._lease, self._concurrency)
            self._handing.restart()

    async def _attend(self) -> None:
        """Offer open documents, and take over those of the dead."""
        while True:
            await anyio.to_thread.run_sync(self._attendant.take_over)
            await anyio.to_thread.run_sync(self._attendant.find_lost_jobs)
            await anyio.to_thread.run_sync(self._attendant.offer)
            await anyio.sleep(_ROUNDS * (0.5 + self._runtime.random()))

    async def _watch(self) -> None:
        """See what others have decided about the batches that are drafted here."""
        while True:
            await anyio.sleep(_TICK)
            for found in await self._journal.fetch(_LOOK, (list(self._works),)):
                if found[0] > len(MIGRATIONS):
                    self._fail(_Later())
                self._follow(*found[1:])
            for work in list(self._works.values()):
                await self._tell(work)
                work.idle = 0.0 if work.scopes else work.idle + _TICK
                if work.idle >= _IDLE:
                    await self._drop(work)
            await self._see_queue()
            if self._until_done and not self._in_flight and self._draining is None:
                (row,) = await self._journal.fetch(_OPEN, (FORMAT,))
                if not row[0]:
                    self.drain("all is done")

    def _follow(self, key: int | None, run: int, shared: bool, stop: Any, message: str, is_late: bool) -> None:
        """What the tables say of a batch."""
        work = None if key is None else self._works.get(key)
        if work is None:
            return
        if stop is not None:
            work.told = work.gate.close(stop, message) or work.told
        elif is_late:
            work.gate.close("deadline", "the deadline has passed; the rounds in flight were waited for")
        elif not shared or run != work.run:
            work.told = work.gate.close("interrupted", "the batch has been begun anew") or work.told

    async def _tell(self, work: _Work) -> None:
        """Let the others know why a batch is not to go on."""
        reason = work.gate.reason
        if reason in (None, "interrupted", "journal") or work.told:
            return
        work.told = True
        await self._journal.fetch(
            "UPDATE batch SET stop = %s, message = %s WHERE key = %s AND run = %s AND stop IS NULL RETURNING key",
            (reason, work.gate.message, work.batch, work.run),
        )
        self._say(f"batch {work.name!r} is paused ({reason}): {work.gate.message}")

    async def _drop(self, work: _Work) -> None:
        """Settle what is left of a batch that has nothing to do here now."""
        await work.runner.settle_suspects()
        await self._tell(work)
        if not work.scopes and self._works.get(work.batch) is work:
            del self._works[work.batch]

    # -- the queue ------------------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        try:
            await self._handing.serve()
        except JournalError as error:
            self._fail(error)

    async def _see_queue(self) -> None:
        """Procrastinate's worker ends neither when others have removed it nor when its signs of life fail."""
        id = self._handing.worker_id
        if id is None:
            return
        (row,) = await self._journal.fetch("SELECT EXISTS (SELECT 1 FROM procrastinate_workers WHERE id = %s)", (id,))
        if not row[0]:
            self._handing.restart()

    async def _handed(self, context: Any, document: int) -> None:
        """A job of procrastinate: it is over when this worker is done with the document, or at once if it is not one.

        If procrastinate's worker ends, the document is drafted all the same.
        """
        done = anyio.Event()
        assert self._tasks is not None
        self._tasks.start_soon(self._document, document, context.job.id, done)
        await done.wait()

    # -- documents ------------------------------------------------------------------------------------------------

    async def _document(self, key: int, job: int, done: anyio.Event) -> None:
        try:
            async with self._places:
                if self._draining is not None:
                    await self._journal.pass_on(key, job)
                elif (taken := await self._journal.take(key, job)) is not None:
                    self._in_flight += 1
                    try:
                        await self._draft(taken)
                    finally:
                        self._in_flight -= 1
        except (ConfigurationError, JournalError) as error:
            self._fail(error)
        except Exception as error:  # a row that nobody can read: it must not stop the others
            _LOG.exception("document %s", key)
            self._say(
                f"document number {key} of the database could not be drafted here: {type(error).__name__}: {error}"
            )
        finally:
            done.set()
            self._wake.set()
            self._wake = anyio.Event()

    async def _draft(self, taken: Taken) -> None:
        try:
            work = await self._work(taken)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._journal.release(taken.document)
            raise
        self.documents += 1
        with anyio.CancelScope() as scope:
            work.scopes.add(scope)
            try:
                await work.slots.acquire()
                await work.runner.one(taken.document)
            finally:
                work.scopes.discard(scope)
        await self._tell(work)
        work.runner.check()

    async def _work(self, taken: Taken) -> _Work:
        """What this worker has of the batch; made when its first document comes."""
        async with self._loading:
            work = self._works.get(taken.batch)
            if work is None or work.run != taken.run:
                work = self._works[taken.batch] = await self._begin(taken)
        return work

    async def _begin(self, taken: Taken) -> _Work:
        (row,) = await self._journal.fetch(_BATCH, (taken.batch,))
        name, text, limits_text, max_cost = row
        settings = Settings(**json.loads(text))
        limits = None if limits_text is None else Limits(**json.loads(limits_text))
        client = self._client_of(settings.provider, settings.base_url)
        gate, breaker, slots = Gate(), Breaker(), Slots(self._concurrency)
        if self._draining is not None:
            gate.close("interrupted", self._draining)

        def replied(lane: tuple[str, ...], sent_at: float, reply: Response, queued: int) -> None:
            breaker.answered(lane, sent_at, reply)

        shared = Shared(
            client=client,
            settings=settings,
            journal=self._journal,
            gate=gate,
            progress=self._progress,
            runtime=self._runtime,
            lanes=SharedLanes(self._clerk, limits, _account(client), self._runtime),
            purse=None if max_cost is None else SharedPurse(self._clerk, taken.batch, max_cost, gate),
            replied=replied,
        )
        return _Work(taken.batch, taken.run, name, Runner(shared, slots, breaker, None), gate, slots)

    def _client_of(self, provider: str, base_url: str) -> Any:
        place = (provider, base_url)
        if place not in self._clients:
            self._clients[place] = self._client(provider, base_url)
        return self._clients[place]

    async def _emptied(self) -> None:
        """Wait for the documents in flight, and settle what they have left."""
        while self._in_flight:
            with anyio.move_on_after(_TICK):
                await self._wake.wait()
        for work in list(self._works.values()):
            await work.runner.settle_suspects()
            await self._tell(work)


class _Later(JournalError):
    """The tables have been brought to a later version while this worker ran."""

    def __init__(self) -> None:
        super().__init__(
            "a later continuum has brought the tables of the database to its own version; this worker ends, and leaves "
            "the documents to workers of that version"
        )


def _account(client: Any) -> str:
    """A name for the account that a key belongs to, from which the key cannot be had."""
    key = getattr(client, "api_key", None) or ""
    return hashlib.blake2b(str(key).encode(), digest_size=4, person=b"continuum-lane").hexdigest()
