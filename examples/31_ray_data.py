"""A step of a Ray Data pipeline that drafts: each block is a batch with a journal of its own.

Ray runs a task again when a worker dies. The journal is what then keeps it from buying the block a second time, so it
lies where all workers can reach it. Needs the package `ray[data]`.
"""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import ray
from openai import AsyncOpenAI

import continuum
from continuum.testing import SimulatedProvider, sample_documents

POEM = sample_documents()["poem"]


def draft(block: dict[str, Any], url: str, folder: str) -> dict[str, Any]:
    """The texts of a block, complete; what is incomplete stays visible as such."""
    name = hashlib.sha256("\n".join(block["id"]).encode()).hexdigest()
    report = continuum.run_batch(
        ({"id": str(id), "prompt": str(brief)} for id, brief in zip(block["id"], block["brief"], strict=True)),
        client=AsyncOpenAI(base_url=url, api_key="none"), journal=Path(folder, f"{name}.journal"),
        model="gpt-4o-mini", max_tokens=300,
    )  # fmt: skip
    results = list(report.results())
    return {**block, "text": [result.text for result in results], "complete": [result.complete for result in results]}


with SimulatedProvider(POEM, chunk_tokens=20) as server, tempfile.TemporaryDirectory() as folder:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    briefs = ray.data.from_items([{"id": f"poem {n}", "brief": f"Poem {n}."} for n in range(8)])
    where = {"url": server.openai_base_url, "folder": folder}
    rows = briefs.map_batches(draft, batch_size=4, fn_kwargs=where).filter(lambda row: row["complete"]).take_all()
    ray.shutdown()
    assert [row["text"] for row in rows] == [POEM] * 8
    print(f"{len(rows)} documents, {len(server.requests)} requests")
