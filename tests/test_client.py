"""`continuum.wrap`: the SDK's own types come back, complete, and all else is the SDK's."""

from __future__ import annotations

import gc
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import anthropic
import anyio
import openai
import pytest
from anthropic import Anthropic, AsyncAnthropic
from anthropic.types import Message
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk

import continuum
from continuum import IncompleteError, Policy
from continuum.testing import Behaviour, SimulatedProvider, sample_documents

if TYPE_CHECKING:
    from collections.abc import Iterator

ESSAY = sample_documents()["essay"]
QUICK = Policy(retry_initial=0.01, retry_max=0.05, read_timeout=2.0)
ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "Write it."}], "max_tokens": 220}


OPENED: list[OpenAI | Anthropic] = []


@pytest.fixture(autouse=True)
def _clients_are_closed() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


def bare_chat(server: SimulatedProvider) -> OpenAI:
    client = OpenAI(base_url=server.openai_base_url, api_key="k")
    OPENED.append(client)
    return client


def bare_claude(server: SimulatedProvider) -> Anthropic:
    client = Anthropic(base_url=server.anthropic_base_url, api_key="k")
    OPENED.append(client)
    return client


def chat(server: SimulatedProvider, policy: Policy = QUICK) -> OpenAI:
    return continuum.wrap(bare_chat(server), policy=policy)


def claude(server: SimulatedProvider, policy: Policy = QUICK) -> Anthropic:
    return continuum.wrap(bare_claude(server), policy=policy)


@pytest.fixture
def essay() -> Any:
    with SimulatedProvider(ESSAY) as server:
        yield server


def test_openai_unary(essay: SimulatedProvider) -> None:
    """A ChatCompletion with the whole text, the summed usage and the final finish reason."""
    with chat(essay) as client:
        response = client.chat.completions.create(model="sim", **ASK)
    assert type(response) is ChatCompletion
    assert response.choices[0].message.content == ESSAY
    assert response.choices[0].message.role == "assistant"
    assert response.choices[0].finish_reason == "stop"
    assert response.id
    assert response.created
    result = continuum.result_of(response)
    assert result.rounds == len(essay.requests) > 1
    assert response.usage is not None
    assert response.usage.completion_tokens == result.usage.output_tokens
    assert response.usage.total_tokens == result.usage.total_tokens


def test_openai_stream(essay: SimulatedProvider) -> None:
    """One stream of ChatCompletionChunks with one id, one role, one finish reason and one usage at its end."""
    with chat(essay) as client:
        stream = client.chat.completions.create(model="sim", stream=True, stream_options={"include_usage": True}, **ASK)
        assert isinstance(stream, openai.Stream)
        assert stream.response.status_code == 200
        chunks = list(stream)
    assert all(type(chunk) is ChatCompletionChunk for chunk in chunks)
    assert len({chunk.id for chunk in chunks}) == 1
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices) == ESSAY
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["stop"]
    assert [choice.delta.role for choice in choices if choice.delta.role] == ["assistant"]
    assert choices[0].delta.role == "assistant"
    usages = [chunk.usage for chunk in chunks if chunk.usage]
    result = continuum.result_of(stream)
    assert [usage.completion_tokens for usage in usages] == [result.usage.output_tokens]
    assert chunks[-1].usage is not None


def test_a_usage_chunk_only_if_asked_for(essay: SimulatedProvider) -> None:
    """Code that reads choices[0] of every chunk keeps working."""
    with chat(essay) as client:
        for chunk in client.chat.completions.create(model="sim", stream=True, **ASK):
            assert chunk.choices[0] is not None
            assert chunk.usage is None


def test_anthropic_unary(essay: SimulatedProvider) -> None:
    """A Message with one text block that is whole, and the final stop reason."""
    with claude(essay) as client:
        message = client.messages.create(model="claude-sim", **ASK)
    assert type(message) is Message
    assert [block.type for block in message.content] == ["text"]
    assert message.content[0].text == ESSAY  # type: ignore[union-attr]
    assert message.stop_reason == "end_turn"
    result = continuum.result_of(message)
    assert message.usage.output_tokens == result.usage.output_tokens
    assert result.rounds > 1


def test_anthropic_stream(essay: SimulatedProvider) -> None:
    """One message_start, one text block, one message_delta with the summed usage, one message_stop."""
    with claude(essay) as client:
        stream = client.messages.create(model="claude-sim", stream=True, **ASK)
        assert isinstance(stream, anthropic.Stream)
        events = list(stream)
    kinds = [event.type for event in events if event.type not in ("content_block_delta", "ping")]
    assert kinds == ["message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"]
    text = "".join(event.delta.text for event in events if event.type == "content_block_delta")  # type: ignore[union-attr]
    assert text == ESSAY
    delta = next(event for event in events if event.type == "message_delta")
    assert delta.delta.stop_reason == "end_turn"
    assert delta.usage.output_tokens == continuum.result_of(stream).usage.output_tokens


def _made_anew(value: Any) -> Any:
    """What the SDK makes of an event's JSON."""
    return type(value).construct(**value.to_dict(exclude_unset=True))


@pytest.mark.parametrize("api", ["chat", "claude", "responses"])
def test_events_with_text_are_whole_and_share_nothing(essay: SimulatedProvider, api: str) -> None:
    """Whoever changes one of them, or keeps it, changes no other."""
    if api == "claude":
        events: list[Any] = list(claude(essay).messages.create(model="claude-sim", stream=True, **ASK))
        texts = [event for event in events if event.type == "content_block_delta"]
    elif api == "chat":
        events = list(chat(essay).chat.completions.create(model="sim", stream=True, **ASK))
        texts = [event for event in events if event.choices and event.choices[0].delta.content]
    else:
        asked: dict[str, Any] = {"input": "Write it.", "max_output_tokens": 220}
        events = list(chat(essay).responses.create(model="sim", stream=True, **asked))
        texts = [event for event in events if event.type == "response.output_text.delta"]
    assert len(texts) > 20
    known = [event.to_dict() for event in texts]
    assert all(event == _made_anew(event) and event.model_dump() == _made_anew(event).model_dump() for event in texts)
    for event in texts[::2]:
        event.changed = True
        part = event.choices[0] if api == "chat" else event
        part.changed = True
        if api == "responses":
            event.logprobs.append("changed")
            event.delta = "changed"
        else:
            part.delta.changed = part.delta.content = part.delta.text = "changed"
    assert [event.to_dict() for event in texts[1::2]] == known[1::2]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_async_clients(essay: SimulatedProvider, backend: str) -> None:
    """AsyncOpenAI and AsyncAnthropic, unary and streamed, on asyncio and trio."""

    async def main() -> None:
        async with continuum.wrap(AsyncOpenAI(base_url=essay.openai_base_url, api_key="k"), policy=QUICK) as client:
            response = await client.chat.completions.create(model="sim", **ASK)
            assert response.choices[0].message.content == ESSAY
            stream = await client.chat.completions.create(model="sim", stream=True, **ASK)
            assert isinstance(stream, openai.AsyncStream)
            text = [chunk.choices[0].delta.content or "" async for chunk in stream]
            assert "".join(text) == ESSAY
            assert continuum.result_of(stream).complete
        async with continuum.wrap(
            AsyncAnthropic(base_url=essay.anthropic_base_url, api_key="k"), policy=QUICK
        ) as claude:
            message = await claude.messages.create(model="claude-sim", **ASK)
            assert message.content[0].text == ESSAY  # type: ignore[union-attr]
            events = await claude.messages.create(model="claude-sim", stream=True, **ASK)
            assert isinstance(events, anthropic.AsyncStream)
            kinds = [event.type async for event in events]
            assert kinds[-1] == "message_stop"

    anyio.run(main, backend=backend)


def test_an_answer_that_fits_is_as_the_server_sent_it() -> None:
    """An answer in one round: the same fields as from the bare client, streamed inside or not."""
    with SimulatedProvider("A short answer.") as server:
        bare = bare_chat(server)
        expected = bare.chat.completions.create(model="sim", **ASK)
        for unary in (False, True):
            response = chat(server, QUICK.model_copy(update={"stream": not unary})).chat.completions.create(
                model="sim", **ASK
            )
            assert response.choices[0].message.content == expected.choices[0].message.content
            assert response.choices[0].finish_reason == expected.choices[0].finish_reason
            assert response.model == expected.model
            assert response.usage is not None
            assert expected.usage is not None
            assert response.usage.total_tokens == expected.usage.total_tokens


def test_tool_calls_come_back_as_they_are() -> None:
    """A tool call passes through both SDKs' types, unary and streamed."""
    with SimulatedProvider(ESSAY, behaviours=[Behaviour("tool_call", round=0, times=None)]) as server:
        bare = bare_chat(server).chat.completions.create(model="sim", **ASK)
        response = chat(server).chat.completions.create(model="sim", **ASK)
        (call,), (expected,) = response.choices[0].message.tool_calls or (), bare.choices[0].message.tool_calls or ()
        assert call.function == expected.function  # type: ignore[union-attr]
        assert response.choices[0].finish_reason == "tool_calls"
        chunks = list(chat(server).chat.completions.create(model="sim", stream=True, **ASK))
        deltas = [d for c in chunks for d in c.choices[0].delta.tool_calls or ()]
        assert "".join(d.function.arguments or "" for d in deltas if d.function) == expected.function.arguments  # type: ignore[union-attr]
        plain = bare_claude(server).messages.create(model="claude-sim", **ASK)
        message = claude(server).messages.create(model="claude-sim", **ASK)
        assert next(b.to_dict() for b in message.content if b.type == "tool_use")["input"] == next(
            b.input for b in plain.content if b.type == "tool_use"
        )
        events = list(claude(server).messages.create(model="claude-sim", stream=True, **ASK))
        starts = [e.content_block.type for e in events if e.type == "content_block_start"]
        assert "tool_use" in starts


def test_thinking_passes_and_is_kept_in_a_single_round() -> None:
    """Reasoning of a reply that is whole reaches the caller in the SDK's form."""
    with SimulatedProvider("Short.", behaviours=[Behaviour("reasoning", 8, round=0, times=None)]) as server:
        message = claude(server).messages.create(model="claude-sim", **ASK)
        assert [block.type for block in message.content] == ["thinking", "text"]
        events = list(claude(server).messages.create(model="claude-sim", stream=True, **ASK))
        starts = [(e.index, e.content_block.type) for e in events if e.type == "content_block_start"]
        assert starts == [(0, "thinking"), (1, "text")]


def test_an_incomplete_answer_says_so_in_the_sdks_word() -> None:
    """As from the bare SDK: `length` or `max_tokens`; the account has the reason."""
    policy = QUICK.model_copy(update={"max_rounds": 2})
    with SimulatedProvider(ESSAY) as server:
        response = chat(server, policy).chat.completions.create(model="sim", **ASK)
        assert response.choices[0].finish_reason == "length"
        assert continuum.result_of(response).reason == "max_rounds"
        message = claude(server, policy).messages.create(model="claude-sim", **ASK)
        assert message.stop_reason == "max_tokens"
        strict = policy.model_copy(update={"on_incomplete": "raise"})
        with pytest.raises(IncompleteError) as caught:
            chat(server, strict).chat.completions.create(model="sim", **ASK)
        assert caught.value.result.text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "kind", "status"),
    [("status:401", "rejected", 401), ("quota", "quota", 429), ("status:400", "rejected", 400)],
)
def test_an_end_that_is_no_cap_is_logged(
    caplog: pytest.LogCaptureFixture, fault: str, kind: str, status: int, stream: bool
) -> None:
    """The SDK's word for it is `length`, and nothing is raised: the text of the rounds before would be lost."""
    for make in (chat, claude):
        caplog.clear()
        with SimulatedProvider(ESSAY, faults=["ok", fault]) as server:
            client: Any = make(server)
            resource = client.chat.completions if make is chat else client.messages
            answer = resource.create(model="sim", stream=stream, **ASK)
            if stream:
                list(answer)
            assert continuum.result_of(answer).text
        (record,) = (record for record in caplog.records if record.levelname == "WARNING")
        told: Any = record
        assert (told.getMessage(), told.reason, told.kind, told.status_code) == ("incomplete", kind, kind, status)
        assert told.error == type(continuum.result_of(answer).failure).__name__
        assert "refused" not in str(vars(record)), "the provider's words are no part of it"


def test_a_cap_of_the_callers_is_no_warning(essay: SimulatedProvider, caplog: pytest.LogCaptureFixture) -> None:
    """The word in the response says it all."""
    with chat(essay, QUICK.model_copy(update={"max_rounds": 2})) as client:
        client.chat.completions.create(model="sim", **ASK)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.parametrize("stream", [False, True])
def test_errors_are_the_sdks_own(stream: bool) -> None:
    """Without any text the caller gets the error that the bare SDK raises, from the same call."""
    for status, name in ((401, "AuthenticationError"), (404, "NotFoundError"), (400, "BadRequestError")):
        with SimulatedProvider(ESSAY, faults=[f"status:{status}"] * 2) as server:
            with pytest.raises(getattr(openai, name)) as caught:
                chat(server).chat.completions.create(model="sim", stream=stream, **ASK)
            assert continuum.result_of(caught.value).rounds == 0
            with pytest.raises(getattr(anthropic, name)):
                claude(server).messages.create(model="claude-sim", stream=stream, **ASK)


def test_silent_streams_without_text_end_as_a_connection_error() -> None:
    """Where the bare SDK would show an empty answer, the caller gets its connection error."""
    policy = QUICK.model_copy(update={"max_retries": 1})
    with SimulatedProvider(ESSAY, faults=["silent_end:0"] * 4) as server:
        with pytest.raises(openai.APIConnectionError):
            chat(server, policy).chat.completions.create(model="sim", **ASK)
        with pytest.raises(anthropic.APIConnectionError):
            claude(server, policy).messages.create(model="claude-sim", **ASK)


def test_what_is_not_covered_is_passed_on() -> None:
    """A request that ends on an assistant turn is the caller's own prefill: the bare SDK's call, untouched."""
    messages = [{"role": "user", "content": "Write it."}, {"role": "assistant", "content": ESSAY[:100]}]
    with SimulatedProvider(ESSAY, prefill="continue") as server:
        response = chat(server).chat.completions.create(model="sim", messages=messages, max_tokens=20)  # type: ignore[arg-type]
        assert response.choices[0].finish_reason == "length"
        assert len(server.requests) == 1
        with pytest.raises(continuum.ConfigurationError, match="carries no account"):
            continuum.result_of(response)


def test_everything_else_is_the_sdks() -> None:
    """Class, isinstance, helpers and other resources are those of the bare client, which stays as it was."""
    bare = OpenAI(base_url="http://127.0.0.1:9/v1", api_key="k", max_retries=7, timeout=33.0)
    OPENED.append(bare)
    create = bare.chat.completions.create
    client = continuum.wrap(bare)
    assert type(client) is OpenAI
    assert client is not bare
    assert bare.chat.completions.create == create
    assert isinstance(client.chat.completions, type(bare.chat.completions))
    assert client.max_retries == 7
    assert client.timeout == 33.0
    assert client.chat.completions.parse.__func__ is type(bare.chat.completions).parse  # type: ignore[attr-defined]
    assert client.chat.completions.stream.__func__ is type(bare.chat.completions).stream  # type: ignore[attr-defined]
    assert type(client.embeddings) is type(bare.embeddings)
    sibling = Anthropic(base_url="http://127.0.0.1:9", api_key="k")
    OPENED.append(sibling)
    assert type(continuum.wrap(sibling)) is Anthropic
    assert type(continuum.wrap(sibling).messages.batches) is type(sibling.messages.batches)


def test_ways_that_are_not_covered_are_logged_once(
    essay: SimulatedProvider, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Frameworks use them under the caller's hands, and nothing else would tell that answers may be cut."""
    monkeypatch.setattr("continuum.client._NOTED", set())
    with chat(essay) as client, claude(essay) as other:
        for _ in range(2):
            client.chat.completions.with_raw_response.create(model="sim", **ASK)
            client.with_raw_response.chat.completions.create(model="sim", **ASK)
            with client.chat.completions.with_streaming_response.create(model="sim", **ASK) as response:
                assert response.parse().choices[0].finish_reason == "length"  # type: ignore[attr-defined]
            other.messages.with_raw_response.create(model="claude-sim", **ASK)
            assert other.beta.messages.create(model="claude-sim", **ASK).stop_reason == "max_tokens"
            assert other.with_options(timeout=9.0).beta.messages.create(model="claude-sim", **ASK).content
    assert type(other.beta.messages) is type(bare_claude(essay).beta.messages)
    logged = [record for record in caplog.records if record.getMessage() == "passed_on"]
    assert {record.levelname for record in logged} == {"WARNING"}
    assert [str(record.why).split()[0] for record in logged] == [  # type: ignore[attr-defined]
        "with_raw_response",
        "with_streaming_response",
        "client.beta.messages",
    ]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_raw_responses_of_async_clients_are_the_sdks(essay: SimulatedProvider, backend: str) -> None:
    """Unary, streamed, and through the beta twin."""

    async def main() -> None:
        async with continuum.wrap(AsyncOpenAI(base_url=essay.openai_base_url, api_key="k"), policy=QUICK) as client:
            raw = await client.chat.completions.with_raw_response.create(model="sim", **ASK)
            assert raw.parse().choices[0].finish_reason == "length"
            async with client.chat.completions.with_streaming_response.create(model="sim", **ASK) as response:
                assert (await response.parse()).choices[0].finish_reason == "length"
        async with continuum.wrap(
            AsyncAnthropic(base_url=essay.anthropic_base_url, api_key="k"), policy=QUICK
        ) as other:
            assert (await other.beta.messages.create(model="claude-sim", **ASK)).stop_reason == "max_tokens"

    anyio.run(main, backend=backend)


def test_raw_responses_are_not_touched(essay: SimulatedProvider) -> None:
    """with_raw_response and the SDK's own stream helper speak to the server as ever."""
    with chat(essay) as client:
        raw = client.chat.completions.with_raw_response.create(model="sim", **ASK)
        assert raw.parse().choices[0].finish_reason == "length"
        with client.chat.completions.stream(model="sim", **ASK) as stream:
            for _ in stream:
                pass
        assert len(essay.requests) == 2


def test_options_of_a_wrapped_client_keep_it_wrapped(essay: SimulatedProvider) -> None:
    """with_options() and copy() give wrapped clients; wrapping twice wraps once."""
    with chat(essay) as client:
        for again in (client.with_options(timeout=5.0), client.copy(), continuum.wrap(client, policy=QUICK)):
            response = again.chat.completions.create(model="sim", **ASK)
            assert response.choices[0].message.content == ESSAY
        essay.reset()
        assert continuum.complete(client, policy=QUICK, model="sim", **ASK).rounds == len(essay.requests)


def test_accounts_do_not_pile_up(essay: SimulatedProvider) -> None:
    """The account of a response lives as long as the response."""
    from continuum.client import _accounts

    with chat(essay) as client:
        response = client.chat.completions.create(model="sim", **ASK)
        key = id(response)
        assert key in _accounts
        del response
        gc.collect()
        assert key not in _accounts


def test_a_stream_can_be_left_early(essay: SimulatedProvider) -> None:
    """Leaving the with block of a wrapped stream ends the run and its request."""
    with chat(essay) as client:
        with client.chat.completions.create(model="sim", stream=True, **ASK) as stream:
            for chunk in stream:
                if chunk.choices[0].delta.content:
                    break
        assert essay.wait_idle(2.0)
        assert continuum.result_of(stream).reason == "cancelled"


@pytest.mark.parametrize("litellm", [[], [None], [ModuleType("litellm")]], ids=["", "blocked", "loaded"])
@pytest.mark.parametrize("stranger", [object(), None], ids=["object", "None"])
def test_a_stranger_cannot_be_wrapped(stranger: Any, litellm: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything that is no SDK client is refused with the names of those that are, whatever is loaded."""
    monkeypatch.delitem(sys.modules, "litellm", raising=False)
    for module in litellm:
        monkeypatch.setitem(sys.modules, "litellm", module)
    with pytest.raises(continuum.ConfigurationError, match=f"AsyncAnthropic.*not {type(stranger).__name__}"):
        continuum.wrap(stranger)
    with pytest.raises(continuum.ConfigurationError, match=f"AsyncAnthropic.*not {type(stranger).__name__}"):
        continuum.complete(stranger, **ASK)
