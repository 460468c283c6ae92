"""Deterministic choice: whatever is random hangs on (seed, set, row key), never on a position.

So a draw does not depend on partitions, threads, the order of files, or which other sets are
built, and a small draw is the beginning of a larger one. Hashes are xxh3-64, whose values are
fixed by its specification; polars' own hash and sample functions promise no such thing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import polars as pl
import polars_hash as plh
import xxhash

_SEPARATOR = "\x1f"


def hashed(*parts: pl.Expr, seed: int = 0) -> pl.Expr:
    """xxh3-64 of the parts, cast to str and joined, as UInt64. Null only for a null alone."""
    text = parts[0].cast(pl.String)
    if len(parts) > 1:
        text = pl.concat_str(
            [part.cast(pl.String) for part in parts], separator=_SEPARATOR, ignore_nulls=True
        )
    return cast(plh.HExpr, text).nchash.xxh3_64(seed=seed)


def ring(key: pl.Expr) -> pl.Expr:
    """A row's place on the ring that `Draw.partners` draws from."""
    return hashed(key, seed=1)


def ringed(rows: pl.DataFrame, key: str, limit: int | None = None) -> pl.DataFrame:
    """Rows with their place `ring`, sorted by it; or only so many, the first on the ring."""
    rows = rows.with_columns(ring(pl.col(key)).alias("ring")).sort("ring")
    return rows if limit is None else rows.head(limit)


class Exhausted(Exception):
    """A draw needs more of the source than was kept in memory; it is to be read anew, for more."""


@dataclass(frozen=True)
class Draw:
    """The choices of one set under one seed: `limit` anchors, after the first `skip`.

    `dropped` counts, by reason, the rows that were no candidates from the start.
    """

    seed: int
    set: str
    skip: int
    limit: int
    dropped: dict[str, int] = field(default_factory=dict)

    def drop(self, reason: str, count: int) -> None:
        """Count rows that cannot become a question."""
        if count:
            self.dropped[reason] = self.dropped.get(reason, 0) + count

    def hash(self, purpose: str, *parts: pl.Expr) -> pl.Expr:
        """UInt64 keyed by seed, set, purpose and the parts."""
        return hashed(
            *parts, seed=xxhash.xxh3_64_intdigest(f"{self.seed}/{self.set}/{purpose}".encode())
        )

    def first(
        self,
        rows: pl.DataFrame,
        key: str,
        strata: str | None = None,
        shares: str | None = None,
        tiers: str | None = None,
    ) -> pl.DataFrame:
        """The next `limit` rows by key hash, with their place in the column `order`.

        `tiers`: a column whose lower values come first, whatever their hashes.
        `strata` takes turns between the values of a column, as long as each has rows left; with
        `shares` (a column of weights, constant in a stratum) a stratum of weight 2 comes twice
        as often as one of weight 1. Either way a smaller limit gives a prefix.
        """
        most = self.skip + self.limit
        rows = rows.with_columns(self.hash("first", pl.col(key)).alias("order"))
        if strata is not None and len(rows):
            parts = rows.partition_by(strata, maintain_order=True)
            rows = pl.concat([_lowest(part, most).with_row_index("_turn", 1) for part in parts])
            turn = pl.col("_turn") / (pl.col(shares) if shares else 1)
            rows = rows.with_columns(turn).sort("_turn", "order").drop("_turn")
        elif tiers is not None:
            rows = rows.sort(tiers, "order")
        elif len(rows) > most:
            rows = _lowest(rows, most)
        else:
            rows = rows.sort("order")
        rows = rows.slice(self.skip, self.limit)
        return rows.with_columns(pl.int_range(pl.len()).alias("order"))

    def partners(
        self, anchors: pl.DataFrame, pool: pl.DataFrame, count: int, by: list[str], purpose: str
    ) -> pl.DataFrame:
        """`count` rows of the pool for each anchor, out of the pool's rows of the same `by` values.

        Consistent hashing: pool rows lie on a ring at their column `ring`, an anchor's targets
        at hashes of its key, and a target takes the next row on the ring. A row that joins the
        pool therefore changes only the draws that fall into the gap before it. The same row may
        be drawn twice, and the ring closes within each `by` value.

        anchors: `key` and `by` columns; pool: `ring` (UInt64), sorted by it, and `by` columns.
        Returns anchors joined with the pool's other columns, where the pool has such rows.
        """
        wanted = anchors.select("key", *by).join(
            pl.DataFrame({"turn": range(count)}), how="cross", maintain_order="left_right"
        )
        wanted = wanted.with_columns(
            self.hash(f"partner/{purpose}", pl.col("key"), pl.col("turn")).alias("ring")
        ).sort("ring", "key")
        found = wanted.join_asof(
            pool.with_columns(pl.lit(True).alias("_hit")),
            on="ring",
            by=by,
            strategy="forward",
            check_sortedness=False,
        )
        ahead = found.filter(pl.col("_hit"))
        behind = found.filter(pl.col("_hit").is_null()).select("key", *by, "turn")
        wrapped = behind.join(pool.group_by(by, maintain_order=True).first(), on=by)
        columns = [c for c in pool.columns if c not in by and c != "ring"]
        return pl.concat(
            [frame.select("key", "turn", *by, *columns) for frame in (ahead, wrapped)]
        ).sort("key", "turn")


def _lowest(rows: pl.DataFrame, count: int) -> pl.DataFrame:
    """The rows of the lowest `order`, sorted by it, without sorting the others."""
    return rows.bottom_k(min(count, len(rows)), by="order").sort("order")
