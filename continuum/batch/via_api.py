"""The providers' own batch APIs, at half the price: `--via batch-api`.

A batch of requests is one more way to carry a request to the provider, so it lives where requests are carried: in the
HTTP transport of the SDK's client. Documents run as always; their requests gather here, go out together as one batch
when no more of them come, and each gets its response when the batch is over. Then the documents go on, and the
continuations of those that were cut are the next batch.

What is under way is noted before and after it is submitted. After a restart the same documents ask the same requests,
under the same `custom_id`, and get the results of the batch that was submitted before the crash; so they do if the
settings are others now, as with a reply that was kept. Between the two notes lies the one moment that a crash can leave
open, and so can an answer that is lost on the way; then the provider's own list is searched for the batch.
"""

from __future__ import annotations

import hashlib
import json
import math
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import anyio
import httpx2

from continuum import _events
from continuum._core.errors import ConfigurationError
from continuum._core.policy import Policy
from continuum._runtime import Runtime, doubled
from continuum.batch.drafting import ASKING
from continuum.batch.endpoints import (
    Answer,
    AnthropicBatches,
    Asked,
    BatchApi,
    OpenAIBatches,
    UndecidedError,
    is_open,
    lost,
)
from continuum.batch.submitted import PREFIX, Submission, Submitted, from_notes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Trouble = Callable[[Exception, int], None]

PRICE_FACTOR: Final = 0.5
"""What a request in a batch costs, of what it costs by itself (OpenAI and Anthropic alike, 2026)."""

_MOST_REQUESTS: Final = 50_000  # OpenAI's limit per batch; Anthropic's is 100,000
_MOST_BYTES: Final = 180_000_000  # OpenAI's limit is 200 MB, Anthropic's 256 MB
_PATHS: Final = ("/chat/completions", "/messages", "/responses")


def _nobody(error: Exception, times: int) -> None:
    """Is told of trouble where nobody else is."""


class Notes(Protocol):
    """Where what is under way is noted; the journal implements it."""

    async def put_note(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep a note under a key; returns after it is on disk."""
        ...

    async def notes(self, prefix: str) -> dict[str, Any]:
        """All notes whose key begins so."""
        ...


class BatchTransport(httpx2.AsyncBaseTransport):
    """Carries requests in batches. Make the client that documents are drafted with from it: `over_batches()`.

    Args:
        api: the provider's endpoints.
        live: carries what is not for a batch.
        notes: where what is under way is noted.
        run: a name for the whole job, the same after a restart.
        options: see `ViaBatchApi`.
        runtime: clock and sleep.
        trouble: told of each look at one of the provider's batches that failed, and how many of its in a row.
    """

    def __init__(
        self,
        api: BatchApi,
        live: httpx2.AsyncBaseTransport,
        notes: Notes,
        *,
        run: str,
        options: ViaBatchApi,
        runtime: Runtime | None = None,
        trouble: Trouble = _nobody,
    ) -> None:
        self._api, self._live, self._notes = api, live, notes
        self._run, self._options = run, options
        self._runtime = runtime or Runtime()
        self._trouble = trouble
        self._log = _events.logger(run)
        self._alone: set[str] = set()
        self._waiting: dict[str, Asked] = {}  # not submitted
        self._submitted: dict[str, Asked] = {}  # somebody waits for its answer
        self._batches = Submitted()
        self._stir = anyio.Event()

    # -- for the SDK ----------------------------------------------------------------------------------------------

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Carry a request: in a batch if it is one for the model, else as always."""
        path, who = request.url.path, ASKING.get()
        if request.method != "POST" or not path.endswith(_PATHS) or not who:
            return await self._live.handle_async_request(request)
        raw = await request.aread()
        body = json.loads(raw)
        if body.get("stream"):
            raise ConfigurationError("a batch cannot stream; draft with Policy(stream=False)")
        name = f"{who}-{hashlib.sha256(raw).hexdigest()[:16]}"
        asked = Asked(name, "/v1" + path[path.rindex(next(p for p in _PATHS if path.endswith(p))) :], body, len(raw))
        self._waiting[name] = asked
        self._find(asked)
        self._wake()
        try:
            await asked.done.wait()
        finally:
            self._waiting.pop(asked.name, None)
            self._submitted.pop(asked.name, None)
        if asked.answer is None:
            self._alone.add(who)
            return await self._live.handle_async_request(request)
        if isinstance(asked.answer, Exception):
            raise asked.answer
        return httpx2.Response(asked.answer.status, json=asked.answer.body, request=request)

    async def aclose(self) -> None:
        """Nothing is open here."""

    # -- the work -------------------------------------------------------------------------------------------------

    def went_alone(self, who: str) -> bool:
        """Whether the request that somebody made last was sent by itself; asked once for each request."""
        alone = who in self._alone
        self._alone.discard(who)
        return alone

    def state(self) -> str:
        """What is waited for, for people; empty if nothing is."""
        batches = self._batches.batches_of(self._submitted)
        if not batches:
            return ""
        ids = ", ".join(batch.id or "being submitted" for batch in batches)
        hours = max(time.time() - min(batch.at for batch in batches), 0.0) / 3600
        return f"{len(self._submitted):,} requests at the provider since {hours:.1f} h ({ids})"

    async def serve(self) -> None:
        """Submit and collect for ever; run it beside the documents and cancel it at the end."""
        await self._load()
        looks = 0
        while True:
            if not self._waiting and not self._submitted:
                self._stir = anyio.Event()
                await self._stir.wait()
                looks = 0
            if await self._gathered():
                await self._send_off()
                looks = 0
            if self._submitted and not await self._collect():
                looks += 1
                await self._runtime.asleep(self._options.pause(looks))

    def _wake(self) -> None:
        self._stir.set()

    async def _gathered(self) -> bool:
        """Whether anything waits, once nothing more comes."""
        count = -1
        while self._waiting and count != len(self._waiting):
            count = len(self._waiting)
            await self._runtime.asleep(self._options.linger)
        return bool(self._waiting)

    async def _load(self) -> None:
        """Read what was noted."""
        for batch in from_notes(await self._notes.notes(PREFIX)):
            if batch.id is None and not batch.over:
                await self._search(batch)
                await self._note(batch)
            self._batches.add(batch)
        for asked in list(self._waiting.values()):
            self._find(asked)

    async def _search(self, batch: Submission) -> None:
        """Find out whether a batch was created. Without an answer nobody knows whether it would be bought twice."""
        while not await self._searched(batch):
            await self._runtime.asleep(self._options.poll)

    async def _searched(self, batch: Submission) -> bool:
        """Look once for a batch that may have been created; whether that is decided now."""
        try:
            batch.id = await self._api.find(batch, self._label(batch.number), self._batches.ids())
        except UndecidedError:
            batch.failed_looks = 0
            return False
        except Exception as error:
            self._look_failed(batch, error)
            return False
        batch.failed_looks = 0
        batch.over = batch.id is None
        if batch.over:
            self._log.info("batch_never_submitted", number=batch.number, requests=len(batch.names))
        return True

    def _find(self, asked: Asked) -> None:
        """If a request that waits has been submitted before, its answer is waited for under the name that it had."""
        name = self._batches.find(asked.name)
        if name is not None:
            del self._waiting[asked.name]
            if name != asked.name:
                self._log.info("batch_asked_before", name=asked.name, was=name)
            asked.name = name
            self._submitted[name] = asked

    def _look_failed(self, batch: Submission, error: Exception) -> None:
        batch.failed_looks += 1
        self._log.warning("batch_not_read", number=batch.number, id=batch.id, **_events.error_fields(error))
        self._trouble(error, batch.failed_looks)

    def _label(self, number: int) -> str:
        return f"{self._run}/{number}"

    async def _note(self, batch: Submission) -> None:
        await self._notes.put_note(batch.key, batch.note())

    def _of_one_kind(self) -> list[Asked]:
        """Those of the requests that wait which may be in one batch with the first; the others go next."""
        kind = self._api.kind(next(iter(self._waiting.values())))
        return [one for one in self._waiting.values() if self._api.kind(one) == kind]

    async def _send_off(self) -> None:
        asked = self._of_one_kind()
        if len(asked) <= self._options.live_below:
            for one in asked:
                self._waiting.pop(one.name, None)
                one.done.set()  # without an answer: it is sent by itself
            return
        count, size = 0, 0
        for one in asked:
            size += one.size + 200
            if size > _MOST_BYTES or count == _MOST_REQUESTS:
                break
            count += 1
        part = asked[: max(count, 1)]
        batch = Submission(self._batches.next_number, [one.name for one in part], time.time())
        self._batches.add(batch)
        for one in part:
            self._submitted[one.name] = self._waiting.pop(one.name, one)
        await self._note(batch)
        failure = await self._submit(batch, part)
        await self._note(batch)
        if failure is not None:
            self._refuse(batch, failure)
        elif batch.id is not None:
            self._log.info("batch_submitted", number=batch.number, id=batch.id, requests=len(part))

    def _refuse(self, batch: Submission, failure: Exception) -> None:
        """Each document of a batch that was not created is told, and decides as with any failed request."""
        self._log.warning(
            "batch_refused", number=batch.number, requests=len(batch.names), **_events.error_fields(failure)
        )
        self._batches.forget(batch)
        for name in batch.names:
            self._give(name, _as_answer(failure))

    async def _submit(self, batch: Submission, part: list[Asked]) -> Exception | None:
        """Create a batch; returns what went wrong if it was not created."""
        try:
            batch.id = await self._api.submit(part, self._label(batch.number))
        except Exception as error:
            if is_open(error):
                self._log.warning(
                    "batch_unknown", number=batch.number, requests=len(part), **_events.error_fields(error)
                )
                await self._runtime.asleep(self._options.linger)  # it may be a moment until it is in the list
                if not await self._searched(batch):
                    batch.problem = error  # others are under way meanwhile, and it is looked for among them
                    return None
            batch.over = batch.id is None
            return error if batch.over else None
        return None

    async def _collect(self) -> bool:
        """Look at the batches that somebody waits for; whether one was over."""
        over = False
        for batch in self._batches.batches_of(self._submitted):
            if batch.id is None:
                if not await self._searched(batch):
                    continue
                await self._note(batch)
                if batch.over:
                    self._refuse(batch, batch.problem or httpx2.ConnectError("it was never created"))
                    over = True
                    continue
            try:
                is_over = await self._read(batch)
            except Exception as error:  # the batch is paid for and stays where it is: look again later
                self._look_failed(batch, error)
                continue
            batch.failed_looks = 0
            if is_over and not batch.over:
                batch.over = True
                await self._note(batch)
            over = over or is_over
        return over

    async def _read(self, batch: Submission) -> bool:
        """Hand out the answers of a batch; whether it is over. What came before an error has been handed out."""
        assert batch.id is not None
        results = await self._api.results(batch.id)
        if results is None:
            return False
        async for name, answer in results:
            self._give(name, answer)
        for name in batch.names:
            self._give(name, lost("the batch is over and has no result for this request"))
        return True

    def _give(self, name: str, answer: Answer | Exception) -> None:
        asked = self._submitted.pop(name, None)
        if asked is not None:
            asked.give(answer)


def _as_answer(error: Exception) -> Answer | Exception:
    """What every request of a batch that could not be submitted gets to see."""
    response = getattr(error, "response", None)
    if isinstance(response, httpx2.Response):
        try:
            return Answer(response.status_code, response.json())
        except ValueError:
            return Answer(response.status_code, {"error": {"message": str(error)}})
    return httpx2.ConnectError(f"the batch could not be submitted: {error}")


class _Through(httpx2.AsyncBaseTransport):
    """Sends through the HTTP client that the caller's own SDK client has: its proxies, certificates and pool."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return await self._http.send(request, stream=True)


# -- the client -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Carried:
    """A client whose requests are carried in batches, and the work that does it; a `Carrier`."""

    client: Any
    transport: BatchTransport
    may_go_alone: bool

    def factor(self, asking: str) -> float:
        """See `Carrier.factor`."""
        return 1.0 if self.transport.went_alone(asking) else PRICE_FACTOR

    @property
    def most_factor(self) -> float:
        """See `Carrier.most_factor`."""
        return 1.0 if self.may_go_alone else PRICE_FACTOR

    def state(self) -> str:
        """See `Carrier.state`."""
        return self.transport.state()

    async def serve(self) -> None:
        """See `BatchTransport.serve`; the client is closed at the end."""
        try:
            await self.transport.serve()
        finally:
            with anyio.CancelScope(shield=True):
                await self.transport.aclose()


@dataclass(frozen=True, slots=True)
class ViaBatchApi:
    """Draft through the provider's batch API, at half the price: `arun_batch(…, via=ViaBatchApi())`.

    Attributes:
        linger: seconds without a new request after which those that wait go out as one batch.
        poll: seconds between two looks at a batch that is under way.
        live_below: so few requests are sent by themselves instead, at the full price. 0: never.
        documents: how many at once, where no number is given: as many as there can be requests in one batch.

    Raises:
        ConfigurationError: a value is out of range.
    """

    linger: float = 2.0
    poll: float = 60.0
    live_below: int = 0
    documents: int = 2000

    def __post_init__(self) -> None:
        for name in ("linger", "poll", "documents"):
            value = getattr(self, name)
            if not (value > 0 and math.isfinite(value)):
                raise ConfigurationError(f"{name}={value!r}: it has to be more than 0")
        if self.live_below < 0:
            raise ConfigurationError(f"live_below={self.live_below!r}: it has to be 0 or more")

    def pause(self, looks: int) -> float:
        """Seconds to the next look at the batches, after so many of them that found nothing new."""
        return doubled(self.linger, looks, self.poll)

    def policy(self, policy: Policy | None) -> Policy:
        """The caller's policy, without streams, and without a deadline where none was asked for."""
        given = {} if policy is None else policy.model_dump(exclude_unset=True)
        return Policy(**{"deadline": None, **given, "stream": False})

    async def carry(self, client: Any, notes: Notes, runtime: Runtime, trouble: Trouble = _nobody) -> Carried:
        """Make the client whose requests are carried in batches.

        Args:
            client: the caller's.
            notes, runtime, trouble: as for `BatchTransport`.

        Raises:
            ConfigurationError: the client's provider has no batch API that continuum knows.
        """
        kept = await notes.notes("run")
        if not kept:
            await notes.put_note("run", {"name": secrets.token_hex(8)})
            kept = await notes.notes("run")
        batched, transport = over_batches(
            client, notes, run=kept["run"]["name"], options=self, runtime=runtime, trouble=trouble
        )
        return Carried(batched, transport, bool(self.live_below))


def over_batches(
    client: Any,
    notes: Notes,
    *,
    run: str,
    options: ViaBatchApi | None = None,
    runtime: Runtime | None = None,
    trouble: Trouble = _nobody,
) -> tuple[Any, BatchTransport]:
    """A client whose requests are carried in batches, and the transport to `serve()`.

    Args:
        client: an `AsyncOpenAI` or `AsyncAnthropic`.
        notes, run, options, runtime, trouble: as for `BatchTransport`.

    Raises:
        ConfigurationError: the client is none of the two.
    """
    kinds: dict[str, Callable[[Any], BatchApi]] = {"AsyncOpenAI": OpenAIBatches, "AsyncAnthropic": AnthropicBatches}
    found = next((kinds[c.__name__] for c in type(client).__mro__ if c.__name__ in kinds), None)
    if found is None:
        raise ConfigurationError(
            f"client={type(client).__name__} has no batch API that continuum knows; use AsyncOpenAI or AsyncAnthropic"
        )
    transport = BatchTransport(
        found(client),
        _Through(client._client),
        notes,
        run=run,
        options=options or ViaBatchApi(),
        runtime=runtime,
        trouble=trouble,
    )
    http = httpx2.AsyncClient(transport=transport, timeout=None, base_url=str(client.base_url))
    return client.with_options(http_client=http, max_retries=0, timeout=None), transport
