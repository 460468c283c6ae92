"""Amazon Reviews 2023 as the sets use it: samples of a stream that need not fit into memory.

571 million reviews are read once, batch by batch. Each set draws by a hash, so of each batch only
the rows of its smallest hashes are kept. Who reviewed which product goes to a file beside: what
the buyers of a product bought as well is known only when all reviews have been seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl

from builders.draw import Draw, Exhausted, hashed
from builders.source import Source, Table

RATED, WRITTEN, VOTED, LIKED, SNIPPETS, COVERED, COMPLEMENT = (
    f"amazon_reviews.{name}"
    for name in (
        "rating_of_review",
        "review_of_product",
        "rank_reviews_by_helpfulness",
        "also_liked",
        "snippets_for_aspect",
        "aspects_of_review",
        "complement_of_type",
    )
)
#: Sets that ask an LLM about reviews draw alike, so that they share its answers.
TOLD = "amazon_reviews.told"
STARS = (1.0, 2.0, 3.0, 4.0, 5.0)

#: Of so many products of the pool, in the order of the ring, it is known what kind they are.
KINDS = 400

_S, _I = pl.String(), pl.Int64()
REVIEWS = {
    "rating": pl.Float64(), "title": _S, "text": _S, "asin": _S, "parent_asin": _S, "user_id": _S,
    "timestamp": _I, "helpful_vote": _I, "file": _S,
}  # fmt: skip
PRODUCTS = {"parent_asin": _S, "title": _S, "bought_together": pl.List(_S), "file": _S}

SOURCE = Source(
    name="amazon_reviews",
    license="LicenseRef-Amazon-Reviews-2023-research",
    tables={
        "reviews": Table("raw/review_categories/*", REVIEWS, (".jsonl", ".parquet")),
        "products": Table("raw/meta_categories/meta_*", PRODUCTS, (".jsonl", ".parquet")),
    },
    repo="McAuley-Lab/Amazon-Reviews-2023",
    repo_files=("raw/review_categories/{part}.jsonl", "raw/meta_categories/meta_{part}.jsonl"),
    obtain="name categories, as in --source hub:All_Beauty,Amazon_Fashion",
)


@dataclass(frozen=True)
class Sample:
    """The rows of a set's smallest hashes; `whole` where nothing of the source was left out.

    name: whose hashes these are, where other sets draw from them as well.
    """

    rows: pl.DataFrame
    whole: bool
    name: str | None = None

    def first(self, draw: Draw, key: str) -> pl.DataFrame:
        """The next rows by the hash of `key`. Raises `Exhausted` where they were not kept."""
        found = self._own(draw).first(self.rows, key)
        if len(found) < draw.limit and not self.whole:
            raise Exhausted(draw.set)
        return found

    def first_fit(self, draw: Draw, key: str, reason: str) -> pl.DataFrame:
        """The same of the rows that are `fit`; the others on the way are counted as dropped."""
        rows = self.rows.with_columns(self._own(draw).hash("first", pl.col(key)).alias("hash"))
        drawn = replace(self, rows=rows.filter("fit")).first(draw, key)
        passed = rows.filter(~pl.col("fit"))
        if len(drawn) == draw.limit:
            passed = passed.filter(pl.col("hash") < drawn["hash"].max())
        draw.drop(reason, len(passed))
        return drawn.drop("hash")

    def _own(self, draw: Draw) -> Draw:
        return replace(draw, set=self.name or draw.set)


@dataclass(frozen=True)
class Tables:
    """What was kept.

    rated (by stars), written: samples of review, product, place (u64; a place is a category),
      row (its name), rating, title, text, timestamp, helpful_vote, user_id, parent_asin,
      repeated (bool: the same user reviewed the product at that moment before).
    pool: such rows for distractors, with `ring` and sorted by it.
    told: such a sample for the sets that ask an LLM about reviews.
    voted: a sample of product, fit (bool: its reviews have five different vote counts).
    votes: such rows as of `written`, with votes, of products that are `fit`.
    buyers: a sample of product, place: products with others in `together`.
    together: product, other, bought (bool, else liked), strength (by how many users).
    met: product, other: all that the users of a product in `buyers` reviewed as well.
    near: product, other: the same among the first `KINDS` products of the pool.
    products: product, parent_asin, title, words, bought_together of all that may be shown.
    """

    rated: Mapping[float, Sample]
    written: Sample
    told: Sample
    voted: Sample
    votes: pl.DataFrame
    pool: pl.DataFrame
    buyers: Sample
    together: pl.DataFrame
    met: pl.DataFrame
    near: pl.DataFrame
    products: pl.DataFrame
    revision: str
    rejects: Mapping[str, int]


def category() -> pl.Expr:
    """The category that a file of reviews is named after."""
    return pl.col("file").str.extract(r"([^/]+)\.\w+$")


def review_row() -> pl.Expr:
    """How a review is named in `source_rows`; it has no published id."""
    return pl.format("reviews:{}:{}:{}:{}", category(), "parent_asin", "user_id", "timestamp")


def product_row() -> pl.Expr:
    """How a product is named in `source_rows`."""
    return pl.format("products:{}", "parent_asin")


def product_key() -> pl.Expr:
    """The join key of a product, UInt64."""
    return hashed(pl.col("parent_asin"))


def called(reviews: pl.DataFrame) -> pl.DataFrame:
    """Reviews with their `row` instead of their `file`."""
    return reviews.with_columns(review_row().alias("row")).drop("file")


def once(reviews: pl.DataFrame) -> pl.DataFrame:
    """Marks all but one of equal reviews."""
    reviews = reviews.sort("review", "text", "rating", "title", "row")
    return reviews.with_columns((~pl.col("review").is_first_distinct()).alias("repeated"))


def kinds_of(pool: pl.DataFrame) -> pl.DataFrame:
    """The first `KINDS` products of the pool, each with a place."""
    return (
        pool.select("product", "place")
        .unique("product", keep="first", maintain_order=True)
        .head(KINDS)
    )


def touched(*names: str) -> pl.Expr:
    """The `keys` of a question or option, by its columns `parent_asin` and `user_id`."""
    kinds = {"parent_asin": "product:{}", "user_id": "user:{}"}
    return pl.concat_list(pl.format(kinds[name], name) for name in names).alias("keys")


#: How rows are called in `source_rows`.
NAMED = {"reviews": review_row(), "products": product_row()}
