"""Checked by mypy and pyright, never executed: what the public API promises to a type checker."""

from __future__ import annotations

from typing import assert_type

from anthropic import Anthropic, AsyncAnthropic
from anthropic.types import Message
from google import genai
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam

import continuum

messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": "…"}]


async def gemini() -> None:
    assert_type(continuum.complete(genai.Client(), model="m", contents="…"), continuum.Result)
    assert_type(await continuum.acomplete(genai.Client(), model="m", contents="…"), continuum.Result)
    assert_type(await continuum.acomplete(genai.Client().aio, model="m", contents="…"), continuum.Result)


def wrapping_keeps_the_type() -> None:
    assert_type(continuum.wrap(OpenAI()), OpenAI)
    assert_type(continuum.wrap(AsyncOpenAI()), AsyncOpenAI)
    assert_type(continuum.wrap(Anthropic()), Anthropic)
    assert_type(continuum.wrap(AsyncAnthropic(), policy=continuum.Policy(max_rounds=3)), AsyncAnthropic)


def a_wrapped_client_returns_the_sdks_types() -> None:
    client = continuum.wrap(OpenAI())
    assert_type(client.chat.completions.create(model="m", messages=messages), ChatCompletion)
    for chunk in client.chat.completions.create(model="m", messages=messages, stream=True):
        assert_type(chunk.choices[0].delta.content, str | None)
    claude = continuum.wrap(Anthropic())
    message = claude.messages.create(model="m", max_tokens=5, messages=[{"role": "user", "content": "…"}])
    assert_type(message, Message)
    assert_type(continuum.result_of(message), continuum.Result)


def results() -> None:
    result = continuum.complete(OpenAI(), model="m", messages=messages)
    assert_type(result, continuum.Result)
    assert_type(result.text, str)
    assert_type(result.complete, bool)
    assert_type(result.cost, float | None)
    assert_type(result.usage, continuum.Usage)
    assert_type(result.seams, tuple[continuum.Seam, ...])
    assert_type(result.segments, tuple[continuum.Segment, ...])
    assert_type(result.raw_segments, tuple[str, ...])
    assert_type(result.raise_for_incomplete(), continuum.Result)


def streams() -> None:
    for event in continuum.stream(OpenAI(), model="m", messages=messages):
        assert_type(event, continuum.StreamEvent)
        assert_type(event.result, continuum.Result | None)


async def async_twins() -> None:
    assert_type(await continuum.acomplete(AsyncOpenAI(), model="m", messages=messages), continuum.Result)
    async with continuum.astream(AsyncOpenAI(), model="m", messages=messages) as events:
        async for event in events:
            assert_type(event.text, str)


def stitching() -> None:
    joined = continuum.stitch(["one", "two"], anchors=None)
    assert_type(joined.text, str)
    assert_type(joined.seams, tuple[continuum.Seam, ...])


def errors(error: continuum.ProviderError, incomplete: continuum.IncompleteError) -> None:
    assert_type(error.result, continuum.Result | None)
    assert_type(error.retry_after, float | None)
    assert_type(incomplete.result, continuum.Result)


def mistakes() -> None:
    """What a type checker has to refuse; an ignore that is not needed is an error in itself."""
    continuum.complete(genai.Client().aio, model="m", contents="…")  # type: ignore[arg-type]
    continuum.complete("nonsense", model="m", messages=messages)  # type: ignore[arg-type]
    continuum.complete(AsyncOpenAI(), model="m", messages=messages)  # type: ignore[arg-type]
    continuum.stream(AsyncAnthropic(), model="m", messages=messages)  # type: ignore[arg-type]
    continuum.astream(OpenAI(), model="m", messages=messages)  # type: ignore[arg-type]
    continuum.wrap("nonsense")  # type: ignore[type-var]
