"""What a mixture's manifest says of lengths, made up."""

from __future__ import annotations

from builders.mixture.lengths import BIN
from builders.mixture.manifest import Lengths


def lengths(histogram: dict[int, int]) -> Lengths:
    """What a manifest says of samples with this histogram, as far as a plan reads it."""
    rows = sum(histogram.values())
    total = sum((end - BIN // 2) * rows for end, rows in histogram.items())
    return Lengths(
        unit="tokens",
        tokenizer=None,
        total=total,
        mean=total / rows,
        median=0,
        p95=0,
        longest=max(histogram),
        histogram=histogram,
        packs=(),
    )
