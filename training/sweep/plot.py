"""The scores of a sweep as a chart: an SVG with its numbers as text, for light and dark ground."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from training.sweep.grid import Axis, Point, named, shown

#: Pixels around the plane of a chart.
LEFT, TOP, RIGHT, BOTTOM = 76, 122, 28, 62
#: Pixels of a line chart's plane, and from its edges to the first and last point.
WIDTH, HEIGHT, INSET = 640, 280, 34
#: Pixels of a cell of a heat map, of a score beside a point, and of a character.
CELL_WIDTH, CELL_HEIGHT = 68, 40
LABEL_WIDTH, LABEL_HEIGHT = 52, 18
CHARACTER = 7
#: Pixels down from a point to its score, where it may stand.
ABOVE, BELOW = -13, 22
#: The strongest shade of a cell: its number can still be read on it.
SHADE = 0.55
#: Ticks of an axis, about.
TICKS = 6


@dataclass(frozen=True)
class Tick:
    """A number beside an axis, and its pixel."""

    at: float
    text: str


@dataclass(frozen=True)
class Chart:
    """A plane of so many pixels, and where things are: points by their middles.

    labels: pixels down from a point to its score, for those points where there is room for it.
    """

    kind: str
    width: int
    height: int
    places: Mapping[Point, tuple[float, float]]
    labels: Mapping[Point, int]
    across: tuple[Tick, ...]
    down: tuple[Tick, ...]


@dataclass(frozen=True)
class Mark:
    """A point of a chart as it is drawn. shade: of a cell. label: as in `Chart`."""

    x: float
    y: float
    weights: str
    score: str
    best: bool
    base: bool
    shade: float
    label: int | None


def plot(tried: Sequence[Axis], scores: Mapping[Point, float], best: Point) -> str:
    """The SVG of a grid over one adapter or two; scores: those of all its points."""
    free = [axis for axis in tried if not axis.fixed]
    fixed = [f"{axis.adapter}={shown(axis.weights[0])}" for axis in tried if axis.fixed]
    by_free = {_free(tried, point): score for point, score in scores.items()}
    chart = (_line if len(free) == 1 else _heat)(free, by_free, _free(tried, best))
    base = next((_free(tried, point) for point in scores if not any(point)), None)
    marks = _marks(free, chart, by_free, _free(tried, best), base)
    head = next(mark for mark in marks if mark.best)
    notes = [f"the base has {mark.score}" for mark in marks if mark.base]
    notes += [f"all with {', '.join(fixed)}"] if fixed else []
    longest = max(len(head.weights) + 20, *(len(axis.adapter) + 16 for axis in free))
    template = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("plot.svg.j2")
    return template.render(
        chart=chart,
        marks=marks,
        best=head,
        names=[axis.adapter for axis in free],
        note="; ".join(notes),
        left=LEFT,
        top=TOP,
        right=LEFT + chart.width,
        bottom=TOP + chart.height,
        width=max(LEFT + chart.width + RIGHT, CHARACTER * max(longest, len("; ".join(notes)))),
        height=TOP + chart.height + BOTTOM,
        cell_width=CELL_WIDTH,
        cell_height=CELL_HEIGHT,
    )


def _free(tried: Sequence[Axis], point: Point) -> Point:
    """A point without the weights that are fixed."""
    return tuple(w for axis, w in zip(tried, point, strict=True) if not axis.fixed)


def _line(free: Sequence[Axis], scores: Mapping[Point, float], best: Point) -> Chart:
    left, right = _range(free[0].weights, margin=0.0)
    low, high = _range(scores.values(), margin=0.15)

    def across(weight: float) -> float:
        return LEFT + INSET + (WIDTH - 2 * INSET) * (weight - left) / (right - left)

    def down(score: float) -> float:
        return TOP + HEIGHT * (high - score) / (high - low)

    places = {point: (across(point[0]), down(score)) for point, score in scores.items()}
    return Chart(
        "line",
        WIDTH,
        HEIGHT,
        places,
        _labels(places, best),
        tuple(Tick(across(at), text) for at, text in _ticks(left, right)),
        tuple(Tick(down(at), text) for at, text in _ticks(low, high)),
    )


def _heat(free: Sequence[Axis], scores: Mapping[Point, float], best: Point) -> Chart:
    columns, rows = (axis.weights for axis in free)
    across = {weight: LEFT + CELL_WIDTH * (i + 0.5) for i, weight in enumerate(columns)}
    down = {weight: TOP + CELL_HEIGHT * (i + 0.5) for i, weight in enumerate(reversed(rows))}
    return Chart(
        "heat",
        CELL_WIDTH * len(columns),
        CELL_HEIGHT * len(rows),
        {point: (across[point[0]], down[point[1]]) for point in scores},
        dict.fromkeys(scores, 5),
        tuple(Tick(at, shown(weight)) for weight, at in across.items()),
        tuple(Tick(at, shown(weight)) for weight, at in down.items()),
    )


def _marks(
    free: Sequence[Axis],
    chart: Chart,
    scores: Mapping[Point, float],
    best: Point,
    base: Point | None,
) -> list[Mark]:
    low, high = min(scores.values()), max(scores.values())
    digits = decimals(scores.values())
    return [
        Mark(
            *chart.places[point],
            weights=named(free, point),
            score=f"{score:.{digits}f}",
            best=point == best,
            base=point == base,
            shade=SHADE * (score - low) / (high - low) if high > low else 0.0,
            label=chart.labels.get(point),
        )
        for point, score in scores.items()
    ]


def _labels(places: Mapping[Point, tuple[float, float]], best: Point) -> dict[Point, int]:
    """Where scores stand that cover neither each other nor a point; the optimum's always does."""
    found: dict[Point, int] = {}
    taken: list[tuple[float, float]] = []
    for point in [best, *(one for one in places if one != best)]:
        x, y = places[point]
        for label in (ABOVE, BELOW):
            middle = y + label - 4
            covers = any(
                abs(x - other) < LABEL_WIDTH and abs(middle - at) < LABEL_HEIGHT
                for other, at in taken
            ) or any(
                abs(x - other) < LABEL_WIDTH / 2 and abs(middle - at) < LABEL_HEIGHT / 2
                for other, at in places.values()
            )
            if point == best or not covers:
                found[point] = label
                taken.append((x, middle))
                break
    return found


def decimals(scores: Iterable[float]) -> int:
    """Digits after the point that show four of the largest score: 0.7866, 57.31."""
    largest = max(map(abs, scores))
    return 4 if largest <= 1 else max(0, 3 - math.floor(math.log10(largest)))


def _range(values: Iterable[float], margin: float) -> tuple[float, float]:
    """From the least to the largest, and a margin; around a single value, some room."""
    found = list(values)
    low, high = min(found), max(found)
    room = margin * (high - low) if high > low else abs(high) / 10 or 0.5
    return low - room, high + room


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Round numbers between two others, a few, with as many decimals as they need."""
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(one for one in (1, 2, 5, 10) if one * power >= rough) * power
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(i * step, f"{i * step:.{digits}f}") for i in range(first, last + 1)]
