"""Prices, and the cap that is never passed.

Amounts are whole picodollars, so that sums are exact: at $0.01 for a million tokens, one token
costs 10,000.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from builders.errors import ShopmixError

DOLLAR = 10**12
PRICES = Path(__file__).parent / "prices.json"
#: Answers of these cost nothing but time.
FREE = ("local", "vllm")
#: OpenAI's Batch API takes half the price.
BATCH_DISCOUNT = 2


@dataclass(frozen=True)
class Price:
    """Picodollars for a token that is read, and for one that is written."""

    read: int
    written: int

    def of(self, tokens_in: int, tokens_out: int) -> int:
        """Picodollars for an answer."""
        return self.read * tokens_in + self.written * tokens_out


def dollars(amount: int) -> str:
    """Picodollars as people read them."""
    return f"${amount / DOLLAR:,.4f}"


def picodollars(amount: Decimal) -> int:
    """Dollars, as a user gives them, in picodollars."""
    return int(amount * DOLLAR)


def price_of(provider: str, model: str, table: Path | None) -> Price | None:
    """What a model's tokens cost, or None where that is not known.

    table: a user's own JSON file, `{"model": [dollars for a million tokens read, written]}`, which
    goes before ours. Raises `ShopmixError` where it cannot be read.
    """
    if provider in FREE and table is None:
        return Price(0, 0)
    known = {**_read(PRICES), **(_read(table) if table else {})}
    if model not in known:
        return Price(0, 0) if provider in FREE else None
    read, written = (int(amount * DOLLAR / 1_000_000) for amount in known[model])
    if provider == "batch":
        read, written = -(-read // BATCH_DISCOUNT), -(-written // BATCH_DISCOUNT)
    return Price(read, written)


def _read(file: Path) -> Mapping[str, tuple[Decimal, Decimal]]:
    try:
        table = json.loads(file.read_text("utf-8"), parse_float=str, parse_int=str)
        prices = {}
        for model, (read, written) in table.items():
            prices[model] = (Decimal(read), Decimal(written))
            if not all(price.is_finite() and price >= 0 for price in prices[model]):
                raise ValueError(f"{model} costs {read}, {written}")
    except (OSError, ValueError, TypeError, AttributeError, InvalidOperation) as error:
        raise ShopmixError(
            f"--prices {file} cannot be read ({error}): it is a JSON object of model names, each "
            f"with [dollars for a million tokens read, and written]"
        ) from None
    return prices


@dataclass(frozen=True)
class Cap:
    """What a ledger may spend in all: picodollars and tokens, each or None."""

    money: int | None = None
    tokens: int | None = None
