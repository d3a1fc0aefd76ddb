"""A batch that workers draft: it is entered and offered here, watched with one aggregate query, and reported on."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import anyio

from continuum._core.errors import ConfigurationError, JournalError
from continuum.batch.outcomes import result_from_json
from continuum.batch.postgres import PostgresJournal
from continuum.batch.postgres_reader import SUMMARY, summary_of
from continuum.batch.postgres_schema import FORMAT
from continuum.batch.queue import Attendant
from continuum.batch.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import psycopg
    from anyio.abc import TaskGroup

    from continuum.batch.breaker import Breaker
    from continuum.batch.drafting import Shared
    from continuum.batch.job import Job, JobResult
    from continuum.batch.journal import Summary
    from continuum.batch.pacing import Limits
    from continuum.batch.progress import Status
    from continuum.batch.settings import Settings
    from continuum.batch.slots import Slots

_PAGE: Final = 64  # results that are fetched at a time
_REMIND: Final = 1.5  # seconds beyond the next look for which a word about missing workers holds
_SECRET: Final = ("extra_headers", "extra_query")


@dataclass(frozen=True, slots=True)
class ViaWorkers:
    """Let `continuum worker` processes draft the batch, on as many machines as there are: `arun_batch(via=…)`.

    The journal has to be a `PostgresJournal`. The caller's process enters the documents and watches; it needs no key.

    Attributes:
        poll: seconds between two looks.
    """

    poll: float = 1.0

    def check(self, journal: object, settings: Settings) -> None:
        """Refuse what workers cannot do.

        Raises:
            ConfigurationError: with what to do.
        """
        if not isinstance(journal, PostgresJournal):
            raise ConfigurationError(
                "via=ViaWorkers() needs journal=PostgresJournal(url, name): workers meet in a database"
            )
        for name in _SECRET:
            if name in settings.params:
                raise ConfigurationError(f"{name} may hold secrets, which are not kept in a database; leave it out")
        for what, values in (("argument", settings.params), ("field of the policy", settings.policy)):
            for name, value in values.items():
                try:
                    json.dumps(value)
                except (TypeError, ValueError) as error:
                    raise ConfigurationError(
                        f"{name}={value!r}: this {what} is no plain JSON value, and goes to workers through a database"
                    ) from error


@dataclass(slots=True)
class _View:
    """What one look has found."""

    summary: Summary
    still_open: int
    running: int
    stop: str | None
    message: str
    workers: int
    places: int
    strangers: list[str]


class Submission(Runner):
    """A run whose documents workers draft; see `Runner`.

    Args:
        shared: as far as it concerns this process: journal, gate, progress, runtime.
        slots: not used.
        breaker: not used.
        deadline: seconds after which nothing new is sent.
        emit: is given each result as it comes.
        via: how to watch.
        limits: the provider's, for the workers.
        max_cost: US dollars for the whole batch.
    """

    def __init__(
        self,
        shared: Shared,
        slots: Slots,
        breaker: Breaker,
        deadline: float | None,
        emit: Callable[[JobResult], Awaitable[None]] | None,
        via: ViaWorkers,
        limits: Limits | None,
        max_cost: float | None,
    ) -> None:
        super().__init__(shared, slots, breaker, deadline, emit)
        assert isinstance(shared.journal, PostgresJournal)
        self._journal = shared.journal
        self._via, self._limits, self._max_cost = via, limits, max_cost
        self._attendant = Attendant(self._journal.url, self._journal.patience)
        self._view: _View | None = None
        self._told = False
        self._mark: tuple[int, int] = (0, -1)  # results up to this transaction have been told

    def status(self, summary: Summary) -> Status:
        """See `Runner.status`."""
        from dataclasses import replace

        found = super().status(summary)
        if self._view is None:
            return found
        view = self._view
        return replace(found, summary=view.summary, in_flight=view.running, concurrency=view.places)

    async def run(self, jobs: Any) -> None:
        """See `Runner.run`."""
        try:
            await anyio.to_thread.run_sync(self._open)
            await super().run(jobs)
        except JournalError as error:
            self.fail(error)
        finally:
            with anyio.CancelScope(shield=True):
                with contextlib.suppress(JournalError):
                    await self._tell()
                await anyio.to_thread.run_sync(self._attendant.close)

    def _open(self) -> None:
        """Say how the batch is to be drafted; from here on workers are handed its documents."""
        self._attendant.prepare()
        limits = None if self._limits is None else json.dumps(asdict(self._limits))
        deadline, key = self._deadline, self._journal.key

        def work(connection: psycopg.Connection[Any]) -> int:
            connection.execute(
                "UPDATE batch SET shared = true, stop = NULL, message = '', limits = %s, max_cost = %s, "
                "deadline = clock_timestamp() + %s * interval '1 s', "
                "spent = (SELECT coalesce(sum(cost), 0) FROM document WHERE batch = key_), "
                "reserved = (SELECT coalesce(sum(amount), 0) FROM reservation WHERE batch = key_) "
                "FROM (SELECT %s::bigint AS key_) k WHERE key = key_",
                (limits, self._max_cost, deadline, key),
            )
            row = connection.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text").fetchone()
            return int(row[0]) if row else 0

        self._attendant.find_lost_jobs()
        self._mark = (self._attendant.do(work), -1)

    # -- entering and watching ------------------------------------------------------------------------------------

    async def _enter(self, chunk: list[Job]) -> None:
        await super()._enter(chunk)
        await anyio.to_thread.run_sync(self._attendant.offer, self._journal.key)

    async def _take(self, work: TaskGroup) -> None:
        """In place of taking documents up: watch those who do."""
        shared, quiet = self._shared, 0
        try:
            while True:
                all_read = self._all_read
                await anyio.to_thread.run_sync(self._attendant.offer, self._journal.key)
                view = self._view = await anyio.to_thread.run_sync(self._look)
                await self._emit_new(last=False)
                if view.stop is not None:
                    self._told = True
                    self._close(view.stop, view.message)  # type: ignore[arg-type]
                if all_read and not view.still_open:
                    break
                if shared.gate.reason is not None:
                    # A worker may have taken one up just before it was told, and have told nobody yet: look twice.
                    quiet = quiet + 1 if self._told and not view.running else 0
                    if quiet > 1:
                        break
                    await self._tell()
                self._remind(view)
                with anyio.move_on_after(self._via.poll):
                    await self._fed_or_closed()
            await self._emit_new(last=True)
        except JournalError as error:
            self.fail(error)

    async def _fed_or_closed(self) -> None:
        """Wait until the gate closes; while rows are read, for the next ones."""
        if self._shared.gate.reason is not None:
            await anyio.sleep(self._via.poll)
            return
        with contextlib.suppress(Exception), self._shared.gate.waiting():
            await anyio.sleep(self._via.poll)

    async def _tell(self) -> None:
        """Let the workers know that nothing new is to be sent."""
        gate = self._shared.gate
        if gate.reason is None or self._told:
            return
        self._told = True
        values = (gate.reason, gate.message, self._journal.key)
        await anyio.to_thread.run_sync(
            self._attendant.do,
            lambda connection: (
                connection.execute(
                    "UPDATE batch SET stop = %s, message = %s WHERE key = %s AND stop IS NULL", values
                ).rowcount
            ),
        )

    def _look(self) -> _View:
        key = self._journal.key

        def work(connection: psycopg.Connection[Any]) -> _View:
            with connection.pipeline():
                counts = connection.execute(f"SELECT seen = run, {_COLUMNS}", (key,))
                batch = connection.execute("SELECT stop, message FROM batch WHERE key = %s", (key,))
                workers = connection.execute(
                    "SELECT format, version, concurrency FROM worker "
                    "WHERE NOT over AND heartbeat + lease * interval '1 s' > clock_timestamp()"
                )
                rows, states, those = counts.fetchall(), batch.fetchone(), workers.fetchall()
            still_open = sum(row[2] for row in rows if row[0] and row[1] in ("pending", "running"))
            whole: dict[str, list[Any]] = {}
            for _, state, *values in rows:
                before = whole.get(state)
                whole[state] = values if before is None else [a + b for a, b in zip(before, values, strict=True)]
            summary = summary_of([(state, *values) for state, values in whole.items()])
            ours = [row for row in those if row[0] == FORMAT]
            stop, message = states or ("interrupted", "the batch was removed from the database")
            return _View(
                summary=summary,
                still_open=still_open,
                running=summary.documents.get("running", 0),
                stop=stop,
                message=message,
                workers=len(ours),
                places=sum(row[2] for row in ours),
                strangers=sorted({row[1] for row in those if row[0] != FORMAT}),
            )

        return self._attendant.do(work)

    def _remind(self, view: _View) -> None:
        if view.workers or self._shared.gate.reason is not None:
            return
        words = "no worker is there; start one with: continuum worker --database-url URL"
        if view.strangers:
            words += f" (those that are there are of another continuum: {', '.join(view.strangers)})"
        self._shared.progress.waiting("", self._via.poll + _REMIND, words)

    # -- results --------------------------------------------------------------------------------------------------

    async def _emit_new(self, *, last: bool) -> None:
        while page := await anyio.to_thread.run_sync(self._new_results, last):
            for number, result in page:
                self._shared.progress.finished(number, result)
                if self._emit is not None:
                    await self._emit(result)
            if len(page) < _PAGE:
                return

    def _new_results(self, last: bool) -> list[tuple[int, JobResult]]:
        """Results since the last look. Transactions do not end in the order in which they begin, so only those count
        that are older than every transaction that is still under way; at the end, all."""

        def work(connection: psycopg.Connection[Any]) -> list[Any]:
            return connection.execute(
                "SELECT written::text AS mark, key, number, result FROM document JOIN result ON document = key "
                "WHERE batch = %s AND (written, key) > (%s::text::xid8, %s) "
                "AND (%s OR written < pg_snapshot_xmin(pg_current_snapshot())) ORDER BY result.written, key LIMIT %s",
                (self._journal.key, str(self._mark[0]), self._mark[1], last, _PAGE),
            ).fetchall()

        rows = self._attendant.do(work)
        if rows:
            self._mark = (int(rows[-1][0]), rows[-1][1])
        return [(number, result_from_json(json.loads(text))) for _, _, number, text in rows]


_COLUMNS: Final = (
    SUMMARY.removeprefix("SELECT ")
    .replace("FROM document WHERE batch = %s", "FROM document d JOIN batch b ON b.key = d.batch WHERE b.key = %s")
    .replace("GROUP BY state", "GROUP BY 1, 2")
)
