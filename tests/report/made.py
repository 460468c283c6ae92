"""Mixtures made by hand, as `builders.mixture` writes them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from builders.manifest import hash_file
from builders.mixture import leaks
from builders.mixture.manifest import (
    DUPLICATES,
    LEAKS,
    NAME,
    TRAIN,
    VALIDATION,
    Duplicates,
    File,
    Leaks,
    Lengths,
    Manifest,
    Packs,
    SetPart,
)
from builders.sample import SCHEMA, ideal_answer, system_prompt

DUPLICATE = {
    "id": pl.String,
    "set": pl.String,
    "other_id": pl.String,
    "other_set": pl.String,
    "kind": pl.String,
    "similarity": pl.Float32,
    "dropped": pl.Boolean,
}
LEAK = {name: kind for name, kind in leaks.SCHEMA.items() if name != "row"}


def question(number: int, **told: Any) -> dict[str, Any]:
    """A row of a sample: a multiple choice of ESCI with four options, but for what is told."""
    place = number % 4
    options = [f"Product {number}.{i}" for i in range(4)]
    asked = {
        "query": f"lamp {number}",
        "options": options,
        "reasons": [None if i == place else "judged_I" for i in range(4)],
    }
    prompt = f"Which product fits the query?\nQuery: lamp {number}\n" + "\n".join(options)
    return {
        "id": f"{number:032x}",
        "messages": talk("multiple-choice", prompt, str(place)),
        "set": "esci.product_for_query",
        "task_type": "multiple-choice",
        "metric": "accuracy",
        "track": "amazon-kdd-cup-24-user-behavior-alignment",
        "truth": str(place),
        "fields": json.dumps(asked),
        "language": "en",
        "source": "esci",
        "source_revision": "abc123",
        "source_rows": [f"queries:{number}", f"products:us:B{number}"],
        "split": "train",
        "keys": [f"query:lamp {number}", f"product:B{number}"],
        "template": "esci/product_for_query/terse.j2@7dde433a",
        "generator": None,
        "llm_calls": [],
        "license": "Apache-2.0",
        **told,
    }


def ranking(number: int, **told: Any) -> dict[str, Any]:
    """The same of a ranking in Spanish."""
    weights = [0.1, 1.0, 0.0]
    options = [f"Lámpara {number}.{i}" for i in range(3)]
    asked = {
        "query": f"lámpara {number}",
        "options": options,
        "reasons": ["judged_S", None, "judged_I"],
    }
    prompt = f"Ordena los productos.\nlámpara {number}\n" + "\n".join(options)
    return question(
        number,
        messages=talk("ranking", prompt, ideal_answer("ranking", weights)),
        set="esci.rank_products_for_query",
        task_type="ranking",
        metric="ndcg",
        truth=json.dumps(weights),
        fields=json.dumps(asked),
        language="es",
        template="esci/rank_products_for_query/terse.j2@0badcafe",
        **told,
    )


def text(number: int, answer: str, **told: Any) -> dict[str, Any]:
    """The same of a text that an LLM had a part in, of another source."""
    return question(
        number,
        **{
            "messages": talk("generation", f"Describe 'lamp {number}'.\nOutput:", answer),
            "set": "amazon_m2.explain_product_type",
            "task_type": "generation",
            "metric": "sent-transformer",
            "truth": json.dumps(answer),
            "fields": json.dumps({"product_type": f"lamp {number}"}),
            "source": "amazon_m2",
            "template": "amazon_m2/explain_product_type/terse.j2@12345678",
            "generator": "openai:gpt-4.1-mini",
            "llm_calls": ["c9977144627e4d985b4f7d0da1e8cfbe"],
            "license": "LicenseRef-Amazon-M2-research",
            **told,
        },
    )


def talk(task_type: str, prompt: str, answer: str) -> list[dict[str, str]]:
    """The messages of a sample."""
    return [
        {"role": "system", "content": system_prompt(task_type)},
        {"role": "user", "content": prompt},
        {"role": "assistant", "content": answer},
    ]


def mixture(  # a fixture says all that matters to its test
    folder: Path,
    train: Sequence[Sequence[Mapping[str, Any]]],
    validation: Sequence[Mapping[str, Any]] = (),
    duplicates: Sequence[Mapping[str, Any]] = (),
    leaks: Sequence[Mapping[str, Any]] = (),
    sets: Mapping[str, Mapping[str, Any]] | None = None,
) -> Path:
    """Write a mixture: the training rows by shard, what was found, and of sets what is told."""
    folder.mkdir(parents=True)
    files = [_shard(folder, rows, TRAIN, i, len(train)) for i, rows in enumerate(train) if rows] + (
        [_shard(folder, validation, VALIDATION, 0, 1)] if validation else []
    )
    pl.DataFrame(list(duplicates), DUPLICATE).write_parquet(folder / DUPLICATES)
    pl.DataFrame(list(leaks), LEAK).write_parquet(folder / LEAKS)
    trained = pl.DataFrame([row for rows in train for row in rows], SCHEMA)
    held = pl.DataFrame(list(validation), SCHEMA)
    both = pl.concat([trained, held])
    kinds = [one["kind"] for one in duplicates if one["dropped"]]
    manifest = Manifest(
        mixture=folder.name,
        id="0123456789abcdef0123456789abcdef",
        recipe={"seed": 0},
        code="c0de",
        packages={"polars": pl.__version__},
        sets=tuple(
            _part(name[0], rows, held, (sets or {}).get(name[0], {}))
            for name, rows in both.group_by("set", maintain_order=True)
        ),
        task_types=counts(both["task_type"]),
        languages=counts(both["language"]),
        generators=counts(both["generator"].fill_null("none")),
        licenses=counts(both["license"]),
        duplicates=Duplicates(mode="drop", exact=kinds.count("exact"), near=kinds.count("near")),
        leaks=Leaks(
            benchmarks={"shopbench_development": "feed"},
            refused=counts(pl.Series("rule", [one["rule"] for one in leaks], pl.String)),
        ),
        lengths=_lengths(trained),
        examples=(),
        files=tuple(files),
    )
    (folder / NAME).write_text(manifest.text(), "utf-8")
    return folder


def counts(column: pl.Series) -> dict[str, int]:
    """How often each value comes."""
    return dict(column.drop_nulls().value_counts(sort=True).iter_rows())


def _shard(
    folder: Path, rows: Sequence[Mapping[str, Any]], split: str, number: int, of: int
) -> File:
    written = folder / "shard"
    pl.DataFrame(list(rows), SCHEMA).write_parquet(written)
    digest = hash_file(written)
    path = written.rename(folder / f"{split}-{number:05}-of-{of:05}-{digest[:16]}.parquet")
    data = path.read_bytes()
    return File.model_validate(
        {
            "path": path.name,
            "split": split,
            "rows": len(rows),
            "bytes": len(data),
            "hash": digest,
            "sha256": hashlib.sha256(data).hexdigest(),
        }
    )


def _part(name: Any, rows: pl.DataFrame, held: pl.DataFrame, told: Mapping[str, Any]) -> SetPart:
    first = rows.row(0, named=True)
    validation = int((held["set"] == name).sum())
    part = {
        "set": name,
        "number": None,
        "asks": f"what {name} asks",
        "basis": "labels",
        "size": len(rows) - validation,
        "at_most": False,
        "train": len(rows) - validation,
        "validation": validation,
        "left_out": {},
        "rejects": {},
        "source_rejects": {},
        "languages": counts(rows["language"]),
        "splits": counts(rows["split"]),
        "generators": counts(rows["generator"].fill_null("none")),
        "templates": counts(rows["template"]),
        "answers": counts(rows["truth"]) if first["task_type"] == "multiple-choice" else {},
        "shortcuts": {},
        "guessable": None,
        "made_by": {},
    }
    origin = ("source", "source_revision", "license", "task_type", "metric", "track")
    return SetPart.model_validate({**part, **{key: first[key] for key in origin}, **told})


def _lengths(rows: pl.DataFrame) -> Lengths:
    long = [sum(len(one["content"]) for one in talk) // 4 for talk in rows["messages"]]
    column = pl.Series("upper", [(n // 64 + 1) * 64 for n in long])
    upper = column.value_counts().sort("upper")
    return Lengths(
        unit="tokens, estimated as 4 characters each",
        tokenizer=None,
        total=sum(long),
        mean=sum(long) / len(long),
        median=sorted(long)[len(long) // 2],
        p95=sorted(long)[len(long) * 95 // 100],
        longest=max(long),
        histogram=dict(upper.iter_rows()),
        packs=(Packs(tokens=2048, packs=1, efficiency=0.97, longer=0),),
    )
