"""What is kept of a build of the demo rows: three samples a set as people read them, and what
guessers reach."""

from __future__ import annotations

import json
from pathlib import Path

from builders.console import rendered
from tests.conftest import samples_of

HERE = Path(__file__).parent


def wordings(folder: Path) -> str:
    """The first three samples of every set, rendered."""
    return "\n".join(
        rendered(name, sample)
        for name, frame in samples_of(folder)
        for sample in frame.head(3).iter_rows(named=True)
    )


def shortcuts(folder: Path) -> str:
    """The shortcut report of every set, as JSON."""
    found = {
        path.stem: json.loads(path.read_text("utf-8"))["shortcuts"]
        for path in sorted(folder.glob("*.json"))
    }
    return json.dumps(found, indent=1) + "\n"
