"""Joins that delete too much or too little: repeats with changes, marks at the end, Unicode, doubt."""

from __future__ import annotations

import unicodedata

import pytest

from continuum._core.stitch import Joiner, stitch
from continuum._core.stitch.near import new_words
from continuum._core.stitch.normal import normal

ROWS = "".join(
    f'    {{\n      "code": "{a}{b}",\n      "name": "{name}",\n      "number": "{number}"\n    }},\n'
    for a, b, name, number in (
        ("A", "F", "Afghanistan", "004"),
        ("A", "L", "Albania", "008"),
        ("D", "Z", "Algeria", "012"),
        ("A", "D", "Andorra", "020"),
        ("A", "O", "Angola", "024"),
        ("A", "R", "Argentina", "032"),
        ("A", "M", "Armenia", "051"),
        ("A", "U", "Australia", "036"),
    )
)
SAGA = (
    "Ο φάρος στάθηκε στην άκρη του κόσμου, και κανείς δεν ήξερε ποιος τον είχε χτίσει εκεί πέρα.\r\n"
    "Το πρωί ήρθε η βάρκα με το λάδι, και ο φύλακας ρώτησε τι νέα υπήρχαν από την πόλη.\r\n"
)


def test_the_next_row_of_a_template_is_no_repeat_with_changes() -> None:
    """A record that differs from the last one in its values alone is the next record."""
    at = ROWS.index('    {\n      "code": "AR"')
    assert stitch([ROWS[:at], ROWS[at:]]).text == ROWS


def test_a_record_said_again_with_a_slip_is_a_repeat() -> None:
    """What only the last record has is said again: a repeat, though every record looks like it."""
    start, at = ROWS.index('    {\n      "code": "AR"'), ROWS.index('"032"\n    },\n') + len('"032"\n    },\n')
    again = ROWS[start:at].replace("Argentina", "Argntina")
    joined = stitch([ROWS[:at], again + ROWS[at:]])
    assert joined.text == ROWS or joined.seams[0].ambiguous


def test_a_decomposed_repeat_takes_its_marks_along() -> None:
    """The combining mark of the last repeated letter belongs to the repeat."""
    cut = SAGA.index("βάρκα") + len("βά")
    again = unicodedata.normalize("NFD", SAGA[SAGA.index("Το πρωί") : cut])
    assert stitch([SAGA[:cut], again + SAGA[cut:]]).text == SAGA


@pytest.mark.parametrize(
    ("left", "right", "words"),
    [
        (SAGA[:121], SAGA[121:], SAGA[94:121]),
        ("They met the family 👩‍👩‍👧 at the quay and 👩‍", "👩‍👧 waved back at them all day.\n", "at the quay and 👩‍"),
        ("שלום לכולם, המגדלור עמד בקצה העולם ואיש לא ידע", " מי בנה אותו שם.\n", "ואיש לא ידע"),
        ("السلام عليكم، وقفت المنارة في نهاية العالم ولم", " يعرف أحد من بناها.\n", "نهاية العالم ولم"),
        ("The flags 🇩🇪🇫🇷 flew over the harbour and 🇮", "🇹 was the last of them to go.\n", "over the harbour and 🇮"),
    ],
)
def test_any_script_is_joined(left: str, right: str, words: str) -> None:
    """Line ends with a carriage return, emoji sequences, flags and right-to-left text, cut inside a character as the
    reader sees it; goes on at once or says some words again."""
    assert stitch([left, right]).text == left + right
    assert stitch([left, words + right]).text == left + right


@pytest.mark.parametrize("broken", ["\ufffd", "\ufffd\ufffd", chr(0xD83D)])
def test_a_character_that_was_cut_is_text(broken: str) -> None:
    """Half a character, as some servers send it, neither raises nor is lost in silence, whole or in pieces."""
    left, reply = "The lighthouse stood there " + broken, broken + " and nobody came to see it any more.\n"
    text = stitch([left, reply]).text
    assert text in (left + reply, left + reply[len(broken) :], left + reply.removeprefix(broken))
    joiner = Joiner(left)
    out = "".join(joiner.feed(character) for character in reply) + joiner.finish()
    assert joiner.join is not None
    assert left[: len(left) - joiner.join.replaced] + out == text


def test_the_marks_behind_an_anchor_in_another_dress_are_said_once() -> None:
    """An anchor that ends with a mark is found in a form without marks; the mark is part of it all the same."""
    left = 'The list:\n\n{"alpha_3": "MOP", "name": "Pataca", "numeric": "446"}, {"alpha_3": "MRU", "name": "'
    anchor = '"numeric": "446"}, {"alpha_3": "MRU", "name": "'
    reply = '"numeric": "446"},  {"alpha\\_3": "MRU", "name": "Ouguiya", "numeric": "929"}\n'
    joiner = Joiner(left, anchor=anchor)
    assert left + joiner.feed(reply) + joiner.finish() == left + 'Ouguiya", "numeric": "929"}\n'


def test_a_long_line_that_begins_like_a_fence_flows() -> None:
    """Behind a wrapper only marks are awaited, not the end of whatever line begins with one."""
    joiner = Joiner("a")
    for character in "```\n~" + "".join(chr(0x4E00 + i) for i in range(6000)):
        joiner.feed(character)
    assert joiner.held <= 200


def test_a_unit_that_may_come_twice_is_not_a_certainty() -> None:
    """A line said again directly behind itself may be the text's own second one."""
    line = "                                (blank line)\n"
    left = "Example:\n\n```text\n* [A fine book](http://example.com/example.html)\n" + line
    joined = stitch([left, line + "### Title\n" + line + "* [Another fine book](http://example.com/book.html)\n"])
    assert joined.seams[0].ambiguous or joined.text == left + line + "### Title\n" + line + (
        "* [Another fine book](http://example.com/book.html)\n"
    )


@pytest.mark.parametrize(
    ("left", "reply"),
    [
        ("Take any set. Note first that the two statements in the", " theorem are equivalent. For on one hand, it is."),
        ("Вот первое. Первое правило при", " принятии решения, к какому списку принадлежит ресурс, простое."),
        ("Check for the header and the timeout in", " incomplete requests, and close the connection."),
    ],
)
def test_a_word_that_begins_with_the_last_word_is_no_repeat_of_it(left: str, reply: str) -> None:
    """A token ends where a word does: "in the" breaks off behind "the", and " theorem" is the next word."""
    joiner = Joiner(left)
    assert joiner.feed(reply) + joiner.finish() == reply


def test_a_word_that_was_cut_may_be_said_again() -> None:
    """Without the blank it is the word that broke off, said whole."""
    left = "Take any set. Note first that the two statements in the"
    joiner = Joiner(left)
    assert joiner.feed("theorem are equivalent.") + joiner.finish() == "orem are equivalent."


_ROUTES = "".join(
    f"router.{verb}('/{name}', async (req, res) => {{\n  try {{\n    res.json(await {name}.{verb}(req.params));\n"
    "  } catch (err) {\n    res.status(500).json({ error: err.message });\n  }\n});\n\n"
    for name in ("users", "orders")
    for verb in ("get", "put", "delete")
)
_SHOP = "<ul>\n" + "".join(
    f'  <li class="product">\n    <h3>{name}</h3>\n    <p class="price">${price}.99</p>\n'
    '    <button type="button">Add to cart</button>\n  </li>\n'
    for name, price in [("Desk Lamp", 9), ("Coffee Mug", 14), ("Notebook", 19)]
)
_SITES = "".join(
    f"server {{\n    listen 80;\n    server_name {name}.example.org;\n    root /var/www/{name};\n"
    "    index index.html;\n    location / {\n        try_files $uri =404;\n    }\n}\n\n"
    for name in ("www", "shop", "blog")
)


@pytest.mark.parametrize("text", [_ROUTES, _SHOP, _SITES], ids=["code", "HTML", "configuration"])
def test_the_second_record_is_no_repeat_of_the_first(text: str) -> None:
    """Wherever records that are alike are cut, at the end of a line, no line of them is lost."""
    for cut in range(text.index("\n", 80) + 1, len(text) - 40):
        if text[cut - 1] == "\n":
            joiner = Joiner(text[:cut])
            assert (joiner.feed(text[cut:]) + joiner.finish()).split() == text[cut:].split(), text[cut - 40 : cut]


def test_words_that_were_mixed_up_are_no_new_ones() -> None:
    """A repeat with a word lost, one mixed up and a letter missing is one; what has words of its own is not."""
    passage = "The harbour pilots keep their boats in the old basin behind the granary"
    form = normal(passage)
    again = "The harbour pilots keep keep boats the old basn behind the granary and"
    assert new_words(passage, again, form) == 0
    assert new_words(passage, "The railway porters keep their carts in the old basin and", form) == 3


@pytest.mark.parametrize(
    ("left", "reply"),
    [
        ("The lamp was lit early, and nobody", "knows the reason."),
        ("Both boats were late. We looked at the current", "example again."),
        ("The keeper wrote the date on a page", "without any other word."),
    ],
)
def test_a_blank_lost_between_common_words_is_put_back(left: str, reply: str) -> None:
    """Servers strip the blank that a reply begins with; two words that nobody writes as one tell."""
    assert stitch([left, reply]).text == f"{left} {reply}"


@pytest.mark.parametrize(
    ("left", "reply"),
    [
        ("def load(path):\n    if not path.exists():\n        raise Value", "Error(path)\n"),
        ("const user = getUser(id);\nconst name = user", "Name(user);\n"),
        ("The lamp was lit early, and some", "body had to know the reason.\n"),
        ("The keeper looked up, and with", "out a word he went on.\n"),
        ("from .images import Image\nfrom .texts import Text\n\n_", '_all__ = [\n    "Image",\n    "Text",\n]\n'),
        ("This is **important**, and that is *", "*urgent**, but not yet.\n"),
        ("h1, h1 code { font-size: 2.5rem; }\nh", "2, h2 code { font-size: 2rem; }\nh3 { color: red; }\n"),
    ],
)
def test_a_cut_within_a_word_or_a_pair_of_marks_is_closed(left: str, reply: str) -> None:
    """Words, names and figures of a program are put together without a blank, and the second of two equal marks is no
    repeat of the first."""
    assert stitch([left, reply]).text == left + reply
