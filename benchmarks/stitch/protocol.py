"""The anchored engine as it runs: what is shown, what is asked for, and one more question when the join is in doubt.

The engine shows the model the text up to its last safe place, asks it to begin with the last words of that, and knows
the unfinished rest; boundary and anchors are the engine's own. A simulated model obeys with a given probability;
otherwise it does what the case's behaviour does, at the place that it was shown, or simply goes on if that does not fit
there. With `reask` (`Policy.reask`), a reply whose join is ambiguous or a gap is set aside and asked for once more with
a longer anchor, which is obeyed with the same probability; the reply whose join is surer is kept, the first unless
there is a reason, and what was set aside is counted. The engine's limits of a run (two such questions, none after one
that did not help) do not apply: every case is a run of its own.

Only cases that were made here can be asked again.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.stitch.score import Outcome, Row, judged
from continuum._core.requests import anchor_of, boundary
from continuum._core.stitch import Join, Joiner
from continuum.testing import tokenize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.stitch.cases import Case, Plan

INEXACT = 0.2
"""How often a model that obeys begins a word early or late, changes marks or white space, or puts talk before it."""
_ROOM = 4096
"""Bytes that an anchor may have: no limit. Under a small cap the engine makes do with fewer words."""


class Attempt(NamedTuple):
    """One reply and its join.

    Attributes:
        text: the stitched text.
        gold: what it has to be.
        join: how it was made.
        missing: the model left something out, so that nothing can be right and it has to be flagged.
        tokens: of the reply, as the simulated provider counts.
        said: of them, how many are the anchor.
        strayed: the model neither began with the anchor nor simply went on.
    """

    text: str
    gold: str
    join: Join
    missing: bool
    tokens: int
    said: int
    strayed: bool

    @property
    def flagged(self) -> bool:
        """Whether the join is in doubt."""
        return self.join.ambiguous or self.join.kind == "gap"

    @property
    def rank(self) -> tuple[bool, float]:
        """How sure the join is, as the engine compares two."""
        return self.join.kind != "gap", self.join.confidence


@dataclass
class Protocol:
    """Sums over cases.

    Attributes:
        rows: by behaviour.
        joins: how many.
        misbehaved: first replies that neither began with the anchor nor simply went on.
        reasked: how many replies were asked for again.
        tokens: of the replies that were kept, without their anchors; `anchors`: of those; `thrown`: of the others.
    """

    rows: dict[str, Row]
    joins: int = 0
    misbehaved: int = 0
    reasked: int = 0
    tokens: int = 0
    thrown: int = 0
    anchors: int = 0


def run(cases: Sequence[Case], *, obey: float, reask: bool) -> Protocol:
    """Score the engine's way of asking.

    Args:
        cases: made by `generate`; others are left out.
        obey: the probability that the model begins with the anchor and goes on from there.
        reask: whether a join in doubt is asked for once more.
    """
    found = Protocol({})
    for case in cases:
        if case.plan is None:
            continue
        left = case.plan.document.text[: case.plan.cut]
        shown = boundary(left, floor=0, sentence=True) or len(left)
        anchor = anchor_of(left[:shown], _ROOM)
        kept = _ask(case, left, shown, anchor, obey, 0)
        found.joins += 1
        found.misbehaved += kept.strayed
        if reask and kept.flagged:
            second = _ask(case, left, shown, anchor_of(left[:shown], _ROOM, long=True), obey, 1)
            found.reasked += 1
            kept, thrown = (second, kept) if second.rank > kept.rank else (kept, second)
            found.thrown += thrown.tokens
        found.anchors += kept.said
        found.tokens += kept.tokens - kept.said
        row = _row(case, kept)
        found.rows.setdefault(case.behaviour, Row()).add(row)
    return found


def _ask(case: Case, left: str, shown: int, anchor: str | None, obey: float, attempt: int) -> Attempt:
    """Let the model reply to what it is shown, and join that."""
    plan = case.plan
    assert plan is not None
    rng = random.Random(f"{plan.seed}/{case.behaviour}/{attempt}")
    missing, nothing, strayed, said = False, False, False, 0
    if anchor is not None and rng.random() < obey:
        reply, said = _obeyed(rng, anchor, plan, shown), len(tokenize(anchor))
    else:
        sent = plan.reply(case.behaviour, shown, f"/{attempt}" if attempt else "")
        if sent is None or not sent.text or sent.lost:  # the behaviour does not fit there: the model simply goes on
            reply = plan.document.text[shown : plan.end]
        else:
            reply, missing, nothing = sent.text, sent.expect == "gap", sent.expect == "nothing_new"
            strayed = reply != plan.document.text[shown : plan.end]
    joiner = Joiner(left, rest=len(left) - shown, anchor=anchor)
    new = joiner.feed(reply) + joiner.finish()
    join = joiner.join
    assert join is not None
    text = left[: len(left) - join.replaced] + new
    gold = left if nothing else plan.document.text[: plan.end]
    # What was left out may be the unfinished rest, which the client still has.
    return Attempt(text, gold, join, missing and text != gold, len(tokenize(reply)), said, strayed)


def _obeyed(rng: random.Random, anchor: str, plan: Plan, shown: int) -> str:
    """The reply of a model that begins with the anchor, more or less."""
    blank = plan.document.text[len(plan.document.text[:shown].rstrip()) : shown]
    goes_on = plan.document.text[shown : plan.end]
    if rng.random() >= INEXACT:
        return anchor + blank + goes_on
    before = plan.document.text[: len(plan.document.text[:shown].rstrip()) - len(anchor)]
    word = re.search(r"\S+\s+\Z", before[-60:])
    ways = [
        (word.group() if word else "") + anchor,
        re.sub(r"\A\S+\s+", "", anchor),
        re.sub(r"(?<=\S)\n(?=\S)", " ", anchor),
        anchor.replace("'", "’").replace('"', "”"),
        f"Sure, here is the rest:\n\n{anchor}",
        f'"{anchor}"',
    ]
    return rng.choice(ways) + blank + goes_on


def _row(case: Case, kept: Attempt) -> Row:
    """How the case ended; it counts as a gap only if the reply that was kept leaves something out."""
    outcome = Outcome(kept.text, kept.join.ambiguous, kept.join.kind == "gap")
    return judged(replace(case, gold=kept.gold, expect="gap" if kept.missing else "exact"), outcome)
