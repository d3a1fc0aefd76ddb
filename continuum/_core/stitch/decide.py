"""The one place that decides how a reply is joined to the text before it."""

from __future__ import annotations

import itertools
from math import exp, log, log2
from typing import TYPE_CHECKING, Literal, NamedTuple

from continuum._core.stitch.anchor import PATIENCE, Anchored, at_once, breaks_off_inside, find_anchor, said_once
from continuum._core.stitch.closing import refuses
from continuum._core.stitch.code import in_code, left_open
from continuum._core.stitch.data import is_json
from continuum._core.stitch.peel import Peel
from continuum._core.stitch.peels import peels
from continuum._core.stitch.prior import PRIOR
from continuum._core.stitch.readings import Reading, Readings
from continuum._core.stitch.rest import fate
from continuum._core.stitch.spoken import SURE, fresh, unended, within_sentence
from continuum._core.stitch.talk import speaks
from continuum._core.stitch.traces import thoughts

if TYPE_CHECKING:
    from continuum._core.stitch.before import Before
    from continuum._core.types import SeamKind

_SURE = 128
"""Characters to see before anything is decided but that the reply simply goes on."""
_LEARNT = 600
"""Characters from which on a text has taught what its words and lines begin with."""
_LINE = 30
"""Wrongly dropped characters beyond which it matters no more how many they are."""
_CASE = 3000
"""Characters that tell how often the text has capitals within its sentences."""
_NO_TALK = 16
"""Characters of the unfinished rest that no reply begins with by chance."""
_REST_SAID = 8
"""Characters of the rest that a reply says again, if that is to prove its place."""
_ROUND = frozenset([40, 50, 60, 64, 70, 72, 75, *range(76, 81), 100, 120])
"""How many characters rules have."""
_QUOTED = 8
"""Characters that may close a quotation of the last words."""
_SURE_TALK = PRIOR.talk - PRIOR.talk_slope * (SURE - 6.0)
"""The price of talk that leaves no doubt; dearer talk may be text where a sentence of the text may begin."""
_DOUBTFUL = 0.95 * PRIOR.doubt
"""The most confidence in a join that is in doubt."""
_LOOKS = 1024
"""Characters behind a join that tell what becomes of its line, and of JSON."""
_NEVER = 60.0
"""Bits by which a reading may be dearer than another and, whatever becomes of that, still count."""
_BEHIND = 32
"""Characters to see behind the anchor, and behind the rest that may follow it."""


class Join(NamedTuple):
    """The decision about one join.

    Attributes:
        kind: how the join was made.
        removed: characters dropped from the head of the reply.
        replaced: characters of the end of the text before that give way to the reply.
        inserted: white space put between, usually "".
        overlap: how many of the removed characters repeat the text before.
        confidence: 0 to 1, how sure it is that the join is right.
        ambiguous: two readings were close; text was kept where in doubt.
        note: the evidence in a few words.
    """

    kind: SeamKind
    removed: int
    replaced: int
    inserted: str
    overlap: int
    confidence: float
    ambiguous: bool
    note: str


class Context(NamedTuple):
    """What is known about the join besides the two texts."""

    shown: Before
    rest: int = 0
    anchor: str | None = None
    in_place: bool = False


class Verdict(NamedTuple):
    """A join, and the wrapper that the reply opened, which has to be closed at its end."""

    join: Join
    wrapper: str | None = None


def decide(left: str, head: str, context: Context, final: bool) -> Verdict | None:
    """Decide how `head`, the first characters of a reply, is joined to `left`.

    Returns None if more of the reply is needed; never if `final`.
    """
    verdict = _decide(left, head, context, final)
    if verdict is not None and verdict.join.kind == "nothing_new" and not final:
        return None  # only the end of a reply tells that it added nothing
    return verdict


def _decide(left: str, head: str, context: Context, final: bool) -> Verdict | None:
    shown = context.shown.left
    if context.anchor and shown:
        anchored = _anchored(left, shown, head, context, final)
        if anchored is not False:
            return anchored
    if context.rest:
        return _with_rest(left, shown, head, context, final)
    return _plain(head, context, final)


def _anchored(left: str, shown: str, head: str, context: Context, final: bool) -> Verdict | Literal[False] | None:
    """The join if the anchor comes, where it comes first or later; False if it will not come."""
    found = at_once(context.anchor or "", head)
    if isinstance(found, Anchored):
        ready = final or len(head) - found.end >= _BEHIND + context.rest
        return _after_anchor(left, shown, head, found, context, final) if ready else None
    if found and not final:
        return None
    thought = thoughts(shown, head, final)
    if not thought:
        return None if thought is None else _searched(left, shown, head, context, final)
    verdict = _anchored(left, shown, head[thought:], context, final)  # thoughts may quote what they were asked for
    if not verdict:
        return verdict
    join = verdict.join
    return verdict._replace(join=join._replace(removed=join.removed + thought, note=f"thinking before it; {join.note}"))


def _searched(left: str, shown: str, head: str, context: Context, final: bool) -> Verdict | Literal[False] | None:
    """The anchor does not come first: look for it behind talk and in another dress. False if it will not come."""
    anchor, rest = context.anchor or "", left[len(shown) :].strip()
    if len(rest) >= _NO_TALK and head.lstrip().startswith(rest):
        return False  # it goes on behind what it was shown; if it says the anchor later on, its data are so
    candidates = peels(shown, head[:4096], context.shown.fence, final)
    starts = [p.start for p in candidates if _may_precede(p, anchor, shown)]
    found = find_anchor(anchor, shown, head, starts)
    if found is not None and not found.whole and any(0 < p.foreign - found.end <= _QUOTED for p in candidates):
        return False  # it quoted the last words; where the text begins behind them is a matter for the readings
    settled = found is not None and (found.whole or len(head) >= found.start + 2 * len(anchor))
    if found is not None and (final or (settled and len(head) - found.end >= _BEHIND + context.rest)):
        return _after_anchor(left, shown, head, found, context, final)
    if not final and (found is not None or len(head) < PATIENCE):
        return None
    if breaks_off_inside(anchor, head, starts):
        note = "the reply ended inside the anchor"
        return Verdict(Join("nothing_new", len(head), 0, "", len(head), 0.95, False, note))
    return False


def _may_precede(peel: Peel, anchor: str, shown: str) -> bool:
    """Whether the anchor may follow what was peeled; lines that the text may well go on with are not in its way."""
    if peel.open or (peel.whole and peel.bits > PRIOR.strange):
        return False
    if (peel.headed or peel.apart) and not said_once(shown.rstrip(), anchor.rstrip()):
        return False  # behind the head of a table or array stands a row or element like others
    return peel.foreign == peel.start or peel.what.endswith("table head")


def _after_anchor(left: str, shown: str, head: str, found: Anchored, context: Context, final: bool) -> Verdict:
    """The anchor stands in the reply: what follows it follows the text that was shown."""
    end = _past_blank(shown, head, found.end)
    talk = head[: found.start]
    fence = left_open(talk) if talk.strip() and context.shown.fence is None else None
    inserted = ""
    if found.wrapped:
        end, inserted = _behind_wrapper(context.shown, head, end)
    note = (
        "the reply began with the anchor"
        + ("" if found.exact else ", slightly changed")
        + ("" if found.whole else ", in part")
    )
    confidence = 0.99 if found.exact else 0.97 if found.whole else 0.9
    join = Join("anchor", end, 0, inserted, found.end - found.start, confidence, False, note)
    if final and refuses(head[end:]):
        note += "; then it only talked to the reader"
        return Verdict(join._replace(kind="nothing_new", removed=len(head), inserted="", note=note))
    if not context.rest:
        if end >= len(head):
            return Verdict(
                join._replace(kind="nothing_new", removed=len(head), inserted="", note=note + " and added nothing")
            )
        return Verdict(join, fence)
    return Verdict(_with_fate(left, context, head[end:], join), fence)


def _behind_wrapper(shown: Before, head: str, end: int) -> tuple[int, str]:
    """Line breaks behind a quoted anchor are part of the quoting where the text would not go on so."""
    blank = len(head[end:]) - len(head[end:].lstrip())
    body = head[end + blank :]
    if not blank or not body or "\n" not in head[end : end + blank]:
        return end, ""
    left, flow = shown.left, shown.flow
    ways = [(flow.cost(left, head[end : end + blank] + body[:6]), end, "")]
    ways.append((flow.cost(left, body[:6]), end + blank, ""))
    if not left[-1:].isspace():
        ways.append((flow.cost(left, " " + body[:6]), end + blank, " "))
    _, cut, inserted = min(ways)
    return cut, inserted


def _with_fate(left: str, context: Context, body: str, join: Join) -> Join:
    """Complete a join behind the shown text by what becomes of the rest."""
    shown = context.shown
    end = fate(shown.left, left[len(shown.left) :], body, shown.flow)
    join = join._replace(
        removed=join.removed + end.dropped,
        overlap=join.overlap + end.dropped,
        replaced=context.rest if end.replaced else 0,
        note=f"{join.note}; {end.note}",
    )
    if end.nothing:
        return join._replace(kind="nothing_new", inserted="")
    if join.kind == "anchor":
        return join
    if not end.replaced:  # how it fits was judged behind the shown text
        kind: SeamKind = "overlap" if end.dropped and join.kind in ("plain", "gap") else join.kind
        said = end.dropped >= _REST_SAID  # that it says the rest again proves its place
        return join._replace(
            kind="plain" if kind == "gap" else kind,
            inserted="",
            confidence=max(join.confidence, 0.95) if said else min(join.confidence, 0.95),
            ambiguous=join.ambiguous and not said,
        )
    return join._replace(confidence=min(join.confidence, 0.9))


def _past_blank(text: str, head: str, end: int) -> int:
    """White space that the text already ends with is not said again."""
    blank = text[len(text.rstrip()) :]
    if not blank:
        return end
    own = head[end : len(head) - len(head[end:].lstrip())]
    if own.startswith(blank):
        return end + len(blank)
    if blank.startswith(own) or blank.endswith(own) or "\n" not in own:
        return end + len(own)
    at = own.find(blank)  # blanks at the end of a line, where the text has none
    return end + at + len(blank) if at > 0 and not own[:at].strip(" \t") else end


def _with_rest(left: str, shown: str, head: str, context: Context, final: bool) -> Verdict | None:
    """No anchor: judge the reply after the shown text, then see what becomes of the rest."""
    verdict = _plain(head, context, final, left[len(shown) :])
    if verdict is None:
        return None
    body = head[verdict.join.removed :]
    if not final and len(body) < 2 * context.rest + 32:
        return None
    join = verdict.join
    if join.kind == "nothing_new":
        return verdict
    if head[: join.removed].isspace():
        # White space that was too much behind the shown text may be just what follows the rest.
        kept = _with_fate(left, context, head, join._replace(removed=0, overlap=0))
        if not kept.replaced:
            return Verdict(kept)
    return Verdict(_with_fate(left, context, body, join), verdict.wrapper)


def _plain(head: str, context: Context, final: bool, rest: str = "") -> Verdict | None:
    """All readings after the text that was shown are priced and the cheapest wins; one that says the rest gains."""
    if not head or not context.shown.left:
        return Verdict(_join_of(Reading(0, 0.0, "plain", 0, Peel()), 1.0, head)) if final or head else None
    early = not final and len(head) < _SURE
    if early and _misfit_of(context.shown, head) > PRIOR.hold:
        return None  # only what simply goes on flows at once; a little more text may tell for the others
    readings = Readings(context.shown, head, final)
    if readings.open and not final:
        return None
    if rest:
        gain = PRIOR.rest * min(len(rest), _NO_TALK)
        readings.found = [r._replace(bits=r.bits - gain) if head.startswith(rest, r.cut) else r for r in readings.found]
    found = _formed(readings.found, context.shown, head, rest)
    best, chance = _likeliest(found, head, PRIOR.in_place if context.in_place else 0.0)
    if best.unsure or _overruled(best, found):
        chance = min(chance, 0.5)
    doubtful = best.broken or _may_be_text(best, context, head) or _may_be_drawn_anew(best, context.shown, head)
    if doubtful:
        chance = min(chance, _DOUBTFUL)
    fits = best.kind == "plain" and not best.inserted and not best.overlap
    misfit = _misfit_of(context.shown, head[best.cut :]) + PRIOR.fit_odd * best.odd if fits else 0.0
    if early and (chance < PRIOR.flows or best.cut or best.inserted):
        return None
    join = _join_of(best, chance, head)
    if fits and join.kind == "plain":
        join = _misfit(join, context, misfit)
        if not best.peel.spoken and speaks(context.shown.left, head):
            note = f"{join.note}, though it may talk to the reader"
            join = join._replace(ambiguous=True, confidence=min(join.confidence, 0.7), note=note)
        if doubtful:
            join = join._replace(ambiguous=True, confidence=min(join.confidence, _DOUBTFUL))
    return Verdict(join, best.peel.wrapper)


def _formed(found: list[Reading], shown: Before, head: str, rest: str) -> list[Reading]:
    """The readings with the price of what would become of JSON, and of the line, at the join.

    The reply may follow the rest, too, of which the readings know nothing.
    """
    most = min(r.bits for r in found) + _NEVER
    looks: dict[str, tuple[bool, float]] = {}  # equal rows and elements look alike wherever they begin

    def look(body: str) -> tuple[bool, float]:
        bodies = (body, f"{rest}{body}") if rest else (body,)
        broken = shown.syntax is not None and all(map(shown.syntax.breaks, bodies))
        return broken, min(map(shown.lines.cost, bodies)) if shown.lines is not None else 0.0

    formed = []
    for r in found:
        if r.bits < most:
            body = f"{r.inserted}{head[r.cut : r.cut + _LOOKS]}"
            broken, odd = looks[body] = looks.get(body) or look(body)
            r = r._replace(bits=r.bits + PRIOR.no_json_text * broken + odd, broken=broken, odd=odd)
        formed.append(r)
    return formed


def _may_be_text(best: Reading, context: Context, head: str) -> bool:
    """Whether what the likeliest reading drops may as well be of the text, whatever the prices say."""
    left = context.shown.left
    if best.aligned and left.endswith("\n"):
        return True  # a text may well say its lines twice
    if context.anchor and best.kind == "overlap" and best.cut > 1 and not head[: best.cut].strip():
        return True  # an indent in place of the anchor proves no place
    if not best.peel.spoken or best.overlap >= _REST_SAID:
        return False
    if not best.overlap and _new_sentence(left, head, best.cut):
        return True
    if not fresh(left) or is_json(left) or in_code(left, context.shown.fence):
        return False
    goes_on = head[: best.cut].endswith(" ") and head[best.cut : best.cut + 1].islower()
    return goes_on or best.peel.bits > _SURE_TALK


def _may_be_drawn_anew(best: Reading, shown: Before, head: str) -> bool:
    """Whether the reply goes on with a rule as well as it would begin it again, for nothing tells how long it is, and
    it is no rounder with the start than without."""
    left, mark = shown.left, head[:1]
    if best.overlap or best.cut or not head.startswith(4 * mark) or not left.endswith(4 * mark):
        return False
    before, behind = (
        len(part) - len(part.strip(mark)) for part in (left[left.rfind("\n") + 1 :], head.partition("\n")[0])
    )
    if behind < before or (before + behind in _ROUND and behind not in _ROUND):
        return False
    return shown.lines is not None and not shown.lines.sure


def _likeliest(found: list[Reading], head: str, in_place: float) -> tuple[Reading, float]:
    """The reading to take, and its chance.

    The prices of all readings make their chances. A wrong join is one thing; what it would wrongly drop counts on top,
    for a rare repeat is a blemish and a lost line is a bug.
    """
    least = min(r.bits for r in found)
    results: dict[tuple[int, str], Reading] = {}
    weights: dict[tuple[int, str], float] = {}
    for r in found:
        key = (r.cut, r.inserted)
        if r.inserted and head.endswith(r.inserted, 0, r.cut):
            key = (r.cut - len(r.inserted), "")  # what was taken off is put back
        bits = r.bits + (in_place if key == (0, "") else 0.0)
        weights[key] = weights.get(key, 0.0) + 2.0 ** (-PRIOR.sharp * min(bits - least, 300.0))
        if key not in results or (r.bits < results[key].bits and key[1] == r.inserted):
            results[key] = r
    total = sum(weights.values())
    if len(results) == 1:
        return found[0], 1.0
    cuts = [(key[0], weight / total) for key, weight in weights.items()]

    def loss(key: tuple[int, str]) -> float:
        gained = weights[key] / total * (PRIOR.stands if key == (0, "") else 1.0)
        return -gained + sum(PRIOR.character * p * min(_LINE, key[0] - cut) for cut, p in cuts if cut < key[0])

    taken = min(weights, key=loss)
    return results[taken], weights[taken] / total


def _overruled(best: Reading, found: list[Reading]) -> bool:
    """Whether text is kept although much of it may be a repeat with changes: that is worth a flag."""
    return best.overlap < 16 and any(
        r.kind in ("near", "restart") and r.overlap >= 60 and r.bits < best.bits + PRIOR.doubt_near for r in found
    )


def _misfit(join: Join, context: Context, bits: float) -> Join:
    """A plain join whose first characters hardly ever follow what stands before them: something may be missing."""
    if bits > (PRIOR.gap_anchor if context.anchor else PRIOR.gap):
        note = f"{join.note}, but hardly fits: text may be missing"
        return join._replace(kind="gap", confidence=min(join.confidence, 0.5), note=note)
    if not context.anchor and (join.removed or len(context.shown.left) < _LEARNT):
        bits -= PRIOR.untaught  # what was peeled, or a short text, makes all fit badly
    chance = min(max(join.confidence, 0.001), 0.99)
    odds = PRIOR.fit + PRIOR.fit_chance * log(chance / (1.0 - chance))
    odds -= PRIOR.fit_anchor if context.anchor else 0.0
    odds -= PRIOR.fit_badly * max(-3.0, min(7.0, bits)) + PRIOR.fit_worse * max(-1.5, min(3.0, bits))
    confidence = 1.0 / (1.0 + exp(-odds))
    if join.removed:
        confidence = max(confidence, join.confidence) if bits <= 0.0 else min(confidence, join.confidence)
    ambiguous = confidence < PRIOR.doubt
    note = f"{join.note}, but fits badly" if ambiguous and not join.ambiguous else join.note
    return join._replace(ambiguous=ambiguous, confidence=confidence, note=note)


def _misfit_of(shown: Before, body: str) -> float:
    """How badly the reply fits behind the text that was shown, by its first two characters: bits."""
    misfit = shown.flow.misfit(shown.left, body[:2])
    if shown.left.endswith(" "):
        return misfit + _capital(shown.left, body[:1])
    return misfit + _capital(f"{shown.left[-_CASE:]} ", body[1:2]) if body.startswith(" ") else misfit


def _new_sentence(left: str, head: str, cut: int) -> bool:
    """Whether the reply begins a sentence behind its talk although one has to go on: that may have been no talk."""
    return (
        head[cut : cut + 1].isupper()
        and within_sentence(left, head)
        and (len(left) < _LEARNT or _capital(f"{left.rstrip(' ')} ", head[cut]) > 0.0)
    )


def _capital(left: str, first: str) -> float:
    """How much rarer than one in four a capital is in the middle of the text's sentences, in bits, if that is where the
    reply begins with one: a clause was dropped and a new sentence begun."""
    if not first.isupper():
        return 0.0
    words = left[-_CASE:].split(" ")[:-1]
    if not words or not unended(words[-1]):
        return 0.0
    inside = [word[0].isupper() for before, word in itertools.pairwise(words) if word and unended(before)]
    return max(0.0, log2(0.25 * (len(inside) + 10) / (sum(inside) + 0.5))) if len(inside) >= 10 else 0.0


def _join_of(best: Reading, chance: float, head: str) -> Join:
    kind: SeamKind = best.kind
    if best.cut >= len(head.rstrip()) and head.strip():
        kind = "nothing_new"
    note = best.note or kind
    if best.peel.what:
        note = f"{best.peel.what} before it; {note}"
    return Join(kind, best.cut, 0, best.inserted, best.overlap, chance, chance < PRIOR.doubt, note)
