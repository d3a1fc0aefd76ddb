"""A document that was begun before goes on: what its requests brought is told to the machine again.

As a rule the machine asks for the same again, entry by entry, and ends up where it stood. Where it does not (another
version of the library decides otherwise, or settings were changed in between), no text is lost: the replies are
joined in the order in which they came, each as it was asked for, with all ceilings lifted, and the present settings
decide what follows the last of them. Where a journal does not say how a reply was asked for, its seam is ambiguous.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from continuum._core.actions import Action, Send, Wait
from continuum._core.machine import Continuation
from continuum._core.recall import doubt, recall
from continuum._core.types import Failure, Response, Usage
from continuum.batch.outcomes import fingerprint, from_json
from continuum.providers import capabilities
from continuum.providers.sizes import estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from continuum._drivers import Lane
    from continuum.batch.journal import Entry
    from continuum.providers.base import Provider

JOINED: Final = "the replies of earlier runs lead to other requests now; they were joined in the order they came"
_LIFTED: Final[dict[str, Any]] = {
    "max_rounds": 10**9,
    "max_output_tokens": None,
    "max_cost": None,
    "deadline": None,
    "max_no_progress": 10**9,
    "max_interruptions": 10**9,
    "max_repetition": None,
    "raise_cap_to": None,
}


class Replayed(NamedTuple):
    """Where a document stands after its entries.

    Attributes:
        action: what the machine says now.
        note: empty if the machine decided as before.
        unused: entries whose text could not be joined, because the machine was done before; they stay in the journal.
    """

    action: Action
    note: str = ""
    unused: int = 0


def describe_server(provider: Provider) -> dict[str, Any]:
    """What is known of the server before the first request, for `restore_server`."""
    return {"dialect": provider.dialect.name, "prefill": provider.prefill is not None}


def restore_server(provider: Provider, entries: Sequence[Entry]) -> None:
    """Tell the provider what was known when the document was begun, so that the same is asked again."""
    told = [entry.outcome["server"] for entry in entries if "server" in entry.outcome]  # as often as it was news
    if not told:
        return
    if provider.dialect is capabilities.GENERIC:  # by a name that may be the caller's own, of a dialect given no more
        name, own = told[-1]["dialect"], provider.policy.dialect
        provider.dialect = capabilities.known(name, own) or capabilities.GENERIC
    if not told[0]["prefill"] and provider.prefill is not None:
        capabilities.REFUSALS.add(provider.base_url, provider.model)


def replay(lane: Lane, entries: Sequence[Entry], excused: int = 0) -> Replayed:
    """Feed a machine that has not begun with what is kept; entries before `excused` are of an earlier try."""
    action: Action = lane.machine.start()
    for entry in entries:
        if isinstance(action, Wait):
            action = lane.machine.resume()
        if not isinstance(action, Send) or fingerprint(action) != entry.request:
            return _join(lane, entries, excused)
        action = lane.receive(from_json(entry.outcome), entry.elapsed, excused=entry.number < excused)
    return Replayed(action)


def _join(lane: Lane, entries: Sequence[Entry], excused: int) -> Replayed:
    provider, replies = lane.run.provider, []
    for entry in entries:
        outcome = from_json(entry.outcome)
        if isinstance(outcome, Failure):
            provider.learn(outcome)
        else:
            replies.append((outcome, entry))
    policy = provider.policy
    lane.machine = lane.new_machine(policy.model_copy(update=_LIFTED))
    action: Action = lane.machine.start()
    followers = [entry for _, entry in replies[1:]]
    for number, ((reply, entry), following) in enumerate(zip_longest(replies, followers), 1):
        if isinstance(action, Wait):
            action = lane.machine.resume()
        if not isinstance(action, Send):
            return Replayed(action, JOINED, len(replies) - number + 1)
        if number == len(replies):
            _lower(lane, policy)
        elif not reply.suspended:
            reply = replace(reply, finish_reason="length")  # another one followed
        known = "asked" in entry.outcome or fingerprint(action) == entry.request
        if "asked" in entry.outcome or not known:
            ask_as_then(lane, entry.outcome.get("asked"), following)
        action = lane.receive(reply, entry.elapsed, excused=entry.number < excused)
        if not known:
            doubt(lane.machine, number)
    return Replayed(action, JOINED)


def ask_as_then(lane: Lane, asked: Mapping[str, Any] | None, following: Entry | None = None) -> None:
    """Let the reply that comes be joined as it was asked for; `following`: the entry after it."""
    prefill, settle = lane.run.provider.prefill, None
    if following is not None:
        settle = bool((following.outcome.get("asked") or {}).get("again"))
    recall(lane.machine, asked, strips=prefill is None or prefill.strips, settle=settle if asked is not None else False)


def _lower(lane: Lane, policy: Any) -> None:
    """Put the ceilings in place that hold from now on."""
    state = lane.machine.to_dict()
    state["policy"] = policy.model_dump(exclude_unset=True)
    lane.machine = Continuation.from_dict(state, price=lane.run.provider.price(), invalid=lane.invalid)


def adopted(provider: Provider, send: Send, text: str) -> Response:
    """The partial text of a reply that was in flight when a process ended: one more truncation.

    It is not told as an interrupted stream: those count against the provider, and end a document when they pile up.
    """
    return Response(
        text,
        "length",
        usage=Usage(estimate(provider.size_of_request(send)), estimate(len(text)), estimated=True),
        prefill=provider.prefill,
        failure=Failure("transient", "the process ended while the reply streamed"),
    )
