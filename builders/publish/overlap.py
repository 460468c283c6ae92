"""What one mixture holds out for validation and another trains on.

Within a mixture no key of a validation row stands in training. Between mixtures only the keys that
lead such rows are apart, and adapters of several mixtures are merged into one model: whoever
evaluates that model should know how much of the validation split it has met.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import permutations

import numpy as np
import polars as pl

from builders.mixture.folds import Keys, hash_keys
from builders.mixture.manifest import TRAIN, VALIDATION
from builders.publish.checks import Mixture
from builders.publish.words import counted


def overlaps(mixtures: Mapping[str, Mixture]) -> Iterator[str]:
    """A line for each two mixtures of which one trains on a key that the other holds out."""
    keys = {
        (name, split): _keys(mixture, split)
        for name, mixture in mixtures.items()
        for split in (TRAIN, VALIDATION)
    }
    for held, trained in permutations(mixtures, 2):
        out, train = keys[held, VALIDATION], keys[trained, TRAIN]
        if out is None or train is None:
            continue
        every = out.of(np.arange(len(out.starts) - 1))
        if count := int(train.touching(every).sum()):
            yield (
                f"{counted(count, 'training row')} of {trained} touch a query or product that "
                f"{held} holds out: think of it where adapters of both are merged"
            )


def _keys(mixture: Mixture, split: str) -> Keys | None:
    """The keys of a split, None where it has no row."""
    files = [file.path for file in mixture.manifest.files if file.split == split]
    parts = [pl.read_parquet(mixture.folder / file, columns=["keys"])["keys"] for file in files]
    return hash_keys(pl.concat(parts)) if parts else None
