"""One document: from what is kept of it to its result, and every request of it paced, paid for and kept on the way.

The loop is the library's own (`_drivers.py`); what stands here is its companion.
"""

from __future__ import annotations

import json
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

import anyio

from continuum._core.actions import Send, Wait
from continuum._core.errors import ConfigurationError, ContinuumError, DamagedJournalError, FencedError, JournalError
from continuum._core.recall import describe_question, doubt
from continuum._core.types import Failure, Usage
from continuum._drivers import Run, adrive
from continuum._runtime import Runtime
from continuum.batch.gate import Closed
from continuum.batch.job import JobResult
from continuum.batch.journal import Entry
from continuum.batch.outcomes import dumps, fingerprint, to_json
from continuum.batch.replay import adopted, ask_as_then, describe_server, replay, restore_server
from continuum.batch.settings import provider_of
from continuum.batch.submitted import name_of_document
from continuum.providers.sizes import estimate

if TYPE_CHECKING:
    from collections.abc import Callable

    from continuum._core.types import RateLimit, Reason, Response
    from continuum._drivers import Lane
    from continuum.batch.gate import Gate
    from continuum.batch.journal import Document, Journal
    from continuum.batch.pacing import Lanes, Reservation
    from continuum.batch.progress import Progress
    from continuum.batch.purse import Purse
    from continuum.batch.settings import Settings

ASKING: ContextVar[str] = ContextVar("continuum.batch.ASKING", default="")
"""`DOCUMENT-ENTRY` of the request that the present task makes: a hash of the document's id, the request's number there.

The place in the input would not do: rows may be put in or taken out between two runs, and the request be at the
provider under its name meanwhile.
"""

_OVERHEAD: Final = 64  # tokens that a request may have beside what is in it
_SAVE_EVERY: Final = 2.0  # seconds between two writes of a partial text ...
_SAVE_SOONER: Final = 0.25  # ... or so many, once there are
_SAVE_SIZE: Final = 2048  # so many characters more of it
_PATIENCE: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # seconds between tries to write to a disk that fails


class Carrier(Protocol):
    """Carries requests to the provider otherwise than one by one, and at another price."""

    def factor(self, asking: str) -> float:
        """What the request of that name (see `ASKING`) cost, as a share of the list price; asked once for each."""
        ...

    @property
    def most_factor(self) -> float:
        """The most that a request may cost, as such a share."""
        ...

    def state(self) -> str:
        """What is waited for, for people; empty if nothing is."""
        ...


@dataclass(frozen=True, slots=True)
class Shared:
    """What all documents of a batch share.

    Attributes:
        client: the caller's.
        settings: what all jobs have in common.
        journal: where everything is kept.
        gate: closes when nothing new is to be sent.
        progress: who is told.
        runtime: clock, sleep and randomness.
        lanes: the provider's limits; None: not paced.
        purse: the money of the whole batch; None: not limited.
        replied: is told of each reply: the account, when its request was sent, the reply, requests that wait.
        carrier: carries the requests; None: they are sent one by one, at the list price.
    """

    client: Any
    settings: Settings
    journal: Journal
    gate: Gate
    progress: Progress
    runtime: Runtime
    lanes: Lanes | None = None
    purse: Purse | None = None
    replied: Callable[[tuple[str, ...], float, Response, int], None] | None = None
    carrier: Carrier | None = None


@dataclass(frozen=True, slots=True)
class Drafted:
    """How the work on a document ended.

    Attributes:
        result: what came of it.
        lane: the provider's account that it asked: wire API, address, model.
        failure: what ended it, if the provider or the network did.
        asked: requests of this run that were answered or failed. With none, the end is that of an earlier run.
        replied: the last of them brought a reply, whole or not.
    """

    result: JobResult
    lane: tuple[str, ...]
    failure: Failure | None
    asked: int
    replied: bool = False


async def draft(shared: Shared, document: Document) -> Drafted:
    """Draft one document, from where it stands to its end.

    Raises:
        Closed: the gate closed before; all that came is kept, and the document can be given back.
        ConfigurationError: it was begun, and cannot go on as things are set now; it can be given back.
        JournalError: what came cannot be kept.
    """
    if document.damage:
        return Drafted(_failed(document, DamagedJournalError(document.damage), "failed"), (), None, 0)
    try:
        keeper = DocumentKeeper(shared, document)
    except (ContinuumError, ValueError, TypeError) as error:
        if document.entries or document.partial:  # so the job is a good one
            raise ConfigurationError(
                f"job {document.job.id!r} was begun, and cannot go on with the settings of now: {error}"
            ) from error
        return Drafted(_failed(document, error), (), None, 0)
    run = keeper.run
    try:
        await keeper.begin()
        async for _ in adrive(run):
            pass
    except (Closed, JournalError):
        raise
    except Exception as error:  # a bug, in a client of the caller's own perhaps: it must not stop the others
        return Drafted(keeper.result(f"{type(error).__name__}: {error}"), keeper.lane_key, None, keeper.asked)
    finally:
        keeper.end()
    failure = run.lanes[0].machine.failure
    words = None
    if failure is not None and run.lanes[0].machine.result().reason != "finished":
        words = failure.message
    return Drafted(
        keeper.result(words), keeper.lane_key, failure if words else None, keeper.asked, replied=keeper.replied
    )


def _read_request(partial: str) -> tuple[str, dict[str, Any] | None]:
    """Fingerprint of the request that a partial text answers, and how it asked, if that is known."""
    request, _, asked = partial.partition(" ")
    return request, json.loads(asked) if asked else None


def _failed(document: Document, error: Exception, reason: Reason = "rejected") -> JobResult:
    text = "".join(str(entry.outcome.get("text", "")) for entry in document.entries)
    return JobResult(
        id=document.job.id,
        status="incomplete" if text else "failed",
        text=text,
        complete=False,
        finish_reason="unknown",
        reason=reason,
        rounds=sum("text" in entry.outcome for entry in document.entries),
        usage=sum((Usage(**entry.outcome.get("usage", {})) for entry in document.entries), Usage()),
        failure=f"{error}" if isinstance(error, ContinuumError) else f"{type(error).__name__}: {error}",
    )


class DocumentKeeper:
    """The companion of one document's run; see `continuum._keeper.Keeper`.

    Attributes:
        run: the run.
        lane_key: the provider's account that it asks.
        asked: requests of this run that are over.
        replied: the last of them was not a failure.

    Raises:
        ConfigurationError: the job can only fail.
    """

    def __init__(self, shared: Shared, document: Document) -> None:
        self._shared, self._document = shared, document
        job, settings = document.job, shared.settings
        provider = provider_of(shared.client, job, settings, in_batches=shared.carrier is not None)
        restore_server(provider, document.entries)
        self._provider = provider
        self._price = provider.price()
        self._spent = sum(entry.cost or 0.0 for entry in document.entries)
        self._clock = shared.runtime.clock
        self.lane_key = (provider.name, provider.base_url, provider.model)
        self._pacer = None if shared.lanes is None else shared.lanes.lane(*self.lane_key)
        self._server = describe_server(provider)
        self._number = document.next_number
        self._name = name_of_document(job.id)
        self._request = ""
        self._asked: dict[str, Any] | None = None  # how, see `describe_question`
        self._place: Reservation | None = None
        self._reserved: float | None = None
        self._sent_at = 0.0
        self._saved_at, self._saved_size = 0.0, 0
        self._size = self._most = 0  # characters of the request, and the most tokens that it can have
        self._counted = 0, 0, 0  # both of the last one, and the tokens that it had
        self._told = self._in_flight = False
        self._note = ""
        self.asked, self.replied = 0, False
        if shared.purse is not None and (provider.cap is None or self._price(Usage(1, 1)) is None):
            missing = "an output cap (max_tokens)" if provider.cap is None else "a known price of its model"
            raise ConfigurationError(
                f"job {job.id!r} needs {missing}, or max_cost={shared.purse.limit!r} cannot be kept; "
                "give it one, or leave max_cost out"
            )
        runtime = shared.runtime
        self.run = Run(
            provider,
            Runtime(clock=runtime.clock, sleep=runtime.sleep, asleep=self._asleep, random=runtime.random),
            keeper=self,
        )

    @property
    def paces(self) -> bool:
        """See `Keeper`."""
        return self._pacer is not None

    async def begin(self) -> None:
        """Bring the run to where the document stands."""
        document, lane = self._document, self.run.lanes[0]
        if not document.entries and not document.partial:
            return
        elapsed = document.entries[-1].elapsed if document.entries else 0.0
        self.run.postpone(-elapsed)
        action, self._note, unused = replay(lane, document.entries, document.excused)
        if unused:
            self._note += f"; {unused} of them came after its end and are in the journal only"
        if document.partial and isinstance(action, Send | Wait):
            if isinstance(action, Wait):
                action = lane.machine.resume()
            assert isinstance(action, Send)
            self._request, self._asked = _read_request(document.partial_request)
            known = self._asked is not None or self._request == fingerprint(action)
            if self._request == fingerprint(action):
                self._asked = describe_question(lane.machine)
            else:
                ask_as_then(lane, self._asked)
            reply = adopted(self._provider, action, document.partial)
            await self._keep(reply, elapsed)
            action = lane.receive(reply, elapsed)
            if not known:
                doubt(lane.machine, lane.machine.rounds)
        lane.resumed = action

    # -- the requests ---------------------------------------------------------------------------------------------

    async def ready(self, lane: Lane, send: Send) -> float:
        """See `Keeper.ready`."""
        shared, began = self._shared, self._clock()
        shared.gate.check()
        self._request, self._asked = fingerprint(send), describe_question(lane.machine)
        self._size, self._most = self._provider.size_of_request(send), self._provider.most_input(send)
        taken, cap = self._likely_input(), send.max_tokens or self._provider.cap or 0
        if shared.purse is not None:
            factor = shared.carrier.most_factor if shared.carrier else 1.0
            self._reserved = await shared.purse.reserve(self._most_cost(cap) * factor)
        if self._pacer is not None:
            with shared.gate.waiting():
                self._place = await self._pacer.reserve(input_tokens=taken, output_tokens=cap)
        if not self._told:
            await shared.journal.asking(self._document)
            self._told = True
        shared.gate.check()
        now = self._clock()
        self._sent_at = self._saved_at = now
        self._saved_size = 0
        self._in_flight = True
        ASKING.set(self._asking)
        return now - began

    @property
    def _asking(self) -> str:
        return f"{self._name}-{self._number}"

    def _likely_input(self) -> int:
        """The tokens that the request has, going by what the last one had for its characters."""
        size, _, tokens = self._counted
        return round(self._size * tokens / size) if size and tokens else estimate(self._size)

    def _most_cost(self, cap: int) -> float:
        """The most US dollars that the request can cost; what is written to a prompt cache may cost more than input."""
        _, most, tokens = self._counted
        taken = tokens + max(self._most - most, 0) + _OVERHEAD  # what was counted last, and the most for what is new
        ways = Usage(taken, cap), Usage(taken, cap, cache_write_tokens=taken)
        return max(self._price(usage) or 0.0 for usage in ways)

    def opened(self, rate_limit: RateLimit | None) -> None:
        """See `Keeper.opened`."""
        if self._pacer is not None and self._place is not None:
            self._pacer.observe(self._place, rate_limit)

    def arrived(self, lane: Lane) -> None:
        """See `Keeper.arrived`."""
        now = self._clock()
        if now - self._saved_at >= _SAVE_SOONER:
            self._save(lane, now)

    def _save(self, lane: Lane, now: float) -> None:
        text = lane.partial()
        more = len(text) - self._saved_size
        if more >= _SAVE_SIZE or (more and now - self._saved_at >= _SAVE_EVERY):
            self._put_partial(text)
            self._shared.progress.text(self._document.job.id, more)
            self._saved_at, self._saved_size = now, len(text)

    def aborted(self, lane: Lane) -> None:
        """See `Keeper.aborted`."""
        text = lane.partial()
        if self._in_flight and text:
            self._put_partial(text)

    def _put_partial(self, text: str) -> None:
        request = self._request if self._asked is None else f"{self._request} {dumps(self._asked)}"
        self._shared.journal.put_partial(self._document, self._number, request, text)

    async def received(self, lane: Lane, outcome: Response | Failure, elapsed: float) -> None:
        """See `Keeper.received`."""
        self._in_flight = False
        place, self._place = self._place, None
        if place is not None and self._pacer is not None:
            if isinstance(outcome, Failure):
                self._pacer.failed(place, outcome)
            else:
                self._pacer.settle(place, outcome.usage, outcome.rate_limit)
        await self._keep(outcome, elapsed)
        self.asked, self.replied = self.asked + 1, not isinstance(outcome, Failure)
        if isinstance(outcome, Failure):
            return
        if outcome.usage is not None and not outcome.usage.estimated:
            self._counted = self._size, self._most, outcome.usage.input_tokens
        if self._shared.replied is not None:
            limited = 0 if self._pacer is None else self._pacer.state().limited
            self._shared.replied(self.lane_key, self._sent_at, outcome, limited)

    async def _keep(self, outcome: Response | Failure, elapsed: float) -> None:
        shared, document = self._shared, self._document
        usage = outcome.usage
        cost = None if usage is None else self._price(usage)
        factor = 1.0 if shared.carrier is None else shared.carrier.factor(self._asking)
        cost = None if cost is None else cost * factor
        self._spent += cost or 0.0
        reserved, self._reserved = self._reserved, None
        if shared.purse is not None:
            # A request that failed without a word about its usage was not billed.
            shared.purse.settle(reserved or 0.0, 0.0 if usage is None and isinstance(outcome, Failure) else cost)
        data = to_json(outcome)
        if self._asked is not None and not isinstance(outcome, Failure):
            data["asked"] = self._asked
        server = describe_server(self._provider)
        if self._number == 0 or server != self._server:
            data["server"] = {**server, "prefill": self._server["prefill"]}
            self._server = server
        await self._write(Entry(self._number, self._request, data, round(elapsed, 3), cost))
        self._number += 1
        shared.progress.round(document.job.id, self._number, usage, cost, self._clock() - self._sent_at)

    async def _write(self, entry: Entry) -> None:
        """Keep an entry. A disk that fails is given some time: what stands in memory only was paid for."""
        shared = self._shared
        for pause in _PATIENCE:
            try:
                await self._put(entry)
                return
            except FencedError:
                raise
            except JournalError as error:
                shared.gate.close("journal", error.message)
                shared.progress.waiting(self._document.job.id, pause, error.message)
            try:
                await shared.runtime.asleep(pause)
            except anyio.get_cancelled_exc_class():
                await self._put(entry)  # stopped at once: the last try
                raise
        await self._put(entry)

    async def _put(self, entry: Entry) -> None:
        with anyio.CancelScope(shield=True):  # if nobody waited for a write, nobody would know that it failed
            await self._shared.journal.put(self._document, entry)

    async def _asleep(self, seconds: float) -> None:
        """Wait before a repeat; not longer than the gate is open."""
        if seconds > 0:
            self._shared.progress.waiting(self._document.job.id, seconds, "the provider or the network failed")
        with self._shared.gate.waiting():
            await self._shared.runtime.asleep(seconds)

    # -- the end --------------------------------------------------------------------------------------------------

    def end(self) -> None:
        """Give back what was reserved for a request that was not answered."""
        if self._place is not None and self._pacer is not None:
            self._pacer.settle(self._place, None if self._in_flight else Usage())
        if self._reserved is not None and self._shared.purse is not None:
            self._shared.purse.settle(self._reserved, None if self._in_flight else 0.0)
        self._place = self._reserved = None

    def result(self, failure: str | None) -> JobResult:
        """The result as it stands."""
        document = self._document
        (whole,) = self.run.results()
        found = JobResult.of(document.job.id, whole, "; ".join(filter(None, (failure, self._note))) or None)
        # What was paid for each request, and not what the machine, which goes by list prices, makes of them all.
        cost = None if found.cost is None else self._spent + document.aside_cost
        return replace(found, usage=found.usage + (document.aside or Usage()), cost=cost)
