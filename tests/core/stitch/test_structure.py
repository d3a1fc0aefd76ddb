"""What is open at the end of a text."""

from __future__ import annotations

import pytest
from hypothesis import given

from continuum._core.stitch import Structure, open_structure
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
        ("# A title here", Structure()),
        ("", Structure()),
    ],
)
def test_what_is_open(text: str, expected: Structure) -> None:
    """A fence, a table, an item, a JSON value or a sentence that has not ended is seen."""
    assert open_structure(text) == expected
