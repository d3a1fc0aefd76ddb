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
    overlap: float = 4.3
    at_start: float = -0.39
    at_line: float = -0.95
    at_blank: float = -2.66
    at_indent: float = 4.10
    at_space: float = 0.04
    at_sentence: float = 0.17
    at_word: float = 0.83
    at_ideograph: float = 0.97
    at_mark: float = 5.59
    at_inside: float = 8.36
    at_word_words: float = -0.67
    at_space_words: float = 8.46
    news: float = 0.49
    more_news: float = 0.81
    longer: float = 0.41
    much_longer: float = -0.08
    at_far: float = 1.47
    one: float = -3.31
    two: float = -1.43
    templated: float = 0.60
    templated_lines: float = -1.18
    templated_news: float = -0.01
    doubled: float = 3.56
    doubled_news: float = -0.01
    again: float = 4.22
    on: float = 3.63
    earlier: float = -1.30
    said_after: float = 0.69
    near: float = 0.89
    unnatural: float = 5.93
    near_templated: float = 0.23
    unnatural_near: float = 4.85
    next_number: float = 5.0
    near_far: float = 0.47
    own: float = 0.42
    own_share: float = 0.17
    own_slope: float = 0.25
    own_long: float = 0.35
    own_most: float = 25.90
    contained: float = 27.88
    whole: float = 0.21
    line: float = 0.21
    lines: float = -1.17
    indent: float = 0.83
    sentence: float = 1.33
    ideograph: float = 1.52
    word: float = 1.09
    words: float = -0.15
    near_words: float = 0.87
    space: float = 1.99
    mark: float = 2.66
    inside: float = 2.39
    blank: float = 1.31
    blank_run: float = 0.5
    edit: float = 0.05
    skipped: float = 0.38
    number: float = 1.02
    foreign: float = 0.86
    foreign_each: float = 0.21
    unsure: float = 1.52
    lost: float = 1.82
    lost_line: float = 1.10
    lost_lines: float = 1.21
    lost_marker: float = 1.81
    lost_mark: float = 0.58
    known_word: float = 1.41
    first_word: float = 1.29
    second_word: float = 1.11
    glue: float = 0.58
    glue_new: float = 5.0
    glue_line: float = 0.22
    glue_known: float = -1.20
    glue_first: float = 0.84
    glue_second: float = 0.71
    lost_habit: float = 0.60
    lost_loose: float = 0.10
    extra: float = 7.0
    extra_loose: float = 3.55
    ellipsis: float = 1.46
    quotation: float = 9.78
    marker: float = 0.8
    number_marker: float = 0.6
    table: float = 0.6
    heading: float = 2.5
    rows: float = 0.5
    elements: float = 0.5
    extra_line: float = -0.45
    bracket: float = 0.51
    bracket_colon: float = 1.39
    json_head: float = 1.12
    fence: float = 0.5
    fence_bare: float = 4.0
    fence_code: float = 1.0
    fence_line: float = 4.0
    fence_text: float = 16.0
    talk: float = 1.6
    talk_slope: float = 3.72
    talk_space: float = 1.00
    run: float = 6.98
    glued: float = 0.37
    wrapped: float = 1.11
    aligned: float = 1.10
    doubt_near: float = 14.0
    sharp: float = 0.39
    character: float = 0.04
    flows: float = 0.8
    doubt: float = 0.7
    fit: float = -0.22
    fit_chance: float = 0.47
    fit_badly: float = 0.25
    fit_worse: float = 0.30
    fit_anchor: float = 1.0
    untaught: float = 4.0
    gap: float = 5.9
    gap_anchor: float = 2.0
    hold: float = 4.0


PRIOR = Prior()
