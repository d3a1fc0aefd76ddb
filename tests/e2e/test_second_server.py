"""A second real server, dasLLAMA: an engine of its own that speaks OpenAI's API in its own words.

It comes from the package `dasllama`, and reads no Q4_1, so SmolLM2 is written anew in Q8_0 first, with the package
`gguf`. Both stand in a directory, `pip install --target DIR dasllama==0.6.6 gguf==0.19.0`, that
`CONTINUUM_DASLLAMA_DIR` names.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from openai import OpenAI

import continuum
from continuum import MissingDependencyError, Policy
from continuum.providers.capabilities import REFUSALS
from continuum.testing.local_model import model_path

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.local_model

PLACE = os.environ.get("CONTINUUM_DASLLAMA_DIR", "")
WINDOW = 400
STORY = [{"role": "user", "content": "Tell a long story about a lost map."}]
QUICK = Policy(max_rounds=4, reask=0)
_PATIENCE = 60.0
_REWRITE = """
import sys
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, quants

reader = GGUFReader(sys.argv[1])
writer = GGUFWriter(sys.argv[2], reader.fields["general.architecture"].contents())
for name, field in reader.fields.items():
    if not name.startswith("GGUF.") and name not in ("general.architecture", "general.file_type"):
        kind = field.types[0]
        part = field.types[-1] if kind == GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), kind, part)
for tensor in reader.tensors:
    data, kind = tensor.data, tensor.tensor_type
    if kind == GGMLQuantizationType.Q4_1:
        kind = GGMLQuantizationType.Q8_0
        data = quants.quantize(quants.dequantize(data, tensor.tensor_type), kind)
    writer.add_tensor(tensor.name, data, raw_dtype=kind)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
"""


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server with SmolLM2; skipped where it is not installed, but for `CONTINUUM_REQUIRE_LOCAL_MODEL=1`."""
    program = Path(PLACE) / "dasllama" / "_sdk" / "dasllama-server.exe"  # its name on Linux as well
    try:
        source = model_path()
        missing = "" if PLACE and program.is_file() else f"there is no dasllama in CONTINUUM_DASLLAMA_DIR={PLACE!r}"
    except MissingDependencyError as error:
        source, missing = Path(), str(error)
    if missing and os.environ.get("CONTINUUM_REQUIRE_LOCAL_MODEL") == "1":
        pytest.fail(f"CONTINUUM_REQUIRE_LOCAL_MODEL=1, and {missing}", pytrace=False)
    if missing:
        pytest.skip(missing)
    home = tmp_path_factory.mktemp("dasllama")
    model = home / "smollm2.gguf"
    environment = {**os.environ, "PYTHONPATH": PLACE, "HOME": str(home)}
    subprocess.run([sys.executable, "-c", _REWRITE, str(source), str(model)], env=environment, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (home / "log").open("w+")
    options = ["--ctx", str(WINDOW), "--threads", "1", "--streams", "1", "--gpu", "off", "--port", str(port)]
    command = [str(program), "--model", str(model), *options]
    server = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _await(server, f"http://127.0.0.1:{port}/v1/models", log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.kill()
        server.wait()
        log.close()


def _await(server: subprocess.Popen[bytes], url: str, log: Any) -> None:
    end = time.monotonic() + _PATIENCE
    while server.poll() is None and time.monotonic() < end:
        try:
            if httpx2.get(url, timeout=5.0).status_code == 200:
                return
        except httpx2.TransportError:
            pass  # not there yet
        time.sleep(0.1)
    log.seek(0)
    pytest.fail(f"dasllama-server did not come up:\n{log.read()[-2000:]}", pytrace=False)


class Wire:
    """A client, and the statuses that came back."""

    def __init__(self, base_url: str) -> None:
        self.statuses: list[int] = []
        http = httpx2.Client(event_hooks={"response": [lambda r: self.statuses.append(r.status_code)]}, timeout=120.0)
        self.client = OpenAI(base_url=base_url, api_key="none", http_client=http)
        self.model = self.client.models.list().data[0].id
        self.statuses.clear()

    def ask(self, policy: Policy, messages: Any = STORY, cap: int = 40) -> continuum.Result:
        return continuum.complete(
            self.client, policy=policy, model=self.model, messages=messages, max_tokens=cap, temperature=0
        )


@pytest.fixture
def wire(base_url: str) -> Iterator[Wire]:
    REFUSALS.clear()
    found = Wire(base_url)
    with found.client:
        yield found
    REFUSALS.clear()


@pytest.mark.parametrize("stream", [True, False])
def test_a_cut_answer_is_gone_on_with(wire: Wire, stream: bool) -> None:
    """A user turn, its words understood, its tokens counted, and every reply accounted for."""
    result = wire.ask(QUICK.model_copy(update={"stream": stream}))
    assert set(wire.statuses) == {200}
    assert 1 < result.rounds <= len(wire.statuses)  # a stream that brings nothing at all is asked for again
    assert {segment.raw_finish_reason for segment in result.segments} <= {"length", "stop"}
    assert not result.usage.estimated
    assert result.usage.output_tokens <= 40 * result.rounds
    assert result.segments[0].usage is not None
    assert result.segments[0].usage.output_tokens == 40
    assert result.raw_segments[0].startswith(result.text[: result.segments[0].end])
    assert len(result.raw_segments) == result.rounds


def test_its_refusal_of_a_prefill_is_understood(wire: Wire) -> None:
    """It says so in words of its own: one 400, then a user turn, and no second one."""
    told = QUICK.model_copy(update={"dialect": "lmdeploy"})
    result = wire.ask(told)
    assert wire.statuses.count(400) == 1
    assert result.rounds > 1
    wire.ask(told)
    assert wire.statuses.count(400) == 1


def test_its_full_window_is_understood(wire: Wire) -> None:
    """A prompt that leaves no room to go on: what came is kept, and the reason is told."""
    long = [{"role": "user", "content": "Tell a long story about a lost map and a lighthouse. " * 27}]
    result = wire.ask(QUICK, long, cap=60)
    *answered, refused = wire.statuses  # a short reply leaves room for one more
    assert refused == 400
    assert set(answered) == {200}
    assert (result.complete, result.reason) == (False, "context_window")
    assert result.text
