"""The draw of a mixture out of pools, which are made larger until they suffice."""

from __future__ import annotations

import difflib
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl

from builders.console import Reporter
from builders.errors import ShopmixError
from builders.mixture.choice import Candidates, Choice, Rows
from builders.mixture.duplicates import repeats
from builders.mixture.leaks import Gate
from builders.mixture.pools import Pool, build_command, first_size
from builders.mixture.recipe import Recipe
from builders.sample import SCHEMA

#: Makes pools of these sizes, and says of some why not.
Grow = Callable[[Mapping[str, int]], Mapping[str, str]]
#: Opens the pools that there are, and says of the others why not.
Open = Callable[[], tuple[dict[str, Pool], dict[str, str]]]
_ROWS = {"set": pl.String(), "split": pl.String(), "keys": pl.List(pl.String)}
#: What the gate looks at.
_ASKED = {name: SCHEMA[name] for name in ("id", "set", "messages", "fields")}
#: A pool is not made more than so many times as large at once.
_LEAP = 4


@dataclass(frozen=True)
class Drawn:
    """What a draw came to.

    start: the position of each pool's first row among all. leaks: the hits of the gate,
    among the rows that were passed over.
    """

    pools: Mapping[str, Pool]
    start: Mapping[str, int]
    choice: Choice
    leaks: pl.DataFrame


def draw(recipe: Recipe, gate: Gate, opening: Open, grow: Grow | None, report: Reporter) -> Drawn:
    """Draw from the pools, which `grow` makes larger until they suffice or have no more.

    A quick look at splits and folds comes first, the search for leaks and duplicates after it.
    Raises `ShopmixError` that lists every set which stays short, with its reasons.
    """
    refused: dict[str, str] = {}
    whole = False
    while True:
        pools, lacking = opening()
        _check_splits(recipe, pools)
        # what cannot be had at all is told before hours of work on the others
        hopeless = {name: refused[name] for name in lacking if name in refused}
        drawn = _drawn(recipe, pools, gate if whole else None, report)
        short = drawn.choice.short
        wanted = _wanted(recipe, pools, lacking.keys(), short)
        more = {name: size for name, size in wanted.items() if name not in refused}
        if grow and more and not hopeless:
            refused |= grow(more)
            continue
        missing = [
            name
            for name, size in recipe.sets.items()
            if name in short and not (size.at_most and name in pools and pools[name].exhausted)
        ]
        if hopeless:
            missing = [name for name in missing if name not in wanted]
        if missing or lacking:
            failed = {name: why for name, why in refused.items() if name in wanted}
            problems = hopeless or {**lacking, **failed}
            raise ShopmixError(_told(recipe, drawn, problems, missing, grow is not None))
        if whole:
            return drawn
        whole = True


def _drawn(recipe: Recipe, pools: Mapping[str, Pool], gate: Gate | None, report: Reporter) -> Drawn:
    """One draw; with a gate, after a search for leaks and duplicates."""
    with report.stage("folds"):
        parts = [
            pool.read(["split", "keys"]).select(pl.lit(name).alias("set"), "split", "keys")
            for name, pool in pools.items()
        ]
        ends = np.cumsum([0, *map(len, parts)]).tolist()
        start = dict(zip(pools, ends, strict=False))
        candidates = Candidates(recipe, pl.concat([pl.DataFrame(schema=_ROWS), *parts]))
    found = pl.DataFrame()
    if gate:
        with report.stage("leaks"):
            found = _leaks(gate, candidates, pools, start, report)
        with report.stage("duplicates"):
            rows, sure = candidates.compared()
            report.note(f"duplicates among {len(rows):,} rows")
            asked = pl.concat([pool.read(["task_type", "fields"]) for pool in pools.values()])
            candidates.repeats = repeats(asked[rows], sure).at(rows, len(asked))
    with report.stage("draw"):
        choice = candidates.choose()
        if gate:
            found = found.filter(pl.col("row").is_in(pl.Series(choice.leaks, dtype=pl.UInt32)))
        return Drawn(pools, start, choice, found)


def _leaks(
    gate: Gate,
    candidates: Candidates,
    pools: Mapping[str, Pool],
    start: Mapping[str, int],
    report: Reporter,
) -> pl.DataFrame:
    """The hits of the gate among the rows that may be taken, `row` their place among all.

    A row that is refused gives its place to another, which is looked at in turn.
    """
    hits: list[pl.DataFrame] = [gate.hits(pl.DataFrame(schema=_ASKED))]
    seen = np.zeros_like(candidates.leaks)
    while True:
        rows, _ = candidates.compared()
        fresh = np.sort(rows[~seen[rows]])
        if not len(fresh):
            return pl.concat(hits)
        seen[fresh] = True

        def look(name: str, fresh: Rows = fresh) -> tuple[int, pl.DataFrame]:
            first = start[name]
            begin, end = np.searchsorted(fresh, [first, first + pools[name].rows])
            own = fresh[begin:end]
            found = gate.hits(pools[name].read(list(_ASKED))[own - first])
            places = pl.Series(own, dtype=pl.UInt32).gather(found["row"])
            return len(own), found.with_columns(places.alias("row"))

        done = 0
        with (
            report.watching("leaks", len(fresh)) as progress,
            ThreadPoolExecutor(pl.thread_pool_size()) as threads,
        ):
            for count, found in threads.map(look, pools):
                hits.append(found)
                candidates.leaks[found["row"].to_numpy()] = True
                done += count
                progress(done, sum(map(len, hits)))


def _check_splits(recipe: Recipe, pools: Mapping[str, Pool]) -> None:
    """Refuse splits of which full pools of a source have no row: larger ones would have none."""
    there: defaultdict[str, set[str]] = defaultdict(set)
    for name, pool in pools.items():
        if pool.exhausted or pool.rows >= recipe.sets[name].rows:
            there[name.partition(".")[0]] |= pool.told["splits"].keys()
    for source, found in there.items():
        wanted = recipe.splits[source]
        unused = sorted(found.difference(wanted))
        # a small source may lack a split; a name like that of one which is not used is a slip
        meant = {
            name: difflib.get_close_matches(name, unused, n=1, cutoff=0.45)
            for name in wanted
            if name not in found
        }
        slips = [name for name, near in meant.items() if near]
        if found and (slips or not found.intersection(wanted)):
            raise ShopmixError(
                f"recipe {recipe.name}, splits: no sample of {source} is of the split "
                f"{' or '.join(slips or wanted)}; there are {', '.join(sorted(found))}"
            )


def _wanted(
    recipe: Recipe, pools: Mapping[str, Pool], lacking: Iterable[str], short: Mapping[str, int]
) -> dict[str, int]:
    """Sizes of pools that would suffice, as far as can be told from what these came to."""
    wanted = {name: first_size(name, recipe.sets[name].rows) for name in lacking}
    for name, missing in short.items():
        if name in pools and not pools[name].exhausted:
            rows, size = pools[name].rows, recipe.sets[name].rows
            taken = size - missing
            enough = math.ceil(1.05 * size * rows / taken) if taken else _LEAP * rows
            wanted[name] = max(min(enough, _LEAP * rows), rows + 64)
    return wanted


def _told(
    recipe: Recipe,
    drawn: Drawn,
    problems: Mapping[str, str],
    missing: Sequence[str],
    built: bool,
) -> str:
    """Every set that is short, why, and what to do."""
    lines = [f"recipe {recipe.name} cannot be filled:"]
    for name, size in recipe.sets.items():
        if name not in missing and name not in problems:
            continue
        left_out = drawn.choice.left_out.get(name, {})
        pool = drawn.pools.get(name)
        why = [f"{reason} {count:,}" for reason, count in left_out.items()]
        if pool:
            why += [f"{reason} {n:,}" for reason, n in pool.told["rejects"].items()]
            have = size.rows - drawn.choice.short.get(name, 0)
            end = "its source has no more" if pool.exhausted else "the pool is too small"
            why.insert(0, f"{have:,} of {size.rows:,} rows out of {pool.rows:,} samples, {end}")
        if name in problems:
            why.insert(0, problems[name])
        lines.append(f"  {name}: {'; '.join(why)}")
    ended = [name for name in missing if (pool := drawn.pools.get(name)) and pool.exhausted]
    small = [name for name in (*problems, *missing) if name not in ended]
    if small and not built:
        rows = recipe.sets[small[0]].rows
        command = build_command(small[0], first_size(small[0], rows), recipe.seed)
        lines.append(f"build what is missing with --source hub (or a folder), or as: {command}")
    if ended:
        lines.append("where a source has no more, say `at most N` in the recipe")
    return "\n".join(lines)
