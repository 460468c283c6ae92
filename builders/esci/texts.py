"""Questions that begin with a product's description or bullets."""

from __future__ import annotations

import re

import polars as pl

from builders.draw import Draw, Exhausted
from builders.esci.candidates import product_anchor
from builders.esci.tables import MIN_TEXT_CHARS, Tables
from builders.language import LOCALES
from builders.text import clean, cut

#: Long fields are cut at a sentence after this many characters, bullets after a part of it.
MAX_TEXT_CHARS, MAX_BULLETS = 1_200, 5
TOO_LITTLE = "too little text"

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


def drawn_texts(
    t: Tables, draw: Draw, eligible: pl.DataFrame, having: pl.Expr, strata: str | None = None
) -> pl.DataFrame:
    """Anchors with their texts: the first of the `eligible` products by hash that have enough.

    having: which of the columns `described` and `bulleted` must be true. `strata`: a column of
    `eligible` whose values take turns.
    Raises `Exhausted` where the text of one of them was not kept.
    """
    told = eligible.join(t.products.filter(having).select("product"), on="product", how="semi")
    draw.drop(TOO_LITTLE, eligible.height - told.height)
    drawn = draw.first(told, "product", strata=strata).drop(strata or [])
    drawn = drawn.with_columns(pl.col("product").cast(pl.String).alias("key"))
    anchors = product_anchor(t, drawn).join(t.texts, on="product", maintain_order="left")
    if len(anchors) < len(drawn):
        raise Exhausted(draw.set)
    return anchors.with_columns(language())


def described(t: Tables, draw: Draw, eligible: pl.DataFrame) -> pl.DataFrame:
    """Anchors with a `description`, cut at a sentence."""
    anchors = drawn_texts(t, draw, eligible, pl.col("described"))
    shortened = [cut(text or "", MAX_TEXT_CHARS) for text in clean(anchors["description"])]
    text = pl.Series("description", shortened, dtype=pl.String)
    return anchors.with_columns(text, text.alias("said"), unfit(text))


def bulleted(t: Tables, draw: Draw, eligible: pl.DataFrame) -> pl.DataFrame:
    """Anchors with up to five `bullets`, none of them boilerplate, each cut at a sentence."""
    anchors = drawn_texts(t, draw, eligible, pl.col("bulleted"))
    told = bullet_rows(anchors.select("key", "bullets")).group_by("key", maintain_order=True)
    some = (
        anchors.select("key")
        .join(
            told.agg(pl.col("bullets").head(MAX_BULLETS)),
            on="key",
            how="left",
            maintain_order="left",
        )["bullets"]
        .to_list()
    )
    shortened = [
        [cut(one, MAX_TEXT_CHARS // MAX_BULLETS) for one in bullets or []] for bullets in some
    ]
    bullets = pl.Series("bullets", shortened, dtype=pl.List(pl.String))
    said = bullets.list.join(" ")
    return anchors.with_columns(bullets, said.alias("said"), unfit(said))


def bullet_rows(texts: pl.DataFrame) -> pl.DataFrame:
    """A row for each bullet of `bullets` as published, clean, none of them boilerplate."""
    rows = texts.with_columns(pl.col("bullets").str.split("\n")).explode("bullets")
    rows = rows.with_columns(clean(rows["bullets"])).drop_nulls("bullets")
    return rows.filter(~pl.col("bullets").str.contains(BOILERPLATE))


def unfit(text: pl.Series) -> pl.Series:
    """Why a text cannot be asked about, or null."""
    short = text.str.len_chars() < MIN_TEXT_CHARS
    return pl.select(pl.when(short).then(pl.lit(TOO_LITTLE)).alias("unfit")).to_series()


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
    # as it is spelt, or shouted: "lacrosse" is no LaCrosse
    for spelling in {brand, brand.upper()}:
        if spelling in text:
            text = re.sub(rf"(?<!\w){re.escape(spelling)}(?!\w)", "[brand]", text)
    return text
