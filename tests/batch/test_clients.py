"""Batches on each kind of client that `arun_batch` says it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

import continuum
from continuum import Policy
from continuum.testing import SimulatedProvider, sample_documents
from continuum.testing.scripted import AsyncScriptedClient, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

ESSAY = sample_documents()["essay"]
JOBS = [{"id": f"a{number}", "prompt": "Write it."} for number in range(3)]
ASK: dict[str, Any] = {"model": "any-model", "max_tokens": 300, "policy": Policy(max_retries=0)}


def _gemini(server: SimulatedProvider) -> Any:
    genai = pytest.importorskip("google.genai", reason="google-genai is an extra, and is not installed")
    return genai.Client(api_key="none", http_options={"base_url": server.gemini_base_url})


# LiteLLM's are in tests/test_litellm.py.
CLIENTS: dict[str, Callable[[SimulatedProvider], Any]] = {
    "openai": lambda server: AsyncOpenAI(base_url=server.openai_base_url, api_key="none"),
    "anthropic": lambda server: AsyncAnthropic(base_url=server.anthropic_base_url, api_key="none"),
    "wrapped": lambda server: continuum.wrap(AsyncOpenAI(base_url=server.openai_base_url, api_key="none")),
    "gemini": _gemini,
    "gemini, async": lambda server: _gemini(server).aio,
    "scripted": lambda server: AsyncScriptedClient(lambda send: Reply(ESSAY)),
}


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_batch_is_drafted(kind: str) -> None:
    """Complete, with the usage that the provider counted; and the client is closed."""
    with SimulatedProvider(ESSAY) as server:
        report = continuum.run_batch(JOBS, client=CLIENTS[kind](server), **ASK)
    assert report.complete
    assert [result.text for result in report.results()] == [ESSAY] * len(JOBS)
    assert report.summary.output_tokens > 0


def test_messages_become_contents() -> None:
    """Roles, parts, the system prompt and the cap are where Google's SDK has them; its own form stays as it is."""
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": [{"type": "text", "text": "Hello!"}]},
        {"role": "model", "parts": [{"text": "What now?"}]},
        {"role": "user", "content": [{"type": "text", "text": "Write it."}, {"text": "Now."}]},
    ]
    jobs = [{"id": "a", "messages": messages, "params": {"config": {"temperature": 0.5}}}]
    with SimulatedProvider(ESSAY) as server:
        report = continuum.run_batch(jobs, client=_gemini(server), **{**ASK, "max_tokens": 4000})
        (request,) = server.requests
    assert report.complete, list(report.results())
    said = [(content["role"], [part["text"] for part in content["parts"]]) for content in request.body["contents"]]
    assert said == [
        ("user", ["Hello."]), ("model", ["Hello!"]), ("model", ["What now?"]), ("user", ["Write it.", "Now."])
    ]  # fmt: skip
    assert "Be brief." in str(request.body["systemInstruction"])
    config = request.body["generationConfig"]
    assert (config["temperature"], config["maxOutputTokens"]) == (0.5, 4000)
