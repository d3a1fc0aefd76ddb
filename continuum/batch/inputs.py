"""From rows to jobs: native rows, OpenAI Batch requests, a template over fields; every bad row is found beforehand.

The input is read twice: whole, to find every bad row before anything is sent (`inspect`), and once more as the jobs are
entered into the journal. Neither keeps the rows: ids that were seen are kept in a temporary file.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from pydantic import ValidationError

from continuum._core.errors import ConfigurationError
from continuum.batch.job import Job
from continuum.batch.sources import BadRow, Problem, Row, parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from continuum.batch.sources import Source
    from continuum.batch.templates import Template

SHOWN: Final = 20
"""Problems that are kept and shown one by one; the others are counted."""

_FIELDS: Final = frozenset(Job.model_fields)
_TEMPLATE_FIELDS: Final = _FIELDS - {"prompt", "messages"}
_JSON_CELLS: Final = ("messages", "params", "policy")
_LONGEST_VALUE: Final = 60


@dataclass(frozen=True, slots=True)
class Item:
    """A good row.

    Attributes:
        number: its place among all rows of the input, bad ones included, counted from 0.
        place: where it stands, for people.
        job: what it asks for.
    """

    number: int
    place: str
    job: Job


class Inputs:
    """The jobs of a source.

    A row is an object with the fields of `Job`, or an OpenAI Batch request (`custom_id`, `method`, `url`, `body`). In
    CSV, `messages`, `params` and `policy` are JSON, `params.temperature` is a field of `params`, and an empty cell is
    none. Rows of an input in which no row has an id are called by the number of their line.

    Args:
        source: where the rows are.
        template: makes the prompt of a row from all of its fields.
        ignore_unknown: leave out fields that `Job` does not have; else they are errors, as a misspelt name could be
            among them. A template may use any field.
        check: called with every job; a `ConfigurationError` makes its row a bad one.
    """

    def __init__(
        self,
        source: Source,
        *,
        template: Template | None = None,
        ignore_unknown: bool = False,
        check: Callable[[Job], None] | None = None,
    ) -> None:
        self.source = source
        self.without_ids = False
        """The rows have no ids, and are called by the numbers of their lines."""
        self._template = template
        self._ignore_unknown = ignore_unknown
        self._check = check

    def __iter__(self) -> Iterator[Item | BadRow]:
        """Every row, good or bad, in order."""
        self.without_ids = False
        with _Seen() as seen:
            for number, row in enumerate(self.source.rows()):
                yield row if isinstance(row, BadRow) else self._item(number, row, seen)

    def jobs(self, *, skip_invalid: bool = False) -> Iterator[tuple[int, Job]]:
        """The good rows, after an inspection.

        Raises:
            ConfigurationError: there is a bad row after all, and it was not to be skipped: the input has changed.
        """
        for item in self:
            if isinstance(item, Item):
                yield item.number, item.job
            elif not skip_invalid:
                problem = item.problems[0]
                raise ConfigurationError(
                    f"{self.source.name}:{problem.place}: {problem.reason}; it was another row a moment ago, so the "
                    "file is being written to: wait for its end, and try again"
                )

    def _item(self, number: int, row: Row, seen: _Seen) -> Item | BadRow:
        problems: list[str] = []
        fields = self._fields(row, problems)
        if not problems:
            self._name(number, row, fields, problems)
        if problems:
            return BadRow.of(row.place, *problems)
        try:
            job = Job(**fields)
        except ValidationError as error:
            return BadRow.of(row.place, *_reasons(error))
        try:
            if job.params or job.messages:
                _check_values(job)
            if self._check is not None:
                self._check(job)
        except ConfigurationError as error:
            return BadRow.of(row.place, str(error))
        before = seen.place_of(job.id, row.place)
        if before is not None:
            return BadRow.of(row.place, f"id={short(job.id)}: {self.source.name}:{before} has the same id; rename one")
        return Item(number, row.place, job)

    def _name(self, number: int, row: Row, fields: dict[str, Any], problems: list[str]) -> None:
        """See to the id: where no row has one, its place is as good."""
        found = fields.get("id")
        if isinstance(found, str):
            if not found.strip():
                problems.append(f"id={found!r}: the id is empty")
        elif found is not None and (isinstance(found, bool) or not isinstance(found, int)):
            problems.append(f"id={short(found)}: expected text or a whole number")
        if number == 0:
            self.without_ids = found is None
        if found is None and self.without_ids:
            fields["id"] = row.place
        elif found is None:
            problems.append("id: it is missing, and other rows have one")
        elif self.without_ids:
            problems.append(f"id={short(found)}: the first row has none; give an id to every row, or to none")

    def _fields(self, row: Row, problems: list[str]) -> dict[str, Any]:
        """The fields of the job, as far as they can be told."""
        fields = row.fields
        if row.flat:
            fields = _nested(fields, problems)
        if self._template is None and isinstance(fields.get("body"), dict):
            return _from_openai(fields, problems)
        known = _FIELDS if self._template is None else _TEMPLATE_FIELDS
        job = {name: fields[name] for name in known if fields.get(name) is not None}
        if self._template is not None:
            try:
                empty = [name for name, cell in row.fields.items() if cell == ""] if row.flat else ()
                job["prompt"] = self._template.render(fields, empty)
            except ConfigurationError as error:
                problems.append(str(error))
        elif not self._ignore_unknown and len(job) < len(fields):
            problems += [_unknown(name) for name in fields if name not in _FIELDS and name not in row.aside]
        return job


@dataclass(slots=True)
class Inspection:
    """What an input holds.

    Attributes:
        good, bad: rows.
        problems: the first of them.
        unshown: problems beyond those.
        without_ids: no row has an id.
        signature: of the file as it was.
    """

    good: int = 0
    bad: int = 0
    problems: list[Problem] = field(default_factory=list)
    unshown: int = 0
    without_ids: bool = False
    signature: tuple[int, ...] = ()


def inspect(inputs: Inputs, on_item: Callable[[Item], None] | None = None) -> Inspection:
    """Read an input whole, and find everything that is wrong with it.

    Args:
        inputs: the rows.
        on_item: called with every good one.
    """
    found = Inspection(signature=inputs.source.signature())
    for item in inputs:
        if isinstance(item, Item):
            found.good += 1
            if on_item is not None:
                on_item(item)
            continue
        found.bad += 1
        room = SHOWN - len(found.problems)
        found.problems += item.problems[:room]
        found.unshown += len(item.problems[room:])
    found.without_ids = inputs.without_ids
    return found


# -- what is in a row -------------------------------------------------------------------------------------------------


def short(value: object) -> str:
    """A value for a message, shortened."""
    if isinstance(value, str):
        value = value[: 2 * _LONGEST_VALUE]
    shown = repr(value)
    return shown if len(shown) <= _LONGEST_VALUE else f"{shown[: _LONGEST_VALUE - 1]}…"


def _unknown(name: str) -> str:
    if not name:
        return "there is a column without a name; give it one, or use --ignore-unknown"
    if name == "custom_id":
        return "custom_id: an OpenAI Batch request has a body too; a row of your own has an id"
    return (
        f"{short(name)} is no field of a row; arguments of create() stand in 'params', and --ignore-unknown leaves out "
        "what is yours"
    )


def _nested(fields: dict[str, Any], problems: list[str]) -> dict[str, Any]:
    """Cells of CSV as the values that they stand for."""
    nested: dict[str, Any] = {}
    for name, cell in fields.items():
        if cell == "":
            continue
        group, dot, rest = name.partition(".")
        if dot and rest and group in ("params", "policy"):
            inner = nested.setdefault(group, {})
            if isinstance(inner, dict):
                inner[rest] = _guessed(cell)
        elif name in _JSON_CELLS:
            try:
                value = parsed(cell)
            except ValueError as error:
                problems.append(f"{name}={short(cell)}: expected JSON ({error})")
                continue
            before = nested.get(name)
            nested[name] = {**value, **before} if isinstance(before, dict) and isinstance(value, dict) else value
        else:
            nested[name] = cell
    return nested


def _guessed(cell: str) -> Any:
    try:
        return parsed(cell)
    except ValueError:
        return cell


def _from_openai(fields: dict[str, Any], problems: list[str]) -> dict[str, Any]:
    """The job of an OpenAI Batch request: `{"custom_id": …, "method": "POST", "url": …, "body": {…}}`."""
    body = dict(fields["body"])
    method, url = fields.get("method", "POST"), fields.get("url", "/v1/chat/completions")
    if method != "POST":
        problems.append(f"method={short(method)}: expected 'POST'")
    if url != "/v1/chat/completions":
        problems.append(f"url={short(url)}: only '/v1/chat/completions' can be drafted")
    problems += [_unknown(name) for name in fields if name not in ("custom_id", "method", "url", "body", "id")]
    if body.pop("stream", None):
        problems.append("body.stream=True: leave it out; continuum streams by itself")
    choices = body.pop("n", None)
    if choices not in (None, 1):
        problems.append(
            f"body.n={short(choices)}: one text is drafted from a row; write the row {short(choices)} times"
        )
    caps = [name for name in ("max_tokens", "max_completion_tokens") if body.get(name) is not None]
    if len(caps) > 1:
        problems.append("body.max_tokens and body.max_completion_tokens are two names for one cap; leave one out")
    job = {"messages": body.pop("messages", None), "model": body.pop("model", None)}
    job["max_tokens"] = body.pop(caps[0], None) if caps else None
    job["params"] = {name: value for name, value in body.items() if value is not None}
    job["id"] = fields.get("custom_id")
    if job["messages"] is None:
        problems.append("body.messages: it is missing")
    return {name: value for name, value in job.items() if value is not None}


def _check_values(job: Job) -> None:
    """Refuse what JSON cannot hold, before it is asked with."""
    try:
        json.dumps([job.messages, job.params], allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise ConfigurationError(f"messages or params hold what JSON cannot: {error}") from error


def _reasons(error: ValidationError, above: tuple[str, ...] = ()) -> list[str]:
    """What is wrong, one field at a time; the policy inside a row is checked by itself and says it in its own words."""
    reasons = []
    for problem in error.errors(include_url=False):
        inner = problem.get("ctx", {}).get("error")
        path = (*above, *map(str, problem["loc"]))
        if isinstance(inner, ValidationError):
            reasons += _reasons(inner, path)
            continue
        message = problem["msg"].removeprefix("Value error, ")
        message = message[:1].lower() + message[1:]
        # Without a path it is the row as a whole, whose value says nothing that the message does not.
        reasons.append(f"{'.'.join(path)}={short(problem['input'])}: {message}" if problem["loc"] else message)
    return reasons


class _Seen:
    """Ids and where they stand, in a temporary file of SQLite's that nobody else sees."""

    def __enter__(self) -> Self:
        self._base = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._base.execute("pragma journal_mode=off")
        self._base.execute("pragma synchronous=off")
        self._base.execute("create table seen(id text primary key, place text) without rowid")
        self._base.execute("begin")
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    def place_of(self, id: str, place: str) -> str | None:
        """Where an id stands already, else None; it is known from then on."""
        insert = "insert into seen values (?, ?) on conflict do nothing"
        if self._base.execute(insert, (id, place)).rowcount:
            return None
        found = self._base.execute("select place from seen where id = ?", (id,)).fetchone()
        return str(found[0])
