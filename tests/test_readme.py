"""The README is the product's face: its code runs, its diagram is the table's, its commands are the tested ones."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from continuum._core.state import to_mermaid
from continuum.testing import SimulatedProvider

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
PYTHON = [code for language, code in BLOCKS if language == "python"]
SHELL = [line for language, code in BLOCKS if language == "bash" for line in code.splitlines() if line.strip()]


def test_every_block_has_a_language_that_is_tested() -> None:
    """No block of a kind that nobody runs."""
    assert {language for language, _ in BLOCKS} <= {"python", "bash", "mermaid"}
    assert PYTHON
    assert SHELL


@pytest.mark.parametrize("code", PYTHON, ids=[f"block{n}" for n in range(len(PYTHON))])
def test_python_runs(code: str) -> None:
    """Each Python block stands alone and exits with 0."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line", [line for line in SHELL if line.startswith("continuum draft")])
def test_a_draft_command_runs(line: str, tmp_path: Path) -> None:
    """Each `continuum draft` line works against a server that takes any model."""
    words = shlex.split(line)[1:]
    with SimulatedProvider("A guide.\n" * 40) as server:
        done = subprocess.run(
            [sys.executable, "-m", "continuum", *words, "--base-url", server.openai_base_url],
            cwd=tmp_path, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / words[words.index("-o") + 1]).read_text(encoding="utf-8") == "A guide.\n" * 40


def test_the_other_commands_are_those_that_ci_runs() -> None:
    """The two commands at the top: one is evaluated by .ci/run out of this file, the other is its demo."""
    others = [line for line in SHELL if not line.startswith("continuum draft")]
    assert [line for line in others if line.startswith("python3 -m venv")] == others[:2]
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "<!-- test command -->" in ci
    assert others[1].endswith("&& .venv/bin/pytest")
    assert others[0].endswith("&& .venv/bin/continuum demo")


def test_the_diagram_is_printed_from_the_table() -> None:
    """The picture cannot lie. To renew it, print continuum._core.state.to_mermaid()."""
    (diagram,) = [code for language, code in BLOCKS if language == "mermaid"]
    assert diagram.rstrip("\n") == to_mermaid()


def test_links_lead_somewhere() -> None:
    """Every relative link names a file of the repository."""
    for target in re.findall(r"\]\((?!https?://|#)([^)]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_changelog_knows_the_public_names() -> None:
    """What a user can call is written down."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for name in ("complete", "stream", "wrap", "stitch", "result_of", "Policy"):
        assert f"`{name}`" in changelog
