"""Shards: the rows of a mixture in a fixed order, in parquet files named by their content.

A name with the hash of its content never stands for other bytes: caches that go by names alone
(that of `datasets` does for folders) cannot give old rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from builders.draw import hashed
from builders.manifest import ROW_GROUP, hash_file, replacing
from builders.mixture.manifest import LISTS, NAME, SPLITS, TRAIN, VALIDATION, File
from builders.mixture.mix import Drawn
from builders.sample import SCHEMA

#: Rows of a shard.
SHARD = 65_536


def gather(drawn: Drawn, seed: int) -> dict[str, pl.DataFrame]:
    """The samples of each split, shuffled: in the order of a hash of their ids and the seed."""
    splits = {TRAIN: drawn.choice.train, VALIDATION: drawn.choice.validation}
    parts: dict[str, list[pl.DataFrame]] = {split: [] for split in splits}
    for name, pool in drawn.pools.items():
        samples = pool.read(list(SCHEMA))
        for split, taken in splits.items():
            parts[split].append(samples[taken[name] - drawn.start[name]])
    place = hashed(pl.col("id"), seed=seed)
    return {split: pl.concat(rows).sort(place, "id") for split, rows in parts.items()}


def write(
    folder: Path, split: str, samples: pl.DataFrame, progress: Callable[[int, int], None]
) -> Iterator[File]:
    """Write the shards of a split, hidden until `show`; yields what the manifest says of each.

    progress: called with (rows written, 0). Raises `ShopmixError` where the disk refuses.
    """
    count = -(-len(samples) // SHARD)
    for number in range(count):
        # a slice would keep its nested columns as windows into the whole, and so be written
        end = min((number + 1) * SHARD, len(samples))
        rows = samples[np.arange(number * SHARD, end)]
        with replacing(folder / f".{split}-{number:05d}") as half:
            rows.write_parquet(half, compression="zstd", row_group_size=ROW_GROUP)
            digest = hash_file(half)
            told = {"rows": len(rows), "bytes": half.stat().st_size, "sha256": _sha256(half)}
            path = f"{split}-{number:05d}-of-{count:05d}-{digest[:16]}.parquet"
        progress(end, 0)
        yield File.model_validate({"path": path, "split": split, "hash": digest, **told})


def show(folder: Path, files: Sequence[File]) -> None:
    """Give shards, lists and the manifest their names. Until then they are hidden, so that
    `datasets` does not read them with those of the mixture that stands there."""
    for file in files:
        hidden, _, _ = file.path.partition("-of-")
        (folder / f".{hidden}").replace(folder / file.path)
    for name in (*LISTS, NAME):
        (folder / f".{name}").replace(folder / name)


def stale(folder: Path, files: Sequence[File]) -> Iterator[Path]:
    """Shards in a folder that are of an earlier mixture, and what a killed run has left."""
    known = {file.path for file in files}
    for split in SPLITS:
        yield from (file for file in folder.glob(f"{split}-*") if file.name not in known)
    for name in (*SPLITS, *LISTS, NAME):
        yield from folder.glob(f".{name}*")


def _sha256(path: Path) -> str:
    """The hash that the Hub knows a file by."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
