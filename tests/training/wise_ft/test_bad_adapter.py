"""An adapter that cannot be merged is told by name, with exit code 2, and nothing is written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.wise_ft.merging import Refused, change_json
from tests.training.wise_ft.models import Q_PROJ, write_adapter
from tests.training.wise_ft.tensors import read_tensors, write_tensors

AT = f"base_model.model.{Q_PROJ}"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_numbers_that_are_not_finite(
    adapter: Path, value: float, dtype: str, said: Refused
) -> None:
    file = adapter / "adapter_model.safetensors"
    tensors = read_tensors(file)
    tensors[f"{AT}.lora_B.weight"][3, 1] = value
    write_tensors(file, tensors, dtype)
    told = said()
    assert f"{AT}.lora_B.weight" in told
    assert str(file) in told


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"use_dora": True}, "DoRA"),
        ({"init_lora_weights": "pissa"}, "pissa"),
        ({"init_lora_weights": "pissa_niter_16"}, "pissa_niter_16"),
        ({"init_lora_weights": "olora"}, "olora"),
        ({"init_lora_weights": "corda", "corda_config": {"corda_method": "kpm"}}, "(?i)corda"),
        ({"init_lora_weights": "loftq", "loftq_config": {"loftq_bits": 4}}, "(?i)loftq"),
        ({"init_lora_weights": "lora_ga", "lora_ga_config": {"scale": "stable"}}, "(?i)lora.ga"),
        ({"init_lora_weights": "tomorrow"}, "tomorrow"),
        ({"alora_invocation_tokens": [151644]}, "alora_invocation_tokens|activated LoRA"),
        ({"trainable_token_indices": [1, 2]}, "trainable_token_indices"),
        ({"target_parameters": ["mlp.experts.down_proj"]}, "target_parameters"),
        ({"layer_replication": [[0, 1], [0, 2]]}, "layer_replication"),
        ({"megatron_config": {"tensor_parallel": 2}}, "Megatron"),
        ({"lora_bias": True}, "lora_bias"),
        ({"use_qalora": True}, "QALoRA"),
        ({"use_bdlora": {"nblocks": 2}}, "(?i)block.diagonal"),
        ({"arrow_config": {"top_k": 3}}, "Arrow"),
        ({"a_key_of_tomorrow": "on"}, "a_key_of_tomorrow"),
        ({"peft_type": "LOHA"}, "LOHA"),
        ({"peft_type": "IA3"}, "IA3"),
    ],
)
def test_another_formula(tmp_path: Path, said: Refused, config: dict[str, Any], name: str) -> None:
    other = write_adapter(tmp_path / "v9", **config)
    told = said(other)
    assert str(other / "adapter_config.json") in told
    assert re.search(name, told), told


@pytest.mark.parametrize(
    "name",
    [
        "lora_magnitude_vector",
        "lora_magnitude_vector.weight",
        "lora_B.bias",
        "token_adapter.trainable_tokens_delta",
    ],
)
def test_tensors_that_the_formula_lacks(tmp_path: Path, said: Refused, name: str) -> None:
    """Whatever the configuration says of them."""
    other = write_adapter(tmp_path / "v9", extra={f"{AT}.{name}": np.ones(16)})
    assert name in said(other)


@pytest.mark.parametrize("key", ["r", "lora_alpha"])
def test_a_configuration_that_lacks_a_number(adapter: Path, key: str, said: Refused) -> None:
    file = adapter / "adapter_config.json"
    config = json.loads(file.read_text())
    del config[key]
    file.write_text(json.dumps(config))
    told = said()
    assert str(file) in told
    assert key in told


def test_a_rank_that_the_tensors_do_not_have(adapter: Path, said: Refused) -> None:
    change_json(adapter / "adapter_config.json", r=16)
    told = said()
    assert "rank 16" in told
    assert str(adapter) in told


@pytest.mark.parametrize("half", ["A", "B"])
def test_half_a_pair(adapter: Path, half: str, said: Refused) -> None:
    file = adapter / "adapter_model.safetensors"
    tensors = read_tensors(file)
    del tensors[f"{AT}.lora_{half}.weight"]
    write_tensors(file, tensors, "F32")
    told = said()
    assert str(file) in told
    assert Q_PROJ in told


def test_an_adapter_that_was_pickled(adapter: Path, said: Refused) -> None:
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
    told = said()
    assert "adapter_model.bin" in told
    assert "safetensors" in told


def test_an_adapter_in_8_bits(adapter: Path, said: Refused) -> None:
    file = adapter / "adapter_model.safetensors"
    header = {f"{AT}.lora_A.weight": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}}
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + b"\0" * 4)
    told = said()
    assert "F8_E4M3" in told
    assert str(file) in told


def test_a_folder_that_is_no_adapter(tmp_path: Path, said: Refused) -> None:
    (tmp_path / "empty").mkdir()
    told = said(tmp_path / "empty")
    assert str(tmp_path / "empty" / "adapter_config.json") in told
    assert "adapter" in told.partition("is missing: ")[2]


def test_a_folder_that_is_not_there(tmp_path: Path, said: Refused) -> None:
    assert str(tmp_path / "nowhere") in said(tmp_path / "nowhere")
