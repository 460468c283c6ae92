"""What changed from one mixture to another: in what decided them, by set, and by row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from builders.errors import ShopmixError
from builders.manifest import replacing
from builders.mixture.manifest import Manifest, SetPart, whole
from builders.sample import SCHEMA

#: What may differ of a row: its columns, and whether it is for training or validation.
_MOVED = "moved"
COLUMNS = (_MOVED, *(name for name in SCHEMA if name not in ("id", "set")))
#: What happened to a row: it stands only in the first mixture, only in the second, or in both with
#: another content.
GONE, NEW, CHANGED = "gone", "new", "changed"
#: Keys of a set's part that say what it was made of; the others are what came out.
_DECIDING = (
    "source_revision", "license", "task_type", "metric", "track", "size", "at_most", "made_by",
)  # fmt: skip


@dataclass(frozen=True)
class Change:
    """Something that decides a mixture. key: dotted; before, after: None where it is missing."""

    key: str
    before: Any
    after: Any


@dataclass(frozen=True)
class SetDifference:
    """A set's rows, of both splits. columns: of the changed rows, how many differ in each."""

    set: str
    before: int
    after: int
    gone: int
    new: int
    changed: int
    columns: Mapping[str, int]
    settings: tuple[Change, ...]

    @property
    def same(self) -> int:
        """Rows that stand in both mixtures as they are."""
        return self.before - self.gone - self.changed


@dataclass(frozen=True)
class Difference:
    """From mixture `before` to mixture `after`, each told as name and id.

    settings: what differs of the recipe, the code, the packages and the benchmarks.
    rows: a row for each sample that is not the same in both, sorted by set and id: id, set, change
    (`GONE`, `NEW` or `CHANGED`), columns (list of str, those that differ of a changed one).
    """

    before: str
    after: str
    settings: tuple[Change, ...]
    sets: tuple[SetDifference, ...]
    rows: pl.DataFrame


def compare(a: Path, b: Path) -> Difference:
    """Compare two mixtures' folders. Raises `ShopmixError` where one is not whole."""
    before, after = whole(a), whole(b)
    rows = _joined(_digests(a, before), _digests(b, after))
    return Difference(
        f"{before.mixture} {before.id[:8]}",
        f"{after.mixture} {after.id[:8]}",
        tuple(_changes(_settings(before), _settings(after))),
        tuple(_sets(before, after, rows)),
        rows,
    )


def show(difference: Difference, console: Console, limit: int) -> None:
    """Print what changed; of the rows, the first `limit` of each set and kind of change."""
    console.print(Text(f"{difference.before} -> {difference.after}"))
    if settings := list(_settings_told(difference)):
        made = _table("Made differently", ["what", "before", "after", "of"])
        for row in settings:
            made.add_row(*map(Text, row))
        console.print(made)
    if difference.rows.is_empty():
        console.print(Text("every row is the same"))
        return
    counts = ["before", "after", GONE, NEW, CHANGED, "same"]
    rows = _table("Rows (moved: from training to validation, or back)", ["set"], counts)
    rows.add_column("what changed", overflow="fold")
    for one in difference.sets:
        rows.add_row(*map(Text, _told(one)))
    console.print(rows)
    for name, change, count, first in _first(difference.rows, limit):
        more = " ..." if count > len(first) else ""
        console.print(Text(f"{name}: {count:,} {change}: {', '.join(first)}{more}"))


def write_rows(difference: Difference, file: Path) -> None:
    """Every row that is not the same, as a line of JSON: id, set, change, columns."""
    with replacing(file) as half:
        difference.rows.write_ndjson(half)


def _digests(folder: Path, manifest: Manifest) -> pl.DataFrame:
    """id and set of every row, and a hash (UInt64) of each column; a shard in memory at a time.

    polars' own hash will do: it is the same for as long as this process runs.
    """
    shards = []
    for file in manifest.files:
        shard = pl.read_parquet(folder / file.path).with_columns(pl.lit(file.split).alias(_MOVED))
        shards.append(shard.select("id", "set", pl.col(COLUMNS).hash()))
    rows = pl.concat(shards)
    if repeated := len(rows) - rows["id"].n_unique():
        raise ShopmixError(f"{folder}: {repeated} ids stand twice: build the mixture anew")
    return rows


def _joined(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """The rows that are not the same, as in `Difference`."""
    both = before.join(after, on=["id", "set"], suffix=" after")
    differing = [
        pl.when(pl.col(name) != pl.col(f"{name} after")).then(pl.lit(name)) for name in COLUMNS
    ]
    changed = both.select(
        "id",
        "set",
        pl.lit(CHANGED).alias("change"),
        pl.concat_list(differing).list.drop_nulls().alias("columns"),
    ).filter(pl.col("columns").list.len() > 0)
    none = pl.lit([], dtype=pl.List(pl.String)).alias("columns")
    alone = [
        mine.join(other, on=["id", "set"], how="anti").select(
            "id", "set", pl.lit(change).alias("change"), none
        )
        for mine, other, change in ((before, after, GONE), (after, before, NEW))
    ]
    return pl.concat([changed, *alone]).sort("set", "id")


def _sets(before: Manifest, after: Manifest, rows: pl.DataFrame) -> Iterator[SetDifference]:
    """Every set of the two mixtures, those that the second has no more at the end."""
    parts = [{part.set: part for part in manifest.sets} for manifest in (before, after)]
    counted = rows.group_by("set", "change").len()
    counts = {(name, change): count for name, change, count in counted.iter_rows()}
    named = rows.select("set", "columns").explode("columns").drop_nulls()
    columns = {
        (name, column): count
        for name, column, count in named.group_by("set", "columns").len().iter_rows()
    }
    for name in dict.fromkeys([*parts[1], *parts[0]]):
        old, new = parts[0].get(name), parts[1].get(name)
        yield SetDifference(
            name,
            old.train + old.validation if old else 0,
            new.train + new.validation if new else 0,
            counts.get((name, GONE), 0),
            counts.get((name, NEW), 0),
            counts.get((name, CHANGED), 0),
            {column: columns[name, column] for column in COLUMNS if (name, column) in columns},
            tuple(_changes(_deciding(old), _deciding(new))) if old and new else (),
        )


def _settings(manifest: Manifest) -> dict[str, Any]:
    """What decides a mixture as a whole; sizes are compared set by set."""
    recipe = {key: value for key, value in manifest.recipe.items() if key not in ("name", "sets")}
    return {
        **_flat(recipe, "recipe."),
        "code": manifest.code,
        **_flat(manifest.packages, "packages."),
        **_flat(manifest.leaks.benchmarks, "benchmarks."),
    }


def _deciding(part: SetPart) -> dict[str, Any]:
    """What a set's samples were made of; a wording by its path, with the hash of its content."""
    told = part.model_dump(include=set(_DECIDING))
    told["made_by"].pop("samples", None)  # the hash of samples that are compared themselves
    wordings = dict(name.rsplit("@", 1) for name in part.templates)
    return {**_flat(told), **_flat(wordings, "templates.")}


def _flat(table: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{above}{key}.")
        else:
            flat[f"{above}{key}"] = value
    return flat


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Sequence[Change]:
    keys = dict.fromkeys([*before, *after])
    changes = (Change(key, before.get(key), after.get(key)) for key in keys)
    return [change for change in changes if change.before != change.after]


def _settings_told(difference: Difference) -> Iterator[tuple[str, ...]]:
    """The rows of a table of what decides. What changed alike in several sets is told once."""
    of: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for change in difference.settings:
        of[change.key, _said(change.before), _said(change.after)].append("the mixture")
    for one in difference.sets:
        for change in one.settings:
            of[change.key, _said(change.before), _said(change.after)].append(one.set)
    for told, names in of.items():
        yield (*told, names[0] if len(names) == 1 else f"{len(names)} sets, {names[0]} first")


def _said(value: Any) -> str:
    return "-" if value is None else str(value)


def _told(one: SetDifference) -> tuple[str, ...]:
    counts = (one.before, one.after, one.gone, one.new, one.changed, one.same)
    columns = "; ".join(f"{column} {count:,}" for column, count in one.columns.items())
    return (one.set, *(f"{count:,}" for count in counts), columns)


def _first(rows: pl.DataFrame, limit: int) -> Iterator[tuple[str, str, int, list[str]]]:
    """(set, change, how many rows, the beginnings of the first ids, with what differs of each)."""
    short = pl.col("id").str.head(12)
    columns = pl.format(" ({})", pl.col("columns").list.join(", "))
    told = pl.when(pl.col("change") == CHANGED).then(short + columns).otherwise(short)
    yield from (
        rows.group_by("set", "change", maintain_order=True)
        .agg(pl.len().alias("count"), told.head(limit).alias("first"))
        .sort("set", "change")
        .iter_rows()
    )


def _table(title: str, texts: Sequence[str], counts: Sequence[str] = ()) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    for column in texts:
        table.add_column(column, overflow="fold")
    for column in counts:
        table.add_column(column, justify="right")
    return table
