"""What others offer for parts of a mixture, over the same rows: datasketch and `datasets`."""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.measure import Clock, Found

#: Rows that are sketched at once: datasketch keeps an object for each.
CHUNK = 20_000
PERMUTATIONS, THRESHOLD, SEED = 128, 0.8, 0
_WORD = re.compile(r"\w+")


def datasketch(samples: Mapping[Path, int]) -> Found:
    """Near duplicates of the first so many rows of files: MinHashes of the words of `fields`, then
    each row is looked up in an LSH index and put into it. Nothing is verified."""
    from datasketch import MinHash, MinHashLSH  # noqa: PLC0415 - needed here alone

    clock, stages, rows, flagged = Clock(), defaultdict[str, float](float), 0, 0
    index = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS)
    for fields in _chunks(samples):
        start = time.perf_counter()
        words = [set(_words(json.loads(text))) for text in fields]
        read = time.perf_counter()
        sketches = MinHash.bulk(words, num_perm=PERMUTATIONS)
        sketched = time.perf_counter()
        for sketch in sketches:
            flagged += bool(index.query(sketch))
            index.insert(rows, sketch)
            rows += 1
        stages["words"] += read - start
        stages["MinHash.bulk"] += sketched - read
        stages["MinHashLSH"] += time.perf_counter() - sketched
    found = clock.read()
    note = f"{rows / found['seconds']:,.0f} rows/s ({rows:,}), {flagged:,} flagged, unverified"
    return {**found, "stages": dict(stages), "rows": rows, "flagged": flagged, "note": note}


def _chunks(samples: Mapping[Path, int]) -> Iterator[pl.Series]:
    for file, count in samples.items():
        fields = pl.read_parquet(file, columns=["fields"], n_rows=count)["fields"]
        yield from (fields.slice(at, CHUNK) for at in range(0, len(fields), CHUNK))


def _words(value: Any) -> Iterator[bytes]:
    """The words of all texts, but for the reasons, which are not asked."""
    if isinstance(value, str):
        yield from map(str.encode, _WORD.findall(value.lower()))
    elif isinstance(value, list):
        for one in value:
            yield from _words(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key != "reasons":
                yield from _words(one)


def interleave(samples: Mapping[Path, int]) -> Found:
    """The first so many rows of files, each row once, in random turns, as one parquet file: no
    search for leaks or duplicates, no folds, and rows of a file stay in its order."""
    import datasets  # noqa: PLC0415 - heavy, needed here alone

    datasets.disable_progress_bars()
    clock, stages, total = Clock(), dict[str, float](), sum(samples.values())
    with tempfile.TemporaryDirectory(prefix="interleave-") as folder:
        start = time.perf_counter()
        parts = [
            datasets.Dataset.from_parquet(str(file), cache_dir=folder).select(range(count))
            for file, count in samples.items()
        ]
        stages["from_parquet"] = time.perf_counter() - start
        start = time.perf_counter()
        mixed = datasets.interleave_datasets(
            parts,
            probabilities=[count / total for count in samples.values()],
            seed=SEED,
            stopping_strategy="all_exhausted_without_replacement",
        )
        stages["interleave_datasets"] = time.perf_counter() - start
        start, out = time.perf_counter(), Path(folder, "mixed.parquet")
        mixed.to_parquet(out)
        stages["to_parquet"] = time.perf_counter() - start
        found, size = clock.read(), out.stat().st_size
    if len(mixed) != total:
        raise AssertionError(f"{len(mixed):,} rows interleaved of {total:,}")
    note = f"{total / found['seconds']:,.0f} rows/s ({total:,}), {size >> 20} MiB"
    return {**found, "stages": stages, "rows": total, "note": note}
