"""Which of ESCI's labels the words of a query and a title bear out.

Three tasks of ECInstruct are made of ESCI's judgements, and a reader of query and title cannot
defend many of them: `builders.esci.judgements` has the reasons, and the same rules.
"""

from __future__ import annotations

import polars as pl

from builders.text import words

# What a title fits, but is not.
_FITS = r" (?:for|fits|compatible with) .*$"
# What a title calls its product, up to the first comma, dash, "for" or "with".
_NAMED = r"^(.+?)(?:\s(?:for|with|fits|compatible)\s|[,;:|(\[]|\s[-–]\s|$)"
# What goes with a thing, or shows it, and is not the thing.
_ACCESSORY = (
    r"\b(accessor|band|bag|book|bracelet|case|charm|charger|costume|cover|decal|earring|figure"
    r"|holder|kit|lens|magnet|manual|mount|necklace|ornament|part|poster|print|protector|puzzle"
    r"|remote|replacement|shirt|skin|stand|sticker|strap|topper|toy)(?:s|es|y|ies)?\b"
)
# Words cannot bear out what must not be there, and a single letter is found anywhere.
_UNTOLD = r"\b(?:without|not|no|non|except)\b|(?:^|\s)[a-z](?:\s|$)"


def borne_out(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds `E`, `S`, `C` and `I`: whether the words of `query` and `title` bear the label out.

    rows: `key`, `query`, `title`. A word of the query is looked for at the beginning of the
    title's words, and as a whole where it has a digit.
    """
    word = pl.col("word").str.replace_all(".", " ", literal=True)
    sought = pl.when(word.str.contains(r"\p{N}")).then(" " + word + " ").otherwise(" " + word)
    plain = pl.col("title").str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]+", " ")
    head = pl.col("title").str.replace(_FITS, "")
    query, called = pl.col("query").str.to_lowercase(), pl.col("title").str.to_lowercase()
    accessory = called.str.extract(_NAMED).str.extract(_ACCESSORY)
    beside = ~query.str.contains(accessory, literal=True).fill_null(True)
    shares = (
        rows.select("key", (" " + plain + " ").alias("title"), words(query).alias("word"))
        .explode("word")
        .with_columns(sought.alias("word"))
        .group_by("key")
        .agg(
            pl.col("title").str.contains(pl.col("word"), literal=True).mean().alias("_share"),
            head.str.contains(pl.col("word"), literal=True).any().alias("_headed"),
            (pl.len() > 1).alias("_telling"),
        )
    )
    share = pl.col("_share").fill_null(0.5)  # a query without words bears out nothing sure
    some = (share > 0) & (share < 1)
    exact = (share == 1) & pl.col("_headed") & pl.col("_telling")
    return (
        rows.join(shares, on="key", how="left", maintain_order="left")
        .with_columns(
            (exact & ~beside & ~query.str.contains(_UNTOLD)).alias("E"),
            (some & (share >= 1 / 2)).alias("S"),
            some.alias("C"),
            (share <= 1 / 4).alias("I"),
        )
        .drop("_share", "_headed", "_telling")
    )
