"""What is kept of a batch, and the promises of whoever keeps it.

A document is kept as the list of what its requests brought, in order: the machine is fed with them again on resume and
decides as it did (see `continuum._core.machine`), so no state of it has to be written down, and the record grows by
what was received and nothing else. Beside them stands the text so far of the one reply in flight: a crash is one more
truncation, and that text is adopted.

`SqliteJournal` (one machine) and `PostgresJournal` (many) implement the protocol, and one test suite runs over both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence

    from continuum._core.types import Usage
    from continuum.batch.job import Job, JobResult

DocumentState = Literal["pending", "running", "complete", "incomplete", "failed"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What one request brought.

    Attributes:
        number: counted from 0 within the document.
        request: fingerprint of the request, to notice on resume that it would be another one now.
        outcome: the `Response` or `Failure` as plain JSON values.
        elapsed: seconds of work on the document until then, pauses between runs not counted.
        cost: US dollars, None if unknown.
    """

    number: int
    request: str
    outcome: Mapping[str, Any]
    elapsed: float
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One document as the journal knows it, ready to be gone on with.

    Attributes:
        key: the journal's own number for it.
        number: its place in the input, counted from 0.
        job: what to draft.
        epoch: raised each time somebody takes the document up; whoever writes with an older one is refused.
        entries: what its requests have brought, in order.
        partial: the text so far of the reply that was in flight, empty if there is none.
        partial_request: fingerprint of the request that `partial` answers, and how it asked.
        next_number: of the entry that comes next.
        aside: tokens of entries that were set aside when it was reopened or released to be tried again.
        aside_cost: their US dollars, as far as known.
        damage: what of it is not what was written; it cannot be gone on with, and `entries` ends before that.
        excused: entries before that number are of an earlier try: what broke off then has its text here, and does not
            count against the provider any more.
    """

    key: int
    number: int
    job: Job
    epoch: int
    entries: Sequence[Entry] = ()
    partial: str = ""
    partial_request: str = ""
    next_number: int = 0
    aside: Usage | None = None
    aside_cost: float = 0.0
    damage: str = ""
    excused: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """Where a batch stands; from one aggregate query.

    Attributes:
        documents: how many there are in each state.
        rounds: rounds paid for so far.
        output_tokens, input_tokens: of all rounds.
        cost: US dollars of all rounds whose price is known.
        unpriced: rounds without a known price.
        characters: of the finished texts.
    """

    documents: Mapping[DocumentState, int] = field(default_factory=dict)
    rounds: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0
    characters: int = 0

    @property
    def total(self) -> int:
        """Documents in all."""
        return sum(self.documents.values())


class Journal(Protocol):
    """Keeps a batch. All methods may be called by many tasks at once.

    Attributes:
        interrupted: documents that were in flight when the run before was killed, so that at most as many requests are
            bought again; known after `begin()`.
        unsaved: what `put()` was given and could not keep, to this moment: (id of the document, outcome).

    What `put`, `finish` and `add` have returned from is on disk: it survives `kill -9` and power loss.
    """

    interrupted: int

    @property
    def unsaved(self) -> Sequence[tuple[str, Mapping[str, Any]]]: ...

    async def begin(self, settings: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Open the batch for work, exclusively where only one process may work on it.

        Args:
            settings: what the whole run asks with: provider, base_url, model, max_tokens, params, policy.

        Returns:
            None for a new batch, else the settings that it was begun with.

        Raises:
            JournalError: it is in use by another process, damaged, or written by a newer version.
        """
        ...

    async def amend(self, settings: Mapping[str, Any]) -> None:
        """Put other settings in place of those that the batch was begun with."""
        ...

    async def add(self, jobs: Iterable[tuple[int, Job]]) -> int:
        """Enter documents (place in the input, job); those known already are compared and left alone.

        Returns:
            How many of them were new.

        Raises:
            ChangedJobsError: jobs of the same ids ask for something else than those that are kept; the others are
                entered all the same.
            JournalError: an id stands twice in the input.
        """
        ...

    async def recall(self) -> int:
        """Enter all documents that are kept, as if the input had them again; returns how many."""
        ...

    def open_documents(self) -> AsyncIterator[Document]:
        """Take up unfinished documents of this run's input one by one: those begun first, then the others in input
        order. A document that is handed out is this caller's (`running`) until it is finished or released."""
        ...

    async def asking(self, document: Document) -> None:
        """The first request of it since it was taken up is about to leave: from now on it is in flight."""
        ...

    async def put(self, document: Document, entry: Entry) -> None:
        """Keep what a request brought; returns after it is on disk. It replaces the partial text.

        Raises:
            FencedError: somebody else has taken the document up since.
        """
        ...

    def put_partial(self, document: Document, number: int, request: str, text: str) -> None:
        """Keep the text so far of the reply in flight; returns at once, and is written soon.

        Args:
            document: whose reply it is.
            number: of the entry that the reply will be; what comes too late for it is not written.
            request: fingerprint of the request, and how it asked.
            text: all of it.
        """
        ...

    async def finish(self, document: Document, result: JobResult) -> None:
        """Keep the result; the document is done."""
        ...

    async def release(self, document: Document, *, again: bool = False) -> None:
        """Give an unfinished document back (`pending`); what is kept of it stays.

        Args:
            document: which one.
            again: what came after its last text (a failure, as a rule) is set aside, and what broke off before is
                excused, so that it is asked again.
        """
        ...

    def read(self, *states: DocumentState) -> Iterator[tuple[int, JobResult]]:
        """The sync twin of `results()`."""
        ...

    def results(self, *states: DocumentState) -> AsyncIterator[tuple[int, JobResult]]:
        """What came of the documents in these states (all of them, if none is named), in input order, streamed; memory
        does not grow with their number. One that is drafted again has what came of it before, until it is finished."""
        ...

    async def reopen(self, *states: DocumentState) -> int:
        """Make finished documents of these states pending again; returns how many. Their text stays, and so does what
        had come of them, until there is something newer; what came after
        it is set aside, and what broke off is excused, as by `release(again=True)`."""
        ...

    def ids(self) -> AsyncIterator[tuple[int, str, DocumentState]]:
        """Place in the input, id and state of all documents, in input order."""
        ...

    async def put_note(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep something else of the batch, in place of what was there under the key; on disk when it returns."""
        ...

    async def notes(self, prefix: str = "") -> dict[str, Any]:
        """What was kept so under keys with this beginning."""
        ...

    async def settings(self) -> Mapping[str, Any] | None:
        """What the batch was begun with; None if it was not."""
        ...

    async def summary(self) -> Summary:
        """Where the batch stands."""
        ...

    async def close(self) -> None:
        """Write what waits, and let go."""
        ...
