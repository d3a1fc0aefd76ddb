"""Documents that every Python installation has, and where a model could have been cut.

| documents | kind | made of |
|---|---|---|
| `code-*` | code | the source of five modules of the standard library |
| `prose-*` | prose | six chapters of `pydoc_data.topics`, which is the language reference |
| `markdown-*` | markdown | docstrings, names and functions of three modules each: text, tables, lists, code |
| `json-entities` | json | `html.entities` |
| `csv-characters` | csv | names and categories out of `unicodedata` |
| `log-workers` | log | lines made up from a fixed seed |

Nothing is downloaded, and neither `test` nor `idlelib` is needed, which some distributions leave out. A module whose
source cannot be read (a library of byte code alone) is left out. The library's text changes with its version, so
figures are comparable only where the digest that the benchmark prints is the same. All are in English or code:
`--corpus DIR` brings the user's own, and the ready-made sets that `--cases` reads have other scripts.
"""

from __future__ import annotations

import hashlib
import html.entities
import importlib
import inspect
import json
import random
import re
import textwrap
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Pieces of about the size of the tokens of a language model.
_TOKEN = re.compile(r" ?[^\W\d_]{1,6}|\d{1,3}| ?[^\s\w]{1,3}|_|\n+|[ \t]+|.", re.S)
_TABLE = re.compile(r"^\|[^\n]*\n\|[ :|-]+\n", re.M)
SIZE = 24_000
"""Characters of the longest built-in document."""
SHORTEST = 1000
"""Characters below which a file of `--corpus` is left out: there is no room for two cuts."""
KINDS = {".md": "markdown", ".rst": "markdown", ".py": "code", ".js": "code", ".rs": "code", ".sql": "code",
         ".json": "json", ".csv": "csv", ".log": "log", ".html": "html", ".tex": "latex", ".txt": "prose"}  # fmt: skip
"""Which files of a folder are documents, and of what kind."""


def token_ends(text: str) -> list[int]:
    """Where tokens of a text end."""
    return [match.end() for match in _TOKEN.finditer(text)]


@dataclass(frozen=True, eq=False)
class Document:
    """A text with its kind: prose, code, json, csv, log, markdown or what a manifest calls it."""

    name: str
    kind: str
    text: str

    @cached_property
    def cuts(self) -> list[int]:
        """Where a model could have been cut: the ends of tokens, away from both ends of the text."""
        return [end for end in token_ends(self.text) if 200 <= end <= len(self.text) - 400]

    def line_start(self, index: int) -> int:
        """The start of the line that `index` is in."""
        return self.text.rfind("\n", 0, index) + 1

    @cached_property
    def _fences(self) -> list[re.Match[str]]:
        return list(re.finditer(r"^```[^\n]*\n", self.text, re.M))

    def fence_start(self, index: int) -> int | None:
        """Where the code in the fence begins that `index` is in; None outside of one."""
        before = [match for match in self._fences if match.end() <= index]
        return before[-1].end() if len(before) % 2 else None

    def table_top(self, line: int) -> re.Match[str] | None:
        """The header and separator of the table whose row starts at `line`; None if it is none."""
        if not self.text.startswith("|", line):
            return None
        tops = list(_TABLE.finditer(self.text, max(0, line - 4000), line))
        top = tops[-1] if tops else None
        rows = self.text[top.end() : line].splitlines() if top else []
        return top if all(row.startswith("|") for row in rows) else None


def standard() -> list[Document]:
    """The built-in corpus; the same on every machine with the same Python."""
    found = [
        Document(f"code-{name}", "code", source[:SIZE])
        for name in ("argparse", "json.decoder", "statistics", "tempfile", "textwrap")
        if (source := _source(name))
    ]
    found += [Document(f"prose-{i}", "prose", page[:SIZE]) for i, page in enumerate(_chapters())]
    found += [_entities(), _characters(), _log()]
    found.append(_markdown("markdown-text", ("string", "textwrap", "re")))
    found.append(_markdown("markdown-data", ("json", "statistics", "heapq")))
    return found


def digest(documents: Sequence[Document]) -> str:
    """Twelve characters that stand for names and texts of a corpus."""
    total = hashlib.sha256()
    for doc in documents:
        total.update(f"{doc.name}\0{doc.kind}\0{doc.text}\0".encode("utf-8", "surrogatepass"))
    return total.hexdigest()[:12]


def folder(path: Path) -> list[Document]:
    """The text files of a folder and of those below it.

    A file `manifest.json` may name their kinds: a list of objects with `file` and `kind`. Otherwise the kind is
    guessed from the name and the text. Files that are not UTF-8 text, or shorter than `SHORTEST`, are left out.

    Raises:
        ValueError: there is no folder of that name, or no document in it.
    """
    if not path.is_dir():
        raise ValueError(f"{path} is not a folder; --corpus takes a folder of text files")
    kinds, found = _manifest(path / "manifest.json"), []
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path).as_posix()
        if file.suffix.lower() not in KINDS or not file.is_file() or name == "manifest.json":
            continue
        try:
            text = file.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            continue
        if len(text) >= SHORTEST:
            found.append(Document(name.rpartition(".")[0], kinds.get(name) or _kind(file, text), text))
    if not found:
        raise ValueError(
            f"{path} has no text file of {SHORTEST} or more characters that ends in one of {' '.join(sorted(KINDS))}"
        )
    return found


def _manifest(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        return {str(row["file"]): str(row["kind"]) for row in json.loads(path.read_text(encoding="utf-8"))}
    except (ValueError, TypeError, KeyError):
        return {}  # a manifest of something else


def _kind(file: Path, text: str) -> str:
    kind = KINDS[file.suffix.lower()]
    if kind == "prose" and text.lstrip()[:1] in ("{", "[") and text.rstrip()[-1:] in ("}", "]"):
        return "json"
    if kind == "prose" and len(re.findall(r"^#{1,6} ", text, re.M)) > 3:
        return "markdown"
    return kind


def _source(module: str) -> str:
    try:
        return inspect.getsource(importlib.import_module(module))
    except (ImportError, OSError):
        return ""


def _chapters() -> list[str]:
    """The six shortest of the chapters that are long enough for several cuts."""
    try:
        topics: dict[str, str] = importlib.import_module("pydoc_data.topics").topics
    except ImportError:
        return []
    return [page for page in sorted(topics.values(), key=len) if len(page) >= 6000][:6]


def _entities() -> Document:
    rows = [{"name": name, "text": char, "codes": [ord(c) for c in char]} for name, char in html.entities.html5.items()]
    return Document("json-entities", "json", json.dumps({"entities": rows[:260]}, indent=2, ensure_ascii=False))


def _characters() -> Document:
    lines = ["code,name,category,width"]
    for code in range(0x391, 0x5D0):
        char = chr(code)
        name, width = unicodedata.name(char, ""), unicodedata.east_asian_width(char)
        lines.append(f"{code},{name},{unicodedata.category(char)},{width}")
    return Document("csv-characters", "csv", "\n".join(lines) + "\n")


def _log() -> Document:
    rng = random.Random(7)
    lines, minute = [], 0
    for _ in range(260):
        minute += rng.randint(0, 2)
        level, what = rng.choice(
            [("INFO", "request done"), ("INFO", "request done"), ("WARN", "queue is long"), ("ERROR", "timed out")]
        )
        stamp = f"2026-03-{1 + minute // 1440:02d} {minute // 60 % 24:02d}:{minute % 60:02d}:{rng.randint(0, 59):02d}"
        lines.append(f"{stamp} {level:5s} worker-{rng.randint(1, 4)} {what} in {rng.randint(1, 90)} ms")
    return Document("log-workers", "log", "\n".join(lines) + "\n")


def _markdown(name: str, modules: Sequence[str]) -> Document:
    """Text, a table, a list and code blocks about modules; only what does not change from one process to the next."""
    parts = ["# Notes on three modules\n"]
    for module in map(importlib.import_module, modules):
        about = inspect.cleandoc(module.__doc__ or "")[:700]
        parts.append(f"\n## `{module.__name__}`\n\n{about}\n\n| name | kind | lines |\n| --- | --- | --- |\n")
        names = [n for n in dir(module) if not n.startswith("_")][:24]
        for member in names:
            value = getattr(module, member)
            lines = len((inspect.getdoc(value) or "").splitlines())
            parts.append(f"| `{member}` | {type(value).__name__} | {lines} |\n")
        parts.append("\n")
        for member in names:
            value = getattr(module, member)
            if callable(value) and value.__doc__:
                parts.append(f"- **{member}**: {value.__doc__.strip().splitlines()[0]}\n")
        functions = [v for v in vars(module).values() if inspect.isfunction(v) and v.__module__ == module.__name__]
        for function in functions[:3]:
            code = textwrap.dedent(_source_of(function)).strip()
            parts.append(f"\n```python\n{code}\n```\n" if code else "")
    return Document(name, "markdown", "".join(parts))


def _source_of(function: object) -> str:
    try:
        return inspect.getsource(function)  # type: ignore[arg-type]
    except OSError:
        return ""
