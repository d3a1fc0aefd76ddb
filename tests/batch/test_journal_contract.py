"""What every journal promises. A further implementation only adds its way of being opened to `JOURNALS`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from continuum._core.errors import ChangedJobsError, FencedError, JournalError
from continuum._core.types import Failure, Response, Seam, Usage
from continuum.batch.job import Job, JobResult
from continuum.batch.journal import Document, Entry, Journal
from continuum.batch.outcomes import to_json
from continuum.batch.sqlite import SqliteJournal

Open = Callable[[], Journal]
SETTINGS: dict[str, Any] = {"provider": "openai", "base_url": "http://host/v1/", "model": "m", "params": {}}


def _sqlite(request: pytest.FixtureRequest) -> Open:
    folder = request.getfixturevalue("tmp_path")
    return lambda: SqliteJournal(folder / "journal")


def _postgres(request: pytest.FixtureRequest) -> Open:
    from continuum.batch.postgres import PostgresJournal

    url, name = request.getfixturevalue("postgres").url(), f"{request.node.name}"
    return lambda: PostgresJournal(url, name)


JOURNALS: dict[str, Callable[[pytest.FixtureRequest], Open]] = {"sqlite": _sqlite, "postgres": _postgres}


@pytest.fixture(params=JOURNALS)
def opening(request: pytest.FixtureRequest) -> Open:
    """Opens one and the same journal again and again."""
    return JOURNALS[request.param](request)


@pytest.fixture(params=["asyncio", "trio"])
def run(request: pytest.FixtureRequest) -> Callable[[Callable[[], Awaitable[Any]]], Any]:
    """Runs a coroutine function on both event loops."""
    return lambda function: anyio.run(function, backend=request.param)


def job(name: str, **fields: Any) -> Job:
    return Job(id=name, **{"prompt": f"Write {name}.", **fields})


def reply(number: int, text: str = "Some text.", **fields: Any) -> Entry:
    response = Response(text, "length", usage=Usage(10, 5), **fields)
    return Entry(number, f"request{number}", to_json(response), elapsed=number + 0.5, cost=0.25)


def failure(number: int, kind: Any = "transient") -> Entry:
    return Entry(number, f"request{number}", to_json(Failure(kind, "it failed", 503)), elapsed=number + 0.5)


def result(name: str, status: Any = "complete", text: str = "All of it.") -> JobResult:
    seams = (Seam(3, 2, "anchor", removed="of \udc80 it", note="begins with the anchor"),)
    return JobResult(name, status, text, status == "complete", "stop", "finished", 2, Usage(20, 10), 0.5, seams, "m")


async def begun(journal: Journal, *jobs: Job) -> Journal:
    await journal.begin(SETTINGS)
    await journal.add(list(enumerate(jobs)))
    return journal


async def take(journal: Journal, most: int = 1000) -> list[Document]:
    """Take documents up."""
    found: list[Document] = []
    documents = journal.open_documents()
    async for document in documents:
        found.append(document)
        if len(found) == most:
            break
    await documents.aclose()  # type: ignore[attr-defined]
    return found


def test_a_new_batch_has_no_settings_and_an_old_one_tells_them(opening: Open, run: Any) -> None:
    """`begin` returns what the batch was begun with, and changes nothing; `amend` does."""

    async def main() -> None:
        for number in range(3):
            journal = opening()
            other = {**SETTINGS, "model": f"other {number}"}
            before = await journal.begin(SETTINGS if number == 0 else other)
            assert before == (None, SETTINGS, SETTINGS)[number]
            await journal.close()
        journal = opening()
        await journal.begin(SETTINGS)
        await journal.amend({"model": "new"})
        await journal.close()
        assert await opening().settings() == {"model": "new"}

    run(main)


def test_what_was_put_is_there_again(opening: Open, run: Any) -> None:
    """A closed journal that is opened again hands the documents out with all that came, in order."""

    async def main() -> None:
        journal = await begun(opening(), job("a", params={"temperature": 0.5}), job("b"))
        (a, b) = await take(journal)
        assert (a.entries, a.partial, a.next_number) == ([], "", 0)
        entries = [reply(0, "One \ud83c and \x00 and «two»"), failure(1), reply(2, "x" * 100_000)]
        for entry in entries:
            await journal.put(a, entry)
        journal.put_partial(b, 0, "request0", "half a \udfff rep")
        await journal.release(a)
        await journal.release(b)
        await journal.close()

        journal = opening()
        await journal.begin(SETTINGS)
        await journal.recall()
        again = await take(journal)
        assert [document.job for document in again] == [a.job, b.job]
        assert list(again[0].entries) == entries
        assert again[0].next_number == 3
        assert (again[1].partial, again[1].partial_request) == ("half a \udfff rep", "request0")
        assert all(new.epoch > old.epoch for new, old in zip(again, (a, b), strict=True))
        await journal.close()

    run(main)


def test_a_reply_takes_the_place_of_its_partial_text(opening: Open, run: Any) -> None:
    """What is partial of a reply goes when it is whole, also if it comes late."""

    async def main() -> None:
        journal = await begun(opening(), job("a"), job("b"))
        a, b = await take(journal)
        journal.put_partial(a, 0, "request0", "half")
        await journal.put(a, reply(0))
        await journal.put(b, reply(0))
        journal.put_partial(b, 0, "request0", "too late")
        await journal.release(a)
        await journal.release(b)
        again = await take(journal)
        assert [(len(document.entries), document.partial) for document in again] == [(1, ""), (1, "")]
        await journal.close()

    run(main)


def test_documents_come_once_those_begun_first(opening: Open, run: Any) -> None:
    """A document is handed out to one only; begun ones come before the others, each group in input order."""

    async def main() -> None:
        journal = await begun(opening(), *(job(f"j{number}") for number in range(40)))
        documents = await take(journal)
        assert [document.number for document in documents] == list(range(40))
        assert await take(journal) == []
        for number in (31, 7):
            await journal.put(documents[number], reply(0))
        for document in reversed(documents):
            await journal.release(document)
        assert [document.number for document in await take(journal, 4)] == [7, 31, 0, 1]
        # What was handed out and not released is not handed out again, what was not handed out is.
        assert [document.number for document in await take(journal)] == list(range(2, 7)) + list(range(8, 31)) + list(
            range(32, 40)
        )
        await journal.close()

    run(main)


def test_an_old_epoch_cannot_write(opening: Open, run: Any) -> None:
    """Who has lost a document is refused, and what it writes changes nothing."""

    async def main() -> None:
        journal = await begun(opening(), job("a"))
        (old,) = await take(journal)
        await journal.release(old)
        (new,) = await take(journal)
        for writing in (journal.put(old, reply(0)), journal.finish(old, result("a"))):
            with pytest.raises(FencedError, match="'a' has been taken up"):
                await writing
        journal.put_partial(old, 0, "request0", "of the old one")
        await journal.release(old)
        await journal.put(new, reply(0))
        await journal.release(new)
        (again,) = await take(journal)
        assert list(again.entries) == [reply(0)]
        assert again.partial == ""
        await journal.close()

    run(main)


def test_one_refusal_does_not_take_others_with_it(opening: Open, run: Any) -> None:
    """Writes that share a transaction with one that is refused are kept."""

    async def main() -> None:
        journal = await begun(opening(), *(job(f"j{number}") for number in range(20)))
        documents = await take(journal)
        await journal.release(documents[7])
        refused: list[int] = []

        async def put(number: int) -> None:
            try:
                await journal.put(documents[number], reply(0))
            except FencedError:
                refused.append(number)

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(put, number)
        assert refused == [7]
        assert (await journal.summary()).rounds == 19
        await journal.close()

    run(main)


def test_jobs_that_changed_are_named(opening: Open, run: Any) -> None:
    """The same ids with other questions are an error that names all of them; the same questions are not."""

    async def main() -> None:
        await (await begun(opening(), job("a"), job("b"), job("c"))).close()
        journal = opening()
        await journal.begin(SETTINGS)
        with pytest.raises(ChangedJobsError, match="'b', 'c'") as caught:
            await journal.add([(0, job("a")), (1, job("b", prompt="Other.")), (2, job("c", max_tokens=7))])
        assert caught.value.ids == ("b", "c")
        await journal.close()

    run(main)


def test_an_id_that_stands_twice_is_an_error(opening: Open, run: Any) -> None:
    """Also in two calls of one run, and it names both places. In two runs it is the same document."""

    async def main() -> None:
        journal = await begun(opening(), job("a"))
        with pytest.raises(JournalError, match=r"'a' stands twice in the input, at 1 and 6"):
            await journal.add([(5, job("a"))])
        await journal.close()
        journal = opening()
        await journal.begin(SETTINGS)
        assert await journal.add([(5, job("a")), (6, job("b"))]) == 1
        assert [entry async for entry in journal.ids()] == [(5, "a", "pending"), (6, "b", "pending")]
        await journal.close()

    run(main)


def test_only_what_the_input_has_is_drafted(opening: Open, run: Any) -> None:
    """A row that has gone from the input stays in the journal and is left alone, until all are recalled."""

    async def main() -> None:
        await (await begun(opening(), job("a"), job("b"))).close()
        journal = opening()
        await journal.begin(SETTINGS)
        await journal.add([(0, job("b"))])
        assert [document.job.id for document in await take(journal)] == ["b"]
        await journal.recall()
        assert [document.job.id for document in await take(journal)] == ["a"]
        await journal.close()

    run(main)


def test_results_come_in_input_order(opening: Open, run: Any) -> None:
    """All, or those of some states, whoever finished first; the same for async and sync readers."""

    async def main() -> None:
        states = ["complete", "failed", "incomplete"] * 50
        journal = await begun(opening(), *(job(f"j{number}") for number in range(len(states))))
        documents = await take(journal)
        for document, state in list(zip(documents, states, strict=True))[::-1]:
            await journal.finish(document, result(document.job.id, state, f"text \udc80 {document.number}"))
        found = [pair async for pair in opening().results()]
        assert [number for number, _ in found] == list(range(150))
        assert found[4][1] == result("j4", "failed", "text \udc80 4")
        assert found == list(journal.read())
        assert [number async for number, _ in journal.results("failed", "incomplete")] == [
            number for number in range(150) if number % 3
        ]
        assert await take(journal) == []
        await journal.close()

    run(main)


def test_the_summary_counts_all_rounds(opening: Open, run: Any) -> None:
    """Also those of documents that are not finished; rounds without a price are told apart."""

    async def main() -> None:
        journal = await begun(opening(), job("a"), job("b"), job("c"))
        assert (await journal.summary()).total == 3
        a, b, c = await take(journal)
        await journal.put(a, reply(0))
        await journal.put(a, failure(1))
        await journal.put(b, Entry(0, "request0", to_json(Response("text", "stop", usage=Usage(1, 2))), 1.0))
        await journal.finish(a, result("a", text="12345"))
        await journal.asking(b)
        await journal.asking(c)
        summary = await journal.summary()
        assert summary.documents == {"complete": 1, "running": 2}
        assert (summary.rounds, summary.input_tokens, summary.output_tokens) == (2, 11, 7)
        assert (summary.cost, summary.unpriced, summary.characters) == (0.25, 1, 5)
        await journal.close()

    run(main)


def test_a_reopened_document_goes_on_behind_its_last_text(opening: Open, run: Any) -> None:
    """Failures and refusals at its end are set aside, and their cost is still told; text and what was learnt stay.
    Whatever broke off before then is excused."""

    async def main() -> None:
        journal = await begun(opening(), job("a"), job("b"))
        a, b = await take(journal)
        assert (a.excused, b.excused) == (0, 0)
        kept = [reply(0), failure(1, "prefill_refused"), failure(2)]
        refusal = Entry(4, "request4", to_json(Response("No.", "refusal", usage=Usage(3, 4))), 5.0, 0.125)
        for entry in [*kept, reply(3), refusal, failure(5)]:
            await journal.put(a, entry)
        await journal.finish(a, result("a", "failed"))
        await journal.finish(b, result("b"))
        assert await journal.reopen("failed", "incomplete") == 1
        (again,) = await take(journal)
        assert list(again.entries) == [*kept, reply(3)]
        assert (again.next_number, again.aside, again.aside_cost) == (6, Usage(3, 4), 0.125)
        assert again.excused == 6
        assert [number async for number, _ in journal.results("complete", "incomplete", "failed")] == [1]
        # What had come of it stays, until there is something newer.
        assert [result.id async for _, result in journal.results()] == ["a", "b"]
        assert [result.id for _, result in journal.read("pending", "running")] == ["a"]
        await journal.put(again, reply(6))
        await journal.release(again, again=True)
        (third,) = await take(journal)
        assert list(third.entries) == [*kept, reply(3), reply(6)]
        assert third.excused == 7
        await journal.release(third)
        (fourth,) = await take(journal)
        assert fourth.excused == 7
        await journal.finish(fourth, result("a", text="newer"))
        assert [result.text for _, result in journal.read()] == ["newer", "All of it."]
        await journal.close()

    run(main)


def test_notes(opening: Open, run: Any) -> None:
    """A note is kept under its key, and found by the beginning of it."""

    async def main() -> None:
        journal = await begun(opening())
        await journal.put_note("batch:1", {"id": "one", "text": "\ud800"})
        await journal.put_note("batch:2", {"id": "two"})
        await journal.put_note("batch:1", {"id": "new"})
        await journal.put_note("other", {})
        assert await opening().notes("batch:") == {"batch:1": {"id": "new"}, "batch:2": {"id": "two"}}
        await journal.close()
        assert len(await opening().notes()) == 3

    run(main)


def test_who_is_cancelled_while_it_waits_does_not_harm_others(opening: Open, run: Any) -> None:
    """Its write is done all the same, or not at all; the journal goes on."""

    async def main() -> None:
        journal = await begun(opening(), *(job(f"j{number}") for number in range(50)))
        documents = await take(journal)
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                for document in documents:
                    tasks.start_soon(journal.put, document, reply(0))
                await anyio.lowlevel.checkpoint()
                scope.cancel()
        await journal.put(documents[0], reply(1))
        assert (await journal.summary()).rounds >= 1
        await journal.close()

    run(main)
