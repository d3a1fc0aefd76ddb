"""How many documents are drafted at once: a number that is given, or one that finds its own level."""

from __future__ import annotations

from typing import Final, Literal

import anyio

from continuum._core.errors import ConfigurationError

_FIRST: Final = 16
_MOST: Final = 512
_SLOW: Final = 0.5  # of the best speed of a reply, under which more documents only wait for each other
_SMOOTH: Final = 0.1


class Slots:
    """Places for documents.

    With `auto`, places are added as long as replies come as fast as ever and no request has to wait for a rate limit:
    one per reply at first, one per round of all documents after the first sign of too many. They are taken away where
    requests wait for a limit, and a tenth at a time where replies have become slow; and no more of them before those
    documents have ended for which there is no place any more.

    Args:
        concurrency: how many documents, or `auto`.

    Attributes:
        used: documents in flight.

    Raises:
        ConfigurationError: it is neither.
    """

    def __init__(self, concurrency: int | Literal["auto"]) -> None:
        given: object = concurrency  # from a caller without a type checker, perhaps
        whole = isinstance(given, int) and not isinstance(given, bool) and given >= 1
        if given != "auto" and not whole:
            raise ConfigurationError(f"concurrency={concurrency!r}: a whole number of at least 1, or 'auto'")
        self._auto = concurrency == "auto"
        self._limit = float(_FIRST if concurrency == "auto" else concurrency)
        self.used = 0
        self._freed = anyio.Event()
        self._searching = True
        self._speed = self._best = 0.0
        self._since = 0  # replies since places were last taken away

    @property
    def limit(self) -> int:
        """How many documents may be drafted at once now."""
        return max(int(self._limit), 1)

    async def acquire(self) -> None:
        """Wait for a place, and take it."""
        while self.used >= self.limit:
            await self._freed.wait()
        self.used += 1

    def release(self) -> None:
        """Give a place back."""
        self.used -= 1
        self._notify()

    def replied(self, output_tokens: int, seconds: float, queued: int) -> None:
        """A reply has come.

        Args:
            output_tokens: of it.
            seconds: that it took.
            queued: requests that wait for the provider's limits now (not for a sign of those under way).
        """
        if not self._auto:
            return
        self._since += 1
        if output_tokens and seconds > 0:
            speed = output_tokens / seconds
            self._speed = speed if not self._speed else self._speed + _SMOOTH * (speed - self._speed)
            self._best = max(self._best, self._speed)
        settled = self.used <= self.limit
        if queued > self.limit / 4 + 1:
            self._searching = False
            if settled:
                self._limit = max(self._limit - 1, 1.0)
        elif self._speed < _SLOW * self._best:
            self._searching = False
            if settled and self._since > self._limit:
                self._limit, self._since = max(self._limit * 0.9, 1.0), 0
        elif self._searching and self.used * 2 > self._limit:  # replies may come together, before places are taken
            self._limit = min(self._limit + 1.0, _MOST)
            self._notify()
        elif self.used >= self.limit:
            self._limit = min(self._limit + 1.0 / self._limit, _MOST)
            self._notify()

    def _notify(self) -> None:
        self._freed.set()
        self._freed = anyio.Event()
