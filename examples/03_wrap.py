"""Your code stays as it is: wrap the client once, and every answer is whole."""

from openai import OpenAI

import continuum
from continuum.testing import SimulatedProvider, sample_documents


def your_code(client: OpenAI) -> str:
    response = client.chat.completions.create(
        model="any-model",
        messages=[{"role": "user", "content": "Écrivez-le."}],
        max_tokens=150,
    )
    print(response.choices[0].finish_reason, response.usage)
    print(continuum.result_of(response).seams[0])  # the account, where you want it
    return response.choices[0].message.content or ""


with SimulatedProvider(sample_documents()["french"]) as server:
    client = continuum.wrap(OpenAI(base_url=server.openai_base_url, api_key="none"))
    assert your_code(client) == sample_documents()["french"]
