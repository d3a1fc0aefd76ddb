"""A scripted HTTP server that answers in order what it was told to, quirks of lesser-known servers included."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """One answer: a JSON value, a text or bytes, or the events of a stream, which may break off.

    Attributes:
        content_type: None: JSON, or that of a stream.
        pause: seconds after each event.
    """

    body: Any = None
    status: int = 200
    content_type: str | None = None
    events: Iterable[str | bytes] | None = None
    drop: bool = False
    pause: float = 0.0
    headers: tuple[tuple[str, str], ...] = ()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the game."""


Script = Reply | Callable[[dict[str, Any]], Reply]


@dataclass
class Odd:
    """Answers each POST with the next script, the last one for ever.

    Attributes:
        scripts: the answers, or functions from the request's body to one.
        requests: the bodies of the requests so far.
        headers: theirs, by names in lower case.
    """

    scripts: list[Script]
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def __enter__(self) -> Odd:
        odd = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:
                pass

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
                script = odd.scripts[min(len(odd.requests), len(odd.scripts) - 1)]
                odd.headers.append({name.lower(): value for name, value in self.headers.items()})
                odd.requests.append(body)
                with suppress(OSError):  # the client may hang up
                    _answer(self, script if isinstance(script, Reply) else script(body))

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _bytes(data: str | bytes) -> bytes:
    return data if isinstance(data, bytes) else data.encode()


def _answer(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    handler.send_response(reply.status)
    for name, value in reply.headers:
        handler.send_header(name, value)
    if reply.events is None:
        data = _bytes(reply.body if isinstance(reply.body, str | bytes) else json.dumps(reply.body))
        handler.send_header("content-type", reply.content_type or "application/json")
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)
        return
    handler.send_header("content-type", reply.content_type or "text/event-stream")
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    for event in reply.events:
        data = _bytes(event)
        handler.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        if reply.pause:
            handler.wfile.flush()
            time.sleep(reply.pause)
    handler.wfile.flush()
    if reply.drop:
        handler.close_connection = True
    else:
        handler.wfile.write(b"0\r\n\r\n")


# -- OpenAI -------------------------------------------------------------------------------------------------------


def chunk(delta: Any = None, finish: str | None = None, *, index: int = 0, **more: Any) -> dict[str, Any]:
    """One chunk; `more` stands beside its choices."""
    choice = {"index": index, "delta": delta if delta is not None else {}, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": [choice], **more}


def usage(read: int, written: int) -> dict[str, Any]:
    """The chunk at the end that says what it cost."""
    counts = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    return {**chunk(), "choices": [], "usage": counts}


def chunks(*values: dict[str, Any], drop: bool = False) -> Reply:
    """A stream of chunks."""
    events = [f"data: {json.dumps(value)}\n\n" for value in values]
    return Reply(events=(*events, *(() if drop else ("data: [DONE]\n\n",))), drop=drop)


def words(*parts: str, finish: str = "stop") -> Reply:
    """A stream of text, with a usage."""
    return chunks(chunk({"role": "assistant", "content": ""}), *_deltas(parts), chunk({}, finish), usage(5, 10))


def _deltas(parts: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    return (chunk({"content": part}) for part in parts)


def call(*arguments: str, text: str = "", finish: str = "tool_calls", drop: bool = False) -> Reply:
    """A stream that calls a tool, after some text."""
    start = {"index": 0, "id": "t1", "type": "function", "function": {"name": "f", "arguments": ""}}
    parts = [chunk({"tool_calls": [{"index": 0, "function": {"arguments": part}}]}) for part in arguments]
    first = chunk({"role": "assistant", "content": text or None})
    end = [] if drop else [chunk({}, finish), usage(5, 10)]
    return chunks(first, chunk({"tool_calls": [start]}), *parts, *end, drop=drop)


def completion(message: Any, finish: str = "stop", **more: Any) -> Reply:
    """A unary reply; `more` stands beside its choices."""
    choice = {"index": 0, "finish_reason": finish, "message": message}
    return Reply({"id": "c1", "object": "chat.completion", "created": 7, "model": "m", "choices": [choice], **more})


# -- Anthropic ----------------------------------------------------------------------------------------------------


def start(**message: Any) -> dict[str, Any]:
    """`message_start`."""
    return {
        "type": "message_start",
        "message": {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 1}, **message,
        },
    }  # fmt: skip


def block(index: int, opening: dict[str, Any], *deltas: dict[str, Any], stop: bool = True) -> list[dict[str, Any]]:
    """A content block."""
    events: list[dict[str, Any]] = [{"type": "content_block_start", "index": index, "content_block": opening}]
    events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    return [*events, {"type": "content_block_stop", "index": index}] if stop else events


def text_block(index: int, *parts: str) -> list[dict[str, Any]]:
    """A block of text."""
    return block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": part} for part in parts))


def thinking_block(index: int, thought: str, *, stop: bool = True) -> list[dict[str, Any]]:
    """A block of thinking."""
    opening = {"type": "thinking", "thinking": "", "signature": ""}
    return block(index, opening, {"type": "thinking_delta", "thinking": thought}, stop=stop)


def tool_block(index: int, *arguments: str) -> list[dict[str, Any]]:
    """A tool call."""
    opening = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
    return block(index, opening, *({"type": "input_json_delta", "partial_json": part} for part in arguments))


def end(reason: str, *, written: int = 5, delta: Any = None, usage: Any = None) -> list[dict[str, Any]]:
    """`message_delta` and `message_stop`."""
    said = {"stop_reason": reason, "stop_sequence": None, **(delta or {})}
    counts = {"output_tokens": written, **(usage or {})}
    return [{"type": "message_delta", "delta": said, "usage": counts}, {"type": "message_stop"}]


def events(*values: dict[str, Any], drop: bool = False) -> Reply:
    """A stream of events."""
    return Reply(events=tuple(f"event: {v['type']}\ndata: {json.dumps(v)}\n\n" for v in values), drop=drop)
