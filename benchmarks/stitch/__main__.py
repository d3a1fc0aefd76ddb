"""python -m benchmarks.stitch: how well cut-off answers are joined, beside the mechanisms of other projects.

Prints Markdown tables. Simulated joins of documents that every Python installation has (see
`benchmarks.stitch.documents`), of a folder of your own (`--corpus`), or ready-made cases (`--cases`); or the joins of
recorded replies of real models (`--recordings`). Simulated means: documents and behaviours are real, but who does
what how often is not; every behaviour weighs the same unless a figure says `mix`. `--strangers` takes the behaviours of
people who had not seen the rules (see `benchmarks.stitch.strangers`), in parts; of those that nobody is to know it
gives sums alone, so that it stays so.
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.stitch import cases, documents, mix, protocol, recordings, report, strangers
from benchmarks.stitch.peers import PEERS
from benchmarks.stitch.score import continuum_join, peer_join, run, shown_to

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.stitch.cases import Case

OBEY = (1.0, 0.9, 0.7, 0.5)
"""How often the simulated model begins with the anchor that it was asked for."""
RUNS = [(obey, reask) for obey in OBEY for reask in (False, True)]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(prog="python -m benchmarks.stitch", description=(__doc__ or "").partition("\n")[0])
    source = found.add_mutually_exclusive_group()
    source.add_argument("--corpus", type=Path, metavar="DIR", help="text files instead of the built-in documents")
    source.add_argument(
        "--cases", type=Path, metavar="PATH", help="ready-made cases: JSON lines, a folder of such, or a package"
    )
    source.add_argument(
        "--recordings",
        type=Path,
        nargs="*",
        metavar="FILE",
        help="judge recorded replies of real models alone (no FILE: those that come with the benchmark)",
    )
    found.add_argument("--strangers", action="store_true", help="behaviours of people who had not seen the rules")
    found.add_argument("--seed", type=int, default=1, help="of the cases (default 1)")
    found.add_argument("-n", "--n", type=int, default=40, help="cases of each behaviour (default 40)")
    found.add_argument("--anchor", type=int, default=0, help="ask for the last ANCHOR characters first")
    found.add_argument("--obey", type=float, default=1.0, help="how often the model does, 0 to 1 (default 1)")
    found.add_argument(
        "--by",
        choices=("behaviour", "kind", "confidence"),
        action="append",
        default=[],
        help="print these figures, too",
    )
    found.add_argument("--no-peers", action="store_true", help="score continuum alone")
    found.add_argument("--no-protocol", action="store_true", help="leave the engine's way of asking out")
    found.add_argument("--failures", type=int, default=0, metavar="N", help="show N joins that came out wrong")
    found.add_argument("-v", "--verbose", action="store_true", help="show every recorded join")
    found.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    found.add_argument("--readme", action="store_true", help="keep the figures, and write them into the README")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, score, print."""
    line = parser()
    chosen = line.parse_args(arguments)
    if chosen.n < 1 or chosen.anchor < 0 or not 0 <= chosen.obey <= 1:
        line.error("--n has to be 1 or more, --anchor 0 or more, --obey from 0 to 1")
    if chosen.readme and (
        chosen.recordings is not None
        or chosen.corpus
        or chosen.cases
        or chosen.anchor
        or chosen.no_peers
        or chosen.no_protocol
        or chosen.strangers
    ):
        line.error("--readme keeps the figures of the built-in documents, with all rows; leave the other options out")
    if chosen.strangers and (chosen.cases or chosen.recordings is not None):
        line.error("--strangers makes its own cases; leave --cases and --recordings out")
    figures_of = _recorded if chosen.recordings is not None else _strangers if chosen.strangers else _simulated
    try:
        figures = figures_of(chosen)
    except (OSError, ValueError) as error:
        line.error(str(error))
    if chosen.json:
        about = {"python": platform.python_version(), "system": platform.system(), "machine": platform.machine()}
        chosen.json.write_text(json.dumps({**about, **figures}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _real(paths: Sequence[Path]) -> tuple[list[recordings.RealJoin], dict[str, Any]]:
    """Recorded joins, and their figures."""
    files = paths or sorted(recordings.DATA.glob("*.jsonl"))
    found = recordings.joins(recordings.load(files))
    figures = {**report.real_figures(found), "began": recordings.mix(found), "obeyed": recordings.obeyed(found)}
    return found, figures


def _recorded(chosen: argparse.Namespace) -> dict[str, Any]:
    found, figures = _real(chosen.recordings)
    if not found:
        raise ValueError("no run in these recordings has a second reply")
    print(report.real_tables(figures))
    if chosen.verbose:
        print(f"\n{report.real_list(found)}")
    return {"real": figures}


def _simulated(chosen: argparse.Namespace) -> dict[str, Any]:
    texts: list[documents.Document] = []
    if chosen.cases:
        found = cases.load(chosen.cases, seed=chosen.seed, count=chosen.n, anchor=chosen.anchor, obey=chosen.obey)
    else:
        texts = _texts(chosen)
        found = cases.generate(texts, chosen.seed, chosen.n, chosen.anchor, chosen.obey)
    if not found:
        raise ValueError("no behaviour fits these documents")
    _, real = _real(())
    weights = mix.weights(real["began"])
    rows, missing = _rows(chosen, found, weights)
    judged = sum(case.expect != "gap" for case in found)
    about: dict[str, Any] = {
        "python": platform.python_version(), "seed": chosen.seed, "n": chosen.n, "cases": len(found), "judged": judged,
        "behaviours": len({case.behaviour for case in found}), "documents": len(texts),
        "digest": documents.digest(texts) if texts else "", "mix_size": sum(real["began"].values()),
    }  # fmt: skip
    print(
        f"{len(found):,} cases of {about['behaviours']} behaviours"
        + (f", {len(texts)} documents (digest {about['digest']})" if texts else "")
        + ". Right: the text equals the original, where nothing is missing.\n"
    )
    print(report.simulated_table(rows))
    print(f"\n{report.notes(rows[report.CONTINUUM])}")
    _say_more(chosen, rows, missing)
    simulated = {**about, "missing": missing, "rows": rows}
    figures: dict[str, Any] = {"simulated": simulated, "real": real}
    if not chosen.no_protocol and not chosen.cases and not chosen.anchor:
        runs = {(obey, reask): protocol.run(found, obey=obey, reask=reask) for obey, reask in RUNS}
        figures["protocol"] = {"runs": report.protocol_figures(runs, weights)}
        print(f"\n{report.protocol_table(figures['protocol']['runs'])}")
    report.show_failures(chosen.failures, found)
    if chosen.readme:
        # By kind and behaviour for continuum alone; the rest is in the file of --json.
        slim = {n: r if n == report.CONTINUUM else {**r, "behaviours": {}, "kinds": {}} for n, r in rows.items()}
        report.keep({**figures, "simulated": {**simulated, "rows": slim}})
    return figures


def _strangers(chosen: argparse.Namespace) -> dict[str, Any]:
    texts = _texts(chosen)
    found = {
        part: cases.generate(
            texts, chosen.seed, chosen.n, chosen.anchor, chosen.obey, behaviours=behaviours, loose=True
        )
        for part, behaviours in strangers.PARTS.items()
    }
    if not all(found.values()):
        raise ValueError("no behaviour fits these documents")
    rows: dict[str, dict[str, Any]] = {}
    missing: list[str] = []
    for part, made in found.items():
        rows[part], missing = _rows(chosen, made, {})
    counts = [
        f"{len(made):,} cases of {len({c.behaviour for c in made})} behaviours ({part})" for part, made in found.items()
    ]
    digest = documents.digest(texts)
    print(
        f"{', '.join(counts)}, {len(texts)} documents (digest {digest}). "
        "Right: the text equals the original, but for white space at the end.\n"
    )
    print(report.parts_table(rows))
    if chosen.by:
        print("\nThe known ones alone:")
    _say_more(chosen, rows["known"], missing)
    report.show_failures(chosen.failures, found["known"])
    about: dict[str, Any] = {
        "seed": chosen.seed,
        "n": chosen.n,
        "documents": len(texts),
        "digest": digest,
        "missing": missing,
    }
    for part in rows.keys() - {"known"}:
        rows[part] = {name: {"all": row["all"]} for name, row in rows[part].items()}
    return {"strangers": {**about, "rows": rows}}


def _texts(chosen: argparse.Namespace) -> list[documents.Document]:
    """The documents that are cut."""
    return documents.folder(chosen.corpus) if chosen.corpus else documents.standard()


def _say_more(chosen: argparse.Namespace, rows: dict[str, Any], missing: Sequence[str]) -> None:
    """Print which rows lack their package, and the tables that were asked for."""
    for name in missing:
        print(f"\n{name} left out: pip install '.[bench]' brings its package {PEERS[name].package}.")
    for by in chosen.by:
        print(f"\n{report.split_table(rows, f'{by}s')}")


def _rows(
    chosen: argparse.Namespace, found: Sequence[Case], weights: dict[str, float]
) -> tuple[dict[str, Any], list[str]]:
    """The figures of every row, and the names of those that lack their package."""
    rows = {report.CONTINUUM: report.figures_of(run(continuum_join, found), weights)}
    missing = []
    for name, peer in PEERS.items() if not chosen.no_peers else ():
        if peer.missing:
            missing.append(name)
            continue
        shown = [shown_to(peer, case) for case in found]
        rows[name] = report.figures_of(run(peer_join(peer), shown), weights)
    return rows, missing


if __name__ == "__main__":
    main()
