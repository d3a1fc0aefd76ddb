"""Documents that every Python installation has, and where a model could have been cut.

Code from the standard library, prose from `pydoc_data.topics`, JSON and CSV made of the Unicode tables, a log, and
Markdown with tables, lists and code blocks made of the library's own signatures. Nothing is downloaded.
`--corpus DIR` uses the text files of a folder instead.
"""

from __future__ import annotations

import html.entities
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
    from pathlib import Path

# Pieces of about the size of the tokens of a language model.
_TOKEN = re.compile(r" ?[^\W\d_]{1,6}|\d{1,3}| ?[^\s\w]{1,3}|_|\n+|[ \t]+|.", re.S)
SIZE = 24_000


@dataclass(frozen=True, eq=False)
class Document:
    """A text with its kind: prose, code, json, csv, log or markdown."""

    name: str
    kind: str
    text: str

    @cached_property
    def cuts(self) -> list[int]:
        """Where a model could have been cut: the ends of tokens, away from both ends of the text."""
        ends = (m.end() for m in _TOKEN.finditer(self.text))
        return [end for end in ends if 200 <= end <= len(self.text) - 400]

    def line_start(self, index: int) -> int:
        """The start of the line that `index` is in."""
        return self.text.rfind("\n", 0, index) + 1


def standard() -> list[Document]:
    """The built-in corpus; the same on every machine with the same Python."""
    import argparse
    import json.decoder
    import statistics
    import tempfile
    from pydoc_data import topics

    found = [
        Document(f"code-{m.__name__}", "code", inspect.getsource(m)[:SIZE])
        for m in (argparse, json.decoder, statistics, tempfile, textwrap)
    ]
    pages = sorted(topics.topics.values(), key=len)
    prose = [page for page in pages if len(page) >= 6000][:6]
    found += [Document(f"prose-{i}", "prose", page[:SIZE]) for i, page in enumerate(prose)]
    found += [_entities(), _characters(), _log(), _markdown()]
    return found


def folder(path: Path) -> list[Document]:
    """The text files of a folder; the kind is guessed from the name and the text."""
    found = []
    for file in sorted(path.iterdir()):
        if file.suffix not in (".txt", ".md", ".py", ".json", ".csv", ".log", ".rst"):
            continue
        with file.open(encoding="utf-8", newline="") as stream:
            text = stream.read()
        if len(text) > 1000:
            found.append(Document(file.stem, _kind(file, text), text))
    return found


def _kind(file: Path, text: str) -> str:
    if text.lstrip()[:1] in ("{", "["):
        return "json"
    if file.suffix == ".md" or text.count("\n#") > 3:
        return "markdown"
    return {".py": "code", ".csv": "csv", ".log": "log"}.get(file.suffix, "prose")


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


def _markdown() -> Document:
    import string
    import textwrap as wrap

    parts = ["# Notes on three modules\n"]
    for module in (string, wrap, re):
        parts.append(
            f"\n## `{module.__name__}`\n\n{(module.__doc__ or '').strip()[:700]}\n\n"
            "| name | kind | lines |\n| --- | --- | --- |\n"
        )
        names = [n for n in dir(module) if not n.startswith("_")][:24]
        for name in names:
            value = getattr(module, name)
            parts.append(f"| `{name}` | {type(value).__name__} | {len(str(value))} |\n")
        parts.append("\n")
        for name in names:
            value = getattr(module, name)
            if callable(value) and value.__doc__:
                parts.append(f"- **{name}**: {value.__doc__.strip().splitlines()[0]}\n")
        functions = [v for v in vars(module).values() if inspect.isfunction(v) and v.__module__ == module.__name__]
        for function in functions[:3]:
            parts.append(f"\n```python\n{textwrap.dedent(inspect.getsource(function)).strip()}\n```\n")
    return Document("markdown-modules", "markdown", "".join(parts))
