"""The prior prices of all readings, in bits, in one place.

A price is how much rarer a behaviour is than taking the reply as it stands; what is gained is subtracted. The figures
are the weights of a conditional logit model (McFadden 1974) of which reading is right, fitted on simulated joins of
three hundred documents in ten languages and twenty formats, and rounded. Set by hand is what those documents have too
little of (fences, headings), and a price on top for dropping white space and whole repeats: in doubt, text is kept.
"""

from __future__ import annotations

from typing import NamedTuple


class Prior(NamedTuple):
    """Prices in bits. Lower is likelier; 0 is the plain reading."""

    # How a repeat word for word is priced: what it costs before anything is known of it, and where it begins.
    overlap: float = 4.3  # any repeat
    at_start: float = -0.39  # at the start of the text
    at_line: float = -0.95  # of a line
    at_blank: float = -2.66  # of a line that begins with white space
    at_indent: float = 4.10  # behind the indent of a line
    at_sentence: float = 0.17  # of a sentence
    at_word: float = 0.83  # at a word
    at_word_words: float = -0.67  # for each doubling of its words, up to eight
    at_space: float = 0.04  # at the blank before a word
    at_space_words: float = 8.46  # for each doubling
    at_ideograph: float = 0.97  # between ideographs
    at_mark: float = 5.59  # between a mark and a letter
    at_inside: float = 8.36  # inside a word
    at_far: float = 1.47  # in mid-line, for each doubling above 48 characters

    # How much it says, and whether that was news.
    words: float = -0.15  # for each doubling of the words, up to eight
    news: float = 0.49  # gained for each bit of its price as new text, up to 20
    more_news: float = 0.81  # the same, up to 45
    longer: float = 0.41  # for each character, up to 16
    much_longer: float = -0.08  # the same, up to 60
    one: float = -3.31  # of one character
    two: float = -1.43  # of two
    run: float = 6.98  # of one or two different characters
    said_after: float = 0.69  # for each bit that the text behind so short a repeat fits worse

    # Whether the text itself says such things twice.
    templated: float = 0.60  # in a text of equal lines
    templated_lines: float = -1.18  # there, for each line, up to six
    templated_news: float = -0.01  # there, for each bit of news less gained
    doubled: float = 3.56  # it has said as long a stretch twice in a row before
    doubled_news: float = -0.01  # then, for each bit of news less gained
    again: float = 4.22  # when it said the same before, it said it once more then
    on: float = 3.63  # when it said the same before, it went on as the reply does
    earlier: float = -1.30  # it has said the same before
    aligned: float = 1.10  # what is repeated begins behind the same character as the text ends with
    rows: float = 0.5  # behind a table head said again, for each row
    elements: float = 0.5  # behind JSON brackets, for each element

    # A repeat with changes, or of a part that ends before the text does.
    near: float = 0.89  # any
    near_templated: float = 0.23  # changed, in a text of equal lines
    next_number: float = 5.0  # there, for each number that changed
    unnatural_near: float = 4.85  # changed, from where no line or sentence begins
    near_far: float = 0.47  # from there, for each doubling above 400 characters
    edit: float = 0.05  # for each difference
    skipped: float = 0.38  # for each character of it
    number: float = 1.02  # for each difference of numbers
    foreign: float = 0.86  # unmatched characters in front
    foreign_each: float = 0.21  # each of them
    unsure: float = 1.52  # its end could not be seen
    own: float = 0.42  # gained for each character that only the end of the text has and the reply says again
    own_share: float = 0.17  # the share of them below which nothing is gained
    own_long: float = 0.35  # so much more in a long repeat, for there a few changes spoil little
    own_slope: float = 0.25  # how far above that share, in prose, its words count in full
    own_most: float = 25.90  # gained in all
    contained: float = 27.88  # a part that ends before the text does

    # Where it begins.
    whole: float = 0.21  # at the start of the text
    line: float = 0.21  # of a line
    lines: float = -1.17  # for each line more
    blank: float = 1.31  # at an empty line
    blank_run: float = 0.5  # white space only
    indent: float = 0.83  # behind the indent
    sentence: float = 1.33  # at a sentence
    ideograph: float = 1.52  # between ideographs
    word: float = 1.09  # at a word
    near_words: float = 0.87  # for each doubling of the words behind it
    space: float = 1.99  # at a blank
    mark: float = 2.66  # between a mark and a letter
    inside: float = 2.39  # inside a word

    # White space that was lost.
    lost: float = 1.82  # any
    lost_line: float = 1.10  # a line break
    lost_lines: float = 1.21  # an empty line
    lost_habit: float = 0.60  # what the text does not always put there
    lost_loose: float = 0.10  # gained behind something peeled
    lost_marker: float = 1.81  # gained behind a list marker
    lost_mark: float = 0.58  # gained for each doubling of how often the text puts it behind such a mark
    known_word: float = 1.41  # both words were said as one
    first_word: float = 1.29  # gained if the first was said by itself
    second_word: float = 1.11  # gained if the second was
    glued: float = 0.37  # gained by a capital behind a small letter, in a text that has none
    wrapped: float = 1.11  # whether a line of wrapped prose is full

    # White space that was added.
    extra: float = 7.0  # on its own
    extra_line: float = -0.45  # a line break
    extra_loose: float = 3.55  # behind something peeled
    glue: float = 0.58  # dropping a blank between two words
    glue_line: float = 0.22  # dropping a line break
    glue_new: float = 5.0  # in a text that has just begun
    glue_known: float = -1.20  # both were said as one
    glue_first: float = 0.84  # the first was said by itself
    glue_second: float = 0.71  # the second was
    unnatural: float = 5.93  # and then a repeat

    # What stands before the text.
    talk: float = 1.6  # talk with a score of 6
    talk_slope: float = 3.72  # gained for each point more
    talk_space: float = 1.00  # only a space behind it
    ellipsis: float = 1.46  # an ellipsis
    quotation: float = 9.78  # the last words quoted
    marker: float = 0.8  # a list marker
    number_marker: float = 0.6  # a numbered one
    table: float = 0.6  # a table head
    heading: float = 2.5  # a heading
    bracket: float = 0.51  # JSON brackets
    bracket_colon: float = 1.39  # behind a colon
    json_head: float = 1.12  # the head of the JSON document
    fence: float = 0.5  # a fence with an info string, or in mid-line, in an open one
    fence_bare: float = 4.0  # a bare one there
    fence_code: float = 1.0  # one around code, in mid-line
    fence_line: float = 4.0  # at a line start
    fence_text: float = 16.0  # in a text that has fences

    # From prices to a decision.
    in_place: float = -10.0  # of the plain reading where the server went on in place
    sharp: float = 0.39  # halvings of the chance for each bit
    character: float = 0.04  # what a wrongly dropped character costs, wrong joins as the unit, up to 30 characters
    flows: float = 0.8  # a plain join with less chance waits for more text
    hold: float = 4.0  # one that fits worse waits, in bits
    doubt: float = 0.7  # a join with less chance is ambiguous
    doubt_near: float = 14.0  # so close, keeping text that may be a long repeat with changes is in doubt
    fit: float = -0.22  # log-odds that a plain join is right
    fit_chance: float = 0.47  # for each unit of the log-odds of its chance
    fit_badly: float = 0.25  # less for each bit that it fits badly, from -3 to 7
    fit_worse: float = 0.30  # the same, from -1.5 to 3
    fit_anchor: float = 1.3  # less where an anchor was asked for and did not come
    untaught: float = 4.0  # bits that what was peeled, or a short text, makes all fit worse
    gap: float = 5.9  # from so many bits on something is missing
    gap_anchor: float = 2.0  # the same where an anchor did not come


PRIOR = Prior()
