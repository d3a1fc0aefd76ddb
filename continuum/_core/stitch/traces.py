"""Traces of a chat before the text: roles, thinking, tags around the answer, a fence closed and opened again."""

from __future__ import annotations

import re

from continuum._core.stitch.apart import goes_on_within
from continuum._core.stitch.lazy import lazy
from continuum._core.stitch.peel import Peel
from continuum._core.stitch.prior import PRIOR
from continuum._core.stitch.spoken import SURE, behind, fresh, introduced, spoken, within_line
from continuum._core.stitch.talk import announces, speaks_of_going_on

_NAMES = "assistant|ai|bot|chatbot|chatgpt|claude|gemini|助手|ассистент"
_TOKENS = (
    r"(?:(?:<\|[\w ]{2,30}\|>|<｜[^｜|\n]{2,30}｜>|<(?:start|end)_of_turn>)"
    r"(?:(?:assistant|model|final|commentary)(?=\W))?)+"
    r"(?:(?<=<\|message\|>)|(?<=｜>)|\s?\n+)"
)
_ANSWERS = "(?:final |my )?(?:answer|response|reply|output|continuation|result|text)"
_GO_ON = (
    "(?:please )?(?:continue|go on|keep going|proceed|carry on|next)|weiter(?:machen)?|mach weiter|continuez?|continúa"
    "|continua|sigue|prosegui|продолж(?:ай|айте|и|ить)|devam(?: et)?|kontynuuj|ga door|fortsätt|继续|繼續"
    "|続けて(?:ください)?|계속(?:해줘)?"
)
"""What is asked for a continuation in a word or two."""
_BEHIND = 24
"""Characters behind the name of who speaks from which on they tell whether the text goes on there."""
_ROLE = lazy(
    rf"\n*(?:(?P<token>{_TOKENS}|(?-i:assistantfinal))|(?:\*\*)?(?:{_NAMES})(?::\*\*|\*\*:|:|：)[ \n]\n*"
    rf"|#{{1,6}} (?:{_NAMES}|{_ANSWERS}):?\n+"
    rf"|(?:assistant|\[assistant\]:?|(?:> ?)?(?:{_GO_ON})[.!]?)\n+"
    rf"|(?:\*\*)?{_ANSWERS}(?::\*\*|\*\*:|:|：)[ \t]*\n+)",
    re.I,
)
_WHO = r"\n*(?:\*\*)?(?:user|human|you|用户|пользователь)(?::\*\*|\*\*:|:|：)[ \n]"
_ASKED = lazy(rf"{_WHO}[^\n]{{1,300}}\n+", re.I)
_ASKING = lazy(rf"{_WHO}[^\n]{{1,300}}\Z", re.I)
_THINK = r"(?:[a-z]{2,12}[:_])?(?:think|thinking|thoughts?|reasoning(?:_content)?|reflection|scratchpad|analysis|plan)"
_THOUGHT = lazy(
    rf"\n*(?:(?P<open><)(?P<tag>{_THINK})>|(?P<odd>[\[◁])(?P<name>think)[\]▷]"
    r"|(?P<channel><\|channel\|>analysis<\|message\|>|(?-i:analysis(?=[A-Z]))))",
    re.I,
)
_THOUGHT_ENDS = lazy(rf"</{_THINK}>", re.I)
_FINAL = lazy(r"(?:<\|end\|>)?(?:<\|start\|>)?assistant(?:<\|channel\|>)?final(?:<\|message\|>)?")
_REASONS = lazy(
    r"(?:Okay|OK|Alright|Hmm|So|Now|Wait|Let me|Let's|We|I|The user)\b[^\n]{0,100}"
    r"\b(?:the user|was cut|cut off|truncated|(?:need|have|want|should|asked|supposed)(?: me)? to"
    r" (?:continue|go on|begin|resume))\b"
)
"""How thoughts begin whose opening tag stood in the prompt."""
_ODD_ENDS = {"[": "[/THINK]", "◁": "◁/think▷"}
_THOUGHTS = 8192
"""Characters of a reply in which such thoughts end."""
_TAG = lazy(
    r"\n*<((?:[a-z]{1,20}[_-])?(?:continuation|continue[ds]?|answer|response|reply|output|completion|text|result|document"
    r"|rest|remaining|remainder|content|part|draft|section)(?:[_-][a-z0-9]{1,20})?)>\n*"
)
_OTHER_TAG = lazy(
    r"\n*<(?!(?:div|pre|code|details|summary|table|center|section)\b)([A-Za-z][\w-]{2,24})"
    r"(?: [\w-]+=[^<>\n]{0,200})?>\n+"
)
_TAG_OPEN = lazy(r"\n*<[A-Za-z][\w-]{2,24}(?: [^<>\n]{0,200})?\Z")
_CONTAINER = lazy(r"\n*:::[ \t]?\{?\w[^\n]{0,40}\n+")
_CLOSED = lazy(
    r"\s*?(?P<mark>`{3,}|~{3,})[ \t]*\n\s*(?P<talk>[^\n`~][^\n]*(?:\n+[^\n`~][^\n]*){0,5}?)\n+[ \t]*(?P=mark)[^\n`]*\n"
)
_OPENED_AGAIN = lazy(r"\s*?(?P<mark>`{3,}|~{3,})[ \t]*\n\s*(?P=mark)(?P<info>\w[^\n`]*)\n")
_CLOSES = lazy(r"\s*(?:`{3,}|~{3,})[ \t]*(?:\n\s*(?P<talk>[^\n`]*))?")
_NOTHING = lazy(
    r"\A\W*(?:"
    r"[^\n]{0,80}\b(?:already|now|above|previous|answer|document|response|text) [^\n]{0,40}\bcomplete\b"
    r"|[^\n]{0,80}\balready (?:provided|given|finished|written|covered|ended)\b"
    r"|(?:there is |there's )?no (?:further|more|additional) (?:content|text|output)"
    r"|(?:there is |there's )?nothing (?:left|more|further|else) to (?:add|continue|say|write)"
    r"|[^\n]{0,60}\bwas not cut off\b|(?:that|this) was the end of the (?:answer|document|text|response)"
    r"|[^\n]{0,60}\b(?:don't see|not sure|unclear) what [^\n]{0,40}\bcontinue\b|i can(?:not|'t) continue without\b"
    r"|done[.!] [^\n]{0,80}\b(?:questions?|anything)\b"
    r"|(?:以上|上|我|이)[^\n]{0,20}(?:已经完整|已经结束|没有更多|沒有更多|完了して|이미 완료|이미 완성)"
    r"|[^\n]{0,60}\b(?:bereits vollständig|déjà compl[eè]te?|(?:ya está|já está|già) complet[oa]|al volledig"
    r"|już kompletn\w*|уже (?:полн|законч)\w*|zaten tamam\w*)\b"
    r")[^\n]*\s*\Z",
    re.I,
)
_ANSWER = 300
"""Characters of a reply that only says that there is no more to come."""
_MARKUP = lazy(r"<[!?/]?[A-Za-z|]")
_SHOWN = 3000
"""Characters of the text that tell whether it is made of tags."""
_WAIT = 600
"""Characters in which a fence that was closed has to be opened again."""


def traces(left: str, head: str, open_fence: str | None, final: bool) -> list[Peel]:
    """All of them."""
    found: list[Peel] = [] if introduced(left) else _thinking(left, head, final)
    if not introduced(left):  # a text that shows how such things look, or consists of them, may well go on with one
        found += _role(left, head, final) if open_fence is None or within_line(left) else []
        found += _tag(left, head, final) if open_fence is None and _MARKUP.search(left[-_SHOWN:]) is None else []
    if final and _says_nothing(left, head):
        bits = PRIOR.nothing - PRIOR.nothing_within
        found.append(Peel(len(head), bits, "talk", foreign=len(head), spoken=True, other=True))
    if open_fence is not None:
        found += _closed(left, head, open_fence, final)
    return found


def _says_nothing(left: str, head: str) -> bool:
    """Whether the reply is a sentence of its own, in the middle of one of the text, that there is no more to come."""
    words = head.strip()
    if len(words) > _ANSWER or fresh(left) or words[:1].islower() or words.count('"') % 2:
        return False
    balanced = all(words.count(a) == words.count(b) for a, b in ("()", "[]", "{}", "「」"))
    return balanced and words[-1:] in ".!?。！？)" and _NOTHING.search(words) is not None


def _role(left: str, head: str, final: bool) -> list[Peel]:
    """The name of who speaks, perhaps behind what was asked."""
    asked = _ASKED.match(head)
    match = _ROLE.match(head, asked.end() if asked else 0)
    if match is None:
        asking = _ASKING.match(head) or (asked and len(head) < asked.end() + _BEHIND)
        return [Peel(len(head), 0.0, "a role", open=True)] if asking and not final and not fresh(left) else []
    said = match.group().strip()
    if match.group("token") and match.group("token") not in left:
        return [spoken(head, match.end(), PRIOR.token)._replace(what="a role")]
    if said in left or fresh(left) or (head[:1] == "\n" and asked is None):
        return []  # behind a line break the text may speak of anybody
    if left.endswith(" ") and match.group().endswith("\n"):
        return []  # where the next word is due it may be one
    if not final and len(head) < match.end() + _BEHIND:
        return [Peel(len(head), 0.0, "a role", open=True)]
    bits = PRIOR.role - PRIOR.role_asked * (asked is not None)
    bits -= PRIOR.role_glued * (left[-1:].isalnum() and (head[:1].isalnum() or head[:1] in "*[#"))
    bits -= PRIOR.apart_within * (match.group().endswith("\n") and goes_on_within(left, head, match.end()))
    ends = {match.end(), match.end() - (len(match.group()) - len(match.group().rstrip("\n")) > 1)}
    return [spoken(head, end, bits)._replace(what="a role") for end in ends]


def _thinking(left: str, head: str, final: bool) -> list[Peel]:
    """What the model thought, between tags or before the second of them."""
    end = thoughts(left, head, final)
    if end is None:
        return [Peel(len(head), 0.0, "thinking", open=True)]
    if not end:
        return []
    lines = head[end : end + 2].lstrip(" ").startswith("\n")
    found = behind(head, end, SURE, final) if lines or end == len(head) else [spoken(head, end, PRIOR.token)]
    return [peel._replace(what="thinking") if not peel.open else peel for peel in found]


def thoughts(left: str, head: str, final: bool) -> int | None:
    """How many characters of a reply are what the model thought before it answered; None if that is not seen yet."""
    match = _THOUGHT.match(head)
    if match is None:
        ends = None if "</" not in head[:_THOUGHTS] else _THOUGHT_ENDS.search(head, 0, _THOUGHTS)
        if ends is not None:
            return 0 if ends.group() in left else ends.end()
        waits = not final and len(head) < _THOUGHTS and not fresh(left) and _REASONS.match(head) is not None
        return None if waits else 0
    if match.group().strip() in left:
        return 0
    if match.group("channel"):
        ends = _FINAL.search(head, match.end())
        end = -1 if ends is None else ends.end()
    else:
        closing = f"</{match.group('tag')}>" if match.group("open") else _ODD_ENDS[match.group("odd")]
        end = head.lower().find(closing.lower(), match.end())
        end += len(closing) if end >= 0 else 0
    if end < 0:
        return 0 if final else None
    return end


def _tag(left: str, head: str, final: bool) -> list[Peel]:
    """A tag around the answer."""
    if not final and _TAG_OPEN.match(head):
        return [Peel(len(head), 0.0, "a tag", open=True)]
    match, bits = _CONTAINER.match(head), PRIOR.tag
    if match is not None:
        found = ":::" not in left and within_line(left) and not left.endswith(" ")
        return [spoken(head, match.end(), bits)._replace(what="a container", wrapper=":::")] if found else []
    match, bits = _TAG.match(head), PRIOR.tag
    if match is None:
        match, bits = _OTHER_TAG.match(head), PRIOR.tag_other
        if match is not None and goes_on_within(left, head, match.end()):
            bits -= PRIOR.apart_within
    if match is None or f"<{match.group(1)}" in left:
        return []
    bits += PRIOR.tag_blank * left.endswith(" ")
    closing, first = f"</{match.group(1)}>", head.index(">", match.end(1)) + 1
    ends = {first, min(first + 1, match.end()), match.end()}
    return [spoken(head, end, bits)._replace(what="a tag", wrapper=closing) for end in ends]


def _closed(left: str, head: str, open_fence: str, final: bool) -> list[Peel]:
    """The fence that is open was closed, something was said, and it was opened again."""
    match = _CLOSED.match(head, 0, 2 * _WAIT)
    if match is not None:
        talk = match.group("talk").strip()
        closes = within_line(left) and match.start("mark") == 0  # no line of code ends so
        if not (closes or speaks_of_going_on(talk)):
            return []  # a text has prose between its blocks of code
        bits = PRIOR.fence_closed if closes else PRIOR.talk - PRIOR.talk_slope * (announces(talk) - 6.0)
        return [spoken(head, match.end(), bits)._replace(what="a fence closed and opened", loose=False)]
    match = _OPENED_AGAIN.match(head)
    if (
        match is not None
        and within_line(left)
        and ("\n" not in head[: match.start("mark")] or open_fence.lstrip("`~") == match.group("info").strip())
    ):  # else one block has ended, and another begins
        return [spoken(head, match.end(), PRIOR.fence_again)._replace(what="a fence closed and opened", loose=False)]
    match = _CLOSES.match(head)
    if final or match is None or len(head) > _WAIT:
        return []
    said = (match.group("talk") or "").strip()
    if not said or speaks_of_going_on(said):
        return [Peel(len(head), 0.0, "fence", open=True)]
    return []
