"""Whether the right option of a multiple choice stands in every place equally often."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import polars as pl

#: A share this many standard errors from what is expected is no accident: of the few hundred
#: places of a mixture, one in a hundred mixtures has such a one by chance.
ERRORS = 4.0


@dataclass(frozen=True)
class Place:
    """How often an answer is right. share, expected: of the set's rows, 0 to 1. off: whether they
    differ by more than chance explains."""

    answer: str
    rows: int
    share: float
    expected: float
    off: bool


@dataclass(frozen=True)
class Balance:
    """The places of a set. scale: its options come in one order always (or are digits), so a place
    is a label, and its share is the label's."""

    set: str
    rows: int
    scale: bool
    places: tuple[Place, ...]

    @property
    def off(self) -> bool:
        """Whether a place that should be random is not."""
        return not self.scale and any(place.off for place in self.places)


def balances(rows: pl.LazyFrame) -> tuple[Balance, ...]:
    """The balance of every multiple-choice set; those that are off first."""
    options = pl.Struct({"options": pl.List(pl.String)})
    asked = rows.filter(pl.col("task_type") == "multiple-choice").select(
        "set",
        "truth",
        pl.col("fields").str.json_decode(options).struct.field("options").alias("options"),
    )
    places = asked.group_by("set", pl.col("options").list.len().alias("count"), "truth").len()
    orders = asked.group_by("set").agg(pl.col("options").hash().n_unique() == 1)
    counted, scales = pl.collect_all([places.sort("set", "count", "truth"), orders])
    scale = dict(scales.iter_rows())
    found = [
        _balance(str(name), of_set.rows(named=True), scale[name])
        for (name,), of_set in counted.group_by("set", maintain_order=True)
    ]
    return tuple(sorted(found, key=lambda one: (not one.off, one.scale, one.set)))


def _balance(name: str, counted: list[dict[str, Any]], scale: bool) -> Balance:
    """A question of n options expects each place once in n. Digits without options, such as stars,
    are expected equally often."""
    total = sum(row["len"] for row in counted)
    digits = sorted({row["truth"] for row in counted})
    rows: dict[str, int] = {}
    expected: dict[str, float] = {}
    for row in counted:
        rows[row["truth"]] = rows.get(row["truth"], 0) + row["len"]
        answers = digits if row["count"] is None else [str(i) for i in range(row["count"])]
        for answer in answers:
            expected[answer] = expected.get(answer, 0.0) + row["len"] / len(answers) / total
    places = []
    for answer in sorted(expected, key=int):
        share, due = rows.get(answer, 0) / total, expected[answer]
        error = math.sqrt(due * (1 - due) / total)
        off = abs(share - due) > ERRORS * error
        places.append(Place(answer, rows.get(answer, 0), share, due, off))
    return Balance(name, total, scale, tuple(places))
