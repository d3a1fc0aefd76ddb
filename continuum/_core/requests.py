"""How the model is asked to go on: which turns follow the caller's own, and in which words.

Every continuation shows the text so far and closes with one short user turn (or, in place, with the assistant turn
itself). Where prompts are billed and the turns are nothing but text, they are one assistant turn, which grows at
its end, and the question of this round alone: what was asked before is not paid for again, and a prompt cache, which
keeps beginnings, has all that stands before the new text. Elsewhere (thinking is bound to what it followed, stored
responses to what was sent, and small models do better what they see themselves do) turns that were sent stay as they
were sent. When prompt and text outgrow the context window,
the text is shown from a later place on.
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
_OMITTED = "[…]\n\n"  # stands before a text that is not shown from its beginning
_LOOK = 1000  # characters within which the end of a text that is shown begins with a paragraph, or a line
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
        return {**self._asdict(), "turns": [turn.to_json() for turn in self.turns]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Question:
        """The inverse of `to_dict`."""
        return cls(**{**data, "turns": tuple(map(Turn.from_json, data["turns"]))})


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
    """The turns that were added so far, and how much of the text they show.

    Attributes:
        turns: the last ones that were sent.
        first, shown: where in the text begins and ends what they show.

    Args:
        marker: what the model was asked to close with.
        merges: the provider takes each request as it is, so that turns that were sent before need not stay.
    """

    __slots__ = ("_parts", "first", "marker", "merges", "shown", "turns")

    def __init__(self, marker: str | None = None, *, merges: bool = True) -> None:
        self.marker, self.merges = marker, merges
        self.turns: list[Turn] = []
        self.first = self.shown = 0
        self._parts: list[int] = []  # where in the text the requests so far ended

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
            opening: what the last reply said before its new text because it was asked to. In turns that stay as they
                were sent it stands as the model wrote it, as an answer to the question before it.
            insist: the last question brought nothing; ask in plainer words.
            blocks: provider blocks of a turn that was suspended, to stand before the text.
            settle: the reply to the same question could not be joined for certain; ask for more of the last words.
        """
        if end > self.shown or blocks:
            self._show(text, end, opening, blocks)
        else:  # nothing new to show: the same question again, in other words
            self.turns.pop()
        words = anchor_of(text[self.first : end], anchor, long=settle) if anchor is not None else None
        asked = wording(
            text[:end], words, insist=insist, settle=settle, marker=self.marker, partly=self.first > 0
        )  # fmt: skip
        self.turns.append(Turn("user", asked))
        return Question(tuple(self.turns), self.shown, words)

    def _show(self, text: str, end: int, opening: str, blocks: tuple[Any, ...]) -> None:
        if self.merges and not blocks and not any(turn.blocks for turn in self.turns):
            self.turns = [self._whole(text, end)]
        else:
            if not self.turns:
                opening = ""  # nothing asked for it here
            elif opening:  # the white space behind the anchor was said as well
                opening += text[len(text[: self.shown].rstrip()) : self.shown]
            mark = _OMITTED if self.first and not self.turns and not blocks else ""
            self.turns.append(Turn("assistant", mark + opening + text[self.shown : end], blocks))
        self.shown = end

    def _whole(self, text: str, end: int) -> Turn:
        """All that is shown of the text as one turn."""
        mark = _OMITTED if self.first else ""
        self._parts = [*(part for part in self._parts if part < end), end]
        parts = (end - self.first + len(mark) for end in self._parts)
        return Turn("assistant", mark + text[self.first : end], parts=tuple(parts))

    def prefill(self, text: str, how: Prefill) -> Question:
        """Ask in place: the history ends on the assistant's own unfinished turn."""
        end = len(text.rstrip()) if how.strips else len(text)
        turn = Turn("assistant", text[self.shown : end]) if self.turns else self._whole(text, end)
        return Question((*self.turns, turn), len(text), in_place=True, echo=turn.text)

    def elide(self, text: str, start: int) -> None:
        """Show the text from about `start` on only: from the next paragraph, line or word.

        Not from one that stands so near the end that less than half would be left: that end may be all there is.
        """
        near = text[start : start + min(_LOOK, (len(text) - start) // 2)]
        found = (near.find(mark) + len(mark) for mark in ("\n\n", "\n", " ") if mark in near)
        self.first = self.shown = start + next(found, 0)
        self.turns, self._parts = [], []

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
        return {
            "turns": [turn.to_json() for turn in self.turns],
            "merges": self.merges,
            "first": self.first,
            "shown": self.shown,
            "parts": self._parts,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], marker: str | None = None) -> History:
        """The inverse of `to_dict`."""
        history = cls(marker, merges=data["merges"])
        history.turns = list(map(Turn.from_json, data["turns"]))
        history.first, history.shown, history._parts = data["first"], data["shown"], list(data["parts"])
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
    shown: str,
    anchor: str | None,
    *,
    insist: bool = False,
    settle: bool = False,
    marker: str | None = None,
    partly: bool = False,
) -> str:
    """The user turn that asks for more.

    Plain quotation marks around the anchor, because small models copy brackets into their reply, and the request for
    exactly these words first, because a reply that begins with them can be verified. `partly`: the model is not shown
    the beginning of its answer.
    """
    parts = ["Your answer was cut off."]
    if insist:
        parts = ["Your answer is still not finished, and your last reply added nothing to it."]
    if partly:
        parts.append("Only the end of it is shown here; all before that is kept, so do not write it again.")
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
            f'Go on exactly where it stops, beginning with its last words:\n\n"{anchor}"\n\n',
        )
    parts.append(_hint(shown))
    parts.append("No introduction, and nothing twice.")
    if marker is not None:
        parts.append(f"When the whole answer is complete, close it with {marker} as you were asked to.")
    return re.sub(r"\n\n ", "\n\n", " ".join(part for part in parts if part))


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
