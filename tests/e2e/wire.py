"""What the end-to-end tests put between the SDK and a server: a recorder, and a proxy that drops idle connections."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import httpx2

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType


class Exchange:
    """One request as it went out and one reply as it came in."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.raw = bytearray()

    @property
    def text(self) -> str:
        """The visible text of the reply, read from the bytes without any SDK."""
        return "".join(piece or "" for piece in self._pieces())

    def _pieces(self) -> Iterator[str | None]:
        reply = self.raw.decode()
        if not self.body.get("stream"):
            yield json.loads(reply)["choices"][0]["message"]["content"]
            return
        for line in reply.splitlines():
            if line.startswith("data: {"):
                for choice in json.loads(line.removeprefix("data: "))["choices"]:
                    yield choice["delta"].get("content")


class _Tee(httpx2.SyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream, into: bytearray) -> None:
        self._stream = stream
        self._into = into

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            self._into.extend(chunk)
            yield chunk

    def close(self) -> None:
        self._stream.close()


class RecordingTransport(httpx2.HTTPTransport):
    """Records what goes over the wire, and can make the first request of each run a cold one.

    Args:
        cold_start: put `cache_prompt: false` into requests without an assistant turn. llama.cpp computes a prompt that
            is half in its cache in other batches than one that is not, and near-ties between two tokens then fall
            the other way; only a cold first request has the same text each time.
    """

    def __init__(self, *, cold_start: bool = False) -> None:
        super().__init__()
        self.exchanges: list[Exchange] = []
        self._cold_start = cold_start

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.read())
        if self._cold_start and all(message["role"] != "assistant" for message in body["messages"]):
            body["cache_prompt"] = False
            headers = [(k, v) for k, v in request.headers.items() if k.lower() != "content-length"]
            request = httpx2.Request(
                request.method,
                request.url,
                headers=headers,
                content=json.dumps(body, ensure_ascii=False).encode(),
                extensions=request.extensions,
            )
        exchange = Exchange(body)
        self.exchanges.append(exchange)
        response = super().handle_request(request)
        assert isinstance(response.stream, httpx2.SyncByteStream)
        response.stream = _Tee(response.stream, exchange.raw)
        return response


class DroppingProxy:
    """A TCP proxy that serves one request on each connection and hangs up when the next one arrives on it.

    This is what a server does that closes an idle connection at the moment the client uses it again.

    Attributes:
        dropped: requests that were thrown away.
    """

    def __init__(self, port: int, *, drops: int) -> None:
        self.dropped = 0
        self._target = port
        self._drops = drops
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._open: list[socket.socket] = [self._listener]

    @property
    def openai_base_url(self) -> str:
        """For `OpenAI(base_url=…)`."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sock in self._open:
            _hang_up(sock)
        for thread in self._threads:
            thread.join()
        for sock in self._open:
            sock.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed by `__exit__`
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                answered = threading.Event()
                self._open += [client, server]
                for relay in (self._requests, self._replies):
                    thread = threading.Thread(target=relay, args=(client, server, answered))
                    self._threads.append(thread)
                    thread.start()

    def _requests(self, client: socket.socket, server: socket.socket, answered: threading.Event) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                if answered.is_set() and self.dropped < self._drops:
                    self.dropped += 1
                    break
                answered.clear()
                server.sendall(data)
        _hang_up(client)
        _hang_up(server)

    def _replies(self, client: socket.socket, server: socket.socket, answered: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                answered.set()
                client.sendall(data)
        _hang_up(client)


def _hang_up(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
