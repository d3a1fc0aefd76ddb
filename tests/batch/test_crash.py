"""Batches that are killed with SIGKILL, over and over; `python -m benchmarks.crash` is the long form."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks._common import prose
from tests.batch.crash import torture

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = {f"d{n}": prose(1200 + 300 * n, seed=n) for n in range(4)}


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork and no SIGKILL")
@pytest.mark.parametrize(("backend", "seed"), [("asyncio", 1), ("trio", 2)])
def test_killed_batches_lose_nothing_and_buy_nothing_twice(tmp_path: Path, backend: str, seed: int) -> None:
    """Every document ends as it would have ended; no kept round is asked for again, partial ones go on."""
    report = torture(
        tmp_path,
        kills=6,
        seed=seed,
        texts=TEXTS,
        documents=8,
        cap=800,
        concurrency=6,
        longest=1.0,
        backend=backend,
        chunk_tokens=8,
        delay=0.008,
    )
    assert report.violations == []
    assert report.kills == 6
    assert report.runs > 6
