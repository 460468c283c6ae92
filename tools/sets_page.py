"""`python -m tools.sets_page`: write docs/sets.md, a page on every set, from code and demo rows."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from builders.builder import Builder, Set
from builders.cli import Settings, build_all, llm_of
from builders.console import Reporter, rendered
from builders.registry import builders

PAGE = Path(__file__).resolve().parent.parent / "docs" / "sets.md"

_HEAD = """# The sets

Made by `make docs` from the code and the demo rows; a test holds it up to date. "No." is the set's
number in the paper, "size" its size there and the default here. Shortcuts are mean scores of
guessers on the demo rows (`docs/quality.md` says which), next to chance; the demo rows are few, and
what your rows give stands in the manifest of a build.
"""


def page(folder: Path) -> str:
    """The page, by the samples and manifests of a build of the demo rows."""
    lines = [_HEAD, *_overview()]
    for builder in builders():
        source = builder.source
        where = f"`{source.repo}` on the Hub" if source.repo else "not on the Hub"
        lines += [f"## {source.name}", "", f"{where}, {source.license}", ""]
        for made in builder.sets:
            lines += _section(made, folder)
    return "\n".join(lines).rstrip() + "\n"


def _overview() -> Iterator[str]:
    yield "| No. | set | type | size | what is asked |"
    yield "|---|---|---|---|---|"
    every = [made for builder in builders() for made in builder.sets]
    for made in sorted(every, key=lambda made: made.number or 100):
        link = f"[{made.name}](#{made.name.replace('.', '')})"
        cells = (made.number or "", link, made.task_type, f"{made.size:,}", made.asks)
        yield "| " + " | ".join(map(str, cells)) + " |"
    yield ""


def _section(made: Set, folder: Path) -> Iterator[str]:
    yield from (f"### {made.name}", "")
    track = (made.track or "none: general instructions").removeprefix("amazon-kdd-cup-24-")
    facts = {
        "asked": made.asks,
        "number in the paper": made.number or "none, shown in the talk",
        "type and metric": f"{made.task_type}, {made.metric or 'none'}",
        "track": track,
        "size": f"{made.size:,}",
    }
    told = json.loads((folder / f"{made.name}.json").read_text("utf-8"))
    facts |= {"truth": made.basis, "shortcuts": _shortcuts(told)}
    if made.guessable:
        facts["why a guesser gets far"] = made.guessable
    if made.labels:
        facts["labels by an LLM"] = ", ".join(task.name for task in made.labels)
    if made.composer:
        facts["composed by an LLM"] = "where one is at hand"
    for name, value in facts.items():
        yield f"- {name}: {value}"
    yield ""
    sample = pl.read_parquet(folder / f"{made.name}.parquet").row(0, named=True)
    yield from ("~~~~", rendered(made.name, sample).partition("\n")[2].rstrip(), "~~~~", "")


def _shortcuts(manifest: dict[str, Any]) -> str:
    found = manifest["shortcuts"]
    told = ", ".join(f"{name.replace('_', ' ')} {value:.2f}" for name, value in found.items())
    return f"{told} ({manifest['made']:,} samples)" if found else "none, it has no options"


def write(builder: Builder, folder: Path) -> None:
    """Build a source's demo rows into a folder."""
    settings, report = Settings.model_validate({"source": "demo", "out": folder}), Reporter()
    with llm_of(settings, report) as llm:
        build_all(builder, settings, report, llm)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        for one in builders():
            write(one, Path(temporary))
        PAGE.write_text(page(Path(temporary)), "utf-8")
