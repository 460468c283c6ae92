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

from builders.draw import Draw, hashed
from builders.errors import ShopmixError
from builders.language import LOCALES
from builders.source import Rows, Source, Table, content_revision, row_hash
from builders.text import clean, squeezed, words

LABELS = ("E", "S", "C", "I")
#: ShopBench's relevance weights of the four labels.
WEIGHTS = {"E": 1.0, "S": 0.1, "C": 0.01, "I": 0.0}
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
    repo_revision="main",
    repo_columns=tuple(dict.fromkeys([*EXAMPLES.columns, *PRODUCTS.columns])),
    tables={"examples": EXAMPLES, "products": PRODUCTS},
    adapt=_adapt,
)


@dataclass(frozen=True)
class Tables:
    """Products, queries and judgements in memory.

    products: product (u64, the join key), product_id, locale, title, same (u64, equal for equal
      titles), brand, maker (squeezed brand), color, split, ring (u64), sorted by ring.
    texts: product, description, bullets (list), pooled (bool: in the pool for distractors), of
      the products whose texts were kept; all of them if `whole`.
    queries: query_id, query, query_key, locale, split, words, ring, sorted by ring.
    judged: example_id, query_id, product, label; one row a query and title.
    """

    products: pl.DataFrame
    texts: pl.DataFrame
    queries: pl.DataFrame
    judged: pl.DataFrame
    whole: bool
    revision: str
    rejects: Mapping[str, int]


class Exhausted(Exception):
    """A set needs the texts of more products than were kept."""


def read(rows: Rows, limit: int | None, seed: int, sizes: Mapping[str, int], factor: int) -> Tables:
    """Read a source.

    limit: only so many queries. sizes: the sets that begin with a product's text, and how many
    samples each is to have; `factor` times as many texts are kept for it.
    Raises `ShopmixError` where a file breaks off in the middle or holds no usable judgement.
    """
    try:
        total = rows.tables["products"].select(pl.len()).collect().item()
        keep_text, whole = _kept(total, seed, sizes, factor)
        examples = _examples(rows).collect(engine="streaming")
        products = _products(rows, keep_text).collect(engine="streaming")
    except pl.exceptions.PolarsError as error:
        raise ShopmixError(f"{rows.where}: {error}: is the download complete?") from None
    revision = rows.revision or content_revision(examples["hash"], products["hash"])
    rejects: Counter[str] = Counter()
    products = _clean_products(products, rejects)
    judged, queries = _judgements(examples.drop("hash"), products, limit, rejects)
    if judged.is_empty():
        raise ShopmixError(f"{rows.where}: no usable judgement ({_told(rejects)})")
    products = products.join(_product_splits(judged, queries), on="product").sort("ring")
    texts = products.select(
        "product",
        "description",
        "bullets",
        _below(pl.col("ring"), POOL / max(total, 1)).alias("pooled"),
    ).filter(pl.col("description").is_not_null() | pl.col("bullets").is_not_null())
    products = products.drop("description", "bullets")
    return Tables(products, texts, queries, judged, whole, revision, rejects)


def _kept(total: int, seed: int, sizes: Mapping[str, int], factor: int) -> tuple[pl.Expr, bool]:
    """(whose texts to keep, by the column `product`; whether that is everybody's)."""
    shares = {name: factor * size / max(total, 1) for name, size in sizes.items()}
    if not shares or max(shares.values()) >= 1:
        return pl.lit(bool(shares)), bool(shares)
    drawn = [
        _below(Draw(seed, name, 0).hash("first", pl.col("product")), share)
        for name, share in shares.items()
    ]
    return pl.any_horizontal(_below(_ring(pl.col("product")), POOL / total), *drawn), False


def _below(hashes: pl.Expr, share: float) -> pl.Expr:
    return hashes <= pl.lit(min(2**64 - 1, int(share * 2**64)), dtype=pl.UInt64)


def _ring(key: pl.Expr) -> pl.Expr:
    return hashed(key, seed=1)


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
            pl.when(keep_text).then(column).alias(column)
            for column in ("product_description", "product_bullet_point")
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
    found = raw.sort("product", "hash").unique("product", keep="first", maintain_order=True)
    products = found.with_columns(
        clean(found["title"]), clean(found["brand"]), clean(found["color"])
    )
    products = products.filter(pl.col("title").is_not_null(), pl.col("locale").is_in(list(LOCALES)))
    rejects["product listed twice"] += len(raw) - len(found)
    rejects["product without title or locale"] += len(found) - len(products)
    bullets = (
        products.select("product", pl.col("bullets").str.split("\n"))
        .drop_nulls()
        .explode("bullets")
    )
    bullets = (
        bullets.with_columns(clean(bullets["bullets"]))
        .drop_nulls()
        .group_by("product", maintain_order=True)
        .agg("bullets")
    )
    return (
        products.drop("hash", "bullets")
        .join(bullets, on="product", how="left")
        .with_columns(
            clean(products["description"]),
            hashed(squeezed(pl.col("title"))).alias("same"),
            squeezed(pl.col("brand")).alias("maker"),
            _ring(pl.col("product")).alias("ring"),
        )
    )


def _judgements(
    raw: pl.DataFrame, products: pl.DataFrame, limit: int | None, rejects: Counter[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(judged, queries): one label a query and title, every product known."""

    def keep(frame: pl.DataFrame, kept: pl.DataFrame, reason: str) -> pl.DataFrame:
        rejects[reason] += len(frame) - len(kept)
        return kept

    rows = keep(raw, raw.filter(pl.col("label").is_in(LABELS)), "label is none of E, S, C, I")
    queries = (
        rows.select("query_id", "query", "locale", "split")
        .sort(pl.all())
        .unique("query_id", keep="first", maintain_order=True)
    )
    queries = queries.with_columns(clean(queries["query"]))
    queries = (
        keep(queries, queries.filter(pl.col("query").is_not_null()), "empty query")
        .with_columns(
            pl.col("query").str.to_lowercase().alias("query_key"),
            words(pl.col("query")).alias("words"),
            _ring(pl.col("query_id")).alias("ring"),
        )
        .sort("ring")
    )
    if limit is not None:
        queries = queries.head(limit)
    rows = rows.select("example_id", "query_id", "product", "label").join(
        queries.select("query_id"), on="query_id", how="semi"
    )
    known = rows.join(products.select("product", "same"), on="product")
    rows = keep(rows, known, "judged product is not among the products").sort(
        "query_id", "product", "example_id"
    )
    rows = keep(
        rows,
        rows.unique(["query_id", "product", "label"], keep="first", maintain_order=True),
        "judgement given twice",
    )
    agreed = rows.filter(pl.col("label").n_unique().over("query_id", "same") == 1)
    rows = keep(rows, agreed, "judgements of a query and title contradict each other")
    rows = keep(
        rows,
        rows.unique(["query_id", "same"], keep="first", maintain_order=True),
        "title judged twice for a query",
    )
    queries = queries.join(
        rows.select("query_id"), on="query_id", how="semi", maintain_order="left"
    )
    return rows.drop("same"), queries


def _product_splits(judged: pl.DataFrame, queries: pl.DataFrame) -> pl.DataFrame:
    """A product that any test query touches belongs to the test split."""
    by_query = judged.select("query_id", "product").join(
        queries.select("query_id", "split"), on="query_id"
    )
    return by_query.group_by("product").agg(pl.col("split").min().alias("split"))  # test < train


def _told(rejects: Mapping[str, int]) -> str:
    return ", ".join(f"{reason}: {count}" for reason, count in rejects.items() if count)


def lookup(rows: Rows, refs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The published rows of samples' `source_rows`: judgements, products, and queries."""
    names = {
        "examples": pl.format("examples:{}", "example_id"),
        "queries": pl.format("queries:{}", "query_id"),
        "products": pl.format("products:{}:{}", "product_locale", "product_id"),
    }
    found: dict[str, dict[str, Any]] = {}
    for kind, name in names.items():
        table = rows.tables["products" if kind == "products" else "examples"]
        if kind == "queries":
            table = table.select("query_id", "query", "product_locale", "split")
        wanted = [ref for ref in refs if ref.startswith(f"{kind}:")]
        got = table.with_columns(name.alias("ref")).filter(pl.col("ref").is_in(wanted)).collect()
        for row in got.unique("ref", keep="any").to_dicts():
            found[row.pop("ref")] = row
    return found
