"""Traces of a chat before the text: roles, thinking, tags around the answer, a fence closed and opened again."""

from __future__ import annotations

import re

from continuum._core.stitch.lazy import lazy
from continuum._core.stitch.peel import Peel
from continuum._core.stitch.prior import PRIOR
from continuum._core.stitch.spoken import SURE, behind, introduced, spoken
from continuum._core.stitch.talk import announces

_NAMES = "assistant|ai|bot|chatbot|model|response|answer|output|助手|ассистент"
_TOKENS = r"(?:(?:<\|[\w ]{2,30}\|>|<(?:start|end)_of_turn>|\[/INST\]|</?s>)(?:(?:assistant|model)(?=\W))?)+"
_ROLE = lazy(
    rf"\s*(?:(?P<token>{_TOKENS})\s?\n*"
    rf"|(?:\#{{1,4}}[ ]*|\*\*)?(?:{_NAMES})(?::\*\*|\*\*:|:|：)[ \n]\n*|assistant\n+)",
    re.I,
)
_ASKED = lazy(r"\s*(?:\*\*)?(?:user|human|you|用户|пользователь)(?::\*\*|\*\*:|:|：)[ \n][^\n]{1,300}\n+", re.I)
_THOUGHT = lazy(r"\s*<(think|thinking|thought|thoughts|reasoning|reflection|scratchpad|analysis|plan)>\s")
_TAG = lazy(r"\s*<(continuation|continue|continued|answer|response|reply|output|completion|text|result|document)>\n*")
_CLOSED = lazy(
    r"\s*?(?P<mark>`{3,}|~{3,})[ \t]*\n\s*(?P<talk>[^\n`~][^\n]*(?:\n+[^\n`~][^\n]*){0,5}?)\n+[ \t]*(?P=mark)[^\n`]*\n"
)
_CLOSES = lazy(r"\s*(?:`{3,}|~{3,})[ \t]*(?:\n\s*(?P<talk>[^\n`]*))?")
_NOTHING = lazy(
    r"\A\W*(?:"
    r"[^\n]{0,80}\b(?:already|now|above|previous|answer|document|response|text) [^\n]{0,40}\bcomplete\b"
    r"|[^\n]{0,80}\balready (?:provided|given|finished|written|covered|ended)\b"
    r"|(?:there is |there's )?no (?:further|more|additional) (?:content|text|output)"
    r"|(?:there is |there's )?nothing (?:left|more|further|else) to (?:add|continue|say|write)"
    r"|[^\n]{0,60}\bwas not cut off\b|(?:that|this) was the end of the (?:answer|document|text|response)"
    r"|[^\n]{0,60}\b(?:don't see|not sure|unclear) what [^\n]{0,40}\bcontinue\b|i can(?:not|'t) continue\b"
    r"|done[.!] [^\n]{0,80}\b(?:questions?|anything)\b"
    r"|[^\n]{0,20}(?:已经完整|已经结束|没有更多|沒有更多|完了して|以上です|이미 완료|이미 완성)"
    r"|[^\n]{0,60}\b(?:bereits vollständig|déjà compl[eè]te?|(?:ya está|já está|già) complet[oa]|al volledig"
    r"|już kompletn\w*|уже (?:полн|законч)\w*|zaten tamam\w*)\b"
    r")[^\n]*\s*\Z",
    re.I,
)
_ANSWER = 300
"""Characters of a reply that only says that there is no more to come."""
_WAIT = 600
"""Characters in which a fence that was closed has to be opened again."""


def traces(left: str, head: str, open_fence: str | None, final: bool) -> list[Peel]:
    """All of them."""
    found: list[Peel] = []
    if not introduced(left):  # or it shows how they look
        found += [*_role(left, head), *_thinking(left, head, final), *_tag(left, head)]
    if final and len(head) <= _ANSWER and _NOTHING.search(head) is not None:
        bits = PRIOR.nothing - PRIOR.nothing_within * (left.rstrip()[-1:] not in ".!?。！？")
        found.append(Peel(len(head), bits, "talk", foreign=len(head), spoken=True, other=True))
    if open_fence is not None:
        found += _closed(left, head, final)
    return found


def _role(left: str, head: str) -> list[Peel]:
    """The name of who speaks, perhaps behind what was asked."""
    asked = _ASKED.match(head)
    match = _ROLE.match(head, asked.end() if asked else 0)
    if match is None:
        return []
    said = match.group().strip()
    if match.group("token") and match.group("token") not in left:
        return [spoken(head, match.end(), PRIOR.token)._replace(what="a role")]
    if said in left:
        return []
    bits = PRIOR.role - PRIOR.role_asked * (asked is not None) - PRIOR.role_alone * match.group().endswith("\n")
    ends = {match.end(), match.end() - (len(match.group()) - len(match.group().rstrip("\n")) > 1)}
    return [spoken(head, end, bits)._replace(what="a role") for end in ends]


def _thinking(left: str, head: str, final: bool) -> list[Peel]:
    """What the model thought, between tags."""
    match = _THOUGHT.match(head)
    if match is None or f"<{match.group(1)}>" in left:
        return []
    end = head.find(f"</{match.group(1)}>")
    if end < 0:
        return [] if final else [Peel(len(head), 0.0, "thinking", open=True)]
    end += len(match.group(1)) + 3
    found = behind(head, end, SURE, final) or [spoken(head, end, PRIOR.token)]
    return [peel._replace(what="thinking") if not peel.open else peel for peel in found]


def _tag(left: str, head: str) -> list[Peel]:
    """A tag around the answer."""
    match = _TAG.match(head)
    if match is None or f"<{match.group(1)}" in left:
        return []
    return [spoken(head, match.end(), PRIOR.tag)._replace(what="a tag", wrapper=f"</{match.group(1)}>")]


def _closed(left: str, head: str, final: bool) -> list[Peel]:
    """The fence that is open was closed, something was said, and it was opened again."""
    match = _CLOSED.match(head, 0, 2 * _WAIT)
    if match is not None:
        score = announces(match.group("talk").strip())
        within = not left.endswith("\n")  # nobody closes a fence within a line
        if not score and not within:
            return []
        bits = PRIOR.talk - PRIOR.talk_slope * (score + 1.5 * within - 6.0)
        return [spoken(head, match.end(), bits)._replace(what="a fence closed and opened", loose=False)]
    match = _CLOSES.match(head)
    if final or match is None or len(head) > _WAIT:
        return []
    said = (match.group("talk") or "").strip()
    if not left.endswith("\n") or (said and announces(said)):
        return [Peel(len(head), 0.0, "fence", open=True)]
    return []
