"""Connections for hundreds of requests at once, cheaper than one pool for them all.

For each request that begins or ends, httpcore looks at every connection of its pool, and asks the system about every
idle one. With 200 documents in flight, of which some are just being written down, that is a part of what a request
costs. Here every connection has a pool of its own, and the one that was used last goes first, so that the others end.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import httpx2

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

_KEEP: float = 30.0  # seconds that an idle connection is used again
_ALIVE = (
    ("SO_KEEPALIVE", socket.SOL_SOCKET, 1),
    ("TCP_KEEPIDLE", socket.IPPROTO_TCP, 60),
    ("TCP_KEEPINTVL", socket.IPPROTO_TCP, 60),
    ("TCP_KEEPCNT", socket.IPPROTO_TCP, 5),
)


class ManyConnections(httpx2.AsyncBaseTransport):
    """A transport for the HTTP client of an SDK whose requests are many at once. Proxies are not looked for.

    `AsyncOpenAI(http_client=openai.DefaultAsyncHttpxClient(transport=continuum.batch.ManyConnections()))`

    Args:
        verify: the context that checks certificates; None: the usual one.
    """

    def __init__(self, verify: ssl.SSLContext | None = None) -> None:
        self._verify = verify or httpx2.create_ssl_context()  # one for all: reading the certificates takes its time
        self._free: list[httpx2.AsyncHTTPTransport] = []
        self._all: list[httpx2.AsyncHTTPTransport] = []

    def _new(self) -> httpx2.AsyncHTTPTransport:
        alive = [(level, getattr(socket, name), value) for name, level, value in _ALIVE if hasattr(socket, name)]
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=1, keepalive_expiry=_KEEP)
        made = httpx2.AsyncHTTPTransport(verify=self._verify, limits=limits, socket_options=alive)
        self._all.append(made)
        return made

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it over a connection that nobody uses now."""
        one = self._free.pop() if self._free else self._new()
        try:
            response = await one.handle_async_request(request)
        except BaseException:
            self._free.append(one)
            raise
        response.stream = _Stream(response.stream, lambda: self._free.append(one))
        return response

    async def aclose(self) -> None:
        """Close all connections."""
        for one in self._all:
            await one.aclose()


class _Stream(httpx2.AsyncByteStream):
    """The body of a response; tells when it is closed."""

    def __init__(self, body: Any, closed: Callable[[], None]) -> None:
        self._body = body
        self._closed: Callable[[], None] | None = closed

    def __aiter__(self) -> AsyncIterator[bytes]:
        found: AsyncIterator[bytes] = self._body.__aiter__()
        return found

    async def aclose(self) -> None:
        try:
            await self._body.aclose()
        finally:
            closed, self._closed = self._closed, None
            if closed is not None:
                closed()
