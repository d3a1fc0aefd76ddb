"""What `continuum batch` looks at before anything is sent, and how it says what it found."""

from __future__ import annotations

import json
import signal
import sqlite3
from typing import TYPE_CHECKING, Final

from continuum import _progress, _terminal
from continuum._drafting import COMPLETE, INCOMPLETE, PROVIDER_FAILED, UNWRITABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from continuum.batch.api import BatchReport
    from continuum.batch.estimate import Forecast
    from continuum.batch.inputs import Inputs, Inspection, Item
    from continuum.batch.postgres import PostgresJournal
    from continuum.batch.settings import Settings
    from continuum.batch.sqlite import SqliteJournal

PAUSED, ACCOUNT_FAILED = 6, 7

_STOPS: Final = {
    "max_cost": PAUSED,
    "deadline": PAUSED,
    "credentials": ACCOUNT_FAILED,
    "quota": ACCOUNT_FAILED,
    "outage": ACCOUNT_FAILED,
    "journal": UNWRITABLE,
}
_NAMED: Final = 10  # ids and rows that are shown by name
_LOOK: Final = 400  # ids that are looked up in the journal at a time


class Comparison:
    """Rows and settings beside those that a journal was begun with.

    Args:
        journal: None: everything is new.
        name: of the input, for people.

    Attributes:
        notes: what is different and does no harm.
    """

    def __init__(self, journal: SqliteJournal | PostgresJournal | None, name: str) -> None:
        self.notes: list[str] = []
        self._name = name
        self._journal = journal
        self._waiting: dict[str, tuple[str, str]] = {}
        self._rows = self._known = self._changed = 0
        self._examples: list[str] = []

    def add(self, item: Item) -> None:
        """A good row of the input."""
        self._rows += 1
        if self._journal is None:
            return
        self._waiting[item.job.id] = (item.place, item.job.fingerprint())
        if len(self._waiting) >= _LOOK:
            self._look()

    def _look(self) -> None:
        assert self._journal is not None
        known = self._journal.known(list(self._waiting))
        self._known += len(known)
        for id, before in known.items():
            place, now = self._waiting[id]
            if before != now:
                self._changed += 1
                if self._changed <= _NAMED:
                    self._examples.append(f"{self._name}:{place}: id={id!r}: it asks for something else than before")
        self._waiting.clear()

    async def finish(self, inputs: Inputs, settings: Settings, *, accept: bool) -> list[str]:
        """What is different and has to be decided first, with what to do; empty if the run can go on."""
        if self._journal is None:
            return []
        self._look()
        before = await self._journal.settings()
        if before is None:
            return []
        from continuum.batch.settings import changes

        serious = []
        if found := changes(before, settings.to_json()):
            if accept:
                self.notes.append(f"other settings from now on: {'; '.join(found)}")
            else:
                serious += [f"{change}: the run was begun otherwise" for change in found]
                serious.append(
                    "error: other settings than the journal's. Go on with the same ones (continuum resume needs none), "
                    "begin another run with another -o, or say --accept-changes"
                )
        if self._changed:
            serious += self._examples
            serious.append(
                f"error: {_terminal.count(self._changed, 'row')} changed since the run was begun. Put them back, give "
                "them new ids, or begin another run with another -o"
            )
        total = (await self._journal.summary()).total
        if self._known < total:
            await self._note_missing(inputs, total - self._known)
        if self._known and self._rows > self._known:
            self.notes.append(f"{_terminal.count(self._rows - self._known, 'row')} not seen before")
        return serious

    async def _note_missing(self, inputs: Inputs, count: int) -> None:
        """Name documents that have no row any more."""
        assert self._journal is not None
        ids = sqlite3.connect("", isolation_level=None)
        ids.execute("create table here(id text primary key) without rowid")
        ids.execute("begin")
        ids.executemany("insert into here values (?)", ((job.id,) for _, job in inputs.jobs(skip_invalid=True)))
        names = []
        async for _, id, _ in self._journal.ids():
            if ids.execute("select 1 from here where id = ?", (id,)).fetchone() is None:
                names.append(repr(id))
                if len(names) == _NAMED:
                    break
        ids.close()
        more = ", …" if count > len(names) else ""
        self.notes.append(
            f"{_terminal.count(count, 'document')} of the journal not in {self._name} any more "
            f"({', '.join(names)}{more}): not drafted further, and what they have stays in the output"
        )


def say_problems(
    say: Callable[[str, str], None], inputs: Inputs, found: Inspection, *, skip: bool, quiet: bool
) -> None:
    """Name what is wrong with the rows."""
    name = inputs.source.name
    for problem in found.problems:
        say(f"{name}:{problem.place}: {problem.reason}", "red")
    if found.unshown:
        say(f"... and {_terminal.count(found.unshown, 'problem')} more", "red")
    rows = f"{found.bad:,} of {_terminal.count(found.good + found.bad, 'row')}"
    if found.bad and skip:
        say(f"{rows} cannot be drafted and are left out", "yellow")
    elif found.bad:
        say(f"error: {rows} cannot be drafted; mend them, or leave them out with --skip-invalid", "red")
    if quiet:
        return
    if found.without_ids and found.good:
        say("the rows have no ids; they are called by the numbers of their lines", "yellow")
    if inputs.source.unread:
        say(f"{_terminal.count(inputs.source.unread, 'file')} of the folder are no texts, and left alone", "yellow")


def say_forecast(forecast: Forecast, found: Inspection, *, as_json: bool, max_cost: float | None) -> None:
    """Print what a run may take."""
    if as_json:
        print(json.dumps({"rows": found.good, "bad_rows": found.bad, **forecast.as_dict()}))
        return
    print(f"{_terminal.count(forecast.documents, 'document')}; nothing was sent")
    print(f"{'':8}{'rounds':>12}{'tokens in':>12}{'tokens out':>12}{'cost':>14}{'time':>12}")
    for name in ("low", "likely", "worst"):
        case = getattr(forecast, name)
        cost = "unknown" if case.cost is None else _progress.dollars(case.cost)
        figures = [_progress.brief(value) for value in (case.rounds, case.input_tokens, case.output_tokens)]
        line = "".join(f"{text:>12}" for text in figures)
        print(f"{name:8}{line}{cost:>14}{_progress.duration(case.seconds):>12}")
    for words in forecast.assumptions:
        print(f"  {words}")
    if forecast.unpriced:
        print(f"  the price is not known of: {', '.join(map(repr, forecast.unpriced))}")
    worst = forecast.worst.cost
    if max_cost is not None and worst is not None and worst > max_cost:
        print(f"  --max-cost={max_cost:g} would pause the run before the worst case")


def verdict(report: BatchReport, number: int) -> tuple[bool, int, str]:
    """Whether a run has come to its end, the exit code, and how to say it; `number`: of the signal that came, or 0."""
    documents = report.summary.documents
    left = documents.get("pending", 0) + documents.get("running", 0)
    if report.stopped is not None and left:
        if report.stopped == "interrupted":
            return False, 128 + (number or signal.SIGINT), "stopped"
        return False, _STOPS.get(str(report.stopped), PROVIDER_FAILED), f"paused ({report.stopped})"
    if documents.get("failed"):
        return True, PROVIDER_FAILED, "done, some failed"
    if left:  # they have no row any more, or are in other hands
        return True, INCOMPLETE, "done with these rows; continuum resume drafts the other documents"
    return (True, INCOMPLETE, "done") if documents.get("incomplete") else (True, COMPLETE, "complete")
