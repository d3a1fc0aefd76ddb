"""Characters that arrive in halves: servers that count in UTF-16 may cut one beyond U+FFFF in two.

JSON carries such halves (`"\\ud83d"`, then `"\\ude00"`) and no encoding of text does, so a request that showed one
could not be sent.
"""

from __future__ import annotations

import re
from typing import Any

HALF = re.compile(r"([\ud800-\udfff])")
REPLACEMENT = "\ufffd"
"""What stands for a half whose other half never came; also what servers send for a token that was cut inside one."""


def has_half(text: str) -> bool:
    """Whether there is a half in a text, alone or beside the other one."""
    return not text.isascii() and HALF.search(text) is not None


def join_halves(text: str) -> str:
    """Make one character of two halves that meet. A half on its own stays."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass") if has_half(text) else text


def sendable(value: Any) -> Any:
    """A JSON value whose texts any encoding can hold: halves that meet are joined, others replaced."""
    if isinstance(value, str):
        return HALF.sub(REPLACEMENT, join_halves(value)) if has_half(value) else value
    if isinstance(value, dict):
        return {name: sendable(part) for name, part in value.items()}
    return type(value)(map(sendable, value)) if type(value) in (list, tuple) else value


class Arrived:
    """What has arrived of one reply; halves that meet are joined, wherever the deltas were cut."""

    __slots__ = ("_half", "_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0
        self._half = ""  # the first half of a character, while the other one may come

    @property
    def text(self) -> str:
        """All of it."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return (self._parts[0] if self._parts else "") + self._half

    def take(self, delta: str) -> str:
        """Take a delta; return what there is more of now, without half of a character at its end."""
        delta, self._half = join_halves(self._half + delta), ""
        if "\ud800" <= delta[-1:] <= "\udbff":
            delta, self._half = delta[:-1], delta[-1]
        return self._add(delta)

    def rest_of(self, text: str) -> str:
        """What of a whole reply has not been taken yet: it is the next delta, and the last one."""
        self._half = ""
        return join_halves(text)[self._size :]

    def end(self) -> str:
        """Nothing follows: return the half that waits for the other one, if one does."""
        half, self._half = self._half, ""
        return self._add(half)

    def _add(self, text: str) -> str:
        if text:
            self._parts.append(text)
            self._size += len(text)
        return text
