"""Batches that workers draft, on the command line: `batch --database-url`, `worker`, and what looks at them."""

from __future__ import annotations

import json
import logging
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from continuum import _batch_journals as journals
from continuum import _drafting, _terminal
from continuum._batching import Command
from continuum._core.errors import ConfigurationError, ContinuumError, JournalError, MissingDependencyError
from continuum._drafting import BAD_INPUT, COMPLETE, UNWRITABLE
from continuum._outcome import alone

if TYPE_CHECKING:
    from collections.abc import Callable

    from continuum._batch_order import Order
    from continuum.batch.outputs import Outputs
    from continuum.batch.postgres import PostgresJournal
    from continuum.batch.sqlite import SqliteJournal
    from continuum.batch.submitting import ViaWorkers
    from continuum.batch.worker import Worker


class SharedCommand(Command):
    """One run of `batch`, `resume` or `retry` with a database: it enters, watches and writes the results."""

    def __init__(self, order: Order, console: Any, hidden: list[str]) -> None:
        super().__init__(order, console, [*hidden, *_passwords(order.database_url or "")])
        self.asks = False
        if order.concurrency != "auto":
            raise ConfigurationError(
                f"--concurrency={order.concurrency!r}: that is each worker's own; say it to continuum worker"
            )
        if order.via == "batch-api":
            raise ConfigurationError("--via=batch-api: workers ask live; leave it out, or leave --database-url out")
        if order.journal is not None:
            raise ConfigurationError("--journal and --database-url are two places for one journal; leave one out")
        if order.run is not None:
            self._name = name_of(order.database_url or "", str(order.run))
        else:
            self._name = order.name or self._default_name()

    def _default_name(self) -> str:
        order = self._order
        place = order.output or order.out_dir
        if place is None and not order.dry_run:
            raise ConfigurationError("where to? Say --output FILE or --out-dir FOLDER")
        return os.path.abspath(place or ".")

    def _find_journal(self) -> Path:
        return Path(Path.cwd().anchor, "batch")  # what the places of outputs are noted beside

    def _journal(self) -> PostgresJournal:
        from continuum.batch.postgres import PostgresJournal

        return PostgresJournal(self._order.database_url or "", self._name)

    def _journal_name(self) -> str:
        return self._name

    def _way(self) -> ViaWorkers:
        from continuum.batch.submitting import ViaWorkers

        return ViaWorkers()

    async def _set_right(self, outputs: Outputs, journal: SqliteJournal | PostgresJournal) -> None:
        await self._written(outputs.begin(journal))

    async def _finish(self, outputs: Outputs, journal: SqliteJournal | PostgresJournal) -> None:
        outputs.close()
        # Workers go on while nobody watches: growing files may lack what ended then.
        await self._written(outputs.begin(journal))
        await self._written(outputs.finish(journal))


def name_of(url: str, given: str) -> str:
    """The batch that is meant by its name, or by its output."""
    from continuum.batch.postgres import PostgresJournal

    by_path = os.path.abspath(given)
    if given != by_path and not PostgresJournal(url, given).exists() and PostgresJournal(url, by_path).exists():
        return by_path
    return given


def _passwords(url: str) -> list[str]:
    """What of an URL must not be shown."""
    from urllib.parse import unquote, urlsplit

    try:
        found = urlsplit(url).password
    except ValueError:
        return []
    return [found, unquote(found)] if found else []


# -- looking at batches -----------------------------------------------------------------------------------------------


def status(url: str, name: str | None, *, as_json: bool) -> int:
    """Say where one batch or all of them stand, and return the exit code."""
    import anyio

    async def one(batch: str) -> int:
        from continuum.batch.postgres import PostgresJournal

        journal = PostgresJournal(url, batch)
        return await journals.say_status(
            journal, batch, as_json=as_json, also=_about(journal), option=" --database-url URL"
        )

    try:
        if name is not None:
            return anyio.run(one, name_of(url, name))
        from continuum.batch.postgres_reader import batches

        for batch, summary in batches(url).items():
            figures = {"journal": batch, **journals.figures(summary)}
            print(json.dumps(figures) if as_json else f"{batch}: {journals.account(summary)}")
        return COMPLETE
    except (ConfigurationError, JournalError, MissingDependencyError) as error:
        return journals.fail(error)


def _about(journal: PostgresJournal) -> str:
    """Workers, and why a batch is paused."""
    workers, places, stop, message = journal.about()
    words = f"{_terminal.count(workers, 'worker')} with {_terminal.count(places, 'place')}"
    return words + (f"; paused ({stop}): {message}" if stop else "")


def export(url: str, name: str, output: Path | None, folder: Path | None, format: Any, *, overwrite: bool) -> int:
    """Write what a batch has, and return the exit code."""
    import anyio

    try:
        from continuum.batch.outputs import Plan
        from continuum.batch.postgres import PostgresJournal

        if not output and not folder:
            raise ConfigurationError("where to? Say --output FILE or --out-dir FOLDER")
        plan = Plan(file=output, folder=folder, format=format)
        journals.check_outputs(plan, Path(os.devnull), {}, overwrite=overwrite)
        summary, damage = anyio.run(journals.write, plan, PostgresJournal(url, name_of(url, name)))
    except (ContinuumError, OSError) as error:
        return journals.fail(error)
    return journals.say_written(summary, plan, damage)


# -- a worker ---------------------------------------------------------------------------------------------------------


def work(
    url: str,
    base_url: str | None,
    *,
    concurrency: int,
    lease: float,
    patience: float,
    until_done: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Be a worker, and return the exit code."""
    import anyio

    hidden, console = [*_terminal.secrets(), *_passwords(url)], _terminal.error_console()

    def say(words: str, style: str = "yellow") -> None:
        if not quiet:
            console.print(_terminal.redact(_terminal.harmless(words), hidden), style=style, markup=False)

    if verbose:
        _drafting.log_to_stderr(hidden)
    else:  # what matters of their lines is said here as well, and in the library's own words
        for name in ("procrastinate", "psycopg"):
            logging.getLogger(name).setLevel(logging.CRITICAL)

    def client(provider: str, address: str) -> Any:
        if provider not in ("openai", "anthropic"):
            raise ConfigurationError(
                f"a batch asks {provider!r}, which this command does not know; run continuum.batch.worker.Worker with "
                "a client of your own"
            )
        return _drafting.client_of(provider, base_url or address, is_async=True)

    async def run() -> int:
        from continuum.batch.postgres_schema import place
        from continuum.batch.worker import Worker

        worker = Worker(
            url, client, concurrency=concurrency, lease=lease, patience=patience, until_done=until_done, say=say
        )
        say(f"drafting what {place(url)} has, up to {_terminal.count(concurrency, 'document')} at once", "")
        code = await _run(worker, say)
        say(f"worked on {_terminal.count(worker.documents, 'document')}", "")
        return code

    try:
        return anyio.run(run)
    except Exception as group:
        error = alone(group)
        if isinstance(error, JournalError):
            for id, outcome in error.unsaved:  # it was paid for
                print(json.dumps({"id": id, "unsaved": outcome}))
        if not isinstance(error, JournalError | ConfigurationError | MissingDependencyError):
            raise
        journals.fail(error)
        return UNWRITABLE if isinstance(error, JournalError) else BAD_INPUT


async def _run(worker: Worker, say: Callable[[str], None]) -> int:
    """Run it, and listen for signals: the first one drains, the second one stops."""
    import anyio

    number = 0

    async def listen() -> None:
        nonlocal number
        first = True
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
            async for which in received:
                if first:
                    say("interrupted: replies under way are waited for; once more to stop at once")
                    worker.drain()
                else:
                    number = int(which)
                    worker.stop()
                first = False

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        try:
            await worker.run()
        finally:
            tasks.cancel_scope.cancel()
    return 128 + number if number else COMPLETE
