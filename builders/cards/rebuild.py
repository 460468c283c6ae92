"""How a mixture is built again: the command, the recipe, and what else it takes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from builders.cards.front_matter import dumped
from builders.cards.sources import Used
from builders.mixture.manifest import NO_LLM, Manifest, SetPart
from builders.mixture.recipe import RECIPES, load

#: The recipes of ours that are those of the paper.
_PAPER = ("v7", "v8", "v7b", "v9b")


@dataclass(frozen=True)
class Rebuild:
    """What it takes. recipe: its file's text, None where it ships with shopmix.

    benchmarks: hashes, by name, of those that do not ship. models: whose answers must be at hand.
    second_opinion: whether a model answered the questions blind.
    made_by: what decided the samples, as YAML.
    """

    command: str
    recipe: str | None
    benchmarks: Mapping[str, str]
    models: tuple[str, ...]
    second_opinion: bool
    made_by: str


def rebuild(one: Manifest, sources: Iterable[Used]) -> Rebuild:
    """How to build a mixture of these sources again."""
    sources, named = list(sources), _shipped(one)
    models = asked(one, sources)
    shipped = {file.stem: _below(file) for file in (RECIPES / "benchmarks").glob("*.json")}
    benchmarks = [name for name in one.leaks.benchmarks if name not in (named or ())]
    options = [f"--source {source.name}={source.where}" for source in sources]
    if all(source.demo for source in sources):
        options = ["--source demo"]
    options += [f"--benchmark {shipped.get(name, f'DIR/{name}.jsonl')}" for name in benchmarks]
    options += ["--ledger FILE"] if models else []
    recipe = f"{one.mixture}.yaml" if named is None else one.mixture
    return Rebuild(
        " \\\n    ".join([f"python -m builders.mixture {recipe}", *options]),
        _file(one.recipe) if named is None else None,
        {name: one.leaks.benchmarks[name] for name in benchmarks if name not in shipped},
        models,
        any(part.made_by.get("second_opinion") for part in one.sets),
        _in_short(_made_by(one)),
    )


def asked(one: Manifest, sources: Iterable[Used]) -> tuple[str, ...]:
    """The models whose answers a mixture of these sources is made of; the demo rows have theirs
    with them."""
    demo = {source.name for source in sources if source.demo}
    found = {name for part in one.sets if part.source not in demo for name in part.generators}
    return tuple(sorted(found - {NO_LLM}))


def of_the_paper(one: Manifest) -> bool:
    """Whether it was made by a recipe of the paper."""
    return one.mixture in _PAPER and _shipped(one) is not None


def _shipped(one: Manifest) -> set[str] | None:
    """The benchmarks that the recipe names, if it is one of ours; None if it is not."""
    path = RECIPES / f"{one.mixture}.yaml"
    if not path.is_file():
        return None
    ours = load(path)
    benchmarks = {file.stem for file in ours.benchmarks}
    same = ours.told() == one.recipe and benchmarks <= one.leaks.benchmarks.keys()
    return benchmarks if same else None


def _below(file: Path) -> str:
    """A file of the checkout as it is called from its root."""
    return file.relative_to(RECIPES.parent).as_posix()


def _file(told: Mapping[str, Any]) -> str:
    """A recipe as a file: it is called as its file, and benchmarks are named in the command."""
    keys = {key: value for key, value in told.items() if key != "name"}
    return dumped({**keys, "benchmarks": []})


def _made_by(one: Manifest) -> dict[str, Any]:
    """What decided the samples, once for all sets that were made alike; packages only where they
    are others than the mixture's."""
    groups: dict[str, tuple[dict[str, Any], list[SetPart]]] = {}
    for part in one.sets:
        # how many samples a pool had has no say
        told = {k: v for k, v in part.made_by.items() if k != "samples" and v is not None}
        if told.get("packages", {}).items() <= one.packages.items():
            told.pop("packages", None)
        key = json.dumps(told, sort_keys=True)
        groups.setdefault(key, (told, []))[1].append(part)
    mixture = {"mixture": {"code": one.code, "packages": one.packages}}
    return mixture | {_names(parts, one): told for told, parts in groups.values()}


def _names(parts: Iterable[SetPart], one: Manifest) -> str:
    """Sets in short: a source for all sets of it."""
    names = {part.set: part.source for part in parts}
    whole = {
        source
        for source in names.values()
        if all(part.set in names for part in one.sets if part.source == source)
    }
    return ", ".join(dict.fromkeys(src if src in whole else name for name, src in names.items()))


def _in_short(told: Mapping[str, Any]) -> str:
    """As YAML, in the order given, what holds no tables of its own in one line."""
    return yaml.safe_dump(
        told, sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=None
    )
