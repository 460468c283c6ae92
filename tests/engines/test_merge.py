"""The real PEFT and our merge make the same models of adapters that PEFT wrote."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builders.console import Reporter
from tests.engines.engine import Engine
from tests.engines.merging import (
    Case,
    assert_a_step_off_at_most,
    assert_rounded_once,
    assert_same_logits,
    by_both,
    combined,
)
from tests.training.wise_ft.tensors import contents
from training.wise_ft.merge import merge

pytestmark = pytest.mark.engines

LINEAR = "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj".split()
#: Adapters of each case: weight and LoraConfig. PEFT cannot weigh what was trained in full, and
#: takes rsLoRA's scale for the sum as well where the first adapter has it.
CASES: dict[str, list[tuple[float, dict[str, Any]]]] = {
    "two": [
        (0.56, {"r": 16, "lora_alpha": 32, "target_modules": LINEAR}),
        (0.25, {"r": 5, "lora_alpha": 8, "target_modules": ["q_proj", "down_proj"]}),
    ],
    "of any sign": [
        (-0.5, {"r": 8, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}),
        (1.25, {"r": 4, "lora_alpha": 3, "target_modules": ["v_proj", "o_proj"]}),
        (0.0, {"r": 2, "lora_alpha": 64, "target_modules": ["o_proj"]}),
    ],
    "rslora": [(1, {"r": 8, "lora_alpha": 8, "use_rslora": True, "target_modules": LINEAR})],
    "with rslora": [
        (0.5, {"r": 4, "lora_alpha": 8, "target_modules": LINEAR}),
        (0.5, {"r": 9, "lora_alpha": 6, "use_rslora": True, "target_modules": ["o_proj"]}),
    ],
    "patterns": [
        (
            1,
            {
                "r": 4,
                "lora_alpha": 8,
                "target_modules": LINEAR,
                "rank_pattern": {r"layers\.0\..*\.down_proj": 2, "k_proj": 7},
                "alpha_pattern": {"q_proj": 3, r"^model\.layers\.1\.mlp\.up_proj": 20},
            },
        )
    ],
    "embedding": [
        (0.75, {"r": 4, "lora_alpha": 8, "target_modules": ["embed_tokens", "q_proj"]}),
        (-0.5, {"r": 3, "lora_alpha": 8, "target_modules": ["embed_tokens", "lm_head"]}),
    ],
    "saved": [
        (1, {"r": 4, "target_modules": ["q_proj"], "modules_to_save": ["lm_head", "embed_tokens"]})
    ],
    "biases": [(1, {"r": 4, "target_modules": ["q_proj", "o_proj"], "bias": "all"})],
    "tied": [(1, {"r": 4, "target_modules": ["q_proj", "lm_head"]})],
}
ALL = pytest.mark.parametrize("name", CASES)


@pytest.fixture(scope="module")
def cases(
    engine: Callable[[str], Engine], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Case]:
    """Bases and adapters that PEFT wrote, and what we and PEFT make of them."""
    at, axolotl = tmp_path_factory.mktemp("merge"), engine("axolotl")
    (at / "asked.json").write_text(json.dumps(CASES))
    made = axolotl.script("merge_made", at / "asked.json", at / "made", at / "made.json")
    return by_both(axolotl, made, at)


@ALL
def test_the_weights_are_those_of_peft_rounded_once(cases: dict[str, Case], name: str) -> None:
    assert_rounded_once(cases[name])


def test_peft_in_float32_is_a_step_off_where_that_leaves_a_tie(cases: dict[str, Case]) -> None:
    assert_a_step_off_at_most(cases["two"])


@ALL
@pytest.mark.parametrize("result", ["merged", "saved", "svd"])
def test_the_logits_are_those_of_base_and_adapters(
    cases: dict[str, Case], name: str, result: str
) -> None:
    assert_same_logits(cases[name], result)


def test_at_weight_0_the_base_comes_out_byte_for_byte(
    cases: dict[str, Case], tmp_path: Path
) -> None:
    base, adapters = cases["two"]["base"], cases["two"]["adapters"]
    merge(combined(base, [(adapter, 0.0) for adapter, _ in adapters]), tmp_path / "out", Reporter())
    assert contents(tmp_path / "out").items() >= contents(Path(base)).items()
