"""`python -m tests.golden`: write the golden files anew, for a reviewer to read the difference."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.conftest import BUILDERS, build
from tests.golden.files import HERE, shortcuts, wordings

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        demo = Path(folder)
        for builder in BUILDERS.values():
            build(demo, builder)
        (HERE / "samples.txt").write_text(wordings(demo), "utf-8")
        (HERE / "shortcuts.json").write_text(shortcuts(demo), "utf-8")
