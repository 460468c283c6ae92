"""`python -m builders.report DIR`: a built mixture as one HTML file that opens offline."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from builders.cli import run
from builders.manifest import replacing
from builders.mixture.manifest import TRAIN, VALIDATION, whole
from builders.report.page import report


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m builders.report", description=__doc__)
    parser.add_argument("mixture", type=Path, metavar="DIR", help="the folder of a mixture")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: DIR/report.html")
    parser.add_argument(
        "--samples",
        default=Path("data/samples"),
        type=Path,
        metavar="DIR",
        help="the samples it was built of, for the texts of dropped duplicates",
    )
    given = parser.parse_args(argv)
    start = time.perf_counter()
    manifest = whole(given.mixture)
    made = report(given.mixture, manifest, given.samples)
    out = given.out or given.mixture / "report.html"
    with replacing(out) as half:
        half.write_text(made.html, "utf-8")
    total = manifest.rows(TRAIN) + manifest.rows(VALIDATION)
    print(
        f"{out}: {made.samples:,} of {total:,} samples to look at, "
        f"{out.stat().st_size / 1e6:.1f} MB ({time.perf_counter() - start:.1f} s)"
    )


if __name__ == "__main__":
    run(main)
