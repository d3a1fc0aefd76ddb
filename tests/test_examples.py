"""Every example runs, as it stands, in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

NEEDS = {"31_ray_data": "ray"}
"""Packages that are not part of the extra `test`, because of their size."""

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(path: Path, request: pytest.FixtureRequest) -> None:
    """It exits with 0, warns of nothing, and prints something."""
    package, environment = NEEDS.get(path.stem), dict(os.environ)
    if package is not None and importlib.util.find_spec(package) is None:
        pytest.skip(f"{path.name} needs the package {package!r}: pip install {package}")
    if path.stem == "30_workers":
        environment["CONTINUUM_DATABASE_URL"] = request.getfixturevalue("postgres").new_database()
    # Ray warns of its own settings.
    strict = [] if package == "ray" else ["-W", "error"]
    done = subprocess.run(
        [sys.executable, *strict, str(path)],
        capture_output=True, text=True, timeout=120, encoding="utf-8", env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 41


def test_there_are_examples() -> None:
    """The folder was found."""
    assert len(EXAMPLES) >= 8
