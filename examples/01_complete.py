"""The whole document from an API that caps each answer at 200 tokens."""

from openai import OpenAI

import continuum
from continuum.testing import SimulatedProvider, sample_documents

# A stand-in for the real service, so that this runs without a key. With one: client = OpenAI().
with SimulatedProvider(sample_documents()["essay"]) as server:
    client = OpenAI(base_url=server.openai_base_url, api_key="none")
    result = continuum.complete(
        client,
        model="any-model",
        messages=[{"role": "user", "content": "Write an essay about lighthouse keepers."}],
        max_tokens=200,  # per request, as ever
    )

print(result.text[-200:])
print(f"complete: {result.complete}, {result.rounds} rounds, {len(result.seams)} joins")
assert result.text == sample_documents()["essay"]
