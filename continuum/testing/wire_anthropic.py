"""The shapes of Anthropic Messages: request in, response bodies and server-sent events out."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, Final

from continuum.testing.chat import Chat, Frames, RequestError, Turn, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from continuum.testing.behaviours import Behaviour
    from continuum.testing.chat import Identity, Reply
    from continuum.testing.limits import LimitState

REQUEST_ID_HEADER: Final = "request-id"

_FINISH: Final = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "context_window": "model_context_window_exceeded",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
    "pause_turn": "pause_turn",
}
_ERROR_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def parse(body: Any) -> Chat:
    """Checks a request body as the provider does.

    Raises:
        RequestError: the provider would answer 400.
    """
    if not isinstance(body, dict):
        raise RequestError("The request body is not valid JSON.")
    for name in ("model", "messages", "max_tokens"):
        if name not in body:
            raise RequestError(f"{name}: Field required")
    messages, cap = body["messages"], body["max_tokens"]
    if not isinstance(messages, list) or not messages:
        raise RequestError("messages: at least one message is required")
    if not isinstance(cap, int):
        raise RequestError("max_tokens: Input should be a valid integer")
    if cap < 1:
        raise RequestError("max_tokens: must be greater than or equal to 1")
    system = text_of(body.get("system"))
    turns = [Turn("system", system, {})] if system else []
    turns += [_turn(message, index, index == len(messages) - 1) for index, message in enumerate(messages)]
    return Chat(
        wire="anthropic",
        model=str(body["model"]),
        turns=tuple(turns),
        body=body,
        cap=cap,
        stream=bool(body.get("stream")),
        stop=tuple(body.get("stop_sequences") or ()),
    )


def _turn(message: Any, index: int, is_last: bool) -> Turn:
    role = message.get("role") if isinstance(message, dict) else None
    if role not in ("user", "assistant"):
        raise RequestError(f"messages.{index}.role: Input should be 'user' or 'assistant'")
    content = message.get("content")
    text = text_of(content)
    is_text = isinstance(content, str) or all(block.get("type") == "text" for block in content or ())
    if not content and not (is_last and role == "assistant"):
        rule = "all messages must have non-empty content except for the optional final assistant message"
        raise RequestError(f"messages.{index}: {rule}")
    if content and is_text and not text.strip():
        raise RequestError("messages: text content blocks must contain non-whitespace text")
    return Turn(role, text, message)


def cap_name(_: Chat) -> str:
    """The name under which the caller gave the cap."""
    return "max_tokens"


def window_error(prompt_tokens: int, window: int) -> RequestError:
    """The prompt alone fills the context window."""
    return RequestError(f"prompt is too long: {prompt_tokens} tokens > {window} maximum")


def _finish_word(reply: Reply) -> str | None:
    return {"other": reply.finish_word, "none": None}.get(reply.finish, _FINISH.get(reply.finish))


def _stop_details(reply: Reply) -> dict[str, Any] | None:
    if reply.finish not in ("content_filter", "refusal"):
        return None
    return {"type": "refusal", "category": None, "explanation": reply.refusal}


def _has_thinking(reply: Reply) -> bool:
    return reply.reasoning_tokens > 0


def _output_usage(reply: Reply) -> dict[str, Any]:
    details = {"thinking_tokens": reply.reasoning_tokens}
    return {"output_tokens": reply.output_tokens, "output_tokens_details": details}


def _input_usage(chat: Chat, prompt_tokens: int) -> dict[str, Any]:
    return {
        "input_tokens": prompt_tokens - chat.cache_read - chat.cache_written,
        "cache_creation_input_tokens": chat.cache_written,
        "cache_read_input_tokens": chat.cache_read,
        "service_tier": "standard",
    }


def _envelope(chat: Chat, identity: Identity, content: list[dict[str, Any]], usage: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"msg_{identity.number:024d}",
        "type": "message",
        "role": "assistant",
        "model": chat.model,
        "content": content,
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


def unary(chat: Chat, replies: Sequence[Reply], prompt_tokens: int, identity: Identity) -> bytes:
    """The body of an answer that is not streamed."""
    reply = replies[0]
    content: list[dict[str, Any]] = []
    if _has_thinking(reply):
        content.append({"type": "thinking", "thinking": "".join(reply.reasoning), "signature": "c2ltdWxhdGVk"})
    if reply.pieces:
        content.append({"type": "text", "text": "".join(reply.pieces)})
    if reply.tool:
        content.append({**_tool_block(reply, identity), "input": _loads_open("".join(reply.tool.arguments))})
    body = _envelope(chat, identity, content, {**_input_usage(chat, prompt_tokens), **_output_usage(reply)})
    body |= {"stop_reason": _finish_word(reply), "stop_sequence": reply.stop_sequence}
    if details := _stop_details(reply):
        body["stop_details"] = details
    return json.dumps(body, ensure_ascii=False).encode()


def _loads_open(arguments: str) -> Any:
    """The arguments of a call; of a call that was cut, the provider shows an empty object."""
    try:
        return json.loads(arguments)
    except json.JSONDecodeError:
        return {}


def _tool_block(reply: Reply, identity: Identity) -> dict[str, Any]:
    assert reply.tool is not None
    return {"type": "tool_use", "id": f"toolu_{identity.number:024d}", "name": reply.tool.name, "input": {}}


def _event(name: str, **data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()


def frames(chat: Chat, replies: Sequence[Reply], prompt_tokens: int, identity: Identity) -> Frames:
    """The events of a streamed answer."""
    reply = replies[0]
    usage = {**_input_usage(chat, prompt_tokens), "output_tokens": 1}
    opening = (_event("message_start", message=_envelope(chat, identity, [], usage)), _event("ping"))
    deltas: list[bytes] = []
    stop = b""
    for index, (block, events) in enumerate(_blocks(reply, identity)):
        start = stop + _event("content_block_start", index=index, content_block=block)
        before = f'event: content_block_delta\ndata: {{"type":"content_block_delta","index":{index},"delta":'
        # The start and the stop of a block travel with a delta, so that faults can count and cut deltas alone.
        first, *rest = [f"{before}{event}}}\n\n".encode() for event in events]
        deltas += [start + first, *rest]
        stop = _event("content_block_stop", index=index)
    closing = [stop] if stop else []
    if (word := _finish_word(reply)) is not None:
        delta: dict[str, Any] = {"stop_reason": word, "stop_sequence": reply.stop_sequence}
        if details := _stop_details(reply):
            delta["stop_details"] = details
        closing.append(_event("message_delta", delta=delta, usage=_output_usage(reply)))
    closing.append(_event("message_stop"))
    return Frames(opening, deltas, tuple(closing))


def _blocks(reply: Reply, identity: Identity) -> list[tuple[dict[str, Any], list[str]]]:
    """Every content block with the JSON of its deltas (at least one)."""
    blocks: list[tuple[dict[str, Any], list[str]]] = []
    if _has_thinking(reply):
        thinking = [f'{{"type":"thinking_delta","thinking":{encode_basestring(piece)}}}' for piece in reply.reasoning]
        thinking.append('{"type":"signature_delta","signature":"c2ltdWxhdGVk"}')
        blocks.append(({"type": "thinking", "thinking": "", "signature": ""}, thinking))
    if reply.pieces:
        # The hot path of every benchmark: nothing but the piece itself is made anew.
        text = [f'{{"type":"text_delta","text":{encode_basestring(piece)}}}' for piece in reply.pieces]
        blocks.append(({"type": "text", "text": ""}, text))
    if reply.tool:
        pieces = reply.tool.arguments or ("",)
        parts = [f'{{"type":"input_json_delta","partial_json":{encode_basestring(piece)}}}' for piece in pieces]
        blocks.append((_tool_block(reply, identity), parts))
    return blocks


def error_body(error: RequestError, identity: Identity) -> bytes:
    """The body of a 4xx."""
    return _error(error.message, _ERROR_TYPES.get(error.status, "invalid_request_error"), identity)


def _error(message: str, kind: str, identity: Identity, code: str | None = None) -> bytes:
    error: dict[str, Any] = {"type": kind, "message": message}
    if code:
        error["details"] = {"error_code": code}
    return json.dumps({"type": "error", "error": error, "request_id": identity.request_id}).encode()


def fault_response(fault: Behaviour, identity: Identity) -> tuple[int, bytes]:
    """Status and body of a fault that takes the place of the answer."""
    if fault.kind in ("quota", "spend_limit"):
        text = fault.text or "You have reached your specified API usage limits."
        return 429, _error(text, "rate_limit_error", identity, "enforced_spend_limit_reached")
    if fault.kind == "error_body":
        return 200, _error(fault.text or "Internal server error", "api_error", identity)
    status = {"429": 429, "529": 529, "overloaded": 529}.get(fault.kind, fault.status or 500)
    default = {429: "This request would exceed your account's rate limit. Please try again later.", 529: "Overloaded"}
    text = fault.text or default.get(status) or ("Internal server error" if status >= 500 else f"Status {status}")
    kind = _ERROR_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return status, _error(text, kind, identity)


def error_event(fault: Behaviour, _: Chat, identity: Identity) -> bytes:
    """An error in the middle of a stream."""
    text = fault.text if fault.text and fault.text != "openrouter" else "Overloaded"
    return b"event: error\ndata: " + _error(text, "overloaded_error", identity) + b"\n\n"


def malformed_event() -> bytes:
    """An event whose data is no JSON."""
    return b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"te\n\n'


def rate_limit_error(exceeded: str, seconds: float, identity: Identity) -> bytes:
    """The body of a 429 of the real limiter."""
    what = "requests" if exceeded == "requests" else "output tokens"
    text = f"This request would exceed your organization's rate limit of {what} per minute ({seconds:.3f}s to wait)."
    return _error(text, "rate_limit_error", identity)


def rate_limit_headers(states: Mapping[str, LimitState]) -> dict[str, str]:
    """`anthropic-ratelimit-*`, with RFC 3339 times."""
    headers: dict[str, str] = {}
    now = datetime.fromtimestamp(time.time(), UTC)
    for name, state in states.items():
        prefix = "anthropic-ratelimit-" + ("requests" if name == "requests" else "output-tokens")
        headers[f"{prefix}-limit"] = str(state.limit)
        headers[f"{prefix}-remaining"] = str(state.remaining)
        # Whole seconds, rounded up: nobody is told a moment at which the bucket is not yet full.
        reset = now + timedelta(seconds=state.reset + 1)
        headers[f"{prefix}-reset"] = reset.isoformat(timespec="seconds").replace("+00:00", "Z")
    return headers


def models(names: Sequence[str], created: int, cap: int | None, window: int | None) -> dict[str, Any]:
    """The list of models, with their limits."""
    day = datetime.fromtimestamp(created, UTC).isoformat().replace("+00:00", "Z")
    data = [
        {
            "type": "model",
            "id": name,
            "display_name": name,
            "created_at": day,
            "lifecycle": "active",
            "max_tokens": cap,
            "max_input_tokens": window,
        }
        for name in names
    ]
    return {"data": data, "has_more": False, "first_id": names[0], "last_id": names[-1]}
