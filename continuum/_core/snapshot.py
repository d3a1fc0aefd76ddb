"""What can be told of a machine at any moment: its result, and its state as plain JSON values, and back.

The values are what a journal keeps, so that another process makes the same decisions.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from continuum._core.actions import Send
from continuum._core.asking import Asker, ServerFacts
from continuum._core.classify import Tally
from continuum._core.draft import Draft
from continuum._core.errors import ProtocolError
from continuum._core.ledger import Ledger
from continuum._core.plain import response_from_json, to_json
from continuum._core.policy import Policy
from continuum._core.state import State
from continuum._core.types import Response, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from continuum._core.machine import Continuation
    from continuum._core.types import Usage


def report(machine: Continuation) -> Result:
    """See `Continuation.result`."""
    draft, ledger, reason = machine._draft, machine._ledger, machine._reason
    finish_reason, raw_finish_reason = ledger.finish
    failure = machine._failure.error if machine._failure is not None and reason != "finished" else None
    return Result(
        text=draft.text,
        complete=machine.state is State.COMPLETE,
        finish_reason=finish_reason,
        raw_finish_reason=raw_finish_reason,
        reason=reason,
        segments=ledger.account(len(draft), draft.seams),
        seams=tuple(draft.seams),
        usage=ledger.usage,
        cost=ledger.cost if ledger.segments or ledger.usage.total_tokens else None,
        rounds=len(ledger.segments),
        model=ledger.model,
        raw=ledger.last.raw if ledger.last else None,
        cut_tool_calls=ledger.cut_calls,
        replies=tuple(ledger.replies),
        failure=failure,
    )


def dump(machine: Continuation) -> dict[str, Any]:
    """See `Continuation.to_dict`."""
    return {
        "version": 2,
        "policy": machine.policy.model_dump(exclude_unset=True),
        "state": machine.state.value,
        "stops": list(machine._endings.stops),
        "cap": machine._budget.cap,
        "limit": machine._budget.limit,
        "window": machine._budget.window,
        "may_lower": machine._may_lower,
        "repairs": machine._repairs,
        "asker": machine._asker.to_dict(),
        "ledger": machine._ledger.to_dict(),
        "draft": machine._draft.to_dict(),
        "pending": machine._pending.to_dict() if machine._pending is not None else None,
        "pending_state": machine._pending_state.value,
        "tally": asdict(machine._tally),
        "aside": to_json(machine._aside) if machine._aside else None,
        "reason": machine._reason,
        "repaired": machine.repaired,
    }


def load(
    cls: type[Continuation],
    data: Mapping[str, Any],
    price: Callable[[Usage], float | None] | None,
    invalid: Callable[[str], str] | None,
) -> Continuation:
    """See `Continuation.from_dict`."""
    if data.get("version") not in (1, 2):
        raise ProtocolError(f"this machine reads state versions 1 and 2, not {data.get('version')!r}")
    machine = cls(
        Policy(**data["policy"]),
        cap=data["cap"],
        price=price,
        stops=tuple(data["stops"]),
        limit=data["limit"],
        window=data["window"],
        may_lower=data["may_lower"],
        repairs=data["repairs"],
        invalid=invalid,
    )
    machine.state = State(data["state"])
    machine._ledger = Ledger.from_dict(data["ledger"], machine._budget)
    machine._draft = Draft.from_dict(data["draft"], machine._endings)
    if data["pending"] is not None:
        machine._pending = Send.from_dict(data["pending"])
    machine._pending_state = State(data["pending_state"])
    machine._tally = Tally(**data["tally"])
    machine._asker = Asker(
        machine.policy, machine._budget, machine._ledger, machine._draft, machine._tally, server=ServerFacts()
    )
    machine._asker.restore(data["asker"])
    machine._aside = _aside(data["aside"], machine) if data["aside"] else None
    machine._reason, machine.repaired = data["reason"], data["repaired"]
    return machine


def _aside(kept: Any, machine: Continuation) -> Response:
    """The reply that was set aside. Version 1 kept two words of it; the books and the draft have what decides."""
    if isinstance(kept, dict):
        return response_from_json(kept)
    aside = machine._draft.aside
    assert aside is not None
    word, raw_word = kept
    return Response(aside.fed, word, raw_word, machine._ledger.segments[aside.round - 1].usage)
