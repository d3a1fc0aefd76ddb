"""Replies of real models that were recorded: how their joins read, by way of asking.

A recording is a file of JSON lines, one reply each: `model`, `tag`, `prompt_id`, `strategy` (the way of asking; `gold`
is the answer in one go), `round` (0 is the first reply, which was cut off), `text` (as it arrived), and perhaps `shown`
(how many characters of the text so far the request showed; all, if it does not say) and `anchor` (what the reply was
asked to begin with). `benchmarks.stitch.local` writes such files. `DATA` holds those that the README's figures are
made of: SmolLM2-135M with the engine's own requests, and the same model under a repetition penalty with three
wordings that people use.

Only the first join of each run is a fair sample: what follows it was asked for with a text that may already be broken.
The reply to the in-place request of the same prompt says how the model would have gone on.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.stitch.real import Kind, Seen, Verdict, judge, kind_of
from continuum._core.stitch import Joiner

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

WAYS = {
    "a_prefill": "in place",
    "b_naive": "user turn: continue",
    "c_strong": "user turn: continue exactly there, no talk",
    "d_anchor": "user turn: repeat the last 100 characters, in brackets",
}
"""Readable names of the strategies of the first recordings."""
_QUOTED = re.compile(r"<<<(.*?)>>>", re.DOTALL)

DATA = Path(__file__).with_name("data")
"""Recordings that come with the benchmark."""

Run = tuple[str, str, str, str]


@dataclass(frozen=True)
class RealJoin:
    """The first join of a run.

    Attributes:
        way: of asking.
        prompt: which one.
        kind: what the reply began with.
        found: what a reader finds at the join that the rules made.
        plain: what a reader would find if nothing had been removed or put between.
        flagged: whether the join was said to be ambiguous or a gap.
        join: how it was made.
        anchored: whether the reply was asked to begin with an anchor.
        text: the end of the text before, and the beginning of what follows.
    """

    way: str
    prompt: str
    kind: Kind
    found: Verdict
    plain: Verdict
    flagged: bool
    join: str
    anchored: bool
    text: tuple[str, str]


def load(paths: Iterable[Path]) -> dict[Run, list[dict[str, Any]]]:
    """The replies of each run (model, tag, prompt, strategy), by round.

    Raises:
        ValueError: a line is not a recorded reply; the text names the file and the line.
    """
    runs: dict[Run, list[dict[str, Any]]] = defaultdict(list)
    for path in paths:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    row = json.loads(line)
                    run = (str(row["model"]), str(row.get("tag", "")), str(row["prompt_id"]), str(row["strategy"]))
                    row["text"], row["round"] = str(row["text"]), int(row["round"])
                except (KeyError, TypeError, ValueError) as error:
                    raise ValueError(f"{path}:{number} is not a recorded reply: {error!r}") from error
                runs[run].append(row)
    for replies in runs.values():
        replies.sort(key=lambda row: row["round"])
    return runs


def joins(runs: Mapping[Run, Sequence[Mapping[str, Any]]]) -> list[RealJoin]:
    """The first join of every run that has one, made anew."""
    found = []
    for (model, tag, prompt, strategy), replies in runs.items():
        if strategy == "gold" or len(replies) < 2:
            continue
        oracle = _oracle(runs, (model, tag, prompt, strategy), replies[0]["text"])
        found.append(_first_join(strategy, prompt, replies, oracle))
    return found


def _oracle(runs: Mapping[Run, Sequence[Mapping[str, Any]]], run: Run, left: str) -> str:
    """How the model went on in place behind exactly this text, or would have in one go; "" if that is not known."""
    model, tag, prompt, _ = run
    for strategy in ("a_prefill", "in place", "gold"):
        replies = runs.get((model, tag, prompt, strategy), ())
        whole = ""
        if strategy == "gold" and replies:
            whole = replies[0]["text"]
        elif len(replies) > 1 and replies[0]["text"] == left:
            whole = replies[1]["text"]
            whole = whole if whole.startswith(left) else left + whole
        if whole.startswith(left) and len(whole) > len(left):
            return str(whole[len(left) :])
    return ""


def _first_join(strategy: str, prompt: str, replies: Sequence[Mapping[str, Any]], oracle: str) -> RealJoin:
    left, second = replies[0]["text"], replies[1]
    reply, in_place = second["text"], strategy in ("a_prefill", "in place")
    shown = int(second.get("shown", len(left)))
    anchor = second.get("anchor")
    if anchor is None and strategy.startswith("d_"):
        asked = _QUOTED.search(second["request_messages_tail"][-1]["content"])
        anchor = asked.group(1) if asked else None
    echo = left if in_place else None
    joiner = Joiner(left, rest=len(left) - shown, anchor=anchor, in_place=in_place, echo=echo)
    new = joiner.feed(reply) + joiner.finish()
    join = joiner.join
    assert join is not None
    body = reply[len(left) :] if in_place and reply.startswith(left) else reply
    kept = left[: len(left) - join.replaced]
    # The single-shot text goes on where the kept text ends.
    ahead = (left + oracle)[len(kept) :] if oracle else ""
    seen = Seen(kept + join.inserted, new[len(join.inserted) :], _verified(join, reply, kept))
    return RealJoin(
        way=WAYS.get(strategy, strategy),
        prompt=prompt,
        kind=kind_of(left[:shown], body, oracle=(left + oracle)[shown:], anchor=anchor or ""),
        found=judge(seen, oracle=ahead),
        plain=judge(Seen(left, body), oracle=oracle),
        flagged=join.ambiguous or join.kind == "gap",
        join=join.kind,
        anchored=anchor is not None,
        text=(kept[-90:], new[:90]),
    )


def _verified(join: Any, reply: str, kept: str) -> bool:
    """Whether what was removed from the reply ends with the words that the text ends with: it wrote on behind them."""
    words = kept.split()[-3:]
    return join.overlap >= 12 and len(words) == 3 and reply[: join.removed].split()[-3:] == words


def mix(found: Iterable[RealJoin]) -> dict[Kind, int]:
    """How often a reply to a user turn that asked for no anchor began with what."""
    return dict(Counter(join.kind for join in found if join.way != "in place" and not join.anchored))


def obeyed(found: Iterable[RealJoin]) -> tuple[int, int]:
    """(replies that begin with the anchor, or hold it near their beginning; replies that the engine asked to)."""
    asked = [join for join in found if join.anchored and join.way not in WAYS.values()]
    return sum(join.kind == "anchor" for join in asked), len(asked)
