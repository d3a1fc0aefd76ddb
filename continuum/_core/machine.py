"""The machine that decides: facts in, instructions out.

`Continuation.start()` and `receive()` return `Send`, `Wait` or `Done`, each with a `reason`. The machine knows no
clock (elapsed seconds are passed in), no randomness (a wait is a fact about attempts, the driver adds the jitter),
no file and no SDK, so the same events always give the same decisions: live, streamed, replayed, or resumed from
`to_dict()` in another process.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from continuum._core.actions import Action, Done, Send, Wait
from continuum._core.asking import Asker, ServerFacts
from continuum._core.budget import Budget
from continuum._core.classify import Progress, Tally, Verdict, classify, classify_failure
from continuum._core.draft import Draft
from continuum._core.endings import Endings
from continuum._core.errors import ProtocolError
from continuum._core.halves import sendable
from continuum._core.ledger import Ledger
from continuum._core.policy import Policy
from continuum._core.repetition import is_loop
from continuum._core.state import IN_FLIGHT, TERMINAL, Signal, State, Step, advance
from continuum._core.types import Failure, Prefill, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from continuum._core.asking import Order
    from continuum._core.requests import Question
    from continuum._core.types import Reason, Result, Seam, Usage


class Continuation:
    """One run: one answer, however many requests it takes. Not shared between runs.

    Args:
        policy: the caller's ceilings.
        cap: output tokens per request as the caller wrote it, None if the caller did not.
        prefill: how the server continues in place, as far as is known before the first reply.
        price: US dollars for the usage of one request, None if unknown.
        limit: the most output tokens that the model can write in one reply, None if unknown.
        window: tokens of prompt and reply together that it can hold, None if unknown.
        may_lower: the model can be told to reason less.
        server: how the wire API takes what it is shown.
        invalid: says why a finished answer is not of the type asked for; "" if it is. None: any answer will do.
        repairs: such an answer is asked for once more; else it is looked at if it was joined, and the run stops.
        stops: the caller's stop sequences. They may end a reply anywhere, so a `stop` that adds something is believed.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        cap: int | None = None,
        prefill: Prefill | None = None,
        price: Callable[[Usage], float | None] | None = None,
        stops: tuple[str, ...] = (),
        limit: int | None = None,
        window: int | None = None,
        may_lower: bool = False,
        invalid: Callable[[str], str] | None = None,
        repairs: bool = True,
        server: ServerFacts = ServerFacts(),  # noqa: B008  # immutable
    ) -> None:
        self.policy = policy or Policy()
        self.state = State.READY
        self._budget = Budget(self.policy, cap, price, limit, window)
        self._may_lower, self._invalid, self._repairs = may_lower, invalid, repairs
        self.repaired: str | None = None
        self._ledger = Ledger(self._budget)
        self._endings = Endings(stops, self.policy.end_marker)
        self._draft = Draft(watch=self.policy.max_repetition is not None, endings=self._endings)
        self._pending: Send | None = None  # the last request, for repeats
        self._pending_state = State.DRAFTING
        self._tally = Tally()
        self._asker = Asker(self.policy, self._budget, self._ledger, self._draft, self._tally, server=server)
        self._asker.prefill = prefill
        self._aside: Response | None = None  # a reply whose join is in doubt, while the same thing is asked again
        self._failure: Failure | None = None
        self._reason: Reason = "running"
        self.evidence = ""  # what the end rests on, where the reason does not say it all

    # -- events ---------------------------------------------------------------------------------------------------

    def start(self) -> Send:
        """Begin. The first request is always sent.

        Raises:
            ProtocolError: if the run has begun already.
        """
        self.state = advance(self.state, Signal.START).state
        return self._send(self._asker.ask("ask"))

    def feed(self, delta: str) -> str:
        """Take text of the reply in flight as it streams in.

        Returns:
            What can be shown to the reader now; it is never taken back.

        Raises:
            ProtocolError: if no reply is awaited.
        """
        if self.state not in IN_FLIGHT:
            raise ProtocolError(
                f"text arrived in state {self.state.value!r}; feed() belongs between Send and receive()"
            )
        return self._draft.feed(delta) if delta else ""

    def receive(self, outcome: Response | Failure, *, elapsed: float = 0.0) -> Action:
        """Take the outcome of a request.

        Args:
            outcome: what came. The text of a response must begin with what was fed for it.
            elapsed: seconds since `start()`.

        Raises:
            ProtocolError: if no reply is awaited.
        """
        if self.state not in IN_FLIGHT:
            raise ProtocolError(f"an outcome arrived in state {self.state.value!r}; receive() belongs after Send")
        if isinstance(outcome, Failure):
            return self._receive_failure(outcome, elapsed)
        return self._receive_response(outcome, elapsed)

    def resume(self, *, elapsed: float = 0.0) -> Action:
        """The wait that was asked for is over.

        Raises:
            ProtocolError: if none was asked for.
        """
        if self.state is not State.WAITING or self._pending is None:
            raise ProtocolError(f"nothing waits in state {self.state.value!r}; resume() belongs after Wait")
        late = self._budget.late(elapsed)
        if late and self._aside is None:
            return self._stop(Signal.BUDGET_SPENT, "deadline", self._failure)
        self.state = advance(self.state, Signal.WAITED, self._pending_state).state
        if late:
            return self._unsettled(Verdict(Signal.BUDGET_SPENT, "deadline"), elapsed, self._failure)
        return self._pending

    def cancel(self, partial: Response | Failure | None = None) -> Done:
        """End the run now; what has come so far, `partial` of the reply in flight included, stays in the result."""
        if self.state in TERMINAL:
            return Done(self._reason, self.state is State.COMPLETE)
        text, reply = "", partial if isinstance(partial, Response) else None
        if self.state in IN_FLIGHT:
            if reply is not None:
                text = self._draft.feed_rest(reply.text)
                self._record(reply)
            elif isinstance(partial, Failure):  # what came was no text, and was paid for all the same
                self._ledger.record_failure(partial)
            self._draft.end(cut=True)
        text += "" if self._aside is None else self._choose(reply)[1]
        return self._stop(Signal.CANCELLED, "cancelled", None, text)

    # -- responses ------------------------------------------------------------------------------------------------

    def _receive_response(self, response: Response, elapsed: float) -> Action:
        draft = self._draft
        text = draft.feed_rest(response.text)
        draft.end(cut=not response.suspended and response.finish_reason not in ("stop", "tool_calls"))
        self._record(response)
        self._tally.retries = 0
        if self._aside is not None:
            response, more = self._choose(response)
            text += more
        elif self._may_reask(response, elapsed):
            return self._reask(response, text, elapsed)
        return self._follow(self._verdict(response), text, elapsed, response.failure)

    def _verdict(self, response: Response) -> Verdict:
        """What a reply that is part of the text now means."""
        if self.state is State.REPAIRING:
            return self._repaired()
        draft, tally, limit = self._draft, self._tally, self.policy.max_repetition
        added = len(draft) - draft.start
        tally.count(response, added)
        progress = Progress(
            state=self.state,
            tally=tally,
            in_place=self._sent.in_place,
            text=draft.text,
            added=added,
            stops=bool(self._endings.stops),
            begun_stop=draft.begun_stop() > 0,
            ended=draft.ended,
            cap=self._sent.max_tokens or self._budget.cap,
            loop=limit is not None and (draft.looping or is_loop(draft.run, limit)),
            looping=draft.looping,
            may_raise=self._may_raise(),
            may_lower=self._may_lower
            and self.policy.lower_effort
            and not self._tally.escalated
            and not self._tally.lowered,
        )
        verdict = classify(response, progress, self.policy)
        if verdict.signal is Signal.CONTEXT_FULL:
            self._ledger.window_full()
            verdict = self._shortened(verdict)
        if verdict.signal is Signal.REPETITION:
            draft.cut_loop()
        if verdict.signal is Signal.FINISHED_OPEN:
            tally.rechecks += 1
        tally.cut = verdict.signal is not Signal.FINISHED_OPEN if added else tally.cut
        if verdict.signal is Signal.FINISHED and not added and progress.begun_stop:
            draft.cut_begun_stop()
        if self._invalid is not None and verdict.reason in ("finished", "unclosed") and not response.tool_calls:
            looked_at = verdict.signal is not Signal.FINISHED_OPEN and (self._repairs or self.rounds > 1)
            error = self._invalid(draft.text) if looked_at else ""
            signal = Signal.INVALID if self._repairs else Signal.NO_PROGRESS
            verdict = Verdict(signal, "invalid", error) if error else verdict
        self._ledger.judge(verdict.evidence, finished=verdict.signal is Signal.FINISHED)
        return verdict

    def _shortened(self, verdict: Verdict) -> Verdict:
        """What a context window that is full means: go on with less of the text in sight, if that can help."""
        if not self._asker.shorten():
            return verdict
        return Verdict(Signal.TRUNCATED, "running", "the context window is full; the middle is left out")

    def _repaired(self) -> Verdict:
        """What the reply to a request for a corrected copy is worth."""
        assert self._invalid is not None
        error = self._invalid(self._draft.fed)
        self.repaired = None if error else self._draft.fed
        self._ledger.judge(error or "corrected", finished=not error)
        return Verdict(Signal.INVALID, "invalid", error) if error else Verdict(Signal.FINISHED, "finished")

    # -- joins in doubt -------------------------------------------------------------------------------------------

    def _settles(self, question: Question | None) -> bool:
        """Whether the reply is to be held back if its join is in doubt, because another may take its place."""
        if question is None or question.in_place or question.anchor is None:
            return False
        return self._aside is not None or (self._tally.reasks < self.policy.reask and not self._tally.unsettled)

    def _may_reask(self, response: Response, elapsed: float) -> bool:
        """Whether to ask for the same once more. The last round that is allowed is better spent on going on."""
        draft = self._draft
        if not draft.in_doubt or draft.looping or len(draft) == draft.start or response.tool_calls:
            return False
        if response.finish_reason not in ("stop", "length") or self._ledger.spent(elapsed, raised=False) is not None:
            return False
        if not self._asker.fits(whole=True):
            return False
        return response.finish_reason == "stop" or self.rounds + 1 < self.policy.max_rounds

    def _reask(self, response: Response, text: str, elapsed: float) -> Action:
        self._aside = response
        self._tally.reasks += 1
        verdict = Verdict(Signal.DOUBTFUL, "running", self._draft.set_aside())
        return self._follow(verdict, text, elapsed, None)

    def _choose(self, second: Response | None) -> tuple[Response, str]:
        """Two replies to the same question: the second counts if it is joined for certain, else the first does.

        Returns:
            The reply that is part of the text now, and what may be shown of it.
        """
        draft, first = self._draft, self._aside
        assert first is not None
        self._aside = None
        ended_well = second is None or second.finish_reason in ("stop", "length", "interrupted")
        usable = ended_well and len(draft) > draft.start and not (second is not None and second.tool_calls)
        self._tally.unsettled = not usable or draft.in_doubt
        if not self._tally.unsettled:
            draft.keep()
            return second or first, ""
        self._ledger.last = first
        return first, draft.take_back()

    def _unsettled(self, verdict: Verdict, elapsed: float, failure: Failure | None) -> Action:
        """No second reply will come: the first counts, and if it had ended the answer, the answer has ended."""
        first, text = self._choose(None)
        own = self._verdict(first)
        return self._follow(own if own.signal is Signal.FINISHED else verdict, text, elapsed, failure)

    def _record(self, response: Response) -> None:
        """Enter a paid round into the books, and note what it says about the server."""
        self._ledger.record(response, self._sent.reason, self._sent.hidden)
        if not self._tally.prefill_refused:
            self._asker.prefill = response.prefill or self._asker.prefill
        self._asker.blocks += sendable(response.blocks) if response.suspended else ()

    def charge_elsewhere(self, usage: Usage, cost: float | None) -> None:
        """Count what another choice of the same run has spent: the ceilings are the run's."""
        self._ledger.charge_elsewhere(usage, cost)

    def _receive_failure(self, failure: Failure, elapsed: float) -> Action:
        draft = self._draft
        if draft.fed:
            raise ProtocolError(
                f"a Failure arrived after {len(draft.fed)} characters of text; "
                "report it as a Response with finish_reason 'interrupted', so that the text is kept"
            )
        self._ledger.record_failure(failure)
        self._failure = failure
        left = None if self.policy.deadline is None else self.policy.deadline - elapsed
        verdict = classify_failure(
            failure,
            in_place=self._sent.in_place,
            forced_in_place=self.policy.strategy == "in_place",
            retries=self._tally.retries,
            policy=self.policy,
            left=left,
        )
        if verdict.signal is Signal.CONTEXT_FULL and self._sent.turns and self.state is not State.REPAIRING:
            self._ledger.window_full(failure.window)
            verdict = self._shortened(verdict)
        if verdict.signal is Signal.PREFILL_REFUSED:
            self._tally.prefill_refused, self._asker.prefill = True, None
        if self._aside is not None and verdict.signal is not Signal.TRANSIENT:
            return self._unsettled(verdict, elapsed, failure)
        return self._follow(verdict, "", elapsed, failure)

    # -- what follows ---------------------------------------------------------------------------------------------

    def _follow(self, verdict: Verdict, text: str, elapsed: float, failure: Failure | None) -> Action:
        transition = advance(self.state, verdict.signal)
        if transition.step is Step.STOP:
            return self._stop(verdict.signal, verdict.reason, failure, text, verdict.evidence)
        bought = failure is not None and failure.usage is not None and failure.usage.output_tokens > 0
        if transition.step is not Step.PAUSE or bought:
            spent = self._spent(elapsed, transition.step)
            if spent is not None:
                return self._stop(Signal.BUDGET_SPENT, spent, failure, text)
        owner, asker = self.state, self._asker
        self.state = transition.state
        match transition.step:
            case Step.PAUSE:
                self._pending_state, self._tally.retries = owner, self._tally.retries + (not failure or failure.counts)
                self._pending = replace(self._sent, reason="retry", text="")
                return self._wait(verdict, self._tally.retries, failure, text)
            case Step.PAUSE_THEN_CONTINUE:
                send = self._send(asker.go_on("continue", text, verdict.evidence))
                self._pending, self._pending_state = replace(send, text=""), State.CONTINUING
                return self._wait(verdict, self._tally.interruptions, failure, send.text)
            case Step.ESCALATE:
                if self._may_raise():
                    self._tally.escalated = True
                else:
                    self._tally.lowered = True
                return self._send(asker.escalate(text, verdict.evidence))
            case Step.ASK:
                return self._send(asker.ask("ask", text, verdict.evidence))
            case Step.RESUME | Step.REASK | Step.REPAIR as step:
                ask = {Step.RESUME: asker.resume, Step.REASK: asker.reask, Step.REPAIR: asker.repair}[step]
                return self._send(ask(text, verdict.evidence))
            case Step.REWORD:
                return self._send(asker.go_on("reword", text, verdict.evidence))
            case _:
                # Text that was cut is gone on with, not asked for anew with a larger cap: that buys each of its tokens
                # at the price of output instead of that of input, and what was shown cannot be taken back. But a cap
                # that the caller left to the server may as well be as large as the model allows from here on.
                self._tally.escalated = self._tally.escalated or (self._budget.cap is None and self._may_raise())
                again = failure is not None and verdict.signal is Signal.TRUNCATED
                return self._send(asker.go_on("continue", text, verdict.evidence, again=again))

    @property
    def _sent(self) -> Send:
        assert self._pending is not None
        return self._pending

    def _wait(self, verdict: Verdict, attempt: int, failure: Failure | None, text: str) -> Wait:
        return Wait(verdict.evidence or verdict.reason, attempt, failure.retry_after if failure else None, text)

    def _send(self, order: Order) -> Send:
        self._pending = send = order.send
        self._draft.begin(
            order.question,
            round=send.round,
            cap=send.max_tokens or self._budget.cap,
            hold=self.policy.cut_back == "sentence" and not self._asker.in_place(),
            settle=self._settles(order.question),
            aside=self.state is State.REPAIRING,
        )
        return send

    def _stop(self, signal: Signal, reason: Reason, failure: Failure | None, text: str = "", why: str = "") -> Done:
        self.state = advance(self.state, signal).state
        self._reason, self._failure, self.evidence = reason, failure, why
        self._draft.close(len(self._ledger.segments) + 1)
        return Done(reason, self.state is State.COMPLETE, text + self._draft.release_all(), failure, why)

    # -- ceilings -------------------------------------------------------------------------------------------------

    def _may_raise(self) -> bool:
        used = self._ledger.segments[-1].usage if self._ledger.segments else None
        return not self._tally.escalated and self._budget.may_raise_cap(used)

    def _spent(self, elapsed: float, step: Step) -> Reason | None:
        if not self._asker.fits(whole=step in (Step.ASK, Step.ESCALATE, Step.RESUME, Step.REASK, Step.REPAIR)):
            return "context_window"
        return self._ledger.spent(elapsed, raised=self._tally.escalated)

    # -- results --------------------------------------------------------------------------------------------------

    @property
    def usage(self) -> Usage:
        """Tokens of all rounds so far."""
        return self._ledger.usage

    @property
    def cost(self) -> float | None:
        """US dollars for `usage`, None if unknown."""
        return self._ledger.cost

    @property
    def seams(self) -> Sequence[Seam]:
        """Joins and trims so far."""
        return self._draft.seams

    @property
    def rounds(self) -> int:
        """Rounds paid for so far."""
        return len(self._ledger.segments)

    @property
    def length(self) -> int:
        """Characters of the text so far."""
        return len(self._draft)

    @property
    def failure(self) -> Failure | None:
        """The failure that ended the run, or the last one while it goes on."""
        return self._failure

    def enough(self, written: int, *, stops: bool) -> str:
        """Why the reply in flight need not be waited for, if so; see `Ledger.overrun` and `Draft.ended`."""
        if self._draft.looping:
            return "the reply says one passage for ever"
        if stops and self._draft.ended:
            return "a stop sequence stands in the joined text"
        return self._ledger.overrun(written)

    @property
    def partial(self) -> str:
        """What arrived of the reply in flight, as it came; of characters that came in halves, the whole."""
        return self._draft.fed

    @property
    def peak_held(self) -> int:
        """The most characters that were ever held back from the reader."""
        return self._draft.peak_held

    def result(self) -> Result:
        """Everything so far, at any point of the run."""
        from continuum._core.snapshot import report

        return report(self)

    def to_dict(self) -> dict[str, Any]:
        """The whole state as plain JSON values (if the provider's blocks are), at any point of the run.

        A request that was in flight is not lost: after `from_dict()`, tell the machine what had arrived with
        `receive(Response(machine.partial, "interrupted"))`, or, if nothing had, with a transient `Failure`.
        """
        from continuum._core.snapshot import dump

        return dump(self)

    @classmethod
    def from_dict(
        cls,
        data: Mapping[str, Any],
        *,
        price: Callable[[Usage], float | None] | None = None,
        invalid: Callable[[str], str] | None = None,
    ) -> Continuation:
        """The inverse of `to_dict`; `price` and `invalid` are functions and have to be given again.

        Raises:
            ProtocolError: if the state was written by another version of the machine.
        """
        from continuum._core.snapshot import load

        return load(cls, data, price, invalid)
