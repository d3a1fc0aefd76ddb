"""Forecasts, beside what the run then takes."""

from __future__ import annotations

from typing import Any

import anthropic
import openai
import pytest

import continuum
from continuum import ConfigurationError, Policy
from continuum.testing import SimulatedProvider, count_tokens, sample_documents

ESSAY = sample_documents()["essay"]
PROMPT = "Write the whole report on the harbour, and leave nothing out. " * 80


@pytest.mark.parametrize("api", ["openai", "anthropic"])
@pytest.mark.parametrize("cap", [150, 300, 5000])
def test_a_forecast_is_near_what_the_run_takes(api: str, cap: int) -> None:
    """Rounds, output and input of a model that obeys."""
    ask: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": PROMPT}], "max_tokens": cap}
    with SimulatedProvider(ESSAY, prompt_cache=1024) as server:
        client: Any = openai.OpenAI(base_url=server.openai_base_url, api_key="none")
        if api == "anthropic":
            client = anthropic.Anthropic(base_url=server.anthropic_base_url, api_key="none")
        with client:
            told = continuum.forecast(client, expected_tokens=count_tokens(ESSAY), **ask)
            assert not server.requests
            result = continuum.complete(client, **ask)
    assert abs(told.rounds - result.rounds) <= max(1, result.rounds // 6)
    assert told.usage.output_tokens == pytest.approx(result.usage.output_tokens, rel=0.15)
    assert told.usage.input_tokens == pytest.approx(result.usage.input_tokens, rel=0.35)
    assert (told.usage.cached_input_tokens > 0) == (api == "anthropic" and result.rounds > 2)
    assert told.reason is None


def test_the_price_and_the_ceiling_are_told() -> None:
    """In US dollars where the model is known; the ceiling that the run would meet is named."""
    client = anthropic.Anthropic(api_key="none")
    ask: dict[str, Any] = {"messages": [{"role": "user", "content": PROMPT}], "max_tokens": 1000}
    told = continuum.forecast(client, expected_tokens=50_000, model="claude-haiku-5-5", **ask)
    assert told.cost is not None
    assert told.cost > 0
    assert told.reason == "max_rounds"
    dear = continuum.forecast(
        client, expected_tokens=50_000, policy=Policy(prompt_cache=False), model="claude-haiku-5-5", **ask
    )
    assert dear.cost is not None
    assert dear.cost > told.cost
    assert continuum.forecast(client, expected_tokens=100, model="unheard-of-1", **ask).cost is None
    one = continuum.forecast(client, expected_tokens=1000, model="claude-haiku-5-5", **ask)
    assert (one.rounds, one.usage.output_tokens, one.reason) == (1, 1000, None)


def test_nonsense_is_refused() -> None:
    """As for a run, and the length has to be one."""
    client = openai.OpenAI(api_key="none")
    for length in (0, -5, True):
        with pytest.raises(ConfigurationError, match="expected_tokens"):
            continuum.forecast(client, expected_tokens=length, model="m", messages=[{"role": "user", "content": "x"}])
    with pytest.raises(ConfigurationError, match="messages"):
        continuum.forecast(client, expected_tokens=10, model="m", messages=[])
