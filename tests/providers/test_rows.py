"""Rows of data over several requests: JSON Lines, CSV and JSON that goes on inside a string, number, escape or key."""

from __future__ import annotations

import csv
import io
import json
import random
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from openai import OpenAI

import continuum
from continuum import Policy, Result
from continuum.testing import Behaviour, SimulatedProvider, tokenize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from continuum.testing import RequestInfo

_CHANCE = random.Random(5)
_NAMES = ("Ann Lee", "Bo Chen", "Dörte Öz", 'Eve "E" Fox', "Finn, Jr.", "Gia Rossi", "Hal O'Neil", "Ivo Novák")
ROWS = [
    (n, _CHANCE.choice(_NAMES), round(_CHANCE.random() * 1000, 2), _CHANCE.choice(["open", "closed", "on hold"]))
    for n in range(1, 61)
]
HEADER = "id,name,amount,state"


def _as_csv() -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([HEADER.split(","), *ROWS])
    return out.getvalue()


def _object(row: Sequence[Any]) -> dict[str, Any]:
    number, name, amount, state = row
    return {"id": number, "name": name, "amount": amount, "tags": [state], "text": 'one\nline "two" é \\ end'}


CSV = _as_csv()
JSON_LINES = "".join(json.dumps(_object(row)) + "\n" for row in ROWS[:40])
JSON = json.dumps({"items": [_object(row) for row in ROWS[:25]], "total": 25}, indent=2)
PREAMBLES = {
    "header": f"{HEADER}\n",
    "header in a fence": f"```csv\n{HEADER}\n",
    "header behind talk": f"Here is the rest:\n\n{HEADER}\n",
}


def draft(document: str, behaviour: Behaviour | str, cap: int) -> Result:
    """Every continuation goes on like this."""
    again = replace(Behaviour.parse(behaviour), times=None, round=None)

    def behave(info: RequestInfo) -> Behaviour | None:
        return again if info.round else None

    policy = Policy(max_rounds=100, reask=0)
    ask = [{"role": "user", "content": "All rows, please."}]
    with (
        SimulatedProvider(document, behaviours=behave, chunk_tokens=8) as server,
        OpenAI(base_url=server.openai_base_url, api_key="k") as client,
    ):
        return continuum.complete(client, policy=policy, model="m", messages=ask, max_tokens=cap)


@pytest.mark.parametrize("cap", [67, 139, 300])
@pytest.mark.parametrize("said", PREAMBLES.values(), ids=PREAMBLES.keys())
def test_a_header_is_said_once(said: str, cap: int) -> None:
    """The names of the columns, said again in each round, alone, in a fence or behind talk, stand once in the text."""
    result = draft(CSV, Behaviour("preamble", text=said), cap)
    assert result.text.strip() == CSV.strip()
    assert result.complete


@pytest.mark.parametrize("cap", [139, 300])
@pytest.mark.parametrize("behaviour", ["exact", "no_anchor", "overlap:60", "restart:line", "drop_clause"])
def test_no_row_comes_twice_and_none_is_lost(behaviour: str, cap: int) -> None:
    """CSV, with and without the anchor, from the row or the words before, and from the next row on."""
    result = draft(CSV, behaviour, cap)
    assert result.text == CSV
    assert max(Counter(result.text.splitlines()).values()) == 1


@pytest.mark.parametrize("behaviour", ["exact", "overlap:60", "restart:line"])
@pytest.mark.parametrize("cap", [139, 300, 513])
def test_json_lines_come_whole(behaviour: str, cap: int) -> None:
    """Rows that are alike but for a few words; one that says the anchor again later on is no anchor."""
    result = draft(JSON_LINES, behaviour, cap)
    assert result.text == JSON_LINES


@pytest.mark.parametrize("document", [JSON, json.dumps(json.loads(JSON))], ids=["indented", "compact"])
@pytest.mark.parametrize(
    "opening", ["", "```json\n", '{"items": [', '{\n  "items": [\n'], ids=["bare", "fenced", "opened", "opened wide"]
)
def test_json_goes_on_where_it_was_cut(document: str, opening: str) -> None:
    """The object is begun again, in a fence or not: the text is one value all the same."""
    if opening.startswith("{") and not document.startswith(opening):
        opening = opening.replace("\n", "").replace("  ", "") if "\n" in opening else '{\n  "items": ['
    result = draft(document, Behaviour("preamble", text=opening) if opening else "exact", 139)
    assert json.loads(result.text) == json.loads(JSON)
    assert result.complete


def test_json_goes_on_from_any_token() -> None:
    """Inside a string, a number, an escape, a key, and between them: the value is the same wherever the cap cuts."""
    tokens = tokenize(JSON)
    kinds = Counter[str]()
    for cap in range(70, 130):
        text = "".join(tokens[:cap])
        kind = "escape" if text.endswith("\\") else "digit" if text[-1].isdigit() else "other"
        if kind == "other" and cap % 3:
            continue  # they are all alike, and each takes half a second
        kinds[kind] += 1
        result = draft(JSON, "exact" if cap % 2 else "no_anchor", cap)
        assert json.loads(result.text) == json.loads(JSON), cap
    assert min(kinds.values()) > 1


def test_a_model_that_begins_again_for_ever_has_not_finished() -> None:
    """It uses its whole cap to say the beginning anew: that is no end, whatever the text looks like."""
    result = draft(CSV, "restart:document", 300)
    assert (result.complete, result.reason) == (False, "no_progress")
    assert CSV.startswith(result.text)
