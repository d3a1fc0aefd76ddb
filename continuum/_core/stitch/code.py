"""Code that a reply opens again: its fence, the file's name above it, a comment that stands for what was there.

Each rule proposes places in the head of the reply where the text itself may begin, with a price in bits.
"""

from __future__ import annotations

import itertools
import re

from continuum._core.stitch.lazy import lazy
from continuum._core.stitch.peel import Peel
from continuum._core.stitch.prior import PRIOR
from continuum._core.stitch.spoken import unended, within_line

_FENCE = lazy(r"\s*+(`{3,}+|~{3,}+)([^\n`]*+)\n")  # possessive: a megabyte of tildes is no fence either
_CODE_LINE = lazy(r"^(?: {2,}|\t)|^[<#@/*}\])]|[{};,()\[\]>\\]$|^\S+,\S+,|^\S+\t\S|\w\(.*\)|\w = ")
_BLOCK = 200
"""Characters from which on a text tells whether it is code."""
_REACH = 20_000
"""Characters of the text in which blocks of code are looked for."""
FENCES = lazy(r"^[ \t]*(`{3,}|~{3,})", re.M)
"""The lines that open or close a fence."""
_TILDES = lazy(r"(?:\A|\n[^\w\n]*\n)[ \t]*~{3,}(?!~)")
"""A fence of tildes; below a line with words they underline it."""
_TEXT = ("markdown", "md", "text", "txt")
"""What a fence around a text that is no code is called."""
_LABELLED = lazy(r"\s*+(?!`{3}|~{3})[^\n]{1,120}\n+[ \t]*(`{3,}+|~{3,}+)([^\n`]*+)\n")
_FILE = lazy(r"[\w./-]*[./][\w./-]+:?\n")
_ELIDED = lazy(
    r"^[ \t]*(?:(?:#|//|--|;|%|<!--|/\*)[ \t]*(?:\.{3}|…|\()[^\n]{0,60}"
    r"\b(?:existing|previous|unchanged|remains? the same|same as|rest of the|above|omitted)\b[^\n]{0,60}"
    r"|(?:\.{3}|…)[ \t]*\(?(?:existing|previous|rest of the|same) (?:code|file|functions?|methods?|class)\b[^\n]*)\n",
    re.M | re.I,
)
_LEFT_OUT = lazy(
    r"^(?:[ \t]*(?:#|//|--|;|%|/\*)[ \t]*(?:(?:\.{3}|…)[^\n]{0,60}|[\[(][^\n]{0,40}"
    r"\b(?:cont(?:inued|inuing|'d|\.)?|unchanged|above|before|existing|previous|same|omitted)[^\n]{0,40}[\])])"
    r"|(?P<bare>[ \t]*)(?:\.{3}|…)[ \t]*(?:\([^\n]{0,40})?)[ \t]*\n(?=[ \t]*(?P<line>[^\n]*))",
    re.M | re.I,
)
"""A comment that stands for code, or a line of dots, and the line behind it."""
_MAY_LEAVE_OUT = lazy(
    r"[ \t]*+(?:(?:#|//|--|;|%|/\*)[ \t]*(?:\.{1,3}|…|[\[(])?|\.{1,3}|…)[^\n]{0,90}(?:\n[ \t]*(?P<line>[^\n]*))?\Z"
)
_AGAIN = 6
"""Letters and figures of a line that is begun again."""
_SHELL, _SHELL_LINES = 1000, 12
"""How far into the reply such lines are looked for, and how many of them."""


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
    if left.endswith(match.group(1)[0]) and "\n" not in rest[: match.start(1)]:
        return None  # the rule that it broke off in goes on
    info = match.group(2).strip()
    mid_line = bool(left) and left[-1] != "\n" and "\n" not in rest[: match.start(1)]
    if open_fence is not None:
        bits = PRIOR.fence if mid_line or info else PRIOR.fence_bare
        if not info and not mid_line and rest[match.end() : match.end() + 1] in ("\n", ""):
            return None  # closes the fence that is open
    elif not mid_line and not peel.start and info not in _TEXT and _introduces(left + rest[: match.start(1)]):
        return None
    elif ("```" in left or _TILDES.search(left) is not None) and (len(match.group(1)) == 3 or match.group(1) in left):
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
    if unended(left.rstrip(" ")) and head[:1].islower() and _FILE.match(head) is None:
        return None  # the sentence goes on
    block = head[match.end() : match.end() + _REACH].partition(match.group(1))[0].strip()
    if block and left.rstrip().endswith(block):
        return None  # quotes the last words
    peel = Peel(match.end(), PRIOR.fence_label, "a label, fence", foreign=match.end())
    return peel._replace(wrapper=None if open_fence else match.group(1))


def elided(left: str, head: str, peel: Peel, open_fence: str | None, final: bool) -> list[Peel]:
    """Lines up to a comment that stands for the code which was there: "# ... existing code ..."."""
    found = list(itertools.islice(_ELIDED.finditer(head, peel.start, peel.start + _SHELL), _SHELL_LINES))
    if not found:
        line = left[-_SHELL:].rpartition("\n")[2].lstrip()
        if sum(map(str.isalnum, line)) < _AGAIN:
            return []
        if not final and _may_be_begun_again(line, head, peel):
            return [Peel(len(head), 0.0, "elided code", open=True)]
        found = _begun_again(left, line, head, peel)
    elif _ELIDED.search(left) is not None:
        return []
    if not found or not in_code(left, open_fence):
        return []
    end = found[-1].end()
    blank = end + len(head[end:]) - len(head[end:].lstrip("\n"))
    if not within_line(left) and f"\n{head[blank:].partition(chr(10))[0]}\n" not in left:
        return []  # a text may leave code out as well, but then does not say again what it said
    bits = PRIOR.elided + PRIOR.elided_more * (found[-1].start() > peel.start)
    wrapper = peel.wrapper or (None if open_fence else left_open(head[:end]))
    more = [peel.then(end, bits, "elided code") for end in sorted({end, blank})]
    return [new._replace(foreign=new.start, loose=False, wrapper=wrapper) for new in more]


def _begun_again(left: str, line: str, head: str, peel: Peel) -> list[re.Match[str]]:
    """Dots or a note that stand for code, if the line that is not ended is begun again right behind them, and nothing
    stands before them that the text has not said. Bare dots right behind a word are the end of its line."""
    for match in _LEFT_OUT.finditer(head, peel.start, peel.start + _SHELL):
        if match.group("line").startswith(line):
            before = head[peel.start : match.start()]
            said = (_stands_there(left, known) for known in before.split("\n"))
            return [match] if (before or match.group("bare") != "") and all(said) else []
    return []


def _stands_there(left: str, line: str) -> bool:
    """Whether a line is empty, one of the text, or only dots."""
    return not line.strip(" \t.…#/") or f"\n{line}\n" in f"\n{left}"


def _may_be_begun_again(line: str, head: str, peel: Peel) -> bool:
    """Whether all that came in are dots or a note that may stand for code, and perhaps the start of that line."""
    match = _MAY_LEAVE_OUT.match(head, peel.start)
    return match is not None and line.startswith(match.group("line") or "") and match.group("line") != line


def _introduces(left: str) -> bool:
    """Whether a block of code is what comes next: the text has such blocks, or ends with a colon and an
    empty line."""
    return FENCES.search(left[-_REACH:]) is not None or (left.endswith("\n\n") and left.rstrip()[-1:] in (":", "："))


def code_like(left: str) -> bool:
    """Whether the end of the text reads like code or data: most lines are indented or end like statements."""
    lines = [line for line in left[-3000:].split("\n") if line.strip()]
    return sum(_CODE_LINE.search(line) is not None for line in lines) >= 0.5 * max(1, len(lines))


def in_code(left: str, open_fence: str | None) -> bool:
    """Whether the text breaks off in code, which hardly goes on in words, nor speaks to its reader; little of it tells
    nothing."""
    if open_fence is None and FENCES.search(left[-_REACH:]) is not None:
        return False  # code stands in its blocks
    block = left if open_fence is None else left.rpartition(open_fence)[2]
    return len(block) >= _BLOCK and code_like(block)


def left_open(lines: str) -> str | None:
    """The fence that these lines opened and did not close."""
    marks = FENCES.findall(lines)
    return marks[-1] if len(marks) % 2 else None
