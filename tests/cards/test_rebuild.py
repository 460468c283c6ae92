"""How a mixture is built again: what the card prints can be run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from builders.cards.rebuild import Rebuild, rebuild
from builders.cards.sources import used
from builders.mixture.manifest import Manifest
from builders.mixture.recipe import RECIPES, load
from builders.mixture.settings import arguments
from tests.cards.mixtures import CODE, INSTRUCTIONS, KNOWLEDGE, RANKING, manifest

SHIPPED = "shopbench_development"


def mixed(name: str, recipe: dict[str, Any], *benchmarks: str) -> Manifest:
    """A mixture of a recipe, in which questions of benchmarks were looked for."""
    one = manifest(name, (RANKING, KNOWLEDGE))
    hashes = {benchmark: f"hash of {benchmark}" for benchmark in benchmarks}
    leaks = one.leaks.model_copy(update={"benchmarks": hashes})
    return one.model_copy(update={"recipe": recipe, "leaks": leaks})


def told(one: Manifest) -> Rebuild:
    return rebuild(one, used(one.sets))


@pytest.mark.parametrize("name", ["v7", "v8", "v7b", "v9b", "demo"])
def test_a_recipe_that_ships_goes_by_its_name(name: str) -> None:
    found = told(mixed(name, load(RECIPES / f"{name}.yaml").told(), SHIPPED))
    assert found.recipe is None
    assert found.command.startswith(f"python -m builders.mixture {name} ")
    assert "--benchmark" not in found.command


def test_another_recipe_is_a_file_that_loads(tmp_path: Path) -> None:
    """Also one that was made by including another, or is called as one of ours."""
    recipe = {**load(RECIPES / "v8.yaml").told(), "folds": 40}
    found = told(mixed("v8", recipe, SHIPPED))
    assert found.command.startswith("python -m builders.mixture v8.yaml ")
    assert f"--benchmark recipes/benchmarks/{SHIPPED}.json" in found.command
    file = tmp_path / "v8.yaml"
    file.write_text(found.recipe or "", "utf-8")
    assert load(file).told() == recipe


def test_a_benchmark_that_does_not_ship_is_wanted() -> None:
    found = told(mixed("v9b", load(RECIPES / "v9b.yaml").told(), SHIPPED, "mine"))
    assert "--benchmark DIR/mine.jsonl" in found.command
    assert found.benchmarks == {"mine": "hash of mine"}


def test_the_command_is_understood() -> None:
    found = told(mixed("v9b", load(RECIPES / "v9b.yaml").told(), SHIPPED, "mine"))
    given = arguments(shlex.split(found.command.replace("\\\n", ""))[3:])
    assert given.build == {"esci": f"hub@{RANKING['source_revision']}", "mmlu": "DIR"}
    assert given.benchmark == (Path("DIR/mine.jsonl"),)


def test_answers_of_an_llm_are_wanted() -> None:
    one = manifest("v8", (RANKING, INSTRUCTIONS))
    assert told(one).models == ("openai:gpt-4.1-mini",)
    assert "--ledger FILE" in told(one).command
    assert "--ledger" not in told(manifest()).command


def test_what_decided_the_samples_is_told_once() -> None:
    """By source, packages where they are others than the mixture's, and nothing that was not."""
    opinion = {"model": "m", "rejects": True}
    own = {**RANKING["made_by"], "second_opinion": opinion, "samples": "ab"}
    older = {**RANKING["made_by"], "packages": {"polars": "1.37.0"}}
    parts = (
        RANKING,
        {**RANKING, "set": "esci.other", "made_by": own},
        KNOWLEDGE,
        {**INSTRUCTIONS, "made_by": older},
    )
    found = told(manifest("v8", parts))
    assert yaml.safe_load(found.made_by) == {
        "mixture": {"code": CODE, "packages": {"polars": "2.1.0", "rensa": "0.2.8"}},
        "esci.rank_products_for_query, mmlu": {"seed": 0, "code": CODE},
        "esci.other": {"seed": 0, "code": CODE, "second_opinion": opinion},
        "alpaca": {"seed": 0, "code": CODE, "packages": {"polars": "1.37.0"}},
    }
    assert found.second_opinion
    assert not told(manifest()).second_opinion
