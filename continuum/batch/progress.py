"""What a batch tells while it runs, to whoever shows or logs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from continuum._core.types import Usage
    from continuum.batch.job import JobResult
    from continuum.batch.journal import Summary
    from continuum.batch.pacing import LaneState


@dataclass(frozen=True, slots=True)
class Status:
    """Where a running batch stands.

    Attributes:
        summary: of all that is kept, earlier runs included; documents in flight count as `running`.
        read: documents of the input that were read so far.
        all_read: the input has been read to its end, so `read` is their number.
        in_flight: documents that are being drafted.
        concurrency: how many may be.
        lanes: the provider's limits, by (provider, base URL, model).
        stopping: why no new request is sent any more; None while the batch goes on.
        seconds: since this run began.
        carried: what is waited for in the provider's batch API, for people; empty where requests go out one by one.
    """

    summary: Summary
    read: int
    all_read: bool
    in_flight: int
    concurrency: int
    lanes: dict[tuple[str, ...], LaneState]
    stopping: str | None
    seconds: float
    carried: str = ""


class Progress(Protocol):
    """Hooks of a batch. They are called on the event loop, so they return at once; what they raise is logged, and the
    batch goes on."""

    def started(self, status: Callable[[], Status]) -> None:
        """The journal is open. `status()` may be called at any time from now on, on the event loop."""
        ...

    def taken(self, id: str, number: int, rounds: int) -> None:
        """A document is being drafted; `rounds` of it are kept from earlier runs."""
        ...

    def round(self, id: str, number: int, usage: Usage | None, cost: float | None, seconds: float) -> None:
        """A request of a document is over, and what it brought is kept.

        Args:
            id: the document's.
            number: requests of it so far.
            usage: of this one, None if it failed.
            cost: of this one in US dollars, None if unknown.
            seconds: from sending the request to the end of its reply.
        """
        ...

    def text(self, id: str, characters: int) -> None:
        """So many characters have arrived since the last call; called every second or so for each document."""
        ...

    def waiting(self, id: str, seconds: float, reason: str) -> None:
        """A request has to wait: the provider, the network or the disk asked for it."""
        ...

    def finished(self, number: int, result: JobResult) -> None:
        """A document is done; `number`: its place in the input."""
        ...

    def stopping(self, reason: str, message: str) -> None:
        """No new request is sent any more; see `BatchReport.stopped`. The rounds in flight are still waited for."""
        ...

    def ended(self, status: Status) -> None:
        """The run is over."""
        ...


class Silent:
    """Tells nobody."""

    def started(self, status: Callable[[], Status]) -> None: ...
    def taken(self, id: str, number: int, rounds: int) -> None: ...
    def round(self, id: str, number: int, usage: Usage | None, cost: float | None, seconds: float) -> None: ...
    def text(self, id: str, characters: int) -> None: ...
    def waiting(self, id: str, seconds: float, reason: str) -> None: ...
    def finished(self, number: int, result: JobResult) -> None: ...
    def stopping(self, reason: str, message: str) -> None: ...
    def ended(self, status: Status) -> None: ...
