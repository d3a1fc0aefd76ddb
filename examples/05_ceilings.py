"""Ceilings: an answer that cannot be completed comes back as far as it came, with the reason."""

from openai import OpenAI

import continuum
from continuum.testing import SimulatedProvider, sample_documents

policy = continuum.Policy(max_rounds=3, max_output_tokens=5_000, max_cost=0.50, deadline=120)

with SimulatedProvider(sample_documents()["catalogue"]) as server:
    client = OpenAI(base_url=server.openai_base_url, api_key="none")
    request = {"model": "any-model", "messages": [{"role": "user", "content": "List it."}], "max_tokens": 200}
    result = continuum.complete(client, policy=policy, **request)
    print(f"complete: {result.complete}, because of {result.reason}; {len(result.text)} characters are here")

    try:
        result.raise_for_incomplete()
    except continuum.IncompleteError as error:
        print(f"or as an exception: {error}")
        assert error.result.text == result.text
