"""Folds: which samples are of the validation split, decided by the hashes of keys alone.

A key is a query, product, user or review that a sample touches. Every key has a hash; a sample
follows its key of the smallest hash, its lead, and is for validation if that lies in fold 0. All
keys of the samples chosen for validation, distractors included, are then kept out of training, in
all sets and sources. No draw has a say in a key's fold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from builders.draw import hashed

#: The same for all mixtures, whatever their seed, so that they share their folds.
_SEED = 20_240_808


@dataclass(frozen=True)
class Keys:
    """The keys of n samples as hashes, one sample after the other.

    hashes: uint64. starts: int64 of shape (n + 1,); sample i has
    `hashes[starts[i]:starts[i + 1]]`, at least one.
    """

    hashes: NDArray[np.uint64]
    starts: NDArray[np.int64]

    def folds(self, count: int) -> NDArray[np.int64]:
        """The fold of each sample's lead, of so many."""
        leads = np.minimum.reduceat(self.hashes, self.starts[:-1])
        return (leads % np.uint64(count)).astype(np.int64)

    def of(self, rows: NDArray[np.int64]) -> NDArray[np.uint64]:
        """The keys of some samples, sorted, each once."""
        parts = [self.hashes[self.starts[row] : self.starts[row + 1]] for row in rows]
        return np.unique(np.concatenate([np.empty(0, np.uint64), *parts]))

    def touching(self, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Whether each sample has one of these keys."""
        hit = np.isin(self.hashes, keys, kind="sort")
        return np.asarray(np.logical_or.reduceat(hit, self.starts[:-1]))


def hash_keys(keys: pl.Series) -> Keys:
    """The hashes of a column `keys` of samples, none of which is empty."""
    hashes = keys.explode().to_frame().select(hashed(pl.col(keys.name), seed=_SEED))
    counts = keys.list.len().to_numpy().astype(np.int64)
    return Keys(hashes.to_series().to_numpy(), np.concatenate([[0], np.cumsum(counts)]))
