"""The figures of a report are those of the rows."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from builders.mixture.manifest import read
from builders.report import answers, composition, lengths
from builders.report.shards import scan
from builders.sample import SCHEMA
from tests.report.made import mixture, question, ranking, talk, text


def _frame(*rows: dict[str, object]) -> pl.LazyFrame:
    return pl.LazyFrame(list(rows), SCHEMA)


def _choice(number: int, place: int, options: list[str]) -> dict[str, object]:
    return question(number, truth=str(place), fields=json.dumps({"options": options}))


def test_composition_counts_both_splits(made: Path) -> None:
    found = composition.composition(read(made))
    assert [(bar.label, bar.rows) for bar in found["Source"]] == [("esci", 143), ("amazon_m2", 1)]
    assert {bar.label: bar.rows for bar in found["Language"]} == {"en": 136, "es": 8}
    assert {bar.label: bar.rows for bar in found["Generator"]} == {
        "none": 143,
        "openai:gpt-4.1-mini": 1,
    }
    for bars in found.values():
        assert sum(bar.share for bar in bars) == pytest.approx(1)
        assert bars[0].width == 1
        assert all(bar.width == bar.rows / bars[0].rows for bar in bars)


def test_what_is_lost_by_source_is_not_counted_once_for_every_set(made: Path) -> None:
    (esci,) = composition.lost_rows(read(made))
    assert {bar.label: bar.rows for bar in esci.reasons} == {"judged twice": 5, "no title": 1}
    assert esci.rows == 6
    assert esci.used == 143


def test_what_is_lost_by_set(made: Path) -> None:
    manifest = read(made)
    (refused,) = composition.rejected(manifest)
    assert (refused.name, refused.rows, refused.used) == ("esci.product_for_query", 15, 135)
    assert [bar.rows for bar in refused.reasons] == [12, 3]
    (passed,) = composition.left_out(manifest)
    assert [(bar.label, bar.rows) for bar in passed.reasons] == [("near duplicate", 2)]


def test_guessers_are_flagged_from_the_margin_on(made: Path) -> None:
    query, rank = composition.guessed(read(made))  # the unexplained one comes first
    assert (query.set, query.reason) == ("esci.product_for_query", None)
    assert [(one.guesser, one.flagged) for one in query.guesses] == [
        ("first", False),
        ("longest", True),  # 0.33 - 0.25 is the margin
        ("age", True),
    ]
    assert rank.reason == "the words tell"
    assert [one.flagged for one in rank.guesses] == [False, True]


def test_a_place_is_expected_as_often_as_questions_have_it() -> None:
    rows = [_choice(i, i % 2, [f"{i}a", f"{i}b"]) for i in range(10)]
    rows += [_choice(i, i % 4, [f"{i}{letter}" for letter in "abcd"]) for i in range(10, 30)]
    (balance,) = answers.balances(_frame(*rows))
    assert balance.rows == 30
    expected = [(10 / 2 + 20 / 4) / 30] * 2 + [20 / 4 / 30] * 2
    assert [place.expected for place in balance.places] == pytest.approx(expected)
    assert [place.rows for place in balance.places] == [10, 10, 5, 5]
    assert sum(place.share for place in balance.places) == pytest.approx(1)
    assert not balance.off
    assert not balance.scale


def test_places_out_of_balance_are_flagged_and_come_first() -> None:
    even = [_choice(i, i % 4, [f"{i}{letter}" for letter in "abcd"]) for i in range(400)]
    skewed = [
        {**_choice(i, 0 if i % 2 else i % 4, [f"{i}{letter}" for letter in "abcd"]), "set": "z.z"}
        for i in range(400)
    ]
    first, second = answers.balances(_frame(*even, *skewed))
    assert (first.set, first.off, second.off) == ("z.z", True, False)
    assert [place.answer for place in first.places if place.off] == ["0", "1", "3"]
    assert [place.answer for place in first.places] == ["0", "1", "2", "3"]
    assert first.places[3].rows == 0  # a place that is never right counts too


def test_labels_in_one_order_are_a_scale() -> None:
    labels = [_choice(i, 1, ["no", "yes"]) for i in range(200)]
    stars = [
        {**question(i), "set": "a.stars", "truth": str(i % 5 + 1), "fields": '{"text":"good"}'}
        for i in range(50)
    ]
    found = {one.set: one for one in answers.balances(_frame(*labels, *stars))}
    assert found["esci.product_for_query"].scale
    assert not found["esci.product_for_query"].off
    assert found["a.stars"].scale
    assert [place.expected for place in found["a.stars"].places] == [0.2] * 5


def test_without_multiple_choice_there_is_no_balance() -> None:
    assert answers.balances(_frame(ranking(1), text(2, "A lamp."))) == ()


def test_gaps_of_a_histogram_are_empty_bins() -> None:
    bins = lengths.binned({64: 4, 128: 8, 320: 2})
    assert [(one.low, one.high, one.rows) for one in bins] == [
        (0, 64, 4),
        (64, 128, 8),
        (128, 192, 0),
        (192, 256, 0),
        (256, 320, 2),
    ]
    assert [one.height for one in bins] == [0.5, 1.0, 0.0, 0.0, 0.25]


def test_bins_of_other_widths_stay_as_they_are() -> None:
    assert [(one.low, one.high) for one in lengths.binned({64: 1, 100: 1})] == [(0, 64), (64, 100)]


def test_prompts_are_counted_by_type_in_characters() -> None:
    def long(chars: int) -> dict[str, object]:
        return question(chars, messages=talk("multiple-choice", "x" * chars, "0"))

    many, few = lengths.prompts(_frame(long(10), long(199), long(200), long(9_999), ranking(1)))
    assert (many.title, few.title) == ("multiple-choice", "ranking")
    counts = {one.low: one.rows for one in many.bins if one.rows}
    assert counts == {0: 2, 200: 1, lengths.WIDTH * (lengths.BINS - 1): 1}
    assert (many.rows, many.longest, many.median) == (4, 9_999, 199)
    assert [one.high for one in many.bins] == [one.high for one in few.bins]  # to be compared


def test_all_shards_of_both_splits_are_read(tmp_path: Path) -> None:
    folder = mixture(tmp_path / "m", [[question(1)], [question(2)]], [question(3)])
    rows = scan(folder, read(folder)).select("id", "part").collect()
    assert [int(one, 16) for one in rows["id"]] == [1, 2, 3]
    assert rows["part"].to_list() == ["train", "train", "validation"]
