"""What the engine costs beside the loop that people write by hand, on a document of 16 rounds.

Inside the timer: everything from the call to the whole text, requests over the loopback included. Outside: making the
client, starting the provider, one warm-up run each. The provider runs in a process of its own, sends one event per
token without any delay, and goes on exactly where it was cut, for the loop and for continuum alike. Every text is
compared with the document afterwards.

`default` is `Policy()` with its ceilings out of the way: it sets the unfinished sentence aside and asks for an anchor,
so the model writes some words again and may need a round more. `plain` asks as the loop does (no anchor, only the
unfinished word set aside): the same tokens, so what remains is the engine.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from openai import OpenAI

import continuum
from benchmarks import _common as common

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks._common import Timing

ROUNDS = 16
PROMPT = "Write the whole report."


def loop_streaming(client: OpenAI, cap: int) -> tuple[str, int]:
    """The hand-written loop, streaming: the text and the rounds."""
    messages: list[Any] = [{"role": "user", "content": PROMPT}]
    answer, rounds, finish = "", 0, "length"
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
        text = "".join(parts)
        answer, rounds = answer + text, rounds + 1
        messages += [{"role": "assistant", "content": text}, {"role": "user", "content": common.CONTINUE}]
    return answer, rounds


def loop_unary(client: OpenAI, cap: int) -> tuple[str, int]:
    """The hand-written loop, unary: the text and the rounds."""
    messages: list[Any] = [{"role": "user", "content": PROMPT}]
    answer, rounds, finish = "", 0, "length"
    while finish == "length":
        reply = client.chat.completions.create(model="simulated", messages=messages, max_tokens=cap)
        choice = reply.choices[0]
        text, finish = choice.message.content or "", choice.finish_reason
        answer, rounds = answer + text, rounds + 1
        messages += [{"role": "assistant", "content": text}, {"role": "user", "content": common.CONTINUE}]
    return answer, rounds


def engine(client: OpenAI, cap: int, **choices: Any) -> Callable[[], tuple[str, int]]:
    """continuum with its ceilings out of the way."""
    policy = continuum.Policy(
        max_rounds=1000, max_output_tokens=None, max_cost=None, deadline=None, max_repetition=None, **choices
    )

    def run() -> tuple[str, int]:
        result = continuum.complete(
            client,
            policy=policy,
            model="simulated",
            messages=[{"role": "user", "content": PROMPT}],
            max_tokens=cap,
        )
        return result.text, result.rounds

    return run


def measure(cap: int, runs: int) -> tuple[dict[str, list[Timing]], dict[str, int]]:
    """Timings and rounds of all contestants for rounds of `cap` tokens."""
    document = common.prose(ROUNDS * cap)
    rounds: dict[str, int] = {}

    def check(name: str, value: tuple[str, int]) -> None:
        text, rounds[name] = value
        assert text == document, f"{name}: the text is not the document"

    with common.provider({"report": document}) as url, OpenAI(base_url=url, api_key="none") as client:
        plain: dict[str, Any] = {"anchor": False, "cut_back": "word"}
        contestants = {
            "loop, streaming": lambda: loop_streaming(client, cap),
            "continuum, streaming, plain": engine(client, cap, **plain),
            "continuum, streaming, default": engine(client, cap),
            "loop, unary": lambda: loop_unary(client, cap),
            "continuum, unary, plain": engine(client, cap, stream=False, **plain),
            "continuum, unary, default": engine(client, cap, stream=False),
        }
        timings = common.interleaved(contestants, runs=runs, check=check)
    assert rounds["loop, unary"] == ROUNDS, rounds
    return timings, rounds


def rows_of(cap: int, timings: dict[str, list[Timing]], rounds: dict[str, int]) -> list[list[object]]:
    """One row of the table per contestant."""
    rows = []
    for name, own in timings.items():
        loop = timings["loop, streaming" if "streaming" in name else "loop, unary"]
        wall, cpu = [t.wall for t in own], [t.cpu for t in own]
        base_wall, base_cpu = [t.wall for t in loop], [t.cpu for t in loop]
        extra = common.median([a - b for a, b in zip(cpu, base_cpu, strict=True)]) / rounds[name]
        rows.append(
            [
                name,
                f"{ROUNDS} x {cap}",
                rounds[name],
                common.median(wall) * 1000,
                common.median(cpu) * 1000,
                common.ratio(wall, base_wall),
                common.ratio(cpu, base_cpu),
                extra * 1000,
            ]
        )
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = common.parser(__doc__, runs=9)
    parser.add_argument("--caps", type=int, nargs="+", default=[256, 1000], metavar="TOKENS", help="tokens per round")
    options = parser.parse_args(arguments)
    rows: list[list[object]] = []
    figures: dict[str, Any] = {}
    for cap in options.caps:
        timings, rounds = measure(cap, options.runs)
        rows += rows_of(cap, timings, rounds)
        figures[str(cap)] = {"rounds": rounds, "timings": timings}
        streaming, unary = ([t.cpu for t in timings[f"loop, {mode}"]] for mode in ("streaming", "unary"))
        rows.append([f"streaming over unary (loop), {cap}", "", "", "", "", "", common.ratio(streaming, unary), ""])
    header = ["", "tokens", "rounds", "wall ms", "CPU ms", "wall ratio", "CPU ratio", "CPU ms more per round"]
    common.report("Engine", common.table(header, rows), figures, options.json)


if __name__ == "__main__":
    main(sys.argv[1:])
