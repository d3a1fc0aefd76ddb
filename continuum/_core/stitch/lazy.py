"""Regular expressions that are compiled when they are first used, so that importing the library stays cheap."""

from __future__ import annotations

import re
from typing import Any, cast


class _Lazy:
    """Stands for a pattern; each of its methods becomes an attribute of its own at first use."""

    def __init__(self, source: str, flags: re.RegexFlag) -> None:
        self._source = source
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # copying and pickling ask for such names
            raise AttributeError(name)
        found = getattr(re.compile(self._source, self._flags), name)
        setattr(self, name, found)
        return found


def lazy(source: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """Like `re.compile`, but an error in the pattern only shows at its first use.

    Args:
        source: the regular expression.
        flags: as for `re.compile`.

    Returns:
        An object with the methods and attributes of a compiled pattern.
    """
    return cast("re.Pattern[str]", _Lazy(source, flags))
