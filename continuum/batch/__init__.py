"""The drafting job: thousands of long documents, hours of work, and nothing that was paid for is lost or bought twice.

`job.py` says what is drafted and what comes of it, `journal.py` what is kept and in which order; the rest obeys them.
For callers of `continuum.arun_batch`, the names below stand here; they load when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from continuum._core.errors import ChangedJobsError, DamagedJournalError, FencedError, JournalError
    from continuum.batch.api import Batch, BatchReport
    from continuum.batch.connections import ManyConnections
    from continuum.batch.journal import Journal, Summary
    from continuum.batch.pacing import LaneState, Limits
    from continuum.batch.progress import Progress, Status
    from continuum.batch.sqlite import SqliteJournal
    from continuum.batch.via_api import ViaBatchApi

__all__ = [
    "Batch",
    "BatchReport",
    "ChangedJobsError",
    "DamagedJournalError",
    "FencedError",
    "Journal",
    "JournalError",
    "LaneState",
    "Limits",
    "ManyConnections",
    "Progress",
    "SqliteJournal",
    "Status",
    "Summary",
    "ViaBatchApi",
]

_HOMES = {
    "continuum._core.errors": ("ChangedJobsError", "DamagedJournalError", "FencedError", "JournalError"),
    "continuum.batch.api": ("Batch", "BatchReport"),
    "continuum.batch.connections": ("ManyConnections",),
    "continuum.batch.journal": ("Journal", "Summary"),
    "continuum.batch.pacing": ("LaneState", "Limits"),
    "continuum.batch.progress": ("Progress", "Status"),
    "continuum.batch.sqlite": ("SqliteJournal",),
    "continuum.batch.via_api": ("ViaBatchApi",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
