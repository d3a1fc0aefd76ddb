"""Behind a repeat of the last words: a mark that the reply goes on from there, or the same once more."""

from __future__ import annotations

import re
from typing import NamedTuple

from continuum._core.stitch.apart import goes_on_within
from continuum._core.stitch.lazy import lazy
from continuum._core.stitch.phrases import opens
from continuum._core.stitch.prior import PRIOR
from continuum._core.stitch.spoken import unended, within_line
from continuum._core.stitch.talk import announces, may_announce

_MARK = lazy(
    r"[ \t]*(?:\.\.\.|…|\[(?:\.\.\.|…)\])(?!\.)"
    r"|\s*(?P<word>[\[(（](?:continue[ds]?|continuing|cont(?:inue)?['’.]?d?\.?|续|続き|suite|fortsetzung)[^\n\])）]{0,40}[\])）])",
    re.I,
)
_ASIDE = lazy(r"[ \t\r]{0,8}\n[\s]{0,8}(?P<word>[^\s][^\n]{4,200})(?:\n(?:[ \t]*\n)?|\Z)")
_REMARK = lazy(r"[ \t]*(?:\.\.\.|…)?\s{0,8}(?P<word>(?![a-z])\S[^\n]{3,200})(?P<end>\n+)?")
_TALKS, _BEHIND_TALK = 10.0, 96
"""The score of talk behind a repeat, and the characters to see behind it."""
_LEAST = 10
"""Characters of a repeat from which on a mark behind it may say that it goes on."""
_SIGNS, _SAMPLE = 6, 400
"""Different characters of the start of a passage: fewer are a rule, which a text has again and again."""
_TWICE, _BETWEEN = 16, 240
"""Characters of a passage that nobody says again by chance, and between the two times that it is said."""


class Resumed(NamedTuple):
    """Where the reply goes on.

    Attributes:
        end: behind the mark or the second repeat.
        bits: the price.
        what: the evidence in a few words.
        open: more of the reply may show that it is another place.
    """

    end: int
    bits: float
    what: str
    open: bool = False


def resumes(left: str, body: str, k: int, final: bool) -> Resumed | None:
    """What stands behind the first k characters of `body`, which are the last of `left`, if it is no text: an ellipsis,
    "(continued)" or talk, and perhaps the k characters once more."""
    twice = _said_twice(left, body, k, final)
    if twice is not None:
        return twice
    if k < _LEAST:
        return None
    remark = _remark(left, body, k, final)
    if remark is not None:
        return remark
    match = _MARK.match(body, k)
    aside = _aside(left, body, k) if match is None else None
    match = match or aside
    if match is None or body[k - 1] == "\n" or (final and match.end() >= len(body)):
        return None
    seen = len(body) - match.end()
    waits = not final and (seen <= 0 or (aside is not None and seen < _BEHIND_TALK))
    bits = PRIOR.resumed - PRIOR.resumed_word * (match.group("word") is not None)
    return Resumed(match.end(), bits, "a mark that it goes on", waits)


def _remark(left: str, body: str, k: int, final: bool) -> Resumed | None:
    """A line of whatever kind behind the first k characters, and then the text goes on within its line."""
    if not within_line(left) or body[k : k + 1] not in ("\n", ".", "…", " ") or not unended(left.rstrip(" ")):
        return None
    match = _REMARK.match(body, k)
    if match is None or (body[k] == " " and "..." not in match.group() and "…" not in match.group()):
        return None
    if match.group("end") is None or len(body) < match.end() + 2:
        return None if final or match.end() < len(body) else Resumed(k, 0.0, "perhaps a remark", open=True)
    return Resumed(match.end(), -PRIOR.remark, "a remark") if goes_on_within(left, body, match.end()) else None


def _aside(left: str, body: str, k: int) -> re.Match[str] | None:
    """A line of talk behind the first k characters, which end within a line."""
    if left[-1:] in ("", "\n") or not body.startswith("\n", k):
        return None
    match = _ASIDE.match(body, k)
    if match is None or not opens(match.group("word")) or announces(match.group("word")) < _TALKS:
        return None
    return match


def _said_twice(left: str, body: str, k: int, final: bool) -> Resumed | None:
    """The repeat breaks off, with dots, a rule or talk, and is said once more, or may be."""
    if left[-1:].isspace() or len({*body[: min(k, _SAMPLE)].lstrip()}) < _SIGNS:
        return None
    said = body[:k].lstrip()
    if len(said) < _TWICE:
        return None
    at = body.find(said[:_TWICE], k, k + _BETWEEN + _TWICE)
    between = body[k : k + _BETWEEN] if at < 0 else body[k:at]
    if not _breaks_off(said, between, at >= 0):
        return None
    if at >= 0 and body.startswith(said, at):
        return Resumed(at + len(said), -PRIOR.said_twice, "once more")
    comes = said.startswith(body[at:]) if at >= 0 else len(between) < _BETWEEN
    return Resumed(k, 0.0, "perhaps once more", open=True) if comes and not final else None


def _breaks_off(passage: str, between: str, ended: bool) -> bool:
    """Whether what stands behind a passage, up to where it comes again if it has `ended`, says that it was no use: an
    ellipsis, a rule, talk, or a line break where several lines were said that end within one."""
    words = between.strip(" \t\n*_#>-")
    if not words:
        apart = "\n" in between and "\n" in passage and passage[-1:].isalnum()
        return not ended or "---" in between or apart
    if between[0] not in "\n.…[":
        return False
    return words in ("...", "…", "[...]", "[…]") or announces(words) > 0.0 or (not ended and may_announce(words))
