"""What a journal writes: outcomes and results as plain JSON values and back, and the fingerprint of a request."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from continuum._core.types import Failure, Prefill, RateLimit, Response, Seam, Usage
from continuum.batch.job import JobResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from continuum._core.actions import Send

_RESPONSE = ("raw_finish_reason", "model", "id", "reasoning", "tool_calls", "suspended", "window", "limit")
_FAILURE = ("status_code", "retry_after", "should_retry", "window")


def fingerprint(send: Send) -> str:
    """What tells a request of a document from every other one of it: turns, cap, effort, in place or not.

    What goes before the turns is the job's and the run's, and is compared once.
    """
    digest = hashlib.blake2b(
        f"{send.round} {send.in_place:d} {send.max_tokens} {send.lower_effort:d}".encode(), digest_size=12
    )
    for turn in send.turns:
        digest.update(f"\0{turn.role}\0".encode())
        digest.update(turn.text.encode("utf-8", "surrogatepass"))
        if turn.blocks:
            digest.update(json.dumps(turn.blocks, sort_keys=True, default=str).encode())
    return digest.hexdigest()


def to_json(outcome: Response | Failure) -> dict[str, Any]:
    """An outcome as plain JSON values; what is as by default is left out."""
    if isinstance(outcome, Failure):
        return {"failure": _failure(outcome), **_usage(outcome.usage)}
    found: dict[str, Any] = {"text": outcome.text, "finish_reason": outcome.finish_reason, **_usage(outcome.usage)}
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
    usage = Usage(**data["usage"]) if "usage" in data else None
    if "failure" in data:
        return Failure(**data["failure"], usage=usage)
    return Response(
        text=data["text"],
        finish_reason=data["finish_reason"],
        usage=usage,
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


def keeps(outcome: Mapping[str, Any]) -> bool:
    """Whether an outcome is gone on from when the document is tried again: it has text, or taught something."""
    if "failure" in outcome:
        return bool(outcome["failure"]["kind"] == "prefill_refused")
    return bool(outcome["text"]) and outcome["finish_reason"] not in ("refusal", "content_filter")


def result_to_json(result: JobResult) -> dict[str, Any]:
    """A result as plain JSON values."""
    return asdict(result)


def result_from_json(data: Mapping[str, Any]) -> JobResult:
    """The inverse of `result_to_json`."""
    values = dict(data)
    values["usage"] = Usage(**values["usage"])
    values["seams"] = tuple(Seam(**seam) for seam in values["seams"])
    return JobResult(**values)


def dumps(value: Any) -> str:
    """As JSON in UTF-8. A lone surrogate, which UTF-8 does not have, is escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=repr)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), default=repr)
    return text
