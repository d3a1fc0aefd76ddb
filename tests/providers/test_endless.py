"""Replies that never end and never repeat themselves, of servers that ignore the cap: the ceilings hold."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anthropic import Anthropic
from openai import AsyncOpenAI, OpenAI

import continuum
from continuum import Policy, ProviderError
from tests.providers import odd
from tests.providers.odd import Odd, Reply, chunk

if TYPE_CHECKING:
    from collections.abc import Iterator

ASK: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Write it."}], "max_tokens": 100}
TIGHT = Policy(max_output_tokens=1000, deadline=60.0)


class Endless:
    """The events of a stream without end, and how many characters of it were sent."""

    def __init__(self, field: str) -> None:
        self.field = field
        self.sent = 0

    def __iter__(self) -> Iterator[str]:
        if self.field == "thinking":
            yield from odd.events(odd.start(), *odd.thinking_block(0, "", stop=False)).events or ()
        for number in count():
            words = f"Line {number * 7919 % 100003} says {number * number % 9973}.\n"
            self.sent += len(words)
            if self.field == "thinking":
                delta = {"type": "thinking_delta", "thinking": words}
                yield from odd.events({"type": "content_block_delta", "index": 0, "delta": delta}).events or ()
            else:
                yield next(iter(odd.chunks(chunk({self.field: words})).events or ()))


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (TIGHT, "max_output_tokens"),
        (Policy(max_cost=0.01, deadline=60.0), "max_cost"),  # a thousand tokens of this model
    ],
)
def test_an_endless_text_is_cut_off_at_a_ceiling(policy: Policy, reason: str, is_async: bool) -> None:
    """4, 5, 8: not on the token, but in time; what came is kept, and the account says that it is an estimate."""
    endless = Endless("content")

    async def ask(url: str) -> continuum.Result:
        async with AsyncOpenAI(base_url=url, api_key="k") as client:
            return await continuum.acomplete(client, policy=policy, **ASK)

    with Odd([Reply(events=endless)]) as server, OpenAI(base_url=server.url, api_key="k") as client:
        result = anyio.run(ask, server.url) if is_async else continuum.complete(client, policy=policy, **ASK)
        assert len(server.requests) == 1
    assert (result.reason, result.complete, result.usage.estimated) == (reason, False, True)
    assert 1000 * 12 < len(result.text) < 1000 * 24
    assert result.text.startswith("Line 0 says 0.\n")
    assert "far beyond" in (result.segments[0].failure or "")


@pytest.mark.parametrize("field", ["reasoning_content", "thinking"])
def test_endless_thoughts_are_cut_off_too(field: str) -> None:
    """4, 8: there is no text of them, so it is an error; they are on the bill, and are not asked for again."""
    endless = Endless(field)
    kind: Any = Anthropic if field == "thinking" else OpenAI
    with Odd([Reply(events=endless)]) as server, kind(base_url=server.url, api_key="k") as client:
        with pytest.raises(ProviderError, match="far beyond max_output_tokens=1000") as caught:
            continuum.complete(client, policy=TIGHT, **ASK)
        assert len(server.requests) == 1
    result = caught.value.result
    assert result is not None
    assert (result.reason, result.usage.estimated) == ("max_output_tokens", True)
    assert 3000 < result.usage.output_tokens < 6000


def test_long_tokens_are_no_overrun() -> None:
    """A reply that the server counts itself, of tokens of ten characters each, is read to its end."""
    words = [chunk({"content": f"{number:-^120}\n"}) for number in range(80)]
    with (
        Odd([odd.chunks(*words, chunk({}, "stop"), odd.usage(5, 990))]) as server,
        OpenAI(base_url=server.url, api_key="k") as client,
    ):
        result = continuum.complete(client, policy=TIGHT, **{**ASK, "max_tokens": 1000})
    assert (result.complete, result.usage.output_tokens, len(result.text)) == (True, 990, 80 * 121)
