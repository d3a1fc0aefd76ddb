"""OpenAI Chat Completions, and every server that speaks it, through the official `openai` SDK."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import httpx2
import openai

from continuum._core.types import Failure, FinishReason, Response, Usage
from continuum.providers import capabilities, errors
from continuum.providers.base import Provider, Receiver, estimate, given, text_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from continuum._core.actions import Send
    from continuum._core.policy import Policy
    from continuum._drivers import Run
    from continuum.providers.base import StreamWriter

_WORDS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


class OpenAIChat(Provider):
    """Chat Completions on an `OpenAI` or `AsyncOpenAI` client, or a subclass such as Azure's."""

    name = "openai"
    cap_fields = ("max_completion_tokens", "max_tokens")
    stop_field = "stop"
    max_stop_sequences = 4

    def __init__(self, client: Any, params: Mapping[str, Any], policy: Policy) -> None:
        super().__init__(client, params, policy)
        self.catch = errors.catchable(openai)
        self.official = self.dialect.name == "openai"
        self._fingerprint: str | None = None

    def check(self) -> None:
        """As `Provider.check`; the limit of stop sequences is OpenAI's own and not every server's."""
        stops = self.params.get("stop")
        if not self.official and isinstance(stops, list | tuple):
            self.params.pop("stop")
            super().check()
            self.params["stop"] = stops
        else:
            super().check()

    def may_prefill(self) -> bool:
        """Tool calls and structured output do not go together with a prefill."""
        return not (given(self.params.get("tools")) or given(self.params.get("response_format")))

    def _price_provider(self) -> str | None:
        return "openai" if self.official else None

    def request(self, send: Send, *, stream: bool, choices: int = 1) -> dict[str, Any]:
        """The caller's arguments, our turns behind the caller's messages, and what the server wants for a prefill."""
        request = dict(self.params)
        turns: list[dict[str, Any]] = [{"role": turn.role, "content": turn.text} for turn in send.turns]
        if choices == 1:
            request.pop("n", None)
        if send.in_place:
            turns[-1].update(self.dialect.message)
            if self.dialect.body:
                request["extra_body"] = {**(request.get("extra_body") or {}), **self.dialect.body}
        request["messages"] = [*self.params["messages"], *turns]
        if send.max_tokens is not None:
            request[self._cap_field()] = send.max_tokens
        if stream:
            request["stream"] = True
            options = request.get("stream_options")
            request["stream_options"] = {**(options if isinstance(options, Mapping) else {}), "include_usage": True}
            self.limit_silence(request)
        else:
            request.pop("stream_options", None)
        return request

    def _cap_field(self) -> str:
        for name in self.cap_fields:
            if given(self.params.get(name)):
                return name
        return "max_completion_tokens" if self.official else "max_tokens"

    def resource(self, client: Any) -> Any:
        """`client.chat.completions`."""
        return client.chat.completions

    def stream_class(self) -> Callable[[Run, Any], Any]:
        """A subclass of `openai.Stream` or `openai.AsyncStream`."""
        from continuum.providers import openai_objects

        return openai_objects.AsyncWholeStream if self.is_async else openai_objects.WholeStream

    def receiver(self, send: Send, *, choices: int = 1) -> ChatReceiver:
        """A collector that knows how large the request was, for estimates."""
        return ChatReceiver(self, send, choices)

    def describe(self, error: BaseException) -> Failure:
        """See `errors.describe`."""
        return errors.describe(error, openai)

    def recognise(self, fingerprint: str | None) -> None:
        """A reply may say which server wrote it."""
        if fingerprint != self._fingerprint and self.dialect is capabilities.GENERIC:
            self._fingerprint = fingerprint
            self.dialect = capabilities.find(self.base_url, self.model, fingerprint)

    def finish_reason(self, raw: str) -> FinishReason:
        """The provider's word in the common vocabulary; `unknown` if nobody knows it."""
        return self.dialect.words.get(raw) or _WORDS.get(raw, "unknown")

    def sdk_error(self, message: str) -> Exception:
        """An `openai.APIConnectionError`."""
        return openai.APIConnectionError(message=message, request=httpx2.Request("POST", self.base_url))

    def may_stream(self) -> bool:
        """Audio, log probabilities and legacy function calls are taken as the server puts them together."""
        params = self.params
        asked = any(given(params.get(name)) for name in ("audio", "modalities", "functions", "web_search_options"))
        return super().may_stream() and not asked and not params.get("logprobs")

    def writer(self) -> StreamWriter:
        """Chunks; a usage chunk only if the caller asked for one."""
        from continuum.providers import openai_objects

        options = self.params.get("stream_options")
        return openai_objects.ChunkWriter(isinstance(options, Mapping) and bool(options.get("include_usage")))

    def to_sdk(self, results: Sequence[Any]) -> Any:
        """A `ChatCompletion` with the whole text, the summed usage and the final finish reason of each choice."""
        from continuum.providers import openai_objects

        return openai_objects.completion(results)


class Choice:
    """One choice as it arrives."""

    __slots__ = ("finish", "logprobs", "parts", "reasoning", "refusal", "text", "tools")

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.text = ""
        self.refusal = ""
        self.reasoning: list[str] = []
        self.tools: dict[int, dict[str, Any]] = {}
        self.logprobs: list[Any] = []
        self.finish: str | None = None

    def tool(self, delta: Any) -> None:
        """Merge a fragment of a tool call."""
        call = self.tools.setdefault(delta.index or 0, {"id": "", "type": "function", "name": "", "arguments": ""})
        call["id"] = delta.id or call["id"]
        if delta.function is not None:
            call["name"] += delta.function.name or ""
            call["arguments"] += delta.function.arguments or ""


class ChatReceiver(Receiver):
    """Collects a Chat Completions reply.

    Attributes:
        head: `id`, `created`, `model`, `system_fingerprint`, `service_tier` of the reply.
        choices: what came for each choice.
    """

    def __init__(self, provider: OpenAIChat, send: Send, choices: int) -> None:
        self._provider = provider
        self._send = send
        self.choices = [Choice() for _ in range(choices)]
        self.head: dict[str, Any] = {}
        self.usage: Any = None
        self.response: Any = None  # the SDK's object, for a unary reply
        self.error: Failure | None = None

    def feed(self, chunk: Any) -> Sequence[tuple[int, str]]:
        """Take one `ChatCompletionChunk`."""
        if not self.head:
            self._read_head(chunk)
        if chunk.usage is not None:
            self.usage = chunk.usage
        found: list[tuple[int, str]] = []
        for part in chunk.choices or ():
            index = part.index or 0
            while index >= len(self.choices):
                self.choices.append(Choice())
            choice = self.choices[index]
            delta = part.delta
            if delta is not None:
                if delta.content:
                    choice.parts.append(delta.content)
                    found.append((index, delta.content))
                self._read_rest(choice, delta)
            if part.finish_reason is not None:
                choice.finish = part.finish_reason
            if part.logprobs is not None:
                choice.logprobs.append(part.logprobs)
        return found

    def _read_head(self, reply: Any) -> None:
        self.head = {
            name: getattr(reply, name, None)
            for name in ("id", "created", "model", "system_fingerprint", "service_tier")
        }
        self._provider.recognise(self.head["system_fingerprint"])

    @staticmethod
    def _read_rest(choice: Choice, delta: Any) -> None:
        if delta.tool_calls:
            for call in delta.tool_calls:
                choice.tool(call)
        if delta.refusal:
            choice.refusal += delta.refusal
        extra = delta.model_extra
        if extra:
            thought = extra.get("reasoning_content") or extra.get("reasoning")
            if isinstance(thought, str):
                choice.reasoning.append(thought)

    def whole(self, response: Any) -> None:
        """Take a `ChatCompletion`. Some servers answer 200 with an error in the body."""
        self.response = response
        self._read_head(response)
        self.usage = response.usage
        if not response.choices:
            error = (response.model_extra or {}).get("error")
            self.error = Failure("transient", f"the server answered 200 without choices: {error!r}"[:300])
            if isinstance(error, Mapping):
                self.error = _body_error(error, self.error.message)
            return
        for part in response.choices:
            index = part.index or 0
            while index >= len(self.choices):
                self.choices.append(Choice())
            choice, message = self.choices[index], part.message
            choice.parts.append(message.content or "")
            choice.refusal = message.refusal or ""
            choice.finish = part.finish_reason
            for number, call in enumerate(message.tool_calls or ()):
                choice.tools[number] = call.model_dump()
            extra = message.model_extra or {}
            thought = extra.get("reasoning_content") or extra.get("reasoning")
            if isinstance(thought, str):
                choice.reasoning.append(thought)

    def finish(self, failure: Failure | None = None) -> list[Response | Failure]:
        """The facts, one per choice; the usage of the request stands with the first."""
        if self.error is not None:
            return [self.error] * len(self.choices)
        return [self._facts(number, choice, failure) for number, choice in enumerate(self.choices)]

    def _facts(self, number: int, choice: Choice, failure: Failure | None) -> Response | Failure:
        choice.text = text = "".join(choice.parts)
        raw = choice.finish
        broken = raw is None
        if broken and not text and not choice.tools:
            return failure or Failure("transient", "the stream ended without a finish reason and without any text")
        usage = self._usage(text) if number == 0 else Usage()
        reason: FinishReason = "interrupted" if raw is None else self._provider.finish_reason(raw)
        if choice.refusal and reason == "stop":
            reason = "refusal"
        if reason == "length" and self._provider.dialect.short_means_full and not usage.estimated:
            cap = self._send.max_tokens or self._provider.cap
            if cap is not None and usage.output_tokens < cap - 1:
                reason = "context_window"
        return Response(
            text=text,
            finish_reason=reason,
            raw_finish_reason=raw,
            usage=usage,
            model=self.head.get("model"),
            id=self.head.get("id"),
            reasoning=bool(choice.reasoning),
            tool_calls=len(choice.tools),
            prefill=self._provider.prefill,
            failure=failure if broken else None,
            rate_limit=self.rate_limit,
            raw=(self, number),
        )

    def _usage(self, text: str) -> Usage:
        usage = self.usage
        if usage is None:
            size = text_size(self._provider.params["messages"]) + sum(len(turn.text) for turn in self._send.turns)
            return Usage(estimate(size), estimate(len(text)), estimated=True)
        read, written = usage.prompt_tokens_details, usage.completion_tokens_details
        return Usage(
            input_tokens=usage.prompt_tokens or 0,
            output_tokens=usage.completion_tokens or 0,
            cached_input_tokens=(read.cached_tokens or 0) if read else 0,
            cache_write_tokens=(getattr(read, "cache_write_tokens", None) or 0) if read else 0,
            reasoning_tokens=(written.reasoning_tokens or 0) if written else 0,
        )


def _body_error(error: Mapping[str, Any], message: str) -> Failure:
    code = error.get("code")
    status = int(code) if isinstance(code, int) or (isinstance(code, str) and code.isdigit()) else None
    if status == 402 or code == "insufficient_quota":
        return Failure("quota", message, status)
    if status == 429:
        return Failure("rate_limited", message, status)
    if status is not None and 400 <= status < 500 and status not in (408, 409):
        return Failure("rejected", message, status)
    return Failure("transient", message, status)
