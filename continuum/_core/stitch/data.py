"""Text that is data: records that are alike, and so say the same words again and again without repeating each other."""

from __future__ import annotations

from functools import lru_cache
from itertools import islice

from continuum._core.stitch.lazy import lazy
from continuum._core.stitch.structure import in_json_string, open_json

_TAIL = 4096
_MANY, _TOKENS = 8, 300
_JSON = lazy(r"\s*+(?:```\w*[ \t]*\n\s*+)?[\[{]\s*+[\"{\[\d\]}]")  # possessive: a megabyte of blanks is none
_TOKEN = lazy(r'"(?:[^"\\]|\\.)*"|[\[\]{},]')
JSON_ENDS = frozenset('[]{},:"0123456789')
"""What a line of JSON ends with, words aside."""
_NO_JSON = lazy(
    r"(?:\s*+(?:-[ \t]|\d+[.)][ \t]|(?![\"{}\[\],:\-\d/]|(?:true|false|null)\b))[^\s`~.…][^\n]*(?<![\[\]{},])\n)+\n*"
)
_WORD = lazy(r"[^\W\d_]+(?:[ '’.-]*[^\W\d_]+)*")
_NUMBER = lazy(r"\d+(?:[.,]\d+)*")
_SIGN = lazy(r"[\d,;|:\"{}\t]")


def goes_on(text: str, said: str) -> bool:
    """Whether what was said goes on with the data that the text consists of, and so is no talk.

    More keys of a JSON text, or lines of the make of those that are there. Records say the same words again and again,
    those of an anchor among them.
    """
    if is_json(text):
        return '":' in said
    lines = [line for line in said.split("\n")[:-1] if line.strip()]
    if not lines:
        return False
    known = {make_of(line) for line in text[-_TAIL:].split("\n")}
    return sum(make_of(line) in known and _SIGN.search(line) is not None for line in lines) * 2 > len(lines)


def is_json(text: str) -> bool:
    """Whether a text is JSON, in a fence or not."""
    return _JSON.match(text) is not None


def json_open(text: str) -> bool:
    """Whether a text is JSON and nothing else, not even a fence around it, and is not complete: nothing but JSON can
    come next."""
    return text.lstrip()[:1] in ("[", "{") and is_json(text) and open_json(text)


def no_json(text: str, head: str) -> int:
    """How many characters of whole lines stand at the head of a reply that cannot go on with a text that is JSON and
    nothing else: what is no token of it, where no string is open. Comments are passed over."""
    match = _NO_JSON.match(head)
    if match is None or text.rstrip()[-1:] not in JSON_ENDS:
        return 0
    in_string = in_json_string(text[text.rfind("\n") + 1 :])
    return 0 if in_string or not json_open(text) else match.end()


@lru_cache(maxsize=8)  # every overlap with equal elements asks for the same
def elements(said: str) -> int:
    """How many elements of a JSON array end in what begins with one of them, up to eight."""
    depth = ended = 0
    for match in islice(_TOKEN.finditer(said), _TOKENS):
        mark = match.group()
        depth += mark in "[{"
        depth -= mark in "]}"
        ended += mark == "," and depth == 0
        if ended == _MANY:
            break
    return ended


def make_of(line: str) -> str:
    """A line without what is different in each record: its words and numbers."""
    return _NUMBER.sub("0", _WORD.sub("a", line.strip()))
