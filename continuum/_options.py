"""Values and options that several commands take."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

POLICY = "Ceilings and choices of one document"
PACE = "Pace and limits of the run"


class ProviderName(StrEnum):
    """Wire APIs."""

    openai = "openai"
    anthropic = "anthropic"


class Strategy(StrEnum):
    """Values of `Policy.strategy`."""

    auto = "auto"
    in_place = "in_place"
    user_turn = "user_turn"


class Format(StrEnum):
    """Values of `continuum.batch.rows.RowFormat`."""

    continuum = "continuum"
    openai_batch = "openai-batch"


class InputFormat(StrEnum):
    """Values of `format` of `continuum.batch.sources.Source`."""

    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"


class Via(StrEnum):
    """How requests get to the provider."""

    live = "live"
    batch_api = "batch-api"


Run = Annotated[Path, typer.Argument(help="The journal, or the output file or folder that it stands beside.")]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="JSONL for complete documents. Those that are incomplete or failed go to files beside it, "
        "FILE.incomplete.jsonl and FILE.failed.jsonl.",
    ),
]
OutDir = Annotated[
    Path | None,
    typer.Option(
        help="A folder for one file for each document, NAME.md (NAME.incomplete.md), as they finish, and index.jsonl."
    ),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        envvar="CONTINUUM_DATABASE_URL",
        metavar="URL",
        help="Keep the batch in this PostgreSQL, and let `continuum worker` processes draft it: "
        "postgresql://user@host/name, the password from PGPASSWORD or ~/.pgpass.",
    ),
]
RowFormat = Annotated[
    Format,
    typer.Option("--format", help="Rows of our own, or those of an OpenAI Batch output file."),
]
AsFinished = Annotated[
    bool,
    typer.Option("--as-finished", help="Let the JSONL grow as documents finish. Else: at the end, in input order."),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Write over an output that another run made. A journal is never removed.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object with the account to stdout, at the end.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no closing line; errors only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log every decision to stderr.")]
ProgressEvery = Annotated[
    float, typer.Option(min=0.1, help="Seconds between two lines of progress, where stderr is no terminal.")
]
BaseUrl = Annotated[
    str | None, typer.Option(help="Another server that speaks the same API. On the loopback: no key needed.")
]
Provider = Annotated[
    ProviderName | None,
    typer.Option(
        help="The wire API. Default: openai; anthropic if only ANTHROPIC_API_KEY is set and the model's name "
        "begins with 'claude'."
    ),
]
Model = Annotated[str | None, typer.Option("--model", "-m", help="The model, for rows that name none.")]
MaxTokens = Annotated[
    int | None,
    typer.Option(help="Output cap of one request, for rows that have none. Anthropic: required."),
]
Concurrency = Annotated[
    str,
    typer.Option(help="Documents in flight: a number, or auto.", rich_help_panel=PACE),
]
MaxCost = Annotated[
    float | None,
    typer.Option(
        help="US dollars for the whole batch, earlier runs included. The run pauses before it would be more: a request "
        "may have a token for each of its bytes, and 5000 for each picture or URL.",
        rich_help_panel=PACE,
    ),
]
Deadline = Annotated[
    float | None,
    typer.Option(help="Seconds after which this run begins no new request and pauses.", rich_help_panel=PACE),
]
Rpm = Annotated[float | None, typer.Option(help="Requests a minute. Default: learnt.", rich_help_panel=PACE)]
Tpm = Annotated[float | None, typer.Option(help="Tokens a minute, in and out together.", rich_help_panel=PACE)]
Itpm = Annotated[float | None, typer.Option(help="Input tokens a minute.", rich_help_panel=PACE)]
Otpm = Annotated[float | None, typer.Option(help="Output tokens a minute.", rich_help_panel=PACE)]
ViaOf = Annotated[
    Via | None,
    typer.Option(
        "--via",
        help="Send requests one by one, or through the provider's batch API: at half the price, and in its own time. "
        "Default: live, or as before. A batch that is at the provider has to be collected before it is live again.",
        rich_help_panel=PACE,
    ),
]
Poll = Annotated[
    float, typer.Option(min=0.01, help="Seconds between two looks at a batch of --via batch-api.", rich_help_panel=PACE)
]
LiveBelow = Annotated[
    int,
    typer.Option(
        min=0, help="With --via batch-api, send so few requests by themselves, at full price.", rich_help_panel=PACE
    ),
]
StrategyOf = Annotated[
    Strategy | None,
    typer.Option(
        help="How to ask for more: in place (prefill), with a user turn, or as fits the server. Default: auto.",
        rich_help_panel=POLICY,
    ),
]
Dialect = Annotated[
    str | None, typer.Option(help="What the server is, as 'vllm' or 'llama.cpp'.", rich_help_panel=POLICY)
]
MaxRounds = Annotated[int | None, typer.Option(help="Replies to pay for. Default: 16.", rich_help_panel=POLICY)]
MaxOutputTokens = Annotated[
    int | None, typer.Option(help="Output tokens over all rounds. Default: 200000.", rich_help_panel=POLICY)
]
MaxDocumentCost = Annotated[
    float | None, typer.Option(help="US dollars over all rounds. Default: 10.", rich_help_panel=POLICY)
]
DocumentDeadline = Annotated[
    float | None, typer.Option(help="Seconds of work on it. Default: 1800.", rich_help_panel=POLICY)
]
Unary = Annotated[
    bool,
    typer.Option(
        "--unary",
        help="Ask for whole replies instead of streams. A dropped connection then loses its round.",
        rich_help_panel=POLICY,
    ),
]
