"""What was received and could not be kept: the disk is full, or the database does not come back."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from continuum._core.errors import FencedError, JournalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from continuum.batch.journal import Document, Entry


class Unsaved:
    """The entries that a journal could not write, so that whoever ends a run can hand them out."""

    def __init__(self) -> None:
        self._entries: dict[tuple[int, int], tuple[str, Mapping[str, Any]]] = {}

    def entries(self) -> list[tuple[str, Mapping[str, Any]]]:
        """See `Journal.unsaved`."""
        return list(self._entries.values())

    @contextmanager
    def until_kept(self, document: Document, entry: Entry) -> Iterator[None]:
        """Around the writing of an entry, which is unsaved if that fails, and no longer if it does not.

        Raises:
            FencedError: as it came; the document is somebody else's.
            JournalError: with all that is unsaved.
        """
        try:
            yield
        except FencedError:
            raise
        except JournalError as error:
            self._entries[document.key, entry.number] = document.job.id, entry.outcome
            raise JournalError(error.message, self.entries()) from error
        self._entries.pop((document.key, entry.number), None)
