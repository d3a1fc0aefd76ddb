"""The HTTP side of the simulated provider: one object per connection.

Requests are parsed by h11. Responses are written by hand, as a benchmark with a thousand streams spends its time
here, and every server-sent event is one HTTP chunk, as real providers send them.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import h11

from continuum.testing.engine import Engine, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BATCH = 256
_MOST_HEADER_BYTES = 64 * 1024
_STALL = 60.0
_EVENTS_BEFORE_FAULT = 3


class Site:
    """What all connections share."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.connections: set[Connection] = set()
        self.active = 0

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """The outcome of one request; a function of the caller that fails becomes a 500 which says so."""
        try:
            return self.engine.handle(method, path, headers, body)
        except Exception as error:
            self.engine.statuses[500] += 1
            text = json.dumps({"error": {"message": f"the simulated provider failed: {error!r}", "type": "internal"}})
            return Outcome(500, {"content-type": "application/json", "x-should-retry": "false"}, text.encode())


class Connection(asyncio.Protocol):
    """One TCP connection: one request after the other, each answered by a task."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._parser = h11.Connection(h11.SERVER, max_incomplete_event_size=_MOST_HEADER_BYTES)
        self._request: h11.Request | None = None
        self._body: list[bytes] = []
        self._pending: list[bytes] = []
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._site.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._site.connections.discard(self)
        if self._task is not None:
            self._task.cancel()

    def abort(self) -> asyncio.Task[None] | None:
        """Closes the connection at once; returns the task that was answering, if any."""
        self._transport.abort()
        if self._task is not None:
            self._task.cancel()
        return self._task

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.receive_data(data)
            if self._task is None:
                self._parse()
        except h11.RemoteProtocolError as error:
            self._write_head(error.error_status_hint, {"content-length": "0", "connection": "close"})
            self._flush()
            self._transport.close()

    def _parse(self) -> None:
        while True:
            event = self._parser.next_event()
            if isinstance(event, h11.Request):
                self._request = event
                if self._parser.they_are_waiting_for_100_continue:
                    self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            elif isinstance(event, h11.Data):
                self._body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                self._task = asyncio.get_running_loop().create_task(self._respond())
                return
            else:
                return

    async def _respond(self) -> None:
        request = self._request
        assert request is not None
        site = self._site
        site.active += 1
        try:
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
            body = b"".join(self._body)
            outcome = site.handle(request.method.decode(), request.target.decode("latin-1"), headers, body)
            if outcome.frames is not None:
                keep = await self._send_stream(outcome)
            else:
                keep = await self._send_whole(outcome)
        finally:
            site.active -= 1
        if not keep or headers.get("connection", "").lower() == "close":
            self._transport.close()
        else:
            self._next_request()

    def _next_request(self) -> None:
        """Makes ready for the next request, parts of which may have come already."""
        left, _ = self._parser.trailing_data
        self._parser = h11.Connection(h11.SERVER, max_incomplete_event_size=_MOST_HEADER_BYTES)
        self._request, self._body, self._task = None, [], None
        if left:
            self.data_received(left)

    def _write_head(self, status: int, headers: Mapping[str, str]) -> None:
        phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unknown"
        lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        self._pending.append("\r\n".join(lines).encode("latin-1"))

    def _flush(self) -> None:
        """Sends what was put together, in one write: small answers are one packet."""
        self._transport.write(b"".join(self._pending))
        self._pending.clear()

    async def _sleep(self, seconds: float) -> None:
        self._flush()
        await asyncio.sleep(seconds)

    async def _send_whole(self, outcome: Outcome) -> bool:
        """Sends an answer that is not streamed. False if the connection is to be closed."""
        if outcome.status == 0:
            return False
        options = self._site.engine.options
        wait = options.first_delay + options.delay * max(0, outcome.events - 1)
        if outcome.events and wait:
            await asyncio.sleep(wait)
        body, fault = outcome.body, outcome.fault
        self._write_head(outcome.status, {**outcome.headers, "content-length": str(len(body))})
        if fault is not None and fault.kind == "stall":
            await self._sleep(_STALL if fault.seconds is None else fault.seconds)
        if fault is not None and fault.kind in ("drop", "reset"):
            self._pending.append(body[: len(body) // 2])
            await self._break_off(fault.kind)
            return False
        self._pending.append(body)
        self._flush()
        return True

    async def _send_stream(self, outcome: Outcome) -> bool:
        """Sends a stream of events. False if the connection is to be closed."""
        options, frames, fault = self._site.engine.options, outcome.frames, outcome.fault
        assert frames is not None
        if options.first_delay:
            await asyncio.sleep(options.first_delay)
        self._write_head(outcome.status, {**outcome.headers, "transfer-encoding": "chunked"})
        self._add_events(frames.opening)
        before = len(frames.deltas)
        if fault is not None:
            before = _EVENTS_BEFORE_FAULT if fault.amount is None else fault.amount
        await self._send_events(frames.deltas[:before])
        kind = fault.kind if fault is not None else ""
        if outcome.fault_event:
            self._add_events((outcome.fault_event,))
        if kind in ("drop", "reset"):
            await self._break_off(kind)
            return False
        if kind not in ("silent_end", "error_event"):
            if fault is not None and kind == "stall":
                await self._sleep(_STALL if fault.seconds is None else fault.seconds)
            await self._send_events(frames.deltas[before:])
            self._add_events(frames.closing)
        self._pending.append(b"0\r\n\r\n")
        self._flush()
        return True

    async def _break_off(self, kind: str) -> None:
        """Ends the connection in the middle of a body: by a FIN after all that was written, or by a reset."""
        self._flush()
        if kind == "reset":
            # A reset may overtake what was written; this gives the client time to read it.
            await asyncio.sleep(0.02)
            _set_linger_zero(self._transport)

    async def _send_events(self, events: Sequence[bytes]) -> None:
        """Sends the events at their pace. A server that is late sends all that are due at once.

        What is left at the end stays in `_pending`, so that the last events travel with what follows them.
        """
        loop, delay = asyncio.get_running_loop(), self._site.engine.options.delay
        start, sent, total = loop.time(), 0, len(events)
        while sent < total:
            due = min(total, sent + _BATCH)
            if delay:
                due = min(due, int((loop.time() - start) / delay) + 1)
            self._add_events(events[sent:due])
            sent = max(sent, due)
            if sent < total:
                await self._sleep(max(0.0, start + sent * delay - loop.time()) if delay else 0)
                await self._writable.wait()

    def _add_events(self, events: Sequence[bytes]) -> None:
        """One HTTP chunk for each event."""
        self._pending += [b"%x\r\n%b\r\n" % (len(event), event) for event in events]


def _set_linger_zero(transport: asyncio.Transport) -> None:
    """Makes the close of the socket a TCP reset."""
    sock: Any = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
