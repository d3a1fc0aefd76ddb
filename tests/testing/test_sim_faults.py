"""Every fault, as the real SDKs report it."""

from __future__ import annotations

import json
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2
import openai
import pytest
from sdk_calls import MANNERS, STREAMS, TIMEOUT, UNARIES, Answer, ask, assistant, user

from continuum.testing import Behaviour, RateLimitSpec, SimulatedProvider, sample_documents, tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator

ESSAY = sample_documents()["essay"]
WRITE = [user("Write.")]
STATUS_ERRORS = (openai.APIStatusError, anthropic.APIStatusError)


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatedProvider]:
    with SimulatedProvider(ESSAY) as provider:
        yield provider


def strike(
    server: SimulatedProvider, manner: str, fault: Behaviour | str, kind: Any, *, timeout: float = 5.0
) -> tuple[Any, Answer]:
    """Asks with the fault; the error of the given kind that the SDK raised, and what came before it."""
    server.reset()
    server.plan(faults=[fault])
    answer = Answer()
    with pytest.raises(kind) as caught:
        ask(server, manner, WRITE, 40, answer=answer, timeout=timeout)
    assert ask(server, manner, WRITE, 40).text == start(40)  # the next request is well again
    return caught.value, answer


def start(tokens: int) -> str:
    return "".join(tokenize(ESSAY, tokens))


def is_openai(manner: str) -> bool:
    return manner.startswith("openai")


@pytest.mark.parametrize("manner", MANNERS)
def test_a_429_with_and_without_retry_after(server: SimulatedProvider, manner: str) -> None:
    """`429` is a RateLimitError with the provider's type; Retry-After is there only if it was asked for."""
    error, _ = strike(server, manner, "429:0.5", (openai.RateLimitError, anthropic.RateLimitError))
    assert error.response.headers["retry-after"] == "0.5"
    assert error.type == ("requests" if is_openai(manner) else "rate_limit_error")
    error, _ = strike(server, manner, "429", (openai.RateLimitError, anthropic.RateLimitError))
    assert "retry-after" not in error.response.headers


@pytest.mark.parametrize("manner", UNARIES)
def test_more_headers_on_a_fault(server: SimulatedProvider, manner: str) -> None:
    """A fault carries any header: milliseconds, x-should-retry, a date."""
    date = formatdate(usegmt=True)
    headers = {"retry-after-ms": "50", "x-should-retry": "false", "retry-after": date}
    error, _ = strike(server, manner, Behaviour("429", headers=headers), STATUS_ERRORS)
    assert headers.items() <= dict(error.response.headers).items()


@pytest.mark.parametrize("manner", UNARIES)
@pytest.mark.parametrize("kind", ["quota", "spend_limit"])
def test_a_quota_that_no_wait_cures(server: SimulatedProvider, manner: str, kind: str) -> None:
    """OpenAI says `insufficient_quota`; Anthropic gives the code that the SDK has a class for."""
    error, _ = strike(server, manner, kind, STATUS_ERRORS)
    if is_openai(manner):
        assert isinstance(error, openai.RateLimitError)
        assert error.code == "insufficient_quota"
    else:
        assert isinstance(error, anthropic.RateLimitError)
        assert error.error_code == "enforced_spend_limit_reached"
        assert type(error).__name__ == "EnforcedSpendLimitReachedError"
    assert "retry-after" not in error.response.headers


OPENAI_CLASSES = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    402: openai.APIStatusError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    422: openai.UnprocessableEntityError,
    500: openai.InternalServerError,
    503: openai.InternalServerError,
}


@pytest.mark.parametrize("status", sorted(OPENAI_CLASSES))
def test_any_status(server: SimulatedProvider, status: int) -> None:
    """`status` answers with it in each provider's form; the SDKs raise the class that belongs to it."""
    error, _ = strike(server, "openai-sync-unary", f"status:{status}", OPENAI_CLASSES[status])
    assert error.status_code == status
    assert error.request_id.startswith("req_")
    error, _ = strike(server, "anthropic-sync-unary", f"status:{status}", anthropic.APIStatusError)
    assert error.status_code == status
    assert error.body["type"] == "error"
    assert error.body["request_id"] == error.request_id


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("kind", ["529", "overloaded"])
def test_an_overloaded_provider(server: SimulatedProvider, manner: str, kind: str) -> None:
    """Anthropic: OverloadedError with 529; OpenAI: InternalServerError with 529 or 503, as asked for."""
    if is_openai(manner):
        error, _ = strike(server, manner, kind, openai.InternalServerError)
        assert error.status_code == (529 if kind == "529" else 503)
    else:
        error, _ = strike(server, manner, kind, anthropic.InternalServerError)
        assert (error.status_code, error.type, type(error).__name__) == (529, "overloaded_error", "OverloadedError")


def test_a_body_of_the_callers_own(server: SimulatedProvider) -> None:
    """A fault may bring its own body, as a proxy's page or a gateway's JSON."""
    page = Behaviour("status", status=502, body=b"<html>Bad gateway</html>")
    error, _ = strike(server, "openai-sync-unary", page, openai.InternalServerError)
    assert error.response.text == "<html>Bad gateway</html>"
    own = Behaviour("status", status=400, body={"error": {"message": "own", "code": "x"}})
    error, _ = strike(server, "openai-sync-unary", own, openai.BadRequestError)
    assert error.code == "x"


def test_an_error_in_a_200(server: SimulatedProvider) -> None:
    """`error_body` does not raise in the OpenAI SDK: there are no choices, and the error is an extra field."""
    server.reset()
    server.plan(faults=["error_body"])
    with openai.OpenAI(base_url=server.openai_base_url, api_key="key", max_retries=0) as client:
        answer: Any = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Write."}])
    assert answer.choices is None
    assert answer.error["code"] == 502


@pytest.mark.parametrize("manner", MANNERS)
def test_a_disconnect_before_any_byte(server: SimulatedProvider, manner: str) -> None:
    """`disconnect` is an APIConnectionError of either SDK, caused by a RemoteProtocolError."""
    error, answer = strike(server, manner, "disconnect", (openai.APIConnectionError, anthropic.APIConnectionError))
    assert isinstance(error.__cause__, httpx2.RemoteProtocolError)
    assert answer.text == ""


@pytest.mark.parametrize("manner", STREAMS)
@pytest.mark.parametrize("events", [0, 1, 12, 1000])
def test_a_drop_in_the_middle_of_a_stream(server: SimulatedProvider, manner: str, events: int) -> None:
    """`drop` lets exactly N text events arrive; OpenAI wraps the error, Anthropic lets httpx2's own through."""
    kind = openai.APIConnectionError if is_openai(manner) else httpx2.RemoteProtocolError
    error, answer = strike(server, manner, f"drop:{events}", kind)
    assert answer.text == start(min(events, 40))
    assert answer.finish is None
    assert answer.output_tokens is None
    if is_openai(manner):
        assert isinstance(error.__cause__, httpx2.RemoteProtocolError)


@pytest.mark.parametrize("manner", UNARIES)
def test_a_drop_in_the_middle_of_a_body(server: SimulatedProvider, manner: str) -> None:
    """Not streamed, `drop` breaks the body in the middle; both SDKs raise their connection error."""
    strike(server, manner, "drop", (openai.APIConnectionError, anthropic.APIConnectionError))


@pytest.mark.parametrize("manner", STREAMS)
def test_a_reset_of_the_connection(server: SimulatedProvider, manner: str) -> None:
    """`reset` ends the connection with a TCP reset after N events."""
    kind = openai.APIConnectionError if is_openai(manner) else httpx2.TransportError
    _, answer = strike(server, manner, "reset:5", kind)
    assert answer.text == start(5)


@pytest.mark.parametrize("manner", STREAMS)
def test_a_silent_end(server: SimulatedProvider, manner: str) -> None:
    """`silent_end` raises nothing in either SDK: the stream just ends, without a finish reason or usage."""
    server.reset()
    server.plan(faults=["silent_end:7"])
    answer = ask(server, manner, WRITE, 40)
    assert (answer.text, answer.finish, answer.output_tokens) == (start(7), None, None)


@pytest.mark.parametrize("manner", UNARIES)
def test_a_silent_end_without_a_stream(server: SimulatedProvider, manner: str) -> None:
    """Not streamed, `silent_end` is an answer cut short that has no finish reason."""
    server.reset()
    server.plan(faults=["silent_end:7"])
    answer = ask(server, manner, WRITE, 40)
    assert (answer.text, answer.finish) == (start(7), None)


@pytest.mark.parametrize("manner", MANNERS)
def test_a_stall_runs_into_the_read_timeout(server: SimulatedProvider, manner: str) -> None:
    """`stall` sends nothing for so long that the client's read timeout strikes; what came before is there."""
    kind = openai.APITimeoutError if is_openai(manner) else httpx2.ReadTimeout
    if manner in UNARIES:
        kind = openai.APITimeoutError if is_openai(manner) else anthropic.APITimeoutError
    server.reset()
    server.plan(faults=[Behaviour("stall", 4, seconds=30)])
    answer = Answer()
    patience = httpx2.Timeout(TIMEOUT, read=0.3)  # for reading alone: a busy machine may be slow to connect
    with pytest.raises(kind):
        ask(server, manner, WRITE, 40, answer=answer, timeout=patience)
    assert answer.text == (start(4) if manner in STREAMS else "")
    assert server.wait_idle(connections=0)


@pytest.mark.parametrize("manner", MANNERS)
def test_a_short_stall_is_only_slow(server: SimulatedProvider, manner: str) -> None:
    """After its time a stalled answer goes on and is whole."""
    server.reset()
    server.plan(faults=[Behaviour("stall", 4, seconds=0.02)])
    assert ask(server, manner, WRITE, 40).text == start(40)


@pytest.mark.parametrize("manner", STREAMS)
def test_a_malformed_event(server: SimulatedProvider, manner: str) -> None:
    """`malformed_chunk` is a JSONDecodeError of the SDK, after N good events."""
    _, answer = strike(server, manner, "malformed_chunk:6", json.JSONDecodeError)
    assert answer.text == start(6)


@pytest.mark.parametrize("manner", [manner for manner in STREAMS if is_openai(manner)])
@pytest.mark.parametrize("form", ["", "openrouter"])
def test_an_error_event_of_openai(server: SimulatedProvider, manner: str, form: str) -> None:
    """An error event is a bare APIError without a status; OpenRouter's form brings its code."""
    error, answer = strike(server, manner, Behaviour("error_event", 5, text=form or None), openai.APIError)
    assert type(error) is openai.APIError
    assert answer.text == start(5)
    assert error.body["code"] == (502 if form else None)


@pytest.mark.parametrize("manner", [manner for manner in STREAMS if not is_openai(manner)])
def test_an_error_event_of_anthropic(server: SimulatedProvider, manner: str) -> None:
    """An error event is an APIStatusError with the status 200 and the type `overloaded_error`."""
    error, answer = strike(server, manner, "error_event:5", anthropic.APIStatusError)
    assert (error.status_code, error.type) == (200, "overloaded_error")
    assert answer.text == start(5)


@pytest.mark.parametrize("manner", STREAMS)
def test_a_fault_strikes_a_shaped_answer(server: SimulatedProvider, manner: str) -> None:
    """A way of answering and a fault come together: the preamble is dropped in the middle."""
    server.reset()
    server.plan(behaviours=["preamble:Sure, here you are. @0"], faults=["drop:3"])
    answer = Answer()
    with pytest.raises((openai.APIConnectionError, httpx2.RemoteProtocolError)):
        ask(server, manner, WRITE, 40, answer=answer)
    assert answer.text == "Sure, here"
    server.plan(behaviours=[])


@pytest.mark.parametrize("fault", ["429", "529", "disconnect", "error_body"])
def test_a_request_that_was_not_answered_uses_up_no_behaviour(fault: str) -> None:
    """A fault in place of the answer leaves the round as it was: the retry gets the behaviour of that round."""
    shown = start(30)
    messages = [*WRITE, assistant(shown), user("Go on.")]
    with SimulatedProvider(ESSAY, behaviours=["overlap:5"], faults=[fault]) as server:
        with pytest.raises((openai.APIError, TypeError)):
            ask(server, "openai-sync-unary", messages, 10)
        assert ask(server, "openai-sync-unary", messages, 10).text.startswith(shown[-5:])
        assert [request.round for request in server.requests] == [1, 1]


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_real_limits_answer_429_with_the_true_wait(wire: str) -> None:
    """The bucket refuses what goes beyond it, says for how long, and its headers are in the provider's form."""
    limit = RateLimitSpec(requests_per_minute=12, output_tokens_per_minute=60_000, burst=2)
    with SimulatedProvider(ESSAY, rate_limit=limit) as server:
        if wire == "openai":
            with openai.OpenAI(base_url=server.openai_base_url, api_key="key", max_retries=0) as client:
                create: Any = client.chat.completions.with_raw_response.create
                headers = create(model="m", messages=WRITE, max_tokens=10).headers
        else:
            with anthropic.Anthropic(base_url=server.anthropic_base_url, api_key="key", max_retries=0) as claude:
                create = claude.messages.with_raw_response.create
                headers = create(model="m", messages=WRITE, max_tokens=10).headers
        ask(server, f"{wire}-sync-unary", WRITE, 10)
        with pytest.raises(STATUS_ERRORS) as caught:
            ask(server, f"{wire}-sync-unary", WRITE, 10)
        assert server.statuses == {200: 2, 429: 1}
    refused = caught.value.response.headers
    assert 3 <= int(refused["retry-after"]) <= 5
    if wire == "openai":
        assert 2000 < int(refused["retry-after-ms"]) <= 5000
        assert headers["x-ratelimit-limit-requests"] == "12"
        assert headers["x-ratelimit-remaining-requests"] == "1"
        assert headers["x-ratelimit-reset-requests"] == "5.000s"
        assert headers["x-ratelimit-limit-tokens"] == "60000"
    else:
        assert headers["anthropic-ratelimit-requests-limit"] == "12"
        assert headers["anthropic-ratelimit-requests-remaining"] == "1"
        assert headers["anthropic-ratelimit-requests-reset"].endswith("Z")
        assert headers["anthropic-ratelimit-output-tokens-limit"] == "60000"
