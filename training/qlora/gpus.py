"""GPUs that a run can be planned for.

Figures are the vendor's data sheets': dense products of matrices in bf16 with sums in fp32, without
the doubling that sheets claim for sparse ones. Memory is what the driver tells (nvidia-smi, total),
with ECC where it is on by default; that is less than the name says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """A kind of GPU. memory: bytes. flops: of bf16 a second, at best; of fp16 where it has none.
    capability: NVIDIA's compute capability, 80 for 8.0."""

    name: str
    memory: int
    flops: float
    capability: int

    @property
    def ampere(self) -> bool:
        """Whether it has what came with Ampere: bf16 and TF32, and what FlashAttention needs."""
        return self.capability >= 80


def _gpus(*rows: tuple[str, int, float, int]) -> Mapping[str, Gpu]:
    """By name, from MiB of memory, TFLOPS and the compute capability."""
    return {name: Gpu(name, mib << 20, tera * 1e12, sm) for name, mib, tera, sm in rows}


GPUS = _gpus(
    ("a100-80gb", 81_920, 312, 80),
    ("a100-40gb", 40_960, 312, 80),
    ("h100-80gb", 81_559, 989, 90),  # SXM
    ("h200-141gb", 143_771, 989, 90),
    ("l40s-48gb", 46_068, 362, 89),
    ("a10g-24gb", 23_028, 70, 86),
    ("rtx4090-24gb", 24_564, 165, 89),
    ("t4-16gb", 15_360, 65, 75),  # fp16: it has no bf16
)
