"""`run_batch`: a batch for programs that have no event loop."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

import anyio
from anyio.lowlevel import current_token

from continuum._core.errors import ConfigurationError
from continuum.batch.api import arun_batch

if TYPE_CHECKING:
    from continuum._api import AsyncClient
    from continuum.batch.api import BatchReport
    from continuum.batch.checking import Jobs


def run_batch(jobs: Jobs | None, *, client: AsyncClient, backend: str = "asyncio", **arguments: Any) -> BatchReport:
    """The sync twin of `arun_batch`: runs it in an event loop of its own and returns the report.

    It takes an async client all the same (many documents are in flight at once); the client is closed when it returns,
    because its connections belong to that loop. In the main thread, the first Ctrl-C lets the rounds in flight finish
    and returns the report, the second ends the run at once.

    Args:
        jobs: see `arun_batch`.
        client: see `arun_batch`.
        backend: `asyncio` or `trio`.
        **arguments: see `arun_batch`.

    Raises:
        ConfigurationError: there is an event loop already, as in a notebook; else see `arun_batch`.
        continuum.batch.JournalError: see `arun_batch`.
    """
    if _in_event_loop():
        raise ConfigurationError(
            "run_batch() has an event loop of its own, and one runs here already; use `await continuum.arun_batch(…)`"
        )
    arguments.setdefault("signals", threading.current_thread() is threading.main_thread())
    batch = arun_batch(jobs, client=client, **arguments)

    async def run() -> BatchReport:
        async with aclosing(_Closing(client)):
            return await batch

    return anyio.run(run, backend=backend)


class _Closing:
    """Closes an SDK client, and the async side of one that has two."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def aclose(self) -> None:
        for side in (getattr(self._client, "aio", None), self._client):
            close = getattr(side, "aclose", None) or getattr(side, "close", None)
            closed = None if close is None else close()
            if isawaitable(closed):
                await closed


def _in_event_loop() -> bool:
    for look in (asyncio.get_running_loop, current_token):  # asyncio's also outside of a task; then trio's
        try:
            look()
        except RuntimeError:
            continue
        return True
    return False
