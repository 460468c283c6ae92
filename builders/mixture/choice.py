"""The draw of a mixture: which rows of each set's pool are of which split, and why others are not.

Rows are taken in draw order, so that a choice hangs on the rows before it alone, never on how many
a pool has beyond.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from builders.mixture.duplicates import Repeats
from builders.mixture.folds import hash_keys
from builders.mixture.recipe import Recipe, Size

#: Why a row is passed over.
HELD_OUT = "in the validation fold"
SHARED = "shares a key with validation"
LEAK = "question of a benchmark"
EXACT, NEAR = "exact", "near"

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Repeat(NamedTuple):
    """A row that repeats one that was taken before it."""

    row: int
    other: int
    kind: str
    similarity: float
    dropped: bool


@dataclass(frozen=True)
class Choice:
    """Rows by their position in all pools, one after the other in the recipe's order.

    train, validation: the rows taken, by set, in draw order. left_out: by set, why rows were passed
    over before the last that was taken; leaks: those of these that are questions of a benchmark.
    short: by set, how many training rows are missing.
    """

    train: Mapping[str, Rows]
    validation: Mapping[str, Rows]
    left_out: Mapping[str, Mapping[str, int]]
    leaks: Rows
    short: Mapping[str, int]
    repeats: Sequence[Repeat]


class Candidates:
    """All rows of the pools, and what is known of them.

    rows: columns `set`, `split` and `keys`, the pools in the recipe's order. Then may be set:
    `leaks`, whether each row is a benchmark's question, and `repeats`.
    """

    def __init__(self, recipe: Recipe, rows: pl.DataFrame) -> None:
        self.recipe = recipe
        self.keys = hash_keys(rows["keys"])
        self.held = self.keys.folds(recipe.folds) == 0
        self.leaks = np.zeros(len(rows), dtype=np.bool_)
        self.repeats: Repeats | None = None
        numbered = rows.select("set").with_row_index("row")
        spans = numbered.group_by("set").agg(pl.col("row").first(), pl.len())
        #: The first row of each set, and how many it has.
        self.span = {name: (first, count) for name, first, count in spans.iter_rows()}
        self.split = rows["split"]

    def choose(self) -> Choice:
        """Draw. Without leaks and repeats it is a quick look at how far the pools will go."""
        held_out, shared, free = self._sorted_out()
        seen = _Seen(self.repeats, drop=self.recipe.duplicates == "drop")
        validation = {name: seen.take(rows) for name, rows in held_out.items()}
        train: dict[str, Rows] = {}
        left_out: dict[str, Counter[str]] = {}
        leaks = [np.empty(0, np.int64)]
        short: dict[str, int] = {}
        for name, size in self.recipe.sets.items():
            first, count = self._rows(name)
            before = len(seen.dropped)
            train[name] = seen.take(free[name], size.rows)
            short[name] = size.rows - len(train[name])
            end = first + count if short[name] else train[name][-1] + 1
            left_out[name] = self._passed(name, end, validation[name], shared)
            passed = self._allowed_rows(name)
            leaks.append(passed[(passed < end) & self.leaks[passed]])
            for repeat in seen.dropped[before:]:
                left_out[name][f"{repeat.kind} duplicate"] += 1
        missing = {name: rows for name, rows in short.items() if rows}
        return Choice(train, validation, left_out, np.concatenate(leaks), missing, seen.repeats)

    def compared(self) -> tuple[Rows, int]:
        """The rows among which duplicates are to be looked for: those that will be taken, and how
        many these are; then, if duplicates are dropped, those that may take their places, the
        nearest first."""
        held_out, _, free = self._sorted_out()
        taken = [rows[: self.recipe.sets[name].rows] for name, rows in free.items()]
        parts = [np.empty(0, np.int64), *held_out.values(), *taken]
        sure = sum(map(len, parts))
        if self.recipe.duplicates == "drop":
            spare = [rows[self.recipe.sets[name].rows :] for name, rows in free.items()]
            rank = np.concatenate([np.arange(len(rows)) for rows in spare])
            parts.append(np.concatenate(spare)[np.argsort(rank, kind="stable")])
        return np.concatenate(parts), sure

    def _sorted_out(self) -> tuple[dict[str, Rows], Mask, dict[str, Rows]]:
        """The rows held out for validation by set, which rows share a key with these, and by set
        the rows that training may have."""
        usable = ~self.leaks
        held_out = {
            name: self._held_out(name, size, usable) for name, size in self.recipe.sets.items()
        }
        every = np.concatenate([np.empty(0, np.int64), *held_out.values()])
        shared = self.keys.touching(self.keys.of(every))
        open_to_all = usable & ~self.held & ~shared
        free = {}
        for name in self.recipe.sets:
            rows = self._allowed_rows(name)
            free[name] = rows[open_to_all[rows]]
        return held_out, shared, free

    def _rows(self, name: str) -> tuple[int, int]:
        """The first row of a set, and how many it has."""
        return self.span.get(name, (0, 0))

    def _allowed(self, name: str) -> Mask:
        """Which of a set's rows are of a split that may be used."""
        first, count = self._rows(name)
        splits = self.recipe.splits[name.partition(".")[0]]
        return np.asarray(self.split.slice(first, count).is_in(splits), dtype=np.bool_)

    def _allowed_rows(self, name: str) -> Rows:
        first, count = self._rows(name)
        return np.arange(first, first + count)[self._allowed(name)]

    def _held_out(self, name: str, size: Size, usable: Mask) -> Rows:
        """The rows of fold 0 among the first that could be drawn."""
        rows = self._allowed_rows(name)
        rows = rows[usable[rows]][: size.rows]
        return np.asarray(rows[self.held[rows]])

    def _passed(self, name: str, end: int, validation: Rows, shared: Mask) -> Counter[str]:
        """Why a set's rows before `end` were passed over, duplicates apart: each by its first
        reason."""
        first, _ = self._rows(name)
        rows = np.arange(first, end)
        allowed = self._allowed(name)[: len(rows)]
        counts: Counter[str] = Counter()
        of_split = self.split.gather(rows[~allowed]).value_counts().sort("split")
        for split, count in of_split.iter_rows():
            counts[f"split {split} is not used"] = count
        left = rows[allowed]
        leaks, held = self.leaks[left], self.held[left]
        counts[LEAK] = int(leaks.sum())
        counts[HELD_OUT] = int((held & ~leaks).sum()) - len(validation)
        counts[SHARED] = int((shared[left] & ~held & ~leaks).sum())
        return +counts


class _Seen:
    """The rows taken so far, and which of those after them repeat one."""

    def __init__(self, repeats: Repeats | None, drop: bool) -> None:
        self.drop = drop
        self.repeats: list[Repeat] = []
        self.dropped: list[Repeat] = []
        self._first = repeats.first if repeats else None
        self._taken: dict[int, int] = {}
        self._near: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
        if repeats:
            for a, b, similarity in repeats.near.iter_rows():
                self._near[a].append((b, similarity))
                self._near[b].append((a, similarity))

    def take(self, rows: Rows, size: int | None = None) -> Rows:
        """The first rows, up to `size`; those that repeat are noted, and passed over if dropped."""
        if self._first is None:
            return rows[:size]
        taken: list[int] = []
        for row, group in zip(rows.tolist(), self._first[rows].tolist(), strict=True):
            if len(taken) == size:
                break
            repeat = self._repeated(row, group)
            if repeat:
                self.repeats.append(repeat)
                if self.drop:
                    self.dropped.append(repeat)
                    continue
            taken.append(row)
            self._taken.setdefault(group, row)
        return np.array(taken, dtype=np.int64)

    def _repeated(self, row: int, group: int) -> Repeat | None:
        if group in self._taken:
            return Repeat(row, self._taken[group], EXACT, 1.0, self.drop)
        near: Iterable[tuple[int, float]] = self._near.get(group, ())
        known = [(other, similarity) for other, similarity in near if other in self._taken]
        if not known:
            return None
        other, similarity = max(known, key=lambda one: (one[1], -self._taken[one[0]]))
        return Repeat(row, self._taken[other], NEAR, similarity, self.drop)
