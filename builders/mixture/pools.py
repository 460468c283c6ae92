"""Pools: the samples of each set of a recipe, in draw order, to be drawn from.

A small draw of a set begins a large one, so how much larger a pool is than the mixture needs never
matters to the mixture.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from builders import manifest
from builders.builder import Builder, Set
from builders.cli import Settings, build_all, command_of, where_of
from builders.console import Reporter
from builders.errors import FatalError, ShopmixError
from builders.llm.opened import Llm
from builders.mixture.recipe import Recipe
from builders.registry import builders
from builders.render import Wording
from builders.sample import SCHEMA
from builders.source import HUB, open_source

#: A pool is built so much larger than a set's size at first, as some rows will be left out; and so
#: much if an LLM is to be asked about its rows.
_SPARE, _SPARE_ASKED = 1.1, 1.03
_COMMIT = re.compile("[0-9a-f]{40}")
#: What is read of a pool's manifest.
_NEEDED = frozenset(
    "set source source_revision seed limit asked templates second_opinion code packages made "
    "rejects source_rejects shortcuts guessable splits file_hash".split()
)


@dataclass(frozen=True)
class Pool:
    """A finished set of samples. told: its manifest."""

    builder: Builder
    made: Set
    file: Path
    told: Mapping[str, Any]

    @property
    def rows(self) -> int:
        """How many samples it has."""
        return int(self.told["made"])

    @property
    def exhausted(self) -> bool:
        """Whether its source has no more samples to give."""
        return self.rows < int(self.told["asked"])

    def read(self, columns: Sequence[str]) -> pl.DataFrame:
        """Columns of its samples. Raises `ShopmixError` where the file is damaged."""
        try:
            return pl.read_parquet(self.file, columns=list(columns))
        except (pl.exceptions.PolarsError, OSError) as error:
            first = str(error).partition("\n")[0]
            raise ShopmixError(f"{self.file} cannot be read ({first}): build it anew") from None


def known_sets(names: Collection[str]) -> dict[str, tuple[Builder, Set]]:
    """The builder and the set of each name, in the order of the names."""
    known = {made.name: (builder, made) for builder in builders() for made in builder.sets}
    return {name: known[name] for name in names}


def pooled(folder: Path, builder: Builder, made: Set, seed: int) -> Pool | str:
    """The set's pool in a folder of samples, or what is wrong with it, in words."""
    told = manifest.read(folder, made.name)
    file = folder / f"{made.name}.parquet"
    if told is None:
        if file.exists():
            return f"{file} is damaged, or its manifest is"
        return f"no samples in {folder}"
    return _unfit(told, file, seed) or Pool(builder, made, file, told)


def _unfit(told: Mapping[str, Any], file: Path, seed: int) -> str | None:
    """Why a finished set is no pool, in words. Raises `ShopmixError` for one of another seed, which
    must not be built anew in its place."""
    if not told.keys() >= _NEEDED:
        return f"{file} was built by another version"
    if told["limit"] is not None:
        return f"made of a few rows of its source alone (--limit {told['limit']})"
    if told["seed"] != seed:
        raise ShopmixError(
            f"{file} was drawn by seed {told['seed']}, the recipe has {seed}: give another folder "
            f"with --samples"
        )
    if pl.read_parquet_schema(file).keys() != SCHEMA.keys():
        return f"{file} has other columns than a sample"
    return None


def outdated(pool: Pool) -> str | None:
    """What has changed since a pool was built, in words; None where nothing has."""
    told, builder = pool.told, pool.builder
    if told["code"] != manifest.code_hash(type(builder)):
        return "the code has changed since"
    folder = builder.templates.joinpath(*pool.made.name.split("."))
    names = {
        Wording(file.relative_to(builder.templates).as_posix(), file.read_text("utf-8")).name
        for file in folder.rglob("*.j2")
    }
    before = set(told["templates"])
    own = {name for name in names if name.count("/") == len(pool.made.name.split("."))}
    if not (before <= names and own <= before):
        return "its wordings have changed since"
    now = {name: version(name) for name in manifest.PACKAGES}
    if told["packages"] != now:
        return "packages have changed since"
    return None


def source_of(sources: Mapping[str, str], builder: Builder) -> str | None:
    """Where the rows of a builder's source are: `sources` tells it by the name of a source, and
    under "" for all others; None where it does not."""
    name = builder.source.name
    if name in sources:
        return sources[name]
    return where_of(builder, sources[""]) if "" in sources else None


def foreign(pool: Pool, where: str) -> str | None:
    """Why a pool is not of the rows that are asked for, as far as it can be told without a look at
    these."""
    revision = str(pool.told["source_revision"])
    hub = HUB.fullmatch(where)
    if hub and _COMMIT.fullmatch(hub["revision"] or ""):
        parts = sorted({*filter(None, (hub["parts"] or "").split(","))})
        if revision != ":".join([hub["revision"], *parts]):
            return f"of another revision, {revision}"
    if where != "demo" and revision == demo_revision(pool.builder):
        return "made of the demo rows"
    return None


@cache
def demo_revision(builder: Builder) -> str | None:
    """The revision of the rows that ship with a source, None where none do."""
    if not (builder.source.home / "demo" / builder.source.name).is_dir():
        return None
    tables = builder.read(open_source(builder.source, "demo"), 0, None, {})
    return str(tables.revision)


def open_pools(recipe: Recipe, folder: Path) -> tuple[dict[str, Pool], dict[str, str]]:
    """The pools of a recipe's sets that are there, and of the others why not."""
    pools, lacking = {}, {}
    for name, (builder, made) in known_sets(recipe.sets).items():
        found = pooled(folder, builder, made, recipe.seed)
        if isinstance(found, Pool):
            pools[name] = found
        else:
            lacking[name] = found
    return pools, lacking


def first_size(name: str, rows: int) -> int:
    """The size of a pool for so many rows, before it is known how many will be left out."""
    ((_, made),) = known_sets([name]).values()
    return math.ceil((_SPARE_ASKED if made.labels or made.composer else _SPARE) * rows)


def build(
    sizes: Mapping[str, int],
    recipe: Recipe,
    sources: Mapping[str, str],
    settings: Settings,
    report: Reporter,
    llm: Llm,
) -> dict[str, str]:
    """Build sets at these sizes into `settings.out`, each source in turn, read once.

    sources: see `source_of`. A pool never becomes smaller. Returns, by set, why some could not be
    built.
    """
    problems: dict[str, str] = {}
    possible: dict[Builder, dict[str, int]] = {}
    for name, (builder, made) in known_sets(sizes).items():
        if source_of(sources, builder) is None:
            problems[name] = f"no --source {builder.source.name}=... says where its rows are"
        elif made.labels and llm.writer is None:
            problems[name] = "it is made with an LLM: name one with --llm, or a --ledger"
        else:
            before = manifest.read(settings.out, name) or {}
            possible.setdefault(builder, {})[name] = max(sizes[name], before.get("asked", 0))
    if problems:  # known at once, so told before hours of work
        return problems
    for builder, own in possible.items():
        told = {"source": source_of(sources, builder), "sets": tuple(own), "seed": recipe.seed}
        try:
            build_all(builder, settings.model_copy(update=told), report, llm, own)
        except FatalError:
            raise
        except ShopmixError as error:
            there = {name: manifest.read(settings.out, name) for name in own}
            failed = [n for n, told in there.items() if not told or told["asked"] < own[n]]
            problems |= dict.fromkeys(failed, str(error))
    return problems


def build_command(name: str, size: int, seed: int) -> str:
    """What builds a pool of a set."""
    builder, _ = known_sets([name])[name]
    whole = builder.source.repo and "{part}" not in "".join(builder.source.repo_files)
    where, seeded = "hub" if whole else "DIR", f" --seed {seed}" if seed else ""
    return f"{command_of(builder)} --source {where} --sets {name} --size {size}{seeded}"
