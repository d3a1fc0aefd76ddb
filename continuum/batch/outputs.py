"""Where results go: JSONL files, a folder of texts, or both. All of it is made from the journal, which is the truth.

What is complete, incomplete and failed is kept apart: `drafts.jsonl`, `drafts.incomplete.jsonl`, `drafts.failed.jsonl`;
`NAME.md` and `NAME.incomplete.md` in a folder, with `index.jsonl` for the account of each. A file gets its name when it
is whole and on disk. A file that is written as documents finish only ever grows by whole lines, and what a crash left
in it is set right by the journal before it grows on.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from continuum._core.errors import ConfigurationError, DamagedJournalError
from continuum.batch.names import ENDING, INCOMPLETE, INDEX, Names
from continuum.batch.rows import id_of, index_line_of, line_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from typing import BinaryIO

    from continuum.batch.job import JobResult, Status
    from continuum.batch.journal import DocumentState
    from continuum.batch.rows import RowFormat

_TEMPORARY: Final = ".continuum-tmp"
_LEFTOVER: Final = re.compile(rf"\..+\.(\d{{1,9}}){re.escape(_TEMPORARY)}")

STATES: Final[tuple[Status, ...]] = ("complete", "incomplete", "failed")


class Results(Protocol):
    """What of a journal an output is made from; see `Journal`."""

    def ids(self) -> AsyncIterator[tuple[int, str, DocumentState]]:
        """(place, id, state) of every document in input order."""
        ...

    def results(self, *states: DocumentState) -> AsyncIterator[tuple[int, JobResult]]:
        """What came of documents, in input order."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written.

    Attributes:
        file: JSONL for complete documents; those that are not go to files beside it.
        folder: one file for each document.
        format: of the rows.
        as_finished: the JSONL grows as documents finish, in that order; else it is written at the end, in input order.
    """

    file: Path | None = None
    folder: Path | None = None
    format: RowFormat = "continuum"
    as_finished: bool = False

    def files(self) -> dict[Status, Path]:
        """The JSONL files."""
        if self.file is None:
            return {}
        target = Path(os.path.realpath(self.file))
        ending = target.suffix if target.suffix.lower() in (".jsonl", ".ndjson", ".json") else ""
        stem = target.name.removesuffix(ending)
        beside: dict[Status, Path] = {
            state: target.with_name(f"{stem}.{state}{ending or '.jsonl'}") for state in STATES
        }
        beside["complete"] = target
        return beside

    def check(self) -> None:
        """Refuse what cannot be written to.

        Raises:
            ConfigurationError: a folder is missing or is no folder, or a file is none or is not writable.
        """
        if self.file is not None:
            target = self.files()["complete"]
            if target.is_dir():
                raise ConfigurationError(f"--output={str(self.file)!r}: it is a folder; use --out-dir for that")
            # A pipe that is reached through a link has a name, which nothing has.
            if any(path.exists() and not path.is_file() for path in (target, self.file)):
                raise ConfigurationError(f"--output={str(self.file)!r}: it is no regular file; choose another name")
            _check_folder(target.parent, "--output", str(self.file))
        if self.folder is not None:
            if self.folder.exists() and not self.folder.is_dir():
                raise ConfigurationError(f"--out-dir={str(self.folder)!r}: it is no folder; choose another name")
            if not self.folder.exists():
                _check_folder(Path(os.path.realpath(self.folder)).parent, "--out-dir", str(self.folder))

    def existing(self) -> list[Path]:
        """What stands already where this plan would write."""
        found = [path for path in self.files().values() if path.exists()]
        if self.folder is not None and self.folder.is_dir() and any(self.folder.iterdir()):
            found.append(self.folder)
        return found


def _check_folder(folder: Path, option: str, given: str) -> None:
    if not folder.is_dir():
        raise ConfigurationError(f"{option}={given!r}: there is no folder {str(folder)!r}; make it first")
    if not os.access(folder, os.W_OK):
        raise ConfigurationError(f"{option}={given!r}: the folder {str(folder)!r} is not writable")


class Outputs:
    """Writes what a plan says. Errors of the file system come out as `OSError`; the journal keeps everything. Where
    it is damaged, what is whole is written before the `DamagedJournalError` comes out.

    `learn` and `begin` once, `add` for every document that finishes, `finish` at the end. An export is `learn` and
    `finish`.
    Everything blocks, so call `add` in a thread; one call at a time.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._files = plan.files()
        self._names = Names() if plan.folder is not None else None
        self._growing: dict[Status, BinaryIO] = {}
        self._outdated = False  # growing files have to be set right at the end

    async def learn(self, results: Results) -> None:
        """Learn which documents a journal has, so that each gets a file of its own."""
        if self._names is not None:
            async for _, id, _ in results.ids():
                self._names.add([id])

    def expect(self, id: str) -> None:
        """One more document; in input order, after those of the journal."""
        if self._names is not None:
            self._names.add([id])

    async def forget(self, strange: Sequence[Path]) -> None:
        """What is written over does not grow on: files of others begin empty."""
        for path in strange:
            if path in self._files.values():
                path.unlink(missing_ok=True)

    async def begin(self, results: Results) -> None:
        """Set right what an earlier run has left."""
        if self._plan.as_finished and self._plan.file is not None:
            self._outdated = await _reconcile(self._files, self._plan.format, results)

    def add(self, result: JobResult) -> None:
        """A document has finished (and is in the journal)."""
        if self._plan.as_finished and self._plan.file is not None:
            self._grow(result)
        if self._plan.folder is not None:
            self._write_text(self._plan.folder, result)

    async def finish(self, results: Results) -> None:
        """Write what is not written yet."""
        for state in list(self._growing):
            self._still_there(state)
        self.close()
        damage: DamagedJournalError | None = None
        try:
            if self._plan.file is not None and self._plan.as_finished:
                if self._outdated:
                    await _reconcile(self._files, self._plan.format, results)
                self._files["complete"].touch()
            elif self._plan.file is not None:
                remove_leftovers(self._files["complete"].parent)
                await self._write_all(results)
        except DamagedJournalError as error:
            damage = error
        if self._plan.folder is not None:
            await self._write_folder(self._plan.folder, results)
        if damage is not None:
            raise damage

    def close(self) -> None:
        """Put on disk what was written, and let go of it. Safe to repeat."""
        while self._growing:
            _, file = self._growing.popitem()
            with file:
                os.fsync(file.fileno())

    # -- one file that grows --------------------------------------------------------------------------------------

    def _grow(self, result: JobResult) -> None:
        file = self._still_there(result.status)
        if file is None:
            file = self._growing[result.status] = self._files[result.status].open("ab", buffering=0)
        append(file, line_of(result, self._plan.format))

    def _still_there(self, state: Status) -> BinaryIO | None:
        """The open file that grows, if it has its name still: an export in between has put another one there."""
        file = self._growing.get(state)
        if file is None:
            return None
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), self._files[state].stat()):
                return file
        self._outdated = True  # what was added between its last look at the journal and now is missing there
        self._growing.pop(state).close()
        return None

    # -- files that are written at once ---------------------------------------------------------------------------

    async def _write_all(self, results: Results) -> None:
        damage = _Damage(self._files["complete"])
        with contextlib.ExitStack() as stack:
            open_files = {state: stack.enter_context(replacing(path)) for state, path in self._files.items()}
            async for _, result in damage.whole(results):
                open_files[result.status].write(line_of(result, self._plan.format))
        for state, path in self._files.items():
            if state != "complete" and not path.stat().st_size:
                path.unlink()
        damage.check()

    # -- a folder -------------------------------------------------------------------------------------------------

    async def _write_folder(self, folder: Path, results: Results) -> None:
        folder.mkdir(exist_ok=True)  # noqa: ASYNC240  # nothing else is under way at the end
        for inside, _, _ in os.walk(folder):
            remove_leftovers(Path(inside))
        damage = _Damage(folder / INDEX)
        with replacing(folder / INDEX) as index:
            async for _, result in damage.whole(results):
                file = self._write_text(folder, result)
                index.write(index_line_of(result, file.relative_to(folder).as_posix() if file else None))
        damage.check()

    def _write_text(self, folder: Path, result: JobResult) -> Path | None:
        """Write a document, if it is not there already; returns where."""
        assert self._names is not None
        name = self._names.of(result.id)
        whole, partly = folder / f"{name}{ENDING}", folder / f"{name}{INCOMPLETE}{ENDING}"
        if result.status == "failed":
            return None
        path, other = (whole, partly) if result.complete else (partly, whole)
        data = result.text.encode("utf-8", "backslashreplace")
        _check_inside(folder, path.parent)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data):
            with replacing(path) as file:
                file.write(data)
        other.unlink(missing_ok=True)
        return path


class _Damage:
    """What to do where a journal is damaged: write what is whole, but never over what was written when all was.

    Args:
        target: what is to be written.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._error: DamagedJournalError | None = None

    async def whole(self, results: Results) -> AsyncIterator[tuple[int, JobResult]]:
        """All results that are whole."""
        try:
            async for found in results.results():
                yield found
        except DamagedJournalError as error:
            if self._target.exists():
                error.message += f" ({self._target} stays as it was; export to another name)"
                raise
            self._error = error

    def check(self) -> None:
        """Raise what was wrong, after the rest has been written."""
        if self._error is not None:
            raise self._error


def _check_inside(root: Path, folder: Path) -> None:
    """A link that somebody put into the folder would lead out of it."""
    if not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(root)):
        raise OSError(f"{folder} leads out of {root}: is there a symbolic link? Remove it, or choose another folder")


def append(file: BinaryIO, line: bytes) -> None:
    """Add a whole line to an unbuffered file, or nothing of it.

    Raises:
        OSError: it could not be written; the file is as it was.
    """
    before = file.seek(0, os.SEEK_END)
    try:
        rest = memoryview(line)
        while rest:
            rest = rest[file.write(rest) :]
    except OSError:
        with contextlib.suppress(OSError):
            file.truncate(before)
        raise


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of another when it is whole and on disk; if the block fails, nothing changes."""
    partial = target.with_name(f".{target.name}.{os.getpid()}{_TEMPORARY}")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, partial)
        partial.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Put a new name on disk, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files that processes left in a folder when they were killed."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            found = _LEFTOVER.fullmatch(entry.name)
            if found and not _is_running(int(found[1])):
                Path(entry.path).unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


# -- after a crash ----------------------------------------------------------------------------------------------------


async def _reconcile(files: dict[Status, Path], format: RowFormat, results: Results) -> bool:
    """Make growing files say what the journal says: each document once, in the file of its state.

    Returns:
        Whether there are documents that are drafted again, whose lines are those of before.
    """
    with contextlib.closing(sqlite3.connect("", isolation_level=None)) as ledger:
        again = await _enter(ledger, format, results)
        for state, path in files.items():
            if path.exists():
                _keep_sound(path, state, format, ledger)
        if ledger.execute("select 1 from missing limit 1").fetchone() is None:
            return again
        with contextlib.ExitStack() as stack:
            growing: dict[str, Any] = {}
            async for _, result in results.results():
                if ledger.execute("select 1 from missing where id = ?", (result.id,)).fetchone() is None:
                    continue
                if result.status not in growing:
                    growing[result.status] = stack.enter_context(files[result.status].open("ab", buffering=0))
                append(growing[result.status], line_of(result, format))
    return again


async def _enter(ledger: sqlite3.Connection, format: RowFormat, results: Results) -> bool:
    """Enter what the files have to have. What is complete stays as it is; all else may have been drafted further.

    Returns:
        Whether some of it is drafted again.
    """
    ledger.execute("pragma journal_mode=off")
    ledger.execute("create table missing(id text primary key, state text, line blob) without rowid")
    ledger.execute("begin")
    finished = 0
    async for _, id, state in results.ids():
        if state in STATES:
            finished += 1
            ledger.execute("insert into missing values (?, ?, null)", (id, state))
    with contextlib.suppress(DamagedJournalError):  # of what cannot be read the lines stay
        async for _, result in results.results("incomplete", "failed", "pending", "running"):
            row = result.id, result.status, _digest(line_of(result, format))
            ledger.execute("insert or replace into missing values (?, ?, ?)", row)
    entered: int = ledger.execute("select count(*) from missing").fetchone()[0]
    return entered > finished


def _digest(line: bytes) -> bytes:
    return hashlib.blake2b(line, digest_size=16).digest()


def _keep_sound(path: Path, state: Status, format: RowFormat, ledger: sqlite3.Connection) -> None:
    """Take out of a file what is torn, doubled, or no longer so; what is kept is struck off the ledger."""
    bad: set[int] = set()
    end = start = 0
    with path.open("rb") as file:
        for line in file:
            id = id_of(line, format)
            strike = "delete from missing where id = ? and state = ? and coalesce(line, ?3) = ?3"
            if id is None or not ledger.execute(strike, (id, state, _digest(line))).rowcount:
                bad.add(start)
            start += len(line)
            if start - len(line) not in bad:
                end = start
    if not any(place < end for place in bad):
        if bad:
            os.truncate(path, end)
        return
    with replacing(path) as new, path.open("rb") as file:
        place = 0
        for line in file:
            if place not in bad:
                new.write(line)
            place += len(line)
