"""The page: figures as HTML that needs no script, samples and pairs packed for the browser in it.

Charts are bars of HTML and CSS: nothing to load, they grow with the text and the screen, follow
light and dark, and their numbers stand beside them. The page can load nothing: its own policy
forbids every request, and every script but its own.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import polars as pl
from markupsafe import Markup, escape

from builders.mixture.manifest import SPLITS, TRAIN, Manifest
from builders.report import answers, composition, lengths, pairs, samples
from builders.report.shards import first_rows, scan
from builders.shortcuts import GUESSERS, MARGIN

PAGE = Path(__file__).parent / "page"
SCRIPTS = ("view.js", "samples.js", "pairs.js", "main.js")


@dataclass(frozen=True)
class Report:
    """A page. samples: how many of the mixture's are on it."""

    html: str
    samples: int


def report(folder: Path, manifest: Manifest, pool: Path) -> Report:
    """The page of the mixture in a folder. pool: where the samples lie that it was built of, for
    the texts of duplicates that it dropped."""
    words = samples.reasons()
    of_split = {TRAIN: samples.TRAINING}
    chosen = [
        samples.shown(row, words)
        for split in SPLITS
        for row in first_rows(folder, manifest, split, of_split.get(split, samples.HELD)).iter_rows(
            named=True
        )
    ]
    twins, refused = pairs.duplicates(folder, manifest, pool), pairs.leaks(folder)
    script = "\n".join((PAGE / name).read_text("utf-8") for name in SCRIPTS)
    html = (
        _environment()
        .get_template("page.html.j2")
        .render(
            mixture=manifest,
            **_figures(folder, manifest),
            margin=MARGIN,
            guessers=[composition.in_words(name) for name in GUESSERS],
            errors=answers.ERRORS,
            training=samples.TRAINING,
            held=samples.HELD,
            embedded=len(chosen),
            twins=twins,
            refused=refused,
            packed=packed({"samples": chosen, "duplicates": twins, "leaks": refused}),
            style=Markup((PAGE / "style.css").read_text("utf-8")),
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )
    return Report(html, len(chosen))


def packed(told: Any) -> str:
    """JSON as base64 of gzip: the same bytes for the same content, and no mark-up in any text."""
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def _figures(folder: Path, manifest: Manifest) -> dict[str, Any]:
    rows: pl.LazyFrame = scan(folder, manifest)
    return {
        "composition": composition.composition(manifest),
        "tokens": lengths.binned(manifest.lengths.histogram),
        "prompts": lengths.prompts(rows),
        "balances": answers.balances(rows),
        "guessed": composition.guessed(manifest),
        "lost_rows": composition.lost_rows(manifest),
        "rejected": composition.rejected(manifest),
        "left_out": composition.left_out(manifest),
    }


def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGE),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["breakable"] = _breakable
    made.filters["score"] = lambda score: f"{score:.3f}"
    made.filters["count"] = lambda number: f"{number:,}"
    made.filters["percent"] = lambda share: f"{share * 100:.1f} %"
    made.filters["size"] = lambda share: f"{share * 100:.2f}%"
    return made


def _breakable(name: str) -> Markup:
    """A set's name, which a narrow column breaks between its words."""
    return Markup(str(escape(name)).replace(".", ".<wbr>").replace("_", "_<wbr>"))
