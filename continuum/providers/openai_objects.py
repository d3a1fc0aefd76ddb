"""The SDK's own types for a run that took several requests: `ChatCompletion`, and one stream of chunks."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

from openai import AsyncStream, Stream
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from continuum._core.types import Usage
from continuum.providers.base import signed
from continuum.providers.places import place_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from continuum._core.types import Result
    from continuum._drivers import Run
    from continuum.providers.openai_chat import ChatReceiver
    from continuum.providers.openai_choice import Choice

# What of a delta is not passed on at once. Text goes when its place is sure, the others when the last reply is here.
_LATER = {"content", "tool_calls", "function_call", "refusal"}


def usage_object(usage: Usage) -> dict[str, Any]:
    """A usage in OpenAI's form."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_input_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def total(results: Sequence[Result]) -> Usage:
    """What all choices cost together."""
    return sum((result.usage for result in results), Usage())


def final_word(result: Result) -> str:
    """The finish reason to show: the provider's own, or `length` for an answer that broke off.

    Code that was written for the bare SDK knows `length`: the answer is not whole.
    """
    open_ended = not result.complete and result.finish_reason in ("stop", "tool_calls", "unknown")
    if result.finish_reason == "interrupted" or open_ended:
        return result.raw_finish_reason if result.finish_reason == "unknown" and result.raw_finish_reason else "length"
    if result.complete and result.segments[-1].finish_reason not in ("stop", "tool_calls"):
        return "stop"  # the provider's word was found to be wrong
    return result.raw_finish_reason or "length"


def untouched(results: Sequence[Result]) -> bool:
    """Whether all of a run is one reply as it came: then nothing of it needs to be made up."""
    first = results[0].raw
    return first is not None and all(
        result.rounds == 1 and not result.seams and result.raw is not None and result.raw[0] is first[0]
        for result in results
    )


def _usage(results: Sequence[Result]) -> dict[str, Any] | None:
    """The server's own usage if it is the whole bill, else the sum; None if there was one whole reply, and no usage."""
    if untouched(results) and total(results) == results[0].segments[0].usage:
        receiver: ChatReceiver = results[0].raw[0]
        sent, broken = receiver.usage, any(choice.finish is None for choice in receiver.choices)
        if isinstance(sent, CompletionUsage):
            return sent.to_dict()
        if not broken:  # a broken one would have had a usage at its end, and code that reads it is right to
            return None
    return usage_object(total(results))


def completion(results: Sequence[Result]) -> ChatCompletion | None:
    """One `ChatCompletion` for a run; None if nothing came that one could be made of."""
    shown = next((result for result in results if result.raw is not None), None)
    if shown is None:
        return None
    receiver: ChatReceiver = shown.raw[0]
    whole: ChatCompletion | None = receiver.response
    one = untouched(results)
    if whole is not None and one and all(result.complete or not _calls(result) for result in results):
        return signed(whole, receiver)
    data: dict[str, Any] = {
        **{name: value for name, value in receiver.head.items() if value is not None},
        **(receiver.extras if one else {}),
        "id": shown.segments[0].response_id or "",
        "object": "chat.completion",
        "choices": [_choice(number, result) for number, result in enumerate(results)],
        "usage": _usage(results),
    }
    data.setdefault("created", 0)
    data.setdefault("model", shown.model or "")
    return signed(ChatCompletion.construct(**data), receiver)


def _received(result: Result) -> Choice | None:
    """The last reply of a choice, None if none came."""
    if result.raw is None:
        return None
    receiver, index = result.raw
    choice: Choice = receiver.choices[index]
    return choice


def _opening(result: Result) -> Choice | None:
    """The first reply of a choice: what stood beside its text, such as reasoning, is shown, as in a stream."""
    raw = result.replies[0] if result.replies else result.raw if result.rounds == 1 else None
    return None if raw is None else raw[0].choices[raw[1]]


def _calls(result: Result) -> bool:
    choice = _received(result)
    return choice is not None and choice.calls > 0


def _tools(choice: Choice) -> dict[str, Any]:
    """Fields for the tool calls of the last reply.

    One that was cut is shown as far as it came, as the bare SDK shows it: the finish reason says that it is not whole.
    """
    found: dict[str, Any] = {}
    calls = [_whole_call(call) for _, call in sorted(choice.tools.items())]
    if calls:
        found["tool_calls"] = calls
    if choice.function:
        found["function_call"] = {"name": "", "arguments": "", **choice.function}
    return found


def _whole_call(call: Mapping[str, Any]) -> dict[str, Any]:
    # A call without arguments may have come without the field.
    return {**call, "function": {"name": "", "arguments": "", **call["function"]}} if call.get("function") else {**call}


def _choice(number: int, result: Result) -> dict[str, Any]:
    choice = _received(result)
    found: dict[str, Any] = {"index": number, "finish_reason": final_word(result), "logprobs": None}
    message: dict[str, Any] = {"role": "assistant", "content": result.text, "refusal": None}
    found["message"] = message
    if choice is None:
        return found
    tools = _tools(choice)
    message.update(tools, refusal=choice.refusal or None)
    if not result.text and (tools or choice.refusal):
        message["content"] = None
    found["logprobs"] = logprobs(result)
    first = _opening(result)
    if first is not None:
        message.update(first.extras)
        message.update((name, "".join(parts)) for name, parts in first.thoughts.items())
    if result.rounds == 1:
        found.update({name: value for name, value in choice.beside.items() if name != "logprobs"})
    return found


def logprobs(result: Result) -> dict[str, Any] | None:
    """The log probabilities of the tokens that the joined text is made of, of all rounds.

    A token across a join goes with the text that it is a part of. None if a round has none, or if the tokens of a reply
    of which only a part is in the text do not spell it, so that nobody can say which they are.
    """
    content: list[Any] = []
    refusal: list[Any] = []
    for number, raw in enumerate(result.replies, 1):
        place = place_of(number, result.seams)
        if raw is None or place is None:
            return None
        choice: Choice = raw[0].choices[raw[1]]
        first, last = place.kept(len(result.text))
        refusal += [token for part in choice.logprobs for token in part.refusal or ()]
        if last > first:
            tokens = _tokens_between(choice, first, last)
            if not tokens:
                return None
            content += tokens
    return {"content": content or None, "refusal": refusal or None} if content or refusal else None


def _spelt(token: Any) -> bytes:
    data = getattr(token, "bytes", None)
    return bytes(data) if data is not None else str(getattr(token, "token", "")).encode("utf-8", "surrogatepass")


def _tokens_between(choice: Choice, first: int, last: int) -> list[Any]:
    """The tokens of a reply that lie between two of its characters, at least in part; none if there is no telling."""
    tokens = [token for part in choice.logprobs for token in part.content or ()]
    if first == 0 and last >= len(choice.text):
        return tokens
    said = [_spelt(token) for token in tokens]
    if b"".join(said) != choice.text.encode("utf-8", "surrogatepass"):
        return []
    start, end = (len(choice.text[:at].encode("utf-8", "surrogatepass")) for at in (first, last))
    ends = list(accumulate(map(len, said)))
    return [
        token
        for token, size, until in zip(tokens, map(len, said), ends, strict=True)
        if until > start and until - size < end
    ]


class ChunkWriter:
    """Writes the chunks of one stream.

    Text goes out as it is released, and reasoning of the first round as it comes. Tool calls and a refusal go out at
    the end, those of the last reply: what comes earlier may be cut, and be asked for again. So do log probabilities,
    when it is known which tokens the text is made of.
    """

    def __init__(self, include_usage: bool) -> None:
        self._include_usage = include_usage
        self._head: dict[str, Any] = {"id": "", "created": 0, "model": "", "object": "chat.completion.chunk"}
        self._started: set[int] = set()
        self._worded: dict[int, ChatCompletionChunk] = {}  # a chunk with text for each choice, to be copied

    def passing(self, event: ChatCompletionChunk, round: int) -> list[ChatCompletionChunk]:
        """What of an arriving chunk goes to the reader at once: roles and reasoning."""
        if not hasattr(event, "choices"):
            return []
        if not self._head["id"]:
            self._head.update(event.model_dump(exclude={"choices", "usage", "obfuscation"}, exclude_unset=True))
        if round > 1:
            return []
        found = []
        for part in event.choices or ():
            delta = part.delta
            if delta is None:
                continue
            rest = delta.model_dump(exclude_unset=True, exclude=_LATER)
            fields = {name: value for name, value in rest.items() if value is not None}
            index = part.index or 0
            if index in self._started:
                fields.pop("role", None)
            if fields:
                self._started.add(index)
                found.append(self._chunk(index, fields))
        return found

    def text(self, choice: int, text: str) -> list[ChatCompletionChunk]:
        """Released text. The SDK takes a tenth of the time to copy a chunk that it takes to make one."""
        delta = self._with_role(choice, {"content": text})
        if "role" in delta or not self._head["id"]:
            return [self._chunk(choice, delta)]
        if choice not in self._worded:
            self._worded[choice] = self._chunk(choice, delta)
        known = self._worded[choice]
        part = known.choices[0]
        part = part.model_copy(update={"delta": part.delta.model_copy(update=delta)})
        return [known.model_copy(update={"choices": [part]})]

    def closing(self, results: Sequence[Result]) -> list[ChatCompletionChunk]:
        """What was held back, one final chunk per choice, and the usage if the caller asked for it."""
        found: list[ChatCompletionChunk] = []
        one = untouched(results)
        if one:
            self._head.update(results[0].raw[0].extras)
        for number, result in enumerate(results):
            choice = _received(result)
            if choice is not None:
                found += self._held(number, choice)
            likely = logprobs(result)
            if likely is not None:
                found.append(self._chunk(number, {}, logprobs=likely))
            beside = choice.beside if choice is not None and one else {}
            found.append(self._chunk(number, {}, finish=final_word(result), beside=beside))
        if self._include_usage:
            usage = _usage(results)
            if usage is not None:
                found.append(ChatCompletionChunk.construct(**{**self._head, "choices": [], "usage": usage}))
        return found

    def _held(self, number: int, choice: Choice) -> Iterator[ChatCompletionChunk]:
        """The refusal and the tool calls of the last reply, a call per chunk."""
        fields = _tools(choice)
        deltas: list[dict[str, Any]] = [{"refusal": choice.refusal}] if choice.refusal else []
        deltas += [
            {"tool_calls": [{"index": index, **call}]} for index, call in enumerate(fields.pop("tool_calls", ()))
        ]
        for delta in [*deltas, fields] if fields else deltas:
            yield self._chunk(number, self._with_role(number, delta))

    def _with_role(self, choice: int, delta: dict[str, Any]) -> dict[str, Any]:
        """The first delta of a choice says whose words they are."""
        if choice not in self._started:
            self._started.add(choice)
            delta["role"] = "assistant"
        return delta

    def _chunk(
        self,
        index: int,
        delta: Mapping[str, Any],
        *,
        finish: str | None = None,
        logprobs: Any = None,
        beside: Mapping[str, Any] | None = None,
    ) -> ChatCompletionChunk:
        choice: dict[str, Any] = {**(beside or {}), "index": index, "delta": delta, "finish_reason": finish}
        if logprobs is not None:
            choice["logprobs"] = logprobs
        return ChatCompletionChunk.construct(**self._head, choices=[choice])


class WholeStream(Stream[Any]):
    """One stream for a whole run. Made by `continuum.wrap`; `continuum.result_of(stream)` has the account."""

    def __init__(self, run: Run, events: Iterator[Any]) -> None:
        self.continuum_run = run
        self.response = run.provider.http_response
        self._events = events

    def __next__(self) -> Any:
        return next(self._events)

    def __iter__(self) -> Iterator[Any]:
        return self._events

    def close(self) -> None:
        """End the run and its connection."""
        self._events.close()  # type: ignore[attr-defined]  # a generator


class AsyncWholeStream(AsyncStream[Any]):
    """The async twin of `WholeStream`."""

    def __init__(self, run: Run, events: AsyncIterator[Any]) -> None:
        self.continuum_run = run
        self.response = run.provider.http_response
        self._events = events

    async def __anext__(self) -> Any:
        return await anext(self._events)

    async def __aiter__(self) -> AsyncIterator[Any]:
        async for event in self._events:
            yield event

    async def close(self) -> None:
        """End the run and its connection."""
        await self._events.aclose()  # type: ignore[attr-defined]  # a generator
