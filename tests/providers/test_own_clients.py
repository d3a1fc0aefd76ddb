"""What callers do to their clients: keys that change, classes with an `__init__` of their own, methods replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest import mock

import anyio
import openai
import pytest
from anthropic import Anthropic, AsyncAnthropic
from anthropic.lib.bedrock import AsyncAnthropicBedrock
from anthropic.lib.vertex import AnthropicVertex
from anthropic.types import Message
from openai import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, OpenAI
from openai.auth._workload import WorkloadIdentityAuth
from openai.types.chat import ChatCompletion

import continuum
from continuum import Policy
from continuum.client import unwrapped
from continuum.providers import limits, providers_of
from continuum.providers.copies import copied, replaced
from continuum.testing import FakeClock, SimulatedProvider, sample_documents
from tests.providers.odd import Odd, Reply, completion, end, events, start, text_block, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ESSAY = sample_documents()["essay"]
QUICK = Policy(retry_initial=0.01, retry_max=0.05)
ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Write it."}], "max_tokens": 300}
CLAUDE = events(start(), *text_block(0, "Hi."), *end("end_turn"))
OPENED: list[Any] = []


@pytest.fixture(autouse=True)
def _clients_are_closed() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


@pytest.fixture
def essay() -> Iterator[SimulatedProvider]:
    with SimulatedProvider(ESSAY) as server:
        yield server


def chat(url: str, **more: Any) -> OpenAI:
    client = OpenAI(base_url=url, api_key="old", **more)
    OPENED.append(client)
    return client


def claude(url: str, **more: Any) -> Anthropic:
    client = Anthropic(base_url=url, api_key="old", **more)
    OPENED.append(client)
    return client


def sent_key(head: dict[str, str]) -> str:
    return head.get("x-api-key") or head["authorization"].removeprefix("Bearer ")


# -- keys that change ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("retries", [0, 2])
def test_a_new_key_on_a_wrapped_client_counts(retries: int) -> None:
    """Every way to ask sends the key that the wrapped client has now, as the bare SDK would."""
    with Odd([words("Hi.")]) as odd:
        client = continuum.wrap(chat(odd.url, max_retries=retries))
        client.api_key = "new"
        client.chat.completions.create(**ASK)
        client.with_options(timeout=5.0).chat.completions.create(**ASK)
        client.copy().chat.completions.create(**ASK)
        continuum.complete(client, **ASK)
        continuum.wrap(client).chat.completions.create(**ASK)
        assert [sent_key(head) for head in odd.headers] == ["new"] * 5
        assert unwrapped(client).api_key == "new"
        assert client.max_retries == retries
    with Odd([CLAUDE]) as odd:
        other = continuum.wrap(claude(odd.url, max_retries=retries))
        other.api_key = "new"
        other.messages.create(**ASK)
        other.with_options(timeout=5.0).messages.create(**ASK)
        assert [sent_key(head) for head in odd.headers] == ["new"] * 2


def test_a_new_key_on_async_clients_and_the_other_api_counts(essay: SimulatedProvider) -> None:
    """The async twins, Responses, and what passes through untouched."""

    async def main(url: str) -> None:
        async with continuum.wrap(AsyncOpenAI(base_url=url, api_key="old")) as client:
            client.api_key = "new"
            await client.chat.completions.create(**ASK)
            messages = [*ASK["messages"], {"role": "assistant", "content": "Once"}]
            await client.chat.completions.create(**{**ASK, "messages": messages}, stream=True)

    with Odd([words("Hi.")]) as odd:
        anyio.run(main, odd.url)
        assert [sent_key(head) for head in odd.headers] == ["new"] * 2
    with Odd([Reply({"error": {"message": "no"}}, status=400)]) as odd:
        wrapped = continuum.wrap(chat(odd.url))
        wrapped.api_key = "new"
        with pytest.raises(openai.BadRequestError):
            wrapped.responses.create(model="m", input="Write it.")
        assert [sent_key(head) for head in odd.headers] == ["new"]


def test_the_callers_own_client_keeps_its_key() -> None:
    """A wrapped client is a copy: what is set on it is not set on the original, nor the other way round."""
    with Odd([words("Hi.")]) as odd:
        bare = chat(odd.url)
        client = continuum.wrap(bare)
        client.api_key = "new"
        assert bare.api_key == "old"
        bare.api_key = "third"
        client.chat.completions.create(**ASK)
        assert sent_key(odd.headers[0]) == "new"


# -- classes with an __init__ of their own ------------------------------------------------------------------------


class Tenant(OpenAI):
    """Of the kind that the SDK's `copy()` cannot make again."""

    def __init__(self, tenant: str, **options: Any) -> None:
        super().__init__(**options)
        self.tenant = tenant

    @property
    def default_headers(self) -> dict[str, Any]:
        return {**super().default_headers, "x-tenant": self.tenant}


class TenantOfClaude(Anthropic):
    """The same for the other SDK, with a default that a copy by the class would fall back to."""

    def __init__(self, tenant: str = "nobody", **options: Any) -> None:
        super().__init__(**options)
        self.tenant = tenant

    @property
    def default_headers(self) -> dict[str, Any]:
        return {**super().default_headers, "x-tenant": self.tenant}


@pytest.mark.parametrize("retries", [0, 2])
def test_a_subclass_with_arguments_of_its_own(retries: int) -> None:
    """It is copied attribute by attribute, so it needs no `copy()` that fits, and loses nothing."""
    with Odd([Reply({}, status=503), words("Hi.")]) as odd:
        bare = Tenant("me", base_url=odd.url, api_key="old", max_retries=retries)
        OPENED.append(bare)
        bare.chat.completions  # noqa: B018  # resources that are there already are the original's
        client = continuum.wrap(bare, policy=QUICK, runtime=FakeClock().runtime)
        assert type(client) is Tenant
        client.api_key = "new"
        response = client.chat.completions.create(**ASK)
        assert response.choices[0].message.content == "Hi."
        assert continuum.complete(client, **ASK).text == "Hi."
        assert [(head["x-tenant"], sent_key(head)) for head in odd.headers] == [("me", "new")] * 3
        assert {head["x-stainless-retry-count"] for head in odd.headers} == {"0"}  # retries are continuum's
        assert continuum.complete(bare, **ASK).text == "Hi."
        assert sent_key(odd.headers[-1]) == "old"
        with pytest.raises(TypeError, match="tenant"):
            client.copy()  # as with the bare client
    with Odd([CLAUDE]) as odd:
        sibling = TenantOfClaude("me", base_url=odd.url, api_key="old", max_retries=retries)
        OPENED.append(sibling)
        continuum.complete(sibling, **ASK)
        continuum.wrap(sibling).messages.create(**ASK)
        assert [head["x-tenant"] for head in odd.headers] == ["me"] * 2


def test_middleware_sends_through_the_copy() -> None:
    """Anthropic's is bound to the client that it was built for, which has the old key."""
    seen: list[str] = []

    def watch(request: Any, call_next: Any) -> Any:
        seen.append(request.method)
        return call_next(request)

    with Odd([CLAUDE]) as odd:
        client = continuum.wrap(claude(odd.url, middleware=[watch]))
        client.api_key = "new"
        client.messages.create(**ASK)
        assert seen == ["post"]
        assert [sent_key(head) for head in odd.headers] == ["new"]


def test_a_token_is_fetched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy shares what its original has fetched to log in."""
    fetched: list[str] = []

    def fetch(_: Any) -> dict[str, Any]:
        fetched.append("token")
        return {"access_token": "token", "expires_in": 3600}

    monkeypatch.setattr(WorkloadIdentityAuth, "_fetch_token_from_exchange", fetch)
    identity = {"identity_provider_id": "idp", "service_account_id": "sa", "provider": {}}
    with Odd([words("Hi.")]) as odd:
        bare = OpenAI(base_url=odd.url, workload_identity=identity)  # type: ignore[arg-type]
        OPENED.append(bare)
        client = continuum.wrap(bare)
        for _ in range(3):
            client.chat.completions.create(**ASK)
            continuum.complete(bare, **ASK)
        assert {sent_key(head) for head in odd.headers} == {"token"}
        assert fetched == ["token"]


def test_a_copy_by_attributes_has_resources_of_its_own() -> None:
    """Also where a client sets them in `__init__`, as Vertex's does."""

    class Vertex(AnthropicVertex):
        def __init__(self, tenant: str, **options: Any) -> None:
            super().__init__(**options)
            self.tenant = tenant

    bare = Vertex("me", region="europe-west1", project_id="p", access_token="t")
    OPENED.append(bare)
    made = copied(bare)
    assert made.tenant == "me"
    assert made.messages is not bare.messages
    assert made.messages._client is made


# -- methods replaced ---------------------------------------------------------------------------------------------


def logged(method: Callable[..., Any], calls: list[str]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        calls.append(str(kwargs.get("model")))
        return method(*args, **kwargs)

    return call


@pytest.mark.parametrize("retries", [0, 2])
def test_a_tracer_on_a_client_sees_every_round(essay: SimulatedProvider, retries: int) -> None:
    """Whatever the client does by itself: a function in place of `create()` is called for each request."""
    calls: list[str] = []
    bare = chat(essay.openai_base_url, max_retries=retries)
    bare.chat.completions.create = logged(bare.chat.completions.create, calls)  # type: ignore[method-assign]
    bare.responses.create = logged(bare.responses.create, calls)  # type: ignore[method-assign]
    client = continuum.wrap(bare)
    asked = {"model": "m", "input": "Write it.", "max_output_tokens": 300}
    ways: list[Callable[[], Any]] = [
        lambda: continuum.complete(bare, **ASK),
        lambda: client.chat.completions.create(**ASK),
        lambda: list(client.chat.completions.create(stream=True, **ASK)),
        lambda: continuum.complete(client, **ASK),
        lambda: client.responses.create(**asked),
        lambda: continuum.complete(bare, **asked),
    ]
    for ask in ways:
        calls.clear()
        essay.reset()
        ask()
        assert len(calls) == len(essay.requests) > 1
    calls.clear()
    messages = [*ASK["messages"], {"role": "assistant", "content": ESSAY[:50]}]
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(**{**ASK, "messages": messages})  # passed on as it is
    assert calls == ["m"]
    other = claude(essay.anthropic_base_url, max_retries=retries)
    other.messages.create = logged(other.messages.create, calls)  # type: ignore[method-assign]
    for ask in (lambda: continuum.complete(other, **ASK), lambda: continuum.wrap(other).messages.create(**ASK)):
        calls.clear()
        essay.reset()
        ask()
        assert len(calls) == len(essay.requests) > 1


def test_a_tracer_beneath_the_resources_sees_every_round(essay: SimulatedProvider) -> None:
    """Some replace the client's own `post()` or `request()`."""
    calls: list[str] = []
    bare = chat(essay.openai_base_url)
    bare.request = logged(bare.request, calls)  # type: ignore[method-assign]
    assert continuum.complete(bare, **ASK).text == ESSAY
    assert len(calls) == len(essay.requests) > 1
    continuum.wrap(bare).chat.completions.create(**ASK)
    assert len(calls) == len(essay.requests)


def test_a_mock_is_asked_instead_of_a_server() -> None:
    """Neither the model's card nor anything else is asked for over the network."""
    with Odd([Reply({}, status=500)]) as odd:
        for whole in (False, True):
            bare = chat(odd.url)
            with Odd([words("First part of it, and", finish="length"), words(" the second.")]) as real:
                create = mock.Mock(side_effect=chat(real.url).chat.completions.create)
                if whole:
                    bare.chat.completions = mock.Mock(create=create)  # type: ignore[misc]
                else:
                    bare.chat.completions.create = create  # type: ignore[method-assign]
                assert continuum.wrap(bare).chat.completions.create(**ASK).choices[0].finish_reason == "stop"
                assert create.call_count == len(real.requests) == 2
        assert not odd.requests


ANSWER = ChatCompletion.model_validate(completion({"role": "assistant", "content": "Hi."}).body)


@pytest.mark.parametrize("stream", [False, True])
def test_a_mock_that_answers_whole(stream: bool) -> None:
    """What a mock returns is taken as the answer, also where it was asked for a stream and knows none."""
    with Odd([Reply({}, status=500)]) as odd:
        bare, policy = chat(odd.url), Policy(stream=stream)
        with mock.patch.object(bare.chat.completions, "create", return_value=ANSWER):
            client = continuum.wrap(bare, policy=policy)
            assert client.chat.completions.create(**ASK).choices[0].message.content == "Hi."
            chunks = list(client.chat.completions.create(stream=True, **ASK))
            assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hi."
            assert continuum.complete(bare, policy=policy, **ASK).text == "Hi."
        assert not odd.requests


def test_mocks_of_the_other_clients_that_answer_whole() -> None:
    """Asynchronous ones, and Anthropic's."""
    kept = {"content": [{"type": "text", "text": "Hi."}], "stop_reason": "end_turn"}
    message = Message.model_validate({**start()["message"], **kept})
    bare = claude("http://127.0.0.1:9")
    with mock.patch.object(bare.messages, "create", return_value=message):
        wrapped = continuum.wrap(bare)
        assert wrapped.messages.create(**ASK).content[0].text == "Hi."  # type: ignore[union-attr]
        assert [event.type for event in wrapped.messages.create(stream=True, **ASK)][-1] == "message_stop"

    async def main() -> None:
        async with AsyncOpenAI(base_url="http://127.0.0.1:9", api_key="k") as client:
            with mock.patch.object(client.chat.completions, "create", mock.AsyncMock(return_value=ANSWER)):
                response = await continuum.wrap(client).chat.completions.create(**ASK)
                assert response.choices[0].message.content == "Hi."
                assert "".join([event.text async for event in continuum.astream(client, **ASK)]) == "Hi."

    anyio.run(main)


def test_a_mock_that_answers_with_something_else() -> None:
    """It is told how to be asked."""
    bare = chat("http://127.0.0.1:9")
    with (
        mock.patch.object(bare.chat.completions, "create", return_value=[ANSWER]),
        pytest.raises(continuum.ConfigurationError, match=r"a list, which is neither.*Policy\(stream=False\)"),
    ):
        continuum.complete(bare, **ASK)


def test_a_mocked_claude_is_not_asked_for_its_card() -> None:
    """A cut reply makes continuum ask the server for the model's limits, but not where there may be no server."""
    with Odd([events(start(), *text_block(0, "One and"), *end("max_tokens")), CLAUDE]) as odd:
        bare = claude(odd.url)
        bare.messages.create = logged(bare.messages.create, [])  # type: ignore[method-assign]
        with mock.patch.object(bare.models, "retrieve") as card:
            continuum.complete(bare, **ASK)
        card.assert_not_called()
        assert (odd.url + "/", "m") not in limits.TOLD


@pytest.mark.parametrize(
    "client",
    [
        OpenAI(api_key="k"),
        AsyncOpenAI(api_key="k"),
        AzureOpenAI(azure_endpoint="https://me", api_key="k", api_version="1"),
        AsyncAzureOpenAI(azure_endpoint="https://me", api_key="k", api_version="1"),
        Anthropic(api_key="k"),
        AsyncAnthropic(api_key="k"),
        AnthropicVertex(region="r", project_id="p", access_token="t"),
        AsyncAnthropicBedrock(aws_region="r", aws_access_key="k", aws_secret_key="s"),
    ],
    ids=lambda client: type(client).__name__,
)
def test_an_untouched_client_has_nothing_replaced(client: Any) -> None:
    """Not even when its resources have been used."""
    for api in providers_of(client):
        api(client, {}, Policy()).resource(client).with_raw_response  # noqa: B018
        assert not replaced(client, api.path)


# -- wrappers, subclasses and mocks, asked for a reply as a whole -----------------------------------------------------


class Tracer:
    """Stands in place of a resource, as tracing libraries do."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.calls = 0

    def create(self, **request: Any) -> Any:
        self.calls += 1
        return self._inner.create(**request)


WHOLE = Reply({
    "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
    "stop_sequence": None, "content": [{"type": "text", "text": "Hi."}],
    "usage": {"input_tokens": 5, "output_tokens": 2},
})  # fmt: skip


@pytest.mark.parametrize("vertex", [False, True])
def test_a_tracer_in_place_of_a_resource_is_asked_for_the_whole(vertex: bool) -> None:
    """It has no more than `create()`, and the caller's own is not written to."""
    with Odd([WHOLE]) as server:
        more = {"region": "r", "project_id": "p", "access_token": "t"}
        client: Any = AnthropicVertex(base_url=server.url, **more) if vertex else claude(server.url)
        tracer = client.messages = Tracer(client.messages)
        wrapped = continuum.wrap(client, policy=Policy(stream=False))
        message = wrapped.messages.create(model="m", max_tokens=50, messages=ASK["messages"])
        assert message.content[0].text == "Hi."
        assert tracer.calls == 1
        assert "create" not in vars(tracer)


def test_a_method_that_is_traced_for_all_clients_is_the_callers() -> None:
    """`functools.wraps` copies the name and the module of what it wraps; the code is somebody else's all the same."""
    from functools import wraps

    from openai.resources.chat.completions import Completions

    original = Completions.create
    seen: list[Any] = []

    @wraps(original)
    def traced(self: Any, **request: Any) -> Any:
        answer = original(self, **request)
        seen.append(answer.usage)
        return answer

    answer = completion({"role": "assistant", "content": "Hi."})
    with Odd([answer]) as server, mock.patch.object(Completions, "create", traced):
        assert continuum.complete(chat(server.url), policy=Policy(stream=False), **ASK).text == "Hi."
    assert len(seen) == 1


def test_helpers_and_resources_of_a_subclass() -> None:
    """A helper that keeps the client is not made anew; a class's own resource is no reason to leave retries on."""
    from functools import cached_property

    from openai.resources.chat import Chat

    class Helper:
        def __init__(self, client: Any, name: str) -> None:
            self._client = client

    class OwnChat(Chat):
        pass

    class Own(OpenAI):
        def __init__(self, **more: Any) -> None:
            super().__init__(**more)
            self.helper = Helper(self, "x")

        @cached_property
        def chat(self) -> Chat:
            return OwnChat(self)

    with Odd([Reply({"error": {}}, status=500)]) as server, Own(base_url=server.url, api_key="k") as client:
        with pytest.raises(continuum.ProviderError):
            continuum.complete(client, policy=Policy(max_retries=1, retry_initial=0.01), **ASK)
        assert len(server.requests) == 2
