"""The books of one run: what each round brought, what it cost, and what that leaves of the ceilings."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from continuum._core.budget import LONGEST, QUESTION, SLACK
from continuum._core.types import CutToolCall, Response, Segment, Usage, spans

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from continuum._core.budget import Budget
    from continuum._core.types import Failure, FinishReason, Purpose, Reason, Seam


class Ledger:
    """Counts every request that was billed, once.

    Attributes:
        usage: tokens of all rounds.
        cost: US dollars for them, None if unknown.
        segments: one per paid round, in order; their spans are filled in when a result is made.
        last: the reply that the text ends with.
        cut_calls: the tool calls of replies that did not end by themselves.
        replies: what the provider collected in each round; None for those of another process.
        model: the model as the provider names it.
        window: tokens of prompt and reply together that the model can hold, None if unknown. What requests have shown
            to fit, or not to fit, counts for more than a table.

    Args:
        budget: prices and ceilings.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.usage = Usage()
        self.cost: float | None = 0.0 if budget.price is not None else None
        self.segments: list[Segment] = []
        self.last: Response | None = None
        self.cut_calls: tuple[CutToolCall, ...] = ()
        self.replies: list[Any] = []
        self.model: str | None = None
        self._elsewhere, self._elsewhere_cost = Usage(), 0.0
        self._finished = False
        self.window = budget.window
        self._window_seen = False

    def record(self, response: Response, reason: Purpose, hidden: int = 0) -> None:
        """Enter a paid round; `reason` is why it was asked for, `hidden` how much of the text it did not show."""
        usage = response.usage or Usage(estimated=True)
        self.charge(usage)
        self.last = response
        self.cut_calls += response.cut_tool_calls
        self.replies.append(response.raw)
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
                hidden=hidden,
            )
        )
        if response.window is not None and not self._window_seen:
            self.window = response.window
        if response.limit is not None:
            self._budget.limit = response.limit

    def record_failure(self, failure: Failure) -> None:
        """Enter a request that gave no usable reply: it may have been billed, and may have brought calls."""
        self.cut_calls += failure.cut_tool_calls
        if failure.usage is not None:
            self.charge(failure.usage)

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

    def window_full(self, told: int | None = None) -> None:
        """The context window turned out to be full, `told`: as the server says how large it is.

        What the last round read and wrote did fit into it, so that is its size, as far as is known. If it was said to
        be smaller before, it is taken to be smaller still.
        """
        last = self.segments[-1].usage if self.segments else None
        held = last.input_tokens + last.output_tokens if last is not None else 0
        sizes = [
            size for size in (told, held, self.window * 3 // 4 if self._window_seen and self.window else 0) if size
        ]
        self.window, self._window_seen = min(sizes, default=self.window), True

    @property
    def left(self) -> int | None:
        """Tokens that a reply may have after another round like the last one, None if that cannot be told."""
        last = self.segments[-1].usage if self.segments else None
        if self.window is None or last is None or not last.input_tokens or (last.estimated and not self._window_seen):
            return None
        return self.window - last.input_tokens - last.output_tokens - QUESTION

    def fit(self, cap: int | None, left: int | None) -> int | None:
        """A cap that leaves the reply within the context window, where that is known; `cap` as it is otherwise."""
        own = cap if cap is not None else self._budget.cap
        return left if left is not None and own is not None and left < own else cap

    def prompt_tokens(self, shown: int, density: float) -> int:
        """Tokens of the caller's own prompt, from the first request; else what the last one had besides our turns.

        Args:
            shown: characters of the text that the last request showed.
            density: tokens of a character.
        """
        first, last = (self.segments[at].usage or Usage() for at in (0, -1))
        return first.input_tokens or max(last.input_tokens - int(shown * density), 0)

    @property
    def text_tokens(self) -> int:
        """Tokens of all the text that came, what the joins removed included."""
        return sum(s.usage.output_tokens - s.usage.reasoning_tokens for s in self.segments if s.usage is not None)

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

    def overrun(self, written: int) -> str:
        """Which ceiling a reply of so many characters, not over yet, has broken through for certain; "" if none.

        Tokens cannot be counted here, and those of blanks and rules are long. So it takes three times the characters
        that the tokens left would have in ordinary text, and then some.
        """
        policy, tokens = self._budget.policy, max(written // LONGEST - SLACK, 0)
        if not tokens:
            return ""
        if policy.max_output_tokens is not None and self.total.output_tokens + tokens > policy.max_output_tokens:
            return f"a reply of {written} characters is far beyond max_output_tokens={policy.max_output_tokens}"
        price = self._budget.cost(Usage(output_tokens=tokens))
        if policy.max_cost is None or price is None or self.cost is None:
            return ""
        above = self.cost + self._elsewhere_cost + price > policy.max_cost
        return f"a reply of {written} characters is far beyond max_cost={policy.max_cost}" if above else ""

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
            "cut_calls": [asdict(call) for call in self.cut_calls],
            "finished": self._finished,
            "model": self.model,
            "window": [self.window, self._window_seen],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], budget: Budget) -> Ledger:
        """The inverse of `to_dict`."""
        ledger = cls(budget)
        ledger.usage, ledger.cost = Usage(**data["usage"]), data["cost"]
        ledger._elsewhere, ledger._elsewhere_cost = Usage(**data["elsewhere"][0]), data["elsewhere"][1]
        ledger.segments = [Segment.from_dict(segment) for segment in data["segments"]]
        ledger.last = Response("", *data["last"]) if data["last"] else None
        ledger.cut_calls = tuple(CutToolCall(**call) for call in data.get("cut_calls", ()))
        ledger.replies = [None] * len(ledger.segments)
        ledger.model, ledger._finished = data["model"], data["finished"]
        ledger.window, ledger._window_seen = data["window"]
        return ledger
