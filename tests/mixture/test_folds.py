"""Folds: decided by keys alone, and nothing of the validation split stands in training."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from builders.mixture.folds import hash_keys

KEYS = st.lists(
    st.lists(st.integers(0, 60).map("product:{}".format), min_size=1, max_size=6, unique=True),
    min_size=1,
    max_size=60,
)


def column(keys: list[list[str]]) -> pl.Series:
    return pl.Series("keys", keys, dtype=pl.List(pl.String))


@given(KEYS)
def test_what_touches_a_held_out_key_is_found(keys: list[list[str]]) -> None:
    hashed = hash_keys(column(keys))
    held = np.flatnonzero(hashed.folds(5) == 0)
    touching = hashed.touching(hashed.of(held))
    blocked = {key for row in held for key in keys[row]}
    assert touching.tolist() == [bool(blocked & set(own)) for own in keys]


@given(KEYS, st.randoms())
def test_a_fold_hangs_on_the_keys_alone(keys: list[list[str]], random: object) -> None:
    """Neither the order of keys, nor the rows around, nor how often a key stands there matters."""
    folds = hash_keys(column(keys)).folds(7).tolist()
    for own, fold in zip(keys, folds, strict=True):
        assert hash_keys(column([[*reversed(own), own[0]]])).folds(7).tolist() == [fold]


def test_about_one_in_so_many_is_held_out_however_many_keys_there_are() -> None:
    for each in (1, 12):
        keys = [[f"query:{i}", *(f"product:{i}-{n}" for n in range(each))] for i in range(40_000)]
        folds = hash_keys(column(keys)).folds(400)
        assert 70 < (folds == 0).sum() < 130  # 100 on average, its deviation is 10


def test_folds_never_change() -> None:
    """Models trained on one version are evaluated on another's validation split."""
    keys = column([["query:red shoes", "product:B01"], ["product:B02"], ["instruction:7"]])
    assert hash_keys(keys).folds(400).tolist() == [90, 332, 133]
