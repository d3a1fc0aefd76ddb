"""A simulated provider for tests, demonstrations and benchmarks: a real HTTP server on the loopback.

::

    from continuum.testing import SimulatedProvider
    from openai import OpenAI

    with SimulatedProvider("A long text …", behaviours=["overlap:40", "preamble"], faults=["429:0.1"]) as server:
        client = OpenAI(base_url=server.openai_base_url, api_key="test")
        client.chat.completions.create(
            model="any", messages=[{"role": "user", "content": "Write."}], max_tokens=50
        )

It speaks OpenAI Chat Completions, OpenAI Responses, Anthropic Messages and Google Gemini, streamed and whole; all but
Gemini in batches as well. `Behaviour` says how it can answer, well or badly, and which faults it knows. The names are
loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from continuum.testing.batches import BatchSpec
    from continuum.testing.behaviours import Behaviour
    from continuum.testing.chat import RequestInfo
    from continuum.testing.clock import FakeClock
    from continuum.testing.documents import sample_documents
    from continuum.testing.limits import RateLimitSpec
    from continuum.testing.local_model import LocalModel
    from continuum.testing.scripted import AsyncScriptedClient, Reply, ScriptedClient
    from continuum.testing.server import SimulatedProvider
    from continuum.testing.tokens import count_tokens, tokenize

__all__ = [
    "AsyncScriptedClient",
    "BatchSpec",
    "Behaviour",
    "FakeClock",
    "LocalModel",
    "RateLimitSpec",
    "Reply",
    "RequestInfo",
    "ScriptedClient",
    "SimulatedProvider",
    "count_tokens",
    "sample_documents",
    "tokenize",
]

_HOMES = {
    "BatchSpec": "batches",
    "Behaviour": "behaviours",
    "FakeClock": "clock",
    "LocalModel": "local_model",
    "RateLimitSpec": "limits",
    "RequestInfo": "chat",
    "AsyncScriptedClient": "scripted",
    "Reply": "scripted",
    "ScriptedClient": "scripted",
    "SimulatedProvider": "server",
    "count_tokens": "tokens",
    "sample_documents": "documents",
    "tokenize": "tokens",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
