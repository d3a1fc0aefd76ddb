"""What looks like a repeat of the end of the text, and is none: the next line or record, which begins alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from continuum._core.stitch.data import is_json
from continuum._core.stitch.lazy import lazy
from continuum._core.stitch.near import own_numbers
from continuum._core.stitch.spoken import SENTENCE_ENDS, within_line

if TYPE_CHECKING:
    from continuum._core.stitch.near import Near
    from continuum._core.stitch.peel import Peel

_SAMPLE = 240
_LEFT_OUT = 24
"""Characters that a changed word may have; more are a line or a record of its own."""
_OPERAND = 32
"""Characters of a repeat up to which a mark of reckoning before it counts."""
_OPERATOR = lazy(r" [-+/%=] | ?[-+/%=](?![-+/%=\s])")
_FENCE = lazy(r"\s*(?:```|~~~)")
LINE = 80
"""Characters of a repeat that may be words which the next line names again."""
_WRAPPED_FROM = 50
"""Characters of a line from which on its end may be where prose was wrapped."""
_HEADING = lazy(r"#{1,6} |([^\w\s])\1{2,}\Z")
"""A heading, or the line that underlines one."""
_ENDED = lazy(r"[ \t\r]*(?:\n|\Z)")
_BEFORE_WORDS = lazy(r"[^\w]*+")


def no_repeat(left: str, form: str, head: str, peel: Peel, near: Near, index: int, end: int) -> bool:
    """Whether what two normal forms have in common is none: a fence, whose own peel speaks for it; a rule of marks,
    which goes on as well as it is repeated; "- a" behind "a", where the mark says something; the next line.

    Args:
        left: the text.
        form: the normal form of its end.
        head: the head of the reply.
        peel: what was taken off before.
        near: what the two have in common.
        index: where it begins in the text.
        end: where it ends in the reply, behind the peel.
    """
    body = head[peel.start :]
    if _FENCE.match(body) and not _FENCE.match(left, max(0, index)):
        return True
    if len({*form[near.start : near.start + _SAMPLE]}) <= 2:
        return True
    if not near.edits and near.end <= _OPERAND and _OPERATOR.match(head) and within_line(left):
        return True
    return _next_line(left, head[: peel.start], body, index, end)


def _next_line(left: str, own: str, body: str, index: int, end: int) -> bool:
    """Whether the line of the repeat goes on behind it, though the last line of the text has ended: the words below a
    heading name it again, the next line begins as the last one ends."""
    if end > LINE or line_ends(body, end) or index <= 0 or left.startswith("\n", index):
        return False
    first = _BEFORE_WORDS.match(body)
    before = (own if own.isspace() else "") + (first.group() if first is not None else "")
    words = left.rstrip()
    blank = left[len(words) :] + before
    if "\n" not in blank or words[-1:] in SENTENCE_ENDS:
        return False
    if "\n" in before and is_within(left, index):
        return True
    line = words.rfind("\n") + 1
    if _HEADING.match(words, line) is not None:
        return True
    ended = "\n" in left[len(words) :] and len(words) - line < _WRAPPED_FROM
    return index >= line and (ended or "\n\n" in blank)


def is_within(left: str, index: int) -> bool:
    """Whether a place of the text is behind words of its line."""
    return any(map(str.isalnum, left[left.rfind("\n", 0, index) + 1 : index]))


def line_ends(body: str, at: int) -> bool:
    """Whether a line of the reply ends at `at`, blanks aside."""
    return _ENDED.match(body, at) is not None


def other_record(left: str, form: str, near: Near, head: str, proven: bool) -> bool:
    """Whether it is the next one of its kind, and no repeat: only numbers differ, or several values of JSON, or more
    than a word was left out or put in at once.

    Args:
        left: the text.
        form: the normal form of its end.
        near: what it has in common with the reply.
        head: the normal form of the reply.
        proven: much is said again that only the end of the text has.
    """
    if near.numbers == near.edits:
        return not (proven and own_numbers(form, near, head))
    if near.skipped > _LEFT_OUT * near.edits:
        return True
    return near.edits > 1 and not proven and is_json(left)
