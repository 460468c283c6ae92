"""axolotl's configuration of a run: layers of keys, of which a later one goes before an earlier."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from builders.mixture.manifest import TRAIN, VALIDATION
from training.qlora import hyperparameters
from training.qlora.base import Base
from training.qlora.dataset import Mixture
from training.qlora.gpus import GPUS
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
_LENGTHS = {"excess_length_strategy": "drop"}
#: axolotl warns that PyTorch's attention with packs in bf16 may make a loss of 0 on Ampere.
_FLASH = {"attn_implementation": "flash_attention_2"}
#: Older GPUs have PyTorch's alone, by a mask: its kernel for packs is FlashAttention's.
_SDPA = {"attn_implementation": "sdpa", "sdpa_varlen": False}
#: NF4, its scales quantised once more.
_NF4 = {"bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}
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
    "save_steps": 3,
    "dataset_num_proc": 1,
    "pad_to_sequence_len": False,
    "attn_implementation": "sdpa",
    "bf16": False,
    "tf32": False,
    "lora_mlp_kernel": False,
    "lora_qkv_kernel": False,
    "lora_o_kernel": False,
}
#: One evaluation, at its end.
_TINY_EVALUATED = {"evals_per_epoch": None, "eval_steps": 8, "eval_sample_packing": False}


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
    published = Hyperparameters().model_dump()
    chosen = hyperparameters.of({**(_TINY if settings.tiny else {}), **settings.set})
    # on a CPU bitsandbytes lays the weights out anew for an evaluation, and has no gradients then
    evaluated = bool(mixture.entries(VALIDATION)) and not (settings.tiny and chosen.load_in_4bit)
    found = [
        Layer("What is trained on what.", _what(settings, mixture, base, evaluated)),
        Layer(
            "Published with the winning solution (arXiv 2408.04658).",
            {key: published[key] for key in PUBLISHED},
        ),
        Layer("Not published: our choice.", {key: published[key] for key in OPEN}),
        Layer("A sample that is longer than sequence_len is left out.", _LENGTHS),
        Layer(
            "Checkpoints: the same command again goes on from the last.", _checkpoints(evaluated)
        ),
        *_on_gpus(settings, shared),
    ]
    if chosen.load_in_4bit:
        found.append(Layer("The base in 4 bits.", {"bnb_config_kwargs": _NF4}))
    if chosen.sample_packing:
        packed = {"pad_to_sequence_len": True, "eval_sample_packing": evaluated or None}
        found.append(Layer("Packs are of one length.", packed))
    if settings.tiny:
        keys = _TINY | (_TINY_EVALUATED if evaluated else {})
        found.append(Layer("The profile cpu-tiny.", keys))
    spelt = chosen.model_dump()
    asked = {key: spelt.get(key, value) for key, value in settings.set.items()}
    return [*found, Layer("Set on the command line.", asked)]


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


def _what(settings: Settings, mixture: Mixture, base: Base, evaluated: bool) -> dict[str, Any]:
    return {
        "base_model": base.name,
        "revision_of_model": base.revision,
        "chat_template": "tokenizer_default",
        "datasets": mixture.entries(TRAIN),
        "test_datasets": mixture.entries(VALIDATION) if evaluated else None,
        "dataset_prepared_path": str(settings.out / PREPARED),
        "output_dir": str(settings.out),
    }


def _checkpoints(evaluated: bool) -> dict[str, Any]:
    return {
        "saves_per_epoch": 4,
        "evals_per_epoch": 4 if evaluated else None,
        "save_total_limit": 4,
        "auto_resume_from_checkpoints": True,
        "logging_steps": 1,
    }


def _on_gpus(settings: Settings, shared: bool) -> Iterator[Layer]:
    """Number formats, attention, and who holds what."""
    new = GPUS[settings.gpu].ampere
    formats = {"bf16": new, "fp16": None if new else True, "tf32": new}
    yield Layer("Number formats, and memory.", {**formats, "gradient_checkpointing": True})
    yield Layer("Attention, by which no sample of a pack sees another.", _FLASH if new else _SDPA)
    if settings.gpus > 1 and shared:
        yield Layer("FSDP: each GPU holds a share of the base.", _FSDP)
    elif settings.gpus > 1:
        path = str(settings.out / DEEPSPEED)
        yield Layer("DeepSpeed's ZeRO-2: each GPU holds the whole base.", {"deepspeed": path})
