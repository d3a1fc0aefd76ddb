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
    overlap: float = 4.107
    at_start: float = -0.398
    at_line: float = -0.950
    at_blank: float = -2.664
    at_indent: float = 4.107
    at_space: float = 0.040
    at_sentence: float = 0.170
    at_word: float = 0.830
    at_ideograph: float = 0.970
    at_mark: float = 5.593
    at_inside: float = 8.363
    at_word_words: float = -0.679
    at_space_words: float = 8.465
    news: float = 0.496
    more_news: float = 0.811
    longer: float = 0.418
    much_longer: float = -0.088
    at_far: float = 1.471
    one: float = -3.319
    two: float = -1.437
    templated: float = 0.601
    templated_lines: float = -1.182
    templated_news: float = -0.015
    doubled: float = 3.561
    doubled_news: float = -0.016
    again: float = 4.221
    on: float = 3.639
    earlier: float = -1.309
    said_after: float = 0.697
    near: float = 0.896
    unnatural: float = 5.931
    near_templated: float = 0.237
    unnatural_near: float = 4.852
    next_number: float = 5.0
    near_far: float = 0.473
    own: float = 0.421
    own_share: float = 0.17
    own_slope: float = 0.25
    own_long: float = 0.35
    own_most: float = 25.909
    contained: float = 27.884
    whole: float = 0.219
    line: float = 0.211
    lines: float = -1.173
    indent: float = 0.831
    sentence: float = 1.335
    ideograph: float = 1.521
    word: float = 1.097
    words: float = -0.153
    near_words: float = 0.872
    space: float = 1.994
    mark: float = 2.667
    inside: float = 2.397
    blank: float = 1.319
    blank_run: float = 0.5
    edit: float = 0.051
    skipped: float = 0.386
    number: float = 1.024
    foreign: float = 0.869
    foreign_each: float = 0.216
    unsure: float = 1.521
    lost: float = 1.828
    lost_line: float = 1.100
    lost_lines: float = 1.211
    lost_marker: float = 1.816
    lost_mark: float = 0.586
    known_word: float = 1.418
    first_word: float = 1.290
    second_word: float = 1.118
    glue: float = 0.585
    glue_new: float = 5.0
    glue_line: float = 0.229
    glue_known: float = -1.200
    glue_first: float = 0.846
    glue_second: float = 0.718
    lost_habit: float = 0.601
    lost_loose: float = 0.103
    extra: float = 5.542
    extra_loose: float = 3.555
    ellipsis: float = 1.464
    quotation: float = 9.788
    marker: float = 0.261
    number_marker: float = 0.352
    table: float = 0.292
    heading: float = 1.533
    rows: float = 0.272
    elements: float = -0.313
    extra_line: float = -0.456
    bracket: float = 0.517
    bracket_colon: float = 1.394
    json_head: float = 1.123
    fence: float = 0.250
    fence_bare: float = 2.105
    fence_code: float = 0.568
    fence_line: float = 1.629
    fence_text: float = 10.502
    talk: float = 0.739
    talk_slope: float = 3.720
    talk_space: float = 1.003
    run: float = 6.989
    glued: float = 0.370
    wrapped: float = 1.119
    aligned: float = 1.101
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
