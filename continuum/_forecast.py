"""What an answer of an expected length will take, before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from continuum._core.errors import ConfigurationError
from continuum._core.policy import Policy
from continuum._core.types import Usage

if TYPE_CHECKING:
    from continuum._api import AsyncClient, SyncClient
    from continuum._core.types import Reason

_QUESTION = 50  # tokens of a question to go on, the anchor in it included
_SAID_AGAIN = 40  # tokens of a reply that are there already: the anchor, and half a sentence that was set aside
_CACHED_FROM = 1024  # tokens of the shortest prompt that a cache keeps, for most models


@dataclass(frozen=True, slots=True)
class Forecast:
    """An estimate, for a model that goes on well.

    Attributes:
        rounds: requests.
        usage: tokens of all of them; `estimated` is set.
        cost: US dollars, None if the price of the model is not known.
        reason: the ceiling of the policy that the run would meet before its end, None if it meets none.
    """

    rounds: int
    usage: Usage
    cost: float | None
    reason: Reason | None = None


def forecast(
    client: SyncClient | AsyncClient, *, expected_tokens: int, policy: Policy | None = None, **params: Any
) -> Forecast:
    """How many rounds, tokens and dollars an answer of `expected_tokens` takes. Nothing is sent.

    The prompt is counted at four characters a token, and of a reply that goes on about 40 tokens are taken to be there
    already. Reasoning is not in it, nor are repeats and replies that go on badly.

    Args:
        client: as for `complete`, and like it for `policy` and `params`.
        expected_tokens: of the whole answer.

    Raises:
        ConfigurationError: if the arguments can only fail.
    """
    from continuum._api import check_policy
    from continuum.client import unwrapped
    from continuum.providers import provider_for
    from continuum.providers.sizes import CHARACTERS_PER_TOKEN, text_size

    check_policy(policy)
    if isinstance(expected_tokens, bool) or expected_tokens < 1:
        raise ConfigurationError(f"expected_tokens={expected_tokens!r}: say how many tokens the answer may have")
    policy = policy or Policy()
    provider = provider_for(unwrapped(client), params, policy)
    provider.check()
    cap = provider.cap or provider.limits.output or expected_tokens
    in_place = policy.strategy == "in_place" or (policy.strategy == "auto" and provider.prefill is not None)
    again, question = (0, 0) if in_place else (min(_SAID_AGAIN, cap // 2), _QUESTION)
    price, asked = provider.price(), text_size(provider.params.get("messages") or provider.params.get("input"))
    # What is shown of prompt and text, and of it what the next request begins with as well.
    shown, written, rounds, before = -(-asked // CHARACTERS_PER_TOKEN), 0, 0, 0
    merges = provider.server_facts().merges
    usage, cost, reason = Usage(estimated=True), 0.0, None
    known: bool = True
    while written < expected_tokens:
        reply = min(cap, expected_tokens - written + (again if rounds else 0))
        last = question if rounds and merges else 0  # of this request alone
        read, stored = provider.caches(rounds, shown, before) if shown >= _CACHED_FROM else (0, 0)
        one = Usage(shown + last, reply, read, stored, estimated=True)
        dollars = price(one)
        known, cost = known and dollars is not None, cost + (dollars or 0.0)
        usage, rounds, before = usage + one, rounds + 1, shown
        new = reply - (again if rounds > 1 else 0)
        written += new
        shown += new if merges else reply + question
        reason = reason or _ceiling(policy, rounds, usage, cost if known else None, done=written >= expected_tokens)
    return Forecast(rounds, usage, cost if known else None, reason)


def _ceiling(policy: Policy, rounds: int, usage: Usage, cost: float | None, *, done: bool) -> Reason | None:
    total = policy.max_output_tokens
    if total is not None and (usage.output_tokens > total or (usage.output_tokens == total and not done)):
        return "max_output_tokens"
    if policy.max_cost is not None and cost is not None and cost > policy.max_cost:
        return "max_cost"
    return "max_rounds" if rounds >= policy.max_rounds and not done else None
