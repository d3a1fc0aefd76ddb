"""Fixtures for pytest: `simulated_provider` and `fake_clock`. Importing this is cheap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from continuum.testing.clock import FakeClock
    from continuum.testing.server import SimulatedProvider


class ProviderFactory(Protocol):
    """Starts a simulated provider. Takes the arguments of `SimulatedProvider`; without documents it has the samples."""

    def __call__(self, documents: Mapping[str, str] | str | None = None, **options: Any) -> SimulatedProvider: ...


@pytest.fixture
def simulated_provider() -> Iterator[ProviderFactory]:
    """A function that starts simulated providers; all of them are stopped after the test."""
    from continuum.testing.documents import sample_documents
    from continuum.testing.server import SimulatedProvider

    started: list[SimulatedProvider] = []

    def start(documents: Mapping[str, str] | str | None = None, **options: Any) -> SimulatedProvider:
        server = SimulatedProvider(sample_documents() if documents is None else documents, **options)
        started.append(server.start())
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def fake_clock() -> FakeClock:
    """A clock that moves only when it is slept on."""
    from continuum.testing.clock import FakeClock

    return FakeClock()
