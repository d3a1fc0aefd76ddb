"""What earlier runs did is told to a machine again: what failed then counts no more, and replies are joined as they
were asked for.

It reaches into the machine as `snapshot.py` does, so that the machine itself knows the present run only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from continuum._core.requests import Question

if TYPE_CHECKING:
    from collections.abc import Mapping

    from continuum._core.actions import Action
    from continuum._core.machine import Continuation
    from continuum._core.types import Failure, Response


def receive_excused(machine: Continuation, outcome: Response | Failure, elapsed: float) -> Action:
    """Hand over an outcome of an earlier try: if the provider or the network failed then, that counts no more."""
    tally = machine._tally
    tally.interruptions = tally.retries = -1  # so that this one makes it none
    action = machine.receive(outcome, elapsed=elapsed)
    tally.interruptions = tally.retries = 0
    return action


def describe_question(machine: Continuation) -> dict[str, Any] | None:
    """How the reply in flight is asked for, as far as it says how to join it; None if there is nothing to join it to.

    `again`: the reply before it was set aside, and this one may take its place.
    """
    question = machine._draft.question
    if question is None:
        return None
    found: dict[str, Any] = {"shown": question.shown, "anchor": question.anchor, "in_place": question.in_place}
    return {name: value for name, value in {**found, "again": machine._aside is not None}.items() if value}


def recall(machine: Continuation, asked: Mapping[str, Any] | None, *, strips: bool, settle: bool | None = None) -> None:
    """The reply that comes answers a request of an earlier run, which asked otherwise. Nobody reads what is released.

    Args:
        machine: that waits for it.
        asked: how, see `describe_question`; None if that is not known: then call `doubt()` when the reply is joined.
        strips: white space at the end of what was shown in place was not sent.
        settle: it may have been set aside then; None: if it may be now.
    """
    draft = machine._draft
    mark = draft._mark
    if mark is None or not len(draft) or draft._apart:
        return
    question = draft.question if asked is None else _question(asked, draft.text, strips)
    if question is None or (asked is None and question.in_place):
        question = Question((), len(draft))
    may_settle: bool = mark["settle"] if settle is None else settle or draft.aside is not None
    draft._rewind({**mark, "released": min(mark["released"], question.shown)})
    draft.begin(question, round=mark["round"], cap=mark["cap"], hold=mark["hold"], settle=may_settle)
    machine._pending = replace(machine._sent, in_place=question.in_place)


def _question(asked: Mapping[str, Any], text: str, strips: bool) -> Question:
    in_place = asked.get("in_place", False)
    echo = (text.rstrip() if strips else text) if in_place else None
    return Question((), min(asked.get("shown", 0), len(text)), asked.get("anchor"), in_place, echo)


def doubt(machine: Continuation, round: int) -> None:
    """Mark the seams of a round whose reply was asked for nobody knows how."""
    draft = machine._draft
    marked = [] if draft._mark is None else [draft._mark["seams"]]  # what a round that has begun since goes back to
    for seams in (draft.seams, *marked):
        for index, seam in enumerate(seams):
            if seam.round == round and seam.kind != "nothing_new":
                note = f"{seam.note}; it is not known what it was asked to begin with"
                seams[index] = replace(seam, ambiguous=True, note=note)
