"""What a command prints goes to stdout; a reader that went away or a full disk is told at the end, and is no defect."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from continuum import _terminal
from continuum._drafting import READER_GONE, UNWRITABLE

if TYPE_CHECKING:
    from collections.abc import Callable


def printed(work: Callable[[], int]) -> int:
    """Do work that prints, to its end.

    Returns:
        Its exit code; where that is 0, the one for what went wrong with stdout.
    """
    stdout = sys.stdout
    if stdout is None:  # closed from the beginning: nobody wants to read
        return work()
    guarded: Any = _Guarded(stdout)
    sys.stdout = guarded
    try:
        code = work()
        guarded.flush()
    finally:
        sys.stdout = stdout
    error = guarded.error
    if error is None:
        return code
    _terminal.discard(stdout)
    if isinstance(error, BrokenPipeError):
        return code or READER_GONE
    _terminal.error_console().print(
        f"error: cannot write to stdout: {error.strerror or error}", style="red", markup=False
    )
    return code or UNWRITABLE


class _Guarded:
    """A stream that remembers what went wrong and raises nothing; from then on it takes no more.

    Attributes:
        error: what went wrong; None: nothing.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Take text."""
        self._do(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Let it out."""
        self._do(self._stream.flush)

    def _do(self, action: Callable[[], object]) -> None:
        if self.error is None:
            try:
                action()
            except OSError as error:
                self.error = error
