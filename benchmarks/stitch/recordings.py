"""Real replies of real models: how their joins read.

There is no right answer to compare with, so the joins are classed: what was removed, and what happens at the join that
plain concatenation would get wrong (talk, two words glued, a repeat, an echo).
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from continuum._core.stitch import Joiner, choose_anchor

if TYPE_CHECKING:
    from pathlib import Path

_GLUED = re.compile(r"\w\Z")
_QUOTED = re.compile(r"<<<(.*?)>>>", re.S)


def load(path: Path) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    """The replies of each run (model, tag, prompt, strategy), by round."""
    runs: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            runs[row["model"], row["tag"], row["prompt_id"], row["strategy"]].append(row)
    for replies in runs.values():
        replies.sort(key=lambda row: int(row["round"]))
    return runs


def score(path: Path) -> list[str]:
    """Markdown lines: how the first joins of each way of asking were made."""
    first: dict[str, Counter[str]] = defaultdict(Counter)
    for (_, _, _, strategy), replies in load(path).items():
        if strategy == "gold" or len(replies) < 2:
            continue
        joiner, left, reply = join_first(strategy, replies)
        assert joiner.join is not None
        text = joiner.join
        count = first[strategy]
        count["joins"] += 1
        count[text.kind] += 1
        count["flagged"] += text.ambiguous or text.kind == "gap"
        count["words glued"] += bool(
            _GLUED.search(left) and reply[text.removed : text.removed + 1].isalnum() and not text.inserted
        )
    kinds = ["anchor", "exact", "overlap", "near", "restart", "plain", "gap", "nothing_new", "flagged", "words glued"]
    lines = ["| first joins of | n | " + " | ".join(kinds) + " |", "|---" * (len(kinds) + 2) + "|"]
    for strategy, count in sorted(first.items()):
        lines.append(f"| {strategy} | {count['joins']} | " + " | ".join(str(count[kind]) for kind in kinds) + " |")
    return lines


def join_first(strategy: str, replies: list[dict[str, Any]]) -> tuple[Joiner, str, str]:
    """Join the second reply of a run to the first."""
    left, reply = str(replies[0]["text"]), str(replies[1]["text"])
    anchor = None
    if strategy.startswith("d"):
        asked = _QUOTED.search(replies[1]["request_messages_tail"][-1]["content"])
        anchor = asked.group(1) if asked else choose_anchor(left)
    in_place = strategy.startswith("a")
    joiner = Joiner(left, anchor=anchor, in_place=in_place, echo=left if in_place else None)
    joiner.feed(reply)
    joiner.finish()
    return joiner, left, reply
