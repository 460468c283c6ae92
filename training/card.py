"""Cards of adapters, and of models that they were merged into, from what their training says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from builders.cards.model import AdapterCard, Base, Data, MergedCard, Weighted, model_card
from training.runs import TRAINING
from training.wise_ft.combination import Combination


class _Dataset(BaseModel):
    where: str
    revision: str | None
    licenses: tuple[str, ...]
    languages: tuple[str, ...]


class _Base(BaseModel):
    name: str
    revision: str | None
    license: str


class _Part(BaseModel):
    name: str
    weight: float


class _Merge(BaseModel):
    base: str
    adapters: tuple[_Part, ...]


class Trained(BaseModel):
    """What a card needs of `TRAINING`. merge: of a base that was itself merged."""

    mixture: str
    mixture_id: str
    dataset: _Dataset
    base: _Base
    merge: _Merge | None
    hyperparameters: dict[str, Any]
    steps: int


def adapter_card(repo: str, trained: Trained) -> AdapterCard:
    """The card of an adapter. repo: where it will be, or its folder's name."""
    data, base, limits = trained.dataset, trained.base, []
    if trained.merge:
        parts = ", ".join(f"{one.name} (weight {one.weight})" for one in trained.merge.adapters)
        limits.append(
            f"Its base is a merged model: {trained.merge.base} with {parts}. On any other base it "
            f"is of no use."
        )
    return AdapterCard(
        repo=repo,
        base=_base(base.name, base.revision, base.license),
        data=Data(
            repo=data.where if data.revision else None,
            config=trained.mixture,
            revision=data.revision,
            mixture_id=trained.mixture_id,
            licenses=data.licenses,
            languages=data.languages,
        ),
        hyperparameters={**trained.hyperparameters, "steps": trained.steps},
        limits=tuple(limits),
    )


def merged_card(made: Combination, out: Path) -> str | None:
    """README.md of the model that a combination is merged into, in a folder.

    None where an adapter does not say what it was trained on: then a card would say too little.
    """
    parts = []
    for part in made.parts:
        trained = _trained(part.adapter.folder)
        if trained is None:
            return None
        parts.append(Weighted(adapter_card(part.adapter.name, trained), part.weight))
    base = _base(made.base.name, made.revision, parts[0].adapter.base.license)
    return model_card(MergedCard(out.resolve().name, base, tuple(parts)))


def _base(name: str, revision: str | None, license: str) -> Base:
    """A repo without what was asked of it, or a folder without the way to it."""
    return Base(name.partition("@")[0] if revision else Path(name).name, revision, license)


def _trained(folder: Path) -> Trained | None:
    """What the run says of an adapter in its folder, or of a checkpoint below it; None where
    nothing is said, or a file of this name is not ours."""
    run = folder.parent if re.fullmatch(r"checkpoint-\d+", folder.name) else folder
    try:
        return Trained.model_validate_json((run / TRAINING).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
