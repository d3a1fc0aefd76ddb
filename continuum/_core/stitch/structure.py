"""What is open at the end of a text: a code fence, a table, a list item, a JSON value, a sentence.

There are two questions, and the thresholds differ. `open_structure` looks for what no text that the model has ended
would leave open, where a false alarm costs a request. `ends_whole` looks for proof that a text which was cut lacks
nothing, where a false proof sells half an answer as a whole one.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from continuum._core.stitch.lazy import lazy

_FENCE = lazy(r"(```+|~~~+)([^\n]*)")
_BEFORE_FENCE = lazy(r"[ \t]{0,3}(?:>[ \t]?|[-*+][ \t]+|\d{1,3}[.)][ \t]+)?[ \t]*\Z")
_JSON_HEAD = lazy(
    r"\s*(?:(`{3,}|~{3,})[ \t]*(?:json|JSON|jsonc|json5)?[ \t]*\n\s*)?([\[{]\s*(?:[\"\[{\]}\d\-]|true|false|null|\Z))"
)
_LIST = lazy(r"[ \t]*(?:[-*+•]|\d{1,4}[.)]|[a-zA-Z][.)])[ \t]+")
_HEADING = lazy(r"[ \t]{0,3}#{1,6}[ \t]")
_ENDED = lazy(r"[.!?…。！？؟۔।॥:;：；][\"'”’»」』)\]）】*_`]*\Z|[)\]}>|`*_=]\Z|(?<!\w)-\Z")
_SENTENCE_END = lazy(r"[.!?…。！？؟۔।॥][\"'”’»」』)\]）】*_`]*\Z")
_NO_END = lazy(r"(?:^[ \t>]*(?:\d{1,4}|[a-zA-Z])|\b(?:e\.g|i\.e|z\.B|d\.h|cf|vs|Dr|Mr|Mrs|Ms|St|No|Nr|Fig|pp))[.)]+\Z")
"""A number of a list item, and short forms that something follows."""
_FENCE_LINE = lazy(r"[ \t>]*(?:`{3,}|~{3,})\Z")
_CLOSING_TAG = lazy(r"[ \t]*</[\w:.-]+>\Z")
_UNFINISHED = ",:;-–—(/&\\"
"""What a list item that is finished does not end with."""


class Structure(NamedTuple):
    """What is open at the end of a text.

    Attributes:
        fence: the marker and info string of the code fence that is open, None if none is.
        table: the last line is a row of a Markdown table that has not ended.
        list_item: the last line is a list item.
        json: the whole text is one JSON value (perhaps within a fence) whose brackets or strings are open.
        sentence: the text ends in the middle of a sentence of prose.
    """

    fence: str | None = None
    table: bool = False
    list_item: bool = False
    json: bool = False
    sentence: bool = False


def open_fence(text: str) -> str | None:
    """The marker and info string of the code fence that is open at the end of `text`, or None."""
    if "```" not in text and "~~~" not in text:
        return None
    fence: str | None = None
    for match in _FENCE.finditer(text):
        start = match.start()
        if not _BEFORE_FENCE.match(text, text.rfind("\n", 0, start) + 1, start):
            continue
        mark, info = match.group(1), match.group(2).strip()
        if fence is None:
            if ("`" not in info or mark[0] == "~") and not (_underlines(mark) and not info and _below(text, start)):
                fence = mark + info
        elif mark[0] == fence[0] and not info and len(mark) >= len(fence) - len(fence.lstrip(fence[0])):
            fence = None
    return fence


def _underlines(mark: str) -> bool:
    """Whether a line of marks may stand below a title, as in reStructuredText, rather than open a fence."""
    return len(mark) > len("~~~") and mark[0] == "~"


def _below(text: str, at: int) -> bool:
    """Whether the line before that of `at` has words."""
    line = text.rfind("\n", 0, at)
    return any(map(str.isalnum, text[text.rfind("\n", 0, max(line, 0)) + 1 : max(line, 0)]))


def open_json(text: str) -> bool:
    """Whether `text` is one JSON object or array, perhaps in a fence, that is not complete."""
    head = _JSON_HEAD.match(text)
    if head is None:
        return False
    bare = "".join(json_pieces(text[head.start(2) :])[::2])
    return bare.count("{") + bare.count("[") > bare.count("}") + bare.count("]")


def json_pieces(text: str) -> list[str]:
    """A JSON text cut at its quotation marks: what is outside of its strings and what is in them, in turn."""
    return _unescaped(text).split('"')


def in_json_string(text: str) -> bool:
    """Whether a JSON text, or one that begins outside of its strings, ends in a string."""
    return _unescaped(text).count('"') % 2 == 1


def _unescaped(text: str) -> str:
    # A backslash stands only in strings.
    return text.replace("\\\\", "").replace('\\"', "")


def open_structure(text: str) -> Structure:
    """Say what is open at the end of `text`. Linear in its length; never raises."""
    fence = open_fence(text)
    is_json = open_json(text)
    if fence is not None or is_json:
        return Structure(fence=fence, json=is_json)
    stripped = text.rstrip()
    line = stripped[stripped.rfind("\n") + 1 :]
    new_line = "\n" in text[len(stripped) :]
    table = line.lstrip().startswith("|") and "\n\n" not in text[len(stripped) :]
    item = _LIST.match(line) is not None and not new_line
    prose = bool(line) and not table and _HEADING.match(line) is None
    sentence = prose and _ENDED.search(line) is None and not (new_line and not line[-1:].isalnum()) and _wordy(line)
    return Structure(table=table, list_item=item, sentence=sentence and not (new_line and _short(line)))


def ends_whole(text: str) -> bool:
    """Whether a text that was cut shows at its end that nothing is missing.

    It does with the end of a sentence, a block of code or a JSON value that is closed, a closing tag alone, a whole row
    of a table, and a line break behind a list item or row of data. In doubt it does not. Never raises.
    """
    body = text.rstrip()
    before, _, line = body.rpartition("\n")
    if not line or open_fence(text) is not None or open_json(text) or _HEADING.match(line):
        return False
    if _FENCE_LINE.match(line) or _CLOSING_TAG.match(line) or _is_json(body.lstrip()) or _is_json(line, "{"):
        return True
    if line.lstrip().startswith("|"):
        return _is_row(line, before, "|") and line.endswith("|") and line.strip("|:- \t") != ""
    if _SENTENCE_END.search(line):
        return _NO_END.search(line) is None
    if "\n" not in text[len(body) :] or line[-1] in _UNFINISHED:
        return False
    return _LIST.match(line) is not None or any(_is_row(line, before, mark) for mark in ",;\t")


def _is_json(text: str, opening: str = "{[") -> bool:
    if not text.startswith(tuple(opening)) or text[-1] not in "}]":
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _is_row(line: str, before: str, mark: str) -> bool:
    """Whether a line has as many cells, more than one, as the line before it."""
    found = marks_of_cells(line, mark)
    return found > 0 and found == marks_of_cells(before[before.rfind("\n") + 1 :], mark)


def marks_of_cells(row: str, mark: str = "|") -> int:
    """How many marks stand between and around the cells of a row; one behind a backslash is text."""
    return row.replace(f"\\{mark}", "").count(mark)


def _wordy(line: str) -> bool:
    """Whether a line reads like prose: several words, or a run of a script that writes none apart."""
    return len(line.split()) >= 3 or (len(line) >= 6 and not line.isascii())


def _short(line: str) -> bool:
    """Whether a finished line is too short to be a wrapped line of prose: a title, a list entry, a line of verse."""
    return len(line) < 50
