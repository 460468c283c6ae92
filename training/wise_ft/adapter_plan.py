"""What one PEFT adapter of a combination consists of, before any of it is calculated."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from builders.errors import ShopmixError
from training.wise_ft.adapter import Pair
from training.wise_ft.change import Change, changes
from training.wise_ft.checkpoint import WIDTHS, Entry, Tensor, header
from training.wise_ft.combination import Combination
from training.wise_ft.numbers import read
from training.wise_ft.peft_names import lora_config, modules_of
from training.wise_ft.svd import Approximation, approximate

_PREFIX = "base_model.model."


@dataclass(frozen=True)
class Low:
    """A module of low rank. rank: what it may have at most, None where that is all of its pairs."""

    module: str
    pairs: tuple[tuple[Pair, float], ...]
    rank: int | None

    @property
    def whole(self) -> int:
        """The sum of ranks."""
        return sum(pair.rank for pair, _ in self.pairs)

    @property
    def written(self) -> int:
        """The rank that it gets."""
        if self.rank is None or self.rank >= self.whole:
            return self.whole
        first = self.pairs[0][0]
        return min(self.rank, first.a.shape[1], first.b.shape[0])

    @property
    def entries(self) -> tuple[Entry, Entry]:
        """Name, type and shape of A and of B; the names are those that the adapters have."""
        a, b = self.pairs[0][0].a, self.pairs[0][0].b
        return (
            (a.name, "F32", (self.written, a.shape[1])),
            (b.name, "F32", (b.shape[0], self.written)),
        )

    def factors(self) -> Approximation:
        """A and B in float64, and what they miss; of an exact adapter nobody asks for the norm."""
        a = np.vstack([read(pair.a) for pair, _ in self.pairs]).astype(np.float64)
        scaled = [read(pair.b) * np.float64(weight * pair.scale) for pair, weight in self.pairs]
        b = np.hstack(scaled)
        if self.written < self.whole:
            return approximate(a, b, self.written)
        norm = 0.0 if self.rank is None else float(np.vdot(b.T @ b, a @ a.T))
        return Approximation(a, b, missed=0.0, norm=norm)


@dataclass(frozen=True)
class Full:
    """A tensor that is saved as a merge would write it, in the base's type, and its name there."""

    name: str
    tensor: Tensor
    change: Change

    @property
    def entry(self) -> Entry:
        """Name, type and shape."""
        return self.name, self.tensor.dtype, self.tensor.shape


@dataclass(frozen=True)
class Plan:
    """An adapter to write: its configuration, then its tensors in order."""

    config: Mapping[str, Any]
    low: tuple[Low, ...]
    full: tuple[Full, ...]

    @cached_property
    def header(self) -> bytes:
        """The first bytes of the safetensors file."""
        return header(self._entries(), {"format": "pt"})

    @property
    def size(self) -> int:
        """Bytes of the file."""
        numbers = (math.prod(shape) * WIDTHS[dtype] for _, dtype, shape in self._entries())
        return len(self.header) + sum(numbers)

    def _entries(self) -> Iterator[Entry]:
        for low in self.low:
            yield from low.entries
        for full in self.full:
            yield full.entry


def plan(made: Combination, rank: int | None) -> Plan:
    """What an adapter of the combination consists of. rank: no module may have a larger one.

    Raises `ShopmixError` where PEFT has no way to say it.
    """
    found = changes(made) or _nothing(made)
    apart = {name for name, change in found.items() if change.replaced}
    low = tuple(
        Low(_module(name), change.pairs, rank)
        for name, change in found.items()
        if name not in apart and change.pairs
    )
    if not low:
        raise ShopmixError(
            "the adapters have no LoRA, only tensors that were trained in full: PEFT knows no such "
            "adapter, merge them"
        )
    saved = {_module(name) for name in apart if name.endswith(".weight")}
    biases = [name for name in apart if _module(name) not in saved]
    ranks = {one.module: one.written for one in low}
    named = {*made.base.tensors, *found}
    config = lora_config(ranks, saved, modules_of(named)) | {
        "base_model_name_or_path": _repo(made),
        "revision": made.revision,
        "task_type": made.parts[0].adapter.config.get("task_type"),
        "bias": "all" if biases else "none",
        "fan_in_fan_out": _turned(low),
    }
    full = [_full(made, found, name, name) for name in sorted(named) if _module(name) in saved]
    for name in sorted(biases):
        inner = ".base_layer" if _module(name) in ranks else ""  # as PEFT wraps what it adapts
        full.append(_full(made, found, name, f"{_module(name)}{inner}.bias"))
    return Plan(config, low, tuple(full))


def _repo(made: Combination) -> str:
    """The base as PEFT asks for it, its revision apart."""
    return made.base.name.partition("@")[0] if made.revision else made.base.name


def _nothing(made: Combination) -> dict[str, Change]:
    """The first adapter at weight 0: with no adapter at all there would be nothing to load."""
    first = made.parts[0].adapter
    return {name: Change(((pair, 0.0),), ()) for name, pair in first.pairs.items()}


def _full(made: Combination, found: Mapping[str, Change], name: str, called: str) -> Full:
    tensor = made.tensor(name)
    # what no adapter changes, as the bias of a module whose weight is saved, stays itself
    return Full(_PREFIX + called, tensor, found.get(name, Change((), ((tensor, 0.0),))))


def _turned(low: tuple[Low, ...]) -> bool:
    """Whether linear maps are stored transposed. Raises `ShopmixError` where only some are."""
    ways = set()
    for one in low:
        kinds = {(pair.a.name, pair.transposed) for pair, _ in one.pairs}
        if len(kinds) > 1:
            raise ShopmixError(
                f"{one.module}: the adapters differ in its kind (embedding, fan_in_fan_out): PEFT "
                f"cannot hold both in one, merge them"
            )
        ((name, transposed),) = kinds
        if "lora_embedding" not in name:
            ways.add(transposed)
    if len(ways) > 1:
        raise ShopmixError("the adapters differ in fan_in_fan_out: PEFT cannot hold both, merge")
    return ways == {True}


def _module(name: str) -> str:
    """The module of a tensor."""
    return name.rpartition(".")[0]
