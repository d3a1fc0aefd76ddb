"""A real language model in a real server: SmolLM2-135M-Instruct in llama.cpp, through the openai SDK.

The texts are what the model writes at temperature 0. `CONTINUUM_XLLAMACPP_DIRS` names directories with other versions
of the server (`pip install --no-deps --target DIR xllamacpp==VERSION`), which repeat the assistant turn that they go
on with in other ways.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2
import pytest
from openai import OpenAI
from wire import DroppingProxy, RecordingTransport

import continuum
from continuum import Policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Servers

    from continuum.testing.local_model import LocalModel

pytestmark = pytest.mark.local_model

PROMPTS = {
    "english": "Write about the history of lighthouses.",
    "code": "Write a Python function that reverses a linked list, with comments.",
    "json": "Give a JSON array of ten European cities, each an object with name, country and population.",
    "french": "Raconte l'histoire de la ville de Paris en français.",
    "chinese": "介绍一下中国的长城。",
    "emoji": "Write ten lines, each with three emoji and a word: 🌞🌊🏖️ beach",
}
# Fills most of a small context, which is quicker to read than to write.
WORDY = (
    PROMPTS["english"] + " Speak of" + " towers, fires, lamps, lenses, keepers, storms, ships, wrecks, harbours," * 7
)
ROUND = 48
OTHERS = [path for path in os.environ.get("CONTINUUM_XLLAMACPP_DIRS", "").split(os.pathsep) if path]
LONG = ("english", "chinese")  # three rounds; the others two, which is half the time
WIDE = ("chinese", "emoji")  # one character takes several tokens
RUNS = [pytest.param(None, name, 100 if name in LONG else 60, id=f"installed-{name}") for name in PROMPTS] + [
    pytest.param(path, name, 54, id=f"{Path(path).name}-{name}") for path in OTHERS for name in ("english", "chinese")
]


def in_place(**limits: Any) -> Policy:
    """Ceilings of a run that is gone on with in place."""
    return Policy(**limits)


def messages(prompt: str) -> list[Any]:
    """One user turn."""
    return [{"role": "user", "content": prompt}]


@contextmanager
def recorded(server: LocalModel) -> Iterator[tuple[OpenAI, RecordingTransport]]:
    """A client of the SDK, and what goes over its wire. The first request of each run does not use the cache."""
    transport = RecordingTransport(cold_start=True)
    with (
        httpx2.Client(transport=transport) as http,
        OpenAI(base_url=server.openai_base_url, api_key="none", http_client=http) as client,
    ):
        yield client, transport


@pytest.mark.parametrize(("packages", "name", "total"), RUNS)
def test_an_answer_in_rounds_equals_the_single_shot(
    servers: Servers, packages: str | None, name: str, total: int
) -> None:
    """In place, in rounds of 48 tokens, streamed or not, the text is that of one large request, byte for byte.

    A cut inside a character costs the tokens of its first half, which the next round writes once more: where
    characters take several tokens, the same number of tokens may end one character earlier for each cut.
    """
    asked: dict[str, Any] = {"model": "smollm2", "messages": messages(PROMPTS[name]), "temperature": 0}
    with recorded(servers.get(packages)) as (client, transport):
        single = client.chat.completions.create(max_tokens=total, **asked)
        gold, finish = single.choices[0].message.content, single.choices[0].finish_reason
        assert gold
        assert "\ufffd" not in gold
        transport.exchanges.clear()

        events = list(continuum.stream(client, policy=in_place(max_output_tokens=total), max_tokens=ROUND, **asked))
        streamed = events[-1].result
        assert streamed is not None
        unary = continuum.complete(
            client, policy=in_place(max_output_tokens=total, stream=False), max_tokens=ROUND, **asked
        )

    arrived = [exchange.text for exchange in transport.exchanges]
    assert arrived == [*streamed.raw_segments, *unary.raw_segments]
    assert "".join(event.text for event in events) == streamed.text == unary.text
    runs = [(streamed, transport.exchanges[: streamed.rounds]), (unary, transport.exchanges[streamed.rounds :])]
    for result, exchanges in runs:
        assert result.rounds > 1
        lost = result.rounds - 1 if name in WIDE else 0
        assert result.text in [gold[: len(gold) - fewer] for fewer in range(lost + 1)]
        assert result.complete == (finish == "stop")
        assert result.reason == ("finished" if finish == "stop" else "max_output_tokens")
        assert [seam.kind for seam in result.seams] == ["exact"] * (result.rounds - 1)
        for seam, exchange in zip(result.seams, exchanges[1:], strict=True):
            shown = exchange.body["messages"][-1]
            assert shown["role"] == "assistant"
            assert seam.removed == (shown["content"] if exchange.text.startswith(shown["content"]) else "")


def test_a_full_context_is_not_the_cap(servers: Servers) -> None:
    """`length` because the context is full ends the run as `context_window`, with all that came."""
    with recorded(servers.get(n_ctx=256)) as (client, transport):
        result = continuum.complete(
            client,
            policy=in_place(),
            model="smollm2",
            messages=messages(WORDY),
            max_tokens=40,
            temperature=0,
        )

    last = result.segments[-1]
    assert last.usage is not None
    assert last.usage.total_tokens == 256
    assert last.usage.output_tokens < 40
    assert (last.finish_reason, last.raw_finish_reason) == ("context_window", "length")
    assert (result.reason, result.complete) == ("context_window", False)
    assert [exchange.text for exchange in transport.exchanges] == list(result.raw_segments)
    assert result.usage.output_tokens == 256 - result.segments[0].usage.input_tokens  # type: ignore[union-attr]


def test_a_refused_request_for_want_of_context_keeps_the_text(servers: Servers) -> None:
    """If the rounds fill the context to the last token, the next request is refused, and nothing is lost by that."""
    server = servers.get(n_ctx=256)
    asked: dict[str, Any] = {"model": "smollm2", "messages": messages(WORDY), "temperature": 0}
    with recorded(server) as (client, transport):
        prompt = client.chat.completions.create(max_tokens=1, **asked).usage
        assert prompt is not None
        room = 256 - prompt.prompt_tokens
        cap = next(size for size in range(16, room) if room % size == 0)
        transport.exchanges.clear()
        result = continuum.complete(client, policy=in_place(stream=False), max_tokens=cap, **asked)

    assert result.rounds == room // cap
    assert len(transport.exchanges) == result.rounds + 1
    assert b"exceed_context_size" in transport.exchanges[-1].raw
    assert (result.reason, result.complete, result.finish_reason) == ("context_window", False, "length")
    assert [exchange.text for exchange in transport.exchanges[:-1]] == list(result.raw_segments)


def test_a_dropped_connection_is_tried_again(servers: Servers) -> None:
    """A pooled connection that the server drops when it is used again costs a repeat, and not a character."""
    server = servers.get()
    asked: dict[str, Any] = {"model": "smollm2", "messages": messages(PROMPTS["english"]), "temperature": 0}
    port = urlsplit(server.base_url).port
    assert port is not None
    policy = in_place(max_output_tokens=64, stream=False, retry_initial=0.02)
    with DroppingProxy(port, drops=2) as proxy, OpenAI(base_url=proxy.openai_base_url, api_key="none") as client:
        result = continuum.complete(client, policy=policy, max_tokens=16, **asked)

    assert proxy.dropped == 2
    assert [segment.reason for segment in result.segments] == ["ask", "retry", "retry", "continue"]
    assert result.usage.output_tokens == 64
    assert not result.usage.estimated
    with recorded(server) as (client, _):
        single = client.chat.completions.create(max_tokens=64, **asked)
    assert result.text == single.choices[0].message.content


@pytest.mark.parametrize("prompt", [PROMPTS["english"], "Write a short story about a fox."], ids=["essay", "story"])
def test_a_run_of_user_turns_ends_and_accounts_for_everything(servers: Servers, prompt: str) -> None:
    """Small models do not resume: the run ends, each character is accounted for, and what does not fit is flagged."""
    policy = Policy(strategy="user_turn", max_rounds=5)
    with recorded(servers.get()) as (client, transport):
        result = continuum.complete(
            client, policy=policy, model="smollm2", messages=messages(prompt), max_tokens=ROUND, temperature=0
        )

    assert 1 < result.rounds <= 5
    assert result.usage.output_tokens <= 5 * ROUND
    assert result.reason in ("finished", "unclosed", "no_progress", "repetition", "max_rounds")
    # Nothing is lost in silence: the account rebuilds every byte of the wire, and so the lengths add up.
    arrived = [exchange.text for exchange in transport.exchanges]
    assert arrived == list(result.raw_segments)
    moved = sum(len(seam.removed) + len(seam.replaced) - len(seam.inserted) for seam in result.seams)
    assert len(result.text) + moved == sum(map(len, arrived))
    assert all(seam.note for seam in result.seams)
    # Neither text is whole as it stands: the reader is told.
    assert not result.complete or any(seam.ambiguous for seam in result.seams)
    assert not result.complete or result.text.rstrip().endswith((".", "!", "?", '"'))


def test_a_repetition_loop_is_stopped_and_its_good_prefix_kept(servers: Servers) -> None:
    """A model that says one sentence for ever is stopped; the text keeps the beginning and one copy or two."""
    policy = in_place(max_repetition=700)
    with recorded(servers.get()) as (client, transport):
        result = continuum.complete(
            client,
            policy=policy,
            model="smollm2",
            messages=messages("Tell me how much you enjoy a journey."),
            max_tokens=ROUND,
            temperature=0,
        )

    assert (result.reason, result.complete) == ("repetition", False)
    assert result.rounds < policy.max_rounds
    arrived = "".join(exchange.text for exchange in transport.exchanges)
    assert arrived == "".join(result.raw_segments)
    assert arrived == result.text + "".join(seam.replaced + seam.removed for seam in result.seams)
    loop = arrived[-700:]
    period = next(size for size in range(1, 176) if loop[size:] == loop[:-size])  # it was one, four times at least
    good = arrived.index(loop[:period])
    assert result.text.startswith(arrived[: good + period])  # all that is not the loop, and one whole turn of it
    assert len(result.text) < len(arrived)
