"""A clock that only moves when told to, for tests of waits, deadlines and retries."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from continuum._runtime import Runtime


class FakeClock:
    """A monotonic clock whose sleeps return at once and move the time.

    Pass `clock.time`, `clock.sleep` and `clock.asleep` wherever a clock and a sleep are arguments.

    Args:
        start: the first reading, in seconds.

    Attributes:
        sleeps: every sleep that was asked for, in seconds, in order.
    """

    def __init__(self, start: float = 1000.0) -> None:
        self._now = start
        self.sleeps: list[float] = []

    def time(self) -> float:
        """The time in seconds since an arbitrary moment."""
        return self._now

    @property
    def runtime(self) -> Runtime:
        """What to pass as `runtime=` to `continuum.complete()`, `wrap()` and the others: this clock, and no jitter."""
        from continuum._runtime import Runtime

        return Runtime(clock=self.time, sleep=self.sleep, asleep=self.asleep, random=lambda: 0.0)

    def advance(self, seconds: float) -> None:
        """Moves the time forward without a sleep.

        Raises:
            ValueError: `seconds` is negative; a monotonic clock does not go back.
        """
        if seconds < 0:
            raise ValueError(f"a monotonic clock cannot move by {seconds!r} seconds; give a number of 0 or more")
        self._now += seconds

    def sleep(self, seconds: float) -> None:
        """Stands in for `time.sleep`: notes the wish, moves the time, returns at once."""
        self.advance(seconds)
        self.sleeps.append(seconds)

    async def asleep(self, seconds: float) -> None:
        """Stands in for `anyio.sleep`: as `sleep`, and lets other tasks run once (so it can be cancelled)."""
        import anyio.lowlevel

        self.sleep(seconds)
        await anyio.lowlevel.checkpoint()
