"""The lane in front of the provider: tried in virtual time, against the limiter of the simulated provider."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
from dataclasses import dataclass
from typing import Any

import anyio
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from continuum._core.errors import ConfigurationError
from continuum._core.types import Failure, RateLimit, Usage
from continuum._runtime import Runtime
from continuum.batch.pacing import Bucket, Lane, Lanes, Limits
from continuum.testing import RateLimitSpec
from continuum.testing.limits import LimitState, RateLimiter

TRIO = Runtime(clock=lambda: trio.current_time(), asleep=trio.sleep)
BURST_OF_TEN = RateLimitSpec(requests_per_minute=600, burst=10)


@dataclass
class Account:
    """A provider with real limits, and how a crowd of documents fared with it."""

    spec: RateLimitSpec
    documents: int = 200
    rounds: int = 8
    latency: tuple[float, float] = (0.5, 2.0)
    first_byte: float | None = 0.1  # None: the headers come with the whole reply
    cap: int = 256
    used: int = 256
    headers: bool = True
    retry_after: bool = True
    limits: Limits | None = None
    seconds: float = 0.0
    refused: int = 0

    def run(self) -> Account:
        trio.run(self._main, clock=trio.testing.MockClock(autojump_threshold=0))
        return self

    @property
    def goodput(self) -> float:
        """What was let in, of what the limits would have allowed in that time."""
        allowed = [self.seconds / (self.rounds * sum(self.latency) / 2)]
        requests = self.documents * self.rounds
        if self.spec.requests_per_minute:
            burst = self.spec.burst or self.spec.requests_per_minute
            allowed.append(self.seconds * self.spec.requests_per_minute / 60 / (requests - burst))
        if self.spec.output_tokens_per_minute:
            burst = self.spec.token_burst or self.spec.output_tokens_per_minute
            rate = self.spec.output_tokens_per_minute / 60
            allowed.append(self.seconds * rate / (requests * self.used - burst))
        return 1 / min(allowed)

    @property
    def share_refused(self) -> float:
        return self.refused / (self.documents * self.rounds + self.refused)

    async def _main(self) -> None:
        self._lane = Lane(self.limits, TRIO)
        self._limiter = RateLimiter(self.spec, trio.current_time)
        self._random = random.Random(7)
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for _ in range(self.documents):
                nursery.start_soon(self._document)
        self.seconds = trio.current_time() - began
        assert self._lane.state().in_flight == self._lane.state().queued == 0

    async def _document(self) -> None:
        for _ in range(self.rounds):
            while not await self._round():
                pass

    async def _round(self) -> bool:
        place = await self._lane.reserve(input_tokens=100, output_tokens=self.cap)
        await trio.sleep(self._random.uniform(0, 0.02))
        verdict = self._limiter.admit(self.cap)
        told = self._told(verdict.states)
        if verdict.retry_after is not None:
            self.refused += 1
            wait = math.ceil(verdict.retry_after * 10) / 10 if self.retry_after else None
            self._lane.failed(place, Failure("rate_limited", "429", 429, retry_after=wait, rate_limit=told))
            await trio.sleep(wait or 0.5)
            return False
        latency = self._random.uniform(*self.latency)
        if self.first_byte is not None:
            await trio.sleep(self.first_byte)
            self._lane.observe(place, told)
            latency -= self.first_byte
        await trio.sleep(max(latency, 0.0))
        self._limiter.settle(self.cap, self.used)
        self._lane.settle(place, Usage(100, self.used), told)
        return True

    def _told(self, states: dict[str, LimitState]) -> RateLimit | None:
        if not self.headers:
            return None
        fields: dict[str, Any] = {}
        for name, state in states.items():
            fields |= {f"limit_{name}": state.limit, f"remaining_{name}": state.remaining, f"reset_{name}": state.reset}
        return RateLimit(**fields)


@pytest.mark.parametrize(
    "account",
    [
        Account(BURST_OF_TEN),
        Account(RateLimitSpec(requests_per_minute=600)),
        Account(BURST_OF_TEN, first_byte=None),
        Account(RateLimitSpec(600, 100_000, burst=10, token_burst=4000)),
        Account(RateLimitSpec(output_tokens_per_minute=100_000, token_burst=4000), first_byte=None),
        Account(RateLimitSpec(600, 60_000, burst=10, token_burst=10_000), used=128),
        Account(BURST_OF_TEN, headers=False, limits=Limits(requests_per_minute=600)),
    ],
    ids=["burst", "full bucket", "unary", "tokens", "tokens, unary", "tokens given back", "told by the caller"],
)
def test_the_limit_is_used_and_hardly_ever_met(account: Account) -> None:
    """200 documents that start at once: at least 97 % of what the limit allows, under 0.5 % refused."""
    account.run()
    assert account.goodput >= 0.97
    assert account.share_refused < 0.005


@pytest.mark.parametrize("latency", [(0.5, 2.0), (4.0, 8.0)])
@pytest.mark.parametrize("retry_after", [True, False])
def test_without_headers_the_refusals_tell_the_rate(latency: tuple[float, float], retry_after: bool) -> None:
    """Nothing but a 429 now and then: the rate is found, at the cost of a few of them."""
    account = Account(BURST_OF_TEN, headers=False, latency=latency, retry_after=retry_after).run()
    assert account.goodput >= 0.9
    assert account.share_refused < 0.01


def test_without_limits_nothing_waits_for_long() -> None:
    """A server without limits sees all documents after a few replies."""
    account = Account(RateLimitSpec(), headers=False, latency=(4.0, 4.0)).run()
    assert account.seconds < 1.05 * 8 * 4.0


def test_first_come_first_served() -> None:
    async def main() -> list[int]:
        lane = Lane(Limits(requests_per_minute=60), TRIO)
        served: list[int] = []

        async def one(number: int) -> None:
            await trio.sleep(number / 1000)
            lane.settle(await lane.reserve(input_tokens=1, output_tokens=1), None)
            served.append(number)

        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for number in range(30):
                nursery.start_soon(one, number)
        assert 28 <= trio.current_time() - began <= 30
        return served

    clock = trio.testing.MockClock(autojump_threshold=0)
    assert trio.run(main, clock=clock) == list(range(30))


def test_a_retry_after_is_waited_out_once_and_no_herd_follows() -> None:
    """All wait for the one pause, and leave one by one at the known rate after it."""

    async def main() -> None:
        lane = Lane(Limits(requests_per_minute=600, burst=10), TRIO)
        places = [await lane.reserve(input_tokens=1, output_tokens=1) for _ in range(4)]
        start = trio.current_time()
        for place in places:
            lane.failed(place, Failure("rate_limited", "429", 429, retry_after=5.0))
        assert lane.state().paused == 5.0
        left: list[float] = []

        async def one() -> None:
            place = await lane.reserve(input_tokens=1, output_tokens=1)
            left.append(trio.current_time() - start)
            lane.settle(place, Usage(1, 1))

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(one)
        assert left[0] >= 5.0
        assert all(after - before >= 0.099 for before, after in itertools.pairwise(left))

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_an_overloaded_server_gets_half_as_much_once() -> None:
    async def main() -> None:
        lane = Lane(runtime=TRIO)
        for _ in range(40):
            place = await lane.reserve(input_tokens=1, output_tokens=1)
            lane.observe(place, None)
        before = [await lane.reserve(input_tokens=1, output_tokens=1) for _ in range(20)]
        for place in before:
            lane.failed(place, Failure("transient", "overloaded", 529))
        assert 25 <= lane.state().window <= 31
        again = lane.state().window
        lane.failed(before[0], Failure("transient", "overloaded", 529))
        assert lane.state().window == again, "it is over already"

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_who_is_cancelled_while_waiting_leaves_nothing_behind(backend: str) -> None:
    async def main() -> None:
        lane = Lane(Limits(requests_per_minute=1), Runtime())
        lane.settle(await lane.reserve(input_tokens=1, output_tokens=1), None)
        with anyio.move_on_after(0.01):
            await lane.reserve(input_tokens=1, output_tokens=1)
        state = lane.state()
        assert (state.in_flight, state.queued, state.requests) == (0, 0, 1)

    anyio.run(main, backend=backend)


def test_a_limit_of_a_day_is_told_by_its_reset() -> None:
    """`x-ratelimit-limit-requests: 10000` with `reset: 8.64s` per request is a limit of a day, not of a minute."""

    async def main() -> None:
        lane = Lane(runtime=TRIO)
        place = await lane.reserve(input_tokens=1, output_tokens=1)
        told = RateLimit(limit_requests=10_000, remaining_requests=9_900, reset_requests=864.0)
        lane.settle(place, Usage(1, 1), told)
        assert lane.state().per_minute["requests"] == pytest.approx(60 / 8.64)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_the_lanes_are_kept_apart() -> None:
    lanes = Lanes(Limits(requests_per_minute=5))
    assert lanes.lane("openai", "a") is lanes.lane("openai", "a")
    assert lanes.lane("openai", "a") is not lanes.lane("openai", "b")
    assert set(lanes.states()) == {("openai", "a"), ("openai", "b")}


@pytest.mark.parametrize("field", ["requests_per_minute", "tokens_per_minute", "burst"])
@pytest.mark.parametrize("value", [0, -1.5, float("nan")])
def test_a_limit_has_to_be_positive(field: str, value: float) -> None:
    with pytest.raises(ConfigurationError, match=f"{field}={value!r}"):
        Limits(**{field: value})


@settings(deadline=None)
@given(
    rate=st.floats(0.1, 1000),
    capacity=st.floats(1, 1000),
    steps=st.lists(st.tuples(st.floats(0, 10), st.floats(0, 50)), max_size=60),
)
def test_a_bucket_never_lets_out_more_than_flowed_in(
    rate: float, capacity: float, steps: list[tuple[float, float]]
) -> None:
    """Whoever waits as it says takes at most the capacity and what the rate brings, and one amount on top as a debt."""
    bucket, now, taken = Bucket(rate, capacity, capacity, 0.0), 0.0, 0.0
    for pause, amount in steps:
        now += pause
        bucket.fill(now)
        now += bucket.wait_for(amount)
        bucket.fill(now)
        assert bucket.wait_for(amount) <= 1e-6
        bucket.level -= amount
        taken += amount
        debt = max(amount - capacity, 0.0)
        assert taken <= capacity + rate * now + debt + 1e-3


def test_many_leave_at_once_where_many_may() -> None:
    """One turn of the event loop lets out all that the limits allow, however many wait; the order stays."""

    async def main() -> list[tuple[int, int]]:
        lane = Lane(Limits(requests_per_minute=600, burst=10), TRIO)
        for _ in range(60):  # the window has grown
            lane.settle(await lane.reserve(input_tokens=1, output_tokens=1), None)
        lane.pause(20.0)
        left: list[tuple[int, int]] = []

        async def one(number: int) -> None:
            await trio.sleep(number / 1000)
            place = await lane.reserve(input_tokens=1, output_tokens=1)
            left.append((place.number, lane.state().requests))

        async with trio.open_nursery() as nursery:
            for number in range(40):
                nursery.start_soon(one, number)
        return left

    left = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert sorted(left) == [(61 + number, 100) for number in range(40)]


def test_who_is_cancelled_with_a_place_gives_it_back() -> None:
    """The place was given, and the cancellation came before the task had run again."""

    async def main() -> None:
        lane = Lane(Limits(tokens_per_minute=6000), Runtime())
        lane.pause(0.02)

        async def one() -> None:
            await lane.reserve(input_tokens=40, output_tokens=10)
            other.cancel()  # it has its place already

        first = asyncio.create_task(one())
        await asyncio.sleep(0)
        other = asyncio.create_task(lane.reserve(input_tokens=40, output_tokens=10))
        await asyncio.wait([first, other])
        assert other.cancelled()
        state = lane.state()
        assert (state.requests, state.in_flight, state.queued) == (2, 1, 0)
        assert lane._given["tokens"].level == pytest.approx(50, abs=5)

    asyncio.run(main())
