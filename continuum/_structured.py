"""Answers that are a value: what is asked for, and what can be read of what came, whole or cut."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

_FENCED = re.compile(r"\A```[\w-]*[ \t]*\n(.*?)(?:\n```)?\Z", re.DOTALL)


class Reading(NamedTuple):
    """What an answer says.

    Attributes:
        value: of the type that was asked for, None if the answer is not one.
        partial: the JSON value as far as it goes, if the answer is not one; None if there is none.
        path: where in the value the answer stops, as `$.rows[2].name`; "" if it is whole.
        error: why it is not one, "" if it is.
    """

    value: Any = None
    partial: Any = None
    path: str = ""
    error: str = ""


class Structured:
    """A type that answers are to have.

    Args:
        kind: a pydantic model, or any type that pydantic can validate.
        repairs: an answer that is no such value is asked for once more. Not so where the caller has asked for JSON and
            for no type: then only what continuum has joined is looked at.

    Raises:
        ConfigurationError: if pydantic cannot make a schema of it.
    """

    def __init__(self, kind: Any, *, repairs: bool = True) -> None:
        from pydantic import TypeAdapter
        from pydantic.errors import PydanticUserError

        from continuum._core.errors import ConfigurationError

        try:
            self._adapter: TypeAdapter[Any] = TypeAdapter(kind)
            self.schema: dict[str, Any] = self._adapter.json_schema()
        except PydanticUserError as error:
            raise ConfigurationError(f"response_model={kind!r}: {error.message}; pass a pydantic model") from error
        self.kind, self.repairs = kind, repairs
        self.name = re.sub(r"\W+", "_", getattr(kind, "__name__", "answer"))[:64] or "answer"

    def error(self, text: str) -> str:
        """Why a text is no such value, in a few lines; "" if it is one."""
        return self.read(text).error

    def read(self, text: str) -> Reading:
        """Read an answer, whole or cut; a code fence around it is passed over."""
        from pydantic import ValidationError
        from pydantic_core import from_json

        bare = text.strip()
        fenced = _FENCED.match(bare)
        if fenced is not None:
            bare = fenced.group(1).strip()
        try:
            return Reading(self._adapter.validate_json(bare))
        except ValidationError as found:
            problems = [
                f"{'.'.join(str(part) for part in problem['loc']) or 'the value'}: {problem['msg']}"
                for problem in found.errors(include_url=False, include_input=False, include_context=False)[:5]
            ]
        try:
            partial = from_json(bare, allow_partial="trailing-strings")
        except ValueError:
            partial = None
        return Reading(None, partial, open_path(bare), "; ".join(problems))


def open_path(text: str) -> str:
    """Where in a JSON text its end lies, as `$.rows[2].name`; "" if the value is whole."""
    stack: list[list[Any]] = []  # [closing bracket, key or index]
    position, key = 0, True
    while position < len(text):
        char = text[position]
        if char == '"':
            end = _end_of_string(text, position)
            if stack and stack[-1][0] == "}" and key:
                stack[-1][1] = text[position + 1 : end if end is not None else len(text)]
            if end is None:
                break
            position = end
        elif char in "{[":
            stack.append(["}", None] if char == "{" else ["]", 0])
            key = True
        elif char in "}]" and stack:
            stack.pop()
            key = False
        elif char == ":":
            key = False
        elif char == "," and stack:
            key, top = True, stack[-1]
            top[1] = top[1] + 1 if top[0] == "]" else None
        position += 1
    if not stack and text[:1] in ("{", "["):
        return ""
    steps = (f"[{at}]" if isinstance(at, int) else f".{at}" if at is not None else "" for _, at in stack)
    return "$" + "".join(steps)


def _end_of_string(text: str, start: int) -> int | None:
    position = start + 1
    while position < len(text):
        if text[position] == "\\":
            position += 1
        elif text[position] == '"':
            return position
        position += 1
    return None
