"""What goes wrong on a bad day: a rate limit, an outage, a dropped connection, and a model that repeats itself."""

from openai import OpenAI

import continuum
from continuum.testing import SimulatedProvider, sample_documents

essay = sample_documents()["essay"]
faults = ["429:0.2", "ok", "status:503", "drop:20"]  # per request
behaviours = ["overlap:60", "preamble", "reopen_fence"]  # per continuation

with SimulatedProvider(essay, faults=faults, behaviours=behaviours) as server:
    client = OpenAI(base_url=server.openai_base_url, api_key="none")
    result = continuum.complete(
        client,
        model="any-model",
        messages=[{"role": "user", "content": "Write it."}],
        max_tokens=300,
        policy=continuum.Policy(retry_initial=0.05),
    )
    print(f"the server answered: {server.statuses}")

for segment in result.segments:
    print(f"round {segment.round}: {segment.reason}, {segment.end - segment.start} characters, {segment.finish_reason}")
for seam in result.seams:
    print(f"join at {seam.offset}: {seam.kind}, {len(seam.removed)} characters removed ({seam.note})")
print(f"equal to the original: {result.text == essay}")
