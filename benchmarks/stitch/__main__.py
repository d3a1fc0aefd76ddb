"""python -m benchmarks.stitch: prints a Markdown table of how well answers are joined."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.stitch import cases, documents, recordings
from benchmarks.stitch.peers import PEERS
from benchmarks.stitch.score import Row, continuum_join, peer_join, run


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stitch", description=__doc__)
    parser.add_argument("--corpus", type=Path, help="a folder of text files instead of the built-in documents")
    parser.add_argument(
        "--cases", type=Path, help="JSON lines of ready-made cases (id, behaviour, chunks, anchors, gold, expect)"
    )
    parser.add_argument("--recordings", type=Path, help="JSON lines of recorded replies; only these are scored")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-n", type=int, default=40, help="cases of each behaviour")
    parser.add_argument("--anchor", type=int, default=0, help="ask for the last ANCHOR characters first")
    parser.add_argument("--obey", type=float, default=1.0, help="how often the model does")
    parser.add_argument("--no-peers", action="store_true", help="score continuum alone")
    arguments = parser.parse_args()
    if arguments.recordings:
        print("\n".join(recordings.score(arguments.recordings)))
        return
    if arguments.cases:
        chosen = cases.load(arguments.cases)
    else:
        texts = documents.folder(arguments.corpus) if arguments.corpus else documents.standard()
        chosen = cases.generate(texts, arguments.seed, arguments.n, arguments.anchor, arguments.obey)
    rows = {"**continuum**": run(continuum_join, chosen)}
    if not arguments.no_peers:
        rows |= {name: run(peer_join(join), chosen) for name, join in PEERS.items()}
    print(
        f"{len(chosen)} joins; right: the text equals the original; unflagged: wrong and neither ambiguous nor a gap.\n"
    )
    print("| | right % (gaps aside) | unflagged % | ambiguous % | deleted | left double | ms median | ms p99 |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for name, table in rows.items():
        print(f"| {name} | {_summary(table)} |")
    print(
        "\n| behaviour | n | right % | unflagged | ambiguous | deleted | left double |"
        "\n|---|---:|---:|---:|---:|---:|---:|"
    )
    for behaviour, row in rows["**continuum**"].items():
        share = 100 * row.right / row.cases
        print(
            f"| {behaviour} | {row.cases} | {share:.1f} | {row.unflagged} | {row.ambiguous} "
            f"| {row.deleted} | {row.doubled} |"
        )


def _summary(table: dict[str, Row]) -> str:
    total, judged = Row(), Row()
    for behaviour, row in table.items():
        total.add(row)
        if behaviour != "gap":
            judged.add(row)
    times = sorted(total.times)
    figures = [
        f"{100 * judged.right / max(1, judged.cases):.1f}",
        f"{100 * total.unflagged / max(1, total.cases):.1f}",
        f"{100 * total.ambiguous / max(1, total.cases):.1f}",
        str(total.deleted),
        str(total.doubled),
        f"{times[len(times) // 2]:.2f}" if times else "",
        f"{times[int(len(times) * 0.99)]:.2f}" if times else "",
    ]
    return " | ".join(figures)


if __name__ == "__main__":
    main()
