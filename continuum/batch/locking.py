"""One process at a time: an advisory lock on a file beside the journal, which is let go when its owner dies."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from continuum._core.errors import JournalError

if TYPE_CHECKING:
    from typing import IO

_TRIES = 10


class FileLock:
    """Held from `acquire()` to `release()` or the end of the process, however it ends.

    SQLite's own locks cannot be used for this: with them nobody could look at a batch while it runs. Nor can the
    journal itself be locked: closing it a second time would drop SQLite's locks (POSIX record locks).
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        target = Path(os.path.realpath(journal))  # one lock for all names of it
        self.path = target.with_name(f"{target.name}-lock")
        self._file: IO[bytes] | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            JournalError: another process has it, or there is no writing there.
        """
        for _ in range(_TRIES):
            try:
                file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
            except OSError as error:
                raise JournalError(
                    f"the journal {str(self._journal)!r} cannot be locked: {self.path.name}: "
                    f"{error.strerror or error}; choose a folder that can be written to"
                ) from error
            try:
                _lock(file)
            except OSError as error:
                owner = _owner(file)
                file.close()
                raise JournalError(
                    f"the journal {str(self._journal)!r} is in use{owner}; wait for that run, or stop it"
                ) from error
            # The one before may have removed the file after it was opened here.
            if self._is(file):
                with contextlib.suppress(OSError):  # for people only: the lock holds on a full disk as well
                    file.truncate(0)
                    file.write(f"{os.getpid()} {socket.gethostname()}\n".encode())
                self._file = file
                return
            file.close()
        raise JournalError(f"the journal {str(self._journal)!r} cannot be locked; try again")

    def _is(self, file: IO[bytes]) -> bool:
        try:
            return os.path.samestat(os.fstat(file.fileno()), self.path.stat())
        except OSError:
            return False

    def release(self) -> None:
        """Let go; does nothing if it is not held."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                self.path.unlink()
            file.close()


def _owner(file: IO[bytes]) -> str:
    try:
        words = file.read(200).decode(errors="replace").split()
    except OSError:  # Windows locks the content as well
        return " by another process"
    return f" by process {words[0]} on {words[1]}" if len(words) == 2 else " by another process"


if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
