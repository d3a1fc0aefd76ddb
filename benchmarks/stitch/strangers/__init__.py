"""A second set of behaviours, by somebody who had not seen the rules of the stitcher.

It was written in two halves, out of what its author knows of models. One half, `known`, was looked at afterwards, and
rules were made for some of what it showed. The other half, `unknown`, was not read by anybody who makes rules, only its
names and figures were seen: its sums say how the stitcher does with words that nobody had in mind.

To maintainers: keep it so. Do not read `unknown`, do not search it for what comes out wrong, and make no rule for it;
the command prints nothing of it but sums. If it is looked at all the same, it is a `known` half from then on, and a new
`unknown` one has to come from somebody else.

Some of these replies put a note behind the text. How much white space the text had before the note cannot be known, so
white space at the end does not count in this set: a join is right if the joined text and the original are equal without
it. All wordings are one author's, and which model is said to do what is that author's impression: nothing here is
recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.stitch.strangers import known, unknown

if TYPE_CHECKING:
    from benchmarks.stitch.behaviours import Behaviour

HALVES: dict[str, dict[str, Behaviour]] = {"known": known.ALL, "unknown": unknown.ALL}
