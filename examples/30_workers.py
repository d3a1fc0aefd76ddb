"""One batch, several machines: it is kept in a PostgreSQL, and whoever runs `continuum worker` drafts a part of it.

Needs the extra `distributed`, and a database: CONTINUUM_DATABASE_URL=postgresql://user@host/name python 30_workers.py
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from continuum.testing import SimulatedProvider, sample_documents

POEM = sample_documents()["poem"]


def continuum(*words: str) -> subprocess.Popen[bytes]:
    """As in a shell; every one of these could run on a machine of its own."""
    return subprocess.Popen([sys.executable, "-m", "continuum", *words])


if "CONTINUUM_DATABASE_URL" not in os.environ:
    sys.exit(print("set CONTINUUM_DATABASE_URL to a PostgreSQL that this may use, then run it again"))

with SimulatedProvider(POEM, chunk_tokens=20, delay=0.02) as server, tempfile.TemporaryDirectory() as folder:
    briefs, drafts = Path(folder, "briefs.jsonl"), Path(folder, "drafts.jsonl")
    briefs.write_text("".join(json.dumps({"id": f"poem {n}", "prompt": f"Poem {n}."}) + "\n" for n in range(12)))
    asks = ["--base-url", server.openai_base_url, "--model", "gpt-4o-mini", "--max-tokens", "300", "--rpm", "3000"]
    batch = continuum("batch", str(briefs), "-o", str(drafts), *asks)  # enters the documents, watches, writes
    workers = [continuum("worker", "--concurrency", "4") for _ in range(2)]
    assert batch.wait() == 0
    for worker in workers:
        worker.terminate()  # lets the replies under way end
        assert worker.wait() == 0
    rows = [json.loads(line) for line in drafts.read_text().splitlines()]
    assert [row["text"] for row in rows] == [POEM] * 12
    print(f"{len(rows)} documents, {len(server.requests)} requests, two workers under one limit")
