"""axolotl's configuration of a run: layers of keys, of which a later one goes before an earlier."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from builders.mixture.manifest import TRAIN, VALIDATION
from training.qlora import hyperparameters
from training.qlora.base import Base
from training.qlora.capability import has_bf16
from training.qlora.dataset import Mixture
from training.qlora.hyperparameters import OPEN, PUBLISHED, Hyperparameters
from training.qlora.settings import Settings

CONFIG, DEEPSPEED, PREPARED = "config.yaml", "deepspeed.json", "prepared"
#: ZeRO-2: each GPU holds the base, and a share of the gradients and of the optimizer's state.
#: `auto` is filled in by transformers from axolotl's own keys.
ZERO_2: dict[str, Any] = {
    "zero_optimization": {"stage": 2, "overlap_comm": True, "contiguous_gradients": True},
    "bf16": {"enabled": "auto"},
    "fp16": {"enabled": "auto"},
    "gradient_clipping": "auto",
    "gradient_accumulation_steps": "auto",
    "train_micro_batch_size_per_gpu": "auto",
    "train_batch_size": "auto",
}
#: FSDP2: each GPU holds a share of the base too. axolotl does not take 4 bit together with
#: loading by one process alone.
_FSDP: dict[str, Any] = {
    "fsdp_version": 2,
    "fsdp_config": {
        "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        "cpu_ram_efficient_loading": False,
        "offload_params": False,
        "reshard_after_forward": True,
        "state_dict_type": "FULL_STATE_DICT",
    },
}
#: A few steps of a tiny model, without what only GPUs have.
_TINY: dict[str, Any] = {
    "learning_rate": 0.01,
    "warmup_steps": 1,
    "gradient_accumulation_steps": 1,
    "lora_r": 8,
    "lora_alpha": 16,
    "sequence_len": 1024,
    "max_steps": 8,
    "saves_per_epoch": None,
    "evals_per_epoch": None,
    "save_steps": 3,
    "eval_steps": 8,
    "eval_sample_packing": False,
    "dataset_num_proc": 1,
    "pad_to_sequence_len": False,
    "bf16": False,
    "tf32": False,
    "lora_mlp_kernel": False,
    "lora_qkv_kernel": False,
    "lora_o_kernel": False,
}


class _Plain(yaml.SafeDumper):
    """Writes a value that stands twice out twice."""

    def ignore_aliases(self, data: Any) -> bool:
        """Always."""
        return True


@dataclass(frozen=True)
class Layer:
    """Keys with what is said above them."""

    comment: str
    keys: Mapping[str, Any]


def layers(settings: Settings, mixture: Mixture, base: Base, shared: bool) -> list[Layer]:
    """The whole configuration. shared: whether the GPUs share the base, as each has no room for it.

    Raises `ShopmixError` for a hyper-parameter out of range.
    """
    defaults = Hyperparameters().model_dump()
    found = [
        Layer("What is trained on what.", _what(settings, mixture, base)),
        Layer(
            "Published with the winning solution (arXiv 2408.04658).",
            {key: defaults[key] for key in PUBLISHED},
        ),
        Layer("Not published: our choice.", {key: defaults[key] for key in OPEN}),
        Layer(
            "The base in 4 bits: NF4, its scales quantised once more.",
            {
                "bnb_config_kwargs": {
                    "bnb_4bit_quant_type": "nf4",
                    "bnb_4bit_use_double_quant": True,
                }
            },
        ),
        Layer(
            "A sample that is longer than sequence_len is left out. Attention never leaves its own "
            "sample.",
            {
                "excess_length_strategy": "drop",
                "eval_sample_packing": True,
                "pad_to_sequence_len": True,
                "attn_implementation": "sdpa",
            },
        ),
        Layer("Number formats, and memory.", _formats(settings)),
        Layer(
            "Checkpoints: the same command again goes on from the last.",
            {
                "saves_per_epoch": 4,
                "evals_per_epoch": 4 if mixture.entries(VALIDATION) else None,
                "save_total_limit": 4,
                "auto_resume_from_checkpoints": True,
                "logging_steps": 1,
            },
        ),
        *_parallel(settings, shared),
        *([Layer("The profile cpu-tiny.", _TINY)] if settings.tiny else []),
        *([Layer("Set on the command line.", settings.set)] if settings.set else []),
    ]
    chosen = hyper(found)
    spelt = {key: getattr(chosen, key) for key in settings.set if key in defaults}
    found[-1] = Layer(found[-1].comment, {**found[-1].keys, **spelt})
    if not chosen.load_in_4bit:
        found = [layer for layer in found if "bnb_config_kwargs" not in layer.keys]
    elif settings.tiny:
        found.append(
            Layer(
                "No evaluation: on a CPU bitsandbytes lays the weights out anew for it, and has no "
                "gradients then.",
                {"test_datasets": None, "eval_steps": None, "eval_sample_packing": None},
            )
        )
    return found


def hyper(found: Sequence[Layer]) -> Hyperparameters:
    """The hyper-parameters among the keys. Raises `ShopmixError` for one out of range."""
    return hyperparameters.of(merged(found))


def merged(found: Sequence[Layer]) -> dict[str, Any]:
    """The keys of all layers; those that are None at last are left out."""
    keys = {key: value for layer in found for key, value in layer.keys.items()}
    return {key: value for key, value in keys.items() if value is not None}


def text(found: Sequence[Layer], command: Sequence[str], mixture: Mixture) -> str:
    """As it stands in `CONFIG`: every key once, in the layer whose word counts."""
    winners = {key: number for number, layer in enumerate(found) for key in layer.keys}
    manifest = mixture.manifest
    told = [
        f"# {shlex.join(command)}\n"
        f"# Mixture {manifest.mixture} {manifest.id}: {manifest.rows(TRAIN):,} training samples. "
        f"Written anew by that command.\n"
    ]
    for number, layer in enumerate(found):
        keys = {
            key: value
            for key, value in layer.keys.items()
            if winners[key] == number and value is not None
        }
        if keys:
            dumped = yaml.dump(keys, Dumper=_Plain, sort_keys=False, allow_unicode=True)
            told.append(f"# {layer.comment}\n{dumped}")
    return "\n".join(told)


def _what(settings: Settings, mixture: Mixture, base: Base) -> dict[str, Any]:
    return {
        "base_model": base.name,
        "revision_of_model": base.revision,
        "chat_template": "tokenizer_default",
        "datasets": mixture.entries(TRAIN),
        "test_datasets": mixture.entries(VALIDATION) or None,
        "dataset_prepared_path": str(settings.out / PREPARED),
        "output_dir": str(settings.out),
    }


def _formats(settings: Settings) -> dict[str, Any]:
    bf16 = has_bf16(settings.gpu)
    return {
        "bf16": bf16,
        "fp16": None if bf16 else True,
        "tf32": bf16,
        "gradient_checkpointing": True,
    }


def _parallel(settings: Settings, shared: bool) -> list[Layer]:
    if settings.gpus == 1:
        return []
    if shared:
        return [Layer("FSDP: each GPU holds a share of the base.", _FSDP)]
    path = str(settings.out / DEEPSPEED)
    return [Layer("DeepSpeed's ZeRO-2: each GPU holds the whole base.", {"deepspeed": path})]
