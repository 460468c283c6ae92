"""From a sample back to its rows, and what the commands print."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from builders.builder import Set
from builders.errors import ShopmixError
from builders.explain import explain, find
from tests.conftest import SETS, builder_of


def _run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _first(demo: Path, name: str) -> str:
    return str(pl.read_parquet(demo / f"{name}.parquet", columns=["id"])["id"][0])


@pytest.mark.parametrize("made", SETS.values(), ids=SETS)
def test_a_sample_is_explained(made: Set, demo: Path) -> None:
    sample = find(demo, _first(demo, made.name))
    told = explain(sample, builder_of(made), "demo")
    assert made.name in told
    assert sample["template"] in told
    assert not made.options or "right" in told or "weight" in told
    assert "is not in demo" not in told
    for ref in sample["source_rows"]:
        assert ref in told


def test_the_command_shows_reasons_and_rows(demo: Path) -> None:
    told = _run("builders.explain", _first(demo, "esci.title_for_query")[:12],
                "--samples", str(demo), "--source", "demo")  # fmt: skip
    assert "wrong: judged irrelevant for this query" in told or "wrong: judged a " in told
    assert "product_title:" in told
    assert "esci_label:" in told


def test_an_unknown_id_is_told(demo: Path, tmp_path: Path) -> None:
    with pytest.raises(ShopmixError, match="0 samples in"):
        find(demo, "zzz")
    with pytest.raises(ShopmixError, match="build some"):
        find(tmp_path, "a")


def test_the_list_names_every_set() -> None:
    told = _run("builders")
    assert all(made.name in told for made in SETS.values())


def test_show_marks_the_right_answer(tmp_path: Path) -> None:
    sets = "title_for_query,exact_products_for_query"
    settings = ("--source", "demo", "--sets", sets, "--size", "10", "--out", str(tmp_path))
    told = _run("builders.esci", *settings, "--show", "2")
    assert told.count("=== esci.title_for_query") == 2
    assert "right: " in told
    assert "rejected" in told
    assert "options only" in told
