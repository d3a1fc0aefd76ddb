"""What the batch command takes: every good row survives, every bad one is named."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import threading
from typing import TYPE_CHECKING, Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from continuum._core.errors import ConfigurationError
from continuum.batch import sources
from continuum.batch.inputs import SHOWN, Inputs, Item, inspect
from continuum.batch.sources import Source
from continuum.batch.templates import Template

if TYPE_CHECKING:
    from pathlib import Path

    from continuum.batch.job import Job

GOOD = '{"id": "a", "prompt": "Write."}'


def jsonl(tmp_path: Path, *lines: str | bytes, end: bytes = b"\n") -> Path:
    """A file of these lines."""
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"".join((line.encode() if isinstance(line, str) else line) + end for line in lines))
    return path


def jobs(path: Path, **options: Any) -> list[Job]:
    """The jobs of an input in which every row is good."""
    inputs = Inputs(Source(path), **options)
    found = inspect(inputs)
    assert found.bad == 0, found.problems
    return [job for _, job in inputs.jobs()]


def problems(path: Path, **options: Any) -> list[tuple[str, str]]:
    """What is wrong with an input: (place, reason)."""
    return [(p.place, p.reason) for p in inspect(Inputs(Source(path), **options)).problems]


# -- JSON lines -------------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
PROMPT = TEXT.filter(lambda text: text.strip())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {"id": TEXT.filter(lambda text: text.strip()), "prompt": PROMPT},
        optional={
            "system": TEXT,
            "model": TEXT,
            "max_tokens": st.integers(1, 10**9),
            "params": st.dictionaries(TEXT, JSON, max_size=3),
            "policy": st.fixed_dictionaries({"max_rounds": st.integers(1, 99)}),
        },
    ),
    max_size=5,
    unique_by=lambda row: row["id"],
)


@given(rows=ROWS, escape=st.booleans(), end=st.sampled_from([b"\n", b"\r\n", b"\n\n", b" \n"]), last=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_row_that_json_can_hold_survives(
    tmp_path: Path, rows: list[dict[str, Any]], escape: bool, end: bytes, last: bool
) -> None:
    """Whatever the texts and numbers: what was written is what is asked, with any line ends, escaped or not."""
    lines = [json.dumps(row, ensure_ascii=escape) for row in rows]
    path = jsonl(tmp_path, *lines, end=end)
    if not last:
        path.write_bytes(path.read_bytes().rstrip(b"\r\n "))
    found = jobs(path)
    assert [json.loads(job.model_dump_json(include=set(row))) for job, row in zip(found, rows, strict=True)] == rows


@given(data=st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_bytes_break_the_reader(tmp_path: Path, data: bytes) -> None:
    """Every input is read to its end: each line gives a job or a reason."""
    for name in ("in.jsonl", "in.csv", "in.parquet"):
        path = tmp_path / name
        path.write_bytes(data)
        try:
            found = inspect(Inputs(Source(path)))
        except ConfigurationError as error:
            assert str(path) in str(error)  # noqa: PT017  # either way is right, and this one has to name the file
        else:
            assert found.bad <= len(data)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("[1, 2]", "an array"),
        ("null", "null"),
        ('{"id": "b", "prompt": "x"', "this is not JSON"),
        ('{"id": "b", "prompt": "\\ud800"}', "this is not JSON"),
        ('{"id": "b", "prompt": "x", "params": {"top_p": NaN}}', "this is not JSON"),
        ('{"id": "b", "prompt": "x", "params": {"top_p": 1e999}}', "what JSON cannot"),
        ('{"id": "b", "prompt": "x", "params": ' + '{"a":' * 5000 + "1" + "}" * 5000 + "}", "recursion limit"),
        (b'{"id": "b", "prompt": "\xff"}', "not UTF-8 (byte 23 is 0xff)"),
        (b"\0" * 4096, "NUL bytes"),
        ('{"id": "b"}', "a prompt or messages"),
        ('{"id": "b", "prompt": "  "}', "prompt is empty"),
        ('{"id": "b", "prompt": "x", "messages": []}', "not both"),
        ('{"id": "", "prompt": "x"}', "the id is empty"),
        ('{"id": 1.5, "prompt": "x"}', "id=1.5: expected text or a whole number"),
        ('{"id": true, "prompt": "x"}', "id=True: expected text or a whole number"),
        ('{"prompt": "x"}', "other rows have one"),
        ('{"id": "b", "prompt": "x", "max_token": 5}', "'max_token' is no field of a row"),
        ('{"id": "b", "prompt": "x", "max_tokens": 0}', "max_tokens=0: input should be greater than or equal to 1"),
        ('{"id": "b", "prompt": "x", "max_tokens": "many"}', "max_tokens='many'"),
        ('{"id": "b", "prompt": "x", "policy": {"max_rounds": 0}}', "policy.max_rounds=0: input should be"),
        ('{"id": "b", "prompt": "x", "policy": {"retries": 1}}', "policy.retries=1"),
        ('{"id": "b", "prompt": ["x"]}', "prompt=['x']: input should be a valid string"),
        ('{"custom_id": "b", "prompt": "x"}', "custom_id"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str | bytes, words: str) -> None:
    """Line, field, value and reason; the lines around it are read."""
    path = jsonl(tmp_path, GOOD, "", line, '{"id": "c", "prompt": "Write."}')
    inputs = Inputs(Source(path))
    found = inspect(inputs)
    assert (found.good, found.bad) == (2, 1)
    assert found.problems[0].place == "3"
    assert words in found.problems[0].reason
    assert [(number, job.id) for number, job in inputs.jobs(skip_invalid=True)] == [(0, "a"), (2, "c")]
    with pytest.raises(ConfigurationError, match=r"in\.jsonl:3: .*another row a moment ago"):
        list(inputs.jobs())


def test_everything_that_is_wrong_with_a_row_is_said(tmp_path: Path) -> None:
    """Not the first fault alone."""
    path = jsonl(tmp_path, '{"id": "a", "prompt": 5, "max_tokens": -1, "model": []}')
    assert [reason.split("=")[0] for _, reason in problems(path)] == ["prompt", "model", "max_tokens"]


def test_many_bad_rows_are_counted(tmp_path: Path) -> None:
    """The first are shown, the rest are counted, and nothing grows with their number."""
    found = inspect(Inputs(Source(jsonl(tmp_path, *["{}"] * 1000))))
    assert (found.bad, len(found.problems), found.unshown) == (1000, SHOWN, 1000 - SHOWN)


def test_doubled_ids_name_both_lines(tmp_path: Path) -> None:
    """Also where one is a number and one is text."""
    path = jsonl(tmp_path, '{"id": 7, "prompt": "x"}', "", '{"id": "7", "prompt": "y"}')
    assert problems(path) == [("3", f"id='7': {path}:1 has the same id; rename one")]


def test_byte_order_marks(tmp_path: Path) -> None:
    """UTF-8's is skipped; the others are named."""
    assert jobs(jsonl(tmp_path, "\ufeff" + GOOD))[0].id == "a"
    path = tmp_path / "in.jsonl"
    path.write_text(GOOD, encoding="utf-16")
    with pytest.raises(ConfigurationError, match="UTF-16; convert"):
        Source(path)


def test_a_line_beyond_all_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is skipped without being kept, and its size is told."""
    monkeypatch.setattr(sources, "LONGEST_ROW", 1000)
    long = '{"id": "b", "prompt": "' + "x" * 5000 + '"}'
    path = jsonl(tmp_path, GOOD, long, '{"id": "c", "prompt": "x"}')
    assert problems(path) == [("2", "the line has 5,026 bytes; at most 1,000 are taken")]
    table = tmp_path / "in.csv"
    table.write_text(f"id,prompt\na,x\nb,{'x' * 5000}\nc,y\n")
    assert problems(table) == [("3", "this is not CSV: the line has more than 1,000 bytes")]


def test_rows_without_ids_are_called_by_their_lines(tmp_path: Path) -> None:
    """All of them or none."""
    path = jsonl(tmp_path, '{"prompt": "x"}', "", '{"prompt": "y"}')
    assert [job.id for job in jobs(path)] == ["1", "3"]
    assert inspect(Inputs(Source(path))).without_ids
    path = jsonl(tmp_path, '{"prompt": "x"}', '{"id": "b", "prompt": "y"}')
    assert "the first row has none" in problems(path)[0][1]


def test_unknown_fields_can_be_ignored(tmp_path: Path) -> None:
    """Where the user says so."""
    path = jsonl(tmp_path, '{"id": "a", "prompt": "x", "author": "me"}')
    assert "'author' is no field" in problems(path)[0][1]
    assert jobs(path, ignore_unknown=True)[0].prompt == "x"


def test_a_check_of_the_caller_spoils_a_row(tmp_path: Path) -> None:
    """What the caller refuses is a bad row like any other."""

    def check(job: Job) -> None:
        raise ConfigurationError(f"model={job.model!r}: name the model to ask")

    assert problems(jsonl(tmp_path, GOOD), check=check) == [("1", "model=None: name the model to ask")]


# -- OpenAI Batch requests --------------------------------------------------------------------------------------------


def request(**changes: Any) -> str:
    """A line of an OpenAI Batch file."""
    body = {"model": "gpt-x", "messages": [{"role": "user", "content": "Write."}], "max_completion_tokens": 9}
    body |= changes.pop("body", {})
    return json.dumps({"custom_id": "r", "method": "POST", "url": "/v1/chat/completions", "body": body} | changes)


def test_openai_batch_requests_as_they_are(tmp_path: Path) -> None:
    """Model, messages and cap become those of the job, all else its parameters."""
    (job,) = jobs(jsonl(tmp_path, request(body={"temperature": 0.5, "n": 1, "stream": False, "stop": None})))
    assert (job.id, job.model, job.max_tokens, job.params) == ("r", "gpt-x", 9, {"temperature": 0.5})
    assert job.messages == ({"role": "user", "content": "Write."},)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "GET"}, "method='GET'"),
        ({"url": "/v1/embeddings"}, "url='/v1/embeddings'"),
        ({"body": {"n": 2}}, "body.n=2"),
        ({"body": {"stream": True}}, "body.stream"),
        ({"body": {"max_tokens": 5}}, "two names for one cap"),
        ({"body": {"messages": None}}, "body.messages"),
        ({"extra": 1}, "'extra' is no field"),
    ],
)
def test_openai_batch_requests_that_cannot_be_drafted(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    """They are named."""
    assert words in problems(jsonl(tmp_path, request(**changes)))[0][1]


# -- CSV --------------------------------------------------------------------------------------------------------------


@given(
    rows=st.lists(st.tuples(PROMPT, TEXT), max_size=4),
    delimiter=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_cell_survives(tmp_path: Path, rows: list[tuple[str, str]], delimiter: str, end: str) -> None:
    """Quotes, separators and line breaks inside cells included; only NUL is refused."""
    rows = [(a.replace("\0", "0"), b.replace("\0", "0")) for a, b in rows]
    rows = [(a, b) for a, b in rows if a.strip()]
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("id", "prompt", "system"), *((str(n), *row) for n, row in enumerate(rows))])
    path = tmp_path / "in.csv"
    path.write_bytes(text.getvalue().encode())
    assert [(job.prompt, job.system or "") for job in jobs(path)] == rows


def test_cells_that_stand_for_values(tmp_path: Path) -> None:
    """Numbers, JSON, dotted columns, and nothing."""
    path = tmp_path / "in.csv"
    path.write_text(
        "\ufeffid,prompt,messages,max_tokens,policy.max_rounds,params.stop,params\n"
        '007,Write.,,50,3,END,"{""seed"": 1}"\n'
        '8,,"[{""role"": ""user"", ""content"": ""x""}]",,,,\n',
        encoding="utf-8",
    )
    first, second = jobs(path)
    assert (first.id, first.max_tokens, first.policy) == ("007", 50, {"max_rounds": 3})
    assert first.params == {"stop": "END", "seed": 1}
    assert second.messages == ({"role": "user", "content": "x"},)
    assert (second.max_tokens, second.params) == (None, {})


def test_bad_csv(tmp_path: Path) -> None:
    """Each bad row is named by the line at which it begins, and the rows behind it are read."""
    path = tmp_path / "in.csv"
    path.write_bytes(
        b'id,prompt\na,"two\nlines"\nb\nc,\xff\nd,"x"y\ne,good\nf,a\0b\ng,"{oops",more\nh,never closed "\ni,"open\n'
    )
    found = problems(path)
    assert [(place, reason[:24]) for place, reason in found] == [
        ("4", "the row has 1 cells, the"),
        ("5", "prompt: the cell is not "),
        ("6", "this is not CSV: ',' exp"),
        ("8", "prompt: the cell holds N"),
        ("9", "the row has 3 cells, the"),
        ("11", "a quote that opens in th"),
    ]
    path.write_text('id,prompt\na,"x\nb,"y"\nc,good\n')
    assert [(place, "line 3; is a quote not closed" in reason) for place, reason in problems(path)] == [("2", True)]
    # What an open quote takes with it cannot be left out as one row.
    path.write_text('id,prompt\na,good\nb,"x\n' + "c,x\n" * 7)
    with pytest.raises(ConfigurationError, match=r"in.csv:3: a quote .* never closed, so that the 7 line\(s\) after"):
        inspect(Inputs(Source(path)))
    path.write_text('id,"prompt\na,good\n')
    with pytest.raises(ConfigurationError, match="the header is not CSV: a quote is never closed"):
        inspect(Inputs(Source(path)))
    path.write_bytes(b"id,prompt\ra,x\rb,y\r")
    with pytest.raises(ConfigurationError, match="carriage returns alone; save the file with line feeds"):
        inspect(Inputs(Source(path)))
    path.write_text("id,prompt,id\n")
    with pytest.raises(ConfigurationError, match="same name"):
        inspect(Inputs(Source(path)))
    path.write_text("")
    with pytest.raises(ConfigurationError, match="no header"):
        inspect(Inputs(Source(path)))


# -- Parquet ----------------------------------------------------------------------------------------------------------


def test_parquet(tmp_path: Path) -> None:
    """Nested values come as they are, without the nulls that Parquet fills up with."""
    path = tmp_path / "in.parquet"
    message = pyarrow.struct([("role", pyarrow.string()), ("content", pyarrow.string()), ("name", pyarrow.string())])
    table = pyarrow.table(
        {
            "id": pyarrow.array([1, 2]),
            "messages": pyarrow.array([[{"role": "user", "content": "x"}], None], pyarrow.list_(message)),
            "prompt": pyarrow.array([None, "y"]),
            "max_tokens": pyarrow.array([None, 5]),
        }
    )
    pyarrow.parquet.write_table(table, path)
    first, second = jobs(path)
    assert (first.id, first.messages) == ("1", ({"role": "user", "content": "x"},))
    assert (second.prompt, second.max_tokens) == ("y", 5)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ConfigurationError, match="not Parquet, or it is damaged"):
        inspect(Inputs(Source(path)))
    pyarrow.parquet.write_table(pyarrow.table({"id": ["a"], "prompt": [b"x"]}), path)
    assert "type bytes" in problems(path)[0][1]


# -- a folder, a pipe, and what is neither ----------------------------------------------------------------------------


def test_a_folder(tmp_path: Path) -> None:
    """Texts in order, called by their path; what is hidden or no text is left alone."""
    for name, data in {
        "b.txt": b"\xef\xbb\xbfWrite b.",
        "a/x.md": b"Write x.",
        ".git/c.md": b"no",
        "d.pdf": b"no",
        "e.md": b" ",
        "f.md": b"\xff",
        "b.md": b"Write b again.",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    inputs = Inputs(Source(tmp_path))
    found = [(item.job.id, item.job.prompt) for item in inputs if isinstance(item, Item)]
    assert found == [("b", "Write b again."), ("a/x", "Write x.")]
    assert inputs.source.unread == 1
    reasons = dict(problems(tmp_path))
    assert reasons.keys() == {"b.txt", "e.md", "f.md"}
    assert reasons["b.txt"] == f"id='b': {tmp_path}:b.md has the same id; rename one"


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    """And can be gone through twice."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    thread = threading.Thread(target=path.write_text, args=[GOOD])
    thread.start()
    source = Source(path)
    thread.join()
    assert [len(list(source.rows())) for _ in range(2)] == [1, 1]


def test_what_is_no_input(tmp_path: Path) -> None:
    """Each with what to do."""
    for name, words in {
        "none.jsonl": "No such file",
        "a.json": "jq",
        "a.md": "into a folder",
        "a.xls": "input-format",
    }.items():
        if not name.startswith("none"):
            (tmp_path / name).write_text("x")
        with pytest.raises(ConfigurationError, match=words):
            Source(tmp_path / name)


# -- templates --------------------------------------------------------------------------------------------------------


def template(tmp_path: Path, text: str) -> Template:
    """A template of this text."""
    path = tmp_path / "prompt.j2"
    path.write_text(text, encoding="utf-8")
    return Template(path)


def test_a_template_uses_any_field(tmp_path: Path) -> None:
    """The fields of a job stay what they are; all others are the template's."""
    path = jsonl(tmp_path, '{"id": "a", "topic": "<tea>", "a name": "x", "prompt": "raw", "max_tokens": 5}')
    (job,) = jobs(path, template=template(tmp_path, 'On {{ topic }}, {{ row["a name"] }}, {{ prompt }}, {{ id }}.'))
    assert (job.prompt, job.max_tokens) == ("On <tea>, x, raw, a.", 5)


def test_a_template_may_ask_for_an_empty_cell(tmp_path: Path) -> None:
    """In CSV; where it would be written, the row is a bad one."""
    path = tmp_path / "rows.csv"
    path.write_text("id,topic,n\na,tea,3\nb,time,\n")
    asks = "On {{ topic }}{% if n %}, {{ n }} times{% endif %}{{ row.n | default('!') }}"
    made = jobs(path, template=template(tmp_path, asks))
    assert [job.prompt for job in made] == ["On tea, 3 times3", "On time!"]
    ((place, reason),) = problems(path, template=template(tmp_path, "{{ topic }} {{ n }}"))
    assert (place, "the cell 'n' is empty" in reason) == ("3", True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ topics }}", "'topics' is undefined"),
        ("{{ topic.__class__.__mro__ }}", "unsafe"),
        ("{{ 1 // 0 }}", "by zero"),
        ("{% include '/etc/passwd' %}", "no loader"),
        ("{{ row.pop('topic') }}", "'pop' of 'dict' object is unsafe"),
        ("{% for i in range(10**9) %}x{% endfor %}", "[Rr]ange"),
        (" ", "prompt is empty"),
    ],
)
def test_a_template_does_no_harm(tmp_path: Path, text: str, words: str) -> None:
    """It is an error of the row, and says why."""
    ((_, reason),) = problems(jsonl(tmp_path, '{"id": "a", "topic": "tea"}'), template=template(tmp_path, text))

    assert re.search(words, reason), reason


def test_a_file_that_is_no_template(tmp_path: Path) -> None:
    """The line is named."""
    with pytest.raises(ConfigurationError, match=r"prompt\.j2:2: "):
        template(tmp_path, "fine\n{% if %}")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Template(tmp_path / "none.j2")
