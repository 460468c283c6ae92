"""A mixture as ShopBench's own JSON lines, which its evaluator reads: seven fields a question."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from builders.manifest import replacing
from builders.mixture.manifest import SPLITS, Manifest

#: Of a sample, what a question is made of.
_COLUMNS = ("messages", "set", "task_type", "metric", "track", "truth")


def export(folder: Path, manifest: Manifest) -> dict[str, int]:
    """Write `<split>.shopbench.jsonl` beside the shards of a mixture, in their order.

    Samples without a metric or a track, as general instructions are, have no place in ShopBench:
    they are left out. Returns how many, by set.
    Raises `ShopmixError` where a file cannot be written.
    """
    left_out: Counter[str] = Counter()
    for split in SPLITS:
        with (
            replacing(folder / f"{split}.shopbench.jsonl") as half,
            half.open("w", encoding="utf-8") as file,
        ):
            for sample in _samples(folder, manifest, split):
                if sample["metric"] is None or sample["track"] is None:
                    left_out[sample["set"]] += 1
                else:
                    file.write(json.dumps(_question(sample), ensure_ascii=False) + "\n")
    return dict(sorted(left_out.items()))


def _samples(folder: Path, manifest: Manifest, split: str) -> Iterator[dict[str, Any]]:
    """The samples of a split, a shard in memory at a time."""
    for shard in (file for file in manifest.files if file.split == split):
        rows = pl.read_parquet(folder / shard.path, columns=list(_COLUMNS))
        yield from rows.iter_rows(named=True)


def _question(sample: Mapping[str, Any]) -> dict[str, Any]:
    (prompt,) = (one["content"] for one in sample["messages"] if one["role"] == "user")
    return {
        "input_field": prompt,
        "output_field": json.loads(sample["truth"]),
        "task_name": sample["set"],
        "task_type": sample["task_type"],
        "metric": sample["metric"],
        "is_multiple_choice": sample["task_type"] == "multiple-choice",
        "track": sample["track"],
    }
