"""`continuum draft`: from options to one run of the library, and from its result to an exit code."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import sys
import time
import traceback
import urllib.request
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pydantic import ValidationError

import continuum
from continuum import _sinks, _terminal
from continuum._core.errors import ConfigurationError, ProviderError
from continuum._runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from continuum._api import TextStream
    from continuum._core.types import Result

COMPLETE, PROVIDER_FAILED, BAD_INPUT, INCOMPLETE, REFUSED, UNWRITABLE, READER_GONE = 0, 1, 2, 3, 4, 5, 141

_PROVIDER_REASONS: Final = frozenset(
    {"max_interruptions", "retries_exhausted", "rate_limited", "quota", "rejected", "failed"}
)
_KEYS: Final = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
_PLACES: Final = {
    "openai": ("OPENAI_BASE_URL", "https://api.openai.com/v1"),
    "anthropic": ("ANTHROPIC_BASE_URL", "https://api.anthropic.com"),
}
_OPTIONS: Final = {"stream": "--unary"}


@dataclass(frozen=True, slots=True)
class Order:
    """What the command line asked for; see `continuum draft --help`. `policy` holds what was given, nothing else."""

    prompt: str | None
    file: Path | None
    model: str
    provider: str | None = None
    base_url: str | None = None
    max_tokens: int | None = None
    system: str | None = None
    output: Path | None = None
    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    policy: Mapping[str, Any] = field(default_factory=dict)


def run(order: Order) -> int:
    """Draft, and return the exit code."""
    hidden = _terminal.secrets()
    console = _terminal.error_console()
    if order.verbose:
        log_to_stderr(hidden)
    try:
        with _sinks.Interrupts() as interrupts:
            try:
                drafting = Drafting(order, interrupts, console, hidden)
            except ConfigurationError as error:
                console.print(f"error: {_terminal.redact(str(error), hidden)}", style="red", markup=False)
                return BAD_INPUT
            except KeyboardInterrupt:
                return 128 + (interrupts.number or 2)
            return drafting.run()
    finally:
        if order.verbose:
            import structlog

            structlog.reset_defaults()


def exit_code(result: Result) -> int:
    """The exit code for a run that ended by itself."""
    if result.complete:
        return COMPLETE
    if result.reason == "refused":
        return REFUSED
    return PROVIDER_FAILED if result.reason in _PROVIDER_REASONS else INCOMPLETE


def as_json(result: Result, failure: str | None) -> str:
    """The account of a run as one line of JSON."""
    names = ("text", "complete", "finish_reason", "raw_finish_reason", "reason", "model", "run_id", "rounds", "cost")
    document: dict[str, Any] = {name: getattr(result, name) for name in names}
    document["usage"] = asdict(result.usage)
    document["seams"] = [asdict(seam) for seam in result.seams]
    document["segments"] = [asdict(segment) for segment in result.segments]
    document["failure"] = failure
    return json.dumps(document, ensure_ascii=False)


# -- from options to a request ----------------------------------------------------------------------------------------


def read_prompt(argument: str | None, file: Path | None) -> str:
    """The prompt from the argument, the file or stdin.

    Raises:
        ConfigurationError: there is none, there are two, it is empty, or it cannot be read.
    """
    if argument not in (None, "-") and file is not None:
        raise ConfigurationError("there are two prompts, an argument and --file; leave one of them out")
    if argument not in (None, "-"):
        text, source = argument_text(str(argument), "the argument"), "the argument"
    elif file is not None and str(file) != "-":
        text, source = _decode(_read_file(file), f"--file={str(file)!r}"), f"--file={str(file)!r}"
    else:
        if _terminal.is_terminal(sys.stdin) and argument is None and file is None:
            raise ConfigurationError('there is no prompt; write it as an argument ("…"), use --file, or pipe it in')
        text, source = _decode(sys.stdin.buffer.read(), "stdin"), "stdin"
    if not text.strip():
        raise ConfigurationError(f"the prompt from {source} is empty; say what to write")
    return text


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"--file={str(path)!r}: cannot be read ({error.strerror or error})") from error


def argument_text(text: str, source: str) -> str:
    """An argument as it was typed: where the locale is not UTF-8, Python hides its bytes in lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _decode(os.fsencode(text), source)
    return text


def _decode(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"the text of {source} is not UTF-8 (byte {error.start} is {data[error.start]:#04x}); convert it"
        ) from error


def provider_name(chosen: str | None, model: str) -> str:
    """The wire API: as chosen, else OpenAI's, else Anthropic's where only its key is set and the model is its own."""
    if chosen is not None:
        return chosen
    only_anthropic = os.environ.get("ANTHROPIC_API_KEY") and not os.environ.get("OPENAI_API_KEY")
    return "anthropic" if only_anthropic and model.startswith("claude") else "openai"


def is_loopback(url: str) -> bool:
    """Whether a server is on this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def base_url_of(name: str, given: str | None) -> str:
    """The server's address: as given, else from the environment, else the provider's own. Raises ConfigurationError."""
    variable, default = _PLACES[name]
    url = given or os.environ.get(variable, "").strip() or default
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        sound = False
    if not sound:
        source = "--base-url" if given else variable
        raise ConfigurationError(f"{source}={url!r}: expected a URL such as 'https://example.com/v1'")
    return url


def _key(name: str, base_url: str) -> str:
    variable = _KEYS[name]
    key = os.environ.get(variable, "").strip()
    if key and not (key.isascii() and key.isprintable()):
        raise ConfigurationError(f"{variable} holds characters that no key has; copy the key again")
    if not key and not is_loopback(base_url):
        raise ConfigurationError(
            f"{variable} is not set; put the key for {urlsplit(base_url).hostname} into that environment variable"
        )
    return key or "no-key"


def client_of(name: str, base_url: str, *, is_async: bool = False, needs_key: bool = True) -> Any:
    """The SDK's client, with the key from the environment; an async one for as many requests at once as there are.

    Raises:
        ConfigurationError: there is no key, or it is none.
    """
    key = _key(name, base_url) if needs_key else "no-key"
    given: dict[str, Any] = {"api_key": key, "base_url": base_url, "max_retries": 0}
    if name == "openai":
        import openai

        if not is_async:
            return openai.OpenAI(**given)
        return openai.AsyncOpenAI(**given, http_client=openai.DefaultAsyncHttpxClient(**_many_connections()))
    import anthropic

    if not is_async:
        return anthropic.Anthropic(**given)
    return anthropic.AsyncAnthropic(**given, http_client=anthropic.DefaultAsyncHttpxClient(**_many_connections()))


def _many_connections() -> dict[str, Any]:
    """For an HTTP client without limits of its own: how many requests are under way is decided elsewhere.

    The SDKs would open 1,000 connections at most and close all but 100 of them after each request; the system, as a
    rule, opens 1,024 files.
    """
    import httpx2

    from continuum.batch.connections import ManyConnections

    with contextlib.suppress(ImportError, OSError, ValueError):  # there is no such limit, or it cannot be raised
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if any(urllib.request.getproxies().get(kind) for kind in ("all", "http", "https")):
        return {"limits": httpx2.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=30.0)}
    return {"transport": ManyConnections()}


def _params(order: Order, name: str, base_url: str, prompt: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}]
    params: dict[str, Any] = {"model": order.model, "messages": messages}
    system = argument_text(order.system, "--system") if order.system else ""
    cap = order.max_tokens
    if cap is not None and cap < 1:
        raise ConfigurationError(f"--max-tokens={cap!r}: the output cap has to be at least 1")
    if name == "anthropic":
        if cap is None:
            raise ConfigurationError("--max-tokens is missing; Anthropic's API wants an output cap on every request")
        return params | {"max_tokens": cap} | ({"system": system} if system else {})
    if system:
        messages.insert(0, {"role": "system", "content": system})
    if cap is not None:
        # OpenAI's own models of late take the new name only; most other servers know the old one only.
        own = urlsplit(base_url).hostname == urlsplit(_PLACES["openai"][1]).hostname
        params["max_completion_tokens" if own else "max_tokens"] = cap
    return params


def policy_of(given: Mapping[str, Any], options: Mapping[str, str] = _OPTIONS) -> continuum.Policy:
    """A policy from options; an error names the option. Raises ConfigurationError."""
    try:
        return continuum.Policy(**given)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            message = problem["msg"].removeprefix("Value error, ")
            name = str(problem["loc"][0]) if problem["loc"] else ""
            option = options.get(name, "--" + name.replace("_", "-"))
            lines.append(f"{option}={problem['input']!r}: {message[:1].lower()}{message[1:]}" if name else message)
        raise ConfigurationError("; ".join(lines)) from error


# -- one run ----------------------------------------------------------------------------------------------------------


class Drafting:
    """One run of the command: everything is checked when it is made, and nothing is sent before `run()`.

    Raises:
        ConfigurationError: the order can only fail.
    """

    def __init__(self, order: Order, interrupts: _sinks.Interrupts, console: Any, hidden: list[str]) -> None:
        prompt, policy = read_prompt(order.prompt, order.file), policy_of(order.policy)
        name = provider_name(order.provider, order.model)
        base_url = base_url_of(name, order.base_url)
        params = _params(order, name, base_url, prompt)
        self._client = client_of(name, base_url)
        self._events: TextStream = continuum.stream(
            self._client, policy=policy, runtime=Runtime(sleep=self._sleep), **params
        )
        self._order, self._interrupts, self._console, self._hidden = order, interrupts, console, hidden
        self._sink = self._open_sink()
        shares = isinstance(self._sink, _sinks.Screen) and self._sink.terminal
        self._status = _terminal.StatusLine(sys.stderr, shares=shares)
        self._shows_status = self._status.enabled and not order.quiet and not order.verbose
        self._unwritable: _sinks.OutputError | None = None
        self._written = 0
        self._round = 0
        self._so_far = f"asking {order.model}"
        self._began = time.monotonic()

    def _open_sink(self) -> _sinks.Sink:
        if self._order.output is not None:
            return _sinks.File(self._order.output)
        return _sinks.Nowhere() if self._order.as_json else _sinks.Screen()

    def run(self) -> int:
        """Draft, report, and return the exit code."""
        stopped, error, crash = False, "", ""
        try:
            try:
                self._show()
                for event in self._events:
                    self._take(event.text, event.round)
            except KeyboardInterrupt:
                stopped = True
            except ProviderError as failure:
                error = failure.message
            except _sinks.OutputError:
                raise
            except Exception:  # a bug: what was bought is saved before it is shown
                crash = traceback.format_exc()
            result = self._save(crash)
        except _sinks.ReaderGoneError:
            _terminal.discard(sys.stdout)
            return READER_GONE
        except _sinks.OutputError as failure:
            self._say(f"error: cannot write to {failure}", "red")
            return UNWRITABLE
        finally:
            self._events.close()
            self._client.close()
        return self._report(result, error or _failure_of(result), crash, stopped=stopped)

    # -- while it runs --------------------------------------------------------------------------------------------

    def _take(self, text: str, round: int) -> None:
        with self._interrupts.held():
            self._status.make_way()
            self._write(text)
        if not self._shows_status:
            return
        if round != self._round:
            self._round = round
            so_far = self._events.result
            parts = [f"round {round}"]
            if so_far.rounds:
                parts += [f"{so_far.usage.output_tokens:,} tokens out", _terminal.joins_words(so_far.seams)]
                parts += [] if so_far.cost is None else [_terminal.money(so_far.cost)]
            self._so_far = " · ".join(parts)
        self._show()

    def _write(self, text: str) -> None:
        """Write to the sink. A file that fails is given up, and the run goes on: its text goes to stdout in the end."""
        try:
            self._sink.write(text)
        except _sinks.OutputError as error:
            if not isinstance(self._sink, _sinks.File):
                raise
            self._unwritable, self._sink = error, _sinks.Nowhere()
        self._written += len(text)
        self._status.wrote(text)

    def _show(self, words: str = "") -> None:
        if self._shows_status:
            tail = f" · {_terminal.count(self._written, 'character')}" if self._written else ""
            self._status.show((words or self._so_far) + tail, now=bool(words))

    def _sleep(self, seconds: float) -> None:
        """Wait before a request, and say for how long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._show(f"{self._so_far} · waiting {left:.0f} s for the provider")
            time.sleep(min(left, 1.0) if self._shows_status else left)

    # -- at the end -----------------------------------------------------------------------------------------------

    def _save(self, crash: str) -> Result:
        """Write what has not been written, under its proper name. Raises OutputError."""
        try:
            with self._interrupts.held():
                return self._write_end(crash)
        except KeyboardInterrupt:  # the text was saved before it was raised, unless the user insisted
            return self._events.result

    def _write_end(self, crash: str) -> Result:
        self._events.close()
        self._status.hide()
        result = self._events.result
        self._write(result.text[self._written :])
        try:
            self._sink.finish(result)
        except _sinks.OutputError as error:
            if not isinstance(self._sink, _sinks.File):
                raise
            self._unwritable = error
        if self._order.as_json:
            failure = _terminal.redact(crash or _failure_of(result), self._hidden)
            _sinks.Screen().write(as_json(result, failure or None) + "\n")
        elif self._unwritable is not None:
            _sinks.Screen().write(result.text)
        return result

    def _report(self, result: Result, error: str, crash: str, *, stopped: bool) -> int:
        # An error that left nothing at all is the provider's, also where it was a ceiling that ended the repeats.
        code = PROVIDER_FAILED if crash or (error and not result.rounds) else exit_code(result)
        if stopped and not result.complete:
            code = 128 + (self._interrupts.number or 2)
        if crash:
            self._say(crash.rstrip(), "red")
        if self._unwritable is not None:
            self._say(f"error: cannot write to {self._unwritable}; the text is on stdout", "red")
            code = code or UNWRITABLE
        if code == COMPLETE and self._order.quiet:
            return code
        if error and not result.rounds and not crash and not stopped:
            # Nothing came, so there is no account: only what went wrong, and what it means.
            self._say(f"error: {error}; {_terminal.WORDS[result.reason]} ({result.reason})", "red")
            return code
        place = self._sink.place
        headline = "failed: this is a defect of continuum; please report it" if crash else _headline(result, error)
        parts = [headline, _terminal.account(result), f"{time.monotonic() - self._began:.1f} s"]
        if place:
            parts.append(f"saved as {place}" if result.complete else f"what came is in {place}")
        self._say(" · ".join(parts), "green" if code == COMPLETE else "yellow" if result.text else "red")
        return code

    def _say(self, words: str, style: str) -> None:
        self._console.print(_terminal.redact(words, self._hidden), style=style, markup=False)


def _failure_of(result: Result) -> str:
    if result.failure is None:
        return ""
    return " ".join(f"{type(result.failure).__name__}: {result.failure}".split())[:300]


def _headline(result: Result, error: str) -> str:
    if result.complete:
        return "complete"
    words = f"incomplete ({result.reason}): {_terminal.WORDS[result.reason]}"
    return f"{words} ({error})" if error else words


def log_to_stderr(hidden: list[str]) -> None:
    """Show the library's events; keys are taken out of every value."""
    import structlog

    def without_keys(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {k: _terminal.redact(v, hidden) if isinstance(v, str) else v for k, v in event.items()}

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            without_keys,
            structlog.dev.ConsoleRenderer(colors=_terminal.is_terminal(sys.stderr)),
        ],
        logger_factory=structlog.PrintLoggerFactory(_terminal.notes()),
    )
