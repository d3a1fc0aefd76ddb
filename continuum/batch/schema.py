"""The tables of the SQLite journal, their versions, and what SQLite's errors mean for whoever reads them."""

from __future__ import annotations

import errno
import sqlite3
from typing import TYPE_CHECKING, Final

from continuum._core.errors import JournalError

if TYPE_CHECKING:
    from pathlib import Path

APPLICATION_ID: Final = 0x636F6E74  # "cont": tells a journal from other SQLite files
SHIFT: Final = 20  # bits of an entry's key that are its number within the document
MIGRATIONS: Final[list[str]] = [
    """
    CREATE TABLE batch (one INTEGER PRIMARY KEY CHECK (one = 1), settings TEXT NOT NULL, run INTEGER NOT NULL);
    CREATE TABLE document (
        key INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        number INTEGER NOT NULL,            -- its place in the input
        seen INTEGER NOT NULL,              -- the last run that had it in its input
        state TEXT NOT NULL DEFAULT 'pending',
        epoch INTEGER NOT NULL DEFAULT 0,
        entries INTEGER NOT NULL DEFAULT 0,
        rounds INTEGER NOT NULL DEFAULT 0,
        input_tokens INTEGER NOT NULL DEFAULT 0,
        output_tokens INTEGER NOT NULL DEFAULT 0,
        cost REAL NOT NULL DEFAULT 0,
        unpriced INTEGER NOT NULL DEFAULT 0,
        characters INTEGER NOT NULL DEFAULT 0,
        fingerprint TEXT NOT NULL,
        job TEXT NOT NULL
    );
    CREATE INDEX document_open ON document (entries = 0, number) WHERE state = 'pending';
    CREATE INDEX document_number ON document (number);
    -- key: that of the document times 2^20, and the number of the entry
    CREATE TABLE entry (
        key INTEGER PRIMARY KEY,
        request TEXT NOT NULL,
        elapsed REAL NOT NULL,
        cost REAL,
        keeps INTEGER NOT NULL,             -- whether trying the document again begins behind it
        void INTEGER NOT NULL DEFAULT 0,    -- set aside when the document was tried again
        checksum INTEGER NOT NULL,
        outcome TEXT NOT NULL
    );
    CREATE TABLE note (key TEXT PRIMARY KEY, value TEXT NOT NULL);
    -- the text so far of the next entry
    CREATE TABLE partial (document INTEGER PRIMARY KEY, request TEXT NOT NULL, text TEXT NOT NULL);
    CREATE TABLE result (document INTEGER PRIMARY KEY, checksum INTEGER NOT NULL, result TEXT NOT NULL);
    """,
    """
    -- entries before that number are of an earlier try
    ALTER TABLE document ADD COLUMN excused INTEGER NOT NULL DEFAULT 0;
    """,
    """
    -- the epoch in which a request of it was last sent: many are taken up together, and not all of them ask at once
    ALTER TABLE document ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;
    """,
]


def check_kind(connection: sqlite3.Connection, path: Path) -> int:
    """The version of the schema, 0 for an empty file.

    Raises:
        JournalError: it is another program's file, or a later version's.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    kind = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if kind != APPLICATION_ID and (tables or version):
        raise JournalError(f"{str(path)!r} is an SQLite file, but no journal; choose another name")
    if version > len(MIGRATIONS):
        raise JournalError(
            f"the journal {str(path)!r} has version {version}, this continuum knows versions up to "
            f"{len(MIGRATIONS)}; use the continuum that wrote it, or a later one"
        )
    return version


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the tables to the present version, one step in one transaction after the other."""
    for number, script in enumerate(MIGRATIONS, 1):
        if number > check_kind(connection, path):
            connection.executescript(
                f"BEGIN IMMEDIATE; {script}; PRAGMA application_id = {APPLICATION_ID}; "
                f"PRAGMA user_version = {number}; COMMIT;"
            )


def in_flight(connection: sqlite3.Connection) -> str:
    """The condition for a document of which a request may be on its way; also of an earlier version's journal."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    return "state = 'running' AND asked = epoch" if version >= _ASKED else "state = 'running'"


_ASKED: Final = 3  # the version that knows what has asked
_WHY: Final = {
    "SQLITE_FULL": "the disk is full; make room and start again: everything up to here is kept",
    "SQLITE_IOERR": "the disk fails; what was kept before is in the file",
    "SQLITE_READONLY": "the file or its folder cannot be written to",
    "SQLITE_CANTOPEN": "the file cannot be opened; does its folder exist, and may it be written to?",
    "SQLITE_NOTADB": "this is no SQLite file, or its head is damaged; restore it from a copy, or choose another name",
    "SQLITE_CORRUPT": "the file is damaged; restore it from a copy, or export what is whole, or else keep it and try "
    "`sqlite3 FILE .recover | sqlite3 NEW`",
    "SQLITE_BUSY": "another program holds it locked; close that program",
}


_DISK: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def disk_fails(error: Exception) -> bool:
    """Whether it is for the disk, full or failing, that a journal cannot be used: another day it can."""
    cause = error.__cause__
    if isinstance(cause, OSError):
        return cause.errno in _DISK
    return str(getattr(cause, "sqlite_errorname", "")).startswith(("SQLITE_FULL", "SQLITE_IOERR"))


def is_damaged(error: Exception) -> bool:
    """Whether SQLite found the file damaged."""
    return str(getattr(error.__cause__, "sqlite_errorname", "")).startswith("SQLITE_CORRUPT")


def explain(error: BaseException, path: Path) -> BaseException:
    """An error of SQLite as one that says what to do; any other one as it is."""
    if not isinstance(error, sqlite3.Error):
        return error
    name = getattr(error, "sqlite_errorname", None) or ""
    why = next((text for start, text in _WHY.items() if name.startswith(start)), "it cannot be used")
    found = JournalError(f"the journal {str(path)!r}: {why} ({name or type(error).__name__}: {error})")
    found.__cause__ = error
    return found
