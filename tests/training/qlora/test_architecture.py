"""Sizes from a config.json give the parameters that are published."""

from __future__ import annotations

from typing import Any

import pytest

from builders.errors import ShopmixError
from training.qlora.architecture import PUBLISHED, architecture

KEYS = (
    "num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads",
    "num_key_value_heads", "vocab_size",
)  # fmt: skip


def config(kind: str, *sizes: int, **others: Any) -> dict[str, Any]:
    """A config.json with these sizes, in the order of `KEYS`."""
    return {"model_type": kind, **dict(zip(KEYS, sizes, strict=True)), **others}


LLAMA_3_8B = config("llama", 32, 4_096, 14_336, 32, 8, 128_256)


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (LLAMA_3_8B, 8_030_261_248),
        (config("mistral", 32, 4_096, 14_336, 32, 8, 32_000), 7_241_732_096),
        (config("gemma", 18, 2_048, 16_384, 8, 1, 256_000, head_dim=256), 2_506_172_416),
        (config("gemma2", 42, 3_584, 14_336, 16, 8, 256_000, head_dim=256), 9_241_705_984),
        (config("gemma3_text", 26, 1_152, 6_912, 4, 1, 262_144, head_dim=256), 999_885_952),
        (
            config("qwen3", 28, 1_024, 3_072, 16, 8, 151_936, head_dim=128, tie_word_embeddings=1),
            596_049_920,
        ),
    ],
)
def test_parameters_are_those_published(config: dict[str, Any], parameters: int) -> None:
    found = architecture(config, "somebody/model")
    assert found and found.parameters == parameters


@pytest.mark.parametrize(
    ("name", "parameters", "in_layers"),
    [
        ("Qwen/Qwen2-0.5B", 494_032_768, 0.36e9),
        ("Qwen/Qwen2-1.5B-Instruct", 1_543_714_304, 1.31e9),
        ("Qwen/Qwen2-7B", 7_615_616_512, 6.53e9),
        ("Qwen/Qwen2-72B-Instruct", 72_706_203_648, 70.21e9),
    ],
)
def test_qwen2_needs_no_config(name: str, parameters: int, in_layers: float) -> None:
    found = architecture({}, name)
    assert found and found.parameters == parameters
    assert found.in_layers == pytest.approx(in_layers, rel=0.02)


def test_a_config_goes_before_what_is_published() -> None:
    found = architecture(LLAMA_3_8B, next(iter(PUBLISHED)))
    assert found and found.hidden == 4_096


def test_an_adapter_has_two_maps_for_each() -> None:
    found = architecture(config("llama", 3, 64, 96, 4, 2, 128), "tiny")
    wide, narrow, inner = (64 + 64) * 2, (64 + 32) * 2, (64 + 96) * 3
    assert found and found.adapter(8) == 3 * 8 * (wide + narrow + inner)


@pytest.mark.parametrize("given", [{}, {"model_type": "mixtral"}, config("phi3", *range(1, 7))])
def test_other_models_are_not_guessed(given: dict[str, Any]) -> None:
    assert architecture(given, "somebody/model") is None


@pytest.mark.parametrize("wrong", [None, 0, "64", 64.5])
def test_a_size_that_is_none(wrong: Any) -> None:
    given = LLAMA_3_8B | {"hidden_size": wrong}
    with pytest.raises(ShopmixError, match=r"somebody/model, config.json: hidden_size is"):
        architecture(given, "somebody/model")
