"""The transition table: what follows from what, for every state and every signal.

Two rules hold this file together. Everything that moves the machine from state to state is in `TABLE`, and nothing
here knows why a signal was given (`classify.py` does) or how a step is carried out (`machine.py` does).
The diagram in the README is printed from this table by `to_mermaid()`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from continuum._core.errors import ProtocolError


class State(StrEnum):
    """Where a run stands."""

    READY = "ready"
    """Nothing was asked yet."""
    DRAFTING = "drafting"
    """The first request is out."""
    CONTINUING = "continuing"
    """A request to go on from the text so far is out."""
    ESCALATING = "escalating"
    """The same request is out again with a larger cap, because nothing usable fitted into the first one."""
    SETTLING = "settling"
    """A reply whose join is in doubt is set aside, and the same thing is asked once more."""
    REPAIRING = "repairing"
    """A value that is not of the type asked for was shown, and a corrected one is asked for, once."""
    RESUMING = "resuming"
    """A turn that the provider had suspended was sent back as it was."""
    WAITING = "waiting"
    """A pause before the next request: a rate limit, or a failure that a repeat may cure."""
    COMPLETE = "complete"
    """The model finished by itself."""
    INCOMPLETE = "incomplete"
    """The run ended before the answer did; the text so far is kept."""
    REFUSED = "refused"
    """The model or a filter refused; never asked again."""
    FAILED = "failed"
    """The provider or the network failed for good; the text so far is kept."""


class Signal(StrEnum):
    """What an event means. One event gives exactly one signal."""

    START = "start"
    WAITED = "waited"
    FINISHED = "finished"
    FINISHED_OPEN = "finished_open"
    """`stop`, but something is still open, and there is a question left to ask."""
    TRUNCATED = "truncated"
    TRUNCATED_REASONING = "truncated_reasoning"
    TRUNCATED_TOOL_CALL = "truncated_tool_call"
    NOTHING_NEW = "nothing_new"
    """The reply added nothing; once more may help."""
    DOUBTFUL = "doubtful"
    """The reply can be joined in two ways, or something is missing before it; asking again may tell."""
    INVALID = "invalid"
    """The answer has ended and is not of the type asked for."""
    SUSPENDED = "suspended"
    INTERRUPTED = "interrupted"
    REFUSED = "refused"
    CONTEXT_FULL = "context_full"
    TRANSIENT = "transient"
    PREFILL_REFUSED = "prefill_refused"
    FATAL = "fatal"
    NO_PROGRESS = "no_progress"
    """Too many replies in a row added nothing."""
    REPETITION = "repetition"
    BUDGET_SPENT = "budget_spent"
    UNKNOWN_FINISH = "unknown_finish"
    CANCELLED = "cancelled"


class Step(StrEnum):
    """What to do on a transition."""

    ASK = "ask"
    """Send the caller's request as it is."""
    CONTINUE = "continue"
    """Ask the model to go on from the text so far."""
    ESCALATE = "escalate"
    """Send the same request with a larger cap."""
    REASK = "re-ask"
    """Set the reply aside and ask for the same again, to begin with more of what is there."""
    REPAIR = "repair"
    """Ask for a corrected copy of the whole value."""
    RESUME = "resume"
    """Send the suspended turn back as it is."""
    PAUSE = "pause"
    """Wait, then send the same request again."""
    PAUSE_THEN_CONTINUE = "pause, continue"
    """Wait, then go on from the text so far."""
    REWORD = "reword"
    """Ask the same thing with a user turn instead of a prefill."""
    SEND_PENDING = "send"
    """Send what was waiting."""
    STOP = "stop"


class Transition(NamedTuple):
    """The state that follows and the step to take on the way."""

    state: State
    step: Step


IN_FLIGHT = frozenset(
    {State.DRAFTING, State.CONTINUING, State.ESCALATING, State.SETTLING, State.REPAIRING, State.RESUMING}
)
"""States in which a request is out and an outcome is awaited."""

TERMINAL = frozenset({State.COMPLETE, State.INCOMPLETE, State.REFUSED, State.FAILED})
"""States that nothing leaves."""

# What an outcome means in any state that awaits one.
_OUTCOME: dict[Signal, Transition] = {
    Signal.FINISHED: Transition(State.COMPLETE, Step.STOP),
    Signal.FINISHED_OPEN: Transition(State.CONTINUING, Step.CONTINUE),
    Signal.TRUNCATED: Transition(State.CONTINUING, Step.CONTINUE),
    Signal.TRUNCATED_REASONING: Transition(State.ESCALATING, Step.ESCALATE),
    Signal.TRUNCATED_TOOL_CALL: Transition(State.ESCALATING, Step.ESCALATE),
    Signal.NOTHING_NEW: Transition(State.CONTINUING, Step.CONTINUE),
    Signal.DOUBTFUL: Transition(State.SETTLING, Step.REASK),
    Signal.INVALID: Transition(State.REPAIRING, Step.REPAIR),
    Signal.SUSPENDED: Transition(State.RESUMING, Step.RESUME),
    Signal.INTERRUPTED: Transition(State.WAITING, Step.PAUSE_THEN_CONTINUE),
    Signal.REFUSED: Transition(State.REFUSED, Step.STOP),
    Signal.CONTEXT_FULL: Transition(State.INCOMPLETE, Step.STOP),
    Signal.TRANSIENT: Transition(State.WAITING, Step.PAUSE),
    Signal.PREFILL_REFUSED: Transition(State.FAILED, Step.STOP),
    Signal.FATAL: Transition(State.FAILED, Step.STOP),
    Signal.NO_PROGRESS: Transition(State.INCOMPLETE, Step.STOP),
    Signal.REPETITION: Transition(State.INCOMPLETE, Step.STOP),
    Signal.BUDGET_SPENT: Transition(State.INCOMPLETE, Step.STOP),
    Signal.UNKNOWN_FINISH: Transition(State.INCOMPLETE, Step.STOP),
    Signal.CANCELLED: Transition(State.INCOMPLETE, Step.STOP),
}

# Where a state differs from that.
_SPECIAL: dict[tuple[State, Signal], Transition] = {
    (State.READY, Signal.START): Transition(State.DRAFTING, Step.ASK),
    (State.READY, Signal.CANCELLED): Transition(State.INCOMPLETE, Step.STOP),
    # With no text there is nothing to go on from: the caller's request is sent again.
    (State.DRAFTING, Signal.NOTHING_NEW): Transition(State.DRAFTING, Step.ASK),
    # Only a continuation can have been sent as a prefill.
    (State.CONTINUING, Signal.PREFILL_REFUSED): Transition(State.CONTINUING, Step.REWORD),
    # A join is settled once. What is still in doubt then is taken as it is.
    (State.SETTLING, Signal.DOUBTFUL): Transition(State.CONTINUING, Step.CONTINUE),
    # A value is repaired once.
    (State.REPAIRING, Signal.INVALID): Transition(State.INCOMPLETE, Step.STOP),
    # A cap is raised once. A second reply without anything usable ends the run.
    (State.ESCALATING, Signal.TRUNCATED_REASONING): Transition(State.INCOMPLETE, Step.STOP),
    (State.ESCALATING, Signal.TRUNCATED_TOOL_CALL): Transition(State.INCOMPLETE, Step.STOP),
    (State.ESCALATING, Signal.NOTHING_NEW): Transition(State.INCOMPLETE, Step.STOP),
    (State.WAITING, Signal.BUDGET_SPENT): Transition(State.INCOMPLETE, Step.STOP),
    (State.WAITING, Signal.CANCELLED): Transition(State.INCOMPLETE, Step.STOP),
}
# WAITING, WAITED goes back to the state that the pending request belongs to, so there is one row for each.
_AFTER_WAIT: dict[State, Transition] = {
    state: Transition(state, Step.SEND_PENDING) for state in State if state in IN_FLIGHT
}


def _complete_table() -> dict[tuple[State, Signal], Transition | None]:
    table: dict[tuple[State, Signal], Transition | None] = {}
    for state in State:
        for signal in Signal:
            usual = _OUTCOME.get(signal) if state in IN_FLIGHT else None
            table[state, signal] = _SPECIAL.get((state, signal), usual)
    return table


TABLE: dict[tuple[State, Signal], Transition | None] = _complete_table()
"""Every (state, signal) pair. None: the pair cannot happen, and is a `ProtocolError` if it does. The one pair
that needs memory, (WAITING, WAITED), is resolved by `advance()` with the state that the pending request belongs to."""


def advance(state: State, signal: Signal, pending: State | None = None) -> Transition:
    """Look up what follows.

    Args:
        state: the present state.
        signal: what happened.
        pending: in `WAITING`, the state that the waiting request belongs to.

    Raises:
        ProtocolError: if the pair cannot happen.
    """
    if state is State.WAITING and signal is Signal.WAITED and pending is not None:
        return _AFTER_WAIT[pending]
    transition = TABLE[state, signal]
    if transition is None:
        raise ProtocolError(
            f"signal {signal.value!r} cannot happen in state {state.value!r}: "
            f"the states that accept it are {[s.value for s in State if TABLE[s, signal]] or ['waiting']}"
        )
    return transition


def to_mermaid() -> str:
    """Print the table as a Mermaid state diagram, signals with the same way merged into one arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (state, signal), transition in TABLE.items():
        if transition is not None:
            arrows.setdefault((state.value, transition.state.value), []).append(signal.value)
    for pending in _AFTER_WAIT:
        arrows.setdefault((State.WAITING.value, pending.value), []).append(Signal.WAITED.value)
    lines = ["stateDiagram-v2", f"    [*] --> {State.READY.value}"]
    lines += [f"    {a} --> {b}: {', '.join(signals)}" for (a, b), signals in arrows.items()]
    lines += [f"    {state.value} --> [*]" for state in State if state in TERMINAL]
    return "\n".join(lines)
