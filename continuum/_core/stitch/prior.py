"""The prior prices of all readings, in bits, in one place.

A price is how much rarer a behaviour is than taking the reply as it stands; what is gained is subtracted. The figures
are the weights of a conditional logit model (McFadden 1974) of which reading is right, fitted on simulated joins of
some 360 documents in ten languages and twenty formats, and rounded; `python -m benchmarks.stitch.fit` fits them again.
Set by hand is what the fit has too little of (rows and elements, roles, tags, lines of whatever kind, marks behind a
repeat, replies that go on exactly), and a price on top for wrongly dropping text: in doubt, text is kept.
"""

from __future__ import annotations

from typing import NamedTuple


class Prior(NamedTuple):
    """Prices in bits. Lower is likelier; 0 is the plain reading."""

    # How a repeat word for word is priced: what it costs before anything is known of it, and where it begins.
    overlap: float = 2.81  # any repeat
    at_start: float = -0.76  # at the start of the text
    at_line: float = -0.65  # of a line
    at_blank: float = -1.18  # of a line that begins with white space
    at_indent: float = 1.60  # behind the indent of a line
    at_indent_close: float = 18.00  # and is only what closes a block: the block around it is closed next
    at_sentence: float = 0.28  # of a sentence
    at_word: float = 1.17  # at a word
    at_word_words: float = -0.52  # for each doubling of its words, up to eight
    at_space: float = 3.13  # at the blank before a word
    at_space_size: float = 2.33  # for each doubling of its characters
    at_space_whole: float = 8.00  # and one whole word, which the reply would make longer
    at_break: float = 0.77  # at a line break
    at_break_size: float = 3.06  # for each doubling of its characters
    at_break_marks: float = 8.00  # and only marks behind it, as an empty line of a comment has
    at_within: float = 8.08  # within white space
    at_within_size: float = 1.93  # for each doubling
    at_ideograph: float = 0.97  # between ideographs
    at_ideograph_size: float = 0.04  # for each doubling of its characters
    at_mark: float = 2.21  # between a mark and a letter
    at_mark_size: float = 2.97  # for each doubling
    at_inside: float = 8.78  # inside a word
    at_inside_size: float = 0.72  # for each doubling
    at_far: float = 1.52  # at a word, for each doubling above 48 characters

    # How much it says, and whether that was news.
    words: float = 0.33  # for each doubling of the words, up to eight
    news: float = -0.05  # gained for each bit of its price as new text, up to 20
    more_news: float = 1.31  # the same, up to 45
    longer: float = 0.04  # for each character, up to 16
    much_longer: float = 0.02  # the same, up to 60
    one: float = -3.45  # of one character
    empty_line: float = 3.00  # of a line break, which may begin an empty line
    one_within: float = 6.00  # of one letter or figure within a word: they come in pairs
    one_paired: float = 16.00  # of one mark that the text or the reply has in pairs
    two: float = -3.41  # of two
    run: float = 7.11  # of one or two different characters
    said_after: float = 0.71  # for each bit that the text behind so short a repeat fits worse

    # Whether the text itself says such things twice.
    templated: float = 0.83  # in a text of equal lines
    templated_lines: float = -1.36  # there, for each line, up to six
    doubled: float = 3.44  # it has said as long a stretch twice in a row before
    again: float = 14.20  # when it said the same before, it said it once more then
    on: float = 5.13  # when it said the same before, it went on as the reply does
    resumed: float = 4.0  # and then a mark that it goes on
    resumed_word: float = 10.0  # gained by a word that says so
    said_twice: float = 20.0  # gained if it breaks off there and says the same once more
    remark: float = 10.0  # gained by a remark behind it, if the line goes on behind that
    earlier: float = -2.11  # it has said the same before
    aligned: float = 2.12  # what is repeated begins behind the same character as the text ends with
    rows: float = 4.00  # behind a table head said again, for each row
    elements: float = 4.00  # behind JSON brackets, for each element

    # A repeat with changes, or of a part that ends before the text does.
    near: float = -0.12  # any
    near_templated: float = -1.28  # changed, in a text of equal lines
    next_number: float = 2.78  # there, for each number that changed
    unnatural_near: float = 8.00  # changed, from where no line or sentence begins
    unnatural_word: float = 8.00  # changed, from the middle of a word, or between a mark and a letter
    near_new: float = 8.00  # for each word of it that the text has never said: the next record has others
    near_new_one: float = 5.00  # gained if there is one: it may be in place of another
    near_followed: float = 2.50  # for each character before it that the text ends with as well: it goes on alike
    near_blank: float = 10.00  # behind a blank, from the start of a line: it is no line then
    near_far: float = -0.20  # from there, for each doubling above 400 characters
    edit: float = -0.26  # for each difference
    edits: float = 0.99  # for each above three
    skipped: float = 0.27  # for each character of it
    number: float = 0.48  # for each difference of numbers
    foreign: float = 0.55  # unmatched characters in front
    foreign_each: float = 0.15  # each of them
    foreign_templated: float = 2.46  # in a text of equal lines
    unsure: float = 7.52  # its end could not be seen
    own: float = 0.23  # gained for each character that only the end of the text has and the reply says again
    own_share: float = 0.17  # the share of them below which nothing is gained
    own_long: float = 0.35  # so much more in a long repeat, for there a few changes spoil little
    own_prose: float = 0.77  # gained in prose for each bit of its price as new text, as far as it is said again
    own_most: float = 29.48  # gained in all
    little: float = 2.27  # changed, where nothing is there that only the end of the text has
    contained: float = 55.60  # a part that ends before the text does

    # Where it begins.
    whole: float = -0.15  # at the start of the text
    line: float = -0.42  # of a line
    lines: float = -3.05  # for each line more
    blank: float = 1.32  # at an empty line
    blank_run: float = 0.50  # white space only
    indent: float = 0.56  # behind the indent
    sentence: float = 1.26  # at a sentence
    ideograph: float = 1.52  # between ideographs
    word: float = 1.39  # at a word
    near_words: float = 1.06  # for each doubling of the words behind it
    space: float = 1.99  # at a blank
    mark: float = 3.65  # between a mark and a letter
    inside: float = 1.96  # inside a word

    # White space that was lost.
    lost: float = 3.50  # any
    lost_flow: float = 1.06  # for each bit that the reply flows worse so
    lost_line: float = 2.65  # a line break
    lost_lines: float = 4.33  # an empty line
    lost_token: float = 8.00  # within an address or a dotted name, or before what closes a quotation
    lost_indent: float = 4.00  # one with another indent than the lines beside it
    lost_margin: float = -5.00  # the indent of the first line, which cannot stand at the margin
    lost_other: float = 4.00  # another than the likeliest
    lost_habit: float = 0.46  # what the text does not always put there
    lost_loose: float = -0.45  # gained behind something peeled
    lost_marker: float = 4.67  # gained behind a list marker
    lost_mark: float = 1.21  # gained for each doubling of how often the text puts it behind such a mark
    lost_before_mark: float = 0.94  # the same for the mark that the reply begins with
    lost_column: float = 0.35  # gained for each doubling of how often the lines before have a blank in this column
    lost_columns: float = 1.83  # gained if all of them have
    known_word: float = 1.39  # both words were said as one
    one_word: float = 6.00  # both are one common word, or a word and its figure
    first_word: float = 1.68  # gained if the first was said by itself
    second_word: float = 1.77  # gained if the second was
    common_word: float = 2.82  # for each that is common in some language
    glued: float = 0.08  # gained by a capital behind a small letter, in a text that has none
    wrapped: float = 1.37  # whether a line of wrapped prose is full
    full: float = 11.09  # gained by a line break behind a line as long as all before
    full_not: float = 1.03  # lost by one behind a line that is not

    # White space that was added.
    extra: float = 7.89  # on its own
    extra_flow: float = 1.28  # for each bit that the reply flows worse so
    extra_most: float = 11.00  # bits at most that it may flow better without
    extra_odd: float = 12.00  # more than a blank, a line break or an empty line
    extra_line: float = -1.39  # a line break
    extra_loose: float = 5.33  # behind something peeled
    glue: float = 1.56  # dropping a blank between two words
    glue_line: float = 0.02  # dropping a line break
    glue_new: float = 3.46  # in a text that has just begun
    glue_known: float = -1.34  # both were said as one
    glue_first: float = 1.71  # the first was said by itself
    glue_second: float = 1.71  # the second was
    glue_common: float = 1.44  # each of them that is common in some language
    glue_mark: float = 1.24  # for each doubling of how often the text puts white space behind such a mark
    glue_before_mark: float = 2.01  # before such a mark
    unnatural: float = 7.02  # and then a repeat

    # What stands before the text.
    talk: float = 1.43  # talk with a score of 6
    talk_slope: float = 4.14  # gained for each point more
    talk_on: float = 8.0  # in the middle of a line of talk
    talk_block: float = 24.0  # before a block of code, a list, table or heading, where a sentence has to go on
    talk_space: float = 0.95  # only a space behind it
    talk_blank: float = 3.0  # a space behind it that is one of the text
    talk_break: float = 3.0  # another line break than the second behind it
    token: float = -20.0  # a special token that leaked, or thinking
    nothing: float = -2.0  # only that there is no more to come
    nothing_fresh: float = 12.0  # talk with nothing behind it, where the text may begin a sentence
    nothing_within: float = 16.0  # gained where the text stands within a sentence
    tag: float = -4.0  # a tag around the answer
    tag_blank: float = 12.0  # behind a blank: it may stand for something
    tag_other: float = 6.0  # one of another name
    invisible: float = -8.0  # marks that nobody sees
    role: float = 6.0  # the name of who speaks
    role_asked: float = 12.0  # gained behind what was asked
    role_glued: float = 8.0  # gained right behind a letter or figure
    known: float = 2.0  # whole lines that the text has said before
    rule: float = -6.0  # a rule, in the middle of a line
    apart: float = 12.0  # a line of whatever kind, in the middle of a line
    apart_blank: float = 14.0  # behind a blank: its first word may be the next one
    apart_rule: float = 2.0  # one behind a rule
    apart_within: float = 13.0  # gained if a sentence goes on behind it, as no line of the text begins
    apart_short: float = 14.0  # and less than 24 characters said again behind it
    apart_templated: float = 16.0  # what is said again behind it, in a text of equal lines
    no_json: float = -10.0  # lines that are no JSON, in a text that is
    strange: float = 10.0  # lines of whatever kind, before a repeat
    strange_aligned: float = 10.0  # of what the text may well say twice
    strange_templated: float = 40.0  # in a text of equal lines
    strange_within: float = 8.0  # from the middle of a line
    ellipsis: float = 2.12  # an ellipsis
    quotation: float = 19.19  # the last words quoted
    quotation_lines: float = 6.86  # whose empty line belongs to the text
    marker: float = 0.19  # a list marker
    marker_other: float = 1.0  # another than the item had, which is said again
    number_marker: float = 0.26  # a numbered one
    comment: float = 3.0  # that of a comment or quotation
    table: float = 0.58  # a table head
    heading: float = 3.18  # a heading
    bracket: float = 0.38  # JSON brackets
    bracket_key: float = 2.0  # before the key at which an object broke off
    bracket_colon: float = 1.37  # behind a colon
    json_head: float = 1.47  # the head of the JSON document
    fence: float = 0.47  # a fence with an info string, or in mid-line, in an open one
    fence_bare: float = 3.98  # a bare one there
    fence_code: float = 0.95  # one around code, in mid-line
    fence_line: float = 3.09  # at a line start
    fence_label: float = 2.0  # one behind a line that names the file, in mid-line of code
    fence_again: float = 6.0  # one closed and opened again at once, in mid-line
    fence_closed: float = -8.0  # the same, closed in the middle of a line and with words between
    elided: float = 2.0  # a comment that stands for code
    elided_more: float = 3.0  # with lines before it
    fence_text: float = 23.72  # in a text that has fences

    # From prices to a decision.
    in_place: float = -10.00  # of the plain reading where the server went on in place
    sharp: float = 0.42  # halvings of the chance for each bit
    character: float = 0.04  # what a wrongly dropped character costs, wrong joins as the unit, up to 30 characters
    no_json_text: float = 24.0  # what makes an error of a text that is JSON
    rest: float = 1.5  # gained for each character of the unfinished rest that follows, up to 16
    stands: float = 1.25  # how much more it counts to be right with a reply taken as it stands
    flows: float = 0.80  # a plain join with less chance waits for more text
    hold: float = 4.00  # one that fits worse waits, in bits
    doubt: float = 0.70  # a join with less chance is ambiguous
    doubt_near: float = 14.00  # so close, keeping text that may be a long repeat with changes is in doubt
    fit: float = 0.21  # log-odds that a plain join is right
    fit_chance: float = 0.28  # for each unit of the log-odds of its chance
    fit_badly: float = 0.39  # less for each bit that it fits badly, from -3 to 7
    fit_worse: float = 0.10  # the same, from -1.5 to 3
    fit_anchor: float = 1.30  # less where an anchor was asked for and did not come
    fit_odd: float = 0.5  # for each bit that the line looks unlike the others
    untaught: float = 4.00  # bits that what was peeled, or a short text, makes all fit worse
    gap: float = 5.90  # from so many bits on something is missing
    gap_anchor: float = 2.00  # the same where an anchor did not come


PRIOR = Prior()
