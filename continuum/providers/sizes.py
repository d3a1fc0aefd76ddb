"""How large a request is, before anybody has counted: the most tokens it can be billed for, and what is likely."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from continuum.providers.arguments import given

if TYPE_CHECKING:
    from collections.abc import Iterable

UNSEEN_TOKENS: Final = 5000
"""Tokens that anything counts as whose size its bytes do not tell: a picture, and what is named by a URL or an id.

It is the most that a picture has at Anthropic (4,784), and more than most have at OpenAI; a document of many pages that
is named by a URL can be more, and nobody can say so before the provider has read it.
"""

CHARACTERS_PER_TOKEN = 4
"""Used for estimates only, where a stream broke before its usage came."""
_PICTURE = 4000  # characters that a picture counts as: about a thousand tokens
_TOOLS: Final = 1000  # tokens that a provider adds to a request with tools (Anthropic: 264 to 804)
_FRAME: Final = 4  # tokens around a value: what separates it from the next one, in whatever form the model sees it
_PICTURES: Final = ("image", "image_url", "input_image")
_NAMED: Final = ("file_id", "file_uri", "fileUri", "file_url")
_URLS: Final = ("url", "image_url", "file_url", "file_data")
_UNSHOWN: Final = ("extra_headers", "extra_query", "timeout", "metadata")


def is_picture(value: Mapping[str, Any]) -> bool:
    """Whether a part of a message is a picture, by whatever API."""
    kind = value.get("type")
    media = value.get("media_type") or value.get("mime_type") or ""
    return kind in _PICTURES or str(media).startswith("image/")


def most_tokens(params: Mapping[str, Any], more: Iterable[Any] = ()) -> int:
    """The most tokens that a request can have as input.

    A tokenizer spends one for each byte at the most. All arguments count, names and numbers too: what of them the model
    is shown, and in which form, is the provider's affair. Not in it, because nobody knows it before: pages that tools
    of the provider's own read on the way.

    Args:
        params: the arguments of `create()`.
        more: what comes on top of them.
    """
    shown = {name: value for name, value in params.items() if name not in _UNSHOWN}
    tools = _TOOLS if params.get("tools") or params.get("functions") else 0
    return _most(shown) + sum(_most(value) + _FRAME for value in more) + tools


def _most(value: Any) -> int:
    if isinstance(value, str):
        return _most_of_text(value)
    if isinstance(value, Mapping):
        return _most_of_object(value)
    if isinstance(value, list | tuple):
        return sum(_most(each) + _FRAME for each in value)
    if isinstance(value, bytes | bytearray):
        return max(len(value), UNSEEN_TOKENS)
    dump = getattr(value, "model_dump", None)  # an object of an SDK
    return len(str(value).encode("utf-8", "surrogatepass")) if dump is None else _most(dump(exclude_none=True))


def _most_of_text(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _most_of_url(url: str) -> int:
    """What stands behind a URL; in front of any other text, `data:` is a word like others."""
    return UNSEEN_TOKENS if url.startswith("data:image/") else max(_most_of_text(url), UNSEEN_TOKENS)


def _most_of_object(value: Mapping[str, Any]) -> int:
    if is_picture(value):
        return UNSEEN_TOKENS
    urls = {name: _most_of_url(each) for name, each in value.items() if name in _URLS and isinstance(each, str)}
    size = sum(_most(str(name)) + (urls.get(name) or _most(each)) + _FRAME for name, each in value.items())
    by_name = value.get("type") == "url" or any(name in value for name in _NAMED)
    return max(size, UNSEEN_TOKENS) if by_name or value.get("type") == "base64" else size


def estimate(characters: int) -> int:
    """Tokens for so many characters, roughly."""
    return -(-characters // CHARACTERS_PER_TOKEN)


def text_size(value: Any) -> int:
    """Characters of all strings in nested messages, for an estimate of input tokens."""
    if isinstance(value, str):
        return _PICTURE if value.startswith("data:") else len(value)
    if isinstance(value, Mapping):
        if value.get("type") == "base64" or is_picture(value):
            return _PICTURE
        return sum(text_size(v) for v in value.values())
    if isinstance(value, list | tuple):
        return sum(text_size(v) for v in value)
    return 0


def dumped_size(value: Any) -> int:
    """Characters of a value that the model is shown with its names, such as a schema."""
    if not given(value):
        return 0
    return len(value) if isinstance(value, str) else len(json.dumps(value, ensure_ascii=False, default=str))
