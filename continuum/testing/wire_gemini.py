"""The shapes of Google Gemini's `generateContent`: request in, response bodies and server-sent events out."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any, Final

from continuum.testing.chat import Chat, Frames, RequestError, Turn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from continuum.testing.behaviours import Behaviour
    from continuum.testing.chat import Identity, Reply
    from continuum.testing.limits import LimitState

REQUEST_ID_HEADER: Final = "x-goog-request-id"
_PATH = re.compile(r"/v1(?:beta\d*|alpha)?/(?:\w+/)*?models/(?P<model>[^:/]+):(?P<stream>stream)?[gG]enerateContent$")
_FINISH: Final = {
    "stop": "STOP",
    "stop_sequence": "STOP",
    "length": "MAX_TOKENS",
    "context_window": "MAX_TOKENS",
    "tool_calls": "STOP",
    "content_filter": "SAFETY",
    "refusal": "PROHIBITED_CONTENT",
    "pause_turn": "CONTINUATION",
}
_STATUS: Final = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}  # fmt: skip
_QUOTA: Final = "You exceeded your current quota, please check your plan and billing details."


def is_path(path: str) -> bool:
    """Whether a path is one of this API's."""
    return _PATH.search(path) is not None


def asked(path: str, body: Any) -> Any:
    """A body with what this API says in the path: the model, and whether to stream."""
    match = _PATH.search(path)
    assert match is not None
    return {**body, "model": match["model"], "stream": bool(match["stream"])} if isinstance(body, dict) else body


def parse(body: Any) -> Chat:
    """Checks a request body as the provider does.

    Raises:
        RequestError: the provider would answer 400.
    """
    contents = body.get("contents") if isinstance(body, dict) else None
    if not contents:
        raise RequestError("* GenerateContentRequest.contents: contents is not specified")
    config = body.get("generationConfig") or {}
    cap = config.get("maxOutputTokens")
    if cap is not None and cap < 1:
        raise RequestError("* GenerateContentRequest.generation_config.max_output_tokens: must be positive")
    system = _text(body.get("systemInstruction") or {})
    turns = [Turn("system", system, {})] if system else []
    token = config.get("continuationToken") or body.get("continuationToken")
    return Chat(
        wire="gemini",
        model=body["model"],
        turns=(*turns, *(_turn(content) for content in contents)),
        body=body,
        cap=cap,
        stream=body["stream"],
        stop=tuple(config.get("stopSequences") or ()),
        resume_at=_offset(token) if token else None,
    )


def _offset(token: str) -> int:
    try:
        return int(base64.b64decode(token, validate=True).removeprefix(b"at:"))
    except ValueError:
        raise RequestError("Invalid continuation token.") from None


def _turn(content: Any) -> Turn:
    role = content.get("role", "user") if isinstance(content, dict) else None
    if role not in ("user", "model", "function"):
        raise RequestError("Please use a valid role: user, model.")
    return Turn("assistant" if role == "model" else "user", _text(content), content)


def _text(content: Mapping[str, Any]) -> str:
    return "".join(part.get("text", "") for part in content.get("parts") or () if not part.get("thought"))


def cap_name(_: Chat) -> str:
    """The name under which the caller gave the cap."""
    return "max_output_tokens"


def window_error(prompt_tokens: int, window: int) -> RequestError:
    """The prompt alone fills the context window."""
    return RequestError(
        f"The input token count ({prompt_tokens}) exceeds the maximum number of tokens allowed ({window})."
    )


def _finish_word(reply: Reply) -> str | None:
    return {"other": reply.finish_word, "none": None}.get(reply.finish, _FINISH.get(reply.finish))


def _usage(reply: Reply, prompt_tokens: int) -> dict[str, int]:
    usage = {"promptTokenCount": prompt_tokens, "candidatesTokenCount": reply.output_tokens - reply.reasoning_tokens}
    if reply.reasoning_tokens:
        usage["thoughtsTokenCount"] = reply.reasoning_tokens
    return {**usage, "totalTokenCount": prompt_tokens + reply.output_tokens}


def _body(
    chat: Chat, identity: Identity, parts: Sequence[dict[str, Any]], usage: Mapping[str, int], reply: Reply | None
) -> dict[str, Any]:
    """One response; with the finish reason of `reply` if it is the last."""
    candidate: dict[str, Any] = {"index": 0}
    if parts:  # a candidate that says nothing has a content without parts
        candidate["content"] = {"role": "model", "parts": list(parts)}
    else:
        candidate["content"] = {"role": "model"}
    word = _finish_word(reply) if reply is not None else None
    if word is not None:
        candidate["finishReason"] = word
    if reply is not None and reply.finish == "pause_turn":
        candidate["continuationToken"] = base64.b64encode(b"at:%d" % reply.end).decode()
    return {
        "candidates": [candidate],
        "usageMetadata": dict(usage),
        "modelVersion": chat.model,
        "responseId": f"resp-{identity.number:012d}",
    }


def _calls(reply: Reply) -> list[dict[str, Any]]:
    """A call comes whole or not at all."""
    if reply.tool is None:
        return []
    try:
        arguments = json.loads("".join(reply.tool.arguments))
    except ValueError:
        return []
    return [{"functionCall": {"name": reply.tool.name, "args": arguments}, "thoughtSignature": "c2ltdWxhdGVk"}]


def unary(chat: Chat, replies: Sequence[Reply], prompt_tokens: int, identity: Identity) -> bytes:
    """The body of an answer that is not streamed."""
    reply = replies[0]
    parts: list[dict[str, Any]] = []
    if reply.reasoning:
        parts.append({"text": "".join(reply.reasoning), "thought": True, "thoughtSignature": "c2ltdWxhdGVk"})
    if reply.pieces:
        parts.append({"text": "".join(reply.pieces)})
    parts += _calls(reply)
    return json.dumps(_body(chat, identity, parts, _usage(reply, prompt_tokens), reply)).encode()


def frames(chat: Chat, replies: Sequence[Reply], prompt_tokens: int, identity: Identity) -> Frames:
    """The events of a streamed answer. The usage in each is the running total."""
    reply = replies[0]

    def event(body: Any) -> bytes:
        return b"data: " + json.dumps(body).encode() + b"\r\n\r\n"

    running = {"promptTokenCount": prompt_tokens, "totalTokenCount": prompt_tokens}
    parts: list[dict[str, Any]] = [{"text": piece, "thought": True} for piece in reply.reasoning]
    if parts:
        parts[-1]["thoughtSignature"] = "c2ltdWxhdGVk"
    parts += [{"text": piece} for piece in reply.pieces]
    deltas = [event(_body(chat, identity, [part], running, None)) for part in [*parts, *_calls(reply)]]
    if reply.finish == "none":
        return Frames((), deltas, ())
    closing = event(_body(chat, identity, [{"text": ""}], _usage(reply, prompt_tokens), reply))
    return Frames((), deltas, (closing,))


def error_body(error: RequestError, _: Identity) -> bytes:
    """The body of a 4xx."""
    return _error(error.status, error.message)


def _error(status: int, message: str, details: Sequence[Mapping[str, Any]] = ()) -> bytes:
    error: dict[str, Any] = {"code": status, "message": message, "status": _STATUS.get(status, "UNKNOWN")}
    if details:
        error["details"] = list(details)
    return json.dumps({"error": error}).encode()


def _retry_info(seconds: float) -> dict[str, str]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{seconds:g}s"}


def fault_response(fault: Behaviour, _: Identity) -> tuple[int, bytes]:
    """Status and body of a fault that takes the place of the answer."""
    if fault.kind in ("quota", "spend_limit"):
        failure = {"@type": "type.googleapis.com/google.rpc.QuotaFailure"}
        violation = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}
        return 429, _error(429, fault.text or _QUOTA, [{**failure, "violations": [violation]}])
    if fault.kind == "429":
        details = [_retry_info(fault.seconds)] if fault.seconds is not None else []
        return 429, _error(429, fault.text or "Resource has been exhausted (e.g. check quota).", details)
    if fault.kind == "error_body":
        return 200, _error(500, fault.text or "Internal error encountered.")
    status = 503 if fault.kind in ("529", "overloaded") else fault.status or 500
    busy = "The model is overloaded. Please try again later."
    return status, _error(status, fault.text or (busy if status >= 500 else f"Refused with status {status}."))


def error_event(fault: Behaviour, _: Chat, identity: Identity) -> bytes:
    """An error in the middle of a stream."""
    return b"data: " + _error(503, "The model is overloaded. Please try again later.") + b"\r\n\r\n"


def malformed_event() -> bytes:
    """An event whose data is no JSON."""
    return b'data: {"candidates":[{"content":{"parts":[{"text":"\r\n\r\n'


def rate_limit_error(exceeded: str, seconds: float, _: Identity) -> bytes:
    """The body of a 429 of the real limiter."""
    return _error(429, f"Resource has been exhausted ({exceeded}).", [_retry_info(seconds)])


def rate_limit_headers(states: Mapping[str, LimitState]) -> dict[str, str]:
    """Gemini has none."""
    return {}
