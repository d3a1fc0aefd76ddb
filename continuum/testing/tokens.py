"""A deterministic tokenizer that cuts where real ones do: inside words, numbers, escapes and graphemes.

A token is a piece of a word of up to four characters with the space before it, one sign, one CJK character, one or
two line ends, or a run of up to four blanks. It is no model's vocabulary; it only has to be cheap, the same
everywhere, and unkind in the places where real vocabularies are.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice

_CJK = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"

_TOKEN = re.compile(rf"[{_CJK}]| ?[^\W{_CJK}]{{1,4}}| ?[^\w\s]|\n{{1,2}}|[^\S\n]{{1,4}}")

LONGEST = 5
"""The most characters that one token can have."""


def tokenize(text: str, limit: int | None = None) -> list[str]:
    """The tokens of `text`, at most `limit` of them. Joined, all tokens give `text` again."""
    if limit is None:
        return _TOKEN.findall(text)
    return [match.group() for match in islice(_TOKEN.finditer(text), limit)]


@lru_cache(maxsize=1024)
def count_tokens(text: str) -> int:
    """How many tokens `text` has. Remembered, because a history is counted again in every round."""
    return len(_TOKEN.findall(text))
