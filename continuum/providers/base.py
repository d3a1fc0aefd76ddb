"""What a provider has to be able to do: requests out, facts in. One file per wire API implements it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from inspect import iscoroutinefunction
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar
from urllib.parse import urlsplit

from continuum._core.asking import ServerFacts
from continuum._core.errors import ConfigurationError
from continuum._core.policy import Policy
from continuum._core.types import Failure
from continuum.providers import capabilities, errors, limits, timeouts, watching
from continuum.providers.arguments import given, listed, role_of
from continuum.providers.copies import quiet, replaced
from continuum.providers.pricing import price_of
from continuum.providers.sizes import dumped_size, most_tokens, text_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from continuum._core.actions import Send
    from continuum._core.types import Prefill, RateLimit, Response, Result, Seam, Usage
    from continuum._drivers import Run
    from continuum._structured import Structured
    from continuum.providers.limits import Limits

ModelT = TypeVar("ModelT")

_PATIENCE = 10.0  # seconds for a model's card, which is of use and no more
_CLOSING = (
    "When your answer is complete, close it with {marker} on a line of its own. Write that nowhere else, and do not "
    "mention it."
)


class NotCoveredError(ConfigurationError):
    """The request is a good one, but not one that continuum can do anything for."""


class Receiver(ABC):
    """Collects what arrives for one request: chunks of a stream, or one whole response."""

    rate_limit: RateLimit | None = None
    hidden: int = 0
    """Characters of a stream that are billed and are no text, as far as it shows them."""
    ids: Mapping[str, str | None] = MappingProxyType({})
    """What the server calls the request, by the names that the SDK gives it."""

    @abstractmethod
    def feed(self, chunk: Any) -> Sequence[tuple[int, str]]:
        """Take one chunk; return the text in it as (choice, text) pairs."""

    @abstractmethod
    def whole(self, response: Any) -> None:
        """Take a unary response."""

    @abstractmethod
    def finish(self, failure: Failure | None = None) -> list[Response | Failure]:
        """The facts, one per choice. `failure`: what broke the stream, None if it ended by itself."""


class Provider(ABC):
    """One run's view of one wire API, on the caller's own client.

    Attributes:
        client: the caller's client with its own retries switched off; as it is, retries too, if it is `patched`.
        patched: the caller put functions of his own in place of the client's methods.
        params: the caller's arguments of `create()`.
        is_async: whether `open()` has to be awaited.
        catch: exceptions of a request that are facts; anything else is a bug and passes through.
        structured: the type that the answer is to have, None if any will do.
        http_response: the HTTP response behind the first stream.
        seams: the joins of the first choice so far, for a writer that places things between its text.
    """

    catch: tuple[type[BaseException], ...]
    is_async: bool
    name: ClassVar[str]
    cap_fields: ClassVar[tuple[str, ...]]
    max_stop_sequences: int | None = None
    stop_field: ClassVar[str]
    default_timeout: ClassVar[Any] = None  # of a client for which the caller chose none
    shown_fields: ClassVar[tuple[str, ...]] = ("tools", "functions", "response_format")  # beside the messages
    path: ClassVar[tuple[str, ...]] = ()  # the attributes of a client that lead to the object with `create()`
    has_beta: ClassVar[bool] = False  # the same path behind `client.beta` is another way to ask, and cheap to look at
    id_headers: ClassVar[Mapping[str, str]] = MappingProxyType({})  # headers that the SDK puts on a reply, by its names
    either: bool = False  # one client serves sync and async calls alike
    functions: ClassVar[tuple[str, ...]] = ()  # what `wrap` replaces on a client that is no SDK's; async ones with an a

    def __init__(self, client: Any, params: Mapping[str, Any], policy: Policy) -> None:
        self.params = listed(params)
        self.http_response: Any = None
        self.seams: Callable[[], Sequence[Seam]] = tuple
        self.policy = policy
        self.structured: Structured | None = None
        if policy.end_marker is not None:
            self.ask_for_marker(policy.end_marker)
        self.base_url = str(client.base_url)
        self.model = str(params.get("model", ""))
        self.is_async = iscoroutinefunction(getattr(type(client), "close", None))
        self.patched = replaced(client, self.path)
        self.client = client if self.patched else quiet(client)
        self.dialect = capabilities.find(self.base_url, self.model, own=policy.dialect)

    # -- before the first request ---------------------------------------------------------------------------------

    def ask_for_marker(self, marker: str) -> None:
        """Ask in the last message that the answer be closed with a marker."""
        self._add_words(_CLOSING.format(marker=marker))

    def _add_words(self, words: str) -> None:
        """Put words to the caller's last message."""
        messages = self.params.get("messages")
        if not isinstance(messages, list | tuple) or not messages or not isinstance(messages[-1], Mapping):
            return  # `check()` says what is wrong
        last = messages[-1]
        content = last.get("content")
        if last.get("role") != "user" or not isinstance(content, str | list | tuple):
            self.params["messages"] = [*messages, {"role": "user", "content": words}]
            return
        more = f"{content}\n\n{words}" if isinstance(content, str) else [*content, {"type": "text", "text": words}]
        self.params["messages"] = [*messages[:-1], {**last, "content": more}]

    def asks_for_json(self) -> bool:
        """Whether the caller's own arguments say that the answer has to be JSON."""
        return False

    def answer_as(self, name: str, schema: dict[str, Any]) -> None:  # noqa: B027  # there is nothing to override
        """Ask for an answer that is JSON of this schema, where the API can and the caller has not asked already.

        Where it cannot, the answer is validated all the same.
        """

    def check(self) -> None:
        """Refuse arguments that can only fail.

        Raises:
            ConfigurationError: with what is wrong, its value, and what to do.
        """
        params = self.params
        self._check_question()
        for name in self.cap_fields:
            cap = params.get(name)
            if given(cap) and (isinstance(cap, bool) or not isinstance(cap, int) or cap < 1):
                raise ConfigurationError(f"{name}={cap!r}: the output cap has to be a whole number of at least 1")
        caps = [name for name in self.cap_fields if given(params.get(name))]
        if len(caps) > 1:
            raise ConfigurationError(f"{' and '.join(caps)} are two names for one cap; leave one of them out")
        url = urlsplit(self.base_url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ConfigurationError(f"base_url={self.base_url!r}: it needs a scheme and a host, as in https://host/v1")
        for name in params.keys() & Policy.model_fields.keys() - {"stream", *self.cap_fields}:
            raise ConfigurationError(f"{name} is a field of the policy: pass policy=continuum.Policy({name}=…)")
        if params.get("stream"):
            raise ConfigurationError(
                "stream=True makes no sense here: use continuum.stream() or astream(), or a wrapped client; "
                "Policy(stream=False) chooses how continuum itself asks"
            )
        if self.policy.strategy == "in_place" and not self.may_prefill():
            raise ConfigurationError(
                "strategy='in_place' does not go together with tools, structured output or thinking, nor with an API "
                "that cannot do it: leave one of the two out"
            )
        stops = params.get(self.stop_field)
        limit = self.max_stop_sequences
        if limit is not None and isinstance(stops, list | tuple) and len(stops) > limit:
            raise ConfigurationError(f"{self.stop_field}={stops!r}: {self.name} takes at most {limit} stop sequences")

    def _check_question(self) -> None:
        """Refuse a model and messages that can only fail."""
        params = self.params
        if not self.model:
            raise ConfigurationError(f"model={params.get('model')!r}: name the model to ask")
        messages = params.get("messages")
        if not messages or isinstance(messages, str | bytes) or not isinstance(messages, Sequence):
            raise ConfigurationError(
                f"messages={messages!r}: pass a list with at least one message, "
                'as in [{"role": "user", "content": "…"}]'
            )
        roles = [role_of(message) for message in messages]
        if None in roles:
            where = roles.index(None)
            raise ConfigurationError(f"messages[{where}]={messages[where]!r}: a message needs a role and content")
        if roles[-1] == "assistant":
            raise NotCoveredError(
                "messages end on an assistant turn: continuum adds such turns itself. End on a user turn, or join "
                "text that you have already with continuum.stitch()"
            )

    @property
    def cap(self) -> int | None:
        """Output tokens per request as the caller wrote them."""
        for name in self.cap_fields:
            if given(self.params.get(name)):
                return int(self.params[name])
        return None

    @property
    def prefill(self) -> Prefill | None:
        """How this server continues in place, as far as is known now."""
        if (self.base_url, self.model) in capabilities.REFUSALS or not self.may_prefill():
            return None
        return self.dialect.prefill

    def may_prefill(self) -> bool:
        """Whether the caller's arguments allow a prefill at all."""
        return True

    def server_facts(self) -> ServerFacts:
        """How the API takes what it is shown; see `Dialect.billed`."""
        return ServerFacts(merges=self.dialect.billed)

    def may_stream(self) -> bool:
        """Whether to stream from the provider: as the policy says, if the reply can be put together from a stream."""
        return self.policy.stream

    @property
    def unstreamed(self) -> bool:
        """Whether the server was seen to refuse to stream this model."""
        return (self._asker, self.model) in capabilities.UNSTREAMED

    def unstream(self) -> None:
        """The server refused to stream this model."""
        capabilities.UNSTREAMED.add(self._asker, self.model)

    @property
    def _asker(self) -> str:
        """A server, and whose key it knows: what it refuses to one it may do for another."""
        own = (getattr(self.client, name, None) for name in ("api_key", "auth_token", "organization", "project"))
        return f"{self.base_url}#{hash(tuple(value for value in own if isinstance(value, str)))}"

    @property
    def stops(self) -> tuple[str, ...]:
        """The caller's stop sequences."""
        stops = self.params.get(self.stop_field)
        if not given(stops):
            return ()
        return (stops,) if isinstance(stops, str) else tuple(stop for stop in stops or () if isinstance(stop, str))

    @property
    def limits(self) -> Limits:
        """What the model reads and writes at most, as far as the table knows; what the server says, its replies say."""
        return limits.of(self.model)

    def wonders(self, outcomes: Sequence[Response | Failure]) -> bool:
        """Whether to ask the server for the limits of the model: a reply was cut, and nobody has asked before.

        From then on it counts as asked, so that of a thousand runs at once one asks.
        """
        key = self.base_url, self.model
        cut = any(not isinstance(o, Failure) and o.finish_reason in ("length", "context_window") for o in outcomes)
        # Whoever put something in place of `create()` may have no server at all.
        if not cut or key in limits.TOLD or self.patched or not self.may_ask_limits():
            return False
        limits.TOLD[key] = limits.UNKNOWN
        return True

    def may_ask_limits(self) -> bool:
        """Whether the server is known to tell the limits of its models."""
        return False

    def ask_limits(self, left: float | None = None) -> Any:
        """Ask for the model's card; an awaitable of it on an async client."""
        # The caller's headers may have the key, or what a gateway wants to know.
        return self.client.models.retrieve(
            self.model,
            timeout=_PATIENCE if left is None else min(_PATIENCE, left),
            extra_headers=self.params.get("extra_headers"),
        )

    def read_limits(self, card: Any) -> Limits:
        """What a model's card says."""
        return limits.UNKNOWN

    def told(self, card: Any) -> None:
        """Remember a model's card."""
        limits.TOLD[self.base_url, self.model] = self.read_limits(card)

    def with_limits(self, outcomes: list[Response | Failure]) -> list[Response | Failure]:
        """Let replies say what is known from the model's card, so that whoever replays them knows it as well."""
        known = limits.TOLD.get((self.base_url, self.model), limits.UNKNOWN)
        if known == limits.UNKNOWN:
            return outcomes
        return [
            outcome if isinstance(outcome, Failure) else replace(outcome, window=known.context, limit=known.output)
            for outcome in outcomes
        ]

    def may_lower_effort(self) -> bool:
        """Whether the model can be told to reason less than the caller's arguments say."""
        return False

    def caches(self, rounds: int, shown: int, before: int) -> tuple[int, int]:
        """Tokens that a request reads from and writes to the prompt cache, for a forecast.

        Args:
            rounds: requests before it.
            shown: tokens of its prompt.
            before: tokens of the prompt of the request before it.
        """
        return 0, 0

    def price(self) -> Callable[[Usage], float | None]:
        """US dollars for a usage of this model."""
        return price_of(self.model, self._price_provider())

    def _price_provider(self) -> str | None:
        return self.name

    # -- one request ----------------------------------------------------------------------------------------------

    @abstractmethod
    def request(self, send: Send, *, stream: bool, choices: int = 1) -> dict[str, Any]:
        """The arguments of `create()` for one request, which asks for so many choices."""

    def open(self, request: Mapping[str, Any]) -> Any:
        """Call `create()`: a response, a stream, or an awaitable of one."""
        opened = self._method(self.resource(self.client), request)(**request)
        return watching.as_stream(opened) if self.patched and request.get("stream") is True else opened

    @staticmethod
    def _method(resource: Any, request: Mapping[str, Any]) -> Any:
        """What of a resource a request is for."""
        return resource.create

    def read(self, request: Mapping[str, Any], deadline: watching.Deadline) -> Any:
        """A unary response on a sync client, read for as long as it is not late, where its bytes can be watched.

        Raises:
            LateError: if it was late before all of it was there.
        """
        if self.patched or type(self).open is not Provider.open:  # it is not the SDK's `create()` that is called
            return self.open(request)
        return watching.call(self.resource(self.client), lambda of: self._method(of, request), request, deadline)

    def reply_of(self, value: Mapping[str, Any]) -> Any:
        """The SDK's object for the JSON of a unary reply."""
        raise NotImplementedError

    def opening_of(self, reply: Any) -> Any:
        """What a stream of that reply would have begun with."""
        raise NotImplementedError

    @abstractmethod
    def receiver(self, send: Send, *, choices: int = 1) -> Receiver:
        """A collector for the reply to one request, of so many choices."""

    @abstractmethod
    def describe(self, error: BaseException) -> Failure:
        """Turn an exception of `catch` into facts."""

    def opened(self, receiver: Receiver, stream: Any) -> None:
        """A stream was opened: its headers tell the rate limits, and what to call the request."""
        headers = stream.response.headers
        receiver.rate_limit = errors.rate_limit(headers)
        receiver.ids = {name: headers.get(header) for name, header in self.id_headers.items()}
        if self.http_response is None:
            self.http_response = stream.response

    def ids_of(self, response: Any) -> dict[str, str | None]:
        """What the SDK has put on a unary reply of its headers."""
        return {name: getattr(response, name, None) for name in self.id_headers}

    def limit_silence(self, request: dict[str, Any]) -> None:
        """Give a streamed request the policy's read timeout, unless the caller wrote a timeout for it.

        A read timeout that the caller wrote is nearer to the request than one of the client; our default is not.
        """
        read, written = self.policy.read_timeout, "read_timeout" in self.policy.model_fields_set
        own = self._own_timeout(request) or (not written and self.client.timeout != self.default_timeout)
        if read is not None and not own:
            self._shorten(request, read)

    def limit_time(self, request: dict[str, Any], left: float) -> None:
        """Let no request wait in silence past the deadline, which is `left` seconds away."""
        self._shorten(request, max(left, 0.001))

    @staticmethod
    def _own_timeout(request: Mapping[str, Any]) -> bool:
        # None is a timeout too: the SDK's way of saying that there is none.
        return "timeout" in request and (request["timeout"] is None or given(request["timeout"]))

    def _shorten(self, request: dict[str, Any], read: float) -> None:
        timeout = request["timeout"] if self._own_timeout(request) else self.client.timeout
        short = timeouts.shortened(timeout, read)
        if short is not timeout:
            request["timeout"] = short

    def buys(self, request: Mapping[str, Any]) -> bool:
        """Whether a request is for a new reply, which is paid for."""
        return True

    def not_a_reply(self, response: Any, expected: str) -> Failure:
        """Some servers answer 200 with a web page; the address is wrong then, and no repeat cures it."""
        page = " ".join(str(response).split())[:200]
        return Failure(
            "broken",
            f"the server answered 200 with something that is no {expected}: {page!r}; check base_url={self.base_url!r}",
        )

    def size_of_request(self, send: Send) -> int:
        """Characters of all that a request shows the model, for an estimate of its input."""
        own = sum(dumped_size(self.params.get(name)) for name in self.shown_fields)
        return text_size(self.params["messages"]) + own + sum(len(turn.text) for turn in send.turns)

    def most_input(self, send: Send) -> int:
        """The most tokens that a request can be billed for as input: see `sizes.most_tokens`, and no more than fit."""
        most = most_tokens(self.params, [part for turn in send.turns for part in (turn.role, turn.text, turn.blocks)])
        told = limits.TOLD.get((self.base_url, self.model), self.limits).context
        window = max(told or 0, self.limits.context or 0)
        return min(most, window) if window else most

    def learn(self, failure: Failure) -> None:
        """Remember what a failure says about the server."""
        if failure.kind == "prefill_refused":
            capabilities.REFUSALS.add(self.base_url, self.model)

    # -- the caller's own types -----------------------------------------------------------------------------------

    @abstractmethod
    def sdk_error(self, message: str) -> Exception:
        """The SDK's own error for a connection that failed, for callers who know the SDK's errors only."""

    @abstractmethod
    def to_sdk(self, results: Sequence[Result]) -> Any:
        """The SDK's own response object for a whole run; one result per choice. None if nothing came."""

    def resource(self, client: Any) -> Any:
        """The object of a client whose `create()` is this wire API."""
        return reduce(getattr, self.path, client)

    @abstractmethod
    def stream_class(self) -> Callable[[Run, Any], Any]:
        """The class of the stream that a wrapped `create(stream=True)` returns: a subclass of the SDK's own."""

    @abstractmethod
    def writer(self) -> StreamWriter:
        """What writes one stream of the SDK's own events for a whole run."""


class StreamWriter(Protocol):
    """Writes the events of one stream: text as it is released, reasoning of the first round as it comes, and what is
    only whole at the end, such as tool calls, at the end."""

    def passing(self, event: Any, round: int) -> Sequence[Any]:
        """What of an arriving event goes to the reader besides its text."""
        ...

    def text(self, choice: int, text: str) -> Sequence[Any]:
        """Events for released text."""
        ...

    def closing(self, results: Sequence[Result]) -> Sequence[Any]:
        """Events for the end; one result per choice."""
        ...


def signed(made: ModelT, receiver: Receiver) -> ModelT:
    """An SDK's object for a run, with the ids of the last request: the one that ended the answer, or failed to."""
    for name, value in receiver.ids.items():
        setattr(made, name, value)
    return made


def count_of(card: Any, name: str | None) -> int | None:
    """A number of tokens in a model's card; None if it has none by that name."""
    value = getattr(card, name, None) if name is not None else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
