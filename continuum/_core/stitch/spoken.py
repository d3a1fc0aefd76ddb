"""Talk before the text, with the last words quoted or without: up to where it may go.

Each rule proposes places in the head of the reply where the text itself may begin, with a price in bits.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from continuum._core.stitch.data import is_json
from continuum._core.stitch.lazy import lazy
from continuum._core.stitch.normal import normal
from continuum._core.stitch.peel import Peel
from continuum._core.stitch.phrases import opens, said
from continuum._core.stitch.prior import PRIOR
from continuum._core.stitch.talk import (
    MAX_TALK,
    addresses,
    announces,
    begins_like_talk,
    cased,
    is_opener,
    may_announce,
    scripts,
    speaks_of_going_on,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNIT = lazy(
    r"[\[(（【][^\n\])）】]{1,160}(?:[\])](?=[\s\w])|[）】])"
    r"|[^\n]*?(?:[.!?:…][\"”*_)\]]*(?=\s|$)|[。！？：][\"”*_)\]」』）】]*|\n|$)|[^\n]+"
)
"""A note in brackets, a sentence or a line; marks of full width need no blank behind them."""
_QUOTED_REST = lazy(r"[^\n`]*`[^\n]*?(?:[.!?:…][\"”*_)\]]*(?=\s|$)|$)", re.M)
_GAP = lazy(r"(?:[ \t]*\n)+[ \t]*(?P<rule>-{3,}|\*{3,}|_{3,})[ \t]*\n(?:[ \t]*\n)?|(?:[ \t]*\n)+")
_OPENING = {'"': '"', "“": "”", "„": "“”", "«": "»", "「": "」", "'": "'", "‘": "’", "`": "`"}
_QUOTE = 600
_BLOCK = lazy(r"(?:>[^\n]*\n)+|[\[(](?:\.\.\.|…)[^\n]{3,400}[\])](?=\n)|(`{3,})\w*\n(?:[^\n]*\n){1,6}?\1[ \t]*(?=\n)")
_OWN_LINE = lazy(
    r"(>.*)|`{3,}\w*\n(.*)\n`{3,}|[\[(](?:\.\.\.|…)(.*)[\])]|[\"“«「`'](?:\.\.\.|…)?([^\"”»」]*)[\"”»」`'][.:]?", re.S
)
_BRACKETED = 10
"""Characters of the end of the text that nobody puts in brackets by chance."""
_QUOTED_LEAST = 6
"""Characters of the end of the text that nobody has on a line of its own by chance."""
SURE = 12.0
"""The score of talk that leaves no doubt."""
_SCRIPT = 400
"""Characters of the text that tell what script it is in."""
RULE = "---"
"""The wrapper of a text that stands between two rules."""
_PICTURE, _SEEN = lazy(r"[\u2600-\u27bf\u2b05-\u2b55\U0001f000-\U0001faff]"), 8000
"""An emoji, and where the text has none."""
_PICTURED = 4.0
"""Points for a line with an emoji where the text has none."""
_MAX_UNITS = 6
"""Sentences that talk may have."""
_LONG = 160
"""Characters of a sentence that may only be a word like "Sure!"."""
_LATER, _LATER_STILL = 5.0, 1.5
"""Points that a later line needs to be talk, too, and that it needs more behind a colon."""
_OTHER = 1.5
"""Points that a sentence of other things takes from the talk it belongs to."""
_QUOTED = lazy(r"[\"“«「„](.{3,400}?)[\"”»」](?!\w)", re.S)
_QUOTING = lazy(r"[^\n\"“«「`]{4,100}[\"“«「`](?:\.\.\.|…)?")
_OPENER = lazy(r"\s+[^\n]{2,30}[.!:](?=\n)")
_BEFORE_SHOWN = r"\s*(?:[^\n`~>]{1,120}\n\s*){1,2}"
_SHOWN_AGAIN = lazy(
    rf"{_BEFORE_SHOWN}(?:(?P<mark>`{{3,}}|~{{3,}})\w*\n(?P<block>(?:[^\n]*\n){{1,6}}?)[ \t]*(?P=mark)[ \t]*(?=\n)"
    r"(?:\n+[^\n]{2,80}[:：…](?=\n))?)"
)
_SHOWS = lazy(rf"{_BEFORE_SHOWN}(?:`{{3,}}|~{{3,}})\w*\n(?P<block>[^`~]*)`{{0,3}}\s*\Z")
_GOES_ON = "\"“„«「'‘,;，；、"
_NOTE = lazy(r"\W*note:\W*", re.I)
_DOTTED = lazy(r"(?:\.\.\.|…)\s*([^\n]{4,80}[:.)\]])\n")
_DASHES = " —–-,"
_CLOSERS = '*_"”’)]»」』'
_CLOSED = 200
"""Characters of the end of the text that are looked at for its last mark."""
SENTENCE_ENDS = ".!?:…。！？："
"""Marks behind which a sentence begins."""
_WIDE = "。！？：）】"
"""Marks that need no blank behind them."""
_NOTE_ENDS = ")]"
"""What ends a note in brackets; a blank behind it may be the text's own."""
_REACH = 2000
"""Characters of a line that are looked at for a letter."""
_FRESH, _INTRODUCED = 1.5, 5.0
"""Points that talk needs more where the text may begin a sentence, and where it introduces something."""
_OPENED_LAST = lazy(r"(?:^|[\s(\[{=,:])([\"'“«「‘`(\[{]|/\*)\s*\Z")
_CLOSING = _OPENING | {"(": ")", "[": "]", "{": "}", "/*": "*/"}
_APOSTROPHE = lazy(r"(?<=\w)'(?=\w)")
_INDENTED = 80
"""Characters of a line that has only a marker."""
_MARKER_ONLY = lazy(r"([ \t]*[-*+•] )")
_ITEM = r"(?:[-*+•]|\d{1,3}[.)]) "
_BLOCK_START = lazy(rf"\s*(?:(?:`{{3}}|~{{3}})[\w+#-]*\n|#{{1,6}} [^\n]+\n\n|\|[^\n]*\|\n\||{_ITEM}[^\n]+\n+{_ITEM})")
"""The first line of a block of code, a heading, two rows of a table, or two items of a list."""
_LINE_OF_BLOCK = lazy(rf"\s*(?:[|`~#]|//|--|{_ITEM})")
_MORE = lazy(r"[^\nA-Za-z0-9][^\n]{0,100}(?=\n)")
_CLEAN = lazy(r"^[\s.…\[\]]+|[\s.…\[\]]+$")


def talk(left: str, head: str, final: bool) -> list[Peel]:
    """Talk at the very start, up to the end of a sentence or line."""
    start = _past_rule(head)
    if head.startswith(("<", "◁"), start) and not head.startswith("<!--", start):
        return []  # a tag is another thing
    if head.startswith(" ") and not left[-1:].isspace():
        return []  # replies are stripped: only what goes on at a token begins with a blank
    found: list[Peel] = []
    begun = False
    for begin, stop in _units(head, start):
        piece, whole = head[begin:stop].strip(), head[start:stop].strip()
        before = head[start:begin].rstrip()
        on = begun and "\n" not in head[start:begin]
        if _is_text(head, start, begin, stop, bool(found)):
            break
        quoted = (begun or piece[:1] in (">", "`", "[", "(")) and _quotes(left, piece)
        score = _score(left, whole, quoted, "\n" in head[stop - 1 : stop + 1])
        if fills(left, head, start, stop):
            break
        if stop >= len(head) and not final:
            if score or begun or (stop - begin < _LONG and (is_opener(piece) or may_announce(whole))):
                found.append(Peel(len(head), 0.0, "talk", open=True))
            break
        least = 0.0 if on or not found else _LATER + _LATER_STILL * (before[-1:] in (":", "："))
        if quoted or (score and (announces(piece, bool(found)) or (0.0 if found else score)) > least):
            if on:  # talk that goes on does not end in the middle of its line
                found = [peel._replace(bits=peel.bits + PRIOR.talk_on) for peel in found]
            found += behind(head, stop, score + _context_bits(left, head, start, stop), final)
        elif score and on and head[stop - 1 : stop + 1].endswith("\n"):
            score += _context_bits(left, head, start, stop) - _OTHER * (piece[-1:] not in (":", "："))
            found += [peel._replace(other=True) for peel in behind(head, stop, score, final)]
        elif not (is_opener(piece) or on or _NOTE.fullmatch(piece)):
            break  # a sentence on the line of talk may speak of other things
        begun = True
    return _before_blocks(left, head, found)


def _is_text(head: str, start: int, begin: int, stop: int, announced: bool) -> bool:
    """Whether the sentence from `begin` to `stop` can be no more of the talk from `start` on."""
    piece, between = head[begin:stop].lstrip(), head[start:begin]
    if piece.startswith("#") and stop < len(head) and "\n" not in head[stop - 1 : stop + 1]:
        return True  # the first words of a heading
    if between.endswith("\n "):
        return True  # a blank before the first word of a line is one of the text's
    if not between or "\n" in between:
        return False
    if announced and between.rstrip()[-1:] in (":", "：") and head[start] not in "#*([":
        return True  # what follows on the same line is what was announced
    return piece[:1].islower()  # a sentence goes on


def _before_blocks(left: str, head: str, found: list[Peel]) -> list[Peel]:
    """Where a sentence has to go on, what leads up to a block is the rest of it and no talk, unless much says so."""
    if not within_sentence(left, head):
        return found
    dearer = [PRIOR.talk_block * (_BLOCK_START.match(head, peel.start) is not None) for peel in found]
    return [peel._replace(bits=peel.bits + bits) for peel, bits in zip(found, dearer, strict=True)]


def fills(left: str, head: str, start: int, stop: int) -> bool:
    """Whether the words from `start` to `stop` belong where the text broke off: behind an opening quotation mark or
    bracket what closes it, and behind the bare marker of a list item one line before the next item."""
    opened = _OPENED_LAST.search(left[-8:])
    if opened is not None:
        mark, words = opened.group(1), _APOSTROPHE.sub("", head[start:stop])
        if left[-8:].strip() in head[start:stop]:
            return False  # which is quoted
        closed, opened_again = words.count(_CLOSING[mark]), words.count(mark)
        return closed % 2 == 1 if mark == _CLOSING[mark] else closed > opened_again
    line = left.rfind("\n") + 1
    marker = _MARKER_ONLY.fullmatch(left, line) if len(left) - line < _INDENTED else None
    if marker is None or head[start:stop].rstrip()[-1:] in (":", "："):
        return False
    return head.startswith("\n" + marker.group(1), stop - (head[stop - 1 : stop] == "\n"))


def within_sentence(left: str, head: str) -> bool:
    """Whether the text breaks off where a sentence has to go on: behind a word or comma and a blank, or before one."""
    words = left.rstrip(" ")
    blank = len(words) < len(left) or head.startswith(" ")
    return (
        blank
        and (words[-1:].isalpha() or words.endswith(","))
        and _LINE_OF_BLOCK.match(left, left.rfind("\n") + 1) is None
    )


def unended(text: str) -> bool:
    """Whether a sentence goes on behind a text: it ends with a small letter or a comma."""
    return text[-1:].islower() or text[-1:] == ","


def fresh(left: str) -> bool:
    """Whether the text stands at the start of a line or sentence of its own."""
    return _last_mark(left) in SENTENCE_ENDS or not within_line(left)


def within_line(left: str) -> bool:
    """Whether the last line of the text has begun: it has a letter or figure."""
    return any(map(str.isalnum, left[-_REACH:].rpartition("\n")[2]))


def introduced(left: str) -> bool:
    """Whether the text ends with a colon: what comes next may be anything, and is quoted."""
    return _last_mark(left) in (":", "：")


def _last_mark(left: str) -> str:
    """The last character of the text, white space, emphasis and what closes a quotation or bracket aside."""
    return left[-_CLOSED:].rstrip().rstrip(_CLOSERS)[-1:]


def _last_letter(left: str) -> str:
    """The last letter of the text; a mark if there is none."""
    return next(filter(str.isalpha, reversed(left[-_SCRIPT:])), ".")


def _units(head: str, start: int) -> Iterator[tuple[int, int]]:
    """The first sentences and lines, from where to where each: as many as may be talk."""
    begin = start
    for _ in range(_MAX_UNITS):
        match = _BLOCK.match(head, begin) or _UNIT.match(head, begin)
        if match is None or match.end() == begin:
            return
        stop = match.end()
        if head.count("`", begin, stop) % 2 and head[stop - 1] != "\n":
            match = _QUOTED_REST.match(head, stop)  # a sentence ends in what is quoted
            stop = stop if match is None else match.end()
        if stop - start > MAX_TALK:
            return
        yield begin, stop
        begin = stop + len(head[stop:]) - len(head[stop:].lstrip())


def _score(left: str, whole: str, quoted: bool, line: bool) -> float:
    """How much all of it reads like talk, which may be a line; what quotes the end of the text certainly is."""
    if quoted:
        return max(SURE, announces(whole))
    chats = line and fresh(left) and opens(whole) and speaks_of_going_on(whole)
    if (whole[:1].islower() and not chats) or whole[:1] in _GOES_ON or whole.count('"') % 2:
        return 0.0  # the text goes on, or somebody speaks in it
    if not fresh(left):
        if not (cased(whole[:1]) or cased(_last_letter(left)) or begins_like_talk(whole, line)):
            return 0.0
        return announces(whole) or (addresses(whole) if line else 0.0)
    if not speaks_of_going_on(whole):
        return 0.0  # a text may well begin its next sentence like that
    return max(0.0, announces(whole) - (_INTRODUCED if introduced(left) else _FRESH))


def _quotes(left: str, piece: str) -> bool:
    """Whether a line or block of its own is the end of the text, quoted."""
    match = _OWN_LINE.fullmatch(piece)
    if match is None:
        return False
    inner = next(group for group in match.groups() if group is not None)
    if piece[0] == ">":
        inner = "\n".join(line.removeprefix(">") for line in inner.split("\n"))
    return len(inner.strip()) >= _QUOTED_LEAST and _ends_with(left, inner)


def _context_bits(left: str, head: str, start: int, stop: int) -> float:
    """What the surroundings say for talk: it quotes the last words, stands between rules, is in another script, or has
    an emoji."""
    bits = 0.0
    if any(_ends_with(left, m.group(1)) for m in _QUOTED.finditer(head, start, stop)):
        bits += 10.0
    if "---" in head[:start]:
        bits += 3.0
    gap = _GAP.match(head, stop - (head[stop - 1 : stop] == "\n"))
    if gap is not None and gap.group("rule"):
        bits += 3.0
    other = scripts(head[start:stop])
    most = max(other, key=lambda script: other[script], default=-1)
    own = scripts(left[-_SCRIPT:])
    if any(other.values()) and 5 * own.get(most, 0) < sum(own.values()):
        bits += 4.0
    if _PICTURE.search(head, start, stop) is not None and _PICTURE.search(left, max(0, len(left) - _SEEN)) is None:
        bits += _PICTURED
    return bits


def _past_rule(head: str) -> int:
    """Where the words start: behind white space and a leading rule, or an ellipsis before a line of talk."""
    start = len(head) - len(head.lstrip())
    dots = _DOTTED.match(head, start)
    if dots is not None and announces(dots.group(1).strip()):
        return dots.start(1)
    if head.startswith(("---", "***", "___"), start) and "\n" in head[start:]:
        start = head.index("\n", start) + 1
        start += len(head[start:]) - len(head[start:].lstrip())
    return start


def behind(head: str, stop: int, score: float, final: bool) -> list[Peel]:
    """Where the text may begin behind talk that ends at `stop`: after a rule, one line break, two, or a space."""
    if head[stop - 1 : stop] == "\n":
        stop -= 1
    bits = PRIOR.talk - PRIOR.talk_slope * (score - 6.0)
    gap = _GAP.match(head, stop)
    if stop >= len(head) or (gap is not None and gap.end() >= len(head)):
        return [spoken(head, len(head), bits)] if final else [Peel(len(head), 0.0, "talk", open=True)]
    if gap is None:
        ends = [stop] if head[stop - 1] in _WIDE or head[stop - 1] in _NOTE_ENDS else []
        ends += [stop + 1] if head[stop].isspace() else []
        found = [spoken(head, end, bits + PRIOR.talk_space) for end in ends]
        if head[stop] == " " and stop not in ends:
            found.append(spoken(head, stop, bits + PRIOR.talk_blank))  # the blank is the text's
        return found
    if gap.group("rule"):
        return [spoken(head, gap.end(), bits)._replace(wrapper=RULE)]
    first = head.index("\n", stop) + 1
    second = head.find("\n", first, gap.end()) + 1 or first
    return [
        spoken(head, end, bits + (0.0 if end == second > first else PRIOR.talk_break))
        for end in sorted({first, second, gap.end()})
    ]


def spoken(head: str, end: int, bits: float) -> Peel:
    """Talk up to `end`. A blank that still follows is the text's own, other white space may be the talk's."""
    return Peel(end, bits, "talk", loose=head[end : end + 1] != " ", foreign=end, spoken=True)


def quotation(left: str, head: str, peel: Peel, final: bool) -> list[Peel]:
    """The last words of the text in quotation marks, perhaps with an empty line that belongs to the quoting."""
    opening = head[peel.start : peel.start + 1]
    closing = _OPENING.get(opening)
    if opening == "`" and not peel.start and left.endswith("\n") and fresh(left):
        return []  # a sentence may well begin with code that was shown
    if opening == "[" and not is_json(left):
        end = head.find("]", peel.start, peel.start + _QUOTE)
        inner = head[peel.start + 1 : end]
        if end < 0 or len(inner) < _BRACKETED or " " not in inner.strip() or not left.endswith(inner):
            return []
        new = peel.then(end + 1, PRIOR.quotation, "quotation")
        return [new._replace(quoted=len(inner), loose=False, foreign=end + 1)]
    if closing is None:
        return []
    ends = [i for i in range(peel.start + 1, min(len(head), peel.start + _QUOTE)) if head[i] in closing]
    for test, tried in ((_ends_exactly, ends[:80]), (_ends_with, ends[:12])):
        for end in tried:
            if test(left, head[peel.start + 1 : end]):
                size = end - peel.start - 1
                new = peel.then(end + 1, PRIOR.quotation, "quotation")._replace(
                    quoted=size, loose=False, foreign=end + 1
                )
                more = _MORE.match(head, end + 1)
                if more is not None and announces(more.group().strip(_DASHES)):
                    return behind(head, more.end(), SURE + min(20, size), final)
                if head[end + 1 : end + 3] != "\n\n":
                    return [new]
                own = new._replace(bits=new.bits + PRIOR.quotation_lines, loose=True)
                return [own, new._replace(start=end + 3, foreign=end + 3)]
    if not final and len(head) - peel.start < _QUOTE:
        inner = normal(_CLEAN.sub("", head[peel.start + 1 :]))
        if len(inner) < 8 or inner in normal(left[-_QUOTE:]):
            return [Peel(len(head), 0.0, "quotation", open=True)]
    return []


def _ends_exactly(left: str, quoted: str) -> bool:
    """Whether the text ends with exactly what is quoted, an ellipsis around it aside."""
    inner, text = _CLEAN.sub("", quoted), left.rstrip()
    if len(inner) < 3:
        return False
    return text.endswith((inner, quoted.lstrip(".… "))) or text.rstrip(".… ").endswith(inner)


def quoting(left: str, head: str, final: bool) -> list[Peel]:
    """A first line that quotes the last words of the text: 'You left off at "...": '."""
    match = _QUOTING.match(head)
    if match is None or not (speaks_of_going_on(match.group()) or said(match.group()).weak):
        return []
    for end in re.finditer(r"[\"”»」'’`]", head[match.end() : match.end() + _QUOTE]):
        stop = match.end() + end.start()
        if not (_ends_exactly(left, head[match.end() : stop]) or _ends_with(left, head[match.end() : stop])):
            continue
        stop += 1
        if head.startswith(",", stop):  # the sentence goes on
            return _behind_line(head, stop, final)
        stop += len(head[stop:]) - len(head[stop:].lstrip(".:,!…*"))
        more = _MORE.match(head, stop)
        if more is not None and announces(more.group().strip(_DASHES)):
            stop = more.end()
        if stop < len(head) and head[stop] in " \n":
            return behind(head, stop, 14.0 + min(20, end.start()), final)
        if stop >= len(head) and not final:
            return [Peel(len(head), 0.0, "talk", open=True)]
    if not final and len(head) < _QUOTE:
        return [Peel(len(head), 0.0, "talk", open=True)] if "\n\n" not in head[match.end() :] else []
    return []


def _behind_line(head: str, stop: int, final: bool) -> list[Peel]:
    """Where the text may begin behind a line of talk, and a word that opens more of it on a line of its own."""
    end = head.find("\n", stop, stop + MAX_TALK)
    if end < 0:
        return [] if final or len(head) > stop + MAX_TALK else [Peel(len(head), 0.0, "talk", open=True)]
    opener = _OPENER.match(head, end)
    if opener is not None and is_opener(opener.group().strip()):
        end = opener.end()
    return behind(head, end, SURE, final)


def shown_again(left: str, head: str, final: bool) -> list[Peel]:
    """The last lines of the text in a block of their own, with a line before it and one behind: 'It stopped at:'."""
    if "```" not in head[: 2 * _QUOTE] and "~~~" not in head[: 2 * _QUOTE]:
        return []
    match = _SHOWN_AGAIN.match(head, 0, 2 * _QUOTE)
    if match is not None:
        block, before = match.group("block"), head[: match.start("mark")].strip()
        told = announces(before) > 0.0 if fresh(left) else before[-1:] in (":", "：") or announces(before) > 0.0
        if head[:1] == "\n" or not told:
            return []
        if len(block.strip()) < _QUOTED_LEAST or not _ends_with(left, block):
            return []
        return behind(head, match.end(), SURE + min(20, len(block)), final)
    begun = None if final else _SHOWS.match(head, 0, 2 * _QUOTE)
    if begun is None or fresh(left):
        return []
    inner = normal(_CLEAN.sub("", begun.group("block")))
    return [Peel(len(head), 0.0, "talk", open=True)] if inner in normal(left[-_QUOTE:]) else []


def _ends_with(left: str, quoted: str) -> bool:
    """Whether the text ends with what is quoted, marks, white space and an ellipsis around it aside."""
    inner = normal(_CLEAN.sub("", quoted))
    return len(inner) >= 3 and normal(left[-_QUOTE:].rstrip(".… \n")).endswith(inner)
