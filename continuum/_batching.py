"""`continuum batch`, `resume`, `retry`: from options to one run of the library, and from its report to an exit code."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from continuum import _batch_checks as checks
from continuum import _batch_journals as journals
from continuum import _batch_order as batch_order
from continuum import _drafting, _progress, _terminal
from continuum._core.errors import ConfigurationError, JournalError, MissingDependencyError
from continuum._drafting import BAD_INPUT, COMPLETE, INCOMPLETE, PROVIDER_FAILED, UNWRITABLE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from anyio import CancelScope

    from continuum._batch_order import Order
    from continuum.batch.api import Batch, BatchReport
    from continuum.batch.inputs import Inputs, Inspection, Item
    from continuum.batch.outputs import Outputs, Plan
    from continuum.batch.pacing import Limits
    from continuum.batch.postgres import PostgresJournal
    from continuum.batch.rows import RowFormat
    from continuum.batch.settings import Settings
    from continuum.batch.sqlite import SqliteJournal
    from continuum.batch.submitting import ViaWorkers
    from continuum.batch.via_api import ViaBatchApi

_DRAINS: Final = {
    "live": "interrupted: replies under way are waited for; once more to stop at once",
    "batch-api": "interrupted: what is at the provider stays there, and the same command collects it",
}
_OPTIONS: Final = {"stream": "--unary", "max_cost": "--max-document-cost", "deadline": "--document-deadline"}


def run(order: Order) -> int:
    """Draft the batch, and return the exit code."""
    hidden, console = _terminal.secrets(), _terminal.error_console()
    if order.verbose:
        _drafting.log_to_stderr(hidden)
    number = signal.SIGINT

    def terminate(received: int, _: object) -> None:
        nonlocal number
        number = signal.Signals(received)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        return _command_of(order)(order, console, hidden).run()
    except (ConfigurationError, MissingDependencyError) as error:
        return _failed(error, BAD_INPUT)
    except JournalError as error:
        return journals.fail(error)
    except KeyboardInterrupt:  # while the input was checked, or while the output was written
        return 128 + number
    finally:
        signal.signal(signal.SIGTERM, before)
        if order.verbose:
            import structlog

            structlog.reset_defaults()


def _command_of(order: Order) -> type[Command]:
    if order.database_url is None or (order.run is not None and journals.is_local(order.run)):
        return Command
    from continuum._shared_batch import SharedCommand

    return SharedCommand


def _failed(error: Exception, code: int) -> int:
    journals.fail(error)
    return code


class Command:
    """One run of the command. Nothing is sent before everything has been checked.

    Raises:
        ConfigurationError: the order can only fail.
        MissingDependencyError: a package for this input is missing.
        JournalError: the journal cannot be used.
    """

    def __init__(self, order: Order, console: Any, hidden: list[str]) -> None:
        self._order, self._console, self._hidden = order, console, hidden
        self.asks = True
        """Whether requests go out from here."""
        self._concurrency = batch_order.parse_concurrency(order.concurrency)
        for name in ("max_cost", "deadline"):
            value = getattr(order, name)
            if value is not None and not 0 < value < float("inf"):
                raise ConfigurationError(f"--{name.replace('_', '-')}={value!r}: it has to be more than 0")
        self._journal_path = self._find_journal()
        self._plan: Plan | None = None
        self._noted: dict[str, Any] = {}
        self._strange: list[Path] = []  # outputs of others that may be written over
        self._via = order.via or "live"
        self._number = 0  # of the signal that came
        self._unwritable = ""
        self._writing = False
        self._inspection: Inspection | None = None

    def _find_journal(self) -> Path:
        order = self._order
        if order.run is not None:
            return journals.find(order.run)
        place = order.output or order.out_dir
        if order.journal is None and place is None:
            if order.dry_run:
                return Path(os.devnull)
            raise ConfigurationError("where to? Say --output FILE or --out-dir FOLDER")
        return order.journal or journals.journal_beside(Path(place or ""))

    def _exists(self) -> bool:
        """Whether the batch was begun before."""
        return self._journal().exists()

    def _journal(self) -> SqliteJournal | PostgresJournal:
        from continuum.batch.sqlite import SqliteJournal

        return SqliteJournal(self._journal_path)

    def _journal_name(self) -> str:
        """The journal, for people."""
        return str(self._journal_path)

    def _way(self) -> ViaBatchApi | ViaWorkers | None:
        """How requests get to the provider."""
        from continuum.batch.via_api import ViaBatchApi

        order = self._order
        return ViaBatchApi(poll=order.poll, live_below=order.live_below) if self._via == "batch-api" else None

    def _find_plan(self, noted: Mapping[str, Any]) -> Plan:
        """What is to be written; where nothing is said, what the run has written until now."""
        from continuum.batch.outputs import Plan

        order, journal = self._order, self._journal_path
        format: RowFormat = order.format or noted.get("format") or "continuum"
        if order.input is None and not (order.output or order.out_dir):
            # Without a note it is no journal of the command line's, and its name says nothing.
            own = noted and (journals.from_note(noted, journal) or journals.outputs_of(journal, noted))
            if not own:
                raise ConfigurationError("where to? Say --output FILE or --out-dir FOLDER")
            as_finished = order.as_finished or bool(noted.get("as_finished"))
            plan = Plan(**own, format=format, as_finished=as_finished)
            plan.check()
            return plan
        plan = Plan(order.output, order.out_dir, format, order.as_finished)
        if not order.dry_run:
            self._strange = journals.check_outputs(plan, journal, noted, overwrite=order.overwrite)
        return plan

    async def _read_note(self, journal: SqliteJournal | PostgresJournal) -> dict[str, Any]:
        """What earlier runs have kept of where their results go."""
        self._noted = (await journal.notes(journals.NOTE)).get(journals.NOTE) or {}
        return self._noted

    def run(self) -> int:
        """Check, draft, write, report; returns the exit code."""
        import anyio

        order = self._order
        if order.input is None:
            return anyio.run(self._go_on)
        noted = anyio.run(self._read_note, self._journal()) if self._exists() else {}
        self._plan = self._find_plan(noted)
        name = _drafting.provider_name(order.provider, order.model or "")
        base_url = _drafting.base_url_of(name, order.base_url)
        policy = dict(order.policy)
        params: dict[str, Any] = {
            "model": order.model,
            "max_tokens": order.max_tokens,
            **batch_order.parse_params(order.params),
        }
        params["system"] = _drafting.argument_text(order.system, "--system") if order.system else None
        return anyio.run(self._draft, name, base_url, policy, params)

    async def _go_on(self) -> int:
        """What was asked before, with what is given now in its place."""
        journal = self._journal()
        settings = await journal.settings()
        noted = await self._read_note(journal)
        self._plan, self._via = self._find_plan(noted), self._order.via or noted.get("via") or "live"
        if settings is None:
            raise ConfigurationError(f"the journal {self._journal_name()!r} holds nothing yet; use continuum batch")
        order = self._order
        hidden = [name for name, value in settings["params"].items() if str(value).startswith("sha256:")]
        if hidden:
            raise ConfigurationError(f"{hidden[0]} was given to the run and is not kept; go on with the same command")
        params = {**settings["params"], "system": settings["system"]}
        for name in ("model", "max_tokens"):
            params[name] = settings[name] if getattr(order, name) is None else getattr(order, name)
        policy = {**settings["policy"], **order.policy}
        return await self._draft(settings["provider"], order.base_url or settings["base_url"], policy, params)

    # -- checking -------------------------------------------------------------------------------------------------

    async def _draft(self, name: str, base_url: str, policy: dict[str, Any], params: dict[str, Any]) -> int:
        from continuum.batch.api import arun_batch
        from continuum.batch.outputs import Outputs
        from continuum.batch.pacing import Limits

        order, plan, journal = self._order, self._plan, self._journal()
        assert plan is not None
        checked = _drafting.policy_of(policy, _OPTIONS)
        limits = Limits(**order.limits) if any(order.limits.values()) else None
        board = _progress.Board(
            self._console,
            self._hidden,
            title=(plan.file or plan.folder or self._journal_path).name,
            max_cost=order.max_cost,
            quiet=order.quiet or order.verbose,
            every=order.progress_every,
        )
        outputs = Outputs(plan)
        if self._exists():
            await outputs.learn(journal)
        asks = self.asks and not order.dry_run
        async with _drafting.client_of(name, base_url, is_async=True, needs_key=asks) as client:
            jobs = None if order.input is None else batch_order.Jobs()
            batch = arun_batch(
                jobs,
                client=client,
                journal=journal,
                policy=checked,
                concurrency=self._concurrency,
                max_cost=order.max_cost,
                deadline=order.deadline,
                limits=limits,
                via=self._way(),
                accept_changes=order.accept_changes,
                progress=board,
                **{name: value for name, value in params.items() if value is not None},
            )
            if jobs is None:
                await self._reopen(journal)
                board.total = (await journal.summary()).total
            else:
                jobs.inputs, jobs.skip_invalid = self._inputs(client, batch.settings), order.skip_invalid
                code = await self._check(jobs.inputs, batch.settings, limits, outputs)
                if code is not None:
                    return code
                board.total = 0 if self._inspection is None else self._inspection.good
            if self._exists():
                self._say_kept("going on from", await journals.kept(journal))
            return await self._run(batch, board, outputs, plan, journal)

    def _inputs(self, client: Any, settings: Settings) -> Inputs:
        from continuum.batch.checking import job_check
        from continuum.batch.inputs import Inputs
        from continuum.batch.sources import Source
        from continuum.batch.templates import Template

        order = self._order
        return Inputs(
            Source(str(order.input), order.input_format),
            template=None if order.template is None else Template(order.template),
            ignore_unknown=order.ignore_unknown,
            check=job_check(
                client, settings, order.max_cost, in_batches=self._via == "batch-api", called=batch_order.option
            ),
        )

    async def _check(self, inputs: Inputs, settings: Settings, limits: Limits | None, outputs: Outputs) -> int | None:
        """Look at every row; returns an exit code if that is the end of it."""
        import anyio

        from continuum.batch.estimate import Estimator
        from continuum.batch.inputs import inspect
        from continuum.batch.via_api import PRICE_FACTOR

        order = self._order
        estimator = Estimator(
            asdict(settings),
            expected_tokens=order.expect_tokens,
            concurrency=self._concurrency if isinstance(self._concurrency, int) else None,
            limits=limits,
            price_factor=PRICE_FACTOR if self._via == "batch-api" else 1.0,
        )
        compared = checks.Comparison(self._journal() if self._exists() else None, inputs.source.name)

        ended = False

        def take(item: Item) -> None:
            if ended:
                raise InterruptedError
            compared.add(item)
            outputs.expect(item.job.id)
            if order.dry_run:
                estimator.add(item.job)

        # In a thread, so that Ctrl-C does not wait for the last of a million rows.
        try:
            found = self._inspection = await anyio.to_thread.run_sync(inspect, inputs, take, abandon_on_cancel=True)
        finally:
            ended = True
        checks.say_problems(self._say, inputs, found, skip=order.skip_invalid, quiet=order.quiet)
        if found.bad and not order.skip_invalid:
            return BAD_INPUT
        if not found.good:
            raise ConfigurationError(f"{inputs.source.name}: there is no row to draft")
        serious = await compared.finish(inputs, settings, accept=order.accept_changes)
        for words in compared.notes if not order.quiet else ():
            self._say(words, "yellow")
        for words in serious:
            self._say(words, "red")
        if order.dry_run:
            checks.say_forecast(estimator.forecast(), found, as_json=order.as_json, max_cost=order.max_cost)
        return BAD_INPUT if serious else COMPLETE if order.dry_run else None

    def _say(self, words: str, style: str = "") -> None:
        self._console.print(_terminal.redact(_terminal.harmless(words), self._hidden), style=style, markup=False)

    def _say_kept(self, when: str, words: str) -> None:
        if words and not self._order.quiet:
            self._say(f"{when}: {words}")

    # -- drafting -------------------------------------------------------------------------------------------------

    async def _reopen(self, journal: SqliteJournal | PostgresJournal) -> None:
        """Make documents open again, of the journal that is gone on with."""
        if not self._order.retry:
            return
        await journal.begin(await journal.settings() or {})
        try:
            count = await journal.reopen(*self._order.retry)
        finally:
            await journal.close()
        if not self._order.quiet:
            self._say(f"{_terminal.count(count, 'document')} {' and '.join(self._order.retry)}: drafted again")

    async def _run(
        self,
        batch: Batch,
        board: _progress.Board,
        outputs: Outputs,
        plan: Plan,
        journal: SqliteJournal | PostgresJournal,
    ) -> int:
        import anyio

        if plan.as_finished:
            await self._written(outputs.forget(self._strange))
            if self._exists():
                await self._set_right(outputs, journal)
        error: BaseException | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._listen, batch, tasks.cancel_scope)
            tasks.start_soon(board.watch)
            tasks.start_soon(self._note, plan, board, journal)
            try:
                async with batch:
                    async for result in batch:
                        if not self._unwritable:
                            await self._written(anyio.to_thread.run_sync(outputs.add, result))
            except Exception as failure:
                error = failure
            self._writing = True
            try:
                if board.begun.is_set():
                    await self._finish(outputs, journal)
            except JournalError as failure:  # damaged: what is whole has been written
                error = error or failure
            tasks.cancel_scope.cancel()
        with contextlib.suppress(OSError):
            outputs.close()
        if error is None:
            return self._report(batch.report, plan)
        if not board.begun.is_set() or not isinstance(error, JournalError):
            raise error
        for id, outcome in error.unsaved:  # it was paid for
            print(json.dumps({"id": id, "unsaved": outcome}))
        _failed(error, UNWRITABLE)
        if error.unsaved:
            self._say(f"what {_terminal.count(len(error.unsaved), 'round')} brought stands on stdout, as JSON", "red")
        self._say_kept("kept", await journals.kept(journal))
        return UNWRITABLE

    async def _set_right(self, outputs: Outputs, journal: SqliteJournal | PostgresJournal) -> None:
        """Make growing files say what the journal says."""
        from continuum.batch.locking import FileLock

        lock = FileLock(self._journal_path)
        lock.acquire()  # nobody else may be adding lines meanwhile
        try:
            await self._written(outputs.begin(journal))
        finally:
            lock.release()

    async def _finish(self, outputs: Outputs, journal: SqliteJournal | PostgresJournal) -> None:
        await self._written(outputs.finish(journal))

    async def _note(self, plan: Plan, board: _progress.Board, journal: SqliteJournal | PostgresJournal) -> None:
        """Keep where the results go, for whoever goes on from the journal alone."""
        await board.begun.wait()
        with contextlib.suppress(JournalError):  # the run itself tells what is wrong with it
            await journal.put_note(
                journals.NOTE, {**journals.note_of(plan, self._journal_path, self._noted), "via": self._via}
            )

    async def _written(self, work: Awaitable[None]) -> None:
        """Write to the outputs. What cannot be written is in the journal all the same, and the run goes on."""
        try:
            await work
        except OSError as error:
            self._unwritable = f"{error.filename or 'the output'}: {error.strerror or error}"

    async def _listen(self, batch: Batch, scope: CancelScope) -> None:
        """First signal: no new requests. Second: at once. While the output is written: no output."""
        import anyio

        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
            async for number in received:
                first, self._number = not self._number, int(number)
                if self._writing:
                    self._unwritable = "interrupted"
                    scope.cancel()
                elif first:
                    batch.drain(_DRAINS[self._via])
                else:
                    batch.stop()

    # -- at the end -----------------------------------------------------------------------------------------------

    def _report(self, report: BatchReport, plan: Plan) -> int:
        order, (is_over, code, headline) = self._order, checks.verdict(report, self._number)
        if self._unwritable:
            self._say(f"error: cannot write {self._unwritable}; the journal has everything: continuum export", "red")
            code = UNWRITABLE if code in (COMPLETE, INCOMPLETE, PROVIDER_FAILED) else code
        places = [path for path in (*plan.files().values(), plan.folder) if path and path.exists()]
        if order.as_json:
            print(json.dumps(self._account(report, code, [str(path) for path in places])))
        if order.quiet and code == COMPLETE:
            return code
        parts = [headline, journals.account(report.summary), _progress.duration(report.seconds)]
        if not is_over and report.message and report.stopped != "interrupted":
            parts.insert(1, report.message)
        if report.interrupted and not order.quiet:
            parts.append(f"{_terminal.count(report.interrupted, 'document')} had been in flight at a kill")
        if places and not self._unwritable:
            parts.append(f"written to {', '.join(path.name for path in places)}")
        if not is_over:
            parts.append("the same command goes on")
        self._say(" · ".join(parts), "green" if code == COMPLETE else "yellow")
        return code

    def _account(self, report: BatchReport, code: int, places: list[str]) -> dict[str, Any]:
        return {
            **journals.figures(report.summary),
            "stopped": report.stopped,
            "message": _terminal.redact(report.message, self._hidden),
            "bought_again_at_most": report.interrupted,
            "bad_rows": 0 if self._inspection is None else self._inspection.bad,
            "seconds": report.seconds,
            "journal": self._journal_name(),
            "outputs": places,
            "exit_code": code,
        }
