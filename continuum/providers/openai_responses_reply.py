"""One reply of the Responses API as it arrives, event by event or whole."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx2
import openai

from continuum._core.halves import join_halves, sendable
from continuum._core.types import Failure, FinishReason, Response, Usage
from continuum.providers.base import Receiver
from continuum.providers.calls import came
from continuum.providers.sizes import estimate, text_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from continuum._core.actions import Send
    from continuum._core.types import CutToolCall, FailureKind, Turn
    from continuum.providers.openai_responses import OpenAIResponses

CALLS = frozenset(
    {
        "function_call",
        "custom_tool_call",
        "computer_call",
        "local_shell_call",
        "shell_call",
        "apply_patch_call",
        "mcp_approval_request",
    }
)
"""Items that ask the caller to do something."""
_WRITES = frozenset({"response.function_call_arguments.delta", "response.custom_tool_call_input.delta"})

_INCOMPLETE: dict[str, FinishReason] = {"max_output_tokens": "length", "content_filter": "content_filter"}
_UNDER_WAY = frozenset({"queued", "in_progress"})
_OVER = {f"response.{status}": status for status in ("completed", "incomplete", "failed", "cancelled")}
_FAILED: dict[str, FailureKind] = {
    "server_error": "transient",
    "vector_store_timeout": "transient",
    "rate_limit_exceeded": "rate_limited",
    "insufficient_quota": "quota",
    "context_length_exceeded": "context_window",
}
_POLICY = re.compile(r"policy|content_filter")
_REJECTED = re.compile(r"^invalid|image|data_residency|^unsupported")
_TRY_AGAIN = re.compile(r"try again in\s+(\d+(?:\.\d+)?)\s*(ms|s)", re.IGNORECASE)
_PARTIAL = "continuum.partial"


class Partial(NamedTuple):
    """What is known of a background response that went on when the stream of it broke.

    Attributes:
        id: of the response.
        after: the number of the last event that arrived, None if none did.
        text: what had arrived.
    """

    id: str
    after: int | None
    text: str

    def block(self) -> dict[str, Any]:
        """As a block of a suspended turn: plain JSON values, so that a restored run can take it up again."""
        return {"type": _PARTIAL, **self._asdict()}


def partials(turn: Turn) -> list[Partial]:
    """The pieces of a background response that a turn begins with."""
    return [
        Partial(block["id"], block["after"], block["text"]) for block in turn.blocks if block.get("type") == _PARTIAL
    ]


class ResponseReceiver(Receiver):
    """Collects a Responses reply.

    Attributes:
        response: the SDK's `Response` as it was last seen; the final one if `over`.
        over: the response has ended, in whatever way; False for a stream that broke and for one still in progress.
        items: output items as plain values, by their index; those that are done are whole.
        refusal: what the model said instead of an answer.
        opened: the server has answered this request.
    """

    def __init__(self, provider: OpenAIResponses, send: Send, resumed: Partial | None = None) -> None:
        self._provider = provider
        self.send = send
        self._resumed = resumed
        self.response: Any = None
        self.over = False
        self.opened = False
        self._unary = False
        self.items: dict[int, dict[str, Any]] = {}
        self.refusal = ""
        self._written: dict[int, list[str]] = {}  # arguments of calls, by the index of their item
        self._parts: list[str] = []
        self._last: int | None = resumed.after if resumed is not None else None
        self._error: Failure | None = None

    # -- what arrives ---------------------------------------------------------------------------------------------

    def feed(self, chunk: Any) -> Sequence[tuple[int, str]]:
        """Take one stream event. The SDK passes on whatever comes, also where a part is missing or null."""
        kind = getattr(chunk, "type", None)
        number = getattr(chunk, "sequence_number", None)
        self._last = number if isinstance(number, int) else self._last
        if kind == "response.output_text.delta":
            return self._said(chunk.delta)
        if kind in ("response.output_item.added", "response.output_item.done"):
            self._read_item(chunk.output_index, chunk.item)
        elif kind == "response.refusal.delta":
            self.refusal += chunk.delta or ""
        elif kind == "error":
            self._error = self._failure(getattr(chunk, "code", None), getattr(chunk, "message", "no message"))
        elif kind in _OVER and chunk.response is not None:
            return self._end(_response(chunk.response))
        elif getattr(chunk, "response", None) is not None:
            self.response = _response(chunk.response)
        elif isinstance(getattr(chunk, "delta", None), str):
            self.hidden += len(chunk.delta)
            if kind in _WRITES:
                self._written.setdefault(chunk.output_index, []).append(chunk.delta)
        return ()

    def _read_item(self, index: Any, item: Any) -> None:
        if item is None:
            return
        known = item.to_dict()
        same = (place for place, other in self.items.items() if other.get("id") == known.get("id"))
        self.items[index if isinstance(index, int) else next(same, max(self.items, default=-1) + 1)] = known

    def _said(self, text: Any) -> Sequence[tuple[int, str]]:
        if not isinstance(text, str) or not text:
            return ()
        self._parts.append(text)
        return [(0, text)]

    def _end(self, response: Any) -> Sequence[tuple[int, str]]:
        """Take the final response; return the text in it if no delta had brought any."""
        self.response, self.over = response, True
        return self._said(self._read_output()) if not self._parts else ()

    def whole(self, response: Any) -> None:
        """Take a `Response`, one in progress included. Some servers answer 200 with a web page."""
        if not hasattr(response, "output"):
            self._error = self._provider.not_a_reply(response, "response")
            return
        self.opened = self._unary = True
        self.response, self.ids = response, self.ids or self._provider.ids_of(response)
        self.over = response.status not in _UNDER_WAY
        if self.over:
            self._said(self._read_output())

    def _read_output(self) -> str:
        text = ""
        for item in self.output():
            if item.get("type") == "message":
                text += text_of(item)
                self.refusal = self.refusal or refusal_of(item)
        before = self._resumed.text if self._resumed is not None else ""
        return text.removeprefix(before)

    # -- what it means --------------------------------------------------------------------------------------------

    def output(self) -> list[dict[str, Any]]:
        """The output items in order; those of the final response where it has any."""
        final = self.response.output if self.over and self.response is not None else None
        if final:
            return [item.to_dict() for item in final]
        return [self._so_far(index, item) for index, item in sorted(self.items.items())]

    def _so_far(self, index: int, item: dict[str, Any]) -> dict[str, Any]:
        """An item, with the arguments that came for it if it is a call that is not done."""
        written, name = self._written.get(index), _written_in(item)
        return {**item, name: "".join(written)} if written and not item.get(name) else item

    @property
    def id(self) -> str | None:
        """Of the response."""
        return self.response.id if self.response is not None else self._resumed.id if self._resumed else None

    @property
    def stored(self) -> bool:
        """Whether the server has all of the reply, and can be asked to go on from it."""
        kept = getattr(self.response, "store", None) is not False and self._provider.params.get("store") is not False
        return self.over and kept and self.response.status in ("completed", "incomplete")

    @property
    def sealed(self) -> bool:
        """Whether what was thought can be sent back: encrypted, or there is none."""
        return all(item.get("encrypted_content") for item in self.output() if item.get("type") == "reasoning")

    def before(self, text: str) -> tuple[list[dict[str, Any]], str, dict[str, Any]]:
        """Divide a text that begins with this reply's by the messages of the reply.

        Returns:
            The items before the last message, calls left out; the text of the last message; the last message itself,
            empty if there was none.
        """
        items = [sendable(item) for item in self.output() if item.get("type") not in CALLS]
        places = [place for place, item in enumerate(items) if item.get("type") == "message"]
        if not places:
            return items, text, {}
        ahead, last = items[: places[-1]], items[places[-1]]
        said = "".join(text_of(item) for item in ahead if item.get("type") == "message")
        if not text.startswith(said):
            return [item for item in ahead if item.get("type") != "message"], text, last
        return ahead, text[len(said) :], last

    def finish(self, failure: Failure | None = None) -> list[Response | Failure]:
        """The facts. A background response that is still in progress is suspended, or, without any text, pending."""
        text = join_halves("".join(self._parts))
        calls = [item for item in self.output() if item.get("type") in CALLS]
        known = self.items or getattr(self.response, "usage", None) is not None
        if self._error is None and self.over and self.response.status == "failed":
            error = self.response.error
            self._error = self._failure(getattr(error, "code", None), getattr(error, "message", "the response failed"))
        failure = self._error or failure
        if self.over:
            self._provider.running = None
        if self._in_background() and self._error is None:
            return [self._unfinished(text, failure)]
        if self._broken():
            code = (getattr(failure.error, "code", None) or "") if failure is not None else ""
            filtered = self._error is not None and bool(_POLICY.search(code))
            if not (text or filtered):
                failure = failure or Failure("transient", "the stream ended before the response did, without any text")
                billed = self._usage(text) if known else None
                return [replace(failure, usage=billed, cut_tool_calls=self._cut_calls())]
            reason: FinishReason = "content_filter" if filtered else "interrupted"
            if self._error is not None and self._error.kind == "context_window":
                reason = "context_window"
            return [self._facts(text, reason, code or None, len(calls), failure)]
        reason, raw = self._ending(bool(calls))
        return [self._facts(text, reason, raw, len(calls), None)]

    def _broken(self) -> bool:
        return self._error is not None or not self.over

    def _in_background(self) -> bool:
        """Whether the server goes on with the response by itself."""
        asked = getattr(self.response, "background", None) or self._provider.params.get("background")
        # A unary reply in progress was begun in the background, whoever asked for that.
        return not self.over and self.id is not None and (asked is True or self._unary)

    def _unfinished(self, text: str, failure: Failure | None) -> Response | Failure:
        id = self.id
        assert id is not None
        if text:
            known = Partial(id, self._last, text)
            facts = self._facts(text, "interrupted", None, 0, failure)
            assert facts.usage is not None
            if self._resumed is not None:  # the input was estimated when the stream broke for the first time
                facts = replace(facts, usage=replace(facts.usage, input_tokens=0))
            self._provider.paid(id, facts.usage or Usage())
            return replace(facts, suspended=True, blocks=(known.block(),))
        self._provider.running = Partial(id, self._last, "")
        message = f"response {id!r} is in progress; client.responses.retrieve({id!r}) tells what becomes of it"
        if failure is not None and not self.opened:
            return replace(failure, message=f"{failure.message}; {message}")
        return Failure(
            "pending", message, retry_after=self._provider.pause(), error=failure.error if failure is not None else None
        )

    def _facts(self, text: str, reason: FinishReason, raw: str | None, calls: int, failure: Failure | None) -> Response:
        usage = self._usage(text)
        id = self.id
        if self.over and id is not None:
            usage = self._provider.unpaid(id, usage)
        self._provider.note(self, text)
        return Response(
            text=text,
            finish_reason=reason,
            raw_finish_reason=raw,
            usage=usage,
            model=getattr(self.response, "model", None),
            id=id,
            reasoning=any(item.get("type") == "reasoning" for item in self.output()),
            tool_calls=calls,
            cut_tool_calls=self._cut_calls() if calls and reason not in ("stop", "tool_calls") else (),
            failure=failure,
            rate_limit=self.rate_limit,
            raw=(self, 0),
        )

    def _cut_calls(self) -> tuple[CutToolCall, ...]:
        """The calls so far, which say themselves whether they have ended."""
        return tuple(_came(item) for item in self.output() if item.get("type") in CALLS)

    def _ending(self, calls: bool) -> tuple[FinishReason, str | None]:
        status = self.response.status
        if status == "incomplete":
            details = self.response.incomplete_details
            raw = getattr(details, "reason", None)
            return _INCOMPLETE.get(raw or "", "unknown"), raw or status
        if status != "completed":
            return "unknown", status
        if self.refusal:
            return "refusal", status
        # Some servers say that a response is completed, and that a message in it is not.
        messages = [item for item in self.output() if item.get("type") == "message"]
        if any(item.get("status") == "incomplete" for item in messages):
            return "length", status
        return ("tool_calls" if calls else "stop"), status

    def _failure(self, code: Any, message: Any) -> Failure:
        """A failure that the server tells in a response or an event, as it would in a status."""
        word = code if isinstance(code, str) else ""
        kind = _FAILED.get(word, "rejected" if _REJECTED.search(word) or _POLICY.search(word) else "transient")
        wait = _TRY_AGAIN.search(str(message))
        error = openai.APIError(
            str(message),
            httpx2.Request("POST", self._provider.base_url),
            body={"code": code, "message": message, "type": None, "param": None},
        )
        return Failure(
            kind=kind,
            message=f"the response failed: {word or 'no code'}: {message}"[:500],
            retry_after=float(wait[1]) / (1000 if wait[2].lower() == "ms" else 1) if wait else None,
            error=error,
        )

    def _usage(self, text: str) -> Usage:
        """What the server counted, and estimates for what it did not."""
        usage = getattr(self.response, "usage", None) if self.over else None
        taken, made = getattr(usage, "input_tokens", None), getattr(usage, "output_tokens", None)
        size = len(text) + len(self.refusal) + self.hidden
        if self.over:
            size += sum(text_size(item.get("arguments")) for item in self.output())
        estimated = False
        if not taken:
            taken, estimated = estimate(self._provider.size_of_request(self.send)), True
        if made is None or (made == 0 and size):
            made, estimated = estimate(size), True
        read = getattr(usage, "input_tokens_details", None)
        written = getattr(usage, "output_tokens_details", None)
        return Usage(
            input_tokens=taken,
            output_tokens=made,
            cached_input_tokens=getattr(read, "cached_tokens", None) or 0,
            cache_write_tokens=getattr(read, "cache_write_tokens", None) or 0,
            reasoning_tokens=getattr(written, "reasoning_tokens", None) or 0,
            estimated=estimated,
        )


def _response(value: Any) -> Any:
    """A response as the SDK's object, also where the SDK does not know the event that it comes in."""
    if isinstance(value, dict):
        from openai.types.responses import Response as SDKResponse

        return SDKResponse.construct(**value)
    return value


def text_of(item: Mapping[str, Any]) -> str:
    """The text of a message item."""
    return "".join(part.get("text") or "" for part in item.get("content") or () if part.get("type") == "output_text")


def refusal_of(item: Mapping[str, Any]) -> str:
    """The refusal in a message item."""
    return "".join(part.get("refusal") or "" for part in item.get("content") or () if part.get("type") == "refusal")


def _came(item: Mapping[str, Any]) -> CutToolCall:
    """What came of a call. Those of OpenAI's own tools have no name and no arguments, but something to do."""
    kind, done = item.get("type"), item.get("action") or item.get("actions") or item.get("operation")
    return came(
        item.get("call_id") or item.get("id"),
        item.get("name") or (kind if done else ""),
        item.get(_written_in(item)) or done,
        ended=item.get("status") == "completed",
        free=kind != "function_call",
    )


def _written_in(item: Mapping[str, Any]) -> str:
    """The field of a call that has what the model wrote for it."""
    return "input" if item.get("type") == "custom_tool_call" else "arguments"
