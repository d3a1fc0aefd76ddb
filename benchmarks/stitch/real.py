"""What a real model did at a join, and whether the joined text reads on there: judged by rules, without a right answer.

A real reply has no single right join to compare with: a model that is asked to go on seldom writes what it would have
written in one go. What can be told from the texts is whether the reader stumbles: a clause broken off, two words run
together, a passage said twice, talk to the user inside the document. The rules look at the characters at the join
alone and know nothing of meaning, so `reads on` is an upper bound.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Literal, NamedTuple

from continuum._core.stitch import open_structure

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["goes on", "anchor", "talk", "restart", "says again", "new fence", "new sentence", "nothing"]
"""What the reply begins with; see `kind_of`."""
Verdict = Literal["equal", "reads on", "gap", "double", "talk", "nothing new"]
"""What a reader finds at the join; see `judge`."""

KINDS: Sequence[Kind] = ("goes on", "anchor", "talk", "restart", "says again", "new fence", "new sentence", "nothing")
VERDICTS: Sequence[Verdict] = ("equal", "reads on", "nothing new", "gap", "double", "talk")

EQUAL = 24
"""Characters that have to agree with the single-shot text to call a join equal to it."""
_AGAIN = 30
"""Characters in a row that make a passage one that was said before."""
_LOOK = 200
_TALK = re.compile(
    r"\W*(?:(?:I'm|I am) (?:sorry|glad|here to)|I apolog|Sorry|Apologies|Sure\b|Certainly|Of course|Absolutely|"
    r"Awesome|Great[!,]|Here(?:'s| is| are) (?:the|a|an|another)\b[^.\n]*[:.]|You(?:'re| are) (?:right|welcome)|"
    r"You(?:'ve| have) already|Thank you|Continu(?:ing|ed)\b|I(?:'ll| will) (?:resume|continue|make sure|try)|"
    r"I can(?:not|'t)|"
    r"Let me (?:continue|know)|This (?:past )?sentence|Please (?:go ahead|let me|provide|note)|It seems that you|"
    r"Your (?:previous )?(?:message|answer|reply|text)\b|"
    r"The (?:text|message|previous (?:message|text|answer)) (?:was|is|has)\b|Go on\b|Begin your\b|Then go\b)",
    re.IGNORECASE,
)
_ENDED = re.compile(r"(?:[.!?…:。！？：][\"'”’»)\]*_`]*\s*|\n\s*|[{}\[\],;|]\s*\n\s*)\Z")
_UNIT = re.compile(r"\s*(?:[-*+•#>|]\s|#{1,6} |\d+[.)]\s|```|~~~|[\[{]\s*\n|\*\*)")


class Seen(NamedTuple):
    """One join: the text before, the text behind it, and whether the reply itself had said the end of the former."""

    before: str
    after: str
    verified: bool = False


def kind_of(left: str, reply: str, *, oracle: str = "", anchor: str = "") -> Kind:
    """What the reply begins with, before anything is removed from it.

    Args:
        left: the text so far, as the model saw it.
        reply: what it sent.
        oracle: how the same model went on when it was asked in place; "" if that is not known.
        anchor: what the reply was asked to begin with.
    """
    bare = reply.strip()
    if not bare:
        return "nothing"
    if agrees(reply, oracle):
        return "goes on"
    head = bare[:_LOOK]
    words = " ".join(anchor.split())
    if words and _shared(words, " ".join(reply[:1000].split())) >= min(12, len(words)):
        return "anchor"
    if _TALK.match(head):
        return "talk"
    if _starts_alike(left, bare):
        return "restart"
    if any(left.endswith(bare[:size]) for size in range(min(len(bare), len(left)), 7, -1)) or says_again(left, bare):
        return "says again"
    if bare.startswith(("```", "~~~")) and open_structure(left).fence is not None:
        return "new fence"
    return "goes on" if flows(left, reply) else "new sentence"


def judge(seen: Seen, *, oracle: str = "") -> Verdict:
    """What a reader finds at a join.

    `equal`: the first characters behind it are those of the single-shot text. `talk`: they speak to the user.
    `double`: they say again what stands before, which the single-shot text does not do there. `gap`: a clause, word or
    line breaks off there. `reads on`: none of it.
    """
    if not seen.after.strip():
        return "nothing new"
    if agrees(seen.after, oracle):
        return "equal"
    if _TALK.match(seen.after.lstrip()[:_LOOK]):
        return "talk"
    if says_again(seen.before, seen.after) and not says_again(seen.before, oracle):
        return "double"
    return "reads on" if seen.verified or flows(seen.before, seen.after, oracle=oracle) else "gap"


def agrees(text: str, oracle: str) -> bool:
    """Whether a text begins as the oracle's does, as far as the shorter of both and `EQUAL` go."""
    size = min(EQUAL, len(oracle))
    return size > 0 and text[:size] == oracle[:size]


def says_again(before: str, after: str) -> bool:
    """Whether the next line says what the text said before, word for word."""
    head = " ".join(after[:_LOOK].split())[:_AGAIN]
    return len(head) >= _AGAIN and head in " ".join(before[-20_000:].split())


def flows(before: str, after: str, *, oracle: str = "") -> bool:
    """Whether `after` can follow `before`: a new unit only where one had ended, no word broken, no two words glued."""
    if not before.strip() or not after.strip():
        return True
    first = after.lstrip()[0]
    blank = before[-1].isspace() or after[0].isspace()
    structure = open_structure(before[-20_000:])
    if structure.fence is not None:
        return after.lstrip()[:3] not in ("```", "~~~") and not _prose(after)
    if _ENDED.search(before):
        return blank or not first.isalnum() or not first.isascii()
    if _UNIT.match(after):
        return False
    if first in ".,;:!?)" and before[-1].isspace():
        return False
    if first.isalnum() and before[-1].isalnum() and not blank and first.isascii():
        return bool(oracle) and oracle[0].isalnum() and not first.isupper()
    if first.isascii() and first.isupper():
        word = re.match(r"\s*\w+", oracle)
        return word is not None and after.lstrip().startswith(word.group().strip())
    return True


def _prose(text: str) -> bool:
    """Whether a text inside a code block begins with a sentence."""
    line = text.strip().partition("\n")[0]
    return bool(re.match(r"[A-Z][a-z']+(?: [\w'`\"-]+){4,}", line))


def _starts_alike(left: str, reply: str) -> bool:
    """Whether the reply begins as the whole text does."""
    a, b = " ".join(left[:400].split())[:80], " ".join(reply[:400].split())[:80]
    return len(a) >= 24 and SequenceMatcher(None, a, b, autojunk=False).ratio() > 0.8


def _shared(anchor: str, head: str) -> int:
    """How many last characters of the anchor the head holds."""
    for size in range(len(anchor), 0, -1):
        if anchor[-size:] in head:
            return size
    return 0
