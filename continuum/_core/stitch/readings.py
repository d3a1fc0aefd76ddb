"""All ways to read the start of a reply, each with its price in bits. Nothing is decided here.

The price of a reading is what it would take to say it: how rare it is that models do this, how unlikely the place where a
repeat would begin, how badly the reply flows after the join; less what the text that it drops would have cost as
new text. Text that the answer says all the time anyway is cheap to say again, so dropping it gains little.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import log2
from typing import TYPE_CHECKING

from continuum._core.stitch.boundary import IDEOGRAPH
from continuum._core.stitch.near import may_repeat, near_overlaps, templated
from continuum._core.stitch.normal import dropped_head, dropped_tail, normal, raw_end, raw_start
from continuum._core.stitch.overlap import borders, running
from continuum._core.stitch.peel import Peel, peels
from continuum._core.stitch.price import Flow
from continuum._core.stitch.spacing import insertions

if TYPE_CHECKING:
    from continuum._core.types import SeamKind

_AFTER = 8
"""How many characters after a join are priced."""
_GAIN_CAP = 60.0
_FORM_WINDOW = 8000
_HEAD_WINDOW = 8000
_OVERLAP, _NEAR, _EDIT = 1.0, 4.0, 4.0


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to join: the reply from `cut` on follows the text.

    Attributes:
        cut: characters dropped from the head of the reply.
        bits: the price; the cheapest reading is the likeliest.
        kind: how the join would be made.
        overlap: how many of the dropped characters repeat the text.
        peel: what was taken off before.
        inserted: white space put between.
        surprise: bits for the first characters after the join.
        note: the evidence in a few words.
        unsure: where exactly the repeat ends could not be seen.
    """

    cut: int
    bits: float
    kind: SeamKind
    overlap: int
    peel: Peel
    inserted: str = ""
    surprise: float = 0.0
    note: str = ""
    unsure: bool = False


class Readings:
    """Collects the readings of one head of a reply."""

    def __init__(self, left: str, head: str, fence: str | None, final: bool) -> None:
        self.left = left
        self.head = head
        self.final = final
        self.flow = Flow(left, head)
        self.found: list[Reading] = []
        self.open = False
        """Whether more of the reply could add a reading or settle one."""
        self._tail = left[-_FORM_WINDOW:]
        self._form = normal(self._tail)
        for peel in peels(left, head, fence, final):
            if peel.open:
                self.open = True
            else:
                self._read(peel)

    def _read(self, peel: Peel) -> None:
        left, flow = self.left, self.flow
        body = self.head[peel.start :]
        if not body.strip() and peel.start:
            if self.final:
                self.found.append(Reading(len(self.head), peel.bits, "nothing_new", 0, peel, note="nothing behind it"))
            else:
                self.open = True
            return
        if len(body) < 16 and not self.final:
            self.open = True
        overlaps = borders(left, body)
        totals = flow.costs(left, body[:56], _GAIN_CAP, 12 + _AFTER)
        surprise = totals[min(_AFTER, len(totals) - 1)]
        base = self._base(peel, body, surprise)
        self.found.append(Reading(peel.start, base, "plain", peel.quoted, peel, "", surprise, "the reply follows"))
        for k in overlaps:
            self._overlap(peel, body, k, totals, base)
        self._unfinished(peel, body, totals, base)
        if not overlaps or overlaps[0] < 32:
            self._near(peel, body, totals, base, {*overlaps})
        for run, bits in insertions(left, body, flow, peel.loose) if surprise > 5.0 or peel.loose else ():
            price = base - surprise + bits
            self.found.append(
                Reading(peel.start, price, "plain", peel.quoted, peel, run, bits, f"{run!r} was lost between")
            )

    def _base(self, peel: Peel, body: str, surprise: float) -> float:
        """The price of going on behind the peel, relative to taking the reply as it stands.

        Saying what is peeled as text would have cost something, talk aside, which is as new either way; of it only
        how badly its first words fit the end of the text counts.
        """
        if peel.start == 0:
            return 0.0
        head, flow, left = self.head, self.flow, self.left
        bits = peel.bits
        if peel.spoken:
            first = head[:_AFTER]
            bits += flow.cost("\n\n", first) - flow.cost(left, first)
        elif peel.foreign:
            bits -= flow.cost(left, head[: peel.foreign], _GAIN_CAP)
        own = head[peel.foreign : peel.start]
        if own:
            bits -= flow.cost(left, own, _GAIN_CAP)
        before = left[-_AFTER * 3 :] + own if own else head[: peel.start]
        return bits + surprise - flow.cost(before, body[:_AFTER])

    def _overlap(self, peel: Peel, body: str, k: int, totals: list[float], base: float) -> None:
        """The first k characters of the body are the last k of the text."""
        after, said = 0.0, min(totals[min(k, len(totals) - 1)], _GAIN_CAP)
        if k < 12:
            after = self.flow.cost(self.left, body[k : k + _AFTER])
            said = totals[min(k + _AFTER, len(totals) - 1)]
        bits = base + _OVERLAP + start_bits(self.left, len(self.left) - k) + after - said
        kind: SeamKind = "overlap"
        start = len(self.left) - k
        if k >= 160 and (start == 0 or self.left[start - 1] == "\n"):
            kind = "restart"
        note = f"{k} characters repeated word for word"
        self.found.append(Reading(peel.start + k, bits, kind, k, peel, "", after, note))

    def _unfinished(self, peel: Peel, body: str, totals: list[float], base: float) -> None:
        """All of the body stands in the text, or may be a repeat with edits that has not reached its end."""
        if len(body) < 12:
            return
        at = running(self.left, body)
        if at < 0:
            if not self.final and may_repeat(self._form, normal(body[:_HEAD_WINDOW])):
                self.open = True
            return
        self.open = True
        if self.final and len(body) >= 40:
            bits = base + 8.0 + start_bits(self.left, at) - totals[-1]
            note = "all of it stands in the text"
            self.found.append(Reading(len(self.head), bits, "nothing_new", len(body), peel, "", 0.0, note))

    @cached_property
    def templated(self) -> float:
        """How much of the text follows a template."""
        return templated(self._form)

    def _near(self, peel: Peel, body: str, totals: list[float], base: float, exact: set[int]) -> None:
        """Overlaps of the normal forms, mapped back to the characters that arrived."""
        tail = self._tail
        for near in near_overlaps(self._form, normal(body[:_HEAD_WINDOW])):
            end = raw_end(body, near.end)
            start = raw_start(tail, len(self._form) - near.start)
            index = len(self.left) - len(tail) + start
            cut, misfit = after_marks(tail, body, end)
            if cut in exact:
                continue
            said = min(totals[min(cut, len(totals) - 1)], _GAIN_CAP)
            if near.edits:
                said = said * (1.0 - self.templated) + min(60.0, 0.05 * near.matched)
            change = self.flow.cost(self.left, body[cut : cut + _AFTER]) - self.flow.cost(
                body[:cut], body[cut : cut + _AFTER]
            )
            bits = base + _NEAR + start_bits(self.left, index) + misfit + change - said
            bits += _EDIT * near.edits + 0.3 * near.skipped + 8.0 * near.numbers + 2.5 * near.foreign + (5.0 if near.unsure else 0.0)
            kind: SeamKind = "near"
            if cut >= 160 and (index <= 0 or self.left[index - 1] == "\n"):
                kind = "restart"
            note = f"{cut} characters repeated with {near.edits or 'small'} changes"
            self.found.append(Reading(peel.start + cut, bits, kind, cut, peel, "", change, note, near.unsure))


def after_marks(left: str, body: str, end: int) -> tuple[int, float]:
    """Where a repeat whose last real character ends at `end` of `body` really ends, given the marks and white space
    that stand at the end of `left`; and what a difference between them costs."""
    size = dropped_tail(left)
    own = left[len(left) - size :] if size else ""
    others = body[end : end + dropped_head(body[end : end + 320])]
    if not own:
        return end, 0.0
    if others.startswith(own):
        return end + len(own), 0.0
    best, price = 0, 3.0 + len(own.strip())
    for j in range(1, len(others) + 1):
        part = others[:j]
        cost = _unlike(own, part)
        if cost < price:
            best, price = j, cost
    return end + best, price


def _unlike(own: str, part: str) -> float:
    """How different two runs of marks and white space are."""
    if own.strip() != part.strip():
        return 2.0 + abs(len(own.strip()) - len(part.strip())) + (0 if len(own.strip()) == len(part.strip()) else 1)
    lines = abs(own.count("\n") - part.count("\n"))
    last = own.rpartition("\n")[2] != part.rpartition("\n")[2]
    return 0.5 + lines + last + 0.1 * abs(len(own) - len(part))


def start_bits(left: str, index: int) -> float:
    """How unlikely it is that a model begins its repeat at `index` of the text."""
    if index <= 0 or not left[:index].strip():
        return 2.0
    before, here = left[index - 1], left[index : index + 1]
    if before == "\n":
        return (2.5 if here.strip() else 6.0) + 0.4 * min(10, left.count("\n", index, len(left) - 1))
    line = left.rfind("\n", max(0, index - 80), index)
    if line >= 0 and not left[line:index].strip():
        return 3.5 if here.strip() else 8.0  # behind the indent
    if here.isspace():
        return (5.0 if not before.isspace() else 10.0) + log2(1 + min(64, len(left[index:].split()) or 1))
    if IDEOGRAPH.match(before):
        return 3.5 if before in "。！？" else 5.0
    if before.isspace():
        if left[max(0, index - 4) : index].rstrip()[-1:] in (".", "!", "?", ":"):
            return 3.5
        return 4.0 + log2(1 + min(64, len(left[index:].split()) or 1))
    if before.isalnum() != here.isalnum():
        return 6.0
    return 8.0
