"""What a server should have kept back at the end of a reply: tokens that end a turn, and the next turn, made up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from continuum._core.stitch.lazy import lazy

if TYPE_CHECKING:
    from collections.abc import Iterable

_ONE = r"<\|[\w ]{2,24}\|>|<[｜|][^｜|\n]{2,30}[｜|]>|<(?:start|end)_of_turn>|</s>|<eos>|\[(?:/?INST|EO[ST])\]"
_TOKEN = lazy(rf"(?:(?:{_ONE})\s*(?:(?:user|assistant|model|system|human)\b)?\s*)+\Z")
_TOKEN_MAY_END = lazy(
    r"<(?:[|｜/es][^\n<>]{0,30}>?)?\Z|\[(?:/?I?N?S?T?|EO?[ST]?)\Z"
    r"|(?:<[|｜][^\n<>]{1,30}>|</s>|<eos>|<(?:start|end)_of_turn>|\[(?:/?INST|EO[ST])\])[^.]{0,40}\Z"
)
"""What may be, or become, one of these, or several of them."""
_LONGEST_TOKEN = 80
_PAIRS = (
    ("</s>", r"<s[ >]|</s>"),
    ("[E", r"\[[A-Z]{3,6}\]"),
    ("[", r"\[/?INST\]"),
    ("<eos>", "<(?:[be]os|sep|pad|unk|mask|cls)>"),
    ("<end_of", "<(?:start|end)_of_turn>"),
    ("<start_of", "<(?:start|end)_of_turn>"),
    ("<", r"<[|｜]"),
)
"""Tokens, and what shows that the text has such things of its own."""
_MENTIONED = lazy(r"[\w,:+=] \Z")
_SHOWN = lazy(r"(?::[ \t]*\n[ \t]*\n|\n[ \t]+|\n[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+)\Z")
"""Below a colon and an empty line, indented, or an item of a list: one is shown."""
_ASKS = ("user", "human", "用户", "用戶", "ユーザー", "사용자", "пользователь")
_ANSWERS = ("assistant", "ai", "bot", "system", "助手", "ассистент", "instruction", "response")
_GOES_ON = (
    r"thank|danke|merci|gracias|dzięk|bedankt|спасибо|谢|謝|ありがと|감사|continue|go on|great|perfect|继续|weiter"
)
"""What a user says next, if a model makes it up."""
_LABEL = rf"\n[ \t\r]*\n(?:(?:\*\*|#{{1,4}} )?(?:{'|'.join(_ASKS)})(?:\*\*)?|### Instruction)[:：](?:\*\*)?"
_SAYS = rf"[^\n]{{0,60}}(?:{_GOES_ON})[^\n]{{0,60}}"
_ANSWERED = rf"\n\s*(?:\*\*|#{{1,4}} )?(?:{'|'.join(_ANSWERS)})\b"
_TURN = lazy(rf"{_LABEL}(?:\s*\Z|{_SAYS}(?:\Z|{_ANSWERED}))", re.I)
_MAY_BE_TURN = lazy(rf"{_LABEL}(?:[^\n]*\Z|{_SAYS}\n(?s:.*)\Z)", re.I)
_ANY_TURN = lazy(rf"^[ \t>*_#\"']*(?:{'|'.join(_ASKS + _ANSWERS)})[*_]*[:：]", re.I | re.M)
_LONGEST_TURN = 600
"""Characters of a turn that was made up; more is a text of its own."""


def tokens_begin(text: str) -> int:
    """Where the tokens begin that a text ends with; its length if it ends with none."""
    size = len(text.rstrip())
    match = _TOKEN.search(text, max(0, size - _LONGEST_TOKEN)) if size else None
    return len(text) if match is None else match.start()


def token_may_begin(text: str) -> int:
    """Where what may become such tokens begins, as far as it came in."""
    last = max(0, len(text) - _LONGEST_TOKEN)
    if text.find("<", last) < 0 and text.find("[", last) < 0:
        return len(text)
    match = _TOKEN_MAY_END.search(text, last)
    return len(text) if match is None else len(text[: match.start()].rstrip())


def shows_tokens(token: str, before: str, parts: Iterable[str]) -> bool:
    """Whether a text is about such tokens: the sentence that ends `before` names one, or it has others."""
    if _MENTIONED.search(before[-4:]) is not None or _SHOWN.search(before[-80:]) is not None:
        return True
    like = next(pattern for start, pattern in _PAIRS if token.startswith(start))
    return any(re.search(like, part) for part in (*parts, before))


def turn_begins(text: str) -> int:
    """Where the next turn of a conversation begins that a text ends with; its length if it does not."""
    match = _TURN.search(text, max(0, len(text) - _LONGEST_TURN))
    return len(text) if match is None else match.start()


def turn_may_begin(text: str) -> int:
    """Where what may become such a turn begins, as far as it came in; the length of the text if nothing may."""
    if "\n" not in text:
        return len(text)
    match = _MAY_BE_TURN.search(text, max(0, len(text) - _LONGEST_TURN))
    return len(text) if match is None else match.start()


def may_be_turn(line: str) -> bool:
    """Whether the beginning of a line may become that of the next turn."""
    words = line.strip("*# :：").casefold()
    return bool(words) and any(name.startswith(words) for name in (*_ASKS, "instruction"))


def has_turns(text: str) -> bool:
    """Whether a text has turns of a conversation of its own."""
    return _ANY_TURN.search(text) is not None
