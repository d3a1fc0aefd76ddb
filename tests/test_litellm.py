"""LiteLLM as a transport: the module and a `Router`, over HTTP, against the simulated provider.

LiteLLM is not among the test dependencies, because a release of it may want other versions of what continuum needs:
`pip install 'continuum-llm[litellm]'` and run this file.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import pytest

import continuum
from continuum.testing import FakeClock, SimulatedProvider, sample_documents

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # it fetches a price list at import otherwise
if TYPE_CHECKING:
    litellm: Any = None
else:
    litellm = pytest.importorskip(
        "litellm", reason="NOT TESTED: litellm is not installed; pip install 'continuum-llm[litellm]'"
    )

pytestmark = [  # what LiteLLM itself warns of
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ESSAY = sample_documents()["essay"]
KINDS = ["openai", "anthropic"]


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litellm, "suppress_debug_info", True)


def request(server: SimulatedProvider, kind: str = "openai", **more: Any) -> dict[str, Any]:
    base = server.openai_base_url if kind == "openai" else server.anthropic_base_url
    messages = [{"role": "user", "content": "Write it."}]
    return {
        "model": f"{kind}/any", "api_base": base, "api_key": "none", "messages": messages, "max_tokens": 200, **more
    }  # fmt: skip


def router(server: SimulatedProvider, **more: Any) -> Any:
    place = {"model": "openai/any", "api_base": server.openai_base_url, "api_key": "none", **more}
    return litellm.Router(model_list=[{"model_name": "writer", "litellm_params": place}], num_retries=3)


ROUTED = {"model": "writer", "messages": [{"role": "user", "content": "Write it."}], "max_tokens": 200}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_the_module_answers_whole(kind: str, stream: bool) -> None:
    """complete, stream and their async twins, through both of LiteLLM's ways to ask."""
    policy = continuum.Policy(stream=stream)
    with SimulatedProvider(ESSAY, behaviours=["overlap:40", "preamble"]) as server:
        result = continuum.complete(litellm, policy=policy, **request(server, kind))
        server.reset()
        *_, last = continuum.stream(litellm, policy=policy, **request(server, kind))
        server.reset()
        other = asyncio.run(continuum.acomplete(litellm, policy=policy, **request(server, kind)))
    assert result.complete
    assert result.text == ESSAY
    assert type(result.raw).__name__ == "ModelResponse"
    assert result.raw.choices[0].message.content == ESSAY
    assert result.raw.usage.completion_tokens == result.usage.output_tokens > 1000
    assert last.result is not None
    assert last.result.text == other.text == ESSAY
    assert last.result.usage == other.usage == result.usage
    assert not result.usage.estimated


def test_a_router_answers_whole() -> None:
    """Its groups are the models."""
    with SimulatedProvider(ESSAY) as server:
        assert continuum.complete(router(server), **ROUTED).text == ESSAY
        assert asyncio.run(continuum.acomplete(router(server), **ROUTED)).text == ESSAY


@pytest.mark.parametrize("whose", ["module", "router"])
def test_retries_are_ours(whose: str) -> None:
    """One request per try, whatever LiteLLM was told elsewhere. A router may rest a place that fails: then fewer."""
    with SimulatedProvider(ESSAY, faults=["status:503"] * 40) as server:
        client = litellm if whose == "module" else router(server, max_retries=4)
        asked = request(server, num_retries=5) if whose == "module" else ROUTED
        policy = continuum.Policy(max_retries=2)
        with pytest.raises(continuum.ProviderError) as caught:
            continuum.complete(client, policy=policy, runtime=FakeClock().runtime, **asked)
        assert len(server.requests) == 3 if whose == "module" else 1 <= len(server.requests) <= 3
    assert caught.value.result is not None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", ["drop:20", "silent_end:20", "error_event:20", "reset:20"])
def test_a_stream_that_breaks_is_gone_on_with(kind: str, fault: str) -> None:
    """What had come is kept."""
    with SimulatedProvider(ESSAY, faults=[fault]) as server:
        result = continuum.complete(litellm, runtime=FakeClock().runtime, **request(server, kind))
    assert result.text == ESSAY
    assert result.segments[0].finish_reason == "interrupted"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("quota", continuum.QuotaError),
        ("status:401", continuum.RejectedError),
        ("status:402", continuum.QuotaError),
        ("status:404", continuum.RejectedError),
        ("429:900", continuum.RateLimitedError),
    ],
)
def test_exceptions_become_facts(kind: str, fault: str, error: type[Exception]) -> None:
    """What no wait cures is not waited for."""
    with SimulatedProvider(ESSAY, faults=[fault] * 9) as server:
        with pytest.raises(error):
            continuum.complete(litellm, runtime=FakeClock().runtime, **request(server, kind))
        assert len(server.requests) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_rate_limit_is_waited_out(kind: str) -> None:
    """For as long as the provider says."""
    clock = FakeClock()
    with SimulatedProvider(ESSAY, faults=["429:7"]) as server:
        assert continuum.complete(litellm, runtime=clock.runtime, **request(server, kind)).complete
    assert clock.sleeps[0] >= 7


@pytest.mark.parametrize("stream", [True, False])
def test_an_unknown_finish_reason_is_not_success(stream: bool) -> None:
    """LiteLLM calls every word that it does not know `stop`; the provider's own word decides."""
    for word, reason in (("odd", "unknown"), ("eos", "stop"), ("model_length", "context_window")):
        with SimulatedProvider("All of it.", behaviours=[f"unknown_finish:{word}@0"]) as server:
            result = continuum.complete(litellm, policy=continuum.Policy(stream=stream), **request(server))
        assert (result.finish_reason, result.raw_finish_reason) == (reason, word)
        assert result.complete is (reason == "stop")


def test_in_place_and_learning_that_it_is_refused() -> None:
    """Claude 4.5 behind LiteLLM is gone on with in place, until it refuses."""
    with SimulatedProvider(ESSAY, prefill="continue") as server:
        result = continuum.complete(litellm, **request(server, "anthropic", model="anthropic/claude-opus-4-5"))
        assert result.text == ESSAY
        assert {seam.kind for seam in result.seams} == {"exact"}
    with SimulatedProvider(ESSAY, prefill="refuse") as server:
        result = continuum.complete(litellm, **request(server, "anthropic", model="anthropic/claude-opus-4-5"))
        assert result.text == ESSAY
        assert {seam.kind for seam in result.seams} == {"anchor"}


@pytest.mark.parametrize("whose", ["module", "router"])
def test_wrapped(whose: str) -> None:
    """LiteLLM's own types back, whole; what is not about answers is as it was."""

    async def twins(client: Any, asked: dict[str, Any]) -> tuple[str, str]:
        answer = await client.acompletion(**asked)
        stream = await client.acompletion(stream=True, **asked)
        return answer.choices[0].message.content, "".join([c.choices[0].delta.content or "" async for c in stream])

    with SimulatedProvider(ESSAY) as server:
        plain = litellm if whose == "module" else router(server)
        asked = request(server) if whose == "module" else dict(ROUTED)
        client = continuum.wrap(plain)
        answer = client.completion(**asked)
        chunks = list(client.completion(stream=True, **asked))
        model, messages = asked.pop("model"), asked.pop("messages")
        placed = client.completion(model, messages, **asked)
        both = asyncio.run(twins(client, {**asked, "model": model, "messages": messages}))
    assert type(answer) is litellm.ModelResponse
    assert answer.choices[0].message.content == placed.choices[0].message.content == ESSAY
    assert continuum.result_of(answer).rounds > 3
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == ESSAY
    assert {type(chunk).__name__ for chunk in chunks} == {"ModelResponseStream"}
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert both == (ESSAY, ESSAY)
    assert client.completion is not plain.completion
    if whose == "module":
        assert client.token_counter is litellm.token_counter


def test_a_batch() -> None:
    """Every job through a router's `acompletion`."""
    documents = sample_documents()
    jobs = [continuum.Job(id=name, prompt=f"Write [doc:{name}].") for name in ("essay", "guide")]

    async def main(server: SimulatedProvider) -> dict[str, str]:
        report = await continuum.arun_batch(jobs, client=router(server), model="writer", max_tokens=300)
        with pytest.raises(continuum.ConfigurationError, match="written to the journal"):
            await continuum.arun_batch(jobs, client=litellm, model="openai/any", api_key="secret")
        return {result.id: result.text for result in report.results()}

    with SimulatedProvider(documents) as server:
        assert asyncio.run(main(server)) == {job.id: documents[job.id] for job in jobs}
        report = continuum.run_batch(jobs, client=router(server), model="writer", max_tokens=300)
    assert report.complete


def test_tool_calls_come_through() -> None:
    """As LiteLLM shows them; a cut one says `length`."""
    for behaviour, finish in (("tool_call@0", "tool_calls"), ("cut_tool_call@0", "length")):
        with SimulatedProvider("Done.", behaviours=[behaviour]) as server:
            tools = [{"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}}]
            result = continuum.complete(litellm, **request(server, tools=tools))
        assert len(result.raw.choices[0].message.tool_calls or ()) == 1
        assert result.raw.choices[0].finish_reason == finish
        assert result.complete is (finish == "tool_calls")
