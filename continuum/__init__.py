"""continuum makes cut-off LLM answers whole.

Every LLM API caps the length of one answer. `complete()`, `stream()` and `wrap()` notice the cut, ask the model to go
on, wait out rate limits, and stitch the replies into one text, with an account of every join.

Importing this package imports neither SDK; they load when a client of theirs is used.
"""

from continuum._api import StreamEvent, acomplete, astream, complete, result_of, stream
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
from continuum.client import wrap

__version__ = "0.1.0"

__all__ = [
    "ConfigurationError",
    "ContinuumError",
    "IncompleteError",
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
    "Seam",
    "Segment",
    "StreamEvent",
    "Usage",
    "acomplete",
    "astream",
    "complete",
    "result_of",
    "stitch",
    "stream",
    "wrap",
]
