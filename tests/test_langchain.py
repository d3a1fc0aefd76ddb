"""`ContinuumChatModel` around the real chat models of LangChain, over HTTP, against the simulated provider."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import anthropic
import openai
import pytest
from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.language_models import BaseChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr, ValidationError

import continuum
from continuum.langchain import ContinuumChatModel
from continuum.testing import FakeClock, SimulatedProvider, sample_documents

DOCUMENTS = sample_documents()
ESSAY = DOCUMENTS["essay"]
KINDS = ["openai", "anthropic"]
BAD_DAY = {"behaviours": ["overlap:40", "preamble"], "faults": ["ok", "429:1", "ok", "drop:20"]}


@tool
def search(query: str, limit: int = 3, language: str = "en") -> str:
    """Search the archive."""
    return f"{limit} papers on {query} in {language}"


class Article(BaseModel):
    """An article."""

    title: str
    body: str


def inner(kind: str, server: SimulatedProvider, **fields: Any) -> BaseChatModel:
    fields = {"model": "any-model", "max_tokens": 200, **fields}
    if kind == "openai":
        return ChatOpenAI(base_url=server.openai_base_url, api_key=SecretStr("none"), **fields)
    return ChatAnthropic(base_url=server.anthropic_base_url, api_key=SecretStr("none"), **fields)


def whole(kind: str, server: SimulatedProvider, **fields: Any) -> ContinuumChatModel:
    policy = fields.pop("policy", continuum.Policy())
    return ContinuumChatModel(model=inner(kind, server, **fields), policy=policy, runtime=FakeClock().runtime)


def added(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    first, *rest = chunks
    total = first + rest
    assert isinstance(total, AIMessageChunk)
    return total


@pytest.mark.parametrize("kind", KINDS)
def test_invoke_gives_one_complete_message(kind: str) -> None:
    """The text is whole, the usage is that of all rounds, and the account is in the metadata."""
    with SimulatedProvider(ESSAY, **BAD_DAY) as server:  # type: ignore[arg-type]
        message = whole(kind, server).invoke("Write it.")
    account = message.response_metadata["continuum"]
    assert message.text == message.content == ESSAY
    assert (account["complete"], account["reason"]) == (True, "finished")
    assert account["rounds"] == len(account["seams"]) + 1 >= 6
    assert {"offset", "kind", "removed", "note"} <= account["seams"][0].keys()
    json.dumps(message.response_metadata)  # travels
    usage = message.usage_metadata
    assert usage is not None
    assert usage["output_tokens"] > 1000
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


@pytest.mark.parametrize("kind", KINDS)
def test_all_ways_of_asking_agree(kind: str) -> None:
    """invoke, stream and their async twins send the same requests and give the same text, metadata and usage."""

    async def twins(model: ContinuumChatModel, *, stream: bool) -> AIMessage:
        if not stream:
            return await model.ainvoke("Write it.")
        return added([chunk async for chunk in model.astream("Write it.")])

    found, asked = [], []
    for way in ("invoke", "stream", "ainvoke", "astream"):
        with SimulatedProvider(ESSAY, **BAD_DAY) as server:  # type: ignore[arg-type]
            model = whole(kind, server)
            if way == "invoke":
                message: AIMessage = model.invoke("Write it.")
            elif way == "stream":
                message = added(list(model.stream("Write it.")))
            else:
                message = asyncio.run(twins(model, stream=way == "astream"))
            account = {**message.response_metadata.pop("continuum"), "run_id": ""}
            found.append((message.text, message.usage_metadata, message.response_metadata, account))
            asked.append([request.body["messages"] for request in server.requests])
    assert found[0][0] == ESSAY
    assert all(one == found[0] for one in found)
    assert all(one == asked[0] for one in asked)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_is_one_message(kind: str) -> None:
    """Chunks come as the text does, under one id, and the last is marked as such."""
    with SimulatedProvider(ESSAY) as server:
        chunks = list(whole(kind, server, max_tokens=300).stream("Write it."))
    assert len([chunk for chunk in chunks if chunk.text]) > 100
    assert len({chunk.id for chunk in chunks}) == 1
    assert [chunk.chunk_position for chunk in chunks].count("last") == 1
    assert chunks[-1].chunk_position == "last"


def test_a_chain_and_a_batch() -> None:
    """Prompt, model and parser in a row; several at once."""
    with SimulatedProvider(DOCUMENTS) as server:
        chain = ChatPromptTemplate.from_template("Write [doc:{name}].") | whole("openai", server) | StrOutputParser()
        assert chain.invoke({"name": "essay"}) == ESSAY
        assert "".join(chain.stream({"name": "guide"})) == DOCUMENTS["guide"]
        assert chain.batch([{"name": "essay"}, {"name": "guide"}]) == [ESSAY, DOCUMENTS["guide"]]


@pytest.mark.parametrize("kind", KINDS)
def test_the_chain_sees_one_call(kind: str) -> None:
    """Callbacks count the tokens of a run once, however many rounds it took."""
    with SimulatedProvider(ESSAY) as server, get_usage_metadata_callback() as callback:
        message = whole(kind, server).invoke("Write it.")
        rounds = len(server.requests)
    assert rounds > 3
    (counted,) = callback.usage_metadata.values()
    assert message.usage_metadata is not None
    assert counted["output_tokens"] == message.usage_metadata["output_tokens"]


@pytest.mark.parametrize("kind", KINDS)
def test_events_of_a_chain_hold_the_text_once(kind: str) -> None:
    """`astream_events` tells of one model, and its chunks are the text."""

    async def main(model: ContinuumChatModel) -> list[Any]:
        chain = model | StrOutputParser()
        return [event async for event in chain.astream_events("Write it.", version="v2")]

    with SimulatedProvider(ESSAY) as server:
        events = asyncio.run(main(whole(kind, server)))
    said = [event["data"]["chunk"].text for event in events if event["event"] == "on_chat_model_stream"]
    assert "".join(said) == ESSAY
    assert len([event for event in events if event["event"] == "on_chat_model_end"]) == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_tools_are_bound_as_the_model_binds_them(kind: str, stream: bool) -> None:
    """A whole tool call comes through, a cut one never looks like one."""
    for behaviour, complete in (("tool_call@0", True), ("cut_tool_call@0", False)):
        with SimulatedProvider("Done.", behaviours=[behaviour]) as server:
            model = whole(kind, server).bind_tools([search])
            message = added(list(model.stream("Go."))) if stream else model.invoke("Go.")  # type: ignore[arg-type]
            assert [tool.get("name") or tool["function"]["name"] for tool in server.requests[0].body["tools"]] == [
                "search"
            ]
        assert message.response_metadata["continuum"]["complete"] is complete
        assert [call["name"] for call in message.tool_calls] == (["search"] if complete else [])
        cut = message.response_metadata["continuum"].get("cut_tool_calls", [])
        assert [call["arguments"] for call in cut] == (
            [] if complete else ['{"query": "the history of the lighthouse"']
        )


@pytest.mark.parametrize("kind", KINDS)
def test_an_agent_answers_whole(kind: str) -> None:
    """An agent calls its tool, and its last message is complete."""
    with SimulatedProvider(ESSAY, behaviours=["tool_call@0"]) as server:
        agent = create_agent(whole(kind, server), tools=[search])
        messages = agent.invoke({"messages": [{"role": "user", "content": "Write it."}]})["messages"]
    assert [message.type for message in messages] == ["human", "ai", "tool", "ai"]
    assert messages[2].content == "10 papers on the history of the lighthouse in en"
    assert messages[3].text == ESSAY
    assert messages[3].response_metadata["continuum"]["rounds"] > 3


@pytest.mark.parametrize("kind", KINDS)
def test_an_agent_streams_each_word_once(kind: str) -> None:
    """The tokens that LangGraph hands on are the text, not the text of every round besides."""
    with SimulatedProvider(ESSAY) as server:
        agent = create_agent(whole(kind, server), tools=[search])
        start: Any = {"messages": [{"role": "user", "content": "Write it."}]}
        said = [token.text for token, _ in agent.stream(start, stream_mode="messages")]
    assert "".join(said) == ESSAY


@pytest.mark.parametrize("include_raw", [False, True])
@pytest.mark.parametrize("cap", [200, 8000])
@pytest.mark.parametrize("kind", KINDS)
def test_structured_output_is_completed_and_then_parsed(kind: str, cap: int, include_raw: bool) -> None:
    """An object that is cut is gone on with as text; the schema does not stand in the way of that."""
    article = Article(title="Lights", body=ESSAY[:3000])
    with SimulatedProvider(article.model_dump_json()) as server:
        model = whole(kind, server, max_tokens=cap)
        chain = model.with_structured_output(Article, method="json_schema", include_raw=include_raw)
        found = chain.invoke("Write it.")
        first, *others = [request.body for request in server.requests]
    assert "json_schema" in json.dumps(first)
    assert not any("json_schema" in json.dumps({**body, "messages": []}) for body in others)
    assert len(others) == (0 if cap == 8000 else 5)
    assert (found["parsed"] if include_raw else found) == article  # type: ignore[index]


@pytest.mark.parametrize("kind", KINDS)
def test_what_could_not_be_completed_says_so(kind: str) -> None:
    """The text so far, the bare model's word for cut off, and the reason; or an error, if the policy wants one."""
    with SimulatedProvider(ESSAY) as server:
        message = whole(kind, server, policy=continuum.Policy(max_rounds=2)).invoke("Write it.")
        raising = whole(kind, server, policy=continuum.Policy(max_rounds=2, on_incomplete="raise"))
        with pytest.raises(continuum.IncompleteError) as caught:
            list(raising.stream("Write it."))
    assert message.response_metadata["continuum"]["reason"] == "max_rounds"
    assert message.response_metadata.get("finish_reason", message.response_metadata.get("stop_reason")) in (
        "length",
        "max_tokens",
    )
    assert ESSAY.startswith(message.text)
    assert caught.value.result.text == message.text != ""


@pytest.mark.parametrize("kind", KINDS)
def test_errors_are_the_sdk_s_own_and_retries_are_ours(kind: str) -> None:
    """Three tries are three requests, and what the chain catches is what the bare model raises."""
    sdk = openai if kind == "openai" else anthropic
    with SimulatedProvider(ESSAY, faults=["status:503"] * 50) as server:
        with pytest.raises(sdk.InternalServerError) as caught:
            whole(kind, server, policy=continuum.Policy(max_retries=2)).invoke("Write it.")
        assert len(server.requests) == 3
    assert continuum.result_of(caught.value).reason == "retries_exhausted"
    with SimulatedProvider(ESSAY, faults=["status:401"]) as server, pytest.raises(sdk.AuthenticationError):
        whole(kind, server).invoke("Write it.")


def test_the_model_stays_as_it_is() -> None:
    """The caller's own chat model keeps its retries, and answers cut as before."""
    with SimulatedProvider(ESSAY) as server:
        for kind in KINDS:
            model = inner(kind, server, max_retries=3)
            assert ContinuumChatModel(model=model).invoke("Write it.").text == ESSAY
            assert model.max_retries == 3  # type: ignore[attr-defined]
            assert len(model.invoke("Write it.").text) < len(ESSAY)
            assert model._client.max_retries == 3 if kind == "anthropic" else model.root_client.max_retries == 3  # type: ignore[attr-defined]


def test_a_prefill_of_the_caller_is_passed_on() -> None:
    """A request that ends on an AI message is answered by the model itself."""
    with SimulatedProvider(ESSAY, prefill="continue") as server:
        messages = [HumanMessage("Write it."), AIMessage(ESSAY[:100].rstrip())]
        message = whole("anthropic", server).invoke(messages)
        assert len(server.requests) == 1
        streamed = added(list(whole("anthropic", server).stream(messages)))
    assert "continuum" not in message.response_metadata
    assert streamed.text == message.text


def test_in_place_where_the_model_is_known_to_do_it() -> None:
    """Claude 4.5 goes on where its turn stops; with tools it is asked with a user turn."""
    with SimulatedProvider(ESSAY, prefill="continue") as server:
        model = whole("anthropic", server, model="claude-opus-4-5-simulated")
        assert model.invoke("Write it.").response_metadata["continuum"]["seams"][0]["kind"] == "exact"
        assert server.requests[1].body["messages"][-1]["role"] == "assistant"
        server.reset()
        model.bind_tools([search]).invoke("Write it.")
        assert server.requests[1].body["messages"][-1]["role"] == "user"


@pytest.mark.parametrize("kind", KINDS)
def test_reasoning_comes_before_the_text(kind: str) -> None:
    """What the model thinks in the first round is handed on as it comes, and is no part of the text."""
    with SimulatedProvider(ESSAY, behaviours=["reasoning@0"]) as server:
        extra: dict[str, Any] = {"thinking": {"type": "adaptive"}} if kind == "anthropic" else {}
        chunks = list(whole(kind, server, **extra).stream("Write it."))
        message = whole(kind, server, **extra).invoke("Write it.")
    assert added(chunks).text == message.text == ESSAY
    if kind == "anthropic":  # langchain-openai drops what is not in OpenAI's own API
        types = [block["type"] for chunk in chunks for block in chunk.content if isinstance(block, dict)]
        assert types[0] == "thinking"
        assert added(chunks).content[-1]["type"] == "text"  # type: ignore[index]


def test_a_server_that_refuses_to_count_a_stream() -> None:
    """It is asked without, and the usage is an estimate that says so."""
    refuses = {"error": {"message": "Unknown parameter: 'stream_options'.", "type": "invalid_request_error"}}
    fault = [continuum.testing.Behaviour("status", status=400, body=refuses)]
    with SimulatedProvider(ESSAY, faults=fault) as server:
        message = whole("openai", server).invoke("Write it.")
        assert "stream_options" in server.requests[0].body
        assert not any("stream_options" in request.body for request in server.requests[1:])
    assert message.text == ESSAY
    assert message.response_metadata["continuum"]["usage_estimated"] is True


@pytest.mark.parametrize("stream", [False, True])
def test_the_responses_api_behind_a_chat_model(stream: bool) -> None:
    """ChatOpenAI may speak it; its words for a cut are understood as well."""
    with SimulatedProvider(ESSAY, behaviours=["overlap:40"]) as server:
        model = whole("openai", server, use_responses_api=True)
        message = added(list(model.stream("Write it."))) if stream else model.invoke("Write it.")
        assert {request.path for request in server.requests} == {"/v1/responses"}
    assert message.text == ESSAY
    assert message.response_metadata["continuum"]["rounds"] > 3
    assert message.usage_metadata is not None
    assert message.usage_metadata["output_tokens"] > 1000


@pytest.mark.parametrize("with_tools", [False, True])
def test_a_pause_is_sent_back_as_it_is(with_tools: bool) -> None:
    """Claude's `pause_turn`, whether the message is a string or blocks."""
    with SimulatedProvider(ESSAY, behaviours=["pause_turn:100@0"]) as server:
        model: Any = whole("anthropic", server, max_tokens=4000)
        message = (model.bind_tools([search]) if with_tools else model).invoke("Write it.")
        assert server.requests[1].body["messages"][-1]["role"] == "assistant"
    assert message.text == ESSAY
    assert [seam["kind"] for seam in message.response_metadata["continuum"]["seams"]] == ["exact"]


def test_a_model_that_does_not_say_how_it_ended() -> None:
    """It is never success, unless the caller knows where it stands."""
    silent = GenericFakeChatModel(messages=iter([AIMessage("All of it.")] * 20))
    policy = continuum.Policy(max_interruptions=1)
    message = ContinuumChatModel(model=silent, policy=policy, runtime=FakeClock().runtime).invoke("Write it.")
    assert message.response_metadata["continuum"]["complete"] is False
    knows = ContinuumChatModel(model=silent, read_finish_reason=lambda message: "stop")
    assert knows.invoke("Write it.").response_metadata["continuum"]["complete"] is True
    assert knows.invoke("Write it.").text == "All of it."


def test_a_bug_in_the_model_is_not_taken_for_the_network() -> None:
    """An exception that is no fact about the provider passes through, with what had come."""

    class Broken(ChatOpenAI):
        def _stream(self, *args: Any, **kwargs: Any) -> Any:
            yield from super()._stream(*args, **kwargs)
            raise KeyError("a bug")

    with SimulatedProvider(ESSAY) as server:
        model = Broken(model="m", base_url=server.openai_base_url, api_key=SecretStr("none"), max_tokens=100)
        with pytest.raises(KeyError, match="a bug") as caught:
            ContinuumChatModel(model=model).invoke("Write it.")
    assert continuum.result_of(caught.value).text


def test_a_cancelled_call_closes_its_connection() -> None:
    """And what had come is within reach."""

    async def main(model: ContinuumChatModel) -> None:
        async with asyncio.timeout(0.5):
            await model.ainvoke("Write it.")

    with SimulatedProvider(ESSAY, delay=0.02) as server:
        with pytest.raises(TimeoutError) as caught:
            asyncio.run(main(whole("openai", server)))
        assert server.wait_idle()
    assert ESSAY.startswith(continuum.result_of(caught.value).text)


def test_leaving_a_stream_early_closes_its_connection() -> None:
    """The server is not left talking to nobody."""
    with SimulatedProvider(ESSAY, delay=0.005) as server:
        stream = whole("openai", server).stream("Write it.")
        assert next(stream) is not None
        stream.close()  # type: ignore[attr-defined]
        assert server.wait_idle()


def test_wrong_arguments() -> None:
    """Said before anything is sent."""
    with SimulatedProvider(ESSAY) as server:
        model = whole("openai", server)
        with pytest.raises(ValidationError, match="wrap the model itself"):
            ContinuumChatModel(model=model)
        with pytest.raises(continuum.ConfigurationError, match="n=2"):
            model.invoke("Write it.", n=2)
        assert model._get_ls_params()["ls_provider"] == "openai"
        assert server.requests == []
