"""Tables, the file of kept figures, and the block of the README that is made of it."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks._common import table
from benchmarks.stitch.real import KINDS, VERDICTS
from benchmarks.stitch.recordings import WAYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from benchmarks.stitch.cases import Case
    from benchmarks.stitch.protocol import Protocol
    from benchmarks.stitch.recordings import RealJoin
    from benchmarks.stitch.score import Row, Scores

CONTINUUM = "**continuum**"
FIGURES = Path(__file__).with_name("figures.json")
"""The figures that the README shows."""
README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- joins -->", "<!-- end of joins -->"

_STRESS = ["", "right %", "wrong, not flagged %", "flagged %", "characters deleted", "left double", "CPU ms a join"]
_MIX = ["mix: right %", "mix: wrong, not flagged %"]


def percent(part: float, whole: float) -> str:
    """A share with one figure behind the point; nothing of nothing is a dash."""
    return f"{100 * part / whole:.1f}" if whole else "–"


# ------------------------------------------------------------------------------------------------- simulated joins


def figures_of(scores: Scores, weights: Mapping[str, float]) -> dict[str, Any]:
    """What is kept of one stitcher: sums, and its shares in the realistic mix."""
    from benchmarks.stitch.score import weighted

    return {
        "all": scores.total().to_dict(),
        "without_gaps": scores.total(gaps=False).to_dict(),
        "mix": {name: round(share, 4) for name, share in weighted(scores.behaviours, weights).items()},
        "behaviours": {name: row.to_dict() for name, row in scores.behaviours.items()},
        "kinds": {name: row.to_dict() for name, row in scores.kinds.items()},
        "confidences": {name: row.to_dict() for name, row in sorted(scores.confidences.items())},
        "decided_on": dict(scores.held),
    }


def simulated_table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """One row for each stitcher. Right: of the joins where nothing is missing."""
    lines, mixed = [], any(row["mix"] for row in rows.values())
    for name, row in rows.items():
        whole, judged, mix = row["all"], row["without_gaps"], row["mix"]
        lines.append([
            name,
            percent(judged["right"], judged["cases"]),
            percent(whole["unflagged"], whole["cases"]),
            percent(whole["flagged"], whole["cases"]),
            f"{whole['deleted']:,}",
            f"{whole['doubled']:,}",
            f"{whole['ms']['median']:.2f}" if "ms" in whole else "–",
            *([percent(mix["right"], 1), percent(mix["unflagged"], 1)] if mix else []),
        ])  # fmt: skip
    return table([*_STRESS, *(_MIX if mixed else [])], lines)


def split_table(rows: Mapping[str, Mapping[str, Any]], by: str) -> str:
    """Continuum's figures by behaviour, kind of document or confidence, with the best of the others beside it."""
    ours = rows[CONTINUUM][by]
    header = [
        by.rstrip("s"),
        "joins",
        "right %",
        "wrong, not flagged",
        "flagged",
        "deleted",
        "left double",
        "best other",
    ]
    lines = []
    for name, row in ours.items():
        others = [
            (other[by][name]["right"], label)
            for label, other in rows.items()
            if label != CONTINUUM and name in other[by]
        ]
        best = max(others, default=None, key=lambda pair: pair[0])
        lines.append([
            name, row["cases"], percent(row["right"], row["cases"]), row["unflagged"], row["flagged"],
            row["deleted"], row["doubled"],
            f"{percent(best[0], row['cases'])} ({best[1]})" if best and best[0] else "–",
        ])  # fmt: skip
    return table(header, lines)


def parts_table(parts: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """One row for each stitcher, with what is right and what is wrong and not flagged in each part of a set."""
    header, lines = [""], {name: [name] for rows in parts.values() for name in rows}
    for part, rows in parts.items():
        header += [f"{part}: right %", f"{part}: wrong, not flagged %"]
        for name, row in rows.items():
            lines[name] += [percent(row["all"][figure], row["all"]["cases"]) for figure in ("right", "unflagged")]
    return table(header, list(lines.values()))


def notes(ours: Mapping[str, Any]) -> str:
    """What the table of continuum's joins has no column for: gaps, text that is left alone, how soon it decides."""
    row, decided = ours["all"], ours["decided_on"]
    others = row["cases"] - row["gaps"]
    alone = [
        f"`{name}` {percent(found['right'], found['cases'])} %"
        for name in ("exact", "square", "lookalike", "legit_lookalike")
        if (found := ours["behaviours"].get(name))
    ]
    return (
        (f"Nothing to repair, and nothing changed: {', '.join(alone)}. " if alone else "")
        + "Decided on 512 characters of the reply or fewer: "
        f"{percent(decided.get('512 or less', 0), sum(decided.values()))} %. "
        f"Of {row['gaps']} joins where text is missing, {percent(row['gaps_found'], row['gaps'])} % are flagged as a "
        f"gap, {percent(row['gaps_flagged'], row['gaps'])} % as a gap or ambiguous; "
        f"of the {others:,} others, {percent(row['alarms'], others)} % are flagged as a gap."
    )


def show_failures(count: int, found: Sequence[Case]) -> None:
    """Show the first joins that came out wrong."""
    from benchmarks.stitch.score import continuum_join

    for case in found:
        if count <= 0:
            return
        outcome = continuum_join(case)
        if outcome.gap if case.expect == "gap" else case.came_out(outcome.text):
            continue
        count -= 1
        mark = " ambiguous" * outcome.ambiguous + " gap" * outcome.gap
        at = next((i for i, (a, b) in enumerate(zip(outcome.text, case.gold, strict=False)) if a != b), 0)
        at = at or min(len(outcome.text), len(case.gold))
        print(f"\n{case.id} ({case.document or case.kind}), joined {', '.join(outcome.kinds)}{mark or ' not flagged'}")
        print(f"    text  {case.chunks[-2][-100:]!r}\n    reply {case.chunks[-1][:160]!r}")
        print(
            f"    got   {outcome.text[max(0, at - 40) : at + 80]!r}\n    right {case.gold[max(0, at - 40) : at + 80]!r}"
        )


def protocol_figures(runs: Mapping[tuple[float, bool], Protocol], weights: Mapping[str, float]) -> list[dict[str, Any]]:
    """What is kept of the engine's way of asking."""
    from benchmarks.stitch.score import total, weighted

    found = []
    for (obey, reask), run in runs.items():
        row: Row = total(run.rows.values())
        found.append({
            "obey": obey, "reask": reask, **{k: v for k, v in row.to_dict().items() if k != "ms"},
            "mix": {name: round(share, 4) for name, share in weighted(run.rows, weights).items()},
            "joins": run.joins, "misbehaved": run.misbehaved, "reasked": run.reasked,
            "tokens": run.tokens, "thrown": run.thrown, "anchors": run.anchors,
        })  # fmt: skip
    return found


def protocol_table(runs: Sequence[Mapping[str, Any]]) -> str:
    """One row for each way to ask; gaps that stay count as right if they are flagged."""
    header = [
        "anchor asked for, obeyed", "asked again when in doubt", "right %", "wrong, not flagged %", "flagged %",
        "gaps that stay: flagged", "false gap alarms %", "asked again, of 100 joins", "tokens more %", "mix: right %",
        "mix: wrong, not flagged %",
    ]  # fmt: skip
    lines = [
        [
            f"{100 * run['obey']:.0f} %", "once" if run["reask"] else "no",
            percent(run["right"], run["cases"]), percent(run["unflagged"], run["cases"]),
            percent(run["flagged"], run["cases"]), f"{run['gaps_flagged']} of {run['gaps']}",
            percent(run["alarms"], run["cases"] - run["gaps"]), percent(run["reasked"], run["joins"]),
            percent(run["thrown"] + run["anchors"], run["tokens"]),
            *([percent(run["mix"]["right"], 1), percent(run["mix"]["unflagged"], 1)] if run["mix"] else ["–", "–"]),
        ]
        for run in runs
    ]  # fmt: skip
    return table(header, lines)


# ------------------------------------------------------------------------------------------------------ real joins


def _misbehaved(found: Mapping[str, Any]) -> str:
    """How many replies did not go on as they should, where half of them obeyed."""
    runs = [run for run in found["protocol"]["runs"] if run["obey"] == 0.5]
    return f"{100 * runs[0]['misbehaved'] / runs[0]['joins']:.0f}" if runs else "–"


def real_figures(found: Iterable[RealJoin]) -> dict[str, Any]:
    """Counts of real joins, by way of asking."""
    ways: dict[str, dict[str, Any]] = {}
    for join in found:
        way = ways.setdefault(
            join.way,
            {"joins": 0, "kinds": Counter(), "found": Counter(), "plain": Counter(), "bad": 0, "bad_flagged": 0,
             "good_flagged": 0},
        )  # fmt: skip
        good = join.found in ("equal", "reads on", "nothing new")
        way["joins"] += 1
        way["kinds"][join.kind] += 1
        way["found"][join.found] += 1
        way["plain"][join.plain] += 1
        way["bad"] += not good
        way["bad_flagged"] += not good and join.flagged
        way["good_flagged"] += good and join.flagged
    last = list(WAYS.values())[1:]
    order = sorted(ways, key=lambda way: last.index(way) if way in last else -1 if way != "in place" else -2)
    plain = {way: {k: dict(v) if isinstance(v, Counter) else v for k, v in ways[way].items()} for way in order}
    return {"ways": plain}


def real_tables(figures: Mapping[str, Any]) -> str:
    """What the replies began with, and how the joins read."""
    ways = figures["ways"]
    kinds = [kind for kind in KINDS if any(row["kinds"].get(kind) for row in ways.values())]
    began = table(
        ["the reply begins with", "joins", *kinds],
        [[way, row["joins"], *(row["kinds"].get(kind, 0) for kind in kinds)] for way, row in ways.items()],
    )
    return f"{began}\n\n{real_table(figures)}"


def real_table(figures: Mapping[str, Any]) -> str:
    """How the first joins read, plain and joined by continuum, and what is flagged."""
    verdicts = [
        v for v in VERDICTS if any(row[k].get(v) for row in figures["ways"].values() for k in ("found", "plain"))
    ]
    rows = []
    for way, row in figures["ways"].items():
        plain = [row["plain"].get(verdict, 0) for verdict in verdicts]
        rows.append([way, "plain", row["joins"], *plain, "–", "–"])
        flagged = [f"{row['bad_flagged']} of {row['bad']}", f"{row['good_flagged']} of {row['joins'] - row['bad']}"]
        rows.append([way, "continuum", row["joins"], *(row["found"].get(v, 0) for v in verdicts), *flagged])
    header = ["first joins, asked for", "joined", "joins", *verdicts, "bad and flagged", "good but flagged"]
    return table(header, rows)


def real_list(found: Iterable[RealJoin]) -> str:
    """Every join in two lines, to be read by people."""
    lines = []
    for join in found:
        mark = " FLAGGED" if join.flagged else ""
        lines.append(
            f"{join.way} / {join.prompt}: {join.kind}; joined {join.join}: {join.found}{mark}; plain: {join.plain}"
        )
        lines.append(f"    {join.text[0]!r} >>> {join.text[1]!r}")
    return "\n".join(lines)


# ------------------------------------------------------------------------------------------------- what is kept


def kept() -> dict[str, Any]:
    """The kept figures."""
    found: dict[str, Any] = json.loads(FIGURES.read_text(encoding="utf-8"))
    return found


def keep(found: Mapping[str, Any]) -> None:
    """Keep these figures, and write the README's block anew."""
    FIGURES.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    text = README.read_text(encoding="utf-8")
    README.write_text(with_block(text, block(found)), encoding="utf-8")


def with_block(text: str, new: str) -> str:
    """The README with its block replaced.

    Raises:
        ValueError: the marks are not there, once each and in order.
    """
    head, begin, rest = text.partition(f"{BEGIN}\n")
    _, end, tail = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in tail:
        raise ValueError(f"the README has no single block between {BEGIN} and {END}")
    return f"{head}{begin}{new}\n{end}{tail}"


def block(found: Mapping[str, Any]) -> str:
    """The README's block, made of kept figures alone."""
    parts = []
    if "simulated" in found:
        simulated = found["simulated"]
        missing = f" Not measured: {', '.join(simulated['missing'])}." if simulated["missing"] else ""
        parts += [
            f"`python -m benchmarks.stitch` (Python {simulated['python']}, seed {simulated['seed']}): "
            f"{simulated['cases']:,} simulated joins of {simulated['documents']} documents that every Python "
            f"installation has, {simulated['behaviours']} behaviours as often as each other. *Right*: the original "
            f"text, character for character, at the {simulated['judged']:,} joins where nothing is missing. *Mix*: the "
            f"behaviours weighed as often as {simulated['mix_size']} recorded replies of a small model to a user turn "
            f"began so; there a gap is right if it is flagged as one.{missing}",
            simulated_table(simulated["rows"]),
            notes(simulated["rows"][CONTINUUM]),
        ]
    if "protocol" in found:
        parts += [
            "As the engine runs it: the text is shown up to the last whole sentence, line or element, the reply is "
            "asked to begin with the last words of that, and does so with the probability given (one in five of them "
            "inexactly); otherwise it does what the behaviours do, where they fit (at 50 % in "
            f"{_misbehaved(found)} of 100 replies). A gap that stays counts as right if it is flagged as one.",
            protocol_table(found["protocol"]["runs"]),
        ]
    if "real" in found:
        real = found["real"]
        parts.append(
            "Real replies: SmolLM2-135M, first joins of cut answers, recorded (`python -m benchmarks.stitch.local` "
            "asks it anew). *Equal* goes on as the single answer does; *reads on* breaks off no clause, repeats "
            "nothing and does not talk to the user, by rules that look at the characters alone. Of the replies that "
            f"the engine asked to begin with an anchor {real['obeyed'][0]} of {real['obeyed'][1]} did. The last "
            "three ways are the same model under a repetition penalty, all of the text shown."
        )
        parts.append(real_table(real))
    wrapped = [part if part.startswith("|") else textwrap.fill(part, 120, break_on_hyphens=False) for part in parts]
    return "\n" + "\n\n".join(wrapped) + "\n"
