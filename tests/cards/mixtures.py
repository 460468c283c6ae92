"""Small mixtures, written by ourselves, and the manifests that they would have."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import polars as pl

from builders.manifest import hash_file
from builders.mixture.manifest import (
    Duplicates,
    Example,
    File,
    Leaks,
    Lengths,
    Manifest,
    Packs,
    SetPart,
)
from builders.sample import SCHEMA

CODE = "92982c73d04795b7bab476cda8f0dbd5"
RANKING: dict[str, Any] = {
    "set": "esci.rank_products_for_query",
    "number": 5,
    "source": "esci",
    "source_revision": "0123456789abcdef0123456789abcdef01234567",
    "license": "Apache-2.0",
    "asks": "rank products for a query",
    "basis": "ESCI's judgements, where the words bear them out",
    "task_type": "ranking",
    "metric": "ndcg",
    "track": "amazon-kdd-cup-24-user-behavior-alignment",
    "size": 4,
    "at_most": False,
    "train": 4,
    "validation": 1,
    "left_out": {"exact duplicate": 1},
    "rejects": {"query with fewer than 5 judged products": 11, "too long": 1},
    "source_rejects": {"judgement given twice": 1200},
    "languages": {"en": 3, "es": 1, "ja": 1},
    "splits": {"train": 5},
    "generators": {"none": 5},
    "templates": {"esci/rank_products_for_query/terse.j2@7dfd25de": 5},
    "answers": {},
    "shortcuts": {"chance": 0.7117, "first": 0.7308, "overlap": 0.9924},
    "guessable": "only sure exact matches | are <used>",
    "made_by": {"seed": 0, "limit": None, "code": CODE, "packages": {"polars": "2.1.0"}},
}
KNOWLEDGE: dict[str, Any] = {
    **RANKING,
    "set": "mmlu.general_knowledge",
    "number": 38,
    "source": "mmlu",
    "source_revision": "rows-a5d5ea85e7f8cef317c976d994181070",
    "license": "MIT",
    "asks": "general knowledge",
    "basis": "the published answer",
    "task_type": "multiple-choice",
    "metric": None,
    "track": None,
    "size": 3,
    "at_most": True,
    "train": 2,
    "validation": 0,
    "left_out": {},
    "rejects": {},
    "source_rejects": {},
    "languages": {"en": 2},
    "generators": {"none": 2},
    "splits": {"auxiliary_train": 1, "test": 1},
    "shortcuts": {"chance": 0.25, "first": 0.26, "longest": 0.28},
    "guessable": None,
}
INSTRUCTIONS: dict[str, Any] = {
    **KNOWLEDGE,
    "set": "alpaca.instructions",
    "number": 37,
    "source": "alpaca",
    "license": "CC-BY-NC-4.0",
    "asks": "general instructions",
    "task_type": "generation",
    "generators": {"none": 1, "openai:gpt-4.1-mini": 1},
    "splits": {"train": 2},
    "shortcuts": {},
}
PROMPT = """Rank these for "garden hose":
1. Hose, 50 ft
2. ```bash | <b>not a fence</b>
<!-- shopmix: end -->
Answer: """


def manifest(name: str = "v8", parts: Sequence[dict[str, Any]] = (RANKING, KNOWLEDGE)) -> Manifest:
    """The manifest of a mixture of these parts."""
    sets = tuple(SetPart(**part) for part in parts)

    def counted(key: str) -> dict[str, int]:
        counts: dict[str, int] = {}
        for part in sets:
            told = getattr(part, key)
            rows = part.train + part.validation
            for value, number in (told if isinstance(told, dict) else {told: rows}).items():
                counts[value] = counts.get(value, 0) + number
        return dict(sorted(counts.items()))

    rows: dict[Literal["train", "validation"], int] = {
        "train": sum(part.train for part in sets),
        "validation": sum(part.validation for part in sets),
    }
    digest = hashlib.sha256(name.encode()).hexdigest()
    return Manifest(
        mixture=name,
        id=digest[:32],
        recipe={"seed": 0, "duplicates": "drop", "sets": {one.set: one.size for one in sets}},
        code=CODE,
        packages={"polars": "2.1.0", "rensa": "0.2.8"},
        sets=sets,
        task_types=counted("task_type"),
        languages=counted("languages"),
        generators=counted("generators"),
        licenses=counted("license"),
        duplicates=Duplicates(mode="drop", exact=1, near=2),
        leaks=Leaks(benchmarks={"shopbench_development": digest[:32]}, refused={"options": 3}),
        lengths=Lengths(
            unit="tokens",
            tokenizer="Qwen/Qwen2-72B-Instruct",
            total=1234,
            mean=176.3,
            median=170,
            p95=300,
            longest=402,
            histogram={256: 5, 512: 1},
            packs=(Packs(tokens=2048, packs=1, efficiency=0.6025, longer=0),),
        ),
        examples=(
            Example(
                id=digest[:32],
                set=sets[0].set,
                task_type=sets[0].task_type,
                prompt=PROMPT,
                answer="1,2",
            ),
        ),
        files=tuple(
            File(
                path=f"{split}-00000-of-00001-{digest[:16]}.parquet",
                split=split,
                rows=number,
                bytes=1000,
                hash=digest[:32],
                sha256=digest,
            )
            for split, number in rows.items()
            if number
        ),
    )


def written(folder: Path, told: Manifest) -> Manifest:
    """The same with shards in `folder/<mixture>`, and their true sizes and hashes."""
    place = folder / told.mixture
    place.mkdir(parents=True)
    files = []
    for file in told.files:
        half = place / "half"
        rows = [_row(told.mixture, file.split, i) for i in range(file.rows)]
        pl.DataFrame(rows, schema=SCHEMA).write_parquet(half)
        digest = hash_file(half)
        path = half.rename(place / f"{file.split}-00000-of-00001-{digest[:16]}.parquet")
        content = path.read_bytes()
        files.append(
            file.model_copy(
                update={
                    "path": path.name,
                    "bytes": len(content),
                    "hash": digest,
                    "sha256": hashlib.sha256(content).hexdigest(),
                }
            )
        )
    return told.model_copy(update={"files": tuple(files)})


def _row(mixture: str, split: str, i: int) -> dict[str, Any]:
    texts = dict.fromkeys(SCHEMA, f"{mixture} {split} {i}")
    speech = [{"role": role, "content": "hm"} for role in ("system", "user", "assistant")]
    return {
        **texts,
        "messages": speech,
        "source_rows": ["1"],
        "keys": ["query:hose"],
        "llm_calls": [],
    }
