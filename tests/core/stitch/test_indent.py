"""Line breaks and indents that a reply lacks: what the lines beside the join say about them."""

from __future__ import annotations

import pytest

from continuum import stitch
from continuum._core.stitch.indent import margins

PACKAGE = """{
  "name": "harbour",
  "version": "1.4.2",
  "repository": {
    "type": "git",
    "url": "https://example.org/harbour.git"
  },
  "exports": {
    ".": {
      "import": {
        "types": "./dist/harbour.d.mts",
        "default": "./dist/harbour.mjs"
      },
      "require": {
        "types": "./dist/harbour.d.cts",
        "default": "./dist/harbour.cjs"
      }
    }
  },
  "source": "src/harbour.ts",
  "types": "./dist/harbour.d.ts",
  "sideEffects": false,
  "scripts": {
    "build": "node build.mjs",
    "test": "node --test"
  }
}
"""


@pytest.mark.parametrize("place", ['  "types": "./dist/harbour.d.ts"', '    "build"', '  "sideEffects"'])
def test_a_line_break_that_was_lost_brings_the_indent_of_its_neighbours(place: str) -> None:
    at = PACKAGE.index(place)
    assert stitch([PACKAGE[: at - 1], PACKAGE[at:].lstrip()]).text == PACKAGE


HTML = """<html>
<body>
<h1>The harbour</h1>
<ul>
  <li>boats</li>
  <li>nets</li>
  <li>ropes
    <ul>
      <li>long</li>
      <li>short</li>
    </ul>
  </li>
</ul>
<p>It was built in 1850.</p>
<p>Nobody knows
   by whom.</p>
</body>
</html>
"""


CODE = """import math


class Circle:
    def __init__(self, radius):
        if radius < 0:
            raise ValueError(radius)
        self.radius = radius

    def area(self):
        return math.pi * self.radius**2

    def scaled(self, by):
        for one in range(3):
            if one == by:
                print(one)
            else:
                print(by)
        return Circle(self.radius * by)

    def name(self):
        if self.radius > 10:
            return "large"
        return "small"


class Square:
    def __init__(self, side):
        self.side = side

    def area(self):
        return self.side**2
"""


@pytest.mark.parametrize("text", [CODE, PACKAGE])
def test_the_first_line_of_a_reply_gets_its_indent_back(text: str) -> None:
    lines = text.splitlines(keepends=True)
    whole = tried = 0
    for count in range(len(lines) // 2, len(lines) - 1):
        left, reply = "".join(lines[:count]), "".join(lines[count:])
        if not lines[count].startswith(" "):
            continue
        tried += 1
        joined = stitch([left, reply.lstrip(" ")])
        assert joined.text.replace(" ", "") == text.replace(" ", "")
        whole += joined.text == text
    assert whole >= 0.7 * tried, (whole, tried)


@pytest.mark.parametrize("text", [CODE, PACKAGE, HTML])
def test_lines_at_the_margin_stay_there(text: str) -> None:
    lines = text.splitlines(keepends=True)
    for count in range(len(lines) // 2, len(lines)):
        left, reply = "".join(lines[:count]), "".join(lines[count:])
        assert len(stitch([left, reply]).text) <= len(text), reply[:40]


def test_a_repeat_of_the_last_line_without_its_indent_is_a_repeat() -> None:
    at = CODE.index("        return Circle")
    assert stitch([CODE[:at], CODE[at - 26 :].lstrip()]).text == CODE


@pytest.mark.parametrize(
    ("text", "body", "lost"),
    [
        ("a:\n" + "  - b\n" * 8, "c\n  - d\n", ["  "]),
        ("a:\n" + "  - b\n" * 8, "e:\n  - f\n", []),
        ("a:\n" + "  - b\n" * 8, "e:\n- f\n", []),
        ("a:\n" + "\t- b\n" * 8, "- c\n    - d\n", []),  # a reply with an indent of its own
        ("a:\n" + "  - b\n" * 8, "- c", []),  # what follows is not known
        ("a:\n" + "  - b\n" * 3, "- c\n  - d\n", []),
        ("a:\n" + "  - b\n" * 8 + "  - c", "- c\n  - d\n", []),
    ],
)
def test_an_indent_was_lost_where_no_line_may_stand_at_the_margin(text: str, body: str, lost: list[str]) -> None:
    found = margins(text)
    assert (found.lost(body) if found is not None else []) == lost
