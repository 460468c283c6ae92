"""Run a command and tell what it used: merge_process.py FOUND.json COMMAND ...

It is a small process of its own, because the peak of a process includes that of the one it was
started from. Written are seconds on the wall, of CPU time, until all is on the disk after that, and
the peak of memory in GB.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    """Run it; a failure is the command's own."""
    out, command = Path(sys.argv[1]), sys.argv[2:]
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-4000:].decode(errors='replace')}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    os.sync()
    found = {
        "seconds": seconds,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "sync_seconds": time.perf_counter() - start,
        "peak_rss_gb": used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9,
    }
    out.write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    main()
