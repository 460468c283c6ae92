"""What a mixture is made of, beside its shards: `DIR/<mixture>/manifest.json`.

It is written last and carries the shards' hashes, so shards without it are not finished. It holds
no time and no path of a machine: the same inputs give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from builders.errors import ShopmixError
from builders.manifest import hash_file

NAME = "manifest.json"
#: Beside the shards: what was found of duplicates and leaks, a row each.
DUPLICATES, LEAKS = LISTS = "duplicates.parquet", "leaks.parquet"
TRAIN, VALIDATION = "train", "validation"
SPLITS = (TRAIN, VALIDATION)
#: What `generators` counts where no LLM had a part.
NO_LLM = "none"

Counts = dict[str, Annotated[int, Field(ge=0)]]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SetPart(_Part):
    """A set's part of a mixture. Counts are of rows of both splits, unless it says otherwise.

    size: what the recipe asks for in training rows. at_most: whether fewer will do.
    left_out: rows of the set's samples that were passed over before the last one taken, by reason.
    rejects, source_rejects: what the builder could not use, of candidates and of source rows.
    shortcuts: mean scores of guessers, `chance` among them (see `builders.shortcuts`).
    made_by: what else decided the samples' bytes: seed, limit, code, packages, second opinion.
    """

    set: str
    number: int | None
    source: str
    source_revision: str
    license: str
    asks: str
    basis: str
    task_type: str
    metric: str | None
    track: str | None
    size: int
    at_most: bool
    train: int
    validation: int
    left_out: Counts
    rejects: Counts
    source_rejects: Counts
    languages: Counts
    splits: Counts
    generators: Counts
    templates: Counts
    answers: Counts
    shortcuts: dict[str, float]
    guessable: str | None
    made_by: dict[str, Any]


class Packs(_Part):
    """Best-fit-decreasing packs of `tokens` each: how many, how full, and how many samples of the
    training split are longer than a pack."""

    tokens: int
    packs: int
    efficiency: float
    longer: int


class Lengths(_Part):
    """How long the training samples are. unit: `tokens` of `tokenizer` under its chat template, or
    an estimate where no tokenizer was at hand. histogram: rows by the upper end of a bin."""

    unit: str
    tokenizer: str | None
    total: int
    mean: float
    median: int
    p95: int
    longest: int
    histogram: dict[int, int]
    packs: tuple[Packs, ...]


class Duplicates(_Part):
    """mode: what the recipe says. exact, near: rows that repeat one that was taken before;
    `DUPLICATES` lists them."""

    mode: Literal["report", "drop"]
    exact: int
    near: int


class Leaks(_Part):
    """Samples that were refused as questions of a benchmark, by rule; `LEAKS` lists them.

    benchmarks: what was looked for, the hash of its questions by its name.
    """

    benchmarks: dict[str, str]
    refused: Counts


class Example(_Part):
    """A sample of the training split to look at: the first of its task type."""

    id: str
    set: str
    task_type: str
    prompt: str
    answer: str


class File(_Part):
    """A shard. hash: xxh3-128 of its bytes, 32 hex, the first 16 stand in its name."""

    path: str
    split: Literal["train", "validation"]
    rows: int
    bytes: int
    hash: str
    sha256: str


class Manifest(_Part):
    """A mixture. id: hash of everything that decides the shards' bytes, and of the shards."""

    mixture: str
    id: str
    recipe: dict[str, Any]
    code: str
    packages: dict[str, str]
    sets: tuple[SetPart, ...]
    task_types: Counts
    languages: Counts
    generators: Counts
    licenses: Counts
    duplicates: Duplicates
    leaks: Leaks
    lengths: Lengths
    examples: tuple[Example, ...]
    files: tuple[File, ...]

    def rows(self, split: str) -> int:
        """How many rows a split has."""
        return sum(file.rows for file in self.files if file.split == split)

    def text(self) -> str:
        """As it stands in `NAME`."""
        told = self.model_dump(mode="json")
        return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def read(folder: Path) -> Manifest:
    """The manifest of the mixture in a folder.

    Raises `ShopmixError` where there is none, or it is not one.
    """
    path = folder / NAME
    try:
        return parse(path.read_text("utf-8"), str(path))
    except FileNotFoundError:
        raise ShopmixError(
            f"{path} is missing: build the mixture with python -m builders.mixture "
            f"{folder.name} --out {folder.parent}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ShopmixError(f"{path} cannot be read: {error}") from None


def parse(text: str, where: str) -> Manifest:
    """A manifest from its text; `where` is named in the `ShopmixError` for one that is none."""
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ShopmixError(
            f"{where} is no manifest of a mixture ({key}: {first['msg']}): build the mixture anew"
        ) from None


def damaged(folder: Path, manifest: Manifest) -> Iterator[str]:
    """What is wrong with a mixture's shards, one line each; nothing where all are whole."""
    for file in manifest.files:
        path = folder / file.path
        if not path.is_file():
            yield f"{path} is missing"
        elif path.stat().st_size != file.bytes or hash_file(path) != file.hash:
            yield f"{path} is not what {NAME} says: it was changed or cut off"


def whole(folder: Path) -> Manifest:
    """The manifest of a mixture whose shards are as it says.

    Raises `ShopmixError` naming every shard that is missing or damaged.
    """
    manifest = read(folder)
    if flaws := list(damaged(folder, manifest)):
        raise ShopmixError(f"{'; '.join(flaws)}: delete {folder} and build the mixture anew")
    return manifest
