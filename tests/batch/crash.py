"""A harness that kills a batch, over and over, and looks at what it lost and what it bought twice.

The provider lives in this process and labels every request with the run and the entry that it was made for. The batch
runs in a child that is forked from a process which has everything imported, so that it dies at any moment of its work
and not, as a rule, while it starts. After each kill the journal is read: what is in it then must never be asked again.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

import continuum
from continuum.batch.journal import Entry
from continuum.batch.schema import SHIFT
from continuum.batch.sqlite import SqliteJournal
from continuum.testing import SimulatedProvider

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx2

ROOT = Path(__file__).parents[2]
POLICY = continuum.Policy(max_rounds=200, deadline=None, max_cost=None, retry_initial=0.01, retry_max=0.05)


@dataclass
class Report:
    """What a series of kills did.

    Attributes:
        kills: processes that were killed.
        runs: processes in all.
        requests: that the provider saw.
        bought_again: requests that were made once more, because they were in flight at a kill.
        adopted: replies that were gone on with where a kill had cut them.
        violations: what must not be, in words.
    """

    kills: int = 0
    runs: int = 0
    requests: int = 0
    bought_again: int = 0
    adopted: int = 0
    violations: list[str] = field(default_factory=list)


class Zygote:
    """Forks children that run the batch; see `_serve`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.batch.crash"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, order: Mapping[str, Any]) -> int:
        """Start a batch; returns the process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._line())

    def wait(self) -> int:
        """The exit code of the child that was started last; negative if it was killed."""
        return int(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def close(self) -> None:
        """End the process that forks."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def _serve() -> None:
    """Be the process that forks: an order a line on stdin; pid and exit code on stdout."""
    import openai  # noqa: F401  # what the children need is imported once

    import continuum.batch.api
    import continuum.providers.openai_chat  # noqa: F401

    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                anyio.run(_batch, json.loads(line), backend=json.loads(line).get("backend", "asyncio"))
                code = 0
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                os._exit(code)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


async def _batch(order: dict[str, Any]) -> None:
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient

    from continuum.batch.drafting import ASKING

    async def label(request: httpx2.Request) -> None:
        request.headers["x-asking"] = f"{order['run']}-{ASKING.get()}"

    http = DefaultAsyncHttpxClient(event_hooks={"request": [label]})
    async with AsyncOpenAI(base_url=order["url"], api_key="none", http_client=http) as client:
        jobs = (
            {"id": f"job{number}", "prompt": f"[doc:{name}] number {number}"}
            for number, name in enumerate(order["documents"])
        )
        await continuum.arun_batch(
            jobs,
            client=client,
            journal=order["journal"],
            policy=POLICY,
            concurrency=order["concurrency"],
            model="simulated",
            max_tokens=order["cap"],
        )


def kept(journal: SqliteJournal) -> dict[tuple[int, int], Entry]:
    """All entries of a journal, by document and number."""
    if not journal.path.exists() or not journal.path.stat().st_size:
        return {}
    # As a reader only: whoever opens it for writing would mend what the kill left behind.
    connection = sqlite3.connect(f"{journal.path.as_uri()}?mode=ro", uri=True)
    try:
        if not connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'entry'").fetchone()[0]:
            return {}
        rows = connection.execute(
            "SELECT number, entry.key, request, elapsed, entry.cost, outcome FROM entry "
            f"JOIN document ON document.key = entry.key >> {SHIFT}"
        ).fetchall()
    finally:
        connection.close()
    found = {}
    for number, key, request, elapsed, cost, outcome in rows:
        entry = Entry(key & ((1 << SHIFT) - 1), request, json.loads(outcome), elapsed, cost)
        found[number, entry.number] = entry
    return found


def torture(
    folder: Path,
    *,
    kills: int,
    seed: int,
    texts: Mapping[str, str],
    documents: int,
    cap: int,
    concurrency: int = 10,
    longest: float = 1.0,
    backend: str = "asyncio",
    **provider: Any,
) -> Report:
    """Run batches and kill them, until there were so many kills and the last batch has ended.

    Args:
        folder: for the journals.
        kills: how many.
        seed: of the moments.
        texts: the documents of the provider.
        documents: jobs of a batch.
        cap: output tokens of a request.
        concurrency: documents at once.
        longest: seconds that a process lives at the most before it is killed.
        backend: asyncio or trio.
        **provider: options of the simulated provider.
    """
    choose, report, zygote = random.Random(seed), Report(), Zygote()
    names = [list(texts)[number % len(texts)] for number in range(documents)]
    try:
        with SimulatedProvider(texts, **provider) as server:
            batch = 0
            while report.kills < kills:
                batch += 1
                journal = folder / f"batch{batch}"
                order = {
                    "url": server.openai_base_url,
                    "journal": str(journal),
                    "documents": names,
                    "cap": cap,
                    "concurrency": concurrency,
                    "backend": backend,
                }
                _one_batch(server, zygote, order, kills, choose, longest, report)
                _check_end(SqliteJournal(journal), texts, names, report)
                server.reset()
    finally:
        zygote.close()
    return report


def _one_batch(
    server: SimulatedProvider,
    zygote: Zygote,
    order: dict[str, Any],
    kills: int,
    choose: random.Random,
    longest: float,
    report: Report,
) -> None:
    journal = SqliteJournal(order["journal"])
    acknowledged: dict[tuple[int, int], Entry] = {}
    seen: Counter[tuple[int, int]] = Counter()
    run = 0
    while True:
        run += 1
        report.runs += 1
        before = len(server.requests)
        pid = zygote.start({**order, "run": run})
        if report.kills < kills:
            time.sleep(choose.uniform(0.0, longest))
            with contextlib.suppress(ProcessLookupError):  # it was at its end already
                os.kill(pid, signal.SIGKILL)
        code = zygote.wait()
        server.wait_idle()
        labels = Counter(map(label_of, server.requests[before:]))
        for label, times in labels.items():
            if times > 1:
                report.violations.append(f"entry {label} was asked for {times} times in one run")
            if label in acknowledged:
                report.violations.append(f"entry {label} was kept, and bought again in run {run}")
        report.bought_again += sum(1 for label in labels if label in seen)
        report.requests += sum(labels.values())
        seen.update(labels)
        now = kept(journal)
        for label, entry in acknowledged.items():
            if now.get(label) != entry:
                report.violations.append(f"entry {label} was kept, and is not what it was")
        acknowledged = now
        if code == 0:
            report.adopted += sum("broken_by" in entry.outcome for entry in now.values())
            return
        if code != -signal.SIGKILL:
            report.violations.append(f"run {run} ended with code {code}")
            return
        report.kills += 1


def label_of(request: Any) -> tuple[int, int]:
    """What a request was made for: the number of its job, which its prompt ends on, and that of the entry."""
    number = request.body["messages"][0]["content"].rpartition(" ")[2]
    return int(number), int(request.headers["x-asking"].rpartition("-")[2])


def _check_end(journal: SqliteJournal, texts: Mapping[str, str], names: list[str], report: Report) -> None:
    results = list(journal.read())
    if len(results) != len(names):
        report.violations.append(f"{len(results)} of {len(names)} documents have a result")
    for number, result in results:
        if not result.complete:
            report.violations.append(f"{result.id} is not complete: {result.reason}")
        if result.text != texts[names[number]]:
            report.violations.append(f"{result.id} has another text than it would have had")


if __name__ == "__main__":
    _serve()
