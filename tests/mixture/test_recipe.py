"""Recipes: the four of the paper, and every way to get one wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from builders.errors import ShopmixError
from builders.mixture.recipe import RECIPES, find, load
from tests.conftest import SETS

GOOD = """
seed: 3
base_model: some/model
duplicates: drop
folds: 100
benchmarks: []
splits: {esci: [train], mmlu: [dev, test]}
sets:
  esci.title_for_query: 100
  mmlu.general_knowledge: at most 20
"""

Written = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(text: str, name: str = "mine") -> Path:
        file = tmp_path / f"{name}.yaml"
        file.write_text(text, "utf-8")
        return file

    return write


def numbers(name: str) -> set[int | None]:
    return {SETS[one].number for one in load(find(name)).sets}


@pytest.mark.parametrize(
    ("name", "total", "sets"),
    [
        ("v7", 417_000, {*range(1, 27), 37, 38}),
        ("v8", 462_435, {*range(1, 33), 37, 38}),
        ("v7b", 151_760, {*range(21, 27), *range(33, 38)}),
        ("v9b", 40_000, {33, 34, 35, 36}),
    ],
)
def test_the_papers_mixtures_have_its_sets_and_sizes(name: str, total: int, sets: set[int]) -> None:
    recipe = load(find(name))
    assert sum(size.rows for size in recipe.sets.values()) == total
    assert numbers(name) == sets
    assert all(size.rows == SETS[one].size for one, size in recipe.sets.items())
    assert recipe.duplicates == "report"


def test_each_recipe_that_ships_loads_and_its_benchmarks_are_there() -> None:
    for file in RECIPES.glob("*.yaml"):
        assert all(one.is_file() for one in load(file).benchmarks)


def test_a_recipe_of_ones_own(written: Written) -> None:
    recipe = load(written(GOOD))
    assert recipe.name == "mine"
    assert recipe.sets["mmlu.general_knowledge"].at_most
    assert recipe.told()["sets"] == {
        "esci.title_for_query": 100,
        "mmlu.general_knowledge": "at most 20",
    }


def test_what_includes_another_changes_it(written: Written, tmp_path: Path) -> None:
    written(GOOD.replace("benchmarks: []", "benchmarks: [known.jsonl]"), "base")
    recipe = load(
        written(
            "include: base\nseed: 4\nsets:\n  esci.title_for_query: 7\n  esci.brand_of_title: 1"
        )
    )
    assert (recipe.seed, recipe.folds) == (4, 100)
    assert recipe.benchmarks == (tmp_path.resolve() / "known.jsonl",)
    assert {name: size.rows for name, size in recipe.sets.items()} == {
        "esci.title_for_query": 7,
        "mmlu.general_knowledge": 20,
        "esci.brand_of_title": 1,
    }


def test_sets_of_what_is_included_can_be_left_out(written: Written) -> None:
    written(GOOD, "base")
    recipe = load(written("include: base\nwithout: [mmlu.general_knowledge]"))
    assert list(recipe.sets) == ["esci.title_for_query"]
    assert list(recipe.splits) == ["esci"]
    with pytest.raises(ShopmixError, match=r"without: 'esci.brand_of_title' is no set"):
        load(written("include: base\nwithout: [esci.brand_of_title]"))


def test_ours_can_be_included_by_name(written: Written) -> None:
    recipe = load(written("include: v9b\nduplicates: drop"))
    assert recipe.sets == load(find("v9b")).sets
    assert recipe.benchmarks == load(find("v9b")).benchmarks


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("folds:", "fold:", "no key 'fold': did you mean folds?"),
        ("folds: 100", "folds: 1", "folds: Input should be greater than or equal to 2, not 1"),
        ("folds: 100", "", "folds: Field required"),
        ("title_for_query: 100", "tilte_for_query: 100", "did you mean esci.title_for_query?"),
        ("query: 100", "query: 0.5", "a size is a count of training rows"),
        ("query: 100", "query: all", "a size is a count of training rows"),
        ("query: 100", "query: true", "a size is a count of training rows"),
        ("query: 100", "query: 10,000", "a size is a count of training rows"),
        ("query: 100", "query: 0", "greater than 0, not 0"),
        ("query: 100", "query: at most", "a size is a count of training rows"),
        ("duplicates: drop", "duplicates: keep", "duplicates: Input should be 'report' or 'drop'"),
        ("esci: [train], ", "", "say which splits of esci may be used, as esci: [train]"),
        ("esci: [train]", "esci: [train], alpaca: [train]", "no set is of 'alpaca'"),
        ("esci: [train]", "esci: train", "splits.esci: a list of splits, as [train], not 'train'"),
        ("seed: 3", "seed: 3\nseed: 4", "line 3: key 'seed' stands twice"),
        ("seed: 3", "seed: -1", "seed: Input should be greater than or equal to 0"),
        ("seed: 3", "seed: [", "mine.yaml, line"),
        ("benchmarks: []", "benchmarks: known.jsonl", "benchmarks: a list of files is wanted"),
        ("seed: 3", "seed: 3\ninclude: mine", "includes itself"),
        ("seed: 3", "seed: 3\ninclude: v77", "no recipe 'v77': did you mean v7?"),
    ],
)
def test_what_is_wrong_is_named(written: Written, was: str, becomes: str, said: str) -> None:
    assert was in GOOD
    file = written(GOOD.replace(was, becomes))
    with pytest.raises(ShopmixError) as error:
        load(file)
    assert said in str(error.value)
    assert "mine.yaml" in str(error.value) or "v77" in said


@pytest.mark.parametrize("text", ["", "- a list", "just words", "sets: [esci.title_for_query]"])
def test_what_is_no_table_is_refused(written: Written, text: str) -> None:
    with pytest.raises(ShopmixError, match="table"):
        load(written(text))


def test_a_recipe_that_is_not_there_has_a_nearest_name() -> None:
    with pytest.raises(ShopmixError, match="did you mean v7"):
        find("v77")
    with pytest.raises(ShopmixError, match="no such recipe file"):
        find("nowhere/mine.yaml")
