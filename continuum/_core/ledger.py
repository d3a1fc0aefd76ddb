"""The books of one run: what each round brought, what it cost, and what that leaves of the ceilings."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from continuum._core.types import Response, Segment, Usage, spans

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from continuum._core.budget import Budget
    from continuum._core.types import FinishReason, Reason, Seam


class Ledger:
    """Counts every request that was billed, once.

    Attributes:
        usage: tokens of all rounds.
        cost: US dollars for them, None if unknown.
        segments: one per paid round, in order; their spans are filled in when a result is made.
        last: the reply that the text ends with.
        model: the model as the provider names it.

    Args:
        budget: prices and ceilings.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.usage = Usage()
        self.cost: float | None = 0.0 if budget.price is not None else None
        self.segments: list[Segment] = []
        self.last: Response | None = None
        self.model: str | None = None
        self._elsewhere, self._elsewhere_cost = Usage(), 0.0
        self._finished = False

    def record(self, response: Response, reason: str) -> None:
        """Enter a paid round; `reason` is why it was asked for."""
        usage = response.usage or Usage(estimated=True)
        self.charge(usage)
        self.last = response
        self.model = response.model or self.model
        self.segments.append(
            Segment(
                round=len(self.segments) + 1,
                start=0,
                end=0,
                reason=reason,
                finish_reason=response.finish_reason,
                raw_finish_reason=response.raw_finish_reason,
                usage=usage,
                response_id=response.id,
                failure=response.failure.message if response.failure else None,
                rate_limit=response.rate_limit,
            )
        )

    def judge(self, evidence: str, *, finished: bool) -> None:
        """Note what the end of the last round was taken for, and why."""
        self._finished = finished
        if evidence:
            self.segments[-1] = replace(self.segments[-1], evidence=evidence)

    def charge(self, usage: Usage) -> None:
        """Count a request that was billed. Prices have tiers, so each request is priced by itself."""
        self.usage += usage
        price = self._budget.cost(usage)
        self.cost = None if price is None or self.cost is None else self.cost + price

    def charge_elsewhere(self, usage: Usage, cost: float | None) -> None:
        """Count what another choice of the same run has spent: the ceilings are the run's."""
        self._elsewhere += usage
        self._elsewhere_cost += cost or 0.0

    @property
    def total(self) -> Usage:
        """What the whole run has used, other choices included."""
        return self.usage + self._elsewhere

    def fit(self, cap: int | None) -> int | None:
        """A cap that leaves the reply within the context window, where that is known; `cap` as it is otherwise."""
        own = cap if cap is not None else self._budget.cap
        left = self._budget.left_in_window(self.segments[-1].usage) if self.segments else None
        return left if left is not None and own is not None and left < own else cap

    def spent(self, elapsed: float, *, raised: bool) -> Reason | None:
        """Which ceiling the next request would break through, if any; see `Budget.spent`."""
        return self._budget.spent(
            rounds=len(self.segments),
            usage=self.total,
            cost=None if self.cost is None else self.cost + self._elsewhere_cost,
            last=self.segments[-1].usage if self.segments else None,
            elapsed=elapsed,
            raised=raised,
        )

    def account(self, size: int, seams: Sequence[Seam]) -> tuple[Segment, ...]:
        """The segments with the spans that they have in a text of `size` characters."""
        places = spans(size, seams, len(self.segments))
        return tuple(
            replace(segment, start=start, end=end) for segment, (start, end) in zip(self.segments, places, strict=True)
        )

    @property
    def finish(self) -> tuple[FinishReason, str | None]:
        """How the reply that the text ends with ended, in our word and in the provider's.

        Where the evidence says that the answer is finished, and the provider does not, our word is `stop`.
        """
        if self.last is None:
            return "unknown", None
        word = self.last.finish_reason
        if self._finished and word not in ("stop", "tool_calls"):
            word = "stop"
        return word, self.last.raw_finish_reason

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "usage": asdict(self.usage),
            "cost": self.cost,
            "elsewhere": [asdict(self._elsewhere), self._elsewhere_cost],
            "segments": [asdict(segment) for segment in self.segments],
            "last": [self.last.finish_reason, self.last.raw_finish_reason] if self.last else None,
            "finished": self._finished,
            "model": self.model,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], budget: Budget) -> Ledger:
        """The inverse of `to_dict`."""
        ledger = cls(budget)
        ledger.usage, ledger.cost = Usage(**data["usage"]), data["cost"]
        ledger._elsewhere, ledger._elsewhere_cost = Usage(**data["elsewhere"][0]), data["elsewhere"][1]
        ledger.segments = [Segment.from_dict(segment) for segment in data["segments"]]
        ledger.last = Response("", *data["last"]) if data["last"] else None
        ledger.model, ledger._finished = data["model"], data["finished"]
        return ledger
