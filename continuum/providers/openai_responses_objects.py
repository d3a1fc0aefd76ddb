"""The SDK's own types for a run that took several requests: `Response`, and one stream of numbered events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openai.types import responses as sdk

from continuum.providers.base import signed
from continuum.providers.openai_responses_reply import CALLS, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from continuum._core.types import Result, Usage
    from continuum.providers.openai_responses import OpenAIResponses
    from continuum.providers.openai_responses_reply import ResponseReceiver

_REASONS = frozenset({"max_output_tokens", "max_messages", "content_filter", "steered"})
_STARTS = ("response.created", "response.queued", "response.in_progress")


def usage_object(usage: Usage) -> dict[str, Any]:
    """A usage in the form of the Responses API."""
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_input_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }


def whole_response(
    result: Result,
    opening: ResponseReceiver | None,
    output: list[dict[str, Any]] | None = None,
    id: str | None = None,
) -> sdk.Response | None:
    """One `Response` for a run; None if nothing came that one could be made of.

    Its id is that of the last reply, so that `previous_response_id` goes on from the whole answer, unless a stream has
    shown another one.

    Args:
        result: the account.
        opening: the reply that the text begins with.
        output: the items as a stream has shown them; None: as they follow from the result.
        id: the id as a stream has shown it; None: that of the last reply.
    """
    if result.raw is None:
        return None
    last: ResponseReceiver = result.raw[0]
    untouched = result.rounds == 1 and not result.seams
    whole: sdk.Response | None = last.response
    cut_calls = not result.complete and any(item.get("type") in CALLS for item in last.output())
    if whole is not None and untouched and last.over and output is None and not cut_calls and whole.status != "failed":
        return signed(whole, last)
    data: dict[str, Any] = {
        "created_at": 0.0,
        "object": "response",
        "model": result.model or "",
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        **(whole.to_dict() if whole is not None else {}),
        "id": id or last.id or "",
        "status": "completed" if result.complete else "incomplete",
        "error": None,
        "incomplete_details": None if result.complete else {"reason": _reason(result)},
        "output": _output(result, opening or last) if output is None else output,
        "usage": usage_object(result.usage),
    }
    return signed(sdk.Response.construct(**data), last)


def _reason(result: Result) -> str:
    """Why to say that it is incomplete: the server's own reason, or the cap for an answer that broke off."""
    raw = result.raw_finish_reason
    if result.finish_reason in ("content_filter", "refusal"):
        return "content_filter"
    return raw if raw in _REASONS and result.finish_reason != "interrupted" else "max_output_tokens"


def _output(result: Result, opening: ResponseReceiver) -> list[dict[str, Any]]:
    ahead, text, last = opening.before(result.text)
    refusal = result.raw[0].refusal
    message = [_message(result, last, text, refusal)] if text or refusal or (last and result.complete) else []
    return [*ahead, *message, *_calls(result)]


def _message(result: Result, known: dict[str, Any], text: str, refusal: str) -> dict[str, Any]:
    """A message item; `known` says what stands beside the text."""
    content: list[dict[str, Any]] = []
    if text or not refusal:
        content.append(_part(result, known, text))
    if refusal:
        content.append({"type": "refusal", "refusal": refusal})
    phase = {"phase": known["phase"]} if known.get("phase") else {}
    return {
        "id": known.get("id") or "msg_continuum",
        "type": "message",
        "role": "assistant",
        "status": "completed" if result.complete else "incomplete",
        **phase,
        "content": content,
    }


def _part(result: Result, known: dict[str, Any], text: str) -> dict[str, Any]:
    """The text of a message; if it is the reply's own text, with all that the reply said of it."""
    parts = [part for part in known.get("content") or () if part.get("type") == "output_text"]
    if len(parts) == 1 and text_of(known) == text:
        return dict(parts[0])
    return {"type": "output_text", "annotations": [], "text": text}


def _calls(result: Result) -> list[dict[str, Any]]:
    """The calls of the last reply. One that was cut is shown as far as it came, as the bare SDK shows it."""
    calls = [item for item in result.raw[0].output() if item.get("type") in CALLS]
    return [{**item, "status": "incomplete"} if item.get("status") == "in_progress" else item for item in calls]


class EventWriter:
    """Writes the events of one stream, numbered from 0, all of one response: the first that was begun.

    Text goes out as it is released, and what else the first round has, such as reasoning and tools that the server
    runs, as it comes. Calls and a refusal go out at the end, those of the last reply: what comes earlier may be cut,
    and be asked for again.
    """

    def __init__(self, provider: OpenAIResponses) -> None:
        self._provider = provider
        self._number = 0
        self._id: str | None = None  # as the first event said
        self._output: list[dict[str, Any]] = []  # the reader's items
        self._places: dict[int, int] = {}  # an index of the first reply: the reader's, for items that pass
        self._started: set[str] = set()
        self._messages: list[tuple[int, dict[str, Any]]] = []  # where in the text messages begin that are not open
        self._place: int | None = None  # the reader's index of the open message
        self._said: list[str] = []  # its text
        self._worded: Any = None  # an event with text, to be copied
        self._arrived = self._written = 0

    def passing(self, event: Any, round: int) -> list[Any]:
        """What of an arriving event goes to the reader at once: the start, reasoning, tools that the server runs."""
        kind = getattr(event, "type", "")
        if kind in _STARTS:
            return self._start(event)
        if round > 1:
            return []
        if kind == "response.output_text.delta":
            self._arrived += len(event.delta or "")
        elif kind == "response.output_item.added" and event.item is not None:
            if event.item.type == "message":
                self._messages.append((self._arrived, event.item.to_dict()))
            elif event.item.type not in CALLS:
                self._places[event.output_index] = len(self._output)
                self._output.append(event.item.to_dict())
        place = self._places.get(getattr(event, "output_index", -1))
        if place is None:
            return []
        if kind == "response.output_item.done" and event.item is not None:
            self._output[place] = event.item.to_dict()
            del self._places[event.output_index]
        return [self._numbered(event.model_copy(update={"output_index": place}))]

    def _start(self, event: Any) -> list[Any]:
        """The first of each kind is passed on; another one says that a request broke off, or is over."""
        response = event.response
        self._id = self._id or getattr(response, "id", None)
        if event.type in self._started:
            return self._leave()
        self._started.add(event.type)
        if response is not None and response.id != self._id:
            event = event.model_copy(update={"response": response.model_copy(update={"id": self._id})})
        return [self._numbered(event)]

    def text(self, choice: int, text: str) -> list[Any]:
        """Released text, in the message that it belongs to."""
        events: list[Any] = []
        while text:
            due = self._messages and self._messages[0][0] <= self._written
            if due or self._place is None:
                events += self._open(self._messages.pop(0)[1] if self._messages else {})
            size = self._messages[0][0] - self._written if self._messages else len(text)
            piece, text = text[:size], text[size:]
            self._said.append(piece)
            self._written += len(piece)
            if piece:
                events.append(self._words(piece))
        return events

    def closing(self, results: Sequence[Result]) -> list[Any]:
        """The end: the open message is closed, calls follow, and one final event has the whole response."""
        result = results[0]
        last: ResponseReceiver | None = result.raw[0] if result.raw is not None else None
        events: list[Any] = []
        refusal = last.refusal if last is not None else ""
        if self._place is None and (refusal or (self._messages and result.complete)):
            events += self._open(self._messages.pop(0)[1] if self._messages else {}, text=not refusal)
        events += self._close(result, refusal)
        for call in _calls(result) if last is not None else ():
            events += self._call(call)
        events += self._leave()
        whole = whole_response(result, self._provider.opening, self._output, self._id)
        if self._id is not None and last is not None:
            self._provider.shown(self._id, last.id)
        ending = sdk.ResponseCompletedEvent if result.complete else sdk.ResponseIncompleteEvent
        kind = "response.completed" if result.complete else "response.incomplete"
        return [*events, self._event(ending, kind, response=whole)]

    def _open(self, item: dict[str, Any], *, text: bool = True) -> list[Any]:
        """Begin a message; the one before it is whole."""
        events = self._close(None, "")
        item = {"id": "msg_continuum", "type": "message", "role": "assistant", **item}
        item |= {"status": "in_progress", "content": []}
        self._place = len(self._output)
        self._output.append(item)
        self._said = []
        events.append(self._item(sdk.ResponseOutputItemAddedEvent, "added", self._place))
        if text:
            part = {"type": "output_text", "text": "", "annotations": []}
            events.append(self._in_part(sdk.ResponseContentPartAddedEvent, "content_part.added", part=part))
        return events

    def _close(self, result: Result | None, refusal: str) -> list[Any]:
        """End the open message. `result` is None where another message follows."""
        place = self._place
        if place is None:
            return []
        text, item = "".join(self._said), self._output[place]
        events: list[Any] = []
        known = self._known(item["id"])
        whole = result is None or result.complete
        content: list[dict[str, Any]] = []
        if text or not refusal:
            part = {"type": "output_text", "annotations": [], "text": text}
            if text_of(known) == text and known.get("content"):
                part = dict(known["content"][0])
            content.append(part)
            for number, note in enumerate(part.get("annotations") or ()):
                kind, event = "output_text.annotation.added", sdk.ResponseOutputTextAnnotationAddedEvent
                events.append(self._in_part(event, kind, annotation=note, annotation_index=number))
            events.append(
                self._in_part(
                    sdk.ResponseTextDoneEvent, "output_text.done", text=text, logprobs=part.get("logprobs") or []
                )
            )
            events.append(self._in_part(sdk.ResponseContentPartDoneEvent, "content_part.done", part=part))
        if refusal:
            events += self._refuse(refusal, len(content))
            content.append({"type": "refusal", "refusal": refusal})
        phase = {"phase": known["phase"]} if known.get("phase") else {}
        item.update(status="completed" if whole else "incomplete", content=content, **phase)
        self._place = None
        return [*events, self._item(sdk.ResponseOutputItemDoneEvent, "done", place)]

    def _known(self, id: str) -> dict[str, Any]:
        """The message as the reply that the text begins with has it."""
        opening = self._provider.opening
        items = opening.output() if opening is not None else []
        return next((item for item in items if item.get("id") == id and item.get("type") == "message"), {})

    def _refuse(self, refusal: str, index: int) -> list[Any]:
        part = {"type": "refusal", "refusal": refusal}
        empty = {**part, "refusal": ""}
        return [
            self._in_part(sdk.ResponseContentPartAddedEvent, "content_part.added", index, part=empty),
            self._in_part(sdk.ResponseRefusalDeltaEvent, "refusal.delta", index, delta=refusal),
            self._in_part(sdk.ResponseRefusalDoneEvent, "refusal.done", index, refusal=refusal),
            self._in_part(sdk.ResponseContentPartDoneEvent, "content_part.done", index, part=part),
        ]

    def _call(self, call: dict[str, Any]) -> list[Any]:
        place = len(self._output)
        arguments = call.get("arguments")
        if call.get("type") != "function_call" or not isinstance(arguments, str):
            self._output.append(call)
            return [
                self._item(sdk.ResponseOutputItemAddedEvent, "added", place),
                self._item(sdk.ResponseOutputItemDoneEvent, "done", place),
            ]
        at = {"item_id": call.get("id") or "", "output_index": place}
        self._output.append({**call, "arguments": "", "status": "in_progress"})
        events = [
            self._item(sdk.ResponseOutputItemAddedEvent, "added", place),
            self._event(
                sdk.ResponseFunctionCallArgumentsDeltaEvent,
                "response.function_call_arguments.delta",
                delta=arguments,
                **at,
            ),
        ]
        if call.get("status") != "incomplete":
            kind, event = "response.function_call_arguments.done", sdk.ResponseFunctionCallArgumentsDoneEvent
            events.append(self._event(event, kind, arguments=arguments, name=call.get("name") or "", **at))
        self._output[place] = call
        return [*events, self._item(sdk.ResponseOutputItemDoneEvent, "done", place)]

    def _leave(self) -> list[Any]:
        """Items of a request that broke off before they were done are over."""
        left = list(self._places.values())
        self._places.clear()
        for place in left:
            self._output[place]["status"] = "incomplete"
        return [self._item(sdk.ResponseOutputItemDoneEvent, "done", place) for place in left]

    def _item(self, event: Any, what: str, place: int) -> Any:
        item = dict(self._output[place])
        return self._event(event, f"response.output_item.{what}", item=item, output_index=place)

    def _in_part(self, event: Any, kind: str, index: int = 0, **fields: Any) -> Any:
        assert self._place is not None
        item = self._output[self._place]["id"]
        return self._event(
            event, f"response.{kind}", item_id=item, output_index=self._place, content_index=index, **fields
        )

    def _words(self, text: str) -> Any:
        """A delta of text: a copy of an earlier one, which the SDK makes in a tenth of the time."""
        if self._worded is not None and self._worded.output_index == self._place:
            return self._numbered(self._worded, delta=text, logprobs=[])
        self._worded = self._in_part(sdk.ResponseTextDeltaEvent, "output_text.delta", delta=text, logprobs=[])
        return self._worded.model_copy(update={"logprobs": []})

    def _event(self, event: Any, kind: str, **fields: Any) -> Any:
        self._number += 1
        return event.construct(type=kind, sequence_number=self._number - 1, **fields)

    def _numbered(self, event: Any, **fields: Any) -> Any:
        """A copy of an event, with the number that is next."""
        self._number += 1
        return event.model_copy(update={"sequence_number": self._number - 1, **fields})
