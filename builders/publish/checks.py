"""What is checked before the Hub hears of it: shards, leaks of benchmarks, licences."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from builders.cards.front_matter import parsed, split
from builders.cards.licences import licence
from builders.console import Reporter
from builders.errors import ShopmixError
from builders.mixture.benchmark import Benchmark, read_benchmark
from builders.mixture.leaks import gate
from builders.mixture.manifest import Manifest, whole
from builders.mixture.recipe import RECIPES
from builders.mixture.wordings import wordings
from builders.publish.words import counted

Note = Callable[[str], None]
#: Of more hits than this only the count is told.
_SHOWN = 20
_ASKED = ["id", "set", "messages", "fields"]


@dataclass(frozen=True)
class Mixture:
    """A mixture as it lies in a folder, its shards as its manifest says."""

    folder: Path
    manifest: Manifest

    @property
    def rows(self) -> int:
        """Those of all splits."""
        return sum(file.rows for file in self.manifest.files)


def local(folder: Path, names: Iterable[str]) -> dict[str, Mixture]:
    """Our mixtures by name. Raises `ShopmixError` for one that is missing or damaged."""
    found = {name: Mixture(folder / name, whole(folder / name)) for name in names}
    for name, mixture in found.items():
        if mixture.manifest.mixture != name:
            raise ShopmixError(
                f"{mixture.folder} holds the mixture {mixture.manifest.mixture}: give the folder "
                f"that name, or build {name} anew"
            )
    return found


def benchmarks(files: Sequence[Path]) -> list[Benchmark]:
    """Those that ship with shopmix, and the user's. Raises `ShopmixError` for a bad file."""
    ours = sorted((RECIPES / "benchmarks").glob("*.json"))
    if not ours:
        raise ShopmixError(f"{RECIPES / 'benchmarks'} is empty: install shopmix whole")
    return [read_benchmark(file) for file in [*ours, *files]]


def check_leaks(
    mixtures: Collection[Mixture], known: Sequence[Benchmark], report: Reporter
) -> None:
    """Look for questions of benchmarks in all shards, by the gate that each mixture was built with.

    Raises `ShopmixError` after listing them. A benchmark that a mixture was built with and that is
    not at hand now is told, and not looked for.
    """
    for missing in _not_at_hand(mixtures, known):
        report.note(missing)
    hits, done = [], 0
    with report.watching("leaks", sum(one.rows for one in mixtures)) as progress:
        for mixture in mixtures:
            name, look = mixture.manifest.mixture, gate(known, _wordings(mixture))
            for file in mixture.manifest.files:
                samples = pl.read_parquet(mixture.folder / file.path, columns=_ASKED)
                hits += [(name, hit) for hit in look.hits(samples).iter_rows(named=True)]
                done += file.rows
                progress(done, len(hits))
    for name, hit in hits[:_SHOWN]:
        report.note(f"{name}: {_told(hit)}")
    if hits:
        raise ShopmixError(
            f"questions of a benchmark in {counted(len(hits), 'sample')}, the first is "
            f"{hits[0][1]['id']} of {hits[0][0]}: build the mixture anew with the benchmark in its "
            f"recipe"
        )


def _not_at_hand(mixtures: Iterable[Mixture], known: Iterable[Benchmark]) -> Iterator[str]:
    here = {one.hash for one in known}
    for mixture in mixtures:
        for name, digest in mixture.manifest.leaks.benchmarks.items():
            if digest not in here:
                yield (
                    f"{mixture.manifest.mixture} was built without questions of {name} "
                    f"({digest[:8]}), which is not at hand: to look for them again, add "
                    f"--benchmark with its file"
                )


def _wordings(mixture: Mixture) -> tuple[str, ...]:
    try:
        return wordings(part.set for part in mixture.manifest.sets)
    except KeyError as error:
        raise ShopmixError(
            f"{mixture.folder} has samples of {error.args[0]}, which no builder here makes: "
            f"install what it was built with, or build the mixture anew"
        ) from None


def _told(hit: Mapping[str, Any]) -> str:
    """A hit in one line: whose question it is, by which rule, and what we ask."""
    theirs = hit["question_text"] or f"question {hit['question']}"
    rule = f"{hit['rule']} {hit['shared']!r}" if hit["shared"] else hit["rule"]
    ours = f"{hit['id']} of {hit['set']}"
    return f"{ours} is {hit['benchmark']}, {theirs!r}, by {rule}: {hit['text']!r}"


def check_licences(manifests: Iterable[Manifest], public: str = "--public") -> None:
    """Raises `ShopmixError` naming every set whose licence lets nobody pass its rows on.

    public: what would pass them on, the beginning of the message.
    """
    barred: dict[tuple[str, str], dict[str, None]] = {}
    for manifest in manifests:
        for part in manifest.sets:
            if part.train + part.validation and not licence(part.license).redistribute:
                sets = barred.setdefault((part.source, part.license), {})
                sets[f"{manifest.mixture}/{part.set}"] = None
    if barred:
        told = "; ".join(
            f"{source}, {id} ({licence(id).rule}): {', '.join(sets)}"
            for (source, id), sets in barred.items()
        )
        raise ShopmixError(
            f"{public} is against the licence of {told}. Publish privately, leave these sets out "
            f"of the recipe, or, if you have the rights, add --i-have-checked"
        )


def check_formats(card: str, ours: Collection[str]) -> None:
    """Raises `ShopmixError` for configs of others that are no parquet: `datasets` reads all
    configs of a repo in the format of the first, so they or ours could not be loaded."""
    for config in parsed(split(card)[0])["configs"]:
        name = config["config_name"]
        wrong = [
            path
            for path in _paths(config.get("data_files"))
            if PurePosixPath(path).suffix not in ("", ".parquet")
        ]
        if name not in ours and wrong:
            raise ShopmixError(
                f"the data set has a config {name} of {wrong[0]}: datasets loads all configs of a "
                f"repo in one format, ours are parquet; choose another repo with --repo"
            )


def _paths(data_files: Any) -> Iterator[str]:
    """The paths of a config, in any of the forms that the Hub knows."""
    if isinstance(data_files, str):
        yield data_files
    elif isinstance(data_files, list):
        for one in data_files:
            yield from _paths(one)
    elif isinstance(data_files, dict):
        for key, value in data_files.items():
            if key != "split":
                yield from _paths(value)
