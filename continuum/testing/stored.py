"""The responses that the simulated provider keeps.

An answer of the Responses API that is stored (`store` is not false) can be gone on from with `previous_response_id`,
retrieved, and, if it was asked for with `background`, polled or streamed again from any event on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from continuum.testing import wire_responses
from continuum.testing.chat import Frames, RequestError, Turn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from continuum.testing.chat import Chat, Identity, Reply


@dataclass(slots=True)
class Stored:
    """A response that the provider keeps: the turns it answers, its last form, its events, and how often it was
    looked at while it was still being written."""

    turns: tuple[Turn, ...]
    body: dict[str, Any]
    frames: Frames
    polls: int = 0


class Store:
    """The responses of one provider.

    Args:
        polls: how often a response that was asked for with `background` is still in progress when it is retrieved.
    """

    def __init__(self, polls: int) -> None:
        self._polls = polls
        self._held: dict[str, Stored] = {}
        self._conversations: dict[str, tuple[Turn, ...]] = {}

    def clear(self) -> None:
        """Forgets all of them."""
        self._held.clear()
        self._conversations.clear()

    def extend(self, chat: Chat) -> Chat:
        """The request with the turns in front that it goes on from; instructions are not carried over.

        Raises:
            RequestError: the response that it goes on from is not stored.
        """
        name, conversation = chat.body.get("previous_response_id"), _conversation(chat)
        if name is not None and conversation is not None:
            text = "Mutually exclusive parameters: 'previous_response_id' and 'conversation'."
            raise RequestError(text, param="conversation", code="mutually_exclusive_parameters")
        if name is None and conversation is None:
            return chat
        if name is not None and name not in self._held:
            text = f"Previous response with id '{name}' not found."
            raise RequestError(text, param="previous_response_id", code="previous_response_not_found")
        before = self._conversations.get(conversation or "", ()) if name is None else self._held[name].turns
        own = [turn for turn in chat.turns if turn.role == "system"]
        new = [turn for turn in chat.turns if turn.role != "system"]
        return replace(chat, turns=(*own, *before, *new))

    def keep(self, chat: Chat, reply: Reply, prompt_tokens: int, identity: Identity) -> None:
        """Stores an answer, unless the request forbids it, and adds it to its conversation."""
        body = wire_responses.whole(chat, reply, prompt_tokens, identity)
        said = Turn("assistant", "".join(reply.pieces), {})
        turns = tuple(turn for turn in chat.turns if turn.role != "system")
        conversation = _conversation(chat)
        if conversation is not None:
            self._conversations[conversation] = (*turns, said)
        if chat.body.get("store") is False:
            return
        streamed = wire_responses.frames(chat, [reply], prompt_tokens, identity)
        self._held[body["id"]] = Stored((*turns, said), body, streamed)

    def retrieve(self, name: str, query: Mapping[str, str]) -> bytes | Frames:
        """A response as it is now, or its events after `starting_after`.

        Raises:
            RequestError: it is not stored.
        """
        held = self._held.get(name)
        if held is None:
            raise RequestError(f"Response with id '{name}' not found.", status=404, param="response_id")
        if query.get("stream") == "true":
            return _after(held.frames, int(query.get("starting_after", -1)))
        if held.body["background"] and held.polls < self._polls:
            held.polls += 1
            return json.dumps({**held.body, "status": "in_progress", "output": [], "usage": None}).encode()
        return json.dumps(held.body, ensure_ascii=False).encode()

    def queued(self, name: str) -> bytes:
        """A background response as `create()` answers it."""
        return json.dumps({**self._held[name].body, "status": "queued", "output": [], "usage": None}).encode()


def _conversation(chat: Chat) -> str | None:
    named = chat.body.get("conversation")
    return named.get("id") if isinstance(named, dict) else named


def _after(whole: Frames, number: int) -> Frames:
    """The events with a higher number than this one."""

    def rest(groups: Sequence[bytes]) -> Iterator[bytes]:
        for group in groups:
            events = [event + b"\n\n" for event in group.split(b"\n\n") if event]
            kept = [event for event in events if json.loads(event.split(b"data: ", 1)[1])["sequence_number"] > number]
            if kept:
                yield b"".join(kept)

    return Frames(tuple(rest(whole.opening)), tuple(rest(whole.deltas)), tuple(rest(whole.closing)))
