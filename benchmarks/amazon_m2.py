"""How long Amazon-M2's sets take, beside a mere copy of the columns in use.

    python benchmarks/amazon_m2.py [--rows DIR] [--scale 1.0] [--only build] [--out FILE.json]

Each measurement is a process of its own, so its peak of memory (VmHWM) is its own; the clock
starts after the imports. "others" says how many cores other processes kept busy meanwhile. Rows
are generated, at the published size: 1.4 million products, 3.6 million sessions.

build: all sets that need no LLM, at the paper's sizes, by the function that the command calls.
polars: the floor: polars scans both CSV files, selects the columns in use, and sinks them to
    parquet, as it does by itself.
pyarrow: the same by the reader that the builder has to take: polars' own takes a quotation mark
    amid a field for the start of a quoted one.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # a checkout needs no install

import polars as pl

from benchmarks import measure
from benchmarks.amazon_m2_rows import SIZES
from benchmarks.measure import Clock, Found, per_second
from builders.amazon_m2 import BUILDER
from builders.amazon_m2.tables import SOURCE
from builders.source import open_source, parts

PACKAGES = "polars polars-hash pyarrow".split()
BESIDE = "words.py", "speech.py"


def build(rows: Path, samples: Path) -> Found:
    """All sets that need no LLM, into an empty folder."""
    return per_second(measure.build(BUILDER, rows, samples), _count(rows))


def polars(rows: Path, _samples: Path) -> Found:
    """Scan, select and sink."""
    frames = {}
    for name, table in SOURCE.tables.items():
        scan = pl.scan_csv(parts(rows, table), infer_schema=False)
        frames[name] = scan.select(*table.columns)
    return _copied(rows, frames)


def pyarrow(rows: Path, _samples: Path) -> Found:
    """Read as the builder does, and sink."""
    return _copied(rows, dict(open_source(SOURCE, str(rows)).tables))


def _copied(rows: Path, frames: dict[str, pl.LazyFrame]) -> Found:
    clock, stages, copied = Clock(), {}, 0
    with tempfile.TemporaryDirectory(prefix="amazon_m2-floor-") as folder:
        for name, frame in frames.items():
            own = Clock()
            frame.sink_parquet(Path(folder, f"{name}.parquet"))
            stages[name] = own.read()["seconds"]
        found = clock.read()
        copied = _rows_of(Path(folder).glob("*.parquet"))
    if copied != _count(rows):
        raise AssertionError(f"{copied:,} rows copied of {_count(rows):,}")
    return per_second({**found, "stages": stages}, copied)


def _rows_of(files: Iterator[Path]) -> int:
    return sum(pl.scan_parquet(file).select(pl.len()).collect().item() for file in files)


def _count(rows: Path) -> int:
    """Lines that a row begins with: of products with a locale, of sessions with their last one."""
    files = [file for table in SOURCE.tables.values() for file in parts(rows, table)]
    frames = (pl.scan_csv(file, infer_schema=False).select(pl.len()) for file in files)
    return sum(frame.collect().item() for frame in frames)


def generated(scale: float) -> Path:
    """Generated rows."""
    return measure.generated("amazon_m2_rows.py", SIZES, scale, BESIDE)


def _compared(results: Found) -> Iterator[tuple[str, ...]]:
    for floor in ("polars", "pyarrow"):
        if found := measure.ratios(results, "build", floor):
            results[f"build_to_{floor}"] = found
            yield from measure.in_row(f"build / {floor}", found)


if __name__ == "__main__":
    measured = {one.__name__: one for one in (build, polars, pyarrow)}
    measure.run(__doc__, measured, generated, PACKAGES, _compared)
