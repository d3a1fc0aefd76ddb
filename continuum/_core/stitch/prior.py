"""The prior prices of all readings, in bits, in one place.

A price is how much rarer a behaviour is than taking the reply as it stands. The order of magnitude comes from
recorded replies of models; the figures were then fitted on joins of documents cut at token boundaries.
"""

from __future__ import annotations

from typing import NamedTuple


class Prior(NamedTuple):
    """Prices in bits. Lower is likelier; 0 is the plain reading.

    Attributes:
        in_place: discount of the plain reading where the server went on in place.
        overlap, near, contained: a repeat word for word, with changes (`unnatural` more where no line,
            sentence or word begins), of a part that ends before the text does.
        own, own_share, own_long, own_slope, own_most: what a repeat with changes gains for each character that only
            the end of the text has and the reply says again: nothing below a share of them (`own_share`, in a long
            repeat up to `own_long` more, for there a few changes spoil little), `own_most` in all; in prose at least
            what its words would have cost, from `own_slope` above that share on.
        whole, line, far, lines, indent, sentence, ideograph, word, words, space, mark, inside, blank, blank_run:
        where a repeat
            begins: at the start of the text, of a line (plus `lines` for each line more, and `far` in a text of
            equal lines), behind its indent, at a
            sentence, between ideographs, at a word (plus `words` for each doubling of their number), at a space, at
            a mark,
            inside a word, at a blank line, and for white space that is all the repeat consists of.
        edit, skipped, number, foreign, foreign_each, unsure: a difference, each character of it, one of numbers,
        unmatched
            characters in front, each of them, and an end that could not be seen.
        lost, lost_line, lost_habit, lost_loose, known_word, two_words: white space that was lost: its price, more
        for a line
            break, less where the text has the habit, less behind something peeled, what the words of the text say,
            and a capital behind a small letter in a text that has none,
            whether a line of wrapped prose is full,
            and what a word that never came up says against dropping a blank.
        glue, glue_new: what two words say against dropping the blank between them, more in a text that has just begun.
        extra, extra_loose: white space that was added, on its own or behind something peeled.
        ellipsis, quotation, marker, number_marker, table, heading: what was peeled.
        bracket, bracket_colon, json_head: JSON brackets opened again, behind a colon, or with the head of the document.
        fence, fence_bare, fence_code, fence_line, fence_text: a fence with an info string or in mid-line inside an open
            one, a bare one there, one around code in mid-line or at a line start, one in a text that has fences.
        talk, talk_slope, talk_space: talk with a score of 6, each point more, and only a space behind it.
        run: a repeat that is a run of one or two characters.
        doubled: what saying a stretch again costs at most where the text has said as long a stretch twice before.
        aligned: a repeat that begins behind the same character as the text ends with.
        doubt_near: the `doubt` of keeping text that may be a long repeat with changes.
        tie: readings closer than this are as good; the one that drops least wins.
        doubt: a plain join whose next best reading is closer than this waits for more text.
        doubt_lost, doubt_peel, doubt_blank, doubt_kept, doubt_edited, doubt_aligned, doubt_changed, doubt_said,
        doubt_character: a join whose next best reading is closer than this is ambiguous: of lost white space, behind
            a peel or against a repeat, plain against lost white space, plain against a peel or a changed repeat, a
            repeat with other words, of a unit that may come twice, with other marks, word for word, of one or two
            characters. Fitted so that about a fifth of the joins just below are wrong.
        hold: a plain join that fits worse than this waits for more text before it flows.
        gap, misfit: a plain join that fits worse than this is taken for a gap, or is ambiguous (`misfit_behind`:
            behind a peel, or in a text that has just begun); with `_anchor` where
        an anchor
            was asked for and did not come.
    """

    in_place: float = -10.0
    overlap: float = 5.24
    at_start: float = -1.08
    at_line: float = -2.36
    at_blank: float = -5.69
    at_indent: float = 3.72
    at_space: float = 1.12
    at_sentence: float = 0.51
    at_word: float = 2.46
    at_ideograph: float = 3.38
    at_mark: float = 5.49
    at_inside: float = 7.45
    at_word_words: float = -2.07
    at_space_words: float = 2.74
    news: float = 0.47
    more_news: float = 1.14
    longer: float = 0.67
    much_longer: float = -0.13
    one: float = -3.57
    two: float = -3.19
    templated: float = 1.59
    templated_lines: float = -0.44
    templated_news: float = 0.27
    doubled: float = 5.32
    doubled_news: float = -0.12
    earlier: float = -1.65
    said_after: float = 1.20
    near: float = 2.29
    unnatural: float = 9.63
    own: float = 0.73
    own_share: float = 0.17
    own_slope: float = 0.25
    own_long: float = 0.35
    own_most: float = 40.99
    contained: float = 18.18
    whole: float = 0.97
    line: float = 1.27
    lines: float = -0.92
    indent: float = 2.66
    sentence: float = 4.64
    ideograph: float = 5.00
    word: float = 2.36
    words: float = -0.37
    near_words: float = 1.49
    space: float = 6.55
    mark: float = 7.19
    inside: float = 6.52
    blank: float = 4.28
    blank_run: float = 0.5
    edit: float = -0.68
    skipped: float = 0.42
    number: float = 4.19
    foreign: float = 2.92
    foreign_each: float = 0.41
    unsure: float = 5.00
    lost: float = 3.03
    lost_line: float = 0.81
    lost_habit: float = 1.95
    lost_loose: float = 1.28
    known_word: float = 5.13
    two_words: float = 4.31
    extra: float = 6.46
    extra_loose: float = 6.02
    ellipsis: float = 3.39
    quotation: float = 4.74
    marker: float = 1.75
    number_marker: float = 1.62
    table: float = 0.99
    heading: float = 4.24
    bracket: float = 2.21
    bracket_colon: float = 5.11
    json_head: float = 3.08
    fence: float = 0.94
    fence_bare: float = 6.97
    fence_code: float = 1.96
    fence_line: float = 6.62
    fence_text: float = 25.17
    talk: float = 2.99
    talk_slope: float = 5.34
    talk_space: float = 3.61
    run: float = 13.22
    glued: float = 2.56
    glue: float = 2.59
    glue_new: float = 3.91
    one_word: float = 1.69
    wrapped: float = 2.77
    aligned: float = 0.0
    doubt_near: float = 14.0
    doubt_lost: float = 4.0
    doubt_peel: float = 2.0
    doubt_blank: float = 10.0
    doubt_kept: float = 6.0
    doubt_edited: float = 8.0
    doubt_aligned: float = 12.0
    doubt_changed: float = 3.0
    doubt_said: float = 4.0
    doubt_character: float = 1.0
    tie: float = 0.5
    doubt: float = 4.0
    gap: float = 5.9
    gap_anchor: float = 2.0
    misfit: float = 0.5
    misfit_behind: float = 4.5
    hold: float = 4.0
    misfit_anchor: float = -0.5


PRIOR = Prior()
