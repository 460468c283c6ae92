"""Choice that hangs on keys alone."""

from __future__ import annotations

import polars as pl
import pytest
from scipy.stats import chisquare

from builders.draw import Draw, hashed, ring

ROWS = pl.DataFrame({"key": [str(i) for i in range(1_000)], "kind": ["a", "b", "b", "b"] * 250})


def test_the_hash_is_xxh3_by_its_specification() -> None:
    """The value for an empty text and seed 0 stands in xxHash's specification."""
    assert pl.DataFrame({"a": [""]}).select(hashed(pl.col("a"))).item() == 0x2D06800538D394C2


def test_a_small_draw_begins_a_large_one_in_any_order() -> None:
    large = Draw(1, "s", 0, 500).first(ROWS, "key")
    small = Draw(1, "s", 0, 50).first(ROWS.sample(fraction=1, shuffle=True, seed=3), "key")
    assert small["key"].to_list() == large["key"].to_list()[:50]
    assert Draw(1, "s", 30, 20).first(ROWS, "key")["key"].to_list() == large["key"].to_list()[30:50]
    assert Draw(2, "s", 0, 50).first(ROWS, "key")["key"].to_list() != small["key"].to_list()
    assert Draw(1, "t", 0, 50).first(ROWS, "key")["key"].to_list() != small["key"].to_list()


def test_strata_take_turns_until_one_ends() -> None:
    drawn = Draw(0, "s", 0, 700).first(ROWS, "key", strata="kind")
    assert drawn.head(500)["kind"].value_counts().sort("kind")["count"].to_list() == [250, 250]
    assert set(drawn.tail(200)["kind"]) == {"b"}
    prefix = Draw(0, "s", 0, 90).first(ROWS, "key", strata="kind")
    assert prefix["key"].to_list() == drawn["key"].to_list()[:90]


def test_shares_weigh_strata() -> None:
    shared = ROWS.with_columns(
        pl.when(pl.col("kind") == "b").then(3.0).otherwise(1.0).alias("share")
    )
    drawn = Draw(0, "s", 0, 400).first(shared, "key", strata="kind", shares="share")
    assert drawn["kind"].value_counts().sort("kind")["count"].to_list() == [100, 300]


def _pool(size: int) -> pl.DataFrame:
    pool = pl.DataFrame({"item": range(size), "group": [i % 2 for i in range(size)]})
    return pool.with_columns(ring(pl.col("item")).alias("ring")).sort("ring")


def test_partners_are_of_the_group_and_spread_over_it() -> None:
    anchors = ROWS.select("key", pl.lit(0, dtype=pl.Int64).alias("group"))
    found = Draw(0, "s", 0, 0).partners(anchors, _pool(40), 3, ["group"], "p")
    assert len(found) == 3_000
    assert set(found["item"]) == set(range(0, 40, 2))


def test_a_new_row_takes_over_only_what_it_wins() -> None:
    anchors = ROWS.select("key", pl.lit(0, dtype=pl.Int64).alias("group"))
    draw = Draw(0, "s", 0, 0)
    before = draw.partners(anchors, _pool(200), 1, ["group"], "p")["item"].to_list()
    after = draw.partners(anchors, _pool(203), 1, ["group"], "p")["item"].to_list()
    changed = {new for old, new in zip(before, after, strict=True) if old != new}
    assert changed <= {200, 202}


def test_hashes_are_uniform() -> None:
    buckets = ROWS.select(Draw(0, "s", 0, 0).hash("x", pl.col("key")) % 10).to_series()
    assert chisquare(buckets.value_counts()["count"].to_numpy()).pvalue > 0.001


def test_an_empty_group_gives_no_partner() -> None:
    anchors = pl.DataFrame({"key": ["a"], "group": [7]})
    assert Draw(0, "s", 0, 0).partners(anchors, _pool(10), 3, ["group"], "p").is_empty()


def test_dropped_rows_are_counted() -> None:
    draw = Draw(0, "s", 0, 0)
    for count in (2, 0, 3):
        draw.drop("too short", count)
    assert draw.dropped == {"too short": 5}
    with pytest.raises(AttributeError):
        draw.seed = 1  # type: ignore[misc]
