"""What is at the provider: the batches that were submitted, as they are noted, and where each request is."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PREFIX: Final = "batch/"
"""What the keys of the notes begin with."""

_LONGEST: Final = 24 * 3600.0  # seconds that a batch takes at most
_BY_PLACE: Final = re.compile(r"\d+-(\d+-[0-9a-f]{16})")  # as requests were called once: place, number, content


def name_of_document(id: str) -> str:
    """What the requests of a document are called by, wherever it stands in the input."""
    return "k" + hashlib.blake2b(id.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


@dataclass(slots=True)
class Submission:
    """A batch as noted.

    Attributes:
        number: counted from 0 within the run.
        names: the `custom_id`s of its requests.
        at: when it was submitted, in seconds since 1970.
        id: the provider's; None between the two notes.
        over: its answers have been handed out, or it was never created.
        failed_looks: looks at it that failed, in a row; not noted.
        problem: what happened when it was to be created, while nobody knows whether it was; not noted.
    """

    number: int
    names: Sequence[str]
    at: float
    id: str | None = None
    over: bool = False
    failed_looks: int = 0
    problem: Exception | None = None

    @classmethod
    def of_note(cls, key: str, note: Mapping[str, Any]) -> Submission:
        """From a note. Those of before did not say whether the batch is over; it is if it was created that long ago."""
        over = note.get("over", note["id"] is not None and note["at"] < time.time() - _LONGEST)
        return cls(int(key.removeprefix(PREFIX)), note["names"], note["at"], note["id"], over)

    @property
    def key(self) -> str:
        """Of its note."""
        return f"{PREFIX}{self.number}"

    def note(self) -> dict[str, Any]:
        """As it is noted."""
        return {"names": list(self.names), "at": self.at, "id": self.id, "over": self.over}


class Submitted:
    """Knows which request is in which batch."""

    def __init__(self) -> None:
        self._batches: dict[int, Submission] = {}
        self._home: dict[str, Submission] = {}
        self._asked: dict[str, str] = {}  # whose request it is, without its content, to its name
        self._by_place: dict[str, list[str]] = {}

    @property
    def next_number(self) -> int:
        """Of the batch that comes next."""
        return max(self._batches, default=-1) + 1

    def add(self, batch: Submission) -> None:
        """Enter a batch. What was never created holds its number only."""
        self._batches[batch.number] = batch
        for name in () if batch.over and batch.id is None else batch.names:
            self._home[name] = batch
            if (old := _BY_PLACE.fullmatch(name)) is not None:
                self._by_place.setdefault(old[1], []).append(name)
            else:
                self._asked[_whose(name)] = name

    def forget(self, batch: Submission) -> None:
        """Nothing is in this batch."""
        for name in batch.names:
            if self._home.get(name) is batch:
                del self._home[name]

    def find(self, name: str) -> str | None:
        """The name under which a request was submitted; None if it was not.

        It has been asked if one of the same document and number was, though the settings were others then: its answer
        is paid for. Of requests that were called by their place, which may be another one now, one of the same number
        and content does as well as the next; each is found once.
        """
        if name in self._home:
            return name
        asked = self._asked.get(_whose(name))
        if asked in self._home:
            return asked
        document, _, rest = name.partition("-")
        old = self._by_place.get(rest) if document else None
        while old:
            if (found := old.pop()) in self._home:
                return found
        return None

    def batches_of(self, names: Iterable[str]) -> list[Submission]:
        """The batches that some requests are in, in the order in which they were submitted."""
        numbers = {self._home[name].number for name in names if name in self._home}
        return [self._batches[number] for number in sorted(numbers)]

    def ids(self) -> set[str]:
        """The provider's ids of all batches, as far as known."""
        return {batch.id for batch in self._batches.values() if batch.id is not None}


def _whose(name: str) -> str:
    return name.rpartition("-")[0]


def from_notes(notes: Mapping[str, Any]) -> list[Submission]:
    """The batches in the order in which they were submitted."""
    return sorted((Submission.of_note(key, note) for key, note in notes.items()), key=lambda batch: batch.number)


def describe(batches: Sequence[Submission]) -> str:
    """Batches for people."""
    requests = sum(len(batch.names) for batch in batches)
    ids = ", ".join(batch.id or "one of which it is not known whether it was created" for batch in batches)
    hours = max(time.time() - min(batch.at for batch in batches), 0.0) / 3600
    return f"{requests:,} requests are in batches at the provider since {hours:.1f} h ({ids})"
