"""How much a model reads and writes at most, for the models whose providers publish it.

The table is small and behind the newest models by nature: a model that is not in it has no limits that continuum
knows of, and is simply tried. What a server says itself of a model comes before the table; it is asked when a reply was
cut, once. Sources: the providers' model pages and the tables of litellm and genai-prices, November 2026. The server of
a compatible API may allow less than the model's own provider.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Limits(NamedTuple):
    """Tokens; None where nobody says.

    Attributes:
        context: prompt and answer together.
        output: one answer.
    """

    context: int | None = None
    output: int | None = None


_TABLE: tuple[tuple[str, Limits], ...] = (
    (r"claude-(opus|sonnet|haiku)-4-5", Limits(200_000, 64_000)),
    (r"claude-(opus|sonnet)-4-[678]", Limits(1_000_000, 128_000)),
    (r"claude-(fable|mythos|opus|sonnet|haiku)-5", Limits(1_000_000, 128_000)),
    (r"gpt-6", Limits(1_050_000, 128_000)),
    (r"gpt-5\.[56]", Limits(1_050_000, 128_000)),
    (r"gemini-(3|4)", Limits(1_048_576, 65_536)),
    (r"deepseek-v4-pro", Limits(1_000_000, 393_216)),
)
UNKNOWN = Limits()

TOLD: dict[tuple[str, str], Limits] = {}
"""What servers said of their models, by base URL and model, for the life of the process; UNKNOWN if they do not say."""


def of(model: str) -> Limits:
    """The limits of a model by its name, `UNKNOWN` if it is not in the table."""
    return next((limits for pattern, limits in _TABLE if re.search(pattern, model)), UNKNOWN)
