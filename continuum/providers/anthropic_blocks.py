"""Content blocks of a run that took several requests: which of them are shown, and where in the joined text they stand.

Over a join, text goes on in the block that is open, unless the answer can have citations, which speak of all the text
of their block. Tools that the server ran stand where they stood. Thinking is shown for the turn that the model began
with, paused and resumed or not: later thinking is bound to a history that the caller does not have. Of a first reply
that was thinking alone and was asked for again nothing is shown, for it cannot be sent back; only a stream has shown it
by then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from continuum.providers.places import place_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from continuum._core.types import Result
    from continuum.providers.anthropic_reply import MessageReceiver

SUSPENDED = frozenset({"pause_turn", "compaction"})
"""Stop reasons after which the turn goes back as it is, and is gone on with."""
THOUGHTS = frozenset({"thinking", "redacted_thinking"})
_RESULT = "_tool_result"


def blocks_of(result: Result, replies: Sequence[MessageReceiver], *, cited: bool) -> list[dict[str, Any]]:
    """The content of one message for a run, calls of the caller's tools left out.

    Args:
        result: the account.
        replies: what came in each round.
        cited: the answer can have citations.
    """
    content: list[dict[str, Any]] = []
    written, same_turn = 0, True
    opening = next((at for at, reply in enumerate(replies) if any(last for _, _, last in _spans(reply))), 0)
    for number, reply in enumerate(replies, 1):
        resumed = number > 1 and replies[number - 2].stop_reason in SUSPENDED
        same_turn = same_turn and (number <= opening + 1 or resumed)
        lost = number <= opening and reply.stop_reason not in SUSPENDED  # asked again: nothing visible had come
        place = place_of(number, result.seams)
        if place is None:
            continue
        if place.gone:
            if place.end is not None and place.end > written:  # white space behind a repeat stays in the text
                _add_text(content, result.text[written : place.end], {}, joins=not cited)
                written = place.end
            continue
        joins = not (resumed or cited) and number > 1  # the next text goes on with what is there
        for block, first, last in _spans(reply):
            kind = block.get("type")
            if kind == "text":
                until = max(place.of(last), written) if last > first else written
                piece, written = result.text[written:until], until
                if piece or block.get("citations"):
                    _add_text(content, piece, block, joins=joins)
                    joins = False
            elif (
                kind != "tool_use"
                and (kind not in THOUGHTS or (same_turn and not lost))
                and _is_whole(block, reply, replies)
            ):
                content.append(block)
    if written < len(result.text):
        _add_text(content, result.text[written:], {}, joins=True)
    return content


def _spans(reply: MessageReceiver) -> Iterator[tuple[dict[str, Any], int, int]]:
    """The blocks of a reply with the range of its text that each has."""
    position = 0
    for _, block in sorted(reply.blocks.items()):
        size = len(block.get("text") or "") if block.get("type") == "text" else 0
        yield block, position, position + size
        position += size


def _add_text(content: list[dict[str, Any]], text: str, block: Mapping[str, Any], *, joins: bool) -> None:
    last = content[-1] if content else {}
    if joins and last.get("type") == "text":
        content[-1] = {**last, "text": last["text"] + text}
        return
    content.append({"citations": None, **block, "type": "text", "text": text})


def _is_whole(block: Mapping[str, Any], reply: MessageReceiver, replies: Sequence[MessageReceiver]) -> bool:
    """Whether a tool that the server ran has its result: without it the block could not be sent back."""
    if block.get("type") not in ("server_tool_use", "mcp_tool_use"):
        return True
    return any(
        other.get("tool_use_id") == block.get("id") and str(other.get("type")).endswith(_RESULT)
        for known in replies
        for other in known.blocks.values()
    )
