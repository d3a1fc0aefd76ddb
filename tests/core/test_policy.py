"""Bad policies are refused when they are written, not when they bite."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from continuum import Policy


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"max_rounds": 0}, "max_rounds"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_cost": 0}, "max_cost"),
        ({"deadline": -1}, "deadline"),
        ({"strategy": "prefill"}, "strategy"),
        ({"retry_initial": 5, "retry_max": 1}, "retry_max"),
        ({"raise_cap_to": 5000, "max_output_tokens": 100}, "raise_cap_to"),
        ({"strategy": "user_turn", "dialect": "vllm"}, "leave one of the two out"),
        ({"max_round": 3}, "max_round"),
    ],
)
def test_a_bad_policy_says_what_is_wrong(fields: dict[str, object], says: str) -> None:
    """A value out of range, a contradiction and a misspelt name each name the field."""
    with pytest.raises(ValidationError, match=says):
        Policy(**fields)  # type: ignore[arg-type]


def test_the_defaults_end_every_run() -> None:
    """Without a word from the caller there is a ceiling on rounds, tokens, cost, time and fruitless replies."""
    policy = Policy()
    assert policy.max_rounds
    assert policy.max_output_tokens
    assert policy.max_cost
    assert policy.deadline
    assert policy.max_no_progress
    assert policy.max_repetition


def test_a_policy_cannot_change() -> None:
    """A policy is shared between runs, so nobody can change it under them."""
    with pytest.raises(ValidationError, match="frozen"):
        Policy().max_rounds = 5  # type: ignore[misc]
