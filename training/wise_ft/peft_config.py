"""What an adapter's configuration says of the formula, and a refusal of all others.

The keys are those of PEFT's `LoraConfig`. A key that is not known here, and says anything at all,
may stand for a formula that is not this one, so it is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from builders.errors import ShopmixError

NAME = "adapter_config.json"
#: Keys that say how it was trained, or which modules it is of: the tensors themselves tell that.
_FREE = frozenset(
    "base_model_name_or_path revision peft_type peft_version task_type auto_mapping inference_mode "
    "r target_modules exclude_modules lora_alpha lora_dropout fan_in_fan_out bias use_rslora "
    "modules_to_save layers_to_transform layers_pattern rank_pattern alpha_pattern "
    "init_lora_weights eva_config megatron_core qalora_group_size runtime_config".split()
)
#: What other formulas and other tensors are called, by the key that asks for them.
_OTHERS = {
    "use_dora": "DoRA",
    "use_qalora": "QALoRA",
    "use_bdlora": "block-diagonal LoRA",
    "alora_invocation_tokens": "activated LoRA",
    "arrow_config": "Arrow routing",
    "monteclora_config": "MonteCLoRA",
    "lora_bias": "biases of the adapter's own matrices (lora_bias)",
    "trainable_token_indices": "trained rows of embeddings (trainable_token_indices)",
    "target_parameters": "LoRA on parameters (target_parameters)",
    "layer_replication": "replicated layers (layer_replication)",
    "megatron_config": "Megatron's parallel layers",
    "ensure_weight_tying": "adapters shared by tied weights (ensure_weight_tying)",
    "loftq_config": "LoftQ, which changes the base",
    "corda_config": "CorDA, which changes the base",
    "lora_ga_config": "LoRA-GA, which changes the base",
}
#: Ways to begin that leave the base as it is.
_BEGINNINGS = (None, True, False, "gaussian", "eva", "orthogonal")


def check_formula(config: Mapping[str, Any], file: Path) -> None:
    """Raises `ShopmixError` for anything whose change is not (alpha / r) B A, by its name."""
    kind = str(config.get("peft_type")).rpartition(".")[2]
    if kind != "LORA":
        raise _refused(file, f"an adapter of type {kind}")
    for key, said in config.items():
        if key not in _FREE and said not in (None, False, {}, []):
            raise _refused(file, _OTHERS.get(key, f"{key}: {said}"))
    begun = config.get("init_lora_weights")
    if begun not in _BEGINNINGS:
        raise _refused(file, f"init_lora_weights {begun}, which may change the base,")


def scale_of(config: Mapping[str, Any], module: str, rank: int, file: Path) -> float:
    """alpha / r of a module, or alpha / sqrt(r) for rsLoRA (arXiv 2312.03732).

    rank: what its tensors have. Raises `ShopmixError` where the configuration says another.
    """
    try:
        said = _of(config.get("rank_pattern") or {}, module, config["r"])
        alpha = float(_of(config.get("alpha_pattern") or {}, module, config["lora_alpha"]))
    except KeyError as error:
        raise ShopmixError(f"{file} lacks {error}: copy the adapter anew") from None
    except (TypeError, ValueError, AttributeError, re.error) as error:
        raise ShopmixError(f"{file}: rank or alpha of {module}: {error}") from None
    if said != rank:
        raise ShopmixError(
            f"{file} says rank {said} of {module}, whose tensors have {rank}: the configuration "
            f"and the tensors are of different adapters"
        )
    if not math.isfinite(alpha):
        raise ShopmixError(f"{file}: alpha of {module} is {alpha}")
    return alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank


def _of(patterns: Mapping[str, Any], module: str, otherwise: Any) -> Any:
    """As PEFT finds it: the first pattern that is the end of the name, from a dot on."""
    for pattern, value in patterns.items():
        if re.match(rf"(.*\.)?({pattern})$", module):
            return value
    return otherwise


def _refused(file: Path, what: str) -> ShopmixError:
    return ShopmixError(
        f"{file}: {what} cannot be merged: only LoRA whose change is (alpha / r) B A can"
    )
