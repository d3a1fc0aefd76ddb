"""How other projects join, written anew from descriptions of what they do. Each joins two texts."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def concatenation(left: str, right: str) -> str:
    """Nothing between, nothing removed: what most continuation loops do."""
    return left + right


def longest_overlap(left: str, right: str, shortest: int = 1, longest: int | None = None) -> str:
    """Drops the longest beginning of the reply that the text ends with."""
    limit = min(len(left), len(right), longest or len(right))
    for size in range(limit, shortest - 1, -1):
        if left.endswith(right[:size]):
            return left + right[size:]
    return left + right


def floor_16(left: str, right: str) -> str:
    """The longest overlap, but at least 16 characters."""
    return longest_overlap(left, right, 16)


def l0(left: str, right: str) -> str:
    """L0: the longest overlap of 2 to 500 characters."""
    return longest_overlap(left, right, 2, 500)


def qwen_code(left: str, right: str) -> str:
    """qwen-code: an overlap of up to 4,000 characters with a floor, else a replayed block."""
    for size in range(min(len(left), len(right), 4000), 0, -1):
        head = right[:size]
        if left.endswith(head):
            marks = any(mark in head for mark in "#|`\n")
            if len(head.encode()) >= (4 if marks else 6) and (marks or size >= 4):
                return left + right[size:]
            break
    window = left[-400:]
    for start in (m.end() for m in re.finditer("\n", window)):
        block = window[start:]
        if len(block) >= 12 and right.startswith(block):
            return left + right[len(block) :]
    return left + right


def vercel(left: str, right: str) -> str:
    """continueSteps of the AI SDK: the model sees the text up to its last white space, and blanks are not doubled."""
    return left + (right.lstrip() if left[-1:].isspace() else right)


def difflib_merge(left: str, right: str) -> str:
    """Joins in the middle of the longest block that both sides share, as two text mergers do."""
    a, b = left[-2000:], right[:2000]
    match = difflib.SequenceMatcher(None, a, b).find_longest_match()
    if match.size < 20:
        return left + right
    return left[: len(left) - len(a) + match.a] + right[match.b :]


def whisper(left: str, right: str) -> str:
    """The merge of long audio in transformers: slide the token lists over each other, join at the best share."""
    a, b = re.findall(r"\s*\S+", left[-3000:]), re.findall(r"\s*\S+", right[:3000])
    best, at = 0.0, 0
    for size in range(1, min(len(a), len(b)) + 1):
        equal = sum(x == y for x, y in zip(a[-size:], b[:size], strict=True))
        score = equal / size + size / 10000.0
        if equal > 1 and score > best:
            best, at = score, size
    if not at:
        return left + right
    middle = at // 2
    kept = len("".join(a[len(a) - at + middle :]))
    return left[: len(left) - kept] + right[len("".join(b[:middle])) :]


def nemo(left: str, right: str) -> str:
    """The buffer merge of NeMo: the longest common run of tokens, joined there whatever lies outside it."""
    a, b = re.findall(r"\s*\S+", left[-1500:]), re.findall(r"\s*\S+", right[:1500])
    match = difflib.SequenceMatcher(None, a, b, autojunk=False).find_longest_match()
    if match.size < 1:
        return left + right
    kept = len("".join(a[match.a :]))
    return left[: len(left) - kept] + right[len("".join(b[: match.b])) :]


def fuzzy(left: str, right: str) -> str:
    """A threshold on similarity: drop the head of the reply that is 85 % like the end of the text."""
    for size in (400, 200, 100, 50, 25):
        if (
            min(len(left), len(right)) > size
            and difflib.SequenceMatcher(None, left[-size:], right[:size]).ratio() > 0.85
        ):
            return left + right[size:]
    return longest_overlap(left, right, 10, 1000)


PEERS: dict[str, Callable[[str, str], str]] = {
    "plain concatenation": concatenation,
    "longest exact overlap": longest_overlap,
    "exact overlap of 16 or more": floor_16,
    "L0": l0,
    "qwen-code": qwen_code,
    "Vercel continueSteps": vercel,
    "difflib merge": difflib_merge,
    "HF Whisper LCS": whisper,
    "NeMo merge": nemo,
    "similarity threshold (rapidfuzz, lexilux)": fuzzy,
}
