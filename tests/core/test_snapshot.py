"""A run that is written down and read back anywhere goes on as if it had not been."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from continuum import Policy, Result, Usage
from continuum._core.actions import Done, Wait
from continuum._core.machine import Continuation
from continuum._core.plain import from_json, to_json
from continuum._core.types import CutToolCall, Failure, Response

FIRST = "The lamp was cold and the oil had run dry, so the keeper"
ELSEWHERE = "Chapter nine of the book. The rates of the harbour were raised again in March."

Read = Callable[[dict[str, Any]], dict[str, Any]]


def as_version_1(data: dict[str, Any]) -> dict[str, Any]:
    """What the first version wrote: two words of the reply that was set aside."""
    kept = data["aside"]
    words = [kept["finish_reason"], kept["raw_finish_reason"]] if kept is not None else None
    return {**data, "version": 1, "aside": words}


def run(outcomes: list[Response | Failure], read: Read | None = None) -> Result:
    """Tell a machine these outcomes; before each it is written down and read back, if `read` says how."""
    machine = Continuation(Policy(deadline=None, max_rounds=6), cap=20)
    action: Any = machine.start()
    for outcome in outcomes:
        if isinstance(action, Wait):
            action = machine.resume()
        if isinstance(action, Done):
            break
        action = machine.receive(outcome)
        if read is not None:
            machine = Continuation.from_dict(read(json.loads(json.dumps(machine.to_dict()))))
    return machine.result()


@pytest.mark.parametrize("read", [dict, as_version_1], ids=["now", "version 1"])
def test_a_reply_that_was_set_aside_is_judged_by_all_that_is_known_of_it(read: Read) -> None:
    """6, 7: it used its whole cap, so its `stop` is no end, although another process asked about its join."""
    outcomes: list[Response | Failure] = [
        Response(FIRST, "length", "length", Usage(10, 20)),
        Response(ELSEWHERE, "stop", "stop", Usage(10, 20)),
        Response("", "stop", "stop", Usage(10, 1)),
        Response("More text, it goes on here.", "stop", "stop", Usage(10, 5)),
    ]
    whole = run(outcomes)
    assert whole.text.endswith("it goes on here.")
    assert run(outcomes, read) == whole


def test_a_request_that_failed_is_no_round_when_the_run_is_over() -> None:
    """7: the state of a run that has ended holds no seam of a reply that never came."""
    outcomes: list[Response | Failure] = [
        Response("\n\n", "length", "length", Usage(10, 1)),
        Failure("rejected", "no", 400),
    ]
    assert run(outcomes, dict) == run(outcomes)
    assert run(outcomes).seams == ()


@pytest.mark.parametrize(
    "outcome",
    [
        Response("Text.", "length", cut_tool_calls=(CutToolCall("write_file", '{"path": "a', "call_1"),)),
        Failure("transient", "it broke", cut_tool_calls=(CutToolCall("f", "{}", whole=True), CutToolCall("f", '{"pa'))),
    ],
)
def test_what_came_of_a_tool_call_is_kept(outcome: Response | Failure) -> None:
    """5: in a journal as well as in a machine."""
    assert from_json(json.loads(json.dumps(to_json(outcome)))) == outcome
