"""What the machine decides, signal by signal."""

from __future__ import annotations

import json

import pytest

from continuum import Policy, ProtocolError, Usage
from continuum._core.actions import Action, Done, Send, Wait
from continuum._core.asking import ServerFacts
from continuum._core.machine import Continuation
from continuum._core.state import State
from continuum._core.types import Failure, Prefill, Response

TEXT = "The keeper climbed the stair. The lamp was cold and the oil had run "
TALE = [
    "The first lighthouse that anyone remembers stood on an island off Alexandria. ",
    "Its fire was fed with wood, which had to be carried up a ramp by mules every evening. ",
    "An earthquake took the upper storeys in the year 1303, and a fort was built from what fell. ",
    "Centuries later, engineers in France ground glass into rings that threw the beam to the horizon. ",
    "Keepers wound the clockwork by hand, trimmed wicks, and wrote down each passing sail. ",
    "Then electricity came, and after it the automatic lamp, and nobody climbs the stairs any more. ",
]
FENCED = "Here is the code:\n\n```python\ndef wind(lamp):\n    return lamp"


def cut(text: str = TEXT, **facts: object) -> Response:
    return Response(text, "length", "length", Usage(10, 20), **facts)  # type: ignore[arg-type]


def stop(text: str, **facts: object) -> Response:
    return Response(text, "stop", "stop", Usage(10, 20), **facts)  # type: ignore[arg-type]


def started(policy: Policy | None = None, **options: object) -> Continuation:
    machine = Continuation(policy, **options)  # type: ignore[arg-type]
    first = machine.start()
    assert first == Send(1, "ask", max_tokens=first.max_tokens)
    return machine


def send(action: Action) -> Send:
    assert isinstance(action, Send), action
    return action


def done(action: Action) -> Done:
    assert isinstance(action, Done), action
    return action


def test_a_finished_answer_is_done_in_one_round() -> None:
    """`finished`: the answer is complete and nothing else is sent."""
    machine = started()
    assert done(machine.receive(stop("All of it."))).complete
    result = machine.result()
    assert (result.text, result.complete, result.reason, result.rounds) == ("All of it.", True, "finished", 1)
    assert result.seams == ()


def test_a_cut_answer_is_continued_with_a_user_turn() -> None:
    """`truncated`: the text is shown as an assistant turn up to a safe place, and one user turn asks for more."""
    machine = started()
    action = send(machine.receive(cut()))
    assert (action.round, action.reason, action.in_place) == (2, "continue", False)
    assert [turn.role for turn in action.turns] == ["assistant", "user"]
    shown = action.turns[0].text
    assert TEXT.startswith(shown)
    assert shown.rstrip()[-1] in ".n"
    anchor = action.turns[1].text.split('"')[1]
    assert shown.rstrip().endswith(anchor)
    assert "beginning with its last words" in action.turns[1].text


def test_a_verified_anchor_joins_without_a_trace() -> None:
    """The anchor that the reply was asked for is taken off, whole, and the seam says so."""
    machine = started()
    action = send(machine.receive(cut()))
    anchor = action.turns[1].text.split('"')[1]
    rest = TEXT[len(action.turns[0].text) :]
    machine.receive(stop(anchor + " " * (not anchor.endswith(" ")) + rest.lstrip() + "dry."))
    result = machine.result()
    assert result.text == TEXT + "dry."
    assert [seam.kind for seam in result.seams] == ["anchor"]
    assert result.complete


def test_the_text_is_one_turn_that_grows_at_its_end() -> None:
    """Each request shows all of the text so far as one turn, in the parts of the requests before, and one question."""
    machine = started(Policy(max_rounds=10, reask=0))
    action = send(machine.receive(cut(TALE[0])))
    for sentence in TALE[1:]:
        before = action.turns[0]
        action = send(machine.receive(cut(sentence)))
        assert [turn.role for turn in action.turns] == ["assistant", "user"]
        assert action.turns[0].text.startswith(before.text)
        assert action.turns[0].parts == (*before.parts, len(action.turns[0].text))
        assert machine.result().text.startswith(action.turns[0].text)


def test_history_only_grows_where_it_has_to() -> None:
    """Each request repeats the last one's turns and adds to them; no two assistant turns follow each other."""
    machine = started(Policy(max_rounds=10, reask=0), server=ServerFacts(merges=False))
    action = send(machine.receive(cut(TALE[0])))
    for sentence in TALE[1:]:
        before = action.turns
        action = send(machine.receive(cut(sentence)))
        assert action.turns[: len(before)] == before
        roles = [turn.role for turn in action.turns]
        assert roles == ["assistant", "user"] * (len(roles) // 2)
        assert all(turn.text.strip() for turn in action.turns)
    shown = "".join(turn.text for turn in action.turns if turn.role == "assistant")
    assert machine.result().text.startswith(shown)


def test_a_server_that_goes_on_in_place_is_asked_in_place() -> None:
    """With a prefill the history ends on the whole text so far, and the reply follows it exactly."""
    machine = started(prefill=Prefill())
    action = send(machine.receive(cut(prefill=Prefill())))
    assert action.in_place
    assert [turn.text for turn in action.turns] == [TEXT]
    machine.receive(stop("dry.", prefill=Prefill()))
    assert machine.result().text == TEXT + "dry."
    assert [seam.kind for seam in machine.result().seams] == ["exact"]


@pytest.mark.parametrize("echo", [False, True])
@pytest.mark.parametrize("strips", [False, True])
def test_an_echoed_prefix_and_stripped_white_space_leave_no_trace(echo: bool, strips: bool) -> None:
    """A server may repeat the prefix, and refuse white space at its end; the text is the same."""
    how = Prefill(strips=strips)
    machine = started(prefill=how)
    action = send(machine.receive(cut(prefill=how)))
    shown = action.turns[-1].text
    assert shown == (TEXT.rstrip() if strips else TEXT)
    missing = TEXT[len(shown) :]
    machine.receive(stop((shown if echo else "") + missing + "dry.", prefill=how))
    assert machine.result().text == TEXT + "dry."


def test_a_refused_prefill_becomes_a_user_turn() -> None:
    """`prefill_refused`: the same question is asked with a user turn, and it costs no round."""
    machine = started(prefill=Prefill())
    assert send(machine.receive(cut(prefill=Prefill()))).in_place
    action = send(machine.receive(Failure("prefill_refused", "no prefill", 400)))
    assert (action.round, action.reason, action.in_place) == (2, "reword", False)
    assert action.turns[-1].role == "user"
    # What the next reply says of the server does not bring the prefill back.
    assert not send(machine.receive(cut("And so on and on it went. ", prefill=Prefill()))).in_place


def test_a_forced_prefill_is_not_reworded() -> None:
    """With strategy='in_place' a refusal is the end, and the text so far is kept."""
    machine = started(Policy(strategy="in_place"))
    assert send(machine.receive(cut())).in_place
    assert done(machine.receive(Failure("prefill_refused", "no prefill", 400))).reason == "rejected"
    assert machine.result().text == TEXT


def test_a_prefill_is_never_empty() -> None:
    """With nothing but white space to show, the caller's request is sent again instead."""
    machine = started(prefill=Prefill())
    action = send(machine.receive(cut("\n", prefill=Prefill())))
    assert action.turns == ()


def test_reasoning_that_took_the_whole_cap_is_no_continue() -> None:
    """`truncated_reasoning`: without leave to raise the cap the run stops; nothing empty is ever appended."""
    machine = started()
    assert done(machine.receive(cut("", reasoning=True))).reason == "reasoning_exhausted"


def test_the_cap_is_raised_once_where_allowed() -> None:
    """With leave, the same request goes out once with the larger cap; a second time ends the run."""
    machine = started(Policy(raise_cap_to=4000), cap=100)
    action = send(machine.receive(cut("", reasoning=True)))
    assert (action.turns, action.max_tokens, action.reason) == ((), 4000, "escalate")
    assert done(machine.receive(cut("", reasoning=True))).reason == "reasoning_exhausted"


def test_a_cap_that_nobody_fixed_is_raised_to_what_the_model_can_write() -> None:
    """The server's own default cap is no choice of the caller's; the model's limit and the run's ceiling are."""
    for total, cap in ((200_000, 9000), (5000, 4980)):
        machine = started(Policy(max_output_tokens=total), cap=None, limit=9000)
        assert send(machine.receive(cut("", reasoning=True))).max_tokens == cap
        machine = started(Policy(max_output_tokens=total), cap=None, limit=9000)
        action = send(machine.receive(cut()))
        assert (action.reason, action.max_tokens) == ("continue", cap)
    machine = started(cap=None, limit=20)  # the reply had as many
    assert send(machine.receive(cut())).max_tokens is None
    machine = started(cap=100, limit=9000)
    assert done(machine.receive(cut("", reasoning=True))).reason == "reasoning_exhausted"
    machine = started(Policy(raise_cap_to=50_000), cap=100, limit=9000)
    assert send(machine.receive(cut("", reasoning=True))).max_tokens == 9000


def test_reasoning_in_a_later_round_is_asked_for_with_the_same_turns() -> None:
    """What is escalated is the last request, not the first: the text so far is not said again."""
    machine = started(Policy(raise_cap_to=4000), cap=100)
    before = send(machine.receive(cut()))
    action = send(machine.receive(cut("", reasoning=True)))
    assert (action.reason, action.turns, action.max_tokens) == ("escalate", before.turns, 4000)
    assert done(machine.receive(stop(TEXT + " And so it ended."))).complete
    assert machine.result().text == TEXT + " And so it ended."


def test_a_cut_tool_call_is_never_continued() -> None:
    """`truncated_tool_call`: half-written arguments are not appended to."""
    assert done(started().receive(cut("", tool_calls=1))).reason == "tool_call_cut"
    machine = started(Policy(raise_cap_to=4000), cap=100)
    assert send(machine.receive(cut("", tool_calls=1))).reason == "escalate"


def test_a_finished_tool_call_is_complete() -> None:
    """`tool_calls` is a natural end."""
    assert done(started().receive(Response("", "tool_calls", "tool_use", tool_calls=1))).complete


def test_a_suspended_turn_goes_back_as_it_is() -> None:
    """`suspended`: the provider's blocks are sent back untouched, and what follows is joined in place."""
    machine = started()
    blocks = ({"type": "text", "text": "Searching. "}, {"type": "server_tool_use", "id": "1"})
    action = send(machine.receive(Response("Searching. ", "interrupted", "pause_turn", suspended=True, blocks=blocks)))
    assert (action.reason, action.turns[-1].blocks, action.turns[-1].text) == ("resume", blocks, "")
    machine.receive(stop("Found it."))
    assert machine.result().text == "Searching. Found it."
    assert machine.result().complete


def test_a_suspended_turn_without_blocks_is_an_interrupted_one() -> None:
    """There is nothing to send back, so the model is asked to go on from the text, as often as need be."""
    machine = started()
    assert isinstance(machine.receive(Response(TEXT, "interrupted", "pause_turn", Usage(10, 20), suspended=True)), Wait)
    assert send(machine.resume()).turns[0].text.startswith("The keeper")
    assert send(machine.receive(cut(""))).reason == "continue"


def test_a_refusal_is_final() -> None:
    """`refused`: never asked again, and the partial text is kept."""
    for word in ("refusal", "content_filter"):
        machine = started()
        action = done(machine.receive(Response("I will", word)))  # type: ignore[arg-type]
        assert action.reason == "refused"
        assert machine.state is State.REFUSED
        assert machine.result().text == "I will"


def test_a_full_context_window_is_not_a_cap() -> None:
    """`context_full`: as a finish reason or as a 400, it ends the run with the text so far."""
    machine = started()
    assert done(machine.receive(Response(TEXT, "context_window"))).reason == "context_window"
    machine = started()
    machine.receive(cut())
    assert done(machine.receive(Failure("context_window", "too long", 400))).reason == "context_window"
    assert machine.result().text == TEXT


def test_an_interrupted_reply_is_continued_after_a_pause() -> None:
    """`interrupted`: the partial is kept and gone on from."""
    machine = started()
    wait = machine.receive(Response(TEXT, "interrupted", usage=Usage(0, 9, estimated=True)))
    assert isinstance(wait, Wait)
    action = send(machine.resume())
    assert action.turns[0].role == "assistant"
    assert machine.usage.estimated


def test_interruptions_have_a_ceiling() -> None:
    """Streams that break off again and again end the run."""
    machine = started(Policy(max_interruptions=2))
    action: Action = machine.receive(Response("One two three four. ", "interrupted"))
    for number in range(2):
        assert isinstance(action, Wait)
        assert action.attempt == number + 1
        machine.resume()
        action = machine.receive(Response(f"Part {number} of something new. ", "interrupted"))
    assert done(action).reason == "max_interruptions"


def test_a_transient_failure_waits_and_repeats_the_same_request() -> None:
    """`transient`: the same request goes out again, up to a ceiling; a server's Retry-After is passed on."""
    machine = started(Policy(max_retries=2))
    request = send(machine.receive(cut()))
    for attempt in (1, 2):
        wait = machine.receive(Failure("rate_limited", "slow down", 429, retry_after=3.0))
        assert wait == Wait("slow down", attempt, 3.0)
        again = send(machine.resume())
        assert again.turns == request.turns
        assert again.round == 2
    assert done(machine.receive(Failure("rate_limited", "slow down", 429))).reason == "rate_limited"
    assert machine.result().text == TEXT


def test_retries_are_counted_anew_for_each_request() -> None:
    """A reply resets the count of repeats."""
    machine = started(Policy(max_retries=1))
    machine.receive(Failure("transient", "503", 503))
    machine.resume()
    machine.receive(cut())
    assert isinstance(machine.receive(Failure("transient", "503", 503)), Wait)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (Failure("quota", "no credit", 429), "quota"),
        (Failure("rejected", "bad key", 401), "rejected"),
        (Failure("broken", "what?"), "failed"),
        (Failure("transient", "do not retry", 500, should_retry=False), "failed"),
        (Failure("rate_limited", "tomorrow", 429, retry_after=86400.0), "rate_limited"),
    ],
)
def test_what_no_repeat_cures_ends_the_run_at_once(failure: Failure, reason: str) -> None:
    """`fatal`: quota, refused requests, x-should-retry: false, and waits beyond the policy."""
    machine = started()
    machine.receive(cut())
    action = done(machine.receive(failure))
    assert action.reason == reason
    assert action.failure is failure
    assert machine.result().text == TEXT


def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    """A Retry-After that ends after the deadline ends the run now."""
    machine = started(Policy(deadline=10))
    action = done(machine.receive(Failure("rate_limited", "wait", 429, retry_after=8.0), elapsed=5.0))
    assert action.reason == "deadline"


def test_replies_that_add_nothing_are_bounded() -> None:
    """`nothing_new` is asked again in other words, `no_progress` ends the run."""
    machine = started(Policy(max_no_progress=3))
    action = send(machine.receive(cut()))
    for _ in range(2):
        turns = action.turns
        action = send(machine.receive(Response("", "length", "length", Usage(1, 1))))
        assert action.turns[:-1] == turns[:-1]
        assert action.turns[-1] != turns[-1] or "added nothing" in action.turns[-1].text
    assert done(machine.receive(Response("", "length", "length", Usage(1, 1)))).reason == "no_progress"
    assert machine.result().text == TEXT


def test_a_resent_document_is_no_progress() -> None:
    """A reply that only says again what is there adds nothing, and the loop ends."""
    text = "".join(TALE)
    for check, reason in ((False, "no_progress"), (True, "finished")):
        machine = started(Policy(max_no_progress=2, check_endings=check))
        action: Action = machine.receive(cut(text))
        for _ in range(3):
            if isinstance(action, Done):
                break
            action = machine.receive(cut(text))
        assert done(action).reason == reason
        assert machine.result().text == text


def test_a_loop_is_stopped_and_the_good_prefix_kept() -> None:
    """`repetition`: the passage that is said over and over is cut back to its first time."""
    start, passage = "It began well enough, with a lamp and a stair. ", "And the sea went on and on and on. "
    machine = started()
    action = done(machine.receive(cut(start + passage * 60)))
    assert action.reason == "repetition"
    result = machine.result()
    assert result.text.startswith(start + passage)
    assert len(result.text) < len(start) + 800
    assert result.raw_segments == (start + passage * 60,)


def test_a_loop_is_stopped_across_small_rounds() -> None:
    """A loop that grows by a few words a round is stopped as well, and cut back over all its rounds."""
    start, passage = "It began well enough, with a lamp and a stair. ", "And the sea went on and on. "
    machine, prefill = started(Policy(max_rounds=100), prefill=Prefill()), Prefill()
    action: Action = machine.receive(cut(start + passage, prefill=prefill))
    rounds = 1
    while not isinstance(action, Done):
        action = machine.receive(cut(passage, prefill=prefill))
        rounds += 1
    assert action.reason == "repetition"
    result = machine.result()
    assert len(result.text) < len(start) + 700
    assert result.raw_segments == (start + passage, *[passage] * (rounds - 1))


def test_a_stop_inside_a_code_fence_is_questioned_once() -> None:
    """`finished_open`: in reply to a user turn, a `stop` with an open fence is asked about, then called unclosed."""
    machine = started()
    machine.receive(cut(FENCED))
    action = send(machine.receive(stop(" * 2\n")))
    assert action.evidence == "open code fence"
    assert done(machine.receive(stop("return lamp * 2\n\n\ndef stop(lamp):\n    return 0\n"))).reason == "unclosed"
    assert not machine.result().complete


def test_a_first_stop_is_believed() -> None:
    """The model ends its first answer as it likes; an open fence or JSON is questioned, if the policy allows it."""
    assert done(started().receive(stop(TEXT[:-1]))).complete
    assert done(started(Policy(check_endings=False)).receive(stop(FENCED))).complete
    assert done(started(Policy(max_rechecks=0)).receive(stop(FENCED))).complete
    assert send(started().receive(stop(FENCED))).evidence == "'stop', but open code fence"


def test_a_stop_in_place_is_believed() -> None:
    """In place the model ends where it would have ended in one go."""
    machine = started(prefill=Prefill())
    machine.receive(cut(TEXT, prefill=Prefill()))
    assert done(machine.receive(stop(" and on", prefill=Prefill()))).complete


def test_a_stop_that_adds_nothing_is_questioned_then_believed() -> None:
    """`length` on a finished text: the model says twice that there is no more, and nothing is open."""
    machine = started()
    machine.receive(cut("That was all there was to tell about the light on the rock."))
    action = send(machine.receive(stop("")))
    assert action.evidence == "nothing new"
    assert done(machine.receive(stop(""))).complete


def test_rounds_have_a_ceiling() -> None:
    """`max_rounds` counts replies that were paid for."""
    machine = started(Policy(max_rounds=2))
    machine.receive(cut("First part of the tale of the light. "))
    action = done(machine.receive(cut("Second part of that same long tale. ")))
    assert action.reason == "max_rounds"
    assert machine.result().rounds == 2


def test_the_total_is_spent_once() -> None:
    """The last cap is lowered to what is left of the total, and then nothing more is bought."""
    machine = started(Policy(max_output_tokens=50), cap=40)
    action = send(machine.receive(Response("First part of the tale. ", "length", usage=Usage(5, 40))))
    assert action.max_tokens == 10
    action2 = machine.receive(Response("Second part of it. ", "length", usage=Usage(5, 10)))
    assert done(action2).reason == "max_output_tokens"


def test_the_callers_cap_is_not_touched() -> None:
    """As long as the total allows it, the cap goes out as the caller wrote it."""
    machine = started(cap=40)
    assert send(machine.receive(cut())).max_tokens is None


def test_a_cap_is_not_invented() -> None:
    """Where the caller wrote no cap and no total, none is sent."""
    machine = Continuation()
    assert machine.start().max_tokens is None
    machine = Continuation(Policy(max_output_tokens=500))
    assert machine.start().max_tokens == 500


def test_cost_is_checked_before_a_round_is_bought() -> None:
    """The worst case of the next round counts: all that was said is read, and the whole cap is written."""
    machine = started(Policy(max_cost=1.0), cap=100, price=lambda usage: usage.total_tokens / 1000)
    assert isinstance(machine.receive(Response(TEXT, "length", usage=Usage(200, 100))), Send)
    action = machine.receive(Response("More of it comes now. ", "length", usage=Usage(300, 100)))
    assert done(action).reason == "max_cost"
    assert machine.result().cost == pytest.approx(0.7)


def test_an_unknown_price_is_no_error() -> None:
    """Without a price there is no cost and no ceiling on it."""
    machine = started(Policy(max_cost=0.001), price=lambda usage: None)
    machine.receive(cut())
    assert machine.result().cost is None


def test_cancelling_keeps_what_came() -> None:
    """`cancelled`: the part of the reply that had come is in the text."""
    machine = started()
    machine.feed("Half a ")
    machine.cancel(Response("Half a sen", "interrupted", usage=Usage(1, 2, estimated=True)))
    result = machine.result()
    assert (result.text, result.reason, result.complete) == ("Half a sen", "cancelled", False)
    assert machine.cancel().reason == "cancelled"


@pytest.mark.parametrize("call", ["start", "receive", "feed", "resume"])
def test_a_finished_machine_takes_nothing_more(call: str) -> None:
    """Driving it in the wrong order is a ProtocolError that says what was wrong."""
    machine = started()
    machine.receive(stop("Done."))
    with pytest.raises(ProtocolError, match="complete"):
        {
            "start": machine.start,
            "receive": lambda: machine.receive(stop("x")),
            "feed": lambda: machine.feed("x"),
            "resume": machine.resume,
        }[call]()


def test_a_failure_cannot_hide_text() -> None:
    """Text that arrived before a failure has to be reported as a response."""
    machine = started()
    machine.feed("Some text")
    with pytest.raises(ProtocolError, match="9 characters"):
        machine.receive(Failure("transient", "broke"))


def test_a_crash_is_one_more_truncation() -> None:
    """A machine read back in the middle of a reply adopts the partial and goes on from it."""
    machine = started()
    machine.feed(TEXT)
    again = Continuation.from_dict(json.loads(json.dumps(machine.to_dict())))
    assert again.partial == TEXT
    wait = again.receive(Response(again.partial, "interrupted"))
    assert isinstance(wait, Wait)
    assert send(again.resume()).turns[0].role == "assistant"
    assert again.result().text == TEXT


def test_a_state_of_another_version_is_refused() -> None:
    """A state that this machine cannot read is an error, not a guess."""
    data = started().to_dict() | {"version": 99}
    with pytest.raises(ProtocolError, match="not 99"):
        Continuation.from_dict(data)
