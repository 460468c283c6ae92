"""What becomes of one tensor: W + sum of w s B A + sum of w (S - W), a block of rows at a time.

S is what an adapter trained in full. A base in bf16 is calculated in float32; where that leaves in
doubt which of two numbers is the nearest, in float64, so that weights are the float64 result
rounded once (how sure that is: docs/merging.md). Bases of other types are calculated in float64
throughout.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from builders.errors import ShopmixError
from training.wise_ft.adapter import Pair
from training.wise_ft.checkpoint import Tensor
from training.wise_ft.combination import Combination
from training.wise_ft.numbers import finite, read, stored, widened
from training.wise_ft.rounding import UNIT, bf16, doubtful, upper

#: Numbers of a block: what is calculated with them stays in the processor's cache.
BLOCK = 1 << 18
#: Doubtful numbers that are calculated at once: bounds memory.
_AGAIN = 1 << 14
#: What each thread calculates in.
_KEPT = threading.local()


@dataclass(frozen=True)
class Change:
    """Pairs, and tensors that were trained in full, each with its adapter's weight."""

    pairs: tuple[tuple[Pair, float], ...]
    replaced: tuple[tuple[Tensor, float], ...]


def blocks(tensor: Tensor) -> Iterator[tuple[int, int]]:
    """First and last (exclusive) row of each block of a tensor; a vector is one row."""
    rows, columns = _matrix(tensor)
    step = max(BLOCK // max(columns, 1), 1)
    for begin in range(0, rows, step):
        yield begin, min(begin + step, rows)


def changes(made: Combination) -> dict[str, Change]:
    """What becomes of each tensor that an adapter of a weight other than 0 changes."""
    names = sorted({name for part in made.active for name in part.adapter.tensors})
    return {
        name: Change(
            tuple(
                (part.adapter.pairs[name], part.weight)
                for part in made.active
                if name in part.adapter.pairs
            ),
            tuple(
                (part.adapter.replaced[name], part.weight)
                for part in made.active
                if name in part.adapter.replaced
            ),
        )
        for name in names
    }


class Changed:
    """A tensor of the base under a change, to be had in `blocks`.

    The factors of all pairs side by side: W + (left * scales) @ right.
    """

    def __init__(self, tensor: Tensor, change: Change) -> None:
        """Reads the factors, float32 of shapes (rows, R) and (R, columns), R the sum of ranks.

        Raises `ShopmixError` where a file cannot be read.
        """
        self.tensor, self.change = tensor, change
        self.columns = _matrix(tensor)[1]
        if change.pairs:
            sides = [_sides(pair) for pair, _ in change.pairs]
            self._left = np.hstack([left for left, _ in sides])
            self._right = np.ascontiguousarray(np.vstack([right for _, right in sides]))
            scales = [(weight * pair.scale, pair.rank) for pair, weight in change.pairs]
            self._scales = np.repeat([one for one, _ in scales], [rank for _, rank in scales])
            self._longest = math.sqrt(np.einsum("kj,kj->j", self._right, self._right).max())

    def block(self, begin: int, end: int) -> memoryview:
        """Rows `begin` to `end` as they are stored.

        Raises `ShopmixError` where the result is not finite, or the base is not.
        """
        flat = stored(self.tensor, begin * self.columns, end * self.columns)
        base = flat.reshape(end - begin, self.columns)
        quick = flat.dtype == np.uint16 and not self.change.replaced
        with np.errstate(over="ignore", invalid="ignore"):  # told by name, not as a warning
            if quick and self._left.dtype == np.float32:
                merged: NDArray[Any] = self._quick(base, begin, end)
            else:
                merged = self._slow(base, begin, end)
        if not finite(merged):
            raise ShopmixError(self._astray(base, begin, end))
        return merged.data.cast("B")

    def _quick(self, base: NDArray[np.uint16], begin: int, end: int) -> NDArray[np.uint16]:
        total, spare = self._room(base.shape)
        left64 = self._left[begin:end] * self._scales
        left = left64.astype(np.float32)
        np.matmul(left, self._right, out=total)
        np.left_shift(base, 16, out=spare.view(np.uint32), dtype=np.uint32)  # widened
        total += spare
        # the rounding errors of a sum of R products grow with the root of R, as their signs differ
        # (Higham and Mary, "A new approach to probabilistic rounding error analysis", 2019)
        longest = math.sqrt(np.einsum("ik,ik->i", left, left).max()) * self._longest
        at = doubtful(total, UNIT * math.sqrt(len(self._scales)) * longest, spare)
        merged = upper(total)
        for some in np.array_split(at, -(-at.size // _AGAIN)) if at.size else ():
            rows, columns = np.divmod(some, self.columns)
            right64 = self._right.take(columns, axis=1).astype(np.float64)
            change = np.einsum("nk,kn->n", left64.take(rows, axis=0), right64)
            merged[rows, columns] = bf16(widened(base[rows, columns]) + change)
        return merged

    @staticmethod
    def _room(shape: tuple[int, ...]) -> Iterator[NDArray[np.float32]]:
        """Two arrays to calculate in. Fresh ones would cost more than the calculation: the system
        gives memory page by page, and takes it back after each block."""
        size = math.prod(shape)
        if getattr(_KEPT, "size", 0) < size:
            _KEPT.size, _KEPT.rooms = size, [np.empty(size, np.float32) for _ in range(2)]
        return (room[:size].reshape(shape) for room in _KEPT.rooms)

    def _slow(self, base: NDArray[Any], begin: int, end: int) -> NDArray[Any]:
        wide = widened(base).astype(np.float64)
        total = wide.copy()
        if self.change.pairs:
            total += (self._left[begin:end] * self._scales) @ self._right.astype(np.float64)
        for tensor, weight in self.change.replaced:
            flat = stored(tensor, begin * self.columns, end * self.columns)
            total += weight * (widened(flat).reshape(base.shape) - wide)
        return bf16(total) if base.dtype == np.uint16 else total.astype(base.dtype)

    def _astray(self, base: NDArray[Any], begin: int, end: int) -> str:
        where = f"{self.tensor.name}, rows {begin:,} to {end:,}"
        if not finite(base):
            return f"{self.tensor.file}: {where}: the base holds NaN or infinity: download it anew"
        return f"{where}: the result is beyond {self.tensor.dtype}: the weights are too large"


def _matrix(tensor: Tensor) -> tuple[int, int]:
    """Rows and columns that a tensor is gone through in."""
    if len(tensor.shape) < 2:
        return 1, math.prod(tensor.shape)
    return tensor.shape[0], math.prod(tensor.shape[1:])


def _sides(pair: Pair) -> tuple[NDArray[Any], NDArray[Any]]:
    """A change as left @ right, without its scale."""
    a, b = read(pair.a), read(pair.b)
    return (a.T, b.T) if pair.transposed else (b, a)
