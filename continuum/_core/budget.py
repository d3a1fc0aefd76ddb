"""What a run may still spend: rounds, tokens, money, time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from continuum._core.types import Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from continuum._core.policy import Policy
    from continuum._core.types import Reason


QUESTION = 400
"""Tokens of a question to go on, generously: an anchor of 400 characters in a dense script, and the words around it."""
LEAST_REPLY = 64
"""A reply shorter than this would say little but the anchor."""
LONGEST = 12
"""Characters of a token, on average over a long text, at the very most."""
SLACK = 100
"""Tokens by which an estimate has to lie beyond a ceiling before a reply is broken off for it."""
LEAST_SHOWN = 256
"""Tokens of the end of a text: with less of it in sight nothing can be gone on with."""


class Budget:
    """The ceilings of one run; it holds no state of the run.

    Args:
        policy: the caller's ceilings.
        cap: output tokens per request as the caller wrote it, None if the caller did not.
        price: US dollars for a usage, None if unknown.
        limit: the most output tokens that the model can write in one reply, None if unknown.
        window: tokens of prompt and reply together that the model can hold, None if unknown.
    """

    __slots__ = ("cap", "limit", "policy", "price", "window")

    def __init__(
        self,
        policy: Policy,
        cap: int | None,
        price: Callable[[Usage], float | None] | None,
        limit: int | None = None,
        window: int | None = None,
    ) -> None:
        self.limit = limit
        self.window = window
        self.policy = policy
        self.cap = cap
        self.price = price

    @property
    def highest_cap(self) -> int | None:
        """The largest cap that a request may have, None if there is no telling.

        That is the policy's. A cap that the caller did not write may also be raised to what the model can write.
        """
        target = self.policy.raise_cap_to
        if target is None:
            return self.limit if self.cap is None else None
        return target if self.limit is None else min(target, self.limit)

    def may_raise_cap(self, last: Usage | None) -> bool:
        """Whether a larger cap than the one of the last reply is allowed.

        Args:
            last: what that reply used; without a cap of the caller's it tells where the server's own lies.
        """
        target = self.highest_cap
        used = self.cap if self.cap is not None else last.output_tokens if last is not None else 0
        return target is not None and target > used

    def next_cap(self, usage: Usage, *, raised: bool) -> int | None:
        """The cap to send instead of the caller's, so that the total is spent once, not once per round."""
        policy = self.policy
        wanted = self.highest_cap if raised else self.cap
        if policy.max_output_tokens is None:
            return wanted if raised else None
        left = policy.max_output_tokens - usage.output_tokens
        if wanted is None:
            # A cap that neither the caller nor the caller's policy wrote is not invented.
            return left if "max_output_tokens" in policy.model_fields_set else None
        cap = min(wanted, left)
        return cap if cap != self.cap else None

    def wanted(self, window: int) -> int:
        """Tokens of a reply that a request should leave room for: its cap, but no more than a quarter of the window."""
        return min(self.cap or self.limit or window, window // 4)

    def room(self, usage: Usage, *, raised: bool) -> int:
        """Bytes that a reply may spend on words that were said already: a quarter of its cap, at four bytes a token."""
        return self.next_cap(usage, raised=raised) or self.cap or 10_000

    def late(self, elapsed: float) -> bool:
        """Whether the deadline has passed, `elapsed` seconds after the start."""
        return self.policy.deadline is not None and elapsed >= self.policy.deadline

    def cost(self, usage: Usage) -> float | None:
        """US dollars, None if unknown."""
        return self.price(usage) if self.price is not None else None

    def spent(
        self, *, rounds: int, usage: Usage, cost: float | None, last: Usage | None, elapsed: float, raised: bool
    ) -> Reason | None:
        """Which ceiling the next request would break through, if any.

        Args:
            rounds: replies paid for.
            usage: of all of them.
            cost: of all of them in US dollars, None if unknown. Prices have tiers, so it is a sum over requests.
            last: usage of the last one.
            elapsed: seconds since the start.
            raised: the cap was raised.
        """
        policy = self.policy
        if rounds >= policy.max_rounds:
            return "max_rounds"
        if policy.max_output_tokens is not None and usage.output_tokens >= policy.max_output_tokens:
            return "max_output_tokens"
        if self.late(elapsed):
            return "deadline"
        if policy.max_cost is not None and cost is not None:
            worst = self.cost(self._worst_next(usage, last or Usage(), raised=raised))
            if worst is not None and cost + worst > policy.max_cost:
                return "max_cost"
        return None

    def _worst_next(self, usage: Usage, last: Usage, *, raised: bool) -> Usage:
        """The most that the next request can cost: it reads all that was read and written, and uses its whole cap."""
        written = self.next_cap(usage, raised=raised) or self.cap or last.output_tokens
        return Usage(input_tokens=last.input_tokens + last.output_tokens, output_tokens=written)
