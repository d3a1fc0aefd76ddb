"""The shapes of the OpenAI Responses API: request in, responses and numbered server-sent events out."""

from __future__ import annotations

import json
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, Final

from continuum.testing import wire_openai
from continuum.testing.chat import Chat, Frames, RequestError, Turn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from continuum.testing.behaviours import Behaviour
    from continuum.testing.chat import Identity, Reply

REQUEST_ID_HEADER: Final = wire_openai.REQUEST_ID_HEADER
SMALLEST_CAP: Final = 16

# The errors, limits and faults that take the place of an answer are those of the provider, not of one of its APIs.
error_body = wire_openai.error_body
rate_limit_error = wire_openai.rate_limit_error
rate_limit_headers = wire_openai.rate_limit_headers

_INCOMPLETE: Final = {
    "length": "max_output_tokens",
    "context_window": "max_output_tokens",
    "content_filter": "content_filter",
}
_BEHIND_ALL: Final = 1_000_000  # the number of an event that a fault puts in
_TEXT_PARTS: Final = frozenset({"input_text", "output_text", "text"})


def parse(body: Any) -> Chat:
    """Checks a request body as the provider does.

    Raises:
        RequestError: the provider would answer 400.
    """
    if not isinstance(body, dict):
        raise RequestError("We could not parse the JSON body of your request.", code="invalid_json")
    if "messages" in body:
        text = "Unsupported parameter: 'messages'. In the Responses API, this parameter has moved to 'input'."
        raise RequestError(text, param="messages", code="unsupported_parameter")
    if not isinstance(body.get("model"), str):
        raise RequestError("you must provide a model parameter", param="model", code="missing_required_parameter")
    asked = body.get("input")
    items = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
    if not items or not isinstance(items, list):
        raise RequestError("Missing required parameter: 'input'.", param="input", code="missing_required_parameter")
    if body.get("background") and body.get("store") is False:
        raise RequestError("Background mode requires store to be true.", param="store", code="invalid_value")
    instructions = body.get("instructions")
    turns = [Turn("system", instructions, {})] if isinstance(instructions, str) else []
    turns += _turns(items)
    return Chat(
        wire="responses",
        model=body["model"],
        turns=tuple(turns),
        body=body,
        cap=_cap(body),
        stream=bool(body.get("stream")),
    )


def _turns(items: Sequence[Any]) -> Iterator[Turn]:
    """The messages among the items. What the model thought must be followed by what it said."""
    for index, item in enumerate(items):
        kind = item.get("type", "message") if isinstance(item, dict) else None
        if kind == "reasoning":
            follower = items[index + 1] if index + 1 < len(items) else {}
            if follower.get("role") != "assistant" and follower.get("type") not in ("reasoning", "function_call"):
                name = item.get("id") or ""
                text = f"Item '{name}' of type 'reasoning' was provided without its required following item."
                raise RequestError(text, param="input")
            if not str(item.get("encrypted_content", "")).startswith("sealed:"):
                text = "The encrypted content could not be verified. Reason: Encrypted content could not be decrypted."
                raise RequestError(text, param="input", code="invalid_encrypted_content")
        elif kind == "message":
            role = item.get("role")
            if role not in ("user", "assistant", "system", "developer"):
                text = f"Invalid value: {role!r}. Supported values are: 'assistant', 'system', 'developer', and 'user'."
                raise RequestError(text, param=f"input[{index}]", code="invalid_value")
            yield Turn(role, _text_of(item.get("content")), item)
        elif kind is None:
            raise RequestError(f"Invalid type for 'input[{index}]'.", param=f"input[{index}]", code="invalid_type")


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(part["text"] for part in parts if isinstance(part, dict) and part.get("type") in _TEXT_PARTS)


def _cap(body: Mapping[str, Any]) -> int | None:
    cap = body.get("max_output_tokens")
    for name in ("max_tokens", "max_completion_tokens"):
        if body.get(name) is not None:
            text = f"Unsupported parameter: '{name}'. In the Responses API, it has moved to 'max_output_tokens'."
            raise RequestError(text, param=name, code="unsupported_parameter")
    if cap is None:
        return None
    if not isinstance(cap, int):
        text = f"Invalid type for 'max_output_tokens': expected an integer, but got {cap!r} instead."
        raise RequestError(text, param="max_output_tokens", code="invalid_type")
    if cap < SMALLEST_CAP:
        text = (
            "Invalid 'max_output_tokens': integer below minimum value. "
            f"Expected a value >= {SMALLEST_CAP}, but got {cap} instead."
        )
        raise RequestError(text, param="max_output_tokens", code="integer_below_min_value")
    return cap


def cap_name(_: Chat) -> str:
    """The name under which the caller gave the cap."""
    return "max_output_tokens"


def window_error(prompt_tokens: int, window: int) -> RequestError:
    """The prompt alone fills the context window."""
    text = "Your input exceeds the context window of this model. Please adjust your input and try again."
    return RequestError(f"{text} ({prompt_tokens} > {window})", param="input", code="context_length_exceeded")


# -- what is said -------------------------------------------------------------------------------------------------


def _status(reply: Reply) -> tuple[str, dict[str, Any] | None]:
    """Status of a response, and why it is incomplete if it is."""
    if reply.finish == "none":
        return "in_progress", None
    reason = reply.finish_word if reply.finish == "other" else _INCOMPLETE.get(reply.finish)
    return ("incomplete", {"reason": reason}) if reason else ("completed", None)


def _usage(reply: Reply, prompt_tokens: int) -> dict[str, Any]:
    return {
        "input_tokens": prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": reply.output_tokens,
        "output_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
        "total_tokens": prompt_tokens + reply.output_tokens,
    }


def envelope(
    chat: Chat, identity: Identity, status: str, output: Sequence[Mapping[str, Any]], **more: Any
) -> dict[str, Any]:
    """A response object."""
    body = chat.body
    return {
        "id": f"resp_{identity.number:024d}",
        "object": "response",
        "created_at": identity.created,
        "status": status,
        "background": bool(body.get("background")),
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "model": chat.model,
        "output": list(output),
        "parallel_tool_calls": True,
        "previous_response_id": body.get("previous_response_id"),
        "store": body.get("store") is not False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": body.get("tools") or [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
        "metadata": {},
        **more,
    }


def _items(chat: Chat, reply: Reply, identity: Identity) -> list[dict[str, Any]]:
    """The output items as they are when the answer is over."""
    number, cut = f"{identity.number:024d}", _status(reply)[0] != "completed"
    items: list[dict[str, Any]] = []
    if reply.reasoning_tokens:
        summary = [{"type": "summary_text", "text": "".join(reply.reasoning)}] if reply.reasoning else []
        items.append({"id": f"rs_{number}", "type": "reasoning", "summary": summary})
        if chat.seals:
            items[-1]["encrypted_content"] = f"sealed:{number}"
    if reply.pieces or (reply.refusal is not None) or not (reply.tool or cut):
        content: list[dict[str, Any]] = []
        if reply.pieces or reply.refusal is None:
            content.append({"type": "output_text", "annotations": [], "logprobs": [], "text": "".join(reply.pieces)})
        if reply.refusal is not None:
            content.append({"type": "refusal", "refusal": reply.refusal})
        items.append(
            {
                "id": f"msg_{number}",
                "type": "message",
                "status": "incomplete" if cut else "completed",
                "role": "assistant",
                "phase": "final_answer",
                "content": content,
            }
        )
    if reply.tool:
        items.append(
            {
                "id": f"fc_{number}",
                "type": "function_call",
                "status": "incomplete" if cut else "completed",
                "call_id": f"call_{number}",
                "name": reply.tool.name,
                "arguments": "".join(reply.tool.arguments),
            }
        )
    return items


def whole(chat: Chat, reply: Reply, prompt_tokens: int, identity: Identity) -> dict[str, Any]:
    """The response object of an answer that is over."""
    status, details = _status(reply)
    more = {"incomplete_details": details, "usage": _usage(reply, prompt_tokens)}
    return envelope(chat, identity, status, _items(chat, reply, identity), **more)


def unary(chat: Chat, replies: Sequence[Reply], prompt_tokens: int, identity: Identity) -> bytes:
    """The body of an answer that is not streamed."""
    return json.dumps(whole(chat, replies[0], prompt_tokens, identity), ensure_ascii=False).encode()


class _Events:
    """Numbers the events of one answer."""

    def __init__(self, first: int = 0) -> None:
        self._number = first

    def __call__(self, kind: str, **data: Any) -> bytes:
        self._number += 1
        event = {"type": kind, "sequence_number": self._number - 1, **data}
        return f"event: {kind}\ndata: {json.dumps(event)}\n\n".encode()

    def texts(self, kind: str, index: int, item: str, pieces: Sequence[str], extra: str = "") -> list[bytes]:
        """Deltas, of which only the number and the text differ. The hot path of every benchmark."""
        before = f'event: {kind}\ndata: {{"type":"{kind}","output_index":{index},"item_id":"{item}",{extra}'
        first, self._number = self._number, self._number + len(pieces)
        return [
            f'{before}"sequence_number":{number},"delta":{encode_basestring(piece)}}}\n\n'.encode()
            for number, piece in enumerate(pieces, first)
        ]


def frames(chat: Chat, replies: Sequence[Reply], prompt_tokens: int, identity: Identity) -> Frames:
    """The events of a streamed answer."""
    reply, event = replies[0], _Events()
    begun = envelope(chat, identity, "queued" if chat.body.get("background") else "in_progress", [])
    opening = [event("response.created", response=begun)]
    if begun["background"]:
        opening.append(event("response.queued", response=begun))
    opening.append(event("response.in_progress", response={**begun, "status": "in_progress"}))
    deltas: list[bytes] = []
    before = b""
    for index, item in enumerate(_items(chat, reply, identity)):
        starts, said, ends = _item_events(event, index, item, reply)
        # The start and the end of an item travel with a delta, so that faults can count and cut deltas alone.
        before += starts
        if said:
            deltas += [before + said[0], *said[1:]]
            before = b""
        before += ends()
    closing = [before] if before else []
    if reply.finish != "none":
        over = whole(chat, reply, prompt_tokens, identity)
        closing.append(event(f"response.{over['status']}", response=over))
    return Frames(tuple(opening), deltas, tuple(closing))


def _item_events(event: _Events, index: int, item: dict[str, Any], reply: Reply) -> Any:
    """The events of one item: its start, its deltas, and a function for its end, as that is numbered last."""
    place = {"output_index": index, "item_id": item["id"]}
    if item["type"] == "reasoning":
        # As the provider says: what is sealed is whole only when the item is done.
        fresh = {**item, "summary": []} | ({"encrypted_content": "unfinished"} if "encrypted_content" in item else {})
        starts = event("response.output_item.added", output_index=index, item=fresh)
        part = {"summary_index": 0, **place}
        said = []
        if reply.reasoning:
            empty = {"type": "summary_text", "text": ""}
            starts += event("response.reasoning_summary_part.added", part=empty, **part)
            said = event.texts(
                "response.reasoning_summary_text.delta", index, item["id"], reply.reasoning, '"summary_index":0,'
            )

        def ends() -> bytes:
            done = event("response.reasoning_summary_text.done", text="".join(reply.reasoning), **part) if said else b""
            return done + event("response.output_item.done", output_index=index, item=item)

    elif item["type"] == "function_call":
        fresh = {**item, "arguments": "", "status": "in_progress"}
        starts = event("response.output_item.added", output_index=index, item=fresh)
        pieces = reply.tool.arguments if reply.tool else ()
        said = event.texts("response.function_call_arguments.delta", index, item["id"], pieces)

        def ends() -> bytes:
            arguments = {"arguments": item["arguments"], "name": item["name"], **place}
            done = event("response.function_call_arguments.done", **arguments) if item["status"] == "completed" else b""
            return done + event("response.output_item.done", output_index=index, item=item)

    else:
        fresh = {**item, "content": [], "status": "in_progress"}
        starts = event("response.output_item.added", output_index=index, item=fresh)
        said = []
        for number, part in enumerate(item["content"]):
            starts, said = _part_start(event, starts, said, number, part, place, reply)

        def ends() -> bytes:
            out = b"".join(_part_end(event, number, part, place) for number, part in enumerate(item["content"]))
            return out + event("response.output_item.done", output_index=index, item=item)

    return starts, said, ends


def _part_start(
    event: _Events,
    starts: bytes,
    said: list[bytes],
    number: int,
    part: dict[str, Any],
    place: dict[str, Any],
    reply: Reply,
) -> tuple[bytes, list[bytes]]:
    refused = part["type"] == "refusal"
    empty = {**part, "refusal": ""} if refused else {**part, "text": ""}
    opened = event("response.content_part.added", content_index=number, part=empty, **place)
    kind = "response.refusal.delta" if refused else "response.output_text.delta"
    extra = f'"content_index":{number},' + ("" if refused else '"logprobs":[],')
    pieces = [part["refusal"]] if refused else reply.pieces
    deltas = event.texts(kind, place["output_index"], place["item_id"], pieces, extra)
    if said:
        return starts, [*said, opened + deltas[0], *deltas[1:]]
    return starts + opened, deltas


def _part_end(event: _Events, number: int, part: dict[str, Any], place: dict[str, Any]) -> bytes:
    if part["type"] == "refusal":
        done = event("response.refusal.done", content_index=number, refusal=part["refusal"], **place)
    else:
        done = event("response.output_text.done", content_index=number, text=part["text"], logprobs=[], **place)
    return done + event("response.content_part.done", content_index=number, part=part, **place)


# -- faults -------------------------------------------------------------------------------------------------------


def fault_response(fault: Behaviour, identity: Identity) -> tuple[int, bytes]:
    """Status and body of a fault that takes the place of the answer; a failure in the body is a failed response."""
    if fault.kind != "error_body":
        return wire_openai.fault_response(fault, identity)
    chat = Chat("responses", "simulated", (), {})
    return 200, json.dumps(envelope(chat, identity, "failed", [], error=_error(fault))).encode()


def _error(fault: Behaviour) -> dict[str, Any]:
    kind, _, code = (fault.text or "").partition(":")
    text = "An error occurred while processing your request." if kind in ("", "failed") else fault.text
    return {"code": code or "server_error", "message": text}


def error_event(fault: Behaviour, chat: Chat, identity: Identity) -> bytes:
    """The stream fails: with an `error` event, or with `response.failed` if the fault's text is `failed`.

    `failed:CODE` fails with that code, as in `Behaviour("error_event", text="failed:rate_limit_exceeded")`.
    """
    event = _Events(_BEHIND_ALL)
    error = _error(fault)
    if (fault.text or "").partition(":")[0] == "failed":
        return event("response.failed", response=envelope(chat, identity, "failed", [], error=error))
    return event("error", param=None, **error)


def malformed_event() -> bytes:
    """An event whose data is no JSON."""
    return b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"\n\n'
