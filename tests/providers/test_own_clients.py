"""What callers do to their clients: keys that change, classes with an `__init__` of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import openai
import pytest
from anthropic import Anthropic, AnthropicVertex
from openai import AsyncOpenAI, OpenAI

import continuum
from continuum import Policy
from continuum.client import unwrapped
from continuum.providers.copies import copied
from continuum.testing import FakeClock, SimulatedProvider, sample_documents
from tests.providers.odd import Odd, Reply, end, events, start, text_block, words

if TYPE_CHECKING:
    from collections.abc import Iterator

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
