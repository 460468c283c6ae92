"""Shortcuts: measured right, and none opened unseen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from builders.shortcuts import GUESSERS, MARGIN, MEASURED, measure
from tests.builders.test_samples import THIN
from tests.conftest import SETS
from tests.golden.files import HERE, shortcuts, wordings


def _samples(
    questions: list[tuple[str, list[str], Any]], task_type: str, metric: str
) -> pl.DataFrame:
    return pl.DataFrame({
        "task_type": [task_type] * len(questions), "metric": [metric] * len(questions),
        "truth": [json.dumps(truth) for _, _, truth in questions],
        "fields": [json.dumps({"query": asked, "options": shown}) for asked, shown, _ in questions],
    })  # fmt: skip


def test_each_guesser_finds_its_own_shortcut() -> None:
    names = ["red cup", "blue plate", "green bowl", "steel spoon"]
    questions = [
        (f"a {names[i % 4]}", [f"{name}{' set' * (name == names[i % 4])}" for name in names], i % 4)
        for i in range(400)
    ]
    found = measure(_samples(questions, "multiple-choice", "accuracy"))
    assert found["chance"] == 0.25
    assert found["first"] == 0.25
    assert found["overlap"] == 1
    assert found["options_only"] == 1  # "set" gives it away


def test_chance_of_ranking_and_retrieval_is_exact() -> None:
    one = measure(_samples([("q", ["a", "b"], [1.0, 0.0])] * 4, "ranking", "ndcg"))
    assert one["chance"] == pytest.approx((1 + 0.6309) / 2, abs=1e-4)
    three = measure(_samples([("q", list("abcdefghij"), [2])] * 4, "retrieval", "hit rate@3"))
    assert three["chance"] == pytest.approx(0.3)


def test_no_options_no_shortcuts() -> None:
    text = _samples([("q", [], "text")], "generation", "bleu")
    assert measure(text.with_columns(fields=pl.lit('{"query":"q"}'))) == {}


def test_the_demo_s_samples_and_shortcuts_are_the_golden_ones(demo: Path) -> None:
    """A change of wording or a shortcut that opens shows in review: `python -m tests.golden`."""
    assert wordings(demo) == (HERE / "samples.txt").read_text("utf-8")
    assert json.loads(shortcuts(demo)) == json.loads((HERE / "shortcuts.json").read_text("utf-8"))


@pytest.mark.parametrize("made", SETS.values(), ids=SETS)
def test_a_shortcut_in_real_rows_has_its_reason(made: Any, real: Path) -> None:
    """Position tells nothing; length, words and looks only where the set says why they must."""
    told = json.loads((real / f"{made.name}.json").read_text("utf-8"))
    found, asked = told["shortcuts"], min(told["made"], MEASURED)
    measured = made.options and asked > 0
    assert bool(found) == measured
    assert asked >= 30 or made.name in THIN or made.labels
    for guesser in GUESSERS if measured else ():
        noise = 2 * (0.25 / asked) ** 0.5  # two deviations at most
        above = found[guesser] - found["chance"]
        if guesser == "first":
            assert above < MARGIN + noise, guesser
        elif above >= MARGIN + noise:
            assert made.guessable, guesser
