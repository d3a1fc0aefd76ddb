"""Notices that it is not the documents that fail, but the account or the provider, before all rows are burnt on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from continuum._core.types import Response
    from continuum.batch.drafting import Drafted
    from continuum.batch.gate import Stop
    from continuum.batch.journal import Document

_ENOUGH: Final = 3  # documents in a row
_BROKE_OFF: Final = ("max_interruptions", "max_rounds")  # what ends a document whose replies do


class Suspect(NamedTuple):
    """A document that ended for a reason that may not be its own."""

    document: Document
    drafted: Drafted
    reason: Stop
    at: float


@dataclass(slots=True)
class _Account:
    suspects: list[Suspect] = field(default_factory=list)
    answered: float = float("-inf")  # when the last request that was answered had been sent


def suspicion(drafted: Drafted) -> Stop | None:
    """What the end of a document says of the account or the provider, if it may."""
    failure, result = drafted.failure, drafted.result
    if drafted.replied:  # unless that one broke off, the document has ended, or was cut at a ceiling of its own
        if result.finish_reason != "interrupted" or result.reason not in _BROKE_OFF:
            return None
        if failure is None:  # streams that end without a word
            return "outage"
    if failure is None:
        return None
    if failure.kind == "quota":
        return "quota"
    if failure.kind == "rejected" and failure.status_code in (401, 403):
        return "credentials"
    return "outage" if failure.kind in ("transient", "rate_limited") else None


class Breaker:
    """Holds documents that ended on such a failure until it is known whose fault it was.

    A request that was sent later and answered shows that the account works: then the documents have failed by
    themselves. Three of them in a row without that show that it does not. A reply that broke off is no such answer,
    whatever came of it: where all of them break, each document has some text, and none is ever whole.
    """

    def __init__(self) -> None:
        self._accounts: dict[tuple[str, ...], _Account] = {}

    def answered(self, lane: tuple[str, ...], sent_at: float, reply: Response) -> None:
        """A request that was sent then had this reply."""
        if reply.finish_reason == "interrupted":
            return
        account = self._accounts.setdefault(lane, _Account())
        account.answered = max(account.answered, sent_at)

    def hold(self, document: Document, drafted: Drafted, reason: Stop, now: float) -> bool:
        """Hold a document back; returns whether that makes enough of them."""
        account = self._accounts.setdefault(drafted.lane, _Account())
        account.suspects.append(Suspect(document, drafted, reason, now))
        return sum(suspect.at >= account.answered for suspect in account.suspects) >= _ENOUGH

    def cleared(self) -> list[Suspect]:
        """Documents that failed by themselves; they are held no longer."""
        found: list[Suspect] = []
        for account in self._accounts.values():
            found += [suspect for suspect in account.suspects if suspect.at < account.answered]
            account.suspects = [suspect for suspect in account.suspects if suspect.at >= account.answered]
        return found

    def rest(self) -> list[Suspect]:
        """All others; they are held no longer."""
        found = [suspect for account in self._accounts.values() for suspect in account.suspects]
        for account in self._accounts.values():
            account.suspects = []
        return found
