"""The caller's arguments of `create()`: what was given at all, and values that can be read only once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_LISTS = ("messages", "input", "system", "tools", "functions")


def given(value: Any) -> bool:
    """Whether the caller wrote a value: neither None nor the SDK's `omit` or `NOT_GIVEN`."""
    return value is not None and type(value).__name__ not in ("Omit", "NotGiven")


def says_json(value: Any) -> bool:
    """Whether a format of the caller's is one of JSON."""
    return isinstance(value, Mapping) and value.get("type") in ("json_object", "json_schema")


def listed(params: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments that can be read more than once: the SDKs take any iterable, a generator too, where a list is meant."""
    found = dict(params)
    for name in _LISTS:
        if _is_lazy(found.get(name)):
            found[name] = list(found[name])
    messages = found.get("messages")
    if isinstance(messages, list | tuple) and any(_is_lazy(_content(message)) for message in messages):
        found["messages"] = [
            {**message, "content": list(message["content"])} if _is_lazy(_content(message)) else message
            for message in messages
        ]
    return found


def _is_lazy(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Sequence | Mapping)


def _content(message: Any) -> Any:
    return message.get("content") if isinstance(message, Mapping) else None


def role_of(message: Any) -> str | None:
    """The role of a message, a mapping or an object of an SDK; None if it has none."""
    role = message.get("role") if isinstance(message, Mapping) else getattr(message, "role", None)
    return role if isinstance(role, str) and role else None
