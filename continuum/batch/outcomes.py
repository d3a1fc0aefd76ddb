"""What a journal writes: outcomes and results as plain JSON values and back, and the fingerprint of a request."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from continuum._core.plain import from_json as from_json
from continuum._core.plain import to_json as to_json
from continuum._core.types import CutToolCall, Seam, Usage
from continuum.batch.job import JobResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from continuum._core.actions import Send


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


def keeps(outcome: Mapping[str, Any]) -> bool:
    """Whether an outcome is gone on from when the document is tried again: it has text, or taught something."""
    if "failure" in outcome:
        return bool(outcome["failure"]["kind"] == "prefill_refused")
    return bool(outcome["text"]) and outcome["finish_reason"] not in ("refusal", "content_filter")


def result_to_json(result: JobResult) -> dict[str, Any]:
    """A result as plain JSON values; without `cut_tool_calls` where there are none, as few have any."""
    data = asdict(result)
    if not result.cut_tool_calls:
        del data["cut_tool_calls"]
    return data


def result_from_json(data: Mapping[str, Any]) -> JobResult:
    """The inverse of `result_to_json`."""
    values = dict(data)
    values["usage"] = Usage(**values["usage"])
    values["seams"] = tuple(Seam(**seam) for seam in values["seams"])
    values["cut_tool_calls"] = tuple(CutToolCall(**call) for call in values.get("cut_tool_calls", ()))
    return JobResult(**values)


def dumps(value: Any) -> str:
    """As JSON in UTF-8. A lone surrogate, which UTF-8 does not have, is escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=repr)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), default=repr)
    return text
