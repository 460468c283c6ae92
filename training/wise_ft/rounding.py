"""Rounding to bf16 once: the nearest number, and of two equally near ones the even.

bf16 is the upper half of float32, so that a float32 lies between the bf16 of its upper half and the
next one, and is rounded at the tie between them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: The rounding error of float32 (IEEE 754), relative.
UNIT = 2.0**-24

_TIE = np.uint32(0x8000)
_UPPER = np.uint32(0xFFFF0000)


def bf16(values: NDArray[np.float64]) -> NDArray[np.uint16]:
    """float64 as the bits of bf16, rounded once, of any shape.

    By way of float32 rounded to odd, which loses nothing that the second rounding looks at (Boldo
    and Melquiond, "Emulation of a FMA and correctly rounded sums", 2008).
    """
    near = values.astype(np.float32)
    bits = near.view(np.uint32).copy()
    back = near.astype(np.float64)
    bits -= (np.abs(back) > np.abs(values)).astype(np.uint32)  # towards zero
    bits |= (back != values).astype(np.uint32)  # odd where something was lost
    bits += np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return (bits >> np.uint32(16)).astype(np.uint16)


def doubtful(
    total: NDArray[np.float32], error: float, spare: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Where float32 sums may lie on the wrong side of a tie, as positions in `total` flat.

    error: what the second summand may be off by. spare: of the same shape, overwritten.
    The addition itself is rounded too, but never past a tie, which is a float32; on it or a unit
    beside it, less than half the distance is lost.
    """
    ties = np.bitwise_and(total.view(np.uint32), _UPPER, out=spare.view(np.uint32))
    ties |= _TIE
    apart = np.subtract(total, ties.view(np.float32), out=spare)
    return np.flatnonzero(np.abs(apart, out=apart) <= np.float32(2 * error))


def upper(total: NDArray[np.float32]) -> NDArray[np.uint16]:
    """float32 as the bits of bf16, right wherever a number is not a tie. Overwrites `total`."""
    bits = total.view(np.uint32)
    bits += _TIE
    half: NDArray[Any] = bits.view(np.uint16)[..., 1::2]  # the machines that we know: little-endian
    return np.ascontiguousarray(half)
