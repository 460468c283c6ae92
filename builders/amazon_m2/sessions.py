"""What was clicked before a purchase: set 31.

A session's clicks tell what belongs together, and a reader can only find what the titles show. So
a right option has telling words in common with the purchase: two, or one and the brand; and a wrong
one, clicked in another session, has none but the brand. What many titles say is no telling word.
Clicks that share too little are not shown at all: they were clicked, and are not wrong.
"""

from __future__ import annotations

import polars as pl

from builders.amazon_m2.tables import Tables, product_key
from builders.amazon_m2.texts import language, telling
from builders.draw import Draw
from builders.options import FEWEST, MAX_RIGHT, compose, counts
from builders.text import NEAR, clean, jaccard, words

REASONS = {
    "other_session": "clicked or bought in another session, not in this one; has no telling "
    "word in common with the purchase",
}
#: How many other sessions are looked at for a question.
SESSIONS = 10
#: Less than this in common (telling words, and one for the brand) is chance.
ENOUGH = 2
#: A click that is as near as this to the purchase is the purchase in another colour or size.
VARIANT = 0.6
#: Latin words of two letters are units and sizes.
_TELLING = r"\p{Latin}{3}|[\p{Han}\p{Katakana}]"


def previous_clicks(t: Tables, draw: Draw) -> pl.DataFrame:
    """31: one to three products clicked before a purchase, among clicks of other sessions."""
    drawn = draw.first(t.sessions, "session").with_columns(
        pl.col("session").cast(pl.String).alias("key"),
        product_key(pl.col("locale"), pl.col("next_item")).alias("product"),
    )
    bought = drawn.join(_titled(t, drawn.select("product")), on="product", how="left")
    clicked = _clicks(t, drawn.select("key", "session"))
    own = clicked.join(_bought(bought), on="key").filter(pl.col("product") != pl.col("bought"))
    own = own.with_columns(_common().alias("common"))
    variant = jaccard(pl.col("words"), pl.col("bought_words")) >= VARIANT
    branded = (pl.col("maker") == pl.col("bought_maker")).fill_null(False)
    wanted, count = counts(draw)
    right = (
        own.filter(~variant, pl.col("common") > 0, pl.col("common") + branded >= ENOUGH)
        .with_columns(draw.hash("click", pl.col("key"), pl.col("product")).alias("_hash"))
        .sort("key", "_hash")
        .filter(pl.int_range(pl.len()).over("key") < wanted)
    )
    known = bought["title"].is_not_null()
    clicks, resembling = (
        bought["key"].is_in(frame["key"].unique().to_list()) for frame in (own, right)
    )
    session, product = (
        pl.format("sessions:{}", "session"),
        pl.format("products:{}:{}", "locale", "id"),
    )
    anchors = bought.with_columns(
        language("locale").alias("language"),
        pl.col("title").alias("said"),
        pl.lit("train").alias("split"),
        pl.concat_list(session, product).list.drop_nulls().alias("rows"),
        pl.concat_list(pl.format("product:{}", "next_item")).alias("keys"),
        count,
        pl.coalesce(
            pl.when(~known).then(pl.lit("purchase is not among the products")),
            pl.when(~clicks).then(pl.lit("no other click is among the products")),
            pl.when(~resembling).then(pl.lit("no click resembles the purchase")),
        ).alias("unfit"),
    ).sort("order")
    wrong = _wrong(t, draw, anchors.filter(pl.col("unfit").is_null()), clicked)
    candidates = pl.concat([_options(right, 1.0, None), _options(wrong, 0.0, "other_session")])
    return compose(draw, anchors, candidates, "count", least=FEWEST)


def _titled(t: Tables, products: pl.DataFrame) -> pl.DataFrame:
    """What is known of products (`product`): id, title (clean), maker (the brand), words (all that
    say something), telling (those that few titles of the locale have, the brand's name apart)."""
    found = t.products.select("product", "id", "locale", "title", "brand")
    found = found.join(products.unique(), on="product", how="semi", maintain_order="left")
    brand = clean(found["brand"]).str.to_lowercase().alias("maker")
    found = found.with_columns(clean(found["title"]), brand).with_columns(
        telling(pl.col("title")).alias("words")
    )
    each = found.select(
        "product",
        "locale",
        pl.col("words").list.set_difference(words(pl.col("maker")).fill_null([])),
    )
    each = (
        each.explode("words")
        .rename({"words": "word"})
        .join(t.common, on=["locale", "word"], how="anti")
    )
    each = each.filter(
        pl.col("word").str.contains(_TELLING), ~pl.col("word").str.contains(r"\p{N}")
    )
    kept = each.group_by("product").agg(pl.col("word").alias("telling"))
    none = pl.lit([], pl.List(pl.String))
    return (
        found.join(kept, on="product", how="left", maintain_order="left")
        .with_columns(pl.col("telling").fill_null(none))
        .drop("brand", "locale")
    )


def _bought(purchases: pl.DataFrame) -> pl.DataFrame:
    """What a product is compared with, for each question: its purchase."""
    return purchases.select(
        "key",
        pl.col("product").alias("bought"),
        pl.col("words").alias("bought_words"),
        pl.col("telling").alias("bought_telling"),
        pl.col("maker").alias("bought_maker"),
    )


def _clicks(t: Tables, asked: pl.DataFrame, purchase: bool = False) -> pl.DataFrame:
    """The known products that the sessions (`session`) of questions (`key`) clicked, each once.

    purchase: the bought ones too. Returns the columns of `asked`, locale, and those of `_titled`;
    what several sessions clicked stands for the first.
    """
    # a printed numpy array, with quotes, blanks and line breaks; or ids with blanks between
    ids = pl.col("prev_items").str.extract_all(r"\w+")
    ids = pl.concat_list(ids.fill_null([]), "next_item") if purchase else ids
    found = asked.join(t.sessions.drop("ring"), on="session", maintain_order="left")
    found = found.with_columns(ids.alias("id")).drop("prev_items", "next_item").explode("id")
    found = found.with_columns(product_key(pl.col("locale"), pl.col("id")).alias("product"))
    found = found.drop("id").unique(["key", "product"], keep="first", maintain_order=True)
    return found.join(_titled(t, found.select("product")), on="product")


def _wrong(t: Tables, draw: Draw, asked: pl.DataFrame, clicked: pl.DataFrame) -> pl.DataFrame:
    """Up to three products of each of some other sessions, one session after the other."""
    pool = t.sessions.select("session", "ring", "locale")
    others = draw.partners(asked.select("key", "locale"), pool, SESSIONS, ["locale"], "session")
    others = others.unique(["key", "session"], keep="first", maintain_order=True)
    found = _clicks(t, others.select("key", "session", "turn"), purchase=True)
    found = found.join(_bought(asked), on="key")
    several = draw.hash("how many", pl.col("key"), pl.col("session")) % MAX_RIGHT + 1
    found = (
        found.filter(_common() == 0)
        .with_columns(draw.hash("other", pl.col("key"), pl.col("product")).alias("_hash"))
        .sort("key", "turn", "_hash")
        .filter(pl.int_range(pl.len()).over("key", "session") < several)
    )
    return found.join(_seen(asked, clicked, found), on=["key", "product"], how="anti")


def _common() -> pl.Expr:
    """How many telling words a product has in common with the purchase."""
    return pl.col("telling").list.set_intersection("bought_telling").list.len()


def _seen(asked: pl.DataFrame, clicked: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """The `key` and `product` of those found that the session of the question clicked or bought,
    or that may be variants of one it did."""
    own = pl.concat([frame.select("key", "product", "words") for frame in (clicked, asked)])
    both = found.select("key", "product", "words").join(own, on="key", suffix="_own")
    near = jaccard(pl.col("words"), pl.col("words_own")) >= NEAR
    both = both.filter(near | (pl.col("product") == pl.col("product_own")))
    return both.select("key", "product").unique()


def _options(found: pl.DataFrame, weight: float, reason: str | None) -> pl.DataFrame:
    """Candidates; those of one other session come before those of the next."""
    priority = (pl.col("turn") + 1).cast(pl.Int32) if reason else pl.lit(0, pl.Int32)
    return found.select(
        "key",
        pl.col("title").alias("text"),
        pl.lit(weight).alias("weight"),
        pl.lit(reason, pl.String).alias("reason"),
        priority.alias("priority"),
        pl.concat_list(pl.format("products:{}:{}", "locale", "id")).alias("rows"),
        pl.concat_list(pl.format("product:{}", "id")).alias("keys"),
    )
