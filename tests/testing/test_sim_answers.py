"""Every way of answering, through the real SDKs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest
from sdk_calls import MANNERS, STREAMS, UNARIES, Answer, ask, assistant, user

from continuum.testing import Behaviour, SimulatedProvider, count_tokens, sample_documents, tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTS = sample_documents()
ESSAY = DOCUMENTS["essay"]
CUT = ESSAY.index("stubborn") + 5
SHOWN = ESSAY[:CUT]
REST = ESSAY[CUT:]
WORDS = {
    "openai": {"stop": "stop", "length": "length", "context": "length", "tool": "tool_calls"},
    "anthropic": {
        "stop": "end_turn",
        "length": "max_tokens",
        "context": "model_context_window_exceeded",
        "tool": "tool_use",
    },
}


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatedProvider]:
    with SimulatedProvider(DOCUMENTS) as provider:
        yield provider


def word(manner: str, name: str) -> str:
    return WORDS[manner.partition("-")[0]][name]


def go_on(anchor: str = "", shown: str = SHOWN) -> list[dict[str, Any]]:
    request = "Please continue from where you left off."
    if anchor:
        request = f'You were cut off. Begin your reply with exactly these words: "{anchor}" and go on.'
    return [user("Write."), assistant(shown), user(request)]


def continued(
    server: SimulatedProvider, manner: str, behaviour: Behaviour | str, *, anchor: str = "", cap: int = 40, **more: Any
) -> Answer:
    server.reset()
    server.plan(behaviours=[behaviour], faults=[])
    return ask(server, manner, go_on(anchor), cap, **more)


def expected(text: str, cap: int = 40) -> str:
    return "".join(tokenize(text, cap))


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_a_loop_gets_the_whole_document(server: SimulatedProvider, manner: str, name: str) -> None:
    """A good model that is cut and asked to go on writes its document, whatever the text and the manner of calling."""
    server.plan(behaviours=[], faults=[])
    document, text, rounds = DOCUMENTS[name], "", 0
    cap = count_tokens(document) // 3 + 1
    while True:
        messages = [user(f"Write [doc:{name}].")]
        if text:
            messages += [assistant(text), user("Continue.")]
        answer = ask(server, manner, messages, cap)
        text, rounds = text + answer.text, rounds + 1
        assert answer.output_tokens == count_tokens(answer.text) <= cap
        if answer.finish != word(manner, "length"):
            break
    assert text == document
    assert answer.finish == word(manner, "stop")
    assert rounds in (3, 4)  # a document that is shown up to its last line end is finished by an empty answer


@pytest.mark.parametrize("manner", MANNERS)
def test_the_anchor_is_repeated_where_it_is_asked_for(server: SimulatedProvider, manner: str) -> None:
    """By default the reply begins with the words that the user turn quotes, and counts them as output."""
    anchor = SHOWN[-30:]
    answer = continued(server, manner, "exact", anchor=anchor)
    assert answer.text == expected(anchor + REST)
    assert answer.output_tokens == 40


@pytest.mark.parametrize("manner", MANNERS)
def test_the_anchor_can_be_ignored(server: SimulatedProvider, manner: str) -> None:
    """`no_anchor` goes on exactly and does not repeat the anchor."""
    assert continued(server, manner, "no_anchor", anchor=SHOWN[-30:]).text == expected(REST)


@pytest.mark.parametrize(
    ("how", "lead"),
    [
        ("wrapped", '"not "quite" so:\n  isn\'t it - stub"'),
        ("typography", "not “quite” so:\n  isn’t it — stub"),
        ("space", 'not "quite" so: isn\'t it - stub'),
    ],
)
def test_the_anchor_can_be_mangled(how: str, lead: str) -> None:
    """`mangled_anchor` changes the marks or the white space of the anchor and goes on behind it."""
    shown = 'It was not "quite" so:\n  isn\'t it - stub'
    with SimulatedProvider(shown + "born care.", behaviours=[f"mangled_anchor:{how}"]) as server:
        answer = ask(server, "openai-sync-unary", go_on('not "quite" so:\n  isn\'t it - stub', shown))
    assert answer.text == lead + "born care."


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize(
    ("behaviour", "text"),
    [
        (Behaviour("overlap", 25), SHOWN[-25:] + REST),
        (Behaviour("overlap", 3, unit="words"), SHOWN[SHOWN.rindex("so much") :] + REST),
        ("overlap:0", REST),
        (Behaviour("preamble", text="Certainly! "), "Certainly! " + REST),
        ("restart:line", ESSAY[ESSAY.rindex("\n", 0, CUT) + 1 :]),
        ("restart:paragraph", ESSAY[ESSAY.rindex("\n\n", 0, CUT) + 2 :]),
        ("restart:document", ESSAY),
        ("drop_clause", ESSAY[ESSAY.index("The first towers") :]),
        ("reopen_fence", "```markdown\n" + REST),
    ],
    ids=["overlap", "words", "nothing", "preamble", "line", "paragraph", "document", "clause", "fence"],
)
def test_bad_continuations(server: SimulatedProvider, manner: str, behaviour: Behaviour | str, text: str) -> None:
    """Each bad habit gives the text that it is named after, cut at the cap."""
    answer = continued(server, manner, behaviour)
    assert answer.text == expected(text)
    assert answer.finish == word(manner, "length")


def test_an_open_fence_is_opened_again_with_its_own_line() -> None:
    """Inside a code fence, `reopen_fence` repeats the line that opened it."""
    guide = DOCUMENTS["guide"]
    shown = guide[: guide.index("writer.writeheader")]
    with SimulatedProvider(guide, behaviours=["reopen_fence"]) as server:
        answer = ask(server, "openai-sync-unary", go_on(shown=shown))
    assert answer.text == "```python\n" + guide[len(shown) :]


def test_a_preamble_and_an_anchor_come_together(server: SimulatedProvider) -> None:
    """With an anchor asked for, the preamble stands before the anchor."""
    answer = continued(server, "openai-sync-stream", "preamble:Sure. ", anchor=SHOWN[-30:])
    assert answer.text == expected("Sure. " + SHOWN[-30:] + REST)


@pytest.mark.parametrize("manner", MANNERS)
def test_an_empty_answer(server: SimulatedProvider, manner: str) -> None:
    """`empty` ends naturally with no text."""
    answer = continued(server, manner, "empty")
    assert (answer.text, answer.finish, answer.output_tokens) == ("", word(manner, "stop"), 0)


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("shown_reasoning", [None, "Let me think about it."])
def test_reasoning_only(server: SimulatedProvider, manner: str, shown_reasoning: str | None) -> None:
    """`reasoning_only` spends the whole cap on reasoning, visible or not, and writes nothing."""
    answer = continued(server, manner, Behaviour("reasoning_only", text=shown_reasoning))
    assert (answer.text, answer.finish) == ("", word(manner, "length"))
    assert answer.reasoning_tokens == answer.output_tokens == 40
    assert answer.reasoning == (shown_reasoning or "")


@pytest.mark.parametrize("manner", MANNERS)
def test_reasoning_leaves_the_rest_of_the_cap_to_the_text(server: SimulatedProvider, manner: str) -> None:
    """`reasoning` is cured by a higher cap: below its amount there is no text, above it there is the difference."""
    low = continued(server, manner, "reasoning:30", cap=30)
    assert (low.text, low.reasoning_tokens, low.finish) == ("", 30, word(manner, "length"))
    high = continued(server, manner, "reasoning:30", cap=50)
    assert high.text == expected(REST, 20)
    assert (high.output_tokens, high.reasoning_tokens) == (50, 30)


@pytest.mark.parametrize("manner", MANNERS)
def test_a_refusal(server: SimulatedProvider, manner: str) -> None:
    """`refusal` ends with the provider's word for it, after as many tokens as asked for."""
    answer = continued(server, manner, "refusal:5")
    assert answer.text == expected(REST, 5)
    assert answer.finish == ("content_filter" if manner.startswith("openai") else "refusal")


@pytest.mark.parametrize("manner", MANNERS)
def test_a_refusal_in_words(server: SimulatedProvider, manner: str) -> None:
    """`refusal` with a text tells it where the provider does: in the message or in the stop details."""
    answer = continued(server, manner, "refusal:I cannot help with that.")
    assert (answer.text, answer.refusal) == ("", "I cannot help with that.")
    assert answer.finish == ("stop" if manner.startswith("openai") else "refusal")


@pytest.mark.parametrize("manner", MANNERS)
def test_endless_repetition(server: SimulatedProvider, manner: str) -> None:
    """`repetition` fills the cap with one sentence and ends with `length`."""
    answer = continued(server, manner, "repetition", cap=200)
    sentence = "Nothing else that people have built is so plain in its purpose, and few things have been kept"
    before = ESSAY[: ESSAY.index(sentence)].rstrip().rpartition(". ")[2] + " "
    assert answer.text.startswith(before * 2)
    assert answer.output_tokens == 200
    assert answer.finish == word(manner, "length")


@pytest.mark.parametrize("manner", MANNERS)
def test_an_early_stop(server: SimulatedProvider, manner: str) -> None:
    """`early_stop` says that it is finished although the text is cut."""
    answer = continued(server, manner, "early_stop:10")
    assert (answer.text, answer.finish) == (expected(REST, 10), word(manner, "stop"))
    assert continued(server, manner, "early_stop").text == expected(REST, 20)


@pytest.mark.parametrize("manner", MANNERS)
def test_length_on_a_finished_text(server: SimulatedProvider, manner: str) -> None:
    """`length_at_end` gives the whole rest and still says that it was cut."""
    answer = continued(server, manner, "length_at_end", cap=4000)
    assert (answer.text, answer.finish) == (REST, word(manner, "length"))


@pytest.mark.parametrize("manner", MANNERS)
def test_tool_calls(server: SimulatedProvider, manner: str) -> None:
    """`tool_call` gives whole arguments; `cut_tool_call` breaks off in them and says `length`."""
    whole = continued(server, manner, Behaviour("tool_call", text='{"place": "North Quay"}'))
    assert whole.finish == word(manner, "tool")
    cut = continued(server, manner, Behaviour("cut_tool_call", text='{"place": "North Quay"}'))
    assert cut.finish == word(manner, "length")
    if manner in STREAMS or manner.startswith("openai"):
        assert whole.arguments == '{"place": "North Quay"}'
        assert cut.arguments
        assert whole.arguments.startswith(cut.arguments)
        assert cut.arguments != whole.arguments
    else:
        assert whole.events[0].content[0].input == {"place": "North Quay"}
        assert cut.events[0].content[0].input == {}


@pytest.mark.parametrize("manner", [manner for manner in MANNERS if manner.startswith("anthropic")])
def test_a_pause_is_continued_in_place(server: SimulatedProvider, manner: str) -> None:
    """After `pause_turn` the next request may end on the assistant turn, although prefill is refused otherwise."""
    server.reset()
    server.plan(behaviours=["pause_turn:30@0"], faults=[])
    paused = ask(server, manner, [user("Write.")], 500)
    assert (paused.text, paused.finish) == (expected(ESSAY, 30), "pause_turn")
    following = ask(server, manner, [user("Write."), assistant(paused.text)], 10)
    assert following.text == expected(ESSAY[len(paused.text) :], 10)
    with pytest.raises(anthropic.BadRequestError, match="prefill"):
        ask(server, manner, [user("Write."), assistant(paused.text)], 10)


@pytest.mark.parametrize("manner", MANNERS)
def test_the_context_window_turns_out_full(server: SimulatedProvider, manner: str) -> None:
    """`context_window` cuts before the cap with prompt + output == window; the next request is refused with a 400."""
    answer = continued(server, manner, "context_window:12", cap=100)
    assert (answer.text, answer.finish) == (expected(REST, 12), word(manner, "context"))
    assert answer.input_tokens is not None
    window = answer.input_tokens + 12
    with pytest.raises((openai.BadRequestError, anthropic.BadRequestError), match=str(window)) as caught:
        ask(server, manner, go_on(shown=SHOWN + answer.text), 100)
    if manner.startswith("openai"):
        assert caught.value.code == "context_length_exceeded"


@pytest.mark.parametrize("manner", MANNERS)
def test_a_context_window_of_the_model(manner: str) -> None:
    """With the option `context_window` prompt and output share the window."""
    with SimulatedProvider(ESSAY, context_window=60) as server:
        answer = ask(server, manner, [user("Write.")], 500)
    assert answer.finish == word(manner, "context")
    assert (answer.input_tokens or 0) + (answer.output_tokens or 0) == 60


@pytest.mark.parametrize("manner", MANNERS)
def test_an_unknown_finish_reason(server: SimulatedProvider, manner: str) -> None:
    """`unknown_finish` says the given word, which the SDKs pass through."""
    assert continued(server, manner, "unknown_finish:insufficient_system_resource").finish == (
        "insufficient_system_resource"
    )


@pytest.mark.parametrize("manner", MANNERS)
def test_stop_sequences(server: SimulatedProvider, manner: str) -> None:
    """The caller's stop sequence ends the answer before it."""
    more = {"stop": ["care"]} if manner.startswith("openai") else {"stop_sequences": ["care"]}
    answer = continued(server, manner, "exact", **more)
    assert answer.text == REST[: REST.index("care")]
    assert answer.finish == ("stop" if manner.startswith("openai") else "stop_sequence")


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
@pytest.mark.parametrize("kind", ["exact", "overlap", "tool_call", "reasoning:3", "refusal:No."])
def test_streamed_or_not_the_answer_is_the_same(server: SimulatedProvider, wire: str, kind: str) -> None:
    """The same request gives the same text, finish and usage in all four manners of calling."""
    answers = [continued(server, manner, kind) for manner in MANNERS if manner.startswith(wire)]
    seen = {(a.text, a.finish, a.output_tokens, a.input_tokens, a.reasoning_tokens, a.refusal) for a in answers}
    assert len(seen) == 1


@pytest.mark.parametrize("manner", STREAMS)
@pytest.mark.parametrize("size", [1, 7])
def test_events_carry_as_many_tokens_as_asked_for(manner: str, size: int) -> None:
    """Each event of a stream has `chunk_tokens` tokens."""
    with SimulatedProvider(ESSAY, chunk_tokens=size) as server:
        answer = ask(server, manner, [user("Write.")], 70)
    assert len(answer.pieces) == 70 // size
    assert all(count_tokens(piece) <= size for piece in answer.pieces)


@pytest.mark.parametrize("manner", MANNERS)
def test_the_first_answer_is_shaped_by_a_pin_to_round_zero(manner: str) -> None:
    """Behaviours are for continuations; one pinned to round 0 shapes the first answer, once."""
    with SimulatedProvider(ESSAY, behaviours=["overlap:5", "empty@0"]) as server:
        assert ask(server, manner, [user("Write.")], 10).text == ""
        assert ask(server, manner, [user("Write.")], 10).text == expected(ESSAY, 10)
        assert ask(server, manner, go_on(), 10).text == expected(SHOWN[-5:] + REST, 10)
        assert ask(server, manner, go_on(), 10).text == expected(REST, 10)
        assert [request.round for request in server.requests] == [0, 0, 1, 2]


PREFILLED = [user("Write."), assistant(SHOWN)]


@pytest.mark.parametrize("manner", MANNERS)
def test_prefill_is_refused_with_the_real_text(server: SimulatedProvider, manner: str) -> None:
    """By default a request that ends on the assistant turn is a 400 with the provider's own words."""
    with pytest.raises((openai.BadRequestError, anthropic.BadRequestError), match="must end with a user message"):
        ask(server, manner, PREFILLED, 10)


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("mode", ["continue", "echo", "echo_unary", "new_turn"])
def test_prefill_goes_on_in_place_or_not(manner: str, mode: Any) -> None:
    """In place the answer goes on exactly; the prefix is echoed as the mode says, and never counted as output."""
    echoed = mode == "echo" or (mode == "echo_unary" and manner in UNARIES)
    with SimulatedProvider(ESSAY, prefill=mode) as server:
        answer = ask(server, manner, PREFILLED, 10)
    text = expected(ESSAY if mode == "new_turn" else REST, 10)
    assert answer.text == (SHOWN if echoed else "") + text
    assert answer.output_tokens == 10


def test_a_flag_on_the_message_can_be_required() -> None:
    """Where a field is required, the turn is continued with it and refused in Mistral's words without it."""
    flagged = [user("Write."), assistant(SHOWN, prefix=True)]
    with SimulatedProvider(ESSAY, prefill="echo", prefill_field="prefix") as server:
        assert ask(server, "openai-sync-unary", flagged, 5).text == SHOWN + expected(REST, 5)
        with pytest.raises(openai.BadRequestError, match="Assistant with prefix True"):
            ask(server, "openai-sync-unary", PREFILLED, 5)


def test_flags_in_the_body() -> None:
    """vLLM's pair of flags is honoured, and both of them true is a 400."""
    with SimulatedProvider(ESSAY, prefill="continue", prefill_field="continue_final_message") as server:
        body: dict[str, Any] = {"continue_final_message": True, "add_generation_prompt": False}
        assert ask(server, "openai-sync-unary", PREFILLED, 5, extra_body=body).text == expected(REST, 5)
        with pytest.raises(openai.BadRequestError, match="Cannot set both"):
            ask(server, "openai-sync-unary", PREFILLED, 5, extra_body={**body, "add_generation_prompt": True})


def test_n_choices_write_the_documents_that_the_prompt_names() -> None:
    """With `n`, choice i writes the i-th named document, and a continuation finds its own."""
    poem, french = DOCUMENTS["poem"], DOCUMENTS["french"]
    messages: list[Any] = [user("[doc:poem] [doc:french]")]
    with (
        SimulatedProvider(DOCUMENTS) as server,
        openai.OpenAI(base_url=server.openai_base_url, api_key="key") as client,
    ):
        whole = client.chat.completions.create(model="m", messages=messages, max_tokens=9, n=3)
        texts = {0: "", 1: "", 2: ""}
        for chunk in client.chat.completions.create(model="m", messages=messages, max_tokens=9, n=3, stream=True):
            for choice in chunk.choices:
                texts[choice.index] += choice.delta.content or ""
        following = client.chat.completions.create(
            model="m", messages=[*messages, assistant(french[:200]), user("Go on.")], max_tokens=9
        )
    assert [choice.message.content for choice in whole.choices] == list(texts.values())
    assert list(texts.values()) == [expected(poem, 9), expected(french, 9), expected(poem, 9)]
    assert whole.usage is not None
    assert whole.usage.completion_tokens == 27
    assert following.choices[0].message.content == expected(french[200:], 9)
