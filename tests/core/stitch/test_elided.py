"""Code that the reply begins again with its label, its fence, or a comment in place of what was there."""

from __future__ import annotations

import pytest

from continuum import stitch
from continuum._core.stitch import Joiner

HEAD = "import functools\nimport time\n\n\nclass Cache:\n    def __init__(self, size):\n        self._size = size\n"
METHODS = "".join(
    f"\n    def {name}(self, key):\n        found = self._entries.{name}(key)\n        self._{name}s += 1\n"
    "        return found\n"
    for name in ("get", "pop", "touch", "fetch")
)
CODE = HEAD + METHODS
AT = CODE.index("self._touchs += 1") + 8
LINE = CODE.rindex("\n", 0, AT) + 1
METHOD = CODE.index("    def touch")
MARKDOWN = "# A cache\n\nIt keeps what was asked for.\n\n```python\n"


@pytest.mark.parametrize(
    "label", ["cache.py:\n\n", "Full file:\n\n", "### `cache.py` (continued)\n\n", "**cache.py (cont.)**\n\n", ""]
)
@pytest.mark.parametrize("start", [LINE, METHOD, 0])
def test_a_label_and_a_fence_are_no_code(label: str, start: int) -> None:
    reply = f"{label}```python\n{CODE[start:]}"
    assert stitch([CODE[:AT], f"{reply}```\n"]).text == CODE
    assert stitch([MARKDOWN + CODE[:AT], reply]).text == MARKDOWN + CODE


@pytest.mark.parametrize(
    "shell",
    [
        "        # ... existing code ...\n",
        "# ... (previous code remains the same) ...\n\n",
        "class Cache:\n    # ... previous methods ...\n\n",
        "import functools\nimport time\n\n# (rest of the file unchanged)\n\n",
        "...existing code...\n",
    ],
)
@pytest.mark.parametrize("start", [LINE, METHOD])
@pytest.mark.parametrize("fence", ["", "```python\n"])
def test_a_comment_in_place_of_code_is_no_code(shell: str, start: int, fence: str) -> None:
    reply = fence + shell + CODE[start:]
    assert stitch([CODE[:AT], reply + ("```\n" if fence else "")]).text == CODE
    assert stitch([MARKDOWN + CODE[:AT], reply]).text == MARKDOWN + CODE


def test_the_fence_that_stands_before_the_anchor_ends_where_the_reply_closes_it() -> None:
    anchor = CODE[AT - 60 : AT]
    shell = "```python\nclass Cache:\n    # ... previous methods ...\n\n"
    assert stitch([CODE[:AT], f"{shell}{anchor}{CODE[AT:]}```\n"], [anchor]).text == CODE


def test_code_may_leave_out_code_of_its_own() -> None:
    """At the start of a line, where nothing is said again, such a comment is text."""
    at = CODE.index("        found = self._entries.touch")
    reply = "        # ... existing code ...\n        return None\n"
    assert stitch([CODE[:at], reply]).text == CODE[:at] + reply
    assert stitch([MARKDOWN + CODE[:at], reply + "```\n"]).text == MARKDOWN + CODE[:at] + reply + "```\n"


def test_prose_that_goes_on_with_a_label_and_a_block_keeps_both() -> None:
    text = "# A cache\n\nThe whole of it stands in"
    reply = " one file.\n\ncache.py:\n\n```python\nimport time\n```\n"
    assert stitch([text, reply]).text == text + reply


def test_a_block_that_is_closed_and_a_label_before_the_next_stay() -> None:
    text = MARKDOWN + CODE[:AT]
    reply = CODE[AT:] + "```\n\nAnd its test:\n\n```python\nassert Cache(1)\n```\n"
    assert stitch([text, reply]).text == text + reply


@pytest.mark.parametrize("start", [AT, LINE])
def test_a_block_that_is_closed_and_opened_again_at_once_goes_on(start: int) -> None:
    text = MARKDOWN + CODE
    assert stitch([MARKDOWN + CODE[:AT], f"\n```\n\n```python\n{CODE[start:]}"]).text == text


@pytest.mark.parametrize(
    ("before", "reply"),
    [
        ("Use it:\n\n```bash\npip install tool\nmake test", "\n```\n\n```python\nimport tool\ntool.run()\n```\n"),
        ("Both:\n\n```go\nfunc add(a, b int) int {\n\treturn a + b\n}", "\n```\n\n```go\nfunc sub(a, b int) int {\n\t"),
    ],
)
def test_a_block_that_ends_and_another_one_stay(before: str, reply: str) -> None:
    assert stitch([before, reply]).text == before + reply


@pytest.mark.parametrize(
    "dots", ["# ...", "    ...", "# (continued)", "# [code above unchanged]", "        # ... as above ..."]
)
@pytest.mark.parametrize("before", ["", "    def touch(self, key):\n"])
def test_dots_or_a_note_before_the_line_that_is_begun_again_are_no_code(dots: str, before: str) -> None:
    reply = f"{before}{dots}\n{CODE[LINE:]}"
    assert stitch([CODE[:AT], reply]).text == CODE
    joiner = Joiner(CODE[:AT])
    assert CODE[:AT] + "".join(map(joiner.feed, reply)) + joiner.finish() == CODE


def test_a_comment_before_another_line_is_code() -> None:
    """Dots may stand for what the reader puts there."""
    reply = "\n        # ...\n        return found\n"
    assert stitch([CODE[:AT], reply]).text == CODE[:AT] + reply
