"""Servers that speak the Responses API in manners of their own, and replies with more than one message in them."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from openai import OpenAI

import continuum
from continuum import Policy, Result
from tests.providers.odd import Odd, Reply, Script

if TYPE_CHECKING:
    from collections.abc import Iterator

QUICK = Policy(retry_initial=0.01, retry_max=0.02, read_timeout=5.0, cut_back="word", anchor=False)
UNARY = QUICK.model_copy(update={"stream": False})
ASK: dict[str, Any] = {"model": "m", "input": "Write it."}
RS = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "sealed"}
SEARCH = {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "q"}}


def message(text: str, *, id: str = "msg_1", status: str = "completed", **more: Any) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": more.pop("annotations", [])}]
    return {"id": id, "type": "message", "role": "assistant", "status": status, "content": content, **more}


def response(*output: Any, status: str = "completed", id: str = "resp_1", **more: Any) -> dict[str, Any]:
    counts = {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    return {
        "id": id, "object": "response", "created_at": 1, "model": "m", "status": status, "output": list(output),
        "error": None, "incomplete_details": None, "usage": {**counts, **details}, "parallel_tool_calls": True,
        "tool_choice": "auto", "tools": [], **more,
    }  # fmt: skip


def cut(*output: Any, **more: Any) -> dict[str, Any]:
    return response(*output, status="incomplete", incomplete_details={"reason": "max_output_tokens"}, **more)


def stream(*events: dict[str, Any], drop: bool = False) -> Reply:
    numbered = [{"sequence_number": number, **event} for number, event in enumerate(events)]
    return Reply(events=tuple(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in numbered), drop=drop)


def streamed(final: dict[str, Any], *, deltas: bool = True) -> Reply:
    """A stream of a response: each item added, its text in two deltas, done; then the final event."""
    events: list[dict[str, Any]] = [{"type": "response.created", "response": {**final, "status": "in_progress"}}]
    for index, item in enumerate(final["output"]):
        place = {"output_index": index, "item_id": item["id"], "content_index": 0}
        fresh = {**item, "content": [], "status": "in_progress"} if item["type"] == "message" else item
        events.append({"type": "response.output_item.added", "output_index": index, "item": fresh})
        text = item["content"][0]["text"] if item["type"] == "message" else ""
        for piece in (text[:3], text[3:]) if deltas else ():
            if piece:
                events.append({"type": "response.output_text.delta", "delta": piece, "logprobs": [], **place})
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    return stream(*events, {"type": f"response.{final['status']}", "response": final})


class Servers:
    """Odd servers and clients of them, closed together."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.last = Odd([])

    def __call__(self, *scripts: Script) -> OpenAI:
        self.last = self._stack.enter_context(Odd(list(scripts)))
        return self._stack.enter_context(OpenAI(base_url=self.last.url + "/v1", api_key="k"))

    def ask(self, *bodies: dict[str, Any], unary: bool = False, **params: Any) -> Result:
        client = self(*(Reply(body) if unary else streamed(body) for body in bodies))
        return continuum.complete(client, policy=UNARY if unary else QUICK, **{**ASK, **params})


@pytest.fixture
def servers() -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(stack)


both = pytest.mark.parametrize("unary", [False, True], ids=["stream", "unary"])


@both
def test_a_cut_that_calls_itself_completed(servers: Servers, unary: bool) -> None:
    """A message in it that is incomplete gives it away."""
    first = response(message("One two three. ", status="incomplete"))
    result = servers.ask(first, response(message("Four five six.")), unary=unary)
    assert (result.text, result.complete, result.rounds) == ("One two three. Four five six.", True, 2)
    assert result.segments[0].finish_reason == "length"


@both
def test_commentary_and_answer_stay_two_messages(servers: Servers, unary: bool) -> None:
    """The history shows them as they were, tools of the server between them, and only the last one is cut back."""
    said = message("Let me look. ", phase="commentary")
    begun = message("The lamp burned oil and th", id="msg_2", phase="final_answer", status="incomplete")
    rest = response(message("the tower stood.", id="msg_3"), id="resp_2")
    result = servers.ask(cut(RS, said, SEARCH, begun), rest, unary=unary)
    assert result.text == "Let me look. The lamp burned oil and the tower stood."
    sent = servers.last.requests[1]["input"]
    assert [item.get("type") for item in sent] == [None, "reasoning", "message", "web_search_call", None, None]
    assert all("id" not in item for item in sent)
    assert sent[4] == {"role": "assistant", "content": "The lamp burned oil and ", "phase": "final_answer"}
    assert [item.type for item in result.raw.output] == ["reasoning", "message", "web_search_call", "message"]
    assert result.raw.output[1].phase == "commentary"
    assert result.raw.output[3].content[0].text == "The lamp burned oil and the tower stood."
    assert result.raw.id == "resp_2"


def test_commentary_and_answer_in_a_wrapped_stream(servers: Servers) -> None:
    """Each delta names the message that it belongs to, also where text is held back."""
    said = message("Let me look. ", phase="commentary")
    begun = message("The lamp burned oil and th", id="msg_2", phase="final_answer", status="incomplete")
    rest = response(message("the tower stood.", id="msg_3"), id="resp_2")
    client = servers(streamed(cut(RS, said, SEARCH, begun)), streamed(rest))
    policy = QUICK.model_copy(update={"cut_back": "sentence"})
    events: list[Any] = list(continuum.wrap(client, policy=policy).responses.create(**ASK, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    texts: dict[str, str] = {}
    for event in events:
        if event.type == "response.output_text.delta":
            texts[event.item_id] = texts.get(event.item_id, "") + event.delta
    assert texts == {"msg_1": "Let me look. ", "msg_2": "The lamp burned oil and the tower stood."}
    added = [event.item.id for event in events if event.type == "response.output_item.added"]
    done = [event.item.id for event in events if event.type == "response.output_item.done"]
    assert sorted(added) == sorted(done) == ["msg_1", "msg_2", "rs_1", "ws_1"]
    final = events[-1].response
    assert [item.id for item in final.output] == added
    assert final.output_text == "Let me look. The lamp burned oil and the tower stood."


def test_text_that_comes_in_the_final_event_alone(servers: Servers) -> None:
    """Some servers stream no deltas."""
    client = servers(streamed(cut(message("One two three. ")), deltas=False), streamed(response(message("Four."))))
    result = continuum.complete(client, policy=QUICK, **ASK)
    assert (result.text, result.complete) == ("One two three. Four.", True)


def test_a_final_event_without_output(servers: Servers) -> None:
    """Some servers leave the items out of it: those that were done stand for them."""
    whole = streamed(response(RS, message("One two.")))
    assert whole.events is not None
    bare = {"type": "response.completed", "sequence_number": 9, "response": response()}
    events = (*whole.events[:-1], f"event: response.completed\ndata: {json.dumps(bare)}\n\n")
    client = servers(Reply(events=events))
    events_: list[Any] = list(continuum.wrap(client, policy=QUICK).responses.create(**ASK, stream=True))
    assert [item.type for item in events_[-1].response.output] == ["reasoning", "message"]
    assert events_[-1].response.output_text == "One two."


@both
def test_items_that_the_server_does_not_take_back(servers: Servers, unary: bool) -> None:
    """The text is sent without them, at once, and nothing is lost."""

    def second(body: dict[str, Any]) -> Reply:
        if any(item.get("type") == "reasoning" for item in body["input"]):
            error = {"message": "The encrypted content could not be verified.", "code": "invalid_encrypted_content"}
            return Reply({"error": error}, status=400)
        rest = response(message("Four five six."))
        return Reply(rest) if unary else streamed(rest)

    first = cut(RS, message("One two three. "))
    client = servers(Reply(first) if unary else streamed(first), second)
    result = continuum.complete(client, policy=UNARY if unary else QUICK, **ASK)
    assert (result.text, result.complete, result.rounds) == ("One two three. Four five six.", True, 2)
    assert len(servers.last.requests) == 3


def test_a_stored_response_that_is_gone(servers: Servers) -> None:
    """The text is sent instead."""

    def second(body: dict[str, Any]) -> Reply:
        if "previous_response_id" in body:
            error = {"message": "Previous response with id 'resp_1' not found.", "code": "previous_response_not_found"}
            return Reply({"error": error}, status=404)
        return streamed(response(message("Four five six.")))

    client = servers(streamed(cut({**RS, "encrypted_content": None}, message("One two three. "))), second)
    result = continuum.complete(client, policy=QUICK, **ASK)
    assert (result.text, result.complete) == ("One two three. Four five six.", True)
    assert [body.get("previous_response_id") for body in servers.last.requests] == [None, "resp_1", None]


@both
def test_calls_that_were_whole_are_kept_when_another_is_cut(servers: Servers, unary: bool) -> None:
    """Parallel calls: the caller sees which of them is whole, and that the answer is not."""
    whole = {
        "id": "fc_1",
        "type": "function_call",
        "status": "completed",
        "call_id": "c1",
        "name": "f",
        "arguments": "{}",
    }
    half = {**whole, "id": "fc_2", "call_id": "c2", "status": "incomplete", "arguments": '{"a'}
    result = servers.ask(cut(whole, half), unary=unary)
    assert (result.complete, result.reason) == (False, "tool_call_cut")
    assert [(item.id, item.status) for item in result.raw.output] == [("fc_1", "completed"), ("fc_2", "incomplete")]
    assert [(call.id, call.arguments, call.whole) for call in result.cut_tool_calls] == [
        ("c1", "{}", True),
        ("c2", '{"a', False),
    ]
    assert result.raw.status == "incomplete"


def test_a_web_page_is_no_response(servers: Servers) -> None:
    """A wrong address answers 200 with a page."""
    client = servers(Reply("<html>hello</html>", content_type="text/html"))
    with pytest.raises(continuum.ProviderError, match="no response"):
        continuum.complete(client, policy=UNARY, **ASK)


@both
def test_a_status_that_nobody_knows_is_not_success(servers: Servers, unary: bool) -> None:
    """Cancelled by somebody else: what came is kept."""
    final = response(message("One two."), status="cancelled")
    result = servers.ask(final, unary=unary)
    assert (result.text, result.complete, result.raw_finish_reason) == ("One two.", False, "cancelled")


def test_an_event_that_nobody_knows_is_passed_over(servers: Servers) -> None:
    """New kinds of events, and values that are no events at all."""
    whole = streamed(response(message("One two.")))
    assert whole.events is not None
    strange = ('data: {"type": "response.of_next_year", "sequence_number": 0}\n\n', "data: 7\n\n", 'data: {"a": 1}\n\n')
    client = servers(Reply(events=(whole.events[0], *strange, *whole.events[1:])))
    assert continuum.complete(client, policy=QUICK, **ASK).text == "One two."
    wrapped = continuum.wrap(servers(Reply(events=(whole.events[0], *strange, *whole.events[1:]))), policy=QUICK)
    events: list[Any] = list(wrapped.responses.create(**ASK, stream=True))
    assert events[-1].response.output_text == "One two."
