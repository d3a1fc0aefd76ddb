"""How a batch is going: a live view on a terminal, a line now and then where there is none."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final

from continuum import _terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from continuum._core.types import Usage
    from continuum.batch.job import JobResult
    from continuum.batch.pacing import LaneState
    from continuum.batch.progress import Status

_WINDOW: Final = 20.0  # seconds over which tokens per second are told
_DONE: Final = ("complete", "incomplete", "failed")
_CHARACTERS: Final = 4  # of a token, roughly
_FRAME: Final = 0.25  # seconds between two drawings
_ENOUGH: Final = 3  # finished documents from which on a forecast is more than a guess


class Board:
    """Follows a batch (see `continuum.batch.progress.Progress`) and shows it. No text of a document is ever shown.

    Args:
        console: on stderr.
        hidden: what must never be shown.
        title: what is drafted.
        max_cost: of the whole batch, for the view.
        quiet: show nothing.
        every: seconds between two lines where stderr is no terminal.
        clock: seconds.
    """

    def __init__(
        self,
        console: Any,
        hidden: Iterable[str],
        *,
        title: str = "",
        max_cost: float | None = None,
        quiet: bool = False,
        every: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console, self._hidden = console, list(hidden)
        self._title, self._max_cost = title, max_cost
        self.total = 0
        """Documents in the batch."""
        self._every, self._clock = every, clock
        self._shows = not quiet
        import anyio

        self.begun = anyio.Event()
        """Set when the journal is open."""
        self._status: Callable[[], Status] | None = None
        self._documents: Counter[str] = Counter()
        self._rounds = self._unpriced = self._tokens_in = self._tokens_out = 0
        self._spent = 0.0
        self._recent: deque[tuple[float, float]] = deque()  # tokens that came, and when
        self._streams = False
        self._finished = 0
        self._began = clock()
        self._waits: tuple[float, str] = (0.0, "")
        self._stopping = ""

    # -- what the batch tells -------------------------------------------------------------------------------------

    def started(self, status: Callable[[], Status]) -> None:
        """The journal is open; what earlier runs did counts."""
        kept = status().summary
        self._documents.update({state: kept.documents.get(state, 0) for state in _DONE})
        self._rounds, self._unpriced, self._spent = kept.rounds, kept.unpriced, kept.cost
        self._tokens_in, self._tokens_out = kept.input_tokens, kept.output_tokens
        self._began = self._clock()
        self._status = status
        self.begun.set()

    def taken(self, id: str, number: int, rounds: int) -> None:
        """Nothing to show."""

    def text(self, id: str, characters: int) -> None:
        """Text arrives: the pace is told by it."""
        self._streams = True
        self._recent.append((self._clock(), characters / _CHARACTERS))

    def round(self, id: str, number: int, usage: Usage | None, cost: float | None, seconds: float) -> None:
        """Count it, if it brought anything."""
        if usage is None:
            return
        self._rounds += 1
        self._tokens_in += usage.input_tokens
        self._tokens_out += usage.output_tokens
        self._spent += cost or 0.0
        self._unpriced += cost is None
        if not self._streams:
            self._recent.append((self._clock(), usage.output_tokens))

    def waiting(self, id: str, seconds: float, reason: str) -> None:
        """Remember the longest wait of the moment."""
        end = self._clock() + seconds
        if end > self._waits[0]:
            self._waits = (end, reason)

    def finished(self, number: int, result: JobResult) -> None:
        """Count it."""
        self._finished += 1
        self._documents[result.status] += 1

    def stopping(self, reason: str, message: str) -> None:
        """Say so at once."""
        self._stopping = message or reason
        if self._shows:
            self.say(f"stopping: {self._stopping}", "yellow")

    def ended(self, status: Status) -> None:
        """Take the view away: the closing line comes from the command."""
        self._status = None

    # -- what is shown --------------------------------------------------------------------------------------------

    def say(self, words: str, style: str = "") -> None:
        """A line that stays, above the live view if there is one."""
        self._console.print(_terminal.redact(_terminal.harmless(words), self._hidden), style=style, markup=False)

    async def watch(self) -> None:
        """Show how it goes, until cancelled."""
        import anyio

        if not self._shows:
            return
        if not self._is_lively():
            while True:
                await anyio.sleep(self._every)
                if self._status is not None:
                    self.say(f"{time.strftime('%H:%M:%S')} {self.line(self._status())}")
        from rich.live import Live

        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            while True:
                live.update(self.view(self._status()) if self._status is not None else "", refresh=True)
                await anyio.sleep(_FRAME)

    def _is_lively(self) -> bool:
        return bool(self._console.is_terminal) and os.environ.get("TERM", "") not in ("dumb", "")

    def line(self, status: Status) -> str:
        """Where it stands, in one line."""
        return " · ".join(part for part in self._parts(status) if part)

    def _follow(self, status: Status) -> None:
        """Where workers of other processes draft, what the journal has is all that is told of rounds."""
        kept = status.summary
        if kept.rounds > self._rounds:
            self._recent.append((self._clock(), kept.output_tokens - self._tokens_out))
            self._rounds, self._unpriced, self._spent = kept.rounds, kept.unpriced, kept.cost
            self._tokens_in, self._tokens_out = kept.input_tokens, kept.output_tokens

    def _parts(self, status: Status) -> list[str]:
        self._follow(status)
        return [
            self._documents_words(status),
            self._rounds_words(),
            self._cost_words(status),
            self._lanes_words(status),
            f"stopping: {self._stopping}" if self._stopping else self._time_words(status),
        ]

    def view(self, status: Status) -> Any:
        """Where it stands, in a few lines that fit any width."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        done = self._done()
        head = Table.grid(expand=True, padding=(0, 1))
        head.add_column(no_wrap=True, overflow="ellipsis", ratio=2)
        head.add_column(ratio=3)
        head.add_column(no_wrap=True, justify="right")
        share = f"{100 * done / self.total:.0f} %" if self.total else ""
        head.add_row(Text(self._title), ProgressBar(max(self.total, 1), done), Text(share))
        lines = [_terminal.redact(_terminal.harmless(line), self._hidden) for line in self._parts(status) if line]
        return Group(head, *(Text(line, no_wrap=True, overflow="ellipsis", style="dim") for line in lines))

    # -- its parts ------------------------------------------------------------------------------------------------

    def _done(self) -> int:
        return sum(self._documents[state] for state in _DONE)

    def _documents_words(self, status: Status) -> str:
        parts = [f"{self._done():,}/{self.total:,} documents"]
        parts += [f"{self._documents[state]:,} {state}" for state in _DONE[1:] if self._documents[state]]
        parts.append(f"{status.in_flight:,} in flight (aim {status.concurrency:,})")
        return ", ".join(parts)

    def _rounds_words(self) -> str:
        now = self._clock()
        while self._recent and self._recent[0][0] < now - _WINDOW:
            self._recent.popleft()
        pace = sum(tokens for _, tokens in self._recent) / max(min(now - self._began, _WINDOW), 1.0)
        written = f"{brief(self._tokens_out)} tokens out, {brief(self._tokens_in)} in"
        return f"{_terminal.count(self._rounds, 'round')} · {written} · {brief(pace)} tokens/s"

    def _cost_words(self, status: Status) -> str:
        if self._rounds and self._unpriced >= self._rounds:
            return "cost unknown"
        words = dollars(self._spent)
        if self._unpriced:
            words += f" and {_terminal.count(self._unpriced, 'round')} of unknown price"
        done = self._done()
        if _ENOUGH <= done < self.total:
            # Documents in flight are half done, on the average.
            whole = self._spent * self.total / (done + status.in_flight / 2)
            words += f", about {dollars(max(whole, self._spent))} at the end"
        return words + (f" (at most {dollars(self._max_cost)})" if self._max_cost is not None else "")

    def _lanes_words(self, status: Status) -> str:
        parts = [part for key, lane in status.lanes.items() if (part := _lane_words(key[-1], lane))]
        parts += [status.carried] if status.carried else []
        left = self._waits[0] - self._clock()
        if left >= 1 and not any("paused" in part for part in parts):
            parts.append(f"waiting {left:.0f} s ({self._waits[1]})")
        return " · ".join(parts)

    def _time_words(self, status: Status) -> str:
        if self._finished < _ENOUGH:
            return f"{duration(status.seconds)} so far"
        left = self.total - self._done() - status.in_flight / 2
        seconds = max(left, 0) * status.seconds / (self._finished + status.in_flight / 2)
        return f"{duration(status.seconds)} so far, about {duration(seconds)} left"


def _lane_words(model: str, lane: LaneState) -> str:
    """The state of a provider's limits, if there is anything to tell."""
    known = {"requests": "requests", "tokens": "tokens", "input_tokens": "tokens in", "output_tokens": "tokens out"}
    parts = [f"{brief(rate)} {known.get(name, name)}/min" for name, rate in lane.per_minute.items()]
    if lane.paused >= 0.5:
        parts.insert(0, f"paused {lane.paused:.0f} s")
    if lane.queued:
        parts.append(f"{lane.queued:,} queued")
    if lane.refused:
        parts.append(f"{lane.refused:,} of {lane.requests:,} requests refused")
    return f"{model}: {', '.join(parts)}" if parts else ""


def brief(number: float) -> str:
    """`950`, `12.3k`, `4.56M`."""
    if number < 1e4:
        return f"{number:,.0f}"
    rounded = float(f"{number:.3g}")  # first: it may be a thousand of one unit, and so one of the next
    size, letter = next((unit for unit in ((1e12, "T"), (1e9, "G"), (1e6, "M")) if rounded >= unit[0]), (1e3, "k"))
    return f"{rounded / size:.3g}{letter}"


def dollars(amount: float) -> str:
    """US dollars, with as many places as they are worth."""
    return f"${amount:,.2f}" if amount >= 10 else f"${amount:.4f}"


def duration(seconds: float) -> str:
    """`42 s`, `12:05`, `3:12:05`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
