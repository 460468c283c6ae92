"""What axolotl asks of a GPU before it believes a configuration: NVIDIA's compute capability."""

from __future__ import annotations

from typing import Any

from training.qlora.gpus import GPUS

_CAPABILITY = {
    "a100-80gb": 80,
    "a100-40gb": 80,
    "h100-80gb": 90,
    "h200-141gb": 90,
    "l40s-48gb": 89,
    "a10g-24gb": 86,
    "rtx4090-24gb": 89,
    "t4-16gb": 75,
}
assert _CAPABILITY.keys() == GPUS.keys()


def has_bf16(gpu: str) -> bool:
    """Whether a kind of GPU computes in bfloat16, and TF32."""
    return _CAPABILITY[gpu] >= 80


def capabilities(gpu: str | None, gpus: int) -> dict[str, Any]:
    """As axolotl's `validate_config` wants them told; gpu None is a CPU."""
    number = _CAPABILITY[gpu] if gpu else None
    return {
        "bf16": bool(number and number >= 80),
        "tf32": bool(number and number >= 80),
        "fp8": bool(number and number >= 90),
        "n_gpu": gpus,
        "compute_capability": f"sm_{number}" if number else None,
    }
