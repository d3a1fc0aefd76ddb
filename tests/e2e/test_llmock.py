"""LLMock breaks the wire on purpose and judges how the client took it; its strict verdict has to be clean.

LLMock knows a retry by its equal body. continuum asks for a broken answer again with the same body only if no text
had come; otherwise it keeps the text and asks for the rest, which is another body. There the strict verdict is taken
over the same records with the continuations counted as attempts at the call that they go on with.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest
from llmock.scenarios import Reply, StreamFault
from llmock.verdict import judge

import continuum
from continuum import Policy, Runtime, _drivers

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmock.journal import RequestRecord
    from llmock.pytest_plugin import LLMock

HEAD = (
    "The lighthouse keeper wrote a letter each evening. He told of the ships that passed, of the wind that never "
    "slept, and of the gulls on the wall. "
)
TAIL = "Nobody answered, yet he wrote on until the lamp was lit by a machine and the stairs stood empty."
WHOLE = HEAD + TAIL
QUESTION: list[Any] = [{"role": "user", "content": "Tell me about the keeper."}]
# The script ignores the anchor, so the join would be asked about again: one reply more than the script has.
POLICY = Policy(retry_initial=0.1, read_timeout=0.4, reask=0)


class Face:
    """One way of using one SDK through continuum.

    Args:
        sdk: `openai` or `anthropic`.
        how: `unary` and `stream` are calls of a wrapped client, `complete` is the library's own function.
        is_async: with the async client.
    """

    def __init__(self, sdk: str, how: str, is_async: bool) -> None:
        self.sdk = sdk
        self.how = how
        self.is_async = is_async

    def __str__(self) -> str:
        return f"{self.sdk}-{'async' if self.is_async else 'sync'}-{self.how}"

    def ask(self, url: str, policy: Policy = POLICY, *, times: int = 1, max_tokens: int = 1000) -> list[str]:
        """The texts of so many answers, one after the other."""
        call: Callable[..., Any] = self._async if self.is_async else self._sync
        found = call(url, policy, times, max_tokens)
        texts: list[str] = asyncio.run(found) if self.is_async else found
        return texts

    def _client(self, url: str) -> Any:
        module = {"openai": openai, "anthropic": anthropic}[self.sdk]
        prefix = "Async" if self.is_async else ""
        name = prefix + {"openai": "OpenAI", "anthropic": "Anthropic"}[self.sdk]
        return getattr(module, name)(base_url=url, api_key="test")

    def _create(self, client: Any, policy: Policy) -> Any:
        wrapped = continuum.wrap(client, policy=policy)
        return wrapped.chat.completions.create if self.sdk == "openai" else wrapped.messages.create

    def _sync(self, url: str, policy: Policy, times: int, max_tokens: int) -> list[str]:
        params: dict[str, Any] = {"model": "mock", "messages": QUESTION, "max_tokens": max_tokens}
        found = []
        with self._client(url) as client:
            for _ in range(times):
                if self.how == "complete":
                    found.append(continuum.complete(client, policy=policy, **params).text)
                elif self.how == "unary":
                    found.append(self._text(self._create(client, policy)(**params)))
                else:
                    found.append("".join(map(self._delta, self._create(client, policy)(stream=True, **params))))
        return found

    async def _async(self, url: str, policy: Policy, times: int, max_tokens: int) -> list[str]:
        params: dict[str, Any] = {"model": "mock", "messages": QUESTION, "max_tokens": max_tokens}
        found = []
        async with self._client(url) as client:
            for _ in range(times):
                if self.how == "complete":
                    found.append((await continuum.acomplete(client, policy=policy, **params)).text)
                elif self.how == "unary":
                    found.append(self._text(await self._create(client, policy)(**params)))
                else:
                    stream = await self._create(client, policy)(stream=True, **params)
                    found.append("".join([self._delta(event) async for event in stream]))
        return found

    def _text(self, response: Any) -> str:
        if self.sdk == "openai":
            return str(response.choices[0].message.content)
        return "".join(block.text for block in response.content)

    def _delta(self, event: Any) -> str:
        if self.sdk == "openai":
            return "".join(choice.delta.content or "" for choice in event.choices)
        return str(event.delta.text) if event.type == "content_block_delta" else ""


SDKS = ("openai", "anthropic")
FACES = [Face(sdk, how, is_async) for sdk in SDKS for is_async in (False, True) for how in ("unary", "stream")]
FACES += [Face(sdk, "complete", is_async) for sdk in SDKS for is_async in (False, True)]

every_face = pytest.mark.parametrize("face", FACES, ids=str)
unary_faces = pytest.mark.parametrize("face", [face for face in FACES if face.how == "unary"], ids=str)

FAULTS = ("disconnect", "truncate", "malformed", "stall")
# Milliseconds from chunk to chunk: that a client hangs up at a broken chunk is seen only while more would come.
PACE = {"disconnect": 0, "truncate": 0, "malformed": 4, "stall": 0}
# Events in front of the first text: the role; or the message, the block and a ping.
FIRST_TEXT = {"openai": 1, "anthropic": 3}


@pytest.fixture(autouse=True)
def _steady_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdict on backoff is about measured pauses; the same jitter each time keeps it from being a lottery."""
    monkeypatch.setattr(_drivers, "Runtime", partial(Runtime, random=lambda: 0.5))


def judge_with_continuations(llmock: LLMock) -> None:
    """The strict verdict, a continuation counted as an attempt at the call that it goes on with.

    A continuation is the same request with more turns behind the caller's own: the text so far, and a question. At
    Anthropic it is the first to ask for the prompt cache.
    """
    records = []
    for record in llmock.requests:
        asked = record.body["messages"]
        assert asked[: len(QUESTION)] == QUESTION
        call = {**record.body, "messages": QUESTION}
        call.pop("cache_control", None)
        records.append(replace(record, fingerprint=json.dumps(call, sort_keys=True)))
    judge(records).assert_ok(strict=True)


def _fault(record: RequestRecord) -> str | None:
    """`stall` for `stream:stall@3`."""
    return record.fault.removeprefix("stream:").split("@")[0] if record.fault else None


def two_replies(llmock: LLMock) -> None:
    """The model is cut after `HEAD` and goes on with `TAIL`."""
    llmock.add(Reply(HEAD, finish_reason="length"), Reply(TAIL))


@every_face
def test_rate_limits_are_waited_out(llmock: LLMock, face: Face) -> None:
    """429 with Retry-After, in front of the answer: repeated no sooner than asked, and the text is whole."""
    two_replies(llmock)
    llmock.rate_limit(times=2, retry_after=0.3)
    assert face.ask(llmock.base_url(face.sdk)) == [WHOLE]
    assert [record.status for record in llmock.requests] == [429, 429, 200, 200]
    llmock.assert_resilient(strict=True)


@every_face
def test_failures_without_a_word_of_how_long_are_repeated_with_growing_pauses(llmock: LLMock, face: Face) -> None:
    """500 says nothing of a wait: the pauses are the client's own, and they grow."""
    two_replies(llmock)
    llmock.fail(500, times=2)
    patient = POLICY.model_copy(update={"retry_initial": 0.3})  # so long that a busy machine does not even them out
    assert face.ask(llmock.base_url(face.sdk), patient) == [WHOLE]
    assert [record.status for record in llmock.requests] == [500, 500, 200, 200]
    assert [record.retry_after for record in llmock.requests] == [None] * 4
    llmock.assert_resilient(strict=True)


@unary_faces
@pytest.mark.parametrize("streams", [True, False], ids=["streaming", "not-streaming"])
def test_outages_are_survived(llmock: LLMock, face: Face, streams: bool) -> None:
    """A provider that is down for a moment, and says for how long; also where continuum itself does not stream."""
    status = {"openai": 503, "anthropic": 529}[face.sdk]
    two_replies(llmock)
    llmock.fail(status, times=3, retry_after=0.2).rate_limit(times=1, retry_after=0.2)
    assert face.ask(llmock.base_url(face.sdk), POLICY.model_copy(update={"stream": streams})) == [WHOLE]
    assert [record.status for record in llmock.requests] == [status, status, status, 429, 200, 200]
    assert {record.stream for record in llmock.requests} == {streams}
    llmock.assert_resilient(strict=True)


@unary_faces
@pytest.mark.parametrize("status", [400, 401, 404])
def test_what_no_repeat_cures_is_not_repeated(llmock: LLMock, face: Face, status: int) -> None:
    """A refused request is sent once, and the caller gets the SDK's own error."""
    llmock.fail(status)
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as caught:
        face.ask(llmock.base_url(face.sdk))
    assert caught.value.status_code == status  # type: ignore[attr-defined]  # both SDKs have it
    assert [record.status for record in llmock.requests] == [status]
    llmock.assert_resilient(strict=True)


@unary_faces
@pytest.mark.parametrize("kind", FAULTS)
def test_a_stream_that_breaks_before_its_text_is_asked_for_again(llmock: LLMock, face: Face, kind: str) -> None:
    """With nothing to go on from, the same request is sent again, and the text is whole."""
    llmock.pace(PACE[kind]).add(Reply(HEAD, finish_reason="length", times=2), Reply(TAIL))
    llmock.add(StreamFault(kind, after_chunks=FIRST_TEXT[face.sdk], stall_seconds=5.0))  # type: ignore[arg-type]
    assert face.ask(llmock.base_url(face.sdk)) == [WHOLE]
    assert [_fault(record) for record in llmock.requests] == [kind, None, None]
    llmock.assert_resilient(strict=True)


@every_face
@pytest.mark.parametrize("kind", FAULTS)
def test_a_stream_that_breaks_inside_its_text_is_gone_on_with(llmock: LLMock, face: Face, kind: str) -> None:
    """What had come is kept, the rest is asked for, and the join neither loses a word nor says one twice."""
    llmock.pace(PACE[kind]).add(Reply(WHOLE), Reply(WHOLE[WHOLE.index("He told") :]))
    at = WHOLE[: WHOLE.index("passed")].count(" ")  # a chunk is a word
    llmock.add(StreamFault(kind, after_chunks=FIRST_TEXT[face.sdk] + at, stall_seconds=5.0))  # type: ignore[arg-type]
    assert face.ask(llmock.base_url(face.sdk)) == [WHOLE]
    assert [_fault(record) for record in llmock.requests] == [kind, None]
    turns = llmock.requests[1].body["messages"][1:]
    assert [turn["role"] for turn in turns] == ["assistant", "user"]
    assert WHOLE.startswith(turns[0]["content"])
    assert "each evening." in turns[0]["content"]
    judge_with_continuations(llmock)


@unary_faces
def test_a_token_quota_is_obeyed(llmock: LLMock, face: Face) -> None:
    """Tokens per minute run out between two rounds: the true wait is waited, once, and nothing is lost."""
    llmock.add(Reply(HEAD, finish_reason="length"), Reply(TAIL, times=None))  # a refused request takes a reply as well
    llmock.limits(tpm=60_000)  # a thousand each second, and all of them at the start
    assert face.ask(llmock.base_url(face.sdk), max_tokens=30_300) == [WHOLE]
    assert [record.status for record in llmock.requests] == [200, 429, 200]
    llmock.assert_resilient(strict=True)


@unary_faces
def test_a_request_quota_is_obeyed(llmock: LLMock, face: Face) -> None:
    """Requests per minute run out within a row of documents: the true wait is waited, and all come out whole."""
    llmock.reply(WHOLE, times=None).limits(rpm=40)  # they fill up again while the test runs, however slow that is
    documents = 40
    assert face.ask(llmock.base_url(face.sdk), times=documents) == [WHOLE] * documents
    while 429 not in [record.status for record in llmock.requests]:
        assert documents < 500
        assert face.ask(llmock.base_url(face.sdk)) == [WHOLE]
        documents += 1
    statuses = [record.status for record in llmock.requests]
    assert statuses.count(200) == documents
    assert statuses.count(429) <= 1 + documents // 40
    llmock.assert_resilient(strict=True)
