"""How many packs axolotl's own packing makes of v8, beside best fit decreasing.

    python benchmarks/packing.py [--rows DIR] [--beside DIR ...] [--axolotl BIN] [--out FILE.json]

The lengths are those of samples (tokens, estimated as 4 bytes each) of v8's sets, at v8's sizes.

generated: samples that `mixture_rows.py` generates, as they come.
--beside DIR: samples that were built from other rows. Each set's lengths are drawn with replacement
    to its size; a set that has no sample there has its generated ones.
"more": packs above those of best fit decreasing, which are nearly as few as the tokens allow
("least": tokens / room). axolotl's seconds are those of a process in its environment; "start" is
such a process that packs one sample. The aim, at the 3,072 tokens of a run: axolotl takes at most
1 % more; then we need no packing of our own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # a checkout needs no install

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks import measure, mixture
from benchmarks.measure import HERE, Found
from builders.mixture.lengths import estimated
from builders.mixture.packing import pack
from builders.mixture.recipe import find, load
from training.qlora.engine import Axolotl
from training.qlora.hyperparameters import Hyperparameters
from training.qlora.packs import axolotl_packs

RECIPE, SEED = "v8", 1
#: Tokens of a pack.
ROOMS = (1_024, 2_048, 3_072, 4_096)
#: The aim for a run's own packs: axolotl's to those of best fit decreasing.
MOST = 1.01


def lengths(rows: Path, beside: Path | None) -> NDArray[np.int64]:
    """Of as many samples as v8 has: as generated, or drawn from those beside."""
    random, parts = np.random.default_rng(SEED), []
    for name, size in load(find(RECIPE)).sets.items():
        drawn = _of(beside / f"{name}.parquet") if beside else np.zeros(0, np.int64)
        made = random.choice(drawn, size.rows) if len(drawn) else _of(rows / f"{name}.parquet")
        parts.append(made[: size.rows])
    return np.concatenate(parts)


def _of(file: Path) -> NDArray[np.int64]:
    if not file.exists():
        return np.zeros(0, np.int64)
    return estimated(pl.read_parquet(file, columns=["messages"])["messages"])


def compared(each: NDArray[np.int64], room: int, axolotl: Axolotl) -> Found:
    """Both packings of the same lengths into packs of so many tokens."""
    start = time.perf_counter()
    best = pack(each, room)
    middle = time.perf_counter()
    theirs = axolotl_packs(each, room, SEED, axolotl)
    seconds = {"best": middle - start, "axolotl": time.perf_counter() - middle}
    return {
        "least": -(-int(each[each <= room].sum()) // room),
        "longer": best.longer,
        "best": best.model_dump(),
        "axolotl": theirs.model_dump(),
        "more": theirs.packs / best.packs,
        "seconds": seconds,
    }


def environment() -> Path:
    """The folder of the programs of axolotl's environment, which is made where it is missing."""
    tool = [sys.executable, str(HERE.parent / "tools" / "engine_env.py"), "axolotl"]
    said = subprocess.run(tool, stdout=subprocess.PIPE, text=True, check=True).stdout
    return Path(said.strip()).parent


def _rows(results: Found) -> Iterator[tuple[str, ...]]:
    for name, found in results["packings"].items():
        yield (f"{name}: {found['samples']:,} samples, {found['mean']:.0f} tokens",)
        for room, one in found["rooms"].items():
            best, theirs = one["best"], one["axolotl"]
            yield (
                f"  packs of {int(room):,}",
                f"{one['least']:,}",
                f"{best['packs']:,}",
                f"{best['efficiency']:.2%}",
                f"{one['seconds']['best']:.2f}",
                f"{theirs['packs']:,}",
                f"{theirs['efficiency']:.2%}",
                f"{one['seconds']['axolotl']:.1f}",
                f"{one['more'] - 1:+.2%}",
            )
    yield "start", *[""] * 6, f"{results['start']:.1f}"
    room = Hyperparameters().sequence_len
    yield f"aim: packs of {room:,}", *[""] * 7, f"{MOST - 1:+.2%}"


def main() -> None:
    """Compare on generated samples and on those beside; print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=Path, help="samples (default: generated, in build/)")
    parser.add_argument("--beside", type=Path, nargs="+", default=[], help="samples of other rows")
    parser.add_argument("--axolotl", type=Path, help="programs of its environment, .../bin")
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    given = parser.parse_args()
    rows = given.rows or mixture.generated(1.0)
    axolotl = Axolotl(given.axolotl or environment())
    results: Found = measure.about(rows, ["numpy", "polars"])
    start = time.perf_counter()
    axolotl_packs(np.ones(1, np.int64), 1, SEED, axolotl)
    results |= {"start": time.perf_counter() - start, "packings": {}}
    for beside in (None, *given.beside):
        each = lengths(rows, beside)
        results["packings"][str(beside or "generated")] = {
            "samples": len(each),
            "mean": float(each.mean()),
            "rooms": {str(room): compared(each, room, axolotl) for room in ROOMS},
        }
    columns = ("least", "best fit", "full", "s", "axolotl", "full", "s", "more")
    table = measure.table(results, *columns, last="")
    for cells in _rows(results):
        table.add_row(*cells)
    measure.show(table)
    measure.write(results, given.out)


if __name__ == "__main__":
    main()
