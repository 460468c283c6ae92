"""A head that is the embedding stays so where it can, and is set apart where adapters part them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from builders.errors import ShopmixError
from tests.training.wise_ft.merging import merged
from tests.training.wise_ft.models import pair, write_adapter, write_base, write_lora
from tests.training.wise_ft.tensors import (
    Array,
    Arrays,
    contents,
    read_model,
    rounded,
    write_tensors,
)

EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"
WRAPPED = "base_model.model."
SHARDS = pytest.mark.parametrize("shards", [1, 3])


def normal(rows: int, columns: int, seed: int = 2) -> Array:
    """Random numbers that float32 holds."""
    return rounded(np.random.default_rng(seed).normal(0, 0.1, (rows, columns)), "F32")


def of_embedding(a: Array, b: Array) -> Arrays:
    """LoRA of an embedding, whose change is (B A)^T."""
    at = f"{WRAPPED}model.embed_tokens.lora_embedding_"
    return {f"{at}A": a, f"{at}B": b}


def config_of(folder: Path) -> dict[str, object]:
    made: dict[str, object] = json.loads((folder / "config.json").read_text())
    return made


@SHARDS
def test_one_matrix_stays_one(tmp_path: Path, shards: int) -> None:
    base = write_base(tmp_path / "base", shards=shards, tied=True)
    out = merged(base, [(write_adapter(tmp_path / "v1"), 0.5)], tmp_path / "out")
    assert read_model(out).keys() == read_model(base).keys()
    assert config_of(out) == config_of(base)


@SHARDS
@pytest.mark.parametrize("changed", ["head", "embedding", "both"])
def test_an_adapter_on_one_of_the_two_sets_the_head_apart(
    tmp_path: Path, shards: int, changed: str
) -> None:
    base = write_base(tmp_path / "base", shards=shards, tied=True)
    a, b, c, d = normal(2, 16), normal(40, 2), normal(3, 40), normal(16, 3)
    head = pair("lm_head", a, b) if changed != "embedding" else {}
    embedding = of_embedding(c, d) if changed != "head" else {}
    adapters = [
        (write_lora(tmp_path / f"v{i}", some, r=r, lora_alpha=r), 0.5)
        for i, (some, r) in enumerate([(head, 2), (embedding, 3)])
        if some
    ]
    out = merged(base, adapters, tmp_path / "out")
    old, new = read_model(base)[EMBEDDING], read_model(out)
    changes = {HEAD: 0.5 * b @ a if head else 0, EMBEDDING: 0.5 * (d @ c).T if embedding else 0}
    for name, change in changes.items():
        assert np.array_equal(new[name], rounded(old + change, "BF16")), name
    assert new.keys() - read_model(base).keys() == {HEAD}
    assert config_of(out) == config_of(base) | {"tie_word_embeddings": False}
    if shards > 1:
        index = json.loads((out / "model.safetensors.index.json").read_text())
        assert index["weight_map"].keys() == new.keys()
        before = json.loads((base / "model.safetensors.index.json").read_text())
        for key, size in (("total_size", 2), ("total_parameters", 1)):
            assert index["metadata"][key] - before["metadata"][key] == 40 * 16 * size


def test_a_head_that_was_trained_in_full_is_set_apart(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base", tied=True)
    trained = normal(40, 16)
    tensors = {f"{WRAPPED}{HEAD}": trained}
    full = write_lora(tmp_path / "v1", tensors, r=1, lora_alpha=1, modules_to_save=["lm_head"])
    out = read_model(merged(base, [(full, 0.5)], tmp_path / "out"))
    old = read_model(base)[EMBEDDING]
    assert np.array_equal(out[HEAD], rounded(old + 0.5 * (trained - old), "BF16"))
    assert np.array_equal(out[EMBEDDING], old)


def test_both_trained_in_full_to_the_same_stay_one(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base", tied=True)
    trained = normal(40, 16)
    both = {f"{WRAPPED}{EMBEDDING}": trained, f"{WRAPPED}{HEAD}": trained}
    full = write_lora(tmp_path / "v1", both, r=1, lora_alpha=1, modules_to_save=["embed_tokens"])
    out = merged(base, [(full, 1.0)], tmp_path / "out")
    assert read_model(out).keys() == read_model(base).keys()
    assert np.array_equal(read_model(out)[EMBEDDING], rounded(trained, "BF16"))
    assert config_of(out) == config_of(base)


def test_a_second_copy_of_the_one_matrix_in_the_file(tmp_path: Path) -> None:
    """Some write the head out though it is the embedding: the file keeps both."""
    base = write_base(tmp_path / "base", shards=1, tied=True)
    tensors = read_model(base)
    write_tensors(base / "model.safetensors", {**tensors, HEAD: tensors[EMBEDDING]}, "BF16")
    a, b = normal(2, 16), normal(40, 2)
    adapter = write_lora(tmp_path / "v1", pair("lm_head", a, b), r=2, lora_alpha=2)
    out = merged(base, [(adapter, 1.0)], tmp_path / "out")
    old, new = tensors[EMBEDDING], read_model(out)
    assert np.array_equal(new[HEAD], rounded(old + b @ a, "BF16"))
    assert np.array_equal(new[EMBEDDING], old)
    assert config_of(out)["tie_word_embeddings"] is False


def test_at_weight_0_they_stay_one(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base", tied=True)
    adapter = write_lora(
        tmp_path / "v1", pair("lm_head", normal(2, 16), normal(40, 2)), r=2, lora_alpha=2
    )
    out = merged(base, [(adapter, 0.0)], tmp_path / "out")
    assert contents(out).items() >= contents(base).items()


def test_a_base_without_a_head_that_is_not_tied_has_none(tmp_path: Path) -> None:
    """A head cannot be changed that is neither there nor the embedding."""
    base = write_base(tmp_path / "base", tied=True)
    config = config_of(base) | {"tie_word_embeddings": False}
    (base / "config.json").write_text(json.dumps(config))
    adapter = write_lora(
        tmp_path / "v1", pair("lm_head", normal(2, 16), normal(40, 2)), r=2, lora_alpha=2
    )
    with pytest.raises(ShopmixError, match=r"lm_head\.weight, which .* does not have"):
        merged(base, [(adapter, 1.0)], tmp_path / "out")
