"""More behaviours, by people who had not seen the rules of the stitcher; in parts, by how much was seen of them since.

Three authors wrote them, out of what they know of models. The `known` ones were looked at afterwards, and rules were
made for some of what they showed. The `unknown` ones were not read by anybody who makes rules; their names and figures
were seen, and said where to look further. Of the `unseen` ones nothing but their sum was seen, after the last rule was
made.

To maintainers: keep it so. Do not read `unknown`, `unknown_more` and `unseen`, do not search them for what comes out
wrong, and make no rule for them; the command prints nothing of them but sums. If one is looked at all the same, it is
known from then on, and new ones have to come from somebody else.

Some of these replies put a note behind the text. How much white space the text had before the note cannot be known, so
white space at the end does not count in this set: a join is right if the joined text and the original are equal without
it. Which model is said to do what is the authors' impression: nothing here is recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.stitch.strangers import known, known_more, unknown, unknown_more, unseen

if TYPE_CHECKING:
    from benchmarks.stitch.behaviours import Behaviour


def _together(first: dict[str, Behaviour], second: dict[str, Behaviour]) -> dict[str, Behaviour]:
    """The behaviours of two authors, who may have given one name to two."""
    return first | {f"{name}_again" if name in first else name: behaviour for name, behaviour in second.items()}


PARTS: dict[str, dict[str, Behaviour]] = {
    "known": _together(known.ALL, known_more.ALL),
    "unknown": _together(unknown.ALL, unknown_more.ALL),
    "unseen": unseen.ALL,
}
"""What models do at a join, by people who had not seen the rules, by how much was seen of it."""
