"""A request in one form for all wire APIs, and what is recorded of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Wire = Literal["openai", "anthropic", "responses", "gemini"]

SECRET_HEADERS = frozenset({"authorization", "x-api-key", "api-key", "proxy-authorization", "cookie"})
REDACTED = "[redacted]"


class RequestError(Exception):
    """The provider refuses the request with a 4xx.

    Attributes:
        message: the text that the client gets to see.
        status: the HTTP status.
        param: the field that is wrong (OpenAI's form has it).
        code: the provider's code for it (OpenAI's form has it).
    """

    def __init__(self, message: str, *, status: int = 400, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.param = param
        self.code = code


@dataclass(frozen=True, slots=True)
class Turn:
    """One message: its role, its text, and the message as it came."""

    role: str
    text: str
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Chat:
    """One request to answer.

    Attributes:
        cap: the most output tokens the caller allows, None for no limit.
        n: how many answers to give.
        cache_read, cache_written: tokens of the prompt that the prompt cache gave and took.
        include_usage: whether a stream tells its usage (OpenAI: only if asked to).
        seals: whether reasoning comes in a form in which it can be sent back (Responses).
        resume_at: the index into the document at which a pause is resumed, from its token (Gemini).
    """

    wire: Wire
    model: str
    turns: tuple[Turn, ...]
    body: Mapping[str, Any]
    cap: int | None = None
    stream: bool = False
    n: int = 1
    stop: tuple[str, ...] = ()
    include_usage: bool = True
    cache_read: int = 0
    cache_written: int = 0
    seals: bool = True
    resume_at: int | None = None

    @property
    def first_assistant(self) -> int:
        """The index of the first assistant turn, or the number of turns."""
        return next((index for index, turn in enumerate(self.turns) if turn.role == "assistant"), len(self.turns))

    @property
    def prompt(self) -> str:
        """The text of all turns before the first assistant turn."""
        return "\n".join(turn.text for turn in self.turns[: self.first_assistant])

    @property
    def conversation(self) -> str:
        """The key of the conversation: a hash of the turns before the first assistant turn."""
        digest = hashlib.blake2b(self.wire.encode(), digest_size=8)
        for turn in self.turns[: self.first_assistant]:
            digest.update(f"\0{turn.role}\0{turn.text}".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """What the provider recorded of one request.

    Attributes:
        index: the number of the request, from 1, in the order of arrival.
        path: the path of the URL.
        headers: lower-case names; keys are redacted.
        body: the parsed JSON body, as it came.
        time: seconds on the monotonic clock at the arrival.
        conversation: the key of the conversation: a hash of the turns before the first assistant turn.
        round: 0 for a request without an assistant turn, then 1, 2, … for each continuation that is served.
        prompt: the text of the turns before the first assistant turn.
        document: the name of the document it asks for.
        stream: whether it asks for a stream.
        cap: the most output tokens the caller allows, None for no limit.
    """

    index: int
    path: str
    headers: Mapping[str, str]
    body: Any
    time: float
    conversation: str = ""
    round: int = 0
    prompt: str = ""
    document: str = ""
    stream: bool = False
    cap: int | None = None


@dataclass(slots=True)
class Conversation:
    """What the provider remembers of a conversation: nothing of its text.

    Attributes:
        continued: how many continuations were served.
        window: the size of the context window, once it turned out to be full.
        filled_by: the prompt tokens of the request that filled it; a longer prompt is refused from then on.
        paused: the last answer was paused by the provider, so the next request may end on the assistant turn.
    """

    continued: int = 0
    window: int | None = None
    filled_by: int = 0
    paused: bool = False


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call; `arguments` are the pieces of its JSON text, one per event."""

    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, before it is put in the form of a wire API.

    Attributes:
        pieces: the text, one piece per event.
        finish: `stop`, `length`, `stop_sequence`, `tool_calls`, `content_filter`, `refusal`, `pause_turn`,
            `context_window`, or `other`.
        finish_word: the word to say if `finish` is `other`.
        output_tokens: all tokens written, reasoning included.
        reasoning_tokens: those spent on reasoning.
        reasoning: the reasoning to show, one piece per event.
        refusal: OpenAI's `message.refusal`.
        stop_sequence: the caller's sequence that ended the answer.
        end: the index into the document at which it ends, for the token of a pause.
    """

    pieces: tuple[str, ...]
    finish: str
    output_tokens: int
    finish_word: str = ""
    reasoning_tokens: int = 0
    reasoning: tuple[str, ...] = ()
    refusal: str | None = None
    tool: ToolCall | None = None
    stop_sequence: str | None = None
    end: int = 0


@dataclass(frozen=True, slots=True)
class Frames:
    """A streamed answer: server-sent events ready for the wire. Faults count and cut the `deltas`."""

    opening: tuple[bytes, ...]
    deltas: Sequence[bytes]
    closing: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """The ids of one response."""

    number: int
    created: int
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def request_id(self) -> str:
        return f"req_{self.number:024d}"


def redact(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers with the values of keys taken out."""
    return {name: REDACTED if name in SECRET_HEADERS else value for name, value in headers.items()}


def text_of(content: Any) -> str:
    """The text of a message's content: a string, or the `text` blocks of a list."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "".join(
        block["text"]
        for block in content
        if isinstance(block, dict) and block.get("type") == "text" and isinstance(block.get("text"), str)
    )
