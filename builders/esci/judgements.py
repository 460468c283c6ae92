"""ESCI's judgements: one label a query and title, contradictions and doubts gone."""

from __future__ import annotations

from collections import Counter

import polars as pl

from builders.draw import hashed, ring
from builders.text import clean, words

LABELS = ("E", "S", "C", "I")
#: ShopBench's relevance weights of the four labels.
WEIGHTS = {"E": 1.0, "S": 0.1, "C": 0.01, "I": 0.0}
#: Below so many words, a title that has them all is not yet an exact match.
TELLING_WORDS = 2


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
    queries = rows.select("query_id", "query", "locale", "split").sort(pl.all())
    queries = queries.unique("query_id", keep="first", maintain_order=True)
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
    once = rows.filter(~_as_before("query_id", "product", "label"))
    rows = keep(rows, once, "judgement given twice")
    split = rows.filter(_as_before("query_id", "same"), ~_as_before("label"))
    agreed = rows.join(split, on=["query_id", "same"], how="anti", maintain_order="left")
    rows = keep(rows, agreed, "judgements of a query and title contradict each other")
    titles = rows.filter(~_as_before("query_id", "same")).drop("same")
    rows = keep(rows, titles, "title judged twice for a query")
    sure = rows.join(
        _doubtful(rows, queries, products), on="example_id", how="anti", maintain_order="left"
    )
    rows = keep(rows, sure, "label goes against the words of query and title")
    asked = queries.join(rows.select("query_id"), on="query_id", how="semi", maintain_order="left")
    return asked, known, rows


def _as_before(*columns: str) -> pl.Expr:
    """Whether a row has the same values as the row before it."""
    return pl.all_horizontal(
        pl.col(column) == pl.col(column).shift() for column in columns
    ).fill_null(False)


def _doubtful(rows: pl.DataFrame, queries: pl.DataFrame, products: pl.DataFrame) -> pl.DataFrame:
    """Judgements that the words speak against, by example_id.

    A tenth of ESCI's labels are disputable. Out go: an exact match whose title has no word of the
    query, and a substitute, complement or irrelevant product whose title has all its words (two
    or more). Words are looked for within the title's words too, as Japanese does not part them.
    """
    titles = products.lazy().select("product", pl.col("title").str.to_lowercase())
    had = (
        rows.lazy()
        .join(queries.lazy().select("query_id", "words"), on="query_id")
        .join(titles, on="product")
        .explode("words")
        .drop_nulls("words")
        .select(
            "example_id",
            "label",
            pl.col("title").str.contains(pl.col("words"), literal=True).alias("had"),
        )
        .group_by("example_id")
        .agg(pl.col("label").first(), pl.len().alias("words"), pl.col("had").sum().alias("had"))
    )
    none = (pl.col("label") == "E") & (pl.col("had") == 0)
    all_ = (pl.col("label") != "E") & (pl.col("had") == pl.col("words"))
    doubtful = had.filter(none | (all_ & (pl.col("words") >= TELLING_WORDS)))
    return doubtful.select("example_id").collect(engine="streaming")


def place() -> pl.Expr:
    """What options may be drawn from: rows of the same locale and split, as UInt64."""
    return hashed(pl.col("locale"), pl.col("split")).alias("place")


def product_splits(known: pl.DataFrame, queries: pl.DataFrame) -> pl.DataFrame:
    """A product that any test query touches belongs to the test split."""
    by_query = known.join(queries.select("query_id", "split"), on="query_id")
    return by_query.group_by("product").agg(pl.col("split").min())  # "test" < "train"
