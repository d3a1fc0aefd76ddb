"""Runs the simulated provider as a process of its own: `python -m continuum.testing --port 0`.

The first line on the standard output is the base URL (`http://127.0.0.1:PORT`; add `/v1` for OpenAI). It runs until
SIGTERM, SIGINT, or, with `--until-eof`, until its standard input is closed, so that it never outlives its parent.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from continuum.testing.limits import RateLimitSpec
from continuum.testing.server import SimulatedProvider

if TYPE_CHECKING:
    from collections.abc import Sequence


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m continuum.testing", description="A simulated LLM provider on the loopback."
    )
    add = parser.add_argument
    add("--port", type=int, default=0, help="the port; 0 picks a free one")
    add("--document", type=Path, action="append", metavar="FILE", help="a text to write; its name is the file's stem")
    add("--behaviour", action="append", default=[], metavar="KIND", help="how to answer a round, as overlap:40@2")
    add("--fault", action="append", default=[], metavar="KIND", help="what happens to a request, as 429:0.5")
    add("--prefill", choices=["refuse", "continue", "echo", "echo_unary", "new_turn"], default="refuse")
    add("--prefill-field", metavar="NAME", help="the field that must be set to go on in place")
    add("--chunk-tokens", type=int, default=1, help="tokens in each event of a stream")
    add("--delay", type=float, default=0.0, metavar="SECONDS", help="between two events")
    add("--first-delay", type=float, default=0.0, metavar="SECONDS", help="before the first byte")
    add("--max-output-tokens", type=int, help="the most that one answer can have")
    add("--context-window", type=int, help="tokens of prompt and answer together")
    add("--requests-per-minute", type=float)
    add("--output-tokens-per-minute", type=float)
    add("--tokens-per-minute", type=float, help="input and output together")
    add("--burst", type=float, help="requests that the full bucket holds")
    add("--token-burst", type=float, help="tokens that the full bucket holds")
    add("--record", action="store_true", help="keep the requests in memory")
    add("--until-eof", action="store_true", help="stop when the standard input is closed")
    return parser


def _provider(options: argparse.Namespace) -> SimulatedProvider:
    from continuum.testing.documents import sample_documents

    limit = None
    if options.requests_per_minute or options.output_tokens_per_minute or options.tokens_per_minute:
        limit = RateLimitSpec(
            options.requests_per_minute,
            options.output_tokens_per_minute,
            options.burst,
            options.token_burst,
            options.tokens_per_minute,
        )
    documents = {path.stem: path.read_text(encoding="utf-8") for path in options.document or ()}
    return SimulatedProvider(
        documents or sample_documents(),
        behaviours=options.behaviour,
        faults=options.fault,
        prefill=options.prefill,
        prefill_field=options.prefill_field,
        rate_limit=limit,
        chunk_tokens=options.chunk_tokens,
        delay=options.delay,
        first_delay=options.first_delay,
        max_output_tokens=options.max_output_tokens,
        context_window=options.context_window,
        record=options.record,
        port=options.port,
    )


def _allow_many_connections() -> None:
    """Raises the soft limit of open files to the hard one, where there is such a thing."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the provider until it is told to stop. Returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    _allow_many_connections()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        server = _provider(options).start()
    except (OSError, ValueError) as error:
        parser.error(str(error))
    try:
        print(server.base_url, flush=True)
        if options.until_eof:
            threading.Thread(target=_wait_for_eof, args=(stopping,), daemon=True).start()
        stopping.wait()
    finally:
        server.stop()
    return 0


def _wait_for_eof(stopping: threading.Event) -> None:
    sys.stdin.read()
    stopping.set()


if __name__ == "__main__":
    sys.exit(main())
