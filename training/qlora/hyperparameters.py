"""What a run is trained with, by axolotl's names; the defaults are the winners', where published.

Published (arXiv 2408.04658, fine-tuning): everything down to `lora_target_linear`. Not published,
and so our choice: what follows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from builders.errors import ShopmixError


class Hyperparameters(BaseModel):
    """Hyper-parameters of a QLoRA, or LoRA, run.

    A step takes micro_batch_size * gradient_accumulation_steps packs of sequence_len tokens on each
    GPU. sequence_len: a sample that is longer is left out. warmup_steps: optimiser steps.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    adapter: Literal["qlora", "lora"] = "qlora"
    load_in_4bit: bool = True
    optimizer: str = "adamw_torch"
    lr_scheduler: str = "cosine"
    learning_rate: float = Field(2e-4, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    warmup_steps: int = Field(10, ge=0)
    micro_batch_size: int = Field(1, gt=0)
    gradient_accumulation_steps: int = Field(4, gt=0)
    sample_packing: bool = True
    lora_r: int = Field(64, gt=0)
    lora_alpha: int = Field(32, gt=0)
    lora_dropout: float = Field(0.05, ge=0, lt=1)
    lora_target_linear: bool = True

    #: The longest input of the winners' merged model: nothing longer is ever asked of it.
    sequence_len: int = Field(3072, gt=0)
    num_epochs: float = Field(1, gt=0)
    max_steps: int | None = Field(None, gt=0)
    seed: int = Field(1, ge=0)


#: What the paper says, and what it leaves open.
OPEN = ("sequence_len", "num_epochs", "max_steps", "seed")
PUBLISHED = tuple(name for name in Hyperparameters.model_fields if name not in OPEN)


def of(config: Mapping[str, Any]) -> Hyperparameters:
    """The hyper-parameters of an axolotl configuration. Raises `ShopmixError` naming the key."""
    given = {name: config[name] for name in Hyperparameters.model_fields if name in config}
    try:
        return Hyperparameters.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        key = first["loc"][0]
        raise ShopmixError(f"--set {key}={first['input']}: {first['msg']}") from None
