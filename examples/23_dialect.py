"""A server that continuum does not know: what it wants, and how it says "cut off", is a value in the policy."""

from openai import OpenAI

import continuum
from continuum.testing import SimulatedProvider, sample_documents

ESSAY = sample_documents()["essay"]
request = {"model": "any", "messages": [{"role": "user", "content": "Write it."}], "max_tokens": 300}

# Known by their address or their replies: OpenAI, Azure, DeepSeek, Mistral, Qwen, Kimi, Groq, OpenRouter, Together,
# Fireworks, llama.cpp, Ollama. Known by name: vLLM, SGLang, TGI, LMDeploy.
with SimulatedProvider(ESSAY, dialect="vllm") as server:
    client = OpenAI(base_url=server.openai_base_url, api_key="none")
    result = continuum.complete(client, policy=continuum.Policy(dialect="vllm"), **request)
    print("vllm:", [seam.kind for seam in result.seams])
    assert result.text == ESSAY

# One of your own: it goes on in place if the message says `partial`, and calls a cut `cut`.
mine = continuum.Dialect("mine", in_place=True, message={"partial": True}, words={"cut": "length"})
with SimulatedProvider(ESSAY, dialect="kimi", behaviours=["unknown_finish:cut@0"]) as server:
    client = OpenAI(base_url=server.openai_base_url, api_key="none")
    result = continuum.complete(client, policy=continuum.Policy(dialect=mine), **request)
    print("mine:", [segment.raw_finish_reason for segment in result.segments])
    assert result.text == ESSAY
