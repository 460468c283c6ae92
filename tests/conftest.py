"""What all tests share: the demo rows, shipped and published, and what is built of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

from builders import esci
from builders.builder import Builder, Set
from builders.cli import Settings, build_all, llm_of
from builders.console import Reporter
from builders.llm.opened import DEMO
from builders.registry import builders
from builders.source import HERE, Table, parts

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
#: Every builder by the name of its source, every set by its own.
BUILDERS = {builder.source.name: builder for builder in builders()}
SETS: dict[str, Set] = {made.name: made for builder in BUILDERS.values() for made in builder.sets}

Build = Callable[..., Path]


def builder_of(made: Set) -> Builder:
    """The builder of a set."""
    return BUILDERS[made.name.partition(".")[0]]


def build(out: Path, builder: Builder = esci.BUILDER, **settings: object) -> Path:
    """Build into a folder the way the command does; where no LLM is named, with the answers that
    ship for the demo rows."""
    chosen = Settings.model_validate({"source": "demo", "ledger": DEMO, "out": out, **settings})
    report = Reporter()
    with llm_of(chosen, report) as llm:
        build_all(builder, chosen, report, llm)
    return out


def publish(folder: Path, count: int = 1, builder: Builder = esci.BUILDER) -> Path:
    """The demo rows as the source publishes its own, in any order: each table in one file or in so
    many parts, or in the files that their names matter of."""
    demo = HERE / "demo" / builder.source.name
    for table in builder.source.tables.values():
        files = parts(demo, table)
        if "file" in table.columns:
            for file in files:
                (folder / file.relative_to(demo)).parent.mkdir(parents=True, exist_ok=True)
                _write(folder / file.relative_to(demo), table, *_read([file], table))
            continue
        rows, header = _read(files, table)
        for i in range(count):
            name = table.stem if count == 1 else f"{table.stem}-{i}"
            _write(folder / f"{name}{table.endings[0]}", table, rows[i::count], header)
    return folder


def _read(files: list[Path], table: Table) -> tuple[list[Any], list[Any]]:
    """All rows in any order, and the line above those of a CSV file."""
    rows, header = [], []
    for file in files:
        with file.open(encoding="utf-8", newline="") as opened:
            if file.suffix == ".csv":
                lines = list(csv.reader(opened))
                header = lines[: int(table.header)]
                rows += lines[int(table.header) :]
            elif file.suffix == ".json":
                rows += json.load(opened)
            else:
                rows += [json.loads(line) for line in opened]
    return Random(0).sample(rows, len(rows)), header


def _write(file: Path, table: Table, rows: list[Any], header: list[Any]) -> None:
    if file.suffix == ".parquet":
        pl.DataFrame(rows, schema=dict(table.columns)).write_parquet(file)
        return
    with file.open("w", encoding="utf-8", newline="") as opened:
        if file.suffix == ".csv":
            csv.writer(opened).writerows(header + rows)
        elif file.suffix == ".json":
            json.dump(rows, opened)
        else:
            opened.writelines(json.dumps(row) + "\n" for row in rows)


def samples_of(folder: Path) -> Iterator[tuple[str, pl.DataFrame]]:
    """(set, its samples) of a folder."""
    for path in sorted(folder.glob("*.parquet")):
        yield path.stem, pl.read_parquet(path)


def real_rows(source: str) -> Path:
    """Real rows of a source, which are not ours to ship."""
    folder = SHARED / source
    if not folder.is_dir():
        pytest.skip(f"no real rows at {folder}: they are not part of this repository")
    return folder


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All sets of all sources, built from the demo rows."""
    out = tmp_path_factory.mktemp("demo")
    for builder in BUILDERS.values():
        build(out, builder)
    return out


@pytest.fixture(scope="session")
def esci_demo(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of these, the sets of ESCI alone."""
    out = tmp_path_factory.mktemp("esci")
    for file in demo.glob("esci.*"):
        (out / file.name).hardlink_to(file)
    return out


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All sets of all sources, built from the real rows."""
    out = tmp_path_factory.mktemp("real")
    for name, builder in BUILDERS.items():
        build(out, builder, source=str(real_rows(name)))
    return out
