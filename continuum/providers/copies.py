"""Copies of a caller's client: of the same class, on the same connections, with what its attributes say now."""

from __future__ import annotations

from copy import copy
from functools import cached_property
from typing import Any

ASKED = ("chat", "responses", "messages")  # what a copy has to have of its own, whatever stands there


def copied(client: Any) -> Any:
    """A copy, attribute by attribute, whose resources are its own.

    The SDKs' `copy()` calls the class again. A subclass may want other arguments then, or fall back to its defaults,
    and a token that has been fetched would be fetched anew.
    """
    made = copy(client)
    own: dict[str, Any] = vars(made)
    for name, value in list(own.items()):  # the copy's own: another thread may look at a new resource of the client
        made_late = isinstance(getattr(type(client), name, None), cached_property)
        if made_late and (hasattr(value, "_client") or name in ASKED):
            del own[name]  # made anew when it is asked for, and then it is the copy's
        elif getattr(value, "_client", None) is client and _is_of_sdk(value):
            own[name] = type(value)(made)
        elif name in ASKED:
            own[name] = copy(value)  # something of the caller's, which stays as it is
    if own.get("_middleware_chain") is not None:  # Anthropic's: it sends through the client that it was built for
        made._middleware_chain = made._build_middleware_chain()
    if hasattr(type(client), "_ensure_access_token"):  # Vertex: what is fetched is kept where every copy finds it

        def ensure() -> Any:
            own_token = made.access_token or made.credentials
            return type(made)._ensure_access_token(made) if own_token else client._ensure_access_token()

        own["_ensure_access_token"] = ensure
    return made


def _is_of_sdk(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] in ("openai", "anthropic")


def quiet(client: Any) -> Any:
    """The client without retries of its own: continuum does them."""
    if client.max_retries == 0:
        return client
    silent = copied(client)
    silent.max_retries = 0
    return silent


def replaced(client: Any, path: tuple[str, ...]) -> bool:
    """Whether something of the caller's stands in place of the SDK's own: a function that traces calls, or a mock.

    It stands on the instance, and a copy would not have it.

    Args:
        client: any client.
        path: the attributes that lead to the resource in question.
    """
    if _hides_methods(client):
        return True
    for name in path:
        owner, client = client, getattr(client, "__dict__", {}).get(name)  # LiteLLM's stands in and has none
        if client is None:  # nobody has looked at it yet
            return False
        made = getattr(type(owner), name, None)
        own = isinstance(made, cached_property) and type(made.func(owner)) is type(client)  # of the caller's subclass
        if not (own or _is_of_sdk(client)) or _hides_methods(client):
            return True
    return False


def _hides_methods(owner: Any) -> bool:
    names = list(getattr(owner, "__dict__", ()))  # at one go: threads share clients
    return any(callable(getattr(type(owner), name, None)) for name in names if name != "_ensure_access_token")
