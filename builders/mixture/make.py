"""A mixture from its recipe to its folder."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from builders.cli import llm_of
from builders.console import Reporter
from builders.errors import ShopmixError
from builders.llm.opened import NO_LLM, Llm
from builders.llm.session import Planned
from builders.manifest import replacing
from builders.mixture import describe, manifest, mix, pools, shards
from builders.mixture.benchmark import Benchmark, read_benchmark
from builders.mixture.chat import Chat, identity
from builders.mixture.leaks import gate
from builders.mixture.lengths import measure
from builders.mixture.manifest import TRAIN, Manifest
from builders.mixture.pools import Pool
from builders.mixture.recipe import Recipe, find, load
from builders.mixture.settings import MixtureSettings
from builders.mixture.wordings import wordings


def make(settings: MixtureSettings, report: Reporter) -> Manifest:
    """Make the mixture that settings ask for, unless it stands there already.

    Raises `ShopmixError` for whatever is wrong; then what stood there before is as it was. Raises
    `Planned` at the end of a dry run.
    """
    recipe = load(find(settings.recipe))
    benchmarks = [read_benchmark(file) for file in (*recipe.benchmarks, *settings.benchmark)]
    folder = settings.mixtures / recipe.name
    if settings.tokenizer:
        Chat(settings.tokenizer, recipe.base_model)  # now, not after minutes of work
    if settings.out.exists() and not settings.out.is_dir():
        raise ShopmixError(f"--samples {settings.out} is no folder")
    if folder.resolve() == settings.out.resolve():
        raise ShopmixError(f"--out {settings.mixtures}: the mixture would go where the samples are")

    fresh: set[str] = set()

    def opening() -> tuple[dict[str, Pool], dict[str, str]]:
        return _opened(recipe, settings, report, fresh)

    found, lacking = opening()
    _tell(settings, found, report)
    if not lacking and (old := _unchanged(folder, recipe, benchmarks, settings, found)):
        report.note(f"{folder}: unchanged, {old.rows(TRAIN):,} training samples, id {old.id}")
        return old
    with _llm(settings, report) as llm:

        def grow(sizes: Mapping[str, int]) -> dict[str, str]:
            problems = pools.build(sizes, recipe, settings.build, settings, report, llm)
            if settings.dry_run and not problems:
                raise Planned
            fresh.update(sizes)
            return problems

        looking = gate(benchmarks, wordings(recipe.sets))
        drawn = mix.draw(recipe, looking, opening, grow if settings.build else None, report)
    if settings.dry_run:
        raise Planned
    _tell_revisions(drawn.pools, report)
    return _written(folder, recipe, benchmarks, drawn, settings, report)


def _llm(settings: MixtureSettings, report: Reporter) -> AbstractContextManager[Llm]:
    """Who labels and composes, where something may have to be built."""
    if not settings.build:
        return nullcontext(NO_LLM)
    # the demo rows have their answers with them
    where = "demo" if "demo" in settings.build.values() else "hub"
    return llm_of(settings.model_copy(update={"source": where}), report)


def _opened(
    recipe: Recipe, settings: MixtureSettings, report: Reporter, fresh: Collection[str]
) -> tuple[dict[str, Pool], dict[str, str]]:
    """The recipe's pools; where they can be built, those that are outdated or not of the rows asked
    for lack, unless they are fresh."""
    with report.stage("read"):
        found, lacking = pools.open_pools(recipe, settings.out)
        for name in [name for name in found if name not in fresh]:
            pool = found[name]
            where = pools.source_of(settings.build, pool.builder)
            if where and (why := pools.outdated(pool) or pools.foreign(pool, where)):
                lacking[name] = why
                del found[name]
    return found, lacking


def _tell(settings: MixtureSettings, found: Mapping[str, Pool], report: Reporter) -> None:
    """What there is already, and that it may not be what is wanted."""
    if settings.build and found:
        report.note(f"{len(found)} sets are in {settings.out}: their sources are not read again")
    old = Counter(why for pool in found.values() if (why := pools.outdated(pool)))
    for why, count in old.items():
        report.note(
            f"{count} sets in {settings.out} are outdated, {why}: they are used as they are, "
            f"--source would build them anew"
        )


def _tell_revisions(found: Mapping[str, Pool], report: Reporter) -> None:
    """Which sources the pools have at several revisions, as sets were built at several times."""
    revisions: defaultdict[str, set[str]] = defaultdict(set)
    for pool in found.values():
        revisions[pool.builder.source.name].add(str(pool.told["source_revision"]))
    for source, several in revisions.items():
        if len(several) > 1:
            report.note(
                f"sets of {source} are of {len(several)} revisions, {', '.join(sorted(several))}: "
                f"for one, build them into an empty folder of --samples"
            )


def _unchanged(
    folder: Path,
    recipe: Recipe,
    benchmarks: Sequence[Benchmark],
    settings: MixtureSettings,
    found: Mapping[str, Pool],
) -> Manifest | None:
    """The mixture that stands in a folder, if it is whole and the same would be made again."""
    if not (folder / manifest.NAME).exists():
        return None
    try:
        old = manifest.read(folder)
    except ShopmixError:  # of another version: it is replaced
        return None
    told = {
        "recipe": old.recipe,
        "benchmarks": old.leaks.benchmarks,
        "code": old.code,
        "packages": old.packages,
    }
    counted = identity(recipe.base_model, settings.tokenizer) == old.lengths.tokenizer
    same = (
        counted
        and told == describe.decided(recipe, benchmarks)
        and {part.set: part.made_by["samples"] for part in old.sets}
        == {name: pool.told["file_hash"] for name, pool in found.items()}
    )
    whole = not any(manifest.damaged(folder, old)) and not any(shards.stale(folder, old.files))
    listed = all((folder / name).is_file() for name in manifest.LISTS)
    return old if same and whole and listed else None


def _written(
    folder: Path,
    recipe: Recipe,
    benchmarks: Sequence[Benchmark],
    drawn: mix.Drawn,
    settings: MixtureSettings,
    report: Reporter,
) -> Manifest:
    """Write shards, lists and at last the manifest; then remove the shards of an older mixture."""
    with report.stage("gather"):
        taken = shards.gather(drawn, recipe.seed)
    if taken[TRAIN].is_empty():
        raise ShopmixError(f"recipe {recipe.name}: no set has a single sample to train on")
    with report.stage("lengths"), report.watching("lengths", len(taken[TRAIN])) as progress:
        lengths = measure(
            taken[TRAIN], recipe.base_model, settings.tokenizer, lambda done: progress(done, 0)
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ShopmixError(f"--out {folder} cannot be made: {error.strerror or error}") from None
    files = []
    with report.stage("write"):
        for split, samples in taken.items():
            with report.watching(split, len(samples)) as progress:
                files += list(shards.write(folder, split, samples, progress))
    with report.stage("describe"):
        told = describe.described(recipe, benchmarks, drawn, taken, lengths, files)
        with replacing(folder / f".{manifest.DUPLICATES}") as half:
            describe.repeats_table(drawn).write_parquet(half)
        with replacing(folder / f".{manifest.LEAKS}") as half:
            drawn.leaks.drop("row").write_parquet(half)
        with replacing(folder / f".{manifest.NAME}") as half:
            half.write_text(told.text(), "utf-8")
        shards.show(folder, files)
        for file in [*shards.stale(folder, files), *folder.glob("*.shopbench.jsonl")]:
            file.unlink()
    return told
