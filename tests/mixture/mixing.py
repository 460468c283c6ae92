"""Recipes and mixtures for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl
import yaml

from builders.console import Reporter
from builders.mixture.make import make
from builders.mixture.manifest import Manifest
from builders.mixture.settings import MixtureSettings

SIZES = {
    "esci.title_for_query": 20,
    "esci.rank_query_product_pairs": 60,
    "esci.relation_of_query_and_product": 80,
    "amazon_reviews.rating_of_review": 90,
    "ecinstruct.relevance_of_product": "at most 60",
    "alpaca.instructions": "at most 60",
}
SPLITS = {
    "esci": ["train", "test"],
    "amazon_m2": ["train"],
    "amazon_reviews": ["train"],
    "ecinstruct": ["train"],
    "mmlu": ["dev", "validation", "test", "auxiliary_train"],
    "alpaca": ["train"],
}


def recipe(file: Path, sizes: Mapping[str, object] = SIZES, **changes: object) -> Path:
    """Write a recipe of these sets."""
    sources = {name.partition(".")[0] for name in sizes}
    content = {
        "seed": 0,
        "base_model": "Qwen/Qwen2-72B-Instruct",
        "duplicates": "drop",
        "folds": 40,
        "benchmarks": [],
        "splits": {name: splits for name, splits in SPLITS.items() if name in sources},
        "sets": dict(sizes),
    }
    file.write_text(yaml.safe_dump({**content, **changes}), "utf-8")
    return file


def mixed(file: Path, samples: Path, out: Path, **settings: object) -> Manifest:
    """Make a mixture the way the command does."""
    given = {"recipe": str(file), "out": samples, "mixtures": out, **settings}
    return make(MixtureSettings.model_validate(given), Reporter())


def rows(folder: Path, split: str) -> pl.DataFrame:
    """The samples of a split, in the order of its shards."""
    return pl.concat([pl.read_parquet(file) for file in sorted(folder.glob(f"{split}-*"))])


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}
