"""Line breaks and indents that a reply lacks: what the lines beside the join say about them."""

from __future__ import annotations

import pytest

from continuum import stitch

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
