"""File names from ids: none leaves its folder, means a device, or is another document's on any usual file system."""

from __future__ import annotations

import hashlib
import re
import sqlite3
import unicodedata
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

INDEX: Final = "index.jsonl"
"""Stands beside the documents, so none is called like it."""
ENDING: Final = ".md"
INCOMPLETE: Final = ".incomplete"

_LONGEST: Final = 120  # bytes of one part: file systems take 255, encrypting ones 143, and endings come on top
_FORBIDDEN: Final = re.compile(r'[<>:"|?*\\\x00-\x1f\x7f]')
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|$)", re.IGNORECASE)
_UNSEEN: Final = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def safe_name(id: str) -> str:
    """A relative path without an ending for a document: the id where that is safe, else much of it and a hash.

    A slash makes a folder, as in `chapter/intro`. Two ids have the same name only if they differ in nothing but case,
    or if one was made to look like the hashed name of the other; `Names` sees to both.
    """
    *folders, last = unicodedata.normalize("NFC", id).split("/")
    parts = [_part(folder, folder=True) for folder in folders if folder]
    name = "/".join([*parts, _part(last, folder=False)])
    return name if name == id else hashed(name, id)


def hashed(name: str, id: str) -> str:
    """A name told apart from all others by a hash of the id."""
    return f"{name}-{hashlib.sha256(id.encode('utf-8', 'surrogatepass')).hexdigest()[:10]}"


def folded(name: str) -> str:
    """What is equal for two names that some file system takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def _part(text: str, *, folder: bool) -> str:
    kept = "".join("_" if unicodedata.category(c) in _UNSEEN else c for c in _FORBIDDEN.sub("_", text))
    kept = kept.encode("utf-8", "replace")[:_LONGEST].decode("utf-8", "ignore")
    kept = kept.strip().rstrip(". ")
    if not kept or kept.startswith("."):
        kept = f"_{kept.lstrip('.')}"
    if _DEVICES.match(kept):
        kept = f"_{kept}"
    ending = folded(kept)
    taken = ending.endswith(ENDING) or ending == INDEX if folder else ending.endswith(INCOMPLETE)
    return f"{kept}_" if taken else kept


class Names:
    """The names of all documents of a batch; of two that would be one, the first in the input has it plain."""

    def __init__(self) -> None:
        self._others: dict[str, str] = {}
        self._base = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._base.execute("pragma journal_mode=off")
        self._base.execute("pragma synchronous=off")
        self._base.execute("create table taken(name text primary key, id blob) without rowid")
        self._base.execute("begin")

    def add(self, ids: Iterable[str]) -> Self:
        """Give names to more ids, in input order; those that have one keep it. Only what is unusual stays in memory."""
        for id in ids:
            name = safe_name(id)
            while not self._take(name, id):
                name = self._others[id] = hashed(name, id)
        return self

    def _take(self, name: str, id: str) -> bool:
        insert = "insert into taken values (?, ?) on conflict do nothing"
        key, value = folded(name), id.encode("utf-8", "surrogatepass")
        if self._base.execute(insert, (key, value)).rowcount:
            return True
        found = self._base.execute("select id from taken where name = ?", (key,)).fetchone()
        return bool(found[0] == value)

    def of(self, id: str) -> str:
        """The name of an id that was added."""
        return self._others.get(id) or safe_name(id)

    def close(self) -> None:
        """Let go of the temporary file."""
        self._base.close()
