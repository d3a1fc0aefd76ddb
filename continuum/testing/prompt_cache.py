"""The prompt cache of a simulated provider: what of a prompt was read from it, and what was written to it.

Both providers keep prefixes. Anthropic does so where the request says `cache_control`, up to the last message, and
finds every earlier prefix that ends with one; OpenAI does so for every prompt, in steps of 128 tokens. Neither keeps
what is shorter than its minimum. Prefixes are kept for ever here: real ones live for some minutes.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from continuum.testing.chat import Chat, Turn

_STEP = 128


class Cached(NamedTuple):
    """Tokens of one prompt."""

    read: int = 0
    written: int = 0


class PromptCache:
    """Remembers prefixes.

    Args:
        minimum: tokens of the shortest prefix that is kept.
        tokens_of: how many tokens a turn has in a prompt.
    """

    def __init__(self, minimum: int, tokens_of: Callable[[Turn], int]) -> None:
        self._minimum = minimum
        self._tokens_of = tokens_of
        self._known: set[bytes] = set()

    def take(self, chat: Chat) -> Cached:
        """What this request reads and writes."""
        anthropic = chat.wire == "anthropic"
        if anthropic and not chat.body.get("cache_control"):
            return Cached()
        digest, total, read, ends = hashlib.blake2b(chat.model.encode(), digest_size=12), 0, 0, []
        for turn in chat.turns:
            digest.update(f"\0{turn.role}\0{turn.text}".encode("utf-8", "surrogatepass"))
            total += self._tokens_of(turn)
            ends.append(digest.digest())
            if total >= self._minimum and ends[-1] in self._known:
                read = total
        if total < self._minimum:
            return Cached()
        if anthropic:
            self._known.add(ends[-1])
            return Cached(read, total - read)
        self._known.update(ends)
        return Cached(read - read % _STEP)

    def reset(self) -> None:
        """Forget everything."""
        self._known.clear()
