"""A tiny random Qwen2 with a ChatML tokenizer, made without torch: to try everything on a CPU.

Sizes are the least that every engine takes: heads of 64 (vLLM), rows in groups of 128 (AWQ). The
weights are wide enough (0.1) that the layers decide what comes out. The same texts and seed give
the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from builders.manifest import replacing

VOCABULARY = 4096
END, PAD = "<|im_end|>", "<|endoftext|>"
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content"
    " + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
#: What Qwen2 takes for a word: transformers reads any Qwen2 tokenizer with it.
_WORD = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_HIDDEN, _INTERMEDIATE, _LAYERS, _HEADS, _KV_HEADS, _WIDTH = 256, 512, 2, 4, 2, 0.1
Dtype = Literal["float32", "float16", "bfloat16"]
DTYPES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}


def make(
    folder: Path, texts: Iterable[str], dtype: Dtype = "float32", seed: int = 0, tied: bool = False
) -> None:
    """Write a checkpoint and its tokenizer, which is trained on the texts, to a folder.

    tied: the output shares the input's embeddings, and has no tensor of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tokens = _tokenizer(texts)
    ids = {name: tokens.token_to_id(name) for name in (END, PAD)}
    tensors = dict(_tensors(np.random.default_rng(seed), tied))
    with replacing(folder / "tokenizer.json") as half:
        tokens.save(str(half))
    with replacing(folder / "model.safetensors") as half:
        half.write_bytes(_safetensors(tensors, dtype))
    described = {
        "tokenizer_config.json": _TOKENIZER,
        "generation_config.json": {"eos_token_id": ids[END], "pad_token_id": ids[PAD]},
        "config.json": {
            **_CONFIG,
            "dtype": dtype,
            "tie_word_embeddings": tied,
            "eos_token_id": ids[END],
            "pad_token_id": ids[PAD],
        },
    }
    for name, told in described.items():  # the configuration last: with it the folder is whole
        with replacing(folder / name) as half:
            half.write_text(json.dumps(told, indent=2) + "\n", "utf-8")


_CONFIG: dict[str, Any] = {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "attention_dropout": 0.0,
    "hidden_act": "silu",
    "hidden_size": _HIDDEN,
    "initializer_range": _WIDTH,
    "intermediate_size": _INTERMEDIATE,
    "max_position_embeddings": 4096,
    "num_attention_heads": _HEADS,
    "num_hidden_layers": _LAYERS,
    "num_key_value_heads": _KV_HEADS,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "use_cache": True,
    "use_sliding_window": False,
    "vocab_size": VOCABULARY,
}
_TOKENIZER: dict[str, Any] = {
    "tokenizer_class": "Qwen2Tokenizer",
    "eos_token": END,
    "pad_token": PAD,
    "chat_template": CHATML,
    "clean_up_tokenization_spaces": False,
}


def _tokenizer(texts: Iterable[str]) -> Tokenizer:
    """Train a byte-level BPE that splits texts as Qwen2's does, every digit off among others."""
    bpe = Tokenizer(models.BPE())
    bpe.normalizer = normalizers.NFC()
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORD), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, "<|im_start|>", END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    return bpe


def _tensors(chance: Generator, tied: bool) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Every tensor by its name, float32; maps as (out, in)."""

    def map_of(*shape: int) -> NDArray[np.float32]:
        return chance.standard_normal(shape, np.float32) * np.float32(_WIDTH)

    kv = _HIDDEN // _HEADS * _KV_HEADS
    yield "model.embed_tokens.weight", map_of(VOCABULARY, _HIDDEN)
    for number in range(_LAYERS):
        layer = f"model.layers.{number}"
        for name, rows in (("q", _HIDDEN), ("k", kv), ("v", kv)):
            yield f"{layer}.self_attn.{name}_proj.weight", map_of(rows, _HIDDEN)
            yield f"{layer}.self_attn.{name}_proj.bias", np.zeros(rows, np.float32)
        yield f"{layer}.self_attn.o_proj.weight", map_of(_HIDDEN, _HIDDEN)
        yield f"{layer}.mlp.gate_proj.weight", map_of(_INTERMEDIATE, _HIDDEN)
        yield f"{layer}.mlp.up_proj.weight", map_of(_INTERMEDIATE, _HIDDEN)
        yield f"{layer}.mlp.down_proj.weight", map_of(_HIDDEN, _INTERMEDIATE)
        yield f"{layer}.input_layernorm.weight", np.ones(_HIDDEN, np.float32)
        yield f"{layer}.post_attention_layernorm.weight", np.ones(_HIDDEN, np.float32)
    yield "model.norm.weight", np.ones(_HIDDEN, np.float32)
    if not tied:
        yield "lm_head.weight", map_of(VOCABULARY, _HIDDEN)


def _safetensors(tensors: Mapping[str, NDArray[np.float32]], dtype: Dtype) -> bytes:
    """A file of tensors: the header's length, the header (JSON), and their bytes one after another.

    By hand, as numpy has no bfloat16.
    """
    data = {name: _bytes(values, dtype) for name, values in tensors.items()}
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, content in data.items():
        start, end = end, end + len(content)
        shape = list(tensors[name].shape)
        header[name] = {"dtype": DTYPES[dtype], "shape": shape, "data_offsets": [start, end]}
    told = json.dumps(header).encode()
    told += b" " * (-len(told) % 8)
    return len(told).to_bytes(8, "little") + told + b"".join(data.values())


def _bytes(values: NDArray[np.float32], dtype: Dtype) -> bytes:
    """A tensor's bytes; bfloat16 is the upper half of float32, rounded to the nearest, even."""
    if dtype != "bfloat16":
        return values.astype(dtype).tobytes()
    bits = values.view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16).tobytes()
