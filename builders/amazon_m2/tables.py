"""Amazon-M2 as the sets use it: products by locale, and sessions as they were printed.

Texts are cleaned when they are drawn, and so are sessions parsed: few of them are looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from builders.amazon_m2.texts import LOCALES, telling
from builders.draw import hashed, ring
from builders.source import (
    Rows,
    Source,
    Table,
    content_revision,
    gather,
    kept,
    row_hash,
    unusable,
)

#: A word says little if so many titles have it, and so great a share of their locale's; counted on
#: about so many titles.
COMMON, COMMON_SHARE, COUNTED = 10, 0.01, 40_000

_S = pl.String()
_PRODUCTS = {"id": _S, "locale": _S, "title": _S, "brand": _S, "desc": _S}
_SESSIONS = {"prev_items": _S, "next_item": _S, "locale": _S}
#: The competition's files are CSV. A later release is parquet, with lists of items.
_ENDINGS = (".csv", ".parquet")

SOURCE = Source(
    name="amazon_m2",
    license="LicenseRef-Amazon-M2-research",
    tables={
        "products": Table("products_train", _PRODUCTS, _ENDINGS),
        "sessions": Table("sessions_train", _SESSIONS, _ENDINGS, joined=("prev_items",)),
    },
    obtain="get products_train.csv and sessions_train.csv from the pages of the KDD Cup 2023 and "
    "name their folder: --source DIR",
)


@dataclass(frozen=True)
class Tables:
    """Products and sessions in memory.

    products: product (u64, of locale and id), item (u64, of the id: equal in all locales), id,
      locale, title, brand, desc (as published), ring (u64); one row a product, sorted by ring.
    sessions: session (u64, of the content), locale, prev_items (ids, as published), next_item,
      ring; one row a session, sorted by ring.
    common: locale, word: what many titles say.
    """

    products: pl.DataFrame
    sessions: pl.DataFrame
    common: pl.DataFrame
    revision: str
    rejects: Mapping[str, int]


def read(rows: Rows, limit: int | None) -> Tables:
    """Read a source; `limit`: only so many products, each with all its locales.

    Raises `ShopmixError` where a file breaks off in the middle or holds no usable product.
    """
    products = gather(SOURCE, rows, _products(rows))
    sessions = gather(SOURCE, rows, _sessions(rows))
    revision = rows.revision or content_revision(products["hash"], sessions["session"])
    rejects: Counter[str] = Counter()
    products = _usable_products(products, rejects)
    if products.is_empty():
        raise unusable(rows, "product", rejects)
    if limit:
        items = products.select("item", ring(pl.col("item")).alias("at")).unique()
        first = items.bottom_k(limit, by="at")
        products = products.join(first, on="item", how="semi", maintain_order="left")
    sessions = kept(
        rejects,
        sessions,
        pl.col("locale").is_in(list(LOCALES)) & pl.col("next_item").is_not_null(),
        "session without purchase or locale",
    )
    once = sessions.sort("ring").unique("session", keep="first", maintain_order=True)
    sessions = kept(rejects, sessions, once, "session listed twice")
    return Tables(products, sessions, _common_words(products), revision, rejects)


def product_key(locale: pl.Expr, identity: pl.Expr) -> pl.Expr:
    """The key of a product in a locale, UInt64."""
    return hashed(locale, identity)


def _products(rows: Rows) -> pl.LazyFrame:
    key = product_key(pl.col("locale"), pl.col("id"))
    return (
        rows.tables["products"]
        .with_columns(key.alias("product"), hashed(pl.col("id")).alias("item"))
        .with_columns(
            ring(pl.col("product")).alias("ring"),
            row_hash(pl.col("product"), list(_PRODUCTS)).alias("hash"),
        )
    )


def _sessions(rows: Rows) -> pl.LazyFrame:
    return (
        rows.tables["sessions"]
        .with_columns(_content().alias("session"))
        .with_columns(ring(pl.col("session")).alias("ring"))
    )


def _content() -> pl.Expr:
    """UInt64 of what a session holds: it has no published name."""
    return row_hash(hashed(pl.lit("session")), list(_SESSIONS))


def _usable_products(raw: pl.DataFrame, rejects: Counter[str]) -> pl.DataFrame:
    known = pl.col("locale").is_in(list(LOCALES)) & pl.col("id").is_not_null()
    named = pl.col("title").str.contains(r"\p{L}") & ~pl.col("title").str.contains(
        r"(?i)^\s*(?:nan|none|null)\s*$"  # missing in pandas
    )
    found = kept(rejects, raw, known & named.fill_null(False), "product without title or locale")
    found = found.sort("ring", "product", "hash")
    once = found.unique("product", keep="first", maintain_order=True)
    return kept(rejects, found, once, "product listed twice").drop("hash")


def _common_words(products: pl.DataFrame) -> pl.DataFrame:
    every = max(1, len(products) // COUNTED)
    chosen = hashed(pl.col("product"), seed=2) % every == 0
    titles = products.filter(chosen).select("locale", telling(pl.col("title")).alias("word"))
    titles = titles.with_columns(pl.len().over("locale").alias("titles"))
    said = titles.explode("word").group_by("locale", "word").agg(pl.len(), pl.col("titles").first())
    many = (pl.col("len") >= COMMON) & (pl.col("len") >= COMMON_SHARE * pl.col("titles"))
    return said.filter(many).select("locale", "word").sort("locale", "word")


#: How rows are called in `source_rows`; sessions have no published id.
NAMED = {
    "products": pl.format("products:{}:{}", "locale", "id"),
    "sessions": pl.format("sessions:{}", _content()),
}
