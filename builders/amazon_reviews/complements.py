"""Which type of product goes with another: set 4."""

from __future__ import annotations

import polars as pl

from builders.amazon_reviews.kinds import credited, kinds
from builders.amazon_reviews.tables import Tables, kinds_of, product_row, touched
from builders.draw import Draw, ring
from builders.llm.writer import Writer
from builders.options import compose
from builders.text import words

CHOICES = 4
#: Two products go together that are published so, or that so many users gave four stars or more.
STRONG = 3
#: So many companions of a product an LLM is asked about, at most.
_COMPANIONS = 3
#: Products by chance that are looked at for a question.
_FAR = 60


def complement_of_type(t: Tables, draw: Draw, writer: Writer) -> pl.DataFrame:
    """4: the type of a product that is bought or liked with one of the type asked about."""
    titles = t.products.select("product", "parent_asin", pl.col("title").alias("of"))
    drawn = t.buyers.first(draw, "product").with_columns(
        pl.col("product").cast(pl.String).alias("key")
    )
    drawn = drawn.join(titles, on="product", how="left", maintain_order="left")
    companions = _companions(t, draw, drawn).join(titles, on="product")
    pool = kinds_of(t.pool).join(titles, on="product", maintain_order="left")
    shown = pl.concat([frame["of"] for frame in (drawn, companions, pool)])
    told = kinds(shown, writer, draw.set).with_columns(words(pl.col("kind")).alias("words"))
    fit = told.filter(pl.col("kind_flaw").is_null())
    anchors = drawn.join(told, on="of", how="left", maintain_order="left")
    right = _right(anchors, companions.join(fit, on="of"))
    found = right.select("key", *(pl.col(name).alias(f"right_{name}") for name in _TYPE))
    anchors = anchors.join(found, on="key", how="left", maintain_order="left").with_columns(
        pl.col("kind").alias("product_type"),
        pl.lit("en").alias("language"),
        pl.col("of").alias("said"),
        pl.lit("train").alias("split"),
        pl.concat_list(product_row()).alias("rows"),
        touched("parent_asin"),
        pl.when(pl.col("of").is_null())
        .then(pl.lit("product without title"))
        .when(pl.col("kind_flaw").is_not_null())
        .then("kind_flaw")
        .when(pl.col("right_kind").is_null())
        .then(pl.lit("nothing bought or liked with it is of another type"))
        .alias("unfit"),
    )
    asked = anchors.filter(pl.col("unfit").is_null())
    wrong = _wrong(t, draw, asked, pool.join(fit, on="of", maintain_order="left"))
    candidates = pl.concat([right, wrong.select(right.columns)]).select(
        "key",
        pl.col("kind").alias("text"),
        "weight",
        "reason",
        pl.col("priority").cast(pl.Int32),
        pl.concat_list(product_row()).alias("rows"),
        touched("parent_asin").alias("keys"),
        pl.col("kind_call", "kind_by").name.prefix("options_"),
    )
    return credited(compose(draw, anchors, candidates, CHOICES), "kind")


_TYPE = ("kind", "department", "words")


def _companions(t: Tables, draw: Draw, drawn: pl.DataFrame) -> pl.DataFrame:
    """key, product, turn: what goes with each product, the published first, then by users."""
    found = drawn.select("key", pl.col("product").alias("own")).join(
        t.together.rename({"product": "own", "other": "product"}), on="own"
    )
    found = found.filter(pl.col("bought") | (pl.col("strength") >= STRONG))
    hash_ = draw.hash("companion", pl.col("key"), pl.col("product")).alias("hash")
    found = found.group_by("key", "product").agg(pl.col("bought").any(), pl.col("strength").max())
    found = found.with_columns(hash_).sort(
        "key", "bought", "strength", "hash", descending=[False, True, True, False]
    )
    found = found.with_columns(pl.int_range(pl.len()).over("key").alias("turn"))
    return found.filter(pl.col("turn") < _COMPANIONS).select("key", "product", "turn")


def _right(anchors: pl.DataFrame, companions: pl.DataFrame) -> pl.DataFrame:
    """The first companion of each product whose type shares no word with its own."""
    own = anchors.filter(pl.col("kind_flaw").is_null())
    found = companions.join(own.select("key", pl.col("words").alias("asked")), on="key")
    found = found.filter(_apart("asked")).sort("key", "turn")
    found = found.unique("key", keep="first", maintain_order=True)
    return found.drop("asked", "turn").with_columns(
        pl.lit(1.0).alias("weight"),
        pl.lit(None, pl.String).alias("reason"),
        pl.lit(0).alias("priority"),
    )


def _apart(asked: str) -> pl.Expr:
    """Whether a type shares no word with another."""
    return pl.col("words").list.set_intersection(asked).list.len() == 0


def _wrong(t: Tables, draw: Draw, asked: pl.DataFrame, pool: pl.DataFrame) -> pl.DataFrame:
    """Types of other categories and departments: no product of the pool of such a type goes with
    the product, or with one of the pool of the type asked about."""
    pool = pool.with_columns(ring(pl.col("product")).alias("ring"), pl.lit(True).alias("any"))
    pool = pool.sort("ring", "product")
    anchors = asked.select("key", pl.lit(True).alias("any"))
    found = draw.partners(anchors, pool.select("ring", "any", "product"), _FAR, ["any"], "type")
    found = (
        found.select("key", "product").unique().join(pool.rename({"place": "theirs"}), on="product")
    )
    own = asked.select(
        "key",
        "place",
        pl.col("department").alias("own_department"),
        pl.col("words").alias("asked"),
        "right_department",
        "right_words",
    )
    found = found.join(own, on="key").filter(
        pl.col("theirs") != pl.col("place"),
        pl.col("department") != pl.col("own_department"),
        pl.col("department") != pl.col("right_department"),
        _apart("asked"),
        _apart("right_words"),
    )
    found = found.join(_linked(t, asked, pool), on=["key", "kind"], how="anti")
    return found.sort("key", "product").with_columns(
        pl.lit(0.0).alias("weight"),
        pl.lit("never_together").alias("reason"),
        pl.lit(1).alias("priority"),
    )


def _linked(t: Tables, asked: pl.DataFrame, pool: pl.DataFrame) -> pl.DataFrame:
    """key, kind: the types of the pool's products that a user reviewed, or that are published,
    together with the product asked about or with one of the pool of its type."""
    own = asked.select("key", "product")
    alike = asked.select("key", "kind").join(pool.select("kind", "product"), on="kind")
    either = pl.concat([own, alike.select("key", "product")]).unique()
    pairs = ["product", "other"]
    published = t.products.select("product", pl.col("bought_together").alias("asin"))
    published = (
        published.explode("asin")
        .drop_nulls("asin")
        .join(
            t.products.select(
                pl.col("parent_asin").alias("asin"), pl.col("product").alias("other")
            ),
            on="asin",
        )
    )
    both = pl.concat([published.select(pairs), t.near.select(pairs)])
    both = pl.concat([both, both.select(product="other", other="product")])
    found = pl.concat(
        [
            either.join(both, on="product"),
            own.join(t.met.select(pairs), on="product"),
            own.join(t.together.select(pairs), on="product"),
        ]
    )
    theirs = pool.select(pl.col("product").alias("other"), "kind")
    return found.join(theirs, on="other").select("key", "kind").unique()
