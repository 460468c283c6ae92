"""Mixtures of the demo samples: a recipe holds, and the same inputs give the same bytes."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from itertools import pairwise
from pathlib import Path

import datasets
import polars as pl
import pytest

from builders.mixture import manifest
from builders.mixture.folds import hash_keys
from builders.mixture.manifest import TRAIN, VALIDATION
from builders.sample import SCHEMA
from tests.conftest import BUILDERS, build
from tests.mixture.mixing import SIZES, content, mixed, recipe, rows


@pytest.fixture(scope="module")
def made(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mixture of the demo samples."""
    at = tmp_path_factory.mktemp("made")
    mixed(recipe(at / "small.yaml"), demo, at)
    return at / "small"


def test_sets_have_the_sizes_asked_for(made: Path) -> None:
    train = Counter(rows(made, TRAIN)["set"])
    for name, size in SIZES.items():
        if isinstance(size, int):
            assert train[name] == size
        else:
            assert 0 < train[name] <= 60
    told = manifest.whole(made)
    assert {part.set: part.train for part in told.sets} == train
    assert {part.set: part.validation for part in told.sets if part.validation} == Counter(
        rows(made, VALIDATION)["set"]
    )


def test_shards_hold_whole_samples(made: Path) -> None:
    samples = rows(made, TRAIN)
    assert dict(samples.schema) == SCHEMA
    assert samples["id"].n_unique() == len(samples)


def test_no_key_of_the_validation_split_stands_in_training(made: Path) -> None:
    train, held = rows(made, TRAIN), rows(made, VALIDATION)
    assert len(held) >= 3
    assert not set(train["keys"].explode()) & set(held["keys"].explode())


def test_rows_are_shuffled_over_sets(made: Path) -> None:
    names = rows(made, TRAIN)["set"].to_list()
    changes = sum(a != b for a, b in pairwise(names))
    assert changes > len(names) / 2


def test_it_loads_from_the_folder(made: Path, tmp_path: Path) -> None:
    loaded = datasets.load_dataset(str(made), cache_dir=str(tmp_path))
    assert loaded["train"]["id"][:] == rows(made, TRAIN)["id"].to_list()
    assert loaded["validation"]["id"][:] == rows(made, VALIDATION)["id"].to_list()


def test_every_row_of_a_pool_is_accounted_for(made: Path, demo: Path) -> None:
    """Taken or passed over with a reason, up to the last row taken."""
    told = {part.set: part for part in manifest.read(made).sets}
    for name, part in told.items():
        pool = pl.read_parquet(demo / f"{name}.parquet", columns=["id"])["id"]
        taken = rows(made, TRAIN).filter(pl.col("set") == name)["id"]
        last = len(pool) if part.train < part.size else pool.index_of(taken[0]) or 0
        if part.train == part.size:
            last = 1 + max(pool.index_of(one) or 0 for one in taken)
        assert part.train + part.validation + sum(part.left_out.values()) == last


def test_only_the_stated_splits_are_used(demo: Path, tmp_path: Path) -> None:
    sizes = {"mmlu.general_knowledge": "at most 100", "esci.brand_of_title": "at most 500"}
    splits = {"mmlu": ["dev", "auxiliary_train"], "esci": ["train"]}
    told = mixed(recipe(tmp_path / "some.yaml", sizes, splits=splits), demo, tmp_path)
    for split in (TRAIN, VALIDATION):
        samples = rows(tmp_path / "some", split)
        found = set(samples.select("source", "split").unique().iter_rows())
        allowed = {("mmlu", "dev"), ("mmlu", "auxiliary_train"), ("esci", "train")}
        assert found <= allowed
    left = {part.set: part.left_out for part in told.sets}
    assert left["mmlu.general_knowledge"]["split test is not used"] > 0


def test_a_set_alone_and_among_others_has_the_same_rows_where_none_is_shared(
    demo: Path, tmp_path: Path
) -> None:
    """A larger recipe changes a set only by what it shares with the others."""
    sizes = {"alpaca.instructions": 30}
    mixed(recipe(tmp_path / "alone.yaml", sizes), demo, tmp_path)
    mixed(recipe(tmp_path / "both.yaml", {**sizes, "esci.brand_of_title": 20}), demo, tmp_path)
    both = rows(tmp_path / "both", TRAIN).filter(pl.col("source") == "alpaca")
    assert both.equals(rows(tmp_path / "alone", TRAIN))


def test_the_same_inputs_give_the_same_bytes(made: Path, demo: Path, tmp_path: Path) -> None:
    mixed(recipe(tmp_path / "small.yaml"), demo, tmp_path)
    assert content(tmp_path / "small") == content(made)


def test_how_large_the_pools_are_has_no_say(demo: Path, tmp_path: Path) -> None:
    """From pools just large enough: the same shards and the same id."""
    sizes = {"esci.relation_of_query_and_product": 60, "amazon_reviews.rating_of_review": 50}
    file = recipe(tmp_path / "pools.yaml", sizes)
    large = mixed(file, demo, tmp_path / "large")
    small = tmp_path / "samples"
    for name in sizes:
        build(small, BUILDERS[name.partition(".")[0]], sets=(name,), size=130)
    told = mixed(file, small, tmp_path / "small")
    assert (told.id, told.files) == (large.id, large.files)


def test_another_seed_gives_another_mixture_with_the_same_folds(demo: Path, tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    build(samples, BUILDERS["esci"], sets=("esci.relation_of_query_and_product",), seed=5)
    sizes = {"esci.relation_of_query_and_product": 200}
    for seed, pools in ((0, demo), (5, samples)):
        mixed(recipe(tmp_path / f"seed{seed}.yaml", sizes, seed=seed), pools, tmp_path)
        held, train = (rows(tmp_path / f"seed{seed}", one) for one in (VALIDATION, TRAIN))
        assert len(held)
        assert (hash_keys(held["keys"]).folds(40) == 0).all()
        assert (hash_keys(train["keys"]).folds(40) != 0).all()
    a, b = (set(rows(tmp_path / f"seed{seed}", TRAIN)["id"]) for seed in (0, 5))
    assert not a & b


def test_what_did_not_change_is_not_made_again(made: Path, demo: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in made.iterdir()}
    mixed(made.parent / "small.yaml", demo, made.parent)
    assert {file: file.stat().st_mtime_ns for file in made.iterdir()} == before


def test_a_damaged_shard_is_made_again(made: Path, demo: Path, tmp_path: Path) -> None:
    shutil.copytree(made.parent, tmp_path / "copy")
    folder = tmp_path / "copy" / "small"
    shard = next(folder.glob("train-*"))
    shard.write_bytes(shard.read_bytes()[:-1])
    mixed(tmp_path / "copy" / "small.yaml", demo, tmp_path / "copy")
    assert content(folder) == content(made)


def test_the_shards_of_an_older_mixture_go_after_the_new_ones_are_there(
    demo: Path, tmp_path: Path
) -> None:
    mixed(recipe(tmp_path / "mine.yaml", {"alpaca.instructions": 20}), demo, tmp_path)
    old = {file.name for file in (tmp_path / "mine").glob("*-of-*")}
    mixed(recipe(tmp_path / "mine.yaml", {"alpaca.instructions": 21}), demo, tmp_path)
    new = {file.name for file in (tmp_path / "mine").glob("*-of-*")}
    assert not [name for name in old & new if name.startswith(TRAIN)]
    assert manifest.whole(tmp_path / "mine").rows(TRAIN) == 21


def test_no_duplicates_remain_where_they_are_dropped(demo: Path, tmp_path: Path) -> None:
    sizes = {"esci.relation_of_query_and_product": 300, "esci.brand_of_title": "at most 900"}
    dropped = mixed(recipe(tmp_path / "drop.yaml", sizes), demo, tmp_path)
    left_in = mixed(recipe(tmp_path / "keep.yaml", sizes, duplicates="report"), demo, tmp_path)
    listed = pl.read_parquet(tmp_path / "drop" / manifest.DUPLICATES)
    assert len(listed) == dropped.duplicates.exact + dropped.duplicates.near > 0
    assert listed["dropped"].all()
    ids = {*rows(tmp_path / "drop", TRAIN)["id"], *rows(tmp_path / "drop", VALIDATION)["id"]}
    assert not ids & set(listed["id"])
    assert set(listed["other_id"]) <= ids
    kept = pl.read_parquet(tmp_path / "keep" / manifest.DUPLICATES)
    assert left_in.duplicates.exact + left_in.duplicates.near == len(kept) > 0
    both = {*rows(tmp_path / "keep", TRAIN)["id"], *rows(tmp_path / "keep", VALIDATION)["id"]}
    assert set(kept["id"]) <= both


def test_a_question_of_a_benchmark_is_refused_and_listed_with_both_texts(
    demo: Path, tmp_path: Path
) -> None:
    sizes = {"esci.title_for_query": 30}
    clean = mixed(recipe(tmp_path / "clean.yaml", sizes), demo, tmp_path)
    assert not clean.leaks.refused
    sample = rows(tmp_path / "clean", TRAIN).row(0, named=True)
    question = sample["messages"][1]["content"]
    (tmp_path / "known.jsonl").write_text(json.dumps({"input_field": question.upper()}) + "\n")
    file = recipe(tmp_path / "refused.yaml", sizes, benchmarks=["known.jsonl"])
    told = mixed(file, demo, tmp_path)
    assert told.leaks.refused["question"] == 1
    assert told.rows(TRAIN) == 30
    listed = pl.read_parquet(tmp_path / "refused" / manifest.LEAKS)
    assert len(listed) == sum(told.leaks.refused.values())
    (hit,) = listed.filter(pl.col("rule") == "question").to_dicts()
    assert (hit["id"], hit["text"], hit["question_text"]) == (
        sample["id"],
        question,
        question.upper(),
    )
    assert sample["id"] not in set(rows(tmp_path / "refused", TRAIN)["id"])
