"""Steps and checkpoints are rounded as axolotl does."""

from __future__ import annotations

from typing import Any

import pytest

from training.qlora.hyperparameters import Hyperparameters, of
from training.qlora.steps import checkpoints_of, steps_of


@pytest.mark.parametrize(
    ("packs", "keys", "gpus", "steps"),
    [
        (64, {}, 8, 2),
        (95, {}, 8, 2),
        (95, {"num_epochs": 2}, 8, 4),
        (95, {"num_epochs": 2.5}, 8, 5),
        (95, {"micro_batch_size": 2}, 8, 1),
        (95, {"gradient_accumulation_steps": 1}, 1, 95),
        (95, {"max_steps": 1}, 8, 1),
        (95, {"max_steps": 100}, 8, 2),
        (3, {}, 8, 1),
        (3, {"num_epochs": 0.5}, 8, 1),
        (95, {"sample_packing": False}, 8, 3),
    ],
)
def test_packs_that_fill_no_step_are_not_counted(
    packs: int, keys: dict[str, Any], gpus: int, steps: int
) -> None:
    assert steps_of(packs, Hyperparameters.model_validate(keys), gpus) == steps


@pytest.mark.parametrize(
    ("keys", "checkpoints"),
    [
        ({}, 1),
        ({"saves_per_epoch": 4}, 4),
        ({"saves_per_epoch": 4, "num_epochs": 2}, 8),
        ({"saves_per_epoch": 1, "num_epochs": 0.5}, 1),
        ({"save_steps": 500}, 3),
        ({"save_steps": 0.1}, 10),
        ({"save_steps": 9_999}, 1),
        ({"save_steps": 700, "saves_per_epoch": None}, 2),
    ],
)
def test_the_last_step_is_a_checkpoint(keys: dict[str, Any], checkpoints: int) -> None:
    assert checkpoints_of(1_400, keys, of(keys)) == checkpoints
