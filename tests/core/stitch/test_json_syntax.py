"""JSON that was cut, and whether a reply can go on with it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum import stitch
from continuum._core.stitch.json_syntax import syntax

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=30,
)


def goes_on(text: str, reply: str, fence: str | None = None) -> bool:
    """Whether the reply can go on with the text."""
    place = syntax(text, fence)
    assert place is not None
    return not place.breaks(reply)


@given(
    value=st.dictionaries(st.text(min_size=1), _VALUES, min_size=2) | st.lists(_VALUES, min_size=2),
    indent=st.sampled_from([None, 1, 4, "\t"]),
    plain=st.booleans(),
    long=st.booleans(),
    at=st.floats(0.05, 1.0),
)
def test_what_goes_on_with_json_breaks_nothing(
    value: Any, indent: int | str | None, plain: bool, long: bool, at: float
) -> None:
    before = {"before": ["some", {"more": 1}] * 200} if long else {}
    text = json.dumps([before, value], indent=indent, ensure_ascii=plain)
    cut = int(len(text) * at) if not long else len(text) - int((1 - at) * len(json.dumps(value)))
    place = syntax(text[:cut], None)
    assert place is None or not place.breaks(text[cut:])


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ('{"a": 1,\n "b', '{"a": 1,\n "b": 2}'),  # a bracket where a string stands open
        ('{"a": "x', '\n\nGoing on:\n\n"a": "xy"}'),  # no line breaks in strings
        ('{"type": "', 'type": "error"}'),  # a colon behind a value
        ('[{"a": 1},\n', '{"a": 1},\n]'),  # nothing behind the last comma
        ('[[{"a": 1}\n', "]}"),  # a bracket that is not open
        ('[{"a": [1, 2', "}]"),  # one that closes another
        ('{"a": 1, "b": 2,', ' "a": 1, "b": 2}'),  # a key that is there
        ('{"a": tr', "True}"),  # no word of JSON
        ('{"a": 1,', ' // the rest\n "b": 2}'),  # no comment
        ('{"a": {"b": 1},\n', '"b": 2,\n "a": 3}'),
    ],
)
def test_what_breaks_json(text: str, reply: str) -> None:
    assert not goes_on(text, reply)
    assert not goes_on(f"Here:\n\n```json\n{text}", reply, "```json")


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ('{"a": 1}\n{"a": 2}\n{"a"', ': 3}\n{"a": 4}\n'),  # JSON Lines
        ('{"a": 1,\n', '"b": 2}\n\nThat is all.'),  # what follows a whole text is another matter
        ('{"a": 1, // one\n "b": 2,', ' // two\n "c": 3}'),
        ('{"a": [1, 2,],\n "b": [', "3,]}"),
        ('{"a": "one \\', '" two"}'),
        ('{"a": -', "1.5e-3, "),
        ('{"a": [1, 2', "34, 5]}"),
    ],
)
def test_what_is_found_in_the_wild_breaks_nothing(text: str, reply: str) -> None:
    assert goes_on(text, reply)


@pytest.mark.parametrize(
    "text",
    ["", "Some text.", '{"a": undefined,', "{'a': 1,", '[{"a": ...}, {"b": 1', 'x = {"a": 1}', '{"a": 1} and so'],
)
def test_what_is_no_json_tells_nothing(text: str) -> None:
    assert syntax(text, None) is None


def test_in_a_long_line_strings_are_told_from_what_is_between() -> None:
    text = json.dumps([{"name": f'user "{i}", {{the}} [one]', "path": "C:\\new\\"} for i in range(90)])
    for cut in range(len(text) - 400, len(text)):
        assert goes_on(text[:cut], text[cut:])
    cut = text.rindex("user")
    assert not goes_on(text[:cut], text[cut - 11 :])


def test_a_repeat_is_seen_by_what_it_would_break() -> None:
    text = '[\n  {\n    "type": "tree",\n    "size": 3\n  },\n  {\n    "size": 3,\n    "type": "'
    joined = stitch([text, 'type": "shrub"\n  }\n]\n'])
    assert [each["type"] for each in json.loads(joined.text)] == ["tree", "shrub"]


def test_what_breaks_json_whichever_way_is_flagged() -> None:
    text = '{\n  "books": [\n    {\n      "title": "The Hound",\n      "year": '
    [seam] = stitch([text, "nineteen hundred and two, or so they say,\n"]).seams
    assert seam.ambiguous
