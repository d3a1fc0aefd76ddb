"""The bodies of HTTP responses, read no further than the deadline.

Servers whose models think for long send keep-alives: comments, pings, blanks in front of JSON. No SDK shows them, and
no timeout of a single read ends them, so it is the bytes that are watched.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncGenerator
from functools import cache
from inspect import isawaitable
from types import FunctionType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

import anyio

from continuum._core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

_T = TypeVar("_T")
_MOMENT = 0.05  # seconds for what has arrived already


class LateError(Exception):
    """The deadline passed before the next bytes of a reply came."""


class Deadline(Protocol):
    """When a run has to be over."""

    @property
    def left(self) -> float | None:
        """Seconds until then, None for ever."""
        ...

    def late(self) -> bool:
        """Whether that has passed."""
        ...


class _Never:
    left: float | None = None

    def late(self) -> bool:
        return False


async def in_time(what: Awaitable[_T], left: float | None) -> _T:
    """Wait for something, but no longer than `left` seconds; what has arrived by then comes even so.

    Raises:
        LateError: if it does not come by then.
    """
    if left is None:
        return await what
    with anyio.move_on_after(max(left, _MOMENT)):
        return await what
    raise LateError


class _Bytes(AsyncGenerator[bytes, None]):
    """The bytes of an async body. No generator function: SDKs leave those to the garbage collector after an error.

    A timer of its own costs as much as a read, so a read gets one only where the timeout that the request has for each
    of them (`patience`: seconds, None for ever) would end after the deadline.
    """

    def __init__(self, body: AsyncIterator[bytes], watched: _Watched) -> None:
        self._body, self._watched = body, watched
        self._begun = False

    async def asend(self, value: None) -> bytes:
        if self._begun and self._watched.over():
            raise StopAsyncIteration
        self._begun = True
        left, patience = self._watched.deadline.left, self._watched.patience
        if left is None or (patience is not None and patience <= left):
            return await anext(self._body)
        return await in_time(anext(self._body), left)

    async def athrow(self, kind: Any, value: Any = None, trace: Any = None) -> bytes:
        await self.aclose()
        raise kind if value is None else value

    async def aclose(self) -> None:
        if isinstance(self._body, AsyncGenerator):
            await self._body.aclose()


class _Watched:
    """A body that is read for as long as it is not late. What has arrived by then is handed on first."""

    def __init__(self, body: Any, deadline: Deadline, patience: float | None, breaks: bool) -> None:
        self.deadline, self.patience = deadline, patience
        self._body, self._breaks = body, breaks

    def over(self) -> bool:
        late = self.deadline.late()
        if late and self._breaks:
            raise LateError
        return late

    def __iter__(self) -> Iterator[bytes]:
        for data in self._body:
            yield data
            if self.over():
                return

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Bytes(aiter(self._body), self)

    def close(self) -> None:
        self._body.close()

    async def aclose(self) -> None:
        await self._body.aclose()

    def __getattr__(self, name: str) -> Any:  # the SDKs keep things there
        return getattr(self._body, name)


@cache
def _watched(base: type) -> Any:
    return type("Watched", (_Watched, base), {})


def watch(stream: Any, deadline: Deadline) -> bool:
    """Let an SDK's stream end where it is late: with what has arrived by then, and a `LateError`.

    Returns:
        Whether that can be done; if not, the chunks have to be watched.
    """
    response = getattr(stream, "response", None)
    return response is not None and _watch(response, deadline, breaks=True)


def _watch(response: Any, deadline: Deadline, *, breaks: bool) -> bool:
    """Let the body of a response end as soon as it is late: with a `LateError`, or as if nothing more came."""
    kind = _kind(response)
    if kind is None:
        return False
    response.stream = _watched(kind)(response.stream, deadline, _patience(response), breaks)
    return True


def _patience(response: Any) -> float | None:
    """Seconds after which a single read of the body ends by the request's own timeout; None if that is not sure.

    It is on a connection of its own. Transports of somebody's own may know no timeouts, and what comes for another
    reply on the same connection (HTTP/2) is a read, too.
    """
    known = getattr(response, "extensions", {})
    if "network_stream" not in known or known.get("http_version") != b"HTTP/1.1":
        return None
    seconds: float | None = (response.request.extensions.get("timeout") or {}).get("read")
    return seconds


def _kind(response: Any) -> Any:
    """The class of bodies that a response's is one of; None for the response of somebody's fake."""
    body = getattr(response, "stream", None)
    for library in filter(None, map(sys.modules.get, ("httpx2", "httpx"))):
        for base in (library.SyncByteStream, library.AsyncByteStream):
            if isinstance(body, base):
                return base
    return None


def read(response: Any, deadline: Deadline) -> None:
    """Read the whole body of a sync response.

    Raises:
        LateError: if it was late before all of it was there.
    """
    _watch(response, deadline, breaks=False)
    response.read()
    if deadline.late() and value_of(response) is None:
        raise LateError


def call(resource: Any, method: Callable[[Any], Any], request: Mapping[str, Any], deadline: Deadline) -> Any:
    """Call a method of an SDK's sync resource, and read the response as `read` does."""
    if not _is_own(resource, method(resource)):
        return method(resource)(**request)
    with method(resource.with_streaming_response)(**request) as answer:
        read(answer.http_response, deadline)
        return answer.parse()


class _Whole:
    """A whole reply that came in place of a stream, with the body that a server would have sent for it."""

    def __init__(self, reply: Any) -> None:
        import httpx2

        self.response = httpx2.Response(200, json=reply.to_dict(mode="json"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        pass


def as_stream(opened: Any) -> Any:
    """What somebody's own function gave where a stream was asked for: a stream, or a whole reply taken for one.

    Raises:
        ConfigurationError: if it is neither.
    """
    if isawaitable(opened):
        return _aas_stream(opened)
    if hasattr(opened, "__enter__") or hasattr(opened, "__aenter__"):
        return opened
    if hasattr(opened, "to_dict"):
        return _Whole(opened)
    raise ConfigurationError(
        f"what stands in place of the client's create() answered stream=True with a {type(opened).__name__}, which is "
        "neither a stream nor a reply of the SDK; if it knows no streams, pass policy=continuum.Policy(stream=False)"
    )


async def _aas_stream(opened: Awaitable[Any]) -> Any:
    return as_stream(await opened)


def is_json(stream: Any, deadline: Deadline) -> bool:
    """Whether what an SDK took for a stream is JSON: it says so, and does not begin as events do.

    Raises:
        LateError: if it was late before anything but blanks was there.
    """
    if not _says_json(stream):
        return False
    response = stream.response
    held, rest = [], iter(response.stream)
    for data in rest:
        held.append(data)
        if data.strip():
            break
        if deadline.late():
            raise LateError
    _put_back(response, held, rest)
    return not _begins_events(held)


async def ais_json(stream: Any) -> bool:
    """The async twin of `is_json`, for `in_time`."""
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
    response.stream = _watched(_kind(response))(body, _Never(), None, breaks=False)


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
