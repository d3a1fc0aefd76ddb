"""What a batch may take, before anything is sent: rounds, tokens, money and time; three cases and what they rest on.

Nobody knows how long an answer will be. So the worst case is what the ceilings allow, and the likely one rests on the
length that the caller expects, or else on an assumption that is said aloud.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from continuum._core.policy import Policy
from continuum._core.types import Usage
from continuum.providers.pricing import price_of
from continuum.providers.sizes import dumped_size, estimate, text_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from continuum.batch.job import Job
    from continuum.batch.pacing import Limits

_UNKNOWN_CAP: Final = 4096  # what servers commonly put in place of a cap that is not given
_TURN: Final = 60  # tokens of the turn that asks to go on, and of the framing of messages
_SHOWN: Final = ("system", "tools", "functions", "response_format", "output_config")  # beside the messages
_FIRST_TOKEN: Final = 1.0  # seconds
_SPEEDS: Final = {"low": 120.0, "likely": 60.0, "worst": 25.0}  # tokens per second of one stream
_LENGTHS: Final = {"low": 0.5, "likely": 2.5}  # output in caps, where no length is expected
_SPREADS: Final = {"low": 0.5, "likely": 1.0}  # output in expected lengths
CONCURRENCY: Final = 64
"""Documents in flight, where that finds its own level."""


@dataclass(frozen=True, slots=True)
class Case:
    """What a batch takes in one case.

    Attributes:
        rounds: requests whose reply is paid for.
        input_tokens, output_tokens: of all of them.
        cost: US dollars, None if the price of a model is not known.
        seconds: from the first request to the last.
    """

    rounds: int
    input_tokens: int
    output_tokens: int
    cost: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a batch may take.

    Attributes:
        documents: how many.
        low, likely, worst: the cases; the worst one is what the ceilings of the policy allow.
        unpriced: models without a known price.
        assumptions: what the figures rest on.
    """

    documents: int
    low: Case
    likely: Case
    worst: Case
    unpriced: tuple[str, ...]
    assumptions: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Kind:
    """Documents that are asked for alike."""

    model: str
    cap: int | None
    max_rounds: int
    max_output_tokens: int | None
    max_cost: float | None


class Estimator:
    """Collects the documents of a batch; memory grows with the kinds of them, not with their number.

    Args:
        settings: of the run: provider, base_url, model, max_tokens, system, policy.
        expected_tokens: output tokens of one document; None: not known.
        concurrency: documents in flight; None: finds its own level.
        limits: of the provider, as far as known.
        price_factor: what a token costs, as a share of the list price.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        *,
        expected_tokens: int | None = None,
        concurrency: int | None = None,
        limits: Limits | None = None,
        price_factor: float = 1.0,
    ) -> None:
        self._factor = price_factor
        self._settings, self._limits = settings, limits
        self._expected, self._concurrency = expected_tokens, concurrency
        self._documents: Counter[_Kind] = Counter()
        self._prompts: Counter[_Kind] = Counter()  # their tokens in all

    def add(self, job: Job) -> None:
        """One more document."""
        policy = self._settings.get("policy") or {}
        if job.policy:
            policy = {**policy, **job.policy}
        ceilings = [policy.get(name, _default(name)) for name in ("max_rounds", "max_output_tokens", "max_cost")]
        kind = _Kind(
            job.model or self._settings.get("model") or "",
            job.max_tokens or self._settings.get("max_tokens"),
            *ceilings,
        )
        shown = text_size(job.prompt) if job.prompt is not None else text_size(job.messages)
        shown += len(job.system or self._settings.get("system") or "")
        params = {**(self._settings.get("params") or {}), **job.params}
        self._documents[kind] += 1
        self._prompts[kind] += estimate(shown + sum(dumped_size(params.get(name)) for name in _SHOWN))

    def forecast(self) -> Forecast:
        """The three cases."""
        unpriced = tuple(sorted({kind.model for kind in self._documents if self._price(kind, 1, 1, 1) is None}))
        cases = {name: self._case(name) for name in ("low", "likely", "worst")}
        return Forecast(self._documents.total(), **cases, unpriced=unpriced, assumptions=tuple(self._assumptions()))

    def _case(self, name: str) -> Case:
        rounds = tokens_in = tokens_out = 0
        cost: float | None = 0.0
        work = longest = 0.0
        for kind, count in self._documents.items():
            each = self._rounds_and_output(kind, name)
            prompt = self._prompts[kind] / count
            shown = self._shown(kind, prompt, *each)
            price = self._price(kind, each[0], shown, each[1])
            if price is not None and kind.max_cost is not None:
                price = min(price, max(kind.max_cost, self._price(kind, 1, prompt, kind.cap or _UNKNOWN_CAP) or 0.0))
            cost = None if cost is None or price is None else cost + count * price
            rounds += count * each[0]
            tokens_in += round(count * shown)
            tokens_out += count * each[1]
            seconds = each[0] * _FIRST_TOKEN + each[1] / _SPEEDS[name]
            work, longest = work + count * seconds, max(longest, seconds)
        seconds = max(longest, work / (self._concurrency or CONCURRENCY), self._limited(rounds, tokens_in, tokens_out))
        return Case(rounds, tokens_in, tokens_out, cost, seconds)

    def _rounds_and_output(self, kind: _Kind, name: str) -> tuple[int, int]:
        cap = kind.cap or _UNKNOWN_CAP
        most = min(kind.max_rounds * cap, kind.max_output_tokens or kind.max_rounds * cap)
        if name == "worst":
            return kind.max_rounds if most == kind.max_rounds * cap else math.ceil(most / cap), most
        wanted = _LENGTHS[name] * cap if self._expected is None else _SPREADS[name] * self._expected
        output = max(min(round(wanted), most), 1)
        return math.ceil(output / cap), output

    def _shown(self, kind: _Kind, prompt: float, rounds: int, output: int) -> float:
        """Input tokens of one document: each round reads the prompt again, and all that was written before."""
        cap = kind.cap or _UNKNOWN_CAP
        return rounds * prompt + sum(min(number * cap, output) + _TURN for number in range(1, rounds))

    def _price(self, kind: _Kind, rounds: int, shown: float, output: float) -> float | None:
        """US dollars of one document, at the price of an average round of it: some prices grow with its length."""
        official = "//api.openai.com" in str(self._settings.get("base_url") or "")
        provider = self._settings.get("provider")
        price = price_of(kind.model, provider if provider == "anthropic" or official else None)
        each = price(Usage(round(shown / rounds), round(output / rounds)))
        return None if each is None else rounds * each * self._factor

    def _limited(self, rounds: int, tokens_in: int, tokens_out: int) -> float:
        """Seconds that the provider's limits make it take."""
        if self._limits is None:
            return 0.0
        limited = (
            (self._limits.requests_per_minute, rounds),
            (self._limits.tokens_per_minute, tokens_in + tokens_out),
            (self._limits.input_tokens_per_minute, tokens_in),
            (self._limits.output_tokens_per_minute, tokens_out),
        )
        return max((60 * amount / limit for limit, amount in limited if limit), default=0.0)

    def _assumptions(self) -> list[str]:
        said = []
        if self._expected is None:
            said.append(
                "likely: a document needs 2.5 times the output cap (low: half of it); --expect-tokens N says it better"
            )
        else:
            said.append(f"likely: a document has {self._expected:,} output tokens (low: half of that)")
        said.append(
            "worst: every document goes to the ceilings of the policy (max_rounds, max_output_tokens, max_cost)"
        )
        if any(kind.cap is None for kind in self._documents):
            said.append(f"where no output cap is given, the server's is taken to be {_UNKNOWN_CAP:,} tokens")
        if self._factor != 1:
            return [
                *said,
                f"cost: {self._factor:g} of the list price; time: the provider's own, often hours for a round",
            ]
        in_flight = self._concurrency or CONCURRENCY
        speeds = ", ".join(f"{name} {speed:.0f}" for name, speed in _SPEEDS.items())
        said.append(f"time: {in_flight} documents in flight, tokens per second of each: {speeds}; no retries")
        return said


def _default(name: str) -> Any:
    return Policy.model_fields[name].default
