"""OpenAI Chat Completions, and every server that speaks it, through the official `openai` SDK."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import httpx2
import openai
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from continuum._core.errors import ConfigurationError
from continuum._core.halves import join_halves
from continuum._core.types import Failure, FinishReason, Response, Usage
from continuum.providers import capabilities, errors
from continuum.providers.arguments import given, says_json
from continuum.providers.base import Provider, Receiver, count_of
from continuum.providers.limits import Limits
from continuum.providers.openai_choice import Choice, merge, unseen
from continuum.providers.sizes import estimate

if TYPE_CHECKING:
    from collections.abc import Callable

    from continuum._core.actions import Send
    from continuum._core.policy import Policy
    from continuum._drivers import Run
    from continuum.providers.base import StreamWriter

WITHOUT_STREAM_OPTIONS: set[str] = set()
"""The base URLs of servers that were seen to refuse `stream_options`, for the life of the process."""


class OpenAIChat(Provider):
    """Chat Completions on an `OpenAI` or `AsyncOpenAI` client, or a subclass such as Azure's."""

    name = "openai"
    cap_fields = ("max_completion_tokens", "max_tokens")
    stop_field = "stop"
    default_timeout: ClassVar[Any] = openai.DEFAULT_TIMEOUT
    path = ("chat", "completions")
    id_headers = MappingProxyType({"_request_id": "x-request-id"})

    def __init__(self, client: Any, params: Mapping[str, Any], policy: Policy) -> None:
        super().__init__(client, params, policy)
        self.catch = errors.catchable(openai)
        self.official = self.dialect.name == "openai"
        # The limit is OpenAI's own and not every server's.
        self.max_stop_sequences = 4 if self.official else None
        self._fingerprint: str | None = None
        self._sent_options = False  # whether the last request had `stream_options`

    def check(self) -> None:
        """As `Provider.check`, and: `n` has to be a whole number of at least 1."""
        super().check()
        choices = self.params.get("n")
        if given(choices) and (isinstance(choices, bool) or not isinstance(choices, int) or choices < 1):
            raise ConfigurationError(f"n={choices!r}: the number of choices has to be a whole number of at least 1")

    def asks_for_json(self) -> bool:
        """By `response_format`."""
        return says_json(self.params.get("response_format"))

    def answer_as(self, name: str, schema: dict[str, Any]) -> None:
        """By `response_format`."""
        if not given(self.params.get("response_format")):
            wanted = {"name": name, "schema": schema}
            self.params["response_format"] = {"type": "json_schema", "json_schema": wanted}

    def caches(self, rounds: int, shown: int, before: int) -> tuple[int, int]:
        """OpenAI caches by itself, in steps of 128 tokens; of other servers nothing is known."""
        return (before - before % 128 if self.official and before >= 1024 else 0), 0

    def may_ask_limits(self) -> bool:
        """Where the dialect names the field that says so; OpenAI's own models do not tell."""
        return self.dialect.window is not None

    def read_limits(self, card: Any) -> Limits:
        """As the dialect names it."""
        return Limits(context=count_of(card, self.dialect.window))

    def may_prefill(self) -> bool:
        """Tool calls and structured output do not go together with a prefill."""
        return not (given(self.params.get("tools")) or given(self.params.get("response_format")))

    def may_lower_effort(self) -> bool:
        """By `reasoning_effort`; a server other than OpenAI's own is known to take it if the caller wrote it."""
        effort = self.params.get("reasoning_effort")
        return effort not in ("none", "minimal", "low") if given(effort) else self.official

    def _price_provider(self) -> str | None:
        return "openai" if self.official else None

    def request(self, send: Send, *, stream: bool, choices: int = 1) -> dict[str, Any]:
        """The caller's arguments, our turns behind the caller's messages, and what the server wants for a prefill."""
        request = dict(self.params)
        turns: list[dict[str, Any]] = [{"role": turn.role, "content": turn.text} for turn in send.turns]
        if choices == 1:
            request.pop("n", None)
        if turns and send.reason != "repair":
            # A format that the whole answer has to have would make the model begin it again.
            request.pop("response_format", None)
        if send.in_place:
            turns[-1].update(self.dialect.message)
        fields = {**(self.dialect.later if turns else {}), **(self.dialect.body if send.in_place else {})}
        if fields:
            request["extra_body"] = {**(request.get("extra_body") or {}), **fields}
        request["messages"] = [*self.params["messages"], *turns]
        if send.max_tokens is not None:
            request[self._cap_field()] = send.max_tokens
        if send.lower_effort:
            request["reasoning_effort"] = "low"
        options = request.pop("stream_options", None)
        self._sent_options = stream and self.base_url not in WITHOUT_STREAM_OPTIONS
        if self._sent_options:
            request["stream_options"] = {**(options if isinstance(options, Mapping) else {}), "include_usage": True}
        if stream:
            request["stream"] = True
            self.limit_silence(request)
        return request

    def _cap_field(self) -> str:
        for name in self.cap_fields:
            if given(self.params.get(name)):
                return name
        return "max_completion_tokens" if self.official else "max_tokens"

    def stream_class(self) -> Callable[[Run, Any], Any]:
        """A subclass of `openai.Stream` or `openai.AsyncStream`."""
        from continuum.providers import openai_objects

        return openai_objects.AsyncWholeStream if self.is_async else openai_objects.WholeStream

    def receiver(self, send: Send, *, choices: int = 1) -> ChatReceiver:
        """A collector that knows how large the request was, for estimates."""
        return ChatReceiver(self, send, choices)

    def reply_of(self, value: Mapping[str, Any]) -> Any:
        """A `ChatCompletion`."""
        return ChatCompletion.construct(**value)

    def opening_of(self, reply: Any) -> Any:
        """A chunk without choices."""
        head = reply.to_dict()
        head = {name: head[name] for name in ("id", "created", "model", "system_fingerprint") if name in head}
        return ChatCompletionChunk.construct(**head, object="chat.completion.chunk", choices=[])

    def describe(self, error: BaseException) -> Failure:
        """See `errors.describe`. A server that refuses `stream_options` is asked again without them, now and later."""
        failure = errors.describe(error, openai)
        named = "stream_options" in f"{error} {getattr(error, 'body', '')}"
        if failure.status_code in (400, 422) and named and self._sent_options:
            WITHOUT_STREAM_OPTIONS.add(self.base_url)
            message = "the server does not take stream_options; asking without it"
            return replace(failure, kind="adapted", message=message, retry_after=0.0, should_retry=None)
        return failure

    def recognise(self, fingerprint: str | None) -> None:
        """A reply may say which server wrote it."""
        if fingerprint != self._fingerprint and self.dialect is capabilities.GENERIC:
            self._fingerprint = fingerprint
            self.dialect = capabilities.find(self.base_url, self.model, fingerprint, own=self.policy.dialect)

    def finish_reason(self, raw: str) -> FinishReason:
        """The provider's word in the common vocabulary; `unknown` if nobody knows it."""
        return self.dialect.words.get(raw) or capabilities.WORDS.get(raw.lower(), "unknown")

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


class ChatReceiver(Receiver):
    """Collects a Chat Completions reply.

    Attributes:
        head: `id`, `created`, `model`, `system_fingerprint`, `service_tier` of the reply.
        extras: fields of the chunks that the SDK has no name for, such as `citations`.
        choices: what came for each choice.
        usage: the server's own, None if it sent none.
        response: the SDK's object, for a unary reply.
    """

    def __init__(self, provider: OpenAIChat, send: Send, choices: int) -> None:
        self._provider = provider
        self._send = send
        self._asked = choices
        self.choices = [Choice() for _ in range(choices)]
        self.head: dict[str, Any] = {}
        self.extras: dict[str, Any] = {}
        self.usage: Any = None
        self.response: Any = None
        self.error: Failure | None = None

    def feed(self, chunk: Any) -> Sequence[tuple[int, str]]:
        """Take one `ChatCompletionChunk`."""
        if not hasattr(chunk, "choices"):  # some other JSON value
            return ()
        if not self.head.get("id"):
            self._read_head(chunk)
        if chunk.model_extra:
            self.extras.update(chunk.model_extra)
            self.extras.pop("obfuscation", None)  # padding
        if chunk.usage is not None:
            self.usage = chunk.usage
        found: list[tuple[int, str]] = []
        for part in chunk.choices or ():
            choice, delta = self._choice(part.index), part.delta
            if delta is not None:
                text = choice.take(delta.content)
                if text:
                    found.append((part.index or 0, text))
                if delta.model_extra or delta.tool_calls or delta.function_call or delta.refusal:
                    self._read_rest(choice, delta)
                    self.hidden += unseen(delta)
            if part.finish_reason:
                choice.finish = part.finish_reason
            if part.logprobs is not None:
                choice.logprobs.append(part.logprobs)
            if part.model_extra:
                choice.beside.update(part.model_extra)
        return found

    def _choice(self, index: int | None) -> Choice:
        while (index or 0) >= len(self.choices):
            self.choices.append(Choice())
        return self.choices[index or 0]

    def _read_head(self, reply: Any) -> None:
        self.head = {
            name: getattr(reply, name, None)
            for name in ("id", "created", "model", "system_fingerprint", "service_tier")
        }
        self._provider.recognise(self.head["system_fingerprint"])

    @staticmethod
    def _read_rest(choice: Choice, delta: Any) -> None:
        for call in delta.tool_calls or ():
            choice.tool(call)
        if delta.function_call is not None:
            merge(choice.function, delta.function_call.to_dict())
        if delta.refusal:
            choice.refusal += delta.refusal
        choice.more(delta.model_extra)

    def whole(self, response: Any) -> None:
        """Take a `ChatCompletion`. Some servers answer 200 with an error in the body, or with a web page."""
        if not hasattr(response, "choices"):
            self.error = self._provider.not_a_reply(response, "chat completion")
            return
        self.response, self.ids = response, self.ids or self._provider.ids_of(response)
        self._read_head(response)
        self.extras = dict(response.model_extra or {})
        self.usage = response.usage
        if not response.choices:
            error = (response.model_extra or {}).get("error")
            self.error = Failure("transient", f"the server answered 200 without choices: {error!r}"[:300])
            if isinstance(error, Mapping):
                self.error = _body_error(error, self.error.message)
            return
        for part in response.choices:
            message = getattr(part, "message", None)
            choice = self._choice(getattr(part, "index", None))
            if message is None or not hasattr(message, "content"):
                choice.error = Failure("broken", f"the server answered 200 with the message {message!r} in a choice")
                continue
            choice.beside.update(part.model_extra or {})
            if part.logprobs is not None:
                choice.logprobs.append(part.logprobs)
            choice.take(message.content)
            choice.refusal = message.refusal or ""
            choice.finish = part.finish_reason or None
            for number, call in enumerate(message.tool_calls or ()):
                choice.tools[number] = call.to_dict()
            if message.function_call is not None:
                choice.function = message.function_call.to_dict()
            choice.more(message.model_extra)

    def finish(self, failure: Failure | None = None) -> list[Response | Failure]:
        """The facts, one per choice; the usage of the request stands with the first."""
        if self.error is not None:
            return [self.error] * len(self.choices)
        return [self._facts(number, choice, failure) for number, choice in enumerate(self.choices)]

    def _facts(self, number: int, choice: Choice, failure: Failure | None) -> Response | Failure:
        choice.text = text = join_halves("".join(choice.parts))
        raw = choice.finish
        broken = raw is None
        # A tool call that the stream broke in is of no use; all of one that came whole is, whatever it says of its end.
        nothing = not text and not (choice.calls and self.response is not None)
        usage = self._usage() if number == 0 else Usage()
        cut = choice.made
        if choice.error is not None or (broken and nothing):
            error = choice.error or failure
            if error is None:
                error = Failure("transient", "the stream ended without a finish reason and without any text")
            # What was thought, refused or called before the stream broke is billed.
            billed = number == 0 and (self.usage is not None or any(choice.size for choice in self.choices))
            return replace(error, usage=usage if billed else error.usage, cut_tool_calls=cut)
        reason: FinishReason = "interrupted" if raw is None else self._reason(choice, raw)
        told = choice.beside.get("error")
        if reason == "interrupted" and isinstance(told, Mapping):  # OpenRouter: what failed behind it
            failure, broken = _body_error(told, f"the provider failed: {told.get('message')!r}"[:300]), True
            if nothing:
                billed = number == 0 and self.usage is not None
                return replace(failure, usage=usage if billed else None, cut_tool_calls=cut)
        # With several choices the server counts their tokens together.
        if reason == "length" and self._provider.dialect.short_means_full and self._asked == 1 and not usage.estimated:
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
            tool_calls=choice.calls,
            cut_tool_calls=() if reason in ("stop", "tool_calls") else cut,
            prefill=self._provider.prefill,
            failure=failure if broken else None,
            rate_limit=self.rate_limit,
            raw=(self, number),
        )

    def _reason(self, choice: Choice, raw: str) -> FinishReason:
        if choice.refusal:
            return "refusal"
        reason = self._provider.finish_reason(raw)
        native = choice.beside.get("native_finish_reason")
        if not isinstance(native, str):
            return reason
        # A gateway's own word is coarser than that of the server behind it, or did not know it at all.
        behind = self._provider.finish_reason(native)
        coarse = reason in ("stop", "length") and behind not in ("stop", "unknown") and not choice.calls
        return behind if coarse or reason == "unknown" else reason

    def _usage(self) -> Usage:
        """What the server counted; what it did not count, or counted as nothing, is estimated."""
        usage = self.usage
        taken, made = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
        size = sum(choice.size for choice in self.choices)
        estimated = False
        if not taken:
            messages = self._provider.size_of_request(self._send)
            taken, estimated = estimate(messages), True
        if made is None or (made == 0 and size):
            made, estimated = estimate(size), True
        read = getattr(usage, "prompt_tokens_details", None)
        written = getattr(usage, "completion_tokens_details", None)
        return Usage(
            input_tokens=taken,
            output_tokens=made,
            cached_input_tokens=_count(read, "cached_tokens") or 0,
            cache_write_tokens=_count(read, "cache_write_tokens") or 0,
            reasoning_tokens=_count(written, "reasoning_tokens") or 0,
            estimated=estimated,
        )


def _count(counts: Any, name: str) -> int | None:
    value = getattr(counts, name, None)
    return value if isinstance(value, int) else None


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
