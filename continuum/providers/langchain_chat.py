"""Any LangChain chat model as a transport: what it says in `response_metadata` and `usage_metadata` becomes facts.

The model is called as LangChain itself calls it behind `invoke` and `stream`: through `_generate` and `_stream`, which
every integration implements. So no callback and no tracer sees a round; what they see is one answer, once.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import httpx2
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from continuum._core.errors import ConfigurationError
from continuum.providers import capabilities, errors
from continuum.providers.arguments import given, says_json
from continuum.providers.base import Provider, Receiver
from continuum.providers.langchain_message import MessageReceiver, cut_off, message_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from langchain_core.language_models import BaseChatModel

    from continuum._core.actions import Send
    from continuum._core.policy import Policy
    from continuum._core.types import Failure, FinishReason, Result, Turn

_ROLES = {"human": "user", "ai": "assistant", "AIMessageChunk": "assistant", "HumanMessageChunk": "user"}
_TIMEOUT = httpx2.Timeout(600.0, connect=5.0)  # the default of both SDKs
_SCHEMAS = ("response_format", "output_format")
WITHOUT_USAGE: set[str] = set()
"""The base URLs of servers that were seen to refuse a request for usage in a stream, for the life of the process."""


@dataclass(frozen=True, slots=True)
class ChatModelClient:
    """A chat model with the messages of one call.

    Attributes:
        model: with its own retries switched off, where that can be done.
        messages: as the caller passed them.
        is_async: whether to call `ainvoke` and `astream`.
        word: reads the finish reason of a message where the usual fields have none.
    """

    model: BaseChatModel
    messages: Sequence[BaseMessage]
    is_async: bool
    word: Callable[[AIMessage], str | None] | None = None
    max_retries: int = 0

    @property
    def family(self) -> str:
        """`openai` or `anthropic` for an integration on that SDK, else nothing."""
        modules = {base.__module__.partition(".")[0] for base in type(self.model).__mro__}
        return next((sdk for sdk in ("openai", "anthropic") if f"langchain_{sdk}" in modules), "")

    @property
    def base_url(self) -> str:
        """Where the model lives, as far as it can be seen."""
        for name in ("openai_api_base", "anthropic_api_url", "azure_endpoint", "base_url", "endpoint_url"):
            value = getattr(self.model, name, None)
            if isinstance(value, str) and value:
                return value
        root = getattr(self.model, "root_client", None) or getattr(self.model, "root_async_client", None)
        return str(getattr(root, "base_url", "")) or f"https://{type(self.model).__name__.lower()}.invalid/"

    @property
    def name(self) -> str:
        """The name of the model."""
        for field in ("model_name", "model", "model_id", "deployment_name"):
            value = getattr(self.model, field, None)
            if isinstance(value, str) and value:
                return value
        return type(self.model).__name__

    @property
    def timeout(self) -> Any:
        """The timeout of one request, as the SDK behind the model has it."""
        for name in ("request_timeout", "default_request_timeout"):
            value = getattr(self.model, name, None)
            if value is not None and not isinstance(value, tuple):
                return value
        return _TIMEOUT


def quiet(model: BaseChatModel) -> BaseChatModel:
    """A copy of a chat model without retries of its own; other fields and its connections are the same.

    Known are the models that keep SDK clients as fields (OpenAI's) and those that make them when they are first
    used (Anthropic's). Others are returned as they are.
    """
    update: dict[str, Any] = {}
    for root, own in (("root_client", "client"), ("root_async_client", "async_client")):
        sdk: Any = getattr(model, root, None)
        if getattr(sdk, "max_retries", None) and hasattr(sdk, "with_options"):
            update[root] = silent = sdk.with_options(max_retries=0)
            update[own] = silent.chat.completions
    fields = type(model).model_fields
    if "max_retries" in fields and getattr(model, "max_retries", None) != 0:
        update["max_retries"] = 0
    if not update:
        return model
    copy = model.model_copy(update=update)
    own_values: dict[str, Any] = vars(copy)
    for name in ("_client", "_async_client"):
        own_values.pop(name, None)
    return copy


class LangChainChat(Provider):
    """One call of a LangChain chat model."""

    name = "langchain"
    cap_fields = ("max_tokens", "max_completion_tokens", "max_output_tokens", "num_predict")
    stop_field = "stop"
    default_timeout = _TIMEOUT
    catch = (Exception,)  # `describe` lets pass what is no fact about the provider or the network

    def __init__(self, client: ChatModelClient, params: Mapping[str, Any], policy: Policy) -> None:
        shown = [{"role": _ROLES.get(m.type, m.type), "content": m.content} for m in client.messages]
        super().__init__(client, {"model": client.name, **params, "messages": shown}, policy)
        self.is_async = client.is_async
        self.family = client.family
        self.first: MessageReceiver | None = None  # the first that brought a message
        self._asked_usage = False

    def check(self) -> None:
        """As `Provider.check`, and: a chat model gives one answer."""
        super().check()
        n = self.params.get("n", getattr(self.client.model, "n", None))
        if given(n) and n != 1:
            raise ConfigurationError(f"n={n!r}: a chat model that is made complete gives one answer; leave n out")

    def asks_for_json(self) -> bool:
        """By a format that is bound to the call, under the name that the model's integration has for it."""
        output = self.params.get("output_config")
        formats = [self.params.get(name) for name in _SCHEMAS]
        formats += [output.get("format")] if isinstance(output, Mapping) else []
        return any(says_json(format) or isinstance(format, type) for format in formats)

    @property
    def cap(self) -> int | None:
        """Output tokens per request as bound to the call, else as the model has them."""
        found = super().cap
        if found is None:
            value = getattr(self.client.model, self._cap_field(), None)
            found = value if isinstance(value, int) and value > 0 else None
        return found

    def _cap_field(self) -> str:
        for name in self.cap_fields:
            if given(self.params.get(name)):
                return name
        fields = type(self.client.model).model_fields
        return next((name for name in self.cap_fields if name in fields), "max_tokens")

    def may_prefill(self) -> bool:
        """Where the integration sends a trailing assistant turn as it is, and nothing speaks against it."""
        if not self.family or self.dialect.message:
            return False
        asked = any(given(self.params.get(name)) for name in ("tools", *_SCHEMAS))
        thinking = self.params.get("thinking", getattr(self.client.model, "thinking", None))
        off = not thinking or (isinstance(thinking, Mapping) and thinking.get("type") == "disabled")
        return off and not asked

    def may_stream(self) -> bool:
        """A parsed object is taken whole: OpenAI's helper for streams of objects warns at every one of them."""
        return super().may_stream() and not self._wants_object()

    def _price_provider(self) -> str | None:
        return self.family if self.family == "anthropic" or self.dialect.name == "openai" else None

    def request(self, send: Send, *, stream: bool, choices: int = 1) -> dict[str, Any]:
        """Messages and the caller's keyword arguments."""
        request = {name: value for name, value in self.params.items() if name not in ("model", "messages", "n")}
        if send.turns:
            _lift_schema(request)
        fields = {**(self.dialect.later if send.turns else {}), **(self.dialect.body if send.in_place else {})}
        if fields and self.family == "openai":
            request["extra_body"] = {**(request.get("extra_body") or {}), **fields}
        if send.max_tokens is not None:
            request[self._cap_field()] = send.max_tokens
        self._asked_usage = (
            stream
            and self.family == "openai"
            and request.get("stream_usage") is None
            and getattr(self.client.model, "stream_usage", None) is None
            and self.base_url not in WITHOUT_USAGE
            and not self._uses_responses(request)
        )
        if self._asked_usage:
            request["stream_usage"] = True
        if stream:
            self.limit_silence(request)
        return {**request, "messages": [*self.client.messages, *map(_message, send.turns)], "stream": stream}

    def _uses_responses(self, request: Mapping[str, Any]) -> bool:
        """Whether the model asks OpenAI's Responses API, which always counts and knows no `stream_options`."""
        decides = getattr(self.client.model, "_use_responses_api", None)
        return decides is not None and bool(decides({**request, **(getattr(self.client.model, "model_kwargs", {}))}))

    def _shorten(self, request: dict[str, Any], read: float) -> None:
        if self.family:  # other integrations may not know the argument
            super()._shorten(request, read)

    def open(self, request: Mapping[str, Any]) -> Any:
        """Call the model."""
        arguments = dict(request)
        messages, stream = arguments.pop("messages"), arguments.pop("stream")
        if self.is_async:
            return self._aopen(messages, arguments, stream=stream)
        model = self.client.model
        if model.rate_limiter is not None:
            model.rate_limiter.acquire(blocking=True)
        if stream and model._should_stream(async_api=False, **{**arguments, "stream": True}):
            return _opened(model._stream(messages, **arguments))
        try:
            message = whole_message(model._generate(messages, **arguments))
        except Exception as error:
            message = cut_off(error, unary=True)
        return _opened(iter([message])) if stream else message

    async def _aopen(self, messages: Any, arguments: dict[str, Any], *, stream: bool) -> Any:
        model = self.client.model
        if model.rate_limiter is not None:
            await model.rate_limiter.aacquire(blocking=True)
        if stream and model._should_stream(async_api=True, **{**arguments, "stream": True}):
            return _aopened(model._astream(messages, **arguments))
        try:
            message = whole_message(await model._agenerate(messages, **arguments))
        except Exception as error:
            message = cut_off(error, unary=True)
        return _aopened(_just(message)) if stream else message

    def opened(self, receiver: Receiver, stream: Any) -> None:
        """A chat model does not show the headers."""

    def receiver(self, send: Send, *, choices: int = 1) -> MessageReceiver:
        """A collector for one message."""
        return MessageReceiver(self, send)

    def describe(self, error: BaseException) -> Failure:
        """Facts, by the classes of the SDK or the HTTP library behind the model; anything else is raised again."""
        for sdk in filter(None, (sys.modules.get(name) for name in ("openai", "anthropic"))):
            if isinstance(error, errors.catchable(sdk)):
                return self._asked_again(errors.describe(error, sdk))
        failure = errors.describe_any(error)
        if failure is None:
            raise error
        return failure

    def _asked_again(self, failure: Failure) -> Failure:
        """A server that refuses `stream_options` is asked again without them, now and later."""
        error = failure.error
        if self._asked_usage and failure.status_code in (400, 422) and "stream_options" in f"{error}":
            WITHOUT_USAGE.add(self.base_url)
            message = "the server does not take stream_options; asking without it"
            return replace(failure, kind="adapted", message=message, retry_after=0.0, should_retry=None)
        return failure

    def finish_reason(self, raw: str) -> FinishReason:
        """The common word for the provider's own."""
        return self.dialect.words.get(raw) or capabilities.WORDS.get(raw.lower(), "unknown")

    def recognise(self, metadata: Mapping[str, Any]) -> None:
        """A reply may say which server wrote it."""
        mark = metadata.get("system_fingerprint")
        if isinstance(mark, str) and self.dialect is capabilities.GENERIC:
            self.dialect = capabilities.find(self.base_url, self.model, mark, own=self.policy.dialect)

    def sdk_error(self, message: str) -> Exception:
        """A `ConnectionError`: there is one for no integration in particular."""
        return ConnectionError(message)

    def to_sdk(self, results: Sequence[Result]) -> AIMessage | None:
        """One `AIMessage` for a run, with its account at `response_metadata["continuum"]`."""
        return message_of(results[0], self.first, as_object=self._wants_object())

    def _wants_object(self) -> bool:
        return self.family == "openai" and given(self.params.get("response_format"))

    def resource(self, client: Any) -> Any:
        """There is no `create()`."""
        raise ConfigurationError("a LangChain chat model is wrapped by continuum.langchain.ContinuumChatModel")

    stream_class = writer = resource  # type: ignore[assignment]  # never reached without resource()


def _lift_schema(request: dict[str, Any]) -> None:
    """A schema would force a continuation to be a new object."""
    for name in _SCHEMAS:
        request.pop(name, None)
    config = request.get("output_config")
    if isinstance(config, Mapping):
        request["output_config"] = {name: value for name, value in config.items() if name != "format"}


def _message(turn: Turn) -> BaseMessage:
    text: list[Any] = [{"type": "text", "text": turn.text}] if turn.text else []
    content: Any = [*turn.blocks, *text] if turn.blocks else turn.text
    return AIMessage(content=content) if turn.role == "assistant" else HumanMessage(content=content)


def whole_message(result: ChatResult) -> AIMessage:
    """The message of a unary call, with all that is said beside it among its metadata."""
    generation = result.generations[0]
    message: Any = generation.message
    message.response_metadata = {
        **(result.llm_output or {}), **(generation.generation_info or {}), **message.response_metadata
    }  # fmt: skip
    return message  # type: ignore[no-any-return]  # a chat model answers with an AIMessage


async def _just(message: AIMessage) -> AsyncIterator[AIMessage]:
    yield message


def _plain(chunk: Any) -> Any:
    """The message in a chunk of a stream, with what is said beside it among its metadata."""
    if not isinstance(chunk, ChatGenerationChunk):
        return chunk
    message = chunk.message
    if chunk.generation_info:
        message.response_metadata = {**chunk.generation_info, **message.response_metadata}
    return message


@contextmanager
def _opened(chunks: Iterator[Any]) -> Iterator[Iterator[Any]]:
    def guarded() -> Iterator[Any]:
        try:
            for chunk in chunks:
                yield _plain(chunk)
        except Exception as error:
            yield cut_off(error, unary=False)

    try:
        yield guarded()
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()


@asynccontextmanager
async def _aopened(chunks: AsyncIterator[Any]) -> AsyncIterator[AsyncIterator[Any]]:
    async def guarded() -> AsyncIterator[Any]:
        try:
            async for chunk in chunks:
                yield _plain(chunk)
        except Exception as error:
            yield cut_off(error, unary=False)

    try:
        yield guarded()
    finally:
        close = getattr(chunks, "aclose", None)
        if close is not None:
            await close()
