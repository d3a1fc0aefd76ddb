"""Many documents from a file with `continuum batch`: interrupted in the middle, and finished by the same command."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from continuum.testing import SimulatedProvider, sample_documents

POEM = sample_documents()["poem"]

with SimulatedProvider(POEM, chunk_tokens=20) as server, tempfile.TemporaryDirectory() as folder:
    briefs, drafts = Path(folder, "briefs.jsonl"), Path(folder, "drafts.jsonl")
    briefs.write_text("".join(json.dumps({"id": f"poem {n}", "prompt": f"Poem {n}."}) + "\n" for n in range(8)))

    def batch(*more: str) -> int:
        """As in a shell: continuum batch briefs.jsonl -o drafts.jsonl ..."""
        command = [sys.executable, "-m", "continuum", "batch", str(briefs), "-o", str(drafts), *more]
        command += ["--base-url", server.openai_base_url, "--model", "gpt-4o-mini", "--max-tokens", "300"]
        return subprocess.run(command).returncode

    print("forecast:", batch("--dry-run", "--expect-tokens", "700"), flush=True)
    print("paused at the cost cap:", batch("--max-cost", "0.001"))
    print("the same command, with more money:", batch("--max-cost", "1"))
    rows = [json.loads(line) for line in drafts.read_text().splitlines()]
    assert [row["text"] for row in rows] == [POEM] * 8
    assert sum(row["rounds"] for row in rows) == len(server.requests)  # nothing was bought twice
    print(f"{len(rows)} documents, {len(server.requests)} requests, each of them paid for once")
