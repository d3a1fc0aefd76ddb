"""Rows as they stand in a file or folder, one at a time; nothing here knows what a row means.

A row that cannot be read is handed on as a `BadRow` and the next one is read; a file that is no such file at all is an
error. However long the input, one row is in memory (of Parquet, one batch of rows).
"""

from __future__ import annotations

import csv
import os
import shutil
import stat
import sys
import tempfile
import weakref
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from pydantic_core import from_json

from continuum._core.errors import ConfigurationError, MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

LONGEST_ROW: Final = 32 * 2**20
"""Bytes of the longest row that is taken: no provider takes a longer request."""

_FORMATS: Final = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet"}
_TEXTS: Final = (".md", ".markdown", ".txt")
_OTHER_UNICODE: Final = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00\xfe\xff": "UTF-32"}
_BOM: Final = b"\xef\xbb\xbf"
_BATCH_ROWS: Final = 64


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        place: where it stands: the number of its line or row, or the path of its file.
        fields: its values by name.
        flat: the values were text, as in CSV, so that an empty one means that there is none.
        aside: names of fields that are there for a template only.
    """

    place: str
    fields: dict[str, Any]
    flat: bool = False
    aside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a row.

    Attributes:
        place: where it stands, as in `Row`.
        reason: what is wrong, with the field and its value, and what to do.
    """

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be drafted, and everything that is wrong with it."""

    place: str
    problems: tuple[Problem, ...]

    @classmethod
    def of(cls, place: str, *reasons: str) -> BadRow:
        """A bad row from reasons."""
        return cls(place, tuple(Problem(place, reason) for reason in reasons))


class Source:
    """A file or folder whose rows can be read again and again.

    Args:
        path: a file (JSONL, CSV, Parquet), a folder of texts, or `-` for JSONL on stdin. What can be read only once
            (a pipe) is copied to a temporary file first.
        format: `jsonl`, `csv` or `parquet`; None: from the ending of the name.

    Raises:
        ConfigurationError: it is not there, cannot be read, or is of no known format.
        MissingDependencyError: it is Parquet, and pyarrow is missing.
    """

    def __init__(self, path: str | Path, format: str | None = None) -> None:
        self.name = "stdin" if str(path) == "-" else str(path)
        self.path = Path(path)
        self._spooled: Any = None
        self.unread = 0
        """Files of a folder that are no texts; known after a whole pass."""
        try:
            self._open(format)
        except OSError as error:
            raise ConfigurationError(f"{self.name}: cannot be read ({error.strerror or error})") from error

    def _open(self, format: str | None) -> None:
        if self.name == "stdin":
            self._spool(sys.stdin.buffer)
            self.format = format or "jsonl"
            return
        mode = self.path.stat().st_mode
        if stat.S_ISDIR(mode):
            self.format = "folder"
            return
        ending = self.path.suffix.lower()
        self.format = format or _FORMATS.get(ending, "")
        if not stat.S_ISREG(mode):
            self.format = self.format or "jsonl"
            with self.path.open("rb") as file:
                self._spool(file)
        if not self.format:
            advice = "put it into a folder, and give the folder" if ending in _TEXTS else "or say --input-format"
            if ending == ".json":
                advice = "one object on each line is expected: jq -c '.[]' makes that of an array"
            raise ConfigurationError(
                f"{self.name}: expected a file .jsonl, .csv or .parquet, or a folder of .md and .txt files; {advice}"
            )
        if self.format == "parquet":
            _parquet_library()
        with self.file() as file:
            start = file.read(4)
        for mark, encoding in _OTHER_UNICODE.items():
            if start.startswith(mark) and self.format != "parquet":
                raise ConfigurationError(f"{self.name}: this is {encoding}; convert it to UTF-8")

    def _spool(self, file: BinaryIO) -> None:
        self._spooled = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the source
        weakref.finalize(self, self._spooled.close)
        shutil.copyfileobj(file, self._spooled, 2**20)

    @contextmanager
    def file(self) -> Iterator[Any]:
        """The file, at its beginning."""
        if self._spooled is not None:
            self._spooled.seek(0)
            yield self._spooled
            return
        with self.path.open("rb") as file:
            yield file

    def signature(self) -> tuple[int, ...]:
        """Changes if the file does; of a folder it says nothing."""
        if self._spooled is not None or self.format == "folder":
            return ()
        found = self.path.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns

    def rows(self) -> Iterator[Row | BadRow]:
        """All rows in order.

        Raises:
            ConfigurationError: the file is damaged as a whole, or no longer readable.
        """
        readers = {"jsonl": self._jsonl, "csv": self._csv, "parquet": self._parquet, "folder": self._folder}
        try:
            yield from readers[self.format]()
        except OSError as error:
            raise ConfigurationError(f"{self.name}: cannot be read ({error.strerror or error})") from error

    # -- JSON lines -----------------------------------------------------------------------------------------------

    def _jsonl(self) -> Iterator[Row | BadRow]:
        with self.file() as file:
            number = 0
            while line := file.readline(LONGEST_ROW + 1):
                number += 1
                place = str(number)
                if len(line) > LONGEST_ROW:
                    size = len(line) + _skip_line(file, line)
                    yield BadRow.of(place, f"the line has {size:,} bytes; at most {LONGEST_ROW:,} are taken")
                    continue
                if number == 1:
                    line = line.removeprefix(_BOM)
                line = line.strip(b" \t\r\n")
                if line:
                    yield _json_row(place, line)

    # -- CSV ------------------------------------------------------------------------------------------------------

    def _csv(self) -> Iterator[Row | BadRow]:
        csv.field_size_limit(max(csv.field_size_limit(), LONGEST_ROW))  # of the whole process; there is no other
        with self.file() as file:
            lines = _CsvLines(file)
            reader = csv.reader(lines, delimiter=lines.delimiter(), strict=True)
            header = self._header(reader, lines)
            while True:
                place = str(lines.number + 1)
                try:
                    cells = next(reader, None)
                except csv.Error as error:
                    yield self._not_csv(int(place), lines, error)
                    continue
                if cells is None:
                    return
                if cells:
                    yield _csv_row(place, header, cells)

    def _not_csv(self, place: int, lines: _CsvLines, error: csv.Error) -> BadRow:
        """What is wrong with a row.

        Raises:
            ConfigurationError: it takes all that follows with it, which nobody can tell from it.
        """
        if not lines.ended:
            return BadRow.of(str(place), f"this is not CSV: {lines.explain(place, error)}")
        words = "a quote that opens in this row is never closed"
        if lines.number > place:
            raise ConfigurationError(
                f"{self.name}:{place}: {words}, so that the {lines.number - place:,} line(s) after it cannot be told "
                "from it; close it"
            ) from error
        return BadRow.of(str(place), words)

    def _header(self, reader: Any, lines: _CsvLines) -> list[str]:
        try:
            header: list[str] = next(reader, [])
        except csv.Error as error:
            words = lines.explain(1, error)
            raise ConfigurationError(f"{self.name}:1: the header is not CSV: {words}") from error
        if not header:
            raise ConfigurationError(f"{self.name}: there is no header; the first line names the columns")
        doubled = {name for name in header if header.count(name) > 1}
        if doubled:
            raise ConfigurationError(f"{self.name}:1: columns of the same name: {sorted(doubled)}; rename one")
        return header

    # -- Parquet --------------------------------------------------------------------------------------------------

    def _parquet(self) -> Iterator[Row | BadRow]:
        library = _parquet_library()
        import pyarrow

        number = 0
        with self.file() as file:
            try:
                table = library.ParquetFile(file)
                for batch in table.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
                    for row in batch.to_pylist():
                        number += 1
                        yield _parquet_row(str(number), row)
            except pyarrow.ArrowException as error:
                after = f" after row {number}" if number else ""
                raise ConfigurationError(
                    f"{self.name}: this is not Parquet, or it is damaged{after} ({str(error)[:200]})"
                ) from error

    # -- a folder -------------------------------------------------------------------------------------------------

    def _folder(self) -> Iterator[Row | BadRow]:
        self.unread = 0
        for folder, folders, names in os.walk(self.path, onerror=_raise):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                path = Path(folder, name)
                if name.startswith(".") or path.suffix.lower() not in _TEXTS or not path.is_file():
                    self.unread += not name.startswith(".")
                    continue
                yield _text_row(path, path.relative_to(self.path).as_posix())


def _raise(error: OSError) -> None:
    raise error


def _skip_line(file: BinaryIO, read: bytes) -> int:
    """Read on to the end of a line without keeping it; returns how many bytes that were."""
    skipped = 0
    while read and not read.endswith(b"\n"):
        read = file.readline(2**20)
        skipped += len(read)
    return skipped


def parsed(text: str | bytes) -> Any:
    """JSON, strictly: no NaN, no lone surrogates, UTF-8 only, nesting up to 200.

    Raises:
        ValueError: it is none; the text says where.
    """
    return from_json(text, allow_inf_nan=False, cache_strings="keys")


def _json_row(place: str, line: bytes) -> Row | BadRow:
    try:
        fields = parsed(line)
    except ValueError as error:
        if b"\0" in line:
            return BadRow.of(place, "the line holds NUL bytes; was the file written to its end?")
        try:
            line.decode()
        except UnicodeDecodeError as wrong:
            byte = line[wrong.start]
            return BadRow.of(place, f"the line is not UTF-8 (byte {wrong.start} is {byte:#04x}); convert the file")
        return BadRow.of(place, f"this is not JSON: {str(error).replace(' at line 1', ' at')}")
    if not isinstance(fields, dict):
        kind = {list: "an array", str: "a string", type(None): "null"}.get(type(fields), "a number or the like")
        return BadRow.of(place, f"this is {kind}; one object on each line is expected")
    return Row(place, fields)


class _CsvLines:
    """Lines for the csv module. One that is too long is an error of its row, and the next one can be read.

    Attributes:
        number: of the last line, from 1.
        ended: there are no more.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._first: str | None = None
        self._last = ""
        self.number = 0
        self.ended = False

    def explain(self, place: int, error: csv.Error) -> str:
        """What went wrong in the row that begins at a line, in words of ours where those of the module mislead."""
        if self.ended:
            return "a quote is never closed"
        if "\r" in self._last.rstrip("\r\n"):
            return "lines end with carriage returns alone; save the file with line feeds"
        return f"{error}" + (f" on line {self.number}; is a quote not closed?" if self.number > place else "")

    def delimiter(self) -> str:
        """What the header separates its names with: a comma, or else a semicolon or a tab."""
        self._first = next(self, "").removeprefix("\ufeff")
        self.number, self.ended = 0, False
        return next((mark for mark in ",;\t" if mark in self._first), ",")

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        if self._first is not None:
            first, self._first = self._first, None
            if first:
                self.number += 1
                return first
        line = self._file.readline(LONGEST_ROW + 1)
        if not line:
            self.ended = True
            raise StopIteration
        self.number += 1
        if len(line) > LONGEST_ROW:
            _skip_line(self._file, line)
            raise csv.Error(f"the line has more than {LONGEST_ROW:,} bytes")
        # Bytes that are not UTF-8 are found again in the cells, and spoil their own row only.
        self._last = line.decode("utf-8", "surrogateescape")
        return self._last


def _csv_row(place: str, header: list[str], cells: list[str]) -> Row | BadRow:
    if len(cells) != len(header):
        return BadRow.of(place, f"the row has {len(cells)} cells, the header names {len(header)}")
    for name, cell in zip(header, cells, strict=True):
        if "\0" in cell:
            return BadRow.of(place, f"{name}: the cell holds NUL bytes; was the file written to its end?")
        if not cell.isascii() and any("\udc80" <= c <= "\udcff" for c in cell):
            return BadRow.of(place, f"{name}: the cell is not UTF-8; convert the file")
    return Row(place, dict(zip(header, cells, strict=True)), flat=True)


def _parquet_library() -> Any:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependencyError("Parquet needs pyarrow: pip install 'continuum-llm[parquet]'") from error
    return pyarrow.parquet


def _parquet_row(place: str, fields: dict[str, Any]) -> Row | BadRow:
    try:
        return Row(place, {name: _plain(value) for name, value in fields.items()})
    except TypeError as error:
        return BadRow.of(place, str(error))


def _plain(value: Any) -> Any:
    """A Parquet value as JSON knows it. What is null in a struct was not there: Parquet fills up what is missing."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if type(value).__name__ == "Decimal":
        return str(value)
    raise TypeError(f"a value of type {type(value).__name__} cannot be drafted from; make it text")


def _text_row(path: Path, place: str) -> Row | BadRow:
    with path.open("rb") as file:
        data = file.read(LONGEST_ROW + 1)
    if len(data) > LONGEST_ROW:
        return BadRow.of(place, f"the file has more than {LONGEST_ROW:,} bytes")
    try:
        text = data.removeprefix(_BOM).decode()
        place.encode()
    except UnicodeDecodeError as error:
        return BadRow.of(place, f"the file is not UTF-8 (byte {error.start} is {data[error.start]:#04x}); convert it")
    except UnicodeEncodeError:
        return BadRow.of(ascii(place), "the name of the file is not UTF-8; rename it")
    if "\0" in text:
        return BadRow.of(place, "the file holds NUL bytes; is it a text?")
    fields = {"id": Path(place).with_suffix("").as_posix(), "prompt": text, "path": place}
    return Row(place, fields, aside=("path",))
