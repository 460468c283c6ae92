"""ESCI as the sets use it: judged queries and products, cleaned, contradictions gone.

All products' long texts would take gigabytes, and a set needs few of them. The sets that begin
with a product's text draw by a hash of its key, so one pass can keep the texts of the products
whose hash is small enough for one of these sets, and of a fixed pool for distractors. A set that
runs out of them raises `Exhausted`, for a pass that keeps more: the outcome is the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from builders.draw import Draw, hashed, ring
from builders.esci.judgements import judgements, place, product_splits
from builders.language import LOCALES
from builders.source import (
    Rows,
    Source,
    Table,
    content_revision,
    find_rows,
    row_hash,
    unreadable,
    unusable,
)
from builders.text import clean, squeezed

#: Less text than this says too little of a product.
MIN_TEXT_CHARS = 80
#: Of how many products the texts are at hand as distractors, whichever sets are built.
POOL = 200_000
HUB_LABELS = {"Exact": "E", "Substitute": "S", "Complement": "C", "Irrelevant": "I"}

_S, _I = pl.String(), pl.Int64()
EXAMPLES = Table(
    "shopping_queries_dataset_examples",
    {
        "example_id": _I,
        "query": _S,
        "query_id": _I,
        "product_id": _S,
        "product_locale": _S,
        "esci_label": _S,
        "split": _S,
    },
)
PRODUCTS = Table(
    "shopping_queries_dataset_products",
    {
        "product_id": _S,
        "product_title": _S,
        "product_description": _S,
        "product_bullet_point": _S,
        "product_brand": _S,
        "product_color": _S,
        "product_locale": _S,
    },
)


def _adapt(splits: Mapping[str, pl.LazyFrame]) -> dict[str, pl.LazyFrame]:
    """tasksource/esci: one joined table a split, labels as words, the split only in file names."""
    joined = pl.concat(
        [frame.with_columns(pl.lit(split).alias("split")) for split, frame in splits.items()],
        how="diagonal_relaxed",
    ).with_columns(pl.col("esci_label").replace(HUB_LABELS))
    return {"examples": joined, "products": joined}


SOURCE = Source(
    name="esci",
    license="Apache-2.0",
    repo="tasksource/esci",
    repo_columns=tuple(dict.fromkeys([*EXAMPLES.columns, *PRODUCTS.columns])),
    tables={"examples": EXAMPLES, "products": PRODUCTS},
    adapt=_adapt,
)


@dataclass(frozen=True)
class Tables:
    """Products, queries and judgements in memory.

    products: product (u64, the join key), product_id, locale, title, same (u64, equal for equal
      titles), brand, maker (squeezed brand), color, split, place (u64, of locale and split), ring
      (u64), sorted by ring,
      described and bulleted (bool: as published, there is enough text).
    texts: product, description, bullets, pooled (bool: in the pool for distractors), of the
      products whose texts were kept; as published, to be cleaned when drawn.
    queries: query_id, query, query_key, locale, split, words, place, ring, sorted by ring.
    judged: example_id, query_id, product, label; one row a query and title, and only labels that
      the words bear out.
    known: query_id, product, split of every judgement, usable or not: none of these is unjudged.
    """

    products: pl.DataFrame
    texts: pl.DataFrame
    queries: pl.DataFrame
    judged: pl.DataFrame
    known: pl.DataFrame
    revision: str
    rejects: Mapping[str, int]


def read(rows: Rows, limit: int | None, seed: int, counts: Mapping[str, int]) -> Tables:
    """Read a source.

    limit: only so many queries. counts: the sets that begin with a product's text, and how many
    texts are kept for each.
    Raises `ShopmixError` where a file breaks off in the middle or holds no usable judgement.
    """
    try:
        total = rows.tables["products"].select(pl.len()).collect().item()
        keep_text = _kept(total, seed, counts)
        examples = _examples(rows).collect(engine="streaming")
        products = _products(rows, keep_text).collect(engine="streaming")
    except pl.exceptions.PolarsError as error:
        raise unreadable(SOURCE, rows, error) from None
    revision = rows.revision or content_revision(examples["hash"], products["hash"])
    rejects: Counter[str] = Counter()
    products = _clean_products(products, rejects)
    queries, known, judged = judgements(examples.drop("hash"), products, limit, rejects)
    if judged.is_empty():
        raise unusable(rows, "judgement", rejects)
    products = products.join(product_splits(known), on="product").with_columns(place()).sort("ring")
    pooled = _pooled(total).alias("pooled")
    texts = products.filter("kept", pl.col("described") | pl.col("bulleted"))
    texts = texts.select("product", "description", "bullets", pooled)
    products = products.drop("description", "bullets", "kept")
    return Tables(products, texts, queries, judged, known, revision, rejects)


def _kept(total: int, seed: int, counts: Mapping[str, int]) -> pl.Expr:
    """Whose texts to keep, by the column `product`."""
    if not counts:
        return pl.lit(False)
    shares = {name: count / max(total, 1) for name, count in counts.items()}
    drawn = [
        _below(Draw(seed, name, 0, 0).hash("first", pl.col("product")), share)
        for name, share in shares.items()
    ]
    return pl.any_horizontal(_pooled(total), *drawn)


def _pooled(total: int) -> pl.Expr:
    # not by `ring`: a pool of one part of the ring would leave the draws a part of it to fall on
    return _below(hashed(pl.col("product"), seed=2), POOL / max(total, 1))


def _enough(column: str) -> pl.Expr:
    return (pl.col(column).str.len_chars() >= MIN_TEXT_CHARS).fill_null(False)


def _below(hashes: pl.Expr, share: float) -> pl.Expr:
    return hashes <= pl.lit(min(2**64 - 1, int(share * 2**64)), dtype=pl.UInt64)


def _examples(rows: Rows) -> pl.LazyFrame:
    return rows.tables["examples"].select(
        "example_id",
        "query",
        "query_id",
        pl.col("product_locale").alias("locale"),
        pl.col("esci_label").alias("label"),
        "split",
        hashed(pl.col("product_locale"), pl.col("product_id")).alias("product"),
        row_hash(hashed(pl.col("example_id")), list(EXAMPLES.columns)).alias("hash"),
    )


def _products(rows: Rows, keep_text: pl.Expr) -> pl.LazyFrame:
    key = hashed(pl.col("product_locale"), pl.col("product_id"))
    return (
        rows.tables["products"]
        .with_columns(key.alias("product"))
        .with_columns(row_hash(pl.col("product"), list(PRODUCTS.columns)).alias("hash"))
        .with_columns(
            keep_text.alias("kept"),
            _enough("product_description").alias("described"),
            _enough("product_bullet_point").alias("bulleted"),
            *(
                pl.when(keep_text).then(column).alias(column)
                for column in ("product_description", "product_bullet_point")
            ),
        )
        .rename(
            {
                name: name.removeprefix("product_")
                for name in PRODUCTS.columns
                if name != "product_id"
            }
        )
        .rename({"bullet_point": "bullets"})
    )


def _clean_products(raw: pl.DataFrame, rejects: Counter[str]) -> pl.DataFrame:
    """One row a product, with a clean title and brand; the other texts are cleaned when drawn."""
    found = raw
    if raw["product"].n_unique() < len(raw):
        found = raw.sort("product", "hash").unique("product", keep="first", maintain_order=True)
    rejects["product listed twice"] += len(raw) - len(found)
    products = found.drop("hash").with_columns(clean(found["title"]))
    named = ~pl.col("title").str.to_lowercase().is_in(["nan", "none", "null"])  # missing in pandas
    products = products.filter(named, pl.col("locale").is_in(list(LOCALES)))
    rejects["product without title or locale"] += len(found) - len(products)
    brands = products.select(pl.col("brand").unique()).drop_nulls()
    brands = brands.with_columns(clean(brands["brand"]).alias("clean"))
    brands = brands.with_columns(squeezed(pl.col("clean")).alias("maker"))
    return (
        products.join(brands, on="brand", how="left")
        .with_columns(
            pl.col("clean").alias("brand"),
            hashed(pl.col("title").str.to_lowercase()).alias("same"),
            ring(pl.col("product")).alias("ring"),
        )
        .drop("clean")
    )


def lookup(rows: Rows, refs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The published rows of samples' `source_rows`: judgements, products, and queries."""
    queries = rows.tables["examples"].select("query_id", "query", "product_locale", "split")
    names = {
        "examples": pl.format("examples:{}", "example_id"),
        "queries": pl.format("queries:{}", "query_id"),
        "products": pl.format("products:{}:{}", "product_locale", "product_id"),
    }
    return find_rows({**rows.tables, "queries": queries}, names, refs)
