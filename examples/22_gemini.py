"""Google Gemini: its own pauses are followed with their token, cuts with a user turn. Needs continuum-llm[gemini]."""

from google import genai

import continuum
from continuum.testing import SimulatedProvider, sample_documents

ESSAY = sample_documents()["essay"]

# A stand-in for the real service, so that this runs without a key: it pauses twice, then goes on to the cap.
with (
    SimulatedProvider(ESSAY, behaviours=["pause_turn:200@0", "pause_turn:200@1"]) as server,
    genai.Client(api_key="none", http_options={"base_url": server.gemini_base_url}) as client,
):
    result = continuum.complete(
        client,
        model="gemini-4-argon",
        contents="Write an essay about lighthouse keepers.",
        config={"max_output_tokens": 700},  # of one answer with all its hops
    )

for segment in result.segments:
    print(f"round {segment.round}: {segment.reason}, ended by {segment.raw_finish_reason}")
print(f"complete: {result.complete}, {result.usage.output_tokens} tokens")
assert result.text == result.raw.text == ESSAY
