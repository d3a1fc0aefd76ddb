"""The journal of a batch, from outside: where it is, `continuum status`, `continuum export`."""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from continuum import _terminal
from continuum._core.errors import ConfigurationError, ContinuumError, DamagedJournalError, JournalError
from continuum._drafting import BAD_INPUT, COMPLETE, UNWRITABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from continuum.batch.journal import Summary
    from continuum.batch.outputs import Plan
    from continuum.batch.postgres import PostgresJournal
    from continuum.batch.sqlite import SqliteJournal
    from continuum.batch.sqlite_reader import SqliteReader

T = TypeVar("T")
ENDING: Final = ".journal"
NOTE: Final = "outputs"
_MOST_LOOKS: Final = 3  # of an export at a journal that grows: a run that goes on writes its outputs later
_MAGIC: Final = b"SQLite format 3\0"


def journal_beside(output: Path) -> Path:
    """The journal of an output."""
    return output.with_name(f"{output.name}{ENDING}")


def find(run: Path) -> Path:
    """The journal that is meant by a journal, an output file or an output folder.

    Raises:
        ConfigurationError: there is none.
    """
    beside = journal_beside(run)
    if beside.is_file():
        return beside
    try:
        with run.open("rb") as file:
            found = file.read(len(_MAGIC))
    except IsADirectoryError:
        found = b""
    except OSError as error:
        raise ConfigurationError(f"{run}: cannot be read ({error.strerror or error})") from error
    if found != _MAGIC:
        raise ConfigurationError(f"{run} is no journal, and there is none beside it ({beside.name}); name the journal")
    return run


def is_local(run: Path) -> bool:
    """Whether a journal of this machine is meant, where it may also be the name of a batch in a database."""
    try:
        find(run)
    except ConfigurationError:
        return False
    return True


def outputs_of(journal: Path, note: Mapping[str, Any]) -> dict[str, Any]:
    """The output that a journal stands beside, as fields of a plan; empty if its name does not say so."""
    if not journal.name.endswith(ENDING):
        return {}
    output = journal.with_name(journal.name.removesuffix(ENDING))
    if output.exists():
        return {"folder" if output.is_dir() else "file": output}
    for place in _written(note):
        for name, path in from_note(place, journal).items():
            if os.path.realpath(path) == os.path.realpath(output):
                return {name: output}
    return {"file" if output.suffix else "folder": output}


def note_of(plan: Plan, journal: Path, before: Mapping[str, Any]) -> dict[str, Any]:
    """A plan as it is kept in the journal, so that both can move together; with it, where earlier runs have written."""
    near = {"file": plan.file, "folder": plan.folder}
    places = {name: path and os.path.relpath(path, journal.parent) for name, path in near.items()}
    written = [place for place in (*_written(before), places) if place.get("file") or place.get("folder")]
    unique = [place for number, place in enumerate(written) if place not in written[:number]]
    return {**places, "format": plan.format, "as_finished": plan.as_finished, "written": unique}


def _written(note: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The places of all runs; before they were kept, that of the last one."""
    own = {name: note.get(name) for name in ("file", "folder")}
    found: list[Mapping[str, Any]] = note.get("written") or [own]
    return found


def from_note(note: Mapping[str, Any], journal: Path) -> dict[str, Any]:
    """The output that was kept, as fields of a plan."""
    return {name: journal.parent / note[name] for name in ("file", "folder") if note.get(name)}


def fail(error: Exception) -> int:
    """Say what is wrong, and return the exit code."""
    console, hidden = _terminal.error_console(), _terminal.secrets()
    words = getattr(error, "message", None) or str(error)
    console.print(f"error: {_terminal.redact(words, hidden)}", style="red", markup=False)
    from continuum.batch.schema import disk_fails

    return UNWRITABLE if isinstance(error, OSError) or disk_fails(error) else BAD_INPUT


# -- status -----------------------------------------------------------------------------------------------------------


def status(run: Path, *, as_json: bool) -> int:
    """Say where a batch stands, and return the exit code."""
    import anyio

    from continuum.batch.sqlite import SqliteJournal

    async def look() -> int:
        path = find(run)
        return await say_status(SqliteJournal(path), str(path), as_json=as_json)

    try:
        return anyio.run(look)
    except (ConfigurationError, JournalError) as error:
        return fail(error)


async def say_status(
    journal: SqliteJournal | PostgresJournal, name: str, *, as_json: bool, also: str = "", option: str = ""
) -> int:
    """Say where a batch stands, and return the exit code."""
    settings, summary = await journal.settings() or {}, await journal.summary()
    reasons: Counter[str] = Counter()
    damage: DamagedJournalError | None = None
    try:
        async for _, result in journal.results("incomplete", "failed"):
            reasons[result.reason] += 1
    except DamagedJournalError as error:
        damage = error
    if as_json:
        print(json.dumps({"journal": name, "settings": settings, "reasons": reasons, **figures(summary)}))
    else:
        hidden = _terminal.secrets()
        for line in _lines(name, settings, summary, reasons, also, option):
            print(_terminal.harmless(_terminal.redact(line, hidden)))
    return COMPLETE if damage is None else fail(damage)


def figures(summary: Summary) -> dict[str, Any]:
    """A summary as plain values."""
    values = asdict(summary)
    values["documents"] = {**dict.fromkeys(("pending", "running", "complete", "incomplete", "failed"), 0)}
    values["documents"] |= dict(summary.documents)
    values["cost"] = None if summary.rounds and summary.unpriced >= summary.rounds else summary.cost
    return values


async def kept(journal: SqliteJournal | PostgresJournal) -> str:
    """What a journal has, in one line; empty if it has nothing or cannot be read."""
    with contextlib.suppress(JournalError):
        summary = await journal.summary()
        return account(summary) if summary.total else ""
    return ""


def account(summary: Summary) -> str:
    """Documents, rounds, tokens and cost in one line."""
    documents: dict[str, int] = {str(state): number for state, number in summary.documents.items()}
    parts = [f"{documents.get('complete', 0):,} of {_terminal.count(summary.total, 'document')} complete"]
    parts += [
        f"{number:,} {word}"
        for state, word in (
            ("incomplete", "incomplete"),
            ("failed", "failed"),
            ("running", "under way"),
            ("pending", "to be drafted"),
        )
        if (number := documents.get(state, 0))
    ]
    figures_: list[str] = [
        _terminal.count(summary.rounds, "round"),
        f"{summary.input_tokens:,} tokens in, {summary.output_tokens:,} out",
        _terminal.money(None if summary.rounds and summary.unpriced >= summary.rounds else summary.cost),
    ]
    if 0 < summary.unpriced < summary.rounds:
        figures_[-1] += f" and {_terminal.count(summary.unpriced, 'round')} of unknown price"
    return " · ".join([", ".join(parts), *figures_])


def _lines(
    name: str, settings: Mapping[str, Any], summary: Summary, reasons: Mapping[str, int], also: str, option: str
) -> list[str]:
    lines = [f"{name}: {account(summary)}"]
    asked = [f"{name}={settings[name]}" for name in ("model", "max_tokens") if settings.get(name) is not None]
    asked += [f"{name}={value}" for name, value in (settings.get("policy") or {}).items()]
    lines.append(f"asks {settings.get('base_url')} ({settings.get('provider')}) {' '.join(asked)}".rstrip())
    for reason, number in sorted(reasons.items(), key=lambda item: -item[1]):
        lines.append(f"  {number:,} {reason}: {_terminal.WORDS.get(reason, 'not known')}")  # type: ignore[call-overload]
    documents: dict[str, int] = {str(state): number for state, number in summary.documents.items()}
    if also:
        lines.append(also)
    if documents.get("pending") or documents.get("running"):
        lines.append(f"to go on: continuum resume {name}{option}")
    for state in ("failed", "incomplete"):
        if documents.get(state):
            lines.append(f"to draft what is {state} again: continuum retry {name}{option} --{state}")
    return lines


# -- export -----------------------------------------------------------------------------------------------------------


def export(run: Path, output: Path | None, folder: Path | None, format: Any, *, overwrite: bool) -> int:
    """Write what a journal has, and return the exit code."""
    import anyio

    from continuum.batch.outputs import Plan

    try:
        journal = find(run)
        note = _salvaged(journal, lambda reader: anyio.run(reader.notes, NOTE)).get(NOTE) or {}
        own = outputs_of(journal, note) if note else {}  # without one it is no journal of the command line's
        given: dict[str, Any] = {"file": output, "folder": folder} if output or folder else own
        if not given:
            raise ConfigurationError("where to? Say --output FILE or --out-dir FOLDER")
        plan = Plan(**given, format=format)
        check_outputs(plan, journal, {}, overwrite=overwrite)
        summary, damage = _salvaged(journal, lambda reader: anyio.run(write, plan, reader))
    except (ContinuumError, OSError) as error:
        return fail(error)
    return say_written(summary, plan, damage)


def _salvaged(journal: Path, read: Callable[[SqliteReader], T]) -> T:
    """Read a journal; if it is so damaged that this cannot be done, what there is to salvage."""
    from continuum.batch.salvage import Salvage
    from continuum.batch.schema import is_damaged
    from continuum.batch.sqlite_reader import SqliteReader

    try:
        return read(SqliteReader(journal))
    except JournalError as error:
        if not is_damaged(error):
            raise
        return read(Salvage(journal, error))


def say_written(summary: Summary, plan: Plan, damage: DamagedJournalError | None) -> int:
    """Say what was written where, and return the exit code."""
    places = [str(path) for path in (*plan.files().values(), plan.folder) if path is not None and path.exists()]
    words = account(summary) if damage is None else f"{account(summary)} · what is whole"
    _terminal.error_console().print(
        f"{words} · written to {', '.join(places)}", markup=False, style="green" if damage is None else "yellow"
    )
    return COMPLETE if damage is None else fail(damage)


async def write(plan: Plan, journal: SqliteReader | PostgresJournal) -> tuple[Summary, DamagedJournalError | None]:
    """Write what a journal has; what is damaged of it is left out, and told.

    Once more if it has more by then: a run that ended meanwhile has written it all, and must not have less now.
    """
    from continuum.batch.outputs import Outputs

    summary, damage = await journal.summary(), None
    for _ in range(_MOST_LOOKS):
        outputs, written = Outputs(plan), _finished(summary)
        await outputs.learn(journal)
        try:
            await outputs.finish(journal)
        except DamagedJournalError as error:
            damage = error
        summary = await journal.summary()
        if damage is not None or _finished(summary) == written:
            break
    return summary, damage


def _finished(summary: Summary) -> list[int]:
    return [summary.documents.get(state, 0) for state in ("complete", "incomplete", "failed")]


def check_outputs(plan: Plan, journal: Path, note: Mapping[str, Any], *, overwrite: bool) -> list[Path]:
    """Refuse outputs that cannot be written, or that are not this journal's.

    Returns:
        Those that are not, and may be written over.

    Raises:
        ConfigurationError: with what to do.
    """

    plan.check()
    for target in (journal, Path(f"{journal}-wal")):
        if target.absolute() in {path.absolute() for path in plan.files().values()}:
            raise ConfigurationError(f"--output={str(target)!r}: that is the journal; choose another name")
    own = _own(journal, note)
    strange = [path for path in plan.existing() if os.path.realpath(path) not in own]
    if strange and not overwrite:
        raise ConfigurationError(
            f"{', '.join(map(str, strange))}: there already, and not from the journal {str(journal)!r}; choose another "
            "name, move it away, or use --overwrite"
        )
    return strange


def _own(journal: Path, note: Mapping[str, Any]) -> set[str]:
    """The outputs that a journal has written, as far as they are there."""
    from continuum.batch.outputs import Plan

    places = [outputs_of(journal, note)] if journal.exists() else []
    for place in _written(note):
        for name, path in from_note(place, journal).items():
            beside = journal_beside(path)
            # What another journal stands beside is that one's by now.
            if not beside.exists() or os.path.realpath(beside) == os.path.realpath(journal):
                places.append({name: path})
    return {os.path.realpath(path) for place in places for path in Plan(**place).existing()}


def warn(words: str) -> None:
    """A note on stderr."""
    print(_terminal.harmless(_terminal.redact(words, _terminal.secrets())), file=_terminal.notes())
