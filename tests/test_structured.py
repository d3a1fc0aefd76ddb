"""Answers that are a value: cut anywhere, gone on with, begun again, repaired once, or read as far as they go."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

import continuum
from continuum import ConfigurationError, IncompleteError, Policy, Result
from continuum._structured import Structured, open_path
from continuum.testing import SimulatedProvider
from continuum.testing.scripted import Reply, ScriptedClient


class Ship(BaseModel):
    name: str
    year: int
    cargo: list[str]
    depth: float


class Register(BaseModel):
    harbour: str
    ships: list[Ship]


REGISTER = Register(
    harbour='The "old" harbour\nof Sund\u00e5 \u2603',
    ships=[
        Ship(
            name=f"Bark {n} \\ {chr(945 + n)}",
            year=1850 + 7 * n,
            cargo=[f"oil {n}", "rope", f"{n * 37} bricks"],
            depth=n / 3,
        )
        for n in range(12)
    ],
)
COMPACT = json.dumps(REGISTER.model_dump(), ensure_ascii=True)
INDENTED = json.dumps(REGISTER.model_dump(), indent=2, ensure_ascii=False)
ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "The register, please."}]}
POLICY = Policy(max_rounds=100, max_repetition=None)


def _openai(server: SimulatedProvider, cap: int, policy: Policy = POLICY) -> Result:
    with openai.OpenAI(base_url=server.openai_base_url, api_key="none") as client:
        return continuum.complete(client, policy=policy, response_model=Register, max_tokens=cap, **ASK)


def _anthropic(server: SimulatedProvider, cap: int, policy: Policy = POLICY) -> Result:
    with anthropic.Anthropic(base_url=server.anthropic_base_url, api_key="none") as client:
        return continuum.complete(client, policy=policy, response_model=Register, max_tokens=cap, **ASK)


def _responses(server: SimulatedProvider, cap: int, policy: Policy = POLICY) -> Result:
    with openai.OpenAI(base_url=server.openai_base_url, api_key="none") as client:
        ask: dict[str, Any] = {"model": "m", "input": "The register, please.", "max_output_tokens": cap}
        return continuum.complete(client, policy=policy, response_model=Register, **ask)


def _gemini(server: SimulatedProvider, cap: int, policy: Policy = POLICY) -> Result:
    genai = pytest.importorskip("google.genai", reason="google-genai is an extra, and is not installed")
    with genai.Client(api_key="none", http_options={"base_url": server.gemini_base_url}) as client:
        ask: dict[str, Any] = {"model": "m", "contents": "The register, please.", "config": {"max_output_tokens": cap}}
        return continuum.complete(client, policy=policy, response_model=Register, **ask)


CALLS = {"openai": _openai, "anthropic": _anthropic, "responses": _responses, "gemini": _gemini}
both = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


@both
@pytest.mark.parametrize("text", [COMPACT, INDENTED], ids=["compact", "indented"])
@pytest.mark.parametrize("behaviours", [(), ("restart:document",), ("no_anchor",) * 3], ids=["obeys", "again", "not"])
def test_a_value_cut_anywhere_comes_back_whole(call: Any, text: str, behaviours: tuple[str, ...]) -> None:
    """Inside strings, numbers, escapes and keys; also where the model begins the object again."""
    for cap in (97, 150, 211, 400):
        with SimulatedProvider(text, behaviours=behaviours, chunk_tokens=8) as server:
            result = call(server, cap)
        assert result.parsed == REGISTER, (cap, result.reason)
        assert result.complete
        assert result.text == text


@both
def test_the_schema_is_asked_for_once(call: Any) -> None:
    """The first request has it; a continuation does not, because it would force a new object."""
    with SimulatedProvider(COMPACT, chunk_tokens=8) as server:
        call(server, 200)
        bodies = [request.body for request in server.requests]
    formats = [
        body.get("response_format")
        or (body.get("output_config") or body.get("text") or {}).get("format")
        or (body.get("generationConfig") or {}).get("responseJsonSchema")
        for body in bodies
    ]
    assert "Register" in json.dumps(formats[0])
    assert formats[0]["type"] in ("json_schema", "object")
    assert formats[1:] == [None] * (len(bodies) - 1)


@both
def test_what_cannot_be_completed_is_read_as_far_as_it_goes(call: Any) -> None:
    """A ceiling ends the run: the raw text, the partial value, and where it stops."""
    with SimulatedProvider(COMPACT, chunk_tokens=8) as server:
        result = call(server, 150, Policy(max_rounds=2))
    assert not result.complete
    assert result.reason == "max_rounds"
    assert result.parsed is None
    assert result.partial["harbour"] == REGISTER.harbour
    assert result.partial["ships"][0] == REGISTER.ships[0].model_dump()
    assert result.partial_path.startswith("$.ships[")
    assert COMPACT.startswith(result.text)


JSON_FORMATS: dict[str, dict[str, Any]] = {
    "openai": {"response_format": {"type": "json_object"}},
    "anthropic": {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
}


def _bare(server: SimulatedProvider, api: str, **more: Any) -> Result:
    """The caller asks for JSON, and for no type."""
    client: Any = openai.OpenAI(base_url=server.openai_base_url, api_key="none")
    if api == "anthropic":
        client = anthropic.Anthropic(base_url=server.anthropic_base_url, api_key="none")
    with client:
        return continuum.complete(client, policy=Policy(max_rounds=100, reask=0), **JSON_FORMATS[api], **ASK, **more)


@pytest.mark.parametrize("api", JSON_FORMATS)
def test_a_format_of_the_callers_own_is_read_as_well(api: str) -> None:
    """The value without a type, or what there is of it; the format is asked for once, and nothing is repaired."""
    with SimulatedProvider(COMPACT, chunk_tokens=8) as server:
        result = _bare(server, api, max_tokens=200)
        assert result.parsed == REGISTER.model_dump()
        assert (result.complete, result.partial) == (True, None)
    with SimulatedProvider(COMPACT[:900], chunk_tokens=8) as server:  # the model stops in the middle, for good
        result = _bare(server, api, max_tokens=200)
    assert (result.complete, result.parsed) == (False, None)
    assert result.partial["harbour"] == REGISTER.harbour
    assert result.partial_path.startswith("$.ships[")


@pytest.mark.parametrize("api", JSON_FORMATS)
def test_joined_text_that_is_no_json_is_not_complete(api: str) -> None:
    """Where a record was lost at a join, nobody is told that the value is whole; one reply is the provider's affair."""
    broken = COMPACT.replace('"cargo": [', '"cargo" [')
    with SimulatedProvider(broken, chunk_tokens=8) as server:
        result = _bare(server, api, max_tokens=200)
        assert (result.complete, result.reason) == (False, "invalid")
        assert "repair" not in [segment.reason for segment in result.segments]
        assert _bare(server, api, max_tokens=10_000).complete


def test_a_stop_sequence_does_not_go_with_a_value() -> None:
    """Inside a string it would end the value: refused before anything is sent."""
    client = openai.OpenAI(base_url="http://127.0.0.1:1/v1", api_key="none")
    with pytest.raises(ConfigurationError, match="stop"):
        continuum.complete(client, response_model=Register, stop=["\n"], **ASK)


WRONG = COMPACT.replace('"year": 1850', '"year": "long ago"')


def scripted(*steps: Reply, **options: Any) -> tuple[Result, ScriptedClient]:
    client = ScriptedClient(list(steps))
    result = continuum.complete(client, response_model=Register, **ASK, **options)
    client.assert_complete()
    return result, client


def test_a_value_of_the_wrong_type_is_repaired_once() -> None:
    """The corrected copy is the value; the text stays what the model said, and nothing is lost."""
    result, client = scripted(Reply(WRONG), Reply(f"```json\n{COMPACT}\n```"))
    assert result.parsed == REGISTER
    assert result.complete
    assert result.text == WRONG
    assert result.raw_segments == (WRONG, f"```json\n{COMPACT}\n```")
    assert "year" in client.calls[1].turns[-1].text
    assert [segment.reason for segment in result.segments] == ["ask", "repair"]


def test_a_second_wrong_value_is_the_end() -> None:
    """One repair at most; then the partial value and the path, and an error says what is wrong with the text."""
    result, _ = scripted(Reply(WRONG), Reply("I cannot."))
    assert (result.complete, result.reason) == (False, "invalid")
    assert result.parsed is None
    assert result.partial["ships"][0]["year"] == "long ago"
    assert result.text == WRONG
    with pytest.raises(IncompleteError, match=r"'invalid'.*ships\.0\.year: .*integer.*; the text so far"):
        result.raise_for_incomplete()


def test_a_stream_gives_the_same() -> None:
    """Text as it comes, the value on the last event."""
    client = ScriptedClient([Reply(WRONG), Reply(COMPACT)])
    events = list(continuum.stream(client, response_model=Register, **ASK))
    result = events[-1].result
    assert result is not None
    assert "".join(event.text for event in events) == result.text == WRONG
    assert result.parsed == REGISTER


def test_a_type_that_has_no_schema_is_refused() -> None:
    """Before anything is sent."""
    with pytest.raises(ConfigurationError, match="response_model"):
        continuum.complete(ScriptedClient([]), response_model=print, **ASK)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"a": 1}', ""),
        ("[1, 2]", ""),
        ("{", "$"),
        ('{"a"', "$.a"),
        ('{"a": [1, {"b": "x', "$.a[1].b"),
        ('{"a": 1, ', "$"),
        ('{"a": "b", "c": [[1], [2, 3', "$.c[1][1]"),
        ('{"a": "}\\"{", "b": tr', "$.b"),
    ],
)
def test_the_path_says_where_a_value_stops(text: str, path: str) -> None:
    """Keys and indices of what is open at the end."""
    assert open_path(text) == path


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=4), values, max_size=4), st.floats(0, 1))
def test_any_prefix_can_be_read(value: Any, share: float) -> None:
    """No cut makes the reading fail, and what it reads never contradicts the whole."""
    text = json.dumps(value)
    reading = Structured(dict[str, int]).read(text[: int(len(text) * share)])
    if reading.partial is not None:
        assert set(reading.partial) <= set(value) | {key[:n] for key in value for n in range(len(key))}
    whole = Structured(dict[str, Any]).read(text)
    assert (whole.value, whole.path, whole.error) == (value, "", "")


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
@pytest.mark.parametrize("behaviours", [(), ("restart:line",) * 3, ("no_anchor",) * 3, ("overlap:60",) * 3])
def test_lines_are_neither_doubled_nor_lost(kind: str, behaviours: tuple[str, ...]) -> None:
    """JSON Lines and CSV: no header twice, no row twice."""
    rows = [ship.model_dump() for ship in REGISTER.ships] * 2
    for n, row in enumerate(rows):
        row["id"] = n * 101
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if kind == "csv":
        text = "id,name,year,depth\n" + "".join(f"{r['id']},{r['name']},{r['year']},{r['depth']:.4f}\n" for r in rows)
    for cap in (80, 133):
        server = SimulatedProvider(text, behaviours=behaviours, chunk_tokens=8)
        with server, openai.OpenAI(base_url=server.openai_base_url, api_key="none") as client:
            result = continuum.complete(client, policy=POLICY, max_tokens=cap, **ASK)
        assert result.text == text
        assert result.complete
