"""What a reply may put behind the text: the end of a wrapper, a note that it will go on, a sign-off, a stop token."""

from __future__ import annotations

import re

from continuum._core.stitch.code import FENCES, in_code
from continuum._core.stitch.data import JSON_ENDS, json_open
from continuum._core.stitch.doubt import RULE_WITHIN, strangeness
from continuum._core.stitch.farewell import (
    counts_parts,
    in_line,
    in_line_may_begin,
    is_machine_made,
    may_be_note,
    says_more,
    says_whole,
    speaks,
    takes_leave,
)
from continuum._core.stitch.lazy import lazy
from continuum._core.stitch.leaks import (
    has_turns,
    may_be_turn,
    shows_tokens,
    token_may_begin,
    tokens_begin,
    turn_begins,
    turn_may_begin,
)
from continuum._core.stitch.spoken import RULE, SENTENCE_ENDS
from continuum._core.stitch.structure import open_fence
from continuum._core.stitch.talk import is_opener, scripts

_BEGINS = lazy(r"[\n<\[(（`]")
"""What everything begins with that may have to be trimmed, or stands behind."""
_PAIRED = ("<", ":::")
"""How wrappers begin that are no fences."""
_CLOSING_LINE = lazy(r"[ \t]*(`{3,}|~{3,})[ \t\r]*(?:\n|\Z)")
_SAID_BEHIND = 1000
"""Characters behind the end of a fence around the text that are still said to the reader; more is a text of its own."""
_FENCE_MAY_END = lazy(r"\r?\n?[ \t]*(?:`+|~+)?\s*\Z")
_RULE = lazy(r"\n[ \t\r]*\n[ \t]*(?:-{3,}|\*{3,}|_{3,})\Z")
"""Behind an empty line: elsewhere it underlines a heading, or closes what stands above a text."""
_LONGEST_BELOW, _SURELY_BELOW = 160, 40
"""Characters of a line below the rule that closes the frame around a text, if it asks or calls, and if it only says
something; more is a text of its own."""
_FRAME_MAY_END = lazy(
    rf"\n[ \t\r]*\n[ \t]*(?:-{{3,}}|\*{{3,}}|_{{3,}})[ \t]*(?:\n\s*[^\n]{{0,{_LONGEST_BELOW}}})?\s*\Z"
)
_LONGEST_FENCE, _LONGEST_NOTE = 200, 300
_UNENDED = ",;:'\"_"
"""What the last line of a reply that was not cut does not end with, letters and figures aside."""
_HEARD, _LEAST_HEARD = 8000, 1000
"""Characters of the text that tell whether somebody speaks in it, and below which they tell nothing."""
_REFUSAL = lazy(
    r"\s*(?:I'?m sorry|I am sorry|sorry|I apologi[sz]e|unfortunately|I hope (?:this|that)|(?:please )?let me know"
    r"|feel free|I (?:cannot|can't|can not|won't|am unable)|I'?m (?:unable|not able)|is there anything"
    r"|if you (?:have|need|would)|thank you)",
    re.I,
)


class Closing:
    """The end of one reply: what is held back of it until more came in, and what of it is no text.

    Args:
        left: the text before.
        wrapper: what closes the fence or tag that the reply opened around the text.
        repeats: the reply began with a repeat of the end of the text.
    """

    def __init__(self, left: str, wrapper: str | None, repeats: bool) -> None:
        self._left = left
        self._framed = wrapper == RULE and RULE_WITHIN.search(left) is None
        self._wrapper = None if wrapper == RULE else wrapper
        self._repeats = repeats
        self._fences = 0  # lines of fences emitted, so that a block inside does not close the wrapper
        self._mid_line = self._wrapper is None and left[-1:] not in ("", "\n")
        self._last = ""  # what was emitted last, white space aside
        self._said = ""  # the end of what was emitted

    def take(self, pending: str, *, final: bool) -> tuple[str, str]:
        """Split what is pending of the reply into what can be emitted, and what is still held, or `final`ly no text."""
        line = "x" if self._mid_line and self._wrapper else ""  # what goes on in the middle of a line opens no fence
        keep = max(0, (self._trim_from if final else self._hold_from)(line + pending) - len(line))
        if final and keep < len(pending) and not self._last and not pending[:keep].strip():
            keep = 0  # with what was trimmed goes the white space before it
        if keep and not final:
            self._fences += len(fence_lines(line + pending[:keep], self._wrapper)) if self._wrapper else 0
            self._mid_line = pending[keep - 1] != "\n"
        self._last = pending[:keep].rstrip()[-1:] or self._last
        self._said = (self._said + pending[:keep])[-_HEARD:]
        return pending[:keep], pending[keep:]

    def doubt(self) -> str:
        """At the end of the reply: what is strange about all of it, "" if nothing is."""
        return strangeness(self._left[-_HEARD:], self._said)

    def _hold_from(self, text: str) -> int:
        """Where the end of a reply begins that may have to be trimmed, as far as it came in."""
        wrapper = self._wrapper
        if wrapper is None and _BEGINS.search(text) is None:
            return len(text.rstrip())  # as most of a stream
        closed = _closed(text, wrapper, self._fences)
        if closed is not None:
            return len(text[:closed].rstrip())
        at = len(text.rstrip())
        if wrapper and wrapper.startswith(_PAIRED):
            begun = (size for size in range(min(len(wrapper), at), 0, -1) if wrapper.startswith(text[at - size : at]))
            at = len(text[: at - next(begun, 0)].rstrip())
        elif wrapper or self._may_be_stray(text):
            match = _FENCE_MAY_END.search(text, max(0, len(text) - _LONGEST_FENCE))
            at = match.start() if match is not None else at
            start = text.rfind("\n", 0, at) + 1
            if not text[start:at].strip(" \t`~") and text[start:at].strip():
                at = start  # whether it is the line of a fence is not seen yet
        at = min(at, token_may_begin(text))
        at = min(at, in_line_may_begin(text[:at]))
        line = _last_line(text[:at])
        if line is not None and (may_be_note(text[line:at]) or may_be_turn(text[line:at])):
            at = min(at, _before(text, line, wrapper))
        frame = _FRAME_MAY_END.search(text, max(0, len(text) - 2 * _LONGEST_BELOW)) if self._framed else None
        at = min(at, turn_may_begin(text), len(text) if frame is None else frame.start())
        return len(text[:at].rstrip())

    def _trim_from(self, text: str) -> int:
        """Where the end of a reply begins that is no text; the length of the text if all of it is.

        Any text may speak to its reader: leave is taken behind a rule or a wrapper, and elsewhere only where what
        stands before it does not speak.
        """
        wrapper = self._wrapper
        closed = _closed(text, wrapper, self._fences)
        if closed is not None:
            return closed
        end = self._turn(text[: self._token(text)])
        note = self._note(text[:end])
        if note is not None:
            end = note
        inner = _tagged_to(text[:end], wrapper)
        if inner is None and wrapper is None and self._may_be_stray(text[:end]):
            inner = _stray_fence(self._said, text[:end])
        return end if inner is None else inner

    def _may_be_stray(self, text: str) -> bool:
        """Whether the last line may close a fence that was never opened: the text has none."""
        if "`" not in text:
            return False
        _, ended, last = text[-_LONGEST_FENCE:].rstrip().rpartition("\n")
        if not ended and self._mid_line:
            return False
        return last.lstrip()[:1] == "`" and "```" not in self._left and in_code(self._left, None)

    def _token(self, text: str) -> int:
        """Where the tokens begin that the server should have kept for itself, if the text has no such elsewhere."""
        at = tokens_begin(text)
        if at == len(text):
            return at
        own = (self._left[-_HEARD:], self._said)
        return len(text) if shows_tokens(text[at:], f"{self._said[-2:]}{text[:at]}", own) else at

    def _turn(self, text: str) -> int:
        """Where the next turn of the conversation begins that the model made up, if the text has no such turns."""
        at = turn_begins(text)
        return len(text) if at == len(text) or has_turns(self._heard(text[:at])) else at + 1

    def _note(self, text: str) -> int | None:
        """Where a note to the reader begins that is the last line, with the white space and the rule before it."""
        body = text.rstrip()
        rule = _RULE.search(body, max(0, len(body) - 80))
        if rule is not None and self._is_framed(body[: rule.start()]):
            return rule.start() + 1
        line = _last_line(body)
        if line is None or body[-1] in _UNENDED:
            return in_line(body, 0) if line is None and body else None
        words = body[line:].strip()
        at = len(body[:line].rstrip())
        if body[at:line].count("\n") < 2 or body[line].isspace():
            return in_line(body, line)
        apart = _RULE.search(body[:at], max(0, at - 80))
        if not says_more(words):
            before = body[:at]
            if body[-1].isalnum() and not self._framed:
                return None
            wrapped = self._wrapper is not None and before.endswith(self._wrapper)
            heard = self._heard(before)
            leaves = takes_leave(words)
            if leaves or says_whole(words):  # the other questions take longer
                surely = apart is not None or wrapped or self._is_bare(before) or _is_foreign(words, heard)
                leaves = surely or (leaves and not _may_speak(heard))
            if apart is not None and _may_close_frame(words):
                leaves = leaves or self._is_framed(body[: apart.start()])
            if not (leaves or counts_parts(words, heard) or is_machine_made(words, heard)):
                return None
        if apart is not None:
            at = len(body[: apart.start()].rstrip())
        return at + body.startswith("\n", at)  # the line before it had an end

    def _is_framed(self, before: str) -> bool:
        """Whether the reply began with a rule, and the text has no other: then the next one ends it."""
        return self._framed and RULE_WITHIN.search(f"{self._said}{before}\n") is None

    def _is_bare(self, before: str) -> bool:
        """Whether leave may be taken behind `before`, the end of the reply so far: if that is only a repeat, for then
        it is all that the reply says, or JSON or bare code, which do not speak to their reader."""
        if not self._last and self._repeats and not before.strip():
            return True
        last = before.strip()[-1:] or self._last
        if last in JSON_ENDS and json_open(self._left):
            return True
        return last not in SENTENCE_ENDS and open_fence(self._left) is None and in_code(self._left, None)

    def _heard(self, before: str) -> str:
        """The end of the text, up to the note."""
        return f"{self._left[-_HEARD:]}{self._said}{before}"[-_HEARD:]


def _is_foreign(words: str, heard: str) -> bool:
    """Whether a line is in another script than the text."""
    own, other = scripts(heard), scripts(words)
    most = max(other, key=lambda script: other[script], default=-1)
    return 20 * own.get(most, 0) < sum(own.values())


def _may_speak(heard: str) -> bool:
    """Whether somebody speaks in the text, or there is too little of it to tell."""
    return len(heard) < _LEAST_HEARD or speaks(heard)


def _may_close_frame(words: str) -> bool:
    """Whether a line below the second rule around a text is none of the text."""
    if words[0] in "#|-*>`" or len(words) > _LONGEST_BELOW:
        return False
    return words[-1] in "?!？！" or len(words) <= _SURELY_BELOW


def _stray_fence(said: str, text: str) -> int | None:
    """Where the last line begins that closes a fence which was never opened."""
    found = [*FENCES.finditer(text)]
    if len(found) != 1 or _CLOSING_LINE.fullmatch(text.rstrip(), found[0].start()) is None or FENCES.search(said):
        return None
    return found[0].start()


def _closed(text: str, wrapper: str | None, fences: int) -> int | None:
    """Where the fence around the text is closed for good: what follows, if anything, is little, and opens none again.

    Who puts a text in a fence has ended it with the fence; behind it only the reader is spoken to.
    """
    if not wrapper or wrapper.startswith(_PAIRED):
        return None
    lines = fence_lines(text, wrapper)
    if (fences + len(lines)) % 2 == 0 or not lines:
        return None
    closing = _CLOSING_LINE.match(text, lines[-1])
    if closing is None or closing.group(1)[0] != wrapper[0] or len(text) - closing.end() > _SAID_BEHIND:
        return None
    return lines[-1]


def _tagged_to(text: str, wrapper: str | None) -> int | None:
    """Where the tag begins that closes the one around the text."""
    body = text.rstrip()
    if not wrapper or not wrapper.startswith(_PAIRED) or not body.endswith(wrapper):
        return None
    start = len(body) - len(wrapper)
    return start - text.endswith("\n\n", 0, start)


def _last_line(text: str) -> int | None:
    """Where the last line begins, if it is short enough for a note."""
    start = text.rfind("\n", max(0, len(text) - _LONGEST_NOTE)) + 1
    return start or None


def _before(text: str, line: int, wrapper: str | None) -> int:
    """Where the white space, the rule and the end of the wrapper before a line begin: what was held until it came."""
    at = len(text[:line].rstrip())
    rule = _RULE.search(text[:at], max(0, at - 80))
    if rule is not None:
        at = len(text[: rule.start()].rstrip())
    if wrapper and wrapper.startswith(_PAIRED):
        return len(text[: at - len(wrapper)].rstrip()) if text.endswith(wrapper, 0, at) else at
    return at


def fence_lines(text: str, wrapper: str) -> list[int]:
    """Where the lines of `text` begin that open or close a fence, if they may be those of `wrapper`."""
    found = ((match.start(), match.group(1)) for match in FENCES.finditer(text))
    return [at for at, mark in found if mark[0] == wrapper[0] and (mark[0] == "~" or len(mark) >= len(wrapper))]


def refuses(body: str) -> bool:
    """Whether all that came behind the anchor is one short paragraph that talks to the reader."""
    words = body.strip()
    if len(words) > 240 or "\n" in words or not body[:1].isspace():
        return False
    return _REFUSAL.match(words) is not None or is_opener(words)
