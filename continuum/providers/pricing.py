"""What tokens cost, from the tables of genai-prices. An unknown model has no price; that is never an error."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from continuum._core.types import Usage


@cache
def _library() -> Any:
    # Importing it reads some 2,300 models; a run without a cost ceiling and without a result never pays for that.
    import genai_prices

    return genai_prices


def price_of(model: str, provider: str | None) -> Callable[[Usage], float | None]:
    """A function from usage to US dollars for one model; it gives None where the price is not known.

    Args:
        model: as the caller named it.
        provider: the provider's id at genai-prices, None to look for the model everywhere.
    """
    unknown = False

    def price(usage: Usage) -> float | None:
        nonlocal unknown
        if unknown:
            return None
        library = _library()
        tokens = library.Usage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cached_input_tokens,
            cache_write_tokens=usage.cache_write_tokens,
        )
        try:
            return float(library.calc_price(tokens, model_ref=model, provider_id=provider).total_price)
        except (LookupError, ValueError):
            unknown = True
            return None

    return price
