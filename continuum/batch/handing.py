"""Procrastinate's side of a worker: it hands jobs over, as long as it is needed, and is begun anew when it ends.

Its worker is never used twice, and none goes on under an id that others have declared dead. The documents are drafted
elsewhere, so nothing of them is lost when it goes.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

import anyio

from continuum._core.errors import JournalError
from continuum.batch.postgres_schema import explain
from continuum.batch.queue import QUEUE, TASK, worker_app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_SHORT: Final = 5  # lives of procrastinate's worker in a row that are too short, and the seconds that are too short
_ABORT: Final = 1.0  # seconds that it is given to end
_POLL: Final = 2.0  # seconds between two looks at the queue, should a notification be lost


class Handing:
    """Lets procrastinate hand jobs over. On asyncio, for one event loop.

    Args:
        url: of the database.
        handed: is called with procrastinate's context and the document's key; the job is over when it returns.
        concurrency: jobs at once.
        lease: seconds without a sign of life after which procrastinate takes a worker of it for dead.
        patience: seconds for which a lost database is waited for.
    """

    def __init__(
        self, url: str, handed: Callable[..., Awaitable[None]], *, concurrency: int, lease: float, patience: float
    ) -> None:
        self._url, self._handed = url, handed
        self._concurrency, self._lease, self._patience = concurrency, lease, patience
        self._stopping = anyio.Event()
        self._worker: Any = None

    @property
    def worker_id(self) -> int | None:
        """What procrastinate calls its worker of now; None if there is none."""
        return getattr(self._worker, "worker_id", None)

    def stop(self) -> None:
        """Take no more jobs; `serve()` returns soon."""
        self._stopping.set()
        self.restart()

    def restart(self) -> None:
        """Let procrastinate's worker end, and begin with a new one."""
        if self._worker is not None:
            self._worker.stop()

    async def serve(self) -> None:
        """Hand jobs over until `stop()`.

        Raises:
            JournalError: the database is gone for too long, or procrastinate does not work.
        """
        import psycopg_pool
        from procrastinate.exceptions import ConnectorException

        lost: float | None = None
        short = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                await self._serve_once()
                lost = None
                short = short + 1 if time.monotonic() - began < _SHORT else 0
                if short >= _SHORT and not self._stopping.is_set():
                    raise JournalError("the queue's own worker (procrastinate) ends again and again; see its log")
            except (ConnectorException, psycopg_pool.PoolTimeout, OSError) as error:
                now = time.monotonic()
                lost = now if lost is None else lost
                if now - lost > self._patience:
                    found = explain(error.__cause__ or error, self._url)
                    raise JournalError(f"the queue cannot be read: {found}") from error
            with anyio.move_on_after(0.5):
                await self._stopping.wait()

    async def _serve_once(self) -> None:
        from procrastinate.worker import Worker

        app = worker_app(self._url)
        app.task(name=TASK, queue=QUEUE, pass_context=True)(self._handed)
        try:
            await app.open_async()
            self._worker = Worker(
                app,
                queues=[QUEUE],
                concurrency=self._concurrency,
                delete_jobs="always",
                install_signal_handlers=False,
                fetch_job_polling_interval=_POLL,
                update_heartbeat_interval=self._lease / 6,
                stalled_worker_timeout=self._lease,
                shutdown_graceful_timeout=_ABORT,
            )
            # Tasks of asyncio, as a scope of anyio would cancel procrastinate's clean-up again and again.
            running = asyncio.create_task(self._worker.run())
            stopping = asyncio.create_task(self._stopping.wait())
            try:
                await asyncio.wait([running, stopping], return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopping.cancel()
                with anyio.CancelScope(shield=True):
                    while not running.done():
                        self._worker.stop()  # said before it has begun, it would be forgotten
                        await asyncio.wait([running], timeout=0.2)
            await running
        finally:
            self._worker = None
            with anyio.CancelScope(shield=True):
                await app.close_async()
