"""The prompt cache of a simulated provider: what of a prompt was read from it, and what was written to it.

Both providers keep beginnings of prompts. Anthropic keeps those that end with a block which the request marks with
`cache_control` (marked at its top level: the last block of all), and looks for one that it has at the marked block and
the twenty before it. OpenAI keeps every beginning, in steps of 128 tokens, wherever messages end. Neither keeps what is
shorter than its minimum. Beginnings are kept for ever here: real ones live for some minutes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from continuum.testing.tokens import tokenize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from continuum.testing.chat import Chat, Turn

_STEP = 128
_LOOK_BACK = 20
_MARK = "cache_control"


class Cached(NamedTuple):
    """Tokens of one prompt."""

    read: int = 0
    written: int = 0


class _Block(NamedTuple):
    """A block of content: what it says, the tokens of the prompt up to its end, and whether it is marked."""

    said: str
    total: int
    marked: bool


class PromptCache:
    """Remembers beginnings.

    Args:
        minimum: tokens of the shortest beginning that is kept.
        tokens_of: how many tokens a turn has in a prompt.
        overhead: tokens of a turn besides those of its text.
    """

    def __init__(self, minimum: int, tokens_of: Callable[[Turn], int], overhead: int) -> None:
        self._minimum = minimum
        self._tokens_of = tokens_of
        self._overhead = overhead
        self._known: set[bytes] = set()

    def take(self, chat: Chat) -> Cached:
        """What this request reads and writes."""
        digest = hashlib.blake2b(f"{chat.wire} {chat.model}".encode(), digest_size=12)
        return self._by_mark(chat, digest) if chat.wire == "anthropic" else self._by_step(chat, digest)

    def _by_mark(self, chat: Chat, digest: Any) -> Cached:
        blocks, known = list(self._blocks(chat)), []
        if chat.body.get(_MARK):
            blocks[-1] = blocks[-1]._replace(marked=True)
        for block in blocks:
            digest.update(block.said.encode("utf-8", "surrogatepass"))
            known.append(digest.digest())
        read = written = 0
        for place, block in enumerate(blocks):
            if not block.marked or block.total < self._minimum:
                continue
            near = range(max(0, place - _LOOK_BACK), place + 1)
            read = max([read, *(blocks[at].total for at in near if known[at] in self._known)])
            written = block.total
        kept = zip(known, blocks, strict=True)
        self._known.update(at for at, block in kept if block.marked and block.total >= self._minimum)
        return Cached(read, max(written - read, 0))

    def _blocks(self, chat: Chat) -> Iterator[_Block]:
        total = 0
        for turn in chat.turns:
            content = turn.raw.get("content") if turn.role != "system" else chat.body.get("system")
            parts = content if isinstance(content, list) and content else [content]
            end, total = total + self._tokens_of(turn), total + self._overhead
            for number, part in enumerate(parts, 1):
                text = part.get("text") if isinstance(part, Mapping) else part
                total = end if number == len(parts) else total + len(tokenize(text if isinstance(text, str) else ""))
                bare = {k: v for k, v in part.items() if k != _MARK} if isinstance(part, Mapping) else part
                marked = isinstance(part, Mapping) and bool(part.get(_MARK))
                yield _Block(f"\0{turn.role}\0{json.dumps(bare, sort_keys=True)}", total, marked)

    def _by_step(self, chat: Chat, digest: Any) -> Cached:
        tokens = (
            token for turn in chat.turns for token in (*[f"\0{turn.role}"] * self._overhead, *tokenize(turn.text))
        )
        read = total = 0
        fresh = []
        while len(step := tuple(islice(tokens, _STEP))) == _STEP:
            digest.update("\0".join(step).encode("utf-8", "surrogatepass"))
            total += _STEP
            if total >= self._minimum:
                if digest.digest() in self._known:
                    read = total
                else:
                    fresh.append(digest.digest())
        self._known.update(fresh)
        return Cached(read)

    def reset(self) -> None:
        """Forget everything."""
        self._known.clear()
