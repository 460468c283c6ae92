"""What a run needs of each GPU's memory, by part.

Published are the formats: NF4 takes 4 bits a weight, and its scales, quantised once more, 0.127 bit
(QLoRA, arXiv 2305.14314, section 3); mixed precision takes 16 bytes a trained parameter: weight and
gradient in 16 bit, an fp32 copy, and Adam's two moments (ZeRO, arXiv 1910.02054, section 3.1);
ZeRO-2 shares the gradients and all that the optimizer keeps among the GPUs, FSDP the weights too.
How many activations are alive at a time is inferred from the layers, and is on the safe side; it
has not been measured on a GPU.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from training.qlora.architecture import Architecture
from training.qlora.hyperparameters import Hyperparameters

#: Bytes of a frozen weight in NF4, and in 16 bit.
NF4, HALF = (4 + 0.127) / 8, 2
#: Bytes of a trained parameter that the optimizer keeps: an fp32 copy, and two moments in fp32.
COPY, MOMENTS, MOMENTS_8BIT = 4, 8, 2
#: Bytes of a logit: 16 bit, fp32, its log-softmax, its gradient.
LOGIT = 2 + 4 + 4 + 4
#: Of the CUDA context, NCCL and cuBLAS; and what of the activations is lost between them.
CONTEXT, LOST = 2 << 30, 0.1


@dataclass(frozen=True)
class Memory:
    """Bytes on each GPU at the peak of a step."""

    base: int
    adapter: int
    gradients: int
    optimizer: int
    activations: int
    logits: int
    overhead: int

    @property
    def total(self) -> int:
        """All parts."""
        return sum(asdict(self).values())


def memory(base: Architecture, hyper: Hyperparameters, gpus: int, sharded: bool) -> Memory:
    """Memory on each of the GPUs: with FSDP (sharded), or ZeRO-2, or of one GPU alone.

    Layers are checkpointed: each keeps its input alone, and one at a time is computed anew.
    """
    trained, share = base.adapter(hyper.lora_r), gpus if sharded else 1
    tokens = hyper.micro_batch_size * hyper.sequence_len
    activations = HALF * tokens * base.layers * base.hidden + _working(base, tokens)
    logits = LOGIT * tokens * base.vocabulary
    moments = MOMENTS_8BIT if "8bit" in hyper.optimizer else MOMENTS
    return Memory(
        base=_base(base, hyper, share),
        adapter=HALF * trained // share,
        gradients=HALF * trained // gpus,
        optimizer=(COPY + moments) * trained // gpus,
        activations=activations,
        logits=logits,
        overhead=CONTEXT + int(LOST * (activations + logits)),
    )


def _base(base: Architecture, hyper: Hyperparameters, share: int) -> int:
    """The frozen weights: all of them, or a share and, gathered for the moment, two layers (one is
    fetched ahead) and what is outside of layers."""
    frozen = base.in_layers * (NF4 if hyper.load_in_4bit else HALF)
    kept = base.kept * HALF
    if share == 1:
        return int(frozen + kept)
    return int((frozen + kept) / share + 2 * frozen / base.layers + kept)


def _working(base: Architecture, tokens: int) -> int:
    """What one layer holds while it is computed anew and its gradients are taken: of each linear
    map the input, the same after dropout, and its gradient; the output and its gradient; and the
    largest weight in 16 bit."""
    numbers = sum(3 * inputs + 2 * outputs for inputs, outputs in base.linear)
    return HALF * (tokens * numbers + max(inputs * outputs for inputs, outputs in base.linear))
