"""How long a category of ten million reviews takes, beside polars' own copy of the same columns.

    python benchmarks/amazon_reviews.py [--rows DIR] [--scale 1.0] [--only floor,read] [--out FILE]

Each measurement is a process of its own, so its peak of memory (VmHWM) is its own; the clock
starts after the imports. "others" says how many cores other processes kept busy meanwhile. Rows
are generated: 10 million reviews of 900,000 products in the layout of Home and Kitchen.

floor: polars scans both files, selects the columns in use, and sinks them to parquet; its own
    settings.
read: the reading of a build: the same columns, hashed, and the rows that four sets draw from.
build: all sets that need no LLM, at the paper's sizes, reading and all.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # a checkout needs no install

import polars as pl

from benchmarks import measure
from benchmarks.amazon_reviews_rows import SIZES
from benchmarks.measure import Clock, Found, per_second
from builders.amazon_reviews import BUILDER
from builders.amazon_reviews.tables import SOURCE
from builders.cli import FACTOR, select
from builders.console import Reporter
from builders.source import open_source, parts

PACKAGES = "polars polars-hash pyarrow".split()
BESIDE = "words.py", "speech.py"


def floor(rows: Path, _samples: Path) -> Found:
    """Scan, select and sink."""
    clock, stages, copied = Clock(), {}, 0
    with tempfile.TemporaryDirectory(prefix="amazon_reviews-floor-") as folder:
        for name, table in SOURCE.tables.items():
            columns = {column: kind for column, kind in table.columns.items() if column != "file"}
            own, copy = Clock(), Path(folder, f"{name}.parquet")
            scan = pl.scan_ndjson(parts(rows, table), schema=columns)
            scan.select(*columns).sink_parquet(copy)
            stages[name] = own.read()["seconds"]
        found = clock.read()
        for file in Path(folder).iterdir():
            copied += pl.scan_parquet(file).select(pl.len()).collect().item()
    return per_second({**found, "stages": stages}, copied)


def read(rows: Path, _samples: Path) -> Found:
    """What a build reads and keeps."""
    report, clock = Reporter(), Clock()
    opened = replace(open_source(SOURCE, str(rows)), watch=report.watching)
    wanted = {made.name: FACTOR * made.size for made in select(BUILDER, ())}
    tables = BUILDER.read(opened, 0, None, wanted)
    found = clock.read()
    kept = [len(sample.rows) for sample in (*tables.rated.values(), tables.written)]
    kept += [len(frame) for frame in (tables.votes, tables.pool)]
    return {**found, "stages": {}, "reviews_kept": sum(kept), "note": f"{sum(kept):,} kept"}


def build(rows: Path, samples: Path) -> Found:
    """All sets that need no LLM, into an empty folder."""
    return measure.build(BUILDER, rows, samples)


def generated(scale: float) -> Path:
    """Generated rows."""
    return measure.generated("amazon_reviews_rows.py", SIZES, scale, BESIDE)


def _compared(results: Found) -> Iterator[tuple[str, ...]]:
    if found := measure.ratios(results, "read", "floor"):
        results["read_to_floor"] = found
        yield from measure.in_row("read / floor", found)
    if built := results.get("build"):
        built["beyond_reading"] = beyond = built["seconds"] - built["stages"]["read"]
        yield "build without read", f"{beyond:.2f}"
    if floors := results.get("floor"):
        for name in {"read", "build"} & results.keys():
            rows = floors["source_rows"]
            seconds = results[name]["stages"].get("read", results[name]["seconds"])
            results[name] = per_second(results[name], rows, seconds)


if __name__ == "__main__":
    measured = {one.__name__: one for one in (floor, read, build)}
    measure.run(__doc__, measured, generated, PACKAGES, _compared)
