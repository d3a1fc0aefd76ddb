"""The benchmark of real joins against the real model: what it records is what the engine did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.stitch import local, recordings

if TYPE_CHECKING:
    from conftest import Servers

pytestmark = pytest.mark.local_model


def test_real_joins_in_place_equal_the_single_answer(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """One prompt in three ways of asking; in place nothing is lost and nothing flagged."""
    monkeypatch.delitem(local.ASKED, "user turn, no anchor")
    wire = local.Wire(servers.get().openai_base_url)
    try:
        rows = list(local.replies_of(wire, "bees", 40, 90))
    finally:
        wire.close()
    runs: dict[recordings.Run, list[dict[str, object]]] = {}
    for row in rows:
        runs.setdefault((row["model"], row["tag"], row["prompt_id"], row["strategy"]), []).append(row)
    found = {join.way: join for join in recordings.joins(runs)}
    assert set(found) == {*local.ASKED, local.LOOP}
    assert (found["in place"].found, found["in place"].flagged) == ("equal", False)
    assert found["user turn, anchor"].anchored
