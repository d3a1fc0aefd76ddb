"""What the SDK's own objects and streams say of a run that took several requests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anthropic import Anthropic, AsyncAnthropic
from openai import AsyncOpenAI, OpenAI

import continuum
from continuum import Policy
from continuum.testing import FakeClock, SimulatedProvider
from tests.providers.odd import Odd, Reply, chunk, chunks, completion, end, events, start, text_block, words

if TYPE_CHECKING:
    from collections.abc import Iterator

ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Write it."}], "max_tokens": 50}
UNARY = Policy(stream=False)
OPENED: list[OpenAI | Anthropic] = []


@pytest.fixture(autouse=True)
def _clients_are_closed() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


def chat(url: str, policy: Policy | None = None) -> OpenAI:
    client = OpenAI(base_url=url, api_key="k")
    OPENED.append(client)
    return continuum.wrap(client, policy=policy, runtime=FakeClock().runtime)


def claude(url: str, policy: Policy | None = None) -> Anthropic:
    client = Anthropic(base_url=url, api_key="k")
    OPENED.append(client)
    return continuum.wrap(client, policy=policy, runtime=FakeClock().runtime)


def named(reply: Reply, name: str) -> Reply:
    """A reply whose headers say what the request is called."""
    return replace(
        reply, headers=(("x-request-id", name), ("request-id", name), ("anthropic-workspace-id", f"w-{name}"))
    )


def message(text: str, stop_reason: str) -> Reply:
    """A unary reply of Anthropic's."""
    body = start(content=[{"type": "text", "text": text}], stop_reason=stop_reason)["message"]
    return Reply(body)


# -- request ids --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", [None, UNARY])
def test_the_request_id_is_that_of_the_last_request(policy: Policy | None) -> None:
    """As the SDK's, of an answer in one round and of a longer one; it is no part of the object's data."""
    streamed = policy is None
    cut = words("One, and", finish="length") if streamed else completion({"content": "One, and"}, "length")
    rest = words(" two.") if streamed else completion({"content": " two."})
    with Odd([named(cut, "r1"), named(rest, "r2"), named(rest, "r3")]) as odd:
        client = chat(odd.url, policy)
        response = client.chat.completions.create(**ASK)
        assert response.choices[0].message.content == "One, and two."
        assert response._request_id == "r2"
        assert "r2" not in response.to_json()
        assert client.chat.completions.create(**ASK)._request_id == "r3"
    cut = (
        events(start(), *text_block(0, "One, and"), *end("max_tokens"))
        if streamed
        else message("One, and", "max_tokens")
    )
    rest = events(start(), *text_block(0, " two."), *end("end_turn")) if streamed else message(" two.", "end_turn")
    with Odd([named(cut, "r1"), named(rest, "r2"), named(rest, "r3")]) as odd:
        other = claude(odd.url, policy)
        whole = other.messages.create(**ASK)
        assert (whole._request_id, whole._workspace_id) == ("r2", "w-r2")
        whole = other.messages.create(**ASK)
        assert (whole._request_id, whole._workspace_id) == ("r3", "w-r3")


@pytest.mark.parametrize("policy", [None, UNARY])
def test_the_request_id_of_a_response(policy: Policy | None) -> None:
    """The Responses API as well."""
    with SimulatedProvider("One, and two. " * 40, headers={"x-request-id": "r1"}) as server:
        client = chat(server.openai_base_url, policy)
        for cap in (50, 5000):
            assert client.responses.create(model="m", input="Go.", max_output_tokens=cap)._request_id == "r1"


def test_the_request_id_of_a_whole_reply_in_place_of_a_stream() -> None:
    """It is in the headers of the stream that was none."""
    with Odd([named(completion({"content": "Hi."}), "r1")]) as odd:
        assert chat(odd.url).chat.completions.create(**ASK)._request_id == "r1"
    with Odd([named(message("Hi.", "end_turn"), "r1")]) as odd:
        assert claude(odd.url).messages.create(**ASK)._request_id == "r1"


def test_without_a_header_there_is_no_request_id() -> None:
    """None, as the bare SDK says, and not an error; the async twins too."""

    async def main(chat_url: str, claude_url: str) -> None:
        async with continuum.wrap(AsyncOpenAI(base_url=chat_url, api_key="k")) as client:
            assert (await client.chat.completions.create(**ASK))._request_id is None
        async with continuum.wrap(AsyncAnthropic(base_url=claude_url, api_key="k")) as other:
            assert (await other.messages.create(**ASK))._request_id is None

    with Odd([words("Hi.")]) as one, Odd([events(start(), *text_block(0, "Hi."), *end("end_turn"))]) as two:
        anyio.run(main, one.url, two.url)


# -- usage --------------------------------------------------------------------------------------------------------


def test_a_reply_that_broke_has_an_estimated_usage() -> None:
    """Whoever asks for no stream has a usage from the bare SDK; the reply that would have told it did not end."""
    broken = chunks(chunk({"role": "assistant", "content": "Once upon a time there was "}), drop=True)
    refused = Reply({"error": {"message": "no"}}, status=400)
    with Odd([broken, refused]) as odd:
        response = chat(odd.url).chat.completions.create(**ASK)
        result = continuum.result_of(response)
        assert (response.choices[0].finish_reason, result.reason) == ("length", "rejected")
        assert response.usage is not None
        assert response.usage.total_tokens == result.usage.total_tokens > 0
        assert result.usage.estimated
    with Odd([broken, refused]) as odd:
        stream = chat(odd.url).chat.completions.create(**ASK, stream=True, stream_options={"include_usage": True})
        told = [event.usage.total_tokens for event in stream if event.usage is not None]
        assert told == [continuum.result_of(stream).usage.total_tokens]


# -- reasoning ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", [None, UNARY])
def test_reasoning_of_the_first_reply_stays(policy: Policy | None) -> None:
    """As in a stream of the same run, also where the answer took several requests."""
    thought = {"role": "assistant", "reasoning_content": "hm"}
    said = {**thought, "content": "One, and"}
    if policy is None:
        replies = [
            chunks(chunk(thought), chunk({"content": "One, and"}), chunk({}, "length")),
            chunks(chunk({"reasoning_content": "so"}), chunk({"content": " two."}), chunk({}, "stop")),
        ]
    else:
        replies = [completion(said, "length"), completion({"reasoning_content": "so", "content": " two."})]
    with Odd([*replies]) as odd:
        message = chat(odd.url, policy).chat.completions.create(**ASK).choices[0].message
    assert message.to_dict() == {**said, "content": "One, and two.", "refusal": None}
    if policy is None:
        with Odd([*replies]) as odd:
            stream = chat(odd.url).chat.completions.create(**ASK, stream=True)
            told = [event.choices[0].delta.to_dict().get("reasoning_content") for event in stream]
        assert [thought for thought in told if thought] == ["hm"]
