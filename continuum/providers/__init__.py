"""One file per wire API. Translates; decides nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from continuum._core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from continuum._core.policy import Policy
    from continuum.providers.base import Provider


def _belongs_to(client: Any, sdk: str) -> bool:
    """Whether a client is of an SDK, without importing an SDK that the caller does not use."""
    return sdk in sys.modules and any(base.__module__.split(".")[0] == sdk for base in type(client).__mro__)


_OF_RESPONSES = ("input", "previous_response_id", "conversation", "prompt", "instructions", "max_output_tokens")
"""Arguments of `responses.create()` that `chat.completions.create()` has not."""


def providers_of(client: Any) -> tuple[type[Provider], ...]:
    """The wire APIs that a client of an SDK speaks, the usual one first; none for any other client.

    Args:
        client: any object.
    """
    if _belongs_to(client, "openai") and hasattr(client, "chat"):
        from continuum.providers.openai_chat import OpenAIChat
        from continuum.providers.openai_responses import OpenAIResponses

        return (OpenAIChat, OpenAIResponses) if hasattr(client, "responses") else (OpenAIChat,)
    if _belongs_to(client, "anthropic") and hasattr(client, "messages"):
        from continuum.providers.anthropic_messages import AnthropicMessages

        return (AnthropicMessages,)
    return ()


def provider_for(client: Any, params: Mapping[str, Any], policy: Policy) -> Provider:
    """The provider that speaks through this client.

    An OpenAI client speaks two APIs: `input=` (or another argument that only the Responses API has) asks for
    Responses, `messages=` for Chat Completions.

    Args:
        client: the caller's `OpenAI`, `AsyncOpenAI`, `Anthropic` or `AsyncAnthropic`, or a subclass; a `genai.Client`
            or its `aio`; `litellm` or one of its `Router`s; or an object with a method
            `continuum_provider(params, policy)` that returns a `Provider`.
        params: arguments of `create()`.
        policy: the caller's ceilings and choices.

    Raises:
        ConfigurationError: if the client is none of these, or if both `messages` and `input` are given.
    """
    known = providers_of(client)
    if known:
        return known[len(known) - 1 if _wants_responses(params) else 0](client, params, policy)
    if _belongs_to(client, "google") and hasattr(client, "models"):
        from continuum.providers.gemini import Gemini

        return Gemini(client, params, policy)
    if _is_litellm(client):
        from continuum.providers.litellm_chat import LiteLLMChat

        return LiteLLMChat(client, params, policy)
    own: Callable[[Mapping[str, Any], Policy], Provider] | None = getattr(client, "continuum_provider", None)
    if own is not None:
        return own(params, policy)
    raise ConfigurationError(
        "client: expected an OpenAI, AsyncOpenAI, Anthropic or AsyncAnthropic client (or a subclass of one), a "
        "genai.Client, litellm or a litellm.Router, "
        f"not {type(client).__name__}"
    )


def _is_litellm(client: Any) -> bool:
    """Whether a client is the module itself or a router of it; None, while nobody has imported it, is neither."""
    module = sys.modules.get("litellm")
    router = _belongs_to(client, "litellm") and hasattr(client, "acompletion")
    return module is not None and (client is module or router)


def _wants_responses(params: Mapping[str, Any]) -> bool:
    if "messages" not in params:
        return any(name in params for name in _OF_RESPONSES)
    if "input" in params:
        raise ConfigurationError(
            "messages and input are given: pass messages= for Chat Completions, or input= for the Responses API"
        )
    return False
