"""How often real models do what: the weights of the realistic mix.

The stress mix takes every behaviour as often as any other. This one takes each as often as a recorded reply to a
user turn that asked for no anchor began in that way. The replies come with the benchmark (`recordings.DATA`); a small
model wrote them, and a large one does far better.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

BEHAVIOURS: dict[str, tuple[str, ...]] = {
    "goes on": ("exact",),
    "anchor": ("overlap_words", "overlap_lines"),
    "talk": ("talk", "talk_and_overlap"),
    "restart": ("restart", "section_again"),
    "says again": ("overlap_words", "overlap_characters", "overlap_lines", "changed_words"),
    "new fence": ("fence", "fence_again"),
    "new sentence": ("new_sentence",),
    "nothing": ("nothing_new",),
}
"""Which simulated behaviours stand for what a real reply began with, in equal parts."""


def weights(counts: Mapping[str, int]) -> dict[str, float]:
    """Weights of behaviours, out of how often replies began with what."""
    found: dict[str, float] = {}
    for kind, count in counts.items():
        names = BEHAVIOURS[kind]
        for name in names:
            found[name] = found.get(name, 0.0) + count / len(names)
    return found
