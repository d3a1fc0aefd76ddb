"""Text that looks like talk, a heading, a rule, a repeat or leave, and is the text's own: it stays, or is flagged."""

from __future__ import annotations

import pytest

from continuum import stitch
from continuum._core.stitch.farewell import may_be_note

HARBOUR = (
    "The harbour was built in the nineteenth century and has been used by fishing boats ever since. Its walls are "
    "made of granite that was brought from the quarries in the north. Storms have damaged the outer pier several "
    "times, and each time it was repaired by the town. The lighthouse at its end was automated in the eighties, "
    "and its keeper moved to the village. Visitors can walk along the quay in the evening and watch the boats "
    "come in with the tide.\n\n"
    "Most of the boats are wooden, and some of them are more than a hundred years old. Every summer a festival is "
    "held on the quay, with music, food and a race of rowing boats. The race goes back to a bet between two "
    "captains who argued over the price of herring. Today teams from the whole coast take part in it, and the "
    "winners are given a silver cup. In winter the harbour is quiet, and only the largest boats go out when the "
    "weather allows it. The town council has plans for a new breakwater, which would double the space for yachts.\n\n"
)
HEADS = [
    (HARBOUR + "Inserting these numbers gives the mean height ", "2.4 m\n\nfor the outer pier, which is little.\n"),
    (HARBOUR + "The speed is ", "*C* = 12 m/s,\n\nwhich is much.\n"),
    (HARBOUR + "At the gate a sign says ", "NO ENTRY\n\nand below it the hours.\n"),
    (HARBOUR + "The first chapter is called ", "*The Storm*\n\nand tells of the winter.\n"),
    (HARBOUR + "To go to the next page of the form, click on ", "Next\n\nand then fill in the address.\n"),
    (HARBOUR + "- one apple\n- two pears", "\n\n## Output\n\nand so on, as it was before.\n"),
    (HARBOUR + "ANNA\nI know. Ask ", "Bert,\nfor there was nobody else.\n"),
    (HARBOUR + "VOICE (", "V.O.)\nAssistant to the mayor here.\n\nANNA\nYes?\n"),
    (HARBOUR + " parser.c | 12 +++++++++", "---\n parser.h |  1 +\n"),
    (HARBOUR + "---------- Forwarded message", " ----------\n"),
    (
        HARBOUR + "What is a pier?\n\n" + "_" * 40,
        "_" * 20 + "\n\n[Total: 20 marks]\n\nTurn over.\n\nAnswer:\n\n" + "_" * 60 + "\n",
    ),
    (HARBOUR + "What is a quay?\n\n" + "_" * 44, "____\n\nWhat would you change?\n\n" + "_" * 48 + "\n"),
    (HARBOUR + "- ", "Bread\n- milk\n- eggs\n"),
    (
        "cdef extern from *:\n    int EPOLL_CLOEXEC\n    int EPOLL_CTL_ADD\n    int EPOLL_",
        "CTL_DEL\n    int epoll_ctl(int epfd, int op)\n    int EPOLL_CTL_MOD\n",
    ),
    ('id,note\n1,"short"\n2,"also short"\n3,"', 'Big\ntext of two lines"\n4,"x"\n'),
    ("Fill in the blanks.\n\n1. The capital of France is ", "___\n\n2. The capital of Norway is ___\n"),
    ("I, the undersigned, ", "____________\n\nhereby declare that all of it is true.\n"),
    ("def main():\n    print_line(", "1)\n    # (2)\n    print_line(2)\n    # (3)\n    print_line(3)\n"),
    (
        "class A:\n    @overload\n    def run_it(self",
        ", x: int) -> int:\n        ...\n    def run_it(self, x: str) -> str:\n        ...\n",
    ),
    (
        "-- (first user)\nINSERT INTO users VALUES (",
        "1, 'Bob');\n-- (second user)\nINSERT INTO users VALUES (2, 'Ann');\n",
    ),
    ("2024-01-01 INFO start worker ", "1\n...\n2024-01-01 INFO start worker 2\n...\n"),
    ("Usage of the tool:\n\nsummarize --length 3 ", "<document>\n\nOptions:\n  --length N   number\n"),
    ("Long words such as Donau", "\u200bdampf\u200bschiff may be broken.\n"),
    ("ភាសាខ្មែរ", "\u200bជាភាសា\n"),
    ("a,b\n", "\ufeffc,d\n"),
    (HARBOUR + "# MarkupSafe", "\n\nMarkupSafe implements a text that is safe to use.\n"),
    (HARBOUR + "# MarkupSafe\n\n", "MarkupSafe implements a text that is safe to use.\n"),
    (HARBOUR + "## Getting Started\n", "Getting started with it is easy: install it first.\n"),
    (HARBOUR + "**Getting Started**\n\n", "Getting started with it is easy: install it first.\n"),
    (HARBOUR + "Getting Started\n---------------\n\n", "Getting started with it is easy: install it first.\n"),
    (HARBOUR + "Returns\n-------\nnodes : dictionary", "\n   Dictionary of nodes with their weights as values.\n"),
    (HARBOUR + "See http://", "www.apache.org/licenses/LICENSE-2.0 for what it says.\n"),
    (HARBOUR + "The file is in src/arrow/", "util/visibility.h and has no other place.\n"),
    (HARBOUR + "Call `getCharWidth", "`, which tells how wide it is.\n"),
    (HARBOUR + "It says 'as", "' and nothing else, which is 'little'.\n"),
    (
        "class A {\n  /// Add a header to be sent.\n  ///",
        "\n  /// Returns the number of it.\n  int add();\n  /// Drop it.\n  void drop();\n};\n",
    ),
    (
        "class Codec:\n    encode = codec.encode  # type: ignore[assignment]\n    decode = codec.decode  ",
        "# type: ignore[assignment]\n\nclass Other:\n    pass\n",
    ),
    (
        ">>> demographics = Counter({\n...    15: 1,\n...    25: 3,\n",
        "...    35: 4,\n...    45: 5,\n... })\n>>> max(demographics)\n45\n",
    ),
    ("1\n00:00:01,000 --> 00:00:02,000\n...and then\n\n2\n00:00:02,000 --> 00:00:04,000\n", "...and that's it!\n\n3\n"),
    (HARBOUR + "# The Long ", "Road\n\n---\n\nThe road began behind the mill.\n"),
    (HARBOUR + "# Changes\n\nVersion 2.0 (March ", "2024)\n-------------------\n\n* faster\n* smaller\n"),
    ("---\ntitle: Roads\ndescription: Where they lead in the ", "North\n---\n\n# Roads\n\nThey lead to the sea.\n"),
    (HARBOUR + "Gadget        1    ", "5.50\n---------------------\nTotal              9.50\n"),
    (HARBOUR + "The lamp now costs ", "<s>40 EUR</s> 30 EUR, which is less.\n"),
    (HARBOUR + "The template puts the question between ", "[INST] and [/INST], and then the answer.\n"),
    (HARBOUR + "they were ", "happy to continue with the rest of the work:\npaint, doors and windows.\n"),
    (HARBOUR + "It is perfectly ", "alright to continue where you left off.\n\nnothing is lost then.\n"),
    (HARBOUR + "See link:install.adoc", "[install.adoc] for the rest of it.\n"),
    (HARBOUR + "Run\n\n    serve --all", "\n\nThe output is\n\n```\nserve --all\n```\n\nand it ends.\n"),
    (HARBOUR + "The block begins with the line ", ":::note\nand ends with three colons.\n"),
    (HARBOUR + "Sub\n~~", "~~~~~~~~\n\nText.\n"),
    ("a:\n" + "  - b\n" * 9 + "steps:\n", "- name: a\n"),
    ("all:\n\tcc a.c\n\tcc b.c\n\nclean:\n\trm a\n\trm b\n\ninstall:\n\tcp a /\n\tcp b /\n", "check: all\n\t./test\n"),
    (HARBOUR + "Yazar üç yıldır deniz kıyısında ", "öyküler topluyor\n\nve yazıyor.\n"),
]
ENDS = [
    "If you have any questions about this policy, please contact the Human Resources department.",
    "Bei Fragen wenden Sie sich bitte an das Hafenbüro.",
    "Si tienes preguntas, llama a la oficina del puerto.",
    "如有问题，请联系港口办公室。",
    "Feel free to open an issue with the town.",
    "---\n\nThank you for subscribing. If you want to stop, click [here](x).",
    "Thank you for your stay.",
    "**Rating: 4/5**",
    "*Last updated: 12/05/2024*",
    "**Open 24/7**",
    "(Regulation (EU) 2016/679)",
    "*Source: Harbour Yearbook, page 12*",
    "**Section 1**",
    "[2/3 of the members voted yes.]",
    "**CDN configuration**",
    "**Continual improvement**",
    "**Continuing Obligations**",
    "[Segue music]",
    "[The message cuts out.]",
    "【续集预告】",
    "**계속되는 문제**",
    "Should I continue paying rent during repairs?",
    "Should I proceed with the appeal alone?",
    "Please let me know whether you wish to continue your membership.",
    "Soll ich weiterhin Miete zahlen?",
    "(Continued on page 12.)",
    "(suite au verso)",
    "Let me know if you have any more questions about",
    "Log in with the account:\n\nUser: admin\nPassword: changeme",
    "**User**: a person who may log in.\n\n**Workspace**: what he sees.",
    "### User: own data only",
    "(500 words)",
    "**Word count: 312**",
    "Note: The picture on the title page was generated by an AI.",
    "The special tokens are\n\n- <pad>\n- <unk>\n- <eos>",
    "Every text is followed by this line:\n\n<|endoftext|>",
    "[MASK]\n[BOS]\n[EOS]",
    "- AC (alternata)\n- DC (continua)",
    "Table 2 (continued)",
    "Then the snow began to fall. (To be continued)",
    "And nobody ever came back.\n\n...",
    "The lights go out.\n\n(CONTINUED)",
    "A list opens with\n\n```",
    "The token that ends it is called <|endoftext|>",
    "It ends with </s>",
]


@pytest.mark.parametrize(("left", "reply"), HEADS)
def test_the_head_of_a_reply_that_goes_on(left: str, reply: str) -> None:
    joined = stitch([left, reply])
    assert joined.text == left + reply or any(seam.ambiguous or seam.kind == "gap" for seam in joined.seams)


@pytest.mark.parametrize("end", ENDS)
def test_the_end_of_a_text(end: str) -> None:
    left = HARBOUR + "The rooms above the museum are sm"
    reply = f"all and clean.\n\n{end}\n"
    assert stitch([left, reply]).text == left + reply


@pytest.mark.parametrize(
    ("left", "reply"),
    [
        ('<text>\n<s n="1">The boat came in.</s>\n<s n="2">The cap', "tain was glad.</s>"),
        ("The user turn begins with the mark [INST] and the answer begins behi", "nd it:\n\n[INST] question [/INST]"),
    ],
)
def test_tags_that_the_text_has_are_no_stop_tokens(left: str, reply: str) -> None:
    assert stitch([left, reply]).text == left + reply


@pytest.mark.parametrize(
    "note",
    [
        "Let me know if you have any questions!",
        "I hope this helps! Feel free to ask if anything is unclear.",
        "(Fortsetzung folgt)",
        "[Note: the response continues in the next message]",
        "— End of part 2 —",
        "Would you like me to continue?",
        "如果还需要我继续，请告诉我。",
        "¿Quieres que siga?",
        "End of part 2.",
        "This completes the document.",
    ],
)
def test_what_may_become_a_note_is_held_from_its_first_character_on(note: str) -> None:
    """Else it would be out before it is known to be one."""
    assert all(may_be_note(note[:size]) for size in range(1, len(note)))


def test_a_paragraph_that_begins_like_leave_and_is_none_flows_behind_its_first_sentence() -> None:
    assert may_be_note("If you want to see the harbour")
    assert not may_be_note("If you want to see the harbour, come in May. The weather")
