"""What the merged model's files hold: those of the base, tensor by tensor, in the same order.

One thing may be added. Where the base's head is its embedding, and adapters change one of the two
otherwise than the other, they cannot be one any more: the head gets a tensor of its own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from training.wise_ft.change import Change, changes
from training.wise_ft.checkpoint import CONFIG, INDEX, Shard, Tensor, header
from training.wise_ft.combination import HEAD, Combination
from training.wise_ft.numbers import equal

_TIED = "tie_word_embeddings"


@dataclass(frozen=True)
class Part:
    """A tensor to write: the base's, and what becomes of it (None: nothing)."""

    tensor: Tensor
    change: Change | None


@dataclass(frozen=True)
class Planned:
    """A file to write. header: its first bytes. source: the base's file of the same name."""

    name: str
    source: Shard
    header: bytes
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.header) + sum(part.tensor.end - part.tensor.start for part in self.parts)

    @property
    def changed(self) -> bool:
        """Whether it differs from the base's at all."""
        return self.header != self.source.header or any(part.change for part in self.parts)


@dataclass(frozen=True)
class Layout:
    """All files with tensors, and the texts of others that are not the base's, by name."""

    files: tuple[Planned, ...]
    texts: Mapping[str, str]


def layout(made: Combination) -> Layout:
    """What the merged model consists of. Raises `ShopmixError` where an adapter cannot be read."""
    found = changes(made)
    base, embedding = made.base, made.embedding
    tied = base.config.get(_TIED) or (HEAD not in base.tensors and HEAD in found)
    apart = bool(embedding and tied) and not _same(found.get(str(embedding)), found.get(HEAD))
    files = [
        Planned(
            shard.file.name,
            shard,
            shard.header,
            tuple(Part(tensor, found.get(tensor.name)) for tensor in shard.tensors),
        )
        for shard in base.shards
    ]
    if not apart:
        return Layout(tuple(files), {})
    texts = {CONFIG: _json({**base.config, _TIED: False})}
    if HEAD not in base.tensors:
        head = base.tensors[str(embedding)]
        files[-1] = _with_head(files[-1], Part(head, found.get(HEAD)))
        if base.index is not None:
            texts[INDEX] = _json(_index(base.index, files[-1].name, head))
    return Layout(tuple(files), texts)


def _same(one: Change | None, other: Change | None) -> bool:
    """Whether two changes of one tensor are equal: none, or both trained in full to the same."""
    if one is None or other is None:
        return one is other
    if one.pairs or other.pairs or len(one.replaced) != len(other.replaced):
        return False
    return all(
        weight == weight2 and equal(tensor, tensor2)
        for (tensor, weight), (tensor2, weight2) in zip(one.replaced, other.replaced, strict=True)
    )


def _with_head(file: Planned, head: Part) -> Planned:
    """A file with one more tensor at its end, and a header that says so."""
    parts = (*file.parts, head)
    named = [(HEAD if part is head else part.tensor.name, part.tensor) for part in parts]
    entries = [(name, tensor.dtype, tensor.shape) for name, tensor in named]
    return replace(file, header=header(entries, file.source.metadata), parts=parts)


def _index(index: Mapping[str, Any], file: str, head: Tensor) -> dict[str, Any]:
    """The index with the head in it, and the model larger by it."""
    metadata = dict(index.get("metadata") or {})
    grown = {"total_size": head.end - head.start, "total_parameters": math.prod(head.shape)}
    for key, more in grown.items():
        if isinstance(metadata.get(key), int | float):
            metadata[key] += more
    where = dict(sorted({**index["weight_map"], HEAD: file}.items()))
    return {**index, "metadata": metadata, "weight_map": where}


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
