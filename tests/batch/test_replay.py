"""A document that goes on from its entries decides as if it had never stopped; and where it cannot, loses no text."""

from __future__ import annotations

import random
import zlib
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import AsyncOpenAI

import continuum
from continuum import ConfigurationError, Dialect, Policy, Usage
from continuum._core.actions import Done, Send, Wait
from continuum._core.types import Failure, Prefill, RateLimit, Response
from continuum.batch.drafting import DocumentKeeper, Drafted, Shared, draft
from continuum.batch.gate import Gate
from continuum.batch.job import Job
from continuum.batch.journal import Document, Entry
from continuum.batch.outcomes import dumps, fingerprint, from_json, to_json
from continuum.batch.progress import Silent
from continuum.batch.replay import JOINED
from continuum.batch.settings import Settings
from continuum.providers.capabilities import REFUSALS
from continuum.testing import FakeClock, SimulatedProvider
from continuum.testing.scripted import AsyncScriptedClient, Reply
from tests.model import Model

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from continuum.batch.journal import Journal

seeds = st.integers(0, 2**32)
policies = st.builds(
    Policy,
    cut_back=st.sampled_from(["sentence", "word"]),
    anchor=st.booleans(),
    max_rounds=st.integers(1, 20),
    max_no_progress=st.integers(1, 3),
    max_rechecks=st.integers(0, 2),
    max_interruptions=st.integers(0, 4),
    max_repetition=st.sampled_from([None, 400, 1200]),
    max_output_tokens=st.sampled_from([None, 100, 5000]),
    deadline=st.sampled_from([None, 20.0, 1800.0]),
)
JOB = Job(id="a", prompt="Write.")


class Memory:
    """Of a journal, what drafting needs: entries as JSON, as the real one keeps them."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    async def asking(self, document: Document) -> None: ...

    async def put(self, document: Document, entry: Entry) -> None:
        import json

        self.entries.append(replace(entry, outcome=json.loads(dumps(entry.outcome))))

    def put_partial(self, document: Document, number: int, request: str, text: str) -> None: ...


def answering(seed: int, words: Sequence[str] = ("length",)) -> AsyncScriptedClient:
    """A provider that says the same to the same request, well or badly."""

    def answer(send: Send) -> Reply | Failure:
        mine = Model(seed, words=words)
        mine.rng = random.Random(zlib.crc32(f"{seed} {fingerprint(send)} {send.reason}".encode()))
        outcome = mine.answer(send)
        if isinstance(outcome, Failure):
            return outcome
        return Reply(
            outcome.text, outcome.finish_reason, deltas=[outcome.text], usage=outcome.usage, prefill=outcome.prefill
        )

    return AsyncScriptedClient(answer)


def document(entries: Sequence[Entry] = (), partial: str = "", request: str = "") -> Document:
    return Document(1, 0, JOB, 1, list(entries), partial, request, len(entries))


def shared(client: AsyncScriptedClient, policy: Policy, journal: Memory) -> Shared:
    fields = policy.model_dump(exclude_unset=True)
    asked = Settings("scripted", client.base_url, "m", 60, policy=fields)
    runtime = replace(FakeClock().runtime, random=lambda: 0.5)
    return Shared(client, asked, cast("Journal", journal), Gate(), Silent(), runtime)


def drafted(client: AsyncScriptedClient, policy: Policy, found: Document) -> tuple[Drafted, list[Entry]]:
    """Draft a document; its result, and the entries of this run."""
    journal = Memory()
    outcome = anyio.run(draft, shared(client, policy, journal), found)
    return outcome, journal.entries


def standing(client: AsyncScriptedClient, policy: Policy, entries: Sequence[Entry]) -> Any:
    """What a document with these entries would do next, and its text."""

    async def begin() -> Any:
        keeper = DocumentKeeper(shared(client, policy, Memory()), document(entries))
        await keeper.begin()
        lane = keeper.run.lanes[0]
        return (lane.resumed or lane.machine.start()), lane.machine.result()

    return anyio.run(begin)


@settings(max_examples=120, deadline=None)
@given(seeds, policies, st.sampled_from([("length",), ("length", "stop", "refusal", "unknown", "context_window")]))
def test_entries_lead_to_the_same_text_and_the_same_next_action(seed: int, policy: Policy, words: Any) -> None:
    """Whatever came, after any number of entries: the next request is the one that was made, and so is the end."""
    whole, entries = drafted(answering(seed, words), policy, document())
    for count in range(len(entries) + 1):
        action, result = standing(AsyncScriptedClient([]), policy, entries[:count])
        if count == len(entries) and isinstance(action, Wait):
            assert whole.result.reason == "deadline"  # it passed during the wait, which no entry tells of
        elif count == len(entries):
            assert isinstance(action, Done)
            assert (result.text, result.seams, result.reason) == (
                whole.result.text,
                whole.result.seams,
                whole.result.reason,
            )
            assert result.usage == whole.result.usage
        elif isinstance(action, Wait):
            continue  # what follows the wait is checked by going on, below
        else:
            assert fingerprint(action) == entries[count].request


@settings(max_examples=60, deadline=None)
@given(seeds, policies, st.floats(0, 1))
def test_a_crash_between_two_rounds_changes_nothing(seed: int, policy: Policy, at: float) -> None:
    """Gone on with from any entry, the document gets the result that it would have had, and asks for the rest only."""
    policy = policy.model_copy(update={"deadline": None})  # the pauses of the two runs differ
    whole, entries = drafted(answering(seed), policy, document())
    count = round(at * len(entries))
    again, more = drafted(answering(seed), policy, document(entries[:count]))
    assert again.result == whole.result
    assert [entry.request for entry in more] == [entry.request for entry in entries[count:]]
    assert [entry.number for entry in more] == list(range(count, len(entries)))


@settings(max_examples=60, deadline=None)
@given(seeds, policies, policies, st.floats(0, 1))
def test_other_settings_lose_no_text(seed: int, before: Policy, after: Policy, at: float) -> None:
    """Replies that would be asked for in another way now are joined all the same: every character is in the text or
    in a seam, or the result says how many replies were not used."""
    _, entries = drafted(answering(seed), before, document())
    count = round(at * len(entries))
    action, result = standing(answering(seed), after, entries[:count])
    replies = [entry.outcome["text"] for entry in entries[:count] if "text" in entry.outcome]
    used = [raw for raw, _ in zip(result.raw_segments, range(result.rounds), strict=False)]
    assert used == replies[: len(used)]
    if len(used) < len(replies):
        assert isinstance(action, Done)


def test_the_present_ceilings_hold_behind_joined_replies() -> None:
    """Replies beyond a ceiling that was lowered are kept; nothing more is asked. Raised, it is gone on."""
    client = AsyncScriptedClient([Reply(f"Sentence number {n} of it is here. ", "length") for n in range(4)])
    policy = Policy(max_rounds=4, cut_back="word")
    first, entries = drafted(client, policy, document())
    assert first.result.reason == "max_rounds"
    fewer, none = drafted(AsyncScriptedClient([]), policy.model_copy(update={"max_rounds": 2}), document(entries))
    assert (fewer.result.text, fewer.result.reason, fewer.result.rounds) == (first.result.text, "max_rounds", 4)
    assert not none
    assert JOINED in (fewer.result.failure or "")
    more, new = drafted(
        AsyncScriptedClient([Reply("The end.")]), policy.model_copy(update={"max_rounds": 5}), document(entries)
    )
    assert more.result.complete
    assert more.result.text == first.result.text + "The end."
    assert [entry.number for entry in new] == [4]


@pytest.mark.parametrize("given_text", ["Sentence number one of it is h", "S", " \n"])
def test_a_partial_reply_is_one_more_truncation(given_text: str) -> None:
    """What had come of the reply in flight is kept as an entry, counted as a round, and gone on from."""
    client = AsyncScriptedClient([Reply("ere. The end.")])
    policy = Policy(cut_back="word", anchor=False)
    result, entries = drafted(client, policy, document(partial=given_text, request="other"))
    assert result.result.complete
    assert result.result.rounds == 2
    assert result.result.usage.estimated
    assert entries[0].outcome["text"] == given_text
    assert given_text.strip() in result.result.text


@pytest.mark.parametrize("known", [True, False])
def test_a_partial_reply_is_joined_as_it_was_asked_for(known: bool) -> None:
    """Also if it would be asked for otherwise now; where a journal does not say how it was, the seam is in doubt."""
    before, after = Policy(strategy="user_turn"), Policy(strategy="in_place")
    opening = "The keeper of the light rose early. The sea was calm, and the boats were out. He lit the st"
    _, entries = drafted(
        AsyncScriptedClient([Reply(opening, "length")]), before.model_copy(update={"max_rounds": 1}), document()
    )
    asked, _ = standing(AsyncScriptedClient([]), before, entries)
    assert isinstance(asked, Send)
    shown, question = asked.turns
    anchor = question.text.split('"')[1]
    told = {"shown": len(shown.text), "anchor": anchor}
    request = f"{fingerprint(asked)} {dumps(told)}" if known else fingerprint(asked)
    partial = f"{anchor} He lit the stove and put the kettle"
    result, more = drafted(AsyncScriptedClient([Reply(" on.")]), after, document(entries, partial, request))
    assert result.result.text == opening.removesuffix("st") + "stove and put the kettle on."
    seams = [(seam.round, seam.kind, seam.ambiguous) for seam in result.result.seams]
    assert seams[0] == (2, "anchor" if known else seams[0][1], not known)
    assert more[0].outcome.get("asked") == (told if known else None)
    again, none = drafted(AsyncScriptedClient([]), after, document([*entries, *more]))
    assert (again.result.text, again.result.seams, none) == (result.result.text, result.result.seams, [])


def test_a_partial_of_a_finished_document_is_not_adopted() -> None:
    """The last reply was kept, and the process died before the result was: nothing is asked."""
    _, entries = drafted(AsyncScriptedClient([Reply("All of it.")]), Policy(), document())
    result, more = drafted(AsyncScriptedClient([]), Policy(), document(entries))
    assert result.result.text == "All of it."
    assert not more


def test_what_was_known_of_the_server_is_known_again() -> None:
    """A refusal of prefill that another document had learnt is part of how this one was begun."""
    client = AsyncScriptedClient([])
    entries = [
        Entry(0, "", {**to_json(Response("Text.", "length")), "server": {"dialect": "generic", "prefill": False}}, 1.0)
    ]
    keeper = DocumentKeeper(shared(client, Policy(dialect="vllm"), Memory()), document(entries))
    try:
        assert (client.base_url, "m") in REFUSALS
        assert keeper.run.provider.prefill is None
    finally:
        REFUSALS._known.clear()


@given(
    st.builds(
        Response,
        text=st.text(alphabet=st.characters(exclude_categories=())),
        finish_reason=st.sampled_from(["stop", "length", "interrupted", "unknown"]),
        raw_finish_reason=st.none() | st.text(),
        usage=st.none() | st.builds(Usage, st.integers(0, 9), st.integers(0, 9), estimated=st.booleans()),
        model=st.none() | st.just("m"),
        reasoning=st.booleans(),
        tool_calls=st.integers(0, 2),
        suspended=st.booleans(),
        blocks=st.just(()) | st.just(({"type": "text", "text": "\ud800"},)),
        prefill=st.none() | st.builds(Prefill, st.booleans()),
        failure=st.none() | st.builds(Failure, st.just("transient"), st.text(), st.none() | st.just(503)),
        rate_limit=st.none() | st.builds(RateLimit, limit_requests=st.integers(0, 9)),
    )
    | st.builds(
        Failure,
        st.sampled_from(["transient", "quota", "prefill_refused"]),
        st.text(),
        st.none() | st.integers(400, 599),
        st.none() | st.floats(0, 9),
        st.none() | st.booleans(),
        st.none() | st.builds(Usage, st.integers(0, 9)),
    )
)
def test_outcomes_survive_as_json(outcome: Response | Failure) -> None:
    """Any outcome, lone surrogates and control characters included, comes back as it was; its text is valid UTF-8."""
    import json

    text = dumps(to_json(outcome))
    again = from_json(json.loads(text.encode().decode()))
    # An empty word for the finish reason is no word.
    if isinstance(outcome, Response) and outcome.raw_finish_reason == "":
        outcome = replace(outcome, raw_finish_reason=None)
    assert again == outcome


def _went_on(policy: Policy, **server: Any) -> tuple[Any, Any]:
    """The last request of a batch that ran out of credit, and the first of the same call again."""
    text = "".join(f"The keeper {n} turned the lamp {n * 37} times and wrote it down. " for n in range(30))

    async def main(server: SimulatedProvider, path: str) -> Any:
        jobs = [{"id": "a", "prompt": "Write it."}]
        ask: dict[str, Any] = {"model": "m", "max_tokens": 100, "journal": path, "policy": policy}
        async with AsyncOpenAI(base_url=server.openai_base_url, api_key="none") as client:
            assert (await continuum.arun_batch(jobs, client=client, **ask)).stopped == "quota"
            (result,) = (await continuum.arun_batch(jobs, client=client, **ask)).results()
            return result

    with (
        TemporaryDirectory() as folder,
        SimulatedProvider(text, faults=["ok", "ok", "ok", "quota"], **server) as provider,
    ):
        result = anyio.run(main, provider, f"{folder}/journal")
        assert result.text == text
        return provider.requests[3].body, provider.requests[4].body


def test_a_server_that_was_recognised_is_known_to_be_the_same() -> None:
    """By its first reply; the entries behind that, where it was no news, say nothing of it."""
    before, after = _went_on(Policy(max_retries=0), dialect="llama.cpp")
    assert before["messages"][-1]["role"] == "assistant"  # in place
    assert after == before


def test_a_dialect_of_the_callers_own_is_gone_on_with() -> None:
    """Its name is in the journal, and in no table."""
    before, after = _went_on(Policy(max_retries=0, dialect=Dialect("mine", in_place=True)), prefill="continue")
    assert before["messages"][-1]["role"] == "assistant"
    assert after == before


def test_a_dialect_that_is_given_no_more_ends_no_document() -> None:
    """What is not known is not known, and the replies are joined as they were asked for."""
    other = Policy(cut_back="word", anchor=False)
    mine = other.model_copy(update={"dialect": Dialect("mine", in_place=True)})
    text = "The keeper climbed the stair. The lamp was cold and the oil had run dry. "
    client = AsyncScriptedClient([Reply(text, "length"), Failure("quota", "no credit", 429)])
    _, (entry, _) = drafted(client, mine, document())
    again, _ = drafted(AsyncScriptedClient([Reply("It was late.")]), other, document([entry]))
    assert (again.result.text, again.result.complete) == (text + "It was late.", True)


def test_settings_that_do_not_fit_end_no_document(tmp_path: Path) -> None:
    """A document that was begun is given back, the run says what is wrong, and with good ones it is drafted."""
    text = "The keeper climbed the stair. The lamp was cold and the oil had run dry. "
    jobs = [{"id": name, "prompt": "Tell."} for name in "ab"]
    told: dict[str, Any] = {"journal": tmp_path / "journal", "model": "m", "policy": Policy(cut_back="word")}

    async def main() -> None:
        client = AsyncScriptedClient([Reply(text, "length"), Failure("quota", "no credit", 429)])
        assert (await continuum.arun_batch(jobs[:1], client=client, **told)).stopped == "quota"
        for rows, match in ((jobs, "job 'a': max_cost=1 cannot be kept"), (iter(jobs), "cannot be kept|was begun")):
            with pytest.raises(ConfigurationError, match=match):
                await continuum.arun_batch(rows, client=AsyncScriptedClient([]), **told, concurrency=1, max_cost=1.0)
        more = AsyncScriptedClient(lambda send: Reply("It was late."))
        report = await continuum.arun_batch(jobs, client=more, **told)
        assert [result.text for result in report.results()] == [text + "It was late.", "It was late."]

    anyio.run(main)
