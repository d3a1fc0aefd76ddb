"""Whole batches over real HTTP, on asyncio and trio: what is drafted, kept, resumed, stopped, and never burnt."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI, DefaultAsyncHttpxClient, OpenAI
from openai.types.chat import ChatCompletionMessage

import continuum
from continuum import ConfigurationError, Job, JobResult, Policy
from continuum._core.errors import ChangedJobsError, JournalError
from continuum.batch import Limits, ManyConnections, drafting
from continuum.batch.outcomes import dumps
from continuum.batch.pacing import Lane
from continuum.batch.progress import Silent, Status
from continuum.batch.replay import JOINED
from continuum.batch.rows import line_of
from continuum.batch.sqlite import SqliteJournal
from continuum.testing import Behaviour, SimulatedProvider
from continuum.testing.scripted import AsyncScriptedClient, Reply

if TYPE_CHECKING:
    from pathlib import Path

    from continuum._core.types import Usage
    from continuum.batch.api import BatchReport
    from continuum.batch.journal import Document, Entry

SENTENCES = "The {} keeper turned the lamp {} times and wrote it down. "
TEXTS = {f"d{n}": "".join(SENTENCES.format(n, 100 * n + i) for i in range(20 + n)) for n in range(4)}
FAST = Policy(retry_initial=0.001, retry_max=0.002, max_retries=2)
Main = Callable[[AsyncOpenAI], Awaitable[Any]]


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server() -> Iterator[SimulatedProvider]:
    with SimulatedProvider(TEXTS, chunk_tokens=16) as provider:
        yield provider


def run(server: SimulatedProvider, main: Main, backend: str = "asyncio") -> Any:
    """Run a function of a client."""

    async def whole() -> Any:
        async with AsyncOpenAI(base_url=server.openai_base_url, api_key="none") as client:
            return await main(client)

    return anyio.run(whole, backend=backend)


def rows(count: int, **fields: Any) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {"id": f"job{number}", "prompt": f"[doc:d{number % 4}] number {number}", **fields}


def ask(client: Any, jobs: Any, **arguments: Any) -> Any:
    return continuum.arun_batch(
        jobs, client=client, **{"policy": FAST, "concurrency": 8, "model": "simulated", "max_tokens": 80, **arguments}
    )


def check(report: BatchReport, count: int) -> None:
    results = list(report.results())
    assert [result.id for result in results] == [f"job{number}" for number in range(count)]
    for number, result in enumerate(results):
        assert result.complete, result
        assert result.text == TEXTS[f"d{number % 4}"]


class Watcher(Silent):
    """Counts what it is told, and may act on it."""

    def __init__(self, on: str = "", act: Callable[[], None] | None = None, after: int = 1) -> None:
        self.told: Counter[str] = Counter()
        self.messages: list[str] = []
        self._on, self._act, self._after = on, act, after

    def _note(self, what: str) -> None:
        self.told[what] += 1
        if what == self._on and self._act is not None and self.told[what] == self._after:
            self._act()

    def started(self, status: Callable[[], Status]) -> None:
        self.status = status
        self._note("started")

    def taken(self, id: str, number: int, rounds: int) -> None:
        self._note("taken")

    def round(self, id: str, number: int, usage: Usage | None, cost: float | None, seconds: float) -> None:
        self._note("round")

    def text(self, id: str, characters: int) -> None:
        self._note("text")

    def waiting(self, id: str, seconds: float, reason: str) -> None:
        self._note("waiting")

    def finished(self, number: int, result: JobResult) -> None:
        self._note("finished")

    def stopping(self, reason: str, message: str) -> None:
        self.messages.append(f"{reason}: {message}")
        self._note("stopping")

    def ended(self, status: Status) -> None:
        self.last = status
        self._note("ended")


# -- connections ------------------------------------------------------------------------------------------------------


def test_each_request_has_a_connection_and_they_are_used_again(backend: str) -> None:
    """As many connections as documents, also after replies that broke or were refused; none stays open."""
    faults = ["ok", "drop:20", "status:500"] * 3

    with SimulatedProvider(TEXTS, chunk_tokens=16, faults=faults) as server:

        async def main() -> tuple[BatchReport, int]:
            http = DefaultAsyncHttpxClient(transport=ManyConnections())
            async with AsyncOpenAI(base_url=server.openai_base_url, api_key="none", http_client=http) as client:
                report = await ask(client, rows(24), concurrency=6)
                return report, server.open_connections

        report, open_connections = anyio.run(main, backend=backend)
        check(report, 24)
        assert 1 <= open_connections <= 6
        assert server.wait_idle(connections=0)


# -- drafting ---------------------------------------------------------------------------------------------------------


def test_all_documents_come_whole(server: SimulatedProvider, backend: str, tmp_path: Path) -> None:
    """Every text is the provider's own, in input order; the account is the server's; the hooks are told."""
    watcher = Watcher()

    async def main(client: AsyncOpenAI) -> BatchReport:
        report: BatchReport = await ask(client, rows(20), journal=tmp_path / "journal", progress=watcher)
        return report

    report = run(server, main, backend)
    check(report, 20)
    assert report.complete
    assert report.stopped is None
    assert report.summary.rounds == server.statuses[200] == watcher.told["round"]
    assert sum(result.rounds for result in report.results()) == report.summary.rounds
    assert watcher.told["taken"] == watcher.told["finished"] == 20
    assert watcher.told["started"] == watcher.told["ended"] == 1
    assert (watcher.last.read, watcher.last.all_read, watcher.last.in_flight) == (20, True, 0)


def test_the_same_call_again_asks_for_nothing(server: SimulatedProvider, tmp_path: Path) -> None:
    """A finished batch costs nothing a second time; a longer input is gone on with."""
    path = tmp_path / "journal"

    async def main(client: AsyncOpenAI) -> None:
        check(await ask(client, rows(5), journal=path), 5)
        before = len(server.requests)
        check(await ask(client, rows(5), journal=path), 5)
        check(await ask(client, None, journal=path), 5)
        assert len(server.requests) == before
        check(await ask(client, rows(7), journal=path), 7)

    run(server, main)


def test_results_as_they_come(server: SimulatedProvider, backend: str) -> None:
    """Iterated, a batch gives each result once, as soon as it is there, without a journal of the caller's."""

    async def main(client: AsyncOpenAI) -> None:
        async def source() -> AsyncIterator[Job]:
            for row in rows(12):
                await anyio.lowlevel.checkpoint()
                yield Job(**row)

        seen = []
        async with ask(client, source()) as batch:
            async for result in batch:
                assert result.complete
                seen.append(result.id)
        assert sorted(seen) == sorted(f"job{number}" for number in range(12))
        check(batch.report, 12)

    run(server, main, backend)


def test_documents_finish_in_a_fair_order(server: SimulatedProvider, backend: str) -> None:
    """About as the input has them: none is overtaken by more than were in flight with it, also after a restart."""

    async def main(client: AsyncOpenAI) -> list[str]:
        jobs = ({"id": str(number), "prompt": f"[doc:d0] number {number}"} for number in range(40))
        async with ask(client, jobs, concurrency=5, limits=Limits(requests_per_minute=60_000)) as batch:
            return [result.id async for result in batch]

    order = run(server, main, backend)
    assert sorted(order, key=int) == [str(number) for number in range(40)]
    assert all(abs(place - int(id)) <= 5 for place, id in enumerate(order)), order


def test_leaving_the_loop_early_keeps_what_came(server: SimulatedProvider, backend: str, tmp_path: Path) -> None:
    """Inside `async with`; the same journal goes on, and no acknowledged round is bought again."""
    path = tmp_path / "journal"

    async def main(client: AsyncOpenAI) -> None:
        async with ask(client, rows(16), journal=path) as batch:
            async for _ in batch:
                break
        paid = (await SqliteJournal(path).summary()).rounds
        report = await ask(client, rows(16), journal=path)
        check(report, 16)
        assert report.summary.rounds >= paid > 0

    run(server, main, backend)


@pytest.mark.parametrize("way", ["break", "return", "raise", "cancel"])
def test_nothing_is_bought_for_a_loop_that_was_left(
    server: SimulatedProvider, backend: str, tmp_path: Path, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Without `async with`, too: the run ends, the journal is free, and the end of the loop is quiet."""
    path = tmp_path / "journal"

    async def leave(client: AsyncOpenAI) -> None:
        async for _ in ask(client, rows(400), journal=path, concurrency=4):
            if way == "return":
                return
            if way == "raise":
                raise ZeroDivisionError
            if way == "cancel":
                await anyio.sleep(60)
            break

    async def main(client: AsyncOpenAI) -> None:
        with anyio.move_on_after(0.3 if way == "cancel" else 60), contextlib.suppress(ZeroDivisionError):
            await leave(client)
        await ask(client, [], journal=path)  # waits for the end of the one that was left
        asked = len(server.requests)
        await anyio.sleep(0.2)
        assert 0 < len(server.requests) == asked < 400
        report = await ask(client, rows(8), journal=path)
        assert [result.text for result in report.results()][:8] == [TEXTS[f"d{number % 4}"] for number in range(8)]

    run(server, main, backend)
    if way == "break":
        run(server, leave, backend)  # the event loop ends at once
        run(server, lambda client: ask(client, [], journal=path), backend)
    assert not caplog.records


def test_jobs_have_their_own_ways(server: SimulatedProvider) -> None:
    """Messages, a system prompt, a model, a cap, parameters and a policy of a job go over the batch's."""

    async def main(client: AsyncOpenAI) -> None:
        jobs = [
            Job(id="a", messages=({"role": "user", "content": "[doc:d0] as messages"},), params={"temperature": 0.5}),
            Job(id="b", prompt="[doc:d1] x", system="Be brief.", model="other", max_tokens=100),
            Job(id="c", prompt="[doc:d2] x", policy={"max_rounds": 1}),
        ]
        report = await ask(client, jobs, system="Be long.", temperature=0.1)
        a, b, c = report.results()
        assert (a.status, b.status, c.status) == ("complete", "complete", "incomplete")
        assert (c.reason, c.rounds) == ("max_rounds", 1)
        first = {request.document: request.body for request in reversed(server.requests)}
        assert [message["content"] for message in first["d0"]["messages"]] == ["Be long.", "[doc:d0] as messages"]
        assert (first["d0"]["temperature"], first["d1"]["temperature"]) == (0.5, 0.1)
        assert [message["content"] for message in first["d1"]["messages"]] == ["Be brief.", "[doc:d1] x"]
        assert (first["d1"]["model"], first["d1"]["max_tokens"]) == ("other", 100)

    run(server, main)


def test_anthropic(server: SimulatedProvider, backend: str, tmp_path: Path) -> None:
    """The same through Anthropic's SDK, a pause of the provider's own and a system prompt included."""
    server.plan(behaviours=[Behaviour("pause_turn", amount=30, round=0)])

    async def main() -> None:
        async with AsyncAnthropic(base_url=server.anthropic_base_url, api_key="none") as client:
            report = await ask(client, rows(4), journal=tmp_path / "journal", system="Be long.")
            check(report, 4)
        assert all(request.body["system"] == "Be long." for request in server.requests)

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend_of", ["asyncio", "trio"])
def test_run_batch(server: SimulatedProvider, backend_of: str, tmp_path: Path) -> None:
    """The sync twin needs no event loop of the caller's."""
    client = AsyncOpenAI(base_url=server.openai_base_url, api_key="none")
    report = continuum.run_batch(
        rows(4),
        client=client,
        backend=backend_of,
        journal=tmp_path / "journal",
        policy=FAST,
        model="simulated",
        max_tokens=80,
    )
    check(report, 4)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# -- rows that fail ---------------------------------------------------------------------------------------------------


def test_tokens_are_reserved_as_the_provider_counts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the second request of a document on; also where a character is a token, as in Chinese."""
    pairs: list[tuple[int, int]] = []
    settle = Lane.settle

    def watched(self: Lane, place: Any, usage: Any, *more: Any) -> None:
        if usage is not None and usage.input_tokens > 100:
            pairs.append((int(place.amounts["input_tokens"]), usage.input_tokens))
        settle(self, place, usage, *more)

    monkeypatch.setattr(Lane, "settle", watched)
    text = "".join(f"灯塔看守人第{n}次点亮了灯并把它写下来。" for n in range(40))
    with SimulatedProvider({"d0": text}, chunk_tokens=16) as server:
        report = run(server, lambda client: ask(client, [{"id": "a", "prompt": "写" * 60}], max_tokens=120))
    assert report.complete
    assert len(pairs) >= 3
    assert all(0.85 < reserved / counted < 1.2 for reserved, counted in pairs[1:]), pairs


def test_a_poisoned_row_stops_nobody(server: SimulatedProvider, backend: str) -> None:
    """Refused by the provider, or by the model: the others are drafted."""
    server.plan(
        behaviours=[Behaviour("refusal", conversation="number 1", times=None)],
        faults=[Behaviour("status", status=400, conversation="number 2", times=None)],
    )

    async def main(client: AsyncOpenAI) -> None:
        report = await ask(client, rows(8))
        results = list(report.results())
        assert [result.status for result in results] == [
            "complete",
            "incomplete",
            "failed",
            *["complete"] * 5,
        ]
        assert results[1].reason == "refused"
        assert results[2].reason == "rejected"
        assert "400" in (results[2].failure or "")
        assert report.stopped is None

    run(server, main, backend)


def test_an_endless_outage_of_one_document_is_its_own(server: SimulatedProvider) -> None:
    """Others are answered meanwhile, so it is that document that failed."""
    server.plan(faults=[Behaviour("status", status=500, conversation="number 1", times=None)])

    async def main(client: AsyncOpenAI) -> None:
        report = await ask(client, rows(10), concurrency=2)
        assert report.summary.documents == {"complete": 9, "failed": 1}
        assert report.stopped is None

    run(server, main)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Behaviour("status", status=401, times=None), "credentials"),
        (Behaviour("status", status=403, times=None), "credentials"),
        (Behaviour("quota", times=None), "quota"),
        (Behaviour("status", status=503, times=None), "outage"),
    ],
    ids=["401", "403", "quota", "503"],
)
def test_a_key_that_stops_working_stops_the_run(
    server: SimulatedProvider, tmp_path: Path, fault: Behaviour, reason: str
) -> None:
    """It says so, few rows were tried, none has failed, and with a good key the same call completes them all."""
    path = tmp_path / "journal"

    async def main(client: AsyncOpenAI) -> None:
        watcher = Watcher("round", lambda: server.plan(faults=[fault]), after=30)
        report = await ask(client, rows(40), journal=path, concurrency=4, progress=watcher)
        assert report.stopped == reason
        assert watcher.messages == [f"{reason}: {report.message}"]
        assert "failed" not in report.summary.documents
        assert 0 < report.summary.documents["pending"] < 40
        asked = len(server.requests) - server.statuses[200]
        assert asked <= 4 * (FAST.max_retries + 1) + 4
        server.plan(faults=[])
        rounds = report.summary.rounds
        again = await ask(client, rows(40), journal=path)
        check(again, 40)
        assert again.summary.rounds == server.statuses[200] >= rounds

    run(server, main)


@pytest.mark.parametrize("anchor", [True, False], ids=["as before", "joined"])
def test_a_document_that_goes_on_is_looked_at_as_any_other(tmp_path: Path, anchor: bool) -> None:
    """7: an answer that should be JSON and is none is incomplete, also if it was begun before, and otherwise."""
    path = tmp_path / "journal"
    numbers = ", ".join(map(str, range(1000, 1120)))

    async def main(client: AsyncOpenAI) -> None:
        wanted = {"response_format": {"type": "json_object"}, "max_tokens": 60, "journal": path}
        first = await ask(client, rows(1), **wanted)
        assert first.stopped == "quota"
        policy = FAST.model_copy(update={"anchor": anchor})
        again = await ask(client, rows(1), **wanted, policy=policy, accept_changes=True)
        (result,) = again.results()
        assert (result.text, result.complete, result.reason) == (whole["d0"], False, "invalid")
        assert (JOINED in (result.failure or "")) is not anchor

    whole = {"d0": f'{{"rows": [{numbers}], oops}}'}
    with SimulatedProvider(whole, faults=["ok", "ok", "quota"]) as server:
        run(server, main)


def test_a_single_row_with_a_bad_key_is_not_burnt_either(server: SimulatedProvider, tmp_path: Path) -> None:
    """Nothing was answered, so the key is at fault and not the row."""
    path = tmp_path / "journal"
    server.plan(faults=[Behaviour("status", status=401)])

    async def main(client: AsyncOpenAI) -> None:
        report = await ask(client, rows(1), journal=path)
        assert (report.stopped, report.summary.documents) == ("credentials", {"pending": 1})
        assert "401" in report.message
        check(await ask(client, rows(1), journal=path), 1)

    run(server, main)


def test_documents_whose_streams_broke_can_be_gone_on_with(
    server: SimulatedProvider, tmp_path: Path, backend: str
) -> None:
    """They end incomplete. Tried again, they are asked for the rest, and how often they broke before counts no more."""
    path = tmp_path / "journal"
    policy = FAST.model_copy(update={"max_interruptions": 1})
    server.plan(faults=[Behaviour("drop", 3, conversation=f"number {n}", times=None) for n in (0, 2, 4)])

    async def main(client: AsyncOpenAI) -> None:
        report = await ask(client, rows(6), journal=path, concurrency=1, policy=policy)
        results = list(report.results())
        assert [result.reason for result in results] == ["max_interruptions", "finished"] * 3
        bought = sum(len(result.text) for result in results[::2])
        assert bought > 0
        server.plan(faults=[])
        journal, asked = SqliteJournal(path), len(server.requests)
        await journal.begin(await journal.settings() or {})
        assert await journal.reopen("incomplete") == 3
        await journal.close()
        again = await ask(client, rows(6), journal=path, policy=policy)
        check(again, 6)
        assert again.stopped is None
        assert again.summary.rounds == len(server.requests) > asked

    run(server, main, backend)


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize(
    ("fault", "ceiling", "calls", "says"),
    [
        ("drop", "max_interruptions", 2, "peer closed connection"),
        ("silent_end", "max_interruptions", 2, "end without a word why"),
        ("drop", "max_rounds", 1, "peer closed connection"),
    ],
    ids=["broken", "without a word", "up to the last round"],
)
def test_streams_that_all_break_pause_the_run_and_the_same_call_goes_on(
    server: SimulatedProvider, tmp_path: Path, fault: str, ceiling: str, calls: int, says: str, concurrency: int
) -> None:
    """Some text of each is no sign that the provider works, whichever of them was asked for last.

    As often as it is called: each time it asks, and when the provider is well again, it completes them. Documents that
    have used up their rounds are allowed more then.
    """
    path = tmp_path / "journal"
    policy = FAST.model_copy(update={ceiling: 2})
    server.plan(faults=[Behaviour(fault, 3, times=None)])

    async def main(client: AsyncOpenAI) -> None:
        for _ in range(calls):
            asked = len(server.requests)
            report = await ask(client, rows(6), journal=path, policy=policy, concurrency=concurrency)
            assert (report.stopped, report.summary.documents) == ("outage", {"pending": 6})
            assert report.message.startswith("the provider's replies break off, on several documents in a row")
            assert says in report.message
            assert len(server.requests) >= asked + 6
        server.plan(faults=[])
        check(await ask(client, rows(6), journal=path, accept_changes=True), 6)

    run(server, main)


def test_a_provider_that_breaks_one_stream_in_twenty_is_not_away(server: SimulatedProvider, tmp_path: Path) -> None:
    """The replies between them show that it works. Documents that were hit have their text, and are gone on with."""
    path = tmp_path / "journal"
    policy = FAST.model_copy(update={"max_interruptions": 0})
    hit = [Behaviour("drop", 3, round=0, conversation=f"number {n}.") for n in range(3, 40, 4)]
    jobs = [{**row, "prompt": f"{row['prompt']}."} for row in rows(40)]
    server.plan(faults=hit)

    async def main(client: AsyncOpenAI) -> None:
        report = await ask(client, jobs, journal=path, policy=policy, concurrency=4)
        assert (report.stopped, report.summary.documents) == (None, {"complete": 30, "incomplete": 10})
        assert 15 < len(server.requests) / len(hit) < 25
        assert all(result.text for result in report.results())
        check(await ask(client, jobs, journal=path, policy=policy, retry=["incomplete"]), 40)

    run(server, main)


def test_a_row_shows_the_tool_call_that_was_cut(server: SimulatedProvider, tmp_path: Path) -> None:
    """A document that ends in one without any text has failed, and what came of the call was paid for."""
    arguments = json.dumps({"path": "/tmp/d1", "text": "word " * 100})
    server.plan(behaviours=[Behaviour("cut_tool_call", text=arguments, round=0, conversation="number 1", times=None)])
    path = tmp_path / "journal"
    report = run(server, lambda client: ask(client, rows(2), journal=path))
    for results in (report.results(), SqliteJournal(path).read()):
        whole, cut = (result if isinstance(result, JobResult) else result[1] for result in results)
        assert (whole.complete, whole.cut_tool_calls) == (True, ())
        assert (cut.status, cut.reason, cut.text) == ("failed", "tool_call_cut", "")
        (call,) = cut.cut_tool_calls
        assert call.arguments
        assert arguments.startswith(call.arguments)
    row = json.loads(line_of(cut))
    assert row["cut_tool_calls"] == [{"name": call.name, "arguments": call.arguments, "id": call.id, "whole": False}]
    assert "cut_tool_calls" not in json.loads(line_of(whole))


@pytest.mark.parametrize("concurrency", [1, 8])
def test_documents_that_are_cut_for_their_own_sake_are_no_outage(concurrency: int) -> None:
    """A model that says one passage for ever is not read to its end: that stream was broken off here."""
    loop = Behaviour("repetition", round=0, times=None)
    with SimulatedProvider(TEXTS, behaviours=[loop]) as server:
        report = run(server, lambda client: ask(client, rows(6), max_tokens=4000, concurrency=concurrency))
        assert len(server.requests) == 6
    results = list(report.results())
    assert {(result.reason, result.finish_reason) for result in results} == {("repetition", "interrupted")}
    assert (report.stopped, report.summary.documents) == (None, {"incomplete": 6})


def test_an_end_that_is_only_told_again_is_no_outage(server: SimulatedProvider, tmp_path: Path) -> None:
    """Documents that had failed when the run was killed, and were not told to have: nothing was asked since."""
    path = tmp_path / "journal"
    server.plan(faults=[Behaviour("status", status=500, times=None)])

    async def main(client: AsyncOpenAI) -> None:
        assert (await ask(client, rows(3), journal=path)).stopped == "outage"
        connection = sqlite3.connect(path)
        connection.execute("UPDATE document SET state = 'running', excused = 0")
        connection.execute("UPDATE entry SET void = 0")
        connection.commit()
        connection.close()
        server.plan(faults=[])
        asked = len(server.requests)
        report = await ask(client, rows(4), journal=path)
        assert (report.stopped, report.summary.documents) == (None, {"complete": 1, "failed": 3})
        assert len(server.requests) > asked

    run(server, main)


# -- stopping ---------------------------------------------------------------------------------------------------------


def test_drained_rounds_are_finished_and_nothing_new_is_sent(
    server: SimulatedProvider, backend: str, tmp_path: Path
) -> None:
    """After `drain()` every request that was sent is kept, and the rest is done by the next call; none twice."""
    path = tmp_path / "journal"

    async def main(client: AsyncOpenAI) -> None:
        watcher = Watcher("round", lambda: batch.drain(), after=10)
        batch = ask(client, rows(20), journal=path, progress=watcher)
        report = await batch
        assert report.stopped == "interrupted"
        assert report.summary.rounds == server.statuses[200] < 20 * 5
        assert "running" not in report.summary.documents
        check(await ask(client, rows(20), journal=path), 20)
        bodies = Counter(str(request.body) for request in server.requests)
        assert set(bodies.values()) == {1}

    run(server, main, backend)


@pytest.mark.parametrize("way", ["drain", "stop"])
def test_a_batch_that_is_stopped_before_it_runs_sends_nothing(server: SimulatedProvider, way: str) -> None:
    """A signal may come before the journal is open. The rows are entered, and say that they wait."""

    async def main(client: AsyncOpenAI) -> None:
        watcher = Watcher()
        batch = ask(client, rows(3), progress=watcher)
        getattr(batch, way)()
        report = await batch
        assert (report.stopped, report.summary.documents) == ("interrupted", {"pending": 3})
        assert watcher.told["stopping"] == 1

    run(server, main)
    assert not server.requests


def test_stopped_at_once_keeps_partial_texts(backend: str, tmp_path: Path) -> None:
    """`stop()` cuts the streams; what had come of them is gone on with."""
    path = tmp_path / "journal"

    def jobs() -> list[dict[str, str]]:
        return [{"id": f"job{n}", "prompt": f"[doc:d3] {n}"} for n in range(6)]

    with SimulatedProvider(TEXTS, chunk_tokens=2, delay=0.004) as server:

        async def main(client: AsyncOpenAI) -> None:
            batch = ask(client, jobs(), journal=path, max_tokens=300)

            async def stop() -> None:
                while server.active_requests < 6:  # noqa: ASYNC110  # another thread's
                    await anyio.sleep(0.005)
                await anyio.sleep(0.2)
                batch.stop()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(stop)
                report = await batch
            assert report.stopped == "interrupted"
            assert report.summary.documents == {"pending": 6}
            first = len(server.requests)
            report = await ask(client, jobs(), journal=path, max_tokens=300)
            assert [result.text for result in report.results()] == [TEXTS["d3"]] * 6
            assert report.interrupted == 0
            gone_on = [len(request.body["messages"]) > 1 for request in server.requests[first : first + 6]]
            assert all(gone_on)

        run(server, main, backend)


def test_a_cancelled_batch_keeps_partial_texts(tmp_path: Path, backend: str) -> None:
    """The same when the caller's own scope is cancelled."""
    path = tmp_path / "journal"
    with SimulatedProvider(TEXTS, chunk_tokens=2, delay=0.004) as server:

        async def main(client: AsyncOpenAI) -> None:
            with anyio.move_on_after(0.6) as scope:
                await ask(client, [{"id": "a", "prompt": "[doc:d3]"}], journal=path, max_tokens=300)
            assert scope.cancelled_caught
            before = len(server.requests)
            report = await ask(client, [{"id": "a", "prompt": "[doc:d3]"}], journal=path, max_tokens=300)
            assert [result.text for result in report.results()] == [TEXTS["d3"]]
            assert len(server.requests[before].body["messages"]) == 3

        run(server, main, backend)


class Full(SqliteJournal):
    """On a disk that is full from some round on, for those who put."""

    room = 9

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.tried: set[tuple[int, int]] = set()
        self.written: set[tuple[int, int]] = set()  # a write may be done twice, if another one fails beside it

    def _put(self, connection: sqlite3.Connection, document: Document, entry: Entry, text: str) -> None:
        self.tried.add((document.key, entry.number))
        if len(self.written | {(document.key, entry.number)}) > self.room:
            raise sqlite3.OperationalError("database or disk is full")
        self.written.add((document.key, entry.number))
        super()._put(connection, document, entry, text)


@pytest.mark.parametrize("stops", [True, False])
def test_what_a_full_disk_did_not_take_is_told_however_it_ends(
    server: SimulatedProvider, tmp_path: Path, backend: str, stops: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped at once while there is hope for room, or after that has gone: all that was paid for is kept or told."""
    monkeypatch.setattr(drafting, "_PATIENCE", (60.0,) if stops else (0.01, 0.02))

    async def main(client: AsyncOpenAI) -> None:
        journal = Full(tmp_path / "journal")
        watcher = Watcher("waiting", lambda: batch.stop() if stops else None)
        batch = ask(client, rows(6), journal=journal, progress=watcher)
        with pytest.raises(JournalError, match="disk") as caught:
            await batch
        assert len(caught.value.unsaved) == len(journal.tried - journal.written) > 0
        assert all(outcome["text"] for _, outcome in caught.value.unsaved)
        check(await ask(client, rows(6), journal=tmp_path / "journal"), 6)

    run(server, main, backend)


def test_room_on_the_disk_when_it_is_stopped(
    server: SimulatedProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is a last try before it ends."""
    monkeypatch.setattr(drafting, "_PATIENCE", (60.0,))

    async def main(client: AsyncOpenAI) -> None:
        journal = Full(tmp_path / "journal")

        def stop() -> None:
            journal.room = 99
            batch.stop()

        batch = ask(client, rows(6), journal=journal, progress=Watcher("waiting", stop))
        report = await batch
        assert report.stopped == "journal"
        assert report.summary.rounds == len(journal.tried) > 9

    run(server, main)


def test_the_deadline_of_the_run(tmp_path: Path) -> None:
    """Nothing is sent after it; what is in flight is finished."""
    with SimulatedProvider(TEXTS, chunk_tokens=16, first_delay=0.05) as server:

        async def main(client: AsyncOpenAI) -> None:
            report = await ask(client, rows(50), journal=tmp_path / "journal", concurrency=2, deadline=0.4)
            assert report.stopped == "deadline"
            assert 0 < report.summary.rounds == server.statuses[200] < 100

        run(server, main)


def test_max_cost_is_never_passed(server: SimulatedProvider, tmp_path: Path, backend: str) -> None:
    """The worst case of a request is put aside before it is sent, so that many at once do not pass it together."""
    path = tmp_path / "journal"
    model = {"model": "gpt-4o-mini"}

    async def main(client: AsyncOpenAI) -> None:
        whole = await ask(client, rows(12), **model)
        cost = whole.summary.cost
        assert cost > 0
        assert cost == pytest.approx(sum(result.cost or 0 for result in whole.results()))
        report = await ask(client, rows(12), journal=path, max_cost=cost / 2, **model)
        assert report.stopped == "max_cost"
        assert cost / 4 < report.summary.cost <= cost / 2
        assert "raise max_cost" in report.message
        again = await ask(client, rows(12), journal=path, max_cost=cost * 2, **model)
        check(again, 12)
        assert again.summary.cost == pytest.approx(cost, rel=0.2)

    run(server, main, backend)


@pytest.mark.parametrize(
    "fields",
    [
        {"system": "You are careful. " * 600},
        {
            "params": {
                "response_format": {"type": "json_object", "schema": {"careful " * 5 + str(n): n for n in range(250)}}
            }
        },
        {"params": {"tools": [{"type": "function", "function": {"name": "f", "description": "careful " * 1200}}]}},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.test/1"}}]}]},
    ],
    ids=["system", "schema", "tools", "picture"],
)
def test_a_request_that_alone_breaks_max_cost_is_not_sent(server: SimulatedProvider, fields: Any) -> None:
    """All that the model is shown is put aside, and not only the messages."""

    async def main(client: AsyncOpenAI) -> None:
        small = await ask(client, rows(1), max_cost=0.0005, model="gpt-4o-mini", max_tokens=400)
        assert small.complete
        sent = len(server.requests)
        job = {"id": "a", **({} if "messages" in fields else {"prompt": "[doc:d0]"}), **fields}
        report = await ask(client, [job], max_cost=0.0005, model="gpt-4o-mini", max_tokens=400)
        assert (report.stopped, report.summary.cost, len(server.requests) - sent) == ("max_cost", 0.0, 0)

    run(server, main)


def test_max_cost_needs_a_price_and_a_cap(server: SimulatedProvider) -> None:
    """A ceiling that cannot be kept is refused, and nothing is sent."""

    async def main(client: AsyncOpenAI) -> None:
        for arguments, message in (
            ({}, "max_cost=1 cannot be kept: the price of model='simulated'"),
            ({"model": "gpt-4o-mini", "max_tokens": None}, "without an output cap; give max_tokens"),
        ):
            with pytest.raises(ConfigurationError, match=message):
                await ask(client, rows(1), max_cost=1.0, **arguments)
        assert not server.requests

    run(server, main)


def test_only_what_was_sent_is_in_flight(server: SimulatedProvider, tmp_path: Path) -> None:
    """Documents are taken up some at a time; after a kill those count of which a request may have been on its way."""
    path, copy = tmp_path / "journal", tmp_path / "copy"

    def copied() -> None:  # what a kill leaves
        with contextlib.closing(sqlite3.connect(path)) as live:
            live.execute("VACUUM INTO ?", (str(copy),))

    async def main(client: AsyncOpenAI) -> None:
        await ask(client, rows(40), journal=path, concurrency=1, progress=Watcher("round", copied, after=2))
        journal = SqliteJournal(copy)
        assert (await journal.summary()).documents == {"running": 1, "pending": 39}
        report = await ask(client, rows(40), journal=copy)
        assert report.interrupted == 1
        check(report, 40)

    run(server, main)


# -- what does not fit together ---------------------------------------------------------------------------------------


def test_run_batch_inside_of_an_event_loop(backend: str) -> None:
    """As in a notebook: it says what to use there."""

    async def main() -> None:
        with pytest.raises(ConfigurationError, match="use `await continuum"):
            continuum.run_batch([], client=AsyncScriptedClient([]))

    anyio.run(main, backend=backend)


def test_run_batch_twice_with_one_client(server: SimulatedProvider, tmp_path: Path) -> None:
    """It was closed by the first call; the second says so and spoils no document."""
    path, client = tmp_path / "journal", AsyncOpenAI(base_url=server.openai_base_url, api_key="none")
    arguments: dict[str, Any] = {"journal": path, "model": "simulated", "max_tokens": 400}
    assert continuum.run_batch(rows(1), client=client, **arguments).complete
    with pytest.raises(ConfigurationError, match="it is closed"):
        continuum.run_batch(rows(2), client=client, **arguments)
    client = AsyncOpenAI(base_url=server.openai_base_url, api_key="none")
    assert continuum.run_batch(rows(2), client=client, **arguments).complete


def test_other_settings_are_named_and_may_be_accepted(server: SimulatedProvider, tmp_path: Path) -> None:
    """A resumed batch with another cap is refused, or goes on with it: whole texts, and no reply lost."""
    path = tmp_path / "journal"

    async def main(client: AsyncOpenAI) -> None:
        batch = ask(client, rows(6), journal=path, progress=Watcher("round", lambda: batch.drain(), after=9))
        first = await batch
        with pytest.raises(JournalError, match=r"max_tokens=40 \(was 80\); policy.max_rounds=99 \(was None\)"):
            await ask(client, rows(6), journal=path, max_tokens=40, policy=FAST.model_copy(update={"max_rounds": 99}))
        other = Policy(max_rounds=99, max_output_tokens=900)
        report = await ask(client, rows(6), journal=path, max_tokens=40, policy=other, accept_changes=True)
        check(report, 6)
        assert report.summary.rounds == server.statuses[200] > first.summary.rounds

    run(server, main)


@pytest.mark.parametrize("known", [True, False])
def test_replies_of_earlier_runs_are_joined_as_they_were_asked_for(tmp_path: Path, backend: str, known: bool) -> None:
    """Replies to user turns begin with their anchors, however the run is gone on with. A journal of before does not
    tell how they were asked for; their seams are ambiguous then."""
    path = tmp_path / "journal"
    before = FAST.model_copy(update={"strategy": "user_turn", "max_rounds": 3})
    after = FAST.model_copy(update={"strategy": "in_place", "dialect": "vllm"})

    async def main(client: AsyncOpenAI) -> None:
        report = await ask(client, rows(4), journal=path, policy=before)
        assert report.summary.documents == {"incomplete": 4}
        if not known:
            forget(path, "asked")
        journal = SqliteJournal(path)
        await journal.begin(await journal.settings() or {})
        await journal.reopen("incomplete")
        await journal.close()
        again = await ask(client, rows(4), journal=path, policy=after, accept_changes=True)
        results = list(again.results())
        assert all(result.complete for result in results)
        seams = [(seam.ambiguous, seam.kind) for result in results for seam in result.seams if seam.round in (2, 3)]
        assert len(seams) == 8
        if known:
            check(again, 4)
            assert set(seams) == {(False, "anchor")}
        else:
            assert all(ambiguous for ambiguous, _ in seams)

    with SimulatedProvider(TEXTS, chunk_tokens=16, prefill="continue") as other:
        run(other, main, backend)


def forget(path: Path, name: str) -> None:
    """Take something out of all entries of a journal, as if an earlier version had written them."""
    connection = sqlite3.connect(path)
    for key, text in connection.execute("SELECT key, outcome FROM entry").fetchall():
        outcome = json.loads(text)
        outcome.pop(name, None)
        row = dumps(outcome)
        connection.execute(
            "UPDATE entry SET outcome = ?, checksum = ? WHERE key = ?", (row, zlib.crc32(row.encode()), key)
        )
    connection.commit()
    connection.close()


def test_changed_jobs_are_refused(server: SimulatedProvider, tmp_path: Path) -> None:
    """And a bad row says which one it is; what was in flight is kept."""
    path = tmp_path / "journal"

    async def main(client: AsyncOpenAI) -> None:
        await ask(client, rows(3), journal=path)
        with pytest.raises(ChangedJobsError, match="'job0', 'job1', 'job2'"):
            await ask(client, rows(3, max_tokens=9), journal=path)
        with pytest.raises(ConfigurationError, match="job number 2 of the input"):
            await ask(client, [*rows(1), {"id": "x"}], journal=path)
        with pytest.raises(JournalError, match="'job1' stands twice"):
            await ask(client, [*rows(2), *list(rows(2))[1:]], journal=path)
        check(await ask(client, rows(3), journal=path), 3)

    run(server, main)


def test_arguments_that_can_only_fail() -> None:
    """Each says what is wrong, and nothing was sent."""
    client = AsyncOpenAI(base_url="http://127.0.0.1:9/v1", api_key="none")
    for arguments, message in (
        ({"concurrency": 0}, "concurrency=0"),
        ({"concurrency": True}, "concurrency=True"),
        ({"max_cost": 0}, "max_cost=0"),
        ({"deadline": float("nan")}, "deadline=nan"),
        ({"messages": []}, r"messages=\[\]"),
        ({"n": 2}, "n=2"),
        ({"temperature": float("nan")}, "temperature=nan"),
        ({"extra_body": {"bounds": [0.0, float("inf")]}}, "extra_body=.*inf"),
        ({"max_completion_tokens": 3}, "two names for one cap"),
        ({"policy": {}}, r"policy=\{\}"),
        ({"stream": True}, "stream: a batch streams by itself"),
        ({"response_model": Job}, "response_model: a batch has none"),
        ({"max_token": 300}, "max_token: no argument of this SDK"),
        ({"system": json.loads('"\\ud83d"')}, "an argument holds what UTF-8 cannot"),
        ({"retry": "failed"}, "retry='failed'"),
        ({"retry": ["complete"]}, "retry=.'complete'"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            ask(client, rows(1), **arguments)
    with pytest.raises(ConfigurationError, match="AsyncOpenAI"):
        ask(OpenAI(base_url="http://127.0.0.1:9/v1", api_key="none"), rows(1))

    async def closed() -> None:
        await client.close()
        with pytest.raises(ConfigurationError, match="AsyncOpenAI: it is closed"):
            ask(client, rows(1))

    anyio.run(closed)

    async def twice() -> None:
        batch = ask(AsyncScriptedClient([]), [])
        with pytest.raises(ConfigurationError, match="has not ended yet"):
            batch.report  # noqa: B018
        assert (await batch).summary.total == 0
        with pytest.raises(ConfigurationError, match="has run already"):
            await batch

    anyio.run(twice)


@pytest.mark.parametrize(
    ("fields", "arguments", "message"),
    [
        ({}, {"model": None}, "job 'bad' names no model"),
        ({"prompt": json.loads('"cut \\ud83d"')}, {}, "job 'bad': it holds what JSON in UTF-8 cannot"),
        ({"params": {"stop": json.loads('"\\ud83d"')}}, {}, "job 'bad': it holds what JSON in UTF-8 cannot"),
        ({"params": {"n": 3}}, {}, "job 'bad': n=3"),
        ({"params": {"temprature": 1}}, {}, "job 'bad': temprature: no argument"),
        ({"messages": [{"role": "user"}]}, {}, r"job 'bad': messages\[0\]=.*needs a role and content"),
        ({"messages": [{"role": "usr", "content": "x"}]}, {}, r"job 'bad': messages\[0\]: role='usr' should be 'user'"),
    ],
)
@pytest.mark.parametrize("lazy", [False, True])
def test_a_job_that_can_only_fail(
    server: SimulatedProvider,
    tmp_path: Path,
    fields: dict[str, Any],
    arguments: dict[str, Any],
    message: str,
    lazy: bool,
) -> None:
    """It is named, and neither sent nor kept; the same call without the slip drafts everything."""
    path = tmp_path / "journal"
    bad = {"id": "bad", **({} if "messages" in fields else {"prompt": "[doc:d0]"}), **fields}

    async def main(client: AsyncOpenAI) -> None:
        jobs = [{**bad}, *rows(3)]
        with pytest.raises(ConfigurationError, match=message):
            await ask(client, (job for job in jobs) if lazy else jobs, journal=path, **arguments)
        assert not server.requests
        assert path.exists() == lazy
        check(await ask(client, rows(3), journal=path), 3)

    run(server, main)


def test_anthropic_without_a_cap_is_refused(server: SimulatedProvider) -> None:
    """Every request needs one there."""

    async def main() -> None:
        async with AsyncAnthropic(base_url=server.anthropic_base_url, api_key="none") as client:
            with pytest.raises(ConfigurationError, match="max_tokens"):
                await ask(client, rows(2), max_tokens=None)

    anyio.run(main)
    assert not server.requests


def test_jobs_as_they_come_to_hand(server: SimulatedProvider) -> None:
    """Whole numbers as ids, and the SDK's own objects among the messages."""
    spoken = ChatCompletionMessage(role="assistant", content="What about?")
    turns = [{"role": "user", "content": "Tell."}, spoken, {"role": "user", "content": "[doc:d0]"}]

    async def main(client: AsyncOpenAI) -> None:
        report = await ask(client, [{"id": 7, "messages": turns}])
        assert [(result.id, result.text) for result in report.results()] == [("7", TEXTS["d0"])]
        assert server.requests[0].body["messages"][1]["content"] == "What about?"

    run(server, main)


def test_failed_documents_are_drafted_again_when_asked(server: SimulatedProvider, tmp_path: Path) -> None:
    """By `retry`; without it, what has failed stays so."""
    path = tmp_path / "journal"
    server.plan(faults=[Behaviour("status", status=400, conversation="number 2", times=None)])

    async def main(client: AsyncOpenAI) -> None:
        assert (await ask(client, rows(4), journal=path)).summary.documents == {"complete": 3, "failed": 1}
        server.plan(faults=[])
        assert (await ask(client, rows(4), journal=path)).summary.documents == {"complete": 3, "failed": 1}
        check(await ask(client, rows(4), journal=path, retry=["failed"]), 4)

    run(server, main)


def test_hooks_that_raise_do_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    """They are logged."""

    def bang() -> None:
        raise RuntimeError("bang")

    async def main() -> None:
        client = AsyncScriptedClient([Reply("Once upon ", "length"), Reply("a time.")])
        report = await ask(client, [{"id": "a", "prompt": "Tell."}], progress=Watcher("round", bang))
        assert [result.text for result in report.results()] == ["Once upon a time."]

    anyio.run(main)
    assert "the progress hook round failed" in caplog.text


def test_a_source_that_breaks_loses_nothing(server: SimulatedProvider, tmp_path: Path) -> None:
    """Its error reaches the caller after what had begun was kept."""
    path = tmp_path / "journal"

    def source() -> Iterator[dict[str, Any]]:
        yield from rows(300)
        raise OSError("the input is gone")

    async def main(client: AsyncOpenAI) -> None:
        with pytest.raises(OSError, match="the input is gone"):
            await ask(client, source(), journal=path)
        assert (await SqliteJournal(path).summary()).total == 256

    run(server, main)
