"""Multiple choice between titles or queries: sets 21 to 26 and 29."""

from __future__ import annotations

import re

import polars as pl

from builders.draw import Draw
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
from builders.esci.tables import Exhausted, Tables
from builders.language import LOCALES
from builders.options import compose
from builders.text import cut, jaccard, squeezed, words

CHOICES = 4
#: Long fields are cut at a sentence after this many characters.
MAX_TEXT_CHARS = 1_200
#: Less text than this says too little of a product.
MIN_TEXT_CHARS = 80

#: A right option stands in any case; then what is judged; then what is not.
FIRST = {"E": 0, "S": 1, "C": 1, "I": 1}
RIGHT = {"E": 1.0, "S": 0.0, "C": 0.0, "I": 0.0}

# A bullet that promises service says nothing of the product.
BOILERPLATE = (
    r"(?i)warrant|guarante|satisf|money.?back|refund|customer (?:service|support)|contact us|"
    r"risk.?free|feel free|after.?sale|gift (?:idea|choice)|"
    r"garant[ií]a|reembolso|devoluci|atenci[oó]n al cliente|"
    r"保証|返金|返品|カスタマー|お問い合わせ|ご連絡|アフター|サポート"
)


def language() -> pl.Expr:
    """The language that the locale says."""
    return pl.col("locale").replace_strict(LOCALES, return_dtype=pl.String).alias("language")


def one_right(found: pl.DataFrame, draw: Draw) -> pl.DataFrame:
    """Of several right options (E) of a question, one by chance; the wrong ones all."""
    right = found.filter(pl.col("label") == "E").with_columns(
        draw.hash("right", pl.col("key"), pl.col("example_id")).alias("hash")
    )
    right = right.sort("key", "hash").unique("key", keep="first", maintain_order=True)
    return pl.concat([right.drop("hash"), found.filter(pl.col("label") != "E")])


def title_for_query(t: Tables, draw: Draw) -> pl.DataFrame:
    """26: E against S, C, I of the query, then products of other searches."""
    return _product_choice(t, draw, FIRST, title_alone=True)


def product_for_query(t: Tables, draw: Draw) -> pl.DataFrame:
    """29: as 26, but with brand and colour, and the nearest misses first: S, then C, then I."""
    return _product_choice(t, draw, {"E": 0, "S": 1, "C": 2, "I": 3}, title_alone=False)


def _product_choice(
    t: Tables, draw: Draw, priority: dict[str, int], title_alone: bool
) -> pl.DataFrame:
    exact = t.judged.filter(pl.col("label") == "E").select("query_id").unique()
    anchors = draw.first(exact, "query_id").with_columns(
        pl.col("query_id").cast(pl.String).alias("key")
    )
    anchors = query_anchor(t, anchors).with_columns(language())
    found = one_right(judged(t, anchors, "query_id", RIGHT, priority), draw)
    right = found.filter(pl.col("weight") == 1).join(
        t.products.select("product", "title"), on="product"
    )
    anchors = anchors.join(right.select("key", pl.col("title").alias("said")), on="key", how="left")
    # a product that is nearly the right one by title is no honest distractor
    near = found.join(t.products.select("product", "title"), on="product").join(
        anchors.select("key", "said"), on="key"
    )
    near = near.filter(
        (pl.col("weight") == 1) | (jaccard(words(pl.col("title")), words(pl.col("said"))) < 0.8)
    ).select(found.columns)
    candidates = pl.concat([products_as_options(t, near), wrong_products(t, draw, anchors, 4)])
    if not title_alone:
        candidates = _with_details(t, candidates)
    return compose(draw, anchors, candidates, CHOICES)


def _with_details(t: Tables, candidates: pl.DataFrame) -> pl.DataFrame:
    """Options as one line: title | brand: X | color: Y, as far as known."""
    known = t.products.select(
        pl.format("products:{}:{}", "locale", "product_id").alias("row"), "brand", "color"
    )
    return (
        candidates.with_columns(pl.col("rows").list.last().alias("row"))
        .join(known, on="row", how="left")
        .with_columns(
            pl.concat_str(
                "text",
                pl.format("brand: {}", "brand"),
                pl.format("color: {}", "color"),
                separator=" | ",
                ignore_nulls=True,
            ).alias("text")
        )
    )


def query_for_title(t: Tables, draw: Draw) -> pl.DataFrame:
    """23: the query that a title answers exactly."""
    exact = t.judged.filter(pl.col("label") == "E").select("product").unique()
    anchors = product_anchor(t, draw.first(exact, "product").with_columns(_key()))
    return _query_choice(t, draw, anchors.with_columns(pl.col("title").alias("said")))


def query_for_description(t: Tables, draw: Draw) -> pl.DataFrame:
    """21: the query that a described product answers exactly."""
    anchors = described(t, draw, t.judged.filter(pl.col("label") == "E").select("product").unique())
    return _query_choice(t, draw, anchors, "description")


def query_for_bullets(t: Tables, draw: Draw) -> pl.DataFrame:
    """22: the query that a product with these bullets answers exactly."""
    anchors = bulleted(t, draw, t.judged.filter(pl.col("label") == "E").select("product").unique())
    return _query_choice(t, draw, anchors, "bullets")


def _query_choice(
    t: Tables, draw: Draw, anchors: pl.DataFrame, text: str | None = None
) -> pl.DataFrame:
    found = judged(t, anchors, "product", RIGHT, {"E": 0})
    right = one_right(found, draw)
    anchors = anchors.join(
        right.select("key", "query_id").join(t.queries.select("query_id", "words"), on="query_id"),
        on="key",
    ).with_columns(language())
    candidates = pl.concat([queries_as_options(t, right), wrong_queries(t, draw, anchors)])
    made = compose(draw, anchors, candidates, CHOICES)
    return mask_brand(made, text) if text else made


def title_for_description(t: Tables, draw: Draw) -> pl.DataFrame:
    """24: the title of a described product, among titles of the same searches and brand."""
    return _title_choice(t, draw, described(t, draw, t.products.select("product")), "description")


def title_for_bullets(t: Tables, draw: Draw) -> pl.DataFrame:
    """25: the title of a product with these bullets."""
    return _title_choice(t, draw, bulleted(t, draw, t.products.select("product")), "bullets")


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
    wrong = unjudged(sibling_products(t, draw, anchors, t.products))
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


def _key() -> pl.Expr:
    return pl.col("product").cast(pl.String).alias("key")


def drawn_texts(
    t: Tables, draw: Draw, eligible: pl.DataFrame, texts: pl.DataFrame, strata: str | None = None
) -> pl.DataFrame:
    """The first products by hash that have a text, of the `eligible`, as anchors.

    `strata`: a column of `eligible` whose values take turns.
    Raises `Exhausted` where the texts at hand end before the draw does.
    """
    having = texts.join(eligible, on="product")
    sizes = having[strata].value_counts()["count"].to_list() if strata else [len(having)]
    if not t.whole and min(sizes, default=0) * len(sizes) < draw.limit:
        raise Exhausted(draw.set)
    if t.whole:
        draw.drop("too little text", eligible.height - having.height)
    drawn = draw.first(having, "product", strata=strata).drop(strata or [])
    return product_anchor(t, drawn.with_columns(_key()))


def described(t: Tables, draw: Draw, eligible: pl.DataFrame) -> pl.DataFrame:
    """Anchors with a `description` that says enough, cut at a sentence."""
    texts = t.texts.select("product", "description").filter(
        pl.col("description").str.len_chars() >= MIN_TEXT_CHARS
    )
    anchors = drawn_texts(t, draw, eligible, texts)
    shortened = [cut(text, MAX_TEXT_CHARS) for text in anchors["description"]]
    return anchors.with_columns(
        pl.Series("description", shortened, dtype=pl.String),
        pl.Series("said", shortened, dtype=pl.String),
    )


def bulleted(t: Tables, draw: Draw, eligible: pl.DataFrame) -> pl.DataFrame:
    """Anchors with up to five `bullets` that say enough, without boilerplate."""
    told = (
        t.texts.select("product", "bullets")
        .explode("bullets")
        .drop_nulls("bullets")
        .filter(
            ~pl.col("bullets").str.contains(BOILERPLATE), pl.col("bullets").str.len_chars() >= 10
        )
    )
    told = told.group_by("product", maintain_order=True).agg(pl.col("bullets").head(5))
    told = told.filter(pl.col("bullets").list.join("").str.len_chars() >= MIN_TEXT_CHARS)
    anchors = drawn_texts(t, draw, eligible, told)
    shortened = [[cut(one, MAX_TEXT_CHARS // 5) for one in some] for some in anchors["bullets"]]
    return anchors.with_columns(
        pl.Series("bullets", shortened, dtype=pl.List(pl.String)),
    ).with_columns(pl.col("bullets").list.join(" ").alias("said"))


def mask_brand(made: pl.DataFrame, text: str) -> pl.DataFrame:
    """Hide the brand in a text that is shown, where some options name it and others do not.

    The truth stays; one word does not give it away.
    """
    masked = [
        _masked(shown, brand, options)
        for shown, brand, options in made.select(text, "brand", "options").iter_rows()
    ]
    return made.with_columns(pl.Series(text, masked, dtype=made.schema[text]))


def _masked(
    shown: str | list[str], brand: str | None, options: list[str] | None
) -> str | list[str]:
    if brand is None or options is None:
        return shown
    naming = sum(brand.lower() in option.lower() for option in options)
    if naming in (0, len(options)):
        return shown
    if isinstance(shown, list):
        return [_replaced(one, brand) for one in shown]
    return _replaced(shown, brand)


def _replaced(text: str, brand: str) -> str:
    return re.sub(rf"(?<!\w){re.escape(brand)}(?!\w)", "[brand]", text, flags=re.IGNORECASE)
