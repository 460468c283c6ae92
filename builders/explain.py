"""`python -m builders.explain ID`: from a sample back to its rows, its wording and its reasons."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from builders.builder import Builder
from builders.cli import run
from builders.errors import ShopmixError
from builders.registry import GROUP, builders
from builders.source import open_source


def find(folder: Path, sample_id: str) -> dict[str, Any]:
    """The sample of this id (or of the only id that begins so) in a folder of samples."""
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise ShopmixError(f"no samples in {folder}: build some, or name the folder with --samples")
    found = pl.concat(
        [pl.scan_parquet(f).filter(pl.col("id").str.starts_with(sample_id)) for f in files]
    ).collect()
    if len(found) != 1:
        raise ShopmixError(
            f"{len(found)} samples in {folder} have an id that begins with {sample_id}"
        )
    return found.row(0, named=True)


def explain(sample: Mapping[str, Any], builder: Builder, where: str | None) -> str:
    """All that is known of a sample, as text."""
    content = {message["role"]: message["content"] for message in sample["messages"]}
    fields, truth = json.loads(sample["fields"]), json.loads(sample["truth"])
    lines = [
        f"{sample['id']}  {sample['set']} ({sample['task_type']}, {sample['metric']})",
        f"wording   {sample['template']}",
        f"source    {sample['source']} {sample['source_revision']}, split {sample['split']}, "
        f"{sample['license']}",
        *_written_by(sample),
        "", content["user"], f">>> {content['assistant']}", "",
        *_reasons(sample["task_type"], fields, truth, builder.reasons), "",
        "made of",
    ]  # fmt: skip
    rows = (
        builder.lookup(open_source(builder.source, where), sample["source_rows"]) if where else {}
    )
    for ref in sample["source_rows"]:
        lines.append(f"  {ref}")
        if ref in rows:
            lines += [
                f"    {name}: {value}" for name, value in rows[ref].items() if value is not None
            ]
        elif where:
            lines.append(f"    is not in {where}")
    if not where:
        lines.append("  (--source hub, demo or DIR shows the rows themselves)")
    return "\n".join(lines)


def _written_by(sample: Mapping[str, Any]) -> list[str]:
    """Which LLM had a part in it, and its calls, whose keys stand in the ledger."""
    if sample["generator"] is None:
        return []
    return [f"LLM       {sample['generator']}, calls {', '.join(sample['llm_calls'])}"]


def _reasons(
    task_type: str, fields: Mapping[str, Any], truth: Any, known: Mapping[str, str]
) -> list[str]:
    lines = []
    first = 0 if task_type == "multiple-choice" else 1
    for place, (option, code) in enumerate(
        zip(fields.get("options", []), fields.get("reasons", []), strict=True)
    ):
        weight = f", weight {truth[place]}" if task_type == "ranking" else ""
        why = "right" if code is None else f"{'' if weight else 'wrong: '}{known.get(code, code)}"
        lines.append(f"{place + first}. {option}\n   {why}{weight}")
    return lines


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m builders.explain", description=__doc__)
    parser.add_argument("id", help="a sample's id, or its beginning")
    parser.add_argument("--samples", default=Path("data/samples"), type=Path, metavar="DIR")
    parser.add_argument("--source", metavar="hub|demo|DIR", help="also show the source's rows")
    given = parser.parse_args(argv)
    sample = find(given.samples, given.id)
    known = {builder.source.name: builder for builder in builders()}
    builder = known.get(sample["source"])
    if builder is None:
        raise ShopmixError(
            f"no builder of the source {sample['source']!r}: install the package that has it, with "
            f"an entry point of the group {GROUP} (there are: {', '.join(known)})"
        )
    print(explain(sample, builder, given.source))


if __name__ == "__main__":
    run(main)
