"""The provider's rate limits, shared by all documents that ask the same model with the same key.

A `Lane` is a queue in front of the provider: first come, first served. A request reserves its place and its tokens
before it is sent, and what it did not use is given back when its reply is there. Each limit is a token bucket (the same
arithmetic as GCRA, ITU-T I.371). What is known of a bucket comes from three sources:

* the caller's own `Limits`, never exceeded;
* response headers: a header tells what the provider's bucket held when it answered, give or take the requests that
  were under way, so the own count is moved into that range and no further;
* where there are no headers, the refusals: at a 429 the provider's bucket is empty, so between two of them it let in
  what its rate is. Between refusals the rate creeps up (additive increase), at a refusal it falls back.

How many requests may be under way at once grows like the congestion window of TCP (slow start, then one more per
window; halved when the server says that it is overloaded: RFC 5681), so that thousands of documents that start together
do not meet a limit that nobody knows yet. A `Retry-After` is waited out once, by the whole lane; after it the bucket is
empty and requests leave at its rate, so that there is no herd.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from continuum._core.errors import ConfigurationError
from continuum._runtime import Runtime
from continuum.batch.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from continuum._core.types import Failure, RateLimit, Usage

DIMENSIONS: Final = ("requests", "tokens", "input_tokens", "output_tokens")

_FIRST_WINDOW = 4.0  # requests at once before the first reply has told anything
_UNTOLD = 0.8  # growth of that number per reply, where no headers tell of limits that may be near
_UNKNOWN_PAUSE = 1.0  # seconds, for a refusal that does not say how long
_FALL_BACK = 0.97  # of the rate that a provider was seen to let in
_FIRST_FALL_BACK = 0.6  # the same at the first refusal, when a full bucket is part of what was seen
_CREEP = 1e-4  # relative increase of a guessed rate per success: a refusal every few hundred requests
_SEARCH = 0.01  # the same as long as only one refusal has been seen
_TRUSTWORTHY = 20  # requests let in between two refusals, from which on they measure the rate


@dataclass(frozen=True, slots=True)
class Limits:
    """The provider's limits as the caller knows them, or a share of them that may be used.

    Attributes:
        requests_per_minute: None: learnt from the provider.
        tokens_per_minute: input and output together, as OpenAI counts.
        input_tokens_per_minute, output_tokens_per_minute: each for itself, as Anthropic counts.
        burst: seconds worth of each limit that may be used at once after a pause.

    Raises:
        ConfigurationError: a value is not positive.
    """

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    input_tokens_per_minute: float | None = None
    output_tokens_per_minute: float | None = None
    burst: float = 1.0

    def __post_init__(self) -> None:
        for name in ("burst", *(f"{dimension}_per_minute" for dimension in DIMENSIONS)):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigurationError(f"{name}={value!r}: a limit has to be positive; leave it out for none")

    def buckets(self, now: float) -> dict[str, Bucket]:
        """A full bucket for each limit that is given."""
        found = {}
        for dimension in DIMENSIONS:
            per_minute = getattr(self, f"{dimension}_per_minute")
            if per_minute is not None:
                rate = per_minute / 60
                capacity = max(rate * self.burst, 1.0)
                found[dimension] = Bucket(rate, capacity, capacity, now)
        return found


@dataclass(slots=True)
class Bucket:
    """A token bucket: `capacity` units at most, `rate` more of them per second. A level below zero is a debt."""

    rate: float
    capacity: float
    level: float
    time: float

    def fill(self, now: float) -> None:
        """Add what came in since the last look."""
        self.level = min(self.capacity, self.level + max(now - self.time, 0.0) * self.rate)
        self.time = now

    def wait_for(self, amount: float) -> float:
        """Seconds until `amount` can be taken. What is more than the bucket holds needs a full bucket only."""
        missing = min(amount, self.capacity) - self.level
        return missing / self.rate if missing > 1e-9 else 0.0


@dataclass(slots=True)
class Reservation:
    """A place in the lane, and what was reserved with it.

    Attributes:
        number: counted in the order in which places were given.
        amounts: units reserved of each dimension.
        at: when it was given, on the lane's clock.
        observed: a header or a reply has told of it.
        settled: it is over.
    """

    number: int
    amounts: Mapping[str, float]
    at: float
    observed: bool = False
    settled: bool = False


@dataclass(frozen=True, slots=True)
class LaneState:
    """Where a lane stands, for whoever watches.

    Attributes:
        in_flight: requests under way.
        queued: requests that wait for a place.
        limited: those of them that wait for one of the provider's limits; the others wait to hear of those under way.
        window: how many may be under way at once.
        paused: seconds until the lane goes on, 0.0 if it is not paused.
        per_minute: what is known of each limit.
        requests, refused: places given, and 429s among them.
    """

    in_flight: int
    queued: int
    window: int
    paused: float
    per_minute: Mapping[str, float] = field(default_factory=dict)
    requests: int = 0
    refused: int = 0
    limited: int = 0


class Pacer(Protocol):
    """Paces the requests of many documents; `Lane` does it within one process."""

    async def reserve(self, *, input_tokens: int, output_tokens: int) -> Reservation:
        """Wait for a place. `output_tokens`: the request's cap, as the provider reserves it too."""
        ...

    def observe(self, reservation: Reservation, rate_limit: RateLimit | None) -> None:
        """The reply has begun, with these headers."""
        ...

    def settle(self, reservation: Reservation, usage: Usage | None, rate_limit: RateLimit | None = None) -> None:
        """The reply is over; what was reserved and not used is given back. Also for a request that was cut off."""
        ...

    def failed(self, reservation: Reservation, failure: Failure) -> None:
        """The request failed before it brought anything."""
        ...


class Lane:
    """The queue in front of one model with one key. For one event loop; its methods are not for many threads.

    Args:
        limits: what is known beforehand; None: everything is learnt.
        runtime: clock and sleep.
    """

    def __init__(self, limits: Limits | None = None, runtime: Runtime | None = None) -> None:
        self._runtime = runtime or Runtime()
        now = self._runtime.clock()
        self._given = (limits or Limits()).buckets(now)
        self._learnt: dict[str, Bucket] = {}
        self._guessed: Bucket | None = None  # of requests, where there are no headers
        self._turns = Turns(self._wait, self._take, self._back, self._runtime.asleep)
        self._limiting = False  # whether the first in the queue waits for a limit
        self._count = 0
        self._in_flight: dict[int, Reservation] = {}
        self._began: float | None = None
        self._paused_until = now
        self._window, self._threshold = _FIRST_WINDOW, float("inf")
        self._halved_at = 0  # reservations up to this number were under way when the window was last halved
        self._refused_at = 0
        self._marker = now  # when a refusal last showed that the provider's bucket was empty
        self._let_in = self._refused = 0
        self._measured = False  # whether two refusals have measured the rate
        self._told: set[str] = set()  # dimensions that headers tell of

    # -- before a request -----------------------------------------------------------------------------------------

    async def reserve(self, *, input_tokens: int, output_tokens: int) -> Reservation:
        """Wait for a place. A task that is cancelled while it waits leaves nothing behind.

        Args:
            input_tokens: an estimate.
            output_tokens: the cap of the request: providers reserve it as well.
        """
        amounts = {
            "requests": 1.0,
            "tokens": float(input_tokens + output_tokens),
            "input_tokens": float(input_tokens),
            "output_tokens": float(output_tokens),
        }
        return await self._turns.get(amounts)

    def _wait(self, amounts: Mapping[str, float]) -> float:
        """Seconds until these can be taken, as far as known; infinity: until something is heard of those under way."""
        now = self._runtime.clock()
        wait = self._paused_until - now
        for name, bucket in self._buckets():
            bucket.fill(now)
            wait = max(wait, bucket.wait_for(amounts[name]))
        self._limiting = wait > 0
        if wait <= 0 and self._crowd() >= max(int(self._window), 1):
            return math.inf
        return wait

    def _crowd(self) -> int:
        """Requests that count against the window: those that nothing was heard of, and all of them once the server has
        said that it had too many."""
        if self._threshold < float("inf"):
            return len(self._in_flight)
        return sum(not reservation.observed for reservation in self._in_flight.values())

    def _take(self, amounts: Mapping[str, float]) -> Reservation:
        now = self._runtime.clock()
        self._began = now if self._began is None else self._began
        self._count += 1
        reservation = Reservation(self._count, amounts, now)
        for name, bucket in self._buckets():
            bucket.level -= amounts[name]
        self._in_flight[reservation.number] = reservation
        return reservation

    def _buckets(self) -> list[tuple[str, Bucket]]:
        found = [*self._given.items(), *self._learnt.items()]
        if self._guessed is not None:
            found.append(("requests", self._guessed))
        return found

    # -- after it -------------------------------------------------------------------------------------------------

    def observe(self, reservation: Reservation, rate_limit: RateLimit | None) -> None:
        """The reply has begun, with these headers: learn, and let more requests go at once. Only the first call for a
        reservation counts."""
        if reservation.observed:
            return
        reservation.observed = True
        self._let_in += 1
        if self._window < self._threshold:
            self._window += 1.0 if self._told else _UNTOLD
        else:
            self._window += 1.0 / self._window
        if self._guessed is not None:
            since = (self._count - self._refused_at) / 200
            self._guessed.rate *= 1 + (_CREEP * (1 + since * since) if self._measured else _SEARCH)
            self._guessed.capacity = max(self._guessed.rate, 1.0)
        if rate_limit is not None:
            self._learn(reservation, rate_limit)
        self._turns.hear()

    def settle(self, reservation: Reservation, usage: Usage | None, rate_limit: RateLimit | None = None) -> None:
        """The reply is over: give back what was reserved and not used.

        Args:
            reservation: as `reserve()` gave it; a second call for it does nothing.
            usage: what was used; None: unknown, so all that was reserved counts as used.
            rate_limit: headers, if `observe()` has not been given them.
        """
        if reservation.settled:
            return
        self.observe(reservation, rate_limit)
        self._end(reservation)
        if usage is not None:
            fresh = usage.input_tokens - usage.cached_input_tokens  # what is read from a cache does not count
            used = {
                "tokens": usage.input_tokens + usage.output_tokens,
                "input_tokens": fresh,
                "output_tokens": usage.output_tokens,
            }
            self._give_back({name: reservation.amounts[name] - amount for name, amount in used.items()})

    def failed(self, reservation: Reservation, failure: Failure) -> None:
        """The request failed before it brought anything: slow down if that is why, and give its tokens back."""
        if reservation.settled:
            return
        self._end(reservation)
        self._give_back({name: amount for name, amount in reservation.amounts.items() if name != "requests"})
        if failure.kind == "rate_limited":
            self._refuse(reservation, failure)
        elif failure.kind == "transient" and (failure.status_code or 0) >= 500:
            self._halve(reservation)
            if failure.retry_after is not None:
                self.pause(failure.retry_after)

    def pause(self, seconds: float) -> None:
        """Let nothing leave for so many seconds; a longer pause that is under way stays."""
        self._paused_until = max(self._paused_until, self._runtime.clock() + seconds)

    def _back(self, reservation: Reservation) -> None:
        """Nothing was sent."""
        self._end(reservation)
        self._give_back(reservation.amounts)

    def _end(self, reservation: Reservation) -> None:
        reservation.settled = True
        self._in_flight.pop(reservation.number, None)
        self._turns.hear()

    def _give_back(self, amounts: Mapping[str, float]) -> None:
        now = self._runtime.clock()
        for name, bucket in self._buckets():
            bucket.fill(now)
            bucket.level = min(bucket.level + amounts.get(name, 0.0), bucket.capacity)

    def _halve(self, reservation: Reservation) -> None:
        """Once for all requests that were under way together."""
        if reservation.number > self._halved_at:
            self._halved_at = self._count
            self._window = self._threshold = max((len(self._in_flight) + 1.0) / 2, 1.0)

    # -- learning -------------------------------------------------------------------------------------------------

    def _learn(self, reservation: Reservation, told: RateLimit) -> None:
        now = self._runtime.clock()
        others = self._in_flight.values()
        later = [other.amounts for other in others if other.number > reservation.number]
        unheard = [other.amounts for other in others if other.number < reservation.number and not other.observed]
        for name in DIMENSIONS:
            limit, remaining = getattr(told, f"limit_{name}"), getattr(told, f"remaining_{name}")
            if not limit or remaining is None:
                continue
            self._told.add(name)
            rate = limit / 60
            reset = getattr(told, f"reset_{name}")
            if reset and reset > 60:
                # The limit is one of an hour or a day: the time until it is full again tells its rate.
                rate = min(rate, (limit - remaining) / reset) or rate
            # The request itself was taken out before the answer was written.
            seen = remaining + reservation.amounts[name]
            bucket = self._learnt.setdefault(name, Bucket(rate, seen, remaining, now))
            bucket.fill(now)
            bucket.rate, bucket.capacity = rate, min(max(bucket.capacity, seen), max(float(limit), seen))
            taken = sum(amounts[name] for amounts in later)
            if name == "requests":
                taken = float(self._count - reservation.number)  # those that are over by now have been let in as well
            perhaps = sum(amounts[name] for amounts in unheard)
            lowest = remaining - taken - perhaps
            highest = remaining + 1 - taken + rate * (now - reservation.at)
            bucket.level = min(max(bucket.level, lowest), highest, bucket.capacity)
        if "requests" in self._told:
            self._guessed = None

    def _refuse(self, reservation: Reservation, failure: Failure) -> None:
        """A 429: the whole lane waits, and what is left of the bucket is gone."""
        self._refused += 1
        now = self._runtime.clock()
        if failure.rate_limit is not None:
            self._learn(reservation, failure.rate_limit)
        if reservation.number > self._refused_at:  # one refusal for all that were under way together
            self._refused_at = self._count
            if "requests" not in self._told:
                self._guess(now)
        self.pause(_UNKNOWN_PAUSE if failure.retry_after is None else failure.retry_after)
        for name, bucket in self._buckets():
            if name == "requests":
                bucket.fill(now)
                # Filled during the pause, it would let out a burst at its end.
                bucket.level = min(bucket.level, 1.0 - bucket.rate * (self._paused_until - now))

    def _guess(self, now: float) -> None:
        """What the rate of requests may be, at a moment at which the provider's bucket is known to be empty."""
        if self._guessed is None:
            seconds = max(now - (self._began or now), 1.0)
            rate = max((self._count - 1) / seconds * _FIRST_FALL_BACK, 1 / 60)
            self._guessed = Bucket(rate, max(rate, 1.0), 0.0, now)
            self._marker, self._let_in = now, 0
            return
        if self._let_in < _TRUSTWORTHY:
            self._guessed.rate = max(self._guessed.rate * 0.8, 1 / 60)
        else:
            # Empty then and empty now: what was let in between is what flowed in, less what did not fit while the guess
            # was too low. And the guess of now is too high, or the bucket would not have run dry.
            at_least = self._let_in / max(now - self._marker, 1e-3)
            self._guessed.rate = math.sqrt(at_least * max(self._guessed.rate, at_least)) * _FALL_BACK
            self._measured = True
        self._marker, self._let_in = now, 0

    # -- watching -------------------------------------------------------------------------------------------------

    def state(self) -> LaneState:
        """Where the lane stands."""
        rates: dict[str, float] = {}
        for name, bucket in self._buckets():
            rates[name] = min(rates.get(name, float("inf")), bucket.rate * 60)
        return LaneState(
            in_flight=len(self._in_flight),
            queued=len(self._turns),
            window=max(int(self._window), 1),
            paused=max(self._paused_until - self._runtime.clock(), 0.0),
            per_minute=rates,
            requests=self._count,
            refused=self._refused,
            limited=len(self._turns) if self._limiting else 0,
        )


class Lanes:
    """The lanes of a process: one for each provider, key and model.

    Args:
        limits: as for `Lane`; they hold for each lane by itself.
        runtime: clock and sleep.
    """

    def __init__(self, limits: Limits | None = None, runtime: Runtime | None = None) -> None:
        self._limits, self._runtime = limits, runtime
        self._lanes: dict[tuple[str, ...], Lane] = {}

    def lane(self, *key: str) -> Lane:
        """The lane for a key, such as (provider, base_url, model); made when it is first asked for."""
        if key not in self._lanes:
            self._lanes[key] = Lane(self._limits, self._runtime)
        return self._lanes[key]

    def states(self) -> dict[tuple[str, ...], LaneState]:
        """Where all of them stand."""
        return {key: lane.state() for key, lane in self._lanes.items()}
