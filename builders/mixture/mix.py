"""The draw of a mixture out of pools, which are made larger until they suffice."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from builders.console import Reporter
from builders.errors import ShopmixError
from builders.mixture.choice import Candidates, Choice
from builders.mixture.duplicates import repeats
from builders.mixture.leaks import Gate
from builders.mixture.pools import SPARE, Pool, build_command
from builders.mixture.recipe import Recipe

#: Makes pools of these sizes, and says of some why not.
Grow = Callable[[Mapping[str, int]], Mapping[str, str]]
#: Opens the pools that there are, and says of the others why not.
Open = Callable[[], tuple[dict[str, Pool], dict[str, str]]]
_ROWS = {"set": pl.String(), "split": pl.String(), "keys": pl.List(pl.String)}
#: A pool is not made more than so many times as large at once.
_LEAP = 4


@dataclass(frozen=True)
class Drawn:
    """What a draw came to.

    start: the position of each pool's first row among all. leaks: the hits of the gate.
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
        drawn = _drawn(recipe, pools, gate if whole else None, report)
        short = drawn.choice.short
        wanted = _wanted(recipe, pools, lacking.keys(), short)
        if grow and (more := {n: size for n, size in wanted.items() if n not in refused}):
            refused |= grow(more)
            continue
        missing = [n for n, size in recipe.sets.items() if not size.at_most and n in short]
        if missing or lacking:
            raise ShopmixError(_told(recipe, drawn, {**lacking, **refused}, missing, wanted))
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
        with report.stage("leaks"), report.watching("leaks", ends[-1]) as progress:
            hits = []
            for name, pool in pools.items():
                samples = pool.read(["id", "set", "messages", "fields"])
                hits.append(gate.hits(samples).with_columns(pl.col("row") + start[name]))
                progress(start[name] + pool.rows, sum(map(len, hits)))
            found = pl.concat(hits)
            candidates.leaks[found["row"].to_numpy()] = True
        with report.stage("duplicates"):
            rows = candidates.compared()
            report.note(f"duplicates among {len(rows):,} rows")
            asked = pl.concat([pool.read(["task_type", "fields"]) for pool in pools.values()])
            candidates.repeats = repeats(asked[rows]).at(rows, len(asked))
    with report.stage("draw"):
        return Drawn(pools, start, candidates.choose(), found)


def _wanted(
    recipe: Recipe, pools: Mapping[str, Pool], lacking: Iterable[str], short: Mapping[str, int]
) -> dict[str, int]:
    """Sizes of pools that would suffice, as far as can be told from what these came to."""
    wanted = {name: math.ceil(SPARE * recipe.sets[name].rows) for name in lacking}
    for name, missing in short.items():
        if name in pools and not pools[name].exhausted:
            rows, size = pools[name].rows, recipe.sets[name].rows
            share = max((size - missing) / max(rows, 1), 1 / _LEAP)
            wanted[name] = max(math.ceil(size / share * 1.05), rows + 64)
    return wanted


def _told(
    recipe: Recipe,
    drawn: Drawn,
    problems: Mapping[str, str],
    missing: Sequence[str],
    wanted: Mapping[str, int],
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
    lines += _advice(recipe, drawn, wanted)
    return "\n".join(lines)


def _advice(recipe: Recipe, drawn: Drawn, wanted: Mapping[str, int]) -> list[str]:
    """How to get larger pools; and where there are none, what the recipe could say instead."""
    ended = [n for n in drawn.choice.short if n in drawn.pools and drawn.pools[n].exhausted]
    advice = []
    if wanted:
        name, size = next(iter(wanted.items()))
        command = build_command(name, size, recipe.seed)
        advice.append(f"build what is missing with --source hub (or a folder), or as: {command}")
    if [name for name in ended if not recipe.sets[name].at_most]:
        advice.append("where a source has no more, say `at most N` in the recipe")
    return advice
