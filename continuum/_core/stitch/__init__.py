"""Joins the replies of a cut-off answer into one text."""

from continuum._core.stitch.boundary import choose_anchor, safe_end
from continuum._core.stitch.decide import Join
from continuum._core.stitch.joiner import Joined, Joiner, seams_of, stitch
from continuum._core.stitch.structure import Structure, open_structure

__all__ = ["Join", "Joined", "Joiner", "Structure", "choose_anchor", "open_structure", "safe_end", "seams_of", "stitch"]
