"""Real rate limits: a token bucket for requests and one for output tokens, on a clock that is an argument."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class RateLimitSpec:
    """The limits of a simulated account.

    Attributes:
        requests_per_minute: how fast the request bucket fills. None: no limit.
        output_tokens_per_minute: how fast the token bucket fills. None: no limit.
        burst: how many requests the full bucket holds. None: those of one minute.
        token_burst: how many tokens the full bucket holds. None: those of one minute.
        tokens_per_minute: input and output together, as OpenAI counts; in place of `output_tokens_per_minute`.

    Raises:
        ValueError: a limit is not positive.
    """

    requests_per_minute: float | None = None
    output_tokens_per_minute: float | None = None
    burst: float | None = None
    token_burst: float | None = None
    tokens_per_minute: float | None = None

    def __post_init__(self) -> None:
        if self.tokens_per_minute is not None and self.output_tokens_per_minute is not None:
            raise ValueError("tokens_per_minute and output_tokens_per_minute are two limits of one bucket; give one")
        for name in ("requests_per_minute", "output_tokens_per_minute", "burst", "token_burst", "tokens_per_minute"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} must be positive, not {value!r}; leave it out for no limit")


@dataclass(slots=True)
class Bucket:
    """A token bucket: `capacity` at the most, filled at `rate` units per second."""

    rate: float
    capacity: float
    level: float
    time: float

    def fill(self, now: float) -> None:
        """Adds what came in since the last look."""
        self.level = min(self.capacity, self.level + (now - self.time) * self.rate)
        self.time = now

    def wait_for(self, amount: float) -> float:
        """Seconds until `amount` is there. What is more than the bucket holds needs a full bucket only."""
        missing = min(amount, self.capacity) - self.level
        # The tiny allowance is for the rounding of floats: a client that waits to the point must be let in.
        return missing / self.rate if missing > 1e-6 else 0.0

    @property
    def seconds_to_full(self) -> float:
        return (self.capacity - self.level) / self.rate


@dataclass(frozen=True, slots=True)
class LimitState:
    """What the rate-limit headers tell of one limit."""

    limit: int
    remaining: int
    reset: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request is let in, and what the headers say.

    Attributes:
        retry_after: seconds to wait, None if the request was let in.
        exceeded: `requests` or `tokens`, the limit that keeps the request out.
    """

    retry_after: float | None = None
    exceeded: str = ""
    states: dict[str, LimitState] = field(default_factory=dict)


class RateLimiter:
    """Lets requests in while both buckets can pay for them.

    Args:
        spec: the limits.
        clock: seconds that never go back; `time.monotonic` by default.
    """

    def __init__(self, spec: RateLimitSpec, clock: Callable[[], float] = time.monotonic) -> None:
        self.spec = spec
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}
        self.reset()

    def reset(self) -> None:
        """Fills the buckets."""
        now = self._clock()
        self._buckets.clear()
        for name, per_minute, burst in (
            ("requests", self.spec.requests_per_minute, self.spec.burst),
            ("tokens", self.spec.tokens_per_minute or self.spec.output_tokens_per_minute, self.spec.token_burst),
        ):
            if per_minute is not None:
                capacity = per_minute if burst is None else burst
                self._buckets[name] = Bucket(per_minute / 60, capacity, capacity, now)

    def admit(self, output_tokens: int, input_tokens: int = 0) -> Verdict:
        """Takes one request and its tokens out of the buckets, or says how long to wait.

        As at real providers the output is not known yet: the cap is reserved, and `settle` gives back the rest.
        """
        now = self._clock()
        tokens = output_tokens + (input_tokens if self.spec.tokens_per_minute else 0)
        costs = {"requests": 1.0, "tokens": float(tokens)}
        waits: dict[str, float] = {}
        for name, bucket in self._buckets.items():
            bucket.fill(now)
            waits[name] = bucket.wait_for(costs[name])
        longest = max(waits, key=lambda name: waits[name], default="")
        if longest and waits[longest] > 0:
            return Verdict(waits[longest], longest, self._states())
        for name, bucket in self._buckets.items():
            bucket.level -= costs[name]
        return Verdict(states=self._states())

    def settle(self, reserved: int, used: int) -> None:
        """Gives back what was reserved for the output and not written."""
        if "tokens" in self._buckets:
            self._buckets["tokens"].level += reserved - used

    def _states(self) -> dict[str, LimitState]:
        return {
            name: LimitState(int(bucket.rate * 60), max(0, math.floor(bucket.level)), bucket.seconds_to_full)
            for name, bucket in self._buckets.items()
        }
