"""continuum makes cut-off LLM answers whole.

Every LLM API caps the length of one answer. `complete()`, `stream()` and `wrap()` notice the cut, ask the model to go
on, wait out rate limits, and stitch the replies into one text, with an account of every join.

Importing this package is nearly free: its names load when they are first used, and each SDK when a client of it is.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from continuum._api import StreamEvent, acomplete, astream, complete, result_of, stream
    from continuum._core.dialect import Dialect
    from continuum._core.errors import (
        ConfigurationError,
        ContinuumError,
        IncompleteError,
        MissingDependencyError,
        ProtocolError,
        ProviderError,
        QuotaError,
        RateLimitedError,
        RejectedError,
    )
    from continuum._core.policy import Policy
    from continuum._core.stitch import Joined, stitch
    from continuum._core.types import Reason, Result, Seam, Segment, Usage
    from continuum._forecast import forecast
    from continuum._runtime import Runtime
    from continuum.batch.api import arun_batch
    from continuum.batch.blocking import run_batch
    from continuum.batch.job import Job, JobResult
    from continuum.client import wrap

__version__ = "0.1.0"

__all__ = [
    "ConfigurationError",
    "ContinuumError",
    "Dialect",
    "IncompleteError",
    "Job",
    "JobResult",
    "Joined",
    "MissingDependencyError",
    "Policy",
    "ProtocolError",
    "ProviderError",
    "QuotaError",
    "RateLimitedError",
    "Reason",
    "RejectedError",
    "Result",
    "Runtime",
    "Seam",
    "Segment",
    "StreamEvent",
    "Usage",
    "acomplete",
    "arun_batch",
    "astream",
    "complete",
    "forecast",
    "result_of",
    "run_batch",
    "stitch",
    "stream",
    "wrap",
]

_HOMES = {
    "continuum._api": ("StreamEvent", "acomplete", "astream", "complete", "result_of", "stream"),
    "continuum._core.dialect": ("Dialect",),
    "continuum._core.errors": (
        "ConfigurationError",
        "ContinuumError",
        "IncompleteError",
        "MissingDependencyError",
        "ProtocolError",
        "ProviderError",
        "QuotaError",
        "RateLimitedError",
        "RejectedError",
    ),
    "continuum._core.policy": ("Policy",),
    "continuum._core.stitch": ("Joined", "stitch"),
    "continuum._core.types": ("Reason", "Result", "Seam", "Segment", "Usage"),
    "continuum._forecast": ("forecast",),
    "continuum._runtime": ("Runtime",),
    "continuum.batch.api": ("arun_batch",),
    "continuum.batch.blocking": ("run_batch",),
    "continuum.batch.job": ("Job", "JobResult"),
    "continuum.client": ("wrap",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
