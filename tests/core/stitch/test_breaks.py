"""A reply that goes on exactly and begins with white space of the text: it is the text's own."""

from __future__ import annotations

import re

import pytest

from continuum import stitch
from continuum.testing import sample_documents

DOCUMENTS = sample_documents()


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("# Song of the Tide Table", "\n\nThe moon goes up, the boats go out, and nobody asks."),
        ("# 灯塔与潮水", "\n\n海边的老人住在这里。"),
        ("小镇的东头有一座灯塔。", "\n\n二、海边的老人住在这里。"),
        ("これは本文です。", "\n\n次の段落です。"),
        ("他说：“我哪里是一个人，每条船都认识我。”", "\n\n每天傍晚，陈伯走上塔顶。"),
        ("Nobody says why.\n\nChapter Two", "\n-----------\n\nThe ship came.\n"),
        ("{", '\n  "title": "x"\n}'),
        ('It was "AS IS".', "\nAnd any other warranty is disclaimed."),
        ("```python\nprint(row)\n```\n\nRun it like this:", "\n\n```sh\npython harbour.py\n```\n"),
        (
            'He said, "somebody had to be awake."',
            "\n\n## 3. The arithmetic of being awake\n\nClockwork turned the lens.",
        ),
        ("```sh\nadd 7 3.2 -0.45 late, fog", "\n```\n\n## What it does not do\n\n- It does not lock the file.\n"),
        ("    keep_temp: bool", "\n    dist_dir: Incomplete\n    skip_build: bool\n    egg_output: Incomplete\n"),
    ],
)
def test_a_line_break_of_the_text_stays(left: str, right: str) -> None:
    """Behind headings, sentences, statements and fences, and before them."""
    assert stitch([left, right]).text == left + right


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_cuts_before_line_breaks(name: str) -> None:
    """Of the sample documents, cut before each of their line breaks, all but few come back."""
    text = DOCUMENTS[name]
    places = [m.start() for m in re.finditer(r"\n+", text) if 20 <= m.start() <= len(text) - 20]
    wrong = [at for at in places if stitch([text[:at], text[at:]]).text != text]
    unflagged = [at for at in wrong if not stitch([text[:at], text[at:]]).seams[0].ambiguous]
    assert len(wrong) <= max(2, len(places) // 20), [text[at - 20 : at + 20] for at in wrong]
    assert len(unflagged) <= 2, [text[at - 20 : at + 20] for at in unflagged]


def test_a_line_break_within_a_word_goes() -> None:
    """What cannot be the text's own is still dropped."""
    text = DOCUMENTS["essay"]
    at = text.index("keepers", 600) + 4
    assert stitch([text[:at], "\n\n" + text[at:]]).text == text
