"""Questions whose options are products or reviews: sets 14, 15 and 28."""

from __future__ import annotations

import ast
import json

import polars as pl

from builders.draw import Draw, hashed
from builders.ecinstruct.inputs import (
    UNREAD,
    anchored,
    as_options,
    cleaned,
    entries,
    member,
    of_task,
    product_key,
    query_key,
    review_key,
    usable,
)
from builders.options import FEWEST, MAX_RIGHT, compose, counts
from builders.source import Content
from builders.text import NEAR, jaccard, squeezed, words

#: So many other queries are looked at for products that fill up.
OTHERS = 16
UNRANKED = "output is no ranking of the products"

NEXT_OPTIONS, MAX_NEXT_CHARS = 10, 240
#: Of a longer history the latest titles are shown, each whole.
MAX_HISTORY_CHARS = 1_200
# The name of a product, which its categories and its brand follow.
_NAME = r"^(.{12,}?)\. .*$"

#: From the most to the least positive, and the weight of each.
SENTIMENTS = {"very positive": 4, "positive": 3, "neutral": 2, "negative": 1, "very negative": 0}
MAX_REVIEW_CHARS = 600


def products_for_query(t: Content, draw: Draw) -> pl.DataFrame:
    """14: the best of a query's two to four products, among products of other queries."""
    rows = of_task(t, "Query_Product_Rank").with_columns(
        member("query").alias("query"), member("product list").alias("products")
    )
    told = pl.all_horizontal(pl.col("query", "products").is_not_null())
    rows = usable(draw, cleaned(rows, "query"), told, UNREAD)
    rows = rows.with_columns(words(pl.col("query")).alias("asked"))
    shown = _ranked(rows)
    ranked = pl.col("key").is_in(shown["key"].unique().implode())
    rows = usable(draw, rows, ranked, UNRANKED)
    _, count = counts(draw)
    anchors = anchored(draw, rows, "query", query_key()).with_columns(count)
    own = shown.join(anchors.select("key", "asked"), on="key").filter(
        pl.col("rank") < MAX_RIGHT, _share_a_word("told", "asked")
    )
    own = own.with_columns(
        (MAX_RIGHT - pl.col("rank")).alias("weight"), pl.lit(0).alias("priority")
    )
    others = _of_other_queries(draw, anchors, rows, shown, own)
    key = pl.concat_list(product_key(pl.col("text")))
    candidates = [
        as_options(own, "other_query", key),
        as_options(others, "other_query", key, pl.concat_list("row")),
    ]
    return compose(draw, anchors, pl.concat(candidates), "count", least=FEWEST)


def _share_a_word(left: str, right: str) -> pl.Expr:
    return pl.col(left).list.set_intersection(right).list.len() > 0


def _ranked(rows: pl.DataFrame) -> pl.DataFrame:
    """The products (`key`, `text`, `told`: its words, `rank` from 0) of the rows that rank all."""
    order = pl.col("output").str.replace_all(r"\s", "").str.split(",")
    ranks = rows.select("key", order.alias("mark"), pl.int_ranges(order.list.len()).alias("rank"))
    found = entries(rows, "products", json.loads, mark="[A-Z]").drop("place")
    found = found.join(ranks.explode("mark", "rank"), on=["key", "mark"], how="full", coalesce=True)
    whole = pl.all_horizontal(
        pl.col("text", "rank").is_not_null().all(), pl.col("mark").is_unique().all()
    )
    found = found.filter(whole.over("key")).sort("key", "rank")
    return found.with_columns(words(pl.col("text")).alias("told"))


def _of_other_queries(
    draw: Draw, anchors: pl.DataFrame, rows: pl.DataFrame, shown: pl.DataFrame, own: pl.DataFrame
) -> pl.DataFrame:
    """Products of queries of the same split that have no word in common with the question's.

    Nor has a product a word of it, nor is it near-equal to a right one. One to three of each
    other query come first: the right ones are not the only group of like products.
    """
    pool = rows.select(pl.col("key").alias("other"), "row", "split", "ring", of_other="asked")
    found = draw.partners(anchors.select("key", "split"), pool, OTHERS, ["split"], "query")
    found = found.sort("key", "turn").unique(["key", "other"], keep="first", maintain_order=True)
    found = found.join(anchors.select("key", "asked"), on="key")
    found = found.filter(~_share_a_word("of_other", "asked"))
    found = found.join(shown.rename({"key": "other"}), on="other")
    found = found.filter(~_share_a_word("told", "asked"))
    right = own.select("key", right="told")
    near = found.join(right, on="key").filter(jaccard(pl.col("told"), pl.col("right")) >= NEAR)
    found = found.join(near, on=["key", "text"], how="anti").sort("key", "turn", "rank")
    several = draw.hash("how many of another", pl.col("key"), pl.col("other")) % MAX_RIGHT + 1
    beyond = pl.int_range(pl.len()).over("key", "other") >= several
    turn = pl.col("turn") + 1 + pl.when(beyond).then(OTHERS).otherwise(0)
    return found.with_columns(turn.alias("priority"), pl.lit(0).alias("weight"))


def next_product(t: Content, draw: Draw) -> pl.DataFrame:
    """15: what came next, and nine of the nineteen products that did not."""
    rows = of_task(t, "Sequential_Recommendation")
    past = entries(rows, "input", ast.literal_eval, mark=r"\d+(?:st|nd|rd|th)")
    rows = usable(draw, rows, pl.col("key").is_in(past["key"].unique().implode()), UNREAD)
    latest = past.sort("key", "place", descending=[False, True])
    length = pl.col("text").str.len_chars().cum_sum().over("key")
    last = pl.col("place") == pl.col("place").max().over("key")
    latest = latest.filter((length <= MAX_HISTORY_CHARS) | last).sort("key", "place")
    history = latest.group_by("key", maintain_order=True).agg(
        pl.col("text").alias("history"),
        pl.col("text").last().str.replace(_NAME, "$1").alias("latest"),
        pl.col("text").str.join(" ").alias("titles"),
        product_key(pl.col("text")).alias("seen"),
    )
    rows = rows.join(history, on="key", maintain_order="left")
    anchors = anchored(draw, rows, "titles", pl.col("seen"))
    found = _offered(anchors, past)
    return compose(draw, anchors, found, NEXT_OPTIONS, chars=MAX_NEXT_CHARS)


def _offered(anchors: pl.DataFrame, past: pl.DataFrame) -> pl.DataFrame:
    """The published options but for those of the history, and those near-equal to the right one."""
    found = entries(anchors, "choices", ast.literal_eval, mark="[A-Z]")
    letter = anchors.select("key", pl.col("output").str.extract(r"^([A-Z])\b").alias("letter"))
    same = squeezed(pl.col("text")).alias("same")
    found = found.with_columns(same, words(pl.col("text")).alias("told")).join(letter, on="key")
    found = found.join(past.select("key", same), on=["key", "same"], how="anti")
    found = found.with_columns((pl.col("mark") == pl.col("letter")).alias("weight"))
    right = found.filter("weight").select("key", right="told")
    near = found.filter(~pl.col("weight")).join(right, on="key")
    near = near.filter(jaccard(pl.col("told"), pl.col("right")) >= NEAR)
    found = found.join(near, on=["key", "mark"], how="anti")
    shown = found.with_columns((~pl.col("weight")).alias("priority"))
    return as_options(shown, "not_next", pl.concat_list(product_key(pl.col("text"))))


def rank_reviews_by_sentiment(t: Content, draw: Draw) -> pl.DataFrame:
    """28: five reviews of one split, one of each sentiment."""
    sentiment = pl.col("output").str.replace(r"^[A-E]: ", "")
    rows = of_task(t, "Sentiment_Analysis").with_columns(
        pl.col("input").alias("text"),
        sentiment.replace_strict(SENTIMENTS, default=None, return_dtype=pl.Int32).alias("weight"),
    )
    rows = usable(draw, cleaned(rows, "text"), pl.col("text").is_not_null(), UNREAD)
    rows = usable(draw, rows, pl.col("weight").is_not_null(), "output is no sentiment")
    fits = pl.col("text").str.len_chars() <= MAX_REVIEW_CHARS
    rows = usable(draw, rows, fits, f"review longer than {MAX_REVIEW_CHARS} characters")
    anchors = anchored(draw, rows, "text", review_key(pl.col("text")))
    group = hashed(pl.col("split"), pl.col("weight")).alias("group")
    of_weight = pl.DataFrame({"weight": list(SENTIMENTS.values())}, {"weight": pl.Int32})
    wanted = anchors.select("split", pl.col("key").alias("asker"), own="weight")
    wanted = wanted.join(of_weight, how="cross").filter(pl.col("weight") != pl.col("own"))
    wanted = wanted.with_columns(pl.format("{}/{}", "asker", "weight").alias("key"), group)
    pool = rows.select("text", "row", "ring", group)
    others = draw.partners(wanted.select("key", "group"), pool, 1, ["group"], "review")
    others = others.drop("group").join(wanted.select("key", "asker", "weight"), on="key")
    columns = ["key", "text", "row", "weight"]
    found = pl.concat(
        [anchors.select(columns), others.drop("key").rename({"asker": "key"}).select(columns)]
    )
    review = pl.concat_list(review_key(pl.col("text")))
    found = as_options(found.with_columns(priority=0), "", review, pl.concat_list("row"))
    less = pl.when(pl.col("weight") < max(SENTIMENTS.values())).then(pl.lit("less_positive"))
    found = found.with_columns(less.alias("reason"))
    made = compose(draw, anchors.drop("weight"), found, len(SENTIMENTS), chars=MAX_REVIEW_CHARS)
    return made.with_columns(pl.col("options").list.join(" ").alias("said"))
