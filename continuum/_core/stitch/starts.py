"""Where in the text a repeat would begin, and how likely a model is to begin one there."""

from __future__ import annotations

from math import log2

from continuum._core.stitch.boundary import IDEOGRAPH
from continuum._core.stitch.lazy import lazy
from continuum._core.stitch.prior import PRIOR

_FEW = 48
"""Characters up to which any word may begin a repeat."""
_SAMPLE = 240
_FORM_WINDOW = 8000
_LINE_MARKS = " \t\r>*+-•#|"
_SENTENCE_END = lazy(r"[.!?][\"”’)*_]*\s+\Z|[。！？]\s*\Z")


def begins(left: str, index: int, words: float, size: int) -> float:
    """How unlikely it is that a model begins a repeat word for word of `size` characters at `index`.

    A few words are said again from any of them on; more of the text from where a line or sentence begins. What
    is longer and begins elsewhere the text rather says itself. `words`: log2 of their number, as far as eight.
    """
    if index <= 0:
        return PRIOR.at_start
    last, here = left[index - 1], left[index : index + 1]
    if last == "\n":
        return PRIOR.at_line if here.strip() else PRIOR.at_blank
    line = left.rfind("\n", max(0, index - 80), index)
    if line >= 0 and not left[line:index].strip() and here.strip():
        return PRIOR.at_indent
    if here.strip() and _SENTENCE_END.search(left, max(0, index - 6), index):
        return PRIOR.at_sentence
    if last.isspace() and here.strip():
        far = PRIOR.at_far * log2(size / _FEW) if size > _FEW else 0.0
        return PRIOR.at_word + PRIOR.at_word_words * words + far
    halvings = log2(size)
    if here == "\n":
        return PRIOR.at_break + PRIOR.at_break_size * halvings
    if last.isspace():
        return PRIOR.at_within + PRIOR.at_within_size * halvings
    if here.isspace():
        return PRIOR.at_space + PRIOR.at_space_size * halvings
    if IDEOGRAPH.match(last):
        return PRIOR.at_ideograph + PRIOR.at_ideograph_size * halvings
    if last.isalnum() != here.isalnum():
        return PRIOR.at_mark + PRIOR.at_mark_size * halvings
    return PRIOR.at_inside + PRIOR.at_inside_size * halvings


def begins_anew(left: str, index: int) -> bool:
    """Whether the text, a line or a sentence begins at `index`."""
    if index <= 0 or _SENTENCE_END.search(left, max(0, index - 6), index):
        return True
    near = max(0, index - 80)
    line = left.rfind("\n", near, index) + 1
    return (line > 0 or near == 0) and not left[line:index].strip(_LINE_MARKS)


def within_word(left: str, index: int) -> bool:
    """Whether `index` is inside a word, or between a mark and a letter: where nothing begins."""
    beside = left[max(0, index - 1) : index + 1]
    return len(beside) == 2 and not any(map(str.isspace, beside)) and not IDEOGRAPH.match(beside)


def start_bits(left: str, index: int, sure: float = 1.0) -> float:
    """How unlikely it is that a model begins its repeat at `index` of the text.

    The more lines it then has, the likelier: as far as it is `sure` that it repeats them, 0 to 1.
    """
    if index <= 0 or not left[: min(index, _SAMPLE)].strip():
        return PRIOR.whole
    before, here = left[index - 1], left[index : index + 1]
    if len(left) - index <= 8 and not left[index:].strip():
        return PRIOR.blank_run
    if before == "\n":
        return (PRIOR.line if here.strip() else PRIOR.blank) + sure * PRIOR.lines * min(
            10, left.count("\n", index, min(len(left) - 1, index + _FORM_WINDOW))
        )
    line = left.rfind("\n", max(0, index - 80), index)
    if line >= 0 and not left[line:index].strip():
        return PRIOR.indent if here.strip() else PRIOR.inside  # behind the indent
    words = PRIOR.near_words * log2(1 + min(64, len(left[index : index + 800].split()) or 1))
    if here.isspace():
        return (PRIOR.space if not before.isspace() else 2 * PRIOR.space) + words
    if IDEOGRAPH.match(before):
        return PRIOR.sentence if before in "。！？" else PRIOR.ideograph
    if before.isspace():
        if _SENTENCE_END.search(left, max(0, index - 6), index):
            return PRIOR.sentence
        return PRIOR.word + words
    return PRIOR.mark if before.isalnum() != here.isalnum() else PRIOR.inside
