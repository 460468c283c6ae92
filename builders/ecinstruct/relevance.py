"""Which of ESCI's labels the words of a query and a title bear out.

Three tasks of ECInstruct are made of ESCI's judgements, and a reader of query and title cannot
defend many of them.
"""

from __future__ import annotations

import polars as pl

from builders.relevance import UNTOLD, bears_out, head, names_accessory, plain, sought
from builders.text import words


def borne_out(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds `E`, `S`, `C` and `I`: whether the words of `query` and `title` bear the label out.

    rows: `key`, `query`, `title`. A word of the query is looked for at the beginning of the
    title's words, and as a whole where it has a digit.
    """
    query, word = pl.col("query").str.to_lowercase(), pl.col("word")
    shares = (
        rows.select("key", plain(pl.col("title")).alias("title"), words(query).alias("word"))
        .explode("word")
        .with_columns(sought(word).alias("word"))
        .group_by("key")
        .agg(
            pl.col("title").str.contains(word, literal=True).mean().alias("_share"),
            head(pl.col("title")).str.contains(word, literal=True).any().alias("_headed"),
            (pl.len() > 1).alias("_telling"),
        )
    )
    # a query without words bears out nothing sure
    fits = bears_out(pl.col("_share").fill_null(0.5))
    named = names_accessory(pl.col("title").str.to_lowercase(), query)
    fits["E"] &= pl.col("_headed") & pl.col("_telling") & named & ~query.str.contains(UNTOLD)
    return (
        rows.join(shares, on="key", how="left", maintain_order="left")
        .with_columns(fit.alias(label) for label, fit in fits.items())
        .drop("_share", "_headed", "_telling")
    )
