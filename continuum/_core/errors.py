"""One error tree.

::

    ContinuumError
    ├── ConfigurationError (ValueError)      the caller's arguments are wrong; raised before any request
    ├── MissingDependencyError (ImportError) an optional package is needed; the text names the extra
    ├── ProtocolError                        the state machine was driven in an order it does not allow
    ├── ProviderError                        the provider or the network failed; `.result` has what came before
    │   ├── RateLimitedError                 429 that outlasted every allowed wait
    │   ├── QuotaError                       quota or spend limit: no wait cures it
    │   └── RejectedError                    4xx: the request itself is refused
    ├── JournalError                         what was bought cannot be kept, or what was kept cannot be read
    │   ├── ChangedJobsError                 jobs of the same ids ask for something else than those that are kept
    │   ├── DamagedJournalError              some of it is not what was written; the rest can be read
    │   └── FencedError                      somebody else has taken the document up since
    └── IncompleteError                      asked for by `raise_for_incomplete()` or `on_incomplete="raise"`

Bought text is never thrown away: a `ProviderError` and an `IncompleteError` have a `result` with the text, seams and
usage so far. Of a batch, all that came is in the journal; what a `JournalError` kept from it is in its `unsaved`.
Truncation that could not be cured is a value (`Result.complete` is False), not an exception, unless the caller asks for
one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from continuum._core.types import Result


_LONGEST = 500  # characters of a provider's message, or of what is wrong with a value


class ContinuumError(Exception):
    """Base of all errors that continuum raises by itself."""


class ConfigurationError(ContinuumError, ValueError):
    """The caller's arguments are wrong or contradict each other. Nothing was sent."""


class MissingDependencyError(ContinuumError, ImportError):
    """An optional package is missing. The text says what to install."""


class ProtocolError(ContinuumError):
    """The state machine was driven in an order that it does not allow: a bug in the driver."""


class IncompleteError(ContinuumError):
    """The answer is not complete and the caller asked for an exception in that case.

    Attributes:
        result: everything that was received, stitched, with the reason why it ends where it does.
    """

    def __init__(self, result: Result) -> None:
        why = _why(result)
        super().__init__(
            f"the answer is incomplete ({result.reason!r}, finish reason {result.finish_reason!r}) after "
            f"{result.rounds} round(s) and {len(result.text)} characters{f': {why}' if why else ''}; "
            "the text so far is in .result.text"
        )
        self.result = result

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.result,)


def _why(result: Result) -> str:
    """What ended the run, where the reason alone leaves that open."""
    if result.failure is not None:
        return f"{type(result.failure).__name__}: {result.failure}"[:_LONGEST].rstrip(".")
    if result.reason == "invalid":  # of the text that is in the result, not of the copy that was to correct it
        judged = (segment.evidence for segment in reversed(result.segments) if segment.reason != "repair")
        return next(judged, "")[:_LONGEST]
    return ""


class JournalError(ContinuumError):
    """A batch's journal cannot be used as it is; the text says why, and what to do.

    Attributes:
        unsaved: what could not be written although it was paid for: pairs of the document's id and what its request
            brought, as plain JSON values.
    """

    def __init__(self, message: str, unsaved: Sequence[tuple[str, Mapping[str, Any]]] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.unsaved = tuple(unsaved)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.unsaved)


class ChangedJobsError(JournalError):
    """Jobs of the input ask for something else than the jobs of the same ids that the journal has.

    Attributes:
        ids: theirs.
    """

    def __init__(self, message: str, ids: Sequence[str]) -> None:
        super().__init__(message)
        self.ids = tuple(ids)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.ids)


class DamagedJournalError(JournalError):
    """Part of a journal is not what was written to it. Whoever reads results gets all that are whole before it comes.

    Attributes:
        ids: documents whose results are damaged.
    """

    def __init__(self, message: str, ids: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.ids = tuple(ids)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.ids)


class FencedError(JournalError):
    """Somebody else has taken the document up since; what this one writes for it is refused."""


class ProviderError(ContinuumError):
    """The provider refused or the network failed, and no retry is left or useful.

    Attributes:
        result: what earlier rounds and the received part of this one produced; text may be empty.
        status_code: HTTP status, None if the connection failed before one came.
        retry_after: seconds that the server asked to wait, None if it did not say.
    """

    def __init__(
        self,
        message: str,
        result: Result | None = None,
        status_code: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.result = result
        self.status_code = status_code
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.result, self.status_code, self.retry_after)


class RateLimitedError(ProviderError):
    """The provider limits the rate, and every allowed wait is used up."""


class QuotaError(ProviderError):
    """The account has no quota or credit left; waiting does not cure it."""


class RejectedError(ProviderError):
    """The provider refuses the request as it is (4xx)."""
