"""The timeout of one request, in every form that the SDKs take."""

from __future__ import annotations

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
