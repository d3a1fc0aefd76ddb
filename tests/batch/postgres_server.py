"""A PostgreSQL of our own: a fresh cluster in a temporary folder, on a unix socket that nobody else sees.

The programs are Debian's (or whatever is on the PATH). PostgreSQL refuses to run as root, so root starts it as the
user `postgres`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

REQUIRED = "CONTINUUM_REQUIRE_POSTGRES"
"""The environment variable that makes it an error that there is no PostgreSQL."""


def programs() -> Path | None:
    """The folder that has `initdb` and `postgres`, the newest one; None if there is none."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -float(path.parent.name))
    return next((path for path in folders if (path / "initdb").exists() and (path / "postgres").exists()), None)


def _fast_folder() -> str | None:
    """In memory, where there is room: every database is a thousand small files."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > 4 << 30 else None


class PostgresServer:
    """A server; a context manager.

    Args:
        durable: whether it syncs to disk as it would in production.
        settings: other settings of the server.
    """

    def __init__(self, *, durable: bool = False, settings: dict[str, str] | None = None) -> None:
        found = programs()
        if found is None:
            raise FileNotFoundError("there is no PostgreSQL: no initdb on the PATH and none in /usr/lib/postgresql")
        self._bin, self._durable = found, durable
        self._settings = {
            "listen_addresses": "''",
            "max_connections": "120",
            "shared_buffers": "32MB",
            "fsync": "on" if durable else "off",
            "full_page_writes": "on" if durable else "off",
            **(settings or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self.folder = Path()

    def __enter__(self) -> Self:
        # Not below pytest's folder: the path of a socket has at most 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="continuum-pg-", dir=None if self._durable else _fast_folder()))
        try:
            if os.geteuid() == 0:
                shutil.chown(self.folder, "postgres", "postgres")
            self._run("initdb", "-D", str(self.folder / "data"), "-U", "continuum", "-A", "trust", "-N", "-E", "UTF8")
            self.start()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, or start it again; returns when it takes connections."""
        options = " ".join(f"-c {name}={value}" for name, value in self._settings.items())
        self._run(
            "pg_ctl", "-D", str(self.folder / "data"), "-l", str(self.folder / "log"), "-w", "-t", "60",
            "-o", f"{options} -k {self.folder}", "start",
        )  # fmt: skip

    def stop(self, mode: str = "immediate") -> None:
        """Stop it: `immediate` is a crash, `fast` breaks connections off, `smart` waits for them."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-t", "60", "-m", mode, "stop", check=False)

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        command = [str(self._bin / program), *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT if program == "initdb" else subprocess.DEVNULL,
            cwd="/",
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        if check and done.returncode:
            log = self.folder / "log"
            words = (done.stdout or b"").decode() + (log.read_text() if log.exists() else "")
            raise RuntimeError(f"{program} ended with code {done.returncode}: {words[-2000:]}")

    def url(self, database: str = "postgres") -> str:
        """What connects to it."""
        return f"postgresql://continuum@/{database}?host={self.folder}"

    def new_database(self) -> str:
        """Make an empty database; returns what connects to it."""
        import psycopg

        name = f"t{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
        return self.url(name)
