"""What is strange about all of a reply: it is kept as it came, and a seam at its end is flagged."""

from __future__ import annotations

import pytest

from continuum._core.stitch import stitch
from continuum._core.stitch.doubt import strangeness
from continuum.testing import sample_documents

ESSAY = sample_documents()["essay"]
LOG = "".join(
    f"2026-03-0{1 + n % 9} 12:{n:02}:10 INFO worker-{n % 4} request done in {7 * n % 90} ms\n" for n in range(60)
)
CODE = "".join(f"def step_{n}(items):\n    total = sum(items) + {n}\n    return [total, {n}]\n\n\n" for n in range(24))


def doubts(text: str, cut: int, change: str = "", end: str = "") -> list[str]:
    """The notes of flagged seams at the end of a reply that goes on at `cut`, changed line by line."""
    reply = text[cut:]
    if change:
        first, *others = reply.split("\n")
        reply = "\n".join([first, *(change.format(line) for line in others)])
    joined = stitch([text[:cut], reply.rstrip("\n") + end if end else reply])
    assert joined.raw_segments[0] == text[:cut]
    return [seam.note for seam in joined.seams if seam.ambiguous and seam.note.startswith("its ")]


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ("+{}", "its lines begin with +"),
        ("> {}", "its lines begin with >"),
        ("    {}", "its lines begin with an indent"),
        ("{}\r", "its line breaks are written as \\r\\n"),
        ("12: {}", "its lines begin with numbers"),
    ],
)
def test_lines_that_are_shown_in_another_way(change: str, note: str) -> None:
    assert doubts(CODE if change == "+{}" else LOG, 900, change) == [note]


@pytest.mark.parametrize(
    ("text", "end", "note"),
    [
        (LOG, "\n\nAll of them are fine.", "its last line stands apart"),
        (CODE, "\n\nThe functions can be called one after the other.", "its last line may speak to the reader"),
        (
            ESSAY,
            "\n\nPlease note that I cannot guarantee the accuracy of this.",
            "its last line may speak to the reader",
        ),
        (ESSAY.replace("you", "one"), "\n\nИнтересно ли это?", "its last line may speak to the reader"),
        (ESSAY, "\n\n[...]", "its last line is dots"),
        (ESSAY, "\n\n(Word count: 412)", "its last line counts words"),
        (ESSAY, "\n\n---\n\nMore of the same to come!", "its last line stands below a rule"),
    ],
)
def test_a_last_line_that_is_like_no_other(text: str, end: str, note: str) -> None:
    assert doubts(text, 1500, end=end) == [note]


@pytest.mark.parametrize("text", [ESSAY, LOG, CODE, *sample_documents().values()])
@pytest.mark.parametrize("share", [0.4, 0.6, 0.8])
def test_nothing_is_strange_about_a_text_that_goes_on(text: str, share: float) -> None:
    assert doubts(text, int(share * len(text))) == []


def test_what_the_text_does_itself_is_not_strange() -> None:
    quoted = "".join(f"> {line}\n" for line in LOG.split("\n"))
    windows = LOG.replace("\n", "\r\n")
    letter = f"You asked me for more.\n\n{ESSAY}\n\nDo you want to know how it ends?"
    ruled = f"{ESSAY}\n\n---\n\n{ESSAY}\n\n---\n\nWritten in 1904."
    for text in (quoted, windows, letter, ruled):
        assert doubts(text, 1500) == []


def test_little_tells_nothing() -> None:
    assert strangeness("", "") == strangeness("a", "+b\n+c") == strangeness(LOG, "\n") == ""
