"""The server itself: life, connections, records, shapes on the wire, bad requests, the process and the plugin."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import anthropic
import anyio
import httpx2
import openai
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter
from sdk_calls import MANNERS, ask, assistant, user

from continuum.testing import Behaviour, FakeClock, SimulatedProvider, count_tokens, sample_documents, tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from continuum.testing.pytest_plugin import ProviderFactory

ESSAY = sample_documents()["essay"]
WRITE = [user("Write.")]
BAD_REQUEST = (openai.BadRequestError, anthropic.BadRequestError)


@pytest.fixture(scope="module")
def shared_server() -> Iterator[SimulatedProvider]:
    with SimulatedProvider(ESSAY) as provider:
        yield provider


@pytest.fixture
def server(shared_server: SimulatedProvider) -> SimulatedProvider:
    """The server of this module, as good as new."""
    shared_server.plan(behaviours=[], faults=[])
    shared_server.reset()
    return shared_server


def post(server: SimulatedProvider, path: str, body: Any) -> tuple[int, bytes]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = httpx2.post(server.base_url + path, content=raw, verify=False)
    return response.status_code, response.content


def sse(raw: bytes) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in raw.decode().split("\n") if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def test_start_and_stop_are_prompt_and_leave_nothing() -> None:
    """The server starts in a moment, stops in a moment although streams stall, and leaves no thread and no socket."""
    threads = threading.active_count()
    server = SimulatedProvider(ESSAY, faults=[Behaviour("stall", seconds=60, times=None)]).start()
    with ThreadPoolExecutor(5) as pool:
        calls = [pool.submit(ask, server, "openai-sync-stream", WRITE, 40) for _ in range(5)]
        deadline = time.monotonic() + 5
        while server.active_requests < 5:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        before = time.monotonic()
        server.stop()
        assert time.monotonic() - before < 0.2
        assert all(isinstance(call.exception(), openai.APIConnectionError) for call in calls)
    assert threading.active_count() == threads
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", int(server.base_url.rpartition(":")[2])), 1)
    server.stop()  # once more is allowed


def test_it_can_be_started_again_and_not_twice() -> None:
    """A stopped server starts again on its port; a second start of a running one is an error."""
    server = SimulatedProvider(ESSAY)
    with server:
        url = server.base_url
        with pytest.raises(RuntimeError, match="runs already"):
            server.start()
        with pytest.raises(OSError, match="in use"):
            SimulatedProvider(ESSAY, port=int(url.rpartition(":")[2])).start()
    with server:
        assert server.base_url == url
        assert ask(server, "openai-sync-unary", WRITE, 5).text


@pytest.mark.parametrize("options", [{"documents": {}}, {"chunk_tokens": 0}, {"delay": -1}, {"faults": ["overlap"]}])
def test_impossible_options_are_refused(options: dict[str, Any]) -> None:
    """Options that make no sense are errors before anything starts."""
    with pytest.raises(ValueError):
        SimulatedProvider(**{"documents": ESSAY, **options})


def test_an_abandoned_stream_is_noticed() -> None:
    """When the client closes a stream, the server ends its request and the connection at once."""
    with (
        SimulatedProvider(ESSAY, delay=0.01) as server,
        anthropic.Anthropic(base_url=server.anthropic_base_url, api_key="key") as client,
    ):
        create: Any = client.messages.create
        with create(model="m", messages=WRITE, max_tokens=900, stream=True) as stream:
            next(iter(stream))
            assert server.active_requests == server.open_connections == 1
        assert server.wait_idle(1.0, connections=0)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_cancelled_call_is_noticed(backend: str, stream: bool) -> None:
    """When the client's task is cancelled, the server ends its request and the connection at once."""

    async def run(url: str) -> None:
        async with openai.AsyncOpenAI(base_url=url, api_key="key") as client:
            create: Any = client.chat.completions.create
            with anyio.move_on_after(0.05):
                response = await create(model="m", messages=WRITE, stream=stream)
                async with response:
                    await anyio.sleep_forever()

    with SimulatedProvider(ESSAY, delay=0.01) as server:
        anyio.run(run, server.openai_base_url, backend=backend)
        assert server.wait_idle(1.0, connections=0)
        assert server.statuses == {200: 1}


def test_one_connection_serves_many_requests(server: SimulatedProvider) -> None:
    """Streams, whole answers and errors keep the connection alive for a client that reads to the end."""
    server.plan(faults=["429", "ok", "error_event:2", "silent_end", "error_body"])
    with httpx2.Client(base_url=server.base_url, verify=False) as client:
        for number in range(10):
            body = {"model": "m", "messages": WRITE, "max_tokens": 20, "stream": bool(number % 2)}
            client.post("/v1/chat/completions" if number % 3 else "/v1/messages", json=body)
            assert server.open_connections == 1
    assert server.statuses == {200: 9, 429: 1}


def test_pipelined_and_chopped_requests_are_answered_in_order(server: SimulatedProvider) -> None:
    """Two requests in one packet, sent byte by byte, get two answers."""
    body = json.dumps({"model": "m", "messages": WRITE, "max_tokens": 3}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n".encode()
    raw = head + b"\r\n" + body + head + b"Connection: close\r\n\r\n" + body
    received = b""
    with socket.create_connection(("127.0.0.1", int(server.base_url.rpartition(":")[2])), 5) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(raw), 7):
            sock.sendall(raw[start : start + 7])
        while data := sock.recv(65536):
            received += data
    assert received.count(b"HTTP/1.1 200 OK") == received.count(b'"chat.completion"') == 2


def test_what_is_no_http_gets_a_400(server: SimulatedProvider) -> None:
    """Garbage on the socket is answered and the connection closed."""
    with socket.create_connection(("127.0.0.1", int(server.base_url.rpartition(":")[2])), 5) as sock:
        sock.sendall(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
        assert sock.recv(1000).startswith(b"HTTP/1.1 400")
        assert sock.recv(1000) == b""


def test_requests_are_recorded_without_keys(server: SimulatedProvider) -> None:
    """Body, path, round and conversation of each request are kept; the values of keys are not."""
    server.reset()
    server.plan(behaviours=[], faults=[])
    for manner in MANNERS:
        ask(server, manner, [*WRITE, assistant("# The"), user("Go on.")], 5)
        ask(server, manner, WRITE, 5)
    assert len(server.requests) == 16
    assert "secret" not in repr(server.requests)
    first = server.requests[0]
    assert (first.path, first.round, first.cap, first.stream) == ("/v1/chat/completions", 1, 5, False)
    assert first.headers["authorization"] == "[redacted]"
    assert first.body["messages"][1]["content"] == "# The"
    conversations = {request.conversation for request in server.requests}
    assert len(conversations) == 2  # one for each wire API: the turns before the first answer are the same
    times = [request.time for request in server.requests]
    assert times == sorted(times)


def test_records_can_be_switched_off() -> None:
    """A large benchmark keeps no requests, only counts."""
    with SimulatedProvider(ESSAY, record=False) as server:
        ask(server, "openai-sync-unary", WRITE, 5)
        assert server.requests == []
        assert server.statuses == {200: 1}


@pytest.mark.parametrize("kind", ["exact", "tool_call", "reasoning:5", "refusal:No", "empty", "reasoning_only"])
def test_shapes_satisfy_the_strict_models_of_the_sdks(server: SimulatedProvider, kind: str) -> None:
    """Every body and event validates against the SDKs' own models, which they do not check by themselves."""
    server.reset()
    server.plan(behaviours=[Behaviour.parse(kind + "@0")], faults=[])
    body: dict[str, Any] = {"model": "m", "messages": WRITE, "max_tokens": 30}
    for path, whole, events in (
        ("/v1/chat/completions", TypeAdapter[Any](ChatCompletion), TypeAdapter[Any](ChatCompletionChunk)),
        ("/v1/messages", TypeAdapter[Any](Message), TypeAdapter[Any](RawMessageStreamEvent)),
    ):
        status, raw = post(server, path, body)
        assert status == 200
        whole.validate_json(raw)
        server.plan(behaviours=[Behaviour.parse(kind + "@0")])
        _, raw = post(server, path, {**body, "stream": True, "stream_options": {"include_usage": True}})
        for event in sse(raw):
            if event.get("type") != "ping":
                events.validate_python(event)
        server.plan(behaviours=[Behaviour.parse(kind + "@0")])


def test_the_events_of_a_messages_stream_come_in_the_documented_order(server: SimulatedProvider) -> None:
    """message_start, ping, the blocks with their starts and stops, message_delta, message_stop."""
    server.plan(behaviours=["reasoning:2@0"], faults=[])
    server.reset()
    _, raw = post(server, "/v1/messages", {"model": "m", "messages": WRITE, "max_tokens": 4, "stream": True})
    kinds = [event["type"].removeprefix("content_block_") for event in sse(raw)]
    thinking, text = ["start", "delta", "stop"], ["start", "delta", "delta", "stop"]
    assert kinds == ["message_start", "ping", *thinking, *text, "message_delta", "message_stop"]


def test_usage_of_a_chat_stream_comes_only_if_asked_for(server: SimulatedProvider) -> None:
    """The last chunk has the usage and no choices; without include_usage there is none at all."""
    server.plan(behaviours=[], faults=[])
    body = {"model": "m", "messages": WRITE, "max_tokens": 4, "stream": True}
    _, raw = post(server, "/v1/chat/completions", {**body, "stream_options": {"include_usage": True}})
    last = sse(raw)[-1]
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 4
    assert last["usage"]["prompt_tokens"] == count_tokens("Write.") + 4
    _, raw = post(server, "/v1/chat/completions", body)
    assert not any(event.get("usage") for event in sse(raw))
    assert raw.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("path", "change", "text"),
    [
        ("chat/completions", {"messages": []}, "empty array"),
        ("chat/completions", {"messages": None}, "messages"),
        ("chat/completions", {"model": None}, "model parameter"),
        ("chat/completions", {"max_tokens": 0}, "below minimum"),
        ("chat/completions", {"max_completion_tokens": -3}, "not supported"),
        ("chat/completions", {"max_tokens": "9"}, "integer"),
        ("chat/completions", {"max_tokens": 901}, "maximum"),
        ("chat/completions", {"messages": [{"role": "robot", "content": "x"}]}, "robot"),
        ("chat/completions", {"messages": [{"role": "user", "content": "[doc:none]"}]}, "no document 'none'"),
        ("chat/completions", {"messages": [*WRITE, assistant("a"), assistant("b")]}, "2 or more assistant"),
        ("messages", {"messages": []}, "at least one message"),
        ("messages", {"max_tokens": 0}, "greater than or equal to 1"),
        ("messages", {"max_tokens": 901}, "maximum"),
        ("messages", {"messages": [{"role": "system", "content": "x"}]}, "user"),
        ("messages", {"messages": [user("")]}, "non-empty"),
        ("messages", {"messages": [user(" \n")]}, "non-whitespace"),
        ("messages", {"messages": [*WRITE, assistant("a"), assistant("b")]}, "2 or more assistant"),
        ("messages", {"messages": [*WRITE, assistant("a ")]}, "trailing whitespace"),
    ],
)
def test_bad_requests_are_refused_as_the_provider_does(path: str, change: dict[str, Any], text: str) -> None:
    """Each bad request is a 400 in the provider's form that says what is wrong."""
    with SimulatedProvider(ESSAY, prefill="continue", max_output_tokens=900) as server:
        body = {"model": "m", "messages": WRITE, "max_tokens": 5, **change}
        status, raw = post(server, f"/v1/{path}", body)
    error = json.loads(raw)["error"]
    assert status == 400
    assert error["type"] == "invalid_request_error"
    assert text in error["message"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize("raw", [b"{", b"[]", b""])
def test_a_body_that_is_no_json_object_is_a_400(server: SimulatedProvider, path: str, raw: bytes) -> None:
    """A body that cannot be read is refused, not a crash."""
    assert post(server, path, raw)[0] == 400


def test_an_unknown_path_is_a_404(server: SimulatedProvider) -> None:
    """Only the known paths are served."""
    assert post(server, "/v1/embeddings", {})[0] == 404


def test_content_may_be_blocks_and_a_system_prompt(server: SimulatedProvider) -> None:
    """Content as a list of blocks is read as its text; Anthropic's system prompt counts as input."""
    server.plan(behaviours=[], faults=[])
    blocks = [{"type": "text", "text": "# The Keep"}, {"type": "text", "text": "ers of"}]
    messages = [user("Write."), {"role": "assistant", "content": blocks}, user("Go on.")]
    plain = ask(server, "anthropic-sync-unary", messages, 5)
    assert plain.text == "".join(tokenize(ESSAY[16:], 5))
    more = ask(server, "anthropic-sync-unary", messages, 5, system="Be brief.")
    assert more.input_tokens == (plain.input_tokens or 0) + count_tokens("Be brief.") + 4
    assert ask(server, "openai-sync-unary", messages, 5).text == plain.text


def test_both_names_of_the_cap_are_honoured(server: SimulatedProvider) -> None:
    """`max_completion_tokens` cuts as `max_tokens` does, and without a cap the text is whole."""
    with openai.OpenAI(base_url=server.openai_base_url, api_key="key") as client:
        call: Any = client.chat.completions.create
        cut = call(model="m", messages=WRITE, max_completion_tokens=7)
        whole = call(model="m", messages=WRITE)
    assert cut.usage.completion_tokens == 7
    assert whole.choices[0].message.content == ESSAY


def test_models_and_token_counts(server: SimulatedProvider) -> None:
    """The lists of models and Anthropic's count of tokens are served in their own forms."""
    with openai.OpenAI(base_url=server.openai_base_url, api_key="key") as client:
        assert [model.id for model in client.models.list()] == ["simulated"]
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("other")
    with anthropic.Anthropic(base_url=server.anthropic_base_url, api_key="key") as claude:
        assert claude.models.retrieve("simulated").type == "model"
        counted: Any = claude.messages.count_tokens
        assert counted(model="m", messages=WRITE).input_tokens == count_tokens("Write.") + 4


def test_a_failing_function_is_a_500_that_says_so() -> None:
    """An error in the caller's function reaches the client as text instead of hanging it."""

    def broken(_: Any) -> str:
        raise ZeroDivisionError("no such luck")

    with (
        SimulatedProvider(ESSAY, behaviours=broken) as server,
        pytest.raises(openai.InternalServerError, match="no such luck"),
    ):
        ask(server, "openai-sync-unary", WRITE, 5)
    assert server.statuses == {500: 1}


@pytest.mark.parametrize("mode", ["unary", "stream"])
def test_delays_take_their_time(mode: str) -> None:
    """`first_delay` and `delay` make an answer as slow as asked for, streamed or not."""
    with SimulatedProvider(ESSAY, first_delay=0.05, delay=0.005) as server:
        before = time.monotonic()
        ask(server, f"openai-sync-{mode}", WRITE, 21)
        assert 0.15 <= time.monotonic() - before < 3


def test_trio_is_served_too(server: SimulatedProvider) -> None:
    """The server has a loop of its own, so a client on trio can talk to it."""
    server.plan(behaviours=[], faults=[])

    async def run() -> str:
        async with anthropic.AsyncAnthropic(base_url=server.anthropic_base_url, api_key="key") as client:
            create: Any = client.messages.create
            stream = await create(model="m", messages=WRITE, max_tokens=20, stream=True)
            return "".join([event.delta.text async for event in stream if event.type == "content_block_delta"])

    assert anyio.run(run, backend="trio") == "".join(tokenize(ESSAY, 20))


def test_two_hundred_streams_at_once() -> None:
    """Many streams at once are all whole, and no connection is left."""
    body = {"model": "m", "messages": WRITE, "max_tokens": 50, "stream": True}

    async def one(client: httpx2.AsyncClient, texts: list[str]) -> None:
        response = await client.post("/v1/chat/completions", json=body)
        deltas = [event["choices"][0]["delta"] for event in sse(response.content)]
        texts.append("".join(delta.get("content", "") for delta in deltas))

    async def run(url: str) -> list[str]:
        texts: list[str] = []
        limits = httpx2.Limits(max_connections=None)
        async with (
            httpx2.AsyncClient(base_url=url, verify=False, limits=limits, timeout=20) as client,
            anyio.create_task_group() as group,
        ):
            for _ in range(200):
                group.start_soon(one, client, texts)
        return texts

    with SimulatedProvider(ESSAY, delay=0.002) as server:
        texts = anyio.run(run, server.base_url)
        assert texts == ["".join(tokenize(ESSAY, 50))] * 200
        assert server.wait_idle(connections=0)


def test_the_process_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    """`python -m continuum.testing` prints its URL, answers, and ends on SIGTERM and when its input is closed."""
    document = tmp_path / "text.md"
    document.write_text("One two three four five.", encoding="utf-8")
    command = [sys.executable, "-m", "continuum.testing", "--document", str(document), "--behaviour", "preamble:So: @0"]
    for extra in ([], ["--until-eof"]):
        with subprocess.Popen([*command, *extra], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            with openai.OpenAI(base_url=f"{url}/v1", api_key="key") as client:
                call: Any = client.chat.completions.create
                assert call(model="m", messages=WRITE).choices[0].message.content == "So: One two three four five."
            with urllib.request.urlopen(f"{url}/stats") as response:
                assert json.load(response)["requests"] == 2
            if extra:
                process.stdin.close()
            else:
                process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 0


def test_the_process_refuses_bad_arguments() -> None:
    """A behaviour that cannot be read is an error of the command line."""
    done = subprocess.run(
        [sys.executable, "-m", "continuum.testing", "--fault", "nonsense"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "there is no behaviour 'nonsense'" in done.stderr


def test_the_plugin_starts_and_stops_providers(simulated_provider: ProviderFactory, fake_clock: FakeClock) -> None:
    """The fixture starts as many providers as asked for, and its documents default to the samples."""
    first = simulated_provider()
    second = simulated_provider("A text.", behaviours=["empty@0"])
    assert set(first.documents) == set(sample_documents())
    assert ask(second, "openai-sync-unary", WRITE, 5).text == ""
    assert isinstance(fake_clock, FakeClock)
    assert fake_clock.sleeps == []


def test_the_plugin_is_cheap_to_import() -> None:
    """Loading the plugin imports no SDK and no server: every pytest run of every user pays for it."""
    code = (
        "import sys, continuum.testing.pytest_plugin as p; "
        "print([m for m in sys.modules if m.split('.')[0] in ('openai', 'anthropic', 'h11', 'httpx2')"
        " or m.startswith('continuum.testing.') and not m.endswith('pytest_plugin')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_are_all_there() -> None:
    """Every public name can be imported, and an unknown one is an AttributeError."""
    import continuum.testing as testing

    assert all(getattr(testing, name) is not None for name in testing.__all__)
    assert testing.__all__ == sorted(testing.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = testing.nothing
