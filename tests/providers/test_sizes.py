"""The most that a request can be billed for, before it is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anthropic
import pytest

from continuum import Policy
from continuum._core.actions import Send
from continuum._core.types import Turn
from continuum.providers import provider_for
from continuum.providers.sizes import UNSEEN_TOKENS, most_tokens

if TYPE_CHECKING:
    from continuum.providers.base import Provider


def provider(**params: Any) -> Provider:
    client = anthropic.Anthropic(api_key="test")
    question = [{"role": "user", "content": "Write."}]
    return provider_for(client, {"model": "m", "max_tokens": 9, "messages": question, **params}, Policy())


@pytest.mark.parametrize("text", ["plain words", "\U0001308b" * 4000, "日本語", "\udc80", "\u0085\u2028"])
def test_a_character_may_be_as_many_tokens_as_it_has_bytes(text: str) -> None:
    """A byte-level tokenizer falls back to bytes for what it has never seen."""
    size = len(text.encode("utf-8", "surrogatepass"))
    assert most_tokens({"messages": [{"role": "user", "content": text}]}) >= size
    assert most_tokens({}, [text]) >= size


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "https://example.test/a.png"}},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{'A' * 400_000}"}},
        {"type": "input_image", "image_url": "https://example.test/a.png"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 400_000}},
        {"type": "document", "source": {"type": "url", "url": "https://example.test/a.pdf"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"inline_data": {"mime_type": "image/png", "data": b"\0" * 400_000}},
    ],
)
def test_what_bytes_say_nothing_about_has_a_figure_of_its_own(part: Any) -> None:
    most = most_tokens({"messages": [{"role": "user", "content": [part]}]})
    assert UNSEEN_TOKENS <= most < UNSEEN_TOKENS + 200


def test_a_document_in_the_request_counts_its_bytes() -> None:
    source = {"type": "base64", "media_type": "application/pdf", "data": "A" * 400_000}
    assert most_tokens({"messages": [{"role": "user", "content": [{"type": "document", "source": source}]}]}) > 400_000


@pytest.mark.parametrize(
    "params",
    [
        {"system": "x" * 8000},
        {"system": [{"type": "text", "text": "x" * 8000}]},
        {"tools": [{"name": "f", "input_schema": {"properties": {"x" * 8000: {}}}}]},
        {"output_config": {"format": {"type": "json_schema", "schema": {"properties": {"x" * 8000: {}}}}}},
    ],
    ids=["system", "blocks", "tools", "schema"],
)
def test_all_that_is_shown_counts_and_so_do_our_turns(params: Any) -> None:
    """For the most as for the estimate, which stands in where a server counts nothing."""
    send = Send(reason="ask", round=0)
    asked = provider(**params)
    assert asked.most_input(send) > 8000
    assert 8000 < asked.size_of_request(send) < 8200
    more = Send(reason="continue", round=1, turns=(Turn("assistant", "y" * 3000), Turn("user", "Go on.")))
    assert asked.most_input(more) > asked.most_input(send) + 3000


def test_a_request_cannot_have_more_than_the_model_takes() -> None:
    """A document's bytes are an upper bound that may be far beyond what the model's window holds."""
    source = {"type": "base64", "media_type": "application/pdf", "data": "A" * 2_000_000}
    asked = [{"role": "user", "content": [{"type": "document", "source": source}]}]
    send = Send(reason="ask", round=0)
    assert provider(model="claude-sonnet-4-5", messages=asked).most_input(send) == 200_000
    long = provider(model="claude-sonnet-4-5", messages=asked, betas=["context-1m-2025-08-07"])
    assert long.most_input(send) == 1_000_000
    assert provider(model="unknown", messages=asked).most_input(send) > 2_000_000


def test_a_text_that_looks_like_a_picture_is_a_text() -> None:
    """Only where a URL stands is one."""
    text = "data:image/svg+xml;utf8," + "word " * 60_000
    assert most_tokens({"messages": [{"role": "user", "content": text}]}) > 300_000
    assert most_tokens({"content": {"url": text}}) < UNSEEN_TOKENS + 200
