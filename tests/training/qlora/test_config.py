"""The configuration that is written, key by key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from builders.mixture.manifest import whole
from builders.mixture.settings import MIXTURES
from tests.publish.mixtures import shards
from tests.training.qlora.conftest import Configure, model
from training.qlora.gpus import GPUS

#: The table of the paper, by axolotl's names.
PUBLISHED = {
    "adapter": "qlora",
    "load_in_4bit": True,
    "optimizer": "adamw_torch",
    "lr_scheduler": "cosine",
    "learning_rate": 2e-4,
    "weight_decay": 0.01,
    "warmup_steps": 10,
    "micro_batch_size": 1,
    "gradient_accumulation_steps": 4,
    "sample_packing": True,
    "lora_r": 64,
    "lora_alpha": 32,
    "lora_dropout": 0.05,
    "lora_target_linear": True,
}


def test_the_published_hyperparameters(configure: Configure) -> None:
    keys = configure()
    assert {key: keys[key] for key in PUBLISHED} == PUBLISHED
    assert keys["bnb_config_kwargs"] == {
        "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_use_double_quant": True,
    }
    assert keys["bf16"] is keys["gradient_checkpointing"] is True
    assert keys["base_model"] == "Qwen/Qwen2-72B-Instruct"


def test_exactly_the_shards_of_a_split_are_read(configure: Configure) -> None:
    keys = configure()
    for key, split in (("datasets", "train"), ("test_datasets", "validation")):
        (entry,) = keys[key]
        assert entry["data_files"] == [str(path) for path in shards(MIXTURES, "v8", split)]
        assert (entry["ds_type"], entry["split"]) == ("parquet", "train")
        assert entry["type"] == "chat_template"
        assert entry["field_messages"] == "messages"
        assert (entry["roles_to_train"], entry["train_on_eos"]) == (["assistant"], "turn")
    assert "val_set_size" not in keys


@pytest.mark.parametrize("where", ["data/mixtures", "data/mixtures/v8"])
def test_a_mixture_in_its_folder_or_beside_others(configure: Configure, where: str) -> None:
    assert configure("--dataset", where)["datasets"][0]["path"] == "data/mixtures/v8"


def test_checkpoints(configure: Configure) -> None:
    keys = configure()
    assert keys["saves_per_epoch"] == keys["save_total_limit"] == 4
    assert keys["auto_resume_from_checkpoints"] is True
    assert keys["output_dir"] == "runs/v8"
    assert keys["dataset_prepared_path"] == "runs/v8/prepared"


def test_every_gpu_holds_the_base_where_it_has_room(configure: Configure) -> None:
    keys = configure("--gpus", "8", "--gpu", "a100-80gb")
    told = json.loads(Path(keys["deepspeed"]).read_text("utf-8"))
    assert told["zero_optimization"]["stage"] == 2
    assert "fsdp_config" not in keys


def test_gpus_without_room_share_the_base(configure: Configure) -> None:
    keys = configure("--gpu", "l40s-48gb")
    assert keys["fsdp_version"] == 2
    assert keys["fsdp_config"]["cpu_ram_efficient_loading"] is False
    assert "deepspeed" not in keys
    assert not Path("runs/v8/deepspeed.json").exists()


def test_one_gpu_needs_neither(configure: Configure) -> None:
    base = model(Path("base"))
    keys = configure("--base", str(base), "--gpus", "1")
    assert not {"deepspeed", "fsdp_config", "fsdp_version"} & keys.keys()
    assert keys["base_model"] == "base"


def test_a_gpu_from_before_ampere(configure: Configure) -> None:
    """It has no bfloat16, and PyTorch's kernel for packs does not run on it."""
    keys = configure("--gpu", "t4-16gb")
    assert (keys["bf16"], keys["fp16"], keys["tf32"]) == (False, True, False)
    assert (keys["attn_implementation"], keys["sdpa_varlen"]) == ("sdpa", False)


@pytest.mark.parametrize("gpu", sorted(GPUS.keys() - {"t4-16gb"}))
def test_a_gpu_since_ampere(configure: Configure, gpu: str) -> None:
    keys = configure("--gpu", gpu)
    assert (keys["bf16"], keys["tf32"]) == (True, True)
    assert keys["attn_implementation"] == "flash_attention_2"
    assert not {"fp16", "sdpa_varlen"} & keys.keys()


def test_without_packing_nothing_is_padded_to_a_packs_length(configure: Configure) -> None:
    assert configure()["pad_to_sequence_len"] is configure()["eval_sample_packing"] is True
    keys = configure("--set", "sample_packing=false")
    assert not {"pad_to_sequence_len", "eval_sample_packing"} & keys.keys()


def test_a_key_is_set_or_taken_out(configure: Configure) -> None:
    given = ("learning_rate=1e-4", "lora_r=16", "saves_per_epoch=null", "save_steps=50", "tf32=no")
    keys = configure(*(word for one in given for word in ("--set", one)))
    assert (keys["learning_rate"], keys["lora_r"], keys["save_steps"]) == (1e-4, 16, 50)
    assert keys["tf32"] is False
    assert "saves_per_epoch" not in keys


def test_every_key_stands_below_what_is_said_of_it(configure: Configure) -> None:
    configure("--set", "lora_r=16")
    head, *parts = Path("runs/v8/config.yaml").read_text("utf-8").split("\n\n")
    assert head.splitlines()[0] == "# python -m training.qlora v8 --config-only --set lora_r=16"
    assert whole(MIXTURES / "v8").id in head
    said = {part.splitlines()[0]: yaml.safe_load(part) for part in parts}
    published = said["# Published with the winning solution (arXiv 2408.04658)."]
    assert published == {key: value for key, value in PUBLISHED.items() if key != "lora_r"}
    assert said["# Not published: our choice."].keys() == {"sequence_len", "num_epochs", "seed"}
    assert said["# Set on the command line."] == {"lora_r": 16}


def test_lora_has_no_word_of_4_bits(configure: Configure) -> None:
    keys = configure("--set", "adapter=lora", "--set", "load_in_4bit=false")
    assert (keys["adapter"], keys["load_in_4bit"]) == ("lora", False)
    assert "bnb_config_kwargs" not in keys


def test_a_tiny_model_on_the_cpu(configure: Configure) -> None:
    keys = configure("--profile", "cpu-tiny")
    assert keys["base_model"] == "runs/v8/base"
    assert keys["bf16"] is keys["lora_mlp_kernel"] is False
    assert keys["attn_implementation"] == "sdpa"
    assert "deepspeed" not in keys
    assert (
        not {"test_datasets", "eval_steps"} & keys.keys()
    )  # 4 bits on a CPU cannot be trained on after an evaluation
    assert Path("runs/v8/base/model.safetensors").is_file()
    lora = ("--set", "adapter=lora", "--set", "load_in_4bit=false", "--out", "runs/lora")
    assert {"test_datasets", "eval_steps"} <= configure("--profile", "cpu-tiny", *lora).keys()


def test_the_same_command_gives_the_same_bytes(configure: Configure) -> None:
    configure()
    first = Path("runs/v8/config.yaml").read_bytes()
    configure()
    assert Path("runs/v8/config.yaml").read_bytes() == first


def test_of_another_configuration_nothing_is_left(configure: Configure) -> None:
    configure()
    assert Path("runs/v8/deepspeed.json").exists()
    configure("--gpus", "1")
    assert not Path("runs/v8/deepspeed.json").exists()
