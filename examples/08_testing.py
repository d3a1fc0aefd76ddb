"""Testing your own code against cut answers: without a server, and with a real one."""

from openai import OpenAI

import continuum
from continuum.testing import FakeClock, Reply, ScriptedClient, SimulatedProvider

# A script: exact control, no HTTP, no SDK.
script = ScriptedClient([Reply("Once upon a ", "length"), Reply("time.")])
result = continuum.complete(script, model="m", messages=[{"role": "user", "content": "Tell."}])
assert result.text == "Once upon a time."
script.assert_complete()

# A server: your whole stack, over HTTP. In pytest, use the fixture `simulated_provider`.
with SimulatedProvider("A short answer.", faults=["429:60"]) as server:
    client = OpenAI(base_url=server.openai_base_url, api_key="none")
    clock = FakeClock()  # the minute that the server asks for passes at once
    asked = [{"role": "user", "content": "Tell."}]
    print(continuum.complete(client, model="m", messages=asked, runtime=clock.runtime).text)
    assert clock.sleeps == [60.0]
    assert server.statuses == {429: 1, 200: 1}
