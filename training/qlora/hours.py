"""How long a run takes: arithmetic over what the GPUs do at best, times an efficiency.

A weight is a multiplication and an addition for each token that passes it. With checkpointing a
token passes each frozen map three times, forward, forward once more, and for the gradient of its
input: 6 operations a weight. Those of the adapter have gradients of their own: 8. The head is
computed once and has a gradient of its input: 4. Attention is two products forward, two more when
it is computed anew, and four for gradients, each of a token with those before it in its sample.

Published (arXiv 2408.04658): about 24 h for about 500,000 samples on 8 A100 80 GB, and 3 to 8 h
for mixtures of 151,760 (v7b) and 40,000 (v9b). Inferred: one epoch, and the efficiency. v8 of rows
that were at hand has about 296 tokens a sample by our estimate (238 where MMLU is without its long
passages, 324 where all is generated), so 500,000 are 148 million tokens, 435 GFLOP each: 24 h are
0.30 of 8 * 312 TFLOPS. v7b (274 tokens) then takes 6.7 h, v9b (307) 2.0 h, to which the start adds:
reading and quantising 145 GB. The same share is assumed of every kind of GPU, and with FSDP as with
ZeRO-2: there the hours are more likely too few.
"""

from __future__ import annotations

from training.qlora.architecture import Architecture
from training.qlora.gpus import Gpu
from training.qlora.hyperparameters import Hyperparameters

EFFICIENCY = 0.30


def flops(base: Architecture, hyper: Hyperparameters, before: float) -> float:
    """Operations a token. before: how many tokens of its own sample go before it, in the mean."""
    attention = 8 * 2 * base.layers * base.attention * before
    return 6 * base.in_layers + 8 * base.adapter(hyper.lora_r) + 4 * base.head + attention


def hours(operations: float, gpu: Gpu, gpus: int) -> float:
    """What so many operations take on GPUs of this kind."""
    return operations / (EFFICIENCY * gpu.flops * gpus) / 3600
