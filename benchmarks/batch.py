"""A batch of 2,000 documents of eight rounds, 200 in flight, beside a bare anyio loop on the same SDK.

Contestants run in processes of their own, in turn. `loop` streams, asks to go on, keeps nothing; `engine` is the same
loop over `continuum.acomplete()`; `batch` is `continuum.arun_batch()` with a journal on the disk, paced, resumable.
All have the SDK's own HTTP client without limits; `batch +` has it over `continuum.batch.ManyConnections`, as the
command has.
Inside the timer: all documents, from the first call to the last text. Outside: imports, the client, one document as a
warm-up. CPU is that of the contestant's process, all its threads included. Every text is compared with its document.

`journal`: CPU of the journal alone, a put of 4 KB at a time, 200 tasks, the writing thread included. `memory`: peak of
the resident set of a batch of two rounds a document, 1,000 and 10,000 rows, over what it was before. `resume`: from the
call of `arun_batch()` to its first request, over a journal with 10,000 finished documents of eight rounds and one that
is new, at the end of the input. `slow`: rounds of four seconds, 200 in flight; the ideal is what one document takes
alone under the same delays, once for every 200 documents, and the four seconds over which the first 200 begin.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
from openai import AsyncOpenAI, DefaultAsyncHttpxClient

import continuum
from benchmarks import _common as common
from benchmarks.concurrency import resident
from continuum._core.types import Response, Usage
from continuum.batch.connections import ManyConnections
from continuum.batch.job import Job, JobResult
from continuum.batch.journal import Entry
from continuum.batch.outcomes import to_json
from continuum.batch.progress import Silent
from continuum.batch.sqlite import SqliteJournal

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

CAP, ROUNDS, KINDS = 80, 8, 20
IN_FLIGHT = 200
PACE = ("--chunk-tokens", "20")
SLOWLY = ("--chunk-tokens", "20", "--first-delay", "1.0", "--delay", "1.0")  # four events: four seconds
ROUND = 4.0
spread = 0.0  # seconds over which the first documents begin, so that rounds end evenly and not all at once
POLICY = continuum.Policy(anchor=False, cut_back="word", max_cost=None)
"""As the loop asks: no words are said again, so that both make the same number of requests."""


def documents(rounds: float = ROUNDS) -> dict[str, str]:
    """The texts, by name."""
    return {f"report{number}": common.prose(int((rounds - 0.5) * CAP), seed=number) for number in range(KINDS)}


def prompts(count: int) -> Iterator[tuple[int, str]]:
    """Prompts of so many documents."""
    for number in range(count):
        yield number, f"[doc:report{number % KINDS}] number {number}"


async def loop(client: AsyncOpenAI, count: int, in_flight: int, folder: str) -> list[str]:
    """The hand-written loop."""
    found = [""] * count

    async def one(number: int, prompt: str) -> None:
        found[number] = (await common.async_loop(client, prompt, CAP)).text

    await _all(one, count, anyio.CapacityLimiter(in_flight))
    return found


async def engine(client: AsyncOpenAI, count: int, in_flight: int, folder: str) -> list[str]:
    """continuum without a journal."""
    found = [""] * count

    async def one(number: int, prompt: str) -> None:
        messages: list[Any] = [{"role": "user", "content": prompt}]
        result = await continuum.acomplete(client, policy=POLICY, model="simulated", messages=messages, max_tokens=CAP)
        found[number] = result.text

    await _all(one, count, anyio.CapacityLimiter(in_flight))
    return found


async def _all(one: Callable[[int, str], Awaitable[None]], count: int, places: anyio.CapacityLimiter) -> None:
    async def placed(number: int, prompt: str) -> None:
        try:
            await one(number, prompt)
        finally:
            places.release_on_behalf_of(number)

    async with anyio.create_task_group() as tasks:
        async for number, prompt in spread_out(count, int(places.total_tokens)):
            await places.acquire_on_behalf_of(number)
            tasks.start_soon(placed, number, prompt)


async def spread_out(count: int, in_flight: int) -> AsyncIterator[tuple[int, str]]:
    """The prompts; the first ones come over some seconds, if that is wanted."""
    for number, prompt in prompts(count):
        if spread and number < in_flight:
            await anyio.sleep(spread / in_flight)
        yield number, prompt


async def batch(client: AsyncOpenAI, count: int, in_flight: int, folder: str) -> list[str]:
    """continuum with a journal."""
    report = await drafted(client, count, in_flight, folder)
    return [result.text for result in report.results()]


async def drafted(client: AsyncOpenAI, count: int, in_flight: int, folder: str) -> Any:
    """The report of such a batch."""
    rows = ({"id": str(number), "prompt": prompt} for number, prompt in prompts(count))
    slow_rows = ({"id": str(number), "prompt": prompt} async for number, prompt in spread_out(count, in_flight))
    return await continuum.arun_batch(
        slow_rows if spread else rows,
        client=client,
        journal=Path(folder, f"journal{count}"),
        policy=POLICY,
        concurrency=in_flight,
        model="simulated",
        max_tokens=CAP,
    )


CONTESTANTS: dict[str, Callable[[AsyncOpenAI, int, int, str], Awaitable[list[str]]]] = {
    "loop": loop,
    "engine": engine,
    "batch": batch,
    "batch +": batch,
}


def client_for(url: str, *, many: bool = False) -> AsyncOpenAI:
    """A client whose connections are not limited; `many`: over our own transport."""
    if many:
        http = DefaultAsyncHttpxClient(transport=ManyConnections(), timeout=600.0)
        return AsyncOpenAI(base_url=url, api_key="none", max_retries=0, http_client=http)
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    return AsyncOpenAI(
        base_url=url,
        api_key="none",
        max_retries=0,
        http_client=DefaultAsyncHttpxClient(limits=limits, timeout=600.0),
    )


async def contest(name: str, url: str, count: int, in_flight: int, rounds: float, over: float = 0) -> dict[str, Any]:
    """One contestant's run; checked figures."""
    global spread
    texts, run = documents(rounds), CONTESTANTS[name]
    async with client_for(url, many=name.endswith("+")) as client:
        with tempfile.TemporaryDirectory() as folder:
            await run(client, 1, 1, folder)
            spread = over
            before, wall, cpu = resident(), time.perf_counter(), time.process_time()
            found = await run(client, count, in_flight, folder)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    for number, text in enumerate(found):
        assert text == texts[f"report{number % KINDS}"], f"{name}: text {number} is not the document"
    return {"wall": wall, "cpu": cpu, "peak": peak - before, "documents": count}


async def memory(url: str, count: int, rounds: float) -> dict[str, float]:
    """The peak of a batch; its results are read one by one."""
    texts = documents(rounds)
    async with client_for(url) as client:
        with tempfile.TemporaryDirectory() as folder:
            await drafted(client, 1, 1, folder)
            before = resident()
            report = await drafted(client, count, 50, folder)
            for number, result in enumerate(report.results()):
                assert result.text == texts[f"report{number % KINDS}"]
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"peak": peak, "before": before}


async def journal_cpu(count: int, rounds: int) -> dict[str, float]:
    """CPU of the journal alone, per round."""
    reply = to_json(Response("x" * 4096, "length", "length", Usage(1000, 1000), "simulated", "id-of-the-reply"))
    with tempfile.TemporaryDirectory() as folder:
        journal = SqliteJournal(Path(folder, "journal"))
        await journal.begin({})
        await journal.add([(number, Job(id=str(number), prompt="Write.")) for number in range(count)])
        taken = [document async for document in journal.open_documents()]

        async def one(number: int) -> None:
            for entry in range(rounds):
                await journal.put(taken[number], Entry(entry, "fingerprint", reply, 1.0, 0.01))

        wall, cpu, thread = time.perf_counter(), time.process_time(), journal.writer.cpu
        commits = journal.writer.commits
        async with anyio.create_task_group() as tasks:
            for number in range(count):
                tasks.start_soon(one, number)
        wall, cpu, thread = time.perf_counter() - wall, time.process_time() - cpu, journal.writer.cpu - thread
        commits = journal.writer.commits - commits
        await journal.close()
    total = count * rounds
    return {
        "ms": cpu / total * 1000,
        "thread_ms": thread / total * 1000,
        "rounds_per_second": total / wall,
        "rounds_per_commit": total / commits,
    }


class _First(Silent):
    """Notes when the first document was taken up."""

    at: float | None = None

    def taken(self, id: str, number: int, rounds: int) -> None:
        self.at = self.at or time.perf_counter()


async def resume(url: str, count: int, rounds: int) -> dict[str, float]:
    """Seconds to the first request over a journal with finished documents, and the size of the file."""
    reply = to_json(Response("x" * 4096, "length", "length", Usage(1000, 1000)))
    sent: list[float] = []

    async def note(request: httpx2.Request) -> None:
        sent.append(time.perf_counter())

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(count + 1):
            yield {"id": str(number), "prompt": f"[doc:report0] number {number}"}

    http = DefaultAsyncHttpxClient(event_hooks={"request": [note]})
    arguments: dict[str, Any] = {"model": "simulated", "max_tokens": 4000}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "journal")
        async with AsyncOpenAI(base_url=url, api_key="none", http_client=http) as client:
            await continuum.arun_batch([], client=client, journal=path, **arguments)
            journal = SqliteJournal(path, durable=False)
            await journal.begin({})
            await journal.add([(number, Job(**row)) for number, row in enumerate(rows())][:-1])

            async def fill(document: Any) -> None:
                for entry in range(rounds):
                    await journal.put(document, Entry(entry, "fingerprint", reply, 1.0, 0.01))
                text = "x" * 4096 * rounds
                await journal.finish(
                    document, JobResult(document.job.id, "complete", text, True, "stop", "finished", rounds, Usage())
                )

            async with anyio.create_task_group() as tasks:
                async for document in journal.open_documents():
                    tasks.start_soon(fill, document)
            await journal.close()
            began, cpu = time.perf_counter(), time.process_time()
            report = await continuum.arun_batch(rows(), client=client, journal=path, **arguments)
            assert report.summary.documents == {"complete": count + 1}
            return {"seconds": sent[0] - began, "cpu": time.process_time() - cpu, "bytes": path.stat().st_size}  # noqa: ASYNC240


def child(*arguments: object) -> dict[str, Any]:
    """One part in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.batch", "--child", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def as_child(part: str, *arguments: str) -> dict[str, Any]:
    """The part that was asked for."""
    if part == "journal":
        return anyio.run(journal_cpu, int(arguments[0]), int(arguments[1]))
    if part == "resume":
        return anyio.run(resume, arguments[0], int(arguments[1]), int(arguments[2]))
    if part == "memory":
        return anyio.run(memory, arguments[0], int(arguments[1]), float(arguments[2]))
    url, count, in_flight, *seconds = arguments
    return anyio.run(contest, part, url, int(count), int(in_flight), *map(float, seconds))


def race(options: argparse.Namespace) -> None:
    """The contestants."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTESTANTS}
    with common.provider(documents(), *PACE) as url:
        for number in range(options.runs):
            for name in CONTESTANTS if number % 2 else reversed(CONTESTANTS):
                found[name].append(child(name, url, options.documents, IN_FLIGHT, ROUNDS))
    rows: list[list[object]] = []
    for name, own in found.items():
        wall, cpu = [run["wall"] for run in own], [run["cpu"] for run in own]
        rounds = options.documents * ROUNDS
        others = found["loop"]
        rows.append(
            [
                name,
                common.median(wall),
                common.median(cpu),
                common.ratio(wall, [run["wall"] for run in others]),
                common.ratio(cpu, [run["cpu"] for run in others]),
                common.ratio(cpu, [run["cpu"] for run in found["engine"]]),
                common.median(cpu) / rounds * 1000,
                rounds / common.median(wall),
            ]
        )
    header = ["", "wall s", "CPU s", "wall ratio", "CPU ratio", "CPU to engine", "CPU ms a round", "rounds/s"]
    title = f"{options.documents} documents of {ROUNDS} rounds, {IN_FLIGHT} in flight"
    common.report(title, common.table(header, rows), {"figures": found}, options.json)


def others(options: argparse.Namespace) -> None:
    """Journal, memory, resume."""
    alone = child("journal", IN_FLIGHT, 80)
    rows = [[alone["ms"], alone["thread_ms"], alone["rounds_per_second"], alone["rounds_per_commit"]]]
    header = ["CPU ms a round", "of it in its thread", "rounds/s", "rounds a commit"]
    common.report("The journal alone", common.table(header, rows), {"figures": alone}, None)
    with common.provider(documents(2), *PACE) as url:
        peaks = [child("memory", url, count, 2) for count in (1000, 10_000)]
        whole = [run["peak"] for run in peaks]
        over = [run["peak"] - run["before"] for run in peaks]
        table = [
            [name, *(f"{value / 2**20:.1f} MiB" for value in values), values[1] / values[0]]
            for name, values in (("whole process", whole), ("over what it had before", over))
        ]
        header = ["", "1,000 rows", "10,000 rows", "ratio"]
        common.report("Peak memory, 50 in flight", common.table(header, table), {"figures": peaks}, None)
        again = child("resume", url, 10_000, ROUNDS)
    row: list[object] = [again["seconds"], again["cpu"], f"{again['bytes'] / 2**20:.0f} MiB"]
    header = ["s to the first request", "CPU s of the run", "journal"]
    common.report("Resume over 10,000 finished documents", common.table(header, [row]), {"figures": again}, None)


def slow(options: argparse.Namespace) -> None:
    """Rounds as long as real ones."""
    count = 2 * IN_FLIGHT
    with common.provider(documents(), *SLOWLY) as url:
        alone = child("loop", url, 1, 1, ROUNDS)
        found = {name: child(name, url, count, IN_FLIGHT, ROUNDS, ROUND) for name in ("loop", "batch", "batch +")}
    ideal = alone["wall"] * count / IN_FLIGHT + ROUND
    rows: list[list[object]] = [
        [name, run["wall"], run["wall"] / ideal, run["cpu"] / run["wall"]] for name, run in found.items()
    ]
    title = f"{count} documents of {ROUNDS} rounds of 4 s, {IN_FLIGHT} in flight: ideal {ideal:.1f} s"
    header = ["", "wall s", "to the ideal", "CPU s a second"]
    common.report(title, common.table(header, rows), {"figures": found, "ideal": ideal}, options.json)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; with `--child`, be one part."""
    parser = common.parser(__doc__, runs=2)
    parser.add_argument("--documents", type=int, default=2000, help="documents of the race (default 2000)")
    parser.add_argument("--only", choices=["race", "slow", "others"], help="one part")
    parser.add_argument("--child", nargs="+", metavar="ARGUMENT", help="one part, in this process")
    options = parser.parse_args(arguments)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if options.child:
        print(json.dumps(as_child(*options.child)))
        return
    for name, part in (("race", race), ("slow", slow), ("others", others)):
        if options.only in (None, name):
            part(options)


if __name__ == "__main__":
    main(sys.argv[1:])
