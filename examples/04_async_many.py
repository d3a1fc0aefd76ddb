"""Several documents at once on asyncio; `anyio.run(main, backend="trio")` runs it on trio."""

import anyio
from anthropic import AsyncAnthropic

import continuum
from continuum.testing import SimulatedProvider, sample_documents

DOCUMENTS = sample_documents()


async def draft(client: AsyncAnthropic, name: str) -> None:
    result = await continuum.acomplete(
        client,
        model="any-model",
        messages=[{"role": "user", "content": f"Write [doc:{name}]."}],
        max_tokens=250,
        policy=continuum.Policy(max_rounds=40),
    )
    print(f"{name:10} {len(result.text):5} characters, {result.rounds} rounds, {result.reason}")
    assert result.text == DOCUMENTS[name]


async def main() -> None:
    with SimulatedProvider(DOCUMENTS) as server:
        client = AsyncAnthropic(base_url=server.anthropic_base_url, api_key="none")
        async with client, anyio.create_task_group() as tasks:
            for name in DOCUMENTS:
                tasks.start_soon(draft, client, name)


anyio.run(main)
