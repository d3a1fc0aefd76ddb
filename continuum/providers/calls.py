"""Tool calls of replies that did not end by themselves: what came of each, and whether that is all of it."""

from __future__ import annotations

import json
from typing import Any

from continuum._core.types import CutToolCall


def came(call_id: Any, name: Any, written: Any, *, ended: bool, free: bool = False) -> CutToolCall:
    """What came of one tool call.

    Args:
        call_id: the provider's id of it.
        name: of the tool.
        written: the arguments, as text or as a value; of a call that had not ended an empty value is none.
        ended: something shows that the model had ended the call, such as another one after it. Whole it is if its
            arguments are whole as well.
        free: the arguments may be any text, not only a JSON object.
    """
    if isinstance(written, dict | list):
        written = json.dumps(written) if written or ended else ""
    text = str(written or "")
    return CutToolCall(str(name or ""), text, str(call_id or ""), whole=ended and (free or _is_object(text)))


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
