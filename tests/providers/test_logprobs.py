"""Log probabilities over several requests: those of the tokens that the whole text is made of, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from openai import OpenAI

import continuum
from continuum import Policy
from continuum.testing import SimulatedProvider, sample_documents, tokenize

if TYPE_CHECKING:
    from collections.abc import Sequence

DOCUMENTS = sample_documents()
ESSAY = DOCUMENTS["essay"]
ASK: dict[str, Any] = {
    "model": "sim", "messages": [{"role": "user", "content": "Write."}], "max_tokens": 220, "logprobs": True,
}  # fmt: skip


def spelt(tokens: Sequence[Any]) -> str:
    return b"".join(bytes(token.bytes) for token in tokens).decode()


@pytest.mark.parametrize("name", ["essay", "chinese", "french"])
@pytest.mark.parametrize("behaviours", [(), ("overlap:40",), ("restart:line",)], ids=["anchor", "overlap", "line"])
def test_the_tokens_of_all_rounds_spell_the_text(name: str, behaviours: Sequence[str]) -> None:
    """What a join removed has no place in the list; a token that lies across a join is there."""
    asked = {**ASK, "messages": [{"role": "user", "content": f"[doc:{name}]"}]}
    with SimulatedProvider(DOCUMENTS, behaviours=behaviours) as server, _client(server) as client:
        result = continuum.complete(client, **asked)
    assert result.rounds > 2
    tokens = result.raw.choices[0].logprobs.content
    assert spelt(tokens) == result.text == DOCUMENTS[name]
    assert all(token.logprob < 0 for token in tokens)


def test_each_choice_has_its_own() -> None:
    """n=2, each gone on with on its own, in place and with a user turn."""
    asked = {**ASK, "n": 2, "messages": [{"role": "user", "content": "[doc:essay] [doc:french]"}]}
    for strategy, prefill in (("user_turn", "refuse"), ("in_place", "echo")):
        policy = Policy(strategy=strategy, max_rounds=60)  # type: ignore[arg-type]
        with SimulatedProvider(DOCUMENTS, prefill=prefill) as server, _client(server) as client:  # type: ignore[arg-type]
            result = continuum.complete(client, policy=policy, **asked)
        assert [spelt(choice.logprobs.content) for choice in result.raw.choices] == [ESSAY, DOCUMENTS["french"]]


def test_a_wrapped_stream_tells_them_at_its_end() -> None:
    """One chunk before the last, when it is known which tokens the text is made of."""
    with SimulatedProvider(ESSAY) as server, _client(server) as client:
        chunks = list(continuum.wrap(client).chat.completions.create(stream=True, **ASK))
    told = [chunk.choices[0].logprobs for chunk in chunks if chunk.choices and chunk.choices[0].logprobs]
    assert len(told) == 1
    assert told[0].content is not None
    assert spelt(told[0].content) == ESSAY
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_one_reply_is_told_as_it_came() -> None:
    """Nothing is made up for an answer that fitted into one reply; and nothing was asked for where none is told."""
    with SimulatedProvider(ESSAY) as server, _client(server) as client:
        whole = continuum.complete(client, **{**ASK, "max_tokens": 20_000}).raw.choices[0].logprobs
        none = continuum.complete(client, **{**ASK, "logprobs": False}).raw.choices[0].logprobs
    assert [token.token for token in whole.content] == tokenize(ESSAY)
    assert none is None


def _client(server: SimulatedProvider) -> OpenAI:
    return OpenAI(base_url=server.openai_base_url, api_key="k")
