"""Where the command line puts a text: stdout, or a file that gets its name when it is complete."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from continuum import _terminal
from continuum._core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from continuum._core.types import Result


class OutputError(Exception):
    """The text cannot be written where it should go; `__cause__` says why."""


class ReaderGoneError(OutputError):
    """Whoever read stdout has closed it."""


class Sink(Protocol):
    """Where the text goes."""

    place: str
    """Where it is, for people; empty for stdout."""

    def write(self, text: str) -> None:
        """Take more text. Raises OutputError."""

    def finish(self, result: Result) -> None:
        """No more text comes. Raises OutputError."""


class Screen:
    """The text goes to stdout, at once."""

    place = ""

    def __init__(self) -> None:
        self.terminal = _terminal.is_terminal(sys.stdout)
        self._open_line = False

    def write(self, text: str) -> None:
        """Write and flush; control characters are made harmless on a terminal only."""
        if not text:
            return
        self._open_line = not text.endswith("\n")
        try:
            sys.stdout.write(_terminal.harmless(text) if self.terminal else text)
            sys.stdout.flush()
        except BrokenPipeError as error:
            raise ReaderGoneError from error
        except OSError as error:
            _terminal.discard(sys.stdout)
            raise OutputError(f"stdout: {error.strerror or error}") from error

    def finish(self, result: Result) -> None:
        """End the line, on a terminal only: what is piped stays as the model wrote it."""
        if self.terminal and self._open_line:
            self.write("\n")


class Nowhere:
    """The text is not shown while it comes."""

    place = ""

    def write(self, text: str) -> None:
        """Nothing to do."""

    def finish(self, result: Result) -> None:
        """Nothing to do."""


class File:
    """The text goes to FILE.partial as it comes, and becomes FILE when it is complete.

    A device or a pipe is written to directly.

    Raises:
        ConfigurationError: it cannot be written there.
    """

    def __init__(self, path: Path) -> None:
        target = Path(os.path.realpath(path))
        self.place = str(path)
        self._target = target
        self._direct = target.exists() and not target.is_file()
        self._partial = target if self._direct else target.with_name(f"{target.name}.partial")
        try:
            if target.is_dir():
                raise IsADirectoryError("it is a directory")
            if target.exists() and not os.access(target, os.W_OK):
                raise PermissionError("it is not writable")
            if not self._direct:
                _keep_older(self._partial)
            self._file = self._partial.open("w", encoding="utf-8", errors="backslashreplace", newline="")
        except OSError as error:
            raise ConfigurationError(
                f"--output={self.place!r}: cannot write there ({error.strerror or error}); choose another file"
            ) from error

    def write(self, text: str) -> None:
        """Write and flush, so that others can follow."""
        try:
            self._file.write(text)
            self._file.flush()
        except OSError as error:
            with contextlib.suppress(OSError):  # what could not be written cannot be written on closing either
                self._file.close()
            raise OutputError(f"{self._partial}: {error.strerror or error}") from error

    def finish(self, result: Result) -> None:
        """Give a complete text its name; leave an incomplete one where it is."""
        try:
            if not self._direct:
                os.fsync(self._file.fileno())
            self._file.close()
            if self._direct:
                return
            if not result.complete:
                self.place = f"{self.place}.partial"
                if not self._partial.stat().st_size:
                    self._partial.unlink()
                    self.place = ""
                return
            if self._target.exists():
                shutil.copymode(self._target, self._partial)
            self._partial.replace(self._target)
        except OSError as error:
            raise OutputError(f"{self._target}: {error.strerror or error}") from error


def _keep_older(partial: Path) -> None:
    """Move an older unfinished text out of the way: it was paid for."""
    if not partial.is_file() or not partial.stat().st_size:
        return
    number = 1
    while (other := partial.with_name(f"{partial.name}.{number}")).exists():
        number += 1
    partial.rename(other)


class Interrupts:
    """Makes SIGINT and SIGTERM a KeyboardInterrupt, but not in the middle of a write; a second one always is.

    Attributes:
        number: the signal that came, None if none did.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._held = self._due = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """A block that the first signal does not break; it is raised at the end of the block."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            if self._due:
                self._due = False
                raise KeyboardInterrupt

    def _receive(self, number: int, _: FrameType | None) -> None:
        first, self.number = self.number is None, number
        if self._held and first:
            self._due = True
            return
        raise KeyboardInterrupt
