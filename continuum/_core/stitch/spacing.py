"""White space at the join: what may have been lost between the text and the reply."""

from __future__ import annotations

import re
from math import log2
from typing import TYPE_CHECKING, NamedTuple

from continuum._core.stitch.boundary import IDEOGRAPH
from continuum._core.stitch.lazy import lazy
from continuum._core.stitch.prior import PRIOR
from continuum._core.stitch.words import COMMON, in_word

if TYPE_CHECKING:
    from continuum._core.stitch.peel import Peel
    from continuum._core.stitch.price import Flow

_WORD_END = lazy(r"\w+\Z")
_WORD_START = lazy(r"\w+")
_NEXT = lazy(r"\S+")
_CAMEL = lazy(r"[a-zà-ÿ][A-Z]")
_CODE = lazy(r"[=(){};<>]|  ")
_INDENT = lazy(r"([ \t]*)")
_NEXT_INDENT = lazy(r"[^\n]*+\n(?:[ \t]*\n)*+([ \t]*)\S")
_RUN = lazy(r"\s+")
_ONE_LINE = lazy(r"\s*(?:#{1,6}\s|```|~~~)")
_RULE = lazy(r"[-=*_~]{3,}+[ \t]*+\n")  # possessive: a megabyte of dashes is no rule either
_BLOCK = lazy(r"[-*+•]\s|\d+[.)]\s|[^\w\s]")
_QUOTES = "\"'"
"""Marks that a quotation, or a value, begins with."""
_CLOSED_BY = {'"': '"', "'": "'", "`": "`", ")": "(", "]": "[", "}": "{", ">": "<"}
_CLOSERS = '"”’)»」』]*_`'
_LINE_ENDERS = frozenset(".!?:;,{}。！？：；，、…")
_WINDOW = 6000
_MOST = 4.0  # halvings of a chance beyond which nothing counts
_GAINED = 30.0  # bits that all together may speak for white space
_SEEN = 400  # characters of the reply in which its second line begins
_CAMELS = 2000  # characters in which words of that kind are looked for
_LEARNT = 600  # characters from which on a text has taught which words it uses


def insertions(left: str, body: str, flow: Flow, peel: Peel, ahead: int, most: float) -> list[tuple[str, float]]:
    """White space that may have been lost between `left` and `body`, each with how many bits dearer that is than
    nothing; none that is more than `most` bits dearer.

    What was peeled may have taken it along, and a list marker comes with a blank of its own. `ahead`: how many
    characters of the reply are priced.
    """
    if not left or not body or left[-1].isspace() or body[0].isspace():
        return []
    close = flow.cost(left, body[:ahead])
    if PRIOR.lost - PRIOR.lost_flow * close - _GAINED > most:
        return []
    prior = PRIOR.lost - PRIOR.lost_loose * peel.loose - PRIOR.lost_marker * peel.marked
    prior += _votes(left, body, flow) - PRIOR.lost_mark * _behind_mark(left, body)
    prior += PRIOR.lost_token * _within_token(left, body)
    column = _column(left, body)
    prior -= PRIOR.lost_before_mark * _before_mark(left, body) + PRIOR.lost_column * column
    prior -= PRIOR.lost_columns * (column >= _MOST)
    candidates = {" ": 0.0, "\n": PRIOR.lost_line, "\n\n": PRIOR.lost_lines}
    for run, share in _habits(left, body):
        candidates[run] = min(candidates.get(run, 9.0), PRIOR.lost_habit * (1.0 - share))
    wrap, full = _wrapped(left, body), _full(left)
    beside = _beside(left, body)
    candidates |= dict.fromkeys(beside, 0.0)
    unlike = {run for run in candidates if beside and "\n" in run and run[run.rfind("\n") :] not in beside}
    found = []
    for run, extra in candidates.items():
        if full > 0 and run == "\n":
            found.append((run, prior - PRIOR.full))
            continue
        bits = prior + extra - PRIOR.lost_flow * close + PRIOR.lost_indent * (run in unlike)
        if run == " ":
            bits += PRIOR.wrapped * wrap
        elif "\n" in run:
            bits -= PRIOR.wrapped * wrap + PRIOR.full_not * full
        cap = (most - bits) / PRIOR.lost_flow
        cost = flow.cost(left, run + body[:ahead], cap) if cap > 0.0 else 0.0
        if cost < cap:
            found.append((run, bits + PRIOR.lost_flow * cost))
    return found


def _within_token(left: str, body: str) -> bool:
    """Whether the join is within an address, a path or a dotted name, right behind what opens a quotation, or before
    what closes one or a bracket: where no white space stands."""
    line = left[-_SEEN:].rpartition("\n")[2]
    token = line[line.rfind(" ") + 1 :]
    if body[0].isalnum() and ("://" in token or (token.endswith("/") and any(map(str.isalnum, token)))):
        return True
    if body[0].islower() and token.endswith(".") and token[-2:-1].isalnum():
        return True
    if left[-1] in '"`' and line.count(left[-1]) % 2 == 1:
        return True
    opened = _CLOSED_BY.get(body[0])
    return opened is not None and (
        line.count(opened) % 2 == 1 if opened == body[0] else line.count(opened) > line.count(body[0])
    )


def ends_line(left: str, body: str) -> bool:
    """Whether a line may well end there, whatever else is known: a heading, a rule or the fence of a code block, which
    are a line each; a mark before a mark or the start of a block; the end of a sentence, clause or statement."""
    if _ONE_LINE.match(left, left.rfind("\n") + 1) or _ONE_LINE.match(body) or _RULE.match(body):
        return True
    if not left or left[-1].isalnum():
        return False
    last = left[-8:].rstrip(_CLOSERS)[-1:]
    return bool(_BLOCK.match(body)) or (last in _LINE_ENDERS and not body[:1].isdigit())


def _behind_mark(left: str, body: str) -> float:
    """How much oftener than not the text puts white space behind the mark it ends with, where a letter or figure
    follows, or an opening quotation mark: halvings, at most four; 0 if it does not end with a mark."""
    mark, first = left[-1], body[0]
    if mark.isalnum() or mark in _QUOTES or not (first.isalnum() or first in _QUOTES):
        return 0.0
    seen, follows = left[-_WINDOW:-1], first if first in _QUOTES else r"\w"
    blank = len(re.findall(rf"{re.escape(mark)}\s+{follows}", seen))
    close = len(re.findall(re.escape(mark) + follows, seen))
    return _oftener(blank, close)


def _before_mark(left: str, body: str) -> float:
    """The same for the mark that the reply begins with, behind a letter or figure."""
    mark = body[0]
    if mark.isalnum() or mark == "_" or not left[-1].isalnum():
        return 0.0
    seen = left[-_WINDOW:]
    before = [(part[-1:], part.rstrip()[-1:]) for part in seen.split(mark)[:-1]]
    close = sum(in_word(last) for last, _ in before)
    blank = sum(last.isspace() and in_word(word) for last, word in before)
    return _oftener(blank, close)


def _oftener(blank: int, close: int) -> float:
    """How much oftener the text has a blank than none: halvings, at most four."""
    return max(-_MOST, min(_MOST, log2((blank + 0.5) / (close + 0.5))))


def _column(left: str, body: str) -> float:
    """How much oftener than one in four the lines before have a blank in the column where the reply begins: halvings,
    at most four. Tables, dumps and logs stand in columns."""
    lines = left[-_WINDOW:].split("\n")
    at = len(lines[-1])
    above = [line for line in lines[-9:-1] if len(line) > at + 1] if at >= 4 else []
    if len(above) < 5:
        return 0.0
    blank = sum(line[at] == " " and line[at - 1] != " " for line in above)
    if blank == len(above):
        return _MOST
    return max(-_MOST, min(_MOST - 1.0, log2((blank + 0.5) / (len(above) - blank + 0.5)) + 1.5))


def _full(left: str) -> float:
    """Whether the last line is as long as all lines before: 1 if it is, -1 if it is not, 0 if they differ."""
    lines = left[-1600:].split("\n")
    above = lines[-7:-1]
    if len(above) < 4 or len({len(line) for line in above[1:]}) > 1 or len(above[-1]) < 20:
        return 0.0
    return 1.0 if len(lines[-1]) == len(above[-1]) else -1.0


def _habits(left: str, body: str) -> list[tuple[str, float]]:
    """What the text itself puts between such characters, with how often it does."""
    window = left[-_WINDOW:]
    for size in (4, 2, 1):
        key = left[-size:]
        runs: dict[str, int] = {}
        at, total = window.find(key), 0
        while at >= 0 and total < 60:
            match = _RUN.match(window, at + size)
            if match is not None:
                run = match.group()
                after = window[match.end() : match.end() + 1]
                if after and _class(after) == _class(body[0]) and len(run) <= 40:
                    runs[run] = runs.get(run, 0) + (3 if after == body[0] else 1)
            total += 1
            at = window.find(key, at + 1)
        if runs:
            whole = sum(runs.values())
            best = sorted(runs.items(), key=lambda item: -item[1])[:3]
            return [(run, count / whole) for run, count in best]
    return []


def _beside(left: str, body: str) -> set[str]:
    """A line break and the indent of the line before it, and of the next line of the reply: a new line has one of them.
    Empty if there is no next line yet, or neither is indented."""
    behind = _NEXT_INDENT.match(body, 0, _SEEN)
    before = _INDENT.match(left, left.rfind("\n") + 1)
    indents = {match.group(1) for match in (before, behind) if match is not None}
    return {f"\n{indent}" for indent in indents} if behind is not None and any(indents) else set()


def glue(left: str, body: str, flow: Flow, blank: str) -> float:
    """What the words say about dropping `blank` between `left` and `body`: bits against it, negative if for it."""
    bits = PRIOR.glue_mark * _behind_mark(left, body) + PRIOR.glue_before_mark * _before_mark(left, body)
    words = _around(left, body, flow)
    if words is None:
        return bits
    bits += PRIOR.glue_known * words.joined + PRIOR.glue_first * words.first
    bits += PRIOR.glue_second * words.second + PRIOR.glue_common * words.common
    bits += PRIOR.glue_new * (len(left) < _LEARNT)
    return bits + (PRIOR.glue_line if "\n" in blank else PRIOR.glue)


def said_as_one(left: str, body: str, flow: Flow) -> bool:
    """Whether the text has said as one word what stands on both sides of a join."""
    words = _around(left, body, flow)
    return words is not None and words.joined


class _Words(NamedTuple):
    """What the text knows of the words on both sides of a join: 1 or 0 each.

    Attributes:
        first, second: it has said the word before the join, and the one behind it.
        joined: it has said both as one word.
        one: both are one of the commonest words, or a word and the figure that it always has.
        common: how many of both are among the commonest words of some language.
    """

    first: bool
    second: bool
    joined: bool
    one: bool
    common: int


def _around(left: str, body: str, flow: Flow) -> _Words | None:
    """The words on both sides; None if there is none on one side, or if words are not written apart."""
    end, start = _WORD_END.search(left[-40:]), _WORD_START.match(body[:40])
    if end is None or start is None or start.end() >= len(body):
        return None
    if IDEOGRAPH.match(left[-1]) or IDEOGRAPH.match(body[0]):
        return None
    first, second = end.group(), start.group()
    joined = first + second
    if second[0] == "_" or first[-1] == "_":
        return _Words(False, False, not flow.has_word(first), False, 0)
    behind = start.end()
    known = flow.has_word(joined) or _says(body, joined, behind)
    one = joined.lower() in COMMON or _numbered(left, first, second)
    if second[0].isupper() and (first[0].isupper() or _has_camels(left)):
        return _Words(False, False, known, one, 0)  # as in "ValueError" and "userName"
    common = (first.lower() in COMMON) + (second in COMMON) if not (known or one) else 0
    said = flow.has_word(first) or _says(body, first, behind)
    return _Words(said, flow.has_word(second) or _says(body, second, behind), known, one, common)


def _says(body: str, word: str, start: int) -> bool:
    """Whether the reply says a word from `start` on."""
    at, size = body.find(word, start), len(word)
    while at >= 0 and (in_word(body[at - 1]) or in_word(body[at + size : at + size + 1])):
        at = body.find(word, at + 1)
    return at >= 0


def _has_camels(left: str) -> bool:
    """Whether the text writes words as one, with a capital within."""
    return _CAMEL.search(left[-_CAMELS:]) is not None


def _numbered(left: str, first: str, second: str) -> bool:
    """Whether the text puts a figure right behind the word before, as the reply does: "h1" and "h2"."""
    if not second[0].isdigit():
        return False
    seen = re.findall(rf"\b{re.escape(first)}(\s*)\d", left[-_WINDOW:])
    return bool(seen) and not any(seen)


def _wrapped(left: str, body: str) -> float:
    """Whether a line of wrapped prose is full: 1 if the next word would not have fitted, -1 if it would, 0 if
    nothing is wrapped."""
    lines = left[-1600:].split("\n")
    widths = sorted(len(line) for line in lines[1:-1] if line.strip())
    if len(widths) < 5 or widths[-1] > 110 or widths[len(widths) // 2] < 0.75 * widths[-1]:
        return 0.0
    word = _NEXT.match(body)
    return 1.0 if len(lines[-1]) + 1 + (word.end() if word else 0) > widths[-1] else -1.0


def _class(char: str) -> str:
    """A coarse class of characters."""
    if char.isalpha():
        return "A" if char.isupper() else "a"
    return "0" if char.isdigit() else char


def _votes(left: str, body: str, flow: Flow) -> float:
    """What the words of the text say about white space between them: negative bits for it, positive against."""
    words = _around(left, body, flow)
    if words is None:
        return 0.0
    bits = PRIOR.known_word * words.joined + PRIOR.one_word * words.one
    bits -= PRIOR.first_word * words.first + PRIOR.second_word * words.second + PRIOR.common_word * words.common
    prose = left[-60:].count(" ") >= 4 and not _CODE.search(left[-60:])
    if prose and left[-1].islower() and body[0].isupper() and not _has_camels(left):
        bits -= PRIOR.glued
    return bits
