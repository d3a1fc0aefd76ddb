"""Workers on a real PostgreSQL: rounds per second, CPU per document, the shared limit, take-over, kills.

A PostgreSQL of its own (synced to disk as in production), the simulated provider in a process of its own, and workers
in processes of their own, forked from one that has everything imported; the submitting process watches. Rounds are
short and the provider answers at once, so that what is measured is this library, the SDK and the database, on the cores
of one machine that they all share. Inside the timer: from the first document that is taken up to the last one that is
done, by the database's own clock; CPU is that of the worker processes, their start not counted. Results are compared
with the provider's texts.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import _common as common
from tests.batch.crash_workers import POLICY, Nursery, Watcher, torture, until
from tests.batch.postgres_server import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Sequence

_PARTS = ("throughput", "limit", "takeover", "kills")


def _rows(url: str, statement: str) -> list[Any]:
    from continuum.batch.postgres_schema import connect

    with connect(url) as connection:
        return connection.execute(statement.encode()).fetchall()


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def throughput(postgres: PostgresServer, runs: int, documents: int) -> tuple[str, dict[str, Any]]:
    """1, 2 and 4 workers."""
    text = common.prose(1500)
    found: dict[int, list[tuple[float, float, int]]] = {0: [], 1: [], 2: [], 4: []}
    with common.provider({"default": text}, "--chunk-tokens", "64") as base_url:
        for number in range(-1, runs):
            for count in found:
                measured = (
                    _one_run(postgres.new_database(), base_url, text, count, documents)
                    if count
                    else _one_process(base_url, text, documents)
                )
                if number >= 0:
                    found[count].append(measured)
    lines = []
    for count, values in found.items():
        speeds = [rounds / wall for wall, _, rounds in values]
        cpu = common.median([cpu for _, cpu, _ in values])
        rounds = values[0][2]
        name = f"{count} on PostgreSQL" if count else "none: one process, SQLite"
        lines.append(
            [name, rounds / documents, common.median(speeds), max(speeds), 1000 * cpu / documents, 1000 * cpu / rounds]
        )
    header = ["workers", "rounds a document", "rounds/s", "best", "CPU ms a document", "CPU ms a round"]
    return common.table(header, lines), {"throughput": {str(count): values for count, values in found.items()}}


def _one_process(base_url: str, text: str, documents: int) -> tuple[float, float, int]:
    """The same batch on one machine, for comparison."""
    import anyio
    from openai import AsyncOpenAI

    import continuum

    async def run() -> tuple[float, float, int]:
        async with AsyncOpenAI(base_url=base_url, api_key="none") as client:
            wall, cpu = time.perf_counter(), time.process_time()
            report = await continuum.arun_batch(
                _work(documents), client=client, journal=Path(folder, "journal"), policy=POLICY, concurrency=200,
                model="simulated", max_tokens=200,
            )  # fmt: skip
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        assert [result.text for result in report.results()] == [text] * documents
        return wall, cpu, report.summary.rounds

    with tempfile.TemporaryDirectory() as folder:
        return anyio.run(run)


def _work(documents: int) -> list[dict[str, Any]]:
    return [{"id": f"j{number}", "prompt": "Write."} for number in range(documents)]


def _one_run(url: str, base_url: str, text: str, count: int, documents: int) -> tuple[float, float, int]:
    nursery = Nursery()
    try:
        pids = [nursery.start(url, concurrency=200 // count) for _ in range(count)]
        until(lambda: _tables(url) and _rows(url, "SELECT count(*) FROM worker")[0][0] == count)
        time.sleep(1.0)
        before = sum(map(_cpu, pids))
        watcher = Watcher(url, "batch", base_url, _work(documents), max_tokens=200)
        began = until(lambda: _tables(url) and _rows(url, "SELECT clock_timestamp() FROM document LIMIT 1"))[0][0]
        watcher.wait(600)
        ended = _rows(url, "SELECT max(pg_xact_commit_timestamp(xmin)) FROM result")[0][0]
        cpu = sum(map(_cpu, pids)) - before
    finally:
        nursery.close()
    assert watcher.report is not None
    results = list(watcher.report.results())
    assert len(results) == documents
    assert all(result.text == text for result in results)
    return (ended - began).total_seconds(), cpu, watcher.report.summary.rounds


def _tables(url: str) -> bool:
    return bool(_rows(url, "SELECT to_regclass('continuum.document') IS NOT NULL")[0][0])


def limit(postgres: PostgresServer, seconds: float) -> tuple[str, dict[str, Any]]:
    """4 workers under one limit of 1,200 requests a minute, far below what they could do."""
    per_second = 20.0
    rounds = 4
    documents = int(per_second * seconds / rounds)
    text = common.prose(1600)
    url = postgres.new_database()
    nursery = Nursery()
    from continuum.batch.pacing import Limits
    from continuum.testing import SimulatedProvider

    try:
        with SimulatedProvider(text, chunk_tokens=256) as server:
            for _ in range(4):
                nursery.start(url, concurrency=16)
            until(lambda: _tables(url) and _rows(url, "SELECT count(*) FROM worker")[0][0] == 4)
            work = [{"id": f"j{n}", "prompt": "Write."} for n in range(documents)]
            watcher = Watcher(
                url, "batch", server.openai_base_url, work, max_tokens=400,
                limits=Limits(requests_per_minute=per_second * 60),
            )  # fmt: skip
            watcher.wait(seconds * 3 + 120)
            assert watcher.report is not None
            assert all(result.text == text for result in watcher.report.results())
            arrivals = sorted(request.time for request in server.requests)
    finally:
        nursery.close()
    span = arrivals[-1] - arrivals[0]
    # What may be let in over the span: what flows in, and the burst of one second that the bucket held.
    allowed = per_second * span + per_second
    # The steady part: without the burst at the beginning and the documents that run out at the end.
    middle = [at for at in arrivals if arrivals[0] + 2 <= at <= arrivals[-1] - 2]
    steady = (len(middle) - 1) / (middle[-1] - middle[0])
    most = max(sum(1 for other in arrivals if at <= other < at + 60) for at in arrivals[:: max(len(arrivals) // 50, 1)])
    header = ["requests", "span s", "requests / allowed", "steady rate / limit", "most in any minute / limit"]
    row = [
        len(arrivals),
        span,
        f"{len(arrivals) / allowed:.3f}",
        f"{steady / per_second:.4f}",
        f"{most / (per_second * 60):.3f}",
    ]
    return common.table(header, [row]), {"limit": {"requests": len(arrivals), "span": span, "steady": steady}}


def takeover(postgres: PostgresServer, runs: int) -> tuple[str, dict[str, Any]]:
    """Seconds from a kill until the first and the last of its documents is in other hands, with the default lease."""
    from continuum.testing import SimulatedProvider

    text = common.prose(4000)
    found: list[tuple[float, float]] = []
    with SimulatedProvider(text, chunk_tokens=8, delay=1.0) as server:
        for number in range(runs):
            found.append(_one_takeover(postgres.new_database(), server.openai_base_url, 1.0 + 0.7 * number))
    header = ["runs", "first document s", "last of 20 s", "worst s"]
    row = [runs, common.median([a for a, _ in found]), common.median([b for _, b in found]), max(b for _, b in found)]
    return common.table(header, [row]), {"takeover": found}


def _one_takeover(url: str, base_url: str, after: float) -> tuple[float, float]:
    def count(table: str) -> int:
        return int(_rows(url, f"SELECT count(*) FROM {table}")[0][0]) if _tables(url) else 0

    nursery = Nursery()
    try:
        first = nursery.start(url, concurrency=20)
        work = [{"id": f"j{n}", "prompt": "Write."} for n in range(20)]
        watcher = Watcher(url, "batch", base_url, work, max_tokens=1000)
        until(lambda: count("document WHERE state = 'running'") == 20)
        nursery.start(url, concurrency=20)
        until(lambda: count("worker") == 2)
        time.sleep(after)
        killed = time.monotonic()
        nursery.send(first, signal.SIGKILL)
        until(lambda: count("document WHERE epoch > 1"), 90)
        moved = time.monotonic() - killed
        until(lambda: count("document WHERE epoch > 1") == 20, 90)
        all_moved = time.monotonic() - killed
    finally:
        nursery.close()
    # The rest is of no interest: nobody drafts any more, so the batch ends.
    _rows(url, "WITH stopped AS (UPDATE batch SET stop = 'interrupted' RETURNING 1) SELECT * FROM stopped")
    _rows(url, "WITH freed AS (UPDATE document SET state = 'pending' RETURNING 1) SELECT count(*) FROM freed")
    watcher.wait(60)
    return moved, all_moved


def kills(postgres: PostgresServer, count: int, seed: int) -> tuple[str, dict[str, Any]]:
    """Workers that are killed at random moments over a run."""
    texts = {f"d{number}": common.prose(3000 + 300 * number, seed=number) for number in range(8)}
    report = torture(
        postgres.new_database(), kills=count, seed=seed, texts=texts, documents=60, cap=800, workers=4,
        concurrency=5, lease=2.0, longest=1.0, chunk_tokens=8, delay=0.004,
    )  # fmt: skip
    header = ["kills", "requests", "bought again (in flight)", "partial replies gone on with", "violations"]
    row = [report.kills, report.requests, report.bought_again, report.adopted, len(report.violations)]
    text = common.table(header, [row]) + "".join(f"\n- {violation}" for violation in report.violations)
    return text, {"kills": asdict(report)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 if anything was lost."""
    parser = common.parser(__doc__, runs=3)
    parser.add_argument("--parts", nargs="*", choices=_PARTS, default=_PARTS, help="what to measure (default: all)")
    parser.add_argument("--documents", type=int, default=400, help="of a throughput run (default 400)")
    parser.add_argument("--seconds", type=float, default=60.0, help="under the shared limit (default 60)")
    parser.add_argument("--kills", type=int, default=50, help="workers to kill (default 50)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments (default 1)")
    options = parser.parse_args(arguments)
    figures: dict[str, Any] = {}
    with PostgresServer(durable=True, settings={"track_commit_timestamp": "on"}) as postgres:
        for part in options.parts:
            text, raw = {
                "throughput": lambda: throughput(postgres, options.runs, options.documents),
                "limit": lambda: limit(postgres, options.seconds),
                "takeover": lambda: takeover(postgres, options.runs),
                "kills": lambda: kills(postgres, options.kills, options.seed),
            }[part]()
            figures |= raw
            print(f"### {part}\n\n{text}\n", flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return bool(figures.get("kills", {}).get("violations"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
