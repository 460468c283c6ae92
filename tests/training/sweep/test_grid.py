from __future__ import annotations

import pytest

from builders.errors import ShopmixError
from training.sweep.grid import Axis, axes, named, points, shown, weights


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.5", (0.5,)),
        ("1, 0.4,0.5625", (0.4, 0.5625, 1)),
        ("0:1:0.25", (0, 0.25, 0.5, 0.75, 1)),
        ("0:1:0.1", (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)),  # no 0.30000000000000004
        ("0:1:0.4", (0, 0.4, 0.8)),
        ("0.5:0.5:1", (0.5,)),
        ("-0.5:0.5:0.5,0,5e-1", (-0.5, 0, 0.5)),
        ("-0", (0,)),
    ],
)
def test_weights(text: str, expected: tuple[float, ...]) -> None:
    assert weights(text) == expected
    assert "-0.0" not in map(str, weights(text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' is not a number"),
        ("0.4,,1", "'' is not a number"),
        ("0.4;1", "'0.4;1' is not a number"),
        ("nan", "'nan' is not a number"),
        ("inf", "'inf' is not a number"),
        ("snan", "'snan' is not a number"),
        ("1e999", "'1e999' is not a number"),
        ("0:1", "0:1 is no range"),
        ("1:0:0.1", "1:0:0.1 is no range"),
        ("0:1:0", "0:1:0 is no range"),
        ("0:1:-0.1", "is no range"),
        ("0:1:1e-9", "more than 1,000 weights"),
        ("0:1e30:1e-30", "more than 1,000 weights"),
    ],
)
def test_what_is_no_list_of_weights(text: str, said: str) -> None:
    with pytest.raises(ShopmixError, match=said):
        weights(text)


def test_the_nth_alphas_are_of_the_nth_adapter_without_a_weight() -> None:
    made = axes(["runs/v8", "runs/v7=0.1", "runs/v9b"], ["0.4,1", "0"])
    assert made == (
        Axis("runs/v8", (0.4, 1)),
        Axis("runs/v7", (0.1,), fixed=True),
        Axis("runs/v9b", (0,)),
    )
    assert list(points(made)) == [(0.4, 0.1, 0), (1, 0.1, 0)]
    assert named(made, (1.0, 0.1, 0.0)) == "runs/v8=1, runs/v7=0.1, runs/v9b=0"


@pytest.mark.parametrize(
    ("adapters", "alphas", "said"),
    [
        ([], [], "over one adapter or two, not 0"),
        (["a=1"], [], "over one adapter or two, not 0"),
        (["a", "b", "c"], ["1", "1", "1"], "not 3"),
        (["a", "b"], ["1"], "given 1 times for 2"),
        (["a", "b=1"], ["1", "1"], "given 2 times for 1"),
        (["a", "b=x"], ["1"], "--adapter b=x: 'x' is not a number"),
        (["a", "b"], ["0:1:0.01", "0:1:0.01"], "10,201 points"),
    ],
)
def test_what_is_no_grid(adapters: list[str], alphas: list[str], said: str) -> None:
    with pytest.raises(ShopmixError, match=said):
        axes(adapters, alphas)


@pytest.mark.parametrize(("weight", "text"), [(0.5625, "0.5625"), (1.0, "1"), (-0.1, "-0.1")])
def test_shown(weight: float, text: str) -> None:
    assert shown(weight) == text
