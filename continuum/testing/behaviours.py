"""What the simulated provider can be told to do: ways of answering, and faults.

A *behaviour of answering* shapes the reply of one round of one conversation. A *fault* happens to one request.
Both are `Behaviour` values, or short strings such as `"overlap:40"`, `"restart:line"`, `"429:0.5"`, `"drop:3"`,
`"unknown_finish:eos"`. A trailing `@N` pins one to round N: `"reasoning_only@0"`.

Rounds of a conversation: 0 is the answer to a request without an assistant turn, 1 the first continuation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from continuum.testing.chat import RequestInfo

AnswerKind = Literal[
    "exact",
    "anchored",
    "no_anchor",
    "mangled_anchor",
    "overlap",
    "preamble",
    "restart",
    "reopen_fence",
    "drop_clause",
    "empty",
    "reasoning",
    "reasoning_only",
    "refusal",
    "repetition",
    "early_stop",
    "length_at_end",
    "tool_call",
    "cut_tool_call",
    "pause_turn",
    "context_window",
    "unknown_finish",
]
"""Ways of answering. `argument` is what follows the colon in the short form.

* `exact`, `anchored`: well-behaved: begins with the anchor if one was asked for, and goes on where the text stopped;
* `no_anchor`: goes on where the text stopped and ignores the anchor;
* `mangled_anchor`: changes the anchor; argument `wrapped` (puts it in quotation marks, the default), `typography`
  (curly quotes, long dashes), `space` (one space for every run of white space);
* `overlap`: repeats the last `amount` (40) characters, or words with `unit="words"`, instead of the anchor;
* `preamble`: says `text` first;
* `restart`: begins the `unit` `line` (default), `paragraph` or `document` again;
* `reopen_fence`: opens the code fence again;
* `drop_clause`: forgets the unfinished sentence (or line) and begins with the next;
* `empty`: no text, natural end;
* `reasoning`: spends `amount` (32) tokens on reasoning, then answers with what the cap leaves;
* `reasoning_only`: spends the whole cap on reasoning; `text` is shown as the reasoning if given;
* `refusal`: refuses after `amount` (0) tokens; with `text`, OpenAI says it in `message.refusal`, otherwise it ends with
  `content_filter`;
* `repetition`: says the last sentence again and again up to the cap (or 4,096 tokens);
* `early_stop`: says that it is finished after `amount` tokens (default: half of what it could give);
* `length_at_end`: says `length` although the text is finished;
* `tool_call`, `cut_tool_call`: calls a tool with the arguments `text`; the cut one breaks off in the arguments;
* `pause_turn`: pauses after `amount` tokens (Anthropic, and may be continued in place; Gemini, with a token);
* `context_window`: the window turns out to be full after `amount` tokens, for this and all later rounds;
* `unknown_finish`: says `text` as its finish reason.
"""

FaultKind = Literal[
    "ok",
    "429",
    "quota",
    "spend_limit",
    "status",
    "529",
    "overloaded",
    "error_body",
    "disconnect",
    "drop",
    "reset",
    "silent_end",
    "stall",
    "malformed_chunk",
    "error_event",
]
"""Faults of one request. `N` is `amount`: how many text events come first (default 3).

* `ok`: none, a place holder in a list;
* `429`: with Retry-After if `seconds` is given; `quota`, `spend_limit`: a 429 that no wait cures;
* `status`: the HTTP status `status`; `529`, `overloaded`: the provider is overloaded (OpenAI: 503 for `overloaded`);
* `error_body`: HTTP 200 whose JSON body is an error;
* `disconnect`: the connection is closed before any byte of a response;
* `drop`: the connection ends after N events in the middle of the body; `reset`: the same with a TCP reset;
* `silent_end`: after N events the stream ends as if all was well, without its terminal event;
* `stall`: N events, then nothing for `seconds` (60), then the rest;
* `malformed_chunk`: N events, then one that is no JSON, then the rest;
* `error_event`: N events, then an error event; `text="openrouter"` for the form of OpenRouter, `text="failed"` or
  `"failed:CODE"` for a Responses stream that ends with `response.failed`.
"""

Unit = Literal["characters", "words", "line", "paragraph", "document"]

ANSWERS: Final = frozenset(AnswerKind.__args__)  # type: ignore[attr-defined]
FAULTS: Final = frozenset(FaultKind.__args__)  # type: ignore[attr-defined]
STREAM_FAULTS: Final = frozenset({"drop", "reset", "silent_end", "stall", "malformed_chunk", "error_event"})
"""Faults that strike in the middle of the answer; the others take its place."""

_INTEGER: Final = frozenset({"overlap", "reasoning", "early_stop", "pause_turn", "context_window", "refusal"})
_SECONDS: Final = frozenset({"429"})
_TEXT_TOO: Final = frozenset({"refusal", "error_event"})
_UNITS: Final[dict[str, Unit]] = {"line": "line", "paragraph": "paragraph", "document": "document"}


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One instruction to the simulated provider.

    Attributes:
        kind: an `AnswerKind` or a `FaultKind`.
        amount: the number that the kind needs (characters, tokens, events).
        text: the text that the kind needs (a preamble, a finish reason, arguments of a tool, an error message).
        unit: what `amount` counts or what is begun again: `words`, `line`, `paragraph`, `document`.
        seconds: Retry-After of `429`, length of `stall`.
        status: the HTTP status of `status`.
        headers: more response headers for a fault, as `{"retry-after-ms": "50", "x-should-retry": "false"}`.
        body: the whole error body of a fault in place of the provider's usual one.
        round: only this round of a conversation (0: the first answer). None: the next in turn.
        conversation: only conversations with this key, or whose prompt contains this text.
        times: how often it is used (for each conversation, if pinned or a way of answering). None: for ever.

    Raises:
        ValueError: the kind is unknown, or a number is out of range.
    """

    kind: str
    amount: int | None = None
    text: str | None = None
    unit: Unit | None = None
    seconds: float | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    round: int | None = None
    conversation: str | None = None
    times: int | None = 1

    def __post_init__(self) -> None:
        if self.kind not in ANSWERS and self.kind not in FAULTS:
            known = ", ".join(sorted(ANSWERS | FAULTS))
            raise ValueError(f"there is no behaviour {self.kind!r}; choose one of {known}")
        if self.kind == "status" and not (self.status and 200 <= self.status <= 599):
            raise ValueError(f"the fault 'status' needs an HTTP status from 200 to 599, not {self.status!r}")
        for name in ("amount", "seconds", "round", "times"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"{name} of the behaviour {self.kind!r} cannot be negative: {value!r}")

    @classmethod
    def parse(cls, short: str | Behaviour) -> Behaviour:
        """A behaviour from its short form `kind[:argument][@round]`; a `Behaviour` is returned as it is.

        Raises:
            ValueError: the short form cannot be read.
        """
        if isinstance(short, Behaviour):
            return short
        pin = re.search(r"@(\d+)$", short)
        kind, _, argument = (short[: pin.start()] if pin else short).partition(":")
        behaviour = cls(kind, status=int(argument)) if kind == "status" and argument.isdigit() else cls(kind)
        if argument and kind != "status":
            behaviour = _with_argument(behaviour, argument)
        return replace(behaviour, round=int(pin.group(1))) if pin else behaviour


def _with_argument(behaviour: Behaviour, argument: str) -> Behaviour:
    try:
        if behaviour.kind in _SECONDS:
            return replace(behaviour, seconds=float(argument))
        if behaviour.kind == "restart":
            return replace(behaviour, unit=_UNITS[argument])
        if behaviour.kind in _INTEGER | STREAM_FAULTS and (argument.isdigit() or behaviour.kind not in _TEXT_TOO):
            return replace(behaviour, amount=int(argument))
    except (KeyError, ValueError) as error:
        wanted = "line, paragraph or document" if behaviour.kind == "restart" else "a number"
        raise ValueError(f"the behaviour {behaviour.kind!r} takes {wanted}, not {argument!r}") from error
    return replace(behaviour, text=argument)


Chooser = Callable[["RequestInfo"], "Behaviour | str | None"]
"""Decides for one request; None is good behaviour and no fault."""

Plan = Sequence["Behaviour | str"] | Chooser


class Schedule:
    """Hands out the behaviours of one list, each as often as it may be used.

    Args:
        plan: the list, or a function that decides by itself.
        allowed: the kinds that make sense here.
        per_conversation: whether every conversation goes through the list by itself. Pinned entries always count for
            each conversation.
    """

    def __init__(self, plan: Plan, allowed: frozenset[str], *, per_conversation: bool) -> None:
        self._chooser = plan if callable(plan) else None
        self._entries = () if callable(plan) else tuple(Behaviour.parse(entry) for entry in plan)
        self._allowed = allowed
        self._per_conversation = per_conversation
        self._used: dict[str, list[int]] = {}
        for entry in self._entries:
            self._check(entry)

    def reset(self) -> None:
        """Begins the list again."""
        self._used.clear()

    def take(self, request: RequestInfo) -> Behaviour | None:
        """The behaviour for this request, None if there is none left for it."""
        if self._chooser is not None:
            choice = self._chooser(request)
            return None if choice is None else self._check(Behaviour.parse(choice))
        if not self._entries:
            return None
        for pinned in (True, False):
            scope = request.conversation if pinned or self._per_conversation else ""
            used = self._used.setdefault(scope, [0] * len(self._entries))
            for index, entry in enumerate(self._entries):
                is_pinned = entry.round is not None or entry.conversation is not None
                if is_pinned is pinned and self._fits(entry, request, used[index]):
                    used[index] += 1
                    return entry
        return None

    def _fits(self, entry: Behaviour, request: RequestInfo, used: int) -> bool:
        if entry.times is not None and used >= entry.times:
            return False
        if entry.round is None and self._per_conversation and request.round == 0:
            return False
        if entry.round is not None and entry.round != request.round:
            return False
        wanted = entry.conversation
        return wanted is None or wanted == request.conversation or wanted in request.prompt

    def _check(self, entry: Behaviour) -> Behaviour:
        if entry.kind not in self._allowed:
            place = "faults" if entry.kind in FAULTS else "behaviours"
            raise ValueError(f"{entry.kind!r} does not belong in this list; put it in `{place}`")
        return entry
