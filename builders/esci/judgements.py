"""ESCI's judgements: one label a query and title, and only those that the words bear out.

A rater saw the whole product page, forgave a missing size, and sometimes erred: of ESCI's labels,
a careful reader of query and title cannot defend about four in ten. What such a reader can check
are words, so a label counts where they agree with it: `builders.relevance` has the rules.
"""

from __future__ import annotations

from collections import Counter

import polars as pl

from builders.draw import hashed, ring
from builders.relevance import (
    ACCESSORY,
    LONG_JAPANESE,
    UNTOLD,
    bears_out,
    head,
    names_accessory,
    plain,
    sought,
)
from builders.text import clean, words

LABELS = ("E", "S", "C", "I")
SPLITS = ("train", "test")
#: ShopBench's relevance weights of the four labels.
WEIGHTS = {"E": 1.0, "S": 0.1, "C": 0.01, "I": 0.0}


def judgements(
    raw: pl.DataFrame, products: pl.DataFrame, limit: int | None, rejects: Counter[str]
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """(queries, known, judged) as `Tables` has them; what is left out is counted in `rejects`.

    raw: example_id, query, query_id, locale, label, split, product. limit: only so many queries.
    """

    def keep(frame: pl.DataFrame, kept: pl.DataFrame, reason: str) -> pl.DataFrame:
        rejects[reason] += len(frame) - len(kept)
        return kept

    rows = keep(raw, raw.filter(pl.col("label").is_in(LABELS)), "label is none of E, S, C, I")
    named = rows.drop_nulls(["example_id", "query_id"]).filter(pl.col("split").is_in(SPLITS))
    rows = keep(rows, named, "judgement without ids, or of neither split")
    queries = rows.group_by("query_id", "query", "locale", "split").len()
    queries = queries.sort(
        "query_id", "len", "query", "locale", "split", descending=[False, True] + 3 * [False]
    )
    told = queries.unique("query_id", keep="first", maintain_order=True).drop("len")
    if len(told) < len(queries):  # a query id that stands for two queries means the more frequent
        agreed = rows.join(
            told, on=["query_id", "query", "locale", "split"], how="semi", nulls_equal=True
        )
        rows = keep(rows, agreed, "judgement tells its query otherwise than most of them")
    queries = told
    queries = queries.with_columns(clean(queries["query"]))
    queries = keep(queries, queries.filter(pl.col("query").is_not_null()), "empty query")
    queries = queries.with_columns(
        pl.col("query").str.to_lowercase().alias("query_key"),
        words(pl.col("query")).alias("words"),
        ring(pl.col("query_id")).alias("ring"),
        place(),
    ).sort("ring")
    if limit is not None:
        queries = queries.head(limit)
    rows = rows.select("example_id", "query_id", "product", "label")
    rows = rows.join(queries.select("query_id"), on="query_id", how="semi")
    found = rows.join(products.select("product", "same"), on="product")
    rows = keep(rows, found, "judged product is not among the products")
    rows = rows.sort("query_id", "same", "product", "label", "example_id")
    known = rows.select("query_id", "product").filter(~_as_before("query_id", "product"))
    known = known.join(queries.select("query_id", "split"), on="query_id", maintain_order="left")
    once = rows.filter(~_as_before("query_id", "product", "label"))
    rows = keep(rows, once, "judgement given twice")
    split = rows.filter(_as_before("query_id", "same"), ~_as_before("label"))
    agreed = rows.join(split, on=["query_id", "same"], how="anti", maintain_order="left")
    rows = keep(rows, agreed, "judgements of a query and title contradict each other")
    titles = rows.filter(~_as_before("query_id", "same")).drop("same")
    rows = keep(rows, titles, "title judged twice for a query")
    clear = rows.join(
        _borne_out(rows, queries, products), on="example_id", how="semi", maintain_order="left"
    )
    rows = keep(rows, clear, "the words do not bear the label out")
    asked = queries.join(rows.select("query_id"), on="query_id", how="semi", maintain_order="left")
    return asked, known, rows


def _as_before(*columns: str) -> pl.Expr:
    """Whether a row has the same values as the row before it."""
    return pl.all_horizontal(
        pl.col(column) == pl.col(column).shift() for column in columns
    ).fill_null(False)


def _borne_out(rows: pl.DataFrame, queries: pl.DataFrame, products: pl.DataFrame) -> pl.DataFrame:
    """The judgements that the words agree with, by example_id."""
    asked = queries.lazy().select("query_id", "words").explode("words").drop_nulls()
    asked = asked.select("query_id", sought(pl.col("words")).alias("word"))
    titles = products.lazy().select("product", plain(pl.col("title")).alias("title"))
    titles = titles.with_columns(head(pl.col("title")).alias("head"))
    counted = (
        rows.lazy()
        .join(titles, on="product")
        .join(asked, on="query_id")
        .select(
            "example_id",
            "label",
            pl.col("title").str.contains(pl.col("word"), literal=True).alias("had"),
            pl.col("head").str.contains(pl.col("word"), literal=True).alias("headed"),
            pl.col("word").str.contains(LONG_JAPANESE).alias("long"),
        )
        .group_by("example_id")
        .agg(
            pl.col("label").first(),
            pl.col("had").mean().alias("share"),
            pl.col("headed").any(),
            ((pl.len() > 1) | pl.col("long").any()).alias("telling"),
        )
        .collect(engine="streaming")
    )
    agrees = pl.any_horizontal(
        (pl.col("label") == label) & fits for label, fits in bears_out(pl.col("share")).items()
    )
    sure = pl.col("headed") & pl.col("telling")
    agrees &= (pl.col("label") != "E") | sure
    agreed = counted.filter(agrees).select("example_id", "label")
    exact = agreed.filter(pl.col("label") == "E").join(rows.drop("label"), on="example_id")
    return agreed.join(_beside(exact, queries, products), on="example_id", how="anti").select(
        "example_id"
    )


def _beside(exact: pl.DataFrame, queries: pl.DataFrame, products: pl.DataFrame) -> pl.DataFrame:
    """The exact matches that have the query's words but may still be beside it, by example_id."""
    untold = pl.col("query_key").str.contains(UNTOLD).alias("untold")
    title = pl.col("title").str.to_lowercase()
    named = names_accessory(pl.col("title"), pl.col("query_key"))
    asked = queries.lazy().select("query_id", "query_key", untold)
    known = exact.lazy().join(asked, on="query_id")
    # most titles name no accessory anywhere, which is quick to see
    shown = products.lazy().select("product", title).filter(pl.col("title").str.contains(ACCESSORY))
    beside = known.join(shown, on="product").filter(~named)
    both = [known.filter("untold").select("example_id"), beside.select("example_id")]
    return pl.concat(both).unique().collect(engine="streaming")


def place() -> pl.Expr:
    """What options may be drawn from: rows of the same locale and split, as UInt64."""
    return hashed(pl.col("locale"), pl.col("split")).alias("place")


def product_splits(known: pl.DataFrame) -> pl.DataFrame:
    """A product that any test query touches belongs to the test split."""
    return known.group_by("product").agg(pl.col("split").min())  # "test" < "train"
