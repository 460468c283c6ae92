"""Where rows come from: the Hub, a folder with the files as published, or the rows we ship.

All three give the same lazy tables. A table is one file, or several parts of it (a folder of that
name, files that begin with it, or a pattern): how the rows are spread over files, and in which
order, never matters.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv

from builders.draw import hashed
from builders.errors import ShopmixError

HERE = Path(__file__).resolve().parent
#: What `open_source` takes for the Hub: at a revision, and some parts alone.
HUB = re.compile(r"hub(@(?P<revision>[^:]+))?(:(?P<parts>.*))?")


@dataclass(frozen=True)
class Table:
    """A published table: where its files lie, and the columns we read.

    stem: the name of its file without the ending, or a pattern of names.
    columns: a column `file` is the path of the row's file below the source's folder.
    endings: the formats it may have, the first that is there is read: parquet, jsonl (a JSON
    object a line), json (one array of objects) or csv.
    header: whether the first line of a CSV file names its columns; else they come in our order.
    joined: columns of text that another release has as lists of str; blanks go between.
    """

    stem: str
    columns: Mapping[str, pl.DataType]
    endings: tuple[str, ...] = (".parquet", ".jsonl")
    header: bool = True
    joined: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """What is published where, under which licence.

    repo: the data set on the Hub, or None; `obtain` then says where else the files are.
    repo_files: patterns of its files; with `{part}` in them, parts (categories) must be named.
    adapt: turns the Hub's parquet tables, by split, into the published ones. Without it the Hub
    has the published files themselves.
    home: the folder with `demo/<name>` and, for sources of others, `templates/<name>`.
    """

    name: str
    license: str
    tables: Mapping[str, Table]
    repo: str | None = None
    repo_revision: str = "main"
    repo_files: tuple[str, ...] = ("*.parquet",)
    repo_columns: tuple[str, ...] = ()
    adapt: Callable[[Mapping[str, pl.LazyFrame]], dict[str, pl.LazyFrame]] | None = None
    obtain: str = ""
    home: Path = HERE


#: Tells how a long reading goes on.
Watch = Callable[[str, int], AbstractContextManager[Callable[[int, int], None]]]


@contextmanager
def _unwatched(_: str, __: int) -> Iterator[Callable[[int, int], None]]:
    yield lambda _made, _rejected: None


@dataclass(frozen=True)
class Rows:
    """A source's tables, opened. `revision` is the Hub's commit and which parts of it were read;
    None where rows are local.

    watch: given what is read and about how many rows that is, how to tell (rows, rejects) so far.
    """

    tables: Mapping[str, pl.LazyFrame]
    revision: str | None
    where: str
    folder: Path | None
    watch: Watch = _unwatched


@dataclass(frozen=True)
class Content:
    """What a builder has read of a source with one table, and what it left out, by reason."""

    rows: pl.DataFrame
    revision: str
    rejects: Mapping[str, int]


def open_source(source: Source, where: str) -> Rows:
    """Open `hub`, `hub:PART,PART`, `demo` or a folder; `hub@COMMIT` pins what is read there.

    Raises `ShopmixError` naming the file or column that is missing or cannot be read.
    """
    if where == "demo":
        return _open(source, source.home / "demo" / source.name, "demo", None)
    if pinned := HUB.fullmatch(where):
        from builders import hub  # noqa: PLC0415 - takes half a second, needed here alone

        source = replace(source, repo_revision=pinned["revision"] or source.repo_revision)
        parts = [part for part in (pinned["parts"] or "").split(",") if part]
        if source.adapt is None:
            folder, commit = hub.snapshot(source, parts)
            revision = ":".join([commit, *sorted({*parts})])
            return _open(source, folder, f"{source.repo}@{commit[:12]}", revision)
        frames, commit = hub.download(source, parts)
        adapted, at = source.adapt(frames), f"{source.repo}@{commit[:12]}"
        tables = {n: _checked(adapted[n], t, at) for n, t in source.tables.items()}
        return Rows(tables, commit, at, None)
    folder = Path(where)
    if not folder.is_dir():
        raise ShopmixError(f"--source {where}: no such folder (hub, demo or a folder are possible)")
    return _open(source, folder, str(folder), None)


def _open(source: Source, folder: Path, where: str, revision: str | None) -> Rows:
    tables = {}
    for name, table in source.tables.items():
        files = parts(folder, table)
        if not files:
            raise ShopmixError(
                f"{folder / table.stem}{table.endings[0]} is missing: put the file as "
                f"published there, or take --source demo"
            )
        tables[name] = _checked(_scan(files, table, folder), table, str(files[0]))
    return Rows(tables, revision, where, folder)


def parts(folder: Path, table: Table) -> list[Path]:
    """The files of a table: of the first of its formats that is there."""
    inside = f"{table.stem}/*" if (folder / table.stem).is_dir() else f"{table.stem}*"
    pattern = table.stem if "*" in table.stem else inside
    found = (sorted(folder.glob(f"{pattern}{ending}")) for ending in table.endings)
    return next(filter(None, found), [])


def _scan(files: list[Path], table: Table, folder: Path) -> pl.LazyFrame:
    frames = []
    for file in files:
        try:
            frame = _reader(file, table)
        except (pl.exceptions.PolarsError, OSError, ValueError) as error:
            raise ShopmixError(
                f"{file} cannot be read as {file.suffix[1:]} ({_first_line(error)}): "
                f"is the download complete?"
            ) from None
        if "file" in table.columns:
            name = file.relative_to(folder).as_posix()
            frame = frame.with_columns(pl.lit(name).alias("file"))
        frames.append(frame)
    return pl.concat(frames, how="diagonal_relaxed")


def _reader(file: Path, table: Table) -> pl.LazyFrame:
    """A file's rows. Text formats take our types, never guessed ones."""
    columns = {name: kind for name, kind in table.columns.items() if name != "file"}
    match file.suffix:
        case ".parquet":
            pl.read_parquet_schema(file)
            return pl.scan_parquet(file)
        case ".jsonl":
            if not file.stat().st_size:
                raise ValueError("the file is empty")
            # by its URL it is read in pieces; by its path it would be mapped into memory whole
            return pl.scan_ndjson(f"file://{file.resolve()}", schema=columns)
        case ".json":
            try:
                return pl.read_json(file, schema_overrides=columns).lazy()
            except pl.exceptions.SchemaFieldNotFoundError as error:
                raise ValueError(f"column {error} is missing") from None
    return _csv(file, columns, table.header)


def _csv(file: Path, columns: Mapping[str, pl.DataType], header: bool) -> pl.LazyFrame:
    """All text, an empty field is null. Read by pyarrow: polars' reader takes a quotation mark
    amid a field for the start of a quoted one, and MMLU has such a field."""
    with file.open(encoding="utf-8-sig", newline="") as opened:
        first = next(csv.reader(opened), None)
    if not first:
        raise ValueError("the file is empty")
    present = [name for name in columns if name in first] if header else list(columns)
    text = dict.fromkeys(present, pa.string())

    def read() -> pl.DataFrame:
        read_options = pa_csv.ReadOptions(column_names=None if header else present)
        parsed = pa_csv.ParseOptions(newlines_in_values=True)
        kept = pa_csv.ConvertOptions(
            column_types=text, include_columns=present, strings_can_be_null=True, null_values=[""]
        )
        try:
            return pl.DataFrame(pa_csv.read_csv(file, read_options, parsed, kept))
        except pa.ArrowException as error:
            raise pl.exceptions.ComputeError(str(error)) from None

    return pl.defer(read, schema=dict.fromkeys(present, pl.String()))


def _checked(frame: pl.LazyFrame, table: Table, where: str) -> pl.LazyFrame:
    """The table's columns alone, each of its type."""
    present = frame.collect_schema()
    if missing := [column for column in table.columns if column not in present]:
        raise ShopmixError(
            f"{where}: column {missing[0]} is missing (there are: {', '.join(present)}): "
            f"put the file as published there, or take --source demo"
        )
    lists = [one for one in table.joined if present[one] == pl.List(pl.String)]
    frame = frame.with_columns(pl.col(lists).list.join(" "))
    # lists of which the Hub's loader has seen none are columns of text to it, all null
    texts = [one for one, kind in table.columns.items() if kind.is_nested()]
    texts = [one for one in texts if present[one] in (pl.String, pl.Null)]
    frame = frame.with_columns(
        pl.col(one).cast(pl.String).str.json_decode(table.columns[one]) for one in texts
    )
    present = frame.collect_schema()
    for column, kind in table.columns.items():
        if present[column].is_nested() != kind.is_nested():
            raise ShopmixError(
                f"{where}: column {column} is {present[column]}, not "
                f"{kind}: put the file as published there, or take --source demo"
            )
    return frame.select(pl.col(name).cast(kind) for name, kind in table.columns.items())


def gather(source: Source, rows: Rows, frame: pl.LazyFrame) -> pl.DataFrame:
    """Collect rows, streaming. Raises `ShopmixError` where a file breaks off in the middle."""
    try:
        return frame.collect(engine="streaming")
    except pl.exceptions.PolarsError as error:
        raise unreadable(source, rows, error) from None


def identified(
    source: Source, rows: Rows, table: str, name: pl.Expr, unused: Sequence[str] = ()
) -> tuple[pl.DataFrame, str]:
    """All rows of a table with the `row` that they are called in samples, and their revision.

    name: must tell all that a row says, as the revision of local rows is made of these names.
    unused: columns that nothing but the name needs.
    """
    raw = gather(source, rows, rows.tables[table].with_columns(name.alias("row")).drop(unused))
    return raw, rows.revision or content_revision(raw.select(hashed(pl.col("row")))["row"])


def unusable(rows: Rows, what: str, rejects: Mapping[str, int]) -> ShopmixError:
    """What to tell where no row is left to be asked about."""
    told = ", ".join(f"{reason}: {count}" for reason, count in rejects.items() if count)
    return ShopmixError(f"{rows.where}: no usable {what} ({told or 'no rows'})")


def kept(
    rejects: Counter[str], frame: pl.DataFrame, which: pl.DataFrame | pl.Expr, reason: str
) -> pl.DataFrame:
    """The rows of a frame that are (or fulfil) `which`; the others are counted under the reason."""
    remaining = frame.filter(which) if isinstance(which, pl.Expr) else which
    rejects[reason] += len(frame) - len(remaining)
    return remaining


def unreadable(source: Source, rows: Rows, error: pl.exceptions.PolarsError) -> ShopmixError:
    """What to tell where reading broke off: the first file and column that cannot be read alone."""
    for table in source.tables.values():
        for file in parts(rows.folder, table) if rows.folder else []:
            part = _reader(file, table)
            for column in part.collect_schema().names():
                if kind := table.columns.get(column):
                    try:
                        values = pl.col(column).cast(kind)
                        values = values.list.len() if kind.is_nested() else values
                        part.select(values.max()).collect(engine="streaming")
                    except pl.exceptions.PolarsError as found:
                        return _broken(f"{file}: column {column}", found)
    return _broken(rows.where, error)


def _broken(what: str, error: Exception) -> ShopmixError:
    said = _first_line(error)
    return ShopmixError(f"{what} cannot be read ({said}): is the file complete and as published?")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def row_hash(key: pl.Expr, columns: list[str]) -> pl.Expr:
    """UInt64 of a row's content, tied to its key; to be summed by `content_revision`."""
    return (key | 1) * reduce(
        add, (hashed(pl.col(c), seed=i).fill_null(i) for i, c in enumerate(columns, start=1))
    )


def named_by_content(table: str, columns: Iterable[str]) -> pl.Expr:
    """How rows without a published id are called in `source_rows`: by a hash of what they say."""
    return pl.format(f"{table}:{{}}", row_hash(hashed(pl.lit(table)), list(columns)))


def content_revision(*row_hashes: pl.Series) -> str:
    """A revision for local rows: the wrapped sum of their hashes, so in any order, in any files."""
    return "rows-" + "".join(f"{int(hashes.sum()):016x}" for hashes in row_hashes)


def find_rows(
    tables: Mapping[str, pl.LazyFrame], names: Mapping[str, pl.Expr], refs: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """The rows that samples name in `source_rows`.

    names: by the word that a reference begins with (as in `products:us:B0...`, also the key of
    its table), how a row of the table is called.
    """
    found: dict[str, dict[str, Any]] = {}
    for kind, name in names.items():
        wanted = [ref for ref in refs if ref.startswith(f"{kind}:")]
        got = tables[kind].with_columns(name.alias("ref"))
        got = got.filter(pl.col("ref").is_in(wanted))
        for row in got.collect(engine="streaming").unique("ref", keep="any").to_dicts():
            found[row.pop("ref")] = row
    return found
