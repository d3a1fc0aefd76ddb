"""Which request goes out next: what of the text it shows, what it asks for, and with which cap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from continuum._core.actions import Send
from continuum._core.budget import LEAST_REPLY, LEAST_SHOWN, QUESTION
from continuum._core.requests import History, Question
from continuum._core.types import Prefill

if TYPE_CHECKING:
    from continuum._core.budget import Budget
    from continuum._core.classify import Tally
    from continuum._core.draft import Draft
    from continuum._core.ledger import Ledger
    from continuum._core.policy import Policy
    from continuum._core.types import Purpose


_MOST_SHORTENED = 3  # times in a row


class Order(NamedTuple):
    """A request, and the question in it; None if it is the caller's own and nothing else."""

    send: Send
    question: Question | None = None


class ServerFacts(NamedTuple):
    """How a wire API takes what it is shown.

    Attributes:
        merges: as it is, so that it need not begin with what was sent before.
        may_elide: from the request alone, so that it can be less than before.
    """

    merges: bool = True
    may_elide: bool = True


class Asker:
    """Makes the requests of one run.

    Attributes:
        history: the turns that were added so far.
        prefill: how the server continues in place, None if it is not known to do so.
        blocks: the provider's blocks of a turn that was suspended.
        may_elide: a request may show less of the text than the one before it.
    """

    def __init__(
        self, policy: Policy, budget: Budget, ledger: Ledger, draft: Draft, tally: Tally, *, server: ServerFacts
    ) -> None:
        self._policy, self._budget, self._ledger, self._draft, self._tally = policy, budget, ledger, draft, tally
        self.history = History(policy.end_marker, merges=server.merges)
        self.prefill: Prefill | None = None
        self.blocks: tuple[Any, ...] = ()
        self.may_elide = server.may_elide

    def in_place(self) -> bool:
        """Whether to go on with the assistant's turn itself."""
        strategy = self._policy.strategy
        if self.blocks:  # a suspended turn is more than its text
            return False
        return strategy == "in_place" or (strategy == "auto" and self.prefill is not None)

    def ask(self, reason: Purpose, text: str = "", evidence: str = "") -> Order:
        """The caller's request once more; nothing visible came, so there is nothing to go on from."""
        return self._order(Question((), 0), reason, text, evidence)._replace(question=None)

    def escalate(self, text: str, evidence: str) -> Order:
        """The last request once more, with a larger cap or less effort. What it brings is joined to what there is."""
        question = self._draft.question
        if question is None and len(self._draft):
            question = Question((), len(self._draft))
        if question is None:
            return self.ask("escalate", text, evidence)
        return self._order(question, "escalate", text, evidence)

    def resume(self, text: str, evidence: str) -> Order:
        """The suspended turn as it is."""
        question = self.history.resend(self._draft.text, self.blocks)
        return self._order(question, "resume", text + self._draft.release_all(), evidence)

    def repair(self, text: str, evidence: str) -> Order:
        """A corrected copy of the whole value."""
        released = self._draft.release_all()
        return self._order(self.history.repair(self._draft.text, evidence), "repair", text + released, evidence)

    def reask(self, text: str, evidence: str) -> Order:
        """The same question, with more of the last words to begin with."""
        question = self.history.ask(
            self._draft.text,
            end=self.history.shown,
            anchor=self._anchor_room(),
            opening="",
            insist=False,
            settle=True,
        )
        return self._order(question, "reask", text, evidence)

    # -- the context window ---------------------------------------------------------------------------------------

    def fits(self, *, whole: bool = False) -> bool:
        """Whether the next request leaves room for a reply; unless it has to show the `whole` text, with less of it."""
        left = self._ledger.left
        return left is None or left >= LEAST_REPLY or (not whole and self.shorter() is not None)

    def shorter(self) -> int | None:
        """Where in the text the end begins that is to be shown, if it can be made shorter; None if it cannot.

        Half of what fits is left for the rounds that follow: a text that is cut anew in each of them could never be
        read from a prompt cache.
        """
        window, size = self._ledger.window, len(self._draft)
        if window is None or not self.may_elide or self._policy.history == "whole" or self.blocks or not size:
            return None
        density = self._density()
        prompt = self._ledger.prompt_tokens(self.history.shown - self.history.first, density)
        room = (window - prompt - QUESTION - self._budget.wanted(window)) // 2
        start = size - int(room / density)
        return start if room >= LEAST_SHOWN and start > self.history.first else None

    def shorten(self) -> bool:
        """Whether to ask once more with less of the text, because the window turned out to be full; counts that."""
        tally = self._tally
        if not self._draft.text.strip() or tally.shortened >= _MOST_SHORTENED or self.shorter() is None:
            return False
        tally.shortened += 1
        return True

    def _density(self) -> float:
        """Tokens of a character of the text."""
        seams = self._draft.seams
        # What a server repeats in front of a reply in place is no output.
        again = sum(len(seam.removed) for seam in seams if seam.kind != "exact")
        came = len(self._draft) + again + sum(len(seam.replaced) - len(seam.inserted) for seam in seams)
        return max(self._ledger.text_tokens / max(came, 1), 0.05)

    def _elide(self) -> int | None:
        """Leave out the middle of the text if the room that is left is too small; returns the room that there is."""
        ledger, history = self._ledger, self.history
        left = ledger.left
        if left is None or ledger.window is None or left >= self._budget.wanted(ledger.window):
            return left
        start = self.shorter()
        if start is None:
            return left
        history.elide(self._draft.text, start)
        density = self._density()
        shown = ledger.prompt_tokens(0, density) + int((len(self._draft) - history.first) * density)
        return ledger.window - shown - QUESTION

    # -- going on -------------------------------------------------------------------------------------------------

    def go_on(self, reason: Purpose, text: str, evidence: str, *, again: bool = False) -> Order:
        """Ask the model to go on, in place where the server does that, else with a user turn.

        Args:
            again: the request before this one asked for the same, and was too long.
        """
        draft, history = self._draft, self.history
        if not draft.text.strip():
            return self.ask(reason, text + draft.release_all(), evidence)
        before = history.shown
        left = self._elide()
        shown = history.shown
        if self.in_place() and draft.text[history.shown :].strip():
            _, released = draft.cut_back(len(draft))
            question = history.prefill(draft.text, self.prefill or Prefill())
        else:
            # After a reply that brought nothing, all there is is shown, and less of it is asked for again, so that the
            # next reply can only bring something new.
            if again and before > shown:
                end, released = before, ""
            elif self._tally.fruitless > 0 and shown:
                end, released = len(draft), ""
            else:
                end, released = draft.cut_back(shown)
            question = history.ask(
                draft.text,
                end=end,
                anchor=self._anchor_room() if self._policy.anchor else None,
                opening=draft.anchored,
                insist=self._tally.fruitless > 0,
                blocks=self.blocks,
            )
            self.blocks = ()
        return self._order(question, reason, text + released, evidence, left)

    def _order(self, question: Question, reason: Purpose, text: str, evidence: str, left: int | None = None) -> Order:
        cap = self._budget.next_cap(self._ledger.total, raised=self._tally.escalated)
        send = Send(
            round=len(self._ledger.segments) + 1,
            reason=reason,
            turns=question.turns,
            in_place=question.in_place and bool(question.turns) and not question.turns[-1].blocks,
            max_tokens=self._ledger.fit(cap, self._ledger.left if left is None else left),
            lower_effort=self._tally.lowered,
            hidden=self.history.first if question.turns else 0,
            text=text,
            evidence=evidence,
        )
        return Order(send, question)

    def _anchor_room(self) -> int:
        return self._budget.room(self._ledger.total, raised=self._tally.escalated) >> 2 * self._tally.fruitless

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values, if the provider's blocks are."""
        prefill = {"strips": self.prefill.strips} if self.prefill is not None else None
        return {
            "history": self.history.to_dict(),
            "prefill": prefill,
            "blocks": list(self.blocks),
            "may_elide": self.may_elide,
        }

    def restore(self, data: dict[str, Any]) -> None:
        """The inverse of `to_dict`."""
        self.history = History.from_dict(data["history"], self._policy.end_marker)
        self.prefill = Prefill(**data["prefill"]) if data["prefill"] is not None else None
        self.blocks, self.may_elide = tuple(data["blocks"]), data["may_elide"]
