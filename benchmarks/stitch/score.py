"""Scoring: exact recovery, characters deleted and left double, what was flagged, and the CPU time it took."""

from __future__ import annotations

import difflib
import time
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from benchmarks.stitch.peers import common_prefix
from continuum._core.stitch import Joiner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from benchmarks.stitch.cases import Case
    from benchmarks.stitch.peers import Peer

    Stitcher = Callable[[Case], "Outcome"]


@dataclass
class Outcome:
    """What a stitcher made of a case.

    Attributes:
        text: the stitched text.
        ambiguous, gap: whether a join was flagged so.
        held: the largest number of characters of a reply that a join was decided on.
        kinds: how the joins were made.
        confidence: the least of the joins', None if the stitcher has none.
    """

    text: str
    ambiguous: bool = False
    gap: bool = False
    held: int = 0
    kinds: list[str] = field(default_factory=list)
    confidence: float | None = None


@dataclass
class Row:
    """Sums over cases.

    Attributes:
        cases, right: how many, and how many came out right (a gap: flagged as one).
        unflagged: wrong, and flagged neither ambiguous nor a gap.
        flagged: flagged as either.
        gaps: cases in which text is missing; `gaps_found`: flagged as a gap; `gaps_flagged`: flagged as either.
        alarms: flagged as a gap although nothing is missing.
        deleted: characters of the right text that are missing; `doubled`: characters too many. Not of gaps.
        times: milliseconds of CPU for each join.
    """

    cases: int = 0
    right: int = 0
    unflagged: int = 0
    flagged: int = 0
    gaps: int = 0
    gaps_found: int = 0
    gaps_flagged: int = 0
    alarms: int = 0
    deleted: int = 0
    doubled: int = 0
    times: list[float] = field(default_factory=list)

    def add(self, other: Row) -> None:
        """Add the sums of another row."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, the times as median, 99th percentile and maximum."""
        times = sorted(self.times)
        found = {name: value for name, value in asdict(self).items() if name != "times"}
        if times:
            found["ms"] = {
                "median": round(times[len(times) // 2], 4),
                "p99": round(times[int(len(times) * 0.99)], 4),
                "max": round(times[-1], 4),
            }
        return found


@dataclass
class Scores:
    """What one stitcher made of all cases, by behaviour, by kind of document, and by its own confidence."""

    behaviours: dict[str, Row] = field(default_factory=dict)
    kinds: dict[str, Row] = field(default_factory=dict)
    confidences: dict[str, Row] = field(default_factory=dict)
    held: Counter[str] = field(default_factory=Counter)

    def total(self, *, gaps: bool = True) -> Row:
        """Everything; without the behaviours in which text is missing if `gaps` is false."""
        return total(row for row in self.behaviours.values() if gaps or not row.gaps)


def total(rows: Iterable[Row]) -> Row:
    """The sum of rows."""
    found = Row()
    for row in rows:
        found.add(row)
    return found


def continuum_join(case: Case) -> Outcome:
    """Joins with continuum, as a stream would."""
    outcome = Outcome(case.chunks[0])
    for i, chunk in enumerate(case.chunks[1:]):
        joiner = Joiner(outcome.text, anchor=case.anchors[i] if i < len(case.anchors) else None)
        new = joiner.feed(chunk) + joiner.finish()
        join = joiner.join
        assert join is not None
        outcome.text = outcome.text[: len(outcome.text) - join.replaced] + new
        outcome.ambiguous |= join.ambiguous or joiner.doubt != ""
        outcome.gap |= join.kind == "gap"
        outcome.held = max(outcome.held, joiner.decided_at)
        outcome.kinds.append(join.kind)
        outcome.confidence = min(join.confidence, 1.0 if outcome.confidence is None else outcome.confidence)
    return outcome


def peer_join(peer: Peer) -> Stitcher:
    """A peer's join of two texts, for all chunks in turn."""

    def run(case: Case) -> Outcome:
        text = case.chunks[0]
        for chunk in case.chunks[1:]:
            text = peer.join(text, chunk)
        return Outcome(text)

    return run


def shown_to(peer: Peer, case: Case) -> Case:
    """The case as it is for a peer that shows the model less of the text: the reply is the one to that.

    Only of cases that were made here; of ready-made ones there is no such reply, and the peer has to join what
    there is. A behaviour that does not fit the other cut goes on as if nothing had happened.
    """
    if peer.shows is None or case.plan is None or case.anchors or case.expect != "exact":
        return case
    shown = peer.shows(case.plan.document.text[: case.plan.cut])
    reply = case.plan.reply(case.behaviour, len(shown))
    if reply is None or not reply.text or reply.expect != "exact":
        return replace(case, chunks=(shown, case.plan.document.text[len(shown) : case.plan.end]))
    return replace(case, chunks=(shown[: len(shown) - reply.lost], reply.text))


def run(stitcher: Stitcher, cases: Sequence[Case]) -> Scores:
    """Score a stitcher."""
    scores = Scores()
    for case in cases:
        start = time.process_time()
        outcome = stitcher(case)
        spent = (time.process_time() - start) * 1000 / case.joins
        row = judged(case, outcome, [spent])
        scores.behaviours.setdefault(case.behaviour, Row()).add(row)
        scores.kinds.setdefault(case.kind or "unknown", Row()).add(row)
        if outcome.confidence is not None:
            scores.confidences.setdefault(_step(outcome.confidence), Row()).add(row)
        if outcome.held:
            scores.held["512 or less" if outcome.held <= 512 else "more"] += 1
    return scores


STEPS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


def _step(confidence: float) -> str:
    """Between which of the `STEPS` a confidence lies."""
    low = max((step for step in STEPS if step <= confidence), default=0.0)
    high = min((step for step in STEPS if step > confidence), default=1.0)
    return f"{low:g} to {high:g}"


def judged(case: Case, outcome: Outcome, times: Sequence[float] = ()) -> Row:
    """The row of a single case."""
    missing = case.expect == "gap"
    right = outcome.gap if missing else case.came_out(outcome.text)
    flagged = outcome.ambiguous or outcome.gap
    row = Row(1, int(right), int(not right and not flagged), int(flagged), times=list(times))
    if missing:
        row.gaps, row.gaps_found, row.gaps_flagged = 1, int(outcome.gap), int(flagged)
    else:
        row.alarms = int(outcome.gap)
        row.deleted, row.doubled = (0, 0) if right else difference(case.gold, outcome.text)
    return row


def weighted(rows: Mapping[str, Row], weights: Mapping[str, float]) -> dict[str, float]:
    """Shares in a mix of behaviours: `right`, `unflagged`, `flagged`, between 0 and 1.

    Args:
        rows: by behaviour.
        weights: by behaviour; those that have no case are left out and the rest is scaled up. Nothing is returned
            where that would be more than a tenth of the mix.
    """
    known = {name: weight for name, weight in weights.items() if name in rows and rows[name].cases}
    whole = sum(known.values())
    if not whole or whole < 0.9 * sum(weights.values()):
        return {}
    found: dict[str, float] = {"right": 0.0, "unflagged": 0.0, "flagged": 0.0}
    for name, weight in known.items():
        for figure in found:
            found[figure] += weight / whole * getattr(rows[name], figure) / rows[name].cases
    return found


def difference(gold: str, text: str) -> tuple[int, int]:
    """(characters of gold that are missing, characters too many), by lines where the two differ much."""
    start = common_prefix(gold, text)
    a, b = gold[start:], text[start:]
    end = common_prefix(a[::-1], b[::-1])
    a, b = a[: len(a) - end], b[: len(b) - end]
    if not a or not b or len(a) + len(b) < 80:
        return len(a), len(b)
    lines, others = a.splitlines(keepends=True), b.splitlines(keepends=True)
    missing = extra = 0
    for tag, i, j, k, m in difflib.SequenceMatcher(None, lines, others, autojunk=False).get_opcodes():
        if tag != "equal":
            x, y = "".join(lines[i:j]), "".join(others[k:m])
            same = common_prefix(x, y)
            tail = common_prefix(x[same:][::-1], y[same:][::-1])
            missing += len(x) - same - tail
            extra += len(y) - same - tail
    return missing, extra
