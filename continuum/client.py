"""`wrap`: a client that answers whole, and is otherwise the SDK's own.

The wrapped client is a copy of the caller's, of the same class and on the same connection pool. Only `create` is
replaced, that of `chat.completions`, `responses` or `messages`; everything else is the SDK's and is never touched.
"""

from __future__ import annotations

import weakref
from dataclasses import replace
from functools import reduce, wraps
from typing import TYPE_CHECKING, Any, TypeVar

from continuum._api import check_policy, new_run
from continuum._core.errors import ConfigurationError
from continuum._core.policy import Policy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from anthropic._base_client import AsyncAPIClient as AsyncAnthropicClient
    from anthropic._base_client import SyncAPIClient as AnthropicClient
    from openai._base_client import AsyncAPIClient as AsyncOpenAIClient
    from openai._base_client import SyncAPIClient as OpenAIClient

    from continuum._core.types import Result
    from continuum._drivers import Run
    from continuum._runtime import Runtime
    from continuum.providers.base import Provider
    from continuum.providers.clients import Completer

ClientT = TypeVar(
    "ClientT", bound="OpenAIClient | AnthropicClient | AsyncOpenAIClient | AsyncAnthropicClient | Completer"
)

_PLAIN = "__continuum_plain__"
_REMAKING = ("copy", "with_options")
_RAW = "x-stainless-raw-response"  # how both SDKs mark such calls
_NOTED: set[str] = set()  # ways of asking that are not covered and were seen, for the life of the process
_accounts: dict[int, tuple[weakref.ref[Any], Result]] = {}


def wrap(client: ClientT, *, policy: Policy | None = None, runtime: Runtime | None = None) -> ClientT:
    """A copy of a client whose answers are complete.

    What is set on the copy counts from then on, as on any client: a new `api_key`, another `timeout`. If something of
    yours stands in place of the client's methods, such as a tracer or a mock, every request goes through that, and is
    made by the client that it belongs to.

    `create()` returns the SDK's own types: the text whole, the usage summed, the final finish reason; with
    `stream=True` one stream with one final event. An answer that could not be completed says `length` (OpenAI) or
    `max_tokens` (Anthropic), as the bare SDK would, also where a later round was refused or failed: what the rounds
    before it brought is returned, and the log event `incomplete`, a warning, says what happened. If nothing had come,
    the error is the SDK's own, and with `Policy(on_incomplete="raise")` an incomplete answer is an `IncompleteError`.
    `continuum.result_of(response)` gives the account. A request that ends on an assistant turn is passed on as it is:
    that is the caller's own prefill.

    Covered are `chat.completions.create()`, `responses.create()` and `messages.create()`. The SDKs' other ways to ask
    (`.stream()`, `.parse()`, `.beta`, `with_raw_response`) are the SDK's own and answer as they always did, and so does
    `responses.create(background=True)` without a stream, which answers before anything is written. The log event
    `passed_on` tells of each kind of them once, but not of `.stream()`, `.parse()` and OpenAI's `.beta`.

    Args:
        client: `OpenAI`, `AsyncOpenAI`, `Anthropic` or `AsyncAnthropic`, or a subclass; or `litellm`, or a LiteLLM
            `Router`. It stays as it is.
        policy: ceilings and choices of every run; None: the defaults.
        runtime: clock, sleep and randomness; None: the real ones.

    Raises:
        ConfigurationError: if the client is none of these; from `create()`, if its arguments can only fail.
        IncompleteError: from `create()`, if the answer is incomplete and `policy.on_incomplete` is `raise`.
    """
    from continuum.providers import provider_for, providers_of
    from continuum.providers.copies import copied

    check_policy(policy)
    plain = unwrapped(client)
    provider = provider_for(plain, {}, policy or Policy())
    if provider.functions:
        return _Whole(plain, provider, policy, runtime)  # type: ignore[return-value]  # stands in for the client
    if not hasattr(plain, "with_options"):
        raise ConfigurationError(f"a {type(plain).__name__} has no create() to wrap: pass it to continuum.complete()")
    copy: Any = copied(plain)
    for api in providers_of(plain):
        _replace_create(copy, plain, api(plain, {}, policy or Policy()), policy, runtime)
        _note_beta(copy, api)
    copy.__dict__[_PLAIN] = plain
    for name in _REMAKING:
        copy.__dict__[name] = _rewrapping(getattr(copy, name), policy, runtime)
    return copy  # type: ignore[no-any-return]  # the same class as the client's


class _Whole:
    """A client that is no SDK's, such as `litellm` or a `Router`, with functions that answer whole."""

    def __init__(self, plain: Any, provider: Provider, policy: Policy | None, runtime: Runtime | None) -> None:
        self.__dict__[_PLAIN] = plain
        for name in provider.functions:
            untouched = getattr(plain, name)
            make = _acreate if name.startswith("a") else _create
            self.__dict__[name] = _named(make(plain, untouched, policy, runtime))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__[_PLAIN], name)


def _named(ask: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, with the model and the messages by place as well."""

    @wraps(ask)
    def by_place(*args: Any, **params: Any) -> Any:
        if len(args) > 2:
            raise TypeError(f"pass all but the model and the messages by name, not {args[2:]!r}")
        return ask(**dict(zip(("model", "messages"), args, strict=False)), **params)

    return by_place


def _replace_create(copy: Any, plain: Any, provider: Provider, policy: Policy | None, runtime: Runtime | None) -> None:
    """Put our `create()` in place of the one that is a wire API."""
    owner = provider.resource(copy)
    untouched = provider.resource(plain) if provider.patched else type(owner)(copy)
    make = _acreate if provider.is_async else _create
    # Instance attributes hide the class's methods. The helpers that are built on `create` keep the SDK's own.
    owner.__dict__["create"] = make(copy, untouched.create, policy, runtime, type(provider))
    own = ("with_raw_response", "with_streaming_response") if provider.patched else ()  # else our `create` knows them
    for name in ("stream", "parse", *own):
        if hasattr(untouched, name):
            owner.__dict__[name] = getattr(untouched, name)


def _note_beta(copy: Any, api: type[Provider]) -> None:
    """Say so if somebody asks through the beta twin of a resource."""
    if not api.has_beta:
        return
    owner = reduce(lambda at, name: getattr(at, name, None), ("beta", *api.path), copy)
    if getattr(owner, "_client", None) is copy:  # nothing of the caller's stands there
        owner.__dict__["create"] = _noting(owner.create, f"client.beta.{'.'.join(api.path)}")


def _noting(ask: Callable[..., Any], way: str) -> Callable[..., Any]:
    @wraps(ask)
    def create(*args: Any, **params: Any) -> Any:
        _note(way)
        return ask(*args, **params)

    return create


def _note(way: str) -> None:
    """Log that a way of asking is not covered, once."""
    if way not in _NOTED:
        _NOTED.add(way)
        _log_passed_on(f"{way} is not covered: its answers are the bare client's, and may be cut")


def _log_passed_on(why: str) -> None:
    from continuum import _events

    _events.logger("").warning("passed_on", why=why)


def unwrapped(client: Any) -> Any:
    """The client behind a wrapped one, with what the attributes of the wrapped one say now; any other as it is."""
    plain = getattr(client, "__dict__", {}).get(_PLAIN)
    if plain is None:
        return client
    if isinstance(client, _Whole):
        return plain
    from continuum.providers import providers_of
    from continuum.providers.copies import ASKED, copied, replaced

    if any(replaced(plain, api.path) for api in providers_of(plain)):
        return plain  # what the caller put there is bound to it
    bare = copied(client)
    for name in (_PLAIN, *_REMAKING):
        bare.__dict__.pop(name, None)
    for name in ASKED:  # what has been put there since asks through the wrapped client
        if name in bare.__dict__ and name in vars(plain):
            bare.__dict__[name] = type(vars(plain)[name])(bare)
    return bare


def account_of(response: object) -> Result | None:
    """The result behind a response or stream of a wrapped client, None if there is none."""
    run = getattr(response, "continuum_run", None)
    if run is not None:
        result: Result = run.result()
        return result
    known = _accounts.get(id(response))
    return replace(known[1], raw=response) if known is not None and known[0]() is response else None


def _remember(response: Any, result: Result) -> None:
    key = id(response)
    # Without `raw`, which is the response itself: the account must not keep it alive.
    forget = _accounts.pop  # bound now: at the interpreter's end, modules lose their names before objects die
    _accounts[key] = (weakref.ref(response, lambda _: forget(key, None)), replace(result, raw=None))


def _rewrapping(make: Callable[..., Any], policy: Policy | None, runtime: Runtime | None) -> Callable[..., Any]:
    def with_options(*args: Any, **kwargs: Any) -> Any:
        return wrap(make(*args, **kwargs), policy=policy, runtime=runtime)

    return with_options


def _wants_stream(params: dict[str, Any]) -> bool:
    return params.pop("stream", None) is True


def _prepare(
    client: Any,
    policy: Policy | None,
    runtime: Runtime | None,
    params: dict[str, Any],
    *,
    is_async: bool,
    api: type[Provider] | None,
) -> Run | None:
    """A run, or None if the request is not one that continuum covers."""
    from continuum.providers.base import NotCoveredError

    raw = {name.lower(): value for name, value in (params.get("extra_headers") or {}).items()}.get(_RAW)
    if raw is not None:
        _note("with_streaming_response" if raw == "stream" else "with_raw_response")
        return None
    own = dict(params)
    chunks = _wants_stream(own)
    if own.get("background") is True and not chunks:
        _note("responses.create(background=True) without a stream")
        return None  # answered at once by contract; the caller asks later what became of it
    try:
        return new_run(client, policy, own, is_async=is_async, runtime=runtime, chunks=chunks, api=api)
    except NotCoveredError as error:
        _log_passed_on(str(error))
        return None


def _create(
    client: Any,
    untouched: Callable[..., Any],
    policy: Policy | None,
    runtime: Runtime | None,
    api: type[Provider] | None = None,
) -> Callable[..., Any]:
    @wraps(untouched)
    def create(**params: Any) -> Any:
        from continuum._drivers import drive
        from continuum.providers.arguments import listed

        params = listed(params)
        run = _prepare(client, policy, runtime, params, is_async=False, api=api)
        if run is None:
            return untouched(**params)
        if run.chunks:
            run.provider.seams = lambda: run.lanes[0].machine.seams
            events = _write(run)
            next(events)  # to the first event, so that an error comes from `create()` as with the bare SDK
            return run.provider.stream_class()(run, events)
        for _ in drive(run):
            pass
        return _response(run)

    return create


def _acreate(
    client: Any,
    untouched: Callable[..., Any],
    policy: Policy | None,
    runtime: Runtime | None,
    api: type[Provider] | None = None,
) -> Callable[..., Any]:
    @wraps(untouched)
    async def create(**params: Any) -> Any:
        from continuum._drivers import adrive
        from continuum.providers.arguments import listed

        params = listed(params)
        run = _prepare(client, policy, runtime, params, is_async=True, api=api)
        if run is None:
            return await untouched(**params)
        if run.chunks:
            run.provider.seams = lambda: run.lanes[0].machine.seams
            events = _awrite(run)
            await anext(events)  # to the first event, so that an error comes from `create()` as with the bare SDK
            return run.provider.stream_class()(run, events)
        async for _ in adrive(run):
            pass
        return _response(run)

    return create


def _response(run: Run) -> Any:
    from continuum._outcome import result_or_sdk_error

    result = result_or_sdk_error(run)
    _remember(result.raw, result)
    return result.raw


# Both writers yield None once, when the first chunk has come; the next events are the reader's.


def _write(run: Run) -> Iterator[Any]:
    from continuum._drivers import drive
    from continuum._outcome import result_or_sdk_error

    writer, waiting = run.provider.writer(), True
    for piece in drive(run):
        if waiting:
            waiting = False
            yield None
        if piece.chunk is not None and piece.choice == 0:  # the first request, which all choices share
            yield from writer.passing(piece.chunk, piece.round)
        if piece.text:
            yield from writer.text(piece.choice, piece.text)
    result_or_sdk_error(run)
    if waiting:
        yield None
    yield from writer.closing(run.results())


async def _awrite(run: Run) -> AsyncIterator[Any]:
    from contextlib import aclosing

    from continuum._drivers import adrive
    from continuum._outcome import result_or_sdk_error

    writer, waiting = run.provider.writer(), True
    async with aclosing(adrive(run)) as pieces:
        async for piece in pieces:
            if waiting:
                waiting = False
                yield None
            if piece.chunk is not None and piece.choice == 0:  # the first request, which all choices share
                for event in writer.passing(piece.chunk, piece.round):
                    yield event
            if piece.text:
                for event in writer.text(piece.choice, piece.text):
                    yield event
    result_or_sdk_error(run)
    if waiting:
        yield None
    for event in writer.closing(run.results()):
        yield event
