"""The rows of the smallest hashes are the same for any order and any batches of a stream."""

from __future__ import annotations

from collections import Counter
from random import Random

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from builders.amazon_reviews.smallest import Smallest

HASHES = st.lists(
    st.integers(0, 9) | st.sampled_from([2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1]), max_size=40
)


def batches(hashes: list[int], order: int) -> list[pl.DataFrame]:
    """The rows in some order, in batches of some sizes."""
    chance = Random(order)
    rows = chance.sample(list(enumerate(hashes)), len(hashes))
    schema = {"row": pl.Int64, "hash": pl.UInt64}
    found: list[pl.DataFrame] = []
    start = 0
    while start < len(rows) or not found:
        end = start + chance.randint(0, 8)
        found.append(pl.DataFrame(rows[start:end], schema, orient="row"))
        start = end
    return found


@given(HASHES, st.integers(1, 12), st.integers(0), st.integers(0))
def test_any_order_and_any_batches_keep_the_same(
    hashes: list[int], most: int, one: int, other: int
) -> None:
    kept, group = [], max(Counter(hashes).values(), default=0)
    for order in (one, other):
        smallest = Smallest(most)
        for batch in batches(hashes, order):
            smallest.add(batch)
            assert sum(map(len, smallest._kept)) <= max(2 * most, group)
        kept.append(smallest.rows())
        assert smallest.whole == (len(kept[-1]) == len(hashes))
        assert kept[-1]["hash"].is_sorted()
    assert kept[0].sort("row").equals(kept[1].sort("row"))
    assert sorted(kept[0]["hash"]) == expected(hashes, most)


def expected(hashes: list[int], most: int) -> list[int]:
    """Groups of equal hashes, the smallest first, as long as they fit; one at least."""
    found: list[int] = []
    for value, count in sorted(Counter(hashes).items()):
        if found and len(found) + count > most:
            break
        found += [value] * count
    return found


def test_what_is_not_wanted_is_not_kept() -> None:
    smallest = Smallest(0)
    smallest.add(pl.DataFrame({"hash": [1, 2]}, {"hash": pl.UInt64}))
    assert smallest.rows().is_empty()
