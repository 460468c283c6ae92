"""axolotl itself prepares the samples and trains on them: what is learned is what we meant."""

import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engines.conftest import Row
from tests.engines.engine import Engine

pytestmark = pytest.mark.engines
MAX_STEPS = 4


@pytest.fixture(scope="module")
def config(dataset: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration for LoRA with sample packing on CPU; JSON, which YAML includes."""
    folder = tmp_path_factory.mktemp("training")
    settings: dict[str, Any] = {
        "base_model": str(checkpoint),
        "chat_template": "tokenizer_default",
        "datasets": [
            {
                "path": str(dataset),
                "type": "chat_template",
                "field_messages": "messages",
                "message_property_mappings": {"role": "role", "content": "content"},
                "roles_to_train": ["assistant"],
                "train_on_eos": "turn",
            }
        ],
        "dataset_prepared_path": str(folder / "prepared"),
        "output_dir": str(folder / "trained"),
        "adapter": "lora",
        "lora_r": 8,
        "lora_alpha": 16,
        "lora_target_linear": True,
        # Kernels and number formats of GPUs.
        "lora_mlp_kernel": False,
        "lora_qkv_kernel": False,
        "lora_o_kernel": False,
        "attn_implementation": "sdpa",
        "bf16": False,
        "tf32": False,
        "sequence_len": 1024,
        "sample_packing": True,
        "micro_batch_size": 1,
        "gradient_accumulation_steps": 1,
        "max_steps": MAX_STEPS,
        "save_steps": MAX_STEPS,
        "logging_steps": 1,
        "learning_rate": 0.01,
        "optimizer": "adamw_torch",
        "lr_scheduler": "constant",
        "seed": 1,
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(settings, indent=2))
    return path


@pytest.fixture(scope="module")
def prepared(engine: Callable[[str], Engine], config: Path) -> Path:
    """The folder that `axolotl preprocess` wrote."""
    engine("axolotl").run("axolotl", "preprocess", config)
    return config.parent / "prepared"


def chatml(row: Row) -> str:
    """The whole sample in ChatML, written out by hand: the template must not judge itself."""
    return "".join(
        f"<|im_start|>{message['role']}\n{message['content']}<|im_end|>\n"
        for message in row["messages"]
    )


def test_only_the_answer_is_learned(
    engine: Callable[[str], Engine],
    prepared: Path,
    checkpoint: Path,
    rows: list[Row],
    tmp_path: Path,
) -> None:
    """No sample is lost, and the labels of each are its answer and the end of the turn."""
    decoded = engine("axolotl").script("prepared", prepared, checkpoint, tmp_path / "rows.json")
    expected = Counter((chatml(row), row["messages"][-1]["content"] + "<|im_end|>") for row in rows)
    assert Counter((row["text"], row["learned"]) for row in decoded) == expected


def test_training_moves_the_adapter(
    engine: Callable[[str], Engine], config: Path, prepared: Path, tmp_path: Path
) -> None:
    """A few packed steps: the loss is finite and falls, and no half of the adapter stays zero."""
    axolotl = engine("axolotl")
    axolotl.run("axolotl", "train", config, "--launcher", "python")
    trained = config.parent / "trained"
    state = json.loads((trained / f"checkpoint-{MAX_STEPS}" / "trainer_state.json").read_text())
    losses = [entry["loss"] for entry in state["log_history"] if "loss" in entry]
    assert len(losses) == MAX_STEPS and all(map(math.isfinite, losses)), losses
    assert losses[-1] < losses[0], losses
    adapter = trained / "adapter_model.safetensors"
    largest = axolotl.script("adapter", adapter, tmp_path / "largest.json")
    assert len(largest) == 2 * 7 * 2, "2 layers, 7 linear maps each, A and B"
    assert all(0 < value < math.inf for value in largest.values()), largest
