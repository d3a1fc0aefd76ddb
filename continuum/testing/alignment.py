"""Where a request stands in the document: from the assistant turns it shows, with no memory of earlier requests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from continuum.testing.chat import Turn

_ASKS_FOR_ANCHOR = re.compile(r"\b(?:begin|start)\w*\b.{0,120}?\b(?:with|by)\b|\brepeat\w*\b", re.I | re.S)
_QUOTES = re.compile(r'["“”„«»]')
_MOST_QUOTES = 200
_TAIL = 80
_NEAR_END = 600
_SHORTEST_INSIDE = 15


@dataclass(frozen=True, slots=True)
class Position:
    """Where to go on.

    Attributes:
        document: the name of the document.
        shown: the text that the assistant turns show.
        offset: the index into the document at which the shown text ends.
        anchor: the words that the last user turn wants the reply to begin with, or "".
        anchor_end: the index into `shown` at which the anchor ends (white space may follow it).
    """

    document: str
    shown: str
    offset: int
    anchor: str = ""
    anchor_end: int = 0

    @property
    def after_anchor(self) -> int:
        """The index into the document at which a reply goes on that began with the anchor."""
        return max(0, self.offset - (len(self.shown) - self.anchor_end))


def locate(turns: Sequence[Turn], documents: Mapping[str, str], names: Sequence[str]) -> Position:
    """Finds where the shown text ends, in the best fitting of the named documents."""
    shown, anchor, anchor_end = assemble(turns)
    found = [(align(shown, documents[name]), name) for name in names]
    (_, offset), name = max(found, key=lambda entry: entry[0][0])
    return Position(name, shown, offset, anchor, anchor_end)


def assemble(turns: Sequence[Turn]) -> tuple[str, str, int]:
    """The text that the assistant turns show, and the anchor that the last user turn asks for (with its end).

    A turn that begins by repeating the anchor which the user turn before it quoted is joined there.
    """
    shown, anchor, anchor_end = "", "", 0
    for turn in turns:
        if turn.role == "assistant":
            if anchor and turn.text.startswith(anchor):
                shown = shown[:anchor_end] + turn.text[len(anchor) :]
            else:
                shown += turn.text
            anchor, anchor_end = "", 0
        elif turn.role == "user" and shown:
            anchor, anchor_end = find_anchor(turn.text, shown)
    return shown, anchor, anchor_end


def find_anchor(instruction: str, shown: str) -> tuple[str, int]:
    """The passage that the instruction quotes to begin with, and the index into `shown` at which it ends.

    It is the longest passage in double quotes, or on lines of its own, that is a suffix of the shown text (white
    space at its end aside), or else one that stands near its end, as where the model has seen more of its answer than
    it is asked to begin with. `("", 0)` if the instruction asks for no such thing.
    """
    if not _ASKS_FOR_ANCHOR.search(instruction):
        return "", 0
    end = len(shown.rstrip())
    best, best_end = "", 0
    passages = _quoted(instruction)
    for passage in passages:
        for candidate in (passage, passage.strip()):
            where = len(shown) if candidate and shown.endswith(candidate) else end
            if len(candidate) > len(best) and shown.endswith(candidate, 0, where):
                best, best_end = candidate, where
    if best:
        return best, best_end
    for passage in passages:
        place = shown.rfind(passage, max(0, end - _NEAR_END)) if len(passage) > max(_SHORTEST_INSIDE, len(best)) else -1
        if place >= 0:
            best, best_end = passage, place + len(passage)
    return best, best_end


def _quoted(instruction: str) -> list[str]:
    marks = [match.start() for match in _QUOTES.finditer(instruction)][-_MOST_QUOTES:]
    passages = [instruction[left + 1 : right] for right in marks for left in marks if left < right]
    lines = instruction.split("\n")
    # The lines quoted in the manner of Markdown, and every run of whole lines up to the end of a paragraph or text.
    passages.append("\n".join(line[1:].removeprefix(" ") for line in lines if line.startswith(">")))
    ends = [index for index in range(1, len(lines) + 1) if index == len(lines) or not lines[index].strip()]
    for last in ends[-8:]:
        passages.extend("\n".join(lines[first:last]) for first in range(max(1, last - 24), last))
    return passages


def align(shown: str, document: str) -> tuple[int, int]:
    """Where in the document the shown text ends: `(quality, offset)`, a higher quality being a better fit.

    An exact prefix is best. Otherwise the last 80 characters decide, and otherwise the longest end of the shown
    text that stands in the document. Of several places the one nearest to the length of the shown text is taken.
    """
    if document.startswith(shown):
        return len(document) + len(shown) + 1, len(shown)
    for text in (shown, shown.rstrip()):
        length = _longest_suffix(text, document)
        if length:
            return length, _nearest_end(text[-length:], document, len(shown))
    return 0, 0


def _longest_suffix(text: str, document: str) -> int:
    if len(text) >= _TAIL and text[-_TAIL:] in document:
        return _TAIL
    low, high = 0, min(len(text), _TAIL)
    while low < high:  # a suffix of a suffix that occurs occurs too, so the lengths can be halved
        middle = (low + high + 1) // 2
        if text[-middle:] in document:
            low = middle
        else:
            high = middle - 1
    # A suffix of a few characters occurs anywhere and tells nothing.
    return low if low >= min(8, len(document)) else 0


def _nearest_end(passage: str, document: str, length: int) -> int:
    best, start = -1, document.find(passage)
    while start >= 0:
        end = start + len(passage)
        if best < 0 or abs(end - length) < abs(best - length):
            best = end
        start = document.find(passage, start + 1)
    return best
