"""The weights that are tried: lists and ranges as `0.4,0.5,0.6:1:0.1`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from builders.errors import ShopmixError

#: More points than that are a slip of the pen: each one is a merge and an evaluation.
MOST = 1_000

#: A weight for each axis.
Point = tuple[float, ...]


@dataclass(frozen=True)
class Axis:
    """An adapter as it is given, and the weights it is tried at; one alone where it is fixed."""

    adapter: str
    weights: tuple[float, ...]
    fixed: bool = False


def axes(adapters: Sequence[str], alphas: Sequence[str]) -> tuple[Axis, ...]:
    """What each --adapter is tried at: `runs/v8=0.56` at that, the n-th of the others at the n-th
    --alphas.

    Raises `ShopmixError` where there is not one --alphas for each of one or two adapters.
    """
    free = [adapter for adapter in adapters if "=" not in adapter]
    if not 1 <= len(free) <= 2:
        raise ShopmixError(
            f"a sweep is over one adapter or two, not {len(free)}: give each further one a fixed "
            f"weight, as --adapter runs/v8=0.56"
        )
    if len(free) != len(alphas):
        raise ShopmixError(
            f"--alphas is given {len(alphas)} times for {len(free)} --adapter without a weight: "
            f"the n-th --alphas belongs to the n-th such --adapter"
        )
    tried = iter(alphas)
    made = tuple(
        Axis(adapter, weights(next(tried))) if "=" not in adapter else _fixed(adapter)
        for adapter in adapters
    )
    if (count := math.prod(len(axis.weights) for axis in made)) > MOST:
        raise ShopmixError(f"--alphas make {count:,} points, more than {MOST:,}")
    return made


def _fixed(adapter: str) -> Axis:
    name, _, weight = adapter.rpartition("=")
    return Axis(name, (float(_number(weight, f"--adapter {adapter}")),), fixed=True)


def weights(text: str) -> tuple[float, ...]:
    """The weights of a list of numbers and of ranges FROM:TO:STEP, rising, each once.

    Calculated in decimals: 0:1:0.1 holds 0.3, not 0.30000000000000004. Raises `ShopmixError`.
    """
    found: set[Decimal] = set()
    for part in text.split(","):
        bounds = [_number(number, f"--alphas {text}") for number in part.split(":")]
        if len(bounds) == 1:
            found.add(bounds[0])
        elif len(bounds) == 3 and bounds[0] <= bounds[1] and bounds[2] > 0:
            start, stop, step = bounds
            if (stop - start) / step >= MOST:
                raise ShopmixError(f"--alphas {text}: {part} has more than {MOST:,} weights")
            found |= {start + i * step for i in range(int((stop - start) // step) + 1)}
        else:
            raise ShopmixError(
                f"--alphas {text}: {part} is no range: FROM:TO:STEP is wanted, as 0:1:0.1"
            )
    return tuple(sorted(map(float, found)))


def _number(text: str, where: str) -> Decimal:
    try:
        number = Decimal(text.strip())
        fits = math.isfinite(number)
    except (InvalidOperation, ValueError):  # the latter is a signalling NaN's
        fits = False
    if not fits:
        raise ShopmixError(f"{where}: {text!r} is not a number")
    return number + 0  # no negative zero


def points(tried: Sequence[Axis]) -> Iterator[Point]:
    """All points of the grid, the last axis the fastest."""
    return itertools.product(*(axis.weights for axis in tried))


def named(tried: Sequence[Axis], point: Point) -> str:
    """A point as a person writes it: `runs/v8=0.5625, runs/v9b=0.25`."""
    pairs = zip(tried, point, strict=True)
    return ", ".join(f"{axis.adapter}={shown(weight)}" for axis, weight in pairs)


def shown(weight: float) -> str:
    """A weight as a person writes it: `0.5625`, `1`."""
    return repr(weight).removesuffix(".0")
