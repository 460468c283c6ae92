"""The command as people run it: killed, interrupted, and asked for what cannot be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from builders.mixture import manifest
from builders.mixture.manifest import DUPLICATES, LEAKS
from tests.conftest import BUILDERS, build
from tests.mixture.mixing import content, mixed, recipe

SIZES = {"alpaca.instructions": 30, "esci.relation_of_query_and_product": 100}
#: The same recipe after a change, which finds more duplicates.
LARGER = {**SIZES, "esci.relation_of_query_and_product": 300}
#: What a mixture of one training shard and one validation shard writes, in this order.
WRITTEN = ("train", "validation", DUPLICATES, LEAKS, manifest.NAME)
#: The command, which gets a signal in the middle of writing a file, or right after.
KILLED = """
import os, sys
from contextlib import contextmanager
from builders import manifest
from builders.cli import run
from builders.mixture import __main__, make, shards

number, moment, name = sys.argv[1:4]
del sys.argv[1:4]
real = manifest.replacing

def kill():
    os.kill(os.getpid(), int(number))

@contextmanager
def replacing(path):
    mine = name in path.name
    with real(path) as half:
        yield half
        if mine and moment == "half":
            half.write_bytes(half.read_bytes()[:-20])
            kill()
    if mine and moment == "whole":
        kill()

make.replacing = shards.replacing = replacing
run(__main__.main)
"""


def command(
    arguments: Sequence[object], start: Sequence[str] = ("-m", "builders.mixture")
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *start, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
        timeout=60,
    )


def stopped(
    number: signal.Signals, moment: str, name: str, file: Path, samples: Path
) -> subprocess.CompletedProcess[str]:
    """The command for a recipe, with a signal when a file of this name is half written or whole."""
    mine = [int(number), moment, name]
    return command([*mine, file, "--samples", samples, "--out", file.parent], ("-c", KILLED))


def seen(folder: Path) -> dict[str, bytes]:
    """Every file of a folder but the hidden ones, which nobody reads."""
    return {name: data for name, data in content(folder).items() if not name.startswith(".")}


@pytest.fixture(scope="module")
def undisturbed(
    demo: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, bytes]]:
    """The mixture `any` before and after a change of its recipe, made without a mishap."""
    folder = tmp_path_factory.mktemp("undisturbed")
    found = {}
    for version, sizes in (("before", SIZES), ("after", LARGER)):
        mixed(recipe(folder / "any.yaml", sizes), demo, folder)
        found[version] = content(folder / "any")
    assert not found["before"].items() & found["after"].items() - {(LEAKS, found["after"][LEAKS])}
    return found


@pytest.mark.parametrize("moment", ["half", "whole"])
@pytest.mark.parametrize("name", WRITTEN)
def test_a_killed_run_leaves_the_old_mixture_and_the_next_one_makes_the_new(
    demo: Path,
    tmp_path: Path,
    undisturbed: dict[str, dict[str, bytes]],
    name: str,
    moment: str,
) -> None:
    file, folder = tmp_path / "any.yaml", tmp_path / "any"
    old = mixed(recipe(file, SIZES), demo, tmp_path)
    assert content(folder) == undisturbed["before"]
    recipe(file, LARGER)
    done = stopped(signal.SIGKILL, moment, name, file, demo)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert seen(folder) == undisturbed["before"]
    assert manifest.whole(folder).id == old.id
    mixed(file, demo, tmp_path)
    assert seen(folder) == undisturbed["after"]


@pytest.mark.parametrize("name", WRITTEN)
def test_after_a_killed_run_the_old_recipe_gives_the_old_bytes(
    demo: Path, tmp_path: Path, undisturbed: dict[str, dict[str, bytes]], name: str
) -> None:
    """Nothing of the mixture that was not finished stays, neither in its lists nor as shards."""
    file, folder = tmp_path / "any.yaml", tmp_path / "any"
    mixed(recipe(file, SIZES), demo, tmp_path)
    recipe(file, LARGER)
    done = stopped(signal.SIGKILL, "whole", name, file, demo)
    assert done.returncode == -signal.SIGKILL, done.stderr
    mixed(recipe(file, SIZES), demo, tmp_path)
    assert seen(folder) == undisturbed["before"]


@pytest.mark.parametrize("name", WRITTEN)
def test_an_interrupted_run_says_so_and_leaves_no_half_file(
    demo: Path, tmp_path: Path, undisturbed: dict[str, dict[str, bytes]], name: str
) -> None:
    file, folder = tmp_path / "any.yaml", tmp_path / "any"
    mixed(recipe(file, SIZES), demo, tmp_path)
    recipe(file, LARGER)
    done = stopped(signal.SIGINT, "half", name, file, demo)
    said = "interrupted: what was finished is kept, the same command goes on\n"
    assert (done.returncode, done.stderr) == (130, said)
    assert not list(folder.glob("*.tmp"))
    assert (
        manifest.whole(folder).id
        == manifest.parse(undisturbed["before"][manifest.NAME].decode(), "before").id
    )


@pytest.mark.parametrize("how", ["samples", "tokenizer", "base_model", "split", "key", "limit"])
def test_what_cannot_be_is_told_before_anything_is_written(
    demo: Path, tmp_path: Path, how: str
) -> None:
    sizes: dict[str, object] = {"alpaca.instructions": "at most 20", "esci.brand_of_title": 10}
    file = recipe(tmp_path / "any.yaml", sizes)
    arguments = {"samples": demo, "out": tmp_path}
    said = ""
    if how == "samples":
        arguments["samples"] = file
        said = str(file)
    elif how == "tokenizer":
        arguments["tokenizer"] = tmp_path / "nowhere"
        said = "nowhere"
    elif how == "base_model":
        recipe(file, sizes, base_model="no model")
        said = "no model"
    elif how == "split":  # nothing is of it: at most 20 rows would be none, unnoticed
        recipe(file, sizes, splits={"alpaca": ["trian"], "esci": ["train"]})
        said = "trian"
    elif how == "key":
        file.write_text("? [a list]\n: 1\n", "utf-8")
        said = str(file)
    elif how == "limit":  # its source has more rows than the few that were looked at
        arguments["samples"] = tmp_path / "samples"
        build(arguments["samples"], BUILDERS["esci"], sets=("esci.brand_of_title",))
        build(arguments["samples"], BUILDERS["alpaca"], limit=5)
        said = "limit"
    done = command([file, *(f"--{name}={value}" for name, value in arguments.items())])
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert not (tmp_path / "any").exists()


def test_a_pool_of_fewer_rows_than_its_source_has_is_no_reason_for_fewer(
    demo: Path, tmp_path: Path
) -> None:
    """`at most` forgives a source that has no more, not samples that somebody built small."""
    build(tmp_path / "samples", BUILDERS["alpaca"], size=10)
    file = recipe(tmp_path / "any.yaml", {"alpaca.instructions": "at most 50"})
    done = command([file, "--samples", tmp_path / "samples", "--out", tmp_path])
    assert done.returncode == 2, done.stdout
    assert "the pool is too small" in done.stderr


def test_a_list_that_is_gone_is_made_again(
    demo: Path, tmp_path: Path, undisturbed: dict[str, dict[str, bytes]]
) -> None:
    file = recipe(tmp_path / "any.yaml", SIZES)
    mixed(file, demo, tmp_path)
    (tmp_path / "any" / LEAKS).unlink()
    mixed(file, demo, tmp_path)
    assert content(tmp_path / "any") == undisturbed["before"]


def test_a_dry_run_ends_and_builds_nothing(tmp_path: Path) -> None:
    file = recipe(tmp_path / "any.yaml", {"amazon_m2.explain_product_type": 5})
    arguments = [file, "--samples", tmp_path / "samples", "--out", tmp_path, "--source", "demo"]
    done = command([*arguments, "--dry-run"])
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "any").exists()
