"""Set 8: the keyword set that suits a product, in three languages, as in development task 16.

A true keyword is a query that the product answers exactly, or a word of its title. A false one is
a query or title word of another product that stands nowhere in this one's texts and queries. The
wrong sets mix both: with q a true and x a false query, t true and f false words,

    right  q t1 t2 t3        B  x t2 t3 f1
    A      q t1 f1 f2        C  x t1 f2 f3, or x t1 f1 f2

so that each keyword recurs; which C is taken hangs on a hash, and makes the right set neither the
one that has the most in common with the others nor the one with the least, on average.
"""

from __future__ import annotations

import polars as pl

from builders.draw import Draw
from builders.esci.candidates import product_anchor
from builders.esci.choice import CHOICES
from builders.esci.tables import Tables
from builders.esci.texts import MAX_TEXT_CHARS, drawn_texts, unfit
from builders.options import compose
from builders.text import clean, cut, stem, tokens, words

MAX_QUERY_CHARS, MAX_QUERY_WORDS = 40, 4
#: How many other products false keywords are sought in.
PRODUCTS = 10
#: A word of fewer Latin letters, or with a digit, is no keyword.
_TELLING = r"^(?:\p{Latin}{4,}|[\p{Katakana}ー]{3,}|\p{Han}{2,})$"
_RIGHT, _A, _B = "q t1 t2 t3", "q t1 f1 f2", "x t2 t3 f1"
_C = ("x t1 f2 f3", "x t1 f1 f2")


def keywords_for_product(t: Tables, draw: Draw) -> pl.DataFrame:
    """Products with a text and a short exact query, the locales in turn."""
    phrases = _phrases(t)
    eligible = phrases.select("product", "locale").unique()
    enough = pl.col("described") | pl.col("bulleted")
    anchors = drawn_texts(t, draw, eligible, enough, strata="locale")
    full = clean(anchors.select(pl.coalesce("description", "bullets")).to_series())
    text = pl.Series(
        "description", [cut(text or "", MAX_TEXT_CHARS) for text in full], dtype=pl.String
    )
    anchors = anchors.with_columns(text, unfit(text)).with_columns(
        (pl.col("title") + " " + pl.col("description")).alias("said")
    )
    pieces = pl.concat(
        [
            _true_pieces(t, draw, anchors, phrases),
            _false_pieces(t, draw, anchors, phrases),
        ]
    ).sort("key", "slot")
    return compose(draw, anchors, _keyword_sets(draw, pieces), CHOICES)


def _phrases(t: Tables) -> pl.DataFrame:
    """Short queries by products they fit: product, locale, piece, words, row, touched."""
    short = t.queries.filter(
        pl.col("words").list.len().is_between(1, MAX_QUERY_WORDS),
        pl.col("query").str.len_chars() <= MAX_QUERY_CHARS,
        ~pl.col("query").str.contains(","),
    )
    return (
        t.judged.filter(pl.col("label") == "E")
        .join(short.select("query_id", "query_key", "locale", "words"), on="query_id")
        .select(
            "product",
            "locale",
            pl.col("query_key").alias("piece"),
            "words",
            pl.format("examples:{}", "example_id").alias("row"),
            pl.format("query:{}", "query_key").alias("touched"),
        )
    )


def _title_words(products: pl.DataFrame) -> pl.DataFrame:
    """The telling words of titles: the frame's columns, piece, row, touched."""
    brand = tokens(pl.col("brand")).fill_null(pl.lit([], dtype=pl.List(pl.String)))
    return (
        products.with_columns(
            tokens(pl.col("title")).list.set_difference(brand).alias("piece"),
            pl.format("products:{}:{}", "locale", "product_id").alias("row"),
            pl.format("product:{}", "product_id").alias("touched"),
        )
        .explode("piece")
        .filter(pl.col("piece").str.contains(_TELLING))
    )


def _numbered(draw: Draw, pieces: pl.DataFrame, slot: str, count: int) -> pl.DataFrame:
    """The first pieces of each key by hash, slots t1, t2, ...: key, slot, piece, row, touched."""
    pieces = pieces.unique(["key", "piece"], keep="first", maintain_order=True).with_columns(
        draw.hash(slot, pl.col("key"), pl.col("piece")).rank("ordinal").over("key").alias("place")
    )
    return pieces.filter(pl.col("place") <= count).select(
        "key",
        (pl.format(slot + "{}", "place") if count > 1 else pl.lit(slot)).alias("slot"),
        "piece",
        "row",
        "touched",
    )


def _true_pieces(
    t: Tables, draw: Draw, anchors: pl.DataFrame, phrases: pl.DataFrame
) -> pl.DataFrame:
    own = anchors.select("key", "product").join(phrases, on="product").sort("key", "piece", "row")
    phrase = _numbered(draw, own, "q", 1)
    titles = anchors.select("key", "title", "brand", "locale", "product_id")
    rest = _without(_searched(t, _title_words(titles)), _stems(phrase, "piece"))
    return pl.concat([phrase, _numbered(draw, rest, "t", 3)])


def _searched(t: Tables, pieces: pl.DataFrame) -> pl.DataFrame:
    """The words that shoppers of the locale search with: others are in a title by chance."""
    used = t.queries.select("locale", pl.col("words").alias("stem")).explode("stem").drop_nulls()
    stemmed = pieces.with_columns(stem(pl.col("piece")).alias("stem"))
    found = stemmed.join(used.unique(), on=["locale", "stem"], how="semi", maintain_order="left")
    return found.drop("stem")


def _false_pieces(
    t: Tables, draw: Draw, anchors: pl.DataFrame, phrases: pl.DataFrame
) -> pl.DataFrame:
    # of the same kind as the anchors: with a text and a query
    like = phrases.join(t.texts.filter("pooled"), on="product", how="semi").select("product")
    pool = t.products.join(like.unique(), on="product", how="semi", maintain_order="left")
    far = draw.partners(
        anchors.select("key", "place"),
        pool.select("product", "ring", "place"),
        PRODUCTS,
        ["place"],
        "keyword",
    ).unique(["key", "product"], keep="first", maintain_order=True)
    asked = anchors.select("key", "product").join(phrases, on="product").select("key", "words")
    own = pl.concat([_stems(anchors, "said"), _stems_of(asked)]).unique()
    shown = product_anchor(t, far.select("key", "product"))
    # a product with two words in common may be of the same kind, and its keywords fit both
    alike = _stems(
        shown.with_columns(pl.format("{}/{}", "key", "product").alias("pair")), "title", "pair"
    )
    alike = alike.with_columns(pl.col("pair").str.split("/").list.first().alias("key"))
    alike = alike.join(own, on=["key", "stem"], how="semi").group_by("pair").len()
    alike = alike.filter(pl.col("len") > 1)
    shown = shown.with_columns(pl.format("{}/{}", "key", "product").alias("pair"))
    shown = shown.join(alike, on="pair", how="anti", maintain_order="left")
    said = shown.select("key", "product").join(phrases, on="product").sort("key", "piece", "row")
    shared = said.explode("words").join(own, left_on=["key", "words"], right_on=["key", "stem"])
    lie = _numbered(draw, said.join(shared, on=["key", "piece"], how="anti"), "x", 1)
    lies = _without(_searched(t, _title_words(shown)), pl.concat([own, _stems(lie, "piece")]))
    # one word a product, so that the false ones do not belong together
    one = draw.hash("one word", pl.col("key"), pl.col("product"), pl.col("piece"))
    lies = lies.with_columns(one.alias("hash")).sort("key", "product", "hash")
    lies = lies.unique(["key", "product"], keep="first", maintain_order=True)
    return pl.concat([lie, _numbered(draw, lies, "f", 3)])


def _stems(texts: pl.DataFrame, column: str, key: str = "key") -> pl.DataFrame:
    """key, stem: the words of a column of text."""
    return texts.select(key, words(pl.col(column)).alias("stem")).explode("stem").drop_nulls()


def _stems_of(lists: pl.DataFrame) -> pl.DataFrame:
    """key, stem out of a key and lists of words."""
    return lists.select("key", pl.col("words").alias("stem")).explode("stem").drop_nulls()


def _without(pieces: pl.DataFrame, stems: pl.DataFrame) -> pl.DataFrame:
    """The pieces that are none of their key's words."""
    stemmed = pieces.with_columns(stem(pl.col("piece")).alias("stem"))
    return stemmed.join(stems, on=["key", "stem"], how="anti", maintain_order="left").drop("stem")


def _keyword_sets(draw: Draw, pieces: pl.DataFrame) -> pl.DataFrame:
    """Four candidates for each key that has all eight pieces."""
    whole = pieces.filter(pl.len().over("key") == 8)
    keys = whole.select(pl.col("key").unique(maintain_order=True))
    third = (
        pl.when(draw.hash("variant", pl.col("key")) % 2 == 0)
        .then(pl.lit(_C[0]))
        .otherwise(pl.lit(_C[1]))
    )
    sets = (
        keys.with_columns(
            pl.concat_list(pl.lit(_RIGHT), pl.lit(_A), pl.lit(_B), third).alias("slots")
        )
        .explode("slots")
        .with_columns(pl.col("slots").alias("set"), pl.col("slots").str.split(" ").alias("slot"))
        .explode("slot")
    )
    said = sets.join(whole, on=["key", "slot"]).with_columns(
        draw.hash("order", pl.col("key"), pl.col("set"), pl.col("piece")).alias("hash")
    )
    right = pl.col("set") == _RIGHT
    return (
        said.sort("key", "set", "hash")
        .group_by("key", "set", maintain_order=True)
        .agg(
            pl.col("piece").str.join(", ").alias("text"),
            pl.col("row").alias("rows"),
            pl.col("touched").alias("keys"),
        )
        .select(
            "key",
            "text",
            right.cast(pl.Float64).alias("weight"),
            pl.when(~right).then(pl.lit("false_keywords")).alias("reason"),
            pl.lit(0, dtype=pl.Int32).alias("priority"),
            "rows",
            "keys",
        )
    )
