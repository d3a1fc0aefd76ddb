"""The money of a whole batch: the worst case of a request is put aside before it is sent, and corrected after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import anyio

from continuum.batch.gate import Closed

if TYPE_CHECKING:
    from continuum.batch.gate import Gate


def close_for_cost(gate: Gate, spent: float, limit: float, amount: float) -> NoReturn:
    """End the run because the next request may cost more than is left of the cap; US dollars.

    Raises:
        Closed: always.
    """
    gate.close(
        "max_cost",
        f"${spent:.4f} of max_cost=${limit:.4f} are spent, and the next request may cost ${amount:.4f}; raise max_cost "
        "to go on",
    )
    raise Closed


class Purse:
    """Never lets more be spent than `limit`, however many documents ask at once, if no request costs more than is put
    aside for it; `providers.sizes` says what that rests on.

    Args:
        limit: US dollars for the batch, earlier runs included.
        spent: what earlier runs spent.
        gate: closed when the next request could break through the limit, and nothing in flight may give money back.
    """

    def __init__(self, limit: float, spent: float, gate: Gate) -> None:
        self.limit, self.spent = limit, spent
        self.reserved = 0.0
        self._gate = gate
        self._changed = anyio.Event()

    async def reserve(self, amount: float) -> float:
        """Put money aside; waits while requests in flight may give some back.

        Raises:
            Closed: there is not enough left.
        """
        while self.spent + self.reserved + amount > self.limit * (1 + 1e-12):
            if self.reserved <= 1e-12:
                close_for_cost(self._gate, self.spent, self.limit, amount)
            with self._gate.waiting():
                await self._changed.wait()
        self.reserved += amount
        return amount

    def settle(self, reserved: float, cost: float | None) -> None:
        """A request is over: what it cost in place of what was put aside (all of that, if it is not known)."""
        self.reserved = max(self.reserved - reserved, 0.0)
        self.spent += reserved if cost is None else cost
        self._changed.set()
        self._changed = anyio.Event()
