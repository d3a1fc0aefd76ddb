"""A batch that is iterated: its run has a task of its own, and ends when nobody holds the iterator any more.

An async generator cannot do that. One that is left with `break` is closed whenever the garbage collector comes by, and
in another task, where no task group may end.
"""

from __future__ import annotations

import asyncio
import contextvars
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

import anyio
from anyio.lowlevel import RunVar, current_token

from continuum.batch.job import JobResult
from continuum.batch.writer import soon_here

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_AHEAD: Final = 16  # results that wait for their reader
_UNDER_WAY: RunVar[set[_Run]] = RunVar("continuum.batch.iterating._UNDER_WAY")


class _Run:
    """What the iterator and the task have in common, so that the task does not hold the iterator."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self.send, self.receive = anyio.create_memory_object_stream[JobResult](_AHEAD)
        self.scope = anyio.CancelScope()
        self.ended = anyio.Event()
        self.error: Exception | None = None
        self.dropped = False
        self.task: Any = None  # asyncio itself holds a task only weakly
        self.stop = stop

    async def emit(self, result: JobResult) -> None:
        with suppress(anyio.BrokenResourceError):  # nobody reads any more; the journal has it
            await self.send.send(result)

    async def work(self, work: Callable[[Any], Awaitable[object]]) -> None:
        under_way = _under_way()
        try:
            with self.send, self.scope:
                await work(self.emit)
        except Exception as error:  # raised where it is read
            self.error = error
        finally:
            under_way.discard(self)
            self.ended.set()

    def leave(self) -> None:
        self.receive.close()
        if not self.ended.is_set():
            self.stop()


class Results:
    """The results of a run as they come; it begins with the first that is asked for.

    Args:
        work: the run, given what to do with each result.
        stop: ends it soon. Called when the last reference to this object is gone, on the event loop.
    """

    def __init__(self, work: Callable[[Any], Awaitable[object]], stop: Callable[[], None]) -> None:
        self._work, self._stop = work, stop
        self._run: _Run | None = None
        self._drop: Any = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> JobResult:
        run = self._run or self._start()
        try:
            return await run.receive.receive()
        except anyio.ClosedResourceError:
            raise StopAsyncIteration from None
        except anyio.EndOfStream:
            await run.ended.wait()
        except GeneratorExit:  # nobody waits any more, perhaps for want of an event loop
            raise
        except BaseException:  # cancelled: the run is, too
            run.scope.cancel()
            await self._over(run)
            raise
        await self._over(run)
        if run.error is not None:
            raise run.error
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End the run at once, and wait for its end; what came of the replies in flight is kept."""
        if self._run is not None and not self._run.ended.is_set():
            self._run.leave()
            await self._over(self._run)

    async def _over(self, run: _Run) -> None:
        self._drop.detach()
        run.receive.close()
        with anyio.CancelScope(shield=True):
            await run.ended.wait()

    def _start(self) -> _Run:
        run = self._run = _Run(self._stop)
        self._drop = weakref.finalize(self, _drop, run, soon_here())
        self._drop.atexit = False
        _under_way().add(run)
        token: Any = current_token().native_token
        if hasattr(token, "run_sync_soon"):
            import trio

            trio.lowlevel.spawn_system_task(run.work, self._work, context=contextvars.copy_context())
        else:
            run.task = asyncio.get_running_loop().create_task(run.work(self._work))
        return run


def _drop(run: _Run, soon: Callable[..., Any]) -> None:
    """Whoever drops an iterator may do it in any thread."""
    run.dropped = True
    try:
        soon(run.leave)
    except RuntimeError:  # the loop is over, and has ended the run
        run.receive.close()


def _under_way() -> set[_Run]:
    """The runs of this event loop."""
    try:
        return _UNDER_WAY.get()
    except LookupError:
        found: set[_Run] = set()
        _UNDER_WAY.set(found)
        return found


async def settle() -> None:
    """Wait for runs that were left and are about to end: their journals are in use until then."""
    for run in [run for run in _under_way() if run.dropped]:
        await run.ended.wait()
