"""How long is waited for the bytes of a reply: the caller's own timeout counts, in whatever form it was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest
from openai import OpenAI

import continuum
from continuum import Policy
from tests.providers.odd import Odd, words

if TYPE_CHECKING:
    from collections.abc import Iterator

ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Write it."}]}
OTHER: Any = httpx.Timeout(40, connect=1)  # of the library that the SDK does not use


@pytest.fixture
def server() -> Iterator[Odd]:
    with Odd([words("The lamp was lit. ")]) as odd:
        yield odd


def _waits(server: Odd) -> float:
    """The seconds for a read of the last request, as the SDK tells the server."""
    return float(server.headers[-1]["x-stainless-read-timeout"])


@pytest.mark.parametrize("timeout", [40, 40.0, httpx2.Timeout(40, connect=1), OTHER, None])
@pytest.mark.parametrize("deadline", [20.0, None])
def test_a_timeout_comes_in_many_forms(server: Odd, timeout: Any, deadline: float | None) -> None:
    """Whatever the bare SDK takes, on the client and on the request, and the deadline shortens each."""
    policy = Policy(deadline=deadline, read_timeout=None)
    with OpenAI(base_url=server.url, api_key="k", timeout=timeout) as client:
        assert continuum.complete(client, policy=policy, **ASK).complete
    if deadline is not None:
        assert 0 < _waits(server) <= deadline
    elif timeout is not None:
        assert _waits(server) == 40
    with OpenAI(base_url=server.url, api_key="k") as client:
        assert continuum.complete(client, policy=policy, timeout=timeout, **ASK).complete
    if deadline is not None:
        assert 0 < _waits(server) <= deadline
