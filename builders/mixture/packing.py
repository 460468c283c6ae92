"""Packs: how many sequences of a fixed length the samples fill when several share one.

Best fit decreasing: the longest first, each into the pack that it leaves the least room in, or into
a new one. Equal lengths are packed at once, and so are packs with equal room, so that the time
hangs on how many different lengths there are, not on how many samples.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from builders.mixture.manifest import Packs


def pack(lengths: NDArray[np.int64], tokens: int) -> Packs:
    """Best-fit-decreasing packs of `tokens` each.

    lengths: int64 of shape (n,), each at least 1. Those above `tokens` fit in no pack: they are
    counted in `longer` and left out. efficiency: packed tokens / (packs * tokens), 0 without packs.
    """
    fitting = lengths[lengths <= tokens]
    packs = _count(fitting, tokens)
    return Packs(
        tokens=tokens,
        packs=packs,
        efficiency=int(fitting.sum()) / (packs * tokens) if packs else 0.0,
        longer=len(lengths) - len(fitting),
    )


def _count(lengths: NDArray[np.int64], tokens: int) -> int:
    """How many packs lengths of 1 to `tokens` take."""
    packs = 0
    room: defaultdict[int, int] = defaultdict(int)  # begun packs by the tokens they have left
    rooms = 0  # the same as a set: bit r stands for packs with r tokens left
    values, counts = np.unique(lengths, return_counts=True)
    for length, count in zip(values[::-1].tolist(), counts[::-1].tolist(), strict=True):
        left = count
        while left:
            if enough := rooms >> length:
                least = length + (enough & -enough).bit_length() - 1
            else:
                least = tokens
                room[least] = -(-left // (tokens // length))
                packs += room[least]
            # a pack that takes one takes all it can: from then on it has the least room
            taken = min(least // length, left)
            begun = min(room[least], left // taken)
            left -= begun * taken
            room[least] -= begun
            room[least - taken * length] += begun
            rooms = rooms & ~(1 << least) | (room[least] > 0) << least
            rooms |= 1 << (least - taken * length)
    return packs
