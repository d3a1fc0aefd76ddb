"""A harness that kills workers, over and over, and looks at what the batch lost and what it bought twice.

As in `crash.py`, the provider lives in this process, and every request is labelled with the document and the entry that
it was made for. Workers are forked from a process that has everything imported. After each kill the journal is read:
what is in it then must never be asked again, by whomever.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

import continuum
from continuum.testing import SimulatedProvider
from tests.batch.crash import label_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx2

    from continuum.batch.api import BatchReport

ROOT = Path(__file__).parents[2]
POLICY = continuum.Policy(max_rounds=200, deadline=None, max_cost=None, retry_initial=0.01, retry_max=0.05)
Label = tuple[int, int]


class Nursery:
    """Forks workers; see `_serve`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.batch.crash_workers"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.alive: list[int] = []

    def start(self, url: str, **options: Any) -> int:
        """Start a worker; returns its process id."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"url": url, **options}) + "\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        self.alive.append(pid)
        return pid

    def send(self, pid: int, number: signal.Signals) -> None:
        """Send a signal to one that was started here."""
        assert pid in self.alive
        if number == signal.SIGKILL:
            self.alive.remove(pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    def close(self) -> None:
        """Kill all that are left, and end the process that forks."""
        for pid in list(self.alive):
            self.send(pid, signal.SIGKILL)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def _serve() -> None:
    """Be the process that forks: an order a line on stdin, a pid a line on stdout."""
    import anthropic  # noqa: F401  # what the children need is imported once
    import openai  # noqa: F401
    import procrastinate  # noqa: F401
    import psycopg  # noqa: F401

    import continuum.batch.worker
    import continuum.providers.openai_chat  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                anyio.run(_work, json.loads(line))
                code = 0
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                os._exit(code)
        print(pid, flush=True)


def client(provider: str, base_url: str) -> Any:
    """A client whose requests say what they are for."""
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient

    from continuum.batch.drafting import ASKING

    async def label(request: httpx2.Request) -> None:
        request.headers["x-asking"] = f"{os.getpid()}-{ASKING.get()}"

    http = DefaultAsyncHttpxClient(event_hooks={"request": [label]})
    return AsyncOpenAI(base_url=base_url, api_key="none", http_client=http, max_retries=0)


async def _work(order: dict[str, Any]) -> None:
    import logging
    import resource

    from continuum.batch.worker import Worker

    logging.getLogger("procrastinate").setLevel(logging.CRITICAL)
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)
    figures = order.pop("figures", None)
    worker = Worker(order.pop("url"), client, **order)
    with anyio.open_signal_receiver(signal.SIGTERM) as received:
        async with anyio.create_task_group() as tasks:

            async def listen() -> None:
                async for _ in received:
                    worker.drain()

            tasks.start_soon(listen)
            await worker.run()
            tasks.cancel_scope.cancel()
    if figures is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        Path(figures).write_text(json.dumps({"documents": worker.documents, "cpu": used.ru_utime + used.ru_stime}))  # noqa: ASYNC240


class Watcher:
    """Submits a batch in a thread of its own, and waits for its end."""

    def __init__(self, url: str, name: str, base_url: str, jobs: list[dict[str, Any]], **options: Any) -> None:
        self.report: BatchReport | None = None
        self.error: BaseException | None = None
        self.results: list[Any] = []
        self._arguments = (url, name, base_url, jobs, options)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            anyio.run(self._submit)
        except BaseException as error:
            self.error = error

    async def _submit(self) -> None:
        from openai import AsyncOpenAI

        from continuum.batch.postgres import PostgresJournal
        from continuum.batch.submitting import ViaWorkers

        url, name, base_url, jobs, options = self._arguments
        async with AsyncOpenAI(base_url=base_url, api_key="none") as sdk:
            batch = continuum.arun_batch(
                jobs, client=sdk, journal=PostgresJournal(url, name), via=ViaWorkers(poll=0.2),
                **{"policy": POLICY, "model": "simulated", **options},
            )  # fmt: skip
            async with batch:
                async for result in batch:
                    self.results.append(result)
            self.report = batch.report

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return not self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Wait for its end; what went wrong is raised.

        Raises:
            TimeoutError: it has not ended by then.
        """
        self._thread.join(seconds)
        if self._thread.is_alive():
            raise TimeoutError(f"the batch has not ended within {seconds} s")
        if self.error is not None:
            raise self.error


def kept(url: str, name: str) -> dict[Label, tuple[Any, ...]]:
    """All entries of a batch, by document and number."""
    from continuum.batch.postgres_schema import connect, version_of

    with connect(url) as connection:
        if not version_of(connection, url):
            return {}
        rows = connection.execute(
            "SELECT d.number, e.number, e.request, e.epoch, e.outcome FROM entry e "
            "JOIN document d ON d.key = e.document JOIN batch b ON b.key = d.batch WHERE b.name = %s",
            (name,),
        ).fetchall()
    return {(number, entry): (request, epoch, outcome) for number, entry, request, epoch, outcome in rows}


@dataclass
class Report:
    """What a series of kills did.

    Attributes:
        kills: workers that were killed.
        requests: that the provider saw.
        bought_again: requests that were made once more, because they were in flight at a kill.
        adopted: replies that were gone on with where a kill had cut them.
        violations: what must not be, in words.
    """

    kills: int = 0
    requests: int = 0
    bought_again: int = 0
    adopted: int = 0
    violations: list[str] = field(default_factory=list)


def torture(
    url: str,
    *,
    kills: int,
    seed: int,
    texts: Mapping[str, str],
    documents: int,
    cap: int,
    workers: int = 3,
    concurrency: int = 4,
    lease: float = 1.5,
    longest: float = 1.0,
    **provider: Any,
) -> Report:
    """Let workers draft batches, and kill one after the other, until there were so many kills and the batch has ended.

    Args:
        url: of the database.
        kills: how many.
        seed: of the moments.
        texts: the documents of the provider.
        documents: jobs of a batch.
        cap: output tokens of a request.
        workers: at once.
        concurrency: documents of each.
        lease: seconds until a worker counts as dead.
        longest: seconds at the most between two kills.
        **provider: options of the simulated provider.
    """
    choose, report, nursery = random.Random(seed), Report(), Nursery()
    names = [list(texts)[number % len(texts)] for number in range(documents)]
    jobs = [{"id": f"job{n}", "prompt": f"[doc:{name}] number {n}"} for n, name in enumerate(names)]
    options = {"lease": lease, "concurrency": concurrency}
    try:
        with SimulatedProvider(texts, **provider) as server:
            for _ in range(workers):
                nursery.start(url, **options)
            batch = 0
            while report.kills < kills:
                batch += 1
                watcher = Watcher(url, f"batch{batch}", server.openai_base_url, jobs, max_tokens=cap)
                one = _Batch(url, f"batch{batch}", server, report)
                while not watcher.is_over:
                    if report.kills >= kills:
                        watcher.wait(120)
                        break
                    time.sleep(choose.uniform(0.0, longest))
                    nursery.send(choose.choice(nursery.alive), signal.SIGKILL)
                    nursery.start(url, **options)
                    report.kills += 1
                    one.look()
                watcher.wait(120)
                server.wait_idle()
                one.end([texts[name] for name in names], watcher)
                server.reset()
    finally:
        nursery.close()
    return report


class _Batch:
    """What was kept of one batch, and what must not happen any more."""

    def __init__(self, url: str, name: str, server: SimulatedProvider, report: Report) -> None:
        self._url, self._name, self._server, self._report = url, name, server, report
        self._acknowledged: dict[Label, tuple[Any, ...]] = {}
        self._seen = 0  # requests that were compared already

    def look(self) -> None:
        """Compare what has happened since the last look with what was kept then."""
        now = kept(self._url, self._name)
        requests = self._server.requests
        for request in requests[self._seen :]:
            label = label_of(request)
            if label in self._acknowledged:
                self._report.violations.append(f"entry {label} was kept, and bought again")
        self._seen = len(requests)
        for label, entry in self._acknowledged.items():
            if now.get(label) != entry:
                self._report.violations.append(f"entry {label} was kept, and is not what it was")
        self._acknowledged = now

    def end(self, texts: list[str], watcher: Watcher) -> None:
        """Look at the results."""
        self.look()
        report = self._report
        times = Counter(label_of(request) for request in self._server.requests)
        report.requests += sum(times.values())
        report.bought_again += sum(count - 1 for count in times.values())
        report.adopted += sum(
            "broken_by" in json.loads(outcome) for _, _, outcome in kept(self._url, self._name).values()
        )
        assert watcher.report is not None
        results = list(watcher.report.results())
        if len(results) != len(texts):
            report.violations.append(f"{len(results)} of {len(texts)} documents have a result")
        if sorted(result.id for result in watcher.results) != sorted(result.id for result in results):
            report.violations.append("the results that were told are not those that are kept, each once")
        for result, text in zip(results, texts, strict=False):
            if not result.complete:
                report.violations.append(f"{result.id} is not complete: {result.reason} {result.failure}")
            elif result.text != text:
                report.violations.append(f"{result.id} has another text than it would have had")


def until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait for something; returns what it is.

    Raises:
        TimeoutError: it does not come.
    """
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.05)
    return found


if __name__ == "__main__":
    _serve()
