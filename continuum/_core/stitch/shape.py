"""Whether the line at a join looks like the lines before it: rows of a table, records, list items and verse do.

The shape of a line is what is left without its words, numbers and blanks. How likely a line of a new shape is, is what
Good and Turing estimate (Good 1953): the share of the lines whose shape was seen once. Rows of a table have as many
cells as the one before, and a rule is as long as the others or as the title above it.
"""

from __future__ import annotations

import re
from collections import Counter
from math import log2
from typing import TYPE_CHECKING, NamedTuple
from unicodedata import east_asian_width

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
_ODD_RULE, _ODD_FIRST = 16.0, 12.0
"""What a rule of another length than the others costs, in bits, and the first one if it is not as long as its title."""
_RULE = lazy(r"[^\w\n]*([^\w\s])\1{3,}")
"""A line, or the start of one, that ends in a rule and has no words."""
_TITLE = lazy(r"^([ \t]*)(?=[^\n]*\w)(\S[^\n]{2,200})\n\1([^\w\s|])\3{3,}$", re.M)
"""A title with a rule below it."""
_LONGEST_RULE, _RULES = 400, 24
"""Characters of a rule, and how many others are looked at."""
_FAR = 65_536
"""Characters of the text whose titles tell how long a rule below one is."""
_PAGE = 80
"""Characters that the narrowest page is wide."""
_WORDS = lazy(r"[\w \t\r]+")
_ASCII_WORDS = str.maketrans("", "", "".join(filter(re.compile(r"[\w \t\r]").match, map(chr, range(128)))))


class Lines(NamedTuple):
    """What the lines of a text look like.

    Attributes:
        begun: the last one, which is not ended.
        shapes: those of the others.
        odd: what a line of a new shape costs, in bits.
        shape: tells the shape of a line.
        sure: false for a rule of which nothing tells how long it will be.
    """

    begun: str
    shapes: frozenset[str]
    odd: float
    shape: Callable[[str], str]
    sure: bool = True

    def cost(self, reply: str) -> float:
        """What the line that `reply` would end costs, in bits; 0 if it looks like others, or is not ended yet."""
        line, end, _ = reply.partition("\n")
        return self.odd if end and self.shape(self.begun + line) not in self.shapes else 0.0


def lines_of(text: str) -> Lines | None:
    """What the lines of `text` look like; None if there are few, or many that look like no other."""
    begun = text[text.rfind("\n") + 1 :]
    if begun.lstrip().startswith("|"):
        return _rows(text[-_WINDOW:], begun)
    if (rules := _rules(text, begun)) is not None:
        return rules
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


def _rules(text: str, begun: str) -> Lines | None:
    """How long the rule may be that the text breaks off in: as long as others that begin like it, or as the title
    above it; where nothing tells, no longer than the page is wide. None if it breaks off in no rule."""
    if len(begun) > _LONGEST_RULE or _RULE.fullmatch(begun) is None:
        return None
    sizes, odd = _sizes_of_others(text, begun), _ODD_RULE
    above = text[: len(text) - len(begun) - 1].rpartition("\n")[2].rstrip()
    beside = len(above) - len(above.lstrip()) == len(begun) - len(begun.lstrip())
    if beside and len({*begun.strip()}) == 1 and any(map(str.isalnum, above)) and len(begun) <= _columns(above):
        alike, other = _underlines(text[-_FAR:])
        if alike >= other:
            sizes, odd = {f"{len(above)}", f"{_columns(above)}"}, _ODD_RULE if alike else _ODD_FIRST
        elif len(sizes) > 1:
            sizes = set()  # they are as long as they happen to be
    if any(sizes):
        return Lines(begun, frozenset(sizes), odd, _size)
    widest = max(_PAGE, *map(len, text[-_WINDOW:].split("\n")))
    return Lines(begun, frozenset([""]), _ODD_RULE, lambda line: _size(line) if len(line) > widest else "", sure=False)


def _sizes_of_others(text: str, begun: str) -> set[str]:
    """How long the lines are that begin like the rule; nothing for one that is no rule."""
    sizes, end = set(), len(text) - len(begun)
    for _ in range(_RULES):
        end = text.rfind(f"\n{begun}", 0, end)
        if end < 0:
            break
        sizes.add(_size(text[end + 1 : end + 1 + _LONGEST_RULE].partition("\n")[0]))
    return sizes


def _size(line: str) -> str:
    """How long a rule is; nothing if the line is none."""
    line = line.rstrip()
    return "" if any(map(str.isalnum, line)) else f"{len(line)}"


def _underlines(text: str) -> tuple[int, int]:
    """How many rules below a title are as long as the title, and how many are not."""
    rules = ((title.group().rpartition("\n")[2].strip(), title.group(2).rstrip()) for title in _TITLE.finditer(text))
    known = [len(rule) - _columns(title) for rule, title in rules]
    alike = sum(more == 0 for more in known)
    return alike, len(known) - alike


def _columns(line: str) -> int:
    """How wide a line is: ideographs take two columns (Unicode Standard Annex 11)."""
    return len(line) + sum(east_asian_width(char) in "WF" for char in line)


def _cells(row: str) -> str:
    """The marks between the cells of a row of a Markdown table."""
    return "|" * marks_of_cells(row)


def _marks(text: str) -> str:
    """A text without words, numbers and blanks."""
    return text.translate(_ASCII_WORDS) if text.isascii() else _WORDS.sub("", text)
