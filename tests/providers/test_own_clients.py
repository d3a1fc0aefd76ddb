"""What callers do to their clients: classes with an `__init__` of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from anthropic import Anthropic, AnthropicVertex
from openai import OpenAI

import continuum
from continuum import Policy
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
        response = client.chat.completions.create(**ASK)
        assert response.choices[0].message.content == "Hi."
        assert continuum.complete(client, **ASK).text == "Hi."
        assert [(head["x-tenant"], sent_key(head)) for head in odd.headers] == [("me", "old")] * 3
        assert {head["x-stainless-retry-count"] for head in odd.headers} == {"0"}  # retries are continuum's
        assert continuum.complete(bare, **ASK).text == "Hi."
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
