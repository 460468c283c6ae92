"""One product in two locales, and its two titles: set 9.

Both rows are of one product by its id, which Amazon gives once for all locales.
"""

from __future__ import annotations

import polars as pl

from builders.amazon_m2.tables import Tables
from builders.amazon_m2.texts import language, spoken
from builders.draw import Draw
from builders.text import clean, jaccard, overlap, squeezed, words

#: What the shop of a locale is called.
SITES = {
    "DE": "German", "UK": "British", "JP": "Japanese", "IT": "Italian", "FR": "French",
    "ES": "Spanish",
}  # fmt: skip
#: Fewer words than this are a name, and no title that could be put into another language.
MIN_WORDS = 3
#: Titles that share this much of their words are not in two languages.
EQUAL = 0.7
#: Titles that share less of their numbers than this are of different versions of a product.
AGREED = 0.5

WRONG_LANGUAGE = "text in the other locale is not in its language"


def pairs(draw: Draw, eligible: pl.DataFrame) -> pl.DataFrame:
    """The next products of `eligible` rows that stand in two locales: one a question.

    Of several locales, chance says which are asked about. Returns `key`, `order`, `id`, `item`,
    and for each of the other columns of `eligible` (locale, product, ...) that of the `source`,
    and as `<column>_target` that of the locale in question; `language`, `split`, `rows`, `keys`.
    """
    standing = eligible.group_by("item").len()
    draw.drop("product in one locale alone", standing.filter(pl.col("len") < 2).height)
    drawn = draw.first(standing.filter(pl.col("len") >= 2).select("item"), "item")
    rows = drawn.join(eligible.drop("ring"), on="item").with_columns(
        draw.hash("locale", pl.col("item"), pl.col("locale")).alias("_hash")
    )
    rows = rows.sort("order", "_hash").drop("_hash")
    other = rows.select(pl.all().exclude("order", "id", "item")).columns
    row = pl.format("products:{}:{}", "locale", "id")
    return rows.group_by("order", "item", "id", maintain_order=True).agg(
        *(pl.col(name).get(0) for name in other),
        *(pl.col(name).get(1).alias(f"{name}_target") for name in other),
        row.head(2).alias("rows"),
    ).with_columns(
        pl.col("item").cast(pl.String).alias("key"),
        language("locale").alias("language"),
        pl.lit("train").alias("split"),
        pl.concat_list(pl.format("product:{}", "id")).alias("keys"),
    )  # fmt: skip


def title_in_locale(t: Tables, draw: Draw) -> pl.DataFrame:
    """9: a product's title in another locale."""
    found = pairs(draw, t.products.drop("product", "brand", "desc"))
    found = found.with_columns(clean(found["title"]), clean(found["title_target"]).alias("truth"))
    found = found.with_columns(
        words(pl.col("title")).alias("words"),
        words(pl.col("truth")).alias("words_target"),
        _numbers("title").alias("numbers"),
        _numbers("truth").alias("numbers_target"),
        spoken(found, "truth", "locale_target").alias("spoken"),
    )
    few = pl.min_horizontal(pl.col("words", "words_target").list.len()) < MIN_WORDS
    equal = squeezed(pl.col("title")) == squeezed(pl.col("truth"))
    equal |= jaccard(pl.col("words"), pl.col("words_target")) >= EQUAL
    numbered = pl.min_horizontal(pl.col("numbers", "numbers_target").list.len()) > 0
    differ = overlap(pl.col("numbers"), pl.col("numbers_target")) < AGREED
    japanese = pl.col("locale_target") == "JP"
    return found.with_columns(
        pl.col("locale_target").replace_strict(SITES).alias("site"),
        pl.col("title").alias("said"),
        pl.when(japanese).then(pl.lit("jp-bleu")).otherwise(pl.lit("bleu")).alias("metric"),
        pl.coalesce(
            pl.when(few).then(pl.lit("title is hardly words")),
            pl.when(~pl.col("spoken")).then(pl.lit(WRONG_LANGUAGE)),
            pl.when(equal).then(pl.lit("titles are nearly equal")),
            pl.when(numbered & differ).then(pl.lit("titles disagree in numbers")),
        ).alias("reject"),
    )


def _numbers(text: str) -> pl.Expr:
    """The distinct numbers of a text, whatever its decimal mark."""
    plain = pl.col(text).str.normalize("NFKC").str.replace_all(",", ".", literal=True)
    return plain.str.extract_all(r"\d+(?:\.\d+)*").list.unique(maintain_order=True)
