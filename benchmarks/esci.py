"""How long ESCI's sets take, beside what polars alone and `datasets.Dataset.map` take.

    python benchmarks/esci.py [--rows DIR] [--scale 1.0] [--only build,floor] [--out FILE.json]

Each measurement is a process of its own, so its peak of memory (VmHWM) is its own; the clock
starts after the imports. "others" says how many cores other processes kept busy meanwhile.

build: all sets at the paper's sizes in one process, by the function that the command calls.
floor: what no build with polars goes below: a scan of the columns in use of judgements and
    products; their join on locale and product id, each column of it summed (of a text, its
    bytes), so that the streaming engine must read and carry them all; and the write of the
    parquet bytes that the build wrote, with the same compression and row groups. Reading the
    samples back is timed but not counted, since no build needs it; its memory does count. Not in
    the floor: to clean, hash, choose, render and prove.
rendering: all samples' prompts, from a column of fields to a column of prompts, set by set, the
    engines by turns, the best of three rounds. shopmix: the builder's loop, compiled.
    jinja2: the same loop with compiled jinja2 templates. map: `Dataset.map` of these templates in
    batches of 1,000, one process, caching off, no fingerprint to hash, other columns dropped; of
    four ways (lists or Arrow; result in memory or on disk) the fastest in total counts. Every
    prompt must equal the stored one.
unchanged: the same build into the same folder once more, with nothing to do.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # a checkout needs no install

import polars as pl

from benchmarks import measure
from benchmarks.esci_rows import SIZES
from benchmarks.measure import Clock, Found, per_second
from builders.builder import Set
from builders.cli import Settings, build_all
from builders.console import Reporter
from builders.esci import BUILDER, SETS
from builders.esci.tables import EXAMPLES, PRODUCTS
from builders.manifest import ROW_GROUP, hash_file
from builders.render import compiled, jinja

FILES = [f"{table.stem}.parquet" for table in (EXAMPLES, PRODUCTS)]
PACKAGES = "polars polars-hash pyarrow jinja2 datasets".split()
ROUNDS, BATCH = 3, 1_000


def build(rows: Path, samples: Path) -> Found:
    """All sets, into an empty folder."""
    read = sum(pl.scan_parquet(rows / f).select(pl.len()).collect().item() for f in FILES)
    return per_second(measure.build(BUILDER, rows, samples), read)


def floor(rows: Path, samples: Path) -> Found:
    """Polars alone: scan, join and write."""
    examples, products = (
        pl.scan_parquet(rows / file).select(*table.columns)
        for file, table in zip(FILES, (EXAMPLES, PRODUCTS), strict=True)
    )
    clock = Clock()
    joined = examples.join(products, on=["product_locale", "product_id"])
    sums = joined.select(pl.len(), pl.col(pl.String).str.len_bytes().sum(), pl.col(pl.Int64).sum())
    count = sums.collect(engine="streaming")["len"].item()
    parts, back = [clock.read()], 0.0
    with tempfile.TemporaryDirectory(prefix="esci-floor-") as folder:
        for file in sorted(samples.glob("*.parquet")):
            clock = Clock()
            frame = pl.read_parquet(file).rechunk()
            back += clock.read()["seconds"]
            copy, clock = Path(folder, file.name), Clock()
            frame.write_parquet(copy, compression="zstd", row_group_size=ROW_GROUP)
            parts.append(clock.read())
            if hash_file(copy) != hash_file(file):
                raise AssertionError(f"{file}: polars alone writes other bytes")
    join, *writes = (part["seconds"] for part in parts)
    return {
        "seconds": join + sum(writes),
        "cpu_seconds": sum(part["cpu_seconds"] for part in parts),
        "peak_rss_gb": parts[-1]["peak_rss_gb"],
        "other_cores": parts[0]["other_cores"],
        "stages": {"scan and join": join, "write": sum(writes)},
        "read_back_seconds": back,
        "note": f"{count:,} rows joined; samples read back in {back:.2f} s, not counted",
    }


def unchanged(rows: Path, samples: Path) -> Found:
    """The same build once more."""
    report, clock = Reporter(), Clock()
    build_all(BUILDER, Settings(source=str(rows), out=samples), report)
    found = clock.read()
    if set(report.seconds) != {"read"}:
        raise AssertionError("the second build made samples: did the code change meanwhile?")
    return {**found, "stages": dict(report.seconds)}


def rendering(_rows: Path, samples: Path) -> Found:
    """The prompts of all samples, by each engine."""
    clock, prompts, spent = Clock(), 0, dict[str, dict[str, float]]()
    for made in SETS:
        print(f"--- rendering {made.name}", flush=True)
        count, spent[made.name] = _rendered(made, samples)
        prompts += count
    total = {engine: sum(s[engine] for s in spent.values()) for engine in spent[SETS[0].name]}
    fastest = min((engine for engine in total if "map" in engine), key=total.__getitem__)
    ratios = {name: s[fastest] / s["shopmix"] for name, s in spent.items()}
    return {
        **clock.read(),
        "stages": total,
        "prompts": prompts,
        "prompts_per_second": {engine: prompts / seconds for engine, seconds in total.items()},
        "fastest_map": fastest,
        "shopmix_to_map": total[fastest] / total["shopmix"],
        "shopmix_to_map_of_sets": ratios,
        "note": f"the map that counts: {fastest}",
    }


def _rendered(made: Set, samples: Path) -> tuple[int, dict[str, float]]:
    """How many prompts a set has, and each engine's best seconds to make them."""
    stored = pl.read_parquet(samples / f"{made.name}.parquet")
    prompts = [messages[1]["content"] for messages in stored["messages"].to_list()]
    wordings = made.wordings()
    number = {wording.name: i for i, wording in enumerate(wordings)}
    fields = [json.loads(text) for text in stored["fields"]]
    given = {name: [one[name] for one in fields] for name in sorted({*made.fields, "options"})}
    given["wording"] = [number[name] for name in stored["template"]]
    questions = pl.DataFrame(given)
    ours = [compiled(wording) for wording in wordings]
    theirs = [jinja().from_string(wording.text) for wording in wordings]

    def looped(render: Callable[[int, Mapping[str, Any]], str]) -> pl.DataFrame:
        found = []
        for question in questions.iter_rows(named=True):
            found.append(render(question["wording"], question))
        return pl.DataFrame({"prompt": found})

    engines: dict[str, Callable[[], Any]] = {
        "shopmix": partial(looped, lambda wording, fields: ours[wording](fields)),
        "jinja2": partial(looped, lambda wording, fields: theirs[wording].render(fields)),
        **dict(_maps(given, theirs)),
    }
    best = dict.fromkeys(engines, float("inf"))
    for _ in range(ROUNDS):
        for engine, render in engines.items():
            start = time.perf_counter()
            found = render()
            best[engine] = min(best[engine], time.perf_counter() - start)
            if list(found["prompt"]) != prompts:
                raise AssertionError(f"{made.name}: {engine} makes other prompts")
    return len(prompts), best


def _maps(given: dict[str, list[Any]], compiled: list[Any]) -> Iterator[tuple[str, Any]]:
    """The ways of `Dataset.map`, with their names."""
    import datasets  # noqa: PLC0415 - heavy, needed here alone

    datasets.disable_caching()
    datasets.disable_progress_bars()
    questions = datasets.Dataset.from_dict(given)

    def lists(batch: Mapping[str, list[Any]]) -> Found:
        rows = zip(batch["wording"], *(batch[name] for name in given), strict=True)
        return {"prompt": [compiled[n].render(zip(given, row, strict=True)) for n, *row in rows]}

    def arrow(batch: Any) -> Found:
        return {"prompt": [compiled[row["wording"]].render(row) for row in batch.to_pylist()]}

    def way(kind: str | None, render: Callable[[Any], Found], keep: bool, **rest: Any) -> Any:
        options = {"batched": True, "batch_size": BATCH, "keep_in_memory": keep, **rest}
        return questions.with_format(kind).map(render, **options).with_format(None)

    rest = {"remove_columns": list(given), "new_fingerprint": "rendering"}
    for keep, where in ((True, "memory"), (False, "disk")):
        for kind, render in ((None, lists), ("arrow", arrow)):
            yield f"map, {render.__name__}, {where}", partial(way, kind, render, keep, **rest)


MEASURED = {one.__name__: one for one in (build, floor, rendering, unchanged)}


def generated(scale: float) -> Path:
    """Generated rows."""
    return measure.generated("esci_rows.py", SIZES, scale)


def _compared(results: Found) -> Iterator[tuple[str, ...]]:
    if found := measure.ratios(results, "build", "floor"):
        results["build_to_floor"] = found
        yield from measure.in_row("build / floor", found)
    if "rendering" in results:
        yield "shopmix / map", f"{results['rendering']['shopmix_to_map']:.2f}"


if __name__ == "__main__":
    measure.run(__doc__, MEASURED, generated, PACKAGES, _compared, frozenset(MEASURED) - {"build"})
