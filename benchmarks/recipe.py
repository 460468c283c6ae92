"""How long all sets of the recipe take that need no LLM, at the paper's sizes.

    python benchmarks/recipe.py [--scale 1.0] [--only esci,mmlu] [--out FILE.json]

Rows are generated, at published sizes; of reviews, a category of ten million. Each source is built
in a process of its own. Its seconds on the wall are those of all the process, imports too; what
belongs to none of the stages (imports, opening files) is "rest". Its peak of memory is VmHWM.

The aim: all in two minutes on two cores but for the reading of the reviews, each within 4 GB.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # a checkout needs no install

from benchmarks import amazon_m2, amazon_reviews, esci, measure, recipe_rows
from benchmarks.measure import Found
from builders.registry import SOURCES, builders

PACKAGES = "polars polars-hash pyarrow jinja2 langdetect".split()
STAGES = ("read", "draw", "render", "measure", "write")
REVIEWS = "amazon_reviews"
#: The aims: seconds of all but the reading of the reviews, and GB of each source.
SECONDS, PEAK = 120, 4.0


def build(name: str, rows: Path, samples: Path) -> Found:
    """All sets of a source that need no LLM."""
    builder = next(one for one in builders() if one.source.name == name)
    return measure.build(builder, rows, samples)


def _others(name: str, scale: float) -> Path:
    beside: list[str | Path] = ["speech.py", recipe_rows.DEMO.parent / "language.py"]
    beside += sorted(file for file in recipe_rows.DEMO.rglob("*") if file.is_file())
    rows = measure.generated("recipe_rows.py", recipe_rows.SIZES, scale, beside)
    return rows / name


ROWS: dict[str, Callable[[float], Path]] = {
    **{name: partial(_others, name) for name in recipe_rows.SIZES},
    "esci": esci.generated,
    "amazon_m2": amazon_m2.generated,
    REVIEWS: amazon_reviews.generated,
}


def main() -> None:
    """Build one source after the other, print the table, write the JSON."""
    given = measure.arguments(__doc__, {name: partial(build, name) for name in SOURCES})
    if given is None:
        return
    if given.samples and any(given.samples.glob("*/*.parquet")):
        raise SystemExit("--samples must be an empty folder")
    rows = {name: given.rows / name if given.rows else ROWS[name](given.scale) for name in SOURCES}
    results = measure.about(f"the recipe at scale {given.scale:g}", PACKAGES)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as temp:
        samples = given.samples or Path(temp)
        for name in given.only:
            results[name] = measure.alone(sys.argv[0], name, rows[name], samples / name)
    made = measure.table(
        results, "sets", "samples", *(f"{stage} s" for stage in STAGES), "rest s", "wall s",
        "peak GB", last="",
    )  # fmt: skip
    for name in given.only:
        made.add_row(name, *_cells(results[name]))
    found = [results[name] for name in given.only]
    total = sum(one["process_seconds"] for one in found)
    peak = max(one["peak_rss_gb"] for one in found)
    made.add_row("total", *_cells(_summed(found)))
    if REVIEWS in results:
        total -= results[REVIEWS]["stages"]["read"]
        wall = f"{total:.1f}"
        made.add_row("without the reading of reviews", *[""] * (len(STAGES) + 3), wall)
    made.add_row("the aim", *[""] * (len(STAGES) + 3), f"{SECONDS:.1f}", f"{PEAK:.2f}")
    results["total"] = {"seconds_without_reading_reviews": total, "peak_rss_gb": peak}
    measure.show(made)
    measure.write(results, given.out)


def _summed(found: list[Found]) -> Found:
    """All sources as one; the peak is the highest."""
    adding = {key: sum(one[key] for one in found) for key in ("sets", "samples", "process_seconds")}
    stages = {stage: sum(one["stages"].get(stage, 0) for one in found) for stage in STAGES}
    return {**adding, "stages": stages, "peak_rss_gb": max(one["peak_rss_gb"] for one in found)}


def _cells(found: Found) -> list[str]:
    spent = [found["stages"].get(stage, 0.0) for stage in STAGES]
    seconds = [*spent, found["process_seconds"] - sum(spent), found["process_seconds"]]
    counts = [f"{found[key]:,}" for key in ("sets", "samples")]
    return [*counts, *(f"{one:.1f}" for one in seconds), f"{found['peak_rss_gb']:.2f}"]


if __name__ == "__main__":
    main()
