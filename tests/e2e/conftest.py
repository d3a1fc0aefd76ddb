"""Servers with a real model for the end-to-end tests, and the helper module beside them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from continuum import MissingDependencyError
from continuum.testing.local_model import LocalModel

if TYPE_CHECKING:
    from collections.abc import Iterator

sys.path.insert(0, str(Path(__file__).parent))


class Servers:
    """Starts servers as they are asked for; one runs at a time."""

    def __init__(self) -> None:
        self._key: tuple[str | None, int] | None = None
        self._running: LocalModel | None = None

    def get(self, packages: str | None = None, *, n_ctx: int = 8192) -> LocalModel:
        """A server of this kind: the one that runs, if it is of this kind.

        Without the packages the test is skipped, or fails if `CONTINUUM_REQUIRE_LOCAL_MODEL=1`.
        """
        if self._running is None or self._key != (packages, n_ctx):
            self.stop()
            try:
                self._running = LocalModel(n_ctx=n_ctx, threads=1, packages=packages).start()
            except MissingDependencyError as error:
                if os.environ.get("CONTINUUM_REQUIRE_LOCAL_MODEL") == "1":
                    pytest.fail(f"CONTINUUM_REQUIRE_LOCAL_MODEL=1, and {error}", pytrace=False)
                pytest.skip(str(error))
            self._key = (packages, n_ctx)
        return self._running

    def stop(self) -> None:
        """End the server that runs, if one does."""
        if self._running is not None:
            self._running.stop()
            self._running = None


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """llama.cpp servers with SmolLM2-135M-Instruct."""
    found = Servers()
    yield found
    found.stop()
