"""Whether the line at a join looks like the lines before it: rows of a table, records, list items and verse do.

The shape of a line is what is left without its words, numbers and blanks. How likely a line of a new shape is, is what
Good and Turing estimate (Good 1953): the share of the lines whose shape was seen once.
"""

from __future__ import annotations

import re
from collections import Counter
from math import log2
from typing import NamedTuple

from continuum._core.stitch.lazy import lazy

_WINDOW = 4096
"""Characters at the end of a text whose lines are looked at."""
_LEAST = 8
"""Lines below which a text has no habits."""
_REGULAR = 0.25
"""The chance of a line of a new shape from which on it tells nothing."""
_WORDS = lazy(r"[\w \t\r]+")
_ASCII_WORDS = str.maketrans("", "", "".join(filter(re.compile(r"[\w \t\r]").match, map(chr, range(128)))))


class Lines(NamedTuple):
    """What the lines of a text look like.

    Attributes:
        begun: the last one, which is not ended.
        shapes: those of the others.
        odd: what a line of a new shape costs, in bits.
    """

    begun: str
    shapes: frozenset[str]
    odd: float

    def cost(self, reply: str) -> float:
        """What the line that `reply` would end costs, in bits; 0 if it looks like others, or is not ended yet."""
        line, end, _ = reply.partition("\n")
        return self.odd if end and _shape(self.begun + line) not in self.shapes else 0.0


def lines_of(text: str) -> Lines | None:
    """What the lines of `text` look like; None if there are few, or many that look like no other."""
    tail = text[-_WINDOW:]
    *ended, _ = _shape(tail).split("\n")
    if len(text) > _WINDOW:
        del ended[:1]  # it may have begun before
    shapes = Counter(filter(None, ended))
    total = shapes.total()
    odd = (1 + sum(times == 1 for times in shapes.values())) / (2 + total)
    if total < _LEAST or odd > _REGULAR:
        return None
    return Lines(text[text.rfind("\n") + 1 :], frozenset({"", *shapes}), -log2(odd))


def _shape(text: str) -> str:
    return text.translate(_ASCII_WORDS) if text.isascii() else _WORDS.sub("", text)
