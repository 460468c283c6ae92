"""From candidates to the options of a question, for every kind of question that has options.

A set gathers candidate options in one long frame; here they are deduplicated, filled up to the
number wanted in order of preference, and shuffled, each by hashes of the question's key.
"""

from __future__ import annotations

import polars as pl

from builders.draw import Draw, hashed
from builders.text import squeezed

#: Options are never cut, so longer ones are not used.
MAX_OPTION_CHARS = 300

#: Retrieval has so many options, and so many right ones at most.
FEWEST, MOST, MAX_RIGHT = 9, 15, 3

#: Columns of a candidate: the question it is for, what it says, how right it is (1: right), why
#: it is wrong, which candidates come first (0: must stand), and where it comes from.
CANDIDATE = {
    "key": pl.String(),
    "text": pl.String(),
    "weight": pl.Float64(),
    "reason": pl.String(),
    "priority": pl.Int32(),
    "rows": pl.List(pl.String()),
    "keys": pl.List(pl.String()),
}


def compose(
    draw: Draw,
    anchors: pl.DataFrame,
    candidates: pl.DataFrame,
    count: int | str,
    least: int | None = None,
    chars: int = MAX_OPTION_CHARS,
    ordered: bool = False,
) -> pl.DataFrame:
    """Give each anchor its options.

    anchors: `key`, `order`, `language`, `said`, `split`, `rows`, `keys`, field columns, and
    `unfit` (null, or why to reject it) where the set has a say.
    candidates: columns of `CANDIDATE`; any further ones become lists of the anchors.
    count: how many options, a number or the name of an anchors' column; an anchor that finds
    fewer than `least` (default: count) is rejected as "too few options".
    chars: longer texts are no options. ordered: options stay by priority, not shuffled.
    Returns the anchors in order, with `options`, `weights`, `reasons` (lists, as shown), `rows`
    and `keys` extended by the options', and `reject` (null, or why not).
    """
    number = pl.col(count) if isinstance(count, str) else pl.lit(count)
    wanted = anchors.select("key", "order", number.alias("_count"))
    own = ["priority", "_hash"] if ordered else ["_hash"]
    more = [name for name in candidates.columns if name not in CANDIDATE]
    shown = (
        candidates.select(*CANDIDATE, *more)
        .filter(pl.col("text").str.len_chars().is_between(1, chars))
        .join(wanted, on="key")
        .with_columns(
            squeezed(pl.col("text")).alias("_same"),
            draw.hash("candidate", pl.col("key"), pl.col("text")).alias("_hash"),
            hashed(pl.col("rows").list.last()).alias("_tie"),  # two products of one title
        )
        .sort("order", "priority", "_hash", "reason", "_tie", nulls_last=True)
        .unique(["order", "_same"], keep="first", maintain_order=True)
        .filter(pl.int_range(pl.len()).over("order") < pl.col("_count"))
        .with_columns(draw.hash("shuffle", pl.col("key"), pl.col("text")).alias("_hash"))
        .sort("order", *own)
        .group_by("key", maintain_order=True)
        .agg(
            *more,
            pl.col("text").alias("options"),
            pl.col("weight").alias("weights"),
            pl.col("reason").alias("reasons"),
            pl.col("rows").list.explode().alias("_rows"),
            pl.col("keys").list.explode().alias("_keys"),
        )
    )
    short = pl.col("options").list.len().fill_null(0) < (least or pl.col("_count"))
    return (
        anchors.join(shown, on="key", how="left")
        .join(wanted.drop("order"), on="key")
        .with_columns(
            _joined("rows").list.unique(maintain_order=True),
            _joined("keys").list.unique().list.sort(),
            pl.coalesce(
                *(["unfit"] if "unfit" in anchors.columns else []),
                pl.when(short).then(pl.lit("too few options")),
            ).alias("reject"),
        )
        .drop("_rows", "_keys", "_count")
        .sort("order")
    )


def counts(draw: Draw) -> tuple[pl.Expr, pl.Expr]:
    """For retrieval by the column `key`: (`right`: right options wanted, `count`: options)."""
    right = draw.hash("how many right", pl.col("key")) % MAX_RIGHT + 1
    count = draw.hash("how many", pl.col("key")) % (MOST - FEWEST + 1) + FEWEST
    return right.alias("right"), count.alias("count")


def lacking(anchors: pl.DataFrame, candidates: pl.DataFrame, count: int | str) -> pl.DataFrame:
    """The anchors with fewer fitting candidates than `count`, for which more must be sought."""
    fitting = candidates.filter(pl.col("text").str.len_chars() <= MAX_OPTION_CHARS)
    had = fitting.group_by("key").agg(pl.len().alias("_had"))
    enough = pl.col("_had") >= (pl.col(count) if isinstance(count, str) else count)
    return (
        anchors.join(had, on="key", how="left", maintain_order="left")
        .filter(~enough.fill_null(False))
        .drop("_had")
    )


def _joined(name: str) -> pl.Expr:
    """An anchor's own list, then its options'."""
    none = pl.lit([], dtype=pl.List(pl.String))
    return pl.concat_list(name, pl.col(f"_{name}").fill_null(none)).list.drop_nulls().alias(name)
