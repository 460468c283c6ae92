"""How many packs the samples of a mixture fill, by axolotl's packing and by best fit decreasing.

axolotl 0.19 leaves out samples that are longer than `sequence_len`, draws the others in a random
order, and puts each into the first pack that has room, 100,000 samples at a time. For v8 that takes
0.5 % more packs of 3,072 tokens than best fit decreasing (benchmarks/packing.py), too little to
pack the samples ourselves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from builders.mixture.lengths import BIN
from builders.mixture.manifest import Lengths, Packs
from training.qlora.engine import Axolotl


def spread(lengths: Lengths) -> NDArray[np.int64]:
    """A length for each sample, from the histogram: those of a bin are spread over it evenly."""
    parts = [
        end - BIN + 1 + np.arange(rows) * BIN // rows
        for end, rows in sorted(lengths.histogram.items())
    ]
    return np.concatenate(parts).astype(np.int64)


def axolotl_packs(lengths: NDArray[np.int64], tokens: int, seed: int, axolotl: Axolotl) -> Packs:
    """Packs of `tokens` each as axolotl makes them of samples in an order of this seed.

    lengths: int64 of shape (n,). Those above `tokens` are counted in `longer` and left out.
    Raises `ShopmixError` where axolotl fails.
    """
    fitting = lengths[lengths <= tokens]
    asked = {"lengths": fitting.tolist(), "tokens": tokens, "seed": seed}
    found = axolotl.script("packs", asked)
    return Packs(tokens=tokens, longer=len(lengths) - len(fitting), **found)
