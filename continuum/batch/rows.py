"""Result rows: our own, and the shape of the OpenAI Batch API. One line of JSON each, the id first."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from continuum.batch.job import JobResult

RowFormat = Literal["continuum", "openai-batch"]

_SOUND: Final = re.compile(rb'\{"(id|custom_id)": ("(?:[^"\\]|\\.)*")[,}]')
# JSON leaves these as they are, and Python's `splitlines`, among others, breaks lines at them.
_BREAKS: Final = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}
_KEYS: Final[dict[str, bytes]] = {"continuum": b"id", "openai-batch": b"custom_id"}


def line_of(result: JobResult, format: RowFormat = "continuum") -> bytes:
    """A result as one line, its end included. A lone surrogate in a text is written as its escape."""
    return _line(
        _openai(result) if format == "openai-batch" else {"id": result.id, "text": result.text, **_rest(result)}
    )


def index_line_of(result: JobResult, file: str | None) -> bytes:
    """The account of a text that stands in a file of its own, as one line; None: there is no text."""
    return _line({"id": result.id, "file": file, **_rest(result)})


def _line(row: dict[str, Any]) -> bytes:
    text = json.dumps(row, ensure_ascii=False).translate(_BREAKS)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def id_of(line: bytes, format: RowFormat) -> str | None:
    """The id of a line that `line_of` made; None if it is not whole, or of another make."""
    found = _SOUND.match(line)
    if found is None or found[1] != _KEYS[format] or not line.endswith(b"}\n") or b"\0" in line:
        return None
    return str(json.loads(found[2]))


def _rest(result: JobResult) -> dict[str, Any]:
    calls = [asdict(call) for call in result.cut_tool_calls]
    return {
        "status": result.status,
        "complete": result.complete,
        "finish_reason": result.finish_reason,
        "reason": result.reason,
        "rounds": result.rounds,
        "usage": asdict(result.usage),
        "cost": result.cost,
        "seams": [asdict(seam) for seam in result.seams],
        "model": result.model,
        "failure": result.failure,
        **({"cut_tool_calls": calls} if calls else {}),
    }


def _openai(result: JobResult) -> dict[str, Any]:
    """A line of an OpenAI Batch output file; `continuum` in its body holds what that shape has no place for.

    The ids in it are made from the document's, and `created` is 0, so that the same batch gives the same file.
    """
    name = hashlib.sha256(result.id.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    shape: dict[str, Any] = {"custom_id": result.id, "id": f"batch_req_{name}", "response": None, "error": None}
    if result.status == "failed":
        return shape | {"error": {"code": result.reason, "message": result.failure or result.reason}}
    usage = result.usage
    body = {
        "id": f"chatcmpl-{name}",
        "object": "chat.completion",
        "created": 0,
        "model": result.model or "",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": result.text, "refusal": None},
                "logprobs": None,
                "finish_reason": _finish_reason(result),
            }
        ],
        "usage": {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
        },
        "continuum": _rest(result),
    }
    return shape | {"response": {"status_code": 200, "request_id": f"req_{name}", "body": body}}


def _finish_reason(result: JobResult) -> str:
    """In the words of that API; a text that is not whole never ends on `stop`."""
    if result.finish_reason == "tool_calls":
        return "tool_calls"
    if result.finish_reason in ("content_filter", "refusal"):
        return "content_filter"
    return "stop" if result.complete else "length"
