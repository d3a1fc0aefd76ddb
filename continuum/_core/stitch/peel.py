"""What is taken off the head of a reply to get at the text."""

from __future__ import annotations

from typing import NamedTuple


class Peel(NamedTuple):
    """One reading of the head of the reply.

    Attributes:
        start: where the text itself begins in the reply.
        bits: the price of this reading.
        what: the names of what was peeled, for the note.
        wrapper: what closes the fence or tag that was opened by the reply and peeled; it is peeled at the end.
        quoted: how many characters at the end of the peel repeat the end of the text, in quotation marks.
        open: the reading needs more of the reply before it can be judged.
        foreign: how much of it is talk, a fence, an ellipsis or a quotation; what follows that is text of the answer.
        spoken: talk is among it.
        other: the last sentence of the talk speaks of other things.
        whole: whole lines are, of whatever kind, and what follows is the text word for word.
        apart: a line is that is no talk; what follows is no repeat with changes.
        loose: what was peeled may have taken white space of the text with it, or left some of its own.
        marked: a list marker is the last of it.
        headed: the head of a table or the brackets of a JSON text are among it.
    """

    start: int = 0
    bits: float = 0.0
    what: str = ""
    wrapper: str | None = None
    quoted: int = 0
    open: bool = False
    loose: bool = False
    foreign: int = 0
    spoken: bool = False
    other: bool = False
    whole: bool = False
    apart: bool = False
    marked: bool = False
    headed: bool = False

    def then(self, start: int, bits: float, what: str) -> Peel:
        """This reading, with one more thing peeled."""
        return self._replace(start=start, bits=self.bits + bits, what=f"{self.what}, {what}" if self.what else what)

    def loosened(self) -> Peel:
        """This reading, with white space at its end in doubt."""
        return self._replace(loose=True)
