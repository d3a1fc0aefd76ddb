"""The OpenAI Responses API: `input=` in place of `messages=`, or a wrapped client; streamed, and with tools as ever."""

from openai import OpenAI

import continuum
from continuum.testing import SimulatedProvider, sample_documents

guide = sample_documents()["guide"]

with SimulatedProvider(guide, behaviours=["reasoning:40@0"], faults=["ok", "drop:30"]) as server:
    client = OpenAI(base_url=server.openai_base_url, api_key="none")
    result = continuum.complete(client, model="any-model", input="Write the guide.", max_output_tokens=300)
    assert result.text == guide
    print(result.rounds, "rounds; status:", result.raw.status, "; reasoning:", result.usage.reasoning_tokens, "tokens")

    server.reset()
    whole = continuum.wrap(client)
    for event in whole.responses.create(
        model="any-model", input="Write the guide.", max_output_tokens=300, stream=True
    ):
        if event.type == "response.output_text.delta":
            print(event.delta, end="")
        elif event.type == "response.completed":
            assert event.response.output_text == guide
            print(f"\n\n{event.sequence_number + 1} events, {event.response.usage.output_tokens} output tokens")
