"""`python -m builders.mixture RECIPE`: mix sets of samples; `diff A B`: compare two mixtures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from builders.cli import run
from builders.console import Reporter, plain_console
from builders.llm.session import Planned
from builders.mixture.diff import compare, show, write_rows
from builders.mixture.make import make
from builders.mixture.settings import MIXTURES, arguments
from builders.mixture.shopbench_export import export
from builders.mixture.told import summary


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    given = list(sys.argv[1:] if argv is None else argv)
    if given[:1] == ["diff"]:
        _diff(given[1:])
    else:
        _mix(given)


def _mix(argv: Sequence[str]) -> None:
    settings, report = arguments(argv), Reporter()
    try:
        told = make(settings, report)
    except Planned:
        report.note("a dry run: nothing was built, and no mixture made")
        return
    folder = settings.mixtures / told.mixture
    summary(report, told, folder)
    if settings.format == "shopbench":
        for name, count in export(folder, told).items():
            report.note(f"{name}: {count:,} samples have no place in ShopBench, not exported")


def _diff(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m builders.mixture diff", description="What differs between two mixtures."
    )
    parser.add_argument("before", help="a mixture below --mixtures, or its folder")
    parser.add_argument("after")
    parser.add_argument("--mixtures", default=MIXTURES, type=Path, metavar="DIR")
    parser.add_argument(
        "--rows", type=Path, metavar="FILE", help="write every row that differs, as JSON lines"
    )
    given = parser.parse_args(argv)
    folders = [_folder(name, given.mixtures) for name in (given.before, given.after)]
    found = compare(*folders)
    show(found, plain_console(), limit=3)
    if given.rows:
        write_rows(found, given.rows)


def _folder(name: str, mixtures: Path) -> Path:
    path = Path(name)
    return path if path.is_dir() else mixtures / name


if __name__ == "__main__":
    run(main)
