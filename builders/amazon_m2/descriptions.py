"""The description of a product in another language: set 10.

A number, a model or a name says the same in every language, so none may point at the right option:
all options alike lose the sentences that have a digit, name their brand, or share a Latin word
with the question. Two options are in the right one's language, and two in a third.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import polars as pl

from builders.amazon_m2.pairs import WRONG_LANGUAGE, pairs
from builders.amazon_m2.tables import Tables
from builders.amazon_m2.texts import spoken, telling
from builders.draw import Draw, hashed
from builders.language import FUNCTION_WORDS
from builders.options import MAX_OPTION_CHARS, compose
from builders.text import NEAR, clean, cut, jaccard

REASONS = {
    "same_brand": "describes another product of the same brand, with another title",
    "other_product": "describes another product, of another brand or by other words",
}
CHOICES = 4
#: Wrong options of the right one's language, and of a third.
BESIDE, THIRD = 1, 2
#: Less text than this says too little of a product; Japanese takes half the letters.
MIN_CHARS = 80
#: The description in question is cut at a sentence after this many characters.
MAX_CHARS = 500

TOO_LITTLE = "too little text without numbers, names and words of the question"

_SENTENCES = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|(?=[【•✔✅★☆●◆■▶])")
# A sentence that promises service says nothing of the product.
_SERVICE = (
    r"warrant|guarant|refund|customer|garant|kundenservice|zufrieden|rembours|satisf|service client"
    r"|rimbors|soddisf|assistenza|reembols|atención al cliente|保証|返品|返金|サポート|お問い合わせ"
)
_UNTOLD = re.compile(rf"\d|{_SERVICE}")
_LATIN = re.compile(r"[a-zà-ɏ]{2,}")
_FUNCTION_WORDS = frozenset().union(*FUNCTION_WORDS.values())


def description_in_language(t: Tables, draw: Draw) -> pl.DataFrame:
    """10: of four descriptions, the one of the same product."""
    told = t.products.filter(_long("desc", "locale").fill_null(False))
    draw.drop("too little text", len(t.products) - len(told))
    found = pairs(draw, told)
    asked = [cut(text or "", MAX_CHARS) for text in clean(found["desc"])]
    found = found.with_columns(pl.Series("description", asked, dtype=pl.String))
    plain = _plain(found.select("desc_target", "description", "brand_target", "brand"))
    found = found.with_columns(plain.alias("text"))
    found = found.with_columns(spoken(found, "text", "locale_target").alias("spoken"))
    anchors = found.with_columns(
        pl.col("description").alias("said"),
        pl.coalesce(
            pl.when(~_long("description", "locale")).then(pl.lit("too little text")),
            pl.when(~_long("text", "locale_target")).then(pl.lit(TOO_LITTLE)),
            pl.when(~pl.col("spoken")).then(pl.lit(WRONG_LANGUAGE)),
        ).alias("unfit"),
    )
    wrong = _wrong(t, draw, anchors.filter(pl.col("unfit").is_null()), told)
    right = found.select(
        "key",
        "text",
        pl.lit(1.0).alias("weight"),
        pl.lit(None, pl.String).alias("reason"),
        pl.lit(0, pl.Int32).alias("priority"),
        pl.col("rows").list.slice(1),
        "keys",
    )
    return compose(draw, anchors, pl.concat([right, wrong]), CHOICES)


def _long(text: str, locale: str) -> pl.Expr:
    least = pl.when(pl.col(locale) == "JP").then(MIN_CHARS // 2).otherwise(MIN_CHARS)
    return pl.col(text).str.len_chars() >= least


def _plain(rows: pl.DataFrame) -> pl.Series:
    """Texts without what says the same in every language, cut; columns: the text, the question,
    and brands."""
    texts = clean(rows.to_series(0))
    beside = rows.select(pl.nth(range(1, rows.width))).iter_rows()
    return pl.Series(
        [
            _neutral(text or "", asked, brands)
            for text, (asked, *brands) in zip(texts, beside, strict=True)
        ],
        dtype=pl.String,
    )


def _neutral(text: str, asked: str, brands: Sequence[str | None]) -> str:
    names = [brand.lower() for brand in brands if brand]
    shared, said = _content(asked), []
    for sentence in _SENTENCES.split(text):
        lower = sentence.lower()
        if not (
            _UNTOLD.search(lower)
            or any(name in lower for name in names)
            or not shared.isdisjoint(_LATIN.findall(lower))
        ):
            said.append(sentence.strip())
    return cut(" ".join(said).replace("。 ", "。"), MAX_OPTION_CHARS)


@lru_cache(maxsize=1 << 16)
def _content(text: str) -> frozenset[str]:
    return frozenset(_LATIN.findall(text.lower())) - _FUNCTION_WORDS


def _wrong(t: Tables, draw: Draw, anchors: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """Descriptions of other products, as candidates: of the same brand first, of about the length
    of the right one; one in its language, two in a third."""
    slots = pl.concat(
        [
            anchors.select(
                "key", pl.col("locale_target").alias("locale"), pl.lit(BESIDE).alias("n")
            ),
            _third(draw, anchors, told).with_columns(pl.lit(THIRD).alias("n")),
        ]
    )
    own = anchors.select(
        "key",
        pl.col("item").alias("own_item"),
        pl.col("brand").str.to_lowercase().alias("own_brand"),
        pl.col("text").alias("right"),
        "description",
    )
    found = _drawn(draw, slots, own, told)
    texts = _plain(found.select("desc", "description", "brand"))
    found = found.with_columns(texts.alias("text"))
    found = found.filter(_long("text", "locale"))
    found = found.filter(spoken(found, "text", "locale"))
    found = pl.concat(
        [found.filter(pl.col("n") == THIRD), _apart(found.filter(pl.col("n") == BESIDE))]
    )
    branded = pl.col("reason") == "same_brand"
    unlike = _unlike(t, found.filter(branded).select("key", "item", "own_item").unique())
    found = pl.concat(
        [found.filter(~branded), found.filter(branded).join(unlike, on=["key", "item"], how="semi")]
    )
    apart = pl.col("text").str.len_chars().cast(pl.Int32) - pl.col("right").str.len_chars()
    found = (
        found.with_columns(
            apart.abs().alias("apart"),
            draw.hash("wrong", pl.col("key"), pl.col("product")).alias("_hash"),
        )
        .sort("key", "n", pl.col("reason") != "same_brand", "apart", "_hash")
        .unique(["key", "item"], keep="first", maintain_order=True)
        .filter(pl.int_range(pl.len()).over("key", "n") < pl.col("n"))
    )
    return found.select(
        "key",
        "text",
        pl.lit(0.0).alias("weight"),
        "reason",
        pl.lit(1, pl.Int32).alias("priority"),
        pl.concat_list(pl.format("products:{}:{}", "locale", "id")).alias("rows"),
        pl.concat_list(pl.format("product:{}", "id")).alias("keys"),
    )


def _third(draw: Draw, anchors: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """`key` and `locale`: for each anchor one that is neither of its two.

    A locale of twice as many descriptions is drawn about twice as often, as it is for the right
    option; or the rarer of two languages would be the wrong one. The least of Exp(1) / weight
    wins (Efraimidis & Spirakis 2006), so a new locale takes only what it wins.
    """
    hashes = draw.hash("third", pl.col("key"), pl.col("other")).cast(pl.Float64)
    late = -((hashes + 1) / 2.0**64).log() / pl.col("rows")
    return (
        anchors.select("key", "locale", "locale_target")
        .join(told.group_by(pl.col("locale").alias("other")).len("rows"), how="cross")
        .filter(pl.col("other") != pl.col("locale"), pl.col("other") != pl.col("locale_target"))
        .with_columns(late.alias("_late"))
        .sort("key", "_late", "other")
        .unique("key", keep="first", maintain_order=True)
        .select("key", pl.col("other").alias("locale"))
    )


def _apart(found: pl.DataFrame) -> pl.DataFrame:
    """The descriptions that are not nearly the right one, by words of one language."""
    of_right = found.select("right").unique().with_columns(telling(pl.col("right")).alias("own"))
    found = found.with_columns(telling(pl.col("text")).alias("words"))
    found = found.join(of_right, on="right", maintain_order="left")
    return found.filter(jaccard(pl.col("words"), pl.col("own")) < NEAR).drop("words", "own")


def _drawn(draw: Draw, slots: pl.DataFrame, own: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """Other products of the slots' locales: some of the anchor's brand, some of any other."""
    maker = pl.col("brand").str.to_lowercase()
    pool = told.select("product", "ring", "locale", maker.alias("maker"))
    slots = slots.join(own, on="key", maintain_order="left")
    any_brand, same_brand = hashed(pl.col("locale")), hashed(pl.col("locale"), pl.col("maker"))
    parts = []
    for reason, by, count in (("same_brand", same_brand, 2), ("other_product", any_brand, 3)):
        by_group = pl.when(pl.lit(by is any_brand) | pl.col("maker").is_not_null()).then(by)
        rows = pool.select("product", "ring", by_group.alias("group")).drop_nulls("group")
        for n in (BESIDE, THIRD):
            wanted = slots.filter(pl.col("n") == n).rename({"own_brand": "maker"})
            wanted = wanted.select("key", by_group.alias("group")).drop_nulls("group")
            drawn = draw.partners(wanted, rows, count, ["group"], f"{reason}/{n}")
            parts.append(
                drawn.select("key", "product", pl.lit(reason).alias("reason"), pl.lit(n).alias("n"))
            )
    found = pl.concat(parts).unique(["key", "product"], keep="first", maintain_order=True)
    found = found.join(told.drop("ring"), on="product").join(own, on="key")
    other = maker.ne_missing(pl.col("own_brand")) | pl.col("own_brand").is_null()
    return found.filter(
        pl.col("item") != pl.col("own_item"), (pl.col("reason") == "same_brand") | other
    )


def _unlike(t: Tables, found: pl.DataFrame) -> pl.DataFrame:
    """The `key` and `item` whose titles differ from those of `own_item` in every locale that has
    both, and there is one."""
    titles = t.products.select("item", "locale", "title")
    both = found.join(titles, on="item").join(
        titles.rename({"item": "own_item", "title": "own"}), on=["own_item", "locale"]
    )
    same = jaccard(telling(pl.col("title")), telling(pl.col("own")))
    both = both.with_columns(same.alias("same"))
    return both.group_by("key", "item").agg(pl.col("same").max()).filter(pl.col("same") < NEAR)
