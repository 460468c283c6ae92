"""Questions whose options are the answers of the task: sets 12, 13 and 16 to 19."""

from __future__ import annotations

import json
from collections.abc import Mapping

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
from builders.ecinstruct.relevance import borne_out
from builders.options import compose
from builders.source import Content
from builders.text import cut, jaccard, squeezed, words

#: Why an option is wrong, where the options are all the answers that there are.
OTHER_ANSWER = "other_answer"
UNBORNE = "the words do not bear the label out"
MAX_DESCRIPTION_CHARS = 1_000
#: What the letters of relevance are for ESCI, whose labels they are.
LABELS = {"A": "E", "B": "S", "C": "C", "D": "I"}

#: The answers of the yes/no tasks, as options.
SUBSTITUTE = {
    "yes": "The product misses some aspect of the query but can be used as a substitute.",
    "no": "The product satisfies all of the query; it is no mere substitute.",
}
SAME = {
    "yes": "Both are the same product.",
    "no": "They are two different products.",
}
ANSWERABLE = {
    "yes": "The question can be answered from these reviews.",
    "no": "The question cannot be answered from these reviews.",
}

#: Titles of products that go together share less of their words than this, those of products that
#: are viewed for one another this much or more.
UNLIKE, ALIKE = 0.2, 0.1
#: Beside what is bought together stands "similar" once in so many times, else "viewed": about as
#: often as pairs are published to be similar, so that the options do not tell.
_VIEWED = 10
_BUY = "who buy"

_SENTENCE_END = r"[.!?…]+(?: .*)?$"
# NaN is what Python's JSON writes, and no JSON.
_BARE_NAN = r"(:\s*)NaN(\s*[,}])"


def relevance_of_product(t: Content, draw: Draw) -> pl.DataFrame:
    """12: exact, substitute, complement or irrelevant, in words."""
    rows = of_task(t, "Multiclass_Product_Classification").with_columns(
        member("query").alias("query"), member("product title").alias("title")
    )
    rows = borne_out(_read(draw, rows, "query", "title"))
    label = pl.col("output").str.extract(r"^([A-D])\b").replace(LABELS)
    borne = pl.coalesce(pl.when(label == name).then(name) for name in LABELS.values())
    rows = usable(draw, rows, borne.fill_null(True), UNBORNE)
    anchors = anchored(draw, rows, "title", query_key(), product_key(pl.col("title")))
    return compose(draw, anchors, _published(anchors), 4)


def relation_of_products(t: Content, draw: Draw) -> pl.DataFrame:
    """13: bought together, or else viewed together or similar.

    Shoppers view what is similar, so of these two only the published one is shown. It takes titles
    that have words in common, and the other titles that have few.
    """
    rows = of_task(t, "Product_Relation_Prediction").with_columns(
        member("Product 1:").alias("first"), member("Product 2:").alias("second")
    )
    rows = _read(draw, rows, "first", "second")
    apart = squeezed(pl.col("first")) != squeezed(pl.col("second"))
    rows = usable(draw, rows, apart, "two products of one title")
    keys = [product_key(pl.col(name)) for name in ("first", "second")]
    anchors = anchored(draw, rows, "first", *keys)
    found = _published(anchors).with_columns(pl.col("text").str.contains(_BUY).alias("bought"))
    goes = pl.col("bought") & (pl.col("weight") == 1)
    likeness = jaccard(words(pl.col("first")), words(pl.col("second"))).alias("likeness")
    alike = anchors.select("key", likeness)
    found = found.join(alike, on="key").with_columns(goes.any().over("key").alias("together"))
    few = draw.hash("similar", pl.col("key")) % _VIEWED == 0
    similar = pl.col("text").str.contains("similar")
    shown = (pl.col("weight") == 1) | (
        pl.when("together").then(~pl.col("bought") & (similar == few)).otherwise("bought")
    )
    tells = (
        pl.when("together").then(pl.col("likeness") < UNLIKE).otherwise(pl.col("likeness") >= ALIKE)
    )
    told = found.group_by("key").agg(tells.first().alias("tells"))
    anchors = anchors.join(told, on="key", how="left", maintain_order="left").with_columns(
        pl.when(~pl.col("tells")).then(pl.lit("titles do not bear the relation out")).alias("unfit")
    )
    return compose(draw, anchors, found.filter(shown), 2)


def answerable(t: Content, draw: Draw) -> pl.DataFrame:
    """16: whether reviews answer a question. All of them are shown: any may hold the answer."""
    rows = of_task(t, "Answerability_Prediction").with_columns(
        member("question").alias("question"), member("document").alias("document")
    )
    reviews = entries(rows, "document", json.loads)
    told = reviews.group_by("key", maintain_order=True).agg(documents="text")
    rows = rows.join(told, on="key", how="left", maintain_order="left")
    rows = _read(draw, rows, "question", "document")
    rows = usable(draw, rows, pl.col("documents").is_not_null(), UNREAD)
    question = pl.format("question:{}", hashed(squeezed(pl.col("question"))))
    keys = pl.col("documents").list.eval(review_key(pl.element()))
    anchors = anchored(draw, rows, "question", question, keys)
    return compose(draw, anchors, _yes_or_no(anchors, ANSWERABLE), 2)


def same_product(t: Content, draw: Draw) -> pl.DataFrame:
    """17: whether two records are of one product; each pair in both orders."""
    rows = of_task(t, "Product_Matching").with_columns(
        pl.col("input").str.replace_all(_BARE_NAN, "${1}null${2}")
    )
    names = ("title", "manufacturer", "price", "description")
    told = {f"{i} {name}": member(name, of=f"product {i}") for i in (1, 2) for name in names}
    rows = cleaned(rows.with_columns(**told), *told)
    titled = pl.all_horizontal(pl.col("1 title", "2 title").is_not_null())
    rows = usable(draw, rows, titled, UNREAD)
    records = {number: _record(rows, number) for number in (1, 2)}
    both = [
        rows.with_columns(
            pl.format("{}/{}", "key", pl.lit(first)).alias("key"),
            records[first].alias("first"),
            records[second].alias("second"),
            pl.col(f"{first} title").alias("first_title"),
            pl.col(f"{second} title").alias("second_title"),
        )
        for first, second in ((1, 2), (2, 1))
    ]
    keys = [product_key(pl.col(name)) for name in ("1 title", "2 title")]
    anchors = anchored(draw, pl.concat(both), "first", *keys)
    return compose(draw, anchors, _yes_or_no(anchors, SAME), 2)


def _record(rows: pl.DataFrame, number: int) -> pl.Series:
    """A product in lines, without what is missing; a price of 0 is."""
    price = pl.col(f"{number} price").str.strip_prefix("$")
    whole = rows[f"{number} description"]
    short = [text and cut(text, MAX_DESCRIPTION_CHARS) for text in whole]
    told = [
        pl.format("title: {}", f"{number} title"),
        pl.format("manufacturer: {}", f"{number} manufacturer"),
        pl.when(price.str.contains("[1-9]")).then(pl.format("price: ${}", price)),
        pl.format("description: {}", pl.Series(short, dtype=pl.String)),
    ]
    lines = pl.concat_str(told, separator="\n", ignore_nulls=True)
    return rows.select(lines).to_series()


def substitute_for_query(t: Content, draw: Draw) -> pl.DataFrame:
    """18: whether a product is a substitute, or all that was asked for."""
    rows = of_task(t, "Product_Substitute_Identification").with_columns(
        member("query").alias("query"), member("product").alias("title")
    )
    rows = borne_out(_read(draw, rows, "query", "title"))
    # what is no substitute may be unrelated as well, which words cannot tell
    borne = pl.when(pl.col("output") == "yes").then("S").otherwise("E")
    rows = usable(draw, rows, borne, UNBORNE).rename({"title": "product"})
    anchors = anchored(draw, rows, "product", query_key(), product_key(pl.col("product")))
    return compose(draw, anchors, _yes_or_no(anchors, SUBSTITUTE), 2)


def sentiment_of_review(t: Content, draw: Draw) -> pl.DataFrame:
    """19: from very positive to very negative, in this order."""
    rows = of_task(t, "Sentiment_Analysis").with_columns(pl.col("input").alias("review"))
    rows = _read(draw, rows, "review")
    anchors = anchored(draw, rows, "review", review_key(pl.col("review")))
    words = pl.col("review").str.extract(r"^(\S+(?: \S+){0,5})").str.replace(_SENTENCE_END, "")
    anchors = anchors.with_columns(words.str.strip_chars_end(" ,;:-(\"'").alias("opening"))
    return compose(draw, anchors, _published(anchors), 5, ordered=True)


def _read(draw: Draw, rows: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """The rows whose input has these texts, plain."""
    told = pl.all_horizontal(pl.col(columns).is_not_null())
    return usable(draw, cleaned(rows, *columns), told, UNREAD)


def _published(anchors: pl.DataFrame) -> pl.DataFrame:
    """The published options, right where the output is one, whole or by its letter."""
    found = entries(anchors, "choices", json.loads, mark="[A-Z]")
    found = found.join(anchors.select("key", "output"), on="key", maintain_order="left")
    right = pl.col("output").is_in(pl.concat_list("mark", pl.format("{}: {}", "mark", "text")))
    return _answers(found, right, pl.col("place"))


def _yes_or_no(anchors: pl.DataFrame, sentences: Mapping[str, str]) -> pl.DataFrame:
    answers = pl.DataFrame({"answer": list(sentences), "text": list(sentences.values())})
    found = anchors.select("key", pl.col("output").str.to_lowercase()).join(answers, how="cross")
    return _answers(found, pl.col("output") == pl.col("answer"), pl.lit(0))


def _answers(found: pl.DataFrame, right: pl.Expr, priority: pl.Expr) -> pl.DataFrame:
    shown = found.with_columns(right.alias("weight"), priority.alias("priority"))
    return as_options(shown, OTHER_ANSWER)
