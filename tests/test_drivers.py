"""The request loops: one script, four ways of calling, the same answers, waits and account."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import pytest
import structlog

import continuum
from continuum import (
    IncompleteError,
    JobResult,
    Policy,
    ProviderError,
    QuotaError,
    RateLimitedError,
    RejectedError,
    Result,
)
from continuum._core.types import Failure
from continuum._runtime import Runtime
from continuum.testing import FakeClock
from continuum.testing.scripted import AsyncScriptedClient, Reply, ScriptedClient, ScriptExhausted, Step

FIRST = "The keeper climbed the stair. The lamp was cold and the oil had run dry. "
SECOND = "He went down again and rowed to the village for a new barrel of it."
ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Tell."}], "max_tokens": 50}

Steps = Sequence[Step]


def runtime(clock: FakeClock, random: float = 0.5) -> Runtime:
    return Runtime(clock=clock.time, sleep=clock.sleep, asleep=clock.asleep, random=lambda: random)


def by_complete(steps: Steps, clock: FakeClock, policy: Policy | None) -> tuple[Result, ScriptedClient]:
    client = ScriptedClient(steps)
    return continuum.complete(client, policy=policy, runtime=runtime(clock), **ASK), client


def by_stream(steps: Steps, clock: FakeClock, policy: Policy | None) -> tuple[Result, ScriptedClient]:
    client = ScriptedClient(steps)
    events = list(continuum.stream(client, policy=policy, runtime=runtime(clock), **ASK))
    result = events[-1].result
    assert result is not None
    assert "".join(event.text for event in events) == result.text
    assert all(event.result is None for event in events[:-1])
    return result, client


def _async(
    backend: str, call: Callable[..., Any]
) -> Callable[[Steps, FakeClock, Policy | None], tuple[Any, ScriptedClient]]:
    def run(steps: Steps, clock: FakeClock, policy: Policy | None) -> tuple[Any, ScriptedClient]:
        client = AsyncScriptedClient(steps)
        result = anyio.run(call, client, clock, policy, backend=backend)
        return result, client

    return run


async def by_acomplete(client: ScriptedClient, clock: FakeClock, policy: Policy | None) -> Result:
    return await continuum.acomplete(client, policy=policy, runtime=runtime(clock), **ASK)


async def by_arun_batch(client: ScriptedClient, clock: FakeClock, policy: Policy | None) -> JobResult:
    question = {"id": "a", "messages": ASK["messages"]}
    rest: Any = {name: value for name, value in ASK.items() if name != "messages"}
    report = await continuum.arun_batch([question], client=client, policy=policy, runtime=runtime(clock), **rest)
    (found,) = report.results()
    return found


async def by_astream(client: ScriptedClient, clock: FakeClock, policy: Policy | None) -> Result:
    text = ""
    async with continuum.astream(client, policy=policy, runtime=runtime(clock), **ASK) as events:
        async for event in events:
            text += event.text
    assert event.result is not None
    assert text == event.result.text
    return event.result


WAYS = {
    "complete": by_complete,
    "stream": by_stream,
    "acomplete-asyncio": _async("asyncio", by_acomplete),
    "acomplete-trio": _async("trio", by_acomplete),
    "astream-asyncio": _async("asyncio", by_astream),
    "astream-trio": _async("trio", by_astream),
    "arun_batch-asyncio": _async("asyncio", by_arun_batch),
    "arun_batch-trio": _async("trio", by_arun_batch),
}
SCRIPTS: dict[str, Steps] = {
    "whole": [Reply(FIRST)],
    "cut once": [Reply(FIRST, "length"), Reply(SECOND)],
    "rate limited": [Failure("rate_limited", "slow down", 429, retry_after=7.0), Reply(FIRST, "length"), Reply(SECOND)],
    "broken stream": [Reply(FIRST, "interrupted", failure=Failure("transient", "dropped")), Reply(SECOND)],
    "broken before any text": [Reply("", "interrupted"), Reply(FIRST)],
    "outage between rounds": [Reply(FIRST, "length"), Failure("transient", "503", 503), Reply(SECOND)],
    "refused": [Reply(FIRST, "length"), Reply("I cannot.", "refusal")],
    "quota in round two": [Reply(FIRST, "length"), Failure("quota", "no credit left", 429)],
}
# What is a batch's to decide, and not a document's: it waits once for all of them, and pauses when the credit is gone.
OF_A_BATCH = ("rate limited", "quota in round two")


@pytest.mark.parametrize("unary", [False, True], ids=["stream", "unary"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_every_way_gives_the_same_answer(script: str, unary: bool) -> None:
    """7: sync, async, streaming, in a batch, on asyncio and on trio: same text, seams, requests and waits."""
    seen = {}
    for way, run in WAYS.items():
        if "batch" in way and script in OF_A_BATCH:
            continue
        clock = FakeClock()
        result, client = run(SCRIPTS[script], clock, Policy(stream=not unary))
        client.assert_complete()
        seen[way] = (
            result.text, result.seams, result.reason, result.usage, [c.turns for c in client.calls], clock.sleeps
        )  # fmt: skip
    first = seen["complete"]
    for way, what in seen.items():
        assert what == first, way


def test_retry_after_is_obeyed_and_never_undercut() -> None:
    """What the server asks for is waited for, and a little more, so that not everybody comes back at once."""
    for random in (0.0, 0.999):
        clock = FakeClock()
        client = ScriptedClient([Failure("rate_limited", "slow", 429, retry_after=7.0), Reply(FIRST)])
        continuum.complete(client, runtime=runtime(clock, random), **ASK)
        assert len(clock.sleeps) == 1
        assert 7.0 <= clock.sleeps[0] <= 8.0


def test_backoff_doubles_with_jitter_up_to_a_ceiling() -> None:
    """Without Retry-After the pauses double, each between half and the whole of its step, none beyond retry_max."""
    policy = Policy(retry_initial=1.0, retry_max=5.0, max_retries=5)
    for random, expected in ((0.0, [0.5, 1.0, 2.0, 2.5, 2.5]), (1.0, [1.0, 2.0, 4.0, 5.0, 5.0])):
        clock = FakeClock()
        client = ScriptedClient([Failure("transient", "503", 503)] * 5 + [Reply(FIRST)])
        continuum.complete(client, policy=policy, runtime=runtime(clock, random), **ASK)
        assert clock.sleeps == pytest.approx(expected)


def test_a_thousand_repeats_are_repeats() -> None:
    """A caller without a deadline may wait for a provider for a night."""
    clock = FakeClock()
    client = ScriptedClient([Failure("transient", "503", 503)] * 1200 + [Reply(FIRST)])
    policy = Policy(retry_initial=1.0, retry_max=5.0, max_retries=1200, deadline=None)
    assert continuum.complete(client, policy=policy, runtime=runtime(clock, 1.0), **ASK).complete
    assert clock.sleeps[-1] == 5.0


def test_no_pause_goes_past_the_deadline() -> None:
    """The last pause is cut to the deadline, and then nothing more is sent."""
    clock = FakeClock()
    client = ScriptedClient(lambda send: Failure("transient", "503", 503))
    policy = Policy(deadline=10.0, retry_initial=4.0, max_retries=50)
    with pytest.raises(ProviderError, match="the deadline passed after"):
        continuum.complete(client, policy=policy, runtime=runtime(clock, 1.0), **ASK)
    assert sum(clock.sleeps) == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("told", "policy", "error", "says", "tries"),
    [
        (20.0, Policy(deadline=5.0), ProviderError, "told to wait 20 s, 5.0 s before the deadline; given up", "1 try"),
        (400.0, Policy(), RateLimitedError, "told to wait 400 s, max_retry_after=300 allows less; given up", "1 try"),
        (None, Policy(max_retries=1), RateLimitedError, "slow down; .*; given up", "2 tries"),
        (3.0, Policy(deadline=8.0), ProviderError, "told to wait 3 s, .* before the deadline; given up", "3 tries"),
    ],
)
def test_an_error_says_why_no_more_was_sent(
    told: float | None, policy: Policy, error: type[ProviderError], says: str, tries: str
) -> None:
    """What the server asked for and what was allowed; a deadline that has not passed is not said to have."""
    client = ScriptedClient(lambda send: Failure("rate_limited", "slow down", retry_after=told))
    with structlog.testing.capture_logs() as logs, pytest.raises(error, match=f"{says} after {tries}$"):
        continuum.complete(client, policy=policy, runtime=runtime(FakeClock()), **ASK)
    assert (logs[-1]["evidence"] != "") == ("told" in says)


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (Failure("quota", "no credit", 429), QuotaError),
        (Failure("rejected", "bad key", 401), RejectedError),
        (Failure("context_window", "too long", 400), RejectedError),
        (Failure("rate_limited", "slow", 429, retry_after=9999.0), RateLimitedError),
        (Failure("broken", "what?"), ProviderError),
    ],
)
def test_a_run_that_got_nothing_raises(failure: Failure, error: type[ProviderError]) -> None:
    """With no text at all the failure is an exception with the provider's error as its cause."""
    with pytest.raises(error) as caught:
        continuum.complete(ScriptedClient([failure]), runtime=runtime(FakeClock()), **ASK)
    assert caught.value.__cause__ is not None
    assert caught.value.status_code == failure.status_code
    assert caught.value.result is not None
    assert continuum.result_of(caught.value) is caught.value.result


def test_a_failure_after_text_is_a_result() -> None:
    """5: with text there is a result, which names the failure; raise_for_incomplete() turns it into an error."""
    result, _ = by_complete(SCRIPTS["quota in round two"], FakeClock(), None)
    assert (result.text, result.complete, result.reason) == (FIRST, False, "quota")
    assert result.failure is not None
    with pytest.raises(IncompleteError, match="'quota'") as caught:
        result.raise_for_incomplete()
    assert caught.value.result is result


def test_the_caller_can_ask_for_an_exception() -> None:
    """on_incomplete='raise' raises, with the whole result on the error."""
    with pytest.raises(IncompleteError) as caught:
        by_complete(SCRIPTS["refused"], FakeClock(), Policy(on_incomplete="raise"))
    assert caught.value.result.text.startswith(FIRST)


def test_a_bug_passes_through_with_what_came() -> None:
    """An exception that is no fact about the provider is not swallowed, and the text so far is within reach."""

    def answer(send: Any) -> Step:
        if send.round == 1:
            return Reply(FIRST, "length")
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError) as caught:
        continuum.complete(ScriptedClient(answer), **ASK)
    assert continuum.result_of(caught.value).text == FIRST


def test_result_of_knows_a_stranger() -> None:
    """Asking for the account of something that has none says what to pass instead."""
    with pytest.raises(continuum.ConfigurationError, match="carries no account"):
        continuum.result_of(ValueError("x"))


def test_leaving_a_stream_early_keeps_what_came() -> None:
    """Closing a stream in the middle ends the run; `result` has what was shown and what was not."""
    client = ScriptedClient([Reply(FIRST, "length"), Reply(SECOND)])
    with continuum.stream(client, **ASK) as events:
        shown = next(events).text + next(events).text
    assert events.result.reason == "cancelled"
    assert events.result.text.startswith(shown)
    assert len(client.calls) == 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cancelled_run_leaves_the_text_in_reach(backend: str) -> None:
    """A timeout around acomplete() closes everything, and the partial is at result_of(exception)."""

    async def main() -> None:
        client = AsyncScriptedClient([Reply(FIRST, "length"), Failure("transient", "503", 503)])
        with pytest.raises(TimeoutError) as caught, anyio.fail_after(0.05):
            await continuum.acomplete(client, policy=Policy(retry_initial=30.0), **ASK)
        assert continuum.result_of(caught.value).text == FIRST

    anyio.run(main, backend=backend)


def test_an_error_that_was_cut_off_from_the_run_has_no_account() -> None:
    """`from None` says that it has nothing to do with what was handled; any other way to raise it does not."""

    def ask(*, cut_off: bool) -> None:
        try:
            continuum.complete(ScriptedClient([Failure("quota", "no credit", 429)]), **ASK)
        except QuotaError:
            if cut_off:
                raise ValueError("later") from None
            raise ValueError("later")  # noqa: B904

    with pytest.raises(ValueError, match="later") as caught:
        ask(cut_off=False)
    assert continuum.result_of(caught.value).reason == "quota"
    with pytest.raises(ValueError, match="later") as caught:
        ask(cut_off=True)
    with pytest.raises(continuum.ConfigurationError, match="carries no account"):
        continuum.result_of(caught.value)


def test_the_account_is_found_in_a_group() -> None:
    """A task group raises a group, which may hold groups; the first member with an account is the answer."""

    async def main() -> None:
        client = AsyncScriptedClient([Failure("quota", "no credit", 429)])
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(continuum.acomplete(client, **ASK))
        (error,) = caught.value.exceptions
        assert isinstance(error, QuotaError)
        assert continuum.result_of(caught.value) is error.result
        outer = BaseExceptionGroup("outer", [ValueError("x"), BaseExceptionGroup("inner", [KeyError("y"), error])])
        assert continuum.result_of(outer) is error.result
        with pytest.raises(continuum.ConfigurationError, match="carries no account"):
            continuum.result_of(ExceptionGroup("strangers", [ValueError("x")]))

    asyncio.run(main())


def test_a_cancelled_task_has_the_account() -> None:
    """`gather` puts an exception of its own in the place of a cancelled task's; the task still has the one to ask."""

    async def main() -> None:
        waits, never = asyncio.Event(), asyncio.Event()

        async def asleep(_: float) -> None:
            waits.set()
            await never.wait()

        client = AsyncScriptedClient([Reply(FIRST, "length"), Failure("transient", "503", 503)])
        task = asyncio.create_task(continuum.acomplete(client, runtime=Runtime(asleep=asleep), **ASK))
        await waits.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        with pytest.raises(asyncio.CancelledError) as caught:
            task.result()
        assert continuum.result_of(caught.value).text == FIRST

    asyncio.run(main())


def test_events_tell_every_decision_and_no_text() -> None:
    """structlog events: send, seam, wait and done, with the run's id, and never what was written."""
    with structlog.testing.capture_logs() as logs:
        result, _ = by_complete(SCRIPTS["outage between rounds"], FakeClock(), None)
    assert [entry["event"] for entry in logs] == ["send", "send", "wait", "send", "seam", "done"]
    assert {entry["run_id"] for entry in logs} == {result.run_id}
    assert "keeper" not in str(logs)
    assert logs[-1]["reason"] == "finished"


def test_text_is_logged_only_if_asked_for() -> None:
    """log_text=True puts removed text into the seam's event."""
    steps = [Reply(FIRST, "length"), Reply(FIRST[-43:] + SECOND)]
    with structlog.testing.capture_logs() as logs:
        by_complete(steps, FakeClock(), Policy(log_text=True))
    assert "lamp was cold" in str(logs)


QUOTES = "you wrote: the keeper's secret"  # what a provider says, and what it may quote


@pytest.mark.parametrize(
    ("steps", "last"),
    [
        ([Failure("rejected", QUOTES, 400)], ("done", "rejected", 400)),
        ([Failure("transient", QUOTES, 503)] * 2, ("wait", "transient", 503)),
        ([Reply(FIRST, "interrupted", failure=Failure("transient", QUOTES)), Reply(SECOND)], None),
    ],
    ids=["refused", "busy", "broken off"],
)
@pytest.mark.parametrize("log_text", [False, True])
def test_what_a_provider_says_is_logged_only_if_asked_for(
    steps: Steps, last: tuple[str, str, int] | None, log_text: bool
) -> None:
    """The kind of an error and its status always; its words, which may quote the prompt, with log_text=True."""
    with structlog.testing.capture_logs() as logs, contextlib.suppress(ProviderError):
        by_complete(steps, FakeClock(), Policy(log_text=log_text, max_retries=1))
    assert ("secret" in str(logs)) is log_text
    told = [(entry["event"], entry["reason"], entry.get("status_code")) for entry in logs if "reason" in entry]
    assert last is None or last in told


@pytest.mark.parametrize("log_text", [False, True])
def test_what_is_wrong_with_a_value_is_logged_only_if_asked_for(log_text: bool) -> None:
    """It may name a key that the model wrote."""
    client = ScriptedClient([Reply('{"secret": "x"}')] * 2)
    with structlog.testing.capture_logs() as logs:
        result = continuum.complete(client, policy=Policy(log_text=log_text), response_model=dict[str, int], **ASK)
    assert result.reason == "invalid"
    assert ("secret" in str(logs)) is log_text


def test_a_library_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    """An application that configured nothing sees nothing."""
    by_complete(SCRIPTS["outage between rounds"], FakeClock(), None)
    assert capfd.readouterr() == ("", "")


def test_a_script_that_is_too_short_or_too_long_fails() -> None:
    """The test double itself: too many and too few requests are both errors."""
    with pytest.raises(ScriptExhausted, match="request 2"):
        by_complete([Reply(FIRST, "length")], FakeClock(), None)
    _, client = by_complete([Reply(FIRST), Reply(SECOND)], FakeClock(), None)
    with pytest.raises(AssertionError, match="1 scripted answers"):
        client.assert_complete()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"messages": []}, "at least one message"),
        ({"messages": "hello"}, "pass a list"),
        ({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}, "assistant turn"),
        ({"max_tokens": 0}, "max_tokens=0"),
        ({"max_tokens": -5}, "max_tokens=-5"),
        ({"max_tokens": "many"}, "whole number"),
        ({"stream": True}, "use continuum.stream"),
        ({"model": ""}, "name the model"),
        ({"policy": {"max_rounds": 3}}, "expected a continuum.Policy"),
    ],
)
def test_bad_input_is_refused_before_any_request(change: dict[str, Any], says: str) -> None:
    """Arguments that can only fail are a ConfigurationError, and nothing is sent."""
    client = ScriptedClient([])
    with pytest.raises(continuum.ConfigurationError, match=says):
        continuum.complete(client, **{**ASK, **change})
    assert client.calls == []


def test_a_client_of_the_wrong_kind_says_which_function_fits() -> None:
    """A sync client in an async call, and something that is no client at all."""
    with pytest.raises(continuum.ConfigurationError, match="use complete"):
        continuum.astream(ScriptedClient([]), **ASK)
    with pytest.raises(continuum.ConfigurationError, match="use acomplete"):
        continuum.stream(AsyncScriptedClient([]), **ASK)
    with pytest.raises(continuum.ConfigurationError, match="not dict"):
        continuum.complete({}, **ASK)


def test_a_stream_is_not_read_past_the_deadline() -> None:
    """A reply that trickles in for ever ends at the deadline, with what had come."""
    clock = FakeClock()

    def slow() -> Any:
        for number in range(10_000):
            clock.advance(1.0)
            yield f"word{number} "

    class Slow(Reply):
        def stream(self) -> Any:
            return slow()

    client = ScriptedClient([Slow("never read to its end")])
    result = continuum.complete(client, policy=Policy(deadline=60.0), runtime=runtime(clock), **ASK)
    assert (result.reason, result.complete) == ("deadline", False)
    assert 58 <= result.text.count("word") <= 61


def test_an_endless_loop_is_not_read_to_its_end() -> None:
    """A model that says one passage for ever is cut off in the middle of its reply, and billed for no more of it."""
    read = 0

    class Loop(Reply):
        def stream(self) -> Any:
            nonlocal read
            yield "It began well. "
            for _ in range(100_000):
                read += 1
                yield "And the sea went on and on. "

    result = continuum.complete(ScriptedClient([Loop("")]), **ASK)
    assert result.reason == "repetition"
    assert result.text.startswith("It began well. And the sea")
    assert len(result.text) < 800
    assert read < 1000
