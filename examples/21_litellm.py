"""LiteLLM: the module or a Router, wrapped once. Needs continuum-llm[litellm]; says so if it is not there."""

import os

import continuum
from continuum.testing import SimulatedProvider, sample_documents

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # LiteLLM downloads a price list at import otherwise
try:
    import litellm
except ImportError:
    print("this example needs LiteLLM: pip install 'continuum-llm[litellm]'")
    raise SystemExit from None

ESSAY = sample_documents()["essay"]

# A stand-in for the real service, so that this runs without a key.
with SimulatedProvider(ESSAY) as server:
    place = {"api_base": server.openai_base_url, "api_key": "none"}
    request = {"messages": [{"role": "user", "content": "Write the essay."}], "max_tokens": 200}

    result = continuum.complete(litellm, model="openai/any-model", **place, **request)
    print(f"{result.rounds} rounds, {result.usage.output_tokens} tokens, complete: {result.complete}")

    router = litellm.Router(model_list=[{"model_name": "writer", "litellm_params": {"model": "openai/any", **place}}])
    response = continuum.wrap(router).completion(model="writer", **request)
    print(type(response).__name__, response.choices[0].finish_reason)

assert result.text == response.choices[0].message.content == ESSAY
