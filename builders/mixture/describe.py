"""The manifest of a mixture, and the lists beside it, out of what was drawn."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl
import xxhash

from builders.manifest import PACKAGES
from builders.mixture.benchmark import Benchmark
from builders.mixture.choice import EXACT, NEAR, Repeat
from builders.mixture.manifest import (
    NO_LLM,
    TRAIN,
    Duplicates,
    Example,
    File,
    Leaks,
    Lengths,
    Manifest,
    SetPart,
)
from builders.mixture.mix import Drawn
from builders.mixture.pools import Pool
from builders.mixture.recipe import Recipe
from builders.mixture.wordings import wordings

_MODULES = "benchmark choice duplicates folds leaks minhash mix pools recipe shards tokens".split()
#: What these take from others.
_SHARED = ("draw.py", "manifest.py", "text.py", "esci/knowledge.py")
#: Of a pool's manifest, what decides its samples' bytes and stands nowhere else.
_MADE_BY = ("seed", "limit", "code", "packages", "second_opinion")
_COUNTED = "task_type language split generator template truth license".split()
_REPEATS = {
    "id": pl.String(),
    "set": pl.String(),
    "other_id": pl.String(),
    "other_set": pl.String(),
    "kind": pl.String(),
    "similarity": pl.Float32(),
    "dropped": pl.Boolean(),
}


def described(
    recipe: Recipe,
    benchmarks: Sequence[Benchmark],
    drawn: Drawn,
    taken: Mapping[str, pl.DataFrame],
    lengths: Lengths,
    files: Sequence[File],
) -> Manifest:
    """The manifest. taken: the samples of each split, in the order of the shards."""
    both = pl.concat([samples.select("set", *_COUNTED) for samples in taken.values()])
    parts = {str(key[0]): part for key, part in both.partition_by("set", as_dict=True).items()}
    empty = both.clear()
    sets = [
        _part(recipe, drawn, pool, parts.get(name, empty)) for name, pool in drawn.pools.items()
    ]
    told: dict[str, Any] = {
        "mixture": recipe.name,
        "recipe": recipe.told(),
        "code": code_hash(recipe),
        "packages": packages(),
        "sets": sets,
        "task_types": _counts(both["task_type"]),
        "languages": _counts(both["language"]),
        "generators": _counts(both["generator"]),
        "licenses": _counts(both["license"]),
        "duplicates": Duplicates(mode=recipe.duplicates, **_kinds(drawn.choice.repeats)),
        "leaks": Leaks(
            benchmarks={one.name: one.hash for one in benchmarks},
            refused=_counts(drawn.leaks["rule"]),
        ),
        "lengths": lengths,
        "examples": list(_examples(taken[TRAIN])),
        "files": list(files),
    }
    return Manifest(id=_id(told), **told)


def decided(recipe: Recipe, benchmarks: Sequence[Benchmark]) -> dict[str, Any]:
    """What decides a mixture beside its pools, as its manifest tells it."""
    return {
        "recipe": recipe.told(),
        "benchmarks": {one.name: one.hash for one in benchmarks},
        "code": code_hash(recipe),
        "packages": packages(),
    }


def packages() -> dict[str, str]:
    """Packages whose version may change a mixture."""
    return {name: version(name) for name in (*PACKAGES, "rensa")}


def code_hash(recipe: Recipe) -> str:
    """Hash of the modules that decide which rows a mixture has and their bytes, and of the wordings
    of its sets, as the gate goes by these."""
    here = Path(__file__).parent
    files = [here / f"{name}.py" for name in _MODULES]
    files += [here.parent / name for name in _SHARED]
    digest = xxhash.xxh3_128()
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    for text in wordings(recipe.sets):
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()


def repeats_table(drawn: Drawn) -> pl.DataFrame:
    """The rows that repeat one taken before, by ids."""
    repeats = drawn.choice.repeats
    wanted = sorted({row for one in repeats for row in (one.row, one.other)})
    names = dict(zip(wanted, _named(drawn, wanted), strict=True))
    rows = [
        (*names[one.row], *names[one.other], one.kind, one.similarity, one.dropped)
        for one in repeats
    ]
    return pl.DataFrame(rows, schema=_REPEATS, orient="row")


def _named(drawn: Drawn, rows: Sequence[int]) -> Iterator[tuple[str, str]]:
    """(id, set) of rows by their position among all, which is sorted."""
    for name, pool in drawn.pools.items():
        first = drawn.start[name]
        own = [row - first for row in rows if first <= row < first + pool.rows]
        if own:
            yield from ((one, name) for one in pool.read(["id"])["id"].gather(own))


def _part(recipe: Recipe, drawn: Drawn, pool: Pool, samples: pl.DataFrame) -> SetPart:
    made, told, name = pool.made, pool.told, pool.made.name
    choice, size = drawn.choice, recipe.sets[name]
    choices = made.task_type == "multiple-choice"
    return SetPart(
        set=name,
        number=made.number,
        source=told["source"],
        source_revision=told["source_revision"],
        license=pool.builder.source.license,
        asks=made.asks,
        basis=made.basis,
        task_type=made.task_type,
        metric=made.metric,
        track=made.track,
        size=size.rows,
        at_most=size.at_most,
        train=len(choice.train[name]),
        validation=len(choice.validation[name]),
        left_out=dict(choice.left_out[name]),
        rejects=told["rejects"],
        source_rejects=told["source_rejects"],
        languages=_counts(samples["language"]),
        splits=_counts(samples["split"]),
        generators=_counts(samples["generator"]),
        templates=_counts(samples["template"]),
        answers=_counts(samples["truth"]) if choices else {},
        shortcuts=told["shortcuts"],
        guessable=told["guessable"],
        made_by={**_made_by(told), "samples": told["file_hash"]},
    )


def _made_by(told: Mapping[str, Any]) -> dict[str, Any]:
    """What decided the samples of a pool, however many it has: of a second opinion all but its
    answers, which are one for each sample."""
    made_by = {key: told[key] for key in _MADE_BY}
    if opinion := made_by["second_opinion"]:
        made_by["second_opinion"] = {k: v for k, v in opinion.items() if k != "answers"}
    return made_by


def _counts(column: pl.Series) -> dict[str, int]:
    counts = column.fill_null(NO_LLM).value_counts().sort(column.name)
    return dict(counts.iter_rows())


def _kinds(repeats: Sequence[Repeat]) -> dict[str, int]:
    found = Counter(one.kind for one in repeats)
    return {kind: found[kind] for kind in (EXACT, NEAR)}


def _examples(train: pl.DataFrame) -> Iterator[Example]:
    """The first sample of each task type."""
    for key, rows in train.group_by("task_type", maintain_order=True):
        first = rows.row(0, named=True)
        content = {message["role"]: message["content"] for message in first["messages"]}
        yield Example(
            id=first["id"],
            set=first["set"],
            task_type=str(key[0]),
            prompt=content["user"],
            answer=content["assistant"],
        )


def _id(told: Mapping[str, Any]) -> str:
    """xxh3-128 of all that decides the bytes of the shards, and of their hashes.

    How much larger a pool was than needed has no say in it.
    """
    sets = [
        [part.set, part.source, part.source_revision, part.templates]
        + [part.made_by[key] for key in _MADE_BY]
        for part in told["sets"]
    ]
    parts = [told["recipe"], told["leaks"].benchmarks, told["code"], told["packages"], sets]
    text = json.dumps([*parts, [file.path for file in told["files"]]], sort_keys=True)
    return xxhash.xxh3_128_hexdigest(text.encode())
