"""What is wrong is told in words, with exit code 2, and nothing is lost or half there."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from builders.errors import ShopmixError
from builders.mixture import manifest
from builders.mixture.__main__ import main
from builders.mixture.pools import Pool, foreign, pooled
from tests.conftest import BUILDERS, build, publish
from tests.mixture.mixing import content, mixed, recipe

ONE = {"alpaca.instructions": 20}


def test_every_set_that_is_short_or_missing_is_listed(demo: Path, tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    samples.mkdir()
    for name in ("esci.title_for_query", "alpaca.instructions"):
        for ending in ("json", "parquet"):
            shutil.copy(demo / f"{name}.{ending}", samples)
    sizes = {
        "esci.title_for_query": 5_000,
        "esci.brand_of_title": 10,
        "alpaca.instructions": "at most 5000",
    }
    with pytest.raises(ShopmixError) as error:
        mixed(recipe(tmp_path / "short.yaml", sizes), samples, tmp_path)
    said = str(error.value)
    assert "esci.title_for_query" in said
    assert "of 5,000 rows" in said
    assert "its source has no more" in said
    assert f"esci.brand_of_title: no samples in {samples}" in said
    assert "python -m builders.esci --source hub --sets esci.brand_of_title --size 11" in said
    assert "at most N" in said
    assert "alpaca.instructions:" not in said
    assert not (tmp_path / "short").exists()


def test_a_small_pool_is_made_larger_where_there_is_a_source(tmp_path: Path) -> None:
    name = "esci.relation_of_query_and_product"
    samples = tmp_path / "samples"
    build(samples, BUILDERS["esci"], sets=(name,), size=20)
    file = recipe(tmp_path / "grown.yaml", {name: 150, **ONE})
    with pytest.raises(ShopmixError, match="the pool is too small"):
        mixed(recipe(tmp_path / "small.yaml", {name: 150}), samples, tmp_path)
    told = mixed(file, samples, tmp_path, build={"": "demo"})
    assert {part.set: part.train for part in told.sets} == {name: 150, **ONE}


def test_a_source_that_cannot_fill_a_set_is_told_after_it_was_built(tmp_path: Path) -> None:
    sizes = {"esci.title_for_query": 5_000, "amazon_m2.category_with_attribute": 10}
    with pytest.raises(ShopmixError) as error:
        mixed(
            recipe(tmp_path / "much.yaml", sizes), tmp_path / "s", tmp_path, build={"": "demo"},
            ledger=None, llm="ledger:none",
        )  # fmt: skip
    assert "its source has no more" in str(error.value)
    assert "amazon_m2.category_with_attribute" in str(error.value)


def test_another_seed_than_the_recipes_is_told(demo: Path, tmp_path: Path) -> None:
    with pytest.raises(ShopmixError, match="drawn by seed 0, the recipe has 9"):
        mixed(recipe(tmp_path / "nine.yaml", ONE, seed=9), demo, tmp_path)


@pytest.mark.parametrize("ending", ["parquet", "json"])
def test_damaged_samples_are_told(demo: Path, tmp_path: Path, ending: str) -> None:
    for one in ("parquet", "json"):
        shutil.copy(demo / f"alpaca.instructions.{one}", tmp_path)
    file = tmp_path / f"alpaca.instructions.{ending}"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(ShopmixError, match=r"alpaca.instructions.parquet is damaged"):
        mixed(recipe(tmp_path / "mine.yaml", ONE), tmp_path, tmp_path)


def test_outdated_samples_are_told_and_built_anew_with_a_source(
    demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = tmp_path / "samples"
    build(samples, BUILDERS["alpaca"])
    file = samples / "alpaca.instructions.json"
    was = file.read_text("utf-8")
    file.write_text(was.replace('"code": "', '"code": "0'), "utf-8")
    mine = recipe(tmp_path / "mine.yaml", ONE)
    first = mixed(mine, samples, tmp_path)
    assert "the code has changed since: they are used as they are" in capsys.readouterr().out
    again = mixed(mine, samples, tmp_path, build={"": "demo"})
    assert first.id != again.id
    assert [part.made_by["code"] for part in again.sets] != [
        part.made_by["code"] for part in first.sets
    ]


def test_no_training_row_at_all_is_an_error(tmp_path: Path, demo: Path) -> None:
    sizes = {"alpaca.instructions": "at most 5"}
    file = recipe(tmp_path / "none.yaml", sizes, splits={"alpaca": ["test"]})
    said = "no sample of alpaca is of the split test; there are train"
    with pytest.raises(ShopmixError, match=said):
        mixed(file, demo, tmp_path)


def test_a_manifest_that_is_none_is_replaced(demo: Path, tmp_path: Path) -> None:
    file = recipe(tmp_path / "mine.yaml", ONE)
    mixed(file, demo, tmp_path)
    before = content(tmp_path / "mine")
    (tmp_path / "mine" / manifest.NAME).write_text("{}", "utf-8")
    with pytest.raises(ShopmixError, match="is no manifest of a mixture"):
        manifest.whole(tmp_path / "mine")
    mixed(file, demo, tmp_path)
    assert content(tmp_path / "mine") == before


def _command(
    arguments: list[str], limit: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "builders.mixture", *arguments],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
        env={**os.environ, "COLUMNS": "200"},
    )


def test_a_full_disk_leaves_what_was_there(demo: Path, tmp_path: Path) -> None:
    """No file may grow beyond 8 KB: what the disk says is told, and the old mixture stands."""
    file = recipe(tmp_path / "mine.yaml", ONE)
    mixed(file, demo, tmp_path)
    before = content(tmp_path / "mine")
    recipe(file, {"alpaca.instructions": 40})

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8_192, 8_192))

    done = _command([str(file), "--samples", str(demo), "--out", str(tmp_path)], limit)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: cannot write")
    assert content(tmp_path / "mine") == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["v77"], "no recipe 'v77': did you mean v7?"),
        (["diff", "v7", "nowhere"], "manifest.json is missing"),
        (["demo", "--benchmark", "no.jsonl"], "no.jsonl"),
        (["demo", "--workers", "0"], "--workers 0"),
        (["demo", "--samples", "nowhere"], "no samples in nowhere"),
        (["demo", "--source", "esky=demo"], "--source esky=demo: NAME=WHERE with one of esci"),
    ],
)
def test_the_command_ends_with_one_clear_error(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    done = _command([*arguments, *([] if "diff" in arguments else ["--out", str(tmp_path)])])
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_tells_what_it_made(
    demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["demo", "--samples", str(demo), "--out", str(tmp_path), "--format", "shopbench"])
    said = capsys.readouterr().out
    assert "duplicates dropped" in said
    assert "have no place in ShopBench" in said
    assert (tmp_path / "demo" / "train.shopbench.jsonl").stat().st_size > 0


def test_pools_of_other_rows_than_those_asked_for_are_built_anew(
    demo: Path, tmp_path: Path
) -> None:
    """The demo's rows are not mixed for a folder's, nor one commit's for another's."""
    samples = tmp_path / "samples"
    samples.mkdir()
    for ending in ("json", "parquet"):
        shutil.copy(demo / f"alpaca.instructions.{ending}", samples)
    own = tmp_path / "own"
    own.mkdir()
    publish(own, builder=BUILDERS["alpaca"])
    (file,) = own.rglob("*.json")
    rows = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps(rows[:-1]), "utf-8")
    mine = recipe(tmp_path / "mine.yaml", ONE)
    before = mixed(mine, samples, tmp_path)
    told = mixed(mine, samples, tmp_path, build={"alpaca": str(own)})
    assert told.sets[0].source_revision != before.sets[0].source_revision
    builder = BUILDERS["alpaca"]
    pool = pooled(samples, builder, builder.sets[0], 0)
    assert isinstance(pool, Pool)
    assert foreign(pool, str(own)) is None
    assert (
        foreign(pool, f"hub@{'0' * 40}") == f"of another revision, {told.sets[0].source_revision}"
    )


def test_a_slip_in_one_of_several_splits_is_told(demo: Path, tmp_path: Path) -> None:
    sizes = {"esci.brand_of_title": 20}
    file = recipe(tmp_path / "slip.yaml", sizes, splits={"esci": ["train", "tset"]})
    with pytest.raises(ShopmixError, match="is of the split tset; there are test, train"):
        mixed(file, demo, tmp_path)


def test_a_source_at_two_revisions_is_told(
    demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = tmp_path / "samples"
    samples.mkdir()
    for ending in ("json", "parquet"):
        shutil.copy(demo / f"esci.brand_of_title.{ending}", samples)
    build(samples, BUILDERS["esci"], sets=("esci.title_for_query",))
    file = samples / "esci.title_for_query.json"
    told = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps({**told, "source_revision": "rows-other"}), "utf-8")
    sizes = {"esci.brand_of_title": 20, "esci.title_for_query": 20}
    mixed(recipe(tmp_path / "mine.yaml", sizes), samples, tmp_path)
    assert "sets of esci are of 2 revisions" in capsys.readouterr().out


def test_sets_without_a_row_are_told(
    demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The demo judges for five queries or more only products of the test split."""
    sizes = {
        "esci.brand_of_title": "at most 60",
        "esci.rank_queries_for_product": "at most 60",
    }
    file = recipe(tmp_path / "some.yaml", sizes, splits={"esci": ["train"]})
    main([str(file), "--samples", str(demo), "--out", str(tmp_path)])
    assert "no training row of esci.rank_queries_for_product\n" in capsys.readouterr().out
