"""Exceptions become facts, once, at the edge: every class of both SDKs has a mapping."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2
import openai
import pytest

from continuum._core.types import RateLimit
from continuum.providers import capabilities, errors

if TYPE_CHECKING:
    from types import ModuleType

REQUEST = httpx2.Request("POST", "http://127.0.0.1/")
both = pytest.mark.parametrize("sdk", [openai, anthropic], ids=["openai", "anthropic"])


def status_error(
    sdk: ModuleType, status: int, body: Any = None, headers: dict[str, str] | None = None, message: str = "it broke"
) -> Exception:
    response = httpx2.Response(status, request=REQUEST, headers=headers or {}, json=body)
    client = sdk.OpenAI(api_key="k") if sdk is openai else sdk.Anthropic(api_key="k")
    error: Exception = client._make_status_error(message, body=body, response=response)
    client.close()
    return error


@both
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "rejected"), (401, "rejected"), (402, "quota"), (403, "rejected"), (404, "rejected"),
        (408, "transient"), (409, "transient"), (413, "rejected"), (422, "rejected"), (429, "rate_limited"),
        (500, "transient"), (502, "transient"), (503, "transient"), (504, "transient"), (529, "transient"),
    ],
)  # fmt: skip
def test_every_status_has_a_kind(sdk: ModuleType, status: int, kind: str) -> None:
    """The status decides, whatever class the SDK gives it."""
    failure = errors.describe(status_error(sdk, status), sdk)
    assert (failure.kind, failure.status_code) == (kind, status)


@both
def test_every_exception_class_of_the_sdk_is_caught(sdk: ModuleType) -> None:
    """No class of the SDK that stands for the provider or the network slips past as a bug."""
    catch = errors.catchable(sdk)
    for name in dir(sdk):
        thing = getattr(sdk, name)
        if isinstance(thing, type) and issubclass(thing, sdk.APIError):
            assert issubclass(thing, catch), name


@both
@pytest.mark.parametrize(
    "error",
    [
        httpx2.RemoteProtocolError("peer closed connection"),
        httpx2.ReadTimeout("silence"),
        httpx2.ConnectError("refused"),
        httpx2.StreamClosed(),
        json.JSONDecodeError("Expecting value", "{", 1),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_breaks_a_stream_is_transient(sdk: ModuleType, error: Exception) -> None:
    """Raw transport errors and chunks that are no JSON, as both SDKs let them through."""
    assert isinstance(error, errors.catchable(sdk))
    assert errors.describe(error, sdk).kind == "transient"


@both
def test_connection_errors_are_transient(sdk: ModuleType) -> None:
    """The SDK's own connection and timeout errors."""
    assert errors.describe(sdk.APIConnectionError(request=REQUEST), sdk).kind == "transient"
    assert errors.describe(sdk.APITimeoutError(REQUEST), sdk).kind == "transient"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("insufficient_quota", "quota"),
        ("rate_limit_exceeded", "rate_limited"),
        ("server_error", "transient"),
        (502, "transient"),
        (429, "rate_limited"),
        ("who_knows", "transient"),
    ],
)
def test_openai_error_events_in_a_stream(code: object, kind: str) -> None:
    """A bare APIError without a status, told by its code."""
    error = openai.APIError("mid-stream", REQUEST, body={"code": code, "message": "mid-stream"})
    assert errors.describe(error, openai).kind == kind


@pytest.mark.parametrize(
    ("kind_of_error", "kind"),
    [
        ("overloaded_error", "transient"),
        ("api_error", "transient"),
        ("rate_limit_error", "rate_limited"),
        ("invalid_request_error", "rejected"),
    ],
)
def test_anthropic_error_events_in_a_stream(kind_of_error: str, kind: str) -> None:
    """The SDK shows the 200 of the stream; the type in the body decides."""
    body = {"type": "error", "error": {"type": kind_of_error, "message": "mid-stream"}}
    response = httpx2.Response(200, request=REQUEST)
    error = anthropic.APIStatusError("mid-stream", response=response, body=body)
    assert errors.describe(error, anthropic).kind == kind


def test_limits_that_no_wait_cures() -> None:
    """A 429 for a quota or a spend limit is not a rate limit."""
    quota = {"error": {"code": "insufficient_quota", "type": "insufficient_quota", "message": "x"}}
    assert errors.describe(status_error(openai, 429, quota["error"]), openai).kind == "quota"
    spend = {
        "type": "error",
        "error": {
            "type": "rate_limit_error", "message": "x", "details": {"error_code": "enforced_spend_limit_reached"}
        },
    }  # fmt: skip
    assert errors.describe(status_error(anthropic, 429, spend), anthropic).kind == "quota"


@pytest.mark.parametrize(
    "text",
    [
        "This model does not support assistant message prefill. The conversation must end with a user message.",
        "Prefilling assistant messages is not supported for this model.",
        "Requests ending with a model turn are not supported.",
        "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant",
        "Assistant response prefill is incompatible with enable_thinking.",
        "the last message must be a user or tool message",
    ],
)
@both
def test_the_ways_of_refusing_a_prefill(sdk: ModuleType, text: str) -> None:
    """No provider has a code for it, so these messages are known by heart."""
    assert errors.describe(status_error(sdk, 400, {"error": {"message": text}}, message=text), sdk).kind == (
        "prefill_refused"
    )


@pytest.mark.parametrize(
    ("body", "window"),
    [
        ({"error": {"code": "context_length_exceeded", "message": "x"}}, None),
        ({"error": {"type": "exceed_context_size_error", "message": "x", "n_ctx": 512}}, 512),
        ({"error": {"message": "prompt is too long: 210000 tokens > 200000 maximum"}}, 200_000),
        ({"error": {"message": "This model's maximum context length is 8,192 tokens. However, …"}}, 8192),
        ({"error": {"message": "the rendered prompt is 631 tokens; the model context is 400 — shorten it"}}, 400),
    ],
)
@both
def test_the_ways_of_saying_that_the_window_is_full(sdk: ModuleType, body: dict[str, Any], window: int | None) -> None:
    """By code where there is one, by message where there is none; and how large it is, if that is said."""
    message = body["error"]["message"]
    failure = errors.describe(status_error(sdk, 400, body, message=message), sdk)
    assert (failure.kind, failure.window) == ("context_window", window)


def test_retry_after_in_every_form() -> None:
    """Milliseconds first, then seconds, then an HTTP date; nonsense is no answer."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert errors.retry_after({"retry-after-ms": "250", "retry-after": "9"}) == 0.25
    assert errors.retry_after({"retry-after": "9"}) == 9.0
    assert errors.retry_after({"retry-after": "1.5"}) == 1.5
    assert 25 < (errors.retry_after({"retry-after": soon}) or 0) <= 30
    assert errors.retry_after({"retry-after": "-4"}) == 0.0
    assert errors.retry_after({"retry-after": "soon"}) is None
    assert errors.retry_after({}) is None


def test_should_retry_is_read() -> None:
    """x-should-retry, true, false or absent."""
    for value, expected in (("true", True), ("false", False), (None, None)):
        headers = {"x-should-retry": value} if value else {}
        assert errors.describe(status_error(openai, 500, headers=headers), openai).should_retry is expected


def test_rate_limit_headers_of_both_providers() -> None:
    """OpenAI's durations and Anthropic's times become seconds from now."""
    openai_headers = {
        "x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s", "x-ratelimit-limit-tokens": "150000",
        "x-ratelimit-remaining-tokens": "-1", "x-ratelimit-reset-tokens": "6m0.5s",
    }  # fmt: skip
    assert errors.rate_limit(openai_headers) == RateLimit(60, 59, 1.0, 150000, None, 360.5)
    moment = (datetime.now(UTC) + timedelta(seconds=20)).isoformat().replace("+00:00", "Z")
    found = errors.rate_limit({
        "anthropic-ratelimit-requests-limit": "50", "anthropic-ratelimit-requests-reset": moment,
        "anthropic-ratelimit-tokens-remaining": "7",
    })  # fmt: skip
    assert found is not None
    assert (found.limit_requests, found.remaining_tokens) == (50, 7)
    assert 15 < (found.reset_requests or 0) <= 20
    assert errors.rate_limit({"content-type": "text/plain"}) is None


@pytest.mark.parametrize(
    ("base_url", "model", "fingerprint", "name"),
    [
        ("https://api.openai.com/v1/", "gpt-6-sol", None, "openai"),
        ("https://me.openai.azure.com/openai/", "x", None, "openai"),
        ("https://api.anthropic.com", "claude-opus-4-5-20251101", None, "claude-4.5"),
        ("https://api.anthropic.com", "claude-opus-4-6", None, "generic"),
        ("https://api.deepseek.com/beta", "deepseek-v4-pro", None, "deepseek"),
        ("https://api.deepseek.com/v1", "deepseek-v4-pro", None, "deepseek-v1"),
        ("https://api.mistral.ai/v1", "mistral-large", None, "mistral"),
        ("https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "qwen-max", None, "qwen"),
        ("https://api.moonshot.ai/v1", "kimi-k3", None, "kimi"),
        ("https://api.groq.com/openai/v1", "llama", None, "groq"),
        ("http://127.0.0.1:8080/v1", "any", "b11549-0c1e570", "llama.cpp"),
        ("http://127.0.0.1:8080/v1", "any", "b0-unknown", "llama.cpp"),
        ("http://127.0.0.1:11434/v1", "any", "fp_ollama", "ollama"),
        ("http://127.0.0.1:8000/v1", "any", None, "generic"),
    ],
)
def test_servers_are_recognised(base_url: str, model: str, fingerprint: str | None, name: str) -> None:
    """By address, model or fingerprint; whatever is not in the table is generic and asked with a user turn."""
    assert capabilities.find(base_url, model, fingerprint).name == name


def test_an_unknown_dialect_lists_the_known_ones() -> None:
    """A misspelt dialect is refused with the names that exist."""
    with pytest.raises(ValueError, match=r"'vlm'.*vllm"):
        capabilities.named("vlm")
