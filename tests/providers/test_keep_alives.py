"""Servers that keep a connection alive while they say nothing: the deadline holds all the same."""

from __future__ import annotations

import json
import time
from itertools import chain, repeat
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
from anthropic import Anthropic, AsyncAnthropic
from openai import AsyncOpenAI, OpenAI

import continuum
from continuum import Policy, ProviderError
from continuum.providers import watching
from continuum.testing import FakeClock
from tests.providers import odd
from tests.providers.odd import Odd, Reply, chunk, words

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SHORT = Policy(deadline=1.0)  # long enough for a slow machine to connect and read what comes first
ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Write it."}]}
COMMENTS = repeat(": PROCESSING\n\n")
PINGS = repeat('event: ping\ndata: {"type": "ping"}\n\n')
TEXT = "The lamp was lit. "


def _data(value: Any) -> str:
    return f"data: {json.dumps(value)}\n\n"


def _event(value: Any) -> str:
    return f"event: {value['type']}\n{_data(value)}"


def _ask(url: str, policy: Policy, *, way: str, claude: bool = False, **more: Any) -> Any:
    """One run, called in this way."""
    own: dict[str, Any] = {**ASK, "max_tokens": 1000} if claude else ASK
    if way == "sync":
        kind: Any = Anthropic if claude else OpenAI
        with kind(base_url=url, api_key="k") as client:
            return continuum.complete(client, policy=policy, **own, **more)

    async def ask() -> Any:
        kind: Any = AsyncAnthropic if claude else AsyncOpenAI
        async with kind(base_url=url, api_key="k") as client:
            return await continuum.acomplete(client, policy=policy, **own, **more)

    return anyio.run(ask, backend=way)


@pytest.fixture(params=["sync", "asyncio", "trio"])
def way(request: pytest.FixtureRequest) -> str:
    """How the library is called."""
    return str(request.param)


def test_comments_in_a_stream_do_not_outlast_the_deadline(way: str) -> None:
    """4, 5: what had come before them is the result."""
    events = chain([_data(chunk({"role": "assistant", "content": TEXT}))], COMMENTS)
    with Odd([Reply(events=events, pause=0.02)]) as server:
        began = time.monotonic()
        result = _ask(server.url, SHORT, way=way)
        assert time.monotonic() - began < 20  # it ended, although the server did not
    assert (result.text, result.reason, result.complete) == (TEXT, "deadline", False)


def test_pings_before_any_text_do_not_outlast_the_deadline(way: str) -> None:
    """4: nothing came, so it is an error, and nothing more is sent."""
    events = chain([_event(odd.start())], PINGS)
    with Odd([Reply(events=events, pause=0.02)]) as server:
        with pytest.raises(ProviderError, match="the deadline passed") as caught:
            _ask(server.url, SHORT, way=way, claude=True)
        assert len(server.requests) == 1
    assert caught.value.result is not None
    assert caught.value.result.reason == "deadline"
    usage = caught.value.result.usage  # 8: it was read, as far as anybody knows
    assert usage.estimated
    assert usage.input_tokens > 0


@pytest.mark.parametrize("claude", [False, True], ids=["chat", "claude"])
@pytest.mark.parametrize("unary", [False, True], ids=["stream", "unary"])
def test_blanks_in_front_of_json_do_not_outlast_the_deadline(way: str, claude: bool, unary: bool) -> None:
    """4: a reply whose first byte is there and whose last never comes, whether a stream was asked for or not."""
    blanks = repeat(" ", 600)  # twelve seconds of them
    with Odd([Reply(events=blanks, content_type="application/json", pause=0.02)]) as server:
        policy = SHORT.model_copy(update={"stream": not unary})
        with pytest.raises(ProviderError, match="the deadline passed"):
            _ask(server.url, policy, way=way, claude=claude)
        assert len(server.requests) == 1
    assert next(blanks, None) is not None  # they were not read to their end


def test_blanks_in_front_of_json_are_waited_for(way: str) -> None:
    """A unary reply that comes in time is read, blanks and all."""
    whole = json.dumps(odd.completion({"role": "assistant", "content": TEXT}).body)
    events = (*[" "] * 3, whole[:40], whole[40:])
    with Odd([Reply(events=events, content_type="application/json", pause=0.02)]) as server:
        result = _ask(server.url, Policy(stream=False), way=way)
    assert (result.text, result.complete) == (TEXT, True)


def test_keep_alives_are_no_silence(way: str) -> None:
    """A model that thinks for longer than the read timeout, and whose server says so, is waited for."""
    said = words(TEXT).events
    assert said is not None
    with Odd([Reply(events=[*[": PROCESSING\n\n"] * 20, *said], pause=0.06)]) as server:
        result = _ask(server.url, Policy(read_timeout=1.0), way=way)  # so long that a slow machine does not decide
        assert len(server.requests) == 1
    assert (result.text, result.complete) == (TEXT, True)


def test_a_body_that_breaks_off_is_asked_for_again_whatever_the_http_library() -> None:
    """An SDK may have been given a client of the library that it used before; its errors are facts, too."""
    broken = Reply(events=(" ", '{"id"'), content_type="application/json", drop=True)
    scripts = [broken, odd.completion({"role": "assistant", "content": TEXT})]
    with Odd([*scripts]) as server, httpx.Client() as http:
        client = OpenAI(base_url=server.url, api_key="k", http_client=http)
        policy = Policy(stream=False, retry_initial=0.01)
        assert continuum.complete(client, policy=policy, **ASK).text == TEXT


@pytest.mark.parametrize("claude", [False, True], ids=["chat", "claude"])
@pytest.mark.parametrize("unary", [False, True], ids=["stream", "unary"])
def test_an_answer_that_is_there_is_kept_however_late(way: str, claude: bool, unary: bool) -> None:
    """5: all of it came at once, behind the deadline."""
    clock = FakeClock()
    whole: Any = {"id": "m1", "type": "message", "role": "assistant", "model": "c", "stop_reason": "end_turn"}
    whole |= {"content": [{"type": "text", "text": TEXT}], "usage": {"input_tokens": 3, "output_tokens": 5}}
    streamed = [odd.start(), *odd.text_block(0, TEXT), *odd.end("end_turn")]
    reply = odd.completion({"role": "assistant", "content": TEXT}) if not claude else Reply(whole)
    if not unary:
        events = odd.events(*streamed).events if claude else words(TEXT).events
        reply = Reply(events=("".join(events or ()),))

    def late(body: Any) -> Reply:
        clock.advance(100.0)
        return reply

    with Odd([late]) as server:
        policy = Policy(deadline=60.0, stream=not unary)
        result = _ask(server.url, policy, way=way, claude=claude, runtime=clock.runtime)
        assert len(server.requests) == 1
    assert (result.text, result.complete, result.reason) == (TEXT, True, "finished")


class _Body(httpx.AsyncByteStream):
    """Two pieces, and then silence, or the end."""

    def __init__(self, *, ends: bool) -> None:
        self._ends = ends

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"
        if not self._ends:
            await anyio.sleep_forever()


class _Until:
    """A deadline that comes near as time goes by."""

    def __init__(self, *left: float) -> None:
        self._left = list(left)

    @property
    def left(self) -> float | None:
        return self._left.pop(0) if len(self._left) > 1 else self._left[0]

    def late(self) -> bool:
        return False


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize(
    ("left", "extensions"),
    [
        pytest.param((9.0, 4.0, 0.0), {"network_stream": None, "http_version": b"HTTP/1.1"}, id="near, later on"),
        pytest.param((0.0,), {"network_stream": None, "http_version": b"HTTP/1.1"}, id="near"),
        pytest.param((0.0,), {"network_stream": None, "http_version": b"HTTP/2"}, id="a shared connection"),
        pytest.param((0.0,), {}, id="another transport"),
    ],
)
def test_a_read_whose_own_timeout_is_longer_ends_at_the_deadline(
    backend: str, left: tuple[float, ...], extensions: dict[str, Any]
) -> None:
    """What arrives is read, and silence ends then, whatever the timeout of the request would allow."""
    seen: list[bytes] = []

    async def read() -> None:
        request = httpx.Request("POST", "http://test", extensions={"timeout": {"read": 5.0}})
        response = httpx.Response(200, stream=_Body(ends=False), extensions=extensions, request=request)
        assert watching.watch(SimpleNamespace(response=response), _Until(*left))
        with anyio.fail_after(20):
            async for data in response.aiter_raw():
                seen.append(data)

    with pytest.raises(watching.LateError):
        anyio.run(read, backend=backend)
    assert seen == [b"one", b"two"]


@pytest.mark.parametrize(
    ("extensions", "timed"),
    [
        ({"network_stream": None, "http_version": b"HTTP/1.1"}, 0),
        ({"network_stream": None, "http_version": b"HTTP/2"}, 3),
        ({}, 3),
    ],
)
def test_reads_that_end_before_the_deadline_by_themselves_get_no_timer(
    extensions: dict[str, Any], timed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing is known to end them they get one."""
    timers: list[float | None] = []
    wait = watching.in_time

    async def counted(what: Any, left: float | None) -> Any:
        timers.append(left)
        return await wait(what, left)

    monkeypatch.setattr(watching, "in_time", counted)

    async def read() -> list[bytes]:
        request = httpx.Request("POST", "http://test", extensions={"timeout": {"read": 5.0}})
        response = httpx.Response(200, stream=_Body(ends=True), extensions=extensions, request=request)
        assert watching.watch(SimpleNamespace(response=response), _Until(9.0))
        return [data async for data in response.aiter_raw()]

    assert anyio.run(read) == [b"one", b"two"]
    assert len(timers) == timed
