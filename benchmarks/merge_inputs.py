"""A random model of Qwen2-1.5B's shape and LoRA adapters on all of its linear maps.

    python benchmarks/merge_inputs.py FOLDER [--gigabytes 3] [--shards 5] [--largest]

FOLDER gets `base`, and the adapters `v8` and `v9b`, as PEFT saves them. Weights are normal, of
standard deviation 0.02; the change by an adapter has 3 % of that. --largest: instead, a model of
one tensor, the largest of Qwen2-72B.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Shapes = dict[str, tuple[int, ...]]

HIDDEN, INTERMEDIATE, KV, LAYERS, VOCABULARY = 1536, 8960, 256, 28, 151_936
#: Bytes of all that in bf16.
WHOLE = 3.087e9
#: lm_head of Qwen2-72B.
LARGEST: Shapes = {"lm_head.weight": (152_064, 8_192)}
RANK, ALPHA, WIDTH, CHANGE = 64, 128, 0.02, 0.03
ADAPTERS = {"v8": 0.56, "v9b": 0.25}
#: Numbers that are drawn at once.
BLOCK = 1 << 22


def shapes(gigabytes: float) -> Shapes:
    """Names and shapes, in the order of the file; a smaller model has fewer layers and tokens."""
    scale = gigabytes * 1e9 / WHOLE
    made: Shapes = {"model.embed_tokens.weight": (round(VOCABULARY * scale / 128) * 128, HIDDEN)}
    for layer in range(max(round(LAYERS * scale), 1)):
        at = f"model.layers.{layer}."
        attention = {"q": HIDDEN, "k": KV, "v": KV}
        for name, rows in attention.items():
            made[f"{at}self_attn.{name}_proj.bias"] = (rows,)
            made[f"{at}self_attn.{name}_proj.weight"] = (rows, HIDDEN)
        made[f"{at}self_attn.o_proj.weight"] = (HIDDEN, HIDDEN)
        for name in ("gate", "up"):
            made[f"{at}mlp.{name}_proj.weight"] = (INTERMEDIATE, HIDDEN)
        made[f"{at}mlp.down_proj.weight"] = (HIDDEN, INTERMEDIATE)
        for name in ("input", "post_attention"):
            made[f"{at}{name}_layernorm.weight"] = (HIDDEN,)
    return {**made, "model.norm.weight": (HIDDEN,)}


def linear(made: Shapes) -> Shapes:
    """Those that adapters change."""
    return {
        name: shape
        for name, shape in made.items()
        if name.endswith(("_proj.weight", "head.weight"))
    }


def write_model(folder: Path, made: Shapes, shards: int, random: np.random.Generator) -> None:
    """The model: shards of about one size, an index, config.json."""
    folder.mkdir(parents=True)
    total = sum(map(_count, made.values()))
    parts: list[Shapes] = [{} for _ in range(shards)]
    before = 0
    for name, shape in made.items():
        parts[before * shards // total][name] = shape
        before += _count(shape)
    where: dict[str, str] = {}
    for i, part in enumerate(filter(None, parts)):
        file = f"model-{i + 1:05}-of-{shards:05}.safetensors"
        _write(folder / file, part, "BF16", _weights(part, random))
        where |= dict.fromkeys(part, file)
    index = {"metadata": {"total_size": 2 * total}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")
    layers = len({name.split(".")[2] for name in made if ".layers." in name})
    sizes = {"hidden_size": HIDDEN, "intermediate_size": INTERMEDIATE, "num_hidden_layers": layers}
    heads = {"num_attention_heads": HIDDEN // 128, "num_key_value_heads": KV // 128}
    config = {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "vocab_size": next(iter(made.values()))[0],
        "tie_word_embeddings": "lm_head.weight" not in made,
        "torch_dtype": "bfloat16",
        **sizes,
        **heads,
    }
    (folder / "config.json").write_text(json.dumps(config), "utf-8")


def write_adapter(folder: Path, made: Shapes, random: np.random.Generator) -> None:
    """LoRA of rank `RANK` on all linear maps, in float32."""
    folder.mkdir(parents=True)
    # sd(dW) = alpha / r * sqrt(r) * sd(A) * sd(B)
    b = CHANGE * WIDTH / (ALPHA / RANK * RANK**0.5 * WIDTH)
    tensors: dict[str, NDArray[np.float32]] = {}
    for name, (rows, columns) in linear(made).items():
        at = f"base_model.model.{name.removesuffix('.weight')}"
        tensors[f"{at}.lora_A.weight"] = WIDTH * _normal(random, (RANK, columns))
        tensors[f"{at}.lora_B.weight"] = b * _normal(random, (rows, RANK))
    sizes = {name: values.shape for name, values in tensors.items()}
    data = (values.tobytes() for values in tensors.values())
    _write(folder / "adapter_model.safetensors", sizes, "F32", data)
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": RANK,
        "lora_alpha": ALPHA,
        "target_modules": sorted({name.split(".")[-2] for name in linear(made)}),
    }
    (folder / "adapter_config.json").write_text(json.dumps(config), "utf-8")


def _normal(random: np.random.Generator, shape: Sequence[int]) -> NDArray[np.float32]:
    return random.standard_normal(shape, np.float32)


def _weights(part: Shapes, random: np.random.Generator) -> Iterator[bytes]:
    """Normal numbers as bf16, cut off below: nobody needs them rounded."""
    for shape in part.values():
        for begin in range(0, _count(shape), BLOCK):
            some = np.float32(WIDTH) * _normal(random, (min(BLOCK, _count(shape) - begin),))
            yield some.view(np.uint16)[1::2].tobytes()


def _count(shape: Sequence[int]) -> int:
    return int(np.prod(shape))


def _write(
    file: Path, tensors: Mapping[str, Sequence[int]], dtype: str, data: Iterator[bytes]
) -> None:
    width = {"BF16": 2, "F32": 4}[dtype]
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in tensors.items():
        start, end = end, end + width * _count(shape)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with file.open("wb") as out:
        out.write(len(text).to_bytes(8, "little") + text)
        for block in data:
            out.write(block)


def main() -> None:
    """Write them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gigabytes", type=float, default=3.0)
    parser.add_argument("--shards", type=int, default=5)
    parser.add_argument("--largest", action="store_true")
    given = parser.parse_args()
    random = np.random.Generator(np.random.SFC64(0))
    made = LARGEST if given.largest else shapes(given.gigabytes)
    write_model(given.folder / "base", made, 1 if given.largest else given.shards, random)
    for name in ADAPTERS:
        write_adapter(given.folder / name, made, random)


if __name__ == "__main__":
    main()
