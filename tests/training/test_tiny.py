"""A tiny model that is made without torch. That engines load it: tests/engines."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from builders.mixture.chat import Chat
from training import tiny

TEXTS = ["a black dress with 12 buttons, size 38", "日本語の商品名", "ein schwarzes Kleid"] * 20


def made(folder: Path, **given: object) -> dict[str, bytes]:
    tiny.make(folder, TEXTS, **given)  # type: ignore[arg-type]
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_the_same_texts_and_seed_give_the_same_bytes(tmp_path: Path) -> None:
    first = made(tmp_path / "a")
    assert first == made(tmp_path / "b")
    assert first["model.safetensors"] != made(tmp_path / "c", seed=1)["model.safetensors"]


def test_its_shapes_are_those_of_its_configuration(tmp_path: Path) -> None:
    made(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    tensors = load_file(tmp_path / "model.safetensors")
    hidden, inner, vocabulary = (
        config[key] for key in ("hidden_size", "intermediate_size", "vocab_size")
    )
    assert tensors["lm_head.weight"].shape == (vocabulary, hidden)
    assert tensors["model.layers.1.mlp.down_proj.weight"].shape == (hidden, inner)
    head = hidden // config["num_attention_heads"]
    assert head == 64, "vLLM takes no smaller heads"
    keys = (config["num_key_value_heads"] * head, hidden)
    assert tensors["model.layers.0.self_attn.k_proj.weight"].shape == keys
    assert len(tensors) == 3 + 2 * 12
    assert Tokenizer.from_file(str(tmp_path / "tokenizer.json")).get_vocab_size() <= vocabulary


@pytest.mark.parametrize(("dtype", "bits"), [("float16", 11), ("bfloat16", 8)])
def test_half_precision_is_the_same_rounded(tmp_path: Path, dtype: tiny.Dtype, bits: int) -> None:
    made(tmp_path / "full")
    made(tmp_path / "half", dtype=dtype)
    full = load_file(tmp_path / "full" / "model.safetensors")
    with safe_open(tmp_path / "half" / "model.safetensors", "numpy") as half:
        told = {name: half.get_slice(name).get_dtype() for name in half.keys()}  # noqa: SIM118
    assert set(told.values()) == {tiny.DTYPES[dtype]}
    content = (tmp_path / "half" / "model.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    for name, values in full.items():
        start, end = header[name]["data_offsets"]
        raw = np.frombuffer(content[8 + length :][start:end], np.uint16)
        if dtype == "bfloat16":
            read = (raw.astype(np.uint32) << 16).view(np.float32)
        else:
            read = raw.view(np.float16).astype(np.float32)
        largest = abs(values.ravel() - read) <= abs(values.ravel()) * 2.0**-bits + 3e-8
        assert largest.all(), name


def test_a_tied_model_has_no_head_of_its_own(tmp_path: Path) -> None:
    made(tmp_path, tied=True)
    assert "lm_head.weight" not in load_file(tmp_path / "model.safetensors")
    assert json.loads((tmp_path / "config.json").read_text())["tie_word_embeddings"] is True


def test_its_tokenizer_speaks_chatml(tmp_path: Path) -> None:
    made(tmp_path)
    chat = Chat(tmp_path, "tiny")
    messages = [{"role": "user", "content": "12 日本"}, {"role": "assistant", "content": "38"}]
    text = chat.render(messages)
    assert text == ("<|im_start|>user\n12 日本<|im_end|>\n<|im_start|>assistant\n38<|im_end|>\n")
    tokens = Tokenizer.from_file(str(tmp_path / "tokenizer.json")).encode(text)
    assert tokens.tokens[-4:-1] == ["3", "8", "<|im_end|>"], "every digit is a token"
