"""How long samples are, as histograms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

#: Characters of a bin of the prompts' histograms, and how many bins there are at most: what is
#: longer is in the last.
WIDTH, BINS = 200, 20


@dataclass(frozen=True)
class Bin:
    """Rows of a length from `low` up to `high`. height: of the highest bin, 0 to 1."""

    low: int
    high: int
    rows: int
    height: float


@dataclass(frozen=True)
class Histogram:
    """A distribution of lengths."""

    title: str
    unit: str
    median: int
    longest: int
    bins: tuple[Bin, ...]

    @property
    def rows(self) -> int:
        """How many samples it counts."""
        return sum(one.rows for one in self.bins)


def binned(counts: Mapping[int, int]) -> tuple[Bin, ...]:
    """Bins of rows by their upper end; gaps between bins of one width are empty bins."""
    ends = sorted(counts)
    steps = {high - low for low, high in zip([0, *ends], ends, strict=False)}
    if steps and all(step % min(steps) == 0 for step in steps):
        ends = list(range(min(steps), ends[-1] + 1, min(steps)))
    highest = max(counts.values(), default=0)
    return tuple(
        Bin(low, high, counts.get(high, 0), counts.get(high, 0) / highest)
        for low, high in zip([0, *ends], ends, strict=False)
    )


def prompts(rows: pl.LazyFrame) -> tuple[Histogram, ...]:
    """The lengths of prompts in characters, a histogram a task type, the most frequent first."""
    chars = pl.col("messages").list.get(1).struct.field("content").str.len_chars()
    long = rows.select("task_type", chars.alias("chars"))
    end = (pl.min_horizontal(pl.col("chars") // WIDTH, pl.lit(BINS - 1)) + 1) * WIDTH
    counts, told = pl.collect_all(
        [
            long.group_by("task_type", end.cast(pl.Int64).alias("end")).len(),
            long.group_by("task_type").agg(
                pl.len(),
                pl.col("chars").median().cast(pl.Int64).alias("median"),
                pl.col("chars").max().alias("longest"),
            ),
        ]
    )
    last = int(counts.select(pl.col("end").max()).item())
    found = []
    for name, _, median, longest in told.sort("len", "task_type", descending=[True, False]).rows():
        of_type = counts.filter(pl.col("task_type") == name)
        every = dict.fromkeys(range(WIDTH, last + 1, WIDTH), 0)
        every |= dict(zip(of_type["end"], of_type["len"], strict=True))
        found.append(Histogram(name, "characters", median, longest, binned(every)))
    return tuple(found)
