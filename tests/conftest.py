"""What holds for all tests, and a PostgreSQL for those that need one."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.batch.postgres_server import REQUIRED, PostgresServer, programs

if TYPE_CHECKING:
    from collections.abc import Iterator

# How fast the machine is decides no test.
settings.register_profile("continuum", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("continuum")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL for the session. Without one the test is skipped, or fails if the environment demands one."""
    missing = [name for name in ("psycopg", "procrastinate") if importlib.util.find_spec(name) is None]
    why = f"{' and '.join(missing)} missing (pip install 'continuum-llm[distributed]')" if missing else ""
    if programs() is None:
        why = "no PostgreSQL on this machine (Debian: apt-get install postgresql)"
    if why and os.environ.get(REQUIRED):
        pytest.fail(f"{REQUIRED} is set, and there is {why}")
    if why:
        pytest.skip(why)
    with PostgresServer() as server:
        yield server
