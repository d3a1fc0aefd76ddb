"""python -m benchmarks.stitch.fit: the prices of all readings, fitted to joins whose right reading is known.

`continuum._core.stitch.prior` holds the weights of a conditional logit model (McFadden 1974): the price of a reading is
a sum of weights times what was observed, and of all readings of a reply the right one is the likelier the cheaper it
is. This command makes the weights again. It reads replies with prices that remember which weights they were made of,
and looks for the weights under which the right readings are likeliest, not far from those that are there. Documents are
held back, a fifth of them unless `--held` says otherwise, and the weights are judged on those as well.

Nothing is timed. It needs scipy (`pip install 'continuum-llm[bench]'`). Without `--corpus` and `--cases` the documents
are those that every Python installation has: too few to replace the weights that the library comes with, but enough to
see whether something that was changed pulls at them.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks._common import table
from benchmarks.stitch import cases, documents
from continuum._core.stitch import prior
from continuum._core.stitch.before import Before
from continuum._core.stitch.readings import Readings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.stitch.cases import Case

BY_HAND = frozenset(
    [
        "rows",
        "elements",
        "at_space_whole",
        "at_indent_close",
        "near_new",
        "near_new_one",
        "near_followed",
        "no_json",
        "unnatural_near",
        "unnatural_word",
        "extra_most",
        "one_within",
        "one_paired",
        "one_word",
        "talk_block",
        "extra_odd",
        "token",
        "tag",
        "role",
        "role_asked",
        "nothing",
        "nothing_within",
        "nothing_fresh",
        "known",
        "strange",
        "strange_aligned",
        "strange_templated",
        "strange_within",
        "said_twice",
        "fence_label",
        "fence_again",
        "elided",
        "elided_more",
        "resumed",
        "resumed_word",
        "talk_on",
        "comment",
        "bracket_key",
        "talk_blank",
        "invisible",
        "tag_other",
        "marker_other",
        "rule",
        "apart",
        "apart_rule",
        "apart_within",
        "apart_short",
        "apart_templated",
        "role_glued",
        "remark",
        "at_break_marks",
        "empty_line",
        "near_blank",
        "lost_token",
        "lost_indent",
        "lost_margin",
        "lost_other",
        "fence_closed",
    ]
)
"""Weights of what the documents have too little of."""
_MODULES = ("readings", "starts", "spacing", "peels", "apart", "code", "resumed", "spoken", "traces", "opener")
_WIDEST = math.log(8.0)
_LEAST = 1.5
"""Bits that a weight may move as easily as a larger one moves by its own size."""


class Traced(float):
    """A number that knows which weights it is a sum of, and how often each is in it."""

    parts: Mapping[str, float]

    def __new__(cls, value: float, parts: Mapping[str, float]) -> Traced:
        self = super().__new__(cls, value)
        self.parts = parts
        return self

    def _plus(self, other: float, sign: float, own: float = 1.0) -> Traced:
        parts = {name: own * count for name, count in self.parts.items()}
        for name, count in parts_of(other).items():
            parts[name] = parts.get(name, 0.0) + sign * count
        return Traced(own * float(self) + sign * float(other), parts)

    def __add__(self, other: float) -> Traced:
        return self._plus(other, 1.0)

    __radd__ = __add__

    def __sub__(self, other: float) -> Traced:
        return self._plus(other, -1.0)

    def __rsub__(self, other: float) -> Traced:
        return self._plus(other, 1.0, -1.0)

    def __mul__(self, other: float) -> Traced:  # of two weights, the second counts as a number
        return Traced(float(self) * float(other), {name: count * float(other) for name, count in self.parts.items()})

    __rmul__ = __mul__

    def __truediv__(self, other: float) -> Traced:
        return Traced(float(self) / float(other), {name: count / float(other) for name, count in self.parts.items()})

    def __neg__(self) -> Traced:
        return self * -1.0


def parts_of(number: float) -> Mapping[str, float]:
    """The weights in a number; none in a common one."""
    return number.parts if isinstance(number, Traced) else {}


class _Prices:
    """The prices of `prior.PRIOR`, each of which says its name."""

    def __getattr__(self, name: str) -> Traced:
        return Traced(getattr(prior.PRIOR, name), {name: 1.0})


@contextlib.contextmanager
def traced() -> Iterator[None]:
    """Prices remember what they are made of."""
    modules: list[Any] = [importlib.import_module(f"continuum._core.stitch.{name}") for name in _MODULES]
    for module in modules:
        module.PRIOR = _Prices()
    try:
        yield
    finally:
        for module in modules:
            module.PRIOR = prior.PRIOR


class Choice(NamedTuple):
    """One reading of a reply: its price, the weights in it, and whether it gives the right text."""

    bits: float
    parts: Mapping[str, float]
    right: bool


def choices(case: Case) -> list[Choice]:
    """All readings of the reply of a case with one join; empty if none is right, or if it has no right text."""
    if len(case.chunks) != 2 or case.expect == "gap":
        return []
    left, reply = case.chunks
    found = []
    for reading in Readings(Before(left), reply, True).found:
        text = left + reading.inserted + reply[reading.cut :]
        closed = text[len(case.gold) :].strip("`~ \n") == ""  # the end of a wrapper is taken off elsewhere
        right = text.startswith(case.gold) and closed
        found.append(Choice(float(reading.bits), parts_of(reading.bits), right))
    return found if any(choice.right for choice in found) else []


def read(found: Sequence[Case]) -> list[list[Choice]]:
    """The choices of all cases that have one to make."""
    with traced():
        return [made for made in map(choices, found) if len(made) > 1]


class Fitted(NamedTuple):
    """What a fit has found.

    Attributes:
        weights: in bits.
        sharp: halvings of the chance for each bit.
        loss: natural logarithms of the chances of the right readings, averaged, without their sign.
    """

    weights: dict[str, float]
    sharp: float
    loss: float


def fit(made: Sequence[Sequence[Choice]], near: float, sharp: float = prior.PRIOR.sharp) -> Fitted:
    """The weights under which the right readings are likeliest.

    Args:
        made: the choices.
        near: how hard it is for a weight to move by its own size, in the loss of so many joins; 0 leaves it free.
        sharp: where the search for the halvings of a chance for each bit begins.

    Raises:
        ModuleNotFoundError: scipy, which searches, is not installed.
    """
    import numpy as np
    from scipy.optimize import minimize

    names = sorted({name for readings in made for choice in readings for name in choice.parts} - BY_HAND)
    index = {name: i for i, name in enumerate(names)}
    start = np.array([getattr(prior.PRIOR, name) for name in names])
    rows = [choice for readings in made for choice in readings]
    observed = np.zeros((len(rows), len(names)))
    for i, choice in enumerate(rows):
        for name, count in choice.parts.items():
            if name in index:
                observed[i, index[name]] = count
    rest = np.array([choice.bits for choice in rows]) - observed @ start
    right = np.array([choice.right for choice in rows])
    sizes = np.array([len(readings) for readings in made])
    begins = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    scale = np.maximum(np.abs(start), _LEAST)
    hold = near / len(sizes)

    def total(scores: Any) -> tuple[Any, Any]:
        highest = np.maximum.reduceat(scores, begins)
        each = np.exp(scores - np.repeat(highest, sizes))
        sums = np.add.reduceat(each, begins)
        return np.log(sums) + highest, each / np.repeat(sums, sizes)

    def loss(moved: Any) -> tuple[float, Any]:
        rate = math.log(2.0) * math.exp(moved[-1])
        scores = -rate * (rest + observed @ (start + moved[:-1] * scale))
        of_all, shares = total(scores)
        of_right, right_shares = total(np.where(right, scores, -1e9))
        value = float((of_all - of_right).mean() + hold * (moved[:-1] ** 2).sum())
        change = (shares - right_shares) / len(sizes)
        slope = -rate * (observed.T @ change) * scale + 2.0 * hold * moved[:-1]
        return value, np.append(slope, (change * scores).sum())

    first = np.append(np.zeros(len(names)), math.log(sharp))
    # Few joins may all come out right: then a chance could be halved without end, and the search would run off.
    bounds = [(None, None)] * len(names) + [(first[-1] - _WIDEST, first[-1] + _WIDEST)]
    best = minimize(loss, first, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 600})
    weights = dict(zip(names, map(float, start + best.x[:-1] * scale), strict=True))
    return Fitted(weights, math.exp(best.x[-1]), float(best.fun))


def judge(made: Sequence[Sequence[Choice]], weights: Mapping[str, float], sharp: float) -> tuple[float, float]:
    """The share of joins whose cheapest reading is right under these weights, and the loss."""
    good, loss = 0, 0.0
    for readings in made:
        bits = [
            choice.bits + sum(n * (weights[name] - getattr(prior.PRIOR, name)) for name, n in choice.parts.items()
                              if name in weights)
            for choice in readings
        ]  # fmt: skip
        least = min(bits)
        chances = [2.0 ** (-sharp * min(b - least, 300.0)) for b in bits]
        good += readings[bits.index(least)].right
        loss -= math.log(
            sum(chance for chance, choice in zip(chances, readings, strict=True) if choice.right) / sum(chances)
        )
    return good / len(made), loss / len(made)


def held_back(name: str, share: float) -> bool:
    """Whether a document is among those that are held back; always the same ones."""
    return hashlib.sha256(name.encode()).digest()[0] < 256 * share


def write(weights: Mapping[str, float], path: Path) -> None:
    """Put weights in the place of those in the file, rounded."""
    text = path.read_text(encoding="utf-8")
    for name, bits in weights.items():
        text = re.sub(rf"(?m)^(    {name}: float = )-?[\d.]+", rf"\g<1>{bits:.2f}", text)
    path.write_text(text, encoding="utf-8")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(
        prog="python -m benchmarks.stitch.fit", description=(__doc__ or "").partition("\n")[0]
    )
    found.add_argument("--corpus", type=Path, metavar="DIR", help="text files instead of the built-in documents")
    found.add_argument("--cases", type=Path, metavar="PATH", action="append", default=[], help="ready-made cases, too")
    found.add_argument("--seed", type=int, default=1, help="of the cases (default 1)")
    found.add_argument("-n", "--n", type=int, default=40, help="cases of each behaviour (default 40)")
    found.add_argument("--held", type=float, default=0.2, help="share of the documents held back (default 0.2)")
    found.add_argument("--near", type=float, default=30.0, help="how hard a weight moves (default 30; 0: freely)")
    found.add_argument("--write", action="store_true", help="put the weights into continuum/_core/stitch/prior.py")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, judge, print."""
    chosen = parser().parse_args(arguments)
    texts = documents.folder(chosen.corpus) if chosen.corpus else documents.standard()
    found = cases.generate(texts, chosen.seed, chosen.n)
    for path in chosen.cases:
        found += cases.load(path, seed=chosen.seed, count=chosen.n)
    seen = read([case for case in found if not held_back(case.document, chosen.held)])
    unseen = read([case for case in found if held_back(case.document, chosen.held)])
    if not seen:
        raise SystemExit("no case is left to learn from; take more documents, more cases (-n), or a smaller --held")
    there = {name: getattr(prior.PRIOR, name) for name in prior.Prior._fields}
    new = fit(seen, chosen.near)
    rows = []
    for what, made in (("learnt from", seen), ("held back", unseen)):
        if made:
            before, after = judge(made, there, prior.PRIOR.sharp), judge(made, new.weights, new.sharp)
            rows.append([what, len(made), f"{before[0]:.1%}", f"{after[0]:.1%}", f"{before[1]:.3f}", f"{after[1]:.3f}"])
    print(table(["joins", "number", "right before", "right after", "loss before", "loss after"], rows))
    moved = sorted(new.weights.items(), key=lambda item: -abs(item[1] - there[item[0]]))
    print()
    print(table(["price", "before", "after"], [[name, f"{there[name]:.2f}", f"{bits:.2f}"] for name, bits in moved]))
    print(f"\nHalvings of the chance for each bit: {prior.PRIOR.sharp:.2f} before, {new.sharp:.2f} after.")
    if chosen.write:
        write({**new.weights, "sharp": new.sharp}, Path(prior.__file__))


if __name__ == "__main__":
    main()
