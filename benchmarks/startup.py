"""How long it takes to be ready: `import continuum`, the first run of a process, and `continuum --help`.

Every figure is from a new process. The bytecode is cached, in a folder of its own that one warm-up each fills, so it is
what a user has from the second start on. `import` is timed inside the process, around the statement alone;
`complete()` too, after a request of the bare SDK, so that the SDK's own first-use costs are not counted. `--help` is
timed from outside, interpreter start included; `python -c pass` stands beside it for comparison. After the import,
the modules that it loaded are counted, and neither SDK may be among them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from benchmarks import _common as common

if TYPE_CHECKING:
    from collections.abc import Sequence

_IMPORT = """
import json, sys, time
before, start, cpu = len(sys.modules), time.perf_counter(), time.process_time()
import {name}
wall, cpu = time.perf_counter() - start, time.process_time() - cpu
sdks = [name for name in ("openai", "anthropic") if name in sys.modules]
print(json.dumps(dict(wall=wall, cpu=cpu, modules=len(sys.modules) - before, sdks=sdks)))
"""

_FIRST_RUN = """
import gc, json, sys, time
import continuum, openai
client = openai.OpenAI(base_url=sys.argv[1], api_key="none")
ask = dict(model=sys.argv[2], messages=[{"role": "user", "content": "Write."}], max_tokens=2000)
client.chat.completions.create(**ask)  # the SDK's own first-use costs are not continuum's
found = []
for _ in range(2):
    gc.collect()
    before, start, cpu = len(sys.modules), time.perf_counter(), time.process_time()
    result = continuum.complete(client, policy=continuum.Policy(stream=False), **ask)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    found.append(dict(wall=wall, cpu=cpu, modules=len(sys.modules) - before, sdks=[]))
    assert result.complete, result
print(json.dumps(found))
"""


class Starter:
    """Starts new interpreters.

    Args:
        cache: the folder for their bytecode.
    """

    def __init__(self, cache: str) -> None:
        self._environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def inside(self, code: str, *arguments: str) -> Any:
        """What a script measured in a process of its own."""
        return json.loads(self._run("-c", code, *arguments))

    def outside(self, *command: str) -> dict[str, Any]:
        """The wall time of a command."""
        start = time.perf_counter()
        output = self._run(*command)
        return {"wall": time.perf_counter() - start, "output": len(output)}

    def _run(self, *command: str) -> str:
        command = (sys.executable, *command)
        return subprocess.run(command, capture_output=True, text=True, check=True, env=self._environment).stdout


def measure(runs: int) -> dict[str, list[dict[str, Any]]]:
    """Figures by name, one for each run."""
    has_cli = find_spec("continuum.__main__") is not None
    figures: dict[str, list[dict[str, Any]]] = {}

    def note(name: str, figure: dict[str, Any]) -> None:
        figures.setdefault(name, []).append(figure)

    with common.provider({"report": common.prose(500)}) as url, tempfile.TemporaryDirectory() as cache:
        start = Starter(cache)
        for _ in range(runs + 1):
            for name in ("continuum", "openai", "anthropic"):
                note(f"import {name}", start.inside(_IMPORT.format(name=name)))
            for model in ("gpt-4o", "simulated"):  # one whose price is known, one whose price is not
                first, second = start.inside(_FIRST_RUN, url, model)
                note(f"first complete(), {model}", first)
                note(f"second complete(), {model}", second)
            note("python -c pass", start.outside("-c", "pass"))
            if has_cli:
                note("continuum --help", start.outside("-m", "continuum", "--help"))
    return {name: own[1:] for name, own in figures.items()}  # without the warm-up


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = common.parser(__doc__, runs=15).parse_args(arguments)
    figures = measure(options.runs)
    for figure in figures["import continuum"]:
        assert not figure["sdks"], f"import continuum loaded {figure['sdks']}"
    for figure in figures.get("continuum --help", ()):
        assert figure["output"] > 200, "continuum --help printed next to nothing"
    rows: list[list[object]] = []
    for name, own in figures.items():
        walls = [f["wall"] for f in own]
        cpu = common.median([f["cpu"] for f in own]) * 1000 if "cpu" in own[0] else "-"
        modules = own[0].get("modules", "-")
        ratio = common.ratio(walls, [f["wall"] for f in figures["import openai"]])
        rows.append([name, common.median(walls) * 1000, min(walls) * 1000, cpu, modules, ratio])
    header = ["", "wall ms, median", "wall ms, best", "CPU ms", "modules loaded", "of `import openai`"]
    text = common.table(header, rows)
    text += "\n\nNeither SDK is imported by `import continuum`."
    if "continuum --help" not in figures:
        text += " There is no command line to measure."
    common.report("Start", text, {"figures": figures}, options.json)


if __name__ == "__main__":
    main(sys.argv[1:])
