"""Documents drafted through the providers' batch APIs, over real HTTP."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import anthropic
import anyio
import httpx2
import openai
import pytest

import continuum
from continuum._core.errors import ConfigurationError, JournalError
from continuum.batch.drafting import ASKING
from continuum.batch.progress import Silent
from continuum.batch.sqlite import SqliteJournal
from continuum.batch.submitted import PREFIX
from continuum.batch.via_api import BatchTransport, ViaBatchApi, over_batches
from continuum.providers.pricing import price_of
from continuum.testing import BatchSpec, SimulatedProvider, sample_documents
from continuum.testing.batches import BatchDesk
from continuum.testing.chat import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from continuum._core.types import Result

DOCUMENTS = dict(list(sample_documents().items())[:4])
QUICK = ViaBatchApi(linger=0.02, poll=0.02)
POLICY = continuum.Policy(stream=False, deadline=None, max_rounds=60, retry_initial=0.001, retry_max=0.01)


class Memory:
    """Notes that survive the clients of one test."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    async def put_note(self, key: str, value: Mapping[str, Any]) -> None:
        self.kept[key] = json.loads(json.dumps(value))

    async def notes(self, prefix: str) -> dict[str, Any]:
        return {key: value for key, value in self.kept.items() if key.startswith(prefix)}


class Killed(BaseException):
    """Stands for the end of the process at a chosen moment."""


def client_of(server: SimulatedProvider, name: str) -> Any:
    if name == "openai":
        return openai.AsyncOpenAI(base_url=server.openai_base_url, api_key="test")
    return anthropic.AsyncAnthropic(base_url=server.anthropic_base_url, api_key="test")


async def draft(
    client: Any, notes: Memory, *, live_below: int = 0, names: list[str] | None = None
) -> tuple[dict[str, Result], BatchTransport]:
    """All documents at once, each asking under its own name."""
    batched, transport = over_batches(
        client, notes, run="job", options=ViaBatchApi(linger=0.02, poll=0.02, live_below=live_below)
    )
    results: dict[str, Result] = {}

    async def one(name: str) -> None:
        asked = 0

        async def next_name(request: httpx2.Request) -> None:
            nonlocal asked
            ASKING.set(f"{name.replace(' ', '_')}-{asked}")
            asked += 1

        mine = batched.with_options(http_client=httpx2.AsyncClient(transport=transport, timeout=None))
        mine._client.event_hooks = {"request": [next_name], "response": []}
        results[name] = await continuum.acomplete(
            mine,
            policy=POLICY,
            model="simulated",
            max_tokens=400,
            messages=[{"role": "user", "content": f"[doc:{name}]"}],
        )

    async with client, batched, anyio.create_task_group() as serving:
        serving.start_soon(transport.serve)
        async with anyio.create_task_group() as documents:
            for name in names or DOCUMENTS:
                documents.start_soon(one, name)
        serving.cancel_scope.cancel()
    return results, transport


def batches_of(notes: Memory) -> list[int]:
    return [len(value["names"]) for _, value in sorted(notes.kept.items())]


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize(
    ("spec", "faults"),
    [
        (BatchSpec(polls=3), ()),
        (BatchSpec(expire={0, 2}), ()),
        (BatchSpec(), ["status:500", "ok", "529", "ok", "429"]),
    ],
    ids=["slow", "expired", "partly failed"],
)
def test_documents_come_whole_out_of_batches(provider: str, spec: BatchSpec, faults: Any) -> None:
    """Each round of all documents is one batch; what expired or failed is asked again in the next."""
    notes = Memory()
    with SimulatedProvider(DOCUMENTS, batches=spec, faults=faults) as server:
        client = client_of(server, provider)
        results, _ = anyio.run(lambda: draft(client, notes))
    assert {name: result.text for name, result in results.items()} == DOCUMENTS
    assert all(result.complete for result in results.values())
    assert batches_of(notes)[0] == len(DOCUMENTS)
    most = max(result.rounds for result in results.values())
    assert most <= len(notes.kept) <= most + 6


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_line_separators_of_unicode_are_text(provider: str) -> None:
    """A line of results ends at a line feed only."""
    mark = "One\u2028two\u2029three\u0085four\x0bfive\x0csix\x1cseven. "
    documents = {"a": "".join(f"{n} {mark}" for n in range(12))}
    with SimulatedProvider(documents) as server:
        client = client_of(server, provider)
        results, _ = anyio.run(lambda: draft(client, Memory(), names=["a"]))
    assert results["a"].text == documents["a"]
    assert results["a"].rounds == 1


def test_a_batch_that_fails_as_a_whole_fails_its_documents_clearly() -> None:
    notes = Memory()
    with SimulatedProvider(DOCUMENTS, batches=BatchSpec(fail={0})) as server:
        client = client_of(server, "openai")
        with pytest.raises(BaseExceptionGroup) as caught:
            anyio.run(lambda: draft(client, notes))
    assert "The batch was refused as a whole" in repr(caught.value)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("moment", ["before", "between", "after"])
def test_a_crash_buys_nothing_twice(provider: str, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process ends before the batch is created, between creation and note, or while it is under way."""
    notes = Memory()
    put = Memory.put_note

    async def dying(self: Memory, key: str, value: Mapping[str, Any]) -> None:
        if value["id"] is None:
            await put(self, key, value)
            if moment == "before":
                raise Killed
        else:
            if moment == "after":
                await put(self, key, value)
            raise Killed

    with SimulatedProvider(DOCUMENTS) as server:
        client = client_of(server, provider)
        monkeypatch.setattr(Memory, "put_note", dying)
        with pytest.raises(BaseExceptionGroup) as caught:
            anyio.run(lambda: draft(client, notes))
        assert caught.group_contains(Killed)
        monkeypatch.undo()
        client = client_of(server, provider)
        results, _ = anyio.run(lambda: draft(client, notes))
        assert {name: result.text for name, result in results.items()} == DOCUMENTS
        asked = [json.dumps(request.body, sort_keys=True) for request in server.requests]
        asked = [body for body in asked if '"messages"' in body]
        assert len(asked) == sum(result.rounds for result in results.values())
        assert len(set(asked)) == len(asked)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("created", [True, False])
def test_a_lost_answer_buys_nothing_twice(provider: str, created: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway fails after the batch was created, or before: the provider's list knows, and then it is asked anew."""
    notes, failed = Memory(), []
    handle = BatchDesk.handle

    def failing(self: BatchDesk, method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Any:
        first = method == "POST" and path.endswith("/batches") and not failed
        answer = handle(self, method, path, headers, raw) if created or not first else None
        if first:
            failed.append(path)
            raise RequestError("Bad gateway", status=502)
        return answer

    monkeypatch.setattr(BatchDesk, "handle", failing)
    with SimulatedProvider(DOCUMENTS, batches=BatchSpec(polls=3)) as server:
        client = client_of(server, provider)
        results, _ = anyio.run(lambda: draft(client, notes))
        asked = texts_of(server)
    assert failed
    assert {name: result.text for name, result in results.items()} == DOCUMENTS
    assert len(asked) == len(set(asked)) == sum(result.rounds for result in results.values())
    assert (notes.kept["batch/0"]["id"] is None) is not created
    assert batches_of(notes)[:2] == [len(DOCUMENTS)] * 2


def test_a_small_remainder_goes_out_by_itself_when_asked() -> None:
    notes = Memory()
    with SimulatedProvider(DOCUMENTS) as server:
        client = client_of(server, "openai")
        results, _ = anyio.run(lambda: draft(client, notes, live_below=len(DOCUMENTS) - 1))
    assert {name: result.text for name, result in results.items()} == DOCUMENTS
    assert 1 <= len(notes.kept) < max(result.rounds for result in results.values())


@pytest.mark.parametrize(("option", "value"), [("linger", 0), ("poll", float("inf"))])
def test_bad_options_are_named(option: str, value: float) -> None:
    with pytest.raises(ConfigurationError, match=f"{option}={value!r}"):
        ViaBatchApi(**{option: value})


def test_batches_are_looked_at_ever_less_often_for_a_day() -> None:
    """More looks than a float has powers of two: a batch may take 24 hours."""
    pauses = [ViaBatchApi().pause(looks) for looks in (1, 2, 10, 24 * 60 * 2)]
    assert pauses == [4.0, 8.0, 60.0, 60.0]


def test_a_client_without_a_batch_api_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="client=object"):
        over_batches(object(), Memory(), run="job")


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_whole_run_through_the_batch_api_costs_half_and_survives_a_stop(
    provider: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is ended while its second batch is under way; the next one finds it, and asks nothing twice."""
    model = "gpt-5.5" if provider == "openai" else "claude-opus-4-6"
    jobs = [{"id": name, "prompt": f"[doc:{name}]"} for name in DOCUMENTS]
    via = ViaBatchApi(linger=0.05, poll=0.05)

    async def run(*, stop_after: int = 0) -> continuum.BatchReport:
        client = client_of(server, provider)
        async with client:
            batch = continuum.arun_batch(
                jobs,
                client=client,
                journal=tmp_path / "journal",
                via=via,
                model=model,
                max_tokens=400,
                policy=continuum.Policy(max_rounds=60),
            )
            submit = BatchTransport._send_off

            async def counted(self: BatchTransport) -> None:
                nonlocal stop_after
                await submit(self)
                stop_after -= 1
                if stop_after == 0:
                    batch.drain()

            with monkeypatch.context() as patched:
                patched.setattr(BatchTransport, "_send_off", counted)
                return await batch

    with SimulatedProvider(DOCUMENTS, batches=BatchSpec(polls=2)) as server:
        first = anyio.run(lambda: run(stop_after=2))
        assert first.stopped == "interrupted", [result.failure for result in first.results()]
        assert not first.summary.documents.get("complete")
        report = anyio.run(run)
        asked = [json.dumps(request.body, sort_keys=True) for request in server.requests]
    assert report.complete
    results = list(report.results())
    assert {result.id: result.text for result in results} == DOCUMENTS
    asked = [body for body in asked if '"messages"' in body]
    assert len(asked) == len(set(asked)) == sum(result.rounds for result in results)
    full = price_of(model, provider)
    for result in results:
        whole = full(result.usage)
        assert whole is not None
        assert result.cost == pytest.approx(whole / 2, rel=0.02)


async def draft_all(server: SimulatedProvider, journal: Path, *, leave: bool = False, **more: Any) -> Any:
    """A whole run of all documents through OpenAI's batch API; or one that leaves when its first batch is submitted."""
    arguments = {"model": "gpt-4o-mini", "max_tokens": 400, "policy": continuum.Policy(max_rounds=60), **more}
    rows = arguments.pop("rows", [{"id": name, "prompt": f"[doc:{name}]"} for name in DOCUMENTS])
    async with openai.AsyncOpenAI(base_url=server.openai_base_url, api_key="test") as client:
        batch = continuum.arun_batch(rows, client=client, journal=journal, **arguments)
        with pytest.MonkeyPatch.context() as patched:
            submit = BatchTransport._send_off

            async def left(self: BatchTransport) -> None:
                await submit(self)
                batch.drain()

            if leave:
                patched.setattr(BatchTransport, "_send_off", left)
            return await batch


def texts_of(server: SimulatedProvider) -> list[str]:
    """What was asked of the model, one text for each request."""
    asked = [json.dumps(request.body, sort_keys=True) for request in server.requests]
    return [body for body in asked if '"messages"' in body]


def left_at_the_provider(server: SimulatedProvider, journal: Path, **more: Any) -> None:
    """Begin a run and end it while its first batch is under way."""
    report = anyio.run(lambda: draft_all(server, journal, leave=True, via=QUICK, **more))
    assert report.stopped == "interrupted"
    assert report.summary.rounds == 0


def test_what_is_at_the_provider_is_collected_though_rows_were_put_above(tmp_path: Path) -> None:
    """A request is called by its document, and not by the place of its row in the input."""
    rows = [{"id": name, "prompt": f"[doc:{name}]"} for name in DOCUMENTS]
    with SimulatedProvider(DOCUMENTS, batches=BatchSpec(polls=3)) as server:
        left_at_the_provider(server, tmp_path / "journal", rows=rows[1:])
        rows = [rows[0], *reversed(rows[1:])]
        report = anyio.run(lambda: draft_all(server, tmp_path / "journal", rows=rows, via=QUICK))
        asked = texts_of(server)
    assert report.complete
    assert len(asked) == len(set(asked)) == report.summary.rounds


def test_requests_that_were_called_by_their_place_are_collected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As journals of before have them; two documents that ask the same get an answer each."""
    first, second, *_ = DOCUMENTS
    alike = [{"id": str(n), "prompt": f"[doc:{first}]"} for n in range(2)]
    rows = [*alike, {"id": "other", "prompt": f"[doc:{second}]"}]
    places = {row["id"]: str(number) for number, row in enumerate(rows)}
    with SimulatedProvider(DOCUMENTS, batches=BatchSpec(polls=3)) as server:
        with monkeypatch.context() as patched:
            patched.setattr("continuum.batch.drafting.name_of_document", places.__getitem__)
            left_at_the_provider(server, tmp_path / "journal", rows=rows)
        with closing(sqlite3.connect(tmp_path / "journal")) as journal, journal:
            ((note,),) = journal.execute("SELECT value FROM note WHERE key = 'batch/0'").fetchall()
            old = {name: value for name, value in json.loads(note).items() if name != "over"}
            assert sorted(name[:4] for name in old["names"]) == ["0-0-", "1-0-", "2-0-"]
            journal.execute("UPDATE note SET value = ? WHERE key = 'batch/0'", (json.dumps(old),))
        report = anyio.run(lambda: draft_all(server, tmp_path / "journal", rows=list(reversed(rows)), via=QUICK))
        asked = len(texts_of(server))
    assert report.complete
    assert asked == report.summary.rounds


def test_what_is_at_the_provider_is_collected_though_the_settings_are_others(tmp_path: Path) -> None:
    """It is paid for, as a reply that was kept; the new cap holds for what is asked from then on."""
    with SimulatedProvider(DOCUMENTS, batches=BatchSpec(polls=3)) as server:
        left_at_the_provider(server, tmp_path / "journal")
        more = {"max_tokens": 300, "accept_changes": True}
        report = anyio.run(lambda: draft_all(server, tmp_path / "journal", via=QUICK, **more))
        caps = [request.body["max_tokens"] for request in server.requests if "messages" in (request.body or {})]
    assert report.complete
    assert caps == [400] * len(DOCUMENTS) + [300] * (report.summary.rounds - len(DOCUMENTS))


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"via": None}, "--live-below"), ({"model": "gpt-5.5"}, "model='gpt-4o-mini'")],
    ids=["live", "model"],
)
def test_what_is_at_the_provider_is_not_bought_again_unasked(
    changed: dict[str, Any], words: str, tmp_path: Path
) -> None:
    """It is named, with what to do, and nothing is sent; what was said to do then works."""
    path = tmp_path / "journal"
    with SimulatedProvider(DOCUMENTS, batches=BatchSpec(polls=3)) as server:
        left_at_the_provider(server, path)
        with pytest.raises(JournalError, match=r"4 requests .*\(batch_000000\)") as refused:
            anyio.run(lambda: draft_all(server, path, accept_changes=True, **{"via": QUICK, **changed}))
        assert words in refused.value.message
        assert not texts_of(server)
        alone = ViaBatchApi(linger=0.02, poll=0.02, live_below=1_000_000)
        assert anyio.run(lambda: draft_all(server, path, via=alone)).complete
        with closing(sqlite3.connect(path)) as journal:
            assert journal.execute("SELECT key FROM note WHERE key LIKE 'batch/%'").fetchall() == [("batch/0",)]
        again = anyio.run(lambda: draft_all(server, path, accept_changes=True, **{"via": QUICK, **changed}))
        asked = texts_of(server)
    assert again.complete
    assert len(asked) == len(set(asked)) == again.summary.rounds


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_rows_of_several_models_go_out_as_the_provider_takes_them(
    provider: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of OpenAI's is for one model; Anthropic takes all of them together."""
    rows = [{"id": name, "prompt": f"[doc:{name}]", "model": f"m{n % 2}"} for n, name in enumerate(DOCUMENTS)]
    sizes: list[int] = []
    enter = BatchDesk._enter

    def counting(self: BatchDesk, wire: str, lines: Any, about: Any) -> Any:
        sizes.append(len(lines))
        return enter(self, wire, lines, about)

    monkeypatch.setattr(BatchDesk, "_enter", counting)

    async def run() -> Any:
        async with client_of(server, provider) as client:
            more = {"journal": tmp_path / "journal", "via": QUICK, "max_tokens": 5000}
            return await continuum.arun_batch(rows, client=client, **more)

    with SimulatedProvider(DOCUMENTS) as server:
        report = anyio.run(run)
    assert report.complete, [result.failure for result in report.results()]
    assert report.summary.rounds == len(DOCUMENTS)
    assert sizes == ([2, 2] if provider == "openai" else [4])


def test_a_file_for_two_models_is_refused() -> None:
    """By the simulated provider, as by the real one."""
    lines = [
        {"custom_id": f"{n}", "method": "POST", "url": "/v1/chat/completions", "body": {"model": f"m{n}"}}
        for n in (0, 1)
    ]
    with SimulatedProvider(DOCUMENTS) as server, openai.OpenAI(base_url=server.openai_base_url, api_key="x") as client:
        data = "".join(json.dumps(line) + "\n" for line in lines).encode()
        file = client.files.create(file=("batch.jsonl", data), purpose="batch")
        batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
        batch = client.batches.retrieve(batch.id)
    assert batch.status == "failed"
    assert batch.errors is not None
    assert [(error.code, error.line) for error in batch.errors.data or []] == [("mismatched_model", 2)]


def test_a_job_that_wants_a_stream_is_refused(tmp_path: Path) -> None:
    """By its name, before anything is sent."""
    rows = [{"id": name, "prompt": f"[doc:{name}]", "policy": {"stream": name == "essay"}} for name in DOCUMENTS]
    with SimulatedProvider(DOCUMENTS) as server:
        with pytest.raises(ConfigurationError, match=r"job 'essay': .*cannot stream"):
            anyio.run(lambda: draft_all(server, tmp_path / "journal", rows=rows, via=QUICK))
        assert not server.requests


def test_what_goes_out_by_itself_is_on_the_bill_at_its_own_price(tmp_path: Path) -> None:
    """Half the price in a batch, the whole price alone; also where a run that began in batches goes on without them."""
    via = ViaBatchApi(linger=0.02, poll=0.02, live_below=len(DOCUMENTS) - 1)
    full = price_of("gpt-4o-mini", "openai")
    with SimulatedProvider(DOCUMENTS) as server:
        report = anyio.run(lambda: draft_all(server, tmp_path / "journal", via=via))
        paused = anyio.run(lambda: draft_all(server, tmp_path / "other", via=via, max_cost=report.summary.cost / 2))
        again = anyio.run(lambda: draft_all(server, tmp_path / "other", accept_changes=True))
    assert paused.stopped == "max_cost"
    assert 0 < paused.summary.cost < again.summary.cost
    for one in (report, again):
        assert one.complete
        whole = sum(full(result.usage) or 0.0 for result in one.results())
        assert whole / 2 < one.summary.cost < whole
        assert sum(result.cost or 0.0 for result in one.results()) == pytest.approx(one.summary.cost)


@pytest.mark.parametrize("batches", [1, len(DOCUMENTS)], ids=["one batch", "several"])
@pytest.mark.parametrize(("status", "reason", "waits"), [(401, "credentials", 0), (503, "outage", 9)])
def test_batches_that_cannot_be_read_pause_the_run(
    status: int, reason: str, waits: int, batches: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that stops working at once, a provider that is away after some looks at one batch, however many there are;
    it says what it waits for.

    The provider is away until it is said to be back: how the looks fall on the batches is a matter of time.
    """
    monkeypatch.setattr("continuum.batch.via_api._MOST_REQUESTS", 1)
    waited: list[str] = []

    class Watcher(Silent):
        def waiting(self, id: str, seconds: float, reason: str) -> None:
            waited.append(reason)

    via = ViaBatchApi(linger=0.01, poll=0.01)
    looks = dict.fromkeys(range(1, 10_000), status)
    rows = [{"id": name, "prompt": f"[doc:{name}]"} for name in list(DOCUMENTS)[:batches]]
    with SimulatedProvider(DOCUMENTS, batches=BatchSpec(polls=3, looks=looks)) as server:
        report = anyio.run(lambda: draft_all(server, tmp_path / "journal", rows=rows, via=via, progress=Watcher()))
        assert report.stopped == reason
        assert waits <= len(waited) <= waits * batches
        assert "the same call collects them" in report.message
        looks.clear()
        report = anyio.run(lambda: draft_all(server, tmp_path / "journal", rows=rows, via=via))
        assert report.complete
        asked = [json.dumps(request.body, sort_keys=True) for request in server.requests]
    assert len(asked) == len(set(asked)) == report.summary.rounds


@pytest.mark.parametrize("others", [0, 1], ids=["alone", "beside one that can be read"])
def test_results_that_cannot_be_read_pause_the_run(
    others: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch says that it is over, and its file cannot be had: that is a failed look as well."""
    monkeypatch.setattr("continuum.batch.via_api._MOST_REQUESTS", len(DOCUMENTS) - others)
    waited: list[str] = []
    file = BatchDesk._file

    def gone(self: BatchDesk, name: str) -> bytes:
        if b"batch_req_0_" in file(self, name):
            raise RequestError(f"No such File object: {name}", status=404)
        return file(self, name)

    class Watcher(Silent):
        def waiting(self, id: str, seconds: float, reason: str) -> None:
            waited.append(reason)

    async def run() -> Any:
        with anyio.fail_after(20):
            return await draft_all(server, tmp_path / "journal", via=QUICK, progress=Watcher())

    with SimulatedProvider(DOCUMENTS) as server:
        with monkeypatch.context() as patched:
            patched.setattr(BatchDesk, "_file", gone)
            report = anyio.run(run)
        assert (report.stopped, len(waited)) == ("outage", 9)
        assert "No such File object" in report.message
        assert all("cannot be read" in words for words in waited)
        assert anyio.run(run).complete


def test_a_restart_waits_for_a_provider_that_is_away(tmp_path: Path) -> None:
    """Whether a batch was created before a crash is asked until there is an answer, and nothing is sent before."""
    notes = Memory()
    notes.kept["batch/0"] = {"names": ["0-0-x"], "at": 1e12, "id": None}
    away = openai.AsyncOpenAI(base_url="http://127.0.0.1:9/v1", api_key="test")
    told: list[int] = []

    async def main() -> None:
        enough = anyio.Event()

        def trouble(error: Exception, times: int) -> None:
            told.append(times)
            if times == 3:
                enough.set()

        options = ViaBatchApi(linger=0.01, poll=0.01)
        _, transport = over_batches(away, notes, run="job", options=options, trouble=trouble)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(transport.serve)
            with anyio.fail_after(20):
                await enough.wait()
            tasks.cancel_scope.cancel()

    anyio.run(main)
    assert told[:3] == [1, 2, 3]


@pytest.mark.parametrize("iterated", [False, True], ids=["awaited", "iterated"])
def test_a_journal_that_cannot_be_written_to_says_so_itself(iterated: bool, tmp_path: Path) -> None:
    """What was submitted cannot be noted: a `JournalError` as any other, and in no group."""

    class Full(SqliteJournal):
        async def put_note(self, key: str, value: Mapping[str, Any]) -> None:
            if key.startswith(PREFIX):
                raise JournalError("the disk is full")
            await super().put_note(key, value)

    async def main(server: SimulatedProvider) -> None:
        jobs = [{"id": name, "prompt": f"Write [doc:{name}]."} for name in DOCUMENTS]
        async with client_of(server, "openai") as client:
            journal = Full(tmp_path / "journal")
            batch = continuum.arun_batch(jobs, client=client, journal=journal, model="m", max_tokens=99, via=QUICK)
            with pytest.raises(JournalError, match="the disk is full"):
                _ = [result async for result in batch] if iterated else await batch

    with SimulatedProvider(DOCUMENTS) as server:
        anyio.run(main, server)
