"""What models do at a join. A behaviour turns a document and a cut into the reply that a model would send."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.stitch.documents import Document
from benchmarks.stitch.wordings import TALK

LEAVE = [
    "Let me know if you have any questions!",
    "I hope this helps! Feel free to ask if anything is unclear.",
    "N'hésitez pas si vous avez des questions !",
    "希望对您有帮助！如有其他问题，请随时告诉我。",
]
DONE = [
    "The response above is complete.",
    "There is nothing left to add, the document above is complete.",
    "I have already provided everything. How else can I help you?",
    "以上内容已经完整，没有更多需要补充的。",
]


@dataclass(frozen=True)
class Reply:
    """What the model sends, and what the client has at that time if it lost white space."""

    text: str
    lost: int = 0
    expect: str = "exact"


Behaviour = Callable[[random.Random, Document, int, int], Reply | None]


def _words(doc: Document, cut: int, count: int) -> int:
    starts = [m.start() for m in re.finditer(r"\S+", doc.text[max(0, cut - 300) : cut])]
    return max(0, cut - 300) + starts[-count] if len(starts) > count else cut


def _line(doc: Document, cut: int, back: int = 0) -> int:
    start = doc.line_start(cut)
    if not doc.text[start:cut].strip():
        back += 1
    for _ in range(back):
        start = doc.line_start(max(0, start - 1))
    return start


def exact(rng: random.Random, doc: Document, cut: int, end: int) -> Reply:
    """Goes on as if nothing had happened."""
    return Reply(doc.text[cut:end])


def overlap_words(rng: random.Random, doc: Document, cut: int, end: int) -> Reply:
    """Says the last words again."""
    return Reply(doc.text[_words(doc, cut, rng.randint(1, 7)) : end])


def overlap_characters(rng: random.Random, doc: Document, cut: int, end: int) -> Reply:
    """Says some last characters again, wherever that starts."""
    return Reply(doc.text[cut - int(2 ** rng.uniform(0, 6)) : end])


def overlap_lines(rng: random.Random, doc: Document, cut: int, end: int) -> Reply:
    """Starts the line, or one some lines before, again."""
    return Reply(doc.text[_line(doc, cut, rng.randint(0, 4)) : end])


def changed_space(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Repeats some lines with other white space."""
    old = doc.text[_line(doc, cut, rng.randint(1, 4)) : cut]
    new = re.sub(r"(?<=\S)\n(?=\S)", " ", old) if rng.random() < 0.5 else re.sub(r"^[ \t]+", "", old, flags=re.M)
    return None if new == old or len(old) < 40 else Reply(new + doc.text[cut:end])


def changed_marks(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Repeats some lines with other quotes, marks or case."""
    old = doc.text[_line(doc, cut, rng.randint(1, 4)) : cut]
    new = rng.choice(
        [
            old.replace("'", "’"),
            old.replace("`", "**"),
            old.replace('"', "”"),
            old.capitalize(),
            old.replace("- ", "* "),
        ]
    )
    return None if new == old or len(old) < 40 else Reply(new + doc.text[cut:end])


def changed_words(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Repeats some lines with one or two words exchanged."""
    start = _line(doc, cut, rng.randint(2, 6))
    words = list(re.finditer(r"[^\W\d]{3,}", doc.text[start : cut - 30])) if cut - start > 80 else []
    if len(words) < 6:
        return None
    new = doc.text[start:cut]
    for match in sorted(rng.sample(words, rng.randint(1, 2)), key=lambda m: -m.start()):
        new = new[: match.start()] + rng.choice(words).group() + new[match.end() :]
    return Reply(new + doc.text[cut:end])


def talk(rng: random.Random, doc: Document, cut: int, end: int) -> Reply:
    """Announces the continuation."""
    return Reply(rng.choice(TALK) + rng.choice(["\n\n", "\n", "\n\n---\n\n"]) + doc.text[cut:end])


def talk_and_overlap(rng: random.Random, doc: Document, cut: int, end: int) -> Reply:
    """Announces it and starts the line again."""
    return Reply(rng.choice(TALK) + "\n\n" + doc.text[_line(doc, cut, rng.randint(0, 2)) : end])


def ellipsis(rng: random.Random, doc: Document, cut: int, end: int) -> Reply:
    """Begins with dots."""
    return Reply(rng.choice(["...", "…", "[...]"]) + doc.text[cut:end])


def quoted(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Quotes the last words, then goes on."""
    start = _words(doc, cut, rng.randint(4, 8))
    tail = doc.text[start:cut].rstrip()
    return (
        None
        if "\n" in tail or '"' in tail or len(tail) < 12
        else Reply(f'"...{tail}"{doc.text[start + len(tail) : end]}')
    )


def fence(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Puts code or JSON in a fence although the text had none."""
    if doc.kind not in ("code", "json"):
        return None
    body = doc.text[_line(doc, cut, rng.randint(0, 2)) : end]
    return Reply(f"```{rng.choice(['', doc.kind])}\n{body}" + ("```" if body.endswith("\n") else ""))


def restart(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Starts the whole text again."""
    return Reply(doc.text[:end]) if cut < 6000 else None


def nothing_new(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Repeats some lines and stops."""
    start = _line(doc, cut, rng.randint(1, 5))
    return Reply(doc.text[start:cut], expect="nothing_new") if cut - start > 30 else None


def lost_space(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The white space at the join is trimmed away on both sides."""
    left, right = len(doc.text[:cut].rstrip()), cut + len(doc.text[cut:end]) - len(doc.text[cut:end].lstrip())
    return Reply(doc.text[right:end], lost=cut - left) if 0 < right - left <= 8 else None


def added_space(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A blank or a line break too much."""
    if doc.text[cut].isspace() or doc.text[cut - 1].isspace():
        return None
    return Reply(rng.choice([" ", "\n"]) + doc.text[cut:end])


def square(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Goes on where the text really says the same thing twice: nothing may be dropped."""
    for size in range(40, 3, -1):
        if doc.text[cut - size : cut] == doc.text[cut : cut + size] and doc.text[cut : cut + size].strip():
            return Reply(doc.text[cut:end])
    return None


def lookalike(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Goes on with something that looks like a wrapper or an announcement but belongs to the text."""
    if doc.text[cut - 1] != "\n" or not re.match(
        r"\s*(?:```|[-*] |\d+\. |\||#|The |This |In |For |\{|\"|\.\.\.)", doc.text[cut:]
    ):
        return None
    return Reply(doc.text[cut:end])


def fence_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Opens the code block again that is open, perhaps with the line or all of its code."""
    opened = doc.fence_start(cut)
    if opened is None or cut - opened < 10:
        return None
    line = max(opened, _line(doc, cut, rng.randint(0, 2)))
    head = rng.choice(["```python\n", "```\n"])
    return Reply(head + doc.text[rng.choice([cut, line, opened]) : end])


def table_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Says the table's header and separator again, then goes on with the row."""
    start = doc.line_start(cut)
    top = doc.table_top(start)
    if top is None or not top.start() < start:
        return None
    row = doc.text[start:cut]
    return Reply(top.group() + rng.choice([row, row, ""] if not row else [row]) + doc.text[cut:end])


def marker_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Says the list's marker again in the middle of an item."""
    match = re.match(r"[ \t]*(?:[-*+]|\d+[.)])[ \t]+", doc.text[doc.line_start(cut) : cut])
    if not match or cut - doc.line_start(cut) < match.end() + 3 or doc.text[cut - 1].isspace() or doc.text[cut] == "\n":
        return None
    return Reply(match.group() + doc.text[cut:end].lstrip(" "))


def section_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Starts the section, function or class again."""
    found = None
    for match in re.finditer(r"^(?:#{1,6} |\s*def |class ).*$", doc.text[max(0, cut - 6000) : cut - 120], re.M):
        found = match
    if found is None:
        return None
    return Reply(doc.text[max(0, cut - 6000) + found.start() : end])


def new_sentence(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Drops the clause or line that was cut and begins the next one: what small models do most (a gap)."""
    match = re.compile(r"[.!?][ \n]+(?=[A-Z])|\n+(?=\S)").search(doc.text, cut + 3, max(cut + 3, end - 100))
    if match is None or doc.text[cut - 1] in ".!?:\n" or not doc.text[doc.line_start(cut) : cut].strip():
        return None
    return Reply(doc.text[match.end() : end], expect="gap")


def gap(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Leaves something out; this can be flagged, not repaired."""
    size = int(2 ** rng.uniform(3, 9))
    return Reply(doc.text[cut + size : end], expect="gap") if cut + size < end - 60 else None


def chat(rng: random.Random, doc: Document, cut: int, end: int) -> Reply:
    """Leaves traces of a chat in front: a role, its thinking, a transcript, a tag around the answer."""
    body = doc.text[rng.choice([cut, _line(doc, cut)]) : end]
    if rng.random() < 0.25:
        return Reply(f"<continuation>\n{body}</continuation>" if body.endswith("\n") else f"<continuation>\n{body}")
    before = rng.choice(
        [
            "<|im_start|>assistant\n",
            "assistant\n",
            "**Assistant:** ",
            "User: Please continue.\n\nAssistant: ",
            "<think>\nThe answer was cut off. I go on right after the last word.\n</think>\n\n",
        ]
    )
    return Reply(before + body)


def quoted_apart(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Quotes the last line in a form of its own, then goes on."""
    tail = doc.text[_words(doc, cut, rng.randint(4, 8)) : cut]
    if "\n" in tail or len(tail.strip()) < 12 or tail != tail.strip():
        return None
    form = rng.choice(
        ["> {}\n\n", "You left off here:\n\n> {}\n\n", "[...{}]\n\n", "Continuing after\n```\n{}\n```\n\n"]
    )
    return Reply(form.format(tail) + doc.text[cut:end])


def lines_and_overlap(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Says some line that is no text, then starts the line or some lines again."""
    start = _line(doc, cut, rng.randint(0, 3))
    if len(doc.text[start:cut].strip()) < 16 or doc.text.count(doc.text[start:cut]) > 1:
        return None
    return Reply(rng.choice(["Output:\n", "# ...\n", "(see above)\n\n", "Page 2\n\n"]) + doc.text[start:end])


def overlap_and_mark(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Says the last words again, marks that it goes on from there, and does."""
    start = _words(doc, cut, rng.randint(3, 8))
    if cut - start < 16 or doc.text[cut - 1].isspace() or doc.text[cut] in ".…":
        return None
    return Reply(doc.text[start:cut] + rng.choice(["...", "…", " (continued)"]) + doc.text[cut:end])


def overlap_twice(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Starts the line again, breaks off with dots or talk, and starts it once more."""
    start = _line(doc, cut, rng.randint(0, 2))
    if len(doc.text[start:cut].strip()) < 16 or doc.text[cut - 1].isspace():
        return None
    between = rng.choice(["...\n\n", f"\n\n{rng.choice(TALK)}\n\n"])
    return Reply(doc.text[start:cut] + between + doc.text[start:end])


def fence_closed(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Closes the code block that is open, talks, and opens it again."""
    opened = doc.fence_start(cut)
    if opened is None or cut - opened < 10:
        return None
    start = rng.choice([cut, max(opened, _line(doc, cut))])
    return Reply(f"\n```\n\n{rng.choice(TALK)}\n\n```python\n{doc.text[start:end]}")


def key_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Opens the JSON object again and begins with the key that was cut."""
    start = doc.text.rfind('"', 0, doc.text.rfind('":', 0, cut))
    if doc.kind != "json" or start < 0 or re.search(r"[{}\[\],]", doc.text[start:cut]):
        return None
    return Reply(rng.choice(["{", "{\n  ", "[{"]) + doc.text[start:end])


def table_changed(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Says the table's head again in another dress, then goes on with the row."""
    start = doc.line_start(cut)
    top = doc.table_top(start)
    if top is None or not top.start() < start:
        return None
    cells = [cell.strip() for cell in top.group().split("\n", 1)[0].strip().strip("|").split("|")]
    head = rng.choice(["|" + "|".join(cells) + "|", "| " + " | ".join(f"**{cell}**" for cell in cells) + " |"])
    return Reply(f"{head}\n|{':---|' * len(cells)}\n{doc.text[start:end]}")


def line_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Says the head of the section, function or class again, then goes on in the middle of the line."""
    found = list(re.finditer(r"^(?:#{1,6} |[ \t]*def |class ).*$", doc.text[max(0, cut - 4000) : cut - 40], re.M))
    if not found or doc.text[cut - 1] == "\n" or doc.text.count(f"\n{found[-1].group()}\n", 0, cut) != 1:
        return None
    return Reply(found[-1].group() + "\n" + doc.text[cut:end])


def leave(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Goes on, and takes leave of the reader behind code, JSON or a rule."""
    if not doc.text[cut:end].endswith("\n") or doc.text[cut:end].endswith("\n\n"):
        return None
    gap = "\n" if doc.kind == "json" and doc.text.lstrip()[:1] in ("[", "{") else "\n---\n\n"
    return Reply(doc.text[cut:end] + gap + rng.choice(LEAVE))


def only_talk(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Says that there is no more to come, although the text stands in the middle of a line."""
    if doc.text[doc.line_start(cut) : cut].strip() and doc.text[cut - 1] not in ".!?:":
        return Reply(rng.choice(DONE), expect="nothing_new")
    return None


ALL: dict[str, Behaviour] = {
    f.__name__: f
    for f in (
        exact, overlap_words, overlap_characters, overlap_lines, changed_space, changed_marks, changed_words, talk,
        talk_and_overlap, ellipsis, quoted, fence, restart, nothing_new, lost_space, added_space, square, lookalike,
        fence_again, table_again, marker_again, section_again, chat, quoted_apart, lines_and_overlap, overlap_and_mark,
        overlap_twice, fence_closed, key_again, table_changed, line_again, leave, only_talk, new_sentence, gap,
    )
}  # fmt: skip
