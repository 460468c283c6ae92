"""Duplicates and leaks as pairs of texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from builders.errors import ShopmixError
from builders.mixture.manifest import DUPLICATES, LEAKS, SPLITS, Manifest
from builders.report.shards import paths

#: Of duplicates of each kind, and of leaks under each rule, so many are on the page.
LISTED = 100


def duplicates(folder: Path, manifest: Manifest, samples: Path) -> list[dict[str, Any]]:
    """Pairs of samples that say the same, the least alike first: there it shows whether they do. A
    text is null that neither the mixture has nor, where a
    duplicate was dropped, the folder of samples."""
    found = _read(folder / DUPLICATES).sort("similarity", maintain_order=True)
    found = _first(found, "kind")
    sets = dict(zip(found["id"], found["set"], strict=True))
    sets |= dict(zip(found["other_id"], found["other_set"], strict=True))
    shards = [path for split in SPLITS for path in paths(folder, manifest, split)]
    texts = _texts(shards, sets)
    pools = {samples / f"{name}.parquet" for key, name in sets.items() if key not in texts}
    texts |= _texts(sorted(pool for pool in pools if pool.is_file()), sets.keys() - texts.keys())
    return [
        {
            "badges": [
                row["kind"],
                f"{row['similarity']:.2f} alike",
                "dropped" if row["dropped"] else "kept",
            ],
            "shared": None,
            "sides": [
                {"name": name, "id": one, "text": texts.get(one)}
                for name, one in ((row["set"], row["id"]), (row["other_set"], row["other_id"]))
            ],
        }
        for row in found.iter_rows(named=True)
    ]


def leaks(folder: Path) -> list[dict[str, Any]]:
    """Samples that were refused, beside the question of the benchmark that they are. Its text is
    null where only a digest of the benchmark was at hand."""
    return [
        {
            "badges": [row["rule"], "refused"],
            "shared": row["shared"],
            "sides": [
                {"name": row["set"], "id": row["id"], "text": row["text"]},
                {
                    "name": row["benchmark"],
                    "id": f"question {row['question']}",
                    "text": row["question_text"],
                },
            ],
        }
        for row in _first(_read(folder / LEAKS), "rule").iter_rows(named=True)
    ]


def _read(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ShopmixError(
            f"{path} cannot be read ({str(error).splitlines()[0]}): build the mixture anew"
        ) from None


def _first(rows: pl.DataFrame, kind: str) -> pl.DataFrame:
    """The first rows of each kind, in the file's order."""
    return rows.filter(pl.int_range(pl.len()).over(kind) < LISTED)


def _texts(files: Sequence[Path], ids: Iterable[str]) -> dict[str, str]:
    """Prompt and answer of samples, by id, of those that are in these files."""
    wanted = sorted(ids)
    said = pl.col("messages").list.get
    text = pl.concat_str(
        said(1).struct.field("content"), said(2).struct.field("content"), separator="\n>>> "
    )
    chosen = pl.col("id").is_in(wanted)
    found = [pl.scan_parquet(file).filter(chosen).select("id", text) for file in files]
    return dict(pl.concat(found).collect().iter_rows()) if found and wanted else {}
