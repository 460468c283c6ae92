"""Ranking and retrieval: sets 5, 27, 30, 34 and 35."""

from __future__ import annotations

import polars as pl

from builders.draw import Draw, hashed, ring
from builders.esci.candidates import (
    FAR,
    judged,
    product_anchor,
    products_as_options,
    queries_as_options,
    query_anchor,
    sibling_products,
    wrong_products,
)
from builders.esci.choice import by_turns, exact_of
from builders.esci.judgements import LABELS, WEIGHTS
from builders.esci.tables import Tables
from builders.esci.texts import bullet_rows, bulleted, language
from builders.options import FEWEST, MAX_RIGHT, compose, counts, lacking
from builders.shopbench import RANKED
from builders.text import squeezed, words

MAX_BULLET_CHARS = 250
#: By so many words in common with the title a right bullet stands out.
CLEARLY = 2


def _several_labels(made: pl.DataFrame) -> pl.DataFrame:
    one = pl.col("weights").list.n_unique() < 2
    return made.with_columns(
        pl.when(pl.col("reject").is_null() & one)
        .then(pl.lit("all candidates have one label"))
        .otherwise("reject")
        .alias("reject")
    )


def rank_products_for_query(t: Tables, draw: Draw) -> pl.DataFrame:
    """5: five products of a query, of as many labels as it has."""
    enough = _judged_often(t, draw, "query_id", "query with fewer than 5 judged products")
    anchors = draw.first(enough, "query_id").with_columns(
        pl.col("query_id").cast(pl.String).alias("key")
    )
    anchors = query_anchor(t, anchors).with_columns(language())
    found = by_turns(judged(t, anchors, "query_id", WEIGHTS, dict.fromkeys(LABELS, 0)), draw)
    found = found.filter(pl.col("priority") <= RANKED)
    said = found.join(t.products.select("product", "title"), on="product").sort("key", "example_id")
    said = said.group_by("key", maintain_order=True).agg(
        pl.col("title").str.join(" ").alias("said")
    )
    anchors = anchors.join(said, on="key", how="left")
    return _several_labels(compose(draw, anchors, products_as_options(t, found), RANKED))


def rank_queries_for_product(t: Tables, draw: Draw) -> pl.DataFrame:
    """30: five queries that a product was judged for."""
    enough = _judged_often(t, draw, "product", "product judged for fewer than 5 queries")
    anchors = draw.first(enough, "product").with_columns(
        pl.col("product").cast(pl.String).alias("key")
    )
    anchors = product_anchor(t, anchors).with_columns(language(), pl.col("title").alias("said"))
    found = by_turns(judged(t, anchors, "product", WEIGHTS, dict.fromkeys(LABELS, 0)), draw)
    return _several_labels(compose(draw, anchors, queries_as_options(t, found), RANKED))


def _judged_often(t: Tables, draw: Draw, by: str, reason: str) -> pl.DataFrame:
    counted = t.judged.group_by(by).agg(pl.len(), pl.col("label").n_unique().alias("labels"))
    draw.drop(reason, counted.filter(pl.col("len") < RANKED).height)
    enough = counted.filter(pl.col("len") >= RANKED)
    draw.drop("all candidates have one label", enough.filter(pl.col("labels") < 2).height)
    return enough.filter(pl.col("labels") >= 2).select(by)


def rank_query_product_pairs(t: Tables, draw: Draw) -> pl.DataFrame:
    """34: five pairs of different searches: one of each label, and one more of any."""
    anchors = draw.first(t.judged, "example_id", strata="label").with_columns(
        pl.col("example_id").cast(pl.String).alias("key")
    )
    anchors = query_anchor(t, anchors).with_columns(language())
    anchors = anchors.join(
        t.products.select("product", pl.col("title").alias("said")), on="product"
    )
    extra = draw.hash("label", pl.col("key")) % len(LABELS)
    wanted = anchors.select(
        "key",
        "locale",
        "split",
        "label",
        pl.concat_list(
            *(pl.lit(label) for label in LABELS),
            extra.replace_strict(dict(enumerate(LABELS)), return_dtype=pl.String),
        ).alias("wanted"),
    ).explode("wanted")
    # the anchor itself is the one of its label
    wanted = wanted.with_columns(pl.int_range(pl.len()).over("key").alias("slot")).filter(
        (pl.col("wanted") != pl.col("label")) | (pl.col("slot") == len(LABELS))
    )
    wanted = wanted.select(
        pl.format("{}/{}", "key", "slot").alias("key"),
        pl.col("key").alias("anchor"),
        hashed(pl.col("locale"), pl.col("split"), pl.col("wanted")).alias("group"),
    )
    pairs = t.judged.join(t.queries.select("query_id", "locale", "split"), on="query_id")
    pool = pairs.select(
        "example_id",
        "query_id",
        "product",
        "label",
        hashed(pl.col("locale"), pl.col("split"), pl.col("label")).alias("group"),
        ring(pl.col("example_id")).alias("ring"),
    ).sort("ring")
    found = draw.partners(wanted, pool, 2, ["group"], "pair").join(
        wanted.select("key", "anchor"), on="key"
    )
    found = found.select(
        pl.col("anchor").alias("key"),
        "example_id",
        "query_id",
        "product",
        "label",
        (pl.col("turn") + 1).alias("priority"),
    )
    own = anchors.select(
        "key",
        "example_id",
        "query_id",
        "product",
        "label",
        pl.lit(0, dtype=pl.Int64).alias("priority"),
    )
    both = pl.concat([own, found]).sort("key", "priority", "example_id")
    both = both.unique(["key", "query_id"], keep="first", maintain_order=True)
    both = both.with_columns(
        pl.col("label").replace_strict(WEIGHTS, return_dtype=pl.Float64).alias("weight"),
        pl.when(pl.col("label") != "E").then(pl.format("judged_{}", "label")).alias("reason"),
    )
    shown = products_as_options(t, both)
    asked = both.join(t.queries.select("query_id", "query", "query_key"), on="query_id").select(
        "key",
        pl.format("examples:{}", "example_id").alias("row"),
        "query",
        pl.format("query:{}", "query_key").alias("query_key"),
    )
    shown = shown.with_columns(pl.col("rows").list.first().alias("row")).join(
        asked, on=["key", "row"]
    )
    candidates = shown.with_columns(
        pl.format("query: {} | product: {}", "query", "text").alias("text"),
        pl.concat_list("keys", pl.concat_list("query_key")).alias("keys"),
    )
    return compose(draw, anchors, candidates, RANKED)


def exact_products_for_query(t: Tables, draw: Draw) -> pl.DataFrame:
    """35: one to three exact products among substitutes, complements and irrelevant ones."""
    anchors = draw.first(exact_of(t, draw, "query_id"), "query_id").with_columns(
        pl.col("query_id").cast(pl.String).alias("key")
    )
    anchors = query_anchor(t, anchors).with_columns(language(), *counts(draw))
    found = by_turns(judged(t, anchors, "query_id", WEIGHTS, dict.fromkeys(LABELS, 0)), draw)
    found = (
        found.join(anchors.select("key", "right"), on="key")
        .filter((pl.col("label") != "E") | (pl.col("priority") < pl.col("right")))
        .with_columns(
            pl.when(pl.col("label") == "E").then(0).otherwise("priority").alias("priority")
        )
    )
    said = found.filter(pl.col("label") == "E").join(
        t.products.select("product", "title"), on="product"
    )
    said = (
        said.sort("key", "example_id")
        .group_by("key", maintain_order=True)
        .agg(pl.col("title").first().alias("said"))
    )
    anchors = anchors.join(said, on="key", how="left")
    candidates = products_as_options(t, found)
    short = lacking(anchors, candidates, "count")
    candidates = pl.concat([candidates, wrong_products(t, draw, short, 1_000, each=8)])
    return compose(draw, anchors, candidates, "count", least=FEWEST)


def bullets_of_product(t: Tables, draw: Draw) -> pl.DataFrame:
    """27: one to three bullets of a product among bullets of others, some of them similar."""
    anchors = bulleted(t, draw, t.products.select("product")).with_columns(*counts(draw))
    own = anchors.select("key", "product", "bullets", "brand", "title", "right").explode("bullets")
    shared = words(pl.col("bullets")).list.set_intersection(words(pl.col("title"))).list.len()
    own = own.filter(_neutral()).with_columns(
        shared.alias("telling"),
        draw.hash("bullet", pl.col("key"), pl.col("bullets")).alias("hash"),
        pl.lit(0).alias("priority"),
        pl.lit(1.0).alias("weight"),
        pl.lit(None, dtype=pl.String).alias("reason"),
    )
    own = own.filter(pl.col("telling") >= CLEARLY).sort("key", "hash")
    own = own.filter(pl.int_range(pl.len()).over("key") < pl.col("right"))
    pooled = t.texts.filter("pooled", pl.col("bullets").is_not_null()).select("product", "bullets")
    pool = t.products.join(pooled, on="product", how="semi", maintain_order="left")
    # two similar products, and as many others as the rest may take
    others = sibling_products(t, draw, anchors, pool)
    others = others.with_columns(pl.int_range(pl.len()).over("key", "priority").alias("turn"))
    others = others.filter(pl.col("turn") < pl.when(pl.col("priority") == 1).then(2).otherwise(FAR))
    others = bullet_rows(others.join(pooled, on="product"))
    others = others.join(t.products.select("product", "brand"), on="product").filter(_neutral())
    # a bullet that says nearly as much of the title as a right one might be one
    right = own.group_by("key").agg(
        pl.col("telling").min().alias("least"),
        pl.col("bullets").str.len_chars().mean().alias("length"),
    )
    asked = anchors.select("key", words(pl.col("title")).alias("asked")).join(right, on="key")
    shared = words(pl.col("bullets")).list.set_intersection("asked").list.len()
    others = others.join(asked, on="key").filter(shared + CLEARLY <= pl.col("least"))
    # as many of another product as there may be of the right one, and of about their length, or
    # the right ones alone would have anything in common, or be the longest
    several = draw.hash("how many", pl.col("key"), pl.col("product")) % MAX_RIGHT + 1
    apart = (pl.col("bullets").str.len_chars() - pl.col("length")).abs()
    others = others.with_columns(apart.alias("apart")).sort("key", "product", "apart", "bullets")
    others = others.filter(pl.int_range(pl.len()).over("key", "product") < several).with_columns(
        (pl.col("priority") * FAR + pl.col("turn")).alias("priority"), pl.lit(0.0).alias("weight")
    )
    spoken = anchors.select("key", "bullets").explode("bullets").drop_nulls("bullets")
    spoken = spoken.select("key", squeezed(pl.col("bullets")).alias("same"))
    others = others.with_columns(squeezed(pl.col("bullets")).alias("same")).join(
        spoken, on=["key", "same"], how="anti"
    )
    columns = ["key", "product", "bullets", "weight", "reason", "priority"]
    found = pl.concat([own.select(columns), others.select(columns)], how="vertical_relaxed")
    candidates = products_as_options(
        t, found.with_columns(pl.lit(None, dtype=pl.Int64).alias("example_id")), text="bullets"
    )
    return compose(draw, anchors, candidates, "count", least=FEWEST)


def _neutral() -> pl.Expr:
    """Bullets of a fair length that do not name their brand, which the title may name too."""
    named = (
        pl.col("bullets")
        .str.to_lowercase()
        .str.contains(pl.col("brand").str.to_lowercase(), literal=True)
    )
    fair = pl.col("bullets").str.len_chars().is_between(20, MAX_BULLET_CHARS)
    return fair & ~named.fill_null(False)
