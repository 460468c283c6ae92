"""Small checkpoints and adapters, and what a merge of them must be, without the code under test."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.training.wise_ft.tensors import (
    Array,
    Arrays,
    read_model,
    read_tensors,
    unit,
    write_tensors,
)

HIDDEN, INTERMEDIATE, VOCABULARY, LAYERS = 16, 24, 40, 2
HEADS, KV_HEADS = 4, 2
#: Output and input size of each linear map of a layer.
LINEAR = {
    "self_attn.q_proj": (HIDDEN, HIDDEN),
    "self_attn.k_proj": (HIDDEN // 2, HIDDEN),
    "self_attn.v_proj": (HIDDEN // 2, HIDDEN),
    "self_attn.o_proj": (HIDDEN, HIDDEN),
    "mlp.gate_proj": (INTERMEDIATE, HIDDEN),
    "mlp.up_proj": (INTERMEDIATE, HIDDEN),
    "mlp.down_proj": (HIDDEN, INTERMEDIATE),
}
ALL = tuple(LINEAR)
#: A module of the first layer.
Q_PROJ = "model.layers.0.self_attn.q_proj"
#: Files of a model that are not weights.
OTHERS = {
    "generation_config.json": b'{"eos_token_id": 2}\n',
    "tokenizer.json": b'{"version": "1.0"}',
    "LICENSE": b"To be kept.\n",
}
#: config.json of the small Qwen2.
CONFIG = {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "hidden_size": HIDDEN,
    "intermediate_size": INTERMEDIATE,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS,
    "vocab_size": VOCABULARY,
    "tie_word_embeddings": False,
    "dtype": "bfloat16",
}
#: adapter_config.json of PEFT 0.20, but for what an adapter decides.
ADAPTER: dict[str, Any] = {
    "alora_invocation_tokens": None,
    "alpha_pattern": {},
    "arrow_config": None,
    "auto_mapping": None,
    "base_model_name_or_path": "Qwen/Qwen2-0.5B",
    "bias": "none",
    "corda_config": None,
    "ensure_weight_tying": False,
    "eva_config": None,
    "exclude_modules": None,
    "fan_in_fan_out": False,
    "inference_mode": True,
    "init_lora_weights": True,
    "layer_replication": None,
    "layers_pattern": None,
    "layers_to_transform": None,
    "loftq_config": {},
    "lora_bias": False,
    "lora_dropout": 0.0,
    "lora_ga_config": None,
    "megatron_config": None,
    "megatron_core": "megatron.core",
    "modules_to_save": None,
    "monteclora_config": None,
    "peft_type": "LORA",
    "peft_version": "0.20.0",
    "qalora_group_size": 16,
    "rank_pattern": {},
    "revision": None,
    "target_parameters": None,
    "task_type": "CAUSAL_LM",
    "trainable_token_indices": None,
    "use_bdlora": None,
    "use_dora": False,
    "use_qalora": False,
    "use_rslora": False,
    "velora_config": None,
}


def shapes(tied: bool = False) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a Qwen2, in the order of its file."""
    made: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (VOCABULARY, HIDDEN)}
    for layer in range(LAYERS):
        at = f"model.layers.{layer}."
        made[f"{at}input_layernorm.weight"] = (HIDDEN,)
        for name, (rows, columns) in LINEAR.items():
            made[f"{at}{name}.weight"] = (rows, columns)
            if name[-6:] in ("q_proj", "k_proj", "v_proj"):
                made[f"{at}{name}.bias"] = (rows,)
        made[f"{at}post_attention_layernorm.weight"] = (HIDDEN,)
    made["model.norm.weight"] = (HIDDEN,)
    return made if tied else {**made, "lm_head.weight": (VOCABULARY, HIDDEN)}


def write_base(
    folder: Path, dtype: str = "BF16", shards: int = 3, tied: bool = False, seed: int = 0
) -> Path:
    """A random Qwen2 of two layers, with files that are not weights."""
    random = np.random.default_rng(seed)
    tensors = {name: random.normal(0, 0.02, shape) for name, shape in shapes(tied).items()}
    write_model(folder, tensors, dtype, shards, tie_word_embeddings=tied)
    for name, data in OTHERS.items():
        (folder / name).write_bytes(data)
    return folder


def write_model(
    folder: Path, tensors: Arrays, dtype: str = "BF16", shards: int = 1, **config: Any
) -> Path:
    """A checkpoint of these tensors in so many shards; of one shard there is no index."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **config}, indent=1))
    if shards == 1:
        write_tensors(folder / "model.safetensors", tensors, dtype, {"format": "pt"})
        return folder
    weight_map: dict[str, str] = {}
    for i, names in enumerate(np.array_split(list(tensors), shards)):
        file = f"model-{i + 1:05}-of-{shards:05}.safetensors"
        some = {str(name): tensors[name] for name in names}
        write_tensors(folder / file, some, dtype, {"format": "pt", "part": str(i)})
        weight_map |= dict.fromkeys(some, file)
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    count = sum(values.size for values in tensors.values())
    metadata = {"total_parameters": count, "total_size": size}
    index = {"metadata": metadata, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))
    return folder


def write_adapter(
    folder: Path,
    r: int = 4,
    alpha: float = 8,
    targets: Iterable[str] = ALL,
    seed: int = 1,
    dtype: str = "F32",
    extra: Mapping[str, Array] | None = None,
    **config: Any,
) -> Path:
    """A random LoRA adapter of these linear maps in all layers.

    extra: more tensors, by the names they have in the file. config: more of adapter_config.json.
    """
    random = np.random.default_rng(seed)
    tensors: Arrays = {}
    for layer in range(LAYERS):
        for name in targets:
            rows, columns = LINEAR[name]
            a, b = random.normal(0, 0.3, (r, columns)), random.normal(0, 0.01, (rows, r))
            tensors |= pair(f"model.layers.{layer}.{name}", a, b)
    config = {"r": r, "lora_alpha": alpha, **config}
    return write_lora(folder, {**tensors, **(extra or {})}, dtype, **config)


def pair(module: str, a: Array, b: Array) -> Arrays:
    """The tensors of B A on a linear map, by the names they have in an adapter's file."""
    at = f"base_model.model.{module}"
    return {f"{at}.lora_A.weight": a, f"{at}.lora_B.weight": b}


def write_lora(
    folder: Path, tensors: Mapping[str, Array], dtype: str = "F32", **config: Any
) -> Path:
    """An adapter of these tensors, as PEFT writes it."""
    folder.mkdir(parents=True)
    write_tensors(folder / "adapter_model.safetensors", tensors, dtype, {"format": "pt"})
    modules = {
        name.partition(".lora_")[0].rpartition(".")[2] for name in tensors if "lora_" in name
    }
    made = {**ADAPTER, "target_modules": sorted(modules), **config}
    (folder / "adapter_config.json").write_text(json.dumps(made, indent=2))
    return folder


@dataclass(frozen=True)
class Exact:
    """A merged tensor in float64, and the sum of what was added up, without signs."""

    values: Array
    magnitude: Array
    terms: int


def exact(base: Path, adapters: Iterable[tuple[Path, float]]) -> dict[str, Exact]:
    """W + sum of weight x scale x B A of LoRA on linear maps, in float64."""
    found = {name: Exact(v, abs(v), 1) for name, v in read_model(base).items()}
    for folder, weight in adapters:
        config = json.loads((folder / "adapter_config.json").read_text())
        tensors = read_tensors(folder / "adapter_model.safetensors")
        for name, a in tensors.items():
            if not name.endswith(".lora_A.weight"):
                continue
            b = tensors[name.replace(".lora_A.", ".lora_B.")]
            module = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
            rank, leaf = len(a), module.rpartition(".")[2]
            alpha = config["alpha_pattern"].get(leaf, config["lora_alpha"])
            scale = weight * alpha / (math.sqrt(rank) if config["use_rslora"] else rank)
            old = found[f"{module}.weight"]
            found[f"{module}.weight"] = Exact(
                old.values + scale * (b @ a),
                old.magnitude + abs(scale) * (abs(b) @ abs(a)),
                old.terms + rank + 3,
            )
    return found


def assert_exact(out: Path, expected: Mapping[str, Exact], dtype: str) -> None:
    """Every weight is the nearest number to the exact one, or to what fp32 makes of that."""
    merged = read_model(out)
    assert merged.keys() == expected.keys()
    for name, tensor in expected.items():
        error = abs(merged[name] - tensor.values)
        fp32 = tensor.terms * 2.0**-24 * tensor.magnitude
        allowed = unit(tensor.values, dtype) / 2 + fp32
        assert (error <= allowed).all(), f"{name}: {(error / allowed).max():.2f} of what is allowed"
