"""What a reader of a stream notices: the time to the first text, and the pauses at the joins.

*First text.* Inside the timer: from the call to the first text. The provider waits 50 ms before the first byte and
5 ms between two events of one token each. The stream is closed after its first text, outside the timer.

*Hold-back.* A document in rounds of 120 tokens at 5 ms each. `longest pause` is the longest time between two released
texts, on a clock that runs only while chunks of a round are arriving, so the time in which the provider thinks does
not count. `to join` is that clock from the first chunk of a continuation to its first released text (median), with the
characters that had come by then. `most held` is the most characters that were held back at any moment. Every text is
compared with the document.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from openai import OpenAI

import continuum
from benchmarks import _common as common
from continuum._api import new_run
from continuum._drivers import drive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

FIRST_DELAY, DELAY = 0.05, 0.005
CAP, ROUNDS = 120, 6
DELAYS = ("--first-delay", str(FIRST_DELAY), "--delay", str(DELAY))


def _ask(number: int, cap: int = CAP) -> dict[str, Any]:
    # A prompt of its own for every run: to the provider it is another conversation.
    prompt = f"Write the report, number {number}."
    return {"model": "simulated", "messages": [{"role": "user", "content": prompt}], "max_tokens": cap}


# -- the first text -------------------------------------------------------------------------------------------------


def sdk_texts(client: OpenAI) -> Iterator[str]:
    """Texts of a stream of the SDK, or of a wrapped client."""
    with client.chat.completions.create(**_ask(0), stream=True) as stream:
        for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                yield chunk.choices[0].delta.content


def own_texts(client: OpenAI) -> Iterator[str]:
    """Texts of `continuum.stream`."""
    with continuum.stream(client, **_ask(0)) as stream:
        for event in stream:
            if event.text:
                yield event.text


FIRST = ("SDK", "continuum.stream", "wrapped client")


def first_texts(runs: int) -> dict[str, list[float]]:
    """Seconds to the first text, by contestant."""
    document = common.prose(CAP)
    found: dict[str, list[float]] = {}
    with common.provider({"report": document}, *DELAYS) as url, OpenAI(base_url=url, api_key="none") as client:
        wrapped = continuum.wrap(client)
        contestants: dict[str, Callable[[], Iterator[str]]] = dict(
            zip(FIRST, (lambda: sdk_texts(client), lambda: own_texts(client), lambda: sdk_texts(wrapped)), strict=True)
        )
        for number in range(-2, runs):
            for name in FIRST if number % 2 else reversed(FIRST):
                texts = contestants[name]()
                start = time.perf_counter()
                text = next(texts)
                seconds = time.perf_counter() - start
                texts.close()  # type: ignore[attr-defined]  # a generator
                assert document.startswith(text), f"{name}: {text!r} is not how the document begins"
                if number >= 0:
                    found.setdefault(name, []).append(seconds)
    return found


# -- hold-back ------------------------------------------------------------------------------------------------------


class Clock:
    """Watches one run: a clock that runs while chunks of a round arrive, and what was released when."""

    def __init__(self) -> None:
        self.arriving = 0.0
        self.pauses: list[float] = []
        self.joins: list[tuple[float, int]] = []
        self._round, self._last_chunk, self._released = 0, 0.0, 0.0
        self._began: float | None = None
        self._characters = 0

    def chunk(self, round: int, text: str) -> None:
        """A chunk with text has arrived."""
        now = time.perf_counter()
        if round == self._round:
            self.arriving += now - self._last_chunk
        else:
            self._round, self._began, self._characters = round, self.arriving, 0
        self._last_chunk = now
        self._characters += len(text)

    def released(self, round: int) -> None:
        """Some text was released."""
        self.pauses.append(self.arriving - self._released)
        self._released = self.arriving
        if self._began is not None and round == self._round:
            if round > 1:
                self.joins.append((self.arriving - self._began, self._characters))
            self._began = None


def watch(client: OpenAI, policy: continuum.Policy, number: int) -> tuple[str, Clock, continuum.Result, int]:
    """One run: its text, the clock, the result, and the most characters held."""
    run = new_run(client, policy, _ask(number), is_async=False, chunks=True)
    clock, texts, round = Clock(), [], 0
    for piece in drive(run):
        chunk = piece.chunk
        if chunk is not None and chunk.choices and chunk.choices[0].delta.content:
            round = piece.round
            clock.chunk(round, chunk.choices[0].delta.content)
        if piece.text:
            texts.append(piece.text)
            clock.released(round)
    return "".join(texts), clock, run.finish(), run.lanes[0].machine.peak_held


def watch_sdk(client: OpenAI) -> Clock:
    """The bare SDK's stream of one round, on the same clock."""
    clock = Clock()
    for text in sdk_texts(client):
        clock.chunk(1, text)
        clock.released(1)
    return clock


SITUATIONS: dict[str, tuple[tuple[str, ...], bool]] = {
    "anchored": ((), True),
    "40 characters repeated": (("--behaviour", "overlap:40") * 20, False),
    "plain": ((), False),
}
"""What the provider does, and whether an anchor is asked for."""


def hold_back(runs: int) -> dict[str, dict[str, list[float]]]:
    """Figures by situation."""
    document = common.prose(int((ROUNDS - 0.5) * CAP))
    found: dict[str, dict[str, list[float]]] = {}

    def note(name: str, clock: Clock, kinds: str, held: int) -> None:
        row = found.setdefault(name, {"pause": [], "join": [], "characters": [], "held": [], "kinds": []})
        row["pause"].append(max(clock.pauses))
        row["join"] += [seconds for seconds, _ in clock.joins]
        row["characters"] += [characters for _, characters in clock.joins]
        row["held"].append(held)
        row["kinds"].append(kinds)  # type: ignore[arg-type]

    for situation, (behaviour, anchor) in SITUATIONS.items():
        with (
            common.provider({"report": document}, *DELAYS, *behaviour) as url,
            OpenAI(base_url=url, api_key="none") as client,
        ):
            for number in range(runs):
                if situation == "plain":
                    note("SDK, one round", watch_sdk(client), "", 0)
                for cut_back in ("sentence", "word"):
                    policy = continuum.Policy(anchor=anchor, cut_back=cut_back)
                    key = 2 * number + (cut_back == "word")
                    text, clock, result, held = watch(client, policy, key)
                    assert text == result.text == document, f"{situation}, {cut_back}: the text is not the document"
                    kinds = ", ".join(sorted({seam.kind for seam in result.seams}))
                    note(f"{situation}, cut_back={cut_back!r}", clock, kinds, held)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = common.parser(__doc__, runs=3)
    parser.add_argument("--first-runs", type=int, default=40, help="timed runs for the first text (default 40)")
    options = parser.parse_args(arguments)
    first = first_texts(options.first_runs)
    rows: list[list[object]] = [
        [name, common.median(first[name]) * 1000, common.ratio(first[name], first["SDK"])] for name in FIRST
    ]
    text = common.table(["first text", "ms", "ratio"], rows)
    held = hold_back(options.runs)
    rows = [
        [
            name,
            row["kinds"][0],
            max(row["pause"]) * 1000,
            common.median(row["join"]) * 1000 if row["join"] else "-",
            common.median(row["characters"]) if row["characters"] else "-",
            max(row["held"]),
        ]
        for name, row in sorted(held.items(), key=lambda entry: not entry[0].startswith("SDK"))
    ]
    header = ["hold-back", "seams", "longest pause ms", "to join ms", "to join characters", "most held"]
    text += "\n\n" + common.table(header, rows)
    common.report("Streaming", text, {"first": first, "hold_back": held}, options.json)


if __name__ == "__main__":
    main(sys.argv[1:])
