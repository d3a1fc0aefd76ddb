"""Servers that speak OpenAI's API, each at its own address: what continuum sends to go on is what that server takes."""

import httpx2
from openai import AzureOpenAI, OpenAI

import continuum
from continuum.testing import SimulatedProvider, sample_documents

ESSAY = sample_documents()["essay"]
PLACES = {
    "deepseek": "https://api.deepseek.com/beta",
    "mistral": "https://api.mistral.ai/v1",
    "openrouter": "https://openrouter.ai/api/v1",
    "groq": "https://api.groq.com/openai/v1",
    "together": "https://api.together.xyz/v1",
    "fireworks": "https://api.fireworks.ai/inference/v1",
    "qwen": "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    "kimi": "https://api.moonshot.ai/v1",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/openai/",
    "llama.cpp": "http://localhost:8080/v1",
    "ollama": "http://localhost:11434/v1",
}
MODELS = {"gemini": "gemini-2.5-pro"}
request = {"messages": [{"role": "user", "content": "Write the essay."}], "max_tokens": 300}


class Here(httpx2.HTTPTransport):
    """In place of the internet, so that this runs without a key: a simulated server that behaves as the real one."""

    def __init__(self, server: SimulatedProvider) -> None:
        super().__init__()
        self.place = httpx2.URL(server.openai_base_url).copy_with(path="/v1/chat/completions")

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.url = self.place
        return super().handle_request(request)


for name, place in PLACES.items():
    with SimulatedProvider(ESSAY, dialect=name) as server:
        client = OpenAI(base_url=place, api_key="none", http_client=httpx2.Client(transport=Here(server)))
        result = continuum.complete(client, model=MODELS.get(name, "any-model"), **request)
        last = server.requests[-1].body["messages"][-1]
        fields = sorted(last.keys() - {"role", "content"})
        how = "in place" if last["role"] == "assistant" else "a user turn"
        print(f"{name:<11} {how:<11} {' '.join(fields):<8} {result.rounds} rounds, whole: {result.text == ESSAY}")
        assert result.text == ESSAY

with SimulatedProvider(ESSAY, dialect="openai") as server:
    http = httpx2.Client(transport=Here(server))
    azure = AzureOpenAI(azure_endpoint="https://me.openai.azure.com", api_key="none", api_version="1", http_client=http)
    assert continuum.complete(azure, model="my-deployment", **request).text == ESSAY
    print("azure       a user turn")
