"""How the model is asked to go on: which turns follow the caller's own, and in which words.

The history grows. Every continuation shows the text so far as assistant turns and closes with one short user
turn (or, in place, with the assistant turn itself). Turns that were sent stay as they were sent; only the closing
user turn of a question that brought nothing is worded anew.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from continuum._core.stitch import choose_anchor, open_structure, safe_end
from continuum._core.types import Turn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from continuum._core.types import Prefill

# What `safe_end` looks back over; a longer text gives the same answer.
BOUNDARY_WINDOW = 2000
_END_MARK = re.compile(r"[.!?…؟۔।॥。！？\n,\]}]")
_LIST_ITEM = re.compile(r"\s*([-*+•]|\d+[.)])\s")
_SHORTEST_ANCHOR = 16
_LONG_ANCHOR = 160
_LONGEST_ANCHOR = 400
LONGEST_REST = 240
"""Characters after which `safe_end` finds a boundary without a mark."""


class Question(NamedTuple):
    """One way of asking the model to go on.

    Attributes:
        turns: what follows the caller's messages; never ends on an empty turn, never has two assistant turns in a row.
        shown: index into the text up to which the model has seen it.
        anchor: what the reply was asked to begin with.
        in_place: the last turn is the assistant's own, to be gone on with.
        echo: in place, the assistant text that a server may repeat in front of its reply.
    """

    turns: tuple[Turn, ...]
    shown: int
    anchor: str | None = None
    in_place: bool = False
    echo: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values, if the provider's blocks are."""
        return {**self._asdict(), "turns": [[t.role, t.text, list(t.blocks)] for t in self.turns]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Question:
        """The inverse of `to_dict`."""
        return cls(**{**data, "turns": tuple(Turn(role, text, tuple(b)) for role, text, b in data["turns"])})


class Aside(NamedTuple):
    """A reply that was set aside because its join is in doubt, and how it was asked for."""

    question: Question | None
    round: int
    cap: int | None
    hold: bool
    cut: bool
    fed: str

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {**self._asdict(), "question": self.question.to_dict() if self.question else None}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Aside:
        """The inverse of `to_dict`."""
        question = Question.from_dict(data["question"]) if data["question"] else None
        return cls(**{**data, "question": question})


class History:
    """The turns that were added so far, and how much of the text they show."""

    __slots__ = ("marker", "shown", "turns")

    def __init__(self, marker: str | None = None) -> None:
        self.marker = marker  # what the model was asked to close with
        self.turns: list[Turn] = []
        self.shown = 0

    def ask(
        self,
        text: str,
        *,
        end: int,
        anchor: int | None,
        opening: str,
        insist: bool,
        blocks: tuple[Any, ...] = (),
        settle: bool = False,
    ) -> Question:
        """Ask with a user turn.

        Args:
            text: the whole text so far.
            end: index at which the text shown to the model ends.
            anchor: bytes that the anchor may have; None: do not ask for one.
            opening: what the last reply said before its new text because it was asked to; it stays in the history
                as the model wrote it, so that the model sees itself do what the next question asks for again.
            insist: the last question brought nothing; ask in plainer words.
            blocks: provider blocks of a turn that was suspended, to stand before the text.
            settle: the reply to the same question could not be joined for certain; ask for more of the last words.
        """
        if end > self.shown or blocks:
            if opening:  # the white space behind the anchor was said as well
                opening += text[len(text[: self.shown].rstrip()) : self.shown]
            self.turns.append(Turn("assistant", opening + text[self.shown : end], blocks))
            self.shown = end
        else:  # nothing new to show: the same question again, in other words
            self.turns.pop()
        words = anchor_of(text[:end], anchor, long=settle) if anchor is not None else None
        self.turns.append(Turn("user", wording(text[:end], words, insist=insist, settle=settle, marker=self.marker)))
        return Question(tuple(self.turns), self.shown, words)

    def prefill(self, text: str, how: Prefill) -> Question:
        """Ask in place: the history ends on the assistant's own unfinished turn."""
        shown = text[self.shown :]
        if how.strips:
            shown = shown.rstrip()
        return Question((*self.turns, Turn("assistant", shown)), len(text), in_place=True, echo=shown)

    def repair(self, text: str, error: str) -> Question:
        """Ask for a corrected copy of the whole value; `error` says what is wrong with it."""
        if self.turns and self.turns[-1].role == "user" and not text[self.shown :].strip():
            self.turns.pop()
        elif text[self.shown :].strip():
            self.turns.append(Turn("assistant", text[self.shown :]))
            self.shown = len(text)
        words = f"That is not the JSON that was asked for ({error}). Reply with the whole corrected JSON, nothing else."
        self.turns.append(Turn("user", words))
        return Question(tuple(self.turns), self.shown)

    def resend(self, text: str, blocks: tuple[Any, ...]) -> Question:
        """Send a suspended turn back as it was; its blocks hold the text."""
        self.shown = len(text)
        return Question((*self.turns, Turn("assistant", "", blocks)), self.shown, in_place=True)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values, if the provider's blocks are."""
        return {"turns": [[t.role, t.text, list(t.blocks)] for t in self.turns], "shown": self.shown}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], marker: str | None = None) -> History:
        """The inverse of `to_dict`."""
        history = cls(marker)
        history.turns = [Turn(role, text, tuple(blocks)) for role, text, blocks in data["turns"]]
        history.shown = data["shown"]
        return history


def boundary(text: str, *, floor: int, sentence: bool) -> int:
    """Where the text shown to the model ends: at a safe place, but not before `floor`."""
    start = max(0, len(text) - BOUNDARY_WINDOW)
    return max(floor, start + safe_end(text[start:], level="sentence" if sentence else "word"))


def anchor_of(shown: str, room: int, *, long: bool = False) -> str | None:
    """The words that the reply is asked to begin with, in at most `room` bytes; None if there is no room for any.

    The model says them again in every round, so a small cap has to make do with few of them. A `long` anchor is four
    times the usual one, 160 to 400 characters from the start of a line or word, where the text has as many.
    """
    anchor = choose_anchor(shown) if room >= _SHORTEST_ANCHOR else None
    if anchor is not None and long:
        anchor = _lengthened(anchor, shown.rstrip())
    if anchor is None or size_of(anchor) <= room:
        return anchor
    short = anchor.encode("utf-8", "surrogatepass")[-room:].decode("utf-8", "ignore")
    _, space, rest = short.partition(" ")  # begins with a whole word, if there are words
    return (rest if space and size_of(rest) >= _SHORTEST_ANCHOR else short).lstrip() or None


def _lengthened(anchor: str, body: str) -> str:
    wanted = min(max(_LONG_ANCHOR, 4 * len(anchor)), _LONGEST_ANCHOR)
    start = max(0, len(body) - wanted)
    tail = body[start:]
    if start:
        line, space = tail.find("\n") + 1, tail.find(" ") + 1
        tail = tail[line if 0 < line <= wanted // 4 else space :].lstrip()
    return tail if len(tail) > len(anchor) else anchor


def size_of(text: str) -> int:
    """Bytes in UTF-8: a better measure of tokens than characters where scripts have no spaces."""
    return len(text.encode("utf-8", "surrogatepass"))


def may_end(fresh: str) -> bool:
    """Whether new text may bring a new boundary, which needs a mark: a cheap look before the real one."""
    return _END_MARK.search(fresh) is not None


def wording(
    shown: str, anchor: str | None, *, insist: bool = False, settle: bool = False, marker: str | None = None
) -> str:
    """The user turn that asks for more.

    Plain quotation marks around the anchor, because small models copy brackets into their reply, and the request for
    exactly these words first, because a reply that begins with them can be verified.
    """
    parts = ["Your answer was cut off by the output limit before it was finished."]
    if insist:
        parts = ["Your answer is still not finished, and your last reply added nothing to it."]
    if settle and anchor is not None:
        parts.append(
            "What you write next is joined to it by a program, which has to find the place. Begin your reply by "
            "copying these words, the last ones so far, letter for letter:"
            f'\n\n"{anchor}"\n\n'
            "Then go straight on with what comes next, and leave nothing out."
        )
    elif anchor is None:
        parts.append("Go on exactly where it stops.")
    else:
        parts.append(
            "Go on exactly where it stops. Begin your reply with exactly these words, the last ones so far:"
            f'\n\n"{anchor}"\n\n'
            "Then go straight on with what comes next."
        )
    parts.append(_hint(shown))
    parts.append("No introduction, no apology, no summary, and nothing that was already said.")
    if marker is not None:
        parts.append(f"When the whole answer is complete, close it with {marker} as you were asked to.")
    return " ".join(part for part in parts if part).replace("\n\n Then", "\n\nThen")


def _hint(shown: str) -> str:
    structure = open_structure(shown)
    if structure.json:
        return "You are inside a JSON value: go on with the raw JSON, and do not open it again."
    if structure.fence is not None:
        return "You are inside a code block: go on with the code, and do not open the block again."
    if structure.table:
        return "You are inside a table: go on with its next row, and do not repeat its header."
    if structure.list_item or _LIST_ITEM.match(shown.rstrip().rpartition("\n")[2]):
        return "You are inside a list: go on with it, and do not begin it again."
    return ""
