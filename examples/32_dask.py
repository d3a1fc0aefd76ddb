"""A step of a Dask pipeline that drafts: each partition is a batch with a journal of its own.

Dask runs a task again when a worker dies. The journal is what then keeps it from buying the partition a second time, so
it lies where all workers can reach it. Needs the package `distributed`.
"""

import hashlib
import tempfile
from pathlib import Path

import dask.bag
from distributed import Client
from openai import AsyncOpenAI

import continuum
from continuum.testing import SimulatedProvider, sample_documents

POEM = sample_documents()["poem"]


def draft(rows: list[dict[str, str]], url: str, folder: str) -> list[continuum.JobResult]:
    """The results of a partition, in its order."""
    jobs = list(rows)
    name = hashlib.sha256("\n".join(job["id"] for job in jobs).encode()).hexdigest()
    report = continuum.run_batch(
        jobs, client=AsyncOpenAI(base_url=url, api_key="none"), journal=Path(folder, f"{name}.journal"),
        model="gpt-4o-mini", max_tokens=300,
    )  # fmt: skip
    return list(report.results())


if __name__ == "__main__":  # Dask's workers import this file
    with (
        SimulatedProvider(POEM, chunk_tokens=20) as server,
        tempfile.TemporaryDirectory() as folder,
        Client(n_workers=2, threads_per_worker=1, dashboard_address=None),
    ):
        briefs = dask.bag.from_sequence([{"id": f"poem {n}", "prompt": f"Poem {n}."} for n in range(8)], npartitions=2)
        results = briefs.map_partitions(draft, url=server.openai_base_url, folder=folder).compute()
        assert [result.text for result in results if result.complete] == [POEM] * 8
        print(f"{len(results)} documents, {len(server.requests)} requests")
