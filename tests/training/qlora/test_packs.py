"""Lengths out of a histogram are as many, in the same bins."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from builders.mixture.lengths import BIN
from tests.training.qlora.told import lengths
from training.qlora.packs import spread


@given(st.dictionaries(st.integers(1, 50).map(lambda n: n * BIN), st.integers(1, 300), min_size=1))
def test_each_bin_keeps_its_rows(histogram: dict[int, int]) -> None:
    found = spread(lengths(histogram))
    assert found.min() > 0
    ends, rows = np.unique(-(-found // BIN) * BIN, return_counts=True)
    assert dict(zip(ends.tolist(), rows.tolist(), strict=True)) == histogram


def test_a_bin_is_filled_evenly() -> None:
    found = spread(lengths({BIN: 2 * BIN, 3 * BIN: 2}))
    assert found[: 2 * BIN].tolist() == [n for n in range(1, BIN + 1) for _ in "ab"]
    assert found[2 * BIN :].tolist() == [2 * BIN + 1, 2 * BIN + BIN // 2 + 1]
