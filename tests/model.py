"""A model for the property tests: it goes on well or badly, is cut anywhere, fails, and obeys its seed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from continuum._core.actions import Action, Done, Send, Wait
from continuum._core.machine import Continuation
from continuum._core.types import Failure, Prefill, Response, Usage

if TYPE_CHECKING:
    from continuum import Policy, Result

SENTENCES = [
    "The lamp was lit at dusk and burned until the sun came up over the water. ",
    "Nobody had counted the steps, of which there were 196, since the year 1960.\n\n",
    "## A heading\n\n",
    "- first item of a list\n- second item, with `code` in it\n- third item\n\n",
    "```python\ndef wind(lamp):\n    return lamp * 2\n```\n\n",
    "| a | b |\n|---|---|\n| 0 | 0 |\n| 0 | 0 |\n| 1 | 2 |\n\n",
    '{"year": 1960, "tags": ["sea", "light"], "depth": -3.5e10}\n\n',
    "Le gardien monta l'escalier ; il n'avait pas dormi. ",
    "茶文化的历史可以追溯到几千年前。人们在山上种茶。",
    "A family 👩‍👩‍👧‍👦 waved from the boat 🚤. ",
    "And the sea, the sea, the sea went on.\nAnd the sea, the sea, the sea went on.\n",
    'He said: "Keep it burning." She nodded… ',
]
TALK = [
    "Sure, here is the rest:\n\n",
    "I apologize. Continuing from where I stopped:\n\n",
    "…",
    "```\n",
    "Voici la suite :\n\n",
]


def document(rng: random.Random, size: int) -> str:
    """A text of about `size` characters."""
    text = ""
    while len(text) < size:
        text += rng.choice(SENTENCES)
    return text


@dataclass
class Model:
    """Answers `Send`s about one document.

    Attributes:
        words: how a reply may end that is neither cut nor the last one.
        ways: how it may begin, see `_reply`.
        amounts: characters that it may add.
        marker: what it was asked to close with, and says anywhere.
        bills: some failures are billed, and some usages are estimates.
        sent: what went out in each paid round, byte for byte.
        ends: the word that each of them ended on.
        usages: what was billed for each.
        billed: what was billed for every request, those that failed included.
    """

    seed: int
    size: int = 1500
    failures: float = 0.15
    words: Sequence[str] = ("length",)
    ways: Sequence[str] = ("exact", "exact", "overlap", "restart", "talk", "junk", "empty", "loop", "skip", "half")
    amounts: Sequence[int] = (3, 20, 80, 200, 400)
    marker: str | None = None
    bills: bool = False
    sent: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    usages: list[Usage] = field(default_factory=list)
    billed: list[Usage] = field(default_factory=list)
    requests: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.document = document(self.rng, self.size)

    def answer(self, send: Send) -> Response | Failure:
        """One reply."""
        rng = self.rng
        self.requests += 1
        if rng.random() < self.failures:
            kind = rng.choice(["transient", "rate_limited", "transient"])
            usage = self._bill(rng.randrange(1, 100)) if self.bills and rng.random() < 0.5 else None
            return Failure(kind, "scripted", retry_after=rng.choice([None, 0.5]), usage=usage)  # type: ignore[arg-type]
        shown = "".join(turn.text for turn in send.turns if turn.role == "assistant")
        text = self._reply(send, shown)
        if self.marker is not None and rng.random() < 0.2:
            at = rng.randrange(len(text) + 1)
            text = text[:at] + rng.choice(["", " ", "\n\n", "\ufffd"]) + self.marker + text[at:]
        finish = "length"
        if rng.random() < 0.1:
            finish = "interrupted"
        elif self.document.endswith(text[-40:]) and len(shown) > self.size / 2:
            finish = "stop"
        elif rng.random() < 0.25:
            finish = rng.choice(list(self.words))
        if finish == "interrupted" and not text:
            return Failure("transient", "nothing came")
        usage = self._bill(max(len(text) // 3, 1))
        self.sent.append(text)
        self.ends.append(finish)
        self.usages.append(usage)
        prefill = Prefill(strips=rng.random() < 0.5) if self.seed % 5 == 0 else None
        return Response(text, finish, finish, usage, prefill=prefill)  # type: ignore[arg-type]

    def _bill(self, tokens: int) -> Usage:
        usage = Usage(self.rng.randrange(100), tokens, estimated=self.bills and self.rng.random() < 0.1)
        self.billed.append(usage)
        return usage

    def _reply(self, send: Send, shown: str) -> str:
        rng, document = self.rng, self.document
        amount = rng.choice(self.amounts)
        at = document.find(shown[-30:]) + len(shown[-30:]) if shown else 0
        at = max(at, 0)
        how = rng.choice(self.ways)
        if not shown or how == "exact":
            head = ""
        elif how == "overlap":
            head = shown[-rng.randrange(1, 120) :]
        elif how == "restart":
            head, at = "", 0
        elif how == "talk":
            head = rng.choice(TALK)
        elif how == "empty":
            return ""
        elif how == "loop":
            return "over and over again, " * rng.choice([10, 100])
        elif how == "half":
            return document[at : at + amount] + "\ufffd"
        elif how == "skip":
            head, at = "", min(at + 37, len(document))
        else:
            return "".join(rng.choice("ab \n`*|1茶👩\u0301") for _ in range(amount))
        quoted = send.turns[-1].text.split('"') if send.turns and send.turns[-1].role == "user" else []
        if len(quoted) >= 3 and rng.random() < 0.6:
            head = '"'.join(quoted[1:-1])
        return head + document[at : at + amount]


Cutter = Callable[[str], Iterator[str]]


def cutter(seed: int) -> Cutter:
    """A way of cutting a text into deltas."""
    rng = random.Random(seed)

    def cut(text: str) -> Iterator[str]:
        while text:
            size = rng.choice([1, 2, 5, 17, 300, 5000])
            yield text[:size]
            text = text[size:]

    return cut


def play(
    model: Model,
    policy: Policy,
    *,
    cut: Cutter | None = None,
    cap: int | None = 60,
    stops: tuple[str, ...] = (),
    price: Callable[[Usage], float] | None = None,
    save: random.Random | None = None,
    seconds: float = 0.0,
) -> tuple[Result, str, Continuation]:
    """Drive a machine through a model.

    Args:
        model: answers.
        policy: of the run.
        cut: how replies are cut into deltas; None: whole.
        cap: output tokens per request.
        stops: the caller's stop sequences.
        price: of a usage.
        save: at random moments the machine is written down and read back.
        seconds: that pass with each request.

    Returns:
        The result, what the reader was shown, and the machine.
    """
    machine, shown, elapsed = Continuation(policy, cap=cap, stops=stops, price=price), "", 0.0

    def maybe_saved() -> Continuation:
        if save is not None and save.random() < 0.3:
            return Continuation.from_dict(json.loads(json.dumps(machine.to_dict())), price=price)
        return machine

    action: Action = machine.start()
    for _ in range(500):
        shown += action.text
        machine = maybe_saved()
        if isinstance(action, Done):
            return machine.result(), shown, machine
        elapsed += seconds
        if isinstance(action, Wait):
            action = machine.resume(elapsed=elapsed)
            continue
        outcome = model.answer(action)
        if cut is not None and isinstance(outcome, Response):
            for delta in cut(outcome.text):
                shown += machine.feed(delta)
                machine = maybe_saved()
        action = machine.receive(outcome, elapsed=elapsed)
    raise AssertionError("the run did not end")
