"""How a run that went wrong reaches the caller: as an error that says enough, with what was bought attached to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from continuum import _events
from continuum._core.errors import IncompleteError, ProviderError, QuotaError, RateLimitedError, RejectedError

if TYPE_CHECKING:
    from continuum._core.policy import Policy
    from continuum._core.types import Failure, Result
    from continuum._drivers import Run

# Ends that the word in the SDK's response does not hide: a cap of the caller's own, or a refusal.
_TOLD = frozenset(
    {"max_rounds", "max_output_tokens", "max_cost", "deadline", "reasoning_exhausted", "tool_call_cut", "refused"}
)


def check_complete(result: Result, policy: Policy) -> None:
    """Raise if a choice is incomplete and the policy says so.

    Raises:
        IncompleteError: `.result` is that choice.
    """
    if policy.on_incomplete == "raise":
        for choice in (result, *result.alternatives):
            if not choice.complete:
                raise IncompleteError(choice) from choice.failure


def result_or_sdk_error(run: Run) -> Result:
    """The result of a run that is over, for whoever asked as the SDK is asked, and knows its errors.

    Raises:
        Exception: what the SDK raised, if nothing came at all.
        IncompleteError: the answer is incomplete and the policy says to raise.
    """
    result, failure = run.result(), run.failed()
    if failure is not None:
        error = failure.error or run.provider.sdk_error(failure.message)
        remember(error, result)
        raise error
    for lane, choice in zip(run.lanes, (result, *result.alternatives), strict=True):
        if not choice.complete and choice.reason not in _TOLD:
            lane.log.warning("incomplete", **_events.incomplete_fields(choice, lane.machine.failure))
    check_complete(result, run.provider.policy)
    return result


_GIVEN_UP = {
    "retries_exhausted": "given up",
    "rate_limited": "given up",
    "deadline": "the deadline passed",
}


def error_for(failure: Failure, result: Result, tries: int, base_url: str, evidence: str = "") -> ProviderError:
    """The error for a run that brought nothing.

    Args:
        failure: what ended it.
        result: its account, usage included.
        tries: requests that were sent.
        base_url: of the server.
        evidence: why no more of them were sent, where the reason does not say it all.
    """
    kinds: dict[str, type[ProviderError]] = {
        "quota": QuotaError,
        "rate_limited": RateLimitedError,
        "rejected": RejectedError,
        "context_window": RejectedError,
        "prefill_refused": RejectedError,
    }
    parts = [failure.message]
    if failure.status_code is None:
        parts.append(f"the server is {base_url}")
    if failure.status_code == 404:
        parts.append(f"is base_url={base_url!r} right, down to its last part?")
    if result.reason in _GIVEN_UP:
        end = f"{evidence}; given up" if evidence else _GIVEN_UP[result.reason]
        parts.append(f"{end} after {tries} {'try' if tries == 1 else 'tries'}")
    kind = kinds.get(failure.kind, ProviderError)
    return kind("; ".join(parts), result, failure.status_code, failure.retry_after)


def remember(error: BaseException, result: Result) -> None:
    """Put a result within reach of whoever catches the exception; see `continuum.result_of`."""
    error.__dict__["continuum_result"] = result


def alone(error: Exception) -> Exception:
    """The one error of a group of one."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        (error,) = error.exceptions
    return error
