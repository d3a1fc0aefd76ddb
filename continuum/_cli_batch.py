"""The commands `batch`, `resume`, `retry`, `status` and `export`: they parse and hand over to `_batching.py`."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # typer reads the annotations
from typing import Annotated, Any

import typer

from continuum import _options as options

EXIT_CODES = """\b
Exit codes:
  0    every document is complete
  1    some documents failed; they are in FILE.failed.jsonl
  2    bad input, or settings that do not fit the journal; nothing was sent
  3    some documents are incomplete, or left undrafted because they have no row any more; none failed
  5    the journal, the output or stdout could not be written
  6    paused: --max-cost or --deadline was reached
  7    paused: the key, the quota or the provider stopped working
  130  Ctrl-C (143: SIGTERM): what came is kept
  141  the reader of stdout went away; otherwise as 0
After 5, 6, 7, 130 and kill -9, the same command goes on where it stopped.
"""

_INPUT = "Rows"
_RESULTS = "Results"


_POLICY = (
    "strategy",
    "dialect",
    "max_rounds",
    "max_output_tokens",
    "max_document_cost",
    "document_deadline",
    "unary",
)


def _policy(
    strategy: options.Strategy | None,
    dialect: str | None,
    max_rounds: int | None,
    max_output_tokens: int | None,
    max_document_cost: float | None,
    document_deadline: float | None,
    unary: bool,
) -> dict[str, Any]:
    given = {
        "strategy": None if strategy is None else strategy.value,
        "dialect": dialect,
        "max_rounds": max_rounds,
        "max_output_tokens": max_output_tokens,
        "max_cost": max_document_cost,
        "deadline": document_deadline,
        "stream": False if unary else None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _limits(rpm: float | None, tpm: float | None, itpm: float | None, otpm: float | None) -> dict[str, float | None]:
    return {
        "requests_per_minute": rpm,
        "tokens_per_minute": tpm,
        "input_tokens_per_minute": itpm,
        "output_tokens_per_minute": otpm,
    }


def batch(
    input: Annotated[
        str,
        typer.Argument(
            help="The rows: a file .jsonl, .csv or .parquet, a folder of .md and .txt briefs; '-': JSONL on stdin.",
            metavar="INPUT",
        ),
    ],
    *,
    output: options.Output = None,
    out_dir: options.OutDir = None,
    journal: Annotated[
        Path | None,
        typer.Option(help="Where everything is kept while it is drafted. Default: beside the output, as FILE.journal."),
    ] = None,
    database_url: options.DatabaseUrl = None,
    name: Annotated[
        str | None, typer.Option(help="The batch's name in the database. Default: the full path of the output.")
    ] = None,
    model: options.Model = None,
    provider: options.Provider = None,
    base_url: options.BaseUrl = None,
    max_tokens: options.MaxTokens = None,
    system: Annotated[str | None, typer.Option(help="A system prompt, for rows that have none.")] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(help="An argument of create() for every request, as temperature=0.7 (JSON). May be repeated."),
    ] = None,
    template: Annotated[
        Path | None,
        typer.Option(help="A Jinja2 file that makes the prompt from the fields of a row.", rich_help_panel=_INPUT),
    ] = None,
    input_format: Annotated[
        options.InputFormat | None,
        typer.Option(help="What the input is, if its name does not say so.", rich_help_panel=_INPUT),
    ] = None,
    ignore_unknown: Annotated[
        bool, typer.Option("--ignore-unknown", help="Leave out fields that are not known.", rich_help_panel=_INPUT)
    ] = False,
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Draft the good rows if there are bad ones.", rich_help_panel=_INPUT)
    ] = False,
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes",
            help="Go on with settings other than those that the journal was begun with.",
            rich_help_panel=_INPUT,
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check every row, and say what it may take. Nothing is sent or written.")
    ] = False,
    expect_tokens: Annotated[
        int | None, typer.Option(min=1, help="Output tokens that a document is expected to have, for --dry-run.")
    ] = None,
    format: options.RowFormat = options.Format.continuum,
    as_finished: options.AsFinished = False,
    overwrite: options.Overwrite = False,
    json_: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    progress_every: options.ProgressEvery = 30.0,
    concurrency: options.Concurrency = "auto",
    max_cost: options.MaxCost = None,
    deadline: options.Deadline = None,
    rpm: options.Rpm = None,
    tpm: options.Tpm = None,
    itpm: options.Itpm = None,
    otpm: options.Otpm = None,
    via: options.ViaOf = None,
    poll: options.Poll = 60.0,
    live_below: options.LiveBelow = 0,
    strategy: options.StrategyOf = None,
    dialect: options.Dialect = None,
    max_rounds: options.MaxRounds = None,
    max_output_tokens: options.MaxOutputTokens = None,
    max_document_cost: options.MaxDocumentCost = None,
    document_deadline: options.DocumentDeadline = None,
    unary: options.Unary = False,
) -> None:
    """Draft thousands of documents; whatever happens, nothing that was paid for is lost or bought twice.

    A row is {"id", "prompt"} or {"id", "messages"}, with model, max_tokens, system, params and policy of its own if it
    has them; requests of the OpenAI Batch API are taken as they are. All rows are checked before the first request.

    The same command again goes on where it stopped. The first Ctrl-C lets the replies under way end, a second one
    stops at once; both keep what came.

    Keys are read from OPENAI_API_KEY or ANTHROPIC_API_KEY only. They are never shown, logged or kept.
    """
    from continuum import _batch_order, _batching, _stdout

    order = _batch_order.Order(
        input=input,
        output=output,
        out_dir=out_dir,
        journal=journal,
        database_url=database_url,
        name=name,
        model=model,
        provider=None if provider is None else provider.value,
        base_url=base_url,
        max_tokens=max_tokens,
        system=system,
        params=tuple(param or ()),
        template=template,
        input_format=None if input_format is None else input_format.value,
        ignore_unknown=ignore_unknown,
        skip_invalid=skip_invalid,
        accept_changes=accept_changes,
        dry_run=dry_run,
        expect_tokens=expect_tokens,
        format=format.value,
        as_finished=as_finished,
        overwrite=overwrite,
        as_json=json_,
        quiet=quiet,
        verbose=verbose,
        progress_every=progress_every,
        concurrency=concurrency,
        max_cost=max_cost,
        deadline=deadline,
        limits=_limits(rpm, tpm, itpm, otpm),
        via=None if via is None else via.value,
        poll=poll,
        live_below=live_below,
        policy=_policy(strategy, dialect, max_rounds, max_output_tokens, max_document_cost, document_deadline, unary),
    )
    raise typer.Exit(_stdout.printed(lambda: _batching.run(order)))


def _again(retry: tuple[str, ...], run: Path, given: dict[str, Any]) -> None:
    from continuum import _batch_order, _batching, _stdout

    order = _batch_order.Order(
        run=run,
        retry=retry,
        database_url=given["database_url"],
        output=given["output"],
        out_dir=given["out_dir"],
        model=given["model"],
        base_url=given["base_url"],
        max_tokens=given["max_tokens"],
        accept_changes=True,  # what is given here is meant to be another value
        format=None if given["format"] is None else given["format"].value,
        as_finished=given["as_finished"],
        overwrite=given["overwrite"],
        as_json=given["json_"],
        quiet=given["quiet"],
        verbose=given["verbose"],
        progress_every=given["progress_every"],
        concurrency=given["concurrency"],
        max_cost=given["max_cost"],
        deadline=given["deadline"],
        limits=_limits(given["rpm"], given["tpm"], given["itpm"], given["otpm"]),
        via=None if given["via"] is None else given["via"].value,
        poll=given["poll"],
        live_below=given["live_below"],
        policy=_policy(*(given[name] for name in _POLICY)),
    )
    raise typer.Exit(_stdout.printed(lambda: _batching.run(order)))


def resume(
    run: options.Run,
    *,
    database_url: options.DatabaseUrl = None,
    output: options.Output = None,
    out_dir: options.OutDir = None,
    model: options.Model = None,
    base_url: options.BaseUrl = None,
    max_tokens: options.MaxTokens = None,
    format: Annotated[options.Format | None, typer.Option("--format", help="As in batch. Default: as before.")] = None,
    as_finished: options.AsFinished = False,
    overwrite: options.Overwrite = False,
    json_: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    progress_every: options.ProgressEvery = 30.0,
    concurrency: options.Concurrency = "auto",
    max_cost: options.MaxCost = None,
    deadline: options.Deadline = None,
    rpm: options.Rpm = None,
    tpm: options.Tpm = None,
    itpm: options.Itpm = None,
    otpm: options.Otpm = None,
    via: options.ViaOf = None,
    poll: options.Poll = 60.0,
    live_below: options.LiveBelow = 0,
    strategy: options.StrategyOf = None,
    dialect: options.Dialect = None,
    max_rounds: options.MaxRounds = None,
    max_output_tokens: options.MaxOutputTokens = None,
    max_document_cost: options.MaxDocumentCost = None,
    document_deadline: options.DocumentDeadline = None,
    unary: options.Unary = False,
) -> None:
    """Go on with a batch from its journal alone; its input is not needed.

    Model, address and ceilings are those of the journal, except those that are given here.
    """
    _again((), run, dict(locals()))


def retry(
    run: options.Run,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="Try the failed documents again.")] = False,
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="Go on with the incomplete documents; their text so far is kept.")
    ] = False,
    database_url: options.DatabaseUrl = None,
    output: options.Output = None,
    out_dir: options.OutDir = None,
    model: options.Model = None,
    base_url: options.BaseUrl = None,
    max_tokens: options.MaxTokens = None,
    format: Annotated[options.Format | None, typer.Option("--format", help="As in batch. Default: as before.")] = None,
    as_finished: options.AsFinished = False,
    overwrite: options.Overwrite = False,
    json_: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    progress_every: options.ProgressEvery = 30.0,
    concurrency: options.Concurrency = "auto",
    max_cost: options.MaxCost = None,
    deadline: options.Deadline = None,
    rpm: options.Rpm = None,
    tpm: options.Tpm = None,
    itpm: options.Itpm = None,
    otpm: options.Otpm = None,
    via: options.ViaOf = None,
    poll: options.Poll = 60.0,
    live_below: options.LiveBelow = 0,
    strategy: options.StrategyOf = None,
    dialect: options.Dialect = None,
    max_rounds: options.MaxRounds = None,
    max_output_tokens: options.MaxOutputTokens = None,
    max_document_cost: options.MaxDocumentCost = None,
    document_deadline: options.DocumentDeadline = None,
    unary: options.Unary = False,
) -> None:
    """Draft failed or incomplete documents again; what came of them before is gone on with.

    A document that stopped at a ceiling needs a higher one, as in: retry RUN --incomplete --max-rounds 40.
    """
    states = tuple(name for name, wanted in (("failed", failed), ("incomplete", incomplete)) if wanted)
    if not states:
        raise typer.BadParameter("say which documents: --failed, --incomplete, or both")
    _again(states, run, dict(locals()))


def status(
    run: Annotated[
        Path | None,
        typer.Argument(
            help="The journal, or the output file or folder that it stands beside; with --database-url the batch's "
            "name, or nothing for all of them."
        ),
    ] = None,
    *,
    database_url: options.DatabaseUrl = None,
    json_: options.Json = False,
) -> None:
    """Say where a batch stands; also while it runs."""
    from continuum import _batch_journals, _stdout

    if database_url is not None and (run is None or not _batch_journals.is_local(run)):
        from continuum import _shared_batch

        name = None if run is None else str(run)
        raise typer.Exit(_stdout.printed(lambda: _shared_batch.status(database_url, name, as_json=json_)))
    if run is None:
        raise typer.BadParameter("say which: RUN")
    raise typer.Exit(_stdout.printed(lambda: _batch_journals.status(run, as_json=json_)))


def export(
    run: options.Run,
    *,
    output: options.Output = None,
    out_dir: options.OutDir = None,
    format: options.RowFormat = options.Format.continuum,
    overwrite: options.Overwrite = False,
    database_url: options.DatabaseUrl = None,
) -> None:
    """Write the results that a journal has; also while the batch runs. Exit code 0, 2 or 5."""
    from continuum import _batch_journals

    if database_url is not None and not _batch_journals.is_local(run):
        from continuum import _shared_batch

        raise typer.Exit(
            _shared_batch.export(database_url, str(run), output, out_dir, format.value, overwrite=overwrite)
        )
    raise typer.Exit(_batch_journals.export(run, output, out_dir, format.value, overwrite=overwrite))


WORKER_CODES = """\b
Exit codes:
  0    asked to stop, or all is done (--until-done)
  2    bad settings, or a batch that cannot be drafted here, as for want of a key
  5    the database was gone for too long, or is another version's
  130  Ctrl-C twice (143: SIGTERM twice)
Whatever happens, what came is kept, and other workers go on with the documents.
"""


def worker(
    *,
    database_url: Annotated[
        str, typer.Option(envvar="CONTINUUM_DATABASE_URL", metavar="URL", help="The PostgreSQL that has the batches.")
    ],
    concurrency: Annotated[int, typer.Option(min=1, max=10_000, help="Documents in flight.")] = 32,
    lease: Annotated[
        float,
        typer.Option(
            min=1, help="Seconds without a sign of life after which others take this worker's documents over."
        ),
    ] = 30.0,
    patience: Annotated[float, typer.Option(min=0, help="Seconds for which a lost database is waited for.")] = 120.0,
    until_done: Annotated[bool, typer.Option("--until-done", help="End when no batch has an open document.")] = False,
    base_url: options.BaseUrl = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Draft what batches with --database-url have to draft, as one of many workers.

    Start as many as you like, wherever the database can be reached: Slurm, Kubernetes or Ray just start this command.
    The first Ctrl-C or SIGTERM lets the replies under way end and gives the documents back, a second one stops at
    once.

    Keys are read from OPENAI_API_KEY or ANTHROPIC_API_KEY only, and sent to the address that the batch names; with
    --base-url to that one instead.
    """
    from continuum import _shared_batch

    raise typer.Exit(
        _shared_batch.work(
            database_url,
            base_url,
            concurrency=concurrency,
            lease=lease,
            patience=patience,
            until_done=until_done,
            quiet=quiet,
            verbose=verbose,
        )
    )


def register(app: typer.Typer) -> None:
    """Add the commands."""
    with_codes = app.command(epilog=EXIT_CODES)
    with_codes(batch)
    with_codes(resume)
    with_codes(retry)
    app.command(epilog=WORKER_CODES)(worker)
    app.command()(status)
    app.command()(export)
