"""Prompts from a template and the fields of a row. Jinja2 in its sandbox: a template reads fields and does no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from continuum._core.errors import ConfigurationError, MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Template:
    """A prompt with places for the fields of a row: `{{ topic }}`, or `{{ row["a long name"] }}`.

    A field that a row does not have is an error of that row, not an empty place.

    Args:
        path: of the template, UTF-8.

    Raises:
        ConfigurationError: it cannot be read, or it is no template.
        MissingDependencyError: Jinja2 is missing.
    """

    def __init__(self, path: Path) -> None:
        try:
            from jinja2 import StrictUndefined, TemplateSyntaxError
            from jinja2.sandbox import ImmutableSandboxedEnvironment
        except ImportError as error:
            raise MissingDependencyError("templates need Jinja2: pip install 'continuum-llm[template]'") from error
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except OSError as error:
            raise ConfigurationError(f"--template={str(path)!r}: cannot be read ({error.strerror or error})") from error
        except UnicodeDecodeError as error:
            raise ConfigurationError(f"--template={str(path)!r}: it is not UTF-8; convert it") from error
        environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
        try:
            self._template = environment.from_string(text)
        except TemplateSyntaxError as error:
            raise ConfigurationError(f"--template: {path}:{error.lineno}: {error.message}") from error

    def render(self, fields: Mapping[str, Any]) -> str:
        """The prompt for a row.

        Raises:
            ConfigurationError: the template does not fit the row.
        """
        try:
            return self._template.render({**fields, "row": fields})
        # Whatever a template can bring about (a division by zero, a wrong type, a recursion) spoils one row.
        except Exception as error:
            raise ConfigurationError(f"the template fails: {str(error) or type(error).__name__}") from error
