"""The indent of the line that a reply begins with: models leave it out, for replies are stripped.

What may follow what is learnt from the text: how much further in a line stands than the one right before it, by how
that one ends. Where no line at the margin may stand between the last line of the text and the second of the reply, the
indent was lost.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import NamedTuple

from continuum._core.stitch.lazy import lazy

_WINDOW, _MOST = 8000, 300
"""Characters of the text whose lines are looked at, and how many of them."""
_SEEN = 800
"""Characters of the reply in which its second line begins."""
_LEAST = 6
"""Indented lines below which a text has no habits."""
_WHITE = (" ", "\t")
"""What an indent begins with."""
_TAUGHT = 3
"""How often a step was seen that is the only one of its kind."""
_LINE = lazy(r"([ \t]*)(\S.*)")
_OPENS = lazy(
    r"(?!(?:namespace|extern)\b)(?:.*(?:[({\[:]|[=-]>)|<(?!(?:br|hr|img|input|link|meta)\b)[A-Za-z][^<>]*+(?<!/)>)\s*"
)
"""A line that others stand further in behind: it opens something."""
_ANYWHERE = ("#", "\\")
"""What may stand at the margin whatever is around it: a directive, a command."""
_HTML = lazy(r"<(?:html|body|div|p|span|section|ul|li|hr|h[1-6]|pre|table)\b")
"""Tags of texts whose lines stand anywhere."""
_ITEM, _HANGING = lazy(r"(?:[-*+•]|\d{1,3}[.)])\s"), 4
"""An item of a list, and how much further in its next line may stand in any text."""
_TARGET = lazy(r"[\w.%/-]+:")
"""The target of a makefile, below which its recipe stands."""
_CLOSES = lazy(r"[)}\]]|</|(?:end|fi|done|esac|else|elif|except|finally)\b")


class _Line(NamedTuple):
    """A line: its indent, how it ends ("(" if it opens something, "," or nothing; "-": it is an item of a list),
    whether a bracket is open within it, whether it begins with what closes something, whether it stands below an empty
    line."""

    white: str
    indent: int
    ends: str
    within: bool
    closes: bool
    below: bool


class Margins(NamedTuple):
    """How the lines of a text are indented.

    Attributes:
        last: the last line that is not empty.
        indents: all of them, by their length.
        steps: how much further in a line stood than the one right before it, by how that one ended.
        least: the only step behind a line that opens something, 0 if there are several.
        apart: the text ends with an empty line.
    """

    last: _Line
    indents: dict[int, str]
    steps: frozenset[tuple[str, int]]
    least: int
    apart: bool

    def lost(self, body: str) -> list[str]:
        """The indents that the first line of `body`, which has none, may have lost, the likeliest first; empty if it
        may stand as it is."""
        lines = _lines(body[:_SEEN], ended=len(body) > _SEEN)[:2]
        if not lines or lines[0].indent or body[0] in _ANYWHERE:
            return []
        first, second = lines[0], lines[-1]
        if self._stands(lines, 0) or (second.white[:1] == "\t" and _TARGET.match(body) is not None):
            return []
        if second is not first and self.indents.get(second.indent, second.white) != second.white:
            return []  # the reply has an indent of its own
        found = [size for size in self.indents if size and self._stands(lines, size, surely=True)]
        return [self.indents[size] for size in sorted(found, key=lambda size: self._far(first, second, size))]

    def _far(self, first: _Line, second: _Line, indent: int) -> tuple[bool, int]:
        """How unlikely an indent is among those that are possible: what closes something stands further out than what
        it closes, anything else as its neighbours."""
        far = abs(indent - self.last.indent)
        if self.last.ends == "(":
            return False, far
        return (indent >= self.last.indent if first.closes else indent != second.indent), far

    def _stands(self, lines: list[_Line], indent: int, *, surely: bool = False) -> bool:
        """Whether the first line may stand there; `surely` not right below what opens something."""
        first = lines[0]._replace(indent=indent, below=self.apart)
        if surely and self.last.ends == "(" and not first.closes and indent <= self.last.indent:
            return False
        return self._follows(self.last, first) and (len(lines) < 2 or self._follows(first, lines[1]))

    def _follows(self, before: _Line, line: _Line) -> bool:
        """Whether a line may stand behind another."""
        step = line.indent - before.indent
        if before.ends == "(" and not line.closes:
            if self.least and step > 0:
                return step == self.least
            return step > 0 or line.below or ("(", step) in self.steps or (step == 0 and line.ends == "-")
        if step > 0 and (before.within or (before.ends == "-" and step <= _HANGING)):
            return True
        return step <= 0 or line.below or (before.ends, step) in self.steps


def may_be_lost(text: str, body: str) -> bool:
    """Whether the first line of `body`, which has no indent, may have lost one: a line beside it is indented, or the
    one before it opens something. The answer is quick; `Margins.lost` tells more."""
    if not text.endswith("\n") or not body or body[0].isspace():
        return False
    before = text[-_SEEN:].rstrip().rpartition("\n")[2]
    behind = body[:_SEEN].partition("\n")[2].lstrip("\n")
    return before[:1] in _WHITE or behind[:1] in _WHITE or _OPENS.fullmatch(before) is not None


def margins(text: str) -> Margins | None:
    """How the lines of `text` are indented; None if it does not end with a line break, or hardly any line is."""
    if not text.endswith("\n"):
        return None
    tail = text[-_WINDOW:]
    lines = _lines(tail, ended=False)
    if sum(line.indent > 0 for line in lines) < _LEAST or _HTML.search(tail) is not None:
        return None
    pairs = itertools.pairwise(lines)
    steps = Counter((a.ends, b.indent - a.indent) for a, b in pairs if not (b.below or b.closes))
    into = [(step, count) for (ends, step), count in steps.items() if ends == "(" and step > 0]
    least = into[0][0] if len(into) == 1 and into[0][1] >= _TAUGHT else 0
    indents = {len(match.group(1)): match.group(1) for match in _LINE.finditer(tail)}
    return Margins(lines[-1], indents, frozenset(steps), least, text.endswith("\n\n"))


def _lines(text: str, *, ended: bool) -> list[_Line]:
    """The lines that are not empty; the last one is left out if it may be longer (`ended` is not the end)."""
    found, below = [], False
    for line in text.split("\n")[-_MOST:]:
        match = _LINE.match(line)
        if match is not None:
            words = match.group(2)
            ends = "(" if _OPENS.fullmatch(words) else "," if words.rstrip().endswith(",") else ""
            ends = ends or ("-" if _ITEM.match(words) else "")
            within = sum(map(words.count, "([{")) > sum(map(words.count, ")]}"))
            within |= words[0] == "<" and words.count("<") > words.count(">")
            white = match.group(1)
            found.append(_Line(white, len(white), ends, within, _CLOSES.match(words) is not None, below))
        below = match is None
    return found[:-1] if ended else found
