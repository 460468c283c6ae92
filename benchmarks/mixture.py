"""How long v8 takes at full size, from samples to shards, beside what others offer for its parts.

    python benchmarks/mixture.py [--rows DIR] [--scale 1.0] [--only build,floor] [--out FILE.json]

Samples are generated, of real lengths and nearly a third more than v8 takes. Each measurement is a
process of its own, so its peak of memory (VmHWM) is its own; the clock starts after the imports.
"others" says how many cores other processes kept busy meanwhile.

build: v8 by the function that the command calls: folds, leaks, duplicates, draw, shards, manifest.
unchanged: the command once more, with nothing to do, as a user runs it: imports count. Its memory
    is that of the same call without them.
floor: what no mixing with polars goes below: every column of the samples is read, the mixture's
    rows are gathered in its order, and its shards are written.
datasketch: MinHash of 128 permutations and MinHashLSH over as many rows' `fields`, one core, as
    they come; nothing is verified.
interleave: `datasets.interleave_datasets` of as many rows, and `to_parquet`; of all that a mixture
    does besides it does nothing.

The aims: a build within 60 s and 4 GB on two cores, an unchanged one within 2 s.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # a checkout needs no install

import polars as pl
import yaml

from benchmarks import measure, mixture_others
from benchmarks.measure import HERE, Clock, Found
from benchmarks.mixture_rows import SIZES
from builders import manifest as samples_manifest
from builders.console import Reporter
from builders.manifest import ROW_GROUP, hash_file
from builders.mixture.make import make
from builders.mixture.manifest import SPLITS, whole
from builders.mixture.recipe import find, load
from builders.mixture.settings import MixtureSettings

PACKAGES = "polars polars-hash pyarrow rensa datasketch datasets".split()
BESIDE = "mixture_shapes.py", "mixture_texts.py", "words.py", "speech.py"
RECIPE, FULL = "v8", SIZES["percent"]
#: The aims: seconds and GB of a build, seconds of an unchanged one.
SECONDS, PEAK, AGAIN = 60, 4.0, 2


def build(rows: Path, samples: Path) -> Found:
    """The mixture, into an empty folder."""
    report, clock = Reporter(), Clock()
    told = make(_settings(rows, samples), report)
    found = clock.read()
    if "write" not in report.seconds:
        raise SystemExit(f"build needs an empty --samples folder, {samples} has the mixture")
    stages = {**report.seconds, "other": found["seconds"] - sum(report.seconds.values())}
    made, size = sum(map(told.rows, SPLITS)), sum(file.bytes for file in told.files)
    repeats, leaks = told.duplicates, sum(told.leaks.refused.values())
    counts = {"samples": made, "pooled": _pooled(rows), "bytes_written": size}
    note = (
        f"{made / found['seconds']:,.0f} samples/s ({made:,} of {_pooled(rows):,}), "
        f"{size >> 20} MiB; {repeats.exact:,} exact and {repeats.near:,} near duplicates, "
        f"{leaks} leaks"
    )
    return {**found, "stages": stages, **counts, "note": note}


def unchanged(rows: Path, samples: Path) -> Found:
    """The same mixture once more, by the command and by the function."""
    settings, start = _settings(rows, samples), time.perf_counter()
    command = ["-m", "builders.mixture", settings.recipe, "--samples", rows, "--out", samples]
    subprocess.run([sys.executable, *map(str, command)], check=True, cwd=HERE.parent)
    spent = time.perf_counter() - start
    report, clock = Reporter(), Clock()
    make(settings, report)
    found = clock.read()
    if "write" in report.seconds:
        raise AssertionError("the second build wrote shards: did the code change meanwhile?")
    stages = {"to hash": found["seconds"], "to start": spent - found["seconds"]}
    return {**found, "seconds": spent, "stages": stages}


def floor(rows: Path, samples: Path) -> Found:
    """Polars alone: read, gather, write."""
    told = whole(samples / find(_recipe(rows, samples)).stem)
    folder, same = samples / told.mixture, 0
    order = [pl.read_parquet(folder / file.path, columns=["id"]) for file in told.files]
    clock, start = Clock(), time.perf_counter()
    pool = pl.concat([pl.read_parquet(rows / f"{part.set}.parquet") for part in told.sets])
    stages = {"read": time.perf_counter() - start, "gather": 0.0, "write": 0.0}
    place = pool.select("id").with_row_index("place")
    with tempfile.TemporaryDirectory(prefix="mixture-floor-") as temp:
        for file, ids in zip(told.files, order, strict=True):
            start = time.perf_counter()
            taken = ids.join(place, on="id", how="left", maintain_order="left")
            shard = pool[taken["place"]]
            stages["gather"] += time.perf_counter() - start
            copy, start = Path(temp, file.path), time.perf_counter()
            shard.write_parquet(copy, compression="zstd", row_group_size=ROW_GROUP)
            stages["write"] += time.perf_counter() - start
            same += hash_file(copy) == file.hash
        found, size = clock.read(), sum(one.stat().st_size for one in Path(temp).iterdir())
    note = f"{size >> 20} MiB, {same} of {len(order)} shards with the same bytes"
    return {**found, "seconds": sum(stages.values()), "stages": stages, "note": note}


def datasketch(rows: Path, samples: Path) -> Found:
    """MinHash and LSH by datasketch."""
    return mixture_others.datasketch(_taken(rows, samples))


def interleave(rows: Path, samples: Path) -> Found:
    """`datasets` alone."""
    return mixture_others.interleave(_taken(rows, samples))


def _taken(rows: Path, samples: Path) -> dict[Path, int]:
    """How many rows of each file a mixture has, as near as can be told without it."""
    sizes = load(find(_recipe(rows, samples))).sets
    return {rows / f"{name}.parquet": size.rows for name, size in sizes.items()}


def _settings(rows: Path, samples: Path) -> MixtureSettings:
    return MixtureSettings(recipe=_recipe(rows, samples), out=rows, mixtures=samples)


def _recipe(rows: Path, samples: Path) -> str:
    """v8; or for fewer samples, a recipe of so much less, beside the mixture."""
    sizes = load(find(RECIPE)).sets
    first = next(iter(sizes))
    told = samples_manifest.read(rows, first)
    if told is None:
        raise SystemExit(f"{rows} has no samples of {first}")
    percent = round(100 * told["asked"] / sizes[first].rows)
    if percent >= FULL - 1:
        return RECIPE
    fewer = {name: max(1, size.rows * percent // FULL) for name, size in sizes.items()}
    samples.mkdir(exist_ok=True)
    file = samples / "fewer.yaml"
    file.write_text(yaml.safe_dump({"include": RECIPE, "sets": fewer}), "utf-8")
    return str(file)


def _pooled(rows: Path) -> int:
    counts = (pl.scan_parquet(file).select(pl.len()) for file in rows.glob("*.parquet"))
    return sum(one.collect().item() for one in counts)


MEASURED = {one.__name__: one for one in (build, unchanged, floor, datasketch, interleave)}


def generated(scale: float) -> Path:
    """Generated samples."""
    return measure.generated("mixture_rows.py", SIZES, scale, BESIDE)


def _compared(results: Found) -> Iterator[tuple[str, ...]]:
    for other in ("floor", "datasketch", "interleave"):
        if found := measure.ratios(results, "build", other):
            results[f"build_to_{other}"] = found
            yield from measure.in_row(f"build / {other}", found)
    yield "aim: build", f"{SECONDS:.2f}", "", "", f"{PEAK:.2f}"
    yield "aim: unchanged", f"{AGAIN:.2f}"


if __name__ == "__main__":
    needs = frozenset({"unchanged", "floor"})
    measure.run(__doc__, MEASURED, generated, PACKAGES, _compared, needs)
