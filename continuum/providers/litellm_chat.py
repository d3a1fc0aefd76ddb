"""LiteLLM as a transport: the module itself or a `Router`, whose answers are Chat Completions whatever the provider."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import openai
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from continuum._core.errors import ConfigurationError
from continuum._core.types import Failure
from continuum.providers import capabilities, errors
from continuum.providers.arguments import given
from continuum.providers.openai_chat import OpenAIChat

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from continuum._core.actions import Send
    from continuum._core.policy import Policy
    from continuum._core.types import FinishReason
    from continuum.providers.base import Receiver, StreamWriter

_TIMEOUT = 600.0  # LiteLLM's own default
_UNKNOWN_PLACE = "https://litellm.invalid/"
# LiteLLM keeps the provider's message but not its error code.
_QUOTA_MARKS = ("insufficient_quota", "exceeded your current quota", "spend_limit", "billing_hard_limit")


@dataclass(frozen=True, slots=True)
class _Client:
    target: Any
    base_url: str
    timeout: Any = _TIMEOUT
    max_retries: int = 0


class LiteLLMChat(OpenAIChat):
    """One call of `completion()` or `acompletion()`, without LiteLLM's own retries; a router keeps its fallbacks."""

    name = "litellm"
    default_timeout = _TIMEOUT
    either = True
    functions = ("completion", "acompletion")

    def __init__(self, target: Any, params: Mapping[str, Any], policy: Policy) -> None:
        place = params.get("api_base") or params.get("base_url") or _UNKNOWN_PLACE
        super().__init__(_Client(target, str(place)), params, policy)
        self.catch = (Exception,)  # `describe` lets pass what is no fact about the provider or the network
        self.official = False

    def may_ask_limits(self) -> bool:
        """LiteLLM has no models to ask."""
        return False

    def price(self) -> Any:
        """US dollars, by the name behind LiteLLM's prefix."""
        from continuum.providers.pricing import price_of

        return price_of(self.model.rpartition("/")[2], None)

    def request(self, send: Send, *, stream: bool, choices: int = 1) -> dict[str, Any]:
        """As for Chat Completions, and: no retries but ours."""
        request = super().request(send, stream=stream, choices=choices)
        return {**request, "num_retries": 0, "max_retries": 0}

    def _cap_field(self) -> str:
        return "max_completion_tokens" if given(self.params.get("max_completion_tokens")) else "max_tokens"

    def _shorten(self, request: dict[str, Any], read: float) -> None:
        own = request.get("timeout") if self._own_timeout(request) else self.client.timeout
        if own is None or (isinstance(own, int | float) and own > read):
            request["timeout"] = read

    def open(self, request: Mapping[str, Any]) -> Any:
        """Call LiteLLM."""
        if self.is_async:
            return self._aopen(request)
        answer = self.client.target.completion(**request)
        return _opened(answer) if request.get("stream") else _completion(answer)

    async def _aopen(self, request: Mapping[str, Any]) -> Any:
        answer = await self.client.target.acompletion(**request)
        return _aopened(answer) if request.get("stream") else _completion(answer)

    def opened(self, receiver: Receiver, stream: Any) -> None:
        """A stream was opened; see `_opened` for its headers."""
        receiver.rate_limit = errors.rate_limit(stream.headers)

    def describe(self, error: BaseException) -> Failure:
        """Facts, by LiteLLM's classes; what it says of neither provider nor network is raised again."""
        known = isinstance(error, openai.APIStatusError | openai.APIConnectionError)
        failure = super().describe(error) if known else errors.describe_any(error)
        if failure is None and isinstance(error, openai.APIError):
            failure = super().describe(error)
        kind = type(error).__name__
        if failure is None:
            if kind != "BudgetExceededError":
                raise error
            failure = Failure("quota", str(error), error=error)
        headers: Any = getattr(error, "litellm_response_headers", None) or {}
        if headers and failure.retry_after is None:
            waits, limit = errors.retry_after(headers), errors.rate_limit(headers)
            failure = replace(failure, retry_after=waits, rate_limit=limit)
        if kind == "BudgetExceededError" or (
            failure.status_code == 429 and any(mark in f"{error}" for mark in _QUOTA_MARKS)
        ):
            return replace(failure, kind="quota")
        if kind == "ContextWindowExceededError":
            return replace(failure, kind="context_window")
        return failure

    def finish_reason(self, raw: str) -> FinishReason:
        """The common word for the provider's own, which is read from where LiteLLM keeps it: it calls others `stop`."""
        return self.dialect.words.get(raw) or capabilities.WORDS.get(raw.lower(), "unknown")

    def to_sdk(self, results: Sequence[Any]) -> Any:
        """A `ModelResponse`."""
        whole = super().to_sdk(results)
        return None if whole is None else _library().ModelResponse(**whole.to_dict(mode="python"))

    def writer(self) -> StreamWriter:
        """LiteLLM's own chunks."""
        return _Writer(super().writer())

    def sdk_error(self, message: str) -> Exception:
        """A `litellm.APIConnectionError`."""
        error: Exception = _library().APIConnectionError(message, llm_provider="", model=self.model)
        return error

    def resource(self, client: Any) -> Any:
        """There is no `create()`."""
        raise ConfigurationError("LiteLLM has completion() and acompletion()")


def _library() -> Any:
    # Whoever has a client of it has imported it; its import takes seconds, and is not ours to do.
    return sys.modules["litellm"]


def _native(choice: dict[str, Any]) -> None:
    """Put the provider's own finish reason in place of LiteLLM's, which is `stop` for every word it does not know."""
    native = (choice.get("provider_specific_fields") or {}).get("native_finish_reason")
    if isinstance(native, str) and native:
        choice["finish_reason"] = native


def _completion(answer: Any) -> ChatCompletion:
    data = answer.model_dump()
    for choice in data.get("choices") or ():
        _native(choice)
    return ChatCompletion.construct(**_shaped(data))


def _shaped(data: dict[str, Any]) -> dict[str, Any]:
    """Without the fields that LiteLLM adds to every answer and leaves empty."""
    return {name: value for name, value in data.items() if value is not None or name in ("usage", "choices")}


def _chunk(answer: Any, stream: Any) -> ChatCompletionChunk:
    data = answer.model_dump()
    data.setdefault("usage", None)
    for choice in data.get("choices") or ():
        if choice.get("finish_reason"):
            said = getattr(stream, "received_finish_reason", None)
            choice["finish_reason"] = said if isinstance(said, str) and said else choice["finish_reason"]
            _native(choice)
        choice["delta"] = {name: value for name, value in choice["delta"].items() if value is not None}
    return ChatCompletionChunk.construct(**_shaped(data))


class _Chunks:
    """A stream of LiteLLM as the official SDK's chunks."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.headers: Mapping[str, str] = dict(getattr(stream, "_response_headers", None) or {})

    def __iter__(self) -> Iterator[ChatCompletionChunk]:
        for answer in self._stream:
            yield _chunk(answer, self._stream)

    async def __aiter__(self) -> AsyncIterator[ChatCompletionChunk]:
        async for answer in self._stream:
            yield _chunk(answer, self._stream)


@contextmanager
def _opened(stream: Any) -> Iterator[_Chunks]:
    try:
        yield _Chunks(stream)
    finally:
        stream.close()


@asynccontextmanager
async def _aopened(stream: Any) -> AsyncIterator[_Chunks]:
    try:
        yield _Chunks(stream)
    finally:
        await stream.aclose()


class _Writer:
    """Writes a stream of `ModelResponseStream`."""

    def __init__(self, writer: StreamWriter) -> None:
        self._writer = writer

    def passing(self, event: Any, round: int) -> list[Any]:
        return _own(self._writer.passing(event, round))

    def text(self, choice: int, text: str) -> list[Any]:
        return _own(self._writer.text(choice, text))

    def closing(self, results: Sequence[Any]) -> list[Any]:
        return _own(self._writer.closing(results))


def _own(chunks: Sequence[Any]) -> list[Any]:
    make = _library().types.utils.ModelResponseStream
    return [make(**chunk.to_dict(mode="python", exclude_unset=False)) for chunk in chunks]
