"""One request and its reply, sync and async: what the loops of `_drivers.py` repeat while the machine says so."""

from __future__ import annotations

from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

from continuum._core.types import Failure
from continuum.providers import watching
from continuum.providers.watching import LateError, in_time

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from continuum._core.actions import Action, Send
    from continuum._drivers import Lane, Piece, Run
    from continuum.providers.base import Receiver

LATE = Failure("transient", "the reply was still under way at the deadline")
_END: Any = object()


def exchange(run: Run, lane: Lane, send: Send) -> Generator[Piece, None, Action]:
    """Send a request and take its reply."""
    provider = run.provider
    failure: Failure | None = None
    request, receiver = run.request(lane, send)
    try:
        opened = provider.open(request) if run.stream else provider.read(request, run)
        if run.stream:
            with opened as stream:
                provider.opened(receiver, stream)
                failure = yield from _stream(run, lane, receiver, stream)
        else:
            receiver.whole(opened)
    except LateError:
        failure = LATE
    except provider.catch as error:
        failure = run.describe(error)
    outcomes = run.billed(send, request, receiver.finish(failure), late=failure is LATE)
    if not run.late() and provider.wonders(outcomes):
        with suppress(*provider.catch):
            provider.told(provider.ask_limits(run.left))
    return run.outcome(lane, provider.with_limits(outcomes))


def _stream(run: Run, lane: Lane, receiver: Receiver, stream: Any) -> Generator[Piece, None, Failure | None]:
    if watching.is_json(stream, run):
        watching.read(stream.response, run)
        whole = run.whole(lane, receiver, stream)
        if whole is not None:
            yield from whole
            return None
    run.watch(stream)
    for chunk in stream:
        yield from run.chunk(lane, receiver, chunk)
        failure = run.enough(lane, receiver)
        if failure is not None:
            return failure
    return None


async def aexchange(run: Run, lane: Lane, send: Send, outcome: list[Action]) -> AsyncGenerator[Piece]:
    """The async twin of `exchange`; `outcome` takes what it would return."""
    provider, keeper = run.provider, run.keeper
    failure: Failure | None = None
    elapsed: float | None = None
    if keeper is not None:
        run.postpone(await keeper.ready(lane, send))
    request, receiver = run.request(lane, send)
    try:
        opened = await in_time(provider.open(request), run.left)
        if run.stream:
            async with opened as stream, aclosing(_astream(run, lane, receiver, stream)) as pieces:
                provider.opened(receiver, stream)
                if keeper is not None:
                    keeper.opened(receiver.rate_limit)
                async for piece in pieces:
                    if isinstance(piece, Failure):
                        failure = piece
                    else:
                        yield piece
        else:
            receiver.whole(opened)
    except LateError:
        failure = LATE
    except provider.catch as error:
        failure = run.describe(error)
    outcomes = run.billed(send, request, receiver.finish(failure), late=failure is LATE)
    if not run.late() and provider.wonders(outcomes):
        with suppress(*provider.catch):
            provider.told(await provider.ask_limits(run.left))
    outcomes = provider.with_limits(outcomes)
    if keeper is not None:
        elapsed = lane.elapsed()
        await keeper.received(lane, outcomes[0], elapsed)
    outcome.append(run.outcome(lane, outcomes, elapsed))


async def _astream(run: Run, lane: Lane, receiver: Receiver, stream: Any) -> AsyncGenerator[Piece | Failure]:
    """The async twin of `_stream`; what that returns comes last."""
    if await in_time(watching.ais_json(stream), run.left):
        await in_time(stream.response.aread(), run.left)
        whole = run.whole(lane, receiver, stream)
        if whole is not None:
            for piece in whole:
                yield piece
            return
    run.watch(stream)
    async with aclosing(aiter(stream)) as chunks:
        while (
            chunk := await (anext(chunks, _END) if run.watched else in_time(anext(chunks, _END), run.left))
        ) is not _END:
            for piece in run.chunk(lane, receiver, chunk):
                yield piece
            if run.keeper is not None:
                run.keeper.arrived(lane)
            failure = run.enough(lane, receiver)
            if failure is not None:
                yield failure
                return
