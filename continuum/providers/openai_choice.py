"""One choice of a Chat Completions reply as it arrives, fragment by fragment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from continuum.providers.calls import came
from continuum.providers.sizes import text_size

if TYPE_CHECKING:
    from continuum._core.types import CutToolCall, Failure

# Fields of a fragment that name something; a later fragment repeats them, it does not go on with them.
_NAMES = frozenset({"id", "type", "index", "format"})
THOUGHTS = frozenset({"reasoning_content", "reasoning"})


class Choice:
    """One choice as it arrives.

    Attributes:
        parts: the visible text, `text` once it is joined.
        thoughts: reasoning, by the name of the field that it came in.
        tools: tool calls in the SDK's form, by their place.
        function: a legacy function call.
        extras: what else came in the message, such as `annotations`.
        beside: what else came beside the message, such as `native_finish_reason`.
        error: why nothing can be made of this choice.
    """

    __slots__ = (
        "_at", "beside", "error", "extras", "finish", "function", "logprobs", "parts", "refusal", "text", "thoughts",
        "tools",
    )  # fmt: skip

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.text = ""
        self.refusal = ""
        self.thoughts: dict[str, list[str]] = {}
        self.tools: dict[int, dict[str, Any]] = {}
        self.function: dict[str, Any] = {}
        self.extras: dict[str, Any] = {}
        self.beside: dict[str, Any] = {}
        self.logprobs: list[Any] = []
        self.finish: str | None = None
        self.error: Failure | None = None
        self._at: dict[int, int] = {}  # the server's index of a tool call: its place in `tools`

    @property
    def calls(self) -> int:
        """How many tool calls were begun."""
        return len(self.tools) + bool(self.function)

    @property
    def made(self) -> tuple[CutToolCall, ...]:
        """The tool calls so far. That one has ended only the next one shows: where a reply was cut, the last is cut."""
        calls = [call for _, call in sorted(self.tools.items())]
        if self.function:
            calls.insert(0, {"function": self.function})
        return tuple(_came(call, ended=number < len(calls)) for number, call in enumerate(calls, 1))

    @property
    def reasoning(self) -> str:
        """The reasoning, once if it came under two names."""
        return max(("".join(parts) for parts in self.thoughts.values()), key=len, default="")

    @property
    def size(self) -> int:
        """Characters of all that the model wrote, for an estimate."""
        calls = sum(text_size(call) for call in (*self.tools.values(), self.function))
        return sum(map(len, self.parts)) + len(self.reasoning) + len(self.refusal) + calls

    def tool(self, delta: Any) -> None:
        """Merge a fragment of a tool call."""
        fragment = delta.to_dict()
        index = fragment.pop("index", None) or 0
        place = self._at.setdefault(index, len(self.tools))
        known, own = self.tools.get(place, {}).get("id"), fragment.get("id")
        if known and own and own != known and (fragment.get("function") or {}).get("name"):
            # Some servers number every call 0.
            place = self._at[index] = len(self.tools)
        merge(self.tools.setdefault(place, {"id": "", "type": "function"}), fragment)

    def take(self, content: Any) -> str:
        """Take the content of a message or delta, a string or a list of parts; return the visible text in it."""
        text = content if isinstance(content, str) else ""
        for part in content if isinstance(content, list | tuple) else ():
            if not isinstance(part, Mapping):
                continue
            if part.get("type") == "thinking":
                self.thoughts.setdefault("reasoning_content", []).append(plain(part.get("thinking")))
            else:
                text += plain(part.get("text"))
        if text:
            self.parts.append(text)
        return text

    def more(self, extra: Mapping[str, Any] | None) -> None:
        """Take the fields of a message or delta that the SDK has no name for; reasoning is one of them."""
        for name, value in (extra or {}).items():
            if name not in THOUGHTS or not isinstance(value, str):
                merge(self.extras, {name: value})
            elif value:
                self.thoughts.setdefault(name, []).append(value)


def _came(call: Mapping[str, Any], *, ended: bool) -> CutToolCall:
    custom = call.get("custom")
    said = call.get("function") or custom or {}
    written = said.get("arguments") or said.get("input")
    return came(call.get("id"), said.get("name"), written, ended=ended, free=said is custom)


def unseen(delta: Any) -> int:
    """Characters of reasoning and arguments in a delta; reasoning that comes under two names counts once."""
    extra = delta.model_extra or {}
    thoughts = [len(extra[name]) for name in THOUGHTS if isinstance(extra.get(name), str)]
    calls = [call.function for call in delta.tool_calls or () if call.function is not None]
    return max(thoughts, default=0) + sum(len(call.arguments or "") for call in calls)


def plain(value: Any) -> str:
    """The text of a content part: a string, or parts again."""
    if isinstance(value, list | tuple):
        return "".join(plain(part.get("text")) for part in value if isinstance(part, Mapping))
    return value if isinstance(value, str) else ""


def merge(into: dict[str, Any], fragment: Mapping[str, Any]) -> None:
    """Put a fragment to what came before: strings go on, lists grow, parts with the same `index` are one."""
    for name, value in fragment.items():
        old = into.get(name)
        if value is None:
            into.setdefault(name, None)
        elif isinstance(value, str) and isinstance(old, str) and name not in _NAMES:
            into[name] = old + value
        elif isinstance(value, Mapping):
            into[name] = dict(old) if isinstance(old, Mapping) else {}
            merge(into[name], value)
        elif isinstance(value, list):
            into[name] = old if isinstance(old, list) else []
            for part in value:
                merge_part(into[name], part)
        elif value != "" or old is None:
            into[name] = value


def merge_part(parts: list[Any], part: Any) -> None:
    index = part.get("index") if isinstance(part, Mapping) else None
    for known in parts if index is not None else ():
        if isinstance(known, dict) and known.get("index") == index:
            merge(known, part)
            return
    parts.append(dict(part) if isinstance(part, Mapping) else part)
