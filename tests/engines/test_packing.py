"""A plan counts the samples, packs and steps that axolotl itself comes to."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from builders.mixture.chat import Chat
from builders.mixture.packing import pack
from tests.engines.conftest import Row
from tests.engines.engine import Engine
from training.qlora.engine import Axolotl
from training.qlora.hyperparameters import Hyperparameters
from training.qlora.packs import axolotl_packs
from training.qlora.steps import steps_of

pytestmark = pytest.mark.engines
HYPER = Hyperparameters(
    sequence_len=320, micro_batch_size=2, gradient_accumulation_steps=5, num_epochs=2.5
)


def config(dataset: Path, checkpoint: Path, folder: Path) -> Path:
    """A configuration with what `HYPER` says; JSON, which YAML includes."""
    settings = {
        **HYPER.model_dump(exclude_none=True),
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
        "dataset_num_proc": 1,  # more would each import axolotl first
        "dataset_prepared_path": str(folder / "prepared"),
        "output_dir": str(folder / "trained"),
        "attn_implementation": "sdpa",
        "bf16": False,
        "tf32": False,
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(settings))
    return path


def test_packs_and_steps_are_axolotls(
    engine: Callable[[str], Engine],
    dataset: Path,
    checkpoint: Path,
    rows: list[Row],
    tmp_path: Path,
) -> None:
    """Too long a sample is left out, the others have our lengths, and make as many steps."""
    axolotl = engine("axolotl")
    theirs = axolotl.script("steps", config(dataset, checkpoint, tmp_path), tmp_path / "steps.json")
    lengths = Chat(checkpoint, "tiny").count([row["messages"] for row in rows])
    packs = axolotl_packs(lengths, HYPER.sequence_len, HYPER.seed, Axolotl(axolotl.bin))
    assert 0 < packs.longer < len(rows) / 2
    assert sorted(theirs["lengths"]) == sorted(lengths[lengths <= HYPER.sequence_len].tolist())
    # ten packs of a step: one more or less of them makes no other number of steps
    assert theirs["steps"] == steps_of(packs.packs, HYPER, gpus=1)
    best = pack(lengths, HYPER.sequence_len)
    assert best.packs <= packs.packs
    assert packs.efficiency == pytest.approx(best.efficiency * best.packs / packs.packs)
