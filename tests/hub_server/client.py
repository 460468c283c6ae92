"""The clients in a process of their own, as they read where the Hub is when they are imported."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

#: Between its attempts the client sleeps, 23 seconds in all. Begin a program with this where they
#: shall all fail.
IMPATIENT = "import time; time.sleep = lambda seconds: None\n"


def environment(home: Path, url: str, token: str | None = None, **more: str) -> dict[str, str]:
    """This process's environment with the server as the Hub, and nothing of this machine's own.

    home: a folder for caches. more: variables to set beside them.
    """
    foreign = re.compile(r"HF_|HUGGING|.*_proxy$", re.IGNORECASE)
    env = {name: value for name, value in os.environ.items() if not foreign.match(name)}
    env |= {"HF_ENDPOINT": url, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    env |= {"HF_HOME": str(home / "hf"), "XDG_CACHE_HOME": str(home / "cache")}
    env |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    return env | ({"HF_TOKEN": token} if token else {}) | more


def run_python(
    home: Path, url: str, *command: str, token: str | None = None, seconds: float = 120,
    **more: str,
) -> subprocess.CompletedProcess[str]:  # fmt: skip
    """Run Python with these arguments (`-c`, a program; `-m`, a module; ...) against the server.

    Returns the ended process with its text; raises `subprocess.TimeoutExpired` after `seconds`.
    """
    return subprocess.run(
        [sys.executable, *command],
        env=environment(home, url, token, **more),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
