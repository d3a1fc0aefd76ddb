"""Outcomes of a request as plain JSON values, and back: what a journal keeps of them, and a machine of a reply that it
has set aside."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from continuum._core.types import CutToolCall, Failure, Prefill, RateLimit, Response, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

_RESPONSE = ("raw_finish_reason", "model", "id", "reasoning", "tool_calls", "suspended", "window", "limit")
_FAILURE = ("status_code", "retry_after", "should_retry", "window")


def to_json(outcome: Response | Failure) -> dict[str, Any]:
    """An outcome as plain JSON values; what is as by default is left out."""
    if isinstance(outcome, Failure):
        return {"failure": _failure(outcome), **_usage(outcome.usage), **_cut_calls(outcome)}
    found: dict[str, Any] = {"text": outcome.text, "finish_reason": outcome.finish_reason, **_usage(outcome.usage)}
    found |= _cut_calls(outcome)
    for name in _RESPONSE:
        value = getattr(outcome, name)
        if value:
            found[name] = value
    if outcome.blocks:
        found["blocks"] = json.loads(json.dumps(outcome.blocks, default=_plain))
    if outcome.prefill is not None:
        found["prefill"] = asdict(outcome.prefill)
    if outcome.failure is not None:
        found["broken_by"] = _failure(outcome.failure)
    if outcome.rate_limit is not None:
        found["rate_limit"] = {k: v for k, v in asdict(outcome.rate_limit).items() if v is not None}
    return found


def from_json(data: Mapping[str, Any]) -> Response | Failure:
    """The inverse of `to_json`, without the SDK's objects."""
    if "failure" in data:
        return Failure(**data["failure"], usage=_usage_from(data), cut_tool_calls=_cut_calls_from(data))
    return response_from_json(data)


def response_from_json(data: Mapping[str, Any]) -> Response:
    """The inverse of `to_json` for a response."""
    return Response(
        text=data["text"],
        finish_reason=data["finish_reason"],
        usage=_usage_from(data),
        cut_tool_calls=_cut_calls_from(data),
        blocks=tuple(data.get("blocks", ())),
        prefill=Prefill(**data["prefill"]) if "prefill" in data else None,
        failure=Failure(**data["broken_by"]) if "broken_by" in data else None,
        rate_limit=RateLimit(**data["rate_limit"]) if "rate_limit" in data else None,
        **{name: data[name] for name in _RESPONSE if name in data},
    )


def _usage(usage: Usage | None) -> dict[str, Any]:
    if usage is None:
        return {}
    return {"usage": {name: value for name, value in asdict(usage).items() if value}}


def _usage_from(data: Mapping[str, Any]) -> Usage | None:
    return Usage(**data["usage"]) if "usage" in data else None


def _cut_calls(outcome: Response | Failure) -> dict[str, Any]:
    return {"cut_tool_calls": [asdict(call) for call in outcome.cut_tool_calls]} if outcome.cut_tool_calls else {}


def _cut_calls_from(data: Mapping[str, Any]) -> tuple[CutToolCall, ...]:
    return tuple(CutToolCall(**call) for call in data.get("cut_tool_calls", ()))


def _failure(failure: Failure) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": failure.kind, "message": failure.message}
    for name in _FAILURE:
        value = getattr(failure, name)
        if value is not None:
            found[name] = value
    return found


def _plain(value: Any) -> Any:
    """A block of an SDK that is an object and not a dict."""
    dump = getattr(value, "model_dump", None)
    return dump(mode="json") if dump is not None else str(value)
