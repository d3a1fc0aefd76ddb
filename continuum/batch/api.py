"""`arun_batch`: many documents in one call, kept in a journal, gone on with by the same call."""

from __future__ import annotations

import math
import os
import shutil
import signal
import tempfile
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self, cast

import anyio

from continuum._api import check_policy
from continuum._core.errors import ConfigurationError, JournalError
from continuum._core.policy import Policy
from continuum._outcome import alone
from continuum._runtime import Runtime
from continuum.batch.breaker import Breaker
from continuum.batch.checking import Jobs, check_client, check_settings, checked, job_check
from continuum.batch.drafting import Shared
from continuum.batch.gate import Closed, Gate, Stop
from continuum.batch.iterating import Results, settle
from continuum.batch.pacing import Lanes, Limits
from continuum.batch.progress import Progress, Silent
from continuum.batch.purse import Purse
from continuum.batch.runner import Runner
from continuum.batch.settings import Settings, changes
from continuum.batch.slots import Slots
from continuum.batch.sqlite import SqliteJournal
from continuum.batch.submitted import PREFIX, describe, from_notes
from continuum.batch.submitting import Submission, ViaWorkers
from continuum.client import unwrapped
from continuum.providers import provider_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Generator, Iterator
    from types import TracebackType

    from continuum._api import AsyncClient
    from continuum._core.types import Response
    from continuum.batch.job import JobResult
    from continuum.batch.journal import Journal, Summary
    from continuum.batch.via_api import ViaBatchApi

_WHOM: Final = ("provider", "model")  # settings by which an answer would be somebody else's
_MOST_FAILED_LOOKS: Final = 10  # at the provider's batches, in a row


@dataclass(frozen=True, slots=True)
class BatchReport:
    """Where a batch stands at the end of a run.

    Attributes:
        summary: documents by state, rounds, tokens and cost; earlier runs of the batch included.
        stopped: why the run ended before its documents did; None if all are done.
        message: the same for people.
        interrupted: documents that were in flight when the run before this one was killed: at most as many requests
            were bought again.
        seconds: that this run took.
        journal: where everything is kept.
    """

    summary: Summary
    stopped: Stop | None
    message: str
    interrupted: int
    seconds: float
    journal: Journal
    _folder: Any = field(default=None, repr=False, compare=False)  # of a batch without a journal; lives as long as this

    @property
    def complete(self) -> bool:
        """Whether every document is complete."""
        return self.summary.documents.get("complete", 0) == self.summary.total

    def results(self) -> Iterator[JobResult]:
        """The results in input order, read one by one."""
        for _, result in self.journal.read():
            yield result


def arun_batch(
    jobs: Jobs | None,
    *,
    client: AsyncClient,
    journal: str | os.PathLike[str] | Journal | None = None,
    policy: Policy | None = None,
    concurrency: int | Literal["auto"] = "auto",
    max_cost: float | None = None,
    deadline: float | None = None,
    limits: Limits | None = None,
    via: ViaBatchApi | ViaWorkers | None = None,
    accept_changes: bool = False,
    retry: Collection[Literal["failed", "incomplete"]] = (),
    signals: bool = False,
    progress: Progress | None = None,
    runtime: Runtime | None = None,
    **params: Any,
) -> Batch:
    """Draft many documents; await it for a `BatchReport`, or iterate it for each `JobResult` as it comes:
    `async with arun_batch(…) as batch: async for result in batch: …`, which may be left early.

    Everything that is paid for is in the journal before it counts. The same call again goes on where the last one
    ended, however it ended; documents that are done are not asked for again.

    Args:
        jobs: an iterable or async iterable of `Job`s or of dicts with its fields, read as it is needed; None: all
            that the journal has.
        client: an async client, or one that serves both kinds of call, as for `acomplete`. With a `genai.Client`, what
            a job has as `messages` and `max_tokens` becomes `contents` and part of `config`.
        journal: a file; None: a temporary one, which goes when the report does.
        policy: ceilings and choices of each document; a job's own `policy` goes over it.
        concurrency: documents at once, or `auto`: as many as the provider answers well.
        max_cost: US dollars for the whole batch, earlier runs included. The worst case of each request is put aside
            before it is sent: a token for each byte of it, 5,000 for each picture and whatever else is named by a URL
            or an id, and the whole output cap. Needs that cap, and a model whose price is known. What tools of the
            provider's own read on the way cannot be foreseen.
        deadline: seconds after which nothing new is sent; rounds in flight are finished.
        limits: what is known of the provider's rate limits; None: they are learnt.
        via: carry the requests through the provider's batch API, at half the price and in its own time: round 1 of all
            documents is one batch (at OpenAI, one for each model), the continuations of those that were cut are the
            next. `concurrency="auto"` is 2,000 documents then, and a document has no deadline of its own. Or let
            `continuum worker` processes draft them (`ViaWorkers`), with a `PostgresJournal`. What is in a batch at the
            provider is collected before it is left for another way or another model: an error says so.
        accept_changes: go on although the batch was begun with other settings; they hold from now on.
        retry: documents that ended so before are drafted again, `retry=["failed"]`; their text so far is gone on with.
        signals: the first SIGINT or SIGTERM lets the rounds in flight finish and sends nothing new, the second ends
            the run at once. For the main thread.
        progress: hooks, see `Progress`.
        runtime: clock, sleep and randomness; None: the real ones.
        **params: what the SDK's `create()` takes: `model`, `max_tokens`, ... What a job says goes over it.

    Raises:
        ConfigurationError: the arguments can only fail, and nothing was sent; when awaited, a job is none, or was begun
            and cannot go on as things are set now.
        continuum.batch.JournalError: (when awaited) the journal is in use, damaged, or of other settings or jobs.
    """
    check_policy(policy)
    return Batch(
        jobs, client, journal, policy, concurrency, max_cost, deadline, limits, via, accept_changes, retry, signals,
        progress, runtime, params,
    )  # fmt: skip


class Batch:
    """A batch that runs when it is awaited or iterated, once.

    A loop over it that is left early ends the run: replies in flight are cut, and what came of them is kept. At the end
    of `async with arun_batch(…) as batch` it has ended; without that it ends in the background, a moment later.
    """

    def __init__(
        self,
        jobs: Jobs | None,
        client: Any,
        journal: str | os.PathLike[str] | Journal | None,
        policy: Policy | None,
        concurrency: int | Literal["auto"],
        max_cost: float | None,
        deadline: float | None,
        limits: Limits | None,
        via: ViaBatchApi | ViaWorkers | None,
        accept_changes: bool,
        retry: Collection[Literal["failed", "incomplete"]],
        signals: bool,
        progress: Progress | None,
        runtime: Runtime | None,
        params: dict[str, Any],
    ) -> None:
        for name, value in (("max_cost", max_cost), ("deadline", deadline)):
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise ConfigurationError(f"{name}={value!r}: it has to be more than 0")
        self._workers = via if isinstance(via, ViaWorkers) else None
        via = None if isinstance(via, ViaWorkers) else via
        if via is not None:
            policy = via.policy(policy)
            concurrency = via.documents if concurrency == "auto" else concurrency
        self._jobs, self._limits, self._policy, self._via = jobs, limits, policy, via
        self._max_cost, self._deadline = max_cost, deadline
        if isinstance(retry, str) or not {"failed", "incomplete"}.issuperset(retry):
            raise ConfigurationError(f"retry={retry!r}: expected a list of 'failed', 'incomplete' or both")
        self._accept, self._retry, self._signals = accept_changes, tuple(retry), signals
        self._slots = Slots(concurrency)
        self._progress: Progress = progress or Silent()
        self._runtime = runtime or Runtime()
        self._folder: Any = None
        if journal is None:
            self._folder = _Folder()
            journal = SqliteJournal(Path(self._folder.name, "journal"), durable=False)
        elif isinstance(journal, str | os.PathLike):
            journal = SqliteJournal(journal)
        self._journal = journal
        self._client = unwrapped(client)
        probe = provider_for(
            self._client, {"model": "any", "max_tokens": 1, **params, "messages": []}, policy or Policy()
        )
        if not probe.is_async and not probe.either:
            raise ConfigurationError(
                f"client={type(client).__name__}: a batch asks for many documents at once and needs an async client, "
                f"such as Async{type(client).__name__}"
            )
        check_client(self._client)
        self.settings = Settings.of(probe.name, probe.base_url, policy, params)
        self._check = job_check(self._client, self.settings, max_cost, in_batches=via is not None)
        check_settings(self._client, self.settings, max_cost, known=jobs is not None)
        if self._workers is not None:
            self._workers.check(self._journal, self.settings)
        self._gate = Gate()
        self._runner: Runner | None = None
        self._used = False
        self._results: Callable[[], Results | None] = lambda: None
        self._held: Results | None = None  # inside `async with`, which ends the run
        self._entered = False
        self._report: BatchReport | None = None

    # -- ways to run it -------------------------------------------------------------------------------------------

    def __await__(self) -> Generator[Any, Any, BatchReport]:
        return self._run(None).__await__()

    def __aiter__(self) -> AsyncIterator[JobResult]:
        results = self._results()
        if results is None:
            results = Results(self._run, self.stop)
            self._results = weakref.ref(results)
        if self._entered:
            self._held = results
        return results

    async def __aenter__(self) -> Self:
        self._entered = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        held, self._held, self._entered = self._held, None, False
        if held is not None:
            await held.aclose()

    @property
    def report(self) -> BatchReport:
        """Where the batch stands, after it has run.

        Raises:
            ConfigurationError: it has not run to its end.
        """
        if self._report is None:
            raise ConfigurationError("the batch has not ended yet; await it, or iterate it to its end")
        return self._report

    def drain(self, message: str = "asked to stop; the rounds in flight were waited for") -> None:
        """Send nothing new, and end when the rounds in flight are in. On the event loop."""
        if self._gate.close("interrupted", message):
            self._progress.stopping("interrupted", message)

    def stop(self) -> None:
        """End at once; what came of the replies in flight is kept. On the event loop."""
        if self._runner is None:
            self.drain("stopped before anything was sent")
        else:
            self._runner.stop()

    # -- one run --------------------------------------------------------------------------------------------------

    async def _run(self, emit: Any) -> BatchReport:
        if self._used:
            raise ConfigurationError("this batch has run already; call arun_batch() again to go on with it")
        self._used = True
        await settle()
        jobs = await checked(self._jobs, self._check)
        journal = self._journal
        kept = self.settings.to_json()
        before = await journal.begin(kept)
        try:
            if before is not None:
                await self._spare(before, kept)
                await self._compare(before, kept)
                if self._retry:
                    await journal.reopen(*self._retry)
            summary = await journal.summary()
            breaker = Breaker()
            carried = None
            if self._via is not None:
                carried = await self._via.carry(self._client, journal, self._runtime, self._batch_trouble)
            shared = Shared(
                client=self._client if carried is None else carried.client,
                settings=self.settings,
                journal=journal,
                gate=self._gate,
                progress=cast("Progress", _Careful(self._progress)),
                runtime=self._runtime,
                lanes=Lanes(self._limits, self._runtime) if carried is None else None,
                purse=None if self._max_cost is None else Purse(self._max_cost, summary.cost, self._gate),
                replied=self._replied(breaker),
                carrier=carried,
            )
            runner = self._runner = self._runner_of(shared, breaker, emit)
            began = self._runtime.clock()
            shared.progress.started(lambda: runner.status(summary))
            try:
                async with anyio.create_task_group() as tasks:
                    if self._signals:
                        tasks.start_soon(self._listen)
                    if carried is not None:
                        tasks.start_soon(carried.serve)
                        tasks.start_soon(self._leave_at_once)
                    await runner.run(jobs)
                    tasks.cancel_scope.cancel()
            except ExceptionGroup as group:  # what runs beside the documents failed
                runner.fail(alone(group))
            runner.check()
            summary = await journal.summary()
            shared.progress.ended(runner.status(summary))
        finally:
            with anyio.CancelScope(shield=True):
                await journal.close()
        self._report = BatchReport(
            summary=summary,
            stopped=self._gate.reason,
            message=self._gate.message,
            # What is at the provider in a batch is found there again.
            interrupted=0 if self._via is not None and not self._via.live_below else journal.interrupted,
            seconds=self._runtime.clock() - began,
            journal=journal,
            _folder=self._folder,
        )
        return self._report

    def _runner_of(self, shared: Shared, breaker: Breaker, emit: Any) -> Runner:
        if self._workers is None:
            return Runner(shared, self._slots, breaker, self._deadline, emit)
        return Submission(
            shared, self._slots, breaker, self._deadline, emit, self._workers, self._limits, self._max_cost
        )

    async def _leave_at_once(self) -> None:
        """A batch at the provider may take a day: it is left there when the gate closes, and found again later."""
        try:
            with self._gate.waiting():
                await anyio.sleep_forever()
        except Closed:
            self.stop()

    def _batch_trouble(self, error: Exception, times: int) -> None:
        """The provider's batches cannot be looked at. They are paid for and stay where they are: pause, if it lasts."""
        status = getattr(error, "status_code", None)
        words = f"the provider's batches cannot be read ({type(error).__name__}: {error})"
        if status in (401, 403):
            reason: Stop = "credentials"
        elif times < _MOST_FAILED_LOOKS:
            self._progress.waiting("", self._via.poll if self._via is not None else 0.0, words)
            return
        else:
            reason = "outage"
        words += "; they stay there, and the same call collects them"
        if self._gate.close(reason, words):
            self._progress.stopping(reason, words)

    async def _spare(self, before: Any, now: Any) -> None:
        """Refuse what would leave requests at the provider in their batch, and buy them again."""
        others = [name for name in _WHOM if before.get(name) != now.get(name)]
        if self._via is not None and not others:
            return
        batches = [batch for batch in from_notes(await self._journal.notes(PREFIX)) if not batch.over]
        if not batches:
            return
        words = f"{describe(batches)}, and would be bought again"
        if others:
            was = ", ".join(f"{name}={before.get(name)!r}" for name in others)
            raise JournalError(
                f"{words}: they were asked with {was}. Collect them first with the settings of before, or begin a new "
                "journal, and cancel the batch at the provider if nobody wants it any more"
            )
        raise JournalError(
            f"{words} live. Collect them first, with via=ViaBatchApi() (--via batch-api); with live_below=1_000_000 "
            "(--live-below 1000000) whatever else is asked goes out by itself. To end sooner, cancel the batch at the "
            "provider: what it has is collected all the same"
        )

    async def _compare(self, before: Any, now: Any) -> None:
        found = changes(before, now)
        if not found:
            return
        # Without a document it was begun by mistake, and asks for nothing.
        if not self._accept and (await self._journal.summary()).total:
            raise JournalError(
                f"the batch was begun with other settings: {'; '.join(found)}. Go on with the same ones, begin a new "
                "journal, or say that the new ones are to hold from now on (accept_changes=True)"
            )
        await self._journal.amend(now)

    def _replied(self, breaker: Breaker) -> Callable[[tuple[str, ...], float, Response, int], None]:
        def replied(lane: tuple[str, ...], sent_at: float, reply: Response, queued: int) -> None:
            breaker.answered(lane, sent_at, reply)
            tokens = reply.usage.output_tokens if reply.usage else 0
            self._slots.replied(tokens, self._runtime.clock() - sent_at, queued)

        return replied

    async def _listen(self) -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
            number = 0
            async for _ in received:
                number += 1
                if number == 1:
                    self.drain()
                else:
                    self.stop()


class _Folder:
    """A folder that goes when nobody has this object any more."""

    def __init__(self) -> None:
        self.name = tempfile.mkdtemp(prefix="continuum-")
        weakref.finalize(self, shutil.rmtree, self.name, ignore_errors=True)


class _Careful:
    """Hooks that raise are logged and do not end the batch."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __getattr__(self, name: str) -> Any:
        hook = getattr(self._progress, name)

        def call(*arguments: Any) -> None:
            try:
                hook(*arguments)
            except Exception:
                import logging

                logging.getLogger("continuum").exception("the progress hook %s failed", name)

        setattr(self, name, call)
        return call
