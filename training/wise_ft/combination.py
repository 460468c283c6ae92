"""A base and weighted adapters that fit it: W = W_base + sum of weight * dW."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from builders.errors import ShopmixError
from training.models import located
from training.runs import RUN, TRAINING
from training.wise_ft.adapter import Adapter, read_adapter
from training.wise_ft.checkpoint import Checkpoint, Tensor, open_checkpoint
from training.wise_ft.numbers import STORED, equal

#: The two matrices that may be one, by what their names end with.
EMBEDDINGS, HEAD = ("embed_tokens.weight", "wte.weight"), "lm_head.weight"


@dataclass(frozen=True)
class Weighted:
    """An adapter and its weight, of any sign."""

    adapter: Adapter
    weight: float


@dataclass(frozen=True)
class Combination:
    """A base and adapters that fit it. revision: the base's commit, where it is from the Hub."""

    base: Checkpoint
    parts: tuple[Weighted, ...]
    revision: str | None = None

    def at(self, weights: Sequence[float]) -> Combination:
        """The same at other weights, one for each part; nothing is read anew."""
        parts = zip(self.parts, weights, strict=True)
        return replace(self, parts=tuple(replace(part, weight=w) for part, w in parts))

    @property
    def active(self) -> tuple[Weighted, ...]:
        """The parts whose weight is not 0."""
        return tuple(part for part in self.parts if part.weight)

    def tensor(self, name: str) -> Tensor:
        """The base's tensor of a name; the head's is the embedding's where they are one.

        Raises `KeyError`.
        """
        if name in self.base.tensors or name != HEAD:
            return self.base.tensors[name]
        embedding = self.embedding
        if embedding is None or self.base.config.get("tie_word_embeddings") is False:
            raise KeyError(name)
        return self.base.tensors[embedding]

    @property
    def embedding(self) -> str | None:
        """The name of the base's embedding, if it is called as usual."""
        return next((name for name in self.base.tensors if name.endswith(EMBEDDINGS)), None)


@dataclass(frozen=True)
class Spec:
    """An adapter as it is asked for. where: a folder or a repo; several are averaged."""

    where: tuple[str, ...]
    weight: float


def parsed(text: str) -> Spec:
    """`runs/v8=0.56`, or `runs/v8/checkpoint-150+checkpoint-192=0.56` for checkpoints of a run.

    Raises `ShopmixError`.
    """
    where, equals, weight = text.rpartition("=")
    if not equals or not where:
        raise ShopmixError(f"--adapter {text}: its weight is missing, as in --adapter runs/v8=0.56")
    try:
        number = float(weight)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ShopmixError(f"--adapter {text}: the weight {weight!r} is no number, as 0.56 is")
    first, *others = where.split("+")
    if not all([first, *others]):
        raise ShopmixError(f"--adapter {text}: a checkpoint is missing beside +")
    beside = [str(Path(first).parent / other) for other in others]
    return Spec((first, *beside), number)


def opened(
    base: str,
    adapters: Iterable[str],
    note: Callable[[str], None] = lambda said: None,
) -> Combination:
    """A base and adapters, each a folder or a repo of the Hub, with weights as in `parsed`.

    Raises `ShopmixError` for whatever cannot be merged, before anything is written.
    """
    specs = [parsed(text) for text in adapters]
    if not specs:
        raise ShopmixError("no adapter: give one with its weight, as --adapter runs/v8=0.56")
    where = located(base)
    model = open_checkpoint(where.folder, where.name)
    parts = []
    for spec in specs:
        for one in spec.where:
            found = located(one)
            note(f"reading the adapter {found.name}")
            if (found.folder / RUN).is_file() and not (found.folder / TRAINING).is_file():
                note(f"warning: the training of {found.name} has not ended")
            adapter = read_adapter(found.folder, found.name)
            parts.append(Weighted(adapter, spec.weight / len(spec.where)))
    _check_once(parts)
    made = Combination(model, tuple(parts), where.revision)
    for part in parts:
        check_fit(made, part.adapter)
    return replace(made, parts=tuple(_trained(made, part) for part in parts))


def _trained(made: Combination, part: Weighted) -> Weighted:
    """Without what was not trained: PEFT saves the base's own embedding as it is, where it has
    LoRA on it."""
    kept = {
        name: tensor
        for name, tensor in part.adapter.replaced.items()
        if not equal(tensor, made.tensor(name))
    }
    return replace(part, adapter=replace(part.adapter, replaced=kept))


def _check_once(parts: Sequence[Weighted]) -> None:
    seen: set[Path] = set()
    for part in parts:
        folder = part.adapter.folder.resolve()
        if folder in seen:
            raise ShopmixError(
                f"{part.adapter.name} is given twice: give it once, with the sum of both weights"
            )
        seen.add(folder)


def check_fit(made: Combination, adapter: Adapter) -> None:
    """Whether an adapter's tensors are of the base, by name and shape. Raises `ShopmixError`."""
    trained_on = adapter.config.get("base_model_name_or_path")
    other = f": it was trained on {trained_on}, {made.base.name} is another model"
    shapes: dict[str, tuple[int, ...]] = {name: pair.shape for name, pair in adapter.pairs.items()}
    shapes |= {name: tensor.shape for name, tensor in adapter.replaced.items()}
    for name, shape in shapes.items():
        try:
            wanted = made.tensor(name)
        except KeyError:
            raise ShopmixError(
                f"{adapter.name} changes {name}, which {made.base.name} does not have{other}"
            ) from None
        if wanted.dtype not in STORED:
            raise ShopmixError(
                f"{wanted.file}: {name} is {wanted.dtype}: give the model in full precision"
            )
        if wanted.shape != shape:
            raise ShopmixError(
                f"{adapter.name} changes {name} by {shape}, which is {wanted.shape} in "
                f"{made.base.name}{other}"
            )
    if adapter.config.get("bias") == "lora_only" and not any(
        name.endswith(".bias") for name in adapter.replaced
    ):
        lost = [re.sub(r"weight$", "bias", name) for name in adapter.pairs]
        if found := next((name for name in lost if name in made.base.tensors), None):
            raise ShopmixError(
                f"{adapter.name} was trained with bias lora_only, but {found} is not in it: PEFT "
                f"did not save it; train with bias none or all"
            )
