"""What the command line asks of a batch."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from continuum._core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from continuum.batch.inputs import Inputs
    from continuum.batch.job import Job


@dataclass(frozen=True, slots=True)
class Order:
    """What the command line asked for; see `continuum batch --help`. Without an `input`, the journal `run` is gone on
    with, and what is None is as it was."""

    input: str | None = None
    run: Path | None = None
    retry: tuple[Any, ...] = ()
    output: Path | None = None
    out_dir: Path | None = None
    journal: Path | None = None
    database_url: str | None = None
    name: str | None = None
    model: str | None = None
    provider: str | None = None
    base_url: str | None = None
    max_tokens: int | None = None
    system: str | None = None
    params: tuple[str, ...] = ()
    template: Path | None = None
    input_format: str | None = None
    ignore_unknown: bool = False
    skip_invalid: bool = False
    accept_changes: bool = False
    dry_run: bool = False
    expect_tokens: int | None = None
    format: Any = None
    as_finished: bool = False
    overwrite: bool = False
    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    progress_every: float = 30.0
    concurrency: str = "auto"
    max_cost: float | None = None
    deadline: float | None = None
    limits: Mapping[str, Any] = field(default_factory=dict)
    via: str | None = None
    poll: float = 60.0
    live_below: int = 0
    policy: Mapping[str, Any] = field(default_factory=dict)


def option(name: str) -> str:
    """What an argument is called here."""
    return f"--{name.replace('_', '-')}"


def parse_params(given: tuple[str, ...]) -> dict[str, Any]:
    """Arguments of `create()` from `NAME=VALUE`; a value that is not JSON is text.

    Raises:
        ConfigurationError: there is no `=`, or a name that has an option of its own.
    """
    params: dict[str, Any] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise ConfigurationError(f"--param={text!r}: expected NAME=VALUE, as in temperature=0.7")
        if name in ("model", "max_tokens", "system", "messages", "stream"):
            raise ConfigurationError(f"--param={text!r}: {name} is no parameter here; see continuum batch --help")
        try:
            params[name] = json.loads(value)
        except ValueError:
            params[name] = value
    return params


def parse_concurrency(given: str) -> Any:
    """A whole number, or `auto`.

    Raises:
        ConfigurationError: it is neither.
    """
    if given == "auto":
        return given
    if given.isascii() and given.isdecimal() and 1 <= int(given) <= 100_000:
        return int(given)
    raise ConfigurationError(f"--concurrency={given!r}: expected a whole number from 1 to 100000, or auto")


class Jobs:
    """The rows as jobs, once they have been looked at: the batch is made before, as it knows its settings."""

    def __init__(self) -> None:
        self.inputs: Inputs | None = None
        self.skip_invalid = False

    def __iter__(self) -> Iterator[Job]:
        assert self.inputs is not None
        for _, job in self.inputs.jobs(skip_invalid=self.skip_invalid):
            yield job
