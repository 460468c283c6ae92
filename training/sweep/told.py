"""What a sweep found: a table, `sweep.json`, `sweep.svg`, and the command that makes the best."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from rich.text import Text

from builders.console import Reporter, plain_table
from builders.manifest import replacing
from training.sweep.grid import Point, named, shown
from training.sweep.plot import decimals, plot
from training.sweep.sweep import Swept

TABLE, PLOT = "sweep.json", "sweep.svg"


def tell(swept: Swept, out: Path, report: Reporter) -> None:
    """Write table and plot into a folder and print the table; the last line says what to do."""
    scores = {point: scored.score for point, scored in swept.points.items()}
    with replacing(out / TABLE) as half:
        half.write_text(json.dumps(_json(swept), indent=2, ensure_ascii=False) + "\n", "utf-8")
    with replacing(out / PLOT) as half:
        half.write_text(plot(swept.tried, scores, swept.best), "utf-8")
    table = plain_table("Scores", *(axis.adapter for axis in swept.tried), "score", "seconds", "")
    digits = decimals(scores.values())
    for point, scored in swept.points.items():
        score, seconds = f"{scored.score:.{digits}f}", f"{scored.seconds:,.1f}"
        table.add_row(*map(shown, point), score, seconds, "best" if point == swept.best else "")
    report.console.print(table)
    report.note(f"{out / TABLE} and {out / PLOT} are written")
    best = f"best: {named(swept.tried, swept.best)}, score {scores[swept.best]:.{digits}f}"
    if any(swept.best):
        report.note(f"{best}. To make it:")
        report.console.print(Text(make(swept, out)), soft_wrap=True)
    else:
        report.note(f"{best}: that is the base itself")


def make(swept: Swept, out: Path) -> str:
    """The command that makes what was scored best."""
    pairs = zip(swept.tried, swept.best, strict=True)
    words = ["python", "-m", "training.wise_ft", "--base", swept.base]
    for axis, weight in pairs:
        if weight:
            words += ["--adapter", f"{axis.adapter}={shown(weight)}"]
    words += ["--save-adapter" if swept.scorer.scores == "adapter" else "--out", str(out / "best")]
    return shlex.join(words)


def _json(swept: Swept) -> dict[str, Any]:
    def told(point: Point) -> dict[str, Any]:
        weights = {axis.adapter: w for axis, w in zip(swept.tried, point, strict=True)}
        scored = swept.points[point]
        return {"weights": weights, "score": scored.score, "seconds": scored.seconds}

    return {
        "base": swept.base,
        "base_digest": swept.points[swept.best].base,
        "command": swept.scorer.template,
        "points": [told(point) for point in swept.points],
        "best": told(swept.best),
    }
