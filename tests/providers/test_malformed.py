"""Events that lack a part, or have null for it: the SDKs pass them on, so they are no reason to lose an answer."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from anthropic import Anthropic
from openai import OpenAI

import continuum
from continuum.testing import FakeClock
from tests.providers.odd import Odd, Reply, end, events, start, text_block, thinking_block, tool_block
from tests.providers.test_responses_odd import RS, message, response, streamed

if TYPE_CHECKING:
    from collections.abc import Iterator

ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": 100}
CLAUDE = [start(), *thinking_block(0, "Hm."), *text_block(1, "Hello."), *tool_block(2, "{}"), *end("tool_use")]
GPT = [
    json.loads(event.partition("data: ")[2])
    for event in streamed(response(RS, message("Hello."))).events or ()
]  # fmt: skip

Path = tuple[str, ...]


def paths(value: Any, depth: int) -> Iterator[Path]:
    """The ways to all parts of an event, down to so many names."""
    for name, part in value.items() if isinstance(value, dict) and depth else ():
        yield (name,)
        for rest in paths(part, depth - 1):
            yield (name, *rest)


def without(event: dict[str, Any], path: Path, *, null: bool) -> dict[str, Any]:
    """An event without a part of it."""
    found = deepcopy(event)
    place = found
    for name in path[:-1]:
        place = place[name]
    if null:
        place[path[-1]] = None
    else:
        del place[path[-1]]
    return found


def cases(sequence: list[dict[str, Any]]) -> list[Any]:
    """Each part of each kind of event, but for the type, by which the SDKs know what it is."""
    found: dict[tuple[str, Path], Any] = {}
    for place, event in enumerate(sequence):
        kind = (
            f"{event['type']}:{event.get('delta', {}).get('type', '') if isinstance(event.get('delta'), dict) else ''}"
        )
        for path in paths(event, 2):
            if path[-1] != "type":
                found.setdefault((kind, path), pytest.param(place, path, id=f"{kind}{'.'.join(path)}"))
    return list(found.values())


def sent(sequence: list[dict[str, Any]], place: int, path: Path, *, null: bool) -> Reply:
    """The stream of a reply of which one event lacks something."""
    return events(*sequence[:place], without(sequence[place], path, null=null), *sequence[place + 1 :])


@pytest.fixture(scope="module")
def odd() -> Iterator[Odd]:
    with Odd([]) as server:
        yield server


@pytest.fixture(scope="module")
def claude(odd: Odd) -> Iterator[Anthropic]:
    with Anthropic(base_url=odd.url, api_key="k") as client:
        yield client


@pytest.fixture(scope="module")
def gpt(odd: Odd) -> Iterator[OpenAI]:
    with OpenAI(base_url=odd.url, api_key="k") as client:
        yield client


def play(odd: Odd, *replies: Reply) -> None:
    """Let the server begin anew."""
    odd.requests.clear()
    odd.scripts[:] = replies


@pytest.mark.parametrize("null", [False, True], ids=["missing", "null"])
@pytest.mark.parametrize(("place", "path"), cases(CLAUDE))
def test_claude(odd: Odd, claude: Anthropic, place: int, path: Path, null: bool) -> None:
    """The text is there, unless it was what is missing; a wrapped stream says the same."""
    replies = [sent(CLAUDE, place, path, null=null), events(start(), *text_block(0, "Hello."), *end("end_turn"))]
    play(odd, *replies)
    result = continuum.complete(claude, runtime=FakeClock().runtime, **ASK)
    assert result.text.startswith("" if CLAUDE[place].get("delta", {}).get("text") else "Hello.")
    play(odd, *replies)
    stream = continuum.wrap(claude, runtime=FakeClock().runtime).messages.create(stream=True, **ASK)
    said = [event.delta for event in stream if event.type == "content_block_delta"]
    assert "".join(delta.text for delta in said if delta.type == "text_delta") == result.text


@pytest.mark.parametrize("null", [False, True], ids=["missing", "null"])
@pytest.mark.parametrize(("place", "path"), cases(GPT))
def test_responses(odd: Odd, gpt: OpenAI, place: int, path: Path, null: bool) -> None:
    """The same for the Responses API."""
    replies = [sent(GPT, place, path, null=null), streamed(response(message("Hello.")))]
    asked: dict[str, Any] = {"model": "m", "input": "x"}
    play(odd, *replies)
    result = continuum.complete(gpt, runtime=FakeClock().runtime, **asked)
    assert result.text
    play(odd, *replies)
    stream = continuum.wrap(gpt, runtime=FakeClock().runtime).responses.create(stream=True, **asked)
    said = [event.delta or "" for event in stream if event.type == "response.output_text.delta"]
    assert "".join(said) == result.text
