"""Packs by counts of equal lengths are those of the textbook's best fit decreasing."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders.mixture.packing import pack


def best_fit_decreasing(lengths: list[int], tokens: int) -> int:
    """One at a time, by looking at every pack."""
    rooms: list[int] = []
    for length in sorted(lengths, reverse=True):
        fitting = [room for room in rooms if room >= length]
        if fitting:
            rooms.remove(min(fitting))
        rooms.append((min(fitting) if fitting else tokens) - length)
    return len(rooms)


@given(st.lists(st.integers(1, 40), max_size=120), st.integers(1, 40))
def test_as_many_packs_as_one_at_a_time(lengths: list[int], tokens: int) -> None:
    packs = pack(np.array(lengths, dtype=np.int64), tokens)
    fitting = [length for length in lengths if length <= tokens]
    assert packs.packs == best_fit_decreasing(fitting, tokens)
    assert packs.longer == len(lengths) - len(fitting)
    assert packs.efficiency * packs.packs * tokens == pytest.approx(sum(fitting))


def test_a_length_that_is_just_a_pack_fills_it() -> None:
    packs = pack(np.array([2_048, 2_049, 1_024, 1_024]), 2_048)
    assert (packs.packs, packs.efficiency, packs.longer) == (2, 1.0, 1)


def test_nothing_fits() -> None:
    packs = pack(np.array([9, 10]), 8)
    assert (packs.packs, packs.efficiency, packs.longer) == (0, 0.0, 2)


def test_half_a_million_samples_take_no_second() -> None:
    lengths = np.random.default_rng(0).lognormal(5.14, 0.7, 500_000).astype(np.int64) + 1
    start = time.process_time()
    packs = pack(lengths, 2_048)
    assert time.process_time() - start < 1
    assert packs.efficiency > 0.999
