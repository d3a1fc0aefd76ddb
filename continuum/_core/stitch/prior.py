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
    overlap: float = 5.247
    at_start: float = -0.592
    at_line: float = -1.290
    at_blank: float = -3.194
    at_indent: float = 4.105
    at_space: float = 0.380
    at_sentence: float = 0.242
    at_word: float = 1.187
    at_ideograph: float = 1.559
    at_mark: float = 5.105
    at_inside: float = 8.247
    at_word_words: float = -1.067
    at_space_words: float = 6.600
    news: float = 0.525
    more_news: float = 0.824
    longer: float = 0.394
    much_longer: float = -0.067
    at_far: float = 2.196
    one: float = -3.633
    two: float = -1.993
    templated: float = 0.868
    templated_lines: float = -0.924
    templated_news: float = 0.109
    doubled: float = 4.610
    doubled_news: float = -0.036
    earlier: float = -1.624
    said_after: float = 0.805
    near: float = 0.883
    unnatural: float = 6.447
    near_templated: float = 0.635
    unnatural_near: float = 4.987
    near_far: float = 0.831
    own: float = 0.438
    own_share: float = 0.17
    own_slope: float = 0.25
    own_long: float = 0.35
    own_most: float = 27.406
    contained: float = 26.738
    whole: float = 0.421
    line: float = 0.447
    lines: float = -1.159
    indent: float = 1.224
    sentence: float = 2.128
    ideograph: float = 2.416
    word: float = 1.470
    words: float = -0.142
    near_words: float = 0.855
    space: float = 3.166
    mark: float = 3.162
    inside: float = 3.253
    blank: float = 2.092
    blank_run: float = 0.5
    edit: float = 0.084
    skipped: float = 0.343
    number: float = 1.507
    foreign: float = 1.300
    foreign_each: float = 0.187
    unsure: float = 2.416
    lost: float = 2.278
    lost_line: float = 0.977
    lost_lines: float = 1.215
    lost_marker: float = 1.989
    lost_mark: float = 0.573
    known_word: float = 2.231
    first_word: float = 1.475
    second_word: float = 1.256
    glue: float = 0.890
    glue_new: float = 0.934
    glue_line: float = 0.271
    glue_known: float = -1.912
    glue_first: float = 1.019
    glue_second: float = 0.926
    lost_habit: float = 0.945
    lost_loose: float = 0.412
    extra: float = 5.267
    extra_loose: float = 4.286
    ellipsis: float = 2.087
    quotation: float = 8.024
    marker: float = 0.630
    number_marker: float = 0.672
    table: float = 0.473
    heading: float = 2.336
    rows: float = 0.458
    elements: float = -0.268
    extra_line: float = -0.353
    bracket: float = 0.902
    bracket_colon: float = 2.237
    json_head: float = 1.766
    fence: float = 0.424
    fence_bare: float = 3.346
    fence_code: float = 0.921
    fence_line: float = 2.675
    fence_text: float = 14.065
    talk: float = 1.282
    talk_slope: float = 3.953
    talk_space: float = 1.628
    run: float = 7.893
    glued: float = 0.822
    wrapped: float = 1.406
    aligned: float = 0.0
    doubt_near: float = 14.0
    sharp: float = 0.39
    character: float = 0.04
    flows: float = 0.8
    doubt: float = 0.7
    gap: float = 5.9
    gap_anchor: float = 2.0
    misfit: float = 0.5
    misfit_behind: float = 4.5
    hold: float = 4.0
    misfit_anchor: float = -0.5


PRIOR = Prior()
