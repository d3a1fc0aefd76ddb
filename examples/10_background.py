"""A response in the background: begun once, and taken up again behind the last event if its stream breaks."""

from openai import OpenAI

import continuum
from continuum.testing import FakeClock, SimulatedProvider, sample_documents

essay = sample_documents()["essay"]
question = {"model": "any-model", "input": "Write it.", "max_output_tokens": 1000, "background": True}

with SimulatedProvider(essay, faults=["drop:200", "status:503", "drop:100"]) as server:
    client = OpenAI(base_url=server.openai_base_url, api_key="none")
    result = continuum.complete(client, **question)
    assert result.text == essay
    for request in server.requests:
        after = f" after event {request.body['starting_after']}" if "starting_after" in request.body else ""
        print(f"asked {request.path}{after}")
    print([f"{seam.kind} join at {seam.offset}" for seam in result.seams])

# Or polled, as where the server may take hours and streams nothing; the waits are those of a fake clock here.
with SimulatedProvider(essay, background_polls=6) as server:
    client = OpenAI(base_url=server.openai_base_url, api_key="none")
    clock = FakeClock()
    polled = continuum.complete(client, policy=continuum.Policy(stream=False), runtime=clock.runtime, **question)
    assert polled.text == essay
    print(f"polled: {len(server.requests)} requests, {polled.rounds} rounds, {sum(clock.sleeps):.0f} seconds")
