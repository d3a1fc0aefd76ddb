"""Log events for every decision of a run, through structlog; quiet unless the application listens.

An application that has configured structlog gets the events in its own way. Otherwise they go to the standard
library's logger `continuum`, which has no handler of its own. What somebody wrote is logged only if the policy asks for
it: messages, and a provider's words about an error, which may quote them.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from continuum._core.actions import Done, Send, Wait
    from continuum._core.machine import Continuation
    from continuum._core.types import Failure, Result, Seam

_STANDARD = logging.getLogger("continuum")
_STANDARD.addHandler(logging.NullHandler())


def _configuration() -> dict[str, Any]:
    # The list of processors is copied, because `structlog.testing.capture_logs` changes it in place.
    return {**structlog.get_config(), "processors": list(structlog.get_config()["processors"])}


_UNCONFIGURED = None if structlog.is_configured() else _configuration()


def logger(run_id: str, **bound: Any) -> Any:
    """A logger with the run's id bound to every event."""
    if structlog.is_configured() and _configuration() != _UNCONFIGURED:
        return structlog.get_logger("continuum").bind(run_id=run_id, **bound)
    return structlog.wrap_logger(
        _STANDARD,
        wrapper_class=structlog.stdlib.BoundLogger,
        processors=[structlog.stdlib.filter_by_level, structlog.stdlib.render_to_log_kwargs],
    ).bind(run_id=run_id, **bound)


def error_fields(error: BaseException) -> dict[str, Any]:
    """What kind of error it is, without its words."""
    return {"error": type(error).__name__, "status_code": getattr(error, "status_code", None)}


def _failure_fields(failure: Failure | None, *, text: bool) -> dict[str, Any]:
    status = {"status_code": failure and failure.status_code}
    return {**status, "message": failure and failure.message} if text else status


def _evidence(action: Send | Done, failure: Failure | None, *, text: bool) -> str:
    """What a decision rests on, unless those are the provider's words, or name parts of a value that is none."""
    others = action.reason in ("repair", "invalid") or (failure is not None and action.evidence == failure.message)
    return action.evidence if text or not others else ""


def send_fields(send: Send, failure: Failure | None, *, text: bool) -> dict[str, Any]:
    """What a request is for; `failure`: of the last one."""
    return {
        "round": send.round,
        "reason": send.reason,
        "in_place": send.in_place,
        "max_tokens": send.max_tokens,
        "hidden": send.hidden,
        "evidence": _evidence(send, failure, text=text),
    }


def wait_fields(wait: Wait, failure: Failure | None, *, text: bool) -> dict[str, Any]:
    """Why a repeat has to wait."""
    return {
        "reason": failure.kind if failure else "retry",
        "attempt": wait.attempt,
        **_failure_fields(failure, text=text),
    }


def done_fields(done: Done, machine: Continuation) -> dict[str, Any]:
    """How a run ended."""
    text = machine.policy.log_text
    return {
        "reason": done.reason,
        "complete": done.complete,
        "state": machine.state.value,
        "rounds": machine.rounds,
        "characters": machine.length,
        "input_tokens": machine.usage.input_tokens,
        "output_tokens": machine.usage.output_tokens,
        "failure": done.failure and done.failure.kind,
        **_failure_fields(done.failure, text=text),
        "evidence": _evidence(done, done.failure, text=text),
    }


def incomplete_fields(result: Result, failure: Failure | None) -> dict[str, Any]:
    """What the word in an SDK's response hides; kinds and figures only, for messages may quote the user."""
    return {
        "reason": result.reason,
        "kind": failure.kind if failure is not None else None,
        "error": type(result.failure).__name__ if result.failure is not None else None,
        "status_code": failure.status_code if failure is not None else None,
        "rounds": result.rounds,
        "characters": len(result.text),
    }


def seam_fields(seam: Seam, *, text: bool) -> dict[str, Any]:
    """The figures of a seam, and its text only if that is wanted."""
    fields: dict[str, Any] = {
        "offset": seam.offset,
        "round": seam.round,
        "kind": seam.kind,
        "removed": len(seam.removed),
        "replaced": len(seam.replaced),
        "inserted": len(seam.inserted),
        "overlap": seam.overlap,
        "confidence": round(seam.confidence, 3),
        "ambiguous": seam.ambiguous,
        "note": seam.note,
    }
    if text:
        fields["removed_text"], fields["replaced_text"] = seam.removed, seam.replaced
    return fields
