"""The edge where exceptions of the SDKs and of HTTP become facts, once.

Classes and status codes decide. Three things have no code of their own at some servers and are told by their
message: that a trailing assistant turn is refused, that a stream is, and that the context window is full.
"""

from __future__ import annotations

import json
import math
import re
import sys
import time
import traceback
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx2

from continuum._core.types import Failure, RateLimit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from continuum._core.types import FailureKind

_PREFILL = re.compile(
    r"prefill|must end with a user message|last message must|ending with a model turn|expected last role user"
    r"|cannot have 2 or more assistant messages|set both .?continue_final_message",
    re.IGNORECASE,
)
_CONTEXT = re.compile(
    r"context_length_exceeded|exceed_context_size|prompt is too long|maximum context length"
    r"|exceeds the (available )?context (size|window|length)|exceed context limit|the model context is \d+",
    re.IGNORECASE,
)
_WINDOW = re.compile(
    r"maximum context length (?:is|of) ([\d,]+)|tokens > ([\d,]+) maximum|n_ctx\W{1,4}(\d+)"
    r"|the model context is (\d+)",
    re.IGNORECASE,
)
_STREAM = re.compile(
    r"verified to stream|\bstream(ing)?\b[^.]{0,40}\bnot (supported|allowed|available|enabled)"
    r"|(not|n't) support \W?stream(ing)?\b",
    re.IGNORECASE,
)
_QUOTA_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "billing_error"})
_TRANSIENT_TYPES = frozenset({"overloaded_error", "api_error", "timeout_error", "server_error", "overloaded"})
_LIMIT_TYPES = frozenset({"rate_limit_error", "rate_limit_exceeded", "requests", "tokens"})
_READERS = frozenset({"openai", "anthropic", "httpx", "httpx2"})
_DECODERS = frozenset({"json", "codecs", "encodings"})
_REJECTED_TYPES = frozenset({"invalid_request_error", "authentication_error", "permission_error", "not_found_error"})


def catchable(sdk: ModuleType) -> tuple[type[BaseException], ...]:
    """What a request through this SDK can raise that is a fact about the provider or the network, and not a bug."""
    libraries: list[Any] = [httpx2, *filter(None, [sys.modules.get("httpx")])]  # the SDKs take clients of either
    network = (kind for library in libraries for kind in (library.HTTPError, library.StreamError))
    return (sdk.APIError, *network, json.JSONDecodeError, UnicodeDecodeError)


def describe(error: BaseException, sdk: ModuleType) -> Failure:
    """Turn an exception into facts.

    Args:
        error: one of `catchable(sdk)`.
        sdk: the module `openai` or `anthropic`.

    Raises:
        UnicodeDecodeError: this one again, if it was not the wire that could not be read.
    """
    if isinstance(error, UnicodeDecodeError) and not _of_the_wire(error):
        raise error
    status: int | None = None
    headers: Mapping[str, str] = {}
    if isinstance(error, sdk.APIStatusError):
        answered: Any = error  # the class comes with `sdk`, so no type checker knows it
        status, headers = answered.status_code, answered.response.headers
    kind = _kind(error, sdk, status)
    return Failure(
        kind=kind,
        message=_message(error),
        status_code=status,
        retry_after=retry_after(headers),
        should_retry={"true": True, "false": False}.get(headers.get("x-should-retry", "")),
        window=_window(error) if kind == "context_window" else None,
        rate_limit=rate_limit(headers),
        error=_of_sdk(error, sdk),
    )


def _of_sdk(error: BaseException, sdk: ModuleType) -> BaseException:
    """An error of a body that continuum read itself, as the SDK would have raised it."""
    libraries: list[Any] = [httpx2, *filter(None, [sys.modules.get("httpx")])]
    if not isinstance(error, tuple(kind for library in libraries for kind in (library.HTTPError, library.StreamError))):
        return error
    request = getattr(error, "_request", None) or httpx2.Request("POST", "http://unknown")
    late = isinstance(error, tuple(library.TimeoutException for library in libraries))
    made: BaseException = (sdk.APITimeoutError if late else sdk.APIConnectionError)(request=request)
    made.__cause__ = error
    return made


def _of_the_wire(error: BaseException) -> bool:
    """Whether it was the SDK or its HTTP library that could not read what came: a stream may end inside a character.

    The caller's own code runs within a request as well, as a hook of the HTTP client or as a transport, and its
    mistakes are not the network's.
    """
    packages = [
        str(frame.f_globals.get("__name__")).partition(".")[0] for frame, _ in traceback.walk_tb(error.__traceback__)
    ]
    return next((name in _READERS for name in reversed(packages) if name not in _DECODERS), False)


def refuses_stream(failure: Failure) -> bool:
    """Whether it is the stream that a server refused, as OpenAI does where an organisation is not verified."""
    error = failure.error
    if failure.kind != "rejected" or error is None:
        return False
    text = f"{error} {getattr(error, 'body', '')}"
    return getattr(error, "param", None) == "stream" or _STREAM.search(text) is not None


def _window(error: BaseException) -> int | None:
    """How many tokens the context window holds, if the message of the error says so."""
    found = _WINDOW.search(f"{error} {getattr(error, 'body', '')}")
    return int(next(filter(None, found.groups())).replace(",", "")) if found else None


def describe_any(error: BaseException) -> Failure | None:
    """Turn an exception of a library that is no provider's SDK into facts.

    Returns:
        Facts, if the exception carries an HTTP status or is the network's; None if it is neither, and so a bug.
    """
    answer = getattr(error, "response", None)
    headers: Any = getattr(answer, "headers", None) or {}
    status = next((code for code in (_status(error), _status(answer)) if code is not None), None)
    if status is None and not isinstance(error, network_errors()):
        return None
    return Failure(
        kind="transient" if status is None else _kind_of_status(error, status),
        message=_message(error),
        status_code=status,
        retry_after=retry_after(headers),
        rate_limit=rate_limit(headers),
        error=error,
    )


def _status(source: Any) -> int | None:
    for name in ("status_code", "code", "status"):
        value = getattr(source, name, None)
        if isinstance(value, int) and 400 <= value < 600:
            return int(value)
    return None


def network_errors() -> tuple[type[BaseException], ...]:
    """The errors of a connection, of the HTTP libraries that this process uses."""
    names = {
        "httpx": ("TransportError", "StreamError"),
        "requests": ("ConnectionError", "Timeout"),
        "aiohttp": ("ClientConnectionError", "ClientPayloadError"),
    }
    loaded = [(sys.modules[library], kinds) for library, kinds in names.items() if library in sys.modules]
    found = [getattr(library, kind, None) for library, kinds in loaded for kind in kinds]
    known = (ConnectionError, TimeoutError, httpx2.TransportError, httpx2.StreamError, json.JSONDecodeError)
    return (*known, *(kind for kind in found if kind is not None))


def _message(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    # The SDKs say "Connection error." and keep what it was to themselves.
    why = f" ({type(cause).__name__}: {cause})" if cause is not error and str(cause) else ""
    return f"{type(error).__name__}: {text[:300]}{why[:200]}"


def _kind(error: BaseException, sdk: ModuleType, status: int | None) -> FailureKind:
    unread = (httpx2.TransportError, httpx2.StreamError, json.JSONDecodeError, UnicodeDecodeError)
    if isinstance(error, (sdk.APIConnectionError, *unread)):
        return "transient"
    # A mid-stream error event has no status of its own: Anthropic's SDK shows the 200 of the stream, OpenAI's none.
    if status is None or status < 400:
        return _kind_of_event(error)
    return _kind_of_status(error, status)


def _words(error: BaseException) -> set[str]:
    body = getattr(error, "body", None)
    inner = body.get("error") if isinstance(body, dict) else None
    found = [getattr(error, "code", None), getattr(error, "type", None), getattr(error, "error_code", None)]
    for part in (body, inner):
        if isinstance(part, dict):
            found += [part.get("code"), part.get("type")]
    return {str(word) for word in found if word is not None}


def _kind_of_event(error: BaseException) -> FailureKind:
    words = _words(error)
    if words & _QUOTA_CODES:
        return "quota"
    if words & _LIMIT_TYPES or "429" in words:
        return "rate_limited"
    if words & _REJECTED_TYPES:
        return "rejected"
    return "transient"


def _kind_of_status(error: BaseException, status: int) -> FailureKind:
    words, text = _words(error), f"{error} {getattr(error, 'body', '')}"
    if status == 402 or (status == 429 and (words & _QUOTA_CODES or any("spend_limit" in word for word in words))):
        return "quota"
    if status == 429:
        return "rate_limited"
    if status in (408, 409) or status >= 500:
        return "transient"
    if status in (400, 422):
        if _CONTEXT.search(text):
            return "context_window"
        if _PREFILL.search(text):
            return "prefill_refused"
    return "rejected"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: `retry-after-ms`, else `retry-after` as a number or an HTTP date (RFC 9110, 10.2.3)."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return max(milliseconds / 1000, 0.0)
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None:
        return max(seconds, 0.0)
    if value:
        try:
            return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
        except (TypeError, ValueError):
            return None
    return None


def rate_limit(headers: Mapping[str, str]) -> RateLimit | None:
    """What the headers say about the limits, in OpenAI's or Anthropic's form; None if they say nothing."""
    for prefix in ("x-ratelimit-", "anthropic-ratelimit-"):
        if not any(name.startswith(prefix) for name in headers):
            continue
        openai = prefix == "x-ratelimit-"

        def read(what: str, of: str, prefix: str = prefix, openai: bool = openai) -> str | None:
            return headers.get(f"{prefix}{what}-{of}" if openai else f"{prefix}{of}-{what}")

        fields: dict[str, Any] = {}
        for of in ("requests", "tokens", "input-tokens", "output-tokens"):
            name = of.replace("-", "_")
            fields[f"limit_{name}"] = _whole(read("limit", of))
            fields[f"remaining_{name}"] = _whole(read("remaining", of))
            fields[f"reset_{name}"] = _reset(read("reset", of))
        return RateLimit(**fields)
    return None


_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def _reset(value: str | None) -> float | None:
    """`6m0s`, `20ms` (OpenAI), an RFC 3339 time (Anthropic), or plain seconds."""
    if not value:
        return None
    plain = _number(value)
    if plain is not None:
        return max(plain, 0.0)
    parts: list[Any] = _DURATION.findall(value)
    if parts and "".join(a + b for a, b in parts) == value:
        return float(sum(float(number) * _SECONDS[unit] for number, unit in parts))
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(moment.timestamp() - time.time(), 0.0)


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value else None
    except ValueError:
        return None
    return number if number is not None and math.isfinite(number) else None


def _whole(value: str | None) -> int | None:
    number = _number(value)
    # Azure answers -1 where it does not count.
    return int(number) if number is not None and number >= 0 else None
