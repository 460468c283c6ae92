"""What is bought and liked together: set 6."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from builders.amazon_reviews.smallest import Smallest
from builders.amazon_reviews.tables import LIKED, Sample, Tables, product_row, touched
from builders.draw import Draw, hashed, ring
from builders.options import FEWEST, compose, counts
from builders.text import NEAR, jaccard

#: Two products are liked together if so many users gave both four stars or more.
USERS = 2
#: What users with more reviews than this like together says nothing.
TIRELESS = 200
#: Products are looked at in parts of so many.
_PART = 20_000
NO_PAIRS = pl.DataFrame(schema={"product": pl.UInt64(), "other": pl.UInt64()})
#: Products by chance that are looked at for a question.
_FAR = 40


@dataclass(frozen=True)
class Graph:
    """`buyers`, `together` and `met` as `Tables` has them."""

    buyers: Sample
    together: pl.DataFrame
    met: pl.DataFrame


def graph(path: Path, sample: Smallest, bought: Smallest, enough: int) -> Graph:
    """Who bought what together, for so many products by hash as are `enough`.

    path: product, user, place, liked of all reviews. sample: the same of some products, complete,
    with `hash`. bought: product, bought_together, hash of products that publish them.
    """
    own = _once(sample.rows(), "hash")
    published = (
        bought.rows()
        .explode("bought_together")
        .select("product", hashed(pl.col("bought_together")).alias("other"))
        .filter(pl.col("product") != pl.col("other"))
        .unique()
        .with_columns(pl.lit(0, pl.UInt32).alias("strength"), pl.lit(True).alias("bought"))
    )
    products = own.group_by("product", "hash").agg(pl.col("place").min())
    products = products.filter(pl.col("hash") <= min(sample.bound, bought.bound)).sort("hash")
    buyers, together, met = [products.clear()], [published.clear()], [NO_PAIRS]
    for part in products.iter_slices(_PART):
        mine = own.join(part, on="product", how="semi")
        users = mine.lazy().select("user").unique()
        theirs = pl.scan_parquet(path).join(users, on="user", how="semi")
        others = _once(theirs.collect(engine="streaming")).rename({"product": "other"})
        known = published.join(part, on="product", how="semi")
        found = pl.concat([known, _liked(mine, others)], how="vertical_relaxed")
        some = part.join(found, on="product", how="semi", maintain_order="left")
        some = some.head(enough - sum(map(len, buyers)))
        buyers.append(some)
        together.append(found.join(some, on="product", how="semi"))
        pairs = mine.join(some, on="product", how="semi").join(others, on="user")
        met.append(pairs.select("product", "other").unique())
        if sum(map(len, buyers)) == enough:
            break
    kept = pl.concat(buyers).select("product", "place")
    every = len(kept) < enough and sample.whole and bought.whole
    return Graph(Sample(kept, every, LIKED), pl.concat(together), pl.concat(met))


def met_among(path: Path, products: pl.Series) -> pl.DataFrame:
    """product, other: which of some products one user reviewed both of. path: as above."""
    some = products.alias("product").to_frame().lazy()
    reviews = pl.scan_parquet(path).join(some, on="product", how="semi").select("product", "user")
    own = reviews.unique().collect(engine="streaming")
    pairs = own.join(own.rename({"product": "other"}), on="user").select("product", "other")
    return pairs.filter(pl.col("product") != pl.col("other")).unique()


def _liked(own: pl.DataFrame, theirs: pl.DataFrame) -> pl.DataFrame:
    """product, other, strength, bought (false) of what users of some products liked together."""
    liking = theirs.filter(pl.len().over("user") <= TIRELESS, "liked").select("user", "other")
    return (
        own.filter("liked")
        .select("product", "user")
        .join(liking, on="user")
        .filter(pl.col("product") != pl.col("other"))
        .group_by("product", "other")
        .agg(pl.len().alias("strength"))
        .filter(pl.col("strength") >= USERS)
        .with_columns(pl.lit(False).alias("bought"))
    )


def _once(reviews: pl.DataFrame, *more: str) -> pl.DataFrame:
    """One row a user and product: liked, if ever it was."""
    return reviews.group_by("product", "user", *more).agg(
        pl.col("liked").any(), pl.col("place").min()
    )


def also_liked(t: Tables, draw: Draw) -> pl.DataFrame:
    """6: one to three products bought or liked together with one, among others of its category."""
    drawn = t.buyers.first(draw, "product").with_columns(
        pl.col("product").cast(pl.String).alias("key")
    )
    known = t.products.select("product", "parent_asin", "title", "words", "bought_together")
    anchors = drawn.join(known, on="product", how="left", maintain_order="left")
    anchors = anchors.with_columns(*counts(draw))
    companions = _companions(t, anchors)
    right = _right(draw, companions)
    least = right.group_by("key").agg(pl.col("common").min().alias("least"))
    anchors = anchors.join(least, on="key", how="left", maintain_order="left").with_columns(
        pl.lit("en").alias("language"),
        pl.col("title").alias("said"),
        pl.lit("train").alias("split"),
        pl.concat_list(product_row()).alias("rows"),
        touched("parent_asin"),
        pl.when(pl.col("title").is_null())
        .then(pl.lit("product without title"))
        .when(pl.col("least").is_null())
        .then(pl.lit("nothing bought or liked with it has a word of its title"))
        .alias("unfit"),
    )
    asked = anchors.filter(pl.col("unfit").is_null())
    found = pl.concat([right, _wrong(t, draw, asked, companions)], how="diagonal")
    candidates = found.select(
        "key",
        pl.col("title").alias("text"),
        "weight",
        "reason",
        pl.col("priority").cast(pl.Int32),
        pl.concat_list(product_row()).alias("rows"),
        touched("parent_asin").alias("keys"),
    )
    return compose(draw, anchors, candidates, "count", least=FEWEST)


def _companions(t: Tables, anchors: pl.DataFrame) -> pl.DataFrame:
    """All that was bought or liked together with the anchors, of the products that have a title."""
    asked = anchors.select("key", "product", "right", pl.col("words").alias("asked"))
    found = asked.join(t.together, on="product")
    found = found.select(pl.exclude("product"), pl.col("other").alias("product"))
    return found.join(t.products, on="product")


def _right(draw: Draw, companions: pl.DataFrame) -> pl.DataFrame:
    """The published companions, where there are any, else those that most users liked too."""
    found = companions.filter(pl.col("bought") == pl.col("bought").any().over("key"))
    found = found.with_columns(
        _common().alias("common"),
        draw.hash("right", pl.col("key"), pl.col("product")).alias("hash"),
    )
    found = found.filter(pl.col("common") > 0, jaccard(pl.col("words"), pl.col("asked")) < NEAR)
    found = found.sort("key", "strength", "hash", descending=[False, True, False])
    return found.filter(pl.int_range(pl.len()).over("key") < pl.col("right")).with_columns(
        pl.lit(1.0).alias("weight"),
        pl.lit(None, pl.String).alias("reason"),
        pl.lit(0).alias("priority"),
    )


def _common() -> pl.Expr:
    """How many words of the question's title another title has."""
    return pl.col("words").list.set_intersection("asked").list.len()


def _wrong(t: Tables, draw: Draw, anchors: pl.DataFrame, companions: pl.DataFrame) -> pl.DataFrame:
    """Products of the category that no user of the anchor reviewed, less like it than any right
    one, and no variant of a companion."""
    pool = t.pool.select("product", "place").unique().join(t.products, on="product", how="semi")
    pool = pool.with_columns(ring(pl.col("product")).alias("ring")).sort("ring", "place")
    found = draw.partners(anchors.select("key", "place"), pool, _FAR, ["place"], "product")
    found = found.select("key", "product").unique(maintain_order=True)
    asked = anchors.select(
        "key",
        "least",
        pl.col("product").alias("own"),
        pl.col("parent_asin").alias("own_asin"),
        pl.col("words").alias("asked"),
    )
    found = found.join(asked, on="key").filter(pl.col("product") != pl.col("own"))
    for known in (t.met, t.together):
        pairs = known.select(pl.col("product").alias("own"), pl.col("other").alias("product"))
        found = found.join(pairs, on=["own", "product"], how="anti")
    found = found.join(t.products, on="product").filter(
        ~pl.col("bought_together").list.contains(pl.col("own_asin")).fill_null(False),
        _common() < pl.col("least"),
        jaccard(pl.col("words"), pl.col("asked")) < NEAR,
    )
    theirs = companions.select("key", pl.col("words").alias("companion"))
    near = found.select("key", "product", "words").join(theirs, on="key")
    near = near.filter(jaccard(pl.col("words"), pl.col("companion")) >= NEAR)
    found = found.join(near, on=["key", "product"], how="anti")
    return found.sort("key", "product").with_columns(
        pl.lit(0.0).alias("weight"),
        pl.lit("not_together").alias("reason"),
        pl.lit(1).alias("priority"),
    )
