"""Multiple choice between titles or queries: sets 21 to 26 and 29."""

from __future__ import annotations

import polars as pl

from builders.draw import Draw, hashed
from builders.esci.candidates import (
    judged,
    product_anchor,
    products_as_options,
    queries_as_options,
    query_anchor,
    sibling_products,
    unjudged,
    wrong_products,
    wrong_queries,
)
from builders.esci.tables import Tables
from builders.esci.texts import bulleted, described, language, mask_brand
from builders.options import compose, lacking
from builders.text import clean, jaccard, squeezed, words

CHOICES = 4
#: The right option stands in any case. Substitutes come last, being the hardest to tell from it.
FIRST = {"E": 0, "C": 1, "I": 1, "S": 2}
RIGHT = {"E": 1.0, "S": 0.0, "C": 0.0, "I": 0.0}

UNASKED = "the text tells none of its exact queries"
UNTOLD = "the text has fewer than two words of its title"


def one_right(found: pl.DataFrame, draw: Draw) -> pl.DataFrame:
    """Of several right options (E) of a question, one by chance; the wrong ones all."""
    right = found.filter(pl.col("label") == "E").with_columns(
        draw.hash("right", pl.col("key"), pl.col("example_id")).alias("hash")
    )
    right = right.sort("key", "hash").unique("key", keep="first", maintain_order=True)
    return pl.concat([right.drop("hash"), found.filter(pl.col("label") != "E")])


def exact_of(t: Tables, draw: Draw, of: str) -> pl.DataFrame:
    """The queries or products (`of`: their column) with an exact match; the others are counted."""
    exact = t.judged.filter(pl.col("label") == "E").select(of).unique()
    draw.drop("no clear exact match", t.known[of].n_unique() - len(exact))
    return exact


def by_turns(found: pl.DataFrame, draw: Draw) -> pl.DataFrame:
    """Priority by turns: one judgement of each label, then a second of each, and so on; E first."""
    hashes = draw.hash("turn", pl.col("key"), pl.col("example_id"))
    turn = hashes.rank("ordinal").over("key", "label").cast(pl.Int32)
    return found.with_columns(
        pl.when(pl.col("weight") == 1).then(turn - 1).otherwise(turn).alias("priority")
    )


def title_for_query(t: Tables, draw: Draw) -> pl.DataFrame:
    """26: E against C and I of the query, its S, then products of other searches."""
    return _product_choice(t, draw, title_alone=True)


def product_for_query(t: Tables, draw: Draw) -> pl.DataFrame:
    """29: as 26, but with brand and colour, and one of each label as long as there are some."""
    return _product_choice(t, draw, title_alone=False)


def _product_choice(t: Tables, draw: Draw, title_alone: bool) -> pl.DataFrame:
    anchors = draw.first(exact_of(t, draw, "query_id"), "query_id").with_columns(
        pl.col("query_id").cast(pl.String).alias("key")
    )
    anchors = query_anchor(t, anchors).with_columns(language())
    found = one_right(judged(t, anchors, "query_id", RIGHT, FIRST), draw)
    if not title_alone:
        found = by_turns(found, draw)
    right = found.filter(pl.col("weight") == 1).join(
        t.products.select("product", "title"), on="product"
    )
    anchors = anchors.join(right.select("key", pl.col("title").alias("said")), on="key", how="left")
    # a product that is nearly the right one by title is no honest distractor
    near = found.join(t.products.select("product", "title"), on="product").with_columns(
        words(pl.col("title")).alias("told")
    )
    near = near.join(anchors.select("key", words(pl.col("said")).alias("right")), on="key")
    near = near.filter(
        (pl.col("weight") == 1) | (jaccard(pl.col("told"), pl.col("right")) < 0.8)
    ).select(found.columns)
    candidates = products_as_options(t, near)
    short = lacking(anchors, candidates, CHOICES)
    candidates = pl.concat([candidates, wrong_products(t, draw, short, 1_000)])
    made = compose(draw, anchors, candidates, CHOICES)
    return made if title_alone else _with_details(t, made, candidates)


def _with_details(t: Tables, made: pl.DataFrame, candidates: pl.DataFrame) -> pl.DataFrame:
    """Options as one line: title | brand: X | color: Y, each detail if all options have it.

    Shown for some alone, a detail would tell the options apart by itself.
    """
    row = pl.format("products:{}:{}", "locale", "product_id").alias("row")
    shown_by = candidates.with_columns(pl.col("rows").list.last().alias("row"))
    shown_by = shown_by.sort(
        "key", "text", "priority", "reason", hashed(pl.col("row")), nulls_last=True
    )  # of products of one title, the one that `compose` takes
    of_text = shown_by.select("key", pl.col("text").alias("options"), "row").unique(
        ["key", "options"], keep="first", maintain_order=True
    )
    shown = (
        made.select("key", "options")
        .explode("options")
        .join(of_text, on=["key", "options"], how="left", maintain_order="left")
        .join(t.products.select(row, "brand", "color"), on="row", how="left", maintain_order="left")
    )
    details = [
        pl.when(pl.col(name).is_not_null().all().over("key")).then(pl.format(name + ": {}", name))
        for name in ("brand", "color")
    ]
    line = pl.concat_str("options", *details, separator=" | ", ignore_nulls=True)
    lines = shown.with_columns(clean(shown["color"])).select("key", line)
    lines = lines.group_by("key", maintain_order=True).agg("options")
    return made.drop("options").join(lines, on="key", maintain_order="left").select(made.columns)


def query_for_title(t: Tables, draw: Draw) -> pl.DataFrame:
    """23: the query that a title answers exactly."""
    exact = exact_of(t, draw, "product")
    anchors = product_anchor(
        t, draw.first(exact, "product").with_columns(pl.col("product").cast(pl.String).alias("key"))
    )
    return _query_choice(t, draw, anchors.with_columns(pl.col("title").alias("said")))


def query_for_description(t: Tables, draw: Draw) -> pl.DataFrame:
    """21: the query that a described product answers exactly."""
    anchors = described(t, draw, exact_of(t, draw, "product"))
    return _query_choice(t, draw, anchors, "description")


def query_for_bullets(t: Tables, draw: Draw) -> pl.DataFrame:
    """22: the query that a product with these bullets answers exactly."""
    anchors = bulleted(t, draw, exact_of(t, draw, "product"))
    return _query_choice(t, draw, anchors, "bullets")


def _query_choice(
    t: Tables, draw: Draw, anchors: pl.DataFrame, text: str | None = None
) -> pl.DataFrame:
    found = judged(t, anchors, "product", RIGHT, {"E": 0})
    if text:
        # half of the words must stand in the text that is shown, not in the hidden title alone
        told = anchors.select("key", words(pl.col("said")).alias("told"))
        asked = t.queries.select("query_id", pl.col("words").alias("asked"))
        named = pl.col("asked").list.set_intersection("told").list.len()
        found = found.join(told, on="key").join(asked, on="query_id")
        found = found.filter(2 * named >= pl.col("asked").list.len()).drop("told", "asked")
    right = one_right(found, draw)
    asked = right.select("key", "query_id").join(
        t.queries.select("query_id", "words"), on="query_id"
    )
    anchors = anchors.join(asked, on="key", how="left", maintain_order="left")
    unasked = pl.when(pl.col("query_id").is_null()).then(pl.lit(UNASKED)).alias("unasked")
    anchors = anchors.with_columns(language(), unasked)
    earlier = ["unfit"] if "unfit" in anchors.columns else []
    anchors = anchors.with_columns(pl.coalesce(*earlier, "unasked").alias("unfit"))
    wrong = wrong_queries(t, draw, anchors.drop_nulls("query_id"))
    made = compose(draw, anchors, pl.concat([queries_as_options(t, right), wrong]), CHOICES)
    return mask_brand(made, text) if text else made


def title_for_description(t: Tables, draw: Draw) -> pl.DataFrame:
    """24: the title of a described product, among titles of the same searches and brand."""
    return _title_choice(t, draw, described(t, draw, t.products.select("product")), "description")


def title_for_bullets(t: Tables, draw: Draw) -> pl.DataFrame:
    """25: the title of a product with these bullets."""
    return _title_choice(t, draw, bulleted(t, draw, t.products.select("product")), "bullets")


def _in_common(column: str) -> pl.Expr:
    return pl.col("told").list.set_intersection(column).list.len()


def _title_choice(t: Tables, draw: Draw, anchors: pl.DataFrame, text: str) -> pl.DataFrame:
    anchors = anchors.with_columns(language())
    right = anchors.select(
        "key",
        "product",
        pl.lit(1.0).alias("weight"),
        pl.lit(None, dtype=pl.String).alias("reason"),
        pl.lit(0).alias("priority"),
        pl.lit(None, dtype=pl.Int64).alias("example_id"),
    )
    # the text must tell the right title from every other, by two words at least
    told = anchors.select(
        "key",
        words(pl.col("said")).alias("told"),
        words(pl.col("title")).alias("words"),
        pl.col("title").str.len_chars().alias("length"),
    ).with_columns(_in_common("words").alias("most"))
    few = told.select("key", pl.when(pl.col("most") < 2).then(pl.lit(UNTOLD)).alias("untold"))
    anchors = anchors.join(few, on="key", maintain_order="left").with_columns(
        pl.coalesce("unfit", "untold").alias("unfit")
    )
    wrong = sibling_products(t, draw, anchors, t.products).join(told.drop("words"), on="key")
    wrong = wrong.with_columns(words(pl.col("title")).alias("words"))
    # among these, titles of about its length, or the right one would stand out as the longest
    apart = (pl.col("title").str.len_chars().cast(pl.Int32) - pl.col("length").cast(pl.Int32)).abs()
    wrong = unjudged(
        wrong.filter(_in_common("words") + 2 <= pl.col("most")).with_columns(
            pl.col("priority") * 1_000 + apart
        )
    )
    candidates = pl.concat([products_as_options(t, right), products_as_options(t, wrong)])
    made = mask_brand(compose(draw, anchors, candidates, CHOICES), text)
    shown = pl.col(text) if text == "description" else pl.col(text).list.join(" ")
    copied = squeezed(shown).str.contains(squeezed(pl.col("title")), literal=True)
    return made.with_columns(
        pl.when(pl.col("reject").is_null() & copied)
        .then(pl.lit("the text copies the title"))
        .otherwise("reject")
        .alias("reject")
    )
