"""The card of a model: a LoRA adapter, or a base model into which adapters were merged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from huggingface_hub import EvalResult, ModelCardData

from builders.cards.front_matter import joined
from builders.cards.licences import Licence, licence, strictest, strictest_first, terms
from builders.cards.markdown import render
from builders.sample import system_prompt
from builders.shopbench import TASK_WORDS


@dataclass(frozen=True)
class Base:
    """The model that was trained on. license: its SPDX id, or LicenseRef-...

    revision: its commit; None where it is from a folder, then repo is only what it is called.
    """

    repo: str
    revision: str | None
    license: str


@dataclass(frozen=True)
class Data:
    """A mixture. repo, revision: where it is published, and the tag; None where it is a folder's.

    mixture_id, licenses, languages: its manifest's.
    """

    repo: str | None
    config: str
    revision: str | None
    mixture_id: str
    licenses: tuple[str, ...]
    languages: tuple[str, ...]


@dataclass(frozen=True)
class Score:
    """A result on a track of ShopBench (1 to 5). value: 0 to 1. how: what was asked and how."""

    track: int
    value: float
    how: str


@dataclass(frozen=True)
class AdapterCard:
    """A LoRA adapter. hyperparameters: as in training, by name. limits: sentences."""

    repo: str
    base: Base
    data: Data
    hyperparameters: Mapping[str, str | int | float]
    scores: tuple[Score, ...] = ()
    limits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Weighted:
    """An adapter in a merge, and its weight: W = W_base + sum of weight x (alpha / r) B A."""

    adapter: AdapterCard
    weight: float


@dataclass(frozen=True)
class MergedCard:
    """A base model with adapters merged into its weights."""

    repo: str
    base: Base
    adapters: tuple[Weighted, ...]
    scores: tuple[Score, ...] = ()
    limits: tuple[str, ...] = ()


def model_card(model: AdapterCard | MergedCard) -> str:
    """README.md of a model's repo."""
    merged = isinstance(model, MergedCard)
    weighted = model.adapters if isinstance(model, MergedCard) else (Weighted(model, 1.0),)
    adapters = [one.adapter for one in weighted]
    ids = {model.base.license, *(id for one in adapters for id in one.data.licenses)}
    license, license_name, license_link = _license(strictest(ids), model.repo)
    text = render(
        "model.md.j2",
        model=model,
        merged=merged,
        weighted=weighted,
        licences=strictest_first(ids),
        base_licence=licence(model.base.license),
        terms=terms(ids),
        prompt=system_prompt("ranking"),
        tasks=[task for task in TASK_WORDS.values() if task != TASK_WORDS["ranking"]],
    )
    relation = "merge" if len(weighted) > 1 else "finetune" if merged else "adapter"
    on_hub = model.base.revision is not None
    front = ModelCardData(
        base_model=model.base.repo if on_hub else None,
        base_model_relation=relation if on_hub else None,
        datasets=_unique(one.data.repo for one in adapters if one.data.repo) or None,
        language=_unique(code for one in adapters for code in one.data.languages),
        library_name="transformers" if merged else "peft",
        pipeline_tag="text-generation",
        tags=["shopmix", "shopbench", *([] if merged else ["lora"])],
        model_name=model.repo.rpartition("/")[2],
        eval_results=[_result(score) for score in model.scores] or None,
        license=license,
        license_name=license_name,
        license_link=license_link,
    )
    if not model.scores:
        front.pop("model_name")
    return joined(f"{front.to_yaml()}\n", f"\n{text}\n")


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _license(decides: Licence, repo: str) -> tuple[str, str | None, str | None]:
    """The Hub's id of a licence; where it has none, also a name and a link, if there is one."""
    if decides.hub != "other":
        return decides.hub, None, None
    here = f"https://huggingface.co/{repo}#licence" if "/" in repo else None
    return "other", decides.id.lower(), decides.link or here


def _result(score: Score) -> EvalResult:
    return EvalResult(
        task_type="text-generation",
        dataset_type="shopbench",
        dataset_name="ShopBench",
        dataset_config=f"track-{score.track}",
        metric_type="score",
        metric_name=score.how,
        metric_value=score.value,
    )
