"""The Responses API of the simulated provider: its shapes, its order of events, its store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from openai import NotFoundError, OpenAI
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter
from test_sim_server import post, sse

from continuum.testing import Behaviour, SimulatedProvider, sample_documents

if TYPE_CHECKING:
    from collections.abc import Iterator

ESSAY = sample_documents()["essay"]
BODY: dict[str, Any] = {"model": "m", "input": "Write it.", "max_output_tokens": 30}
PATH = "/v1/responses"


@pytest.fixture
def server() -> Iterator[SimulatedProvider]:
    with SimulatedProvider(ESSAY) as running:
        yield running


def stream(server: SimulatedProvider, **change: Any) -> list[dict[str, Any]]:
    return sse(post(server, PATH, {**BODY, "stream": True, **change})[1])


@pytest.mark.parametrize(
    "kind", ["exact", "tool_call", "cut_tool_call", "reasoning:5", "refusal:No", "refusal:3", "empty", "reasoning_only"]
)
def test_shapes_satisfy_the_strict_models_of_the_sdk(server: SimulatedProvider, kind: str) -> None:
    """Every body and event validates against the SDK's own models, and a stream ends with what is answered unary."""
    server.plan(behaviours=[Behaviour.parse(kind + "@0")])
    status, raw = post(server, PATH, BODY)
    assert status == 200
    TypeAdapter(Response).validate_json(raw)
    server.reset()
    events = stream(server)
    for event in events:
        TypeAdapter[Any](ResponseStreamEvent).validate_python(event)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    whole = json.loads(raw)
    assert events[-1]["type"] == f"response.{whole['status']}"
    assert {**events[-1]["response"], "created_at": 0} == {**whole, "created_at": 0}
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert done == whole["output"]


def test_the_events_come_in_the_documented_order(server: SimulatedProvider) -> None:
    """Each item begins, is said, and ends; what is sealed is whole only at the end."""
    server.plan(behaviours=[Behaviour("reasoning", amount=2, text="hm", round=0)])
    events = stream(server, max_output_tokens=16)
    kinds = [event["type"].removeprefix("response.") for event in events]
    assert [kind for kind in kinds if not kind.endswith(".delta")] == [
        "created", "in_progress",
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.done", "output_item.done",
        "output_item.added", "content_part.added", "output_text.done", "content_part.done", "output_item.done",
        "incomplete",
    ]  # fmt: skip
    seals = [event["item"]["encrypted_content"] for event in events if event.get("item", {}).get("type") == "reasoning"]
    assert seals == ["unfinished", "sealed:000000000000000000000001"]


def test_a_stored_response_is_gone_on_from_retrieved_and_streamed_again(server: SimulatedProvider) -> None:
    """As long as `store` is not false."""
    with OpenAI(base_url=server.openai_base_url, api_key="k") as client:
        first = client.responses.create(**BODY)
        after = client.responses.create(**{**BODY, "input": "Go on."}, previous_response_id=first.id)
        assert ESSAY.startswith(first.output_text + after.output_text)
        assert client.responses.retrieve(first.id).output_text == first.output_text
        events = list(client.responses.retrieve(first.id, stream=True, starting_after=20))
        assert events[0].sequence_number == 21
        assert events[-1].type == "response.incomplete"
        gone = client.responses.create(**BODY, store=False)
        with pytest.raises(NotFoundError):
            client.responses.retrieve(gone.id)


def test_a_background_response_takes_its_time() -> None:
    """Queued, in progress for as many looks as the provider was told, and then whole."""
    with (
        SimulatedProvider(ESSAY, background_polls=1) as server,
        OpenAI(base_url=server.openai_base_url, api_key="k") as client,
    ):
        begun = client.responses.create(**BODY, background=True)
        looks = [client.responses.retrieve(begun.id) for _ in range(3)]
    assert [begun.status, *(look.status for look in looks)] == ["queued", "in_progress", "incomplete", "incomplete"]
    assert begun.output_text == looks[0].output_text == ""
    assert ESSAY.startswith(looks[1].output_text)


@pytest.mark.parametrize("fault", ["error_event:4", "error_event:failed"])
def test_failures_are_events(fault: str) -> None:
    """`error` and `response.failed` are the last events of their streams."""
    with SimulatedProvider(ESSAY, faults=[fault]) as server:
        events = stream(server)
        kind = "response.failed" if "failed" in fault else "error"
        assert [event["type"] for event in events][-1] == kind
        TypeAdapter[Any](ResponseStreamEvent).validate_python(events[-1])
        server.plan(faults=[fault])
        status, raw = post(server, PATH, BODY)
    assert (status, json.loads(raw)["status"]) == (200, "failed")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"input": None}, "'input'"),
        ({"input": []}, "'input'"),
        ({"input": [7]}, "input[0]"),
        ({"input": [{"role": "robot", "content": "x"}]}, "robot"),
        ({"model": None}, "model parameter"),
        ({"messages": []}, "moved to 'input'"),
        ({"max_tokens": 30}, "moved to 'max_output_tokens'"),
        ({"max_output_tokens": 15}, ">= 16"),
        ({"max_output_tokens": "9"}, "integer"),
        ({"max_output_tokens": 901}, "maximum"),
        ({"background": True, "store": False}, "store"),
        ({"previous_response_id": "resp_none"}, "not found"),
        ({"previous_response_id": "resp_none", "conversation": "c"}, "exclusive"),
        ({"input": [{"type": "reasoning", "id": "rs_1", "encrypted_content": "sealed:1"}]}, "required following item"),
        (
            {"input": [{"type": "reasoning", "encrypted_content": "x"}, {"role": "assistant", "content": "x"}]},
            "could not be verified",
        ),
    ],
)
def test_bad_requests_are_refused_as_the_provider_does(change: dict[str, Any], text: str) -> None:
    """Each bad request is a 400 that says what is wrong."""
    with SimulatedProvider(ESSAY, max_output_tokens=900) as server:
        status, raw = post(server, PATH, {**BODY, **change})
    assert status == 400
    assert text in json.loads(raw)["error"]["message"]
