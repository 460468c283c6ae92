"""Memory by part: what is published of formats and of sharing, and how it grows."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from training.qlora.architecture import Architecture, architecture
from training.qlora.hyperparameters import Hyperparameters
from training.qlora.memory import Memory, memory

HYPER = Hyperparameters()
ADAPTER = 842_137_600  # parameters of r = 64 on Qwen2-72B


@pytest.fixture
def base() -> Architecture:
    found = architecture({}, "Qwen/Qwen2-72B-Instruct")
    assert found
    return found


def of(base: Architecture, gpus: int = 8, sharded: bool = False, **changes: Any) -> Memory:
    return memory(base, HYPER.model_copy(update=changes), gpus, sharded)


def test_the_total_is_that_of_all_parts(base: Architecture) -> None:
    found = of(base)
    assert found.total == sum(asdict(found).values())
    assert min(asdict(found).values()) > 0


def test_the_base_is_nf4_but_for_what_stays_in_16_bit(base: Architecture) -> None:
    kept = 2 * base.kept
    assert of(base).base - kept == pytest.approx(70.2126e9 * 4.127 / 8, rel=1e-4)
    assert of(base, load_in_4bit=False).base - kept == pytest.approx(70.2126e9 * 2, rel=1e-4)


@pytest.mark.parametrize("gpus", [1, 2, 8])
def test_zero_2_shares_gradients_and_the_optimizers_state(base: Architecture, gpus: int) -> None:
    alone, found = of(base, 1), of(base, gpus)
    assert (found.base, found.adapter) == (alone.base, 2 * ADAPTER)
    assert found.gradients == 2 * ADAPTER // gpus
    assert found.optimizer == 12 * ADAPTER // gpus


def test_fsdp_shares_the_base_and_gathers_some_of_it(base: Architecture) -> None:
    whole, found = of(base), of(base, sharded=True)
    assert whole.base / 8 < found.base < whole.base / 3
    assert found.adapter == 2 * ADAPTER // 8
    assert found.activations == whole.activations


def test_moments_in_8_bit(base: Architecture) -> None:
    assert of(base, 1, optimizer="paged_adamw_8bit").optimizer == 6 * ADAPTER


@pytest.mark.parametrize("changes", [{"sequence_len": 6_144}, {"micro_batch_size": 2}])
def test_activations_grow_with_the_tokens(base: Architecture, changes: dict[str, Any]) -> None:
    once, twice = of(base), of(base, **changes)
    assert twice.logits == 2 * once.logits == 2 * 3_072 * 152_064 * 14
    assert 1.8 < twice.activations / once.activations < 2
    assert twice.base == once.base
