"""What a run needs from the world besides the provider: a clock, a way to sleep, and chance."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def _asleep(seconds: float) -> None:
    import anyio

    await anyio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Runtime:
    """Clock, sleep and randomness of a run; `continuum.testing.FakeClock` makes one whose waits are instant.

    Attributes:
        clock: seconds, monotonic.
        sleep: blocks for so many seconds.
        asleep: the same for asyncio and trio.
        random: a float in [0, 1), for jitter.
    """

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    asleep: Callable[[float], Awaitable[None]] = _asleep
    random: Callable[[], float] = random.random


def doubled(first: float, times: int, longest: float) -> float:
    """Seconds of a pause that was doubled so many times: thousands of them are no rarity."""
    return min(first * 2.0 ** min(times, 1000), longest)
