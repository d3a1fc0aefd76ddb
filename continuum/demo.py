"""`continuum demo`: long documents through a provider that cuts, breaks off, limits and continues badly.

Everything is on the loopback: no key, no network. What comes out is compared with the originals, and the exit code
tells how that went.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import anyio
from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

import continuum
from continuum import _terminal
from continuum._core.errors import ContinuumError, MissingDependencyError, ProviderError
from continuum._runtime import Runtime
from continuum.testing import Behaviour, SimulatedProvider, sample_documents

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from continuum._core.types import Result, Seam, SeamKind

_MODELS: Final = {"OpenAI": "simulated", "Anthropic": "claude-simulated"}
_KINDS: Final[dict[SeamKind, str]] = {
    "anchor": "on a verified anchor",
    "exact": "in place",
    "overlap": "on a repeated passage",
    "near": "on a passage repeated with changes",
    "restart": "on something begun again",
    "plain": "with nothing repeated",
    "gap": "with a gap",
    "nothing_new": "with nothing new",
}
_PREAMBLE: Final = "Of course! Here is the rest of the text:\n\n"
_EXCERPT: Final = 56
_LOCAL_PROMPT: Final = "Write a short essay about lighthouses."


@dataclass(frozen=True, slots=True)
class Case:
    """One document and what happens to it.

    Attributes:
        document: its name among the sample documents.
        provider: `OpenAI` or `Anthropic`.
        cap: output tokens per request.
        trouble: what goes wrong, in words.
        behaviours, faults: the same for the simulated provider; `@N` is the round, 0 the first answer.
    """

    document: str
    provider: str
    cap: int
    trouble: str
    behaviours: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


CASES: Final = (
    Case(
        "essay",
        "OpenAI",
        260,
        "rate limit; says 120 characters again",
        ("overlap:120@2",),
        ("429:0.3@1",),
    ),
    Case(
        "guide",
        "Anthropic",
        240,
        "connection drops; opens the code fence again",
        ("reopen_fence@3", "mangled_anchor:space@4"),
        ("drop:60@1",),
    ),
    Case(
        "catalogue",
        "OpenAI",
        300,
        "stream ends in silence; begins its line again; quotes the anchor",
        ("restart:line@3", "mangled_anchor:wrapped@5", "no_anchor@8"),
        ("silent_end:80@6",),
    ),
    Case(
        "french",
        "Anthropic",
        200,
        "overloaded; talks first; changes the quotes",
        (f"preamble:{_PREAMBLE}@1", "mangled_anchor:typography@3"),
        ("529@2",),
    ),
    Case(
        "chinese",
        "OpenAI",
        220,
        "503; ignores the anchor; talks first",
        ("no_anchor@1", f"preamble:{_PREAMBLE}@2"),
        ("status:503@3",),
    ),
    Case(
        "poem",
        "Anthropic",
        200,
        "nothing comes at all; begins its paragraph again",
        ("empty@1", "restart:paragraph@2"),
        ("disconnect@2",),
    ),
)
"""What the demo shows. The poem has a refrain and a table with equal rows."""


@dataclass(slots=True)
class Row:
    """A document on its way.

    Attributes:
        text: what the stream has given so far.
        waited: seconds spent waiting for the provider.
        state: what happens now, in a word or two.
        equal: whether stream, result and original are the same; None while it runs.
    """

    case: Case
    original: str
    text: str = ""
    round: int = 1
    joins: int = 0
    waited: float = 0.0
    state: str = "asking"
    result: Result | None = None
    equal: bool | None = None
    seconds: float = 0.0

    async def sleep(self, seconds: float) -> None:
        """What the library calls to wait."""
        before, self.state = self.state, f"waits {seconds:.1f} s"
        self.waited += seconds
        await anyio.sleep(seconds)
        self.state = before

    async def draft(self, client: Any) -> None:
        """Draft the document and compare it."""
        case, began = self.case, time.monotonic()
        try:
            async with continuum.astream(
                client,
                policy=continuum.Policy(retry_initial=0.2),
                runtime=Runtime(asleep=self.sleep),
                model=_MODELS[case.provider],
                messages=[{"role": "user", "content": f"[doc:{case.document}] Write it, all of it."}],
                max_tokens=case.cap,
            ) as stream:
                async for event in stream:
                    self.state = "writing"
                    self.text += event.text
                    if event.round != self.round or event.result:
                        self.round, self.result = event.round, stream.result
                        self.joins = len(_terminal.joins(self.result.seams))
        except ContinuumError as error:
            self.result = getattr(error, "result", None)
            self.state = f"failed: {error}"
        else:
            self.state = "done"
        result = self.result
        self.seconds = time.monotonic() - began
        self.equal = result is not None and result.complete and self.original == result.text == self.text


def run(cases: Sequence[Case] = CASES) -> int:
    """Draft all cases at once, show it, and compare; return the exit code: 0 if every text equals its original."""
    _terminal.use_utf8(sys.stdout)
    console = Console(highlight=False)
    documents = sample_documents()
    rows = [Row(case, documents[case.document]) for case in cases]
    caps = sorted({case.cap for case in cases})
    console.print(
        f"{len(rows)} documents through a simulated provider on 127.0.0.1, which cuts every answer after "
        f"{caps[0]} to {caps[-1]} tokens. No key, no network.\n",
        soft_wrap=not console.is_terminal,
    )
    began = time.monotonic()
    with provider(cases, documents) as server:
        if console.is_terminal:
            with Live(get_renderable=lambda: table(rows), console=console, refresh_per_second=12):
                anyio.run(_draft_all, rows, server)
        else:
            anyio.run(_draft_all, rows, server, True)
        statuses = server.statuses
    show_account(console, rows, statuses, time.monotonic() - began)
    return 0 if all(row.equal for row in rows) else 1


def provider(cases: Sequence[Case], documents: dict[str, str]) -> SimulatedProvider:
    """A simulated provider that does to each document what its case says."""

    def pinned(case: Case, shorts: tuple[str, ...]) -> Iterator[Behaviour]:
        for short in shorts:
            yield replace(Behaviour.parse(short), conversation=f"[doc:{case.document}]")

    return SimulatedProvider(
        {case.document: documents[case.document] for case in cases},
        behaviours=[behaviour for case in cases for behaviour in pinned(case, case.behaviours)],
        faults=[fault for case in cases for fault in pinned(case, case.faults)],
        chunk_tokens=2,
        delay=0.002,
    )


async def _draft_all(rows: Sequence[Row], server: SimulatedProvider, plain: bool = False) -> None:
    import anthropic
    import httpx2
    import openai

    # A proxy in the environment has no business on the loopback; the SDKs' own HTTP clients would use it.
    async with (
        httpx2.AsyncClient(trust_env=False) as http,
        openai.AsyncOpenAI(api_key="demo", base_url=server.openai_base_url, http_client=http) as one,
        anthropic.AsyncAnthropic(api_key="demo", base_url=server.anthropic_base_url, http_client=http) as other,
        anyio.create_task_group() as tasks,
    ):

        async def draft(row: Row) -> None:
            await row.draft(one if row.case.provider == "OpenAI" else other)
            if plain:
                print(plain_line(row), flush=True)

        for row in rows:
            tasks.start_soon(draft, row)


# -- how it looks -----------------------------------------------------------------------------------------------------


def _verdict(row: Row) -> Text:
    if row.equal is None:
        return Text(row.state, style="yellow" if row.state.startswith("waits") else "dim")
    return Text("equal ✓", style="bold green") if row.equal else Text("DIFFERS ✗", style="bold red")


def table(rows: Sequence[Row]) -> Table:
    """The rows as they stand."""
    shown = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    shown.add_column("Document", style="bold", no_wrap=True)
    shown.add_column("Provider", no_wrap=True)
    shown.add_column("What goes wrong", style="dim", min_width=20, max_width=44)
    shown.add_column("Round", justify="right", no_wrap=True)
    shown.add_column("Text", justify="right", no_wrap=True)
    shown.add_column("Joins", justify="right", no_wrap=True)
    shown.add_column("State", no_wrap=True, min_width=11)
    for row in rows:
        case = row.case
        characters = f"{len(row.text):,}"
        shown.add_row(
            case.document, case.provider, case.trouble, str(row.round), characters, str(row.joins), _verdict(row)
        )
    return shown


def plain_line(row: Row) -> str:
    """A finished row for a file or a pipe."""
    rounds = row.result.rounds if row.result else 0
    words = "equal" if row.equal else "DIFFERS"
    counts = f"{rounds:>2} rounds {row.joins:>2} joins {len(row.text):>6,} characters {row.seconds:>5.1f} s"
    return f"{row.case.document:<10} {row.case.provider:<9} {counts}  {words:<8} ({row.case.trouble})"


def show_account(console: Console, rows: Sequence[Row], statuses: dict[int, int], seconds: float) -> None:
    """What was cut, joined, removed, waited for and paid, and whether every text is right."""
    console.print()
    for name, words in account(rows, statuses):
        first, *more = words.split("\n")
        console.print(Text.assemble((f"{name:<9}", "bold"), first), soft_wrap=True)
        for line in more:
            console.print(Text(f"{'':<9}{line}"), soft_wrap=True)
    equal = [row for row in rows if row.equal]
    for row in rows:
        if not row.equal:
            console.print(Text(f"{row.case.document}: {difference(row)}", style="red"), soft_wrap=True)
    verdict = f"{len(equal)} of {len(rows)} texts equal their originals, character for character"
    style = "bold green" if len(equal) == len(rows) else "bold red"
    console.print()
    console.print(Text.assemble((verdict, style), f"  ({seconds:.1f} s)"), soft_wrap=True)


def account(rows: Sequence[Row], statuses: dict[int, int]) -> list[tuple[str, str]]:
    """The figures of all rows, as (heading, words)."""
    results = [row.result for row in rows if row.result is not None]
    segments = [segment for result in results for segment in result.segments]
    seams = [seam for result in results for seam in result.seams]
    ends = Counter(segment.finish_reason for segment in segments)
    made = _terminal.joins(seams)
    found: Counter[SeamKind] = Counter(seam.kind for seam in made)
    kinds = ", ".join(f"{number} {_KINDS[kind]}" for kind, number in found.most_common())
    refused = {429: "429 rate limit", 503: "503 unavailable", 529: "529 overloaded", 0: "connection closed"}
    waits = ", ".join(f"{statuses[code]} × {words}" for code, words in refused.items() if statuses.get(code))
    tokens_in = sum(result.usage.input_tokens for result in results)
    tokens_out = sum(result.usage.output_tokens for result in results)
    return [
        ("cut", f"{ends['length']} replies at the cap, {_terminal.count(ends['interrupted'], 'stream')} broken off"),
        ("joined", f"{_terminal.joins_words(seams)}: {kinds}"),
        ("removed", _removed(results)),
        ("waited", f"{sum(row.waited for row in rows):.1f} s in all: {waits}"),
        ("billed", f"{tokens_in:,} tokens in, {tokens_out:,} out, in {_terminal.count(len(segments), 'round')}"),
    ]


def _removed(results: Sequence[Result]) -> str:
    twice = talk = replaced = 0
    most_twice = most_talk = ""
    chattiest = 0
    for result in results:
        for seam in result.seams:
            chat = _talk(seam, result.text)
            twice, talk, replaced = twice + len(seam.removed) - chat, talk + chat, replaced + len(seam.replaced)
            if chat > chattiest:
                most_talk, chattiest = seam.removed, chat
            elif not chat:
                most_twice = max(most_twice, seam.removed, key=len)
    words = [f"{twice:,} characters said twice" + (f", such as {excerpt(most_twice)}" if twice else "")]
    words.append(f"{talk:,} of talk and marks" + (f", such as {excerpt(most_talk)}" if talk else ""))
    if replaced:
        words.append(f"{replaced:,} of unfinished ends that were said anew")
    return "\n".join(words)


def _talk(seam: Seam, text: str) -> int:
    """How much of what a seam removed was not part of the document."""
    return 0 if seam.removed in text else len(seam.removed) - seam.overlap


def excerpt(text: str) -> str:
    """The beginning of a text in one line."""
    line = repr(text)[1:-1]
    return f"“{line}”" if len(line) <= _EXCERPT else f"“{line[:_EXCERPT]}…”"


def difference(row: Row) -> str:
    """Where a text leaves its original."""
    if row.result is None:
        return row.state
    if not row.result.complete:
        return f"incomplete ({row.result.reason}), {len(row.text):,} of {len(row.original):,} characters"
    if row.text != row.result.text:
        return "the stream and the result are not the same"
    pairs = zip(row.original, row.text, strict=False)
    at = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(row.original), len(row.text)))
    return (
        f"differs at character {at:,}: expected {excerpt(row.original[at : at + _EXCERPT])}, "
        f"got {excerpt(row.text[at : at + _EXCERPT])}"
    )


# -- with a real model ------------------------------------------------------------------------------------------------


def run_local() -> int:
    """Draft one document with a small language model on this machine; return the exit code: 2 if it is missing."""
    from continuum.testing.local_model import LocalModel

    _terminal.use_utf8(sys.stdout, sys.stderr)
    console = Console(highlight=False)
    server = LocalModel()
    try:
        server.start()
    except (MissingDependencyError, RuntimeError) as error:
        _terminal.error_console().print(str(error), markup=False)
        return 2 if isinstance(error, MissingDependencyError) else 1
    try:
        return _draft_locally(console, server.openai_base_url)
    except ProviderError as error:
        _terminal.error_console().print(str(error), markup=False)
        return 1
    finally:
        server.stop()


def _draft_locally(console: Console, base_url: str) -> int:
    import httpx2
    import openai

    console.print(f"A real language model on this machine, 48 tokens per answer: {_LOCAL_PROMPT}\n", soft_wrap=True)
    began = time.monotonic()
    with (
        httpx2.Client(trust_env=False) as http,  # a proxy has no business on the loopback
        openai.OpenAI(api_key="demo", base_url=base_url, http_client=http) as client,
    ):
        stream = continuum.stream(
            client,
            policy=continuum.Policy(max_rounds=8, dialect="llama.cpp"),
            model="local",
            messages=[{"role": "user", "content": _LOCAL_PROMPT}],
            max_tokens=48,
            temperature=0,
        )
        with stream:
            for event in stream:
                text = _terminal.harmless(event.text)
                console.print(text, end="", markup=False, soft_wrap=True, emoji=False)
                console.file.flush()
    result = stream.result
    console.print("\n")
    if console.is_terminal:
        console.rule("the same text, with its joins")
        console.print(marked(result))
        console.print()
    for seam in result.seams:
        before = excerpt(result.text[max(0, seam.offset - 24) : seam.offset])
        console.print(Text(f"round {seam.round}: {seam.kind:<7} {before} ⟨{seam.round}⟩ "), end="")
        console.print(Text(excerpt(result.text[seam.offset : seam.offset + 24])), soft_wrap=True)
    ended = "complete" if result.complete else f"stopped ({result.reason})"
    console.print(Text(f"\n{ended} · {_terminal.account(result)} · {time.monotonic() - began:.1f} s"), soft_wrap=True)
    return 0


def marked(result: Result) -> Text:
    """The text with the number of the round at every join."""
    text, position = Text(), 0
    for seam in result.seams:
        text.append(_terminal.harmless(result.text[position : seam.offset]))
        text.append(f"⟨{seam.round}⟩", style="bold black on yellow")
        position = seam.offset
    return text.append(_terminal.harmless(result.text[position:]))
