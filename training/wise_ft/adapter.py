"""A LoRA adapter as PEFT saves it, read and checked before anything is made of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash

from builders.errors import ShopmixError
from builders.manifest import hash_file
from training.wise_ft.checkpoint import WIDTHS, Tensor, open_shard, read_json
from training.wise_ft.numbers import STORED, chunks, finite
from training.wise_ft.peft_config import NAME, check_formula, scale_of

WEIGHTS = "adapter_model.safetensors"
#: PEFT wraps the model, and some of its modules once more.
_PREFIX, _WRAPPED = "base_model.model.", ".base_layer"
#: The ends of names that are halves of a pair: which half, and whether of an embedding.
_HALVES = {
    ".lora_A.weight": ("a", False),
    ".lora_B.weight": ("b", False),
    ".lora_embedding_A": ("a", True),
    ".lora_embedding_B": ("b", True),
}


@dataclass(frozen=True)
class Pair:
    """A change of low rank: scale * B A, or scale * (B A)^T where `transposed`.

    a: shape (rank, in). b: shape (out, rank).
    """

    a: Tensor
    b: Tensor
    scale: float
    transposed: bool

    @property
    def rank(self) -> int:
        """Columns of B."""
        return self.a.shape[0]

    @property
    def shape(self) -> tuple[int, int]:
        """Of the change."""
        rows, columns = self.b.shape[0], self.a.shape[1]
        return (columns, rows) if self.transposed else (rows, columns)


@dataclass(frozen=True)
class Adapter:
    """An adapter whose numbers are all finite, by the names of the base's tensors.

    pairs: its changes. replaced: what was trained in full, as biases and `modules_to_save`.
    digest: xxh3-128 of its configuration and tensors, 32 hex.
    """

    name: str
    folder: Path
    config: Mapping[str, Any]
    pairs: Mapping[str, Pair]
    replaced: Mapping[str, Tensor]
    digest: str

    @property
    def tensors(self) -> set[str]:
        """Names of the base's tensors that it changes."""
        return {*self.pairs, *self.replaced}


def read_adapter(folder: Path, name: str | None = None) -> Adapter:
    """The adapter in a folder; all of it is read once. name: what it is called, else the folder.

    Raises `ShopmixError` for files that are not whole, for numbers that are not finite, and for
    every formula that is not LoRA's own.
    """
    config = read_json(folder / NAME)
    check_formula(config, folder / NAME)
    if not (folder / WEIGHTS).is_file():
        pickled = (folder / "adapter_model.bin").is_file()
        raise ShopmixError(
            f"{folder / WEIGHTS} is missing: "
            + ("save adapter_model.bin anew with PEFT, as safetensors" if pickled else "train it")
        )
    tensors = open_shard(folder / WEIGHTS).tensors
    for tensor in tensors:
        _check_numbers(tensor)
    halves, replaced = _sorted(tensors)
    pairs = dict(_pairs(halves, config, folder))
    if not pairs and not replaced:
        raise ShopmixError(f"{folder / WEIGHTS} holds no tensor: train the adapter anew")
    said = xxhash.xxh3_128()
    for file in (NAME, WEIGHTS):
        said.update(hash_file(folder / file).encode())
    return Adapter(name or str(folder), folder, config, pairs, replaced, said.hexdigest())


def _check_numbers(tensor: Tensor) -> None:
    if tensor.dtype not in STORED:
        raise ShopmixError(
            f"{tensor.file}: {tensor.name} is {tensor.dtype}: an adapter is of {', '.join(STORED)}"
        )
    width, at = WIDTHS[tensor.dtype], 0
    for some in chunks(tensor):
        if not finite(some):
            raise ShopmixError(
                f"{tensor.file}: {tensor.name} holds NaN or infinity (within bytes {at * width:,} "
                f"to {(at + some.size) * width:,}): its training went astray, take an earlier "
                f"checkpoint"
            )
        at += some.size


Halves = dict[tuple[str, bool], dict[str, Tensor]]


def _sorted(tensors: tuple[Tensor, ...]) -> tuple[Halves, dict[str, Tensor]]:
    """Halves of pairs by module and whether it is an embedding, and what was trained in full."""
    halves: Halves = {}
    replaced: dict[str, Tensor] = {}
    for tensor in tensors:
        if not tensor.name.startswith(_PREFIX):
            raise ShopmixError(
                f"{tensor.file}: {tensor.name} does not begin with {_PREFIX}: it is no adapter of "
                f"PEFT's"
            )
        name = tensor.name.removeprefix(_PREFIX)
        ending = next((end for end in _HALVES if name.endswith(end)), None)
        if ending:
            half, embedding = _HALVES[ending]
            module = name.removesuffix(ending)
            halves.setdefault((module, embedding), {})[half] = tensor
        elif "lora_" in name or not name.endswith((".weight", ".bias")):
            raise ShopmixError(
                f"{tensor.file}: {tensor.name} is no part of (alpha / r) B A: it cannot be merged"
            )
        else:
            replaced[name.replace(_WRAPPED, "")] = tensor
    return halves, replaced


def _pairs(halves: Halves, config: Mapping[str, Any], folder: Path) -> Iterator[tuple[str, Pair]]:
    for (module, embedding), found in halves.items():
        if set(found) != {"a", "b"}:
            missing = "A" if "b" in found else "B"
            raise ShopmixError(f"{folder / WEIGHTS} lacks {missing} of {module}: copy it anew")
        a, b = found["a"], found["b"]
        if len(a.shape) != 2 or len(b.shape) != 2:
            raise ShopmixError(
                f"{folder / WEIGHTS}: {a.name} has {len(a.shape)} dimensions: LoRA of "
                f"convolutions cannot be merged, only of linear maps and embeddings"
            )
        if a.shape[0] != b.shape[1] or not math.prod(a.shape) * math.prod(b.shape):
            raise ShopmixError(
                f"{folder / WEIGHTS}: A of {module} is {a.shape}, B is {b.shape}: they are not of "
                f"one rank"
            )
        scale = scale_of(config, module, a.shape[0], folder / NAME)
        transposed = embedding or bool(config.get("fan_in_fan_out"))
        yield f"{module}.weight", Pair(a, b, scale, transposed)
