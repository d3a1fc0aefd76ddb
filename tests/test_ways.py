"""Every way of calling the library, through the real SDKs over HTTP: the same requests, answers and accounts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

import anyio
import openai
import pytest

import continuum
from continuum import JobResult, Policy, Result
from continuum.testing import FakeClock, SimulatedProvider, sample_documents

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MESSAGES = [{"role": "user", "content": "Write it."}]
JSON = {"response_format": {"type": "json_object"}}
ROWS = ", ".join(f'{{"row": {number}, "name": "bark {number}"}}' for number in range(40))


@dataclass(frozen=True)
class Case:
    """What a provider says, and what is asked for."""

    text: str
    reason: str
    ask: dict[str, Any]
    how: dict[str, Any]


ESSAY = sample_documents()["essay"]
CASES = {
    "text": Case(ESSAY, "finished", {"max_tokens": 200}, {"behaviours": ["overlap:40", "preamble"]}),
    "a broken stream": Case(ESSAY, "finished", {"max_tokens": 400}, {"faults": ["ok", "drop:20"]}),
    "a ceiling": Case(ESSAY, "max_rounds", {"max_tokens": 50}, {}),
    "json": Case(f'{{"rows": [{ROWS}]}}', "finished", {"max_tokens": 200, **JSON}, {}),
    "no json": Case(f'{{"rows": [{ROWS}], oops}}', "invalid", {"max_tokens": 200, **JSON}, {}),
}
POLICY = Policy(max_rounds=9)


def _account(result: Result | JobResult) -> dict[str, Any]:
    names = ("text", "complete", "reason", "rounds", "usage")
    return {**{name: getattr(result, name) for name in names}, "seams": [asdict(seam) for seam in result.seams]}


def _complete(server: SimulatedProvider, **ask: Any) -> Any:
    with openai.OpenAI(base_url=server.openai_base_url, api_key="none") as client:
        return continuum.complete(client, policy=POLICY, runtime=FakeClock().runtime, messages=MESSAGES, **ask)


def _stream(server: SimulatedProvider, **ask: Any) -> Any:
    with openai.OpenAI(base_url=server.openai_base_url, api_key="none") as client:
        events = list(continuum.stream(client, policy=POLICY, runtime=FakeClock().runtime, messages=MESSAGES, **ask))
    assert events[-1].result is not None
    assert "".join(event.text for event in events) == events[-1].result.text
    return events[-1].result


def _wrap(server: SimulatedProvider, **ask: Any) -> Any:
    with openai.OpenAI(base_url=server.openai_base_url, api_key="none") as client:
        whole = continuum.wrap(client, policy=POLICY, runtime=FakeClock().runtime)
        made = whole.chat.completions.create(messages=MESSAGES, **ask)  # type: ignore[arg-type]
    result = continuum.result_of(made)
    assert made.choices[0].message.content == result.text
    assert made.choices[0].finish_reason == ("stop" if result.complete else "length")
    return result


def _wrap_stream(server: SimulatedProvider, **ask: Any) -> Any:
    with openai.OpenAI(base_url=server.openai_base_url, api_key="none") as client:
        whole = continuum.wrap(client, policy=POLICY, runtime=FakeClock().runtime)
        stream: Any = whole.chat.completions.create(messages=MESSAGES, stream=True, **ask)  # type: ignore[arg-type]
        chunks = list(stream)
    result = continuum.result_of(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == result.text
    return result


def _async(way: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    def run(server: SimulatedProvider, **ask: Any) -> Any:
        async def whole() -> Any:
            async with openai.AsyncOpenAI(base_url=server.openai_base_url, api_key="none") as client:
                return await way(client, **ask)

        return anyio.run(whole)

    return run


async def _acomplete(client: Any, **ask: Any) -> Any:
    return await continuum.acomplete(client, policy=POLICY, runtime=FakeClock().runtime, messages=MESSAGES, **ask)


async def _astream(client: Any, **ask: Any) -> Any:
    events = continuum.astream(client, policy=POLICY, runtime=FakeClock().runtime, messages=MESSAGES, **ask)
    async with events:
        text = "".join([event.text async for event in events])
    assert text == events.result.text
    return events.result


async def _arun_batch(client: Any, **ask: Any) -> Any:
    jobs = [{"id": "a", "messages": MESSAGES}]
    report = await continuum.arun_batch(jobs, client=client, policy=POLICY, runtime=FakeClock().runtime, **ask)
    (result,) = report.results()
    return result


WAYS = {
    "stream": _stream,
    "wrap": _wrap,
    "wrap, stream": _wrap_stream,
    "acomplete": _async(_acomplete),
    "astream": _async(_astream),
    "arun_batch": _async(_arun_batch),
}


def _ask(case: Case, way: Callable[..., Any]) -> tuple[Any, list[Any]]:
    """The result, and the messages of every request."""
    with SimulatedProvider(case.text, **case.how) as server:
        result = way(server, model="any-model", **case.ask)
        return result, [request.body["messages"] for request in server.requests]


@pytest.fixture(params=CASES, name="case")
def _case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def test_every_way_gives_the_same_account(case: Case) -> None:
    """3, 7: same text, seams, reason and usage, after the same requests."""
    first, asked = _ask(case, _complete)
    assert first.reason == case.reason
    for name, way in WAYS.items():
        result, requests = _ask(case, way)
        assert _account(result) == _account(first), name
        assert requests == asked, name


@pytest.mark.parametrize("how", ["invoke", "stream"])
def test_a_chat_model_gives_the_same_account(case: Case, how: str) -> None:
    """3, 7: LangChain's, too, whose requests say beside the messages what the integration adds."""
    from langchain_openai import ChatOpenAI

    from continuum.langchain import ContinuumChatModel

    def ask(server: SimulatedProvider, model: str, max_tokens: int, **bound: Any) -> Any:
        inner: Any = ChatOpenAI
        inner = inner(model=model, max_tokens=max_tokens, base_url=server.openai_base_url, api_key="none")
        whole: Any = ContinuumChatModel(model=inner, policy=POLICY, runtime=FakeClock().runtime).bind(**bound)
        return whole.invoke("Write it.") if how == "invoke" else reduce(add, whole.stream("Write it."))

    first, asked = _ask(case, _complete)
    message, requests = _ask(case, ask)
    account = message.response_metadata["continuum"]
    assert message.text == first.text
    for name in ("complete", "reason", "rounds"):
        assert account[name] == getattr(first, name)
    assert [seam["note"] for seam in account["seams"]] == [seam.note for seam in first.seams]
    assert message.usage_metadata["output_tokens"] == first.usage.output_tokens
    assert requests == asked
