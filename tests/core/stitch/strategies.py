"""Texts that look like answers, and ways to cut them: shared by the tests of the joins."""

from __future__ import annotations

from hypothesis import strategies as st

PIECES = [
    "a", "b", " ", "\n", "\n\n", "```", "```py\n", "**", '"', "...", "Sure, continuing from where I left off:\n\n",
    "| a | b |\n",
    "|---|---|\n", "- ", "1. ", "[", "{", '"key": ', "}", "]", ",", "é", "e\u0301", "中",
    "文。", "\ud83d", "\ude00", "\ufffd",
    "👩‍👩‍👧", "the ", "quick brown fox ", "\r\n", "\\", "\\n", "-", "0, ", "Here is the rest:", "…",
    "\t", "م", "ا", "ไทย", "196", ". ",
    "# Title\n", "---\n", "“", "”", ">>>", "<<<", "<think>\n", "</think>\n\n", "<answer>\n", "</answer>", "<|im_end|>",
    "assistant\n", "> ", " (continued)", "\n\nI hope this helps! Let me know.", "\n\nWould you like me to continue?",
    "\n```\n\nGoing on:\n\n```py\n", "This completes the answer.", "// ", "User: continue\n",
]  # fmt: skip

texts = st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(max_size=60)


@st.composite
def replies(draw: st.DrawFn) -> tuple[str, str]:
    """A text and a reply to it that may repeat some of it."""
    left = draw(texts)
    start = draw(st.integers(0, len(left)))
    head = draw(st.sampled_from(["", "Sure, continuing:\n\n", "```\n", "...", '"', "<answer>\n", "AI: ", "a line\n"]))
    return left, head + (left[start:] if draw(st.booleans()) else "") + draw(texts)


def cut(text: str, sizes: list[int]) -> list[str]:
    """`text` in pieces of the given sizes, over and over."""
    pieces, at, turn = [], 0, 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        pieces.append(text[at : at + size])
        at += size
        turn += 1
    return pieces
