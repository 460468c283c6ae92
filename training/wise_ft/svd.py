"""The best approximation of a low-rank product by one of lower rank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Approximation:
    """Factors of B A at a lower rank, and what it misses.

    a: (rank, in), b: (out, rank). missed, norm: squared Frobenius norms of what is missed and of
    the whole product.
    """

    a: Matrix
    b: Matrix
    missed: float
    norm: float


def approximate(a: Matrix, b: Matrix, rank: int) -> Approximation:
    """The product `b @ a` at a rank, with the least error in the Frobenius norm (Eckart-Young).

    a: (r, in), b: (out, r), both float64; rank: at most r. The product itself is never formed: with
    B = Q_b R_b and A^T = Q_a R_a its singular values are those of the small R_b R_a^T. They are
    split evenly between both factors, so that both are of one scale.
    """
    q_b, r_b = np.linalg.qr(b)
    q_a, r_a = np.linalg.qr(a.T)
    left, values, right = np.linalg.svd(r_b @ r_a.T, full_matrices=False)
    rank = min(rank, len(values))
    root = np.sqrt(values[:rank])
    squares = values**2
    return Approximation(
        a=(root[:, None] * right[:rank]) @ q_a.T,
        b=q_b @ (left[:, :rank] * root),
        missed=float(squares[rank:].sum()),
        norm=float(squares.sum()),
    )
