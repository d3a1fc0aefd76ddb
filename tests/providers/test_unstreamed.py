"""Servers that do not stream: those that answer whole all the same, and those that refuse."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anthropic
import anyio
import openai
import pytest
from anthropic import Anthropic, AsyncAnthropic
from openai import AsyncOpenAI, OpenAI

import continuum
from continuum import Policy, ProviderError, RejectedError
from continuum.providers.capabilities import UNSTREAMED
from tests.providers import odd
from tests.providers.odd import Odd, Reply, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

QUICK = Policy(retry_initial=0.01, retry_max=0.02)
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Write it."}]}
TEXT = "The lamp was lit. "
CUT, REST = "The keeper climbed the stair. The lamp was cold. ", "He went down again for oil."


def _chat(text: str, finish: str = "stop") -> Reply:
    counts = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    return odd.completion({"role": "assistant", "content": text}, finish, usage=counts)


def _message(text: str) -> Reply:
    return Reply({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "stop_reason": "end_turn",
        "stop_sequence": None, "content": [{"type": "text", "text": text}],
        "usage": {"input_tokens": 5, "output_tokens": 2},
    })  # fmt: skip


def _response(text: str) -> Reply:
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
    return Reply({
        "id": "resp_1", "object": "response", "created_at": 7, "model": "m", "status": "completed", "output": [item],
        "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        "usage": {
            "input_tokens": 5, "output_tokens": 2, "total_tokens": 7,
            "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0},
        },
    })  # fmt: skip


APIS: dict[str, tuple[Callable[[str], Reply], dict[str, Any]]] = {
    "chat": (_chat, CHAT),
    "claude": (_message, {**CHAT, "max_tokens": 1000}),
    "responses": (_response, {"model": "m", "input": "Write it."}),
}


def _client(api: str, server: Odd) -> Any:
    return (Anthropic if api == "claude" else OpenAI)(base_url=server.url, api_key="k")


def _aclient(api: str, server: Odd) -> Any:
    return (AsyncAnthropic if api == "claude" else AsyncOpenAI)(base_url=server.url, api_key="k")


def _create(api: str, client: Any) -> Callable[..., Any]:
    """The method of a wrapped client."""
    found = {"chat": lambda c: c.chat.completions, "claude": lambda c: c.messages, "responses": lambda c: c.responses}
    create: Callable[..., Any] = found[api](continuum.wrap(client, policy=QUICK)).create
    return create


def _text(api: str, event: Any) -> str:
    """The text in an event of a stream."""
    if api == "chat":
        return "".join(part.delta.content or "" for part in event.choices)
    delta = getattr(event, "delta", None)
    return delta if isinstance(delta, str) else getattr(delta, "text", None) or ""


# -- JSON in place of a stream ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_whole_answer_in_place_of_a_stream_is_the_answer(api: str, is_async: bool) -> None:
    """5, 8: it was paid for, so it counts, and is not asked for again."""
    reply, params = APIS[api]

    async def ask(server: Odd) -> continuum.Result:
        async with _aclient(api, server) as client:
            return await continuum.acomplete(client, policy=QUICK, **params)

    with Odd([reply(TEXT)]) as server, _client(api, server) as client:
        result = anyio.run(ask, server) if is_async else continuum.complete(client, policy=QUICK, **params)
        assert [body.get("stream") for body in server.requests] == [True]
    assert (result.text, result.complete, result.reason) == (TEXT, True, "finished")
    assert (result.usage.input_tokens, result.usage.output_tokens, result.usage.estimated) == (5, 2, False)


@pytest.mark.parametrize("api", APIS)
def test_a_wrapped_client_hands_it_on_as_it_came(api: str) -> None:
    """What `create()` returns is the server's own object."""
    reply, params = APIS[api]
    with Odd([reply(TEXT)]) as server, _client(api, server) as client:
        found = _create(api, client)(**params)
        assert len(server.requests) == 1
    assert isinstance(reply(TEXT).body, dict)
    assert found.to_dict() == reply(TEXT).body


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_reader_of_a_stream_gets_it_as_one(api: str, is_async: bool) -> None:
    """`create(stream=True)` on such a server: a proper stream, with the server's id."""
    reply, params = APIS[api]

    async def read(server: Odd) -> list[Any]:
        async with _aclient(api, server) as client:
            return [event async for event in await _create(api, client)(stream=True, **params)]

    with Odd([reply(TEXT)]) as server, _client(api, server) as client:
        events = anyio.run(read, server) if is_async else list(_create(api, client)(stream=True, **params))
        assert len(server.requests) == 1
    assert "".join(_text(api, event) for event in events) == TEXT
    first = events[0]
    owner = {"chat": first, "claude": getattr(first, "message", None), "responses": getattr(first, "response", None)}
    assert getattr(owner[api], "id", None) == {"chat": "c1", "claude": "msg_1", "responses": "resp_1"}[api]


def test_an_answer_is_gone_on_with_all_the_same() -> None:
    """1, 2: two whole replies, the first of them cut, are one text."""
    with Odd([_chat(CUT, "length"), _chat(REST)]) as server, _client("chat", server) as client:
        result = continuum.complete(client, policy=QUICK, **CHAT)
    assert (result.text, result.complete, result.rounds) == (CUT + REST, True, 2)


def test_an_error_in_the_body_is_what_it_says() -> None:
    """Not a stream that ended early, to be asked for six times more."""
    body = {"error": {"message": "no such model", "code": 404}}
    with Odd([Reply(body)]) as server, _client("chat", server) as client:
        with pytest.raises(ProviderError, match="no such model"):
            continuum.complete(client, policy=QUICK, **CHAT)
        assert len(server.requests) == 1


def test_a_stream_under_a_wrong_name_is_read_as_a_stream() -> None:
    """The label is not the content."""
    with (
        Odd([Reply(events=words(TEXT).events, content_type="application/json")]) as server,
        _client("chat", server) as client,
    ):
        result = continuum.complete(client, policy=QUICK, **CHAT)
    assert (result.text, result.complete, len(server.requests)) == (TEXT, True, 1)


# -- models that may not be streamed ---------------------------------------------------------------------------------

VERIFY = "Your organization must be verified to stream this model. Please go to: https://platform.openai.com/settings"


def _unverified(api: str, message: str = VERIFY, param: str | None = "stream") -> Callable[[dict[str, Any]], Reply]:
    """Answers unary requests only."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": "unsupported_value"}

    def answer(body: dict[str, Any]) -> Reply:
        return Reply({"error": error}, status=400) if body.get("stream") else APIS[api][0](TEXT)

    return answer


@pytest.fixture
def forgetful() -> Iterator[None]:
    """What is learnt here is not learnt for other tests."""
    yield
    UNSTREAMED.clear()


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_model_that_may_not_be_streamed_is_asked_for_the_whole(api: str, is_async: bool) -> None:
    """Nobody asked for a stream, so nobody is told; and it is remembered for this server and model."""
    params = APIS[api][1]

    async def ask(server: Odd) -> Any:
        async with _aclient(api, server) as client:
            return await continuum.acomplete(client, policy=QUICK, **params)

    with Odd([_unverified(api)]) as server, _client(api, server) as client:
        for _ in range(2):
            result = anyio.run(ask, server) if is_async else continuum.complete(client, policy=QUICK, **params)
            assert (result.text, result.complete) == (TEXT, True)
        _create(api, client)(**params)
        assert [body.get("stream", False) for body in server.requests] == [True, False, False, False]
        with pytest.raises(RejectedError):
            list(continuum.stream(client, policy=QUICK, **params))


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("api", APIS)
def test_who_asks_for_a_stream_is_told(api: str) -> None:
    """The server's own error, at once."""
    params = APIS[api][1]
    with Odd([_unverified(api)]) as server, _client(api, server) as client:
        kind = anthropic.BadRequestError if api == "claude" else openai.BadRequestError
        with pytest.raises(kind, match="must be verified"):
            _create(api, client)(stream=True, **params)
        with pytest.raises(RejectedError, match="must be verified"):
            list(continuum.stream(client, policy=QUICK, **params))
        assert len(server.requests) == 2


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize(
    ("message", "understood"),
    [
        ("Streaming is not supported for this model.", True),
        ("'stream' is not allowed here", True),
        ("This model does not support streaming.", True),
        ("Your stream of thought is unclear. Tools are not supported.", False),
    ],
)
def test_servers_say_it_in_words(message: str, understood: bool) -> None:
    """What is no refusal to stream is an error as before."""
    with Odd([_unverified("chat", message, None)]) as server, _client("chat", server) as client:
        if understood:
            assert continuum.complete(client, policy=QUICK, **CHAT).text == TEXT
        else:
            with pytest.raises(RejectedError):
                continuum.complete(client, policy=QUICK, **CHAT)
        assert len(server.requests) == 1 + understood


def test_events_that_are_called_json_are_a_stream() -> None:
    """What had come of them when the connection broke is kept."""
    data = tuple(f"data: {json.dumps(odd.chunk({'content': f'word{i} '}))}\n\n" for i in range(8))
    called = Reply(events=data, content_type="application/json", drop=True)
    with Odd([called, words("the end.")]) as server, OpenAI(base_url=server.url, api_key="k") as client:
        stream = continuum.stream(client, policy=QUICK, **CHAT)
        assert len(list(stream)) > 2
        assert stream.result.raw_segments[0] == "".join(f"word{i} " for i in range(8))


@pytest.mark.usefixtures("forgetful")
def test_what_is_refused_to_one_key_is_not_to_another() -> None:
    """It is an organisation that OpenAI does not let stream."""
    with Odd([_unverified("chat")]) as server:
        for key in ("one", "one", "other"):
            with OpenAI(base_url=server.url, api_key=key) as client:
                assert continuum.complete(client, policy=QUICK, **CHAT).text == TEXT
        asked = [body.get("stream", False) for body in server.requests]
    assert asked == [True, False, False, True, False]


@pytest.mark.parametrize("claude", [False, True], ids=["chat", "claude"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_body_that_breaks_off_raises_the_sdks_own_error(claude: bool, stream: bool) -> None:
    """As the bare SDK would, whoever has read it."""
    broken = Reply(events=("{", '"id": "c"'), content_type="application/json", drop=True)
    policy = Policy(stream=stream, max_retries=0)
    kind: Any = Anthropic if claude else OpenAI
    error = anthropic.APIConnectionError if claude else openai.APIConnectionError
    with Odd([broken]) as server, kind(base_url=server.url, api_key="k", max_retries=0) as client:
        wrapped = continuum.wrap(client, policy=policy)
        with pytest.raises(error):
            (wrapped.messages if claude else wrapped.chat.completions).create(**APIS["claude" if claude else "chat"][1])
