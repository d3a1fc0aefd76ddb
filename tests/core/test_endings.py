"""Stop sequences across a cut, endings that are mislabelled, and the end marker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import continuum
from continuum import Policy, Result
from continuum._core.actions import Done, Send
from continuum._core.endings import Endings
from continuum._core.machine import Continuation
from continuum._core.types import Prefill, Response, Seam, Usage
from continuum.testing import Reply, ScriptedClient, SimulatedProvider, sample_documents

ESSAY = sample_documents()["essay"]
MARKER = "<END-OF-ANSWER>"
ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Write."}]}
QUICK = Policy(max_rounds=100)
Call = Callable[..., Result]


def _openai(server: SimulatedProvider, policy: Policy = QUICK, *, stop: list[str] | None = None, cap: int) -> Result:
    more = {"stop": stop} if stop else {}
    with openai.OpenAI(base_url=server.openai_base_url, api_key="none") as client:
        return continuum.complete(client, policy=policy, **ASK, max_tokens=cap, **more)


def _anthropic(server: SimulatedProvider, policy: Policy = QUICK, *, stop: list[str] | None = None, cap: int) -> Result:
    more = {"stop_sequences": stop} if stop else {}
    with anthropic.Anthropic(base_url=server.anthropic_base_url, api_key="none") as client:
        return continuum.complete(client, policy=policy, **ASK, max_tokens=cap, **more)


def _streamed(server: SimulatedProvider, policy: Policy = QUICK, *, stop: list[str] | None = None, cap: int) -> Result:
    more = {"stop": stop} if stop else {}
    with openai.OpenAI(base_url=server.openai_base_url, api_key="none") as client:
        events = list(continuum.stream(client, policy=policy, **ASK, max_tokens=cap, **more))
    result = events[-1].result
    assert result is not None
    assert "".join(event.text for event in events) == result.text
    return result


@pytest.fixture(params=[_openai, _anthropic, _streamed], ids=["openai", "anthropic", "streamed"])
def call(request: pytest.FixtureRequest) -> Call:
    return request.param  # type: ignore[no-any-return]


# -- stop sequences ---------------------------------------------------------------------------------------------------

STOP = "ENOUGHOFTHATNOW"
TALE = f"{ESSAY[:400]} {STOP} {ESSAY[400:900]}"


@pytest.mark.parametrize("prefill", ["continue", "echo"])
@pytest.mark.parametrize("cap", range(100, 108))
def test_a_stop_sequence_across_a_cut_ends_the_answer_in_place(prefill: Any, cap: int) -> None:
    """The server does not look at what it was given, so the whole sequence is seen in the joined text alone."""
    with SimulatedProvider(TALE, prefill=prefill) as server:
        policy = QUICK.model_copy(update={"strategy": "in_place"})
        results = [ask(server, policy, stop=[STOP], cap=cap) for ask in (_openai, _streamed)]
    for result in results:
        assert result.text.rstrip() == ESSAY[:400].rstrip()
        assert result.complete
        assert result.finish_reason == "stop"
        assert len(result.raw_segments) == result.rounds


@pytest.mark.parametrize("cap", range(100, 108))
def test_a_stop_sequence_across_a_cut_ends_the_answer(call: Call, cap: int) -> None:
    """Wherever the cap cuts, also in the middle of the sequence, the text ends before it and the run is complete."""
    with SimulatedProvider(TALE) as server:
        result = call(server, stop=[STOP], cap=cap)
    assert result.text.rstrip() == ESSAY[:400].rstrip()
    assert result.complete
    assert result.finish_reason == "stop"
    assert len(result.raw_segments) == result.rounds


def test_a_stop_sequence_inside_the_words_to_be_said_again_ends_nothing() -> None:
    """A reply that broke off in its preamble at a stop sequence is asked for again."""
    machine = Continuation(cap=50, stops=("\n\n",))
    machine.start()
    machine.receive(Response("The first part is said. The second p", "length"))
    action = machine.receive(Response("Sure, here is the rest of the answer:", "stop"))
    assert isinstance(action, Send)
    action = machine.receive(Response("The second part is said too.", "stop"))
    assert isinstance(action, Done)
    assert action.complete
    assert machine.result().text == "The first part is said. The second part is said too."


@settings(max_examples=200, deadline=None)
@given(st.text("abEND \n", max_size=60), st.lists(st.integers(1, 5), min_size=1, max_size=30), st.integers(0, 60))
def test_what_a_stream_shows_never_holds_a_stop_sequence(text: str, sizes: list[int], cut: int) -> None:
    """In place, whatever the deltas: the text ends before the first sequence that lies across the cut."""
    left, right = text[:cut], text[cut:]
    assume(not (left[-1:].isspace() and right[:1].isspace()))  # white space on both sides of a cut is one and the same
    machine = Continuation(Policy(max_repetition=None), prefill=Prefill(), cap=50, stops=("END", "\n\n"))
    machine.start()
    shown = machine.feed(left) if left else ""
    action = machine.receive(Response(left, "length", prefill=Prefill()))
    if not left.strip() or not isinstance(action, Send):
        return
    shown += action.text
    position = 0
    while position < len(right):
        size = sizes[position % len(sizes)]
        shown += machine.feed(right[position : position + size])
        position += size
    action = machine.receive(Response(right, "stop", prefill=Prefill()))
    result = machine.result()
    assert result.text == shown + action.text if isinstance(action, Done) else result.text.startswith(shown)
    assert "".join(result.raw_segments) == left + right
    across = [
        at
        for stop in ("END", "\n\n")
        for at in range(max(0, cut - len(stop) + 1), cut)
        if text.startswith(stop, at) and at + len(stop) > cut
    ]
    if across and len(left) == cut:
        assert result.text == text[: min(across)]


@given(st.text("abc", max_size=8), st.lists(st.text("abc", min_size=1, max_size=4), max_size=3))
def test_what_is_held_is_the_longest_beginning(tail: str, stops: list[str]) -> None:
    """Not a character more, and not one less."""
    endings = Endings(tuple(stops))
    sizes = [n for n in range(1, len(tail) + 1) for s in stops if n < len(s) and tail.endswith(s[:n])]
    assert endings.held(tail) == max(sizes, default=0)


# -- endings that are mislabelled -------------------------------------------------------------------------------------


def test_a_stop_that_used_the_whole_cap_is_a_cut(call: Call) -> None:
    """Servers that say `stop` for every ending are found out by their own count."""
    with SimulatedProvider(ESSAY, behaviours=lambda _: "early_stop:120") as server:
        result = call(server, cap=120)
    assert result.text == ESSAY
    assert result.complete
    assert "all 120 tokens of the cap are used" in result.segments[0].evidence


def test_the_check_can_be_switched_off(call: Call) -> None:
    """`check_endings=False`: the first `stop` is the end."""
    policy = QUICK.model_copy(update={"check_endings": False})
    with SimulatedProvider(ESSAY, behaviours=["early_stop:120@0"]) as server:
        result = call(server, policy, cap=120)
    assert result.complete
    assert result.rounds == 1


@pytest.mark.parametrize("name", ["json", "markdown"])
def test_a_first_stop_inside_json_or_a_fence_is_a_cut(call: Call, name: str) -> None:
    """A first reply that says `stop` and leaves a structure open is gone on with."""
    text = '{"rows": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]}'
    if name == "markdown":
        text = "Code:\n\n```python\n" + "".join(f"value_{i} = {i}\n" for i in range(30)) + "```\n\nThat is all.\n"
    with SimulatedProvider(text, behaviours=["early_stop:40@0"]) as server:
        result = call(server, cap=400)
    assert result.text == text
    assert result.complete
    assert result.segments[0].evidence.startswith("'stop', but open")


def test_a_length_that_was_the_end_is_found_out(call: Call) -> None:
    """A server that says `length` whatever happens: continuations bring nothing, nothing is open, so it is the end."""
    with SimulatedProvider(ESSAY, behaviours=lambda _: "length_at_end") as server:
        result = call(server, cap=5000)
    assert result.text == ESSAY
    assert result.complete
    assert result.finish_reason == "stop"
    assert result.raw_finish_reason in ("length", "max_tokens")
    assert "nothing is open" in result.segments[-1].evidence


def test_a_wrapped_client_says_what_the_evidence_says() -> None:
    """The SDK's own response shows the natural end."""
    with SimulatedProvider(ESSAY, behaviours=lambda _: "length_at_end") as server:
        with openai.OpenAI(base_url=server.openai_base_url, api_key="none") as plain:
            response = continuum.wrap(plain).chat.completions.create(**ASK, max_tokens=5000)
        assert response.choices[0].finish_reason == "stop"
        with anthropic.Anthropic(base_url=server.anthropic_base_url, api_key="none") as client:
            message = continuum.wrap(client).messages.create(**ASK, max_tokens=5000)
        assert message.stop_reason == "end_turn"


def test_a_length_in_the_middle_of_a_sentence_is_no_end() -> None:
    """Nothing new twice, but the last sentence is open: incomplete."""
    machine = Continuation(cap=50)
    machine.start()
    machine.receive(Response("The keeper climbed the stair. The lamp was c", "length"))
    machine.receive(Response("", "length", usage=Usage(1, 1)))
    action = machine.receive(Response("", "length", usage=Usage(1, 1)))
    assert isinstance(action, Done)
    assert (action.complete, action.reason) == (False, "no_progress")


SILENT_AFTER = [
    "The log books survive, all forty-",
    "- salt\n- pep",
    "Text.\n\n## Sec",
    "The causes are the following:",
    "| a | b |\n|---|---|\n| 1 |",
]


@pytest.mark.parametrize("text", SILENT_AFTER)
@pytest.mark.parametrize("word", ["stop", "length"])
@pytest.mark.parametrize("more", [{}, {"stop": ["ENOUGH"]}, {"n": 1}])
def test_silence_after_a_cut_is_no_end(text: str, word: Any, more: dict[str, Any]) -> None:
    """6: a text that was cut is not complete because the model says nothing more."""
    client = ScriptedClient(lambda send: Reply("", word) if send.turns else Reply(text, "length"))
    result = continuum.complete(client, **ASK, max_tokens=20, **more)
    assert result.text == text
    assert (result.complete, result.rounds) == (False, 3)
    assert result.reason in ("no_progress", "unclosed")
    assert result.finish_reason == word


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(sorted(sample_documents())),
    st.integers(1, 5000),
    st.sampled_from(["stop", "length"]),
    st.booleans(),
)
def test_a_text_that_was_cut_in_a_word_is_never_whole(name: str, place: int, word: Any, in_place: bool) -> None:
    """6: wherever a word was cut, in place and not, silence does not make a whole text of it."""
    document = sample_documents()[name]
    assume(document[place - 1 : place + 1].isalnum() and place < len(document))
    prefill = Prefill() if in_place else None
    machine = Continuation(prefill=prefill, cap=50)
    machine.start()
    action = machine.receive(Response(document[:place], "length", prefill=prefill))
    while not isinstance(action, Done):
        action = machine.receive(Response("", word, prefill=prefill))
    assert not action.complete
    assert machine.result().text == document[:place]


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("call", [_openai, _anthropic, _streamed], ids=["openai", "anthropic", "streamed"])
def test_empty_replies_do_not_complete_half_an_essay(call: Call, in_place: bool) -> None:
    """Over the wire: the text ends in the middle of a word, and the wrapped client says so as well."""
    policy = QUICK.model_copy(update={"strategy": "in_place"}) if in_place else QUICK
    with SimulatedProvider(
        ESSAY, behaviours=["empty", "empty"], prefill="continue" if in_place else "refuse"
    ) as server:
        result = call(server, policy, cap=300)
    assert (result.complete, result.reason) == (False, "unclosed")
    assert ESSAY.startswith(result.text)
    assert len(result.text) < len(ESSAY)


def test_a_text_that_is_all_there_is_whole_at_its_cap_in_place() -> None:
    """The cap fell on the last token: the empty reply in place is the end, and nothing is asked again."""
    machine = Continuation(prefill=Prefill(), cap=50)
    machine.start()
    machine.receive(Response("The lamp was lit.", "length", prefill=Prefill()))
    action = machine.receive(Response("", "stop", prefill=Prefill()))
    assert isinstance(action, Done)
    assert action.complete


def test_a_stop_of_the_models_own_needs_no_proof() -> None:
    """Nobody cut the text: the model had ended it, was asked for the marker alone, and has no more to say."""
    machine = Continuation(Policy(end_marker=MARKER))
    machine.start()
    machine.receive(Response("- salt\n- pepper", "stop"))
    action = machine.receive(Response("", "stop"))
    assert isinstance(action, Done)
    assert action.complete


# -- the end marker ---------------------------------------------------------------------------------------------------

MARKED = QUICK.model_copy(update={"end_marker": MARKER})


@pytest.mark.parametrize("cap", [100, 101, 102, 103, 3000])
def test_the_end_marker_is_asked_for_and_stripped(call: Call, cap: int) -> None:
    """It is in the first message, in no text, and wherever the cap cuts it the run is complete."""
    with SimulatedProvider(f"{ESSAY[:1200]}\n\n{MARKER}\n") as server:
        result = call(server, MARKED, cap=cap)
        assert MARKER in str(server.requests[0].body["messages"])
        assert ("close it with" in str(server.requests[-1].body["messages"][-1])) is True
    assert result.text == ESSAY[:1200].rstrip()
    assert result.complete
    assert MARKER in "".join(result.raw_segments)


def test_a_stop_without_the_marker_is_questioned(call: Call) -> None:
    """The model stopped too early, and finds the end when asked."""
    with SimulatedProvider(f"{ESSAY}\n{MARKER}", behaviours=["early_stop:100@0"]) as server:
        result = call(server, MARKED, cap=4000)
    assert result.text == ESSAY.rstrip()
    assert result.complete
    assert result.segments[0].evidence == "'stop', but the end marker is missing"


def test_the_marker_outweighs_the_providers_word(call: Call) -> None:
    """`length` behind the marker is the end all the same, and nothing more is bought."""
    with SimulatedProvider(f"{ESSAY}\n{MARKER}", behaviours=["length_at_end@0"]) as server:
        result = call(server, MARKED, cap=4000)
        assert len(server.requests) == 1
    assert result.complete
    assert result.text == ESSAY.rstrip()


def test_a_model_that_ignores_the_marker_is_asked_once(call: Call) -> None:
    """Then its text counts as finished, and the evidence says what was missing."""
    with SimulatedProvider(ESSAY) as server:
        result = call(server, MARKED, cap=4000)
    assert result.text == ESSAY
    assert result.complete
    assert result.rounds == 2


@pytest.mark.parametrize("content", ["Write.", [{"type": "text", "text": "Write."}]])
def test_the_callers_messages_stay_as_they_are(content: Any) -> None:
    """The instruction goes into a copy."""
    messages = [{"role": "user", "content": content}]
    with SimulatedProvider(f"Short.\n{MARKER}") as server:
        with openai.OpenAI(base_url=server.openai_base_url, api_key="none") as client:
            result = continuum.complete(client, policy=MARKED, model="m", messages=messages, max_tokens=100)
        assert MARKER in str(server.requests[0].body["messages"])
    assert messages == [{"role": "user", "content": content}]
    assert result.text == "Short."


def test_what_the_end_takes_off_is_one_seam_of_the_reply() -> None:
    """The marker, the white space before it and all behind it are what the reply said and the text does not."""
    for cut in (1, 5, 100):
        machine = Continuation(MARKED)
        machine.start()
        reply = f"Text.\n{MARKER}\nThat is all."
        shown = "".join(machine.feed(reply[at : at + cut]) for at in range(0, len(reply), cut))
        last = machine.receive(Response(reply, "stop"))
        assert shown + last.text == machine.result().text == "Text."
        assert machine.seams == [Seam(5, 1, "nothing_new", reply[5:], note="the end marker")]


def test_the_sequence_that_is_whole_first_ends_the_text() -> None:
    """As in a server, which sees one token after the other: so it is the same one however the deltas are cut."""
    found = Endings(("lamp was lit at", "p was")).find("The lamp was lit at dusk", 15, 9)
    assert found is not None
    assert (found.behind, found.start) == (12, 7)


def test_white_space_before_a_marker_that_may_come_is_held_back() -> None:
    """Also where a stop sequence begins with some of it."""
    assert Endings((" <END> of",), "<END>").held("A word.  <E") == len("  <E")


def test_a_sign_for_half_of_a_character_before_the_marker_stays() -> None:
    """3: the cap cut nothing there, and the reader has seen it."""
    machine = Continuation(MARKED)
    machine.start()
    shown = machine.feed("It ends with \ufffd") + machine.feed(f" and \ufffd{MARKER}, as")
    last = machine.receive(Response(f"It ends with \ufffd and \ufffd{MARKER}, as", "length"))
    assert shown + last.text == machine.result().text == "It ends with \ufffd and \ufffd"
