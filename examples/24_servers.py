"""Servers that speak OpenAI's API, each at its own address: what continuum sends to go on is what that server takes."""

import httpx2
from openai import OpenAI

import continuum
from continuum.testing import SimulatedProvider, sample_documents

ESSAY = sample_documents()["essay"]
PLACES = {  # `AzureOpenAI` is known by its address as well
    "openai": "https://me.openai.azure.com/openai/v1",
    "deepseek": "https://api.deepseek.com/beta",
    "mistral": "https://api.mistral.ai/v1",
    "openrouter": "https://openrouter.ai/api/v1",
    "groq": "https://api.groq.com/openai/v1",
    "together": "https://api.together.xyz/v1",
    "fireworks": "https://api.fireworks.ai/inference/v1",
    "qwen": "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    "kimi": "https://api.moonshot.ai/v1",
    "gemini-new": "https://generativelanguage.googleapis.com/v1beta/openai/",
    "llama.cpp": "http://localhost:8080/v1",
    "ollama": "http://localhost:11434/v1",
}
request = {"messages": [{"role": "user", "content": "Write the essay."}], "max_tokens": 300}

for name, place in PLACES.items():
    # In place of the internet, so that this runs without a key: a simulated server that behaves as the real one.
    with SimulatedProvider(ESSAY, dialect=name) as server:
        here = httpx2.URL(server.openai_base_url).copy_with(path="/v1/chat/completions")

        def redirect(request: httpx2.Request, here: httpx2.URL = here) -> None:
            request.url = here

        http = httpx2.Client(event_hooks={"request": [redirect]})
        client = OpenAI(base_url=place, api_key="none", http_client=http)  # yours: OpenAI(base_url=place)
        result = continuum.complete(client, model="any-model", **request)
        last = server.requests[-1].body["messages"][-1]
        how = "in place" if last["role"] == "assistant" else "a user turn"
        print(f"{name:<11} {how:<11} {' '.join(last.keys() - {'role', 'content'}):<8} {result.rounds} rounds")
        assert result.text == ESSAY
