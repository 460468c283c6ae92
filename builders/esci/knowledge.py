"""What one knows of a product: its brand, and its relation to a query: sets 32 and 33."""

from __future__ import annotations

import polars as pl

from builders.draw import Draw
from builders.esci.candidates import product_anchor, query_anchor, sibling_products
from builders.esci.choice import CHOICES
from builders.esci.tables import Tables
from builders.esci.texts import language
from builders.options import compose
from builders.text import squeezed

RELATIONS = {"E": "exact", "S": "substitute", "C": "complement", "I": "irrelevant"}

#: Squeezed brands that name nobody.
NOBODY = (
    "generic",
    "generico",
    "genérico",
    "unknown",
    "unbranded",
    "nobrand",
    "none",
    "na",
    "null",
    "other",
    "notapplicable",
    "doesnotapply",
    "various",
    "visitthestore",
    "brand",
    "marca",
    "sinmarca",
    "desconocido",
    "ノーブランド品",
    "ノーブランド",
    "不明",
    "なし",
)
#: A product whose brand its title does not name comes once for this many that do.
VISIBLE_FOR_HIDDEN = 9
#: Such a brand must be known from so many products.
KNOWN_FROM = 3
# "for Canon", "para Canon", "Canon用": what a product fits, which is not who makes it.
FITS = (
    r"(?i)\b(?:for|fits|compatible with|para|compatible con)\s+(\p{L}[\p{L}\p{N}&'-]+)",
    r"(\p{Latin}[\p{Latin}\p{N}]+)\s?(?:用|対応)",
)


def relation_of_query_and_product(t: Tables, draw: Draw) -> pl.DataFrame:
    """33: the label, the four labels in turn as long as each has judgements left."""
    anchors = draw.first(t.judged, "example_id", strata="label").with_columns(
        pl.col("example_id").cast(pl.String).alias("key"),
        pl.format("examples:{}", "example_id").alias("judgement"),
    )
    anchors = (
        query_anchor(t, anchors)
        .join(t.products.select("product", "product_id", "title"), on="product")
        .with_columns(language(), pl.col("title").alias("said"))
    )
    anchors = anchors.with_columns(
        pl.concat_list("judgement", pl.format("products:{}:{}", "locale", "product_id")).alias(
            "rows"
        ),
        pl.concat_list("keys", pl.format("product:{}", "product_id")).alias("keys"),
    )
    options = pl.DataFrame({"option": list(RELATIONS), "text": list(RELATIONS.values())})
    right = pl.col("option") == pl.col("label")
    candidates = (
        anchors.select("key", "label")
        .join(options, how="cross")
        .select(
            "key",
            "text",
            right.cast(pl.Float64).alias("weight"),
            pl.when(~right).then(pl.format("judged_{}_instead", "label")).alias("reason"),
            pl.lit(0, dtype=pl.Int32).alias("priority"),
            _nothing("rows"),
            _nothing("keys"),
        )
    )
    return compose(draw, anchors, candidates, CHOICES)


def _nothing(name: str) -> pl.Expr:
    return pl.lit([], dtype=pl.List(pl.String)).alias(name)


def brand_of_title(t: Tables, draw: Draw) -> pl.DataFrame:
    """32: who makes it, where the title names the brand and where it does not."""
    branded = t.products.filter(
        pl.col("maker").str.len_chars() >= 2, ~pl.col("maker").is_in(NOBODY)
    )
    draw.drop("no brand, or one that names nobody", len(t.products) - len(branded))
    seen = (
        pl.col("title")
        .str.to_lowercase()
        .str.contains(pl.col("brand").str.to_lowercase(), literal=True)
    )
    named = branded.select(
        "product", seen.alias("visible"), pl.len().over("locale", "maker").alias("known")
    )
    usable = named.filter(pl.col("visible") | (pl.col("known") >= KNOWN_FROM)).with_columns(
        pl.when("visible").then(float(VISIBLE_FOR_HIDDEN)).otherwise(1.0).alias("share")
    )
    draw.drop("brand not in the title and known from too few products", len(named) - len(usable))
    drawn = draw.first(usable.drop("known"), "product", strata="visible", shares="share")
    anchors = product_anchor(t, drawn.with_columns(pl.col("product").cast(pl.String).alias("key")))
    anchors = anchors.with_columns(language(), pl.col("title").alias("said"))
    near = sibling_products(t, draw, anchors, branded).filter(pl.col("reason") != "same_brand")
    near = near.join(anchors.select("key", "visible"), on="key").filter(
        pl.col("visible") | (pl.col("reason") == "elsewhere")
    )
    wrong = pl.concat(
        [
            near.select(
                "key",
                "product",
                "priority",
                pl.col("reason")
                .replace({"same_search": "brand_of_similar", "elsewhere": "brand_elsewhere"})
                .alias("reason"),
            ),
            _fitted(anchors, branded),
        ]
    )
    wrong = wrong.join(
        branded.select("product", "product_id", "locale", "brand", "maker"), on="product"
    )
    own = anchors.select(
        "key", pl.col("maker").alias("own"), squeezed(pl.col("title")).alias("shown")
    )
    wrong = wrong.join(own, on="key").filter(
        # neither an alias nor a sub-brand, and not in the title unless as what it fits
        ~pl.col("maker").str.contains(pl.col("own"), literal=True),
        ~pl.col("own").str.contains(pl.col("maker"), literal=True),
        (pl.col("reason") == "brand_it_fits")
        | ~pl.col("shown").str.contains(pl.col("maker"), literal=True),
    )
    right = anchors.select(
        "key",
        "product",
        "product_id",
        "locale",
        "brand",
        pl.lit(0).alias("priority"),
        pl.lit(None, dtype=pl.String).alias("reason"),
    )
    candidates = pl.concat([right, wrong.select(right.columns)], how="vertical_relaxed").select(
        "key",
        pl.col("brand").alias("text"),
        pl.col("reason").is_null().cast(pl.Float64).alias("weight"),
        "reason",
        pl.col("priority").cast(pl.Int32),
        pl.concat_list(pl.format("products:{}:{}", "locale", "product_id")).alias("rows"),
        pl.concat_list(pl.format("product:{}", "product_id")).alias("keys"),
    )
    return compose(draw, anchors, candidates, CHOICES)


def _fitted(anchors: pl.DataFrame, branded: pl.DataFrame) -> pl.DataFrame:
    """The brand that a title names as what it fits: key, product, priority, reason."""
    fitted = anchors.select(
        "key",
        "locale",
        squeezed(pl.coalesce(pl.col("title").str.extract(p) for p in FITS)).alias("maker"),
    ).drop_nulls()
    makers = branded.unique(["locale", "maker"], keep="first", maintain_order=True)
    return fitted.join(makers.select("locale", "maker", "product"), on=["locale", "maker"]).select(
        "key", "product", pl.lit(1).alias("priority"), pl.lit("brand_it_fits").alias("reason")
    )
