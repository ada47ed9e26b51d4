"""List prices and context sizes of known models at known providers, from the data of the package genai-prices.

Offline: what the installed package holds. A model at an address that it does not know has none.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata

from tasks.models.network.proxy import on_this_machine

PACKAGE = "genai-prices"
RELEASED = {"0.2.3": "2026-11-10"}
"""When a version of the data came out: the package itself does not say."""


@dataclass(frozen=True)
class Listed:
    """US dollars for a million tokens of prompts and of answers, and the context in tokens; None for what is not listed."""

    prompt_price: float | None
    completion_price: float | None
    context: int | None


@cache
def listed(model: str, address: str) -> Listed | None:
    """What is listed of a model at an address; None where one of them is not known."""
    if not model or not address.startswith("https://") or on_this_machine(address):
        return None
    from genai_prices.data_snapshot import get_snapshot

    try:
        provider, known = get_snapshot().find_provider_model(model, None, None, address)
    except LookupError:
        return None
    # the patterns have no end, and would take openai.com.example for openai.com
    match = re.match(provider.api_pattern, address)
    if match is None or address[match.end() :][:1] not in ("", "/", ":"):
        return None
    prices = known.get_prices(datetime.now(UTC))
    return Listed(_dollars(prices.input_mtok), _dollars(prices.output_mtok), known.context_window)


def price_source() -> str:
    """Where the prices come from, and of which day they are, for the user."""
    version = metadata.version(PACKAGE)
    day = RELEASED.get(version, "")
    return f"list prices of {day} ({PACKAGE} {version})" if day else f"list prices of {PACKAGE} {version}"


def _dollars(price: object) -> float | None:
    """A price as a number; where it has tiers, the price for short prompts."""
    price = getattr(price, "base", price)
    try:
        return None if price is None else float(price)  # type: ignore[arg-type]  # a Decimal
    except (TypeError, ValueError):
        return None
