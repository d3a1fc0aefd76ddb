"""What the input of a long document costs: continuum beside the hand-written loop and beside one uncut call.

A document of 8, 32 and 128 rounds is drafted by the simulated provider, which bills as Anthropic and OpenAI do: of a
prompt, what the prompt cache gives costs a tenth, what is written to it a quarter more (Anthropic; OpenAI caches by
itself and charges nothing for it), and no prompt under 1,024 tokens is cached. Nothing is timed: the figures are
counts, and the same on every machine.

* input, x loop: billed input, in tokens at full price, as a multiple of the loop's, which appends and asks
  "Continue from where you left off." and knows of no cache; on OpenAI the loop is cached as well.
* total, x uncut: input and output, at five times the price of input, as a multiple of one call without any cap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from anthropic import Anthropic
from openai import OpenAI

import continuum
from benchmarks import _common as common
from continuum import Usage
from continuum.testing import SimulatedProvider

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = (8, 32, 128)
CAP = 1000
PROMPT = "Write the whole report. " + "Cover every harbour, lamp and keeper on the list, in order. " * 60
POLICY = continuum.Policy(max_rounds=1000, max_output_tokens=None, max_cost=None, deadline=None)
READ, WRITE, OUTPUT = 0.1, 1.25, 5.0


class Bill(NamedTuple):
    """Tokens at the price of input."""

    input: float
    output: float
    requests: int

    @property
    def total(self) -> float:
        """Both, output at its own price."""
        return self.input + OUTPUT * self.output


def billed(usage: Usage, requests: int) -> Bill:
    """What a usage costs."""
    plain = usage.input_tokens - usage.cached_input_tokens - usage.cache_write_tokens
    return Bill(
        plain + READ * usage.cached_input_tokens + WRITE * usage.cache_write_tokens, usage.output_tokens, requests
    )


def ours(api: str, server: SimulatedProvider, cap: int) -> tuple[str, Bill]:
    """Continuum."""
    ask: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": PROMPT}], "max_tokens": cap}
    client: Any = _client(api, server)
    # The address of the simulated provider does not tell whose prices it asks.
    policy = POLICY.model_copy(update={"dialect": "openai"}) if api == "openai" else POLICY
    result = continuum.complete(client, policy=policy, **ask)
    return result.text, billed(result.usage, result.rounds)


def loop(api: str, server: SimulatedProvider, cap: int) -> tuple[str, Bill]:
    """The hand-written loop."""
    client, messages = _client(api, server), [{"role": "user", "content": PROMPT}]
    text, usage, rounds, going = "", Usage(), 0, True
    while going:
        if api == "anthropic":
            message = client.messages.create(model="m", messages=messages, max_tokens=cap, timeout=60)
            said, going, counts = message.content[0].text, message.stop_reason == "max_tokens", message.usage
            usage += Usage(counts.input_tokens, counts.output_tokens)
        else:
            reply = client.chat.completions.create(model="m", messages=messages, max_tokens=cap)
            choice, counts = reply.choices[0], reply.usage
            said, going = choice.message.content, choice.finish_reason == "length"
            usage += Usage(counts.prompt_tokens, counts.completion_tokens, counts.prompt_tokens_details.cached_tokens)
        text, rounds = text + said, rounds + 1
        messages += [{"role": "assistant", "content": said}, {"role": "user", "content": common.CONTINUE}]
    return text, billed(usage, rounds)


def _client(api: str, server: SimulatedProvider) -> Any:
    if api == "anthropic":
        return Anthropic(base_url=server.anthropic_base_url, api_key="none", max_retries=0)
    return OpenAI(base_url=server.openai_base_url, api_key="none", max_retries=0)


def measure(api: str, rounds: int, contestant: Callable[[str, SimulatedProvider, int], tuple[str, Bill]]) -> Bill:
    """One draft of a document of so many rounds, checked."""
    document = common.prose(rounds * CAP - CAP // 2)
    with SimulatedProvider(document, prompt_cache=1024, record=False, chunk_tokens=64) as server:
        text, bill = contestant(api, server, CAP)
    if text != document:
        raise AssertionError(f"{contestant.__name__} on {api} gave another text")
    return bill


def uncut(api: str, rounds: int) -> Bill:
    """One call that writes the whole document."""
    document = common.prose(rounds * CAP - CAP // 2)
    with SimulatedProvider(document, record=False, chunk_tokens=64) as server:
        text, bill = loop(api, server, 10_000_000)
    if text != document:
        raise AssertionError("the uncut call gave another text")
    return bill


def main() -> None:
    """Measure and print the table."""
    options = common.parser(__doc__, runs=1).parse_args()
    rows: list[list[object]] = []
    for api in ("anthropic", "openai"):
        for rounds in ROUNDS:
            mine, theirs, one = measure(api, rounds, ours), measure(api, rounds, loop), uncut(api, rounds)
            rows.append(
                [
                    f"{api}, {rounds} rounds",
                    theirs.requests,
                    mine.requests,
                    round(mine.input),
                    mine.input / theirs.input,
                    theirs.total / one.total,
                    mine.total / one.total,
                ]
            )
    header = ["", "loop's requests", "requests", "input", "input, x loop", "loop's total, x uncut", "total, x uncut"]
    common.report("Cost", common.table(header, rows), {"rows": rows}, options.json)


if __name__ == "__main__":
    main()
