"""The shapes of OpenAI Chat Completions: request in, response bodies and server-sent events out."""

from __future__ import annotations

import json
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, Final

from continuum.testing.chat import Chat, Frames, RequestError, Turn, text_of
from continuum.testing.tokens import tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from continuum.testing.behaviours import Behaviour
    from continuum.testing.chat import Identity, Reply
    from continuum.testing.limits import LimitState

REQUEST_ID_HEADER: Final = "x-request-id"

_FINISH: Final = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "context_window": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "stop",
    "pause_turn": "pause_turn",
}
_ERROR_TYPES: Final = {401: "authentication_error", 403: "permission_error", 404: "not_found_error"}
_OVERLOADED: Final = "The engine is currently overloaded, please try again later"
_SERVER_ERROR: Final = "The server had an error while processing your request. Sorry about that!"
_QUOTA: Final = "You exceeded your current quota, please check your plan and billing details."


def parse(body: Any) -> Chat:
    """Checks a request body as the provider does.

    Raises:
        RequestError: the provider would answer 400.
    """
    if not isinstance(body, dict):
        raise RequestError("We could not parse the JSON body of your request.", code="invalid_json")
    messages = body.get("messages")
    if not isinstance(messages, list):
        raise RequestError(
            "Missing required parameter: 'messages'.", param="messages", code="missing_required_parameter"
        )
    if not messages:
        text = (
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead."
        )
        raise RequestError(text, param="messages", code="empty_array")
    if not isinstance(body.get("model"), str):
        raise RequestError("you must provide a model parameter", param="model", code="missing_required_parameter")
    stop = body.get("stop") or ()
    options = body.get("stream_options") or {}
    return Chat(
        wire="openai",
        model=body["model"],
        turns=tuple(_turn(message, index) for index, message in enumerate(messages)),
        body=body,
        cap=_cap(body),
        stream=bool(body.get("stream")),
        n=int(body.get("n") or 1),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        include_usage=bool(options.get("include_usage")),
    )


def _turn(message: Any, index: int) -> Turn:
    role = message.get("role") if isinstance(message, dict) else None
    if role not in ("system", "developer", "user", "assistant", "tool", "function"):
        text = f"Invalid value: {role!r}. Supported values are: 'system', 'assistant', 'user', 'function', 'tool'."
        raise RequestError(text, param=f"messages[{index}].role", code="invalid_value")
    return Turn(role, text_of(message.get("content")), message)


def _cap(body: Mapping[str, Any]) -> int | None:
    given = [name for name in ("max_completion_tokens", "max_tokens") if body.get(name) is not None]
    if len(given) == 2:
        text = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise RequestError(text, param="max_tokens", code="invalid_parameter_combination")
    for name in given:
        value = body[name]
        if not isinstance(value, int):
            text = f"Invalid type for '{name}': expected an integer, but got {value!r} instead."
            raise RequestError(text, param=name, code="invalid_type")
        if value < 1:
            text = f"Invalid '{name}': integer below minimum value. Expected a value >= 1, but got {value} instead."
            raise RequestError(text, param=name, code="integer_below_min_value")
        return value
    return None


def cap_name(chat: Chat) -> str:
    """The name under which the caller gave the cap."""
    return "max_completion_tokens" if "max_completion_tokens" in chat.body else "max_tokens"


def window_error(prompt_tokens: int, window: int) -> RequestError:
    """The prompt alone fills the context window."""
    text = (
        f"This model's maximum context length is {window} tokens. However, your messages resulted in "
        f"{prompt_tokens} tokens. Please reduce the length of the messages."
    )
    return RequestError(text, param="messages", code="context_length_exceeded")


def _finish_word(reply: Reply) -> str | None:
    return {"other": reply.finish_word, "none": None}.get(reply.finish, _FINISH.get(reply.finish))


def _usage(chat: Chat, replies: Sequence[Reply], prompt_tokens: int) -> dict[str, Any]:
    output = sum(reply.output_tokens for reply in replies)
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": output,
        "total_tokens": prompt_tokens + output,
        "prompt_tokens_details": {"cached_tokens": chat.cache_read, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": sum(reply.reasoning_tokens for reply in replies),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _tool_call(reply: Reply, number: int, arguments: str) -> dict[str, Any]:
    assert reply.tool is not None
    function = {"name": reply.tool.name, "arguments": arguments}
    return {"id": f"call_{number:024d}", "type": "function", "function": function}


def unary(chat: Chat, replies: Sequence[Reply], prompt_tokens: int, identity: Identity) -> bytes:
    """The body of an answer that is not streamed."""
    choices = []
    for index, reply in enumerate(replies):
        message: dict[str, Any] = {
            "role": "assistant",
            # Real servers answer null only where a tool call stands in place of text.
            "content": None if reply.tool and not reply.pieces else "".join(reply.pieces),
            "refusal": reply.refusal,
            "annotations": [],
        }
        if reply.reasoning:
            message["reasoning_content"] = "".join(reply.reasoning)
        if reply.tool:
            message["tool_calls"] = [_tool_call(reply, identity.number, "".join(reply.tool.arguments))]
        likely = _logprobs("".join(reply.pieces)) if chat.body.get("logprobs") else None
        choices.append({"index": index, "message": message, "logprobs": likely, "finish_reason": _finish_word(reply)})
    body = {
        "id": f"chatcmpl-{identity.number:024d}",
        "object": "chat.completion",
        "created": identity.created,
        "model": chat.model,
        "choices": choices,
        "usage": _usage(chat, replies, prompt_tokens),
        "service_tier": "default",
        "system_fingerprint": "fp_simulated",
    }
    return json.dumps(body, ensure_ascii=False).encode()


def _logprobs(text: str) -> dict[str, Any]:
    """Log probabilities of the tokens of a text: made up, but for what they are of."""
    tokens = [
        {
            "token": token,
            "bytes": list(token.encode("utf-8", "replace")),
            "logprob": -len(token) / 8,
            "top_logprobs": [],
        }
        for token in tokenize(text)
    ]
    return {"content": tokens, "refusal": None}


def frames(chat: Chat, replies: Sequence[Reply], prompt_tokens: int, identity: Identity) -> Frames:
    """The events of a streamed answer; several choices take turns."""
    base = (
        f'data: {{"id":"chatcmpl-{identity.number:024d}","object":"chat.completion.chunk",'
        f'"created":{identity.created},"model":{encode_basestring(chat.model)},'
        '"service_tier":"default","system_fingerprint":"fp_simulated","choices":['
    )
    end = ',"usage":null}\n\n' if chat.include_usage else "}\n\n"

    def chunk(index: int, delta: str, finish: str = "null") -> bytes:
        choice = f'{{"index":{index},"delta":{delta},"logprobs":null,"finish_reason":{finish}}}]'
        return (base + choice + end).encode()

    opening = [chunk(index, '{"role":"assistant","content":"","refusal":null}') for index in range(len(replies))]
    likely = bool(chat.body.get("logprobs"))
    streams = [_deltas(reply, index, base, end, identity, likely=likely) for index, reply in enumerate(replies)]
    closing = [
        chunk(index, "{}", json.dumps(word))
        for index, reply in enumerate(replies)
        if (word := _finish_word(reply)) is not None
    ]
    if chat.include_usage:
        usage = json.dumps(_usage(chat, replies, prompt_tokens))
        closing.append((base + f'],"usage":{usage}}}\n\n').encode())
    closing.append(b"data: [DONE]\n\n")
    return Frames(tuple(opening), list(_interleave(streams)), tuple(closing))


def _deltas(reply: Reply, index: int, base: str, end: str, identity: Identity, *, likely: bool) -> list[bytes]:
    """One event per piece. The text around the piece is made once: this is the hot path of every benchmark."""
    after = '},"logprobs":null,"finish_reason":null}]' + end

    def events(field: str, pieces: Sequence[str]) -> list[bytes]:
        before = f'{base}{{"index":{index},"delta":{{"{field}":'
        if likely and field == "content":
            tokens = [after.replace("null", json.dumps(_logprobs(piece)), 1) for piece in pieces]
            return [f"{before}{encode_basestring(p)}{t}".encode() for p, t in zip(pieces, tokens, strict=True)]
        return [f"{before}{encode_basestring(piece)}{after}".encode() for piece in pieces]

    out = events("reasoning_content", reply.reasoning) + events("content", reply.pieces)
    if reply.refusal is not None:
        out += events("refusal", [reply.refusal])
    if reply.tool:
        first = {"index": 0, **_tool_call(reply, identity.number, "")}
        calls: list[dict[str, Any]] = [first]
        calls += [{"index": 0, "function": {"arguments": piece}} for piece in reply.tool.arguments]
        before = f'{base}{{"index":{index},"delta":{{"tool_calls":['
        out += [f"{before}{json.dumps(call)}]{after}".encode() for call in calls]
    return out


def _interleave(streams: Sequence[list[bytes]]) -> Iterator[bytes]:
    if len(streams) == 1:
        yield from streams[0]
        return
    for step in range(max(map(len, streams))):
        yield from (stream[step] for stream in streams if step < len(stream))


def error_body(error: RequestError, _: Identity) -> bytes:
    """The body of a 4xx."""
    kind = _ERROR_TYPES.get(error.status, "invalid_request_error")
    return _error(error.message, kind, error.param, error.code)


def _error(message: str, kind: str, param: str | None = None, code: str | int | None = None) -> bytes:
    return json.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}}).encode()


def fault_response(fault: Behaviour, _: Identity) -> tuple[int, bytes]:
    """Status and body of a fault that takes the place of the answer."""
    if fault.kind == "429":
        text = fault.text or "Rate limit reached for requests. Please try again later."
        return 429, _error(text, "requests", None, "rate_limit_exceeded")
    if fault.kind in ("quota", "spend_limit"):
        return 429, _error(fault.text or _QUOTA, "insufficient_quota", None, "insufficient_quota")
    if fault.kind == "error_body":
        return 200, _error(fault.text or "Provider returned error", "server_error", None, 502)
    if fault.kind in ("529", "overloaded"):
        return 529 if fault.kind == "529" else 503, _error(fault.text or _OVERLOADED, "server_error")
    status = fault.status or 500
    if status >= 500:
        return status, _error(fault.text or _SERVER_ERROR, "server_error")
    text = fault.text or f"The request was refused with status {status}."
    return status, _error(text, _ERROR_TYPES.get(status, "invalid_request_error"))


def error_event(fault: Behaviour, chat: Chat, identity: Identity) -> bytes:
    """An error in the middle of a stream, in OpenAI's form or in OpenRouter's."""
    if fault.text == "openrouter":
        message = "Provider disconnected unexpectedly"
        delta = {"role": "assistant", "content": ""}
        choice = {"index": 0, "delta": delta, "finish_reason": "error", "native_finish_reason": None}
        body = {
            "id": f"gen-{identity.number}",
            "object": "chat.completion.chunk",
            "created": identity.created,
            "model": chat.model,
            "provider": "Simulated",
            "error": {"code": 502, "message": message},
            "choices": [choice],
        }
        return b"data: " + json.dumps(body).encode() + b"\n\n"
    return b"data: " + _error(fault.text or _SERVER_ERROR, "server_error") + b"\n\n"


def malformed_event() -> bytes:
    """An event whose data is no JSON."""
    return b'data: {"id":"chatcmpl-broken","choices":[{"index":0,"delta":{"content":"\n\n'


def rate_limit_error(exceeded: str, seconds: float, _: Identity) -> bytes:
    """The body of a 429 of the real limiter."""
    what = "requests per min (RPM)" if exceeded == "requests" else "tokens per min (TPM)"
    text = f"Rate limit reached on {what}. Please try again in {seconds:.3f}s."
    return _error(text, exceeded, None, "rate_limit_exceeded")


def rate_limit_headers(states: Mapping[str, LimitState]) -> dict[str, str]:
    """`x-ratelimit-*` in OpenAI's form, with Go durations."""
    headers: dict[str, str] = {}
    for name, state in states.items():
        headers[f"x-ratelimit-limit-{name}"] = str(state.limit)
        headers[f"x-ratelimit-remaining-{name}"] = str(state.remaining)
        headers[f"x-ratelimit-reset-{name}"] = _duration(state.reset)
    return headers


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}m{rest:.3f}s" if minutes else f"{rest:.3f}s"


def models(names: Sequence[str], created: int, more: Mapping[str, Any]) -> dict[str, Any]:
    """The list of models; `more` is what a server adds to OpenAI's own fields."""
    data = [{"id": name, "object": "model", "created": created, "owned_by": "continuum", **more} for name in names]
    return {"object": "list", "data": data}
