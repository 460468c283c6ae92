"""`python -m training.wise_ft` with the same arguments, and a count of its fsyncs.

python benchmarks/merge_ours.py COUNT.json ARGUMENTS
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # a checkout needs no install

from training.wise_ft.__main__ import main


def counted() -> None:
    """Run it."""
    count, real = 0, os.fsync

    def fsync(fd: Any) -> None:
        nonlocal count
        count += 1
        real(fd)

    os.fsync = fsync
    start = time.perf_counter()
    main(sys.argv[2:])
    found = {"fsyncs": count, "work_seconds": time.perf_counter() - start}
    Path(sys.argv[1]).write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    counted()
