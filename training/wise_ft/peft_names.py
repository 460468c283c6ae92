"""The configuration of an adapter, as PEFT and vLLM read it, from its modules and their ranks."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any


def lora_config(
    ranks: Mapping[str, int], saved: Collection[str], modules: Collection[str]
) -> dict[str, Any]:
    """What says which modules have which rank, all of scale 1, and which are saved in full.

    ranks: of the modules of low rank, at least one. saved: the modules that are saved in full.
    modules: all of the base's. `r` is the largest rank: it is what servers make room for.
    """
    largest = max(ranks.values())
    pattern = {
        re.escape(end): rank
        for rank in sorted(set(ranks.values()) - {largest})
        for end in endings([name for name, one in ranks.items() if one == rank], ranks)
    }
    return {
        "peft_type": "LORA",
        "r": largest,
        "lora_alpha": largest,
        "rank_pattern": pattern,
        "alpha_pattern": pattern,
        "target_modules": endings(ranks, modules),
        "modules_to_save": endings(saved, modules, anywhere=True) or None,
        "use_rslora": False,
        "use_dora": False,
        "lora_dropout": 0.0,
        "init_lora_weights": True,
        "inference_mode": True,
    }


def endings(chosen: Collection[str], among: Collection[str], anywhere: bool = False) -> list[str]:
    """The shortest ends, of whole words, that only the chosen ones of dotted names have.

    anywhere: an end may begin within a word of another name, so that `norm` is that of `layernorm`
    too. PEFT looks for `modules_to_save` so, and for all else from a dot on. A name that is the end
    of another one itself is taken whole.
    """
    find = _tails if anywhere else _ends
    others = {end for name in set(among) - set(chosen) for end in find(name)}
    return sorted({next((end for end in _ends(one) if end not in others), one) for one in chosen})


def _ends(name: str) -> Iterator[str]:
    """The ends of a name from a dot on, the shortest first."""
    words = name.split(".")
    return (".".join(words[-count:]) for count in range(1, len(words) + 1))


def _tails(name: str) -> Iterator[str]:
    """All ends of a name."""
    return (name[at:] for at in range(len(name)))


def modules_of(tensors: Collection[str]) -> set[str]:
    """Names of a model's modules, by the names of its tensors."""
    return {name[: dot.start()] for name in tensors for dot in re.finditer(r"\.", name)}
