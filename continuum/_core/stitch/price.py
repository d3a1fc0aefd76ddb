"""How well text flows: the cost in bits of some characters after others, given what the text has said so far.

A blend of context orders (the PPM idea of Cleary and Witten, 1984), but no model is built: the counts are taken with
`str.count` when a join needs them, which is the case only where more than one reading of it is alive.
"""

from __future__ import annotations

import re
from functools import cached_property
from math import log2

_ORDERS = (12, 6, 4, 3, 2, 1)
_WINDOW = 8000
_WORD = re.compile(r"\w+")


class Flow:
    """Prices text against the end of `left` and the head of the reply."""

    def __init__(self, left: str, head: str) -> None:
        # A character that occurs in no text keeps the two parts apart.
        # What is being priced itself, the first characters of the reply, is no evidence.
        self._seen = left[-_WINDOW:] + "\ue0ff" + head[256:3000]
        self._counts: dict[str, int] = {}
        self._costs: dict[str, float] = {}

    @cached_property
    def words(self) -> frozenset[str]:
        """The whole words that the text has used; the last one, which may be cut, and the reply's first are not among them."""
        text, reply = self._seen.split("\ue0ff", 1)
        return frozenset(_WORD.findall(text)[:-1]) | frozenset(_WORD.findall(reply)[1:-1])

    def _count(self, piece: str) -> int:
        count = self._counts.get(piece)
        if count is None:
            count = self._counts[piece] = self._seen.count(piece)
        return count

    def char_cost(self, context: str, char: str) -> float:
        """Bits for `char` after `context` (its last 12 characters count)."""
        key = context[-12:] + char
        cost = self._costs.get(key)
        if cost is not None:
            return cost
        chance, weight = 0.0, 1.0
        for order in _ORDERS:
            piece = context[-order:]
            if len(piece) < order:
                continue
            seen = self._count(piece)
            if seen < (2 if order > 1 else 1):  # the context itself, at the end of the text, has no successor
                continue
            hits = self._count(piece + char)
            # The longer the context, the more one sighting says.
            share = seen / (seen + (0.3 if order == 12 else 0.7 if order == 6 else 1.5))
            chance += weight * share * hits / seen
            weight *= 1 - share
            if weight < 0.03:
                break
        single = (self._count(char) + 0.3) / (len(self._seen) + 100)
        chance += weight * max(single, 1e-5 if char.isascii() else 1e-4)
        cost = self._costs[key] = -log2(min(chance, 1.0))
        return cost

    def costs(self, before: str, after: str, cap: float = 200.0, least: int = 0) -> list[float]:
        """Running totals: element n is the price of the first n characters; stops at `cap`, but not before `least`."""
        context = before[-12:]
        totals = [0.0]
        for char in after:
            totals.append(totals[-1] + self.char_cost(context, char))
            if totals[-1] >= cap and len(totals) > least:
                break
            context = (context + char)[-12:]
        return totals

    def cost(self, before: str, after: str, cap: float = 200.0) -> float:
        """Bits for `after` following `before`; stops counting at `cap`."""
        return self.costs(before, after, cap)[-1]
