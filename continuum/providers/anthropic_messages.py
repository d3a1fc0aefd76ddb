"""Anthropic Messages through the official `anthropic` SDK."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import anthropic
import httpx2
from anthropic.types import Message, RawMessageStartEvent

from continuum._core.asking import ServerFacts
from continuum._core.errors import ConfigurationError
from continuum.providers import errors
from continuum.providers.anthropic_blocks import THOUGHTS
from continuum.providers.anthropic_reply import MessageReceiver
from continuum.providers.arguments import given, says_json
from continuum.providers.base import NotCoveredError, Provider, count_of
from continuum.providers.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from continuum._core.actions import Send
    from continuum._core.policy import Policy
    from continuum._core.types import Failure, Turn
    from continuum._drivers import Run
    from continuum.providers.base import StreamWriter

_SERVER_TOOL = re.compile(r"(web_search|web_fetch|code_execution|tool_search)\w*_\d{8}$")
_OF_THINKING = re.compile(r"thinking|signature", re.IGNORECASE)


WITHOUT_CACHE: set[str] = set()
"""The base URLs of servers that were seen to refuse a top-level `cache_control`, for the life of the process."""
_MOST_BREAKPOINTS = 4
_LONG_CONTEXT = 1_000_000  # tokens, with the beta `context-1m-…`


def _breakpoints(value: Any) -> int:
    """How many `cache_control`s the caller wrote into nested content."""
    if isinstance(value, Mapping):
        return ("cache_control" in value) + sum(_breakpoints(part) for part in value.values())
    return sum(map(_breakpoints, value)) if isinstance(value, list | tuple) else 0


class AnthropicMessages(Provider):
    """Messages on an `Anthropic` or `AsyncAnthropic` client, or a sibling such as Bedrock's or Vertex's."""

    name = "anthropic"
    cap_fields = ("max_tokens",)
    shown_fields = ("system", "tools", "output_config")
    stop_field = "stop_sequences"
    default_timeout: ClassVar[Any] = anthropic.DEFAULT_TIMEOUT
    path = ("messages",)
    has_beta = True
    id_headers = MappingProxyType({"_request_id": "request-id", "_workspace_id": "anthropic-workspace-id"})

    def __init__(self, client: Any, params: Mapping[str, Any], policy: Policy) -> None:
        super().__init__(client, params, policy)
        self.catch = errors.catchable(anthropic)
        self._sent_cache = False  # whether the last request had our `cache_control`
        self.replies: list[MessageReceiver] = []  # one for each round
        self.may_cite = _cites((self.params.get("messages"), self.params.get("tools")))
        self._may_send_thoughts = True
        self._sent_thoughts = False

    def check(self) -> None:
        """As `Provider.check`, and: `max_tokens` is required, and a key or token has to be there."""
        cap = self.params.get("max_tokens")
        if cap == 0 and not isinstance(cap, bool):
            raise NotCoveredError(
                "max_tokens=0 fills the prompt cache and asks for no answer: send it with client.messages.create()"
            )
        super().check()
        if not given(cap):
            raise ConfigurationError("max_tokens is missing: Anthropic Messages needs an output cap for each request")
        client = self.client
        if type(client) in (anthropic.Anthropic, anthropic.AsyncAnthropic):
            own = self.params.get("extra_headers")
            sent = {**(client._custom_headers or {}), **(own if isinstance(own, Mapping) else {})}
            headers = {name.lower() for name in sent}
            known = client.api_key or client.auth_token or client.credentials
            if not known and not headers & {"authorization", "x-api-key"}:
                raise ConfigurationError(
                    "the client has no key: pass api_key= or auth_token=, or set ANTHROPIC_API_KEY, before any request"
                )

    def asks_for_json(self) -> bool:
        """By `output_config.format`."""
        output = self.params.get("output_config")
        return isinstance(output, Mapping) and says_json(output.get("format"))

    def answer_as(self, name: str, schema: dict[str, Any]) -> None:
        """By `output_config.format`."""
        output = self.params.get("output_config")
        own = dict(output) if isinstance(output, Mapping) else {}
        if not given(own.get("format")):
            wanted = {"type": "json_schema", "schema": anthropic.transform_schema(schema)}
            self.params["output_config"] = {**own, "format": wanted}

    def caches(self, rounds: int, shown: int, before: int) -> tuple[int, int]:
        """From the first continuation on, all is written; from the second on, what came before is read."""
        if rounds == 0 or not self.policy.prompt_cache:
            return 0, 0
        read = before if rounds > 1 else 0
        return read, shown - read

    def may_prefill(self) -> bool:
        """A prefill does not go together with thinking or tools."""
        thinking = self.params.get("thinking")
        off = not given(thinking) or (isinstance(thinking, Mapping) and thinking.get("type") == "disabled")
        return off and not given(self.params.get("tools"))

    def server_facts(self) -> ServerFacts:
        """Prompts are billed; thinking, which is bound to what it followed, goes back in suspended turns alone."""
        return ServerFacts()

    @property
    def limits(self) -> Limits:
        """By the table, unless a beta header asks for the long context."""
        asked = f"{self.params.get('betas')} {self.params.get('extra_headers')}"
        return Limits(_LONG_CONTEXT, super().limits.output) if "context-1m" in asked else super().limits

    def may_ask_limits(self) -> bool:
        """Anthropic's own API tells."""
        return type(self.client) in (anthropic.Anthropic, anthropic.AsyncAnthropic)

    def read_limits(self, card: Any) -> Limits:
        """`max_input_tokens` is the context window, of which the reply takes its part."""
        return Limits(count_of(card, "max_input_tokens"), count_of(card, "max_tokens"))

    def may_lower_effort(self) -> bool:
        """By less effort; extended thinking with a budget is switched off."""
        output = self.params.get("output_config")
        return self._thinks_by_budget() or not (isinstance(output, Mapping) and output.get("effort") == "low")

    def _thinks_by_budget(self) -> bool:
        thinking = self.params.get("thinking")
        return isinstance(thinking, Mapping) and thinking.get("type") == "enabled"

    def _lower_effort(self, request: dict[str, Any]) -> None:
        if self._thinks_by_budget():
            request["thinking"] = {"type": "disabled"}
            return
        output = request.get("output_config")
        request["output_config"] = {**(output if isinstance(output, Mapping) else {}), "effort": "low"}

    def request(self, send: Send, *, stream: bool, choices: int = 1) -> dict[str, Any]:
        """The caller's arguments, and our turns behind the caller's messages."""
        request = dict(self.params)
        self._sent_cache = self._may_cache(send)
        by_parts = self._sent_cache and any(turn.parts for turn in send.turns)
        turns = (self._message(turn, cache=by_parts) for turn in send.turns)
        request["messages"] = [*self.params["messages"], *turns]
        self._sent_thoughts = any(_thinks(block) for turn in send.turns for block in turn.blocks)
        if send.turns and not given(self.params.get("container")) and self._container is not None:
            request["container"] = self._container  # what its tools wrote is there
        if send.max_tokens is not None:
            request["max_tokens"] = send.max_tokens
            self._drop_thinking(request, send.max_tokens)
        if send.lower_effort:
            self._lower_effort(request)
        output = request.get("output_config")
        if send.turns and isinstance(output, Mapping) and "format" in output and not _returns(send):
            # A format that the whole answer has to have would make the model begin it again.
            request["output_config"] = {key: value for key, value in output.items() if key != "format"}
        if self._sent_cache and not by_parts:
            request["cache_control"] = {"type": "ephemeral"}
        if stream:
            request["stream"] = True
            self.limit_silence(request)
        elif not given(request.get("timeout")):
            # An explicit timeout: without one the SDK refuses unary requests with a large cap.
            request["timeout"] = self.client.timeout
        return request

    @property
    def _container(self) -> str | None:
        for reply in reversed(self.replies):
            known = reply.delta.get("container") or getattr(reply.message, "container", None)
            name = known.get("id") if isinstance(known, Mapping) else getattr(known, "id", None)
            if name:
                return str(name)
        return None

    def _message(self, turn: Turn, *, cache: bool) -> dict[str, Any]:
        """A turn; its blocks go back as they came, thinking verbatim or, where it is refused, not at all.

        The prompt cache keeps what ends with a marked block. So the text so far goes in the pieces that it grew by, the
        last one marked, and the next request finds it there; the question behind it is asked once and not kept.
        """
        blocks = [block for block in turn.blocks if self._may_send_thoughts or not _thinks(block)]
        if not blocks and cache and turn.parts:
            return {"role": turn.role, "content": _pieces(turn)}
        if not blocks:
            return {"role": turn.role, "content": turn.text}
        text = [{"type": "text", "text": turn.text}] if turn.text else []
        return {"role": turn.role, "content": [*blocks, *text]}

    def _drop_thinking(self, request: dict[str, Any], cap: int) -> None:
        """A cap that a ceiling lowered to the thinking budget or below would be refused.

        What is asked for then is the remainder of a text, and the little that may still be written should be that.
        """
        thinking = self.params.get("thinking")
        budget = thinking.get("budget_tokens") if isinstance(thinking, Mapping) else None
        if isinstance(budget, int) and cap <= budget and self.cap is not None and cap < self.cap:
            request.pop("thinking", None)

    def _may_cache(self, send: Send) -> bool:
        """Whether to ask for the automatic prompt cache: on Anthropic's own API, within its four breakpoints.

        Not in the first request: most answers fit into it, and writing what nobody reads again costs a quarter more.
        """
        params = self.params
        if not send.turns or not self.policy.prompt_cache or given(params.get("cache_control")):
            return False
        if type(self.client) not in (anthropic.Anthropic, anthropic.AsyncAnthropic) or self.base_url in WITHOUT_CACHE:
            return False
        return sum(_breakpoints(params.get(name)) for name in ("system", "tools", "messages")) < _MOST_BREAKPOINTS

    def stream_class(self) -> Callable[[Run, Any], Any]:
        """A subclass of `anthropic.Stream` or `anthropic.AsyncStream`."""
        from continuum.providers import anthropic_objects

        return anthropic_objects.AsyncWholeStream if self.is_async else anthropic_objects.WholeStream

    def receiver(self, send: Send, *, choices: int = 1) -> MessageReceiver:
        """A collector for one message."""
        return MessageReceiver(self, send)

    def reply_of(self, value: Mapping[str, Any]) -> Any:
        """A `Message`."""
        return Message.construct(**value)

    def opening_of(self, reply: Any) -> Any:
        """`message_start`."""
        message = Message.construct(**{**reply.to_dict(), "content": [], "stop_reason": None, "stop_sequence": None})
        return RawMessageStartEvent.construct(type="message_start", message=message)

    def describe(self, error: BaseException) -> Failure:
        """As `errors.describe`; what the server does not take (`cache_control`, thinking) is left out from then on."""
        failure = errors.describe(error, anthropic)
        if failure.status_code not in (400, 422):
            return failure
        message = ""
        if "cache_control" in f"{error} {getattr(error, 'body', '')}" and self._sent_cache:
            WITHOUT_CACHE.add(self.base_url)
            message = "the server does not take cache_control; asking without it"
        elif failure.kind == "rejected" and _OF_THINKING.search(str(error)) and self._sent_thoughts:
            if self._may_send_thoughts:
                message = "the server does not take its thinking back; sending the turn without it"
            self._may_send_thoughts = False
        if not message:
            return failure
        return replace(failure, kind="adapted", message=message, retry_after=0.0, should_retry=None)

    def sdk_error(self, message: str) -> Exception:
        """An `anthropic.APIConnectionError`."""
        return anthropic.APIConnectionError(message=message, request=httpx2.Request("POST", self.base_url))

    def writer(self) -> StreamWriter:
        """Message events."""
        from continuum.providers import anthropic_objects

        return anthropic_objects.EventWriter(self)

    def to_sdk(self, results: Sequence[Any]) -> Any:
        """A `Message` with the whole text, the summed usage and the final stop reason."""
        from continuum.providers import anthropic_objects

        return anthropic_objects.message(results[0], self.replies, cited=self.may_cite)


def _pieces(turn: Turn) -> list[dict[str, Any]]:
    """A turn's text as the blocks in which it was sent before, what is new as the last one."""
    found: list[dict[str, Any]] = []
    start = 0
    for end in turn.parts:
        if turn.text[start:end].strip():  # a block of white space is refused
            found.append({"type": "text", "text": turn.text[start:end]})
            start = end
    found[-1] = {**found[-1], "text": found[-1]["text"] + turn.text[start:], "cache_control": {"type": "ephemeral"}}
    return found


def _returns(send: Send) -> bool:
    """Whether the whole answer is asked for: again, or in a turn that the provider suspended."""
    return send.reason == "repair" or bool(send.turns[-1].blocks)


def _cites(value: Any) -> bool:
    """Whether an answer to this can have citations: documents that allow them, or tools that the server runs."""
    if isinstance(value, Mapping):
        known = value.get("citations")
        allowed = isinstance(known, Mapping) and known.get("enabled") is True
        return allowed or _SERVER_TOOL.match(str(value.get("type"))) is not None or any(map(_cites, value.values()))
    return isinstance(value, list | tuple) and any(map(_cites, value))


def _thinks(block: Any) -> bool:
    return isinstance(block, Mapping) and block.get("type") in THOUGHTS
