"""What refuses a job, or arguments of a whole batch, that can only fail: before anything is sent or kept.

A document that failed is not asked for again by itself, so a slip of the caller's must not get so far.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import anyio
from pydantic import ValidationError

from continuum._core.errors import ConfigurationError
from continuum._core.policy import Policy
from continuum._core.types import Usage
from continuum.batch.job import Job
from continuum.batch.settings import create_params, provider_of
from continuum.providers import provider_for
from continuum.providers.arguments import role_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from continuum.batch.settings import Settings
    from continuum.providers.base import Provider

Jobs = Iterable[Job | Mapping[str, Any]] | AsyncIterable[Job | Mapping[str, Any]]
_CHUNK: Final = 256  # jobs between two moments for other tasks
_ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function", "model")
_CONTENTS: Final = (
    "content",
    "parts",
    "tool_calls",
    "function_call",
    "audio",
    "refusal",
)  # one of them has to be there


def check_client(client: Any) -> None:
    """Refuse a client that was closed: every request would fail by it.

    Raises:
        ConfigurationError: it was.
    """
    closed = getattr(client, "is_closed", None)
    if callable(closed) and closed() is True:
        raise ConfigurationError(
            f"client={type(client).__name__}: it is closed. Make a new one; run_batch() closes the client that it is "
            "given, since connections end with the event loop that they belong to"
        )


@cache
def _arguments(create: Any) -> frozenset[str] | None:
    """The arguments of a function; None if it takes any."""
    parameters = inspect.signature(create).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return frozenset(parameter.name for parameter in parameters)


def check_arguments(provider: Provider) -> None:
    """Refuse arguments that the SDK's `create()` does not have: every request would fail by them.

    Raises:
        ConfigurationError: with their names.
    """
    if not provider.path or provider.functions:  # no client of an SDK's
        return
    create = getattr(type(provider.resource(provider.client)), "create", None)
    known = None if create is None else _arguments(create)
    unknown = [] if known is None else sorted(provider.params.keys() - known)
    if unknown:
        raise ConfigurationError(
            f"{', '.join(unknown)}: no argument of this SDK's create(); what only the server knows goes into extra_body"
        )


def check_settings(client: Any, settings: Settings, max_cost: float | None, *, known: bool) -> None:
    """Refuse settings of a batch that spoil its jobs, whatever they say themselves.

    Args:
        client: async.
        settings: of the batch.
        max_cost: of the batch.
        known: the jobs are given, and each will be checked; else they are those of a journal, which may have been begun
            with other settings.

    Raises:
        ConfigurationError: with what is wrong.
    """
    try:
        json.dumps(settings.to_json(), ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ConfigurationError(f"an argument holds what UTF-8 cannot, such as half an emoji: {error}") from error
    job = Job(id="any", prompt="any")
    cap = settings.max_tokens or (1 if known or max_cost is None else None)
    anything = replace(settings, model=settings.model or "any", max_tokens=cap)
    check_arguments(provider_for(client, create_params(job, anything), Policy()))
    if not known and settings.model is not None:
        job_check(client, anything, max_cost)(job)


def job_check(
    client: Any,
    settings: Settings,
    max_cost: float | None,
    *,
    in_batches: bool = False,
    called: Callable[[str], str] = str,
) -> Callable[[Job], None]:
    """What refuses a job that cannot be asked as it is, with a `ConfigurationError`.

    Args:
        client: async.
        settings: of the batch.
        max_cost: of the batch.
        in_batches: requests go through the provider's batch API.
        called: what the caller calls an argument of the batch.
    """

    def check(job: Job) -> None:
        _check_text(job)
        for place, message in enumerate(job.messages or ()):
            _check_message(place, message)
        try:
            provider = provider_of(client, job, settings, in_batches=in_batches)
        except (ValueError, TypeError) as error:
            raise error if isinstance(error, ConfigurationError) else ConfigurationError(str(error)) from error
        check_arguments(provider)
        _check_cost_cap(provider, max_cost, called)

    return check


def _check_text(job: Job) -> None:
    """Refuse what JSON in UTF-8 cannot hold: neither the journal nor a request could."""
    try:
        job.model_dump_json(exclude_defaults=True)
    except ValueError as error:
        raise ConfigurationError(f"it holds what JSON in UTF-8 cannot, such as half an emoji: {error}") from error


def _check_message(place: int, message: Mapping[str, Any]) -> None:
    role = role_of(message)
    if role is not None and role not in _ROLES:  # servers may have roles of their own
        meant = get_close_matches(role.lower(), _ROLES, 1, 0.75)
        if meant:
            raise ConfigurationError(f"messages[{place}]: role={role!r} should be {meant[0]!r}")
    if all(message.get(name) is None for name in _CONTENTS):
        raise ConfigurationError(f"messages[{place}]={dict(message)!r}: a message needs a role and content")


def _check_cost_cap(provider: Provider, max_cost: float | None, called: Callable[[str], str]) -> None:
    """Refuse a request of which nobody can say what it may cost, where that is limited."""
    if max_cost is None:
        return
    limit = f"{called('max_cost')}={max_cost:g} cannot be kept"
    if provider.cap is None:
        raise ConfigurationError(f"{limit} without an output cap; give {called('max_tokens')}")
    if provider.price()(Usage(1, 1)) is None:
        raise ConfigurationError(
            f"{limit}: the price of model={provider.model!r} is not known; leave it out, and limit "
            f"{called('max_output_tokens')}"
        )


# -- all jobs of a batch ----------------------------------------------------------------------------------------------


def job_of(row: Job | Mapping[str, Any], number: int, check: Callable[[Job], None]) -> Job:
    """A row as a job that can be asked.

    Raises:
        ConfigurationError: it cannot; with its id, or its number where it has none.
    """
    try:
        job = row if isinstance(row, Job) else Job.model_validate(row)
    except ValidationError as error:
        raise ConfigurationError(f"job number {number + 1} of the input: {error}") from error
    try:
        check(job)
    except ConfigurationError as error:
        words = str(error)
        raise ConfigurationError(words if repr(job.id) in words else f"job {job.id!r}: {words}") from error
    return job


async def checked(jobs: Jobs | None, check: Callable[[Job], None]) -> Iterable[Job] | AsyncIterable[Job] | None:
    """The rows as jobs: those that are all there already are checked now, others as they are read.

    Raises:
        ConfigurationError: the first that cannot be asked.
    """
    if isinstance(jobs, AsyncIterable):
        return _checked_slowly(jobs, check)
    if not isinstance(jobs, Sequence):
        return None if jobs is None else (job_of(row, number, check) for number, row in enumerate(jobs))
    found: list[Job] = []
    for number, row in enumerate(jobs):
        found.append(job_of(row, number, check))
        if number % _CHUNK == 0:
            await anyio.lowlevel.checkpoint()
    return found


async def _checked_slowly(
    jobs: AsyncIterable[Job | Mapping[str, Any]], check: Callable[[Job], None]
) -> AsyncIterator[Job]:
    number = 0
    async for row in jobs:
        yield job_of(row, number, check)
        number += 1
