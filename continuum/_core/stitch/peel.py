"""What a reply may put before the text: talk, a rule, a code fence, an ellipsis, a quotation of the last words.

Each rule proposes places in the head of the reply where the text itself may begin, with a price in bits. Nothing is
decided here.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, NamedTuple

from continuum._core.stitch.lazy import lazy
from continuum._core.stitch.normal import normal
from continuum._core.stitch.opener import csv_head, heading, json_brackets, list_marker, table_head
from continuum._core.stitch.prior import PRIOR
from continuum._core.stitch.talk import MAX_TALK, announces, is_opener, may_announce, scripts, speaks_of_going_on

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_MAX_PEELS = 24
_UNIT = lazy(r"[\[(（][^\n\])）]{3,160}[\])）](?=\s)|[^\n]*?(?:[.!?。！:：…][\"”*_)\]]*(?=\s|$)|\n|$)|[^\n]+")
_GAP = lazy(r"(?:[ \t]*\n)+[ \t]*(?P<rule>-{3,}|\*{3,}|_{3,})[ \t]*\n(?:[ \t]*\n)?|(?:[ \t]*\n)+")
_FENCE = lazy(r"\s*+(`{3,}+|~{3,}+)([^\n`]*+)\n")  # possessive: a megabyte of tildes is no fence either
_DOTS = lazy(r"\n*(?:\.\.\.|…|\[(?:\.\.\.|…)\]|\((?:\.\.\.|…)\))")
_OPENING = {'"': '"', "“": "”", "„": "“”", "«": "»", "「": "」", "'": "'", "‘": "’", "`": "`"}
_CODE_LINE = lazy(r"^(?: {2,}|\t)|^[<#@/*}\])]|[{};,()\[\]>\\]$|^\S+,\S+,|^\S+\t\S|\w\(.*\)|\w = ")
_QUOTE = 600
_LINE_START = lazy(r"\n[ \t]*(?=\S)")
_STRANGE, _STRANGE_LINES = 1000, 12
_SEED, _TRIES = 12, 4
_SCRIPT = 400
"""Characters of the text that tell what script it is in."""
_MAX_UNITS = 6
"""Sentences that talk may have."""
_OTHER = 1.5
"""Points that a sentence of other things takes from the talk it belongs to."""
_QUOTED = lazy(r"[\"“«「„](.{3,400}?)[\"”»」](?!\w)", re.S)
_QUOTING = lazy(r"[^\n\"“«「]{4,100}[\"“«「](?:\.\.\.|…)?")
_CLEAN = lazy(r"^[\s.…\[\]]+|[\s.…\[\]]+$")


class Peel(NamedTuple):
    """One reading of the head of the reply.

    Attributes:
        start: where the text itself begins in the reply.
        bits: the price of this reading.
        what: the names of what was peeled, for the note.
        fence: the fence that was opened by the reply and peeled; its closing line is peeled at the end.
        quoted: how many characters at the end of the peel repeat the end of the text, in quotation marks.
        open: the reading needs more of the reply before it can be judged.
        foreign: how much of it is talk, a fence, an ellipsis or a quotation; what follows that is text of the answer.
        spoken: talk is among it.
        other: the last sentence of the talk speaks of other things.
        loose: what was peeled may have taken white space of the text with it, or left some of its own.
        marked: a list marker is the last of it.
        headed: the head of a table or the brackets of a JSON text are among it.
    """

    start: int = 0
    bits: float = 0.0
    what: str = ""
    fence: str | None = None
    quoted: int = 0
    open: bool = False
    loose: bool = False
    foreign: int = 0
    spoken: bool = False
    other: bool = False
    marked: bool = False
    headed: bool = False

    def then(self, start: int, bits: float, what: str) -> Peel:
        """This reading, with one more thing peeled."""
        return self._replace(start=start, bits=self.bits + bits, what=f"{self.what}, {what}" if self.what else what)

    def loosened(self) -> Peel:
        """This reading, with white space at its end in doubt."""
        return self._replace(loose=True)


def talk(left: str, head: str, final: bool) -> list[Peel]:
    """Talk at the very start, up to the end of a sentence or line."""
    start = _past_rule(head)
    found: list[Peel] = []
    end, spoken = start, False
    for _ in range(_MAX_UNITS):
        match = _UNIT.match(head, end)
        if match is None or match.end() == end or match.end() - start > MAX_TALK:
            break
        stop = match.end()
        piece, whole = head[end:stop].strip(), head[start:stop].strip()
        on = spoken and "\n" not in head[start:end]
        if on and found and head[start] not in "#*([" and head[start:end].rstrip()[-1:] in (":", "："):
            break  # what follows on the same line is what was announced
        score = announces(whole)
        if stop >= len(head) and not final:
            if score or spoken or (stop - end < 160 and (is_opener(piece) or may_announce(whole))):
                found.append(Peel(len(head), 0.0, "talk", open=True))
            break
        says = bool(score) and announces(piece) > 0.0
        if says:
            if on:  # talk that goes on does not end in the middle of its line
                found = [peel._replace(bits=peel.bits + PRIOR.talk_on) for peel in found]
            found += _behind(head, stop, score + _context_bits(left, head, start, stop), final)
        elif score and on and head[stop - 1 : stop + 1].endswith("\n"):
            score += _context_bits(left, head, start, stop) - _OTHER
            found += [peel._replace(other=True) for peel in _behind(head, stop, score, final)]
        elif not (is_opener(piece) or on):
            break  # a sentence on the line of talk may speak of other things
        spoken = True
        end = stop
        while end < len(head) and head[end].isspace():
            end += 1
    return found


def _context_bits(left: str, head: str, start: int, stop: int) -> float:
    """What the surroundings say for talk: it quotes the last words, stands between rules, or is in another script."""
    bits = 0.0
    if any(_ends_with(left, m.group(1)) for m in _QUOTED.finditer(head, start, stop)):
        bits += 10.0
    if "---" in head[:start]:
        bits += 3.0
    gap = _GAP.match(head, stop - (head[stop - 1 : stop] == "\n"))
    if gap is not None and gap.group("rule"):
        bits += 3.0
    own, other = scripts(left[-_SCRIPT:]), scripts(head[start:stop])
    if own and other and 5 * own.get(max(other, key=lambda script: other[script]), 0) < sum(own.values()):
        bits += 4.0
    return bits


def _past_rule(head: str) -> int:
    """Where the words start: behind white space and a leading rule."""
    start = len(head) - len(head.lstrip())
    if head.startswith(("---", "***", "___"), start) and "\n" in head[start:]:
        start = head.index("\n", start) + 1
        start += len(head[start:]) - len(head[start:].lstrip())
    return start


def _behind(head: str, stop: int, score: float, final: bool) -> list[Peel]:
    """Where the text may begin behind talk that ends at `stop`: after a rule, one line break, two, or a space."""
    if head[stop - 1 : stop] == "\n":
        stop -= 1
    bits = PRIOR.talk - PRIOR.talk_slope * (score - 6.0)
    gap = _GAP.match(head, stop)
    if stop >= len(head) or (gap is not None and gap.end() >= len(head)):
        return [_spoken(head, len(head), bits)] if final else [Peel(len(head), 0.0, "talk", open=True)]
    if gap is None:
        return [_spoken(head, stop + 1, bits + PRIOR.talk_space)] if head[stop].isspace() else []
    if gap.group("rule"):
        return [_spoken(head, gap.end(), bits)]
    first = head.index("\n", stop) + 1
    second = head.find("\n", first, gap.end()) + 1 or first
    return [
        _spoken(head, end, bits + (0.0 if end == second > first else 1.5)) for end in sorted({first, second, gap.end()})
    ]


def _spoken(head: str, end: int, bits: float) -> Peel:
    """Talk up to `end`. A blank that still follows is the text's own, other white space may be the talk's."""
    return Peel(end, bits, "talk", loose=head[end : end + 1] != " ", foreign=end, spoken=True)


def fence(left: str, head: str, peel: Peel, open_fence: str | None, final: bool) -> Peel | None:
    """A code fence that the reply opens although one is open, or although the text is all code."""
    rest = head[peel.start :]
    match = _FENCE.match(rest)
    if match is None:
        stripped = rest.lstrip()
        if not final and (not stripped or stripped[:1] in "`~") and "\n" not in stripped:
            return Peel(len(head), 0.0, "fence", open=True)
        return None
    info = match.group(2).strip()
    mid_line = bool(left) and left[-1] != "\n" and "\n" not in rest[: match.start(1)]
    if open_fence is not None:
        bits = PRIOR.fence if mid_line or info else PRIOR.fence_bare
        if not info and not mid_line and rest[match.end() : match.end() + 1] in ("\n", ""):
            return None  # closes the fence that is open
    elif "```" in left or "~~~" in left:
        bits = PRIOR.fence_text - (18.0 if mid_line and peel.start else 0.0)
    elif not mid_line and not peel.start and not code_like(left):
        return None  # a block of code in prose
    else:
        bits = PRIOR.fence_code if mid_line else PRIOR.fence_line
    start = peel.start + match.end()
    mark = None if open_fence else match.group(1)
    return peel.then(start, bits, "fence")._replace(fence=mark, loose=False, foreign=start)


def code_like(left: str) -> bool:
    """Whether the end of the text reads like code or data: most lines are indented or end like statements."""
    lines = [line for line in left[-3000:].split("\n") if line.strip()]
    return sum(_CODE_LINE.search(line) is not None for line in lines) >= 0.5 * max(1, len(lines))


def dots(left: str, head: str, peel: Peel) -> list[Peel]:
    """A leading ellipsis, with or without the white space after it."""
    match = _DOTS.match(head, peel.start)
    if match is None:
        return []
    end = match.end()
    blank = end + len(head[end:]) - len(head[end:].lstrip())
    found = [peel.then(end, PRIOR.ellipsis, "ellipsis")._replace(foreign=end)]
    if blank > end:
        found.append(peel.then(blank, PRIOR.ellipsis + 2.5, "ellipsis")._replace(foreign=blank))
    return found


def quotation(left: str, head: str, peel: Peel, final: bool) -> list[Peel]:
    """The last words of the text in quotation marks, perhaps with an empty line that belongs to the quoting."""
    opening = head[peel.start : peel.start + 1]
    closing = _OPENING.get(opening)
    if closing is None:
        return []
    ends = [i for i in range(peel.start + 1, min(len(head), peel.start + _QUOTE)) if head[i] in closing]
    for test, tried in ((_ends_exactly, ends[:80]), (_ends_with, ends[:12])):
        for end in tried:
            if test(left, head[peel.start + 1 : end]):
                size = end - peel.start - 1
                new = peel.then(end + 1, PRIOR.quotation, "quotation")._replace(
                    quoted=size, loose=False, foreign=end + 1
                )
                if head[end + 1 : end + 3] != "\n\n":
                    return [new]
                own = new._replace(bits=new.bits + PRIOR.quotation_lines, loose=True)
                return [own, new._replace(start=end + 3, foreign=end + 3)]
    if not final and len(head) - peel.start < _QUOTE:
        inner = normal(_CLEAN.sub("", head[peel.start + 1 :]))
        if len(inner) < 8 or inner in normal(left[-_QUOTE:]):
            return [Peel(len(head), 0.0, "quotation", open=True)]
    return []


def _ends_exactly(left: str, quoted: str) -> bool:
    """Whether the text ends with exactly what is quoted, an ellipsis around it aside."""
    inner, text = _CLEAN.sub("", quoted), left.rstrip()
    if len(inner) < 3:
        return False
    return text.endswith((inner, quoted.lstrip(".… "))) or text.rstrip(".… ").endswith(inner)


def quoting(left: str, head: str, final: bool) -> list[Peel]:
    """A first line that quotes the last words of the text: 'You left off at "...": '."""
    match = _QUOTING.match(head)
    if match is None or not speaks_of_going_on(match.group()):
        return []
    for end in re.finditer(r"[\"”»」'’`]", head[match.end() : match.end() + _QUOTE]):
        stop = match.end() + end.start()
        if not (_ends_exactly(left, head[match.end() : stop]) or _ends_with(left, head[match.end() : stop])):
            continue
        stop += 1
        stop += len(head[stop:]) - len(head[stop:].lstrip(".:,!…*"))
        if stop < len(head) and head[stop] in " \n":
            return _behind(head, stop, 14.0 + min(20, end.start()), final)
        if stop >= len(head) and not final:
            return [Peel(len(head), 0.0, "talk", open=True)]
    if not final and len(head) < _QUOTE:
        return [Peel(len(head), 0.0, "talk", open=True)] if "\n\n" not in head[match.end() :] else []
    return []


def _ends_with(left: str, quoted: str) -> bool:
    """Whether the text ends with what is quoted, marks, white space and an ellipsis around it aside."""
    inner = normal(_CLEAN.sub("", quoted))
    return len(inner) >= 3 and normal(left[-_QUOTE:].rstrip(".… \n")).endswith(inner)


def strange(left: str, head: str, final: bool) -> list[Peel]:
    """Lines of whatever kind, if what follows them is said again: the end of the text, from the start of a line."""
    for match in itertools.islice(_LINE_START.finditer(head, 1, _STRANGE), _STRANGE_LINES):
        at = match.end()
        body, seed = head[at : at + 2 * _STRANGE], head[at : at + _SEED]
        if len(seed) < _SEED:
            break
        index, tries = left.rfind(seed, max(0, len(left) - 2 * _STRANGE)), 0
        while index >= 0 and tries < _TRIES:
            size = len(left) - index
            if head[max(0, at - _SEED) : at] == left[max(0, index - min(_SEED, at)) : index]:
                break  # they are part of the repeat
            if size >= _SEED and len({*left[index : index + _STRANGE]}) >= 6:
                if not final and len(body) < size and left.startswith(body, index):
                    return [Peel(len(head), 0.0, "lines", open=True)]
                if body.startswith(left[index:]):
                    bits = PRIOR.strange + PRIOR.strange_aligned * (left[index - 1 : index] == left[-1:])
                    bits += PRIOR.strange_within * (left[:index].rstrip(" \t")[-1:] not in ("", "\n"))
                    return [_spoken(head, at, bits)._replace(what="lines", other=True)]
            tries += 1
            index = left.rfind(seed, max(0, len(left) - 2 * _STRANGE), index)
    return []


def blank(left: str, head: str, peel: Peel) -> Peel | None:
    """White space at the start that was not in the text. An indent behind a line break is."""
    if left[-1:].isspace() and head[peel.start : peel.start + 1] != "\n":
        return None
    near = head[peel.start : peel.start + 10]
    size = len(near) - len(near.lstrip())
    if not 0 < size <= 8:
        return None
    end = peel.start + size
    return peel.then(end, PRIOR.extra_loose if peel.loose else PRIOR.extra, "white space")


def peels(left: str, head: str, open_fence: str | None, final: bool) -> list[Peel]:
    """All readings of the head, the plain one first."""
    found = [Peel(), *talk(left, head, final), *quoting(left, head, final), *strange(left, head, final)]

    def apply(rule: Callable[[Peel], Sequence[Peel | None]]) -> None:
        for peel in list(found):
            if not peel.open and len(found) < _MAX_PEELS:
                found.extend(new for new in rule(peel) if new is not None)

    apply(lambda p: [fence(left, head, p, open_fence, final)])
    apply(lambda p: dots(left, head, p))
    apply(lambda p: quotation(left, head, p, final))
    apply(lambda p: [rule(left, head, p) for rule in (table_head, csv_head, list_marker, heading)])
    apply(lambda p: json_brackets(left, head, p))
    apply(lambda p: [blank(left, head, p)])
    unique: dict[int, Peel] = {}
    for peel in found:
        known = unique.get(peel.start)
        if known is None or peel.bits < known.bits or peel.open:
            unique[peel.start] = peel
    return list(unique.values())
