"""What a set was made of, beside its samples; and writing that leaves no half files.

A manifest holds no time and no path: the same input gives the same bytes. It is written after its
samples and carries their hash, so samples without a matching manifest are not finished.
"""

from __future__ import annotations

import inspect
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl
import xxhash

from builders.build import Built
from builders.builder import Builder, Set
from builders.errors import FatalError
from builders.llm.opened import NO_LLM, Llm
from builders.registry import SOURCES
from builders.shortcuts import measure

#: Packages whose version may change a sample.
PACKAGES = ("polars", "polars-hash", "jinja2", "langdetect", "numpy")
#: Modules of LLM work that decide what its answers become.
LLM_MODULES = ("compose", "opinion", "product_type", "prompt", "task", "writer")
#: Rows of a row group; fixed, so that the bytes do not depend on threads.
ROW_GROUP = 16_384


def fingerprint(
    builder: Builder,
    made: Set,
    revision: str,
    seed: int,
    limit: int | None,
    size: int,
    llm: Llm = NO_LLM,
) -> dict[str, Any]:
    """Everything that decides a set's bytes; of LLM work, what the ledger has answered so far."""
    asked = (*made.labels, *([made.composer] if made.composer else []))
    endings = made.endings(builder.templates) if llm.writer else []
    return {
        "set": made.name,
        "source": builder.source.name,
        "source_revision": revision,
        "seed": seed,
        "limit": limit,
        "asked": size,
        "templates": [one.name for one in (*made.wordings(builder.templates), *endings)],
        "llm": llm.writer.state(asked) if llm.writer and asked else None,
        "second_opinion": llm.opinion.state(made.task_type) if llm.opinion else None,
        "code": code_hash(type(builder)),
        "packages": {name: version(name) for name in PACKAGES},
    }


@cache
def code_hash(builder: type[Builder]) -> str:
    """Hash of the modules that make samples: the builder's own, and those all builders share."""
    root, own = Path(__file__).parent, Path(inspect.getfile(builder))
    mine = own.parent.rglob("*.py") if own.name == "__init__.py" else [own]
    shared = [file for file in root.glob("*.py") if file.stem not in SOURCES]
    shared += [root / "llm" / f"{name}.py" for name in LLM_MODULES]
    digest = xxhash.xxh3_128()
    for file in sorted({*shared, *mine}, key=lambda path: (path.parent.name, path.name)):
        name = f"{file.parent.name}/{file.name}"
        digest.update(name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def describe(made: Set, built: Built, source_rejects: Mapping[str, int]) -> dict[str, Any]:
    """The counts and measurements of a built set."""
    samples = built.samples
    prompts = samples.select(
        pl.col("messages").list.get(1).struct.field("content").str.len_chars().alias("chars")
    )["chars"]
    return {
        "number": made.number,
        "asks": made.asks,
        "basis": made.basis,
        "task_type": made.task_type,
        "metric": made.metric,
        "track": made.track,
        "made": len(samples),
        "rejects": dict(sorted(built.rejects.items())),
        "source_rejects": {reason: n for reason, n in sorted(source_rejects.items()) if n},
        "prompt_chars": {"median": _int(prompts.median()), "longest": _int(prompts.max())},
        "languages": _counts(samples["language"]),
        "splits": _counts(samples["split"]),
        "wordings": _counts(samples["template"]),
        "answers": _counts(samples["truth"]) if made.task_type == "multiple-choice" else {},
        "right_options": _right_options(samples) if made.task_type == "multiple-choice" else {},
        "shortcuts": measure(samples, made.hints),
        "guessable": made.guessable,
        "composed": dict(sorted(built.composed.items())),
        "opinions": dict(sorted(built.opinions.items())),
    }


def _int(value: Any) -> int:
    return int(value or 0)


def _counts(column: pl.Series) -> dict[str, int]:
    counts = column.value_counts().sort(column.name)
    return dict(zip(counts[column.name].cast(pl.String), counts["count"], strict=True))


def _right_options(samples: pl.DataFrame) -> dict[str, int]:
    """How often each option is right, for sets whose options are always the same few."""
    right = [
        (json.loads(f).get("options") or range(10))[int(t)]
        for f, t in samples.select("fields", "truth").iter_rows()
    ]
    return _counts(pl.Series("right", map(str, right))) if 0 < len(set(right)) <= 10 else {}


def read(folder: Path, name: str) -> dict[str, Any] | None:
    """The manifest of a finished set; None where it is missing, or its samples are others."""
    try:
        manifest = json.loads((folder / f"{name}.json").read_text("utf-8"))
        digest = hash_file(folder / f"{name}.parquet")
    except (FileNotFoundError, ValueError):  # not JSON, not even text
        return None
    finished = isinstance(manifest, dict) and manifest.get("file_hash") == digest
    return manifest if finished else None


def write(folder: Path, name: str, built: Built, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Write samples, then their manifest; returns it, the samples' hash added.

    Disputed questions go to a file beside, for people to read.
    """
    samples, path = built.samples, folder / f"{name}.parquet"
    disputed = folder / f"{name}.disputed.jsonl"
    if built.disputed:
        lines = [json.dumps(one, ensure_ascii=False) + "\n" for one in built.disputed]
        with replacing(disputed) as half:
            half.write_text("".join(lines), "utf-8")
    else:
        disputed.unlink(missing_ok=True)
    with replacing(path) as half:
        samples.rechunk().write_parquet(half, compression="zstd", row_group_size=ROW_GROUP)
    whole = {**manifest, "file_hash": hash_file(path)}
    text = json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
    with replacing(folder / f"{name}.json") as half:
        half.write_text(text, "utf-8")
    return whole


def hash_file(path: Path) -> str:
    """xxh3-128 of a file's bytes, as 32 hex."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` to be filled, which gets the name in one step at the end.

    Raises `FatalError` where it cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o644)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise FatalError(f"cannot write {path}: {error.strerror or error}") from None
    except pl.exceptions.ComputeError as error:  # polars' word for what the disk says
        said = str(error).rpartition("IO error: ")[2]
        raise FatalError(f"cannot write {path}: {said}") from None
