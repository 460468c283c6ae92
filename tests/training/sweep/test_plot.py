from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from training.sweep.grid import Axis, Point, axes, points
from training.sweep.plot import decimals, plot

DOCS = Path(__file__).resolve().parents[3] / "docs"
SVG = "{http://www.w3.org/2000/svg}"
#: Of track 5 by the weight of v8, as the winners published them; at 0 the base alone.
PAPER = dict(
    zip(
        (0, 0.4, 0.5, 0.5625, 0.65, 0.7, 0.8, 1),
        (0.7486, 0.7817, 0.7848, 0.7866, 0.7855, 0.7855, 0.7837, 0.7793),
        strict=True,
    )
)


def drawn(tried: tuple[Axis, ...], scores: dict[Point, float]) -> ElementTree.Element:
    """The chart, which must be whole XML that loads nothing and runs nothing."""
    text = plot(tried, scores, max(scores, key=lambda point: scores[point]))
    assert not re.search(r"<script|href|@import|url\(", text)
    return ElementTree.fromstring(text)


def texts(chart: ElementTree.Element, kind: str) -> list[str]:
    """The texts of a class."""
    return [
        "".join(one.itertext())
        for one in chart.iter()
        if one.tag in (f"{SVG}text", f"{SVG}tspan") and kind in one.get("class", "").split()
    ]


def tooltips(chart: ElementTree.Element, tag: str) -> list[str]:
    return [str(one.findtext(f"{SVG}title")) for one in chart.iter(f"{SVG}{tag}") if len(one)]


def paper() -> tuple[tuple[Axis, ...], dict[Point, float]]:
    return axes(["runs/v8"], [",".join(map(str, PAPER))]), {(w,): s for w, s in PAPER.items()}


def test_the_picture_of_the_docs_is_drawn_so() -> None:
    tried, scores = paper()
    assert (DOCS / "sweep.svg").read_text("utf-8") == plot(tried, scores, (0.5625,))


def test_a_line_has_all_points_in_their_order() -> None:
    chart = drawn(*paper())
    told = tooltips(chart, "circle")
    assert told[0] == "runs/v8=0: 0.7486, the base"
    assert told[3] == "runs/v8=0.5625: 0.7866, the best"
    assert len(told) == len(PAPER)
    line = chart.find(f".//{SVG}polyline")
    assert line is not None
    xy = [tuple(map(float, pair.split(","))) for pair in line.get("points", "").split()]
    assert sorted(xy) == xy
    heights = [-y for _, y in xy]
    scores = list(PAPER.values())
    assert sorted(range(8), key=heights.__getitem__) == sorted(range(8), key=scores.__getitem__)


def test_scores_stand_beside_points_as_text_and_the_best_is_marked() -> None:
    chart = drawn(*paper())
    assert sorted(texts(chart, "label")) == sorted(f"{score:.4f}" for score in PAPER.values())
    assert texts(chart, "best") == ["best 0.7866", "0.7866"]
    assert [one.get("r") for one in chart.iter(f"{SVG}circle")].count("7") == 1
    assert "the base has 0.7486" in texts(chart, "soft")


def test_labels_cover_neither_each_other_nor_points() -> None:
    tried = axes(["v8"], ["0:1:0.01"])
    scores = {point: 57 - (point[0] - 0.555) ** 2 for point in points(tried)}
    chart = drawn(tried, scores)
    found = [one for one in chart.iter(f"{SVG}text") if "label" in one.get("class", "")]
    places = [(float(one.get("x", "")), float(one.get("y", ""))) for one in found]
    assert 5 < len(places) < len(scores)
    for i, (x, y) in enumerate(places):
        assert all(abs(x - x2) >= 50 or abs(y - y2) >= 12 for x2, y2 in places[:i])


def test_a_heat_map_has_a_number_in_each_cell() -> None:
    tried = axes(["runs/v8", "runs/v7=0.1", "runs/v9b"], ["0,0.5,1", "0,0.25"])
    scores = {point: 0.7 + point[0] / 10 - point[2] / 100 for point in points(tried)}
    chart = drawn(tried, scores)
    told = tooltips(chart, "rect")
    assert told[0] == "runs/v8=0, runs/v9b=0: 0.7000"  # with v7 at 0.1 it is not the base
    assert told[4] == "runs/v8=1, runs/v9b=0: 0.8000, the best"
    assert len(told) == 6
    assert set(texts(chart, "middle")) >= {f"{score:.4f}" for score in scores.values()}
    shades = [float(one.get("fill-opacity", 0)) for one in chart.iter(f"{SVG}rect") if len(one)]
    assert max(shades) == shades[4] < 0.6
    assert min(shades) == shades[1] == 0
    cells = list(chart.iter(f"{SVG}rect"))
    frame = next(one for one in cells if one.get("class") == "frame")
    cell = next(one for one in cells if "best" in (one.findtext(f"{SVG}title") or ""))
    assert (frame.get("x"), frame.get("y")) == (cell.get("x"), cell.get("y"))
    assert "all with runs/v7=0.1" in texts(chart, "soft")


def test_the_base_of_a_heat_map_is_marked() -> None:
    tried = axes(["v8", "v9b"], ["0,1", "0,1"])
    chart = drawn(tried, {point: sum(point) for point in points(tried)})
    assert "base" in texts(chart, "small")


@pytest.mark.parametrize("score", [0.0, 0.5, -3.0, 1e6])
@pytest.mark.parametrize("alphas", ["0.5", "0,1"])
def test_equal_scores_and_a_single_point(score: float, alphas: str) -> None:
    tried = axes(["v8"], [alphas])
    chart = drawn(tried, dict.fromkeys(points(tried), score))
    assert len(tooltips(chart, "circle")) == len(tried[0].weights)


def test_names_are_no_mark_up() -> None:
    tried = axes(["<b>&"], ["0,1"])
    chart = drawn(tried, {(0.0,): 0.1, (1.0,): 0.2})
    assert "weight of <b>& →" in ["".join(one.itertext()) for one in chart.iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("scores", "digits"), [([0.7866, 0], 4), ([57.31], 2), ([-3.0], 3), ([12345.0], 0), ([1], 4)]
)
def test_four_digits_are_shown(scores: list[float], digits: int) -> None:
    assert decimals(scores) == digits
