"""The same recipe and the same rows give the same bytes, however and by whom they are mixed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from builders.llm.opened import DEMO
from builders.mixture import manifest
from builders.mixture.manifest import DUPLICATES, LEAKS
from tests.conftest import BUILDERS, build, publish, samples_of
from tests.mixture.mixing import content, recipe

#: Sets of every source: with labels, with composed questions, in Japanese, with every row used.
SIZES = {
    "amazon_m2.explain_product_type": 12,
    "amazon_m2.title_in_locale": 20,
    "amazon_reviews.rating_of_review": 90,
    "esci.query_for_title": 20,
    "esci.relation_of_query_and_product": 150,
    "ecinstruct.relevance_of_product": "at most 60",
    "mmlu.general_knowledge": "at most 40",
    "alpaca.instructions": "at most 60",
}


def command(arguments: Sequence[object], threads: int, hash_seed: int) -> None:
    """Run `python -m builders.mixture` with so many threads of polars and this seed of hashes."""
    environment = {"POLARS_MAX_THREADS": str(threads), "PYTHONHASHSEED": str(hash_seed)}
    done = subprocess.run(
        [sys.executable, "-m", "builders.mixture", *map(str, arguments), "--ledger", str(DEMO)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The rows of all sources, in one file a table, and in three."""
    folders = {}
    for count in (1, 3):
        folders[count] = tmp_path_factory.mktemp(f"rows{count}")
        for name, builder in BUILDERS.items():
            (folders[count] / name).mkdir()
            publish(folders[count] / name, count, builder)
    return folders


@pytest.fixture(scope="module")
def made(demo: Path, published: dict[int, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe, the samples that it was made of, and the mixture `any`.

    Questions that it must not have are among the samples: one whole, and words of three others.
    """
    folder = tmp_path_factory.mktemp("made")
    prompts = pl.read_parquet(demo / "esci.query_for_title.parquet")["messages"].list.get(1)
    known = prompts.struct.field("content").head(4).to_list()
    known = [known[0], *(f"Once more {number}: {text}" for number, text in enumerate(known[1:]))]
    lines = [json.dumps({"input_field": text}) + "\n" for text in known]
    (folder / "known.jsonl").write_text("".join(lines), "utf-8")
    file = recipe(folder / "any.yaml", SIZES, benchmarks=["known.jsonl"])
    source = ["--source", published[1]]
    command([file, "--samples", folder / "samples", "--out", folder, *source], 1, 0)
    return folder


def test_there_is_something_of_everything_to_be_repeated(made: Path) -> None:
    told = manifest.whole(made / "any")
    assert {part.set for part in told.sets if part.train} == set(SIZES)
    assert told.rows("validation") > 3
    assert len(pl.read_parquet(made / "any" / DUPLICATES)) > 3
    assert len(pl.read_parquet(made / "any" / LEAKS)) > 3
    assert {len(part.generators) for part in told.sets} == {1, 2}


@pytest.mark.parametrize(("threads", "hash_seed"), [(1, 1), (2, 0), (2, 2), (3, 3)])
def test_neither_threads_nor_seeds_of_hashes_have_a_say(
    made: Path, tmp_path: Path, threads: int, hash_seed: int
) -> None:
    arguments = [made / "any.yaml", "--samples", made / "samples", "--out", tmp_path]
    command(arguments, threads, hash_seed)
    assert content(tmp_path / "any") == content(made / "any")


def test_how_the_files_of_sources_are_divided_has_no_say(
    made: Path, published: dict[int, Path], tmp_path: Path
) -> None:
    arguments = [made / "any.yaml", "--samples", tmp_path / "samples", "--out", tmp_path]
    command([*arguments, "--source", published[3]], 2, 2)
    assert content(tmp_path / "samples") == content(made / "samples")
    assert content(tmp_path / "any") == content(made / "any")


def test_samples_built_set_by_set_are_mixed_to_the_same_bytes(
    made: Path, published: dict[int, Path], tmp_path: Path
) -> None:
    for name, _ in reversed(list(samples_of(made / "samples"))):
        source = name.partition(".")[0]
        told = json.loads((made / "samples" / f"{name}.json").read_text("utf-8"))
        where = str(published[3] / source)
        build(
            tmp_path / "samples", BUILDERS[source], source=where, sets=(name,), size=told["asked"]
        )
    command([made / "any.yaml", "--samples", tmp_path / "samples", "--out", tmp_path], 2, 1)
    assert content(tmp_path / "any") == content(made / "any")


def test_a_file_of_a_recipe_may_be_elsewhere_and_written_otherwise(
    made: Path, tmp_path: Path
) -> None:
    """Comments, the order of keys, an included file: what counts is what it says."""
    (tmp_path / "below").mkdir()
    (tmp_path / "known.jsonl").write_bytes((made / "known.jsonl").read_bytes())
    recipe(tmp_path / "base.yaml", SIZES, benchmarks=["known.jsonl"], seed=5, folds=7)
    file = tmp_path / "below" / "any.yaml"
    file.write_text("# ours\nfolds: 40\nseed: 0\ninclude: ../base\n", "utf-8")
    command([file, "--samples", made / "samples", "--out", tmp_path], 2, 0)
    assert content(tmp_path / "any") == content(made / "any")
