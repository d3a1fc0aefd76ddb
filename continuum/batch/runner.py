"""Runs a batch: reads the jobs into the journal, takes documents up as places are free, and keeps what comes of them.

Memory does not grow with the number of jobs: a row that was read is in the journal, and only documents in flight are
in memory.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Final

import anyio

from continuum._core.errors import ConfigurationError, FencedError, JournalError
from continuum.batch.breaker import Breaker, Suspect, suspicion
from continuum.batch.drafting import Drafted, Shared, draft
from continuum.batch.gate import Closed
from continuum.batch.job import Job, JobResult
from continuum.batch.progress import Status

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from continuum.batch.gate import Stop
    from continuum.batch.journal import Document, Summary
    from continuum.batch.slots import Slots

Checked = Iterable[Job] | AsyncIterable[Job]
_LOG = logging.getLogger("continuum")
_CHUNK: Final = 256  # jobs that are entered at a time
_WORDS: Final[dict[Stop, str]] = {
    "credentials": "the key is refused",
    "quota": "the account has no quota or credit left",
    "outage": "the provider does not answer",
}
_BREAKS_OFF: Final = "the provider's replies break off"


class Runner:
    """One run over a journal that has begun.

    Args:
        shared: what all documents share.
        slots: how many documents at once.
        breaker: notices a key that stops working; told of replies by the documents.
        deadline: seconds after which nothing new is sent, None: none.
        emit: is given each result as it comes.
    """

    def __init__(
        self,
        shared: Shared,
        slots: Slots,
        breaker: Breaker,
        deadline: float | None,
        emit: Callable[[JobResult], Awaitable[None]] | None = None,
    ) -> None:
        self._shared, self._slots, self._breaker = shared, slots, breaker
        self._deadline, self._emit = deadline, emit
        self._read, self._all_read = 0, False
        self._fed = anyio.Event()
        self._error: BaseException | None = None
        self._started = shared.runtime.clock()
        self._scope = anyio.CancelScope()
        self.drafting_began: float | None = None

    async def run(self, jobs: Checked | None) -> None:
        """Draft all jobs; None: all that the journal has. What went wrong is told by `check()`."""
        gate = self._shared.gate
        with self._scope:
            async with anyio.create_task_group() as tasks:
                if self._deadline is not None:
                    tasks.start_soon(self._watch_deadline, self._deadline)
                async with anyio.create_task_group() as work:
                    work.start_soon(self._feed, jobs)
                    work.start_soon(self._take, work)
                await self.settle_suspects()
                tasks.cancel_scope.cancel()
        if self._scope.cancelled_caught:
            gate.close("interrupted", "stopped at once; partial replies are kept")

    def check(self) -> None:
        """Raise what ended the run, if an error did.

        Raises:
            ConfigurationError: a job is no job, or was begun and cannot go on as things are set now.
            JournalError: the journal cannot be used any more; what could not be kept is in `unsaved`.
        """
        unsaved = self._shared.journal.unsaved
        if unsaved and not isinstance(self._error, JournalError):
            self._error = JournalError("the journal could not keep all that was paid for")
        if isinstance(self._error, JournalError):
            self._error.unsaved = tuple(unsaved)  # whichever write it was that failed last
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End at once. Replies in flight are cut; what came of them is kept."""
        self._shared.gate.close("interrupted", "stopped at once; partial replies are kept")
        self._scope.cancel()

    def status(self, summary: Summary) -> Status:
        """Where the run stands."""
        shared = self._shared
        return Status(
            summary=summary,
            read=self._read,
            all_read=self._all_read,
            in_flight=self._slots.used,
            concurrency=self._slots.limit,
            lanes={} if shared.lanes is None else shared.lanes.states(),
            stopping=shared.gate.reason,
            seconds=shared.runtime.clock() - self._started,
            carried="" if shared.carrier is None else shared.carrier.state(),
        )

    def _close(self, reason: Stop, message: str) -> None:
        if self._shared.gate.close(reason, message):
            self._shared.progress.stopping(reason, message)

    async def _watch_deadline(self, seconds: float) -> None:
        await self._shared.runtime.asleep(seconds)
        self._close("deadline", f"the deadline of {seconds:g} s has passed; the rounds in flight were waited for")

    # -- reading --------------------------------------------------------------------------------------------------

    async def _feed(self, jobs: Checked | None) -> None:
        try:
            if jobs is None:
                self._read = await self._shared.journal.recall()
            elif isinstance(jobs, AsyncIterable):
                await self._feed_slowly(jobs)
            else:
                rows = iter(jobs)
                while chunk := list(islice(rows, _CHUNK)):
                    await self._enter(chunk)
                    self._shared.gate.check()
        except Closed:
            return
        except Exception as error:  # a bad row, or a source that breaks: what has begun is finished, then it is raised
            self.fail(error)
        finally:
            self._all_read = True
            self._fed.set()

    async def _feed_slowly(self, jobs: AsyncIterable[Job]) -> None:
        """A source may take its time: what is there is entered at once."""
        send, receive = anyio.create_memory_object_stream[Job](_CHUNK)

        async def read() -> None:
            async with send:
                async for job in jobs:
                    await send.send(job)

        failed: list[Exception] = []

        async def guarded() -> None:
            try:
                await read()
            except Exception as error:
                failed.append(error)

        async with anyio.create_task_group() as reading, receive:
            reading.start_soon(guarded)
            async for job in receive:
                chunk = [job]
                while len(chunk) < _CHUNK:
                    try:
                        chunk.append(receive.receive_nowait())
                    except (anyio.WouldBlock, anyio.EndOfStream):
                        break
                await self._enter(chunk)
                if self._shared.gate.reason is not None:
                    reading.cancel_scope.cancel()
        if failed:
            raise failed[0]

    async def _enter(self, chunk: list[Job]) -> None:
        await self._shared.journal.add(list(enumerate(chunk, self._read)))
        self._read += len(chunk)
        self._fed.set()
        self._fed = anyio.Event()

    def fail(self, error: Exception) -> None:
        """Remember an error that ends the run; what is in flight is finished first. `check()` raises it."""
        if self._error is None or isinstance(error, JournalError):
            self._error = error
        self._close("journal" if isinstance(error, JournalError) else "interrupted", str(error))

    # -- drafting -------------------------------------------------------------------------------------------------

    async def _take(self, work: TaskGroup) -> None:
        shared = self._shared
        try:
            while True:
                fed, last = self._fed, self._all_read
                documents = shared.journal.open_documents()
                try:
                    while True:
                        with shared.gate.waiting():
                            await self._slots.acquire()
                        document = await anext(documents, None)
                        if document is None or shared.gate.reason is not None:
                            self._slots.release()
                            if document is not None:
                                await shared.journal.release(document)
                            break
                        work.start_soon(self.one, document)
                finally:
                    await documents.aclose()  # type: ignore[attr-defined]
                shared.gate.check()
                if last:
                    return
                with shared.gate.waiting():
                    await fed.wait()
        except Closed:
            return
        except JournalError as error:
            self.fail(error)

    async def one(self, document: Document) -> None:
        """Draft a document that was taken up, in a place that was acquired, and keep what comes of it."""
        shared = self._shared
        rounds = sum("text" in entry.outcome for entry in document.entries)
        shared.progress.taken(document.job.id, document.number, rounds)
        try:
            try:
                drafted = await draft(shared, document)
                await self._judge(document, drafted)
            except Closed:
                await shared.journal.release(document)
            except ConfigurationError as error:
                self.fail(error)
                await shared.journal.release(document)
            except anyio.get_cancelled_exc_class():
                with anyio.CancelScope(shield=True):
                    await shared.journal.release(document)
                raise
        except FencedError as error:
            _LOG.warning("%s", error)
        except JournalError as error:
            self.fail(error)
        finally:
            self._slots.release()

    async def _judge(self, document: Document, drafted: Drafted) -> None:
        # An end that was only told again says nothing of how the provider is now.
        reason = suspicion(drafted) if drafted.asked else None
        if reason is None:
            await self._finish(document, drafted.result)
        elif self._breaker.hold(document, drafted, reason, self._shared.runtime.clock()):
            failure = drafted.failure.message if drafted.failure is not None else "its streams end without a word why"
            what = _BREAKS_OFF if drafted.replied and reason == "outage" else _WORDS[reason]
            self._close(reason, f"{what}, on several documents in a row; they can be gone on with: {failure}")
        for suspect in self._breaker.cleared():
            await self._finish(suspect.document, suspect.drafted.result)

    async def settle_suspects(self) -> None:
        """At the end: what was held is given back where the account is at fault, and has failed otherwise."""
        for suspect in self._breaker.rest():
            try:
                if self._is_accounts_fault(suspect):
                    await self._shared.journal.release(suspect.document, again=True)
                else:
                    await self._finish(suspect.document, suspect.drafted.result)
            except JournalError as error:
                self.fail(error)

    def _is_accounts_fault(self, suspect: Suspect) -> bool:
        gate, failure = self._shared.gate, suspect.drafted.failure
        if gate.reason in ("credentials", "quota", "outage"):
            return True
        # Nothing was answered after it, so there is no sign that it was the document.
        if suspect.reason == "quota" or (failure is not None and failure.status_code == 401):
            self._close(suspect.reason, f"{_WORDS[suspect.reason]}: {failure.message if failure else ''}")
            return True
        return False

    async def _finish(self, document: Document, result: JobResult) -> None:
        await self._shared.journal.finish(document, result)
        self._shared.progress.finished(document.number, result)
        if self._emit is not None:
            await self._emit(result)
