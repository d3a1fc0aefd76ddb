"""How one server differs from the others that speak the same API: a value, of the library's table or of the caller."""

from __future__ import annotations

import re
from collections.abc import Mapping  # noqa: TC003  # pydantic reads the annotations: a dialect is a field of the policy
from dataclasses import dataclass, field
from typing import Any, get_args

from continuum._core.errors import ConfigurationError
from continuum._core.types import FinishReason, Prefill


@dataclass(frozen=True, slots=True)
class Dialect:
    """One row of the table in `continuum.providers.capabilities`, or the caller's own for a server that is not there.

    ::

        mine = continuum.Dialect("mine", in_place=True, message={"prefix": True}, words={"cut": "length"})
        continuum.complete(client, policy=continuum.Policy(dialect=mine), …)

    Without a pattern, a dialect of a policy is that of whatever server is asked. With patterns it is that of a server
    at which one of them is found, and any other server is looked up in the table.

    Attributes:
        name: what `Policy.dialect` calls it.
        where: regular expression searched in the host and path of `base_url`.
        model: regular expression searched in the model's name.
        fingerprint: regular expression searched in the `system_fingerprint` of a reply.
        in_place: the server goes on with a trailing assistant turn.
        body: extra fields of a request that goes on in place.
        message: extra fields of the assistant message that is gone on with.
        later: extra fields of every request that shows the model its own text, in place or not.
        strips: white space at the end of that message is refused.
        short_means_full: `length` with fewer tokens than the cap means that the context window is full.
        words: finish reasons of this server alone.
        window: the field of `GET /models/MODEL` that says how many tokens prompt and reply can have together.
        billed: what is shown to the model is paid for, so a request shows the text so far as one turn, which costs
            least. Otherwise it stays in the turns in which it was written: small models do better so.

    Raises:
        ConfigurationError: if a word is given a meaning that is none, or a pattern is no regular expression.
    """

    name: str
    where: str | None = None
    model: str | None = None
    fingerprint: str | None = None
    in_place: bool = False
    body: Mapping[str, Any] = field(default_factory=dict, hash=False)
    message: Mapping[str, Any] = field(default_factory=dict, hash=False)
    later: Mapping[str, Any] = field(default_factory=dict, hash=False)
    strips: bool = False
    short_means_full: bool = False
    words: Mapping[str, FinishReason] = field(default_factory=dict, hash=False)
    window: str | None = None
    billed: bool = False

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigurationError("Dialect(name=''): give it a name, for logs and journals")
        for word, reason in self.words.items():
            if reason not in get_args(FinishReason):
                raise ConfigurationError(f"words={{{word!r}: {reason!r}}}: choose one of {get_args(FinishReason)}")
        for pattern in self.patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ConfigurationError(f"{pattern!r} is no regular expression: {error}") from error

    @property
    def patterns(self) -> tuple[str, ...]:
        """By which a server is known, as far as there are any."""
        return tuple(filter(None, (self.where, self.model, self.fingerprint)))

    @property
    def prefill(self) -> Prefill | None:
        """The fact as the machine knows it."""
        return Prefill(strips=self.strips) if self.in_place else None
