"""Small mixtures of samples that we write ourselves, as `builders.mixture` leaves them."""

from __future__ import annotations

import hashlib
import io
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl
import xxhash

from builders.manifest import hash_file
from builders.mixture.manifest import (
    DUPLICATES,
    LEAKS,
    NAME,
    TRAIN,
    VALIDATION,
    File,
    Leaks,
    Manifest,
)
from builders.sample import SCHEMA, system_prompt
from tests.cards.mixtures import KNOWLEDGE, RANKING, manifest
from tests.hub_server import Entry

#: A set that anybody may pass on, and one that nobody may.
OPEN: dict[str, Any] = KNOWLEDGE
CLOSED: dict[str, Any] = {
    **RANKING,
    "set": "amazon_m2.title_in_locale",
    "source": "amazon_m2",
    "license": "LicenseRef-Amazon-M2-research",
}


def mixture(
    folder: Path,
    name: str,
    rows: Sequence[int] = (40, 40),
    seed: int = 0,
    part: dict[str, Any] = OPEN,
    prompt: str | None = None,
    without: Mapping[str, str] = MappingProxyType({}),
) -> Manifest:
    """Write a mixture to `folder/name`: a training shard for each number of rows, and one for
    validation. Two of another seed share the shards but the last one of training.

    prompt: what the first sample asks, if not words by chance. without: benchmarks that it was
    built without questions of.
    """
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    for old in place.iterdir():
        old.unlink()
    files = []
    for number, count in enumerate(rows):
        samples = _samples(f"{name}/{number}", count, seed if number == len(rows) - 1 else 0, part)
        if number == 0 and prompt:
            samples[0]["messages"][1]["content"] = prompt
        files.append(_shard(place, TRAIN, number, len(rows), samples))
    files.append(_shard(place, VALIDATION, 0, 1, _samples(f"{name}/validation", 5, 0, part)))
    made = {**part, "train": sum(rows), "validation": 5, "size": sum(rows)}
    id = xxhash.xxh3_128_hexdigest(json.dumps([file.hash for file in files]).encode())
    leaks = Leaks(benchmarks=dict(without), refused={})
    more = {"files": tuple(files), "id": id, "leaks": leaks}
    told = manifest(name, (made,)).model_copy(update=more)
    (place / NAME).write_text(told.text(), "utf-8")
    for beside in (DUPLICATES, LEAKS):  # they are not published
        pl.DataFrame({"id": ["1"]}).write_parquet(place / beside)
    return told


def ids(folder: Path, name: str, split: str = TRAIN) -> list[str]:
    """The ids of a split in the order of its shards."""
    return [id for file in shards(folder, name, split) for id in pl.read_parquet(file)["id"]]


def theirs() -> dict[str, Entry]:
    """The files of somebody else's config `raw`, its card among them."""
    table = io.BytesIO()
    pl.DataFrame({"id": ["1"]}).write_parquet(table)
    card = (
        "---\n# ours\nmy_key: 7\nconfigs:\n- config_name: raw\n  data_files: raw/*.parquet\n---\n"
        "# Notes\n\nWritten by hand.\n"
    )
    files = {
        "README.md": card.encode(),
        "raw/rows.parquet": table.getvalue(),
        "raw/manifest.json": b"{}",
        "v8/my.txt": b"x",
    }
    return {path: Entry(path, content) for path, content in files.items()}


def shards(folder: Path, name: str, split: str = TRAIN) -> list[Path]:
    """The shards of a split."""
    return sorted((folder / name).glob(f"{split}-*.parquet"))


def _shard(place: Path, split: str, number: int, count: int, samples: list[dict[str, Any]]) -> File:
    half = place / "half"
    pl.DataFrame(samples, schema=SCHEMA).write_parquet(half, compression="zstd")
    digest = hash_file(half)
    path = half.rename(place / f"{split}-{number:05d}-of-{count:05d}-{digest[:16]}.parquet")
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    told = {"path": path.name, "split": split, "rows": len(samples), "bytes": len(content)}
    return File.model_validate({**told, "hash": digest, "sha256": sha256})


def _samples(key: str, count: int, seed: int, part: dict[str, Any]) -> list[dict[str, Any]]:
    chance = random.Random(f"{key} {seed}")
    return [_sample(chance, part) for _ in range(count)]


def _sample(chance: random.Random, part: dict[str, Any]) -> dict[str, Any]:
    id = chance.randbytes(16).hex()
    words = list(_words(chance, 60))
    options = [f"{words[i]} {words[i + 1]}" for i in range(0, 8, 2)]
    kind = part["task_type"]
    speech = {"system": system_prompt(kind), "user": " ".join(words), "assistant": "0"}
    return {
        "id": id,
        "messages": [{"role": role, "content": text} for role, text in speech.items()],
        "set": part["set"],
        "task_type": kind,
        "metric": part["metric"],
        "track": part["track"],
        "truth": "0",
        "fields": json.dumps({"question": " ".join(words[8:]), "options": options}),
        "language": "en",
        "source": part["source"],
        "source_revision": part["source_revision"],
        "source_rows": [id],
        "split": "train",
        "keys": [f"question:{id}"],
        "template": next(iter(part["templates"])),
        "generator": None,
        "llm_calls": [],
        "license": part["license"],
    }


def _words(chance: random.Random, count: int) -> Iterator[str]:
    for _ in range(count):
        yield "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(3, 9)))
