"""`complete`, `stream` and their async twins: the library's front door."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from continuum._core.errors import ConfigurationError
from continuum._core.policy import Policy
from continuum._core.types import Result

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Mapping
    from types import TracebackType
    from typing import TypeAlias

    from anthropic._base_client import AsyncAPIClient as AsyncAnthropicClient
    from anthropic._base_client import SyncAPIClient as AnthropicClient
    from openai._base_client import AsyncAPIClient as AsyncOpenAIClient
    from openai._base_client import SyncAPIClient as OpenAIClient

    from continuum._drivers import Run
    from continuum._runtime import Runtime
    from continuum.providers.base import Provider
    from continuum.providers.clients import AsyncGeminiClient, Completer, GeminiClient
    from continuum.testing.scripted import AsyncScriptedClient, ScriptedClient

    # All clients of both SDKs, those for Azure, Bedrock, Vertex and the like included.
    SyncClient: TypeAlias = OpenAIClient | AnthropicClient | ScriptedClient | Completer | GeminiClient
    AsyncClient: TypeAlias = (
        AsyncOpenAIClient | AsyncAnthropicClient | AsyncScriptedClient | Completer | GeminiClient | AsyncGeminiClient
    )


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event of a stream.

    Attributes:
        text: text to append to what came before; empty on the last event.
        choice: the choice that it belongs to, 0 unless `n > 1` was asked for.
        round: the round that it came from, counted from 1.
        result: the whole result; on the last event only.
    """

    text: str
    choice: int = 0
    round: int = 1
    result: Result | None = None


def check_policy(policy: object) -> None:
    """Refuse what is no policy.

    Raises:
        ConfigurationError: if it is neither None nor a `Policy`.
    """
    if policy is not None and not isinstance(policy, Policy):
        raise ConfigurationError(f"policy={policy!r}: expected a continuum.Policy")


def new_provider(
    client: Any,
    policy: Policy | None,
    params: Mapping[str, Any],
    *,
    is_async: bool,
    response_model: Any = None,
    api: Callable[[Any, Mapping[str, Any], Policy], Provider] | None = None,
) -> Provider:
    """What a run asks through, whatever way it is called: checked, and told what value the answer has to be.

    `api` is the wire API; None: what the arguments ask for.

    Raises:
        ConfigurationError: if the arguments can only fail.
    """
    from continuum.client import unwrapped
    from continuum.providers import provider_for

    check_policy(policy)
    provider = (api or provider_for)(unwrapped(client), params, policy or Policy())
    if provider.either:
        provider.is_async = is_async
    if provider.is_async != is_async:
        here, there = ("async", "complete() or stream()") if is_async else ("sync", "acomplete() or astream()")
        raise ConfigurationError(
            f"client={type(client).__name__} does not fit this {here} function; use {there} with it"
        )
    provider.check()
    if response_model is not None:
        from continuum._structured import Structured

        if provider.stops:
            raise ConfigurationError(
                f"{provider.stop_field}={list(provider.stops)!r} with response_model: inside a string of the value a "
                "stop sequence would end the answer; leave one of the two out"
            )
        provider.structured = wanted = Structured(response_model)
        provider.answer_as(wanted.name, wanted.schema)
    elif provider.asks_for_json():
        from continuum._structured import Structured

        provider.structured = Structured(Any, repairs=False)
    return provider


def new_run(
    client: Any,
    policy: Policy | None,
    params: Mapping[str, Any],
    *,
    runtime: Runtime | None = None,
    live: bool = False,
    chunks: bool = False,
    **how: Any,
) -> Run:
    """Check everything and prepare a run; nothing is sent. `how`: see `new_provider`.

    Raises:
        ConfigurationError: if the arguments can only fail.
    """
    from continuum._drivers import Run

    return Run(new_provider(client, policy, params, **how), runtime, live=live, chunks=chunks)


def complete(
    client: SyncClient,
    *,
    policy: Policy | None = None,
    runtime: Runtime | None = None,
    response_model: Any = None,
    **params: Any,
) -> Result:
    """Ask, and go on asking until the answer is whole.

    Args:
        client: an `OpenAI` or `Anthropic` client, used with its own retries switched off; a `genai.Client`;
            `litellm`, or a LiteLLM `Router`. A client is used as it is if something of yours stands in place of its
            methods, such as a tracer or a mock: make that one with `max_retries=0`.
        policy: ceilings and choices; None: the defaults.
        runtime: clock, sleep and randomness; None: the real ones.
        response_model: a pydantic model (or any type that pydantic validates) that the answer is to be, as JSON. The
            provider is asked for its schema where it can be; the value is in `Result.parsed`. A finished answer that
            is not one is asked for once more; failing that, `Result.partial` has what could be read, and `partial_path`
            where it stops.
        **params: what `client.chat.completions.create()`, `client.responses.create()`, `client.messages.create()`,
            `generate_content()` or `litellm.completion()` takes, as you would write it there: with `input=` an OpenAI
            client is asked through the Responses API. The cap stays that of one request; `Policy.max_output_tokens` is
            the cap of them all.

    Returns:
        The result. An answer that could not be completed has `complete=False` and all text that came.

    Raises:
        ConfigurationError: before any request, if the arguments can only fail.
        ProviderError: if nothing came at all; the SDK's own error is its `__cause__`.
        IncompleteError: if the answer is incomplete and `policy.on_incomplete` is `raise`.
    """
    from continuum._drivers import drive

    run = new_run(client, policy, params, is_async=False, runtime=runtime, response_model=response_model)
    for _ in drive(run):
        pass
    return run.finish()


async def acomplete(
    client: AsyncClient,
    *,
    policy: Policy | None = None,
    runtime: Runtime | None = None,
    response_model: Any = None,
    **params: Any,
) -> Result:
    """The async twin of `complete`, for asyncio and trio; takes `AsyncOpenAI` and `AsyncAnthropic` clients, a
    `genai.Client` or its `aio`, `litellm` and its `Router`s.

    If the call is cancelled, the connection is closed, and what had come is at `continuum.result_of(exception)`: of
    the exception that leaves this call. `asyncio.gather(…, return_exceptions=True)` puts another in its place for a
    task that was cancelled, which knows of no run: catch the exception inside the task, or ask `task.result()`, which
    raises it once.
    """
    from continuum._drivers import adrive

    run = new_run(client, policy, params, is_async=True, runtime=runtime, response_model=response_model)
    async for _ in adrive(run):
        pass
    return run.finish()


def stream(
    client: SyncClient,
    *,
    policy: Policy | None = None,
    runtime: Runtime | None = None,
    response_model: Any = None,
    **params: Any,
) -> TextStream:
    """Like `complete`, as an iterator of `StreamEvent`s; the last one carries the `Result`.

    Text is held back only where it may not stay: while a join is being decided, where the unfinished end of a round
    that nears its cap may still be replaced (`Policy.cut_back`), and where a loop, a note to the reader, an end marker
    or a stop sequence may have begun. The texts of all events together are `result.text`.
    """
    return TextStream(
        new_run(client, policy, params, is_async=False, runtime=runtime, response_model=response_model, live=True)
    )


def astream(
    client: AsyncClient,
    *,
    policy: Policy | None = None,
    runtime: Runtime | None = None,
    response_model: Any = None,
    **params: Any,
) -> AsyncTextStream:
    """The async twin of `stream`: `async for event in continuum.astream(…)`; inside `async with`, if the loop may be
    left early.
    """
    return AsyncTextStream(
        new_run(client, policy, params, is_async=True, runtime=runtime, response_model=response_model, live=True)
    )


# No generator refers to the stream that has it: one that is left early is closed when nobody has it any more, and not
# when the garbage collector comes, to whom its parts have no order.


def _events(run: Run) -> Generator[StreamEvent]:
    from continuum._drivers import drive

    for piece in drive(run):
        if piece.text:
            yield StreamEvent(piece.text, piece.choice, piece.round)
    result = run.finish()
    yield StreamEvent("", round=result.rounds, result=result)


async def _aevents(run: Run) -> AsyncGenerator[StreamEvent]:
    from contextlib import aclosing

    from continuum._drivers import adrive

    async with aclosing(adrive(run)) as pieces:
        async for piece in pieces:
            if piece.text:
                yield StreamEvent(piece.text, piece.choice, piece.round)
    result = run.finish()
    yield StreamEvent("", round=result.rounds, result=result)


class TextStream:
    """An answer as it comes: iterate it, close it, or use it as a context manager."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._events = _events(run)

    @property
    def result(self) -> Result:
        """Everything so far, at any moment, also after an error or an early close."""
        return self._run.result()

    def __iter__(self) -> Iterator[StreamEvent]:
        return self._events

    def __next__(self) -> StreamEvent:
        return next(self._events)

    def close(self) -> None:
        """End the run and its connection; `result` keeps what came."""
        self._events.close()
        self._run.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


class AsyncTextStream:
    """The async twin of `TextStream`. Leave a loop early inside `async with`: then the connection is closed when the
    block is left, else when nobody has the stream any more and the event loop comes to it."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._events = _aevents(run)

    @property
    def result(self) -> Result:
        """Everything so far, at any moment, also after an error, a cancellation or an early close."""
        return self._run.result()

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        return self._events

    async def __anext__(self) -> StreamEvent:
        return await anext(self._events)

    async def aclose(self) -> None:
        """End the run and its connection; `result` keeps what came."""
        await self._events.aclose()
        self._run.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.aclose()


def result_of(source: object) -> Result:
    """The account of a run.

    Args:
        source: a response or stream of a wrapped client, or an exception that ended a run (also one further out
            that was raised from it, such as a `TimeoutError`, unless by `raise … from None`; of a group, such as a
            `TaskGroup` raises, the first that has an account: ask its `exceptions` one by one for those of several
            runs).

    Raises:
        ConfigurationError: if it has nothing to do with a run.
    """
    from continuum.client import account_of

    if isinstance(source, Result):
        return source
    for error in _behind(source):
        found = error.__dict__.get("continuum_result") or getattr(error, "result", None)
        if isinstance(found, Result):
            return found
    account = account_of(source)
    if account is None:
        raise ConfigurationError(
            f"{type(source).__name__} carries no account of a run: pass a response or stream of a wrapped client, "
            "or an exception that ended a run"
        )
    return account


def _behind(source: object) -> Iterator[BaseException]:
    """An exception, those that are in it if it is a group, and those that it was raised from."""
    seen: set[int] = set()
    waiting = [source]
    while waiting:
        error = waiting.pop()
        if not isinstance(error, BaseException) or id(error) in seen:
            continue
        seen.add(id(error))
        yield error
        waiting.append(error.__cause__ if error.__suppress_context__ else error.__context__)
        if isinstance(error, BaseExceptionGroup):
            waiting += reversed(error.exceptions)
