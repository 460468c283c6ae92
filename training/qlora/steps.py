"""How many steps of the optimizer and checkpoints a run has, rounded as axolotl 0.19 does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from training.qlora.hyperparameters import Hyperparameters


def packs_of_step(hyper: Hyperparameters, gpus: int) -> int:
    """Packs that a step takes, of all GPUs."""
    return hyper.micro_batch_size * hyper.gradient_accumulation_steps * gpus


def steps_of(packs: int, hyper: Hyperparameters, gpus: int) -> int:
    """Steps of a run, at least one. Of an epoch, packs that fill no step are not counted; without
    packing a sample is a pack, and the last step need not be full."""
    each = packs_of_step(hyper, gpus)
    if hyper.sample_packing:
        steps = int(max(1, packs // each) * hyper.num_epochs)
    else:
        steps = math.ceil(packs * hyper.num_epochs / each)
    return max(1, min(steps, hyper.max_steps or steps))


def checkpoints_of(steps: int, keys: Mapping[str, Any], hyper: Hyperparameters) -> int:
    """Checkpoints of so many steps, the one at the end among them, by axolotl's configuration: its
    save_steps, a share of all where that is below 1, or its saves_per_epoch."""
    every = keys.get("save_steps") or 0
    if every < 1:
        share = every or 1 / ((keys.get("saves_per_epoch") or 1) * hyper.num_epochs)
        every = math.ceil(steps * min(share, 1))
    return math.ceil(steps / every)
