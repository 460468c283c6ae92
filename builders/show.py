"""`python -m builders.show v8`: samples of a built mixture, in the terminal."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.text import Text

from builders.cli import run
from builders.console import rendered
from builders.errors import ShopmixError
from builders.mixture.manifest import NAME, SPLITS, Manifest, whole
from builders.mixture.settings import MIXTURES

#: What samples are chosen by, and the column that has it.
COLUMNS = {"type": "task_type", "set": "set", "language": "language", "source": "source"}


def samples(
    folder: Path, count: int, split: str | None = None, **wanted: str
) -> Iterator[dict[str, Any]]:
    """The first `count` samples of the mixture in a folder, in its order, of one of `SPLITS` or of
    both, and of what is wanted: by the names in `COLUMNS`.

    Raises `ShopmixError` for a value that the mixture does not have, and where no sample has all.
    """
    manifest = whole(folder)
    known = {"split": SPLITS, **_values(manifest)}
    given = {"split": split, **wanted} if split else wanted
    for name, value in given.items():
        if value not in known[name]:
            raise ShopmixError(
                f"no {name} {value!r} in {manifest.mixture}: did you mean "
                f"{_nearest(value, known[name])}?"
            )
    equal = (pl.col(COLUMNS[name]) == value for name, value in wanted.items())
    chosen = pl.all_horizontal(pl.lit(True), *equal)
    left = count
    for file in manifest.files:
        if left and split in (None, file.split):
            rows = pl.scan_parquet(folder / file.path).filter(chosen).head(left).collect()
            left -= len(rows)
            yield from rows.iter_rows(named=True)
    if left == count:
        asked = ", ".join(f"{name} {value}" for name, value in given.items())
        raise ShopmixError(f"{manifest.mixture} has no sample of {asked}: leave one of these out")


def _values(manifest: Manifest) -> Mapping[str, Collection[str]]:
    return {
        "type": manifest.task_types,
        "set": [part.set for part in manifest.sets],
        "language": manifest.languages,
        "source": {part.source for part in manifest.sets},
    }


def _nearest(value: str, known: Collection[str]) -> str:
    return difflib.get_close_matches(value, sorted(known), n=1, cutoff=0.0)[0]


def find(mixtures: Path, name: str) -> Path:
    """The folder of a mixture, by its name below `mixtures` or as it is.

    Raises `ShopmixError` with the nearest name where there is none.
    """
    if (Path(name) / NAME).is_file():
        return Path(name)
    there = {file.parent.name for file in mixtures.glob(f"*/{NAME}")}
    if name not in there and there:
        raise ShopmixError(
            f"no mixture {name!r} in {mixtures}: did you mean {_nearest(name, there)}? "
            f"(--mixtures names another folder)"
        )
    return mixtures / name


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m builders.show", description=__doc__)
    parser.add_argument("mixture", help="its name, as v8, or its folder")
    for name in COLUMNS:
        parser.add_argument(f"--{name}", help=f"only of this {name}")
    parser.add_argument("--split", help=f"only of this split: {' or '.join(SPLITS)}")
    parser.add_argument("-n", type=_count, default=3, dest="count", help="how many (default: 3)")
    parser.add_argument(
        "--mixtures", default=MIXTURES, type=Path, metavar="DIR", help="where they lie"
    )
    given = vars(parser.parse_args(argv))
    wanted = {name: given[name] for name in COLUMNS if given[name] is not None}
    console = Console(highlight=False, soft_wrap=True)
    folder = find(given["mixtures"], given["mixture"])
    for sample in samples(folder, given["count"], given["split"], **wanted):
        console.print(Text(rendered(sample["set"], sample)))


if __name__ == "__main__":
    run(main)
