"""A config as its users will load it, in a process whose caches are empty."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

import xxhash

#: By split: how many rows, and a hash of their ids in order.
Splits = dict[str, tuple[int, str]]


def digest(ids: Iterable[str]) -> str:
    """A hash of ids in their order."""
    told = xxhash.xxh3_128()
    for id in ids:
        told.update(id.encode() + b"\n")
    return told.hexdigest()


def main(repo: str, config: str, revision: str) -> None:
    """Print a config's `Splits` as JSON."""
    import datasets  # noqa: PLC0415 - here alone: an optional package

    loaded: Any = datasets.load_dataset(repo, config, revision=revision)
    found = {}
    for split, rows in loaded.items():
        batches = rows.select_columns("id").iter(batch_size=10_000)
        found[str(split)] = len(rows), digest(id for batch in batches for id in batch["id"])
    print(json.dumps(found))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:  # whatever it is, its reader wants the first cause in one line
        cause: BaseException = error
        while cause.__cause__:
            cause = cause.__cause__
        sys.exit(f"{type(cause).__name__}: {' '.join(str(cause).split())}")
