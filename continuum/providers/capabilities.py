"""Which servers can continue an assistant turn in place, and what they want to be told.

In-place continuation (prefill) is an allow-list, because most current models refuse it: a server that is not in the
table is asked with a user turn. A refusal is remembered per (base_url, model) for the life of the process.
The facts come from the providers' documentation and from probes of the servers themselves.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from continuum._core.dialect import Dialect
from continuum._core.errors import ConfigurationError

if TYPE_CHECKING:
    from continuum._core.types import FinishReason


WORDS: dict[str, FinishReason] = {
    "stop": "stop", "end_turn": "stop", "stop_sequence": "stop", "completed": "stop", "complete": "stop",
    "eos": "stop", "eos_token": "stop",
    "length": "length", "max_tokens": "length", "max_output_tokens": "length", "max_length": "length",
    "tool_calls": "tool_calls", "function_call": "tool_calls", "tool_use": "tool_calls", "tool_call": "tool_calls",
    "content_filter": "content_filter", "content_filtered": "content_filter", "guardrail_intervened": "content_filter",
    "safety": "content_filter", "recitation": "content_filter", "blocklist": "content_filter",
    "prohibited_content": "content_filter", "spii": "content_filter", "sensitive": "content_filter",
    "refusal": "refusal",
    "model_context_window_exceeded": "context_window", "model_length": "context_window",
    "insufficient_system_resource": "interrupted", "failed": "interrupted", "error": "interrupted",
    "abort": "interrupted", "aborted": "interrupted", "network_error": "interrupted",
    # A pause is not an end: `Response.suspended` says so.
    "pause_turn": "interrupted", "compaction": "interrupted",
}  # fmt: skip
"""How all providers say why a generation ended, in lower case: servers and gateways pass each other's words on."""


_OPEN_ENDED: dict[str, Any] = {"continue_final_message": True, "add_generation_prompt": False}

DIALECTS: tuple[Dialect, ...] = (
    Dialect("openai", where=r"^api\.openai\.com|\.openai\.azure\.com|\.cognitiveservices\.azure\.com", billed=True),
    # Models, wherever they are served.
    Dialect("claude-4.5", model=r"claude-(opus|sonnet|haiku)-4-5", billed=True, in_place=True, strips=True),
    # Newer Gemini models answer 400 to a trailing model turn. The same models behind the OpenAI-compatible address.
    Dialect("gemini", model=r"gemini-(1\.|2\.|3-|3\.1-)|gemini-pro-latest", billed=True, in_place=True),
    # DeepSeek thinks by default, and then wants reasoning on every assistant turn; a continuation needs none.
    Dialect(
        "deepseek",
        where=r"^api\.deepseek\.com/beta",
        billed=True,
        in_place=True,
        message={"prefix": True},
        later={"thinking": {"type": "disabled"}},
        words={"insufficient_system_resource": "interrupted"},
    ),
    Dialect(  # the address without prefix completion
        "deepseek-v1",
        where=r"^api\.deepseek\.com",
        billed=True,
        later={"thinking": {"type": "disabled"}},
        words={"insufficient_system_resource": "interrupted"},
    ),
    Dialect(
        "mistral",
        where=r"^api\.mistral\.ai|\.mistral\.ai",
        billed=True,
        in_place=True,
        message={"prefix": True},
        words={"model_length": "context_window", "error": "interrupted"},
        window="max_context_length",
    ),
    # Partial mode exists without thinking only.
    Dialect(
        "qwen",
        where=r"dashscope[\w.-]*\.aliyuncs\.com",
        billed=True,
        in_place=True,
        message={"partial": True},
        body={"enable_thinking": False},
    ),
    Dialect("kimi", where=r"^api\.moonshot\.(ai|cn)", billed=True, in_place=True, message={"partial": True}),
    Dialect("groq", where=r"^api\.groq\.com", billed=True, in_place=True, window="context_window"),
    # Passes a trailing assistant turn on to providers that mostly refuse it; `native_finish_reason` has their own word.
    Dialect("openrouter", where=r"^openrouter\.ai", billed=True, words={"error": "interrupted"}),
    Dialect("together", where=r"^api\.together\.(xyz|ai)", billed=True, words={"eos": "stop"}),
    Dialect("fireworks", where=r"^api\.fireworks\.ai", billed=True, words={"error": "interrupted"}),
    # Servers that run anywhere. The first ones tell who they are in their replies, the others only by name.
    Dialect("llama.cpp", fingerprint=r"^b\d+-(unknown|[0-9a-f]{7,})$", in_place=True, short_means_full=True),
    Dialect("ollama", fingerprint=r"^fp_ollama", short_means_full=True),
    Dialect("vllm", in_place=True, body=_OPEN_ENDED, words={"abort": "interrupted"}, window="max_model_len"),
    Dialect(
        "sglang",
        in_place=True,
        body={"continue_final_message": True},
        words={"abort": "interrupted"},
        window="max_model_len",
    ),
    Dialect(
        "tgi",
        in_place=True,
        body={"continue_final_message": True},
        words={"eos_token": "stop", "stop_sequence": "stop"},
    ),
    Dialect("lmdeploy", in_place=True),
)
"""The first row that matches is the server's. `Policy.dialect` names one, or is a `Dialect` of the caller's own."""

GENERIC = Dialect("generic")
"""A server that the table does not know: asked with a user turn."""


def known(name: str, own: str | Dialect | None = None) -> Dialect | None:
    """The row with this name, None if there is none; `own`: what the policy says."""
    rows = (own, *DIALECTS) if isinstance(own, Dialect) else DIALECTS
    return next((dialect for dialect in rows if dialect.name == name), None)


def named(name: str) -> Dialect:
    """The row with this name.

    Raises:
        ConfigurationError: if there is none.
    """
    row = known(name)
    if row is None:
        raise ConfigurationError(f"unknown dialect {name!r}; the known ones are {[d.name for d in DIALECTS]}")
    return row


def find(base_url: str, model: str, fingerprint: str | None = None, *, own: str | Dialect | None = None) -> Dialect:
    """The row for a server, `GENERIC` if none matches.

    Args:
        base_url: of the client.
        model: as the caller named it.
        fingerprint: `system_fingerprint` of a reply, if one has come.
        own: what the policy says of the server.

    Raises:
        ConfigurationError: if the policy names a row that is not there.
    """
    if isinstance(own, str):
        return named(own)
    if own is not None and not own.patterns:
        return own
    parts = urlsplit(base_url)
    place = f"{parts.hostname or ''}{parts.path}"
    for dialect in DIALECTS if own is None else (own, *DIALECTS):
        if (
            (dialect.where and re.search(dialect.where, place))
            or (dialect.model and re.search(dialect.model, model))
            or (dialect.fingerprint and fingerprint and re.search(dialect.fingerprint, fingerprint))
        ):
            return dialect
    return GENERIC


class Refusals:
    """Remembers which (base_url, model) refused something."""

    def __init__(self) -> None:
        self._known: set[tuple[str, str]] = set()

    def add(self, base_url: str, model: str) -> None:
        """This server refused."""
        self._known.add((base_url, model))

    def __contains__(self, server: tuple[str, str]) -> bool:
        return server in self._known

    def clear(self) -> None:
        """Forget everything."""
        self._known.clear()


REFUSALS = Refusals()
"""Who refused a prefill, as far as this process has learnt."""
UNSTREAMED = Refusals()
"""Who refused a stream, likewise, and to whom: it is for an organisation that OpenAI refuses one."""
