"""The rows of the smallest hashes of a stream, in bounded memory."""

from __future__ import annotations

import numpy as np
import polars as pl

_ALL = 2**64 - 1
#: Where fewer than one of so many rows of a batch are kept, their texts are copied at once.
_SPARSE = 4


class Smallest:
    """Keeps about `most` rows of a stream: those of the smallest `hash` (a UInt64 column).

    `Draw.first` asks for the smallest hashes, so what it will draw is among them. Rows of equal
    hash stay or go together: a hash of a product keeps whole products. What is kept in the end
    does not depend on the order or the batches of the stream. Memory: at most twice `most` rows
    and a batch.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        #: Of hashes up to this one, every row is kept.
        self.bound = _ALL
        self._kept: list[pl.DataFrame] = []
        self._count = 0

    @property
    def whole(self) -> bool:
        """Whether nothing of the stream was left out."""
        return self.most > 0 and self.bound == _ALL

    def add(self, rows: pl.DataFrame, which: pl.Expr | bool = True) -> None:
        """Take a batch of the stream, or those of its rows of which `which` is true."""
        low = pl.col("hash") <= pl.lit(self.bound, pl.UInt64)
        few = rows.filter(low, which) if self.most else rows.clear()
        self._kept.append(_apart(few) if _SPARSE * len(few) < len(rows) else few)
        self._count += len(few)
        if self._count > 2 * self.most:
            self._prune()

    def rows(self) -> pl.DataFrame:
        """What is kept, by hash."""
        if self._count > self.most:
            self._prune()
        return pl.concat(self._kept).sort("hash")

    def _prune(self) -> None:
        rows = pl.concat(self._kept)
        hashes = rows["hash"].to_numpy()
        # the first hash that is too many; a group larger than `most` is kept whole all the same
        limit = np.partition(hashes, self.most)[self.most]
        if limit == hashes.min():
            limit = min(hashes[hashes > limit], default=None)
        if limit is not None:
            self.bound = int(limit) - 1
            rows = _apart(rows.filter(pl.col("hash") <= self.bound))
        self._kept, self._count = [rows], len(rows)


def _apart(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with texts of their own: filtered ones would keep all texts of the batch in memory."""
    if pl.String not in rows.dtypes:
        return rows
    return pl.DataFrame(rows.to_arrow(compat_level=pl.CompatLevel.oldest()))
