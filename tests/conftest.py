"""What all tests share: the demo rows, shipped and published, and what is built of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from builders.cli import Settings, build_all
from builders.console import Reporter
from builders.esci import BUILDER
from builders.source import open_source

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"

Build = Callable[..., Path]


def build(out: Path, **settings: object) -> Path:
    """Build into a folder the way the command does."""
    build_all(
        BUILDER, Settings.model_validate({"source": "demo", "out": out, **settings}), Reporter()
    )
    return out


def publish(folder: Path, parts: int = 1) -> Path:
    """The demo rows as ESCI publishes its own, each table in one file or in so many parts."""
    rows = open_source(BUILDER.source, "demo")
    for name, table in BUILDER.source.tables.items():
        frame = rows.tables[name].collect()
        if parts == 1:
            frame.write_parquet(folder / f"{table.stem}.parquet")
            continue
        (folder / table.stem).mkdir(parents=True)
        for i in range(parts):  # every parts-th row, so that no order survives
            part = frame.gather_every(parts, parts - 1 - i)
            part.write_parquet(folder / table.stem / f"part-{i}.parquet")
    return folder


def samples_of(folder: Path) -> Iterator[tuple[str, pl.DataFrame]]:
    """(set, its samples) of a folder."""
    for path in sorted(folder.glob("*.parquet")):
        yield path.stem, pl.read_parquet(path)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All sets built from the demo rows."""
    return build(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real rows of ESCI, which are not ours to ship."""
    folder = SHARED / "esci"
    if not folder.is_dir():
        pytest.skip(f"no real ESCI rows at {folder}: they are not part of this repository")
    return folder


@pytest.fixture(scope="session")
def real(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All sets built from the real rows."""
    return build(tmp_path_factory.mktemp("real"), source=str(shared))
