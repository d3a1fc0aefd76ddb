"""What a reply may put behind the text: the end of a wrapper, a note that it will go on, a sign-off, a stop token."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from continuum._core.stitch.lazy import lazy
from continuum._core.stitch.talk import is_opener

if TYPE_CHECKING:
    from collections.abc import Callable

_CLOSING_LINE = lazy(r"[ \t]*(`{3,}|~{3,})[ \t\r]*(?:\n|\Z)")
_SAID_BEHIND = 1000
"""Characters behind the end of a fence around the text that are still said to the reader; more is a text of its own."""
_FENCE_MAY_END = lazy(r"\r?\n?[ \t]*(?:`+|~+)?\s*\Z")
_FENCE_LINE = lazy(r"^[ \t]*(?:`{3,}|~{3,})", re.M)
_RULE = lazy(r"\n[ \t\r]*\n[ \t]*(?:-{3,}|\*{3,}|_{3,})\Z")
"""Behind an empty line: elsewhere it underlines a heading, or closes what stands above a text."""
_TOKEN = lazy(r"(?:<\|(?:endoftext|im_end|eot_id|end|end_of_text)\|>|<end_of_turn>)\Z")
_LONGEST_TOKEN = 16
_LONGEST_FENCE, _LONGEST_NOTE = 200, 300
_MARKS = " \t*_([（【"
_UNENDED = ",;:'\"_"
"""What the last line of a reply that was not cut does not end with, letters and figures aside."""

# How a last line begins that is a note to the reader; behind it what the line has to say then. Case does not count.
_GOES_ON = lazy(
    r"[\[(*_（]{1,3}\s*(?:(?:to be )?continu(?:ed|es|ing)\b|(?:output|response|answer|message) truncated"
    r"|message limit reached|end of part \d.{1,5}(?:say|reply|type|send)\b|未完待续|待续|续|続く).{0,80}"
    r"[\])*_）]{1,3}"
    r"|(?:would you like|do you want|shall|should) (?:me|i) (?:to )?(?:continue|go on|proceed|keep going)\b.{0,80}\?"
    r"|(?:please )?(?:let me know|tell me|say) .{0,40}\bcontinue\b.{0,60}[.!]"
    r"|(?:please )?(?:type|reply|respond|send)(?: with)? [\"“'‘*]{1,3}(?:continue|go on|go|next|more)[\"”'’*]{1,3}"
    r".{0,30}\b(?:the rest|more|next part|remaining|i'll|i will)\b.{0,40}[.!]"
    r"|(?:需要我|要我|是否需要)继续.{0,20}[?？]|続けますか.{0,10}"
    r"|(?:soll ich|dois-je|¿quieres que|vuoi che|quer que eu) (?:weiter|fort|continu|prosegu|prossig|siga).{0,60}\?",
    re.I,
)
_GOES_ON_STARTS = """
    continue|continuing|to be continu|output trunc|response trunc|answer trunc|message trunc|message limit|end of part
    type|reply|respond|send|please type|please reply|please respond|please send|未完|待续|续|続
    需要我继续|要我继续|是否需要继续|would you like
    do you want|shall i |should i |please let me|please tell me|please say|let me know|tell me|say
    soll ich|dois-je|¿quieres que|vuoi che|quer que eu
"""
_LEAVE_STARTS = """
    let me know|please let me know|please tell me|feel free|please feel free|i hope this|hope this|hope that helps
    i hope that|is there anything else|happy coding|would you like me to|do you want me to
    希望对您|希望對您|希望这|お役に立て|도움이 되|надеюсь, это|n'hésitez pas|j'espère que|ich hoffe, das|sag bescheid
    lass mich wissen|espero que te|espero que isso|avísame|spero che|fammi sapere|laat me weten|daj znać|umarım bu
    semoga membantu|hy vọng|if you'd like, i|if you'd like me|if you’d like, i|if you’d like me
    if you want, i|if you want me|want me to|i can also turn|i can also provide|i can also add|i can also convert
"""
_WHOLE = lazy(
    r".*(?:\b(?:response|answer|message|continuation|cut[ -]off|full version"
    r"|complete (?:text|version|document|code|file)|let me know|feel free|would you like|tell me)\b|全部|修改)",
    re.I,
)
_WHOLE_STARTS = """
    this completes|this concludes|that completes|that concludes|that's everything|and that's everything|the response is
    the document is now|the answer is now|the code is now|i've now|i have now|以上就是
"""
_REFUSAL = lazy(
    r"\s*(?:I'?m sorry|I am sorry|sorry|I apologi[sz]e|unfortunately|I hope (?:this|that)|(?:please )?let me know"
    r"|feel free|I (?:cannot|can't|can not|won't|am unable)|I'?m (?:unable|not able)|is there anything"
    r"|if you (?:have|need|would)|thank you)",
    re.I,
)


def _by_first(*groups: str) -> dict[str, tuple[str, ...]]:
    """Beginnings of lines by their first character."""
    found: dict[str, list[str]] = {}
    lines = [line.strip(" ") for group in groups for line in group.strip().split("\n")]
    for start in itertools.chain.from_iterable(line.split("|") for line in lines):
        found.setdefault(start[0], []).append(start)
    return {first: tuple(starts) for first, starts in found.items()}


_LEAVES, _SAYS_WHOLE = _by_first(_LEAVE_STARTS), _by_first(_WHOLE_STARTS)
_STARTS = _by_first(_GOES_ON_STARTS, _LEAVE_STARTS, _WHOLE_STARTS)


def hold_from(text: str, *, wrapper: str | None, fences: int) -> int:
    """Where the end of a reply begins that may have to be trimmed, as far as it came in."""
    closed = _closed(text, wrapper, fences)
    if closed is not None:
        return len(text[:closed].rstrip())
    at = len(text.rstrip())
    if wrapper and wrapper.startswith("<"):
        start = text.rfind("<", max(0, at - len(wrapper)), at)
        if start >= 0 and wrapper.startswith(text[start:at]):
            at = len(text[:start].rstrip())
    elif wrapper:
        match = _FENCE_MAY_END.search(text, max(0, len(text) - _LONGEST_FENCE))
        at = match.start() if match is not None else at
        start = text.rfind("\n", 0, at) + 1
        if not text[start:at].strip(" \t`~") and text[start:at].strip():
            at = start  # whether it is the line of a fence is not seen yet
    token = text.rfind("<", max(0, at - _LONGEST_TOKEN))
    if token >= 0 and (text.startswith(("<|", "<end"), token) or len(text) - token < 4):
        at = len(text[:token].rstrip())
    line = _last_line(text[:at])
    if line is not None:
        words = text[line:at].lstrip(_MARKS).casefold()
        if not words.strip("-") or any(words.startswith(s) or s.startswith(words) for s in _STARTS.get(words[0], ())):
            at = min(at, _before(text, line, wrapper))
    return len(text[:at].rstrip())


def trim_from(text: str, *, wrapper: str | None, fences: int, bare: Callable[[str], bool]) -> int:
    """Where the end of a reply begins that is no text; the length of the text if all of it is.

    `wrapper` closes what the reply opened around the text, a fence or a tag; `fences` counts the fence lines emitted
    since, so that the closing line of a block inside is not taken for that of the wrapper. Any text may speak to its
    reader: leave is taken behind a rule or a wrapper, and elsewhere only if the caller says so: `bare` is asked with
    what stands before it.
    """
    closed = _closed(text, wrapper, fences)
    if closed is not None:
        return closed
    end = len(text)
    token = _TOKEN.search(text.rstrip(), max(0, len(text.rstrip()) - _LONGEST_TOKEN))
    if token is not None and text.count("<|", 0, token.start()) == 0:
        end = token.start()
    note = _note(text[:end], wrapper, bare)
    if note is not None:
        end = note
    inner = _tagged_to(text[:end], wrapper)
    return end if inner is None else inner


def _closed(text: str, wrapper: str | None, fences: int) -> int | None:
    """Where the fence around the text is closed for good: what follows, if anything, is little, and opens none again.

    Who puts a text in a fence has ended it with the fence; behind it only the reader is spoken to.
    """
    if not wrapper or wrapper.startswith("<"):
        return None
    lines = [match.start() for match in _FENCE_LINE.finditer(text)]
    if (fences + len(lines)) % 2 == 0 or not lines:
        return None
    closing = _CLOSING_LINE.match(text, lines[-1])
    if closing is None or closing.group(1)[0] != wrapper[0] or len(text) - closing.end() > _SAID_BEHIND:
        return None
    return lines[-1]


def _tagged_to(text: str, wrapper: str | None) -> int | None:
    """Where the tag begins that closes the one around the text."""
    body = text.rstrip()
    if not wrapper or not wrapper.startswith("<") or not body.endswith(wrapper):
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
    if wrapper and wrapper.startswith("<"):
        return len(text[: at - len(wrapper)].rstrip()) if text.endswith(wrapper, 0, at) else at
    return at


def _note(text: str, wrapper: str | None, bare: Callable[[str], bool]) -> int | None:
    """Where a note to the reader begins that is the last line, with the white space and the rule before it."""
    body = text.rstrip()
    line = _last_line(body)
    if line is None or body[-1].isalnum() or body[-1] in _UNENDED:
        return None
    words = body[line:].lstrip(_MARKS).casefold()
    at = len(body[:line].rstrip())
    if body[at:line].count("\n") < 2 or body[line].isspace():
        return None
    apart = _RULE.search(body[:at], max(0, at - 80))
    if not _GOES_ON.fullmatch(body[line:].strip()):
        leaves = words.startswith(_LEAVES.get(words[:1], ()))
        whole = words.startswith(_SAYS_WHOLE.get(words[:1], ())) and _WHOLE.match(words) is not None
        wrapped = wrapper is not None and body[:at].endswith(wrapper)
        if not ((leaves or whole) and (apart or wrapped or bare(body[:at]))):
            return None
    if apart is not None:
        at = len(body[: apart.start()].rstrip())
    return at + body.startswith("\n", at)  # the line before it had an end


def count_fences(text: str) -> int:
    """How many lines of `text` open or close a fence."""
    return len(_FENCE_LINE.findall(text))


def refuses(body: str) -> bool:
    """Whether all that came behind the anchor is one short paragraph that talks to the reader."""
    words = body.strip()
    if len(words) > 240 or "\n" in words or not body[:1].isspace():
        return False
    return _REFUSAL.match(words) is not None or is_opener(words)
