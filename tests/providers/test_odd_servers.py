"""Servers with manners of their own, over HTTP and through the real SDKs: nothing is lost, made up or crashed on."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from anthropic import Anthropic
from openai import OpenAI

import continuum
from continuum import ConfigurationError, Policy
from continuum.providers import openai_chat
from tests.providers import odd
from tests.providers.odd import Odd, Reply, Script, chunk, chunks, words

if TYPE_CHECKING:
    from collections.abc import Iterator

QUICK = Policy(retry_initial=0.01, retry_max=0.02, read_timeout=5.0)
RAISING = QUICK.model_copy(update={"raise_cap_to": 4000})
UNARY = QUICK.model_copy(update={"stream": False})
ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Write it."}]}
ASK_CLAUDE: dict[str, Any] = {**ASK, "max_tokens": 1000}
CUT = words("Hello there. ", "This is the first part of it. ", "And more w", finish="length")
TOOL_TEXT = "First sentence is here. I will now look up the weather for you"


class Servers:
    """Odd servers and clients of them, closed together."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.last = Odd([])

    def _serve(self, scripts: tuple[Script, ...]) -> Odd:
        self.last = self._stack.enter_context(Odd(list(scripts)))
        return self.last

    def chat(self, *scripts: Script) -> OpenAI:
        return self._stack.enter_context(OpenAI(base_url=self._serve(scripts).url + "/v1", api_key="k"))

    def claude(self, *scripts: Script) -> Anthropic:
        return self._stack.enter_context(Anthropic(base_url=self._serve(scripts).url, api_key="k"))


@pytest.fixture
def servers() -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(stack)
    openai_chat.WITHOUT_STREAM_OPTIONS.clear()


def read(client: OpenAI, policy: Policy = QUICK, **params: Any) -> tuple[str, str, list[dict[str, Any]], list[str]]:
    """Stream from a wrapped client: the text, the refusal, the tool calls put together, the finish reasons."""
    text, refusal = "", ""
    calls: dict[int, dict[str, Any]] = {}
    finish: list[str] = []
    wrapped: Any = continuum.wrap(client, policy=policy)
    for event in wrapped.chat.completions.create(stream=True, **{**ASK, **params}):
        for choice in event.choices:
            assert not finish, "nothing may follow the final chunk"
            delta = choice.delta
            text, refusal = text + (delta.content or ""), refusal + (delta.refusal or "")
            for part in delta.tool_calls or ():
                known = calls.setdefault(part.index, {"id": part.id, "name": part.function.name, "arguments": ""})
                known["arguments"] += part.function.arguments or ""
            finish += [choice.finish_reason] if choice.finish_reason else []
    return text, refusal, list(calls.values()), finish


def blocks(client: Anthropic, policy: Policy = QUICK, **params: Any) -> tuple[list[tuple[str, str]], Any]:
    """Stream from a wrapped client: kind and content of each block, in proper order; and the final `message_delta`."""
    found: list[tuple[str, str]] = []
    opened, last = None, None
    wrapped: Any = continuum.wrap(client, policy=policy)
    for event in wrapped.messages.create(stream=True, **{**ASK_CLAUDE, **params}):
        if event.type == "content_block_start":
            assert opened is None, "the block before was not closed"
            opened = event.index
            assert opened == len(found)
            found.append((event.content_block.type, ""))
        elif event.type == "content_block_delta":
            assert event.index == opened
            kind, so_far = found[-1]
            delta = event.delta.to_dict()
            found[-1] = (kind, so_far + str(delta.get("text") or delta.get("partial_json") or delta.get("thinking")))
        elif event.type == "content_block_stop":
            assert event.index == opened
            opened = None
        elif event.type == "message_delta":
            last = event
    assert opened is None
    return found, last


# -- tool calls and refusals -----------------------------------------------------------------------------------------


def test_a_tool_call_of_a_later_round_reaches_the_reader(servers: Servers) -> None:
    """A tool call after a continued text comes whole, after the text, before the finish reason."""
    text, _, calls, finish = read(servers.chat(CUT, odd.call('{"a"', ":1}", text="And more words. ")))
    assert text == "Hello there. This is the first part of it. And more words. "
    assert calls == [{"id": "t1", "name": "f", "arguments": '{"a":1}'}]
    assert finish == ["tool_calls"]


def test_an_escalated_tool_call_is_not_mixed_with_the_cut_one(servers: Servers) -> None:
    """Only the call of the reply that was kept reaches the reader."""
    cut, whole = odd.call('{"a":', finish="length"), odd.call('{"a"', ":1}")
    _, _, calls, finish = read(servers.chat(cut, whole), RAISING, max_tokens=50)
    assert calls == [{"id": "t1", "name": "f", "arguments": '{"a":1}'}]
    assert finish == ["tool_calls"]


def test_half_written_arguments_come_as_they_came(servers: Servers) -> None:
    """A cut tool call is shown, streamed and unary, and the finish reason says that something is missing."""
    cut = odd.call('{"path":"/tmp', text="Let me look. ", finish="length")
    text, _, calls, finish = read(servers.chat(cut))
    assert (text, calls, finish) == (
        "Let me look. ",
        [{"id": "t1", "name": "f", "arguments": '{"path":"/tmp'}],
        ["length"],
    )
    response = continuum.wrap(servers.chat(cut), policy=QUICK).chat.completions.create(**ASK)
    (call,) = response.choices[0].message.tool_calls or ()
    assert call.to_dict()["function"] == {"name": "f", "arguments": '{"path":"/tmp'}
    assert response.choices[0].message.content == "Let me look. "
    assert response.choices[0].finish_reason == "length"


def test_half_written_arguments_of_a_unary_reply(servers: Servers) -> None:
    """The same for a reply that the server sent in one piece."""
    call = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"pa'}}
    reply = odd.completion({"role": "assistant", "content": None, "tool_calls": [call]}, "length")
    response = continuum.wrap(servers.chat(reply), policy=UNARY).chat.completions.create(**ASK)
    assert [found.to_dict() for found in response.choices[0].message.tool_calls or ()] == [call]
    assert response.choices[0].finish_reason == "length"
    whole = odd.completion({"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls")
    response = continuum.wrap(servers.chat(whole), policy=UNARY).chat.completions.create(**ASK)
    assert response.choices[0].message.tool_calls is not None


def test_a_tool_call_keeps_what_stands_beside_it(servers: Servers) -> None:
    """Fields of a call that the SDK has no name for, and calls that are all numbered 0, come through."""

    def start(name: str) -> dict[str, Any]:
        return {"index": 0, "id": name, "type": "function", "extra_content": {"signature": name},
                "function": {"name": name, "arguments": ""}}  # fmt: skip

    parts = []
    for name in ("f", "g"):
        parts += [
            chunk({"tool_calls": [start(name)]}),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}),
        ]
    reply = chunks(*parts, chunk({}, "tool_calls"))
    response = continuum.wrap(servers.chat(reply), policy=QUICK).chat.completions.create(**ASK)
    found = [call.to_dict() for call in response.choices[0].message.tool_calls or ()]
    assert [call["extra_content"] for call in found] == [{"signature": "f"}, {"signature": "g"}]
    assert [call["function"] for call in found] == [{"name": n, "arguments": "{}"} for n in "fg"]
    assert [call["id"] for call in read(servers.chat(reply))[2]] == ["f", "g"]


def test_a_legacy_function_call_is_held_as_well(servers: Servers) -> None:
    """`function_call` comes at the end, streamed, and the finish reason says whether it is whole."""
    parts = [chunk({"function_call": {"name": "f", "arguments": ""}}), chunk({"function_call": {"arguments": "{}"}})]
    for finish in ("function_call", "length"):
        client = continuum.wrap(servers.chat(chunks(*parts, chunk({}, finish))), policy=QUICK)
        events = list(client.chat.completions.create(stream=True, **ASK))
        deltas = [choice.delta for event in events for choice in event.choices]
        found = [delta.function_call.to_dict() for delta in deltas if delta.function_call]
        assert found == [{"name": "f", "arguments": "{}"}]
        assert events[-1].choices[0].finish_reason == finish


def test_a_refusal_of_a_later_round_reaches_the_reader(servers: Servers) -> None:
    """A refusal comes whole, whichever round it stands in."""
    refused = chunks(chunk({"role": "assistant", "refusal": "I can"}), chunk({"refusal": "not."}), chunk({}, "stop"))
    assert read(servers.chat(refused))[1] == "I cannot."
    text, refusal, _, _ = read(servers.chat(CUT, refused))
    assert text.startswith("Hello there.")
    assert refusal == "I cannot."


def test_parallel_calls_before_the_cut_one_are_kept(servers: Servers) -> None:
    """All that came is handed on, streamed and unary, and the finish reason says that the last one is cut."""
    starts = [
        {"index": i, "id": f"t{i}", "type": "function", "function": {"name": "f", "arguments": text}}
        for i, text in enumerate(['{"a":1}', '{"b":'])
    ]
    reply = chunks(*(chunk({"tool_calls": [start]}) for start in starts), chunk({}, "length"))
    _, _, calls, finish = read(servers.chat(reply))
    assert [(call["id"], call["arguments"]) for call in calls] == [("t0", '{"a":1}'), ("t1", '{"b":')]
    assert finish == ["length"]
    message = {"role": "assistant", "content": None, "tool_calls": starts}
    client = continuum.wrap(servers.chat(odd.completion(message, "length")), policy=UNARY)
    response = client.chat.completions.create(**ASK)
    assert [found.id for found in response.choices[0].message.tool_calls or ()] == ["t0", "t1"]
    found = continuum.result_of(response).cut_tool_calls
    assert [(call.id, call.whole) for call in found] == [("t0", True), ("t1", False)]
    cut = odd.events(odd.start(), *odd.tool_block(0, '{"a":1}'), *odd.tool_block(1, '{"b":'), *odd.end("max_tokens"))
    found, last = blocks(servers.claude(cut))
    assert found == [("tool_use", '{"a":1}'), ("tool_use", '{"b":')]
    assert last.delta.stop_reason == "max_tokens"


def test_a_cut_call_after_text_is_asked_for_again_with_a_larger_cap(servers: Servers) -> None:
    """The text that introduces it was shown already, and stands in the answer once."""
    said = "Let me look that up in the ledger of the harbour. "
    cut, whole = odd.call('{"a":', text=said, finish="length"), odd.call('{"a"', ":1}", text=said)
    text, _, calls, finish = read(servers.chat(cut, whole), RAISING, max_tokens=50)
    assert text == said
    assert calls == [{"id": "t1", "name": "f", "arguments": '{"a":1}'}]
    assert finish == ["tool_calls"]
    assert [request["max_tokens"] for request in servers.last.requests] == [50, 4000]


@pytest.mark.parametrize("finish", ["stop", "length", "content_filter"])
def test_a_cut_refusal_is_a_refusal(servers: Servers, finish: str) -> None:
    """Whatever ended it: a refusal is not gone on with."""
    refused = chunks(chunk({"role": "assistant", "refusal": "I can"}), chunk({}, finish))
    result = continuum.complete(servers.chat(refused, words("Sure.")), policy=QUICK, **ASK)
    assert (result.finish_reason, result.reason, result.text) == ("refusal", "refused", "")
    assert len(servers.last.requests) == 1
    assert result.raw.choices[0].message.refusal == "I can"
    assert result.raw.choices[0].message.content is None


def test_anthropic_tool_use_of_a_later_round_reaches_the_reader(servers: Servers) -> None:
    """The call follows the whole text as a block of its own."""
    cut = odd.events(
        odd.start(), *odd.text_block(0, "Hello there. ", "First part. ", "And more w"), *odd.end("max_tokens")
    )
    then = odd.events(
        odd.start(), *odd.text_block(0, "And more words. "), *odd.tool_block(1, '{"a"', ":1}"), *odd.end("tool_use")
    )
    found, last = blocks(servers.claude(cut, then))
    assert found == [("text", "Hello there. First part. And more words. "), ("tool_use", '{"a":1}')]
    assert last.delta.stop_reason == "tool_use"


def test_anthropic_text_that_was_held_back_precedes_the_tool_call(servers: Servers) -> None:
    """The order of the blocks is the model's."""
    reply = odd.events(odd.start(), *odd.text_block(0, TOOL_TEXT), *odd.tool_block(1, '{"a":1}'), *odd.end("tool_use"))
    assert blocks(servers.claude(reply), max_tokens=40)[0] == [("text", TOOL_TEXT), ("tool_use", '{"a":1}')]


def test_anthropic_tool_use_that_is_cut(servers: Servers) -> None:
    """What the cap left of a call is in stream and message; one that was asked for again replaces it."""
    cut = odd.events(odd.start(), *odd.tool_block(0, '{"path":"/tmp'), *odd.end("max_tokens"))
    found, last = blocks(servers.claude(cut))
    assert (found, last.delta.stop_reason) == ([("tool_use", '{"path":"/tmp')], "max_tokens")
    message = continuum.wrap(servers.claude(cut), policy=QUICK).messages.create(**ASK_CLAUDE)
    assert ([block.type for block in message.content], message.stop_reason) == (["tool_use"], "max_tokens")
    assert [call.arguments for call in continuum.result_of(message).cut_tool_calls] == ['{"path":"/tmp']
    content = [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]
    unary = Reply({**odd.start()["message"], "content": content, "stop_reason": "max_tokens"})
    message = continuum.wrap(servers.claude(unary), policy=UNARY).messages.create(**ASK_CLAUDE)
    assert [block.to_dict() for block in message.content] == content
    whole = odd.events(odd.start(), *odd.tool_block(0, '{"path":"/tmp/x"}'), *odd.end("tool_use"))
    assert blocks(servers.claude(cut, whole), RAISING)[0] == [("tool_use", '{"path":"/tmp/x"}')]


def test_anthropic_blocks_are_closed_before_a_repeat(servers: Servers) -> None:
    """Thinking that broke off is closed before the next request's blocks begin."""
    broken = odd.events(odd.start(), *odd.thinking_block(0, "Hm", stop=False), drop=True)
    whole = odd.events(odd.start(), *odd.thinking_block(0, "Aha"), *odd.text_block(1, "Fine."), *odd.end("end_turn"))
    assert blocks(servers.claude(broken, whole))[0] == [("thinking", "Hm"), ("thinking", "Aha"), ("text", "Fine.")]


# -- replies of another form ---------------------------------------------------------------------------------------


def test_content_may_be_a_list_of_parts(servers: Servers) -> None:
    """Text parts are the text, thinking parts are reasoning, streamed and unary."""
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    reply = chunks(
        chunk({"content": [thought]}), chunk({"content": [{"type": "text", "text": "Fine."}]}), chunk({}, "stop")
    )
    result = continuum.complete(servers.chat(reply), policy=QUICK, **ASK)
    assert (result.text, result.complete) == ("Fine.", True)
    assert result.raw.choices[0].message.reasoning_content == "hm"
    unary = odd.completion({"role": "assistant", "content": [thought, {"type": "text", "text": "Fine."}]})
    assert continuum.complete(servers.chat(unary), policy=UNARY, **ASK).text == "Fine."
    assert read(servers.chat(reply))[0] == "Fine."


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (odd.completion(None), "None"),
        (Reply("<html>hello</html>", content_type="text/html"), "<html>hello"),
    ],
    ids=["null", "html"],
)
def test_a_reply_that_is_none_is_a_provider_error(servers: Servers, reply: Reply, says: str) -> None:
    """No bare TypeError: the error says what came, and the request is not repeated."""
    with pytest.raises(continuum.ProviderError, match="answered 200") as caught:
        continuum.complete(servers.chat(reply), policy=UNARY, **ASK)
    assert says in str(caught.value)
    assert len(servers.last.requests) == 1


def test_an_anthropic_page_is_a_provider_error(servers: Servers) -> None:
    """The same for Messages."""
    client = servers.claude(Reply("<html>hello</html>", content_type="text/html"))
    with pytest.raises(continuum.ProviderError, match="<html>hello"):
        continuum.complete(client, policy=UNARY, **ASK_CLAUDE)


def test_an_empty_finish_reason_is_none(servers: Servers) -> None:
    """Some servers write an empty string into every chunk: a stream that breaks then is interrupted, not unknown."""
    broken = chunks(chunk({"content": "Hello there. And it goes"}, ""), drop=True)
    result = continuum.complete(servers.chat(broken, words("And it goes on.")), policy=QUICK, **ASK)
    assert (result.segments[0].finish_reason, result.complete) == ("interrupted", True)


def test_a_choice_that_never_came_does_not_take_the_others_with_it(servers: Servers) -> None:
    """With n=2 and one choice in the reply, a wrapped client returns both, the second one empty and cut."""
    one = chunks(chunk({"content": "Only one."}), chunk({}, "stop"))
    failing = Reply({"error": {"message": "no"}}, status=400)
    client = continuum.wrap(servers.chat(one, failing), policy=QUICK)
    first, second = client.chat.completions.create(n=2, **ASK).choices
    assert (first.message.content, first.finish_reason) == ("Only one.", "stop")
    assert (second.message.content, second.finish_reason) == ("", "length")


# -- usage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "counts", [{}, {"total_tokens": 5}, {"prompt_tokens": None, "completion_tokens": None}, {"prompt_tokens": 7}]
)
def test_a_usage_with_gaps_is_estimated(servers: Servers, counts: dict[str, Any]) -> None:
    """What the server did not count is estimated and marked, so that ceilings hold."""
    reply = chunks(chunk({"content": "Some words that have a length."}), chunk({}, "stop", usage=counts))
    usage = continuum.complete(servers.chat(reply), policy=QUICK, **ASK).usage
    assert usage.estimated
    assert usage.output_tokens == 8
    assert usage.input_tokens == (counts.get("prompt_tokens") or usage.input_tokens) > 0


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "refusal"])
def test_reasoning_before_a_drop_is_billed(servers: Servers, field: str) -> None:
    """A stream that broke before its text came has cost what was thought or refused in it."""
    broken = chunks(chunk({field: "hm " * 100}), drop=True)
    result = continuum.complete(servers.chat(broken, words("Fine.")), policy=QUICK, **ASK)
    assert (result.text, result.usage.estimated) == ("Fine.", True)
    assert result.usage.output_tokens == 75 + 10


def test_anthropic_thinking_before_a_drop_is_billed(servers: Servers) -> None:
    """The estimate for a broken message includes its thinking."""
    broken = odd.events(odd.start(), *odd.thinking_block(0, "hm " * 100, stop=False), drop=True)
    whole = odd.events(odd.start(), *odd.text_block(0, "Fine."), *odd.end("end_turn"))
    result = continuum.complete(servers.claude(broken, whole), policy=QUICK, **ASK_CLAUDE)
    assert (result.text, result.usage.estimated) == ("Fine.", True)
    assert result.usage.output_tokens == 75 + 5


def test_an_anthropic_reply_without_usage(servers: Servers) -> None:
    """It is estimated; the wrapped client neither crashes, unary or streamed, nor hides the figures."""
    start = odd.start()
    del start["message"]["usage"]
    stop: list[dict[str, Any]] = [
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
    ]
    reply = odd.events(start, *odd.text_block(0, "Some words that have a length."), *stop)
    usage = continuum.complete(servers.claude(reply), policy=QUICK, **ASK_CLAUDE).usage
    assert (usage.estimated, usage.output_tokens) == (True, 8)
    message = continuum.wrap(servers.claude(reply), policy=QUICK).messages.create(**ASK_CLAUDE)
    assert message.usage.output_tokens == 8
    found, last = blocks(servers.claude(reply))
    assert found == [("text", "Some words that have a length.")]
    assert last.usage.output_tokens == 8


@pytest.mark.parametrize("choices", [1, 2])
def test_a_short_cut_means_a_full_window_for_one_choice_only(servers: Servers, choices: int) -> None:
    """llama.cpp counts the tokens of all choices together, so with several the rule says nothing."""
    cut = [chunk({"content": "It goes on and on. And it"}, index=index) for index in range(choices)]
    cut += [chunk({}, "length", index=index) for index in range(choices)]
    policy = QUICK.model_copy(update={"dialect": "llama.cpp", "max_rounds": 1})
    result = continuum.complete(
        servers.chat(chunks(*cut, odd.usage(5, 20))), policy=policy, n=choices, max_tokens=100, **ASK
    )
    words = {"context_window"} if choices == 1 else {"length"}
    assert {each.finish_reason for each in (result, *result.alternatives)} == words


# -- one reply is shown as it is ------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_one_streamed_reply_keeps_what_the_server_said(servers: Servers, field: str) -> None:
    """Reasoning under its own name, annotations, the native finish reason, the usage down to its last field."""
    counts = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "cost": 0.1,
              "completion_tokens_details": {"reasoning_tokens": 1, "audio_tokens": 9}}  # fmt: skip
    note = {"type": "url_citation", "url_citation": {"url": "u", "start_index": 0, "end_index": 1, "title": "t"}}
    final = chunk({"annotations": [note]}, "stop", citations=["u"])
    final["choices"][0]["native_finish_reason"] = "eos"
    reply = chunks(chunk({"role": "assistant", field: "hm"}), chunk({field: " so"}), chunk({"content": "Hi."}), final,
                   {**chunk(), "choices": [], "usage": counts})  # fmt: skip
    response = continuum.wrap(servers.chat(reply), policy=QUICK).chat.completions.create(**ASK)
    data: dict[str, Any] = response.to_dict()
    assert data["usage"] == counts
    assert data["citations"] == ["u"]
    (choice,) = data["choices"]
    assert choice["native_finish_reason"] == "eos"
    assert choice["message"][field] == "hm so"
    assert choice["message"]["annotations"] == [note]
    assert {"reasoning", "reasoning_content"} & choice["message"].keys() == {field}
    stream = continuum.wrap(servers.chat(reply), policy=QUICK).chat.completions.create(
        stream=True, stream_options={"include_usage": True}, **ASK
    )
    told: list[dict[str, Any]] = [event.to_dict() for event in stream]
    *_, last, cost = told
    assert last["choices"][0]["native_finish_reason"] == "eos"
    assert last["citations"] == ["u"]
    assert cost["usage"] == counts


def test_no_usage_stays_no_usage(servers: Servers) -> None:
    """For one reply nothing is made up; the estimate is in the result."""
    reply = chunks(chunk({"content": "Hi."}), chunk({}, "stop"))
    response = continuum.wrap(servers.chat(reply), policy=QUICK).chat.completions.create(**ASK)
    assert response.usage is None
    assert continuum.result_of(response).usage.estimated


def test_a_repeated_request_is_billed_in_the_response(servers: Servers) -> None:
    """The usage of one reply is not the whole bill if a broken one came before it."""
    broken = chunks(chunk({"reasoning": "hm " * 100}), drop=True)
    response = continuum.wrap(servers.chat(broken, words("Fine.")), policy=QUICK).chat.completions.create(**ASK)
    assert response.usage is not None
    assert response.usage.completion_tokens == 85


def test_anthropic_details_of_the_end_are_kept(servers: Servers) -> None:
    """`stop_details`, `container` and `server_tool_use` come with the final event; the blocks stay as they were."""
    more = {
        "stop_details": {"type": "refusal", "category": "cyber", "explanation": "no"},
        "container": {"id": "c", "expires_at": "2026-01-01T00:00:00Z"},
    }
    counts = {"server_tool_use": {"web_search_requests": 3, "web_fetch_requests": 0}}
    end = odd.end("refusal", delta=more, usage=counts)
    reply = odd.events(odd.start(), *odd.text_block(0, "One "), *odd.text_block(1, "two."), *end)
    message = continuum.wrap(servers.claude(reply), policy=QUICK).messages.create(**ASK_CLAUDE)
    data = json.loads(message.to_json())
    assert {name: data[name] for name in more} == more
    assert data["usage"] | counts == data["usage"]
    assert [part["text"] for part in data["content"]] == ["One ", "two."]
    _, last = blocks(servers.claude(reply))
    said = json.loads(last.to_json())
    assert said["delta"] | more == said["delta"]
    assert said["usage"] | counts == said["usage"]


# -- what is asked for ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, -1, "2", True, 1.0])
def test_n_has_to_be_a_count(servers: Servers, value: Any) -> None:
    """A number of choices that can only fail is refused before any request, with its value."""
    with pytest.raises(ConfigurationError, match=f"n={value!r}"):
        continuum.complete(servers.chat(words("Fine.")), policy=QUICK, n=value, **ASK)
    assert servers.last.requests == []


@pytest.mark.parametrize("status", [400, 422])
def test_a_server_that_refuses_stream_options(servers: Servers, status: int) -> None:
    """It is asked again without them, which is no retry, and never with them after that; other refusals stay such."""
    error = {"error": {"message": "Unrecognized request argument supplied: stream_options"}}

    def answer(body: dict[str, Any]) -> Reply:
        return Reply(error, status=status) if "stream_options" in body else words("Fine.")

    client = servers.chat(answer)
    for _ in range(2):
        assert continuum.complete(client, policy=QUICK.model_copy(update={"max_retries": 0}), **ASK).text == "Fine."
    assert ["stream_options" in body for body in servers.last.requests] == [True, False, False]
    assert read(client, stream_options={"include_usage": True})[0] == "Fine."
    with pytest.raises(continuum.RejectedError):
        continuum.complete(servers.chat(Reply(error, status=status)), policy=QUICK, **ASK)
    assert len(servers.last.requests) == 2


def test_thinking_is_dropped_where_the_last_cap_leaves_no_room_for_it(servers: Servers) -> None:
    """A cap that a ceiling lowered to the thinking budget would be refused, so the remainder is asked without it."""

    def answer(body: dict[str, Any]) -> Reply:
        text = f"Words go on number {len(body['messages'])} here and then. Now w"
        return odd.events(
            odd.start(), *odd.thinking_block(0, "hm"), *odd.text_block(1, text), *odd.end("max_tokens", written=2000)
        )

    policy = QUICK.model_copy(update={"max_output_tokens": 5000})
    thinking = {"type": "enabled", "budget_tokens": 1500}
    params = {**ASK, "max_tokens": 2000, "thinking": thinking}
    continuum.complete(servers.claude(answer), policy=policy, **params)
    asked = [(body["max_tokens"], body.get("thinking")) for body in servers.last.requests]
    assert asked == [(2000, thinking), (2000, thinking), (1000, None)]


def test_the_limit_of_stop_sequences_is_openais_own(servers: Servers) -> None:
    """Five of them are refused for OpenAI itself; another server gets them as the caller wrote them."""
    stops = list("abcde")
    assert continuum.complete(servers.chat(words("Fine.")), policy=QUICK, stop=stops, **ASK).text == "Fine."
    assert servers.last.requests[0]["stop"] == stops
    with OpenAI(base_url="https://api.openai.com/v1", api_key="k") as client, pytest.raises(ConfigurationError):
        continuum.complete(client, policy=QUICK, stop=stops, **ASK)


@pytest.mark.parametrize("unary", [False, True], ids=["stream", "unary"])
@pytest.mark.parametrize(
    ("word", "reason", "complete"),
    [
        ("eos", "stop", True), ("eos_token", "stop", True), ("STOP", "stop", True), ("end_turn", "stop", True),
        ("max_tokens", "length", False), ("MAX_TOKENS", "length", False), ("model_length", "context_window", False),
        ("model_context_window_exceeded", "context_window", False), ("error", "interrupted", False),
        ("insufficient_system_resource", "interrupted", False), ("abort", "interrupted", False),
        ("network_error", "interrupted", False), ("SAFETY", "content_filter", False),
        ("sensitive", "content_filter", False), ("guardrail_intervened", "content_filter", False),
        ("load", "unknown", False), ("other", "unknown", False),
    ],
)  # fmt: skip
def test_words_of_compatible_servers(servers: Servers, word: str, reason: str, complete: bool, unary: bool) -> None:
    """Each server has words of its own for how an answer ends, and gateways pass them on. Unknown is never success."""
    script = completion_or_stream("The lamp burned oil in", word, unary=unary)
    policy = (UNARY if unary else QUICK).model_copy(update={"max_rounds": 1})
    result = continuum.complete(servers.chat(script), policy=policy, **ASK)
    assert (result.finish_reason, result.complete, result.raw_finish_reason) == (reason, complete, word)
    assert result.text == "The lamp burned oil in"


def completion_or_stream(text: str, finish: str, *, unary: bool, **beside: Any) -> Reply:
    message = {"role": "assistant", "content": text}
    reply = odd.completion(message, finish, usage={"prompt_tokens": 5, "completion_tokens": 10, "total_tokens": 15})
    if unary:
        reply.body["choices"][0].update(beside)
        return reply
    last = chunk({}, finish)
    last["choices"][0].update(beside)
    return chunks(chunk({"role": "assistant", "content": text}), last, odd.usage(5, 10))


@pytest.mark.parametrize("unary", [False, True], ids=["stream", "unary"])
@pytest.mark.parametrize("words", [("stop", "MAX_TOKENS"), ("other", "length"), ("length", "max_output_tokens")])
def test_a_gateway_that_hides_a_cut(servers: Servers, words: tuple[str, str], unary: bool) -> None:
    """The word of the server behind it is believed where it tells more."""
    ours, native = words
    first = completion_or_stream("The lamp burned ", ours, unary=unary, native_finish_reason=native)
    second = completion_or_stream("oil in those days.", "stop", unary=unary, native_finish_reason="STOP")
    result = continuum.complete(servers.chat(first, second), policy=UNARY if unary else QUICK, **ASK)
    assert (result.text, result.complete) == ("The lamp burned oil in those days.", True)


def test_a_choice_that_failed_behind_a_gateway(servers: Servers) -> None:
    """OpenRouter answers 200 with an error in the choice: what came is kept and gone on with, a quota ends the run."""
    broken = {"error": {"code": 502, "message": "Provider disconnected"}, "native_finish_reason": None}
    first = completion_or_stream("The lamp burned ", "error", unary=True, **broken)
    empty = completion_or_stream("", "error", unary=True, **broken)
    second = completion_or_stream("oil in those days.", "stop", unary=True)
    result = continuum.complete(servers.chat(empty, first, second), policy=UNARY, **ASK)
    assert (result.text, result.complete) == ("The lamp burned oil in those days.", True)
    assert "Provider disconnected" in (result.segments[0].failure or "")
    spent = completion_or_stream("", "error", unary=True, error={"code": 402, "message": "Insufficient credits"})
    with pytest.raises(continuum.QuotaError):
        continuum.complete(servers.chat(spent), policy=UNARY, **ASK)
