"""Rows of ours in the layout of ECInstruct, and what is built of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from builders.ecinstruct import BUILDER
from tests.conftest import build

Row = dict[str, str | None]


def row(task: str, told: object, output: str, options: object = None, **more: str) -> Row:
    """A row in the published layout; what is no text is written as JSON."""
    fixed: Row = {"few_shot_example": None, "instruction": "Do the task.", "split": "train"}
    plain = told if isinstance(told, str) else json.dumps(told)
    shown = options if options is None or isinstance(options, str) else json.dumps(options)
    fixed |= {"setting": "IND_Diverse_Instruction", "task": task, "input": plain, "options": shown}
    return {**fixed, "output": output, **more}


def made(folder: Path, rows: list[Row], name: str, **settings: object) -> list[dict[str, Any]]:
    """The samples of a set, their JSON read, out of these rows."""
    folder.mkdir(exist_ok=True)
    (folder / "dataset.json").write_text(json.dumps(rows), "utf-8")
    build(folder / "out", BUILDER, source=str(folder), sets=(name,), **settings)
    return samples(folder / "out", name)


def samples(folder: Path, name: str) -> list[dict[str, Any]]:
    """The samples of a set that is built."""
    found = pl.read_parquet(folder / f"ecinstruct.{name}.parquet").to_dicts()
    return [
        one | {"fields": json.loads(one["fields"]), "truth": json.loads(one["truth"])}
        for one in found
    ]


def manifest(folder: Path, name: str) -> dict[str, Any]:
    """The manifest of a set that is built."""
    told: dict[str, Any] = json.loads((folder / f"ecinstruct.{name}.json").read_text("utf-8"))
    return told


def right(sample: dict[str, Any]) -> str:
    """The text of the right option of a multiple-choice question."""
    return str(sample["fields"]["options"][sample["truth"]])


def ranked(query: str, products: list[str], output: str, **more: str) -> Row:
    letters = [f"{'ABCD'[i]}: {text}" for i, text in enumerate(products)]
    told = {"query": query, "product list": letters}
    return row("Query_Product_Rank", told, output, **more)
