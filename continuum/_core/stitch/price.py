"""How well text flows: the cost in bits of some characters after others, given what the text has said so far.

A blend of context orders (prediction by partial matching; Cleary and Witten 1984) that escapes to a shorter context as
often as Good and Turing expect something new: by the number of successors seen once. No model is built: successors are
looked up with `str.rsplit` when a join needs them, which is the case only where more than one reading of it is alive.
"""

from __future__ import annotations

import re
from functools import cached_property
from math import log2

# Context lengths with the weight of an escape: the longer a context, the more a single sighting says.
_ORDERS = ((20, 0.05), (12, 0.15), (6, 0.5), (4, 0.8), (3, 1.0), (2, 1.0), (1, 1.0))
_LONGEST = _ORDERS[0][0]
_WINDOW = 8000
_SIGHTINGS, _LONG_SIGHTINGS = 200, 60
_WORD = re.compile(r"\w+")
_SEPARATOR = "\ue0ff"


class Flow:
    """Prices text against the end of `left` and the head of the reply."""

    def __init__(self, left: str, head: str) -> None:
        # What is being priced itself, the first characters of the reply, is no evidence.
        self._seen = left[-_WINDOW:] + _SEPARATOR + head[256:3000]
        self._successors: dict[str, tuple[int, int, dict[str, int]]] = {}
        self._costs: dict[str, float] = {}
        self._singles: dict[str, int] = {}

    @cached_property
    def words(self) -> frozenset[str]:
        """The whole words that were used; the last of the text, which may be cut, and the reply's first are left out."""
        text, reply = self._seen.split(_SEPARATOR, 1)
        return frozenset(_WORD.findall(text)[:-1]) | frozenset(_WORD.findall(reply)[1:-1])

    def _after(self, piece: str) -> tuple[int, int, dict[str, int]]:
        """How often `piece` was sighted (recently), how many successors it had only once, and all of them."""
        known = self._successors.get(piece)
        if known is not None:
            return known
        found: dict[str, int] = {}
        count = 0
        for char in self._overlapping(piece) if len(piece) >= 6 else self._apart(piece):
            if char != _SEPARATOR:
                found[char] = found.get(char, 0) + 1
                count += 1
        single = sum(n == 1 for n in found.values())
        known = self._successors[piece] = count, single, found
        return known

    def _apart(self, piece: str) -> list[str]:
        """What followed a short piece; fast where it is frequent."""
        # Nothing between two sightings: the piece is followed by itself.
        return [part[:1] or piece[0] for part in self._seen.rsplit(piece, _SIGHTINGS)[1:]]

    def _overlapping(self, piece: str) -> list[str]:
        """What followed a long piece, which may overlap itself where the text is periodic."""
        seen, size = self._seen, len(piece)
        found: list[str] = []
        at = seen.rfind(piece)
        while at >= 0 and len(found) < _LONG_SIGHTINGS:
            found.append(seen[at + size : at + size + 1] or _SEPARATOR)
            at = seen.rfind(piece, 0, at + size - 1)
        return found

    def char_cost(self, context: str, char: str) -> float:
        """Bits for `char` after `context` (its last 20 characters count)."""
        key = context + char
        cost = self._costs.get(key)
        if cost is not None:
            return cost
        chance, weight = 0.0, 1.0
        for order, escape in _ORDERS:
            piece = context[-order:]
            if len(piece) < order:
                continue
            count, single, found = self._after(piece)
            if not count:
                continue
            share = count / (count + escape * (single + 0.5))
            chance += weight * share * found.get(char, 0) / count
            weight *= 1.0 - share
            if weight < 0.02:
                break
        total = self._singles.get(char)
        if total is None:
            total = self._singles[char] = self._seen.count(char)
        floor = (total + 0.3) / (len(self._seen) + 100)
        chance += weight * max(floor, 1e-5 if char.isascii() else 1e-4)
        cost = self._costs[key] = -log2(min(chance, 1.0))
        return cost

    def costs(self, before: str, after: str, cap: float = 200.0, least: int = 0) -> list[float]:
        """Running totals: element n is the price of the first n characters; stops at `cap`, but not before `least`."""
        context = before[-_LONGEST:]
        totals = [0.0]
        for char in after:
            totals.append(totals[-1] + self.char_cost(context, char))
            if totals[-1] >= cap and len(totals) > least:
                break
            context = (context + char)[-_LONGEST:]
        return totals

    def cost(self, before: str, after: str, cap: float = 200.0) -> float:
        """Bits for `after` following `before`; stops counting at `cap`."""
        return self.costs(before, after, cap)[-1]
