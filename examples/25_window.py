"""A text that outgrows the context window: the model is shown the prompt and the end of it, and the result says so."""

from openai import OpenAI

import continuum
from continuum.testing import SimulatedProvider, sample_documents

book = "\n\n".join(sample_documents()[name] for name in ("essay", "guide", "french", "catalogue"))
request = {"model": "any-model", "messages": [{"role": "user", "content": "Write the book."}], "max_tokens": 400}

# A stand-in for the real service, so that this runs without a key; its window holds a third of the book. Nobody knows
# that before a request is refused for its length: then the text is shown from a later place on.
with SimulatedProvider(book, context_window=1800) as server:
    client = OpenAI(base_url=server.openai_base_url, api_key="none")
    result = continuum.complete(client, **request)
    print(
        f"{result.rounds} rounds, {server.statuses} answered; not shown in the last of them: {result.elided} characters"
    )
    assert result.text == book

    server.reset()
    whole = continuum.complete(client, policy=continuum.Policy(history="whole"), **request)
    print(f"all of it or nothing: {whole.reason}, {len(whole.text)} characters kept")
    assert not whole.complete
    assert book.startswith(whole.text)
