"""A provider with real limits: what is let in of what the limits allow, and how often it has to say 429.

Documents of five rounds start at once: 200 of them, or 100 where tokens are what is short. `continuum` is
`arun_batch()` with a journal, and knows nothing of the limits beforehand; `SDK` is the hand-written loop over the SDK's
own retries, as they are by default (2) and without end; `tenacity` is that loop inside
`wait_random_exponential(max=60)`, as the providers' guides show it. Each contestant has a process and a provider of its
own, and those of one table run at the same time: they wait nearly always.

Inside the timer: all documents, from the first call to the last text; outside: one document as a warm-up. `goodput` is
the shortest time that the limits allow (all requests or tokens less the burst, at the rate) over the time taken. 429s
are counted on the wire, of all requests. A document is lost if the loop around it ended in an error. Texts that came
are compared with the documents.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import openai
from tenacity import retry, retry_if_exception_type, wait_random_exponential

import continuum
from benchmarks import _common as common
from benchmarks.batch import POLICY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

CAP, ROUNDS = 128, 5
RATE, BURST = 600, 10
TOKENS, TOKEN_BURST = 84_000, 6_000
DOCUMENTS = {"requests": 200, "tokens": 100}
USAGE: Any = {"stream_options": {"include_usage": True}}
PACE = ("--chunk-tokens", "32", "--first-delay", "0.3", "--delay", "0.2")
LIMITS = {
    "requests": ("--requests-per-minute", str(RATE), "--burst", str(BURST)),
    "tokens": (
        *("--requests-per-minute", str(RATE), "--burst", str(BURST)),
        *("--tokens-per-minute", str(TOKENS), "--token-burst", str(TOKEN_BURST)),
    ),
}
TITLES = {
    "requests": f"{RATE} requests a minute, burst of {BURST}",
    "tokens": f"the same and {TOKENS:,} tokens a minute (input and output), burst of {TOKEN_BURST:,}",
}
TEXT = common.prose(int((ROUNDS - 0.5) * CAP))


async def answer(number: int, create: Callable[..., Awaitable[Any]], used: list[int]) -> str:
    """The hand-written loop for one document; its tokens are added to `used`."""
    messages: list[Any] = [{"role": "user", "content": f"number {number}"}]
    found, finish = "", "length"
    while finish == "length":
        stream = await create(model="simulated", messages=messages, max_tokens=CAP, stream=True, **USAGE)
        text = ""
        async for chunk in stream:
            if chunk.usage:
                used.append(chunk.usage.total_tokens)
            if chunk.choices:
                text += chunk.choices[0].delta.content or ""
                finish = chunk.choices[0].finish_reason or finish
        found += text
        messages += [{"role": "assistant", "content": text}, {"role": "user", "content": common.CONTINUE}]
    return found


async def by_hand(count: int, create: Callable[..., Awaitable[Any]]) -> tuple[list[str], int]:
    """All documents (empty texts for those that ended in an error), and the tokens of all of them."""
    used: list[int] = []
    found = [""] * count

    async def one(number: int) -> None:
        with contextlib.suppress(openai.OpenAIError):
            found[number] = await answer(number, create, used)

    async with anyio.create_task_group() as tasks:
        for number in range(count):
            tasks.start_soon(one, number)
    return found, sum(used)


async def by_batch(client: openai.AsyncOpenAI, count: int) -> tuple[list[str], int]:
    """The same with continuum."""
    with tempfile.TemporaryDirectory() as folder:
        report = await continuum.arun_batch(
            ({"id": str(number), "prompt": f"number {number}"} for number in range(count)),
            client=client,
            journal=Path(folder, "journal"),
            policy=POLICY,
            concurrency=count,
            model="simulated",
            max_tokens=CAP,
        )
        summary = report.summary
        return [result.text for result in report.results()], summary.input_tokens + summary.output_tokens


def patiently(create: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """As in the providers' guides."""

    @retry(wait=wait_random_exponential(max=60), retry=retry_if_exception_type(openai.RateLimitError))
    async def again(**arguments: Any) -> Any:
        return await create(**arguments)

    return again


async def contest(kind: str, name: str, url: str) -> dict[str, Any]:
    """One contestant's run; checked figures."""
    statuses: Counter[int] = Counter()

    async def note(response: httpx2.Response) -> None:
        statuses[response.status_code] += 1

    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    http = openai.DefaultAsyncHttpxClient(limits=limits, event_hooks={"response": [note]})
    retries = {"SDK, 2 retries": 2, "SDK, endless": 10_000}.get(name, 0)
    async with openai.AsyncOpenAI(base_url=url, api_key="none", http_client=http, max_retries=retries) as client:
        create: Callable[..., Awaitable[Any]] = client.chat.completions.create
        if name == "tenacity":
            create = patiently(create)

        async def run(count: int) -> tuple[list[str], int]:
            return await (by_batch(client, count) if name == "continuum" else by_hand(count, create))

        await run(1)
        statuses.clear()
        began = time.perf_counter()
        texts, tokens = await run(DOCUMENTS[kind])
        seconds = time.perf_counter() - began
    assert all(text in ("", TEXT) for text in texts), f"{name}: a text is not the document"
    lost = sum(not text for text in texts)
    return {"seconds": seconds, "statuses": statuses, "lost": lost, "let_in": statuses[200], "tokens": tokens}


def shortest(kind: str, requests: int, tokens: int) -> float:
    """Seconds that so many requests and tokens take at least."""
    times = [(requests - BURST) / RATE * 60]
    if kind == "tokens":
        times.append((tokens - TOKEN_BURST) / TOKENS * 60)
    return max(times)


NAMES = ("continuum", "SDK, 2 retries", "SDK, endless", "tenacity")


def start(kind: str, name: str) -> subprocess.Popen[str]:
    """A contestant and its provider, in processes of their own."""
    command = [sys.executable, "-m", "benchmarks.limits", "--child", kind, name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def race(kind: str, path: Path | None) -> None:
    """The contestants under one kind of limit."""
    running = {name: start(kind, name) for name in NAMES}
    found = {name: json.loads(process.communicate()[0]) for name, process in running.items()}
    rows: list[list[object]] = []
    for name, own in found.items():
        asked = sum(own["statuses"].values())
        refused = own["statuses"].get("429", 0)
        rows.append(
            [
                name,
                own["seconds"],
                f"{100 * shortest(kind, own['let_in'], own['tokens']) / own['seconds']:.1f}",
                asked,
                f"{100 * refused / asked:.2f}",
                own["lost"],
            ]
        )
    header = ["", "s", "goodput %", "requests", "429s %", "documents lost"]
    common.report(TITLES[kind], common.table(header, rows), {"figures": found}, path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; with `--child`, be one contestant."""
    parser = common.parser(__doc__, runs=1)
    parser.add_argument("--child", nargs=2, metavar="ARGUMENT", help="one contestant, in this process")
    options = parser.parse_args(arguments)
    if options.child:
        kind, name = options.child
        with common.provider({"document": TEXT}, *PACE, *LIMITS[kind]) as url:
            print(json.dumps(anyio.run(contest, kind, name, url)))
        return
    for kind in LIMITS:
        race(kind, options.json)


if __name__ == "__main__":
    main(sys.argv[1:])
