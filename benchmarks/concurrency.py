"""A thousand documents of eight rounds at once, in one process, through one `AsyncOpenAI` client.

Every contestant runs in a process of its own, so that its memory is its own. Inside the timer: all documents, from the
first call to the last text. Outside: imports, making the client, one document as a warm-up. The provider takes a second
before an answer begins and then sends an event of 50 tokens every 0.3 seconds; what one document takes under the same
delays, alone, is the ideal. Memory is the peak of the resident set during the run over what it was before, for each
document; CPU is that of the contestant's process. Every text is compared with its document.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
from openai import AsyncOpenAI, DefaultAsyncHttpxClient

import continuum
from benchmarks import _common as common

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

CAP, ROUNDS = 400, 8
KINDS = 20  # different documents; the prompts of all runs differ
DELAYS = ("--first-delay", "1.0", "--delay", "0.3", "--chunk-tokens", "50")


def documents() -> dict[str, str]:
    """The texts, by name; long enough for eight rounds also where some words are said again."""
    return {f"report{number}": common.prose(int((ROUNDS - 0.7) * CAP), seed=number) for number in range(KINDS)}


async def loop(client: AsyncOpenAI, prompt: str) -> tuple[str, int]:
    """The hand-written loop, streaming: the text and the rounds."""
    answer = await common.async_loop(client, prompt, CAP)
    return answer.text, answer.rounds


async def engine(client: AsyncOpenAI, prompt: str) -> tuple[str, int]:
    """continuum, with its defaults."""
    result = await continuum.acomplete(
        client, model="simulated", messages=[{"role": "user", "content": prompt}], max_tokens=CAP
    )
    return result.text, result.rounds


CONTESTANTS: dict[str, Callable[[AsyncOpenAI, str], Awaitable[tuple[str, int]]]] = {"loop": loop, "continuum": engine}


def resident() -> int:
    """Bytes of this process that are in memory now; 0 where the system does not say."""
    with contextlib.suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * resource.getpagesize()
    return 0


async def contest(name: str, url: str, count: int) -> dict[str, Any]:
    """Run `count` documents at once; checked figures."""
    texts, run = documents(), CONTESTANTS[name]
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    async with AsyncOpenAI(
        base_url=url, api_key="none", timeout=600.0, http_client=DefaultAsyncHttpxClient(limits=limits, timeout=600.0)
    ) as client:
        await run(client, "[doc:report0] the warm-up")
        prompts = [f"[doc:report{number % KINDS}] number {number}" for number in range(count)]
        before, wall, cpu = resident(), time.perf_counter(), time.process_time()
        answers = await asyncio.gather(*(run(client, prompt) for prompt in prompts))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    for number, (text, rounds) in enumerate(answers):
        assert text == texts[f"report{number % KINDS}"], f"{name}: text {number} is not the document"
        assert rounds == ROUNDS, f"{name}: {rounds} rounds"
    return {"wall": wall, "cpu": cpu, "bytes": (peak - before) / count, "runs": count}


def child(name: str, url: str, count: int) -> dict[str, Any]:
    """`contest` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.concurrency", "--child", name, url, "--documents", str(count)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(count: int, runs: int) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """All figures: by contestant, `alone` and `together`."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {name: {"alone": [], "together": []} for name in CONTESTANTS}
    with common.provider(documents(), *DELAYS) as url:
        for number in range(runs):
            for name in CONTESTANTS if number % 2 else reversed(CONTESTANTS):
                found[name]["alone"].append(child(name, url, 1))
                found[name]["together"].append(child(name, url, count))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; with `--child`, be one contestant."""
    parser = common.parser(__doc__, runs=2)
    parser.add_argument("--documents", type=int, default=1000, help="documents at once (default 1000)")
    parser.add_argument("--child", nargs=2, metavar=("NAME", "URL"), help="one contestant, in this process")
    options = parser.parse_args(arguments)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if options.child:
        name, url = options.child
        print(json.dumps(asyncio.run(contest(name, url, options.documents))))
        return
    figures = measure(options.documents, options.runs)
    rows: list[list[object]] = []
    for name, own in figures.items():
        wall = [f["wall"] for f in own["together"]]
        rows.append(
            [
                name,
                common.median([f["wall"] for f in own["alone"]]),
                common.median(wall),
                common.ratio(wall, [f["wall"] for f in own["alone"]]),
                common.ratio(wall, [f["wall"] for f in figures["loop"]["together"]]),
                common.median([f["cpu"] for f in own["together"]]),
                common.ratio([f["cpu"] for f in own["together"]], [f["cpu"] for f in figures["loop"]["together"]]),
                common.median([f["bytes"] for f in own["together"]]) / 1024,
            ]
        )
    header = ["", "alone s", "all s", "all / alone", "wall ratio", "CPU s", "CPU ratio", "peak KiB per document"]
    title = f"{options.documents} documents of {ROUNDS} rounds at once"
    common.report(title, common.table(header, rows), {"figures": figures}, options.json)


if __name__ == "__main__":
    main(sys.argv[1:])
