"""The timeout of one request, in every form that the SDKs take, and how to know a request that ran into one."""

from __future__ import annotations

import sys
from typing import Any

import httpx2


def shortened(timeout: Any, read: float) -> Any:
    """A timeout with so many seconds for a read; the same object if it allows no more anyway.

    Args:
        timeout: seconds, None, or the `Timeout` of either HTTP library.
        read: seconds.
    """
    known = timeout if hasattr(timeout, "read") else httpx2.Timeout(timeout)
    if known.read is not None and known.read <= read:
        return timeout
    return httpx2.Timeout(connect=known.connect, read=read, write=known.write, pool=known.pool)


def ran_out(error: BaseException | None) -> bool:
    """Whether a request was sent, and its reply waited for in vain: the server may well have worked on it."""
    kinds = tuple(library.ReadTimeout for library in filter(None, map(sys.modules.get, ("httpx2", "httpx"))))
    while error is not None and not isinstance(error, kinds):
        error = error.__cause__
    return error is not None
