"""The way out of a batch: from the moment it closes, nothing new is sent, and nobody waits any longer."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import anyio

if TYPE_CHECKING:
    from collections.abc import Iterator

Stop = Literal["interrupted", "max_cost", "deadline", "credentials", "quota", "outage", "journal"]
"""Why a batch ended before its documents did."""


class Closed(Exception):
    """The gate is closed: give the document back."""


class Gate:
    """Open as long as new requests may be sent.

    Attributes:
        reason: why it closed; None while it is open.
        message: the same for people.
    """

    def __init__(self) -> None:
        self.reason: Stop | None = None
        self.message = ""
        self._waiting: set[anyio.CancelScope] = set()

    def close(self, reason: Stop, message: str) -> bool:
        """Let nothing new out. Only the first reason counts; returns whether this is it."""
        if self.reason is not None:
            return False
        self.reason, self.message = reason, message
        for scope in list(self._waiting):
            scope.cancel()
        return True

    def check(self) -> None:
        """Raise `Closed` if it is closed."""
        if self.reason is not None:
            raise Closed

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A wait that ends with `Closed` when the gate closes."""
        self.check()
        with anyio.CancelScope() as scope:
            self._waiting.add(scope)
            try:
                yield
            finally:
                self._waiting.discard(scope)
        if scope.cancelled_caught:
            raise Closed
