"""Cases: what a client holds after each round, and the right answer."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.stitch.behaviours import ALL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from benchmarks.stitch.behaviours import Behaviour, Reply
    from benchmarks.stitch.documents import Document

EXPECT = ("exact", "nothing_new", "gap")
_TRIES = 900


class Plan(NamedTuple):
    """Enough to ask the simulated model again, with another cut."""

    document: Document
    cut: int
    end: int
    seed: str
    behaviours: Mapping[str, Behaviour] = ALL

    def reply(self, behaviour: str, cut: int, attempt: str = "") -> Reply | None:
        """What the model sends if it is shown the text up to `cut`; None if the behaviour does not fit there."""
        try:
            return self.behaviours[behaviour](random.Random(f"{self.seed}{attempt}"), self.document, cut, self.end)
        except IndexError:  # too near to an end of the text
            return None


@dataclass(frozen=True)
class Case:
    """One cut answer.

    Attributes:
        id: unique in its set.
        behaviour: what the model does.
        chunks: the replies.
        gold: the text that has to come out.
        expect: `exact` (the text must equal gold), `nothing_new` (as well), or `gap` (it must be flagged).
        anchors: what chunk i + 1 was asked to begin with; empty if nothing was asked.
        kind: of document.
        document: its name.
        loose: white space at the end does not count, as what the text has before a note behind it cannot be known.
        plan: how it was made; None for a case that was read from a file.
    """

    id: str
    behaviour: str
    chunks: Sequence[str]
    gold: str
    expect: str = "exact"
    anchors: Sequence[str] = ()
    kind: str = ""
    document: str = ""
    loose: bool = False
    plan: Plan | None = field(default=None, compare=False, repr=False)

    @property
    def joins(self) -> int:
        """How many there are."""
        return max(1, len(self.chunks) - 1)

    def came_out(self, text: str) -> bool:
        """Whether a joined text is the right one."""
        return text.rstrip() == self.gold.rstrip() if self.loose else text == self.gold


def generate(
    documents: Sequence[Document],
    seed: int,
    count: int,
    anchor: int = 0,
    obey: float = 1.0,
    *,
    behaviours: Mapping[str, Behaviour] = ALL,
    loose: bool = False,
) -> list[Case]:
    """`count` cases of each behaviour, fewer where it hardly fits the documents.

    With `anchor`, the model begins with so many last characters, as often as `obey`; otherwise it does what it does.
    `loose` cases are judged without the white space at their end.
    """
    usable = [doc for doc in documents if doc.cuts]
    if not usable:
        raise ValueError("no document is long enough to be cut; 600 characters are the least")
    found = []
    for name in behaviours:
        for i in range(count):
            case = _case(usable, behaviours, name, random.Random(f"{seed}/{name}/{i}"), anchor, obey)
            if case is not None:
                found.append(replace(case, id=f"{name}-{i}", loose=loose))
    return found


def _case(
    documents: Sequence[Document],
    behaviours: Mapping[str, Behaviour],
    name: str,
    rng: random.Random,
    anchor: int,
    obey: float,
) -> Case | None:
    for _ in range(_TRIES):
        doc = rng.choice(documents)
        cut = rng.choice(doc.cuts)
        end = min(len(doc.text), cut + rng.randint(300, 4000))
        end = doc.text.rfind("\n", cut + 200, end) + 1 or end
        plan = Plan(doc, cut, end, str(rng.getrandbits(32)), behaviours)
        reply = plan.reply(name, cut)
        if reply is None or not reply.text:
            continue
        text, asked = reply.text, doc.text[max(0, cut - anchor) : cut] if anchor else ""
        if anchor and rng.random() < obey and reply.expect == "exact":
            text = asked + doc.text[cut:end]
        gold = doc.text[:cut] if reply.expect == "nothing_new" else doc.text[:end]
        chunks, anchors = (doc.text[: cut - reply.lost], text), (asked,) if anchor else ()
        return Case(name, name, chunks, gold, reply.expect, anchors, doc.kind, doc.name, plan=plan)
    return None


def load(path: Path, *, seed: int = 1, count: int = 40, anchor: int = 0, obey: float = 1.0) -> list[Case]:
    """Ready-made cases.

    Args:
        path: a file of JSON lines (`.gz` as well) with `behaviour`, `chunks`, `gold` and perhaps `id`, `expect`,
            `anchors`, `kind` and `doc`; a folder of such files (`.jsonl`, `.jsonl.gz`); or a folder that is a Python
            package with the command `cases`, which is run with `--seed`, `-n` and, if asked for, `--anchor` and
            `--obey`, and prints them.
        seed, count, anchor, obey: for such a package; files hold what they hold.

    Raises:
        ValueError: there is nothing at `path`, no case in it, or one that cannot be read; the text names the line.
    """
    if path.is_file():
        found = list(_read(path))
    elif not path.is_dir():
        raise ValueError(f"{path} is neither a file nor a folder; --cases takes JSON lines")
    else:
        files = sorted(file for file in path.rglob("*") if file.name.endswith((".jsonl", ".jsonl.gz")))
        if files:
            found = [case for file in files for case in _read(file)]
        elif (path / "__main__.py").is_file():
            found = _run(path.resolve(), ["--seed", str(seed), "-n", str(count)], anchor, obey)
        else:
            raise ValueError(f"{path} holds no *.jsonl and is no package with a `cases` command")
    if not found:
        raise ValueError(f"{path} holds no case")
    return found


def _run(package: Path, options: list[str], anchor: int, obey: float) -> list[Case]:
    if anchor:
        options += ["--anchor", str(anchor), "--obey", str(obey)]
    path = os.pathsep.join([str(package.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", package.name, "cases", *options],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    if done.returncode:
        raise ValueError(f"`python -m {package.name} cases` failed: {done.stderr.strip()[-500:]}")
    return list(_parse(f"{package.name} cases", done.stdout.split("\n")))


def _read(path: Path) -> Iterator[Case]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        yield from _parse(str(path), lines)


def _parse(name: str, lines: Iterable[str]) -> Iterator[Case]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield _from_row(json.loads(line), number)
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{name}:{number} is not a case: {error!r}") from error


def _from_row(row: dict[str, Any], number: int) -> Case:
    chunks, gold, expect = row["chunks"], row["gold"], row.get("expect") or "exact"
    anchors = row.get("anchors") or ()
    if not isinstance(chunks, list) or len(chunks) < 2 or not all(isinstance(chunk, str) for chunk in chunks):
        raise ValueError("chunks is not a list of two or more texts")
    if not isinstance(gold, str) or not all(isinstance(anchor, str) for anchor in anchors):
        raise ValueError("gold and anchors have to be texts")
    if expect not in EXPECT:
        raise ValueError(f"expect={expect!r} is none of {', '.join(EXPECT)}")
    name, behaviour = str(row.get("id", number)), str(row["behaviour"])
    return Case(name, behaviour, chunks, gold, expect, anchors, str(row.get("kind", "")), str(row.get("doc", "")))
