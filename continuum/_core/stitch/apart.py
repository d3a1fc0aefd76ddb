"""Lines before the text that are no part of it, whatever they say: known by what follows them, or by what stands there
already.

Each rule proposes places in the head of the reply where the text itself may begin, with a price in bits.
"""

from __future__ import annotations

import itertools
import re
from functools import lru_cache

from continuum._core.stitch.code import code_like, left_open
from continuum._core.stitch.data import is_json, no_json
from continuum._core.stitch.lazy import lazy
from continuum._core.stitch.peel import Peel
from continuum._core.stitch.prior import PRIOR
from continuum._core.stitch.spoken import RULE, fills, spoken, unended, within_line
from continuum._core.stitch.talk import announces

_MUCH = 60
"""Characters of prose that are said twice for no other reason than that they are repeated."""
_WHOLE_LINE = lazy(r"\n*([^\n]{3,200})\n+")
_CONTINUED = lazy(r"\s*[\[(](?:cont(?:inued|inuing|'d|\.)?|fortsetzung|suite|续|続き)[\])]\s*\Z", re.I)
_KNOWN, _KNOWN_LINES = 6, 3
"""Letters of a line that is known again, and how many of them may stand before the text."""
_LINE = lazy(
    r"((?:[#*_(\[<>=~—–-]{1,6} ?)?(?![^\w\n]*(?:\.{3}|…)[^\w\n]*\n)(?P<first>[\w\[(#*])[^\n]{0,119})(?<![,;])\n+"
)
"""A line that may not go on with another; what it must not begin with is a small letter."""
_ITEM = lazy(r"([ \t]*(?P<first>[-*•+]|\d{1,2}[.)]) [^\n]{1,160})\n+")
_LINES_APART, _FEW_LINES, _REACH_APART = 10, 2, 1000
"""How many such lines are looked at, behind how many the text may begin in any way, and how far into the reply."""
_END = 16
"""Characters at the end of a line that tell whether the text has ended one like it."""
_RULE = lazy(r"(?:-{3,}|\*{3,}|_{3,})[ \t]*\n+")
_WITHIN = ",;.)’”"
"""Marks that a sentence goes on with."""
_NEVER_FIRST = ",;)]}"
"""Marks that nothing begins with."""
_CLOSING = "\"'“‘"
"""Other marks behind which no rule is part of the line."""
_PARAGRAPH, _BEGUN = lazy(r"\n\n[ \t]*(\S)"), lazy(r"\n[ \t]*(\S)")
"""What paragraphs, and lines, begin with."""
_BLANK = lazy(r"\n \S")
_SHOWN, _TELLS = 8000, 300
"""Characters of the text that tell how its lines begin, and below which they do not."""
_OPENS, _MARKER = "([{|", 4
"""What opens something that has to be closed, and characters that a list marker has at most."""
_QUOTES = lazy(r"(?:^|[\s(\[{,=:])[\"'“„«‘`]\Z")
_LINE_START = lazy(r"\n[ \t]*(?=\S)")
_STRANGE, _STRANGE_LINES = 1000, 12
"""How far into the reply lines are looked for that a repeat may begin with, and how many of them."""
_SEED, _TRIES = 12, 4
"""Characters that are looked for in the text, and how many of their places are looked at."""


def strange(left: str, head: str, open_fence: str | None, final: bool) -> list[Peel]:
    """Lines of whatever kind, if what follows them is said again: the end of the text, from the start of a line."""
    if is_json(left):
        end = no_json(left, head)  # else the next record may well end like the last one
        return [spoken(head, end, PRIOR.no_json)._replace(what="lines that are no JSON", other=True)] if end else []
    reach = max(0, len(left) - 2 * _STRANGE)
    for match in itertools.islice(_LINE_START.finditer(head, 1, _STRANGE), _STRANGE_LINES):
        start, words = match.start() + 1, match.end()
        seed = head[words : words + _SEED]
        if len(seed) < _SEED:
            break
        seed = seed[: max(1, _SEED - (words - start))]  # an indent counts
        index = left.rfind(seed, reach)
        for _ in range(_TRIES):
            if index < 0:
                break
            at = start if left.endswith(head[start:words], reach, index) else words
            found = _said_again(left, head, at, index - (words - at), final)
            if found is not None:
                return [found._replace(wrapper=None if open_fence else left_open(head[:at]))]
            index = left.rfind(seed, reach, index + len(seed) - 1)
    return []


def _said_again(left: str, head: str, at: int, index: int, final: bool) -> Peel | None:
    """The lines up to `at`, if the reply repeats the text from `index` on behind them."""
    size, body = len(left) - index, head[at : at + 2 * _STRANGE]
    before = head[max(0, at - _SEED) : at]
    if size < _SEED or left.endswith(before, 0, index):
        return None  # or those lines are part of the repeat
    going_on = not final and len(body) < size and left.startswith(body, index)
    if not (going_on or body.startswith(left[index:])) or len({*left[index : index + _STRANGE]}) < 6:
        return None
    if going_on:
        return Peel(len(head), 0.0, "lines", open=True)
    if left.find(left[index:]) < index:
        return None  # the text says such things more often
    bits = PRIOR.strange + PRIOR.strange_aligned * (left[index - 1 : index] == left[-1:])
    bits += PRIOR.strange_within * (left[:index].rstrip(" \t")[-1:] not in ("", "\n"))
    if announces(head[:at].strip()) <= 0.0 and (len(left[index:].rstrip()) < _MUCH or code_like(left)):
        return None  # two lines of a text may well begin alike
    return spoken(head, at, bits)._replace(what="lines", other=True, whole=True)


def known_lines(left: str, head: str) -> list[Peel]:
    """Whole lines that the text has said once, where it stands within a line: a signature, the head of a document."""
    if not within_line(left) or is_json(left):
        return []
    found: list[Peel] = []
    end = 0
    for _ in range(_KNOWN_LINES):
        match = _WHOLE_LINE.match(head, end)
        if match is None:
            break
        line = "\n" + _CONTINUED.sub("", match.group(1).rstrip()) + "\n"
        if sum(map(str.isalpha, line)) < _KNOWN:
            break
        text = f"\n{left}"
        behind = text.find(line) + len(line)
        if behind < len(line) or text.find(line, behind) >= 0:
            break
        if text[behind:].lstrip("\n").startswith(head[match.end() : match.end() + _SEED]):
            break  # they are part of a repeat
        ends = {match.end(1) + 1, match.end()}
        found += [spoken(head, end, PRIOR.known)._replace(what="known lines", other=True) for end in ends]
        end = match.end()
    return found


def lines_apart(left: str, head: str) -> list[Peel]:
    """The first lines, whatever they say, where a line of the text has to go on: a heading, a note, a rule."""
    if not _has_to_go_on(left):
        return []
    rule = _RULE.match(head) if left[-1].isalnum() or left[-1] in _WITHIN + _CLOSING else None
    end = 0 if rule is None else rule.end()
    found = [] if rule is None else [spoken(head, end, PRIOR.rule)._replace(what="a rule")]
    least = PRIOR.apart_rule if rule is not None else PRIOR.apart + PRIOR.apart_blank * left.endswith(" ")
    for count in range(_LINES_APART):
        match = _LINE.match(head, end) or (_ITEM.match(head, end) if count else None)
        if (
            match is None
            or match["first"].islower()
            or match.end() > _REACH_APART
            or (rule is None and _ends_like(left, match.group(1)))
            or fills(left, head, 0, match.end())
        ):
            break
        first, end = match.end(1) + 1, match.end()
        below = _RULE.match(head, end) if rule is None and end > first else None
        if below is not None and (announces(match.group(1)) > 0.0 or goes_on_within(left, head, below.end())):
            # A line and a rule: the head of a frame.
            found.append(spoken(head, below.end(), PRIOR.rule)._replace(what="a line apart, a rule", wrapper=RULE))
            break
        within = not left.endswith(" ") and goes_on_within(left, head, end)
        if count < _FEW_LINES or within or end > first:
            bits = least - PRIOR.apart_within * within
            found += [
                spoken(head, at, bits)._replace(what="a line apart", other=True, apart=True) for at in {first, end}
            ]
    return found


def _has_to_go_on(left: str) -> bool:
    """Whether the last line of the text is not ended: it has words and no full stop, or opens something, or is a rule.

    The bare marker of a list item, and an opening quotation mark, may be followed by anything.
    """
    line = left[-_SHOWN:].rpartition("\n")[2].strip()
    if not line or line[-1] in ".!?。！？" or _QUOTES.search(line) is not None:
        return False
    return within_line(left) or line[-1] in _OPENS or len(line) > _MARKER


def goes_on_within(left: str, head: str, end: int) -> bool:
    """Whether what begins at `end` of the reply, behind a line break, goes on with a line that is not ended: within a
    sentence, as no paragraph of the text begins, and no line either, if only a line break stands before it; or with
    one blank, as no line of the text begins."""
    first = head[end : end + 2]
    if len(left) < _TELLS:
        return False
    if first[:1] == " " and first[1:].strip() and left[-1:] not in " \n":
        return _BLANK.search(left, max(0, len(left) - _SHOWN)) is None
    if not first:
        return False
    goes_on = (first[0].islower() or first[0] in _WITHIN) and unended(left.rstrip(" "))
    if not (goes_on or (first[0] in _NEVER_FIRST and left[-1:].isalnum() and head[end - 2 : end] == "\n\n")):
        return False
    return not _begin_within(left[-_SHOWN:], head[end - 2 : end] == "\n\n")


@lru_cache(maxsize=8)
def _begin_within(text: str, paragraphs: bool) -> bool:
    """Whether a paragraph of the text, or a line, begins within a sentence."""
    places = (_PARAGRAPH if paragraphs else _BEGUN).finditer(text)
    return any(place.group(1).islower() or place.group(1) in _WITHIN for place in places)


def _ends_like(left: str, line: str) -> bool:
    """Whether a line is one of the text, or ends like one, and so may be the end of that which is not ended."""
    last = line[-_END:]
    words = sum(map(str.isalnum, last))
    return (words >= _KNOWN and f"{last}\n" in left) or (words > 1 and f"\n{line}\n" in left)
