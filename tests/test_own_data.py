"""The page on a source of one's own holds: its files, copied into a folder outside shopmix, run."""

from __future__ import annotations

import ast
import csv
import json
import os
import re
import shlex
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

from builders.sample import prove

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "own_data.md").read_text("utf-8")
FILE = re.compile(r"^`(shop/[^`]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = [
    line for kind, code in BLOCK.findall(PAGE) if kind == "sh" for line in code.splitlines()
]
SETS = {"shop.product_for_query": 3, "shop.brand_in_title": 4}
#: Imports, docstrings, comments and blank lines apart.
MOST_LINES = 85
Run = subprocess.CompletedProcess[str]


def _run(command: str, folder: Path, *more: Path) -> Run:
    """A command as printed, where shopmix is installed and `more` is on Python's path."""
    first, *arguments = shlex.split(command)
    assert first == "python"
    path = os.pathsep.join(map(str, (ROOT, *more)))
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env={**os.environ, "PYTHONPATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def _install(folder: Path) -> tuple[Path, Path]:
    """What `pip install -e shop` does, elsewhere: the metadata, and the path to the code."""
    build = "import hatchling.build; print(hatchling.build.build_editable('..'))"
    done = _run(f'python -c "{build}"', folder / "shop")
    assert done.returncode == 0, done.stderr
    site = folder / "site"
    with zipfile.ZipFile(folder / done.stdout.strip()) as wheel:
        wheel.extractall(site)
    return site, Path((site / "_our_shop.pth").read_text("utf-8").strip())


def _csv(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def _write(folder: Path, **tables: list[dict[str, str]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as opened:
            writer = csv.DictWriter(opened, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return folder


def _demo(folder: Path) -> dict[str, list[dict[str, str]]]:
    demo = folder / "shop" / "demo" / "shop"
    return {name: _csv(demo / f"{name}.csv") for name in ("catalogue", "clicks")}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of the page, and the demo rows in another order as own rows."""
    desk = tmp_path_factory.mktemp("desk")
    for name, content in FILE.findall(PAGE):
        (desk / name).parent.mkdir(parents=True, exist_ok=True)
        (desk / name).write_text(content, "utf-8")
    shuffled = {name: Random(7).sample(rows, len(rows)) for name, rows in _demo(desk).items()}
    _write(desk / "path" / "to" / "our" / "csv", **shuffled)
    return desk


@pytest.fixture(scope="module")
def ran(desk: Path) -> dict[str, Run]:
    """Each command of the page, run in its turn; an installation is on the path from then on."""
    installed: tuple[Path, ...] = ()
    ran = {}
    for command in COMMANDS:
        if " pip install -e shop" in command:
            installed = _install(desk)
        else:
            ran[command] = _run(command, desk, *installed)
    assert installed
    return ran


def _samples(folder: Path) -> Iterator[dict[str, Any]]:
    for name in SETS:
        for sample in pl.read_parquet(folder / f"{name}.parquet").to_dicts():
            yield sample | {k: json.loads(sample[k]) for k in ("fields", "truth")}


def test_the_page_has_all_files(desk: Path) -> None:
    names = {path.relative_to(desk / "shop").as_posix() for path in (desk / "shop").rglob("*.*")}
    assert {"shop.py", "pyproject.toml", "demo/shop/catalogue.csv", "demo/shop/clicks.csv"} < names
    for name in SETS:
        assert len(list((desk / "shop/templates" / name.replace(".", "/")).glob("*.j2"))) >= 2


def test_every_command_runs_as_printed(ran: dict[str, Run]) -> None:
    assert len(ran) == 5
    for command, done in ran.items():
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def test_what_is_shown_is_what_is_printed(ran: dict[str, Run]) -> None:
    (shown,) = [code for kind, code in BLOCK.findall(PAGE) if kind == "text" and "===" in code]
    assert ran[COMMANDS[0]].stdout.endswith(shown + "\n")


def test_the_demo_rows_feed_every_set(ran: dict[str, Run], desk: Path) -> None:
    for name, made in SETS.items():
        manifest = json.loads((desk / "data/shop-demo" / f"{name}.json").read_text("utf-8"))
        assert manifest["made"] == made
        assert manifest["rejects"].keys() == {
            "clicked in too few sessions"
            if name == "shop.product_for_query"
            else "title does not begin with its brand"
        }


def test_samples_prove_themselves(ran: dict[str, Run], desk: Path) -> None:
    for sample in _samples(desk / "data" / "shop-demo"):
        _, prompt, answer = (message["content"] for message in sample["messages"])
        truth, fields = sample["truth"], sample["fields"]
        prove(sample["task_type"], sample["metric"], prompt, answer, truth, fields)
        assert sample["license"] == "LicenseRef-our-shop"
        assert sample["keys"] == sorted(set(sample["keys"]))
        assert sample["source_rows"]


def test_rows_in_another_order_give_the_same_bytes(ran: dict[str, Run], desk: Path) -> None:
    for name in SETS:
        files = [desk / "data" / f / f"{name}.parquet" for f in ("shop-demo", "shop", "all")]
        assert len({file.read_bytes() for file in files}) == 1


def test_a_source_found_by_its_entry_point_is_the_same(ran: dict[str, Run], desk: Path) -> None:
    for name in SETS:
        files = [desk / "data" / folder / f"{name}.json" for folder in ("shop-demo", "all")]
        assert len({file.read_bytes() for file in files}) == 1


def test_shopmix_lists_and_explains_it(ran: dict[str, Run]) -> None:
    assert all(name in ran["python -m builders"].stdout for name in SETS)
    (told,) = [done.stdout for command, done in ran.items() if "builders.explain" in command]
    assert told.count("wrong: no click on its category after this search") == 3
    assert "query: camping lantern usb" in told


def test_no_session_and_no_lonely_search_is_told(ran: dict[str, Run], desk: Path) -> None:
    clicks = _demo(desk)["clicks"]
    sessions = {click["session"] for click in clicks}
    lonely = "gift for my brother jon miller"
    assert lonely in {click["query"] for click in clicks}
    samples = list(_samples(desk / "data" / "shop-demo"))
    manifests = [path.read_text("utf-8") for path in (desk / "data" / "shop-demo").glob("*.json")]
    told = " ".join([json.dumps(samples), *manifests])
    assert not [secret for secret in (*sessions, lonely) if secret in told]
    hashes = [key for sample in samples for key in sample["keys"] if key.startswith("session:")]
    assert len(hashes) == 2 * SETS["shop.product_for_query"]
    assert all(re.fullmatch(r"session:\d+", key) for key in hashes)


def test_what_is_right_and_wrong_is_so(ran: dict[str, Run], desk: Path) -> None:
    """Counted again, from more rows, without polars."""
    chance = Random(1)
    kinds = {kind: f"{kind}s" for kind in ("tent", "stove", "lamp", "boot", "rope", "knife")}
    catalogue = [
        {"sku": f"P{i}", "title": f"Brand{i % 7} {kind} {colour}", "brand": f"Brand{i % 7}",
         "category": kinds[kind], "description": ""}
        for i, (kind, colour) in enumerate(
            (kind, f"{colour} {size}")
            for kind in kinds for colour in ("red", "blue", "green") for size in ("small", "large")
        )
    ]  # fmt: skip
    clicks = [
        {"session": f"visit-{chance.randrange(60)}", "sku": chance.choice(catalogue)["sku"],
         "query": chance.choice(("red", "Blue", "lamp", "green", "camping", "small", "tents"))
         + chance.choice((" tent", " boot", " rope large", "")), "time": str(i)}
        for i in range(250)
    ]  # fmt: skip
    _write(desk / "many", catalogue=catalogue, clicks=clicks)
    done = _run("python shop/shop.py --source many --out data/many", desk)
    assert done.returncode == 0, done.stderr
    by_title = {product["title"]: product for product in catalogue}
    by_sku = {product["sku"]: product for product in catalogue}
    sessions, categories = defaultdict(set), defaultdict(set)
    for click in clicks:
        query = click["query"].lower()
        sessions[query, click["sku"]].add(click["session"])
        categories[query].add(by_sku[click["sku"]]["category"])
    count = 0
    for sample in _samples(desk / "data" / "many"):
        if sample["set"] != "shop.product_for_query":
            product = by_title[sample["fields"]["title"]]
            assert sample["truth"] == [product["brand"]]
            continue
        count += 1
        query, options = sample["fields"]["query"], sample["fields"]["options"]
        right = by_title[options.pop(sample["truth"])]
        assert len(sessions[query, right["sku"]]) >= 2
        assert len(options) == 3
        for option in options:
            assert by_title[option]["category"] not in categories[query]
            words = {word.rstrip("s") for word in option.lower().split()}
            assert not {word.rstrip("s") for word in query.split()} <= words
    assert count >= 10


def test_the_code_is_clean_and_short(desk: Path) -> None:
    shop, config = desk / "shop" / "shop.py", ROOT / "pyproject.toml"
    for command in (f"ruff check --config {config} .", f"ruff format --check --config {config} ."):
        done = _run(f"python -m {command}", desk / "shop")
        assert done.returncode == 0, done.stdout
    done = _run(f"python -m mypy --strict --config-file {config} {shop}", ROOT)
    assert done.returncode == 0, done.stdout
    assert _lines(shop.read_text("utf-8")) <= MOST_LINES


def _lines(code: str) -> int:
    apart: set[int] = set()
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
                apart |= {*range(node.lineno, (node.end_lineno or 0) + 1)}
    lines = enumerate(map(str.strip, code.splitlines()), start=1)
    return sum(bool(line) and line[0] != "#" and i not in apart for i, line in lines)


@pytest.mark.parametrize("column", ["title", "session"])
def test_a_missing_column_is_told_in_a_line(column: str, desk: Path, tmp_path: Path) -> None:
    table = "catalogue" if column == "title" else "clicks"
    tables = _demo(desk)
    tables[table] = [{k: v for k, v in row.items() if k != column} for row in tables[table]]
    said = _refused(f"python shop/shop.py --source {_write(tmp_path / 'rows', **tables)}", desk)
    assert f"{table}.csv: column {column} is missing" in said


def test_a_missing_file_is_told_in_a_line(desk: Path, tmp_path: Path) -> None:
    rows = _write(tmp_path / "rows", catalogue=_demo(desk)["catalogue"])
    assert "clicks.csv is missing" in _refused(f"python shop/shop.py --source {rows}", desk)
    assert "no such folder" in _refused("python shop/shop.py --source nowhere", desk)


def test_without_a_source_there_is_no_hub(desk: Path) -> None:
    assert "shop is not on the Hub" in _refused("python shop/shop.py", desk)


def test_rows_that_yield_nothing_are_no_error(desk: Path, tmp_path: Path) -> None:
    for name, table in _demo(desk).items():
        (tmp_path / f"{name}.csv").write_text(",".join(table[0]) + "\n", "utf-8")
    done = _run(f"python shop/shop.py --source {tmp_path} --out {tmp_path / 'out'}", desk)
    assert done.returncode == 0, done.stderr
    assert not list(_samples(tmp_path / "out"))


def test_the_help_names_the_file(desk: Path) -> None:
    assert "usage: python shop.py " in _run("python shop/shop.py --help", desk).stdout


@pytest.mark.parametrize("value", ["nowhere:BUILDER", "json:dumps"])
def test_an_entry_point_that_leads_nowhere_is_told(value: str, desk: Path, tmp_path: Path) -> None:
    info = tmp_path / "odd-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n", "utf-8")
    (info / "entry_points.txt").write_text(f"[shopmix.builders]\nodd = {value}\n", "utf-8")
    assert f"entry point odd = {value}" in _refused("python -m builders", desk, tmp_path)


def _refused(command: str, folder: Path, *more: Path) -> str:
    done = _run(command, folder, *more)
    assert done.returncode == 2, f"{done.stdout}\n{done.stderr}"
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    return line
