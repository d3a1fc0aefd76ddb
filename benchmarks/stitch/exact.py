"""python -m benchmarks.stitch.exact: what joining costs where nothing has to be joined.

Files are cut at the end of a token, and the reply goes on exactly there. Plain concatenation is right by definition,
and everything that a stitcher changes is damage: what it deletes, it deletes of the user's text. Unlike the documents
of `benchmarks.stitch` the files are many and nobody chose them: unless `--files` names other folders, the standard
library and the installed packages of the Python that runs this, the same number of cuts from each kind of file. So
the figures differ from one machine to another; those of the rows, on the same cuts, compare.

`--drafts` cuts texts such as language models write when they are asked for them (`drafts.jsonl`, written for
this): short ones, of records, sections or tests that are alike. The second record of such a text resembles the first,
and nothing before says that the text always goes on so; whoever takes it for a repeat with changes deletes it.

Nothing is timed. The table by kind has continuum's joins only.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks._common import table
from benchmarks.stitch.cases import Case
from benchmarks.stitch.documents import Document, token_ends
from benchmarks.stitch.peers import PEERS
from benchmarks.stitch.report import CONTINUUM, percent, show_failures
from benchmarks.stitch.score import Row, continuum_join, peer_join, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

KINDS = (".c", ".css", ".csv", ".h", ".html", ".js", ".json", ".md", ".pxd", ".py", ".pyi", ".pyx", ".rst", ".sql",
         ".toml", ".txt", ".xml", ".yaml", "METADATA")  # fmt: skip
"""Endings of the files that are cut; each is a kind."""
EXCERPT, REPLY = 7000, 1500
"""Characters of the text that is cut, and of a reply."""
DRAFTS = Path(__file__).parent / "drafts.jsonl"
_LARGEST = 4_000_000  # bytes
_BEGUN, _LEFT = 60, 20
"""Characters of a draft before the first cut, and behind the last."""
_CUTS = 5  # of each file


def files(folders: Iterable[Path]) -> dict[str, list[Path]]:
    """The files below these folders by kind, in a fixed order."""
    found: dict[str, list[Path]] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            kind = path.name if path.name in KINDS else path.suffix.lower()
            if kind in KINDS and path.is_file() and path.stat().st_size <= _LARGEST:
                found.setdefault(kind, []).append(path)
    return dict(sorted(found.items()))


def cut(found: dict[str, list[Path]], seed: int, count: int) -> list[Case]:
    """About `count` exact cuts of each kind of file: fewer where there are not so many files, `_CUTS` of each."""
    cases = []
    for kind, paths in found.items():
        rng, made = random.Random(f"{seed}{kind}"), 0
        for path in rng.sample(paths, len(paths)):
            if made >= count:
                break
            doc = Document(f"{path.parent.name}/{path.name}", kind, _excerpt(path, rng))
            for at in rng.sample(doc.cuts, min(_CUTS, len(doc.cuts))):
                chunks = (doc.text[:at], doc.text[at : at + REPLY])
                cases.append(Case(f"{kind}-{made}", "exact", chunks, "".join(chunks), kind=kind, document=doc.name))
                made += 1
    return cases


def cut_drafts(seed: int, count: int) -> list[Case]:
    """About `count` exact cuts of the drafts of each kind, and everything behind the cut as the reply."""
    places: dict[str, list[tuple[str, str, int]]] = {}
    for line in DRAFTS.read_text(encoding="utf-8").splitlines():
        draft = json.loads(line)
        name, text = draft["name"], draft["text"]
        ends = [end for end in token_ends(text) if _BEGUN <= end <= len(text) - _LEFT]
        places.setdefault(draft["kind"], []).extend((name, text, at) for at in ends)
    cases = []
    for kind, found in places.items():
        chosen = random.Random(f"{seed}{kind}").sample(found, min(count, len(found)))
        for made, (name, text, at) in enumerate(chosen):
            cases.append(Case(f"{kind}-{made}", "exact", (text[:at], text[at:]), text, kind=kind, document=name))
    return cases


def _excerpt(path: Path, rng: random.Random) -> str:
    """The beginning of a file, or from some line on; nothing of what is no UTF-8 text."""
    try:
        text = path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError):
        return ""
    start = 0 if rng.random() < 0.5 else text.find("\n", rng.randrange(max(1, len(text) - EXCERPT))) + 1
    return text[start : start + EXCERPT]


def _line(name: str, row: Row, files_cut: int | str) -> list[str]:
    return [
        name, f"{files_cut}", f"{row.cases:,}", percent(row.cases - row.right, row.cases),
        percent(row.unflagged, row.cases), percent(row.flagged, row.cases), f"{row.deleted:,}", f"{row.doubled:,}",
    ]  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(
        prog="python -m benchmarks.stitch.exact", description=(__doc__ or "").partition("\n")[0]
    )
    found.add_argument(
        "--files", type=Path, nargs="+", metavar="DIR", help="folders instead of this Python's own files"
    )
    found.add_argument("--drafts", action="store_true", help="texts such as language models write, instead of files")
    found.add_argument("--seed", type=int, default=1, help="of the cuts (default 1)")
    found.add_argument("-n", "--n", type=int, default=300, help="cuts of each kind (default 300)")
    found.add_argument("--no-peers", action="store_true", help="score continuum alone")
    found.add_argument("--failures", type=int, default=0, metavar="N", help="show N texts that were changed")
    found.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Cut, join, print."""
    line = parser()
    chosen = line.parse_args(arguments)
    folders = chosen.files or [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib")]
    if chosen.drafts and chosen.files:
        line.error("--drafts and --files: one or the other")
    cases = cut_drafts(chosen.seed, chosen.n) if chosen.drafts else cut(files(folders), chosen.seed, chosen.n)
    if not cases:
        line.error(f"no UTF-8 text of 600 or more characters below {', '.join(map(str, folders))}")
    ours = run(continuum_join, cases)
    rows = {CONTINUUM: ours.total()}
    for name, peer in PEERS.items() if not chosen.no_peers else ():
        if not peer.missing and peer.shows is None:
            rows[name] = run(peer_join(peer), cases).total()
    documents: dict[str, set[str]] = {}
    for case in cases:
        documents.setdefault(case.kind, set()).add(case.document)
    header = ["", "files", "cuts", "changed %", "changed, not flagged %", "flagged %", "deleted", "added"]
    whole = sum(map(len, documents.values()))
    print(f"{len(cases):,} exact cuts of {whole:,} files\n")
    print(table(header, [_line(name, row, whole) for name, row in rows.items()]))
    kinds = [_line(kind, row, len(documents[kind])) for kind, row in ours.kinds.items()]
    print(f"\n{table(['kind', *header[1:]], kinds)}")
    show_failures(chosen.failures, cases)
    if chosen.json:
        figures: dict[str, Any] = {
            "python": platform.python_version(), "seed": chosen.seed, "n": chosen.n, "files": whole,
            "rows": {name: row.to_dict() for name, row in rows.items()},
            "kinds": {kind: row.to_dict() for kind, row in ours.kinds.items()},
        }  # fmt: skip
        chosen.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
