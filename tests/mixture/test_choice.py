"""The draw against one that is written as `docs/mixtures.md` reads, row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders.mixture.choice import Candidates, Choice, Rows
from builders.mixture.duplicates import Repeats
from builders.mixture.folds import hash_keys
from builders.mixture.recipe import Recipe

SETS = ("esci.a", "alpaca.b", "esci.c")
SPLITS = {"esci": ("train",), "alpaca": ("train", "dev")}


class Row(NamedTuple):
    """A sample. asks: what it asks; the same number is an exact duplicate, a pair of `NEAR` near.
    leak: whether it is a question of a benchmark."""

    split: str
    keys: tuple[str, ...]
    asks: int
    leak: bool


#: What is near, and how much: no order can be read off the numbers.
NEAR = {(0, 1): 0.9, (1, 2): 0.8, (0, 3): 0.8, (2, 5): 0.9, (4, 9): 0.85}
Pools = Mapping[str, Sequence[Row]]
ROWS = st.builds(
    Row,
    st.sampled_from(["train", "train", "train", "dev"]),
    st.lists(st.integers(0, 25).map("query:{}".format), min_size=1, max_size=3).map(tuple),
    st.integers(0, 14),
    st.sampled_from([False, False, False, False, True]),
)
POOLS = st.fixed_dictionaries({name: st.lists(ROWS, max_size=14) for name in SETS})
SIZES = st.fixed_dictionaries({name: st.integers(1, 10) for name in SETS})
MODES = st.sampled_from(["report", "drop"])


def recipe(sizes: Mapping[str, int], mode: str) -> Recipe:
    told: dict[str, Any] = {
        "name": "any", "seed": 0, "base_model": "some/model", "duplicates": mode, "folds": 4,
        "splits": SPLITS, "benchmarks": (), "sets": sizes,
    }  # fmt: skip
    return Recipe.model_validate(told)


def chosen(pools: Pools, sizes: Mapping[str, int], mode: str, looked: bool = True) -> Choice:
    """What `Candidates` chooses; looked: leaks and duplicates are known."""
    rows = [(name, row) for name in sizes for row in pools[name]]
    told = {
        "set": [name for name, _ in rows],
        "split": [row.split for _, row in rows],
        "keys": [row.keys for _, row in rows],
    }
    table = pl.DataFrame(
        told, {"set": pl.String(), "split": pl.String(), "keys": pl.List(pl.String)}
    )
    candidates = Candidates(recipe(sizes, mode), table)
    if looked:
        candidates.leaks[:] = [row.leak for _, row in rows]
        candidates.repeats = repeats([row.asks for _, row in rows])
    return candidates.choose()


def repeats(asks: Sequence[int]) -> Repeats:
    """What the search for duplicates says of rows that ask this."""
    first = {one: asks.index(one) for one in asks}
    pairs = sorted(
        (*sorted((first[a], first[b])), similarity)
        for (a, b), similarity in NEAR.items()
        if a in first and b in first
    )
    schema = {"a": pl.UInt32, "b": pl.UInt32, "similarity": pl.Float32}
    near = pl.DataFrame(pairs, schema, orient="row")
    return Repeats(np.array([first[one] for one in asks], np.int64), near)


class Drawn(NamedTuple):
    """A draw by places in each pool. repeats: (set, place, similarity) of rows that repeat one."""

    train: dict[str, list[int]]
    validation: dict[str, list[int]]
    left_out: dict[str, dict[str, int]]
    repeats: list[tuple[str, int, float]]


def held_out(row: Row) -> bool:
    """It follows the key of the smallest hash, and if that lies in fold 0 it is held out."""
    hashes = hash_keys(pl.Series("keys", [[key] for key in row.keys])).hashes
    return int(min(hashes)) % 4 == 0


def likeness(a: Row, b: Row) -> float:
    """How much two rows ask the same: 1 for exact duplicates, 0 for what is not even near."""
    if a.asks == b.asks:
        return 1.0
    return NEAR.get((min(a.asks, b.asks), max(a.asks, b.asks)), 0.0)


def kind_of(similarity: float) -> str:
    return "exact" if similarity == 1 else "near"


def plainly(pools: Pools, sizes: Mapping[str, int], mode: str) -> Drawn:
    """Row by row, as the documentation says it."""
    drawn = Drawn({}, {}, {}, [])
    before: list[Row] = []

    def repeated(name: str, at: int) -> float:
        """How much a row that is to go repeats one that was taken before; 0 where it may stay."""
        most = max((likeness(pools[name][at], other) for other in before), default=0.0)
        if most:
            drawn.repeats.append((name, at, most))
        return most if mode == "drop" else 0.0

    blocked: set[str] = set()
    for name, size in sizes.items():
        drawn.validation[name] = []
        used = SPLITS[name.partition(".")[0]]
        usable = [i for i, row in enumerate(pools[name]) if row.split in used and not row.leak]
        for at in usable[:size]:
            if held_out(pools[name][at]):
                drawn.validation[name] += [] if repeated(name, at) else [at]
                before += [pools[name][one] for one in drawn.validation[name] if one == at]
                # a duplicate that is dropped keeps its keys out of training too
                blocked |= set(pools[name][at].keys)
    for name, size in sizes.items():
        drawn.train[name], why = [], Counter[str]()
        for at, row in enumerate(pools[name]):
            if len(drawn.train[name]) == size:
                break
            if row.split not in SPLITS[name.partition(".")[0]]:
                why[f"split {row.split} is not used"] += 1
            elif row.leak:
                why["question of a benchmark"] += 1
            elif held_out(row):
                why["in the validation fold"] += at not in drawn.validation[name]
            elif blocked & set(row.keys):
                why["shares a key with validation"] += 1
            elif similarity := repeated(name, at):
                why[f"{kind_of(similarity)} duplicate"] += 1
            else:
                drawn.train[name].append(at)
                before.append(row)
        drawn.left_out[name] = dict(+why)
    return drawn


def placed(choice: Choice, pools: Pools, sizes: Mapping[str, int]) -> Drawn:
    """A choice by places in each pool, as the plain draw tells it."""
    where = [(name, at) for name in sizes for at in range(len(pools[name]))]
    train, validation = (
        {name: [where[row][1] for row in rows] for name, rows in split.items()}
        for split in (choice.train, choice.validation)
    )
    left_out = {name: dict(why) for name, why in choice.left_out.items()}
    repeated = [(*where[one.row], round(one.similarity, 3)) for one in choice.repeats]
    return Drawn(train, validation, left_out, repeated)


@given(POOLS, SIZES, MODES)
def test_it_draws_what_the_documentation_says(
    pools: Pools, sizes: Mapping[str, int], mode: str
) -> None:
    choice = chosen(pools, sizes, mode)
    plain = plainly(pools, sizes, mode)
    assert placed(choice, pools, sizes) == plain
    missing = {name: size - len(plain.train[name]) for name, size in sizes.items()}
    assert choice.short == {name: count for name, count in missing.items() if count}


@given(POOLS, SIZES, MODES)
def test_every_row_up_to_the_last_taken_has_one_place(
    pools: Pools, sizes: Mapping[str, int], mode: str
) -> None:
    """It is taken or left out for one reason; validation rows lie before the last one as well."""
    drawn = placed(chosen(pools, sizes, mode), pools, sizes)
    for name, size in sizes.items():
        train, validation = drawn.train[name], drawn.validation[name]
        end = train[-1] + 1 if len(train) == size else len(pools[name])
        assert len(train) + len(validation) + sum(drawn.left_out[name].values()) == end
        assert not set(train) & set(validation)
        assert all(at < end for at in validation)


@given(POOLS, SIZES, MODES)
def test_a_duplicate_is_told_with_the_row_that_it_repeats(
    pools: Pools, sizes: Mapping[str, int], mode: str
) -> None:
    choice = chosen(pools, sizes, mode)
    rows = [row for name in sizes for row in pools[name]]
    taken = {row for split in (choice.train, choice.validation) for row in _all(split)}
    for one in choice.repeats:
        assert one.dropped == (mode == "drop")
        assert (one.row in taken) != one.dropped
        assert one.other in taken - {one.row}
        assert one.similarity == pytest.approx(likeness(rows[one.row], rows[one.other]))
        assert one.kind == kind_of(one.similarity)


def _all(split: Mapping[str, Rows]) -> list[int]:
    return [row for rows in split.values() for row in rows.tolist()]


@given(POOLS, SIZES, MODES, st.lists(st.tuples(st.sampled_from(SETS), ROWS), max_size=12))
def test_rows_beyond_the_last_taken_never_matter(
    pools: Pools, sizes: Mapping[str, int], mode: str, more: Sequence[tuple[str, Row]]
) -> None:
    """Pools that are cut there, or have other rows beyond, give the same draw."""
    drawn = placed(chosen(pools, sizes, mode), pools, sizes)
    full = {name for name, size in sizes.items() if len(drawn.train[name]) == size}
    cut = {
        name: rows[: drawn.train[name][-1] + 1] if name in full else rows
        for name, rows in pools.items()
    }
    assert placed(chosen(cut, sizes, mode), cut, sizes) == drawn
    extended = {
        name: [*rows, *(row for one, row in more if one == name and name in full)]
        for name, rows in cut.items()
    }
    assert placed(chosen(extended, sizes, mode), extended, sizes) == drawn


@given(POOLS, SIZES, MODES)
def test_nothing_of_validation_stands_in_training(
    pools: Pools, sizes: Mapping[str, int], mode: str
) -> None:
    choice = chosen(pools, sizes, mode)
    rows = [row for name in sizes for row in pools[name]]
    train, validation = (
        {key for row in _all(split) for key in rows[row].keys}
        for split in (choice.train, choice.validation)
    )
    assert not train & validation


@given(POOLS, SIZES, MODES)
def test_the_quick_look_knows_neither_leaks_nor_duplicates(
    pools: Pools, sizes: Mapping[str, int], mode: str
) -> None:
    plain = {
        name: [row._replace(leak=False, asks=100 * n + i) for i, row in enumerate(pools[name])]
        for n, name in enumerate(SETS, 1)
    }
    quick = chosen(pools, sizes, mode, looked=False)
    assert placed(quick, pools, sizes) == placed(chosen(plain, sizes, mode), plain, sizes)


def test_pools_without_a_row_are_short_by_their_size() -> None:
    choice = chosen(dict.fromkeys(SETS, ()), {"esci.a": 3, "alpaca.b": 2}, "drop")
    assert choice.short == {"esci.a": 3, "alpaca.b": 2}
    assert not any(len(rows) for rows in (*choice.train.values(), *choice.validation.values()))
