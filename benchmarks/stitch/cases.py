"""Cases: what a client holds after each round, and the right answer."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.stitch.behaviours import ALL

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.stitch.documents import Document


@dataclass(frozen=True)
class Case:
    """One cut answer.

    Attributes:
        expect: `exact` (the text must equal gold), `nothing_new` (as well), or `gap` (it must be flagged).
        anchors: what chunk i + 1 was asked to begin with; empty if nothing was asked.
    """

    id: str
    behaviour: str
    chunks: list[str]
    gold: str
    expect: str = "exact"
    anchors: tuple[str, ...] = ()


def generate(documents: list[Document], seed: int, count: int, anchor: int = 0, obey: float = 1.0) -> list[Case]:
    """`count` cases of each behaviour. With `anchor`, the model repeats so many last characters, as often as `obey`."""
    found = []
    for name, behaviour in ALL.items():
        for i in range(count):
            rng = random.Random(f"{seed}/{name}/{i}")
            for _ in range(300):
                doc = rng.choice(documents)
                if not doc.cuts:
                    continue
                cut = rng.choice(doc.cuts)
                end = min(len(doc.text), cut + rng.randint(300, 4000))
                end = doc.text.rfind("\n", cut + 200, end) + 1 or end
                reply = behaviour(rng, doc, cut, end)
                if reply is None or not reply.text:
                    continue
                text, asked = reply.text, doc.text[max(0, cut - anchor) : cut] if anchor else ""
                if anchor and rng.random() < obey and reply.expect == "exact":
                    text = asked + doc.text[cut:end]
                left = doc.text[: cut - reply.lost]
                gold = doc.text[:cut] if reply.expect == "nothing_new" else doc.text[:end]
                found.append(Case(f"{name}-{i}", name, [left, text], gold, reply.expect, (asked,) if anchor else ()))
                break
    return found


def load(path: Path) -> list[Case]:
    """Cases from JSON lines with `id`, `behaviour`, `chunks`, `gold`, `expect` and perhaps `anchors`."""
    found = []
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            anchors = tuple(row.get("anchors") or ())
            found.append(
                Case(row["id"], row["behaviour"], row["chunks"], row["gold"], row.get("expect", "exact"), anchors)
            )
    return found
