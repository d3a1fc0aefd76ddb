"""The table of dialects, row by row, over HTTP: the simulated provider acts each server out, at its address."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2
import openai
import pytest
from openai import OpenAI
from pydantic import ValidationError

import continuum
from continuum.providers.capabilities import DIALECTS, GENERIC, REFUSALS, find, named
from continuum.providers.capabilities import WORDS as WORDS_OF_ALL
from continuum.testing import FakeClock, SimulatedProvider, sample_documents
from continuum.testing.manners import MANNERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ESSAY = sample_documents()["essay"]
LOCAL = "http://127.0.0.1:8000/v1"


@dataclass(frozen=True)
class Case:
    """A server as its user meets it.

    Attributes:
        acts: the manners of the simulated server.
        row: the row of the table that continuum must find, or be told of with `told`.
        url: the address that the user writes.
        in_place: how continuum must ask.
        message, body: the fields that the last message and the body must have then.
    """

    acts: str
    row: str
    url: str
    model: str = "any-model"
    told: bool = False
    in_place: bool = False
    message: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)


OPEN = {"continue_final_message": True, "add_generation_prompt": False}
OFF = {"thinking": {"type": "disabled"}}
CASES = [
    Case("openai", "openai", "https://api.openai.com/v1"),
    Case("openai", "openai", "https://me.openai.azure.com/openai/v1"),
    Case("claude-4.5", "claude-4.5", "https://openrouter.ai/api/v1", "anthropic/claude-opus-4-5", in_place=True),
    Case("claude", "openrouter", "https://openrouter.ai/api/v1", "anthropic/claude-opus-5.5"),
    Case("openrouter", "openrouter", "https://openrouter.ai/api/v1"),
    Case(
        "gemini", "gemini", "https://generativelanguage.googleapis.com/v1beta/openai/", "gemini-2.5-pro", in_place=True
    ),
    Case("gemini-new", "generic", "https://generativelanguage.googleapis.com/v1beta/openai/", "gemini-3.8-flash"),
    Case(
        "deepseek",
        "deepseek",
        "https://api.deepseek.com/beta",
        in_place=True,
        message={"prefix": True},
        body=OFF,
    ),
    Case("deepseek-v1", "deepseek-v1", "https://api.deepseek.com", body=OFF),
    Case("mistral", "mistral", "https://api.mistral.ai/v1", in_place=True, message={"prefix": True}),
    Case(
        "qwen",
        "qwen",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        in_place=True,
        message={"partial": True},
        body={"enable_thinking": False},
    ),
    Case("kimi", "kimi", "https://api.moonshot.ai/v1", in_place=True, message={"partial": True}),
    Case("groq", "groq", "https://api.groq.com/openai/v1", in_place=True),
    Case("together", "together", "https://api.together.xyz/v1"),
    Case("fireworks", "fireworks", "https://api.fireworks.ai/inference/v1"),
    Case("llama.cpp", "llama.cpp", LOCAL, in_place=True),
    Case("ollama", "ollama", LOCAL),
    Case("vllm", "vllm", LOCAL, told=True, in_place=True, body=OPEN),
    Case("sglang", "sglang", LOCAL, told=True, in_place=True, body={"continue_final_message": True}),
    Case("tgi", "tgi", LOCAL, told=True, in_place=True, body={"continue_final_message": True}),
    Case("lmdeploy", "lmdeploy", LOCAL, told=True, in_place=True),
]
NAMES = [f"{case.acts}-{case.model}" for case in CASES]


class _ToLoopback(httpx2.BaseTransport):
    """Takes every request to the simulated provider, whatever its address."""

    def __init__(self, server: SimulatedProvider) -> None:
        self._server = httpx2.URL(server.openai_base_url)
        self._inner = httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.url = self._server.copy_with(path="/v1/chat/completions")
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


def client_of(server: SimulatedProvider, url: str) -> OpenAI:
    http = httpx2.Client(transport=_ToLoopback(server))
    return OpenAI(base_url=url, api_key="none", http_client=http, max_retries=0)


def ask(client: OpenAI, case: Case, cap: int = 300, **policy: Any) -> continuum.Result:
    if case.told:
        policy["dialect"] = case.row
    return continuum.complete(
        client,
        policy=continuum.Policy(**policy),
        runtime=FakeClock().runtime,
        model=case.model,
        messages=[{"role": "user", "content": "Write it."}],
        max_tokens=cap,
    )


def named_or_generic(row: str) -> continuum.Dialect:
    return GENERIC if row == "generic" else named(row)


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    REFUSALS.clear()
    yield
    REFUSALS.clear()


def test_every_row_is_acted_out() -> None:
    """No row of the table is without a server that behaves as it says, and no server without a case."""
    assert {case.row for case in CASES} - {"generic"} == {dialect.name for dialect in DIALECTS}
    assert {case.acts for case in CASES} == MANNERS.keys()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_a_row(case: Case, stream: bool) -> None:
    """The row is found, its fields are sent and are the ones that the server takes, and the answer is whole."""
    with SimulatedProvider(ESSAY, dialect=case.acts) as server, client_of(server, case.url) as client:
        result = ask(client, case, stream=stream)
        asked = [request.body for request in server.requests]
        statuses = server.statuses
    assert result.text == ESSAY
    assert result.complete
    assert statuses[200] == len(asked)
    assert statuses.keys() <= ({200, 404} if named_or_generic(case.row).window else {200})  # a card that is not there
    assert {seam.kind for seam in result.seams} == ({"exact"} if case.in_place else {"anchor"})
    for body in asked[1:]:
        last = body["messages"][-1]
        assert last["role"] == ("assistant" if case.in_place else "user")
        assert {name: last[name] for name in last.keys() - {"role", "content"}} == case.message
        assert {name: body.get(name) for name in case.body} == case.body
    assert not {"prefix", "partial", "thinking", *OPEN} & asked[0].keys()
    mark = MANNERS[case.acts].fingerprint
    if not case.told:
        assert find(case.url, case.model, mark).name == case.row


@pytest.mark.parametrize("case", [case for case in CASES if case.message or case.body], ids=lambda case: case.acts)
def test_the_fields_are_needed(case: Case) -> None:
    """Without its fields the server does something else: so the test above could fail."""
    turns: list[Any] = [
        {"role": "user", "content": "Write it."},
        {"role": "assistant", "content": ESSAY[:200], "prefix": None, "partial": None},
    ]
    turns[1] = {name: value for name, value in turns[1].items() if value is not None}
    if not case.in_place:
        turns.append({"role": "user", "content": "Go on."})
    with SimulatedProvider(ESSAY, dialect=case.acts) as server, client_of(server, case.url) as client:
        said = ""
        with contextlib.suppress(openai.BadRequestError):
            answer = client.chat.completions.create(model="m", messages=turns, max_tokens=50)
            said = answer.choices[0].message.content or ""
    assert ESSAY.startswith(said)  # nothing, or a new answer from the start


REFUSING = [name for name, manners in MANNERS.items() if manners.mode({"messages": [{}]}) == "refuse"]


# DeepSeek wants a field that a wrong row does not send, on user turns too; `test_the_fields_are_needed` has that.
@pytest.mark.parametrize("acts", [name for name in REFUSING if not name.startswith("deepseek")])
def test_a_refusal_is_understood(acts: str) -> None:
    """A server that was taken for another refuses in its own words; the run goes on with a user turn and remembers."""
    wrong = Case(acts, "groq", LOCAL, told=True)
    with SimulatedProvider(ESSAY, dialect=acts) as server, client_of(server, LOCAL) as client:
        result = ask(client, wrong)
        assert server.statuses[400] == 1
        ask(client, wrong)
        assert server.statuses[400] == 1
    assert result.text == ESSAY
    assert {seam.kind for seam in result.seams} == {"anchor"}


WORDS = [(dialect.name, word, reason) for dialect in DIALECTS for word, reason in dialect.words.items()]


@pytest.mark.parametrize(("name", "word", "reason"), WORDS, ids=[f"{name}-{word}" for name, word, _ in WORDS])
def test_a_finish_reason_of_a_row(name: str, word: str, reason: str) -> None:
    """It means what the row says, and from any other server what providers commonly mean by it, or nothing."""
    common = WORDS_OF_ALL.get(word.lower(), "unknown")
    for dialect, meant in ((name, reason), (continuum.Dialect("other"), common)):
        with SimulatedProvider("All of it.", behaviours=[f"unknown_finish:{word}@0"]) as server:
            policy = continuum.Policy(dialect=dialect, max_rounds=1)
            client = OpenAI(base_url=server.openai_base_url, api_key="none")
            messages: Any = [{"role": "user", "content": "Write it."}]
            result = continuum.complete(client, policy=policy, model="m", messages=messages, max_tokens=500)
        assert (result.finish_reason, result.raw_finish_reason) == (meant, word)
        assert result.complete is (meant == "stop")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("native", "finish_reason"),
    [("model_context_window_exceeded", "context_window"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter")],
)
def test_a_router_s_coarser_word(
    native: str, finish_reason: str, stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenRouter says `length` or `stop`, and beside it what the provider behind it said: that decides."""
    monkeypatch.setitem(MANNERS["openrouter"].native, "stop", native)  # type: ignore[arg-type]
    case = Case("openrouter", "openrouter", "https://openrouter.ai/api/v1")
    with SimulatedProvider("All of it.", dialect="openrouter") as server, client_of(server, case.url) as client:
        result = ask(client, case, stream=stream, max_rounds=1)
    assert (result.finish_reason, result.complete) == (finish_reason, False)


@pytest.mark.parametrize("stream", [True, False])
def test_openrouter_s_errors_in_an_answer_of_200(stream: bool) -> None:
    """In the body or in the middle of a stream: a failure, and asked again."""
    case = Case("openrouter", "openrouter", "https://openrouter.ai/api/v1")
    fault = "error_event:openrouter" if stream else "error_body"
    with (
        SimulatedProvider(ESSAY, dialect="openrouter", faults=["ok", fault]) as server,
        client_of(server, case.url) as client,
    ):
        result = ask(client, case, stream=stream)
    assert result.text == ESSAY


def test_a_dialect_of_one_s_own() -> None:
    """A server that the table does not know: its fields and words are a value in the policy."""
    mine = continuum.Dialect("mine", in_place=True, message={"partial": True}, words={"stop": "stop", "cut": "length"})
    with (
        SimulatedProvider(ESSAY, dialect="kimi", behaviours=["unknown_finish:cut@0"]) as server,
        client_of(server, LOCAL) as client,
    ):
        known = ask(client, Case("kimi", "kimi", LOCAL), dialect=mine)
        assert server.requests[1].body["messages"][-1]["partial"] is True
        server.reset()
        unknown = ask(client, Case("kimi", "kimi", LOCAL))
    assert known.text == ESSAY
    assert unknown.reason == "unknown_finish"


@pytest.mark.parametrize(
    ("patterns", "known"),
    [
        ({}, True),
        ({"where": r"^127\.0\.0\.1/"}, True),
        ({"where": r"^api\.example\.com"}, False),
        ({"model": "^mine-"}, False),
        ({"where": r"^api\.example\.com", "model": "^any"}, True),
        ({"fingerprint": "^fp_simulated$"}, True),
        ({"fingerprint": "^fp_other$"}, False),
    ],
)
def test_the_patterns_of_a_dialect_of_one_s_own(patterns: dict[str, str], known: bool) -> None:
    """One policy for several servers: the dialect is that of those at which one of its patterns is found."""
    mine = continuum.Dialect("mine", words={"cut": "length"}, **patterns)
    with SimulatedProvider(ESSAY, behaviours=["unknown_finish:cut@0"]) as server, client_of(server, LOCAL) as client:
        result = ask(client, Case("kimi", "kimi", LOCAL), dialect=mine)
    assert (result.text == ESSAY, result.reason == "unknown_finish") == (known, not known)


@pytest.mark.parametrize("billed", [True, False])
def test_where_prompts_are_billed_the_text_is_one_turn(billed: bool) -> None:
    """And this round's question the only one. Otherwise the turns stay as they were, whatever the patterns."""
    mine = continuum.Dialect("mine", where=r"^127\.0\.0\.1/", billed=billed)
    with SimulatedProvider(ESSAY) as server, client_of(server, LOCAL) as client:
        assert ask(client, Case("generic", "generic", LOCAL), dialect=mine).text == ESSAY
        roles = [[message["role"] for message in request.body["messages"]] for request in server.requests]
    assert roles[2] == ["user", *["assistant", "user"] * (1 if billed else 2)]
    assert all(dialect.billed for dialect in DIALECTS if dialect.where)  # nobody runs those at home


def test_a_dialect_and_user_turns() -> None:
    """Its words count there, too; only going on in place is a contradiction."""
    words = continuum.Dialect("mine", words={"cut": "length"})
    with SimulatedProvider(ESSAY, behaviours=["unknown_finish:cut@0"]) as server, client_of(server, LOCAL) as client:
        assert ask(client, Case("kimi", "kimi", LOCAL), dialect=words, strategy="user_turn").text == ESSAY
    with pytest.raises(ValidationError, match="says how to continue in place"):
        continuum.Policy(strategy="user_turn", dialect=continuum.Dialect("mine", in_place=True))


def test_a_dialect_travels_with_its_policy() -> None:
    """To JSON and back, as journals and job files need it."""
    mine = continuum.Dialect("mine", in_place=True, body={"a": {"b": 1}}, words={"cut": "length"})
    policy = continuum.Policy(dialect=mine)
    assert continuum.Policy.model_validate_json(policy.model_dump_json(exclude_unset=True)) == policy
    assert continuum.Policy(**policy.model_dump(exclude_unset=True)).dialect == mine
    assert hash(policy) == hash(policy.model_copy())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"words": {"cut": "lenth"}}, "lenth"),
        ({"where": "("}, "no regular expression"),
        ({"name": ""}, "give it a name"),
    ],
)
def test_a_dialect_that_is_wrong(fields: dict[str, Any], message: str) -> None:
    """Said when it is made."""
    with pytest.raises(continuum.ConfigurationError, match=message):
        continuum.Dialect(**{"name": "mine", **fields})


def test_an_unknown_name() -> None:
    """Says which names there are."""
    with pytest.raises(continuum.ConfigurationError, match=r"unknown dialect 'vlm'.*'vllm'"):
        named("vlm")
    with pytest.raises(ValueError, match=r"no dialect 'vlm'.*vllm"):
        SimulatedProvider(ESSAY, dialect="vlm")
