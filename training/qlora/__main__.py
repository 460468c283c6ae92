"""`python -m training.qlora MIXTURE`: train a QLoRA adapter through axolotl."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from builders.cli import run as running
from builders.console import Reporter
from training.qlora.run import run
from training.qlora.settings import arguments


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    given = list(sys.argv[1:] if argv is None else argv)
    run(arguments(given), ["python", "-m", "training.qlora", *given], Reporter())


if __name__ == "__main__":
    running(main)
