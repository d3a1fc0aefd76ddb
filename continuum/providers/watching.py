"""The bodies of HTTP responses, read no further than the deadline.

Servers whose models think for long send keep-alives: comments, pings, blanks in front of JSON. No SDK shows them, and
no timeout of a single read ends them, so it is the bytes that are watched.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncGenerator
from functools import cache
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping


class LateError(Exception):
    """The deadline passed before the next bytes of a reply came."""


class _Bytes(AsyncGenerator[bytes, None]):
    """The bytes of an async body. No generator function: SDKs leave those to the garbage collector after an error."""

    def __init__(self, body: AsyncIterator[bytes], over: Callable[[], bool]) -> None:
        self._body, self._over = body, over
        self._begun = False

    async def asend(self, value: None) -> bytes:
        if self._begun and self._over():
            raise StopAsyncIteration
        self._begun = True
        return await anext(self._body)

    async def athrow(self, kind: Any, value: Any = None, trace: Any = None) -> bytes:
        await self.aclose()
        raise kind if value is None else value

    async def aclose(self) -> None:
        if isinstance(self._body, AsyncGenerator):
            await self._body.aclose()


class _Watched:
    """A body that is read for as long as it is not late. What has arrived by then is handed on first."""

    def __init__(self, body: Any, late: Callable[[], bool], breaks: bool) -> None:
        self._body, self._late, self._breaks = body, late, breaks

    def _over(self) -> bool:
        late = self._late()
        if late and self._breaks:
            raise LateError
        return late

    def __iter__(self) -> Iterator[bytes]:
        for data in self._body:
            yield data
            if self._over():
                return

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Bytes(aiter(self._body), self._over)

    def close(self) -> None:
        self._body.close()

    async def aclose(self) -> None:
        await self._body.aclose()

    def __getattr__(self, name: str) -> Any:  # the SDKs keep things there
        return getattr(self._body, name)


@cache
def _watched(base: type) -> Any:
    return type("Watched", (_Watched, base), {})


def watch(stream: Any, late: Callable[[], bool]) -> bool:
    """Let an SDK's stream end where it is late: with what has arrived by then, and a `LateError`.

    Returns:
        Whether that can be done; if not, the chunks have to be watched.
    """
    response = getattr(stream, "response", None)
    return response is not None and _watch(response, late, breaks=True)


def _watch(response: Any, late: Callable[[], bool], *, breaks: bool) -> bool:
    """Let the body of a response end as soon as it is late: with a `LateError`, or as if nothing more came."""
    kind = _kind(response)
    if kind is None:
        return False
    response.stream = _watched(kind)(response.stream, late, breaks)
    return True


def _kind(response: Any) -> Any:
    """The class of bodies that a response's is one of; None for the response of somebody's fake."""
    body = getattr(response, "stream", None)
    for library in filter(None, map(sys.modules.get, ("httpx2", "httpx"))):
        for base in (library.SyncByteStream, library.AsyncByteStream):
            if isinstance(body, base):
                return base
    return None


def read(response: Any, late: Callable[[], bool]) -> None:
    """Read the whole body of a sync response.

    Raises:
        LateError: if it was late before all of it was there.
    """
    _watch(response, late, breaks=False)
    response.read()
    if late() and value_of(response) is None:
        raise LateError


def call(resource: Any, method: Callable[[Any], Any], request: Mapping[str, Any], late: Callable[[], bool]) -> Any:
    """Call a method of an SDK's sync resource, and read the response as `read` does."""
    if not _is_own(resource, method(resource)):
        return method(resource)(**request)
    with method(resource.with_streaming_response)(**request) as answer:
        read(answer.http_response, late)
        return answer.parse()


def is_json(stream: Any) -> bool:
    """Whether what an SDK took for a stream is JSON: it says so, and does not begin as events do."""
    if not _says_json(stream):
        return False
    response = stream.response
    held, rest = [], iter(response.stream)
    for data in rest:
        held.append(data)
        if data.strip():
            break
    _put_back(response, held, rest)
    return not _begins_events(held)


async def ais_json(stream: Any) -> bool:
    """The async twin of `is_json`."""
    if not _says_json(stream):
        return False
    response = stream.response
    held, rest = [], aiter(response.stream)
    async for data in rest:
        held.append(data)
        if data.strip():
            break
    _put_back(response, held, rest)
    return not _begins_events(held)


class _Held:
    """A body of which the beginning has been read."""

    def __init__(self, held: list[bytes], rest: Any, body: Any) -> None:
        self._held, self._rest, self._body = held, rest, body

    def __iter__(self) -> Iterator[bytes]:
        yield from self._held
        yield from self._rest

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for data in self._held:
            yield data
        async for data in self._rest:
            yield data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)


def _put_back(response: Any, held: list[bytes], rest: Any) -> None:
    """Let the body of a response begin again with what has been read of it."""
    body = _Held(held, rest, response.stream)
    response.stream = _watched(_kind(response))(body, lambda: False, breaks=False)


def _says_json(stream: Any) -> bool:
    response = getattr(stream, "response", None)
    kind = response.headers.get("content-type", "") if response is not None else ""
    return str(kind).partition(";")[0].strip().lower() == "application/json" and _kind(response) is not None


def _begins_events(held: list[bytes]) -> bool:
    return b"".join(held).lstrip()[:5].startswith((b"data", b"event", b"id", b":", b"retry"))


def _is_own(resource: Any, method: Any) -> bool:
    """Whether a method is the SDK's own, which gives the response itself if asked to; not so a mock, or a tracer's."""
    name, client = getattr(method, "__name__", ""), getattr(resource, "_client", None)
    if client is None or name in vars(resource):
        return False
    ways = [(type(resource), name), *((type(client), way) for way in ("request", "post", "get"))]
    return all(_wrote(getattr(owner, way, None)) for owner, way in ways)


def _wrote(function: Any) -> bool:
    """Whether an SDK wrote a function: by where its code lives, for `functools.wraps` copies name and module."""
    home = str(getattr(function, "__globals__", {}).get("__name__"))
    return isinstance(function, FunctionType) and home.partition(".")[0] in ("openai", "anthropic")


def value_of(response: Any) -> Any:
    """The JSON value of a body that was read; None if it is none."""
    try:
        return json.loads(response.content)
    except ValueError:
        return None
