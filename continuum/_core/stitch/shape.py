"""Whether the line at a join looks like the lines before it: rows of a table, records, list items and verse do.

The shape of a line is what is left without its words, numbers and blanks. How likely a line of a new shape is, is what
Good and Turing estimate (Good 1953): the share of the lines whose shape was seen once. Rows of a table have as many
cells as the one before.
"""

from __future__ import annotations

import re
from collections import Counter
from math import log2
from typing import TYPE_CHECKING, NamedTuple

from continuum._core.stitch.lazy import lazy
from continuum._core.stitch.structure import marks_of_cells

if TYPE_CHECKING:
    from collections.abc import Callable

_WINDOW = 4096
"""Characters at the end of a text whose lines are looked at."""
_LEAST = 8
"""Lines below which a text has no habits."""
_REGULAR = 0.25
"""The chance of a line of a new shape from which on it tells nothing."""
_ODD_ROW = 8.0
"""What a row with more or fewer cells than the one before it costs, in bits."""
_WORDS = lazy(r"[\w \t\r]+")
_ASCII_WORDS = str.maketrans("", "", "".join(filter(re.compile(r"[\w \t\r]").match, map(chr, range(128)))))


class Lines(NamedTuple):
    """What the lines of a text look like.

    Attributes:
        begun: the last one, which is not ended.
        shapes: those of the others.
        odd: what a line of a new shape costs, in bits.
        shape: tells the shape of a line.
    """

    begun: str
    shapes: frozenset[str]
    odd: float
    shape: Callable[[str], str]

    def cost(self, reply: str) -> float:
        """What the line that `reply` would end costs, in bits; 0 if it looks like others, or is not ended yet."""
        line, end, _ = reply.partition("\n")
        return self.odd if end and self.shape(self.begun + line) not in self.shapes else 0.0


def lines_of(text: str) -> Lines | None:
    """What the lines of `text` look like; None if there are few, or many that look like no other."""
    begun = text[text.rfind("\n") + 1 :]
    if begun.lstrip().startswith("|"):
        return _rows(text[-_WINDOW:], begun)
    *ended, _ = _marks(text[-_WINDOW:]).split("\n")
    if len(text) > _WINDOW:
        del ended[:1]  # it may have begun before
    shapes = Counter(filter(None, ended))
    total = shapes.total()
    odd = (1 + sum(times == 1 for times in shapes.values())) / (2 + total)
    if total < _LEAST or odd > _REGULAR:
        return None
    return Lines(begun, frozenset({"", *shapes}), -log2(odd), _marks)


def _rows(tail: str, begun: str) -> Lines | None:
    """What the rows look like of the table that the text breaks off in; None if its last two differ."""
    above = [row for row in tail.split("\n")[-3:-1] if row.lstrip().startswith("|")]
    shapes = frozenset(map(_cells, above))
    return Lines(begun, shapes, _ODD_ROW, _cells) if len(above) == 2 and len(shapes) == 1 else None


def _cells(row: str) -> str:
    """The marks between the cells of a row of a Markdown table."""
    return "|" * marks_of_cells(row)


def _marks(text: str) -> str:
    """A text without words, numbers and blanks."""
    return text.translate(_ASCII_WORDS) if text.isascii() else _WORDS.sub("", text)
