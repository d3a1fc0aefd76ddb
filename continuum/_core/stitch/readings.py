"""All ways to read the start of a reply, each with its price in bits. Nothing is decided here.

The price of a reading is what it would take to say it: how rare it is that models do this, how unlikely the place where
a repeat would begin, how badly the reply flows after the join; less what the text that it drops would have cost as new
text. Text that the answer says all the time anyway is cheap to say again, so dropping it gains little.
"""

from __future__ import annotations

import re
from math import log2
from typing import TYPE_CHECKING, NamedTuple

from continuum._core.stitch.before import OPENING, Before
from continuum._core.stitch.boundary import IDEOGRAPH
from continuum._core.stitch.data import elements
from continuum._core.stitch.indent import may_be_lost
from continuum._core.stitch.lazy import lazy
from continuum._core.stitch.lookalike import LINE, is_within, line_ends, no_repeat, other_record
from continuum._core.stitch.marks import after_marks
from continuum._core.stitch.near import Near, led_up_to, may_repeat, near_overlaps, new_words, own_words
from continuum._core.stitch.normal import normal, raw_end, raw_start
from continuum._core.stitch.overlap import borders, period, running, runs
from continuum._core.stitch.peel import Peel
from continuum._core.stitch.peels import peels
from continuum._core.stitch.prior import PRIOR
from continuum._core.stitch.resumed import resumes
from continuum._core.stitch.spacing import glue, insertions, said_as_one
from continuum._core.stitch.spoken import fresh
from continuum._core.stitch.starts import begins, begins_anew, start_bits, within_word
from continuum._core.stitch.words import COMMON

if TYPE_CHECKING:
    from continuum._core.stitch.price import Totals
    from continuum._core.types import SeamKind

_AFTER = 4
"""How many characters after a join are priced."""
_TAUGHT = 2500
"""Characters from which on a text has taught how its words go on; before, it tells little about a blank too much."""
_SAID, _CHANGED = 64, 48
"""How many characters of a repeat are priced, and how many of one with changes: that much the next record may have in
common with the last."""
_PROOF = 28
_REPEATED = 24
"""Characters of a repeat behind other lines below which it may be chance."""
_SAID_ONCE = 0.03
"""Share of a text that it says twice, up to which it is one that does not repeat itself."""
_SAMPLE = 240
_UNIT = 80
_OWN = 300
_PROVES, _SHARE = 40, 0.6
"""Characters that only the end of the text has, and the share of them said again, that prove a repeat of a record."""
_HARDLY = 16
"""Characters that only the end of the text has, below which a repeat with changes might be any other line."""
_CLOSED = 40
"""Characters within which a mark that was opened is closed."""
_LITTLE = 60
"""Characters that only the end of the text has, below which they prove little."""
_RECENT = 120
_EARLY = 48
_INDENTS, _INDENTED = 3, 6.0
"""How many indents may have been lost, and bits at most that the text says for or against one."""
_PATIENCE = 2048
_WRAPPED = 4096
_LARGE = 32_768
_GAIN_CAP = 45.0
_UNLIKELY = 24.0
"""Bits by which a reading may be dearer than another and still count."""
_NEWS = 20.0
_FORM_WINDOW = 8000
_HEAD_WINDOW = 8000
_WITHIN = lazy(r"\w\w")
_INDENT = (" ", "\t")
_MARKS = lazy(r"\n[ \t]*[^\w\s]+")
_CLOSES = lazy(r"[ \t]*[)\]}]+[;,]?\s*\n")


class Reading(NamedTuple):
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
        aligned: what is repeated is a unit that the text may well say twice.
        broken: the text is JSON, and would be none.
        odd: bits for how little the line at the join would look like the others.
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
    aligned: bool = False
    broken: bool = False
    odd: float = 0.0


_CHANCE = 0.3  # share of templated text above which a repeat word for word means little


class Readings:
    """Collects the readings of one head of a reply.

    If more of the reply could add a reading or settle one, and it is not `final`, only `open` is set.
    """

    def __init__(self, before: Before, head: str, final: bool) -> None:
        self.before = before
        self.left = before.left
        self.flow = before.flow
        self.head = head
        self.final = final
        self.found: list[Reading] = []
        before.look_back(head[:OPENING])
        self.open = not final and self._may_change(Peel())
        if self.open:
            return  # whatever may stand before the text
        candidates = peels(self.left, head[:_WRAPPED], before.fence, final)
        if len(head) > _LARGE:
            candidates = sorted(candidates, key=lambda peel: peel.bits)[:3]
        for peel in candidates:
            if not peel.open:
                before.look_back(head[peel.start : peel.start + OPENING])
        # A wrapper whose end never comes is no reason to wait for ever; a repeat that goes on is.
        patient = len(head) <= _PATIENCE
        self.open = not final and any(
            patient if peel.open else peel.start and self._may_change(peel) for peel in candidates
        )
        self._quoted = {peel.start for peel in candidates if peel.quoted}
        self._horizon = max((p.foreign for p in candidates if not p.other), default=0) + _AFTER
        if not self.open and not any(self._proof(p) for p in candidates if not (p.open or p.other)):
            for peel in candidates:
                if not peel.open:
                    self._read(peel)

    def _proof(self, peel: Peel) -> bool:
        """Whether the text ends with what the body begins with, long enough and said nowhere before: nothing else
        counts."""
        body = self.head[peel.start :]
        if len(body) < _PROOF:
            return False
        start = self.left.find(body[:_PROOF])
        k = len(self.left) - start
        aligned = k < 2 * _UNIT and self.left[start - 1 : start] == self.left[-1:]
        if aligned and self.left[-1:] == "\n":  # verse and rows are said twice in any text
            return False
        if start < 0 or not body.startswith(self.left[start:]) or len({*body[:_PROOF]}) < 6:
            return False
        if self.left.find(body[:_PROOF], start + 1) >= 0:
            return False
        if self.before.templated > 0.4 or (peel.wrapper and body[k:].lstrip().startswith(peel.wrapper)):
            return False  # or it was only quoted
        resumed = resumes(self.left, body, k, self.final)
        if resumed is not None:
            self.open = resumed.open
            return self.open
        if self.before.twice > _SAID_ONCE and (aligned or not begins_anew(self.left, start)):
            return False
        note = f"{k} characters repeated word for word, and said only once before"
        self.found = [
            Reading(peel.start + k, -_GAIN_CAP, self._kind("overlap", start, k), k, peel, "", 0.0, note),
            Reading(0, 0.0, "plain", 0, Peel(), note="the reply follows"),
        ]
        return True

    def _kind(self, kind: SeamKind, start: int, size: int) -> SeamKind:
        """A long repeat from the start of a line or of the text is a restart."""
        return "restart" if size >= 160 and (start <= 0 or self.left[start - 1] == "\n") else kind

    def _may_change(self, peel: Peel) -> bool:
        """Whether more of the reply may turn what follows the peel into a repeat, or into something else."""
        body = self.head[peel.start :]
        if len(body) < 16 or not body.strip():
            return True
        places = runs(self.left, body[:-8])
        form, tail = self.before.form, self.before.tail
        if not places:
            start = may_repeat(form, normal(body[:_HEAD_WINDOW]))
            if start is None:
                return False
            places = [len(self.left) - len(tail) + raw_start(tail, len(form) - start)]
        if self.before.templated <= _CHANCE and len({*body[:_WRAPPED]}) >= 6:
            return True  # so much that was said before is no chance, wherever it begins
        if peel.start or len(body) > _EARLY or self.flow.misfit(self.left, body[:3]) > 0.0:
            return True
        # It reads on well; then only a repeat from a natural place is worth the wait.
        return any(self._plausible(at) for at in places)

    def _plausible(self, index: int) -> bool:
        """Whether a repeat may begin there: near the end of the text anywhere, else where a line or sentence begins."""
        return len(self.left) - index <= _RECENT or start_bits(self.left, index) <= PRIOR.sentence

    def _read(self, peel: Peel) -> None:
        left, flow = self.left, self.flow
        body = self.head[peel.start :]
        if not body.strip() and peel.start:
            if peel.spoken and "\n" in self.head.strip():
                return  # so much is no mere announcement
            bits = peel.bits + PRIOR.nothing_fresh * fresh(left)
            self.found.append(Reading(len(self.head), bits, "nothing_new", 0, peel, note="nothing behind it"))
            return
        overlaps = borders(left, body)
        totals = flow.costs(left, body[:_SAID], _GAIN_CAP, 12 + _AFTER)
        surprise = totals.at(_AFTER)
        base = self._base(peel, body, surprise, totals)
        own = self.head[: peel.start]
        if own.endswith(" "):
            base += glue(left, body, flow, " ")
        elif own.endswith("\n") and own.isspace():
            base += glue(left, body, flow, "\n") + PRIOR.extra_line
        self.found.append(Reading(peel.start, base, "plain", peel.quoted, peel, "", surprise, "the reply follows"))
        for k in overlaps:
            self._overlap(peel, body, k, totals, base)
        self._contained(peel, body, totals, base)
        if (not overlaps or overlaps[0] < 32) and not (peel.whole or peel.apart):
            self._near(peel, body, totals, base, {*overlaps})
        swapped = not peel.foreign and self.head[: peel.start].isspace()  # one blank for another is no reading
        most = min(r.bits for r in self.found) + _UNLIKELY - base
        lost = [] if swapped or surprise <= 5.0 else insertions(left, body, flow, peel, _AFTER, most)
        self._indented(peel, body, base, surprise)
        for run, bits in lost:
            note = f"{run!r} was lost between"
            self.found.append(Reading(peel.start, base + bits, "plain", peel.quoted, peel, run, bits, note))

    def _indented(self, peel: Peel, body: str, base: float, surprise: float) -> None:
        """The first line lost its indent."""
        if not may_be_lost(self.left, body) or (margins := self.before.margins) is None:
            return
        for count, indent in enumerate(margins.lost(body)[:_INDENTS]):
            worse = self.flow.cost(self.left, indent + body[:_AFTER], _GAIN_CAP) - surprise
            bits = base + PRIOR.lost_margin + PRIOR.lost_other * (count > 0) + max(-_INDENTED, min(_INDENTED, worse))
            note = f"an indent of {len(indent)} was lost"
            self.found.append(Reading(peel.start, bits, "plain", peel.quoted, peel, indent, bits, note))

    def _base(self, peel: Peel, body: str, surprise: float, totals: Totals) -> float:
        """The price of going on behind the peel, relative to taking the reply as it stands.

        Saying what is peeled as text would have cost something, talk aside, which is as new either way; of it only
        how badly its first words fit the end of the text counts.
        """
        if peel.start == 0:
            return 0.0
        head, flow, left = self.head, self.flow, self.left
        bits = peel.bits
        if peel.spoken:
            # All readings behind talk are priced up to the same character, for talk is as new as text.
            first, end = head[:_AFTER], max(self._horizon, peel.foreign + _AFTER)
            bits += flow.cost("\n\n", first) - flow.cost(left, first)
            bits += totals.at(max(0, end - peel.start))
            return bits - flow.cost(head[: end - _AFTER], head[end - _AFTER : end])
        if peel.foreign:
            end = peel.foreign + 2 * _AFTER
            bits += totals.at(max(0, end - peel.start))
            bits -= flow.cost(left, head[: peel.foreign], _GAIN_CAP)
            return bits - flow.cost(head[: peel.foreign], head[peel.foreign : end])
        own = head[: peel.start]
        worse = surprise - flow.cost(left, own, _GAIN_CAP) - flow.cost(left[-_AFTER * 3 :] + own, body[:_AFTER])
        if not own.isspace():
            return bits + worse
        sure = own not in (" ", "\n") or said_as_one(left, body, flow)
        taught = 1.0 if sure else min(1.0, len(left) / _TAUGHT)
        most = PRIOR.extra_most * taught
        return bits + PRIOR.extra_flow * max(worse, -most) + PRIOR.extra_odd * (own not in (" ", "\n", "\n\n"))

    def _overlap(self, peel: Peel, body: str, k: int, totals: Totals, base: float) -> None:
        """The first k characters of the body are the last k of the text."""
        after = 0.0
        own = self.head[: peel.start]
        if peel.start and not peel.foreign and own.isspace() and self.left.endswith(own, 0, len(self.left) - k):
            return  # the white space is part of the repeat
        if "\n" in own and own.isspace() and is_within(self.left, len(self.left) - k) and not line_ends(body, k):
            return  # the next line begins as the last one ends
        if peel.headed and body[:1] == "|" and self.left[-k - 1 : -k] not in ("", "\n"):
            return  # behind the head of a table stands a row
        bits = base + PRIOR.overlap + self._said(body, k, totals, peel.headed)
        if k < 12:  # behind so short a repeat the two readings are not followed in the same way
            after = self.flow.cost(self.left, body[k : k + _AFTER])
            bits += PRIOR.said_after * (after - (totals.at(k + _AFTER) - totals.at(k)))
            bits += PRIOR.empty_line * (body[:k] == "\n")
        sample = body[: min(k, _SAMPLE)]
        if (k >= 4 or 4 * sample[0] in (self.left[-4:], body[:4])) and len({*sample}) <= 2 and sample.strip():
            bits += PRIOR.run  # a rule of dashes goes on as well as it is repeated
        if peel.headed:  # a model that says the head of a table or array again repeats one row or element at most
            said = body[: min(k, _FORM_WINDOW)]
            bits += PRIOR.rows * said.count("\n|") + PRIOR.elements * elements(said)
        bits += PRIOR.strange_templated * self.before.templated * peel.whole
        if peel.apart:
            if len({*body[:k]}) <= 2:
                return  # a rule, which stands below many lines
            bits += PRIOR.apart_short * (k < _REPEATED) + PRIOR.apart_templated * self.before.templated
        if not peel.foreign and own.isspace():
            bits += PRIOR.unnatural  # a blank too much and then a repeat: two rare things at once
        aligned = 2 <= k < _UNIT and self.left[-k - 1 : -k] == self.left[-1]
        bits += PRIOR.aligned * aligned
        if self.left[-1] == "\u200d" and k <= 8:
            bits += PRIOR.at_inside  # an emoji sequence that was cut goes on with what it has had already
        kind = self._kind("overlap", len(self.left) - k, k)
        note = f"{k} characters repeated word for word"
        self.found.append(Reading(peel.start + k, bits, kind, k, peel, "", after, note, aligned=aligned))
        self._resumed(peel, body, k, bits, kind)

    def _resumed(self, peel: Peel, body: str, k: int, bits: float, kind: SeamKind) -> None:
        """Behind a repeat the reply says that it goes on from there, or says the same once more."""
        resumed = resumes(self.left, body, k, self.final)
        if resumed is None:
            return
        self.open |= resumed.open
        end, left = resumed.end, self.left
        mark, after = body[k:end], body[end : end + _AFTER]
        bits += resumed.bits + self.flow.cost(left, after)
        bits -= self.flow.cost(left, mark[:_SAID]) + self.flow.cost(left[-_AFTER * 3 :] + mark, after)
        note = f"{k} characters repeated word for word, and {resumed.what}"
        self.found.append(Reading(peel.start + end, bits, kind, k, peel, "", 0.0, note))

    def _said(self, body: str, k: int, totals: Totals, headed: bool) -> float:
        """What speaks for and against a repeat word for word of the last k characters, in bits against it.

        For it: that a model would begin there, and that the words were no news only because they stand there already.
        Against it: that the text says things twice, and all that is cheap to say again.
        """
        left, before = self.left, self.before
        start = len(left) - k
        cost = min(totals.at(k), _GAIN_CAP)
        words = log2(1 + min(8, len(left[start : start + 400].split())))
        bits = begins(left, start, words, k) - PRIOR.news * min(cost, _NEWS) - PRIOR.more_news * cost
        bits += PRIOR.longer * min(k, 16) + PRIOR.much_longer * min(k, 60) + PRIOR.words * words
        bits += PRIOR.one * (k == 1) + PRIOR.two * (k == 2)
        if k == 1 and _WITHIN.match(left, start - 1):
            bits += PRIOR.one_within  # as in "pass" and "1001"
        elif k == 1 and self._in_pairs(body):
            bits += PRIOR.one_paired  # as in "__all__" and "**bold**"
        bits += PRIOR.at_space_whole * self._lengthens(body, k)
        bits += PRIOR.at_break_marks * (body[k : k + 1] == " " and _MARKS.fullmatch(body, 0, k) is not None)
        if left[start - 1 : start] in _INDENT and _CLOSES.fullmatch(body, 0, k):
            bits += PRIOR.at_indent_close
        if not headed:  # there it counts how many rows or elements are said again
            anew = begins_anew(left, start)
            lines = min(6, left.count("\n", start, start + _FORM_WINDOW)) if anew else 0
            bits += before.templated * (PRIOR.templated + PRIOR.templated_lines * lines)
            if k >= 4 and before.doubles(self._period(body, k)):
                bits += PRIOR.doubled
        if left.find(body[: min(k, 60)], 0, start) >= 0:
            bits += PRIOR.earlier
        again, on = before.followed(k, body)
        return bits + PRIOR.again * again / (again + on + 1) - PRIOR.on * on / (again + on + 1)

    def _in_pairs(self, body: str) -> bool:
        """Whether the mark that the reply begins with comes in pairs: the reply closes one, or the text opens one."""
        mark = body[0]
        if mark.isalnum() or mark.isspace() or not body[1:2].isalpha():
            return False
        if 2 * mark in body[1:_CLOSED]:
            return True
        return re.search(re.escape(2 * mark) + r"[^\W\d_]", self.left[-_FORM_WINDOW:]) is not None

    def _lengthens(self, body: str, k: int) -> bool:
        """Whether a blank and a word of the text would be the blank and the start of a longer word: "the" and
        " theorem". Tokens end where words do, so the text broke off behind the word, and the longer one is the next.
        """
        word = body[1:k]
        if not (body[0].isspace() and word.isalpha() and body[k : k + 1].isalpha()) or IDEOGRAPH.match(word[-1]):
            return False
        return self.flow.has_word(word) or word.lower() in COMMON

    def _period(self, body: str, k: int) -> int:
        """The period of what is repeated, if it consists of at least three of the same; else its length."""
        size = period(body[: min(k, _SAMPLE)])
        return size if 3 * size <= min(k, _SAMPLE) else k

    def _contained(self, peel: Peel, body: str, totals: Totals, base: float) -> None:
        """All of the reply stands in the text already."""
        if len(body) < 40:
            return
        at = running(self.left, body)
        if at >= 0:
            bits = base + PRIOR.contained + start_bits(self.left, at) - totals.at(_SAID)
            note = "all of it stands in the text"
            self.found.append(Reading(len(self.head), bits, "nothing_new", len(body), peel, "", 0.0, note))

    def _near(self, peel: Peel, body: str, totals: Totals, base: float, exact: set[int]) -> None:
        """Overlaps of the normal forms, mapped back to the characters that arrived."""
        tail, form = self.before.tail, self.before.form
        other = normal(body[: max(_HEAD_WINDOW, len(tail) + len(tail) // 8)])
        for near in near_overlaps(form, other):
            end = raw_end(body, near.end)
            start = raw_start(tail, len(form) - near.start)
            index = len(self.left) - len(tail) + start
            if no_repeat(self.left, form, self.head, peel, near, index, end):
                continue
            own, share, followed = None, 1.0, 0.0
            first = raw_end(body, near.foreign)
            if near.foreign and body.count("\n", 0, first + 1) > 1 and not body.startswith("\n\n", first):
                continue  # lines of the text's own, up to where it says again what it said
            if near.edits or near.foreign:
                followed = PRIOR.near_followed * led_up_to(form, near)
                size, share = own_words(form, near, other)
                if near.edits and size < _HARDLY:
                    continue
                if near.edits and other_record(self.left, form, near, other, size >= _PROVES and share >= _SHARE):
                    continue
                new = new_words(self.left[max(0, index) :], body[first:end], form)
                own = 0.0  # with two new words, to say again what the end of the text has is what the next record does
                if new <= 1:
                    own = self._own(near, size, share, totals.at(min(end, _CHANGED)))
                    own -= PRIOR.little * max(0.0, 1.0 - size / _LITTLE) * (near.edits > 0)
                own -= PRIOR.near_new * new - PRIOR.near_new_one * (new > 0)
            begin = start_bits(self.left, index, share)
            for cut, misfit in after_marks(tail, body, end, start):
                if cut not in exact and peel.start + cut + 1 not in self._quoted:
                    said = own if own is not None else min(totals.at(cut), _GAIN_CAP)
                    self._near_at(peel, body, near, cut, index, misfit + base + begin + followed - said)

    def _own(self, near: Near, size: float, share: float, said: float) -> float:
        """What a repeat with changes gains: new text hardly says again what only the end of the text has."""
        least = PRIOR.own_share + PRIOR.own_long * min(1.0, size / _OWN)  # a few changes spoil little of much
        proof = min(PRIOR.own_most, PRIOR.own * size * max(0.0, share - least))
        if near.foreign:
            return proof
        prose = (1.0 - self.before.templated) * share * PRIOR.own_prose * min(said, _GAIN_CAP)
        return max(proof, prose)

    def _near_at(self, peel: Peel, body: str, near: Near, cut: int, index: int, bits: float) -> None:
        """One place where a repeat with changes may end."""
        after = body[cut : cut + _AFTER]
        change = self.flow.cost(self.left, after) - self.flow.cost(body[:cut], after)
        bits += PRIOR.near + change
        near_by = range(-16, 9) if not self.left.startswith(body[:8], index) else (0,)  # its first words may be others
        if not any(begins_anew(self.left, index + by) for by in near_by):
            bits += PRIOR.unnatural_near * (near.edits > 0) + PRIOR.near_far * max(0.0, log2(1 + cut / 400))
        if near.edits:
            bits += PRIOR.unnatural_word * within_word(self.left, index)
            bits += (PRIOR.near_templated + PRIOR.next_number * near.numbers) * self.before.templated
        bits += (
            PRIOR.edit * near.edits
            + PRIOR.edits * max(0, near.edits - 3)
            + PRIOR.skipped * near.skipped
            + PRIOR.number * near.numbers
        )
        if near.foreign:
            bits += PRIOR.foreign + PRIOR.foreign_each * near.foreign
            bits += PRIOR.foreign_templated * self.before.templated
        bits += PRIOR.unsure * near.unsure
        if cut <= LINE and body[0] == " " != body[1:2] and self.left[index - 1 : index] == "\n":
            bits += PRIOR.near_blank
        kind = self._kind("near", index, cut)
        note = f"{cut} characters repeated with {near.edits or 'small'} changes"
        self.found.append(Reading(peel.start + cut, bits, kind, cut, peel, "", change, note, near.unsure))
