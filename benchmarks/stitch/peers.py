"""How other projects join, written anew from descriptions of what they do; no line is theirs.

Each function joins two texts. What a project asks of the model, and when it asks, is not part of it, except for
Vercel's, whose mechanism is to show the model less (see `cut_back`). `PEERS` is the list that the benchmark prints.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_TOKENS = re.compile(r"\s*\S+")
_BLOCK = re.compile(r"[ \t]*(?:#{1,6}\s|[-*+>]\s|\d+[.)]\s|\||```|~~~)")


def concatenation(left: str, right: str) -> str:
    """Nothing between, nothing removed.

    What most continuation loops do: NVIDIA labs-OO-Agents, aider, hermes-agent, LiteLLM's length loop.
    """
    return left + right


def lexilux(left: str, right: str) -> str:
    """lexilux 2.8 (PyPI): the texts of all results joined with nothing between, so the same as plain concatenation."""
    return "".join((left, right))


def longest_overlap(left: str, right: str, shortest: int = 1, longest: int | None = None) -> str:
    """Drops the longest beginning of the reply that the text ends with.

    The textbook mechanism; NVIDIA's open loops and many gists have it.
    """
    limit = min(len(left), len(right), longest or len(right))
    for size in range(limit, shortest - 1, -1):
        if left.endswith(right[:size]):
            return left + right[size:]
    return left + right


def floor_16(left: str, right: str) -> str:
    """The longest exact overlap, but at least 16 characters: the usual remedy against chance."""
    return longest_overlap(left, right, 16)


def l0(left: str, right: str) -> str:
    """L0 (ai2070-l0, `continuation.py`): the longest exact overlap of 2 to 500 characters.

    L0 compares only the first streamed token; here the whole reply is compared, which is the better case.
    """
    return longest_overlap(left, right, 2, 500)


def jp(left: str, right: str) -> str:
    """jp (Rust, `EventChain`): the last 500 characters are held back and an overlap of 20 or more is looked for.

    At the end of the stream 3 are enough, and a reply that is at hand as a whole has ended.
    """
    return longest_overlap(left, right, 3, 500)


def unsloth(left: str, right: str) -> str:
    """unsloth Studio: an exact overlap of 12 to 400 characters; a reply that holds the text's first 48 replaces it."""
    head = left[:48]
    if len(left) > 48 and right.lstrip().startswith(head):
        return right
    return longest_overlap(left, right, 12, 400)


def summarize(left: str, right: str) -> str:
    """mvance/summarize (`streaming-merge`): the text sent again (90 % in common), else an overlap of 1 to 2,048."""
    same = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        same += 1
    if len(right) >= len(left) and same >= 0.9 * len(left):
        return right
    return longest_overlap(left, right, 1, 2048)


def qwen_code(left: str, right: str) -> str:
    """qwen-code (pull request 3966): an exact overlap of up to 4,000 characters with a floor, else a replayed block.

    The floor is 6 bytes and 4 characters, or 4 bytes if the overlap holds `#`, a bar, a backtick or a line break. A
    reply that begins with a Markdown block drops its longest beginning, 12 bytes or more, that stands at the start of
    a line in the last 400 characters.
    """
    for size in range(min(len(left), len(right), 4000), 0, -1):
        head = right[:size]
        if left.endswith(head):
            marked = any(mark in head for mark in "#|`\n")
            if len(head.encode()) >= (4 if marked else 6) and (marked or size >= 4):
                return left + right[size:]
            break
    if not _BLOCK.match(right):
        return left + right
    window = left[-400:]
    best = 0
    for start in [0, *(m.end() for m in re.finditer("\n", window))]:
        size = common_prefix(window[start:], right)
        if size > best and len(right[:size].encode()) >= 12:
            best = size
    return left + right[best:]


def vercel(left: str, right: str) -> str:
    """`continueSteps` of Vercel's AI SDK 3.4 to 4: blanks are not doubled.

    Before that the text is cut back to its last white space, and the model is shown no more (`cut_back`).
    """
    return left + (right.lstrip() if left[-1:].isspace() else right)


def cut_back(left: str) -> str:
    """What Vercel's `continueSteps` shows the model of a text, and keeps of it: all up to the last white space."""
    kept = re.sub(r"\S+\Z", "", left[-2000:])
    return left[:-2000] + kept if kept else left


def difflib_merge(left: str, right: str) -> str:
    """Two text mergers found on GitHub: joins at the longest block that both sides share, if it has 20 characters."""
    a, b = left[-2000:], right[:2000]
    match = difflib.SequenceMatcher(None, a, b).find_longest_match()
    if match.size < 20:
        return left + right
    return left[: len(left) - len(a) + match.a] + right[match.b :]


def whisper(left: str, right: str) -> str:
    """The merge of long audio in transformers (`_find_longest_common_sequence`), on words.

    Slides the two token lists over each other; the place with the best share of equal tokens (plus a ten-thousandth
    of how far they were slid) wins, and both are cut in the middle of what overlaps there.
    """
    a, b = _TOKENS.findall(left[-3000:]), _TOKENS.findall(right[:3000])
    best, cut = 0.0, (len(a), 0)
    for slid in range(1, len(a) + len(b) + 1):
        low_a, high_a = max(0, len(a) - slid), min(len(a), len(a) + len(b) - slid)
        low_b, high_b = max(0, slid - len(a)), min(len(b), slid)
        equal = sum(map(str.__eq__, a[low_a:high_a], b[low_b:high_b]))
        score = equal / slid + slid / 10000.0
        if equal > 1 and score > best:
            best, cut = score, ((low_a + high_a) // 2, (low_b + high_b) // 2)
    kept, dropped = "".join(a[cut[0] :]), "".join(b[: cut[1]])
    return _without_end(left, kept) + right[len(dropped) :]


def nemo(left: str, right: str) -> str:
    """The buffer merge of NeMo (`longest_common_subsequence_merge`), on words.

    The longest run of tokens that both sides share, one token or more; the reply goes on behind it, whatever it said
    before it and whatever the text says behind it.
    """
    a, b = _TOKENS.findall(left[-1500:]), _TOKENS.findall(right[:1500])
    match = difflib.SequenceMatcher(None, a, b, autojunk=False).find_longest_match()
    return left + right[len("".join(b[: match.b + match.size])) :]


def rapidfuzz(left: str, right: str) -> str:
    """rapidfuzz as people use it: align the last 200 characters with the reply, drop to there if 85 % are alike."""
    from rapidfuzz import fuzz

    tail, head = left[-200:], right[:4000]
    if len(tail) < 200 or len(head) < 200:
        return left + right
    found = fuzz.partial_ratio_alignment(tail, head, score_cutoff=85)
    return left + (right[found.dest_end :] if found is not None else right)


def edlib(left: str, right: str) -> str:
    """edlib, the aligner of genomics: the last 200 characters in the reply with at most 40 edits; drop to there.

    It knows 256 different characters; a pair with more is joined plainly.
    """
    library = importlib.import_module("edlib")

    tail, head = left[-200:], right[:4000]
    if len(tail) < 200 or len(head) < 100:
        return left + right
    try:
        found = library.align(tail, head, mode="HW", task="locations", k=40)
    except ValueError:
        return left + right
    return left + (right[found["locations"][0][1] + 1 :] if found["editDistance"] >= 0 else right)


def common_prefix(a: str, b: str) -> int:
    """Length of the common beginning."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if a[low:middle] == b[low:middle] else (low, middle - 1)
    return low


def _without_end(text: str, end: str) -> str:
    return text[: len(text) - len(end)] if end and text.endswith(end) else text


@dataclass(frozen=True)
class Peer:
    """A row of the benchmark.

    Attributes:
        join: joins the text so far and a reply.
        package: has to be installed for it; None: nothing.
        shows: what the model is shown of the text, and what is kept of it; None: all.
    """

    join: Callable[[str, str], str]
    package: str | None = None
    shows: Callable[[str], str] | None = None

    @property
    def missing(self) -> bool:
        """Whether its package is not installed."""
        return self.package is not None and importlib.util.find_spec(self.package) is None


PEERS: dict[str, Peer] = {
    "plain concatenation": Peer(concatenation),
    "lexilux": Peer(lexilux),
    "longest exact overlap": Peer(longest_overlap),
    "exact overlap of 16 or more": Peer(floor_16),
    "Vercel continueSteps": Peer(vercel, shows=cut_back),
    "qwen-code": Peer(qwen_code),
    "L0": Peer(l0),
    "jp": Peer(jp),
    "unsloth Studio": Peer(unsloth),
    "summarize": Peer(summarize),
    "difflib merge": Peer(difflib_merge),
    "HF Whisper LCS": Peer(whisper),
    "NeMo merge": Peer(nemo),
    "rapidfuzz alignment": Peer(rapidfuzz, "rapidfuzz"),
    "edlib alignment": Peer(edlib, "edlib"),
}
