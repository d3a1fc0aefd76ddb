"""Batches that workers draft, on a real PostgreSQL: who drafts what, what they share, what happens when one dies."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest

import continuum
from benchmarks._common import prose
from continuum._core.errors import ConfigurationError, JournalError
from continuum.batch.job import Job
from continuum.testing import SimulatedProvider
from tests.batch.crash import label_of
from tests.batch.crash_workers import POLICY, Nursery, Watcher, kept, torture, until
from tests.batch.postgres_server import PostgresServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

TEXTS = {f"d{n}": prose(1200 + 300 * n, seed=n) for n in range(4)}
TEXT = prose(1500)


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    """An empty database."""
    return postgres.new_database()


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatedProvider]:
    """A provider that cuts every answer short."""
    with SimulatedProvider(TEXT, chunk_tokens=64) as found:
        yield found


MANY = 80  # documents that no machine drafts before who watches has looked again


def run(main: Callable[[], Awaitable[Any]]) -> Any:
    """On asyncio, which is what the queue knows."""
    return asyncio.run(asyncio.wait_for(main(), 120))  # type: ignore[arg-type]


def sdk(provider: str, base_url: str) -> Any:
    from openai import AsyncOpenAI

    return AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0)


def jobs(count: int) -> list[dict[str, Any]]:
    return [{"id": f"j{number}", "prompt": f"Write {number}."} for number in range(count)]


async def soon(condition: Callable[[], Any]) -> None:
    """Wait until it is so."""
    await anyio.to_thread.run_sync(until, condition)


@asynccontextmanager
async def workers(url: str, count: int = 1, **options: Any) -> AsyncIterator[list[Any]]:
    """Workers in this process; at the end they are told to stop, and what they raise is raised."""
    from continuum.batch.worker import Worker

    found = [Worker(url, options.get("client", sdk), concurrency=options.get("concurrency", 4)) for _ in range(count)]
    async with anyio.create_task_group() as tasks:
        for worker in found:
            tasks.start_soon(worker.run)
        try:
            yield found
        finally:
            for worker in found:
                worker.drain()


async def submit(url: str, server: SimulatedProvider, rows: Any, name: str = "batch", **options: Any) -> Any:
    from continuum.batch.postgres import PostgresJournal
    from continuum.batch.submitting import ViaWorkers

    async with sdk("openai", server.openai_base_url) as client:
        return await continuum.arun_batch(
            rows, client=client, journal=PostgresJournal(url, name), via=ViaWorkers(poll=0.1),
            **{"policy": POLICY, "model": "simulated", "max_tokens": 400, **options},
        )  # fmt: skip


def test_workers_draft_several_batches(url: str, server: SimulatedProvider) -> None:
    """Two batches at once and two workers: every document once, results in order, and nothing is left behind."""

    async def main() -> None:
        reports: dict[str, Any] = {}

        async def one(name: str, count: int) -> None:
            reports[name] = await submit(url, server, jobs(count), name)

        async with workers(url, 2) as found, anyio.create_task_group() as tasks:
            tasks.start_soon(one, "first", 12)
            tasks.start_soon(one, "second", 5)
        for name, count in (("first", 12), ("second", 5)):
            results = list(reports[name].results())
            assert [result.id for result in results] == [f"j{number}" for number in range(count)]
            assert all(result.complete and result.text == TEXT for result in results)
        assert sum(worker.documents for worker in found) == 17

    run(main)
    assert rows(url, "SELECT count(*) FROM procrastinate_jobs") == [(0,)]
    assert rows(url, "SELECT count(*) FROM worker") == [(0,)]


def rows(url: str, statement: str, *values: Any) -> list[Any]:
    from continuum.batch.postgres_schema import connect

    with connect(url) as connection:
        return (
            connection.execute(statement.encode(), values).fetchall()
            if statement.startswith("SELECT")
            else [connection.execute(statement.encode(), values).rowcount]
        )


def test_a_batch_that_is_interrupted_goes_on(url: str, server: SimulatedProvider) -> None:
    """Who watches lets the rounds in flight end and stops the workers' work on it; the same call goes on."""

    async def main() -> None:
        from continuum.batch.postgres import PostgresJournal
        from continuum.batch.submitting import ViaWorkers

        async with workers(url):
            async with sdk("openai", server.openai_base_url) as client:
                batch = continuum.arun_batch(
                    jobs(MANY), client=client, journal=PostgresJournal(url, "batch"), via=ViaWorkers(poll=0.05),
                    policy=POLICY, model="simulated", max_tokens=300,
                )  # fmt: skip
                async with batch:
                    async for _ in batch:
                        batch.drain()
            assert batch.report.stopped == "interrupted"
            documents = batch.report.summary.documents
            assert documents.get("running", 0) == 0
            assert documents.get("pending", 0) > 0
            report = await submit(url, server, jobs(MANY), max_tokens=300)
        assert report.complete
        assert report.summary.rounds == sum(result.rounds for result in report.results())
        assert all(result.text == TEXT for result in report.results())

    run(main)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_one_process_may_draft_from_the_database(url: str, server: SimulatedProvider, backend: str) -> None:
    """Without workers it is a journal like any other; and a batch that workers begun is ended so."""
    from continuum.batch.postgres import PostgresJournal

    for count in (3, 5):
        report = continuum.run_batch(
            jobs(count), client=sdk("openai", server.openai_base_url), journal=PostgresJournal(url, "batch"),
            backend=backend, policy=POLICY.model_copy(update={"stream": False}), model="simulated", max_tokens=400,
        )  # fmt: skip
        assert [result.text for result in report.results()] == [TEXT] * count
        assert report.interrupted == 0
    before = len(server.requests)
    again = continuum.run_batch(
        None, client=sdk("openai", server.openai_base_url), journal=PostgresJournal(url, "batch"),
        backend=backend, policy=POLICY.model_copy(update={"stream": False}), model="simulated", max_tokens=400,
    )  # fmt: skip
    assert again.complete
    assert len(server.requests) == before


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """So is what is no database, and what is no name."""
    from continuum import MissingDependencyError
    from continuum.batch.postgres import PostgresJournal
    from continuum.batch.submitting import ViaWorkers

    with pytest.raises(JournalError, match="expected one such as postgresql://"):
        PostgresJournal("mysql://x", "batch")
    with pytest.raises(ConfigurationError, match="printable characters"):
        PostgresJournal("postgresql://host/name", "a\nb")
    with pytest.raises(ConfigurationError, match="needs journal=PostgresJournal"):
        continuum.arun_batch(jobs(1), client=sdk("openai", "http://127.0.0.1:1"), via=ViaWorkers(), model="m")
    journal = PostgresJournal("postgresql://host/name", "batch")
    with pytest.raises(ConfigurationError, match="is no plain JSON value"):
        continuum.arun_batch(
            jobs(1), client=sdk("openai", "http://127.0.0.1:1"), journal=journal, via=ViaWorkers(), extra_body={1, 2}
        )
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingDependencyError, match=r"continuum-llm\[distributed\]"):
        PostgresJournal("postgresql://host/name", "batch")


def test_only_one_may_watch(url: str, server: SimulatedProvider) -> None:
    """A second process with the same batch is refused, one with other settings as well."""

    async def main() -> None:
        from continuum.batch.postgres import PostgresJournal

        journal = PostgresJournal(url, "batch")
        await journal.begin({"model": "m"})
        await journal.add([(0, Job(id="one", prompt="one"))])
        with pytest.raises(JournalError, match="in use by another process"):
            await submit(url, server, jobs(1))
        await journal.close()
        with pytest.raises(JournalError, match="begun with other settings"):
            await submit(url, server, jobs(1))

    run(main)


def test_a_refused_key_pauses_the_batch(url: str) -> None:
    """The rows are not burnt; after the key works again the same call ends the batch."""

    async def main() -> None:
        with SimulatedProvider(TEXT, faults=["status:401"] * 500) as server:
            async with workers(url, 2):
                report = await submit(url, server, jobs(8))
                assert report.stopped == "credentials"
                assert "the key is refused" in report.message
                assert report.summary.documents == {"pending": 8}
                server.plan(faults=[])
                assert (await submit(url, server, jobs(8))).complete

    run(main)


def test_the_cap_on_the_cost_holds_over_all_workers(url: str, server: SimulatedProvider) -> None:
    """It pauses before it would be exceeded; raised, the batch goes on."""

    async def main() -> None:
        async with workers(url, 2):
            options = {"model": "gpt-4o-mini", "max_tokens": 200}
            report = await submit(url, server, jobs(12), max_cost=0.004, **options)
            assert report.stopped == "max_cost"
            assert 0.001 < report.summary.cost <= 0.004
            assert rows(url, "SELECT reserved < 1e-9 FROM batch") == [(True,)]
            report = await submit(url, server, jobs(12), max_cost=1.0, **options)
            assert report.complete
            assert rows(url, "SELECT reserved < 1e-9, spent FROM batch") == [(True, pytest.approx(report.summary.cost))]

    run(main)


def test_a_deadline_is_kept_by_the_workers(url: str, server: SimulatedProvider) -> None:
    """Also without anybody who watches: it stands in the table."""

    async def main() -> None:
        async with workers(url):
            report = await submit(url, server, jobs(200), deadline=0.5)
        assert report.stopped == "deadline"
        assert report.summary.documents.get("pending", 0) > 0

    run(main)


def test_a_worker_that_cannot_draft_a_batch_says_so(url: str, server: SimulatedProvider) -> None:
    """Without a key it ends with what is missing, and the documents are still there for others."""

    def no_key(provider: str, base_url: str) -> Any:
        raise ConfigurationError("OPENAI_API_KEY is not set")

    async def main() -> None:
        from continuum.batch.worker import Worker

        async with anyio.create_task_group() as tasks:
            reports = []

            async def watch() -> None:
                reports.append(await submit(url, server, jobs(4)))

            tasks.start_soon(watch)
            with pytest.raises(ConfigurationError, match="OPENAI_API_KEY is not set"):
                await Worker(url, no_key).run()
            async with workers(url):
                await soon(lambda: reports)
        assert reports[0].complete

    run(main)


def test_what_a_later_version_made_is_left_alone(url: str, server: SimulatedProvider) -> None:
    """Later tables are refused, by workers at work too; a batch of a later format waits for its own workers."""

    async def main() -> None:
        from continuum.batch.postgres import PostgresJournal
        from continuum.batch.postgres_schema import FORMAT
        from continuum.batch.queue import Attendant
        from continuum.batch.worker import Worker

        journal = PostgresJournal(url, "batch")
        await journal.begin({"model": "m"})
        await journal.add([(0, Job(id="a", prompt="Write."))])
        await journal.close()
        rows(url, "UPDATE batch SET shared = true, format = %s", FORMAT + 1)
        attendant = Attendant(url)
        attendant.prepare()
        assert attendant.offer() == 0
        attendant.close()
        with pytest.raises(JournalError, match=r"later continuum \(format 2"):
            await PostgresJournal(url, "batch").begin({"model": "m"})

        async with anyio.create_task_group() as tasks:
            failed: list[JournalError] = []

            async def work() -> None:
                try:
                    await Worker(url, sdk).run()
                except JournalError as error:
                    failed.append(error)

            tasks.start_soon(work)
            await soon(lambda: rows(url, "SELECT count(*) FROM worker") == [(1,)])
            rows(url, "UPDATE meta SET version = 99")
        assert "a later continuum" in failed[0].message
        with pytest.raises(JournalError, match="version 99"):
            await Worker(url, sdk).run()
        with pytest.raises(JournalError, match="version 99"):
            PostgresJournal(url, "batch").exists()

    run(main)


def test_a_write_whose_answer_was_lost_counts_once(url: str) -> None:
    """The connection may break after the commit; the same is written again, and changes nothing."""

    async def main() -> None:
        from continuum._core.types import Response, Usage
        from continuum.batch.journal import Entry
        from continuum.batch.outcomes import to_json
        from continuum.batch.postgres import PostgresJournal
        from tests.batch.test_journal_contract import result

        journal = PostgresJournal(url, "batch")
        await journal.begin({"model": "m"})
        await journal.add([(0, Job(id="a", prompt="Write."))])
        await journal.add([(0, Job(id="a", prompt="Write."))])
        document = await anext(journal.open_documents())
        entry = Entry(0, "request", to_json(Response("text", "stop", usage=Usage(10, 5))), 1.0, 0.25)
        for _ in range(3):
            await journal.put(document, entry)
            assert (await journal.summary()).rounds == 1
        for _ in range(2):
            await journal.finish(document, result("a"))
        assert (await journal.summary()).documents == {"complete": 1}
        assert (await journal.summary()).cost == 0.25
        await journal.close()

    run(main)


# -- limits and money -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def clerks(url: str, count: int) -> AsyncIterator[list[Any]]:
    from continuum.batch.queue import Attendant
    from continuum.batch.sharing import Clerk

    attendant = Attendant(url)
    attendant.prepare()
    attendant.close()
    found = [Clerk(url, lambda number=number: f"worker{number}", 10.0) for number in range(count)]
    async with anyio.create_task_group() as tasks:
        for clerk in found:
            tasks.start_soon(clerk.run)
        yield found
        tasks.cancel_scope.cancel()


def test_places_are_shared_and_in_order(url: str) -> None:
    """Never more than the bucket held and what flowed in; each worker's requests go in the order they came."""
    from continuum.batch.pacing import Limits

    async def main() -> None:
        async with clerks(url, 3) as found:
            limits = Limits(requests_per_minute=60 * 100, tokens_per_minute=60 * 1000, burst=0.2)
            order: dict[int, list[int]] = {0: [], 1: [], 2: []}
            loop = asyncio.get_running_loop()
            for clerk in found:
                clerk.enter("lane", limits)
            began = loop.time()

            async def ask(worker: int, number: int) -> None:
                wait = await found[worker].reserve("lane", {"requests": 1.0, "tokens": 5.0})
                order[worker].append(number)
                await anyio.sleep(wait)

            async with anyio.create_task_group() as tasks:
                for number in range(40):
                    for worker in range(3):
                        tasks.start_soon(ask, worker, number)
            seconds = loop.time() - began
            # 120 requests at 100/s, of which the bucket holds 20.
            assert seconds >= (120 - 20) / 100 - 0.01
            assert all(numbers == list(range(40)) for numbers in order.values())

    run(main)


def test_a_pause_holds_for_all_and_what_is_given_back_can_be_had(url: str) -> None:
    """A 429 of one worker makes the others wait; tokens that were not used are there again."""
    from continuum.batch.pacing import Limits

    async def main() -> None:
        async with clerks(url, 2) as (one, other):
            loop = asyncio.get_running_loop()
            one.enter("lane", Limits(tokens_per_minute=6000, burst=10.0))
            assert await one.reserve("lane", {"requests": 1.0, "tokens": 1000.0}) <= 0.1
            one.give_back("lane", {"tokens": 1000.0})
            with anyio.fail_after(5):
                assert await other.reserve("lane", {"requests": 1.0, "tokens": 990.0}) <= 0.1
            other.give_back("lane", {"tokens": 990.0})
            one.pause("lane", 0.6)
            with anyio.fail_after(5):
                await one.reserve("lane", {"requests": 1.0})  # what comes later was told to the database later
            began = loop.time()
            one.pause("lane", 0.5)
            await anyio.sleep(0.2)
            wait = await other.reserve("lane", {"requests": 1.0})
            assert loop.time() - began + wait >= 0.5

    run(main)


def test_a_place_that_nobody_waits_for_any_more_is_given_back(url: str) -> None:
    """A cancelled request leaves nothing behind: the next one is let through at once."""
    from continuum.batch.pacing import Limits

    async def main() -> None:
        async with clerks(url, 1) as (clerk,):
            clerk.enter("lane", Limits(requests_per_minute=1))
            await clerk.reserve("lane", {"requests": 1.0})
            with anyio.move_on_after(0.2):
                await clerk.reserve("lane", {"requests": 1.0})
            clerk.give_back("lane", {"requests": 1.0})
            with anyio.fail_after(5):
                assert await clerk.reserve("lane", {"requests": 1.0}) <= 0.1

    run(main)


# -- death ------------------------------------------------------------------------------------------------------------


def test_killed_workers_lose_nothing_and_buy_nothing_twice(url: str) -> None:
    """Every document ends as it would have ended, and no kept round is asked for again, by whomever."""
    report = torture(
        url, kills=6, seed=1, texts=TEXTS, documents=14, cap=800, lease=1.5, longest=0.8, chunk_tokens=8, delay=0.006
    )
    assert report.violations == []
    assert report.kills == 6


def test_a_worker_that_was_only_slow_is_shut_out(url: str) -> None:
    """Stopped for longer than its lease, it has lost its documents; awake, it writes nothing to them, and goes on."""
    nursery = Nursery()
    with SimulatedProvider(TEXTS, chunk_tokens=8, delay=0.01) as server:
        names = [f"d{number % 4}" for number in range(4)]
        work = [{"id": f"job{n}", "prompt": f"[doc:{name}] number {n}"} for n, name in enumerate(names)]
        try:
            slow = nursery.start(url, lease=1.0, concurrency=4)
            watcher = Watcher(url, "batch", server.openai_base_url, work, max_tokens=400)
            until(lambda: len(kept(url, "batch")) >= 4)
            nursery.send(slow, signal.SIGSTOP)
            nursery.start(url, lease=1.0, concurrency=4)
            until(lambda: rows(url, "SELECT count(*) FROM document WHERE epoch > 1") == [(4,)])
            nursery.send(slow, signal.SIGCONT)
            watcher.wait(120)
            server.wait_idle()
            until(lambda: rows(url, "SELECT count(*) FROM worker WHERE NOT over") == [(2,)])
            assert rows(url, "SELECT count(*) FROM worker WHERE over") == [(1,)]
        finally:
            nursery.close()
        assert watcher.report is not None
        assert [result.text for result in watcher.report.results()] == [TEXTS[name] for name in names]
        # What was in flight when it stopped was asked once more, and nothing else.
        asked = [label_of(request) for request in server.requests]
        assert len(asked) - len(set(asked)) <= 4
    # Epochs never go back within a document.
    assert rows(
        url,
        "SELECT count(*) FROM entry a JOIN entry b ON a.document = b.document AND a.number < b.number "
        "AND a.epoch > b.epoch",
    ) == [(0,)]


def test_a_database_that_goes_away_is_waited_for() -> None:
    """Broken off and started again in the middle, the batch ends as if nothing had been."""
    with PostgresServer() as own, SimulatedProvider(TEXT, chunk_tokens=16, delay=0.01) as server:
        url = own.new_database()

        async def main() -> None:
            async with workers(url, 2), anyio.create_task_group() as tasks:
                reports = []

                async def watch() -> None:
                    reports.append(await submit(url, server, jobs(24), max_tokens=300))

                tasks.start_soon(watch)
                await soon(lambda: len(server.requests) >= 20)
                await anyio.to_thread.run_sync(own.stop, "immediate")
                await anyio.sleep(0.5)
                await anyio.to_thread.run_sync(own.start)
                await soon(lambda: reports)
            assert reports[0].complete
            assert all(result.text == TEXT for result in reports[0].results())

        run(main)


def test_a_database_that_does_not_come_back_is_an_error() -> None:
    """What could not be kept is on the error."""
    with PostgresServer() as own:
        url = own.new_database()

        async def main() -> None:
            from continuum.batch.postgres import PostgresJournal
            from tests.batch.test_journal_contract import reply

            journal = PostgresJournal(url, "batch", patience=0.3)
            await journal.begin({"model": "m"})
            await journal.add([(0, Job(id="a", prompt="Write."))])
            document = await anext(journal.open_documents())
            own.stop()
            with pytest.raises(JournalError, match="cannot be reached; what was acknowledged is kept") as caught:
                await journal.put(document, reply(0))
            assert caught.value.unsaved[0][0] == "a"
            own.start()
            await journal.put(document, reply(0))
            await journal.close()

        run(main)


# -- the command ------------------------------------------------------------------------------------------------------


def command(*words: str, folder: Path, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "continuum", *words],
        cwd=folder,
        env={**os.environ, "CONTINUUM_DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_commands(url: str, server: SimulatedProvider, tmp_path: Path) -> None:
    """batch enters and watches, worker drafts until it is told to stop, status and export look."""
    (tmp_path / "briefs.jsonl").write_text("".join(json.dumps(job) + "\n" for job in jobs(6)))
    batch = command(
        "batch", "briefs.jsonl", "-o", "drafts.jsonl", "-m", "simulated", "--max-tokens", "400",
        "--base-url", server.openai_base_url, "--json", folder=tmp_path, url=url,
    )  # fmt: skip
    worker = command("worker", "--concurrency", "3", folder=tmp_path, url=url)
    out, words = batch.communicate(timeout=120)
    assert batch.returncode == 0, words
    assert json.loads(out)["documents"]["complete"] == 6
    lines = [json.loads(line) for line in (tmp_path / "drafts.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == [f"j{number}" for number in range(6)]
    assert all(line["text"] == TEXT for line in lines)
    worker.send_signal(signal.SIGTERM)
    _, words = worker.communicate(timeout=90)
    assert worker.returncode == 0, words
    assert "worked on 6 documents" in words
    status = command("status", folder=tmp_path, url=url)
    out, _ = status.communicate(timeout=90)
    assert "6 of 6 documents complete" in out
    export = command("export", "drafts.jsonl", "-o", "again.jsonl", folder=tmp_path, url=url)
    export.communicate(timeout=90)
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "drafts.jsonl").read_bytes()


def test_the_second_signal_ends_a_worker_at_once(url: str, tmp_path: Path) -> None:
    """It gives its documents back, with what came of them."""
    with SimulatedProvider(TEXT, chunk_tokens=8, delay=0.5) as server:
        watcher = Watcher(url, "batch", server.openai_base_url, jobs(3), max_tokens=1000)
        worker = command("worker", folder=tmp_path, url=url)
        assert worker.stderr is not None
        until(lambda: len(server.requests) >= 3)
        assert "drafting what" in worker.stderr.readline()
        worker.send_signal(signal.SIGTERM)
        assert "once more to stop at once" in worker.stderr.readline()
        assert rows(url, "SELECT count(*) FROM document WHERE state = 'running'") == [(3,)]
        worker.send_signal(signal.SIGTERM)
        _, words = worker.communicate(timeout=90)
        assert worker.returncode == 143, words
        assert rows(url, "SELECT count(*) FROM document WHERE state = 'pending'") == [(3,)]
        assert rows(url, "SELECT count(*) FROM partial") == [(3,)]
        rows(url, "UPDATE batch SET stop = 'interrupted', message = 'enough'")
        watcher.wait(90)
    assert watcher.report is not None
    assert (watcher.report.stopped, watcher.report.message) == ("interrupted", "enough")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--concurrency", "5"], "each worker's own"),
        (["--via", "batch-api"], "workers ask live"),
        (["--journal", "j"], "two places for one journal"),
        (["--param", 'extra_headers={"x": "y"}'], "may hold secrets"),
    ],
)
def test_what_does_not_go_together_is_refused(words: list[str], expected: str, tmp_path: Path, url: str) -> None:
    """With exit code 2, before anything is entered."""
    (tmp_path / "briefs.jsonl").write_text(json.dumps({"id": "a", "prompt": "b"}))
    done = command("batch", "briefs.jsonl", "-o", "o.jsonl", "-m", "m", *words, folder=tmp_path, url=url)
    _, said = done.communicate(timeout=90)
    assert done.returncode == 2
    assert expected in said


def test_a_database_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    """Exit code 2 for who submits, 5 for a worker; the message says where it was looked for."""
    url = "postgresql://someone:very-secret@127.0.0.1:1/nowhere"
    (tmp_path / "briefs.jsonl").write_text(json.dumps({"id": "a", "prompt": "b"}))
    for words, code in ((["batch", "briefs.jsonl", "-o", "o.jsonl", "-m", "m"], 2), (["worker", "--patience", "0"], 5)):
        done = command(*words, folder=tmp_path, url=url)
        _, said = done.communicate(timeout=120)
        assert done.returncode == code, said
        assert "postgresql://127.0.0.1:1/nowhere" in said
        assert "very-secret" not in said
