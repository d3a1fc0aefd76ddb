"""Concurrency that finds its own level, in virtual time against servers that can do so much and no more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
import trio.testing

from continuum._core.errors import ConfigurationError
from continuum._core.types import Usage
from continuum._runtime import Runtime
from continuum.batch.pacing import Lane, Limits
from continuum.batch.slots import Slots

TRIO = Runtime(clock=lambda: trio.current_time(), asleep=trio.sleep)
TOKENS = 400


@dataclass
class Server:
    """Writes replies of 400 tokens, each in two seconds while there are up to `room` of them; more share its speed.

    Attributes:
        room: replies at once that do not slow each other down.
        limits: of requests, if it has any.
        seconds: how long it is asked.
        levels: how many documents were drafted at once, at the end of each reply, and when.
        replies: in all.
    """

    room: float = float("inf")
    limits: Limits | None = None
    seconds: float = 120.0
    levels: list[tuple[float, int]] = field(default_factory=list)
    replies: int = 0
    busy: int = 0

    def run(self) -> Server:
        trio.run(self._main, clock=trio.testing.MockClock(autojump_threshold=0))
        return self

    def level(self, after: float) -> float:
        """The mean level from some second on."""
        found = [level for at, level in self.levels if at >= after]
        return sum(found) / len(found)

    async def _main(self) -> None:
        slots, lane = Slots("auto"), Lane(self.limits, TRIO)
        self.began = trio.current_time()
        with trio.move_on_after(self.seconds):
            async with trio.open_nursery() as nursery:
                while True:
                    await slots.acquire()
                    nursery.start_soon(self._document, slots, lane)

    async def _document(self, slots: Slots, lane: Lane) -> None:
        for _ in range(4):
            place = await lane.reserve(input_tokens=10, output_tokens=TOKENS)
            sent = trio.current_time()
            self.busy += 1
            lane.observe(place, None)
            left = 2.0
            while left > 1e-9:  # looked at anew ten times a reply: the others come and go
                step = min(left, 0.2)
                await trio.sleep(step * max(self.busy / self.room, 1.0))
                left -= step
            self.busy -= 1
            lane.settle(place, Usage(10, TOKENS))
            self.replies += 1
            slots.replied(TOKENS, trio.current_time() - sent, lane.state().limited)
            self.levels.append((trio.current_time() - self.began, slots.limit))
        slots.release()


def test_a_server_without_limits_gets_as_many_as_there_may_be() -> None:
    server = Server(seconds=60).run()
    assert server.level(after=40) == 512


@pytest.mark.parametrize("room", [20, 80])
def test_a_server_that_slows_down_is_kept_busy_and_not_flooded(room: int) -> None:
    """Its whole speed is used, and a reply takes hardly more than twice the time that it takes alone."""
    server = Server(room=room).run()
    assert 0.8 * room <= server.level(after=60) <= 2.5 * room
    assert server.replies >= 0.9 * server.seconds * room / 2.0


def test_a_rate_limit_is_used_with_as_few_documents_as_it_takes() -> None:
    """Ten requests a second, two seconds each: twenty at once are enough, and hundreds would only wait."""
    server = Server(limits=Limits(requests_per_minute=600)).run()
    assert 18 <= server.level(after=60) <= 60
    assert server.replies >= 0.95 * server.seconds * 10


@pytest.mark.parametrize("value", [0, -3, 2.5, True, "many", None])
def test_what_is_no_number_of_documents(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"concurrency={value!r}"):
        Slots(value)
