"""What it costs, and what it brings, to ask again where a join is in doubt (`Policy.reask`).

Every sample document is drafted at several caps by the simulated provider, in this process. Where the provider is
asked to go on it begins with the anchor in `obeys` of all cases, independently each time; otherwise it goes on badly in
one of the ways that real models do: without the anchor, from the next sentence (which loses the end of this one), from
the beginning of the line, or with other words before. Nothing is timed: the figures are shares and token counts, and
the same on every machine.

* whole: the text is the document, character for character.
* wrong joins: per run, those around which the text does not stand in the document so; flagged: `ambiguous` or `gap`.
* output, input: tokens billed, as a multiple of the same runs without re-asking.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from openai import OpenAI

import continuum
from benchmarks import _common as common
from continuum.testing import SimulatedProvider, sample_documents

if TYPE_CHECKING:
    from continuum.testing import RequestInfo

BAD = ("no_anchor", "drop_clause", "drop_clause", "restart:line", "overlap:30", "reopen_fence")
CAPS = (60, 120, 250)


class Score(NamedTuple):
    """The sums over all runs of one row."""

    runs: int
    whole: int
    flagged: int
    unflagged: int
    asked_again: int
    output: int
    input: int


def joined(text: str, offset: int, document: str) -> bool:
    """Whether the text around a place is text of the document."""
    return text[max(0, offset - 24) : offset + 24] in document


def measure(reask: int, obeys: float, seeds: int) -> Score:
    """Draft everything with one setting."""
    documents = sample_documents()
    total = Score(0, 0, 0, 0, 0, 0, 0)
    for seed in range(seeds):
        generator = random.Random(seed)

        def behave(info: RequestInfo, generator: random.Random = generator) -> str:
            # Drawn in the same order for every setting until the first re-ask.
            good, bad = generator.random() < obeys, generator.choice(BAD)
            return "exact" if good or not info.round else bad

        with SimulatedProvider(documents, behaviours=behave, record=False, chunk_tokens=8) as server:
            client = OpenAI(base_url=server.openai_base_url, api_key="none")
            for name, document in documents.items():
                for cap in CAPS:
                    result = continuum.complete(
                        client,
                        policy=continuum.Policy(reask=reask, max_rounds=200),
                        model="simulated",
                        messages=[{"role": "user", "content": f"Write it. [doc:{name}]"}],
                        max_tokens=cap,
                    )
                    wrong = [seam for seam in result.seams if not joined(result.text, seam.offset, document)]
                    flagged = sum(seam.ambiguous or seam.kind == "gap" for seam in wrong)
                    row = (
                        1, result.text == document, flagged, len(wrong) - flagged,
                        sum(segment.reason == "reask" for segment in result.segments),
                        result.usage.output_tokens, result.usage.input_tokens,
                    )  # fmt: skip
                    total = Score(*(a + b for a, b in zip(total, row, strict=True)))
    return total


def main() -> None:
    """Measure and print the table."""
    options = common.parser(__doc__, runs=3).parse_args()
    rows: list[list[str]] = []
    for obeys in (1.0, 0.7, 0.5, 0.0):
        plain: Score | None = None
        for reask in (0, 1, 2):
            score = measure(reask, obeys, options.runs)
            plain = plain or score
            rows.append(
                [
                    f"{obeys:.0%}",
                    str(reask),
                    f"{score.whole / score.runs:.1%}",
                    f"{score.flagged / score.runs:.2f}",
                    f"{score.unflagged / score.runs:.2f}",
                    f"{score.asked_again / score.runs:.2f}",
                    f"{score.output / plain.output:.3f}",
                    f"{score.input / plain.input:.3f}",
                ]
            )
    header = [
        "obeys",
        "`reask`",
        "whole",
        "wrong joins, flagged",
        "wrong joins, not flagged",
        "asked again per run",
        "output",
        "input",
    ]
    common.report("Asking again", common.table(header, rows), {"rows": rows}, options.json)


if __name__ == "__main__":
    main()
