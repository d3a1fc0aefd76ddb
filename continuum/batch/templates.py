"""Prompts from a template and the fields of a row. Jinja2 in its sandbox: a template reads fields and does no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from continuum._core.errors import ConfigurationError, MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


class Template:
    """A prompt with places for the fields of a row: `{{ topic }}`, or `{{ row["a long name"] }}`.

    A field that a row does not have is an error of that row, not an empty place. An empty cell of CSV is one too where
    it would be written, but `{% if topic %}` and `default()` may ask for it.

    Args:
        path: of the template, UTF-8.

    Raises:
        ConfigurationError: it cannot be read, or it is no template.
        MissingDependencyError: Jinja2 is missing.
    """

    def __init__(self, path: Path) -> None:
        try:
            from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined
            from jinja2.sandbox import ImmutableSandboxedEnvironment
        except ImportError as error:
            raise MissingDependencyError("templates need Jinja2: pip install 'continuum-llm[template]'") from error
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except OSError as error:
            raise ConfigurationError(f"--template={str(path)!r}: cannot be read ({error.strerror or error})") from error
        except UnicodeDecodeError as error:
            raise ConfigurationError(f"--template={str(path)!r}: it is not UTF-8; convert it") from error

        class Empty(Undefined):
            def __str__(self) -> str:
                self._fail_with_undefined_error()

        self._empty = Empty
        environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
        try:
            self._template = environment.from_string(text)
        except TemplateSyntaxError as error:
            raise ConfigurationError(f"--template: {path}:{error.lineno}: {error.message}") from error

    def render(self, fields: Mapping[str, Any], empty: Iterable[str] = ()) -> str:
        """The prompt for a row.

        Args:
            fields: of the row.
            empty: columns whose cells are empty.

        Raises:
            ConfigurationError: the template does not fit the row.
        """
        try:
            nothing = {name: self._empty(f"the cell {name!r} is empty", name=name) for name in empty}
            return self._template.render({**nothing, **fields, "row": {**nothing, **fields}})
        # Whatever a template can bring about (a division by zero, a wrong type, a recursion) spoils one row.
        except Exception as error:
            raise ConfigurationError(f"the template fails: {str(error) or type(error).__name__}") from error
