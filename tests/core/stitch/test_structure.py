"""What is open at the end of a text."""

from __future__ import annotations

import pytest
from hypothesis import given

from continuum._core.stitch import Structure, open_structure
from continuum._core.stitch.structure import ends_whole
from tests.core.stitch.strategies import texts


@given(texts)
def test_any_text_has_a_structure(text: str) -> None:
    """No text raises."""
    assert isinstance(open_structure(text), Structure)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Look:\n\n```python\nx = 1\n", Structure(fence="```python")),
        ("~~~\ncode", Structure(fence="~~~")),
        ("```\na\n```\n", Structure()),
        ("````md\n```\ninner\n```\n", Structure(fence="````md")),
        ('{"a": [1, 2', Structure(json=True)),
        ('{"a": "open strin', Structure(json=True)),
        ('{"a": "[{"}', Structure()),
        ('```json\n[{"a": 1},', Structure(fence="```json", json=True)),
        ("| a | b |\n|---|---|\n| 1 | 2", Structure(table=True)),
        ("- one\n- two and", Structure(list_item=True, sentence=True)),
        ("It was late and the lamp was", Structure(sentence=True)),
        ("It was late.", Structure()),
        ("The log books survive, all forty-", Structure(sentence=True)),
        ("It was late.\n\n---", Structure()),
        ("# A title here", Structure()),
        ("", Structure()),
    ],
)
def test_what_is_open(text: str, expected: Structure) -> None:
    """A fence, a table, an item, a JSON value or a sentence that has not ended is seen."""
    assert open_structure(text) == expected


@given(texts)
def test_any_text_ends_somehow(text: str) -> None:
    """No text raises, and none that leaves something open ends whole."""
    if ends_whole(text):
        structure = open_structure(text)
        assert structure.fence is None
        assert not structure.sentence


@pytest.mark.parametrize(
    "text",
    [
        "It was late.",
        'He said: "It is late."\n\n',
        "**It was late!**",
        "天色已晚。",
        "Built in 1823.",
        "- one\n- two and more.",
        "- one\n- two\n",
        "```\nx = 1\n```",
        '{"a": [1, 2]}',
        '{"a": 1}\n{"a": 2}',
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "year,place\n1823,Eddystone\n",
        "<html>\n<p>Text\n</html>",
    ],
)
def test_what_ends_whole(text: str) -> None:
    """The end of a sentence, something that is closed, or a line that is finished and needs no mark."""
    assert ends_whole(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The log books survive, all forty-",
        "- salt\n- pep",
        "- salt\n- pepper:\n",
        "- salt\n-",
        "Text.\n\n1.",
        "Text.\n\n## Sec",
        "Text.\n\n## What for?",
        "Text.\n\nA title\n",
        "The causes are the following:",
        "The mark of Dr.",
        "Text. See figure (a)",
        "| a | b |\n|---|---|\n| 1 |",
        "| a | b |\n|---|---|",
        "| a | b |\n|---|---|\n| 1 | 2",
        "year,place\n1823,Eddy",
        "year,place\n1823\n",
        "It was late and the lamp\nwas lit\n",
        "Look:\n\n```\nIt was late.",
        '{"a": "It was late.',
        "See <b>this</b>",
    ],
)
def test_what_is_no_proof_of_an_end(text: str) -> None:
    """Where the text may as well have been cut, it counts as cut."""
    assert not ends_whole(text)
