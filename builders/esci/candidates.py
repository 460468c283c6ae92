"""Where ESCI's options come from: judged for the question, near to it, or from elsewhere.

A judged option is right or wrong by its label. An unjudged one is not wrong for that alone: it is
used only if nothing speaks for it (no shared exact product, no near-equal words, and at least one
word of the query is missing from the title).
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from builders.draw import Draw, hashed
from builders.esci.tables import Tables
from builders.text import NEAR, jaccard, overlap, within, words

#: Reason codes of wrong options, in words.
REASONS = {
    "judged_S": "judged a substitute for this query, not an exact match",
    "judged_C": "judged a complement for this query, not an exact match",
    "judged_I": "judged irrelevant for this query",
    "other_query": "another search: it shares no exact product and too few words, and the product "
    "lacks a word of it",
    "other_product": "a product of another search; it lacks a word of this one",
    "random_product": "a product drawn from the same locale; it lacks a word of this query",
    "same_search": "another product, judged for the same search, with another title",
    "same_brand": "another product of the same brand, with another title",
    "elsewhere": "another product of the same locale, with another title",
    "brand_of_similar": "the brand of a product judged for the same search",
    "brand_elsewhere": "the brand of another product of the same locale",
    "brand_it_fits": "named in the title as what the product fits; another brand makes it",
    "false_keywords": "some of its keywords come from other products and are nowhere in this one's "
    "texts or queries",
    **{f"judged_{label}_instead": f"the judgement is {label}" for label in "ESCI"},
}
#: How many near searches, similar products and products by chance are looked at for a question.
SEARCHES, SIMILAR, FAR = 4, 6, 8


def products_as_options(t: Tables, found: pl.DataFrame, text: str = "title") -> pl.DataFrame:
    """Candidates out of `key`, `product`, `weight`, `reason`, `priority`, and `example_id` (null:
    unjudged); their text is the title, or another column of `found`."""
    known = t.products.select("product", "product_id", "locale", "title")
    return (
        found.drop("title", strict=False)
        .join(known, on="product")
        .select(
            "key",
            pl.col(text).alias("text"),
            "weight",
            "reason",
            pl.col("priority").cast(pl.Int32),
            _rows(_product_row()),
            pl.concat_list(_product_key()).alias("keys"),
        )
    )


def queries_as_options(t: Tables, found: pl.DataFrame) -> pl.DataFrame:
    """Candidates out of `key`, `query_id`, `weight`, `reason`, `priority`, and `example_id`."""
    row = pl.format("queries:{}", "query_id")
    return found.join(t.queries.select("query_id", "query", "query_key"), on="query_id").select(
        "key",
        pl.col("query").alias("text"),
        "weight",
        "reason",
        pl.col("priority").cast(pl.Int32),
        _rows(row),
        pl.concat_list(_query_key()).alias("keys"),
    )


def _rows(own: pl.Expr) -> pl.Expr:
    judged = pl.when(pl.col("example_id").is_not_null()).then(
        pl.format("examples:{}", "example_id")
    )
    return pl.concat_list(judged, own).list.drop_nulls().alias("rows")


def _product_row() -> pl.Expr:
    return pl.format("products:{}:{}", "locale", "product_id")


def _product_key() -> pl.Expr:
    return pl.format("product:{}", "product_id")


def _query_key() -> pl.Expr:
    return pl.format("query:{}", "query_key")


def query_anchor(t: Tables, anchors: pl.DataFrame) -> pl.DataFrame:
    """Adds the query's `query`, `words`, `locale`, `split`, `rows` and `keys` by `query_id`."""
    return anchors.join(t.queries.drop("ring"), on="query_id", maintain_order="left").with_columns(
        pl.concat_list(pl.format("queries:{}", "query_id")).alias("rows"),
        pl.concat_list(_query_key()).alias("keys"),
    )


def product_anchor(t: Tables, anchors: pl.DataFrame) -> pl.DataFrame:
    """Adds the product's columns, `rows` and `keys` by `product`."""
    return anchors.join(t.products.drop("ring"), on="product", maintain_order="left").with_columns(
        pl.concat_list(_product_row()).alias("rows"), pl.concat_list(_product_key()).alias("keys")
    )


def judged(
    t: Tables,
    anchors: pl.DataFrame,
    by: str,
    weights: Mapping[str, float],
    priority: Mapping[str, int],
) -> pl.DataFrame:
    """The judgements of each anchor's query or product (`by`), weighted by label.

    Labels that `priority` leaves out are not used. A weight below 1 comes with its reason.
    """
    rows = anchors.select("key", by).join(t.judged, on=by)
    return rows.filter(pl.col("label").is_in(list(priority))).with_columns(
        pl.col("label").replace_strict(weights, return_dtype=pl.Float64).alias("weight"),
        pl.when(pl.col("label") != "E").then(pl.format("judged_{}", "label")).alias("reason"),
        pl.col("label").replace_strict(priority, return_dtype=pl.Int32).alias("priority"),
    )


def near_queries(t: Tables, draw: Draw, anchors: pl.DataFrame) -> pl.DataFrame:
    """Other searches for each anchor: those that share one certain word with it, and any.

    All that share a word share the same one: with a different word in common with each of them,
    the right option would stand out as the hub. Those of about as many words come first, since a
    draw by words favours long queries.

    anchors: key, query_id, words, place. Returns key, query_id, other, priority (0 to 3:
    the word in common and how many words more or fewer; 4: neither): searches with an exact
    product, not near-equal in words, and without a common exact product.
    """
    exact = t.judged.filter(pl.col("label") == "E").select("query_id", "product")
    pool = t.queries.join(exact, on="query_id", how="semi", maintain_order="left").select(
        pl.col("query_id").alias("other"), pl.col("words").alias("other_words"), "place", "ring"
    )
    asked = anchors.select("key", "query_id", "words", "place")
    far = draw.partners(asked, pool, 5, ["place"], "query").with_columns(
        pl.lit(4).alias("priority"), pl.lit("").alias("word")
    )
    both = pl.concat(
        [
            frame.select("key", "other", "other_words", "priority", "word")
            for frame in (_by_word(draw, asked, pool), far)
        ]
    )
    both = (
        both.unique(["key", "other", "word"], keep="first", maintain_order=True)
        .join(asked.select("key", "query_id", "words"), on="key")
        .filter(
            pl.col("other") != pl.col("query_id"), *_unlike(pl.col("words"), pl.col("other_words"))
        )
    )
    shared = (
        both.select("query_id", "other")
        .unique()
        .join(exact, on="query_id")
        .join(exact.rename({"query_id": "other"}), on=["other", "product"])
    )
    both = both.join(shared, on=["query_id", "other"], how="anti")
    # the word that finds most searches, for each anchor
    word = (
        both.filter(pl.col("word") != "")
        .group_by("key", "word")
        .agg(pl.len().alias("n"))
        .with_columns(draw.hash("word", pl.col("key"), pl.col("word")).alias("hash"))
        .sort(pl.col("n").clip(0, 3), "hash", descending=[True, False])
        .unique("key", keep="first", maintain_order=True)
    )
    kept = both.join(word.select("key", pl.col("word").alias("best")), on="key", how="left").filter(
        (pl.col("word") == pl.col("best")) | (pl.col("word") == "")
    )
    longer = (
        pl.col("other_words").list.len().cast(pl.Int32) - pl.col("words").list.len().cast(pl.Int32)
    ).abs()
    return (
        kept.with_columns(
            pl.when(pl.col("word") != "")
            .then(longer.clip(0, 3))
            .otherwise("priority")
            .alias("priority")
        )
        .sort("key", "priority", "other")
        .unique(["key", "other"], keep="first", maintain_order=True)
        .drop("word", "best")
    )


def _by_word(draw: Draw, asked: pl.DataFrame, pool: pl.DataFrame) -> pl.DataFrame:
    """Five searches for each word of each anchor's: key, other, other_words, priority, word."""
    group = hashed(pl.col("place"), pl.col("word")).alias("group")
    of_word = (
        pool.with_columns(pl.col("other_words").alias("word")).explode("word").drop_nulls("word")
    )
    wanted = (
        asked.select(pl.col("key").alias("asker"), "place", pl.col("words").alias("word"))
        .explode("word")
        .drop_nulls("word")
        .with_columns(pl.format("{}/{}", "asker", "word").alias("key"), group)
    )
    found = draw.partners(
        wanted, of_word.with_columns(group).drop("place", "word"), 6, ["group"], "word"
    )
    return found.join(wanted.select("key", "asker", "word"), on="key").select(
        pl.col("asker").alias("key"), "other", "other_words", pl.lit(0).alias("priority"), "word"
    )


def _unlike(left: pl.Expr, right: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    return jaccard(left, right) < NEAR, overlap(left, right) < 1


def wrong_queries(t: Tables, draw: Draw, anchors: pl.DataFrame) -> pl.DataFrame:
    """Searches that anchors' product does not answer, the judged ones first.

    anchors: key, product, title, query_id (the right search), words (its), place.
    """
    no_match = judged(t, anchors, "product", dict.fromkeys("SCI", 0.0), dict.fromkeys("SCI", 1))
    no_match = (
        no_match.join(
            t.queries.select("query_id", pl.col("words").alias("other_words")), on="query_id"
        )
        .join(anchors.select("key", "words"), on="key")
        .filter(*_unlike(pl.col("words"), pl.col("other_words")))
    )
    others = near_queries(t, draw, anchors).drop("query_id").rename({"other": "query_id"})
    known = anchors.select("key", "product").join(t.known.drop("split"), on="product")
    others = others.join(known, on=["key", "query_id"], how="anti").join(
        anchors.select("key", words(pl.col("title")).alias("title_words")), on="key"
    )
    others = others.filter(~within(pl.col("other_words"), pl.col("title_words"))).select(
        "key",
        "query_id",
        pl.lit(0.0).alias("weight"),
        pl.lit("other_query").alias("reason"),
        pl.col("priority") + 2,
        pl.lit(None, dtype=pl.Int64).alias("example_id"),
    )
    return pl.concat([queries_as_options(t, no_match), queries_as_options(t, others)])


def wrong_products(
    t: Tables, draw: Draw, anchors: pl.DataFrame, priority: int, each: int = 1
) -> pl.DataFrame:
    """Products that were never judged for anchors' query: of near searches first, then any.

    anchors: key, query_id, words, place. `each`: how many products of a near search, one
    search after the other; several make a group of like products beside the question's own.
    """
    near = (
        near_queries(t, draw, anchors)
        .with_columns(draw.hash("near search", pl.col("key"), pl.col("other")).alias("hash"))
        .sort("key", "priority", "hash")
        .with_columns(pl.int_range(pl.len()).over("key").alias("turn"))
        .filter(pl.col("turn") < SEARCHES)
    )
    shown = t.judged.select(pl.col("query_id").alias("other"), "product").filter(
        (pl.lit(each) > 1) | (t.judged["label"] == "E")
    )
    near = (
        near.join(shown, on="other")
        .with_columns(draw.hash("near product", pl.col("key"), pl.col("product")).alias("hash"))
        .sort("key", "turn", "hash")
        .filter(pl.int_range(pl.len()).over("key", "other") < each)
    )
    near = near.select(
        "key",
        "product",
        (pl.col("turn") + priority).cast(pl.Int64).alias("priority"),
        pl.lit("other_product").alias("reason"),
    )
    any_product = draw.partners(
        anchors.select("key", "place"),
        t.products.select("product", "ring", "place"),
        FAR,
        ["place"],
        "product",
    ).select(
        "key",
        "product",
        pl.lit(priority + 1_000, dtype=pl.Int64).alias("priority"),
        pl.lit("random_product").alias("reason"),
    )
    found = pl.concat([near, any_product]).unique(
        ["key", "product"], keep="first", maintain_order=True
    )
    known = anchors.select("key", "query_id").join(t.known.drop("split"), on="query_id")
    found = found.join(known, on=["key", "product"], how="anti").join(
        anchors.select("key", "words"), on="key"
    )
    found = found.join(t.products.select("product", "title"), on="product").filter(
        ~within(pl.col("words"), words(pl.col("title")))
    )
    return products_as_options(t, unjudged(found))


def unjudged(found: pl.DataFrame) -> pl.DataFrame:
    """Adds what an option without a judgement has for `weight` and `example_id`."""
    return found.with_columns(
        pl.lit(0.0).alias("weight"), pl.lit(None, dtype=pl.Int64).alias("example_id")
    )


def sibling_products(
    t: Tables, draw: Draw, anchors: pl.DataFrame, pool: pl.DataFrame
) -> pl.DataFrame:
    """Other products near each anchor's product: of the same searches, of the same brand, any.

    anchors: key, product, title, maker, place, split. pool: the columns of `products` that may
    be drawn. Returns key, product, title, reason, priority; none is near-equal in title.
    """
    searches = anchors.select("key", "product", "split").join(
        t.judged.select("product", "query_id"), on="product"
    )
    siblings = (
        searches.drop("product")
        .join(t.judged.select("query_id", "product"), on="query_id")
        .join(pool.select("product", "split"), on=["product", "split"], how="semi")
        .select(
            "key", "product", pl.lit("same_search").alias("reason"), pl.lit(1).alias("priority")
        )
    )
    group = hashed(pl.col("place"), pl.col("maker")).alias("group")
    made = draw.partners(
        anchors.drop_nulls("maker").select("key", group),
        pool.drop_nulls("maker").select("product", "ring", group),
        6,
        ["group"],
        "brand",
    ).select("key", "product", pl.lit("same_brand").alias("reason"), pl.lit(1).alias("priority"))
    far = draw.partners(
        anchors.select("key", "place"),
        pool.select("product", "ring", "place"),
        FAR,
        ["place"],
        "product",
    ).select("key", "product", pl.lit("elsewhere").alias("reason"), pl.lit(2).alias("priority"))
    found = pl.concat([siblings, made, far]).unique(
        ["key", "product"], keep="first", maintain_order=True
    )
    own = anchors.select(
        "key", pl.col("product").alias("own"), words(pl.col("title")).alias("words")
    )
    found = (
        found.with_columns(draw.hash("sibling", pl.col("key"), pl.col("product")).alias("hash"))
        .sort("key", "priority", "hash")
        .filter(pl.int_range(pl.len()).over("key", "priority") < SIMILAR)
        .join(own, on="key")
    )
    return (
        found.join(t.products.select("product", "title"), on="product")
        .with_columns(words(pl.col("title")).alias("other"))  # once: an expression is not shared
        .filter(
            pl.col("product") != pl.col("own"), jaccard(pl.col("words"), pl.col("other")) < NEAR
        )
        .drop("own", "words", "other")
        .sort("key", "priority", "hash")
        .drop("hash")
    )
