"""Reading the shards of a mixture: all rows of some columns, or the first rows of every set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from builders.mixture.manifest import SPLITS, Manifest

#: What a row is called that no LLM had a part in, where people choose or count by generator.
NO_GENERATOR = "none"


def paths(folder: Path, manifest: Manifest, split: str) -> list[Path]:
    """The shards of a split, in the mixture's order."""
    return [folder / file.path for file in manifest.files if file.split == split]


def scan(folder: Path, manifest: Manifest, splits: Sequence[str] = SPLITS) -> pl.LazyFrame:
    """All rows of these splits, in the mixture's order, with the column `part`: their split in the
    mixture (`split` is the source's own)."""
    return pl.concat(
        pl.scan_parquet(path).with_columns(pl.lit(split).alias("part"))
        for split in splits
        for path in paths(folder, manifest, split)
    )


def first_rows(folder: Path, manifest: Manifest, split: str, count: int) -> pl.DataFrame:
    """The first `count` rows of every set in a split (all, where there are fewer), in the mixture's
    order. A shard is read only as far as it has any of them."""
    wanted = {
        part.set: min(count, part.train if split == SPLITS[0] else part.validation)
        for part in manifest.sets
    }
    taken: Counter[str] = Counter()
    found = []
    for path in paths(folder, manifest, split):
        if all(taken[name] >= size for name, size in wanted.items()):
            break
        places = []
        for place, name in enumerate(pl.read_parquet(path, columns=["set"])["set"]):
            if taken[name] < wanted[name]:
                taken[name] += 1
                places.append(place)
        chosen = pl.scan_parquet(path, row_index_name="place").filter(pl.col("place").is_in(places))
        found.append(chosen.drop("place").collect())
    rows = pl.concat(found) if found else pl.DataFrame()
    return rows.with_columns(pl.lit(split).alias("part")) if found else rows
