"""Log events for every decision of a run, through structlog; quiet unless the application listens.

An application that has configured structlog gets the events in its own way. Otherwise they go to the standard
library's logger `continuum`, which has no handler of its own. Message text is logged only if the policy asks for it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from continuum._core.actions import Done, Send
    from continuum._core.machine import Continuation
    from continuum._core.types import Seam

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


def send_fields(send: Send) -> dict[str, Any]:
    """What a request is for."""
    return {
        "round": send.round,
        "reason": send.reason,
        "in_place": send.in_place,
        "max_tokens": send.max_tokens,
        "hidden": send.hidden,
        "evidence": send.evidence,
    }


def done_fields(done: Done, machine: Continuation) -> dict[str, Any]:
    """How a run ended."""
    return {
        "reason": done.reason,
        "complete": done.complete,
        "state": machine.state.value,
        "rounds": machine.rounds,
        "characters": machine.length,
        "input_tokens": machine.usage.input_tokens,
        "output_tokens": machine.usage.output_tokens,
        "error": done.failure.message if done.failure else None,
        "evidence": done.evidence,
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
