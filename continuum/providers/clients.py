"""Clients of libraries that continuum does not depend on, by their shape: for type checkers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Completer(Protocol):
    """What `litellm` and `litellm.Router` have in common."""

    @property
    def completion(self) -> Callable[..., Any]:
        """The sync way to ask."""
        ...

    @property
    def acompletion(self) -> Callable[..., Any]:
        """The async way to ask."""
        ...


class GeminiClient(Protocol):
    """A `google.genai.Client`, which serves sync and async calls."""

    @property
    def models(self) -> Any:
        """Has `generate_content`."""
        ...

    @property
    def aio(self) -> Any:
        """Its async side."""
        ...


class AsyncGeminiClient(Protocol):
    """The `aio` of a `google.genai.Client`."""

    @property
    def models(self) -> Any:
        """Has `generate_content`."""
        ...

    @property
    def live(self) -> Any:
        """Sessions; what sets it apart from the clients of other SDKs."""
        ...

    @property
    def aclose(self) -> Callable[..., Any]:
        """Closes its connections."""
        ...
