"""What the engine costs beside the loop that people write by hand, on a document of 16 rounds.

Inside the timer: everything from the call to the whole text, requests over the loopback included. Outside: making the
client, starting the provider, one warm-up run each. The provider runs in a process of its own, sends one event per
token without any delay, and goes on exactly where it was cut, for the loop and for continuum alike. Every text is
compared with the document afterwards.

All ceilings of continuum are out of the way. It is measured in three ways:

* `plain` asks as the loop does: no anchor, only the unfinished word set aside. The same tokens, so what is left is the
  engine and the search for the join.
* `default` is `Policy()`: the unfinished sentence is set aside and an anchor asked for, so the model writes some words
  again. At the same cap that can take more rounds than the loop's.
* `default, 16 rounds` is the same with the cap raised by what is said again, so that it makes as many requests as the
  loop does.

`plain` is measured as an async client asks as well, beside the same loop on the same event loop, and as it streams to
a reader: events of `continuum.stream`, chunks of a wrapped client.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from openai import AsyncOpenAI, OpenAI

import continuum
from benchmarks import _common as common
from benchmarks._common import Answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from benchmarks._common import Timing

ROUNDS = 16
PROMPT = "Write the whole report."
PLAIN: dict[str, Any] = {"anchor": False, "cut_back": "word"}


def loop_streaming(client: OpenAI, cap: int) -> Answer:
    """The hand-written loop, streaming."""
    messages: list[Any] = [{"role": "user", "content": PROMPT}]
    answer, rounds, tokens, finish = "", 0, 0, "length"
    while finish == "length":
        parts = []
        stream = client.chat.completions.create(
            model="simulated",
            messages=messages,
            max_tokens=cap,
            stream=True,
            stream_options={"include_usage": True},
        )
        for chunk in stream:
            if chunk.choices:
                choice = chunk.choices[0]
                if choice.delta.content:
                    parts.append(choice.delta.content)
                finish = choice.finish_reason or finish
            if chunk.usage is not None:
                tokens += chunk.usage.completion_tokens
        text = "".join(parts)
        answer, rounds = answer + text, rounds + 1
        messages += [{"role": "assistant", "content": text}, {"role": "user", "content": common.CONTINUE}]
    return Answer(answer, rounds, tokens)


def loop_unary(client: OpenAI, cap: int) -> Answer:
    """The hand-written loop, unary."""
    messages: list[Any] = [{"role": "user", "content": PROMPT}]
    answer, rounds, tokens, finish = "", 0, 0, "length"
    while finish == "length":
        reply = client.chat.completions.create(model="simulated", messages=messages, max_tokens=cap)
        choice = reply.choices[0]
        text, finish = choice.message.content or "", choice.finish_reason
        answer, rounds = answer + text, rounds + 1
        tokens += reply.usage.completion_tokens if reply.usage else 0
        messages += [{"role": "assistant", "content": text}, {"role": "user", "content": common.CONTINUE}]
    return Answer(answer, rounds, tokens)


def _policy(**choices: Any) -> continuum.Policy:
    """A policy whose ceilings are out of the way; the deadline stays."""
    return continuum.Policy(max_rounds=1000, max_output_tokens=None, max_cost=None, **choices)


def _asked(cap: int) -> dict[str, Any]:
    return {"model": "simulated", "messages": [{"role": "user", "content": PROMPT}], "max_tokens": cap}


def _answer(result: continuum.Result, text: str | None = None) -> Answer:
    return Answer(result.text if text is None else text, result.rounds, result.usage.output_tokens)


def engine(client: OpenAI, cap: int, **choices: Any) -> Callable[[], Answer]:
    """continuum with its ceilings out of the way."""
    policy = _policy(**choices)
    return lambda: _answer(continuum.complete(client, policy=policy, **_asked(cap)))


async def engine_async(client: AsyncOpenAI, cap: int) -> Answer:
    """The same on an async client, plain."""
    return _answer(await continuum.acomplete(client, policy=_policy(**PLAIN), **_asked(cap)))


def events(client: OpenAI, cap: int) -> Answer:
    """The events of `continuum.stream`, plain, read to the end."""
    parts, result = [], None
    for event in continuum.stream(client, policy=_policy(**PLAIN), **_asked(cap)):
        parts.append(event.text)
        result = event.result
    assert result is not None
    return _answer(result, "".join(parts))


def wrapped(client: OpenAI, cap: int) -> Answer:
    """The chunks of a wrapped client, plain, read to the end."""
    stream = continuum.wrap(client, policy=_policy(**PLAIN)).chat.completions.create(**_asked(cap), stream=True)
    parts = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
    return _answer(continuum.result_of(stream), "".join(parts))


@contextmanager
def in_loop(url: str) -> Iterator[Callable[[Callable[[AsyncOpenAI], Awaitable[Answer]]], Answer]]:
    """An event loop with a client, which live outside the timer; gives what runs a function of the client in it."""
    with asyncio.Runner() as runner:
        client = AsyncOpenAI(base_url=url, api_key="none")

        async def run(function: Callable[[AsyncOpenAI], Awaitable[Answer]]) -> Answer:
            return await function(client)

        yield lambda function: runner.run(run(function))
        runner.run(client.close())


def cap_for_equal_rounds(client: OpenAI, cap: int) -> int:
    """The smallest cap (in steps of 1 %) with which the default policy needs no more rounds than the loop."""
    step = max(cap // 100, 1)
    while engine(client, cap, stream=False)().rounds > ROUNDS:
        cap += step
    return cap


def measure(cap: int, runs: int) -> tuple[dict[str, list[Timing]], dict[str, Answer]]:
    """Timings and answers of all contestants for rounds of `cap` tokens."""
    document = common.prose(int((ROUNDS - 0.5) * cap))
    answers: dict[str, Answer] = {}

    def check(name: str, answer: Answer) -> None:
        assert answer.text == document, f"{name}: the text is not the document"
        answers[name] = answer

    with (
        common.provider({"report": document}) as url,
        OpenAI(base_url=url, api_key="none") as client,
        in_loop(url) as run,
    ):
        wide = cap_for_equal_rounds(client, cap)
        contestants = {
            "loop, streaming": lambda: loop_streaming(client, cap),
            "continuum, streaming, plain": engine(client, cap, **PLAIN),
            "continuum, streaming, default": engine(client, cap),
            "continuum, streaming, default, 16 rounds": engine(client, wide),
            "continuum.stream, streaming, plain": lambda: events(client, cap),
            "wrapped client, streaming, plain": lambda: wrapped(client, cap),
            "loop, async, streaming": lambda: run(lambda own: common.async_loop(own, PROMPT, cap)),
            "continuum, async, streaming, plain": lambda: run(lambda own: engine_async(own, cap)),
            "loop, unary": lambda: loop_unary(client, cap),
            "continuum, unary, plain": engine(client, cap, stream=False, **PLAIN),
            "continuum, unary, default": engine(client, cap, stream=False),
            "continuum, unary, default, 16 rounds": engine(client, wide, stream=False),
        }
        timings = common.interleaved(contestants, runs=runs, check=check)
    assert answers["loop, unary"].rounds == ROUNDS, answers["loop, unary"].rounds
    return timings, answers


def _base(name: str) -> str:
    """The loop that a contestant is compared with."""
    if "async" in name:
        return "loop, async, streaming"
    return "loop, streaming" if "streaming" in name else "loop, unary"


def rows_of(timings: Mapping[str, list[Timing]], answers: Mapping[str, Answer]) -> list[list[object]]:
    """One row of the table per contestant."""
    rows: list[list[object]] = []
    for name, own in timings.items():
        loop = timings[_base(name)]
        wall, cpu = [t.wall for t in own], [t.cpu for t in own]
        base_wall, base_cpu = [t.wall for t in loop], [t.cpu for t in loop]
        more = common.median([a - b for a, b in zip(cpu, base_cpu, strict=True)]) / answers[name].rounds
        ratios = [common.ratio(wall, base_wall), common.ratio(cpu, base_cpu)]
        rows.append(
            [
                name,
                answers[name].rounds,
                answers[name].tokens,
                common.median(wall) * 1000,
                common.median(cpu) * 1000,
                *ratios,
                more * 1000,
            ]
        )
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = common.parser(__doc__, runs=9)
    parser.add_argument("--caps", type=int, nargs="+", default=[256, 1000], metavar="TOKENS", help="tokens per round")
    options = parser.parse_args(arguments)
    header = ["", "rounds", "tokens", "wall ms", "CPU ms", "wall ratio", "CPU ratio", "CPU ms more per round"]
    text: list[str] = []
    figures: dict[str, Any] = {}
    for cap in options.caps:
        timings, answers = measure(cap, options.runs)
        figures[str(cap)] = {
            name: {"rounds": answers[name].rounds, "tokens": answers[name].tokens, "timings": own}
            for name, own in timings.items()
        }
        text.append(f"{ROUNDS} rounds of {cap} tokens\n\n{common.table(header, rows_of(timings, answers))}")
        for name in ("loop, {}", "continuum, {}, default"):
            streaming, unary = (timings[name.format(mode)] for mode in ("streaming", "unary"))
            wall = common.ratio([t.wall for t in streaming], [t.wall for t in unary])
            cpu = common.ratio([t.cpu for t in streaming], [t.cpu for t in unary])
            label = name.replace(" {},", "").replace(", {}", "")
            text.append(f"Streaming over unary, {label}: {wall:.1f} x wall, {cpu:.1f} x CPU.")
    common.report("Engine", "\n\n".join(text), figures, options.json)


if __name__ == "__main__":
    main(sys.argv[1:])
