"""Google Gemini through the official `google-genai` SDK: `generate_content` and its stream, sync and async.

`CONTINUATION` is the provider's own pause: the same request goes out again with the token, one hop per round, so that
every hop is counted and none is lost. The SDK's own loop over hops is off for these calls, as are its retries and its
way of calling Python functions.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.genai import errors as sdk_errors
from google.genai import types

from continuum._core.asking import ServerFacts
from continuum._core.errors import ConfigurationError
from continuum._core.policy import Policy
from continuum.providers import errors
from continuum.providers.arguments import given
from continuum.providers.base import NotCoveredError, Provider
from continuum.providers.gemini_reply import ContentReceiver, describe, response_of
from continuum.providers.sizes import text_size

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from continuum._core.actions import Send
    from continuum._core.types import Failure, Result, Turn
    from continuum.providers.base import Receiver

_HOME = "https://generativelanguage.googleapis.com/"
_LITTLE = 512  # tokens of thinking that every model takes as a budget
_BY_ITSELF = -1  # the model chooses its budget
_LEVELS = re.compile(r"gemini-(?:[3-9]|\d\d)")
# They would force a continuation to be a new object.
_JSON = "application/json"
_SCHEMAS = ("response_schema", "response_json_schema", "response_mime_type")


@dataclass(frozen=True, slots=True)
class _Client:
    """Both faces of a client, as far as it has them."""

    models: Any
    amodels: Any
    base_url: str
    timeout: float | None
    max_retries: int = 0


def _client(client: Any) -> _Client:
    options = getattr(getattr(client, "_api_client", None), "_http_options", None)
    timeout = getattr(options, "timeout", None)
    is_async = type(client).__name__ == "AsyncClient"
    return _Client(
        None if is_async else client.models,
        client.models if is_async else client.aio.models,
        str(getattr(options, "base_url", None) or _HOME),
        timeout / 1000 if timeout else None,
    )


class Gemini(Provider):
    """One call of `generate_content` on a `genai.Client`, or on its `aio`."""

    name = "gemini"
    cap_fields = ("max_output_tokens",)
    stop_field = "stop_sequences"

    def __init__(self, client: Any, params: Mapping[str, Any], policy: Policy) -> None:
        both = _client(client)
        self.either = both.models is not None  # an AsyncClient serves one kind of call only
        self.config = _config(params.get("config"))
        shown = {name: getattr(self.config, name) for name in (*self.cap_fields, self.stop_field)}
        super().__init__(both, {**params, **shown}, policy)
        self.is_async = both.models is None
        self.catch = (sdk_errors.APIError, sdk_errors.UnknownApiResponseError, *errors.network_errors())
        self.hop_tokens = 0  # written since the last request that had no continuation token
        self.first: ContentReceiver | None = None

    def check(self) -> None:
        """Refuse arguments that can only fail.

        Raises:
            ConfigurationError: with what is wrong, its value, and what to do.
        """
        params, config = self.params, self.config
        if not self.model:
            raise ConfigurationError(f"model={params.get('model')!r}: name the model to ask")
        contents = params.get("contents")
        if not contents:
            raise ConfigurationError(f"contents={contents!r}: pass a text, a part, a content or a list of them")
        last = contents[-1] if isinstance(contents, list) else contents
        role = last.get("role") if isinstance(last, Mapping) else getattr(last, "role", None)
        if role == "model":
            raise NotCoveredError("contents end on a model turn: continuum adds such turns itself; end on a user turn")
        unknown = params.keys() - {"model", "contents", "config", *self.cap_fields, self.stop_field}
        for name in unknown & Policy.model_fields.keys():
            raise ConfigurationError(f"{name} is a field of the policy: pass policy=continuum.Policy({name}=…)")
        if unknown:
            raise ConfigurationError(f"{sorted(unknown)}: generate_content() takes model, contents and config")
        cap = config.max_output_tokens
        if cap is not None and cap < 1:
            raise ConfigurationError(f"max_output_tokens={cap!r}: the output cap has to be at least 1")
        if config.candidate_count not in (None, 1):
            raise ConfigurationError(f"candidate_count={config.candidate_count!r}: only one candidate can be completed")
        automatic = config.automatic_function_calling
        if any(callable(tool) for tool in config.tools or ()) and not (automatic and automatic.disable):
            raise ConfigurationError(
                "tools has Python functions, which the SDK would call by itself between two requests: declare them "
                "as types.Tool, or pass automatic_function_calling={'disable': True}"
            )

    def asks_for_json(self) -> bool:
        """By `response_mime_type`, or a schema."""
        config = self.config
        return config.response_mime_type == _JSON or bool(config.response_schema or config.response_json_schema)

    def answer_as(self, name: str, schema: dict[str, Any]) -> None:
        """By `response_json_schema`."""
        if not any(getattr(self.config, field) for field in _SCHEMAS):
            update = {"response_mime_type": _JSON, "response_json_schema": schema}
            self.config = self.config.model_copy(update=update)

    def may_prefill(self) -> bool:
        """Tools and structured output do not go together with a prefill."""
        config = self.config
        return not config.tools and not any(getattr(config, name) for name in _SCHEMAS)

    def server_facts(self) -> ServerFacts:
        """Prompts are billed."""
        return ServerFacts()

    def may_lower_effort(self) -> bool:
        """By a budget that is larger than the smallest of use, or by a level; models before 3 know no levels."""
        thinking = self.config.thinking_config
        if thinking is not None and thinking.thinking_budget is not None:
            return thinking.thinking_budget == _BY_ITSELF or thinking.thinking_budget > _LITTLE
        if thinking is not None and thinking.thinking_level is not None:
            return thinking.thinking_level not in (types.ThinkingLevel.LOW, types.ThinkingLevel.MINIMAL)
        return _LEVELS.search(self.model) is not None

    def _lowered(self) -> types.ThinkingConfig:
        thinking = self.config.thinking_config or types.ThinkingConfig()
        if thinking.thinking_budget is not None:
            return thinking.model_copy(update={"thinking_budget": _LITTLE})
        return thinking.model_copy(update={"thinking_level": types.ThinkingLevel.LOW})

    def _price_provider(self) -> str | None:
        return "google"

    def request(self, send: Send, *, stream: bool, choices: int = 1) -> dict[str, Any]:
        """The caller's arguments and our turns; for a pause, the same request again with its token."""
        token = _token(send.turns)
        turns = send.turns[:-1] if token else send.turns
        own = self.params["contents"]
        contents = [*own] if isinstance(own, list) else [own]
        update: dict[str, Any] = {
            "automatic_continuation": False,
            "automatic_function_calling": types.AutomaticFunctionCallingConfig(disable=True),
            "continuation_token": token or self.config.continuation_token,
        }
        if turns and not token and send.reason != "repair":
            update |= dict.fromkeys(_SCHEMAS)
        if send.lower_effort:
            update["thinking_config"] = self._lowered()
        if not token:
            self.hop_tokens = 0
        if send.max_tokens is not None:
            # The cap of a request with a token is that of all hops together.
            update["max_output_tokens"] = send.max_tokens + self.hop_tokens
        options = (self.config.http_options or types.HttpOptions()).model_copy(
            update={"retry_options": types.HttpRetryOptions(attempts=1)}
        )
        request = {
            "model": self.params["model"],
            "contents": [*contents, *map(_content, turns)],
            "config": self.config.model_copy(update={**update, "http_options": options}),
            "stream": stream,
        }
        if stream:
            self.limit_silence(request)
        return request

    @staticmethod
    def _own_timeout(request: Mapping[str, Any]) -> bool:
        return request["config"].http_options.timeout is not None

    def _shorten(self, request: dict[str, Any], read: float) -> None:
        options = request["config"].http_options
        timeout = options.timeout / 1000 if options.timeout else self.client.timeout
        if timeout is None or timeout > read:
            options.timeout = max(int(read * 1000), 1)  # a copy, made for this request

    def open(self, request: Mapping[str, Any]) -> Any:
        """Call `generate_content` or `generate_content_stream`."""
        arguments = {name: value for name, value in request.items() if name != "stream"}
        if self.is_async:
            return self._aopen(arguments, stream=request["stream"])
        models = self.client.models
        if request["stream"]:
            return _opened(models.generate_content_stream(**arguments))
        return models.generate_content(**arguments)

    async def _aopen(self, arguments: dict[str, Any], *, stream: bool) -> Any:
        models = self.client.amodels
        if stream:
            return _aopened(await models.generate_content_stream(**arguments))
        return await models.generate_content(**arguments)

    def opened(self, receiver: Receiver, stream: Any) -> None:
        """Gemini's headers say nothing about the limits."""

    def receiver(self, send: Send, *, choices: int = 1) -> ContentReceiver:
        """A collector for one candidate."""
        return ContentReceiver(self, send)

    def size_of_request(self, send: Send) -> int:
        """Characters of all that a request shows the model, for an estimate of its input."""
        own = self.params["contents"]
        known = [part.model_dump(exclude_none=True) if hasattr(part, "model_dump") else part for part in _list(own)]
        return text_size(known) + sum(len(turn.text) for turn in send.turns)

    def describe(self, error: BaseException) -> Failure:
        """Facts, by the status code and the details of Google's errors."""
        return describe(error)

    def sdk_error(self, message: str) -> Exception:
        """A `ConnectionError`; the SDK passes on those of the HTTP library."""
        return ConnectionError(message)

    def to_sdk(self, results: Sequence[Result]) -> types.GenerateContentResponse | None:
        """One `GenerateContentResponse` for a run."""
        return response_of(results[0], self.first)

    def resource(self, client: Any) -> Any:
        """There is no `create()`."""
        raise ConfigurationError("a genai client has no create(): pass it to continuum.complete()")

    stream_class = writer = resource  # type: ignore[assignment]  # never reached without resource()


def _config(given_config: Any) -> types.GenerateContentConfig:
    if not given(given_config):
        return types.GenerateContentConfig()
    try:
        return types.GenerateContentConfig.model_validate(given_config)
    except ValueError as error:
        raise ConfigurationError(f"config={given_config!r}: {error}") from error


def from_messages(params: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `generate_content()` for `messages` and `max_tokens`; messages may be contents as they are."""
    arguments = {name: value for name, value in params.items() if name not in ("messages", "max_tokens")}
    contents: list[Any] = []
    system: list[Any] = []
    for message in params["messages"]:
        parts = message.get("parts") or [_part_of(part) for part in _list(message.get("content"))]
        if message.get("role") in ("system", "developer"):
            system += parts
        else:
            role = message.get("role")
            contents.append({"role": "model" if role == "assistant" else role, "parts": parts})
    update: dict[str, Any] = {}
    if system:
        update["system_instruction"] = types.Content.model_validate({"parts": system})
    if params.get("max_tokens") is not None:
        update["max_output_tokens"] = params["max_tokens"]
    return {**arguments, "contents": contents, "config": _config(params.get("config")).model_copy(update=update)}


def _part_of(part: Any) -> Any:
    """A part of a message, which is a text, or as Google's SDK takes it."""
    if isinstance(part, str):
        return {"text": part}
    return {"text": part["text"]} if isinstance(part, Mapping) and part.get("type") == "text" else part


def _list(contents: Any) -> list[Any]:
    return contents if isinstance(contents, list) else [contents]


def _token(turns: Sequence[Turn]) -> bytes | None:
    """The token of the pause that a request resumes, None if it does not resume one."""
    if not turns or turns[-1].role != "assistant" or not turns[-1].blocks:
        return None
    return base64.b64decode(turns[-1].blocks[-1]["token"])


def _content(turn: Turn) -> types.Content:
    text = "".join(block["text"] for block in turn.blocks) + turn.text
    return types.Content(role="model" if turn.role == "assistant" else "user", parts=[types.Part(text=text)])


@contextmanager
def _opened(chunks: Iterator[Any]) -> Iterator[Iterator[Any]]:
    try:
        yield chunks
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()


@asynccontextmanager
async def _aopened(chunks: AsyncIterator[Any]) -> AsyncIterator[AsyncIterator[Any]]:
    try:
        yield chunks
    finally:
        close = getattr(chunks, "aclose", None)
        if close is not None:
            await close()
