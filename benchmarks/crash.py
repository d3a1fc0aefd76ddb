"""Kills at random moments: documents lost or changed, acknowledged rounds bought twice, rounds in flight bought again.

The batch runs in a process that is killed with SIGKILL after a random time and begun again, until there were so many
kills; the last batch runs to its end. The provider labels each request with the entry that it was made for, and the
journal is read after every kill: an entry that is in it and is asked for again, or is not what it was, is a violation,
and so is a document whose text is not what it would have been. Nothing is timed.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import _common as common
from tests.batch.crash import torture

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill, print, and return 1 if anything was lost."""
    parser = common.parser(__doc__, runs=1)
    parser.add_argument("--kills", type=int, default=200, help="processes to kill (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments (default 1)")
    parser.add_argument("--backend", choices=["asyncio", "trio"], default="asyncio")
    options = parser.parse_args(arguments)
    texts = {f"d{number}": common.prose(3000 + 300 * number, seed=number) for number in range(8)}
    with tempfile.TemporaryDirectory() as folder:
        report = torture(
            Path(folder),
            kills=options.kills,
            seed=options.seed,
            texts=texts,
            documents=60,
            cap=800,
            concurrency=10,
            longest=1.5,
            backend=options.backend,
            chunk_tokens=8,
            delay=0.008,
        )
    header = [
        "kills",
        "processes",
        "requests",
        "bought again (in flight)",
        "partial replies gone on with",
        "violations",
    ]
    row = [report.kills, report.runs, report.requests, report.bought_again, report.adopted, len(report.violations)]
    text = common.table(header, [row]) + "".join(f"\n- {violation}" for violation in report.violations)
    common.report("Kills", text, {"report": asdict(report)}, options.json)
    return bool(report.violations)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
