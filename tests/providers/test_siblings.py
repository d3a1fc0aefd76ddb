"""Clients that the SDKs bring for other places: Azure's OpenAI, and Claude on Bedrock and Vertex, over HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from openai import AzureOpenAI

import continuum
from continuum.testing import SimulatedProvider, sample_documents

if TYPE_CHECKING:
    from collections.abc import Mapping

ESSAY = sample_documents()["essay"]
ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "Write it."}], "max_tokens": 300}


class Through(httpx2.BaseTransport):
    """Takes every request to a path of the simulated provider, and remembers where it was meant to go."""

    def __init__(self, server: SimulatedProvider, path: str, headers: Mapping[str, str]) -> None:
        self._url, self._path, self._more = httpx2.URL(server.base_url), path, dict(headers)
        self._inner = httpx2.HTTPTransport()
        self.asked: list[httpx2.URL] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request.url)
        # Vertex has the model's name in the address.
        body = {"model": request.url.path, **json.loads(request.read())}
        sent = httpx2.Request("POST", self._url.copy_with(path=self._path), headers=self._more, json=body)
        return self._inner.handle_request(sent)

    def close(self) -> None:
        self._inner.close()


def test_azure() -> None:
    """Its client is known by its address, asks for the deployment each time, and takes the filter's words."""
    with SimulatedProvider(ESSAY, dialect="openai") as server:
        way = Through(server, "/v1/chat/completions", {})
        with AzureOpenAI(
            azure_endpoint="https://me.openai.azure.com",
            api_key="none",
            api_version="2026-09-01",
            http_client=httpx2.Client(transport=way),
        ) as client:
            result = continuum.complete(client, model="my-deployment", **ASK)
            wrapped = continuum.wrap(client).chat.completions.create(model="my-deployment", **ASK)
    assert result.text == wrapped.choices[0].message.content == ESSAY
    assert {url.path for url in way.asked} == {"/openai/deployments/my-deployment/chat/completions"}
    assert all(url.host == "me.openai.azure.com" for url in way.asked)
    assert server.requests[1].body["messages"][-1]["role"] == "user"
    assert len(server.requests[-1].body["messages"]) == 3  # prompts are billed: one turn for all of the text


def _vertex(way: Through) -> Any:
    from anthropic import AnthropicVertex

    return AnthropicVertex(
        project_id="p", region="europe-west1", access_token="none", http_client=httpx2.Client(transport=way)
    )


def _bedrock(way: Through) -> Any:
    from anthropic import AnthropicBedrockMantle

    return AnthropicBedrockMantle(aws_region="eu-west-1", api_key="none", http_client=httpx2.Client(transport=way))


@pytest.mark.parametrize("make", [_vertex, _bedrock], ids=["vertex", "bedrock"])
def test_claude_elsewhere(make: Any) -> None:
    """The siblings of `Anthropic` are driven as they are, without what only Anthropic's own API knows."""
    with SimulatedProvider(ESSAY) as server:
        way = Through(server, "/v1/messages", {"anthropic-version": "2023-06-01"})
        with make(way) as client:
            result = continuum.complete(client, policy=continuum.Policy(stream=False), model="claude-sim", **ASK)
    assert result.text == ESSAY
    assert all("127.0.0.1" not in url.host for url in way.asked)
    assert not any("cache_control" in str(request.body) for request in server.requests)
