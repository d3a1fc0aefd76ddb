"""Decides how the simulated provider answers one request. No sockets here: bytes in, an `Outcome` out."""

from __future__ import annotations

import json
import math
import re
import time
import urllib.parse
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from continuum.testing import wire_anthropic, wire_gemini, wire_openai, wire_responses
from continuum.testing.alignment import Position, locate
from continuum.testing.batches import BatchDesk, BatchSpec
from continuum.testing.behaviours import ANSWERS, FAULTS, STREAM_FAULTS, Behaviour, Plan, Schedule
from continuum.testing.chat import (
    Chat,
    Conversation,
    Frames,
    Identity,
    Reply,
    RequestError,
    RequestInfo,
    Turn,
    redact,
    text_of,
)
from continuum.testing.limits import RateLimiter, RateLimitSpec
from continuum.testing.prompt_cache import PromptCache
from continuum.testing.replies import Task, make_reply
from continuum.testing.stored import Store
from continuum.testing.tokens import count_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from continuum.testing.limits import LimitState
    from continuum.testing.manners import Manners

Prefill = Literal["refuse", "continue", "echo", "echo_unary", "new_turn"]

PREFILL_REFUSED: Final = (
    "This model does not support assistant message prefill. The conversation must end with a user message."
)
MODEL_TURN_REFUSED: Final = "Requests ending with a model turn are not supported."
PREFIX_REQUIRED: Final = "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant"
TWO_ASSISTANTS: Final = "Cannot have 2 or more assistant messages at the end of the list."
TRAILING_SPACE: Final = "messages: final assistant content cannot end with trailing whitespace"
_TURN_OVERHEAD = 4
_TAG = re.compile(r"\[doc:([^\]]+)\]")
_EXACT = Behaviour("exact")
_JSON = {"content-type": "application/json"}
_SSE = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}


class WireApi(Protocol):
    """What a wire module offers."""

    @property
    def REQUEST_ID_HEADER(self) -> str: ...
    def parse(self, body: Any) -> Chat: ...
    def cap_name(self, chat: Chat, /) -> str: ...
    def window_error(self, prompt_tokens: int, window: int) -> RequestError: ...
    def unary(self, chat: Chat, replies: Sequence[Reply], prompt_tokens: int, identity: Identity) -> bytes: ...
    def frames(self, chat: Chat, replies: Sequence[Reply], prompt_tokens: int, identity: Identity) -> Frames: ...
    def error_body(self, error: RequestError, identity: Identity, /) -> bytes: ...
    def fault_response(self, fault: Behaviour, identity: Identity, /) -> tuple[int, bytes]: ...
    def error_event(self, fault: Behaviour, chat: Chat, identity: Identity, /) -> bytes: ...
    def malformed_event(self) -> bytes: ...
    def rate_limit_error(self, exceeded: str, seconds: float, identity: Identity, /) -> bytes: ...
    def rate_limit_headers(self, states: Mapping[str, LimitState]) -> dict[str, str]: ...


OPENAI: Final[WireApi] = wire_openai
ANTHROPIC: Final[WireApi] = wire_anthropic
RESPONSES: Final[WireApi] = wire_responses
GEMINI: Final[WireApi] = wire_gemini


@dataclass(frozen=True, slots=True)
class Options:
    """How the provider is set up; `SimulatedProvider` explains every field."""

    documents: Mapping[str, str]
    prefill: Prefill = "refuse"
    prefill_field: str | None = None
    manners: Manners | None = None
    rate_limit: RateLimitSpec | None = None
    chunk_tokens: int = 1
    delay: float = 0.0
    first_delay: float = 0.0
    max_output_tokens: int | None = None
    context_window: int | None = None
    prompt_cache: int | None = None
    background_polls: int = 2
    seal_reasoning: bool = True
    models: Sequence[str] = ("simulated",)
    headers: Mapping[str, str] = field(default_factory=dict)
    record: bool = True
    batches: BatchSpec = field(default_factory=BatchSpec)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to send.

    Attributes:
        status: the HTTP status; 0 to close the connection without a byte.
        body: the body, if it is not a stream.
        frames: the events, if it is a stream.
        fault: a fault that strikes in the middle of the body.
        fault_event: the bytes that the fault puts into the stream.
        events: how many events the answer has, for its pace.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    frames: Frames | None = None
    fault: Behaviour | None = None
    fault_event: bytes = b""
    events: int = 0


class Engine:
    """Answers requests. Used by one thread at a time."""

    def __init__(self, options: Options, behaviours: Plan, faults: Plan) -> None:
        self.options = options
        self.requests: list[RequestInfo] = []
        self.statuses: Counter[int] = Counter()
        self.count = 0
        self._created = int(time.time())
        self._conversations: dict[str, Conversation] = {}
        self._store = Store(options.background_polls)
        minimum = options.prompt_cache
        self._cache = PromptCache(minimum, _turn_tokens, _TURN_OVERHEAD) if minimum is not None else None
        self._limiter = RateLimiter(options.rate_limit) if options.rate_limit else None
        self._desk = BatchDesk(options.batches, self._answer_line, self._created)
        self.plan(behaviours, faults)

    def plan(self, behaviours: Plan | None = None, faults: Plan | None = None) -> None:
        """Puts new lists in place of the old ones; None keeps a list."""
        if behaviours is not None:
            self._behaviours = Schedule(behaviours, ANSWERS, per_conversation=True)
        if faults is not None:
            self._faults = Schedule(faults, FAULTS, per_conversation=False)

    def reset(self) -> None:
        """Forgets all requests and conversations, begins the lists again and fills the rate limit."""
        self.requests.clear()
        self.statuses.clear()
        self.count = 0
        self._conversations.clear()
        self._store.clear()
        self._behaviours.reset()
        self._faults.reset()
        if self._limiter:
            self._limiter.reset()
        if self._cache is not None:
            self._cache.reset()
        self._desk = BatchDesk(self.options.batches, self._answer_line, self._created)

    def _answer_line(self, path: str, body: Any) -> tuple[int, Any]:
        """One request of a batch, answered as if it had come by itself; the rate limits do not count it."""
        limiter, self._limiter = self._limiter, None
        try:
            headers = {"anthropic-version": "batch"} if path == "/v1/messages" else {}
            outcome = self.handle("POST", path, headers, json.dumps(body).encode())
        finally:
            self._limiter = limiter
        return (outcome.status, json.loads(outcome.body)) if outcome.body else (500, None)

    def handle(self, method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Outcome:
        """The outcome of one request."""
        self.count += 1
        identity = Identity(self.count, self._created)
        api = _api_of(path, headers)
        try:
            outcome = self._route(api, method, path, headers, raw, identity)
        except RequestError as error:
            outcome = Outcome(error.status, _JSON, api.error_body(error, identity))
        extra = {api.REQUEST_ID_HEADER: identity.request_id, **self.options.headers}
        outcome = replace(outcome, headers={**extra, **outcome.headers})
        self.statuses[outcome.status] += 1
        return outcome

    def _route(
        self, api: WireApi, method: str, path: str, headers: Mapping[str, str], raw: bytes, identity: Identity
    ) -> Outcome:
        path, _, query = path.partition("?")
        if method == "POST" and (path in ("/v1/chat/completions", "/v1/messages", "/v1/responses") or api is GEMINI):
            return self._chat(api, path, headers, raw, identity)
        if method == "GET" and path.startswith("/v1/responses/"):
            return self._retrieve(path, dict(urllib.parse.parse_qsl(query)), headers, identity)
        if method == "POST" and path == "/v1/messages/count_tokens":
            chat = api.parse({"max_tokens": 1, **_loads(raw)})
            return Outcome(200, _JSON, json.dumps({"input_tokens": _prompt_tokens(chat)}).encode())
        if method == "GET" and (path == "/v1/models" or path.startswith("/v1/models/")):
            return Outcome(200, _JSON, json.dumps(self._models(api, path.removeprefix("/v1/models")[1:])).encode())
        if method == "GET" and path in ("/health", "/stats"):
            return Outcome(
                200, _JSON, json.dumps({"status": "ok", "requests": self.count, "statuses": self.statuses}).encode()
            )
        found = self._desk.handle(method, path, headers, raw)
        if found is not None:
            return Outcome(200, {"content-type": found[1]}, found[0])
        raise RequestError(f"There is no {method} {path} here.", status=404)

    def _models(self, api: WireApi, name: str) -> Any:
        options = self.options
        if name and name not in options.models:
            raise RequestError(f"The model {name!r} does not exist.", status=404, param="model", code="model_not_found")
        names = [name] if name else list(options.models)
        if api is ANTHROPIC:
            listing = wire_anthropic.models(names, self._created, options.max_output_tokens, options.context_window)
        else:
            field, window = options.manners.window if options.manners is not None else None, options.context_window
            listing = wire_openai.models(names, self._created, {field: window} if field and window else {})
        return listing["data"][0] if name else listing

    def _chat(self, api: WireApi, path: str, headers: Mapping[str, str], raw: bytes, identity: Identity) -> Outcome:
        info = RequestInfo(identity.number, path, redact(headers), _loads(raw, strict=False), time.monotonic())
        if self.options.record:
            self.requests.append(info)
        chat = api.parse(wire_gemini.asked(path, info.body) if api is GEMINI else info.body)
        if api is RESPONSES:
            chat = replace(self._store.extend(chat), seals=self.options.seal_reasoning)
        names = self._document_names(chat)
        conversation = self._conversations.setdefault(chat.conversation, Conversation())
        continues = chat.first_assistant < len(chat.turns) or chat.resume_at is not None
        info = replace(
            info,
            conversation=chat.conversation,
            round=conversation.continued + 1 if continues else 0,
            prompt=chat.prompt,
            document=names[0],
            stream=chat.stream,
            cap=chat.cap,
        )
        if self.options.record:
            self.requests[-1] = info
        new_turn, prefix = self._prefill(chat, conversation)
        room, prompt_tokens = self._room(api, chat, conversation)
        fault = self._faults.take(info)
        if fault is not None and fault.kind != "ok" and fault.kind not in STREAM_FAULTS:
            return _instead(api, fault, identity)
        limit_headers, reserved = self._admit(api, chat, identity, prompt_tokens)
        if isinstance(limit_headers, Outcome):
            return limit_headers
        behaviour = self._behaviours.take(info) or _EXACT
        conversation.continued += continues
        replies = self._replies(chat, names, behaviour, room, new_turn, prefix)
        if self._limiter:
            self._limiter.settle(reserved, sum(reply.output_tokens for reply in replies))
        conversation.paused = replies[0].finish == "pause_turn"
        if replies[0].finish == "context_window" and conversation.window is None:
            conversation.window, conversation.filled_by = prompt_tokens + replies[0].output_tokens, prompt_tokens
        if self._cache is not None:
            cached = self._cache.take(chat)
            chat = replace(chat, cache_read=cached.read, cache_written=cached.written)
        outcome = _answer(api, chat, replies, prompt_tokens, identity, fault)
        if self.options.manners is not None and api is OPENAI:
            outcome = _dressed(outcome, self.options.manners)
        if api is RESPONSES:
            self._store.keep(chat, replies[0], prompt_tokens, identity)
            if chat.body.get("background") and not chat.stream:
                outcome = Outcome(200, _JSON, self._store.queued(f"resp_{identity.number:024d}"))
        return replace(outcome, headers={**limit_headers, **outcome.headers})

    def _retrieve(self, path: str, query: Mapping[str, str], headers: Mapping[str, str], identity: Identity) -> Outcome:
        """A stored response, whole or streamed; faults happen to this request as to any other."""
        info = RequestInfo(
            identity.number, path, redact(headers), dict(query), time.monotonic(), stream=query.get("stream") == "true"
        )
        if self.options.record:
            self.requests.append(info)
        fault = self._faults.take(info)
        if fault is not None and fault.kind != "ok" and fault.kind not in STREAM_FAULTS:
            return _instead(RESPONSES, fault, identity)
        found = self._store.retrieve(path.removeprefix("/v1/responses/"), query)
        if isinstance(found, bytes):
            return Outcome(200, _JSON, found, events=1)
        struck = None if fault is None or fault.kind == "ok" else fault
        return Outcome(200, _SSE, frames=found, fault=struck, events=len(found.deltas))

    def _document_names(self, chat: Chat) -> list[str]:
        documents = self.options.documents
        names = [name.strip() for name in _TAG.findall(chat.prompt)]
        for name in names:
            if name not in documents:
                raise RequestError(f"The simulated provider has no document {name!r}; it has {sorted(documents)!r}.")
        return names or [next(iter(documents))]

    def _prefill(self, chat: Chat, conversation: Conversation) -> tuple[bool, str]:
        """Whether a new turn begins after a trailing assistant turn, and what the reply repeats of that turn."""
        manners = self.options.manners if chat.wire == "openai" else None
        if manners is not None:
            manners.check(chat.body)
        last = chat.turns[-1]
        if last.role != "assistant":
            return False, ""
        if len(chat.turns) > 1 and chat.turns[-2].role == "assistant":
            raise RequestError(TWO_ASSISTANTS)
        if conversation.paused:
            return False, ""
        options, body = self.options, chat.body
        mode = options.prefill if manners is None else manners.mode(body)
        if mode == "refuse":
            raise RequestError(MODEL_TURN_REFUSED if chat.wire == "gemini" else PREFILL_REFUSED)
        if body.get("continue_final_message") and body.get("add_generation_prompt"):
            raise RequestError("Cannot set both `continue_final_message` and `add_generation_prompt` to True.")
        wanted = options.prefill_field
        if wanted and not (last.raw.get(wanted) or body.get(wanted)):
            raise RequestError(PREFIX_REQUIRED)
        if chat.wire == "anthropic" and last.text != last.text.rstrip():
            raise RequestError(TRAILING_SPACE)
        if mode == "new_turn" or body.get("add_generation_prompt") is True:
            return True, ""
        echoes = mode == "echo" or (mode == "echo_unary" and not chat.stream)
        return False, last.text if echoes else ""

    def _room(self, api: WireApi, chat: Chat, conversation: Conversation) -> tuple[int | None, int]:
        """How many tokens the context window has left, and how many the prompt takes."""
        most = self.options.max_output_tokens
        if most is not None and chat.cap is not None and chat.cap > most:
            name = api.cap_name(chat)
            text = f"{name}: {chat.cap} > {most}, which is the maximum allowed number of output tokens for {chat.model}"
            raise RequestError(text, param=name, code="invalid_value")
        prompt_tokens = _prompt_tokens(chat)
        if conversation.window is not None and prompt_tokens > conversation.filled_by:
            # The joined text may have a token less than its parts had; full is full all the same.
            raise api.window_error(max(prompt_tokens, conversation.window), conversation.window)
        window = conversation.window or self.options.context_window
        if window is None:
            return None, prompt_tokens
        if prompt_tokens >= window:
            raise api.window_error(prompt_tokens, window)
        return window - prompt_tokens, prompt_tokens

    def _admit(
        self, api: WireApi, chat: Chat, identity: Identity, prompt_tokens: int
    ) -> tuple[dict[str, str] | Outcome, int]:
        if self._limiter is None:
            return {}, 0
        reserved = (chat.cap or self.options.max_output_tokens or 1) * chat.n
        verdict = self._limiter.admit(reserved, prompt_tokens)
        headers = api.rate_limit_headers(verdict.states)
        if verdict.retry_after is None:
            return headers, reserved
        headers |= {**_JSON, "retry-after": str(math.ceil(verdict.retry_after))}
        if api is not ANTHROPIC:
            headers["retry-after-ms"] = str(math.ceil(verdict.retry_after * 1000))
        body = api.rate_limit_error(verdict.exceeded, verdict.retry_after, identity)
        return Outcome(429, headers, body), 0

    def _replies(
        self, chat: Chat, names: list[str], behaviour: Behaviour, room: int | None, new_turn: bool, prefix: str
    ) -> list[Reply]:
        documents, most = self.options.documents, self.options.max_output_tokens
        turns = chat.turns[: chat.first_assistant] if new_turn else chat.turns
        is_first = chat.first_assistant == len(chat.turns)
        replies = []
        for index in range(chat.n):
            # Choice i of a first answer is document i of those that the prompt names.
            choice = Position(names[index % len(names)], "", 0) if is_first else locate(turns, documents, names)
            cap = chat.cap if chat.cap is not None else most
            if chat.resume_at is not None:
                # The cap of a request with a token is that of all its hops.
                before = documents[choice.document][choice.offset : chat.resume_at]
                choice = Position(choice.document, documents[choice.document][: chat.resume_at], chat.resume_at)
                cap = None if cap is None else max(cap - count_tokens(before), 1)
            task = Task(
                text=documents[choice.document],
                position=choice,
                cap=cap,
                room=room,
                stop=chat.stop,
                chunk_tokens=self.options.chunk_tokens,
                repeats_prefix=prefix,
            )
            reply = make_reply(task, behaviour)
            begun = choice.after_anchor - len(choice.anchor) if choice.anchor else choice.offset
            replies.append(replace(reply, end=begun + sum(map(len, reply.pieces))))
        return replies


def _api_of(path: str, headers: Mapping[str, str]) -> WireApi:
    if path.startswith("/v1/messages") or "anthropic-version" in headers:
        return ANTHROPIC
    if wire_gemini.is_path(path.partition("?")[0]):
        return GEMINI
    return RESPONSES if path.startswith("/v1/responses") else OPENAI


def _loads(raw: bytes, *, strict: bool = True) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        if strict:
            raise RequestError("The request body is not valid JSON.") from None
        return None


def _prompt_tokens(chat: Chat) -> int:
    return sum(map(_turn_tokens, chat.turns))


def _turn_tokens(turn: Turn) -> int:
    """Tokens of a turn in a prompt; its blocks are read each for itself."""
    content = turn.raw.get("content")
    parts = [text_of([block]) for block in content] if isinstance(content, list) else [turn.text]
    return sum(map(count_tokens, parts)) + _TURN_OVERHEAD


def _dressed(outcome: Outcome, manners: Manners) -> Outcome:
    """An answer as the server with these manners would give it; one that a fault broke stays as it is."""
    if outcome.frames is not None:
        return replace(outcome, frames=manners.dress_all(outcome.frames))
    return outcome if outcome.fault is not None else replace(outcome, body=manners.dress(outcome.body))


def _instead(api: WireApi, fault: Behaviour, identity: Identity) -> Outcome:
    """The outcome of a fault that takes the place of the answer."""
    if fault.kind == "disconnect":
        return Outcome(0, {})
    status, body = api.fault_response(fault, identity)
    if fault.body is not None:
        body = fault.body if isinstance(fault.body, bytes) else json.dumps(fault.body).encode()
    headers = {**_JSON}
    if fault.seconds is not None:
        headers["retry-after"] = f"{fault.seconds:g}"
    return Outcome(status, {**headers, **fault.headers}, body)


def _answer(
    api: WireApi, chat: Chat, replies: list[Reply], prompt_tokens: int, identity: Identity, fault: Behaviour | None
) -> Outcome:
    """The outcome of an answer, whole or struck by a fault in the middle."""
    if fault is not None and fault.kind == "ok":
        fault = None
    kind = fault.kind if fault else ""
    events = sum(len(reply.pieces) + len(reply.reasoning) for reply in replies)
    if chat.stream:
        frames = api.frames(chat, replies, prompt_tokens, identity)
        injected = b""
        if fault and kind in ("error_event", "malformed_chunk"):
            injected = api.malformed_event() if kind == "malformed_chunk" else api.error_event(fault, chat, identity)
        return Outcome(200, _SSE, frames=frames, fault=fault, fault_event=injected, events=events)
    if fault and kind == "error_event":
        return _instead(api, replace(fault, kind="error_body"), identity)
    if fault and kind == "silent_end":
        amount = 3 if fault.amount is None else fault.amount
        replies = [replace(reply, pieces=reply.pieces[:amount], finish="none") for reply in replies]
    body = api.unary(chat, replies, prompt_tokens, identity)
    if kind == "malformed_chunk":
        body = body[: len(body) // 2]
    return Outcome(200, _JSON, body, fault=fault, events=events)
