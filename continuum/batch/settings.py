"""What a whole batch asks with, and what a job asks with because of it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from continuum._api import new_provider
from continuum._core.errors import ConfigurationError
from continuum._core.policy import Policy
from continuum.providers import capabilities

if TYPE_CHECKING:
    from continuum.batch.job import Job
    from continuum.providers.base import Provider

_CAPS = ("max_tokens", "max_completion_tokens")
_NEVER = {
    "stream": "a batch streams by itself; Policy(stream=False) chooses how it asks",
    "response_model": "a batch has none: ask for JSON with response_format, and validate the texts of the results",
    "api_key": "it would be written to the journal: keep it in the client, a LiteLLM Router or the environment",
}
_SECRET = ("extra_headers", "extra_query")


@dataclass(frozen=True, slots=True)
class Settings:
    """What all jobs of a batch have in common. No key is part of it.

    Attributes:
        provider: the wire API, such as `openai` or `anthropic`.
        base_url: where it is.
        model: for jobs that name none.
        max_tokens: output cap of one request, for jobs that have none.
        system: a system prompt, for jobs that have none.
        params: other arguments of the SDK's `create()`.
        policy: the fields of `continuum.Policy` that were given.
    """

    provider: str
    base_url: str
    model: str | None = None
    max_tokens: int | None = None
    system: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, provider: str, base_url: str, policy: Policy | None, params: Mapping[str, Any]) -> Settings:
        """From arguments of `create()`.

        Raises:
            ConfigurationError: they name messages or a prompt, which are the jobs' own, what no batch has, two caps, or
                no number.
        """
        rest = dict(params)
        for name in ("messages", "prompt", "n"):
            if name in rest:
                raise ConfigurationError(f"{name}={rest[name]!r}: in a batch, each job has its own; leave it out here")
        for name, why in _NEVER.items():
            if name in rest:
                raise ConfigurationError(f"{name}: {why}")
        caps = {name: rest.pop(name) for name in _CAPS if name in rest}
        if len(caps) > 1:
            raise ConfigurationError(f"{' and '.join(caps)} are two names for one cap; leave one of them out")
        check_numbers(rest)
        system = rest.pop("system") if isinstance(rest.get("system"), str) else None
        return cls(
            provider,
            base_url,
            rest.pop("model", None),
            next(iter(caps.values()), None),
            system,
            rest,
            {} if policy is None else policy.model_dump(exclude_unset=True),
        )

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values, for the journal. Headers may hold secrets: of them only a fingerprint is kept."""
        data = asdict(self)
        for name in _SECRET:
            if name in data["params"]:
                text = json.dumps(data["params"][name], sort_keys=True, default=repr)
                data["params"][name] = f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        plain: dict[str, Any] = json.loads(json.dumps(data, default=repr))
        return plain


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two settings, in words."""
    found = []
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name), now.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += [f"{name}.{change}" for change in changes(old, new)]
        elif old != new:
            found.append(f"{name}={new!r} (was {old!r})")
    return found


def create_params(job: Job, settings: Settings) -> dict[str, Any]:
    """The arguments of the SDK's `create()` for a job; what the job says goes over what the batch says.

    Raises:
        ConfigurationError: there is no model.
    """
    params = {**settings.params, **job.params}
    given = {name: params.pop(name) for name in _CAPS if name in params}
    params["model"] = job.model or params.get("model") or settings.model
    if not params["model"]:
        raise ConfigurationError(f"job {job.id!r} names no model, and the batch has none; pass model=…")
    cap = job.max_tokens or next(iter(given.values()), None) or settings.max_tokens
    if cap is not None:
        params[_cap_field(settings, str(params["model"]))] = cap
    messages = [dict(message) for message in job.messages or ({"role": "user", "content": job.prompt},)]
    system = job.system or settings.system
    if system and settings.provider == "anthropic":
        params.setdefault("system", system)
        if job.system:
            params["system"] = job.system
    elif system and messages[0].get("role") not in ("system", "developer"):
        messages.insert(0, {"role": "system", "content": system})
    params["messages"] = messages
    if settings.provider == "gemini":
        from continuum.providers.gemini import from_messages

        return from_messages(params)
    return params


def _cap_field(settings: Settings, model: str) -> str:
    # OpenAI's own models of late take the new name only; most other servers know the old one only.
    official = settings.provider == "openai" and capabilities.find(settings.base_url, model).name == "openai"
    return "max_completion_tokens" if official else "max_tokens"


def policy_of(job: Job, settings: Settings) -> Policy:
    """The policy of a job: its own fields over those of the batch.

    Raises:
        ConfigurationError: the two contradict each other.
    """
    try:
        return Policy(**{**settings.policy, **job.policy, "on_incomplete": "return"})
    except ValidationError as error:
        raise ConfigurationError(
            f"job {job.id!r}: its policy and that of the batch do not go together: {error}"
        ) from error


def check_numbers(params: Mapping[str, Any]) -> None:
    """Refuse numbers that JSON does not have: no request can carry them, and none is equal to itself.

    Raises:
        ConfigurationError: with the argument.
    """
    for name, value in params.items():
        if not _is_finite(value):
            raise ConfigurationError(f"{name}={value!r}: JSON has no such number; write another one, or leave it out")


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    return not isinstance(value, list | tuple) or all(map(_is_finite, value))


def provider_of(client: Any, job: Job, settings: Settings, *, in_batches: bool = False) -> Provider:
    """What a job is drafted with.

    Args:
        client: async.
        job: one of the batch.
        settings: those of the batch.
        in_batches: its requests go through the provider's batch API.

    Raises:
        ConfigurationError: the job can only fail; with what is wrong, its value, and what to do.
    """
    provider = new_provider(client, policy_of(job, settings), create_params(job, settings), is_async=True)
    check_numbers(provider.params)
    if in_batches and provider.policy.stream:
        raise ConfigurationError("stream=True in its policy: the provider's batch API cannot stream; leave it out")
    choices = provider.params.get("n")
    if isinstance(choices, int) and choices != 1:
        raise ConfigurationError(f"n={choices!r}: a job has one answer; enter it several times under other ids")
    return provider
