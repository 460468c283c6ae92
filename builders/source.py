"""Where rows come from: the Hub, a folder with the files as published, or the rows we ship.

All three give the same lazy tables. A folder's table is one file, or several parts of it (a
folder of that name, or files that begin with it): how the rows are spread over files, and in
which order, never matters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path

import polars as pl

from builders.draw import hashed
from builders.errors import ShopmixError

DEMO = Path(__file__).resolve().parent / "demo"


@dataclass(frozen=True)
class Table:
    """A published table: the name of its file without the ending, and the columns we read."""

    stem: str
    columns: Mapping[str, pl.DataType]


@dataclass(frozen=True)
class Source:
    """What is published where, under which licence.

    `adapt` turns the Hub's tables, by split, into the published ones.
    """

    name: str
    license: str
    repo: str
    repo_revision: str
    repo_columns: tuple[str, ...]
    tables: Mapping[str, Table]
    adapt: Callable[[Mapping[str, pl.LazyFrame]], dict[str, pl.LazyFrame]]


@dataclass(frozen=True)
class Rows:
    """A source's tables, opened. `revision` is the Hub's commit; None where rows are local."""

    tables: Mapping[str, pl.LazyFrame]
    revision: str | None
    where: str


def open_source(source: Source, where: str) -> Rows:
    """Open `hub`, `demo` or a folder.

    Raises `ShopmixError` naming the file or column that is missing or cannot be read.
    """
    if where == "demo":
        tables = {
            name: _checked(
                pl.scan_ndjson(
                    _parts(DEMO / source.name, name, ".jsonl"), schema=dict(table.columns)
                ),
                table,
                f"demo {name}",
            )
            for name, table in source.tables.items()
        }
        return Rows(tables, None, "demo")
    if where == "hub":
        from builders.hub import download  # noqa: PLC0415 - takes half a second, needed here alone

        frames, commit = download(source)
        adapted = source.adapt(frames)
        at = f"{source.repo}@{commit[:12]}"
        return Rows({n: _checked(adapted[n], t, at) for n, t in source.tables.items()}, commit, at)
    folder = Path(where)
    if not folder.is_dir():
        raise ShopmixError(f"--source {where}: no such folder (hub, demo or a folder are possible)")
    tables = {}
    for name, table in source.tables.items():
        files = _parts(folder, table.stem, ".parquet")
        if not files:
            raise ShopmixError(
                f"{folder / table.stem}.parquet is missing: put the file as "
                f"published there, or take --source demo"
            )
        tables[name] = _checked(_scan(files), table, str(files[0]))
    return Rows(tables, None, str(folder))


def _parts(folder: Path, stem: str, ending: str) -> list[Path]:
    inside = folder / stem
    parts = inside.glob(f"*{ending}") if inside.is_dir() else folder.glob(f"{stem}*{ending}")
    return sorted(parts)


def _scan(files: list[Path]) -> pl.LazyFrame:
    for file in files:
        try:
            pl.read_parquet_schema(file)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise ShopmixError(
                f"{file} cannot be read as parquet ({error}): is the download complete?"
            ) from None
    return pl.concat([pl.scan_parquet(file) for file in files], how="diagonal_relaxed")


def _checked(frame: pl.LazyFrame, table: Table, where: str) -> pl.LazyFrame:
    """The table's columns alone, each of its type."""
    present = frame.collect_schema()
    if missing := [column for column in table.columns if column not in present]:
        raise ShopmixError(
            f"{where}: column {missing[0]} is missing (there are: {', '.join(present)}): "
            f"put the file as published there, or take --source demo"
        )
    if nested := [column for column in table.columns if present[column].is_nested()]:
        raise ShopmixError(
            f"{where}: column {nested[0]} is {present[nested[0]]}, not "
            f"{table.columns[nested[0]]}: put the file as published there, or take --source demo"
        )
    return frame.select(pl.col(name).cast(kind) for name, kind in table.columns.items())


def unreadable(source: Source, rows: Rows, error: pl.exceptions.PolarsError) -> ShopmixError:
    """What to tell where reading broke off: the first file and column that cannot be read alone."""
    for table in source.tables.values():
        for file in _parts(Path(rows.where), table.stem, ".parquet"):
            part = pl.scan_parquet(file)
            for column in part.collect_schema().names():
                if kind := table.columns.get(column):
                    try:
                        part.select(pl.col(column).cast(kind).max()).collect(engine="streaming")
                    except pl.exceptions.PolarsError as found:
                        return _broken(f"{file}: column {column}", found)
    return _broken(rows.where, error)


def _broken(what: str, error: Exception) -> ShopmixError:
    said = str(error).partition("\n")[0]
    return ShopmixError(f"{what} cannot be read ({said}): is the file complete and as published?")


def row_hash(key: pl.Expr, columns: list[str]) -> pl.Expr:
    """UInt64 of a row's content, tied to its key; to be summed by `content_revision`."""
    return (key | 1) * reduce(
        add, (hashed(pl.col(c), seed=i).fill_null(i) for i, c in enumerate(columns, start=1))
    )


def content_revision(*row_hashes: pl.Series) -> str:
    """A revision for local rows: the wrapped sum of their hashes, so in any order, in any files."""
    return "rows-" + "".join(f"{int(hashes.sum()):016x}" for hashes in row_hashes)
