"""How servers that speak Chat Completions differ, as the simulated provider acts them out.

What each does with a trailing assistant turn and with fields that are not OpenAI's, in whose words it refuses, and how
it says why an answer ended. From the servers' documentation, sources and issue trackers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from continuum.testing.chat import Frames, RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from continuum.testing.engine import Prefill

_BODY: Final = frozenset((
    "model", "messages", "max_tokens", "max_completion_tokens", "stream", "stream_options", "stop", "n", "temperature",
    "top_p", "tools", "tool_choice", "response_format", "reasoning_effort", "seed", "logprobs",
))  # fmt: skip
_MESSAGE: Final = frozenset(("role", "content", "name", "tool_calls", "tool_call_id", "refusal"))


@dataclass(frozen=True, slots=True)
class Manners:
    """One server.

    Attributes:
        prefill: what a trailing assistant turn gets, with `needs` in the request if there is one.
        needs: the field, of that message or of the body, without which the server does something else.
        without: what a trailing assistant turn gets without that field.
        knows: fields that are not OpenAI's and are taken all the same.
        strict: how a field that is not known is refused; None: it is ignored.
        refusal: how a trailing assistant turn is refused.
        objects: a rule of this server's own: its words of refusal for a body, or None.
        fingerprint: `system_fingerprint` of the replies.
        words: what it says in place of OpenAI's finish reasons.
        native: says the word of the provider behind it as well.
        window: the field of a model's card that tells the context window.
    """

    prefill: Prefill = "refuse"
    needs: str | None = None
    without: Prefill = "refuse"
    knows: frozenset[str] = frozenset()
    strict: str | None = None
    refusal: str = "The last message must not be from the assistant."
    objects: Callable[[Mapping[str, Any]], str | None] | None = None
    fingerprint: str | None = None
    words: Mapping[str, str] = field(default_factory=dict)
    native: Mapping[str, str] = field(default_factory=dict)
    window: str | None = None

    def check(self, body: Mapping[str, Any]) -> None:
        """Refuse what this server refuses.

        Raises:
            RequestError: in the server's words.
        """
        messages = body["messages"]
        if self.strict is not None:
            for known, part in ((_BODY, body), *((_MESSAGE, message) for message in messages)):
                for name in part.keys() - known - self.knows:
                    raise RequestError(self.strict.format(name=name), param=name)
        objection = self.objects(body) if self.objects is not None else None
        if objection is not None:
            raise RequestError(objection)
        if messages[-1].get("role") == "assistant" and self.mode(body) == "refuse":
            raise RequestError(self.refusal)

    def mode(self, body: Mapping[str, Any]) -> Prefill:
        """What a trailing assistant turn gets."""
        has = self.needs is None or body.get(self.needs) or body["messages"][-1].get(self.needs)
        return self.prefill if has else self.without

    def dress(self, body: bytes) -> bytes:
        """A whole answer as this server would give it."""
        return json.dumps(self._dressed(json.loads(body)), ensure_ascii=False).encode()

    def dress_all(self, frames: Frames) -> Frames:
        """The same for a stream."""
        opening, closing = tuple(map(self._event, frames.opening)), tuple(map(self._event, frames.closing))
        return replace(frames, opening=opening, deltas=[*map(self._event, frames.deltas)], closing=closing)

    def _event(self, event: bytes) -> bytes:
        text = event.removeprefix(b"data: ").rstrip()
        return event if text == b"[DONE]" else b"data: " + self.dress(text) + b"\n\n"

    def _dressed(self, data: dict[str, Any]) -> dict[str, Any]:
        data.pop("system_fingerprint", None)
        if self.fingerprint is not None:
            data["system_fingerprint"] = self.fingerprint
        for choice in data.get("choices") or ():
            said = choice["finish_reason"]
            if said is not None:
                choice["finish_reason"] = self.words.get(said, said)
                if self.native:
                    choice["native_finish_reason"] = self.native.get(said, said)
        return data


def _last(body: Mapping[str, Any]) -> Mapping[str, Any]:
    message: Mapping[str, Any] = body["messages"][-1]
    return message


def _deepseek(body: Mapping[str, Any]) -> str | None:
    thinks = (body.get("thinking") or {}).get("type") != "disabled"
    turns: Sequence[Mapping[str, Any]] = body["messages"]
    if thinks and any(turn["role"] == "assistant" and "reasoning_content" not in turn for turn in turns):
        return "The `reasoning_content` in the thinking mode must be passed back to the API."
    return None


def _qwen(body: Mapping[str, Any]) -> str | None:
    if _last(body).get("partial") and body.get("enable_thinking", True):
        return "Partial mode is not supported when enable_thinking is true"
    return None


def _open_ended(body: Mapping[str, Any]) -> str | None:
    if body.get("continue_final_message") and body.get("add_generation_prompt", True):
        return "Cannot set both `continue_final_message` and `add_generation_prompt` to True."
    return None


_PREFILL = "This model does not support assistant message prefill. The conversation must end with a user message."
_MISTRAL = "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant"
_GEMINI = 'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'
_OPEN = frozenset({"continue_final_message", "add_generation_prompt"})

MANNERS: Final[Mapping[str, Manners]] = {
    # OpenAI takes the turn, closes it, and writes a new one.
    "openai": Manners("new_turn", strict="Unrecognized request argument supplied: {name}", fingerprint="fp_44709d6fcb"),
    "claude-4.5": Manners("continue"),
    "claude": Manners("refuse", refusal=_PREFILL),
    "gemini": Manners("continue", strict=_GEMINI),
    "gemini-new": Manners("refuse", strict=_GEMINI, refusal="Requests ending with a model turn are not supported."),
    "deepseek": Manners(
        "continue", needs="prefix", refusal="The last message of assistant must set prefix to true.",
        objects=_deepseek, fingerprint="fp_8802369eaa_prod",
    ),
    "deepseek-v1": Manners(
        "refuse", refusal="The prefix of assistant is only available in beta.", objects=_deepseek,
        fingerprint="fp_8802369eaa_prod",
    ),
    "mistral": Manners(
        "echo", needs="prefix", knows=frozenset({"prefix"}), strict="Extra inputs are not permitted: {name}",
        refusal=_MISTRAL, window="max_context_length",
    ),
    "qwen": Manners("continue", needs="partial", without="new_turn", objects=_qwen),
    "kimi": Manners("continue", needs="partial", without="new_turn"),
    "groq": Manners(
        "continue", strict="property '{name}' is unsupported", fingerprint="fp_3f3b593e33", window="context_window"
    ),
    "openrouter": Manners("refuse", refusal=_PREFILL, native={"length": "max_tokens", "stop": "end_turn"}),
    "together": Manners("new_turn", words={"stop": "eos"}),
    "fireworks": Manners("new_turn", strict="Extra inputs are not permitted, field: '{name}'"),
    "llama.cpp": Manners(
        "continue", knows=_OPEN, objects=_open_ended, fingerprint="b9371-5d9b3b1"
    ),
    "ollama": Manners("new_turn", fingerprint="fp_ollama"),
    "vllm": Manners(
        "continue", needs="continue_final_message", without="new_turn", objects=_open_ended, window="max_model_len"
    ),
    "sglang": Manners("continue", needs="continue_final_message", without="new_turn", window="max_model_len"),
    "tgi": Manners(
        "continue", needs="continue_final_message", without="new_turn", fingerprint="3.3.4-sha-9f38d93",
        words={"stop": "eos_token"},
    ),
    "lmdeploy": Manners("continue"),
}  # fmt: skip
"""The servers, by the name of their row in `continuum.providers.capabilities` where they have one."""


def manners_of(name: str | None) -> Manners | None:
    """The manners with this name.

    Raises:
        ValueError: if there are none.
    """
    if name is None or name in MANNERS:
        return MANNERS.get(name or "")
    raise ValueError(f"there is no dialect {name!r}; choose one of {', '.join(sorted(MANNERS))}")
