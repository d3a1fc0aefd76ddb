"""The OpenAI Responses API through the official `openai` SDK.

The history is sent back item by item: what the model thought, sealed as it came, and its message as far as the model
is to see it, then the user turn that asks for more. So a continuation needs nothing that the server has stored, and
the message can end at a safe place. Only where a reply cannot be sent back (reasoning that came without its seal, or a
`conversation` of the server's) is the stored response gone on from with `previous_response_id`.

A response that was begun in the background is never asked for twice: it is polled, and if its stream breaks, the
stream is taken up again behind the last event that arrived.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import httpx2
import openai
from openai.types.responses import Response, ResponseCreatedEvent

from continuum._core.asking import ServerFacts
from continuum._core.errors import ConfigurationError
from continuum._core.types import Failure, Usage
from continuum.providers import errors
from continuum.providers.arguments import given, says_json
from continuum.providers.base import NotCoveredError, Provider
from continuum.providers.openai_responses_reply import Partial, ResponseReceiver, partials
from continuum.providers.sizes import dumped_size, text_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from continuum._core.actions import Send
    from continuum._core.policy import Policy
    from continuum._core.types import Turn
    from continuum._drivers import Run
    from continuum.providers.base import Receiver, StreamWriter

SMALLEST_CAP = 16
"""The least that OpenAI takes as `max_output_tokens`."""
CONTINUED: dict[str, str] = {}
"""The ids that wrapped streams showed: the id of the reply behind which the whole answer stands. Of this process."""
_MOST_CONTINUED = 10_000
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 15.0  # seconds between two looks at a background response
_OF_REASONING = re.compile(r"reasoning|encrypted|required following item|\b(rs|msg|ws|fs|ci)_\w+", re.IGNORECASE)
_OF_CHAIN = re.compile(r"previous_?response", re.IGNORECASE)
_RETRIEVAL_FIELDS = ("extra_headers", "extra_query", "timeout", "include")


class _Exchange(NamedTuple):
    """A reply and the turns that it answers."""

    turns: tuple[Turn, ...]
    receiver: ResponseReceiver


class OpenAIResponses(Provider):
    """Responses on an `OpenAI` or `AsyncOpenAI` client, or a subclass such as Azure's.

    Attributes:
        running: a background response that has no text yet; the next request asks what became of it.
        opening: the reply that the text begins with.
    """

    name = "openai"
    cap_fields = ("max_output_tokens",)
    stop_field = "stop"  # the API has none
    default_timeout: ClassVar[Any] = openai.DEFAULT_TIMEOUT
    shown_fields = ("tools", "text")
    path = ("responses",)
    id_headers = MappingProxyType({"_request_id": "x-request-id"})

    def __init__(self, client: Any, params: Mapping[str, Any], policy: Policy) -> None:
        super().__init__(client, params, policy)
        self.catch = errors.catchable(openai)
        self.official = self.dialect.name == "openai"
        self.running: Partial | None = None
        self.opening: ResponseReceiver | None = None
        self._exchanges: list[_Exchange] = []
        before = self.params.get("previous_response_id")
        if isinstance(before, str) and before in CONTINUED:
            self.params["previous_response_id"] = CONTINUED[before]
        self._paid: dict[str, Usage] = {}
        self._looks = 0
        self._sent_items = self._sent_chain = False  # what the last request rested on
        self._may_send_items = self._may_chain = True

    # -- before the first request ---------------------------------------------------------------------------------

    def _add_words(self, words: str) -> None:
        asked = self.params.get("input")
        if isinstance(asked, str):
            self.params["input"] = f"{asked}\n\n{words}" if asked else asked  # `check()` says what is wrong
        elif isinstance(asked, list | tuple) and asked:
            self.params["input"] = [*asked, _message("user", words)]

    def _check_question(self) -> None:
        params, asked = self.params, self.params.get("input")
        template = given(params.get("prompt"))
        goes_on = given(params.get("previous_response_id")) or given(params.get("conversation"))
        if not self.model and not template:
            raise ConfigurationError(f"model={params.get('model')!r}: name the model to ask")
        if not given(asked):
            if template or goes_on:
                return
            raise ConfigurationError("input is missing: pass a text, or a list of input items")
        if not asked or isinstance(asked, bytes) or not isinstance(asked, str | Sequence):
            raise ConfigurationError(
                f"input={asked!r}: pass a text that is not empty, or a list with at least one item"
            )
        last = asked[-1] if not isinstance(asked, str) else None
        if isinstance(last, Mapping) and last.get("role") == "assistant":
            raise NotCoveredError(
                "input ends on an assistant message: continuum adds such messages itself. End on a user message, or "
                "join text that you have already with continuum.stitch()"
            )

    def check(self) -> None:
        """As `Provider.check`, and: the cap of this API is `max_output_tokens`."""
        super().check()
        for name in ("max_tokens", "max_completion_tokens"):
            if given(self.params.get(name)):
                raise ConfigurationError(
                    f"{name}={self.params[name]!r}: with input= this is a request to the Responses API, "
                    "where the cap is called max_output_tokens"
                )

    def asks_for_json(self) -> bool:
        """By `text.format`."""
        text = self.params.get("text")
        return isinstance(text, Mapping) and says_json(text.get("format"))

    def answer_as(self, name: str, schema: dict[str, Any]) -> None:
        """By `text.format`."""
        text = self.params.get("text")
        own = dict(text) if isinstance(text, Mapping) else {}
        if not given(own.get("format")):
            self.params["text"] = {**own, "format": {"type": "json_schema", "name": name, "schema": schema}}

    def may_prefill(self) -> bool:
        """The API cannot go on in place."""
        return False

    def server_facts(self) -> ServerFacts:
        """Items go back as they came, reasoning with the question before it; a `conversation` holds them all."""
        return ServerFacts(merges=False, may_elide=not given(self.params.get("conversation")))

    def may_lower_effort(self) -> bool:
        """By `reasoning.effort`; a server other than OpenAI's own is known to take it if the caller wrote it."""
        reasoning = self.params.get("reasoning")
        effort = reasoning.get("effort") if isinstance(reasoning, Mapping) else None
        return effort not in ("none", "minimal", "low") if given(effort) else self.official

    def may_stream(self) -> bool:
        """A background response that may take hours is polled: the server does not stream it."""
        options = self.params.get("background_options")
        window = options.get("completion_window") if isinstance(options, Mapping) else None
        return super().may_stream() and window in (None, "soonest")

    def _price_provider(self) -> str | None:
        return "openai" if self.official else None

    def size_of_request(self, send: Send) -> int:
        """As `Provider.size_of_request`, for input and instructions."""
        asked = (self.params.get("input"), self.params.get("instructions"))
        own = sum(dumped_size(self.params.get(name)) for name in self.shown_fields)
        return text_size(asked) + own + sum(len(turn.text) + text_size(turn.blocks) for turn in send.turns)

    # -- one request ----------------------------------------------------------------------------------------------

    def request(self, send: Send, *, stream: bool, choices: int = 1) -> dict[str, Any]:
        """The caller's arguments with our items behind the caller's input; or a look at what runs already."""
        known = _partial(send) or self.running
        self._sent_items = self._sent_chain = False
        if known is not None:
            request = {name: self.params[name] for name in _RETRIEVAL_FIELDS if name in self.params}
            request["response_id"] = known.id
            if stream and known.after is not None:
                request["starting_after"] = known.after
        else:
            request = dict(self.params)
            if send.turns:
                request.update(self._history(send.turns))
                if send.reason != "repair":
                    _lift_format(request)
            if send.max_tokens is not None:
                request["max_output_tokens"] = max(send.max_tokens, SMALLEST_CAP)
            if send.lower_effort:
                reasoning = self.params.get("reasoning")
                request["reasoning"] = {**(reasoning if isinstance(reasoning, Mapping) else {}), "effort": "low"}
        if stream:
            request["stream"] = True
            self.limit_silence(request)
        return request

    @staticmethod
    def _method(resource: Any, request: Mapping[str, Any]) -> Any:
        return resource.retrieve if "response_id" in request else resource.create  # the former for one that runs

    def _history(self, turns: tuple[Turn, ...]) -> dict[str, Any]:
        """The fields of a request that shows the model these turns."""
        base = self._base(turns)
        items: list[Any] = []
        if base is None:
            asked = self.params.get("input")
            items = [{"role": "user", "content": asked}] if isinstance(asked, str) else list(asked or ())
        start = len(base.turns) + 1 if base is not None else 0
        for place in range(start, len(turns)):
            turn = turns[place]
            items += self._said(turns[:place], turn) if turn.role == "assistant" else [_message("user", turn.text)]
        fields: dict[str, Any] = {"input": items}
        if base is not None:
            self._sent_chain = True
            if not given(self.params.get("conversation")):
                fields["previous_response_id"] = base.receiver.id
        return fields

    def _base(self, turns: tuple[Turn, ...]) -> _Exchange | None:
        """The latest stored reply that these turns go on from, if one has to be used."""
        replies = self._exchanges
        needed = given(self.params.get("conversation")) or any(not reply.receiver.sealed for reply in replies)
        if not needed or not self._may_chain:
            return None
        for reply in reversed(replies):
            if reply.receiver.stored and _answers(reply, turns):
                return reply
        return None

    def _said(self, before: tuple[Turn, ...], turn: Turn) -> list[Any]:
        """An assistant turn as items: what came ahead of the text, and the text as a message of the same phase."""
        text = "".join(known.text for known in partials(turn)) + turn.text
        reply = next((found for found in reversed(self._exchanges) if found.turns == before), None)
        if reply is None:
            return [_message("assistant", text)]
        ahead, rest, last = reply.receiver.before(text)
        phase = last.get("phase")
        if not (self._may_send_items and reply.receiver.sealed and rest):
            return [_message("assistant", text, phase)]
        # Ids are the server's: what is sent back by value goes without.
        items = [{name: value for name, value in item.items() if name not in ("id", "status")} for item in ahead]
        self._sent_items = self._sent_items or bool(items)
        return [*items, _message("assistant", rest, phase)]

    def buys(self, request: Mapping[str, Any]) -> bool:
        """A look at what runs already is free."""
        return "response_id" not in request

    def receiver(self, send: Send, *, choices: int = 1) -> ResponseReceiver:
        """A collector for one response."""
        return ResponseReceiver(self, send, _partial(send))

    def opened(self, receiver: Receiver, stream: Any) -> None:
        """As `Provider.opened`; from now on silence says nothing against the response itself."""
        super().opened(receiver, stream)
        assert isinstance(receiver, ResponseReceiver)
        receiver.opened = True

    def reply_of(self, value: Mapping[str, Any]) -> Any:
        """A `Response`."""
        return Response.construct(**value)

    def opening_of(self, reply: Any) -> Any:
        """`response.created`."""
        begun = Response.construct(**{**reply.to_dict(), "output": [], "status": "in_progress", "usage": None})
        return ResponseCreatedEvent.construct(type="response.created", response=begun, sequence_number=0)

    def describe(self, error: BaseException) -> Failure:
        """See `errors.describe`. If the server does not take what it gave, it is asked again with plain text."""
        failure = errors.describe(error, openai)
        text = f"{error} {getattr(error, 'body', '')}"
        if failure.status_code not in (400, 404, 422) or failure.kind != "rejected":
            return failure
        message = ""
        if self._sent_chain and _OF_CHAIN.search(text):
            self._may_chain, message = False, "the server does not go on from a stored response; sending the text"
        elif self._sent_items and _OF_REASONING.search(text):
            self._may_send_items, message = False, "the server does not take its own items back; sending the text"
        if not message:
            return failure
        return replace(failure, kind="adapted", message=message, retry_after=0.0, should_retry=None)

    # -- what the receivers tell ----------------------------------------------------------------------------------

    def note(self, receiver: ResponseReceiver, text: str) -> None:
        """A reply has come, with this text: it may have to be sent back."""
        if text and self.opening is None:
            self.opening = receiver
        turns = receiver.send.turns
        if turns and turns[-1].role == "assistant":  # a suspended one, gone on with
            turns = turns[:-1]
        self._exchanges.append(_Exchange(turns, receiver))
        self.running, self._looks = None, 0

    def shown(self, id: str, last: str | None) -> None:
        """A stream was shown under an id, and another reply ended it: to go on from the one means the other."""
        if last is not None and last != id:
            CONTINUED[id] = last
            if len(CONTINUED) > _MOST_CONTINUED:
                del CONTINUED[next(iter(CONTINUED))]

    def pause(self) -> float:
        """Seconds until the next look at a background response."""
        self._looks += 1
        return min(_FIRST_PAUSE * 1.25 ** (self._looks - 1), _LONGEST_PAUSE)

    def paid(self, id: str, usage: Usage) -> None:
        """So much of a response is on the books already, as an estimate."""
        self._paid[id] = self._paid.get(id, Usage()) + usage

    def unpaid(self, id: str, usage: Usage) -> Usage:
        """What of a response's whole usage is not yet on the books."""
        known = self._paid.pop(id, None)
        if known is None:
            return usage
        return Usage(
            max(usage.input_tokens - known.input_tokens, 0),
            max(usage.output_tokens - known.output_tokens, 0),
            usage.cached_input_tokens,
            usage.cache_write_tokens,
            usage.reasoning_tokens,
            usage.estimated,
        )

    # -- the caller's own types -----------------------------------------------------------------------------------

    def sdk_error(self, message: str) -> Exception:
        """An `openai.APIConnectionError`."""
        return openai.APIConnectionError(message=message, request=httpx2.Request("POST", self.base_url))

    def stream_class(self) -> Callable[[Run, Any], Any]:
        """A subclass of `openai.Stream` or `openai.AsyncStream`."""
        from continuum.providers import openai_objects

        return openai_objects.AsyncWholeStream if self.is_async else openai_objects.WholeStream

    def writer(self) -> StreamWriter:
        """Response events, numbered anew."""
        from continuum.providers import openai_responses_objects

        return openai_responses_objects.EventWriter(self)

    def to_sdk(self, results: Sequence[Any]) -> Any:
        """A `Response` with the whole text, the summed usage and the final status."""
        from continuum.providers import openai_responses_objects

        return openai_responses_objects.whole_response(results[0], self.opening)


def _answers(reply: _Exchange, turns: tuple[Turn, ...]) -> bool:
    """Whether the turns begin with a reply and what it answers."""
    size = len(reply.turns)
    return len(turns) > size and turns[:size] == reply.turns and turns[size].role == "assistant"


def _partial(send: Send) -> Partial | None:
    """The background response that a request takes up again, with all of its text so far."""
    last = send.turns[-1] if send.turns else None
    known = partials(last) if last is not None and last.role == "assistant" else []
    return known[-1]._replace(text="".join(part.text for part in known)) if known else None


def _message(role: str, text: str, phase: str | None = None) -> dict[str, Any]:
    return {"role": role, "content": text, **({"phase": phase} if phase else {})}


def _lift_format(request: dict[str, Any]) -> None:
    """A format that the whole answer has to have would make the model begin it again."""
    text = request.get("text")
    if isinstance(text, Mapping) and "format" in text:
        request["text"] = {name: value for name, value in text.items() if name != "format"}
