"""The only request loops: sync and async. They obey the machine, and know nothing of when to continue.

Both are generators over what can be shown to the reader; `complete()` runs one to its end, `stream()` hands it on.
tenacity repeats one request for as long as the machine says `Wait`. Clock, sleep and randomness are arguments.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from tenacity import AsyncRetrying, Retrying, retry_if_result, stop_never

from continuum import _events
from continuum._core.actions import Action, Done, Send, Wait
from continuum._core.machine import Continuation
from continuum._core.recall import receive_excused
from continuum._core.types import Failure, Response, Result, Usage
from continuum._exchange import LATE, aexchange, exchange
from continuum._outcome import check_complete, error_for, remember
from continuum._runtime import Runtime, doubled
from continuum.providers import errors, timeouts, watching
from continuum.providers.sizes import estimate

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Sequence

    from tenacity import RetryCallState

    from continuum._core.policy import Policy
    from continuum._keeper import Keeper
    from continuum.providers.base import Provider, Receiver


_PIECES = 256  # deltas that are handed to the machine together if nobody reads along


class Piece(NamedTuple):
    """Something that happened in a run, for whoever streams it.

    Attributes:
        choice: the choice that it belongs to.
        round: counted from 1.
        text: what can be shown now; may be empty.
        chunk: the SDK's chunk that has just arrived, None between rounds.
    """

    choice: int
    round: int
    text: str
    chunk: Any = None


class Lane:
    """One choice of a run: its machine, its requests, its log."""

    def __init__(self, run: Run, number: int) -> None:
        self.run = run
        self.number = number
        self.machine = self.new_machine(run.provider.policy)
        self.log = _events.logger(run.id, choice=number) if number else _events.logger(run.id)
        self.first: Response | Failure | None = None  # its outcome of the first request, which all choices share
        self.resumed: Action | None = None  # where a run that was begun elsewhere goes on
        self._seams: list[tuple[int, str]] = []  # round and note of those that were logged
        self._failure: Failure | None = None  # of the last request
        self._unread: list[str] = []

    def new_machine(self, policy: Policy) -> Continuation:
        """A machine that has not begun."""
        provider = self.run.provider
        return Continuation(
            policy,
            cap=provider.cap,
            prefill=provider.prefill,
            price=provider.price(),
            limit=provider.limits.output,
            window=provider.limits.context,
            may_lower=provider.may_lower_effort(),
            stops=provider.stops,
            invalid=self.invalid,
            repairs=provider.structured is None or provider.structured.repairs,
            server=provider.server_facts(),
        )

    @property
    def invalid(self) -> Callable[[str], str] | None:
        """What says why a finished answer is not of the type asked for; None if any answer will do."""
        structured = self.run.provider.structured
        return None if structured is None else structured.error

    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self.run.runtime.clock() - self.run.started

    def begin(self) -> Action:
        """The first instruction."""
        return self._note(self.machine.start())

    def resume(self) -> Action:
        """A wait is over."""
        return self._note(self.machine.resume(elapsed=self.elapsed()))

    def feed(self, text: str, *, at_once: bool) -> str:
        """Hand arriving text to the machine, and return what can be shown.

        If nobody is watching, the machine sees it in larger pieces: often enough to notice a loop. What it decides
        does not depend on the pieces, and an outcome always carries the whole text.
        """
        if at_once:
            return self.machine.feed(text)
        self._unread.append(text)
        if len(self._unread) < _PIECES:
            return ""
        text = "".join(self._unread)
        self._unread.clear()
        return self.machine.feed(text)

    def partial(self) -> str:
        """What arrived of the reply in flight, as it came."""
        return self.machine.partial + "".join(self._unread)

    def receive(self, outcome: Response | Failure, elapsed: float | None = None, *, excused: bool = False) -> Action:
        """Hand an outcome to the machine; `elapsed`: seconds since the run began, None: until now."""
        self._unread.clear()
        self._failure = outcome if isinstance(outcome, Failure) else outcome.failure
        if isinstance(outcome, Failure):
            self.run.provider.learn(outcome)
        elapsed = self.elapsed() if elapsed is None else elapsed
        if excused:
            return self._note(receive_excused(self.machine, outcome, elapsed))
        return self._note(self.machine.receive(outcome, elapsed=elapsed))

    def delay(self, state: RetryCallState) -> float:
        """Seconds to wait: what the server asked for, else doubling with jitter; never past the deadline."""
        assert state.outcome is not None
        wait, policy, random = state.outcome.result(), self.machine.policy, self.run.runtime.random
        if wait.retry_after is not None and self.run.keeper is not None and self.run.keeper.paces:
            return 0.0  # the keeper has been told, and waits once for all
        seconds = doubled(policy.retry_initial, wait.attempt - 1, policy.retry_max) * (0.5 + random() / 2)
        if wait.retry_after is not None:
            # Everybody was told the same moment, so nobody comes back at exactly that moment.
            seconds = wait.retry_after + random() * min(0.05 + wait.retry_after / 10, 1.0)
        if policy.deadline is not None:
            seconds = min(seconds, max(policy.deadline - self.elapsed(), 0.0))
        fields = _events.wait_fields(wait, self._failure, text=policy.log_text)
        self.log.info("wait", **fields, seconds=round(seconds, 3))
        return seconds

    def pieces(self, action: Action) -> Sequence[Piece]:
        """What an instruction releases."""
        return (Piece(self.number, self.machine.rounds, action.text),) if action.text else ()

    def _note(self, action: Action) -> Action:
        """Log a decision and the seams that led to it."""
        machine, log = self.machine, self.log
        seams = machine.seams
        known = [(seam.round, seam.note) for seam in seams]
        same = next((i for i, (a, b) in enumerate(zip(known, self._seams, strict=False)) if a != b), len(self._seams))
        for seam in seams[same:]:  # a reply that was set aside may be taken back
            log.info("seam", **_events.seam_fields(seam, text=machine.policy.log_text))
        self._seams = known
        if isinstance(action, Send):
            log.info("send", **_events.send_fields(action, self._failure, text=machine.policy.log_text))
        elif isinstance(action, Done):
            log.info("done", **_events.done_fields(action, machine))
        return action


class Run:
    """One call of the library: a provider, one lane per choice, and the world they run in.

    Args:
        provider: checked already.
        runtime: clock, sleep, randomness.
        live: somebody reads along, so text is released as soon as it can be.
        chunks: hand the SDK's chunks on as well.
        keeper: who stands beside it, for async runs of one choice.
    """

    def __init__(
        self,
        provider: Provider,
        runtime: Runtime | None = None,
        *,
        live: bool = False,
        chunks: bool = False,
        keeper: Keeper | None = None,
    ) -> None:
        self.provider = provider
        self.keeper = keeper
        self.runtime = runtime or Runtime()
        self.live = live or chunks
        self.chunks = chunks
        self.id = secrets.token_hex(6)
        self.started = self.runtime.clock()
        deadline = provider.policy.deadline
        self._end = None if deadline is None else self.started + deadline
        self.stream = True  # whether the request in flight asks for a stream
        choices = provider.params.get("n")
        self.lanes = [Lane(self, number) for number in range(choices if isinstance(choices, int) else 1)]
        self._shared = len(self.lanes) > 1  # the first request, which asks for all choices, is not answered yet
        self._in_flight: tuple[Lane, Receiver] | None = None
        self._requests = 0
        self._written = self._weighed = 0  # characters of the reply in flight, and when a ceiling was last thought of
        self._stops = False  # whether to look for stop sequences in it
        self.watched = False  # whether what a stream is read from ends by itself at the deadline

    def postpone(self, seconds: float) -> None:
        """Let so many seconds not count: they are not the run's own."""
        self.started += seconds
        if self._end is not None:
            self._end += seconds

    @property
    def left(self) -> float | None:
        """Seconds until the deadline, None if there is none."""
        return None if self._end is None else self._end - self.runtime.clock()

    def late(self) -> bool:
        """Whether the deadline has passed."""
        left = self.left
        return left is not None and left <= 0

    # -- one request ----------------------------------------------------------------------------------------------

    def request(self, lane: Lane, send: Send) -> tuple[dict[str, Any], Receiver]:
        """The arguments of `create()`, and a collector for the reply."""
        choices = len(self.lanes) if self._shared else 1
        receiver = self.provider.receiver(send, choices=choices)
        self._in_flight = (lane, receiver)
        self._requests += 1
        self._written = self._weighed = 0
        self._stops = bool(self.provider.stops) and not self._shared
        self.stream = self.chunks or (self.provider.may_stream() and (self.live or not self.provider.unstreamed))
        request = self.provider.request(send, stream=self.stream, choices=choices)
        if self.left is not None:
            self.provider.limit_time(request, self.left)
        return request, receiver

    def watch(self, stream: Any) -> None:
        """Let a stream end at the deadline by itself, if it can."""
        self.watched = watching.watch(stream, self)

    def describe(self, error: BaseException) -> Failure:
        """Turn an exception of a request into facts.

        If the server refuses to stream the model, and the caller asked for no stream, it is asked for the whole.
        """
        failure = self.provider.describe(error)
        if not self.stream or self.live or not errors.refuses_stream(failure):
            return failure
        self.provider.unstream()
        message = "the server does not stream this model; asking for the whole reply"
        return replace(failure, kind="adapted", message=message, retry_after=0.0, should_retry=None)

    def whole(self, lane: Lane, receiver: Receiver, stream: Any) -> Sequence[Piece] | None:
        """Take the whole reply of a server that does not stream, once it is read; None if the body is no such thing."""
        value = watching.value_of(stream.response)
        if not isinstance(value, Mapping):
            return None
        reply = self.provider.reply_of(value)
        receiver.whole(reply)
        if not self.chunks:
            return ()
        return (Piece(lane.number, lane.machine.rounds + 1, "", self.provider.opening_of(reply)),)

    def chunk(self, lane: Lane, receiver: Receiver, chunk: Any) -> Sequence[Piece]:
        """Take a chunk of a stream."""
        pieces = []
        lanes = self.lanes if self._shared else [lane]
        for number, text in receiver.feed(chunk):
            self._written += len(text)
            if number >= len(lanes):  # a choice that nobody asked for
                continue
            owner = lanes[number]
            shown = owner.feed(text, at_once=self.live)
            if shown:
                pieces.append(Piece(owner.number, owner.machine.rounds + 1, shown))
        if self.chunks:
            # What stands beside the text goes first: a reader expects the start before the words.
            pieces.insert(0, Piece(lane.number, lane.machine.rounds + 1, "", chunk))
        return pieces

    def enough(self, lane: Lane, receiver: Receiver) -> Failure | None:
        """Why a stream need not be read any further, if so: the deadline, a loop, a ceiling."""
        if not self.watched and self.late():  # else what has arrived by then is read to its end
            return LATE
        written = self._written + receiver.hidden
        weigh = written >= self._weighed * 9 // 8 + 1000  # not each time: prices take a while
        if weigh:
            self._weighed = written
        why = lane.machine.enough(written if weigh else 0, stops=self._stops)
        return Failure("transient", why) if why else None

    def billed(
        self, send: Send, request: Mapping[str, Any], outcomes: list[Response | Failure], *, late: bool
    ) -> list[Response | Failure]:
        """Put a request on the bill that was given up after it was sent: the server has read it, as far as we know.

        `late`: it was at the deadline.
        """
        first = outcomes[0]
        if not isinstance(first, Failure) or first.usage is not None or not self.provider.buys(request):
            return outcomes
        if not late and not timeouts.ran_out(first.error):
            return outcomes
        usage = Usage(estimate(self.provider.size_of_request(send)), estimated=True)
        return [replace(first, usage=usage), *outcomes[1:]]

    def outcome(self, lane: Lane, outcomes: Sequence[Response | Failure], elapsed: float | None = None) -> Action:
        """A request is over: tell the machine. `outcomes`: one per choice."""
        self._in_flight = None
        if self._shared and any(isinstance(outcome, Response) for outcome in outcomes):
            self._shared = False
            for other, outcome in zip(self.lanes[1:], outcomes[1:], strict=False):
                other.first = outcome  # decided on when its turn comes: what is spent until then counts
        elif self._shared:  # all of them failed: what was called in any stands with the first, as the usage does
            calls = [call for outcome in outcomes for call in outcome.cut_tool_calls]
            outcomes = [replace(outcomes[0], cut_tool_calls=tuple(calls))]
        before = lane.machine.usage, lane.machine.cost
        action = lane.receive(outcomes[0], elapsed)
        self._share(lane, *before)
        return action

    def _share(self, lane: Lane, usage: Usage, cost: float | None) -> None:
        """The ceilings are the run's: what one choice spends is gone for the others."""
        if len(self.lanes) > 1:
            spent = lane.machine.usage - usage
            for other in self.lanes:
                if other is not lane:
                    other.machine.charge_elsewhere(spent, (lane.machine.cost or 0.0) - (cost or 0.0))

    def abort(self, error: BaseException) -> None:
        """The run is torn down from outside: keep what came, and put it within reach of the caller."""
        if self._in_flight is not None:
            lane, receiver = self._in_flight
            self._in_flight = None
            if self.keeper is not None:
                self.keeper.aborted(lane)
            try:
                outcomes = receiver.finish()
            except Exception as second:  # the first error is the one to tell
                error.add_note(f"what had arrived of the reply could not be read: {second!r}")
                outcomes = []
            for other, outcome in zip(self.lanes if self._shared else [lane], outcomes, strict=False):
                other.machine.cancel(outcome)
        self.cancel()
        remember(error, self.result())

    def cancel(self) -> None:
        """End all lanes that are not over; what the first request brought for them is kept."""
        for lane in self.lanes:
            lane.machine.cancel(lane.first)
            lane.first = None

    def start(self, lane: Lane) -> Action:
        """Begin a lane; all but the first have their first outcome already."""
        if lane.resumed is not None:
            return lane.resumed
        if lane.number == 0:
            for other in self.lanes[1:]:
                other.machine.start()
            return lane.begin()
        # The answer to the shared request had fewer choices than were asked for.
        if lane.first is None:
            return lane.machine.cancel()
        outcome, lane.first = lane.first, None
        return lane.receive(outcome)

    # -- the end --------------------------------------------------------------------------------------------------

    def results(self) -> list[Result]:
        """The result of each choice, with what the provider collected in `raw`."""
        return [self._read(lane.machine) for lane in self.lanes]

    def _read(self, machine: Continuation) -> Result:
        result, structured = replace(machine.result(), run_id=self.id), self.provider.structured
        if structured is None or not result.text:
            return result
        reading = structured.read(result.text if machine.repaired is None else machine.repaired)
        return replace(result, parsed=reading.value, partial=reading.partial, partial_path=reading.path)

    def result(self) -> Result:
        """Everything so far, at any moment, with the SDK's own response object in `raw`."""
        results = self.results()
        whole = self.provider.to_sdk(results)
        first, *others = (replace(result, raw=whole, replies=()) for result in results)
        return replace(first, alternatives=tuple(others)) if others else first

    def failed(self) -> Failure | None:
        """The failure that left nothing to return, if that is how the run ended."""
        machine = self.lanes[0].machine
        return machine.failure if not machine.length and not machine.rounds else None

    def finish(self) -> Result:
        """The result of a run that is over.

        Raises:
            ProviderError: nothing came at all; the SDK's error is its `__cause__`.
            IncompleteError: the answer is incomplete and the policy says to raise.
        """
        result = self.result()
        failure = self.failed()
        if failure is not None:
            why = self.lanes[0].machine.evidence
            raise error_for(failure, result, self._requests, self.provider.base_url, why) from failure.error
        check_complete(result, self.provider.policy)
        return result


def drive(run: Run) -> Iterator[Piece]:
    """Run all lanes to their end, yielding what can be shown."""
    try:
        yield from _drive(run)
    except BaseException as error:
        run.abort(error)
        raise


async def adrive(run: Run) -> AsyncGenerator[Piece]:
    """The async twin of `drive`, for asyncio and trio."""
    try:
        async with aclosing(_adrive(run)) as pieces:
            async for piece in pieces:
                yield piece
    except BaseException as error:
        run.abort(error)
        raise


def _drive(run: Run) -> Iterator[Piece]:
    for lane in run.lanes:
        action = run.start(lane)
        yield from lane.pieces(action)
        while not isinstance(action, Done):
            for attempt in Retrying(
                sleep=run.runtime.sleep, wait=lane.delay, stop=stop_never, retry=retry_if_result(_waits)
            ):
                if isinstance(action, Wait) and attempt.retry_state.attempt_number > 1:
                    action = lane.resume()
                if isinstance(action, Send):
                    action = yield from exchange(run, lane, action)
                    yield from lane.pieces(action)
                attempt.retry_state.set_result(action)


async def _adrive(run: Run) -> AsyncGenerator[Piece]:
    for lane in run.lanes:
        action = run.start(lane)
        for piece in lane.pieces(action):
            yield piece
        while not isinstance(action, Done):
            async for attempt in AsyncRetrying(
                sleep=run.runtime.asleep, wait=lane.delay, stop=stop_never, retry=retry_if_result(_waits)
            ):
                if isinstance(action, Wait) and attempt.retry_state.attempt_number > 1:
                    action = lane.resume()
                if isinstance(action, Send):
                    outcome: list[Action] = []
                    async with aclosing(aexchange(run, lane, action, outcome)) as pieces:
                        async for piece in pieces:
                            yield piece
                    (action,) = outcome
                    for piece in lane.pieces(action):
                        yield piece
                attempt.retry_state.set_result(action)


def _waits(action: Action) -> bool:
    return isinstance(action, Wait)
