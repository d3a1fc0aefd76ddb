"""python -m benchmarks.stitch.timing: what a join costs, and what the worst texts can make of it.

Inside the timer is one `continuum.stitch()` of two pieces, nothing else; CPU time of this process alone. The pieces are
the last 8,192 characters before the joins of `benchmarks.stitch` and the first 4,096 of the replies, and for the worst
texts a megabyte each. Beside each join stand, in the same run and on the same two pieces, the longest exact overlap by
`str.find` and one `difflib` block: read the ratios. After the timer the seams have to give back both pieces,
character for character.
"""

from __future__ import annotations

import argparse
import difflib
import json
import platform
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import continuum
from benchmarks._common import table
from benchmarks.stitch import cases, documents
from continuum._core.stitch import choose_anchor
from continuum._core.types import rebuild_raw

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LEFT, RIGHT = 8192, 4096
MEGABYTE = 1_000_000
WORST: dict[str, Callable[[int], tuple[str, str]]] = {
    "one letter": lambda n: ("a" * n, "a" * n),
    "one letter, then another": lambda n: ("a" * n, "a" * (n // 2) + "b" * (n // 2)),
    "two letters in turn": lambda n: ("ab" * (n // 2) + "x", "ab" * (n // 2)),
    "equal lines": lambda n: ("a\n" * (n // 2), "a\n" * (n // 2) + "b"),
    "equal rows": lambda n: ("| 0 | 0 |\n" * (n // 10), "| 0 | 0 |\n" * (n // 10)),
    "equal JSON elements": lambda n: ('[{"a": 0},\n' * (n // 11), '[{"a": 0},\n' * (n // 11)),
    "a rule of dashes": lambda n: ("-" * n, "-" * n),
    "tildes that are no fence": lambda n: ("x" * 50, "~" * n),
    "quotation marks": lambda n: ('"' * n, '"' * n),
    "blanks": lambda n: (" " * n, "x" + " " * n),
    "no character like its neighbours": lambda n: (
        "".join(chr(0x4E00 + i % 20_000) for i in range(n)),
        "".join(chr(0x4E00 + 7 * i % 20_000) for i in range(n)),
    ),
}


def by_find(left: str, right: str) -> int:
    """The longest exact overlap: candidates by `str.find`, each compared at once."""
    tail = left[-len(right) :]
    at = tail.find(right[:1])
    while at >= 0 and not right.startswith(tail[at:]):
        at = tail.find(right[:1], at + 1)
    return len(tail) - at if at >= 0 else 0


def by_difflib(left: str, right: str) -> int:
    """The longest block that both have in common."""
    return difflib.SequenceMatcher(None, left, right, autojunk=True).find_longest_match().size


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Milliseconds of CPU, and what came back."""
    start = time.process_time()
    found = call()
    return (time.process_time() - start) * 1000, found


def joined(left: str, right: str, anchor: str | None = None) -> float:
    """Milliseconds of CPU that one join takes; checked afterwards."""
    took, found = timed(lambda: continuum.stitch([left, right], anchors=[anchor]))
    if rebuild_raw(found.text, found.seams, 2) != (left, right):
        raise AssertionError(f"the seams of {right[:60]!r} do not give back what arrived")
    return took


def joins(seed: int, n: int) -> list[dict[str, Any]]:
    """Median, 99th percentile and highest cost of a join, with an anchor and without, beside both other ways."""
    pairs = [(case.chunks[0][-LEFT:], case.chunks[1][:RIGHT]) for case in cases.generate(documents.standard(), seed, n)]
    times: dict[str, list[float]] = {"no anchor": [], "anchor, obeyed": [], "str.find": [], "difflib": []}
    for left, right in pairs:
        anchor = choose_anchor(left)
        times["str.find"].append(timed(lambda left=left, right=right: by_find(left, right))[0])
        times["no anchor"].append(joined(left, right))
        if anchor is not None:
            times["anchor, obeyed"].append(joined(left.rstrip(), anchor + right, anchor))
        times["difflib"].append(timed(lambda left=left, right=right: by_difflib(left, right))[0])
    beside = statistics.median(times["difflib"])
    rows = []
    for name, found in times.items():
        found.sort()
        middle = statistics.median(found)
        rows.append(
            {
                "join": name,
                "joins": len(found),
                "median ms": middle,
                "p99 ms": found[int(len(found) * 0.99)],
                "highest ms": found[-1],
                "median, x difflib": middle / beside,
            }
        )
    return rows


def worst(size: int, runs: int) -> list[dict[str, Any]]:
    """The lowest cost of some runs for each of the worst texts, as neighbours on the machine only add to it."""
    rows = []
    for name, make in WORST.items():
        left, right = make(size)
        rows.append({"both pieces": name, "ms": min(joined(left, right) for _ in range(runs))})
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Time, check, print."""
    line = argparse.ArgumentParser(
        prog="python -m benchmarks.stitch.timing", description=(__doc__ or "").split("\n")[0]
    )
    line.add_argument("--seed", type=int, default=1, help="of the joins (default 1)")
    line.add_argument("-n", "--n", type=int, default=40, help="joins of each behaviour (default 40)")
    line.add_argument("--size", type=int, default=MEGABYTE, help="characters of the worst texts (default a million)")
    line.add_argument("--runs", type=int, default=5, help="of the worst texts (default 5)")
    line.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    chosen = line.parse_args(arguments)
    if min(chosen.n, chosen.size, chosen.runs) < 1:
        line.error("--n, --size and --runs have to be 1 or more")
    joins(chosen.seed + 1, 1)  # regular expressions and tables are made when first used
    figures = {"joins": joins(chosen.seed, chosen.n), "worst": worst(chosen.size, chosen.runs)}
    print(f"Python {platform.python_version()}, {LEFT} characters before the join and {RIGHT} behind it\n")
    for rows in figures.values():
        print(table(list(rows[0]), [list(row.values()) for row in rows]), end="\n\n")
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
