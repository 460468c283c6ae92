"""Real titles to extract product types from, and what a test says of the answers."""

import polars as pl

from builders.llm.ledger import Ledger
from builders.llm.product_type import PRODUCT_TYPE
from tests.conftest import real_rows

COUNT = 100


def real_titles() -> list[str]:
    """Titles in English, from all over ESCI's products. Skips where there are no real rows."""
    products = pl.scan_parquet(real_rows("esci") / "shopping_queries_dataset_products.parquet")
    english = products.filter(pl.col.product_locale == "us").sort("product_id")
    titles: list[str] = english.select("product_title").collect().to_series().to_list()
    return titles[:: len(titles) // COUNT][:COUNT]


def passed(answers: list[str], titles: list[str]) -> float:
    """The share of answers that pass the check against their title. Raises pydantic's
    `ValidationError` where one is not of the type."""
    pairs = zip(answers, titles, strict=True)
    flaws = [PRODUCT_TYPE.check(PRODUCT_TYPE.read(one), {"title": title}) for one, title in pairs]
    return flaws.count(None) / len(flaws)


def statuses(ledger: Ledger) -> dict[str, int]:
    """How many calls came to what, repairs too."""
    return dict(ledger.rows("SELECT status, count(*) FROM attempts GROUP BY status"))
