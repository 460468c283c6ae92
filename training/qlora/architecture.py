"""How many parameters a model has and of what kind, from its config.json.

Known are the decoders whose linear maps are q, k, v, o, gate, up and down. Of models that plans are
made for most often the published figures stand here, so that a plan needs no download.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from builders.errors import ShopmixError


@dataclass(frozen=True)
class _Kind:
    """What a config.json leaves unsaid: norms of a layer, norms of its queries and keys, biases of
    queries, keys and values, and whether the head is the embedding unless it says otherwise."""

    norms: int = 2
    head_norms: bool = False
    biases: bool = False
    tied: bool = False


KINDS = {
    "gemma": _Kind(tied=True),
    "gemma2": _Kind(norms=4, tied=True),
    "gemma3_text": _Kind(norms=4, head_norms=True, tied=True),
    "llama": _Kind(),
    "mistral": _Kind(),
    "qwen2": _Kind(biases=True),
    "qwen3": _Kind(head_norms=True),
}
_SIZES = (
    "num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads",
    "num_key_value_heads", "vocab_size",
)  # fmt: skip
_KEYS = (*_SIZES, "tie_word_embeddings")
#: Qwen2 (arXiv 2407.10671), for the base and the instruct model alike, as in their config.json.
PUBLISHED: Mapping[str, tuple[int | bool, ...]] = {
    "Qwen/Qwen2-0.5B": (24, 896, 4_864, 14, 2, 151_936, True),
    "Qwen/Qwen2-1.5B": (28, 1_536, 8_960, 12, 2, 151_936, True),
    "Qwen/Qwen2-7B": (28, 3_584, 18_944, 28, 4, 152_064, False),
    "Qwen/Qwen2-72B": (80, 8_192, 29_568, 64, 8, 152_064, False),
}


@dataclass(frozen=True)
class Architecture:
    """A model's sizes. linear: inputs and outputs of a layer's linear maps, which LoRA adapts.
    attention: width of all heads. small: parameters of a layer's norms and biases."""

    layers: int
    hidden: int
    attention: int
    vocabulary: int
    linear: tuple[tuple[int, int], ...]
    small: int
    tied: bool

    @property
    def in_layers(self) -> int:
        """Parameters of all linear maps but the head: those that 4 bit are enough for."""
        return self.layers * sum(inputs * outputs for inputs, outputs in self.linear)

    @property
    def head(self) -> int:
        """Parameters of the head, and as many of the embedding."""
        return self.vocabulary * self.hidden

    @property
    def kept(self) -> int:
        """Parameters that stay in 16 bit: embedding, head, norms and biases."""
        return self.head * (1 if self.tied else 2) + self.layers * self.small + self.hidden

    @property
    def parameters(self) -> int:
        """All of them."""
        return self.in_layers + self.kept

    def adapter(self, rank: int) -> int:
        """Parameters of an adapter of all linear maps: A is (rank, inputs), B (outputs, rank)."""
        return self.layers * rank * sum(inputs + outputs for inputs, outputs in self.linear)


def architecture(config: Mapping[str, Any], name: str) -> Architecture | None:
    """The sizes by a model's config.json or, where that is empty, those published for its name.

    None where its kind is not known. Raises `ShopmixError` naming the size that is missing.
    """
    if not config and (sizes := PUBLISHED.get(name.removesuffix("-Instruct"))):
        config = {"model_type": "qwen2", **dict(zip(_KEYS, sizes, strict=True))}
    kind = KINDS.get(config.get("model_type", ""))
    if kind is None:
        return None
    layers, hidden, inner, heads, pairs, vocabulary = (_size(config, key, name) for key in _SIZES)
    width = config.get("head_dim") or hidden // heads
    queries, keys = heads * width, pairs * width
    linear = (
        *((hidden, queries), (hidden, keys), (hidden, keys), (queries, hidden)),
        *((hidden, inner), (hidden, inner), (inner, hidden)),
    )
    biases = queries + 2 * keys if kind.biases else 0
    small = kind.norms * hidden + 2 * width * kind.head_norms + biases
    tied = bool(config.get("tie_word_embeddings", kind.tied))
    return Architecture(layers, hidden, queries, vocabulary, linear, small, tied)


def _size(config: Mapping[str, Any], key: str, name: str) -> int:
    given = config.get(key)
    if not isinstance(given, int) or given < 1:
        raise ShopmixError(
            f"{name}, config.json: {key} is {given!r}: a number of 1 or more is wanted"
        )
    return given
