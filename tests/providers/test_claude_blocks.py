"""Claude's content blocks over several requests: citations, tools of the server, paused turns, thinking."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anthropic import Anthropic, AsyncAnthropic
from hypothesis import example, given, settings
from hypothesis import strategies as st

import continuum
from continuum import Policy
from tests.providers import odd
from tests.providers.odd import Odd, Reply, Script

if TYPE_CHECKING:
    from anthropic.types import Message

QUICK = Policy(retry_initial=0.01, retry_max=0.02, read_timeout=5.0, anchor=False)
DOCUMENT = {
    "type": "document",
    "source": {"type": "text", "media_type": "text/plain", "data": "x"},
    "citations": {"enabled": True},
}
PLAIN: dict[str, Any] = {
    "model": "claude-x",
    "messages": [{"role": "user", "content": "Write it."}],
    "max_tokens": 1000,
}
ASK = {**PLAIN, "messages": [{"role": "user", "content": [DOCUMENT, {"type": "text", "text": "Write it."}]}]}
CITED = {"type": "char_location", "cited_text": "x", "document_index": 0, "document_title": None,
         "start_char_index": 0, "end_char_index": 1, "file_id": None}  # fmt: skip
SEARCH = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "lamp"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []}

Blocks = list[dict[str, Any]]


def text(words: str, *, cited: bool = False) -> dict[str, Any]:
    return {"type": "text", "text": words, "citations": [CITED] if cited else None}


def thought(words: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": words, "signature": "c2ln"}


def streamed(blocks: Blocks, reason: str, *, size: int = 7, **delta: Any) -> Reply:
    """A stream of these blocks, text and arguments in small pieces."""
    events: Blocks = []
    for index, block in enumerate(blocks):
        kind, opening, deltas = block["type"], dict(block), []
        if kind == "text":
            opening["text"] = ""
            words = block["text"]
            deltas = [{"type": "text_delta", "text": words[i : i + size]} for i in range(0, len(words), size)]
            if block["citations"]:
                opening["citations"] = []
                deltas.insert(0, {"type": "citations_delta", "citation": block["citations"][0]})
        elif kind == "thinking":
            opening.update(thinking="", signature="")
            deltas = [{"type": "thinking_delta", "thinking": block["thinking"]}]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        elif kind == "server_tool_use":
            opening["input"] = {}
            deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
        events += odd.block(index, opening, *deltas)
    return odd.events(odd.start(), *events, *odd.end(reason, delta=delta))


def whole(blocks: Blocks, reason: str, **more: Any) -> Reply:
    """The same, unary."""
    message = {**odd.start()["message"], "content": blocks, "stop_reason": reason, **more}
    return Reply({**message, "usage": {"input_tokens": 10, "output_tokens": 5}})


def ask(
    *scripts: Script, stream: bool, policy: Policy = QUICK, asked: Any = ASK
) -> tuple[Blocks, continuum.Result, list[Any]]:
    """The content that a wrapped client gives, the account, and the requests."""
    with Odd(list(scripts)) as server, Anthropic(base_url=server.url, api_key="k") as client:
        create = continuum.wrap(client, policy=policy.model_copy(update={"stream": stream})).messages.create
        if not stream:
            message: Message = create(**asked)
            blocks = [block.to_dict() for block in message.content]
            return blocks, continuum.result_of(message), server.requests
        source = create(**asked, stream=True)
        return read(list(source)), continuum.result_of(source), server.requests


def read(events: list[Any]) -> Blocks:
    """Put the blocks of a stream together, each begun once, in order, and ended before the next."""
    blocks: Blocks = []
    opened: int | None = None
    arguments = ""
    for event in events:
        if event.type == "content_block_start":
            assert opened is None
            opened = event.index
            assert opened == len(blocks)
            block = event.content_block
            blocks.append(dict(block) if isinstance(block, dict) else block.to_dict())
            arguments = ""
        elif event.type == "content_block_delta":
            assert event.index == opened
            delta = event.delta if isinstance(event.delta, dict) else event.delta.to_dict()
            match delta["type"]:
                case "text_delta":
                    blocks[-1]["text"] += delta["text"]
                case "citations_delta":
                    blocks[-1]["citations"] = [*(blocks[-1].get("citations") or ()), delta["citation"]]
                case "thinking_delta":
                    blocks[-1]["thinking"] += delta["thinking"]
                case "signature_delta":
                    blocks[-1]["signature"] = delta["signature"]
                case "input_json_delta":
                    arguments += delta["partial_json"]
        elif event.type == "content_block_stop":
            assert event.index == opened
            opened = None
            if arguments:
                blocks[-1]["input"] = json.loads(arguments)
    assert opened is None
    assert [event.type for event in events][-2:] == ["message_delta", "message_stop"]
    return blocks


def bare(blocks: Blocks) -> list[tuple[Any, ...]]:
    """What a test compares."""
    return [
        (block["type"], block.get("text"), len(block.get("citations") or ()), block.get("thinking"), block.get("input"))
        for block in blocks
    ]


both = pytest.mark.parametrize("stream", [True, False], ids=["stream", "unary"])


def reply(blocks: Blocks, reason: str, *, stream: bool, **more: Any) -> Reply:
    return streamed(blocks, reason, **more) if stream else whole(blocks, reason, **more)


@both
def test_citations_of_an_answer_that_was_cut(stream: bool) -> None:
    """Each stays at its text, and what comes after the cut is in blocks of its own."""
    first = [text("The tower is old. "), text("It burned oil.", cited=True), text(" Its keeper was ")]
    second = [text("John Gray. "), text("He kept a log.", cited=True)]
    scripts = [reply(first, "max_tokens", stream=stream), reply(second, "end_turn", stream=stream)]
    blocks, result, _ = ask(*scripts, stream=stream)
    assert result.complete
    assert [(block["text"], len(block["citations"] or ())) for block in blocks] == [
        ("The tower is old. ", 0),
        ("It burned oil.", 1),
        (" Its keeper was ", 0),
        ("John Gray. ", 0),
        ("He kept a log.", 1),
    ]


@both
def test_text_that_cannot_have_citations_is_one_block(stream: bool) -> None:
    """However many requests it took."""
    scripts = [reply([text("It burned colza ")], "max_tokens", stream=stream)]
    scripts.append(reply([text("oil in those days. "), text("It is dark now.")], "end_turn", stream=stream))
    blocks, _, _ = ask(*scripts, stream=stream, asked=PLAIN)
    assert bare(blocks) == bare([text("It burned colza oil in those days. "), text("It is dark now.")])


@both
def test_a_paused_turn_is_one_turn(stream: bool) -> None:
    """Thinking, tools of the server and their results stand where they stood; the turn goes back as it is."""
    first = [thought("Hm."), text("I will search. "), SEARCH]
    second = [FOUND, thought("So."), text("The lamp burned oil.", cited=True)]
    container = {"container": {"id": "box_1", "expires_at": "2026-11-24T00:00:00Z"}}
    scripts = [reply(first, "pause_turn", stream=stream, **container), reply(second, "end_turn", stream=stream)]
    blocks, result, requests = ask(*scripts, stream=stream)
    assert result.text == "I will search. The lamp burned oil."
    assert bare(blocks) == bare([*first, *second])
    last = requests[1]["messages"][-1]
    assert (last["role"], bare(last["content"])) == ("assistant", bare(first))
    assert requests[1]["container"] == "box_1"


@both
def test_a_paused_turn_that_is_cut(stream: bool) -> None:
    """Its blocks stay verbatim in the history; what is thought later is bound to a history the caller has not."""
    first = [thought("Hm."), text("I will search. "), SEARCH]
    second = [FOUND, text("The lamp burned colza ")]
    third = [thought("Later."), text("oil in those days.")]
    reasons = ["pause_turn", "max_tokens", "end_turn"]
    scripts = [reply(b, r, stream=stream) for b, r in zip([first, second, third], reasons, strict=True)]
    blocks, result, requests = ask(*scripts, stream=stream)
    assert result.text == "I will search. The lamp burned colza oil in those days."
    assert bare(blocks) == bare([*first, FOUND, text("The lamp burned colza "), text("oil in those days.")])
    turn = requests[2]["messages"][1]
    assert bare(turn["content"][: len(first)]) == bare(first)


@both
def test_thinking_that_the_server_does_not_take_back(stream: bool) -> None:
    """The turn goes back without any thinking, once and for all."""

    def second(body: dict[str, Any]) -> Reply:
        content = body["messages"][-1]["content"]
        if any(block["type"] == "thinking" for block in content):
            words = {"type": "invalid_request_error", "message": "Invalid `signature` in `thinking` block."}
            return Reply({"type": "error", "error": words}, status=400)
        return reply([FOUND, text("The lamp burned oil.")], "end_turn", stream=stream)

    first = [thought("Hm."), text("I will search. "), SEARCH]
    _, result, requests = ask(reply(first, "pause_turn", stream=stream), second, stream=stream)
    assert (result.text, result.complete) == ("I will search. The lamp burned oil.", True)
    assert len(requests) == 3


@both
def test_a_tool_of_the_server_without_its_result_is_not_kept(stream: bool) -> None:
    """It could not be sent back. (A stream has shown it already.)"""
    first = [text("I will search. Then I will "), SEARCH]
    scripts = [reply(first, "max_tokens", stream=stream), reply([text("tell you all.")], "end_turn", stream=stream)]
    blocks, result, _ = ask(*scripts, stream=stream, asked=PLAIN)
    assert result.text == "I will search. Then I will tell you all."
    assert [block["type"] for block in blocks] == (["text", "server_tool_use", "text"] if stream else ["text"])


@both
@pytest.mark.parametrize("reason", ["refusal", "model_context_window_exceeded", "a_word_of_next_year"])
def test_other_ends_stop_with_the_partial(stream: bool, reason: str) -> None:
    """A refusal (after which the caller may ask another model), a full window, and words that nobody knows."""
    details = {"stop_details": {"type": "refusal", "category": "cyber", "explanation": None}}
    more = details if reason == "refusal" else {}
    script = reply([text("The lamp burned ")], reason, stream=stream, **more)
    blocks, result, requests = ask(script, stream=stream)
    assert len(requests) == 1
    assert (result.complete, result.raw_finish_reason, result.text) == (False, reason, "The lamp burned ")
    assert bare(blocks) == bare([text("The lamp burned ")])


def test_the_sdks_guard_against_long_unary_requests_is_never_met() -> None:
    """It refuses large caps unless there is a timeout; continuum gives one."""
    with Odd([whole([text("Done.")], "end_turn")]) as server, Anthropic(base_url=server.url, api_key="k") as client:
        policy = QUICK.model_copy(update={"stream": False})
        params = {**ASK, "max_tokens": 128_000}
        assert continuum.complete(client, policy=policy, **params).text == "Done."
        assert continuum.wrap(client, policy=policy).messages.create(**params).stop_reason == "end_turn"

    async def main() -> continuum.Result:
        with Odd([whole([text("Done.")], "end_turn")]) as server:
            async with AsyncAnthropic(base_url=server.url, api_key="k") as client:
                return await continuum.acomplete(client, policy=policy, **params)

    assert anyio.run(main).text == "Done."


pieces = st.lists(
    st.builds(text, st.text("abc de.", min_size=1, max_size=30), cited=st.booleans()) | st.just(SEARCH), max_size=4
)


@settings(max_examples=40, deadline=None)
@example(
    replies=[
        ([text("eac.d", cited=True), SEARCH], "max_tokens"),
        ([text("eac.d", cited=False), SEARCH, text(" ", cited=False)], "max_tokens"),
    ],
    last=[],
    size=1,
    cut_back="word",
)
@example(
    replies=[([text("a")], "max_tokens"), ([text("a", cited=True), text(" ")], "max_tokens")],
    last=[],
    size=1,
    cut_back="word",
)
@given(
    replies=st.lists(st.tuples(pieces, st.sampled_from(["max_tokens", "pause_turn"])), max_size=3),
    last=pieces,
    size=st.integers(1, 9),
    cut_back=st.sampled_from(["word", "sentence"]),
)
def test_stream_and_unary_agree_on_text_and_citations(
    replies: list[tuple[Blocks, str]], last: Blocks, size: int, cut_back: Any
) -> None:
    """Whatever the blocks, the caps and the pauses: the blocks of a stream hold the text of the result, as do those
    of a message, and each citation stands at the same text in both."""
    found: list[list[tuple[Any, ...]]] = []
    for stream in (True, False):
        scripts = [streamed(b, r, size=size) if stream else whole(b, r) for b, r in [*replies, (last, "end_turn")]]
        policy = QUICK.model_copy(update={"cut_back": cut_back, "max_rechecks": 0})
        blocks, result, _ = ask(*scripts, stream=stream, policy=policy)
        said = [block for block in blocks if block["type"] == "text"]
        assert "".join(block["text"] for block in said) == result.text
        found.append([(block["text"], len(block["citations"])) for block in said if block["citations"]])
    assert found[0] == found[1]
