"""What a reply may put before the text: talk, a rule, a code fence, an ellipsis, a quotation of the last words.

Each rule proposes places in the head of the reply where the text itself may begin, with a price in bits. Nothing is
decided here.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from continuum._core.stitch.data import is_json, no_json
from continuum._core.stitch.lazy import lazy
from continuum._core.stitch.opener import csv_head, heading, json_brackets, list_marker, table_head
from continuum._core.stitch.peel import Peel
from continuum._core.stitch.prior import PRIOR
from continuum._core.stitch.spacing import ends_line
from continuum._core.stitch.spoken import quotation, quoting, spoken, talk, within_line
from continuum._core.stitch.talk import announces
from continuum._core.stitch.traces import traces

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_MAX_PEELS = 24
_FENCE = lazy(r"\s*+(`{3,}+|~{3,}+)([^\n`]*+)\n")  # possessive: a megabyte of tildes is no fence either
_DOTS = lazy(r"\n*(?:\.\.\.(?!\.)|…{1,2}|\[(?:\.\.\.|…)\]|\((?:\.\.\.|…)\))")
_CODE_LINE = lazy(r"^(?: {2,}|\t)|^[<#@/*}\])]|[{};,()\[\]>\\]$|^\S+,\S+,|^\S+\t\S|\w\(.*\)|\w = ")
_BLOCK = 200
"""Characters from which on a text tells whether it is code."""
_MUCH = 60
"""Characters of prose that are said twice for no other reason than that they are repeated."""
_WHOLE_LINE = lazy(r"\n*([^\n]{3,200})\n+")
_CONTINUED = lazy(r"\s*[\[(](?:cont(?:inued|inuing|'d|\.)?|fortsetzung|suite|续|続き)[\])]\s*\Z", re.I)
_KNOWN, _KNOWN_LINES = 6, 3
"""Letters of a line that is known again, and how many of them may stand before the text."""
_REACH = 20_000
"""Characters of the text in which blocks of code are looked for."""
_FENCES = lazy(r"^[ \t]*(`{3,}|~{3,})", re.M)
_TEXT = ("markdown", "md", "text", "txt")
"""What a fence around a text that is no code is called."""
_LABELLED = lazy(r"\s*+(?!`{3}|~{3})[^\n]{1,120}\n+[ \t]*(`{3,}+|~{3,}+)([^\n`]*+)\n")
_ELIDED = lazy(
    r"^[ \t]*(?:(?:#|//|--|;|%|<!--|/\*)[ \t]*(?:\.{3}|…|\()[^\n]{0,60}"
    r"\b(?:existing|previous|unchanged|remains? the same|same as|rest of the|above|omitted)\b[^\n]{0,60}"
    r"|(?:\.{3}|…)[ \t]*\(?(?:existing|previous|rest of the|same) (?:code|file|functions?|methods?|class)\b[^\n]*)\n",
    re.M | re.I,
)
_SHELL, _SHELL_LINES = 1000, 12
"""How far into the reply such lines are looked for, and how many of them."""
_LINE_START = lazy(r"\n[ \t]*(?=\S)")
_STRANGE, _STRANGE_LINES = 1000, 12
"""How far into the reply lines are looked for that a repeat may begin with, and how many of them."""
_SEED, _TRIES = 12, 4
"""Characters that are looked for in the text, and how many of their places are looked at."""


def fence(left: str, head: str, peel: Peel, open_fence: str | None, final: bool) -> Peel | None:
    """A code fence that the reply opens although one is open, or although the text is all code."""
    rest = head[peel.start :]
    match = _FENCE.match(rest)
    if match is None and not peel.start and (labelled := _labelled(left, head, open_fence)) is not None:
        return labelled
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
    elif not mid_line and not peel.start and info not in _TEXT and _introduces(left + rest[: match.start(1)]):
        return None
    elif "```" in left or "~~~" in left:
        bits = PRIOR.fence_text - (18.0 if mid_line and peel.start else 0.0)
    elif not mid_line and not peel.start and not code_like(left):
        return None  # a block of code in prose
    else:
        bits = PRIOR.fence_code if mid_line else PRIOR.fence_line
    start = peel.start + match.end()
    mark = None if open_fence else match.group(1)
    return peel.then(start, bits, "fence")._replace(wrapper=mark, loose=False, foreign=start)


def _labelled(left: str, head: str, open_fence: str | None) -> Peel | None:
    """A line that names the file, or says anything else, and a fence, where code stands in the middle of a line."""
    match = _LABELLED.match(head)
    if match is None or not within_line(left) or not in_code(left, open_fence):
        return None
    if open_fence is not None and not match.group(2).strip():
        return None  # closes the fence that is open
    block = head[match.end() : match.end() + _REACH].partition(match.group(1))[0].strip()
    if block and left.rstrip().endswith(block):
        return None  # quotes the last words
    peel = Peel(match.end(), PRIOR.fence_label, "a label, fence", foreign=match.end())
    return peel._replace(wrapper=None if open_fence else match.group(1))


def elided(left: str, head: str, peel: Peel, open_fence: str | None) -> list[Peel]:
    """Lines up to a comment that stands for the code which was there: "# ... existing code ..."."""
    found = list(itertools.islice(_ELIDED.finditer(head, peel.start, peel.start + _SHELL), _SHELL_LINES))
    if not found or _ELIDED.search(left) is not None or not in_code(left, open_fence):
        return []
    end = found[-1].end()
    blank = end + len(head[end:]) - len(head[end:].lstrip("\n"))
    if not within_line(left) and f"\n{head[blank:].partition(chr(10))[0]}\n" not in left:
        return []  # a text may leave code out as well, but then does not say again what it said
    bits = PRIOR.elided + PRIOR.elided_more * (found[-1].start() > peel.start)
    wrapper = peel.wrapper or (None if open_fence else left_open(head[:end]))
    more = [peel.then(end, bits, "elided code") for end in sorted({end, blank})]
    return [new._replace(foreign=new.start, loose=False, wrapper=wrapper) for new in more]


def _introduces(left: str) -> bool:
    """Whether a block of code is what comes next: the text has such blocks, or ends with a colon and an
    empty line."""
    return _FENCES.search(left[-_REACH:]) is not None or (left.endswith("\n\n") and left.rstrip()[-1:] in (":", "："))


def code_like(left: str) -> bool:
    """Whether the end of the text reads like code or data: most lines are indented or end like statements."""
    lines = [line for line in left[-3000:].split("\n") if line.strip()]
    return sum(_CODE_LINE.search(line) is not None for line in lines) >= 0.5 * max(1, len(lines))


def in_code(left: str, open_fence: str | None) -> bool:
    """Whether the text breaks off in code, which hardly goes on in words, nor speaks to its reader; little of it tells
    nothing."""
    if open_fence is None and _FENCES.search(left[-_REACH:]) is not None:
        return False  # code stands in its blocks
    block = left if open_fence is None else left.rpartition(open_fence)[2]
    return len(block) >= _BLOCK and code_like(block)


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


def left_open(lines: str) -> str | None:
    """The fence that these lines opened and did not close."""
    marks = _FENCES.findall(lines)
    return marks[-1] if len(marks) % 2 else None


def blank(left: str, head: str, peel: Peel) -> Peel | None:
    """White space at the start that was not in the text. An indent behind a line break is."""
    if left[-1:].isspace() and head[peel.start : peel.start + 1] != "\n":
        return None
    near = head[peel.start : peel.start + 10]
    size = len(near) - len(near.lstrip())
    if not 0 < size <= 8:
        return None
    if not peel.start and "\n" in near[:size] and ends_line(left, head[size:]):
        return None
    end = peel.start + size
    return peel.then(end, PRIOR.extra_loose if peel.loose else PRIOR.extra, "white space")


def peels(left: str, head: str, open_fence: str | None, final: bool) -> list[Peel]:
    """All readings of the head, the plain one first."""
    found = [Peel(), *talk(left, head, final), *quoting(left, head, final)]
    found += [*traces(left, head, open_fence, final), *strange(left, head, open_fence, final), *known_lines(left, head)]

    def apply(rule: Callable[[Peel], Sequence[Peel | None]]) -> None:
        for peel in list(found):
            if not (peel.open or peel.whole) and len(found) < _MAX_PEELS:
                found.extend(new for new in rule(peel) if new is not None)

    apply(lambda p: [fence(left, head, p, open_fence, final)])
    apply(lambda p: elided(left, head, p, open_fence))
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
