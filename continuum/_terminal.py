"""What the command line shows: UTF-8 streams, words for the end of a run, the live status line, and no keys."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import TextIO

    from continuum._core.types import Reason, Result, Seam

WORDS: Final[dict[Reason, str]] = {
    "finished": "complete",
    "unclosed": "the model stopped, but a fence, JSON or a sentence is still open",
    "invalid": "the answer is not of the type that was asked for",
    "no_progress": "the model added nothing more",
    "repetition": "the model repeated itself without end; the repetition was stopped",
    "reasoning_exhausted": "the cap went into reasoning and left no room for text; raise --max-tokens",
    "tool_call_cut": "a tool call was cut",
    "refused": "the model or a filter refused",
    "context_window": "the context window is full",
    "unknown_finish": "the provider ended with a finish reason that is not known",
    "max_rounds": "the limit of rounds is reached; see --max-rounds",
    "max_output_tokens": "the limit of output tokens is reached; see --max-output-tokens",
    "max_cost": "the limit of cost is reached; see --max-cost",
    "deadline": "the time is up; see --deadline",
    "max_interruptions": "the connection broke off too often",
    "retries_exhausted": "the provider failed again and again",
    "rate_limited": "the provider limits the rate, and no wait is left",
    "quota": "the account has no quota or credit left",
    "rejected": "the provider rejected the request",
    "failed": "the provider failed",
    "cancelled": "interrupted",
    "running": "not finished",
}
"""A few words for every reason why a run ends."""

_CONTROLS: Final = {
    code: 0x2400 + code if code < 0x20 else 0x2421 if code == 0x7F else 0xFFFD
    for code in (*range(0x20), *range(0x7F, 0xA0))
    if chr(code) not in "\n\t\r"
}
_SHORTEST_SECRET = 6
_SECRET_VARIABLES = ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")


# -- streams ----------------------------------------------------------------------------------------------------------


def use_utf8(*streams: Any) -> None:
    """Make text streams write UTF-8, whatever the locale says.

    A lone surrogate, which no encoding can hold, is written as `\\udXXX`: that is also its escape in JSON.
    """
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def is_terminal(stream: Any) -> bool:
    """Whether a stream is a terminal; a closed or missing one is not."""
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


def harmless(text: str) -> str:
    """The text with control characters shown as pictures, so that a model cannot drive the terminal."""
    return text.translate(_CONTROLS)


def discard(stream: TextIO) -> None:
    """Send what is still buffered for a closed pipe nowhere, so that the interpreter can end without a message."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def settle(stream: TextIO | None) -> None:
    """Write what is still buffered for notes, or drop it: the interpreter makes a failure to do so its exit code."""
    if stream is None:
        return
    try:
        stream.flush()
    except (OSError, ValueError):
        discard(stream)


# -- keys -------------------------------------------------------------------------------------------------------------


def secrets(environment: Mapping[str, str] | None = None) -> list[str]:
    """The values that must never be shown: the keys in the environment."""
    values = os.environ if environment is None else environment
    found = [values.get(name, "").strip() for name in _SECRET_VARIABLES]
    return [value for value in found if len(value) >= _SHORTEST_SECRET]


def redact(text: str, hidden: Iterable[str]) -> str:
    """The text without the secrets."""
    for secret in hidden:
        text = text.replace(secret, "[key]")
    return text


# -- the account ------------------------------------------------------------------------------------------------------


def joins(seams: Sequence[Seam]) -> list[Seam]:
    """The seams at which text was joined."""
    return [seam for seam in seams if seam.kind != "nothing_new"]


def count(number: int, word: str) -> str:
    """`1 round`, `1,200 rounds`."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def joins_words(seams: Sequence[Seam]) -> str:
    """`3 joins (1 ambiguous)`."""
    made = joins(seams)
    doubtful = sum(seam.ambiguous for seam in made)
    return count(len(made), "join") + (f" ({doubtful} ambiguous)" if doubtful else "")


def money(cost: float | None) -> str:
    """US dollars, or that the price is not known."""
    return "cost unknown" if cost is None else f"${cost:.4f}"


def account(result: Result) -> str:
    """One line about a run: rounds, joins, tokens, cost, characters."""
    usage = result.usage
    about = "about " if usage.estimated else ""
    parts = (
        count(result.rounds, "round"),
        joins_words(result.seams),
        f"{about}{usage.input_tokens:,} tokens in, {usage.output_tokens:,} out",
        money(result.cost),
        count(len(result.text), "character"),
    )
    return " · ".join(parts)


# -- the live line ----------------------------------------------------------------------------------------------------


class StatusLine:
    """One line on a terminal that says where a run stands, redrawn in place.

    Where the text itself goes to the same terminal, the line stands below the text, and the cursor goes back to the
    end of the text each time. That needs its column, so the line is left out while the column is not certain.

    Args:
        stream: where to draw; nothing is ever drawn if it is not a terminal that understands cursor movements.
        shares: the text goes to the same terminal.
        clock: seconds, for the pace of drawing.
    """

    _PAUSE = 0.1

    def __init__(self, stream: TextIO, *, shares: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._shares = shares
        self._clock = clock
        self._enabled = is_terminal(stream) and os.environ.get("TERM", "") not in ("dumb", "") and os.name != "nt"
        self._last = -self._PAUSE
        self._words = ""
        self._drawn = False
        self._column: int | None = 0

    @property
    def enabled(self) -> bool:
        """Whether anything can be drawn."""
        return self._enabled

    def hide(self) -> None:
        """Take the line away; the cursor is at the end of the text then."""
        if self._drawn:
            self._drawn = False
            self._write("\x1b[J" if self._shares else "\r\x1b[J")

    def make_way(self) -> None:
        """Text is about to be written: take the line away if it is in its way."""
        if self._shares:
            self.hide()

    def wrote(self, text: str) -> None:
        """Follow the cursor: this text has just been written to the shared terminal."""
        if self._enabled and self._shares:
            self._column = _column_after(self._column, text)

    def show(self, words: str, *, now: bool = False) -> None:
        """Draw the line. New words are taken ten times a second at most unless `now`; in between it only comes back."""
        if not self._enabled:
            return
        if now or self._clock() - self._last >= self._PAUSE:
            self._words, self._last = words, self._clock()
        elif self._drawn:
            return
        width = shutil.get_terminal_size().columns
        column = self._column
        # At the right margin a cursor that moves away and back is one place off.
        if column is None or (column and column % width == 0):
            return
        self._drawn = True
        line = f"\x1b[2m{self._words[: width - 1]}\x1b[0m"
        if column == 0:
            self._write(f"\r\x1b[J{line}\r")
        else:
            self._write(f"\x1b[J\n{line}\x1b[1A\x1b[{column % width + 1}G")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()


def _column_after(column: int | None, text: str) -> int | None:
    """The cells since the last line break, None where terminals disagree about the width of a character."""
    before, newline, rest = text.rpartition("\n")
    if newline:
        column = 0
    elif before:
        rest = text
    if column is None or "\t" in rest or "\r" in rest:
        return None
    if rest.isascii():
        return column + len(rest)
    from rich.cells import cell_len

    # Latin, Greek, Cyrillic, general punctuation, CJK: everybody agrees. Emoji, joiners and marks: nobody does.
    certain = all(c < "\u0300" or "\u0370" <= c < "\u0530" or "\u2010" <= c < "\u2028" or _is_cjk(c) for c in rest)
    return column + cell_len(rest) if certain else None


def _is_cjk(c: str) -> bool:
    return "\u3000" <= c < "\u302a" or "\u3041" <= c < "\u3097" or "\u30a0" <= c < "\ua000" or "\uac00" <= c < "\ud7a4"


class _Notes:
    """A stream for what a run can do without: that nobody reads it, or that its disk is full, is no reason to end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, if that can be done."""
        with contextlib.suppress(OSError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, if that can be done."""
        with contextlib.suppress(OSError):
            self._stream.flush()


def notes() -> TextIO:
    """stderr, for what a run can do without."""
    return cast("TextIO", _Notes(sys.stderr))


def error_console() -> Any:
    """A rich console on stderr that survives a closed pipe, and a full disk."""
    from rich.console import Console

    return Console(file=notes(), highlight=False, soft_wrap=True, emoji=False)
