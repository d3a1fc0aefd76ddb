"""Whether a reply can go on with a JSON text that was cut: JSON has a grammar, and names each key of an object once.

The grammar is that of RFC 8259, with what is found in the wild: several values in one text (JSON Lines), and comments
and a comma behind the last element where the text has shown them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from continuum._core.stitch.data import is_json
from continuum._core.stitch.lazy import lazy
from continuum._core.stitch.structure import in_json_string

if TYPE_CHECKING:
    from collections.abc import Iterator

_WINDOW = 1000
"""Characters at the end of a text that tell where in it one stands."""
_HEAD = 300
"""Characters of a reply that are read."""
_TOKEN = lazy(
    r'\s*+(?:(?P<string>"(?:[^"\\\n]|\\.)*+(?P<close>"|\\?\Z|))|(?P<mark>[\[\]{},:])'
    r'|(?P<comment>//[^\n]*+|/\*(?s:.*?)(?:\*/|\Z))|(?P<word>[^\s"\[\]{},:]++))'
)
_STRING_END = lazy(r'(?:[^"\\]|\\.)*+"')
_WORD = lazy(r"-?\d[\d.eE+-]*|true|false|null|NaN|-?Infinity")
_WORDS = ("true", "false", "null", "NaN", "Infinity", "-Infinity")
_ADDED = lazy(r"(?:^|[,\[{:])[ \t]*//|/\*|,\s*+[\]}]", re.M)
"""What JSON has not, but texts of its kind have: comments, and a comma behind the last element."""

_VALUE = {"string": "end", "word": "end", "{": "first key", "[": "first value"}
_END = {",": "next", "}": "end", "]": "end"}
_FOLLOWS = {
    "first key": {"string": "colon", "}": "end"},
    "key": {"string": "colon"},
    "colon": {":": "value"},
    "value": _VALUE,
    "first value": {**_VALUE, "]": "end"},
    "end": _END,
    "start": {"{": "first key", "[": "first value"},
    # Where the brackets around are out of sight.
    "any": {**_VALUE, **_END, ":": "value", "string": "either"},
    "either": {**_END, ":": "value"},
}
"""What may come, and what is expected behind it."""
_OUT_OF_SIGHT, _OUTSIDE = "?", "^"
_BEHIND_COMMA = {"{": "key", "[": "value", _OUT_OF_SIGHT: "any"}
_BEHIND_LAST_COMMA = {"{": "first key", "[": "first value", _OUT_OF_SIGHT: "any"}
_BEHIND_CLOSE = {"{": "end", "[": "end", _OUT_OF_SIGHT: "any", _OUTSIDE: "start"}
_CLOSES = {"{": "}", "[": "]", _OUT_OF_SIGHT: "}]"}


class _Level(NamedTuple):
    """What is open: a bracket, one out of sight, or nothing, which is outside; and what is around it.

    Attributes:
        bracket: `{`, `[`, `_OUT_OF_SIGHT` or `_OUTSIDE`.
        keys: those of the object so far.
        around: the level around it, None for the two that nothing is known to be around.
    """

    bracket: str
    keys: frozenset[str] = frozenset()
    around: _Level | None = None


class _Ended(Exception):
    """The JSON text is complete, and something else follows."""


class Syntax(NamedTuple):
    """Where in a JSON text one stands.

    Attributes:
        level: what is open.
        expects: what may come next, a key of `_FOLLOWS`.
        begun: the string or word that is not complete, as far as it was said.
        loose: the text has comments, or commas behind last elements.
    """

    level: _Level
    expects: str
    begun: str
    loose: bool

    def breaks(self, reply: str) -> bool:
        """Whether the text would be no JSON if `reply`, or its beginning, followed; another key of the same name in an
        object counts as well."""
        try:
            return _read(self.begun + reply[:_HEAD], self) is None
        except _Ended:
            return False


def syntax(text: str, fence: str | None) -> Syntax | None:
    """Where the end of `text` stands, if the text, or the block behind the open `fence`, is JSON that has no error."""
    if fence is not None:
        text = text.rpartition(f"{fence}\n")[2]
    if not is_json(text):
        return None
    start = max(0, text.rfind("\n", 0, max(0, len(text) - _WINDOW)))
    if len(text) - start > 2 * _WINDOW:  # long lines
        start = len(text) - _WINDOW
        while text[start - 1] == "\\":
            start -= 1
        if in_json_string(text[text.rfind("\n", 0, start) + 1 : start]):
            ended = _STRING_END.match(text, start)
            if ended is None:
                return None  # so long a string tells nothing
            start = ended.end()
    loose = _ADDED.search(text, start) is not None
    level, expects = (_Level(_OUT_OF_SIGHT), "any") if start else (_Level(_OUTSIDE), "start")
    try:
        return _read(text[start:], Syntax(level, expects, "", loose))
    except _Ended:
        return None


def _read(text: str, place: Syntax) -> Syntax | None:
    """Where one stands behind `text`, which begins at `place`; None if it breaks the grammar.

    Raises:
        _Ended: the value is complete, and no other follows.
    """
    level, expects, _, loose = place
    last = ""
    for kind, token, complete in _tokens(text, loose):
        after = _FOLLOWS[expects].get(kind)
        if after is None:
            if expects == "start":
                raise _Ended
            return None
        if not complete:
            return Syntax(level, expects, token, loose)
        said_before = after == "colon" and token in level.keys
        if said_before or (kind in "}]" and kind not in _CLOSES[level.bracket]):
            return None
        if after == "colon":
            level = level._replace(keys=level.keys | {token})
        elif kind in "{[":
            level = _Level(kind, frozenset(), level)
        elif kind in "}]":
            level = level.around or level
            after = _BEHIND_CLOSE[level.bracket]
        elif kind == ",":
            after = (_BEHIND_LAST_COMMA if loose else _BEHIND_COMMA)[level.bracket]
        elif kind == ":" and level.bracket == _OUT_OF_SIGHT:  # now it is known to be an object
            level = _Level("{", frozenset({last}), _Level(_OUT_OF_SIGHT))
        expects, last = after, token
    return Syntax(level, expects, "", loose)


def _tokens(text: str, loose: bool) -> Iterator[tuple[str, str, bool]]:
    """The kind of each token (a mark is its own kind), the token, and whether it is complete; comments are left out if
    the text is `loose`."""
    end = 0
    while (match := _TOKEN.match(text, end)) is not None:
        end, kind = match.end(), match.lastgroup or ""
        token = match[kind]
        if kind == "mark":
            yield token, token, True
        elif kind == "string":
            complete = match["close"] == '"'
            yield (kind if complete or end == len(text) else "error"), token, complete
        elif kind == "word":
            complete = end < len(text)
            yield (kind if _is_word(token, complete) else "error"), token, complete
        elif not loose:
            yield kind, token, True


def _is_word(token: str, complete: bool) -> bool:
    """Whether a word is a number or name that JSON has, or may become one."""
    if _WORD.fullmatch(token):
        return True
    return not complete and (token == "-" or any(word.startswith(token) for word in _WORDS))
