"""From the facts of a round to one signal. Detection of every kind of truncation is here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from continuum._core.state import Signal, State
from continuum._core.stitch import open_structure
from continuum._core.stitch.structure import ends_whole

if TYPE_CHECKING:
    from continuum._core.policy import Policy
    from continuum._core.types import Failure, Reason, Response


class Verdict(NamedTuple):
    """A signal, and the reason that a run which ends on it would give."""

    signal: Signal
    reason: Reason
    evidence: str = ""


@dataclass(slots=True)
class Tally:
    """What a run has counted so far.

    Attributes:
        fruitless: replies in a row that added nothing.
        rechecks: `stop`s questioned.
        interruptions: interrupted rounds in a row.
        retries: repeats of the present request.
        reasks: joins in doubt that were asked about again.
        unsettled: one of them stayed in doubt all the same, so no other is asked about.
        shortened: how often in a row the text that is shown was made shorter because the context window was full.
        escalated: a larger cap was tried.
        lowered: less effort was asked for.
        prefill_refused: the server does not go on in place.
        cut: the text ends where a reply was cut, and no reply since has said that it ends there.
        call_lost: the connection broke in a tool call behind the text, and nothing was added since.
    """

    fruitless: int = 0
    rechecks: int = 0
    interruptions: int = 0
    retries: int = 0
    reasks: int = 0
    unsettled: bool = False
    shortened: int = 0
    escalated: bool = False
    lowered: bool = False
    prefill_refused: bool = False
    cut: bool = False
    call_lost: bool = False

    def count(self, response: Response, added: int) -> None:
        """Count a reply that is part of the text now, and added so many characters to it."""
        broken = response.finish_reason == "interrupted"
        self.shortened = 0 if added else self.shortened
        self.interruptions = self.interruptions + 1 if broken else 0
        self.fruitless = 0 if added else self.fruitless + 1
        self.call_lost = (broken and response.tool_calls > 0) or (self.call_lost and not added)


class Progress(NamedTuple):
    """What the machine knows beside the response itself.

    Attributes:
        state: the state in which the outcome arrived.
        tally: what was counted, this reply included.
        in_place: the request was sent as a prefill.
        text: the whole text, this reply joined.
        added: characters that this reply added to it.
        stops: the caller gave stop sequences, so a `stop` may be one.
        begun_stop: the text ends with the beginning of one.
        ended: what ended the text before the model did, if something did.
        cap: output tokens that the reply could have, None if unknown.
        loop: the end of the text only repeats itself.
        looping: it did so for so long that whatever followed is of no use.
        may_raise: a larger cap is allowed and was not tried.
        may_lower: the model can be told to reason less, and neither was tried.
    """

    state: State
    tally: Tally
    in_place: bool
    text: str
    added: int
    stops: bool
    begun_stop: bool
    ended: str
    cap: int | None
    loop: bool
    looping: bool
    may_raise: bool
    may_lower: bool


def open_end(text: str) -> str:
    """Name what is open at the end of a text: `code fence`, `JSON`, `sentence`, or nothing."""
    structure = open_structure(text)
    if structure.json:
        return "JSON"
    if structure.fence is not None:
        return "code fence"
    return "sentence" if structure.sentence else ""


def classify(response: Response, progress: Progress, policy: Policy) -> Verdict:
    """Decide what a reply means.

    Nothing but a known word for a natural end is ever success: an unknown finish reason is its own signal, and a
    stream without one is `interrupted`.
    """
    if progress.ended and response.finish_reason in ("stop", "length", "interrupted") and not response.tool_calls:
        return Verdict(Signal.FINISHED, "finished", progress.ended)
    if progress.looping:
        return Verdict(Signal.REPETITION, "repetition")
    if response.suspended:  # without blocks there is nothing to send back
        return Verdict(Signal.SUSPENDED, "running") if response.blocks else _interrupted(response, progress, policy)
    match response.finish_reason:
        case "stop":
            return Verdict(Signal.FINISHED, "finished") if response.tool_calls else _stopped(response, progress, policy)
        case "tool_calls":
            return Verdict(Signal.FINISHED, "finished")
        case "content_filter" | "refusal":
            return Verdict(Signal.REFUSED, "refused")
        case "context_window":
            return Verdict(Signal.CONTEXT_FULL, "context_window")
        case "length":
            return _cut(response, progress, policy)
        case "interrupted":
            return _interrupted(response, progress, policy)
        case _:
            return Verdict(Signal.UNKNOWN_FINISH, "unknown_finish", f"finish reason {response.raw_finish_reason!r}")


def _stopped(response: Response, progress: Progress, policy: Policy) -> Verdict:
    if _all_used(response, progress, policy):
        return Verdict(Signal.TRUNCATED, "running", f"'stop', but all {progress.cap} tokens of the cap are used")
    missing = "" if progress.added else _missing(progress)
    # In place a model ends where it would have ended in one go. Nothing at all behind a text that is not whole comes
    # from a server that took the turn for a finished one.
    believed = progress.in_place and not (missing and policy.check_endings)
    asked_to_go_on = progress.state in (State.CONTINUING, State.SETTLING) and not believed
    questioned = progress.tally.rechecks >= policy.max_rechecks
    if policy.end_marker is not None and progress.text and not questioned:
        return Verdict(Signal.FINISHED_OPEN, "unclosed", "'stop', but the end marker is missing")
    if progress.stops:
        # A stop sequence may end a reply anywhere. One inside the words that were to be said again ends nothing, unless
        # the text ends with its beginning.
        if progress.added or not asked_to_go_on or progress.begun_stop:
            return Verdict(Signal.FINISHED, "finished")
        return _silent(missing) if questioned else Verdict(Signal.FINISHED_OPEN, "unclosed", "nothing new")
    left_open = _left_open(progress)
    if not asked_to_go_on:
        # The first reply, and one that the server wrote in place, end where the model ended them, but for what no
        # finished text has.
        if left_open in ("", "sentence") or not policy.check_endings:
            return Verdict(Signal.FINISHED, "finished")
        signal = Signal.FINISHED if questioned else Signal.FINISHED_OPEN
        return Verdict(signal, "finished" if questioned else "unclosed", f"'stop', but open {left_open}")
    # In reply to a user turn, small models stop at once in half of all cases, so a `stop` needs a text that looks
    # finished.
    if not left_open and progress.added:
        return Verdict(Signal.FINISHED, "finished")
    evidence = f"open {left_open}" if left_open else "nothing new"
    if not questioned:
        return Verdict(Signal.FINISHED_OPEN, "unclosed", evidence)
    if left_open:
        return Verdict(Signal.NO_PROGRESS, "unclosed", evidence)
    return _silent(missing)


def _silent(missing: str) -> Verdict:
    """What it means that the model was asked again and added nothing."""
    evidence = f"asked again, nothing was added, and {missing or 'nothing is open'}"
    return Verdict(
        Signal.NO_PROGRESS if missing else Signal.FINISHED, "no_progress" if missing else "finished", evidence
    )


def _missing(progress: Progress) -> str:
    """What speaks against the end of a text that the model adds nothing to; "" if nothing does.

    Silence is no proof: small models stop at once in half of all cases. A text that was cut has to look whole as well.
    """
    left_open = _left_open(progress)
    if left_open:
        return f"the {left_open} is open"
    cut = progress.tally.cut and progress.text.strip() and not ends_whole(progress.text)
    return "the text was cut and does not look like a whole one" if cut else ""


def _left_open(progress: Progress) -> str:
    return open_end(progress.text) or ("tool call" if progress.tally.call_lost else "")


def _all_used(response: Response, progress: Progress, policy: Policy) -> bool:
    """Whether a reply that says `stop` is as long as its cap, which few finished ones are."""
    usage = response.usage
    if not policy.check_endings or progress.stops or usage is None or usage.estimated or not progress.added:
        return False
    return progress.cap is not None and usage.output_tokens >= progress.cap


def _cut(response: Response, progress: Progress, policy: Policy) -> Verdict:
    if response.tool_calls:
        # Text of this reply that goes on from earlier ones would come twice; before it is all there is, it is joined.
        if progress.may_raise and (progress.state is State.DRAFTING or not progress.added):
            return Verdict(Signal.TRUNCATED_TOOL_CALL, "tool_call_cut", "a tool call was cut; with a larger cap")
        return Verdict(Signal.BUDGET_SPENT, "tool_call_cut")
    if not response.text and (response.reasoning or (response.usage and response.usage.reasoning_tokens)):
        if progress.may_raise or progress.may_lower:
            how = "with a larger cap" if progress.may_raise else "with less effort"
            return Verdict(Signal.TRUNCATED_REASONING, "reasoning_exhausted", f"reasoning took the whole cap; {how}")
        return Verdict(Signal.BUDGET_SPENT, "reasoning_exhausted")
    if progress.loop:
        return Verdict(Signal.REPETITION, "repetition")
    if not progress.added:
        return _fruitless(response, progress, policy)
    return Verdict(Signal.TRUNCATED, "running")


def _fruitless(response: Response, progress: Progress, policy: Policy) -> Verdict:
    count, usage = progress.tally.fruitless, response.usage
    if count < policy.max_no_progress:
        return Verdict(Signal.NOTHING_NEW, "no_progress")
    evidence = f"{count} replies in a row added nothing"
    if usage is not None and not usage.estimated and progress.cap is not None and usage.output_tokens >= progress.cap:
        # It was cut indeed: a model that says its answer from the beginning again and again tells nothing of its end.
        return Verdict(Signal.NO_PROGRESS, "no_progress", f"{evidence}, and used the whole cap for it")
    if policy.check_endings and policy.end_marker is None and progress.text.strip() and not _missing(progress):
        return Verdict(Signal.FINISHED, "finished", f"'length', but {evidence}, and nothing is open")
    return Verdict(Signal.NO_PROGRESS, "no_progress", evidence)


def _interrupted(response: Response, progress: Progress, policy: Policy) -> Verdict:
    # A call that the connection broke in is lost, and the text before it is not: from there the model calls again.
    if response.tool_calls and not response.text:
        return Verdict(Signal.BUDGET_SPENT, "tool_call_cut")
    if progress.tally.interruptions > policy.max_interruptions:
        return Verdict(Signal.BUDGET_SPENT, "max_interruptions")
    if progress.loop:
        return Verdict(Signal.REPETITION, "repetition")
    return Verdict(Signal.INTERRUPTED, "max_interruptions", response.failure.message if response.failure else "")


def classify_failure(
    failure: Failure, *, in_place: bool, forced_in_place: bool, retries: int, policy: Policy, left: float | None
) -> Verdict:
    """Decide what a failed request means.

    Args:
        failure: the facts.
        in_place: the request was sent as a prefill.
        forced_in_place: the caller allows no other way of asking.
        retries: repeats of this request so far.
        policy: the caller's ceilings.
        left: seconds until the deadline, None if there is none.
    """
    if failure.kind == "prefill_refused" and in_place and not forced_in_place:
        return Verdict(Signal.PREFILL_REFUSED, "rejected")
    if failure.kind == "context_window":
        return Verdict(Signal.CONTEXT_FULL, "context_window")
    if failure.kind == "quota":
        return Verdict(Signal.FATAL, "quota")
    if failure.kind in ("rejected", "prefill_refused") and failure.should_retry is not True:
        return Verdict(Signal.FATAL, "rejected")
    if failure.kind == "broken" or failure.should_retry is False:
        return Verdict(Signal.FATAL, "failed")
    limited: Reason = "rate_limited" if failure.kind == "rate_limited" else "retries_exhausted"
    if retries >= policy.max_retries and failure.counts:
        return Verdict(Signal.FATAL, limited)
    wait = failure.retry_after or 0.0
    if wait > policy.max_retry_after:
        allowed = f"max_retry_after={policy.max_retry_after:g} allows less"
        return Verdict(Signal.FATAL, limited, f"told to wait {wait:g} s, {allowed}")
    if left is not None and wait > left:
        told = f"told to wait {wait:g} s, {left:.1f} s before the deadline" if left > 0 else ""
        return Verdict(Signal.BUDGET_SPENT, "deadline", told)
    return Verdict(Signal.TRANSIENT, limited, failure.message)
