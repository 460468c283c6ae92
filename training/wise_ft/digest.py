"""What tells one base, and one combination, from another, without reading all of it."""

from __future__ import annotations

from typing import Any

import xxhash

from training.wise_ft.checkpoint import Checkpoint
from training.wise_ft.combination import Combination
from training.wise_ft.numbers import read_bytes

#: Bytes of each tensor that are looked at.
_SAMPLE = 4096
#: Files beside the tensors that decide what a model answers.
_DECIDING = (".json", ".jinja", ".model", ".txt")


def digest(base: Checkpoint) -> str:
    """xxh3-128 of headers, the first bytes of each tensor, configuration and tokenizer; 32 hex."""
    told = xxhash.xxh3_128()
    for shard in base.shards:
        told.update(shard.header)
        for tensor in shard.tensors:
            told.update(read_bytes(tensor, 0, min(_SAMPLE, tensor.end - tensor.start)))
    for file in sorted(base.folder.iterdir()):
        if file.suffix in _DECIDING and file.is_file():
            told.update(file.name.encode() + b"\0" + file.read_bytes())
    return told.hexdigest()


def identity(made: Combination) -> dict[str, Any]:
    """What decides the bytes of all that is made of a combination."""
    return {
        "base": made.base.name,
        "base_revision": made.revision,
        "base_digest": digest(made.base),
        "adapters": [
            {"name": part.adapter.name, "weight": part.weight, "digest": part.adapter.digest}
            for part in made.parts
        ],
    }
