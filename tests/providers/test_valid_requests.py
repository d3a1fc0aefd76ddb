"""What the bare SDK takes, a wrapped client takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anthropic import Anthropic
from openai import AsyncOpenAI, OpenAI

import continuum
from continuum import ConfigurationError
from continuum.providers.arguments import listed
from continuum.testing import FakeClock
from tests.providers.odd import Odd, Reply, end, events, start, text_block, words
from tests.providers.test_responses_odd import cut, message, response, streamed

if TYPE_CHECKING:
    from collections.abc import Iterator

QUESTION = {"role": "user", "content": "Write it."}
CUT = events(start(), *text_block(0, "One, and"), *end("max_tokens"))
REST = events(start(), *text_block(0, " two."), *end("end_turn"))


def _chat(url: str) -> OpenAI:
    return OpenAI(base_url=url, api_key="k")


def _claude(url: str, key: str | None = "k") -> Anthropic:
    return Anthropic(base_url=url, api_key=key)


def test_a_cap_of_nothing_fills_the_cache() -> None:
    """Anthropic's `max_tokens=0` is passed on as it is: there is no answer to complete."""
    reply = Reply(start(stop_reason="max_tokens")["message"])
    with Odd([reply]) as odd, _claude(odd.url) as client:
        message = continuum.wrap(client).messages.create(model="m", messages=[QUESTION], max_tokens=0)
        assert message.stop_reason == "max_tokens"
        assert [(body["max_tokens"], "stream" in body) for body in odd.requests] == [(0, False)]
        with pytest.raises(ConfigurationError, match="prompt cache"):
            continuum.complete(client, model="m", messages=[QUESTION], max_tokens=0)


@pytest.mark.parametrize("before", ["previous_response_id", "conversation"])
def test_a_response_may_go_on_without_input(before: str) -> None:
    """What the server has stored is the question; a continuation goes behind it."""
    first = cut(message("One, and", status="incomplete"), id="resp_1")
    with Odd([streamed(first), streamed(response(message(" two."), id="resp_2"))]) as odd, _chat(odd.url) as client:
        whole = continuum.wrap(client, runtime=FakeClock().runtime)
        answer = whole.responses.create(model="m", **{before: "before"})
    assert (answer.output_text, answer.id) == ("One, and two.", "resp_2")
    assert "input" not in odd.requests[0]
    assert [body[before] for body in odd.requests] == ["before"] * 2
    assert odd.requests[1]["input"][-1]["role"] == "user"


def test_messages_may_be_any_iterable() -> None:
    """A generator is read once, and sent whole in every round; content, tools and system may be one, too."""
    with Odd([words("One, and", finish="length"), words(" two.")]) as odd, _chat(odd.url) as client:
        whole = continuum.wrap(client, runtime=FakeClock().runtime)
        response = whole.chat.completions.create(model="m", messages=(m for m in [QUESTION]), tools=iter(()))
        assert response.choices[0].message.content == "One, and two."
        assert [body["messages"][0] for body in odd.requests] == [QUESTION] * 2
        asked: Any = {"a": QUESTION}.values()
        continuum.complete(client, model="m", messages=asked)
        assert odd.requests[-1]["messages"] == [QUESTION]
    with Odd([CUT, REST]) as odd, _claude(odd.url) as other:
        text = {"type": "text", "text": "Write it."}
        asked = ({"role": "user", "content": iter([text])} for _ in range(1))
        system: Iterator[Any] = iter([{"type": "text", "text": "Be brief."}])
        whole_claude = continuum.wrap(other, runtime=FakeClock().runtime)
        whole_claude.messages.create(model="m", messages=asked, system=system, max_tokens=9)
        assert [body["messages"][0]["content"] for body in odd.requests] == [[text]] * 2
        assert [body["system"][0]["text"] for body in odd.requests] == ["Be brief."] * 2


def test_what_is_passed_on_may_be_any_iterable() -> None:
    """To find out that it is not covered, a generator has to be read; the SDK gets what was in it."""

    async def main(url: str) -> None:
        prefill = {"role": "assistant", "content": "One"}
        async with AsyncOpenAI(base_url=url, api_key="k") as client:
            stream = await continuum.wrap(client).chat.completions.create(
                model="m",
                messages=(m for m in [QUESTION, prefill]),  # type: ignore[misc]
                stream=True,
            )
            assert [chunk async for chunk in stream]

    with Odd([words("two.")]) as odd:
        anyio.run(main, odd.url)
        assert [message["role"] for message in odd.requests[0]["messages"]] == ["user", "assistant"]


def test_what_is_a_list_already_stays_as_it_is() -> None:
    """No copy is made of what can be read again."""
    messages = [QUESTION]
    assert listed({"messages": messages, "input": "text"})["messages"] is messages


def test_a_key_in_the_headers_of_one_request() -> None:
    """Anthropic's key need not be in the client; continuum's own questions carry it, too."""
    with Odd([CUT, REST]) as odd, _claude(odd.url, None) as client:
        whole = continuum.wrap(client, runtime=FakeClock().runtime)
        asked: dict[str, Any] = {"model": "m", "messages": [QUESTION], "max_tokens": 9}
        for key in ("x-api-key", "Authorization"):
            whole.messages.create(**asked, extra_headers={key: "mine"})
        assert {head.get("x-api-key") or head["authorization"] for head in odd.headers} == {"mine"}
        with pytest.raises(ConfigurationError, match="no key"):
            whole.messages.create(**asked)
