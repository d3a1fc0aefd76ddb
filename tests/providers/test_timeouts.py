"""How long is waited for the bytes of a reply: the caller's own timeout counts, in whatever form it was written."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest
from anthropic import Anthropic
from openai import OpenAI

import continuum
from continuum import Policy, ProviderError
from tests.providers.odd import Odd, Reply, words

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


@pytest.mark.parametrize(
    ("timeout", "policy", "expected"),
    [
        (None, Policy(), None),
        (900, Policy(), 900),
        (40, Policy(), 40),
        (900, Policy(read_timeout=30), 30),
        (20, Policy(read_timeout=30), 20),
        (900, Policy(read_timeout=None), 900),
        ("default", Policy(), 180),
        ("default", Policy(read_timeout=None), 600),
    ],
)
def test_a_timeout_of_the_client_counts(server: Odd, timeout: Any, policy: Policy, expected: float | None) -> None:
    """For more than our default, and for less than what the caller wrote into the policy."""
    own = {} if timeout == "default" else {"timeout": timeout}
    policy = policy.model_copy(update={"deadline": None})
    with OpenAI(base_url=server.url, api_key="k", **own) as client:
        wrapped: Any = continuum.wrap(client, policy=policy)
        wrapped.chat.completions.create(**ASK)
        told = server.headers[-1].get("x-stainless-read-timeout")
        assert (told if told is None else float(told)) == expected
        wrapped.with_options(timeout=77).chat.completions.create(**ASK)
        assert _waits(server) == min(77, policy.read_timeout or 77 if "read_timeout" in policy.model_fields_set else 77)
        wrapped.chat.completions.create(timeout=1000, **ASK)
        assert _waits(server) == 1000


SILENT = Policy(read_timeout=0.5, max_retries=1, retry_initial=0.01)


@pytest.mark.parametrize("opened", [False, True], ids=["no headers", "headers"])
@pytest.mark.parametrize("claude", [False, True], ids=["chat", "claude"])
def test_a_request_that_was_given_up_is_on_the_bill(opened: bool, claude: bool) -> None:
    """8: the server has read it, as far as anybody knows, so each try counts, and the sum is an estimate."""
    ask: dict[str, Any] = {**ASK, "messages": [{"role": "user", "content": "word " * 80}], "max_tokens": 50}

    def silent(body: Any) -> Reply:
        if not opened:
            time.sleep(1.0)
        return Reply(events=["\n"] * 3, pause=1.0)

    kind: Any = Anthropic if claude else OpenAI
    with Odd([silent]) as server, kind(base_url=server.url, api_key="k") as client:
        with pytest.raises(ProviderError) as caught:
            continuum.complete(client, policy=SILENT, **ask)
        assert len(server.requests) == 2
    assert caught.value.result is not None
    usage = caught.value.result.usage
    assert (usage.output_tokens, usage.estimated) == (0, True)
    assert 200 <= usage.input_tokens < 220


def test_what_came_after_a_silence_is_counted_with_it() -> None:
    """8: the answer of the second try says what it cost; the first one is added."""

    def silent(body: Any) -> Reply:
        time.sleep(1.0)
        return words("Too late. ")

    with Odd([silent, words("The lamp was lit. ")]) as server, OpenAI(base_url=server.url, api_key="k") as client:
        result = continuum.complete(client, policy=SILENT, **ASK)
    assert (result.text, result.complete) == ("The lamp was lit. ", True)
    assert (result.usage.output_tokens, result.usage.estimated) == (10, True)
    assert result.usage.input_tokens > 5
    assert not result.segments[0].usage.estimated


def test_a_request_that_never_left_is_free() -> None:
    """8: nobody has read it."""
    with OpenAI(base_url="http://127.0.0.1:9", api_key="k") as client, pytest.raises(ProviderError) as caught:
        continuum.complete(client, policy=SILENT, **ASK)
    assert caught.value.result is not None
    assert (caught.value.result.usage.total_tokens, caught.value.result.usage.estimated) == (0, False)
