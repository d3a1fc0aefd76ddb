"""A provider that answers from a script: for unit tests without a server, an SDK or a key.

`ScriptedClient` is a client like any other to `continuum.complete()`, `stream()` and their async twins::

    client = ScriptedClient([Reply("Once upon a ", "length"), Reply("time.")])
    result = continuum.complete(client, model="m", messages=[{"role": "user", "content": "…"}])
    assert result.text == "Once upon a time."
    client.assert_complete()

A script that is to go on from the very character of the cut has to know that continuum shows the model only whole words
and, near the cap, whole sentences: `Policy(cut_back="word")` and a cut behind a word make that simple.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from continuum._core.types import Failure, FinishReason, Prefill, Response, Usage
from continuum.providers.base import Provider, Receiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from continuum._core.actions import Send
    from continuum._core.policy import Policy
    from continuum._core.types import Result


@dataclass(frozen=True, slots=True)
class Reply:
    """One scripted answer.

    Attributes:
        text: what the model says.
        finish_reason: why it ends; `interrupted` breaks the stream after the text.
        deltas: the text as it streams; None: a few characters at a time.
        usage: tokens; None: one output token per delta.
        prefill: what the reply says of the server, None: it cannot be gone on with in place.
        failure: what breaks the stream, with `interrupted`.
        reasoning, tool_calls, suspended, blocks: as on `Response`.
    """

    text: str
    finish_reason: FinishReason = "stop"
    deltas: Sequence[str] | None = None
    usage: Usage | None = None
    prefill: Prefill | None = None
    failure: Failure | None = None
    reasoning: bool = False
    tool_calls: int = 0
    suspended: bool = False
    blocks: tuple[Any, ...] = ()

    def stream(self) -> Sequence[str]:
        """The text as it streams."""
        if self.deltas is not None:
            return self.deltas
        return [self.text[i : i + 4] for i in range(0, len(self.text), 4)]


Step = Reply | Failure


class ScriptExhausted(AssertionError):
    """The library asked more often than the script has answers."""


class ScriptedClient:
    """A sync client that answers from a script.

    Args:
        steps: one `Reply` or `Failure` per request, or a function from `Send` to one.

    Attributes:
        calls: the requests that came, in order.
    """

    is_async = False
    base_url = "http://scripted.invalid"
    max_retries = 0

    def __init__(self, steps: Sequence[Step] | Callable[[Send], Step]) -> None:
        self._steps = steps if callable(steps) else list(steps)
        self.calls: list[Send] = []

    def answer(self, send: Send) -> Step:
        """The next answer of the script."""
        self.calls.append(send)
        if callable(self._steps):
            return self._steps(send)
        if len(self.calls) > len(self._steps):
            raise ScriptExhausted(f"request {len(self.calls)} came, but the script has {len(self._steps)} answers")
        return self._steps[len(self.calls) - 1]

    def assert_complete(self) -> None:
        """Fail if answers are left over."""
        if not callable(self._steps) and len(self.calls) < len(self._steps):
            raise AssertionError(f"{len(self._steps) - len(self.calls)} scripted answers were never asked for")

    def continuum_provider(self, params: Mapping[str, Any], policy: Policy) -> Provider:
        """How continuum finds the provider of a client that belongs to no SDK it knows."""
        return _ScriptedProvider(self, params, policy)


class AsyncScriptedClient(ScriptedClient):
    """The async twin of `ScriptedClient`."""

    is_async = True


class ScriptedError(Exception):
    """What a scripted failure raises, where an SDK would raise its own error."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class _ScriptedProvider(Provider):
    name = "scripted"
    cap_fields = ("max_tokens",)
    stop_field = "stop"
    catch = (ScriptedError,)

    def __init__(self, client: ScriptedClient, params: Mapping[str, Any], policy: Policy) -> None:
        super().__init__(client, params, policy)
        self.is_async = client.is_async

    def request(self, send: Send, *, stream: bool, choices: int = 1) -> dict[str, Any]:
        return {"send": send, "stream": stream}

    def open(self, request: Mapping[str, Any]) -> Any:
        step = self.client.answer(request["send"])
        if self.is_async:
            return self._aopen(step, stream=request["stream"])
        return self._opened(step, stream=request["stream"])

    def _opened(self, step: Step, *, stream: bool) -> Any:
        if isinstance(step, Failure):
            raise ScriptedError(step)
        return _Stream(step) if stream else step

    async def _aopen(self, step: Step, *, stream: bool) -> Any:
        return self._opened(step, stream=stream)

    def limit_time(self, request: dict[str, Any], left: float) -> None:
        """There is nothing to wait for."""

    def receiver(self, send: Send, *, choices: int = 1) -> Receiver:
        return _ScriptedReceiver()

    def opened(self, receiver: Receiver, stream: Any) -> None:
        """There are no headers."""

    def describe(self, error: BaseException) -> Failure:
        assert isinstance(error, ScriptedError)
        return replace(error.failure, error=error)

    def sdk_error(self, message: str) -> Exception:
        return ConnectionError(message)

    def to_sdk(self, results: Sequence[Result]) -> Any:
        return None

    def resource(self, client: Any) -> Any:
        raise TypeError("a scripted client cannot be wrapped: it has no create() of its own")

    stream_class = writer = resource  # type: ignore[assignment]  # never reached without resource()


class _Stream:
    """A scripted stream, for `with` and `async with` alike."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def _chunks(self) -> Iterator[Reply | str]:
        yield from self._reply.stream()
        if self._reply.failure is not None:
            raise ScriptedError(self._reply.failure)
        yield self._reply

    def __iter__(self) -> Iterator[Reply | str]:
        return self._chunks()

    async def __aiter__(self) -> Any:
        for chunk in self._chunks():
            yield chunk

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...


class _ScriptedReceiver(Receiver):
    def __init__(self) -> None:
        self._parts: list[str] = []
        self._reply: Reply | None = None

    def feed(self, chunk: Any) -> Sequence[tuple[int, str]]:
        if isinstance(chunk, Reply):
            self._reply = chunk
            return ()
        self._parts.append(chunk)
        return [(0, chunk)]

    def whole(self, response: Any) -> None:
        self._reply = response
        self._parts = [response.text]

    def finish(self, failure: Failure | None = None) -> list[Response | Failure]:
        text, reply = "".join(self._parts), self._reply
        if reply is None or reply.finish_reason == "interrupted":
            if not text:
                return [failure or Failure("transient", "the stream ended without a finish reason")]
            failure = failure or (reply.failure if reply else None)
            usage = Usage(0, len(self._parts), estimated=True)
            return [Response(text, "interrupted", usage=usage, failure=failure)]
        return [
            Response(
                text=text,
                finish_reason=reply.finish_reason,
                raw_finish_reason=reply.finish_reason,
                usage=reply.usage or Usage(output_tokens=len(reply.stream())),
                reasoning=reply.reasoning,
                tool_calls=reply.tool_calls,
                suspended=reply.suspended,
                blocks=reply.blocks,
                prefill=reply.prefill,
            )
        ]
