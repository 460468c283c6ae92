"""What a difference tells is what was changed, no more and no less."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from builders.errors import ShopmixError
from builders.mixture.diff import CHANGED, COLUMNS, GONE, NEW, Change, compare, show, write_rows
from builders.mixture.manifest import Leaks, Manifest
from builders.sample import SCHEMA
from tests.conftest import samples_of
from tests.mixture.handmade import mixture

RANKING, TITLE = "esci.rank_products_for_query", "esci.title_for_query"
NAMES = "ecinstruct.attribute_value"
NEW_WORDING = {"esci/new.j2@12345678": 20}


@pytest.fixture(scope="module")
def samples(demo: Path) -> pl.DataFrame:
    """Twenty samples of each of three sets."""
    sets = dict(samples_of(demo))
    return pl.concat([sets[name].head(20) for name in (RANKING, TITLE, NAMES)])


def of(samples: pl.DataFrame, name: str) -> pl.DataFrame:
    """The samples of a set."""
    return samples.filter(pl.col("set") == name)


def told(difference_of: tuple[Path, Path], limit: int = 3) -> str:
    """What is printed."""
    out = StringIO()
    show(compare(*difference_of), Console(file=out, width=200), limit)
    return out.getvalue()


def test_the_same_rows_in_other_shards(samples: pl.DataFrame, tmp_path: Path) -> None:
    a, b = tmp_path / "v7", tmp_path / "again"
    mixture(a, samples[5:], samples[:5], shards=3)
    mixture(b, samples[5:].reverse(), samples[:5], shards=2)
    found = compare(a, b)
    assert found.rows.is_empty()
    assert found.settings == ()
    assert [(one.before, one.same, one.settings) for one in found.sets] == [(20, 20, ())] * 3
    assert told((a, b)).endswith("\nevery row is the same\n")


def test_rows_that_came_and_went(samples: pl.DataFrame, tmp_path: Path) -> None:
    a, b = tmp_path / "v7", tmp_path / "v8"
    mixture(a, pl.concat([of(samples, RANKING)[1:], of(samples, TITLE)]), of(samples, RANKING)[:1])
    mixture(b, pl.concat([of(samples, RANKING)[4:], of(samples, NAMES)]), of(samples, RANKING)[3:4])
    found = compare(a, b)
    counts = {one.set: (one.before, one.after, one.gone, one.new, one.same) for one in found.sets}
    assert counts == {
        RANKING: (20, 17, 3, 0, 16),
        NAMES: (0, 20, 0, 20, 0),
        TITLE: (20, 0, 20, 0, 0),
    }
    moved = of(samples, RANKING)["id"][3]
    rows = {row["id"]: row for row in found.rows.iter_rows(named=True)}
    assert rows.pop(moved) == {
        "id": moved,
        "set": RANKING,
        "change": CHANGED,
        "columns": ["moved"],
    }
    gone = {*of(samples, RANKING)["id"][:3], *of(samples, TITLE)["id"]}
    assert {name for name, row in rows.items() if row["change"] == GONE} == gone
    assert {name for name, row in rows.items() if row["change"] == NEW} == {
        *of(samples, NAMES)["id"]
    }
    assert all(row["columns"] == [] for row in rows.values())
    assert found.rows["set"].to_list() == sorted(found.rows["set"])


@pytest.mark.parametrize("column", [name for name in SCHEMA if name not in ("id", "set")])
def test_every_column_counts(column: str, samples: pl.DataFrame, tmp_path: Path) -> None:
    """One changed value, nulls and the order within lists included, is one changed row."""
    row = samples.row(7, named=True)
    value = row[column]
    other: object = "" if value is None else None
    if isinstance(value, list):
        other = value[::-1] if len(value) > 1 else [*value, "another"]
    altered = pl.DataFrame([{**row, column: other}], schema=SCHEMA)
    a, b = tmp_path / "a", tmp_path / "b"
    mixture(a, samples, samples.clear())
    mixture(b, pl.concat([samples[:7], altered, samples[8:]]), samples.clear(), sets=())
    found = compare(a, b)
    assert found.rows.rows() == [(row["id"], row["set"], CHANGED, [column])]
    assert {one.set: dict(one.columns) for one in found.sets if one.columns} == {
        row["set"]: {column: 1}
    }


def test_a_message_that_changed_its_role(samples: pl.DataFrame, tmp_path: Path) -> None:
    row = samples.row(0, named=True)
    system, user, assistant = row["messages"]
    swapped = [{**system, "role": "user"}, {**user, "role": "system"}, assistant]
    altered = pl.DataFrame([{**row, "messages": swapped}], schema=SCHEMA)
    mixture(tmp_path / "a", samples[:1], samples[1:])
    mixture(tmp_path / "b", altered, samples[1:])
    assert compare(tmp_path / "a", tmp_path / "b").rows["columns"].to_list() == [["messages"]]


def test_what_decides(samples: pl.DataFrame, tmp_path: Path) -> None:
    a, b = tmp_path / "v7", tmp_path / "v8"
    before = mixture(a, samples[5:], samples[:5])
    parts = [
        part.model_copy(
            update={
                "source_revision": "abc",
                "size": part.size + 1,
                "templates": NEW_WORDING if part.set == TITLE else part.templates,
                "made_by": {"seed": 1, "packages": {"jinja2": "3.2"}, "samples": "3" * 32},
            }
        )
        for part in before.sets
    ]
    mixture(
        b,
        samples[5:],
        samples[:5],
        sets=tuple(parts),
        recipe={"name": "v8", "seed": 1, "duplicates": "report", "sets": {TITLE: 5}, "folds": 9},
        code="1" * 32,
        packages={"polars": "2.2.0"},
        leaks=Leaks(benchmarks={}, refused={}),
    )
    found = compare(a, b)
    assert found.rows.is_empty()
    assert found.settings == (
        Change("recipe.seed", 0, 1),
        Change("code", "0" * 32, "1" * 32),
        Change("packages.polars", "2.1.0", "2.2.0"),
        Change("benchmarks.shopbench", "1" * 32, None),
        Change("recipe.folds", None, 9),
    )
    changes = {one.set: {change.key: change for change in one.settings} for one in found.sets}
    alike = {"source_revision", "size", "made_by.seed", "made_by.packages.jinja2"}
    assert set(changes[RANKING]) == alike
    assert changes[RANKING]["made_by.packages.jinja2"].after == "3.2"
    assert changes[TITLE]["templates.esci/new.j2"].after == "12345678"
    assert all(
        change.after is None
        for key, change in changes[TITLE].items()
        if key not in alike and key != "templates.esci/new.j2"
    )
    lines = [line.split() for line in told((a, b)).splitlines()]
    assert ["recipe.seed", "0", "1", "the", "mixture"] in lines
    assert ["recipe.folds", "-", "9", "the", "mixture"] in lines
    assert ["made_by.seed", "0", "1", "3", "sets,", NAMES, "first"] in lines


def test_the_first_few_rows_are_shown_and_all_written(
    samples: pl.DataFrame, tmp_path: Path
) -> None:
    a, b = tmp_path / "v7", tmp_path / "v8"
    mixture(a, of(samples, RANKING), samples.clear())
    changed = of(samples, RANKING).with_columns(template=pl.lit("x.j2@00000000"), truth=pl.lit("1"))
    mixture(b, pl.concat([changed, of(samples, NAMES)]), samples.clear())
    text = told((a, b), limit=2)
    short = [name[:12] for name in sorted(of(samples, RANKING)["id"])]
    changes = ", ".join(f"{name} (truth, template)" for name in short[:2])
    assert f"\n{RANKING}: 20 changed: {changes} ...\n" in text
    new = ", ".join(name[:12] for name in sorted(of(samples, NAMES)["id"])[:2])
    assert f"\n{NAMES}: 20 new: {new} ...\n" in text
    assert any(line.split()[-3:] == ["20;", "template", "20"] for line in text.splitlines())
    file = tmp_path / "rows.jsonl"
    write_rows(compare(a, b), file)
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert len(rows) == 40
    assert rows[20] == {
        "id": min(of(samples, RANKING)["id"]),
        "set": RANKING,
        "change": "changed",
        "columns": ["truth", "template"],
    }
    assert rows[0]["columns"] == []


def test_a_damaged_shard(samples: pl.DataFrame, tmp_path: Path) -> None:
    made: Manifest = mixture(tmp_path / "v7", samples, samples.clear())
    mixture(tmp_path / "v8", samples, samples.clear())
    shard = tmp_path / "v7" / made.files[0].path
    shard.write_bytes(shard.read_bytes()[:-9])
    with pytest.raises(ShopmixError, match=shard.name):
        compare(tmp_path / "v7", tmp_path / "v8")


def test_no_mixture(samples: pl.DataFrame, tmp_path: Path) -> None:
    mixture(tmp_path / "v7", samples, samples.clear())
    with pytest.raises(ShopmixError, match="v8 --out"):
        compare(tmp_path / "v7", tmp_path / "v8")


def test_an_id_that_stands_twice(samples: pl.DataFrame, tmp_path: Path) -> None:
    mixture(tmp_path / "v7", samples, samples[:2])
    mixture(tmp_path / "v8", samples, samples.clear())
    with pytest.raises(ShopmixError, match="v7: 2 ids stand twice"):
        compare(tmp_path / "v7", tmp_path / "v8")


def test_no_column_is_left_out() -> None:
    assert {*COLUMNS, "id", "set"} == {*SCHEMA, "moved"}
