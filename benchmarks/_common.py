"""What the benchmarks share: a provider in a process of its own, a text, timers, and tables."""

from __future__ import annotations

import argparse
import gc
import json
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from continuum.testing import tokenize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from openai import AsyncOpenAI

CONTINUE = "Continue from where you left off."
"""What the hand-written loop says."""

_WORDS = re.findall(
    r"\w+",
    "harbour lamp keeper tower weight winter ledger engine copper signal channel weather ship night morning record "
    "figure season letter bridge market village river garden window paper office question answer reason moment "
    "measure distance surface current pressure motion pattern history practice language number method result account "
    "small large quiet narrow steady careful early later northern common ancient simple double heavy empty certain",
)
_VERBS = re.findall(r"\w+", "keeps turns counts carries follows leaves finds holds crosses raises opens closes reads")


def prose(tokens: int, seed: int = 1) -> str:
    """Sentences that do not repeat, in paragraphs: as many as fit into so many tokens, the last one whole."""
    choose = random.Random(seed)
    found: list[str] = []
    size, number = 0, 0
    while True:
        number += 1
        words = choose.sample(_WORDS, choose.randint(6, 14))
        words.insert(choose.randint(2, 4), choose.choice(_VERBS))
        end = ".\n\n" if number % 6 == 0 else ". "
        sentence = f"{' '.join(words).capitalize()} {choose.randint(100, 99999)}{end}"
        size += len(tokenize(sentence.rstrip(" ")))  # the space is part of the next word's token
        if size > tokens:
            return "".join(found).rstrip() + "\n"
        found.append(sentence)


@contextmanager
def provider(documents: Mapping[str, str], *options: str) -> Iterator[str]:
    """The simulated provider in its own process; gives its base URL for `OpenAI(base_url=…)`."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = list(options)
        for name, text in documents.items():
            path = Path(folder, f"{name}.txt")
            path.write_text(text, encoding="utf-8")
            arguments += ["--document", str(path)]
        process = subprocess.Popen(
            [sys.executable, "-m", "continuum.testing", "--until-eof", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            if not url:
                raise RuntimeError(f"the simulated provider ended with code {process.wait()} before it served")
            yield f"{url}/v1"
        finally:
            process.stdin.close()
            process.wait()
            process.stdout.close()


class Answer(NamedTuple):
    """What a contestant gives back."""

    text: str
    rounds: int
    tokens: int


async def async_loop(client: AsyncOpenAI, prompt: str, cap: int) -> Answer:
    """The hand-written loop, streaming, on an async client."""
    messages: list[Any] = [{"role": "user", "content": prompt}]
    answer, rounds, tokens, finish = "", 0, 0, "length"
    while finish == "length":
        parts = []
        stream = await client.chat.completions.create(
            model="simulated",
            messages=messages,
            max_tokens=cap,
            stream=True,
            stream_options={"include_usage": True},
        )
        async for chunk in stream:
            if chunk.choices:
                choice = chunk.choices[0]
                if choice.delta.content:
                    parts.append(choice.delta.content)
                finish = choice.finish_reason or finish
            if chunk.usage is not None:
                tokens += chunk.usage.completion_tokens
        text = "".join(parts)
        answer, rounds = answer + text, rounds + 1
        messages += [{"role": "assistant", "content": text}, {"role": "user", "content": CONTINUE}]
    return Answer(answer, rounds, tokens)


class Timing(NamedTuple):
    """Seconds of one run: on the wall, and of this process's CPU (all threads; the provider is another process)."""

    wall: float
    cpu: float


def timed(function: Callable[[], Any]) -> tuple[Timing, Any]:
    """Run once; garbage of earlier runs is collected before the timer starts."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    value = function()
    return Timing(time.perf_counter() - wall, time.process_time() - cpu), value


def interleaved(
    contestants: Mapping[str, Callable[[], Any]], *, runs: int, check: Callable[[str, Any], None], warm_ups: int = 1
) -> dict[str, list[Timing]]:
    """Run every contestant in turn, A B C A B C, so that a busy machine is as bad for one as for the other.

    Args:
        contestants: name to function.
        runs: how often each one is timed.
        check: is given the name and what the function returned, outside the timer; raises if that is wrong.
        warm_ups: runs of each before the timed ones.
    """
    found: dict[str, list[Timing]] = {name: [] for name in contestants}
    for number in range(-warm_ups, runs):
        names = list(contestants)
        # The order turns round every time: nobody is always the one who comes after a given other.
        for name in names if number % 2 else reversed(names):
            timing, value = timed(contestants[name])
            check(name, value)
            if number >= 0:
                found[name].append(timing)
    return found


def median(values: Sequence[float]) -> float:
    """The median, a float also for whole numbers."""
    return float(statistics.median(values))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios of runs that were neighbours in time."""
    return median([a / b for a, b in zip(ours, theirs, strict=True)])


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; floats with three figures, the first column to the left."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


def parser(description: str | None, *, runs: int) -> argparse.ArgumentParser:
    """The options that all benchmarks have."""
    found = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    found.add_argument("--runs", type=int, default=runs, help=f"timed runs of each contestant (default {runs})")
    found.add_argument("--json", type=Path, metavar="FILE", help="write the raw figures there")
    return found


def report(title: str, text: str, figures: Mapping[str, Any], path: Path | None) -> None:
    """Print a table under its title; write the raw figures if a file was named."""
    print(f"## {title}\n\n{text}\n")
    if path is not None:
        machine = {"python": platform.python_version(), "system": platform.system(), "machine": platform.machine()}
        path.write_text(json.dumps({"title": title, **machine, **figures}, indent=2) + "\n", encoding="utf-8")
