"""The batch endpoints of OpenAI and Anthropic, as one thing: requests in, answers by name out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import anyio
import httpx2

from continuum.providers.copies import quiet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence

    from continuum.batch.submitted import Submission

_LOOK_BACK: Final = 120.0  # seconds that the clocks of both sides may differ
_STATUS: Final = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "overloaded_error": 529,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a batch brought for one request."""

    status: int
    body: Any


@dataclass(slots=True)
class Asked:
    """A request that waits for its answer."""

    name: str
    path: str
    body: Mapping[str, Any]
    size: int
    answer: Answer | Exception | None = None
    done: anyio.Event = field(default_factory=anyio.Event)

    def give(self, answer: Answer | Exception) -> None:
        self.answer = answer
        self.done.set()


class UndecidedError(Exception):
    """Which batch it is will be known when another one is over."""


class BatchApi(Protocol):
    """One provider's batch endpoints."""

    def kind(self, one: Asked) -> Any:
        """What all requests of one batch have to have in common."""
        ...

    async def submit(self, asked: Sequence[Asked], label: str) -> str:
        """Create a batch and return its id."""
        ...

    async def results(self, batch_id: str) -> AsyncIterator[tuple[str, Answer]] | None:
        """The answers by custom_id, None while the batch is under way."""
        ...

    async def find(self, batch: Submission, label: str, known: Collection[str]) -> str | None:
        """The id of a batch of which only the intent was noted; None if it was never created. `known` are others.

        Raises:
            UndecidedError: one may be it that is under way.
        """
        ...


def is_open(error: Exception) -> bool:
    """Whether a batch may have been created although the request for it failed: the answer may be what was lost."""
    if isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout):
        return False
    status = getattr(error, "status_code", None)
    return not (isinstance(status, int) and 400 <= status < 500 and status != 408)


def lost(message: str) -> Answer:
    return Answer(503, {"type": "error", "error": {"type": "api_error", "message": message}})


# -- OpenAI -----------------------------------------------------------------------------------------------------------


class OpenAIBatches:
    """OpenAI's batch endpoints: a file of requests in, a file of results and one of errors out.

    https://platform.openai.com/docs/guides/batch
    """

    def __init__(self, client: Any) -> None:
        self._client = quiet(client)

    def kind(self, one: Asked) -> Any:
        """A file is for one endpoint, and may hold requests to one model only."""
        return one.path, one.body.get("model")

    async def submit(self, asked: Sequence[Asked], label: str) -> str:
        """Create a batch and return its id."""
        lines = [
            json.dumps({"custom_id": one.name, "method": "POST", "url": one.path, "body": one.body}) for one in asked
        ]
        data = ("\n".join(lines) + "\n").encode()
        file = await self._client.files.create(file=("batch.jsonl", data), purpose="batch")
        batch = await self._client.batches.create(
            input_file_id=file.id, endpoint=asked[0].path, completion_window="24h", metadata={"continuum": label}
        )
        return str(batch.id)

    async def results(self, batch_id: str) -> AsyncIterator[tuple[str, Answer]] | None:
        """The answers by custom_id, None while the batch is under way."""
        batch = await self._client.batches.retrieve(batch_id)
        if batch.status in ("validating", "in_progress", "finalizing", "cancelling"):
            return None
        return self._read(batch)

    async def _read(self, batch: Any) -> AsyncIterator[tuple[str, Answer]]:
        for file_id in (batch.output_file_id, batch.error_file_id):
            if file_id:
                content = await self._client.files.content(file_id)
                for _, line in _lines(content.content):
                    yield _openai_answer(line)
        if batch.status == "failed":
            async for refused in self._refused(batch):
                yield refused

    async def _refused(self, batch: Any) -> AsyncIterator[tuple[str, Answer]]:
        """A batch fails as a whole, also for the sake of one line; the others may try again."""
        problems = list(batch.errors.data or []) if batch.errors else []
        named = {problem.line: problem for problem in problems if problem.line}
        words = "; ".join(str(problem.message) for problem in problems) or "the batch failed"
        again = any("limit" in str(problem.code) for problem in problems)
        content = await self._client.files.content(batch.input_file_id)
        for number, line in _lines(content.content):
            name = line["custom_id"]
            if number in named:
                yield (
                    name,
                    Answer(400, {"error": {"message": str(named[number].message), "type": "invalid_request_error"}}),
                )
            elif named:
                yield name, lost("the batch failed because of another request in it")
            elif again:
                yield name, Answer(429, {"error": {"message": words, "type": "rate_limit_exceeded"}})
            else:
                yield name, Answer(400, {"error": {"message": words, "type": "invalid_request_error"}})

    async def find(self, batch: Submission, label: str, known: Collection[str]) -> str | None:
        """The id of a batch of which only the intent was noted; None if it was never created. `known` are others."""
        async for found in self._client.batches.list(limit=100):
            if (found.metadata or {}).get("continuum") == label:
                return str(found.id)
            if found.created_at < batch.at - _LOOK_BACK:
                break
        return None


def _lines(data: bytes) -> Iterator[tuple[int, Any]]:
    """The JSON values of a file, with the numbers of their lines. A line ends at `\n` and nowhere else: a string may
    hold U+2028 and the like as they are."""
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            yield number, json.loads(line)


def _openai_answer(line: Mapping[str, Any]) -> tuple[str, Answer]:
    response, error = line.get("response"), line.get("error")
    if response:
        return line["custom_id"], Answer(response["status_code"], response["body"])
    message = (error or {}).get("message", "the request has no result")
    return line["custom_id"], lost(f"{(error or {}).get('code', 'error')}: {message}")


# -- Anthropic --------------------------------------------------------------------------------------------------------


class AnthropicBatches:
    """Anthropic's message batches. https://docs.anthropic.com/en/docs/build-with-claude/batch-processing"""

    def __init__(self, client: Any) -> None:
        self._client = quiet(client)

    def kind(self, one: Asked) -> Any:
        """Requests of all models go together."""
        return None

    async def submit(self, asked: Sequence[Asked], label: str) -> str:
        """Create a batch and return its id. Anthropic keeps no label; `find` knows it by its requests."""
        requests = [{"custom_id": one.name, "params": one.body} for one in asked]
        batch = await self._client.messages.batches.create(requests=requests)
        return str(batch.id)

    async def results(self, batch_id: str) -> AsyncIterator[tuple[str, Answer]] | None:
        """The answers by custom_id, None while the batch is under way."""
        batch = await self._client.messages.batches.retrieve(batch_id)
        if batch.processing_status != "ended":
            return None
        return self._read(batch_id)

    async def _read(self, batch_id: str) -> AsyncIterator[tuple[str, Answer]]:
        lines = await self._client.messages.batches.results(batch_id)
        async for line in lines:
            yield line.custom_id, _anthropic_answer(line.result)

    async def find(self, batch: Submission, label: str, known: Collection[str]) -> str | None:
        """The id of a batch of which only the intent was noted; None if it was never created. `known` are others.

        The list tells how many requests a batch has, and only its results, at its end, tell which.
        """
        wanted = set(batch.names)
        async for found in self._client.messages.batches.list(limit=100):
            if found.created_at.timestamp() < batch.at - _LOOK_BACK:
                break
            counts = found.request_counts
            total = counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired
            if total != len(wanted) or found.id in known:
                continue
            if (results := await self.results(found.id)) is None:
                raise UndecidedError(found.id)
            names = {name async for name, _ in results}
            if names == wanted:
                return str(found.id)
        return None


def _anthropic_answer(result: Any) -> Answer:
    if result.type == "succeeded":
        return Answer(200, result.message.to_dict(mode="json"))
    if result.type == "errored":
        body = result.error.to_dict(mode="json")
        kind = (body.get("error") or {}).get("type", "api_error")
        return Answer(_STATUS.get(kind, 500), body)
    return lost(f"the request {'expired' if result.type == 'expired' else 'was cancelled'} in its batch")
