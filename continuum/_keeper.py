"""Who may stand beside an async run: told of its requests, chunks and outcomes, and waited for at each of them.

A run by itself has none. The batch tier has one for each document: it paces, and keeps what arrives before it counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from continuum._core.actions import Send
    from continuum._core.types import Failure, RateLimit, Response
    from continuum._drivers import Lane


class Keeper(Protocol):
    """Stands beside one run; what its methods raise ends the run.

    Attributes:
        paces: what a server asks to wait is waited out in `ready()`, so the run itself does not wait for it.
    """

    @property
    def paces(self) -> bool: ...

    async def ready(self, lane: Lane, send: Send) -> float:
        """Before a request: wait until it may leave.

        Returns:
            Seconds of waiting that are not the run's own time: its deadline moves by them.
        """
        ...

    def opened(self, rate_limit: RateLimit | None) -> None:
        """A stream has begun; what its headers say."""
        ...

    def arrived(self, lane: Lane) -> None:
        """A chunk has come; `lane.partial()` is the text so far."""
        ...

    def aborted(self, lane: Lane) -> None:
        """The run is torn down while a request is in flight; `lane.partial()` is the text so far."""
        ...

    async def received(self, lane: Lane, outcome: Response | Failure, elapsed: float) -> None:
        """A request is over; the machine is told of it after this has returned."""
        ...
