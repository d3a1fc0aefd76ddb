"""The command `continuum`: `draft` writes one document, `batch` thousands, `demo` shows what the library does.

This module parses and hands over; `_drafting.py` calls the library, `_cli_batch.py` has the commands for batches.
Heavy imports happen inside the commands.
"""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003  # typer reads the annotations
from typing import Annotated

import typer

from continuum import _cli_batch, _terminal
from continuum._options import ProviderName, Strategy  # noqa: TC001  # typer reads the annotations

EXIT_CODES = """\b
Exit codes:
  0    the answer is complete
  1    the provider or the network failed; what came before is kept
  2    bad input; nothing was sent
  3    the answer is incomplete (a limit was reached, the model stopped
       early, ...); what came is kept
  4    the model or a filter refused; what came is kept
  5    the output could not be written; with -o the text goes to stdout
  130  Ctrl-C (143: SIGTERM); what came is kept
  141  the reader of stdout went away
"""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # they show local variables, and a key could be among them
    rich_markup_mode=None,  # plain help: loading rich for it takes longer than all the rest
    help="Makes cut-off LLM answers whole: notices the cut, asks the model to go on, and stitches one text.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from continuum import __version__

        typer.echo(f"continuum {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    _terminal.use_utf8(sys.stdout, sys.stderr)


_POLICY = "Ceilings and choices"


@app.command(epilog=EXIT_CODES)
def draft(
    prompt: Annotated[
        str | None, typer.Argument(help="What to ask. Left out, or '-': read from stdin.", show_default=False)
    ] = None,
    *,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Read the prompt from this file ('-': stdin).")
    ] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="The model, as its provider names it.")],
    provider: Annotated[
        ProviderName | None,
        typer.Option(
            help="The wire API. Default: openai; anthropic if only ANTHROPIC_API_KEY is set and the model's name "
            "begins with 'claude'."
        ),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="Another server that speaks the same API. On the loopback: no key needed.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Output cap of one request. Anthropic: required.")] = None,
    system: Annotated[str | None, typer.Option(help="A system prompt.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write the text to this file instead of stdout: to FILE.partial while it comes, renamed to FILE when "
            "it is complete. An incomplete text stays in FILE.partial, and FILE is left as it was. An older "
            "FILE.partial is kept under another name.",
        ),
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Print one JSON object with the text and its account, at the end.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No status and no closing line; errors only.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every decision to stderr.")] = False,
    strategy: Annotated[
        Strategy | None,
        typer.Option(
            help="How to ask for more: in place (prefill), with a user turn, or as fits the server. Default: auto.",
            rich_help_panel=_POLICY,
        ),
    ] = None,
    dialect: Annotated[
        str | None, typer.Option(help="What the server is, as 'vllm' or 'llama.cpp'.", rich_help_panel=_POLICY)
    ] = None,
    max_rounds: Annotated[
        int | None, typer.Option(help="Replies to pay for. Default: 16.", rich_help_panel=_POLICY)
    ] = None,
    max_output_tokens: Annotated[
        int | None,
        typer.Option(help="Output tokens over all rounds. Default: 200000.", rich_help_panel=_POLICY),
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option(help="US dollars over all rounds. Default: 10.", rich_help_panel=_POLICY)
    ] = None,
    deadline: Annotated[
        float | None, typer.Option(help="Seconds for it all. Default: 1800.", rich_help_panel=_POLICY)
    ] = None,
    unary: Annotated[
        bool,
        typer.Option(
            "--unary",
            help="Ask for whole replies instead of streams. A dropped connection then loses its round.",
            rich_help_panel=_POLICY,
        ),
    ] = False,
) -> None:
    """Write one document, however many requests it takes.

    The prompt is the argument, a file, or stdin. The text goes to stdout as it comes, and nothing else does; the
    status (on a terminal) and one closing line with rounds, joins, tokens and cost go to stderr.

    Keys are read from OPENAI_API_KEY or ANTHROPIC_API_KEY only. They are never shown or logged.
    """
    from continuum import _drafting

    ceilings = {
        "strategy": None if strategy is None else strategy.value,
        "dialect": dialect,
        "max_rounds": max_rounds,
        "max_output_tokens": max_output_tokens,
        "max_cost": max_cost,
        "deadline": deadline,
        "stream": False if unary else None,
    }
    order = _drafting.Order(
        prompt=prompt,
        file=file,
        model=model,
        provider=None if provider is None else provider.value,
        base_url=base_url,
        max_tokens=max_tokens,
        system=system,
        output=output,
        as_json=json_,
        quiet=quiet,
        verbose=verbose,
        policy={name: value for name, value in ceilings.items() if value is not None},
    )
    raise typer.Exit(_drafting.run(order))


_cli_batch.register(app)


@app.command()
def demo(
    local: Annotated[
        bool, typer.Option("--local", help="Draft one document with a small real language model on this machine.")
    ] = False,
) -> None:
    """Show it on a simulated provider: no key, no network, a few seconds.

    Six documents are drafted at once through a server on the loopback that cuts every answer short, limits the rate,
    breaks connections and continues badly. At the end every text is compared with its original.

    Exit code 0: every text is equal. 1: some text is not. 2: --local, and the model is not installed. 5: stdout cannot
    be written. 141: its reader went away.
    """
    from continuum import _stdout, demo

    raise typer.Exit(_stdout.printed(demo.run_local if local else demo.run))


def main() -> None:
    """The entry point of the command."""
    _terminal.use_utf8(sys.stdout, sys.stderr)
    try:
        app(prog_name="continuum")
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        _terminal.settle(sys.stderr)
