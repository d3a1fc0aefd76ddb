"""How well text flows: the cost in bits of some characters after others, given what the text has said so far.

A blend of context orders (prediction by partial matching; Cleary and Witten 1984) that escapes to a shorter context as
often as Good and Turing expect something new: by the number of successors seen once. No model is built: successors are
looked up with `str.rsplit` when a join needs them, which is the case only where more than one reading of it is alive.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cached_property
from math import log2
from operator import itemgetter
from typing import TYPE_CHECKING

from continuum._core.stitch.boundary import IDEOGRAPH
from continuum._core.stitch.words import in_word

if TYPE_CHECKING:
    from collections.abc import Iterator

# Context lengths with the weight of an escape: the longer a context, the more a single sighting says.
_LONGER_ORDERS = ((16, 0.08), (12, 0.15), (9, 0.3))
_LONG, _LONG_DOUBT = 6, 0.5
_SHORT_ORDERS = ((4, 0.8), (2, 1.0), (1, 1.0))
_SHORT, _LONGEST = 4, 16
_WINDOW = 8000
_SIGHTINGS, _LONG_SIGHTINGS = 200, 24
_IDEOGRAPH = IDEOGRAPH.pattern
_SEPARATOR = "\ue0ff"

# How letters, words, lines and marks follow each other in general: what a text that has just begun cannot teach yet.
_ENOUGH = 3000
_BACKGROUND = (
    """The harbour was quiet when the first boats came home in the morning. There were people on the quay who had \
been waiting since the night before, and some of them called out names; others only watched the water. If you asked \
what they were looking for, they would say that it was the light, which had not been seen for three days. "It will \
come back," the old man said, "because it always does." He did not look up from his work.

Nobody knows how the story should end. In 1904 the town had 2,300 inhabitants, two schools and one doctor; by 1950
most \
of the younger families had moved away, so that only a few houses, their windows closed, were left along the road. \
We can learn from this that a place is more than its buildings. However, there are at least two other reasons:

1. The work changed. It needs fewer hands, and those that it needs have to be trained.
2. The way to the city became shorter, for example by train (see the next section).

- First, make a list of everything that is needed, and check it.
- Then go through each of the points again, with someone who can help you.

## What to do next

| name | value | unit |
| --- | --- | --- |
| height | 12.5 | m |
| width | 8 | m |

```python
def total(items, start=0):
    # what is left out counts as nothing
    result = start
    for item in items:
        if item is not None:
            result += item
    return result
```

{"name": "first", "id": 1, "tags": ["a", "b"], "open": true}, {"name": "second", "id": 2, "tags": [], "open": false}

It is not clear whether this would have been possible without them, although many have tried. The question is how much \
time we have, and what we want to use it for. I think that they were right to begin with the smallest thing.
"""
    + _SEPARATOR
)


_Successors = tuple[int, int, dict[str, int]]
"""What followed a context: how many characters in all, how many that did so only once, and how often each did."""


_first = itemgetter(slice(1))


def _count(chars: list[str]) -> _Successors:
    """Count what followed a context."""
    if len(chars) == 1 and chars[0] != _SEPARATOR:
        return 1, 1, {chars[0]: 1}
    return _counted(Counter(chars))


def _counted(found: Counter[str]) -> _Successors:
    """The same of what was counted; the end of the text is no character."""
    found.pop(_SEPARATOR, None)
    seen = [*found.values()]
    return sum(seen), seen.count(1), found


class Flow:
    """Prices text by what the end of `left` has said. What was looked up is kept for the next question."""

    def __init__(self, left: str) -> None:
        # In another script its words only tell that every new word is a surprise behind a blank.
        latin = len(left[-_ENOUGH:].encode("utf-8", "replace")) < 1.4 * len(left[-_ENOUGH:])
        background = _BACKGROUND if len(left) < _ENOUGH and latin else ""
        self._seen = background + left[-_WINDOW:] + _SEPARATOR
        self._successors: dict[str, _Successors] = {}
        self._ends: dict[str, list[int]] = {}
        self._words: dict[str, bool] = {}
        self._costs: dict[str, float] = {}
        self._singles: dict[str, int] = {}
        self._blanks: dict[str, float] = {}
        self._kinds: dict[str, int] = {}

    def has_word(self, word: str) -> bool:
        """Whether a whole word was used; the last one does not count, for it may be cut."""
        known = self._words.get(word)
        if known is None:
            seen, size = self._seen, len(word)
            at = seen.find(word, 0, self._last_word)
            while at >= 0 and (in_word(seen[at - 1 : at]) or in_word(seen[at + size])):
                at = seen.find(word, at + 1, self._last_word)
            known = self._words[word] = at >= 0
        return known

    @cached_property
    def _last_word(self) -> int:
        """Where the last word begins."""
        at = len(self._seen)
        for within in (False, True):
            while at and in_word(self._seen[at - 1]) == within:
                at -= 1
        return at

    def _after(self, piece: str) -> _Successors:
        """What followed a short piece, as often as it was sighted (recently); fast where it is frequent."""
        known = self._successors.get(piece)
        if known is None:
            found = Counter(map(_first, self._seen.rsplit(piece, _SIGHTINGS)[1:]))
            itself = found.pop("", 0)  # nothing between two sightings
            if itself:
                found[piece[0]] += itself
            known = self._successors[piece] = _counted(found)
        return known

    def _sighted(self, piece: str, last: int) -> list[int]:
        """Where a long piece was sighted (recently): the ends. They may overlap where the text is periodic.

        It stands nowhere beyond `last`, which only shortens the search.
        """
        known = self._ends.get(piece)
        if known is None:
            seen, size = self._seen, len(piece)
            known = self._ends[piece] = []
            at = seen.rfind(piece, 0, last)
            while at >= 0 and len(known) < _LONG_SIGHTINGS:
                known.append(at + size)
                at = seen.rfind(piece, 0, at + size - 1)
        return known

    def _contexts(self, context: str) -> Iterator[tuple[float, _Successors]]:
        """What followed the contexts that were sighted, the longest first, each with the weight of an escape."""
        seen, size = self._seen, len(context)
        at = seen.rfind(context[-_SHORT:]) if size >= _SHORT else -1
        sighted = self._sighted(context[-_LONG:], at + _SHORT) if at >= 0 and size >= _LONG else ()
        if sighted:
            for order, doubt in _LONGER_ORDERS:
                piece = context[-order:]
                ends = [end for end in sighted if seen.startswith(piece, end - order)]
                if ends and size >= order:
                    yield doubt, _count([seen[end] for end in ends])
            yield _LONG_DOUBT, _count([seen[end] for end in sighted])
        for order, doubt in _SHORT_ORDERS:
            if size >= order and (at >= 0 or order < _SHORT):
                yield doubt, self._after(context[-order:])

    def char_cost(self, context: str, char: str) -> float:
        """Bits for `char` after `context` (its last 16 characters count)."""
        key = context + char
        cost = self._costs.get(key)
        if cost is not None:
            return cost
        chance, escape = 0.0, 1.0
        excluded: set[str] = set()
        for doubt, (count, single, found) in self._contexts(context):
            if not count:
                continue
            new = doubt * (single + 0.5)
            hits = found.get(char, 0)
            if hits:
                left = count - sum(found[c] for c in excluded if c in found)
                chance = escape * (count / (count + new)) * hits / left
                escape = 0.0
                break
            # The contexts are no independent witnesses: the one that knows best says how likely something new is.
            escape = min(escape, new / (count + new))
            excluded.update(found)
        if escape:
            chance += escape * self._unforeseen(context, char)
        cost = self._costs[key] = -log2(min(chance, 1.0))
        return cost

    def misfit(self, before: str, after: str) -> float:
        """How much dearer the first characters of `after` are behind `before` than anywhere: bits, the worst of
        them."""
        worst, context = -99.0, before[-_LONGEST:]
        for char in after:
            alone = max((self._seen.count(char) + 0.3) / (len(self._seen) + 100), 1e-5 if char.isascii() else 1e-4)
            worst = max(worst, self.char_cost(context, char) + log2(alone))
            context = (context + char)[-_LONGEST:]
        return worst

    def _unforeseen(self, context: str, char: str) -> float:
        """The chance of a character that no context of the text has led to."""
        least = 1e-5 if char.isascii() else 1e-4
        if context and char.isspace():
            return max(self._blank_after(context[-1], char), least)
        total = self._singles.get(char)
        if total is None:
            total = self._singles[char] = self._seen.count(char)
        return max((total + 0.3) / (len(self._seen) + 100), least)

    def _blank_after(self, last: str, blank: str) -> float:
        """How often this white space follows a character of the same class: ideograph, other
        word character, neither, or the same white space."""
        if last.isspace():
            kind = re.escape(last)
        else:
            kind = _IDEOGRAPH if IDEOGRAPH.match(last) else r"[^\W_]" if last.isalnum() else r"[^\w\s]"
        key = kind + blank
        share = self._blanks.get(key)
        if share is None:
            recent = self._seen[-1200:]
            all_of_kind = self._kinds.get(kind)
            if all_of_kind is None:
                all_of_kind = self._kinds[kind] = len(re.findall(kind, recent))
            followed = len(re.findall(kind + re.escape(blank), recent)) if blank in recent else 0
            share = self._blanks[key] = (followed + 0.1) / (all_of_kind + 20)
        return share

    def costs(self, before: str, after: str, cap: float = 200.0, least: int = 0) -> Totals:
        """Running totals of the price of `after`; they stop at `cap`, but not before `least` characters."""
        return Totals(self, before, after, cap, least)

    def cost(self, before: str, after: str, cap: float = 200.0) -> float:
        """Bits for `after` following `before`; stops counting at `cap`."""
        return self.costs(before, after, cap).at(len(after))


class Totals:
    """The price of the first characters of a text, worked out as far as somebody asks."""

    def __init__(self, flow: Flow, before: str, after: str, cap: float, least: int) -> None:
        self._flow = flow
        self._context = before[-_LONGEST:]
        self._after = after
        self._cap = cap
        self._least = least
        self._sums = [0.0]

    def at(self, count: int) -> float:
        """Bits for the first `count` characters, or for as many as were priced before the cap was reached."""
        sums, count = self._sums, min(count, len(self._after))
        while len(sums) <= count:
            if sums[-1] >= self._cap and len(sums) > max(1, self._least):
                break
            char = self._after[len(sums) - 1]
            sums.append(sums[-1] + self._flow.char_cost(self._context, char))
            self._context = (self._context + char)[-_LONGEST:]
        return sums[min(count, len(sums) - 1)]
