"""A mixture's folder without the command that makes them: any rows, told by a true manifest."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import polars as pl

from builders.manifest import hash_file
from builders.mixture.manifest import (
    NAME,
    TRAIN,
    VALIDATION,
    Duplicates,
    File,
    Leaks,
    Lengths,
    Manifest,
    SetPart,
)


def mixture(
    folder: Path, train: pl.DataFrame, validation: pl.DataFrame, shards: int = 2, **changes: Any
) -> Manifest:
    """Write a mixture of these samples. changes: of the manifest's fields."""
    folder.mkdir()
    files = []
    for split, rows, count in ((TRAIN, train, shards), (VALIDATION, validation, 1)):
        size = -(-len(rows) // count)
        for i in range(count):
            shard = rows.slice(i * size, size)
            path = folder / f"{split}-{i:05d}-of-{count:05d}.parquet"
            shard.write_parquet(path)
            digest = hash_file(path)
            named = path.rename(path.with_name(f"{path.stem}-{digest[:16]}.parquet"))
            sha256 = hashlib.sha256(named.read_bytes()).hexdigest()
            files.append(
                File(
                    path=named.name,
                    split=split,
                    rows=len(shard),
                    bytes=named.stat().st_size,
                    hash=digest,
                    sha256=sha256,
                )
            )
    told: dict[str, Any] = {
        "mixture": folder.name,
        "id": hashlib.md5("".join(file.hash for file in files).encode()).hexdigest(),
        "recipe": {"name": folder.name, "seed": 0, "duplicates": "report", "sets": {}},
        "code": "0" * 32,
        "packages": {"polars": "2.1.0"},
        "sets": tuple(_parts(train, validation)),
        "task_types": {},
        "languages": {},
        "generators": {},
        "licenses": {},
        "duplicates": Duplicates(mode="report", exact=0, near=0),
        "leaks": Leaks(benchmarks={"shopbench": "1" * 32}, refused={}),
        "lengths": _NO_LENGTHS,
        "examples": (),
        "files": tuple(files),
    }
    manifest = Manifest.model_validate(told | changes)
    (folder / NAME).write_text(manifest.text(), "utf-8")
    return manifest


_NO_LENGTHS = Lengths(
    unit="tokens",
    tokenizer=None,
    total=0,
    mean=0.0,
    median=0,
    p95=0,
    longest=0,
    histogram={},
    packs=(),
)


def _parts(train: pl.DataFrame, validation: pl.DataFrame) -> list[SetPart]:
    rows = pl.concat([train, validation])
    parts = []
    for name in sorted(rows["set"].unique()):
        mine = rows.filter(pl.col("set") == name)
        first = mine.row(0, named=True)
        held = len(validation.filter(pl.col("set") == name))
        wordings = mine["template"].drop_nulls().value_counts()
        told = {key: first[key] for key in ("set", "source", "source_revision", "license")}
        told |= {key: first[key] for key in ("task_type", "metric", "track")}
        counts = ("left_out", "rejects", "source_rejects", "languages", "splits", "generators")
        parts.append(
            SetPart.model_validate(
                {
                    **told,
                    **{key: {} for key in (*counts, "answers", "shortcuts")},
                    "number": None,
                    "asks": "what",
                    "basis": "rows",
                    "size": len(mine) - held,
                    "at_most": False,
                    "train": len(mine) - held,
                    "validation": held,
                    "templates": dict(wordings.iter_rows()),
                    "guessable": None,
                    "made_by": {"seed": 0, "packages": {"jinja2": "3.1.6"}, "samples": "2" * 32},
                }
            )
        )
    return parts
