"""The transition table by itself: no text, no policy, no provider."""

from __future__ import annotations

import pytest

from continuum._core.errors import ProtocolError
from continuum._core.state import IN_FLIGHT, TABLE, TERMINAL, Signal, State, Step, advance, to_mermaid

OUTCOMES = set(Signal) - {Signal.START, Signal.WAITED}


def test_the_table_has_every_pair() -> None:
    """Every (state, signal) pair is in the table, if only to say that it cannot happen."""
    assert set(TABLE) == {(state, signal) for state in State for signal in Signal}


@pytest.mark.parametrize("state", sorted(IN_FLIGHT))
@pytest.mark.parametrize("signal", sorted(OUTCOMES))
def test_a_state_that_awaits_an_outcome_accepts_every_outcome(state: State, signal: Signal) -> None:
    """No outcome of a request can find the machine without an answer."""
    assert TABLE[state, signal] is not None


@pytest.mark.parametrize("state", sorted(TERMINAL))
@pytest.mark.parametrize("signal", sorted(Signal))
def test_nothing_leaves_a_terminal_state(state: State, signal: Signal) -> None:
    """A run that is over stays over."""
    with pytest.raises(ProtocolError, match=f"signal '{signal.value}' cannot happen in state '{state.value}'"):
        advance(state, signal)


@pytest.mark.parametrize("state", sorted(set(State) - TERMINAL))
def test_every_other_state_can_end(state: State) -> None:
    """From every state some way leads to a terminal one, and cancelling is always one."""
    transition = TABLE[state, Signal.CANCELLED]
    assert transition is not None
    assert transition.state in TERMINAL


def test_stop_steps_and_terminal_states_are_the_same_thing() -> None:
    """A step that stops leads to a terminal state, and nothing else does."""
    for transition in TABLE.values():
        if transition is not None:
            assert (transition.step is Step.STOP) == (transition.state in TERMINAL)


def test_only_a_natural_end_is_success() -> None:
    """`complete` is reached by `finished` and by nothing else: an unknown word is never success."""
    reached_by = {s for (_, s), t in TABLE.items() if t is not None and t.state is State.COMPLETE}
    assert reached_by == {Signal.FINISHED}


def test_a_cap_is_raised_once() -> None:
    """A second reply without anything usable ends the run instead of raising the cap again."""
    for signal in (Signal.TRUNCATED_REASONING, Signal.TRUNCATED_TOOL_CALL, Signal.NOTHING_NEW):
        transition = TABLE[State.ESCALATING, signal]
        assert transition is not None
        assert transition.step is Step.STOP


@pytest.mark.parametrize("state", sorted(IN_FLIGHT))
def test_a_wait_goes_back_to_where_its_request_belongs(state: State) -> None:
    """After a pause the pending request goes out in the state that it belongs to."""
    assert advance(State.WAITING, Signal.WAITED, state) == (state, Step.SEND_PENDING)


def test_a_wait_needs_a_pending_request() -> None:
    """Waking up with nothing to send is a bug in the driver, and says so."""
    with pytest.raises(ProtocolError, match="waited"):
        advance(State.WAITING, Signal.WAITED)


def test_the_diagram_shows_every_state_and_every_signal() -> None:
    """The printed diagram leaves nothing of the table out."""
    diagram = to_mermaid()
    for state in State:
        assert state.value in diagram
    for signal in Signal:
        assert signal.value in diagram
    arrows = {(s, t.state) for (s, _), t in TABLE.items() if t is not None}
    arrows |= {(State.WAITING, state) for state in IN_FLIGHT}
    assert diagram.count("-->") == len(arrows) + 1 + len(TERMINAL)
