"""How many planted duplicates are found, how many that are none, and how fast; beside datasketch.

    python benchmarks/duplicates.py [--base 100000] [--exact 10000] [--near 10000] [--out FILE.json]

A near duplicate has four of five words in common in each part; it was measured when it was planted.
A pair of the base that is reported is false where the slow comparison of `planted` says so.

datasketch: MinHash of 128 permutations and MinHashLSH at 0.8, of all words of a question, as it is
    used; nothing is verified. Its false pairs are counted on a sample of those it reports.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # a checkout needs no install

import numpy as np
from datasketch import MinHash, MinHashLSH

from benchmarks.measure import Clock, Found, about, show, table, write
from benchmarks.planted import LEAST, Planted, asked, planted, similarity
from builders.mixture.duplicates import repeats

#: Reported pairs that are looked at once more.
LOOKED_AT = 5_000


def ours(rows: Planted) -> Found:
    """What `repeats` finds."""
    clock = Clock()
    found = repeats(rows.samples)
    used = clock.read()
    first = found.first
    pairs = set(found.near.select("a", "b").iter_rows())
    pairs |= {(int(a), b) for b, a in enumerate(first) if a != b}

    def related(a: int, b: int) -> bool:
        ends = int(first[a]), int(first[b])
        return ends[0] == ends[1] or (min(ends), max(ends)) in pairs

    at = rows.base + len(rows.exact)
    exact = [first[rows.base + i] == first[origin] for i, origin in enumerate(rows.exact)]
    near = [related(at + i, origin) for i, origin in enumerate(rows.near)]
    return _judged(rows, used, exact, near, pairs)


def datasketch(rows: Planted) -> Found:
    """What datasketch's LSH finds: an exact duplicate too is one of its candidates."""
    clock = Clock()
    index, reported = MinHashLSH(threshold=LEAST, num_perm=128), list[list[int]]()
    for row, text in enumerate(rows.samples["fields"]):
        fields = asked(json.loads(text))
        told = [one for v in fields.values() for one in (v if isinstance(v, list) else [v])]
        signature = MinHash(num_perm=128)
        signature.update_batch([w.encode() for w in re.findall(r"\w+", " ".join(told).lower())])
        reported.append(index.query(signature))
        index.insert(row, signature)
    used = clock.read()
    at = rows.base + len(rows.exact)
    exact = [origin in reported[rows.base + i] for i, origin in enumerate(rows.exact)]
    near = [origin in reported[at + i] for i, origin in enumerate(rows.near)]
    pairs = {(int(a), b) for b, others in enumerate(reported) for a in others}
    return _judged(rows, used, exact, near, pairs)


def _judged(
    rows: Planted, used: Found, exact: list[bool], near: list[bool], pairs: set[tuple[int, int]]
) -> Found:
    """Recall, and the share of false ones among reported pairs of the base."""
    base = sorted(pair for pair in pairs if max(pair) < rows.base)
    some = Random(0).sample(base, min(LOOKED_AT, len(base)))
    types, fields = rows.samples["task_type"], rows.samples["fields"]
    false = [
        types[a] != types[b]
        or similarity(json.loads(fields[a]), json.loads(fields[b])) < LEAST - 1e-9
        for a, b in some
    ]
    found = {
        "rows_per_second": len(rows.samples) / used["seconds"],
        "exact_recall": float(np.mean(exact)),
        "near_recall": float(np.mean(near)),
        "pairs_of_base": len(base),
        "looked_at": len(some),
        "false": sum(false),
    }
    return {**used, **found}


def main() -> None:
    """Measure both, one after the other, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--base", type=int, default=100_000, metavar="N")
    parser.add_argument("--exact", type=int, default=10_000, metavar="N")
    parser.add_argument("--near", type=int, default=10_000, metavar="N")
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    given = parser.parse_args()
    rows = planted(given.base, given.exact, given.near)
    title = f"{given.base:,} samples, {given.exact:,} exact and {given.near:,} near duplicates"
    results = about(title, ["rensa", "datasketch", "polars", "numpy"])
    results |= {"shopmix": ours(rows), "datasketch": datasketch(rows)}
    made = table(results, "seconds", "rows/s", "exact found", "near found", "false", last="false")
    for name in ("shopmix", "datasketch"):
        one = results[name]
        false = (
            f"{one['false']:,} of {one['looked_at']:,} (of {one['pairs_of_base']:,} of the base)"
        )
        shares = (f"{one[key]:.2%}" for key in ("exact_recall", "near_recall"))
        made.add_row(
            name, f"{one['seconds']:.1f}", f"{one['rows_per_second']:,.0f}", *shares, false
        )
    show(made)
    write(results, given.out)


if __name__ == "__main__":
    main()
