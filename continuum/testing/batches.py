"""The batch endpoints of the simulated provider: OpenAI's files and batches, Anthropic's message batches.

A batch is answered when its time has come (`BatchSpec.polls`), line by line, by the same engine that answers live
requests: behaviours, faults and the wire format are the same, and so is what `SimulatedProvider.requests` records.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from typing import TYPE_CHECKING, Any, Final

from continuum.testing.chat import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

_MOST_LINES: Final = {"openai": 50_000, "anthropic": 100_000}
_DAY: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class BatchSpec:
    """How the provider handles batches.

    Attributes:
        polls: how often a batch has to be asked for until it is over.
        fail: batches, counted from 0, that fail as a whole before any of their requests is answered. (Anthropic knows
            no such state: each of their requests is `errored`.)
        expire: batches, counted from 0, that expire when about half of their requests are answered.
        looks: statuses that looks at a batch get in place of an answer; the looks at all batches count, from 0.
        seed: chooses which half, and the order of the results, which is not that of the requests.
    """

    polls: int = 1
    fail: Collection[int] = ()
    expire: Collection[int] = ()
    looks: Mapping[int, int] = field(default_factory=dict)
    seed: int = 0


@dataclass(slots=True)
class _Batch:
    number: int
    wire: str
    lines: Sequence[Mapping[str, Any]]
    created: int
    about: dict[str, Any] = field(default_factory=dict)
    polls: int = 0
    ended: bool = False
    cancelled: bool = False
    output: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    problems: list[dict[str, Any]] = field(default_factory=list)  # for which it fails as a whole

    @property
    def id(self) -> str:
        return f"{'batch' if self.wire == 'openai' else 'msgbatch'}_{self.number:06d}"


class BatchDesk:
    """Takes batches in and hands results out. Used by one thread at a time.

    Args:
        spec: how it handles them.
        answer: answers one request: path and body in, status and JSON out.
        created: the time that everything is created at, in seconds since 1970.
    """

    def __init__(self, spec: BatchSpec, answer: Callable[[str, Any], tuple[int, Any]], created: int) -> None:
        self._spec, self._answer, self._created = spec, answer, created
        self._batches: list[_Batch] = []
        self._files: dict[str, bytes] = {}
        self._looks = 0

    def handle(self, method: str, path: str, headers: Mapping[str, str], raw: bytes) -> tuple[bytes, str] | None:
        """The body of the response and its content type; None if this is none of the desk's endpoints.

        Raises:
            RequestError: the provider would refuse.
        """
        parts = path.strip("/").split("/")[1:]  # without v1
        match method, parts:
            case "POST", ["files"]:
                return _json(self._upload(headers, raw))
            case "GET", ["files", name, "content"]:
                return self._file(name), "application/octet-stream"
            case "POST", ["batches"]:
                return _json(self._create_openai(_body(raw)))
            case "GET", ["batches"]:
                return _json(_listing([self._openai(batch) for batch in self._of("openai")]))
            case "GET", ["batches", name]:
                return _json(self._openai(self._look(name)))
            case "POST", ["batches", name, "cancel"]:
                return _json(self._openai(self._cancel(name)))
            case "POST", ["messages", "batches"]:
                return _json(self._anthropic(self._create_anthropic(_body(raw)), headers))
            case "GET", ["messages", "batches"]:
                return _json(_listing([self._anthropic(batch, headers) for batch in self._of("anthropic")]))
            case "GET", ["messages", "batches", name]:
                return _json(self._anthropic(self._look(name), headers))
            case "POST", ["messages", "batches", name, "cancel"]:
                return _json(self._anthropic(self._cancel(name), headers))
            case "GET", ["messages", "batches", name, "results"]:
                return _lines(self._results(name)), "application/x-jsonl"
        return None

    def _of(self, wire: str) -> list[_Batch]:
        return [batch for batch in reversed(self._batches) if batch.wire == wire]

    def _find(self, name: str) -> _Batch:
        for batch in self._batches:
            if batch.id == name:
                return batch
        raise RequestError(f"No batch found with id {name!r}.", status=404)

    def _look(self, name: str) -> _Batch:
        """A batch, as it is asked for: that is what makes its time pass."""
        batch = self._find(name)
        self._looks += 1
        if (status := self._spec.looks.get(self._looks - 1)) is not None:
            raise RequestError(f"The request was refused with status {status}.", status=status)
        batch.polls += 1
        if not batch.ended and batch.polls >= self._spec.polls:
            self._work(batch)
        return batch

    def _cancel(self, name: str) -> _Batch:
        batch = self._find(name)
        if not batch.ended:
            batch.cancelled = True
            self._work(batch)
        return batch

    def _work(self, batch: _Batch) -> None:
        """Answer the requests of a batch, all or about half of them."""
        batch.ended = True
        order = list(batch.lines)
        random.Random(f"{self._spec.seed} {batch.number}").shuffle(order)
        done = len(order)
        if batch.number in self._spec.fail:
            done = 0
        elif batch.cancelled or batch.number in self._spec.expire:
            done = len(order) // 2
        for number, line in enumerate(order):
            (self._openai_line if batch.wire == "openai" else self._anthropic_line)(batch, line, number < done)

    # -- OpenAI ---------------------------------------------------------------------------------------------------

    def _upload(self, headers: Mapping[str, str], raw: bytes) -> dict[str, Any]:
        form = message_from_bytes(b"content-type: " + headers.get("content-type", "").encode() + b"\r\n\r\n" + raw)
        fields: dict[str, bytes] = {}
        for part in form.get_payload() if form.is_multipart() else []:
            assert not isinstance(part, str)
            name = part.get_param("name", header="content-disposition")
            data = part.get_payload(decode=True)
            fields[str(name)] = data if isinstance(data, bytes) else b""
        if fields.get("purpose") != b"batch" or "file" not in fields:
            raise RequestError("'purpose' has to be 'batch' here, and 'file' a file.", param="purpose")
        return self._keep(fields["file"], "batch")

    def _keep(self, data: bytes, purpose: str) -> dict[str, Any]:
        name = f"file-{len(self._files):06d}"
        self._files[name] = data
        return {
            "id": name, "object": "file", "bytes": len(data), "created_at": self._created, "filename": "batch.jsonl",
            "purpose": purpose, "status": "processed",
        }  # fmt: skip

    def _file(self, name: str) -> bytes:
        if name not in self._files:
            raise RequestError(f"No such File object: {name}", status=404, param="id")
        return self._files[name]

    def _create_openai(self, body: Mapping[str, Any]) -> dict[str, Any]:
        lines = [json.loads(line) for line in self._file(str(body.get("input_file_id"))).splitlines() if line.strip()]
        about = {name: body.get(name) for name in ("endpoint", "input_file_id", "completion_window", "metadata")}
        batch = self._enter("openai", lines, about)
        if batch.number in self._spec.fail:
            problem = {"code": "invalid_request", "message": "The batch was refused as a whole.", "line": None}
            batch.problems.append(problem)
        batch.problems += _mixed_models(lines)
        return self._openai(batch)

    def _enter(self, wire: str, lines: Sequence[Mapping[str, Any]], about: dict[str, Any]) -> _Batch:
        names = [line.get("custom_id") for line in lines]
        if not names or None in names or len(set(names)) != len(names) or len(names) > _MOST_LINES[wire]:
            raise RequestError("A batch needs requests, each with a custom_id of its own, and not too many of them.")
        batch = _Batch(len(self._batches), wire, lines, self._created, about)
        self._batches.append(batch)
        return batch

    def _openai_line(self, batch: _Batch, line: Mapping[str, Any], in_time: bool) -> None:
        if batch.problems:
            return
        result: dict[str, Any] = {"id": f"batch_req_{batch.number}_{line['custom_id']}", "custom_id": line["custom_id"]}
        if not in_time:
            words = {
                "code": "batch_expired",
                "message": "This request could not be executed before the completion window expired.",
            }
            batch.errors.append({**result, "response": None, "error": words})
            return
        status, body = self._answer(str(line.get("url")), line.get("body"))
        response = {"status_code": status, "request_id": f"req_{batch.number}", "body": body}
        (batch.output if status == 200 else batch.errors).append({**result, "response": response, "error": None})

    def _openai(self, batch: _Batch) -> dict[str, Any]:
        status = "in_progress"
        shown: dict[str, Any] = {}
        if batch.ended:
            failed, expired = bool(batch.problems), batch.number in self._spec.expire
            status = "failed" if failed else "cancelled" if batch.cancelled else "expired" if expired else "completed"
            if failed:
                shown["errors"] = {"object": "list", "data": batch.problems}
            for name, lines in (("output_file_id", batch.output), ("error_file_id", batch.errors)):
                if lines:
                    shown[name] = batch.about.setdefault(name, self._keep(_lines(lines), "batch_output")["id"])
        counts = {"total": len(batch.lines), "completed": len(batch.output), "failed": len(batch.errors)}
        return {
            "id": batch.id, "object": "batch", "created_at": batch.created, "expires_at": batch.created + _DAY,
            "status": status, "request_counts": counts, **batch.about, **shown,
        }  # fmt: skip

    # -- Anthropic ------------------------------------------------------------------------------------------------

    def _create_anthropic(self, body: Mapping[str, Any]) -> _Batch:
        requests = body.get("requests")
        if not isinstance(requests, list):
            raise RequestError("requests: Field required")
        return self._enter("anthropic", requests, {})

    def _anthropic_line(self, batch: _Batch, line: Mapping[str, Any], in_time: bool) -> None:
        result: dict[str, Any]
        if batch.number in self._spec.fail:
            words = {"type": "api_error", "message": "Internal server error"}
            result = {"type": "errored", "error": {"type": "error", "error": words, "request_id": "req_0"}}
        elif not in_time:
            result = {"type": "canceled" if batch.cancelled else "expired"}
        else:
            status, answer = self._answer("/v1/messages", line.get("params"))
            result = {"type": "succeeded", "message": answer} if status == 200 else {"type": "errored", "error": answer}
        batch.counts[result["type"]] = batch.counts.get(result["type"], 0) + 1
        batch.output.append({"custom_id": line["custom_id"], "result": result})

    def _anthropic(self, batch: _Batch, headers: Mapping[str, str]) -> dict[str, Any]:
        counts = {name: batch.counts.get(name, 0) for name in ("succeeded", "errored", "canceled", "expired")}
        ended = batch.ended
        address = f"http://{headers.get('host', '127.0.0.1')}/v1/messages/batches/{batch.id}/results"
        return {
            "id": batch.id, "type": "message_batch", "processing_status": "ended" if ended else "in_progress",
            "request_counts": {**counts, "processing": 0 if ended else len(batch.lines)},
            "created_at": _moment(batch.created), "expires_at": _moment(batch.created + _DAY),
            "ended_at": _moment(batch.created) if ended else None, "archived_at": None,
            "cancel_initiated_at": _moment(batch.created) if batch.cancelled else None,
            "results_url": address if ended else None,
        }  # fmt: skip

    def _results(self, name: str) -> list[dict[str, Any]]:
        batch = self._find(name)
        if not batch.ended:
            raise RequestError(f"Message batch {name} has not ended yet.", status=404)
        return batch.output


def _mixed_models(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What OpenAI says of a file with requests to more than one model; it fails as a whole."""
    models = [(line.get("body") or {}).get("model") for line in lines]
    return [
        {
            "code": "mismatched_model",
            "message": f"The requests of a batch have to be to one model: {model!r} is not {models[0]!r}.",
            "line": number,
            "param": "body.model",
        }
        for number, model in enumerate(models, 1)
        if model != models[0]
    ]


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _body(raw: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RequestError("The request body is not a JSON object.")
    return body


def _json(value: Any) -> tuple[bytes, str]:
    return json.dumps(value).encode(), "application/json"


def _lines(values: Sequence[Any]) -> bytes:
    # Not in ASCII, as OpenAI writes them: a line separator of Unicode stands in a string as it is.
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values).encode("utf-8", "surrogatepass")


def _listing(entries: list[dict[str, Any]]) -> dict[str, Any]:
    ends = {"first_id": entries[0]["id"], "last_id": entries[-1]["id"]} if entries else {}
    return {"object": "list", "data": entries, "has_more": False, "first_id": None, "last_id": None, **ends}
