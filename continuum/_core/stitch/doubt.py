"""What is strange about all of a reply that was joined: it is kept as it came, and a seam at its end is flagged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from continuum._core.stitch.code import in_code
from continuum._core.stitch.farewell import counts_words, speaks
from continuum._core.stitch.lazy import lazy
from continuum._core.stitch.shape import lines_of

if TYPE_CHECKING:
    import re

_CODED = 3
"""Marks written in another way than the text has them, from which on a reply is."""
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&#x27;": "'", "&apos;": "'"}
_OWN_LINES = 12
"""Lines of a text below which it does not tell how its lines begin."""
_FIRST, _LEAST = 1000, 6
"""The first characters of a reply, and how many lines they have to have for their beginnings to tell something."""
_BEGINNINGS = (
    (lazy(r"\+"), "+", 0.6, 0.1),
    (lazy(r"[ \t]*\d+(?:[:|→\t]| [:|→])(?!\d)"), "numbers", 0.8, 0.1),
    (lazy(" {4}|\t"), "an indent", 1.0, 0.0),
    (lazy(">"), ">", 0.8, 0.1),
)
"""What lines begin with if somebody shows them, what it is called, and the share of the lines of a reply from which on,
and of those of the text up to which, that is strange."""
RULE_WITHIN = lazy(r"\n[ \t\r]*\n[ \t]*(?:-{3,}|\*{3,}|_{3,})[ \t\r]*\n")
"""A rule behind an empty line: a text that has one may draw another."""
_RULE = lazy(r"[ \t]*(?:-{3,}|\*{3,}|_{3,})[ \t\r]*")
_ASKS = "?？؟"
_CALLS = f"{_ASKS}!！"
"""Marks at the end of a line that asks, and of one that asks or calls."""
_LONGEST, _NO_TALK = 400, " \t#|"
"""Characters of a last line that may speak to the reader, and what it does not begin with."""
_TAIL, _ROWS = 3000, 12
"""Characters, and lines, of a text of records without an empty line."""
_QUOTED = '"“«「„'
"""Marks of a line in which somebody else may speak."""
_BELOW = 160
"""Characters of a last line below a rule, if it is not of the text."""
_DOTS = lazy(r"(?:\.{3}|…{1,2}|\. \. \.|\[(?:\.{3}|…)\]|\((?:\.{3}|…)\))")
"""A line of nothing but dots."""
_TELLS = 1000
"""Characters of a text below which it does not tell whether somebody speaks in it."""
_TO_YOU = lazy(
    r"\b(?:[Yy]ou(?:rs?)?|[Dd](?:u|ir|ich|ein\w{0,2})|Sie|Ihnen|[Vv](?:ous|otre|os)|[Tt](?:u|oi|on|es)|[Uu]sted(?:es)?"
    r"|você|[Jj]ij|[Jj]e|[Uu]w?|[Tt]y|[Cc]i|[Сс]ен|[Вв]ы|[Вв]ам|[Вв]ас|[Тт]ы|[Тт]ебе|siz|sen|anda|kamu|bạn)\b"
    r"|您|你|あなた|당신|아시면|आप|أنت|لك|ท่าน|คุณ"
)
"""Words for the reader."""
_LINE_OF_PROSE = r"(?:\*\*)?[A-ZÀ-Þ\u4e00-\u9fff][^\n(){};=<>]{12,}"
_PROSE, _SENTENCE = lazy(_LINE_OF_PROSE), lazy(rf"{_LINE_OF_PROSE}[.!?。！？]")
"""A line of prose, as hardly any line of code is, and one that is a whole sentence."""


def strangeness(text: str, reply: str) -> str:
    """What is strange about a reply beside the text before it, "" if nothing is. All looks at their ends alone.

    Args:
        text: what stands before the reply.
        reply: what was taken of it.
    """
    looks = (_written_otherwise, _lines_begin_otherwise, _ends_otherwise)
    return next(filter(None, (look(text, reply) for look in looks)), "")


def _written_otherwise(text: str, reply: str) -> str:
    """Line breaks as in a string of code or as Windows has them, marks as in HTML."""
    if reply.count("\r\n") >= _CODED and "\r" not in text and text.count("\n") >= _CODED:
        return "its line breaks are written as \\r\\n"
    if reply.count("\\n") >= _CODED and "\n" not in reply.strip() and "\\n" not in text and text.count("\n") >= _CODED:
        return "its line breaks are written as \\n"
    if "</" in text:
        return ""
    used = [(entity, mark) for entity, mark in _ENTITIES.items() if mark not in reply and entity not in text]
    if sum(reply.count(entity) for entity, _ in used) >= _CODED <= sum(text.count(mark) for _, mark in used):
        return "its marks are written as those of HTML"
    return ""


def _lines_begin_otherwise(text: str, reply: str) -> str:
    """A diff, lines with their numbers, lines that all are indented or quoted."""
    first = _lines(reply[:_FIRST])[:_LEAST]
    if len(first) < _LEAST:
        return ""
    for mark, what, most, least in _BEGINNINGS:
        if (mark.match(first[0]) or mark.match(first[1])) and _share(mark, _lines(reply)) >= most:
            own = _lines(text)
            if len(own) >= _OWN_LINES and _share(mark, own) <= least:
                return f"its lines begin with {what}"
    return ""


def _lines(text: str) -> list[str]:
    """Its lines, but for the first, which may have begun before, and those that are empty."""
    return [line for line in text.split("\n")[1:] if line.strip()]


def _share(mark: re.Pattern[str], lines: list[str]) -> float:
    """The share of the lines that begin with a mark."""
    return sum(mark.match(line) is not None for line in lines) / len(lines) if lines else 0.0


def _ends_otherwise(text: str, reply: str) -> str:
    """A last line that is unlike the records above it, or calls out below the only rule; one of dots, one that counts
    words, one that speaks in a new voice, and prose behind code."""
    before, gap, last = reply.rstrip().rpartition("\n\n")
    if not gap or not last or "\n" in last or last[0] in _NO_TALK or len(last) > _LONGEST:
        return ""
    own = f"{text}{before}"[-_TAIL:]
    if "\n\n" not in own and own.count("\n") >= _ROWS:
        lines = lines_of(f"{own}\n")
        if lines is not None and lines.cost(f"{last}\n") > 0.0:
            return "its last line stands apart"
    if _stands_below(last, before) and not RULE_WITHIN.search(f"{text}{before}"):
        return "its last line stands below a rule"
    if _DOTS.fullmatch(last) and not any(_DOTS.fullmatch(line.strip()) for line in own.split("\n")):
        return "its last line is dots"
    if counts_words(last, own):
        return "its last line counts words"
    if len(own) >= _TELLS and _is_new_voice(last, f"{text}{before}"):
        return "its last line may speak to the reader"
    if _SENTENCE.fullmatch(last) and in_code(text, None) and not any(map(_PROSE.fullmatch, own.split("\n"))):
        return "its last line may speak to the reader"
    return ""


def _stands_below(line: str, before: str) -> bool:
    """Whether a short line that asks or calls stands below a rule, and the rule below an empty line."""
    above = before[before.rfind("\n") + 1 :]
    if len(line) > _BELOW or line[-1] not in _CALLS or _RULE.fullmatch(above) is None:
        return False
    return before.endswith("\n\n", 0, len(before) - len(above))


def _is_new_voice(line: str, text: str) -> bool:
    """Whether somebody speaks of himself in a line, and not in the text; or asks, where nobody asks or speaks to the
    reader."""
    voice, asks = speaks(line), line[-1] in _ASKS
    if not (voice or asks) or any(map(line.__contains__, _QUOTED)) or speaks(text):
        return False
    return voice or not (any(map(text.__contains__, _ASKS)) or _TO_YOU.search(text))
