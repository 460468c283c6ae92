"""`python -m training.sweep`: which weights of one or two adapters are best."""

from __future__ import annotations

from collections.abc import Sequence

from builders.cli import run
from builders.console import Reporter
from training.sweep.settings import arguments
from training.sweep.sweep import sweep
from training.sweep.told import tell


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    settings, report = arguments(argv), Reporter()
    tell(sweep(settings, report), settings.out, report)


if __name__ == "__main__":
    run(main)
