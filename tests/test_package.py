"""The package as a whole: its names, its layers, what importing it costs."""

from __future__ import annotations

import ast
import copy
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import continuum
import continuum.batch
from continuum import IncompleteError, ProviderError, Result, Usage

PACKAGE = Path(continuum.__file__).parent

# Row of each module; a module imports only from rows below its own, or from its own package.
ROWS = {
    "_core.types": 0, "_core.errors": 0, "_core.dialect": 0,
    "_core.actions": 1, "_core.budget": 1, "_core.ledger": 1, "_core.plain": 1,
    "_core.state": 1, "_core.policy": 1,
    "_core.endings": 1, "_core.repetition": 1, "_core.stitch": 1, "_core.classify": 1,
    "_core.requests": 2, "_core.draft": 2, "_core.asking": 2, "_core.snapshot": 2, "_core.recall": 2,
    "_core.machine": 2,
    "providers": 3,
    "_runtime": 0, "_outcome": 4, "_structured": 4, "_events": 4, "_drivers": 4, "_exchange": 4, "_keeper": 4,
    "_api": 5, "_forecast": 5, "client": 5, "langchain": 5, "batch": 6,
    "testing": 6, "cli": 7, "demo": 7, "_terminal": 7, "_drafting": 7, "_sinks": 7, "__main__": 8,
    "_options": 7, "_cli_batch": 7, "_batching": 7, "_batch_checks": 7, "_batch_journals": 7, "_batch_order": 7,
    "_shared_batch": 7, "_stdout": 7,
    "_progress": 7,
    "_core": 0,
}  # fmt: skip
# A name that a lower row may look up in a higher one at run time, and why.
ALLOWED: set[tuple[str, str]] = set()


def row_of(module: str) -> tuple[str, int]:
    name = module.removeprefix("continuum.")
    while name not in ROWS:
        assert "." in name, f"{module} has no row; give it one in ROWS"
        name = name.rsplit(".", 1)[0]
    return name, ROWS[name]


def imports_of(path: Path) -> set[str]:
    """Modules of the package that a file imports at run time (not only for the type checker)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module in ("continuum", "continuum.providers"):
                found |= {
                    f"{node.module}.{alias.name}"
                    for alias in node.names
                    if (PACKAGE.parent / node.module.replace(".", "/") / f"{alias.name}.py").exists()
                }
            found.add(node.module)
    return {name for name in found if name.startswith("continuum.")}


def modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_below(path: Path) -> None:
    """Data flows one way through the layers."""
    name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
    home, row = row_of(f"continuum.{name}")
    for imported in imports_of(path):
        other, other_row = row_of(imported)
        if other != home and (home, other) not in ALLOWED:
            assert other_row < row or (other_row == row and row in (0, 1, 2, 4, 5, 7)), f"{name} imports {imported}"


def test_the_core_knows_no_clock_and_no_sdk() -> None:
    """Nothing under _core imports time, randomness, files, sockets or an SDK."""
    forbidden = {"time", "random", "secrets", "os", "pathlib", "socket", "asyncio", "anyio", "openai", "anthropic"}
    for path in (PACKAGE / "_core").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            assert not {name.split(".")[0] for name in names} & forbidden, path


def test_the_public_names_are_sorted_and_exist() -> None:
    """__all__ is sorted, small, and every name in it is there."""
    assert sorted(continuum.__all__) == continuum.__all__
    assert len(continuum.__all__) <= 31
    for name in continuum.__all__:
        assert getattr(continuum, name) is not None
    assert sorted(continuum.batch.__all__) == continuum.batch.__all__
    for name in continuum.batch.__all__:
        assert getattr(continuum.batch, name) is not None
        assert name in dir(continuum.batch)


def test_importing_is_light() -> None:
    """Importing the package loads neither SDK, no HTTP library, no price table and no terminal library."""
    code = "import sys, json, continuum; print(json.dumps(sorted(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = {name.split(".")[0] for name in json.loads(out)}
    heavy = {"openai", "anthropic", "httpx2", "genai_prices", "rich", "typer", "structlog", "tenacity", "asyncio"}
    assert not loaded & heavy


def test_modules_stay_small() -> None:
    """No module grows far beyond what fits in a head."""
    sizes = {str(path.relative_to(PACKAGE)): len(path.read_text().splitlines()) for path in modules()}
    assert {name: size for name, size in sizes.items() if size > 480} == {}


@pytest.mark.parametrize(
    "error",
    [
        IncompleteError(Result("text", False, "length", "length", "max_rounds", usage=Usage(1, 2), rounds=1)),
        ProviderError("broke", None, 503, 1.5),
        continuum.QuotaError("no credit"),
        continuum.ConfigurationError("wrong"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_can_travel_between_processes(error: Exception) -> None:
    """Pickled and copied, an error keeps its text and its result."""
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert getattr(again, "result", None) == getattr(error, "result", None)


def test_a_deep_copy_of_a_result_shares_no_value() -> None:
    """What a caller changes in one is not changed in the other; what the SDK made, and cannot be copied, stays."""
    raw = (part for part in ())
    choice = Result("[2]", True, "stop", "stop", "finished", parsed=[2])
    result = Result("[1]", True, "stop", "stop", "finished", raw=raw, parsed=[1], partial=[], alternatives=(choice,))
    again = copy.deepcopy(result)
    assert again == result
    assert again.raw is raw
    for value in (again.parsed, again.partial, again.alternatives[0].parsed):
        value.append(3)
    assert (result.parsed, result.partial, choice.parsed) == ([1], [], [2])


def test_the_error_tree_is_as_drawn() -> None:
    """Every error in the docstring's tree exists under the parent that it is drawn under."""
    assert issubclass(continuum.ConfigurationError, ValueError)
    assert issubclass(continuum.MissingDependencyError, ImportError)
    for error in (continuum.RateLimitedError, continuum.QuotaError, continuum.RejectedError):
        assert issubclass(error, ProviderError)
    from continuum._core import errors

    drawn = {word for word in (errors.__doc__ or "").split() if word.endswith("Error")}
    assert drawn >= {name for name in vars(errors) if name.endswith("Error")}
