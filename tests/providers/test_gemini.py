"""Google Gemini through the official `google-genai` SDK, over HTTP, against the simulated provider."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from google import genai
from google.genai import types
from openai import OpenAI

import continuum
from continuum.providers.gemini_reply import WORDS
from continuum.testing import Behaviour, FakeClock, SimulatedProvider, sample_documents
from tests.providers.odd import Odd, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

ESSAY = sample_documents()["essay"]
MODEL = "gemini-4-argon"


@contextmanager
def served(document: str = ESSAY, **options: Any) -> Iterator[tuple[SimulatedProvider, genai.Client]]:
    with (
        SimulatedProvider(document, **options) as server,
        genai.Client(api_key="none", http_options=types.HttpOptions(base_url=server.gemini_base_url)) as client,
    ):
        yield server, client


def ask(client: Any, cap: int = 200, **more: Any) -> continuum.Result:
    policy, model = more.pop("policy", None), more.pop("model", MODEL)
    runtime = more.pop("runtime", None) or FakeClock().runtime
    config = {"max_output_tokens": cap, **more}
    return continuum.complete(client, policy=policy, runtime=runtime, model=model, contents="Write it.", config=config)


@pytest.mark.parametrize("stream", [True, False])
def test_all_ways_of_asking_agree(stream: bool) -> None:
    """complete, stream, and their async twins on the client and on its `aio` give the same text and usage."""
    policy = continuum.Policy(stream=stream)
    request: dict[str, Any] = {
        "model": MODEL, "contents": ["Write it."], "config": types.GenerateContentConfig(max_output_tokens=200)
    }  # fmt: skip
    plan: dict[str, Any] = {"behaviours": ["overlap:40", "preamble"]}

    async def twins(client: genai.Client) -> list[continuum.Result]:
        found = [await continuum.acomplete(client, policy=policy, **request)]
        found.append(await continuum.acomplete(client.aio, policy=policy, **request))
        async for event in continuum.astream(client, policy=policy, **request):
            if event.result is not None:
                found.append(event.result)
        await client.aio.aclose()
        return found

    with served() as (server, client):
        results = []
        for way in ("complete", "stream", "async"):
            server.reset()
            server.plan(behaviours=lambda info: plan["behaviours"][info.round - 1] if 0 < info.round < 3 else None)
            if way == "complete":
                results.append(continuum.complete(client, policy=policy, **request))
            elif way == "stream":
                *_, last = continuum.stream(client, policy=policy, **request)
                assert last.result is not None
                results.append(last.result)
        server.plan(behaviours=[])
        others = asyncio.run(twins(client))
        paths = {info.path.partition(":")[2] for info in server.requests}
    assert {result.text for result in (*results, *others)} == {ESSAY}
    assert results[0].usage == results[1].usage
    assert len({(result.usage, result.seams) for result in others}) == 1
    assert not results[0].usage.estimated
    assert paths == {"streamGenerateContent" if stream else "generateContent"}
    for result in (*results, *others):
        assert isinstance(result.raw, types.GenerateContentResponse)
        assert result.raw.text == ESSAY
        assert result.raw.usage_metadata is not None
        assert result.raw.usage_metadata.total_token_count == result.usage.total_tokens


def test_the_history_is_in_gemini_s_form() -> None:
    """The caller's contents stay as they are; our turns follow, with the roles that Gemini knows."""
    with served() as (server, client):
        contents: Any = [types.Content(role="user", parts=[types.Part(text="Write it.")]), "And well."]
        continuum.complete(client, model=MODEL, contents=contents, config={"max_output_tokens": 400})
        first, second = (request.body for request in server.requests[:2])
    assert [content["role"] for content in first["contents"]] == ["user", "user"]
    assert [content["role"] for content in second["contents"]] == ["user", "user", "model", "user"]
    assert second["contents"][:2] == first["contents"]
    assert ESSAY.startswith(second["contents"][2]["parts"][0]["text"])


@pytest.mark.parametrize("stream", [True, False])
def test_a_pause_is_resumed_with_its_token(stream: bool) -> None:
    """`CONTINUATION`: the same request and the token, no turn of ours; every hop is a round, every join exact."""
    pauses = [f"pause_turn:150@{number}" for number in range(4)]
    with served(behaviours=pauses) as (server, client):
        result = ask(client, 9000, policy=continuum.Policy(stream=stream))
        bodies = [request.body for request in server.requests]
    assert result.text == ESSAY
    assert result.complete
    assert result.rounds == len(bodies) == 5
    assert {seam.kind for seam in result.seams} == {"exact"}
    assert {str(body["contents"]) for body in bodies} == {str(bodies[0]["contents"])}
    assert ["continuationToken" in str(body) for body in bodies] == [False, True, True, True, True]
    assert [segment.raw_finish_reason for segment in result.segments] == ["CONTINUATION"] * 4 + ["STOP"]
    assert result.raw.candidates[0].finish_reason is types.FinishReason.STOP


def test_a_pause_then_a_cut() -> None:
    """What the hops said is shown to the model when it is asked with a user turn, and tokens are left behind."""
    with served(behaviours=["pause_turn:100@0", "pause_turn:100@1"]) as (server, client):
        result = ask(client, 400)
        after = server.requests[3].body
    assert result.text == ESSAY
    assert [segment.raw_finish_reason for segment in result.segments][:3] == ["CONTINUATION"] * 2 + ["MAX_TOKENS"]
    assert "continuationToken" not in str(after)
    assert [content["role"] for content in after["contents"]] == ["user", "model", "user"]
    assert ESSAY.startswith(after["contents"][1]["parts"][0]["text"])


def test_the_cap_of_a_hop_is_that_of_all_hops() -> None:
    """A ceiling of the run lowers the cap, and the tokens of earlier hops are counted in."""
    with served(behaviours=["pause_turn:100@0"]) as (server, client):
        result = ask(client, 5000, policy=continuum.Policy(max_output_tokens=300))
        caps = [request.body["generationConfig"]["maxOutputTokens"] for request in server.requests]
    assert caps[:2] == [300, 300]  # 200 are left, and 100 are written
    assert result.reason == "max_output_tokens"
    assert result.usage.output_tokens == 300


@pytest.mark.parametrize("fault", ["drop:40", "reset:40", "silent_end:40", "error_event:40", "malformed_chunk:40"])
def test_a_stream_that_breaks_is_gone_on_with(fault: str) -> None:
    """What had come is kept."""
    with served(faults=[fault]) as (_, client):
        result = ask(client)
    assert result.text == ESSAY
    assert result.segments[0].finish_reason == "interrupted"
    assert result.segments[0].usage is not None
    assert result.segments[0].usage.estimated


@pytest.mark.parametrize(
    ("fault", "tries", "error"),
    [
        (Behaviour("429", seconds=900, times=None), 1, continuum.RateLimitedError),
        (Behaviour("quota", times=None), 1, continuum.QuotaError),
        (Behaviour("status", status=503, times=None), 3, continuum.ProviderError),
        (Behaviour("status", status=403, times=None), 1, continuum.RejectedError),
        (Behaviour("disconnect", times=None), 3, continuum.ProviderError),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_retries_are_ours(fault: Behaviour, tries: int, error: type[Exception]) -> None:
    """One request per try, although the SDK repeats five times by itself; what no wait cures is not waited for."""
    with served(faults=[fault]) as (server, client):
        with pytest.raises(error) as caught:
            ask(client, policy=continuum.Policy(max_retries=2))
        assert len(server.requests) == tries
    assert caught.value.__cause__ is not None


def test_a_rate_limit_is_waited_out() -> None:
    """For as long as the details say."""
    clock = FakeClock()
    body = {
        "error": {
            "code": 429, "status": "RESOURCE_EXHAUSTED", "message": "slow down",
            "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7.5s"}],
        }
    }  # fmt: skip
    with served(faults=[Behaviour("429", body=body)]) as (_, client):
        assert ask(client, runtime=clock.runtime).complete
    assert clock.sleeps == [7.5]


def test_thoughts_are_kept_with_their_signature() -> None:
    """They are no text; they come back as they were, and are counted."""
    with served(behaviours=[Behaviour("reasoning", amount=30, text="Where was I?", round=0)]) as (server, client):
        result = ask(client)
        parts = result.raw.candidates[0].content.parts
        assert not any("thought" in str(request.body["contents"]) for request in server.requests)
    assert result.text == ESSAY
    assert [bool(part.thought) for part in parts] == [True, False]
    assert parts[0].thought_signature == b"simulated"
    assert result.usage.reasoning_tokens == result.raw.usage_metadata.thoughts_token_count > 3


@pytest.mark.parametrize("stream", [True, False])
def test_thinking_that_takes_the_whole_budget(stream: bool) -> None:
    """No part came: the run says so, asks for less thought, or asks once more with the cap that it is allowed."""
    with served(behaviours=["reasoning_only@0"]) as (_, client):
        result = ask(client, policy=continuum.Policy(stream=stream), model="gemini-2.0-flash")
        assert (result.complete, result.reason, result.text) == (False, "reasoning_exhausted", "")
    for thinking, lowered in (
        ({}, {"thinkinglevel": "LOW"}),
        ({"thinking_budget": 8000}, {"thinkingbudget": 512}),
        ({"thinking_level": "HIGH", "include_thoughts": True}, {"thinkinglevel": "LOW", "includethoughts": True}),
    ):
        with served(behaviours=["reasoning_only@0"]) as (server, client):
            result = ask(client, policy=continuum.Policy(stream=stream), thinking_config=thinking or None)
            assert result.text == ESSAY
            sent = server.requests[1].body["generationConfig"]["thinkingConfig"]
            # The SDK writes these names in either of the two ways that the API reads.
            assert {name.replace("_", "").lower(): value for name, value in sent.items()} == lowered
    with served(behaviours=[Behaviour("reasoning_only", round=0)]) as (server, client):
        result = ask(client, policy=continuum.Policy(stream=stream, raise_cap_to=4000))
        assert result.text == ESSAY
        assert server.requests[1].body["generationConfig"]["maxOutputTokens"] == 4000


def test_every_finish_reason_has_a_meaning() -> None:
    """Whatever the SDK knows: a natural end, a cut, a filter, or nothing that is ever success."""
    for word in types.FinishReason:
        known = WORDS.get(word.value, "unknown")
        assert known != "stop" or word is types.FinishReason.STOP
        with served("All of it.", behaviours=[f"unknown_finish:{word.value}@0"]) as (_, client):
            result = ask(client, policy=continuum.Policy(max_rounds=1))
        assert result.raw_finish_reason == word.value
        assert result.finish_reason == known
        assert result.complete is (word is types.FinishReason.STOP)
        assert result.text == "All of it."


def test_a_blocked_prompt() -> None:
    """No candidate at all: the reason is told, nothing is asked again."""
    body = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 9}}
    with served(faults=[Behaviour("status", status=200, body=body, times=None)]) as (server, client):
        result = ask(client, policy=continuum.Policy(stream=False))
        assert len(server.requests) == 1
    assert (result.reason, result.finish_reason, result.raw_finish_reason) == (
        "refused",
        "content_filter",
        "PROHIBITED_CONTENT",
    )
    assert result.usage.input_tokens == 9


def test_tool_calls() -> None:
    """A call comes back with its signature."""
    with served("Done.", behaviours=["tool_call@0"]) as (_, client):
        tools = [{"function_declarations": [{"name": "search"}]}]
        result = ask(client, tools=tools)
    assert (result.complete, result.finish_reason) == (True, "tool_calls")
    (part,) = result.raw.candidates[0].content.parts
    assert part.function_call.name == "search"
    assert part.thought_signature


def test_a_tool_call_in_a_reply_that_was_cut() -> None:
    """What came of it is shown, with the word that says that the reply was cut."""
    call = {"functionCall": {"name": "search", "args": {"query": "lamps"}}}
    candidate = {"content": {"role": "model", "parts": [call]}, "finishReason": "MAX_TOKENS"}
    with (
        Odd([Reply({"candidates": [candidate]})]) as server,
        genai.Client(api_key="none", http_options=types.HttpOptions(base_url=server.url)) as client,
    ):
        result = ask(client, policy=continuum.Policy(stream=False))
    assert (result.complete, result.reason) == (False, "tool_call_cut")
    assert result.raw.candidates[0].content.parts[0].function_call.name == "search"
    assert result.raw.candidates[0].finish_reason is types.FinishReason.MAX_TOKENS
    assert [(cut.name, cut.arguments) for cut in result.cut_tool_calls] == [("search", '{"query": "lamps"}')]


def test_a_full_context_window() -> None:
    """The text so far, and the reason."""
    with served(context_window=400) as (_, client):
        result = ask(client)
    assert (result.complete, result.reason) == (False, "context_window")
    assert ESSAY.startswith(result.text)
    assert result.raw.candidates[0].finish_reason is types.FinishReason.MAX_TOKENS


def test_in_place_where_the_model_takes_it() -> None:
    """Older models go on with a trailing model turn; one that refuses is asked with a user turn."""
    with served(prefill="continue") as (server, client):
        result = ask(client, model="gemini-2.5-pro")
        assert {seam.kind for seam in result.seams} == {"exact"}
        assert server.requests[1].body["contents"][-1]["role"] == "model"
    with served(prefill="refuse") as (server, client):
        result = ask(client, model="gemini-2.5-pro")
        assert {seam.kind for seam in result.seams} == {"anchor"}
        assert server.statuses[400] == 1
    assert result.text == ESSAY


def test_structured_output_is_gone_on_with_as_text() -> None:
    """The schema is lifted where it would force a new object."""
    document = '{"title": "Lights", "body": "' + ESSAY[:1500].replace("\n", "\\n").replace('"', "'") + '"}'
    with served(document) as (server, client):
        result = ask(client, 100, response_mime_type="application/json", response_schema={"type": "OBJECT"})
        configs = [request.body["generationConfig"] for request in server.requests]
    assert result.text == document
    assert "responseSchema" in configs[0]
    assert not any({"responseSchema", "responseMimeType"} & config.keys() for config in configs[1:])


def test_through_the_openai_compatible_address() -> None:
    """The same models behind Chat Completions: one row of the table."""
    with SimulatedProvider(ESSAY, prefill="continue") as server:
        client = OpenAI(base_url=server.openai_base_url, api_key="none")
        messages: Any = [{"role": "user", "content": "Write it."}]
        old = continuum.complete(client, model="gemini-2.5-flash", messages=messages, max_tokens=300)
        new = continuum.complete(client, model=MODEL, messages=messages, max_tokens=300)
    assert old.text == new.text == ESSAY
    assert {seam.kind for seam in old.seams} == {"exact"}
    assert {seam.kind for seam in new.seams} == {"anchor"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"contents": []}, "contents"),
        ({"model": ""}, "name the model"),
        ({"config": {"candidate_count": 2}}, "candidate_count=2"),
        ({"config": {"max_output_tokens": 0}}, "max_output_tokens=0"),
        ({"config": {"no_such_field": 1}}, "no_such_field"),
        ({"config": {"tools": [print]}}, "Python functions"),
        ({"max_output_tokens": 5, "messages": []}, "generate_content"),
        ({"max_rounds": 5}, "field of the policy"),
        ({"contents": [{"role": "model", "parts": [{"text": "x"}]}]}, "end on a user turn"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    """Said before anything is sent."""
    with served() as (server, client):
        with pytest.raises(continuum.ConfigurationError, match=message):
            continuum.complete(client, **{"model": MODEL, "contents": "Write it.", **arguments})
        assert server.requests == []


def test_a_client_of_the_wrong_kind() -> None:
    """`aio` is for the async functions only; and there is no `create()` to wrap."""
    with served() as (_, client):
        with pytest.raises(continuum.ConfigurationError, match="use acomplete"):
            continuum.complete(client.aio, model=MODEL, contents="Write it.")  # type: ignore[arg-type]
        with pytest.raises(continuum.ConfigurationError, match=r"pass it to continuum\.complete"):
            continuum.wrap(client)  # type: ignore[type-var]


def test_a_cancelled_call_closes_its_connection() -> None:
    """And what had come is within reach."""

    async def main(client: genai.Client) -> None:
        try:
            async with asyncio.timeout(0.5):
                await continuum.acomplete(client, model=MODEL, contents="Write it.")
        finally:
            await client.aio.aclose()

    with served(delay=0.02) as (server, client):
        with pytest.raises(TimeoutError) as caught:
            asyncio.run(main(client))
        assert server.wait_idle()
    text = continuum.result_of(caught.value).text
    assert text
    assert ESSAY.startswith(text)
