"""A run on each kind of GPU: memory, hours, and what would help where it does not fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from training.qlora.architecture import Architecture
from training.qlora.gpus import GPUS, Gpu
from training.qlora.hours import hours
from training.qlora.hyperparameters import Hyperparameters
from training.qlora.memory import Memory, memory

#: How many GPUs are tried where a run does not fit, and the steps in which sequences are shortened.
MOST_GPUS, SHORTER = 64, 256


@dataclass(frozen=True)
class Option:
    """A run on some GPUs of one kind. whole: memory where each has all of the base (ZeRO-2, if
    there are several). sharded: where they share it (FSDP); None for one alone. hours: of steps."""

    gpu: Gpu
    gpus: int
    whole: Memory
    sharded: Memory | None
    hours: float

    @property
    def memory(self) -> Memory:
        """Of the way to go: shared only where whole does not fit, for sharing is slower."""
        return self.sharded if self.sharded and self._lacks(self.whole) else self.whole

    @property
    def shares(self) -> bool:
        """Whether the base has to be shared."""
        return self.memory is self.sharded

    @property
    def fits(self) -> bool:
        """Whether it is within the GPU's memory."""
        return not self._lacks(self.memory)

    def _lacks(self, needed: Memory) -> bool:
        return needed.total > self.gpu.memory


def option(
    base: Architecture, hyper: Hyperparameters, gpu: Gpu, gpus: int, operations: float = 0
) -> Option:
    """A run of so many operations on so many GPUs of a kind."""
    whole = memory(base, hyper, gpus, sharded=False)
    sharded = memory(base, hyper, gpus, sharded=True) if gpus > 1 else None
    return Option(gpu, gpus, whole, sharded, hours(operations, gpu, gpus))


def helps(base: Architecture, hyper: Hyperparameters, gpu: Gpu, gpus: int) -> Iterator[str]:
    """What makes a run fit that does not, a phrase each: more GPUs, shorter sequences, others."""

    def fits(hyper: Hyperparameters, gpu: Gpu, gpus: int) -> bool:
        return option(base, hyper, gpu, gpus).fits

    for more in range(gpus + 1, MOST_GPUS + 1):
        if fits(hyper, gpu, more):
            yield f"--gpus {more}"
            break
    for tokens in range((hyper.sequence_len - 1) // SHORTER * SHORTER, 0, -SHORTER):
        if fits(hyper.model_copy(update={"sequence_len": tokens}), gpu, gpus):
            yield f"--set sequence_len={tokens}"
            break
    others = [other.name for other in GPUS.values() if fits(hyper, other, gpus)]
    if others:
        yield f"--gpu {' or '.join(others)}"
