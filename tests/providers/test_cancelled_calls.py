"""A run that is cancelled, or otherwise torn down, in the middle of a tool call: the piece that came was paid for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anthropic
import anyio
import httpx2
import openai
import pytest

import continuum
from continuum import Policy, Result
from continuum._core.machine import Continuation
from continuum._core.types import CutToolCall, Failure, Response, Usage
from tests.providers import odd
from tests.providers.odd import Odd
from tests.providers.test_broken_calls import CHAT, TEXT, TOOL, _chat, _claude, _responses

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

KINDS = ["chat", "claude", "responses"]
REPLIES: dict[str, Any] = {"chat": _chat, "claude": _claude, "responses": _responses}
PIECE = b'{\\"a\\"'  # of the arguments, as it comes over the wire
POLICY = Policy(retry_initial=0.01, retry_max=0.02, deadline=30.0)


class _Body(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """The body of a response; something happens when all that came up to the piece has been read."""

    def __init__(self, body: Any, then: Callable[[], Any]) -> None:
        self._body, self._then = body, then

    def __iter__(self) -> Iterator[bytes]:
        seen = b""
        for data in self._body:
            seen += data
            yield data
            if PIECE in seen:
                self._then()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen = b""
        async for data in self._body:
            seen += data
            yield data
            if PIECE in seen:
                await self._then()

    def close(self) -> None:
        self._body.close()

    async def aclose(self) -> None:
        await self._body.aclose()


class Network(httpx2.HTTPTransport):
    def __init__(self, then: Callable[[], Any]) -> None:
        super().__init__(verify=False)
        self._then = then

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        response = super().handle_request(request)
        response.stream = _Body(response.stream, self._then)
        return response


class AsyncNetwork(httpx2.AsyncHTTPTransport):
    def __init__(self, then: Callable[[], Awaitable[Any]]) -> None:
        super().__init__(verify=False)
        self._then = then

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        response.stream = _Body(response.stream, self._then)
        return response


def params(kind: str) -> dict[str, Any]:
    if kind == "claude":
        return {**CHAT, "max_tokens": 1000, "tools": [{"name": "f", "input_schema": {"type": "object"}}]}
    if kind == "responses":
        return {"model": "m", "input": "hi", "tools": [{"type": "function", **TOOL}]}
    return {**CHAT, "tools": [{"type": "function", "function": TOOL}]}


def sync_client(kind: str, server: Odd, then: Callable[[], Any]) -> Any:
    http = httpx2.Client(transport=Network(then))
    if kind == "claude":
        return anthropic.Anthropic(base_url=server.url, api_key="k", http_client=http)
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="k", http_client=http)


def async_client(kind: str, server: Odd, then: Callable[[], Awaitable[Any]]) -> Any:
    http = httpx2.AsyncClient(transport=AsyncNetwork(then))
    if kind == "claude":
        return anthropic.AsyncAnthropic(base_url=server.url, api_key="k", http_client=http)
    return openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="k", http_client=http)


def create_of(kind: str, client: Any, policy: Policy = POLICY) -> Any:
    wrapped = continuum.wrap(client, policy=policy)
    owner = {"chat": lambda: wrapped.chat.completions, "claude": lambda: wrapped.messages}
    return owner.get(kind, lambda: wrapped.responses)().create


def check(result: Result, text: str = "") -> None:
    """All that came is there, and on the bill."""
    assert (result.text, result.complete, result.reason) == (text, False, "cancelled")
    assert [(call.name, call.arguments, call.id) for call in result.cut_tool_calls] == [("f", '{"a"', "t1")]
    assert result.usage.output_tokens > 0
    assert result.usage.input_tokens > 0
    assert result.failure is None


@pytest.mark.parametrize("text", ["", TEXT], ids=["call alone", "text before it"])
@pytest.mark.parametrize("way", ["complete", "stream", "create", "create a stream"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_sync_run_that_is_torn_down_keeps_the_piece(kind: str, way: str, text: str) -> None:
    """Ctrl-C, for example, while the next bytes are waited for."""

    def stop() -> None:
        raise KeyboardInterrupt

    def ask(client: Any) -> None:
        if way == "complete":
            continuum.complete(client, policy=POLICY, **params(kind))
        elif way == "stream":
            streams.append(continuum.stream(client, policy=POLICY, **params(kind)))
            list(streams[0])
        else:
            list(create_of(kind, client)(**params(kind), stream=way != "create"))

    streams: list[Any] = []
    with Odd([REPLIES[kind](text, drop=True)]) as server, sync_client(kind, server, stop) as client:
        with pytest.raises(KeyboardInterrupt) as caught:
            ask(client)
        check(continuum.result_of(caught.value), text)
        for events in streams:
            check(events.result, text)
        assert len(server.requests) == 1


@pytest.mark.parametrize("text", ["", TEXT], ids=["call alone", "text before it"])
@pytest.mark.parametrize("way", ["acomplete", "astream", "create", "create a stream"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cancelled_async_run_keeps_the_piece(backend: str, kind: str, way: str, text: str) -> None:
    """Cancelled from outside, while the next bytes are waited for."""
    found: list[Result] = []

    async def main(server: Odd) -> None:
        with anyio.CancelScope() as scope:

            async def stop() -> None:
                scope.cancel()
                await anyio.sleep_forever()

            client = async_client(kind, server, stop)
            try:
                if way == "acomplete":
                    await continuum.acomplete(client, policy=POLICY, **params(kind))
                elif way == "astream":
                    async with continuum.astream(client, policy=POLICY, **params(kind)) as events:
                        async for _ in events:
                            pass
                else:
                    answer = await create_of(kind, client)(**params(kind), stream=way != "create")
                    async for _ in answer:
                        pass
            except BaseException as error:
                found.append(continuum.result_of(error))
                raise
            finally:
                with anyio.CancelScope(shield=True):
                    await client.close()
        assert scope.cancelled_caught

    with Odd([REPLIES[kind](text, drop=True)]) as server:
        anyio.run(main, server, backend=backend)
        assert len(server.requests) == 1
    (result,) = found
    check(result, text)


def test_of_several_choices_each_keeps_its_piece() -> None:
    """The first request brought half a call for the second choice, which was to be decided on when its turn came."""
    said = odd.chunk({"role": "assistant", "content": "Some words of the first "})
    tool = {"index": 0, "id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"b"'}}
    first = odd.chunks(said, odd.chunk({"tool_calls": [tool]}, index=1), odd.chunk({}, "length"))
    second = odd.chunks(odd.chunk({"content": "choice."}), odd.chunk({"content": ' {"a"'}), drop=True)

    def stop() -> None:
        raise KeyboardInterrupt

    with (
        Odd([first, second]) as server,
        sync_client("chat", server, stop) as client,
        pytest.raises(KeyboardInterrupt) as caught,
    ):
        continuum.complete(client, policy=POLICY, n=2, **params("chat"))
    (other,) = continuum.result_of(caught.value).alternatives
    assert other.cut_tool_calls == (CutToolCall("f", '{"b"', "t1"),)
    assert other.reason == "cancelled"


def test_a_request_that_brought_nothing_is_not_on_the_bill() -> None:
    """It was cancelled before a byte of the reply came, and nobody knows whether the server has read it."""

    async def main() -> None:
        waits = asyncio.Event()

        class Silent(httpx2.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
                waits.set()
                await asyncio.sleep(3600)
                raise AssertionError

        http = httpx2.AsyncClient(transport=Silent())
        async with openai.AsyncOpenAI(base_url="http://127.0.0.1:9/v1", api_key="k", http_client=http) as client:
            task = asyncio.create_task(continuum.acomplete(client, policy=POLICY, **CHAT))
            await waits.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
        result = continuum.result_of(caught.value)
        assert (result.usage, result.cut_tool_calls, result.text) == (Usage(), (), "")

    asyncio.run(main())


def test_what_a_failure_brought_is_kept_and_charged() -> None:
    """Once: a machine that has ended takes nothing more."""
    call, usage = CutToolCall("f", '{"a', "t1"), Usage(10, 4, estimated=True)
    machine = Continuation(cap=100)
    machine.start()
    machine.receive(Response("The first half ", "length", usage=Usage(5, 5)))
    broken = Failure("transient", "the stream broke", usage=usage, cut_tool_calls=(call,))
    for _ in range(2):
        machine.cancel(broken)
    result = machine.result()
    assert (result.text, result.reason, result.rounds) == ("The first half ", "cancelled", 1)
    assert (result.cut_tool_calls, result.usage) == ((call,), Usage(15, 9, estimated=True))
