"""First come, first served: a queue in which only the first one watches for its turn, for all behind it."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Wanted = TypeVar("Wanted")
Given = TypeVar("Given")

LOOK: Final = 0.25
"""Seconds at most between two looks: what was taken may have been given back."""


@dataclass(slots=True, eq=False)
class _Waiting(Generic[Wanted, Given]):
    """Who waits. `stir` is set when it has got what it wants, and when it has become the first."""

    wanted: Wanted
    stir: anyio.Event = field(default_factory=anyio.Event)
    given: Given | None = None


class Turns(Generic[Wanted, Given]):
    """Gives what is wanted in the order of asking. For one event loop.

    All that may leave do so at once: were each to wake the next one, a busy event loop would let out one in each of its
    turns, whatever is allowed.

    Args:
        wait: seconds until something can be taken, as far as known; infinity: until `hear()` is called.
        take: takes it.
        back: gives it back, where somebody was cancelled who had got it and did not know yet.
        asleep: how to wait.
    """

    def __init__(
        self,
        wait: Callable[[Wanted], float],
        take: Callable[[Wanted], Given],
        back: Callable[[Given], None],
        asleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._wait, self._take, self._back, self._asleep = wait, take, back, asleep
        self._queue: deque[_Waiting[Wanted, Given]] = deque()
        self._heard: anyio.Event | None = None

    def __len__(self) -> int:
        return len(self._queue)

    async def get(self, wanted: Wanted) -> Given:
        """Wait for a turn. A task that is cancelled while it waits leaves nothing behind."""
        if not self._queue and self._wait(wanted) <= 0:
            return self._take(wanted)
        waiting: _Waiting[Wanted, Given] = _Waiting(wanted)
        self._queue.append(waiting)
        try:
            while waiting.given is None:
                if self._queue[0] is not waiting:
                    await waiting.stir.wait()
                    waiting.stir = anyio.Event()
                elif (wait := self._serve()) == math.inf:
                    self._heard = anyio.Event()
                    with anyio.move_on_after(LOOK):
                        await self._heard.wait()
                elif wait > 0:
                    await self._asleep(min(wait, LOOK))
        except BaseException:
            self._leave(waiting)
            raise
        return waiting.given

    def hear(self) -> None:
        """Something has changed: let the first one look again."""
        if self._heard is not None:
            self._heard.set()
            self._heard = None

    def _serve(self) -> float:
        """Serve the first in the queue while there is anything; returns what `wait` says of the next one."""
        while self._queue:
            first = self._queue[0]
            wait = self._wait(first.wanted)
            if wait > 0:
                first.stir.set()
                return wait
            self._queue.popleft()
            first.given = self._take(first.wanted)
            first.stir.set()
        return 0.0

    def _leave(self, waiting: _Waiting[Wanted, Given]) -> None:
        if waiting.given is not None:
            self._back(waiting.given)
            return
        self._queue.remove(waiting)
        if self._queue:
            self._queue[0].stir.set()
