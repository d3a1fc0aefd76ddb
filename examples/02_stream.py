"""One stream, however many requests it takes. The last event carries the account."""

from anthropic import Anthropic

import continuum
from continuum.testing import SimulatedProvider, sample_documents

with SimulatedProvider(sample_documents()["guide"]) as server:
    client = Anthropic(base_url=server.anthropic_base_url, api_key="none")
    with continuum.stream(
        client,
        model="any-model",
        messages=[{"role": "user", "content": "Write the guide."}],
        max_tokens=300,
    ) as events:
        text = ""
        for event in events:
            print(event.text, end="", flush=True)
            text += event.text

assert event.result is not None
print(f"\n--- {event.result.rounds} rounds, {event.result.usage.output_tokens} output tokens")
assert text == event.result.text == sample_documents()["guide"]
